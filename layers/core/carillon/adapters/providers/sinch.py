"""
Sinch's SMS REST API (``/xms/v1``) and its webhooks.

https://developers.sinch.com/docs/sms/api-reference/sms/tag/Batches,
https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports and
https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks. One message is a batch
with one recipient, and the batch's id is the message's.

Secret: ``service_plan_id``, ``api_token``, ``region`` ("us" unless given), ``webhook_secret``
(Sinch sets it up for an account on request; without it every webhook is refused); while it is
rotated ``previous_webhook_secret``; ``base_url`` for tests.

Signature: HMAC-SHA256 over body, nonce and timestamp, joined by dots. It does not cover the
address. Our reference therefore travels in ``client_reference``, which comes back inside the
signed body; the ``ref`` of the address counts only where that is missing.

The log shows every batch with recipient and text, but cannot be searched by recipient: all
batches since then are read, up to ``_MOST_PAGES`` pages. Where there are more, or one to that
person is none we know and has another text or sender, it cannot tell (``log_unclear``).
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from carillon.adapters.providers.contract import (
    POSTED,
    READ_TIMEOUT_S,
    REPLAY_WINDOW_S,
    MediaAccess,
    Secret,
    WebhookAnswer,
    WebhookCall,
)
from carillon.adapters.providers.fields import (
    code_of,
    json_of,
    json_or_empty,
    reference_of,
    secrets_of,
    status_of,
    text_of,
    whole,
    with_plus,
)
from carillon.adapters.providers.rest import RestAccount, by_table
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import InvalidInput, Rejected
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Outgoing, ProviderRecord, Receipt, Reply
from carillon.domain.message import text_digest as digest_of
from carillon.domain.provider_codes import stored_code
from carillon.domain.provider_codes.sinch import CODES

NAME = "sinch"
ALGORITHM = "HmacSHA256"
_PAGE = 100
_MOST_PAGES = 10
# Sinch keeps trying for so long when it is told nothing, and never for longer.
_LONGEST_VALIDITY = timedelta(days=3)
_HEADER = "x-sinch-webhook-signature"

_STATUS = {
    "QUEUED": LeadStatus.SUBMITTED,  # taken, waiting for its turn
    "DISPATCHED": LeadStatus.SUBMITTED,  # the network has it
    "DELIVERED": LeadStatus.DELIVERED,  # the network confirms
    "ABORTED": LeadStatus.FAILED,  # given up before it reached the network
    "CANCELLED": LeadStatus.FAILED,  # called off
    "REJECTED": LeadStatus.FAILED,  # the network rejected it
    "DELETED": LeadStatus.FAILED,  # a remote network dropped it
    "FAILED": LeadStatus.FAILED,  # the network could not deliver
    "EXPIRED": LeadStatus.FAILED,  # too late for delivery
    "UNKNOWN": LeadStatus.SUBMITTED,  # the network has it, and nobody will know more
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SinchAccount:
    """Implements ``ports.MessageProvider`` over one service plan."""

    def __init__(
        self,
        secret: Secret,
        pool: urllib3.PoolManager,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        headers = {"Authorization": f"Bearer {secret['api_token']}"}
        self._rest = RestAccount(NAME, pool, headers, read_timeout_s=read_timeout_s)
        region = secret.get("region") or "us"
        base_url = secret.get("base_url") or f"https://{region}.sms.api.sinch.com"
        self._url = f"{base_url}/xms/v1/{secret['service_plan_id']}/batches"
        self._now = now

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        answer = self._rest.post(self._url, _request(message, self._now()))
        body = json_or_empty(answer.data)
        if answer.status >= 400:
            raise by_table(NAME, CODES, answer, _api_code(body), f"http_{answer.status}")
        provider_id = text_of(body, "id")
        if answer.status in (200, 201) and provider_id:
            return Accepted(provider_id=provider_id)
        raise self._rest.unnamed(answer)

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """Return the newest such message of Sinch's log, or None if it never took it."""
        batches = [
            batch
            for batch in self._batches(since)
            if _is_to(batch, recipient) and text_of(batch, "id") not in known_ids
        ]
        ours = [
            batch
            for batch in batches
            if digest_of(_text(batch)) == text_digest
            and with_plus(text_of(batch, "from")) == with_plus(sender)
        ]
        if ours:
            newest = max(ours, key=lambda batch: text_of(batch, "created_at"))
            return ProviderRecord(provider_id=text_of(newest, "id"), status=LeadStatus.SUBMITTED)
        if batches:
            raise self._rest.unreadable("log_unclear")
        return None

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state; raises NotFound, Unavailable."""
        report = self._rest.get(f"{self._url}/{quote(provider_id, safe='')}/delivery_report")
        statuses = report.get("statuses")
        if text_of(report, "batch_id") != provider_id or not isinstance(statuses, list):
            raise self._rest.unreadable("log_unreadable")
        # One recipient has one status; none yet, when nothing has happened.
        found = statuses[0] if statuses and isinstance(statuses[0], dict) else {}
        status = _STATUS.get(text_of(found, "status").upper(), LeadStatus.SUBMITTED)
        return ProviderRecord(
            provider_id=provider_id, status=status, error_code=_error_code(found, status)
        )

    def _batches(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield every batch since then, once; Unavailable when that cannot be made sure."""
        seen: set[str] = set()
        for page in range(_MOST_PAGES):
            start_date = to_iso(since.astimezone(UTC))
            query = urlencode({"start_date": start_date, "page": page, "page_size": _PAGE})
            log = self._rest.get(f"{self._url}?{query}")
            batches, count = log.get("batches"), whole(text_of(log, "count"))
            if not isinstance(batches, list) or count is None:
                # Taken for an empty log, an answer that is not Sinch's would send a message twice.
                raise self._rest.unreadable("log_unreadable")
            for batch in batches:
                provider_id, created_at = self._made(batch)
                if provider_id not in seen and created_at >= since:
                    yield batch
                seen.add(provider_id)
            if len(seen) >= count:
                return
            if not batches:
                break
        raise self._rest.unreadable("log_unclear")

    def _made(self, batch: object) -> tuple[str, datetime]:
        try:
            if isinstance(batch, dict) and isinstance(batch["id"], str):
                return batch["id"], from_iso(batch["created_at"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._rest.unreadable("log_unreadable") from error
        raise self._rest.unreadable("log_unreadable")


def _request(message: Outgoing, now: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "mt_text",
        "from": message.sender,
        "to": [message.recipient],
        "body": message.text,
        "delivery_report": "per_recipient",
        "callback_url": message.status_callback,
        "client_reference": message.ref_token,
    }
    if len(message.media_urls) > 1:
        raise Rejected("One file at most.", provider_code=stored_code(NAME, "one_media_only"))
    if message.media_urls:
        media = {"url": message.media_urls[0], "message": message.text}
        body |= {"type": "mt_media", "body": media}
    if message.valid_for_s is not None:
        valid_for = timedelta(seconds=message.valid_for_s)
        if valid_for < _LONGEST_VALIDITY:
            body["expire_at"] = to_iso(now + valid_for)
    return body


def _api_code(body: Mapping[str, Any]) -> str:
    """Return the word that an answer names its error with; a number is but the HTTP status."""
    code = body.get("code")
    return code_of(code) if isinstance(code, str) else ""


def _is_to(batch: Mapping[str, Any], recipient: str) -> bool:
    """Whether a batch goes to *recipient*, or to whom cannot be said."""
    numbers = batch.get("to")
    if not isinstance(numbers, list) or not numbers:
        return True
    return recipient in {with_plus(str(number)) for number in numbers}


def _text(batch: Mapping[str, Any]) -> str:
    body = batch.get("body")
    if isinstance(body, dict):
        body = body.get("message")
    return body if isinstance(body, str) else ""


def _error_code(fields: Mapping[str, Any], status: LeadStatus) -> str | None:
    """Return the code of a failure; what is well has a code as well, but no error."""
    code = code_of(text_of(fields, "code"))
    return stored_code(NAME, code) if code and status is LeadStatus.FAILED else None


# Webhooks ---------------------------------------------------------------------

_RECEIPTS = frozenset({"recipient_delivery_report_sms", "recipient_delivery_report_mms"})
# Of a whole batch: those that we ask for say the same of the person.
_SUMMARIES = frozenset({"delivery_report_sms", "delivery_report_mms"})
_INBOUND = frozenset({"mo_text", "mo_media", "mo_binary"})


class Sinch:
    """Implements ``contract.ProviderModule``."""

    name = NAME
    webhook_methods = POSTED
    status_answer = WebhookAnswer()
    inbound_answer = WebhookAnswer()

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> SinchAccount:
        """Return the account that *secret* opens; KeyError for a missing field."""
        return SinchAccount(secret, pool)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Whether Sinch signed the body of *call*, just now."""
        given = call.headers.get(_HEADER, "")
        nonce = call.headers.get(f"{_HEADER}-nonce", "")
        timestamp = call.headers.get(f"{_HEADER}-timestamp", "")
        algorithm = call.headers.get(f"{_HEADER}-algorithm", ALGORITHM)
        if not (given and nonce) or algorithm.lower() != ALGORITHM.lower():
            return False
        sent_at = whole(timestamp)
        if sent_at is None or abs(call.received_at.timestamp() - sent_at) > REPLAY_WINDOW_S:
            return False
        right = [
            hmac.compare_digest(
                signature(call.body, nonce, timestamp, key).encode(),
                given.encode(errors="replace"),
            )
            for key in secrets_of(secret, "webhook_secret")
        ]
        return any(right)

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Return the event; ValueError for junk."""
        return json_of(call.body)

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the receipt of one recipient; summaries and inbound messages are none."""
        kind = text_of(payload, "type")
        if kind in _SUMMARIES | _INBOUND:
            return []
        word = text_of(payload, "status").upper() if kind in _RECEIPTS else ""
        status = status_of(word, _STATUS)
        sent = reference_of(text_of(payload, "client_reference"), ref)
        return [
            Receipt(
                ref=sent.row,
                claim_id=sent.claim_id,
                provider_id=text_of(payload, "batch_id"),
                status=status,
                received_at=received_at,
                error_code=_error_code(payload, status),
                phone=with_plus(text_of(payload, "recipient")),
                segments=whole(text_of(payload, "number_of_message_parts")),
            )
        ]

    def media_access(self, secret: Secret) -> MediaAccess:  # noqa: ARG002
        """Return how files are fetched: by anybody who knows the address."""
        # https://developers.sinch.com/docs/sms/api-reference/mms-support names no host.
        return MediaAccess()

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the inbound message. Sinch leaves STOP to us; a binary one has no text."""
        kind = text_of(payload, "type")
        if kind in _RECEIPTS | _SUMMARIES:
            return []
        provider_id, phone = text_of(payload, "id"), with_plus(text_of(payload, "from"))
        if kind not in _INBOUND or not (provider_id and phone):
            raise InvalidInput("An inbound message needs its id and sender.", code="bad_inbound")
        return [
            Reply(
                provider=NAME,
                provider_id=provider_id,
                sender_id=sender_id,
                phone=phone,
                body=_text(payload) if kind != "mo_binary" else "",
                received_at=received_at,
                media_urls=_media_urls(payload.get("body")),
            )
        ]


def _media_urls(body: object) -> tuple[str, ...]:
    media = body.get("media") if isinstance(body, dict) else None
    items = media if isinstance(media, list) else []
    return tuple(url for item in items if isinstance(item, dict) and (url := text_of(item, "url")))


def signature(body: bytes, nonce: str, timestamp: str, key: str) -> str:
    """Return the x-sinch-webhook-signature of *body*."""
    signed = body + f".{nonce}.{timestamp}".encode(errors="replace")
    return base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()


MODULE = Sinch()
