"""Each fault does what the scenario says, and the ledger knows what really happened."""

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import infra.local.carrier
from infra.local.carrier import Carrier, Fault, Scenario, load_scenario
from tests.support.carrier_client import PHONE, RunCarrier, phones, send
from tests.support.webhook_receiver import WebhookReceiver

UNANSWERED = (http.client.RemoteDisconnected, ConnectionResetError)
SHIPPED = Path(infra.local.carrier.__file__).with_name("scenarios")


def accepted(carrier: Carrier) -> list[str]:
    return sorted(carrier.ledger.accepted_by_phone())


def only_attempt(carrier: Carrier) -> tuple[bool, str | None, int | None]:
    (attempt,) = carrier.ledger.attempts()
    return attempt.accepted, attempt.fault, attempt.answer_status


def test_a_dropped_request_is_not_accepted(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(drop_request_rate=1))

    with pytest.raises(UNANSWERED):
        send(carrier)

    assert only_attempt(carrier) == (False, "drop_request", None)
    assert accepted(carrier) == []


def test_a_dropped_reply_is_accepted_and_delivered(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(drop_reply_rate=1))

    with pytest.raises(UNANSWERED):
        send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert only_attempt(carrier) == (True, "drop_reply", None)
    assert receiver.statuses() == ["sent", "delivered"]


@pytest.mark.parametrize(("share_of_503", "status", "code"), [(0, 500, 20500), (1, 503, 20503)])
def test_an_error_before_acceptance_sends_nothing(
    run_carrier: RunCarrier, share_of_503: float, status: int, code: int
) -> None:
    carrier = run_carrier(Scenario(error_before_accept_rate=1, error_503_rate=share_of_503))

    reply = send(carrier)

    assert (reply.status, reply.body["code"]) == (status, code)
    assert only_attempt(carrier) == (False, "error_before_accept", status)
    assert accepted(carrier) == []


def test_an_error_after_acceptance_sends_all_the_same(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(error_after_accept_rate=1, error_503_rate=0))

    reply = send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert reply.status == 500
    assert "sid" not in reply.body
    assert only_attempt(carrier) == (True, "error_after_accept", 500)
    assert receiver.statuses() == ["sent", "delivered"]


def test_a_random_429_sends_nothing_and_the_next_request_has_another_fate(
    run_carrier: RunCarrier,
) -> None:
    carrier = run_carrier(Scenario(too_many_requests_rate=0.5))

    replies = [send(carrier).status for _ in range(20)]

    assert set(replies) == {201, 429}
    assert len(carrier.ledger.accepted_by_phone()[PHONE]) == replies.count(201)


def test_a_hang_before_acceptance_sends_nothing_and_ends_unanswered(
    run_carrier: RunCarrier,
) -> None:
    carrier = run_carrier(Scenario(hang_before_accept_rate=1, hang_s=0.2))
    began = time.monotonic()

    with pytest.raises(UNANSWERED):
        send(carrier)

    assert time.monotonic() - began >= 0.2
    assert only_attempt(carrier) == (False, "hang_before_accept", None)


def test_a_hang_after_acceptance_outlasts_the_client_yet_sends(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(hang_after_accept_rate=1, hang_s=0.4))

    with pytest.raises(TimeoutError):
        send(carrier, timeout_s=0.1, StatusCallback=f"{receiver.base_url}/status")
    still_open = not carrier.is_idle()
    carrier.wait_idle()

    assert still_open
    assert only_attempt(carrier) == (True, "hang_after_accept", 201)
    assert receiver.statuses() == ["sent", "delivered"]


def test_a_hang_after_acceptance_is_answered_late_to_a_patient_client(
    run_carrier: RunCarrier,
) -> None:
    carrier = run_carrier(Scenario(hang_after_accept_rate=1, hang_s=0.2))
    began = time.monotonic()

    reply = send(carrier)

    assert reply.status == 201
    assert time.monotonic() - began >= 0.2


def test_receipts_may_be_over_before_the_answer(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    # A long delivery delay shows that overtaking receipts do not wait for it.
    carrier = run_carrier(Scenario(receipts_before_answer_rate=1, delivery_delay_s=(30, 30)))

    reply = send(carrier, StatusCallback=f"{receiver.base_url}/status")
    answered_at = time.time()

    assert (reply.status, reply.body["status"]) == (201, "queued")
    assert receiver.statuses() == ["sent", "delivered"]
    assert all(call.wall_s < answered_at for call in receiver.calls)


def test_receipts_otherwise_follow_the_answer_by_the_delivery_delay(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(delivery_delay_s=(0.2, 0.2)))

    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    answered_at = time.time()
    none_yet = receiver.statuses() == []
    carrier.wait_idle()

    assert none_yet
    assert receiver.calls[-1].wall_s - answered_at >= 0.1


def test_duplicated_receipts_come_twice(run_carrier: RunCarrier, receiver: WebhookReceiver) -> None:
    carrier = run_carrier(Scenario(duplicate_receipt_rate=1))

    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert sorted(receiver.statuses()) == ["delivered", "delivered", "sent", "sent"]
    assert sum(call.duplicate for call in carrier.ledger.webhooks()) == 2


def test_reordered_receipts_report_sent_last(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(reorder_rate=1))

    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert receiver.statuses() == ["delivered", "sent"]
    assert [change.status for change in carrier.ledger.finals().values()] == ["delivered"]


def test_lost_receipts_never_come_and_the_ledger_says_so(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(lost_receipt_rate=1))

    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert receiver.calls == []
    assert [(c.message_status, c.outcome) for c in carrier.ledger.webhooks()] == [
        ("sent", "lost"),
        ("delivered", "lost"),
    ]
    assert [change.status for change in carrier.ledger.finals().values()] == ["delivered"]


def test_sent_receipts_can_be_switched_off(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(sent_receipt=False))

    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert receiver.statuses() == ["delivered"]


def test_a_message_that_failed_was_never_sent(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(failure_rates={30003: 1}, failed_share=1))

    send(carrier, StatusCallback=f"{receiver.base_url}/status")
    carrier.wait_idle()

    assert receiver.statuses() == ["failed"]
    assert receiver.calls[0].form["ErrorCode"] == "30003"


def fates(carrier: Carrier) -> dict[str, tuple[object, ...]]:
    """Send to 60 phones and return what became of each."""
    for phone in phones(60):
        with suppress(*UNANSWERED):
            send(carrier, phone)
    carrier.wait_idle()
    finals = carrier.ledger.finals()
    return {
        one.to: (one.accepted, one.fault, one.code, finals[one.sid].status if one.sid else None)
        for one in carrier.ledger.attempts()
    }


MIXED = Scenario(
    drop_reply_rate=0.2,
    error_before_accept_rate=0.2,
    rejection_rates={21614: 0.2},
    failure_rates={30003: 0.3},
)


def test_a_seed_gives_every_phone_the_same_fate_again(run_carrier: RunCarrier) -> None:
    first, second = fates(run_carrier(MIXED)), fates(run_carrier(MIXED))
    other_seed = fates(run_carrier(replace(MIXED, seed=2)))

    assert first == second
    assert first != other_seed
    assert len(set(first.values())) >= 5


def test_one_more_fault_leaves_the_others_where_they_were(run_carrier: RunCarrier) -> None:
    failing = Scenario(failure_rates={30003: 0.3})

    before = fates(run_carrier(failing))
    after = fates(run_carrier(replace(failing, rejection_rates={21614: 0.2})))

    unmoved = [phone for phone, fate in after.items() if fate[0]]
    assert 0 < len(unmoved) < len(before)
    assert {phone: after[phone] for phone in unmoved} == {phone: before[phone] for phone in unmoved}


def test_the_shipped_faults_have_every_fault_switched_on() -> None:
    scenario = load_scenario(SHIPPED / "faults.json")

    rates = [rate for rate in vars(scenario) if rate.endswith("_rate")]
    assert [rate for rate in rates if getattr(scenario, rate) == 0] == []
    assert set(scenario.request_faults()) == set(Fault)


def test_with_all_faults_at_once_the_ledger_still_adds_up(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    scenario = replace(
        load_scenario(SHIPPED / "faults.json"),
        hang_s=0.2,
        delivery_delay_s=(0, 0.2),
        reply_delay_s=(0, 0.1),
    )
    carrier = run_carrier(scenario)
    answers: dict[str, int] = {}
    lock = threading.Lock()

    def attempt(phone: str) -> None:
        with suppress(*UNANSWERED):
            reply = send(carrier, phone, StatusCallback=f"{receiver.base_url}/status")
            with lock:
                answers[phone] = reply.status

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, phones(400)))
    settled = carrier.wait_idle()

    assert settled
    attempts = carrier.ledger.attempts()
    assert len(attempts) == 400
    assert {one.to: one.answer_status for one in attempts if one.answer_status} == answers
    taken = {one.sid for one in attempts if one.accepted}
    finals = carrier.ledger.finals()
    assert set(finals) == taken
    assert {change.status for change in finals.values()} == {"delivered", "undelivered", "failed"}
    told = {
        call.form["MessageSid"]
        for call in receiver.calls
        if call.form.get("MessageStatus") in ("delivered", "undelivered", "failed")
    }
    lost = {c.sid for c in carrier.ledger.webhooks() if c.outcome == "lost"}
    assert taken - told <= lost
