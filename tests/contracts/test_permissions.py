"""
Every route × every role × own and other office, over the real functions.

What is expected comes from the permission table alone; a new route fails here
until it says how it is asked for (``ASKED``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from carillon.domain.approval import requested
from carillon.domain.audit import AuditEntry
from carillon.domain.campaign import CampaignStatus
from carillon.domain.conversation import conversation_id
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from carillon.domain.permissions import (
    PEOPLE_ONLY,
    PERMISSIONS,
    TEST_KEY_CHANGES,
    KeyKind,
    Role,
    Route,
    Scope,
)
from carillon.domain.recurrence import Recurrence
from carillon.edge.http import endpoints
from tests.support.clock import NOON
from tests.support.consent import an_opt_out_export, an_opt_out_import
from tests.support.conversations import a_canned_reply, a_conversation
from tests.support.exporting import an_export
from tests.support.http_api import APPS, HttpApi, http_api, violations
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    a_campaign,
    a_contact_list,
    a_person_request,
    a_segment,
    a_sender,
    an_import_record,
    an_office,
)
from tests.support.people import an_api_key
from tests.support.requests import Answered, signed_in
from tests.support.webhooks import a_webhook

ENDPOINTS = {(one.method, one.path): one for app in APPS for one in endpoints(app.app)}
_UNIQUE = count(1)
_TESTS = count(1)


@dataclass(frozen=True)
class Asked:
    """
    How a route is asked for: *status* is its campaign's, *body* and *headers* the request's.

    ``about`` says what the route is about: ``object`` (another office's is not
    there), ``listing`` (another office's are left out), ``creation`` (naming
    another office is forbidden) or ``nothing`` of an office.
    """

    about: str = "object"
    status: CampaignStatus = CampaignStatus.ACTIVE
    is_test: bool = False
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


def _campaign(action: str) -> Route:
    return "POST", f"/v1/campaigns/{{campaign_id}}/{action}"


COMPARED = ("cmp_one", "cmp_two")
_ENTRY = "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"
_CONVERSATION = "/v1/conversations/{conversation_id}"
_IMPORTS = "/v1/lists/{list_id}/imports"
_OPT_OUTS = "/v1/opt-outs"
_WEBHOOK = "/v1/webhooks/{webhook_id}"
_ENDPOINT = {"url": "https://example.com/hook", "event_types": ["campaign.launched"]}
_SEGMENT = "/v1/segments/{segment_id}"
_FILTER = {"field": "city", "op": "exists"}
_OFFICE = "/v1/offices/{office_id}"
_USER, _KEY = "/v1/users/{user_id}", "/v1/api-keys/{key_id}"
ASKED: dict[Route, Asked] = {
    ("GET", "/v1/me"): Asked("nothing"),
    ("GET", "/v1/organisation"): Asked("nothing"),
    ("GET", _OFFICE): Asked(),
    ("PATCH", _OFFICE): Asked(body={"name": "x"}),
    ("GET", f"{_OFFICE}/members"): Asked(),
    ("GET", "/v1/users"): Asked("nothing"),
    ("POST", "/v1/users"): Asked("nothing", body={"role": "agent", "offices": [OFFICE]}),
    ("GET", _USER): Asked("nothing"),
    ("PATCH", _USER): Asked("nothing", body={"role": "agent"}),
    ("POST", f"{_USER}/invite"): Asked("nothing"),
    ("POST", f"{_USER}/disable"): Asked("nothing"),
    ("POST", f"{_USER}/enable"): Asked("nothing"),
    ("GET", "/v1/api-keys"): Asked("nothing"),
    ("POST", "/v1/api-keys"): Asked("nothing", body={"name": "x", "role": "analyst"}),
    ("GET", _KEY): Asked("nothing"),
    ("POST", f"{_KEY}/revoke"): Asked("nothing"),
    ("GET", "/v1/audit-log"): Asked("nothing"),
    ("GET", "/v1/offices"): Asked("listing"),
    ("POST", "/v1/offices"): Asked("nothing", body={"name": "x", "timezone": "UTC"}),
    ("GET", "/v1/senders"): Asked("listing"),
    ("POST", "/v1/senders"): Asked(
        "creation", body={"name": "x", "phone": "+12025550100", "credentials_secret": "x"}
    ),
    ("GET", "/v1/senders/{sender_id}"): Asked(),
    ("PATCH", "/v1/senders/{sender_id}"): Asked(body={"name": "x"}),
    ("POST", "/v1/senders/{sender_id}/suspend"): Asked(),
    ("POST", "/v1/senders/{sender_id}/resume"): Asked(),
    ("GET", "/v1/policy"): Asked("nothing"),
    ("PUT", "/v1/policy"): Asked("nothing", body={}),
    ("GET", "/v1/lists"): Asked("listing"),
    ("POST", "/v1/lists"): Asked("creation", body={"name": "x"}),
    ("GET", "/v1/lists/{list_id}"): Asked(),
    ("POST", _IMPORTS): Asked(),
    ("GET", f"{_IMPORTS}/{{import_id}}"): Asked(),
    ("POST", f"{_IMPORTS}/{{import_id}}/start"): Asked(body={}),
    ("GET", f"{_IMPORTS}/{{import_id}}/rejected"): Asked(),
    ("GET", "/v1/lists/{list_id}/contacts"): Asked(),
    ("POST", "/v1/lists/{list_id}/count"): Asked(),
    ("GET", "/v1/segments"): Asked("listing"),
    ("POST", "/v1/segments"): Asked("creation", body={"name": "x", "filter": _FILTER}),
    ("GET", _SEGMENT): Asked(),
    ("PATCH", _SEGMENT): Asked(body={"name": "y"}, headers={"If-Match": "*"}),
    ("DELETE", _SEGMENT): Asked(),
    ("POST", f"{_SEGMENT}/preview"): Asked(body={}),
    _campaign("audience"): Asked(),
    _campaign("simulation"): Asked(status=CampaignStatus.DRAFT),
    ("POST", "/v1/contacts/{phone}/erase"): Asked("nothing"),
    ("POST", "/v1/contacts/{phone}/export"): Asked("nothing"),
    ("GET", "/v1/contacts/requests/{request_id}"): Asked("nothing"),
    ("GET", "/v1/campaigns"): Asked("listing", query={"tab": "active"}),
    ("POST", "/v1/campaigns"): Asked("creation", body={"title": "x"}),
    ("GET", "/v1/campaigns/{campaign_id}"): Asked(),
    ("PATCH", "/v1/campaigns/{campaign_id}"): Asked(
        status=CampaignStatus.DRAFT, body={"title": "x"}, headers={"If-Match": '"1"'}
    ),
    ("DELETE", "/v1/campaigns/{campaign_id}"): Asked(
        status=CampaignStatus.DRAFT, headers={"If-Match": '"1"'}
    ),
    ("GET", "/v1/campaigns/calendar"): Asked("nothing", query={"month": "2026-11"}),
    _campaign("clone"): Asked(body={}),
    _campaign("approve"): Asked(
        status=CampaignStatus.SCHEDULED, body={}, headers={"If-Match": '"1"'}
    ),
    _campaign("refuse"): Asked(
        status=CampaignStatus.SCHEDULED, body={}, headers={"If-Match": '"1"'}
    ),
    ("GET", "/v1/campaigns/{campaign_id}/report"): Asked(),
    _campaign("launch"): Asked(status=CampaignStatus.DRAFT),
    _campaign("schedule"): Asked(
        status=CampaignStatus.DRAFT, body={"schedule_at": "2999-01-01T00:00:00Z"}
    ),
    _campaign("unschedule"): Asked(status=CampaignStatus.SCHEDULED),
    ("GET", "/v1/campaigns/{campaign_id}/occurrences"): Asked(),
    _campaign("occurrences/pause"): Asked(status=CampaignStatus.SCHEDULED),
    _campaign("occurrences/resume"): Asked(status=CampaignStatus.SCHEDULED),
    _campaign("pause"): Asked(),
    _campaign("resume"): Asked(status=CampaignStatus.PAUSED),
    _campaign("end"): Asked(),
    _campaign("archive"): Asked(),
    _campaign("recount"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/knowledge"): Asked(),
    ("PUT", _ENTRY): Asked(body={"answer": "x", "questions": ["y"]}),
    ("DELETE", _ENTRY): Asked(),
    _campaign("assistant/try"): Asked(body={"text": "x"}),
    ("GET", "/v1/campaigns/{campaign_id}/outcomes"): Asked(),
    ("PUT", "/v1/campaigns/{campaign_id}/outcomes"): Asked(body={"tags": ["booked"]}),
    ("POST", "/v1/campaigns/{campaign_id}/outcomes"): Asked(
        body={"phone": "+12025550100", "outcome": "booked"}
    ),
    _campaign("preview"): Asked(body={}),
    _campaign("media"): Asked(status=CampaignStatus.DRAFT, body={"upload_type": "image/png"}),
    ("GET", "/v1/campaigns/{campaign_id}/metrics"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/variants"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/leads"): Asked(query={"status": "ambiguous"}),
    ("GET", "/v1/senders/{sender_id}/performance"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/activity"): Asked(),
    ("GET", "/v1/analytics/summary"): Asked("nothing", query={"preset": "today"}),
    ("GET", "/v1/analytics/series"): Asked("nothing"),
    ("GET", "/v1/analytics/campaigns"): Asked("nothing"),
    ("GET", "/v1/analytics/campaigns/csv"): Asked("nothing"),
    ("GET", "/v1/analytics/comparison"): Asked(
        "nothing", query={"campaign_ids": ",".join(COMPARED)}
    ),
    ("GET", "/v1/analytics/usage"): Asked("nothing"),
    ("GET", "/v1/campaigns/{campaign_id}/leads/{phone}/why"): Asked(),
    ("GET", "/v1/opt-outs"): Asked("nothing"),
    ("POST", "/v1/opt-outs"): Asked("nothing", body={"phone": "+12025550100", "reason": "x"}),
    ("GET", "/v1/opt-outs/{phone}"): Asked("nothing"),
    ("DELETE", "/v1/opt-outs/{phone}"): Asked("nothing", query={"reason": "x"}),
    ("POST", f"{_OPT_OUTS}/imports"): Asked("nothing", body={"reason": "x"}),
    ("GET", f"{_OPT_OUTS}/imports/{{import_id}}"): Asked("nothing"),
    ("POST", f"{_OPT_OUTS}/imports/{{import_id}}/start"): Asked("nothing", body={}),
    ("GET", f"{_OPT_OUTS}/imports/{{import_id}}/rejected"): Asked("nothing"),
    ("POST", f"{_OPT_OUTS}/exports"): Asked("nothing"),
    ("GET", f"{_OPT_OUTS}/exports/{{export_id}}"): Asked("nothing"),
    ("GET", "/v1/exports"): Asked("listing"),
    ("POST", "/v1/exports"): Asked("creation", body={"kind": "campaigns"}),
    ("GET", "/v1/exports/{export_id}"): Asked(),
    ("GET", "/v1/webhooks"): Asked("listing"),
    ("POST", "/v1/webhooks"): Asked("creation", body=_ENDPOINT),
    ("GET", _WEBHOOK): Asked(),
    ("PATCH", _WEBHOOK): Asked(body={"enabled": False}),
    ("DELETE", _WEBHOOK): Asked(),
    ("POST", f"{_WEBHOOK}/rotate"): Asked(),
    ("POST", f"{_WEBHOOK}/test"): Asked(),
    ("GET", f"{_WEBHOOK}/deliveries"): Asked(),
    ("GET", "/v1/canned-replies"): Asked("listing"),
    ("POST", "/v1/canned-replies"): Asked("creation", body={"title": "x", "text": "Hello"}),
    ("DELETE", "/v1/canned-replies/{canned_id}"): Asked(),
    ("GET", "/v1/conversations"): Asked("listing"),
    ("GET", "/v1/conversations/counts"): Asked("nothing"),
    ("GET", "/v1/conversations/updates"): Asked("nothing"),
    ("GET", _CONVERSATION): Asked(),
    ("PATCH", _CONVERSATION): Asked(body={"tags": ["hot"]}, headers={"If-Match": "*"}),
    ("POST", f"{_CONVERSATION}/assign"): Asked(
        body={"among": ["usr_9"]}, headers={"If-Match": "*"}
    ),
    ("POST", f"{_CONVERSATION}/release-hold"): Asked(),
    ("POST", f"{_CONVERSATION}/opt-out"): Asked(),
    ("GET", f"{_CONVERSATION}/messages"): Asked(),
    ("POST", f"{_CONVERSATION}/preview"): Asked(body={"text": "Hello"}),
    ("POST", f"{_CONVERSATION}/messages"): Asked(body={"text": "Hello"}, headers={"If-Match": "*"}),
}
ROUTES = sorted(ASKED)
_HOURLY = Recurrence(rule="0 * * * *", zone="UTC", starts_at="2026-11-22T12:00")
_FAR_OFF = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api(user_pool=True) as running:
        keep_what_all_need(running)
        yield running


def keep_what_all_need(api: HttpApi) -> None:
    for office_id in (OFFICE, OTHER_OFFICE):
        api.keep(an_office(office_id), a_contact_list(f"lst_{office_id}", office_id=office_id))
    api.keep(*(a_campaign(one, office_id=OFFICE) for one in COMPARED))


@pytest.fixture(autouse=True)
def few_objects(api: HttpApi) -> None:
    """Let no test look through what hundreds before it have kept: that took half of the time."""
    if next(_TESTS) % 60 == 0:
        api.begin_anew()
        keep_what_all_need(api)


def ask(
    api: HttpApi,
    route: Route,
    office_id: str,
    claims: dict[str, Any],
    *,
    is_let_in: bool = True,
    is_test: bool = False,
) -> Answered:
    """
    Send the route's request about fresh objects of *office_id*.

    Who should not be *let in* is refused before anything is looked for: nothing is kept
    for them (it would only take time), and whoever lets them in answers 404 instead.
    """
    asked, number = replace(ASKED[route], is_test=is_test), next(_UNIQUE)
    # Everybody has their own phone: what one test opts out is no other's.
    suffix, phone = f"x{number}", f"1202555{number:04d}"
    names = ("sender_id", "list_id", "import_id", "entry_id", "segment_id", "request_id")
    ids = {name: f"{name[:3]}_{suffix}" for name in names}
    ids |= {"campaign_id": f"cmp_{suffix}", "export_id": f"exp_{suffix}", "phone": phone}
    thread = RowRef(f"cmp_{suffix}#00000", lead_key(f"+{phone}"))
    ids["conversation_id"] = conversation_id(thread)
    ids["webhook_id"] = f"whk_{suffix}"
    ids["canned_id"] = f"can_{suffix}"
    ids |= {"office_id": office_id, "user_id": f"usr_{suffix}", "key_id": f"key_{suffix}"}
    if is_let_in:
        _keep(api, route[1], ids, office_id=office_id, asked=asked, claims=claims)
        _keep_integrations(api, route[1], ids, office_id)
    body = asked.body
    if asked.about == "creation":
        body = {**body, "office_id": office_id}
    if route == ("POST", "/v1/segments"):
        body["list_ids"] = [f"lst_{office_id}"]
    if body and route[1].endswith("/outcomes") and "phone" in body:
        body = {**body, "phone": f"+{phone}"}
    # What everybody shares is changed to something else each time, or it would be no change.
    if route == ("POST", "/v1/users"):
        body = {**body, "email": f"{suffix}@example.com"}
    if route == ("PATCH", _OFFICE):
        body = {"name": suffix}
    if route == ("PUT", "/v1/policy"):
        body = {"max_contacts_per_week": number % 1000 + 1}
    return api.send(
        *route, claims=claims, ids=ids, body=body, query=asked.query, headers=asked.headers
    )


def _recurrence(path: str) -> Recurrence | None:
    """Return the recurrence of what *path* asks about: what is resumed is paused."""
    return replace(_HOURLY, paused=path.endswith("/resume")) if "/occurrences" in path else None


def _keep(
    api: HttpApi,
    path: str,
    ids: dict[str, str],
    *,
    office_id: str,
    asked: Asked,
    claims: dict[str, Any],
) -> None:
    """Keep what *path* may ask about; what it does not name would only take time."""
    phone = f"+{ids['phone']}"
    record = an_import_record(
        ids["import_id"], list_id=ids["list_id"], rejected_key="rejected/x.csv"
    )
    if path.startswith(_USER):
        ids["user_id"] = api.invite(f"{ids['user_id']}@example.com")
    if path.endswith("/enable"):
        api.disable(ids["user_id"])
    if path.startswith(_KEY):
        api.keep_key(an_api_key(ids["key_id"]))
    if path.startswith("/v1/senders"):
        # Resting, so that there is something to resume.
        api.keep(a_sender(ids["sender_id"], office_id=office_id, resting_until=_FAR_OFF))
    if path.startswith("/v1/lists"):
        api.keep(a_contact_list(ids["list_id"], office_id=office_id), record)
        api.upload(record.object_key)
    if path.startswith("/v1/segments"):
        lists = (f"lst_{office_id}",)
        api.keep(a_segment(ids["segment_id"], office_id=office_id, list_ids=lists))
    if path.startswith("/v1/contacts"):
        api.keep(a_person_request(ids["request_id"], phone=phone))
    if path.endswith(("/audience", "/simulation")):
        lists, sender = (f"lst_{office_id}",), a_sender(f"snd_{office_id}", office_id=office_id)
        api.keep(sender)
        api.keep(
            a_campaign(
                ids["campaign_id"],
                office_id=office_id,
                status=asked.status,
                sender_ids=(sender.id,),
                list_ids=lists,
                is_test=asked.is_test,
            )
        )
    elif path.startswith(("/v1/campaigns", "/v1/conversations")):
        campaign = a_campaign(
            ids["campaign_id"],
            office_id=office_id,
            status=asked.status,
            recurrence=_recurrence(path),
            parts=1,
            # A limited user sees what they are an agent of; of their own office, that is.
            agents=(claims.get("subject", "usr_0"),),
            approval=requested("usr_somebody", NOON),
            is_test=asked.is_test,
        )
        api.keep(campaign)
        api.keep_audience(campaign.id, phone)
    if path.startswith("/v1/canned-replies"):
        api.keep(a_canned_reply(ids["canned_id"], office_id=office_id))
    if path.startswith("/v1/conversations"):
        api.keep(a_sender("snd_1", office_id=office_id))
        is_limited = "role.limited" in claims.get("groups", "")
        api.keep(
            # A limited user's own office is what is assigned to them.
            a_conversation(
                RowRef(f"{ids['campaign_id']}#00000", lead_key(phone)),
                phone=phone,
                office_id=office_id,
                campaign_id=ids["campaign_id"],
                last_inbound_at=datetime.now(UTC),
                assigned_to=claims.get("subject") if is_limited and office_id == OFFICE else None,
            )
        )
    if path.startswith(_OPT_OUTS):
        job = an_opt_out_import(ids["import_id"], rejected_key="uploads/opt-outs/x.csv")
        api.keep_jobs(job, an_opt_out_export(ids["export_id"]))
        api.upload(job.object_key)
        api.opt_out(phone)


def _keep_integrations(api: HttpApi, path: str, ids: dict[str, str], office_id: str) -> None:
    """Keep what leaves for other systems, as far as *path* asks about it."""
    if path.startswith("/v1/exports"):
        api.keep_exports(an_export(ids["export_id"], offices=(office_id,), full=False))
    if path.startswith("/v1/webhooks"):
        api.keep_webhooks(a_webhook(ids["webhook_id"], office_id=office_id))


def test_every_route_of_the_table_is_walked() -> None:
    assert set(ASKED) == set(PERMISSIONS) == set(ENDPOINTS)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_the_table_decides_about_objects_of_ones_own_office(
    api: HttpApi, route: Route, role: Role
) -> None:
    claims = signed_in(f"usr_{role}", roles=[role], offices=[OFFICE])
    scope = PERMISSIONS[route][role]
    result = ask(api, route, OFFICE, claims, is_let_in=scope is not Scope.NONE)

    if scope is Scope.NONE:
        assert (result.status, result.json["code"]) == (403, "role_forbidden")
        return
    assert result.status == ENDPOINTS[route].status, result.json
    assert violations(ENDPOINTS[route].gives, result.json) == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_the_table_decides_about_objects_of_another_office(
    api: HttpApi, route: Route, role: Role
) -> None:
    scope, about = PERMISSIONS[route][role], ASKED[route].about
    claims = signed_in(roles=[role], offices=[OFFICE])
    result = ask(api, route, OTHER_OFFICE, claims, is_let_in=scope is not Scope.NONE)

    if scope is Scope.NONE:
        assert (result.status, result.json["code"]) == (403, "role_forbidden")
    elif scope is Scope.OWN and about == "object":
        assert result.status == 404
        assert result.json["code"] in {
            "sender_not_found",
            "list_not_found",
            "segment_not_found",
            "campaign_not_found",
            "conversation_not_found",
            "canned_reply_not_found",
            "export_not_found",
            "webhook_not_found",
            "office_not_found",
        }
    elif scope is Scope.OWN and about == "creation":
        assert (result.status, result.json["code"]) == (403, "office_forbidden")
    else:
        assert result.status == ENDPOINTS[route].status, result.json
    if scope is Scope.OWN and about == "listing":
        items = result.json["items"]
        shown = {
            office
            for item in items
            for office in item.get("offices", [item.get("office_id", item["id"])])
        }
        assert shown <= {OFFICE}


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"groups": "role.admin"}, 401, "unauthenticated"),
        (signed_in(roles=[], offices=[OFFICE]), 403, "no_role"),
        (signed_in(roles=["owner"], offices=[OFFICE]), 403, "no_role"),
    ],
    ids=["no token", "no subject", "no role", "unknown role"],
)
def test_nobody_without_token_and_role_gets_anywhere(
    api: HttpApi, route: Route, claims: dict[str, Any], status: int, code: str
) -> None:
    result = ask(api, route, OFFICE, claims, is_let_in=False)

    assert (result.status, result.json["code"]) == (status, code)
    assert violations("Problem", result.json) == []


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_manager_without_an_office_reaches_nothing(api: HttpApi, route: Route) -> None:
    result = ask(api, route, OFFICE, signed_in(roles=["manager"], offices=[]))

    if ASKED[route].about == "listing":
        assert result.json["items"] == []
    elif ASKED[route].about != "nothing":
        assert result.status in (403, 404)


def test_the_most_powerful_of_several_roles_counts(api: HttpApi) -> None:
    result = api.send("GET", "/v1/me", claims=signed_in(roles=["limited", "analyst", "agent"]))

    assert result.json["role"] == "analyst"


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if "{" in one[1] and ASKED[one].about == "object"], ids=" ".join
)
def test_an_absent_object_answers_exactly_like_a_foreign_one(api: HttpApi, route: Route) -> None:
    claims = signed_in(roles=["manager"], offices=[OFFICE])
    asked = ASKED[route]

    foreign = ask(api, route, OTHER_OFFICE, claims)
    absent = api.send(*route, claims=claims, body=asked.body, headers=asked.headers)

    assert (absent.status, absent.json) == (foreign.status, foreign.json)


# API keys (P3) --------------------------------------------------------------------

CHANGES = [one for one in ROUTES if one[0] != "GET"]
_OF_CAMPAIGNS = [one for one in CHANGES if one in TEST_KEY_CHANGES and "{campaign_id}" in one[1]]


@pytest.mark.parametrize("office_id", [OFFICE, OTHER_OFFICE])
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_key_may_what_its_role_may_in_its_offices(
    api: HttpApi, route: Route, office_id: str
) -> None:
    machine = signed_in("key_1", roles=["manager"], offices=[OFFICE], key=KeyKind.LIVE)
    scope, about = PERMISSIONS[route][Role.MANAGER], ASKED[route].about

    result = ask(api, route, office_id, machine, is_let_in=scope is not Scope.NONE)

    if scope is Scope.NONE:
        assert (result.status, result.json["code"]) == (403, "role_forbidden")
    elif route in PEOPLE_ONLY:
        assert (result.status, result.json["code"]) == (403, "person_required")
    elif scope is Scope.OWN and office_id == OTHER_OFFICE and about == "object":
        assert result.status == 404
    elif scope is Scope.OWN and office_id == OTHER_OFFICE and about == "creation":
        assert (result.status, result.json["code"]) == (403, "office_forbidden")
    else:
        assert result.status == ENDPOINTS[route].status, result.json


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("route", sorted(PEOPLE_ONLY), ids=" ".join)
def test_no_key_makes_users_or_keys_even_as_an_admin(
    api: HttpApi, route: Route, kind: KeyKind
) -> None:
    result = ask(api, route, OFFICE, signed_in("key_1", roles=["admin"], key=kind))

    assert (result.status, result.json["code"]) == (403, "person_required")


@pytest.mark.parametrize("route", [one for one in CHANGES if one not in PEOPLE_ONLY], ids=" ".join)
def test_a_test_key_changes_what_is_listed_for_it_and_test_campaigns_alone(
    api: HttpApi, route: Route
) -> None:
    machine = signed_in("key_1", roles=["admin"], key=KeyKind.TEST)

    on_real = ask(api, route, OFFICE, machine)

    if route not in TEST_KEY_CHANGES or route in _OF_CAMPAIGNS:
        assert (on_real.status, on_real.json["code"]) == (403, "test_key_forbidden")
    else:
        assert on_real.status == ENDPOINTS[route].status, on_real.json


@pytest.mark.parametrize("route", _OF_CAMPAIGNS, ids=" ".join)
def test_a_test_key_may_do_everything_of_its_role_to_a_test_campaign(
    api: HttpApi, route: Route
) -> None:
    machine = signed_in("key_1", roles=["manager"], key=KeyKind.TEST)

    result = ask(api, route, OFFICE, machine, is_test=True)

    assert result.status == ENDPOINTS[route].status, result.json
    assert result.json.get("is_test", True)


# The audit log (P4) ---------------------------------------------------------------

# Changes of what the log is not about: contacts and lists, conversations and what stands ready
# for them, work that is asked for, and what only sends a mail.
UNTOLD: frozenset[Route] = frozenset(
    {
        ("POST", "/v1/lists"),
        ("POST", _IMPORTS),
        ("POST", f"{_IMPORTS}/{{import_id}}/start"),
        _campaign("recount"),
        # What came of conversations, and which of their tags say so.
        _campaign("outcomes"),
        ("PUT", "/v1/campaigns/{campaign_id}/outcomes"),
        _campaign("assistant/try"),
        ("PUT", _ENTRY),
        ("DELETE", _ENTRY),
        ("POST", f"{_OPT_OUTS}/exports"),
        ("POST", f"{_USER}/invite"),
        # Only look.
        ("POST", "/v1/lists/{list_id}/count"),
        ("POST", f"{_SEGMENT}/preview"),
        _campaign("audience"),
        _campaign("simulation"),
        _campaign("preview"),
        # A file for whoever may read what is in it; an event that says it is a test.
        ("POST", "/v1/exports"),
        ("POST", "/v1/webhooks/{webhook_id}/test"),
        # Asked here, it says where to upload; what it attaches is a change of the campaign.
        _campaign("media"),
        ("POST", "/v1/segments"),
        ("PATCH", _SEGMENT),
        ("DELETE", _SEGMENT),
        ("POST", "/v1/canned-replies"),
        ("DELETE", "/v1/canned-replies/{canned_id}"),
        ("PATCH", _CONVERSATION),
        ("POST", f"{_CONVERSATION}/assign"),
        ("POST", f"{_CONVERSATION}/release-hold"),
        ("POST", f"{_CONVERSATION}/preview"),
        ("POST", f"{_CONVERSATION}/messages"),
    }
)


TOLD = [one for one in CHANGES if one not in UNTOLD]


@pytest.fixture(scope="module")
def told(api: HttpApi) -> dict[Route, list[AuditEntry]]:
    """Every change made once, each by somebody else, and what the log then tells of each."""
    api.audit_from_here()
    for number, route in enumerate(TOLD):
        result = ask(api, route, OFFICE, signed_in(f"usr_told_{number}", roles=["admin"]))
        assert result.status == ENDPOINTS[route].status, result.json
    entries = api.audited()
    return {
        route: [entry for entry in entries if entry.actor == f"usr_told_{number}"]
        for number, route in enumerate(TOLD)
    }


@pytest.mark.parametrize("route", TOLD, ids=" ".join)
def test_every_change_leaves_an_entry_that_names_who_made_it_and_hides_the_rest(
    told: dict[Route, list[AuditEntry]], route: Route
) -> None:
    """A new route that changes anything fails here until its entry is there, or it is UNTOLD."""
    assert told[route], "nothing was told"
    for entry in told[route]:
        assert entry.before != entry.after
        shown = str((entry.before, entry.after, entry.object_id))
        assert "+1202" not in shown
        assert "Hi {{" not in shown
        assert "@example" not in shown


def test_the_log_is_read_as_the_contract_says(api: HttpApi) -> None:
    admin = signed_in("usr_reader", roles=["admin"])
    made = api.send("POST", "/v1/offices", claims=admin, body={"name": "x", "timezone": "UTC"})
    api.audited()

    result = api.send("GET", "/v1/audit-log", claims=admin, query={"object_id": made.json["id"]})

    assert violations("AuditLog", result.json) == []
    (entry,) = result.json["items"]
    assert (entry["actor"], entry["act"], entry["kind"]) == ("usr_reader", "created", "office")
    assert (entry["before"], entry["after"]) == ({}, {"name": "x", "timezone": "UTC"})
    assert entry["request_id"] == "req-1"


def test_what_was_said_of_a_phone_by_hand_is_found_by_the_phone(api: HttpApi) -> None:
    admin = signed_in("usr_reader", roles=["admin"])
    body = {"phone": "+13035550199", "reason": "asked on the phone"}
    api.send("POST", "/v1/opt-outs", claims=admin, body=body)
    api.audited()

    result = api.send("GET", "/v1/audit-log", claims=admin, query={"phone": "13035550199"})

    (entry,) = result.json["items"]
    assert (entry["actor"], entry["kind"]) == ("usr_reader", "suppression")
    assert entry["after"]["status"] == "opted_out"
    assert "5550199" not in str(entry)
