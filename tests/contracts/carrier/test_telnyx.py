"""Telnyx's official SDK drives the carrier as if it were Telnyx, and verifies its webhooks."""

import json
import sys
import time
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import telnyx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from telnyx.lib import WebhookVerificationError, verify_webhook_signature

from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import PHONE, RunCarrier, phones, request
from tests.support.carrier_dialects import TELNYX, own_numbers
from tests.support.webhook_receiver import Call, WebhookReceiver

NUMBER = TELNYX.number


@pytest.fixture
def carrier(run_carrier: RunCarrier, receiver: WebhookReceiver) -> Carrier:
    return own_numbers(run_carrier(numbers={}), receiver)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """One client for all tests: it is slow to make."""
    with telnyx.Telnyx(
        api_key="none yet", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
def sdk(client: Any, carrier: Carrier) -> Any:
    return of(client, carrier)


def of(client: Any, carrier: Carrier, **changes: Any) -> Any:
    secret = carrier.credentials_of("telnyx")
    return client.with_options(
        **{"api_key": secret["api_key"], "base_url": f"{secret['base_url']}/v2", **changes}
    )


def send(sdk: Any, to: str = PHONE, text: str = "Hello", **values: Any) -> Any:
    return sdk.messages.send(to=to, from_=NUMBER, text=text, **values).data


def code_of(error: telnyx.APIStatusError) -> int:
    return int(error.response.json()["errors"][0]["code"])


def event(call: Call) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(call.body)["data"]
    return data


# Sending and reading ------------------------------------------------------------


def test_a_sent_message_has_the_fields_of_telnyxs_resource(sdk: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)

    message = send(sdk, text="Héllo 👋", webhook_url="https://example.com/s?ref=1")

    assert (message.record_type, message.direction, message.type) == ("message", "outbound", "SMS")
    assert (message.from_.phone_number, message.text) == (NUMBER, "Héllo 👋")
    assert [(one.phone_number, one.status) for one in message.to] == [(PHONE, "queued")]
    assert (message.encoding, message.parts, message.errors) == ("UCS-2", 1, [])
    assert message.webhook_url == "https://example.com/s?ref=1"
    assert before <= message.received_at <= datetime.now(UTC)
    assert (message.sent_at, message.completed_at) == (None, None)


def test_a_retrieved_message_shows_its_final_state(sdk: Any, carrier: Carrier) -> None:
    sent = send(sdk)
    carrier.wait_idle()

    message = sdk.messages.retrieve(sent.id).data

    assert (message.id, message.to[0].status, message.errors) == (sent.id, "delivered", [])
    assert message.received_at <= message.sent_at <= message.completed_at


@pytest.mark.parametrize(
    ("failed_share", "status"), [(0, "delivery_failed"), (1, "sending_failed")]
)
def test_a_retrieved_failure_shows_its_code(
    client: Any, run_carrier: RunCarrier, receiver: WebhookReceiver, failed_share: int, status: str
) -> None:
    scenario = Scenario(failure_rates={40001: 1}, failed_share=failed_share)
    carrier = own_numbers(run_carrier(scenario, numbers={}), receiver)
    sdk = of(client, carrier)
    sent = send(sdk)
    carrier.wait_idle()

    message = sdk.messages.retrieve(sent.id).data

    assert message.to[0].status == status
    assert [(one.code, one.title) for one in message.errors] == [("40001", "Not routable")]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"to": "12025550142"}, 40310),
        ({"to": NUMBER}, 40310),
        ({"to": ""}, 10004),
        ({"text": ""}, 40316),
        ({"text": "x" * 1600}, 40302),
        ({"from_": "+12025550199"}, 40305),
        ({"webhook_url": "not a url"}, 10003),
        ({"messaging_profile_id": "none", "from_": ""}, 40321),
    ],
)
def test_a_wrong_request_is_a_400_with_telnyxs_code(
    sdk: Any, carrier: Carrier, values: dict[str, str], code: int
) -> None:
    order = {"to": PHONE, "from_": NUMBER, "text": "Hello", **values}

    with pytest.raises(telnyx.BadRequestError) as refused:
        sdk.messages.send(**order)

    assert code_of(refused.value) == code
    assert carrier.ledger.accepted_by_phone() == {}


@pytest.mark.parametrize("body", [[], "text", {"to": 1}])
def test_a_body_that_is_no_message_is_a_bad_request(carrier: Carrier, body: object) -> None:
    key = carrier.credentials_of("telnyx")["api_key"]
    headers = {"Authorization": f"Bearer {key}"}

    reply = request(carrier, "POST", "/v2/messages", body=body, headers=headers)

    assert (reply.status, TELNYX.code(reply)) == (400, 10015)


def test_a_wrong_key_is_a_401(client: Any, carrier: Carrier) -> None:
    with pytest.raises(telnyx.AuthenticationError) as refused:
        send(of(client, carrier, api_key="wrong"))

    assert code_of(refused.value) == 10009


def test_an_unknown_message_is_a_404(sdk: Any) -> None:
    with pytest.raises(telnyx.NotFoundError) as refused:
        sdk.messages.retrieve("0ca11a6e-0000-4000-8000-000000000000")

    assert code_of(refused.value) == 10005


def test_a_message_of_another_dialect_is_not_telnyxs(
    sdk: Any, carrier: Carrier, receiver: WebhookReceiver
) -> None:
    other = carrier.text(PHONE, "+12025550100", "to Twilio's number")

    with pytest.raises(telnyx.NotFoundError):
        sdk.messages.retrieve(other)


def test_a_429_and_its_wait_reach_the_sdk(
    client: Any, run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    scenario = Scenario(too_many_requests_rate=1, retry_after_s=3)
    carrier = own_numbers(run_carrier(scenario, numbers={}), receiver)

    with pytest.raises(telnyx.RateLimitError) as refused:
        send(of(client, carrier))

    assert refused.value.response.headers["retry-after"] == "3"


def test_a_profiles_numbers_send_for_it(sdk: Any, carrier: Carrier) -> None:
    carrier.configure_service("a-profile", (NUMBER,))

    message = sdk.messages.send(to=PHONE, messaging_profile_id="a-profile", text="Hello").data

    assert message.from_.phone_number == NUMBER
    assert message.messaging_profile_id == "a-profile"


def test_settled_messages_have_detail_records_by_recipient_and_day(
    sdk: Any, carrier: Carrier
) -> None:
    sent = [send(sdk, to).id for to in (*phones(3), PHONE, PHONE)]
    carrier.wait_idle()

    def found(since: datetime, **page: int) -> Any:
        created = {"gte": since.date().isoformat()}
        wanted = {"record_type": "messaging", "cld": PHONE, "cli": NUMBER, "created_at": created}
        return sdk.detail_records.list(
            filter=wanted, **{f"page_{name}": value for name, value in page.items()}
        )

    now = datetime.now(UTC)
    assert [(one.uuid, one.status) for one in found(now).data] == [
        (sent[4], "delivered"),
        (sent[3], "delivered"),
    ]
    assert found(now + timedelta(days=1)).data == []
    assert found(now, size=1).meta.total_pages == 2
    assert [one.uuid for one in found(now, size=1, number=2).data] == [sent[3]]


def test_a_message_on_its_way_has_no_detail_record_yet(
    client: Any, run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    slow = Scenario(delivery_delay_s=(30, 30))
    sdk = of(client, own_numbers(run_carrier(slow, numbers={}), receiver))
    send(sdk)

    assert sdk.detail_records.list(filter={"record_type": "messaging"}).data == []


# Webhooks -----------------------------------------------------------------------


class _BadSignatureError(Exception):
    """What PyNaCl raises."""


class _VerifyKey:
    """PyNaCl's key, which the SDK wants, over the one that we have."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(key)

    def verify(self, message: bytes, signature: bytes) -> bytes:
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise _BadSignatureError from error
        return message


@pytest.fixture
def nacl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the SDK the optional package that it verifies with."""
    signing, exceptions = types.ModuleType("nacl.signing"), types.ModuleType("nacl.exceptions")
    signing.__dict__["VerifyKey"] = _VerifyKey
    exceptions.__dict__["BadSignatureError"] = _BadSignatureError
    monkeypatch.setitem(sys.modules, "nacl", types.ModuleType("nacl"))
    monkeypatch.setitem(sys.modules, "nacl.signing", signing)
    monkeypatch.setitem(sys.modules, "nacl.exceptions", exceptions)


def is_signed(call: Call, public_key: str, body: bytes | None = None) -> bool:
    """Ask Telnyx's own verification."""
    try:
        verify_webhook_signature(body or call.body, call.headers, public_key)
    except WebhookVerificationError:
        return False
    return True


@pytest.mark.usefixtures("nacl")
def test_the_sdk_accepts_what_the_carrier_signs_and_nothing_else(
    sdk: Any, carrier: Carrier, receiver: WebhookReceiver
) -> None:
    send(sdk, text="Ünï¢ødé 👋", webhook_url=f"{receiver.base_url}/s?ref=a%23b")
    carrier.text(PHONE, NUMBER, "¿qué?")
    carrier.wait_idle()

    public_key = carrier.credentials_of("telnyx")["public_key"]
    assert len(receiver.calls) == 3
    for call in receiver.calls:
        assert is_signed(call, public_key)
        assert not is_signed(call, public_key, call.body.replace(b"message", b"massage"))


@pytest.mark.usefixtures("nacl")
def test_a_turned_key_signs_from_then_on(carrier: Carrier, receiver: WebhookReceiver) -> None:
    former = carrier.credentials_of("telnyx")
    carrier.rotate_signing_key()
    present = carrier.credentials_of("telnyx")

    carrier.text(PHONE, NUMBER, "Hello")
    carrier.wait_idle()

    assert "previous_public_key" not in former
    assert present["previous_public_key"] == former["public_key"]
    (call,) = receiver.calls
    assert is_signed(call, present["public_key"])
    assert not is_signed(call, former["public_key"])


def test_receipts_are_telnyxs_events(sdk: Any, carrier: Carrier, receiver: WebhookReceiver) -> None:
    url = f"{receiver.base_url}/telnyx/snd_1/status?ref=cmp_1%2300001~led_2"
    sent_id = send(sdk, webhook_url=url).id
    carrier.wait_idle()

    sent, final = (event(call) for call in receiver.calls)
    assert (sent["event_type"], final["event_type"]) == ("message.sent", "message.finalized")
    assert {sent["record_type"], final["record_type"]} == {"event"}
    assert sent["id"] != final["id"]
    for told, status in ((sent, "sent"), (final, "delivered")):
        payload = told["payload"]
        assert (payload["id"], payload["webhook_url"]) == (sent_id, url)
        assert payload["to"][0] == {
            "phone_number": PHONE,
            "status": status,
            "carrier": "T-MOBILE USA, INC.",
            "line_type": "Wireless",
        }
    assert (sent["payload"]["completed_at"] is None, final["payload"]["errors"]) == (True, [])
    assert receiver.calls[0].target == "/telnyx/snd_1/status?ref=cmp_1%2300001~led_2"
    assert json.loads(receiver.calls[0].body)["meta"] == {"attempt": 1, "delivered_to": url}


def test_an_inbound_text_is_message_received(carrier: Carrier, receiver: WebhookReceiver) -> None:
    sid = carrier.text(PHONE, NUMBER, "Hello 👋")
    carrier.wait_idle()

    told = event(receiver.calls[0])
    payload = told["payload"]
    assert (told["event_type"], payload["direction"]) == ("message.received", "inbound")
    assert (payload["id"], payload["text"]) == (sid, "Hello 👋")
    assert payload["from"]["phone_number"] == PHONE
    assert payload["to"][0]["phone_number"] == NUMBER
    assert payload["autoresponse_type"] is None


def test_a_keyword_that_telnyx_answered_is_named(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = own_numbers(run_carrier(Scenario(provider_handles_stop=True)), receiver)

    carrier.text(PHONE, NUMBER, " stop ")
    carrier.wait_idle()

    assert event(receiver.calls[0])["payload"]["autoresponse_type"] == "STOP"


def test_a_stop_to_one_number_blocks_all_of_the_profile(
    client: Any, run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = own_numbers(run_carrier(Scenario(provider_handles_stop=True)), receiver)
    carrier.configure_number("+12025550111", dialect="telnyx")
    carrier.text(PHONE, "+12025550111", "STOP")

    with pytest.raises(telnyx.BadRequestError) as refused:
        send(of(client, carrier))

    assert code_of(refused.value) == 40300


@pytest.mark.parametrize(("status", "calls"), [(204, 1), (404, 3), (503, 3)])
def test_an_event_is_tried_three_times_until_a_2xx(
    carrier: Carrier, receiver: WebhookReceiver, status: int, calls: int
) -> None:
    receiver.status = status

    carrier.text(PHONE, NUMBER, "Hello")
    carrier.wait_idle()

    tries = [json.loads(call.body) for call in receiver.calls]
    assert [one["meta"]["attempt"] for one in tries] == list(range(1, calls + 1))
    assert len({one["data"]["id"] for one in tries}) == 1


def test_an_answer_that_takes_too_long_is_tried_again(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = own_numbers(run_carrier(webhook_timeout_s=0.25), receiver)

    def slow_at_first(_: Call) -> int:
        if len(receiver.calls) == 1:
            time.sleep(0.4)
        return 204

    receiver.answer = slow_at_first
    carrier.text(PHONE, NUMBER, "Hello")
    carrier.wait_idle()

    calls = carrier.ledger.webhooks()
    assert [(call.outcome, call.error) for call in calls] == [
        ("failed", "no answer within 0.25 s"),
        ("answered", None),
    ]
