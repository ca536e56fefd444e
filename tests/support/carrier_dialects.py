"""The same message in every dialect of the simulated carrier, and what comes back, told alike."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.carrier import Carrier
from tests.support.carrier_client import NUMBER, PHONE, Reply, request, send
from tests.support.webhook_receiver import Call, WebhookReceiver

REF = "cmp_1#00001~led_2"
_IN_URL = "ref=cmp_1%2300001~led_2"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/sms-voice/aws4_request, "
    f"SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}"
)


@dataclass(frozen=True)
class Dialect:
    """
    One dialect as a client sees it.

    ``sent`` and ``final`` are its words of a receipt, ``refused`` and ``failed`` its own
    codes for Twilio's 21610, 20005 and 30003 and for too many requests.
    """

    name: str
    number: str
    ask: Callable[..., Reply]
    sid: Callable[[Reply], Any]
    code: Callable[[Reply], Any]
    word: Callable[[Call], str | None]
    text: Callable[[Call], str | None]
    sent: str
    delivered: str
    undelivered: str
    opted_out: int | str
    account: int | str
    unreachable: int | str
    too_many: int | str

    def words(self, receiver: WebhookReceiver) -> list[str]:
        """Return the states that were reported, in order of arrival."""
        return [word for call in list(receiver.calls) if (word := self.word(call))]

    def texts(self, receiver: WebhookReceiver) -> list[str]:
        """Return the bodies of the texts that were passed on, in order of arrival."""
        return [text for call in list(receiver.calls) if (text := self.text(call)) is not None]


def own_numbers(carrier: Carrier, receiver: WebhookReceiver) -> Carrier:
    """Give *carrier* a number in every dialect; everything it calls goes to *receiver*."""
    for dialect in DIALECTS:
        # AWS's texts come with its events.
        url = "" if dialect.name == "aws" else f"{receiver.base_url}/inbound"
        carrier.configure_number(dialect.number, url, dialect=dialect.name)
    carrier.configure_events(f"{receiver.base_url}/events")
    return carrier


def _ask_twilio(
    carrier: Carrier, receiver: WebhookReceiver, to: str = PHONE, timeout_s: float = 10
) -> Reply:
    callback = f"{receiver.base_url}/status?{_IN_URL}"
    return send(carrier, to, timeout_s=timeout_s, StatusCallback=callback)


def _ask_telnyx(
    carrier: Carrier, receiver: WebhookReceiver, to: str = PHONE, timeout_s: float = 10
) -> Reply:
    body = {
        "to": to,
        "from": TELNYX.number,
        "text": "Hello",
        "webhook_url": f"{receiver.base_url}/status?{_IN_URL}",
    }
    key = carrier.credentials_of("telnyx")["api_key"]
    headers = {"Authorization": f"Bearer {key}"}
    return request(carrier, "POST", "/v2/messages", body=body, headers=headers, timeout_s=timeout_s)


def _ask_aws(
    carrier: Carrier, receiver: WebhookReceiver, to: str = PHONE, timeout_s: float = 10
) -> Reply:
    body = {
        "DestinationPhoneNumber": to,
        "OriginationIdentity": AWS.number,
        "MessageBody": "Hello",
        "ConfigurationSetName": carrier.credentials_of("aws")["configuration_set"],
        "Context": {"ref": REF},
    }
    headers = {
        "Authorization": SIGNED,
        "X-Amz-Target": "PinpointSMSVoiceV2.SendTextMessage",
        "Content-Type": "application/x-amz-json-1.0",
    }
    return request(carrier, "POST", "/", body=body, headers=headers, timeout_s=timeout_s)


def _event(call: Call) -> Mapping[str, Any]:
    found = json.loads(call.body) if call.body.startswith(b"{") else {}
    return found if isinstance(found, dict) else {}


def _telnyx_payload(call: Call, *kinds: str) -> Mapping[str, Any] | None:
    data = _event(call).get("data", {})
    return data["payload"] if data.get("event_type") in kinds else None


def _telnyx_word(call: Call) -> str | None:
    payload = _telnyx_payload(call, "message.sent", "message.finalized")
    return payload["to"][0]["status"] if payload else None


def _telnyx_text(call: Call) -> str | None:
    payload = _telnyx_payload(call, "message.received")
    return payload["text"] if payload else None


def _aws_code(reply: Reply) -> str:
    reason = reply.body.get("Reason") or reply.body.get("ResourceType")
    return f"{reply.body['__type']}:{reason}" if reason else reply.body["__type"]


TWILIO = Dialect(
    name="twilio",
    number=NUMBER,
    ask=_ask_twilio,
    sid=lambda reply: reply.body["sid"],
    code=lambda reply: reply.body["code"],
    word=lambda call: call.form.get("MessageStatus"),
    text=lambda call: None if "MessageStatus" in call.form else call.form.get("Body"),
    sent="sent",
    delivered="delivered",
    undelivered="undelivered",
    opted_out=21610,
    account=20005,
    unreachable=30003,
    too_many=20429,
)
TELNYX = Dialect(
    name="telnyx",
    number="+12025550110",
    ask=_ask_telnyx,
    sid=lambda reply: reply.body["data"]["id"],
    code=lambda reply: int(reply.body["errors"][0]["code"]),
    word=_telnyx_word,
    text=_telnyx_text,
    sent="sent",
    delivered="delivered",
    undelivered="delivery_failed",
    opted_out=40300,
    account=20012,
    unreachable=40006,
    too_many=10011,
)
AWS = Dialect(
    name="aws",
    number="+12025550120",
    ask=_ask_aws,
    sid=lambda reply: reply.body["MessageId"],
    code=_aws_code,
    word=lambda call: _event(call).get("eventType"),
    text=lambda call: _event(call).get("messageBody"),
    sent="TEXT_PENDING",
    delivered="TEXT_DELIVERED",
    undelivered="TEXT_UNREACHABLE",
    opted_out="ConflictException:DESTINATION_PHONE_NUMBER_OPTED_OUT",
    account="AccessDeniedException:ACCOUNT_DISABLED",
    unreachable="TEXT_UNREACHABLE",
    too_many="ThrottlingException",
)
DIALECTS = (TWILIO, TELNYX, AWS)
