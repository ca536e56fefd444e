"""The routes are stated once in code; contract, permissions and template must say the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from carillon.domain.permissions import OFFICE_GROUP, PERMISSIONS, PUBLIC, ROLE_GROUP, Role
from carillon.edge.http import endpoints
from infra import openapi
from infra.local.documents import read_yaml
from tests.support.http_api import APPS
from tests.support.template import resources, source

ROOT = Path(__file__).parents[2]
DOCUMENT = read_yaml(openapi.OUTPUT)
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")
SIGN_IN = (ROOT / "infra" / "sign_in.yaml").read_text(encoding="utf-8")


def operations() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, by_method in DOCUMENT["paths"].items():
        for method, operation in by_method.items():
            yield (method.upper(), path), operation


def test_the_checked_in_contract_is_what_the_code_generates() -> None:
    assert openapi.OUTPUT.read_text(encoding="utf-8") == openapi.rendered()


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    served = {(one.method, one.path) for app in APPS for one in endpoints(app.app)}

    assert served == set(PERMISSIONS)


def test_the_contract_has_exactly_the_routes_and_the_public_pages() -> None:
    assert {route for route, _ in operations()} == set(PERMISSIONS) | PUBLIC


def test_every_row_says_something_of_every_role() -> None:
    assert all(set(row) == set(Role) for row in PERMISSIONS.values())


def test_no_route_is_served_by_two_functions() -> None:
    served = [(one.method, one.path) for app in APPS for one in endpoints(app.app)]

    assert len(served) == len(set(served))


def test_every_route_asks_for_an_access_token_but_the_public_pages() -> None:
    for route, operation in operations():
        expected: Any = None if route in PUBLIC else [{"Caller": []}]
        assert operation.get("security") == expected, route


def test_every_function_that_the_contract_calls_is_in_the_template() -> None:
    uris = [one["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"] for _, one in operations()]
    called = {name for uri in uris for name in re.findall(r"\${(\w+)\.Arn}", uri)}

    assert called == {*openapi.API_FUNCTIONS.values(), openapi.DASHBOARD_FUNCTION}
    for logical_id in called:
        assert re.search(rf"^  {logical_id}:$", TEMPLATE, re.MULTILINE), logical_id


def test_the_gateways_may_call_every_function_that_the_contract_or_a_webhook_reaches() -> None:
    permissions = resources("AWS::Lambda::Permission", "invocations").values()
    named = [permission["Properties"]["FunctionName"]["Fn::Sub"] for permission in permissions]
    callable_ = {one[1]["Name"] if isinstance(one, list) else one[11:] for one in named}
    waited_for = source()["Resources"]["Invocations"]["DependsOn"]

    assert callable_ == {
        *openapi.API_FUNCTIONS,
        "authorize_requests",
        "dashboard",
        "follow_links",
        "provider_webhooks",
    }
    assert set(waited_for) == {
        *openapi.API_FUNCTIONS.values(),
        openapi.AUTHORIZER_FUNCTION,
        openapi.DASHBOARD_FUNCTION,
        "ProviderWebhooksFunction",
        "FollowLinksFunction",
    }


def test_the_template_has_a_group_for_every_role_and_makes_up_none() -> None:
    groups = set(re.findall(r"GroupName: ([\w.]+)", SIGN_IN))

    assert groups == {f"{ROLE_GROUP}{role}" for role in Role}
    assert not any(group.startswith(OFFICE_GROUP) for group in groups)


def test_operation_ids_are_unique_words() -> None:
    names = [operation["operationId"] for _, operation in operations()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)


def test_path_parameters_are_declared_with_the_path() -> None:
    for (_, path), operation in operations():
        declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _nodes(child)


def test_every_reference_leads_somewhere() -> None:
    names = set(DOCUMENT["components"]["schemas"])
    wanted = {node["$ref"].rsplit("/", 1)[1] for node in _nodes(DOCUMENT) if "$ref" in node}

    assert wanted <= names
    # A schema that nothing refers to would be a leftover.
    assert names <= wanted


# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
@pytest.mark.parametrize(
    "keyword",
    [
        "nullable",
        "oneOf",
        "anyOf",
        "additionalProperties",
        "discriminator",
        "example",
        "exclusiveMinimum",
        "readOnly",
        "deprecated",
    ],
)
def test_schemas_use_no_keyword_that_api_gateway_does_not_import(keyword: str) -> None:
    assert DOCUMENT["openapi"] == "3.0.1"
    assert not any(keyword in node for node in _nodes(DOCUMENT["components"]["schemas"]))


def test_model_names_are_alphanumeric_and_arrays_are_not_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert all(name.isalnum() for name in schemas)
    assert not any(
        node.get("type") == "array" and "description" in node for node in _nodes(schemas)
    )


def test_what_the_gateway_answers_itself_is_a_problem_too() -> None:
    responses = DOCUMENT["x-amazon-apigateway-gateway-responses"]

    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED"} <= set(responses)
    for kind, response in responses.items():
        text = response["responseTemplates"]["application/json"]
        problem = yaml.safe_load(text)
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        assert problem.keys() >= {"type", "title", "code", "detail", "correlation_id"}, kind
        assert problem.get("status") == response.get("statusCode")
