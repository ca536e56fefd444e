"""Endpoints of other systems in one process: fakes, builders, and a receiver that checks."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from carillon.domain.errors import Conflict, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.media import MediaRefused, Problem
from carillon.domain.outbound_events import EventType, OutboundEvent
from carillon.domain.webhooks import Delivery, DeliveryStatus, Webhook
from carillon.usecases.deliver_webhooks import DeliveringWorld
from tests.support.clock import NOON, FakeClock
from tests.support.management import OFFICE
from tests.support.sending import FakeQueue

# Of the specification's own example.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()


def a_webhook(webhook_id: str = "whk_a", **changes: Any) -> Webhook:
    """Return an endpoint of one office that wants to hear of everything."""
    defaults: dict[str, Any] = {
        "id": webhook_id,
        "url": "https://example.com/hook",
        "event_types": tuple(EventType),
        "office_id": OFFICE,
        "include_phone": False,
        "secret": SECRET,
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return Webhook(**{**defaults, **changes})


def an_event(event_id: str = "evt_a", **changes: Any) -> OutboundEvent:
    """Return that a message of the office was delivered at noon."""
    defaults: dict[str, Any] = {
        "id": event_id,
        "type": EventType.MESSAGE_DELIVERED,
        "at": NOON,
        "office_id": OFFICE,
        "data": {"campaign_id": "cmp_a"},
        "phone": "+12025550100",
    }
    return OutboundEvent(**{**defaults, **changes})


def signatures_hold(
    headers: Mapping[str, str], body: bytes, *secrets: str, at: datetime = NOON
) -> bool:
    """Check a delivery as a receiver does, by the specification: every signature, in order."""
    content = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body]
    )
    expected = []
    for secret in secrets:
        key = base64.b64decode(secret.partition("_")[2])
        digest = hmac.new(key, content, hashlib.sha256).digest()
        expected.append("v1," + base64.b64encode(digest).decode())
    is_now = headers["webhook-timestamp"] == str(int(at.timestamp()))
    return is_now and headers["webhook-signature"].split(" ") == expected


class FakeWebhookBook:
    """Implements ``ports.WebhookBook``."""

    def __init__(self, *webhooks: Webhook) -> None:
        self.kept = {one.id: one for one in webhooks}
        self._digests: dict[str, str] = {}
        self.reads = 0

    def create(self, new: Webhook, digest: str) -> Webhook:
        if self._digests.setdefault(new.id, digest) != digest:
            raise Conflict("Another request.", code="idempotency_key_reused")
        return self.kept.setdefault(new.id, new)

    def get(self, webhook_id: str) -> Webhook:
        if webhook_id not in self.kept:
            raise NotFound("There is no such webhook.", code="webhook_not_found")
        return self.kept[webhook_id]

    def page(self) -> list[Webhook]:
        self.reads += 1
        return sorted(self.kept.values(), key=lambda one: one.created_at, reverse=True)

    def change(self, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
        self.kept[webhook_id] = replace(self.get(webhook_id), **changes)
        return self.kept[webhook_id]

    def delete(self, webhook_id: str) -> None:
        self.kept.pop(webhook_id, None)


class FakeDeliveryLog:
    """Implements ``ports.DeliveryLog``; a position is an event's id."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Delivery] = {}

    def known(self, deliveries: Sequence[Delivery]) -> set[str]:
        return {one.event_id for one in deliveries if _key(one) in self.kept}

    def keep(self, delivery: Delivery) -> None:
        self.kept[_key(delivery)] = delivery

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        waiting = [one for one in self.kept.values() if one.next_at and one.next_at <= now]
        return sorted(waiting, key=lambda one: str(one.next_at))[:limit]

    def claim(self, delivery: Delivery, until: datetime) -> Delivery | None:
        standing = self.kept.get(_key(delivery))
        if standing is None or standing.status is not DeliveryStatus.PENDING:
            return None
        if standing.next_at != delivery.next_at:
            return None
        self.kept[_key(delivery)] = replace(standing, next_at=until)
        return self.kept[_key(delivery)]

    def page(self, webhook_id: str, limit: int, after: Position | None) -> Listing[Delivery]:
        found = sorted(
            (one for one in self.kept.values() if one.webhook_id == webhook_id),
            key=lambda one: (one.at, one.event_id),
            reverse=True,
        )
        if after is not None:
            found = [one for one in found if one.event_id < after["before"]]
        shown = tuple(found[:limit])
        return Listing(shown, {"before": shown[-1].event_id} if len(found) > limit else None)


def _key(delivery: Delivery) -> tuple[str, str]:
    return delivery.webhook_id, delivery.event_id


@dataclass
class FakeReceiver:
    """Implements ``ports.WebhookCaller``: another system, answering *answers* and then 204."""

    clock: FakeClock
    answers: list[int | Problem] = field(default_factory=list)
    always: int | Problem = 204
    got: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.got.append((url, body, headers))
        answer = self.answers.pop(0) if self.answers else self.always
        if isinstance(answer, Problem):
            raise MediaRefused(answer)
        return answer


@dataclass
class WebhookWorld:
    """One endpoint, its receiver, and the queue between."""

    webhook: Webhook = field(default_factory=a_webhook)
    clock: FakeClock = field(default_factory=FakeClock)
    log: FakeDeliveryLog = field(default_factory=FakeDeliveryLog)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.book = FakeWebhookBook(self.webhook)
        self.receiver = FakeReceiver(self.clock)
        self.world = DeliveringWorld(
            book=self.book, log=self.log, caller=self.receiver, queue=self.queue, clock=self.clock
        )

    @property
    def standing(self) -> Webhook:
        """The endpoint as it stands."""
        return self.book.kept[self.webhook.id]

    def delivery(self, event_id: str = "evt_a") -> Delivery:
        """The delivery of an event as it stands."""
        return self.log.kept[self.webhook.id, event_id]
