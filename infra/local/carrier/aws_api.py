"""
AWS End User Messaging SMS as published: operations, exceptions and events.

Written from the service model of ``pinpoint-sms-voice-v2`` (2022-03-31, AWS JSON 1.0) and the
user guide ("Event types for SMS, MMS, and voice", "Example event data", "Two-way SMS
payload", "Opt-out lists"), and independent of ``carillon``, so that it can judge it.

A request needs a signature of version 4 in shape; what it says is not checked, as in an
emulated cloud, where any key will do. Events go to the destination of the message's
configuration set: raw, as SNS delivers them with raw message delivery, to a URL, to an event
sink (a function that puts them where the local cloud takes them), or to both. A text from a
phone goes there as well, unless AWS has answered it (STOP and HELP, where opt-outs are not
self-managed), and to the number's own URL. Not here: sender IDs, ARNs, media, dry runs,
and any state of phone numbers, pools and configuration sets but that they are ours.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from infra.local.carrier.dialect import Cause, Failure, Order, Refusal
from infra.local.carrier.directory import E164, Block, Directory, Number
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.messages import Message
from infra.local.carrier.segments import is_gsm
from infra.local.carrier.webhooks import (
    EVERY_FAILURE,
    TOTAL_TIMEOUT_S,
    EventSink,
    Headers,
    Retries,
    Webhook,
)

ACCOUNT_ID = "000000000000"
CONFIGURATION_SET = "local-carrier"
OPT_OUT_LIST = "Default"
MAX_BODY_CHARS = 1600
MAX_CONTEXT_ENTRIES, MAX_CONTEXT_KEY, MAX_CONTEXT_VALUE = 5, 100, 800
_TARGET = "PinpointSMSVoiceV2."
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/, ]+/\d{8}/[a-z0-9-]+/sms-voice/aws4_request, ?"
    r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)
_BODY_TYPE = "application/x-amz-json-1.0"

# What the API answers to a request it does not take: exception, and its Reason behind a colon.
REFUSALS = (
    Refusal(
        "MissingAuthenticationTokenException",
        400,
        "Request is missing Authentication Token",
        Cause.NOT_SIGNED_IN,
    ),
    Refusal("UnknownOperationException", 400, "", Cause.NOT_FOUND),
    Refusal("ThrottlingException", 400, "Rate exceeded", Cause.TOO_MANY_REQUESTS),
    # AWS has no queue that could be full: it slows down.
    Refusal("ThrottlingException", 400, "Rate exceeded", Cause.QUEUE_FULL),
    Refusal("InternalServerException", 500, "Internal failure", Cause.SERVER_ERROR),
    Refusal("ServiceUnavailableException", 503, "Service unavailable", Cause.UNAVAILABLE),
    Refusal("AccessDeniedException:ACCOUNT_DISABLED", 400, "Account is disabled", Cause.ACCOUNT),
    Refusal(
        "AccessDeniedException:INSUFFICIENT_ACCOUNT_REPUTATION",
        400,
        "Account reputation is insufficient",
        Cause.ACCOUNT,
    ),
    Refusal(
        "ServiceQuotaExceededException:MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
        400,
        "Monthly spend limit is reached",
        Cause.ACCOUNT,
    ),
    Refusal(
        "ConflictException:DESTINATION_PHONE_NUMBER_OPTED_OUT",
        400,
        "Destination phone number is opted out",
        Cause.OPTED_OUT,
    ),
    Refusal(
        "ConflictException:DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
        400,
        "Destination phone number is not verified",
        Cause.NO_ROUTE,
    ),
    Refusal(
        "ConflictException:NO_ORIGINATION_IDENTITIES_FOUND",
        400,
        "No origination identity can send to the destination",
        Cause.BAD_SENDER,
    ),
    Refusal(
        "ConflictException:NUMBER_CAPABILITIES_MISMATCH",
        400,
        "The origination identity cannot send text messages",
        Cause.BAD_SENDER,
    ),
    Refusal(
        "ResourceNotFoundException:phone-number",
        400,
        "Resource not found",
        Cause.BAD_SENDER,
    ),
    Refusal(
        "ResourceNotFoundException:configuration-set",
        400,
        "Resource not found",
        Cause.BAD_REQUEST,
    ),
    Refusal("ResourceNotFoundException:opt-out-list", 400, "Resource not found", Cause.BAD_REQUEST),
    Refusal(
        "ResourceNotFoundException:opted-out-number", 400, "Resource not found", Cause.BAD_REQUEST
    ),
    Refusal(
        "ValidationException:DESTINATION_COUNTRY_BLOCKED",
        400,
        "Destination country is blocked",
        Cause.REGION,
    ),
    Refusal(
        "ValidationException:INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
        400,
        "The identity cannot send to the destination country",
        Cause.LANDLINE,
    ),
    Refusal(
        "ValidationException:MISSING_PARAMETER", 400, "A parameter is missing", Cause.BAD_REQUEST
    ),
    Refusal(
        "ValidationException:INVALID_PARAMETER",
        400,
        "A parameter is not valid",
        Cause.BAD_RECIPIENT,
    ),
    Refusal("ValidationException:CANNOT_PARSE", 400, "Cannot parse request", Cause.BAD_REQUEST),
    Refusal(
        "ValidationException:FIELD_VALIDATION_FAILED",
        400,
        "Field validation failed",
        Cause.BAD_REQUEST,
    ),
)
_BY_CODE = {refusal.code: refusal for refusal in REFUSALS}
_NOT_SIGNED_IN = _BY_CODE["MissingAuthenticationTokenException"]

# Why an accepted message was not delivered: the event's type.
FAILURES = (
    Failure("TEXT_INVALID", "The destination phone number is invalid", Cause.LANDLINE),
    Failure("TEXT_INVALID", "The destination phone number is invalid", Cause.NO_SUBSCRIBER),
    Failure("TEXT_UNREACHABLE", "Phone is currently unreachable", Cause.UNREACHABLE),
    Failure(
        "TEXT_CARRIER_UNREACHABLE", "Phone carrier is currently unreachable", Cause.UNREACHABLE
    ),
    Failure("TEXT_BLOCKED", "Phone has blocked SMS messages", Cause.BLOCKED),
    Failure("TEXT_CARRIER_BLOCKED", "Phone carrier has blocked this message", Cause.UNREGISTERED),
    Failure("TEXT_SPAM", "Phone carrier has marked this message as spam", Cause.FILTERED),
    Failure("TEXT_INVALID_MESSAGE", "The message body is invalid", Cause.FILTERED),
    Failure("TEXT_TTL_EXPIRED", "Message was not delivered in time", Cause.EXPIRED),
    Failure("TEXT_UNKNOWN", "Unknown error", Cause.UNKNOWN),
)
_DESCRIPTIONS = {
    **{failure.code: failure.message for failure in FAILURES},
    "TEXT_QUEUED": "Message is queued",
    "TEXT_PENDING": "Message is in the process of being delivered",
    "TEXT_DELIVERED": "Message has been accepted by phone",
}
_ON_ITS_WAY = {"queued": "TEXT_QUEUED", "sent": "TEXT_PENDING"}


@dataclass
class EventDestination:
    """Where the events go; both may be set."""

    url: str = ""
    sink: EventSink | None = None


class Aws:
    """The dialect (``dialect.Dialect``)."""

    name = "aws"
    account = ACCOUNT_ID
    refusals = REFUSALS
    failures = FAILURES

    def __init__(
        self,
        directory: Directory,
        events: EventDestination,
        *,
        region: str,
        handles_stop: Callable[[], bool],
    ) -> None:
        """*handles_stop* says whether AWS answers keywords just now, or leaves them to us."""
        self._directory = directory
        self._events = events
        self._region = region
        self._handles_stop = handles_stop

    def secret(self, base_url: str) -> dict[str, str]:
        """Return the fields of an AWS account's secret."""
        return {
            "region": self._region,
            "configuration_set": CONFIGURATION_SET,
            "opt_out_list": OPT_OUT_LIST,
            "self_managed_opt_outs": "" if self._handles_stop() else "true",
            "endpoint_url": base_url,
        }

    def serves(self, request: Request) -> bool:
        """Whether *request* is for this dialect."""
        return "x-amz-target" in request.headers

    def read(self, request: Request, arrived_wall_s: float) -> Order | Answer:
        """Return the order that *request* is, or the answer to anything else."""
        operation = request.headers["x-amz-target"].removeprefix(_TARGET)
        signed_in = bool(_SIGNED.fullmatch(request.headers.get("authorization", "")))
        fields = _fields(request.body)
        if operation == "SendTextMessage":
            return replace(_order(fields, arrived_wall_s), signed_in=signed_in)
        answers: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "PutOptedOutNumber": self._put_opted_out,
            "DeleteOptedOutNumber": self._delete_opted_out,
            "DescribeOptedOutNumbers": self._describe_opted_out,
        }
        if not signed_in:
            return _error(_NOT_SIGNED_IN)
        if operation not in answers:
            return _error(_BY_CODE["UnknownOperationException"])
        if fields is None:
            return _error(_BY_CODE["ValidationException:CANNOT_PARSE"])
        if fields.get("OptOutListName") not in (OPT_OUT_LIST, _list_arn(self._region)):
            return _error(_BY_CODE["ResourceNotFoundException:opt-out-list"])
        return answers[operation](fields)

    def _put_opted_out(self, fields: Mapping[str, Any]) -> Answer:
        phone = _text(fields, "OptedOutNumber")
        if not E164.fullmatch(phone):
            return _error(_BY_CODE["ValidationException:INVALID_PARAMETER"])
        blocks = self._directory.blocks
        block = blocks.setdefault((OPT_OUT_LIST, phone), Block(time.time(), by_phone=False))
        return _json(200, self._list_head() | _opted_out(phone, block))

    def _delete_opted_out(self, fields: Mapping[str, Any]) -> Answer:
        phone = _text(fields, "OptedOutNumber")
        block = self._directory.blocks.pop((OPT_OUT_LIST, phone), None)
        if block is None:
            return _error(_BY_CODE["ResourceNotFoundException:opted-out-number"])
        return _json(200, self._list_head() | _opted_out(phone, block))

    def _describe_opted_out(self, fields: Mapping[str, Any]) -> Answer:
        """Return the numbers asked for or a page of all; the token is the last one shown."""
        blocks = self._directory.blocks
        listed = {phone: blocks[scope, phone] for scope, phone in blocks if scope == OPT_OUT_LIST}
        wanted = fields.get("OptedOutNumbers") or []
        if not set(wanted) <= set(listed):
            return _error(_BY_CODE["ResourceNotFoundException:opted-out-number"])
        after, most = _text(fields, "NextToken"), int(fields.get("MaxResults") or 100)
        left = [phone for phone in sorted(wanted or listed) if phone > after]
        shown = left[:most]
        page = {"OptedOutNumbers": [_opted_out(phone, listed[phone]) for phone in shown]}
        more = {"NextToken": shown[-1]} if len(left) > most else {}
        return _json(200, self._list_head() | page | more)

    def _list_head(self) -> dict[str, Any]:
        return {"OptOutListArn": _list_arn(self._region), "OptOutListName": OPT_OUT_LIST}

    def check(self, order: Order) -> tuple[Order, Refusal | None]:
        """Return *order* with its sender chosen, and what is wrong with it."""
        pool = self._pool(order.sender)
        if pool:
            chosen = self._directory.from_pool(pool, order.to)
            order = replace(order, sender=chosen, service_sid=order.service_sid or order.sender)
        code = self._wrong_with(order)
        return order, _BY_CODE[code] if code else None

    def _pool(self, identity: str) -> tuple[str, ...]:
        """Return the numbers that may send for *identity*; without one, all of the account's."""
        if identity:
            return self._directory.services.get(identity, ())
        numbers = self._directory.numbers.values()
        return tuple(number.phone for number in numbers if number.dialect == self.name)

    def _wrong_with(self, order: Order) -> str | None:
        number = self._directory.number(order.sender, self.name)
        wrong = (
            (not order.to, "ValidationException:MISSING_PARAMETER"),
            (not order.sender, "ConflictException:NO_ORIGINATION_IDENTITIES_FOUND"),
            (
                not E164.fullmatch(order.to) or order.to == order.sender,
                "ValidationException:INVALID_PARAMETER",
            ),
            (
                not order.body.strip()
                or len(order.body) > MAX_BODY_CHARS
                or not _is_context(order.context),
                "ValidationException:FIELD_VALIDATION_FAILED",
            ),
            (number is None, "ResourceNotFoundException:phone-number"),
            (
                number is not None and not number.sms,
                "ConflictException:NUMBER_CAPABILITIES_MISMATCH",
            ),
            (
                order.configuration_set not in ("", CONFIGURATION_SET),
                "ResourceNotFoundException:configuration-set",
            ),
        )
        return next((code for is_wrong, code in wrong if is_wrong), None)

    def accepted(self, message: Message) -> Answer:
        """Return the message's id."""
        return _json(200, {"MessageId": message.sid})

    def refuse(
        self,
        refusal: Refusal,
        order: Order,  # noqa: ARG002  # AWS's words do not repeat what was asked
        *,
        retry_after_s: float = 0,  # noqa: ARG002  # AWS does not say when to come back
    ) -> Answer:
        """Return the exception."""
        return _error(refusal)

    def new_id(self) -> str:
        """Return a message id."""
        return str(uuid.uuid4())

    def block_scope(self, sender: str) -> str:  # noqa: ARG002  # all numbers share the list
        """Return the opt-out list."""
        return OPT_OUT_LIST

    def receipts(self, message: Message, status: str) -> list[Webhook]:
        """Return the event, once for every destination of the message's configuration set."""
        if not message.configuration_set:
            return []
        event = _event(message, status)
        return [
            Webhook(
                caller=self,
                purpose="receipt",
                content=event,
                sid=message.sid,
                phone=message.to,
                message_status=status,
                url=url,
                sink=sink,
            )
            for url, sink in self._destinations()
        ]

    def inbound(self, message: Message, number: Number, handled: str) -> list[Webhook]:
        """Return the two-way message, unless AWS has answered it."""
        if handled in ("stop", "help"):
            return []
        destinations = self._destinations()
        if number.inbound_url:
            destinations.append((number.inbound_url, None))
        payload = _two_way(message, self._last_to(message.sender, message.to))
        return [
            Webhook(
                caller=self,
                purpose="inbound",
                content=payload,
                sid=message.sid,
                phone=message.sender,
                message_status="received",
                url=url,
                sink=sink,
            )
            for url, sink in destinations
        ]

    def _destinations(self) -> list[tuple[str, EventSink | None]]:
        url, sink = self._events.url, self._events.sink
        return [*([(url, None)] if url else []), *([("", sink)] if sink else [])]

    def _last_to(self, phone: str, sender: str) -> str:
        sent = self._directory.log.newest_first(self.name, phone)
        return next((message.sid for message in sent if message.sender == sender), "")

    def encode(
        self,
        webhook: Webhook,
        token: str,
        attempt: int,  # noqa: ARG002  # SNS does not count
    ) -> tuple[Headers, bytes]:
        """Return a raw delivery of SNS."""
        headers = [
            ("Content-Type", "text/plain; charset=UTF-8"),
            ("User-Agent", "Amazon Simple Notification Service Agent"),
            ("x-amz-sns-message-type", "Notification"),
            ("x-amz-sns-message-id", token),
            ("x-amz-sns-rawdelivery", "true"),
        ]
        return headers, json.dumps(webhook.content).encode()

    def retries(self, webhook: Webhook) -> Retries:  # noqa: ARG002  # the same for every one
        """Return three more tries; SNS would wait in between and go on for longer."""
        return Retries(count=3, after=EVERY_FAILURE, each_s=TOTAL_TIMEOUT_S)


def _event(message: Message, status: str) -> dict[str, Any]:
    final = status not in _ON_ITS_WAY
    kind = _ON_ITS_WAY.get(status) or (
        "TEXT_DELIVERED" if status == "delivered" else str(message.error_code or "TEXT_UNKNOWN")
    )
    return {
        "eventType": kind,
        "eventVersion": "1.0",
        "eventTimestamp": int(time.time() * 1000),
        "isFinal": final,
        "originationPhoneNumber": message.sender,
        "destinationPhoneNumber": message.to,
        "isInternationalSend": False,
        "isoCountryCode": "US",
        "messageId": message.sid,
        "messageRequestTimestamp": int(message.created_wall_s * 1000),
        "messageEncoding": "GSM" if is_gsm(message.body) else "Unicode",
        "messageType": "TRANSACTIONAL",
        "messageStatus": kind.removeprefix("TEXT_"),
        "messageStatusDescription": _DESCRIPTIONS.get(kind, ""),
        **({"context": dict(message.context)} if message.context else {}),
        "totalMessageParts": message.segments,
        "totalMessagePrice": 0.00581 * message.segments,
        "totalCarrierFee": 0.003 * message.segments,
    }


def _two_way(message: Message, previous: str) -> dict[str, str]:
    payload = {
        "originationNumber": message.sender,
        "destinationNumber": message.to,
        "messageKeyword": f"KEYWORD_{ACCOUNT_ID}",
        "messageBody": message.body,
        "inboundMessageId": message.sid,
    }
    return payload | ({"previousPublishedMessageId": previous} if previous else {})


def _opted_out(phone: str, block: Block) -> dict[str, Any]:
    return {
        "OptedOutNumber": phone,
        "OptedOutTimestamp": block.since_wall_s,
        "EndUserOptedOut": block.by_phone,
    }


def _list_arn(region: str) -> str:
    return f"arn:aws:sms-voice:{region}:{ACCOUNT_ID}:opt-out-list/{OPT_OUT_LIST}"


def _is_context(context: tuple[tuple[str, str], ...]) -> bool:
    return len(context) <= MAX_CONTEXT_ENTRIES and all(
        0 < len(key) <= MAX_CONTEXT_KEY
        and not re.search(r"\s", key)
        and 0 < len(value) <= MAX_CONTEXT_VALUE
        and value == value.strip()
        for key, value in context
    )


def _fields(body: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _order(fields: Mapping[str, Any] | None, arrived_wall_s: float) -> Order:
    """
    Return what was posted; what does not parse is an order with that problem.

    Our reference is the entry of Context named ``ref``, or whose name ends in ``_ref``.
    """
    if fields is None:
        problem = _BY_CODE["ValidationException:CANNOT_PARSE"]
        return Order(arrived_wall_s=arrived_wall_s, problem=problem)
    given = fields.get("Context") or {}
    context = tuple((str(key), str(value)) for key, value in dict(given).items())
    refs = (value for key, value in context if key == "ref" or key.endswith("_ref"))
    # A message that is sent for a dry run would be one too many for the ledger.
    refused = _BY_CODE["ValidationException:INVALID_PARAMETER"] if fields.get("DryRun") else None
    phone = _text(fields, "DestinationPhoneNumber")
    return Order(
        arrived_wall_s=arrived_wall_s,
        to=phone if phone.startswith("+") or not phone else f"+{phone}",
        sender=_text(fields, "OriginationIdentity"),
        body=_text(fields, "MessageBody"),
        ref=next(refs, ""),
        configuration_set=_text(fields, "ConfigurationSetName"),
        context=context,
        problem=refused,
    )


def _json(status: int, body: object, headers: Headers | None = None) -> Answer:
    every = [("x-amzn-RequestId", str(uuid.uuid4())), *(headers or [])]
    return Answer(status, json.dumps(body).encode(), tuple(every), _BODY_TYPE)


def _error(refusal: Refusal) -> Answer:
    name, _, reason = str(refusal.code).partition(":")
    body = {"__type": name, "Message": refusal.message, "message": refusal.message}
    if name == "ResourceNotFoundException":
        body |= {"ResourceType": reason}
    elif reason:
        body |= {"Reason": reason}
    return _json(refusal.status, body, [("x-amzn-ErrorType", name)])
