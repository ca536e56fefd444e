"""Our Bird module: the documented requests and answers, and signatures against Bird's SDK."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from messagebird.error import ValidationError
from messagebird.request_validator import RequestValidator

from carillon.adapters.providers.bird import MODULE, BirdAccount
from carillon.adapters.providers.contract import ProviderModule, WebhookCall
from carillon.domain.clock import to_iso
from carillon.domain.errors import (
    AccountBlocked,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.lead import LeadStatus
from carillon.domain.message import CallbackRef, ProviderRecord, RowRef, text_digest
from carillon.domain.provider_codes import CodeKind
from carillon.domain.provider_codes.bird import CODES
from carillon.ports import MessageProvider
from tests.support.provider_cases import (
    NOW,
    NUMBER,
    PHONE,
    REF,
    TEXT,
    a_call,
    a_message,
    junk_calls,
    nobody_listens,
)
from tests.support.recording_server import RecordingServer

MESSAGE = a_message("bird")
KEY = "signing-key-of-the-developer-settings-0123456789-0123456789-0123"
OTHER_KEY = KEY[::-1]
SECRET = {"access_key": "live_abc", "signing_key": KEY}
CREATED = {"id": "m-1", "reference": REF.token}
SINCE = NOW - timedelta(minutes=2)


@pytest.fixture
def bird() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def account(base_url: str) -> BirdAccount:
    return BirdAccount({**SECRET, "base_url": base_url}, urllib3.PoolManager())


def test_the_module_is_a_provider_module_and_its_account_a_provider() -> None:
    module: ProviderModule = MODULE
    provider: MessageProvider = module.account(SECRET, urllib3.PoolManager())

    assert module.name == "bird"
    assert isinstance(provider, BirdAccount)


def test_an_incomplete_secret_opens_no_account() -> None:
    with pytest.raises(KeyError):
        MODULE.account({"signing_key": KEY}, urllib3.PoolManager())


# Sending -----------------------------------------------------------------------


def test_a_message_is_sent_as_bird_documents_it(bird: RecordingServer) -> None:
    bird.says(201, CREATED)

    accepted = account(bird.base_url).send(MESSAGE)

    (asked,) = bird.asked
    assert accepted.provider_id == "m-1"
    assert (asked.method, asked.path) == ("POST", "/messages")
    assert asked.headers["authorization"] == "AccessKey live_abc"
    assert asked.json == {
        "originator": NUMBER,
        "recipients": [PHONE],
        "body": TEXT,
        "reference": REF.token,
        "reportUrl": MESSAGE.status_callback,
        "datacoding": "auto",
    }


@pytest.mark.parametrize(
    ("valid_for_s", "validity"), [(600, 600), (0, 1), (48 * 3600, None), (None, None)]
)
def test_the_validity_is_passed_on_unless_it_is_birds_own(
    bird: RecordingServer, valid_for_s: int | None, validity: int | None
) -> None:
    bird.says(201, CREATED)

    account(bird.base_url).send(replace(MESSAGE, valid_for_s=valid_for_s))

    assert bird.asked[0].json.get("validity") == validity


def test_a_picture_is_refused_before_anything_is_sent(bird: RecordingServer) -> None:
    with pytest.raises(Rejected) as caught:
        account(bird.base_url).send(replace(MESSAGE, media_urls=("https://a",)))

    assert caught.value.provider_code == "bird:no_media"
    assert bird.asked == []


def errors(*codes: Any) -> dict[str, Any]:
    return {"errors": [{"code": code, "description": "d", "parameter": None} for code in codes]}


ANSWERS: list[tuple[int, Any, type[Exception], str]] = [
    (401, errors(2), AccountBlocked, "bird:api_2"),
    (401, b"", AccountBlocked, "bird:http_401"),
    (402, b"", AccountBlocked, "bird:http_402"),
    (403, errors(999), AccountBlocked, "bird:api_999"),
    (404, b"", AccountBlocked, "bird:http_404"),
    (405, b"", AccountBlocked, "bird:http_405"),
    (422, errors(9), Rejected, "bird:api_9"),
    (422, errors(10, 25), Rejected, "bird:api_10"),
    (422, errors(20), Rejected, "bird:api_20"),
    (422, errors(25), AccountBlocked, "bird:api_25"),
    (422, errors(21), Rejected, "bird:api_21"),
    (422, {"errors": [None]}, Rejected, "bird:http_422"),
    (422, {"errors": []}, Rejected, "bird:http_422"),
    (409, b"", OutcomeUnknown, "bird:http_409"),
    (500, b"", OutcomeUnknown, "bird:http_500"),
    (502, b"<html/>", OutcomeUnknown, "bird:http_502"),
    (201, {}, OutcomeUnknown, "bird:201"),
    (201, b"[]", OutcomeUnknown, "bird:201"),
    (204, b"", OutcomeUnknown, "bird:204"),
    (307, CREATED, OutcomeUnknown, "bird:307"),
]


@pytest.mark.parametrize(("status", "body", "error", "code"), ANSWERS)
def test_each_answer_is_the_error_that_it_means(
    bird: RecordingServer, status: int, body: Any, error: type[Exception], code: str
) -> None:
    bird.says(status, body)

    with pytest.raises(ProviderError) as caught:
        account(bird.base_url).send(MESSAGE)

    assert (type(caught.value), caught.value.provider_code) == (error, code)
    assert len(bird.asked) == 1


def test_too_many_requests_slow_us_down(bird: RecordingServer) -> None:
    bird.says(429, errors(2), Retry_After="4")

    with pytest.raises(Throttled) as caught:
        account(bird.base_url).send(MESSAGE)

    assert caught.value.retry_after_s == 4.0


def test_an_answer_that_never_comes_leaves_the_outcome_unknown(bird: RecordingServer) -> None:
    bird.says(None)

    with pytest.raises(OutcomeUnknown):
        account(bird.base_url).send(MESSAGE)

    assert len(bird.asked) == 1


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(Unavailable) as caught:
        account(nobody_listens()).send(MESSAGE)

    assert caught.value.provider_code == "unreachable"


# The log -----------------------------------------------------------------------


def an_entry(message_id: str, item: Any = None, **changes: Any) -> dict[str, Any]:
    entry = {
        "id": message_id,
        "originator": "12025550100",
        "body": TEXT,
        "createdDatetime": to_iso(NOW),
        "recipients": {"items": [item or {"recipient": 12025550142, "status": "sent"}]},
    }
    return {**entry, **changes}


def log(*entries: Any, total: int | None = None) -> dict[str, Any]:
    count = len(entries) if total is None else total
    return {"offset": 0, "limit": 20, "totalCount": count, "items": list(entries)}


def find(bird: RecordingServer, *known_ids: str) -> ProviderRecord | None:
    return account(bird.base_url).find(
        sender=NUMBER,
        recipient=PHONE,
        text_digest=text_digest(TEXT),
        since=SINCE,
        known_ids=frozenset(known_ids),
    )


def test_the_log_is_asked_for_messages_to_that_person_since_then(bird: RecordingServer) -> None:
    bird.says(200, log())

    assert find(bird) is None

    (asked,) = bird.asked
    assert (asked.method, asked.path) == ("GET", "/messages")
    assert asked.query == {
        "recipient": ["12025550142"],
        "direction": ["mt"],
        "from": ["2026-11-22T09:58:00+00:00"],
        "limit": ["20"],
    }


EARLIER = to_iso(SINCE - timedelta(seconds=1))


def test_the_newest_message_with_our_text_and_sender_is_the_one(bird: RecordingServer) -> None:
    failed = {"status": "delivery_failed", "statusErrorCode": 1, "statusReason": "unknown"}
    newest = an_entry("m-3", failed, originator=NUMBER)
    older = an_entry("m-2", createdDatetime=to_iso(NOW - timedelta(seconds=3)))
    bird.says(200, log(older, newest, an_entry("m-4", body="other")))

    found = find(bird)

    assert found == ProviderRecord(provider_id="m-3", status=LeadStatus.FAILED, error_code="bird:1")


def test_earlier_messages_and_known_ones_are_not_ours(bird: RecordingServer) -> None:
    bird.says(200, log(an_entry("m-1"), an_entry("m-2", createdDatetime=EARLIER)))

    assert find(bird, "m-1") is None


UNCLEAR: list[tuple[int, Any, str]] = [
    (200, log(an_entry("m-1", body="other")), "bird:log_unclear"),
    (200, log(an_entry("m-1", body=None)), "bird:log_unclear"),
    (200, log(an_entry("m-1", originator="Somebody")), "bird:log_unclear"),
    (200, log(total=1), "bird:log_unclear"),
    (200, log(an_entry("m-1", createdDatetime=None)), "bird:log_unreadable"),
    (200, log({"body": TEXT}), "bird:log_unreadable"),
    (200, log(None), "bird:log_unreadable"),
    (200, {"items": []}, "bird:log_unreadable"),
    (200, {"totalCount": 0, "items": None}, "bird:log_unreadable"),
    (200, b"", "bird:200"),
    (401, errors(2), "bird:401"),
]


@pytest.mark.parametrize(("status", "body", "code"), UNCLEAR)
def test_a_log_that_cannot_tell_is_never_taken_for_an_empty_one(
    bird: RecordingServer, status: int, body: Any, code: str
) -> None:
    bird.says(status, body)

    with pytest.raises(Unavailable) as caught:
        find(bird)

    assert caught.value.provider_code == code


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        ({"status": "delivered", "statusErrorCode": 0}, LeadStatus.DELIVERED, None),
        ({"status": "delivery_failed", "statusErrorCode": 103}, LeadStatus.FAILED, "bird:103"),
        (
            {"status": "delivery failed", "statusErrorCode": None, "statusReason": "opted out"},
            LeadStatus.FAILED,
            "bird:opted_out",
        ),
        ({"status": "unheard"}, LeadStatus.SUBMITTED, None),
    ],
)
def test_one_message_is_fetched_with_its_state(
    bird: RecordingServer, item: dict[str, Any], status: LeadStatus, code: str | None
) -> None:
    bird.says(200, an_entry("m-1", item))

    record = account(bird.base_url).fetch("m-1")

    assert record == ProviderRecord(provider_id="m-1", status=status, error_code=code)
    assert bird.asked[0].path == "/messages/m-1"


def test_a_message_that_bird_does_not_know_is_not_found(bird: RecordingServer) -> None:
    bird.says(404, errors(20))

    with pytest.raises(NotFound):
        account(bird.base_url).fetch("m-1")


def test_another_message_than_asked_for_is_not_believed(bird: RecordingServer) -> None:
    bird.says(200, an_entry("m-2"))

    with pytest.raises(Unavailable):
        account(bird.base_url).fetch("m-1")


# Signatures ----------------------------------------------------------------------

URL = f"{MESSAGE.status_callback}&id=m-1&status=delivered&reference={REF.token}"
BODY = '{"id":"in-1","originator":"12025550142","body":"Grüße 👋"}'.encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def token(
    url: str = URL, body: bytes = b"", *, key: str = KEY, alg: str = "HS256", **changes: Any
) -> str:
    """Return what Bird sends by its documentation, made by the library that its SDK reads with."""
    now = int(datetime.now(UTC).timestamp())
    claims: dict[str, Any] = {
        "iss": "MessageBird",
        "nbf": now - 1,
        "exp": now + 60,
        "jti": "1",
        "url_hash": digest(url.encode()),
    }
    if body:
        claims["payload_hash"] = digest(body)
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg)


def a_signed_call(signed: str, url: str = URL, body: bytes = b"") -> WebhookCall:
    call = a_call(url, body, {"MessageBird-Signature-JWT": signed})
    return replace(call, method="POST" if body else "GET", received_at=datetime.now(UTC))


def sdk_accepts(call: WebhookCall) -> bool:
    signed = call.headers["messagebird-signature-jwt"]
    try:
        RequestValidator(KEY).validate_signature(signed, call.url, call.body)
    except (ValidationError, KeyError, TypeError):
        return False
    return True


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("body", [b"", BODY])
def test_what_bird_signs_is_taken_by_its_sdk_and_by_us(alg: str, body: bytes) -> None:
    call = a_signed_call(token(body=body, alg=alg), body=body)

    assert sdk_accepts(call)
    assert MODULE.is_authentic(call, SECRET)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(texts, st.binary(max_size=30), texts, st.binary(max_size=30))
def test_both_agree_on_any_address_and_body(
    url: str, body: bytes, other_url: str, other_body: bytes
) -> None:
    signed = token(f"https://{url}", body)

    for seen_url, seen_body in [(url, body), (other_url, body), (url, other_body)]:
        call = a_signed_call(signed, f"https://{seen_url}", seen_body)
        assert MODULE.is_authentic(call, SECRET) is sdk_accepts(call)
        assert sdk_accepts(call) is ((seen_url, seen_body) == (url, body))


def unsigned(**claims: Any) -> str:
    return jwt.encode(claims, "", algorithm="none")


SECONDS = int(datetime.now(UTC).timestamp())
REFUSED: dict[str, Callable[[], str]] = {
    "another key": lambda: token(key=OTHER_KEY),
    "no signature": lambda: unsigned(iss="MessageBird", nbf=0, exp=SECONDS + 600, url_hash="x"),
    "another issuer": lambda: token(iss="Somebody"),
    "no issuer": lambda: token(iss=None),
    "over": lambda: token(exp=SECONDS - 10),
    "no end": lambda: token(exp=None),
    "not yet": lambda: token(nbf=SECONDS + 3_600),
    "no beginning": lambda: token(nbf=None),
    "no address": lambda: token(url_hash=None),
    "another address": lambda: token("https://hooks.example.com/"),
    "a body that is not there": lambda: token(body=BODY),
    "two parts": lambda: ".".join(token().split(".")[:2]),
    "four parts": lambda: token() + ".x",
    "nothing": lambda: "",
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_birds_sdk_refuses_we_refuse(why: str) -> None:
    call = a_signed_call(REFUSED[why]())

    assert not sdk_accepts(call)
    assert not MODULE.is_authentic(call, SECRET)


def test_a_body_that_is_not_signed_is_refused() -> None:
    call = a_signed_call(token(), body=BODY)

    assert not sdk_accepts(call)
    assert not MODULE.is_authentic(call, SECRET)


@pytest.mark.parametrize(
    ("late_s", "taken"), [(0, True), (299, True), (301, False), (3_000, False), (-60, False)]
)
def test_an_old_or_early_call_is_refused_though_its_token_still_holds(
    late_s: int, taken: bool
) -> None:
    call = a_signed_call(token(nbf=SECONDS, exp=SECONDS + 86_400))

    received_at = datetime.fromtimestamp(SECONDS + late_s, UTC)

    assert MODULE.is_authentic(replace(call, received_at=received_at), SECRET) is taken


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": float("inf")},
        {"exp": "later"},
        {"exp": [1]},
        {"nbf": True},
        {"nbf": float("nan")},
        {"url_hash": 7},
        {"url_hash": "é"},
        {"iss": ["MessageBird"]},
    ],
)
def test_signed_claims_of_another_shape_are_refused_without_an_error(
    claims: dict[str, Any],
) -> None:
    changed = {**jwt.decode(token(), KEY, ["HS256"]), **claims}
    signed = jwt.api_jws.encode(json.dumps(changed).encode(), KEY, algorithm="HS256")

    assert not MODULE.is_authentic(a_signed_call(signed), SECRET)


def test_a_token_with_critical_headers_is_refused() -> None:
    payload = json.dumps(jwt.decode(token(), KEY, ["HS256"])).encode()
    critical = jwt.api_jws.encode(payload, KEY, headers={"crit": ["exp"]})

    assert not MODULE.is_authentic(a_signed_call(critical), SECRET)


def test_the_previous_key_still_verifies_while_it_is_rotated() -> None:
    rotated = {**SECRET, "signing_key": OTHER_KEY}
    call = a_signed_call(token())

    assert MODULE.is_authentic(call, {**rotated, "previous_signing_key": KEY})
    assert not MODULE.is_authentic(call, rotated)


def test_without_a_signing_key_every_call_is_refused() -> None:
    assert not MODULE.is_authentic(a_signed_call(token()), {"access_key": "live_abc"})


@given(junk_calls("messagebird-signature-jwt"))
def test_junk_is_refused_without_an_error(call: WebhookCall) -> None:
    assert not MODULE.is_authentic(call, SECRET)


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=2))
def test_junk_under_a_true_signature_is_refused_without_an_error(parts: list[bytes]) -> None:
    payload, header = parts
    signed = jwt.api_jws.encode(payload, KEY, headers={"x": header.hex()})

    assert not MODULE.is_authentic(a_signed_call(signed), SECRET)


# Webhooks ------------------------------------------------------------------------


def a_report(**changes: str) -> dict[str, Any]:
    fields = {
        "id": "m-1",
        "reference": REF.token,
        "recipient": "12025550142",
        "status": "delivered",
        **changes,
    }
    return MODULE.payload(a_call(f"https://h.example.com/s?{urlencode(fields)}", b"", {}))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("scheduled", LeadStatus.SUBMITTED),
        ("buffered", LeadStatus.SUBMITTED),
        ("sent", LeadStatus.SUBMITTED),
        ("delivered", LeadStatus.DELIVERED),
        ("expired", LeadStatus.FAILED),
        ("delivery_failed", LeadStatus.FAILED),
    ],
)
def test_each_status_is_one_of_ours(word: str, status: LeadStatus) -> None:
    (receipt,) = MODULE.receipts(a_report(status=word), "", NOW)

    assert receipt.status is status


def test_a_receipt_names_attempt_person_parts_price_and_reason() -> None:
    report = a_report(
        status="delivery_failed",
        statusErrorCode="1",
        statusReason="unknown subscriber",
        messagePartCount="2",
        **{"price[amount]": "0.076", "price[currency]": "EUR"},
    )

    (receipt,) = MODULE.receipts(report, "", NOW)

    assert (receipt.ref, receipt.claim_id) == (REF.row, REF.claim_id)
    assert (receipt.provider_id, receipt.phone) == ("m-1", PHONE)
    assert (receipt.segments, receipt.cost_micros, receipt.currency) == (2, 76_000, "EUR")
    assert (receipt.error_code, receipt.received_at) == ("bird:1", NOW)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"statusReason": "opted out"}, "bird:opted_out"),
        ({"statusReason": "refused for +1 202"}, None),
        ({"statusReason": "DLR not received", "statusErrorCode": ""}, "bird:dlr_not_received"),
        ({}, None),
    ],
)
def test_the_reason_stands_in_for_a_code_that_is_missing(
    fields: dict[str, str], code: str | None
) -> None:
    (receipt,) = MODULE.receipts(a_report(status="expired", **fields), "", NOW)

    assert receipt.error_code == code


def test_what_went_well_has_no_error() -> None:
    (receipt,) = MODULE.receipts(a_report(statusReason="successfully delivered"), "", NOW)

    assert receipt.error_code is None
    assert (receipt.segments, receipt.cost_micros, receipt.currency) == (None, None, "")


def test_the_reference_of_the_address_counts_only_without_birds_own() -> None:
    other = CallbackRef(RowRef("cmp_b#00000", "def"), "clm_2").token

    (own,) = MODULE.receipts(a_report(), other, NOW)
    (without,) = MODULE.receipts(a_report(reference=""), other, NOW)

    assert own.ref == REF.row
    assert without.ref.pk == "cmp_b#00000"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "unheard"}, "unknown_status"),
        ({"status": ""}, "unknown_status"),
        ({"reference": ""}, "bad_ref"),
        ({"reference": "?"}, "bad_ref"),
    ],
)
def test_a_receipt_that_bird_does_not_document_is_refused(
    changes: dict[str, str], code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.receipts(a_report(**changes), "", NOW)

    assert caught.value.code == code


INBOUND = {"id": "in-1", "originator": "12025550142", "recipient": "12025550100", "body": "ok 👍"}
WAYS = {
    "json": a_call("https://h/i", json.dumps(INBOUND).encode(), {}),
    "form": a_call("https://h/i", urlencode(INBOUND).encode(), {}),
    "address": a_call(f"https://h/i?{urlencode(INBOUND)}", b"", {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_inbound_text_is_a_reply_with_its_plus_sign_however_it_comes(way: str) -> None:
    (reply,) = MODULE.replies(MODULE.payload(WAYS[way]), "snd_a", NOW)

    assert (reply.provider, reply.provider_id, reply.sender_id) == ("bird", "in-1", "snd_a")
    assert (reply.phone, reply.body, reply.media_urls) == (PHONE, "ok 👍", ())
    assert (reply.handled_by_provider, reply.received_at) == (False, NOW)


def test_a_text_to_a_short_code_has_other_names_for_the_same() -> None:
    fields = {
        "mid": "123456789",
        "shortcode": "1008",
        "keyword": "STOP",
        "originator": "12025550142",
        "operator": "20401",
        "message": "STOP please",
        "receive_datetime": "20261124142657",
    }
    call = a_call(f"https://h/i?{urlencode(fields)}", b"", {})

    (reply,) = MODULE.replies(MODULE.payload(call), "snd_a", NOW)

    assert (reply.provider_id, reply.phone, reply.body) == ("123456789", PHONE, "STOP please")


def test_the_text_stays_as_it_was_written() -> None:
    (reply,) = MODULE.replies({**INBOUND, "body": " ok\n"}, "snd_a", NOW)

    assert reply.body == " ok\n"


def test_pictures_come_with_it() -> None:
    fields = {**INBOUND, "mediaURLs": ["https://m/1", "https://m/2"]}

    (reply,) = MODULE.replies(fields, "snd_a", NOW)

    assert reply.media_urls == ("https://m/1", "https://m/2")


@pytest.mark.parametrize("missing", ["id", "originator"])
def test_an_inbound_message_without_id_or_sender_is_refused(missing: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.replies({**INBOUND, missing: None}, "snd_a", NOW)

    assert caught.value.code == "bad_inbound"


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_bytes_that_are_neither_form_nor_json_are_no_payload(body: bytes) -> None:
    with pytest.raises(ValueError):
        MODULE.payload(a_call("https://h/i", body, {}))


# Codes ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_kind_and_a_sentence(code: str) -> None:
    meaning = CODES[code]

    assert isinstance(meaning.kind, CodeKind)
    assert meaning.reason[0].isupper()
    assert meaning.reason.endswith(".")


def test_a_stop_to_bird_is_known_as_an_opt_out() -> None:
    kinds = {code: CODES[code].kind for code in CODES}

    assert [code for code in kinds if kinds[code] is CodeKind.OPTED_OUT] == ["opted_out", "103"]
