"""The contract for readers and tools: the gateway's own, in OpenAPI 3.1 and without AWS."""

import json
from collections.abc import Iterator
from typing import Any

from schemathesis.specs.openapi import definitions

from carillon.domain.metrics import METRICS
from carillon.domain.permissions import PEOPLE_ONLY, PERMISSIONS
from infra import openapi
from infra.openapi.problems import catalogue

TEXT = openapi.PUBLIC.read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = json.loads(TEXT)
SCHEMAS = DOCUMENT["components"]["schemas"]


def operations() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, by_method in DOCUMENT["paths"].items():
        for method, operation in by_method.items():
            yield (method.upper(), path), operation


def test_the_checked_in_document_is_what_the_code_generates() -> None:
    assert openapi.public_rendered() == TEXT


def test_it_is_openapi_3_1() -> None:
    errors = definitions.OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)

    assert DOCUMENT["openapi"] == "3.1.0"
    assert [str(error) for error in errors] == []


def test_it_has_every_route_and_nothing_of_aws() -> None:
    assert {route for route, _ in operations()} == set(PERMISSIONS)
    assert "x-amazon" not in TEXT
    assert "Fn::" not in TEXT


def test_what_may_be_null_in_an_answer_says_so_and_nothing_in_a_body_does() -> None:
    answered = SCHEMAS["Campaign"]["properties"]["launched_at"]
    sent = SCHEMAS["NewCampaign"]

    assert (answered["type"], answered["format"]) == (["string", "null"], "date-time")
    assert sent["properties"]["ends_at"]["type"] == "string"
    assert sent["additionalProperties"] is False


def test_a_key_is_offered_where_a_key_may_come_in() -> None:
    keyless = {route for route, one in operations() if one["security"] == [{"AccessToken": []}]}

    assert keyless == PEOPLE_ONLY


def test_figures_are_described_by_the_formula_that_computes_them() -> None:
    assert METRICS["rate_of_engagement"].formula in TEXT


def test_the_catalogue_knows_codes_that_are_written_put_together_and_the_gateways() -> None:
    codes = catalogue()

    assert codes["own_approval"].statuses == (403,)
    assert codes["phone_unparsable"].statuses == (400,)
    assert codes["campaign_not_found"].detail == "There is no such campaign."
    assert codes["throttled"].statuses == (429,)
    assert codes["timeout"].statuses == (504,)
    assert SCHEMAS["ProblemCode"]["x-codes"].keys() == codes.keys()
