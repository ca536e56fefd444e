"""Campaigns as people work on them: K3, K4, K6, K10 and what a retry must not do twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason
from carillon.domain.campaign_states import Action, allowed_actions, refusal, states_allowing
from carillon.domain.content import FollowUp, StepCondition, Variant
from carillon.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from carillon.domain.hours import active_hours
from carillon.domain.permissions import KeyKind
from carillon.domain.short_links import Link
from carillon.usecases.campaign_commands import (
    CampaignChange,
    Clone,
    NewCampaign,
    Schedule,
)
from carillon.usecases.manage_campaigns import ManageCampaigns
from tests.support.clock import NOON
from tests.support.management import (
    ADMIN,
    OFFICE,
    OTHER_OFFICE,
    FakeCampaigns,
    a_campaign,
    an_access,
    an_origin,
    in_state,
)
from tests.support.managing import World, a_world, new_campaign

MINE = an_access()
A_TEST_KEY = replace(MINE, caller=replace(MINE.caller, subject="key_1", key=KeyKind.TEST))
LATER = NOON + timedelta(hours=1)


ACTIONS: dict[Action, Callable[[ManageCampaigns, Any, str], Any]] = {
    Action.VIEW: lambda manage, _, one: manage.get(MINE, one),
    Action.EDIT: lambda manage, _, one: manage.change(MINE, one, CampaignChange(body="x"), None),
    Action.CLONE: lambda manage, origin, one: manage.clone(MINE, origin, one, Clone()),
    Action.DELETE: lambda manage, _, one: manage.delete(MINE, one, None),
    Action.LAUNCH: lambda manage, origin, one: manage.launch(MINE, origin, one),
    Action.SCHEDULE: lambda manage, origin, one: manage.schedule(
        MINE, origin, one, Schedule(schedule_at=LATER)
    ),
    Action.UNSCHEDULE: lambda manage, origin, one: manage.unschedule(MINE, origin, one),
    Action.PAUSE: lambda manage, origin, one: manage.pause(MINE, origin, one),
    Action.RESUME: lambda manage, origin, one: manage.resume(MINE, origin, one),
    Action.END: lambda manage, origin, one: manage.end(MINE, origin, one),
    Action.ARCHIVE: lambda manage, origin, one: manage.archive(MINE, origin, one),
}
# The same, by a test key.
KEYED: dict[Action, Callable[[ManageCampaigns, Any, str], Campaign]] = {
    Action.LAUNCH: lambda manage, origin, one: manage.launch(A_TEST_KEY, origin, one),
    Action.SCHEDULE: lambda manage, origin, one: manage.schedule(
        A_TEST_KEY, origin, one, Schedule(schedule_at=LATER)
    ),
    Action.UNSCHEDULE: lambda manage, origin, one: manage.unschedule(A_TEST_KEY, origin, one),
    Action.PAUSE: lambda manage, origin, one: manage.pause(A_TEST_KEY, origin, one),
    Action.RESUME: lambda manage, origin, one: manage.resume(A_TEST_KEY, origin, one),
    Action.END: lambda manage, origin, one: manage.end(A_TEST_KEY, origin, one),
    Action.ARCHIVE: lambda manage, origin, one: manage.archive(A_TEST_KEY, origin, one),
}


# One use case is both: a date is set, or edited. Deciding on a launch has its own tests.
BESIDES = {Action.EDIT_DATE, Action.APPROVE, Action.REFUSE}


def test_every_action_that_a_person_may_take_has_a_use_case() -> None:
    offered = {action for status in CampaignStatus for action in allowed_actions(status)}

    assert offered == set(ACTIONS) | BESIDES


def test_a_new_campaign_is_a_draft_of_its_office() -> None:
    """P1, K1: a campaign belongs to one office and has the fields that its maker gave."""
    world = a_world()

    made = world.manage.create(MINE, an_origin(), new_campaign(tags=("a", "b", "a")))

    assert world.campaigns.get(made.id) == made
    assert (made.status, made.title, made.tags) == (CampaignStatus.DRAFT, "Spring", ("a", "b"))
    assert (made.created_by, made.created_at, made.version) == ("usr_1", NOON, 1)


def test_a_retried_creation_returns_the_first_campaign() -> None:
    world = a_world()
    first = world.manage.create(MINE, an_origin("key"), new_campaign())
    world.clock.sleep(60)

    second = world.manage.create(MINE, an_origin("key"), new_campaign())

    assert second == first


def test_the_same_key_for_another_body_is_a_conflict() -> None:
    world = a_world()
    world.manage.create(MINE, an_origin("key", "d1"), new_campaign())

    with pytest.raises(Conflict) as raised:
        world.manage.create(MINE, an_origin("key", "d2"), new_campaign(title="Other"))

    assert raised.value.code == "idempotency_key_reused"


def test_two_people_with_the_same_key_create_two_campaigns() -> None:
    world = a_world()

    one = world.manage.create(MINE, an_origin("key", subject="usr_1"), new_campaign())
    two = world.manage.create(MINE, an_origin("key", subject="usr_2"), new_campaign())

    assert one.id != two.id


def test_a_campaign_cannot_be_put_into_a_foreign_office() -> None:
    with pytest.raises(Forbidden) as raised:
        a_world().manage.create(MINE, an_origin(), new_campaign(office_id=OTHER_OFFICE))

    assert raised.value.code == "office_forbidden"


def test_an_admin_learns_that_an_office_does_not_exist() -> None:
    with pytest.raises(InvalidInput) as raised:
        a_world().manage.create(ADMIN, an_origin(), new_campaign(office_id="off_9"))

    assert raised.value.field == "office_id"


@pytest.mark.parametrize(
    "name", ["sender_ids", "list_ids", "exclude_list_ids", "segment_ids", "exclude_segment_ids"]
)
@pytest.mark.parametrize("kind", ["absent", "foreign"])
def test_senders_and_lists_must_be_the_offices_and_absent_looks_like_foreign(
    name: str, kind: str
) -> None:
    prefix = name.removeprefix("exclude_")[:3].replace("sen", "snd").replace("lis", "lst")
    wrong = f"{prefix}_9" if kind == "foreign" else f"{prefix}_0"

    with pytest.raises(InvalidInput) as raised:
        a_world().manage.create(MINE, an_origin(), new_campaign(**{name: (wrong,)}))

    assert raised.value.field == name
    assert raised.value.detail == (
        f"{name} names something that the campaign's office does not have."
    )


def test_a_text_that_is_no_template_is_refused() -> None:
    with pytest.raises(InvalidInput) as raised:
        a_world().manage.create(MINE, an_origin(), new_campaign(body="Hi {{ name"))

    assert (raised.value.field, raised.value.code) == ("body", "template_syntax")


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"body": "x" * 3201}, "body"),
        ({"operated_by": "nobody"}, "operated_by"),
        ({"tags": ("",)}, "tags"),
        ({"tags": ("x" * 81,)}, "tags"),
        ({"list_ids": tuple(f"lst_{n}" for n in range(51))}, "list_ids"),
    ],
)
def test_a_command_outside_its_limits_cannot_be_made(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        new_campaign(**wrong)

    assert raised.value.field == name


def test_a_foreign_campaign_looks_absent_whatever_is_done_to_it() -> None:
    world = a_world(a_campaign(office_id=OTHER_OFFICE))

    calls: list[Callable[[], object]] = [
        lambda: world.manage.get(MINE, "cmp_1"),
        lambda: world.manage.change(MINE, "cmp_1", CampaignChange(title="x"), 1),
        lambda: world.manage.recount(MINE, "cmp_1"),
        *(partial(act, world.manage, an_origin(), "cmp_1") for act in ACTIONS.values()),
    ]
    for call in calls:
        with pytest.raises(NotFound) as raised:
            call()
        assert raised.value.code == "campaign_not_found"
    assert world.campaigns.get("cmp_1") == a_campaign(office_id=OTHER_OFFICE)


def test_what_a_test_key_makes_is_a_test_and_what_a_person_makes_is_what_they_say() -> None:
    """P3"""
    manage = a_world().manage

    assert manage.create(A_TEST_KEY, an_origin(), new_campaign()).is_test
    assert manage.create(MINE, an_origin(), new_campaign(is_test=True)).is_test
    assert not manage.create(MINE, an_origin(), new_campaign()).is_test


def test_a_test_key_touches_no_campaign_that_is_none() -> None:
    """P3: it cannot launch, resume, schedule or edit what would reach a provider."""
    for action, act in KEYED.items():
        world = a_world(in_state(next(iter(states_allowing(action)))))

        with pytest.raises(Forbidden) as raised:
            act(world.manage, an_origin(), "cmp_1")

        assert raised.value.code == "test_key_forbidden"
        assert world.campaigns.get("cmp_1").version == 1
        assert world.plans.messages == world.sends.messages == []


def test_a_test_key_may_do_to_a_test_campaign_what_its_role_may() -> None:
    for action, act in KEYED.items():
        world = a_world(in_state(next(iter(states_allowing(action))), is_test=True))

        act(world.manage, an_origin(), "cmp_1")

        assert world.campaigns.get("cmp_1").version == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda manage: manage.change(A_TEST_KEY, "cmp_1", CampaignChange(title="x"), 1),
        lambda manage: manage.recount(A_TEST_KEY, "cmp_1"),
    ],
    ids=["change", "recount"],
)
def test_a_test_key_changes_no_campaign_that_is_none(
    act: Callable[[ManageCampaigns], object],
) -> None:
    with pytest.raises(Forbidden):
        act(a_world(a_campaign()).manage)


def test_a_launch_marks_the_campaign_and_queues_its_plan() -> None:
    world = a_world(in_state(CampaignStatus.SCHEDULED, schedule_at=LATER, launch_error="Old."))

    launched = world.manage.launch(MINE, an_origin(), "cmp_1")

    assert (launched.status, launched.launched_at) == (CampaignStatus.PROCESSING, NOON)
    assert (launched.schedule_at, launched.launch_error) == (None, None)
    assert world.plans.messages == [{"campaign_id": "cmp_1"}]


def test_a_launch_names_everything_that_is_missing() -> None:
    world = a_world(a_campaign(body=" ", sender_ids=(), list_ids=()))

    with pytest.raises(Conflict) as raised:
        world.manage.launch(MINE, an_origin(), "cmp_1")

    assert raised.value.code == "campaign_not_ready"
    assert raised.value.extra == {"missing": ["body", "sender_ids", "list_ids"]}
    assert world.plans.messages == []


def test_a_retried_launch_queues_the_plan_again_and_launches_once() -> None:
    world = a_world(a_campaign())
    first = world.manage.launch(MINE, an_origin("key"), "cmp_1")
    world.clock.sleep(5)

    second = world.manage.launch(MINE, an_origin("key"), "cmp_1")

    assert second == first
    assert world.plans.messages == [{"campaign_id": "cmp_1"}] * 2


def test_a_launch_retried_when_it_is_active_finds_it_so_and_queues_nothing() -> None:
    world = a_world(a_campaign())
    world.manage.launch(MINE, an_origin("key"), "cmp_1")
    world.campaigns.set_status("cmp_1", CampaignStatus.ACTIVE)
    world.plans.messages.clear()

    again = world.manage.launch(MINE, an_origin("key"), "cmp_1")

    assert again.status is CampaignStatus.ACTIVE
    assert world.plans.messages == []


def test_a_second_launch_by_somebody_else_is_a_conflict() -> None:
    world = a_world(a_campaign())
    world.manage.launch(MINE, an_origin("key"), "cmp_1")

    with pytest.raises(Conflict) as raised:
        world.manage.launch(MINE, an_origin("other key"), "cmp_1")

    assert raised.value.code == "campaign_state"


def test_a_schedule_is_set_moved_and_taken_back() -> None:
    world = a_world(a_campaign())
    manage = world.manage

    first = manage.schedule(MINE, an_origin(), "cmp_1", Schedule(schedule_at=LATER))
    moved_to = LATER + timedelta(days=1)
    second = manage.schedule(MINE, an_origin(), "cmp_1", Schedule(schedule_at=moved_to))
    third = manage.unschedule(MINE, an_origin(), "cmp_1")

    assert (first.status, first.schedule_at) == (CampaignStatus.SCHEDULED, LATER)
    assert (second.status, second.schedule_at) == (CampaignStatus.SCHEDULED, moved_to)
    assert (third.status, third.schedule_at) == (CampaignStatus.DRAFT, None)


@pytest.mark.parametrize("at", [NOON, NOON - timedelta(seconds=1)])
def test_a_schedule_must_lie_in_the_future(at: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        a_world(a_campaign()).manage.schedule(MINE, an_origin(), "cmp_1", Schedule(schedule_at=at))

    assert raised.value.field == "schedule_at"


def test_what_is_not_ready_cannot_be_scheduled() -> None:
    with pytest.raises(Conflict) as raised:
        a_world(a_campaign(list_ids=())).manage.schedule(
            MINE, an_origin(), "cmp_1", Schedule(schedule_at=LATER)
        )

    assert raised.value.code == "campaign_not_ready"


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        (Action.PAUSE, CampaignStatus.ACTIVE, CampaignStatus.PAUSED),
        (Action.RESUME, CampaignStatus.PAUSED, CampaignStatus.ACTIVE),
    ],
)
def test_pause_and_resume_wake_the_senders(
    action: Action, before: CampaignStatus, after: CampaignStatus
) -> None:
    world = a_world(in_state(before, sender_ids=("snd_1", "snd_2")))

    moved = ACTIONS[action](world.manage, an_origin(), "cmp_1")

    assert moved.status is after
    assert world.sends.messages == [{"sender_id": "snd_1"}, {"sender_id": "snd_2"}]


@pytest.mark.parametrize("before", [CampaignStatus.ACTIVE, CampaignStatus.PAUSED])
def test_ending_a_campaign_notes_when(before: CampaignStatus) -> None:
    ended = a_world(in_state(before)).manage.end(MINE, an_origin(), "cmp_1")

    assert (ended.status, ended.finished_at) == (CampaignStatus.FINISHED, NOON)


@pytest.mark.parametrize("action", list(ACTIONS))
def test_what_k4_does_not_know_is_a_conflict_that_names_what_is_allowed(action: Action) -> None:
    either = {action, Action.EDIT_DATE} if action is Action.SCHEDULE else {action}
    allowing = frozenset[CampaignStatus]().union(*map(states_allowing, either))
    for status in set(CampaignStatus) - allowing:
        world = a_world(in_state(status))

        with pytest.raises(Conflict) as raised:
            ACTIONS[action](world.manage, an_origin(), "cmp_1")

        assert raised.value.code == "campaign_state"
        assert raised.value.extra == {
            "state": status,
            "reason": refusal(status, action),
            "allowed_actions": allowed_actions(status),
        }


def test_a_change_needs_the_present_version() -> None:
    world = a_world(a_campaign(version=3))

    with pytest.raises(Conflict) as raised:
        world.manage.change(MINE, "cmp_1", CampaignChange(title="x"), 2)

    assert (raised.value.code, raised.value.extra) == ("version_conflict", {"version": 3})
    assert world.manage.change(MINE, "cmp_1", CampaignChange(title="x"), None).title == "x"


def test_a_change_leaves_out_what_it_does_not_name() -> None:
    world = a_world(a_campaign())

    changed = world.manage.change(
        MINE, "cmp_1", CampaignChange(title="Summer", list_ids=("lst_1", "lst_1")), 1
    )

    assert changed == a_campaign(title="Summer", version=2)


def test_an_empty_change_changes_nothing() -> None:
    world = a_world(in_state(CampaignStatus.ACTIVE))

    assert world.manage.change(MINE, "cmp_1", CampaignChange(), 1) == in_state(
        CampaignStatus.ACTIVE
    )


@pytest.mark.parametrize("status", list(CampaignStatus))
def test_only_drafts_and_scheduled_and_paused_campaigns_are_edited(status: CampaignStatus) -> None:
    world = a_world(in_state(status))
    editable = {CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.PAUSED}

    if status in editable:
        assert world.manage.change(MINE, "cmp_1", CampaignChange(body="New"), 1).body == "New"
        return
    with pytest.raises(Conflict) as raised:
        world.manage.change(MINE, "cmp_1", CampaignChange(body="New"), 1)
    assert raised.value.code == "campaign_state"


def test_a_paused_campaigns_audience_and_senders_stay() -> None:
    world = a_world(in_state(CampaignStatus.PAUSED))
    change = CampaignChange(list_ids=("lst_1",), sender_ids=("snd_1",), title="x")

    with pytest.raises(Conflict) as raised:
        world.manage.change(MINE, "cmp_1", change, 1)

    assert raised.value.code == "campaign_field_frozen"
    assert raised.value.extra == {"fields": ["list_ids", "sender_ids"]}


@pytest.mark.parametrize("status", [CampaignStatus.SCHEDULED, CampaignStatus.PAUSED])
def test_a_change_cannot_make_a_coming_launch_impossible(status: CampaignStatus) -> None:
    with pytest.raises(Conflict) as raised:
        a_world(in_state(status)).manage.change(MINE, "cmp_1", CampaignChange(body=""), 1)

    assert raised.value.extra == {"missing": ["body"]}


def test_a_changed_list_must_be_the_offices_too() -> None:
    with pytest.raises(InvalidInput) as raised:
        a_world(a_campaign()).manage.change(MINE, "cmp_1", CampaignChange(list_ids=("lst_9",)), 1)

    assert raised.value.field == "list_ids"


def test_a_recount_is_queued() -> None:
    world = a_world(in_state(CampaignStatus.ARCHIVED))

    world.manage.recount(MINE, "cmp_1")

    assert world.recounts.messages == [{"campaign_id": "cmp_1", "reason": "requested"}]


# What bounds a campaign, and what it says (M2, M3, F5, F6, K15, K17) ---------------------


def test_a_draft_keeps_its_variants_follow_ups_hours_and_limits() -> None:
    """K1: sending window, daily limit and content are fields of a campaign."""
    world = a_world()
    wanted: dict[str, Any] = {
        "variants": (Variant("a", 1, "Hi A"), Variant("b", 2, "Hi B")),
        "follow_ups": (FollowUp(3600, StepCondition.NO_REPLY, "Still there?"),),
        "active_hours": active_hours({"days": {"mon": ["09:00-17:00"]}}),
        "daily_limit": 500,
        "pilot_size": 50,
        "ends_at": LATER,
    }

    made = world.manage.create(
        MINE, an_origin(), NewCampaign(title="Spring", office_id=OFFICE, **wanted)
    )

    assert {name: getattr(made, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("variants", (Variant("a", 1, "Hi {{"),)),
        ("follow_ups", (FollowUp(60, StepCondition.ALWAYS, "Hi {{"),)),
        ("ends_at", NOON),
    ],
)
def test_what_a_campaign_cannot_be_made_of_is_refused_by_its_field(
    field_name: str, value: Any
) -> None:
    new = NewCampaign(title="Spring", office_id=OFFICE, **{field_name: value})

    with pytest.raises(InvalidInput) as caught:
        a_world().manage.create(MINE, an_origin(), new)

    assert caught.value.field == field_name


def test_a_campaign_with_variants_needs_no_body() -> None:
    variants = (Variant("a", 1, "Hi A"),)

    assert a_campaign(body="", variants=variants).missing_for_launch() == []
    assert a_campaign(body="").missing_for_launch() == ["body"]


def test_limits_and_hours_of_a_paused_campaign_can_be_changed_and_taken_away() -> None:
    paused = in_state(
        CampaignStatus.PAUSED, daily_limit=5, ends_at=LATER, variants=(Variant("a", 1, "A"),)
    )
    world = a_world(paused)

    changed = world.manage.change(
        MINE,
        "cmp_1",
        CampaignChange(daily_limit=9, unset=("ends_at", "variants")),
        None,
    )

    assert (changed.daily_limit, changed.ends_at, changed.variants) == (9, None, ())


def test_only_what_a_campaign_may_be_without_can_be_taken_away() -> None:
    with pytest.raises(InvalidInput) as caught:
        a_world(a_campaign()).manage.change(MINE, "cmp_1", CampaignChange(unset=("title",)), None)

    assert caught.value.field == "unset"


def test_resuming_ends_what_the_campaign_was_held_for_and_a_pilot_goes_on_with_everybody() -> None:
    pilot = in_state(CampaignStatus.PAUSED, hold_reason=HoldReason.PILOT, pilot_size=10)
    failing = in_state(CampaignStatus.PAUSED, hold_reason=HoldReason.ERROR_RATE, pilot_size=10)

    after_pilot = a_world(pilot).manage.resume(MINE, an_origin(), "cmp_1")
    after_errors = a_world(failing).manage.resume(MINE, an_origin(), "cmp_1")

    assert (after_pilot.hold_reason, after_pilot.pilot_size) == (HoldReason.NONE, None)
    assert (after_errors.hold_reason, after_errors.pilot_size) == (HoldReason.NONE, 10)


def test_a_pilot_that_is_made_larger_while_it_waits_goes_on_as_a_pilot() -> None:
    pilot = in_state(CampaignStatus.PAUSED, hold_reason=HoldReason.PILOT, pilot_size=10)
    world = a_world(pilot)

    world.manage.change(MINE, "cmp_1", CampaignChange(pilot_size=30), None)
    resumed = world.manage.resume(MINE, an_origin(), "cmp_1")

    assert resumed.pilot_size == 30


def test_other_changes_leave_a_pilot_that_waits_as_it_is() -> None:
    pilot = in_state(CampaignStatus.PAUSED, hold_reason=HoldReason.PILOT, pilot_size=10)

    changed = a_world(pilot).manage.change(MINE, "cmp_1", CampaignChange(title="Other"), None)

    assert changed.hold_reason is HoldReason.PILOT


@pytest.mark.parametrize("action", [Action.END, Action.ARCHIVE])
def test_what_is_over_is_held_by_nothing(action: Action) -> None:
    held = in_state(
        CampaignStatus.PAUSED, hold_reason=HoldReason.ERROR_RATE, hold_until=LATER, ends_at=LATER
    )

    over = ACTIONS[action](a_world(held).manage, an_origin(), "cmp_1")

    assert (over.hold_reason, over.hold_until) == (HoldReason.NONE, None)


@pytest.mark.parametrize(
    ("status", "action"),
    [(CampaignStatus.DRAFT, Action.LAUNCH), (CampaignStatus.PAUSED, Action.RESUME)],
)
def test_a_campaign_whose_end_has_passed_neither_starts_nor_goes_on(
    status: CampaignStatus, action: Action
) -> None:
    world = a_world(in_state(status, ends_at=NOON))

    with pytest.raises(Conflict) as caught:
        ACTIONS[action](world.manage, an_origin(), "cmp_1")

    assert caught.value.code == "campaign_over"
    assert world.campaigns.get("cmp_1").status is status


@pytest.mark.parametrize(
    ("schedule", "field_name"),
    [
        (Schedule(schedule_at=LATER), "schedule_at"),
        (Schedule(local_at="2026-11-27T10:00"), "local_at"),
    ],
)
def test_a_campaign_is_not_scheduled_after_its_end(schedule: Schedule, field_name: str) -> None:
    world = a_world(in_state(CampaignStatus.DRAFT, ends_at=LATER))

    with pytest.raises(InvalidInput) as caught:
        world.manage.schedule(MINE, an_origin(), "cmp_1", schedule)

    assert caught.value.field == field_name


def test_the_end_of_a_scheduled_campaign_does_not_move_before_its_start() -> None:
    world = a_world(in_state(CampaignStatus.SCHEDULED, schedule_at=LATER))

    with pytest.raises(InvalidInput) as caught:
        world.manage.change(MINE, "cmp_1", CampaignChange(ends_at=LATER), None)

    assert caught.value.field == "ends_at"


def test_a_campaign_that_changes_while_it_is_resumed_is_looked_at_again() -> None:
    class IsEditedMeanwhile(FakeCampaigns):
        def transition(self, seen: Campaign, action: Action, *args: Any, **more: Any) -> Campaign:
            self.change(self.get(seen.id), {"pilot_size": 30}, NOON)
            return super().transition(seen, action, *args, **more)

    world = World(IsEditedMeanwhile(in_state(CampaignStatus.PAUSED, pilot_size=10)))

    with pytest.raises(Conflict) as caught:
        world.manage.resume(MINE, an_origin(), "cmp_1")

    assert caught.value.code == "version_conflict"


def test_a_field_is_not_set_and_taken_away_at_once() -> None:
    change = CampaignChange(daily_limit=9, unset=("daily_limit",))

    with pytest.raises(InvalidInput) as caught:
        a_world(a_campaign()).manage.change(MINE, "cmp_1", change, None)

    assert caught.value.field == "unset"


def test_a_schedule_on_recipients_own_clocks_is_planned_when_the_first_place_reaches_it() -> None:
    world = a_world(in_state(CampaignStatus.DRAFT))

    made = world.manage.schedule(MINE, an_origin(), "cmp_1", Schedule(local_at="2026-11-27T10:00"))

    assert made.local_at == "2026-11-27T10:00"
    assert made.schedule_at == datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
    back = world.manage.unschedule(MINE, an_origin(), "cmp_1")
    assert (back.schedule_at, back.local_at) == (None, None)


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"schedule_at": LATER, "local_at": "2026-11-27T10:00"},
        {"local_at": "2026-11-27 10:00"},
        {"local_at": "2026-13-27T10:00"},
        {"local_at": "2026-11-21T20:00"},
        {"local_at": "0001-01-01T00:00"},
        {"local_at": "9999-12-31T23:59"},
    ],
)
def test_a_schedule_that_names_no_time_to_come_is_refused(schedule: dict[str, Any]) -> None:
    world = a_world(in_state(CampaignStatus.DRAFT))

    with pytest.raises(InvalidInput):
        world.manage.schedule(MINE, an_origin(), "cmp_1", Schedule(**schedule))


# Short links, smart encoding, the review of texts (M4, M6, M7) ---------------------

OFFER, TERMS = Link("offer", "https://example.com/a"), Link("terms", "https://example.com/b")


def test_a_draft_keeps_its_links_and_whether_to_spell_plainly() -> None:
    world = a_world()

    created = world.manage.create(
        MINE, an_origin(), new_campaign(links=(OFFER, TERMS), smart_encoding=True)
    )

    assert (created.links, created.smart_encoding) == ((OFFER, TERMS), True)
    changed = world.manage.change(MINE, created.id, CampaignChange(unset=("links",)), None)
    assert changed.links == ()


@pytest.mark.parametrize(
    ("links", "is_allowed"),
    [
        ((OFFER, TERMS), True),
        ((OFFER,), True),
        ((TERMS, OFFER), False),
        ((replace(OFFER, url="https://example.com/other"),), False),
        ((replace(OFFER, name="other"),), False),
        ((), False),
    ],
)
def test_after_the_launch_links_are_only_added(links: tuple[Link, ...], is_allowed: bool) -> None:
    """K10, M6: what was sent leads where it led."""
    paused = in_state(CampaignStatus.PAUSED, launched_at=NOON, links=(OFFER,), link_key="k" * 32)
    world = a_world(paused)

    if is_allowed:
        assert world.manage.change(MINE, "cmp_1", CampaignChange(links=links), None).links == links
        return
    with pytest.raises(Conflict) as caught:
        world.manage.change(MINE, "cmp_1", CampaignChange(links=links), None)
    assert caught.value.code == "campaign_field_frozen"


def test_a_campaign_that_an_earlier_version_launched_can_have_no_links() -> None:
    world = a_world(in_state(CampaignStatus.PAUSED, launched_at=NOON))

    with pytest.raises(Conflict) as caught:
        world.manage.change(MINE, "cmp_1", CampaignChange(links=(OFFER,)), None)

    assert caught.value.code == "campaign_field_frozen"


def test_what_the_texts_lack_keeps_a_campaign_from_launch_and_schedule() -> None:
    world = a_world(a_campaign())
    world.missing = ["links", "opt_out_missing"]

    with pytest.raises(Conflict) as caught:
        world.manage.launch(MINE, an_origin(), "cmp_1")
    assert caught.value.code == "campaign_not_ready"
    assert caught.value.extra == {"missing": ["links", "opt_out_missing"]}
    with pytest.raises(Conflict):
        world.manage.schedule(MINE, an_origin(), "cmp_1", Schedule(schedule_at=LATER))
    assert world.campaigns.get("cmp_1").status is CampaignStatus.DRAFT


def test_a_scheduled_campaign_cannot_be_changed_into_one_that_is_not_ready() -> None:
    world = a_world(in_state(CampaignStatus.SCHEDULED, schedule_at=LATER))
    world.missing = ["sender_not_named"]

    with pytest.raises(Conflict):
        world.manage.change(MINE, "cmp_1", CampaignChange(body="Hello"), None)
