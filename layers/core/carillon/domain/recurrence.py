"""
That a campaign comes again and again (K15): by which rule, on whose clock, until when.

The recurring campaign itself never launches. It stays ``scheduled`` while each of its
occurrences is launched as a campaign of its own, a copy of it as it stands then. Which times a
rule names is ``occurrences``'s to say; this module is what everybody stores and reads.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from carillon.domain.errors import InvalidInput
from carillon.domain.timeframe import zone_named

OFFICE: Final = "office"
RECIPIENT: Final = "recipient"
MAX_RULE: Final = 200
MAX_COUNT: Final = 10_000
# A run shorter than this would be over before it is planned.
SHORTEST_RUN_S: Final = 600
LONGEST_RUN_S: Final = 30 * 86_400
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_FIELDS: Final = ("rule", "zone", "starts_at", "until", "count", "run_for_s")


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """
    *rule* (five cron fields, or an RRULE) read on the clock of *zone*.

    ``zone`` is an IANA name, or ``recipient``: everybody's own clock. ``starts_at`` and
    ``until`` are local times without an offset, both of them included; ``count`` counts from
    ``starts_at`` on, whatever became of an occurrence. A run that has not sent everything
    within ``run_for_s`` ends. While ``paused``, occurrences pass without a run.
    """

    rule: str
    zone: str = OFFICE
    starts_at: str = ""
    until: str | None = None
    count: int | None = None
    run_for_s: int | None = None
    paused: bool = False

    @property
    def is_recipient_local(self) -> bool:
        """Whether each recipient's own clock counts."""
        return self.zone == RECIPIENT

    def as_json(self) -> dict[str, Any]:
        """Return its fields."""
        return asdict(self)

    def anchored(self, office_zone: str, now: datetime) -> "Recurrence":
        """Return it with its zone and beginning named, where the caller has left that to us."""
        zone = office_zone if self.zone == OFFICE else self.zone
        starts_at = self.starts_at
        if not starts_at:
            clock = zone_named(office_zone if zone == RECIPIENT else zone)
            starts_at = local_label(now.astimezone(clock))
        return replace(self, zone=zone, starts_at=starts_at)


class Outcome(StrEnum):
    """What became of an occurrence."""

    LAUNCHED = "launched"
    # It was due longer ago than the lateness limit.
    MISSED = "missed"
    # The series was paused.
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Occurred:
    """
    What became of the occurrence of *local_time*: its run, or why there is none.

    ``passed`` counts the occurrences after it that were too late as well and passed with it.
    """

    local_time: str
    due_at: datetime
    outcome: Outcome
    at: datetime
    campaign_id: str | None = None
    problem: str | None = None
    passed: int = 0


def recurrence_of(raw: Mapping[str, Any]) -> Recurrence:
    """
    Return the recurrence that the JSON *raw* writes out.

        {"rule": "0 10 * * mon", "zone": "recipient", "until": "2027-03-31T23:59"}

    Raises InvalidInput (``bad_schedule``, ``unknown_zone``); whether the rule itself is one,
    ``occurrences.require_recurring`` says.
    """
    unknown = sorted(set(raw) - set(_FIELDS))
    if unknown:
        raise bad_schedule(f"A recurrence has {', '.join(_FIELDS)}, and nothing else.")
    rule, zone = raw.get("rule"), raw.get("zone", OFFICE)
    if not isinstance(rule, str) or not 0 < len(rule.strip()) <= MAX_RULE:
        raise bad_schedule(f"rule must have 1 to {MAX_RULE} characters.")
    if not isinstance(zone, str):
        raise bad_schedule("zone must be office, recipient or the name of a time zone.")
    if zone not in (OFFICE, RECIPIENT):
        zone_named(zone)
    return Recurrence(
        rule=rule.strip(),
        zone=zone,
        starts_at=_local("starts_at", raw.get("starts_at")) or "",
        until=_local("until", raw.get("until")),
        count=_number("count", raw.get("count"), 1, MAX_COUNT),
        run_for_s=_number("run_for_s", raw.get("run_for_s"), SHORTEST_RUN_S, LONGEST_RUN_S),
    )


def local_label(wall: datetime) -> str:
    """Return a local time as it names an occurrence: to the minute, without an offset."""
    return wall.replace(tzinfo=None).isoformat(timespec="minutes")


def run_end(
    recurrence: Recurrence, due_at: datetime, series_ends_at: datetime | None
) -> datetime | None:
    """Return when the run that was due at *due_at* ends: its own time is up, or the series'."""
    own = None if recurrence.run_for_s is None else due_at + timedelta(seconds=recurrence.run_for_s)
    ends = [one for one in (own, series_ends_at) if one is not None]
    return min(ends, default=None)


def bad_schedule(detail: str) -> InvalidInput:
    """Return the error for a recurrence that is none."""
    return InvalidInput(detail, field="recurrence", code="bad_schedule")


def _local(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and _LOCAL.fullmatch(value):
        try:
            return local_label(datetime.fromisoformat(value))
        except ValueError:
            pass
    raise bad_schedule(f"{name} must be a local date and time, such as 2026-11-30T10:00.")


def _number(name: str, value: object, low: int, high: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise bad_schedule(f"{name} must be a whole number from {low} to {high}.")
    return value
