"""
Vonage's Messages API (v1) for SMS and MMS, and its webhooks.

https://developer.vonage.com/en/api/messages-olympus,
https://developer.vonage.com/en/messages/concepts/messages-status-callbacks and
https://developer.vonage.com/en/getting-started/concepts/webhooks (signed webhooks). Checked
against Vonage's own vonage-jwt in tests/contracts.

Why not the SMS API: it names a long text by one id per part and reports each, its webhooks
are signed only on request and by a hash of their parameters. The Messages API gives a message
one id, an address of its own for its receipts and our reference back in each, and signs every
webhook.

Secret: ``application_id`` and its ``private_key`` (PEM), which sign our calls (a key and secret
alone are documented to be without webhooks); ``signature_secret``, by which Vonage signs its
own, and ``previous_signature_secret`` while it is rotated; ``base_url`` for tests.

Signature: a JWT (HS256) in ``Authorization: Bearer``, with the body's SHA-256 as
``payload_hash`` and its time as ``iat``. It does not cover the address, so a receipt's
``client_ref``, which the body carries, counts before the ``ref`` of the address.

Our key travels in the message's own ``webhook_url``, and as ``client_ref`` where it fits into
the hundred characters that Vonage allows.

The log: the Messages API has none. Reports, which are charged by the record, come an unstated
time later. ``find`` and ``fetch`` raise ``no_log``; receipts alone tell. Nothing in an inbound
message says whether a STOP was answered on the way.
"""

import base64
import hashlib
import hmac
import json
import mimetypes
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

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
    count,
    json_of,
    json_or_empty,
    mapping,
    micros,
    text,
    with_plus,
)
from carillon.adapters.providers.rest import ByCode, RestAccount
from carillon.adapters.providers.rs256 import RsaKey
from carillon.domain.errors import InvalidInput, OutcomeUnknown, Rejected, Unavailable
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    Outgoing,
    ProviderRecord,
    Receipt,
    Reply,
)
from carillon.domain.provider_codes import stored_code
from carillon.domain.provider_codes.vonage import CODES

NAME = "vonage"
DEFAULT_BASE_URL = "https://api.nexmo.com"
_CLIENT_REF_LENGTH = 100
_TOKEN_VALID_S = 900
# A token is renewed long before its end: a call may wait, and clocks differ.
_TOKEN_USED_S = 600
_MEDIA_KINDS = ("image", "audio", "video", "vcard", "file")
_CHANNELS = frozenset({"sms", "mms"})

# https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
_STATUS = {
    "submitted": LeadStatus.SUBMITTED,  # a carrier has it
    "delivered": LeadStatus.DELIVERED,  # the carrier confirms the phone
    "read": LeadStatus.DELIVERED,  # not for text messages: delivered and seen
    "rejected": LeadStatus.FAILED,  # Vonage, the carrier or the message's own time refused it
    "undeliverable": LeadStatus.FAILED,  # it could not be handed over
}

_REFUSALS = ByCode(
    provider=NAME,
    codes=CODES,
    pace=frozenset({"1000", "1241"}),  # the account's pace; too many to phone numbers
    unknown=frozenset({"1030"}),  # Vonage failed while handling it
    not_taken=frozenset({"1100"}),  # "not submitted", documented so
)


class Vonage:
    """Implements ``ports.MessageProvider`` over one application. *now* is in Unix seconds."""

    def __init__(
        self,
        secret: Secret,
        pool: urllib3.PoolManager,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = f"{secret.get('base_url') or DEFAULT_BASE_URL}/v1/messages"
        self._application_id = secret["application_id"]
        self._key = _key_of(secret)
        self._now = now
        self._token, self._token_until = "", 0.0
        self._pool = pool
        self._read_timeout_s = read_timeout_s

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        body = _body(message)
        credentials = {"Authorization": f"Bearer {self._current_token()}"}
        api = RestAccount(NAME, self._pool, credentials, read_timeout_s=self._read_timeout_s)
        return _accepted(api.post(self._url, body))

    def find(
        self,
        *,
        sender: str,  # noqa: ARG002 - there is nothing to ask
        recipient: str,  # noqa: ARG002
        text_digest: str,  # noqa: ARG002
        since: datetime,  # noqa: ARG002
        known_ids: frozenset[str] = frozenset(),  # noqa: ARG002
    ) -> ProviderRecord | None:
        """Raise Unavailable: there is no log."""
        raise _no_log()

    def fetch(self, provider_id: str) -> ProviderRecord:  # noqa: ARG002
        """Raise Unavailable: a message's state comes by receipt alone."""
        raise _no_log()

    def _current_token(self) -> str:
        now = self._now()
        if now >= self._token_until:
            self._token = application_token(self._application_id, self._key, int(now))
            self._token_until = now + _TOKEN_USED_S
        return self._token


def _key_of(secret: Secret) -> RsaKey:
    try:
        return RsaKey.from_pem(secret["private_key"])
    except ValueError as error:
        raise InvalidInput(
            "The sender's secret has no private key that can sign.",
            field="private_key",
            code="secret_incomplete",
        ) from error


def application_token(application_id: str, key: RsaKey, issued_at: int) -> str:
    """Return the JWT by which an application calls, valid for a quarter of an hour."""
    claims = {
        "application_id": application_id,
        "iat": issued_at,
        "jti": str(uuid.uuid4()),
        "exp": issued_at + _TOKEN_VALID_S,
    }
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_base64url(key.sign(signed.encode()))}"


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _body(message: Outgoing) -> dict[str, Any]:
    body: dict[str, Any] = {
        # Numbers go without their plus sign, names as they are.
        "to": message.recipient.removeprefix("+"),
        "from": message.sender.removeprefix("+"),
        "webhook_url": message.status_callback,
        "webhook_version": "v1",
        **_content(message),
    }
    if 0 < len(message.ref_token) <= _CLIENT_REF_LENGTH:
        body["client_ref"] = message.ref_token
    if message.valid_for_s is not None:
        body["ttl"] = message.valid_for_s
    return body


def _content(message: Outgoing) -> dict[str, Any]:
    if not message.media_urls:
        # "auto": UCS-2 for the texts that need it, and for no others.
        return {
            "channel": "sms",
            "message_type": "text",
            "text": message.text,
            "sms": {"encoding_type": "auto"},
        }
    if len(message.media_urls) > 1:
        # The API has one attachment a message, and half of a message is none.
        raise Rejected(
            "Vonage takes one attachment a message.", provider_code=stored_code(NAME, "1020")
        )
    (url,) = message.media_urls
    kind = _media_kind(url)
    return {
        "channel": "mms",
        "message_type": kind,
        kind: {"url": url, **({"caption": message.text} if message.text else {})},
    }


def _media_kind(url: str) -> str:
    guessed, _ = mimetypes.guess_type(urlsplit(url).path)
    if guessed in ("text/x-vcard", "text/vcard"):
        return "vcard"
    family = (guessed or "").partition("/")[0]
    return family if family in ("audio", "video") else "image"


def _accepted(answer: urllib3.BaseHTTPResponse) -> Accepted:
    body = json_or_empty(answer.data)
    if answer.status < 400:
        provider_id = text(body.get("message_uuid"))
        if answer.status in (200, 201, 202) and provider_id:
            return Accepted(provider_id)
        raise OutcomeUnknown(
            "Vonage accepted without naming the message.",
            provider_code=stored_code(NAME, str(answer.status)),
        )
    raise _REFUSALS.refusal(answer, _code(body))


def _code(problem: Mapping[str, Any]) -> str:
    """Return the code of a problem (RFC 7807): the fragment of its type, else its title."""
    _, _, fragment = text(problem.get("type")).rpartition("#")
    title = text(problem.get("title"))
    if fragment and "/" not in fragment:
        return fragment
    return title if title.isascii() and title.isdigit() else ""


def _no_log() -> Unavailable:
    return Unavailable(
        "Vonage keeps no log that could be asked.", provider_code=stored_code(NAME, "no_log")
    )


# Webhooks ---------------------------------------------------------------------


class VonageModule:
    """Implements ``contract.ProviderModule``."""

    name = NAME
    webhook_methods = POSTED
    status_answer = WebhookAnswer()
    inbound_answer = WebhookAnswer()

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> Vonage:
        """Return the account; KeyError for a missing field, InvalidInput for no usable key."""
        return Vonage(secret, pool)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Whether Vonage signed *call*'s body, and lately; never raises."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        secrets = [secret.get("signature_secret", ""), secret.get("previous_signature_secret", "")]
        found = (_claims(token.strip(), one) for one in secrets if one)
        return any(claims is not None and _speaks_of(claims, call) for claims in found)

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Return the body as it came; ValueError for what is no JSON object."""
        return json_of(call.body)

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the receipt in *payload*, none when it is an inbound message."""
        if "status" not in payload and "message_type" in payload:
            return []
        word = text(payload.get("status"))
        if word not in _STATUS:
            raise InvalidInput("Unknown message status.", field="status", code="unknown_status")
        status = _STATUS[word]
        # The signature covers the body, and not the address.
        sent = CallbackRef.parse(text(payload.get("client_ref")) or ref)
        usage = mapping(payload.get("usage"))
        code = _code(mapping(payload.get("error")))
        return [
            Receipt(
                ref=sent.row,
                claim_id=sent.claim_id,
                provider_id=text(payload.get("message_uuid")),
                phone=with_plus(text(payload.get("to"))),
                status=status,
                received_at=received_at,
                error_code=(
                    stored_code(NAME, code) if code and status is LeadStatus.FAILED else None
                ),
                segments=count(mapping(payload.get("sms")).get("count_total")),
                cost_micros=micros(usage.get("price")),
                currency=text(usage.get("currency")),
            )
        ]

    def media_access(self, secret: Secret) -> MediaAccess:
        """Return how files are fetched: by anybody for two days, or with the application's key."""
        # https://developer.vonage.com/en/messages/concepts/secure-inbound-media names the first;
        # the others are the same API's addresses, of all regions and of Europe.
        application_id, key = secret["application_id"], _key_of(secret)
        return MediaAccess(
            own_hosts=("api-us.nexmo.com", "api.nexmo.com", "api-eu.nexmo.com"),
            authorization=lambda: (
                f"Bearer {application_token(application_id, key, int(time.time()))}"
            ),
        )

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the inbound message in *payload*, none for a status or another channel."""
        if "status" in payload or text(payload.get("channel")) not in _CHANNELS:
            return []
        provider_id, phone = text(payload.get("message_uuid")), text(payload.get("from"))
        if not (provider_id and phone):
            raise InvalidInput("An inbound message needs an id and a sender.", code="bad_inbound")
        media = [mapping(payload.get(kind)) for kind in _MEDIA_KINDS]
        words = [text(payload.get("text")), *(text(one.get("caption")) for one in media)]
        return [
            Reply(
                provider=NAME,
                provider_id=provider_id,
                sender_id=sender_id,
                phone=with_plus(phone),
                body=next((word for word in words if word), ""),
                received_at=received_at,
                media_urls=tuple(url for url in (text(one.get("url")) for one in media) if url),
            )
        ]


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    """Return the claims of a token that *secret* signed (HS256 only), or None."""
    # Slow to import, and only the webhooks need it.
    import jwt  # noqa: PLC0415

    try:
        return jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            # Times are ours to judge, by the moment at which the call came in.
            options={"verify_iat": False, "verify_exp": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None


def _speaks_of(claims: Mapping[str, Any], call: WebhookCall) -> bool:
    """Whether *claims* are about this body and this moment."""
    at = call.received_at.timestamp()
    issued_at, expires_at, not_before = (
        _seconds(claims.get(name, otherwise))
        for name, otherwise in (("iat", None), ("exp", at + 1), ("nbf", at))
    )
    if issued_at is None or expires_at is None or not_before is None:
        return False
    is_timely = abs(at - issued_at) <= REPLAY_WINDOW_S and not_before <= at < expires_at
    body_hash = hashlib.sha256(call.body).hexdigest()
    given = text(claims.get("payload_hash")).lower()
    return is_timely and hmac.compare_digest(body_hash.encode(), given.encode(errors="replace"))


def _seconds(value: object) -> float | None:
    """Return a NumericDate as seconds; None for what is none, or is thousands of years away."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1 << 40 else None


MODULE = VonageModule()
