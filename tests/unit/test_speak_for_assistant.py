"""The assistant's replies and hand-overs: once, and never over a person's head (V6, A8)."""

from dataclasses import replace

import pytest

from carillon.domain.conversation import (
    Conversation,
    InboundKind,
    Section,
    after_human_reply,
    after_inbound,
)
from carillon.domain.errors import Conflict
from carillon.domain.message import QueuedReply, RowRef
from carillon.usecases.speak_for_assistant import (
    give_assistants_reply,
    hand_over,
    queue_forgotten,
)
from tests.support.conversations import a_conversation, a_queued_reply, an_inbound
from tests.support.inbox import InboxScene
from tests.support.messages import KEY, LEAD, after

REPLY = a_queued_reply(
    "SMin1",
    ref=RowRef(LEAD.pk, f"{KEY}#out#assistant.SMin1"),
    author="assistant",
    author_subject="",
)


def asked(**changes: object) -> Conversation:
    """Return the assistant's conversation in which somebody has asked something."""
    told = after_inbound(
        a_conversation(operated_by="assistant"),
        an_inbound(60, kind=InboundKind.ORDINARY),
        after(60),
    )
    return replace(told, version=1, **changes)  # type: ignore[arg-type]


def give(scene: InboxScene, reply: QueuedReply = REPLY) -> bool:
    return give_assistants_reply(
        reply,
        book=scene.book,
        outbox=scene.outbox,
        send_queue=scene.send_queue,
        clock=scene.clock,
    )


def test_a_reply_is_queued_once_however_often_its_message_is_delivered() -> None:
    scene = InboxScene(asked())

    assert [give(scene) for _ in range(3)] == [True] * 3

    kept = scene.kept(asked())
    assert list(scene.outbox.entries.values()) == [REPLY]
    assert scene.send_queue.messages[0] == {"sender_id": "snd_a"}
    assert (kept.outgoing, kept.last_text) == (None, "It is us.")
    # Nobody but a person ends the wait.
    assert (kept.awaiting_since, kept.section) == (after(60), Section.ASSISTANT_OPERATED)


@pytest.mark.parametrize(
    "changes",
    [{"operated_by": "agent"}, {"is_held": True}, {"closed": True}],
    ids=["taken over", "held", "stopped"],
)
def test_a_person_who_was_faster_is_not_talked_over(changes: dict[str, object]) -> None:
    scene = InboxScene(asked(**changes))

    assert give(scene) is False
    assert (scene.outbox.entries, scene.send_queue.messages) == ({}, [])


def test_a_reply_waits_for_the_one_that_is_just_being_queued() -> None:
    scene = InboxScene(asked(outgoing=a_queued_reply("rpl_1")))

    with pytest.raises(Conflict) as refused:
        give(scene)

    assert refused.value.code == "reply_under_way"
    assert scene.outbox.entries == {}


def test_what_a_crash_left_promised_is_queued_by_the_message_said_again() -> None:
    scene = InboxScene(asked(outgoing=REPLY))

    assert give(scene) is True
    assert list(scene.outbox.entries.values()) == [REPLY]
    assert scene.kept(asked()).outgoing is None


def test_what_is_handed_over_needs_attention_and_is_handed_over_once() -> None:
    scene = InboxScene(asked())

    first = hand_over(asked().id, book=scene.book, clock=scene.clock)
    again = hand_over(asked().id, book=scene.book, clock=scene.clock)

    assert first.section is Section.NEEDS_ATTENTION
    assert again == first


def queue(scene: InboxScene, errors: list[BaseException]) -> int:
    return queue_forgotten(
        book=scene.book,
        outbox=scene.outbox,
        send_queue=scene.send_queue,
        clock=scene.clock,
        on_error=errors.append,
    )


def promised(number: int) -> Conversation:
    """Return a conversation with a reply that was promised *number* seconds after noon."""
    thread = RowRef("cmp_a#00000", f"{number:032x}")
    one = a_conversation(thread, awaiting_since=after(0))
    ref = RowRef(thread.pk, f"{thread.sk}#out#agent.rpl_{number}")
    reply = a_queued_reply(f"rpl_{number}", number, ref=ref, conversation_id=one.id)
    return replace(after_human_reply(one, reply), version=1)


def test_a_forgotten_reply_is_queued_though_nobody_looks_and_one_just_promised_is_let_be() -> None:
    # It is 12:02.
    forgotten, fresh = promised(60), promised(100)
    scene = InboxScene(forgotten, fresh)
    errors: list[BaseException] = []

    assert [queue(scene, errors) for _ in range(2)] == [1, 0]

    assert list(scene.outbox.entries) == ["rpl_60"]
    assert scene.send_queue.messages == [{"sender_id": "snd_a"}]
    assert (scene.kept(forgotten).outgoing, scene.kept(fresh)) == (None, fresh)
    assert errors == []


def test_a_forgotten_reply_that_cannot_be_queued_does_not_stop_the_others() -> None:
    first, second = promised(60), promised(61)
    scene = InboxScene(first, second)
    put = scene.outbox.put

    def refuse_the_first(reply: QueuedReply) -> bool:
        if reply.id == "rpl_60":
            raise ConnectionError
        return put(reply)

    scene.outbox.put = refuse_the_first  # type: ignore[method-assign]
    errors: list[BaseException] = []

    assert queue(scene, errors) == 1

    assert list(scene.outbox.entries) == ["rpl_61"]
    assert [type(error) for error in errors] == [ConnectionError]
    # And is found again.
    scene.outbox.put = put  # type: ignore[method-assign]
    assert queue(scene, errors) == 1
