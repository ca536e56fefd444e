"""
What the assistant decided, carried out in its conversation: a reply, or a person's turn (V6).

Both are safe to repeat with the message that asked for them. A person who takes the
conversation over in between wins: then nothing is sent.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from carillon.domain.conversation import (
    Conversation,
    after_assistant_reply,
    handed_over,
    reply_queued,
)
from carillon.domain.errors import Conflict
from carillon.domain.message import QueuedReply
from carillon.ports import Clock, ConversationBook, Outbox, Queue
from carillon.usecases.keep_conversation import change_conversation

# A reply that was promised and not put into the outbox for so long: its request has died.
FORGOTTEN = timedelta(seconds=30)
# Looked after in a minute; more wait for the next one.
_MOST_FORGOTTEN = 100


def give_assistants_reply(
    reply: QueuedReply, *, book: ConversationBook, outbox: Outbox, send_queue: Queue, clock: Clock
) -> bool:
    """
    Promise *reply* and queue it; False when the conversation is no longer the assistant's.

    Raises Conflict (``reply_under_way``) while another reply is just being queued: try again.
    """
    conversation_id = reply.conversation_id
    try:
        change_conversation(conversation_id, partial(_promised, reply=reply), book)
    except Conflict as error:
        if error.code not in ("conversation_not_assistants", "conversation_closed"):
            raise
        return False
    queue_promised(reply, book=book, outbox=outbox, send_queue=send_queue, clock=clock)
    return True


def queue_promised(
    reply: QueuedReply, *, book: ConversationBook, outbox: Outbox, send_queue: Queue, clock: Clock
) -> Conversation:
    """
    Put a promised *reply*, anybody's, into the outbox; return its conversation without it.

    For whoever has promised it, and for whoever finds it promised: the outbox keeps it once.
    """
    outbox.put(reply)
    send_queue.put({"sender_id": reply.sender_id})
    now = clock.now()
    return change_conversation(
        reply.conversation_id, lambda one: reply_queued(one, reply, now), book
    )


def queue_forgotten(
    *,
    book: ConversationBook,
    outbox: Outbox,
    send_queue: Queue,
    clock: Clock,
    on_error: Callable[[BaseException], None],
) -> int:
    """
    Queue the replies, anybody's, whose requests died after the promise; return how many.

    The minute's safety net. One that cannot be queued never stops the others (F8).
    """
    queued = 0
    for conversation_id in book.promised(clock.now() - FORGOTTEN, _MOST_FORGOTTEN):
        try:
            conversation = book.get(conversation_id)
            if conversation is None or conversation.outgoing is None:
                continue
            queue_promised(
                conversation.outgoing, book=book, outbox=outbox, send_queue=send_queue, clock=clock
            )
            queued += 1
        except Exception as error:  # noqa: BLE001 - one reply never stops the others (F8)
            on_error(error)
    return queued


def hand_over(conversation_id: str, *, book: ConversationBook, clock: Clock) -> Conversation:
    """Give the conversation to a person, if it is still the assistant's."""
    now = clock.now()
    return change_conversation(conversation_id, lambda one: handed_over(one, now), book)


def _promised(one: Conversation, reply: QueuedReply) -> Conversation:
    if one.outgoing is not None and one.outgoing.id == reply.id:
        return one
    return after_assistant_reply(one, reply)
