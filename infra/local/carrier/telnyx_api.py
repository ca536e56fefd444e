"""
Telnyx's Messaging API v2 as published: endpoints, error codes, events and their signature.

Written from Telnyx's documentation ("Send a message", "Receiving Webhooks for Messaging",
"Messaging Error Code Reference", "API error codes", "Detail Records") and independent of
``carillon``, so that it can judge it.

A webhook is wanted answered with 2xx within 2 seconds and is called up to 3 times. It is
signed with Ed25519 over ``timestamp|body``. Not here: failover URLs, profiles' own URLs for
receipts, and events of anything but messages. Source:
https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks
"""

import base64
import hmac
import json
import math
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.local.carrier.dialect import Cause, Failure, Order, Refusal, ref_in
from infra.local.carrier.directory import E164, Directory, Number
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.messages import Message
from infra.local.carrier.segments import is_gsm, segments_of
from infra.local.carrier.webhooks import (
    EVERY_FAILURE,
    Headers,
    Retries,
    Webhook,
    is_callback_url,
)

ORGANIZATION_ID = "0ca11a6e-0000-4000-8000-000000000001"
PROFILE_ID = "0ca11a6e-0000-4000-8000-000000000002"
MAX_PARTS = 10
MAX_PAGE_SIZE = 50
_ANSWER_WITHIN_S = 2.0
_MESSAGE = re.compile(r"/v2/messages/([^/]+)")

# What the API answers to a request it does not take; the titles are Telnyx's.
REFUSALS = (
    Refusal(10003, 400, "Invalid URL", Cause.BAD_REQUEST),
    Refusal(10004, 400, "Missing required parameter", Cause.BAD_REQUEST),
    Refusal(10005, 404, "Resource not found", Cause.NOT_FOUND),
    Refusal(10009, 401, "Authentication failed", Cause.NOT_SIGNED_IN),
    Refusal(10011, 429, "Too many requests", Cause.TOO_MANY_REQUESTS),
    Refusal(10007, 500, "Unexpected error", Cause.SERVER_ERROR),
    Refusal(10007, 503, "Unexpected error", Cause.UNAVAILABLE),
    Refusal(20012, 403, "Account inactive", Cause.ACCOUNT),
    Refusal(20013, 403, "Account blocked", Cause.ACCOUNT),
    Refusal(20100, 402, "Insufficient funds", Cause.ACCOUNT),
    Refusal(40300, 400, "Blocked due to STOP message", Cause.OPTED_OUT),
    Refusal(40302, 400, "Message too large", Cause.BAD_REQUEST),
    Refusal(40305, 400, "Invalid 'from' address", Cause.BAD_SENDER),
    Refusal(40309, 400, "Invalid destination region", Cause.REGION),
    Refusal(40310, 400, "Invalid 'to' address", Cause.BAD_RECIPIENT),
    Refusal(40312, 403, "Messaging profile is disabled", Cause.ACCOUNT),
    Refusal(40314, 403, "Messaging disabled on account", Cause.ACCOUNT),
    Refusal(40316, 400, "No content provided for message", Cause.BAD_REQUEST),
    Refusal(40318, 429, "Message queue full", Cause.QUEUE_FULL),
    Refusal(40319, 400, "Incompatible message type for the 'to' address", Cause.LANDLINE),
    Refusal(40301, 400, "Unsupported message type for the 'to' address", Cause.NO_ROUTE),
    Refusal(40321, 400, "No usable numbers on messaging profile", Cause.BAD_SENDER),
    Refusal(40322, 400, "Blocked due to content", Cause.BAD_REQUEST),
    Refusal(10015, 400, "Bad Request", Cause.BAD_REQUEST),
)
_BY_CODE = {refusal.code: refusal for refusal in REFUSALS}

# Why an accepted message was not delivered.
FAILURES = (
    Failure(40001, "Not routable", Cause.LANDLINE),
    Failure(40002, "Blocked as spam - temporary", Cause.FILTERED),
    Failure(40003, "Blocked as spam - permanent", Cause.BLOCKED),
    Failure(40004, "Rejected by destination", Cause.BLOCKED),
    Failure(40005, "Message expired during transmission", Cause.EXPIRED),
    Failure(40006, "Recipient server unavailable", Cause.UNREACHABLE),
    Failure(40009, "Invalid message body", Cause.FILTERED),
    Failure(40010, "Message not sent due to missing 10DLC registration", Cause.UNREGISTERED),
    Failure(40011, "Too many requests", Cause.QUEUE_FULL),
    Failure(40012, "Invalid messaging destination number", Cause.NO_SUBSCRIBER),
    Failure(40014, "Message expired in queue", Cause.EXPIRED),
    Failure(40008, "Undeliverable", Cause.UNKNOWN),
)
_TITLES = {failure.code: failure.message for failure in FAILURES}

# The state of a recipient, by the ledger's word.
_STATUS = {"undelivered": "delivery_failed", "failed": "sending_failed"}
_RECORD_STATUS = {"undelivered": "gw_reject"}
_ON_ITS_WAY = frozenset({"queued", "sending", "sent"})


@dataclass
class SigningKey:
    """The key pair that signs webhooks; ``previous`` is the public key before the last turn."""

    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    previous: str = ""

    @property
    def public(self) -> str:
        """The public key in Base64, as Telnyx's portal shows it."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def turn(self) -> None:
        """Sign with a new key from now on."""
        self.previous, self.private = self.public, Ed25519PrivateKey.generate()


@dataclass
class Account:
    """The credentials."""

    api_key: str
    key: SigningKey = field(default_factory=SigningKey)


class Telnyx:
    """The dialect (``dialect.Dialect``)."""

    name = "telnyx"
    account = ORGANIZATION_ID
    refusals = REFUSALS
    failures = FAILURES

    def __init__(self, directory: Directory, credentials: Account) -> None:
        self._directory = directory
        self._credentials = credentials

    def secret(self, base_url: str) -> dict[str, str]:
        """Return the fields of a Telnyx account's secret."""
        key = self._credentials.key
        fields = {"api_key": self._credentials.api_key, "public_key": key.public}
        if key.previous:
            fields["previous_public_key"] = key.previous
        return fields | {"base_url": base_url}

    def serves(self, request: Request) -> bool:
        """Whether *request* is for this dialect."""
        return request.path.startswith("/v2/")

    def read(self, request: Request, arrived_wall_s: float) -> Order | Answer:
        """Return the order that *request* is, or the answer to anything else."""
        signed_in = self._signed_in(request)
        if (request.method, request.path) == ("POST", "/v2/messages"):
            return replace(_order(request.body, arrived_wall_s), signed_in=signed_in)
        if not signed_in:
            return _error(_BY_CODE[10009])
        if request.method == "GET" and (found := _MESSAGE.fullmatch(request.path)):
            return self._fetch(found[1])
        if (request.method, request.path) == ("GET", "/v2/detail_records"):
            return self._detail_records(request.query_params())
        return _error(_BY_CODE[10005])

    def _signed_in(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(key.encode(), self._credentials.api_key.encode())
        return right and scheme.lower() == "bearer"

    def _fetch(self, message_id: str) -> Answer:
        message = self._directory.log.get(message_id, self.name)
        if message is None:
            return _error(_BY_CODE[10005])
        return _json(200, {"data": resource(message, message.status)})

    def _detail_records(self, query: Mapping[str, str]) -> Answer:
        """Return the settled messages, newest first; a record comes into being with its end."""
        wanted = {name: query.get(f"filter[{name}]", "") for name in ("cld", "cli", "direction")}
        since = query.get("filter[created_at][gte]", "")
        records = [
            record
            for message in self._directory.log.newest_first(self.name, wanted["cld"])
            if message.status not in _ON_ITS_WAY and message.listed_from_wall_s <= time.time()
            if (record := _detail_record(message))["created_at"] >= since
            and all(not value or record[name] == value for name, value in wanted.items())
        ]
        size = min(_whole(query.get("page[size]"), 20), MAX_PAGE_SIZE)
        number = _whole(query.get("page[number]"), 1)
        meta = {
            "total_pages": math.ceil(len(records) / size),
            "total_results": len(records),
            "page_number": number,
            "page_size": size,
        }
        shown = records[(number - 1) * size : number * size]
        return _json(200, {"data": shown, "meta": meta})

    def check(self, order: Order) -> tuple[Order, Refusal | None]:
        """Return *order* with its sender chosen, and what is wrong with it."""
        if order.service_sid not in ("", PROFILE_ID) and not order.sender:
            pool = self._directory.services.get(order.service_sid)
            if not pool:
                return order, _BY_CODE[40321]
            order = replace(order, sender=self._directory.from_pool(pool, order.to))
        code = self._wrong_with(order)
        return order, _BY_CODE[code] if code else None

    def _wrong_with(self, order: Order) -> int | None:
        number = self._directory.number(order.sender, self.name)
        url = order.status_callback
        wrong = (
            (not order.to or not order.sender, 10004),
            (not E164.fullmatch(order.to) or order.to == order.sender, 40310),
            (not order.body and not order.media, 40316),
            (segments_of(order.body) > MAX_PARTS, 40302),
            (number is None or not number.sms, 40305),
            (bool(url) and not is_callback_url(url), 10003),
        )
        return next((code for is_wrong, code in wrong if is_wrong), None)

    def accepted(self, message: Message) -> Answer:
        """Return 200 with the message, queued."""
        return _json(200, {"data": resource(message, message.status)})

    def refuse(
        self,
        refusal: Refusal,
        order: Order,  # noqa: ARG002  # Telnyx's words do not repeat what was asked
        *,
        retry_after_s: float = 0,
    ) -> Answer:
        """Return Telnyx's errors JSON."""
        return _error(refusal, retry_after_s)

    def new_id(self) -> str:
        """Return a message id."""
        return str(uuid.uuid4())

    def block_scope(self, sender: str) -> str:  # noqa: ARG002  # whichever number it was sent to
        """Return the messaging profile: a STOP to one of its numbers blocks them all."""
        return PROFILE_ID

    def receipts(self, message: Message, status: str) -> list[Webhook]:
        """Return the event to the message's webhook_url, if it has one."""
        if not message.status_callback:
            return []
        kind = "message.sent" if status in _ON_ITS_WAY else "message.finalized"
        return [
            Webhook(
                caller=self,
                purpose="receipt",
                content=_event(kind, resource(message, status)),
                sid=message.sid,
                phone=message.to,
                message_status=status,
                url=message.status_callback,
            )
        ]

    def inbound(self, message: Message, number: Number, handled: str) -> list[Webhook]:
        """Return message.received to the number's URL, if it has one."""
        if not number.inbound_url:
            return []
        payload = resource(message, "webhook_delivered") | {"webhook_url": number.inbound_url}
        payload["autoresponse_type"] = handled.upper() or None
        return [
            Webhook(
                caller=self,
                purpose="inbound",
                content=_event("message.received", payload),
                sid=message.sid,
                phone=message.sender,
                message_status="received",
                url=number.inbound_url,
            )
        ]

    def encode(
        self,
        webhook: Webhook,
        token: str,  # noqa: ARG002  # an event has an id of its own
        attempt: int,
    ) -> tuple[Headers, bytes]:
        """Return a JSON post, signed now."""
        meta = {"attempt": attempt, "delivered_to": webhook.url}
        body = json.dumps({"data": webhook.content, "meta": meta}).encode()
        timestamp = str(int(time.time()))
        headers = [
            ("Content-Type", "application/json"),
            ("User-Agent", "telnyx-webhooks"),
            ("telnyx-timestamp", timestamp),
            ("telnyx-signature-ed25519", signature(self._credentials.key, timestamp, body)),
        ]
        return headers, body

    def retries(self, webhook: Webhook) -> Retries:  # noqa: ARG002  # the same for every URL
        """Return two more tries after anything but a 2xx within 2 seconds."""
        return Retries(count=2, after=EVERY_FAILURE, each_s=_ANSWER_WITHIN_S)


def signature(key: SigningKey, timestamp: str, body: bytes) -> str:
    """Return telnyx-signature-ed25519: over ``timestamp|body``, in Base64."""
    return base64.b64encode(key.private.sign(timestamp.encode() + b"|" + body)).decode()


def resource(message: Message, status: str) -> dict[str, Any]:
    """Return Telnyx's message, with its recipient in *status* (a word of the ledger's)."""
    inbound = message.direction == "inbound"
    settled = not inbound and status not in _ON_ITS_WAY
    return {
        "record_type": "message",
        "direction": "inbound" if inbound else "outbound",
        "id": message.sid,
        "type": "MMS" if message.media else "SMS",
        "organization_id": ORGANIZATION_ID,
        "messaging_profile_id": message.service_sid or PROFILE_ID,
        "from": _end(message.sender, ours=not inbound),
        "to": [_end(message.to, ours=inbound) | {"status": _STATUS.get(status, status)}],
        "cc": [],
        "text": message.body,
        "media": [],
        "webhook_url": message.status_callback or None,
        "webhook_failover_url": None,
        "encoding": "GSM-7" if is_gsm(message.body) else "UCS-2",
        "parts": message.segments,
        "tags": [],
        "cost": None,
        "received_at": _iso(message.created_wall_s),
        "sent_at": None if inbound else _iso(message.sent_wall_s),
        "completed_at": _iso(message.updated_wall_s) if settled else None,
        "valid_until": None,
        "errors": _errors(message) if settled else [],
    }


def _errors(message: Message) -> list[dict[str, Any]]:
    code = message.error_code
    if code is None:
        return []
    title = _TITLES.get(code, "Undeliverable")
    return [{"code": str(code), "title": title, "detail": f"{title}."}]


def _end(phone: str, *, ours: bool) -> dict[str, str]:
    carrier, line = ("Telnyx", "Wireless") if ours else ("T-MOBILE USA, INC.", "Wireless")
    return {"phone_number": phone, "carrier": carrier, "line_type": line}


def _event(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "record_type": "event",
        "id": str(uuid.uuid4()),
        "event_type": kind,
        "occurred_at": _iso(time.time()),
        "payload": payload,
    }


def _detail_record(message: Message) -> dict[str, Any]:
    inbound = message.direction == "inbound"
    return {
        "record_type": "message_detail_record",
        "uuid": message.sid,
        "cli": message.sender,
        "cld": message.to,
        "direction": "inbound" if inbound else "outbound",
        "message_type": "SMS",
        "parts": message.segments,
        "status": _RECORD_STATUS.get(message.status, message.status),
        "errors": [] if message.error_code is None else [str(message.error_code)],
        "created_at": _iso(message.created_wall_s),
        "sent_at": _iso(message.sent_wall_s),
        "completed_at": _iso(message.updated_wall_s),
    }


def _order(body: bytes, arrived_wall_s: float) -> Order:
    """Return what was posted; what does not parse is an order with that problem."""
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    names = ("to", "from", "text", "webhook_url", "messaging_profile_id")
    if not isinstance(values, dict) or any(
        not isinstance(values.get(name) or "", str) for name in names
    ):
        return Order(arrived_wall_s=arrived_wall_s, problem=_BY_CODE[10015])
    url, media = values.get("webhook_url") or "", values.get("media_urls")
    return Order(
        arrived_wall_s=arrived_wall_s,
        to=values.get("to") or "",
        sender=values.get("from") or "",
        body=values.get("text") or "",
        ref=ref_in(url),
        status_callback=url,
        service_sid=values.get("messaging_profile_id") or "",
        media=len(media) if isinstance(media, list) else 0,
    )


def _json(status: int, body: object, headers: Headers | None = None) -> Answer:
    every = [("X-Request-Id", str(uuid.uuid4())), *(headers or [])]
    return Answer(status, json.dumps(body).encode(), tuple(every), "application/json")


def _error(refusal: Refusal, retry_after_s: float = 0) -> Answer:
    error = {
        "code": str(refusal.code),
        "title": refusal.message,
        "detail": f"{refusal.message}.",
        "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{refusal.code}"},
    }
    wait = [("Retry-After", str(math.ceil(retry_after_s)))] if retry_after_s else []
    return _json(refusal.status, {"errors": [error]}, wait)


def _iso(wall_s: float | None) -> str | None:
    if wall_s is None:
        return None
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")


def _whole(text: str | None, default: int) -> int:
    return max(int(text), 1) if text and text.isdecimal() else default
