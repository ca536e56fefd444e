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

import pytest
import urllib3

from carillon.adapters.providers.twilio import Twilio, TwilioCredentials
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
from carillon.domain.message import CallbackRef, Outgoing, ProviderRecord, RowRef, text_digest
from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier

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
    return Twilio(credentials, urllib3.PoolManager(), read_timeout_s=READ_TIMEOUT_S)


def find(
    twilio: Twilio,
    *,
    text: str = MESSAGE.text,
    since: datetime | None = None,
    known_ids: frozenset[str] = frozenset(),
) -> ProviderRecord | None:
    return twilio.find(
        sender=NUMBER,
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
    assert attempt.status_callback == MESSAGE.status_callback


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
def answering(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[Twilio]:
    """Give an adapter whose provider answers everything with the same words."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
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


# Secrets and references ----------------------------------------------------------


def test_a_row_reference_survives_the_callbacks_address() -> None:
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
        previous_auth_token="",
        base_url="https://api.twilio.com",
    )
