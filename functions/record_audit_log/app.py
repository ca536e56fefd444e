"""
The streams of the control and consent tables → the audit log (P4).

A record that cannot be kept goes back, and with it what comes after it in its shard; after
finite tries it goes to a queue that wakes somebody, while it still stands in the stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.audit import DynamoAuditTrail, change_of
from carillon.adapters.secrets import Secrets
from carillon.adapters.system_clock import SystemClock
from carillon.domain.audit import keyed_hash
from carillon.edge.batches import PartialBatchResponse
from carillon.edge.logs import logger
from carillon.ports import AuditTrail
from carillon.settings import RecordAuditLog, from_env
from carillon.usecases.record_changes import record_changes


@dataclass(frozen=True)
class Composition:
    """What the handler needs."""

    trail: AuditTrail
    hashed: Callable[[str], str]


@cache
def build() -> Composition:
    """Compose the function once per process."""
    settings = from_env(RecordAuditLog)
    secrets = Secrets(client("secretsmanager"), SystemClock().monotonic)
    return Composition(
        DynamoAuditTrail(client("dynamodb"), settings.audit_table),
        keyed_hash(secrets.read(settings.audit_secret)["key"]),
    )


def lambda_handler(event: Mapping[str, Any], _context: Any) -> PartialBatchResponse:
    """Append an entry for each change; name the first record that must come again, if any."""
    made, kept = build(), 0
    for record in event["Records"]:
        try:
            change = change_of(record, made.hashed)
            kept += record_changes([change] if change else [], made.trail, made.hashed)
        except Exception as error:  # noqa: BLE001  # whatever it is, the record must come again
            logger.error("audit_entry_not_kept", error_type=type(error).__name__)
            number = record["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    if kept:
        logger.info("audit_entries_kept", count=kept)
    return {"batchItemFailures": []}
