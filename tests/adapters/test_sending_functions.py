"""The send path's functions, composed as in Lambda: batches, partial failures, one write a row."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from carillon.adapters import aws
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.adapters.sqs import SqsQueue
from carillon.domain.audience import encode_part, part_key
from carillon.domain.campaign import CampaignStatus
from carillon.domain.clock import to_iso
from carillon.domain.conversation import Conversation, Section, conversation_id
from carillon.domain.conversation_search import key_asked
from carillon.domain.errors import Throttled
from carillon.domain.ids import lead_key, part_of
from carillon.domain.lead import LeadStatus
from carillon.domain.message import CallbackRef, Receipt, Recipient, RowRef, told_in
from carillon.edge.batches import handle_each
from infra.local.carrier import Carrier, Scenario
from tests.support.assistants import an_entry
from tests.support.clock import NOON
from tests.support.conversations import a_conversation
from tests.support.messages import (
    KEY,
    LEAD,
    PHONE,
    a_claim,
    a_reply,
    a_run,
    a_watch,
    after,
    submit,
)
from tests.support.places import somewhere_in_daytime
from tests.support.second_provider import speak_for_second_provider
from tests.support.sending import a_campaign, a_sender
from tests.support.sending_functions import (
    BASE_URL,
    TOKEN,
    Context,
    Deployment,
    a_batch,
    a_receipt_message,
    an_inbound_message,
    deployment,
)

OTHER = RowRef("cmp_a#00000", "f" * 32)
NUMBER = "+12025550100"
NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}
StartCarrier = Callable[..., Carrier]


@pytest.fixture
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        yield made


@pytest.fixture
def carrier(deployed: Deployment) -> Iterator[StartCarrier]:
    """Start the carrier that the sender's secret points to."""
    with ExitStack() as stack:

        def start(scenario: Scenario | None = None) -> Carrier:
            made = Carrier(scenario, numbers={NUMBER: ""}, account_sid="AC1", auth_token=TOKEN)
            stack.enter_context(made)
            deployed.keep_secret(made.credentials)
            return made

        yield start


@contextmanager
def calls_to_dynamodb(*, failing_for: str = "") -> Iterator[list[str]]:
    """Note each call of the functions to DynamoDB; those naming *failing_for* find no network."""
    seen: list[str] = []

    def note(model: Any, params: Any, **_: Any) -> None:
        seen.append(model.name)
        if failing_for and failing_for in str(params["body"]):
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

    events = aws.client("dynamodb").meta.events
    events.register("before-call.dynamodb", note)
    try:
        yield seen
    finally:
        events.unregister("before-call.dynamodb", note)


def status_of(deployed: Deployment, ref: RowRef = LEAD) -> str | None:
    row = deployed.stores.row(ref) or {}
    return row.get("status")


def failed(*names: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


# Receipts ----------------------------------------------------------------------


def test_sent_and_delivered_of_one_message_in_one_batch_cost_one_write(
    deployed: Deployment,
) -> None:
    submit(deployed.stores.messages, a_claim(), 1)
    batch = a_batch(
        a_receipt_message(LEAD, "sent"),
        a_receipt_message(LEAD, "delivered"),
        a_receipt_message(LEAD, "sent"),
    )

    with calls_to_dynamodb() as calls:
        answer = deployed.invoke("process_receipts", batch)

    assert answer == NOTHING_FAILED
    assert calls == ["UpdateItem"]
    assert status_of(deployed) == "delivered"


def test_sent_after_the_acceptance_was_noted_costs_a_read_and_no_write(
    deployed: Deployment,
) -> None:
    submit(deployed.stores.messages, a_claim(), 1)

    with calls_to_dynamodb() as calls:
        answer = deployed.invoke("process_receipts", a_batch(a_receipt_message(LEAD, "sent")))

    assert answer == NOTHING_FAILED
    assert calls == ["BatchGetItem"]
    assert status_of(deployed) == "submitted"


def test_sent_before_the_acceptance_was_noted_is_recorded(deployed: Deployment) -> None:
    deployed.stores.messages.claim(a_claim())

    deployed.invoke("process_receipts", a_batch(a_receipt_message(LEAD, "sent")))

    assert status_of(deployed) == "submitted"


def test_a_redelivered_batch_changes_nothing(deployed: Deployment) -> None:
    submit(deployed.stores.messages, a_claim(), 1)
    batch = a_batch(a_receipt_message(LEAD, "delivered"))
    deployed.invoke("process_receipts", batch)
    before = deployed.stores.row(LEAD)

    assert deployed.invoke("process_receipts", batch) == NOTHING_FAILED

    assert deployed.stores.row(LEAD) == before


MALFORMED: list[dict[str, Any] | str] = [
    "no json",
    "[]",
    "{}",
    {**a_receipt_message(LEAD, "sent"), "received_at": "yesterday"},
    {**a_receipt_message(LEAD, "sent"), "received_at": None},
    {**a_receipt_message(LEAD, "sent"), "payload": None},
    {**a_receipt_message(LEAD, "sent"), "payload": []},
    {**a_receipt_message(LEAD, "sent"), "ref": None},
]


@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_malformed_message_goes_back_alone(
    deployed: Deployment, malformed: dict[str, Any] | str
) -> None:
    submit(deployed.stores.messages, a_claim(), 1)

    answer = deployed.invoke(
        "process_receipts", a_batch(malformed, a_receipt_message(LEAD, "delivered"))
    )

    assert answer == failed("m0")
    assert status_of(deployed) == "delivered"


@pytest.mark.parametrize(
    "unreadable",
    [
        a_receipt_message(LEAD, "enlightened"),
        a_receipt_message(LEAD, ""),
        {**a_receipt_message(LEAD, "sent"), "ref": "not-ours"},
        {**a_receipt_message(LEAD, "sent"), "ref": ""},
    ],
)
def test_a_signed_callback_that_is_not_ours_is_counted_and_not_retried(
    deployed: Deployment, unreadable: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """R2: what names no message of ours is countable."""
    assert deployed.invoke("process_receipts", a_batch(unreadable)) == NOTHING_FAILED

    assert "receipt_unreadable" in capsys.readouterr().out


def test_a_receipt_without_its_row_is_parked_and_the_sweep_replays_it(
    deployed: Deployment,
) -> None:
    answer = deployed.invoke("process_receipts", a_batch(a_receipt_message(LEAD, "delivered")))
    deployed.invoke("reconcile_messages", {"source": "aws.events"})
    parked_without_row = list(deployed.stores.messages.parked_receipts())
    deployed.stores.messages.claim(a_claim())
    deployed.invoke("reconcile_messages", {"source": "aws.events"})

    assert answer == NOTHING_FAILED
    assert parked_without_row == [
        Receipt(
            ref=LEAD,
            provider_id="SM1",
            status=LeadStatus.DELIVERED,
            received_at=after(9),
            phone=PHONE,
        )
    ]
    assert status_of(deployed) == "delivered"
    assert list(deployed.stores.messages.parked_receipts()) == []


def test_when_one_rows_write_fails_its_messages_alone_go_back(deployed: Deployment) -> None:
    submit(deployed.stores.messages, a_claim(), 1)
    submit(deployed.stores.messages, a_claim("claim-2", OTHER), 1)
    batch = a_batch(
        a_receipt_message(OTHER, "sent"),
        a_receipt_message(LEAD, "delivered"),
        a_receipt_message(OTHER, "delivered"),
    )

    with calls_to_dynamodb(failing_for=OTHER.sk):
        answer = deployed.invoke("process_receipts", batch)

    assert answer == failed("m0", "m2")
    assert (status_of(deployed), status_of(deployed, OTHER)) == ("delivered", "submitted")


def test_a_person_who_has_opted_out_at_the_provider_has_opted_out_here(
    deployed: Deployment,
) -> None:
    submit(deployed.stores.messages, a_claim(), 1)

    deployed.invoke(
        "process_receipts", a_batch(a_receipt_message(LEAD, "failed", ErrorCode="21610"))
    )

    standing = deployed.stores.suppressions.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.source, standing.event_at) == (True, "provider", after(9))
    assert status_of(deployed) == "failed"


def as_before(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as an earlier version of ours enqueued it."""
    kept = {name: message[name] for name in message if name not in ("payload", "provider")}
    return {**kept, "params": message["payload"]}


def test_receipts_of_the_version_before_are_read_beside_those_of_this_one(
    deployed: Deployment,
) -> None:
    submit(deployed.stores.messages, a_claim(), 1)
    submit(deployed.stores.messages, a_claim("claim-2", OTHER), 1)
    batch = a_batch(
        as_before(a_receipt_message(LEAD, "delivered")),
        a_receipt_message(OTHER, "failed", ErrorCode="30003"),
    )

    assert deployed.invoke("process_receipts", batch) == NOTHING_FAILED

    assert (status_of(deployed), status_of(deployed, OTHER)) == ("delivered", "failed")


def test_the_rows_of_a_batch_are_written_eight_at_a_time(deployed: Deployment) -> None:
    rows = [RowRef("cmp_a#00000", f"{number:032x}") for number in range(16)]
    for number, ref in enumerate(rows):
        submit(deployed.stores.messages, a_claim(f"claim-{number}", ref), 1)
    batch = a_batch(*(a_receipt_message(ref, "delivered") for ref in rows))
    eight = threading.Barrier(8)

    def wait_for_the_others(**_: Any) -> None:
        eight.wait(timeout=10)

    events = aws.client("dynamodb").meta.events
    events.register("before-call.dynamodb.UpdateItem", wait_for_the_others)
    try:
        answer = deployed.invoke("process_receipts", batch)
    finally:
        events.unregister("before-call.dynamodb.UpdateItem", wait_for_the_others)

    assert answer == NOTHING_FAILED
    assert {status_of(deployed, ref) for ref in rows} == {"delivered"}


def just_now() -> str:
    """Return when a message came in that the machine's clock finds fresh."""
    return to_iso(datetime.now(UTC))


def from_second_provider(*events: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what provider_webhooks enqueues of another provider's call with *events*."""
    return {
        "v": 1,
        "correlation_id": "request-9",
        "provider": "bird",
        "sender_id": "snd_bird",
        "received_at": "2026-11-22T12:02:00.000Z",
        "ref": "",
        "payload": {"events": list(events)},
        **changes,
    }


def a_report(ref: RowRef, status: str, claim_id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"ref": CallbackRef(ref, claim_id).token, "id": "B1", "status": status, **more}


def test_a_call_of_another_provider_may_bring_several_receipts(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_for_second_provider(monkeypatch)
    submit(deployed.stores.messages, a_claim(), 1)
    submit(deployed.stores.messages, a_claim("claim-2", OTHER), 1)
    batch = a_batch(
        a_receipt_message(LEAD, "sent"),
        from_second_provider(a_report(LEAD, "delivered"), a_report(OTHER, "failed", code="bird:9")),
        from_second_provider(),
    )

    assert deployed.invoke("process_receipts", batch) == NOTHING_FAILED

    assert (status_of(deployed), status_of(deployed, OTHER)) == ("delivered", "failed")
    assert (deployed.stores.row(OTHER) or {})["error_code"] == "bird:9"


def test_a_call_goes_back_when_one_of_its_receipts_could_not_be_written(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_for_second_provider(monkeypatch)
    submit(deployed.stores.messages, a_claim(), 1)
    submit(deployed.stores.messages, a_claim("claim-2", OTHER), 1)
    batch = a_batch(
        from_second_provider(a_report(LEAD, "delivered"), a_report(OTHER, "delivered")),
        a_receipt_message(LEAD, "delivered"),
    )

    with calls_to_dynamodb(failing_for=OTHER.sk):
        answer = deployed.invoke("process_receipts", batch)

    assert answer == failed("m0")
    assert (status_of(deployed), status_of(deployed, OTHER)) == ("delivered", "submitted")


def test_a_payload_that_breaks_its_module_goes_back_alone(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_for_second_provider(monkeypatch)
    submit(deployed.stores.messages, a_claim(), 1)
    batch = a_batch(
        from_second_provider(payload={"events": [[]]}),
        from_second_provider(payload=[]),
        from_second_provider(provider="pigeon"),
        from_second_provider(provider=None),
        from_second_provider(a_report(LEAD, "enlightened")),
        from_second_provider(a_report(LEAD, "delivered")),
    )

    answer = deployed.invoke("process_receipts", batch)

    assert answer == failed("m0", "m1", "m2", "m3")
    assert status_of(deployed) == "delivered"


# Inbound -----------------------------------------------------------------------


def test_inbound_messages_of_the_version_before_are_read_beside_those_of_this_one(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    carrier()
    batch = a_batch(
        as_before(an_inbound_message("before", "SMin1")), an_inbound_message("after", "SMin2")
    )

    assert deployed.invoke("process_inbound", batch) == NOTHING_FAILED

    assert {row["body"] for row in _unsolicited(deployed)} == {"before", "after"}


def test_an_inbound_message_begins_the_conversation_of_the_person_as_the_audience_knows_them(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    carrier()
    run = a_run(parts=1)
    deployed.stores.keep_run(run)
    deployed.stores.keep_campaign(a_campaign(parts=1))
    lead = run.lead_ref(KEY)
    submit(deployed.stores.messages, a_claim(ref=lead), 1)
    ada = Recipient(KEY, PHONE, {"first_name": "Ada", "last_name": "Lovelace"})
    part = encode_part("cmp_a", 0, NOON, [ada])
    deployed.s3.put_object(Bucket="files", Key=part_key("cmp_a", 0), Body=part)
    batch = a_batch(an_inbound_message("who is this?"), an_inbound_message("HELP", "SMin2"))

    for _ in range(2):
        assert deployed.invoke("process_inbound", batch) == NOTHING_FAILED

    book = DynamoConversations(deployed.stores.client, "ConversationsTable")
    kept = book.get(conversation_id(lead))
    assert kept is not None
    assert (kept.first_name, kept.last_name, kept.unread) == ("Ada", "Lovelace", 2)
    assert (kept.campaign_id, kept.section) == ("cmp_a", Section.NEEDS_ATTENTION)
    assert book.search(["off_north"], key_asked("lovelace"), 9, None).items == (kept,)


def test_what_a_contact_asks_is_answered_once_by_the_assistant_and_else_by_a_person(
    deployed: Deployment, carrier: StartCarrier, caplog: pytest.LogCaptureFixture
) -> None:
    carrier()
    run = a_run(parts=1)
    deployed.stores.keep_run(run)
    deployed.stores.keep_campaign(a_campaign(parts=1, operated_by="assistant"))
    DynamoKnowledge(deployed.stores.client, "ControlTable").put(an_entry(campaign_id="cmp_a"))
    lead = run.lead_ref(KEY)
    submit(deployed.stores.messages, a_claim(ref=lead), 1)
    now = to_iso(datetime.now(UTC))
    book = DynamoConversations(deployed.stores.client, "ConversationsTable")

    def ask(body: str, sid: str) -> Conversation:
        inbound = {**an_inbound_message(body, sid), "received_at": now}
        assert deployed.invoke("process_inbound", a_batch(inbound)) == NOTHING_FAILED
        (question,) = deployed.queued("ASSISTANT")
        for _ in range(2):
            assert deployed.invoke("ask_assistant", a_batch(question)) == NOTHING_FAILED
        kept = book.get(conversation_id(lead))
        assert kept is not None
        return kept

    deployed.stores.messages.note_outbound(lead, datetime.now(UTC))
    answered = ask("When are you open?", "SMin1")
    handed_over = ask("My bicycle is broken", "SMin2")

    row = deployed.stores.row(RowRef(lead.pk, f"{KEY}#out#assistant.SMin1")) or {}
    assert (row["text"], row["author"]) == ("We are open from 9 to 5.", "assistant")
    assert answered.section is Section.ASSISTANT_OPERATED
    assert deployed.queued("SEND")[0]["sender_id"] == "snd_a"
    assert deployed.stores.row(RowRef(lead.pk, f"{KEY}#out#assistant.SMin2")) is None
    assert handed_over.section is Section.NEEDS_ATTENTION
    assert handed_over.handed_over_at is not None
    said = [vars(record) for record in caplog.records if record.msg == "assistant_asked"]
    assert [(one["outcome"], one["reason"]) for one in said] == [
        ("replied", ""),
        ("silent", "answered_already"),
        ("handed_over", "not_sure"),
        ("silent", "needs_attention"),
    ]
    assert not any(text in str(said) for text in ("bicycle", "9 to 5", PHONE))


def test_a_question_about_no_conversation_goes_back_to_its_queue(deployed: Deployment) -> None:
    lost = {"conversation_id": conversation_id(LEAD), "inbound_id": "SMin1"}

    assert deployed.invoke("ask_assistant", a_batch(lost)) == failed("m0")


def test_a_question_that_failed_too_often_is_a_persons(deployed: Deployment) -> None:
    book = DynamoConversations(deployed.stores.client, "ConversationsTable")
    # Of a campaign that cannot be read: the assistant fails over it whenever it is asked.
    asked = book.save(
        a_conversation(campaign_id="cmp_gone", operated_by="assistant", awaiting_since=after(1))
    )
    deployed.stores.messages.record_inbound(
        RowRef(LEAD.pk, f"{KEY}#in#SMin1"),
        a_reply("When are you open?", "SMin1"),
        keyword="none",
        office_id="off_north",
    )
    answers = []
    for tries in (1, 3, 4):
        batch = a_batch({"conversation_id": asked.id, "inbound_id": "SMin1"})
        batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(tries)
        answers.append(deployed.invoke("ask_assistant", batch))

    kept = book.get(asked.id)
    assert answers == [failed("m0"), failed("m0"), NOTHING_FAILED]
    assert kept is not None
    assert kept.section is Section.NEEDS_ATTENTION


def test_an_answer_asks_for_its_receipts_at_its_own_senders_provider(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = speak_for_second_provider(monkeypatch)
    deployed.secrets.create_secret(Name="carillon/bird", SecretString='{"key": "k1"}')
    deployed.stores.keep_sender(
        a_sender("snd_bird", provider="bird", credentials_secret="carillon/bird")
    )
    event = {"id": "Bin1", "phone": PHONE, "body": "STOP"}
    message = from_second_provider(event, received_at=just_now())

    answer = deployed.invoke("process_inbound", a_batch(message))

    assert answer == NOTHING_FAILED
    (sent,) = module.opened.sent
    before_ref, _, ref = sent.status_callback.partition("?ref=")
    assert before_ref == f"{BASE_URL}/bird/snd_bird/status"
    assert ref == sent.ref_token


def test_an_opt_out_does_not_wait_for_what_stands_before_it_in_the_same_call(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_for_second_provider(monkeypatch)
    deployed.secrets.create_secret(Name="carillon/bird", SecretString='{"key": "k1"}')
    deployed.stores.keep_sender(
        a_sender("snd_bird", provider="bird", credentials_secret="carillon/bird")
    )
    poisoned = {"id": "Bin1", "phone": "+12025550143", "body": "hello poison"}
    stop = {"id": "Bin2", "phone": PHONE, "body": "STOP"}

    with calls_to_dynamodb(failing_for="hello poison"):
        answer = deployed.invoke("process_inbound", a_batch(from_second_provider(poisoned, stop)))

    assert answer == failed("m0")
    standing = deployed.stores.suppressions.of(PHONE)
    assert standing is not None
    assert standing.opted_out


def test_a_stop_is_committed_noted_and_confirmed_once_however_often_it_is_delivered(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    made = carrier()
    run = a_run()
    deployed.stores.keep_run(run)
    lead = run.lead_ref(KEY)
    submit(deployed.stores.messages, a_claim(ref=lead), 1)
    stop = an_inbound_message("Stop!", received_at=just_now())

    answers = [deployed.invoke("process_inbound", a_batch(stop)) for _ in range(3)]

    assert answers == [NOTHING_FAILED] * 3
    standing = deployed.stores.suppressions.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.cause) == (True, "SMin1")
    row = deployed.stores.row(lead) or {}
    assert (row["opt_out_kind"], row["replied_at"]) == ("auto", stop["received_at"])
    (attempt,) = made.ledger.attempts()
    assert attempt.body.startswith("City Food Bank: You are unsubscribed")
    assert CallbackRef.parse(attempt.ref).row == RowRef(
        lead.pk, f"{KEY}#out#opt_out_confirmation.SMin1"
    )
    (entry,) = deployed.stores.ledger.history(PHONE)
    assert (entry.cause, entry.source) == ("SMin1", "keyword")
    assert entry.circumstances == told_in(lead, wording="Stop!")


def test_a_stop_is_committed_although_its_confirmation_cannot_be_sent_now(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    made = carrier(Scenario(too_many_requests_rate=1))
    stop = an_inbound_message("STOP", received_at=just_now())
    batch = a_batch(stop, an_inbound_message("hello there", "SMin2"))

    answer = deployed.invoke("process_inbound", batch)
    opted_out = deployed.stores.suppressions.of(PHONE)
    made.play(Scenario())
    again = deployed.invoke("process_inbound", a_batch(stop))

    assert (answer, again) == (failed("m0"), NOTHING_FAILED)
    assert opted_out is not None
    assert len(made.ledger.accepted_by_phone()[PHONE]) == 1


def test_a_message_that_must_wait_is_visible_again_when_it_is_due(deployed: Deployment) -> None:
    url = deployed.queue_urls["INBOUND"]
    queue = SqsQueue(deployed.sqs, url, lambda: "cor-1")
    queue.put({"sender_id": "snd_a"})
    (taken,) = deployed.sqs.receive_message(QueueUrl=url, VisibilityTimeout=180)["Messages"]
    told: list[tuple[str, float]] = []

    def come_back(handle: str, after_s: float) -> None:
        told.append((handle, after_s))
        queue.come_back(handle, 0)

    def wait_for_the_provider(_: dict[str, Any]) -> None:
        raise Throttled("not now", retry_after_s=30)

    event = a_batch(taken["Body"])
    event["Records"][0]["receiptHandle"] = taken["ReceiptHandle"]
    answer = handle_each(event, wait_for_the_provider, Context(), come_back=come_back)

    assert answer == failed("m0")
    assert told == [(taken["ReceiptHandle"], 30)]
    assert [message["sender_id"] for message in deployed.queued("INBOUND")] == ["snd_a"]


def test_a_malformed_inbound_message_goes_back_alone_and_an_unreadable_one_does_not(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    carrier()
    unreadable = an_inbound_message("hello", payload={"Body": ["hello"]})
    unknown_sender = an_inbound_message("hello", sender_id="snd_none")
    batch = a_batch("no json", unreadable, unknown_sender, an_inbound_message("hello"))

    answer = deployed.invoke("process_inbound", batch)

    assert answer == failed("m0", "m2")
    (kept,) = _unsolicited(deployed)
    assert (kept["body"], kept["keyword"], kept["office_id"]) == ("hello", "none", "off_north")


def _unsolicited(deployed: Deployment) -> list[dict[str, Any]]:
    items = deployed.stores.client.scan(TableName="MessagesTable")["Items"]
    return [
        {name: next(iter(value.values())) for name, value in item.items()}
        for item in items
        if item["pk"]["S"].startswith("unsolicited#snd_a#")
    ]


# The pacer and the reconciler ----------------------------------------------------


def keep_campaign(deployed: Deployment, phones: list[str], **changes: Any) -> None:
    deployed.stores.keep_campaign(a_campaign(parts=2, total=len(phones), **changes))
    deployed.stores.keep_run(a_run(parts=2))
    for part in range(2):
        recipients = [
            Recipient(
                key=lead_key(phone),
                phone=phone,
                fields={"first_name": "Ada"},
                whereabouts=somewhere_in_daytime(),
            )
            for phone in sorted(phones, key=lead_key)
            if part_of(lead_key(phone), 2) == part
        ]
        body = encode_part("cmp_a", part, NOON, recipients)
        deployed.s3.put_object(Bucket="files", Key=part_key("cmp_a", part), Body=body)


def test_a_woken_pacer_sends_every_lead_once_and_wakes_the_reconciler(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    made = carrier()
    phones = [f"+1202555{number:04d}" for number in range(101, 107)]
    keep_campaign(deployed, phones)
    wake = a_batch({"v": 1, "sender_id": "snd_a"})

    answers = [deployed.invoke("send_messages", wake) for _ in range(2)]

    assert answers == [NOTHING_FAILED] * 2
    assert sorted(made.ledger.accepted_by_phone()) == phones
    assert {attempt.body for attempt in made.ledger.attempts()} == {"Hi Ada"}
    rows = {
        **deployed.stores.messages.rows("cmp_a", 0),
        **deployed.stores.messages.rows("cmp_a", 1),
    }
    assert {row.status for row in rows.values()} == {LeadStatus.SUBMITTED}
    assert deployed.delayed("RECONCILE") == 1
    run = deployed.stores.control.run("snd_a", "cmp_a")
    assert run is not None
    assert run.state == "done"


def test_a_test_campaign_is_sent_to_the_last_lead_and_no_provider_hears_of_it(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    """P3: what a test key makes never reaches a provider."""
    made = carrier()
    phones = [f"+1202555{number:04d}" for number in range(101, 107)]
    keep_campaign(deployed, phones, is_test=True)

    deployed.invoke("send_messages", a_batch({"v": 1, "sender_id": "snd_a"}))

    assert made.ledger.attempts() == []
    rows = {
        **deployed.stores.messages.rows("cmp_a", 0),
        **deployed.stores.messages.rows("cmp_a", 1),
    }
    assert {row.status for row in rows.values()} == {LeadStatus.SUBMITTED}
    assert {(row.provider_id or "")[:8] for row in rows.values()} == {"sandbox_"}


def test_a_pacer_without_time_hands_over_and_the_next_minute_wakes_the_sender(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    carrier()
    keep_campaign(deployed, ["+12025550101"])

    deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}), Context(left_ms=20_000))
    handed_over = deployed.queued("SEND")
    deployed.invoke("send_messages", {"source": "aws.events"})

    assert [message["sender_id"] for message in handed_over] == ["snd_a"]
    assert [message["sender_id"] for message in deployed.queued("SEND")] == ["snd_a"]


def test_a_pacer_of_an_unknown_sender_goes_back_to_the_queue(deployed: Deployment) -> None:
    answer = deployed.invoke("send_messages", a_batch({"sender_id": "snd_none"}))

    assert answer == failed("m0")


def test_a_pacer_whose_secret_lacks_a_field_says_which_and_not_what_it_holds(
    deployed: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployed.keep_secret({"account_sid": "AC1", "auth_tokem": "hunter2"})

    answer = deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}))

    (logged,) = [vars(r) for r in caplog.records if r.getMessage() == "message_failed"]
    assert answer == failed("m0")
    assert (logged["code"], logged["field"]) == ("secret_incomplete", "auth_token")
    assert "hunter2" not in str(logged)


def test_the_reconciler_comes_back_while_leads_are_unsettled(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    carrier()
    keep_campaign(deployed, ["+12025550101"])
    deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}))
    woken = deployed.delayed("RECONCILE")

    deployed.invoke("reconcile_messages", a_batch({"campaign_id": "cmp_a", "round": 0}))

    assert deployed.delayed("RECONCILE") == woken + 1
    assert deployed.queued("RECOUNT") == []


def test_the_minutes_sweep_settles_a_campaign_whose_leads_are_final(
    deployed: Deployment, carrier: StartCarrier
) -> None:
    carrier()
    keep_campaign(deployed, ["+12025550101"])
    deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}))
    lead = a_run(parts=2).lead_ref(lead_key("+12025550101"))
    deployed.invoke("process_receipts", a_batch(a_receipt_message(lead, "delivered")))
    for part in range(2):
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        deployed.stores.control.put(replace(a_watch(part, 0), due_at=long_ago))
    _drop_later_watches(deployed)

    deployed.invoke("reconcile_messages", {"source": "aws.events"})

    assert deployed.stores.control.campaign("cmp_a").status is CampaignStatus.FINISHED
    assert [message["reason"] for message in deployed.queued("RECOUNT")] == ["close"]


def _drop_later_watches(deployed: Deployment) -> None:
    """Leave only the watches of the past: the function's clock is the real one."""
    for watch in deployed.stores.control.due("cmp_a", datetime.now(UTC) + timedelta(minutes=1)):
        if watch.due_at > datetime.now(UTC):
            deployed.stores.control.remove(watch)


def test_a_sender_that_is_refused_is_suspended_counted_and_said(
    deployed: Deployment, carrier: StartCarrier, capsys: pytest.CaptureFixture[str]
) -> None:
    made = carrier(Scenario(rejection_rates={20005: 1}))
    keep_campaign(deployed, [PHONE])

    deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}))

    sender = deployed.stores.control.sender("snd_a")
    assert (sender.status, sender.problem) == ("suspended", "20005")
    assert "sender_suspended" in capsys.readouterr().out
    assert made.ledger.accepted_by_phone() == {}


def test_a_pacer_asks_for_receipts_at_its_own_senders_provider(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = speak_for_second_provider(monkeypatch)
    deployed.secrets.create_secret(Name="carillon/bird", SecretString='{"key": "k1"}')
    keep_campaign(deployed, [PHONE])
    deployed.stores.keep_sender(a_sender(provider="bird", credentials_secret="carillon/bird"))

    deployed.invoke("send_messages", a_batch({"sender_id": "snd_a"}))

    (sent,) = module.opened.sent
    wanted = f"{BASE_URL}/bird/snd_a/status?ref="
    assert sent.status_callback == wanted + sent.ref_token
