"""
How changes of rows become entries in the books: what the stream brings, what one commit writes.

A *part's book* holds, in one item, how far the part's changes have been counted
and what they came to. A *fold* moves several books of one campaign forward and
adds the same amounts to the campaign's and the office's counters, all or nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from carillon.domain.counters import COUNTED_ATTRIBUTES, Contribution, Counts, Row, delta

# Items that several aggregators add to stand this many times; readers sum them.
LANES = 4
# What one transaction adds to a campaign's days, each one item: DynamoDB takes expressions of
# 4 kB and 300 operators.
MOST_DAY_ADDITIONS = 80
# A row's attribute that a recount sets to learn how far the books have got; it counts nothing.
MARK = "recount_mark"
READ_ATTRIBUTES = COUNTED_ATTRIBUTES | {MARK}
# DynamoDB's sequence numbers are decimal texts of 21 to 40 digits.
_SEQUENCE_DIGITS = 40


@dataclass(frozen=True)
class Change:
    """
    One stream record: a row of *partition* became *new* from *old*.

    ``expired`` marks a deletion by DynamoDB's TTL: the row is gone, what it counted stays.
    """

    partition: str
    sequence_number: str
    old: Row | None
    new: Row | None
    expired: bool = False

    @cached_property
    def position(self) -> str:
        """The sequence number, padded so that texts compare as numbers."""
        return self.sequence_number.zfill(_SEQUENCE_DIGITS)

    @cached_property
    def addition(self) -> Contribution:
        """What the change adds to the counters."""
        return Contribution() if self.expired else delta(self.old, self.new)

    @property
    def mark(self) -> str | None:
        """The recount's mark that this change has set, or None."""
        mark = (self.new or {}).get(MARK)
        return mark if mark != (self.old or {}).get(MARK) else None


@dataclass(frozen=True, kw_only=True)
class PartBook:
    """
    How far one messages partition has been counted.

    ``position`` is the highest applied (padded) sequence number, empty before
    the first; ``applied`` counts the records behind it, ``expired`` those that
    TTL deletions brought, ``healed`` the corrections by recounts. ``mark`` is
    the last recount mark that came by.
    """

    position: str = ""
    applied: int = 0
    expired: int = 0
    healed: int = 0
    mark: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Advance:
    """One book's step from ``expected`` to ``position``; refused when it stands elsewhere."""

    partition: str
    expected: str
    position: str
    counts: Mapping[str, int]
    applied: int
    expired: int
    mark: str | None


@dataclass(frozen=True, kw_only=True)
class Fold:
    """
    What one transaction writes.

    ``totals`` and ``quarters`` (by quarter hour) go to the campaign,
    ``office_quarters`` to (office, quarter hour). Days and months are sums of quarters.
    ``sender_days`` go to (sender, UTC date); one item holds a sender's month.
    """

    campaign_id: str
    advances: tuple[Advance, ...]
    totals: Mapping[str, int]
    quarters: Mapping[str, Mapping[str, int]]
    office_quarters: Mapping[tuple[str, str], Mapping[str, int]]
    sender_days: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)

    @property
    def office_days(self) -> dict[tuple[str, str], Counts]:
        """The same additions by (office, UTC date)."""
        return self._office_sums(len("2026-11-22"))

    @property
    def office_months(self) -> dict[tuple[str, str], Counts]:
        """The same additions by (office, UTC month): what this campaign did in it."""
        return self._office_sums(len("2026-11"))

    @property
    def office_id(self) -> str | None:
        """Whose the campaign is; None where nothing happened that has a time."""
        return min((office_id for office_id, _ in self.office_quarters), default=None)

    def _office_sums(self, length: int) -> dict[tuple[str, str], Counts]:
        sums: dict[tuple[str, str], Contribution] = {}
        for (office_id, quarter), counts in self.office_quarters.items():
            one = sums.setdefault((office_id, quarter[:length]), Contribution())
            one.merge(Contribution(dict(counts)))
        return {key: one.totals for key, one in sums.items() if one.totals}


class CommitOutcome(StrEnum):
    """What became of a fold; only ``DONE`` has written anything."""

    DONE = "done"
    # A book did not stand where the fold expected it.
    MOVED = "moved"
    # Somebody was writing one of the items, or the table was throttled.
    BUSY = "busy"


def fold_of(
    campaign_id: str, pieces: Mapping[str, list[Change]], books: Mapping[str, PartBook]
) -> Fold:
    """Return the fold that applies *pieces* (changes by partition, in order) to *books*."""
    offices: dict[str, Contribution] = {}
    everything = Contribution()
    advances = []
    for partition, changes in pieces.items():
        own = Contribution()
        for change in changes:
            own.merge(change.addition)
            office_id = change.addition.office_id
            if office_id and change.addition.quarters:
                offices.setdefault(office_id, Contribution()).merge(change.addition)
        everything.merge(own)
        advances.append(_advance(partition, changes, own, books[partition]))
    return Fold(
        campaign_id=campaign_id,
        advances=tuple(advances),
        totals=everything.totals,
        quarters=everything.quarters,
        office_quarters={
            (office_id, quarter): counts
            for office_id, added in offices.items()
            for quarter, counts in added.quarters.items()
        },
        sender_days=everything.sender_days,
    )


def footprint(changes: Iterable[Change]) -> set[tuple[str, ...]]:
    """Return the counter items besides books and lane that *changes* may write, at most."""
    items: set[tuple[str, ...]] = set()
    for change in changes:
        office_id = change.addition.office_id
        for quarter in change.addition.quarters:
            items.add(("campaign", quarter[:10]))
            if office_id:
                items.add(("office", office_id, quarter))
                items.add(("day", office_id, quarter[:10]))
                items.add(("month", office_id, quarter[:7]))
        items.update(("sender", who, date[:7]) for who, date in change.addition.sender_days)
    return items


def day_additions(changes: Iterable[Change]) -> set[tuple[str, str]]:
    """Return the (quarter hour, counter) that *changes* may add to their campaign's days."""
    return {
        (quarter, counter)
        for change in changes
        for quarter, counts in change.addition.quarters.items()
        for counter in counts
    }


def _advance(partition: str, changes: list[Change], added: Contribution, book: PartBook) -> Advance:
    marks = [change.mark for change in changes if change.mark]
    return Advance(
        partition=partition,
        expected=book.position,
        position=changes[-1].position,
        counts=added.totals,
        applied=len(changes),
        expired=sum(change.expired for change in changes),
        mark=marks[-1] if marks else None,
    )
