"""
Telnyx's Messaging API (v2) and its webhooks (API v2 events).

https://developers.telnyx.com/api-reference/messages/send-a-message,
https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks and
https://developers.telnyx.com/docs/messaging/messages/error-codes. Checked against Telnyx's own
SDK in tests/contracts.

Secret: ``api_key``; ``public_key``, with which Telnyx's signatures are checked, and
``previous_public_key`` while it is rotated (both base64); ``messaging_profile_id``, which an
alphanumeric sender needs; ``base_url`` for tests.

Signature: Ed25519 over ``timestamp|body`` in ``telnyx-signature-ed25519`` (base64), the time in
``telnyx-timestamp`` (Unix seconds). Only the public key is ours, so there is nothing that a
comparison could leak. Lambda has no cryptography: ecdsa checks it in pure Python (8 ms).

Our key travels in the message's own ``webhook_url``, which comes back in its receipts.
A message's validity cannot be set: ``valid_for_s`` is not passed on.

The log: ``/v2/detail_records`` can be searched by recipient and day, without texts; a message
itself, with its text, is read by id for ten days. The documented states of that search are
final ones only, so it proves that a message was taken, never that it was not: ``find`` then
raises ``no_log``, and the receipt is waited for.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

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
    first,
    json_of,
    json_or_empty,
    mapping,
    micros,
    text,
)
from carillon.adapters.providers.rest import ByCode, RestAccount
from carillon.domain.errors import (
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Unavailable,
)
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    Outgoing,
    ProviderRecord,
    Receipt,
    Reply,
)
from carillon.domain.message import text_digest as digest_of
from carillon.domain.provider_codes import stored_code
from carillon.domain.provider_codes.telnyx import CODES

NAME = "telnyx"
DEFAULT_BASE_URL = "https://api.telnyx.com"
SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
_TIMESTAMP_DIGITS = 12
_PAGE = 50
# So many messages to one person are read one by one before the log counts as unclear.
_MOST_LOOKS = 10

# The states of a recipient: https://developers.telnyx.com/api-reference/callbacks/delivery-update
_STATUS = {
    "scheduled": LeadStatus.SUBMITTED,  # taken, to go out later
    "queued": LeadStatus.SUBMITTED,  # taken, waiting for its turn
    "sending": LeadStatus.SUBMITTED,  # on its way to the carrier
    "sent": LeadStatus.SUBMITTED,  # the carrier has it
    "delivered": LeadStatus.DELIVERED,  # the carrier confirms it
    "read": LeadStatus.DELIVERED,  # RCS and WhatsApp: delivered and seen
    # The carrier will never say: it went out, and after 72 hours we call it unconfirmed.
    "delivery_unconfirmed": LeadStatus.SUBMITTED,
    "sending_failed": LeadStatus.FAILED,  # it did not leave Telnyx
    "delivery_failed": LeadStatus.FAILED,  # the carrier could not deliver
    "expired": LeadStatus.FAILED,  # nobody took it in time
    "cancelled": LeadStatus.FAILED,  # called off while scheduled
}
_RECEIPT_EVENTS = frozenset({"message.sent", "message.finalized", "message.read"})

_REFUSALS = ByCode(
    provider=NAME,
    codes=CODES,
    pace=frozenset({"10011", "40318"}),  # too many requests; our number's queue is full
    unknown=frozenset({"10007", "10008"}),  # Telnyx failed, or took too long
)


class Telnyx:
    """Implements ``ports.MessageProvider`` over one account."""

    def __init__(
        self, secret: Secret, pool: urllib3.PoolManager, *, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self._url = f"{secret.get('base_url') or DEFAULT_BASE_URL}/v2"
        self._profile_id = secret.get("messaging_profile_id", "")
        credentials = {"Authorization": f"Bearer {secret['api_key']}"}
        self._api = RestAccount(NAME, pool, credentials, read_timeout_s=read_timeout_s)

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        body: dict[str, Any] = {
            "from": message.sender,
            "to": message.recipient,
            "text": message.text,
            "webhook_url": message.status_callback,
            # Else the profile's address, which is for inbound, would get the receipts as well.
            "use_profile_webhooks": False,
        }
        if message.media_urls:
            body |= {"type": "MMS", "media_urls": list(message.media_urls)}
        if self._profile_id:
            body["messaging_profile_id"] = self._profile_id
        return _accepted(self._api.post(f"{self._url}/messages", body))

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """Return the newest such message of Telnyx's log; it never says that there is none."""
        logged, is_all = self._logged(sender, recipient, since)
        strangers = [provider_id for provider_id in logged if provider_id not in known_ids]
        for provider_id in strangers[:_MOST_LOOKS]:
            try:
                message = self._message(provider_id)
            except NotFound:
                continue  # the search has it and its text is gone: it stays a stranger
            if digest_of(text(message.get("text"))) == text_digest:
                return _record(message)
        if strangers or not is_all:
            raise Unavailable(
                "Telnyx's log has messages that we cannot explain.",
                provider_code=stored_code(NAME, "log_unclear"),
            )
        raise Unavailable(
            "Telnyx's log does not say what was never taken.",
            provider_code=stored_code(NAME, "no_log"),
        )

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state; raises NotFound, Unavailable."""
        return _record(self._message(provider_id))

    def _logged(self, sender: str, recipient: str, since: datetime) -> tuple[list[str], bool]:
        """Return the ids of the messages to *recipient* since then, newest first; if all."""
        query = urlencode(
            {
                "filter[record_type]": "messaging",
                "filter[direction]": "outbound",
                "filter[cli]": sender,
                "filter[cld]": recipient,
                # By the day, as documented; the rest is ours.
                "filter[created_at][gte]": since.astimezone(UTC).date().isoformat(),
                "sort": "-created_at",
                "page[number]": 1,
                "page[size]": _PAGE,
            }
        )
        try:
            log = self._api.get(f"{self._url}/detail_records?{query}")
            pages = int(log["meta"]["total_pages"])
            recent = [
                str(entry["uuid"])
                for entry in log["data"]
                if datetime.fromisoformat(entry["created_at"]).astimezone(UTC) >= since
            ]
        except (NotFound, LookupError, TypeError, ValueError) as error:
            raise Unavailable("Telnyx's log cannot be read.") from error
        return recent, pages <= 1

    def _message(self, provider_id: str) -> Mapping[str, Any]:
        found = self._api.get(f"{self._url}/messages/{quote(provider_id, safe='')}")
        message = mapping(found.get("data"))
        if not (text(message.get("id")) and _recipient(message)):
            raise Unavailable("Telnyx's log cannot be read.")
        return message


def _accepted(answer: urllib3.BaseHTTPResponse) -> Accepted:
    body = json_or_empty(answer.data)
    if answer.status < 400:
        provider_id = text(mapping(body.get("data")).get("id"))
        if answer.status in (200, 201, 202) and provider_id:
            return Accepted(provider_id)
        raise OutcomeUnknown(
            "Telnyx accepted without naming the message.",
            provider_code=stored_code(NAME, str(answer.status)),
        )
    raise _REFUSALS.refusal(answer, _code(body.get("errors")))


def _code(errors: object) -> str:
    """Return the code that decides: of several, the first that we know."""
    items = errors if isinstance(errors, list) else []
    # A message's record has bare codes where the API has objects.
    codes = [text(mapping(item).get("code")) or text(item) for item in items]
    return next((code for code in codes if code in CODES), codes[0] if codes else "")


def _recipient(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return first(message.get("to"))


def _record(message: Mapping[str, Any]) -> ProviderRecord:
    status = _STATUS.get(text(_recipient(message).get("status")), LeadStatus.SUBMITTED)
    return ProviderRecord(
        provider_id=text(message["id"]),
        status=status,
        error_code=_stored_failure(status, message),
    )


def _stored_failure(status: LeadStatus, message: Mapping[str, Any]) -> str | None:
    code = _code(message.get("errors"))
    return stored_code(NAME, code) if code and status is LeadStatus.FAILED else None


# Webhooks ---------------------------------------------------------------------


class TelnyxModule:
    """Implements ``contract.ProviderModule``."""

    name = NAME
    webhook_methods = POSTED
    status_answer = WebhookAnswer()
    inbound_answer = WebhookAnswer()

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> Telnyx:
        """Return the account that *secret* opens; raises KeyError for a missing field."""
        return Telnyx(secret, pool)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Whether Telnyx signed *call*, and lately; never raises."""
        timestamp = call.headers.get(TIMESTAMP_HEADER, "")
        if not _is_recent(timestamp, call.received_at):
            return False
        signature = call.headers.get(SIGNATURE_HEADER, "")
        signed = timestamp.encode() + b"|" + call.body
        keys = [secret.get("public_key", ""), secret.get("previous_public_key", "")]
        return any(_is_signed(signed, signature, key) for key in keys if key)

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Return the event as it came; ValueError for what is none."""
        return json_of(call.body)

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the receipt in *payload*, none for an event of another kind."""
        event = mapping(payload.get("data"))
        if text(event.get("event_type")) not in _RECEIPT_EVENTS:
            return []
        message = mapping(event.get("payload"))
        word = text(_recipient(message).get("status"))
        if word not in _STATUS:
            raise InvalidInput("Unknown message status.", field="to", code="unknown_status")
        sent = CallbackRef.parse(ref or _ref_in(text(message.get("webhook_url"))))
        cost = mapping(message.get("cost"))
        return [
            Receipt(
                ref=sent.row,
                claim_id=sent.claim_id,
                provider_id=text(message.get("id")),
                phone=text(_recipient(message).get("phone_number")),
                status=_STATUS[word],
                received_at=received_at,
                error_code=_stored_failure(_STATUS[word], message),
                segments=count(message.get("parts")),
                cost_micros=micros(cost.get("amount")),
                currency=text(cost.get("currency")),
            )
        ]

    def media_access(self, secret: Secret) -> MediaAccess:  # noqa: ARG002
        """Return how files are fetched: from signed addresses in its storage, by anybody."""
        # https://developers.telnyx.com/docs/messaging/messages/send-receive-mms: the links do not
        # last, and their host is not documented.
        return MediaAccess()

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the inbound message in *payload*, none for an event of another kind."""
        event = mapping(payload.get("data"))
        if text(event.get("event_type")) != "message.received":
            return []
        message = mapping(event.get("payload"))
        provider_id = text(message.get("id"))
        phone = text(mapping(message.get("from")).get("phone_number"))
        if not (provider_id and phone):
            raise InvalidInput("An inbound message needs an id and a sender.", code="bad_inbound")
        media = message.get("media")
        urls = (text(mapping(item).get("url")) for item in (media or ()) if isinstance(media, list))
        # Telnyx itself has answered STOP, START or HELP, and keeps its own block list.
        keyword = text(message.get("autoresponse_type"))
        return [
            Reply(
                provider=NAME,
                provider_id=provider_id,
                sender_id=sender_id,
                phone=phone,
                body=text(message.get("text")),
                received_at=received_at,
                handled_by_provider=bool(keyword),
                provider_keyword=keyword.lower(),
                media_urls=tuple(url for url in urls if url),
            )
        ]


def _ref_in(webhook_url: str) -> str:
    """Return the ``ref`` of the address that the message was sent with."""
    try:
        return parse_qs(urlsplit(webhook_url).query).get("ref", [""])[0]
    except ValueError:
        return ""


def _is_recent(timestamp: str, received_at: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _TIMESTAMP_DIGITS):
        return False
    return abs(int(timestamp) - received_at.timestamp()) <= REPLAY_WINDOW_S


def _is_signed(signed: bytes, signature: str, public_key: str) -> bool:
    # Slow to import, and only the webhooks need it.
    from ecdsa.eddsa import PublicKey, generator_ed25519  # noqa: PLC0415
    from ecdsa.errors import MalformedPointError  # noqa: PLC0415
    from ecdsa.numbertheory import Error as NoSuchPoint  # noqa: PLC0415

    try:
        key = PublicKey(generator_ed25519, base64.b64decode(public_key, validate=True))
        return bool(key.verify(signed, base64.b64decode(signature, validate=True)))
    except (ValueError, MalformedPointError, NoSuchPoint):
        # Not base64, not of the right length, no point of the curve, or another signature.
        return False


MODULE = TelnyxModule()
