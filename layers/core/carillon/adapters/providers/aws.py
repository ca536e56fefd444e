"""
AWS End User Messaging SMS: SendTextMessage and SendMediaMessage of ``pinpoint-sms-voice-v2``.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/Welcome.html (2022-03-31)
https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html
https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
https://docs.aws.amazon.com/sms-voice/latest/userguide/opt-out-list-self-managed.html

The secret holds no key: calls are signed with the function's own role. Its fields:

    configuration_set      required; its SNS event destination brings the receipts
    region                 of the service; empty is the function's own, and the roles and the
                           topic of the template are of that region alone
    message_type           TRANSACTIONAL or PROMOTIONAL; empty takes the configuration set's
    self_managed_opt_outs  "true" when the number says so at AWS; else AWS answers STOP and HELP
    numbers                a pool's numbers, separated by commas, for what is sent to them
    opt_out_list           name (``Default``) or ARN of the list that functions/mirror_opt_outs
                           keeps in step with our opt-outs; empty mirrors none
    endpoint_url           for tests

A sender's address is its number, sender ID, pool ID or ARN (OriginationIdentity). A number
shared by another AWS account is outside what the roles of the template allow.

Our key travels in ``Context`` (at most 5 entries, values of at most 800 characters, any
without white space around it), which every event of an event destination repeats. Nothing is
posted to an address: events come by SNS (``adapters/aws_sms_events.py``), so no webhook of
this provider is authentic. EventBridge gets the same events, but as documented without
``context`` and recipient, so that they name no message of ours.

AWS keeps no log that can be asked for a message. A call whose answer was lost stays unknown
until its event names it, which it does by our key; else it becomes ``unconfirmed`` (F2).

Media are S3 objects (``s3://bucket/key``, one a message) that the function's role may read.
Two-way messages bring no media.
"""

# ruff: noqa: ARG002 - the ports name what providers with a log and with webhooks need

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

import urllib3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)
from botocore.parsers import ResponseParserError

from carillon.adapters import aws as clients
from carillon.adapters.providers.contract import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    MediaAccess,
    Secret,
    WebhookAnswer,
    WebhookCall,
)
from carillon.domain.errors import (
    AccountBlocked,
    Conflict,
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
from carillon.domain.opt_out_mirror import ListedOptOut
from carillon.domain.provider_codes import CodeKind, stored_code
from carillon.domain.provider_codes.aws import CODES
from carillon.ports import MessageProvider

NAME: Final = "aws"
SERVICE: Final = "pinpoint-sms-voice-v2"
# The entry of Context, and so of an event's context, that holds our key.
REF_KEY: Final = "carillon_ref"
# What our intake adds to a two-way message: the account's secret is not asked for again later.
SELF_MANAGED_KEY: Final = "self_managed_opt_outs"
_SHORTEST_VALIDITY_S, _LONGEST_VALIDITY_S = 5, 259_200
_DEFAULT_BACKOFF_S = 1.0
_THROTTLED = "ThrottlingException"
_MICROS = 1_000_000
# Entries of an opt-out list in one answer, the most that AWS gives.
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class AwsSmsSettings:
    """What a sender's secret says; see the module."""

    configuration_set: str
    region: str = ""
    message_type: str = ""
    self_managed_opt_outs: bool = False
    numbers: tuple[str, ...] = ()
    opt_out_list: str = ""
    endpoint_url: str = ""

    @classmethod
    def from_secret(cls, secret: Secret) -> "AwsSmsSettings":
        """Return the settings that a sender's secret holds; KeyError without configuration set."""
        numbers = (number.strip() for number in secret.get("numbers", "").split(","))
        return cls(
            configuration_set=secret["configuration_set"],
            region=secret.get("region", ""),
            message_type=secret.get("message_type", "").upper(),
            self_managed_opt_outs=str(secret.get("self_managed_opt_outs")).lower() == "true",
            numbers=tuple(number for number in numbers if number),
            opt_out_list=secret.get("opt_out_list", ""),
            endpoint_url=secret.get("endpoint_url", ""),
        )


class AwsSms:
    """Implements ``ports.MessageProvider`` over one configuration set; *client* must not retry."""

    def __init__(self, settings: AwsSmsSettings, client: Any) -> None:
        self._settings = settings
        self._client = client

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message over, once, without retrying; errors as ``ports.MessageProvider``."""
        operation, request = self._request(message)
        try:
            answer = getattr(self._client, operation)(**request)
        except ParamValidationError as error:
            # botocore has looked at the fields itself.
            code = stored_code(NAME, "FIELD_VALIDATION_FAILED")
            raise Rejected("AWS does not take such a message.", provider_code=code) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            code = stored_code(NAME, "UnrecognizedClientException")
            raise AccountBlocked("The function has no credentials.", provider_code=code) from error
        except (
            ConnectTimeoutError,
            CredentialRetrievalError,
            EndpointConnectionError,
            ProxyConnectionError,
        ) as error:
            # Nothing left this machine.
            code = stored_code(NAME, "unreachable")
            raise Unavailable("AWS cannot be reached.", provider_code=code) from error
        except ClientError as error:
            raise _refusal(error) from error
        except (BotoCoreError, ResponseParserError, AttributeError, TypeError) as error:
            # The request may have arrived: whether it was taken, only AWS knows. botocore's
            # parser stumbles over JSON that is no object.
            code = stored_code(NAME, type(error).__name__)
            raise OutcomeUnknown("AWS did not answer.", provider_code=code) from error
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
        """Raise Unavailable (``aws:no_log``): AWS has no log of messages to search."""
        raise _no_log()

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Raise Unavailable (``aws:no_log``): AWS tells of a message by its events alone."""
        raise _no_log()

    def _request(self, message: Outgoing) -> tuple[str, dict[str, Any]]:
        """Return the client's method and what it takes."""
        request: dict[str, Any] = {
            "DestinationPhoneNumber": message.recipient,
            "OriginationIdentity": message.sender,
            "ConfigurationSetName": self._settings.configuration_set,
            "Context": {REF_KEY: message.ref_token},
        }
        if message.valid_for_s is not None:
            # AWS takes no shorter one: a message may go out so many seconds late.
            longest = min(message.valid_for_s, _LONGEST_VALIDITY_S)
            request["TimeToLive"] = max(longest, _SHORTEST_VALIDITY_S)
        if message.media_urls:
            body = {"MessageBody": message.text} if message.text else {}
            return "send_media_message", {**request, **body, "MediaUrls": list(message.media_urls)}
        if self._settings.message_type:
            request["MessageType"] = self._settings.message_type
        return "send_text_message", {**request, "MessageBody": message.text}


def _accepted(answer: Mapping[str, Any]) -> Accepted:
    provider_id = answer.get("MessageId")
    if not (isinstance(provider_id, str) and provider_id):
        # Not an answer that AWS documents, and no refusal either.
        code = stored_code(NAME, "no_message_id")
        raise OutcomeUnknown("AWS accepted without naming the message.", provider_code=code)
    return Accepted(provider_id)


def _refusal(error: ClientError) -> Exception:
    """Return the error that AWS's refusal means, by its reason, else by its exception."""
    answer: Mapping[str, Any] = error.response
    about = answer.get("ResponseMetadata", {})
    status = int(about.get("HTTPStatusCode", 0))
    name = str(answer.get("Error", {}).get("Code", ""))
    if status == 429 or name == _THROTTLED:
        wait_s = _retry_after_s(about.get("HTTPHeaders", {}))
        return Throttled("AWS asks us to slow down.", retry_after_s=wait_s)
    code = next((c for c in (str(answer.get("Reason", "")), name) if c in CODES), "")
    if status >= 500 or not code:
        # InternalServerException may come after the message was taken; what is not
        # documented may mean anything.
        return OutcomeUnknown("AWS failed while answering.", provider_code=stored_code(NAME, name))
    kind, stored = CODES[code].kind, stored_code(NAME, code)
    if kind is CodeKind.ACCOUNT:
        return AccountBlocked("AWS refuses our account or number.", provider_code=stored)
    if kind is CodeKind.TRANSIENT:
        return Unavailable("AWS did not read the message.", provider_code=stored)
    return Rejected("AWS refused the message.", provider_code=stored)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of Retry-After, which may be a date (RFC 9110), or our own backoff."""
    wait = headers.get("retry-after", "")
    if wait.isascii() and wait.isdigit():
        return float(wait)
    try:
        until, now = parsedate_to_datetime(wait), parsedate_to_datetime(headers.get("date", ""))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return _DEFAULT_BACKOFF_S


def _no_log() -> Unavailable:
    code = stored_code(NAME, "no_log")
    return Unavailable("AWS has no log of messages.", provider_code=code)


# Events -----------------------------------------------------------------------

_CHANNELS = frozenset({"TEXT", "MEDIA", "RCS"})
# Event types without their channel. RCS comes from a pool that tries it before SMS.
_STATUS = {
    "QUEUED": LeadStatus.SUBMITTED,  # waiting to be delivered
    "PENDING": LeadStatus.SUBMITTED,  # being delivered
    "SENT": LeadStatus.SUBMITTED,  # handed on
    "FALLEN_BACK_TO_SMS": LeadStatus.SUBMITTED,  # goes out again as SMS, with events of its own
    "SUCCESSFUL": LeadStatus.DELIVERED,  # the carrier took it; some countries tell no more
    "DELIVERED": LeadStatus.DELIVERED,  # the phone took it
    "READ": LeadStatus.DELIVERED,  # delivered and seen
    "INVALID": LeadStatus.FAILED,  # no such number
    "INVALID_MESSAGE": LeadStatus.FAILED,  # the text cannot be delivered
    "UNREACHABLE": LeadStatus.FAILED,  # the phone is off or out of reach
    "CARRIER_UNREACHABLE": LeadStatus.FAILED,  # a passing fault of the carrier's network
    "BLOCKED": LeadStatus.FAILED,  # phone or carrier blocks messages to this person
    "CARRIER_BLOCKED": LeadStatus.FAILED,  # the carrier blocks this message
    "SPAM": LeadStatus.FAILED,  # the carrier takes it for spam
    "UNKNOWN": LeadStatus.FAILED,  # not delivered, for a reason of no other type
    "TTL_EXPIRED": LeadStatus.FAILED,  # not delivered within TimeToLive
    "PROTECT_BLOCKED": LeadStatus.FAILED,  # the account's own rules block it
    "FAILED": LeadStatus.FAILED,  # RCS: not delivered
    "FILE_INACCESSIBLE": LeadStatus.FAILED,  # MMS: the object cannot be read
    "FILE_TYPE_UNSUPPORTED": LeadStatus.FAILED,  # MMS: a kind that cannot be sent
    "FILE_SIZE_EXCEEDED": LeadStatus.FAILED,  # MMS: too large
}
# Arrived is arrived, whatever ``isFinal`` says.
_ARRIVED = frozenset({"DELIVERED", "READ"})
# After 72 hours without a word of the carrier AWS closes a message as UNKNOWN.
_CARRIERS_SILENCE_MS = 71 * 3600 * 1000


def is_about_a_message(event: Mapping[str, Any]) -> bool:
    """Whether *event* reports of a text, media or RCS message, known type or not."""
    return str(event.get("eventType") or "").partition("_")[0] in _CHANNELS


def parse_receipt(event: Mapping[str, Any], ref: str, received_at: datetime) -> Receipt | None:
    """
    Return the receipt that *event* carries, or None for an event that is about no message of text.

    Raises InvalidInput for a reference that is not ours (``bad_ref``: another
    program sends with the same configuration set) or a type that AWS does not
    document (``unknown_status``).
    """
    if not is_about_a_message(event):
        return None
    event_type = str(event["eventType"])
    word = event_type.partition("_")[2]
    if word not in _STATUS:
        raise InvalidInput("Unknown event type.", field="eventType", code="unknown_status")
    context = event.get("context")
    own = context.get(REF_KEY) if isinstance(context, Mapping) else None
    sent = CallbackRef.parse(ref or str(own or ""))
    status = _status_of(word, event)
    cost_micros = _cost_micros(event)
    return Receipt(
        ref=sent.row,
        claim_id=sent.claim_id,
        phone=_e164(event.get("destinationPhoneNumber")),
        provider_id=str(event.get("messageId") or ""),
        status=status,
        received_at=received_at,
        error_code=stored_code(NAME, event_type) if status is LeadStatus.FAILED else None,
        segments=_count(event.get("totalMessageParts")),
        cost_micros=cost_micros,
        currency="USD" if cost_micros is not None else "",
    )


def _status_of(word: str, event: Mapping[str, Any]) -> LeadStatus:
    """Return what *word* means; what AWS may still try again is no failure yet."""
    may_change = event.get("isFinal") is not True and word not in _ARRIVED
    if may_change or (word == "UNKNOWN" and _carrier_was_silent(event)):
        return LeadStatus.SUBMITTED
    return _STATUS[word]


def _carrier_was_silent(event: Mapping[str, Any]) -> bool:
    """Whether AWS gave up waiting: nobody knows what became of the message, and it may be there."""
    sent_at, closed_at = event.get("messageRequestTimestamp"), event.get("eventTimestamp")
    if not isinstance(sent_at, int) or not isinstance(closed_at, int):
        return False
    return closed_at - sent_at >= _CARRIERS_SILENCE_MS


def _cost_micros(event: Mapping[str, Any]) -> int | None:
    """Return AWS's price and the carrier's fee, both in US dollars and both optional."""
    named = (event.get("totalMessagePrice"), event.get("totalCarrierFee"))
    prices = [Decimal(str(price)) for price in named if _is_number(price)]
    return int((sum(prices, Decimal()) * _MICROS).to_integral_value()) if prices else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _e164(phone: object) -> str:
    text = str(phone or "")
    return f"+{text}" if text.isascii() and text.isdigit() else text


# What AWS answers itself unless opt-outs are self-managed: these as the whole message
# (https://docs.aws.amazon.com/sms-voice/latest/userguide/keywords-required.html), and
# whatever begins with STOP or HELP.
_ANSWERED_BY_AWS = {
    **dict.fromkeys(
        (
            *("ARRET", "CANCEL", "END", "OPT-OUT", "OPTOUT", "QUIT", "REMOVE", "STOP", "TD"),
            "UNSUBSCRIBE",
        ),
        "stop",
    ),
    "HELP": "help",
}
_BEGINS = re.compile(r"\W*(STOP|HELP)\b")


def parse_reply(message: Mapping[str, Any], sender_id: str, received_at: datetime) -> Reply:
    """
    Return the two-way message that SNS brought; InvalidInput without id or sender.

    By the documentation STOP and HELP reach the topic only where opt-outs are
    self-managed. Should one come though AWS manages them, AWS has answered it
    (and opted the person out), and nobody gets a second answer from us.
    """
    provider_id, phone = message.get("inboundMessageId"), _e164(message.get("originationNumber"))
    if not (isinstance(provider_id, str) and provider_id and phone):
        raise InvalidInput("A two-way message needs its id and sender.", code="bad_inbound")
    keyword = "" if message.get(SELF_MANAGED_KEY) is True else _keyword_of(message)
    return Reply(
        provider=NAME,
        provider_id=provider_id,
        sender_id=sender_id,
        phone=phone,
        body=str(message.get("messageBody") or ""),
        received_at=received_at,
        handled_by_provider=bool(keyword),
        provider_keyword=keyword,
    )


def _keyword_of(message: Mapping[str, Any]) -> str:
    body = str(message.get("messageBody") or "").strip().upper()
    begins = _BEGINS.match(body)
    for word in (str(message.get("messageKeyword") or "").upper(), body, begins and begins[1]):
        if word in _ANSWERED_BY_AWS:
            return _ANSWERED_BY_AWS[word]
    return ""


# Opt-out lists (O5) -------------------------------------------------------------


class OptOutMirror:
    """
    Implements ``ports.ProviderOptOuts`` over one opt-out list of AWS.

    *client* may retry. Raises Throttled and Unavailable to be tried again, and
    NotFound (``opt_out_list_not_found``) for a list that is not there.
    """

    def __init__(self, client: Any, list_name: str) -> None:
        self._client = client
        self._list = list_name

    @property
    def name(self) -> str:
        """Return the list's name with its region's: lists of two regions may be named alike."""
        return f"{NAME}:{self._client.meta.region_name}:{self._list}"

    def put(self, phone: str) -> None:
        """Have AWS refuse messages to *phone*; InvalidInput for what AWS takes for no number."""
        self._call("put_opted_out_number", OptedOutNumber=phone)

    def remove(self, phone: str) -> None:
        """
        Let AWS send to *phone* again; nothing happens when it is not on the list.

        Raises Conflict (``opt_in_refused``): AWS takes a number off at most once in
        30 days, and some only when the person asks for it.
        """
        self._call("delete_opted_out_number", OptedOutNumber=phone)

    def of(self, phone: str) -> ListedOptOut | None:
        """Return the entry of *phone*, or None when it is not on the list."""
        found = (self._call("describe_opted_out_numbers", OptedOutNumbers=[phone]) or {}).get(
            "OptedOutNumbers", []
        )
        return next((_entry(item) for item in found), None)

    def page(self, cursor: str | None) -> tuple[list[ListedOptOut], str | None]:
        """Return up to 100 entries, perhaps none, and the cursor of the next ones."""
        after = {} if cursor is None else {"NextToken": cursor}
        page = self._call("describe_opted_out_numbers", MaxResults=_PAGE, **after) or {}
        entries = [_entry(item) for item in page.get("OptedOutNumbers", [])]
        return entries, page.get("NextToken") or None

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any] | None:
        """Return AWS's answer, or None when the number asked for is not on the list."""
        try:
            return getattr(self._client, operation)(OptOutListName=self._list, **request)  # type: ignore[no-any-return]  # boto3 is untyped
        except ClientError as error:
            if _is_absent_number(error):
                return None
            raise _list_error(error) from error
        except (BotoCoreError, ResponseParserError, AttributeError, TypeError) as error:
            # No answer, or, by the last three, none of AWS's (see ``AwsSms.send``).
            raise Unavailable("AWS's opt-out list cannot be reached.") from error


def _entry(item: Mapping[str, Any]) -> ListedOptOut:
    since: datetime = item["OptedOutTimestamp"]
    return ListedOptOut(
        phone=_e164(item["OptedOutNumber"]),
        # As exact as times are kept here, or an entry would be newer than itself for ever.
        since=since.astimezone(UTC).replace(microsecond=since.microsecond // 1000 * 1000),
        by_person=item["EndUserOptedOut"],
    )


def _is_absent_number(error: ClientError) -> bool:
    answer: Mapping[str, Any] = error.response
    name = answer.get("Error", {}).get("Code")
    return name == "ResourceNotFoundException" and answer.get("ResourceType") == "opted-out-number"


def _list_error(error: ClientError) -> Exception:
    answer: Mapping[str, Any] = error.response
    about = answer.get("ResponseMetadata", {})
    name, reason = str(answer.get("Error", {}).get("Code", "")), str(answer.get("Reason", ""))
    if about.get("HTTPStatusCode") == 429 or name == _THROTTLED:
        wait_s = _retry_after_s(about.get("HTTPHeaders", {}))
        return Throttled("AWS asks us to slow down.", retry_after_s=wait_s)
    if name == "ResourceNotFoundException":
        return NotFound("AWS has no such opt-out list.", code="opt_out_list_not_found")
    if name == "ConflictException" or reason == "PHONE_NUMBER_CANNOT_BE_OPTED_IN":
        return Conflict("AWS does not take the number off its list.", code="opt_in_refused")
    if name == "ValidationException":
        return InvalidInput("AWS takes no such number.", field="phone", code="bad_phone")
    code = stored_code(NAME, reason if reason in CODES else name)
    return Unavailable("AWS's opt-out list cannot be used.", provider_code=code)


# The module ---------------------------------------------------------------------


class AwsModule:
    """Implements ``contract.ProviderModule``; clients are kept, one per region and endpoint."""

    name = NAME
    # Nothing of AWS comes by webhook, so that the answers are never given.
    webhook_methods = frozenset[str]()
    status_answer = WebhookAnswer()
    inbound_answer = WebhookAnswer()

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> MessageProvider:
        """Return the account that *secret* opens; botocore has connections of its own."""
        settings = AwsSmsSettings.from_secret(secret)
        return AwsSms(settings, _client(settings))

    def opt_out_mirror(self, secret: Secret) -> OptOutMirror | None:
        """Return the opt-out list that *secret* names, or None when it names none."""
        settings = AwsSmsSettings.from_secret(secret)
        if not settings.opt_out_list:
            return None
        return OptOutMirror(_client(settings), settings.opt_out_list)

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """Return False: AWS calls no address of ours, so nothing that does is AWS's."""
        return False

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Raise ValueError: no call is AWS's."""
        raise ValueError("AWS calls no webhook")

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """Return the receipt of one event, if it is one; errors as ``parse_receipt``."""
        receipt = parse_receipt(payload, ref, received_at)
        return [] if receipt is None else [receipt]

    def media_access(self, secret: Secret) -> MediaAccess:
        """Return that nothing is out of the ordinary: two-way messages bring no files."""
        return MediaAccess()

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the two-way message that our intake has passed on; errors as ``parse_reply``."""
        return [parse_reply(payload, sender_id, received_at)]


def _client(settings: AwsSmsSettings) -> Any:
    return clients.unrepeating_client(
        SERVICE,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        read_timeout_s=READ_TIMEOUT_S,
        region=settings.region,
        endpoint_url=settings.endpoint_url,
    )


MODULE: Final = AwsModule()
