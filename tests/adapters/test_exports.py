"""Exports as they are kept: in memory and in DynamoDB, one suite; and the rows they read."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.exports import (
    DynamoExportedMessages,
    DynamoExportJobs,
)
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.items import to_item
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.exports import KEPT_FOR, ExportKind, ExportState, FileFormat, Place
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Receipt, Reply, RowRef
from carillon.ports import ExportJobs
from tests.support.clock import NOON
from tests.support.exporting import ANN, FakeExportJobs, an_export
from tests.support.messages import a_claim
from tests.support.tables import create_tables

PARTITION, KEY = "cmp_1#00000", "0" * 32
MINUTE = timedelta(minutes=1)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def jobs(request: pytest.FixtureRequest) -> ExportJobs:
    if request.param == "memory":
        return FakeExportJobs()
    return DynamoExportJobs(request.getfixturevalue("dynamodb"), "ControlTable")


def a_full_export(**changes: Any) -> Any:
    return an_export(
        kind=ExportKind.CONVERSATIONS,
        format=FileFormat.PARQUET,
        campaign_ids=("cmp_1",),
        start=NOON,
        end=NOON + MINUTE,
        full=False,
        **changes,
    )


def test_an_export_comes_back_as_it_was_kept(jobs: ExportJobs) -> None:
    everything = replace(
        a_full_export(),
        status=ExportState.RUNNING,
        started_at=NOON,
        plan="0a",
        units=7,
        place=Place(3, "k"),
        rows=5,
        pieces=("0b", "0c"),
        object_key="extracts/x",
        size=9,
        finished_at=NOON,
        error_code="c",
        error="e",
    )
    for export in (everything, an_export("exp_b", offices=None)):
        assert jobs.create(export, "d") == export
        assert jobs.get(export.id) == export
    with pytest.raises(NotFound) as absent:
        jobs.get("exp_c")
    assert absent.value.code == "export_not_found"


def test_an_export_is_made_once_by_each_request(jobs: ExportJobs) -> None:
    first = jobs.create(an_export(), "d")
    later = an_export(created_at=NOON + MINUTE)

    assert jobs.create(later, "d") == first
    with pytest.raises(Conflict):
        jobs.create(later, "other")


def test_an_export_advances_from_where_it_was_found(jobs: ExportJobs) -> None:
    start = jobs.create(an_export(), "")
    running = replace(start, status=ExportState.RUNNING, units=3, plan="0a")
    further = replace(running, place=Place(1, "k"), rows=2, pieces=("0b",))

    assert jobs.advance(start, running)
    assert not jobs.advance(start, replace(start, units=9))
    assert jobs.advance(running, further)
    assert not jobs.advance(running, replace(running, place=Place(2)))
    assert not jobs.advance(replace(further, place=Place(1)), replace(further, place=Place(2)))
    assert jobs.get(start.id) == further


def test_exports_are_listed_newest_first_page_by_page(jobs: ExportJobs) -> None:
    for number in range(3):
        jobs.create(an_export(f"exp_{number}", created_at=NOON + number * MINUTE), "")

    first = jobs.page(2, None)
    second = jobs.page(2, first.next)
    behind_the_first = jobs.page(2, first.items[0][1])

    assert [job.id for job, _ in first.items] == ["exp_2", "exp_1"]
    assert [job.id for job, _ in second.items] == ["exp_0"]
    assert [job.id for job, _ in behind_the_first.items] == ["exp_1", "exp_0"]


def test_a_cursor_of_another_listing_is_refused(dynamodb: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        DynamoExportJobs(dynamodb, "ControlTable").page(2, {"pk": "x"})

    assert refused.value.code == "cursor_invalid"


def test_an_export_is_forgotten_by_itself(dynamodb: Any) -> None:
    DynamoExportJobs(dynamodb, "ControlTable").create(an_export(), "")

    (item,) = dynamodb.scan(TableName="ControlTable")["Items"]
    assert int(item["expires_at"]["N"]) == (NOON + KEPT_FOR).timestamp()


def test_a_leads_messages_are_read_as_the_send_path_writes_them(dynamodb: Any) -> None:
    table = DynamoMessages(dynamodb, "MessagesTable")
    initial = a_claim(ref=RowRef(PARTITION, KEY), phone=ANN, variant="A", segments=2)
    step = a_claim(ref=RowRef(PARTITION, f"{KEY}#s1"), phone=ANN, step=1)
    answer = a_claim(ref=RowRef(PARTITION, f"{KEY}#out#stop.SM1"), phone=ANN)
    table.claim(initial)
    table.record_submitted(initial, Accepted("SM0"), NOON)
    receipt = Receipt(
        ref=initial.ref,
        provider_id="SM0",
        status=LeadStatus.DELIVERED,
        received_at=NOON + MINUTE,
        cost_micros=7900,
        currency="USD",
    )
    table.apply_receipt(receipt)
    table.claim(step)
    table.record_failed(step, "30003", NOON + MINUTE)
    reply = Reply(
        provider="twilio",
        provider_id="SM1",
        sender_id="snd_1",
        phone=ANN,
        body="stop",
        received_at=NOON + 2 * MINUTE,
    )
    inbound = RowRef(PARTITION, f"{KEY}#in#SM1")
    table.record_inbound(inbound, reply, keyword="stop", office_id="off_1")
    twin = replace(reply, provider_id="SM2")
    table.record_inbound(
        RowRef(PARTITION, f"{KEY}#in#SM2"), twin, keyword="stop", office_id="off_1"
    )
    table.note_reply(initial.ref, NOON + 2 * MINUTE, opt_out_kind="auto")
    table.claim_answer(answer, purpose="opt_out", text="You are out.")

    found, rest = DynamoExportedMessages(dynamodb, "MessagesTable").page(PARTITION, "")

    assert rest is None
    assert [(one.kind, one.status) for one in found] == [
        ("initial", "delivered"),
        # Its repetition is no message.
        ("reply", "received"),
        ("automatic", "claimed"),
        ("follow_up", "failed"),
    ]
    lead, said, told, follow_up = found
    assert (lead.at, lead.final_at, lead.segments) == (NOON, NOON + MINUTE, 2)
    assert (lead.cost_micros, lead.currency, lead.variant) == (7900, "USD", "A")
    assert (lead.replied_at, lead.opt_out_kind) == (NOON + 2 * MINUTE, "auto")
    assert (said.text, said.keyword, said.at) == ("stop", "stop", NOON + 2 * MINUTE)
    assert told.text == "You are out."
    assert (follow_up.step, follow_up.error_code) == (1, "30003")
    assert {one.phone for one in found} == {ANN}


def test_a_partition_is_read_query_by_query(dynamodb: Any) -> None:
    for number in range(5):
        item = {
            "pk": PARTITION,
            "sk": f"{number:032x}",
            "kind": "lead",
            "status": "delivered",
            "claimed_at": NOON,
        }
        dynamodb.put_item(TableName="MessagesTable", Item=to_item(item))
    messages = DynamoExportedMessages(dynamodb, "MessagesTable", rows=3)

    first, after = messages.page(PARTITION, "")
    second, end = messages.page(PARTITION, after or "")

    assert (len(first), len(second), end) == (3, 2, None)
    assert second[0].sk == f"{3:032x}"


def test_a_row_of_no_version_of_ours_costs_nothing_but_itself(dynamodb: Any) -> None:
    for sk, values in {"a": {"kind": "lead", "status": "x"}, "b": {"kind": "odd"}}.items():
        dynamodb.put_item(
            TableName="MessagesTable", Item=to_item({"pk": PARTITION, "sk": sk, **values})
        )

    assert DynamoExportedMessages(dynamodb, "MessagesTable").page(PARTITION, "") == ([], None)
