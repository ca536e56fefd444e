"""
What an export is read from: units, each read by itself, in any number of stretches (T7).

    messages, failed leads   a unit is a partition of the messages table
    conversations            the same, read whole: its people are about 400
    campaigns                a unit is a campaign
    opt-outs                 a unit is a lane of the consent ledger

Which units there are is frozen in a plan when the export begins, so that every attempt, however
late, goes through the same ones.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import Protocol

from carillon.domain.campaign import Campaign
from carillon.domain.conversation import conversation_id
from carillon.domain.exports import Export, ExportKind, ExportRow, MessageEntry, Reach
from carillon.domain.lead import LeadStatus
from carillon.domain.message import RowRef, lead_of
from carillon.domain.metrics import failure_reason, summary_figures
from carillon.ports import CampaignTotals, ExportedDirectory, ExportedMessages, OptOutLanes

OPT_OUTS_A_QUERY = 1000
_SHOWN_DIGITS = 4
_UNDELIVERED = frozenset({LeadStatus.FAILED.value, LeadStatus.SUPPRESSED.value})
_INITIAL, _REPLY = "initial", "reply"


@dataclass(frozen=True)
class PlanEntry:
    """One campaign, or with an empty *title* the threads of a sender that answer none."""

    id: str
    title: str
    office_id: str
    partitions: int

    @property
    def is_campaign(self) -> bool:
        """Whether it is a campaign."""
        return self.id.startswith("cmp_")


@dataclass(frozen=True)
class Plan:
    """What an export goes through, unit by unit."""

    entries: tuple[PlanEntry, ...]

    @property
    def units(self) -> int:
        """How many units there are."""
        return sum(entry.partitions for entry in self.entries)

    def unit(self, number: int) -> tuple[PlanEntry, int]:
        """Return whose unit *number* is, and which of theirs."""
        place = bisect_right(self._ends, number)
        return self.entries[place], number - (self._ends[place - 1] if place else 0)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(entry.partitions for entry in self.entries))

    def to_json(self) -> bytes:
        """Return the plan as it is stored."""
        return json.dumps([vars(entry) for entry in self.entries]).encode()

    @classmethod
    def of_json(cls, body: bytes) -> "Plan":
        """Return what ``to_json`` made *body* of."""
        return cls(tuple(PlanEntry(**entry) for entry in json.loads(body)))


@dataclass(frozen=True, kw_only=True)
class ExportSources:
    """
    Everything that exports are read from.

    *part_name* names a campaign's part in the messages table, *unsolicited_name* one of the
    *unsolicited_buckets* of a sender's threads without a campaign; the ledger has *lanes*.
    """

    directory: ExportedDirectory
    messages: ExportedMessages
    totals: CampaignTotals
    opt_outs: OptOutLanes
    part_name: Callable[[str, int], str]
    unsolicited_name: Callable[[str, int], str]
    unsolicited_buckets: int
    lanes: int


def plan_of(export: Export, sources: ExportSources) -> Plan:
    """Return what *export* is to go through, as things stand now."""
    reach, kind = export.reach, export.kind
    if kind is ExportKind.OPT_OUTS:
        return Plan((PlanEntry("opt_outs", "", "", sources.lanes),))
    campaigns = [one for one in _campaigns(reach, sources.directory) if reach.covers(one.office_id)]
    counted = kind is not ExportKind.CAMPAIGNS
    entries = [
        PlanEntry(one.id, one.title, one.office_id, one.parts if counted else 1)
        for one in sorted(campaigns, key=lambda one: (one.launched_at or one.created_at, one.id))
        if counted or reach.has(one.launched_at)
    ]
    if kind in (ExportKind.MESSAGES, ExportKind.CONVERSATIONS) and not reach.campaign_ids:
        entries += [
            PlanEntry(sender.id, "", sender.office_id, sources.unsolicited_buckets)
            for sender in sources.directory.senders()
            if reach.covers(sender.office_id)
        ]
    return Plan(tuple(entries))


def _campaigns(reach: Reach, directory: ExportedDirectory) -> Iterable[Campaign]:
    if reach.campaign_ids:
        return [directory.campaign(one) for one in reach.campaign_ids]
    return directory.launched_campaigns()


class Rows(Protocol):
    """The rows of an export, unit by unit."""

    def read(self, unit: int, after: str) -> tuple[list[ExportRow], str | None]:
        """Return rows of *unit* behind *after*, and where to go on (None: it is through)."""
        ...


def rows_of(export: Export, plan: Plan, sources: ExportSources) -> Rows:
    """Return the rows that *export* is made of."""
    match export.kind:
        case ExportKind.MESSAGES:
            return _Messages(plan, sources, export.reach)
        case ExportKind.CONVERSATIONS:
            return _Conversations(plan, sources, export.reach)
        case ExportKind.FAILED_LEADS:
            return _FailedLeads(plan, sources, export.reach)
        case ExportKind.CAMPAIGNS:
            return _CampaignRows(plan, sources)
        case ExportKind.OPT_OUTS:
            return _OptOuts(sources, export)


@dataclass(frozen=True)
class _Partitions:
    """The partitions of a plan; base of what is read from the messages table."""

    plan: Plan
    sources: ExportSources
    reach: Reach

    def _page(self, unit: int, after: str) -> tuple[PlanEntry, str, list[MessageEntry], str | None]:
        entry, index = self.plan.unit(unit)
        name = self.sources.part_name if entry.is_campaign else self.sources.unsolicited_name
        partition = name(entry.id, index)
        found, rest = self.sources.messages.page(partition, after)
        # A sender may have moved: what reached it before is its former office's.
        return entry, partition, [one for one in found if self.reach.covers(one.office_id)], rest

    def _phone(self, phone: str) -> str:
        return phone if self.reach.full else f"***{phone[-_SHOWN_DIGITS:]}"


class _Messages(_Partitions):
    def read(self, unit: int, after: str) -> tuple[list[ExportRow], str | None]:
        entry, partition, found, rest = self._page(unit, after)
        inside = [one for one in found if self.reach.has(one.at)]
        return [self._row(entry, partition, one) for one in inside], rest

    def _row(self, entry: PlanEntry, partition: str, one: MessageEntry) -> ExportRow:
        code = one.error_code
        return (
            *_names(entry),
            conversation_id(RowRef(partition, lead_of(one.sk))),
            one.kind,
            "in" if one.kind == _REPLY else "out",
            self._phone(one.phone),
            one.sender_id,
            one.status,
            one.at,
            one.claimed_at,
            one.submitted_at,
            one.final_at,
            one.segments,
            one.cost_micros,
            one.currency,
            code,
            failure_reason(code).reason if code else None,
            one.variant,
            one.step,
            one.attempts,
            one.keyword,
            one.author_subject,
            one.text if self.reach.full else None,
            one.provider_id,
        )


class _FailedLeads(_Partitions):
    def read(self, unit: int, after: str) -> tuple[list[ExportRow], str | None]:
        entry, _, found, rest = self._page(unit, after)
        failed = [
            one
            for one in found
            if one.kind == _INITIAL and one.status in _UNDELIVERED and self.reach.has(one.final_at)
        ]
        return [self._row(entry, one) for one in failed], rest

    def _row(self, entry: PlanEntry, one: MessageEntry) -> ExportRow:
        code = one.error_code
        words = failure_reason(code) if code else None
        return (
            *_names(entry),
            self._phone(one.phone),
            one.sender_id,
            one.status,
            code,
            words.reason if words else None,
            words.advice if words else None,
            one.attempts,
            one.final_at,
        )


@dataclass
class _Conversed:
    """What is counted of one thread."""

    phone: str
    sender_id: str
    incoming: int = 0
    outgoing: int = 0
    times: list[datetime] = field(default_factory=list)
    lead: MessageEntry | None = None
    last: MessageEntry | None = None

    def add(self, one: MessageEntry) -> None:
        """Count a message; of the times the first and the last are kept."""
        is_reply = one.kind == _REPLY
        self.incoming += is_reply
        self.outgoing += not is_reply
        if self.last is None or one.at >= self.last.at:
            self.last = one
        self.times = [min((*self.times, one.at)), max((*self.times, one.at))]


class _Conversations(_Partitions):
    def read(self, unit: int, after: str) -> tuple[list[ExportRow], str | None]:
        threads: dict[str, _Conversed] = {}
        name: str | None = after
        while name is not None:
            entry, partition, found, name = self._page(unit, name)
            for one in found:
                self._count(threads, one)
        return list(self._rows(entry, partition, threads)), None

    def _count(self, threads: dict[str, _Conversed], one: MessageEntry) -> None:
        thread = threads.setdefault(lead_of(one.sk), _Conversed(one.phone, one.sender_id))
        if one.kind == _INITIAL:
            thread.lead = one
        if self.reach.has(one.at):
            thread.add(one)

    def _rows(
        self, entry: PlanEntry, partition: str, threads: dict[str, _Conversed]
    ) -> Iterator[ExportRow]:
        for key, thread in threads.items():
            # A conversation has two sides: whom a campaign wrote to in vain has none.
            if not thread.incoming or thread.last is None:
                continue
            lead = thread.lead
            yield (
                *_names(entry),
                conversation_id(RowRef(partition, key)),
                self._phone(thread.phone),
                thread.sender_id,
                thread.incoming,
                thread.outgoing,
                *thread.times,
                lead.replied_at if lead else None,
                lead.opted_out_at if lead else None,
                lead.opt_out_kind if lead else None,
                thread.last.status,
            )


@dataclass(frozen=True)
class _CampaignRows:
    plan: Plan
    sources: ExportSources

    def read(self, unit: int, after: str) -> tuple[list[ExportRow], str | None]:  # noqa: ARG002  # a unit is one row
        entry, _ = self.plan.unit(unit)
        campaign = self.sources.directory.campaign(entry.id)
        counts, _ = self.sources.totals.campaign_totals(entry.id)
        figures = summary_figures(counts)

        def count(name: str) -> int:
            return int(figures[name]["value"] or 0)

        rate = figures["rate_of_engagement"]["value"]
        row: ExportRow = (
            campaign.id,
            campaign.title,
            campaign.office_id,
            campaign.status,
            campaign.type,
            campaign.operated_by,
            ";".join(campaign.tags),
            campaign.created_at,
            campaign.created_by,
            campaign.launched_at,
            campaign.finished_at,
            campaign.total,
            count("contacts_messaged"),
            count("contacts_responded"),
            None if rate is None else float(rate),
            count("segments"),
            count("total_opt_outs"),
        )
        return [row], None


@dataclass(frozen=True)
class _OptOuts:
    sources: ExportSources
    export: Export

    def read(self, unit: int, after: str) -> tuple[list[ExportRow], str | None]:
        found = self.sources.opt_outs.lane_after(unit, after, OPT_OUTS_A_QUERY)
        shown: list[ExportRow] = [
            (one.phone, one.event_at, one.recorded_at, one.source, one.by, one.reason)
            for _, one in found
            # Who came later is behind the export, which would never end otherwise.
            if one.recorded_at <= self.export.created_at and self.export.reach.has(one.event_at)
        ]
        newest = found[-1][1].recorded_at if found else None
        is_through = len(found) < OPT_OUTS_A_QUERY or (
            newest is not None and newest > self.export.created_at
        )
        return shown, None if is_through else found[-1][0]


def _names(entry: PlanEntry) -> tuple[str | None, str | None]:
    return (entry.id, entry.title) if entry.is_campaign else (None, None)
