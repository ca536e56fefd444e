"""
The analytics: figures of a campaign, its variants and its senders, its leads, and all
campaigns' figures within a time frame.

Its role may only read. Sign-in, permissions and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.counters import DynamoFigures
from carillon.adapters.dynamodb.lead_pages import DynamoLeadPages
from carillon.adapters.system_clock import SystemClock
from carillon.edge.http import Request, Router, answer, encode_cursor, new_app
from carillon.settings import AnalyticsApi, from_env
from carillon.usecases.list_leads import LeadListWorld, list_leads
from carillon.usecases.read_analytics import (
    AnalyticsWorld,
    campaign_metrics,
    campaign_report,
    campaign_variants,
    sender_performance,
    summary,
)

app = new_app("analytics_api")
route = Router(app)


@dataclass(frozen=True)
class Composition:
    """What the figures are read from, and what the leads."""

    analytics: AnalyticsWorld
    leads: LeadListWorld


@cache
def build() -> Composition:
    """Compose the function once per process."""
    settings = from_env(AnalyticsApi)
    dynamodb, clock = client("dynamodb"), SystemClock()
    catalogue = DynamoCatalogue(dynamodb, settings.control_table)
    return Composition(
        AnalyticsWorld(
            figures=DynamoFigures(dynamodb, settings.counters_table),
            catalogue=catalogue,
            clock=clock,
        ),
        LeadListWorld(
            leads=DynamoLeadPages(dynamodb, settings.messages_table),
            catalogue=catalogue,
            clock=clock,
            grace=timedelta(seconds=settings.ambiguous_grace_s),
        ),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of the REST API."""
    return answer(app, event, context)


@route("GET", "/v1/campaigns/{campaign_id}/metrics", gives="CampaignMetrics")
def show_campaign_metrics(request: Request, campaign_id: str) -> dict[str, Any]:
    """A campaign's figures A1 to A18, its failures by reason and its activity."""
    return campaign_metrics(campaign_id, request.access, build().analytics)


@route("GET", "/v1/campaigns/{campaign_id}/report", gives="CampaignReport")
def show_campaign_report(request: Request, campaign_id: str) -> dict[str, Any]:
    """A campaign's report, marked as interim while it is live; details alone before that."""
    return campaign_report(campaign_id, request.access, build().analytics)


@route("GET", "/v1/campaigns/{campaign_id}/variants", gives="CampaignVariants")
def show_campaign_variants(request: Request, campaign_id: str) -> dict[str, Any]:
    """How a campaign's variants do, and whether they really differ."""
    return campaign_variants(campaign_id, request.access, build().analytics)


@route(
    "GET",
    "/v1/campaigns/{campaign_id}/leads",
    gives="LeadList",
    query=("status", "sender_id", "reason", "limit", "cursor"),
)
def list_campaign_leads(request: Request, campaign_id: str) -> dict[str, Any]:
    """A campaign's leads, without the pending ones; an empty page may have a next one."""
    page = request.page
    listed, rest = list_leads(
        campaign_id,
        request.query,
        request.access,
        build().leads,
        limit=page.limit,
        position=page.after,
    )
    return {**listed, "next_cursor": encode_cursor(rest)}


@route("GET", "/v1/senders/{sender_id}/performance", gives="SenderPerformance")
def show_sender_performance(request: Request, sender_id: str) -> dict[str, Any]:
    """How much a sender has sent, how well, and the likely causes where not."""
    return sender_performance(sender_id, request.access, build().analytics)


@route(
    "GET",
    "/v1/analytics/summary",
    gives="AnalyticsSummary",
    query=("preset", "from", "to", "zone"),
)
def show_summary(request: Request) -> dict[str, Any]:
    """The figures of all campaigns in reach within a time frame."""
    return summary(request.query, request.access, build().analytics)
