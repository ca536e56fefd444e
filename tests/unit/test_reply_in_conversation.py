"""Replies of people: one of two wins, none is lost, and what the contact gets (V5, V7, A8)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from carillon.domain.conversation import after_human_reply, conversation_id, left_the_queue
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.hours import active_hours
from carillon.domain.message import QueuedReply, RowRef, Suppression
from carillon.usecases.manage_conversations import ConversationChange
from carillon.usecases.reply_in_conversation import NewReply
from tests.support.clock import FakeClock
from tests.support.conversations import a_canned_reply
from tests.support.inbox import InboxScene, signed_in, waiting
from tests.support.management import an_origin
from tests.support.messages import KEY, LEAD, PHONE, after
from tests.support.outbox import FakeOutbox
from tests.support.sending import a_campaign

HELLO = NewReply(text="It is us, Carillon.")
# Noon UTC, at which all these tests begin, is 7 in the morning in New York: an hour too early.
AT_WORK = 3600.0 * 2


def at(seconds: float) -> FakeClock:
    return FakeClock(after(seconds))


def test_a_reply_is_promised_queued_and_the_wait_is_over() -> None:
    scene = InboxScene(waiting(60), clock=at(97.6))

    answered, reply_id = scene.replies.queue(
        signed_in(), an_origin("k"), waiting().id, HELLO, version=1
    )

    assert scene.outbox.entries == {
        reply_id: QueuedReply(
            id=reply_id,
            ref=RowRef(LEAD.pk, f"{KEY}#out#agent.{reply_id}"),
            sender_id="snd_a",
            office_id="off_north",
            phone=PHONE,
            text="It is us, Carillon.",
            author="agent",
            queued_at=after(97.6),
            conversation_id=waiting().id,
            author_subject="usr_1",
            waited_s=37,
        )
    }
    assert scene.send_queue.messages == [{"sender_id": "snd_a"}]
    assert (answered.needs_attention, answered.awaiting_since, answered.unread) == (False, None, 0)
    assert (answered.outgoing, answered.version) == (None, 3)
    assert scene.messages.items[RowRef(LEAD.pk, f"{KEY}#out#agent.{reply_id}")]["waited_s"] == 37


def test_of_two_agents_at_once_one_wins_and_the_other_is_told() -> None:
    """V5: by the version that both had read."""
    scene = InboxScene(waiting())
    scene.replies.queue(signed_in(), an_origin("k1"), waiting().id, HELLO, version=1)

    with pytest.raises(Conflict) as refused:
        scene.replies.queue(
            signed_in(subject="usr_2"), an_origin("k2"), waiting().id, HELLO, version=1
        )

    assert refused.value.code == "version_conflict"
    assert len(scene.outbox.entries) == 1


def test_of_two_agents_who_both_read_before_either_wrote_one_wins() -> None:
    scene = InboxScene(waiting())
    other = after_human_reply(scene.kept(waiting()), _reply_of_another())
    get = scene.book.get

    def overtaken(conversation_id: str) -> object:
        found = get(conversation_id)
        scene.book.get = get  # type: ignore[method-assign]
        scene.book.save(other)
        return found

    scene.book.get = overtaken  # type: ignore[method-assign,assignment]

    with pytest.raises(Conflict) as refused:
        scene.replies.queue(signed_in(), an_origin("k"), waiting().id, HELLO, version=1)

    assert refused.value.code == "version_conflict"
    assert scene.outbox.entries == {}


def _reply_of_another() -> QueuedReply:
    return QueuedReply(
        id="rpl_other",
        ref=RowRef(LEAD.pk, f"{KEY}#out#agent.rpl_other"),
        sender_id="snd_a",
        office_id="off_north",
        phone=PHONE,
        text="Hello",
        author="agent",
        queued_at=after(100),
        conversation_id=waiting().id,
    )


def test_the_same_request_again_is_the_same_reply() -> None:
    scene = InboxScene(waiting())

    first = scene.replies.queue(signed_in(), an_origin("k"), waiting().id, HELLO, version=1)
    again = scene.replies.queue(signed_in(), an_origin("k"), waiting().id, HELLO, version=1)

    assert again == first
    assert len(scene.outbox.entries) == 1


def test_a_key_stands_for_one_text() -> None:
    scene = InboxScene(waiting())
    scene.replies.queue(signed_in(), an_origin("k"), waiting().id, HELLO, version=1)

    with pytest.raises(Conflict) as refused:
        scene.replies.queue(
            signed_in(), an_origin("k"), waiting().id, NewReply(text="Other"), version=None
        )

    assert refused.value.code == "idempotency_key_reused"


class DyingOutbox(FakeOutbox):
    """Dies once, as a function does between two writes."""

    died = False

    def put(self, reply: QueuedReply) -> bool:
        if not self.died:
            self.died = True
            raise RuntimeError("the process died")
        return super().put(reply)


def test_a_crash_between_promise_and_outbox_loses_no_reply_and_sends_none_twice() -> None:
    scene = InboxScene(waiting())
    dying = DyingOutbox(scene.messages)
    inbox, replies = scene.replies_of(replace(scene.world, outbox=dying))

    with pytest.raises(RuntimeError):
        replies.queue(signed_in(), an_origin("k"), waiting().id, HELLO, version=1)
    answered, reply_id = replies.queue(signed_in(), an_origin("k"), waiting().id, HELLO, version=1)
    inbox.get(signed_in(), waiting().id)

    assert list(dying.entries) == [reply_id]
    assert (answered.outgoing, answered.needs_attention) == (None, False)


def test_nobody_writes_to_a_contact_who_has_opted_out_wherever_that_was() -> None:
    scene = InboxScene(waiting())
    scene.suppressions.opt_out(
        Suppression(phone=PHONE, opted_out=True, event_at=after(1), source="api", cause="x")
    )

    with pytest.raises(Conflict) as refused:
        scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    assert refused.value.code == "contact_opted_out"
    assert scene.kept(waiting()) == waiting()
    preview = scene.replies.preview(signed_in(), waiting().id, HELLO)
    assert [warning.code for warning in preview.warnings][:1] == ["contact_opted_out"]


def test_nobody_writes_in_a_conversation_that_left_the_queue() -> None:
    scene = InboxScene(replace(left_the_queue(waiting(), after(90)), version=1))

    with pytest.raises(Conflict) as refused:
        scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=None)

    assert refused.value.code == "conversation_closed"


def test_nobody_writes_in_a_conversation_of_another_office() -> None:
    scene = InboxScene(waiting())

    with pytest.raises(NotFound):
        scene.replies.queue(
            signed_in(offices=["off_south"]), an_origin(), waiting().id, HELLO, version=1
        )


@pytest.mark.parametrize(
    ("text", "segments", "encoding", "parts"),
    [
        ("Hi", 1, "GSM-7", ("Hi",)),
        ("a" * 161, 2, "GSM-7", ("a" * 153, "a" * 8)),
        ("🙂" * 36, 2, "UCS-2", ("🙂" * 33, "🙂" * 3)),
    ],
)
def test_a_preview_shows_exactly_what_the_contact_gets(
    text: str, segments: int, encoding: str, parts: tuple[str, ...]
) -> None:
    """V7: the text in the parts that are sent."""
    scene = InboxScene(waiting())

    preview = scene.replies.preview(signed_in(), waiting().id, NewReply(text=text))

    assert (preview.text, preview.segments, preview.encoding) == (text, segments, encoding)
    assert preview.parts == parts
    assert scene.outbox.entries == {}


def test_an_answer_goes_at_any_hour_and_the_agent_is_warned() -> None:
    scene = InboxScene(waiting(60), clock=at(120))

    preview = scene.replies.preview(signed_in(), waiting().id, HELLO)
    _, reply_id = scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    assert [warning.code for warning in preview.warnings] == ["outside_hours"]
    assert preview.goes_at is None
    assert scene.outbox.entries[reply_id].due_at is None


def test_a_policy_may_block_what_the_agent_would_only_be_warned_of() -> None:
    scene = InboxScene(waiting(60), clock=at(120))
    scene.answers_outside_hours = "block"

    preview = scene.replies.preview(signed_in(), waiting().id, HELLO)
    with pytest.raises(Conflict) as caught:
        scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    assert [warning.code for warning in preview.warnings] == ["outside_hours_blocked"]
    assert caught.value.code == "outside_hours_blocked"
    assert scene.outbox.entries == {}


def test_a_policy_that_blocks_lets_answers_through_inside_the_contacts_hours() -> None:
    scene = InboxScene(waiting(60), clock=at(AT_WORK))
    scene.answers_outside_hours = "block"

    _, reply_id = scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    # Nor does it go after them, at 21:00 in New York.
    assert scene.outbox.entries[reply_id].closes_at == after(14 * 3600)


def test_an_answer_that_is_only_warned_of_may_go_after_the_contacts_hours() -> None:
    scene = InboxScene(waiting(60), clock=at(AT_WORK))

    _, reply_id = scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    assert scene.outbox.entries[reply_id].closes_at is None


def test_inside_the_contacts_hours_nothing_is_to_be_warned_of() -> None:
    scene = InboxScene(waiting(60), clock=at(AT_WORK))

    assert scene.replies.preview(signed_in(), waiting().id, HELLO).warnings == ()


def test_a_message_to_somebody_who_wrote_long_ago_waits_for_their_hours() -> None:
    # A day and a bit later, at 7:02 in New York.
    scene = InboxScene(waiting(60), clock=at(24 * 3600 + 120))
    eight = after(25 * 3600)

    preview = scene.replies.preview(signed_in(), waiting().id, HELLO)
    _, reply_id = scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    assert ([w.code for w in preview.warnings], preview.goes_at) == (["waits"], eight)
    assert scene.outbox.entries[reply_id].due_at == eight


def test_the_campaigns_own_hours_hold_what_is_no_answer_any_more() -> None:
    hours = active_hours({"zone": "recipient", "days": {"tue": ["10:00-11:00"]}})
    scene = InboxScene(waiting(60), clock=at(120))
    scene.keep_campaign(a_campaign(active_hours=hours))
    assert scene.replies.preview(signed_in(), waiting().id, HELLO).goes_at is None

    scene.clock.sleep(timedelta(hours=25).total_seconds())

    # The 24th is a Tuesday; ten in New York is 15:00 UTC.
    goes_at = scene.replies.preview(signed_in(), waiting().id, HELLO).goes_at
    assert goes_at == after(0).replace(day=24, hour=15)


def test_what_no_hour_lets_through_is_refused() -> None:
    closed = active_hours({"zone": "recipient", "days": {"mon": []}})
    scene = InboxScene(waiting(60), clock=at(25 * 3600))
    scene.keep_campaign(a_campaign(active_hours=closed))

    with pytest.raises(Conflict) as refused:
        scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=1)

    assert refused.value.code == "no_sending_hours"


def test_a_contact_of_no_campaign_has_the_hours_of_their_number() -> None:
    thread = RowRef("unsolicited#snd_a#07", KEY)
    unsolicited = replace(waiting(60), id=conversation_id(thread), campaign_id=None)
    scene = InboxScene(unsolicited, clock=at(24 * 3600 + 120))

    preview = scene.replies.preview(signed_in(), unsolicited.id, HELLO)

    assert preview.goes_at == after(25 * 3600)


def test_an_agent_hears_that_the_contact_is_held_and_that_their_hours_end() -> None:
    # 20:50 in New York.
    scene = InboxScene(waiting(60, is_held=True), clock=at(13 * 3600 + 50 * 60))

    warned = scene.replies.preview(signed_in(), waiting().id, HELLO).warnings

    assert [warning.code for warning in warned] == ["contact_held", "hours_end_soon"]


def test_a_reply_in_the_assistants_conversation_leaves_it_the_assistants() -> None:
    scene = InboxScene(waiting())
    settled = ConversationChange(needs_attention=False, operated_by="assistant")
    scene.inbox.change(signed_in(), waiting().id, settled, None)

    answered, _ = scene.replies.queue(signed_in(), an_origin(), waiting().id, HELLO, version=None)

    assert answered.operated_by == "assistant"


def test_a_canned_reply_is_said_to_this_contact() -> None:
    scene = InboxScene(waiting())
    canned = NewReply(canned_id="can_1")

    preview = scene.replies.preview(signed_in(), waiting().id, canned)
    _, reply_id = scene.replies.queue(signed_in(), an_origin("k"), waiting().id, canned, version=1)
    again = scene.replies.queue(signed_in(), an_origin("k"), waiting().id, canned, version=1)

    assert preview.text == "Hi Ada, we open at 9."
    assert scene.outbox.entries[reply_id].text == "Hi Ada, we open at 9."
    assert again[1] == reply_id


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewReply(), "text"),
        (NewReply(text="Hi", canned_id="can_1"), "text"),
        (NewReply(canned_id="can_2"), "canned_id"),
        (NewReply(canned_id="can_south"), "canned_id"),
    ],
)
def test_a_reply_is_a_text_or_a_canned_one_of_the_conversations_office(
    new: NewReply, field: str
) -> None:
    scene = InboxScene(waiting())
    scene.canned.create(a_canned_reply("can_south", office_id="off_south"), "d")

    for ask in (
        lambda: scene.replies.preview(signed_in(), waiting().id, new),
        lambda: scene.replies.queue(signed_in(), an_origin(), waiting().id, new, version=1),
    ):
        with pytest.raises(InvalidInput) as refused:
            ask()
        assert refused.value.field == field
