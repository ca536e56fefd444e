"""What follows from an inbound message: asked only when it may be, and answered only when sure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carillon.domain.assistant import (
    AssistantPolicy,
    Author,
    Given,
    HandOver,
    Reason,
    Silent,
    Situation,
    Turn,
    Why,
)
from carillon.domain.optout import Keyword, classify
from carillon.usecases.answer_as_assistant import (
    AssistantReply,
    AssistantWorld,
    Inquiry,
    answer_as_assistant,
)
from tests.support.assistants import FakeAssistant, FakeKnowledge, a_situation, an_entry
from tests.support.clock import NOON, FakeClock


def a_world(assistant: FakeAssistant, *entries: Any, **changes: Any) -> AssistantWorld:
    return AssistantWorld(
        knowledge=FakeKnowledge(*(entries or (an_entry(),))),
        assistant=assistant,
        clock=FakeClock(),
        organisation="Harbour Clinic",
        policy=AssistantPolicy(**changes),
    )


def an_inquiry(situation: Situation | None = None, **changes: Any) -> Inquiry:
    made: dict[str, Any] = {"campaign_id": "cmp_1", "situation": situation or a_situation()}
    return Inquiry(**{**made, **changes})


def test_a_sure_answer_becomes_a_reply_that_names_its_source() -> None:
    reply = answer_as_assistant(an_inquiry(), a_world(FakeAssistant(score=0.8)))

    assert isinstance(reply, AssistantReply)
    assert reply == AssistantReply(
        id="SM1", text="We are open from 9 to 5.", sources=("hours",), score=0.8
    )


def test_the_same_inbound_message_always_gives_the_same_reply_id() -> None:
    worlds = [a_world(FakeAssistant()), a_world(FakeAssistant(), an_entry(answer="9-5"))]

    first, reworded = (answer_as_assistant(an_inquiry(), world) for world in worlds)
    other = answer_as_assistant(an_inquiry(a_situation(inbound_id="SM2")), worlds[0])

    replies = [one for one in (first, reworded, other) if isinstance(one, AssistantReply)]
    assert [one.id for one in replies] == ["SM1", "SM1", "SM2"]
    assert replies[0].text != replies[1].text


def test_the_answerer_is_told_the_conversation_and_only_what_is_enabled() -> None:
    assistant = FakeAssistant()
    turns = (Turn(Author.CAMPAIGN, "Our sale is on."), Turn(Author.CONTACT, "Nice"))
    world = a_world(
        assistant,
        an_entry("a", enabled=False),
        an_entry("b"),
        an_entry("c", campaign_id="cmp_2"),
    )

    answer_as_assistant(an_inquiry(turns=turns, campaign_title="Sale"), world)

    ((question, shown),) = assistant.asked
    assert shown == ["b"]
    assert (question.text, question.turns) == ("When are you open?", turns)
    assert (question.campaign_title, question.organisation) == ("Sale", "Harbour Clinic")


@pytest.mark.parametrize("score", [0.0, 0.49])
def test_an_answer_below_the_threshold_is_handed_over_with_its_score(score: float) -> None:
    outcome = answer_as_assistant(an_inquiry(), a_world(FakeAssistant(score=score)))

    assert outcome == HandOver(reason=Reason.NOT_SURE, score=score, sources=("hours",))


@pytest.mark.parametrize("score", [0.5, 1.0, None])
def test_an_answer_at_the_threshold_or_without_a_score_is_given(score: float | None) -> None:
    outcome = answer_as_assistant(an_inquiry(), a_world(FakeAssistant(score=score)))

    assert isinstance(outcome, AssistantReply)


def test_what_the_answerer_hands_over_is_handed_over() -> None:
    world = a_world(FakeAssistant(reason=Reason.UNAVAILABLE))

    assert answer_as_assistant(an_inquiry(), world) == HandOver(reason=Reason.UNAVAILABLE)


@pytest.mark.parametrize(
    ("text", "limits"),
    [("x" * 101, {"max_characters": 100}), ("x" * 161, {"max_segments": 1})],
)
def test_an_answer_beyond_the_limits_is_handed_over(text: str, limits: dict[str, int]) -> None:
    """V6: an answer's length has a cap."""
    shorter = text[:-1]
    long = a_world(FakeAssistant(), an_entry(answer=text), **limits)
    fitting = a_world(FakeAssistant(), an_entry(answer=shorter), **limits)

    outcome = answer_as_assistant(an_inquiry(), long)

    assert isinstance(outcome, HandOver)
    assert outcome.reason is Reason.TOO_LONG
    assert isinstance(answer_as_assistant(an_inquiry(), fitting), AssistantReply)


def test_an_empty_answer_is_none() -> None:
    outcome = answer_as_assistant(an_inquiry(), a_world(FakeAssistant(), an_entry(answer=" \n")))

    assert isinstance(outcome, HandOver)
    assert outcome.reason is Reason.UNFOUNDED


def test_typographic_characters_do_not_double_what_an_answer_costs() -> None:
    entry = an_entry(answer="We\u2019re open \u2013 come in.")

    outcome = answer_as_assistant(an_inquiry(), a_world(FakeAssistant(), entry))

    assert isinstance(outcome, AssistantReply)
    assert outcome.text == "We're open - come in."


@pytest.mark.parametrize("campaign_id", [None, "cmp_2"])
def test_where_nothing_is_known_nobody_is_asked(campaign_id: str | None) -> None:
    assistant = FakeAssistant()

    outcome = answer_as_assistant(an_inquiry(campaign_id=campaign_id), a_world(assistant))

    assert outcome == HandOver(reason=Reason.NO_KNOWLEDGE)
    assert assistant.asked == []


def test_it_never_answers_the_same_message_twice() -> None:
    assistant = FakeAssistant()
    situation = a_situation(given=(Given("SM1", NOON),))

    outcome = answer_as_assistant(an_inquiry(situation), a_world(assistant))

    assert outcome == Silent(Why.ANSWERED_ALREADY)
    assert assistant.asked == []


_WORDS = [
    "When are you open?",
    "STOP",
    "stop texting me",
    "help",
    "yes",
    "start",
    "agent",
    "",
    "ok",
]
_TIMES = st.integers(0, 240).map(lambda minutes: NOON - timedelta(minutes=minutes))


def _given_answers() -> st.SearchStrategy[tuple[Given, ...]]:
    one = st.builds(Given, st.sampled_from(["SM1", "SM7", "SM8"]), _TIMES)
    return st.lists(one, max_size=4).map(tuple)


_CALM = a_situation()
# Each may be left out, so that a good part of the examples is calm in all but one respect.
_CHANGES = st.fixed_dictionaries(
    {"text": st.sampled_from(_WORDS) | st.text(max_size=20)},
    optional={
        "keyword": st.sampled_from(Keyword),
        "operated_by": st.sampled_from(["assistant", "agent"]),
        "needs_attention": st.booleans(),
        "is_held": st.booleans(),
        "opted_out": st.booleans(),
        "closed": st.booleans(),
        "answered_automatically": st.booleans(),
        "given": _given_answers(),
        "handed_over_at": st.none() | _TIMES,
    },
)


@given(situation=_CHANGES.map(lambda changes: a_situation(**changes)))
@example(situation=_CALM)
@example(situation=replace(_CALM, text="STOP"))
def test_nothing_but_ordinary_text_in_a_calm_conversation_of_its_own_reaches_the_answerer(
    situation: Situation,
) -> None:
    """V6: opt-outs, HELP and distress never reach the assistant."""
    assistant = FakeAssistant()
    policy = AssistantPolicy(per_hour=2, per_conversation=3)

    outcome = answer_as_assistant(an_inquiry(situation), replace(a_world(assistant), policy=policy))

    may = _may_be_asked(situation, policy, NOON)
    assert bool(assistant.asked) is may
    assert isinstance(outcome, AssistantReply) is may


def _may_be_asked(one: Situation, policy: AssistantPolicy, now: datetime) -> bool:
    """The rule said once more, by hand: what the spec lets through and nothing besides."""
    ordinary = one.keyword in (Keyword.NONE, Keyword.YES) and classify(one.text) in (
        Keyword.NONE,
        Keyword.YES,
    )
    calm = not (one.needs_attention or one.is_held or one.opted_out or one.closed)
    its_own = one.operated_by == "assistant" and not one.answered_automatically
    new = all(answer.inbound_id != "SM1" for answer in one.given)
    hour_ago = now - timedelta(hours=1)
    lately = sum(answer.at > hour_ago for answer in one.given)
    rested = one.handed_over_at is None or one.handed_over_at + policy.quiet_after_hand_over <= now
    rare = lately < policy.per_hour and len(one.given) < policy.per_conversation
    plain = one.text.strip() != "" and one.text != "agent"
    return ordinary and calm and its_own and new and rested and rare and plain
