"""A demo in another process sets the carrier up and judges by it over HTTP."""

from typing import Any

import pytest

from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier, request, send
from tests.support.webhook_receiver import WebhookReceiver


def test_a_number_is_set_up_and_texts_its_webhook(
    carrier: Carrier, receiver: WebhookReceiver
) -> None:
    url = f"{receiver.base_url}/twilio/snd_1/inbound"

    set_up = request(carrier, "PUT", "/_carrier/numbers/%2B12025550101", body={"inbound_url": url})
    texted = request(
        carrier,
        "POST",
        "/_carrier/inbound",
        body={"from": PHONE, "to": "+12025550101", "body": "Hello"},
    )
    carrier.wait_idle()

    assert set_up.status == 200
    assert receiver.calls[0].target == "/twilio/snd_1/inbound"
    assert receiver.texts()[0]["MessageSid"] == texted.body["sid"]


def test_a_number_without_sms_is_refused_with_21606(carrier: Carrier) -> None:
    request(carrier, "PUT", f"/_carrier/numbers/{NUMBER}", body={"sms": False})

    assert send(carrier).body["code"] == 21606


def test_a_service_is_set_up(carrier: Carrier) -> None:
    request(carrier, "PUT", "/_carrier/services/MG1", body={"numbers": [NUMBER]})

    reply = send(carrier, From="", MessagingServiceSid="MG1")

    assert (reply.status, reply.body["status"]) == (201, "accepted")


def test_idle_is_false_until_the_last_webhook_is_delivered(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(delivery_delay_s=(0.2, 0.2)))
    send(carrier)

    under_way = request(carrier, "GET", "/_carrier/idle").body
    carrier.wait_idle()
    settled = request(carrier, "GET", "/_carrier/idle").body

    assert under_way == {"idle": False, "pending": 1, "requests": 0}
    assert settled == {"idle": True, "pending": 0, "requests": 0}


def test_the_views_show_the_ledger(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(stop_rate=1, description="everybody stops", seed=9))
    sid = send(carrier).body["sid"]
    carrier.wait_idle()

    def view(name: str) -> Any:
        return request(carrier, "GET", f"/_carrier/{name}").body

    assert [one["sid"] for one in view("accepted")[PHONE]] == [sid]
    assert view("finals")[sid]["status"] == "delivered"
    assert view("opt-outs")[PHONE]["acknowledged_wall_s"] is not None
    summary = view("summary")
    assert (summary["scenario"], summary["seed"]) == ("everybody stops", 9)
    assert (summary["accepted"], summary["opt_outs"]) == (1, 1)


def test_the_ledger_is_read_by_kind_and_from_a_place_on(carrier: Carrier) -> None:
    send(carrier)
    carrier.wait_idle()

    states = request(carrier, "GET", "/_carrier/ledger?kind=status").body["events"]
    later = request(carrier, "GET", f"/_carrier/ledger?after={states[0]['n']}").body["events"]

    assert [event["status"] for event in states] == ["queued", "sent", "delivered"]
    assert [event["n"] for event in later] == [states[1]["n"], states[2]["n"]]


def test_the_scenario_changes_for_what_comes_next(carrier: Carrier) -> None:
    before = send(carrier).status
    request(carrier, "PUT", "/_carrier/scenario", body={"too_many_requests_rate": 1})

    assert (before, send(carrier).status) == (201, 429)


def test_the_token_is_rotated(carrier: Carrier) -> None:
    former = carrier.credentials["auth_token"]
    request(carrier, "PUT", "/_carrier/account", body={"auth_token": "new"})

    path = f"/2010-04-01/Accounts/{carrier.account_sid}/Messages.json"
    assert request(carrier, "GET", path, token=former).status == 401
    assert request(carrier, "GET", path, token="new").status == 200


def test_a_state_is_reported_out_of_turn(carrier: Carrier, receiver: WebhookReceiver) -> None:
    sid = send(carrier, StatusCallback=f"{receiver.base_url}/s").body["sid"]
    carrier.wait_idle()

    body = {"sid": sid, "status": "undelivered", "error_code": 30008}
    request(carrier, "POST", "/_carrier/receipts", body=body)
    carrier.wait_idle()

    assert receiver.statuses() == ["sent", "delivered", "undelivered"]
    assert receiver.calls[-1].form["ErrorCode"] == "30008"


@pytest.mark.parametrize(
    ("call", "body", "status", "sentence"),
    [
        ("GET /_carrier/nothing", None, 404, "there is no GET /_carrier/nothing"),
        ("DELETE /_carrier/ledger", None, 404, "there is no DELETE /_carrier/ledger"),
        ("GET /_carrier/ledger?after=x", None, 400, "after must be a whole number"),
        ("PUT /_carrier/numbers/123", {}, 400, "'123' is not a number in E.164"),
        ("PUT /_carrier/numbers/%2B12025550101", {"inbound_url": 1}, 400, "inbound_url must"),
        (
            "PUT /_carrier/numbers/%2B12025550101",
            {"inbound_url": "x:y"},
            400,
            "'x:y' is not an http",
        ),
        ("PUT /_carrier/services/MG1", {"numbers": ["+1999"]}, 400, "numbers must be a list"),
        ("PUT /_carrier/scenario", {"lost": 1}, 400, "lost is not a scenario setting"),
        ("PUT /_carrier/account", {}, 400, "auth_token must be a text"),
        ("POST /_carrier/inbound", {"from": PHONE}, 400, "to must be a text"),
        ("POST /_carrier/inbound", ["no object"], 400, "the body must be a JSON object"),
        (
            "POST /_carrier/inbound",
            {"from": PHONE, "to": "+1999", "body": ""},
            400,
            "+1999 is not one of the carrier's numbers",
        ),
        ("POST /_carrier/receipts", {"sid": "SM1", "status": "x"}, 400, "there is no message"),
    ],
)
def test_a_mistake_is_one_sentence(
    carrier: Carrier, call: str, body: object, status: int, sentence: str
) -> None:
    reply = request(carrier, *call.split(" "), body=body)

    assert reply.status == status
    assert reply.body["error"].startswith(sentence)
