"""The assistant's turn: one answer a message, and none where somebody else was there first (V6)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from carillon.domain.assistant import Answer, Author, HandOver, Question, Reason, Turn, Usage, Why
from carillon.domain.content import CampaignContent
from carillon.domain.conversation import Conversation, Section, after_inbound, operated
from carillon.domain.errors import NotFound, Throttled
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.message import Accepted, QueuedReply, RowRef, Suppression, text_digest
from carillon.usecases.answer_as_assistant import AssistantWorld
from carillon.usecases.ask_assistant import (
    Asked,
    AskingWorld,
    Outcome,
    ask_assistant,
    give_up,
)
from carillon.usecases.read_transcript import TranscriptWorld
from tests.support.assistants import FakeAssistant, FakeKnowledge, an_entry
from tests.support.conversations import (
    FakeTranscripts,
    a_conversation,
    a_queued_reply,
    an_inbound,
)
from tests.support.inbox import InboxScene
from tests.support.messages import KEY, LEAD, PHONE, a_claim, a_reply, after

INBOUND = "SMin1"
QUESTION = "When are you open?"


class Interrupted:
    """Implements ``ports.Assistant``: *meanwhile* happens while it thinks."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def answer(self, question: Question, knowledge: Sequence[KnowledgeEntry]) -> Answer:
        self._meanwhile()
        return Answer(text=knowledge[0].answer, sources=(knowledge[0].id,), score=1.0)


class Scene(InboxScene):
    """A campaign of the assistant's in which somebody has asked something at 12:01."""

    def __init__(self, **changes: Any) -> None:
        asked = after_inbound(
            a_conversation(operated_by="assistant"),
            an_inbound(60, provider_id=INBOUND, text=QUESTION),
            after(60),
        )
        self.asked: Conversation = replace(asked, version=1, **changes)
        super().__init__(self.asked)
        self.receive(QUESTION)
        self.assistant: Any = FakeAssistant()
        self.knowledge = FakeKnowledge(an_entry(campaign_id="cmp_a"))

    def receive(
        self, body: str, inbound_id: str = INBOUND, seconds: float = 60, keyword: str = "none"
    ) -> None:
        row = RowRef(LEAD.pk, f"{KEY}#in#{inbound_id}")
        reply = a_reply(body, inbound_id, received_at=after(seconds))
        self.messages.record_inbound(row, reply, keyword=keyword, office_id="off_north")

    def answered_automatically(self, purpose: str, cause: str) -> None:
        ref = RowRef(LEAD.pk, f"{KEY}#out#{purpose}.{cause}")
        claim = a_claim("c9", ref, claimed_at=after(61), text_digest=text_digest("Done."))
        self.messages.claim_answer(claim, purpose=purpose, text="Done.")

    def stop(self) -> None:
        self.suppressions.opt_out(
            Suppression(
                phone=PHONE, opted_out=True, event_at=after(90), source="keyword", cause="SMin9"
            )
        )

    def ask(self, inbound_id: str = INBOUND) -> Asked:
        return ask_assistant(self.asked.id, inbound_id, self.asking)

    @property
    def asking(self) -> AskingWorld:
        return AskingWorld(
            assistant=AssistantWorld(
                knowledge=self.knowledge,
                assistant=self.assistant,
                clock=self.clock,
                organisation="Harbour Clinic",
            ),
            transcript=TranscriptWorld(
                transcripts=FakeTranscripts(self.messages),
                texts=self.texts,
                audiences=self.audiences,
                compile_body=lambda body: lambda fields, _links: body.format(**fields),
            ),
            book=self.book,
            directory=self.directory,
            suppressions=self.suppressions,
            outbox=self.outbox,
            send_queue=self.send_queue,
            rules=self.rules,
        )

    @property
    def queued(self) -> list[QueuedReply]:
        return list(self.outbox.entries.values())


def test_an_answer_is_queued_under_the_message_that_it_answers() -> None:
    scene = Scene()

    asked = scene.ask()

    assert (asked.outcome, asked.sources, asked.score) == (Outcome.REPLIED, ("hours",), 1.0)
    (reply,) = scene.queued
    assert reply.ref == RowRef(LEAD.pk, f"{KEY}#out#assistant.{INBOUND}")
    assert (reply.text, reply.author) == ("We are open from 9 to 5.", "assistant")
    assert (reply.sender_id, reply.office_id, reply.phone) == ("snd_a", "off_north", PHONE)
    assert scene.send_queue.messages == [{"sender_id": "snd_a"}]
    # No person has answered: they still wait for one (A8).
    kept = scene.kept(scene.asked)
    assert (kept.section, kept.awaiting_since) == (Section.ASSISTANT_OPERATED, after(60))


def test_a_message_that_is_delivered_again_is_neither_asked_nor_answered_again() -> None:
    scene = Scene()

    outcomes = [scene.ask() for _ in range(3)]

    assert [one.outcome for one in outcomes] == [Outcome.REPLIED, *[Outcome.SILENT] * 2]
    assert outcomes[1].reason == Why.ANSWERED_ALREADY
    assert (len(scene.queued), len(scene.assistant.asked)) == (1, 1)


def test_a_reply_that_a_crash_left_promised_goes_out_as_it_was_and_nobody_is_asked_again() -> None:
    promised = a_queued_reply(
        "rpl_9",
        ref=RowRef(LEAD.pk, f"{KEY}#out#assistant.{INBOUND}"),
        author="assistant",
        text="From 9 to 5.",
    )
    scene = Scene(outgoing=promised)

    asked = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.SILENT, Why.ANSWERED_ALREADY)
    assert scene.queued == [promised]
    assert (scene.kept(scene.asked).outgoing, scene.assistant.asked) == (None, [])


def test_what_it_cannot_answer_needs_a_person_from_then_on() -> None:
    scene = Scene()
    scene.assistant = FakeAssistant(reason=Reason.UNFOUNDED)

    asked = scene.ask()
    again = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.HANDED_OVER, Reason.UNFOUNDED)
    kept = scene.kept(scene.asked)
    assert (kept.section, kept.handed_over_at) == (Section.NEEDS_ATTENTION, after(120))
    assert (again.outcome, scene.queued) == (Outcome.SILENT, [])


def test_who_toggles_it_back_at_once_still_leaves_the_contact_to_the_promised_person() -> None:
    scene = Scene(handed_over_at=after(30))

    asked = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.HANDED_OVER, Reason.HANDED_OVER_LATELY)
    assert scene.assistant.asked == []


def test_a_question_that_waited_for_more_than_a_day_is_a_persons() -> None:
    scene = Scene()
    scene.clock.sleep(24 * 3600)

    asked = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.HANDED_OVER, Reason.TOO_LATE)


def test_only_the_newest_message_is_answered_and_what_was_before_it_is_told() -> None:
    scene = Scene()
    scene.texts.kept["cmp_a", 1] = CampaignContent("Hi {first_name}, we have moved.")
    claim = a_claim("c1", text_digest=text_digest("Hi Ada, we have moved."), content_version=1)
    scene.messages.claim(claim)
    scene.messages.record_submitted(claim, Accepted("SM1"), after(1))
    scene.receive("And on Sundays?", "SMin2", 70)

    outcomes = [scene.ask(one).outcome for one in (INBOUND, "SMin2")]

    assert outcomes == [Outcome.SUPERSEDED, Outcome.REPLIED]
    ((question, _),) = scene.assistant.asked
    assert question.text == "And on Sundays?"
    assert question.turns == (
        Turn(Author.CAMPAIGN, "Hi Ada, we have moved."),
        Turn(Author.CONTACT, QUESTION),
    )
    assert question.campaign_title == scene.directory.campaigns["cmp_a"].title


def test_a_word_that_is_answered_by_itself_does_not_hide_the_question_before_it() -> None:
    scene = Scene()
    scene.receive("HELP", "SMin2", 70, keyword="help")
    scene.receive("YES", "SMin3", 80, keyword="yes")
    scene.answered_automatically("opt_in_confirmation", "SMin3")

    assert scene.ask().outcome is Outcome.REPLIED


def test_a_message_that_had_its_automatic_answer_gets_no_other() -> None:
    scene = Scene()
    scene.answered_automatically("opt_in_confirmation", INBOUND)

    asked = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.SILENT, Why.ANSWERED_ALREADY)


def test_a_stop_before_the_assistants_turn_silences_it() -> None:
    scene = Scene()
    scene.stop()

    asked = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.SILENT, Why.OPTED_OUT)
    assert (scene.queued, scene.assistant.asked) == ([], [])


def test_a_stop_while_it_thinks_silences_it() -> None:
    scene = Scene()
    scene.assistant = Interrupted(scene.stop)

    assert scene.ask().outcome is Outcome.OVERTAKEN
    assert scene.queued == []


@pytest.mark.parametrize(
    "change",
    [
        lambda one: operated(one, "agent", after(100)),
        lambda one: replace(one, is_held=True, operated_by="agent", needs_attention=True),
        lambda one: replace(one, closed=True),
        # A person has answered, and left the rest to the assistant.
        lambda one: replace(one, awaiting_since=None),
    ],
    ids=["taken over", "held", "stopped", "answered"],
)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_person_who_is_faster_wins(
    change: Callable[[Conversation], Conversation], when: str
) -> None:
    scene = Scene()

    def change_it() -> None:
        scene.book.save(change(scene.kept(scene.asked)))

    if when == "meanwhile":
        scene.assistant = Interrupted(change_it)
    else:
        change_it()

    assert scene.ask().outcome in (Outcome.OVERTAKEN, Outcome.SILENT, Outcome.SUPERSEDED)
    assert (scene.queued, scene.send_queue.messages) == ([], [])


def test_a_reply_that_is_just_being_queued_is_waited_for() -> None:
    scene = Scene()
    under_way = a_queued_reply("rpl_1")

    def promise() -> None:
        scene.book.save(replace(scene.kept(scene.asked), outgoing=under_way))

    scene.assistant = Interrupted(promise)

    with pytest.raises(Throttled) as refused:
        scene.ask()

    assert refused.value.retry_after_s == 5
    assert scene.queued == []


def test_an_answer_that_may_not_be_given_costs_what_it_costs() -> None:
    class Careless:
        def answer(self, question: Question, knowledge: Sequence[KnowledgeEntry]) -> HandOver:
            return HandOver(reason=Reason.UNFOUNDED, usage=Usage(900, 40))

    scene = Scene()
    scene.assistant = Careless()

    asked = scene.ask()

    assert (asked.outcome, asked.usage) == (Outcome.HANDED_OVER, Usage(900, 40))


def test_a_conversation_that_is_not_there_is_an_error() -> None:
    scene = Scene()

    with pytest.raises(NotFound):
        ask_assistant("bm9uZQ~a2V5", INBOUND, scene.asking)


def test_outside_legal_hours_a_person_answers_where_the_policy_blocks_answers() -> None:
    # It is 7:02 in New York.
    scene = Scene()
    scene.answers_outside_hours = "block"

    asked = scene.ask()

    assert (asked.outcome, asked.reason) == (Outcome.HANDED_OVER, Reason.OUTSIDE_HOURS)
    assert scene.outbox.entries == {}
    assert scene.kept(scene.asked).section is Section.NEEDS_ATTENTION


def test_a_policy_that_blocks_answers_lets_none_out_after_the_hours_either() -> None:
    scene = Scene()
    scene.answers_outside_hours = "block"
    # It is 10:02 there, and at 21:00 the hours end.
    scene.clock.sleep(3 * 3600)

    asked = scene.ask()

    (reply,) = scene.outbox.entries.values()
    assert asked.outcome is Outcome.REPLIED
    assert reply.closes_at == after(14 * 3600)


def test_a_policy_that_warns_of_the_hours_leaves_the_assistant_alone() -> None:
    scene = Scene()

    asked = scene.ask()

    (reply,) = scene.outbox.entries.values()
    assert (asked.outcome, reply.closes_at) == (Outcome.REPLIED, None)


def test_a_stop_outside_the_hours_is_answered_by_nobody_and_handed_to_nobody() -> None:
    scene = Scene()
    scene.answers_outside_hours = "block"
    scene.stop()

    assert scene.ask() == Asked(outcome=Outcome.SILENT, reason=Why.OPTED_OUT)


def test_a_message_that_is_given_up_is_a_persons() -> None:
    scene = Scene()
    # Not even the transcript can be read.
    scene.messages.items.clear()

    asked = give_up(scene.asked.id, scene.asking)

    assert (asked.outcome, asked.reason) == (Outcome.HANDED_OVER, Reason.GIVEN_UP)
    assert scene.kept(scene.asked).section is Section.NEEDS_ATTENTION


@pytest.mark.parametrize(
    "changes", [{"operated_by": "agent"}, {"awaiting_since": None}, {"closed": True}]
)
def test_a_message_that_is_nobodys_any_more_is_given_up_in_silence(changes: Any) -> None:
    scene = Scene(**changes)

    assert give_up(scene.asked.id, scene.asking) == Asked(outcome=Outcome.SUPERSEDED)

    assert scene.kept(scene.asked) == scene.asked
