"""Files of inbound messages from the queue, one a message: fetched safely, kept, noted."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.dynamodb.attachments import DynamoAttachments
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.media import ProviderMedia, SafeFetcher
from carillon.adapters.objects import S3Objects
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.message import RowRef
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.usecases.keep_media import KeepingWorld, keep_media


@cache
def build() -> KeepingWorld:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.FetchMedia)
    clock = SystemClock()
    dynamodb = aws.client("dynamodb")
    secrets = Secrets(aws.client("secretsmanager"), clock.monotonic)
    return KeepingWorld(
        attachments=DynamoAttachments(dynamodb, env.messages_table),
        directory=DynamoDirectory(dynamodb, env.control_table),
        source=ProviderMedia(secrets, SafeFetcher()),
        files=S3Objects(aws.client("s3"), env.files_bucket),
        clock=clock,
    )


@cache
def media_queue() -> SqsQueue:
    """Return the queue that this function works off, once per process."""
    env = settings.from_env(settings.FetchMedia)
    return SqsQueue(aws.client("sqs"), env.media_queue_url, correlation_id)


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse:
    """Keep each file of the batch; one that is not there yet goes back alone, for as long."""
    response = handle_each(event, _keep, context, come_back=media_queue().come_back)
    metrics().flush_metrics()
    return response


def _keep(message: Mapping[str, Any]) -> None:
    item = keep_media(RowRef(message["pk"], message["sk"]), int(message["index"]), build())
    name = "media_kept" if item.is_kept else "media_refused"
    if not item.is_kept:
        logger.info(name, problem=item.problem)
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=1)
