"""Exports as they are composed, over emulated tables, bucket and queue (T7)."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.domain.campaign import CampaignStatus
from carillon.domain.csv_columns import map_columns
from carillon.domain.csv_rows import open_csv, rows
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from functions.export_data import app as export_data
from tests.support.clock import NOON
from tests.support.http_api import HttpApi, http_api
from tests.support.management import OFFICE, OTHER_OFFICE, a_campaign
from tests.support.messages import a_claim
from tests.support.parquet_reader import read_parquet
from tests.support.requests import Answered, signed_in

MANAGER = signed_in(roles=["manager"], offices=[OFFICE])
PHONE = "+12025550142"


@pytest.fixture
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        export_data.build.cache_clear()
        running.keep(a_campaign("cmp_1", status=CampaignStatus.ACTIVE, parts=1, launched_at=NOON))
        claim = a_claim(ref=RowRef("cmp_1#00000", lead_key(PHONE)), phone=PHONE, office_id=OFFICE)
        DynamoMessages(boto3.client("dynamodb"), "MessagesTable").claim(claim)
        running.opt_out(PHONE)
        yield running
        export_data.build.cache_clear()


def ask(api: HttpApi, method: str, path: str, **event: Any) -> Any:
    result: Answered = api.send(method, path, claims=MANAGER, **event)
    assert result.status < 300, result.json
    return result.json


def delivered(api: HttpApi, tries: int = 1) -> dict[str, Any]:
    """Hand over what waits in the queue, as the *tries*-th attempt at it."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
    records = [
        {
            "messageId": str(n),
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(tries)},
        }
        for n, body in enumerate(api.queued("export"))
    ]
    return dict(export_data.lambda_handler({"Records": records}, context))


def file_of(api: HttpApi, kind: str, **more: Any) -> bytes:
    made = ask(api, "POST", "/v1/exports", body={"kind": kind, **more})
    assert (made["status"], made["progress"]) == ("queued", 0.0)
    assert delivered(api) == {"batchItemFailures": []}
    shown = ask(api, "GET", "/v1/exports/{export_id}", ids={"export_id": made["id"]})
    assert (shown["status"], shown["progress"], shown["error"]) == ("done", 100.0, None)
    key = shown["url"].partition("?")[0].partition(".com/")[2]
    body: bytes = boto3.client("s3").get_object(Bucket="files", Key=key)["Body"].read()
    assert shown["size"] == len(body)
    return body


@pytest.mark.parametrize(
    ("kind", "lines"),
    [("messages", 1), ("conversations", 0), ("campaigns", 1), ("opt_outs", 1), ("failed_leads", 0)],
)
def test_a_file_of_every_kind_comes_out(api: HttpApi, kind: str, lines: int) -> None:
    assert file_of(api, kind).decode("utf-8-sig").count("\r\n") == 1 + lines


def test_numbers_come_back_exactly_when_a_file_is_uploaded_again(api: HttpApi) -> None:
    body = file_of(api, "messages")

    opened = open_csv(body)
    columns = map_columns(opened.header, {"phone": "phone"})
    (row,) = rows(iter([body[opened.start.offset :]]), opened.format, opened.start)
    assert row.cells[list(opened.header).index("phone")] == PHONE
    assert columns is not None


def test_a_parquet_file_comes_out(api: HttpApi) -> None:
    (row,) = read_parquet(file_of(api, "messages", format="parquet", campaign_ids=["cmp_1"]))

    assert (row["phone"], row["kind"], row["status"]) == (PHONE, "initial", "claimed")


def test_an_export_is_seen_by_its_offices_alone(api: HttpApi) -> None:
    ask(api, "POST", "/v1/exports", body={"kind": "messages"})
    stranger = signed_in(roles=["manager"], offices=[OTHER_OFFICE])

    assert len(ask(api, "GET", "/v1/exports")["items"]) == 1
    assert api.send("GET", "/v1/exports", claims=stranger).json["items"] == []


def test_an_export_that_was_tried_in_vain_says_so(api: HttpApi) -> None:
    made = ask(api, "POST", "/v1/exports", body={"kind": "messages"})

    failures = delivered(api, tries=5)

    assert failures == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    shown = ask(api, "GET", "/v1/exports/{export_id}", ids={"export_id": made["id"]})
    assert (shown["status"], shown["error_code"], shown["url"]) == (
        "failed",
        "export_stopped",
        None,
    )
    assert shown["error"].endswith("Ask for it again.")


def test_the_queue_is_told_of_the_export_alone(api: HttpApi) -> None:
    made = ask(api, "POST", "/v1/exports", body={"kind": "messages"})

    (body,) = api.queued("export")
    assert json.loads(body).keys() == {"v", "correlation_id", "export_id"}
    assert json.loads(body)["export_id"] == made["id"]
