"""
The contract for readers and tools: OpenAPI 3.1 of the same routes and schemas.

API Gateway imports no 3.1, and its 3.0 cannot say "or null", share an answer or close
a body. Here a property of an answer that is not required may be null and says so in its
type, answers and headers that every operation has are stated once, bodies take no
unknown field, and the catalogue of problems is part of the document. Nothing of AWS is left.
"""

import json
from typing import Any

from carillon.domain.permissions import PEOPLE_ONLY
from carillon.edge.http import Endpoint
from infra.openapi.document import document, served
from infra.openapi.problems import catalogue
from infra.openapi.schemas import Schema, ref

PEOPLE, MACHINES = "AccessToken", "ApiKey"
_REASONS = {
    "400": "Something in the request is wrong; `field` names where.",
    "401": "Nobody is signed in: no token, no key, or one that is not good any more.",
    "403": "The role, the office or the kind of key does not allow it.",
    "404": "It is not there, or the caller may not know that it is.",
    "409": "The present state forbids it.",
    "412": "It has changed since the version that If-Match names.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "428": "If-Match is missing.",
    "429": "Too many requests; Retry-After says for how long to wait.",
    "500": "Something failed that should not have; try again.",
}
_ABOUT = """\
Text-messaging campaigns: contacts, campaigns, conversations, consent and figures.

* **Who asks** is said by `Authorization: Bearer …`, an access token of the user pool or an API key.
* **Offices**: an object of a foreign office answers exactly like an absent one, 404.
* **Changes** of what others may change too are sent with `If-Match`, the ETag that was read; `*` \
takes any version.
* **Repetitions**: a POST under an `Idempotency-Key` that was used is answered like the first time.
* **Pages**: `limit` and `cursor`; `next_cursor` is null on the last page.
* **Times** are ISO 8601 in UTC, money is in millionths of a currency, rates are in percent.
* **Problems** are `application/problem+json` (RFC 9457). Their `code` is stable; `detail` is a \
sentence for a person and may change."""


def public_document() -> Schema:
    """Return the whole document in OpenAPI 3.1."""
    gateways = json.loads(json.dumps(document()))
    bodies = {one.takes.__name__ for _, one, _, _ in served() if one.takes is not None}
    schemas = {
        name: _closed(schema) if name in bodies else _nullable(schema)
        for name, schema in gateways["components"]["schemas"].items()
    }
    schemas["Problem"]["properties"]["code"] = ref("ProblemCode")
    schemas["ProblemCode"] = _problem_code()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Carillon", "version": "1", "description": _ABOUT},
        "servers": [{"url": ".", "description": "Where this document was read from."}],
        "security": [{PEOPLE: []}, {MACHINES: []}],
        "paths": _paths(gateways["paths"]),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {_answer_name(code): _problem(why) for code, why in _REASONS.items()},
            "parameters": {
                "IfMatch": _header(gateways, "If-Match"),
                "IdempotencyKey": _header(gateways, "Idempotency-Key"),
            },
            "securitySchemes": _security_schemes(),
        },
    }


def public_rendered() -> str:
    """Return the document as JSON, one member a line, so that changes are read in a diff."""
    return json.dumps(public_document(), indent=1, ensure_ascii=False) + "\n"


def _paths(gateways: Schema) -> Schema:
    paths: dict[str, Schema] = {}
    for _, endpoint, _, _ in served():
        method = endpoint.method.lower()
        operation = _operation(endpoint, gateways[endpoint.path][method])
        paths.setdefault(endpoint.path, {})[method] = operation
    return dict(sorted(paths.items()))


def _operation(endpoint: Endpoint, gateways: Schema) -> Schema:
    shown = {name: part for name, part in gateways.items() if not name.startswith("x-amazon")}
    shown["parameters"] = [_shared(parameter) for parameter in gateways["parameters"]]
    shown["responses"] = {
        code: answer if code.startswith("2") else {"$ref": _answer_ref(code)}
        for code, answer in gateways["responses"].items()
    }
    is_for_people = (endpoint.method, endpoint.path) in PEOPLE_ONLY
    shown["security"] = [{PEOPLE: []}] if is_for_people else [{PEOPLE: []}, {MACHINES: []}]
    return shown


def _shared(parameter: Schema) -> Schema:
    shared = {"Idempotency-Key": "IdempotencyKey", "If-Match": "IfMatch"}
    if parameter["name"] in shared:
        return {"$ref": f"#/components/parameters/{shared[parameter['name']]}"}
    return parameter


def _header(gateways: Schema, name: str) -> Schema:
    return next(
        parameter
        for by_method in gateways["paths"].values()
        for operation in by_method.values()
        for parameter in operation["parameters"]
        if parameter["name"] == name
    )


def _answer_name(code: str) -> str:
    return f"Problem{code}"


def _answer_ref(code: str) -> str:
    return f"#/components/responses/{_answer_name(code)}"


def _problem(why: str) -> Schema:
    return {
        "description": why,
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def _problem_code() -> Schema:
    codes = catalogue()
    return {
        "type": "string",
        "description": "What is wrong, for programs. A client takes one that it does not know "
        "for what its status says.",
        "examples": ["invalid_input"],
        "x-codes": {
            code: {"statuses": list(one.statuses), "detail": one.detail}
            for code, one in codes.items()
        },
    }


def _security_schemes() -> Schema:
    return {
        PEOPLE: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of the user pool; its groups say role and offices.",
        },
        MACHINES: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, as it was shown when it was made.",
        },
    }


def _nullable(schema: Schema) -> Schema:
    """Return an answer's *schema* where what is not required may be null."""
    shown = dict(schema)
    if "properties" in schema:
        required = schema.get("required", [])
        shown["properties"] = {
            name: _nullable(child) if name in required else _or_null(_nullable(child))
            for name, child in schema["properties"].items()
        }
    if "items" in schema:
        shown["items"] = _nullable(schema["items"])
    return shown


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "type" not in schema:
        # It may be anything, null among it.
        return schema
    shown: dict[str, Any] = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        shown["enum"] = [*schema["enum"], None]
    if shown.get("description") == "Null or absent.":
        del shown["description"]
    return shown


def _closed(schema: Schema) -> Schema:
    """Return a body's *schema* which, as ``edge.json_bodies`` has it, knows all of its fields."""
    return {**schema, "additionalProperties": False}
