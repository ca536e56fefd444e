"""Our Twilio adapter against the simulated carrier, which Twilio's own SDK has approved."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from carillon.adapters.providers.kept_pool import KeptPool
from carillon.adapters.providers.twilio import MODULE, Twilio, TwilioCredentials, is_signed
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
from carillon.domain.message import (
    CallbackRef,
    Outgoing,
    ProviderRecord,
    Receipt,
    Reply,
    RowRef,
    text_digest,
)
from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier
from tests.support.clock import NOON
from tests.support.webhook_receiver import WebhookReceiver

MESSAGE = Outgoing(
    sender=NUMBER,
    recipient=PHONE,
    text="Grüße & 50 % off? +1 👋",
    status_callback="http://127.0.0.1:9/twilio/snd_a/status?ref=abc",
)
READ_TIMEOUT_S = 0.3


@pytest.fixture
def run_carrier() -> Iterator[RunCarrier]:
    with ExitStack() as stack:

        def run(scenario: Scenario | None = None, **options: Any) -> Carrier:
            return stack.enter_context(Carrier(scenario, numbers={NUMBER: ""}, **options))

        yield run


def adapter(carrier: Carrier, **changes: str) -> Twilio:
    return to(TwilioCredentials.from_secret({**carrier.credentials, **changes}))


def to(credentials: TwilioCredentials) -> Twilio:
    return Twilio(credentials, KeptPool(), read_timeout_s=READ_TIMEOUT_S)


def find(
    twilio: Twilio,
    *,
    sender: str = NUMBER,
    text: str = MESSAGE.text,
    since: datetime | None = None,
    known_ids: frozenset[str] = frozenset(),
) -> ProviderRecord | None:
    return twilio.find(
        sender=sender,
        recipient=PHONE,
        text_digest=text_digest(text),
        since=since or datetime.now(UTC) - timedelta(minutes=2),
        known_ids=known_ids,
    )


# Sending -----------------------------------------------------------------------


def test_an_accepted_message_arrives_as_it_was_given(run_carrier: RunCarrier) -> None:
    carrier = run_carrier()

    accepted = adapter(carrier).send(MESSAGE)

    (attempt,) = carrier.ledger.attempts()
    assert (attempt.sid, attempt.accepted) == (accepted.provider_id, True)
    assert (attempt.sender, attempt.to, attempt.body) == (NUMBER, PHONE, MESSAGE.text)
    assert attempt.status_callback == f"{MESSAGE.status_callback}#rc=3&rp=ct,5xx"
    assert attempt.ref == "abc"


SERVICE = "MG" + "0" * 32


def form_of(message: Outgoing) -> dict[str, list[str]]:
    """Return the form that a provider is posted for *message*."""
    seen: list[bytes] = []
    with answering(201, b'{"sid": "SM1"}', seen=seen) as twilio:
        twilio.send(message)
    (posted,) = seen
    return parse_qs(posted.decode(), keep_blank_values=True)


def test_an_ordinary_message_is_four_fields() -> None:
    assert form_of(MESSAGE) == {
        "From": [NUMBER],
        "To": [PHONE],
        "Body": [MESSAGE.text],
        "StatusCallback": [f"{MESSAGE.status_callback}#rc=3&rp=ct,5xx"],
    }


def test_a_messaging_service_is_named_as_one() -> None:
    form = form_of(replace(MESSAGE, sender=SERVICE))

    assert form["MessagingServiceSid"] == [SERVICE]
    assert "From" not in form


@pytest.mark.parametrize(
    ("valid_for_s", "sent"),
    [
        (None, None),
        (1, ["1"]),
        (600, ["600"]),
        (36_000, ["36000"]),
        (90_000, ["36000"]),
        (0, ["1"]),
    ],
)
def test_a_message_is_valid_as_long_as_the_api_allows(
    valid_for_s: int | None, sent: list[str] | None
) -> None:
    form = form_of(replace(MESSAGE, valid_for_s=valid_for_s))

    assert form.get("ValidityPeriod") == sent


def test_media_are_named_one_by_one_and_need_no_text() -> None:
    media = ("https://files.example/a.png", "https://files.example/b.png?x=1&y=2")

    with_text, without = (form_of(replace(MESSAGE, media_urls=media, text=t)) for t in ("Hi", ""))

    assert (with_text["MediaUrl"], with_text["Body"]) == (list(media), ["Hi"])
    assert "Body" not in without
    assert form_of(replace(MESSAGE, text=""))["Body"] == [""]


def test_a_receipt_that_we_answered_with_a_server_error_comes_again_and_is_signed_as_before(
    run_carrier: RunCarrier,
) -> None:
    answers = iter([503, 204])
    with WebhookReceiver(answer=lambda _: next(answers)) as receiver:
        carrier = run_carrier(Scenario(sent_receipt=False))
        url = f"{receiver.base_url}/twilio/snd_a/status?ref=abc"
        adapter(carrier).send(replace(MESSAGE, status_callback=url))
        assert carrier.wait_idle()

    first, again = receiver.calls
    assert first.form == again.form
    for call in (first, again):
        form = {name: [value] for name, value in call.form.items()}
        assert is_signed(url, form, call.signature, [carrier.credentials["auth_token"]])


def test_one_send_is_one_request_whatever_happens(run_carrier: RunCarrier) -> None:
    for scenario in (
        Scenario(drop_request_rate=1),
        Scenario(drop_reply_rate=1),
        Scenario(error_before_accept_rate=1),
        Scenario(too_many_requests_rate=1),
    ):
        carrier = run_carrier(scenario)

        with pytest.raises((ProviderError, Throttled)):
            adapter(carrier).send(MESSAGE)

        assert len(list(carrier.ledger.attempts())) == 1


REFUSALS = [
    (21211, Rejected),  # invalid To
    (21408, Rejected),  # region not enabled
    (21610, Rejected),  # the person has opted out
    (21612, Rejected),  # no route
    (21614, Rejected),  # not a mobile number
    (21606, AccountBlocked),  # our number cannot send
    (21659, AccountBlocked),  # not our number
    (21611, Throttled),  # our number's queue is full
]


@pytest.mark.parametrize(("code", "error"), REFUSALS)
def test_each_refusal_is_the_error_that_its_code_means(
    run_carrier: RunCarrier, code: int, error: type[Exception]
) -> None:
    carrier = run_carrier(Scenario(rejection_rates={code: 1}))

    with pytest.raises(error) as caught:
        adapter(carrier).send(MESSAGE)

    assert type(caught.value) is error
    if isinstance(caught.value, ProviderError):
        assert caught.value.provider_code == str(code)
    assert carrier.ledger.accepted_by_phone() == {}


def test_a_wrong_token_blocks_the_account_and_not_the_lead(run_carrier: RunCarrier) -> None:
    with pytest.raises(AccountBlocked) as caught:
        adapter(run_carrier(), auth_token="wrong").send(MESSAGE)

    assert caught.value.provider_code == "20003"


def test_a_number_that_is_not_ours_blocks_the_account(run_carrier: RunCarrier) -> None:
    with pytest.raises(AccountBlocked):
        adapter(run_carrier()).send(replace(MESSAGE, sender="+12025550177"))


def test_too_many_requests_slow_us_down(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(too_many_requests_rate=1))

    with pytest.raises(Throttled) as caught:
        adapter(carrier).send(MESSAGE)

    assert caught.value.retry_after_s == 1.0
    assert find(adapter(carrier)) is None


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(drop_reply_rate=1),
        Scenario(error_after_accept_rate=1, error_503_rate=0),
        Scenario(error_after_accept_rate=1, error_503_rate=1),
        Scenario(hang_after_accept_rate=1, hang_s=2),
    ],
    ids=["dropped reply", "500", "503", "hang"],
)
def test_a_message_taken_without_an_answer_is_unknown_and_the_log_has_it(
    run_carrier: RunCarrier, scenario: Scenario
) -> None:
    carrier = run_carrier(scenario)
    twilio = adapter(carrier)

    with pytest.raises(OutcomeUnknown):
        twilio.send(MESSAGE)

    (attempt,) = carrier.ledger.attempts()
    found = find(twilio)
    assert found is not None
    assert found.provider_id == attempt.sid


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(drop_request_rate=1),
        Scenario(error_before_accept_rate=1, error_503_rate=0),
        Scenario(error_before_accept_rate=1, error_503_rate=1),
        Scenario(hang_before_accept_rate=1, hang_s=2),
    ],
    ids=["dropped request", "500", "503", "hang"],
)
def test_a_message_not_taken_without_an_answer_is_unknown_and_the_log_lacks_it(
    run_carrier: RunCarrier, scenario: Scenario
) -> None:
    twilio = adapter(run_carrier(scenario))

    with pytest.raises(OutcomeUnknown):
        twilio.send(MESSAGE)

    assert find(twilio) is None


def test_a_port_where_nobody_listens_is_unavailable_and_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = f"http://127.0.0.1:{taken.getsockname()[1]}"
    twilio = to(TwilioCredentials(account_sid="AC1", auth_token="t", base_url=free))

    with pytest.raises(Unavailable) as caught:
        twilio.send(MESSAGE)
    with pytest.raises(Unavailable):
        find(twilio)
    with pytest.raises(Unavailable):
        twilio.fetch("SM1")

    assert caught.value.provider_code == "unreachable"


def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    nowhere = TwilioCredentials(account_sid="AC1", auth_token="t", base_url="http://no.invalid")

    with pytest.raises(Unavailable):
        to(nowhere).send(MESSAGE)


# Answers that no carrier should give, but proxies do -----------------------------


@contextmanager
def answering(
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    seen: list[bytes] | None = None,
) -> Iterator[Twilio]:
    """Give an adapter whose provider answers everything with the same words; bodies are *seen*."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            posted = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if seen is not None:
                seen.append(posted)
            self.send_response_only(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server looks for this name

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        base_url = f"http://127.0.0.1:{server.server_port}"
        yield to(TwilioCredentials(account_sid="AC1", auth_token="t", base_url=base_url))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"),
    [
        (201, b"{}", {}, OutcomeUnknown),
        (201, b"<html>", {}, OutcomeUnknown),
        (200, b'{"sid": "SM1"}', {}, OutcomeUnknown),
        (202, b"", {}, OutcomeUnknown),
        (302, b"", {"Location": "http://127.0.0.1:9/"}, OutcomeUnknown),
        (502, b"<html>Bad gateway</html>", {}, OutcomeUnknown),
        (400, b"not json", {}, Rejected),
        (403, b"", {}, AccountBlocked),
        (404, b'{"code": 20404}', {}, AccountBlocked),
        (429, b"", {"Retry-After": "7"}, Throttled),
        (429, b"", {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, Throttled),
    ],
)
def test_an_answer_that_is_not_twilios_never_counts_as_not_sent(
    status: int, body: bytes, headers: dict[str, str], error: type[Exception]
) -> None:
    with answering(status, body, headers) as twilio, pytest.raises(error) as caught:
        twilio.send(MESSAGE)

    assert type(caught.value) is error
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after_s == (7.0 if headers["Retry-After"] == "7" else 1.0)


@pytest.mark.parametrize(
    ("wait", "date", "seconds"),
    [
        ("0", "", 0.0),
        ("999999999", "", 3600.0),
        ("soon", "", 1.0),
        ("\u00b2", "", 1.0),
        ("-5", "", 1.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", 30.0),
        ("Mon, 23 Nov 2026 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", 3600.0),
        ("Sun, 22 Nov 2026 11:59:00 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", 1.0),
    ],
)
def test_how_long_to_wait_is_told_in_seconds_or_as_a_date(
    wait: str, date: str, seconds: float
) -> None:
    headers = {"Retry-After": wait, **({"Date": date} if date else {})}
    with answering(429, b"", headers) as twilio, pytest.raises(Throttled) as caught:
        twilio.send(MESSAGE)

    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 30034, AccountBlocked),  # our number is not registered
        (400, 21704, AccountBlocked),  # the service has no numbers
        (400, 21703, Rejected),  # it has none for this country
        (403, 20010, AccountBlocked),
        (400, 63033, Rejected),
        (400, 14107, Throttled),
        (400, 20429, Throttled),
        (400, 99999, Rejected),
        (401, 99999, AccountBlocked),
        (403, 21999, Rejected),  # about the message, although we do not know it
        (500, 30034, OutcomeUnknown),
    ],
)
def test_what_a_code_means_is_in_its_table_whatever_the_status(
    status: int, code: int, error: type[Exception]
) -> None:
    body = json.dumps({"code": code, "status": status}).encode()
    with answering(status, body) as twilio, pytest.raises(error) as caught:
        twilio.send(MESSAGE)

    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (200, b"[]"),
        (404, b""),
        (401, b""),
        (429, b""),
        (500, b""),
    ],
)
def test_a_log_that_cannot_be_read_is_never_taken_for_an_empty_one(
    status: int, body: bytes
) -> None:
    with answering(status, body) as twilio, pytest.raises(Unavailable):
        find(twilio)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_of_one_recipient_never_blocks_the_account(status: int) -> None:
    # The lead would stand first in line for ever, before everybody behind it.
    body = json.dumps({"code": 21408, "status": status}).encode()
    with answering(status, body) as twilio, pytest.raises(Rejected) as caught:
        twilio.send(MESSAGE)

    assert caught.value.provider_code == "21408"


def log_of(*entries: tuple[str, datetime, str | None]) -> bytes:
    messages = [
        {"sid": sid, "date_created": format_datetime(at), "body": body, "status": "sent"}
        for sid, at, body in entries
    ]
    return json.dumps({"messages": messages}).encode()


def test_a_log_that_keeps_no_texts_is_never_taken_for_an_empty_one() -> None:
    now = datetime.now(UTC)
    with answering(200, log_of(("SM1", now, ""))) as twilio, pytest.raises(Unavailable):
        find(twilio)

    with answering(200, log_of(("SM1", now - timedelta(hours=1), ""))) as twilio:
        assert find(twilio) is None


def test_a_message_is_found_behind_older_ones_and_behind_a_trial_accounts_words() -> None:
    now = datetime.now(UTC)
    text = f"Sent from your Twilio trial account - {MESSAGE.text}"
    log = log_of(("SM1", now - timedelta(hours=1), MESSAGE.text), ("SM2", now, text))
    with answering(200, log) as twilio:
        found = find(twilio)

    assert found is not None
    assert found.provider_id == "SM2"


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"{}"), (503, b"")])
def test_a_message_that_cannot_be_read_is_unavailable(status: int, body: bytes) -> None:
    with answering(status, body) as twilio, pytest.raises(Unavailable):
        twilio.fetch("SM1")


# The log -----------------------------------------------------------------------


def test_the_log_is_asked_for_this_text_to_this_phone_since_this_time(
    run_carrier: RunCarrier,
) -> None:
    twilio = adapter(run_carrier())
    first = twilio.send(MESSAGE)
    twilio.send(replace(MESSAGE, text="Another text"))
    twilio.send(replace(MESSAGE, recipient="+12025550143"))

    found = find(twilio)

    assert found is not None
    assert found.provider_id == first.provider_id
    assert find(twilio, since=datetime.now(UTC) + timedelta(minutes=1)) is None


def test_a_message_of_ours_that_is_known_is_not_taken_for_the_one_we_look_for(
    run_carrier: RunCarrier,
) -> None:
    twilio = adapter(run_carrier())
    known = frozenset({twilio.send(MESSAGE).provider_id})

    assert find(twilio, known_ids=known) is None


def test_a_message_that_we_do_not_know_may_be_ours_with_its_text_rewritten(
    run_carrier: RunCarrier,
) -> None:
    twilio = adapter(run_carrier())
    twilio.send(replace(MESSAGE, text="Hi https://short.example/1"))

    with pytest.raises(Unavailable):
        find(twilio)


def test_of_two_such_messages_the_newest_is_found(run_carrier: RunCarrier) -> None:
    twilio = adapter(run_carrier())
    sent = [twilio.send(MESSAGE).provider_id for _ in range(2)]

    found = find(twilio)

    assert found is not None
    assert found.provider_id == sent[-1]


def test_a_message_is_fetched_with_its_state_and_reason(run_carrier: RunCarrier) -> None:
    delivered, failed = run_carrier(), run_carrier(Scenario(failure_rates={30003: 1}))

    def fetched(carrier: Carrier) -> tuple[LeadStatus, str | None]:
        sent = adapter(carrier).send(replace(MESSAGE, status_callback=""))
        assert carrier.wait_idle()
        record = adapter(carrier).fetch(sent.provider_id)
        return record.status, record.error_code

    assert fetched(delivered) == (LeadStatus.DELIVERED, None)
    assert fetched(failed) == (LeadStatus.FAILED, "30003")


def test_a_message_that_the_provider_does_not_know_is_not_found(run_carrier: RunCarrier) -> None:
    with pytest.raises(NotFound):
        adapter(run_carrier()).fetch("SM" + "0" * 32)


def test_a_log_with_more_pages_of_new_messages_cannot_tell() -> None:
    now = datetime.now(UTC)
    page = json.loads(log_of(("SM1", now, "Another"), ("SM2", now, "Yet another")))
    more = json.dumps({**page, "next_page_uri": "/2010-04-01/Accounts/AC1/Messages.json?Page=1"})

    with answering(200, more.encode()) as twilio, pytest.raises(Unavailable) as caught:
        find(twilio, known_ids=frozenset({"SM1", "SM2"}))

    assert caught.value.provider_code == "log_unclear"
    with answering(200, more.encode()) as twilio:
        later = now + timedelta(seconds=1)
        assert find(twilio, since=later) is None


def test_a_message_of_a_service_is_found_whichever_number_it_chose(
    run_carrier: RunCarrier,
) -> None:
    carrier = run_carrier()
    carrier.configure_service(SERVICE, (NUMBER,))
    twilio = adapter(carrier)
    by_number = twilio.send(replace(MESSAGE, text="Another text")).provider_id
    sent = twilio.send(replace(MESSAGE, sender=SERVICE)).provider_id

    found = find(twilio, sender=SERVICE)

    assert found is not None
    assert found.provider_id == sent
    assert by_number != sent
    # What the service did not send is no reason for doubt.
    assert find(twilio, sender=SERVICE, known_ids=frozenset({sent})) is None
    assert find(twilio, sender="MG" + "1" * 32) is None


# Secrets and references ----------------------------------------------------------


def test_a_row_reference_survives_the_callbacks_address() -> None:
    """R3: what we put into a callback comes back as the row."""
    row = RowRef("cmp_6g2k#00017", "0123456789abcdef0123456789abcdef#out#stop.SM1")
    ref = CallbackRef(row, "0123456789abcdef")

    assert CallbackRef.parse(ref.token) == ref
    assert CallbackRef.parse(CallbackRef(row).token) == CallbackRef(row)
    assert set(ref.token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("token", ["", "%", "abc", "fg", "YQ", "Y21wX2E", "\u00fc", "a" * 5])
def test_what_is_no_reference_is_invalid(token: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CallbackRef.parse(token)

    assert caught.value.code == "bad_ref"


def test_credentials_come_from_the_secret_with_defaults() -> None:
    secret = json.loads('{"account_sid": "AC1", "auth_token": "t", "base_url": ""}')

    assert TwilioCredentials.from_secret(secret) == TwilioCredentials(
        account_sid="AC1",
        auth_token="t",
        base_url="https://api.twilio.com",
    )


# Webhooks --------------------------------------------------------------------------

REF = CallbackRef(RowRef("cmp_a#00000", "f" * 32), "claim-1")
STATUSES = {
    "accepted": LeadStatus.SUBMITTED,
    "scheduled": LeadStatus.SUBMITTED,
    "queued": LeadStatus.SUBMITTED,
    "sending": LeadStatus.SUBMITTED,
    "sent": LeadStatus.SUBMITTED,
    "delivered": LeadStatus.DELIVERED,
    "read": LeadStatus.DELIVERED,
    "undelivered": LeadStatus.FAILED,
    "failed": LeadStatus.FAILED,
    "canceled": LeadStatus.FAILED,
}


def a_form(**fields: str) -> dict[str, list[str]]:
    defaults = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": PHONE}
    return {name: [value] for name, value in {**defaults, **fields}.items()}


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_every_documented_status_is_one_of_ours(word: str, status: LeadStatus) -> None:
    assert MODULE.receipts(a_form(MessageStatus=word), REF.token, NOON) == [
        Receipt(
            ref=REF.row,
            claim_id="claim-1",
            provider_id="SM1",
            phone=PHONE,
            status=status,
            received_at=NOON,
        )
    ]


def test_an_older_callback_names_sms_where_a_newer_one_names_message() -> None:
    form = {"SmsSid": ["SM1"], "SmsStatus": ["sent"], "To": [PHONE], "ErrorCode": ["30003"]}

    (receipt,) = MODULE.receipts(form, REF.token, NOON)

    assert (receipt.provider_id, receipt.status) == ("SM1", LeadStatus.SUBMITTED)
    assert receipt.error_code == "30003"


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({}, (None, None, "")),
        ({"NumSegments": "3"}, (3, None, "")),
        ({"NumSegments": "0"}, (None, None, "")),
        ({"NumSegments": "9" * 5000}, (None, None, "")),
        ({"Price": "-0.00790", "PriceUnit": "usd"}, (None, 7900, "USD")),
        ({"Price": "0.0000005", "PriceUnit": "USD"}, (None, 0, "USD")),
        ({"Price": "-1.5"}, (None, None, "")),
        ({"Price": "1e999999", "PriceUnit": "USD"}, (None, None, "")),
        ({"Price": "NaN", "PriceUnit": "USD"}, (None, None, "")),
        ({"Price": "", "PriceUnit": "USD"}, (None, None, "")),
    ],
)
def test_parts_and_price_are_read_where_they_are_told(
    fields: dict[str, str], cost: tuple[int | None, int | None, str]
) -> None:
    (receipt,) = MODULE.receipts(a_form(**fields), REF.token, NOON)

    assert (receipt.segments, receipt.cost_micros, receipt.currency) == cost


@pytest.mark.parametrize(
    ("form", "ref", "code"),
    [
        (a_form(MessageStatus="enlightened"), REF.token, "unknown_status"),
        (a_form(MessageStatus=""), REF.token, "unknown_status"),
        ({}, REF.token, "unknown_status"),
        (a_form(), "", "bad_ref"),
        (a_form(), "not-ours", "bad_ref"),
    ],
)
def test_a_callback_that_is_not_documented_says_why(
    form: dict[str, list[str]], ref: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODULE.receipts(form, ref, NOON)

    assert caught.value.code == code


def test_an_inbound_message_is_read_with_its_media() -> None:
    form = {
        "MessageSid": ["MM1"],
        "From": [PHONE],
        "Body": [""],
        "NumMedia": ["2"],
        "MediaUrl0": ["https://api.twilio.com/a"],
        "MediaUrl1": ["https://api.twilio.com/b"],
        "MediaUrl2": ["https://api.twilio.com/not-counted"],
    }

    assert MODULE.replies(form, "snd_a", NOON) == [
        Reply(
            provider="twilio",
            provider_id="MM1",
            sender_id="snd_a",
            phone=PHONE,
            body="",
            received_at=NOON,
            media_urls=("https://api.twilio.com/a", "https://api.twilio.com/b"),
        )
    ]


@pytest.mark.parametrize("count", ["", "0", "-1", "many", "9" * 5000])
def test_a_count_of_media_that_is_none_is_no_media(count: str) -> None:
    form = {"MessageSid": ["SM1"], "From": [PHONE], "NumMedia": [count], "MediaUrl0": ["x"]}

    (reply,) = MODULE.replies(form, "snd_a", NOON)

    assert reply.media_urls == ()


@pytest.mark.parametrize("missing", ["MessageSid", "From"])
def test_an_inbound_message_of_nobody_is_none(missing: str) -> None:
    form = {"MessageSid": ["SM1"], "From": [PHONE], missing: [""]}

    with pytest.raises(InvalidInput) as caught:
        MODULE.replies(form, "snd_a", NOON)

    assert caught.value.code == "bad_inbound"
