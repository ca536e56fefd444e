"""When the assistant may speak: everything that is not plainly its turn is refused."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.assistant import (
    ORDINARY,
    AssistantPolicy,
    Author,
    Given,
    HandOver,
    Reason,
    Silent,
    Turn,
    Why,
    asks_for_person,
    newest,
    objection,
)
from carillon.domain.optout import Keyword
from tests.support.assistants import a_situation
from tests.support.clock import NOON

POLICY = AssistantPolicy(
    per_hour=2, per_conversation=3, quiet_after_hand_over=timedelta(minutes=10)
)


def objected(**changes: Any) -> Silent | HandOver | None:
    return objection(a_situation(**changes), POLICY, NOON)


def test_an_ordinary_question_in_a_calm_conversation_of_its_own_may_be_answered() -> None:
    assert objected() is None
    assert objected(text="yes", keyword=Keyword.YES) is None


@pytest.mark.parametrize("keyword", [one for one in Keyword if one not in ORDINARY])
def test_nothing_but_ordinary_text_is_its_to_answer(keyword: Keyword) -> None:
    assert objected(keyword=keyword) == Silent(Why.NOT_ORDINARY)


@pytest.mark.parametrize("text", ["STOP", "please take me off your list", "START", "Help"])
def test_a_word_of_consent_that_inbound_processing_let_through_is_still_refused(text: str) -> None:
    assert objected(text=text, keyword=Keyword.NONE) == Silent(Why.NOT_ORDINARY)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"opted_out": True}, Why.OPTED_OUT),
        ({"is_held": True}, Why.HELD),
        ({"needs_attention": True}, Why.NEEDS_ATTENTION),
        ({"closed": True}, Why.CLOSED),
        ({"operated_by": "agent"}, Why.NOT_ITS_CONVERSATION),
        ({"operated_by": ""}, Why.NOT_ITS_CONVERSATION),
        ({"answered_automatically": True}, Why.ANSWERED_ALREADY),
        ({"given": (Given("SM1", NOON),)}, Why.ANSWERED_ALREADY),
    ],
)
def test_it_keeps_silent_where_it_is_not_its_turn(changes: dict[str, Any], why: Why) -> None:
    assert objected(**changes) == Silent(why)


def test_silence_goes_before_a_hand_over() -> None:
    assert objected(text="agent", is_held=True) == Silent(Why.HELD)


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [((70, 65), None), ((70, 59), None), ((59, 1), Reason.ANSWERED_ENOUGH)],
)
def test_so_many_answers_an_hour_and_then_a_person(
    minutes: tuple[int, ...], reason: Reason | None
) -> None:
    """V6: answers have a rate cap."""
    given = tuple(Given(f"SM{m + 100}", NOON - timedelta(minutes=m)) for m in minutes)

    outcome = objected(given=given)

    assert outcome == (None if reason is None else HandOver(reason=reason))


def test_so_many_answers_a_conversation_and_then_a_person() -> None:
    given = tuple(Given(f"SM{day + 100}", NOON - timedelta(days=day)) for day in (1, 2, 3))

    assert objected(given=given[:2]) is None
    assert objected(given=given) == HandOver(reason=Reason.ANSWERED_ENOUGH)


def test_after_a_hand_over_it_stays_quiet_for_a_while_though_toggled_on_again() -> None:
    lately, before = NOON - timedelta(minutes=9), NOON - timedelta(minutes=10)

    assert objected(handed_over_at=lately) == HandOver(reason=Reason.HANDED_OVER_LATELY)
    assert objected(handed_over_at=before) is None


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_picture_without_a_text_is_for_a_person(text: str) -> None:
    assert objected(text=text) == HandOver(reason=Reason.NO_TEXT)


def test_who_asks_for_a_person_gets_one() -> None:
    assert objected(text="Can I talk to a person?") == HandOver(reason=Reason.ASKED_FOR_PERSON)


@pytest.mark.parametrize(
    "text",
    [
        "agent",
        "HUMAN please!",
        "I want to talk to someone",
        "hi, can I speak to a real person?",
        "That is wrong. Call me back",
        "Are you a bot?",
        "quiero hablar con una persona",
        "Je voudrais parler à quelqu'un",
    ],
)
def test_plain_requests_for_a_person_are_known(text: str) -> None:
    assert asks_for_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "is there an agent in town",
        "what does it cost per person",
        "how many can speak to someone at once",
        "do you call me a taxi",
        "",
    ],
)
def test_a_person_who_is_only_mentioned_is_not_asked_for(text: str) -> None:
    assert not asks_for_person(text)


def test_the_newest_turns_are_kept_and_empty_ones_left_out() -> None:
    turns = [Turn(Author.CONTACT, text) for text in ("a", "b", " ", "c")]

    assert newest(turns, 2) == (turns[1], turns[3])
