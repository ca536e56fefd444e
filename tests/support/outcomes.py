"""Outcomes of leads, in memory."""

from collections.abc import Iterable

from carillon.domain.message import RowRef
from carillon.domain.outcomes import Outcome


class FakeOutcomes:
    """Implements ``ports.Outcomes``; *leads* are the rows that there are."""

    def __init__(self, leads: Iterable[RowRef]) -> None:
        self._leads = frozenset(leads)
        self.kept: dict[str, tuple[str, ...]] = {}
        self.marked: dict[RowRef, Outcome] = {}

    def tags(self, campaign_id: str) -> tuple[str, ...]:
        return self.kept.get(campaign_id, ())

    def keep_tags(self, campaign_id: str, tags: tuple[str, ...]) -> None:
        self.kept[campaign_id] = tags

    def mark(self, ref: RowRef, outcome: Outcome) -> Outcome | None:
        if ref not in self._leads:
            return None
        return self.marked.setdefault(ref, outcome)
