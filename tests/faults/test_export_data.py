"""Exports that die or are done twice at any instant are one file, each row once (T7)."""

from dataclasses import replace

import pytest

from carillon.domain.exports import ExportKind, ExportState
from carillon.usecases.export_data import ExportingWorld, export_data
from tests.support.clock import NOON
from tests.support.crash_points import Crash, Steps, crash, tapped
from tests.support.exporting import ANN, BEN, CLEO, ExportWorld, a_message, a_reply

KINDS = pytest.mark.parametrize(
    "kind", [ExportKind.MESSAGES, ExportKind.CONVERSATIONS, ExportKind.CAMPAIGNS]
)


def a_world(kind: ExportKind) -> ExportWorld:
    world = ExportWorld()
    world.messages.put(
        "cmp_a#00000",
        a_message(),
        a_reply(),
        a_reply(number=2),
        a_message(suffix="#s1", kind="follow_up"),
    )
    world.messages.put("cmp_a#00001", a_message(BEN), a_reply(BEN), a_message(CLEO))
    world.messages.put("unsolicited#snd_1#00", a_reply(CLEO))
    world.ask(kind=kind)
    return world


def tapped_ports(world: ExportWorld, steps: Steps) -> ExportingWorld:
    ports = tapped(world.world, steps)
    sources = tapped(world.world.sources, steps)
    return replace(ports, sources=sources, formats=world.world.formats)


def run_until_done(world: ExportWorld, steps: Steps) -> None:
    """Deliver as SQS does: a message whose handler died comes again, beside its successors."""
    ports = tapped_ports(world, steps)
    waiting = world.queue.messages[:]
    world.queue.messages.clear()
    while waiting or world.queue.messages:
        waiting += world.queue.messages
        world.queue.messages.clear()
        message = waiting[0]
        try:
            export_data(ports, export_id=message["export_id"], budget_s=0)
        except Crash:
            continue
        waiting.remove(message)


def rehearsed(kind: ExportKind) -> tuple[ExportWorld, int]:
    world, steps = a_world(kind), Steps()
    run_until_done(world, steps)
    return world, len(steps.names)


def test_the_rehearsal_reads_stores_and_puts_together() -> None:
    world, taps = rehearsed(ExportKind.MESSAGES)

    job = world.jobs.get("exp_a")
    assert (job.status, job.rows) == (ExportState.DONE, 8)
    assert len(job.pieces) > 3
    assert taps > 60


@KINDS
def test_a_crash_at_any_point_gives_the_same_as_no_crash(kind: ExportKind) -> None:
    expected, taps = rehearsed(kind)

    for number in range(1, taps + 1):
        world, steps = a_world(kind), Steps({number: crash})
        run_until_done(world, steps)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


@KINDS
@pytest.mark.parametrize("deliveries", [1, 2, 9])
def test_another_runner_overtaking_at_any_point_changes_nothing(
    kind: ExportKind, deliveries: int
) -> None:
    expected, taps = rehearsed(kind)

    for number in range(1, taps + 1):
        world = a_world(kind)

        def overtake(world: ExportWorld = world) -> None:
            for _ in range(deliveries):
                export_data(world.world, export_id="exp_a", budget_s=0)

        steps = Steps({number: overtake})
        run_until_done(world, steps)

        assert world.outcome() == expected.outcome(), steps.names[number - 1]


def test_a_slow_runner_does_not_overwrite_what_a_faster_one_has_read_since() -> None:
    """A message goes between the two readings, so that the second reads one more."""
    for number in range(1, rehearsed(ExportKind.MESSAGES)[1] + 1):
        world = a_world(ExportKind.MESSAGES)

        def overtake(world: ExportWorld = world) -> None:
            world.messages.put("cmp_a#00000", a_reply(ANN, 9, at=NOON))
            export_data(world.world, export_id="exp_a", budget_s=0)

        run_until_done(world, Steps({number: overtake}))

        job = world.jobs.get("exp_a")
        names = [(row["phone"], row["kind"], row["at"]) for row in world.read(job)]
        assert len(names) == job.rows
        assert len(set(names)) == len(names)
        assert job.rows in (8, 9)
