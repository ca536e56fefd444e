"""The messages table's stream → counters. One batch is one shard's records, in order."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.counters import DynamoBooks
from carillon.adapters.dynamodb.stream import changes_of
from carillon.adapters.system_clock import SystemClock
from carillon.edge.batches import PartialBatchResponse
from carillon.edge.logs import logger, metrics
from carillon.settings import AggregateCounters, from_env
from carillon.usecases.fold_changes import Aggregator, FoldReport


@cache
def build() -> Aggregator:
    """Compose the function once per process."""
    settings = from_env(AggregateCounters)
    books = DynamoBooks(client("dynamodb"), settings.counters_table)
    return Aggregator(books, SystemClock(), _campaign_of)


def lambda_handler(event: Mapping[str, Any], _context: Any) -> PartialBatchResponse:
    """Fold the batch; name the first record that must come again, if any."""
    changes, unreadable = changes_of(event["Records"])
    report = build().fold_changes(changes)
    _note(report, unreadable)
    if report.failed_from is None:
        return {"batchItemFailures": []}
    return {"batchItemFailures": [{"itemIdentifier": report.failed_from}]}


def _campaign_of(partition: str) -> str | None:
    found = schema.campaign_of(partition)
    return found[0] if found else None


def _note(report: FoldReport, unreadable: int) -> None:
    noted = metrics()
    noted.add_metric("changes_applied", MetricUnit.Count, report.applied)
    noted.add_metric("changes_replayed", MetricUnit.Count, report.replayed)
    if unreadable:
        noted.add_metric("changes_unreadable", MetricUnit.Count, unreadable)
        # What the recount will find; the record itself may hold a phone and a body.
        logger.error("changes_unreadable", count=unreadable)
    if report.failed:
        noted.add_metric("changes_failed", MetricUnit.Count, len(report.failed))
        logger.warning("changes_failed", count=len(report.failed))
    noted.flush_metrics()
