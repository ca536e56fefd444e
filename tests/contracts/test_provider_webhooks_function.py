"""What providers call: signed requests reach the queue as they are, all others are 403 (I1)."""

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from carillon.adapters import aws
from carillon.adapters.providers import modules
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.provider_codes import PROVIDERS
from tests.support.second_provider import FakeModule, speak_for_second_provider
from tests.support.sending import a_sender
from tests.support.sending_functions import (
    BASE_URL,
    PREVIOUS_TOKEN,
    TOKEN,
    Deployment,
    a_webhook,
    deployment,
    in_base64,
)
from tests.support.template import resources

STATUS = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12025550142"}
INBOUND = {"MessageSid": "SM2", "From": "+12025550142", "Body": "Ünï 👋 = & ?", "NumMedia": "0"}


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        made.stores.keep_sender(a_sender("snd_pigeon", provider="pigeon"))
        made.stores.keep_sender(
            a_sender("snd_bird", provider="bird", credentials_secret="carillon/bird")
        )
        made.secrets.create_secret(Name="carillon/bird", SecretString='{"key": "k1"}')
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
    """I1: verified, it is in a durable queue before the 2xx."""
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
    "a sender of another provider": a_webhook("status", STATUS, sender_id="snd_bird"),
    "a sender of no provider": a_webhook("status", STATUS, sender_id="snd_pigeon"),
    "another provider": a_signed(rawPath="/bird/snd_a/status"),
    "a provider of no module": a_signed(rawPath="/pigeon/snd_pigeon/status"),
    "a provider with an odd name": a_signed(rawPath="/..%2ftwilio/snd_a/status"),
    "an empty provider": a_signed(rawPath="//snd_a/status"),
    "another method": a_signed(
        requestContext={
            "http": {"method": "GET", "path": "/twilio/snd_a/status"},
            "requestId": "request-7",
            "stage": "$default",
        }
    ),
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
    """I1: 403, a metric, and nothing stored."""
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


# Rotation --------------------------------------------------------------------------


def keep_own_sender(deployed: Deployment, name: str, secret: dict[str, str]) -> str:
    """Keep a sender with a secret of its own; return its id."""
    deployed.secrets.create_secret(Name=f"carillon/{name}", SecretString=json.dumps(secret))
    sender = a_sender(f"snd_{name}", credentials_secret=f"carillon/{name}")
    deployed.stores.keep_sender(sender)
    return sender.id


def test_a_rotation_is_seen_by_the_first_call_that_is_signed_with_it(
    deployed: Deployment,
) -> None:
    sender_id = keep_own_sender(deployed, "fresh", {"auth_token": "old"})
    signed = {
        token: a_webhook("status", STATUS, sender_id=sender_id, token=token)
        for token in ("old", "new")
    }

    assert call(deployed, signed["old"])[0] == 204
    deployed.secrets.put_secret_value(
        SecretId="carillon/fresh", SecretString='{"auth_token": "new"}'
    )

    assert call(deployed, signed["new"])[0] == 204
    assert call(deployed, signed["old"])[0] == 403
    assert len(queued(deployed)) == 2


def test_a_stranger_makes_us_read_a_secret_once_a_minute_and_no_more(
    deployed: Deployment,
) -> None:
    sender_id = keep_own_sender(deployed, "besieged", {"auth_token": "t"})
    reads: list[str] = []

    def note(model: Any, **_: Any) -> None:
        reads.append(model.name)

    events = aws.client("secretsmanager").meta.events
    events.register("before-call.secretsmanager", note)
    try:
        for number in range(20):
            forged = a_webhook("status", STATUS, sender_id=sender_id, token=f"forged-{number}")
            assert call(deployed, forged)[0] == 403
    finally:
        events.unregister("before-call.secretsmanager", note)

    assert reads == ["GetSecretValue"] * 2


@pytest.mark.parametrize("token", [TOKEN, ""])
def test_a_sender_whose_secret_is_gone_or_lacks_its_token_is_refused(
    deployed: Deployment, token: str
) -> None:
    lacking = keep_own_sender(deployed, f"lacking{token}", {"account_sid": "AC1"})
    deployed.stores.keep_sender(a_sender("snd_gone", credentials_secret="carillon/gone"))

    for sender_id in (lacking, "snd_gone"):
        event = a_webhook("status", STATUS, sender_id=sender_id, token=token)
        assert call(deployed, event)[0] == 403


# Any provider ----------------------------------------------------------------------


@pytest.fixture
def bird(monkeypatch: pytest.MonkeyPatch) -> FakeModule:
    return speak_for_second_provider(monkeypatch)


def a_bird_call(kind: str, body: str, **headers: str) -> dict[str, Any]:
    return a_webhook(
        kind,
        sender_id="snd_bird",
        query="b=2&a=1&ref=Zm9v",
        rawPath=f"/bird/snd_bird/{kind}",
        body=body,
        headers={"content-type": "application/json", "X-Key": "k1", **headers},
    )


def test_another_providers_module_gets_the_call_as_it_came_and_its_answer_is_given(
    deployed: Deployment, bird: FakeModule
) -> None:
    body = '{"events": ["Ünï \\u00fc"]}'

    answer = call(deployed, in_base64(a_bird_call("status", body)))

    assert answer == (202, '{"ok":true}')
    (seen,) = bird.calls
    assert seen.method == "POST"
    assert seen.url == f"{BASE_URL}/bird/snd_bird/status?b=2&a=1&ref=Zm9v"
    assert (seen.body, seen.headers["x-key"]) == (body.encode(), "k1")
    (message,) = deployed.queued("RECEIPT")
    assert message["received_at"] == to_iso(seen.received_at)
    assert (message["provider"], message["sender_id"]) == ("bird", "snd_bird")
    assert (message["ref"], message["payload"]) == ("Zm9v", {"events": ["Ünï ü"]})


def test_an_inbound_message_of_another_provider_is_answered_as_it_likes(
    deployed: Deployment, bird: FakeModule
) -> None:
    assert call(deployed, a_bird_call("inbound", '{"events": []}')) == (200, "")

    (message,) = deployed.queued("INBOUND")
    assert (message["provider"], message["payload"]) == ("bird", {"events": []})


def got(kind: str, query: str, sender: str = "bird/snd_bird") -> dict[str, Any]:
    """Return a call by GET, which has no body; everything that it says stands in its address."""
    path = f"/{sender}/{kind}"
    event = a_webhook(kind, query=query, rawPath=path, headers={"X-Key": "k1"}, body=None)
    event["requestContext"] = {
        **event["requestContext"],
        "http": {"method": "GET", "path": path},
    }
    return event


@pytest.mark.parametrize(("kind", "queue"), [("status", "RECEIPT"), ("inbound", "INBOUND")])
def test_a_provider_that_calls_by_get_is_heard(
    deployed: Deployment, bird: FakeModule, kind: str, queue: str
) -> None:
    bird.webhook_methods = frozenset({"GET", "POST"})

    status, _ = call(deployed, got(kind, "ref=Zm9v&events=%5B%5D"))

    assert status in (200, 202)
    (seen,) = bird.calls
    assert (seen.method, seen.body) == ("GET", b"")
    assert seen.url.endswith(f"/bird/snd_bird/{kind}?ref=Zm9v&events=%5B%5D")
    (message,) = deployed.queued(queue)
    assert (message["ref"], message["payload"]) == ("Zm9v", {"events": []})


def test_a_provider_that_posts_is_not_asked_about_a_get(
    deployed: Deployment, bird: FakeModule
) -> None:
    assert call(deployed, got("status", "events=%5B%5D")) == (403, "Forbidden")
    assert (bird.calls, queued(deployed)) == ([], [])


@pytest.mark.parametrize("kind", ["other", "status/more", ""])
def test_a_get_of_another_kind_is_forbidden(
    deployed: Deployment, bird: FakeModule, kind: str
) -> None:
    bird.webhook_methods = frozenset({"GET", "POST"})

    assert call(deployed, got(kind, "events=%5B%5D")) == (403, "Forbidden")
    assert queued(deployed) == []


def test_birds_own_report_reaches_the_queue_and_only_as_it_was_signed(
    deployed: Deployment,
) -> None:
    key = "signing-key-of-the-developer-settings-0123456789"
    secret = json.dumps({"access_key": "live_abc", "signing_key": key})
    deployed.secrets.create_secret(Name="carillon/real", SecretString=secret)
    deployed.stores.keep_sender(
        a_sender("snd_real", provider="bird", credentials_secret="carillon/real")
    )
    query = "ref=Zm9v&id=m-1&reference=cmVm&status=delivered&recipient=12025550142"
    url = f"{BASE_URL}/bird/snd_real/status?{query}"
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": "MessageBird",
        "nbf": now - 1,
        "exp": now + 60,
        "url_hash": hashlib.sha256(url.encode()).hexdigest(),
    }
    event = got("status", query, "bird/snd_real")
    event["headers"] = {"messagebird-signature-jwt": jwt.encode(claims, key, "HS256")}
    forged = {**event, "rawQueryString": query.replace("delivered", "expired")}

    assert call(deployed, forged) == (403, "Forbidden")
    assert queued(deployed) == []
    assert call(deployed, event) == (200, "OK")
    (message,) = deployed.queued("RECEIPT")
    assert (message["ref"], message["payload"]["status"]) == ("Zm9v", ["delivered"])


def test_the_gateway_has_a_route_for_each_call_and_for_nothing_else() -> None:
    keys = {
        route["Properties"]["RouteKey"]
        for route in resources("AWS::ApiGatewayV2::Route", "invocations").values()
        if "Webhooks" in str(route["Properties"]["ApiId"])
    }

    assert keys == {
        "POST /{provider}/{sender_id}/status",
        "POST /{provider}/{sender_id}/inbound",
        "GET /{provider}/{sender_id}/{kind}",
    }


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_bird_alone_calls_by_get(name: str) -> None:
    methods = modules.of(name).webhook_methods

    assert ("GET" in methods) == (name == "bird")
    assert methods <= {"GET", "POST"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("{}", {"X-Key": "k2"}),
        ("no json", {}),
        ("{}", {"Boom": "1"}),
        ("x" * 64_001, {}),
    ],
    ids=["not signed", "junk", "a module that raises", "too long"],
)
def test_what_another_providers_module_does_not_verify_is_forbidden(
    deployed: Deployment, bird: FakeModule, body: str, headers: dict[str, str]
) -> None:
    assert call(deployed, a_bird_call("status", body, **headers)) == (403, "Forbidden")
    assert queued(deployed) == []


def test_a_providers_name_without_its_module_is_forbidden(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None is what the import system takes for "there is no such module".
    monkeypatch.setitem(sys.modules, "carillon.adapters.providers.bird", None)

    assert call(deployed, a_bird_call("status", "{}")) == (403, "Forbidden")
