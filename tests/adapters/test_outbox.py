"""The outbox of answers: the same over the fake and over the emulated tables (V5)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.domain.clock import to_iso
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Claim
from carillon.ports import Outbox
from tests.support.clock import NOON
from tests.support.outbox import FakeOutbox, a_reply
from tests.support.stores import FakeStores, Stores, dynamo_stores, fake_stores


@dataclass
class Room:
    stores: Stores
    outbox: Outbox


@pytest.fixture(params=["fake", "dynamodb"])
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    if request.param == "fake":
        stores = fake_stores()
        assert isinstance(stores, FakeStores)
        yield Room(stores, FakeOutbox(stores.messages))
        return
    with dynamo_stores() as real:
        outbox = DynamoOutbox(
            real.client, control_table="ControlTable", messages_table="MessagesTable"
        )
        yield Room(real, outbox)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def waiting(room: Room, at: datetime = NOON, limit: int = 10) -> list[str]:
    return [reply.id for reply in room.outbox.waiting("snd_a", at, limit)]


def test_a_reply_comes_back_as_it_was_put_and_is_kept_once(room: Room) -> None:
    reply = a_reply(waited_s=90, due_at=after(5))

    assert room.outbox.put(reply)
    assert not room.outbox.put(a_reply(text="Other words"))

    assert room.outbox.waiting("snd_a", after(5), 10) == [reply]
    assert room.outbox.waiting("snd_b", after(5), 10) == []


def test_its_row_is_in_the_conversation_with_its_text_and_its_author(room: Room) -> None:
    reply = a_reply(waited_s=90)

    room.outbox.put(reply)

    row: dict[str, Any] = room.stores.row(reply.ref) or {}
    assert (row["kind"], row["author"], row["author_subject"]) == ("outbound", "agent", "usr_1")
    assert (row["text"], row["waited_s"], row["segments"]) == ("Answer r1", 90, 1)
    assert row["status"] == LeadStatus.RETRYING


def test_an_answer_that_has_left_the_outbox_is_not_put_in_again(room: Room) -> None:
    room.outbox.put(a_reply())
    room.outbox.done(a_reply())
    room.outbox.done(a_reply())

    assert not room.outbox.put(a_reply())

    assert waiting(room) == []


def test_the_longest_waiting_come_first_and_nobody_before_its_time(room: Room) -> None:
    for reply_id, queued_s, due_s in (("r1", 2, None), ("r2", 1, None), ("r3", 0, 60)):
        due_at = None if due_s is None else after(due_s)
        reply = a_reply(reply_id, phone=f"+1415555012{reply_id[1]}", queued_at=after(queued_s))
        room.outbox.put(reply if due_at is None else a_reply("r3", due_at=due_at))

    assert waiting(room, after(1)) == ["r2"]
    assert waiting(room, after(59)) == ["r2", "r1"]
    assert waiting(room, after(60)) == ["r2", "r1", "r3"]
    assert waiting(room, after(60), limit=2) == ["r2", "r1"]


def test_a_postponed_answer_is_due_again_at_its_time_alone(room: Room) -> None:
    room.outbox.put(a_reply())

    room.outbox.postpone(a_reply(), after(600))
    room.outbox.postpone(a_reply(), after(600))

    assert waiting(room, after(599)) == []
    (again,) = room.outbox.waiting("snd_a", after(600), 10)
    room.outbox.done(again)
    assert waiting(room, after(9999)) == []


def test_an_answer_put_off_to_the_same_moment_at_which_it_stands_is_not_lost(room: Room) -> None:
    room.outbox.put(a_reply())

    # Half a millisecond later, which the time in its key does not tell apart.
    room.outbox.postpone(a_reply(), after(0.0004))

    assert waiting(room, after(1)) == ["r1"]


def test_a_postponed_answer_keeps_when_it_was_to_go_and_until_when(room: Room) -> None:
    reply = a_reply(due_at=after(5), closes_at=after(90))
    room.outbox.put(reply)

    room.outbox.postpone(reply, after(60))

    assert room.outbox.waiting("snd_a", after(60), 10) == [replace(reply, look_at=after(60))]


def test_an_entry_that_cannot_be_read_is_told_of_and_out_of_the_others_way() -> None:
    told: list[BaseException] = []
    with dynamo_stores() as stores:
        outbox = DynamoOutbox(
            stores.client,
            control_table="ControlTable",
            messages_table="MessagesTable",
            on_unreadable=told.append,
        )
        for number in (1, 2):
            outbox.put(a_reply(f"r{number}", phone=f"+1415555012{number}", queued_at=after(number)))
        key = {"pk": {"S": "SND#snd_a"}, "sk": {"S": f"OUTBOX#{to_iso(after(1))}#r1"}}
        item = stores.client.get_item(TableName="ControlTable", Key=key)["Item"]
        stores.client.put_item(TableName="ControlTable", Item={**item, "queued_at": {"S": "soon"}})

        looks = [outbox.waiting("snd_a", after(at), 1) for at in (10, 11, 609)]
        assert [[one.id for one in look] for look in looks] == [[], ["r2"], ["r2"]]
        assert len(told) == 1

        # It is looked at again, and goes once it can be read.
        key["sk"] = {"S": f"OUTBOX#{to_iso(after(610))}#r1"}
        stores.client.put_item(TableName="ControlTable", Item={**item, **key})
        assert [one.id for one in outbox.waiting("snd_a", after(610), 9)] == ["r2", "r1"]


def test_its_row_is_claimed_sent_and_noted_as_every_message_is(room: Room) -> None:
    reply = a_reply()
    room.outbox.put(reply)
    leads = room.stores.messages
    queued = leads.answer(reply.ref)
    assert queued is not None

    def a_claim(claim_id: str, retry_of: str) -> Claim:
        return Claim(
            id=claim_id,
            ref=reply.ref,
            phone=reply.phone,
            sender_id="snd_a",
            office_id="off_north",
            segments=1,
            content_version=0,
            text_digest=queued.text_digest,
            claimed_at=after(1),
            attempts=queued.attempts + 1,
            retry_of=retry_of,
        )

    assert leads.claim(a_claim("c1", queued.claim_id))
    assert not leads.claim(a_claim("c2", queued.claim_id))
    leads.release(a_claim("c1", queued.claim_id))
    assert leads.claim(a_claim("c3", queued.claim_id))
    leads.record_submitted(a_claim("c3", queued.claim_id), Accepted("SM1"), after(2))

    row = room.stores.row(reply.ref) or {}
    assert (row["status"], row["provider_id"], row["text"]) == (
        LeadStatus.SUBMITTED,
        "SM1",
        reply.text,
    )
