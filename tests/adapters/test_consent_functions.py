"""The opt-out manager's functions as they are composed, over emulated tables, bucket and queue."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.consent import Circumstances
from carillon.domain.message import Suppression
from functions.move_opt_outs import app as move_opt_outs
from tests.support.clock import NOON
from tests.support.http_api import HttpApi, http_api
from tests.support.management import a_campaign
from tests.support.requests import Answered, signed_in

MANAGER = signed_in(roles=["manager"])
PHONES = [f"+120255501{n:02d}" for n in range(4)]
CSV = "\n".join(["phone,note", *PHONES, "no number,?"]).encode()


@pytest.fixture
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        move_opt_outs.build.cache_clear()
        yield running
        move_opt_outs.build.cache_clear()


def ask(api: HttpApi, method: str, path: str, **event: Any) -> Any:
    result: Answered = api.send(method, path, claims=MANAGER, **event)
    assert result.status < 300, result.json
    return result.json


def work_off(api: HttpApi) -> None:
    """Deliver what waits in the queue, until nothing does."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000)
    while bodies := api.queued("opt_out"):
        records = [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
        assert move_opt_outs.lambda_handler({"Records": records}, context) == {
            "batchItemFailures": []
        }


def stored(link: str) -> str:
    """Return the object that a presigned link serves."""
    key = link.partition("?")[0].partition(".com/")[2]
    body = boto3.client("s3").get_object(Bucket="files", Key=key)["Body"].read()
    return str(body.decode("utf-8-sig"))


def test_a_file_of_opt_outs_goes_in_is_listed_and_comes_out_again(api: HttpApi) -> None:
    made = ask(api, "POST", "/v1/opt-outs/imports", body={"reason": "A fair."})
    import_id = made["import"]["id"]
    key = f"uploads/opt-outs/{import_id}.csv"
    boto3.client("s3").put_object(Bucket="files", Key=key, Body=CSV)
    ids = {"import_id": import_id}
    ask(api, "POST", "/v1/opt-outs/imports/{import_id}/start", ids=ids, body={})

    work_off(api)

    job = ask(api, "GET", "/v1/opt-outs/imports/{import_id}", ids=ids)
    assert (job["status"], job["rows"], job["created"], job["invalid"]) == ("done", 5, 4, 1)
    rejected = ask(api, "GET", "/v1/opt-outs/imports/{import_id}/rejected", ids=ids)["url"]
    assert stored(rejected).splitlines()[1] == "6,phone_unparsable,no number,?"
    listed = ask(api, "GET", "/v1/opt-outs", query={"limit": "3"})
    rest = ask(api, "GET", "/v1/opt-outs", query={"limit": "3", "cursor": listed["next_cursor"]})
    assert {one["phone"] for one in (*listed["items"], *rest["items"])} == set(PHONES)
    assert listed["items"][0]["source"] == "bulk"

    export = ask(api, "POST", "/v1/opt-outs/exports")
    work_off(api)
    done = ask(api, "GET", "/v1/opt-outs/exports/{export_id}", ids={"export_id": export["id"]})
    assert (done["status"], done["rows"]) == ("done", 4)
    assert len(stored(done["url"]).splitlines()) == 5


def test_a_phone_is_added_found_looked_up_and_removed(api: HttpApi) -> None:
    body = {"phone": "(202) 555-0142", "reason": "A letter."}
    added = ask(api, "POST", "/v1/opt-outs", body=body, headers={"Idempotency-Key": "k"})
    assert ask(api, "POST", "/v1/opt-outs", body=body, headers={"Idempotency-Key": "k"}) == added

    found = ask(api, "GET", "/v1/opt-outs", query={"phone": "1202555"})
    assert [one["phone"] for one in found["items"]] == ["+12025550142"]
    ids = {"phone": "12025550142"}
    removed = ask(api, "DELETE", "/v1/opt-outs/{phone}", ids=ids, query={"reason": "A mistake."})
    assert removed["opted_out"] is False
    shown = ask(api, "GET", "/v1/opt-outs/{phone}", ids=ids)
    assert [(one["opted_out"], one["reason"], one["by"]) for one in shown["entries"]] == [
        (False, "A mistake.", "usr_1"),
        (True, "A letter.", "usr_1"),
    ]
    assert ask(api, "GET", "/v1/opt-outs")["items"] == []


def test_what_somebody_wrote_to_another_office_is_not_told_to_an_agent(api: HttpApi) -> None:
    said = Suppression(
        phone="+12025550142",
        opted_out=True,
        event_at=NOON,
        source="keyword",
        cause="SM1",
        committed_at=NOON,
        told=Circumstances(wording="stop, my ex reads this", campaign_id="cmp_1"),
    )
    database = boto3.client("dynamodb")
    DynamoSuppressions(database, "SuppressionsTable", "ConsentTable", lambda: NOON).opt_out(said)
    api.keep(a_campaign(office_id="off_2"))
    seen = {}

    for role, office in (("agent", "off_1"), ("agent", "off_2"), ("admin", "off_1")):
        answer = api.send(
            "GET",
            "/v1/opt-outs/{phone}",
            claims=signed_in(roles=[role], offices=[office]),
            ids={"phone": "12025550142"},
        )
        (entry,) = answer.json["entries"]
        seen[role, office] = (entry["opted_out"], entry["wording"], entry["withheld"])

    assert seen == {
        ("agent", "off_1"): (True, "", True),
        ("agent", "off_2"): (True, "stop, my ex reads this", False),
        ("admin", "off_1"): (True, "stop, my ex reads this", False),
    }


def test_a_message_that_names_no_job_goes_back_to_the_queue(api: HttpApi) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000)
    record = {"messageId": "m", "body": json.dumps({"export_id": "exp_zzz"})}

    answer = move_opt_outs.lambda_handler({"Records": [record]}, context)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
