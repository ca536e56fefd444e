"""Makes files for people: one queue message is one stretch of one export (T7)."""

from functools import cache
from typing import Any

from carillon.adapters import aws
from carillon.adapters.csv_table import CsvTable
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.exports import DynamoExportedMessages, DynamoExportJobs
from carillon.adapters.dynamodb.figures import DynamoFigures
from carillon.adapters.objects import S3Objects
from carillon.adapters.parquet import ParquetTable
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.exports import FileFormat
from carillon.edge.batches import MOST_TRIES, GiveUp, PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger
from carillon.settings import ExportData, from_env
from carillon.usecases.export_data import ExportingWorld, export_data, give_up_export
from carillon.usecases.export_rows import ExportSources


@cache
def build() -> ExportingWorld:
    """Return what the use case needs, composed once per process."""
    settings = from_env(ExportData)
    database = aws.client("dynamodb")
    return ExportingWorld(
        jobs=DynamoExportJobs(database, settings.control_table),
        sources=ExportSources(
            directory=DynamoCatalogue(database, settings.control_table),
            messages=DynamoExportedMessages(database, settings.messages_table),
            totals=DynamoFigures(database, settings.counters_table),
            opt_outs=DynamoConsentLedger(database, settings.consent_table),
            part_name=schema.part_pk,
            unsolicited_name=schema.unsolicited_bucket_pk,
            unsolicited_buckets=schema.UNSOLICITED_BUCKETS,
            lanes=schema.CONSENT_LANES,
        ),
        files=S3Objects(aws.client("s3"), settings.files_bucket),
        queue=SqsQueue(aws.client("sqs"), settings.export_queue_url, correlation_id),
        clock=SystemClock(),
        formats={FileFormat.CSV: CsvTable(), FileFormat.PARQUET: ParquetTable()},
    )


def lambda_handler(event: dict[str, Any], context: Any) -> PartialBatchResponse:
    """Handle messages {export_id}."""

    def handle(message: dict[str, Any]) -> None:
        # Half of what is left: the piece begun last, and the whole, need time as well.
        budget_s = context.get_remaining_time_in_millis() / 2000
        job = export_data(build(), export_id=message["export_id"], budget_s=budget_s)
        logger.info(
            "export_advanced",
            export_id=job.id,
            kind=job.kind,
            status=job.status,
            rows=job.rows,
            error_code=job.error_code,
        )

    return handle_each(event, handle, context, give_up=GiveUp(MOST_TRIES - 1, _give_up, fails=True))


def _give_up(message: dict[str, Any]) -> None:
    job = give_up_export(build(), export_id=message["export_id"])
    logger.info("export_given_up", export_id=job.id, status=job.status)
