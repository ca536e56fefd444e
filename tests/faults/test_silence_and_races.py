"""Answers and receipts both lost, and two pacers over one part: still nobody twice, nobody lost."""

from collections.abc import Callable

import pytest

from carillon.domain.lead import LeadStatus
from tests.faults.world import Crash, World


def a_silent_world(leads: int = 3) -> World:
    """A carrier that takes every message, drops every other answer and loses every receipt."""
    world = World(leads=leads)
    world.carrier.behave = lambda n: "drop_reply" if n % 2 else "accept"
    world.carrier.emit = lambda *_: None
    return world


def test_without_answer_and_receipt_the_providers_log_tells_what_was_sent() -> None:
    world = a_silent_world()

    world.run()

    world.assert_never_twice_never_lost()
    assert world.statuses() == {LeadStatus.DELIVERED: 3}
    assert world.carrier.calls == 3


def test_a_crash_at_any_point_of_that_silence_sends_nobody_twice() -> None:
    rehearsal = a_silent_world()
    rehearsal.run()

    for number in range(1, len(rehearsal.taps) + 1):
        world = a_silent_world()
        seen = 0

        def tap(_: str, number: int = number) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                raise Crash

        world.tap = tap

        world.run()

        world.assert_never_twice_never_lost()


@pytest.mark.parametrize(
    "where", ["after leads.rows", "before leads.claim", "after leads.claim", "before provider.send"]
)
def test_two_pacers_that_have_read_the_same_part_send_each_lead_once(where: str) -> None:
    world = World(leads=6)
    races: list[Callable[[], None]] = [lambda: world._pace("snd_a")] * 3

    def race(at: str) -> None:
        if at == where and races:
            world.directory.leases["snd_a"] = None
            races.pop()()

    world.tap = race

    world.run()

    world.assert_never_twice_never_lost()
    assert races == []
