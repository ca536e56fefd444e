"""What AWS's SMS service publishes reaches one of two queues, or is tried again; none is lost."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.adapters import aws as clients
from carillon.adapters.aws_sms_events import (
    EventKind,
    Inbox,
    Inboxes,
    event_in,
    inbound_envelope,
    receipt_envelope,
)
from carillon.adapters.providers import aws
from carillon.adapters.sqs import SqsQueue
from carillon.domain.campaign import Sender
from carillon.domain.clock import from_iso
from carillon.domain.errors import NotFound
from carillon.domain.lead import LeadStatus
from carillon.domain.message import CallbackRef
from tests.support.clock import NOON, FakeClock
from tests.support.messages import LEAD, PHONE
from tests.support.sending import a_sender
from tests.support.sending_functions import Context, Deployment, deployment

NUMBER = "+12025550100"
REF = CallbackRef(LEAD, "0123456789abcdef")
PUBLISHED = datetime(2026, 3, 2, 12, 0, 0, 123000, tzinfo=UTC)
SENT_MS = "1772452805000"  # five seconds later
EVENT = {
    "eventType": "TEXT_DELIVERED",
    "eventVersion": "1.0",
    "isFinal": True,
    "destinationPhoneNumber": PHONE,
    "messageId": "862a8790",
    "context": {"carillon_ref": REF.token},
}
TWO_WAY = {
    "originationNumber": PHONE,
    "destinationNumber": NUMBER,
    "messageKeyword": "KEYWORD_1",
    "messageBody": "STOP",
    "inboundMessageId": "cae173d2",
    "previousPublishedMessageId": "862a8790",
}


def notified(content: Mapping[str, Any]) -> dict[str, Any]:
    """What SNS makes of a message for a queue."""
    return {
        "Type": "Notification",
        "MessageId": "3b0d8f0e",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:carillon-aws-sms",
        "Message": json.dumps(content),
        "Timestamp": "2026-03-02T12:00:00.123Z",
        "SignatureVersion": "1",
    }


def bridged(content: Mapping[str, Any]) -> dict[str, Any]:
    """What EventBridge makes of an event."""
    return {
        "version": "0",
        "id": "5c0fa4f8",
        "detail-type": "Text Message Delivery Status Updated",
        "source": "aws.sms-voice",
        "account": "111122223333",
        "time": "2026-03-02T12:00:00.123Z",
        "region": "us-east-1",
        "resources": [],
        "detail": content,
    }


def a_record(body: Mapping[str, Any] | str, name: str = "m0") -> dict[str, Any]:
    return {
        "messageId": name,
        "receiptHandle": f"r-{name}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"SentTimestamp": SENT_MS, "ApproximateReceiveCount": "1"},
    }


# Reading -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (notified(EVENT), PUBLISHED),
        (bridged(EVENT), PUBLISHED),
        (EVENT, datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)),
    ],
    ids=["notification", "EventBridge", "raw"],
)
def test_an_event_is_read_from_whatever_it_is_wrapped_in(
    body: Mapping[str, Any], at: datetime
) -> None:
    event = event_in(a_record(body))

    assert (event.kind, event.content, event.received_at) == (EventKind.RECEIPT, EVENT, at)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (EVENT, EventKind.RECEIPT),
        ({**EVENT, "eventType": "MEDIA_PENDING"}, EventKind.RECEIPT),
        ({**EVENT, "eventType": "RCS_READ"}, EventKind.RECEIPT),
        # The consumer says that it does not know it, and counts it.
        ({**EVENT, "eventType": "TEXT_TELEPATHY"}, EventKind.RECEIPT),
        (TWO_WAY, EventKind.INBOUND),
        ({"eventType": "VOICE_COMPLETED"}, EventKind.OTHER),
        ({"registrationDetails": {}}, EventKind.OTHER),
    ],
)
def test_an_event_is_somebodys_business(content: Mapping[str, Any], kind: EventKind) -> None:
    assert event_in(a_record(notified(content))).kind is kind


@pytest.mark.parametrize(
    "body",
    [
        "",
        "STOP",
        "[]",
        "null",
        {**notified(EVENT), "Message": "STOP"},
        {**notified(EVENT), "Message": "7"},
        {**notified(EVENT), "Timestamp": "noon"},
        {**notified(EVENT), "Timestamp": "2026-03-02T12:00:00"},
        {**bridged(EVENT), "detail": None},
    ],
)
def test_what_is_no_event_is_refused(body: Mapping[str, Any] | str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        event_in(a_record(body))


@given(st.text(max_size=40))
def test_no_text_is_taken_for_an_event(body: str) -> None:
    try:
        event = event_in(a_record(body))
    except ValueError:
        return
    assert event.kind is EventKind.OTHER


# What the consumers get ------------------------------------------------------------


def test_a_receipts_envelope_gives_the_consumer_its_receipt() -> None:
    envelope = receipt_envelope(event_in(a_record(notified(EVENT))))

    assert {k: v for k, v in envelope.items() if k != "payload"} == {
        "provider": "aws",
        "sender_id": "",
        "ref": REF.token,
        "received_at": "2026-03-02T12:00:00.123Z",
    }
    (receipt,) = aws.MODULE.receipts(
        envelope["payload"], envelope["ref"], from_iso(envelope["received_at"])
    )
    assert (receipt.ref, receipt.status) == (LEAD, LeadStatus.DELIVERED)
    assert receipt.claim_id == "0123456789abcdef"


@pytest.mark.parametrize("context", [None, {}, "text", {"other": "x"}])
def test_an_event_without_our_key_goes_to_the_consumer_without_reference(context: Any) -> None:
    envelope = receipt_envelope(event_in(a_record(notified({**EVENT, "context": context}))))

    assert envelope["ref"] == ""


@pytest.mark.parametrize("self_managed", [True, False])
def test_a_two_way_message_tells_the_consumer_who_answers_stop(self_managed: bool) -> None:
    event = event_in(a_record(notified(TWO_WAY)))

    envelope = inbound_envelope(event, Inbox("snd_a", self_managed))

    assert {k: v for k, v in envelope.items() if k != "payload"} == {
        "provider": "aws",
        "sender_id": "snd_a",
        "ref": "",
        "received_at": "2026-03-02T12:00:00.123Z",
    }
    (reply,) = aws.MODULE.replies(
        envelope["payload"], envelope["sender_id"], from_iso(envelope["received_at"])
    )
    assert (reply.phone, reply.body, reply.sender_id) == (PHONE, "STOP", "snd_a")
    assert reply.received_at == PUBLISHED
    assert reply.handled_by_provider is not self_managed


# Whose number ----------------------------------------------------------------------


class Senders:
    """The list of senders; counts how often it is read."""

    def __init__(self, *senders: Sender) -> None:
        self.all = list(senders)
        self.reads = 0

    def senders(self) -> Iterator[Sender]:
        self.reads += 1
        yield from self.all


class Vault:
    """Secrets by name."""

    def __init__(self, **secrets: dict[str, str]) -> None:
        self._secrets = secrets

    def read(self, name: str) -> dict[str, str]:
        if name not in self._secrets:
            raise NotFound("The sender's secret is not there.", code="secret_not_found")
        return self._secrets[name]


def of_aws(sender_id: str = "snd_a", phone: str = NUMBER, **changes: Any) -> Sender:
    fields = {"credentials_secret": "kept", **changes}
    return a_sender(sender_id, phone=phone, provider="aws", **fields)


KEPT = {"configuration_set": "carillon", "self_managed_opt_outs": "true"}


def inboxes(*senders: Sender, **secrets: dict[str, str]) -> Inboxes:
    return Inboxes(Senders(*senders), Vault(**(secrets or {"kept": KEPT})), FakeClock().monotonic)


@pytest.mark.parametrize("number", [NUMBER, NUMBER[1:]])
def test_a_number_is_the_senders_that_has_it(number: str) -> None:
    found = inboxes(of_aws("snd_b", "+12025550199"), of_aws("snd_a")).of(number)

    assert found == Inbox("snd_a", self_managed_opt_outs=True)


def test_a_short_code_is_a_number() -> None:
    assert inboxes(of_aws(phone="12345")).of("12345").sender_id == "snd_a"


def test_a_pools_numbers_are_the_senders_that_speaks_through_the_pool() -> None:
    pool = {**KEPT, "numbers": "+12025550171, +12025550172"}

    found = inboxes(of_aws(phone="pool-0123"), kept=pool).of("+12025550172")

    assert found.sender_id == "snd_a"


def test_another_providers_number_is_nobodys_here() -> None:
    with pytest.raises(NotFound) as raised:
        inboxes(a_sender()).of(NUMBER)

    assert raised.value.code == "inbox_not_found"


@pytest.mark.parametrize(
    "secrets", [{"other": KEPT}, {"kept": {}}, {"kept": {**KEPT, "self_managed_opt_outs": "no"}}]
)
def test_a_reply_does_not_wait_for_a_secret(secrets: dict[str, dict[str, str]]) -> None:
    """AWS manages opt-outs unless told otherwise, so that is what counts without a word."""
    assert inboxes(of_aws(), **secrets).of(NUMBER) == Inbox("snd_a", self_managed_opt_outs=False)


def test_of_two_senders_with_one_number_the_active_one_counts_then_the_newest() -> None:
    older, newer = NOON - timedelta(days=9), NOON
    retired = of_aws("snd_retired", status="archived", created_at=newer)
    first, second = of_aws("snd_1", created_at=older), of_aws("snd_2", created_at=newer)

    assert inboxes(retired, first).of(NUMBER).sender_id == "snd_1"
    assert inboxes(second, first).of(NUMBER).sender_id == "snd_2"


def test_the_list_is_read_once_a_minute_and_a_new_sender_is_found_then() -> None:
    directory, clock = Senders(), FakeClock()
    boxes = Inboxes(directory, Vault(kept=KEPT), clock.monotonic)
    for _ in range(2):
        with pytest.raises(NotFound):
            boxes.of(NUMBER)
    directory.all.append(of_aws())

    clock.sleep(60)
    found = boxes.of(NUMBER)

    assert found.sender_id == "snd_a"
    assert directory.reads == 2


# A batch into a queue ----------------------------------------------------------------


class RefusingSqs:
    """Takes everything but what it is told to refuse, as SendMessageBatch answers."""

    def __init__(self, *refused: str) -> None:
        self._refused = refused
        self.calls: list[list[dict[str, Any]]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's names
        assert QueueUrl == "queue"
        self.calls.append(Entries)
        failed = [e for e in Entries if json.loads(e["MessageBody"])["n"] in self._refused]
        return {"Failed": [{"Id": e["Id"], "SenderFault": False, "Code": "x"} for e in failed]}


def test_a_batch_goes_in_calls_of_ten_and_says_what_was_not_taken() -> None:
    sqs = RefusingSqs("3", "22")
    queue = SqsQueue(sqs, "queue", lambda: "cause")

    refused = queue.put_all({f"m{n}": {"n": str(n)} for n in range(23)})

    assert refused == {"m3", "m22"}
    assert [len(call) for call in sqs.calls] == [10, 10, 3]
    assert json.loads(sqs.calls[0][0]["MessageBody"]) == {
        "v": 1,
        "correlation_id": "cause",
        "n": "0",
    }


def test_an_empty_batch_is_no_call() -> None:
    sqs = RefusingSqs()

    assert SqsQueue(sqs, "queue", str).put_all({}) == set()
    assert sqs.calls == []


# The function ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.keep_secret(KEPT)
        made.stores.keep_sender(a_sender(provider="aws"))
        yield made


def pass_on(deployed: Deployment, *bodies: Mapping[str, Any] | str) -> Any:
    records = [a_record(body, f"m{n}") for n, body in enumerate(bodies)]
    return deployed.invoke("aws_sms_events", {"Records": records}, Context())


def test_each_event_of_a_batch_reaches_its_queue_and_only_junk_and_strangers_go_back(
    deployed: Deployment,
) -> None:
    stranger = {**TWO_WAY, "destinationNumber": "+12025550177"}

    answer = pass_on(
        deployed,
        notified(EVENT),
        "STOP",
        notified(TWO_WAY),
        notified(stranger),
        bridged({"eventType": "VOICE_COMPLETED"}),
    )

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m3"}]}
    assert deployed.queued("RECEIPT") == [
        {
            "v": 1,
            "correlation_id": "m0",
            "provider": "aws",
            "sender_id": "",
            "received_at": "2026-03-02T12:00:00.123Z",
            "ref": REF.token,
            "payload": EVENT,
        }
    ]
    assert deployed.queued("INBOUND") == [
        {
            "v": 1,
            "correlation_id": "m2",
            "provider": "aws",
            "sender_id": "snd_a",
            "received_at": "2026-03-02T12:00:00.123Z",
            "ref": "",
            "payload": {**TWO_WAY, "self_managed_opt_outs": True},
        }
    ]


def test_a_full_batch_is_one_call_to_a_queue(deployed: Deployment) -> None:
    answer = pass_on(deployed, *[notified({**EVENT, "messageId": f"id-{n}"}) for n in range(10)])

    assert answer == {"batchItemFailures": []}
    assert {m["payload"]["messageId"] for m in deployed.queued("RECEIPT")} == {
        f"id-{n}" for n in range(10)
    }


def test_what_a_queue_did_not_take_goes_back_alone(deployed: Deployment) -> None:
    def refuse_the_second(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Failed"] = [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]

    events = clients.client("sqs").meta.events
    events.register("after-call.sqs.SendMessageBatch", refuse_the_second)
    try:
        answer = pass_on(deployed, notified(EVENT), "STOP", notified(EVENT), notified(EVENT))
    finally:
        events.unregister("after-call.sqs.SendMessageBatch", refuse_the_second)
        deployed.queued("RECEIPT")

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
