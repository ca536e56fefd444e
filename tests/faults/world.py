"""
A whole campaign in one process and in virtual time, with a tap on every external call.

The use cases are the real ones; the ports are the fakes that the shared suite
holds to the real adapters. A *tap* is called before and after every call that
leaves the process, so a test can crash there (and stay dead until redelivery),
let a STOP arrive, pause the campaign or let time pass. The carrier's ledger is
the judge.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.campaign import Campaign, CampaignStatus, Run
from carillon.domain.errors import OutcomeUnknown, Rejected, Throttled, Unavailable
from carillon.domain.ids import lead_key, part_of
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    LeadRow,
    Outgoing,
    ProviderRecord,
    QueuedReply,
    Receipt,
    Recipient,
    Reply,
    RowRef,
    text_digest,
)
from carillon.domain.pacing import ErrorLimit
from carillon.domain.sender_choice import Candidate
from carillon.ports import Clock
from carillon.usecases.keep_conversation import Inbox
from carillon.usecases.pace_sender import PacingWorld, pace_sender, wake_idle_senders
from carillon.usecases.process_reply import AnswerTexts, ReplyWorld, process_reply
from carillon.usecases.reconcile_campaign import (
    ReconcilingWorld,
    partitions_of,
    reconcile_campaign,
    take_turn,
    unsettled_campaigns,
)
from carillon.usecases.record_receipt import record_receipt, replay_parked
from carillon.usecases.resolve_ambiguous import Resolution, resolve_answer
from carillon.usecases.send_lead import SendingWorld, send_lead
from carillon.usecases.walk_outbox import Answering
from carillon.usecases.walk_parts import Walking
from tests.support.clock import FakeClock, SkewedClock
from tests.support.conversations import FakeBook
from tests.support.outbox import FakeOutbox
from tests.support.sending import (
    FakeAudiences,
    FakeBudgets,
    FakeContactCaps,
    FakeDirectory,
    FakeGate,
    FakeHolds,
    FakeMessages,
    FakeQueue,
    FakeSuppressions,
    InlineExecutor,
    a_campaign,
    a_sender,
    no_law,
)

GRACE = timedelta(seconds=60)
POLL_AFTER = timedelta(seconds=600)
# A pacer may run this long; then Lambda stops it.
RUN_S = 300.0
VISIBILITY_S = 30.0

Tap = Callable[[str], None]


class Crash(BaseException):
    """The process died here: nothing catches it, nothing runs after it."""


@dataclass(frozen=True)
class Sending:
    """One acceptance in the carrier's ledger; ``started_at`` is when the call began."""

    recipient: str
    text: str
    provider_id: str
    started_at: datetime
    ref: RowRef
    ended_at: datetime


class FakeCarrier:
    """
    Implements ``ports.MessageProvider``; its ledger is the truth.

    ``behave`` decides per call, by the number of the call, what goes wrong;
    receipts go to ``deliver`` after ``receipt_after``.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.ledger: list[Sending] = []
        self.calls = 0
        self.behave: Callable[[int], str] = lambda _: "accept"
        self.final: Callable[[str], LeadStatus] = lambda _: LeadStatus.DELIVERED
        self.emit: Callable[[float, Receipt], None] = lambda *_: None
        self.latency_s = 0.1
        self.delivered_after_s = 2.0

    def send(self, message: Outgoing) -> Accepted:
        self.calls += 1
        started = self._clock.now()
        mood = self.behave(self.calls)
        if mood == "unavailable":
            raise Unavailable("not today", provider_code="503")
        if mood == "throttled":
            raise Throttled("slower", retry_after_s=1.0)
        if mood == "rejected":
            raise Rejected("no", provider_code="21211")
        if mood == "opted_out":
            raise Rejected("no", provider_code="21610")
        if mood == "hang":
            self._clock.sleep(10)
            raise OutcomeUnknown("nothing came back", provider_code="ReadTimeoutError")
        self._clock.sleep(self.latency_s)
        accepted = self._accept(message, started, early=mood == "early_receipt")
        if mood == "drop_reply":
            raise OutcomeUnknown("cut off", provider_code="ProtocolError")
        return accepted

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        for sending in reversed(self.ledger):
            if sending.provider_id in known_ids:
                continue
            if sending.recipient == recipient and _same(sending, text_digest, since):
                return ProviderRecord(provider_id=sending.provider_id, status=LeadStatus.SUBMITTED)
        return None

    def fetch(self, provider_id: str) -> ProviderRecord:
        (sending,) = [s for s in self.ledger if s.provider_id == provider_id]
        return ProviderRecord(provider_id=provider_id, status=self.final(sending.recipient))

    def _accept(self, message: Outgoing, started: datetime, *, early: bool) -> Accepted:
        provider_id = f"SM{len(self.ledger):032d}"
        named = CallbackRef.parse(message.status_callback)
        ref = named.row
        self.ledger.append(
            Sending(
                recipient=message.recipient,
                text=message.text,
                provider_id=provider_id,
                started_at=started,
                ref=ref,
                ended_at=self._clock.now(),
            )
        )
        receipt = Receipt(
            ref=ref,
            claim_id=named.claim_id,
            provider_id=provider_id,
            status=self.final(message.recipient),
            received_at=self._clock.now(),
            error_code="30003" if self.final(message.recipient) is LeadStatus.FAILED else None,
        )
        sent = replace(receipt, status=LeadStatus.SUBMITTED, error_code=None)
        self.emit(0.0 if early else 0.5, sent)
        self.emit(0.0 if early else self.delivered_after_s, receipt)
        return Accepted(provider_id=provider_id)


class Tapped:
    """Stands before a port and taps before and after each of its calls."""

    def __init__(self, port: Any, name: str, tap: Tap) -> None:
        self._port = port
        self._name = name
        self._tap = tap

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)

        def tapped(*args: Any, **kwargs: Any) -> Any:
            self._tap(f"before {self._name}.{method}")
            answer = call(*args, **kwargs)
            self._tap(f"after {self._name}.{method}")
            return answer

        return tapped


@dataclass(order=True)
class _Event:
    at: float
    tie: int
    kind: str = field(compare=False)
    payload: Any = field(compare=False)


def phones(count: int) -> list[str]:
    return [f"+1202555{number:04d}" for number in range(100, 100 + count)]


class World:
    """One organisation: a sender, a campaign over *leads* in *parts*, queues and a carrier."""

    def __init__(self, leads: int = 5, parts: int = 2) -> None:
        self.clock = FakeClock()
        # Function -> how far its wall clock is ahead of the true time.
        self.skew: dict[str, timedelta] = {}
        self.messages = FakeMessages()
        self.directory = FakeDirectory()
        self.suppressions = FakeSuppressions()
        self.audiences = FakeAudiences()
        self.book = FakeBook()
        self.carrier = FakeCarrier(self.clock)
        self.carrier.emit = self._emit
        self.recounts = FakeQueue()
        self.budgets = FakeBudgets()
        self.outbox = FakeOutbox(self.messages)
        self.holds = FakeHolds()
        self.caps = FakeContactCaps()
        self.rules = no_law()
        # Nothing pauses itself unless a test asks for it.
        self.error_limit = ErrorLimit(percent=100)
        self.tap: Tap = lambda _: None
        self.taps: list[str] = []
        self.broken: list[BaseException] = []
        self._dead = False
        self._events: list[_Event] = []
        self._ties = itertools.count()
        self._claims = itertools.count()
        self.phones = phones(leads)
        self._set_up(parts)

    def _set_up(self, parts: int) -> None:
        self.directory.sender_by_id["snd_a"] = a_sender()
        self.directory.campaigns["cmp_a"] = a_campaign(parts=parts, total=len(self.phones))
        self.directory.run_by_key["snd_a", "cmp_a"] = Run(
            sender_id="snd_a",
            campaign_id="cmp_a",
            office_id="off_north",
            parts=parts,
            senders=("snd_a",),
            candidates=(Candidate("snd_a", a_sender().phone, 50.0),),
        )
        for part in range(parts):
            self.audiences.parts["cmp_a", part] = []
        for phone in self.phones:
            key = lead_key(phone)
            self.audiences.parts["cmp_a", part_of(key, parts)].append(
                Recipient(key=key, phone=phone, fields={"first_name": "Ada"})
            )

    def add_campaign(self, name: str) -> None:
        """Let the sender have another campaign, *name*, to the same people."""
        first = self.directory.run_by_key["snd_a", "cmp_a"]
        self.directory.campaigns[name] = a_campaign(name, parts=first.parts, total=len(self.phones))
        fresh = replace(first, campaign_id=name, next_part=0, state="open")
        self.directory.run_by_key["snd_a", name] = fresh
        for part in range(first.parts):
            self.audiences.parts[name, part] = list(self.audiences.parts["cmp_a", part])

    # What the world does ------------------------------------------------------

    def run(self, *, until_s: float = 4 * 3600.0) -> None:
        """Play everything that is due, in order, until the campaign is settled and quiet."""
        self._schedule(0.0, "send", {"sender_id": "snd_a"})
        self._schedule(60.0, "minute", None)
        while self._events and self.clock.monotonic() < until_s:
            event = heapq.heappop(self._events)
            self.clock.sleep(event.at - self.clock.monotonic())
            self._play(event)
            if self._is_quiet() and all(event.kind == "minute" for event in self._events):
                return

    def _is_quiet(self) -> bool:
        return self.settled() and not self.outbox.entries

    def settled(self) -> bool:
        run = self.directory.run_by_key["snd_a", "cmp_a"]
        return run.state == "settled"

    def at(self, after_s: float, act: Callable[[], None]) -> None:
        """Let *act* happen *after_s* from the start."""
        self._schedule(after_s, "act", act)

    def reply(self, phone: str, body: str, provider_id: str = "SMin1") -> Reply:
        return Reply(
            provider="twilio",
            provider_id=provider_id,
            sender_id="snd_a",
            phone=phone,
            body=body,
            received_at=self.clock_of("webhooks").now(),
        )

    def take_in(self, reply: Reply, *, tapped: bool = True) -> None:
        """Process an inbound message as its function would."""
        process_reply(reply, self._reply_world(tapped=tapped))

    def wake(self, sender_id: str) -> None:
        """Wake a sender, as its queue does."""
        self._schedule(0.0, "send", {"sender_id": sender_id})

    def answer(self, reply: QueuedReply) -> None:
        """Put *reply* into the outbox and wake its sender, as the API does."""
        self.outbox.put(reply)
        self.wake(reply.sender_id)

    def set_status(self, status: CampaignStatus) -> None:
        campaign = self.directory.campaigns["cmp_a"]
        self.directory.campaigns["cmp_a"] = replace(
            campaign, status=status, version=campaign.version + 1
        )

    # What the judge asks ------------------------------------------------------

    def campaign(self) -> Campaign:
        return self.directory.campaigns["cmp_a"]

    def initial_sends(self) -> Counter[str]:
        """How often the carrier accepted the campaign's text, by phone."""
        return Counter(s.recipient for s in self.carrier.ledger if s.text.startswith("Hi "))

    def statuses(self) -> Counter[str]:
        rows = [item for item in self.messages.items.values() if item["kind"] == "lead"]
        return Counter(str(item["status"]) for item in rows)

    def assert_never_twice_never_lost(self) -> None:
        """At most one acceptance a lead, one terminal state each, none missing."""
        sends = self.initial_sends()
        assert max(sends.values(), default=0) <= 1, sends
        leads = [item for item in self.messages.items.values() if item["kind"] == "lead"]
        assert sorted(item["phone"] for item in leads) == sorted(self.phones)
        assert all(is_final(LeadStatus(item["status"])) for item in leads), self.statuses()
        delivered = {i["phone"] for i in leads if i["status"] == LeadStatus.DELIVERED}
        assert delivered <= set(sends), "delivered without a send"
        assert self.campaign().status is CampaignStatus.FINISHED

    # How it is wired ----------------------------------------------------------

    def _schedule(self, after_s: float, kind: str, payload: Any) -> None:
        at = self.clock.monotonic() + after_s
        heapq.heappush(self._events, _Event(at, next(self._ties), kind, payload))

    def _emit(self, after_s: float, receipt: Receipt) -> None:
        if after_s == 0.0:
            record_receipt(receipt, leads=self.messages, suppressions=self.suppressions)
        else:
            self._schedule(after_s, "receipt", receipt)

    def _play(self, event: _Event) -> None:
        try:
            self._handle(event)
        except Crash:
            # The queue delivers again what was not acknowledged; the process starts anew.
            self._dead = False
            if event.kind != "minute":
                self._schedule(VISIBILITY_S, event.kind, event.payload)
        except Throttled as error:
            self._schedule(error.retry_after_s, event.kind, event.payload)
        if event.kind == "minute" and not self._is_quiet():
            self._schedule(60.0, "minute", None)

    def _handle(self, event: _Event) -> None:
        match event.kind:
            case "send":
                self._pace(event.payload["sender_id"])
            case "receipt":
                record_receipt(
                    event.payload,
                    leads=self._tapped(self.messages, "leads"),
                    suppressions=self.suppressions,
                )
            case "reconcile":
                self._reconcile(event.payload)
            case "inbound":
                self.take_in(event.payload)
            case "act":
                event.payload()
            case "minute":
                self._minute()

    def inbound(self, after_s: float, reply: Reply) -> None:
        """Queue *reply* for its function."""
        self._schedule(after_s, "inbound", reply)

    def _minute(self) -> None:
        wake_idle_senders(
            self._tapped(self.directory, "directory"),
            self._tapped(self.outbox, "outbox"),
            self._queue("send"),
            self.clock.now(),
        )
        replay_parked(self._tapped(self.messages, "leads"))
        for campaign_id in unsettled_campaigns(self.directory):
            reconcile_campaign(campaign_id, self._reconciling())

    def _reconcile(self, message: Any) -> None:
        again = take_turn(message["campaign_id"], message.get("turn"), self._reconciling())
        if again is not None:
            wait_s = (again - self.clock_of("reconciler").now()).total_seconds()
            self._schedule(max(wait_s, 1.0), "reconcile", {**message, "turn": again})

    def clock_of(self, function: str) -> Clock:
        """Return the clock that *function* goes by."""
        ahead = self.skew.get(function)
        return SkewedClock(self.clock, ahead) if ahead else self.clock

    def _pace(self, sender_id: str, function: str = "pacer") -> None:
        world = self.pacing(function)
        pace_sender(
            sender_id,
            owner="run",
            stop_at=self.clock.monotonic() + RUN_S - 20,
            world=world,
        )

    def pacing(self, function: str = "pacer") -> PacingWorld:
        clock = self.clock_of(function)
        sending = SendingWorld(
            leads=self._tapped(self.messages, "leads"),
            gate=self._tapped(
                FakeGate(
                    self.directory,
                    self.suppressions,
                    self.messages,
                    self.holds,
                    self.book.standing,
                ),
                "gate",
            ),
            provider=self._tapped(self.carrier, "provider"),
            suppressions=self._tapped(self.suppressions, "suppressions"),
            caps=self._tapped(self.caps, "caps"),
            clock=clock,
            new_claim_id=self._new_claim_id,
            callback_url=lambda _, ref: ref.token,
            jitter=lambda: 0.0,
        )
        directory = self._tapped(self.directory, "directory")
        return PacingWorld(
            leases=self._tapped(self.directory, "leases"),
            directory=directory,
            walking=Walking(
                leads=self._tapped(self.messages, "leads"),
                audiences=self._tapped(self.audiences, "audiences"),
                watches=self._tapped(self.directory, "watches"),
                directory=directory,
                rules=self.rules,
                now=clock.now,
            ),
            answering=Answering(
                outbox=self._tapped(self.outbox, "outbox"),
                conversations=self._tapped(self.messages, "leads"),
                book=self._tapped(self.book, "book"),
                on_error=self.broken.append,
                resolve=self._resolve_answer,
                grace=GRACE,
                poll_after=POLL_AFTER,
                now=clock.now,
            ),
            budgets=self._tapped(self.budgets, "budgets"),
            receipts_of=self._receipts_of,
            error_limit=self.error_limit,
            send_queue=self._queue("send"),
            reconcile_queue=self._queue("reconcile"),
            clock=clock,
            compile_body=lambda body: (
                lambda fields, links: body.replace("{{first_name}}", fields["first_name"]).replace(
                    "{{offer}}", links.get("offer", "")
                )
            ),
            link_base_url="https://go.example.org",
            send=lambda assignment, lease: send_lead(assignment, lease, sending),
            executor=InlineExecutor(),
            workers=1,
            on_error=self.broken.append,
        )

    def _reconciling(self) -> ReconcilingWorld:
        clock = self.clock_of("reconciler")
        return ReconcilingWorld(
            directory=self._tapped(self.directory, "directory"),
            leads=self._tapped(self.messages, "leads"),
            audiences=self._tapped(self.audiences, "audiences"),
            watches=self._tapped(self.directory, "watches"),
            provider_of=lambda _: self._tapped(self.carrier, "provider"),
            clock=clock,
            send_queue=self._queue("send"),
            recount_queue=self.recounts,
            rules=self.rules,
            ambiguous_grace=GRACE,
            poll_after=POLL_AFTER,
            unsolicited_partition=lambda sender, key: f"unsolicited#{sender}#{key[:2]}",
        )

    def _reply_world(self, *, tapped: bool) -> ReplyWorld:
        clock = self.clock_of("inbound")

        def maybe(port: Any, name: str) -> Any:
            return self._tapped(port, name) if tapped else port

        return ReplyWorld(
            directory=maybe(self.directory, "directory"),
            conversations=maybe(self.messages, "conversations"),
            leads=maybe(self.messages, "leads"),
            suppressions=maybe(self.suppressions, "suppressions"),
            holds=maybe(self.holds, "holds"),
            inbox=Inbox(
                book=maybe(self.book, "book"),
                audiences=self.audiences,
                directory=self.directory,
                clock=clock,
            ),
            provider_of=lambda _: maybe(self.carrier, "provider"),
            texts=AnswerTexts(opt_out="You are out.", opt_in="You are in.", help="Call us."),
            clock=clock,
            new_claim_id=self._new_claim_id,
            callback_url=lambda _, ref: ref.token,
            unsolicited_partition=lambda sender, key: f"unsolicited#{sender}#{key[:2]}",
            ambiguous_grace=GRACE,
        )

    def _resolve_answer(self, ref: RowRef, row: LeadRow) -> Resolution:
        return resolve_answer(
            ref,
            row,
            sender_phone=a_sender().phone,
            partitions=partitions_of(row.sender_id, lead_key(row.phone), self._reconciling()),
            now=self.clock.now(),
            leads=self._tapped(self.messages, "leads"),
            provider=self._tapped(self.carrier, "provider"),
        )

    def _receipts_of(self, campaign_id: str) -> tuple[int, int]:
        """The campaign's delivered and failed messages, as its counters would tell."""
        states = [
            item["status"]
            for ref, item in self.messages.items.items()
            if item["kind"] == "lead" and ref.pk.startswith(f"{campaign_id}#")
        ]
        return states.count(LeadStatus.DELIVERED), states.count(LeadStatus.FAILED)

    def _new_claim_id(self) -> str:
        return f"claim-{next(self._claims)}"

    def _queue(self, kind: str) -> Any:
        world = self

        class _Queue:
            def put(self, message: Any, *, delay_s: int = 0) -> None:
                world._schedule(delay_s, kind, dict(message))

        return self._tapped(_Queue(), f"{kind}_queue")

    def _tapped(self, port: Any, name: str) -> Any:
        return Tapped(port, name, self._on_tap)

    def _on_tap(self, where: str) -> None:
        if self._dead:
            raise Crash
        self.taps.append(where)
        try:
            self.tap(where)
        except Crash:
            self._dead = True
            raise


def _same(sending: Sending, digest: str, since: datetime) -> bool:
    return text_digest(sending.text) == digest and sending.started_at >= since
