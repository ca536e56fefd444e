"""Imports and exports of opt-outs that die or are done twice at any instant (O5)."""

from collections.abc import Callable
from typing import Any

import pytest

from carillon.domain.consent_jobs import ExportStatus
from carillon.domain.contacts import ImportStatus
from tests.support.crash_points import Crash, Steps, crash, tapped
from tests.support.moving_opt_outs import MovingWorld

CSV = b"""phone,note
+12025550100,a
+12025550101,b
not a number,c
+12025550100,d
+12025550102,e
,f
+12025550101,g
+12025550103,h
"""
IMPORT, EXPORT = {"import_id": "imp_a"}, {"export_id": "exp_a"}
JOBS = pytest.mark.parametrize("message", [IMPORT, EXPORT], ids=["import", "export"])


def a_world() -> MovingWorld:
    world = MovingWorld(CSV)
    world.says("+12025550102", out=True, minute=-5)
    for n in range(10, 17):
        world.says(f"+120255501{n}", out=True, minute=-5)
    return world


def run_until_done(world: MovingWorld, steps: Steps, message: dict[str, str]) -> None:
    """Deliver as SQS does: a message whose handler died comes again, beside its successors."""
    ports = tapped(_ports(world, message), steps)
    waiting = [message]
    while waiting or world.queue.messages:
        waiting += world.queue.messages
        world.queue.messages.clear()
        now = waiting[0]
        try:
            world.deliver(now, ports)
        except Crash:
            continue
        waiting.remove(now)


def rehearsed(message: dict[str, str]) -> tuple[MovingWorld, int]:
    world, steps = a_world(), Steps()
    run_until_done(world, steps, message)
    return world, len(steps.names)


def test_the_rehearsals_have_every_outcome() -> None:
    imported, import_taps = rehearsed(IMPORT)
    exported, export_taps = rehearsed(EXPORT)

    assert imported.imported.status is ImportStatus.DONE
    assert {str(name): n for name, n in imported.imported.tally.outcomes.items()} == {
        "created": 3,
        "duplicate": 3,
        "invalid": 2,
    }
    assert (exported.exported.status, exported.exported.rows) == (ExportStatus.DONE, 8)
    assert len(exported.exported.pieces) > 3
    assert import_taps > 40
    assert export_taps > 30


@JOBS
def test_a_crash_at_any_point_gives_the_same_as_no_crash(message: dict[str, str]) -> None:
    expected, taps = rehearsed(message)

    for number in range(1, taps + 1):
        world, steps = a_world(), Steps({number: crash})
        run_until_done(world, steps, message)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


@JOBS
def test_two_crashes_give_the_same_as_none(message: dict[str, str]) -> None:
    expected, taps = rehearsed(message)

    for first in range(1, taps + 1, 3):
        for gap in (1, 2, 5, 11):
            world, steps = a_world(), Steps({first: crash, first + gap: crash})
            run_until_done(world, steps, message)

            assert world.outcome() == expected.outcome(), (first, gap)


@JOBS
@pytest.mark.parametrize("deliveries", [1, 2, 9])
def test_another_runner_overtaking_at_any_point_changes_nothing(
    message: dict[str, str], deliveries: int
) -> None:
    expected, taps = rehearsed(message)

    for number in range(1, taps + 1):
        world = a_world()

        def overtake(world: MovingWorld = world) -> None:
            for _ in range(deliveries):
                world.deliver(message)

        steps = Steps({number: overtake})
        run_until_done(world, steps, message)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


@JOBS
def test_a_runner_that_was_overtaken_leaves_the_rest_to_the_other(message: dict[str, str]) -> None:
    rehearsal, world, names = a_world(), a_world(), Steps()
    commit = "jobs.advance_import" if message is IMPORT else "jobs.advance_export"
    rehearsal.deliver(message, tapped(_ports(rehearsal, message), names))
    number = names.names.index("after files.put") + 2
    assert names.names[number - 1] == f"before {commit}"

    steps = Steps({number: lambda: world.deliver(message)})
    world.deliver(message, tapped(_ports(world, message), steps))

    assert world.queue.messages == [message]


def test_a_slow_runner_does_not_overwrite_what_a_faster_one_has_read_since() -> None:
    """Somebody comes back between the two readings, so the second reads one more person."""
    world, steps = a_world(), Steps()

    def overtake() -> None:
        world.says("+12025550110", out=False, minute=9)
        world.deliver(EXPORT)

    steps.at(5, overtake)
    run_until_done(world, steps, EXPORT)

    assert steps.names[3:5] == ["after listed.lane_after", "before files.put"]
    lines = world.text(world.exported.object_key).splitlines()[1:]
    assert len(lines) == world.exported.rows == 7
    assert {line.partition(",")[0] for line in lines} == {f"'{phone}" for phone in world.out()}


def _ports(world: MovingWorld, message: dict[str, str]) -> Any:
    return world.importing if message is IMPORT else world.exporting


def at_every_tap(act: Callable[[MovingWorld], object]) -> list[MovingWorld]:
    """Run the import once for each tap, with *act* happening there."""
    _, taps = rehearsed(IMPORT)
    worlds = []
    for number in range(1, taps + 1):
        world = a_world()
        steps = Steps({number: lambda world=world: act(world)})  # type: ignore[misc]
        run_until_done(world, steps, IMPORT)
        worlds.append(world)
    return worlds


def test_a_start_during_the_import_always_wins_and_every_row_is_counted() -> None:
    def start(world: MovingWorld) -> None:
        world.says("+12025550101", out=False, minute=5)

    for world in at_every_tap(start):
        assert "+12025550101" not in world.out()
        assert world.imported.tally.rows == 8
        assert world.imported.status is ImportStatus.DONE


def test_a_stop_during_the_import_leaves_them_out_and_every_row_is_counted() -> None:
    def stop(world: MovingWorld) -> None:
        world.says("+12025550101", out=True, minute=5)

    for world in at_every_tap(stop):
        assert "+12025550101" in world.out()
        assert world.imported.tally.rows == 8
