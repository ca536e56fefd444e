"""
The REST edge: routes, sign-in, permissions, JSON, paging, ETags and problems (RFC 9457).

    app = new_app("campaigns_api")
    route = Router(app)

    @route("POST", "/v1/offices", takes=NewOffice, gives="Office", status=201)
    def create_office(request: Request, new: NewOffice) -> Office:
        return build().offices.create(request.access, request.origin, new)

    def lambda_handler(event, context):
        return answer(app, event, context)

A view is called only when the caller may use the route and the body is a valid
*takes*; it returns what to send as JSON, or an ``Answer``. Whatever it raises
becomes a problem: our errors with their own code, anything else as a bare 500
that is logged by its type alone. Chalice itself would turn a domain error into
a 500 before any middleware sees it, hence the mapping inside the view.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from http import HTTPStatus
from typing import Any, TypeVar

from chalice.app import Chalice, Response
from chalice.app import Request as ChaliceRequest

from carillon.domain.commands import Command, Origin
from carillon.domain.errors import (
    CarillonError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    ProviderError,
    RecipientBlocked,
    Throttled,
)
from carillon.domain.permissions import Access, Caller, KeyKind, access_to, caller_of
from carillon.edge.acting import acting_for
from carillon.edge.json_bodies import canonical, decode, json_object, to_json
from carillon.edge.logs import correlation_id, logger

MAX_BODY_BYTES = 256 * 1024
DEFAULT_PAGE = 50
MAX_PAGE = 200
JSON = "application/json"
CORRELATION_HEADER = "X-Correlation-Id"

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A conversation's id names its thread, which takes up to 100 characters.
_PATH_ID = re.compile(r"[A-Za-z0-9_.-]{1,120}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ETAG = re.compile(r'(?:W/)?"(\d{1,15})"')

_STATUS: list[tuple[type[CarillonError], HTTPStatus]] = [
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (RecipientBlocked, HTTPStatus.CONFLICT),
    (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
    (ProviderError, HTTPStatus.BAD_GATEWAY),
]
# Codes for which HTTP has a more exact word than their class's status.
_STATUS_OF_CODE = {
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "version_conflict": HTTPStatus.PRECONDITION_FAILED,
    "if_match_required": HTTPStatus.PRECONDITION_REQUIRED,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "not_json": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}

_Body = TypeVar("_Body", bound=Command)


@dataclass(frozen=True)
class Endpoint:
    """What a route takes and gives: read by the OpenAPI generator and the contract tests."""

    method: str
    path: str
    gives: str
    takes: type[Command] | None
    status: int
    query: tuple[str, ...]
    if_match: bool


@dataclass(frozen=True)
class Answer:
    """
    A view's result when a bare JSON body does not say enough. *version* becomes the ETag.

    With another *media_type* than JSON's, *body* is the text to send.
    """

    body: Any
    version: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True)
class Page:
    """What part of a listing to give: *after* is the position to continue from, or None."""

    limit: int
    after: dict[str, str] | None


class Request:
    """One request whose caller may use its route."""

    def __init__(self, raw: ChaliceRequest, access: Access) -> None:
        self._raw = raw
        self.access = access

    @property
    def caller(self) -> Caller:
        """Who is asking."""
        return self.access.caller

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters; of a repeated one, the last value."""
        return dict(self._raw.query_params or {})

    @property
    def page(self) -> Page:
        """Return the asked page; InvalidInput for a bad ``limit`` or ``cursor``."""
        return Page(self._limit(), self._cursor())

    @property
    def origin(self) -> Origin:
        """Return who asks and under which Idempotency-Key; InvalidInput for a malformed key."""
        key = self._raw.headers.get("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidInput(
                "Idempotency-Key must be 1 to 255 visible ASCII characters.",
                field="Idempotency-Key",
            )
        return Origin(self.caller.subject, key, self._digest())

    @property
    def if_match(self) -> int | None:
        """
        Return the version that the caller has seen; None for ``*``, any version.

        Raises Conflict (``if_match_required``, 428) without the header and
        InvalidInput for one that is not an ETag of ours.
        """
        header = self._raw.headers.get("if-match")
        if header is None:
            raise Conflict(
                "Send the ETag of the version you are changing as If-Match.",
                code="if_match_required",
            )
        if header.strip() == "*":
            return None
        match = _ETAG.fullmatch(header.strip())
        if match is None:
            raise InvalidInput('If-Match must be an ETag such as "3".', field="If-Match")
        return int(match[1])

    def body(self, takes: type[_Body]) -> _Body:
        """Return the JSON body as *takes*; InvalidInput names what is wrong with it."""
        return decode(takes, json_object(self._text()))

    def _text(self) -> str:
        raw = self._raw.raw_body or b""
        raw = raw.encode() if isinstance(raw, str) else raw
        if len(raw) > MAX_BODY_BYTES:
            raise InvalidInput(
                f"The body is larger than {MAX_BODY_BYTES} bytes.", code="body_too_large"
            )
        content_type = self._raw.headers.get("content-type", "application/json")
        if raw and content_type.split(";")[0].strip().lower() != "application/json":
            raise InvalidInput("The body must be application/json.", code="not_json")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("The body is not UTF-8.", code="bad_json") from error

    def _digest(self) -> str:
        # Route and body, so that one key cannot stand for two different requests.
        path = self._raw.to_original_event().get("path") or self._raw.path
        parts = [self._raw.method, path, canonical(self._text())]
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()

    def _limit(self) -> int:
        text = self.query.get("limit", str(DEFAULT_PAGE))
        if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= MAX_PAGE:
            raise InvalidInput(f"limit must be a number from 1 to {MAX_PAGE}.", field="limit")
        return int(text)

    def _cursor(self) -> dict[str, str] | None:
        cursor = self.query.get("cursor")
        return decode_cursor(cursor) if cursor else None


class Router:
    """Registers views on a Chalice app: see the example at the top of this module."""

    def __init__(self, app: Chalice) -> None:
        self._app = app

    def __call__(
        self,
        method: str,
        path: str,
        *,
        gives: str,
        takes: type[Command] | None = None,
        status: int = 200,
        query: tuple[str, ...] = (),
        if_match: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """
        Return the decorator that serves *path* with a view.

        *gives* names the answer's schema in ``infra/openapi``, *query* the
        query parameters that the view reads.
        """
        endpoint = Endpoint(method, path, gives, takes, status, query, if_match)

        def register(view: Callable[..., Any]) -> Callable[..., Any]:
            served = _served(self._app, endpoint, view)
            # No content types: Chalice's own 415 is not a problem+json.
            self._app.route(path, methods=[method], content_types=[])(served)
            return served

        return register


def new_app(name: str) -> Chalice:
    """Return a Chalice app that logs through our logger and never shows a stack trace."""
    app = Chalice(app_name=name, debug=False, configure_logs=False)
    app.log = logger  # type: ignore[assignment]  # Powertools' logger has the methods Chalice calls
    return app


def answer(app: Chalice, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Return *app*'s answer to a REST API event; an unknown route is a 404 problem."""
    request_context = event.get("requestContext", {})
    logger.set_correlation_id(_correlation_id(event.get("headers") or {}, request_context))
    path, method = request_context.get("resourcePath"), request_context.get("httpMethod")
    if method not in app.routes.get(path, {}):
        unknown = NotFound("There is nothing here.", code="route_not_found")
        return _problem(unknown).to_dict()
    return app(event, context)


def endpoints(app: Chalice) -> list[Endpoint]:
    """Return what *app* serves, in the order of its routes."""
    return [
        entry.view_function.endpoint  # type: ignore[attr-defined]  # set by _served
        for by_method in app.routes.values()
        for entry in by_method.values()
    ]


def _served(app: Chalice, endpoint: Endpoint, view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def serve(**path_ids: str) -> Response:
        try:
            response = _respond(endpoint, view, _current(app), path_ids)
        except CarillonError as error:
            response = _problem(error)
        except Exception as error:  # noqa: BLE001  # the last stop: its text may quote secrets
            logger.error("request_crashed", error_type=type(error).__name__)
            response = _problem(CarillonError("", code="internal_error"))
        logger.info(
            "request_answered",
            method=endpoint.method,
            route=endpoint.path,
            status=response.status_code,
        )
        return response

    serve.endpoint = endpoint  # type: ignore[attr-defined]  # read back by endpoints()
    return serve


def _current(app: Chalice) -> ChaliceRequest:
    if app.current_request is None:
        raise RuntimeError("a view runs only while a request is being served")
    return app.current_request


def _respond(
    endpoint: Endpoint, view: Callable[..., Any], raw: ChaliceRequest, path_ids: Mapping[str, str]
) -> Response:
    request = Request(raw, access_to(endpoint.method, endpoint.path, _caller(raw.context)))
    for name, value in path_ids.items():
        if not _PATH_ID.fullmatch(value):
            raise NotFound(f"There is no such {name.removesuffix('_id')}.")
    body = () if endpoint.takes is None else (request.body(endpoint.takes),)
    # The gateway's own id: a caller could give the same correlation id twice.
    with acting_for(request.caller.subject, str(raw.context.get("requestId", ""))):
        result = view(request, *body, **path_ids)
    if not isinstance(result, Answer):
        result = Answer(result)
    headers = _headers(result.media_type, result.headers)
    if result.version is not None:
        headers["ETag"] = f'"{result.version}"'
    text = to_json(result.body) if result.media_type == JSON else result.body
    return Response(text, headers=headers, status_code=endpoint.status)


def _caller(context: Mapping[str, Any]) -> Caller:
    """
    Return whom our authorizer (functions/authorize_requests) let in, as the gateway hands it on.

    Raises Forbidden (``unauthenticated``, 401) when it did not: the gateway
    refuses these itself, a wrong template must not open the door.
    """
    admitted = context.get("authorizer") or {}
    subject, key = admitted.get("subject"), admitted.get("key")
    if not subject:
        raise Forbidden("Sign in, or show an API key.", code="unauthenticated")
    groups = str(admitted.get("groups", "")).split(",")
    return caller_of(str(subject), groups, KeyKind(key) if key else None)


def admission(subject: str, groups: Iterable[str], key: KeyKind | None) -> dict[str, str]:
    """Return what the authorizer tells the functions; a gateway's context holds flat texts."""
    return {"subject": subject, "groups": ",".join(groups), "key": key or ""}


def _correlation_id(headers: Mapping[str, str], context: Mapping[str, Any]) -> str:
    given = next(
        (value for name, value in headers.items() if name.lower() == CORRELATION_HEADER.lower()), ""
    )
    if given and _CORRELATION_ID.fullmatch(given):
        return given
    return str(context.get("requestId", ""))


def _problem(error: CarillonError) -> Response:
    status = status_of(error)
    body: dict[str, Any] = {
        **error.extra,
        "type": f"urn:carillon:problem:{error.code}",
        "title": status.phrase,
        "status": status.value,
        "code": error.code,
        "correlation_id": correlation_id(),
    }
    if error.detail:
        body["detail"] = error.detail
    if isinstance(error, InvalidInput) and error.field:
        body["field"] = error.field
    headers = _headers("application/problem+json", {})
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return Response(to_json(body), headers=headers, status_code=status.value)


def status_of(error: CarillonError) -> HTTPStatus:
    """Return the HTTP status of *error*: by its code where HTTP is exact, else by its class."""
    if error.code in _STATUS_OF_CODE:
        return _STATUS_OF_CODE[error.code]
    matching = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(matching, HTTPStatus.INTERNAL_SERVER_ERROR)


def _headers(content_type: str, more: Mapping[str, str]) -> dict[str, str | list[str]]:
    return {
        "Content-Type": content_type,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        CORRELATION_HEADER: correlation_id(),
        **more,
    }


def encode_cursor(position: Mapping[str, str] | None) -> str | None:
    """Return an opaque cursor that continues after *position*; None when there is no more."""
    if position is None:
        return None
    packed = json.dumps(dict(position), separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(cursor: str) -> dict[str, str]:
    """Return the position in *cursor*; InvalidInput (``cursor_invalid``) unless we made it."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = json.loads(packed)
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if not isinstance(position, dict) or not position:
        raise _bad_cursor()
    if not all(isinstance(value, str) and value for value in position.values()):
        raise _bad_cursor()
    return position


def _bad_cursor() -> InvalidInput:
    return InvalidInput("This cursor is not one of ours.", field="cursor", code="cursor_invalid")
