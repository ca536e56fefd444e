"""
SQS batches: parse the envelope, run, and report exactly the messages that failed.

A message that raises goes back to the queue alone and, after the queue's last
try, to its dead-letter queue; the others are done.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from carillon.domain.errors import InvalidInput, Throttled
from carillon.edge.logs import logger

# Of the queues whose messages are given up; the template has it as maxReceiveCount.
MOST_TRIES = 5

PartialBatchResponse = dict[str, list[dict[str, str]]]


class GivenUp(Exception):
    """The message goes to the dead-letter queue, where the alarm sees it."""


@dataclass(frozen=True)
class GiveUp:
    """
    What to do with a message that was tried *after* times, instead of trying once more.

    A message that *fails* all the same goes on to its dead-letter queue.
    """

    after: int
    handle: Callable[[dict[str, Any]], None]
    fails: bool = False


def message_of(body: str) -> dict[str, Any]:
    """Return the JSON object in *body*; ValueError when it is something else."""
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a queue message must be a JSON object")
    return message


def handle_each(
    event: Mapping[str, Any],
    handle: Callable[[dict[str, Any]], None],
    context: Any,
    *,
    come_back: Callable[[str, float], None] | None = None,
    give_up: GiveUp | None = None,
) -> PartialBatchResponse:
    """
    Call *handle* with each message, under its own correlation id; return those that failed.

    *come_back* is told (receipt handle, seconds) when a message raised
    Throttled, to have it again then and not after the queue's own visibility. *give_up* takes
    *handle*'s place for a message that has been tried often enough: it notes that nobody goes
    on, which a last try that is killed could not.
    """
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

    def handle_record(record: SQSRecord) -> None:
        message = message_of(record.body)
        logger.set_correlation_id(message.get("correlation_id") or record.message_id)
        try:
            if give_up is not None and _tries(record) > give_up.after:
                logger.warning("message_given_up", tries=give_up.after)
                give_up.handle(message)
                if give_up.fails:
                    raise GivenUp  # noqa: TRY301 - it is told like any other failure
            else:
                handle(message)
        except Throttled as error:
            logger.info("message_deferred", code=error.code, after_s=error.retry_after_s)
            if come_back is not None:
                come_back(record.receipt_handle, error.retry_after_s)
            raise
        except InvalidInput as error:
            # Ours alone: a name for what is wrong and where, never what stands there.
            logger.error(
                "message_failed",
                error_type=type(error).__name__,
                code=error.code,
                field=error.field,
            )
            raise
        except Exception as error:
            # The type says enough: a message text could quote what must not be logged.
            logger.error("message_failed", error_type=type(error).__name__)
            raise

    with processor(records=list(event["Records"]), handler=handle_record, lambda_context=context):
        processor.process()
    return processor.response()  # type: ignore[return-value]  # Powertools' TypedDict has the same shape


def _tries(record: SQSRecord) -> int:
    """Return how often the queue has given the message out, this time included."""
    return int(record.raw_event.get("attributes", {}).get("ApproximateReceiveCount", 1))
