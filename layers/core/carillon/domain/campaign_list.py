"""
Campaigns as lists and filters of the analytics see them (T3, T4, T5).

A filter asks what a campaign is now, its data for when it came about: "paused, last month" are
the messages of last month of the campaigns that are paused today.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carillon.domain.campaign import CampaignStatus
from carillon.domain.errors import InvalidInput
from carillon.domain.metrics import Given, figure_value
from carillon.domain.timeframe import TimeFrame

RUNNING = frozenset({CampaignStatus.PROCESSING, CampaignStatus.ACTIVE, CampaignStatus.PAUSED})
# Of a launched campaign, by whether it can change without being touched.
OVER = frozenset({CampaignStatus.FINISHED, CampaignStatus.ARCHIVED})
FILTERS = ("office_id", "campaign_status", "campaign_type", "tags", "operated_by")
_ORDERS = ("desc", "asc")


@dataclass(frozen=True, kw_only=True)
class CampaignCard:
    """What a list shows of a launched campaign, and what filters ask of it."""

    id: str
    title: str
    office_id: str
    status: CampaignStatus
    created_by: str
    launched_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    type: str = "sms"
    operated_by: str = "agent"
    tags: tuple[str, ...] = ()
    total: int = 0

    @property
    def is_running(self) -> bool:
        """Whether it is not over yet."""
        return self.status in RUNNING

    def was_live(self, frame: TimeFrame) -> bool:
        """Whether it ran at some instant of *frame*: launched before its end, not over (T3)."""
        if self.launched_at >= frame.end:
            return False
        # Archived by hand, it has no time of finishing; archiving was its last change.
        return self.is_running or (self.finished_at or self.updated_at) >= frame.start

    def was_launched(self, frame: TimeFrame) -> bool:
        """Whether it was launched within *frame*."""
        return frame.start <= self.launched_at < frame.end


@dataclass(frozen=True, kw_only=True)
class CampaignFilter:
    """Which campaigns are asked for; an empty set asks nothing. All that is asked must hold."""

    statuses: frozenset[CampaignStatus] = frozenset()
    types: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    operated_by: frozenset[str] = frozenset()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "CampaignFilter":
        """
        Return what *query* asks: each parameter is one word or several, separated by commas.

        Of several any will do, but a campaign must have all ``tags``. Raises InvalidInput
        (``campaign_status``).
        """
        statuses = _words(query.get("campaign_status"))
        if not statuses <= set(CampaignStatus):
            raise InvalidInput(
                f"campaign_status must be of {', '.join(CampaignStatus)}.", field="campaign_status"
            )
        return cls(
            statuses=frozenset(map(CampaignStatus, statuses)),
            types=_words(query.get("campaign_type")),
            tags=_words(query.get("tags")),
            operated_by=_words(query.get("operated_by")),
        )

    @property
    def is_open(self) -> bool:
        """Whether every campaign matches."""
        return not (self.statuses or self.types or self.tags or self.operated_by)

    def matches(self, card: CampaignCard) -> bool:
        """Whether the campaign is asked for."""
        return (
            (not self.statuses or card.status in self.statuses)
            and (not self.types or card.type in self.types)
            and self.tags <= set(card.tags)
            and (not self.operated_by or card.operated_by in self.operated_by)
        )


@dataclass(frozen=True, kw_only=True)
class CampaignRow:
    """A line of the campaign list (T5): who and when, and what came of it within the frame."""

    card: CampaignCard
    messaged: int
    responded: int
    rate: float

    @classmethod
    def of(cls, card: CampaignCard, counts: Mapping[str, int]) -> "CampaignRow":
        """Return the line of *card*, of which *counts* lie within the frame."""
        given = Given(counts)
        return cls(
            card=card,
            messaged=int(figure_value("contacts_messaged", given)),
            responded=int(figure_value("contacts_responded", given)),
            rate=figure_value("rate_of_engagement", given),
        )


_SORTS: dict[str, Callable[[CampaignRow], Any]] = {
    "launched": lambda row: row.card.launched_at,
    "title": lambda row: row.card.title.casefold(),
    "created_by": lambda row: row.card.created_by,
    "mode": lambda row: row.card.operated_by,
    "messaged": lambda row: row.messaged,
    "responded": lambda row: row.responded,
    "rate": lambda row: row.rate,
}
SORTS = tuple(_SORTS)


def sorted_rows(rows: Iterable[CampaignRow], query: Mapping[str, str]) -> list[CampaignRow]:
    """
    Return *rows* by *query*'s ``sort`` and ``order``: newest launch first unless asked otherwise.

    Equal ones stand by id. Raises InvalidInput.
    """
    sort, order = query.get("sort", SORTS[0]), query.get("order", _ORDERS[0])
    if sort not in _SORTS:
        raise InvalidInput(f"sort must be one of {', '.join(SORTS)}.", field="sort")
    if order not in _ORDERS:
        raise InvalidInput(f"order must be one of {', '.join(_ORDERS)}.", field="order")
    by_id = sorted(rows, key=lambda row: row.card.id)
    return sorted(by_id, key=_SORTS[sort], reverse=order == "desc")


def _words(text: str | None) -> frozenset[str]:
    words = (word.strip() for word in (text or "").split(","))
    return frozenset(word for word in words if word)
