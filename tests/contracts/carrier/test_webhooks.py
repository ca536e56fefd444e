"""Webhooks carry Twilio's parameters and are retried by Twilio's rules."""

import re
import socket
import time

import pytest

from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier, send
from tests.support.webhook_receiver import WebhookReceiver


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_receipts_carry_twilios_parameters(carrier: Carrier, receiver: WebhookReceiver) -> None:
    sid = send(carrier, StatusCallback=f"{receiver.base_url}/status?ref=7").body["sid"]
    carrier.wait_idle()

    sent, delivered = (call.form for call in receiver.calls)
    common = {
        "AccountSid": carrier.account_sid,
        "ApiVersion": "2010-04-01",
        "From": NUMBER,
        "MessageSid": sid,
        "SmsSid": sid,
        "To": PHONE,
    }
    assert sent == {**common, "MessageStatus": "sent", "SmsStatus": "sent"}
    assert re.fullmatch(r"\d{10}", delivered.pop("RawDlrDoneDate"))
    assert delivered == {**common, "MessageStatus": "delivered", "SmsStatus": "delivered"}


def test_an_inbound_text_carries_twilios_parameters(
    carrier: Carrier, receiver: WebhookReceiver
) -> None:
    sid = carrier.text(PHONE, NUMBER, "ж" * 71)
    carrier.wait_idle()

    form = receiver.texts()[0]
    assert (form["MessageSid"], form["SmsSid"], form["SmsMessageSid"]) == (sid, sid, sid)
    assert (form["From"], form["To"], form["Body"]) == (PHONE, NUMBER, "ж" * 71)
    assert (form["NumMedia"], form["NumSegments"], form["SmsStatus"]) == ("0", "2", "received")
    assert form["AccountSid"] == carrier.account_sid
    assert "OptOutType" not in form


def test_no_callback_url_means_no_receipts(carrier: Carrier, receiver: WebhookReceiver) -> None:
    send(carrier)
    carrier.wait_idle()

    assert receiver.calls == []
    assert [change.status for change in carrier.ledger.finals().values()] == ["delivered"]


def test_a_refused_connection_is_tried_twice_with_one_token(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(sent_receipt=False))
    send(carrier, StatusCallback=f"http://127.0.0.1:{closed_port()}/status")
    carrier.wait_idle()

    calls = carrier.ledger.webhooks()
    assert [(call.outcome, call.answer_status) for call in calls] == [("failed", None)] * 2
    assert len({call.token for call in calls}) == 1


@pytest.mark.parametrize("status", [403, 500, 503])
def test_an_error_answer_is_not_tried_again(
    run_carrier: RunCarrier, receiver: WebhookReceiver, status: int
) -> None:
    carrier = run_carrier(Scenario(sent_receipt=False))
    receiver.status = status
    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert len(receiver.calls) == 1
    assert [call.answer_status for call in carrier.ledger.webhooks()] == [status]


@pytest.mark.parametrize(
    ("overrides", "status", "calls"),
    [
        ("#rc=3&rp=5xx", 503, 4),
        ("#rc=2&rp=all", 404, 3),
        ("#rc=2&rp=ct", 503, 1),
        ("#rc=0", 503, 1),
        ("#rc=3&rp=5xx", 204, 1),
    ],
)
def test_a_url_may_override_the_retries(
    run_carrier: RunCarrier, receiver: WebhookReceiver, overrides: str, status: int, calls: int
) -> None:
    carrier = run_carrier(Scenario(sent_receipt=False))
    receiver.status = status
    send(carrier, StatusCallback=f"{receiver.base_url}/status{overrides}")
    carrier.wait_idle()

    assert len(receiver.calls) == calls
    assert {call.target for call in receiver.calls} == {"/status"}
    assert len({call.headers["i-twilio-idempotency-token"] for call in receiver.calls}) == 1


def test_a_webhook_that_is_not_answered_in_time_is_given_up(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(sent_receipt=False), webhook_timeout_s=0.1)

    def slowly(_: object) -> int:
        time.sleep(0.3)
        return 204

    receiver.answer = slowly
    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    calls = carrier.ledger.webhooks()
    assert [(call.outcome, call.answer_status) for call in calls] == [("failed", None)]
    assert calls[0].error == "no answer within 0.1 s"


def test_a_number_without_a_webhook_receives_silently(carrier: Carrier) -> None:
    carrier.configure_number("+12025550101")

    carrier.text(PHONE, "+12025550101", "Hello")
    carrier.wait_idle()

    assert [text.body for text in carrier.ledger.inbound_texts()] == ["Hello"]
    assert carrier.ledger.webhooks() == []
