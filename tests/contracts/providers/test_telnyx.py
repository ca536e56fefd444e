"""Our Telnyx module against the answers and events that Telnyx documents."""

import json
import socket
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from carillon.adapters.providers.contract import ProviderModule, WebhookCall
from carillon.adapters.providers.telnyx import MODULE, Telnyx
from carillon.domain.errors import (
    AccountBlocked,
    CarillonError,
    InvalidInput,
    NotFound,
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
    ProviderRecord,
    Receipt,
    Reply,
    RowRef,
    text_digest,
)
from carillon.domain.provider_codes import CodeKind
from carillon.domain.provider_codes.telnyx import CODES
from tests.support.provider_server import Answer, ProviderServer, provider_server

NUMBER = "+13125550100"
PHONE = "+12025550142"
REF = CallbackRef(RowRef("cmp_a#00001", "2a9f"), "clm_1")
MESSAGE = Outgoing(
    sender=NUMBER,
    recipient=PHONE,
    text="Grüße & 50 % off? +1 👋",
    status_callback=f"https://hooks.example.com/telnyx/snd_a/status?ref={REF.token}",
    ref_token=REF.token,
)
ID = "40385f64-5717-4562-b3fc-2c963f66afa6"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def a_message(
    status: str = "queued", *, text: str = MESSAGE.text, **changes: Any
) -> dict[str, Any]:
    """Return a message as Telnyx's reference shows one."""
    return {
        "record_type": "message",
        "direction": "outbound",
        "id": ID,
        "type": "SMS",
        "messaging_profile_id": "4000eba1-a0c0-4563-9925-b25e842a7cb6",
        "organization_id": "47a530f8-4362-4526-829b-bcee17fd9f7a",
        "from": {"phone_number": NUMBER, "carrier": "Telnyx", "line_type": "VoIP"},
        "to": [
            {
                "phone_number": PHONE,
                "status": status,
                "carrier": "T-MOBILE USA, INC.",
                "line_type": "Wireless",
            }
        ],
        "cc": [],
        "text": text,
        "media": [],
        "webhook_url": MESSAGE.status_callback,
        "webhook_failover_url": "",
        "encoding": "UTF-16",
        "parts": 1,
        "tags": [],
        "cost": None,
        "received_at": "2026-11-24T09:29:58.574Z",
        "sent_at": None,
        "completed_at": None,
        "valid_until": "2026-11-24T10:29:58.574Z",
        "errors": [],
        **changes,
    }


def refusal(status: int, code: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a refusal in Telnyx's error format."""
    error = {"code": code, "title": "A title", "detail": "Whatever it is.", "meta": {"url": "u"}}
    return Answer(status, {"errors": [error]}, headers or {})


def account(base_url: str, **secret: str) -> Telnyx:
    fields = {"api_key": "KEY1", "base_url": base_url, **secret}
    return Telnyx(fields, urllib3.PoolManager(), read_timeout_s=0.3)


@contextmanager
def telnyx(*answers: Answer, **secret: str) -> Iterator[tuple[Telnyx, ProviderServer]]:
    with provider_server(*answers) as server:
        yield account(server.base_url, **secret), server


def refused(answer: Answer) -> CarillonError:
    """Return the error that *answer* to a send becomes."""
    with telnyx(answer) as (provider, server):
        with pytest.raises(CarillonError) as caught:
            provider.send(MESSAGE)
        assert len(server.requests) == 1
    return caught.value


# Sending -----------------------------------------------------------------------


def test_a_send_is_one_request_as_telnyx_documents_it() -> None:
    with telnyx(Answer(200, {"data": a_message()})) as (provider, server):
        accepted = provider.send(MESSAGE)

    (request,) = server.requests
    assert accepted == Accepted(ID)
    assert (request.method, request.target) == ("POST", "/v2/messages")
    assert request.headers["authorization"] == "Bearer KEY1"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "from": NUMBER,
        "to": PHONE,
        "text": MESSAGE.text,
        "webhook_url": MESSAGE.status_callback,
        "use_profile_webhooks": False,
    }


def test_pictures_make_it_an_mms() -> None:
    urls = ("https://cdn.example.com/a.png", "https://cdn.example.com/b.gif")

    with telnyx(Answer(200, {"data": a_message()})) as (provider, server):
        provider.send(replace(MESSAGE, media_urls=urls))

    assert server.requests[0].json["type"] == "MMS"
    assert server.requests[0].json["media_urls"] == list(urls)


def test_an_alphanumeric_sender_goes_with_the_messaging_profile() -> None:
    profile = "4000eba1-a0c0-4563-9925-b25e842a7cb6"

    with telnyx(Answer(200, {"data": a_message()}), messaging_profile_id=profile) as (
        provider,
        server,
    ):
        provider.send(replace(MESSAGE, sender="Carillon"))

    assert server.requests[0].json["from"] == "Carillon"
    assert server.requests[0].json["messaging_profile_id"] == profile


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (409, "40300", Rejected),  # the person has answered STOP
        (403, "40300", Rejected),  # the same, with a status that looks like the account's
        (400, "40310", Rejected),  # invalid recipient
        (422, "40001", Rejected),  # a landline
        (400, "40316", Rejected),  # no content
        (422, "99999", Rejected),  # a code that no table has
        (401, "10009", AccountBlocked),  # wrong key
        (403, "10010", AccountBlocked),
        (403, "20100", AccountBlocked),  # no funds
        (400, "40305", AccountBlocked),  # the number is not on the profile
        (400, "40312", AccountBlocked),  # the profile is disabled
        (429, "40333", AccountBlocked),  # the day's spend limit, although it comes as 429
        (403, "99999", AccountBlocked),
        (400, "40011", Unavailable),
        (422, "10007", OutcomeUnknown),  # unexpected error: nothing says that none was taken
        (408, "10008", OutcomeUnknown),
        (408, "99999", OutcomeUnknown),
        (500, "10007", OutcomeUnknown),
        (503, "40300", OutcomeUnknown),
    ],
)
def test_each_refusal_is_the_error_that_its_code_means(
    status: int, code: str, error: type[ProviderError]
) -> None:
    raised = refused(refusal(status, code))

    assert type(raised) is error
    assert isinstance(raised, ProviderError)
    assert raised.provider_code == f"telnyx:{code}"


@pytest.mark.parametrize(
    ("status", "code", "headers", "seconds"),
    [
        (429, "10011", {"Retry-After": "7"}, 7.0),
        (429, "10011", {}, 1.0),
        (400, "10011", {}, 1.0),
        (429, "99999", {"Retry-After": "soon"}, 1.0),
        (429, "99999", {"Retry-After": "9" * 400}, 1.0),
        (400, "40318", {"Retry-After": "30"}, 30.0),  # our number's queue is full
        (429, "10011", {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 1.0),
    ],
)
def test_too_many_requests_slow_us_down_for_as_long_as_telnyx_wants(
    status: int, code: str, headers: dict[str, str], seconds: float
) -> None:
    raised = refused(refusal(status, code, headers))

    assert isinstance(raised, Throttled)
    assert raised.retry_after_s == seconds


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, {"data": {"record_type": "message"}}), OutcomeUnknown),
        (Answer(200, {"data": []}), OutcomeUnknown),
        (Answer(200, {}), OutcomeUnknown),
        (Answer(200, b"<html>"), OutcomeUnknown),
        (Answer(204), OutcomeUnknown),
        (Answer(302, headers={"Location": "http://127.0.0.1:9/"}), OutcomeUnknown),
        (Answer(302, {"data": a_message()}), OutcomeUnknown),
        (Answer(400, b"<html>Bad request</html>"), OutcomeUnknown),
        (Answer(400, {"errors": []}), OutcomeUnknown),
        (Answer(404, {"errors": "none"}), OutcomeUnknown),
        (Answer(502, b"<html>Bad gateway</html>"), OutcomeUnknown),
        (Answer(500), OutcomeUnknown),
        (Answer(401, b""), AccountBlocked),
        (Answer(403, b"[]"), AccountBlocked),
        (Answer(hang_up=True), OutcomeUnknown),
    ],
)
def test_an_answer_that_is_not_telnyxs_never_counts_as_not_sent(
    answer: Answer, error: type[Exception]
) -> None:
    assert type(refused(answer)) is error


def test_the_first_known_code_of_several_decides() -> None:
    errors = [{"code": "12345", "title": "New"}, {"code": "40300", "title": "Blocked"}]

    raised = refused(Answer(422, {"errors": errors}))

    assert isinstance(raised, Rejected)
    assert raised.provider_code == "telnyx:40300"


def test_an_answer_that_takes_too_long_is_unknown() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the system accepts, nobody reads
        provider = account(f"http://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(OutcomeUnknown):
            provider.send(MESSAGE)


def test_a_port_where_nobody_listens_is_unavailable_and_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        provider = account(f"http://127.0.0.1:{taken.getsockname()[1]}")

    with pytest.raises(Unavailable) as caught:
        provider.send(MESSAGE)
    with pytest.raises(Unavailable):
        provider.fetch(ID)
    with pytest.raises(Unavailable):
        find(provider)

    assert caught.value.provider_code == "unreachable"


def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        account("http://no.invalid").send(MESSAGE)


def test_a_secret_without_its_key_names_what_is_missing() -> None:
    with pytest.raises(KeyError, match="api_key"):
        MODULE.account({"public_key": "x"}, urllib3.PoolManager())


# The log -------------------------------------------------------------------------


def find(
    provider: Telnyx, *, since: datetime = NOW, known_ids: frozenset[str] = frozenset()
) -> ProviderRecord | None:
    return provider.find(
        sender=NUMBER,
        recipient=PHONE,
        text_digest=text_digest(MESSAGE.text),
        since=since,
        known_ids=known_ids,
    )


def a_log(*entries: tuple[str, datetime], pages: int = 1) -> Answer:
    """Return an answer of the detail record search."""
    data = [
        {
            "record_type": "message_detail_record",
            "uuid": uuid,
            "created_at": created_at.isoformat().replace("+00:00", "Z"),
            "cld": PHONE,
            "cli": NUMBER,
            "direction": "outbound",
            "status": "delivered",
        }
        for uuid, created_at in entries
    ]
    meta = {"page_number": 1, "page_size": 50, "total_pages": pages, "total_results": len(data)}
    return Answer(200, {"data": data, "meta": meta})


def test_a_message_in_the_log_is_found_by_its_text() -> None:
    other = Answer(200, {"data": a_message("delivered", text="Another", id="m-2")})
    ours = Answer(200, {"data": a_message("delivered")})

    with telnyx(a_log(("m-2", NOW), (ID, NOW)), other, ours) as (provider, server):
        found = find(provider)

    assert found == ProviderRecord(provider_id=ID, status=LeadStatus.DELIVERED)
    search, *looks = server.requests
    assert search.path == "/v2/detail_records"
    assert search.query == {
        "filter[record_type]": ["messaging"],
        "filter[direction]": ["outbound"],
        "filter[cli]": [NUMBER],
        "filter[cld]": [PHONE],
        "filter[created_at][gte]": ["2026-11-24"],
        "sort": ["-created_at"],
        "page[number]": ["1"],
        "page[size]": ["50"],
    }
    assert [look.target for look in looks] == ["/v2/messages/m-2", f"/v2/messages/{ID}"]


def test_a_message_on_the_first_of_two_pages_is_found() -> None:
    with telnyx(a_log((ID, NOW), pages=2), Answer(200, {"data": a_message()})) as (provider, _):
        found = find(provider)

    assert found == ProviderRecord(provider_id=ID, status=LeadStatus.SUBMITTED)


@pytest.mark.parametrize(
    ("log", "code"),
    [
        (a_log(), "telnyx:no_log"),  # not finished, or never taken: it does not say
        (a_log(("m-2", NOW - timedelta(seconds=1))), "telnyx:no_log"),  # too old to be it
        (a_log(("known", NOW)), "telnyx:no_log"),  # another message of ours
        (a_log(("m-2", NOW)), "telnyx:log_unclear"),  # with another text
        (a_log(pages=2), "telnyx:log_unclear"),  # it may stand on the next page
        (a_log(("known", NOW), pages=2), "telnyx:log_unclear"),
    ],
)
def test_a_log_without_our_message_never_says_that_it_was_not_taken(log: Answer, code: str) -> None:
    other = Answer(200, {"data": a_message(text="Another")})

    with telnyx(log, other) as (provider, _), pytest.raises(Unavailable) as caught:
        find(provider, known_ids=frozenset({"known"}))

    assert caught.value.provider_code == code


def test_a_message_whose_text_is_gone_stays_unexplained() -> None:
    log = a_log(("m-2", NOW), ("m-3", NOW))
    other = Answer(200, {"data": a_message(text="Another")})

    with (
        telnyx(log, refusal(404, "10005"), other) as (provider, server),
        pytest.raises(Unavailable) as caught,
    ):
        find(provider)

    assert caught.value.provider_code == "telnyx:log_unclear"
    assert len(server.requests) == 3


def test_only_so_many_messages_to_one_person_are_looked_at() -> None:
    log = a_log(*((f"m-{n}", NOW) for n in range(30)))
    other = Answer(200, {"data": a_message(text="Another")})

    with telnyx(log, other) as (provider, server), pytest.raises(Unavailable):
        find(provider)

    assert len(server.requests) == 1 + 10


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>"),
        Answer(200, {}),
        Answer(200, {"data": [], "meta": {}}),
        Answer(200, {"data": [{"uuid": "m"}], "meta": {"total_pages": 1}}),
        Answer(200, {"data": {"uuid": "m"}, "meta": {"total_pages": 1}}),
        Answer(404, {"errors": [{"code": "10005"}]}),
        Answer(401),
        Answer(429),
        Answer(500),
        Answer(hang_up=True),
    ],
)
def test_a_log_that_cannot_be_read_is_never_taken_for_an_empty_one(answer: Answer) -> None:
    with telnyx(answer) as (provider, _), pytest.raises(Unavailable):
        find(provider)


@pytest.mark.parametrize(
    ("word", "errors", "record"),
    [
        ("queued", [], ProviderRecord(provider_id=ID, status=LeadStatus.SUBMITTED)),
        ("delivered", [], ProviderRecord(provider_id=ID, status=LeadStatus.DELIVERED)),
        (
            "delivery_failed",
            [{"code": "40012", "title": "Invalid messaging destination number"}],
            ProviderRecord(provider_id=ID, status=LeadStatus.FAILED, error_code="telnyx:40012"),
        ),
        (
            "sending_failed",
            ["40300"],
            ProviderRecord(provider_id=ID, status=LeadStatus.FAILED, error_code="telnyx:40300"),
        ),
    ],
)
def test_one_message_can_be_asked_about(
    word: str, errors: list[Any], record: ProviderRecord
) -> None:
    with telnyx(Answer(200, {"data": a_message(word, errors=errors)})) as (provider, server):
        fetched = provider.fetch(ID)

    assert fetched == record
    assert server.requests[0].target == f"/v2/messages/{ID}"


def test_a_message_that_telnyx_does_not_know_is_not_found() -> None:
    with telnyx(refusal(404, "10005")) as (provider, _), pytest.raises(NotFound):
        provider.fetch("../other")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"data": {}}),
        Answer(200, b"x"),
        Answer(401, {"data": a_message("delivered")}),
        Answer(503),
    ],
)
def test_a_state_that_cannot_be_read_is_unavailable(answer: Answer) -> None:
    with telnyx(answer) as (provider, _), pytest.raises(Unavailable):
        provider.fetch(ID)


# Webhooks -------------------------------------------------------------------------


def an_event(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return a webhook's body as it comes out of the queue."""
    event = {
        "data": {
            "record_type": "event",
            "id": "86f58db9-0fe3-4adc-9d1f-46e66e6e9323",
            "event_type": kind,
            "occurred_at": "2026-11-24T09:30:00.000Z",
            "payload": payload,
        },
        "meta": {"attempt": 1, "delivered_to": "https://hooks.example.com/telnyx/snd_a/status"},
    }
    call = WebhookCall(
        method="POST",
        url="https://hooks.example.com/telnyx/snd_a/status",
        headers={},
        body=json.dumps(event).encode(),
        received_at=NOW,
    )
    return MODULE.payload(call)


def a_receipt(**changes: Any) -> Receipt:
    return replace(
        Receipt(
            ref=REF.row,
            claim_id=REF.claim_id,
            provider_id=ID,
            status=LeadStatus.SUBMITTED,
            received_at=NOW,
            phone=PHONE,
            segments=1,
        ),
        **changes,
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("scheduled", LeadStatus.SUBMITTED),
        ("queued", LeadStatus.SUBMITTED),
        ("sending", LeadStatus.SUBMITTED),
        ("sent", LeadStatus.SUBMITTED),
        ("delivered", LeadStatus.DELIVERED),
        ("read", LeadStatus.DELIVERED),
        ("delivery_unconfirmed", LeadStatus.SUBMITTED),
        ("sending_failed", LeadStatus.FAILED),
        ("delivery_failed", LeadStatus.FAILED),
        ("expired", LeadStatus.FAILED),
        ("cancelled", LeadStatus.FAILED),
    ],
)
def test_each_state_of_a_recipient_is_one_of_ours(word: str, status: LeadStatus) -> None:
    event = an_event("message.finalized", a_message(word))

    assert MODULE.receipts(event, REF.token, NOW) == [a_receipt(status=status)]


def test_a_receipt_brings_price_segments_and_the_reason_of_a_failure() -> None:
    failed = a_message(
        "delivery_failed",
        parts=3,
        cost={"amount": "0.0051", "currency": "USD"},
        errors=[{"code": "40300", "title": "Blocked due to STOP message"}],
    )

    (receipt,) = MODULE.receipts(an_event("message.finalized", failed), REF.token, NOW)

    assert receipt == a_receipt(
        status=LeadStatus.FAILED,
        segments=3,
        cost_micros=5100,
        currency="USD",
        error_code="telnyx:40300",
    )


def test_an_error_beside_a_delivery_is_none_of_it() -> None:
    delivered = a_message("delivered", errors=[{"code": "40006", "title": "Was away"}])

    (receipt,) = MODULE.receipts(an_event("message.finalized", delivered), REF.token, NOW)

    assert receipt.error_code is None


def test_without_a_reference_in_the_address_the_messages_own_counts() -> None:
    event = an_event("message.sent", a_message("sent"))

    assert MODULE.receipts(event, "", NOW) == [a_receipt()]


@pytest.mark.parametrize("kind", ["message.received", "messaging-profile.spend-limit-reached", ""])
def test_events_that_are_no_receipts_give_none(kind: str) -> None:
    assert MODULE.receipts(an_event(kind, a_message("sent")), REF.token, NOW) == []


@pytest.mark.parametrize(
    ("message", "ref", "code"),
    [
        (a_message("teleported"), REF.token, "unknown_status"),
        (a_message(to=[]), REF.token, "unknown_status"),
        (a_message(to=None), REF.token, "unknown_status"),
        ({}, REF.token, "unknown_status"),
        (a_message("sent"), "nonsense", "bad_ref"),
        (a_message("sent", webhook_url=""), "", "bad_ref"),
        (a_message("sent", webhook_url="https://[oops"), "", "bad_ref"),
        (a_message("sent", webhook_url=None), "", "bad_ref"),
    ],
)
def test_a_receipt_that_telnyx_does_not_document_is_refused(
    message: dict[str, Any], ref: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.receipts(an_event("message.finalized", message), ref, NOW)

    assert caught.value.code == code


def an_inbound(**changes: Any) -> dict[str, Any]:
    return {
        "record_type": "message",
        "direction": "inbound",
        "id": "7ee4241c-f127-47e5-9c34-3aac291f8058",
        "type": "SMS",
        "from": {"phone_number": PHONE, "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"},
        "to": [{"phone_number": NUMBER, "status": "webhook_delivered"}],
        "text": "Yes 👋",
        "media": [],
        "errors": [],
        "autoresponse_type": None,
        **changes,
    }


REPLY = Reply(
    provider="telnyx",
    provider_id="7ee4241c-f127-47e5-9c34-3aac291f8058",
    sender_id="snd_a",
    phone=PHONE,
    body="Yes 👋",
    received_at=NOW,
)


@pytest.mark.parametrize(
    ("changes", "reply"),
    [
        ({}, REPLY),
        (
            {"text": "STOP", "autoresponse_type": "STOP"},
            replace(REPLY, body="STOP", handled_by_provider=True, provider_keyword="stop"),
        ),
        (
            {"text": "Info", "autoresponse_type": "HELP"},
            replace(REPLY, body="Info", handled_by_provider=True, provider_keyword="help"),
        ),
        (
            {
                "type": "MMS",
                "text": None,
                "media": [
                    {"url": "https://media.example.com/1", "content_type": "image/jpeg"},
                    {"url": None},
                ],
            },
            replace(REPLY, body="", media_urls=("https://media.example.com/1",)),
        ),
        ({"media": None}, REPLY),
    ],
)
def test_an_inbound_message_is_a_reply(changes: dict[str, Any], reply: Reply) -> None:
    event = an_event("message.received", an_inbound(**changes))

    assert MODULE.replies(event, "snd_a", NOW) == [reply]


def test_a_receipt_at_the_inbound_address_is_no_reply() -> None:
    event = an_event("message.finalized", a_message("delivered"))

    assert MODULE.replies(event, "snd_a", NOW) == []


@pytest.mark.parametrize("changes", [{"id": ""}, {"from": {}}, {"from": PHONE}, {"from": None}])
def test_an_inbound_message_without_id_or_sender_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.replies(an_event("message.received", an_inbound(**changes)), "snd_a", NOW)

    assert caught.value.code == "bad_inbound"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{", b"a=b", b"[" * 100_000])
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    call = WebhookCall(method="POST", url="https://h", headers={}, body=body, received_at=NOW)

    with pytest.raises(ValueError):
        MODULE.payload(call)


# The table ------------------------------------------------------------------------


def test_the_module_is_what_providers_offer() -> None:
    module: ProviderModule = MODULE

    assert module.name == "telnyx"
    assert module.status_answer.status == module.inbound_answer.status == 200


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_sentence_for_a_person(code: str) -> None:
    entry = CODES[code]

    assert code.isdigit()
    assert len(code) == 5
    assert entry.reason.endswith(".")
    assert len(entry.reason) > 15
    assert entry.kind in CodeKind


def test_what_people_have_opted_out_of_is_told_from_all_else() -> None:
    opted_out = {code for code, entry in CODES.items() if entry.kind is CodeKind.OPTED_OUT}

    assert opted_out == {"40300"}


def test_no_error_quotes_the_person_or_the_text() -> None:
    raised = refused(refusal(400, "40310"))

    for secret in (PHONE, urllib.parse.quote(PHONE), MESSAGE.text, "KEY1"):
        assert secret not in f"{raised} {raised.extra}"
