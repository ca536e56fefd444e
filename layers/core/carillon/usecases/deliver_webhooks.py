"""
Bring events to other systems' endpoints, at least once, for three days (T11).

    new ones     known already? else post, then keep what came of it
    again        claim the attempt, post, then keep what came of it

A crash between post and keep posts once more, under the same ``webhook-id``. Whoever does not
answer rests for a minute, in which nothing is posted there, so that their queue is not
everybody's; whoever says 410 is disabled, and so is who fails for five days.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.errors import NotFound
from carillon.domain.media import MediaRefused
from carillon.domain.webhooks import (
    FAILING_FOR,
    GONE,
    RESTS_FOR,
    Delivery,
    DeliveryStatus,
    Webhook,
    calls_for_rest,
    delivered,
    failed,
    in_vain,
    is_delivered,
    postponed,
    signed_headers,
)
from carillon.ports import Clock, DeliveryLog, Queue, WebhookBook, WebhookCaller

# Longer than a function may run: whoever has claimed an attempt makes it within.
CLAIMED_FOR = timedelta(minutes=5)
DUE_A_SWEEP = 2000
_DUE_A_MESSAGE = 10


@dataclass(frozen=True, kw_only=True)
class DeliveringWorld:
    """What a delivery needs."""

    book: WebhookBook
    log: DeliveryLog
    caller: WebhookCaller
    queue: Queue
    clock: Clock


@dataclass
class DeliveryReport:
    """What came of some deliveries; *disabled* says why their endpoint was disabled, if so."""

    delivered: int = 0
    waiting: int = 0
    failed: int = 0
    disabled: str | None = None


def deliver_new(
    world: DeliveringWorld, webhook_id: str, deliveries: Sequence[Delivery]
) -> DeliveryReport:
    """Make the first attempt at each of *deliveries* that is not kept already."""
    known = world.log.known(deliveries)
    return _Endpoint.of(world, webhook_id).deliver(
        one for one in deliveries if one.event_id not in known
    )


def deliver_again(
    world: DeliveringWorld, webhook_id: str, deliveries: Sequence[Delivery]
) -> DeliveryReport:
    """Make the next attempt at each of *deliveries* (their bodies are not needed)."""
    until = world.clock.now() + CLAIMED_FOR
    claimed = (world.log.claim(one, until) for one in deliveries)
    return _Endpoint.of(world, webhook_id).deliver(one for one in claimed if one is not None)


def queue_due(world: DeliveringWorld) -> int:
    """Queue what is to be tried again now; return how many. Doing it twice tries once."""
    due = world.log.due(world.clock.now(), DUE_A_SWEEP)
    by_webhook: dict[str, list[Delivery]] = {}
    for one in due:
        by_webhook.setdefault(one.webhook_id, []).append(one)
    for webhook_id, found in by_webhook.items():
        for start in range(0, len(found), _DUE_A_MESSAGE):
            again = [_reference(one) for one in found[start : start + _DUE_A_MESSAGE]]
            world.queue.put({"webhook_id": webhook_id, "again": again})
    return len(due)


def _reference(one: Delivery) -> dict[str, str]:
    next_at = one.next_at or one.at
    return {
        "id": one.event_id,
        "type": one.type,
        "at": one.at.isoformat(),
        "next_at": next_at.isoformat(),
    }


def of_reference(webhook_id: str, told: dict[str, str]) -> Delivery:
    """Return the delivery that ``queue_due`` named: what is needed to claim it."""
    return Delivery(
        webhook_id=webhook_id,
        event_id=told["id"],
        type=told["type"],
        at=datetime.fromisoformat(told["at"]),
        next_at=datetime.fromisoformat(told["next_at"]),
    )


@dataclass
class _Endpoint:
    """One endpoint as this run knows it; None when it was deleted."""

    world: DeliveringWorld
    webhook: Webhook | None
    report: DeliveryReport = field(default_factory=DeliveryReport)

    @classmethod
    def of(cls, world: DeliveringWorld, webhook_id: str) -> "_Endpoint":
        """Return the endpoint as it stands."""
        try:
            return cls(world, world.book.get(webhook_id))
        except NotFound:
            return cls(world, None)

    def deliver(self, deliveries: Iterable[Delivery]) -> DeliveryReport:
        """Make an attempt at each of *deliveries* and keep what came of it."""
        for one in deliveries:
            after = self._after(one)
            self.world.log.keep(after)
            self.report.delivered += after.status is DeliveryStatus.DELIVERED
            self.report.failed += after.status is DeliveryStatus.FAILED
            self.report.waiting += after.status is DeliveryStatus.PENDING
        return self.report

    def _after(self, one: Delivery) -> Delivery:
        webhook, now = self.webhook, self.world.clock.now()
        if webhook is None:
            return failed(one, "webhook_deleted")
        if webhook.disabled is not None:
            return failed(one, "webhook_disabled")
        if webhook.resting_until is not None and now < webhook.resting_until:
            return postponed(one, webhook.resting_until)
        return self._posted(webhook, one)

    def _posted(self, webhook: Webhook, one: Delivery) -> Delivery:
        body = one.body or ""
        keys = webhook.secrets_at(self.world.clock.now())
        headers = signed_headers(one.event_id, body, keys, self.world.clock.now())
        status: int | None = None
        error = "refused"
        try:
            status = self.world.caller.post(webhook.url, body.encode(), headers)
        except MediaRefused as refused:
            error = refused.code
        now = self.world.clock.now()
        if status is not None and is_delivered(status):
            self._note_working(webhook)
            return delivered(one, status, now)
        if status == GONE:
            self._disable(webhook, "gone", now)
            return failed(in_vain(one, status, "gone", now), "gone")
        self._note_failing(webhook, status, now)
        return in_vain(one, status, error, now)

    def _note_working(self, webhook: Webhook) -> None:
        # A write only when there is something to take back.
        if webhook.failing_since is not None or webhook.resting_until is not None:
            self._change(webhook, {"failing_since": None, "resting_until": None})

    def _note_failing(self, webhook: Webhook, status: int | None, now: datetime) -> None:
        since = webhook.failing_since or now
        if now - since >= FAILING_FOR:
            self._disable(webhook, "failing", now)
            return
        changes: dict[str, Any] = {"failing_since": since} if webhook.failing_since is None else {}
        if calls_for_rest(status):
            changes["resting_until"] = now + RESTS_FOR
        if changes:
            self._change(webhook, changes)

    def _disable(self, webhook: Webhook, why: str, now: datetime) -> None:
        self.report.disabled = why
        self._change(webhook, {"disabled": why, "disabled_at": now})

    def _change(self, webhook: Webhook, changes: dict[str, Any]) -> None:
        try:
            self.webhook = self.world.book.change(webhook.id, changes)
        except NotFound:
            self.webhook = None
