"""The REST edge: sign-in, permissions, bodies, ETags, cursors and problems."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest

from carillon.domain.commands import Between, Command, Entries, Length, OneOf
from carillon.domain.errors import (
    CarillonError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    RecipientBlocked,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.hours import ActiveHours
from carillon.domain.media import MediaRefused
from carillon.domain.permissions import Caller, KeyKind, Role
from carillon.edge import http
from carillon.edge.acting import author
from carillon.edge.json_bodies import decode
from carillon.usecases.manage_segments import SegmentChange
from tests.support.requests import Answered, an_event, answered, signed_in

PATH = "/v1/offices"


@dataclass(frozen=True, kw_only=True)
class Wish(Command):
    name: Annotated[str, Length(1, 5)]
    speed: Annotated[float, Between(0.5, 2)] = 1.0
    kind: Annotated[str, OneOf(("a", "b"))] | None = None
    at: datetime | None = None
    ids: Annotated[tuple[str, ...], Entries(2, 80)] = ()
    mapping: dict[str, str] | None = None
    count: int = 0
    loud: bool = False
    hours: ActiveHours | None = None


def call(
    view: Callable[..., Any],
    *,
    method: str = "POST",
    path: str = PATH,
    claims: dict[str, Any] | None = None,
    takes: type[Command] | None = None,
    status: int = 200,
    **event: Any,
) -> Answered:
    app = http.new_app("test")
    http.Router(app)(method, path, gives="Anything", takes=takes, status=status)(view)
    claims = signed_in(roles=["admin"]) if claims is None else claims
    return answered(http.answer(app, an_event(method, path, claims=claims, **event), None))


def raising(error: Exception) -> Callable[..., Any]:
    def view(_request: http.Request) -> None:
        raise error

    return view


def test_a_view_receives_its_caller_and_its_body_and_answers_json() -> None:
    def view(request: http.Request, wish: Wish) -> dict[str, Any]:
        return {"by": request.caller.subject, "name": wish.name, "ids": wish.ids}

    result = call(view, takes=Wish, status=201, body={"name": "bell", "ids": ["x"]})

    assert result.status == 201
    assert result.headers["Content-Type"] == "application/json"
    assert result.json == {"by": "usr_1", "name": "bell", "ids": ["x"]}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput("No."), 400, "invalid_input"),
        (NotFound("No."), 404, "not_found"),
        (Forbidden("No."), 403, "forbidden"),
        (Conflict("No."), 409, "conflict"),
        (Conflict("No.", code="version_conflict"), 412, "version_conflict"),
        (RecipientBlocked("No."), 409, "recipient_blocked"),
        (Throttled("No.", retry_after_s=3), 429, "throttled"),
        (Rejected("No."), 502, "provider_rejected"),
        (Unavailable("No."), 502, "provider_unavailable"),
        (OutcomeUnknown("No."), 502, "provider_outcome_unknown"),
        (CarillonError("No."), 500, "internal_error"),
    ],
)
def test_every_error_of_the_tree_becomes_a_problem_with_its_own_code(
    error: CarillonError, status: int, code: str
) -> None:
    result = call(raising(error))

    assert result.status == status
    assert result.headers["Content-Type"] == "application/problem+json"
    assert result.json["status"] == status
    assert result.json["code"] == code
    assert result.json["type"] == f"urn:carillon:problem:{code}"
    assert result.json["detail"] == "No."


def test_every_class_of_the_error_tree_has_a_status_of_its_own() -> None:
    def leaves(kind: type[CarillonError]) -> set[type[CarillonError]]:
        return {kind}.union(*(leaves(child) for child in kind.__subclasses__()))

    # A file that cannot be had is noted with its message; no request asks for it.
    unmapped = {
        kind.__name__
        for kind in leaves(CarillonError) - {CarillonError, MediaRefused}
        if http.status_of(kind.__new__(kind)).value == 500
    }

    assert unmapped == set()


def test_an_error_names_its_field_and_what_else_it_knows() -> None:
    result = call(raising(Conflict("No.", extra={"allowed_actions": ["pause"], "state": "active"})))

    assert (result.json["state"], result.json["allowed_actions"]) == ("active", ["pause"])
    assert result.json["status"] == 409


def test_a_throttled_caller_learns_when_to_come_back() -> None:
    assert call(raising(Throttled("No.", retry_after_s=3))).headers["Retry-After"] == "3"


def test_an_unexpected_exception_is_a_bare_500_whose_text_is_neither_told_nor_logged(
    capfd: pytest.CaptureFixture[str],
) -> None:
    result = call(raising(RuntimeError("+12025550100 secret")))

    assert result.status == 500
    assert result.json["code"] == "internal_error"
    assert "detail" not in result.json
    assert "secret" not in str(result) + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ("{", "bad_json", None),
        ("[1]", "bad_json", None),
        ('{"name": NaN}', "bad_json", None),
        ('{"name": "\\ud800"}', "bad_json", None),
        ("[" * 100_000, "bad_json", None),
        ('"' + "x" * 300_000 + '"', "body_too_large", None),
        ({}, "invalid_input", "name"),
        ({"name": None}, "invalid_input", "name"),
        ({"name": "  "}, "invalid_input", "name"),
        ({"name": "belfry"}, "invalid_input", "name"),
        ({"name": "x", "nmae": "y"}, "invalid_input", "nmae"),
        ({"name": 3}, "invalid_input", "name"),
        ({"name": "x", "speed": "1"}, "invalid_input", "speed"),
        ({"name": "x", "speed": True}, "invalid_input", "speed"),
        ({"name": "x", "speed": 0.4}, "invalid_input", "speed"),
        ({"name": "x", "kind": "c"}, "invalid_input", "kind"),
        ({"name": "x", "at": "2026-11-22T10:00:00"}, "invalid_input", "at"),
        ({"name": "x", "at": 3}, "invalid_input", "at"),
        ({"name": "x", "ids": ["a", "b", "c"]}, "invalid_input", "ids"),
        ({"name": "x", "ids": [1]}, "invalid_input", "ids"),
        ({"name": "x", "mapping": {"a": 1}}, "invalid_input", "mapping"),
        ({"name": "x", "count": 1.5}, "invalid_input", "count"),
        ({"name": "x", "loud": 1}, "invalid_input", "loud"),
        ({"name": "x", "hours": 1}, "invalid_input", "hours"),
        ({"name": "x", "hours": {"days": {"mon": ["9-5"]}}}, "bad_hours", "hours"),
        ({"name": "x", "hours": {"zone": "Mars/Base"}}, "unknown_zone", "hours"),
    ],
)
def test_a_wrong_body_is_refused_with_the_field_that_is_wrong(
    body: Any, code: str, field: str | None
) -> None:
    result = call(lambda _request, _wish: None, takes=Wish, body=body)

    assert result.status in (400, 413)
    assert (result.json["code"], result.json.get("field")) == (code, field)


def test_a_body_of_another_type_is_415() -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    result = call(lambda _request, _wish: None, takes=Wish, body="name=x", headers=headers)

    assert (result.status, result.json["code"]) == (415, "not_json")


def test_numbers_and_times_of_the_tables_are_written_as_json() -> None:
    body = {"n": Decimal("3"), "rate": Decimal("0.5"), "at": datetime(2026, 11, 22, tzinfo=UTC)}

    result = call(lambda _request: {**body, "offices": frozenset({"b", "a"})})

    assert result.json == {
        "n": 3,
        "rate": 0.5,
        "at": "2026-11-22T00:00:00.000Z",
        "offices": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"groups": "role.admin"}, 401, "unauthenticated"),
        # As a Cognito authorizer would say it, which nobody has checked for the right client.
        ({"claims": {"sub": "usr_1", "cognito:groups": "role.admin"}}, 401, "unauthenticated"),
        (signed_in(roles=[]), 403, "no_role"),
        (signed_in(roles=["owner"]), 403, "no_role"),
        (signed_in(roles=["manager"]), 403, "role_forbidden"),
    ],
)
def test_who_may_not_use_a_route_never_reaches_its_view(
    claims: dict[str, Any], status: int, code: str
) -> None:
    result = call(raising(AssertionError("the view ran")), claims=claims)

    assert (result.status, result.json["code"]) == (status, code)


def test_a_route_without_a_row_in_the_permission_table_is_closed_to_everybody() -> None:
    result = call(raising(AssertionError("the view ran")), path="/v1/unlisted")

    assert (result.status, result.json["code"]) == (403, "role_forbidden")


def test_a_caller_is_whom_the_authorizer_let_in() -> None:
    seen: list[Any] = []
    claims = signed_in("key_1", roles=["manager"], offices=["off_1", "off_2"], key=KeyKind.LIVE)

    def view(request: http.Request) -> dict[str, Any]:
        seen.append(request.caller)
        return {}

    call(view, method="GET", path="/v1/me", claims=claims)

    offices = frozenset({"off_1", "off_2"})
    assert seen == [Caller("key_1", Role.MANAGER, offices, KeyKind.LIVE)]


def test_a_kind_of_key_that_we_do_not_know_is_let_do_nothing() -> None:
    claims = {**signed_in(), "key": "trial"}

    result = call(
        raising(AssertionError("the view ran")), method="GET", path="/v1/me", claims=claims
    )

    assert result.status == 500


def test_what_a_view_writes_is_written_for_its_caller_and_nothing_after_it() -> None:
    """P4: every write is stamped with another author, and the gateway's own request id."""
    seen: list[Any] = []

    def view(_request: Any) -> Any:
        seen.extend((author(), author()))
        return {}

    call(view, method="GET", path="/v1/me", claims=signed_in("usr_7"))

    assert [(one.subject, one.request) for one in seen] == [("usr_7", "req-1")] * 2
    assert seen[0].change != seen[1].change
    assert author() is None


def test_the_correlation_id_of_the_caller_comes_back() -> None:
    result = call(lambda _request: {}, headers={"x-correlation-id": "abc-1"})

    assert result.headers["X-Correlation-Id"] == "abc-1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'x"'])
def test_a_strange_correlation_id_gives_way_to_the_request_id(given: str) -> None:
    result = call(raising(NotFound("No.")), headers={"X-Correlation-Id": given})

    assert result.headers["X-Correlation-Id"] == "req-1"
    assert result.json["correlation_id"] == "req-1"


def test_a_version_is_given_as_an_etag_and_taken_back_as_if_match() -> None:
    def view(request: http.Request) -> http.Answer:
        return http.Answer({"seen": request.if_match}, version=8)

    result = call(view, headers={"If-Match": '"7"'})

    assert result.json == {"seen": 7}
    assert result.headers["ETag"] == '"8"'


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [({}, 428, "if_match_required"), ({"If-Match": "seven"}, 400, "invalid_input")],
)
def test_a_change_without_a_proper_if_match_is_refused(
    headers: dict[str, str], status: int, code: str
) -> None:
    result = call(lambda request: {"seen": request.if_match}, headers=headers)

    assert (result.status, result.json["code"]) == (status, code)


def test_any_version_will_do_for_if_match_star() -> None:
    assert call(lambda request: {"seen": request.if_match}, headers={"If-Match": "*"}).json == {
        "seen": None
    }


def test_the_same_body_written_otherwise_has_the_same_digest() -> None:
    def view(request: http.Request) -> str:
        return request.origin.digest

    one = call(view, body='{"a":1,"b":2}', headers={"Idempotency-Key": "k"}).json
    two = call(view, body='{ "b": 2, "a": 1 }', headers={"Idempotency-Key": "k"}).json
    other = call(view, body='{"a":1,"b":3}', headers={"Idempotency-Key": "k"}).json

    assert one == two
    assert one != other


@pytest.mark.parametrize("key", ["", "with space", "ä", "k" * 256])
def test_a_malformed_idempotency_key_is_refused(key: str) -> None:
    result = call(lambda request: request.origin.key, headers={"Idempotency-Key": key})

    assert (result.status, result.json["field"]) == (400, "Idempotency-Key")


def test_a_cursor_leads_back_to_its_position() -> None:
    position = {"pk": "CMP#cmp_1", "sk": "CMP"}

    assert http.decode_cursor(http.encode_cursor(position) or "") == position
    assert http.encode_cursor(None) is None


@pytest.mark.parametrize("cursor", ["%", "abc", "W10", "e30", "eyJhIjoxfQ", "eyJhIjoiIn0", "ä"])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    result = call(lambda request: request.page.after, query={"cursor": cursor})

    assert (result.status, result.json["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e2", ""])
def test_a_page_size_out_of_bounds_is_refused(limit: str) -> None:
    result = call(lambda request: request.page.limit, query={"limit": limit})

    assert (result.status, result.json["field"]) == (400, "limit")


@pytest.mark.parametrize("strange", ["a#b", "../x", "", "ä", "x" * 121])
def test_an_id_that_cannot_be_ours_is_not_found(strange: str) -> None:
    def view(_request: http.Request, sender_id: str) -> str:
        raise AssertionError(sender_id)

    result = call(view, method="GET", path="/v1/senders/{sender_id}", ids={"sender_id": strange})

    assert result.status == 404


def test_an_unknown_route_is_a_problem_too() -> None:
    result = answered(http.answer(http.new_app("test"), an_event("GET", "/nowhere"), None))

    assert (result.status, result.json["code"]) == (404, "route_not_found")
    assert result.headers["Content-Type"] == "application/problem+json"


def test_a_body_tells_the_place_in_its_filter_that_is_wrong() -> None:
    body = {"filter": {"and": [{"field": "city", "op": "exists"}, {"field": "x", "op": "?"}]}}

    with pytest.raises(InvalidInput) as raised:
        decode(SegmentChange, body)

    assert (raised.value.field, raised.value.code) == ("filter.and[1].op", "filter_invalid")
