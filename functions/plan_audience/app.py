"""Freezes the audiences of launched campaigns and starts their senders (C4, K4)."""

from functools import cache
from typing import Any

from carillon.adapters import aws
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.contacts import (
    DynamoCampaignPlans,
    DynamoContacts,
    DynamoImportDirectory,
)
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.locating import whereabouts
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger
from carillon.settings import PlanAudience, from_env
from carillon.usecases.plan_audience import Planning, plan_audience


@cache
def build() -> Planning:
    """Return what the use case needs, composed once per process."""
    settings = from_env(PlanAudience)
    database = aws.client("dynamodb")
    queues = aws.client("sqs")
    lists = DynamoImportDirectory(database, settings.control_table)
    return Planning(
        campaigns=DynamoCampaignPlans(database, settings.control_table),
        lists=lists,
        segments=lists,
        contacts=DynamoContacts(database, settings.contacts_table),
        objects=S3Objects(aws.client("s3"), settings.files_bucket),
        plan_queue=SqsQueue(queues, settings.plan_queue_url, correlation_id),
        send_queue=SqsQueue(queues, settings.send_queue_url, correlation_id),
        clock=SystemClock(),
        leads_per_part=schema.LEADS_PER_PART,
        sender_of=DynamoDirectory(database, settings.control_table).sender,
        locate=whereabouts,
    )


def lambda_handler(event: dict[str, Any], context: Any) -> PartialBatchResponse:
    """Handle messages {campaign_id}."""

    def handle(message: dict[str, Any]) -> None:
        # Half of what is left: the part begun last needs time as well.
        budget_s = context.get_remaining_time_in_millis() / 2000
        campaign_id = message["campaign_id"]
        planned = plan_audience(build(), campaign_id=campaign_id, budget_s=budget_s)
        logger.info("audience_planned", campaign_id=campaign_id, outcome=planned)

    return handle_each(event, handle, context)
