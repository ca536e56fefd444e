"""From an uploaded CSV to woken senders: the three functions composed as in Lambda."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters import aws
from carillon.adapters.audiences import S3Audiences
from carillon.adapters.dynamodb import entities, schema
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.objects import S3Objects
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import ImportStatus
from carillon.edge.batches import MOST_TRIES
from tests.support.sending import a_campaign, a_sender
from tests.support.tables import create_tables

FOLDERS = ("import_contacts", "plan_audience", "start_due_campaigns")
QUEUES = ("import", "plan", "send")
CSV = (
    "Vorname;Nachname;Handy;Stadt\r\n"
    "Zoë;Lee;(415) 555-0100;Köln\r\n"
    "Bob;Ray;415-555-0101;\r\n"
    "Dan;Fox;+1 415 555 0100;Bonn\r\n"
    "Eve;Sun;call me;Ulm\r\n"
).encode("cp1252")


class Context:
    """What Lambda tells a handler."""

    aws_request_id = "req-1"
    function_name = "contacts"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Deployment:
    """The functions, their tables, bucket and queues."""

    def __init__(self, sqs: Any, queue_urls: dict[str, str]) -> None:
        self.sqs = sqs
        self.queue_urls = queue_urls
        self.files = S3Objects(boto3.client("s3"), "files")
        self.directory = DynamoDirectory(boto3.client("dynamodb"), "ControlTable")
        self.lists = entities.ListTable()
        self.campaigns = entities.CampaignTable()

    def deliver(self, folder: str, message: dict[str, Any], tries: int = 1) -> Any:
        record = {
            "messageId": "m-1",
            "attributes": {"ApproximateReceiveCount": str(tries)},
            "eventSource": "aws:sqs",
            "body": json.dumps({"v": 1, "correlation_id": "req-0", **message}),
        }
        return self.invoke(folder, {"Records": [record]})

    def invoke(self, folder: str, event: dict[str, Any]) -> Any:
        return import_module(f"functions.{folder}.app").lambda_handler(event, Context())

    def queued(self, name: str) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queue_urls[name], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def keep_import(self, body: bytes | None = CSV) -> None:
        """Keep a list and a queued import, as management does, and upload *body*."""
        moment = datetime.now(UTC)
        self.lists.create(
            ListRecord(
                id="lst_a",
                name="Friends",
                office_id="off_a",
                default_country="US",
                created_at=moment,
                created_by="usr_a",
            ),
            "digest",
        )
        self.lists.create_import(
            ImportRecord(
                id="imp_a",
                list_id="lst_a",
                status=ImportStatus.QUEUED,
                object_key="uploads/lst_a/imp_a.csv",
                created_at=moment,
                created_by="usr_a",
            ),
            "digest",
        )
        if body is not None:
            self.files.put("uploads/lst_a/imp_a.csv", body, content_type="text/csv")

    def keep_campaign(self, **changes: Any) -> Campaign:
        entities.SenderTable().create(a_sender(), "digest")
        fresh = {"parts": 0, "planned_parts": 0, "total": 0}
        return self.campaigns.create(a_campaign("cmp_a", **{**fresh, **changes}), "digest")


def _forget_compositions() -> None:
    aws.client.cache_clear()
    for name in FOLDERS:
        import_module(f"functions.{name}.app").build.cache_clear()


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "CONTROL_TABLE": "ControlTable",
        "CONTACTS_TABLE": "ContactsTable",
        "SUPPRESSIONS_TABLE": "SuppressionsTable",
        "FILES_BUCKET": "files",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        sqs = boto3.client("sqs")
        urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
        for name, url in urls.items():
            monkeypatch.setenv(f"{name.upper()}_QUEUE_URL", url)
        create_tables(boto3.client("dynamodb"))
        boto3.client("s3").create_bucket(Bucket="files")
        entities.connect("ControlTable")
        _forget_compositions()
        yield Deployment(sqs, urls)
        _forget_compositions()


def test_an_uploaded_file_is_imported_as_its_owner_sees_it(deployed: Deployment) -> None:
    deployed.keep_import()

    answer = deployed.deliver("import_contacts", {"list_id": "lst_a", "import_id": "imp_a"})

    assert answer == {"batchItemFailures": []}
    seen = deployed.lists.get_import("lst_a", "imp_a")
    assert seen.status is ImportStatus.DONE
    assert (seen.rows, seen.created, seen.duplicate, seen.invalid, seen.suppressed) == (
        4,
        2,
        1,
        1,
        0,
    )
    assert seen.mapping == {"phone": "handy", "first_name": "vorname", "last_name": "nachname"}
    assert deployed.lists.get("lst_a").contacts == 2
    assert seen.rejected_key is not None
    assert deployed.files.get(seen.rejected_key).decode("utf-8-sig").splitlines() == [
        "line,reason,Vorname,Nachname,Handy,Stadt",
        "4,duplicate,Dan,Fox,'+1 415 555 0100,Bonn",
        "5,phone_unparsable,Eve,Sun,call me,Ulm",
    ]


def test_a_file_that_never_came_is_told_to_its_owner(deployed: Deployment) -> None:
    deployed.keep_import(body=None)

    deployed.deliver("import_contacts", {"list_id": "lst_a", "import_id": "imp_a"})

    seen = deployed.lists.get_import("lst_a", "imp_a")
    assert (seen.status, seen.error) == (ImportStatus.FAILED, "The file was not uploaded.")


def test_the_last_try_of_an_import_is_not_worked_but_noted_as_its_end(
    deployed: Deployment,
) -> None:
    """C2: it fails with a reason, is seen in the dead-letter queue, and can be started again."""
    deployed.keep_import()

    answer = deployed.deliver(
        "import_contacts", {"list_id": "lst_a", "import_id": "imp_a"}, tries=MOST_TRIES
    )

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    seen = deployed.lists.get_import("lst_a", "imp_a")
    assert (seen.status, seen.error_code) == (ImportStatus.FAILED, "import_stopped")
    assert seen.rows == 0


def test_a_due_campaign_becomes_active_with_an_audience_that_the_pacer_reads(
    deployed: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployed.keep_import()
    deployed.deliver("import_contacts", {"list_id": "lst_a", "import_id": "imp_a"})
    deployed.keep_campaign(
        status=CampaignStatus.SCHEDULED, schedule_at=datetime.now(UTC) - timedelta(seconds=30)
    )

    counts = deployed.invoke("start_due_campaigns", {})
    assert counts == {"launched": 1, "held": 0, "replanned": 0}
    (message,) = deployed.queued("plan")
    assert message["correlation_id"] == "req-1"
    assert deployed.deliver("plan_audience", message) == {"batchItemFailures": []}

    campaign = deployed.campaigns.get("cmp_a")
    assert (campaign.status, campaign.parts, campaign.total) == (CampaignStatus.ACTIVE, 1, 2)
    assert [one["sender_id"] for one in deployed.queued("send")] == ["snd_a"]
    (run,) = deployed.directory.runs("snd_a")
    assert (run.campaign_id, run.parts, run.next_part, run.state) == ("cmp_a", 1, 0, "open")
    people = S3Audiences(deployed.files).part("cmp_a", 0)
    assert {one.phone: one.fields for one in people} == {
        "+14155550100": {"first_name": "Zoë", "last_name": "Lee", "stadt": "Köln"},
        "+14155550101": {"first_name": "Bob", "last_name": "Ray"},
    }
    events = [record.getMessage() for record in caplog.records]
    assert events == ["import_advanced", "due_campaigns_started", "audience_planned"]
    written = " ".join(str(vars(record)) for record in caplog.records)
    assert not any(secret in written for secret in ("15555", "555-01", "Zoë", "Köln"))


def test_only_the_message_of_an_unknown_import_goes_back_to_the_queue(
    deployed: Deployment,
) -> None:
    answer = deployed.deliver("import_contacts", {"list_id": "lst_zzz", "import_id": "imp_zzz"})

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_the_contacts_of_a_list_stand_in_its_shards(deployed: Deployment) -> None:
    deployed.keep_import()
    deployed.deliver("import_contacts", {"list_id": "lst_a", "import_id": "imp_a"})

    page = boto3.client("dynamodb").query(
        TableName="ContactsTable",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": schema.shard_pk("lst_a", 0)}},
    )

    assert {item["phone"]["S"] for item in page["Items"]} == {"+14155550100", "+14155550101"}
