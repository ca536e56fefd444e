"""Series over local time: T2's boundaries, DST days, and a naive recount in any zone."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.series import (
    Granularity,
    dates_between,
    dates_of,
    granularity_of,
    responses_of,
    timeline,
)

ZONES = (
    "UTC",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "America/Santiago",
)
NEW_YORK = ZoneInfo("America/New_York")


def _quarter(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize(
    ("start", "end", "granularity"),
    [
        ("2026-03-10T09:00", "2026-03-10T09:00", Granularity.HOUR),
        ("2026-03-10T09:00", "2026-03-11T09:00", Granularity.HOUR),
        ("2026-03-10T09:00", "2026-03-11T09:01", Granularity.DAY),
        # A day of 23 hours is a day.
        ("2026-03-07T09:00", "2026-03-08T09:00", Granularity.HOUR),
        ("2026-03-10T09:00", "2026-05-10T08:59", Granularity.DAY),
        ("2026-03-10T09:00", "2026-05-10T09:00", Granularity.MONTH),
        # Two months after 31 December: the last of February.
        ("2025-12-31T09:00", "2026-02-28T08:59", Granularity.DAY),
        ("2025-12-31T09:00", "2026-02-28T09:00", Granularity.MONTH),
        ("2026-03-10T09:00", "2028-03-10T08:59", Granularity.MONTH),
        ("2026-03-10T09:00", "2028-03-10T09:00", Granularity.YEAR),
        ("2024-02-29T09:00", "2026-02-28T09:00", Granularity.YEAR),
    ],
)
def test_the_buckets_follow_from_how_long_it_was_active(
    start: str, end: str, granularity: Granularity
) -> None:
    """T2: hours, days, months or years."""
    first, last = (datetime.fromisoformat(text).replace(tzinfo=NEW_YORK) for text in (start, end))

    assert granularity_of(first.astimezone(UTC), last.astimezone(UTC), NEW_YORK) is granularity


@pytest.mark.parametrize(("day", "hours"), [(8, 23), (9, 24)])
def test_a_day_on_which_clocks_go_forward_has_23_hours(day: int, hours: int) -> None:
    """T1: days of a clock change are as long as they are."""
    start = datetime(2026, 3, day, tzinfo=NEW_YORK).astimezone(UTC)
    end = datetime(2026, 3, day + 1, tzinfo=NEW_YORK).astimezone(UTC)

    shown = timeline({}, start=start, end=end, zone=NEW_YORK, granularity=Granularity.HOUR)

    assert len(shown) == hours


def test_the_hour_that_comes_twice_is_two_hours_of_a_timeline_and_one_of_the_day() -> None:
    start = datetime(2026, 11, 1, tzinfo=NEW_YORK).astimezone(UTC)
    quarters = {"2026-11-01T05:30Z": {"inbound": 2}, "2026-11-01T06:30Z": {"inbound": 3}}

    shown = timeline(
        quarters,
        start=start,
        end=start + timedelta(hours=25),
        zone=NEW_YORK,
        granularity=Granularity.HOUR,
    )
    of_the_day = responses_of({q: own["inbound"] for q, own in quarters.items()}, NEW_YORK)

    assert len(shown) == 25
    assert [bucket for bucket in shown if bucket[1]] == [
        ("2026-11-01T01:00-04:00", {"inbound": 2}),
        ("2026-11-01T01:00-05:00", {"inbound": 3}),
    ]
    assert of_the_day.by_hour[1] == 5
    assert of_the_day.by_date == {date(2026, 11, 1): 5}


MOMENTS = st.integers(0, 4 * 24 * 800).map(
    lambda number: datetime(2025, 9, 1, tzinfo=UTC) + timedelta(minutes=15 * number)
)


@given(st.lists(MOMENTS, max_size=30), st.sampled_from(ZONES))
def test_responses_are_those_of_a_naive_recount_in_the_zone(
    moments: list[datetime], zone_name: str
) -> None:
    """T1: responses by hour and by date, in any zone."""
    zone = ZoneInfo(zone_name)
    local = [moment.astimezone(zone) for moment in moments]

    shown = responses_of(Counter(map(_quarter, moments)), zone)

    assert shown.by_hour == [sum(one.hour == hour for one in local) for hour in range(24)]
    assert shown.by_weekday == [
        sum(one.isoweekday() == day for one in local) for day in range(1, 8)
    ]
    assert shown.by_date == Counter(one.date() for one in local)
    assert dates_of(moments, zone) == shown.by_date


@given(
    st.lists(MOMENTS, min_size=1, max_size=30),
    st.sampled_from(ZONES),
    st.sampled_from([Granularity.DAY, Granularity.MONTH, Granularity.YEAR]),
)
def test_a_timeline_is_a_naive_recount_in_the_zone_without_gaps(
    moments: list[datetime], zone_name: str, granularity: Granularity
) -> None:
    zone, length = ZoneInfo(zone_name), {"day": 10, "month": 7, "year": 4}[granularity]
    quarters = {q: {"inbound": n} for q, n in Counter(map(_quarter, moments)).items()}
    start, end = min(moments), max(moments) + timedelta(minutes=15)

    shown = timeline(quarters, start=start, end=end, zone=zone, granularity=granularity)

    days = dates_between(start, end, zone)
    assert [name for name, _ in shown] == sorted({day.isoformat()[:length] for day in days})
    naive = Counter(moment.astimezone(zone).isoformat()[:length] for moment in moments)
    assert {name: own["inbound"] for name, own in shown if own} == naive


@given(st.lists(MOMENTS, min_size=1, max_size=1), st.integers(0, 100), st.sampled_from(ZONES))
def test_hours_hold_every_quarter_once_wherever_clocks_change(
    first: list[datetime], quarters: int, zone_name: str
) -> None:
    start = first[0]
    moments = [start + timedelta(minutes=15 * number) for number in range(quarters + 1)]
    counted = {_quarter(moment): {"inbound": 1} for moment in moments}

    shown = timeline(
        counted,
        start=start,
        end=moments[-1] + timedelta(minutes=15),
        zone=ZoneInfo(zone_name),
        granularity=Granularity.HOUR,
    )

    assert sum(own.get("inbound", 0) for _, own in shown) == len(moments)
    assert all(0 < own.get("inbound", 0) <= 6 for _, own in shown)
