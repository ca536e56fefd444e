"""What phones text back, and what a carrier that handles STOP itself does about it."""

import pytest

from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier, phones, send
from tests.support.webhook_receiver import WebhookReceiver


def bodies(carrier: Carrier) -> list[str]:
    return [text.body for text in carrier.ledger.inbound_texts()]


def test_a_phone_replies_to_its_first_message_only(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(reply_rate=1, reply_texts={"Yes": 1}))

    for _ in range(3):
        send(carrier)
        carrier.wait_idle()

    assert [form["Body"] for form in receiver.texts()] == ["Yes"]


def test_a_phone_may_reply_to_every_message(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(reply_rate=1, reply_to_every_message=True))

    for _ in range(3):
        send(carrier)
        carrier.wait_idle()

    assert len(bodies(carrier)) == 3


def test_a_phone_that_got_nothing_does_not_reply(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(reply_rate=1, failure_rates={30003: 1}))

    send(carrier)
    carrier.wait_idle()

    assert bodies(carrier) == []


def test_replies_are_drawn_by_weight(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(reply_rate=1, reply_texts={"often": 9, "seldom": 1}))

    for phone in phones(60):
        send(carrier, phone)
    carrier.wait_idle()

    assert bodies(carrier).count("often") > 3 * bodies(carrier).count("seldom") > 0


def test_a_phone_replies_the_same_however_often_it_was_tried(run_carrier: RunCarrier) -> None:
    scenario = Scenario(reply_rate=0.3, stop_rate=0.3)
    straight, tried_twice = run_carrier(scenario), run_carrier(scenario)

    for phone in phones(30):
        send(straight, phone)
        send(tried_twice, phone, Body="")  # refused: body missing
        send(tried_twice, phone)
    straight.wait_idle()
    tried_twice.wait_idle()

    assert sorted(bodies(straight)) == sorted(bodies(tried_twice))
    assert set(straight.ledger.opt_outs()) == set(tried_twice.ledger.opt_outs())


@pytest.mark.parametrize(
    ("scenario", "text", "keyword"),
    [
        (Scenario(stop_rate=1, stop_texts=("Stop please",)), "Stop please", "stop"),
        (Scenario(help_rate=1, help_texts=("info",)), "info", "help"),
        (Scenario(reply_rate=1, reply_texts={"ok": 1}), "ok", ""),
    ],
)
def test_the_ledger_knows_what_the_phone_meant(
    run_carrier: RunCarrier, scenario: Scenario, text: str, keyword: str
) -> None:
    carrier = run_carrier(scenario)

    send(carrier)
    carrier.wait_idle()

    assert [(one.body, one.keyword) for one in carrier.ledger.inbound_texts()] == [(text, keyword)]


def test_some_who_stopped_start_again(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(stop_rate=1, start_rate=1, start_texts=("START",)))

    send(carrier)
    carrier.wait_idle()

    assert [one.keyword for one in carrier.ledger.inbound_texts()] == ["stop", "start"]
    assert carrier.ledger.opt_outs()[PHONE].revoked_wall_s is not None


def test_a_duplicated_inbound_comes_twice_with_one_sid(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(duplicate_inbound_rate=1))

    carrier.text(PHONE, NUMBER, "Hello")
    carrier.wait_idle()

    assert len(receiver.texts()) == 2
    assert len({form["MessageSid"] for form in receiver.texts()}) == 1
    assert bodies(carrier) == ["Hello"]


def test_a_stop_blocks_later_sends_when_the_carrier_handles_it(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(provider_handles_stop=True))
    carrier.text(PHONE, NUMBER, " stop ")
    carrier.wait_idle()

    reply = send(carrier)

    assert (reply.status, reply.body["code"]) == (400, 21610)
    assert receiver.texts()[0]["OptOutType"] == "STOP"
    assert carrier.ledger.accepted_by_phone() == {}
    confirmation = carrier.ledger.carrier_texts()[0]
    assert (confirmation.to, confirmation.sender) == (PHONE, NUMBER)


def test_a_start_lifts_the_carriers_block(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(provider_handles_stop=True))
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.text(PHONE, NUMBER, "START")
    carrier.wait_idle()

    assert send(carrier).status == 201
    assert sorted(form["OptOutType"] for form in receiver.texts()) == ["START", "STOP"]


def test_the_carrier_takes_whole_keywords_only(
    run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = run_carrier(Scenario(provider_handles_stop=True))
    carrier.text(PHONE, NUMBER, "please stop")
    carrier.wait_idle()

    assert send(carrier).status == 201
    assert "OptOutType" not in receiver.texts()[0]


def test_a_carrier_that_leaves_stop_to_us_goes_on_sending(carrier: Carrier) -> None:
    carrier.text(PHONE, NUMBER, "STOP")

    assert send(carrier).status == 201
    assert carrier.ledger.carrier_texts() == []
