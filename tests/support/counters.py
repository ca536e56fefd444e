"""A counters table, a messages table with its stream, and builders of rows and changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from carillon.domain.books import MARK, Change, CommitOutcome, Fold, PartBook
from carillon.domain.campaign import Campaign, CampaignStatus, Sender
from carillon.domain.campaign_list import CampaignCard
from carillon.domain.clock import from_iso
from carillon.domain.counters import (
    RESPONSES,
    SENDER_DAILY,
    Counts,
    Row,
    SenderCounts,
    total_of,
)
from carillon.domain.errors import NotFound
from carillon.domain.recount import RecountReport
from carillon.domain.timeframe import TimeFrame

CAMPAIGN = "cmp_1"
OFFICE = "off_1"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    """Return the stored time so many minutes after noon."""
    moment = NOON + timedelta(minutes=minutes)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def part(number: int = 0, campaign_id: str = CAMPAIGN) -> str:
    """Return the messages partition of a campaign's part."""
    return f"{campaign_id}#{number:05d}"


def campaign_of(partition: str) -> str | None:
    """Return the campaign of a messages partition, None for the others."""
    campaign_id = partition.partition("#")[0]
    return campaign_id if campaign_id.startswith("cmp_") else None


def a_lead(**fields: Any) -> dict[str, Any]:
    """Return a claimed lead's row; *fields* replace and add."""
    return {
        "kind": "lead",
        "office_id": OFFICE,
        "status": "claimed",
        "segments": 1,
        "claimed_at": at(0),
        **fields,
    }


def a_step(**fields: Any) -> dict[str, Any]:
    """Return a follow-up's row, accepted by the provider."""
    return a_lead(
        **{"kind": "step", "step": 1, "status": "submitted", "submitted_at": at(7), **fields}
    )


def an_inbound(**fields: Any) -> dict[str, Any]:
    """Return an inbound message's row."""
    return {"kind": "inbound", "office_id": OFFICE, "received_at": at(5), **fields}


def an_answer(**fields: Any) -> dict[str, Any]:
    """Return an accepted automatic answer's row."""
    return {
        "kind": "outbound",
        "office_id": OFFICE,
        "author": "automatic",
        "status": "submitted",
        "segments": 1,
        "claimed_at": at(6),
        "submitted_at": at(6),
        **fields,
    }


def a_change(
    sequence: int, new: Row | None, *, old: Row | None = None, partition: str | None = None
) -> Change:
    """Return the stream's record number *sequence*."""
    return Change(partition or part(), str(sequence), old, new)


class StillClock:
    """Implements ``ports.Clock``; sleeping is what moves it. *on_sleep* lets others work."""

    def __init__(self) -> None:
        self._slept = 0.0
        self.on_sleep: Callable[[], object] = lambda: None

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._slept)

    def monotonic(self) -> float:
        return self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds
        self.on_sleep()


@dataclass
class FakeCounters:
    """Implements ``CounterBooks``, ``RecountBooks`` and ``Figures`` in memory."""

    books: dict[str, PartBook] = field(default_factory=dict)
    # (campaign, lane), (campaign, quarter, lane), (office, quarter), (office, campaign, quarter),
    # (sender, date).
    lane_items: dict[tuple[str, int], Counts] = field(default_factory=dict)
    time_items: dict[tuple[str, str, int], Counts] = field(default_factory=dict)
    office_items: dict[tuple[str, str], Counts] = field(default_factory=dict)
    campaign_items: dict[tuple[str, str, str], Counts] = field(default_factory=dict)
    sender_items: dict[tuple[str, str], Counts] = field(default_factory=dict)
    recounts: dict[str, RecountReport] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    commits: int = 0

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        return {name: self.books.get(name, PartBook()) for name in partitions}

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        for step in fold.advances:
            if self.books.get(step.partition, PartBook()).position != step.expected:
                return CommitOutcome.MOVED
        self.commits += 1
        for step in fold.advances:
            book = self.books.get(step.partition, PartBook())
            self.books[step.partition] = replace(
                book,
                position=step.position,
                applied=book.applied + step.applied,
                expired=book.expired + step.expired,
                mark=step.mark or book.mark,
                counts=total_of([book.counts, step.counts]),
            )
        self._add(fold, lane)
        return CommitOutcome.DONE

    def lanes(self, campaign_id: str) -> Counts:
        return total_of(c for (owner, _), c in self.lane_items.items() if owner == campaign_id)

    def quarters(self, campaign_id: str) -> dict[str, Counts]:
        found: dict[str, list[Counts]] = {}
        for (owner, quarter, _), counts in self.time_items.items():
            if owner == campaign_id:
                found.setdefault(quarter, []).append(counts)
        return {quarter: total_of(counts) for quarter, counts in sorted(found.items())}

    def correct_part(
        self, campaign_id: str, partition: str, book: PartBook, drift: Mapping[str, int]
    ) -> bool:
        standing = self.books.get(partition, PartBook())
        if (standing.position, standing.healed) != (book.position, book.healed):
            return False
        self.books[partition] = replace(
            standing, counts=total_of([standing.counts, drift]), healed=standing.healed + 1
        )
        key = (campaign_id, 0)
        self.lane_items[key] = total_of([self.lane_items.get(key, {}), drift])
        return True

    def correct_campaign(self, fold: Fold, version: int) -> bool:
        if self.versions.get(fold.campaign_id, 0) != version:
            return False
        self.versions[fold.campaign_id] = version + 1
        self._add(fold, 0)
        return True

    def recount_version(self, campaign_id: str) -> int:
        return self.versions.get(campaign_id, 0)

    def note_recount(self, report: RecountReport) -> None:
        self.recounts[report.campaign_id] = report

    def campaign_totals(self, campaign_id: str) -> tuple[Counts, RecountReport | None]:
        return self.lanes(campaign_id), self.recounts.get(campaign_id)

    def campaign_quarters(self, campaign_id: str, newest: int) -> dict[str, Counts]:
        return dict(list(self.quarters(campaign_id).items())[-newest:])

    def campaign_history(self, campaign_id: str) -> dict[str, Counts]:
        return {quarter: own for quarter, own in self.quarters(campaign_id).items() if own}

    def office_totals(self, office_id: str, frame: TimeFrame) -> Counts:
        return total_of(counts for _, _, counts in self._within(office_id, frame))

    def office_responses(self, office_id: str, frame: TimeFrame) -> dict[str, int]:
        found: dict[str, int] = {}
        for _, quarter, counts in self._within(office_id, frame):
            found[quarter] = found.get(quarter, 0) + counts.get(RESPONSES, 0)
        return {quarter: amount for quarter, amount in sorted(found.items()) if amount}

    def campaigns_within(self, office_id: str, frame: TimeFrame) -> dict[str, Counts]:
        found: dict[str, list[Counts]] = {}
        for campaign_id, _, counts in self._within(office_id, frame):
            found.setdefault(campaign_id, []).append(counts)
        totals = {campaign_id: total_of(counts) for campaign_id, counts in found.items()}
        return {campaign_id: counts for campaign_id, counts in totals.items() if counts}

    def responses_of_campaigns(self, office_id: str, frame: TimeFrame) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for campaign_id, quarter, counts in self._within(office_id, frame):
            if counts.get(RESPONSES):
                found.setdefault(campaign_id, {})[quarter] = counts[RESPONSES]
        return found

    def _within(self, office_id: str, frame: TimeFrame) -> Iterator[tuple[str, str, Counts]]:
        for (owner, campaign_id, quarter), counts in self.campaign_items.items():
            if owner == office_id and frame.start <= from_iso(quarter) < frame.end:
                yield campaign_id, quarter, counts

    def sender_counts(self, sender_id: str) -> SenderCounts:
        days = {day: own for (who, day), own in self.sender_items.items() if who == sender_id}
        daily = {
            day: {name: own[name] for name in SENDER_DAILY if own.get(name)}
            for day, own in sorted(days.items())
        }
        return SenderCounts(
            total_of(days.values()), {day: own for day, own in daily.items() if own}
        )

    def sender_within(self, sender_id: str, first: str, behind: str) -> Counts:
        days = self.sender_counts(sender_id).days
        return total_of(own for date, own in days.items() if first <= date < behind)

    def _add(self, fold: Fold, lane: int) -> None:
        _add_to(self.lane_items, (fold.campaign_id, lane), fold.totals)
        for quarter, counts in fold.quarters.items():
            _add_to(self.time_items, (fold.campaign_id, quarter, lane), counts)
        for (office_id, quarter), counts in fold.office_quarters.items():
            _add_to(self.office_items, (office_id, quarter), counts)
            _add_to(self.campaign_items, (office_id, fold.campaign_id, quarter), counts)
        for key, counts in fold.sender_days.items():
            _add_to(self.sender_items, key, counts)


def _add_to(items: dict[Any, Counts], key: Any, counts: Mapping[str, int]) -> None:
    items[key] = total_of([items.get(key, {}), counts])


class FakeMessages:
    """A messages table with its stream; implements ``ports.CountedRows``."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], dict[str, Any]] = {}
        self.stream: list[Change] = []

    def write(self, partition: str, sk: str, row: dict[str, Any] | None) -> None:
        """Put the row, or delete it when None; an unchanged row makes no record."""
        old = self.table.get((partition, sk))
        if old == row:
            return
        if row is None:
            del self.table[partition, sk]
        else:
            self.table[partition, sk] = row
        self.stream.append(Change(partition, str(1000 + len(self.stream)), old, row))

    def rows(self, partition: str) -> dict[str, Row]:
        return {sk: row for (pk, sk), row in sorted(self.table.items()) if pk == partition}

    def mark(self, partition: str, sk: str, mark: str) -> bool:
        row = self.table.get((partition, sk))
        if row is None:
            return False
        self.write(partition, sk, {**row, MARK: mark})
        return True


class FakeCatalogue:
    """Implements ``ports.CampaignCatalogue``; *active* are the ids of active senders."""

    def __init__(
        self,
        *campaigns: Campaign,
        active: Iterable[str] = (),
        offices: Iterable[str] = (OFFICE,),
        senders: Iterable[Sender] = (),
    ) -> None:
        self._campaigns = {campaign.id: campaign for campaign in campaigns}
        self._senders = {sender.id: sender for sender in senders}
        self._active = frozenset(active)
        self._offices = list(offices)

    def campaign(self, campaign_id: str) -> Campaign:
        if campaign_id not in self._campaigns:
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        return self._campaigns[campaign_id]

    def sender(self, sender_id: str) -> Sender:
        if sender_id not in self._senders:
            raise NotFound("There is no such sender.", code="sender_not_found")
        return self._senders[sender_id]

    def launched_campaigns(self) -> Iterator[Campaign]:
        return (c for c in self._campaigns.values() if c.launched_at is not None)

    def touched_campaigns(self, since: datetime) -> list[CampaignCard]:
        cards = map(card_of, self.launched_campaigns())
        return [card for card in cards if card.is_running or card.updated_at >= since]

    def campaign_cards(self, campaign_ids: Iterable[str]) -> list[CampaignCard]:
        wanted = set(campaign_ids)
        return [card_of(c) for c in self.launched_campaigns() if c.id in wanted]

    def senders(self) -> list[Sender]:
        return list(self._senders.values())

    def active_senders(self, sender_ids: Iterable[str]) -> int:
        return len(self._active & set(sender_ids))

    def office_ids(self) -> list[str]:
        return self._offices


def card_of(campaign: Campaign) -> CampaignCard:
    """Return what a list shows of a launched *campaign*."""
    assert campaign.launched_at is not None
    return CampaignCard(
        id=campaign.id,
        title=campaign.title,
        office_id=campaign.office_id,
        status=campaign.status,
        created_by=campaign.created_by,
        launched_at=campaign.launched_at,
        updated_at=campaign.updated_at,
        finished_at=campaign.finished_at,
        type=campaign.type,
        operated_by=campaign.operated_by,
        tags=campaign.tags,
        total=campaign.total,
    )


def a_campaign(campaign_id: str = CAMPAIGN, **fields: Any) -> Campaign:
    """Return an active campaign of one part, launched at noon."""
    values: dict[str, Any] = {
        "id": campaign_id,
        "title": "Autumn",
        "office_id": OFFICE,
        "body": "Hello",
        "sender_ids": ("snd_1",),
        "list_ids": ("lst_1",),
        "created_at": NOON,
        "updated_at": NOON,
        "created_by": "usr_1",
        "status": CampaignStatus.ACTIVE,
        "launched_at": NOON,
        "parts": 1,
        "planned_parts": 1,
        "total": 10,
        **fields,
    }
    return Campaign(**values)
