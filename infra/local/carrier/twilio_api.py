"""
Twilio's Messages API as published: error codes, bodies, webhook forms and the signature.

Written from Twilio's documentation (the Message resource, the error dictionary,
"Webhooks security", "Twilio's request to your incoming message webhook URL") and
independent of ``carillon``, so that it can judge it.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

API_VERSION = "2010-04-01"
MAX_BODY_CHARS = 1600
E164 = re.compile(r"\+[1-9]\d{6,14}")

# What the API answers to a request it does not take: code -> (HTTP status, message).
API_ERRORS: dict[int, tuple[int, str]] = {
    20003: (401, "Authenticate"),  # wrong account sid or auth token
    20004: (405, "Method not allowed"),
    20404: (404, "The requested resource {path} was not found"),
    20429: (429, "Too Many Requests"),  # never processed, safe to send again
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number: {to}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region of {to}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number provided ({sender}) is not message-capable"),
    21609: (400, "The 'StatusCallback' URL is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number is not currently reachable via SMS"),
    21614: (400, "'To' number {to} is not a valid mobile number"),  # a landline
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
    21659: (400, "'From' {sender} is not a Twilio phone number or Short Code country mismatch"),
    21701: (400, "The Messaging Service does not exist"),
    21704: (400, "The Messaging Service contains no phone numbers"),
}

# Why an accepted message was not delivered, with Twilio's words.
DELIVERY_ERRORS: dict[int, str] = {
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30034: "Message from an unregistered number",
}

_SINGLE_WORD_KEYWORDS = {
    # Twilio's default keywords: the whole text, in any case, and nothing else.
    "stop": ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"),
    "start": ("start", "yes", "unstop"),
    "help": ("help", "info"),
}
_KEYWORDS = {word: kind for kind, words in _SINGLE_WORD_KEYWORDS.items() for word in words}

CONFIRMATIONS = {
    "stop": (
        "You have successfully been unsubscribed. You will not receive any more "
        "messages from this number. Reply START to resubscribe."
    ),
    "start": (
        "You have successfully been re-subscribed to messages from this number. "
        "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
    ),
    "help": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def keyword_of(text: str) -> str:
    """Return ``stop``, ``start``, ``help`` or an empty string, as Twilio's default rules do."""
    return _KEYWORDS.get(text.strip().casefold(), "")


def status_of(code: int) -> int:
    """Return the HTTP status that goes with an API error *code*."""
    return API_ERRORS[code][0]


def error_body(code: int, **details: str) -> bytes:
    """Return Twilio's error JSON for *code*; *details* fill its message (``to``, ``sender``...)."""
    status, message = API_ERRORS[code]
    return json.dumps(
        {
            "code": code,
            "message": message.format(**{"to": "", "sender": "", "path": "", **details}),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
    ).encode()


def is_callback_url(url: str) -> bool:
    """Whether *url* is one that Twilio would call."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that is none
        return False
    return whole and not any(char.isspace() or not char.isprintable() for char in url)


def signature(auth_token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """
    Return the X-Twilio-Signature of a form post to *url*.

    HMAC-SHA1, in Base64, over the URL exactly as called (query string included)
    followed by each parameter's name and value, sorted by name, with nothing between.
    """
    signed = url + "".join(name + value for name, value in sorted(params))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def rfc2822(wall_s: float | None) -> str | None:
    """Return an epoch second as ``Thu, 24 Aug 2023 05:01:45 +0000``."""
    if wall_s is None:
        return None
    return format_datetime(datetime.fromtimestamp(int(wall_s), UTC))


def dlr_done_date(wall_s: float) -> str:
    """Return RawDlrDoneDate: YYMMDDhhmm, the minute of the carrier's receipt."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%y%m%d%H%M")


def message_uri(account_sid: str, sid: str) -> str:
    """Return the path of one message."""
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages/{sid}.json"


def list_uri(account_sid: str) -> str:
    """Return the path of the account's messages."""
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages.json"


_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")


def segments_of(text: str) -> int:
    """
    Return how many parts Twilio bills for *text*, with smart encoding off.

    160 septets alone and 153 a part (GSM-7), or 70 and 67 UTF-16 units. Neither an
    escape pair nor a surrogate pair is split across parts.
    """
    if all(char in _GSM_BASIC or char in _GSM_EXTENDED for char in text):
        sizes, alone, part = [2 if char in _GSM_EXTENDED else 1 for char in text], 160, 153
    else:
        sizes, alone, part = [2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67
    if sum(sizes) <= alone:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts


def receipt_form(
    *, account_sid: str, message: Any, status: str, error_code: int | None, wall_s: float
) -> list[tuple[str, str]]:
    """Return the parameters of a StatusCallback for *message* (a ``messages.Message``)."""
    form = [
        ("AccountSid", account_sid),
        ("ApiVersion", API_VERSION),
        ("From", message.sender),
        ("MessageSid", message.sid),
        ("MessageStatus", status),
        ("SmsSid", message.sid),
        ("SmsStatus", status),
        ("To", message.to),
    ]
    if message.service_sid:
        form.append(("MessagingServiceSid", message.service_sid))
    if error_code is not None:
        form.append(("ErrorCode", str(error_code)))
    if status in ("delivered", "undelivered"):
        form.append(("RawDlrDoneDate", dlr_done_date(wall_s)))
    return form


def inbound_form(
    *, account_sid: str, message: Any, opt_out_type: str = ""
) -> list[tuple[str, str]]:
    """Return the parameters of an incoming-message webhook. Unknown places stay blank."""
    form = [
        ("AccountSid", account_sid),
        ("ApiVersion", API_VERSION),
        ("Body", message.body),
        ("From", message.sender),
        ("FromCity", ""),
        ("FromCountry", "US"),
        ("FromState", ""),
        ("FromZip", ""),
        ("MessageSid", message.sid),
        ("NumMedia", "0"),
        ("NumSegments", str(message.segments)),
        ("SmsMessageSid", message.sid),
        ("SmsSid", message.sid),
        ("SmsStatus", "received"),
        ("To", message.to),
        ("ToCity", ""),
        ("ToCountry", "US"),
        ("ToState", ""),
        ("ToZip", ""),
    ]
    if message.service_sid:
        form.append(("MessagingServiceSid", message.service_sid))
    if opt_out_type:
        form.append(("OptOutType", opt_out_type))
    return form
