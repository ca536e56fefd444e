"""
Hand one lead's message to the provider at most once (F1, F2, F3, F4).

    pacer                     messages table          gate                   provider
      | claim (conditional) ------>|                    |                      |
      |   a crash from here on leaves a claim without a result: ambiguous,     |
      |   resolved by receipt or by the provider's log, never sent blindly     |
      | opted out? still active? still my lease? ------>|                      |
      | send ----------------------------------------------------------------->|
      | result (conditional on the claim) ->|

The claim is the only door to the provider: two workers that hold the same lead
race for one conditional write. The gate is read after the claim, so an opt-out
that commits before the read always wins; one that commits after it can still
see a call that starts within ``GATE_MAX_AGE_S``: that is the in-flight bound.
A provider call itself ends within its own time-out. The gate also tells whether the
campaign is still the one that the text was rendered from, so an edit binds at once (F4).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.budgets import Cap
from carillon.domain.campaign_media import CampaignMedia, media_key
from carillon.domain.errors import (
    AccountBlocked,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.message import (
    CallbackRef,
    Claim,
    GateView,
    Lease,
    Outgoing,
    Recipient,
    RowRef,
    Suppression,
    step_key,
    text_digest,
    told_in,
)
from carillon.domain.provider_codes import CodeKind, lookup
from carillon.ports import Clock, ContactCaps, Gate, Leads, MessageProvider, Suppressions

# A provider call starts at most this long after the gate was read (F3).
GATE_MAX_AGE_S = 1.0
# No provider call starts later than this after its claim; with the provider's
# time-out it bounds how long a claim can still turn into a message.
CLAIM_MAX_AGE_S = 10.0
MAX_ATTEMPTS = 4
# Who may have meant to opt out is asked about again so often, until a person has decided (O1).
LOOK_AT_HELD_EVERY = timedelta(hours=1)
_RETRY_BASE_S = 2.0
_RETRY_GROWTH = 4
_MAX_LOOKS = 3


def backoff_s(attempts: int, jitter: float) -> float:
    """Return how long to wait after so many attempts: 2, 8, 32 s and up to half as much again."""
    wait: float = _RETRY_BASE_S * _RETRY_GROWTH ** (attempts - 1)
    return wait * (1 + jitter / 2)


class Sent(StrEnum):
    """What became of one try."""

    SUBMITTED = "submitted"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    RETRY = "retry"
    AMBIGUOUS = "ambiguous"
    THROTTLED = "throttled"
    HELD = "held"
    # Its window has closed, or a cap on the person holds it: not now, but at a known time.
    WAITS = "waits"
    # The person has answered, or clicked: the follow-up is not to go any more (M3).
    CANCELLED = "cancelled"
    ALREADY_CLAIMED = "already_claimed"
    ACCOUNT_BLOCKED = "account_blocked"
    # An answer that is not to go any more: a person has the conversation now, or nobody.
    WITHDRAWN = "withdrawn"
    # We failed, not the lead: whether its row was written is unknown, so it is walked again.
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """
    One lead, ready to go: its text is rendered, its sender chosen.

    ``text`` is None when it could not be rendered; ``problem`` is then the code.
    ``closes_at`` is when the recipient's window closes (F5), ``ends_at`` the campaign's end.
    ``answer`` is the row of an agent's or the assistant's answer (V5), which no campaign stops
    but the one that it is ``ended_by``: its number is that campaign's alone (K8). It is said in
    ``conversation_id``. What ``is_test`` ends in the sandbox (P3).
    """

    campaign_id: str
    office_id: str
    part: int
    recipient: Recipient
    sender_id: str
    sender_phone: str
    text: str | None
    problem: str | None
    segments: int
    content_version: int
    attempts: int = 1
    retry_of: str | None = None
    step: int = 0
    steps_left: int = 0
    variant: str | None = None
    closes_at: datetime | None = None
    ends_at: datetime | None = None
    caps: tuple[Cap, ...] = ()
    answer: RowRef | None = None
    ended_by: str | None = None
    by_assistant: bool = False
    is_test: bool = False
    conversation_id: str | None = None
    # A follow-up for those alone who have not clicked (M3).
    unless_clicked: bool = False
    # With files it is an MMS (M5).
    media: tuple[CampaignMedia, ...] = ()

    @property
    def ref(self) -> RowRef:
        """The messages row of this message."""
        if self.answer is not None:
            return self.answer
        return RowRef(
            f"{self.campaign_id}#{self.part:05d}", step_key(self.recipient.key, self.step)
        )

    @property
    def lead_ref(self) -> RowRef:
        """The messages row of its lead."""
        return RowRef(self.ref.pk, self.recipient.key)

    def is_stopped(self, view: GateView) -> bool:
        """Whether its campaign has stopped, or changed since the text was rendered (F4)."""
        if self.answer is not None:
            return False
        return not view.campaign_active or view.campaign_version != self.content_version

    def is_withdrawn(self, view: GateView) -> str | None:
        """Return why an answer is not to go any more, or None (V5, V6, K8)."""
        if self.answer is None:
            return None
        if view.is_closed:
            return "conversation_closed"
        if view.campaign_archived:
            return "campaign_stopped"
        if not self.by_assistant:
            return None
        if view.is_held:
            # A person has to speak to them now (V6).
            return "contact_held"
        return None if view.is_assistants else "conversation_taken_over"


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """
    What became of an assignment, with when it may go on where that matters.

    ``after_s`` is for a retry or a throttle, ``until`` for what waits; a message that waits
    under a row of its own (a cap) names the claim that it waits under.
    """

    outcome: Sent
    after_s: float = 0.0
    until: datetime | None = None
    claim_id: str | None = None
    code: str | None = None


def _no_media(_: str) -> str:
    raise NotImplementedError("this sender has no files")


@dataclass(frozen=True, kw_only=True)
class SendingWorld:
    """Everything outside that one send touches."""

    leads: Leads
    gate: Gate
    provider: MessageProvider
    suppressions: Suppressions
    caps: ContactCaps
    clock: Clock
    new_claim_id: Callable[[], str]
    callback_url: Callable[[str, CallbackRef], str]
    # A number from 0 to 1, another one each time.
    jitter: Callable[[], float]
    # Where the provider gets a file of ours, by its key; asked for only where there are files.
    media_url: Callable[[str], str] = _no_media


def send_lead(assignment: Assignment, lease: Lease, world: SendingWorld) -> SendResult:
    """Claim, look, call, record; see the module's text. Provider errors become outcomes."""
    # Before the write, like the time in the row: a slow write uses up the claim's age too.
    claimed_at = world.clock.monotonic()
    if _has_closed(assignment, world):
        return SendResult(outcome=Sent.WAITS)
    claim = _claim_for(assignment, world)
    if not world.leads.claim(claim):
        return SendResult(outcome=Sent.ALREADY_CLAIMED)

    if assignment.text is None:
        code = assignment.problem or "render_failed"
        world.leads.record_failed(claim, code, world.clock.now())
        return SendResult(outcome=Sent.FAILED, code=code)

    capped = _capped(assignment, claim, world)
    if capped is not None:
        return capped
    blocked = _blocked(assignment, claim, lease, world, claimed_at)
    if blocked is not None:
        return blocked
    return _call(assignment, claim, world, assignment.text)


def _has_closed(assignment: Assignment, world: SendingWorld) -> bool:
    return assignment.closes_at is not None and world.clock.now() >= assignment.closes_at


def _claim_for(assignment: Assignment, world: SendingWorld) -> Claim:
    return Claim(
        id=world.new_claim_id(),
        ref=assignment.ref,
        phone=assignment.recipient.phone,
        sender_id=assignment.sender_id,
        office_id=assignment.office_id,
        segments=assignment.segments,
        content_version=assignment.content_version,
        text_digest=text_digest(assignment.text or ""),
        claimed_at=world.clock.now(),
        attempts=assignment.attempts,
        retry_of=assignment.retry_of,
        step=assignment.step,
        steps_left=assignment.steps_left,
        variant=assignment.variant,
        is_mms=bool(assignment.media),
    )


def _capped(assignment: Assignment, claim: Claim, world: SendingWorld) -> SendResult | None:
    """Return that it waits for a cap on the person, or None; noted before the call, not after."""
    if not assignment.caps:
        return None
    now = world.clock.now()
    free_at = world.caps.take(claim.phone, claim.ref, assignment.caps, now)
    if free_at is None:
        return None
    # The row keeps the time: without one, every walk would ask again.
    world.leads.defer(claim, "frequency_cap", free_at)
    return SendResult(outcome=Sent.WAITS, until=free_at, claim_id=claim.id, code="frequency_cap")


def _blocked(  # one for each reason not to send
    assignment: Assignment, claim: Claim, lease: Lease, world: SendingWorld, claimed_at: float
) -> SendResult | None:
    """Return why the call must not start, or None when a fresh look allows it."""
    for _ in range(_MAX_LOOKS):
        looked_at = world.clock.monotonic()
        view = world.gate.look(
            phone=claim.phone,
            campaign_id=assignment.ended_by if assignment.answer else assignment.campaign_id,
            sender_id=claim.sender_id,
            lead=assignment.lead_ref if assignment.step else None,
            conversation_id=assignment.conversation_id,
        )
        forbidden = _forbidden(assignment, claim, view, world)
        if forbidden is not None:
            return forbidden
        now = world.clock.monotonic()
        if (
            assignment.is_stopped(view)
            or view.lease_token != lease.token
            or now - claimed_at > CLAIM_MAX_AGE_S
        ):
            break
        if _has_closed(assignment, world):
            world.leads.release(claim)
            return SendResult(outcome=Sent.WAITS)
        if now - looked_at <= GATE_MAX_AGE_S:
            return None
    world.leads.release(claim)
    return SendResult(outcome=Sent.HELD)


def _forbidden(
    assignment: Assignment, claim: Claim, view: GateView, world: SendingWorld
) -> SendResult | None:
    """Return what the recipient, or who has their conversation, has against the call, or None."""
    if view.opted_out:
        world.leads.record_suppressed(claim, world.clock.now())
        return SendResult(outcome=Sent.SUPPRESSED)
    if view.has_replied or (assignment.unless_clicked and view.has_clicked):
        world.leads.release(claim)
        return SendResult(outcome=Sent.CANCELLED)
    withdrawn = assignment.is_withdrawn(view)
    if withdrawn is not None:
        world.leads.record_failed(claim, withdrawn, world.clock.now())
        return SendResult(outcome=Sent.WITHDRAWN, code=withdrawn)
    if view.is_held and assignment.answer is None:
        return _held_back(claim, world)
    return None


def _held_back(claim: Claim, world: SendingWorld) -> SendResult:
    """Let the message wait until a person has decided what its recipient meant (O1)."""
    until = world.clock.now() + LOOK_AT_HELD_EVERY
    world.leads.defer(claim, "contact_held", until)
    return SendResult(outcome=Sent.WAITS, until=until, claim_id=claim.id, code="contact_held")


def _call(assignment: Assignment, claim: Claim, world: SendingWorld, text: str) -> SendResult:
    ref = CallbackRef(claim.ref, claim.id)
    message = Outgoing(
        sender=assignment.sender_phone,
        recipient=claim.phone,
        text=text,
        status_callback=world.callback_url(claim.sender_id, ref),
        ref_token=ref.token,
        valid_for_s=_valid_for_s(assignment, world.clock.now()),
        is_test=assignment.is_test,
        media_urls=tuple(world.media_url(media_key(one)) for one in assignment.media),
    )
    try:
        accepted = world.provider.send(message)
    except Throttled as error:
        world.leads.release(claim)
        return SendResult(outcome=Sent.THROTTLED, after_s=error.retry_after_s)
    except AccountBlocked as error:
        world.leads.release(claim)
        return SendResult(outcome=Sent.ACCOUNT_BLOCKED, code=error.provider_code)
    except Rejected as error:
        code = error.provider_code or error.code
        if lookup(code).kind is CodeKind.OPTED_OUT:
            _suppress(claim, world)
        world.leads.record_failed(claim, code, world.clock.now())
        return SendResult(outcome=Sent.FAILED, code=code)
    except Unavailable as error:
        return _retry_or_fail(claim, error, world)
    except OutcomeUnknown as error:
        return SendResult(outcome=Sent.AMBIGUOUS, claim_id=claim.id, code=error.provider_code)
    world.leads.record_submitted(claim, accepted, world.clock.now())
    if assignment.step or assignment.answer:
        world.leads.note_outbound(assignment.lead_ref, world.clock.now())
    return SendResult(outcome=Sent.SUBMITTED)


def _valid_for_s(assignment: Assignment, now: datetime) -> int | None:
    """Return how long the provider may try: not past the window's or the campaign's end (F5)."""
    ends = [end for end in (assignment.closes_at, assignment.ends_at) if end is not None]
    if not ends:
        return None
    return max(int((min(ends) - now).total_seconds()), 1)


def _suppress(claim: Claim, world: SendingWorld) -> None:
    """Note the opt-out that the provider knows of, first: no other sender may try (F7, O5)."""
    now = world.clock.now()
    world.suppressions.opt_out(
        Suppression(
            phone=claim.phone,
            opted_out=True,
            event_at=now,
            source="provider",
            cause=claim.id,
            committed_at=now,
            told=told_in(claim.ref),
        )
    )


def _retry_or_fail(claim: Claim, error: Unavailable, world: SendingWorld) -> SendResult:
    code = error.provider_code or error.code
    now = world.clock.now()
    if claim.attempts >= MAX_ATTEMPTS:
        world.leads.record_failed(claim, code, now)
        return SendResult(outcome=Sent.FAILED, code=code)
    after_s = max(error.retry_after_s or 0.0, backoff_s(claim.attempts, world.jitter()))
    world.leads.record_retry(claim, code, now + timedelta(seconds=after_s))
    return SendResult(outcome=Sent.RETRY, after_s=after_s, claim_id=claim.id, code=code)
