"""Every fault befalls every dialect alike, and the one ledger tells them apart."""

import http.client
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.local.carrier import Carrier, Scenario, ScenarioError
from infra.local.carrier.aws_api import REFUSALS as AWS_REFUSALS
from infra.local.carrier.dialect import Refusal
from infra.local.carrier.dialects import FAILURES, REFUSALS
from infra.local.carrier.telnyx_api import REFUSALS as TELNYX_REFUSALS
from infra.local.carrier.twilio_api import REFUSALS as TWILIO_REFUSALS
from tests.support.carrier_client import PHONE, Reply, RunCarrier, phones, request
from tests.support.carrier_dialects import (
    AWS,
    DIALECTS,
    REF,
    TELNYX,
    TWILIO,
    Dialect,
    own_numbers,
)
from tests.support.webhook_receiver import WebhookReceiver

UNANSWERED = (http.client.RemoteDisconnected, ConnectionResetError)
Run = Callable[[Scenario], Carrier]

every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@pytest.fixture
def run(run_carrier: RunCarrier, receiver: WebhookReceiver) -> Run:
    """Start carriers that own a number in every dialect and call the receiver."""

    def start(scenario: Scenario) -> Carrier:
        return own_numbers(run_carrier(scenario, numbers={}), receiver)

    return start


def accepted(carrier: Carrier) -> list[str]:
    return [one.dialect for sent in carrier.ledger.accepted_by_phone().values() for one in sent]


@every_dialect
def test_a_message_is_delivered_reported_and_in_the_ledger(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario())

    reply = dialect.ask(carrier, receiver)
    settled = carrier.wait_idle()

    assert settled
    assert dialect.words(receiver) == [dialect.sent, dialect.delivered]
    (attempt,) = carrier.ledger.accepted_by_phone()[PHONE]
    assert (attempt.to, attempt.sender, attempt.body) == (PHONE, dialect.number, "Hello")
    assert (attempt.dialect, attempt.ref, attempt.sid) == (dialect.name, REF, dialect.sid(reply))
    assert (attempt.answer_status, attempt.code) == (reply.status, None)
    assert carrier.ledger.finals()[dialect.sid(reply)].status == "delivered"
    assert carrier.ledger.attempts(dialect=dialect.name) == [attempt]
    assert carrier.ledger.attempts(dialect="another") == []
    assert {call.dialect for call in carrier.ledger.webhooks()} == {dialect.name}


def test_the_ledger_names_each_dialects_account(run: Run, receiver: WebhookReceiver) -> None:
    carrier = run(Scenario())

    for dialect in DIALECTS:
        dialect.ask(carrier, receiver)

    accounts = {one.dialect: one.account for one in carrier.ledger.attempts()}
    assert accounts["twilio"] == carrier.account_sid
    assert accounts["aws"] == "000000000000"
    assert len(set(accounts.values())) == len(DIALECTS)
    assert "KEY-local-carrier" not in accounts.values()


@every_dialect
def test_a_dropped_request_is_not_accepted(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(drop_request_rate=1))

    with pytest.raises(UNANSWERED):
        dialect.ask(carrier, receiver)

    (attempt,) = carrier.ledger.attempts()
    assert (attempt.accepted, attempt.fault, attempt.answer_status) == (False, "drop_request", None)


@every_dialect
def test_a_dropped_reply_is_accepted_and_delivered(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(drop_reply_rate=1))

    with pytest.raises(UNANSWERED):
        dialect.ask(carrier, receiver)
    carrier.wait_idle()

    (attempt,) = carrier.ledger.attempts()
    assert (attempt.accepted, attempt.fault, attempt.answer_status) == (True, "drop_reply", None)
    assert dialect.words(receiver) == [dialect.sent, dialect.delivered]


@every_dialect
def test_a_hang_before_acceptance_sends_nothing(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(hang_before_accept_rate=1, hang_s=0.1))

    with pytest.raises(UNANSWERED):
        dialect.ask(carrier, receiver)

    assert accepted(carrier) == []


@every_dialect
def test_a_hang_after_acceptance_outlasts_the_client_yet_sends(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(hang_after_accept_rate=1, hang_s=0.2))

    with pytest.raises(TimeoutError):
        dialect.ask(carrier, receiver, timeout_s=0.05)
    carrier.wait_idle()

    assert accepted(carrier) == [dialect.name]
    assert dialect.words(receiver) == [dialect.sent, dialect.delivered]


@every_dialect
@pytest.mark.parametrize(("share_of_503", "status"), [(0, 500), (1, 503)])
def test_an_error_before_acceptance_sends_nothing(
    run: Run, receiver: WebhookReceiver, dialect: Dialect, share_of_503: float, status: int
) -> None:
    carrier = run(Scenario(error_before_accept_rate=1, error_503_rate=share_of_503))

    reply = dialect.ask(carrier, receiver)

    assert reply.status == status
    assert dialect.code(reply) == carrier.ledger.attempts()[0].code
    assert accepted(carrier) == []


@every_dialect
def test_an_error_after_acceptance_sends_all_the_same(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(error_after_accept_rate=1, error_503_rate=0))

    reply = dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert reply.status == 500
    assert accepted(carrier) == [dialect.name]
    assert dialect.words(receiver) == [dialect.sent, dialect.delivered]


@every_dialect
def test_too_many_requests_say_so_and_when_to_come_back(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(too_many_requests_rate=1, retry_after_s=1.5))

    reply = dialect.ask(carrier, receiver)

    assert dialect.code(reply) == dialect.too_many
    # AWS throttles with a 400 and names no time.
    expected = (400, None) if dialect is AWS else (429, "2")
    assert (reply.status, reply.headers.get("retry-after")) == expected
    assert accepted(carrier) == []


@every_dialect
def test_a_429_says_nothing_of_coming_back_unless_asked_to(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(too_many_requests_rate=1))

    assert "retry-after" not in dialect.ask(carrier, receiver).headers


def test_each_dialect_has_a_rate_limit_of_its_own(run: Run, receiver: WebhookReceiver) -> None:
    carrier = run(Scenario(messages_per_second=0.01))

    replies = [dialect.ask(carrier, receiver) for dialect in DIALECTS for _ in range(2)]

    assert [reply.status < 300 for reply in replies] == [True, False] * 3


@every_dialect
def test_receipts_may_be_over_before_the_answer(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(receipts_before_answer_rate=1, delivery_delay_s=(30, 30)))

    dialect.ask(carrier, receiver)
    answered_at = time.time()

    assert dialect.words(receiver) == [dialect.sent, dialect.delivered]
    assert all(call.wall_s < answered_at for call in receiver.calls)


@every_dialect
def test_lost_receipts_never_come_and_the_ledger_says_so(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(lost_receipt_rate=1))

    dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert receiver.calls == []
    assert [call.outcome for call in carrier.ledger.webhooks()] == ["lost", "lost"]


@every_dialect
def test_duplicated_receipts_come_twice_and_are_the_same_event(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(duplicate_receipt_rate=1))

    dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert sorted(dialect.words(receiver)) == sorted([dialect.sent, dialect.delivered] * 2)
    assert len({call.body for call in receiver.calls}) == 2


@every_dialect
def test_reordered_receipts_report_the_final_state_first(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(reorder_rate=1))

    dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert dialect.words(receiver) == [dialect.delivered, dialect.sent]


@every_dialect
def test_a_code_of_twilios_fails_a_message_with_the_dialects_own(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(failure_rates={30003: 1}))

    dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert dialect.words(receiver) == [dialect.sent, dialect.undelivered]
    (final,) = carrier.ledger.finals().values()
    assert (final.status, final.error_code) == ("undelivered", dialect.unreachable)


@every_dialect
@pytest.mark.parametrize("code", [20005, 20012, "AccessDeniedException:ACCOUNT_DISABLED"], ids=str)
def test_a_suspended_account_is_refused_whichever_dialects_code_says_so(
    run: Run, receiver: WebhookReceiver, dialect: Dialect, code: int | str
) -> None:
    carrier = run(Scenario(rejection_rates={code: 1}))

    reply = dialect.ask(carrier, receiver)

    assert dialect.code(reply) == dialect.account
    assert [one.code for one in carrier.ledger.attempts()] == [dialect.account]
    assert accepted(carrier) == []


@pytest.mark.parametrize("code", [40300, 40310, 40309], ids=str)
def test_a_dialect_says_its_own_code_as_it_is(
    run: Run, receiver: WebhookReceiver, code: int
) -> None:
    carrier = run(Scenario(rejection_rates={code: 1}))

    assert TELNYX.code(TELNYX.ask(carrier, receiver)) == code


@every_dialect
def test_phones_reply_to_the_number_that_wrote(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(reply_rate=1, reply_texts={"Yes": 1}))

    dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert dialect.texts(receiver) == ["Yes"]
    (text,) = carrier.ledger.inbound_texts()
    assert (text.dialect, text.sender, text.phone) == (dialect.name, dialect.number, PHONE)


@every_dialect
def test_a_stop_is_an_opt_out_that_our_2xx_acknowledges(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(stop_rate=1, stop_texts=("STOP",)))

    dialect.ask(carrier, receiver)
    carrier.wait_idle()

    assert dialect.texts(receiver) == ["STOP"]
    assert carrier.ledger.opt_outs()[PHONE].acknowledged_wall_s is not None


@every_dialect
def test_a_duplicated_text_comes_twice_and_is_one(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(duplicate_inbound_rate=1))

    carrier.text(PHONE, dialect.number, "Hello")
    carrier.wait_idle()

    assert dialect.texts(receiver) == ["Hello", "Hello"]
    assert len({call.body for call in receiver.calls}) == 1


@every_dialect
def test_a_provider_that_handles_stop_refuses_later_messages(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(provider_handles_stop=True))
    carrier.text(PHONE, dialect.number, "STOP")
    carrier.wait_idle()

    blocked = dialect.ask(carrier, receiver)
    carrier.text(PHONE, dialect.number, "START")
    free = dialect.ask(carrier, receiver)

    assert dialect.code(blocked) == dialect.opted_out
    assert free.status < 300
    assert len(carrier.ledger.carrier_texts()) == 2


@every_dialect
def test_a_number_of_another_provider_is_not_ours_there(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario())
    other = next(one.name for one in DIALECTS if one is not dialect)
    carrier.configure_number(dialect.number, dialect=other)

    reply = dialect.ask(carrier, receiver)

    assert reply.status in (400, 404)
    assert accepted(carrier) == []


@every_dialect
def test_a_request_that_does_not_sign_in_is_kept_and_moves_no_fate(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario())
    stranger = {"Authorization": "Bearer no"}
    asked = {
        "twilio": (f"/2010-04-01/Accounts/{carrier.account_sid}/Messages.json", {}),
        "telnyx": ("/v2/messages", {}),
        "aws": ("/", {"X-Amz-Target": "PinpointSMSVoiceV2.SendTextMessage"}),
    }
    path, headers = asked[dialect.name]

    reply = request(carrier, "POST", path, body={"to": PHONE}, headers=stranger | headers)
    dialect.ask(carrier, receiver)

    assert reply.status == (400 if dialect is AWS else 401)
    assert [(one.number, one.accepted) for one in carrier.ledger.attempts()] == [
        (0, False),
        (1, True),
    ]


# One side down ------------------------------------------------------------------


def answers(carrier: Carrier, receiver: WebhookReceiver, to: str = PHONE) -> dict[str, bool]:
    """Ask every dialect and return which of them took the message."""
    return {one.name: one.ask(carrier, receiver, to).status < 300 for one in DIALECTS}


@every_dialect
def test_one_side_is_down_while_the_others_work_until_it_is_played_away(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario())
    all_up = {one.name: True for one in DIALECTS}

    carrier.play(Scenario(error_before_accept_rate=1), dialect=dialect.name)
    during = answers(carrier, receiver)
    carrier.play(None, dialect=dialect.name)
    after = answers(carrier, receiver)

    assert during == {**all_up, dialect.name: False}
    assert after == all_up


def test_a_scenario_holds_settings_for_one_dialect_over_the_common_ones(
    run: Run, receiver: WebhookReceiver
) -> None:
    down = {"rejection_rates": {"20012": 1}}
    carrier = run(Scenario(sent_receipt=False, dialects={"telnyx": down}))

    took = answers(carrier, receiver)
    carrier.wait_idle()

    assert took == {"twilio": True, "telnyx": False, "aws": True}
    # The common setting holds for all.
    assert TWILIO.words(receiver) == ["delivered"]
    assert AWS.words(receiver) == ["TEXT_DELIVERED"]


def test_one_side_is_changed_over_http_and_put_back(run: Run, receiver: WebhookReceiver) -> None:
    carrier = run(Scenario(reply_rate=1, description="replies"))

    def play(settings: dict[str, object]) -> Reply:
        return request(carrier, "PUT", "/_carrier/scenario/telnyx", body=settings)

    changed = play({"drop_reply_rate": 1, "description": "telnyx drops"})
    with pytest.raises(UNANSWERED):
        TELNYX.ask(carrier, receiver)
    put_back = play({})

    assert (changed.body, put_back.body) == (
        {"scenario": "telnyx drops"},
        {"scenario": "replies"},
    )
    assert TELNYX.ask(carrier, receiver).status == 200


def test_a_setting_changed_for_all_reaches_a_dialect_with_settings_of_its_own() -> None:
    scenario = Scenario(dialects={"aws": {"reply_rate": 1, "hang_s": 3}})

    changed = replace(scenario, seed=7, hang_s=1)

    assert (changed.of("aws").seed, changed.of("aws").reply_rate) == (7, 1)
    assert (changed.of("aws").hang_s, changed.of("telnyx").hang_s) == (3, 1)


@pytest.mark.parametrize(
    ("dialects", "sentence"),
    [
        ([], "dialects must be dialects with their settings, not []"),
        ({"sms": {}}, "dialects has the unknown dialect 'sms'"),
        ({"aws": 1}, "the scenario of aws must be a JSON object"),
        ({"aws": {"lost": 1}}, "lost is not a scenario setting"),
        ({"aws": {"dialects": {}}}, "dialects cannot be set for one dialect"),
        ({"aws": {"stop_rate": 2}}, "dialects aws: stop_rate must be a share from 0 to 1, not 2"),
    ],
)
def test_a_mistake_in_one_dialects_settings_is_one_sentence(
    dialects: object, sentence: str
) -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario(dialects=dialects)  # type: ignore[arg-type]  # that is the mistake

    assert str(refused.value) == sentence


def test_an_unknown_dialect_is_one_sentence(carrier: Carrier) -> None:
    sentence = "'sms' is not one of twilio, telnyx, aws"

    with pytest.raises(ScenarioError, match=sentence):
        carrier.play(Scenario(), dialect="sms")
    with pytest.raises(ValueError, match=sentence):
        carrier.configure_number("+12025550101", dialect="sms")
    with pytest.raises(ValueError, match=sentence):
        carrier.credentials_of("sms")
    for call, body in [
        ("PUT /_carrier/scenario/sms", {"stop_rate": 1}),
        ("PUT /_carrier/scenario/sms", {}),
        ("PUT /_carrier/numbers/%2B12025550101", {"dialect": "sms"}),
        ("GET /_carrier/credentials/sms", None),
    ]:
        reply = request(carrier, *call.split(" "), body=body)
        assert (reply.status, reply.body) == (400, {"error": sentence})


def test_a_secrets_fields_are_told_over_http(carrier: Carrier) -> None:
    for dialect in DIALECTS:
        told = request(carrier, "GET", f"/_carrier/credentials/{dialect.name}").body
        assert told == carrier.credentials_of(dialect.name)


@pytest.mark.parametrize(
    "refusals", [TWILIO_REFUSALS, TELNYX_REFUSALS, AWS_REFUSALS], ids=["twilio", "telnyx", "aws"]
)
def test_every_cause_of_a_refusal_has_a_code_in_every_dialect(
    refusals: tuple[Refusal, ...],
) -> None:
    known = {refusal.cause for refusal in refusals}

    assert {refusal.cause for refusal in REFUSALS.values()} <= known


def test_no_two_dialects_share_a_code() -> None:
    tables = (TWILIO_REFUSALS, TELNYX_REFUSALS, AWS_REFUSALS)
    codes = [code for table in tables for code in {refusal.code for refusal in table}]

    assert len(codes) == len(set(codes))
    assert not set(REFUSALS) & set(FAILURES)


@every_dialect
def test_many_phones_have_fates_of_their_own(
    run: Run, receiver: WebhookReceiver, dialect: Dialect
) -> None:
    carrier = run(Scenario(failure_rates={30003: 0.3}, rejection_rates={21614: 0.2}))

    for phone in phones(30):
        dialect.ask(carrier, receiver, phone)
    carrier.wait_idle()

    counted = carrier.ledger.summary()
    assert counted["attempts"] == 30
    assert counted["accepted"] + sum(counted["refused"].values()) == 30
    assert sum(counted["states"].values()) == counted["accepted"]
    assert set(counted["failure_codes"]) == {str(dialect.unreachable)}
