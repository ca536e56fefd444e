"""Series over local time: responses and launches (T1), and a campaign's activity (T2)."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.campaign_list import RUNNING
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.counters import QUARTER, RESPONSES, Counts
from carillon.domain.metrics import Given, figure_value
from carillon.domain.permissions import Access
from carillon.domain.series import dates_between, dates_of, granularity_of, responses_of, timeline
from carillon.domain.timeframe import BEGINNING, shown_frame, zone_named
from carillon.usecases.read_analytics import AnalyticsWorld, campaign_in_reach
from carillon.usecases.summarize_campaigns import Asked, asked, matching_cards


def response_series(
    query: Mapping[str, str], access: Access, world: AnalyticsWorld
) -> dict[str, Any]:
    """
    Return the responses by hour of the day, weekday and date, and launches by date (T1).

    *query* as ``summary`` takes it. Every date of the frame is there; of "all", from the first
    with anything. Raises InvalidInput, NotFound.
    """
    one = asked(query, access, world)
    zone = zone_named(one.zone)
    if one.wanted.is_open:
        cards = matching_cards(one, world, also={})
        quarters = _of_offices(one, world)
    else:
        by_campaign = _of_campaigns(one, world)
        cards = matching_cards(one, world, also=by_campaign)
        quarters = _added(own for name, own in by_campaign.items() if name in cards)
    responses = responses_of(quarters, zone)
    launched = [card.launched_at for card in cards.values() if card.was_launched(one.frame)]
    launches = dates_of(launched, zone)
    dates = list(dates_between(one.frame.start, one.frame.end, zone))
    if one.frame.start == BEGINNING:
        happened = {*responses.by_date, *launches}
        dates = [day for day in dates if happened and day >= min(happened)]
    return {
        "as_of": to_iso(one.as_of),
        **shown_frame(query, one.frame),
        "responses_by_hour": responses.by_hour,
        "responses_by_weekday": responses.by_weekday,
        "responses_by_date": _by_date(dates, responses.by_date, "responses"),
        "launches_by_date": _by_date(dates, launches, "launches"),
    }


def campaign_activity(
    campaign_id: str, query: Mapping[str, str], access: Access, world: AnalyticsWorld
) -> dict[str, Any]:
    """
    Return the messages of a campaign over the time that it was active, in its buckets (T2).

    It is active from its launch to now while it runs, else to the last thing that happened.
    *query* has ``zone``. Raises InvalidInput, NotFound.
    """
    as_of, zone = world.clock.now(), zone_named(query.get("zone", "UTC"))
    campaign = campaign_in_reach(campaign_id, access, world)
    quarters = world.figures.campaign_history(campaign_id)
    span = _active(campaign, quarters, as_of)
    answer: dict[str, Any] = {
        "campaign_id": campaign.id,
        "as_of": to_iso(as_of),
        "zone": zone.key,
        "granularity": None,
        "from": None,
        "to": None,
        "buckets": [],
    }
    if span is None:
        return answer
    start, end = span
    granularity = granularity_of(start, end, zone)
    buckets = timeline(quarters, start=start, end=end, zone=zone, granularity=granularity)
    return {
        **answer,
        "granularity": granularity,
        "from": to_iso(start),
        "to": to_iso(end),
        "buckets": [_bucket(name, counts) for name, counts in buckets],
    }


def _active(
    campaign: Campaign, quarters: Mapping[str, Counts], now: datetime
) -> tuple[datetime, datetime] | None:
    if campaign.launched_at is None:
        return None
    if campaign.status in RUNNING:
        return campaign.launched_at, max(now, campaign.launched_at)
    # Within its last quarter hour nobody knows when.
    happened = [from_iso(max(quarters)) + QUARTER] if quarters else []
    ended = campaign.finished_at or campaign.updated_at
    return campaign.launched_at, max(ended, *happened, campaign.launched_at)


def _bucket(name: str, counts: Counts) -> dict[str, Any]:
    return {
        "at": name,
        "messages": int(figure_value("messages", Given(counts))),
        "delivered": counts.get("delivered", 0),
        "responses": counts.get(RESPONSES, 0),
    }


def _of_offices(one: Asked, world: AnalyticsWorld) -> dict[str, int]:
    return _added(world.figures.office_responses(office, one.frame) for office in one.offices)


def _of_campaigns(one: Asked, world: AnalyticsWorld) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for office_id in one.offices:
        found |= world.figures.responses_of_campaigns(office_id, one.frame)
    return found


def _added(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for quarters in many:
        for quarter, amount in quarters.items():
            found[quarter] = found.get(quarter, 0) + amount
    return found


def _by_date(dates: list[date], amounts: Mapping[date, int], name: str) -> list[dict[str, Any]]:
    return [{"date": day.isoformat(), name: amounts.get(day, 0)} for day in dates]
