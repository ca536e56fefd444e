"""
The assistant's turn: one inbound message, from its queue to a reply, a hand-over or nothing (V6).

    promised and not queued?   first of all it is, whoever promised it
    answered, or a newer one?  nothing: a person was there, the newer message has its own turn
    outside legal hours?       a person's turn, where the policy forbids such answers
    ask, which takes seconds
    opted out meanwhile?       nothing
    a person's meanwhile?      nothing: the conversation refuses the promise

The reply's row is named after the message that it answers, so a redelivery finds it and asks
nobody. Whatever a person or the contact does in between is seen by the conversation's version
or, at the very last, by the pacer's gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from carillon.domain.assistant import (
    ORDINARY,
    Author,
    Given,
    HandOver,
    Reason,
    Silent,
    Situation,
    Turn,
    Usage,
)
from carillon.domain.conversation import Conversation, is_for_assistant
from carillon.domain.errors import Conflict, Throttled
from carillon.domain.ids import derived_id
from carillon.domain.lead import LeadStatus
from carillon.domain.message import QueuedReply, RowRef
from carillon.domain.optout import Keyword
from carillon.domain.transcript import Author as RowAuthor
from carillon.domain.transcript import TranscriptRow
from carillon.ports import ConversationBook, Outbox, Queue, SendingDirectory, Suppressions
from carillon.usecases.answer_as_assistant import (
    AssistantReply,
    AssistantWorld,
    Inquiry,
    answer_as_assistant,
)
from carillon.usecases.manage_conversations import not_found
from carillon.usecases.read_transcript import TranscriptWorld, as_read, in_order
from carillon.usecases.reply_in_conversation import ReplyRules, legal_hours
from carillon.usecases.speak_for_assistant import (
    give_assistants_reply,
    hand_over,
    queue_promised,
)

# No answerer looks further back.
_MOST_TURNS = 20
# The contact has never seen them.
_NEVER_ARRIVED = frozenset({LeadStatus.FAILED, LeadStatus.SUPPRESSED})


class Outcome(StrEnum):
    """What came of a message."""

    REPLIED = "replied"
    HANDED_OVER = "handed_over"
    SILENT = "silent"
    # The contact has written again since, or a person has answered.
    SUPERSEDED = "superseded"
    # While the assistant thought, a person took over or the contact opted out.
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of a message and why, and what it cost; nothing of what anybody wrote."""

    outcome: Outcome
    reason: str = ""
    sources: tuple[str, ...] = ()
    score: float | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class AskingWorld:
    """Everything that the assistant's turn touches."""

    assistant: AssistantWorld
    transcript: TranscriptWorld
    book: ConversationBook
    directory: SendingDirectory
    suppressions: Suppressions
    outbox: Outbox
    send_queue: Queue
    rules: ReplyRules


def ask_assistant(conversation_id: str, inbound_id: str, world: AskingWorld) -> Asked:
    """
    Let the assistant deal with the message *inbound_id* of its conversation; safe to repeat.

    Raises NotFound, Throttled while another reply is just being queued.
    """
    conversation = _settled(conversation_id, world)
    rows = in_order(world.transcript.transcripts.messages(conversation.ref))
    thread = _Thread(conversation.ref.sk, rows)
    inbound = thread.newest_ordinary(inbound_id)
    if inbound is None or conversation.awaiting_since is None:
        return Asked(outcome=Outcome.SUPERSEDED)
    hours = _hours(conversation, world)
    inquiry = Inquiry(
        campaign_id=conversation.campaign_id,
        situation=replace(
            _situation(conversation, inbound, inbound_id, thread, world),
            outside_hours=not hours.is_open,
        ),
        turns=_turns(conversation, inbound, rows, world),
        campaign_title=_title(conversation, world),
    )
    decided = answer_as_assistant(inquiry, world.assistant)
    if isinstance(decided, Silent):
        return Asked(outcome=Outcome.SILENT, reason=decided.why)
    if isinstance(decided, HandOver):
        hand_over(conversation.id, book=world.book, clock=world.assistant.clock)
        return Asked(
            outcome=Outcome.HANDED_OVER,
            reason=decided.reason,
            sources=decided.sources,
            score=decided.score,
            usage=decided.usage,
        )
    return Asked(
        outcome=_reply(conversation, decided, hours.closes_at, world),
        sources=decided.sources,
        score=decided.score,
        usage=decided.usage,
    )


def give_up(conversation_id: str, world: AskingWorld) -> Asked:
    """
    Hand over a message that failed however often it was tried: somebody waits for an answer.

    Goes by the conversation alone, since the rest may be what cannot be read.
    """
    conversation = world.book.get(conversation_id)
    if conversation is None:
        raise not_found()
    if not is_for_assistant(conversation):
        return Asked(outcome=Outcome.SUPERSEDED)
    hand_over(conversation_id, book=world.book, clock=world.assistant.clock)
    return Asked(outcome=Outcome.HANDED_OVER, reason=Reason.GIVEN_UP)


@dataclass(frozen=True)
class _Hours:
    """Whether it may answer now by law and policy, and until when: None for as long as it likes."""

    is_open: bool = True
    closes_at: datetime | None = None


def _hours(conversation: Conversation, world: AskingWorld) -> _Hours:
    if world.rules.answers_outside_hours() != "block":
        return _Hours()
    now = world.assistant.clock.now()
    opening = legal_hours(conversation, world.transcript.audiences, world.rules, now)
    if opening is None or not opening.is_open(now):
        return _Hours(is_open=False)
    return _Hours(closes_at=opening.closes_at)


@dataclass(frozen=True)
class _Thread:
    """The rows of one conversation, in order, by what their keys say."""

    key: str
    rows: Sequence[TranscriptRow]

    def newest_ordinary(self, inbound_id: str) -> TranscriptRow | None:
        """Return the row of *inbound_id* unless the contact has said something after it."""
        own = f"{self.key}#in#{inbound_id}"
        settled = {f"{self.key}#in#{one}" for one in self.answered_automatically()}
        asking = [
            row
            for row in self.rows
            if row.author is RowAuthor.CONTACT
            and _keyword(row) in ORDINARY
            and (row.sk == own or row.sk not in settled)
        ]
        return asking[-1] if asking and asking[-1].sk == own else None

    def answered_automatically(self) -> set[str]:
        """Return the ids of the messages that had an automatic answer."""
        causes = (self._cause(row) for row in self.rows if row.author is RowAuthor.AUTOMATIC)
        return {cause for _, cause in causes}

    def given(self) -> tuple[Given, ...]:
        """Return the assistant's answers, oldest first."""
        found = ((self._cause(row), row) for row in self.rows)
        return tuple(
            Given(cause, row.at) for (purpose, cause), row in found if purpose == "assistant"
        )

    def _cause(self, row: TranscriptRow) -> tuple[str, str]:
        """Return (author or purpose, what it answers) of an answer's row; else two blanks."""
        _, separator, rest = row.sk.partition(f"{self.key}#out#")
        purpose, _, cause = rest.partition(".")
        return (purpose, cause) if separator else ("", "")


def _settled(conversation_id: str, world: AskingWorld) -> Conversation:
    found = world.book.get(conversation_id)
    if found is None:
        raise not_found()
    if found.outgoing is None:
        return found
    return queue_promised(
        found.outgoing,
        book=world.book,
        outbox=world.outbox,
        send_queue=world.send_queue,
        clock=world.assistant.clock,
    )


def _situation(
    conversation: Conversation,
    inbound: TranscriptRow,
    inbound_id: str,
    thread: _Thread,
    world: AskingWorld,
) -> Situation:
    return Situation(
        inbound_id=inbound_id,
        text=inbound.text or "",
        keyword=_keyword(inbound),
        operated_by=conversation.operated_by,
        needs_attention=conversation.needs_attention,
        is_held=conversation.is_held,
        opted_out=_has_opted_out(conversation, world),
        closed=conversation.closed,
        answered_automatically=inbound_id in thread.answered_automatically(),
        given=thread.given(),
        handed_over_at=conversation.handed_over_at,
        received_at=inbound.at,
    )


def _turns(
    conversation: Conversation,
    inbound: TranscriptRow,
    rows: Sequence[TranscriptRow],
    world: AskingWorld,
) -> tuple[Turn, ...]:
    """Return what was said before *inbound* and arrived, oldest first."""
    before = [row for row in rows[: rows.index(inbound)] if row.status not in _NEVER_ARRIVED]
    messages = as_read(conversation, before[-_MOST_TURNS:], world.transcript)
    return tuple(Turn(Author(one.author), one.text) for one in messages if one.text)


def _title(conversation: Conversation, world: AskingWorld) -> str:
    if conversation.campaign_id is None:
        return ""
    return world.directory.campaign(conversation.campaign_id).title


def _reply(
    conversation: Conversation,
    decided: AssistantReply,
    closes_at: datetime | None,
    world: AskingWorld,
) -> Outcome:
    # Asked again: a model takes seconds to answer, and a STOP takes one.
    if _has_opted_out(conversation, world):
        return Outcome.OVERTAKEN
    thread = conversation.ref
    reply = QueuedReply(
        id=derived_id("rpl", conversation.id, decided.id),
        ref=RowRef(thread.pk, f"{thread.sk}#out#assistant.{decided.id}"),
        sender_id=conversation.sender_id,
        office_id=conversation.office_id,
        phone=conversation.phone,
        text=decided.text,
        author="assistant",
        queued_at=world.assistant.clock.now(),
        conversation_id=conversation.id,
        closes_at=closes_at,
    )
    try:
        given = give_assistants_reply(
            reply,
            book=world.book,
            outbox=world.outbox,
            send_queue=world.send_queue,
            clock=world.assistant.clock,
        )
    except Conflict as error:
        if error.code != "reply_under_way":
            raise
        raise Throttled("Another reply is just being queued.", retry_after_s=5) from error
    return Outcome.REPLIED if given else Outcome.OVERTAKEN


def _has_opted_out(conversation: Conversation, world: AskingWorld) -> bool:
    standing = world.suppressions.of(conversation.phone)
    return standing is not None and standing.opted_out


def _keyword(row: TranscriptRow) -> Keyword:
    return Keyword(row.keyword or Keyword.NONE)
