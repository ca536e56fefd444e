"""Carries CSV imports on: one queue message is one stretch of one import (C1, C2)."""

from functools import cache
from typing import Any

from carillon.adapters import aws
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.contacts import (
    DynamoContacts,
    DynamoImportDirectory,
    DynamoOptOutLookup,
)
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.phone import parse_phone
from carillon.edge.batches import MOST_TRIES, GiveUp, PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger
from carillon.settings import ImportContacts, from_env
from carillon.usecases.import_contacts import Importing, give_up_import, import_contacts


@cache
def build() -> Importing:
    """Return what the use case needs, composed once per process."""
    settings = from_env(ImportContacts)
    database = aws.client("dynamodb")
    return Importing(
        lists=DynamoImportDirectory(database, settings.control_table),
        contacts=DynamoContacts(database, settings.contacts_table),
        opt_outs=DynamoOptOutLookup(
            database,
            settings.suppressions_table,
            ErasureMarks(database, settings.control_table),
        ),
        files=S3Objects(aws.client("s3"), settings.files_bucket),
        queue=SqsQueue(aws.client("sqs"), settings.import_queue_url, correlation_id),
        clock=SystemClock(),
        parse_phone=parse_phone,
        contacts_per_shard=schema.CONTACTS_PER_SHARD,
    )


def lambda_handler(event: dict[str, Any], context: Any) -> PartialBatchResponse:
    """Handle messages {list_id, import_id}."""

    def handle(message: dict[str, Any]) -> None:
        # Half of what is left: the chunk begun last needs time as well.
        budget_s = context.get_remaining_time_in_millis() / 2000
        job = import_contacts(
            build(),
            list_id=message["list_id"],
            import_id=message["import_id"],
            budget_s=budget_s,
        )
        logger.info(
            "import_advanced",
            list_id=job.list_id,
            import_id=job.id,
            status=job.status,
            rows=job.tally.rows,
            error_code=job.error_code,
        )

    return handle_each(event, handle, context, give_up=GiveUp(MOST_TRIES - 1, _give_up, fails=True))


def _give_up(message: dict[str, Any]) -> None:
    job = give_up_import(build(), list_id=message["list_id"], import_id=message["import_id"])
    logger.info("import_given_up", list_id=job.list_id, import_id=job.id, status=job.status)
