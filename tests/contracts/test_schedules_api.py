"""What is to come of a campaign, over HTTP: its occurrences and its simulation (K15, K16)."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb.contacts import DynamoContacts, DynamoImportDirectory
from carillon.domain.campaign import CampaignStatus
from tests.support.contacts import a_contact
from tests.support.http_api import HttpApi, http_api, violations
from tests.support.management import OFFICE, a_campaign, a_contact_list, a_sender, an_office
from tests.support.requests import signed_in

MANAGER = signed_in("usr_1", roles=["manager"], offices=[OFFICE])
ONE = "/v1/campaigns/{campaign_id}"
NAMES = ("Ada", "Grace", "Łucja", "", "Mary")


@pytest.fixture
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        running.keep(
            an_office(OFFICE),
            a_sender(mps=1.0),
            a_contact_list(),
            a_campaign(
                "cmp_a",
                status=CampaignStatus.DRAFT,
                body="Hi {{ first_name }}, see you soon.",
                sender_ids=("snd_1",),
                list_ids=("lst_1",),
            ),
        )
        database = boto3.client("dynamodb")
        people = [a_contact(number, first_name=name) for number, name in enumerate(NAMES)]
        DynamoContacts(database, "ContactsTable").add("lst_1", 1, people)
        DynamoImportDirectory(database, "ControlTable").fix_shards("lst_1", 1)
        running.opt_out(people[1].phone)
        yield running


def test_a_draft_is_simulated_over_its_lists(api: HttpApi) -> None:
    answer = api.send("POST", f"{ONE}/simulation", claims=MANAGER, ids={"campaign_id": "cmp_a"})

    assert answer.status == 200
    told = answer.json
    assert violations("Simulation", told) == []
    assert (told["recipients"], told["sendable"], told["complete"]) == (5, 3, True)
    assert told["blocked"] == {"missing_field": 1, "suppressed": 1}
    (trap,) = told["encoding_traps"]
    assert (trap["character"], trap["name"], trap["leads"]) == ("Ł", "first_name", 1)


def test_a_series_is_scheduled_shown_paused_and_stopped(api: HttpApi) -> None:
    def send(method: str, action: str, **event: Any) -> dict[str, Any]:
        answer = api.send(
            method, f"{ONE}/{action}", claims=MANAGER, ids={"campaign_id": "cmp_a"}, **event
        )
        assert answer.status == 200, answer.json
        body: dict[str, Any] = answer.json
        return body

    scheduled = send(
        "POST", "schedule", body={"recurrence": {"rule": "FREQ=WEEKLY;BYDAY=MO,TH", "count": 3}}
    )
    assert violations("Campaign", scheduled) == []
    assert scheduled["status"] == "scheduled"
    shown = send("GET", "occurrences", query={"limit": "2"})
    assert violations("CampaignSeries", shown) == []
    first, second = shown["coming"]
    assert first["due_at"] == scheduled["schedule_at"] < second["due_at"]
    assert send("POST", "occurrences/pause")["coming"] == []
    assert send("POST", "occurrences/resume")["coming"] != []
    assert send("POST", "unschedule")["recurrence"] is None


def test_what_is_no_rule_is_refused_by_name(api: HttpApi) -> None:
    answer = api.send(
        "POST",
        f"{ONE}/schedule",
        claims=MANAGER,
        ids={"campaign_id": "cmp_a"},
        body={"recurrence": {"rule": "FREQ=HOURLY"}},
    )

    assert (answer.status, answer.json["code"]) == (400, "bad_schedule")
    assert answer.json["field"] == "recurrence"
