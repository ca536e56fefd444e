"""
Crash before and after every external call, redeliver everything: nobody twice, nobody lost (F2).

Every run is deterministic, so the n-th tap of a run without a crash is the same
place in a run that crashes there.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from carillon.domain.clock import from_iso
from carillon.domain.lead import LeadStatus
from tests.faults.world import Crash, World

BEHAVIOURS: dict[str, Callable[[int], str]] = {
    "accepts everything": lambda _: "accept",
    "drops the answer to every second call": lambda n: "drop_reply" if n % 2 else "accept",
    "hangs without accepting, now and then": lambda n: "hang" if n % 3 == 1 else "accept",
    "is unavailable, now and then": lambda n: "unavailable" if n % 3 == 1 else "accept",
    "throttles, now and then": lambda n: "throttled" if n % 3 == 1 else "accept",
    "sends receipts before its answer": lambda _: "early_receipt",
    "rejects every second": lambda n: "rejected" if n % 2 else "accept",
}


def crash_at(world: World, numbers: set[int]) -> None:
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen in numbers:
            raise Crash

    world.tap = tap


def a_world(behaviour: str, leads: int = 3) -> World:
    world = World(leads=leads)
    world.carrier.behave = BEHAVIOURS[behaviour]
    return world


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_without_a_crash_every_lead_is_sent_once_and_the_campaign_finishes(behaviour: str) -> None:
    world = a_world(behaviour)

    world.run()

    world.assert_never_twice_never_lost()
    assert world.broken == []
    assert [message["reason"] for message in world.recounts.messages] == ["close"]


@pytest.mark.parametrize("behaviour", [*BEHAVIOURS, "hangs on one lead three times"])
def test_a_campaign_finishes_within_half_a_minute_of_its_last_lead(behaviour: str) -> None:
    world = World(leads=3)
    world.carrier.behave = BEHAVIOURS.get(
        behaviour, lambda call: "hang" if call in (1, 4, 5) else "accept"
    )
    # Longer than the look that follows a retry.
    world.carrier.delivered_after_s = 8.0

    world.run()

    settled = [from_iso(item["final_at"]) for item in world.messages.items.values()]
    finished_at = world.campaign().finished_at
    assert finished_at is not None
    assert finished_at - max(settled) <= timedelta(seconds=30)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_crash_at_any_point_neither_repeats_nor_loses_a_lead(behaviour: str) -> None:
    """F2: never twice and never lost, before and after every external call."""
    rehearsal = a_world(behaviour)
    rehearsal.run()

    for number in range(1, len(rehearsal.taps) + 1):
        world = a_world(behaviour)
        crash_at(world, {number})

        world.run()

        where = rehearsal.taps[number - 1]
        try:
            world.assert_never_twice_never_lost()
        except AssertionError as error:
            raise AssertionError(f"crash {where} (tap {number}): {error}") from error


def test_two_crashes_at_any_two_points_neither_repeat_nor_lose_a_lead() -> None:
    rehearsal = a_world("drops the answer to every second call", leads=2)
    rehearsal.run()
    taps = len(rehearsal.taps)

    for first in range(1, taps + 1):
        for second in range(first + 1, taps + 12, 3):
            world = a_world("drops the answer to every second call", leads=2)
            crash_at(world, {first, second})

            world.run()

            world.assert_never_twice_never_lost()


def test_a_receipt_that_never_comes_is_fetched_from_the_provider() -> None:
    world = World(leads=3)
    world.carrier.emit = lambda *_: None

    world.run()

    world.assert_never_twice_never_lost()
    assert world.statuses() == {LeadStatus.DELIVERED: 3}


def test_a_message_that_never_gets_a_final_word_ends_unconfirmed_after_72_hours() -> None:
    world = World(leads=2)
    world.carrier.emit = lambda *_: None
    world.carrier.final = lambda _: LeadStatus.SUBMITTED

    world.run(until_s=80 * 3600)

    world.assert_never_twice_never_lost()
    assert world.statuses() == {LeadStatus.UNCONFIRMED: 2}


def test_a_provider_that_never_takes_a_message_fails_it_after_the_last_attempt() -> None:
    world = World(leads=2)
    world.carrier.behave = lambda _: "unavailable"

    world.run()

    world.assert_never_twice_never_lost()
    assert world.statuses() == {LeadStatus.FAILED: 2}
    assert world.carrier.calls == 8
