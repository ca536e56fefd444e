"""Recounts campaigns: at their close, on demand, and every night those that still move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.counters import DynamoBooks, DynamoMessageRows
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.ports import CampaignCatalogue
from carillon.settings import RecountCounters, from_env
from carillon.usecases.recount import (
    Progress,
    RecountWorld,
    come_back,
    recount_campaign,
    request_nightly,
)

# Kept free for the last parts' proofs and for writing the report.
_RESERVE_S = 30
_NIGHTLY_FOR = timedelta(days=3)


@dataclass(frozen=True)
class Composition:
    """The recount's world, and where it finds campaigns."""

    world: RecountWorld
    catalogue: CampaignCatalogue


@cache
def build() -> Composition:
    """Compose the function once per process."""
    settings = from_env(RecountCounters)
    dynamodb = client("dynamodb")
    world = RecountWorld(
        rows=DynamoMessageRows(dynamodb, settings.messages_table),
        books=DynamoBooks(dynamodb, settings.counters_table),
        clock=SystemClock(),
        queue=SqsQueue(client("sqs"), settings.recount_queue_url, correlation_id),
        part_name=schema.part_pk,
    )
    return Composition(world, DynamoCatalogue(dynamodb, settings.control_table))


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse | None:
    """Recount the campaigns that the messages name; on the schedule, queue the night's work."""
    made = build()
    if "Records" not in event:
        queued = request_nightly(made.catalogue, made.world, kept_for=_NIGHTLY_FOR)
        logger.info("recounts_queued", campaigns=queued)
        return None
    deadline = made.world.clock.monotonic() + _seconds_left(context)
    return handle_each(event, lambda message: _recount(message, deadline, made), context)


def _recount(message: Mapping[str, Any], deadline: float, made: Composition) -> None:
    campaign = made.catalogue.campaign(message["campaign_id"])
    reason = str(message.get("reason", "requested"))
    report = recount_campaign(campaign, reason, Progress.of(message), made.world, deadline=deadline)
    if report is None:
        return
    come_back(report, message, made.world.queue)
    drift = sum(abs(amount) for amount in report.drift.values())
    logger.info(
        "campaign_recounted", campaign_id=campaign.id, state=report.state, drift=report.drift
    )
    noted = metrics()
    noted.add_metric("counter_drift", MetricUnit.Count, drift)
    noted.flush_metrics()


def _seconds_left(context: Any) -> float:
    return max(1.0, float(context.get_remaining_time_in_millis()) / 1000 - _RESERVE_S)
