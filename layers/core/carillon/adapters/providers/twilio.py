"""
Twilio's Messages API (2010-04-01) and its webhooks.

https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/usage/webhooks/webhooks-security. Checked against
Twilio's own SDK in tests/contracts; the SDK itself is too large for a function.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

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

DEFAULT_BASE_URL = "https://api.twilio.com"
# With send_lead.CLAIM_MAX_AGE_S these bound how long a claim can still become a message.
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0
_PAGE = 50
# What a trial account puts before every text.
_TRIAL_PREFIX = "Sent from your Twilio trial account - "
_DEFAULT_BACKOFF_S = 1.0
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

# https://www.twilio.com/docs/api/errors
_ACCOUNT_CODES = frozenset(
    {
        "20003",  # wrong credentials, or the account is suspended
        "20005",  # account not active
        "20006",  # access to the resource denied
        "20404",  # no such account
        "21606",  # the From number is not ours or cannot send
        "21659",  # the From number is not a Twilio number of this account
        "21660",  # the From number belongs to another account
        "30002",  # account suspended
    }
)
_TRANSIENT_CODES = frozenset(
    {
        "14107",  # message rate exceeded
        "20429",  # too many requests
        "21611",  # this From number's queue is full (more than four hours of messages)
        "30001",  # queue overflow
    }
)


@dataclass(frozen=True, kw_only=True)
class TwilioCredentials:
    """One account. ``previous_auth_token`` still verifies webhooks while a token is rotated."""

    account_sid: str
    auth_token: str
    previous_auth_token: str = ""
    base_url: str = DEFAULT_BASE_URL

    @classmethod
    def from_secret(cls, secret: Mapping[str, str]) -> "TwilioCredentials":
        """Return the credentials that a sender's secret holds."""
        return cls(
            account_sid=secret["account_sid"],
            auth_token=secret["auth_token"],
            previous_auth_token=secret.get("previous_auth_token", ""),
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
        form = urlencode(
            {
                "From": message.sender,
                "To": message.recipient,
                "Body": message.text,
                "StatusCallback": message.status_callback,
            }
        )
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
        # No filter by DateSent: a message that is still queued has none.
        query = urlencode({"To": recipient, "From": sender, "PageSize": _PAGE})
        try:
            log = self._get(f"{self._url}.json?{query}")
            return _newest(log["messages"], text_digest, since, known_ids)
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
    """Return the error that Twilio's refusal means; see the tables above."""
    code = str(_json(answer.data).get("code") or answer.status)
    if answer.status == 429 or code in _TRANSIENT_CODES:
        wait = answer.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isdigit() else _DEFAULT_BACKOFF_S
        return Throttled("Twilio asks us to slow down.", retry_after_s=seconds)
    if answer.status >= 500:
        # Twilio documents a 5xx as unknown: the message may have been created.
        return OutcomeUnknown("Twilio failed while answering.", provider_code=str(answer.status))
    # 21xxx other than those of the account are about this one message, whatever the status.
    about_message = code.startswith("21") and code not in _ACCOUNT_CODES
    if code in _ACCOUNT_CODES or (answer.status in (401, 403) and not about_message):
        return AccountBlocked("Twilio refuses our account or number.", provider_code=code)
    return Rejected("Twilio refused the message.", provider_code=code)


def _newest(
    entries: list[Mapping[str, Any]],
    text_digest: str,
    since: datetime,
    known_ids: frozenset[str],
) -> ProviderRecord | None:
    """
    Return the first of *entries* that has the digest and is neither too old nor known.

    Raises ValueError when there are others: an account may redact texts, shorten links or
    fold letters, so one of them may be the one.
    """
    recent = [
        entry
        for entry in entries
        if str(entry["sid"]) not in known_ids
        and parsedate_to_datetime(entry["date_created"]).astimezone(UTC) >= since
    ]
    for entry in recent:
        if digest_of((entry.get("body") or "").removeprefix(_TRIAL_PREFIX)) == text_digest:
            return _record(entry)
    if recent:
        raise ValueError("a message that is none we know of")
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


def is_signed(url: str, params: Params, given: str, credentials: TwilioCredentials) -> bool:
    """
    Whether *given* is the signature by the present or the previous token; timing-safe.

    Twilio signs an address now with its port, now without (its SDK accepts both).
    """
    tokens = [t for t in (credentials.auth_token, credentials.previous_auth_token) if t]
    matches = [
        hmac.compare_digest(signature(spelling, params, token).encode(), given.encode())
        for token in tokens
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
    return Receipt(
        ref=sent.row,
        claim_id=sent.claim_id,
        phone=_one(params, "To"),
        provider_id=_one(params, "MessageSid") or _one(params, "SmsSid"),
        status=_STATUS[word],
        received_at=received_at,
        error_code=_one(params, "ErrorCode") or None,
    )


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
    )


def _one(params: Params, name: str) -> str:
    values = params.get(name) or [""]
    return values[0]
