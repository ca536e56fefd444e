"""An import that dies or is done twice at any instant counts every row once (C2)."""

import pytest

from carillon.domain.contacts import ImportStatus
from tests.support.crash_points import Crash, Steps, crash, tapped
from tests.support.importing import ImportWorld

CSV = b"""phone,first name
+12025550100,Ann
+12025550101,Bob
not a number,Cat
+12025550100,Dan
+12025550102,Eve
,Fay
+12025550101,Gus
+12025550103,Hal
"""


def a_world() -> ImportWorld:
    return ImportWorld(CSV, opted_out=("+12025550102",), chunk_rows=3)


def run_until_done(world: ImportWorld, steps: Steps) -> None:
    """Deliver as SQS does: a message whose handler died comes again, beside its successors."""
    ports = tapped(world.ports, steps)
    waiting = [{"import_id": "imp_a"}]
    while waiting or world.queue.messages:
        waiting += world.queue.messages
        world.queue.messages.clear()
        message = waiting[0]
        try:
            world.deliver(ports, import_id=message["import_id"])
        except Crash:
            continue
        waiting.remove(message)


def rehearsed() -> tuple[ImportWorld, int]:
    world, steps = a_world(), Steps()
    run_until_done(world, steps)
    return world, len(steps.names)


def test_the_rehearsal_has_every_outcome() -> None:
    world, taps = rehearsed()

    assert world.job.status is ImportStatus.DONE
    assert {str(outcome): n for outcome, n in world.job.tally.outcomes.items()} == {
        "created": 3,
        "suppressed": 1,
        "duplicate": 2,
        "invalid": 2,
    }
    assert taps > 60


def test_a_crash_at_any_point_gives_the_same_as_no_crash() -> None:
    expected, taps = rehearsed()

    for number in range(1, taps + 1):
        world, steps = a_world(), Steps({number: crash})
        run_until_done(world, steps)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


def test_two_crashes_give_the_same_as_none() -> None:
    expected, taps = rehearsed()

    for first in range(1, taps + 1, 3):
        for gap in (1, 2, 5, 11):
            world, steps = a_world(), Steps({first: crash, first + gap: crash})
            run_until_done(world, steps)

            assert world.outcome() == expected.outcome(), (first, gap)


@pytest.mark.parametrize("deliveries", [1, 2, 9])
def test_another_runner_overtaking_at_any_point_changes_nothing(deliveries: int) -> None:
    expected, taps = rehearsed()

    for number in range(1, taps + 1):
        world = a_world()

        def overtake(world: ImportWorld = world) -> None:
            for _ in range(deliveries):
                world.deliver()

        steps = Steps({number: overtake})
        run_until_done(world, steps)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


def test_a_runner_that_was_overtaken_leaves_the_rest_to_the_other() -> None:
    names = Steps()
    rehearsal, world = a_world(), a_world()
    rehearsal.deliver(tapped(rehearsal.ports, names))
    commit = names.names.index("after files.put") + 2

    job = world.deliver(tapped(world.ports, Steps({commit: world.deliver})))

    assert names.names[commit - 1] == "before lists.advance_import"
    assert job.tally.rows == 0
    assert world.job.tally.rows == 3
    assert world.queue.messages == [{"list_id": "lst_a", "import_id": "imp_a"}]
