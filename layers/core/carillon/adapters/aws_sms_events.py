"""
What AWS End User Messaging SMS tells us, as the messages of our own queues.

The service publishes to a topic of the deployer's own account: receipts from the event
destination of a configuration set, and what people write from a number's two-way channel.
Only that service may publish there and only that topic may reach our queue (template.yaml),
so nothing here is signed. An event names its message by our key in ``context``, a two-way
message only the number that it was sent to: its sender is looked up here.

https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html
https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from carillon.adapters.providers.aws import (
    NAME,
    REF_KEY,
    SELF_MANAGED_KEY,
    AwsSmsSettings,
    is_about_a_message,
)
from carillon.domain.campaign import Sender
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import NotFound

_KEPT_FOR_S = 60.0


class EventKind(StrEnum):
    """Whose business an event is."""

    RECEIPT = "receipt"  # process_receipts
    INBOUND = "inbound"  # process_inbound
    OTHER = "other"  # calls, registrations: nobody's here


@dataclass(frozen=True)
class AwsEvent:
    """One event, out of whatever it was wrapped in, and when it was first published."""

    kind: EventKind
    content: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True)
class Inbox:
    """The sender that a number belongs to, and whether its opt-outs are ours to answer."""

    sender_id: str
    self_managed_opt_outs: bool


def event_in(record: Mapping[str, Any]) -> AwsEvent:
    """
    Return the event in an SQS *record*; ValueError or KeyError when there is none.

    The body is an SNS notification, its bare message (raw delivery) or an
    EventBridge event. The time is SNS's or EventBridge's own, which a message
    that is redriven from a dead-letter queue keeps; a bare one has only SQS's.
    """
    body = _object(record["body"])
    if body.get("Type") == "Notification" and "TopicArn" in body:
        content, received_at = _object(body["Message"]), from_iso(str(body["Timestamp"]))
    elif "detail-type" in body:
        content, received_at = _object(body["detail"]), from_iso(str(body["time"]))
    else:
        sent_ms = int(record["attributes"]["SentTimestamp"])
        content, received_at = body, datetime.fromtimestamp(sent_ms / 1000, UTC)
    return AwsEvent(_kind_of(content), content, received_at)


def _object(value: object) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError("an event must be a JSON object")
    return found


def _kind_of(content: Mapping[str, Any]) -> EventKind:
    if "inboundMessageId" in content:
        return EventKind.INBOUND
    return EventKind.RECEIPT if is_about_a_message(content) else EventKind.OTHER


def receipt_envelope(event: AwsEvent) -> dict[str, Any]:
    """Return what process_receipts takes; the event names its message, not its sender."""
    context = event.content.get("context")
    ref = context.get(REF_KEY, "") if isinstance(context, Mapping) else ""
    return {**_envelope(event, event.content), "sender_id": "", "ref": str(ref)}


def inbound_envelope(event: AwsEvent, inbox: Inbox) -> dict[str, Any]:
    """Return what process_inbound takes."""
    payload = {**event.content, SELF_MANAGED_KEY: inbox.self_managed_opt_outs}
    return {**_envelope(event, payload), "sender_id": inbox.sender_id, "ref": ""}


def _envelope(event: AwsEvent, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "provider": NAME,
        "received_at": to_iso(event.received_at),
        "payload": dict(payload),
    }


class SenderList(Protocol):
    """Where the senders stand."""

    def senders(self) -> Iterator[Sender]:
        """Yield every sender."""
        ...


class SecretReader(Protocol):
    """Where their settings stand."""

    def read(self, name: str) -> Mapping[str, str]:
        """Return the secret's JSON object; raises NotFound."""
        ...


class Inboxes:
    """Finds the sender of a number; the list of senders is read once a minute."""

    def __init__(
        self, directory: SenderList, secrets: SecretReader, monotonic: Callable[[], float]
    ) -> None:
        self._directory = directory
        self._secrets = secrets
        self._monotonic = monotonic
        self._kept: tuple[Sender, ...] = ()
        self._read_at: float | None = None

    def of(self, number: str) -> Inbox:
        """Return whose *number* it is; raises NotFound (``inbox_not_found``)."""
        senders, wanted = self._senders(), _bare(number)
        sender = _best(one for one in senders if _bare(one.phone) == wanted) or _best(
            one for one in senders if wanted in map(_bare, self._pool_of(one))
        )
        if sender is None:
            raise NotFound("No sender has this number.", code="inbox_not_found")
        settings = self._settings_of(sender)
        return Inbox(sender.id, settings is not None and settings.self_managed_opt_outs)

    def _senders(self) -> tuple[Sender, ...]:
        now = self._monotonic()
        if self._read_at is None or now - self._read_at >= _KEPT_FOR_S:
            self._kept = tuple(one for one in self._directory.senders() if one.provider == NAME)
            self._read_at = now
        return self._kept

    def _pool_of(self, sender: Sender) -> tuple[str, ...]:
        settings = self._settings_of(sender)
        return settings.numbers if settings else ()

    def _settings_of(self, sender: Sender) -> AwsSmsSettings | None:
        # A sender whose secret is missing or broken cannot send, and says so there; what
        # people write to it, an opt-out perhaps, must not wait for that.
        try:
            return AwsSmsSettings.from_secret(self._secrets.read(sender.credentials_secret))
        except (NotFound, KeyError, ValueError, TypeError, AttributeError):
            return None


def _bare(number: str) -> str:
    """Return *number* as short codes are written: without a plus sign."""
    return number.removeprefix("+")


def _best(senders: Iterable[Sender]) -> Sender | None:
    """Of several with one number the active one counts, then the newest."""
    return max(senders, key=lambda one: (one.status == "active", one.created_at), default=None)
