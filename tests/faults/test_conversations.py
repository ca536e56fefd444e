"""
Crash before and after every write of the inbox, then say it again: one conversation, one reply.

What is said again is what would be: the queue redelivers an inbound message, and a client
repeats its request under the same Idempotency-Key, or a colleague opens the conversation.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from carillon.domain.conversation import Inbound, InboundKind, conversation_id
from carillon.domain.errors import Conflict
from carillon.domain.message import Recipient
from carillon.usecases.keep_conversation import Inbox, keep_conversation
from carillon.usecases.reply_in_conversation import NewReply
from tests.faults.world import Crash, Tapped
from tests.support.clock import FakeClock
from tests.support.conversations import FakeBook
from tests.support.inbox import InboxScene, RealAudience, signed_in, waiting
from tests.support.management import an_origin
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, after, submit
from tests.support.sending import FakeDirectory, FakeQueue, a_campaign, a_sender

HELLO = NewReply(text="It is us.")
_PORTS = ("book", "conversations", "outbox", "suppressions", "send_queue")


class Steps:
    """Counts taps and crashes at one of them, once."""

    def __init__(self, crash_at: int | None) -> None:
        self.passed = 0
        self._crash_at = crash_at

    def __call__(self, where: str) -> None:
        self.passed += 1
        if self.passed == self._crash_at:
            raise Crash


class Room:
    """One inbox whose every call can be the last one."""

    def __init__(self, crash_at: int | None) -> None:
        self.steps = Steps(crash_at)
        self.scene = InboxScene(waiting(60), clock=FakeClock(after(120)))
        submit(self.scene.messages, a_claim("c1"), 1)
        ports: dict[str, Any] = {
            name: Tapped(getattr(self.scene.world, name), name, self.steps) for name in _PORTS
        }
        self.inbox, self.replies = self.scene.replies_of(replace(self.scene.world, **ports))

    def reply(self, key: str = "k", version: int | None = 1) -> None:
        self.replies.queue(signed_in(), an_origin(key), waiting().id, HELLO, version)


def crash_points(act: Callable[[Room], object]) -> int:
    """Return how many taps *act* passes when nothing crashes."""
    room = Room(None)
    act(room)
    return room.steps.passed


def _reply(room: Room) -> None:
    room.reply()


def _opt_out(room: Room) -> None:
    room.inbox.opt_out(signed_in(), an_origin("k"), waiting().id)


@pytest.mark.parametrize("point", range(1, crash_points(_reply) + 1))
def test_a_reply_survives_a_crash_anywhere_and_is_sent_once(point: int) -> None:
    room = Room(point)
    with pytest.raises(Crash):
        room.reply()

    room.reply()

    kept = room.scene.kept(waiting())
    assert [one.text for one in room.scene.outbox.entries.values()] == ["It is us."]
    assert (kept.outgoing, kept.needs_attention, kept.awaiting_since) == (None, False, None)
    (row,) = [item for item in room.scene.messages.items.values() if item["kind"] == "outbound"]
    assert row["waited_s"] == 60


@pytest.mark.parametrize("point", range(1, crash_points(_reply) + 1))
def test_a_colleague_finds_what_a_crash_left_and_writes_no_second_reply(point: int) -> None:
    """The agent whose request died does not come back; somebody else opens the conversation."""
    room = Room(point)
    with pytest.raises(Crash):
        room.reply()
    seen = room.inbox.get(signed_in(subject="usr_2"), waiting().id)

    if seen.needs_attention:
        room.reply("k2", seen.version)
    else:
        with pytest.raises(Conflict):
            room.reply("k2", 1)

    assert len(room.scene.outbox.entries) == 1
    assert room.scene.kept(waiting()).outgoing is None


@pytest.mark.parametrize("point", range(1, crash_points(_opt_out) + 1))
def test_an_agents_opt_out_that_is_said_again_after_a_crash_is_one(point: int) -> None:
    room = Room(point)
    with pytest.raises(Crash):
        _opt_out(room)

    _opt_out(room)

    standing = room.scene.suppressions.of(PHONE)
    assert standing is not None
    assert standing.opted_out
    assert room.scene.messages.items[LEAD]["opt_out_kind"] == "manual"
    assert room.scene.kept(waiting()).opt_out == "manual"


class Intake:
    """An inbound message to the assistant's campaign, through ports that can be the last ones."""

    def __init__(self, crash_at: int | None) -> None:
        self.steps = Steps(crash_at)
        self.book, self.assistant = FakeBook(), FakeQueue()
        audiences, directory = RealAudience(), FakeDirectory()
        directory.campaigns["cmp_a"] = a_campaign(operated_by="assistant")
        audiences.parts["cmp_a", 0] = [Recipient(KEY, PHONE, {"first_name": "Ada"})]
        tapped: Any = {
            "book": Tapped(self.book, "book", self.steps),
            "audiences": Tapped(audiences, "audiences", self.steps),
            "directory": Tapped(directory, "directory", self.steps),
            "assistant": Tapped(self.assistant, "assistant", self.steps),
        }
        self.inbox = Inbox(clock=FakeClock(after(100)), **tapped)

    def take(self) -> None:
        keep_conversation(
            LEAD,
            Inbound(provider_id="SM1", at=after(60), kind=InboundKind.ORDINARY, text="open?"),
            a_reply("open?", "SM1"),
            sender=a_sender(),
            campaign_id="cmp_a",
            office_id="off_north",
            inbox=self.inbox,
        )


def _intake_points() -> int:
    intake = Intake(None)
    intake.take()
    return intake.steps.passed


@pytest.mark.parametrize("point", range(1, _intake_points() + 1))
def test_a_message_survives_a_crash_anywhere_and_is_told_and_asked_about(point: int) -> None:
    intake = Intake(point)
    with pytest.raises(Crash):
        intake.take()

    intake.take()

    kept = intake.book.standing[conversation_id(LEAD)]
    assert (kept.unread, kept.version, kept.first_name) == (1, 1, "Ada")
    asked = {"conversation_id": kept.id, "inbound_id": "SM1"}
    # Asked twice at most, and the answer's row is one.
    assert intake.assistant.messages in ([asked], [asked, asked])
