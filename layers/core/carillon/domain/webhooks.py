"""
Endpoints of other systems, and what is delivered to them (T11; Standard Webhooks 1.0).

    pending -> delivered        a 2xx answer
            \\-> failed          tried for three days in vain, told to stop (410), or disabled

A delivery is made at least once: its ``webhook-id`` is the same each time, by which a receiver
knows a repetition. An endpoint that fails for ``FAILING_FOR`` without a success is disabled.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from carillon.domain.clock import from_iso, to_iso
from carillon.domain.outbound_events import TEST, OutboundEvent

MAX_ENDPOINTS = 50
SECRET_PREFIX = "whsec_"  # noqa: S105  # what every secret begins with
_SECRET_BYTES = 32
# For how long what was signed with the old secret as well may still be checked by it.
OLD_SECRET_LIFE = timedelta(hours=24)
FAILING_FOR = timedelta(days=5)
LOG_LIFE = timedelta(days=7)
# After each attempt in vain; the schedule that Standard Webhooks recommends, to the minute.
RETRY_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# Who did not answer is left alone so long: their messages must not hold up others'.
RESTS_FOR = timedelta(minutes=1)
GONE = 410
_TOO_MANY, _SERVER_ERRORS = 429, 500


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """
    An endpoint: which events go there, of one office or with None of all.

    ``disabled`` says why nothing goes there: ``by_hand``, ``gone`` (410) or ``failing``.
    """

    id: str
    url: str
    event_types: tuple[str, ...]
    office_id: str | None
    include_phone: bool
    secret: str
    created_at: datetime
    created_by: str
    description: str = ""
    old_secret: str | None = None
    old_secret_until: datetime | None = None
    disabled: str | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    resting_until: datetime | None = None

    def wants(self, event: OutboundEvent) -> bool:
        """Whether *event* goes there."""
        of_theirs = self.office_id is None or self.office_id == event.office_id
        return self.disabled is None and of_theirs and event.type in self.event_types

    def told(self, event: OutboundEvent) -> OutboundEvent:
        """Return *event* as it goes there."""
        return event if self.include_phone else event.without_phone()

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return what a delivery is signed with: after a rotation for a day with both."""
        is_old_good = self.old_secret_until is not None and now < self.old_secret_until
        return (self.secret, self.old_secret) if self.old_secret and is_old_good else (self.secret,)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint; ``body`` is what is posted, kept while pending."""

    webhook_id: str
    event_id: str
    type: str
    at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    body: str | None = None
    attempts: int = 0
    next_at: datetime | None = None
    last_attempt_at: datetime | None = None
    response_status: int | None = None
    error: str | None = None


def new_secret() -> str:
    """Return a fresh secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def new_delivery(webhook_id: str, event: OutboundEvent) -> Delivery:
    """Return the delivery of *event*, before its first attempt."""
    body = json.dumps(event.payload(), separators=(",", ":"), ensure_ascii=False)
    return Delivery(
        webhook_id=webhook_id, event_id=event.id, type=event.type, at=event.at, body=body
    )


def as_message(delivery: Delivery) -> dict[str, Any]:
    """Return a new delivery as it travels in a queue."""
    return {
        "id": delivery.event_id,
        "type": delivery.type,
        "at": to_iso(delivery.at),
        "body": delivery.body,
    }


def of_message(webhook_id: str, message: Mapping[str, Any]) -> Delivery:
    """Return what ``as_message`` wrote."""
    return Delivery(
        webhook_id=webhook_id,
        event_id=message["id"],
        type=message["type"],
        at=from_iso(message["at"]),
        body=message["body"],
    )


def signed_headers(event_id: str, body: str, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """
    Return the three headers of a delivery at *now*, with a signature for each of *keys*.

    HMAC-SHA256 over ``id.timestamp.body``, base64, each behind ``v1,`` (Standard Webhooks).
    """
    timestamp = str(int(now.timestamp()))
    content = f"{event_id}.{timestamp}.{body}".encode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(secret: str, content: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook's secret is base64 behind its prefix") from error
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def is_delivered(status: int) -> bool:
    """Whether an answer with *status* takes the delivery."""
    return 200 <= status < 300  # the class of success


def calls_for_rest(status: int | None) -> bool:
    """Whether who answered so, or (None) not at all, should be left alone for a while."""
    return status is None or status == _TOO_MANY or status >= _SERVER_ERRORS


def delivered(delivery: Delivery, status: int, now: datetime) -> Delivery:
    """Return *delivery* once it was taken."""
    return replace(
        delivery,
        status=DeliveryStatus.DELIVERED,
        body=None,
        attempts=delivery.attempts + 1,
        next_at=None,
        last_attempt_at=now,
        response_status=status,
        error=None,
    )


def in_vain(delivery: Delivery, status: int | None, error: str, now: datetime) -> Delivery:
    """Return *delivery* after an attempt in vain: waiting for its next one, or failed."""
    attempts = delivery.attempts + 1
    tried = replace(
        delivery,
        attempts=attempts,
        last_attempt_at=now,
        response_status=status,
        error=error,
    )
    if attempts > len(RETRY_AFTER):
        return failed(tried, error)
    return replace(tried, next_at=now + _spread(RETRY_AFTER[attempts - 1], delivery.event_id))


def postponed(delivery: Delivery, until: datetime) -> Delivery:
    """Return *delivery* waiting for its endpoint to rest; that is no attempt."""
    return replace(delivery, next_at=until + _spread(RESTS_FOR, delivery.event_id))


def failed(delivery: Delivery, error: str) -> Delivery:
    """Return *delivery* given up."""
    return replace(delivery, status=DeliveryStatus.FAILED, body=None, next_at=None, error=error)


def _spread(wait: timedelta, name: str) -> timedelta:
    """Return *wait* and up to a tenth more, by *name*: a thousand must not come at once."""
    share = hashlib.blake2b(name.encode(), digest_size=1).digest()[0]
    return wait + timedelta(seconds=int(wait.total_seconds() * share / 2560))


def a_test(event_id: str, office_id: str | None, now: datetime) -> OutboundEvent:
    """Return the event by which somebody sees whether deliveries arrive."""
    return OutboundEvent(id=event_id, type=TEST, at=now, office_id=office_id or "", data={})
