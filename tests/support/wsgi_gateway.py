"""
The gateway as a WSGI application: routes, authorizer and events, over the functions of ``HttpApi``.

``Authorization: Bearer <role>`` is somebody of that role and of one office.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.support.http_api import APPS, HttpApi
from tests.support.management import OFFICE
from tests.support.requests import Answered, signed_in

StartResponse = Callable[..., Any]


class WsgiGateway:
    """Hands requests to the functions as API Gateway would."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api
        # Literal parts go before parameters, as the gateway has it.
        templates = {path for app in APPS for path in app.app.routes}
        ordered = sorted(templates, key=lambda path: path.replace("{", "\x7f"))
        self._routes = [(path, re.compile(_pattern(path))) for path in ordered]

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        answer = self._answer(request)
        response = Response(json.dumps(answer.json), status=answer.status)
        for name, value in answer.headers.items():
            response.headers[name] = value
        return response(environ, start_response)

    def _answer(self, request: Request) -> Answered:
        matching = ((path, pattern.fullmatch(request.path)) for path, pattern in self._routes)
        template, ids = next((path, found.groupdict()) for path, found in matching if found)
        role = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._api.send(
            request.method,
            template,
            claims=signed_in(f"usr_{role}", roles=[role], offices=[OFFICE]),
            ids=ids,
            # Bytes that are no text never come out of the gateway as such either.
            body=request.get_data().decode("utf-8", "replace") or None,
            query=dict(request.args.items()),
            headers=dict(request.headers.items()),
        )


def _pattern(template: str) -> str:
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template)
