from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.errors import InvalidInput
from carillon.domain.schedules import (
    cron,
    earliest_instant,
    is_too_late,
    local_instant,
    local_times,
    recipient_local_instant,
)
from carillon.domain.whereabouts import Whereabouts

NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
# In 2026 New York's clocks go forward on 8 March and back on 1 November.
SPRING = date(2026, 3, 8)
AUTUMN = date(2026, 11, 1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "at", "zone", "instant"),
    [
        # An ordinary day, in winter and in summer.
        (date(2026, 1, 15), "10:00", "America/New_York", "2026-01-15T15:00"),
        (date(2026, 7, 15), "10:00", "America/New_York", "2026-07-15T14:00"),
        # 02:00 to 03:00 is skipped: every time in it is due when the clock shows 03:00.
        (SPRING, "01:59", "America/New_York", "2026-03-08T06:59"),
        (SPRING, "02:00", "America/New_York", "2026-03-08T07:00"),
        (SPRING, "02:30", "America/New_York", "2026-03-08T07:00"),
        (SPRING, "02:59", "America/New_York", "2026-03-08T07:00"),
        (SPRING, "03:00", "America/New_York", "2026-03-08T07:00"),
        (SPRING, "03:01", "America/New_York", "2026-03-08T07:01"),
        # 01:00 to 02:00 comes twice: the first time counts.
        (AUTUMN, "00:59", "America/New_York", "2026-11-01T04:59"),
        (AUTUMN, "01:00", "America/New_York", "2026-11-01T05:00"),
        (AUTUMN, "01:30", "America/New_York", "2026-11-01T05:30"),
        (AUTUMN, "02:00", "America/New_York", "2026-11-01T07:00"),
        # Lord Howe's clocks change by half an hour.
        (date(2026, 10, 4), "02:15", "Australia/Lord_Howe", "2026-10-03T15:30"),
        (date(2026, 4, 5), "01:45", "Australia/Lord_Howe", "2026-04-04T14:45"),
        # Chatham's offset is 12:45, or 13:45; the gap is from 02:45 to 03:45.
        (date(2026, 9, 27), "03:00", "Pacific/Chatham", "2026-09-26T14:00"),
        (date(2026, 6, 1), "08:00", "Asia/Kathmandu", "2026-06-01T02:15"),
        # Beirut's clocks skip midnight itself.
        (date(2026, 3, 29), "00:00", "Asia/Beirut", "2026-03-28T22:00"),
        # Samoa skipped a whole day.
        (date(2011, 12, 30), "12:00", "Pacific/Apia", "2011-12-30T10:00"),
    ],
)
def test_a_local_time_is_one_instant(day: date, at: str, zone: str, instant: str) -> None:
    found = local_instant(day, time.fromisoformat(at), ZoneInfo(zone))

    assert found == utc(instant)
    assert found.tzinfo is UTC


ZONES = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Chatham",
         "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca", "Asia/Beirut"]  # fmt: skip


@settings(deadline=None)
@given(
    day=st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    at=st.times().map(lambda t: t.replace(microsecond=0)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_a_local_time_is_the_first_instant_at_which_the_clock_is_not_behind_it(
    day: date, at: time, zone: ZoneInfo
) -> None:
    wall = datetime.combine(day, at)

    found = local_instant(day, at, zone)

    assert found.astimezone(zone).replace(tzinfo=None) >= wall
    assert (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < wall


def test_a_recipient_local_time_waits_for_the_last_zone_where_the_person_may_be() -> None:
    """K15: at ten o'clock wherever they may be."""
    florida = Whereabouts(("America/Chicago", "America/New_York"), ("US-FL",))

    due = recipient_local_instant(date(2026, 7, 15), time(10), florida)

    assert due == utc("2026-07-15T15:00")


def test_a_recipient_local_campaign_is_planned_before_anyones_clock_shows_its_time() -> None:
    day, at = date(2026, 7, 15), time(10)

    first = earliest_instant(day, at)

    assert first == utc("2026-07-14T20:00")
    assert first == local_instant(day, at, ZoneInfo("Pacific/Kiritimati"))


@pytest.mark.parametrize(
    ("minutes_late", "too_late"), [(-5, False), (0, False), (59, False), (60, False), (61, True)]
)
def test_what_is_due_for_longer_than_the_limit_does_not_fire(
    minutes_late: int, too_late: bool
) -> None:
    due = utc("2026-07-15T10:00")

    now = due + timedelta(minutes=minutes_late)

    assert is_too_late(due, now, timedelta(hours=1)) is too_late


def times(expression: str, first: str, count: int) -> list[str]:
    found = local_times(cron(expression), date.fromisoformat(first))
    return [one.isoformat(timespec="minutes") for one in islice(found, count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 10 * * *", ["2026-07-15T10:00", "2026-07-16T10:00"]),
        ("30 9 * * mon-fri", ["2026-07-15T09:30", "2026-07-16T09:30", "2026-07-17T09:30",
                              "2026-07-20T09:30"]),
        ("0 12 1,15 * *", ["2026-07-15T12:00", "2026-08-01T12:00"]),
        ("0 12 1 jan *", ["2027-01-01T12:00", "2028-01-01T12:00"]),
        ("*/20 8 * * *", ["2026-07-15T08:00", "2026-07-15T08:20", "2026-07-15T08:40",
                          "2026-07-16T08:00"]),
        ("5/30 8 * * 3", ["2026-07-15T08:05", "2026-07-15T08:35", "2026-07-22T08:05"]),
        # Sunday is 0 and 7.
        ("0 8 * * 0", ["2026-07-19T08:00", "2026-07-26T08:00"]),
        ("0 8 * * 7", ["2026-07-19T08:00", "2026-07-26T08:00"]),
        ("0 8 * * fri-7", ["2026-07-17T08:00", "2026-07-18T08:00", "2026-07-19T08:00"]),
        # A day of the month and a weekday: either suffices; with a star in one, both must.
        ("0 8 17 * sun", ["2026-07-17T08:00", "2026-07-19T08:00", "2026-07-26T08:00"]),
        ("0 8 29 2 *", ["2028-02-29T08:00", "2032-02-29T08:00"]),
    ],
)  # fmt: skip
def test_a_recurring_schedule_has_the_times_that_cron_has(
    expression: str, expected: list[str]
) -> None:
    assert times(expression, "2026-07-15", len(expected)) == expected


def test_a_schedule_without_a_date_in_the_calendar_never_is_due() -> None:
    assert times("0 8 30 2 *", "2026-07-15", 1) == []


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
     "* * * * 8", "5-1 * * * *", "*/0 * * * *", "*/x * * * *", "a * * * *", "1,,2 * * * *",
     "-1 * * * *", "² * * * *", "@daily", "0 0 * * mon#1"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        cron(expression)

    assert refused.value.code == "bad_schedule"
