"""The whole document, from the routes themselves."""

import json
from collections.abc import Iterator
from importlib import import_module

import yaml

from carillon.domain.permissions import PEOPLE_ONLY, PERMISSIONS, TEST_KEY_CHANGES, Role, Scope
from carillon.edge.http import Endpoint, endpoints
from infra.openapi.answers import ANSWERS
from infra.openapi.gateway import (
    SECURITY_SCHEME,
    gateway_responses,
    integration,
    security_scheme,
)
from infra.openapi.queries import QUERY
from infra.openapi.schemas import TEXT, Schema, command_schema, ref

# Function folder -> logical id in template.yaml.
API_FUNCTIONS = {
    "organisation_api": "OrganisationApiFunction",
    "people_api": "PeopleApiFunction",
    "contacts_api": "ContactsApiFunction",
    "campaigns_api": "CampaignsApiFunction",
    "analytics_api": "AnalyticsApiFunction",
    "consent_api": "ConsentApiFunction",
    "conversations_api": "ConversationsApiFunction",
    "integrations_api": "IntegrationsApiFunction",
    "schedules_api": "SchedulesApiFunction",
}

# Answers that are no JSON.
MEDIA_TYPES = {"CampaignCsv": "text/csv"}
DASHBOARD_FUNCTION = "DashboardFunction"


def document() -> Schema:
    """Return the whole OpenAPI document."""
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "Carillon",
            "version": "1",
            "description": "Text-messaging campaigns. Written by infra/openapi; do not edit.",
        },
        "paths": _paths(),
        "components": {
            "schemas": dict(sorted(_schemas().items())),
            "securitySchemes": {SECURITY_SCHEME: security_scheme()},
        },
        "x-amazon-apigateway-gateway-responses": gateway_responses(),
    }


def served() -> Iterator[tuple[str, Endpoint, str, str]]:
    """Yield (logical id, endpoint, view's name, first line of its docstring) of every API route."""
    for folder, logical_id in API_FUNCTIONS.items():
        app = import_module(f"functions.{folder}.app").app
        for endpoint in endpoints(app):
            view = app.routes[endpoint.path][endpoint.method].view_function
            yield logical_id, endpoint, view.__name__, (view.__doc__ or "").strip().split("\n")[0]


def rendered() -> str:
    """Return the document as YAML without anchors, which AWS::Include does not take."""

    unshared = json.loads(json.dumps(document()))
    text: str = yaml.safe_dump(unshared, sort_keys=False, width=100, allow_unicode=True)
    return text


def _paths() -> Schema:
    paths: dict[str, Schema] = {}
    for logical_id, endpoint, name, summary in served():
        operation = _operation(logical_id, endpoint, name, summary)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    for path, name in (("/", "Page"), ("/config.json", "Config"), ("/assets/{file}", "Asset")):
        paths[path] = {"get": _dashboard_operation(path, name)}
    return dict(sorted(paths.items()))


def _operation(logical_id: str, endpoint: Endpoint, name: str, summary: str) -> Schema:
    operation: Schema = {
        "operationId": _camel(name),
        "summary": summary,
        "description": _who_may(endpoint),
        "tags": [endpoint.path.split("/")[2]],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
        "security": [{SECURITY_SCHEME: []}],
        "x-amazon-apigateway-integration": integration(logical_id),
    }
    if endpoint.takes is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": ref(endpoint.takes.__name__)}},
        }
    return operation


def _dashboard_operation(path: str, name: str) -> Schema:
    return {
        "operationId": f"showDashboard{name}",
        "summary": f"The dashboard: {path}",
        "tags": ["dashboard"],
        "parameters": [_path_parameter("file")] if "{file}" in path else [],
        "responses": {"200": {"description": "OK"}},
        "x-amazon-apigateway-integration": integration(DASHBOARD_FUNCTION),
    }


def _parameters(endpoint: Endpoint) -> list[Schema]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters = [_path_parameter(name) for name in names]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": QUERY[name]}
        for name in endpoint.query
    ]
    if endpoint.if_match:
        about = "The ETag of the version that you change."
        parameters.append(_header_parameter("If-Match", about, required=True))
    if endpoint.method == "POST":
        about = "Repeat a request under the same key, and it is done once."
        parameters.append(_header_parameter("Idempotency-Key", about, required=False))
    return parameters


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _header_parameter(name: str, about: str, *, required: bool) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": about,
        "schema": TEXT,
    }


def _responses(endpoint: Endpoint) -> Schema:
    # API Gateway takes no $ref for a whole response, and "default" is not imported as one.
    codes = ["400", "401", "403", "429", "500"]
    codes += ["404"] if "{" in endpoint.path else []
    codes += ["409"] if endpoint.method != "GET" else []
    codes += ["412", "428"] if endpoint.if_match else []
    codes += ["413", "415"] if endpoint.takes else []
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    media_type = MEDIA_TYPES.get(endpoint.gives, "application/json")
    answer = {media_type: {"schema": ref(endpoint.gives)}}
    return {
        str(endpoint.status): {"description": "OK", "content": answer},
        **{code: {"description": "Problem", "content": problem} for code in sorted(codes)},
    }


def _who_may(endpoint: Endpoint) -> str:
    row = PERMISSIONS[(endpoint.method, endpoint.path)]
    reach = {Scope.ALL: "all offices", Scope.OWN: "own offices"}
    who = [f"{role} ({reach[row[role]]})" for role in Role if row[role] in reach]
    words = [f"For {', '.join(who)}."]
    route = (endpoint.method, endpoint.path)
    if route in PEOPLE_ONLY:
        words.append("Not for API keys.")
    elif endpoint.method != "GET" and route not in TEST_KEY_CHANGES:
        words.append("Not for test keys.")
    return " ".join(words)


def _schemas() -> dict[str, Schema]:
    takes = {endpoint.takes for _, endpoint, _, _ in served() if endpoint.takes is not None}
    return {**{command.__name__: command_schema(command) for command in takes}, **ANSWERS}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
