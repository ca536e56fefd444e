"""
Count a campaign's rows afresh, compare with the counters, and correct what is wrong.

While messages travel, rows run ahead of the books by what is still in the stream, and
a plain comparison would "find" exactly that. So a difference is only believed, and
only corrected, when the part was quiet and every change had arrived:

    recount   mark a row: m1 ......................... mark it again: m2
    stream    .... c1 c2 | m1                                  | m2
    book            m1 seen, applied = n                         m2 seen, applied = n + 1
    rows                            read here: R

The stream keeps a part's order, so a book that has seen m1 has seen every change
before it, and one that has seen m2 with nothing but m2 applied since then stood
still while R was read. Book and rows then describe the same instant: R minus book is
drift, not delay. The correction is conditional on that very book. Anything else is
reported as busy, and the recount comes back later.

Marks are written only where a difference shows, so a recount without drift reads and
writes nothing but its report. Parts are compared one by one; at the end, what the
books say together is compared with the campaign's lanes, and, when the whole
campaign was still, the rows' quarter hours with the campaign's. The office's quarter
hours are corrected by the same amounts: they are only ever written in the same
transaction.

The senders' figures (N4) are left out: they are sums over all campaigns of a sender, and
a book that told its part's senders apart would grow with their number. They are counted
in the same transactions, exactly once; what a lost record took from them stays lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from carillon.domain.books import Fold, PartBook
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.counters import (
    Contribution,
    Counts,
    contribution,
    difference,
    settled,
    total_of,
)
from carillon.domain.ids import new_id
from carillon.domain.recount import RecountReport, RecountState
from carillon.ports import CampaignCatalogue, Clock, CountedRows, Queue, RecountBooks

_PARTS_AT_ONCE = 25
_PROOFS = 3
# How long the stream may take to bring a mark to the book.
_MARK_WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 4.0)
# So many moving parts say that the campaign is live: proving more would only cost writes.
_BUSY_PARTS_ENOUGH = 3
_SNAPSHOTS = 3
_ROUNDS = 5
_ROUND_DELAY_S = 30
_RUNNING = frozenset({CampaignStatus.ACTIVE, CampaignStatus.PAUSED})
# In a report's drift: how many quarter hours were wrong.
_QUARTERS = "quarter_hours"


@dataclass(frozen=True, kw_only=True)
class RecountWorld:
    """Everything a recount touches. *part_name* names the messages partition of a part."""

    rows: CountedRows
    books: RecountBooks
    clock: Clock
    queue: Queue
    part_name: Callable[[str, int], str]


@dataclass
class Progress:
    """What the parts counted so far came to; travels in the queue when time runs out."""

    next_part: int = 0
    settled: int = 0
    drift: Counts = field(default_factory=dict)
    busy_parts: int = 0
    # Only a recount that is done in one run holds all quarter hours.
    whole: bool = True
    # How often a busy recount has come back.
    rounds: int = 0

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "Progress":
        """Return the progress that an earlier run put into *message*, or a fresh start."""
        rounds = int(message.get("round", 0))
        if "next_part" not in message:
            return cls(rounds=rounds)
        return cls(
            next_part=int(message["next_part"]),
            settled=int(message["settled"]),
            drift={str(name): int(amount) for name, amount in message["drift"].items()},
            busy_parts=int(message["busy_parts"]),
            whole=False,
            rounds=rounds,
        )

    def to_message(self) -> dict[str, Any]:
        """Return the progress for the queue: a few counters, whatever the campaign's size."""
        return {
            "next_part": self.next_part,
            "settled": self.settled,
            "drift": self.drift,
            "busy_parts": self.busy_parts,
            "round": self.rounds,
        }


def recount_campaign(
    campaign: Campaign,
    reason: str,
    progress: Progress,
    world: RecountWorld,
    *,
    deadline: float,
) -> RecountReport | None:
    """
    Compare the campaign's rows with its counters and correct proven drift.

    Stops at the monotonic *deadline* and queues the rest; None then. Running it
    twice, or two at once, corrects once: every correction is conditional on what
    was compared. An item removed by its time to live stays counted, so parts with
    such removals are not compared.
    """
    recount = _Recount(campaign, progress, world)
    while progress.next_part < campaign.parts:
        if world.clock.monotonic() >= deadline:
            rest = {"campaign_id": campaign.id, "reason": reason, **progress.to_message()}
            world.queue.put(rest)
            return None
        recount.next_parts()
    report = recount.conclude()
    world.books.note_recount(report)
    return report


def come_back(report: RecountReport, message: Mapping[str, Any], queue: Queue) -> None:
    """Queue the recount again, a while later and a few times, when *report* was busy."""
    rounds = int(message.get("round", 0))
    if report.state is RecountState.BUSY and rounds < _ROUNDS:
        again = {"campaign_id": report.campaign_id, "reason": str(message.get("reason", ""))}
        queue.put({**again, "round": rounds + 1}, delay_s=_ROUND_DELAY_S * 2**rounds)


def request_nightly(
    catalogue: CampaignCatalogue, world: RecountWorld, *, kept_for: timedelta
) -> int:
    """Queue a recount of every campaign that runs or changed within *kept_for*; return how many."""
    since = world.clock.now() - kept_for
    wanted = [
        campaign.id
        for campaign in catalogue.launched_campaigns()
        if campaign.status in _RUNNING or campaign.updated_at >= since
    ]
    for campaign_id in wanted:
        world.queue.put({"campaign_id": campaign_id, "reason": "nightly"})
    return len(wanted)


class _Recount:
    """One run: the parts it has counted, held until the campaign as a whole is compared."""

    def __init__(self, campaign: Campaign, progress: Progress, world: RecountWorld) -> None:
        self._campaign = campaign
        self._progress = progress
        self._world = world
        self._rows = Contribution()
        self._positions: dict[str, str] = {}
        self._expired = False

    def next_parts(self) -> None:
        """Count the next few parts; one request reads all their books."""
        first = self._progress.next_part
        numbers = range(first, min(first + _PARTS_AT_ONCE, self._campaign.parts))
        names = [self._world.part_name(self._campaign.id, number) for number in numbers]
        counted = {name: self._count(name) for name in names}
        books = self._world.books.part_books(names)
        for name in names:
            self._compare(name, counted[name], books[name])
        self._progress.next_part = numbers.stop

    def conclude(self) -> RecountReport:
        """Compare the books with the campaign's own counters and return the report."""
        compared = self._expired or self._compare_campaign()
        if self._progress.busy_parts or not compared:
            state = RecountState.BUSY
        else:
            state = RecountState.HEALED if self._progress.drift else RecountState.EXACT
        return RecountReport(
            campaign_id=self._campaign.id,
            at=self._world.clock.now(),
            state=state,
            drift=self._progress.drift,
            unsettled=self._campaign.total - self._progress.settled,
        )

    # One part ---------------------------------------------------------------

    def _count(self, name: str) -> Contribution:
        rows = Contribution()
        for row in self._world.rows.rows(name).values():
            rows.merge(contribution(row))
        return rows

    def _compare(self, name: str, rows: Contribution, book: PartBook) -> None:
        if book.expired:
            self._expired = True
        elif difference(rows.totals, book.counts):
            proven = self._prove(name)
            if proven is None:
                self._progress.busy_parts += 1
            else:
                rows, book = proven
        self._positions[name] = book.position
        self._progress.settled += settled(rows.totals)
        self._rows.merge(rows)

    def _prove(self, name: str) -> tuple[Contribution, PartBook] | None:
        """Return rows and book of one instant, drift corrected; None when there was none."""
        if self._progress.busy_parts >= _BUSY_PARTS_ENOUGH:
            return None
        for _ in range(_PROOFS):
            before = self._wait_for_mark(name)
            rows = self._count(name)
            after = self._wait_for_mark(name)
            if before is None or after is None:
                return None
            if after.applied == before.applied + 1 and self._correct(name, rows, after):
                return rows, after
        return None

    def _wait_for_mark(self, name: str) -> PartBook | None:
        """Mark a row and return the first book seen that has it; None when none did in time."""
        mark = new_id("rct")
        if not any(self._world.rows.mark(name, sk, mark) for sk in self._markable(name)):
            return None
        for wait_s in _MARK_WAITS_S:
            book = self._world.books.part_books([name])[name]
            if book.mark == mark:
                return book
            self._world.clock.sleep(wait_s)
        return None

    def _markable(self, name: str) -> list[str]:
        # Settled rows first: nobody else is about to write to them.
        rows = self._world.rows.rows(name)
        return sorted(rows, key=lambda sk: not rows[sk].get("final_at"))[:_PROOFS]

    def _correct(self, name: str, rows: Contribution, book: PartBook) -> bool:
        drift = difference(rows.totals, book.counts)
        if drift and not self._world.books.correct_part(self._campaign.id, name, book, drift):
            return False
        self._progress.drift = total_of([self._progress.drift, drift])
        return True

    # The campaign -----------------------------------------------------------

    def _compare_campaign(self) -> bool:
        """Bring lanes and quarter hours in line; False when the books would not stand still."""
        return any(self._compare_snapshot() for _ in range(_SNAPSHOTS))

    def _compare_snapshot(self) -> bool:
        books = self._world.books
        names = [self._world.part_name(self._campaign.id, n) for n in range(self._campaign.parts)]
        version = books.recount_version(self._campaign.id)
        before = books.part_books(names)
        lanes = books.lanes(self._campaign.id)
        quarters = books.quarters(self._campaign.id)
        standing = _positions(before)
        if _positions(books.part_books(names)) != standing:
            return False
        # A fold adds the same to a book and to a lane, so this difference never moves.
        drift = difference(total_of(book.counts for book in before.values()), lanes)
        late = self._late_quarters(quarters) if standing == self._positions else {}
        if not drift and not late:
            return True
        if not books.correct_campaign(self._correction(drift, late), version):
            return False
        note = {_QUARTERS: len(late)} if late else {}
        self._progress.drift = total_of([self._progress.drift, drift, note])
        return True

    def _late_quarters(self, found: Mapping[str, Counts]) -> dict[str, Counts]:
        if self._progress.busy_parts or not self._progress.whole:
            return {}
        wanted = self._rows.quarters
        differences = {
            quarter: difference(wanted.get(quarter, {}), found.get(quarter, {}))
            for quarter in {*wanted, *found}
        }
        return {quarter: counts for quarter, counts in differences.items() if counts}

    def _correction(self, drift: Counts, quarters: Mapping[str, Counts]) -> Fold:
        office_id = self._campaign.office_id
        return Fold(
            campaign_id=self._campaign.id,
            advances=(),
            totals=drift,
            quarters=quarters,
            office_quarters={(office_id, quarter): own for quarter, own in quarters.items()},
        )


def _positions(books: Mapping[str, PartBook]) -> dict[str, str]:
    return {name: book.position for name, book in books.items()}
