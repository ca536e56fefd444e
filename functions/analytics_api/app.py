"""
The analytics: a campaign's figures, and all campaigns' within a time frame.

Its role may only read. Sign-in, permissions and problems are the edge's (carillon.edge.http).
"""

from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.counters import DynamoFigures
from carillon.adapters.system_clock import SystemClock
from carillon.edge.http import Request, Router, answer, new_app
from carillon.settings import AnalyticsApi, from_env
from carillon.usecases.read_analytics import AnalyticsWorld, campaign_metrics, summary

app = new_app("analytics_api")
route = Router(app)


@cache
def build() -> AnalyticsWorld:
    """Compose the function once per process."""
    settings = from_env(AnalyticsApi)
    dynamodb = client("dynamodb")
    return AnalyticsWorld(
        figures=DynamoFigures(dynamodb, settings.counters_table),
        catalogue=DynamoCatalogue(dynamodb, settings.control_table),
        clock=SystemClock(),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of the REST API."""
    return answer(app, event, context)


@route("GET", "/v1/campaigns/{campaign_id}/metrics", gives="CampaignMetrics")
def show_campaign_metrics(request: Request, campaign_id: str) -> dict[str, Any]:
    """A campaign's figures A1 to A15, its failures by reason and its activity."""
    return campaign_metrics(campaign_id, request.access, build())


@route(
    "GET",
    "/v1/analytics/summary",
    gives="AnalyticsSummary",
    query=("preset", "from", "to", "zone"),
)
def show_summary(request: Request) -> dict[str, Any]:
    """The figures of all campaigns in reach within a time frame."""
    return summary(request.query, request.access, build())
