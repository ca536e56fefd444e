"""
Twilio's Messages API as published: endpoints, error codes, webhook forms and the signature.

Written from Twilio's documentation (the Message resource, the error dictionary,
"Webhooks security", "Twilio's request to your incoming message webhook URL") and
independent of ``carillon``, so that it can judge it.

Webhooks are signed form posts. Twilio retries once (``rc=1``) and only when the
connection could not be made (``rp=ct``); an answer of 4xx or 5xx and a read timeout are
not retried. A URL may change both in its fragment, ``#rc=3&rp=all`` or
``rp=ct,rt,4xx,5xx``. Source:
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from infra.local.carrier import twilio_log
from infra.local.carrier.dialect import Cause, Order, Refusal, ref_in
from infra.local.carrier.directory import E164, Directory, Number
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.messages import Message
from infra.local.carrier.twilio_log import API_VERSION, FAILURES
from infra.local.carrier.webhooks import (
    EVERY_FAILURE,
    Headers,
    Retries,
    Webhook,
    is_callback_url,
)

MAX_BODY_CHARS = 1600
_PATH = re.compile(rf"/{API_VERSION}/Accounts/([^/]+)/Messages(?:/([^/]+))?\.json")

# What the API answers to a request it does not take.
REFUSALS = (
    Refusal(20003, 401, "Authenticate", Cause.NOT_SIGNED_IN),  # wrong account sid or auth token
    Refusal(20004, 405, "Method not allowed", Cause.BAD_REQUEST),
    Refusal(20005, 401, "Account not active", Cause.ACCOUNT),
    Refusal(20404, 404, "The requested resource {path} was not found", Cause.NOT_FOUND),
    # Never processed, safe to send again.
    Refusal(20429, 429, "Too Many Requests", Cause.TOO_MANY_REQUESTS),
    Refusal(20500, 500, "An internal server error has occurred", Cause.SERVER_ERROR),
    Refusal(20503, 503, "Service unavailable", Cause.UNAVAILABLE),
    Refusal(21211, 400, "Invalid 'To' Phone Number: {to}", Cause.BAD_RECIPIENT),
    Refusal(
        21408,
        400,
        "Permission to send an SMS has not been enabled for the region of {to}",
        Cause.REGION,
    ),
    Refusal(21602, 400, "Message body is required.", Cause.BAD_REQUEST),
    Refusal(21603, 400, "A 'From' phone number is required.", Cause.BAD_REQUEST),
    Refusal(21604, 400, "A 'To' phone number is required.", Cause.BAD_REQUEST),
    Refusal(
        21606,
        400,
        "The 'From' phone number provided ({sender}) is not message-capable",
        Cause.BAD_SENDER,
    ),
    Refusal(21609, 400, "The 'StatusCallback' URL is not a valid URL.", Cause.BAD_REQUEST),
    Refusal(21610, 400, "Attempt to send to unsubscribed recipient", Cause.OPTED_OUT),
    Refusal(
        21611,
        400,
        "This 'From' number has exceeded the maximum number of queued messages",
        Cause.QUEUE_FULL,
    ),
    Refusal(21612, 400, "The 'To' phone number is not currently reachable via SMS", Cause.NO_ROUTE),
    Refusal(21614, 400, "'To' number {to} is not a valid mobile number", Cause.LANDLINE),
    Refusal(
        21659,
        400,
        "'From' {sender} is not a Twilio phone number or Short Code country mismatch",
        Cause.BAD_SENDER,
    ),
    Refusal(21701, 400, "The Messaging Service does not exist", Cause.BAD_SENDER),
    Refusal(21704, 400, "The Messaging Service contains no phone numbers", Cause.BAD_SENDER),
    Refusal(
        21617,
        400,
        "The concatenated message body exceeds the 1600 character limit.",
        Cause.BAD_REQUEST,
    ),
)
_BY_CODE = {refusal.code: refusal for refusal in REFUSALS}


@dataclass
class Account:
    """The credentials. Webhooks are signed with ``auth_token``; the others still sign in."""

    sid: str
    auth_token: str
    other_tokens: tuple[str, ...] = ()


class Twilio:
    """The dialect (``dialect.Dialect``)."""

    name = "twilio"
    refusals = REFUSALS
    failures = FAILURES

    def __init__(self, directory: Directory, credentials: Account) -> None:
        self._directory = directory
        self.credentials = credentials

    @property
    def account(self) -> str:
        """The account sid."""
        return self.credentials.sid

    def secret(self, base_url: str) -> dict[str, str]:
        """Return the fields of a Twilio account's secret."""
        token = self.credentials.auth_token
        return {"account_sid": self.account, "auth_token": token, "base_url": base_url}

    def serves(self, request: Request) -> bool:
        """Whether *request* is for this dialect."""
        return request.path.startswith(f"/{API_VERSION}/")

    def read(self, request: Request, arrived_wall_s: float) -> Order | Answer:
        """Return the order that *request* is, or the answer to anything else."""
        matched = _PATH.fullmatch(unquote(request.path))
        if matched is None:
            return _answer(20404, path=request.path)
        account_sid, sid = matched.groups()
        signed_in = self._signed_in(request, account_sid)
        if sid is None and request.method == "POST":
            order = _order(request.form(), arrived_wall_s)
            return order if signed_in else replace(order, signed_in=False)
        if not signed_in:
            return _answer(20003)
        if request.method != "GET":
            return _answer(20004)
        return self._list(request) if sid is None else self._fetch(sid, request.path)

    def _signed_in(self, request: Request, account_sid: str) -> bool:
        account = self.credentials
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        tokens = (account.auth_token, *account.other_tokens)
        right = any(hmac.compare_digest(token.encode(), one.encode()) for one in tokens)
        return scheme.lower() == "basic" and right and user == account_sid == account.sid

    def _fetch(self, sid: str, path: str) -> Answer:
        message = self._directory.log.get(sid, self.name)
        if message is None:
            return _answer(20404, path=path)
        return _json(200, twilio_log.resource(message, self.account))

    def _list(self, request: Request) -> Answer:
        log, query = self._directory.log, request.query_params()
        try:
            page = twilio_log.page(log, self.account, query, time.time())
        except twilio_log.BadQuery as error:
            body = {"code": 20001, "message": str(error), "more_info": "", "status": 400}
            return _json(400, body)
        return _json(200, page)

    def check(self, order: Order) -> tuple[Order, Refusal | None]:
        """Return *order* with its sender chosen, and what is wrong with it."""
        if order.service_sid and not order.sender:
            pool = self._directory.services.get(order.service_sid)
            if not pool:
                return order, _BY_CODE[21701 if pool is None else 21704]
            order = replace(order, sender=self._directory.from_pool(pool, order.to))
        code = self._wrong_with(order)
        return order, _BY_CODE[code] if code else None

    def _wrong_with(self, order: Order) -> int | None:
        number = self._directory.number(order.sender, self.name)
        url = order.status_callback
        wrong = (
            (not order.to, 21604),
            (not order.sender, 21603),
            (not E164.fullmatch(order.to) or order.to == order.sender, 21211),
            (not order.body and not order.media, 21602),
            (len(order.body) > MAX_BODY_CHARS, 21617),
            (number is None, 21659),
            (number is not None and not number.sms, 21606),
            (bool(url) and not is_callback_url(url), 21609),
        )
        return next((code for is_wrong, code in wrong if is_wrong), None)

    def accepted(self, message: Message) -> Answer:
        """Return 201 with the Message resource."""
        return _json(201, twilio_log.resource(message, self.account))

    def refuse(self, refusal: Refusal, order: Order, *, retry_after_s: float = 0) -> Answer:
        """Return Twilio's error JSON."""
        headers: Headers = []
        if retry_after_s:
            headers.append(("Retry-After", str(math.ceil(retry_after_s))))
        if refusal.cause is Cause.NOT_SIGNED_IN:
            headers.append(("WWW-Authenticate", 'Basic realm="Twilio API"'))
        return _refusal(refusal, headers, to=order.to, sender=order.sender)

    def new_id(self) -> str:
        """Return a message sid."""
        return f"SM{uuid.uuid4().hex}"

    def block_scope(self, sender: str) -> str:
        """Return *sender*: Twilio blocks pairs of numbers."""
        return sender

    def receipts(self, message: Message, status: str) -> list[Webhook]:
        """Return the StatusCallback, if the message has one."""
        if not message.status_callback:
            return []
        form = receipt_form(
            account_sid=self.account, message=message, status=status, wall_s=time.time()
        )
        return [
            Webhook(
                caller=self,
                purpose="receipt",
                content=form,
                sid=message.sid,
                phone=message.to,
                message_status=status,
                url=message.status_callback,
            )
        ]

    def inbound(self, message: Message, number: Number, handled: str) -> list[Webhook]:
        """Return the incoming-message webhook, if the number has one."""
        if not number.inbound_url:
            return []
        form = inbound_form(account_sid=self.account, message=message, opt_out_type=handled.upper())
        return [
            Webhook(
                caller=self,
                purpose="inbound",
                content=form,
                sid=message.sid,
                phone=message.sender,
                message_status="received",
                url=number.inbound_url,
            )
        ]

    def encode(
        self,
        webhook: Webhook,
        token: str,
        attempt: int,  # noqa: ARG002  # other dialects count
    ) -> tuple[Headers, bytes]:
        """Return a signed form post."""
        form: list[tuple[str, str]] = webhook.content
        signed_url = webhook.url.partition("#")[0]
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("User-Agent", "TwilioProxy/1.1"),
            ("I-Twilio-Idempotency-Token", token),
            ("X-Twilio-Signature", signature(self.credentials.auth_token, signed_url, form)),
        ]
        return headers, urlencode(form).encode()

    def retries(self, webhook: Webhook) -> Retries:
        """Return one retry when there was no connection, or what the URL's fragment asks for."""
        overrides = parse_qs(urlsplit(webhook.url).fragment)
        count = overrides.get("rc", ["1"])[0]
        after = frozenset(overrides.get("rp", ["ct"])[0].split(","))
        return Retries(
            count=min(int(count), 5) if count.isdecimal() else 1,
            after=EVERY_FAILURE if "all" in after else after,
        )


def _order(form: dict[str, list[str]], arrived_wall_s: float) -> Order:
    def one(name: str) -> str:
        return form.get(name, [""])[-1]

    return Order(
        arrived_wall_s=arrived_wall_s,
        to=one("To"),
        sender=one("From"),
        body=one("Body"),
        ref=ref_in(one("StatusCallback")),
        status_callback=one("StatusCallback"),
        service_sid=one("MessagingServiceSid"),
        media=len(form.get("MediaUrl", [])),
    )


def _json(status: int, body: object, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    every = (("Twilio-Request-Id", f"RQ{uuid.uuid4().hex}"), ("Twilio-Concurrent-Requests", "1"))
    return Answer(status, json.dumps(body).encode(), (*every, *headers))


def _answer(code: int, **details: str) -> Answer:
    challenge = [("WWW-Authenticate", 'Basic realm="Twilio API"')] if code == 20003 else []
    return _refusal(_BY_CODE[code], challenge, **details)


def _refusal(refusal: Refusal, headers: Headers, **details: str) -> Answer:
    message = refusal.message.format(**{"to": "", "sender": "", "path": "", **details})
    body = {
        "code": refusal.code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": refusal.status,
    }
    return _json(refusal.status, body, headers)


def signature(auth_token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """
    Return the X-Twilio-Signature of a form post to *url*.

    HMAC-SHA1, in Base64, over the URL exactly as called (query string included)
    followed by each parameter's name and value, sorted by name, with nothing between.
    """
    signed = url + "".join(name + value for name, value in sorted(params))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def dlr_done_date(wall_s: float) -> str:
    """Return RawDlrDoneDate: YYMMDDhhmm, the minute of the carrier's receipt."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%y%m%d%H%M")


def receipt_form(
    *, account_sid: str, message: Message, status: str, wall_s: float
) -> list[tuple[str, str]]:
    """Return the parameters of a StatusCallback for *message*."""
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
    if message.error_code is not None and status not in ("queued", "sent"):
        form.append(("ErrorCode", str(message.error_code)))
    if status in ("delivered", "undelivered"):
        form.append(("RawDlrDoneDate", dlr_done_date(wall_s)))
    return form


def inbound_form(
    *, account_sid: str, message: Message, opt_out_type: str = ""
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
