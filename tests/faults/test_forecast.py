"""The forecast comes to what the pacer comes to, in virtual time (K16)."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carillon.domain.forecast import Crowd, Forecast, Lane, forecast
from carillon.domain.hours import WEEKDAYS, active_hours
from carillon.domain.law_pack import LawPack, Policy
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Windows
from carillon.usecases.readiness import UNPLACED
from tests.faults.world import World
from tests.support.clock import NOON

EAST = Whereabouts(("America/New_York",), ("US", "US-NY"), "test")
WEST = Whereabouts(("America/Los_Angeles",), ("US", "US-CA"), "test")
UTC_ZONE = ZoneInfo("UTC")
# How far the forecast may be out: a twentieth of the time of sending (calls last, here), and
# the minute's wake-up, by which a sleeping sender finds out that it may go on.
TOLERANCE = 0.05
WAKE_UP_S = 61.0


def a_campaign_that_runs(
    leads: int, *, mps: float, places: list[Whereabouts], sender_limit: int | None, **changes: Any
) -> World:
    world = World(leads=leads, parts=4)
    world.directory.zones["off_north"] = "America/New_York"
    sender = world.directory.sender_by_id["snd_a"]
    world.directory.sender_by_id["snd_a"] = replace(sender, mps=mps, daily_limit=sender_limit)
    world.directory.campaigns["cmp_a"] = replace(
        world.campaign(), version=world.campaign().version + 1, **changes
    )
    draw = random.Random(4)
    for key, part in world.audiences.parts.items():
        world.audiences.parts[key] = [replace(one, whereabouts=draw.choice(places)) for one in part]
    return world


def foretold(world: World) -> Forecast:
    campaign, sender = world.campaign(), world.directory.sender_by_id["snd_a"]
    windows = Windows(campaign.active_hours, LawPack(()), Policy())
    counts = Counter(
        one.whereabouts or UNPLACED for part in world.audiences.parts.values() for one in part
    )
    zone = ZoneInfo(world.directory.office_zone(campaign.office_id))
    return forecast(
        [
            Crowd(sender_id="snd_a", where=where, ready_at=NOON, messages=many, segments=many)
            for where, many in counts.items()
        ],
        [Lane(sender_id="snd_a", mps=sender.mps, daily_limit=sender.daily_limit, zone=zone)],
        start=NOON,
        opening_of=windows.opening,
        zone=zone,
        daily_limit=campaign.daily_limit,
        ends_at=campaign.ends_at,
    )


def week(*spans: str) -> Any:
    return active_hours({"days": {day: list(spans) for day in WEEKDAYS}})


@pytest.mark.parametrize(
    ("leads", "mps", "places", "sender_limit", "changes"),
    [
        (120, 2.0, [EAST], None, {}),
        # New York is open from 12:01 UTC (07:01) for two minutes a day.
        (200, 1.0, [EAST], None, {"active_hours": week("07:01-07:03")}),
        (150, 2.0, [EAST, WEST], None, {"active_hours": week("08:00-08:01", "13:00-13:30")}),
        (90, 5.0, [EAST, WEST], None, {"daily_limit": 40}),
        (90, 5.0, [EAST], 25, {"active_hours": week("07:00-23:00")}),
    ],
    ids=["rate", "windows", "places", "campaign_limit", "sender_limit"],
)
def test_the_last_message_leaves_when_it_was_foretold(
    leads: int,
    mps: float,
    places: list[Whereabouts],
    sender_limit: int | None,
    changes: Mapping[str, Any],
) -> None:
    """K16: the finish under rates, windows and limits."""
    world = a_campaign_that_runs(
        leads, mps=mps, places=places, sender_limit=sender_limit, **changes
    )
    told = foretold(world)

    world.run(until_s=8 * 86_400.0)

    last = max(sending.started_at for sending in world.carrier.ledger)
    assert told.finishes_at is not None
    assert len(world.carrier.ledger) == leads
    error = abs((told.finishes_at - last).total_seconds())
    assert error <= WAKE_UP_S + TOLERANCE * leads / mps, (told.finishes_at, last)


def test_what_the_campaigns_end_cuts_off_is_foretold_as_unsent() -> None:
    ends_at = NOON + timedelta(seconds=60)
    world = a_campaign_that_runs(100, mps=1.0, places=[EAST], sender_limit=None, ends_at=ends_at)
    told = foretold(world)

    world.run(until_s=300.0)

    assert told.finishes_at is None
    assert told.unsent == pytest.approx(100 - len(world.carrier.ledger), abs=3)


def test_what_never_opens_is_no_reason_to_wait() -> None:
    told = forecast(
        [Crowd(sender_id="snd_a", where=EAST, ready_at=NOON, messages=5, segments=5)],
        [Lane(sender_id="snd_a", mps=1.0, daily_limit=None, zone=UTC_ZONE)],
        start=NOON,
        opening_of=lambda _where, _at: None,
        zone=UTC_ZONE,
    )

    assert (told.finishes_at, told.unsent) == (None, 5)


def test_two_senders_share_the_campaigns_day_and_each_has_its_own_rate() -> None:
    def crowd(sender_id: str, messages: int) -> Crowd:
        return Crowd(
            sender_id=sender_id, where=EAST, ready_at=NOON, messages=messages, segments=messages * 2
        )

    lanes = [
        Lane(sender_id=name, mps=mps, daily_limit=None, zone=UTC_ZONE)
        for name, mps in (("snd_a", 20.0), ("snd_b", 2.0))
    ]
    windows = Windows(None, LawPack(()), Policy())

    def told(daily_limit: int | None) -> Forecast:
        return forecast(
            [crowd("snd_a", 100), crowd("snd_b", 100)],
            lanes,
            start=NOON,
            opening_of=windows.opening,
            zone=UTC_ZONE,
            daily_limit=daily_limit,
        )

    def after(moment: datetime | None) -> float:
        assert moment is not None
        return (moment - NOON).total_seconds()

    free = told(None).by_sender
    assert after(free["snd_a"]) == pytest.approx(10, abs=0.01)
    assert after(free["snd_b"]) == pytest.approx(100, abs=0.01)
    # 150 a day: 100 of the one and 50 of the other, the rest from midnight on.
    assert after(told(150).finishes_at) == pytest.approx(12 * 3600 + 50, abs=0.01)
