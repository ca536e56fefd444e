"""
Receipts from the queue into the messages table, one write per attempt at most.

The rows of a batch are written eight at a time. DynamoDB has no batch of conditional writes:
BatchWriteItem takes no conditions, a transaction costs double and one stale receipt would
cancel it whole, and BatchExecuteStatement's PartiQL has no ``if_not_exists``, by which the
first of a message's times stands.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.providers import modules
from carillon.adapters.system_clock import SystemClock
from carillon.domain.clock import from_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.message import Receipt, ReceiptOutcome, RowRef
from carillon.edge.batches import PartialBatchResponse, message_of
from carillon.edge.logs import logger, metrics
from carillon.ports import Leads, Suppressions
from carillon.usecases.record_receipt import best_of, outdated_among, record_receipt

# Within the ten connections of the client.
_WORKERS = 8


@dataclass(frozen=True)
class Composition:
    """What the function stands on."""

    leads: Leads
    suppressions: Suppressions
    executor: ThreadPoolExecutor


@cache
def build() -> Composition:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.ProcessReceipts)
    dynamodb = aws.client("dynamodb")
    return Composition(
        leads=DynamoMessages(dynamodb, env.messages_table),
        suppressions=DynamoSuppressions(
            dynamodb, env.suppressions_table, env.consent_table, SystemClock().now
        ),
        executor=ThreadPoolExecutor(_WORKERS),
    )


def lambda_handler(event: Mapping[str, Any], _context: Any) -> PartialBatchResponse:
    """
    Apply a batch: the receipts of one attempt are applied as one.

    When a write fails, every message of the batch that spoke of that row goes
    back to the queue; the others are done.
    """
    read: dict[str, list[Receipt]] = {}
    failed: set[str] = set()
    for record in event["Records"]:
        try:
            read[record["messageId"]] = _receipts_of(message_of(record["body"]))
        except InvalidInput as error:
            # The signature was right, so it is a callback of ours that we no longer read:
            # counted, not retried.
            _count("receipt_unreadable")
            logger.warning("receipt_unreadable", code=error.code)
        except Exception as error:  # noqa: BLE001 - one message's failure is its own
            logger.error("receipt_malformed", error_type=type(error).__name__)
            failed.add(record["messageId"])
    broken = _apply([receipt for receipts in read.values() for receipt in receipts])
    failed |= {name for name, receipts in read.items() if broken & {r.ref for r in receipts}}
    metrics().flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(failed)]}


def _receipts_of(message: Mapping[str, Any]) -> list[Receipt]:
    module = modules.of(message.get("provider", "twilio"))
    # "params": as an earlier version of ours, deployed a moment ago, enqueued Twilio's forms.
    payload = message["payload"] if "payload" in message else message["params"]
    return module.receipts(payload, message["ref"], from_iso(message["received_at"]))


def _apply(receipts: list[Receipt]) -> set[RowRef]:
    """Apply *receipts*, of which each counts what became of it; return the rows that failed."""
    world = build()
    best = best_of(receipts)
    outdated = outdated_among(best, world.leads)
    for _ in outdated:
        _count(f"receipt_{ReceiptOutcome.IGNORED_STALE}")
    current = sorted((r for r in best if r not in outdated), key=_row)
    # Attempts at one row in turn, different rows side by side.
    rows = [list(of_row) for _, of_row in groupby(current, key=_row)]
    broken = set()
    for row, (outcomes, error) in zip(
        rows, world.executor.map(partial(_record, world), rows), strict=True
    ):
        for outcome in outcomes:
            _count(f"receipt_{outcome}")
        if error is not None:
            logger.error("receipt_failed", error_type=type(error).__name__)
            broken.add(row[0].ref)
    return broken


def _row(receipt: Receipt) -> tuple[str, str]:
    return receipt.ref.pk, receipt.ref.sk


def _record(
    world: Composition, receipts: list[Receipt]
) -> tuple[list[ReceiptOutcome], Exception | None]:
    """Record the *receipts* of one row; return what became of them, and what ended it early."""
    outcomes = []
    try:
        for receipt in receipts:
            outcomes.append(
                record_receipt(receipt, leads=world.leads, suppressions=world.suppressions)
            )
    except Exception as error:  # noqa: BLE001 - one row's failure is its messages' alone
        return outcomes, error
    return outcomes, None


def _count(name: str) -> None:
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=1)
