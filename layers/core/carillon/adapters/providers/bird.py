"""
Bird's SMS API, still at MessageBird's address (``rest.messagebird.com/messages``), and webhooks.

https://developers.messagebird.com/api/sms-messaging and
https://developers.messagebird.com/docs/verify-http-requests. Bird's newer channels API signs
in another way and is not this one.

Secret: ``access_key``; ``signing_key`` (of the developer settings, not the access key); while
it is rotated ``previous_signing_key``; ``base_url`` for tests.

Signature: a JWT (HMAC) in ``MessageBird-Signature-JWT`` with the hashes of address and body,
and from when to when it holds. A status report is a GET without a body: everything that it
says stands in the address, which is signed. An inbound text is documented as a GET too, and
posted by numbers that are set up today; both are taken.

Our reference travels in ``reference`` (without one Bird reports nothing; 128 characters at
most), and in the address of each message (``reportUrl``).

The log can be searched by recipient and time, and shows texts. Where a message to that person
is none we know and has another text or sender, or there is more than a page, it cannot tell
(``log_unclear``). It does not hold messages with pictures, which are therefore not sent.
"""

import base64
import binascii
import hashlib
import hmac
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from carillon.adapters.providers.contract import (
    READ_TIMEOUT_S,
    REPLAY_WINDOW_S,
    MediaAccess,
    Secret,
    WebhookAnswer,
    WebhookCall,
)
from carillon.adapters.providers.fields import (
    code_of,
    form_of,
    json_of,
    json_or_empty,
    micros,
    reference_of,
    secrets_of,
    status_of,
    text_of,
    whole,
    with_plus,
)
from carillon.adapters.providers.rest import RestAccount, by_table
from carillon.domain.clock import from_iso
from carillon.domain.errors import InvalidInput, Rejected
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Outgoing, ProviderRecord, Receipt, Reply
from carillon.domain.message import text_digest as digest_of
from carillon.domain.provider_codes import stored_code
from carillon.domain.provider_codes.bird import CODES

NAME = "bird"
DEFAULT_BASE_URL = "https://rest.messagebird.com"
ISSUER = "MessageBird"
_PAGE = 20
# For so long Bird tries when it is told nothing.
_LONGEST_VALIDITY_S = 48 * 3600
# By how much Bird's clock may be ahead of ours, or behind (as its SDK has it).
_LEEWAY_S = 1
_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")

_STATUS = {
    "scheduled": LeadStatus.SUBMITTED,  # taken, to go out later
    "buffered": LeadStatus.SUBMITTED,  # taken, the phone is not there yet
    "sent": LeadStatus.SUBMITTED,  # the carrier has it
    "delivered": LeadStatus.DELIVERED,  # the carrier confirms
    "expired": LeadStatus.FAILED,  # too late for delivery
    "delivery_failed": LeadStatus.FAILED,  # the carrier could not deliver
}


class BirdAccount:
    """Implements ``ports.MessageProvider`` over one account."""

    def __init__(
        self,
        secret: Secret,
        pool: urllib3.PoolManager,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        headers = {"Authorization": f"AccessKey {secret['access_key']}"}
        self._rest = RestAccount(NAME, pool, headers, read_timeout_s=read_timeout_s)
        self._url = f"{secret.get('base_url') or DEFAULT_BASE_URL}/messages"

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        if message.media_urls:
            raise Rejected("No pictures.", provider_code=stored_code(NAME, "no_media"))
        answer = self._rest.post(self._url, _request(message))
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
        """Return the newest such message of Bird's log, or None if it never took it."""
        recent = [
            entry
            for entry in self._to(recipient, since)
            if text_of(entry, "id") not in known_ids and self._created_at(entry) >= since
        ]
        ours = [
            entry
            for entry in recent
            if digest_of(str(entry.get("body") or "")) == text_digest
            and with_plus(text_of(entry, "originator")) == with_plus(sender)
        ]
        if ours:
            return _record(max(ours, key=self._created_at))
        if recent:
            raise self._rest.unreadable("log_unclear")
        return None

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state; raises NotFound, Unavailable."""
        entry = self._rest.get(f"{self._url}/{quote(provider_id, safe='')}")
        if text_of(entry, "id") != provider_id:
            raise self._rest.unreadable("log_unreadable")
        return _record(entry)

    def _to(self, recipient: str, since: datetime) -> list[dict[str, Any]]:
        """Return what was sent to *recipient* since then; Unavailable when it is not all."""
        query = urlencode(
            {
                "recipient": recipient.removeprefix("+"),
                "direction": "mt",
                "from": since.astimezone(UTC).isoformat(timespec="seconds"),
                "limit": _PAGE,
            }
        )
        log = self._rest.get(f"{self._url}?{query}")
        entries, total = log.get("items"), whole(text_of(log, "totalCount"))
        if (
            not isinstance(entries, list)
            or total is None
            or not all(isinstance(entry, dict) and text_of(entry, "id") for entry in entries)
        ):
            # Taken for an empty log, an answer that is not Bird's would send a message twice.
            raise self._rest.unreadable("log_unreadable")
        if total > len(entries):
            raise self._rest.unreadable("log_unclear")
        return entries

    def _created_at(self, entry: Mapping[str, Any]) -> datetime:
        try:
            return from_iso(text_of(entry, "createdDatetime"))
        except ValueError as error:
            raise self._rest.unreadable("log_unreadable") from error


def _request(message: Outgoing) -> dict[str, Any]:
    body: dict[str, Any] = {
        "originator": message.sender,
        "recipients": [message.recipient],
        "body": message.text,
        "reference": message.ref_token,
        "reportUrl": message.status_callback,
        # UCS-2 where the text needs it; "plain" would replace what GSM-7 lacks.
        "datacoding": "auto",
    }
    if message.valid_for_s is not None and message.valid_for_s < _LONGEST_VALIDITY_S:
        body["validity"] = max(message.valid_for_s, 1)
    return body


def _api_code(body: Mapping[str, Any]) -> str:
    """Return the code of the first error that the answer names, or ""."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = code_of(text_of(first, "code")) if isinstance(first, dict) else ""
    return f"api_{code}" if code else ""


def _record(entry: Mapping[str, Any]) -> ProviderRecord:
    recipients = entry.get("recipients")
    items = recipients.get("items") if isinstance(recipients, dict) else None
    # One recipient has one entry.
    item = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    status = _STATUS.get(_word(item, "status"), LeadStatus.SUBMITTED)
    return ProviderRecord(
        provider_id=text_of(entry, "id"), status=status, error_code=_error_code(item, status)
    )


def _word(fields: Mapping[str, Any], name: str) -> str:
    return text_of(fields, name).lower().replace(" ", "_")


def _error_code(fields: Mapping[str, Any], status: LeadStatus) -> str | None:
    """Return the code of a failure, or its reason where there is no code."""
    code = code_of(text_of(fields, "statusErrorCode") or _word(fields, "statusReason"))
    return stored_code(NAME, code) if code and status is LeadStatus.FAILED else None


# Webhooks ---------------------------------------------------------------------


class Bird:
    """Implements ``contract.ProviderModule``. Bird reports with GET, and mostly posts texts."""

    name = NAME
    webhook_methods = frozenset({"GET", "POST"})
    status_answer = WebhookAnswer(body="OK")
    inbound_answer = WebhookAnswer(body="OK")

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> BirdAccount:
        """Return the account that *secret* opens; KeyError for a missing field."""
        return BirdAccount(secret, pool)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Whether Bird signed address and body of *call*, just now."""
        token = call.headers.get("messagebird-signature-jwt", "")
        keys = secrets_of(secret, "signing_key")
        try:
            claims = _verified_claims(token, keys)
            return _holds_at(claims, call.received_at) and _is_about(claims, call)
        except (ValueError, TypeError, RecursionError, OverflowError):
            # Not a token, or not of Bird's shape: nothing that Bird would have signed.
            return False

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Return the fields of the address, or those of the form or JSON; ValueError for junk."""
        if call.body.lstrip()[:1] in (b"{", b"["):
            return json_of(call.body)
        if call.body:
            return dict(form_of(call.body))
        return dict(form_of(urlsplit(call.url).query))

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the one receipt that a status report is."""
        status = status_of(_word(payload, "status"), _STATUS)
        sent = reference_of(text_of(payload, "reference"), ref)
        cost_micros = micros(text_of(payload, "price[amount]"))
        return [
            Receipt(
                ref=sent.row,
                claim_id=sent.claim_id,
                provider_id=text_of(payload, "id"),
                status=status,
                received_at=received_at,
                error_code=_error_code(payload, status),
                phone=with_plus(text_of(payload, "recipient")),
                segments=whole(text_of(payload, "messagePartCount")),
                cost_micros=cost_micros,
                currency=text_of(payload, "price[currency]") if cost_micros is not None else "",
            )
        ]

    def media_access(self, secret: Secret) -> MediaAccess:
        """Return how files are fetched: by anybody, unless the account has them locked."""
        # https://developers.messagebird.com/api/file-storage
        header = f"AccessKey {secret['access_key']}"
        return MediaAccess(
            own_hosts=("messaging.messagebird.com",),
            authorization=lambda: header,
        )

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the one inbound message. Bird leaves the answer to STOP to us."""
        # A short code's names of the same.
        provider_id = text_of(payload, "id") or text_of(payload, "mid")
        phone = with_plus(text_of(payload, "originator"))
        if not (provider_id and phone):
            raise InvalidInput("An inbound message needs its id and sender.", code="bad_inbound")
        return [
            Reply(
                provider=NAME,
                provider_id=provider_id,
                sender_id=sender_id,
                phone=phone,
                body=text_of(payload, "body") or text_of(payload, "message"),
                received_at=received_at,
                media_urls=_media_urls(payload.get("mediaURLs") or payload.get("mediaUrls")),
            )
        ]


def _media_urls(urls: object) -> tuple[str, ...]:
    return tuple(str(url) for url in urls) if isinstance(urls, list) else ()


def _verified_claims(token: str, keys: Sequence[str]) -> dict[str, Any]:
    """Return what one of *keys* has signed; ValueError when none has."""
    header, claims, signature = token.split(".")
    algorithm = json_of(_decoded(header))
    # What a token declares critical must be understood, and we understand nothing of the kind.
    if algorithm.get("alg") not in _HASHES or "crit" in algorithm:
        raise ValueError("another kind of signature")
    digestmod = _HASHES[algorithm["alg"]]
    given, signed = _decoded(signature), f"{header}.{claims}".encode()
    right = [
        hmac.compare_digest(hmac.new(key.encode(), signed, digestmod).digest(), given)
        for key in keys
    ]
    if not any(right):
        raise ValueError("signed by somebody else")
    return json_of(_decoded(claims))


def _decoded(part: str) -> bytes:
    if not _BASE64URL.fullmatch(part):
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _holds_at(claims: Mapping[str, Any], moment: datetime) -> bool:
    """Whether the claims are Bird's and hold at *moment*, and began not too long before it."""
    begins, ends = _instant(claims, "nbf"), _instant(claims, "exp")
    now = moment.timestamp()
    return (
        claims.get("iss") == ISSUER
        and begins - _LEEWAY_S <= now <= begins + REPLAY_WINDOW_S
        and now < ends + _LEEWAY_S
    )


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not an instant")
    return value


def _is_about(claims: Mapping[str, Any], call: WebhookCall) -> bool:
    """Whether the claims speak of the address and the body of *call*."""
    of_body = claims.get("payload_hash")
    if not call.body:
        return not of_body and _is_hash(claims.get("url_hash"), call.url.encode())
    return _is_hash(of_body, call.body) and _is_hash(claims.get("url_hash"), call.url.encode())


def _is_hash(given: object, content: bytes) -> bool:
    if not isinstance(given, str):
        return False
    digest = hashlib.sha256(content).hexdigest()
    return hmac.compare_digest(digest.encode(), given.encode(errors="replace"))


MODULE = Bird()
