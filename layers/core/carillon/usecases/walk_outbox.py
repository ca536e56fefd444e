"""
The answers that wait for one sender: what its pacer sends before any campaign's message (V5).

A queued reply's row begins as ``retrying`` with no attempt behind it, so it is claimed, sent,
tried again and resolved as every message is (F2, F3). Its entry in the outbox leads back to
the row until that is final (R4), and holds nothing that the row does not: an entry that is
taken twice finds the claim of the first.

    retrying, due        -> to be sent
    retrying, not due    -> out of sight until it is
    claimed, past grace  -> by the provider's log: retrying, or submitted
    submitted            -> its receipt is waited for, then asked for, later and later
    final, or gone       -> out of the outbox; one that never left calls for a person

An entry that is not to be sent now is always put off, and never left where it would be read
again and again and hide the newer ones. So is one that fails us: the others go on (F8).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from carillon.domain.campaign import Sender
from carillon.domain.conversation import answer_failed
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
from carillon.ports import ConversationBook, Conversations, Outbox
from carillon.usecases.keep_conversation import SINGLE_USE, change_conversation
from carillon.usecases.resolve_ambiguous import Resolution
from carillon.usecases.send_lead import Assignment, SendResult, Sent

# Read at once; more come with the next look.
MOST_AT_ONCE = 50
# A look is taken between two renewals of the lease, and the provider may take ten seconds to
# answer: so often, and no later in the look than this, is it asked.
MOST_RESOLVED = 5
_RESOLVE_WITHIN = timedelta(seconds=2)
_RESOLVE_LATER = timedelta(seconds=10)
# How long to wait before the provider is asked once more about a claim or a receipt.
_ASK_AGAIN = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(hours=12)
# An answer that could not go for so long is none any more, and it may be night by now: it fails,
# where its agent sees it.
LATEST = timedelta(hours=1)
# After an error of ours an answer is left alone for as long as it has waited, within these.
_SHORTEST_REST = timedelta(seconds=10)
_LONGEST_REST = timedelta(minutes=15)

_FINAL = frozenset({Sent.FAILED, Sent.SUPPRESSED, Sent.WITHDRAWN})


@dataclass(frozen=True, kw_only=True)
class Answering:
    """
    What answering touches. *resolve* settles a claim without a result, or asks for a receipt.

    A claim is left alone for *grace*: until then its call may still be under way. A receipt
    is waited for *poll_after* before the provider is asked. *on_error* is told what kept us
    from one answer, or from all of them.
    """

    outbox: Outbox
    conversations: Conversations
    book: ConversationBook
    resolve: Callable[[RowRef, LeadRow], Resolution]
    grace: timedelta
    poll_after: timedelta
    now: Callable[[], datetime]
    on_error: Callable[[BaseException], None]


class Replies:
    """One sender's answers, the longest waiting first."""

    def __init__(self, sender: Sender, world: Answering) -> None:
        self._sender = sender
        self._world = world
        self._ready: deque[Assignment] = deque()
        self._queued: dict[RowRef, QueuedReply] = {}
        self._taken: set[RowRef] = set()
        # When those that were put off for a little while come back.
        self._coming: list[datetime] = []
        self._resolves_left = 0

    @property
    def ready_at(self) -> datetime | None:
        """When the first of those that are not ready may be."""
        return min(self._coming, default=None)

    def look(self) -> None:
        """Read the outbox anew, and the rows that it leads to."""
        now = self._world.now()
        self._ready.clear()
        self._coming = [at for at in self._coming if at > now]
        self._resolves_left = MOST_RESOLVED
        try:
            waiting = self._world.outbox.waiting(self._sender.id, now, MOST_AT_ONCE)
        except Exception as error:  # noqa: BLE001 - the campaigns go on without the answers (F8)
            self._world.on_error(error)
            self._coming.append(now + _SHORTEST_REST)
            return
        seen: set[RowRef] = set()
        for reply in waiting:
            if reply.ref in seen:
                # A crash while it was put off has left two entries: one is enough.
                self._contained(reply, partial(self._world.outbox.done, reply))
            elif reply.ref not in self._taken:
                self._contained(reply, partial(self._admit, reply, now))
            seen.add(reply.ref)

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
        if result.outcome is Sent.THROTTLED:
            self._ready.appendleft(assignment)
            return
        reply = self._queued.pop(assignment.ref)
        self._contained(reply, partial(self._settle, reply, result))

    def is_any_due(self) -> bool:
        """Whether something is to be looked at now; reads the outbox and changes nothing."""
        try:
            return bool(self._world.outbox.waiting(self._sender.id, self._world.now(), 1))
        except Exception as error:  # noqa: BLE001 - the minute's safety net looks again
            self._world.on_error(error)
            return False

    def _settle(self, reply: QueuedReply, result: SendResult) -> None:
        now = self._world.now()
        if result.outcome in _FINAL:
            if result.outcome is not Sent.SUPPRESSED:
                self._call_person(reply)
            self._world.outbox.done(reply)
        elif result.outcome is Sent.SUBMITTED:
            self._world.outbox.postpone(reply, now + self._world.poll_after)
        elif result.outcome is Sent.RETRY:
            self._put_off(reply, now + timedelta(seconds=result.after_s))
        elif result.outcome is Sent.BROKEN:
            self._rest(reply)
        else:
            self._coming.append(now + timedelta(seconds=result.after_s))

    def _contained(self, reply: QueuedReply, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - one answer never stops the others (F8)
            self._world.on_error(error)
            try:
                self._rest(reply)
            except Exception as again:  # noqa: BLE001 - it stays due, and the next look finds it
                self._world.on_error(again)

    def _admit(self, reply: QueuedReply, now: datetime) -> None:
        row = self._world.conversations.answer(reply.ref)
        if row is not None and self._is_ripe(row, reply, now):
            if not self._may_resolve(now):
                self._put_off(reply, now + _RESOLVE_LATER)
                return
            if self._world.resolve(reply.ref, row) is Resolution.WAITING:
                waited = now - row.claimed_at
                self._world.outbox.postpone(
                    reply, now + min(max(waited, _ASK_AGAIN), _LONGEST_WAIT)
                )
                return
            row = self._world.conversations.answer(reply.ref)
        if row is None or is_final(row.status):
            if row is not None and row.status is LeadStatus.FAILED and row.submitted_at is None:
                self._call_person(reply)
            self._world.outbox.done(reply)
        elif row.status is not LeadStatus.RETRYING:
            return
        elif row.due_at is not None and row.due_at > now:
            self._put_off(reply, row.due_at)
        else:
            self._queued[reply.ref] = reply
            self._ready.append(self._assignment(reply, row, now))

    def _may_resolve(self, began_at: datetime) -> bool:
        self._resolves_left -= 1
        return self._resolves_left >= 0 and self._world.now() <= began_at + _RESOLVE_WITHIN

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

    def _put_off(self, reply: QueuedReply, until: datetime) -> None:
        """Put *reply* out of sight for a little while, and be there when it comes back."""
        self._world.outbox.postpone(reply, until)
        self._coming.append(until)

    def _rest(self, reply: QueuedReply) -> None:
        now = self._world.now()
        waited = now - (reply.due_at or reply.queued_at)
        self._put_off(reply, now + min(max(waited, _SHORTEST_REST), _LONGEST_REST))

    def _call_person(self, reply: QueuedReply) -> None:
        """Let somebody see that an answer has never left."""
        if self._world.book.get(reply.conversation_id) is None:
            return
        change = partial(
            answer_failed, by_assistant=reply.author == "assistant", now=self._world.now()
        )
        change_conversation(reply.conversation_id, change, self._world.book)

    def _assignment(self, reply: QueuedReply, row: LeadRow, now: datetime) -> Assignment:
        problem = _problem(reply, now)
        return Assignment(
            campaign_id="",
            office_id=reply.office_id,
            part=0,
            recipient=Recipient(lead_of(reply.ref.sk), reply.phone),
            sender_id=self._sender.id,
            sender_phone=self._sender.phone,
            text=None if problem else reply.text,
            problem=problem,
            segments=segment_count(reply.text),
            content_version=0,
            attempts=row.attempts + 1,
            retry_of=row.claim_id,
            closes_at=None if problem else reply.closes_at,
            answer=reply.ref,
            ended_by=campaign_of(reply.ref) if self._sender.kind == SINGLE_USE else None,
            by_assistant=reply.author == "assistant",
            conversation_id=reply.conversation_id,
        )


def _problem(reply: QueuedReply, now: datetime) -> str | None:
    """Return why *reply* is not to go any more, or None."""
    if now - (reply.due_at or reply.queued_at) > LATEST:
        return "answer_too_late"
    if reply.closes_at is not None and now >= reply.closes_at:
        return "outside_hours"
    return None
