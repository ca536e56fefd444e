"""
Time frames of the analytics (T4): presets in any IANA zone, exact to the quarter hour.

A local day runs from its first instant to the next day's first instant, so a day on
which clocks change has 23 or 25 hours. Weeks begin on Monday (ISO 8601). "Last 7 days"
ends with today.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carillon.domain.clock import to_iso
from carillon.domain.counters import QUARTER
from carillon.domain.errors import InvalidInput

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No message of Carillon is older, and quarters exist in every zone since.
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
ALL = "all"
DEFAULT_PRESET = "last_7_days"


@dataclass(frozen=True)
class TimeFrame:
    """From ``start`` (included) to ``end`` (excluded): aware UTC, whole quarter hours."""

    start: datetime
    end: datetime


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _last_month(today: date) -> tuple[date, date]:
    this_month = _first_of_month(today)
    return _first_of_month(this_month - _DAY), this_month


# Each preset's first day and the day after its last, from today's date.
_PRESETS: dict[str, Callable[[date], tuple[date, date]]] = {
    "today": lambda today: (today, today + _DAY),
    "yesterday": lambda today: (today - _DAY, today),
    "last_7_days": lambda today: (today - 6 * _DAY, today + _DAY),
    "last_30_days": lambda today: (today - 29 * _DAY, today + _DAY),
    "this_week": lambda today: (today - today.weekday() * _DAY, today + _DAY),
    "this_month": lambda today: (_first_of_month(today), today + _DAY),
    "last_month": _last_month,
    "this_year": lambda today: (today.replace(month=1, day=1), today + _DAY),
}
PRESETS = (*_PRESETS, ALL)


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone; raises InvalidInput (``unknown_zone``)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            "zone must be the name of a time zone, such as America/New_York.",
            field="zone",
            code="unknown_zone",
        ) from None


def preset_frame(preset: str, *, zone: ZoneInfo, now: datetime) -> TimeFrame:
    """Return the frame that *preset* names at *now*; raises InvalidInput (``unknown_preset``)."""
    today = now.astimezone(zone).date()
    if preset == ALL:
        return TimeFrame(BEGINNING, first_instant(today + _DAY, zone))
    if preset not in _PRESETS:
        raise InvalidInput(
            f"preset must be one of {', '.join(PRESETS)}.", field="preset", code="unknown_preset"
        )
    first, after = _PRESETS[preset](today)
    return TimeFrame(first_instant(first, zone), first_instant(after, zone))


def custom_frame(start: str, end: str, *, zone: ZoneInfo, now: datetime) -> TimeFrame:
    """
    Return the frame from *start* to *end*: dates (both days included) or times (*end* excluded).

    Times need an offset and a whole quarter hour. What lies before 2020 or after
    today is cut off, because there is nothing to read. Raises InvalidInput
    (``bad_time_frame``) naming the field.
    """
    first = _edge(start, "from", zone, after=False)
    last = _edge(end, "to", zone, after=True)
    tomorrow = first_instant(now.astimezone(zone).date() + _DAY, zone)
    frame = TimeFrame(max(first, BEGINNING), min(last, tomorrow))
    if frame.start >= frame.end:
        raise _bad("to", "to must be later than from, and from not in the future.")
    return frame


def asked_frame(query: Mapping[str, str], now: datetime) -> tuple[TimeFrame, ZoneInfo]:
    """
    Return the frame and the zone that *query* asks for, *now*: the rule of every analytics route.

    ``preset``, or ``from`` and ``to``, and ``zone`` (default UTC); without any of them the last
    seven days. Raises InvalidInput.
    """
    zone = zone_named(query.get("zone", "UTC"))
    if "from" in query or "to" in query:
        today = now.astimezone(zone).date().isoformat()
        start, end = query.get("from", "2020-01-01"), query.get("to", today)
        return custom_frame(start, end, zone=zone, now=now), zone
    return preset_frame(query.get("preset", DEFAULT_PRESET), zone=zone, now=now), zone


def shown_frame(query: Mapping[str, str], frame: TimeFrame) -> dict[str, str | None]:
    """Return how an answer names the *frame* that *query* asked for."""
    custom = "from" in query or "to" in query
    return {
        "from": to_iso(frame.start),
        "to": to_iso(frame.end),
        "zone": query.get("zone", "UTC"),
        "preset": None if custom else query.get("preset", DEFAULT_PRESET),
    }


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """
    Return when *day* begins in *zone*, in UTC.

    Where clocks skip midnight this is the instant of the change (``fold=0``
    applies the offset before it); where midnight comes twice, the first.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _edge(text: str, field: str, zone: ZoneInfo, *, after: bool) -> datetime:
    try:
        if "T" not in text:
            day = date.fromisoformat(text)
            return first_instant(day + _DAY if after else day, zone)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _bad(field, f"{field} must be an ISO 8601 date or time.") from None
    if moment.tzinfo is None or (moment - _EPOCH) % QUARTER:
        raise _bad(field, f"{field} must have an offset and fall on a quarter of an hour.")
    return moment.astimezone(UTC)


def _bad(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, field=field, code="bad_time_frame")
