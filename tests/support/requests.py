"""REST API events as the gateway sends them, and answers as a client reads them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carillon.domain.permissions import KeyKind
from carillon.edge.http import admission

TOKENLESS: Mapping[str, Any] = {}


def signed_in(
    subject: str = "usr_1",
    *,
    roles: Sequence[str] = ("manager",),
    offices: Sequence[str] = ("off_1",),
    key: KeyKind | None = None,
) -> dict[str, Any]:
    """Return what the authorizer says of somebody with an access token, or with a key of *key*."""
    groups = [f"role.{role}" for role in roles] + [f"office.{office}" for office in offices]
    return {"principalId": subject, **admission(subject, groups, key)}


def an_event(
    method: str,
    template: str,
    *,
    claims: Mapping[str, Any] = TOKENLESS,
    ids: Mapping[str, str] | None = None,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a REST API (v1) proxy event; *body* is sent as JSON unless it is text."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    path = re.sub(r"{(\w+)}", lambda match: (ids or {}).get(match[1], "x"), template)
    parameters = {name: (ids or {}).get(name, "x") for name in re.findall(r"{(\w+)}", template)}
    context: dict[str, Any] = {
        "resourcePath": template,
        "httpMethod": method,
        "requestId": "req-1",
        "path": f"/live{path}",
    }
    if claims:
        context["authorizer"] = dict(claims)
    return {
        "resource": template,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers or {}) or {"Accept": "*/*"},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": (
            {name: [value] for name, value in query.items()} if query else None
        ),
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": context,
        "body": text,
        "isBase64Encoded": False,
    }


@dataclass(frozen=True)
class Answered:
    """An answer as a client sees it."""

    status: int
    headers: Mapping[str, str]
    json: Any


def answered(response: Mapping[str, Any]) -> Answered:
    """Return what the gateway would make of a function's *response*."""
    headers, body = response["headers"], response["body"]
    is_json = "json" in headers["Content-Type"]
    return Answered(response["statusCode"], headers, json.loads(body) if is_json else body)
