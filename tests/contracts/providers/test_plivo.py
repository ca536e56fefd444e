"""Our Plivo module: the documented requests and answers, and signatures against Plivo's SDK."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from plivo.utils import validate_signature, validate_v3_signature

from carillon.adapters.providers.contract import ProviderModule, WebhookCall
from carillon.adapters.providers.plivo import MODULE, PlivoAccount, signature_v2, signature_v3
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
from carillon.domain.message import ProviderRecord, text_digest
from carillon.domain.provider_codes import CodeKind
from carillon.domain.provider_codes.plivo import CODES
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

MESSAGE = a_message("plivo")
TOKEN = "token-1"
SECRET = {"auth_id": "MAXXXXXXXXXXXXXXXXXX", "auth_token": TOKEN}
PATH = "/v1/Account/MAXXXXXXXXXXXXXXXXXX/Message/"
QUEUED = {"api_id": "a1", "message": "message(s) queued", "message_uuid": ["u-1"]}
NONCE = "05429567804466091622"


@pytest.fixture
def plivo() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def account(base_url: str, read_timeout_s: float = 5.0) -> PlivoAccount:
    secret = {**SECRET, "base_url": base_url}
    return PlivoAccount(secret, urllib3.PoolManager(), read_timeout_s=read_timeout_s)


def test_the_module_is_a_provider_module_and_its_account_a_provider() -> None:
    module: ProviderModule = MODULE
    provider: MessageProvider = module.account(SECRET, urllib3.PoolManager())

    assert module.name == "plivo"
    assert isinstance(provider, PlivoAccount)


@pytest.mark.parametrize("missing", ["auth_id", "auth_token"])
def test_an_incomplete_secret_opens_no_account(missing: str) -> None:
    secret = {name: value for name, value in SECRET.items() if name != missing}

    with pytest.raises(KeyError):
        MODULE.account(secret, urllib3.PoolManager())


# Sending -----------------------------------------------------------------------


def test_a_message_is_sent_as_plivo_documents_it(plivo: RecordingServer) -> None:
    plivo.says(202, QUEUED)

    accepted = account(plivo.base_url).send(MESSAGE)

    (asked,) = plivo.asked
    login = base64.b64encode(f"{SECRET['auth_id']}:{TOKEN}".encode()).decode()
    assert accepted.provider_id == "u-1"
    assert (asked.method, asked.path) == ("POST", PATH)
    assert asked.headers["authorization"] == f"Basic {login}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json == {
        "src": NUMBER,
        "dst": PHONE,
        "text": TEXT,
        "type": "sms",
        "url": MESSAGE.status_callback,
        "method": "POST",
        "log": "true",
    }


def test_a_picture_makes_it_an_mms(plivo: RecordingServer) -> None:
    plivo.says(202, QUEUED)

    account(plivo.base_url).send(replace(MESSAGE, media_urls=("https://example.com/a.png",)))

    sent = plivo.asked[0].json
    assert (sent["type"], sent["media_urls"]) == ("mms", ["https://example.com/a.png"])


@pytest.mark.parametrize(
    ("valid_for_s", "expiry"), [(600, 600), (10_799, 10_799), (10_800, None), (1, 5), (None, None)]
)
def test_the_validity_is_passed_on_as_far_as_plivo_takes_it(
    plivo: RecordingServer, valid_for_s: int | None, expiry: int | None
) -> None:
    plivo.says(202, QUEUED)

    account(plivo.base_url).send(replace(MESSAGE, valid_for_s=valid_for_s))

    assert plivo.asked[0].json.get("message_expiry") == expiry


ANSWERS: list[tuple[int, Any, type[Exception], str | None]] = [
    (400, {"error": "invalid_parameter"}, Rejected, "plivo:400"),
    (401, {"error": "authentication_failed"}, AccountBlocked, "plivo:401"),
    (402, {"error": "no credit"}, AccountBlocked, "plivo:402"),
    (403, {"error": "country not enabled"}, Rejected, "plivo:403"),
    (404, {"error": "not found"}, AccountBlocked, "plivo:404"),
    (405, b"", AccountBlocked, "plivo:405"),
    (418, b"teapot", OutcomeUnknown, "plivo:418"),
    (500, {"error": "server error"}, OutcomeUnknown, "plivo:500"),
    (503, b"<html>busy</html>", OutcomeUnknown, "plivo:503"),
    (200, QUEUED, OutcomeUnknown, "plivo:200"),
    (202, {"message_uuid": []}, OutcomeUnknown, "plivo:202"),
    (202, {"message_uuid": "u-1"}, OutcomeUnknown, "plivo:202"),
    (202, {"message_uuid": [None]}, OutcomeUnknown, "plivo:202"),
    (202, b"not json", OutcomeUnknown, "plivo:202"),
    (302, b"", OutcomeUnknown, "plivo:302"),
]


@pytest.mark.parametrize(("status", "body", "error", "code"), ANSWERS)
def test_each_answer_is_the_error_that_it_means(
    plivo: RecordingServer, status: int, body: Any, error: type[Exception], code: str
) -> None:
    plivo.says(status, body)

    with pytest.raises(ProviderError) as caught:
        account(plivo.base_url).send(MESSAGE)

    assert (type(caught.value), caught.value.provider_code) == (error, code)
    assert len(plivo.asked) == 1


DATED = {"Date": "Sun, 22 Nov 2026 10:00:00 GMT", "Retry_After": "Sun, 22 Nov 2026 10:00:07 GMT"}


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry_After": "12"}, 12.0),
        (DATED, 7.0),
        ({"Retry_After": DATED["Retry_After"]}, 1.0),
        ({**DATED, "Retry_After": DATED["Date"]}, 1.0),
        ({"Retry_After": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
def test_too_many_requests_slow_us_down_for_as_long_as_plivo_says(
    plivo: RecordingServer, headers: dict[str, str], wait_s: float
) -> None:
    plivo.says(429, {"error": "rate_limit_exceeded"}, **headers)

    with pytest.raises(Throttled) as caught:
        account(plivo.base_url).send(MESSAGE)

    assert caught.value.retry_after_s == wait_s
    assert len(plivo.asked) == 1


def test_a_redirection_is_not_followed(plivo: RecordingServer) -> None:
    plivo.says(307, b"", Location="/elsewhere")

    with pytest.raises(OutcomeUnknown):
        account(plivo.base_url).send(MESSAGE)
    with pytest.raises(Unavailable):
        account(plivo.base_url).fetch("u-1")

    assert [asked.path for asked in plivo.asked] == [PATH, f"{PATH}u-1/"]


def test_an_answer_that_never_comes_leaves_the_outcome_unknown(plivo: RecordingServer) -> None:
    plivo.says(None)

    with pytest.raises(OutcomeUnknown):
        account(plivo.base_url).send(MESSAGE)

    assert len(plivo.asked) == 1


def test_where_nobody_listens_nothing_was_sent() -> None:
    nowhere = account(nobody_listens())

    with pytest.raises(Unavailable) as caught:
        nowhere.send(MESSAGE)
    with pytest.raises(Unavailable):
        nowhere.fetch("u-1")

    assert caught.value.provider_code == "unreachable"


# The log -----------------------------------------------------------------------


def page(*ids: str, following: str | None = None) -> dict[str, Any]:
    entries = [{"message_uuid": uuid, "message_state": "sent"} for uuid in ids]
    return {"meta": {"limit": 20, "next": following}, "objects": entries}


def find(plivo: RecordingServer, *known_ids: str) -> ProviderRecord | None:
    return account(plivo.base_url).find(
        sender=NUMBER,
        recipient=PHONE,
        text_digest=text_digest(TEXT),
        since=NOW - timedelta(minutes=2),
        known_ids=frozenset(known_ids),
    )


def test_the_log_is_asked_for_messages_to_that_person_since_then(plivo: RecordingServer) -> None:
    plivo.says(200, page())

    assert find(plivo) is None

    (asked,) = plivo.asked
    assert (asked.method, asked.path) == ("GET", PATH)
    assert asked.query == {
        "to_number": [PHONE],
        "message_direction": ["outbound"],
        "message_time__gte": ["2026-11-22 09:58:00"],
        "limit": ["20"],
    }


def test_messages_that_we_know_are_not_the_one(plivo: RecordingServer) -> None:
    plivo.says(200, page("u-1", "u-2"))

    assert find(plivo, "u-1", "u-2") is None


UNCLEAR: list[tuple[int, Any, str | None]] = [
    (200, page("u-1", "u-9"), "plivo:log_unclear"),
    (200, page("u-1", following="/v1/next"), "plivo:log_unclear"),
    (200, page(*["u-1"] * 20), "plivo:log_unclear"),
    (200, {"meta": {}, "objects": [None]}, "plivo:log_unclear"),
    (200, {"meta": {}, "objects": None}, "plivo:log_unreadable"),
    (200, {"objects": []}, "plivo:log_unreadable"),
    (200, b"[]", "plivo:200"),
    (429, b"", "plivo:429"),
    (500, b"", "plivo:500"),
]


@pytest.mark.parametrize(("status", "body", "code"), UNCLEAR)
def test_a_log_that_cannot_tell_is_never_taken_for_an_empty_one(
    plivo: RecordingServer, status: int, body: Any, code: str
) -> None:
    plivo.says(status, body)

    with pytest.raises(Unavailable) as caught:
        find(plivo, "u-1")

    assert caught.value.provider_code == code


@pytest.mark.parametrize(
    ("word", "code", "status", "stored"),
    [
        ("delivered", "000", LeadStatus.DELIVERED, None),
        ("undelivered", "30", LeadStatus.FAILED, "plivo:30"),
        ("queued", None, LeadStatus.SUBMITTED, None),
        ("something new", None, LeadStatus.SUBMITTED, None),
    ],
)
def test_one_message_is_fetched_with_its_state(
    plivo: RecordingServer, word: str, code: str | None, status: LeadStatus, stored: str | None
) -> None:
    plivo.says(200, {"message_uuid": "u-1", "message_state": word, "error_code": code})

    record = account(plivo.base_url).fetch("u-1")

    assert record == ProviderRecord(provider_id="u-1", status=status, error_code=stored)
    assert plivo.asked[0].path == f"{PATH}u-1/"


def test_a_message_that_plivo_does_not_know_is_not_found(plivo: RecordingServer) -> None:
    plivo.says(404, {"error": "not found"})

    with pytest.raises(NotFound):
        account(plivo.base_url).fetch("u-1")


def test_another_message_than_asked_for_is_not_believed(plivo: RecordingServer) -> None:
    plivo.says(200, {"message_uuid": "u-2", "message_state": "delivered"})

    with pytest.raises(Unavailable):
        account(plivo.base_url).fetch("u-1")


# Signatures ----------------------------------------------------------------------

STATUS_URL = MESSAGE.status_callback
URLS = [
    STATUS_URL,
    "https://hooks.example.com/plivo/snd_a/inbound",
    "https://hooks.example.com/prod/x?b=2&a=1&a=0&blank=",
    "http://127.0.0.1:4566/plivo/snd_a/status?ref=a%2Fb+c",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
forms = st.dictionaries(texts, st.lists(texts, min_size=1, max_size=3), max_size=4)


def sdk_accepts_v3(url: str, form: dict[str, list[str]], signature: str) -> bool:
    params = {name: list(values) for name, values in form.items()}
    return bool(validate_v3_signature("POST", url, NONCE, TOKEN, signature, params))


def v3_call(url: str, form: dict[str, list[str]], signature: str) -> WebhookCall:
    body = urlencode(form, doseq=True).encode()
    headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": NONCE}
    return a_call(url, body, headers)


@given(st.sampled_from(URLS), forms)
def test_what_we_sign_and_take_plivo_takes_as_well(url: str, form: dict[str, list[str]]) -> None:
    signature = signature_v3(url, form, NONCE, TOKEN)

    assert sdk_accepts_v3(url, form, signature)
    assert MODULE.is_authentic(v3_call(url, form, signature), SECRET)


@given(st.sampled_from(URLS), forms, texts, texts)
def test_a_changed_form_is_refused_by_us_and_by_plivo(
    url: str, form: dict[str, list[str]], name: str, value: str
) -> None:
    signature = signature_v3(url, form, NONCE, TOKEN)
    forged = {**form, name: [*form.get(name, []), value + "!"]}

    assert not sdk_accepts_v3(url, forged, signature)
    assert not MODULE.is_authentic(v3_call(url, forged, signature), SECRET)


FORM = {"MessageUUID": ["u-1"], "Status": ["sent"]}
SIGNED = v3_call(STATUS_URL, FORM, signature_v3(STATUS_URL, FORM, NONCE, TOKEN))


@pytest.mark.parametrize(
    "forged",
    [
        replace(SIGNED, url=STATUS_URL + "x"),
        replace(SIGNED, url=STATUS_URL.replace("snd_a", "snd_b")),
        replace(SIGNED, headers={**SIGNED.headers, "x-plivo-signature-v3-nonce": "1"}),
        replace(SIGNED, headers={**SIGNED.headers, "x-plivo-signature-v3": "bm8="}),
        replace(SIGNED, headers={}),
        replace(SIGNED, body=SIGNED.body + b"&Extra=1"),
        replace(SIGNED, body=b"\xff"),
        replace(SIGNED, method="GET"),
    ],
    ids=["query", "path", "nonce", "signature", "none", "body", "no text", "method"],
)
def test_whatever_is_changed_the_call_is_refused(forged: WebhookCall) -> None:
    assert MODULE.is_authentic(SIGNED, SECRET)
    assert not MODULE.is_authentic(forged, SECRET)


def test_a_call_without_a_nonce_is_refused_though_it_is_signed() -> None:
    call = v3_call(STATUS_URL, FORM, signature_v3(STATUS_URL, FORM, "", TOKEN))
    bare = {"x-plivo-signature-v3": call.headers["x-plivo-signature-v3"]}

    assert not MODULE.is_authentic(replace(call, headers=bare), SECRET)


def test_one_of_several_signatures_is_enough() -> None:
    several = f"bm8=,{SIGNED.headers['x-plivo-signature-v3']}"

    assert sdk_accepts_v3(STATUS_URL, FORM, several)
    assert MODULE.is_authentic(v3_call(STATUS_URL, FORM, several), SECRET)


def test_the_previous_token_still_verifies_while_it_is_rotated() -> None:
    rotated = {**SECRET, "auth_token": "token-2"}

    assert MODULE.is_authentic(SIGNED, {**rotated, "previous_auth_token": TOKEN})
    assert not MODULE.is_authentic(SIGNED, rotated)


def test_a_secret_without_a_token_verifies_nothing() -> None:
    empty = signature_v3(STATUS_URL, FORM, NONCE, "")

    assert not MODULE.is_authentic(v3_call(STATUS_URL, FORM, empty), {"auth_token": ""})


def v2_call(signature: str) -> WebhookCall:
    headers = {"X-Plivo-Signature-V2": signature, "X-Plivo-Signature-V2-Nonce": NONCE}
    return a_call(STATUS_URL, urlencode(FORM, doseq=True).encode(), headers)


@pytest.mark.parametrize("url", URLS)
def test_the_older_signature_is_that_of_plivos_sdk(url: str) -> None:
    assert validate_signature(url, NONCE, signature_v2(url, NONCE, TOKEN), TOKEN)
    assert not validate_signature(url, NONCE, signature_v2(url, NONCE, "other"), TOKEN)


def test_the_older_signature_is_taken_where_there_is_no_other_and_we_allow_it() -> None:
    call = v2_call(signature_v2(STATUS_URL, NONCE, TOKEN))

    assert MODULE.is_authentic(call, SECRET)
    assert not MODULE.is_authentic(call, {**SECRET, "webhook_signature": "v3"})
    assert not MODULE.is_authentic(v2_call(signature_v2(STATUS_URL, "1", TOKEN)), SECRET)


def test_a_wrong_new_signature_is_not_made_good_by_an_older_one() -> None:
    older = v2_call(signature_v2(STATUS_URL, NONCE, TOKEN)).headers
    wrong = {"x-plivo-signature-v3": "bm8=", "x-plivo-signature-v3-nonce": NONCE}

    assert not MODULE.is_authentic(replace(SIGNED, headers={**older, **wrong}), SECRET)
    del wrong["x-plivo-signature-v3-nonce"]
    assert not MODULE.is_authentic(replace(SIGNED, headers={**older, **wrong}), SECRET)


@given(
    junk_calls(
        "x-plivo-signature-v3",
        "x-plivo-signature-v3-nonce",
        "x-plivo-signature-v2",
        "x-plivo-signature-v2-nonce",
    )
)
def test_junk_is_refused_without_an_error(call: WebhookCall) -> None:
    assert not MODULE.is_authentic(call, SECRET)


# Webhooks ------------------------------------------------------------------------


def a_form(**fields: str) -> dict[str, Any]:
    body = urlencode(fields).encode()
    return MODULE.payload(a_call(STATUS_URL, body, {}))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", LeadStatus.SUBMITTED),
        ("sent", LeadStatus.SUBMITTED),
        ("delivered", LeadStatus.DELIVERED),
        ("read", LeadStatus.DELIVERED),
        ("undelivered", LeadStatus.FAILED),
        ("failed", LeadStatus.FAILED),
        ("rejected", LeadStatus.FAILED),
    ],
)
def test_each_status_is_one_of_ours(word: str, status: LeadStatus) -> None:
    (receipt,) = MODULE.receipts(a_form(MessageUUID="u-1", Status=word), REF.token, NOW)

    assert receipt.status is status


def test_a_receipt_names_attempt_person_segments_price_and_reason() -> None:
    form = a_form(
        MessageUUID="u-1",
        Status="undelivered",
        To="12025550142",
        Units="2",
        TotalAmount="0.01300",
        ErrorCode="30",
    )

    (receipt,) = MODULE.receipts(form, REF.token, NOW)

    assert (receipt.ref, receipt.claim_id) == (REF.row, REF.claim_id)
    assert (receipt.provider_id, receipt.phone) == ("u-1", PHONE)
    assert (receipt.segments, receipt.cost_micros, receipt.currency) == (2, 13_000, "USD")
    assert (receipt.error_code, receipt.received_at) == ("plivo:30", NOW)


@pytest.mark.parametrize(
    "fields",
    [{}, {"Units": "x", "TotalAmount": "NaN", "ErrorCode": "000"}, {"ErrorCode": "to +1 202"}],
)
def test_what_a_receipt_does_not_say_is_left_open(fields: dict[str, str]) -> None:
    form = a_form(MessageUUID="u-1", Status="delivered", **fields)

    (receipt,) = MODULE.receipts(form, REF.token, NOW)

    assert (receipt.segments, receipt.cost_micros, receipt.currency) == (None, None, "")
    assert (receipt.error_code, receipt.phone) == (None, "")


@pytest.mark.parametrize(
    ("word", "ref", "code"),
    [("unheard", REF.token, "unknown_status"), ("sent", "", "bad_ref"), ("sent", "?", "bad_ref")],
)
def test_a_receipt_that_plivo_does_not_document_is_refused(word: str, ref: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.receipts(a_form(MessageUUID="u-1", Status=word), ref, NOW)

    assert caught.value.code == code


def test_an_inbound_text_is_a_reply_with_its_plus_sign() -> None:
    form = a_form(MessageUUID="u-7", From="12025550142", To="12025550100", Text=" ok 👍\n")

    (reply,) = MODULE.replies(form, "snd_a", NOW)

    assert (reply.provider, reply.provider_id, reply.sender_id) == ("plivo", "u-7", "snd_a")
    assert (reply.phone, reply.body, reply.media_urls) == (PHONE, " ok 👍\n", ())
    assert (reply.handled_by_provider, reply.received_at) == (False, NOW)


def test_a_plus_sign_that_was_not_encoded_is_still_one() -> None:
    body = b"MessageUUID=u-7&From=+12025550142&Text=ok"

    (reply,) = MODULE.replies(MODULE.payload(a_call(STATUS_URL, body, {})), "snd_a", NOW)

    assert reply.phone == PHONE


def test_pictures_come_in_the_order_of_their_numbers() -> None:
    media = {f"Media{number}": f"https://m.example.com/{number}" for number in (10, 2, 1)}
    form = a_form(MessageUUID="u-7", From="12025550142", Body="look", MediaCount="3", **media)

    (reply,) = MODULE.replies(form, "snd_a", NOW)

    assert reply.body == "look"
    assert reply.media_urls == tuple(f"https://m.example.com/{number}" for number in (1, 2, 10))


@pytest.mark.parametrize(
    ("intent", "keyword"), [("optout", "stop"), ("optin", "start"), ("help", "help")]
)
def test_what_plivo_has_recognised_and_answered_is_marked(intent: str, keyword: str) -> None:
    form = a_form(MessageUUID="u-7", From="12025550142", Text="Stop", MessageIntent=intent)

    (reply,) = MODULE.replies(form, "snd_a", NOW)

    assert (reply.handled_by_provider, reply.provider_keyword) == (True, keyword)


@pytest.mark.parametrize("fields", [{"From": "12025550142"}, {"MessageUUID": "u-7"}])
def test_an_inbound_message_without_id_or_sender_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.replies(a_form(Text="hi", **fields), "snd_a", NOW)

    assert caught.value.code == "bad_inbound"


def test_bytes_that_are_no_form_are_no_payload() -> None:
    with pytest.raises(ValueError):
        MODULE.payload(a_call(STATUS_URL, b"\xff\xfe", {}))


# Codes ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_kind_and_a_sentence(code: str) -> None:
    meaning = CODES[code]

    assert code.isdigit()
    assert isinstance(meaning.kind, CodeKind)
    assert meaning.reason[0].isupper()
    assert meaning.reason.endswith(".")


def test_a_stop_to_plivo_is_known_as_an_opt_out() -> None:
    assert [code for code in CODES if CODES[code].kind is CodeKind.OPTED_OUT] == ["200"]
