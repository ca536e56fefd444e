"""The assistant and what it knows."""

from collections.abc import Sequence
from typing import Protocol

from carillon.domain.assistant import Answer, HandOver, Question
from carillon.domain.knowledge import KnowledgeEntry


class KnowledgeBook(Protocol):
    """What the assistants of the campaigns know."""

    def entries(self, campaign_id: str) -> list[KnowledgeEntry]:
        """Return all entries of the campaign, by id, strongly consistent; none of an unknown."""
        ...

    def put(self, entry: KnowledgeEntry) -> None:
        """Keep *entry*, in place of the one that has its id."""
        ...

    def delete(self, campaign_id: str, entry_id: str) -> None:
        """Drop the entry, if there is one."""
        ...


class Assistant(Protocol):
    """Something that answers contacts from what a campaign knows (V6)."""

    def answer(self, question: Question, knowledge: Sequence[KnowledgeEntry]) -> Answer | HandOver:
        """
        Return what to say, or why a person has to.

        *knowledge* are the campaign's enabled entries, at least one. Nothing but them may
        be told. It never raises for what a service that it asks does or fails to do.
        """
        ...
