"""What the mirror of opt-out lists stands on; fake and real alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.limits import DynamoContactCaps
from carillon.adapters.dynamodb.mirror import DynamoMirrorStates, LedgerNews
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.budgets import Cap
from carillon.domain.clock import to_iso
from carillon.domain.message import KeptEntry
from carillon.domain.opt_out_mirror import MirrorState
from carillon.ports import ConsentNews, MirroredConsents, MirrorStates
from tests.support.clock import NOON, FakeClock
from tests.support.messages import LEAD, PHONE, an_event
from tests.support.mirroring import FakeConsents, FakeMirrorStates, FakeNews
from tests.support.tables import create_tables

OTHER = "+12025550143"


@dataclass(frozen=True)
class Rooms:
    """The consents, what is new of them, and how far the lists have come."""

    clock: FakeClock
    consents: MirroredConsents
    news: ConsentNews
    states: MirrorStates


@pytest.fixture(params=["fake", "dynamodb"])
def rooms(request: pytest.FixtureRequest) -> Iterator[Rooms]:
    clock = FakeClock()
    if request.param == "fake":
        consents = FakeConsents(clock.now)
        yield Rooms(clock, consents, FakeNews(consents), FakeMirrorStates())
        return
    with mock_aws():
        client = _client()
        yield Rooms(
            clock,
            DynamoSuppressions(client, "SuppressionsTable", "ConsentTable", clock.now),
            LedgerNews(DynamoConsentLedger(client, "ConsentTable")),
            DynamoMirrorStates(client, "ControlTable"),
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


def test_a_list_that_does_not_let_go_is_known_beside_the_consent(rooms: Rooms) -> None:
    start = replace(an_event(False, 1, "SM1"), committed_at=NOON)
    rooms.consents.opt_in(start)
    first, second = a_kept("aws:a:Default"), a_kept("aws:b:Default")

    for kept in (first, second, replace(first, tries=2)):
        rooms.consents.note_kept(start, kept)

    known = replace(start, kept_by=(replace(first, tries=2), second))
    assert rooms.consents.of(PHONE) == known
    assert rooms.consents.standing_of([PHONE]) == {PHONE: known}


def test_what_a_list_kept_is_forgotten_with_the_next_event(rooms: Rooms) -> None:
    start, stop = an_event(False, 1, "SM1"), an_event(True, 5, "SM2")
    rooms.consents.opt_in(start)
    rooms.consents.note_kept(start, a_kept("aws:a:Default"))

    rooms.consents.opt_out(stop)
    rooms.consents.note_kept(start, a_kept("aws:a:Default"))

    assert rooms.consents.of(PHONE) == stop


def test_when_an_opt_in_was_committed_is_kept(rooms: Rooms) -> None:
    """O5: by it an entry of a list is known to be older, whatever time the opt-in bears."""
    rooms.consents.opt_out(replace(an_event(True, 1, "SM1"), committed_at=NOON))
    back = replace(an_event(False, 2, "opt_1"), committed_at=NOON + timedelta(hours=1))

    rooms.consents.opt_in(back)

    assert rooms.consents.of(PHONE) == back


def test_an_opt_out_that_is_not_in_the_ledger_is_entered_once(rooms: Rooms) -> None:
    stop = replace(an_event(True, 1, "SM1"), committed_at=NOON + timedelta(seconds=2))
    rooms.consents.opt_out(stop)
    forget_ledger(rooms)

    assert [rooms.consents.enter(stop), rooms.consents.enter(stop)] == [True, False]

    told = rooms.news.after("", NOON + timedelta(minutes=5), 9)
    assert told == [(f"{to_iso(NOON + timedelta(seconds=2))}#{PHONE}", PHONE)]
    assert rooms.consents.of(PHONE) == stop


def test_an_opt_out_that_stands_no_more_is_not_entered(rooms: Rooms) -> None:
    stop, start = an_event(True, 1, "SM1"), an_event(False, 5, "SM2")
    rooms.consents.opt_out(stop)
    forget_ledger(rooms)
    rooms.consents.opt_in(start)

    assert not rooms.consents.enter(stop)

    assert rooms.consents.of(PHONE) == start


def forget_ledger(rooms: Rooms) -> None:
    """Leave the suppressions alone standing, as before there was a ledger."""
    if isinstance(rooms.consents, FakeConsents):
        rooms.consents.ledger.clear()
        rooms.consents.listed.clear()
        return
    client = boto3.client("dynamodb", region_name="us-east-1")
    for item in client.scan(TableName="ConsentTable")["Items"]:
        key = {"pk": item["pk"], "sk": item["sk"]}
        client.delete_item(TableName="ConsentTable", Key=key)


def a_kept(name: str) -> KeptEntry:
    return KeptEntry(list=name, since=NOON, tries=1, retry_at=NOON + timedelta(hours=1))


def test_an_empty_store_is_one_empty_page(rooms: Rooms) -> None:
    assert rooms.consents.opted_out_after(None, 10) == ([], None)


def change(rooms: Rooms, phone: str, *, out: bool = True) -> None:
    """Let *phone* opt out, or in, and a second pass."""
    event = replace(an_event(out, int(rooms.clock.monotonic()), "SM1"), phone=phone)
    (rooms.consents.opt_out if out else rooms.consents.opt_in)(event)
    rooms.clock.sleep(1)


def test_the_news_are_changes_in_the_order_of_their_recording(rooms: Rooms) -> None:
    phones = [number(n) for n in (3, 1, 4, 15, 9, 2, 6)]
    for n, phone in enumerate(phones):
        change(rooms, phone, out=n % 2 == 0)
    until = NOON + timedelta(minutes=5)

    first = rooms.news.after("", until, 3)
    rest = rooms.news.after(first[-1][0], until, 9)

    assert [phone for _, phone in first + rest] == phones
    assert rooms.news.after(rest[-1][0], until, 9) == []


def test_of_several_changes_of_one_phone_the_last_is_news(rooms: Rooms) -> None:
    for phone, out in ((PHONE, True), (OTHER, True), (PHONE, False)):
        change(rooms, phone, out=out)

    told = rooms.news.after("", NOON + timedelta(minutes=5), 9)

    assert [phone for _, phone in told] == [OTHER, PHONE]


def test_what_was_recorded_after_the_given_instant_is_no_news_yet(rooms: Rooms) -> None:
    change(rooms, PHONE)
    rooms.clock.sleep(60)
    change(rooms, OTHER)

    told = rooms.news.after("", NOON + timedelta(seconds=59), 10)

    assert [phone for _, phone in told] == [PHONE]


def test_a_list_of_which_nothing_is_known_has_come_nowhere(rooms: Rooms) -> None:
    assert rooms.states.get("aws:us-east-1:Default") == MirrorState()


@pytest.mark.parametrize(
    "state",
    [
        MirrorState(told_until="2026#+1", their_cursor="t", our_cursor="+1", next_round_at=NOON),
        MirrorState(told_until="2026#+1"),
    ],
)
def test_how_far_a_list_has_come_is_kept(rooms: Rooms, state: MirrorState) -> None:
    rooms.states.save("aws:us-east-1:Default", MirrorState(their_cursor="before"))

    rooms.states.save("aws:us-east-1:Default", state)

    assert rooms.states.get("aws:us-east-1:Default") == state
    assert rooms.states.get("aws:us-east-1:Other") == MirrorState()


# The real ones alone ---------------------------------------------------------------


def test_what_is_counted_beside_a_persons_consent_is_no_opt_out() -> None:
    with mock_aws():
        client = _client()
        caps = DynamoContactCaps(client, "SuppressionsTable")
        caps.take(PHONE, LEAD, [Cap(most=3, within=timedelta(days=1))], NOON)
        suppressions = DynamoSuppressions(client, "SuppressionsTable", "ConsentTable", lambda: NOON)

        assert suppressions.opted_out_after(None, 10) == ([], None)
