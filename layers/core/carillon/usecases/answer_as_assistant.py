"""
What the assistant makes of one inbound message: a reply to queue, a hand-over, or nothing (V6).

It sends nothing and changes nothing. Called again for the same message it gives a reply of the
same id, so a redelivery queues none twice, even where a model words it otherwise.
"""

from dataclasses import dataclass, field, replace

from carillon.domain.assistant import (
    Answer,
    AssistantPolicy,
    HandOver,
    Question,
    Reason,
    Silent,
    Situation,
    Turn,
    Usage,
    objection,
)
from carillon.domain.segments import segment_count, smart_encode
from carillon.ports import Assistant, Clock, KnowledgeBook


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """
    One inbound message in its conversation; *turns* are what was said before, oldest first.

    *campaign_id* is None in a conversation that answers no campaign: nothing is known there.
    """

    campaign_id: str | None
    situation: Situation
    turns: tuple[Turn, ...] = ()
    campaign_title: str = ""


@dataclass(frozen=True, kw_only=True)
class AssistantReply:
    """
    What to queue. *id* is the provider's id of the message that it answers.

    Its row is ``{lead_key}#out#assistant.{id}``, as the row of an automatic answer is named:
    one answer a message, whatever is redelivered, and ``Given`` can be read from the key.
    """

    id: str
    text: str
    sources: tuple[str, ...]
    score: float | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class AssistantWorld:
    """Everything that an answer touches."""

    knowledge: KnowledgeBook
    assistant: Assistant
    clock: Clock
    organisation: str
    policy: AssistantPolicy = field(default_factory=AssistantPolicy)


def answer_as_assistant(
    inquiry: Inquiry, world: AssistantWorld
) -> AssistantReply | HandOver | Silent:
    """
    Return what is to follow from *inquiry*.

    The answerer is asked only about an ordinary text in a calm conversation that the
    assistant operates. What is stored is read first; an error there escapes, and the
    message is tried again.
    """
    situation = inquiry.situation
    against = objection(situation, world.policy, world.clock.now())
    if against is not None:
        return against
    question = Question(
        text=situation.text,
        turns=inquiry.turns,
        campaign_title=inquiry.campaign_title,
        organisation=world.organisation,
    )
    outcome = asked(question, inquiry.campaign_id, world)
    if isinstance(outcome, HandOver):
        return outcome
    return AssistantReply(
        id=situation.inbound_id,
        text=outcome.text,
        sources=outcome.sources,
        score=outcome.score,
        usage=outcome.usage,
    )


def asked(question: Question, campaign_id: str | None, world: AssistantWorld) -> Answer | HandOver:
    """Return what the answerer says, if it is sure enough of it and it may be so long."""
    entries = world.knowledge.entries(campaign_id) if campaign_id is not None else []
    enabled = [entry for entry in entries if entry.enabled]
    if not enabled:
        return HandOver(reason=Reason.NO_KNOWLEDGE)
    outcome = world.assistant.answer(question, enabled)
    if isinstance(outcome, HandOver):
        return outcome
    outcome = replace(outcome, text=smart_encode(outcome.text.strip()))
    reason = _unfit(outcome, world.policy)
    if reason is None:
        return outcome
    return HandOver(
        reason=reason, score=outcome.score, sources=outcome.sources, usage=outcome.usage
    )


def _unfit(answer: Answer, policy: AssistantPolicy) -> Reason | None:
    if answer.score is not None and answer.score < policy.threshold:
        return Reason.NOT_SURE
    if not answer.text:
        return Reason.UNFOUNDED
    return None if fits(answer.text, policy) else Reason.TOO_LONG


def fits(text: str, policy: AssistantPolicy) -> bool:
    """Whether an assistant may say *text* in one message."""
    return len(text) <= policy.max_characters and segment_count(text) <= policy.max_segments
