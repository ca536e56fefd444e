"""
The analytics: figures of a campaign, its variants and its senders, its leads, and all
campaigns' figures, series, comparison and usage within a time frame.

Its role may only read. Sign-in, permissions and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.figures import DynamoFigures
from carillon.adapters.dynamodb.lead_pages import DynamoLeadPages
from carillon.adapters.system_clock import SystemClock
from carillon.domain.campaign_list import FILTERS
from carillon.edge.http import Answer, Request, Router, answer, encode_cursor, new_app
from carillon.edge.views import PAGED
from carillon.settings import AnalyticsApi, from_env
from carillon.usecases.compare_campaigns import compare_campaigns
from carillon.usecases.list_leads import LeadListWorld, list_leads
from carillon.usecases.read_analytics import (
    AnalyticsWorld,
    campaign_metrics,
    campaign_report,
    campaign_variants,
    sender_performance,
)
from carillon.usecases.read_series import campaign_activity, response_series
from carillon.usecases.read_usage import usage
from carillon.usecases.summarize_campaigns import campaign_csv, campaign_list, summary

FILTERED = ("preset", "from", "to", "zone", *FILTERS)
LISTED = (*FILTERED, "sort", "order", *PAGED)

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
    query=("status", "sender_id", "reason", "figure", *PAGED),
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


@route("GET", "/v1/campaigns/{campaign_id}/activity", gives="CampaignActivity", query=("zone",))
def show_campaign_activity(request: Request, campaign_id: str) -> dict[str, Any]:
    """A campaign's messages over the time it was active, by hour, day, month or year."""
    return campaign_activity(campaign_id, request.query, request.access, build().analytics)


@route("GET", "/v1/analytics/summary", gives="AnalyticsSummary", query=FILTERED)
def show_summary(request: Request) -> dict[str, Any]:
    """The figures of all campaigns in reach, or of those asked for, within a time frame."""
    return summary(request.query, request.access, build().analytics)


@route("GET", "/v1/analytics/series", gives="ResponseSeries", query=FILTERED)
def show_series(request: Request) -> dict[str, Any]:
    """Responses by local hour, weekday and date, and launches by date."""
    return response_series(request.query, request.access, build().analytics)


@route("GET", "/v1/analytics/campaigns", gives="CampaignFigures", query=LISTED)
def list_campaign_figures(request: Request) -> dict[str, Any]:
    """The campaigns launched within a time frame, with what came of them in it."""
    page = request.page
    listed, rest = campaign_list(
        request.query,
        request.access,
        build().analytics,
        limit=page.limit,
        position=page.after,
    )
    return {**listed, "next_cursor": encode_cursor(rest)}


@route("GET", "/v1/analytics/campaigns/csv", gives="CampaignCsv", query=LISTED)
def download_campaign_figures(request: Request) -> Answer:
    """Exactly the rows that the list of campaigns shows, as CSV."""
    page = request.page
    text = campaign_csv(
        request.query,
        request.access,
        build().analytics,
        limit=page.limit,
        position=page.after,
    )
    as_file = {"Content-Disposition": 'attachment; filename="campaigns.csv"'}
    return Answer(text, headers=as_file, media_type="text/csv")


@route("GET", "/v1/analytics/comparison", gives="CampaignComparison", query=("campaign_ids",))
def show_comparison(request: Request) -> dict[str, Any]:
    """How two to ten campaigns deliver, are answered and convert, and which one wins."""
    return compare_campaigns(request.query, request.access, build().analytics)


@route("GET", "/v1/analytics/usage", gives="Usage", query=("preset", "from", "to"))
def show_usage(request: Request) -> dict[str, Any]:
    """Messages and segments within a period, by office, sender and channel."""
    return usage(request.query, request.access, build().analytics)
