"""
The HTTP API under input that nobody thought of, for every role (Schemathesis).

The functions themselves are asked, in this process. Whatever is sent, there is no 5xx,
the status is one that the contract lists, the answer matches its schema, and a refusal is
a problem whose code is in the catalogue. ``make fuzz`` tries more than CI does.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from itertools import count
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from carillon.domain.approval import requested
from carillon.domain.campaign import CampaignStatus
from carillon.domain.conversation import conversation_id
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from carillon.domain.permissions import PERMISSIONS, Role, Route, Scope
from carillon.edge.http import endpoints
from infra.openapi import PUBLIC
from infra.openapi.problems import catalogue
from tests.support.clock import NOON
from tests.support.consent import an_opt_out_export, an_opt_out_import
from tests.support.conversations import a_canned_reply, a_conversation
from tests.support.http_api import APPS, HttpApi, http_api
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
from tests.support.wsgi_gateway import WsgiGateway

# How often each route is asked by each role. Asked for by `make fuzz`, they are others each time.
EXAMPLES = int(os.environ.get("EXAMPLES") or 2)
IS_DEEP = bool(os.environ.get("EXAMPLES"))
SCHEMA = schemathesis.openapi.from_dict(json.loads(PUBLIC.read_text(encoding="utf-8")))
ENDPOINTS = {(one.method, one.path): one for app in APPS for one in endpoints(app.app)}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
STATES = list(CampaignStatus)
_LIST = "lst_fuzz"
_UNIQUE = count(1)


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api(user_pool=True) as running:
        running.keep(an_office(OFFICE), a_contact_list(_LIST), a_sender("snd_1"))
        yield running


def keep(api: HttpApi, path: str, status: CampaignStatus, subject: str) -> dict[str, str]:
    """Keep what *path* may be about, for nobody else; return the ids that lead there."""
    number = next(_UNIQUE)
    digits = f"1202555{number % 10_000:04d}"
    ids = {"phone": digits, "office_id": OFFICE}
    if "{user_id}" in path:
        ids["user_id"] = api.invite(f"fuzz{number}@example.com")
    if "{key_id}" in path:
        ids["key_id"] = f"key_{number}"
        api.keep_key(an_api_key(ids["key_id"]))
    if "{sender_id}" in path:
        ids["sender_id"] = f"snd_{number}"
        api.keep(a_sender(ids["sender_id"]))
    if path.startswith("/v1/lists/"):
        ids |= {"list_id": f"lst_{number}", "import_id": f"imp_{number}"}
        record = an_import_record(
            ids["import_id"], list_id=ids["list_id"], rejected_key="rejected/x.csv"
        )
        api.keep(a_contact_list(ids["list_id"]), record)
        api.upload(record.object_key)
    if "{segment_id}" in path:
        ids["segment_id"] = f"seg_{number}"
        api.keep(a_segment(ids["segment_id"], list_ids=(_LIST,)))
    if "{request_id}" in path:
        ids["request_id"] = f"prs_{number}"
        api.keep(a_person_request(ids["request_id"], phone=f"+{digits}"))
    if "{canned_id}" in path:
        ids["canned_id"] = f"can_{number}"
        api.keep(a_canned_reply(ids["canned_id"]))
    if "{import_id}" in path and path.startswith("/v1/opt-outs"):
        ids["import_id"] = f"imp_{number}"
        job = an_opt_out_import(ids["import_id"], rejected_key="uploads/opt-outs/x.csv")
        api.keep_jobs(job)
        api.upload(job.object_key)
    if "{export_id}" in path:
        ids["export_id"] = f"exp_{number}"
        api.keep_jobs(an_opt_out_export(ids["export_id"]))
    if path == "/v1/opt-outs/{phone}":
        api.opt_out(f"+{digits}")
    if "{campaign_id}" in path or "{conversation_id}" in path:
        ids |= {"campaign_id": f"cmp_{number}", "entry_id": f"ent_{number}"}
        campaign = a_campaign(
            ids["campaign_id"],
            status=status,
            list_ids=(_LIST,),
            parts=1,
            agents=(subject,),
            approval=requested("usr_somebody", NOON),
        )
        api.keep(campaign)
        api.keep_audience(campaign.id, f"+{digits}")
    if "{conversation_id}" in path:
        thread = RowRef(f"{ids['campaign_id']}#00000", lead_key(f"+{digits}"))
        ids["conversation_id"] = conversation_id(thread)
        conversation = a_conversation(
            thread,
            phone=f"+{digits}",
            campaign_id=ids["campaign_id"],
            last_inbound_at=datetime.now(UTC),
            assigned_to=subject,
        )
        api.keep(conversation)
    return ids


def is_a_problem_of_the_catalogue(_context: Any, response: Any, _case: Any) -> None:
    """Of Schemathesis' checks, ours: a refusal says what it is in one shape (RFC 9457)."""
    if response.status_code < 400:
        return
    assert response.headers["content-type"] == ["application/problem+json"]
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code
    assert response.status_code in catalogue()[problem["code"]].statuses, problem["code"]


# What a person might have written, there or not: generated texts would all fail on the first check.
PLAUSIBLE: dict[str, list[Any]] = {
    "office_id": [OFFICE, OTHER_OFFICE, "off_nowhere"],
    "offices": [[OFFICE], [], ["off_nowhere"]],
    "list_ids": [[_LIST], [], ["lst_nowhere"], [_LIST, _LIST]],
    "sender_ids": [["snd_1"], [], ["snd_nowhere"]],
    "campaign_id": ["cmp_nowhere", ""],
    "sender_id": ["snd_1", "snd_nowhere"],
    "agents": [["usr_1"], []],
    "among": [["usr_1"], ["usr_1", "usr_2"], []],
    "assigned_to": ["usr_1", "nobody", ""],
    "email": ["a@example.com", "Ä@example.com", "@", "a@b"],
    "role": [*Role, "owner"],
    "phone": ["+12025550100", "12025550100", "+1 202 555 0100 ext. 1", "0", "+999"],
    "timezone": ["Europe/Berlin", "UTC", "../UTC", ""],
    "zone": ["Europe/Berlin", "../UTC", "posixrules", ""],
    "preset": ["today", "last_7_days", "all", "custom"],
    "from": ["2026-11-01", "0001-01-01", "9999-12-31", "2026-02-30", "2026-11-01T00:00:00Z"],
    "to": ["2026-11-02", "0001-01-01", "9999-12-31", "2026-11-02T00:00:00+23:59"],
    "month": ["2026-11", "9999-12", "0000-01", "0001-01", "2026-13"],
    "day": ["2026-11-22", "9999-12-31", "0001-01-01"],
    "schedule_at": [
        "2999-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ],
    "ends_at": ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"],
    "body": ["Hi {{ first_name }}", "Hi {{", "{% for a in b %}", "{{ link.a }}", "\u0000"],
    "text": ["Hello", "Hi {{", "STOP", "\U0001f600" * 400, "\u0000"],
    "filter": [
        {"field": "city", "op": "exists"},
        {"all": []},
        {"any": [{"field": "city", "op": "is", "value": "x"}]},
        {"not": {"field": "", "op": "exists"}},
        {"all": {}},
    ],
    "links": [[], [{"name": "a", "url": "https://example.org"}], [{"name": "a"}], [{}]],
    "variants": [[], [{"name": "A", "body": "Hi"}], [{"name": 1}], [{}]],
    "follow_ups": [[], [{"after_h": 24, "body": "Hi"}], [{}]],
    "active_hours": [{}, {"mon": ["09:00", "17:00"]}, {"mon": [["09:00", "17:00"]]}, {"x": 1}],
    "mapping": [{}, {"phone": "Phone"}, {"x": "y"}],
    "tags": [["hot"], [], ["hot", "hot"], ",,", "hot"],
    "upload_type": ["image/png", "text/html", ""],
    "url": ["https://example.org/a.png", "http://127.0.0.1/", "ftp://x", ""],
    "cursor": ["eyJhIjoiYiJ9", "x"],
    "after": ["eyJhIjoiYiJ9", "x", "2026-11-22T10:00:00.000Z"],
    "credentials_secret": ["carillon/sender", ""],
}


def fields_of(route: Route) -> set[str]:
    takes = ENDPOINTS[route].takes
    return {field.name for field in fields(takes)} if takes else set()


def words_for(route: Route) -> st.SearchStrategy[dict[str, Any] | None]:
    """What somebody might say in the fields and the query of *route*; None for a wild request."""
    known = sorted((fields_of(route) | set(ENDPOINTS[route].query)) & set(PLAUSIBLE))
    choices = {name: st.sampled_from(PLAUSIBLE[name]) for name in known}
    said = st.fixed_dictionaries({}, optional=choices)
    return st.one_of(said, said, st.none())


def make_plausible(case: Any, route: Route, ids: dict[str, str], words: dict[str, Any]) -> None:
    """Have *case* lead to what there is, and say *words*."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = ids.get(name, case.path_parameters[name])
    query = ENDPOINTS[route].query
    asked = {name: word for name, word in words.items() if name in query and isinstance(word, str)}
    case.query = {**(case.query or {}), **asked}
    if isinstance(case.body, dict):
        body = {name: word for name, word in words.items() if name in fields_of(route)}
        case.body = {**case.body, **body}


def requests_to(route: Route) -> st.SearchStrategy[Any]:
    """Requests as the contract says, and others."""
    method, path = route
    operation = SCHEMA[path][method]
    by_the_book = operation.as_strategy(schemathesis.GenerationMode.POSITIVE)
    otherwise = operation.as_strategy(schemathesis.GenerationMode.NEGATIVE)
    return st.one_of(by_the_book, by_the_book, otherwise)


def roles_of(route: Route) -> list[Role]:
    """Return whom the route lets in; the others' refusals are walked in test_permissions."""
    return [role for role in Role if PERMISSIONS[route][role] is not Scope.NONE]


def examples_of(route: Route) -> int:
    """Return how often each role asks: once, in CI, where there is little to say."""
    asks_for_more = ENDPOINTS[route].takes is not None or bool(ENDPOINTS[route].query)
    return EXAMPLES if IS_DEEP or asks_for_more else 1


@pytest.mark.parametrize("route", sorted(PERMISSIONS), ids=" ".join)
def test_whatever_is_asked_is_answered_as_the_contract_says(api: HttpApi, route: Route) -> None:
    gateway = WsgiGateway(api)

    @hypothesis.settings(
        max_examples=examples_of(route),
        derandomize=not IS_DEEP,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if IS_DEEP else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(
        case=requests_to(route), state=st.sampled_from(STATES), words=words_for(route)
    )
    def ask(case: Any, role: Role, state: CampaignStatus, words: dict[str, Any] | None) -> None:
        ids = keep(api, route[1], state, f"usr_{role}")
        headers = {"Authorization": f"Bearer {role}"}
        if words is not None:
            make_plausible(case, route, ids, words)
            headers |= {"If-Match": "*"} if "If-Match" in (case.headers or {}) else {}
        # Nobody waits here for what does not come.
        if "wait_s" in (case.query or {}):
            case.query["wait_s"] = 0
        response = case.call(app=gateway, headers=headers)
        case.validate_response(response, checks=[*CHECKS, is_a_problem_of_the_catalogue])

    for number, role in enumerate(roles_of(route)):
        # Not the same requests for everybody, and yet the same in every run.
        (ask if IS_DEEP else hypothesis.seed(number)(ask))(role=role)
