"""The agenda names what the minute's round has to look at, and nothing else (K15, F5)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.contacts import DynamoCampaignPlans
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.domain.audience import AudiencePlan
from carillon.domain.campaign import Action, Campaign, CampaignStatus, HoldReason
from tests.support.clock import NOON
from tests.support.sending import a_campaign
from tests.support.tables import create_tables

DAY = timedelta(days=1)
_UNPLANNED: dict[str, Any] = {"parts": 0, "planned_parts": 0, "total": 0}


@dataclass
class Room:
    """The table, and everybody who writes a campaign's state."""

    client: Any
    table: entities.CampaignTable
    plans: DynamoCampaignPlans
    directory: DynamoDirectory

    def agenda(self, campaign_id: str = "cmp_a") -> str | None:
        key = {"pk": {"S": f"CMP#{campaign_id}"}, "sk": {"S": "CMP"}}
        item = self.client.get_item(TableName="ControlTable", Key=key)["Item"]
        at: str | None = item.get("agenda_at", {}).get("S")
        return at

    def keep(self, campaign_id: str = "cmp_a", **changes: Any) -> Campaign:
        return self.table.create(a_campaign(campaign_id, **changes), "")


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        create_tables(client)
        entities.connect("ControlTable")
        yield Room(
            client,
            entities.CampaignTable(),
            DynamoCampaignPlans(client, "ControlTable"),
            DynamoDirectory(client, "ControlTable"),
        )


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_a_campaign_is_on_it_from_its_date_to_its_end(room: Room) -> None:
    draft = room.keep(status=CampaignStatus.DRAFT, ends_at=NOON + DAY)
    assert room.agenda() is None

    scheduled = room.table.transition(draft, Action.SCHEDULE, NOON, changes={"schedule_at": NOON})
    assert room.agenda() == iso(NOON)

    assert room.plans.launch(scheduled, NOON + timedelta(minutes=1))
    assert room.agenda() == iso(NOON + timedelta(minutes=1))
    launched = room.table.get("cmp_a")
    assert launched.launched_at is not None

    plan = AudiencePlan(campaign_id="cmp_a", frozen_at=launched.launched_at)
    assert room.plans.activate(launched, plan, [], NOON + timedelta(minutes=2))
    assert room.agenda() == iso(NOON + DAY)

    assert room.directory.settle_campaign("cmp_a", NOON)
    assert room.agenda() is None


def test_a_campaign_without_an_end_leaves_it_when_it_is_active(room: Room) -> None:
    launched = room.keep(status=CampaignStatus.PROCESSING, launched_at=NOON, **_UNPLANNED)
    assert room.agenda() == iso(NOON)

    plan = AudiencePlan(campaign_id="cmp_a", frozen_at=NOON)
    assert room.plans.activate(launched, plan, [], NOON)

    assert room.agenda() is None


def test_who_pauses_with_an_old_look_does_not_set_an_old_end(room: Room) -> None:
    seen = room.keep(status=CampaignStatus.ACTIVE, ends_at=NOON + DAY)
    paused = room.table.transition(seen, Action.PAUSE, NOON, changes={})
    room.table.change(paused, {"ends_at": NOON + 2 * DAY}, NOON)

    room.table.transition(seen, Action.RESUME, NOON, changes={})
    assert room.agenda() == iso(NOON + 2 * DAY)
    going_on = room.table.get("cmp_a")
    assert room.directory.pause_campaign(going_on, HoldReason.ERROR_RATE, NOON)

    assert room.agenda() == iso(NOON + 2 * DAY)
    assert [one.id for one in room.plans.over(NOON + 2 * DAY)] == ["cmp_a"]


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (CampaignStatus.SCHEDULED, Action.UNSCHEDULE),
        (CampaignStatus.ACTIVE, Action.END),
        (CampaignStatus.PROCESSING, Action.ARCHIVE),
        (CampaignStatus.PAUSED, Action.ARCHIVE),
    ],
)
def test_what_has_nothing_to_come_leaves_it(
    room: Room, status: CampaignStatus, action: Action
) -> None:
    kept = room.keep(status=status, schedule_at=NOON, launched_at=NOON, ends_at=NOON + DAY)
    assert room.agenda() is not None

    room.table.transition(kept, action, NOON, changes={"schedule_at": None})

    assert room.agenda() is None


def test_a_round_reads_what_is_due_however_much_has_finished(room: Room) -> None:
    for number in range(30):
        room.keep(f"cmp_{number}", status=CampaignStatus.FINISHED, ends_at=NOON)
        room.keep(f"cmp_s{number}", status=CampaignStatus.SCHEDULED, schedule_at=NOON + DAY)
    due = room.keep("cmp_due", status=CampaignStatus.SCHEDULED, schedule_at=NOON)
    calls: list[str] = []
    room.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name)
    )

    found = list(room.plans.due(NOON))

    assert found == [replace(due, number=due.number)]
    assert calls == ["Query", "GetItem"]
