"""
Pacers at work in virtual time, before providers that hold them to their rates.

Use cases are the real ones, stores the fakes that ``tests/adapters`` holds to the real
ones. A call takes 100 to 300 ms at the provider, after 15 ms of our own (claim and gate).
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from carillon.domain.campaign import Run, Sender
from carillon.domain.errors import Throttled
from carillon.domain.ids import lead_key
from carillon.domain.message import Accepted, LeadRow, Lease, Outgoing, Recipient, RowRef
from carillon.domain.pacing import ErrorLimit, workers_for
from carillon.usecases.pace_sender import PaceReport, PacingWorld, pace_sender
from carillon.usecases.send_lead import Assignment, SendingWorld, SendResult, send_lead
from carillon.usecases.walk_parts import Walking
from tests.support.outbox import nothing_to_answer
from tests.support.sending import (
    FakeBudgets,
    FakeContactCaps,
    FakeDirectory,
    FakeGate,
    FakeMessages,
    FakeQueue,
    FakeSuppressions,
    Item,
    a_campaign,
    a_sender,
    no_law,
)
from tests.support.virtual_time import VirtualExecutor, VirtualTime

LATENCY_S = (0.1, 0.3)
STORAGE_S = 0.015
LEADS_PER_PART = 500
# From a hand-over's queue message to the next pacer's first step.
WAKE_UP_S = 0.1
# Text -> how many segments it has: what the provider bills, without asking our own counting.
TEXTS = {"a" * 20: 1, "b" * 200: 2, "c" * 400: 3, "d" * 600: 4}


@dataclass(frozen=True)
class Call:
    """One message that the provider took: when, of which campaign, and how many segments."""

    at: float
    campaign_id: str
    segments: int


@dataclass
class StrictProvider:
    """
    Implements ``ports.MessageProvider``: a bucket of one second of its rate, and 429 past it.

    ``refuse_at`` are times at or after which one call each is refused with ``Retry-After``.
    """

    time: VirtualTime
    mps: float
    latency_s: Callable[[], float]
    retry_after_s: float = 1.0
    refuse_at: list[float] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._most = max(1.0, self.mps)
        self._tokens = self._most
        self._seen = 0.0

    def send(self, message: Outgoing) -> Accepted:
        now, segments = self.time.monotonic(), TEXTS[message.text]
        self._tokens = min(self._most, self._tokens + (now - self._seen) * self.mps)
        self._seen = now
        is_asked_to_refuse = bool(self.refuse_at) and now >= self.refuse_at[0]
        if is_asked_to_refuse:
            del self.refuse_at[0]
        if is_asked_to_refuse or self._tokens + 1e-6 < min(segments, self._most):
            self.refused.append(now)
            raise Throttled("too fast", retry_after_s=self.retry_after_s)
        self._tokens -= segments
        campaign_id = RowRef(*message.status_callback.split("|")).pk.partition("#")[0]
        self.calls.append(Call(now, campaign_id, segments))
        self.time.sleep(self.latency_s())
        return Accepted(f"SM{len(self.calls)}")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a send does not call {name}")

    def segments(self, since: float = 0.0, until: float = float("inf")) -> int:
        """Return how many segments it took within [since, until)."""
        return sum(call.segments for call in self.calls if since <= call.at < until)

    def by_campaign(self, since: float = 0.0, until: float = float("inf")) -> Counter[str]:
        """Return each campaign's segments within [since, until)."""
        counts: Counter[str] = Counter()
        for call in self.calls:
            if since <= call.at < until:
                counts[call.campaign_id] += call.segments
        return counts

    def use(self, since: float, until: float) -> float:
        """Return which share of its rate was used within [since, until)."""
        return self.segments(since, until) / (self.mps * (until - since))


class PartedMessages(FakeMessages):
    """The fake messages table, with its rows at hand by part."""

    def __init__(self) -> None:
        super().__init__()
        self._by_part: dict[str, set[RowRef]] = {}

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        whole, self.items = self.items, {}
        mine = self._by_part.get(f"{campaign_id}#{part:05d}", set())
        self.items = {ref: whole[ref] for ref in mine if ref in whole}
        try:
            return super().rows(campaign_id, part)
        finally:
            self.items = whole

    def _put_new(self, ref: RowRef, values: Item) -> bool:
        self._by_part.setdefault(ref.pk, set()).add(ref)
        return super()._put_new(ref, values)


class MadeAudiences:
    """Implements ``ports.Audiences``: people are made when their part is read."""

    def __init__(self) -> None:
        self._campaigns: dict[str, tuple[int, int, tuple[str, ...]]] = {}

    def add(self, campaign_id: str, leads: int, texts: Sequence[str]) -> int:
        """Freeze *leads* people, who get *texts* in turn; return how many parts they fill."""
        self._campaigns[campaign_id] = (len(self._campaigns), leads, tuple(texts))
        return -(-leads // LEADS_PER_PART)

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        area, leads, texts = self._campaigns[campaign_id]
        numbers = range(part * LEADS_PER_PART, min((part + 1) * LEADS_PER_PART, leads))
        return [_person(area, number, texts[number % len(texts)]) for number in numbers]


def _person(area: int, number: int, text: str) -> Recipient:
    phone = f"+1{201 + area}{number:07d}"
    return Recipient(key=lead_key(phone), phone=phone, fields={"text": text})


class CountingDirectory(FakeDirectory):
    """The fake directory, with how often a pacer asked it, by method."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    def sender(self, sender_id: str) -> Sender:
        self.reads["sender"] += 1
        return super().sender(sender_id)

    def runs(self, sender_id: str) -> list[Run]:
        self.reads["runs"] += 1
        return super().runs(sender_id)

    def campaign(self, campaign_id: str) -> Any:
        self.reads["campaign"] += 1
        return super().campaign(campaign_id)

    def campaigns_by_id(self, campaign_ids: Sequence[str]) -> Any:
        self.reads["campaigns_by_id"] += 1
        return super().campaigns_by_id(campaign_ids)


class PacedWorld:
    """Senders, campaigns and time."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.time = VirtualTime()
        self.directory = CountingDirectory()
        self.messages = PartedMessages()
        self.audiences = MadeAudiences()
        self.suppressions = FakeSuppressions()
        self.providers: dict[str, StrictProvider] = {}
        self.send_queue = FakeQueue()
        self.storage_s: Callable[[], float] = lambda: STORAGE_S

    def add_sender(self, sender_id: str, mps: float) -> StrictProvider:
        self.directory.sender_by_id[sender_id] = a_sender(sender_id, mps=mps)
        latency_s = partial(self.random.uniform, *LATENCY_S)
        self.providers[sender_id] = StrictProvider(self.time, mps, latency_s)
        return self.providers[sender_id]

    def launch(
        self, campaign_id: str, leads: int, texts: Sequence[str], senders: Sequence[str]
    ) -> None:
        """Let *senders* send *texts* in turn to *leads* people."""
        parts = self.audiences.add(campaign_id, leads, texts)
        self.directory.campaigns[campaign_id] = a_campaign(
            campaign_id, parts=parts, planned_parts=parts, total=leads, sender_ids=tuple(senders)
        )
        for sender_id in senders:
            self.directory.run_by_key[sender_id, campaign_id] = Run(
                sender_id=sender_id,
                campaign_id=campaign_id,
                office_id="off_north",
                parts=parts,
                senders=tuple(senders),
            )

    def pace(self, sender_id: str, *, for_s: float = float("inf"), **changes: Any) -> PaceReport:
        """Run one pacer for at most so long."""
        return pace_sender(
            sender_id,
            owner="run",
            stop_at=self.time.monotonic() + for_s,
            world=self._pacing(sender_id, **changes),
        )

    def pace_in_turns(self, sender_id: str, *, turn_s: float, until_s: float) -> list[PaceReport]:
        """Run pacer after pacer, each as its predecessor's message wakes it."""
        reports: list[PaceReport] = []
        while not reports or (reports[-1].handed_over and self.time.monotonic() < until_s):
            reports.append(self.pace(sender_id, for_s=turn_s))
            self.time.sleep(WAKE_UP_S)
        return reports

    def _pacing(self, sender_id: str, **changes: Any) -> PacingWorld:
        sending = SendingWorld(
            leads=self.messages,
            gate=FakeGate(self.directory, self.suppressions, self.messages),
            provider=self.providers[sender_id],
            suppressions=self.suppressions,
            caps=FakeContactCaps(),
            clock=self.time,
            new_claim_id=lambda: f"{self.random.getrandbits(64):016x}",
            callback_url=lambda _, ref: f"{ref.row.pk}|{ref.row.sk}",
            jitter=lambda: 0.0,
        )

        def send(assignment: Assignment, lease: Lease) -> SendResult:
            return send_lead(assignment, lease, sending)

        defaults: dict[str, Any] = {
            "leases": self.directory,
            "directory": self.directory,
            "walking": Walking(
                leads=self.messages,
                audiences=self.audiences,
                watches=self.directory,
                directory=self.directory,
                rules=no_law(),
                now=self.time.now,
            ),
            "answering": nothing_to_answer(self.messages, self.time),
            "budgets": FakeBudgets(),
            "receipts_of": lambda _: (0, 0),
            "error_limit": ErrorLimit(),
            "send_queue": self.send_queue,
            "reconcile_queue": FakeQueue(),
            "clock": self.time,
            "compile_body": lambda _: lambda fields, _links: fields["text"],
            "send": send,
            "executor": VirtualExecutor(self.time, self.storage_s),
            "workers": workers_for(self.directory.sender_by_id[sender_id].mps),
            "on_error": _raise,
            "wait": self.time.wait,
        }
        return PacingWorld(**{**defaults, **changes})


def _raise(error: BaseException) -> None:
    raise error
