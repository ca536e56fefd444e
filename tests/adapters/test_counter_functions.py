"""The three functions of the counters, composed as in Lambda, over the template's tables."""

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters import aws
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.lead_list import LEAD_FIGURES
from tests.support.counters import CAMPAIGN, OFFICE, a_lead, a_step, an_inbound, at, part
from tests.support.http_api import violations
from tests.support.lead_pages import a_key
from tests.support.requests import an_event, answered, signed_in
from tests.support.tables import create_tables

FOLDERS = ("aggregate_counters", "analytics_api", "recount_counters")
BODY = "Are you still open on Sunday?"
PHONE = "+12025550117"


class Context:
    """What Lambda tells a handler."""

    aws_request_id = "req-1"
    function_name = "counters"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


class Deployment:
    """The functions, their tables and their queue."""

    def __init__(self, sqs: Any, dynamodb: Any, queue_url: str) -> None:
        self.sqs = sqs
        self.dynamodb = dynamodb
        self.queue_url = queue_url
        self._functions = {name: import_module(f"functions.{name}.app") for name in FOLDERS}
        self._sequence = 0
        self.calls: list[str] = []

    def invoke(self, folder: str, event: dict[str, Any]) -> Any:
        return self._functions[folder].lambda_handler(event, Context())

    def get(self, template: str, **event: Any) -> Any:
        return answered(self.invoke("analytics_api", an_event("GET", template, **event)))

    def write(self, sk: str, row: dict[str, Any]) -> dict[str, Any]:
        """Put a row into the messages table; return its stream record."""
        item = to_item({"pk": part(), "sk": sk, "phone": PHONE, "body": BODY, **row})
        self.dynamodb.put_item(TableName="MessagesTable", Item=item)
        self._sequence += 1
        return {
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {"pk": item["pk"], "sk": item["sk"]},
                "NewImage": item,
                "SequenceNumber": f"{self._sequence:030d}",
            },
        }

    def queued(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


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
        "POWERTOOLS_SERVICE_NAME": "counters",
        "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
        "CONTROL_TABLE": "ControlTable",
        "MESSAGES_TABLE": "MessagesTable",
        "COUNTERS_TABLE": "CountersTable",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        sqs = boto3.client("sqs")
        queue_url = sqs.create_queue(QueueName="recount")["QueueUrl"]
        monkeypatch.setenv("RECOUNT_QUEUE_URL", queue_url)
        dynamodb = boto3.client("dynamodb")
        create_tables(dynamodb)
        _put_control_items(dynamodb)
        _forget_compositions()
        made = Deployment(sqs, dynamodb, queue_url)
        aws.client("dynamodb").meta.events.register(
            "before-call.dynamodb", lambda model, **_: made.calls.append(model.name)
        )
        yield made
        _forget_compositions()


def _put_control_items(dynamodb: Any) -> None:
    moment = at(0)
    campaign = {
        "pk": schema.campaign_pk(CAMPAIGN),
        "sk": "CMP",
        "gsi1pk": "TAB#active",
        "gsi1sk": schema.listing_sk(moment, CAMPAIGN),
        "id": CAMPAIGN,
        "title": "Autumn",
        "office_id": OFFICE,
        "sender_ids": ["snd_1"],
        "created_at": moment,
        "updated_at": moment,
        "launched_at": moment,
        "created_by": "usr_1",
        "status": "active",
        "parts": 1,
        "total": 3,
        "version": 4,
    }
    sender = {
        "pk": schema.sender_pk("snd_1"),
        "sk": "SND",
        "id": "snd_1",
        "office_id": OFFICE,
        "name": "Main",
        "phone": "+12025550100",
        "provider": "twilio",
        "mps": 10,
        "credentials_secret": "carillon/main",
        "created_at": moment,
        "gsi1pk": schema.SENDERS,
        "gsi1sk": schema.listing_sk(moment, "snd_1"),
    }
    office = {"pk": schema.ORGANISATION, "sk": schema.office_sk(OFFICE), "id": OFFICE}
    for item in (campaign, sender, office):
        dynamodb.put_item(TableName="ControlTable", Item=to_item(item))


def _control_item(deployed: Deployment, campaign_id: str) -> dict[str, Any]:
    key = to_item({"pk": schema.campaign_pk(campaign_id), "sk": "CMP"})
    return from_item(deployed.dynamodb.get_item(TableName="ControlTable", Key=key)["Item"])


ALL = {"preset": "all"}
LAST_MONTH = {"preset": "last_month", "zone": "Asia/Kathmandu"}
DELIVERED = a_lead(status="delivered", submitted_at=at(1), final_at=at(16), segments=2)
METRICS = "/v1/campaigns/{campaign_id}/metrics"
VARIANTS = "/v1/campaigns/{campaign_id}/variants"
LEADS = "/v1/campaigns/{campaign_id}/leads"
PERFORMANCE = "/v1/senders/{sender_id}/performance"
SUMMARY = "/v1/analytics/summary"
IDS = {"campaign_id": CAMPAIGN, "sender_id": "snd_1"}


def test_what_the_stream_brings_is_what_the_api_shows(deployed: Deployment) -> None:
    records = [deployed.write("aa", DELIVERED), deployed.write("aa#in#SM1", an_inbound())]

    first = deployed.invoke("aggregate_counters", {"Records": records})
    replay = deployed.invoke("aggregate_counters", {"Records": records})
    campaign = deployed.get(METRICS, claims=signed_in(), ids={"campaign_id": CAMPAIGN})
    everything = deployed.get(
        SUMMARY, claims=signed_in(), query={"from": "2026-11-22", "to": "2026-11-22"}
    )

    assert first == replay == {"batchItemFailures": []}
    assert campaign.status == everything.status == 200
    shown = {name: figure["value"] for name, figure in campaign.json["metrics"].items()}
    assert (shown["initials_sent"], shown["total"], shown["segments"]) == (1, 3, 2)
    assert shown["total_contact_responses"] == 1
    assert shown["contacts_per_sender"] == 3
    assert everything.json["metrics"]["contacts_messaged"]["value"] == 1
    assert everything.json["campaigns"] == {"active": 1, "total": 1}


def test_figures_cost_the_same_few_requests_whatever_was_counted(deployed: Deployment) -> None:
    """T10: the same requests before and after 200 more messages."""

    def requests_for(template: str, **event: Any) -> list[str]:
        deployed.calls.clear()
        assert deployed.get(template, claims=signed_in(), **event).status == 200
        return list(deployed.calls)

    wanted: tuple[tuple[str, dict[str, Any]], ...] = (
        (METRICS, {"ids": IDS}),
        (VARIANTS, {"ids": IDS}),
        (PERFORMANCE, {"ids": IDS}),
        (SUMMARY, {"query": LAST_MONTH}),
        (SUMMARY, {"query": {**LAST_MONTH, "campaign_status": "active"}}),
        ("/v1/campaigns/{campaign_id}/activity", {"ids": IDS}),
        ("/v1/analytics/series", {"query": LAST_MONTH}),
        ("/v1/analytics/campaigns", {"query": LAST_MONTH}),
        ("/v1/analytics/usage", {"query": {"preset": "last_month"}}),
    )
    before = [requests_for(template, **event) for template, event in wanted]
    sent = {**DELIVERED, "sender_id": "snd_1", "variant": "a"}
    records = [deployed.write(f"{n:02x}", sent) for n in range(200)]
    deployed.invoke("aggregate_counters", {"Records": records})
    after = [requests_for(template, **event) for template, event in wanted]

    assert after == before
    # The campaign, its sender, its totals, its quarter hours.
    assert before[0] == ["GetItem", "Query", "Query", "GetItem"]
    # The campaign and its totals; the sender and its months.
    assert before[1] == before[2] == ["GetItem", "Query"]
    # A month's days, two ends by quarter hour, five statuses of campaigns.
    assert before[3] == ["Query"] * 8
    # Two months' days of campaigns (Kathmandu's October begins in September), five statuses.
    assert before[4] == before[7] == ["Query"] * 7
    assert before[5] == ["GetItem", "Query"]
    assert before[6] == ["Query"] * 7
    # The offices, their days, the senders and each one's months.
    assert before[8] == ["Query"] * 3


def test_variants_and_a_sender_are_shown_as_the_stream_brought_them(deployed: Deployment) -> None:
    row = {**DELIVERED, "sender_id": "snd_1", "variant": "a"}
    records = [deployed.write("aa", row), deployed.write("aa#s1", a_step(sender_id="snd_1"))]
    deployed.invoke("aggregate_counters", {"Records": records})

    variants = deployed.get(VARIANTS, claims=signed_in(), ids=IDS)
    sender = deployed.get(PERFORMANCE, claims=signed_in(), ids=IDS)

    assert [(v["variant"], v["delivered"]) for v in variants.json["variants"]] == [("a", 1)]
    assert sender.json["lifetime"]["sent"] == 2
    assert sender.json["lifetime"]["segments"] == 3
    for schema_name, shown in (("CampaignVariants", variants), ("SenderPerformance", sender)):
        assert violations(schema_name, shown.json) == []


def test_leads_are_listed_page_by_page(deployed: Deployment) -> None:
    failed = a_lead(status="failed", sender_id="snd_1", error_code="30003", final_at=at(3))
    for number in range(3):
        deployed.write(a_key(number), failed)
        deployed.write(f"{a_key(number)}#in#SM{number}", an_inbound())
    deployed.write(a_key(3), {**DELIVERED, "sender_id": "snd_1"})
    query = {"status": "failed", "reason": "30003", "sender_id": "snd_1", "limit": "2"}

    first = deployed.get(LEADS, claims=signed_in(), ids=IDS, query=query)
    cursor = first.json["next_cursor"]
    second = deployed.get(LEADS, claims=signed_in(), ids=IDS, query={**query, "cursor": cursor})

    assert [item["key"] for item in first.json["items"]] == [a_key(0), a_key(1)]
    assert [item["key"] for item in second.json["items"]] == [a_key(2)]
    assert second.json["next_cursor"] is None
    assert first.json["items"][0]["phone"] == PHONE
    assert violations("LeadList", first.json) == []


def test_an_analyst_s_listing_holds_no_whole_number(deployed: Deployment) -> None:
    deployed.write(a_key(0), {**DELIVERED, "sender_id": "snd_1"})

    shown = deployed.get(LEADS, claims=signed_in(roles=("analyst",)), ids=IDS)

    assert [item["phone"] for item in shown.json["items"]] == [f"***{PHONE[-4:]}"]
    assert PHONE not in json.dumps(shown.json)


def test_the_aggregator_passes_a_poisoned_record_and_logs_nothing_of_it(
    deployed: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    good, poisoned = deployed.write("aa", DELIVERED), deployed.write("bb", DELIVERED)
    poisoned["dynamodb"]["NewImage"]["segments"] = {"N": BODY}

    answer = deployed.invoke("aggregate_counters", {"Records": [poisoned, good]})

    printed = capsys.readouterr().out
    assert answer == {"batchItemFailures": []}
    assert '"changes_unreadable":[1.0]' in printed.replace(" ", "")
    assert '"changes_applied":[1.0]' in printed.replace(" ", "")
    assert BODY not in printed
    assert PHONE not in printed


def recount_event(**message: Any) -> dict[str, Any]:
    body = json.dumps({"v": 1, "correlation_id": "c-1", "campaign_id": CAMPAIGN, **message})
    return {
        "Records": [
            {
                "messageId": "m-1",
                "receiptHandle": "h",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:recount",
                "awsRegion": "us-east-1",
            }
        ]
    }


def test_a_requested_recount_is_shown_beside_the_figures(deployed: Deployment) -> None:
    records = [deployed.write("aa", DELIVERED)]
    deployed.invoke("aggregate_counters", {"Records": records})

    answer = deployed.invoke("recount_counters", recount_event(reason="requested"))
    campaign = deployed.get(METRICS, claims=signed_in(), ids={"campaign_id": CAMPAIGN})

    assert answer == {"batchItemFailures": []}
    recount = campaign.json["recount"]
    assert (recount["state"], recount["drift"], recount["unsettled"]) == ("exact", 0, 2)
    assert deployed.queued() == []


ANSWERS = {
    "/v1/campaigns/{campaign_id}/metrics": "CampaignMetrics",
    "/v1/campaigns/{campaign_id}/activity": "CampaignActivity",
    "/v1/analytics/summary": "AnalyticsSummary",
    "/v1/analytics/series": "ResponseSeries",
    "/v1/analytics/campaigns": "CampaignFigures",
    "/v1/analytics/comparison": "CampaignComparison",
    "/v1/analytics/usage": "Usage",
}


@pytest.mark.parametrize("filtered", [{}, {"campaign_status": "active", "office_id": OFFICE}])
def test_every_answer_is_what_the_contract_says(
    deployed: Deployment, filtered: dict[str, str]
) -> None:
    priced = {**DELIVERED, "sender_id": "snd_1", "cost_micros": 7900, "currency": "USD"}
    records = [
        deployed.write("aa", {**priced, "replied_at": at(20)}),
        deployed.write("aa#in#SM1", an_inbound()),
        deployed.write("bb", a_lead(status="failed", error_code="30003", final_at=at(3))),
    ]
    deployed.invoke("aggregate_counters", {"Records": records})
    query = {"from": "2026-11-01", "to": "2026-11-30", **filtered}
    copy = {**_control_item(deployed, CAMPAIGN), "pk": "CMP#cmp_2", "id": "cmp_2"}
    deployed.dynamodb.put_item(TableName="ControlTable", Item=to_item(copy))

    shown = {
        template: deployed.get(
            template,
            claims=signed_in(),
            ids=IDS,
            query={**query, "campaign_ids": f"{CAMPAIGN},cmp_2"},
        )
        for template in ANSWERS
    }

    wrong = {name: violations(ANSWERS[name], answer.json) for name, answer in shown.items()}
    assert wrong == {name: [] for name in ANSWERS}
    assert all(answer.json["as_of"] for answer in shown.values())
    summary, listed = shown[SUMMARY].json, shown["/v1/analytics/campaigns"].json["items"]
    assert summary["metrics"]["contacts_messaged"]["value"] == 1
    assert summary["campaigns"] == {"active": 2, "total": 2}
    assert [(row["campaign_id"], row["messaged"], row["rate"]) for row in listed] == [
        (CAMPAIGN, 1, 100.0),
        ("cmp_2", 0, 0.0),
    ]
    usage = shown["/v1/analytics/usage"].json
    assert (usage["total"]["messages"], usage["by_sender"][0]["segments"]) == (1, 2)


def test_the_list_comes_as_csv_of_the_same_rows(deployed: Deployment) -> None:
    event = an_event("GET", "/v1/analytics/campaigns/csv", claims=signed_in(), query=ALL)

    response = deployed.invoke("analytics_api", event)

    assert response["headers"]["Content-Type"] == "text/csv"
    assert "campaigns.csv" in response["headers"]["Content-Disposition"]
    assert response["body"].splitlines() == [
        "campaign_id,title,launched_at,created_by,mode,messaged,responded,rate",
        f"{CAMPAIGN},Autumn,{at(0)},usr_1,agent,0,0,0.0",
    ]


def test_the_leads_behind_a_figure_are_as_many_as_it_says(deployed: Deployment) -> None:
    rows = [
        {**DELIVERED, "replied_at": at(20)},
        a_lead(status="failed", error_code="30003", final_at=at(3), replied_at=at(9)),
        a_lead(status="unconfirmed", final_at=at(3), reached_by_step=True),
        a_lead(status="submitted", submitted_at=at(2), converted_at=at(8)),
    ]
    records = [
        deployed.write(a_key(number), {"sender_id": "snd_1", **row})
        for number, row in enumerate(rows)
    ]
    deployed.invoke("aggregate_counters", {"Records": records})
    figures = deployed.get(METRICS, claims=signed_in(), ids=IDS).json["metrics"]

    behind = {
        figure: len(
            deployed.get(LEADS, claims=signed_in(), ids=IDS, query={"figure": figure}).json["items"]
        )
        for figure in LEAD_FIGURES
    }

    assert behind == {figure: figures[figure]["value"] for figure in LEAD_FIGURES}
    assert (behind["contacts_messaged"], behind["replies"], behind["conversions"]) == (2, 2, 1)


def test_every_night_the_campaigns_that_run_are_queued(deployed: Deployment) -> None:
    deployed.invoke("recount_counters", {"source": "aws.events", "detail-type": "Scheduled Event"})

    assert [(m["campaign_id"], m["reason"]) for m in deployed.queued()] == [(CAMPAIGN, "nightly")]


def test_a_recount_of_an_absent_campaign_goes_back_to_the_queue(deployed: Deployment) -> None:
    answer = deployed.invoke("recount_counters", recount_event(campaign_id="cmp_absent"))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


@pytest.mark.parametrize("template", [METRICS, SUMMARY, VARIANTS, LEADS, PERFORMANCE])
@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        (signed_in(roles=("agent",)), 403, "role_forbidden"),
        (signed_in(roles=("limited",)), 403, "role_forbidden"),
    ],
)
def test_figures_are_refused_as_a_problem(
    deployed: Deployment, template: str, claims: dict[str, Any], status: int, code: str
) -> None:
    refused = deployed.get(template, claims=claims, ids={"campaign_id": CAMPAIGN})

    assert (refused.status, refused.json["code"]) == (status, code)
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_a_campaign_of_another_office_is_not_found(deployed: Deployment) -> None:
    refused = deployed.get(
        METRICS, claims=signed_in(offices=("off_2",)), ids={"campaign_id": CAMPAIGN}
    )

    assert (refused.status, refused.json["code"]) == (404, "campaign_not_found")


def test_a_bad_zone_is_a_problem_that_names_the_field(deployed: Deployment) -> None:
    refused = deployed.get(SUMMARY, claims=signed_in(), query={"zone": "Mars"})

    assert (refused.status, refused.json["code"], refused.json["field"]) == (
        400,
        "unknown_zone",
        "zone",
    )
