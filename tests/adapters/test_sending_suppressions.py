"""Consent in the order of events, whatever order they arrive in; fake and real alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.clock import to_iso
from carillon.domain.consent import Circumstances, ConsentEntry, OptOut
from carillon.domain.listing import Listing, Position
from carillon.domain.message import CallbackRef, RowRef, Suppression
from tests.support.clock import NOON
from tests.support.messages import KEY, LEAD, PHONE, after, an_event
from tests.support.stores import Stores, dynamo_stores

STOP, START = True, False


def apply(stores: Stores, event: Suppression) -> Suppression:
    if event.opted_out:
        return stores.suppressions.opt_out(event)
    return stores.suppressions.opt_in(event)


def test_a_phone_nobody_has_heard_of_stands_nowhere(stores: Stores) -> None:
    assert stores.suppressions.of(PHONE) is None


def test_what_stands_is_returned_as_it_was_written(stores: Stores) -> None:
    stop = an_event(STOP, 1, "SM1")

    assert apply(stores, stop) == stop
    assert stores.suppressions.of(PHONE) == stop


@pytest.mark.parametrize(
    ("events", "ends_opted_out"),
    [
        ([(STOP, 1), (START, 2)], False),
        ([(START, 1), (STOP, 2)], True),
        ([(STOP, 1), (START, 1)], True),
        ([(STOP, 1), (START, 3), (STOP, 5)], True),
        ([(START, 1), (STOP, 3), (START, 5)], False),
        ([(STOP, 1), (STOP, 5), (START, 3)], True),
        ([(START, 1), (START, 5), (STOP, 3)], False),
        ([(STOP, 1), (START, 2), (STOP, 3), (START, 4)], False),
        ([(STOP, 1), (STOP, 4), (START, 4), (START, 2)], True),
    ],
)
def test_the_newest_event_wins_in_every_order_of_arrival(
    stores: Stores, events: list[tuple[bool, int]], ends_opted_out: bool
) -> None:
    for number, order in enumerate(permutations(events)):
        phone = f"+1202555{number:04d}"
        for out, at_s in order:
            event = an_event(out, at_s, f"{'STOP' if out else 'START'}@{at_s}")
            apply(stores, Suppression(**{**vars(event), "phone": phone}))

        standing = stores.suppressions.of(phone)
        assert standing is not None
        assert standing.opted_out is ends_opted_out, order
        # The newest event's time stands, so that nothing older can ever come between.
        assert standing.event_at == after(max(at_s for _, at_s in events)), order


def test_a_second_stop_is_not_a_second_opt_out(stores: Stores) -> None:
    apply(stores, an_event(STOP, 1, "SM1"))

    standing = apply(stores, an_event(STOP, 5, "SM2"))

    assert (standing.cause, standing.event_at) == ("SM1", after(5))
    assert stores.suppressions.of(PHONE) == standing


def test_a_repeated_event_finds_itself(stores: Stores) -> None:
    stop = an_event(STOP, 1, "SM1")
    apply(stores, stop)

    assert apply(stores, stop) == stop


def test_an_event_that_comes_too_late_is_told_what_stands(stores: Stores) -> None:
    stop = an_event(STOP, 5, "SM2")
    apply(stores, stop)

    assert apply(stores, an_event(START, 4, "SM1")) == stop


def test_a_start_that_comes_between_the_two_writes_of_a_repeated_stop_is_seen() -> None:
    with dynamo_stores() as stores:
        apply(stores, an_event(STOP, 1, "SM1"))
        racing = DynamoSuppressions(
            _Racing(stores.client, lambda: apply(stores, an_event(START, 3, "SM2"))),
            "SuppressionsTable",
            "ConsentTable",
            lambda: NOON,
        )

        standing = racing.opt_out(an_event(STOP, 5, "SM3"))

        assert (standing.opted_out, standing.cause) == (True, "SM3")
        assert stores.suppressions.of(PHONE) == standing


class _Racing:
    """A DynamoDB client before whose second write somebody else gets a turn."""

    def __init__(self, client: Any, act: Callable[[], object]) -> None:
        self._client = client
        self._act = act
        self._writes = 0

    def transact_write_items(self, **request: Any) -> Any:
        self._writes += 1
        if self._writes == 2:
            self._act()
        return self._client.transact_write_items(**request)


# The ledger ---------------------------------------------------------------------


def told(event: Suppression, **circumstances: Any) -> Suppression:
    return replace(event, told=Circumstances(**circumstances))


def causes(stores: Stores) -> list[str]:
    return [entry.cause for entry in stores.ledger.history(PHONE)]


def listed(stores: Stores) -> list[str]:
    return [one.phone for one in stores.ledger.newest(50, None).items]


def test_an_event_is_kept_with_what_is_known_about_it(stores: Stores) -> None:
    stop = told(an_event(STOP, 1, "SM1"), wording="Stop it!", by="usr_1", reason="asked")

    apply(stores, stop)

    assert list(stores.ledger.history(PHONE)) == [
        ConsentEntry(
            phone=PHONE,
            opted_out=True,
            event_at=after(1),
            recorded_at=NOON,
            source="keyword",
            cause="SM1",
            circumstances=Circumstances(wording="Stop it!", by="usr_1", reason="asked"),
        )
    ]


def test_every_event_is_in_the_ledger_in_its_order_whatever_stands(stores: Stores) -> None:
    """O6: every opt-in and opt-out, in order."""
    for number, order in enumerate(permutations([(STOP, 1), (START, 3), (STOP, 5), (STOP, 7)])):
        phone = f"+1202555{number:04d}"
        for out, at_s in order:
            apply(stores, replace(an_event(out, at_s, f"SM{at_s}"), phone=phone))

        kept = [entry.cause for entry in stores.ledger.history(phone)]
        assert kept == ["SM7", "SM5", "SM3", "SM1"], order


def test_a_repeated_event_is_one_entry_and_keeps_its_first_words(stores: Stores) -> None:
    for wording in ("stop", "STOP"):
        apply(stores, told(an_event(STOP, 1, "SM1"), wording=wording))

    (entry,) = stores.ledger.history(PHONE)
    assert entry.circumstances.wording == "stop"


def test_what_was_said_within_a_millisecond_finds_itself_again(stores: Stores) -> None:
    stop = an_event(STOP, 1.000_4, "SM1")

    for _ in range(2):
        assert apply(stores, stop).cause == "SM1"

    assert causes(stores) == ["SM1"]


def test_the_conversation_of_an_event_is_added_once(stores: Stores) -> None:
    stop = an_event(STOP, 1, "SM1")
    apply(stores, stop)

    for campaign in ("cmp_a", "cmp_b"):
        stores.suppressions.note_thread(stop, RowRef(f"{campaign}#00000", f"{KEY}#s1"))
    stores.suppressions.note_thread(an_event(STOP, 9, "SM9"), LEAD)

    (entry,) = stores.ledger.history(PHONE)
    assert entry.circumstances.campaign_id == "cmp_a"
    assert entry.circumstances.conversation == CallbackRef(LEAD).token


def test_a_conversation_that_answers_no_campaign_names_none(stores: Stores) -> None:
    stop = an_event(STOP, 1, "SM1")
    apply(stores, stop)

    thread = RowRef("unsolicited#snd_a#07", KEY)
    stores.suppressions.note_thread(stop, thread)

    (entry,) = stores.ledger.history(PHONE)
    assert (entry.circumstances.campaign_id, entry.circumstances.conversation) == (
        None,
        CallbackRef(thread).token,
    )


def test_the_ledger_of_a_phone_pages(stores: Stores) -> None:
    for at_s in range(5):
        apply(stores, an_event(STOP, at_s, f"SM{at_s}"))

    first = stores.ledger.entries(PHONE, 3, None)
    second = stores.ledger.entries(PHONE, 3, first.next)

    assert [e.cause for e in (*first.items, *second.items)] == ["SM4", "SM3", "SM2", "SM1", "SM0"]
    assert second.next is None


def test_only_who_is_out_is_listed(stores: Stores) -> None:
    assert listed(stores) == []
    apply(stores, an_event(STOP, 1, "SM1"))
    assert listed(stores) == [PHONE]
    apply(stores, an_event(START, 2, "SM2"))
    assert listed(stores) == []
    assert stores.ledger.starting_with("1202", 50, None).items == ()
    apply(stores, an_event(STOP, 0, "SM0"))
    assert listed(stores) == []


def test_who_is_out_is_listed_by_the_event_that_brought_them_there(stores: Stores) -> None:
    apply(stores, told(an_event(STOP, 1, "SM1"), by="usr_1", reason="asked"))
    apply(stores, told(an_event(STOP, 5, "SM2"), reason="again"))

    (one,) = stores.ledger.newest(50, None).items
    assert one == OptOut(
        phone=PHONE,
        opted_out=True,
        event_at=after(1),
        recorded_at=NOON,
        source="keyword",
        cause="SM1",
        by="usr_1",
        reason="asked",
    )


def test_a_number_is_found_by_its_first_digits_alone(stores: Stores) -> None:
    phones = ["+12025550100", "+12025550101", "+12035550100", "+447700900123"]
    for phone in phones:
        apply(stores, replace(an_event(STOP, 1, "SM1"), phone=phone))

    def found(digits: str) -> list[str]:
        return [one.phone for one in stores.ledger.starting_with(digits, 50, None).items]

    assert found("1202") == phones[:2]
    assert found("12025550101") == [phones[1]]
    assert found("4477") == [phones[3]]
    assert found("4478") == []


def test_both_listings_page_without_showing_anybody_twice(stores: Stores) -> None:
    phones = [f"+120255501{n:02d}" for n in range(25)]
    for phone in phones:
        apply(stores, replace(an_event(STOP, 1, "SM1"), phone=phone))

    def walked(page: Callable[[Position | None], Listing[OptOut]]) -> list[str]:
        found, position = [], None
        while True:
            listing = page(position)
            found += [one.phone for one in listing.items]
            position = listing.next
            if position is None:
                return found

    assert walked(lambda at: stores.ledger.newest(7, at)) == phones[::-1]
    assert walked(lambda at: stores.ledger.starting_with("1202", 7, at)) == phones


def test_a_mirror_reads_in_the_order_of_recording_who_went_and_who_came_back() -> None:
    minutes = iter(range(100))
    with dynamo_stores() as stores:
        suppressions = DynamoSuppressions(
            stores.client,
            "SuppressionsTable",
            "ConsentTable",
            lambda: NOON + timedelta(minutes=next(minutes)),
        )
        ledger = DynamoConsentLedger(stores.client, "ConsentTable")
        phones = [f"+120255501{n:02d}" for n in range(20)]
        for phone in phones:
            suppressions.opt_out(replace(an_event(STOP, 1, "SM1"), phone=phone))
        suppressions.opt_in(replace(an_event(START, 2, "SM2"), phone=phones[0]))

        def since(place: str, *, opted_out: bool) -> list[str]:
            lanes = [ledger.lane_after(n, place, 50, opted_out=opted_out) for n in range(8)]
            found = sorted(pair for lane in lanes for pair in lane)
            return [one.phone for _, one in found]

        assert since("", opted_out=True) == phones[1:]
        assert since("", opted_out=False) == [phones[0]]
        # Two times are read for each event: of its entry and of its place in the list.
        assert since(to_iso(NOON + timedelta(minutes=35)), opted_out=True) == phones[17:]


# When something is wrong with the ledger ------------------------------------------


def test_an_opt_out_stands_even_when_the_ledger_refuses_and_a_later_try_completes_it() -> None:
    with dynamo_stores() as stores:
        stop = told(an_event(STOP, 1, "SM1"), wording="stop")
        broken = DynamoSuppressions(
            _Refusing(stores.client), "SuppressionsTable", "ConsentTable", lambda: NOON
        )

        with pytest.raises(ClientError):
            broken.opt_out(stop)

        assert stores.suppressions.of(PHONE) == stop
        assert (causes(stores), listed(stores)) == ([], [])
        assert stores.suppressions.opt_out(stop) == stop
        assert (causes(stores), listed(stores)) == (["SM1"], [PHONE])


def test_who_says_stop_again_before_the_ledger_is_completed_is_listed_all_the_same() -> None:
    with dynamo_stores() as stores:
        stop = an_event(STOP, 1, "SM1")
        broken = DynamoSuppressions(
            _Refusing(stores.client), "SuppressionsTable", "ConsentTable", lambda: NOON
        )
        with pytest.raises(ClientError):
            broken.opt_out(stop)

        stores.suppressions.opt_out(an_event(STOP, 5, "SM2"))
        stores.suppressions.opt_out(stop)

        assert (causes(stores), listed(stores)) == (["SM2", "SM1"], [PHONE])


def test_an_opt_in_does_not_stand_without_the_ledger() -> None:
    with dynamo_stores() as stores:
        stop = an_event(STOP, 1, "SM1")
        stores.suppressions.opt_out(stop)
        broken = DynamoSuppressions(
            _Refusing(stores.client), "SuppressionsTable", "ConsentTable", lambda: NOON
        )

        with pytest.raises(ClientError):
            broken.opt_in(an_event(START, 2, "SM2"))

        assert stores.suppressions.of(PHONE) == stop


def test_an_event_whose_phone_is_being_written_by_another_is_tried_again() -> None:
    with dynamo_stores() as stores:
        busy = _Refusing(stores.client, times=2, code="TransactionCanceledException")
        suppressions = DynamoSuppressions(busy, "SuppressionsTable", "ConsentTable", lambda: NOON)

        suppressions.opt_out(an_event(STOP, 1, "SM1"))

        assert causes(stores) == ["SM1"]


def test_a_ledger_that_is_ahead_of_the_suppressions_does_not_keep_anybody_in() -> None:
    with dynamo_stores() as stores:
        stop = an_event(STOP, 1, "SM1")
        stores.suppressions.opt_out(stop)
        stores.client.delete_item(TableName="SuppressionsTable", Key={"pk": {"S": PHONE}})

        assert stores.suppressions.opt_out(stop) == stop

        assert stores.suppressions.of(PHONE) == stop
        assert causes(stores) == ["SM1"]


class _Refusing:
    """A DynamoDB client that refuses transactions, so many *times*."""

    def __init__(self, client: Any, times: int = 99, code: str = "ThrottlingException") -> None:
        self._client = client
        self._left = times
        self._code = code

    def transact_write_items(self, **request: Any) -> Any:
        if not self._left:
            return self._client.transact_write_items(**request)
        self._left -= 1
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        answer: Any = {"Error": {"Code": self._code, "Message": ""}}
        if self._code == "TransactionCanceledException":
            answer["CancellationReasons"] = reasons
        raise ClientError(answer, "TransactWriteItems")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
