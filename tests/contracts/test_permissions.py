"""
Every route × every role × own and other office, over the real functions.

What is expected comes from the permission table alone; a new route fails here
until it says how it is asked for (``ASKED``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.conversation import conversation_id
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from carillon.domain.permissions import PERMISSIONS, Role, Route, Scope
from carillon.edge.http import endpoints
from tests.support.consent import an_opt_out_export, an_opt_out_import
from tests.support.conversations import a_canned_reply, a_conversation
from tests.support.exporting import an_export
from tests.support.http_api import APPS, HttpApi, http_api, violations
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    a_campaign,
    a_contact_list,
    a_sender,
    an_import_record,
    an_office,
)
from tests.support.requests import Answered, signed_in
from tests.support.webhooks import a_webhook

ENDPOINTS = {(one.method, one.path): one for app in APPS for one in endpoints(app.app)}
_UNIQUE = count(1)


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
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


def _campaign(action: str) -> Route:
    return "POST", f"/v1/campaigns/{{campaign_id}}/{action}"


_ENTRY = "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"
_CONVERSATION = "/v1/conversations/{conversation_id}"
_IMPORTS = "/v1/lists/{list_id}/imports"
_OPT_OUTS = "/v1/opt-outs"
_WEBHOOK = "/v1/webhooks/{webhook_id}"
_ENDPOINT = {"url": "https://example.com/hook", "event_types": ["campaign.launched"]}
ASKED: dict[Route, Asked] = {
    ("GET", "/v1/me"): Asked("nothing"),
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
    ("GET", "/v1/campaigns"): Asked("listing", query={"tab": "active"}),
    ("POST", "/v1/campaigns"): Asked("creation", body={"title": "x"}),
    ("GET", "/v1/campaigns/{campaign_id}"): Asked(),
    ("PATCH", "/v1/campaigns/{campaign_id}"): Asked(
        status=CampaignStatus.DRAFT, body={"title": "x"}, headers={"If-Match": '"1"'}
    ),
    _campaign("launch"): Asked(status=CampaignStatus.DRAFT),
    _campaign("schedule"): Asked(
        status=CampaignStatus.DRAFT, body={"schedule_at": "2999-01-01T00:00:00Z"}
    ),
    _campaign("unschedule"): Asked(status=CampaignStatus.SCHEDULED),
    _campaign("pause"): Asked(),
    _campaign("resume"): Asked(status=CampaignStatus.PAUSED),
    _campaign("end"): Asked(),
    _campaign("archive"): Asked(),
    _campaign("recount"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/knowledge"): Asked(),
    ("PUT", _ENTRY): Asked(body={"answer": "x", "questions": ["y"]}),
    ("DELETE", _ENTRY): Asked(),
    _campaign("assistant/try"): Asked(body={"text": "x"}),
    ("GET", "/v1/campaigns/{campaign_id}/metrics"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/variants"): Asked(),
    ("GET", "/v1/campaigns/{campaign_id}/leads"): Asked(query={"status": "ambiguous"}),
    ("GET", "/v1/senders/{sender_id}/performance"): Asked(),
    ("GET", "/v1/analytics/summary"): Asked("nothing", query={"preset": "today"}),
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
_FAR_OFF = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        running.keep(an_office(OFFICE), an_office(OTHER_OFFICE))
        yield running


def ask(
    api: HttpApi, route: Route, office_id: str, claims: dict[str, Any], *, is_let_in: bool = True
) -> Answered:
    """
    Send the route's request about fresh objects of *office_id*.

    Who should not be *let in* is refused before anything is looked for: nothing is kept
    for them (it would only take time), and whoever lets them in answers 404 instead.
    """
    asked, number = ASKED[route], next(_UNIQUE)
    # Everybody has their own phone: what one test opts out is no other's.
    suffix, phone = f"x{number}", f"1202555{number:04d}"
    names = ("sender_id", "list_id", "import_id", "entry_id")
    ids = {name: f"{name[:3]}_{suffix}" for name in names}
    ids |= {"campaign_id": f"cmp_{suffix}", "export_id": f"exp_{suffix}", "phone": phone}
    thread = RowRef(f"cmp_{suffix}#00000", lead_key(f"+{phone}"))
    ids["conversation_id"] = conversation_id(thread)
    ids["webhook_id"] = f"whk_{suffix}"
    ids["canned_id"] = f"can_{suffix}"
    if is_let_in:
        _keep(api, route[1], ids, office_id=office_id, asked=asked, claims=claims)
    body = asked.body
    if asked.about == "creation":
        body = {**body, "office_id": office_id}
    return api.send(
        *route, claims=claims, ids=ids, body=body, query=asked.query, headers=asked.headers
    )


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
    if path.startswith("/v1/senders"):
        # Resting, so that there is something to resume.
        api.keep(a_sender(ids["sender_id"], office_id=office_id, resting_until=_FAR_OFF))
    if path.startswith("/v1/lists"):
        api.keep(a_contact_list(ids["list_id"], office_id=office_id), record)
        api.upload(record.object_key)
    if path.startswith(("/v1/campaigns", "/v1/conversations")):
        campaign = a_campaign(ids["campaign_id"], office_id=office_id, status=asked.status, parts=1)
        api.keep(campaign)
        api.keep_audience(campaign.id, phone)
    if path.startswith("/v1/exports"):
        api.keep_exports(an_export(ids["export_id"], offices=(office_id,), full=False))
    if path.startswith("/v1/webhooks"):
        api.keep_webhooks(a_webhook(ids["webhook_id"], office_id=office_id))
    if path.startswith("/v1/canned-replies"):
        api.keep(a_canned_reply(ids["canned_id"], office_id=office_id))
    if path.startswith("/v1/conversations"):
        api.keep(a_sender("snd_1", office_id=office_id))
        is_limited = "role.limited" in claims.get("cognito:groups", "")
        api.keep(
            # A limited user's own office is what is assigned to them.
            a_conversation(
                RowRef(f"{ids['campaign_id']}#00000", lead_key(phone)),
                phone=phone,
                office_id=office_id,
                campaign_id=ids["campaign_id"],
                last_inbound_at=datetime.now(UTC),
                assigned_to=claims.get("sub") if is_limited and office_id == OFFICE else None,
            )
        )
    if path.startswith(_OPT_OUTS):
        job = an_opt_out_import(ids["import_id"], rejected_key="uploads/opt-outs/x.csv")
        api.keep_jobs(job, an_opt_out_export(ids["export_id"]))
        api.upload(job.object_key)
        api.opt_out(phone)


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
            "campaign_not_found",
            "conversation_not_found",
            "canned_reply_not_found",
            "export_not_found",
            "webhook_not_found",
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
        ({**signed_in(roles=["admin"]), "token_use": "id"}, 401, "unauthenticated"),
        (signed_in(roles=[], offices=[OFFICE]), 403, "no_role"),
        (signed_in(roles=["owner"], offices=[OFFICE]), 403, "no_role"),
    ],
    ids=["no token", "id token", "no role", "unknown role"],
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
