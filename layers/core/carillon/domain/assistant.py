"""
The virtual assistant's part in a conversation: what it is asked, and whether it may speak (V6).

Three things may come of an inbound message:

    Answer    it has one; the reply is queued like an agent's
    HandOver  it has none, or may not give it: a person is needed
    Silent    it was not its turn: nothing happens because of the assistant

It never clears a hold and never takes a conversation back: all it can change is to hand over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from carillon.domain.optout import Keyword, classify, normalise

# Whatever else a message may one day be recognised as is not the assistant's to answer.
ORDINARY: Final = frozenset({Keyword.NONE, Keyword.YES})
BY_ASSISTANT: Final = "assistant"


class Author(StrEnum):
    """Who wrote a turn of a conversation."""

    CONTACT = "contact"
    CAMPAIGN = "campaign"
    AGENT = "agent"
    ASSISTANT = "assistant"
    AUTOMATIC = "automatic"


@dataclass(frozen=True)
class Turn:
    """One message of the conversation so far."""

    author: Author
    text: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """
    What an answerer is given: the newest inbound text and what was said before it, oldest first.

    It holds no name and no number of the contact, and needs none.
    """

    text: str
    turns: tuple[Turn, ...] = ()
    campaign_title: str = ""
    organisation: str = ""


@dataclass(frozen=True)
class Usage:
    """What a model charged for; 0 where no model was asked."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    What to say, and from which entries.

    *score* runs from 0 to 1; None from an answerer that has no measure of its own certainty.
    """

    text: str
    sources: tuple[str, ...]
    score: float | None = None
    usage: Usage = field(default_factory=Usage)


class Reason(StrEnum):
    """Why a person is needed."""

    NOT_SURE = "not_sure"
    NO_KNOWLEDGE = "no_knowledge"
    ASKED_FOR_PERSON = "asked_for_person"
    NO_TEXT = "no_text"
    # The answer is longer than an assistant's may be, or was cut off.
    TOO_LONG = "too_long"
    # It names a link, number or address that no entry has, or rests on no entry.
    UNFOUNDED = "unfounded"
    REFUSED = "refused"
    ANSWERED_ENOUGH = "answered_enough"
    HANDED_OVER_LATELY = "handed_over_lately"
    # The message has waited so long that an answer would come out of nowhere.
    TOO_LATE = "too_late"
    # The policy forbids answers outside the recipient's legal hours.
    OUTSIDE_HOURS = "outside_hours"
    # It failed again and again.
    GIVEN_UP = "given_up"
    BUDGET_SPENT = "budget_spent"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """The conversation needs a person. *score* is that of the answer that was not given."""

    reason: Reason
    score: float | None = None
    sources: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)


class Why(StrEnum):
    """Why it was not the assistant's turn."""

    NOT_ORDINARY = "not_ordinary"
    OPTED_OUT = "opted_out"
    HELD = "held"
    NEEDS_ATTENTION = "needs_attention"
    NOT_ITS_CONVERSATION = "not_its_conversation"
    CLOSED = "closed"
    ANSWERED_ALREADY = "answered_already"


@dataclass(frozen=True)
class Silent:
    """Nothing is to be done."""

    why: Why


@dataclass(frozen=True)
class Given:
    """An answer that the assistant gave: to which inbound message (provider's id), and when."""

    inbound_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Situation:
    """
    Where a conversation stands when an inbound message has been recorded in it.

    *keyword* is what inbound processing took the text for, which may know more than the text
    (the provider's own keywords). *answered_automatically* says that STOP, START, HELP or a
    consenting YES has had its answer, *outside_hours* that nothing may be said to them now.
    """

    inbound_id: str
    text: str
    keyword: Keyword
    operated_by: str
    needs_attention: bool
    is_held: bool
    opted_out: bool
    closed: bool = False
    answered_automatically: bool = False
    given: tuple[Given, ...] = ()
    handed_over_at: datetime | None = None
    received_at: datetime | None = None
    outside_hours: bool = False


@dataclass(frozen=True, kw_only=True)
class AssistantPolicy:
    """
    How much an assistant may say.

    *threshold* is the least score of an answer that is given. After a hand-over it stays
    quiet for *quiet_after_hand_over*, even where somebody has toggled it on again: who asks
    again so soon still waits for the person they were promised. What came in longer ago than
    *answers_within* is no longer answered as if it had just come.
    """

    max_characters: int = 1600
    max_segments: int = 11
    threshold: float = 0.5
    per_hour: int = 5
    per_conversation: int = 20
    quiet_after_hand_over: timedelta = timedelta(minutes=10)
    answers_within: timedelta = timedelta(hours=24)


def objection(
    situation: Situation, policy: AssistantPolicy, now: datetime
) -> Silent | HandOver | None:
    """
    Return why the assistant must not answer, or None when it may.

    Silence goes first: what is somebody else's already needs no hand-over.
    """
    why = _not_its_turn(situation)
    if why is not None:
        return Silent(why)
    reason = _needs_person(situation, policy, now)
    return None if reason is None else HandOver(reason=reason)


def _not_its_turn(situation: Situation) -> Why | None:
    # Looked at again here: a word that inbound processing missed must not be chatted about.
    words = {situation.keyword, classify(situation.text)}
    objections = {
        Why.NOT_ORDINARY: not words <= ORDINARY,
        Why.OPTED_OUT: situation.opted_out,
        Why.HELD: situation.is_held,
        Why.NEEDS_ATTENTION: situation.needs_attention,
        Why.CLOSED: situation.closed,
        Why.NOT_ITS_CONVERSATION: situation.operated_by != BY_ASSISTANT,
        Why.ANSWERED_ALREADY: situation.answered_automatically
        or any(one.inbound_id == situation.inbound_id for one in situation.given),
    }
    return next((why for why, holds in objections.items() if holds), None)


def _needs_person(situation: Situation, policy: AssistantPolicy, now: datetime) -> Reason | None:
    handed_over_at = situation.handed_over_at
    if handed_over_at is not None and now < handed_over_at + policy.quiet_after_hand_over:
        return Reason.HANDED_OVER_LATELY
    received_at = situation.received_at
    if received_at is not None and now > received_at + policy.answers_within:
        return Reason.TOO_LATE
    if situation.outside_hours:
        return Reason.OUTSIDE_HOURS
    lately = [one for one in situation.given if one.at > now - timedelta(hours=1)]
    if len(lately) >= policy.per_hour or len(situation.given) >= policy.per_conversation:
        return Reason.ANSWERED_ENOUGH
    if not situation.text.strip():
        return Reason.NO_TEXT
    return Reason.ASKED_FOR_PERSON if asks_for_person(situation.text) else None


# Whole sentences once courtesies are gone; the longer ones also as the end of a sentence.
_PHRASES = """
    agent, human, person, representative, operator, real person, a real person, live agent,
    a human, an agent, a person, a representative,
    talk to a person, talk to a human, talk to someone, talk to somebody, talk to an agent,
    talk to a real person, speak to a person, speak to a human, speak to someone,
    speak to somebody, speak to an agent, speak with someone, speak with a person,
    speak to a representative, talk with someone, talk to a representative,
    speak to a real person, call me, call me back, are you a bot,
    are you a robot, is this a bot, are you human, are you a real person,
    hablar con una persona, hablar con alguien, hablar con un agente, una persona, un agente,
    llamenme, llameme, eres un robot, es un robot,
    parler a une personne, parler a quelquun, parler a un conseiller, une personne,
    un conseiller, appelez moi, rappelez moi, etes vous un robot
"""
_COURTESY = frozenset({"please", "pls", "thanks", "hi", "hello", "hey", "favor", "por", "svp"})
_PERSON = frozenset(tuple(phrase.split()) for phrase in _PHRASES.split(","))
# One or two words are a request only alone.
_LONG_PERSON = frozenset(phrase for phrase in _PERSON if len(phrase) > 2)
_SENTENCE_END = re.compile(r"[.!?;,\n\r…]+")


def asks_for_person(text: str) -> bool:
    """
    Whether *text* plainly asks for somebody human, or whether there is one (EN, ES, FR).

    A sentence that ends so asks too ("I want to talk to a person"); a word in the middle of
    one does not ("is there an agent in town").
    """
    for sentence in _SENTENCE_END.split(text):
        words = tuple(word for word in normalise(sentence) if word not in _COURTESY)
        if words in _PERSON:
            return True
        if any(words[start:] in _LONG_PERSON for start in range(len(words))):
            return True
    return False


def newest(turns: Sequence[Turn], most: int) -> tuple[Turn, ...]:
    """Return the last *most* of *turns* that say something."""
    return tuple(turn for turn in turns if turn.text.strip())[-most:]
