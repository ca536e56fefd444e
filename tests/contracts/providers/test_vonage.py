"""Our Vonage module against the answers and callbacks that Vonage documents."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from vonage_jwt import JwtClient

from carillon.adapters.providers.contract import ProviderModule, WebhookCall
from carillon.adapters.providers.rs256 import RsaKey
from carillon.adapters.providers.vonage import MODULE, Vonage, application_token
from carillon.domain.errors import (
    AccountBlocked,
    CarillonError,
    InvalidInput,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    Outgoing,
    Receipt,
    Reply,
    RowRef,
    text_digest,
)
from carillon.domain.provider_codes import CodeKind
from carillon.domain.provider_codes.vonage import CODES
from tests.support.provider_server import Answer, ProviderServer, provider_server

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
NUMBER = "+447700900001"
PHONE = "+447700900000"
REF = CallbackRef(RowRef("cmp_a#00001", "2a9f"), "clm_1")
OTHER_REF = CallbackRef(RowRef("cmp_b#00002", "77aa"), "clm_2")
MESSAGE = Outgoing(
    sender=NUMBER,
    recipient=PHONE,
    text="Grüße & 50 % off? +1 👋",
    status_callback=f"https://hooks.example.com/vonage/snd_a/status?ref={REF.token}",
    ref_token=REF.token,
)
ID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
ACCEPTED = Answer(202, {"message_uuid": ID})
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ERRORS = "https://developer.vonage.com/api-errors"


def problem(status: int, kind: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a refusal in Vonage's format (RFC 7807)."""
    page = f"{ERRORS}/messages" if kind.isdigit() else ERRORS
    body = {"type": f"{page}#{kind}", "title": "A title", "detail": "Why.", "instance": "bf0c"}
    return Answer(status, body, headers or {})


def account(base_url: str, clock: list[float] | None = None) -> Vonage:
    secret = {"application_id": APPLICATION, "private_key": PEM, "base_url": base_url}
    times = clock or [NOW.timestamp()]
    return Vonage(secret, urllib3.PoolManager(), read_timeout_s=0.3, now=lambda: times[0])


@contextmanager
def vonage(*answers: Answer) -> Iterator[tuple[Vonage, ProviderServer]]:
    with provider_server(*answers) as server:
        yield account(server.base_url), server


def refused(answer: Answer) -> CarillonError:
    """Return the error that *answer* to a send becomes."""
    with vonage(answer) as (provider, server):
        with pytest.raises(CarillonError) as caught:
            provider.send(MESSAGE)
        assert len(server.requests) == 1
    return caught.value


def bearer(headers: Mapping[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


# Sending -----------------------------------------------------------------------


def test_a_send_is_one_request_as_vonage_documents_it() -> None:
    with vonage(ACCEPTED) as (provider, server):
        accepted = provider.send(MESSAGE)

    (request,) = server.requests
    assert accepted == Accepted(ID)
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "channel": "sms",
        "message_type": "text",
        "to": "447700900000",
        "from": "447700900001",
        "text": MESSAGE.text,
        "sms": {"encoding_type": "auto"},
        "webhook_url": MESSAGE.status_callback,
        "webhook_version": "v1",
        "client_ref": REF.token,
    }


def test_a_call_is_signed_as_vonages_own_generator_signs() -> None:
    with vonage(ACCEPTED) as (provider, server):
        provider.send(MESSAGE)

    token = bearer(server.requests[0].headers)
    theirs = JwtClient(APPLICATION, PEM).generate_application_jwt().decode()
    assert jwt.get_unverified_header(token) == jwt.get_unverified_header(theirs)
    untimed: Any = {"verify_exp": False, "verify_iat": False}
    ours_says = jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=untimed)
    theirs_says = jwt.decode(theirs, KEY.public_key(), algorithms=["RS256"])
    assert set(ours_says) == set(theirs_says)
    assert ours_says["application_id"] == APPLICATION
    assert ours_says["iat"] == int(NOW.timestamp())
    assert ours_says["exp"] - ours_says["iat"] == theirs_says["exp"] - theirs_says["iat"] == 900


def test_a_token_serves_ten_minutes() -> None:
    clock = [NOW.timestamp()]
    with provider_server(ACCEPTED) as server:
        provider = account(server.base_url, clock)
        for minutes in (0, 9, 10, 19):
            clock[0] = (NOW + timedelta(minutes=minutes)).timestamp()
            provider.send(MESSAGE)

    first, second, third, fourth = (bearer(one.headers) for one in server.requests)
    assert first == second != third == fourth


def test_two_tokens_are_never_the_same() -> None:
    key = RsaKey.from_pem(PEM)

    assert application_token(APPLICATION, key, 1) != application_token(APPLICATION, key, 1)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"sender": "Carillon"}, {"from": "Carillon"}),
        ({"valid_for_s": 3600}, {"ttl": 3600}),
        (
            {"media_urls": ("https://cdn.example.com/a.png?w=2",)},
            {
                "channel": "mms",
                "message_type": "image",
                "image": {"url": "https://cdn.example.com/a.png?w=2", "caption": MESSAGE.text},
            },
        ),
        (
            {"media_urls": ("https://cdn.example.com/a.mp4",), "text": ""},
            {"message_type": "video", "video": {"url": "https://cdn.example.com/a.mp4"}},
        ),
        (
            {"media_urls": ("https://cdn.example.com/a.mp3",)},
            {"message_type": "audio"},
        ),
        (
            {"media_urls": ("https://cdn.example.com/a.vcf",)},
            {"message_type": "vcard"},
        ),
        ({"media_urls": ("https://cdn.example.com/a",)}, {"message_type": "image"}),
    ],
)
def test_what_a_message_may_have_is_passed_on(
    changes: dict[str, Any], fields: dict[str, Any]
) -> None:
    with vonage(ACCEPTED) as (provider, server):
        provider.send(replace(MESSAGE, **changes))

    sent = server.requests[0].json
    assert {name: sent[name] for name in fields} == fields


def test_a_reference_that_is_too_long_travels_in_the_address_alone() -> None:
    with vonage(ACCEPTED) as (provider, server):
        provider.send(replace(MESSAGE, ref_token="r" * 101))
        provider.send(replace(MESSAGE, ref_token="r" * 100))

    assert "client_ref" not in server.requests[0].json
    assert server.requests[1].json["client_ref"] == "r" * 100


def test_two_pictures_are_refused_before_half_of_them_is_sent() -> None:
    with vonage(ACCEPTED) as (provider, server), pytest.raises(Rejected) as caught:
        provider.send(replace(MESSAGE, media_urls=("https://a/1.png", "https://a/2.png")))

    assert caught.value.provider_code == "vonage:1020"
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (422, "1430", Rejected),  # invalid recipient
        (422, "1240", Rejected),  # the person has answered STOP
        (403, "1240", Rejected),
        (422, "1120", Rejected),  # this sender is not allowed there
        (422, "invalid-params", Rejected),
        (422, "9999", Rejected),  # a code that no table has
        (401, "unauthorized", AccountBlocked),
        (402, "low-balance", AccountBlocked),
        (403, "forbidden", AccountBlocked),
        (403, "something-new", AccountBlocked),
        (422, "1420", AccountBlocked),  # the sender is not ours
        (422, "1060", AccountBlocked),
        (422, "1100", Unavailable),  # documented as not submitted
        (500, "1100", Unavailable),
        (422, "1030", OutcomeUnknown),  # internal error
        (500, "1000", OutcomeUnknown),
        (503, "1430", OutcomeUnknown),
    ],
)
def test_each_refusal_is_the_error_that_its_code_means(
    status: int, kind: str, error: type[ProviderError]
) -> None:
    raised = refused(problem(status, kind))

    assert type(raised) is error
    assert isinstance(raised, ProviderError)
    assert raised.provider_code == f"vonage:{kind}"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (problem(429, "throttled", {"Retry-After": "3"}), 3.0),
        (problem(429, "1000"), 1.0),
        (problem(422, "1000", {"Retry-After": "2"}), 2.0),
        (problem(422, "1241"), 1.0),
        (Answer(429), 1.0),
        (Answer(429, b"<html>", {"Retry-After": "5"}), 5.0),
    ],
)
def test_too_many_messages_slow_us_down(answer: Answer, seconds: float) -> None:
    raised = refused(answer)

    assert isinstance(raised, Throttled)
    assert raised.retry_after_s == seconds


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(202, {"workflow_id": "w1"}), OutcomeUnknown),
        (Answer(202, b"<html>"), OutcomeUnknown),
        (Answer(204), OutcomeUnknown),
        (Answer(302, headers={"Location": "http://127.0.0.1:9/"}), OutcomeUnknown),
        (Answer(400, b"<html>"), OutcomeUnknown),
        (Answer(404, {"title": "Not found"}), OutcomeUnknown),
        (Answer(422, {"title": "1420"}), AccountBlocked),  # a number as the title
        (Answer(422, {"type": "about:blank", "title": 1430}), Rejected),
        (Answer(401), AccountBlocked),
        (Answer(502, b"<html>"), OutcomeUnknown),
        (Answer(hang_up=True), OutcomeUnknown),
    ],
)
def test_an_answer_that_is_not_vonages_never_counts_as_not_sent(
    answer: Answer, error: type[Exception]
) -> None:
    assert type(refused(answer)) is error


def test_a_port_where_nobody_listens_is_unavailable_and_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        provider = account(f"http://127.0.0.1:{taken.getsockname()[1]}")

    with pytest.raises(Unavailable) as caught:
        provider.send(MESSAGE)

    assert caught.value.provider_code == "unreachable"


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ({"private_key": PEM}, KeyError),
        ({"application_id": APPLICATION}, KeyError),
        ({"application_id": APPLICATION, "private_key": "no key"}, InvalidInput),
    ],
)
def test_a_secret_that_cannot_sign_is_refused(
    secret: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        MODULE.account(secret, urllib3.PoolManager())


def test_there_is_no_log_to_ask() -> None:
    with vonage(ACCEPTED) as (provider, server):
        with pytest.raises(Unavailable) as found:
            provider.find(
                sender=NUMBER,
                recipient=PHONE,
                text_digest=text_digest(MESSAGE.text),
                since=NOW,
            )
        with pytest.raises(Unavailable) as fetched:
            provider.fetch(ID)

    assert found.value.provider_code == fetched.value.provider_code == "vonage:no_log"
    assert server.requests == []


def test_no_error_quotes_the_person_or_the_text() -> None:
    raised = refused(problem(422, "1430"))

    for secret in (PHONE, PHONE[1:], MESSAGE.text, APPLICATION):
        assert secret not in f"{raised} {raised.extra}"


# Webhooks -------------------------------------------------------------------------


def arrived(body: dict[str, Any]) -> dict[str, Any]:
    """Return a webhook's body as it comes out of the queue."""
    call = WebhookCall(
        method="POST",
        url="https://hooks.example.com/vonage/snd_a/status",
        headers={},
        body=json.dumps(body).encode(),
        received_at=NOW,
    )
    return MODULE.payload(call)


def a_status(status: str, **changes: Any) -> dict[str, Any]:
    """Return a status callback as Vonage's guide shows one."""
    return {
        "message_uuid": ID,
        "to": "447700900000",
        "from": "447700900001",
        "timestamp": "2026-11-24T09:29:58Z",
        "status": status,
        "channel": "sms",
        "client_ref": REF.token,
        **changes,
    }


def a_receipt(**changes: Any) -> Receipt:
    return replace(
        Receipt(
            ref=REF.row,
            claim_id=REF.claim_id,
            provider_id=ID,
            status=LeadStatus.SUBMITTED,
            received_at=NOW,
            phone=PHONE,
        ),
        **changes,
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("submitted", LeadStatus.SUBMITTED),
        ("delivered", LeadStatus.DELIVERED),
        ("read", LeadStatus.DELIVERED),
        ("rejected", LeadStatus.FAILED),
        ("undeliverable", LeadStatus.FAILED),
    ],
)
def test_each_status_is_one_of_ours(word: str, status: LeadStatus) -> None:
    assert MODULE.receipts(arrived(a_status(word)), REF.token, NOW) == [a_receipt(status=status)]


def test_a_receipt_brings_price_and_segments() -> None:
    body = a_status(
        "submitted",
        usage={"currency": "EUR", "price": "0.0333"},
        sms={"count_total": "2"},
        destination={"network_code": "12345"},
    )

    (receipt,) = MODULE.receipts(arrived(body), REF.token, NOW)

    assert receipt == a_receipt(segments=2, cost_micros=33_300, currency="EUR")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"type": f"{ERRORS}/messages#1240", "title": 1240, "detail": "x"}, "vonage:1240"),
        ({"type": "", "title": "1180"}, "vonage:1180"),
        ({"title": "Something else"}, None),
        ("1180", None),
        (None, None),
    ],
)
def test_a_failure_has_the_reason_that_vonage_gives(error: Any, code: str | None) -> None:
    body = a_status("rejected", error=error)

    (receipt,) = MODULE.receipts(arrived(body), REF.token, NOW)

    assert (receipt.status, receipt.error_code) == (LeadStatus.FAILED, code)


def test_the_reference_that_is_signed_counts_before_that_of_the_address() -> None:
    body = arrived(a_status("delivered"))

    (receipt,) = MODULE.receipts(body, OTHER_REF.token, NOW)

    assert (receipt.ref, receipt.claim_id) == (REF.row, REF.claim_id)


def test_without_a_reference_of_its_own_the_address_counts() -> None:
    body = a_status("delivered")
    del body["client_ref"]

    (receipt,) = MODULE.receipts(arrived(body), OTHER_REF.token, NOW)

    assert receipt.ref == OTHER_REF.row


@pytest.mark.parametrize(
    ("body", "ref", "code"),
    [
        (a_status("teleported"), REF.token, "unknown_status"),
        ({}, REF.token, "unknown_status"),
        (a_status("delivered", client_ref="nonsense"), REF.token, "bad_ref"),
        (a_status("delivered", client_ref=None), "", "bad_ref"),
    ],
)
def test_a_receipt_that_vonage_does_not_document_is_refused(
    body: dict[str, Any], ref: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.receipts(arrived(body), ref, NOW)

    assert caught.value.code == code


def an_inbound(**changes: Any) -> dict[str, Any]:
    return {
        "channel": "sms",
        "message_uuid": ID,
        "to": "447700900001",
        "from": "447700900000",
        "timestamp": "2026-11-24T09:29:58Z",
        "message_type": "text",
        "text": "Yes 👋",
        "sms": {"num_messages": "1", "keyword": "YES"},
        "usage": {"currency": "EUR", "price": "0.0"},
        **changes,
    }


REPLY = Reply(
    provider="vonage",
    provider_id=ID,
    sender_id="snd_a",
    phone=PHONE,
    body="Yes 👋",
    received_at=NOW,
)


@pytest.mark.parametrize(
    ("changes", "reply"),
    [
        ({}, REPLY),
        ({"text": "STOP"}, replace(REPLY, body="STOP")),
        ({"from": "+447700900000"}, REPLY),
        (
            {
                "channel": "mms",
                "message_type": "image",
                "text": None,
                "image": {"url": "https://media.example.com/1.jpg", "caption": "Look"},
            },
            replace(REPLY, body="Look", media_urls=("https://media.example.com/1.jpg",)),
        ),
        (
            {
                "channel": "mms",
                "message_type": "vcard",
                "text": None,
                "vcard": {"url": "https://v"},
            },
            replace(REPLY, body="", media_urls=("https://v",)),
        ),
    ],
)
def test_an_inbound_message_is_a_reply(changes: dict[str, Any], reply: Reply) -> None:
    assert MODULE.replies(arrived(an_inbound(**changes)), "snd_a", NOW) == [reply]


@pytest.mark.parametrize("body", [a_status("delivered"), an_inbound(channel="whatsapp"), {}])
def test_what_is_no_text_message_is_no_reply(body: dict[str, Any]) -> None:
    assert MODULE.replies(arrived(body), "snd_a", NOW) == []


def test_an_inbound_message_at_the_status_address_is_no_receipt() -> None:
    assert MODULE.receipts(arrived(an_inbound()), REF.token, NOW) == []


@pytest.mark.parametrize("changes", [{"message_uuid": ""}, {"from": None}, {"from": {}}])
def test_an_inbound_message_without_id_or_sender_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.replies(arrived(an_inbound(**changes)), "snd_a", NOW)

    assert caught.value.code == "bad_inbound"


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b"a=b", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    call = WebhookCall(method="POST", url="https://h", headers={}, body=body, received_at=NOW)

    with pytest.raises(ValueError):
        MODULE.payload(call)


# The table ------------------------------------------------------------------------


def test_the_module_is_what_providers_offer() -> None:
    module: ProviderModule = MODULE

    assert module.name == "vonage"
    assert module.status_answer.status == module.inbound_answer.status == 200


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_sentence_for_a_person(code: str) -> None:
    entry = CODES[code]

    assert len(code) == 4 if code.isdigit() else code.replace("-", "").isalpha()
    assert entry.reason.endswith(".")
    assert len(entry.reason) > 15
    assert entry.kind in CodeKind


def test_what_people_have_opted_out_of_is_told_from_all_else() -> None:
    opted_out = {code for code, entry in CODES.items() if entry.kind is CodeKind.OPTED_OUT}

    assert opted_out == {"1240"}


# Files ---------------------------------------------------------------------------------------


def test_a_locked_file_is_asked_for_with_the_applications_token() -> None:
    access = MODULE.media_access({"application_id": APPLICATION, "private_key": PEM})

    assert (access.hosts, access.redirect_hosts) == ((), ())
    assert access.own_hosts == ("api-us.nexmo.com", "api.nexmo.com", "api-eu.nexmo.com")
    assert access.authorization is not None
    kind, _, token = access.authorization().partition(" ")
    claims = jwt.decode(token, KEY.public_key(), algorithms=["RS256"])
    assert (kind, claims["application_id"]) == ("Bearer", APPLICATION)
