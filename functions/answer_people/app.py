"""Erases and exports people's data: one queue message is one stretch of one request (C6)."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters import aws
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.contacts import DynamoImportDirectory
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.person_records import DynamoPersonRecords
from carillon.adapters.dynamodb.person_requests import DynamoPersonRequests
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.ids import new_id
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger
from carillon.settings import AnswerPeople, from_env
from carillon.usecases.ask_for_person import carry_out
from carillon.usecases.erase_person import Erasing
from carillon.usecases.export_person import Exporting


@dataclass(frozen=True)
class Worlds:
    """What the use cases need."""

    erasing: Erasing
    exporting: Exporting


@cache
def build() -> Worlds:
    """Return what the use cases need, composed once per process."""
    settings = from_env(AnswerPeople)
    database, clock = aws.client("dynamodb"), SystemClock()
    requests = DynamoPersonRequests(database, settings.control_table)
    files = S3Objects(aws.client("s3"), settings.files_bucket)
    queue = SqsQueue(aws.client("sqs"), settings.person_queue_url, correlation_id)
    records = DynamoPersonRecords(
        database,
        control_table=settings.control_table,
        contacts_table=settings.contacts_table,
        messages_table=settings.messages_table,
        conversations_table=settings.conversations_table,
        suppressions_table=settings.suppressions_table,
        consent_table=settings.consent_table,
    )
    return Worlds(
        erasing=Erasing(
            requests=requests,
            records=records,
            leads=DynamoMessages(database, settings.messages_table),
            lists=DynamoImportDirectory(database, settings.control_table),
            files=files,
            queue=queue,
            clock=clock,
            new_claim_id=lambda: new_id("clm"),
        ),
        exporting=Exporting(
            requests=requests,
            records=records,
            ledger=DynamoConsentLedger(database, settings.consent_table),
            files=files,
            queue=queue,
            clock=clock,
        ),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> PartialBatchResponse:
    """Handle messages {request_id}."""

    def handle(message: dict[str, Any]) -> None:
        worlds = build()
        # Half of what is left: the page begun last needs time as well.
        request = carry_out(
            worlds.erasing,
            worlds.exporting,
            request_id=message["request_id"],
            budget_s=context.get_remaining_time_in_millis() / 2000,
        )
        logger.info(
            "person_request_advanced",
            request_id=request.id,
            kind=request.kind,
            status=request.status,
            step=request.step,
            passes=request.passes,
        )

    return handle_each(event, handle, context)
