"""Our Sinch module: the documented requests and answers, and signatures against Sinch's SDK."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from sinch.domains.authentication.sinch_events.v1.authentication_validation import (
    calculate_sinch_event_signature,
    compute_signed_data,
)
from sinch.domains.sms.sinch_events.v1.sms_sinch_event import SmsSinchEvent

from carillon.adapters.providers.contract import ProviderModule, WebhookCall
from carillon.adapters.providers.sinch import MODULE, SinchAccount, signature
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
from carillon.domain.provider_codes.sinch import CODES
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

MESSAGE = a_message("sinch")
KEY = "hook-key-1"
SECRET = {"service_plan_id": "plan1", "api_token": "tok1", "webhook_secret": KEY}
PATH = "/xms/v1/plan1/batches"
CREATED = {"id": "01FC", "canceled": False}
SINCE = NOW - timedelta(minutes=2)


@pytest.fixture
def sinch() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def account(base_url: str) -> SinchAccount:
    secret = {**SECRET, "base_url": base_url}
    return SinchAccount(secret, urllib3.PoolManager(), now=lambda: NOW)


def test_the_module_is_a_provider_module_and_its_account_a_provider() -> None:
    module: ProviderModule = MODULE
    provider: MessageProvider = module.account(SECRET, urllib3.PoolManager())

    assert module.name == "sinch"
    assert isinstance(provider, SinchAccount)


@pytest.mark.parametrize("missing", ["service_plan_id", "api_token"])
def test_an_incomplete_secret_opens_no_account(missing: str) -> None:
    secret = {name: value for name, value in SECRET.items() if name != missing}

    with pytest.raises(KeyError):
        MODULE.account(secret, urllib3.PoolManager())


# Sending -----------------------------------------------------------------------


def test_a_message_is_a_batch_of_one_as_sinch_documents_it(sinch: RecordingServer) -> None:
    sinch.says(201, CREATED)

    accepted = account(sinch.base_url).send(MESSAGE)

    (asked,) = sinch.asked
    assert accepted.provider_id == "01FC"
    assert (asked.method, asked.path) == ("POST", PATH)
    assert asked.headers["authorization"] == "Bearer tok1"
    assert asked.json == {
        "type": "mt_text",
        "from": NUMBER,
        "to": [PHONE],
        "body": TEXT,
        "delivery_report": "per_recipient",
        "callback_url": MESSAGE.status_callback,
        "client_reference": REF.token,
    }


def test_a_picture_makes_it_a_media_message(sinch: RecordingServer) -> None:
    sinch.says(201, CREATED)

    account(sinch.base_url).send(replace(MESSAGE, media_urls=("https://example.com/a.png",)))

    sent = sinch.asked[0].json
    assert sent["type"] == "mt_media"
    assert sent["body"] == {"url": "https://example.com/a.png", "message": TEXT}


def test_a_second_picture_is_refused_before_anything_is_sent(sinch: RecordingServer) -> None:
    with pytest.raises(Rejected) as caught:
        account(sinch.base_url).send(replace(MESSAGE, media_urls=("https://a", "https://b")))

    assert caught.value.provider_code == "sinch:one_media_only"
    assert sinch.asked == []


@pytest.mark.parametrize(
    ("valid_for_s", "expire_at"),
    [(600, "2026-11-22T10:10:00.000Z"), (3 * 86_400, None), (None, None)],
)
def test_the_validity_is_an_instant_unless_it_is_the_longest(
    sinch: RecordingServer, valid_for_s: int | None, expire_at: str | None
) -> None:
    sinch.says(201, CREATED)

    account(sinch.base_url).send(replace(MESSAGE, valid_for_s=valid_for_s))

    assert sinch.asked[0].json.get("expire_at") == expire_at


ANSWERS: list[tuple[int, Any, type[Exception], str]] = [
    (400, {"code": "syntax_invalid_json"}, Rejected, "sinch:syntax_invalid_json"),
    (
        400,
        {"code": "syntax_invalid_parameter_format", "text": "to"},
        Rejected,
        "sinch:syntax_invalid_parameter_format",
    ),
    (
        400,
        {"code": "syntax_constraint_violation"},
        Rejected,
        "sinch:syntax_constraint_violation",
    ),
    (400, {"code": "brand_new"}, Rejected, "sinch:brand_new"),
    (400, {"error": {"code": 400}}, Rejected, "sinch:http_400"),
    (401, b"", AccountBlocked, "sinch:http_401"),
    (402, b"", AccountBlocked, "sinch:http_402"),
    (403, {"code": "unknown_campaign"}, AccountBlocked, "sinch:unknown_campaign"),
    (403, {"code": "missing_callback_url"}, AccountBlocked, "sinch:missing_callback_url"),
    (400, {"code": "no such number: +1 202"}, Rejected, "sinch:http_400"),
    (403, {"code": 403}, AccountBlocked, "sinch:http_403"),
    (404, b"", AccountBlocked, "sinch:http_404"),
    (409, b"", OutcomeUnknown, "sinch:http_409"),
    (500, b"oops", OutcomeUnknown, "sinch:http_500"),
    (503, {"code": "unavailable"}, OutcomeUnknown, "sinch:unavailable"),
    (201, {}, OutcomeUnknown, "sinch:201"),
    (201, {"id": None}, OutcomeUnknown, "sinch:201"),
    (202, CREATED, OutcomeUnknown, "sinch:202"),
    (302, b"", OutcomeUnknown, "sinch:302"),
]


@pytest.mark.parametrize(("status", "body", "error", "code"), ANSWERS)
def test_each_answer_is_the_error_that_it_means(
    sinch: RecordingServer, status: int, body: Any, error: type[Exception], code: str
) -> None:
    sinch.says(status, body)

    with pytest.raises(ProviderError) as caught:
        account(sinch.base_url).send(MESSAGE)

    assert (type(caught.value), caught.value.provider_code) == (error, code)
    assert len(sinch.asked) == 1


def test_too_many_requests_slow_us_down(sinch: RecordingServer) -> None:
    sinch.says(429, {}, Retry_After="3")

    with pytest.raises(Throttled) as caught:
        account(sinch.base_url).send(MESSAGE)

    assert caught.value.retry_after_s == 3.0


def test_an_answer_that_never_comes_leaves_the_outcome_unknown(sinch: RecordingServer) -> None:
    sinch.says(None)

    with pytest.raises(OutcomeUnknown):
        account(sinch.base_url).send(MESSAGE)

    assert len(sinch.asked) == 1


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(Unavailable) as caught:
        account(nobody_listens()).send(MESSAGE)

    assert caught.value.provider_code == "unreachable"


# The log -----------------------------------------------------------------------


def a_batch(batch_id: str, **changes: Any) -> dict[str, Any]:
    batch = {
        "id": batch_id,
        "from": "12025550100",
        "to": ["12025550142"],
        "body": TEXT,
        "created_at": to_iso(NOW),
    }
    return {**batch, **changes}


def log(*batches: Any, count: int | None = None) -> dict[str, Any]:
    total = len(batches) if count is None else count
    return {"count": total, "page": 0, "page_size": len(batches), "batches": list(batches)}


def find(sinch: RecordingServer, *known_ids: str) -> ProviderRecord | None:
    return account(sinch.base_url).find(
        sender=NUMBER,
        recipient=PHONE,
        text_digest=text_digest(TEXT),
        since=SINCE,
        known_ids=frozenset(known_ids),
    )


def test_the_log_is_read_from_then_on(sinch: RecordingServer) -> None:
    sinch.says(200, log())

    assert find(sinch) is None

    (asked,) = sinch.asked
    assert (asked.method, asked.path) == ("GET", PATH)
    assert asked.query == {
        "start_date": ["2026-11-22T09:58:00.000Z"],
        "page": ["0"],
        "page_size": ["100"],
    }


OTHERS = [
    a_batch("b-1", to=["12025550199"]),
    a_batch("b-2", body="something else"),
    a_batch("b-3", created_at=to_iso(SINCE - timedelta(seconds=1))),
]


def test_the_newest_message_with_our_text_to_that_person_is_the_one(sinch: RecordingServer) -> None:
    older = a_batch("b-4", created_at=to_iso(NOW - timedelta(seconds=9)))
    media = a_batch("b-5", to=[PHONE], body={"url": "https://a", "message": TEXT})
    sinch.says(200, log(*OTHERS, older, media))

    found = find(sinch)

    assert found == ProviderRecord(provider_id="b-5", status=LeadStatus.SUBMITTED)


def test_messages_to_others_earlier_and_known_ones_are_not_ours(sinch: RecordingServer) -> None:
    sinch.says(200, log(*OTHERS, a_batch("b-4")))

    assert find(sinch, "b-2", "b-4") is None


def test_every_page_of_the_log_is_read(sinch: RecordingServer) -> None:
    others = [a_batch(f"o-{number}", to=["12025550199"]) for number in range(3)]
    sinch.says_in_turn(
        log(*others[:2], count=4), log(*others[1:], count=4), log(a_batch("b-9"), count=4)
    )

    found = find(sinch)

    assert found == ProviderRecord(provider_id="b-9", status=LeadStatus.SUBMITTED)
    assert [asked.query["page"] for asked in sinch.asked] == [["0"], ["1"], ["2"]]


UNCLEAR: list[tuple[int, Any, str]] = [
    (200, log(*OTHERS), "sinch:log_unclear"),
    (200, log(a_batch("b-6", body=None)), "sinch:log_unclear"),
    (200, log(a_batch("b-6", **{"from": "12025550111"})), "sinch:log_unclear"),
    (200, log(a_batch("b-6", to=None, body="x")), "sinch:log_unclear"),
    (200, log(a_batch("b-1", to=["1"]), count=2), "sinch:log_unclear"),
    (200, log(count=1), "sinch:log_unclear"),
    (200, log({"id": "b-1"}), "sinch:log_unreadable"),
    (200, log({"id": "b-1", "created_at": "soon"}), "sinch:log_unreadable"),
    (200, log({"id": 1, "created_at": to_iso(NOW)}), "sinch:log_unreadable"),
    (200, log(None), "sinch:log_unreadable"),
    (200, {"count": 0}, "sinch:log_unreadable"),
    (200, {"batches": []}, "sinch:log_unreadable"),
    (200, b"<html/>", "sinch:200"),
    (500, b"", "sinch:500"),
]


@pytest.mark.parametrize(("status", "body", "code"), UNCLEAR)
def test_a_log_that_cannot_tell_is_never_taken_for_an_empty_one(
    sinch: RecordingServer, status: int, body: Any, code: str
) -> None:
    sinch.says(status, body)

    with pytest.raises(Unavailable) as caught:
        find(sinch)

    assert caught.value.provider_code == code
    assert len(sinch.asked) <= 10


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        ([{"status": "Delivered", "code": 0, "count": 1}], LeadStatus.DELIVERED, None),
        ([{"status": "FAILED", "code": 402, "count": 1}], LeadStatus.FAILED, "sinch:402"),
        ([{"status": "Dispatched", "code": 401, "count": 1}], LeadStatus.SUBMITTED, None),
        ([{"status": "Unheard", "code": 999}], LeadStatus.SUBMITTED, None),
        ([], LeadStatus.SUBMITTED, None),
    ],
)
def test_one_message_is_fetched_with_its_state(
    sinch: RecordingServer, statuses: list[Any], status: LeadStatus, code: str | None
) -> None:
    sinch.says(200, {"batch_id": "01FC", "statuses": statuses, "type": "delivery_report_sms"})

    record = account(sinch.base_url).fetch("01FC")

    assert record == ProviderRecord(provider_id="01FC", status=status, error_code=code)
    assert sinch.asked[0].path == f"{PATH}/01FC/delivery_report"


def test_a_message_that_sinch_does_not_know_is_not_found(sinch: RecordingServer) -> None:
    sinch.says(404, b"")

    with pytest.raises(NotFound):
        account(sinch.base_url).fetch("01FC")


@pytest.mark.parametrize("body", [{"batch_id": "other", "statuses": []}, {"batch_id": "01FC"}])
def test_another_report_than_asked_for_is_not_believed(sinch: RecordingServer, body: Any) -> None:
    sinch.says(200, body)

    with pytest.raises(Unavailable):
        account(sinch.base_url).fetch("01FC")


# Signatures ----------------------------------------------------------------------

URL = MESSAGE.status_callback
NONCE = "01FJA8B4A7BM43YGWSG9GBV067"
STAMP = str(int(NOW.timestamp()))
BODY = '{"type":"mo_text","body":"Grüße 👋"}'


def signed_call(body: bytes, signed: str, *, stamp: str = STAMP, **changes: str) -> WebhookCall:
    headers = {
        "x-sinch-webhook-signature": signed,
        "x-sinch-webhook-signature-nonce": NONCE,
        "x-sinch-webhook-signature-timestamp": stamp,
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    }
    return a_call(URL, body, {**headers, **changes})


def sdk_signature(body: str, stamp: str = STAMP, key: str = KEY) -> str:
    return str(calculate_sinch_event_signature(compute_signed_data(body, NONCE, stamp), key))


def sdk_accepts(call: WebhookCall) -> bool:
    sdk = SmsSinchEvent(KEY)
    return bool(sdk.validate_authentication_header(dict(call.headers), call.body))


bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(bodies)
def test_what_sinch_signs_we_take_and_what_we_sign_sinch_takes(body: str) -> None:
    assert MODULE.is_authentic(signed_call(body.encode(), sdk_signature(body)), SECRET)
    assert sdk_accepts(signed_call(body.encode(), signature(body.encode(), NONCE, STAMP, KEY)))


@given(bodies, bodies)
def test_another_body_is_refused_by_both(body: str, forged: str) -> None:
    call = signed_call((forged + "!" + body).encode(), sdk_signature(body))

    assert not sdk_accepts(call)
    assert not MODULE.is_authentic(call, SECRET)


SIGNED = signed_call(BODY.encode(), sdk_signature(BODY))


@pytest.mark.parametrize(
    "changes",
    [
        {"x-sinch-webhook-signature": "bm8="},
        {"x-sinch-webhook-signature": sdk_signature(BODY, key="other")},
        {"x-sinch-webhook-signature": ""},
        {"x-sinch-webhook-signature-nonce": "other"},
        {"x-sinch-webhook-signature-timestamp": str(int(STAMP) + 1)},
    ],
)
def test_whatever_is_changed_both_refuse_the_call(changes: dict[str, str]) -> None:
    forged = replace(SIGNED, headers={**SIGNED.headers, **changes})

    assert sdk_accepts(SIGNED)
    assert MODULE.is_authentic(SIGNED, SECRET)
    assert not sdk_accepts(forged)
    assert not MODULE.is_authentic(forged, SECRET)


@pytest.mark.parametrize(
    ("late_s", "taken"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_an_old_or_early_call_is_refused(late_s: int, taken: bool) -> None:
    stamp = str(int(STAMP) - late_s)
    call = signed_call(BODY.encode(), sdk_signature(BODY, stamp), stamp=stamp)

    assert MODULE.is_authentic(call, SECRET) is taken


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e9", "9" * 400, "²"])
def test_a_timestamp_that_is_none_is_refused_though_it_is_signed(stamp: str) -> None:
    call = signed_call(BODY.encode(), sdk_signature(BODY, stamp), stamp=stamp)

    assert not MODULE.is_authentic(call, SECRET)


def test_a_call_without_a_nonce_is_refused_though_it_is_signed() -> None:
    signed = signature(BODY.encode(), "", STAMP, KEY)
    name = "x-sinch-webhook-signature-nonce"
    call = signed_call(BODY.encode(), signed)
    bare = {header: value for header, value in call.headers.items() if header != name}

    assert not MODULE.is_authentic(replace(call, headers=bare), SECRET)
    assert not MODULE.is_authentic(replace(call, headers={**bare, name: ""}), SECRET)


def test_another_algorithm_is_refused() -> None:
    name = "x-sinch-webhook-signature-algorithm"

    assert not MODULE.is_authentic(
        replace(SIGNED, headers={**SIGNED.headers, name: "none"}), SECRET
    )
    assert MODULE.is_authentic(
        replace(SIGNED, headers={**SIGNED.headers, name: "HMACSHA256"}), SECRET
    )


def test_the_previous_secret_still_verifies_while_it_is_rotated() -> None:
    rotated = {**SECRET, "webhook_secret": "hook-key-2"}

    assert MODULE.is_authentic(SIGNED, {**rotated, "previous_webhook_secret": KEY})
    assert not MODULE.is_authentic(SIGNED, rotated)


def test_without_a_webhook_secret_every_call_is_refused() -> None:
    call = signed_call(BODY.encode(), sdk_signature(BODY, key=""))

    assert not MODULE.is_authentic(call, {"service_plan_id": "plan1", "api_token": "tok1"})
    assert not MODULE.is_authentic(call, {**SECRET, "webhook_secret": ""})


@given(
    junk_calls(
        "x-sinch-webhook-signature",
        "x-sinch-webhook-signature-nonce",
        "x-sinch-webhook-signature-timestamp",
        "x-sinch-webhook-signature-algorithm",
    )
)
def test_junk_is_refused_without_an_error(call: WebhookCall) -> None:
    fresh = {**call.headers, "x-sinch-webhook-signature-timestamp": STAMP}

    assert not MODULE.is_authentic(call, SECRET)
    assert not MODULE.is_authentic(replace(call, headers=fresh), SECRET)


# Webhooks ------------------------------------------------------------------------


def an_event(**fields: Any) -> dict[str, Any]:
    return MODULE.payload(a_call(URL, json.dumps(fields).encode(), {}))


def a_report(**changes: Any) -> dict[str, Any]:
    fields = {
        "type": "recipient_delivery_report_sms",
        "batch_id": "01FC",
        "recipient": "12025550142",
        "code": 0,
        "status": "Delivered",
        "at": "2026-11-22T10:00:00.000Z",
        "client_reference": REF.token,
    }
    return an_event(**{**fields, **changes})


STATUSES = [
    ("Queued", LeadStatus.SUBMITTED),
    ("Dispatched", LeadStatus.SUBMITTED),
    ("Delivered", LeadStatus.DELIVERED),
    ("Aborted", LeadStatus.FAILED),
    ("Cancelled", LeadStatus.FAILED),
    ("Rejected", LeadStatus.FAILED),
    ("Deleted", LeadStatus.FAILED),
    ("Failed", LeadStatus.FAILED),
    ("Expired", LeadStatus.FAILED),
    ("Unknown", LeadStatus.SUBMITTED),
]


@pytest.mark.parametrize(("word", "status"), STATUSES)
@pytest.mark.parametrize("kind", ["recipient_delivery_report_sms", "recipient_delivery_report_mms"])
def test_each_status_is_one_of_ours_however_it_is_written(
    kind: str, word: str, status: LeadStatus
) -> None:
    (receipt,) = MODULE.receipts(a_report(type=kind, status=word), "", NOW)
    (upper,) = MODULE.receipts(a_report(type=kind, status=word.upper()), "", NOW)

    assert receipt.status is status
    assert upper.status is status


def test_a_receipt_names_attempt_person_parts_and_reason() -> None:
    report = a_report(status="Aborted", code=412, number_of_message_parts=2)

    (receipt,) = MODULE.receipts(report, "", NOW)

    assert (receipt.ref, receipt.claim_id) == (REF.row, REF.claim_id)
    assert (receipt.provider_id, receipt.phone) == ("01FC", PHONE)
    assert (receipt.error_code, receipt.segments) == ("sinch:412", 2)
    assert receipt.received_at == NOW


def test_a_code_without_a_failure_is_no_error() -> None:
    (receipt,) = MODULE.receipts(a_report(status="Dispatched", code=401), "", NOW)

    assert receipt.error_code is None


def test_the_signed_reference_counts_and_that_of_the_address_only_without_it() -> None:
    other = CallbackRef(RowRef("cmp_b#00000", "def"), "clm_2").token

    (signed,) = MODULE.receipts(a_report(), other, NOW)
    (unsigned,) = MODULE.receipts(a_report(client_reference=None), other, NOW)

    assert signed.ref == REF.row
    assert unsigned.ref.pk == "cmp_b#00000"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "Unheard"}, "unknown_status"),
        ({"status": None}, "unknown_status"),
        ({"type": "something"}, "unknown_status"),
        ({"client_reference": ""}, "bad_ref"),
        ({"client_reference": "?"}, "bad_ref"),
    ],
)
def test_a_receipt_that_sinch_does_not_document_is_refused(
    changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.receipts(a_report(**changes), "", NOW)

    assert caught.value.code == code


@pytest.mark.parametrize("kind", ["delivery_report_sms", "delivery_report_mms", "mo_text"])
def test_summaries_and_inbound_messages_are_no_receipts(kind: str) -> None:
    assert MODULE.receipts(an_event(type=kind, batch_id="01FC", statuses=[]), "", NOW) == []


def an_inbound(**changes: Any) -> dict[str, Any]:
    fields = {"type": "mo_text", "id": "in-1", "from": "12025550142", "to": "1", "body": "ok 👍"}
    return an_event(**{**fields, **changes})


def test_an_inbound_text_is_a_reply_with_its_plus_sign() -> None:
    (reply,) = MODULE.replies(an_inbound(), "snd_a", NOW)

    assert (reply.provider, reply.provider_id, reply.sender_id) == ("sinch", "in-1", "snd_a")
    assert (reply.phone, reply.body, reply.media_urls) == (PHONE, "ok 👍", ())
    assert (reply.handled_by_provider, reply.received_at) == (False, NOW)


def test_pictures_come_with_their_text() -> None:
    media = [{"url": "https://m/1"}, {"status": "Failed"}, {"url": "https://m/2"}, "junk"]
    body = {"message": "look", "subject": "s", "media": media}

    (reply,) = MODULE.replies(an_inbound(type="mo_media", body=body), "snd_a", NOW)

    assert (reply.body, reply.media_urls) == ("look", ("https://m/1", "https://m/2"))


def test_a_binary_message_has_no_text() -> None:
    (reply,) = MODULE.replies(an_inbound(type="mo_binary", body="U1RPUA=="), "snd_a", NOW)

    assert reply.body == ""


def test_a_receipt_is_no_reply() -> None:
    assert MODULE.replies(a_report(), "snd_a", NOW) == []


@pytest.mark.parametrize("changes", [{"id": None}, {"from": ""}, {"type": "mo_fax"}])
def test_an_inbound_message_without_what_it_needs_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.replies(an_inbound(**changes), "snd_a", NOW)

    assert caught.value.code == "bad_inbound"


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"null", b"[" * 100_000])
def test_bytes_that_are_no_event_are_no_payload(body: bytes) -> None:
    with pytest.raises(ValueError):
        MODULE.payload(a_call(URL, body, {}))


# Codes ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_kind_and_a_sentence(code: str) -> None:
    meaning = CODES[code]

    assert isinstance(meaning.kind, CodeKind)
    assert meaning.reason[0].isupper()
    assert meaning.reason.endswith(".")
