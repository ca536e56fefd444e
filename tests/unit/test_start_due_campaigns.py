"""Starting what is due, holding what is too late (K4, K15)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason
from carillon.domain.organisation import OrganisationPolicy
from carillon.usecases.start_due_campaigns import Started, Starting, start_due_campaigns
from tests.support.assistants import FakeKnowledge
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import FakeCampaignPlans
from tests.support.crash_points import Crash, Steps, crash, tapped
from tests.support.occurrences import FakeOccurrences
from tests.support.sending import FakeQueue, a_campaign


def scheduled(campaign_id: str = "cmp_a", **changes: Any) -> Campaign:
    defaults: dict[str, Any] = {
        "status": CampaignStatus.SCHEDULED,
        "schedule_at": NOON,
        "launch_error": "an old one",
    }
    return a_campaign(campaign_id, **{**defaults, **changes})


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


def campaign_in(world: Starting, campaign_id: str = "cmp_a") -> Campaign:
    return world.campaigns.planning(campaign_id)[0]


def messages_of(world: Starting) -> list[dict[str, Any]]:
    assert isinstance(world.plan_queue, FakeQueue)
    return world.plan_queue.messages


@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=1)])
def test_a_campaign_whose_time_has_come_is_launched_and_its_planning_asked_for(
    late: timedelta,
) -> None:
    world = a_world(scheduled(schedule_at=NOON - late))

    assert start_due_campaigns(world) == Started(("cmp_a",), (), ())

    campaign = campaign_in(world)
    assert (campaign.status, campaign.launched_at) == (CampaignStatus.PROCESSING, NOON)
    assert campaign.launch_error is None
    assert messages_of(world) == [{"campaign_id": "cmp_a"}]


def test_a_campaign_whose_time_has_not_come_waits() -> None:
    world = a_world(scheduled(schedule_at=NOON + timedelta(milliseconds=1)))

    assert start_due_campaigns(world) == Started((), (), ())
    assert campaign_in(world).status is CampaignStatus.SCHEDULED


def test_a_campaign_that_is_too_late_is_held_and_says_so() -> None:
    """K15: past the lateness limit it does not fire, holds and says so."""
    world = a_world(scheduled(schedule_at=NOON - timedelta(hours=1, milliseconds=1)))

    assert start_due_campaigns(world) == Started((), ("cmp_a",), ())

    campaign = campaign_in(world)
    assert (campaign.status, campaign.schedule_at) == (CampaignStatus.DRAFT, None)
    assert campaign.launch_error == (
        "It was due at 2026-11-22T10:59:59.999Z and could not start within 60 minutes, "
        "so nothing was sent. Choose a new time or launch it now."
    )
    assert messages_of(world) == []


def an_approval(state: ApprovalState) -> Approval:
    return Approval(state=state, requested_by="usr_1", requested_at=NOON)


@pytest.mark.parametrize(
    "approval",
    [
        None,
        *(an_approval(one) for one in ApprovalState if one is not ApprovalState.APPROVED),
    ],
)
def test_a_due_campaign_that_nobody_approved_is_held_and_says_so(
    approval: Approval | None,
) -> None:
    """K18."""
    world = a_world(scheduled(approval=approval), launch_approval=True)

    assert start_due_campaigns(world) == Started((), ("cmp_a",), ())

    campaign = campaign_in(world)
    assert campaign.status is CampaignStatus.DRAFT
    assert campaign.launch_error == (
        "It was due but nobody else had approved its launch as it stands: nothing was sent. "
        "Launch or schedule it again to ask for the approval."
    )
    assert messages_of(world) == []


def test_what_is_held_because_it_is_late_needs_a_new_approval() -> None:
    """K18: an approval is for the date that was seen, and that is gone."""
    late = scheduled(
        schedule_at=NOON - timedelta(hours=2), approval=an_approval(ApprovalState.APPROVED)
    )
    world = a_world(late, launch_approval=True)

    start_due_campaigns(world)

    campaign = campaign_in(world)
    assert campaign.status is CampaignStatus.DRAFT
    assert campaign.approval is not None
    assert campaign.approval.state is ApprovalState.VOID
    assert (campaign.approval.voided_by, campaign.approval.voided_at) == ("platform", NOON)


def test_an_approved_campaign_starts_when_it_is_due() -> None:
    """K18."""
    approved = scheduled(approval=an_approval(ApprovalState.APPROVED))

    assert start_due_campaigns(a_world(approved, launch_approval=True)).launched == ("cmp_a",)


def test_without_the_policy_a_due_campaign_needs_no_approval() -> None:
    """K18."""
    void = scheduled(approval=an_approval(ApprovalState.VOID))

    assert start_due_campaigns(a_world(void)).launched == ("cmp_a",)


def test_a_campaign_that_changes_between_the_look_and_the_launch_is_looked_at_again() -> None:
    """K18: an edit voids the approval that was just read."""
    seen = scheduled(approval=an_approval(ApprovalState.APPROVED))
    world = a_world(replace(seen, version=seen.version + 1), launch_approval=True)

    assert not world.campaigns.launch(seen, NOON)
    assert not world.campaigns.hold(seen, "No.", NOON)
    assert campaign_in(world).status is CampaignStatus.SCHEDULED


def test_a_due_campaign_that_lacks_something_is_held_and_the_next_one_starts() -> None:
    world = a_world(scheduled(sender_ids=()), scheduled("cmp_b"))

    assert start_due_campaigns(world) == Started(("cmp_b",), ("cmp_a",), ())
    assert campaign_in(world).launch_error == (
        "It was due but could not start without: sender_ids."
    )


def test_a_campaign_is_launched_once_by_any_number_of_rounds() -> None:
    world = a_world(scheduled())

    rounds = [start_due_campaigns(world) for _ in range(3)]

    assert [one.launched for one in rounds] == [("cmp_a",), (), ()]
    assert len(messages_of(world)) == 1


def test_a_campaign_rescheduled_at_the_last_moment_is_not_launched() -> None:
    world = a_world(scheduled())
    later = scheduled(schedule_at=NOON + timedelta(days=1))

    def reschedule() -> None:
        assert isinstance(world.campaigns, FakeCampaignPlans)
        world.campaigns.campaigns["cmp_a"] = later

    started = start_due_campaigns(tapped(world, Steps({3: reschedule})))

    assert started.launched == ()
    assert campaign_in(world) == later


def test_planning_that_nobody_has_touched_for_two_minutes_is_asked_for_again() -> None:
    quiet = a_campaign(
        status=CampaignStatus.PROCESSING, updated_at=NOON - timedelta(minutes=2, milliseconds=1)
    )
    busy = replace(quiet, id="cmp_b", updated_at=NOON - timedelta(minutes=2))
    world = a_world(quiet, busy)

    assert start_due_campaigns(world).replanned == ("cmp_a",)
    assert messages_of(world) == [{"campaign_id": "cmp_a"}]


def test_a_crash_at_any_point_loses_no_campaign() -> None:
    rehearsal, steps = a_world(scheduled(), scheduled("cmp_b")), Steps()
    start_due_campaigns(tapped(rehearsal, steps))

    for number in range(1, len(steps.names) + 1):
        world = a_world(scheduled(), scheduled("cmp_b"))
        with pytest.raises(Crash):
            start_due_campaigns(tapped(world, Steps({number: crash})))
        for _ in range(3):
            world.clock.sleep(61)
            start_due_campaigns(world)

        asked_for = {message["campaign_id"] for message in messages_of(world)}
        assert asked_for == {"cmp_a", "cmp_b"}
        assert campaign_in(world, "cmp_b").status is CampaignStatus.PROCESSING


@pytest.mark.parametrize("status", [CampaignStatus.ACTIVE, CampaignStatus.PAUSED])
def test_a_campaign_whose_end_has_come_is_finished(status: CampaignStatus) -> None:
    held: dict[str, Any] = {
        "hold_reason": HoldReason.QUIET_HOURS,
        "hold_until": NOON + timedelta(hours=9),
    }
    world = a_world(a_campaign(status=status, ends_at=NOON, **held))

    started = start_due_campaigns(world)

    assert started == Started((), (), (), ("cmp_a",))
    campaign = campaign_in(world)
    assert (campaign.status, campaign.finished_at) == (CampaignStatus.FINISHED, NOON)
    assert (campaign.hold_reason, campaign.hold_until) == (HoldReason.NONE, None)
    assert start_due_campaigns(world) == Started((), (), ())


def test_a_campaign_that_would_start_after_its_end_does_not_start() -> None:
    world = a_world(scheduled(ends_at=NOON))

    started = start_due_campaigns(world)

    assert started == Started((), ("cmp_a",), ())
    assert "its end" in (campaign_in(world).launch_error or "")


def test_a_campaign_whose_end_is_to_come_goes_on() -> None:
    world = a_world(a_campaign(ends_at=NOON + timedelta(seconds=1)))

    assert start_due_campaigns(world) == Started((), (), ())


def test_on_recipients_own_clocks_a_campaign_is_late_only_when_it_is_over_everywhere() -> None:
    def due(hours_ago: float) -> Starting:
        at = NOON - timedelta(hours=hours_ago)
        return a_world(scheduled(schedule_at=at, local_at="2026-11-22T10:00"))

    assert start_due_campaigns(due(26.9)).launched == ("cmp_a",)
    assert start_due_campaigns(due(27.1)).held == ("cmp_a",)
