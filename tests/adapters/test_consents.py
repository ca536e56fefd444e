"""Consents, their log and the state of the mirror; fake and real alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from carillon.adapters.dynamodb.consents import DynamoConsentLog, NotedSuppressions
from carillon.adapters.dynamodb.items import from_item
from carillon.adapters.dynamodb.limits import DynamoContactCaps
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.budgets import Cap
from carillon.domain.opt_out_mirror import MirrorState
from carillon.ports import MirroredConsents
from tests.support.clock import NOON, FakeClock
from tests.support.messages import LEAD, PHONE, an_event
from tests.support.mirroring import FakeConsentLog, FakeConsents
from tests.support.tables import create_tables

OTHER = "+12025550143"


@dataclass(frozen=True)
class Rooms:
    """The consents and their log over one state."""

    clock: FakeClock
    consents: MirroredConsents
    log: FakeConsentLog | DynamoConsentLog


@pytest.fixture(params=["fake", "dynamodb"])
def rooms(request: pytest.FixtureRequest) -> Iterator[Rooms]:
    clock = FakeClock()
    if request.param == "fake":
        yield Rooms(clock, FakeConsents(), FakeConsentLog(clock))
        return
    with mock_aws():
        client = _client()
        yield Rooms(
            clock,
            DynamoSuppressions(client, "SuppressionsTable", "ConsentTable", lambda: NOON),
            DynamoConsentLog(client, "ControlTable", clock),
        )


def _client() -> object:
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
    )
    create_tables(client)
    return client


def number(n: int) -> str:
    return f"+1202555{n:04d}"


def all_opted_out(rooms: Rooms, rows: int) -> tuple[list[str], int]:
    """Return the phones of every page, and how many pages there were."""
    found, cursor, pages = [], None, 0
    while True:
        page, cursor = rooms.consents.opted_out_after(cursor, rows)
        found += [one.phone for one in page]
        pages += 1
        if cursor is None:
            return found, pages


def test_consents_of_many_are_read_at_once_and_strangers_are_left_out(rooms: Rooms) -> None:
    stop = an_event(True, 1, "SM1")
    rooms.consents.opt_out(stop)
    for n in range(120):
        rooms.consents.opt_in(replace(an_event(False, 1, "SM2"), phone=number(n)))

    found = rooms.consents.standing_of([PHONE, PHONE, OTHER, *(number(n) for n in range(120))])

    assert found[PHONE] == stop
    assert set(found) == {PHONE, *(number(n) for n in range(120))}


def test_nobody_asked_for_is_nobody_found(rooms: Rooms) -> None:
    assert rooms.consents.standing_of([]) == {}


def test_all_opt_outs_come_once_in_pages_of_so_many_rows(rooms: Rooms) -> None:
    for n in range(25):
        event = replace(an_event(n % 2 == 0, 1, "SM1"), phone=number(n))
        (rooms.consents.opt_out if event.opted_out else rooms.consents.opt_in)(event)

    found, pages = all_opted_out(rooms, rows=10)

    assert sorted(found) == [number(n) for n in range(0, 25, 2)]
    assert pages == 3


def test_the_phone_of_an_opt_out_is_a_cursor_too(rooms: Rooms) -> None:
    for n in range(5):
        rooms.consents.opt_out(replace(an_event(True, 1, "SM1"), phone=number(n)))
    everyone, _ = rooms.consents.opted_out_after(None, 5)

    rest, _ = rooms.consents.opted_out_after(everyone[1].phone, 5)

    assert rest == everyone[2:]


def test_an_empty_store_is_one_empty_page(rooms: Rooms) -> None:
    assert rooms.consents.opted_out_after(None, 10) == ([], None)


def test_the_log_gives_changes_by_time_behind_a_position(rooms: Rooms) -> None:
    for phone in (PHONE, OTHER, PHONE):
        rooms.log.note(phone)
        rooms.clock.sleep(1)
    until = NOON + timedelta(minutes=5)

    first = rooms.log.after("", until, 2)
    rest = rooms.log.after(first[-1][0], until, 2)

    assert [phone for _, phone in first] == [PHONE, OTHER]
    assert [phone for _, phone in rest] == [PHONE]
    assert rooms.log.after(rest[-1][0], until, 2) == []


def test_the_log_tells_nothing_that_was_noted_after_the_given_instant(rooms: Rooms) -> None:
    rooms.log.note(PHONE)
    rooms.clock.sleep(60)
    rooms.log.note(OTHER)

    told = rooms.log.after("", NOON + timedelta(seconds=59), 10)

    assert [phone for _, phone in told] == [PHONE]


def test_a_change_that_is_noted_twice_at_one_instant_is_one(rooms: Rooms) -> None:
    rooms.log.note(PHONE)
    rooms.log.note(PHONE)

    assert len(rooms.log.after("", NOON + timedelta(seconds=1), 10)) == 1


def test_a_list_of_which_nothing_is_known_has_come_nowhere(rooms: Rooms) -> None:
    assert rooms.log.get("aws:us-east-1:Default") == MirrorState()


@pytest.mark.parametrize(
    "state",
    [
        MirrorState(told_until="2026#+1", their_cursor="t", our_cursor="+1", next_round_at=NOON),
        MirrorState(told_until="2026#+1"),
    ],
)
def test_how_far_a_list_has_come_is_kept(rooms: Rooms, state: MirrorState) -> None:
    rooms.log.save("aws:us-east-1:Default", MirrorState(their_cursor="before"))

    rooms.log.save("aws:us-east-1:Default", state)

    assert rooms.log.get("aws:us-east-1:Default") == state
    assert rooms.log.get("aws:us-east-1:Other") == MirrorState()


# The real ones alone ---------------------------------------------------------------


def test_a_note_expires_and_holds_nothing_but_the_phone() -> None:
    with mock_aws():
        client = _client()
        DynamoConsentLog(client, "ControlTable", FakeClock()).note(PHONE)

        (item,) = map(from_item, client.scan(TableName="ControlTable")["Items"])  # type: ignore[attr-defined]  # boto3 is untyped

    assert item == {
        "pk": "CONSENTS",
        "sk": f"2026-11-22T12:00:00.000Z#{PHONE}",
        "phone": PHONE,
        "expires_at": int((NOON + timedelta(days=8)).timestamp()),
    }


def test_what_is_counted_beside_a_persons_consent_is_no_opt_out() -> None:
    with mock_aws():
        client = _client()
        caps = DynamoContactCaps(client, "SuppressionsTable")
        caps.take(PHONE, LEAD, [Cap(most=3, within=timedelta(days=1))], NOON)
        suppressions = DynamoSuppressions(client, "SuppressionsTable", "ConsentTable", lambda: NOON)

        assert suppressions.opted_out_after(None, 10) == ([], None)


def test_every_change_is_noted_once_it_is_committed() -> None:
    clock = FakeClock()
    log, committed = FakeConsentLog(clock), FakeConsents()
    noted = NotedSuppressions(committed, log, _nothing_is_lost)

    stop = noted.opt_out(an_event(True, 1, "SM1"))
    clock.sleep(1)
    start = noted.opt_in(an_event(False, 2, "SM2"))
    clock.sleep(1)

    assert (stop.opted_out, start.opted_out) == (True, False)
    assert noted.of(PHONE) == committed.of(PHONE) == start
    assert [phone for _, phone in log.after("", clock.now(), 9)] == [PHONE, PHONE]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem"),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
    ],
)
def test_a_note_that_is_lost_loses_no_opt_out(error: Exception) -> None:
    lost: list[Exception] = []
    committed = FakeConsents()
    noted = NotedSuppressions(committed, _Unwritable(error), lost.append)

    standing = noted.opt_out(an_event(True, 1, "SM1"))

    assert standing == committed.of(PHONE)
    assert lost == [error]


def test_what_is_no_failure_of_the_store_is_not_taken_for_one() -> None:
    noted = NotedSuppressions(FakeConsents(), _Unwritable(ZeroDivisionError()), _nothing_is_lost)

    with pytest.raises(ZeroDivisionError):
        noted.opt_out(an_event(True, 1, "SM1"))


def _nothing_is_lost(error: Exception) -> None:
    raise AssertionError("nothing should be lost") from error


class _Unwritable(FakeConsentLog):
    """A log whose table cannot be written."""

    def __init__(self, error: Exception) -> None:
        super().__init__(FakeClock())
        self._error = error

    def note(self, phone: str) -> None:
        raise self._error
