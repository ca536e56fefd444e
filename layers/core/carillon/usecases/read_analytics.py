"""
The figures of a campaign and its variants, and of a sender (A1 to A18, M2, N4). What a question
costs is independent of the number of messages (T10).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.campaign_card import ReportKind, report_kind
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.counters import Counts
from carillon.domain.errors import NotFound
from carillon.domain.metrics import (
    campaign_figures,
    costs_of,
    failures_of,
    follow_ups_of,
    links_of,
)
from carillon.domain.performance import sender_figures, variant_figures
from carillon.domain.permissions import Access
from carillon.domain.recount import RecountReport
from carillon.ports import CampaignCatalogue, Clock, Figures

# Three days of quarter hours with activity: one page of at most twelve items.
_ACTIVITY_QUARTERS = 288
_ACTIVITY = ("submitted", "delivered", "inbound")


@dataclass(frozen=True)
class AnalyticsWorld:
    """Everything the analytics read."""

    figures: Figures
    catalogue: CampaignCatalogue
    clock: Clock


def campaign_metrics(campaign_id: str, access: Access, world: AnalyticsWorld) -> dict[str, Any]:
    """
    Return the campaign's figures as the API gives them.

    Reads the campaign, its senders, one query of its few counter items and one
    page of days by quarter hour, whatever the number of messages (T10). Raises NotFound
    when it is absent or of an office out of the caller's reach.
    """
    as_of = world.clock.now()
    campaign = campaign_in_reach(campaign_id, access, world)
    counts, recount = world.figures.campaign_totals(campaign_id)
    quarters = world.figures.campaign_quarters(campaign_id, _ACTIVITY_QUARTERS)
    return {
        "campaign_id": campaign.id,
        "as_of": to_iso(as_of),
        "status": campaign.status,
        "metrics": campaign_figures(
            counts,
            total=campaign.total,
            active_senders=world.catalogue.active_senders(campaign.sender_ids),
        ),
        "failures": failures_of(counts),
        "costs": costs_of(counts),
        "follow_ups": follow_ups_of(counts),
        "links": links_of(counts, campaign.links),
        "activity": [_activity(quarter, counts) for quarter, counts in quarters.items()],
        "recount": _recount(recount),
    }


def campaign_report(campaign_id: str, access: Access, world: AnalyticsWorld) -> dict[str, Any]:
    """
    Return the campaign's report: final, ``interim`` while it is live, or ``details`` alone (K11).

    Details are settings and dates without a figure, as there is none yet. Reads what
    ``campaign_metrics`` does, or the campaign alone. Raises NotFound.
    """
    campaign = campaign_in_reach(campaign_id, access, world)
    kind = report_kind(campaign)
    figures = None if kind is ReportKind.DETAILS else campaign_metrics(campaign_id, access, world)
    return {
        "campaign_id": campaign.id,
        "number": campaign.number,
        "title": campaign.title,
        "status": campaign.status,
        "kind": kind,
        "interim": kind is ReportKind.INTERIM,
        "created_at": to_iso(campaign.created_at),
        "launched_at": _iso(campaign.launched_at),
        "submitted_all_at": _iso(campaign.submitted_all_at),
        "finished_at": _iso(campaign.finished_at),
        "schedule_at": _iso(campaign.schedule_at),
        "details": {
            "office_id": campaign.office_id,
            "type": campaign.type,
            "operated_by": campaign.operated_by,
            "sender_ids": list(campaign.sender_ids),
            "list_ids": list(campaign.list_ids),
            "tags": list(campaign.tags),
            "total": campaign.total,
        },
        "figures": figures,
    }


def campaign_variants(campaign_id: str, access: Access, world: AnalyticsWorld) -> dict[str, Any]:
    """
    Return how the campaign's variants compare (M2): the campaign and its counters, two reads.

    Raises NotFound when it is absent or of an office out of the caller's reach.
    """
    as_of = world.clock.now()
    campaign = campaign_in_reach(campaign_id, access, world)
    counts, _ = world.figures.campaign_totals(campaign_id)
    return {"campaign_id": campaign.id, "as_of": to_iso(as_of), **variant_figures(counts)}


def sender_performance(sender_id: str, access: Access, world: AnalyticsWorld) -> dict[str, Any]:
    """
    Return how the sender does (N4): the sender, and a query of its few items a year.

    Raises NotFound when it is absent or of an office out of the caller's reach.
    """
    as_of = world.clock.now()
    sender = world.catalogue.sender(sender_id)
    access.require_object(
        sender.office_id, NotFound("There is no such sender.", code="sender_not_found")
    )
    figures = sender_figures(world.figures.sender_counts(sender_id), as_of.date())
    return {"sender_id": sender.id, "as_of": to_iso(as_of), **figures}


def campaign_in_reach(campaign_id: str, access: Access, world: AnalyticsWorld) -> Campaign:
    """Return the campaign; raises NotFound when it is absent or out of the caller's reach."""
    campaign = world.catalogue.campaign(campaign_id)
    access.require_object(
        campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
    )
    return campaign


def _iso(at: datetime | None) -> str | None:
    return None if at is None else to_iso(at)


def _activity(quarter: str, counts: Counts) -> dict[str, str | int]:
    return {
        "from": to_iso(from_iso(quarter)),
        **{name: counts.get(name, 0) for name in _ACTIVITY},
    }


def _recount(report: RecountReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "at": to_iso(report.at),
        "state": report.state,
        "drift": sum(abs(amount) for amount in report.drift.values()),
        "drift_by_counter": dict(report.drift),
        "unsettled": report.unsettled,
    }
