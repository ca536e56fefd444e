"""A person's requests over the real functions: asked for, carried out, fetched (C6)."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb.contacts import DynamoContacts
from carillon.domain.campaign import CampaignStatus
from functions.answer_people import app as answer_people
from tests.support.contacts import a_contact
from tests.support.http_api import HttpApi, http_api
from tests.support.management import a_campaign, a_contact_list, an_office
from tests.support.messages import PHONE
from tests.support.requests import signed_in

ADMIN = signed_in(roles=["admin"])
PATH = "/v1/contacts/{phone}"


@pytest.fixture
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        answer_people.build.cache_clear()
        campaign = a_campaign("cmp_a", parts=1, status=CampaignStatus.ACTIVE)
        running.keep(an_office(), a_contact_list(shards=1, contacts=1), campaign)
        running.keep_audience("cmp_a", PHONE)
        running.opt_out(PHONE)
        person = a_contact(1, phone=PHONE, first_name="Ada", fields={"shoe size": "38"})
        DynamoContacts(boto3.client("dynamodb"), "ContactsTable").add("lst_1", 1, [person])
        yield running
        answer_people.build.cache_clear()


def ask(api: HttpApi, action: str, **event: Any) -> Any:
    ids = {"phone": PHONE.lstrip("+")}
    result = api.send("POST", f"{PATH}/{action}", claims=ADMIN, ids=ids, **event)
    assert result.status == 202, result.json
    return result.json


def shown(api: HttpApi, request_id: str) -> Any:
    ids = {"request_id": request_id}
    return api.send("GET", "/v1/contacts/requests/{request_id}", claims=ADMIN, ids=ids).json


def deliver(body: str) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000)
    records = [{"messageId": "1", "body": body}]
    assert answer_people.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}


def test_an_export_holds_what_is_kept_and_comes_by_a_link(api: HttpApi) -> None:
    """C6: what is kept of a person is given out as JSON."""
    asked = ask(api, "export")
    assert asked["status"] == "running"
    (body,) = api.queued("person")

    deliver(body)

    done = shown(api, asked["id"])
    key = done["url"].partition("?")[0].partition(".com/")[2]
    stored = boto3.client("s3").get_object(Bucket="files", Key=key)["Body"].read()
    document = json.loads(stored)
    kinds = [record["kind"] for record in document["records"]]
    assert (done["status"], document["phone"]) == ("done", PHONE)
    assert kinds == ["contact", "lead", "consent"]
    contact, lead, consent = document["records"]
    assert contact["fields"] == {"shoe size": "38"}
    assert (lead["campaign_id"], lead["status"]) == ("cmp_a", "claimed")
    assert (consent["source"], consent["opted_out"]) == ("manager", True)


def a_quarter_of_an_hour_passes(request_id: str) -> None:
    """Let what the request waits for be over (the functions read the machine's own clock)."""
    key = {"pk": {"S": f"PRS#{request_id}"}, "sk": {"S": "PRS"}}
    boto3.client("dynamodb").update_item(
        TableName="ControlTable",
        Key=key,
        UpdateExpression="SET not_before = :past",
        ConditionExpression="not_before > :past",
        ExpressionAttributeValues={":past": {"S": "2026-11-22T12:00:00.000Z"}},
    )


def test_an_erasure_stops_texts_at_once_and_is_done_after_a_pass_that_finds_nothing(
    api: HttpApi,
) -> None:
    asked = ask(api, "erase")
    stands = boto3.client("dynamodb").scan(TableName="SuppressionsTable")["Items"]
    assert {item["status"]["S"] for item in stands} == {"opted_out", "erased"}
    (body,) = api.queued("person")

    for _ in range(3):
        deliver(body)
        assert shown(api, asked["id"])["status"] == "running"
    a_quarter_of_an_hour_passes(asked["id"])
    deliver(body)

    done = shown(api, asked["id"])
    left = json.dumps(
        [
            boto3.client("dynamodb").scan(TableName=f"{name}Table")["Items"]
            for name in ("Contacts", "Suppressions", "Consent", "Messages", "Control")
        ]
    )
    assert done["status"] == "done"
    assert PHONE not in left
    assert "Ada" not in left


def test_the_same_request_under_its_key_is_one_erasure(api: HttpApi) -> None:
    headers = {"Idempotency-Key": "k1"}

    assert ask(api, "erase", headers=headers)["id"] == ask(api, "erase", headers=headers)["id"]


def test_what_is_no_number_is_refused(api: HttpApi) -> None:
    result = api.send("POST", f"{PATH}/erase", claims=ADMIN, ids={"phone": "12"})

    assert (result.status, result.json["code"]) == (400, "phone_invalid")
