"""Inbound messages from the queue: opt-outs first, then the conversation, then an answer."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.audiences import S3Audiences
from carillon.adapters.callbacks import status_callback
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.holds import DynamoHolds
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects
from carillon.adapters.providers import modules
from carillon.adapters.providers.registry import Providers
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain import automatic_answers as answers
from carillon.domain.clock import from_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.message import CallbackRef, Reply
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.usecases.keep_conversation import Inbox
from carillon.usecases.process_reply import AnswerTexts, ReplyWorld, process_reply


@cache
def build() -> ReplyWorld:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.ProcessInbound)
    clock = SystemClock()
    dynamodb = aws.client("dynamodb")
    directory = DynamoDirectory(dynamodb, env.control_table)
    messages = DynamoMessages(dynamodb, env.messages_table)
    providers = Providers(Secrets(aws.client("secretsmanager"), clock.monotonic))

    def callback_url(sender_id: str, ref: CallbackRef) -> str:
        provider = directory.sender(sender_id).provider
        return status_callback(env.webhook_base_url, provider, sender_id, ref)

    return ReplyWorld(
        directory=directory,
        conversations=messages,
        leads=messages,
        suppressions=DynamoSuppressions(
            dynamodb, env.suppressions_table, env.consent_table, clock.now
        ),
        holds=DynamoHolds(dynamodb, env.suppressions_table),
        inbox=Inbox(
            book=DynamoConversations(dynamodb, env.conversations_table),
            audiences=S3Audiences(S3Objects(aws.client("s3"), env.files_bucket)),
            directory=directory,
            clock=clock,
            assistant=SqsQueue(aws.client("sqs"), env.assistant_queue_url, correlation_id),
        ),
        provider_of=providers.of,
        texts=AnswerTexts(
            opt_out=answers.opt_out_confirmation(env.organisation_name),
            opt_in=answers.opt_in_confirmation(env.organisation_name),
            help=answers.help_text(env.organisation_name, env.help_contact),
        ),
        clock=clock,
        new_claim_id=partial(secrets.token_hex, 8),
        callback_url=callback_url,
        unsolicited_partition=schema.unsolicited_pk,
        ambiguous_grace=timedelta(seconds=env.ambiguous_grace_s),
        opt_out_words=lambda: directory.policy().opt_out_words,
        media=SqsQueue(aws.client("sqs"), env.media_queue_url, correlation_id),
    )


@cache
def inbound_queue() -> SqsQueue:
    """Return the queue that this function works off, once per process."""
    env = settings.from_env(settings.ProcessInbound)
    return SqsQueue(aws.client("sqs"), env.inbound_queue_url, correlation_id)


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse:
    """Take in each message of the batch; one that must be tried again goes back alone."""
    # A confirmation is due within five minutes (O2), which two turns of the queue's own
    # visibility would miss.
    response = handle_each(event, _take_in, context, come_back=inbound_queue().come_back)
    metrics().flush_metrics()
    return response


def _take_in(message: Mapping[str, Any]) -> None:
    try:
        replies = _replies_of(message)
    except InvalidInput as error:
        logger.warning("inbound_unreadable", code=error.code)
        _count("inbound_unreadable")
        return
    # An opt-out must not wait for what stands before it in the same call.
    errors = [error for error in map(_processed, replies) if error is not None]
    if errors:
        raise errors[0]


def _replies_of(message: Mapping[str, Any]) -> list[Reply]:
    module = modules.of(message.get("provider", "twilio"))
    # "params": as an earlier version of ours, deployed a moment ago, enqueued Twilio's forms.
    payload = message["payload"] if "payload" in message else message["params"]
    return module.replies(payload, message["sender_id"], from_iso(message["received_at"]))


def _processed(reply: Reply) -> Exception | None:
    """Take *reply* in; return what kept it from being done."""
    try:
        _count(f"inbound_{process_reply(reply, build())}")
    except Exception as error:  # noqa: BLE001 - raised again once the others are done
        return error
    return None


def _count(name: str) -> None:
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=1)
