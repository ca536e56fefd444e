"""Campaigns that recur launch each occurrence once, as a campaign of its own (K15)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.recurrence import Outcome, Recurrence
from carillon.usecases.start_due_campaigns import Started, Starting, start_due_campaigns
from carillon.usecases.start_occurrences import occurrence_id
from tests.support.assistants import FakeKnowledge
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import FakeCampaignPlans
from tests.support.crash_points import Crash, Steps, crash, tapped
from tests.support.occurrences import FakeOccurrences
from tests.support.sending import FakeQueue, a_campaign

# NOON is 12:00 UTC on Sunday 22 November 2026: 07:00 in New York.
DAILY = Recurrence(rule="0 7 * * *", zone="America/New_York", starts_at="2026-11-22T07:00")
TODAY, TOMORROW = "2026-11-22T07:00", "2026-11-23T07:00"
DAY = timedelta(days=1)
RUN = occurrence_id("cmp_a", TODAY)


def a_series(recurrence: Recurrence = DAILY, **changes: Any) -> Campaign:
    defaults: dict[str, Any] = {"status": CampaignStatus.SCHEDULED, "schedule_at": NOON}
    return a_campaign("cmp_a", **{**defaults, "recurrence": recurrence, **changes})


def a_world(*campaigns: Campaign, **policy: Any) -> Starting:
    plans = FakeCampaignPlans(*campaigns)
    return Starting(
        campaigns=plans,
        occurrences=FakeOccurrences(plans),
        knowledge=FakeKnowledge(),
        policy=lambda: OrganisationPolicy(**policy),
        plan_queue=FakeQueue(),
        clock=FakeClock(),
        lateness_limit=timedelta(hours=1),
    )


def standing(world: Starting, campaign_id: str = "cmp_a") -> Campaign:
    return world.campaigns.planning(campaign_id)[0]


def runs_of(world: Starting) -> list[Campaign]:
    assert isinstance(world.campaigns, FakeCampaignPlans)
    every = world.campaigns.campaigns.values()
    return sorted((one for one in every if one.occurrence_of), key=lambda one: str(one.occurrence))


def asked_for(world: Starting) -> list[str]:
    assert isinstance(world.plan_queue, FakeQueue)
    return [message["campaign_id"] for message in world.plan_queue.messages]


def at(world: Starting, moment: datetime) -> Starting:
    world.clock.sleep((moment - world.clock.now()).total_seconds())
    return world


def test_an_occurrence_is_launched_as_a_copy_and_the_series_waits_for_the_next() -> None:
    world = a_world(a_series(title="Menu", body="Hello", tags=("food",), launch_error="old"))

    assert start_due_campaigns(world) == Started((RUN,), (), ())

    run = standing(world, RUN)
    assert (run.status, run.launched_at) == (CampaignStatus.PROCESSING, NOON)
    assert (run.occurrence_of, run.occurrence) == ("cmp_a", TODAY)
    assert (run.title, run.body, run.tags) == ("Menu (2026-11-22 07:00)", "Hello", ("food",))
    assert (run.recurrence, run.local_at, run.ends_at) == (None, None, None)
    series = standing(world)
    assert (series.status, series.schedule_at) == (CampaignStatus.SCHEDULED, NOON + DAY)
    assert (series.launched_at, series.launch_error) == (None, None)
    assert asked_for(world) == [RUN]
    (noted,) = world.occurrences.latest("cmp_a", 9)
    assert (noted.local_time, noted.outcome, noted.campaign_id) == (TODAY, Outcome.LAUNCHED, RUN)


def test_any_number_of_rounds_launch_each_occurrence_once() -> None:
    world = a_world(a_series())

    for hour in range(72):
        start_due_campaigns(at(world, NOON + timedelta(hours=hour)))
        start_due_campaigns(world)

    assert [run.occurrence for run in runs_of(world)] == [TODAY, TOMORROW, "2026-11-24T07:00"]


def test_an_occurrence_that_has_been_launched_is_not_launched_by_who_read_the_series_before() -> (
    None
):
    world = a_world(a_series())
    start_due_campaigns(world)

    # Somebody sets the series back to the same time; its version is another.
    back = replace(standing(world), schedule_at=NOON)
    assert isinstance(world.campaigns, FakeCampaignPlans)
    world.campaigns.campaigns["cmp_a"] = back
    started = start_due_campaigns(world)

    assert started.launched == ()
    assert len(runs_of(world)) == 1
    assert standing(world).schedule_at == NOON + DAY


def test_a_crash_at_any_point_launches_each_occurrence_exactly_once() -> None:
    def fresh() -> Starting:
        world = a_world(a_series(), a_campaign("cmp_b", status=CampaignStatus.DRAFT))
        world.knowledge.put(an_entry("cmp_a"))
        return world

    steps = Steps()
    start_due_campaigns(tapped(fresh(), steps))
    assert len(steps.names) > 10

    for number in range(1, len(steps.names) + 1):
        world = fresh()
        with pytest.raises(Crash):
            start_due_campaigns(tapped(world, Steps({number: crash})))
        for _ in range(4):
            world.clock.sleep(61)
            start_due_campaigns(world)

        assert [run.occurrence for run in runs_of(world)] == [TODAY], steps.names[number - 1]
        assert set(asked_for(world)) == {RUN}
        assert len(world.knowledge.entries(RUN)) == 1


def test_a_series_that_is_edited_between_the_look_and_the_launch_is_looked_at_again() -> None:
    rehearsal, steps = a_world(a_series()), Steps()
    start_due_campaigns(tapped(rehearsal, steps))
    before_take = steps.names.index("before occurrences.take") + 1
    world = a_world(a_series())

    def edit() -> None:
        assert isinstance(world.campaigns, FakeCampaignPlans)
        world.campaigns.campaigns["cmp_a"] = a_series(body="Better", version=2)

    first = start_due_campaigns(tapped(world, Steps({before_take: edit})))
    second = start_due_campaigns(world)

    assert (first.launched, second.launched) == ((), (RUN,))
    assert standing(world, RUN).body == "Better"


@pytest.mark.parametrize(
    ("late", "outcome"),
    [
        (timedelta(hours=1), Outcome.LAUNCHED),
        (timedelta(hours=1, milliseconds=1), Outcome.MISSED),
    ],
)
def test_an_occurrence_that_is_too_late_does_not_fire_and_the_series_says_so(
    late: timedelta, outcome: Outcome
) -> None:
    world = at(a_world(a_series()), NOON + late)

    start_due_campaigns(world)

    (noted,) = world.occurrences.latest("cmp_a", 9)
    assert noted.outcome is outcome
    assert bool(runs_of(world)) is (outcome is Outcome.LAUNCHED)
    series = standing(world)
    assert (series.status, series.schedule_at) == (CampaignStatus.SCHEDULED, NOON + DAY)
    if outcome is Outcome.MISSED:
        assert noted.problem == series.launch_error
        assert series.launch_error == (
            "Its occurrence of 2026-11-22T07:00 was due at 2026-11-22T12:00:00.000Z and could "
            "not start within 60 minutes, so nothing was sent."
        )


def test_after_days_away_only_the_last_occurrence_is_launched() -> None:
    world = at(a_world(a_series()), NOON + 3 * DAY)

    start_due_campaigns(world)
    start_due_campaigns(world)

    assert [run.occurrence for run in runs_of(world)] == ["2026-11-25T07:00"]
    (noted,) = world.occurrences.latest("cmp_a", 9)
    assert noted.passed == 3


def test_while_it_is_paused_occurrences_pass_and_are_not_made_up() -> None:
    world = a_world(a_series(replace(DAILY, paused=True)))

    assert start_due_campaigns(world) == Started((), (), ())

    assert runs_of(world) == []
    (noted,) = world.occurrences.latest("cmp_a", 9)
    assert (noted.local_time, noted.outcome) == (TODAY, Outcome.SKIPPED)
    assert standing(world).schedule_at == NOON + DAY


@pytest.mark.parametrize(
    "series",
    [
        a_series(replace(DAILY, count=1)),
        a_series(replace(DAILY, until="2026-11-23T06:59")),
        a_series(ends_at=NOON + DAY),
    ],
)
def test_after_its_last_occurrence_the_series_is_a_draft_that_says_so(series: Campaign) -> None:
    world = a_world(series)

    start_due_campaigns(world)

    assert len(runs_of(world)) == 1
    after = standing(world)
    assert (after.status, after.schedule_at, after.recurrence) == (CampaignStatus.DRAFT, None, None)
    assert "last time" in (after.launch_error or "")


def test_the_approval_of_a_series_ends_with_it() -> None:
    """K18: scheduled anew it would go on unseen."""
    approval = Approval(state=ApprovalState.APPROVED, requested_by="usr_1", requested_at=NOON)
    world = a_world(a_series(replace(DAILY, count=1), approval=approval))

    start_due_campaigns(world)

    (run,), after = runs_of(world), standing(world)
    assert run.approval == approval
    assert after.approval is not None
    assert (after.approval.state, after.approval.voided_by) == (ApprovalState.VOID, "platform")


def test_a_run_ends_after_its_own_time() -> None:
    world = a_world(a_series(replace(DAILY, run_for_s=3600)))

    start_due_campaigns(world)

    assert standing(world, RUN).ends_at == NOON + timedelta(hours=1)


def test_on_recipients_own_clocks_each_run_has_the_local_time_and_a_day_more_to_start() -> None:
    # Monday 10:00 begins, in the first place on earth, at 20:00 UTC on Sunday.
    weekly = Recurrence(rule="0 10 * * mon", zone="recipient", starts_at="2026-11-22T00:00")
    due_at = datetime.fromisoformat("2026-11-22T20:00Z")
    world = at(a_world(a_series(weekly, schedule_at=due_at)), due_at + timedelta(hours=26.9))

    (run_id,) = start_due_campaigns(world).launched

    run = standing(world, run_id)
    assert (run.local_at, run.occurrence) == ("2026-11-23T10:00", "2026-11-23T10:00")


def test_a_series_whose_clock_has_been_set_anew_is_moved_without_a_launch() -> None:
    # It was due at 12:00 by the zone's data of then; by today's it is due at 13:00.
    moved = replace(DAILY, rule="0 8 * * *")
    world = a_world(a_series(moved))

    assert start_due_campaigns(world) == Started((), (), ())
    assert standing(world).schedule_at == NOON + timedelta(hours=1)
    assert runs_of(world) == []


def test_a_series_that_nobody_approved_is_held_as_a_whole() -> None:
    """K18."""
    world = a_world(a_series(), launch_approval=True)

    assert start_due_campaigns(world) == Started((), ("cmp_a",), ())
    assert standing(world).recurrence is None


def test_each_run_bears_the_approval_of_its_series() -> None:
    """K18: else a paused run could not go on."""
    approval = Approval(state=ApprovalState.APPROVED, requested_by="usr_1", requested_at=NOON)
    world = a_world(a_series(approval=approval), launch_approval=True)

    start_due_campaigns(world)

    assert standing(world, RUN).approval == approval


def test_a_run_knows_what_the_assistant_of_its_series_knows() -> None:
    world = a_world(a_series(operated_by="assistant"))
    world.knowledge.put(an_entry("cmp_a"))

    start_due_campaigns(world)

    assert world.knowledge.entries(RUN) == [an_entry(RUN)]


def an_entry(campaign_id: str) -> KnowledgeEntry:
    return KnowledgeEntry(
        campaign_id=campaign_id,
        id="hours",
        answer="From 9 to 5.",
        questions=("When?",),
        keywords=(),
        enabled=True,
        updated_at=NOON,
    )
