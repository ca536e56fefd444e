"""Time frames are exact in every zone, on both clock changes, and refuse what they cannot be."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from carillon.domain.errors import InvalidInput
from carillon.domain.timeframe import (
    PRESETS,
    TimeFrame,
    custom_frame,
    first_instant,
    preset_frame,
    zone_named,
)

NEW_YORK = ZoneInfo("America/New_York")
# Wednesday, 2026-11-25 02:30 UTC is still Tuesday evening in New York.
NOW = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("preset", "start", "end"),
    [
        ("today", "2026-11-24T05:00Z", "2026-11-25T05:00Z"),
        ("yesterday", "2026-11-23T05:00Z", "2026-11-24T05:00Z"),
        ("last_7_days", "2026-11-18T05:00Z", "2026-11-25T05:00Z"),
        ("last_30_days", "2026-10-26T04:00Z", "2026-11-25T05:00Z"),
        ("this_week", "2026-11-23T05:00Z", "2026-11-25T05:00Z"),
        ("this_month", "2026-11-01T04:00Z", "2026-11-25T05:00Z"),
        ("last_month", "2026-10-01T04:00Z", "2026-11-01T04:00Z"),
        ("this_year", "2026-01-01T05:00Z", "2026-11-25T05:00Z"),
        ("all", "2020-01-01T00:00Z", "2026-11-25T05:00Z"),
    ],
)
def test_a_preset_is_exact_in_its_zone(preset: str, start: str, end: str) -> None:
    """T4: the presets and All, in the zone asked for."""
    frame = preset_frame(preset, zone=NEW_YORK, now=NOW)

    assert frame == TimeFrame(datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_all_eight_presets_and_all_are_offered() -> None:
    assert len(PRESETS) == 9


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        # Clocks skip midnight itself, and repeat it.
        ("Africa/Cairo", date(2026, 4, 24), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("UTC", date(2026, 3, 8), 24),
    ],
)
def test_a_day_of_a_clock_change_has_its_real_length(zone: str, day: date, hours: float) -> None:
    frame = custom_frame(day.isoformat(), day.isoformat(), zone=ZoneInfo(zone), now=LATER)

    assert frame.end - frame.start == timedelta(hours=hours)


def test_a_day_without_a_midnight_begins_when_the_clocks_jump() -> None:
    cairo = ZoneInfo("Africa/Cairo")

    start = first_instant(date(2026, 4, 24), cairo)

    assert start == datetime(2026, 4, 23, 22, 0, tzinfo=UTC)
    assert start.astimezone(cairo).isoformat() == "2026-04-24T01:00:00+03:00"


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Asia/Kolkata", "Pacific/Chatham"])
def test_quarter_hour_zones_are_whole_quarters(zone: str) -> None:
    frame = preset_frame("today", zone=ZoneInfo(zone), now=NOW)

    assert (frame.start.minute % 15, frame.end.minute % 15) == (0, 0)


def test_custom_times_are_taken_to_the_quarter_hour() -> None:
    frame = custom_frame(
        "2026-11-22T10:15:00+01:00", "2026-11-22T10:30:00Z", zone=NEW_YORK, now=LATER
    )

    assert frame == TimeFrame(
        datetime(2026, 11, 22, 9, 15, tzinfo=UTC), datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    )


def test_a_frame_is_cut_to_where_there_can_be_anything_to_read() -> None:
    frame = custom_frame("1900-01-01", "9998-12-31", zone=NEW_YORK, now=NOW)

    assert frame == preset_frame("all", zone=NEW_YORK, now=NOW)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("yesterday", "2026-11-22", "from"),
        ("2026-11-22", "2026-13-01", "to"),
        ("2026-11-22", "2026-11-21", "to"),
        ("2026-11-22T10:07:00Z", "2026-11-23", "from"),
        ("2026-11-22", "2026-11-23T10:00:00", "to"),
        ("2026-11-22", "9999-12-31", "to"),
        ("", "2026-11-23", "from"),
        ("2026-11-26", "2026-11-27", "to"),
    ],
)
def test_an_impossible_frame_names_the_field(start: str, end: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        custom_frame(start, end, zone=NEW_YORK, now=NOW)

    assert (refused.value.field, refused.value.code) == (field, "bad_time_frame")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "America", "a\x00b"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        zone_named(name)

    assert refused.value.code == "unknown_zone"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        preset_frame("tomorrow", zone=NEW_YORK, now=NOW)

    assert (refused.value.field, refused.value.code) == ("preset", "unknown_preset")
