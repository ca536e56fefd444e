"""What providers call: signed requests reach the queue as they are, all others are 403 (I1)."""

from collections.abc import Iterator
from typing import Any

import pytest

from carillon.domain.clock import from_iso
from tests.support.sending import a_sender
from tests.support.sending_functions import (
    PREVIOUS_TOKEN,
    TOKEN,
    Deployment,
    a_webhook,
    deployment,
    in_base64,
)

STATUS = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12025550142"}
INBOUND = {"MessageSid": "SM2", "From": "+12025550142", "Body": "Ünï 👋 = & ?", "NumMedia": "0"}


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        made.stores.keep_sender(a_sender("snd_pigeon", provider="pigeon"))
        yield made


@pytest.fixture(autouse=True)
def _empty_queues(deployed: Deployment) -> None:
    queued(deployed)


def call(deployed: Deployment, event: dict[str, Any]) -> tuple[int, str]:
    answer = deployed.invoke("provider_webhooks", event)
    return answer["statusCode"], answer.get("body") or ""


def queued(deployed: Deployment) -> list[dict[str, Any]]:
    return deployed.queued("RECEIPT") + deployed.queued("INBOUND")


def test_a_signed_status_is_enqueued_once_with_its_raw_form_and_reference(
    deployed: Deployment,
) -> None:
    form: dict[str, str | list[str]] = {**STATUS, "ErrorCode": "", "MediaUrl": ["b", "a", "b"]}

    answer = call(deployed, a_webhook("status", form, query="ref=Y21wX2E"))

    assert answer == (204, "")
    (message,) = deployed.queued("RECEIPT")
    assert deployed.queued("INBOUND") == []
    assert from_iso(message.pop("received_at"))
    assert message == {
        "v": 1,
        "correlation_id": "request-7",
        "provider": "twilio",
        "sender_id": "snd_a",
        "ref": "Y21wX2E",
        "payload": {
            "MessageSid": ["SM1"],
            "MessageStatus": ["delivered"],
            "To": ["+12025550142"],
            "ErrorCode": [""],
            "MediaUrl": ["b", "a", "b"],
        },
    }


def test_a_signed_inbound_message_is_enqueued_once_and_answered_with_no_message(
    deployed: Deployment,
) -> None:
    status, body = call(deployed, a_webhook("inbound", INBOUND))

    assert (status, body) == (200, '<?xml version="1.0" encoding="UTF-8"?><Response/>')
    (message,) = deployed.queued("INBOUND")
    assert deployed.queued("RECEIPT") == []
    assert message["payload"] == {name: [value] for name, value in INBOUND.items()}


@pytest.mark.parametrize("token", [TOKEN, PREVIOUS_TOKEN])
def test_both_tokens_of_a_rotation_are_accepted(deployed: Deployment, token: str) -> None:
    assert call(deployed, a_webhook("status", STATUS, token=token))[0] == 204
    assert len(queued(deployed)) == 1


@pytest.mark.parametrize(
    "event",
    [
        in_base64(a_webhook("inbound", INBOUND)),
        a_webhook(
            "inbound", INBOUND, headers={"content-type": "APPLICATION/X-WWW-Form-Urlencoded"}
        ),
        a_webhook(
            "inbound",
            INBOUND,
            headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        ),
    ],
    ids=["base64", "upper case", "charset"],
)
def test_the_same_form_in_other_clothes_is_the_same_form(
    deployed: Deployment, event: dict[str, Any]
) -> None:
    assert call(deployed, event)[0] == 200
    (message,) = queued(deployed)
    assert message["payload"] == {name: [value] for name, value in INBOUND.items()}


def test_a_form_of_blank_values_is_signed_with_them(deployed: Deployment) -> None:
    assert call(deployed, a_webhook("inbound", {**INBOUND, "Body": "", "City": ""}))[0] == 200

    (message,) = queued(deployed)
    assert (message["payload"]["Body"], message["payload"]["City"]) == ([""], [""])


def a_signed(**changes: Any) -> dict[str, Any]:
    return a_webhook("status", STATUS, query="ref=Y21wX2E", **changes)


HUGE = "MessageSid=SM1&Body=" + "x" * 5_000_000
FORGERIES = {
    "no signature": a_signed(headers={"x-twilio-signature": None}),
    "empty signature": a_signed(headers={"x-twilio-signature": ""}),
    "another signature": a_signed(headers={"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}),
    "a signature that is no ASCII": a_signed(headers={"x-twilio-signature": "\u00fc\u4e2d"}),
    "a signature that is no text": a_signed(headers={"x-twilio-signature": "\ud800"}),
    "another account's token": a_signed(token="south-token"),
    "another form": a_signed(body="MessageSid=SM1&MessageStatus=failed"),
    "one more field": a_signed(body=a_signed()["body"] + "&ErrorCode=30003"),
    "another reference": a_signed(rawQueryString="ref=Y21wX2F"),
    "no reference": a_signed(rawQueryString=""),
    "another kind": a_signed(rawPath="/twilio/snd_a/inbound"),
    "another sender": a_signed(rawPath="/twilio/snd_b/status"),
    "a sender that is not Twilio's": a_webhook("status", STATUS, sender_id="snd_pigeon"),
    "an unknown sender": a_webhook("status", STATUS, sender_id="snd_none"),
    "a sender with an odd name": a_webhook("status", STATUS, sender_id="%00'\"$"),
    "a JSON body": a_signed(
        body='{"MessageSid": "SM1"}', headers={"content-type": "application/json"}
    ),
    "a JSON body with its hash": a_webhook(
        "status",
        {},
        query="bodySHA256=" + "0" * 64,
        body='{"MessageSid": "SM1"}',
        headers={"content-type": "application/json"},
    ),
    "a JSON body that says it is a form": a_signed(body='{"MessageSid": "SM1"}'),
    "no content type": a_signed(headers={"content-type": None}),
    "an odd content type": a_signed(headers={"content-type": ";;=;"}),
    "bytes that are no UTF-8": a_signed(body="MessageSid=%ff%fe"),
    "base64 that is none": a_signed(body="=%%%", isBase64Encoded=True),
    "base64 of no UTF-8": a_signed(body="//79", isBase64Encoded=True),
    "no body": a_signed(body=None),
    "an empty body": a_signed(body=""),
    "a huge body": a_signed(body=HUGE),
    "a thousand fields": a_signed(body="&".join(f"a{n}=1" for n in range(100_000))),
    "no headers at all": {**a_signed(), "headers": {}},
    "a lone surrogate": a_signed(body="MessageSid=\ud800"),
}


@pytest.mark.parametrize("event", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_is_not_signed_is_forbidden_and_nothing_of_it_is_kept(
    deployed: Deployment, event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = call(deployed, event)

    assert (status, body) == (403, "Forbidden")
    assert queued(deployed) == []
    assert '"webhook_refused":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_form_too_large_for_the_queue_is_forbidden_even_when_signed(
    deployed: Deployment,
) -> None:
    event = a_webhook("inbound", {**INBOUND, "Body": "x" * 200_000})

    assert call(deployed, event)[0] == 403
    assert queued(deployed) == []


def test_a_sender_created_later_is_found(deployed: Deployment) -> None:
    event = a_webhook("status", STATUS, sender_id="snd_new")
    assert call(deployed, event)[0] == 403

    deployed.stores.keep_sender(a_sender("snd_new"))

    assert call(deployed, event)[0] == 204
    assert len(queued(deployed)) == 1


def test_a_queue_that_does_not_take_the_message_is_an_error_so_that_the_provider_tries_again(
    deployed: Deployment,
) -> None:
    url = deployed.queue_urls["INBOUND"]
    deployed.sqs.delete_queue(QueueUrl=url)
    try:
        with pytest.raises(deployed.sqs.exceptions.QueueDoesNotExist):
            call(deployed, a_webhook("inbound", INBOUND))
    finally:
        deployed.sqs.create_queue(QueueName="inbound")
