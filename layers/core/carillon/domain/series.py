"""
Series over local time (T1, T2), from quarter hours in UTC.

Every zone's clock is a whole number of quarter hours from UTC since 2020, so a quarter hour
belongs to one local hour and one local date, on days of 23 and 25 hours as well. An hour that
comes twice is two hours of a timeline and one hour of the day.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from carillon.domain.clock import from_iso
from carillon.domain.counters import QUARTER, Counts, total_of

_DAY = timedelta(days=1)


class Granularity(StrEnum):
    """How wide the buckets of a timeline are."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


def granularity_of(start: datetime, end: datetime, zone: ZoneInfo) -> Granularity:
    """
    Return how to show what was active from *start* to *end* (T2).

    Up to one day: hours. Less than two months: days. Less than two years: months. Else
    years. Days, months and years are those of the clock on the wall in *zone*: a month
    after 31 January is the last of February.
    """
    first, last = _wall(start, zone), _wall(end, zone)
    if last <= first + _DAY:
        return Granularity.HOUR
    if last < _months_later(first, 2):
        return Granularity.DAY
    return Granularity.MONTH if last < _months_later(first, 24) else Granularity.YEAR


def timeline(
    quarters: Mapping[str, Mapping[str, int]],
    *,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    granularity: Granularity,
) -> list[tuple[str, Counts]]:
    """
    Return (name, counters) of every bucket from *start*'s to that before *end*, in order.

    A bucket is named by its local beginning: ``2026-11-01T01:00-04:00``, ``2026-11-01``,
    ``2026-11`` or ``2026``. Empty ones are there; what lies outside is left out.
    """
    name = _NAMES[granularity]
    buckets: dict[str, list[Mapping[str, int]]] = {
        bucket: [] for bucket in _names(start, end, zone, granularity)
    }
    for quarter, counts in quarters.items():
        bucket = name(from_iso(quarter).astimezone(zone))
        if bucket in buckets:
            buckets[bucket].append(counts)
    return [(bucket, total_of(counts)) for bucket, counts in buckets.items()]


@dataclass(frozen=True)
class Responses:
    """Inbound messages by hour of the day (0 to 23), weekday (Monday first) and date."""

    by_hour: list[int]
    by_weekday: list[int]
    by_date: dict[date, int]


def responses_of(quarters: Mapping[str, int], zone: ZoneInfo) -> Responses:
    """Return the *quarters*' amounts by local hour of the day, weekday and date."""
    by_hour, by_weekday, by_date = [0] * 24, [0] * 7, dict[date, int]()
    for quarter, amount in sorted(quarters.items()):
        local = from_iso(quarter).astimezone(zone)
        by_hour[local.hour] += amount
        by_weekday[local.weekday()] += amount
        by_date[local.date()] = by_date.get(local.date(), 0) + amount
    return Responses(by_hour, by_weekday, by_date)


def dates_of(moments: Iterable[datetime], zone: ZoneInfo) -> dict[date, int]:
    """Return how many of *moments* lie in each local date."""
    found: dict[date, int] = {}
    for moment in sorted(moments):
        day = moment.astimezone(zone).date()
        found[day] = found.get(day, 0) + 1
    return found


def dates_between(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Yield the local dates from *start*'s to the last instant's before *end*, at least one."""
    day = start.astimezone(zone).date()
    last = max(day, (end - timedelta(microseconds=1)).astimezone(zone).date())
    while day <= last:
        yield day
        day += _DAY


def _hour_name(local: datetime) -> str:
    return local.replace(minute=0).isoformat(timespec="minutes")


_NAMES: dict[Granularity, Callable[[datetime], str]] = {
    Granularity.HOUR: _hour_name,
    Granularity.DAY: lambda local: f"{local:%Y-%m-%d}",
    Granularity.MONTH: lambda local: f"{local:%Y-%m}",
    Granularity.YEAR: lambda local: f"{local:%Y}",
}


def _names(
    start: datetime, end: datetime, zone: ZoneInfo, granularity: Granularity
) -> Iterator[str]:
    if granularity is Granularity.HOUR:
        quarter = first = _quarter_of(start)
        while quarter < max(end, first + QUARTER):
            yield _hour_name(quarter.astimezone(zone))
            quarter += QUARTER
        return
    for day in dates_between(start, end, zone):
        yield day.isoformat()[: _LENGTHS[granularity]]


_LENGTHS = {Granularity.DAY: 10, Granularity.MONTH: 7, Granularity.YEAR: 4}


def _quarter_of(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _months_later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    first = moment.replace(year=moment.year + years, month=month + 1, day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=min(moment.day, (following - first).days))
