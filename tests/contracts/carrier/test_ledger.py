"""The ledger is the truth: complete, append-only, the same in memory, file and over HTTP."""

import hashlib
import json
import threading
import time
from pathlib import Path

import pytest

from infra.local.carrier import Carrier, Ledger, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier, request, send
from tests.support.webhook_receiver import WebhookReceiver

OTHER = "+12025550143"


def test_an_attempt_keeps_what_was_asked_and_what_became_of_it(carrier: Carrier) -> None:
    before = time.time()

    reply = send(carrier, Body="Héllo", StatusCallback="http://127.0.0.1:1/s?ref=a%23b~c&x=1")

    (attempt,) = carrier.ledger.attempts(PHONE)
    assert (attempt.to, attempt.sender, attempt.body) == (PHONE, NUMBER, "Héllo")
    assert attempt.body_sha256 == hashlib.sha256("Héllo".encode()).hexdigest()
    assert (attempt.ref, attempt.number) == ("a#b~c", 1)
    assert attempt.status_callback == "http://127.0.0.1:1/s?ref=a%23b~c&x=1"
    assert (attempt.accepted, attempt.sid, attempt.code) == (True, reply.body["sid"], None)
    assert before <= attempt.arrived_wall_s <= attempt.wall_s <= time.time()


def test_refused_requests_are_kept_with_their_reason(carrier: Carrier) -> None:
    send(carrier, Body="")
    send(carrier, "nobody")
    send(carrier)

    attempts = carrier.ledger.attempts()
    assert [(one.to, one.accepted, one.code) for one in attempts] == [
        (PHONE, False, 21602),
        ("nobody", False, 21211),
        (PHONE, True, None),
    ]
    assert [one.number for one in carrier.ledger.attempts(PHONE)] == [1, 2]


def test_a_request_that_does_not_sign_in_is_kept_and_moves_no_fate(carrier: Carrier) -> None:
    carrier.rotate_token("right")
    path = f"/2010-04-01/Accounts/{carrier.account_sid}/Messages.json"

    request(carrier, "POST", path, form={"To": PHONE, "From": NUMBER, "Body": "x"}, token="wrong")
    send(carrier)

    attempts = carrier.ledger.attempts()
    assert [(one.code, one.number, one.accepted) for one in attempts] == [
        (20003, 0, False),
        (None, 1, True),
    ]


def test_each_phone_has_its_accepted_messages_in_order(carrier: Carrier) -> None:
    send(carrier, PHONE, Body="one")
    send(carrier, OTHER, Body="two")
    send(carrier, PHONE, Body="three")

    accepted = carrier.ledger.accepted_by_phone()
    assert {to: [one.body for one in sent] for to, sent in accepted.items()} == {
        PHONE: ["one", "three"],
        OTHER: ["two"],
    }
    assert carrier.ledger.summary()["phones_accepted_more_than_once"] == 1


def test_sends_after_an_instant_are_those_that_arrived_later(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(answer_delay_s=(0.05, 0.05)))
    send(carrier, Body="before")
    between = time.time()
    send(carrier, Body="after")
    send(carrier, OTHER)

    assert [one.body for one in carrier.ledger.sends_after(PHONE, between)] == ["after"]
    assert carrier.ledger.sends_after(PHONE, time.time()) == []


def test_a_request_under_way_at_that_instant_is_not_a_later_send(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(answer_delay_s=(0.3, 0.3)))
    under_way = threading.Thread(target=send, args=(carrier,))
    under_way.start()
    time.sleep(0.15)
    instant = time.time()
    under_way.join()

    (attempt,) = carrier.ledger.accepted_by_phone()[PHONE]
    assert attempt.arrived_wall_s < instant < attempt.wall_s
    assert carrier.ledger.sends_after(PHONE, instant) == []


def test_an_opt_out_is_known_from_its_first_2xx_on(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    receiver.status = 503
    carrier = run_carrier()
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.wait_idle()
    unheard = carrier.ledger.opt_outs()[PHONE]

    receiver.status = 204
    carrier.text(OTHER, NUMBER, "unsubscribe")
    carrier.wait_idle()
    heard = carrier.ledger.opt_outs()[OTHER]

    assert unheard.first_called_wall_s is not None
    assert unheard.acknowledged_wall_s is None
    assert heard.first_called_wall_s is not None
    assert heard.acknowledged_wall_s is not None
    assert heard.texted_wall_s <= heard.first_called_wall_s <= heard.acknowledged_wall_s
    assert (heard.sender, heard.text) == (NUMBER, "unsubscribe")


def test_a_second_stop_does_not_move_the_first(carrier: Carrier) -> None:
    first = carrier.text(PHONE, NUMBER, "STOP")
    carrier.text(PHONE, NUMBER, "STOP")

    assert carrier.ledger.opt_outs()[PHONE].sid == first


def test_a_stop_after_a_start_is_a_new_opt_out(carrier: Carrier) -> None:
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.text(PHONE, NUMBER, "START")
    again = carrier.text(PHONE, NUMBER, "STOP")

    opt_out = carrier.ledger.opt_outs()[PHONE]
    assert (opt_out.sid, opt_out.revoked_wall_s) == (again, None)


@pytest.mark.parametrize(
    ("body", "keyword"), [("help", "help"), ("Yes", "start"), ("stop it", ""), ("", "")]
)
def test_other_texts_are_no_opt_out(carrier: Carrier, body: str, keyword: str) -> None:
    carrier.text(PHONE, NUMBER, body)

    assert [text.keyword for text in carrier.ledger.inbound_texts()] == [keyword]
    assert carrier.ledger.opt_outs() == {}


def test_the_caller_may_say_that_a_phrase_is_an_opt_out(carrier: Carrier) -> None:
    carrier.text(PHONE, NUMBER, "take me off your list", keyword="stop")

    assert list(carrier.ledger.opt_outs()) == [PHONE]


def test_finals_are_the_last_states_by_sid(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(failure_rates={30005: 1}))
    sid = send(carrier).body["sid"]
    carrier.wait_idle()

    final = carrier.ledger.finals()[sid]
    assert (final.to, final.status, final.error_code) == (PHONE, "undelivered", 30005)
    states = [change.status for change in carrier.ledger.status_changes(sid)]
    assert states == ["queued", "sent", "undelivered"]


def test_the_summary_counts_everything(run_carrier: RunCarrier, receiver: WebhookReceiver) -> None:
    carrier = run_carrier(
        Scenario(stop_rate=1, stop_texts=("STOP",), rejection_rates={21614: 0.5}, seed=5)
    )
    statuses = [
        send(carrier, f"+1415555{i:04d}", StatusCallback=f"{receiver.base_url}/s").status
        for i in range(10)
    ]
    carrier.wait_idle()
    taken, refused = statuses.count(201), statuses.count(400)

    assert min(taken, refused) > 0
    assert carrier.ledger.summary() == {
        "attempts": 10,
        "accepted": taken,
        "phones_accepted": taken,
        "phones_accepted_more_than_once": 0,
        "refused": {"21614": refused},
        "faults": {},
        "states": {"delivered": taken},
        "failure_codes": {},
        "webhooks": {"receipt": {"answered 204": 2 * taken}, "inbound": {"answered 204": taken}},
        "inbound": taken,
        "inbound_keywords": {"stop": taken},
        "carrier_texts": 0,
        "opt_outs": taken,
    }


def test_the_file_and_the_endpoint_hold_the_same_events(
    run_carrier: RunCarrier, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    path = tmp_path / "made" / "ledger.jsonl"
    carrier = run_carrier(Scenario(reply_rate=1), ledger_path=path)
    send(carrier, Body="zwei\nZeilen 👋", StatusCallback=f"{receiver.base_url}/s")
    carrier.wait_idle()

    written = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    served = request(carrier, "GET", "/_carrier/ledger").body["events"]

    assert written == served
    assert [event["n"] for event in written] == list(range(len(written)))
    kinds = [event["kind"] for event in written]
    assert kinds[:2] == ["attempt", "status"]
    assert {*kinds} == {"attempt", "status", "webhook", "inbound"}


def test_the_file_is_appended_to_never_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"kind": "earlier run"}\n')

    with Carrier(numbers={NUMBER: ""}, ledger_path=path) as carrier:
        send(carrier)
        carrier.wait_idle()

    lines = path.read_text().splitlines()
    assert lines[0] == '{"kind": "earlier run"}'
    assert len(lines) > 1


def test_a_ledger_without_events_is_empty_everywhere() -> None:
    ledger = Ledger()

    assert (ledger.events(), ledger.finals(), ledger.opt_outs()) == ([], {}, {})
    assert ledger.sends_after(PHONE, 0) == []
    assert ledger.summary()["accepted"] == 0
