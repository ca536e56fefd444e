"""Campaigns side by side: how well each delivers, is answered and converts, and who wins (T6)."""

from collections.abc import Mapping
from typing import Any

from carillon.domain.clock import to_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.performance import campaign_comparison
from carillon.domain.permissions import Access
from carillon.usecases.read_analytics import AnalyticsWorld, campaign_in_reach

MOST_COMPARED = 10


def compare_campaigns(
    query: Mapping[str, str], access: Access, world: AnalyticsWorld
) -> dict[str, Any]:
    """
    Return the comparison of the campaigns that *query* names in ``campaign_ids``.

    Two to ten, separated by commas; over their whole lives; two reads each. Raises InvalidInput,
    and NotFound when one is absent or of an office out of the caller's reach.
    """
    as_of = world.clock.now()
    ids = list(dict.fromkeys(filter(None, query.get("campaign_ids", "").split(","))))
    if not 2 <= len(ids) <= MOST_COMPARED:
        raise InvalidInput(
            f"campaign_ids must name 2 to {MOST_COMPARED} campaigns, separated by commas.",
            field="campaign_ids",
        )
    campaigns = [campaign_in_reach(campaign_id, access, world) for campaign_id in ids]
    counts = {campaign_id: world.figures.campaign_totals(campaign_id)[0] for campaign_id in ids}
    compared = campaign_comparison(counts)
    rates = compared.pop("rates")
    return {
        "as_of": to_iso(as_of),
        "campaigns": [
            {"campaign_id": one.id, "title": one.title, "status": one.status, **rates[one.id]}
            for one in campaigns
        ],
        **compared,
    }
