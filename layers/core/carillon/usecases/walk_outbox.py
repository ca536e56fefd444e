"""
The answers that wait for one sender: what its pacer sends before any campaign's message (V5).

A queued reply's row begins as ``retrying`` with no attempt behind it, so it is claimed, sent,
tried again and resolved as every message is (F2, F3). Its entry in the outbox leads back to
the row until that is final (R4), and holds nothing that the row does not: an entry that is
taken twice finds the claim of the first.

    retrying, due        -> to be sent
    claimed, past grace  -> by the provider's log: retrying, or submitted
    submitted            -> its receipt is waited for, then asked for, later and later
    final, or gone       -> out of the outbox
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carillon.domain.campaign import Sender
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import (
    LeadRow,
    QueuedReply,
    Recipient,
    RowRef,
    campaign_of,
    lead_of,
)
from carillon.domain.segments import segment_count
from carillon.ports import Conversations, Outbox
from carillon.usecases.keep_conversation import SINGLE_USE
from carillon.usecases.resolve_ambiguous import Resolution
from carillon.usecases.send_lead import Assignment, SendResult, Sent

# Read at once; more come with the next look.
MOST_AT_ONCE = 50
# How long to wait before the provider is asked once more about a claim or a receipt.
_ASK_AGAIN = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(hours=12)
# An answer that could not go for so long is none any more, and it may be night by now: it fails,
# where its agent sees it.
LATEST = timedelta(hours=1)

_FINAL = frozenset({Sent.FAILED, Sent.SUPPRESSED})


@dataclass(frozen=True, kw_only=True)
class Answering:
    """
    What answering touches. *resolve* settles a claim without a result, or asks for a receipt.

    A claim is left alone for *grace*: until then its call may still be under way. A receipt
    is waited for *poll_after* before the provider is asked.
    """

    outbox: Outbox
    conversations: Conversations
    resolve: Callable[[RowRef, LeadRow], Resolution]
    grace: timedelta
    poll_after: timedelta
    now: Callable[[], datetime]


class Replies:
    """One sender's answers, the longest waiting first."""

    def __init__(self, sender: Sender, world: Answering) -> None:
        self._sender = sender
        self._world = world
        self._ready: deque[Assignment] = deque()
        self._queued: dict[RowRef, QueuedReply] = {}
        self._taken: set[RowRef] = set()
        # When the first of those that are not ready may be.
        self.ready_at: datetime | None = None

    def look(self) -> None:
        """Read the outbox anew, and the rows that it leads to."""
        now = self._world.now()
        self._ready.clear()
        self.ready_at = None
        for reply in self._world.outbox.waiting(self._sender.id, now, MOST_AT_ONCE):
            if reply.ref not in self._taken:
                self._admit(reply, now)

    def take(self) -> Assignment | None:
        """Return the next answer that may go, or None."""
        if self.ready_at is not None and self.ready_at <= self._world.now():
            self.look()
        if not self._ready:
            return None
        assignment = self._ready.popleft()
        self._taken.add(assignment.ref)
        return assignment

    def settle(self, assignment: Assignment, result: SendResult) -> None:
        """Take in what became of *assignment*."""
        self._taken.discard(assignment.ref)
        if result.outcome in _FINAL:
            self._world.outbox.done(self._queued.pop(assignment.ref))
        elif result.outcome is Sent.SUBMITTED:
            until = self._world.now() + self._world.poll_after
            self._world.outbox.postpone(self._queued.pop(assignment.ref), until)
        elif result.outcome is Sent.THROTTLED:
            self._ready.appendleft(assignment)
        else:
            self._comes(self._world.now() + timedelta(seconds=result.after_s))

    def is_waiting(self) -> bool:
        """Whether an answer could go now."""
        return bool(self._ready)

    def _admit(self, reply: QueuedReply, now: datetime) -> None:
        row = self._world.conversations.answer(reply.ref)
        if row is not None and self._is_ripe(row, reply, now):
            if self._world.resolve(reply.ref, row) is Resolution.WAITING:
                waited = now - row.claimed_at
                self._world.outbox.postpone(
                    reply, now + min(max(waited, _ASK_AGAIN), _LONGEST_WAIT)
                )
                return
            row = self._world.conversations.answer(reply.ref)
        if row is None or is_final(row.status):
            self._world.outbox.done(reply)
        elif row.status is not LeadStatus.RETRYING:
            return
        elif row.due_at is not None and row.due_at > now:
            self._comes(row.due_at)
        else:
            self._queued[reply.ref] = reply
            is_late = now - (reply.due_at or reply.queued_at) > LATEST
            self._ready.append(self._assignment(reply, row, is_late=is_late))

    def _is_ripe(self, row: LeadRow, reply: QueuedReply, now: datetime) -> bool:
        """Whether the provider is to be asked; if only later, that is when it is due again."""
        if row.status is LeadStatus.CLAIMED:
            ripe_at = row.claimed_at + self._world.grace
        elif row.status is LeadStatus.SUBMITTED:
            ripe_at = (row.submitted_at or row.claimed_at) + self._world.poll_after
        else:
            return False
        if now < ripe_at:
            self._world.outbox.postpone(reply, ripe_at)
        return now >= ripe_at

    def _comes(self, at: datetime) -> None:
        self.ready_at = at if self.ready_at is None else min(at, self.ready_at)

    def _assignment(self, reply: QueuedReply, row: LeadRow, *, is_late: bool) -> Assignment:
        return Assignment(
            campaign_id="",
            office_id=reply.office_id,
            part=0,
            recipient=Recipient(lead_of(reply.ref.sk), reply.phone),
            sender_id=self._sender.id,
            sender_phone=self._sender.phone,
            text=None if is_late else reply.text,
            problem="answer_too_late" if is_late else None,
            segments=segment_count(reply.text),
            content_version=0,
            attempts=row.attempts + 1,
            retry_of=row.claim_id,
            answer=reply.ref,
            ended_by=campaign_of(reply.ref) if self._sender.kind == SINGLE_USE else None,
            by_assistant=reply.author == "assistant",
        )
