"""
A conversation: one contact on one thread, and who has to look after it (I3, V1 to V5, O3).

    a message comes in          operated by an agent      operated by the assistant
    ordinary                    needs attention           stays: the assistant is asked
    weak signal or distress     needs attention           an agent's, and needs attention
    opt-out, opt-in, HELP       nothing: they are answered by themselves

    a person replies            needs no attention, waits no longer (A8)
    the assistant replies       nothing changes: that is no answer of a person (A8)
    the assistant hands over    an agent's, and needs attention

So what needs attention is always an agent's, and V3 leaves a way out of every state. A
weak signal holds the contact as well, until a person releases them, or they say by a keyword
that they want to be texted. Everything here is pure:
who writes compares ``version`` (ports.ConversationBook), and on a conflict reads and applies
again. Messages may come in late, twice and in any order; the outcome is the same.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.clock import to_iso
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.message import CallbackRef, QueuedReply, RowRef

MAX_TAGS = 3
MAX_TAG = 30
SHOWN_TEXT = 160
# A repeated message is known again among so many of the newest; what is older than all of
# them has been taken in long ago.
REMEMBERED = 20

AGENT = "agent"
ASSISTANT = "assistant"


class Section(StrEnum):
    """The parts of an inbox (V2)."""

    NEEDS_ATTENTION = "needs_attention"
    AGENT_OPERATED = "agent_operated"
    ASSISTANT_OPERATED = "assistant_operated"


class InboundKind(StrEnum):
    """What a message asks of us, as far as its conversation is concerned."""

    ORDINARY = "ordinary"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    WEAK = "weak"
    DISTRESS = "distress"


# Values of optout.Keyword; YES is ordinary unless it opted in.
_KIND_OF_KEYWORD = {
    "stop": InboundKind.OPT_OUT,
    "start": InboundKind.OPT_IN,
    "help": InboundKind.HELP,
    "weak": InboundKind.WEAK,
    "distress": InboundKind.DISTRESS,
}
_FOR_A_PERSON = frozenset({InboundKind.ORDINARY, InboundKind.WEAK, InboundKind.DISTRESS})
_ALARMING = frozenset({InboundKind.WEAK, InboundKind.DISTRESS})


def inbound_kind(keyword: str, *, opted_in: bool) -> InboundKind:
    """Return the kind of a message that *keyword* classified; *opted_in*: a YES that counted."""
    if keyword == "yes" and opted_in:
        return InboundKind.OPT_IN
    return _KIND_OF_KEYWORD.get(keyword, InboundKind.ORDINARY)


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """
    One message that came in; ``at`` is when it was first received.

    ``sender_id`` is the number that it was written to, which the answer comes from.
    """

    provider_id: str
    at: datetime
    kind: InboundKind
    text: str
    sender_id: str = ""

    @property
    def mark(self) -> str:
        """What it is known again by: sorts by time, and never the same for two messages."""
        digest = hashlib.blake2b(self.provider_id.encode(), digest_size=6).hexdigest()
        return f"{round(self.at.timestamp() * 1000):013d}.{digest}"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """
    One contact on one thread: a campaign's lead, or the messages that answer no campaign.

    ``campaign_id`` is None for the latter. ``unread`` counts what came in since a person
    last replied or dealt with it. ``awaiting_since`` is the first message that no person has
    answered. ``opt_out`` is auto or manual (O3), while ``consent_at`` is when the contact
    last said so, either way. A ``closed`` one has left every queue (K8).
    ``outgoing`` is a reply that is promised and perhaps not in the outbox yet;
    ``handed_over_at`` is when the assistant last gave it up.
    """

    id: str
    office_id: str
    sender_id: str
    phone: str
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime
    campaign_id: str | None = None
    first_name: str = ""
    last_name: str = ""
    operated_by: str = AGENT
    needs_attention: bool = False
    assigned_to: str | None = None
    assigned_at: datetime | None = None
    tags: tuple[str, ...] = ()
    opt_out: str | None = None
    consent_at: datetime | None = None
    is_held: bool = False
    # When the newest message was said that holds the contact, and the newest START.
    held_at: datetime | None = None
    opted_in_at: datetime | None = None
    awaiting_since: datetime | None = None
    last_inbound_at: datetime | None = None
    last_text: str = ""
    unread: int = 0
    closed: bool = False
    applied: tuple[str, ...] = ()
    outgoing: QueuedReply | None = None
    handed_over_at: datetime | None = None
    # Raised by every write; 0 is one that nobody has written yet.
    version: int = 0

    @property
    def section(self) -> Section:
        """The section that lists it (V2)."""
        if self.needs_attention:
            return Section.NEEDS_ATTENTION
        if self.operated_by == ASSISTANT:
            return Section.ASSISTANT_OPERATED
        return Section.AGENT_OPERATED

    @property
    def place(self) -> str:
        """Where it stands in its queues: newest message last, unique."""
        return f"{to_iso(self.last_message_at)}#{self.id}"

    @property
    def ref(self) -> RowRef:
        """The messages partition and lead key of its thread."""
        return thread_of(self.id)


def conversation_id(thread: RowRef) -> str:
    """Return the id of the conversation on *thread*: partition and lead key as one URL word."""
    return CallbackRef(thread).token


def thread_of(conversation: str) -> RowRef:
    """Return the thread that a conversation's id names; InvalidInput when it is no id."""
    return CallbackRef.parse(conversation).row


def after_inbound(before: Conversation, inbound: Inbound, now: datetime) -> Conversation:
    """Return the conversation once *inbound* is taken in: unchanged if it had been already."""
    if _is_known(before, inbound.mark):
        return before
    is_newest = inbound.mark > max(before.applied, default="")
    sender_id = inbound.sender_id if is_newest and inbound.sender_id else before.sender_id
    after = replace(
        before,
        applied=tuple(sorted([*before.applied, inbound.mark]))[-REMEMBERED:],
        last_inbound_at=_latest(before.last_inbound_at, inbound.at),
        unread=before.unread + 1,
        sender_id=sender_id,
        updated_at=now,
    )
    if is_newest and inbound.at >= before.last_message_at:
        after = replace(after, last_message_at=inbound.at, last_text=inbound.text[:SHOWN_TEXT])
    return _as_asked(after, inbound)


def _as_asked(after: Conversation, inbound: Inbound) -> Conversation:
    if inbound.kind in (InboundKind.OPT_OUT, InboundKind.OPT_IN):
        return _cleared(_with_consent(after, inbound), inbound)
    if inbound.kind not in _FOR_A_PERSON:
        return after
    waiting = min(after.awaiting_since or inbound.at, inbound.at)
    after = replace(after, awaiting_since=waiting)
    if inbound.kind is InboundKind.WEAK and not _has_opted_in_since(after, inbound.at):
        after = replace(after, is_held=True, held_at=_latest(after.held_at, inbound.at))
    if after.operated_by == AGENT or inbound.kind in _ALARMING:
        # Nobody can answer a closed one any more, so it calls for nobody.
        return replace(after, operated_by=AGENT, needs_attention=not after.closed)
    return after


def _with_consent(after: Conversation, inbound: Inbound) -> Conversation:
    """The newest word counts; at one instant, the one that opts out."""
    opts_out = inbound.kind is InboundKind.OPT_OUT
    if after.consent_at is not None and (
        inbound.at < after.consent_at or (inbound.at == after.consent_at and not opts_out)
    ):
        return after
    kind = (after.opt_out or "auto") if opts_out else None
    return replace(after, opt_out=kind, consent_at=inbound.at)


def _cleared(after: Conversation, inbound: Inbound) -> Conversation:
    """The contact's own clear word settles what they may have meant before it (O4)."""
    if inbound.kind is not InboundKind.OPT_IN:
        return after
    after = replace(after, opted_in_at=_latest(after.opted_in_at, inbound.at))
    if after.held_at is None or not _has_opted_in_since(after, after.held_at):
        return after
    return replace(after, is_held=False, held_at=None)


def _has_opted_in_since(conversation: Conversation, at: datetime) -> bool:
    return conversation.opted_in_at is not None and at < conversation.opted_in_at


def _is_known(before: Conversation, mark: str) -> bool:
    if mark in before.applied:
        return True
    return len(before.applied) >= REMEMBERED and mark < before.applied[0]


def after_human_reply(before: Conversation, reply: QueuedReply) -> Conversation:
    """
    Return the conversation once a person's *reply* is promised: nobody waits any more.

    Raises Conflict: ``conversation_closed``, ``reply_under_way`` while the one before is
    not in the outbox yet.
    """
    _require_open(before)
    _require_nothing_under_way(before)
    return replace(
        _with_outbound(before, reply),
        needs_attention=False,
        awaiting_since=None,
        unread=0,
        outgoing=reply,
    )


def is_for_assistant(conversation: Conversation) -> bool:
    """Whether somebody waits in it for the assistant, and for nobody else."""
    return (
        conversation.operated_by == ASSISTANT
        and not conversation.is_held
        and not conversation.closed
        and conversation.awaiting_since is not None
    )


def after_assistant_reply(before: Conversation, reply: QueuedReply) -> Conversation:
    """
    Return the conversation once the assistant's *reply* is promised; whoever waits still does.

    Raises Conflict: ``conversation_not_assistants`` when a person has it, or has answered it,
    by now, and what a person's reply raises.
    """
    _require_open(before)
    _require_nothing_under_way(before)
    if not is_for_assistant(before):
        raise Conflict(
            "A person looks after this conversation.", code="conversation_not_assistants"
        )
    return replace(_with_outbound(before, reply), outgoing=reply)


def waited_s(before: Conversation, now: datetime) -> int | None:
    """Return for how many whole seconds the contact has waited for a person, or None (A8)."""
    if before.awaiting_since is None:
        return None
    return max(int((now - before.awaiting_since).total_seconds()), 0)


def reply_queued(before: Conversation, reply: QueuedReply, now: datetime) -> Conversation:
    """Return the conversation once *reply* is in the outbox for certain."""
    if before.outgoing is None or before.outgoing.id != reply.id:
        return before
    return replace(before, outgoing=None, updated_at=now)


def handed_over(before: Conversation, now: datetime) -> Conversation:
    """Return the conversation once the assistant has given it up; a person's stays as it is."""
    if before.operated_by != ASSISTANT:
        return before
    return replace(
        before,
        operated_by=AGENT,
        needs_attention=not before.closed,
        handed_over_at=now,
        updated_at=now,
    )


def answer_failed(before: Conversation, *, by_assistant: bool, now: datetime) -> Conversation:
    """Return the conversation once an answer in it has never left: a person has to look."""
    if by_assistant:
        return handed_over(before, now) if is_for_assistant(before) else before
    if before.closed or before.opt_out is not None:
        return before
    return replace(before, operated_by=AGENT, needs_attention=True, updated_at=now)


def operated(before: Conversation, operator: str, now: datetime) -> Conversation:
    """
    Return the conversation operated by *operator* from now on (V3).

    Raises Conflict: ``conversation_needs_attention`` while it does,
    ``conversation_held`` when the assistant is to have a held contact.
    """
    if operator not in (AGENT, ASSISTANT):
        raise InvalidInput("operated_by must be agent or assistant.", field="operated_by")
    _require_open(before)
    if operator == before.operated_by:
        return before
    if before.needs_attention:
        raise Conflict(
            "It needs attention: answer or settle it first.", code="conversation_needs_attention"
        )
    if operator == ASSISTANT and before.is_held:
        raise Conflict("The contact is held: release them first.", code="conversation_held")
    return replace(before, operated_by=operator, updated_at=now)


def with_attention(before: Conversation, needed: bool, now: datetime) -> Conversation:
    """
    Return the conversation with the attention that a person says it needs (V3).

    Raises Conflict (``conversation_assistants``) when the assistant operates it.
    """
    _require_open(before)
    if before.operated_by != AGENT:
        raise Conflict(
            "The assistant operates it: take it over first.", code="conversation_assistants"
        )
    if needed == before.needs_attention:
        return before
    unread = before.unread if needed else 0
    return replace(before, needs_attention=needed, unread=unread, updated_at=now)


def tagged(before: Conversation, tags: Iterable[str], now: datetime) -> Conversation:
    """Return the conversation with *tags* in place of its own (V4); InvalidInput (``tags``)."""
    distinct = tuple(dict.fromkeys(" ".join(tag.split()) for tag in tags))
    if len(distinct) > MAX_TAGS:
        raise InvalidInput(f"A conversation has at most {MAX_TAGS} tags.", field="tags")
    if any(not 1 <= len(tag) <= MAX_TAG for tag in distinct):
        raise InvalidInput(f"A tag has 1 to {MAX_TAG} characters.", field="tags")
    return before if distinct == before.tags else replace(before, tags=distinct, updated_at=now)


def assigned(before: Conversation, subject: str, now: datetime) -> Conversation:
    """Return the conversation assigned to the user *subject*, from now on."""
    if before.assigned_to == subject:
        return before
    return replace(before, assigned_to=subject, assigned_at=now, updated_at=now)


def is_stale(conversation: Conversation, limit: timedelta, now: datetime) -> bool:
    """Whether the user that it is assigned to has left a contact waiting longer than *limit*."""
    if conversation.assigned_at is None or not conversation.needs_attention:
        return False
    since = max(conversation.assigned_at, conversation.awaiting_since or conversation.assigned_at)
    return now - since > limit


def released(before: Conversation, now: datetime) -> Conversation:
    """Return the conversation assigned to nobody."""
    if before.assigned_to is None:
        return before
    return replace(before, assigned_to=None, assigned_at=None, updated_at=now)


def opted_out_by_agent(before: Conversation, now: datetime) -> Conversation:
    """Return the conversation of a contact whom an agent has opted out; auto stays auto (O3)."""
    if before.opt_out is not None:
        return before
    return replace(before, opt_out="manual", consent_at=now, updated_at=now)


def unheld(before: Conversation, now: datetime) -> Conversation:
    """Return the conversation of a contact whom a person has released."""
    if not before.is_held:
        return before
    return replace(before, is_held=False, held_at=None, updated_at=now)


def left_the_queue(before: Conversation, now: datetime) -> Conversation:
    """Return the conversation of a single-use number whose campaign is stopped (K8)."""
    if before.closed:
        return before
    return replace(before, closed=True, needs_attention=False, updated_at=now)


def _with_outbound(before: Conversation, reply: QueuedReply) -> Conversation:
    after = replace(before, updated_at=reply.queued_at)
    if reply.queued_at < before.last_message_at:
        return after
    return replace(
        after, last_message_at=reply.queued_at, last_text=" ".join(reply.text.split())[:SHOWN_TEXT]
    )


def _require_open(conversation: Conversation) -> None:
    if conversation.closed:
        raise Conflict(
            "Its campaign is stopped: nothing is sent any more.", code="conversation_closed"
        )


def _require_nothing_under_way(conversation: Conversation) -> None:
    if conversation.outgoing is not None:
        raise Conflict("An earlier reply is just being queued; try again.", code="reply_under_way")


def _latest(known: datetime | None, new: datetime) -> datetime:
    return new if known is None else max(known, new)
