"""The pacer: woken by the send queue for one sender, and by the clock for all of them."""

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.audiences import S3Audiences
from carillon.adapters.callbacks import status_callback
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control import DynamoDirectory, DynamoGate
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.figures import DynamoFigures
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.limits import DynamoBudgets, DynamoContactCaps
from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects, media_address
from carillon.adapters.providers.registry import Providers
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.adapters.templates import compile_template
from carillon.domain.ids import lead_key
from carillon.domain.law_pack import shipped_pack
from carillon.domain.message import LeadRow, RowRef
from carillon.domain.pacing import MOST_WORKERS, ErrorLimit, workers_for
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.ports import Clock, ConversationBook, Outbox, Queue, SendingDirectory
from carillon.usecases.pace_sender import PaceReport, PacingWorld, pace_sender, wake_idle_senders
from carillon.usecases.readiness import rules_of
from carillon.usecases.resolve_ambiguous import Resolution, resolve_answer
from carillon.usecases.send_lead import SendingWorld, send_lead
from carillon.usecases.speak_for_assistant import queue_forgotten
from carillon.usecases.walk_outbox import Answering
from carillon.usecases.walk_parts import Walking

# What a pacer needs before Lambda stops it: the oldest claim may call for 10 s more, a call
# lasts at most 13 s, then come the writes and the hand-over.
_HAND_OVER_S = 35.0


@dataclass(frozen=True)
class Composition:
    """What the handler needs: whom to wake, the queue, and a world for one sender."""

    directory: SendingDirectory
    outbox: Outbox
    book: ConversationBook
    send_queue: Queue
    world_of: Callable[[str], PacingWorld]


@cache
def build() -> Composition:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.SendMessages)
    clock = SystemClock()
    dynamodb = aws.sending_dynamodb()
    sqs = aws.client("sqs")
    directory = DynamoDirectory(dynamodb, env.control_table)
    messages = DynamoMessages(dynamodb, env.messages_table)
    send_queue = SqsQueue(sqs, env.send_queue_url, correlation_id)
    files = S3Objects(aws.client("s3"), env.files_bucket)
    audiences = S3Audiences(files)
    providers = Providers(
        Secrets(aws.client("secretsmanager"), clock.monotonic), connections=MOST_WORKERS
    )
    outbox = DynamoOutbox(
        dynamodb,
        control_table=env.control_table,
        messages_table=env.messages_table,
        on_unreadable=partial(_log_broken, "answer_broken"),
    )
    book = DynamoConversations(dynamodb, env.conversations_table)
    # Threads and connections are made as they are needed: a slow sender has few.
    executor = ThreadPoolExecutor(MOST_WORKERS)

    def world_of(sender_id: str) -> PacingWorld:
        sender = directory.sender(sender_id)
        provider = providers.of(sender)

        def resolve(ref: RowRef, row: LeadRow) -> Resolution:
            key = lead_key(row.phone)
            campaigns = [run.lead_ref(key).pk for run in directory.runs(sender_id) if run.parts]
            return resolve_answer(
                ref,
                row,
                sender_phone=sender.phone,
                partitions=[schema.unsolicited_pk(sender_id, key), *campaigns],
                now=clock.now(),
                leads=messages,
                provider=provider,
            )

        sending = SendingWorld(
            leads=messages,
            gate=DynamoGate(
                dynamodb,
                control_table=env.control_table,
                suppressions_table=env.suppressions_table,
                messages_table=env.messages_table,
                conversations_table=env.conversations_table,
            ),
            provider=provider,
            suppressions=DynamoSuppressions(
                dynamodb, env.suppressions_table, env.consent_table, clock.now
            ),
            caps=DynamoContactCaps(dynamodb, env.suppressions_table),
            clock=clock,
            new_claim_id=partial(secrets.token_hex, 8),
            callback_url=partial(status_callback, env.webhook_base_url, sender.provider),
            jitter=secrets.SystemRandom().random,
            media_url=partial(media_address, files, sender.provider),
        )
        policy = directory.policy()
        return PacingWorld(
            leases=directory,
            directory=directory,
            walking=Walking(
                leads=messages,
                audiences=audiences,
                watches=directory,
                directory=directory,
                rules=rules_of(policy, shipped_pack(), timedelta(seconds=env.lateness_limit_s)),
                now=clock.now,
            ),
            answering=Answering(
                outbox=outbox,
                conversations=messages,
                book=book,
                on_error=partial(_log_broken, "answer_broken"),
                resolve=resolve,
                grace=timedelta(seconds=env.ambiguous_grace_s),
                poll_after=timedelta(seconds=env.first_poll_after_s),
                now=clock.now,
            ),
            budgets=DynamoBudgets(dynamodb, env.control_table),
            receipts_of=DynamoFigures(dynamodb, env.counters_table).receipts_of,
            error_limit=ErrorLimit(percent=policy.error_rate_percent),
            send_queue=send_queue,
            reconcile_queue=SqsQueue(sqs, env.reconcile_queue_url, correlation_id),
            clock=clock,
            compile_body=lambda body: compile_template(body).render,
            send=lambda assignment, lease: send_lead(assignment, lease, sending),
            executor=executor,
            workers=workers_for(sender.mps),
            on_error=partial(_log_broken, "send_broken"),
            link_base_url=env.link_base_url,
        )

    return Composition(
        directory=directory, outbox=outbox, book=book, send_queue=send_queue, world_of=world_of
    )


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse | None:
    """Pace the sender that a message names; on the clock, wake all that have something to send."""
    if "Records" not in event:
        _look_after(build(), SystemClock())
        return None
    return handle_each(event, partial(_pace, context=context), context)


def _look_after(made: Composition, clock: Clock) -> None:
    # First: what goes wrong with a promise must not keep a campaign waiting.
    woken = wake_idle_senders(made.directory, made.outbox, made.send_queue, clock.now())
    queued = queue_forgotten(
        book=made.book,
        outbox=made.outbox,
        send_queue=made.send_queue,
        clock=clock,
        on_error=partial(_log_broken, "answer_broken"),
    )
    logger.info("senders_woken", count=woken, replies_queued=queued)
    metrics().add_metric(name="replies_found_forgotten", unit=MetricUnit.Count, value=queued)
    metrics().flush_metrics()


def _pace(message: Mapping[str, Any], *, context: Any) -> None:
    clock = SystemClock()
    left_s = context.get_remaining_time_in_millis() / 1000
    sender_id = message["sender_id"]
    report = pace_sender(
        sender_id,
        owner=context.aws_request_id,
        stop_at=clock.monotonic() + left_s - _HAND_OVER_S,
        world=build().world_of(sender_id),
    )
    if report.ran:
        _publish(sender_id, report)


def _publish(sender_id: str, report: PaceReport) -> None:
    logger.info(
        "sender_paced",
        sender_id=sender_id,
        handed_over=report.handed_over,
        outcomes=report.outcomes,
        suspended=report.suspended,
        rests=report.rests,
        paused=report.paused,
    )
    for outcome, count in report.outcomes.items():
        metrics().add_metric(name=f"send_{outcome}", unit=MetricUnit.Count, value=count)
    events = [f"campaign_paused_{reason}" for reason in report.paused]
    events += ["sender_suspended"] * bool(report.suspended) + ["sender_rests"] * report.rests
    for event in events:
        metrics().add_metric(name=event, unit=MetricUnit.Count, value=1)
    metrics().flush_metrics()


def _log_broken(event: str, error: BaseException) -> None:
    logger.error(event, error_type=type(error).__name__)
    metrics().add_metric(name=event, unit=MetricUnit.Count, value=1)
