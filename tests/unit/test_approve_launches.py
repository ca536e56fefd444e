"""A manager's launch needs somebody else's approval, where the policy says so (K18)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.errors import Conflict, Forbidden
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access, Caller, KeyKind, Role, Scope
from carillon.usecases.approve_launches import Decision
from carillon.usecases.campaign_commands import (
    CampaignChange,
    Schedule,
)
from tests.support.clock import NOON
from tests.support.management import OFFICE, FakeCampaigns, an_origin, in_state
from tests.support.managing import World

LATER = NOON + timedelta(hours=1)


def by(subject: str, role: Role = Role.MANAGER) -> tuple[Access, Any]:
    scope = Scope.ALL if role is Role.ADMIN else Scope.OWN
    return Access(Caller(subject, role, frozenset({OFFICE})), scope), an_origin(subject=subject)


ADA, BOB = by("ada"), by("bob")
ADMIN = by("root", Role.ADMIN)


def a_world(**campaign: Any) -> World:
    world = World(FakeCampaigns(in_state(campaign.pop("status", CampaignStatus.DRAFT), **campaign)))
    world.policies.standing = OrganisationPolicy(launch_approval=True)
    return world


def asked_by_ada(world: World) -> Campaign:
    return world.manage.launch(*ADA, "cmp_1")


def decide(world: World, who: tuple[Access, Any], *, approves: bool = True) -> Campaign:
    return world.manage.decide(who[0], "cmp_1", Decision(note="Seen."), None, approves=approves)


def state_of(campaign: Campaign) -> ApprovalState | None:
    return campaign.approval.state if campaign.approval else None


def test_a_managers_launch_asks_and_nothing_is_sent() -> None:
    """K18: nothing leaves before somebody else has approved."""
    world = a_world()

    campaign = asked_by_ada(world)

    assert campaign.status is CampaignStatus.DRAFT
    assert campaign.approval == Approval(
        state=ApprovalState.REQUESTED, requested_by="ada", requested_at=NOON
    )
    assert world.plans.messages == []


def test_asking_again_changes_nothing() -> None:
    world = a_world()
    first = asked_by_ada(world)
    world.clock.sleep(5)

    assert asked_by_ada(world) == first


def test_an_approved_launch_goes_ahead_and_says_who_decided() -> None:
    world = a_world()
    asked_by_ada(world)
    world.clock.sleep(60)

    approved = decide(world, BOB)
    launched = world.manage.launch(*ADA, "cmp_1")

    assert approved.status is CampaignStatus.DRAFT
    assert approved.approval == Approval(
        state=ApprovalState.APPROVED,
        requested_by="ada",
        requested_at=NOON,
        decided_by="bob",
        decided_at=NOON + timedelta(seconds=60),
        note="Seen.",
    )
    assert launched.status is CampaignStatus.PROCESSING
    assert world.plans.messages == [{"campaign_id": "cmp_1"}]


def test_nobody_approves_their_own_launch() -> None:
    world = a_world()
    asked_by_ada(world)

    with pytest.raises(Forbidden) as caught:
        decide(world, ADA)

    assert caught.value.code == "own_approval"
    assert state_of(world.campaigns.get("cmp_1")) is ApprovalState.REQUESTED


def test_a_refused_launch_does_not_go_ahead_but_asks_again() -> None:
    world = a_world()
    asked_by_ada(world)

    refused = decide(world, ADMIN, approves=False)
    again = asked_by_ada(world)

    assert (state_of(refused), refused.approval and refused.approval.decided_by) == (
        ApprovalState.REFUSED,
        "root",
    )
    assert again.status is CampaignStatus.DRAFT
    assert state_of(again) is ApprovalState.REQUESTED


def test_a_decision_that_is_repeated_changes_nothing_and_another_one_is_a_conflict() -> None:
    world = a_world()
    asked_by_ada(world)
    first = decide(world, BOB)

    assert decide(world, BOB) == first
    with pytest.raises(Conflict) as caught:
        decide(world, ADMIN, approves=False)
    assert caught.value.code == "approval_not_requested"


def test_nothing_is_approved_that_nobody_asked_for() -> None:
    with pytest.raises(Conflict) as caught:
        decide(a_world(), BOB)

    assert caught.value.code == "approval_not_requested"


def test_what_has_changed_since_it_was_read_is_not_approved() -> None:
    world = a_world()
    seen = asked_by_ada(world)
    world.manage.change(ADA[0], "cmp_1", CampaignChange(agents=("ada",)), None)
    asked_by_ada(world)

    with pytest.raises(Conflict) as caught:
        world.manage.decide(BOB[0], "cmp_1", Decision(), seen.version, approves=True)

    assert caught.value.code == "version_conflict"


@pytest.mark.parametrize("before", ["requested", "approved"])
def test_an_edit_voids_the_approval_and_says_who(before: str) -> None:
    world = a_world()
    asked_by_ada(world)
    if before == "approved":
        decide(world, BOB)

    edited = world.manage.change(ADA[0], "cmp_1", CampaignChange(body="Other"), None)
    launched = world.manage.launch(*ADA, "cmp_1")

    assert edited.approval is not None
    assert (edited.approval.state, edited.approval.voided_by) == (ApprovalState.VOID, "ada")
    assert launched.status is CampaignStatus.DRAFT
    assert state_of(launched) is ApprovalState.REQUESTED


def test_a_schedule_asks_and_waits_for_its_day() -> None:
    world = a_world()

    scheduled = world.manage.schedule(*ADA, "cmp_1", Schedule(schedule_at=LATER))
    approved = decide(world, BOB)

    assert (scheduled.status, state_of(scheduled)) == (
        CampaignStatus.SCHEDULED,
        ApprovalState.REQUESTED,
    )
    assert (approved.status, state_of(approved)) == (
        CampaignStatus.SCHEDULED,
        ApprovalState.APPROVED,
    )


def test_another_date_needs_another_approval() -> None:
    world = a_world()
    world.manage.schedule(*ADA, "cmp_1", Schedule(schedule_at=LATER))
    decide(world, BOB)

    moved = world.manage.schedule(*ADA, "cmp_1", Schedule(schedule_at=LATER + timedelta(hours=1)))

    assert state_of(moved) is ApprovalState.REQUESTED


def test_an_edit_of_what_is_scheduled_asks_again() -> None:
    world = a_world()
    world.manage.schedule(*ADA, "cmp_1", Schedule(schedule_at=LATER))
    decide(world, BOB)

    edited = world.manage.change(BOB[0], "cmp_1", CampaignChange(body="Other"), None)

    assert edited.approval is not None
    assert (edited.approval.state, edited.approval.requested_by) == (
        ApprovalState.REQUESTED,
        "bob",
    )


def test_an_approval_goes_with_its_date() -> None:
    world = a_world()
    world.manage.schedule(*ADA, "cmp_1", Schedule(schedule_at=LATER))
    decide(world, BOB)

    assert state_of(world.manage.unschedule(*ADA, "cmp_1")) is ApprovalState.VOID


def test_an_admin_needs_nobody_and_answers_for_what_waited() -> None:
    world = a_world()
    asked_by_ada(world)

    launched = world.manage.launch(*ADMIN, "cmp_1")

    assert launched.status is CampaignStatus.PROCESSING
    assert launched.approval is not None
    assert (launched.approval.requested_by, launched.approval.decided_by) == ("ada", "root")


def test_an_admins_key_does_not_approve_what_somebody_else_asked_for() -> None:
    """K18, P3: approving is for people, whatever a key's role is."""
    world = a_world()
    asked_by_ada(world)
    access, origin = by("key_1", Role.ADMIN)
    key = replace(access, caller=replace(access.caller, key=KeyKind.LIVE))

    campaign = world.manage.launch(key, origin, "cmp_1")

    assert campaign.status is CampaignStatus.DRAFT
    assert state_of(campaign) is ApprovalState.REQUESTED
    assert world.plans.messages == []


def test_what_is_edited_while_it_is_paused_goes_on_only_with_a_new_approval() -> None:
    world = a_world(status=CampaignStatus.PAUSED, launched_at=NOON)
    world.manage.change(ADA[0], "cmp_1", CampaignChange(body="Other"), None)

    asked = world.manage.resume(*ADA, "cmp_1")
    decide(world, BOB)
    resumed = world.manage.resume(*ADA, "cmp_1")

    assert (asked.status, state_of(asked)) == (CampaignStatus.PAUSED, ApprovalState.REQUESTED)
    assert resumed.status is CampaignStatus.ACTIVE


def test_what_was_live_before_the_policy_goes_on_without_an_approval() -> None:
    world = a_world(status=CampaignStatus.PAUSED, launched_at=NOON)

    assert world.manage.resume(*ADA, "cmp_1").status is CampaignStatus.ACTIVE


def test_without_the_policy_nobody_is_asked() -> None:
    world = a_world()
    world.policies.standing = OrganisationPolicy()

    launched = asked_by_ada(world)

    assert (launched.status, launched.approval) == (CampaignStatus.PROCESSING, None)
