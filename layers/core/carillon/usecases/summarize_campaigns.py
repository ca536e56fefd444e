"""
All campaigns within a time frame, or those that a filter asks for: their figures, and the list
of them (T3, T4, T5). What a question costs grows with the campaigns that did anything within the
frame when it is filtered or listed, and with nothing but its days when it is not (T10).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carillon.domain.campaign_list import (
    FILTERS,
    CampaignCard,
    CampaignFilter,
    CampaignRow,
    sorted_rows,
)
from carillon.domain.clock import to_iso
from carillon.domain.counters import Counts, total_of
from carillon.domain.csv_rows import csv_lines
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.listing import Position
from carillon.domain.metrics import costs_of, failures_of, follow_ups_of, summary_figures
from carillon.domain.permissions import Access
from carillon.domain.timeframe import TimeFrame, asked_frame, shown_frame
from carillon.usecases.read_analytics import AnalyticsWorld

_CSV_HEADER = (
    "campaign_id",
    "title",
    "launched_at",
    "created_by",
    "mode",
    "messaged",
    "responded",
    "rate",
)


@dataclass(frozen=True)
class Asked:
    """What a query asks: when, of which offices, and which of their campaigns."""

    as_of: datetime
    frame: TimeFrame
    offices: list[str]
    wanted: CampaignFilter
    zone: str


def asked(query: Mapping[str, str], access: Access, world: AnalyticsWorld) -> Asked:
    """
    Return what *query* asks, within the caller's reach.

    Raises InvalidInput, and NotFound for an office that is absent or out of reach.
    """
    as_of = world.clock.now()
    frame, zone = asked_frame(query, as_of)
    offices = world.catalogue.office_ids() if access.offices is None else sorted(access.offices)
    office_id = query.get("office_id")
    if office_id:
        if office_id not in offices:
            raise NotFound("There is no such office.", code="office_not_found")
        offices = [office_id]
    return Asked(as_of, frame, offices, CampaignFilter.of(query), zone.key)


def summary(query: Mapping[str, str], access: Access, world: AnalyticsWorld) -> dict[str, Any]:
    """
    Return the figures of all campaigns that *query* asks for, within its time frame.

    *query* has what ``asked_frame`` takes and the ``FILTERS``. Campaigns and counters of the
    caller's offices only. Raises InvalidInput, NotFound.
    """
    one = asked(query, access, world)
    cards = _touched(one, world)
    if one.wanted.is_open:
        counts = total_of(world.figures.office_totals(office, one.frame) for office in one.offices)
    else:
        counts = total_of(own for _, own in _matching(one, cards, world))
    live = [card for card in cards if one.wanted.matches(card) and card.was_live(one.frame)]
    return {
        "as_of": to_iso(one.as_of),
        **shown_frame(query, one.frame),
        "offices": one.offices,
        "filters": {name: query[name] for name in FILTERS if query.get(name)},
        "campaigns": {"active": sum(card.is_running for card in live), "total": len(live)},
        "metrics": summary_figures(counts),
        "failures": failures_of(counts),
        "costs": costs_of(counts),
        "follow_ups": follow_ups_of(counts),
    }


def campaign_list(
    query: Mapping[str, str],
    access: Access,
    world: AnalyticsWorld,
    *,
    limit: int,
    position: Position | None,
) -> tuple[dict[str, Any], Position | None]:
    """
    Return a page of the campaigns launched within the frame, and the position after it (T5).

    Their counts are those within the frame. Sorted anew for every page: a campaign whose
    figures changed in between may stand on two pages or on none.
    """
    one, rows, rest = _page(query, access, world, limit, position)
    shown = {
        "as_of": to_iso(one.as_of),
        **shown_frame(query, one.frame),
        "items": [_shown(row) for row in rows],
    }
    return shown, rest


def campaign_csv(
    query: Mapping[str, str],
    access: Access,
    world: AnalyticsWorld,
    *,
    limit: int,
    position: Position | None,
) -> str:
    """Return as CSV exactly the rows that ``campaign_list`` shows of the same question."""
    _, rows, _ = _page(query, access, world, limit, position)
    lines = [[str(_shown(row)[name]) for name in _CSV_HEADER] for row in rows]
    return csv_lines([_CSV_HEADER, *lines])


def matching_cards(
    one: Asked, world: AnalyticsWorld, *, also: Mapping[str, Any]
) -> dict[str, CampaignCard]:
    """Return the campaigns that *one* asks for, by id: those touched, and those of *also*."""
    cards = _touched(one, world)
    return {card.id: card for card in _with_cards(one, cards, also, world)}


def _page(
    query: Mapping[str, str],
    access: Access,
    world: AnalyticsWorld,
    limit: int,
    position: Position | None,
) -> tuple[Asked, list[CampaignRow], Position | None]:
    one = asked(query, access, world)
    cards = _touched(one, world)
    counted = {card.id: counts for card, counts in _matching(one, cards, world)}
    launched = [card for card in cards if one.wanted.matches(card) and card.was_launched(one.frame)]
    rows = sorted_rows((CampaignRow.of(card, counted.get(card.id, {})) for card in launched), query)
    first = _offset(position)
    rest = {"offset": str(first + limit)} if first + limit < len(rows) else None
    return one, rows[first : first + limit], rest


def _touched(one: Asked, world: AnalyticsWorld) -> list[CampaignCard]:
    """Return the campaigns in reach that may have run within the frame."""
    offices = set(one.offices)
    touched = world.catalogue.touched_campaigns(one.frame.start)
    return [card for card in touched if card.office_id in offices]


def _matching(
    one: Asked, cards: list[CampaignCard], world: AnalyticsWorld
) -> list[tuple[CampaignCard, Counts]]:
    """Return the campaigns asked for that did anything within the frame, and what."""
    counted: dict[str, Counts] = {}
    for office_id in one.offices:
        counted |= world.figures.campaigns_within(office_id, one.frame)
    found = _with_cards(one, cards, counted, world)
    return [(card, counted[card.id]) for card in found if card.id in counted]


def _with_cards(
    one: Asked, cards: list[CampaignCard], counted: Mapping[str, Any], world: AnalyticsWorld
) -> list[CampaignCard]:
    # Whoever was over before the frame can still have had an answer within it.
    missing = counted.keys() - {card.id for card in cards}
    late = world.catalogue.campaign_cards(missing) if missing else []
    return [card for card in (*cards, *late) if one.wanted.matches(card)]


def _offset(position: Position | None) -> int:
    if position is None:
        return 0
    offset = position.get("offset", "")
    if position.keys() != {"offset"} or not offset.isdecimal() or len(offset) > _OFFSET_DIGITS:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return int(offset)


_OFFSET_DIGITS = 7


def _shown(row: CampaignRow) -> dict[str, Any]:
    card = row.card
    return {
        "campaign_id": card.id,
        "title": card.title,
        "office_id": card.office_id,
        "status": card.status,
        "type": card.type,
        "mode": card.operated_by,
        "tags": card.tags,
        "launched_at": to_iso(card.launched_at),
        "created_by": card.created_by,
        "messaged": row.messaged,
        "responded": row.responded,
        "rate": row.rate,
    }
