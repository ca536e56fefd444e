"""Receipts from the queue into the messages table, one write per message at most."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.providers import twilio
from carillon.domain.clock import from_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.message import Receipt, ReceiptOutcome
from carillon.edge.batches import PartialBatchResponse, message_of
from carillon.edge.logs import logger, metrics
from carillon.ports import Leads, Suppressions
from carillon.usecases.record_receipt import best_of, outdated_among, record_receipt


@cache
def build() -> tuple[Leads, Suppressions]:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.ProcessReceipts)
    dynamodb = aws.client("dynamodb")
    return (
        DynamoMessages(dynamodb, env.messages_table),
        DynamoSuppressions(dynamodb, env.suppressions_table),
    )


def lambda_handler(event: Mapping[str, Any], _context: Any) -> PartialBatchResponse:
    """
    Apply a batch: the receipts of one message are applied as one.

    When a write fails, every message of the batch that spoke of that row goes
    back to the queue; the others are done.
    """
    read: dict[str, tuple[Receipt, str]] = {}
    failed: set[str] = set()
    for record in event["Records"]:
        try:
            read[record["messageId"]] = _receipt_of(message_of(record["body"]))
        except InvalidInput as error:
            # The signature was right, so it is a callback of ours that we no longer read:
            # counted, not retried.
            _count("receipt_unreadable")
            logger.warning("receipt_unreadable", code=error.code)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # No message of ours has this shape; the others of the batch must not wait for it.
            logger.error("receipt_malformed", error_type=type(error).__name__)
            failed.add(record["messageId"])
    failed |= _apply(read)
    metrics().flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(failed)]}


def _apply(read: Mapping[str, tuple[Receipt, str]]) -> set[str]:
    leads, suppressions = build()
    phones = {receipt.ref: phone for receipt, phone in read.values()}
    broken = set()
    receipts = best_of([receipt for receipt, _ in read.values()])
    outdated = outdated_among(receipts, leads)
    for receipt in receipts:
        if receipt.ref in outdated:
            _count(f"receipt_{ReceiptOutcome.IGNORED_STALE}")
            continue
        try:
            outcome = record_receipt(
                receipt, phone=phones[receipt.ref], leads=leads, suppressions=suppressions
            )
            _count(f"receipt_{outcome}")
        except Exception as error:  # noqa: BLE001 - one row's failure is its messages' alone
            logger.error("receipt_failed", error_type=type(error).__name__)
            broken.add(receipt.ref)
    return {name for name, (receipt, _) in read.items() if receipt.ref in broken}


def _receipt_of(message: Mapping[str, Any]) -> tuple[Receipt, str]:
    params = message["params"]
    receipt = twilio.parse_receipt(params, message["ref"], from_iso(message["received_at"]))
    return receipt, (params.get("To") or [""])[0]


def _count(name: str) -> None:
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=1)
