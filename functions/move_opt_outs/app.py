"""Carries imports and exports of opt-outs on: one queue message is one stretch of one (O5)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

from carillon.adapters import aws
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.consent_jobs import DynamoOptOutJobs
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.phone import parse_phone
from carillon.edge.batches import MOST_TRIES, GiveUp, PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger
from carillon.settings import MoveOptOuts, from_env
from carillon.usecases.export_opt_outs import ExportingOptOuts, export_opt_outs
from carillon.usecases.import_opt_outs import (
    ImportingOptOuts,
    give_up_opt_out_import,
    import_opt_outs,
)

# Within the ten connections of the client.
_WRITERS = 8

_Thing = TypeVar("_Thing")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Composition:
    """What the two use cases need."""

    importing: ImportingOptOuts
    exporting: ExportingOptOuts


@cache
def build() -> Composition:
    """Compose the function once per process."""
    settings = from_env(MoveOptOuts)
    dynamodb, clock = aws.client("dynamodb"), SystemClock()
    jobs = DynamoOptOutJobs(dynamodb, settings.consent_table)
    files = S3Objects(aws.client("s3"), settings.files_bucket)
    queue = SqsQueue(aws.client("sqs"), settings.opt_out_queue_url, correlation_id)
    return Composition(
        importing=ImportingOptOuts(
            jobs=jobs,
            suppressions=DynamoSuppressions(
                dynamodb, settings.suppressions_table, settings.consent_table, clock.now
            ),
            files=files,
            queue=queue,
            clock=clock,
            parse_phone=partial(parse_phone, default_country=settings.default_country),
            side_by_side=partial(_side_by_side, ThreadPoolExecutor(_WRITERS)),
        ),
        exporting=ExportingOptOuts(
            jobs=jobs,
            listed=DynamoConsentLedger(dynamodb, settings.consent_table),
            files=files,
            queue=queue,
            clock=clock,
            lanes=schema.CONSENT_LANES,
        ),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> PartialBatchResponse:
    """Handle messages {import_id} and {export_id}."""

    def handle(message: dict[str, Any]) -> None:
        # Half of what is left: the chunk begun last needs time as well.
        budget_s = context.get_remaining_time_in_millis() / 2000
        if "export_id" in message:
            _export(message["export_id"], budget_s)
        else:
            _import(message["import_id"], budget_s)

    return handle_each(event, handle, context, give_up=GiveUp(MOST_TRIES - 1, _give_up, fails=True))


def _give_up(message: dict[str, Any]) -> None:
    if "export_id" in message:
        # Another export is asked for in its place; nothing of this one is to be gone on with.
        return
    job = give_up_opt_out_import(build().importing, import_id=message["import_id"])
    logger.info("opt_out_import_given_up", import_id=job.id, status=job.status)


def _import(import_id: str, budget_s: float) -> None:
    job = import_opt_outs(build().importing, import_id=import_id, budget_s=budget_s)
    logger.info(
        "opt_out_import_advanced",
        import_id=job.id,
        status=job.status,
        rows=job.tally.rows,
        error_code=job.error_code,
    )


def _export(export_id: str, budget_s: float) -> None:
    job = export_opt_outs(build().exporting, export_id=export_id, budget_s=budget_s)
    logger.info("opt_out_export_advanced", export_id=job.id, status=job.status, rows=job.rows)


def _side_by_side(
    executor: ThreadPoolExecutor, make: Callable[[_Thing], _Made], things: Sequence[_Thing]
) -> list[_Made]:
    made = [executor.submit(make, thing) for thing in things]
    # All of them end before any error leaves: a write must not outlive its invocation.
    wait(made)
    return [one.result() for one in made]
