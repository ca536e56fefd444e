"""
When a scheduled campaign is due (K15): on an office's clock, on each recipient's, or repeatedly.

A local time that clocks skip is due when they have skipped it, at the first instant after the
gap; one that they show twice is due the first time only. So each local time is due exactly
once. What is due but too old does not fire: ``is_too_late`` says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from carillon.domain.errors import InvalidInput
from carillon.domain.whereabouts import Whereabouts

# Where a day begins first: nobody's clock is further ahead (Kiribati).
_FIRST_CLOCK: Final = timezone(timedelta(hours=14))
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
# Past this many days a schedule never is due again (29 February comes within eight years).
_SEARCH_DAYS: Final = 366 * 9


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """
    Return when *zone*'s clock first shows *at* on *day*, in UTC, to the second.

    A skipped time gives the first instant after the gap, a repeated one its first showing.
    """
    wall = datetime.combine(day, at.replace(microsecond=0, tzinfo=None))
    # fold=0 counts with the offset before a change: right unless the time is skipped.
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change_between(before, instant, zone)


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second after *low* at which *zone* has the offset that it has at *high*."""
    offset_after = high.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + ((high - low) // 2 // _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == offset_after:
            high = middle
        else:
            low = middle
    return high


def recipient_local_instant(day: date, at: time, where: Whereabouts) -> datetime:
    """Return when it is *at* on *day*, or later, in every zone where the recipient may be."""
    return max(local_instant(day, at, ZoneInfo(zone)) for zone in where.zones)


# How long after the first place on earth (UTC+14) the last one (UTC-12) reaches the same time.
EVERYWHERE: Final = timedelta(hours=26)


def earliest_instant(day: date, at: time) -> datetime:
    """Return when *day* reaches *at* anywhere on earth: until then nobody need be planned for."""
    wall = datetime.combine(day, at.replace(tzinfo=None))
    return wall.replace(tzinfo=_FIRST_CLOCK).astimezone(UTC)


def is_too_late(due: datetime, now: datetime, limit: timedelta) -> bool:
    """Whether *due* lies more than the lateness *limit* back, so that it must not fire."""
    return now - due > limit


@dataclass(frozen=True)
class Cron:
    """
    A recurring schedule of five fields: minute, hour, day of month, month, weekday.

    As cron has it: where both a day of the month and a weekday are named, either suffices.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def is_on(self, day: date) -> bool:
        """Whether it has a time on *day*."""
        if day.month not in self.months:
            return False
        matches = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return any(matches) if self.either_day else all(matches)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, first and last value, and the words that stand for values.
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("weekday", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


def cron(expression: str) -> Cron:
    """
    Return the schedule that *expression* writes: ``0 9 * * mon-fri``, ``*/15 8-17 1,15 * *``.

    Weekdays are 0 to 7, Sunday being both. Raises InvalidInput (``bad_schedule``).
    """
    fields = expression.lower().split()
    if len(fields) != len(_FIELDS):
        raise _bad("A recurring schedule has five fields: minute, hour, day, month, weekday.")
    minutes, hours, days, months, weekdays = (
        _values(text, *field) for text, field in zip(fields, _FIELDS, strict=True)
    )
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )


def local_times(schedule: Cron, first: date) -> Iterator[datetime]:
    """
    Yield, ascending, the local times of *schedule* from *first* on, without an offset.

    Ends when it is not due within nine years.
    """
    day, idle = first, 0
    times = [time(h, m) for h, m in product(sorted(schedule.hours), sorted(schedule.minutes))]
    while idle < _SEARCH_DAYS:
        idle += 1
        if schedule.is_on(day):
            idle = 0
            yield from (datetime.combine(day, at) for at in times)
        day += _DAY


def _values(text: str, name: str, low: int, high: int, words: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
            raise _bad(f"The {name} has a step that is no whole number.")
        first, last = _range(span, low, high, words, open_ended=bool(slash))
        if not low <= first <= last <= high:
            raise _bad(f"The {name} must be between {low} and {high}.")
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _range(
    span: str, low: int, high: int, words: dict[str, int], *, open_ended: bool
) -> tuple[int, int]:
    if span == "*":
        return low, high
    start, dash, end = span.partition("-")
    first = _value(start, words)
    if dash:
        return first, _value(end, words)
    return first, high if open_ended else first


def _value(text: str, words: dict[str, int]) -> int:
    if text in words:
        return words[text]
    if text.isascii() and text.isdigit():
        return int(text)
    raise _bad("A recurring schedule is made of numbers, names, *, commas, dashes and slashes.")


def _bad(detail: str) -> InvalidInput:
    return InvalidInput(detail, field="recurrence", code="bad_schedule")
