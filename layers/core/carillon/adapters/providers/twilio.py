"""
Twilio's Messages API (2010-04-01) and its webhooks.

https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/usage/webhooks/webhooks-security. Checked against
Twilio's own SDK in tests/contracts; the SDK itself is too large for a function.

Secret: ``account_sid``, ``auth_token``; ``previous_auth_token`` while a token is rotated;
``base_url`` for another API than Twilio's own. Webhooks are signed with the token (HMAC-SHA1
over address and form). Our reference travels in each message's own callback address. The log
holds the text, so it can tell whether a message was taken, unless the account redacts texts.
A sender whose address begins with MG is a messaging service, which chooses the number.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from carillon.adapters.providers.contract import (
    CONNECT_TIMEOUT_S,
    POSTED,
    READ_TIMEOUT_S,
    MediaAccess,
    ProviderModule,
    Secret,
    WebhookAnswer,
    WebhookCall,
    basic,
)
from carillon.adapters.providers.forms import form_encoded
from carillon.domain.errors import (
    AccountBlocked,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Throttled,
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
from carillon.domain.provider_codes import CodeKind, lookup
from carillon.domain.provider_codes.twilio import CODES

DEFAULT_BASE_URL = "https://api.twilio.com"
_PAGE = 50
# Twilio keeps a message for ten hours at most.
_LONGEST_VALID_S = 36_000
# What a trial account puts before every text.
_TRIAL_PREFIX = "Sent from your Twilio trial account - "
_DEFAULT_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 3600.0
# By itself Twilio calls again only when it could not connect, so that one 5xx of ours would
# lose a receipt; an answer that is late has used up the 15 s of all tries. The fragment is
# neither sent nor signed: Twilio signs the address up to the end of its query, which is all
# that a server, and Twilio's own validator in it, ever sees.
# https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
_RETRIES = "#rc=3&rp=ct,5xx"
_DEFAULT_PORTS = {"http": 80, "https": 443}

# Message statuses: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
_STATUS = {
    "accepted": LeadStatus.SUBMITTED,  # taken, a sender is being chosen
    "scheduled": LeadStatus.SUBMITTED,  # taken, to go out later
    "queued": LeadStatus.SUBMITTED,  # taken, waiting for its turn
    "sending": LeadStatus.SUBMITTED,  # on its way to the carrier
    "sent": LeadStatus.SUBMITTED,  # the carrier has it
    "delivered": LeadStatus.DELIVERED,  # the carrier confirms the handset, where it can
    "read": LeadStatus.DELIVERED,  # WhatsApp and RCS: delivered and seen
    "undelivered": LeadStatus.FAILED,  # the carrier could not deliver
    "failed": LeadStatus.FAILED,  # Twilio could not send
    "canceled": LeadStatus.FAILED,  # called off while scheduled
}


@dataclass(frozen=True, kw_only=True)
class TwilioCredentials:
    """One account, as the API knows it."""

    account_sid: str
    auth_token: str
    base_url: str = DEFAULT_BASE_URL

    @classmethod
    def from_secret(cls, secret: Mapping[str, str]) -> "TwilioCredentials":
        """Return the credentials that a sender's secret holds."""
        return cls(
            account_sid=secret["account_sid"],
            auth_token=secret["auth_token"],
            base_url=secret.get("base_url") or DEFAULT_BASE_URL,
        )


class Twilio:
    """Implements ``ports.MessageProvider`` over one account."""

    def __init__(
        self,
        credentials: TwilioCredentials,
        pool: urllib3.PoolManager,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._pool = pool
        self._timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s)
        self._url = f"{credentials.base_url}/2010-04-01/Accounts/{credentials.account_sid}/Messages"
        self._headers = urllib3.make_headers(
            basic_auth=f"{credentials.account_sid}:{credentials.auth_token}",
            keep_alive=True,
            user_agent="carillon",
        )

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        form = form_encoded(_fields(message))
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = self._request("POST", f"{self._url}.json", body=form, headers=headers)
        except (NewConnectionError, ConnectTimeoutError, NameResolutionError) as error:
            # Nothing left this machine.
            raise Unavailable("Twilio cannot be reached.", provider_code="unreachable") from error
        except HTTPError as error:
            # The request may have arrived: whether it was taken, only Twilio knows.
            raise OutcomeUnknown(
                "Twilio did not answer.", provider_code=type(error).__name__
            ) from error
        return _accepted(answer)

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """Return the newest such message of Twilio's log, or None if it never took it."""
        # No filter by DateSent: a message that is still queued has none. A service is no
        # filter of the log, and the number that it chose is not known.
        by_sender = {} if _is_service(sender) else {"From": sender}
        query = urlencode({"To": recipient, **by_sender, "PageSize": _PAGE})
        try:
            log = self._get(f"{self._url}.json?{query}")
            entries = log["messages"]
            recent = _recent(entries, since)
            if log.get("next_page_uri") and len(recent) == len(entries):
                raise _unclear()
            return _newest(_sent_by(sender, recent), text_digest, known_ids)
        except (NotFound, KeyError, TypeError, ValueError) as error:
            # Taken for an empty log, an answer that is not Twilio's would send a message twice.
            raise Unavailable("Twilio's log cannot be read.") from error

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state from Twilio's log; raises NotFound, Unavailable."""
        try:
            return _record(self._get(f"{self._url}/{provider_id}.json"))
        except KeyError as error:
            raise Unavailable("Twilio's log cannot be read.") from error

    def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = self._request("GET", url, headers=self._headers)
        except HTTPError as error:
            raise Unavailable("Twilio's log cannot be read.") from error
        if answer.status == 404:
            raise NotFound("Twilio knows no such message.", code="provider_message_not_found")
        if answer.status != 200:
            raise Unavailable("Twilio's log cannot be read.", provider_code=str(answer.status))
        return _json(answer.data)

    def _request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                method,
                url,
                body=body,
                headers=dict(headers),
                retries=False,
                redirect=False,
                timeout=self._timeout,
            )
        except MaxRetryError as error:
            if isinstance(error.reason, HTTPError):
                raise error.reason from error
            raise


def _accepted(answer: urllib3.BaseHTTPResponse) -> Accepted:
    if answer.status == 201:
        body = _json(answer.data)
        if "sid" in body:
            return Accepted(provider_id=str(body["sid"]))
    if answer.status < 400:
        # Not an answer that Twilio documents, and no refusal either.
        code = str(answer.status)
        raise OutcomeUnknown("Twilio accepted without naming the message.", provider_code=code)
    raise _refusal(answer)


def _refusal(answer: urllib3.BaseHTTPResponse) -> Exception:
    """Return the error that Twilio's refusal means; what a code means is in its table."""
    code = str(_json(answer.data).get("code") or answer.status)
    kind = lookup(code).kind
    if answer.status == 429 or kind is CodeKind.TRANSIENT:
        return Throttled("Twilio asks us to slow down.", retry_after_s=_backoff_s(answer))
    if answer.status >= 500:
        # Twilio documents a 5xx as unknown: the message may have been created.
        return OutcomeUnknown("Twilio failed while answering.", provider_code=str(answer.status))
    # A code that is not the account's is about this one message, whatever the status.
    about_message = code in CODES or code.startswith("21")
    if kind is CodeKind.ACCOUNT or (answer.status in (401, 403) and not about_message):
        return AccountBlocked("Twilio refuses our account or number.", provider_code=code)
    return Rejected("Twilio refused the message.", provider_code=code)


def _backoff_s(answer: urllib3.BaseHTTPResponse) -> float:
    """Return how long the answer asks us to wait: seconds, or a date to hold against its own."""
    wait = answer.headers.get("Retry-After", "")
    if wait.isdecimal():
        return min(float(wait), _LONGEST_BACKOFF_S)
    try:
        until, now = (parsedate_to_datetime(d) for d in (wait, answer.headers.get("Date", "")))
        seconds = (until - now).total_seconds()
    except (ValueError, TypeError):
        return _DEFAULT_BACKOFF_S
    return min(seconds, _LONGEST_BACKOFF_S) if seconds > 0 else _DEFAULT_BACKOFF_S


def _fields(message: Outgoing) -> list[tuple[str, str]]:
    """Return the form that creates *message*."""
    sender = "MessagingServiceSid" if _is_service(message.sender) else "From"
    fields = [(sender, message.sender), ("To", message.recipient)]
    if message.text or not message.media_urls:
        fields.append(("Body", message.text))
    fields += [("MediaUrl", url) for url in message.media_urls]
    if message.status_callback:
        fields.append(("StatusCallback", message.status_callback + _RETRIES))
    if message.valid_for_s is not None:
        valid_for_s = min(max(message.valid_for_s, 1), _LONGEST_VALID_S)
        fields.append(("ValidityPeriod", str(valid_for_s)))
    return fields


def _is_service(sender: str) -> bool:
    return sender.startswith("MG")


_Entries = Sequence[Mapping[str, Any]]


def _unclear() -> Unavailable:
    return Unavailable("Twilio's log cannot tell.", provider_code="log_unclear")


def _recent(entries: _Entries, since: datetime) -> _Entries:
    """Return those of *entries*, newest first, that were created at or after *since*."""
    return [
        entry
        for entry in entries
        if parsedate_to_datetime(entry["date_created"]).astimezone(UTC) >= since
    ]


def _sent_by(sender: str, entries: _Entries) -> _Entries:
    """Return those of *entries* that *sender* sent; the log has been asked for a number's own."""
    if not _is_service(sender):
        return entries
    return [entry for entry in entries if entry["messaging_service_sid"] == sender]


def _newest(
    entries: _Entries, text_digest: str, known_ids: frozenset[str]
) -> ProviderRecord | None:
    """
    Return the first of *entries* that has the digest and is not known, or None if all are known.

    Raises Unavailable when there are others: an account may redact texts, shorten links or
    fold letters, so one of them may be the one.
    """
    unknown = [entry for entry in entries if str(entry["sid"]) not in known_ids]
    for entry in unknown:
        if digest_of((entry.get("body") or "").removeprefix(_TRIAL_PREFIX)) == text_digest:
            return _record(entry)
    if unknown:
        raise _unclear()
    return None


def _record(entry: Mapping[str, Any]) -> ProviderRecord:
    code = entry.get("error_code")
    return ProviderRecord(
        provider_id=str(entry["sid"]),
        status=_STATUS.get(str(entry["status"]), LeadStatus.SUBMITTED),
        error_code=str(code) if code else None,
    )


def _json(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


# Webhooks ---------------------------------------------------------------------

Params = Mapping[str, Sequence[str]]
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
_MOST_MEDIA = 10
_COUNT = re.compile(r"[0-9]{1,6}")
_AMOUNT = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class TwilioModule:
    """Implements ``contract.ProviderModule``."""

    name = "twilio"
    webhook_methods = POSTED
    status_answer = WebhookAnswer(204)
    inbound_answer = WebhookAnswer(200, "text/xml", _EMPTY_TWIML)

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> Twilio:
        """Return the account that *secret* opens; raises KeyError for a missing field."""
        return Twilio(TwilioCredentials.from_secret(secret), pool)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Whether *call* is a form signed with the present or the previous token."""
        given = call.headers.get("x-twilio-signature", "")
        content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not given or content_type != _FORM:
            return False
        tokens = (secret.get("auth_token", ""), secret.get("previous_auth_token", ""))
        try:
            return is_signed(call.url, self.payload(call), given, tokens)
        except ValueError:
            # Bytes that are no text, or a header that is none: no signature can be right.
            return False

    def payload(self, call: WebhookCall) -> dict[str, list[str]]:
        """Return the form's fields, blank ones too; ValueError when Twilio sends none such."""
        return parse_qs(
            call.body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the one receipt of a status callback."""
        return [parse_receipt(payload, ref, received_at)]

    def media_access(self, secret: Secret) -> MediaAccess:
        """Return how files are fetched: from the API with the account's token, then its CDN."""
        # https://www.twilio.com/docs/messaging/api/media-resource: every media address asks who
        # it is, and points on to a copy at mms.twiliocdn.com that is signed for four hours.
        of_base_url = urlsplit(secret.get("base_url", "")).hostname
        own = ("api.twilio.com", *([of_base_url] if of_base_url else []))
        header = basic(secret["account_sid"], secret["auth_token"])
        return MediaAccess(
            hosts=own,
            own_hosts=own,
            redirect_hosts=("*.twiliocdn.com",),
            authorization=lambda: header,
        )

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the one inbound message."""
        return [parse_reply(payload, sender_id, received_at)]


MODULE: ProviderModule = TwilioModule()


def signature(url: str, params: Params, auth_token: str) -> str:
    """
    Return the X-Twilio-Signature of a form post to *url* (public, with its query).

    HMAC-SHA1 over the URL followed by every name and value, names sorted,
    repeated values sorted and named once each, blank values kept.
    """
    signed = url + "".join(
        name + value for name in sorted(params) for value in sorted(set(params[name]))
    )
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_signed(url: str, params: Params, given: str, tokens: Sequence[str]) -> bool:
    """
    Whether *given* is the signature by one of *tokens* that are not empty; timing-safe.

    Twilio signs an address now with its port, now without (its SDK accepts both).
    """
    matches = [
        hmac.compare_digest(signature(spelling, params, token).encode(), given.encode())
        for token in tokens
        if token
        for spelling in _spellings(url)
    ]
    return any(matches)


def _spellings(url: str) -> set[str]:
    """Return *url* as it is, without a port and with one."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    hosts = (parts.hostname or "", f"{parts.hostname}:{port}")
    return {url, *(parts._replace(netloc=host).geturl() for host in hosts)}


def parse_receipt(params: Params, ref: str, received_at: datetime) -> Receipt:
    """
    Return the receipt that a status callback carries.

    Raises InvalidInput for a reference that is not ours (``bad_ref``) or a
    status that Twilio does not document (``unknown_status``).
    """
    word = _one(params, "MessageStatus") or _one(params, "SmsStatus")
    if word not in _STATUS:
        raise InvalidInput("Unknown message status.", field="MessageStatus", code="unknown_status")
    sent = CallbackRef.parse(ref)
    cost_micros, currency = _price(params)
    return Receipt(
        ref=sent.row,
        claim_id=sent.claim_id,
        phone=_one(params, "To"),
        provider_id=_one(params, "MessageSid") or _one(params, "SmsSid"),
        status=_STATUS[word],
        received_at=received_at,
        error_code=_one(params, "ErrorCode") or None,
        # A messaging service tells 0 until it has chosen a number.
        segments=_count(params, "NumSegments") or None,
        cost_micros=cost_micros,
        currency=currency,
    )


def _price(params: Params) -> tuple[int | None, str]:
    """Return the price in millionths and its currency; Twilio tells it as a negative amount."""
    price, currency = _one(params, "Price"), _one(params, "PriceUnit").upper()
    if not (currency and _AMOUNT.fullmatch(price)):
        return None, ""
    return abs(round(Decimal(price) * 1_000_000)), currency


def parse_reply(params: Params, sender_id: str, received_at: datetime) -> Reply:
    """Return the inbound message that a webhook carries; InvalidInput without sid or sender."""
    sid, phone = _one(params, "MessageSid"), _one(params, "From")
    if not (sid and phone):
        raise InvalidInput("An inbound message needs MessageSid and From.", code="bad_inbound")
    return Reply(
        provider="twilio",
        provider_id=sid,
        sender_id=sender_id,
        phone=phone,
        body=_one(params, "Body"),
        received_at=received_at,
        # Set when Twilio's own opt-out handling has answered STOP, START or HELP.
        handled_by_provider=bool(_one(params, "OptOutType")),
        provider_keyword=_one(params, "OptOutType").lower(),
        media_urls=_media(params),
    )


def _media(params: Params) -> tuple[str, ...]:
    named = range(min(_count(params, "NumMedia"), _MOST_MEDIA))
    return tuple(url for url in (_one(params, f"MediaUrl{n}") for n in named) if url)


def _count(params: Params, name: str) -> int:
    """Return the count in a field, 0 when there is none."""
    text = _one(params, name)
    return int(text) if _COUNT.fullmatch(text) else 0


def _one(params: Params, name: str) -> str:
    values = params.get(name) or [""]
    return values[0]
