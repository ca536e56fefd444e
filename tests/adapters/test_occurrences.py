"""What becomes of occurrences: one suite over the fake and DynamoDB (K15)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.campaign_shelves import DynamoShelves
from carillon.adapters.dynamodb.contacts import DynamoCampaignPlans
from carillon.adapters.dynamodb.occurrences import DynamoOccurrences
from carillon.domain.approval import Approval, ApprovalState, voided
from carillon.domain.campaign import Campaign, CampaignStatus, cloned
from carillon.domain.campaign_media import CampaignMedia
from carillon.domain.content import FollowUp, StepCondition, Variant
from carillon.domain.hours import active_hours
from carillon.domain.recurrence import Occurred, Outcome, Recurrence
from carillon.domain.short_links import Link
from tests.support.clock import NOON
from tests.support.contacts import FakeCampaignPlans
from tests.support.occurrences import FakeOccurrences
from tests.support.sending import a_campaign
from tests.support.tables import create_tables

DAY = timedelta(days=1)
DAILY = Recurrence(rule="0 7 * * *", zone="America/New_York", starts_at="2026-11-22T07:00")


@dataclass
class Room:
    """The port, and what it writes to."""

    occurrences: FakeOccurrences | DynamoOccurrences
    plans: FakeCampaignPlans | DynamoCampaignPlans
    keep: Callable[[Campaign], Campaign]

    def campaign(self, campaign_id: str) -> Campaign:
        return self.plans.planning(campaign_id)[0]


@pytest.fixture(params=["fake", "real"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    if request.param == "fake":
        plans = FakeCampaignPlans()

        def keep(campaign: Campaign) -> Campaign:
            plans.campaigns[campaign.id] = campaign
            return campaign

        yield Room(FakeOccurrences(plans), plans, keep)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        create_tables(client)
        entities.connect("ControlTable")
        yield Room(
            DynamoOccurrences(client, "ControlTable"),
            DynamoCampaignPlans(client, "ControlTable"),
            lambda campaign: entities.CampaignTable().create(campaign, "digest"),
        )


def a_series(**changes: Any) -> Campaign:
    made: dict[str, Any] = {"status": CampaignStatus.SCHEDULED, "schedule_at": NOON}
    return a_campaign("cmp_a", **{**made, "recurrence": DAILY, **changes})


def a_run(series: Campaign, campaign_id: str = "cmp_r") -> Campaign:
    copy = cloned(
        series, id=campaign_id, title="Menu of today", sender_ids=series.sender_ids,
        created_by=series.created_by, now=NOON,
    )  # fmt: skip
    return replace(
        copy,
        status=CampaignStatus.PROCESSING,
        launched_at=NOON,
        schedule_at=NOON,
        occurrence_of=series.id,
        occurrence="2026-11-22T07:00",
    )


def moved(series: Campaign, **changes: Any) -> Campaign:
    defaults: dict[str, Any] = {"schedule_at": NOON + DAY, "version": series.version + 1}
    return replace(series, **{**defaults, "updated_at": NOON, **changes})


def noted(local_time: str = "2026-11-22T07:00", **changes: Any) -> Occurred:
    made: dict[str, Any] = {"due_at": NOON, "outcome": Outcome.LAUNCHED, "at": NOON}
    return Occurred(local_time=local_time, **{**made, **changes})


def test_an_occurrence_its_run_and_the_series_are_written_together(room: Room) -> None:
    series = room.keep(a_series())
    note = noted(campaign_id="cmp_r", passed=2)

    assert room.occurrences.take(series, moved(series), note, a_run(series))

    run = room.campaign("cmp_r")
    assert run == replace(a_run(series), number=run.number)
    assert run.number > 0
    assert room.campaign("cmp_a") == moved(series)
    assert room.occurrences.latest("cmp_a", 5) == [note]
    assert room.occurrences.occurred("cmp_a", note.local_time)
    assert not room.occurrences.occurred("cmp_a", "2026-11-23T07:00")


def test_every_setting_of_the_series_reaches_the_run(room: Room) -> None:
    series = room.keep(
        a_series(
            variants=(Variant("a", 2, "One"), Variant("b", 1, "Two")),
            follow_ups=(FollowUp(3600, StepCondition.NO_REPLY, "Still there?"),),
            active_hours=active_hours({"days": {"mon": ["09:00-17:00"]}}),
            approval=Approval(
                state=ApprovalState.APPROVED, requested_by="usr_1", requested_at=NOON
            ),
            daily_limit=100,
            pilot_size=10,
            tags=("food",),
            agents=("usr_2",),
            exclude_list_ids=("lst_x",),
            segment_ids=("seg_a",),
            links=(Link("menu", "https://example.org/menu"),),
            media=(CampaignMedia("med_a", "image/png", 900),),
            smart_encoding=True,
            operated_by="assistant",
        )
    )
    run = replace(a_run(series), approval=series.approval, local_at="2026-11-22T07:00")

    assert room.occurrences.take(series, moved(series), noted(campaign_id=run.id), run)

    written = room.campaign("cmp_r")
    assert written == replace(run, number=written.number)


@pytest.mark.parametrize(
    "changes",
    [{"version": 7}, {"schedule_at": NOON + DAY}, {"status": CampaignStatus.DRAFT}],
)
def test_nothing_is_written_when_the_series_is_no_longer_as_it_was_read(
    room: Room, changes: dict[str, Any]
) -> None:
    standing = room.keep(a_series(**changes))
    seen = a_series()

    assert not room.occurrences.take(seen, moved(seen), noted(), a_run(seen))
    assert not room.occurrences.pass_over(seen, moved(seen))

    assert room.campaign("cmp_a") == standing
    assert room.occurrences.latest("cmp_a", 5) == []


def test_an_occurrence_is_noted_once_whoever_comes_again(room: Room) -> None:
    series = room.keep(a_series())
    assert room.occurrences.take(series, moved(series), noted(), a_run(series))
    again = moved(series)

    assert not room.occurrences.take(again, moved(again), noted(), a_run(series, "cmp_s"))

    assert room.campaign("cmp_a") == again


def test_a_run_that_stands_under_its_id_is_not_written_over(room: Room) -> None:
    series = room.keep(a_series())
    room.keep(a_campaign("cmp_r", body="Mine"))

    assert not room.occurrences.take(series, moved(series), noted(), a_run(series))

    assert room.campaign("cmp_r").body == "Mine"


def test_a_series_that_is_over_is_a_draft_without_a_date(room: Room) -> None:
    approval = Approval(state=ApprovalState.APPROVED, requested_by="usr_1", requested_at=NOON)
    series = room.keep(a_series(approval=approval))
    over = moved(
        series,
        status=CampaignStatus.DRAFT,
        schedule_at=None,
        recurrence=None,
        approval=voided(approval, "platform", NOON),
        launch_error="Over.",
    )

    assert room.occurrences.take(series, over, noted(outcome=Outcome.SKIPPED), None)

    assert room.campaign("cmp_a") == over
    assert list(room.plans.due(NOON + 9 * DAY)) == []


def test_a_series_is_due_again_at_its_next_time(room: Room) -> None:
    series = room.keep(a_series())
    assert room.occurrences.pass_over(series, moved(series))

    assert list(room.plans.due(NOON)) == []
    assert list(room.plans.due(NOON + DAY)) == [moved(series)]


def test_the_latest_occurrences_come_first(room: Room) -> None:
    series = room.keep(a_series())
    for day in ("22", "23", "24"):
        after = moved(series)
        note = noted(f"2026-11-{day}T07:00", outcome=Outcome.SKIPPED)
        assert room.occurrences.take(series, replace(after, schedule_at=NOON), note, None)
        series = replace(after, schedule_at=NOON)

    latest = room.occurrences.latest("cmp_a", 2)

    assert [one.local_time for one in latest] == ["2026-11-24T07:00", "2026-11-23T07:00"]


def test_a_run_is_listed_and_found_like_any_other_campaign(room: Room) -> None:
    series = room.keep(a_series())
    room.occurrences.take(series, moved(series), noted(), a_run(series))
    if isinstance(room.occurrences, FakeOccurrences):
        return

    shelves = DynamoShelves(boto3.client("dynamodb"), "ControlTable")

    found = shelves.found((series.office_id,), ("today",), 5, None)
    assert [one.id for one in found.items] == ["cmp_r"]
