"""Brings every lead to a terminal state: woken per campaign by its queue, and by the clock."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.audiences import S3Audiences
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.objects import S3Objects
from carillon.adapters.providers.registry import Providers
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.law_pack import shipped_pack
from carillon.domain.organisation import OrganisationPolicy
from carillon.edge.batches import PartialBatchResponse, handle_each
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.ports import MessageProvider, Queue
from carillon.usecases.readiness import rules_of
from carillon.usecases.reconcile_campaign import (
    ReconcilingWorld,
    reconcile_campaign,
    take_turn,
    unsettled_campaigns,
)
from carillon.usecases.record_receipt import replay_parked

# What the last call to the provider and the writes after it may take.
_WIND_UP_S = 30.0


@dataclass(frozen=True)
class Composition:
    """The reconciler's world, made anew for each run with the policy of the day, and its queue."""

    world: Callable[[], ReconcilingWorld]
    queue: Queue


@cache
def build() -> Composition:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.ReconcileMessages)
    clock = SystemClock()
    dynamodb = aws.client("dynamodb")
    sqs = aws.client("sqs")
    directory = DynamoDirectory(dynamodb, env.control_table)
    providers = Providers(Secrets(aws.client("secretsmanager"), clock.monotonic))

    def provider_of(sender_id: str) -> MessageProvider:
        return providers.of(directory.sender(sender_id))

    def world() -> ReconcilingWorld:
        policy = directory.policy()
        return replace(lasting, rules=rules_of(policy, shipped_pack(), lateness_limit))

    lateness_limit = timedelta(seconds=env.lateness_limit_s)
    lasting = ReconcilingWorld(
        directory=directory,
        leads=DynamoMessages(dynamodb, env.messages_table),
        audiences=S3Audiences(S3Objects(aws.client("s3"), env.files_bucket)),
        watches=directory,
        provider_of=provider_of,
        clock=clock,
        send_queue=SqsQueue(sqs, env.send_queue_url, correlation_id),
        recount_queue=SqsQueue(sqs, env.recount_queue_url, correlation_id),
        rules=rules_of(OrganisationPolicy(), shipped_pack(), lateness_limit),
        ambiguous_grace=timedelta(seconds=env.ambiguous_grace_s),
        poll_after=timedelta(seconds=env.first_poll_after_s),
        unsolicited_partition=schema.unsolicited_pk,
    )
    return Composition(world=world, queue=SqsQueue(sqs, env.reconcile_queue_url, correlation_id))


def lambda_handler(event: Mapping[str, Any], context: Any) -> PartialBatchResponse | None:
    """Reconcile the campaigns that messages name; on the clock, all that are not settled."""
    if "Records" in event:
        return handle_each(event, partial(_look_and_come_back, context=context), context)
    _sweep(context)
    return None


def _look_and_come_back(message: Mapping[str, Any], *, context: Any) -> None:
    made = build()
    world = made.world()
    campaign_id = message["campaign_id"]
    turn = from_iso(message["turn"]) if "turn" in message else None
    again_at = take_turn(campaign_id, turn, world, stop_at=_stop_at(world, context))
    if again_at is None:
        return
    wait_s = (again_at - world.clock.now()).total_seconds()
    made.queue.put(
        {"campaign_id": campaign_id, "turn": to_iso(again_at)}, delay_s=max(1, math.ceil(wait_s))
    )


def _sweep(context: Any) -> None:
    world = build().world()
    replayed = replay_parked(world.leads)
    stop_at = _stop_at(world, context)
    campaigns = list(unsettled_campaigns(world.directory))
    # Each gets its share of what is left, and none is always the last.
    random.shuffle(campaigns)
    for waiting, campaign_id in zip(range(len(campaigns), 0, -1), campaigns, strict=True):
        now = world.clock.monotonic()
        if now >= stop_at:
            break
        try:
            reconcile_campaign(campaign_id, world, stop_at=now + (stop_at - now) / waiting)
        except Exception as error:  # noqa: BLE001 - one campaign must not hide the others
            logger.error(
                "reconcile_failed", campaign_id=campaign_id, error_type=type(error).__name__
            )
            metrics().add_metric(name="reconcile_failed", unit=MetricUnit.Count, value=1)
    logger.info("reconciled", campaigns=len(campaigns), receipts_replayed=replayed)
    metrics().flush_metrics()


def _stop_at(world: ReconcilingWorld, context: Any) -> float:
    left_s: float = context.get_remaining_time_in_millis() / 1000
    return world.clock.monotonic() + left_s - _WIND_UP_S
