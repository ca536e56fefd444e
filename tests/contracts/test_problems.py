"""Every endpoint refuses in one shape, whatever is wrong (RFC 9457)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from carillon.domain.permissions import Route
from carillon.edge.http import endpoints
from tests.support.http_api import APPS, HttpApi, http_api, violations
from tests.support.management import a_campaign, a_contact_list, a_segment, an_office
from tests.support.requests import Answered, signed_in
from tests.support.webhooks import a_webhook

ENDPOINTS = {(one.method, one.path): one for app in APPS for one in endpoints(app.app)}
WITH_BODY = sorted(route for route, one in ENDPOINTS.items() if one.takes is not None)
PAGED = sorted(route for route, one in ENDPOINTS.items() if "cursor" in one.query)
ADMIN = signed_in(roles=["admin"])


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        # Ids that a test does not name are "x": these must be there to have members, deliveries.
        running.keep(
            an_office("x"),
            a_contact_list("x"),
            a_segment("x", list_ids=("x",)),
            a_campaign("x", list_ids=("x",)),
        )
        running.keep_webhooks(a_webhook("x"))
        yield running


def assert_problem(result: Answered, status: int, code: str, field: str | None = None) -> None:
    assert result.headers["Content-Type"] == "application/problem+json"
    assert result.headers["Cache-Control"] == "no-store"
    assert violations("Problem", result.json) == []
    assert (result.status, result.json["status"]) == (status, status)
    assert (result.json["code"], result.json.get("field")) == (code, field)
    assert result.json["type"] == f"urn:carillon:problem:{code}"
    assert result.headers["X-Correlation-Id"] == result.json["correlation_id"] == "req-1"


@pytest.mark.parametrize("route", sorted(ENDPOINTS), ids=" ".join)
def test_no_token_is_a_problem_everywhere(api: HttpApi, route: Route) -> None:
    assert_problem(api.send(*route), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{", (400, "bad_json")),
        ("[]", (400, "bad_json")),
        ({"no_such_field": 1}, (400, "invalid_input", "no_such_field")),
        ('"' + "x" * 300_000 + '"', (413, "body_too_large")),
    ],
    ids=["not json", "not an object", "unknown field", "too large"],
)
@pytest.mark.parametrize("route", WITH_BODY, ids=" ".join)
def test_a_wrong_body_is_a_problem_everywhere(
    api: HttpApi, route: Route, body: Any, problem: tuple[Any, ...]
) -> None:
    assert_problem(api.send(*route, claims=ADMIN, body=body), *problem)


@pytest.mark.parametrize("route", WITH_BODY, ids=" ".join)
def test_a_body_of_another_type_is_a_problem_everywhere(api: HttpApi, route: Route) -> None:
    headers = {"Content-Type": "text/plain"}

    assert_problem(api.send(*route, claims=ADMIN, body="x", headers=headers), 415, "not_json")


@pytest.mark.parametrize("route", PAGED, ids=" ".join)
@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"limit": "0"}, "invalid_input", "limit"),
        ({"limit": "1000"}, "invalid_input", "limit"),
        ({"cursor": "nonsense"}, "cursor_invalid", "cursor"),
        # {"pk":"CMP#cmp_1","sk":"CMP"}: readable, but no position of any listing.
        ({"cursor": "eyJwayI6IkNNUCNjbXBfMSIsInNrIjoiQ01QIn0"}, "cursor_invalid", "cursor"),
    ],
)
def test_a_wrong_page_is_a_problem_on_every_listing(
    api: HttpApi, route: Route, query: dict[str, str], code: str, field: str
) -> None:
    result = api.send(*route, claims=ADMIN, query=query, ids={"phone": "12025550100"})

    assert_problem(result, 400, code, field)


@pytest.mark.parametrize(
    "route", [route for route in sorted(ENDPOINTS) if "_id}" in route[1]], ids=" ".join
)
@pytest.mark.parametrize("strange", ["a#b", "x" * 3000, "%00"], ids=["key", "long", "coded"])
def test_an_id_that_cannot_be_ours_is_not_found_everywhere(
    api: HttpApi, route: Route, strange: str
) -> None:
    ids = dict.fromkeys(re.findall(r"{(\w+_id)}", route[1]), strange)

    result = api.send(*route, claims=ADMIN, ids=ids, body={})

    assert_problem(result, 404, "not_found")


def test_a_change_needs_the_etag_it_is_based_on(api: HttpApi) -> None:
    route = ("PATCH", "/v1/campaigns/{campaign_id}")

    assert_problem(api.send(*route, claims=ADMIN, body={}), 428, "if_match_required")


def test_an_unknown_route_is_a_problem() -> None:
    event = {"requestContext": {"resourcePath": "/nowhere", "httpMethod": "GET"}}

    for app in APPS:
        assert app.lambda_handler(event, None)["statusCode"] == 404
