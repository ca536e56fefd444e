"""Starts scheduled campaigns when their time has come, once a minute (K4, K15)."""

from datetime import timedelta
from functools import cache
from typing import Any

from carillon.adapters import aws
from carillon.adapters.dynamodb.contacts import DynamoCampaignPlans
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.adapters.dynamodb.occurrences import DynamoOccurrences
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.edge.logs import correlation_id, logger
from carillon.settings import StartDueCampaigns, from_env
from carillon.usecases.start_due_campaigns import Starting, start_due_campaigns


@cache
def build() -> Starting:
    """Return what the use case needs, composed once per process."""
    settings = from_env(StartDueCampaigns)
    dynamodb = aws.client("dynamodb")
    return Starting(
        campaigns=DynamoCampaignPlans(dynamodb, settings.control_table),
        occurrences=DynamoOccurrences(dynamodb, settings.control_table),
        knowledge=DynamoKnowledge(dynamodb, settings.control_table),
        policy=DynamoDirectory(dynamodb, settings.control_table).policy,
        plan_queue=SqsQueue(aws.client("sqs"), settings.plan_queue_url, correlation_id),
        clock=SystemClock(),
        lateness_limit=timedelta(seconds=settings.lateness_limit_s),
    )


def lambda_handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Do one round and return how many campaigns it launched, held and planned again."""
    logger.set_correlation_id(context.aws_request_id)
    started = start_due_campaigns(build())
    counts = {
        "launched": len(started.launched),
        "held": len(started.held),
        "replanned": len(started.replanned),
    }
    logger.info("due_campaigns_started", extra=counts)
    return counts
