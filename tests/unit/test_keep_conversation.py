"""An inbound message and its conversation: begun once, told once, whatever is delivered how."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.campaign import CampaignStatus, Unsolicited
from carillon.domain.conversation import (
    Conversation,
    Inbound,
    InboundKind,
    Section,
    after_human_reply,
    conversation_id,
    reply_queued,
)
from carillon.domain.errors import NotFound, Throttled
from carillon.domain.ids import lead_key
from carillon.domain.message import Accepted, Outgoing, Recipient, Reply, RowRef
from carillon.usecases.keep_conversation import Inbox, keep_conversation
from carillon.usecases.process_reply import AnswerTexts, ReplyWorld, process_reply
from tests.support.clock import FakeClock
from tests.support.conversations import FakeBook, a_queued_reply
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, a_run, after, submit
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeHolds,
    FakeMessages,
    FakeQueue,
    FakeSuppressions,
    a_campaign,
    a_sender,
)

THREAD = conversation_id(LEAD)


class NoAudience(FakeAudiences):
    """Implements ``ports.Audiences``: the campaign's parts are gone."""

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        raise NotFound("gone", code="object_not_found")


class Carrier:
    """Takes every answer."""

    def send(self, message: Outgoing) -> Accepted:
        return Accepted("SM9")


class ContestedBook(FakeBook):
    """Somebody else writes the conversation before each of the first *times* writes."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def save(self, conversation: Conversation) -> Conversation:
        standing = self.standing.get(conversation.id)
        if self.times and standing is not None:
            self.times -= 1
            super().save(replace(standing, tags=(*standing.tags, f"t{self.times}")))
        return super().save(conversation)


@dataclass
class Scene:
    """A contact whom one campaign has texted, or nobody when *texted* is false."""

    book: FakeBook = field(default_factory=FakeBook)
    audiences: FakeAudiences = field(default_factory=FakeAudiences)
    assistant: FakeQueue | None = field(default_factory=FakeQueue)
    operated_by: str = "agent"
    texted: bool = True
    unsolicited: Unsolicited = field(default_factory=Unsolicited)

    def __post_init__(self) -> None:
        self.clock = FakeClock(after(100))
        self.messages, self.suppressions = FakeMessages(), FakeSuppressions()
        self.directory = FakeDirectory()
        self.directory.sender_by_id["snd_a"] = a_sender(unsolicited=self.unsolicited)
        self.directory.campaigns["cmp_a"] = a_campaign(operated_by=self.operated_by)
        ada = {"first_name": "Ada ", "last_name": "Lovelace"}
        self.audiences.parts["cmp_a", 0] = [Recipient(KEY, PHONE, ada)]
        if self.texted:
            self.directory.run_by_key["snd_a", "cmp_a"] = a_run(parts=1)
            submit(self.messages, a_claim("claim-lead"), 1)

    @property
    def inbox(self) -> Inbox:
        return Inbox(
            book=self.book,
            audiences=self.audiences,
            directory=self.directory,
            clock=self.clock,
            assistant=self.assistant,
        )

    def take(self, reply: Reply) -> Conversation:
        carrier: Any = Carrier()
        world = ReplyWorld(
            directory=self.directory,
            conversations=self.messages,
            leads=self.messages,
            suppressions=self.suppressions,
            holds=FakeHolds(),
            inbox=self.inbox,
            provider_of=lambda _: carrier,
            texts=AnswerTexts(opt_out="You are out.", opt_in="You are in.", help="Call us."),
            clock=self.clock,
            new_claim_id=lambda: "claim-x",
            callback_url=lambda _, ref: ref.token,
            unsolicited_partition=lambda sender_id, _: f"unsolicited#{sender_id}",
            ambiguous_grace=timedelta(seconds=60),
        )
        process_reply(reply, world)
        thread = LEAD if self.texted else RowRef("unsolicited#snd_a", lead_key(reply.phone))
        return self.book.standing[conversation_id(thread)]

    def kept(self) -> Conversation:
        return self.book.standing[THREAD]


def test_the_first_reply_begins_the_conversation_of_its_campaign() -> None:
    got = Scene().take(a_reply("who is this?"))

    assert (got.campaign_id, got.office_id, got.sender_id) == ("cmp_a", "off_north", "snd_a")
    assert (got.first_name, got.last_name, got.phone) == ("Ada", "Lovelace", PHONE)
    assert (got.section, got.unread, got.version) == (Section.NEEDS_ATTENTION, 1, 1)
    assert (got.last_text, got.last_message_at) == ("who is this?", after(60))
    assert got.ref == LEAD


def test_a_conversation_goes_on_without_names_when_the_audience_is_gone() -> None:
    got = Scene(audiences=NoAudience()).take(a_reply())

    assert (got.first_name, got.last_name) == ("", "")


@pytest.mark.parametrize(
    ("body", "section", "opt_out"),
    [
        ("STOP", Section.AGENT_OPERATED, "auto"),
        ("HELP", Section.AGENT_OPERATED, None),
        ("START", Section.AGENT_OPERATED, None),
        # From somebody who has not opted out it is an ordinary answer (O4).
        ("YES", Section.NEEDS_ATTENTION, None),
        ("when do you open?", Section.NEEDS_ATTENTION, None),
    ],
)
def test_what_is_answered_by_itself_calls_for_nobody(
    body: str, section: Section, opt_out: str | None
) -> None:
    got = Scene().take(a_reply(body))

    assert (got.section, got.opt_out) == (section, opt_out)


def test_a_yes_that_opts_in_calls_for_nobody() -> None:
    scene = Scene()
    scene.take(a_reply("STOP", "SMin1"))

    got = scene.take(a_reply("YES", "SMin2", received_at=after(90)))

    assert (got.section, got.opt_out, got.unread) == (Section.AGENT_OPERATED, None, 2)


def test_the_assistant_is_asked_in_conversations_of_its_own() -> None:
    scene = Scene(operated_by="assistant")

    got = scene.take(a_reply("when do you open?"))
    scene.take(a_reply("STOP", "SMin2", received_at=after(70)))

    assert got.section is Section.ASSISTANT_OPERATED
    assert scene.assistant is not None
    assert scene.assistant.messages == [{"conversation_id": THREAD, "inbound_id": "SMin1"}]


def test_without_an_assistant_what_it_would_be_asked_goes_to_an_agent() -> None:
    got = Scene(operated_by="assistant", assistant=None).take(a_reply("when do you open?"))

    assert (got.section, got.operated_by) == (Section.NEEDS_ATTENTION, "agent")


def test_a_crash_before_the_assistant_was_asked_does_not_leave_the_contact_alone() -> None:
    scene = Scene(operated_by="assistant")
    scene.take(a_reply("when do you open?"))
    assert scene.assistant is not None
    # The queue lost it: the function died between its two writes.
    scene.assistant.messages.clear()

    scene.take(a_reply("when do you open?"))

    assert len(scene.assistant.messages) == 1
    assert (scene.kept().unread, scene.kept().version) == (1, 1)


def test_the_assistant_is_not_asked_about_what_an_agent_has_by_now() -> None:
    scene = Scene(operated_by="assistant")
    scene.take(a_reply("when do you open?"))
    scene.book.standing[THREAD] = replace(scene.kept(), operated_by="agent")

    scene.take(a_reply("when do you open?"))

    assert scene.assistant is not None
    assert len(scene.assistant.messages) == 1


@pytest.mark.parametrize(
    ("kind", "closed", "section", "assigned_to"),
    [
        ("reusable", False, Section.NEEDS_ATTENTION, "usr_1"),
        ("single_use", True, Section.AGENT_OPERATED, None),
    ],
)
def test_a_first_reply_after_the_stop_follows_the_number(
    kind: str, closed: bool, section: Section, assigned_to: str | None
) -> None:
    scene = Scene(operated_by="assistant", unsolicited=Unsolicited("agents", ("usr_1",)))
    sender = replace(scene.directory.sender_by_id["snd_a"], kind=kind)
    scene.directory.sender_by_id["snd_a"] = sender
    archived = a_campaign(status=CampaignStatus.ARCHIVED, operated_by="assistant")
    scene.directory.campaigns["cmp_a"] = archived

    got = scene.take(a_reply())

    assert (got.closed, got.section, got.assigned_to) == (closed, section, assigned_to)


def test_a_message_that_answers_no_campaign_is_in_the_offices_queue_and_nobodys_yet() -> None:
    """I3: in the inbox of the number's office."""
    got = Scene(texted=False).take(a_reply())

    assert (got.campaign_id, got.assigned_to, got.first_name) == (None, None, "")
    assert (got.office_id, got.section) == ("off_north", Section.NEEDS_ATTENTION)


def test_messages_that_answer_no_campaign_are_dealt_among_the_named_agents() -> None:
    """I3: or of the agents whom the number names."""
    agents = Unsolicited("agents", ("usr_1", "usr_2", "usr_3"))
    scene = Scene(texted=False, unsolicited=agents)

    given = [
        scene.take(a_reply("hello", f"SMin{n}", phone=f"+120255501{n:02d}")).assigned_to
        for n in range(6)
    ]

    assert sorted(map(str, given)) == ["usr_1", "usr_1", "usr_2", "usr_2", "usr_3", "usr_3"]


def test_the_least_busy_of_the_named_agents_is_given_the_next_one() -> None:
    agents = Unsolicited("agents", ("usr_1", "usr_2"))
    scene = Scene(texted=False, unsolicited=agents)
    for number in range(3):
        busy = replace(_a_conversation_of("usr_1", number), version=1)
        scene.book.standing[busy.id] = busy

    given = [
        scene.take(a_reply("hello", f"SMin{n}", phone=f"+120255501{n:02d}")).assigned_to
        for n in range(2)
    ]

    assert given == ["usr_2", "usr_2"]


def _a_conversation_of(subject: str, number: int) -> Conversation:
    thread = RowRef("cmp_b#00000", f"{number:032x}")
    return replace(
        _begun_elsewhere(),
        id=conversation_id(thread),
        assigned_to=subject,
        assigned_at=after(1),
        needs_attention=True,
    )


def _begun_elsewhere() -> Conversation:
    return Scene().take(a_reply())


def test_who_loses_a_race_applies_the_message_to_what_stands_then() -> None:
    scene = Scene(book=ContestedBook(times=0))
    scene.take(a_reply("one", "SMin1"))
    assert isinstance(scene.book, ContestedBook)
    scene.book.times = 2

    got = scene.take(a_reply("two", "SMin2", received_at=after(70)))

    assert (got.unread, got.tags, got.last_text) == (2, ("t1", "t0"), "two")


def test_a_conversation_that_others_change_all_the_time_is_tried_again_later() -> None:
    scene = Scene(book=ContestedBook(times=0))
    scene.take(a_reply("one", "SMin1"))
    assert isinstance(scene.book, ContestedBook)
    scene.book.times = 100

    with pytest.raises(Throttled):
        scene.take(a_reply("two", "SMin2", received_at=after(70)))


@pytest.mark.parametrize("value", ["weak", "distress"])
@pytest.mark.parametrize("operated_by", ["agent", "assistant"])
def test_signals_for_a_person_reach_one_whoever_operates(value: str, operated_by: str) -> None:
    scene = Scene(operated_by=operated_by)
    kind = InboundKind(value)
    inbound = Inbound(provider_id="SMin1", at=after(60), kind=kind, text="…")

    got = keep_conversation(
        LEAD,
        inbound,
        a_reply(),
        sender=a_sender(),
        campaign_id="cmp_a",
        office_id="off_north",
        inbox=scene.inbox,
    )

    assert (got.section, got.is_held) == (Section.NEEDS_ATTENTION, value == "weak")
    assert scene.assistant is not None
    assert scene.assistant.messages == []


WORDS = {"question": "who is this?", "stop": "STOP", "start": "START", "help": "HELP"}


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Reply], list[int]]:
    """Messages of one contact, and the order in which their webhooks come: twice, or never."""
    words = draw(st.lists(st.sampled_from(list(WORDS)), min_size=1, max_size=6))
    messages = [
        # Further apart than what a provider delivers under two ids.
        a_reply(WORDS[word], f"SM{number}", received_at=after(20 * number))
        for number, word in enumerate(words)
    ]
    order = draw(st.lists(st.integers(0, len(messages) - 1), max_size=14))
    return messages, order


def _delivered(scene: Scene, messages: list[Reply], order: list[int]) -> Iterator[int]:
    # A webhook that is said again comes with a later time; the first one is what counts.
    first: dict[int, Reply] = {}
    for turn, number in enumerate(order):
        again = replace(messages[number], received_at=after(50 + turn))
        reply = again if number in first else messages[number]
        first.setdefault(number, reply)
        scene.take(reply)
        yield number


@settings(max_examples=60, deadline=None)
@given(deliveries())
def test_order_repetition_and_loss_of_webhooks_end_in_the_same_conversation(
    delivered: tuple[list[Reply], list[int]],
) -> None:
    messages, order = delivered
    scene, straight = Scene(), Scene()

    arrived = set(_delivered(scene, messages, order))
    list(_delivered(straight, messages, sorted(arrived)))

    for one in (scene, straight):
        # Neither how often it was written nor when is part of what it says.
        with suppress(KeyError):
            one.book.standing[THREAD] = replace(one.kept(), version=0, updated_at=after(0))
    assert scene.book.standing.keys() == straight.book.standing.keys()
    if arrived:
        assert scene.kept() == straight.kept()
        assert scene.kept().unread == len(arrived)


@settings(max_examples=60, deadline=None)
@given(deliveries(), st.lists(st.integers(0, 5), max_size=6))
def test_a_webhook_said_again_reopens_nothing_that_an_agent_has_answered(
    delivered: tuple[list[Reply], list[int]], repeated: list[int]
) -> None:
    messages, order = delivered
    scene = Scene()
    arrived = list(_delivered(scene, messages, [0, *order]))
    reply = a_queued_reply(seconds=200)
    answered = reply_queued(after_human_reply(scene.kept(), reply), reply, after(200))
    scene.book.save(answered)
    stands = scene.kept()

    for number in repeated:
        scene.take(messages[arrived[number % len(arrived)]])

    assert scene.kept() == stands
    assert (stands.needs_attention, stands.unread) == (False, 0)


def test_the_twin_of_a_message_counts_once_whichever_of_them_is_taken_in() -> None:
    scene = Scene()

    scene.take(a_reply("hello?", "SMin1"))
    scene.take(a_reply("hello?", "SMin2", received_at=after(63)))
    scene.take(a_reply("hello?", "SMin1", received_at=after(90)))

    assert (scene.kept().unread, scene.kept().last_inbound_at) == (1, after(60))
