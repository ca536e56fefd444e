"""
When a recurring campaign is due (K15): a rule's local times, one instant each.

    rule ──▶ local times ──▶ instants ──▶ those before ``until``, at most ``count``

An occurrence is named by its local time. One in a gap of the clock is due at the gap's end,
one that the clock shows twice the first time; when a gap lets two fall together, the second
is not due: nobody is texted twice at one instant. So whatever the clocks do, an occurrence is
due exactly once, and the same rule gives the same occurrences whoever asks and whenever.

RRULEs (RFC 5545) are dateutil's to expand. Of them those are taken that always come again,
at most once a day, because dateutil would look for one that never comes until the year 9999:

    FREQ=DAILY    INTERVAL, or BYDAY
    FREQ=WEEKLY   INTERVAL, BYDAY, WKST
    FREQ=MONTHLY  INTERVAL up to 12; BYMONTHDAY, or BYDAY (2TU, -1FR), or BYDAY with BYSETPOS
    FREQ=YEARLY   BYMONTH; BYMONTHDAY, or BYDAY with BYMONTH (4TH)

Their end is the recurrence's own ``until`` and ``count``, their time of day that of ``starts_at``.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from carillon.domain.recurrence import Recurrence, bad_schedule, local_label
from carillon.domain.schedules import cron, earliest_instant, local_instant, local_times

_YEARS_AHEAD: Final = 10
# More than any clock differs from another, so that whoever begins there misses nothing.
_MARGIN: Final = timedelta(days=3)
_MOST_A_DAY: Final = 24
_DAY_OF_WEEK: Final = r"(?:MO|TU|WE|TH|FR|SA|SU)"
_PLAIN_DAYS: Final = rf"{_DAY_OF_WEEK}(?:,{_DAY_OF_WEEK}){{0,6}}"
_NUMBERED_DAYS: Final = rf"(?:[+-]?[1-5])?{_DAY_OF_WEEK}(?:,(?:[+-]?[1-5])?{_DAY_OF_WEEK}){{0,6}}"
_MONTH_DAY: Final = r"(?:-?(?:[1-9]|[12]\d|3[01]))"
_MONTH_DAYS: Final = rf"{_MONTH_DAY}(?:,{_MONTH_DAY}){{0,30}}"
_MONTH: Final = r"(?:[1-9]|1[0-2])"
_VALUES: Final[dict[str, dict[str, str]]] = {
    "DAILY": {"INTERVAL": r"[1-9]\d{0,2}", "BYDAY": _PLAIN_DAYS},
    "WEEKLY": {"INTERVAL": r"[1-9]\d?", "BYDAY": _PLAIN_DAYS, "WKST": _DAY_OF_WEEK},
    "MONTHLY": {
        "INTERVAL": r"(?:[1-9]|1[0-2])",
        "BYDAY": _NUMBERED_DAYS,
        "BYMONTHDAY": _MONTH_DAYS,
        "BYSETPOS": r"-?[1-4]",
    },
    "YEARLY": {
        "BYMONTH": rf"{_MONTH}(?:,{_MONTH}){{0,11}}",
        "BYDAY": _NUMBERED_DAYS,
        "BYMONTHDAY": _MONTH_DAYS,
    },
}
_APART: Final = (("BYDAY", "BYMONTHDAY"), ("BYMONTHDAY", "BYSETPOS"))
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class Occurrence:
    """The occurrence of *local_time*, due at *due_at* (UTC): for recipients, first of all."""

    local_time: str
    due_at: datetime


def occurrences(recurrence: Recurrence, after: datetime) -> Iterator[Occurrence]:
    """Yield, ascending, the occurrences that are due later than *after*."""
    found: Iterable[Occurrence] = _apart(recurrence, _local_times(recurrence, after))
    if recurrence.until is not None:
        until = recurrence.until
        found = takewhile(lambda one: one.local_time <= until, found)
    if recurrence.count is not None:
        found = islice(found, recurrence.count)
    return (one for one in found if one.due_at > after)


def next_occurrence(recurrence: Recurrence, after: datetime) -> Occurrence | None:
    """Return the first occurrence that is due later than *after*; None when there is none."""
    return next(occurrences(recurrence, after), None)


def require_recurring(recurrence: Recurrence, now: datetime) -> Occurrence:
    """
    Return the first occurrence to come of *recurrence*, which is ``anchored``.

    Raises InvalidInput (``bad_schedule``) when its rule is none, or never comes (again).
    """
    starts_at = datetime.fromisoformat(recurrence.starts_at)
    if not now.year - 1 <= starts_at.year <= now.year + _YEARS_AHEAD:
        raise bad_schedule("starts_at must be within ten years.")
    first = next_occurrence(recurrence, now)
    if first is None:
        raise bad_schedule("The recurrence is not due any more.")
    return first


def _local_times(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """Yield the rule's local times; without a count, only from shortly before *after* on."""
    start = datetime.fromisoformat(recurrence.starts_at)
    from_then = start
    if recurrence.count is None:
        from_then = max(start, after.replace(tzinfo=None) - _MARGIN)
    if "FREQ=" in recurrence.rule.upper():
        rule = rrulestr(_checked(recurrence.rule.upper(), start), dtstart=start)
        return iter(rule.xafter(from_then, inc=True))
    schedule = cron(recurrence.rule)
    if len(schedule.minutes) > 1 or len(schedule.hours) > _MOST_A_DAY:
        raise bad_schedule("A campaign recurs once an hour at most: name one minute.")
    return (wall for wall in local_times(schedule, from_then.date()) if wall >= start)


def _apart(recurrence: Recurrence, walls: Iterable[datetime]) -> Iterator[Occurrence]:
    zone = None if recurrence.is_recipient_local else ZoneInfo(recurrence.zone)
    last: datetime | None = None
    for wall in walls:
        if zone is None:
            due_at = earliest_instant(wall.date(), wall.time())
        else:
            due_at = local_instant(wall.date(), wall.time(), zone)
        if last is None or due_at > last:
            last = due_at
            yield Occurrence(local_label(wall), due_at)


def _checked(rule: str, start: datetime) -> str:
    """Return *rule* if it is one of those above, which come again for certain."""
    parts = dict(_named(part) for part in rule.split(";"))
    freq = parts.pop("FREQ", "")
    if freq not in _VALUES:
        raise bad_schedule(f"FREQ must be one of {', '.join(_VALUES)}.")
    allowed = _VALUES[freq]
    for name, value in parts.items():
        if name not in allowed:
            raise bad_schedule(f"FREQ={freq} takes {', '.join(allowed)}; not {name[:20]}.")
        if not re.fullmatch(allowed[name], value, re.ASCII):
            raise bad_schedule(f"{name} of FREQ={freq} cannot be that.")
    if any(one in parts and other in parts for one, other in _APART):
        raise bad_schedule("Days of the month go with neither weekdays nor a position.")
    _require_coming_again(freq, parts, start)
    return rule


def _named(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _require_coming_again(freq: str, parts: dict[str, str], start: datetime) -> None:
    interval = int(parts.get("INTERVAL", 1))
    if freq == "DAILY" and interval > 1 and "BYDAY" in parts:
        raise bad_schedule("FREQ=DAILY takes an INTERVAL or BYDAY, not both.")
    if freq == "YEARLY" and "BYDAY" in parts and "BYMONTH" not in parts:
        raise bad_schedule("FREQ=YEARLY takes BYDAY with BYMONTH.")
    if "BYSETPOS" in parts and not re.fullmatch(_PLAIN_DAYS, parts.get("BYDAY", "")):
        raise bad_schedule("BYSETPOS goes with weekdays without a number.")
    months = (
        range(12) if "BYMONTH" not in parts else [int(m) - 1 for m in parts["BYMONTH"].split(",")]
    )
    if freq == "MONTHLY":
        months = [(start.month - 1 + n * interval) % 12 for n in range(12)]
    longest = max(_LONGEST[month] for month in months)
    days = [abs(int(day)) for day in parts.get("BYMONTHDAY", "").split(",") if day]
    if freq == "YEARLY" and "BYMONTH" in parts and not {"BYDAY", "BYMONTHDAY"} & parts.keys():
        days = [start.day]
    if days and min(days) > longest:
        raise bad_schedule("No such month has such a day.")
