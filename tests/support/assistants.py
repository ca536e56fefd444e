"""Fakes of the assistant's ports, and builders of what it handles."""

from collections.abc import Sequence
from typing import Any

from carillon.domain.assistant import Answer, HandOver, Question, Reason, Situation
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.optout import Keyword
from tests.support.clock import NOON


class FakeKnowledge:
    """Implements ``ports.KnowledgeBook``."""

    def __init__(self, *entries: KnowledgeEntry) -> None:
        self._kept = {(entry.campaign_id, entry.id): entry for entry in entries}

    def entries(self, campaign_id: str) -> list[KnowledgeEntry]:
        return [self._kept[key] for key in sorted(self._kept) if key[0] == campaign_id]

    def put(self, entry: KnowledgeEntry) -> None:
        self._kept[entry.campaign_id, entry.id] = entry

    def delete(self, campaign_id: str, entry_id: str) -> None:
        self._kept.pop((campaign_id, entry_id), None)


class FakeAssistant:
    """
    Implements ``ports.Assistant``: gives the first entry's answer with *score*, or hands over.

    ``asked`` is everything it was asked, with the ids of the entries that it was shown.
    """

    def __init__(self, score: float | None = 1.0, reason: Reason | None = None) -> None:
        self._score = score
        self._reason = reason
        self.asked: list[tuple[Question, list[str]]] = []

    def answer(self, question: Question, knowledge: Sequence[KnowledgeEntry]) -> Answer | HandOver:
        self.asked.append((question, [entry.id for entry in knowledge]))
        if self._reason is not None:
            return HandOver(reason=self._reason)
        first = knowledge[0]
        return Answer(text=first.answer, sources=(first.id,), score=self._score)


def an_entry(entry_id: str = "hours", **changes: Any) -> KnowledgeEntry:
    made: dict[str, Any] = {
        "campaign_id": "cmp_1",
        "answer": "We are open from 9 to 5.",
        "questions": ("When are you open?",),
        "updated_at": NOON,
    }
    return KnowledgeEntry(id=entry_id, **{**made, **changes})


def a_situation(**changes: Any) -> Situation:
    """Return a calm conversation of the assistant's, in which somebody asked when it is open."""
    made: dict[str, Any] = {
        "inbound_id": "SM1",
        "text": "When are you open?",
        "keyword": Keyword.NONE,
        "operated_by": "assistant",
        "needs_attention": False,
        "is_held": False,
        "opted_out": False,
    }
    return Situation(**{**made, **changes})
