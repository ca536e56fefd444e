"""Recurring campaigns as people schedule, look at, pause and stop them (K15)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.commands import Origin
from carillon.domain.errors import CarillonError, Conflict, InvalidInput, NotFound
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.recurrence import Occurred, Outcome, Recurrence
from carillon.usecases.campaign_commands import CampaignChange, Clone, Schedule
from carillon.usecases.manage_series import ManageSeries
from tests.support.clock import NOON
from tests.support.contacts import FakeCampaignPlans
from tests.support.management import OFFICE, a_sender
from tests.support.managing import World, a_world
from tests.support.occurrences import FakeOccurrences
from tests.support.sending import a_campaign

ADMIN = Access(Caller("usr_1", Role.ADMIN, frozenset()), Scope.ALL)
ORIGIN = Origin("usr_1", None, "digest")
DAILY = Recurrence(rule="0 7 * * *", zone="America/New_York", starts_at="2026-11-22T07:00")
DAY = timedelta(days=1)


def a_draft(**changes: Any) -> Campaign:
    made: dict[str, Any] = {"status": CampaignStatus.DRAFT, "office_id": OFFICE}
    return a_campaign("cmp_a", **{**made, "sender_ids": ("snd_1",), **changes})


def a_series(recurrence: Recurrence = DAILY, **changes: Any) -> Campaign:
    made: dict[str, Any] = {"status": CampaignStatus.SCHEDULED, "schedule_at": NOON + DAY}
    return a_draft(**{**made, "recurrence": recurrence, **changes})


def series_of(world: World) -> tuple[ManageSeries, FakeOccurrences]:
    occurrences = FakeOccurrences(FakeCampaignPlans())
    return ManageSeries(world.campaigns, occurrences, world.clock), occurrences


def test_a_recurrence_is_scheduled_on_the_offices_clock_from_its_first_time_on() -> None:
    world = a_world(a_draft())

    scheduled = world.manage.schedule(
        ADMIN, ORIGIN, "cmp_a", Schedule(recurrence=Recurrence(rule="0 10 * * mon"))
    )

    office = world.offices.get(OFFICE)
    assert scheduled.recurrence is not None
    assert scheduled.recurrence.zone == office.timezone
    assert scheduled.schedule_at is not None
    assert NOON < scheduled.schedule_at <= NOON + 7 * DAY
    assert scheduled.status is CampaignStatus.SCHEDULED


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (Schedule(), "schedule_at"),
        (Schedule(recurrence=DAILY, schedule_at=NOON + DAY), "schedule_at"),
        (Schedule(recurrence=DAILY, local_at="2026-11-27T10:00"), "schedule_at"),
        (Schedule(recurrence=replace(DAILY, rule="daily")), "recurrence"),
        (Schedule(recurrence=replace(DAILY, until="2026-11-22T06:00")), "recurrence"),
    ],
)
def test_what_names_no_one_time_to_come_is_refused(schedule: Schedule, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        a_world(a_draft()).manage.schedule(ADMIN, ORIGIN, "cmp_a", schedule)

    assert refused.value.field == field


def test_a_single_use_number_does_not_recur() -> None:
    """K8: it serves one campaign."""
    world = a_world(a_draft(sender_ids=("snd_2",)))
    world.senders.create(a_sender("snd_2", kind="single_use"), "digest")

    with pytest.raises(InvalidInput):
        world.manage.schedule(ADMIN, ORIGIN, "cmp_a", Schedule(recurrence=DAILY))


def test_a_series_is_not_given_a_single_use_number() -> None:
    world = a_world(a_series())
    world.senders.create(a_sender("snd_2", kind="single_use"), "digest")

    with pytest.raises(InvalidInput):
        world.manage.change(ADMIN, "cmp_a", CampaignChange(sender_ids=("snd_2",)), None)


def test_a_series_is_not_launched_itself() -> None:
    world = a_world(a_series())

    with pytest.raises(Conflict) as refused:
        world.manage.launch(ADMIN, ORIGIN, "cmp_a")

    assert refused.value.code == "campaign_recurs"
    assert world.plans.messages == []


@pytest.mark.parametrize("schedule", [None, Schedule(schedule_at=NOON + 3 * DAY)])
def test_a_series_is_stopped_by_unscheduling_it_or_by_giving_it_one_date(
    schedule: Schedule | None,
) -> None:
    world = a_world(a_series())

    if schedule is None:
        stopped = world.manage.unschedule(ADMIN, ORIGIN, "cmp_a")
    else:
        stopped = world.manage.schedule(ADMIN, ORIGIN, "cmp_a", schedule)

    assert stopped.recurrence is None


def test_what_comes_and_what_came_are_shown() -> None:
    world = a_world(a_series(ends_at=NOON + 3 * DAY))
    series, occurrences = series_of(world)
    came = Occurred(local_time="2026-11-22T07:00", due_at=NOON, outcome=Outcome.LAUNCHED, at=NOON)
    occurrences.notes["cmp_a", came.local_time] = came

    shown = series.show(ADMIN, "cmp_a", 5)

    # The series' end is on the 25th at 12:00 UTC, when that day's occurrence is due.
    assert [one.local_time for one in shown.coming] == ["2026-11-23T07:00", "2026-11-24T07:00"]
    assert shown.occurred == (came,)


def test_a_paused_series_stays_scheduled_and_shows_nothing_to_come() -> None:
    world = a_world(a_series())
    series, _ = series_of(world)

    paused = series.pause(ADMIN, "cmp_a")

    assert (paused.status, paused.schedule_at) == (CampaignStatus.SCHEDULED, NOON + DAY)
    assert series.show(ADMIN, "cmp_a", 5).coming == ()
    assert series.pause(ADMIN, "cmp_a") == paused


def test_a_resumed_series_goes_on_with_what_is_yet_to_come() -> None:
    world = a_world(a_series(replace(DAILY, paused=True), schedule_at=NOON))
    series, _ = series_of(world)

    resumed = series.resume(ADMIN, "cmp_a")

    assert resumed.schedule_at == NOON + DAY
    assert resumed.recurrence == DAILY


def test_a_pause_needs_something_that_recurs_and_is_the_callers() -> None:
    series, _ = series_of(a_world(a_draft()))
    stranger = Access(Caller("usr_2", Role.MANAGER, frozenset({"off_9"})), Scope.OWN)

    def code_of(access: Access) -> str:
        with pytest.raises(CarillonError) as refused:
            series.pause(access, "cmp_a")
        assert isinstance(refused.value, Conflict | NotFound)
        return refused.value.code

    assert code_of(ADMIN) == "campaign_does_not_recur"
    assert code_of(stranger) == "campaign_not_found"


def test_a_copy_of_a_series_or_of_a_run_recurs_no_more() -> None:
    """K7."""
    world = a_world(a_series(occurrence_of="cmp_z", occurrence="2026-11-22T07:00"))

    copy = world.manage.clone(ADMIN, ORIGIN, "cmp_a", Clone())

    assert (copy.recurrence, copy.occurrence_of, copy.occurrence) == (None, None, None)
