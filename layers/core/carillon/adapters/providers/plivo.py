"""
Plivo's Message API (v1) and its webhooks.

https://www.plivo.com/docs/messaging/api/messages,
https://www.plivo.com/docs/messaging/api/message/message-status-callbacks,
https://www.plivo.com/docs/messaging/api/message/handling-incoming and
https://www.plivo.com/docs/messaging/concepts/signature-validation.

Secret: ``auth_id`` and ``auth_token`` (an account's or a subaccount's); while the token is
rotated ``previous_auth_token``; ``base_url`` for tests; ``webhook_signature`` ("v3") to refuse
calls that have only the older signature.

Signature: HMAC-SHA256 with the token. V3 covers address, query, form and a nonce, V2 the
address without its query and a nonce, so that whoever overhears one V2 call may forge others.
Plivo documents V2 for messages and V3 for calls; its SDK verifies either. A V3 signature, where
there is one, decides alone. Neither scheme has a timestamp: replays are harmless because
receipts and inbound messages are recorded once.

Our reference travels in the address of each message (``url``).

The log can be searched by recipient and time, but never shows a text. It can thus say that
there was no message to that person; of one that is none we know it cannot say whether it is
ours (``log_unclear``).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import urllib3

from carillon.adapters.providers.contract import (
    POSTED,
    READ_TIMEOUT_S,
    MediaAccess,
    Secret,
    WebhookAnswer,
    WebhookCall,
    basic,
)
from carillon.adapters.providers.fields import (
    code_of,
    form_of,
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
from carillon.domain.errors import InvalidInput
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Outgoing, ProviderRecord, Receipt, Reply
from carillon.domain.provider_codes import stored_code
from carillon.domain.provider_codes.plivo import CODES

NAME = "plivo"
DEFAULT_BASE_URL = "https://api.plivo.com"
# The most that Plivo gives on one page.
_PAGE = 20
# Of a message in Plivo's queue; without a word from us it is the longest and one second more.
# https://support.plivo.com/hc/en-us/articles/14814454609561-Message-Expiry
_SHORTEST_VALIDITY_S = 5
_LONGEST_VALIDITY_S = 10_799
_NO_ERROR = frozenset({"", "0", "000"})
_MEDIA = re.compile(r"Media(\d+)")

_STATUS = {
    "queued": LeadStatus.SUBMITTED,  # taken, waiting for its turn
    "sent": LeadStatus.SUBMITTED,  # the carrier has it
    "delivered": LeadStatus.DELIVERED,  # the carrier confirms
    "read": LeadStatus.DELIVERED,  # WhatsApp: delivered and seen
    "failed": LeadStatus.FAILED,  # Plivo or the carrier would not take it
    "undelivered": LeadStatus.FAILED,  # the carrier could not deliver
    "rejected": LeadStatus.FAILED,  # refused (in older accounts)
}


class PlivoAccount:
    """Implements ``ports.MessageProvider`` over one account."""

    def __init__(
        self,
        secret: Secret,
        pool: urllib3.PoolManager,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        login = f"{secret['auth_id']}:{secret['auth_token']}"
        headers = urllib3.make_headers(basic_auth=login, keep_alive=True)
        self._rest = RestAccount(NAME, pool, headers, read_timeout_s=read_timeout_s)
        base_url = secret.get("base_url") or DEFAULT_BASE_URL
        self._url = f"{base_url}/v1/Account/{secret['auth_id']}/Message/"

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        answer = self._rest.post(self._url, _request(message))
        if answer.status >= 400:
            raise by_table(NAME, CODES, answer, str(answer.status))
        ids = json_or_empty(answer.data).get("message_uuid")
        if answer.status == 202 and isinstance(ids, list) and ids and isinstance(ids[0], str):
            return Accepted(provider_id=ids[0])
        raise self._rest.unnamed(answer)

    def find(
        self,
        *,
        sender: str,  # noqa: ARG002
        recipient: str,
        text_digest: str,  # noqa: ARG002
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """
        Return None when the log has no message to *recipient* that we do not know.

        Any other is ``log_unclear``: the log hides texts. That it was sent from elsewhere than
        *sender* proves nothing, because carriers make Plivo replace sender names.
        """
        query = urlencode(
            {
                "to_number": recipient,
                "message_direction": "outbound",
                "message_time__gte": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                "limit": _PAGE,
            }
        )
        log = self._rest.get(f"{self._url}?{query}")
        entries, meta = log.get("objects"), log.get("meta")
        if not isinstance(entries, list) or not isinstance(meta, dict):
            # Taken for an empty log, an answer that is not Plivo's would send a message twice.
            raise self._rest.unreadable("log_unreadable")
        ids = {entry.get("message_uuid") if isinstance(entry, dict) else None for entry in entries}
        if meta.get("next") or len(entries) >= _PAGE or ids - known_ids:
            raise self._rest.unreadable("log_unclear")
        return None

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state from Plivo's log; raises NotFound, Unavailable."""
        entry = self._rest.get(f"{self._url}{quote(provider_id, safe='')}/")
        if text_of(entry, "message_uuid") != provider_id:
            raise self._rest.unreadable("log_unreadable")
        word = text_of(entry, "message_state")
        return ProviderRecord(
            provider_id=provider_id,
            status=_STATUS.get(word, LeadStatus.SUBMITTED),
            error_code=_error_code(text_of(entry, "error_code")),
        )


def _request(message: Outgoing) -> dict[str, Any]:
    body: dict[str, Any] = {
        "src": message.sender,
        "dst": message.recipient,
        "text": message.text,
        "type": "sms",
        "url": message.status_callback,
        "method": "POST",
        # Numbers are stored, whatever the account's setting: the log is searched by them.
        "log": "true",
    }
    if message.media_urls:
        body |= {"type": "mms", "media_urls": list(message.media_urls)}
    if message.valid_for_s is not None and message.valid_for_s <= _LONGEST_VALIDITY_S:
        body["message_expiry"] = max(message.valid_for_s, _SHORTEST_VALIDITY_S)
    return body


def _error_code(word: str) -> str | None:
    code = code_of(word)
    return None if code in _NO_ERROR else stored_code(NAME, code)


# Webhooks ---------------------------------------------------------------------


class Plivo:
    """Implements ``contract.ProviderModule``."""

    name = NAME
    webhook_methods = POSTED
    status_answer = WebhookAnswer()
    # Plivo would send on what it finds in a Message element; there is none.
    inbound_answer = WebhookAnswer(content_type="application/xml", body="<Response></Response>")

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> PlivoAccount:
        """Return the account that *secret* opens; KeyError for a missing field."""
        return PlivoAccount(secret, pool)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Whether Plivo signed *call*, by V3 where it has that, else by V2 where we allow it."""
        tokens = secrets_of(secret, "auth_token")
        if call.method != "POST" or not tokens:
            return False
        try:
            given, signed = _signatures(call, only_v3=secret.get("webhook_signature") == "v3")
        except ValueError:
            # Not a form: nothing that Plivo would have signed.
            return False
        right = [
            hmac.compare_digest(_hmac(signed, token), word) for token in tokens for word in given
        ]
        return any(right)

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Return the form's fields; ValueError for junk."""
        return dict(form_of(call.body))

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the one receipt that a status callback is."""
        status = status_of(text_of(payload, "Status"), _STATUS)
        sent = reference_of(ref)
        cost_micros = micros(text_of(payload, "TotalAmount"))
        return [
            Receipt(
                ref=sent.row,
                claim_id=sent.claim_id,
                provider_id=text_of(payload, "MessageUUID"),
                status=status,
                received_at=received_at,
                error_code=_error_code(text_of(payload, "ErrorCode")),
                phone=with_plus(text_of(payload, "To")),
                segments=whole(text_of(payload, "Units")),
                cost_micros=cost_micros,
                # Plivo's price lists and balances are in US dollars alone.
                currency="USD" if cost_micros is not None else "",
            )
        ]

    def media_access(self, secret: Secret) -> MediaAccess:
        """Return how files are fetched: by anybody, or with the token where Plivo asks for it."""
        # The documentation of incoming messages names neither host nor credentials; the account's
        # token is documented for the API, and for recordings at the second one.
        header = basic(secret["auth_id"], secret["auth_token"])
        return MediaAccess(
            own_hosts=("api.plivo.com", "media.plivo.com"),
            authorization=lambda: header,
        )

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the one inbound message; Plivo has answered what it calls a MessageIntent."""
        provider_id = text_of(payload, "MessageUUID")
        phone = with_plus(text_of(payload, "From"))
        if not (provider_id and phone):
            raise InvalidInput("An inbound message needs its id and sender.", code="bad_inbound")
        intent = text_of(payload, "MessageIntent").lower()
        return [
            Reply(
                provider=NAME,
                provider_id=provider_id,
                sender_id=sender_id,
                phone=phone,
                body=text_of(payload, "Text") or text_of(payload, "Body"),
                received_at=received_at,
                handled_by_provider=bool(intent),
                provider_keyword=_KEYWORDS.get(intent, intent),
                media_urls=_media_urls(payload),
            )
        ]


# Our words for the intents that Plivo recognises.
_KEYWORDS = {"optout": "stop", "optin": "start", "help": "help"}


def _media_urls(payload: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = [int(found[1]) for name in payload if (found := _MEDIA.fullmatch(name))]
    return tuple(url for number in sorted(numbers) if (url := text_of(payload, f"Media{number}")))


def signature_v3(url: str, params: Mapping[str, list[str]], nonce: str, token: str) -> str:
    """
    Return the X-Plivo-Signature-V3 of a form post.

    HMAC-SHA256 over address, "?", sorted query, "." (if there are both), the names and values
    of the form, names sorted and the values of each, then "." and the nonce.
    """
    return _hmac(_signed_v3(url, params, nonce), token).decode()


def signature_v2(url: str, nonce: str, token: str) -> str:
    """Return the X-Plivo-Signature-V2: HMAC-SHA256 over the address without query, and nonce."""
    return _hmac(_signed_v2(url, nonce), token).decode()


def _signatures(call: WebhookCall, *, only_v3: bool) -> tuple[list[bytes], str]:
    """Return the signatures given with *call* and what they should sign; ValueError for junk."""
    nonce = call.headers.get("x-plivo-signature-v3-nonce", "")
    given = _words(call.headers, "x-plivo-signature-v3", "x-plivo-signature-ma-v3")
    if given and nonce:
        return given, _signed_v3(call.url, form_of(call.body), nonce)
    nonce = call.headers.get("x-plivo-signature-v2-nonce", "")
    if given or only_v3 or not nonce:
        return [], ""
    given = _words(call.headers, "x-plivo-signature-v2", "x-plivo-signature-ma-v2")
    return given, _signed_v2(call.url, nonce)


def _words(headers: Mapping[str, str], *names: str) -> list[bytes]:
    """Return the comma-separated words of the headers *names*."""
    given = [word for name in names for word in headers.get(name, "").split(",")]
    return [word.encode() for word in given if word]


def _signed_v3(url: str, params: Mapping[str, list[str]], nonce: str) -> str:
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    words = [f"{name}={value}" for name in sorted(query) for value in sorted(query[name])]
    signed = _without_query(url)
    if words or params:
        signed += "?" + "&".join(words)
    if words and params:
        signed += "."
    form = "".join(name + value for name in sorted(params) for value in sorted(params[name]))
    return f"{signed}{form}.{nonce}"


def _signed_v2(url: str, nonce: str) -> str:
    return _without_query(url) + nonce


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _hmac(signed: str, token: str) -> bytes:
    digest = hmac.new(token.encode(), signed.encode(errors="replace"), hashlib.sha256).digest()
    return base64.b64encode(digest)


MODULE = Plivo()
