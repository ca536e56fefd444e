"""
Where a campaign stands in the indexes and under which entries it is found; see ``schema``.

Whoever writes a campaign's state, title or dates writes its places with them, in the same
request. Entries are written before what they lead to and dropped after it, and whoever follows
one looks at the campaign itself, so one that is left over after a crash misleads nobody.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.campaign_search import CampaignSort, place_in, words_of
from carillon.domain.clock import to_iso

_DATES = frozenset({"launched_at", "schedule_at"})
_LIVE = frozenset({CampaignStatus.ACTIVE, CampaignStatus.PAUSED})


def places_of(campaign: Campaign) -> dict[str, str | None]:
    """Return the attributes that the indexes sort *campaign* by; None for one it must not have."""
    at = _agenda(campaign)
    return {
        schema.AGENDA: schema.THE_AGENDA,
        schema.AGENDA_AT: None if at is None else to_iso(at),
        schema.SHELF: schema.shelf_of(campaign.office_id, campaign.tab),
        schema.UPDATED_PLACE: place_in(CampaignSort.UPDATED, campaign),
        schema.DATED_PLACE: place_in(CampaignSort.LAUNCHED, campaign),
        schema.TITLE_PLACE: place_in(CampaignSort.TITLE, campaign),
    }


def _agenda(campaign: Campaign) -> datetime | None:
    """Return when the minute's round must look at *campaign*: due, over, or still unplanned."""
    if campaign.status is CampaignStatus.SCHEDULED:
        return campaign.schedule_at
    if campaign.status is CampaignStatus.PROCESSING:
        return campaign.launched_at
    return campaign.ends_at if campaign.status in _LIVE else None


def moved_places(after: Campaign, changes: Mapping[str, Any]) -> dict[str, str | None]:
    """
    Return the places that *changes* move, which led to *after*.

    What they do not touch may have been written by somebody else meanwhile.
    """
    places = places_of(after)
    if not _DATES & changes.keys():
        del places[schema.DATED_PLACE]
    if after.status in _LIVE and "ends_at" not in changes:
        del places[schema.AGENDA_AT]
    if "title" not in changes:
        del places[schema.TITLE_PLACE]
    return places


def entries_of(campaign: Campaign) -> set[tuple[str, str]]:
    """Return the keys of the entries under which *campaign* is found (K1, K10, K12)."""
    words = {
        schema.title_word_key(campaign.office_id, word, campaign.id)
        for word in words_of(campaign.title)
    }
    made_at = to_iso(campaign.created_at)
    agents = {
        (schema.agent_pk(subject), schema.listing_sk(made_at, campaign.id))
        for subject in campaign.agents
    }
    links = {
        (schema.campaign_pk(linked), schema.linked_sk(campaign.id))
        for linked in campaign.linked_campaigns
    }
    return words | agents | links
