"""
The stream's worst day: crashes at every call, replays, bisected batches, rivals, conflicts.

Whatever happens, once the stream has been delivered the counters equal the sum over rows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.books import (
    LANES,
    MOST_DAY_ADDITIONS,
    Change,
    CommitOutcome,
    Fold,
    PartBook,
)
from carillon.domain.counters import Contribution, Counts, contribution, total_of
from carillon.usecases.fold_changes import Aggregator
from tests.support.counter_histories import histories, history
from tests.support.counters import (
    CAMPAIGN,
    OFFICE,
    FakeCounters,
    FakeMessages,
    StillClock,
    a_change,
    a_lead,
    an_inbound,
    at,
    campaign_of,
    part,
)


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Perilous:
    """Implements ``ports.CounterBooks`` over *books*; each call first takes its fate."""

    books: FakeCounters
    fates: Iterator[str]
    rival: Callable[[], object] = field(default=lambda: None)

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        fate = next(self.fates, "well")
        if fate == "crash before":
            raise Crash
        found = self.books.part_books(partitions)
        if fate == "crash after":
            raise Crash
        if fate == "rival":
            self.rival()
        return found

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        fate = next(self.fates, "well")
        if fate == "crash before":
            raise Crash
        if fate == "busy":
            return CommitOutcome.BUSY
        if fate == "rival":
            self.rival()
        outcome = self.books.commit(fold, lane)
        if fate == "crash after":
            raise Crash
        if fate == "answer lost":
            # Written, but the caller only learns that something went wrong.
            return CommitOutcome.BUSY
        return outcome


FATES = ("well", "crash before", "crash after", "busy", "answer lost", "rival")


def rows_of(messages: FakeMessages, campaign_id: str) -> Contribution:
    """Return the recount: the sum over the rows that exist."""
    result = Contribution()
    for (partition, _), row in messages.table.items():
        if campaign_of(partition) == campaign_id:
            result.merge(contribution(row))
    return result


def deliver(
    messages: FakeMessages, books: FakeCounters, fates: list[str], sizes: list[int]
) -> None:
    """
    Deliver both shards of the stream as Lambda does, dying by *fates*, in batches of *sizes*.

    A shard's records come in order. After a crash the batch comes again, cut in
    half; after a partial failure from the record named; after success, sometimes
    once more (a duplicate invocation).
    """
    fate = iter(fates)
    size = iter(sizes)
    for shard in range(2):
        records = [c for c in messages.stream if sum(c.partition.encode()) % 2 == shard]
        position, width = 0, next(size, 3)
        while position < len(records):
            batch = records[position : position + width]
            position, width = _invoke(books, batch, fate, position, width)
            if width == 0:
                width = next(size, 3)
                _aggregator(books).fold_changes(batch)


def _invoke(
    books: FakeCounters, batch: list[Change], fate: Iterator[str], position: int, width: int
) -> tuple[int, int]:
    """Run one invocation; return where the shard goes on, and the batch size (0: the next)."""
    rival = _aggregator(books)
    perilous = Perilous(books, fate, lambda: rival.fold_changes(batch))
    try:
        report = Aggregator(perilous, StillClock(), campaign_of).fold_changes(batch)
    except Crash:
        return position, max(1, width // 2)
    assert report.applied + report.replayed + report.foreign + len(report.failed) == len(batch)
    if report.failed_from is None:
        return position + len(batch), 0
    again = [c.sequence_number for c in batch].index(report.failed_from)
    return position + again, width


def _aggregator(books: FakeCounters) -> Aggregator:
    return Aggregator(books, StillClock(), campaign_of)


def office_quarters(books: FakeCounters) -> dict[str, Counts]:
    return {q: counts for (office, q), counts in books.office_items.items() if counts}


@settings(max_examples=300, deadline=None)
@given(
    messages=histories(),
    fates=st.lists(st.sampled_from(FATES), max_size=60),
    sizes=st.lists(st.integers(1, 12), max_size=20),
)
def test_counters_equal_a_recount_whatever_the_stream_suffers(
    messages: FakeMessages, fates: list[str], sizes: list[int]
) -> None:
    books = FakeCounters()

    deliver(messages, books, fates, sizes)

    first, second = rows_of(messages, CAMPAIGN), rows_of(messages, "cmp_2")
    assert books.lanes(CAMPAIGN) == first.totals
    assert books.lanes("cmp_2") == second.totals
    assert {q: c for q, c in books.quarters(CAMPAIGN).items() if c} == first.quarters
    first.merge(second)
    assert office_quarters(books) == first.quarters
    # A sender's figures are sums over campaigns.
    assert {key: own for key, own in books.sender_items.items() if own} == first.sender_days
    assert total_of(book.counts for book in books.books.values()) == first.totals


@pytest.mark.parametrize("call", range(4))
@pytest.mark.parametrize("fate", FATES)
def test_one_mishap_at_any_single_call_changes_no_figure(call: int, fate: str) -> None:
    steps = [(where, who, choice) for choice in (0, 1, 0) for where in range(3) for who in (0, 1)]
    messages = history(steps)
    books = FakeCounters()

    deliver(messages, books, ["well"] * call + [fate], [7])

    whole = rows_of(messages, CAMPAIGN)
    assert books.lanes(CAMPAIGN) == whole.totals
    assert {key: own for key, own in books.sender_items.items() if own} == whole.sender_days


def test_what_a_rival_left_over_is_applied_in_the_same_invocation() -> None:
    books = FakeCounters()
    changes = [a_change(1, a_lead()), a_change(2, a_lead())]
    rival = _aggregator(books)
    perilous = Perilous(books, iter(["rival"]), lambda: rival.fold_changes(changes[:1]))

    report = Aggregator(perilous, StillClock(), campaign_of).fold_changes(changes)

    assert (report.applied, report.replayed, report.failed) == (1, 1, [])
    assert books.lanes(CAMPAIGN) == {"claimed": 2}


def test_records_of_no_campaign_advance_nothing() -> None:
    books = FakeCounters()
    changes = [
        a_change(1, an_inbound(), partition="unsolicited#snd_1#07"),
        a_change(2, {"kind": "parked"}, partition="parked#03"),
    ]

    report = _aggregator(books).fold_changes(changes)

    assert (report.applied, report.foreign, books.books) == (0, 2, {})


def test_sequence_numbers_are_compared_as_numbers() -> None:
    books = FakeCounters()
    aggregator = _aggregator(books)
    aggregator.fold_changes([a_change(999, a_lead())])

    aggregator.fold_changes([a_change(1000, a_lead(status="submitted"), old=a_lead())])

    assert books.lanes(CAMPAIGN) == {"submitted": 1, "segments": 1}


class AlwaysBusy(FakeCounters):
    """Never lets *partition* be written."""

    partition = part(1)

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        if any(step.partition == self.partition for step in fold.advances):
            return CommitOutcome.BUSY
        return super().commit(fold, lane)


def test_a_part_that_cannot_be_written_is_reported_from_its_first_record() -> None:
    books = AlwaysBusy()
    changes = [
        a_change(1, a_lead(), partition=part(0, "cmp_2")),
        a_change(2, a_lead(), partition=part(1)),
        a_change(3, a_lead(), partition=part(1)),
        a_change(4, a_lead(), partition=part(2, "cmp_2")),
    ]

    report = _aggregator(books).fold_changes(changes)

    assert report.failed_from == "2"
    assert (report.applied, len(report.failed)) == (2, 2)
    assert books.lanes("cmp_2") == {"claimed": 2}


def test_no_later_record_of_a_failed_part_is_applied() -> None:
    # One part whose changes need several transactions, the first of which fails.
    class BusyAtFirst(FakeCounters):
        refusals = 8

        def commit(self, fold: Fold, lane: int) -> CommitOutcome:
            if self.refusals:
                self.refusals -= 1
                return CommitOutcome.BUSY
            return super().commit(fold, lane)

    books = BusyAtFirst()
    changes = [a_change(n, an_inbound(received_at=at(15 * n))) for n in range(1, 101)]

    report = _aggregator(books).fold_changes(changes)

    assert report.failed_from == "1"
    assert (report.applied, books.books) == (0, {})


@dataclass
class Measured(FakeCounters):
    """Notes how many items each transaction has."""

    sizes: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        days = {quarter[:10] for quarter in fold.quarters}
        sums = [fold.totals, *fold.office_days.values(), *fold.office_months.values()]
        items = [*days, *(counts for counts in (*sums, *fold.office_quarters.values()) if counts)]
        months = {(sender_id, date[:7]) for sender_id, date in fold.sender_days}
        self.sizes.append(len(fold.advances) + len(items) + len(months))
        self.widths.append(sum(map(len, fold.quarters.values())))
        return super().commit(fold, lane)


def test_no_transaction_has_more_than_100_items() -> None:
    books = Measured()
    spread = [a_change(n, an_inbound(received_at=at(15 * n))) for n in range(1, 200)]
    wide = [a_change(n, a_lead(), partition=part(n)) for n in range(200, 260)]

    report = _aggregator(books).fold_changes([*spread, *wide])

    assert report.applied == len(spread) + len(wide)
    assert max(books.sizes) <= 100
    assert books.lanes(CAMPAIGN) == {"inbound": 199, "claimed": 60}


def test_no_transaction_adds_more_to_a_day_than_one_expression_holds() -> None:
    books = Measured()
    # A day's backlog after an outage: every quarter hour, and a reason of failure in each.
    rows = [
        a_lead(status="failed", error_code=f"3000{n % 9}", submitted_at=at(n), final_at=at(n + 20))
        for n in range(0, 11 * 60, 5)
    ]
    backlog = [a_change(n, row, partition=part(n % 30)) for n, row in enumerate(rows, 1)]

    report = _aggregator(books).fold_changes(backlog)

    assert report.applied == len(rows)
    assert sum(books.widths) > MOST_DAY_ADDITIONS >= max(books.widths)
    assert books.lanes(CAMPAIGN)["failed_provider"] == len(rows)


def test_neither_has_one_whose_messages_went_out_by_many_senders() -> None:
    books = Measured()
    sent = {"status": "submitted", "submitted_at": at(1)}
    changes = [a_change(n, a_lead(sender_id=f"snd_{n}", **sent)) for n in range(1, 250)]

    report = _aggregator(books).fold_changes(changes)

    assert report.applied == len(changes)
    assert max(books.sizes) <= 100
    assert [key for key, own in books.sender_items.items() if own["submitted"] != 1] == []
    assert len(books.sender_items) == len(changes)


def test_a_ttl_deletion_takes_nothing_away() -> None:
    books = FakeCounters()
    delivered = a_lead(status="delivered", submitted_at=at(1), final_at=at(2))
    gone = replace(a_change(2, None, old=delivered), expired=True)

    _aggregator(books).fold_changes([a_change(1, delivered), gone])

    assert books.lanes(CAMPAIGN) == {"submitted": 1, "segments": 1, "delivered": 1}
    assert books.books[part()].expired == 1


def test_an_aggregator_that_meets_a_conflict_moves_to_another_lane_and_stays() -> None:
    class BusyOnce(FakeCounters):
        refused = False

        def commit(self, fold: Fold, lane: int) -> CommitOutcome:
            if not self.refused:
                self.refused = True
                return CommitOutcome.BUSY
            return super().commit(fold, lane)

    books = BusyOnce()
    aggregator = Aggregator(books, StillClock(), campaign_of, dice=lambda: 0.5)

    aggregator.fold_changes([a_change(1, a_lead())])
    aggregator.fold_changes([a_change(2, a_lead())])

    assert books.lane_items == {(CAMPAIGN, LANES // 2): {"claimed": 2}}


def test_an_office_is_given_what_its_campaigns_count() -> None:
    books = FakeCounters()
    changes = [
        a_change(1, an_inbound(), partition=part(0)),
        a_change(2, an_inbound(), partition=part(0, "cmp_2")),
        a_change(3, an_inbound(office_id="off_2"), partition=part(0, "cmp_3")),
    ]

    _aggregator(books).fold_changes(changes)

    quarter = "2026-11-22T12:00Z"
    assert books.office_items == {
        (OFFICE, quarter): {"inbound": 2},
        ("off_2", quarter): {"inbound": 1},
    }
