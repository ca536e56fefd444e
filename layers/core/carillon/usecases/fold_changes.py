"""
Count what the messages table's stream brings, each change exactly once.

    shard     ... r1 r2 r3 | r4 r5 ...          records of part P, always in this order

    fold A    reads book(P) = 0
              commits r1 r2 r3 if book(P) = 0   one transaction: counters += d1+d2+d3
                                                                 book(P)   = 3
              dies, or its answer is lost       Lambda does not know and delivers again

    replay    reads book(P) = 3                 r1 r2 r3 <= 3: dropped
    bisect    [r1 r2] dropped, [r3 r4] -> r4    the part of a batch behind the book is dropped
    fold B    (concurrent, same records)
              reads book(P) = 0
              commits r1 r2 if book(P) = 0      book(P) = 3 by now: the whole transaction is
                                                cancelled, read again, everything dropped

Additions and book move in one transaction or not at all, so there is no instant at
which one is written without the other. A high-water mark is enough because DynamoDB
delivers all changes of one partition key in order (one shard, then its children),
and because a part whose fold fails gets none of its later records in that batch:
the batch is reported as failed from the first record left out.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from carillon.domain.books import (
    LANES,
    MOST_DAY_ADDITIONS,
    Change,
    CommitOutcome,
    PartBook,
    day_additions,
    fold_of,
    footprint,
)
from carillon.ports import Clock, CounterBooks

# DynamoDB allows 100 items in a transaction; one is the lane.
_MOST_ITEMS = 99
_MOST_PARTS = 20
_ATTEMPTS = 8
_FIRST_WAIT_S = 0.02

Pieces = dict[str, list[Change]]


@dataclass
class FoldReport:
    """
    What became of a batch, in records.

    ``foreign`` belong to no campaign (unsolicited, parked); ``replayed`` had
    been applied before. ``failed_from`` is the sequence number of the first
    record that must come again, None when all are done.
    """

    applied: int = 0
    replayed: int = 0
    foreign: int = 0
    failed: list[Change] = field(default_factory=list)

    @property
    def failed_from(self) -> str | None:
        """The lowest failed sequence number, as the stream wrote it."""
        if not self.failed:
            return None
        return min(self.failed, key=lambda change: change.position).sequence_number


class Aggregator:
    """
    Folds batches into the books. Keeps its lane until it meets somebody there.

    Staying keeps a quiet campaign's counters in one item; moving away spreads
    concurrent aggregators over the lanes.
    """

    def __init__(
        self,
        books: CounterBooks,
        clock: Clock,
        campaign_of: Callable[[str], str | None],
        *,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """*campaign_of* names a partition's campaign or None; *dice* draws from [0, 1)."""
        self._books = books
        self._clock = clock
        self._campaign_of = campaign_of
        self._dice = dice
        self._lane = 0

    def fold_changes(self, changes: Sequence[Change]) -> FoldReport:
        """
        Apply the *changes* of one batch that have not been applied yet.

        Idempotent. A part that could not be written within the attempts is
        reported in ``failed``, with all its later records.
        """
        report = FoldReport()
        campaigns = self._by_campaign(changes, report)
        known = self._books.part_books([part for parts in campaigns.values() for part in parts])
        for campaign_id, parts in campaigns.items():
            self._fold_campaign(campaign_id, parts, known, report)
        seen = sum(len(own) for parts in campaigns.values() for own in parts.values())
        report.replayed = seen - report.applied - len(report.failed)
        return report

    def _fold_campaign(
        self, campaign_id: str, parts: Pieces, known: dict[str, PartBook], report: FoldReport
    ) -> None:
        failed: set[str] = set()
        for pack in _transactions(_fresh(parts, known)):
            pieces = {part: own for part, own in pack.items() if part not in failed}
            applied = self._apply(campaign_id, pieces, known)
            if applied is None:
                failed.update(pieces)
            else:
                report.applied += applied
        behind = _fresh({part: parts[part] for part in failed}, known)
        report.failed.extend(change for own in behind.values() for change in own)

    def _by_campaign(self, changes: Sequence[Change], report: FoldReport) -> dict[str, Pieces]:
        campaigns: dict[str, Pieces] = {}
        for change in changes:
            campaign_id = self._campaign_of(change.partition)
            if campaign_id is None:
                report.foreign += 1
                continue
            parts = campaigns.setdefault(campaign_id, {})
            parts.setdefault(change.partition, []).append(change)
        return campaigns

    def _apply(self, campaign_id: str, pieces: Pieces, known: dict[str, PartBook]) -> int | None:
        """Write *pieces* in one transaction; return how many records, None when it gave up."""
        for attempt in range(_ATTEMPTS):
            pieces = _fresh(pieces, known)
            if not pieces:
                return 0
            fold = fold_of(campaign_id, pieces, known)
            outcome = self._books.commit(fold, self._lane)
            if outcome is CommitOutcome.DONE:
                known.update((s.partition, PartBook(position=s.position)) for s in fold.advances)
                return sum(step.applied for step in fold.advances)
            if outcome is CommitOutcome.BUSY:
                self._lane = int(self._dice() * LANES)
                self._clock.sleep(_FIRST_WAIT_S * 2**attempt * self._dice())
            known.update(self._books.part_books(pieces))
        return None


def _fresh(parts: Pieces, known: dict[str, PartBook]) -> Pieces:
    """Return each part's changes behind which its book stands, once each and in order."""
    fresh: Pieces = {}
    for part, changes in parts.items():
        ahead = {c.position: c for c in changes if c.position > known[part].position}
        if ahead:
            fresh[part] = [ahead[position] for position in sorted(ahead)]
    return fresh


def _transactions(parts: Pieces) -> Iterator[Pieces]:
    """Yield *parts* packed to fit one transaction each; a part's changes stay in order."""
    pack: Pieces = {}
    load = _Load()
    for part, changes in parts.items():
        for piece in _bounded(changes):
            own = _Load.of(piece)
            wanted = load.with_(own)
            full = len(pack) == _MOST_PARTS or not wanted.fits(len(pack) + 1)
            if pack and (part in pack or full):
                yield pack
                pack, wanted = {}, own
            pack[part], load = piece, wanted
    if pack:
        yield pack


def _bounded(changes: list[Change]) -> Iterator[list[Change]]:
    """Yield *changes* in runs that touch little enough; one change always does."""
    if len(changes) == 1 or _Load.of(changes).fits(1):
        yield changes
        return
    middle = len(changes) // 2
    yield from _bounded(changes[:middle])
    yield from _bounded(changes[middle:])


@dataclass(frozen=True)
class _Load:
    """What a transaction touches besides books and lane, and what it adds to campaigns' days."""

    items: frozenset[tuple[str, ...]] = frozenset()
    additions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, changes: list[Change]) -> "_Load":
        return cls(frozenset(footprint(changes)), frozenset(day_additions(changes)))

    def with_(self, other: "_Load") -> "_Load":
        return _Load(self.items | other.items, self.additions | other.additions)

    def fits(self, parts: int) -> bool:
        """Whether one transaction can take it together with the books of *parts*."""
        few_items = parts + len(self.items) <= _MOST_ITEMS
        return few_items and len(self.additions) <= MOST_DAY_ADDITIONS
