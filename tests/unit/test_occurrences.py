"""When a campaign that recurs is due (K15): rules, clocks, and both changes of them."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.errors import InvalidInput
from carillon.domain.occurrences import Occurrence, next_occurrence, occurrences, require_recurring
from carillon.domain.recurrence import Recurrence, recurrence_of, run_end
from carillon.domain.schedules import local_instant

NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_recurrence(rule: str, zone: str = NEW_YORK, **changes: Any) -> Recurrence:
    made: dict[str, Any] = {"rule": rule, "zone": zone, "starts_at": "2026-01-05T10:00"}
    return Recurrence(**{**made, **changes})


def local(recurrence: Recurrence, after: str, count: int) -> list[str]:
    return [one.local_time for one in islice(occurrences(recurrence, utc(after)), count)]


def due(recurrence: Recurrence, after: str, count: int) -> list[datetime]:
    return [one.due_at for one in islice(occurrences(recurrence, utc(after)), count)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY", ["2026-07-15T10:00", "2026-07-16T10:00"]),
        # From 5 January on: the beginning says which days an interval falls on.
        ("FREQ=DAILY;INTERVAL=10", ["2026-07-24T10:00", "2026-08-03T10:00"]),
        ("FREQ=DAILY;BYDAY=SA,SU", ["2026-07-18T10:00", "2026-07-19T10:00"]),
        ("FREQ=WEEKLY;BYDAY=TU,TH", ["2026-07-16T10:00", "2026-07-21T10:00"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU", ["2026-07-20T10:00", "2026-08-03T10:00"]),
        ("freq=monthly;bymonthday=-1", ["2026-07-31T10:00", "2026-08-31T10:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["2026-07-31T10:00", "2026-08-31T10:00",
                                        "2026-10-31T10:00"]),
        ("FREQ=MONTHLY;BYDAY=2TU", ["2026-08-11T10:00", "2026-09-08T10:00"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["2026-07-31T10:00",
                                                           "2026-08-31T10:00"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", ["2026-11-26T10:00", "2027-11-25T10:00"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29T10:00", "2032-02-29T10:00"]),
        ("0 10,16 * * mon", ["2026-07-20T10:00", "2026-07-20T16:00", "2026-07-27T10:00"]),
    ],
)  # fmt: skip
def test_a_rule_has_the_local_times_that_it_names(rule: str, expected: list[str]) -> None:
    found = local(a_recurrence(rule), "2026-07-15T04:00", len(expected))

    assert found == expected


def test_it_begins_at_its_beginning_and_ends_at_its_end_both_included() -> None:
    daily = a_recurrence("0 10 * * *", starts_at="2026-07-20T10:00", until="2026-07-22T10:00")

    assert local(daily, "2026-07-15T04:00", 9) == [
        "2026-07-20T10:00",
        "2026-07-21T10:00",
        "2026-07-22T10:00",
    ]


@pytest.mark.parametrize("rule", ["0 10 * * *", "FREQ=DAILY"])
def test_its_count_counts_from_the_beginning_whenever_it_is_asked(rule: str) -> None:
    daily = a_recurrence(rule, count=10)

    assert local(daily, "2026-01-12T00:00", 9) == [
        "2026-01-12T10:00",
        "2026-01-13T10:00",
        "2026-01-14T10:00",
    ]
    assert next_occurrence(daily, utc("2026-01-14T15:00")) is None


def test_a_skipped_time_is_due_once_after_the_gap() -> None:
    found = due(a_recurrence("30 2 * * *"), "2026-03-07T00:00", 3)

    assert found == [utc("2026-03-07T07:30"), utc("2026-03-08T07:00"), utc("2026-03-09T06:30")]


def test_a_skipped_time_and_the_one_it_falls_together_with_are_one_occurrence() -> None:
    found = occurrences(a_recurrence("0 2,3 * * *"), utc("2026-03-08T05:00"))

    first, second = islice(found, 2)
    assert (first.local_time, first.due_at) == ("2026-03-08T02:00", utc("2026-03-08T07:00"))
    assert second.local_time == "2026-03-09T02:00"


def test_a_repeated_time_is_due_the_first_time_only() -> None:
    nightly = a_recurrence("30 1 * * *")

    assert due(nightly, "2026-10-31T06:00", 2) == [
        utc("2026-11-01T05:30"),
        utc("2026-11-02T06:30"),
    ]
    # Asked between its two showings.
    assert due(nightly, "2026-11-01T05:30", 1) == [utc("2026-11-02T06:30")]


def test_for_recipients_it_is_due_when_the_first_place_on_earth_reaches_it() -> None:
    weekly = a_recurrence("0 10 * * mon", "recipient")

    found = next_occurrence(weekly, utc("2026-07-15T04:00"))

    assert found is not None
    assert (found.local_time, found.due_at) == ("2026-07-20T10:00", utc("2026-07-19T20:00"))


def transitions() -> list[tuple[str, datetime]]:
    """Return (zone, instant) of every change of 2026 to 2028; zones that change alike are one."""
    found: dict[tuple[object, ...], tuple[str, datetime]] = {}
    for zone in sorted(available_timezones()):
        clock = ZoneInfo(zone)
        # No clock changes twice in a week.
        for week in range(157):
            low = utc("2026-01-01T00:00") + timedelta(days=7 * week)
            high = low + timedelta(days=7)
            before, after = (at.astimezone(clock).utcoffset() for at in (low, high))
            if before == after:
                continue
            while high - low > timedelta(minutes=1):
                middle = low + timedelta(minutes=(high - low) // timedelta(minutes=2))
                is_before = middle.astimezone(clock).utcoffset() == before
                low, high = (middle, high) if is_before else (low, middle)
            found.setdefault((high, before, after), (zone, high))
    return list(found.values())


TRANSITIONS = transitions()


def test_at_every_change_of_every_clock_a_daily_time_is_due_exactly_once_a_day() -> None:
    """K15: every zone's changes of 2026 to 2028; times in gap and overlap, and at their edges."""
    assert len(TRANSITIONS) > 100
    for zone, instant in TRANSITIONS:
        for wall in _times_about(instant, ZoneInfo(zone)):
            starts_at = (wall - timedelta(days=3)).isoformat(timespec="minutes")
            daily = a_recurrence(f"{wall.minute} {wall.hour} * * *", zone, starts_at=starts_at)

            found = _about(daily, instant)

            days = [datetime.fromisoformat(one.local_time).date() for one in found]
            assert len(days) >= 3
            assert {(later - earlier).days for earlier, later in pairwise(days)} == {1}
            # Once, also for somebody who asks anew after each of them.
            last = instant - timedelta(days=2)
            for expected in found:
                following = next_occurrence(daily, last)
                assert following == expected
                last = expected.due_at


@pytest.mark.parametrize("minute", [0, 15])
def test_at_every_change_of_every_clock_no_hourly_time_is_lost_and_no_instant_comes_twice(
    minute: int,
) -> None:
    """K15."""
    for zone, instant in TRANSITIONS:
        clock = ZoneInfo(zone)
        beginning = (instant - timedelta(days=3)).astimezone(clock)
        starts_at = beginning.replace(tzinfo=None).isoformat(timespec="minutes")

        found = _about(a_recurrence(f"{minute} * * * *", zone, starts_at=starts_at), instant)

        due_at = [one.due_at for one in found]
        assert due_at == sorted(set(due_at))
        walls = [datetime.fromisoformat(one.local_time) for one in found]
        expected: dict[datetime, datetime] = {}
        wall = walls[0]
        while wall <= walls[-1]:
            expected.setdefault(local_instant(wall.date(), wall.time(), clock), wall)
            wall += timedelta(hours=1)
        assert dict(zip(due_at, walls, strict=True)) == expected


def _times_about(instant: datetime, clock: ZoneInfo) -> set[datetime]:
    """Return local times about a change, and what the clock would show had it not changed."""
    before = (instant - timedelta(minutes=1)).astimezone(clock).utcoffset() or timedelta()
    moments = [instant + timedelta(minutes=minutes) for minutes in (-60, -30, -1, 0, 30, 59)]
    shown = {at.astimezone(clock).replace(tzinfo=None) for at in moments}
    return shown | {(at + before).replace(tzinfo=None) for at in moments}


def _about(recurring: Recurrence, instant: datetime) -> list[Occurrence]:
    start, end = instant - timedelta(days=2), instant + timedelta(days=2)
    return list(takewhile(lambda one: one.due_at < end, occurrences(recurring, start)))


@settings(deadline=None, max_examples=50)
@given(
    rule=st.sampled_from(
        ["0 9 * * *", "0 9 1 * *", "FREQ=WEEKLY;BYDAY=MO,FR", "FREQ=MONTHLY;BYMONTHDAY=31"]
    ),
    count=st.none() | st.integers(1, 40),
    hours=st.integers(0, 24 * 400),
)
def test_whoever_asks_from_where_ever_sees_the_same_occurrences(
    rule: str, count: int | None, hours: int
) -> None:
    recurring = a_recurrence(rule, count=count)
    everything = list(islice(occurrences(recurring, utc("2026-01-01T00:00")), 600))
    after = utc("2026-01-01T00:00") + timedelta(hours=hours)

    found = list(islice(occurrences(recurring, after), 20))

    assert found == [one for one in everything if one.due_at > after][:20]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=SECONDLY", "INTERVAL=2", "FREQ=", "FREQ=DAILY;",
        "FREQ=DAILY;COUNT=3", "FREQ=DAILY;UNTIL=20270101T000000Z", "FREQ=DAILY;BYHOUR=9",
        "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=1000", "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=WEEKLY;BYDAY=2MO", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY;BYSETPOS=3",
        "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=MO;BYMONTHDAY=13", "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=MONTHLY;BYDAY=2MO;BYSETPOS=2", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYDAY=MO", "FREQ=YEARLY;INTERVAL=2",
        "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31", "RRULE:FREQ=DAILY",
        "FREQ=DAILY\nDTSTART:20200101T000000", "*/5 * * * *", "0 9 30 2 *", "daily",
    ],
)  # fmt: skip
def test_what_is_no_rule_or_would_never_come_is_refused(rule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_recurring(a_recurrence(rule), utc("2026-01-05T00:00"))

    assert refused.value.code == "bad_schedule"


def test_a_day_that_no_month_of_the_interval_has_is_refused() -> None:
    every_february = a_recurrence(
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30", starts_at="2026-02-01T10:00"
    )

    with pytest.raises(InvalidInput, match="No such month"):
        require_recurring(every_february, utc("2026-01-05T00:00"))


@pytest.mark.parametrize(
    "changes",
    [{"until": "2026-01-04T10:00"}, {"count": 1}, {"starts_at": "2040-01-01T10:00"}],
)
def test_a_recurrence_that_is_over_before_it_begins_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        require_recurring(a_recurrence("0 10 * * *", **changes), utc("2026-01-06T00:00"))


def test_what_the_caller_leaves_out_is_the_offices_clock_from_now_on() -> None:
    recurrence = recurrence_of({"rule": " 0 10 * * * "})

    anchored = recurrence.anchored(NEW_YORK, utc("2026-07-15T14:30"))

    assert anchored == Recurrence(rule="0 10 * * *", zone=NEW_YORK, starts_at="2026-07-15T10:30")
    assert recurrence_of({"rule": "0 10 * * *", "zone": "recipient"}).anchored(
        NEW_YORK, utc("2026-07-15T14:30")
    ) == Recurrence(rule="0 10 * * *", zone="recipient", starts_at="2026-07-15T10:30")


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"rule": ""},
        {"rule": 5},
        {"rule": "0 10 * * *" + " " * 200 + "x"},
        {"rule": "0 10 * * *", "zone": 5},
        {"rule": "0 10 * * *", "zone": "Mars/Olympus"},
        {"rule": "0 10 * * *", "starts_at": "2026-07-15"},
        {"rule": "0 10 * * *", "starts_at": "2026-07-15T10:00Z"},
        {"rule": "0 10 * * *", "until": "2026-02-30T10:00"},
        {"rule": "0 10 * * *", "count": 0},
        {"rule": "0 10 * * *", "count": True},
        {"rule": "0 10 * * *", "run_for_s": 599},
        {"rule": "0 10 * * *", "paused": True},
    ],
)
def test_a_recurrence_of_another_form_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        recurrence_of(raw)


def test_a_run_ends_with_its_own_time_or_with_its_series() -> None:
    due_at = utc("2026-07-15T14:00")
    hours = a_recurrence("0 10 * * *", run_for_s=7200)

    assert run_end(hours, due_at, None) == due_at + timedelta(hours=2)
    assert run_end(hours, due_at, due_at + timedelta(hours=1)) == due_at + timedelta(hours=1)
    assert run_end(a_recurrence("0 10 * * *"), due_at, None) is None
