"""The streams of messages and campaigns → deliveries to other systems' endpoints (T11)."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.event_stream import row_changes
from carillon.adapters.dynamodb.webhooks import DynamoWebhookBook
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.errors import Throttled
from carillon.edge.batches import PartialBatchResponse
from carillon.edge.logs import correlation_id, logger
from carillon.settings import PublishEvents, from_env
from carillon.usecases.publish_events import Publisher


@cache
def build() -> Publisher:
    """Compose the function once per process."""
    settings = from_env(PublishEvents)
    return Publisher(
        DynamoWebhookBook(client("dynamodb"), settings.control_table),
        SqsQueue(client("sqs"), settings.delivery_queue_url, correlation_id),
        SystemClock(),
    )


def lambda_handler(event: Mapping[str, Any], _context: Any) -> PartialBatchResponse:
    """Queue what the batch's changes say; all of it comes again when the queue refuses some."""
    records = event["Records"]
    changes, unreadable = row_changes(records)
    if unreadable:
        # The records themselves may hold a phone and a body.
        logger.error("changes_unreadable", count=unreadable)
    try:
        published = build().publish(changes)
    except Throttled:
        logger.warning("deliveries_refused")
        first: str = records[0]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": first}]}
    if published:
        logger.info("deliveries_queued", count=published)
    return {"batchItemFailures": []}
