"""Pause, end and a stolen lease take effect at the next claim, at every step (F4, F6)."""

from collections.abc import Callable
from datetime import timedelta

from carillon.domain.campaign import CampaignStatus
from tests.faults.world import World


def taps_of_a_quiet_run() -> list[str]:
    world = World(leads=3)
    world.run()
    return world.taps


def act_at(world: World, number: int, act: Callable[[], None]) -> None:
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    world.tap = tap


def test_a_pause_at_any_step_lets_one_call_through_at_most_and_a_resume_finishes() -> None:
    """F4: a pause binds at the next claim."""
    taps = taps_of_a_quiet_run()
    for number in range(1, len(taps) + 1):
        world = World(leads=3)
        sent_at_pause: list[int] = []

        def pause(world: World = world, sent_at_pause: list[int] = sent_at_pause) -> None:
            if world.campaign().status is CampaignStatus.ACTIVE:
                world.set_status(CampaignStatus.PAUSED)
                sent_at_pause.append(len(world.carrier.ledger))
                world.at(120.0, lambda: check_and_resume(world, sent_at_pause))

        def check_and_resume(world: World, sent_at_pause: list[int]) -> None:
            sent_at_pause.append(len(world.carrier.ledger))
            if world.campaign().status is CampaignStatus.PAUSED:
                world.set_status(CampaignStatus.ACTIVE)

        act_at(world, number, pause)

        world.run()

        world.assert_never_twice_never_lost()
        if sent_at_pause:
            let_through = sent_at_pause[1] - sent_at_pause[0]
            allowed = 1 if taps[number - 1] in ("after gate.look", "before provider.send") else 0
            assert let_through <= allowed, taps[number - 1]


def test_an_end_at_any_step_stops_sending_for_good() -> None:
    """F4: an end binds at the next claim."""
    taps = taps_of_a_quiet_run()
    for number in range(1, len(taps) + 1):
        world = World(leads=3)
        sent_at_end: list[int] = []

        def end(world: World = world, sent_at_end: list[int] = sent_at_end) -> None:
            if world.campaign().status is CampaignStatus.ACTIVE:
                world.set_status(CampaignStatus.FINISHED)
                sent_at_end.append(len(world.carrier.ledger))

        act_at(world, number, end)

        world.run()

        if sent_at_end:
            allowed = 1 if taps[number - 1] in ("after gate.look", "before provider.send") else 0
            assert len(world.carrier.ledger) - sent_at_end[0] <= allowed
        assert max(world.initial_sends().values(), default=0) <= 1
        assert world.settled()


def test_a_pacer_whose_lease_was_taken_sends_nothing_more() -> None:
    taps = taps_of_a_quiet_run()
    for number in range(1, len(taps) + 1):
        world = World(leads=3)
        sent_at_theft: list[int] = []

        def steal(world: World = world, sent_at_theft: list[int] = sent_at_theft) -> None:
            now = world.clock.now()
            world.directory.leases["snd_a"] = None
            world.directory.acquire("snd_a", "thief", now + timedelta(seconds=15), now)
            sent_at_theft.append(len(world.carrier.ledger))
            # Another pacer starts only when the thief's lease has run out.
            world.at(14.0, lambda: sent_at_theft.append(len(world.carrier.ledger)))

        act_at(world, number, steal)

        world.run()

        world.assert_never_twice_never_lost()
        if len(sent_at_theft) > 1 and taps[number - 1] != "before leases.acquire":
            allowed = 1 if taps[number - 1] in ("after gate.look", "before provider.send") else 0
            assert sent_at_theft[1] - sent_at_theft[0] <= allowed, taps[number - 1]


def test_two_pacers_on_one_campaign_never_send_a_lead_twice() -> None:
    world = World(leads=6)
    raced: list[str] = []

    def race(where: str) -> None:
        # While one pacer is between its claim and its call, another walks the same part.
        if where == "after leads.claim" and len(raced) < 3:
            raced.append(where)
            world.directory.leases["snd_a"] = None
            world._pace("snd_a")

    world.tap = race

    world.run()

    world.assert_never_twice_never_lost()
    assert len(raced) == 3
