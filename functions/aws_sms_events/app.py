"""
What AWS End User Messaging SMS publishes, handed to the queues that other providers' webhooks fill.

A two-way message to a number that no sender has goes to the dead-letter queue: it may be an
opt-out, and somebody must say whose the number is before it is redriven.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.aws_sms_events import (
    EventKind,
    Inboxes,
    event_in,
    inbound_envelope,
    receipt_envelope,
)
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.errors import NotFound
from carillon.edge.batches import PartialBatchResponse
from carillon.edge.logs import correlation_id, logger, metrics

Envelopes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Intake:
    """Whose the numbers are, and the queues behind each kind of event."""

    inboxes: Inboxes
    receipts: SqsQueue
    inbound: SqsQueue


@cache
def build() -> Intake:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.AwsSmsEvents)
    clock = SystemClock()
    sqs = aws.client("sqs")
    return Intake(
        inboxes=Inboxes(
            DynamoDirectory(aws.client("dynamodb"), env.control_table),
            Secrets(aws.client("secretsmanager"), clock.monotonic),
            clock.monotonic,
        ),
        receipts=SqsQueue(sqs, env.receipt_queue_url, correlation_id),
        inbound=SqsQueue(sqs, env.inbound_queue_url, correlation_id),
    )


def lambda_handler(event: Mapping[str, Any], _context: Any) -> PartialBatchResponse:
    """Pass on a batch; an event that cannot be read or was not taken goes back alone."""
    intake = build()
    receipts: Envelopes = {}
    inbound: Envelopes = {}
    failed: set[str] = set()
    for record in event["Records"]:
        name = record["messageId"]
        try:
            _sort(record, intake.inboxes, receipts=receipts, inbound=inbound)
        except NotFound as error:
            logger.error("aws_inbound_of_nobody", code=error.code)
            _count("aws_inbound_of_nobody")
            failed.add(name)
        except Exception as error:  # noqa: BLE001 - one event's failure is its own alone
            # Not of AWS's shape, or its sender cannot be read just now.
            logger.error("aws_event_failed", error_type=type(error).__name__)
            failed.add(name)
    # Opt-outs first. A repeated batch does no harm: both consumers know what they have seen.
    failed |= intake.inbound.put_all(inbound)
    failed |= intake.receipts.put_all(receipts)
    metrics().flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(failed)]}


def _sort(
    record: Mapping[str, Any], inboxes: Inboxes, *, receipts: Envelopes, inbound: Envelopes
) -> None:
    """Put *record*'s envelope where it belongs; raises NotFound for a number of nobody."""
    name = record["messageId"]
    event = event_in(record)
    match event.kind:
        case EventKind.RECEIPT:
            receipts[name] = {"correlation_id": name, **receipt_envelope(event)}
        case EventKind.INBOUND:
            inbox = inboxes.of(str(event.content.get("destinationNumber") or ""))
            inbound[name] = {"correlation_id": name, **inbound_envelope(event, inbox)}
        case EventKind.OTHER:
            pass
    _count(f"aws_event_{event.kind}")


def _count(name: str) -> None:
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=1)
