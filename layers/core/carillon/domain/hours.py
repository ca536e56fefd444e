"""
Hours on a local clock: which minutes of which weekday are open, and which dates are closed (F5).

A span is half open: ``09:00-17:00`` holds 09:00:00 and ends just before 17:00:00. No span
crosses midnight; what does is two spans of two days. Hours are combined by intersection
alone, so a further rule can only take away (L2).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from carillon.domain.errors import InvalidInput
from carillon.domain.timeframe import zone_named

# Minutes from local midnight, (from, to) with 0 <= from < to <= 1440; sorted and apart.
Spans = tuple[tuple[int, int], ...]

DAY_MINUTES: Final = 24 * 60
ALL_DAY: Final[Spans] = ((0, DAY_MINUTES),)
RECIPIENT: Final = "recipient"
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_MAX_CLOSED_DATES = 366


@dataclass(frozen=True)
class Week:
    """The open spans of each weekday, Monday first."""

    days: tuple[Spans, ...]

    def __post_init__(self) -> None:
        if len(self.days) != len(WEEKDAYS):
            raise ValueError("A week has seven days.")

    def spans_on(self, day: date) -> Spans:
        """Return what is open on *day*."""
        return self.days[day.weekday()]


ALWAYS: Final = Week((ALL_DAY,) * 7)


@dataclass(frozen=True, kw_only=True)
class ActiveHours:
    """
    When a campaign or an organisation wants to send (K1).

    ``zone`` is ``recipient`` (each person's own clock: in every zone where they may be) or
    an IANA name, on whose clock ``week`` and ``closed_dates`` are then read.
    """

    week: Week = ALWAYS
    zone: str = RECIPIENT
    closed_dates: frozenset[date] = field(default_factory=frozenset)

    def spans_on(self, day: date) -> Spans:
        """Return what is open on *day* of the clock that ``zone`` names."""
        return () if day in self.closed_dates else self.week.spans_on(day)

    def as_json(self) -> dict[str, object]:
        """Return what ``active_hours`` reads back."""
        return {
            "zone": self.zone,
            "days": week_as_json(self.week),
            "closed_dates": sorted(day.isoformat() for day in self.closed_dates),
        }


def active_hours(raw: Mapping[str, object]) -> ActiveHours:
    """
    Return the hours that *raw* writes out.

        {"zone": "recipient", "days": {"mon": ["09:00-12:00", "13:00-17:00"], ...},
         "closed_dates": ["2026-12-25"]}

    A weekday left out is closed; without ``days`` every day is open. Raises InvalidInput
    (``bad_hours``, or ``unknown_zone``).
    """
    unknown = set(raw) - {"zone", "days", "closed_dates"}
    if unknown:
        raise _bad("active_hours", "Hours have a zone, days and closed_dates, and nothing else.")
    zone = raw.get("zone", RECIPIENT)
    if not isinstance(zone, str):
        raise _bad("zone", "zone must be recipient or the name of a time zone.")
    if zone != RECIPIENT:
        zone_named(zone)
    week = week_of(raw["days"]) if "days" in raw else ALWAYS
    return ActiveHours(week=week, zone=zone, closed_dates=_dates(raw.get("closed_dates", [])))


def week_of(raw: object) -> Week:
    """Return the week of *raw*: weekday -> list of spans; InvalidInput (``bad_hours``)."""
    if not isinstance(raw, Mapping) or set(raw) - set(WEEKDAYS):
        raise _bad("days", f"days must name some of {', '.join(WEEKDAYS)}.")
    return Week(tuple(spans_of(raw.get(day, [])) for day in WEEKDAYS))


def week_as_json(week: Week) -> dict[str, list[str]]:
    """Return what ``week_of`` reads back."""
    return {
        name: [f"{_clock(start)}-{_clock(end)}" for start, end in spans]
        for name, spans in zip(WEEKDAYS, week.days, strict=True)
    }


def spans_of(raw: object) -> Spans:
    """Return the spans of a list of ``HH:MM-HH:MM``, merged; InvalidInput (``bad_hours``)."""
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise _bad("days", "The hours of a day must be a list such as ['09:00-17:00'].")
    return merged(_span(text) for text in raw)


def merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return the union of *spans*: sorted, none touching the next."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)


def common(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> Spans:
    """Return what lies in both; each sorted and apart, as ``merged`` gives them."""
    result: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            result.append((start, end))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def _span(text: object) -> tuple[int, int]:
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise _bad("days", "A span of hours is written HH:MM-HH:MM, up to 24:00.")
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if not start < end <= DAY_MINUTES:
        raise _bad("days", "A span of hours must end after it begins, on the same day.")
    return start, end


def _dates(raw: object) -> frozenset[date]:
    if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) > _MAX_CLOSED_DATES:
        raise _bad("closed_dates", f"closed_dates must list up to {_MAX_CLOSED_DATES} dates.")
    try:
        return frozenset(date.fromisoformat(str(text)) for text in raw)
    except ValueError:
        raise _bad("closed_dates", "A closed date is written YYYY-MM-DD.") from None


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _bad(field_name: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, field=field_name, code="bad_hours")
