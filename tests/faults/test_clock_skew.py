"""
Functions whose clocks disagree by ten minutes: nobody twice, nobody lost, STOP binds (F2, F3).

A ``World`` lets every function go by its own wrong clock; much holds even then. What
compares one function's times with another's (the grace of a claim, the window asked of
the provider's log, the order of STOP and START) needs ``ServerTime``: in a
``CorrectedWorld`` each function's clock is set by the answers that it gets, as the real
one is.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from carillon.adapters.system_clock import ServerTime
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Watch
from carillon.ports import Clock
from carillon.usecases.reconcile_campaign import reconcile_campaign
from carillon.usecases.send_lead import GATE_MAX_AGE_S
from tests.faults.test_crash_points import BEHAVIOURS
from tests.faults.world import Crash, World

_SKEW = timedelta(minutes=10)
_RIGHT = timedelta(0)
# Every way in which two functions can disagree.
_PAIRS = list(itertools.permutations((-_SKEW, _RIGHT, _SKEW), 2))


class _SetByAnswers:
    """A function's clock: wrong by itself, put right by the date of each answer from AWS."""

    def __init__(self, world: World, ahead: timedelta) -> None:
        self._world = world
        self._time = ServerTime(host_now=lambda: world.clock.now() + ahead)

    def hear(self) -> None:
        self._time.learn(format_datetime(self._world.clock.now(), usegmt=True))

    def now(self) -> datetime:
        return self._time.now()

    def monotonic(self) -> float:
        return self._world.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._world.clock.sleep(seconds)


class CorrectedWorld(World):
    """A world whose functions hear the time from AWS, as ``adapters.aws`` lets them."""

    def __init__(self, leads: int = 3, parts: int = 2) -> None:
        super().__init__(leads, parts)
        self._now_building: _SetByAnswers | None = None

    def clock_of(self, function: str) -> Clock:
        """Return *function*'s clock in a new process, which has read its secrets and settings."""
        clock = _SetByAnswers(self, self.skew.get(function, _RIGHT))
        clock.hear()
        self._now_building = clock
        return clock

    def _tapped(self, port: Any, name: str) -> Any:
        tapped = super()._tapped(port, name)
        if self._now_building is None or name == "provider":
            return tapped
        return _Answering(tapped, self._now_building)


class _Answering:
    """Stands before a port of AWS's; every answer tells the clock the time."""

    def __init__(self, port: Any, clock: _SetByAnswers) -> None:
        self._port = port
        self._clock = clock

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)

        def answered(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            finally:
                self._clock.hear()

        return answered


def look(world: World) -> None:
    reconcile_campaign("cmp_a", world._reconciling())


def lose_receipts(world: World) -> None:
    world.carrier.emit = lambda *_: None


def act_at(world: World, number: int, act: Callable[[], object]) -> None:
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    world.tap = tap


def taps_of_a_quiet_run(world: World) -> int:
    world.run()
    return len(world.taps)


# Whatever their clocks say ---------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_campaign_ends_well_however_its_pacer_and_its_reconciler_disagree(behaviour: str) -> None:
    for pacer, reconciler in _PAIRS:
        world = World(leads=3)
        world.carrier.behave = BEHAVIOURS[behaviour]
        world.skew = {"pacer": pacer, "reconciler": reconciler}

        world.run()

        world.assert_never_twice_never_lost()
        assert world.broken == []


def test_a_second_pacer_that_thinks_the_lease_is_over_repeats_nobody() -> None:
    number = taps_of_a_quiet_run(World(leads=3))
    for (first, second), tap in itertools.product(_PAIRS, range(1, number + 1, 2)):
        world = World(leads=3)
        lose_receipts(world)
        world.skew = {"pacer": first, "second pacer": second}
        act_at(world, tap, partial(world._pace, "snd_a", "second pacer"))

        world.run()

        world.assert_never_twice_never_lost()


def test_a_crash_is_made_good_by_a_function_whose_clock_is_behind() -> None:
    # Behind, it waits longer than it must; ahead is the case of CorrectedWorld below.
    number = taps_of_a_quiet_run(World(leads=2))
    for tap in range(1, number + 1):
        world = World(leads=2)
        lose_receipts(world)
        world.skew = {"reconciler": -_SKEW}
        act_at(world, tap, crash)

        world.run()

        world.assert_never_twice_never_lost()


def crash() -> None:
    raise Crash


@pytest.mark.parametrize("ahead", [-_SKEW, _SKEW])
@pytest.mark.parametrize("function", ["pacer", "inbound", "webhooks"])
def test_a_stop_binds_whosever_clock_is_wrong(function: str, ahead: timedelta) -> None:
    number = taps_of_a_quiet_run(World(leads=2))
    for tap in range(1, number + 1):
        world = World(leads=2)
        world.skew = {function: ahead}
        phone = world.phones[0]
        committed: list[datetime] = []

        def stop(world: World = world, committed: list[datetime] = committed) -> None:
            committed.append(world.clock.now())
            world.take_in(world.reply(world.phones[0], "STOP"), tapped=False)

        act_at(world, tap, stop)

        world.run()

        world.assert_never_twice_never_lost()
        late = [
            sending.started_at - committed[0]
            for sending in world.carrier.ledger
            if sending.recipient == phone
            and sending.text.startswith("Hi ")
            and sending.started_at > committed[0]
        ]
        assert all(delay <= timedelta(seconds=GATE_MAX_AGE_S) for delay in late)


# With the time that AWS tells ------------------------------------------------------------------


def wrong_clocks() -> Iterator[dict[str, timedelta]]:
    for pacer, reconciler in _PAIRS:
        yield {"pacer": pacer, "reconciler": reconciler, "inbound": -pacer}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_without_receipts_the_providers_log_is_read_right_by_whoever_reads_it(
    behaviour: str,
) -> None:
    for skew in wrong_clocks():
        world = CorrectedWorld(leads=3)
        world.carrier.behave = BEHAVIOURS[behaviour]
        world.skew = skew
        lose_receipts(world)

        world.run()

        world.assert_never_twice_never_lost()


@pytest.mark.parametrize("reconciler", [-_SKEW, _RIGHT, _SKEW])
def test_a_reconciler_that_looks_between_any_two_calls_of_a_pacer_takes_no_claim_from_it(
    reconciler: timedelta,
) -> None:
    number = taps_of_a_quiet_run(World(leads=2))
    for tap in range(1, number + 1):
        world = CorrectedWorld(leads=2)
        world.skew = {"reconciler": reconciler}
        lose_receipts(world)
        for part in (0, 1):
            long_due = world.clock.now() - 2 * _SKEW
            world.directory.put(Watch(campaign_id="cmp_a", part=part, due_at=long_due))
        act_at(
            world,
            tap,
            partial(look, world),
        )

        world.run()

        world.assert_never_twice_never_lost()
        assert world.statuses() == {LeadStatus.DELIVERED: 2}


@pytest.mark.parametrize("skews", _PAIRS)
def test_a_stop_after_a_start_binds_though_another_machine_took_the_start_in(
    skews: tuple[timedelta, timedelta],
) -> None:
    world = CorrectedWorld(leads=1)
    phone = world.phones[0]
    world.take_in(world.reply(phone, "STOP", "SMstop0"), tapped=False)
    for skew, word in zip(skews, ("START", "STOP"), strict=True):
        world.clock.sleep(60)
        world.skew = {"webhooks": skew}
        world.take_in(world.reply(phone, word, f"SM{word}"), tapped=False)

    world.run()

    standing = world.suppressions.of(phone)
    assert standing is not None
    assert standing.opted_out
    assert world.initial_sends() == {}
