"""Planning that dies or is done twice at any instant freezes one audience and wakes everybody."""

from collections.abc import Callable

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.usecases.plan_audience import Planned
from tests.support.crash_points import Crash, Steps, crash, tapped
from tests.support.planning import PlanningWorld, a_launched_campaign


def a_world() -> PlanningWorld:
    return PlanningWorld(
        lists={"lst_a": range(9), "lst_b": range(7, 12), "lst_no": range(2)},
        campaign=a_launched_campaign(
            list_ids=("lst_a", "lst_b"),
            exclude_list_ids=("lst_no",),
            sender_ids=("snd_a", "snd_b"),
        ),
    )


def an_empty_world() -> PlanningWorld:
    return PlanningWorld(
        lists={"lst_a": range(9), "lst_no": range(9)},
        campaign=a_launched_campaign(exclude_list_ids=("lst_no",)),
    )


def run_until_done(world: PlanningWorld, steps: Steps) -> None:
    """Deliver as SQS does: a message whose handler died comes again, beside its successors."""
    ports = tapped(world.ports, steps)
    waiting = [{"campaign_id": "cmp_a"}]
    while waiting or world.plan_queue.messages:
        waiting += world.plan_queue.messages
        world.plan_queue.messages.clear()
        try:
            world.deliver(ports)
        except Crash:
            continue
        waiting.pop(0)


def rehearsed(make: Callable[[], PlanningWorld]) -> tuple[PlanningWorld, int]:
    world, steps = make(), Steps()
    run_until_done(world, steps)
    return world, len(steps.names)


def test_the_rehearsal_ends_active_and_the_empty_one_in_draft() -> None:
    assert rehearsed(a_world)[0].campaign.status is CampaignStatus.ACTIVE
    assert rehearsed(a_world)[0].campaign.total == 10
    assert rehearsed(an_empty_world)[0].campaign.status is CampaignStatus.DRAFT


@pytest.mark.parametrize("make", [a_world, an_empty_world])
def test_a_crash_at_any_point_gives_the_same_as_no_crash(make: Callable[[], PlanningWorld]) -> None:
    expected, taps = rehearsed(make)

    for number in range(1, taps + 1):
        world, steps = make(), Steps({number: crash})
        run_until_done(world, steps)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


@pytest.mark.parametrize("make", [a_world, an_empty_world])
@pytest.mark.parametrize("deliveries", [1, 2, 9])
def test_another_runner_overtaking_at_any_point_changes_nothing(
    make: Callable[[], PlanningWorld], deliveries: int
) -> None:
    expected, taps = rehearsed(make)

    for number in range(1, taps + 1):
        world = make()

        def overtake(world: PlanningWorld = world) -> None:
            for _ in range(deliveries):
                world.deliver()

        steps = Steps({number: overtake})
        run_until_done(world, steps)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


def test_archiving_at_any_point_leaves_it_archived_or_never_undoes_an_activation() -> None:
    _, taps = rehearsed(a_world)

    for number in range(1, taps + 1):
        world = a_world()

        def archive(world: PlanningWorld = world) -> None:
            world.archive()

        steps = Steps({number: archive})
        run_until_done(world, steps)

        assert world.campaign.status is CampaignStatus.ARCHIVED, steps.names[number - 1]


def test_a_runner_that_was_overtaken_leaves_the_rest_to_the_other() -> None:
    names = Steps()
    rehearsal, world = a_world(), a_world()
    rehearsal.deliver(tapped(rehearsal.ports, names))
    move = names.names.index("after objects.put") + 2

    answer = world.deliver(tapped(world.ports, Steps({move: world.deliver})))

    assert names.names[move - 1] == "before campaigns.save_plan"
    assert answer is Planned.NOTHING
    assert world.campaign.planned_parts == 1
    assert world.plan_queue.messages == [{"campaign_id": "cmp_a"}]
