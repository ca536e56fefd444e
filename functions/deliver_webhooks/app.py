"""Posts events to other systems' endpoints; once a minute it queues what is tried again (T11)."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.webhooks import DynamoDeliveryLog, DynamoWebhookBook
from carillon.adapters.media import SafeFetcher
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.webhooks import of_message
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger
from carillon.settings import DeliverWebhooks, from_env
from carillon.usecases.deliver_webhooks import (
    DeliveringWorld,
    deliver_again,
    deliver_new,
    of_reference,
    queue_due,
)

# An endpoint should queue what it gets and answer at once.
ANSWER_WITHIN_S = 10.0


@cache
def build() -> DeliveringWorld:
    """Compose the function once per process."""
    settings = from_env(DeliverWebhooks)
    database = client("dynamodb")
    return DeliveringWorld(
        book=DynamoWebhookBook(database, settings.control_table),
        log=DynamoDeliveryLog(database, settings.deliveries_table),
        caller=SafeFetcher(within_s=ANSWER_WITHIN_S),
        queue=SqsQueue(client("sqs"), settings.delivery_queue_url, correlation_id),
        clock=SystemClock(),
    )


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse | None:
    """Handle messages {webhook_id, events} and {webhook_id, again}, and the minute's tick."""
    if "Records" not in event:
        logger.info("deliveries_due", count=queue_due(build()))
        return None
    return handle_each(event, _deliver, context)


def _deliver(message: dict[str, Any]) -> None:
    webhook_id: str = message["webhook_id"]
    if "again" in message:
        again = [of_reference(webhook_id, one) for one in message["again"]]
        report = deliver_again(build(), webhook_id, again)
    else:
        new = [of_message(webhook_id, one) for one in message["events"]]
        report = deliver_new(build(), webhook_id, new)
    if report.disabled is not None:
        logger.error("webhook_disabled", webhook_id=webhook_id, reason=report.disabled)
    logger.info(
        "webhook_deliveries",
        webhook_id=webhook_id,
        delivered=report.delivered,
        waiting=report.waiting,
        failed=report.failed,
    )
