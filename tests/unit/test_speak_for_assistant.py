"""The assistant's replies and hand-overs: once, and never over a person's head (V6, A8)."""

from dataclasses import replace

import pytest

from carillon.domain.conversation import Conversation, InboundKind, Section, after_inbound
from carillon.domain.errors import Conflict
from carillon.domain.message import QueuedReply, RowRef
from carillon.usecases.speak_for_assistant import give_assistants_reply, hand_over
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
