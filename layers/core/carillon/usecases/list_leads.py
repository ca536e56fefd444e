"""
The leads of a campaign, page by page, from the rows themselves (T9; F2 "counted and listed").

A listing walks the campaign's parts in order, because nothing on the messages table is
indexed by status. What one request may cost is bounded: at most ``QUERIES`` queries of
``ROWS_A_QUERY`` rows each, usually as many parts. So a rare status can give an empty
page with a cursor: there is more to look through.

Pending leads have no row and are not listed. A retry, a receipt or a reply in between
two pages changes what a lead shows, never where it stands: nobody is listed twice or
left out, except who was claimed behind the cursor meanwhile.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.clock import to_iso
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.ids import LEAD_KEY_HEX
from carillon.domain.lead_list import (
    LEAD_FIGURES,
    LeadFilter,
    LeadGroup,
    ListedLead,
    Matches,
    is_ambiguous,
    is_partial,
    shown_reason,
)
from carillon.domain.listing import Position
from carillon.domain.metrics import failure_reason
from carillon.domain.permissions import Access, sees_contacts
from carillon.ports import CampaignCatalogue, Clock, LeadPages

QUERIES = 5
ROWS_A_QUERY = 400
_SHOWN_DIGITS = 4
# Of a lead, or of a row that belongs to one (schema: ``{lead key}#in#…``).
_ROW_KEY = re.compile(rf"[0-9a-f]{{{LEAD_KEY_HEX}}}(#.{{1,200}})?")


@dataclass(frozen=True)
class LeadListWorld:
    """Everything the listing reads. A claim older than *grace* is ambiguous."""

    leads: LeadPages
    catalogue: CampaignCatalogue
    clock: Clock
    grace: timedelta


@dataclass(frozen=True)
class _Place:
    """Where to read on: in *part*, behind the lead *after* (None: from the part's start)."""

    part: int = 0
    after: str | None = None


def list_leads(
    campaign_id: str,
    query: Mapping[str, str],
    access: Access,
    world: LeadListWorld,
    *,
    limit: int,
    position: Position | None,
) -> tuple[dict[str, Any], Position | None]:
    """
    Return a page of the campaign's leads, and the position after it.

    *query* has ``status`` (a ``LeadGroup``), ``sender_id``, ``reason`` (a code) and
    ``figure`` (of ``LEAD_FIGURES``): the leads that this number counts, which explains it.
    Numbers are shown in full only to who may see contact lists, else their last four
    digits. Raises InvalidInput, NotFound.
    """
    wanted, place = _filter(query), _place(campaign_id, position)
    campaign = world.catalogue.campaign(campaign_id)
    access.require_object(
        campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
    )
    now = world.clock.now()
    matches = partial(wanted.matches, now=now, grace=world.grace)
    rows = limit if wanted.is_open else ROWS_A_QUERY
    found, rest = _walk(campaign, place, world.leads, matches, rows=rows, limit=limit)
    full = sees_contacts(access.caller.role)
    shown = [_shown(lead, now, world.grace, full=full) for lead in found]
    return {"as_of": to_iso(now), "items": shown}, _position(campaign_id, rest)


def _walk(
    campaign: Campaign,
    start: _Place,
    leads: LeadPages,
    matches: Matches,
    *,
    rows: int,
    limit: int,
) -> tuple[list[ListedLead], _Place | None]:
    """Return matching leads from *start* on, and where to read on (None: nothing is left)."""
    found: list[ListedLead] = []
    place: _Place | None = start
    for _ in range(QUERIES):
        if place is None or place.part >= campaign.parts or len(found) == limit:
            break
        page, after = leads.leads(campaign.id, place.part, place.after, rows)
        fitting = [lead for lead in page if matches(lead)]
        room = limit - len(found)
        found += fitting[:room]
        if len(fitting) > room:
            return found, _Place(place.part, found[-1].key)
        place = _Place(place.part, after) if after else _Place(place.part + 1)
    return found, place if place and place.part < campaign.parts else None


def _filter(query: Mapping[str, str]) -> LeadFilter:
    status = query.get("status") or None
    if status is not None and status not in set(LeadGroup):
        raise InvalidInput(f"status must be one of {', '.join(LeadGroup)}.", field="status")
    figure = query.get("figure") or None
    if figure is not None and figure not in LEAD_FIGURES:
        raise InvalidInput(f"figure must be one of {', '.join(LEAD_FIGURES)}.", field="figure")
    return LeadFilter(
        group=LeadGroup(status) if status else None,
        sender_id=query.get("sender_id") or None,
        reason=query.get("reason") or None,
        figure=figure,
    )


def _place(campaign_id: str, position: Position | None) -> _Place:
    if position is None:
        return _Place()
    part, after = position.get("part", ""), position.get("after")
    ours = position.keys() <= {"campaign", "part", "after"}
    if not ours or position.get("campaign") != campaign_id or not re.fullmatch(r"\d{1,5}", part):
        raise _bad_cursor()
    if after is not None and not _ROW_KEY.fullmatch(after):
        raise _bad_cursor()
    return _Place(int(part), after)


def _position(campaign_id: str, place: _Place | None) -> Position | None:
    if place is None:
        return None
    after = {"after": place.after} if place.after else {}
    return {"campaign": campaign_id, "part": str(place.part), **after}


def _bad_cursor() -> InvalidInput:
    return InvalidInput(
        "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
    )


def _shown(lead: ListedLead, now: datetime, grace: timedelta, *, full: bool) -> dict[str, Any]:
    code = shown_reason(lead)
    return {
        "key": lead.key,
        "phone": lead.phone if full or lead.phone is None else f"***{lead.phone[-_SHOWN_DIGITS:]}",
        "status": lead.status,
        "ambiguous": is_ambiguous(lead, now=now, grace=grace),
        "partial": is_partial(lead),
        "sender_id": lead.sender_id,
        "last_action_at": to_iso(lead.last_action_at),
        "attempts": lead.attempts,
        "variant": lead.variant,
        "steps_left": lead.steps_left,
        "reason": _reason(code) if code else None,
    }


def _reason(code: str) -> dict[str, str]:
    words = failure_reason(code)
    return {"code": code, "reason": words.reason, "advice": words.advice}
