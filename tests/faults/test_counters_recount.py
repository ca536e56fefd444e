"""A recount finds exactly the drift there is, corrects it once, and never takes delay for drift."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.books import Fold, PartBook
from carillon.domain.campaign import Campaign
from carillon.domain.counters import Counts, contribution, total_of
from carillon.domain.recount import RecountReport, RecountState
from carillon.usecases.fold_changes import Aggregator
from carillon.usecases.recount import Progress, RecountWorld, recount_campaign
from tests.support.counter_histories import histories
from tests.support.counters import (
    CAMPAIGN,
    FakeCounters,
    FakeMessages,
    StillClock,
    a_campaign,
    a_lead,
    an_inbound,
    at,
    campaign_of,
    part,
)

NEVER = 1e9
DELIVERED = a_lead(status="delivered", submitted_at=at(1), final_at=at(2), segments=2)
COUNTS_OF_DELIVERED = {"submitted": 1, "segments": 2, "delivered": 1}


class Crash(BaseException):
    """The process dies here."""


class Ground:
    """A campaign's rows, its stream as far as it was delivered, and its counters."""

    def __init__(self, *, parts: int = 2, total: int = 4) -> None:
        self.campaign: Campaign = a_campaign(parts=parts, total=total)
        self.messages = FakeMessages()
        self.counters = FakeCounters()
        self.clock = StillClock()
        self.queue: list[Mapping[str, Any]] = []
        self._delivered = 0
        # The stream goes on while the recount waits.
        self.clock.on_sleep = self.deliver

    def put(self, message: Mapping[str, Any], *, delay_s: int = 0) -> None:
        self.queue.append(message)

    def deliver(self) -> None:
        changes = self.messages.stream[self._delivered :]
        self._delivered += len(changes)
        Aggregator(self.counters, StillClock(), campaign_of).fold_changes(changes)

    def lose_the_undelivered(self) -> None:
        self._delivered = len(self.messages.stream)

    def recount(self, *, deadline: float = NEVER, **world: Any) -> RecountReport:
        report = self.recount_or_stop(deadline=deadline, **world)
        assert report is not None
        return report

    def recount_or_stop(
        self, *, deadline: float = NEVER, progress: Progress | None = None, **world: Any
    ) -> RecountReport | None:
        values: dict[str, Any] = {
            "rows": self.messages,
            "books": self.counters,
            "clock": self.clock,
            "queue": self,
            "part_name": lambda campaign_id, number: part(number, campaign_id),
            **world,
        }
        return recount_campaign(
            self.campaign,
            "on_demand",
            progress or Progress(),
            RecountWorld(**values),
            deadline=deadline,
        )

    def assert_exact(self) -> None:
        """Every counter, book and quarter hour equals the sum over the rows."""
        rows = [contribution(row) for row in self.messages.table.values()]
        assert self.counters.lanes(CAMPAIGN) == total_of(row.totals for row in rows)
        books = self.counters.books.values()
        assert total_of(book.counts for book in books) == total_of(row.totals for row in rows)
        wanted: dict[str, Counts] = {}
        for row in rows:
            for quarter, counts in row.quarters.items():
                wanted[quarter] = total_of([wanted.get(quarter, {}), counts])
        assert {q: c for q, c in self.counters.quarters(CAMPAIGN).items() if c} == wanted
        offices = {q: c for (_, q), c in self.counters.office_items.items() if c}
        assert offices == wanted


@pytest.fixture
def ground() -> Ground:
    """Two parts with a delivered lead each and a reply, all delivered."""
    made = Ground()
    made.messages.write(part(0), "aa", DELIVERED)
    made.messages.write(part(1), "ff", DELIVERED)
    made.messages.write(part(1), "ff#in#SM1", an_inbound())
    made.deliver()
    return made


def test_a_recount_without_drift_says_so_and_writes_no_mark(ground: Ground) -> None:
    before = len(ground.messages.stream)

    report = ground.recount()

    assert (report.state, report.drift, report.unsettled) == (RecountState.EXACT, {}, 2)
    assert ground.counters.recounts[CAMPAIGN] == report
    assert len(ground.messages.stream) == before


def test_a_lost_record_is_found_and_corrected_once(ground: Ground) -> None:
    ground.messages.write(part(0), "bb", {**DELIVERED, "final_at": at(20)})
    ground.lose_the_undelivered()

    report = ground.recount()
    again = ground.recount()

    assert report.state is RecountState.HEALED
    # The totals, and the two quarter hours in which they belong.
    assert report.drift == {**COUNTS_OF_DELIVERED, "quarter_hours": 2}
    assert (again.state, again.drift) == (RecountState.EXACT, {})
    ground.assert_exact()


def test_a_change_counted_twice_is_taken_back(ground: Ground) -> None:
    book = ground.counters.books[part(0)]
    ground.counters.correct_part(CAMPAIGN, part(0), book, {"delivered": 1})

    report = ground.recount()

    assert (report.state, report.drift) == (RecountState.HEALED, {"delivered": -1})
    ground.assert_exact()


def test_a_lane_that_lost_an_addition_is_brought_in_line_with_the_books(ground: Ground) -> None:
    ground.counters.lane_items[CAMPAIGN, 0] = {"delivered": 1}

    report = ground.recount()

    assert report.state is RecountState.HEALED
    assert report.drift == {"submitted": 2, "segments": 4, "delivered": 1, "inbound": 1}
    ground.assert_exact()


def test_what_is_still_in_the_stream_is_not_drift(ground: Ground) -> None:
    ground.messages.write(part(0), "bb", DELIVERED)

    report = ground.recount()

    assert (report.state, report.drift) == (RecountState.EXACT, {})
    ground.assert_exact()


def test_drift_is_told_from_delay_when_both_are_there(ground: Ground) -> None:
    ground.messages.write(part(0), "bb", DELIVERED)
    ground.lose_the_undelivered()
    ground.messages.write(part(0), "cc", {**DELIVERED, "segments": 7})

    report = ground.recount()

    assert report.state is RecountState.HEALED
    assert {**report.drift, "quarter_hours": 0} == {**COUNTS_OF_DELIVERED, "quarter_hours": 0}
    ground.assert_exact()


def test_a_stream_that_stands_still_makes_the_recount_busy_and_corrects_nothing(
    ground: Ground,
) -> None:
    ground.messages.write(part(0), "bb", DELIVERED)
    ground.clock.on_sleep = lambda: None
    before = dict(ground.counters.lanes(CAMPAIGN))

    report = ground.recount()

    assert (report.state, report.drift) == (RecountState.BUSY, {})
    assert ground.counters.lanes(CAMPAIGN) == before
    ground.deliver()
    ground.assert_exact()


def test_a_part_that_keeps_changing_is_busy_and_not_corrected(ground: Ground) -> None:
    ground.messages.write(part(0), "bb", DELIVERED)
    ground.lose_the_undelivered()
    arrived = iter(range(1000))

    def go_on() -> None:
        ground.messages.write(part(0), f"aa#in#{next(arrived)}", an_inbound())
        ground.deliver()

    ground.clock.on_sleep = go_on

    report = ground.recount()

    assert (report.state, report.drift) == (RecountState.BUSY, {})
    ground.clock.on_sleep = ground.deliver
    ground.recount()
    ground.assert_exact()


class DiesAfter(FakeCounters):
    """Dies after its write number *deadly* was made, or before it when *before*."""

    def __init__(self, counters: FakeCounters, deadly: int, *, before: bool) -> None:
        super().__init__(
            books=counters.books,
            lane_items=counters.lane_items,
            time_items=counters.time_items,
            office_items=counters.office_items,
            recounts=counters.recounts,
            versions=counters.versions,
        )
        self._left = deadly
        self._before = before

    def correct_part(
        self, campaign_id: str, partition: str, book: PartBook, drift: Mapping[str, int]
    ) -> bool:
        self._die(here=self._before)
        done = super().correct_part(campaign_id, partition, book, drift)
        self._die(here=not self._before)
        return done

    def correct_campaign(self, fold: Fold, version: int) -> bool:
        self._die(here=self._before)
        done = super().correct_campaign(fold, version)
        self._die(here=not self._before)
        return done

    def note_recount(self, report: RecountReport) -> None:
        self._die(here=self._before)
        super().note_recount(report)
        self._die(here=not self._before)

    def _die(self, *, here: bool) -> None:
        if here:
            self._left -= 1
            if self._left < 0:
                raise Crash


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("deadly", range(4))
def test_a_recount_that_dies_at_any_write_is_repeated_without_harm(
    ground: Ground, deadly: int, before: bool
) -> None:
    ground.messages.write(part(0), "bb", DELIVERED)
    ground.messages.write(part(1), "cc", DELIVERED)
    ground.lose_the_undelivered()

    with pytest.raises(Crash):
        ground.recount(books=DiesAfter(ground.counters, deadly, before=before))
    ground.deliver()
    report = ground.recount()

    assert report.state in (RecountState.HEALED, RecountState.EXACT)
    ground.assert_exact()


def test_two_recounts_at_once_correct_once(ground: Ground) -> None:
    ground.messages.write(part(0), "bb", DELIVERED)
    ground.lose_the_undelivered()

    class Rivalled(FakeCounters):
        def correct_part(
            self, campaign_id: str, partition: str, book: PartBook, drift: Mapping[str, int]
        ) -> bool:
            # The rival has compared the same book and is a moment faster.
            ground.counters.correct_part(campaign_id, partition, book, drift)
            return super().correct_part(campaign_id, partition, book, drift)

    rivalled = Rivalled(
        books=ground.counters.books,
        lane_items=ground.counters.lane_items,
        time_items=ground.counters.time_items,
        office_items=ground.counters.office_items,
    )
    ground.recount(books=rivalled)

    ground.assert_exact()


def test_a_recount_out_of_time_hands_over_and_the_next_run_finishes(ground: Ground) -> None:
    ground.campaign = a_campaign(parts=60, total=4)
    ground.messages.write(part(0), "bb", DELIVERED)
    ground.messages.write(part(59), "cc", DELIVERED)
    ground.lose_the_undelivered()

    class OneSecondARead(FakeMessages):
        def rows(self, partition: str) -> dict[str, Any]:
            ground.clock.sleep(1)
            return dict(ground.messages.rows(partition))

        def mark(self, partition: str, sk: str, mark: str) -> bool:
            return ground.messages.mark(partition, sk, mark)

    stopped = ground.recount_or_stop(deadline=5, rows=OneSecondARead())
    report = ground.recount(progress=Progress.of(ground.queue[0]))

    assert stopped is None
    assert ground.queue[0]["next_part"] == 25
    assert report.state is RecountState.HEALED
    assert {**report.drift, "quarter_hours": 0}["delivered"] == 2
    assert report.unsettled == 0
    assert ground.counters.lanes(CAMPAIGN)["delivered"] == 4


def test_what_ttl_has_removed_stays_counted(ground: Ground) -> None:
    ground.messages.write(part(0), "aa", None)
    removed = ground.messages.stream[-1]
    ground.lose_the_undelivered()
    expired = type(removed)(
        removed.partition, removed.sequence_number, removed.old, None, expired=True
    )
    Aggregator(ground.counters, StillClock(), campaign_of).fold_changes([expired])

    report = ground.recount()

    assert (report.state, report.drift) == (RecountState.EXACT, {})
    assert ground.counters.lanes(CAMPAIGN)["delivered"] == 2


@settings(max_examples=150, deadline=None)
@given(messages=histories(parts=3), lost=st.sets(st.integers(0, 39)))
def test_whatever_records_are_lost_a_recount_brings_every_counter_back(
    messages: FakeMessages, lost: set[int]
) -> None:
    ground = Ground(parts=3)
    ground.messages = messages
    arrived = [change for n, change in enumerate(messages.stream) if n not in lost]
    Aggregator(ground.counters, StillClock(), campaign_of).fold_changes(arrived)
    ground.lose_the_undelivered()

    report = ground.recount()

    # A part without a row has none to mark, so what is wrong with it cannot be proven.
    counted = {name for name, book in ground.counters.books.items() if book.counts}
    unprovable = [name for name in counted if not messages.rows(name)]
    assert (report.state is RecountState.BUSY) == bool(unprovable)
    if not unprovable:
        ground.assert_exact()
