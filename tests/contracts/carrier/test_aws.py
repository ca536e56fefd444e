"""boto3 drives the carrier as if it were AWS End User Messaging SMS."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.carrier import Carrier, Scenario
from infra.local.carrier.aws_api import FAILURES
from tests.support.carrier_client import PHONE, RunCarrier, phones, request
from tests.support.carrier_dialects import AWS, SIGNED, own_numbers
from tests.support.webhook_receiver import WebhookReceiver

NUMBER = AWS.number
LIST = "Default"


class Sink:
    """Where the local cloud would take the events; it fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self.threads: set[str] = set()
        self._failures = failures

    def __call__(self, event: dict[str, Any]) -> None:
        self.threads.add(threading.current_thread().name)
        if self._failures:
            self._failures -= 1
            raise OSError("the queue is not there")
        self.events.append(event)


@pytest.fixture(scope="module")
def session() -> Any:
    """One session for all tests: it reads the service's model once."""
    return boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )


@pytest.fixture
def carrier(run_carrier: RunCarrier, receiver: WebhookReceiver) -> Carrier:
    return own_numbers(run_carrier(numbers={}), receiver)


@pytest.fixture
def client(session: Any, carrier: Carrier) -> Any:
    return of(session, carrier)


def of(session: Any, carrier: Carrier) -> Any:
    secret = carrier.credentials_of("aws")
    return session.client(
        "pinpoint-sms-voice-v2",
        region_name=secret["region"],
        endpoint_url=secret["endpoint_url"],
        config=Config(retries={"total_max_attempts": 1}, read_timeout=5),
    )


def send(client: Any, to: str = PHONE, **values: Any) -> str:
    order = {
        "DestinationPhoneNumber": to,
        "OriginationIdentity": NUMBER,
        "MessageBody": "Hello",
        "ConfigurationSetName": "local-carrier",
        **values,
    }
    wanted = {name: value for name, value in order.items() if value is not None}
    sent: str = client.send_text_message(**wanted)["MessageId"]
    return sent


def refusal(error: ClientError) -> tuple[str, str | None, int]:
    answer = error.response
    reason = answer.get("Reason") or answer.get("ResourceType")
    return answer["Error"]["Code"], reason, answer["ResponseMetadata"]["HTTPStatusCode"]


# Sending ------------------------------------------------------------------------


def test_a_message_is_sent_and_in_the_ledger(client: Any, carrier: Carrier) -> None:
    sent = send(client, MessageBody="Héllo 👋", Context={"campaign": "c", "our_ref": "a#b~c"})

    (attempt,) = carrier.ledger.attempts()
    assert (attempt.dialect, attempt.sid, attempt.ref) == ("aws", sent, "a#b~c")
    assert (attempt.to, attempt.sender, attempt.body) == (PHONE, NUMBER, "Héllo 👋")
    assert (attempt.accepted, attempt.answer_status) == (True, 200)


def test_a_recipient_without_a_plus_is_the_same_phone(client: Any, carrier: Carrier) -> None:
    send(client, PHONE.removeprefix("+"))

    assert list(carrier.ledger.accepted_by_phone()) == [PHONE]


def test_a_pool_or_nothing_chooses_one_of_the_accounts_numbers(
    client: Any, carrier: Carrier
) -> None:
    carrier.configure_service("pool-1", (NUMBER,))

    send(client, OriginationIdentity="pool-1")
    send(client, OriginationIdentity=None)

    assert [one.sender for one in carrier.ledger.attempts()] == [NUMBER, NUMBER]


VALIDATION = "ValidationException"
CONTEXT_OF_SIX = {f"key{number}": "value" for number in range(6)}


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ({"DestinationPhoneNumber": "+1"}, VALIDATION, "INVALID_PARAMETER"),
        ({"DestinationPhoneNumber": NUMBER}, VALIDATION, "INVALID_PARAMETER"),
        ({"MessageBody": "x" * 1601}, VALIDATION, "FIELD_VALIDATION_FAILED"),
        ({"MessageBody": " "}, VALIDATION, "FIELD_VALIDATION_FAILED"),
        ({"Context": CONTEXT_OF_SIX}, VALIDATION, "FIELD_VALIDATION_FAILED"),
        ({"Context": {"ref": " a"}}, VALIDATION, "FIELD_VALIDATION_FAILED"),
        ({"Context": {"ref": "a" * 801}}, VALIDATION, "FIELD_VALIDATION_FAILED"),
        ({"DryRun": True}, VALIDATION, "INVALID_PARAMETER"),
        ({"OriginationIdentity": "+12025550199"}, "ResourceNotFoundException", "phone-number"),
        ({"ConfigurationSetName": "no"}, "ResourceNotFoundException", "configuration-set"),
    ],
)
def test_a_wrong_request_is_the_services_exception(
    client: Any, carrier: Carrier, values: dict[str, Any], name: str, reason: str
) -> None:
    with pytest.raises(ClientError) as refused:
        send(client, **values)

    assert refusal(refused.value) == (name, reason, 400)
    assert carrier.ledger.accepted_by_phone() == {}


def test_the_sdk_knows_the_exceptions_by_name(client: Any, carrier: Carrier) -> None:
    expected = {
        "ConflictException:DESTINATION_PHONE_NUMBER_OPTED_OUT": "ConflictException",
        "AccessDeniedException:ACCOUNT_DISABLED": "AccessDeniedException",
        "ServiceQuotaExceededException:MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": (
            "ServiceQuotaExceededException"
        ),
        "ThrottlingException": "ThrottlingException",
    }

    for code, name in expected.items():
        carrier.play(Scenario(rejection_rates={code: 1}), dialect="aws")
        with pytest.raises(getattr(client.exceptions, name)):
            send(client)

    assert [one.code for one in carrier.ledger.attempts()] == list(expected)


@pytest.mark.parametrize(
    ("share_of_503", "name", "status"),
    [(0, "InternalServerException", 500), (1, "ServiceUnavailableException", 503)],
)
def test_a_server_error_reaches_the_sdk(
    client: Any, carrier: Carrier, share_of_503: int, name: str, status: int
) -> None:
    carrier.play(Scenario(error_before_accept_rate=1, error_503_rate=share_of_503))

    with pytest.raises(ClientError) as refused:
        send(client)

    assert refusal(refused.value) == (name, None, status)


@pytest.mark.parametrize(
    ("target", "authorization", "name"),
    [
        ("SendTextMessage", "", "MissingAuthenticationTokenException"),
        (
            "SendTextMessage",
            SIGNED.replace("sms-voice", "sqs"),
            "MissingAuthenticationTokenException",
        ),
        (
            "SendTextMessage",
            SIGNED.replace("Signature=0", "Signature="),
            "MissingAuthenticationTokenException",
        ),
        ("DescribeOptedOutNumbers", "", "MissingAuthenticationTokenException"),
        ("SendVoiceMessage", SIGNED, "UnknownOperationException"),
        ("PutOptedOutNumber", SIGNED, "ValidationException"),
        ("SendTextMessage", SIGNED, "ValidationException"),
    ],
)
def test_what_is_not_signed_not_known_or_not_json_is_refused(
    carrier: Carrier, target: str, authorization: str, name: str
) -> None:
    headers = {
        "Authorization": authorization,
        "X-Amz-Target": f"PinpointSMSVoiceV2.{target}",
    }

    reply = request(carrier, "POST", "/", body=[], headers=headers)

    assert (reply.status, reply.body["__type"]) == (400, name)
    assert carrier.ledger.accepted_by_phone() == {}


# Events -------------------------------------------------------------------------


def test_events_are_the_documented_json(
    client: Any, carrier: Carrier, receiver: WebhookReceiver
) -> None:
    sent = send(client, Context={"ref": "a#b~c", "office": "Quay"})
    carrier.wait_idle()

    pending, delivered = (json.loads(call.body) for call in receiver.calls)
    common = {
        "eventVersion": "1.0",
        "originationPhoneNumber": NUMBER,
        "destinationPhoneNumber": PHONE,
        "isInternationalSend": False,
        "isoCountryCode": "US",
        "messageId": sent,
        "messageEncoding": "GSM",
        "messageType": "TRANSACTIONAL",
        "context": {"ref": "a#b~c", "office": "Quay"},
        "totalMessageParts": 1,
        "totalMessagePrice": 0.00581,
        "totalCarrierFee": 0.003,
    }
    for event, kind, final in ((pending, "PENDING", False), (delivered, "DELIVERED", True)):
        reported, asked = event.pop("eventTimestamp"), event.pop("messageRequestTimestamp")
        assert time.time() * 1000 - 10_000 < asked <= reported <= time.time() * 1000
        assert event.pop("messageStatusDescription") != ""
        assert event == {
            **common,
            "eventType": f"TEXT_{kind}",
            "messageStatus": kind,
            "isFinal": final,
        }


def test_a_post_is_a_raw_delivery_of_sns(
    client: Any, carrier: Carrier, receiver: WebhookReceiver
) -> None:
    send(client)
    carrier.wait_idle()

    headers = receiver.calls[0].headers
    assert receiver.calls[0].target == "/events"
    assert headers["x-amz-sns-rawdelivery"] == "true"
    assert headers["x-amz-sns-message-type"] == "Notification"


@pytest.mark.parametrize("failure", sorted({failure.code for failure in FAILURES}))
def test_every_failure_is_a_final_event(
    session: Any, run_carrier: RunCarrier, receiver: WebhookReceiver, failure: str
) -> None:
    carrier = own_numbers(run_carrier(Scenario(failure_rates={failure: 1}), numbers={}), receiver)

    send(of(session, carrier))
    carrier.wait_idle()

    told = json.loads(receiver.calls[-1].body)
    assert (told["eventType"], told["isFinal"]) == (failure, True)
    assert told["messageStatus"] == failure.removeprefix("TEXT_")
    assert [one.error_code for one in carrier.ledger.finals().values()] == [failure]


def test_a_message_without_a_configuration_set_has_no_events(
    client: Any, carrier: Carrier, receiver: WebhookReceiver
) -> None:
    send(client, ConfigurationSetName=None)
    carrier.wait_idle()

    assert receiver.calls == []
    assert [change.status for change in carrier.ledger.finals().values()] == ["delivered"]


def test_an_event_sink_gets_events_and_texts_off_the_carriers_thread(
    session: Any, run_carrier: RunCarrier
) -> None:
    sink = Sink()
    scenario = Scenario(reply_rate=1, reply_texts={"Yes": 1})
    carrier = run_carrier(scenario, numbers={}, event_sink=sink)
    carrier.configure_number(NUMBER, dialect="aws")

    sent = send(of(session, carrier))
    settled = carrier.wait_idle()

    assert settled
    kinds = [event.get("eventType") or event["messageBody"] for event in sink.events]
    assert kinds == ["TEXT_PENDING", "TEXT_DELIVERED", "Yes"]
    (text,) = carrier.ledger.inbound_texts()
    assert sink.events[2] == {
        "originationNumber": PHONE,
        "destinationNumber": NUMBER,
        "messageKeyword": "KEYWORD_000000000000",
        "messageBody": "Yes",
        "inboundMessageId": text.sid,
        "previousPublishedMessageId": sent,
    }
    assert "carrier" not in sink.threads
    calls = [(call.outcome, call.answer_status) for call in carrier.ledger.webhooks()]
    assert calls == [("answered", 200)] * 3


def test_a_sink_that_fails_is_tried_again_and_that_is_noted(
    session: Any, run_carrier: RunCarrier
) -> None:
    sink = Sink(failures=2)
    carrier = run_carrier(Scenario(sent_receipt=False), numbers={}, event_sink=sink)
    carrier.configure_number(NUMBER, dialect="aws")

    send(of(session, carrier))
    carrier.wait_idle()

    assert [event["eventType"] for event in sink.events] == ["TEXT_DELIVERED"]
    assert [(call.outcome, call.error) for call in carrier.ledger.webhooks()] == [
        ("failed", "the event sink failed (OSError)"),
        ("failed", "the event sink failed (OSError)"),
        ("answered", None),
    ]


def test_url_and_sink_get_every_event_both(
    session: Any, run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    sink = Sink()
    carrier = own_numbers(run_carrier(numbers={}), receiver)
    carrier.configure_events(f"{receiver.base_url}/events", sink)

    send(of(session, carrier))
    carrier.wait_idle()

    assert AWS.words(receiver) == ["TEXT_PENDING", "TEXT_DELIVERED"]
    assert sink.events == [json.loads(call.body) for call in receiver.calls]


def test_a_number_may_have_a_url_of_its_own_for_texts(
    carrier: Carrier, receiver: WebhookReceiver
) -> None:
    carrier.configure_events()
    carrier.configure_number(NUMBER, f"{receiver.base_url}/texts", dialect="aws")

    carrier.text(PHONE, NUMBER, "Hello")
    carrier.wait_idle()

    assert [call.target for call in receiver.calls] == ["/texts"]
    assert "previousPublishedMessageId" not in json.loads(receiver.calls[0].body)


def test_the_event_url_is_set_over_http(
    client: Any, carrier: Carrier, receiver: WebhookReceiver
) -> None:
    url = f"{receiver.base_url}/elsewhere"

    wrong = request(carrier, "PUT", "/_carrier/events", body={"url": "x:y"})
    request(carrier, "PUT", "/_carrier/events", body={"url": url})
    send(client)
    carrier.wait_idle()

    assert (wrong.status, wrong.body) == (400, {"error": "'x:y' is not an http or https URL"})
    assert {call.target for call in receiver.calls} == {"/elsewhere"}
    with pytest.raises(ValueError, match="'x:y' is not an http or https URL"):
        carrier.configure_events("x:y")


def test_the_secret_says_who_answers_keywords(carrier: Carrier) -> None:
    ours = carrier.credentials_of("aws")
    carrier.play(Scenario(provider_handles_stop=True), dialect="aws")
    theirs = carrier.credentials_of("aws")

    assert ours == {
        "region": "us-east-1",
        "configuration_set": "local-carrier",
        "opt_out_list": LIST,
        "self_managed_opt_outs": "true",
        "endpoint_url": carrier.base_url,
    }
    assert theirs == {**ours, "self_managed_opt_outs": ""}


# Opt-out list -------------------------------------------------------------------


def test_a_number_on_the_list_is_refused_until_it_is_taken_off(
    client: Any, carrier: Carrier
) -> None:
    put = client.put_opted_out_number(OptOutListName=LIST, OptedOutNumber=PHONE)
    with pytest.raises(client.exceptions.ConflictException) as refused:
        send(client)
    client.delete_opted_out_number(OptOutListName=LIST, OptedOutNumber=PHONE)
    send(client)

    assert (put["OptedOutNumber"], put["EndUserOptedOut"]) == (PHONE, False)
    assert abs(put["OptedOutTimestamp"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert refused.value.response["Reason"] == "DESTINATION_PHONE_NUMBER_OPTED_OUT"
    assert [one.accepted for one in carrier.ledger.attempts()] == [False, True]


def test_a_stop_that_aws_answers_is_on_the_list_and_told_to_nobody(
    session: Any, run_carrier: RunCarrier, receiver: WebhookReceiver
) -> None:
    carrier = own_numbers(run_carrier(Scenario(provider_handles_stop=True), numbers={}), receiver)
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.text(PHONE, NUMBER, "Why me?")
    carrier.wait_idle()

    listed = of(session, carrier).describe_opted_out_numbers(OptOutListName=LIST)

    assert AWS.texts(receiver) == ["Why me?"]
    assert [
        (one["OptedOutNumber"], one["EndUserOptedOut"]) for one in listed["OptedOutNumbers"]
    ] == [(PHONE, True)]
    assert listed["OptOutListName"] == LIST


def test_the_list_is_read_in_pages_and_by_number(client: Any) -> None:
    for phone in phones(5):
        client.put_opted_out_number(OptOutListName=LIST, OptedOutNumber=phone)

    pages = client.get_paginator("describe_opted_out_numbers").paginate(
        OptOutListName=LIST, PaginationConfig={"PageSize": 2}
    )
    shown = [[one["OptedOutNumber"] for one in page["OptedOutNumbers"]] for page in pages]
    one = client.describe_opted_out_numbers(OptOutListName=LIST, OptedOutNumbers=[phones(5)[3]])

    assert shown == [phones(5)[:2], phones(5)[2:4], phones(5)[4:]]
    assert [found["OptedOutNumber"] for found in one["OptedOutNumbers"]] == [phones(5)[3]]


def test_an_absent_number_and_another_list_are_not_found(client: Any) -> None:
    asked: list[tuple[Any, dict[str, Any], str]] = [
        (client.describe_opted_out_numbers, {"OptedOutNumbers": [PHONE]}, "opted-out-number"),
        (client.delete_opted_out_number, {"OptedOutNumber": PHONE}, "opted-out-number"),
        (client.put_opted_out_number, {"OptedOutNumber": PHONE}, "opt-out-list"),
    ]
    for ask, values, kind in asked:
        name = "no" if kind == "opt-out-list" else LIST
        with pytest.raises(client.exceptions.ResourceNotFoundException) as refused:
            ask(OptOutListName=name, **values)
        assert refused.value.response["ResourceType"] == kind
