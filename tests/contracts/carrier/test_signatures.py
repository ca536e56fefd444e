"""Twilio's own RequestValidator accepts what the carrier signs, and nothing else."""

from collections.abc import Callable

import pytest
from twilio.request_validator import RequestValidator

from infra.local.carrier import Carrier, Scenario
from infra.local.carrier.twilio_api import signature
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier, send
from tests.support.webhook_receiver import Call, WebhookReceiver

QUERIES = [
    "",
    "?ref=cmp_1%2300001~led_2",
    "?b=2&a=1&a=0",
    "?blank=&flag&space=a+b%20c&mail=a%40b%3Ac",
    "?text=%C3%BCber%20%F0%9F%91%8B&quote='it'",
]
BODIES = ["Hello", "Ünï¢ødé 👋 — ¿qué?", "a=b&c=d%20e+f", "  spaces \n and lines\t", ""]


def validator(carrier: Carrier) -> RequestValidator:
    return RequestValidator(carrier.credentials["auth_token"])


def test_the_signature_is_that_of_twilios_published_example() -> None:
    params = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]

    signed = signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params)

    assert signed == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("query", QUERIES)
def test_a_receipt_is_signed_over_the_exact_url(
    carrier: Carrier, receiver: WebhookReceiver, query: str
) -> None:
    send(carrier, StatusCallback=f"{receiver.base_url}/twilio/status{query}")
    carrier.wait_idle()

    assert receiver.statuses() == ["sent", "delivered"]
    for call in receiver.calls:
        assert call.target == f"/twilio/status{query}"
        assert validator(carrier).validate(call.url, call.form, call.signature)


@pytest.mark.parametrize("body", BODIES)
def test_an_inbound_text_is_signed_whatever_its_body(
    carrier: Carrier, receiver: WebhookReceiver, body: str
) -> None:
    carrier.text(PHONE, NUMBER, body)
    carrier.wait_idle()

    call = receiver.calls[0]
    assert call.form["Body"] == body
    assert call.form["FromCity"] == ""  # blank values are signed like any other
    assert validator(carrier).validate(call.url, call.form, call.signature)


def test_a_failure_receipt_carries_its_code_and_is_signed(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(failure_rates={30007: 1.0}))
    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    call = receiver.calls[-1]
    assert (call.form["MessageStatus"], call.form["ErrorCode"]) == ("undelivered", "30007")
    assert validator(carrier).validate(call.url, call.form, call.signature)


@pytest.mark.parametrize(
    "tampered",
    [
        lambda call: (call.url + "&x=1", call.form),
        lambda call: (call.url.replace("ref=1", "ref=2"), call.form),
        lambda call: (call.url, {**call.form, "MessageStatus": "failed"}),
        lambda call: (call.url, {**call.form, "Added": ""}),
        lambda call: (call.url, {k: v for k, v in call.form.items() if k != "To"}),
    ],
)
def test_a_tampered_webhook_does_not_validate(
    carrier: Carrier,
    receiver: WebhookReceiver,
    tampered: Callable[[Call], tuple[str, dict[str, str]]],
) -> None:
    send(carrier, StatusCallback=f"{receiver.base_url}/status?ref=1")
    carrier.wait_idle()
    call = receiver.calls[0]

    url, form = tampered(call)

    assert validator(carrier).validate(call.url, call.form, call.signature)
    assert not validator(carrier).validate(url, form, call.signature)


def test_a_rotated_token_signs_from_then_on(carrier: Carrier, receiver: WebhookReceiver) -> None:
    former = validator(carrier)
    carrier.rotate_token("another token")

    carrier.text(PHONE, NUMBER, "Hello")
    carrier.wait_idle()

    call = receiver.calls[0]
    assert validator(carrier).validate(call.url, call.form, call.signature)
    assert not former.validate(call.url, call.form, call.signature)
