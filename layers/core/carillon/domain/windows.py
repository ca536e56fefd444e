"""
When a recipient may be texted (F5): active hours ∩ law ∩ closed days, in every candidate zone.

Everything is worked out on instants: a zone's timeline is cut where its clock changes, and
between two changes local time is UTC plus one offset. So an hour that a clock skips is never
open, and one that it shows twice is open twice, whatever the hours are.

    local spans of each day ──▶ UTC intervals of one zone ──▶ ∩ over zones ∩ fixed-zone hours
    (rules in force that day)     (cut at its changes)

The pacer asks per lead, a million times, about few different places. So what is open is
worked out once per place and week, and asking again is a look into a sorted list.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from math import floor
from typing import Final
from zoneinfo import ZoneInfo

from carillon.domain.campaign import HoldReason
from carillon.domain.hours import RECIPIENT, ActiveHours, Spans, common, merged
from carillon.domain.law_pack import LawPack, Policy, Rule, lowest, open_spans
from carillon.domain.whereabouts import Whereabouts

_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S
# How far ahead an opening is looked for: what stays shut longer is for a person to mend.
HORIZON_DAYS: Final = 15
# Since 2000 no zone has changed its clock twice within six days, nor is one known to.
_STEP_S: Final = _DAY_S
# There are some hundred area codes and states; past this, places are not shared after all.
_MAX_PLACES: Final = 20_000

SpansOn = Callable[[date], Spans]


@dataclass(frozen=True)
class Opening:
    """
    The opening that is current, or else the next one: ``opens_at`` <= t < ``closes_at``, UTC.

    ``opens_at`` of a current one is at or before the instant asked about. What never closes
    says a ``closes_at`` more than HORIZON_DAYS ahead: ask again then.
    """

    opens_at: datetime
    closes_at: datetime

    def is_open(self, at: datetime) -> bool:
        """Whether *at* lies inside."""
        return self.opens_at <= at < self.closes_at


@dataclass(frozen=True)
class _Week:
    """What is open from one Thursday, 00:00 UTC, on for a week, and HORIZON_DAYS beyond."""

    number: int
    ends: tuple[int, ...]
    openings: tuple[Opening, ...]


class Windows:
    """
    The windows of one campaign: its *hours* (None: no wish of its own), the law and the policy.

    ``at`` is aware; answers are UTC. Not for sharing between threads.
    """

    def __init__(
        self, hours: ActiveHours | None, pack: LawPack, policy: Policy | None = None
    ) -> None:
        self._hours = hours
        self._policy = policy or Policy()
        self._pack = pack
        wishes = [wish for wish in (hours, self._policy.hours) if wish is not None]
        self._recipient_local = [wish for wish in wishes if wish.zone == RECIPIENT]
        self._fixed = [wish for wish in wishes if wish.zone != RECIPIENT]
        self._weeks: dict[Whereabouts, _Week] = {}
        self._caps: dict[tuple[tuple[str, ...], date], int | None] = {}

    def opening(self, where: Whereabouts, at: datetime) -> Opening | None:
        """Return the current opening, else the next; None: shut for HORIZON_DAYS."""
        second = floor(at.timestamp())
        number = second // _WEEK_S
        week = self._weeks.get(where)
        if week is None or week.number != number:
            week = self._work_out(where, number)
        place = bisect_right(week.ends, second)
        if place == len(week.openings):
            return None
        opening = week.openings[place]
        # A week's list reaches further ahead early in the week than late: the answer must not.
        return opening if opening.opens_at.timestamp() - second <= HORIZON_DAYS * _DAY_S else None

    def may_send(self, where: Whereabouts, at: datetime) -> bool:
        """Whether *at* is inside the window in every zone of *where* (F5)."""
        opening = self.opening(where, at)
        return opening is not None and opening.is_open(at)

    def next_opening(self, where: Whereabouts, at: datetime) -> datetime | None:
        """Return the first instant from *at* on at which one may send; None: never opens."""
        opening = self.opening(where, at)
        return None if opening is None else max(at.astimezone(UTC), opening.opens_at)

    def hold_reason(self, where: Whereabouts, at: datetime) -> HoldReason:
        """Return why a lead of *where* waits at *at*, or NONE (K3)."""
        return HoldReason.NONE if self.may_send(where, at) else HoldReason.QUIET_HOURS

    def closed_by(self, where: Whereabouts, at: datetime) -> tuple[str, ...]:
        """
        Return what keeps *where* shut at *at*: ``campaign``, ``policy``, ids of rules (K16).

        Empty when it is open. For people and counts: it looks at every clock again.
        """
        wishes = [("campaign", self._hours), ("policy", self._policy.hours)]
        shut = [name for name, wish in wishes if wish and _is_shut(wish, where, at)]
        local = [at.astimezone(ZoneInfo(zone)) for zone in where.zones]
        for rule in self._pack.applying_in(where.jurisdictions):
            if any(rule.holds_on(t.date()) and not _shows(rule.spans_on, t) for t in local):
                shut.append(rule.id)
        return tuple(shut)

    def max_contacts_per_24h(self, where: Whereabouts, on: date) -> int | None:
        """Return how many messages in 24 hours law and policy let through; None: no bound."""
        key = where.jurisdictions, on
        if key not in self._caps:
            if len(self._caps) >= _MAX_PLACES:
                self._caps.clear()
            rules = self._pack.rules_for(*key)
            caps = [rule.max_contacts_per_24h for rule in rules]
            self._caps[key] = lowest([*caps, self._policy.max_contacts_per_24h])
        return self._caps[key]

    def _work_out(self, where: Whereabouts, number: int) -> _Week:
        if len(self._weeks) >= _MAX_PLACES:
            self._weeks.clear()
        start = number * _WEEK_S
        intervals = self._intervals(where, start, start + _WEEK_S + (HORIZON_DAYS + 1) * _DAY_S)
        openings = tuple(Opening(_instant(opens), _instant(closes)) for opens, closes in intervals)
        week = _Week(number, tuple(closes for _, closes in intervals), openings)
        self._weeks[where] = week
        return week

    def _intervals(self, where: Whereabouts, start: int, end: int) -> Spans:
        rules = self._pack.applying_in(where.jurisdictions)
        local = self._local_spans([rule for rule in rules if rule.is_about_hours])
        clocks: list[tuple[str, SpansOn]] = [(zone, local) for zone in where.zones]
        clocks += [(wish.zone, wish.spans_on) for wish in self._fixed]
        result: Spans = ((start, end),)
        for zone, spans_on in clocks:
            result = common(result, _open_in(zone, spans_on, start, end))
        return result

    def _local_spans(self, rules: list[Rule]) -> SpansOn:
        @lru_cache(maxsize=64)
        def spans_on(day: date) -> Spans:
            spans = open_spans(rules, day)
            for wish in self._recipient_local:
                spans = common(spans, wish.spans_on(day))
            return spans

        return spans_on


def valid_for_s(opening: Opening, at: datetime, ends_at: datetime | None = None) -> int:
    """
    Return for how long a provider may keep trying with what it is given at *at* (F5).

    Until the window closes or the campaign ends, in whole seconds; 0 or less: too late.
    """
    last = opening.closes_at if ends_at is None else min(opening.closes_at, ends_at)
    return floor((last - at).total_seconds())


def _is_shut(wish: ActiveHours, where: Whereabouts, at: datetime) -> bool:
    zones = where.zones if wish.zone == RECIPIENT else (wish.zone,)
    return not all(_shows(wish.spans_on, at.astimezone(ZoneInfo(zone))) for zone in zones)


def _shows(spans_on: SpansOn, local: datetime) -> bool:
    """Whether the *local* clock stands in one of the spans of its day."""
    minute = local.hour * 60 + local.minute
    return any(opens <= minute < closes for opens, closes in spans_on(local.date()))


def _open_in(zone: str, spans_on: SpansOn, start: int, end: int) -> Spans:
    """Return the UTC intervals in which *zone*'s clock stands in the spans of its day."""
    found: list[tuple[int, int]] = []
    for begins, ends, offset in _steady(zone, start, end):
        for ordinal in range((begins + offset) // _DAY_S, (ends - 1 + offset) // _DAY_S + 1):
            midnight = ordinal * _DAY_S - offset
            for opens, closes in spans_on(_date(ordinal)):
                clipped = max(begins, midnight + opens * 60), min(ends, midnight + closes * 60)
                if clipped[0] < clipped[1]:
                    found.append(clipped)
    return merged(found)


@lru_cache(maxsize=2048)
def _steady(zone: str, start: int, end: int) -> tuple[tuple[int, int, int], ...]:
    """Return (from, to, offset in seconds) between the changes of *zone*'s clock."""
    return tuple(_pieces(ZoneInfo(zone), start, end))


def _pieces(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    begins, offset = start, _offset(zone, start)
    for low in range(start, end, _STEP_S):
        high = min(low + _STEP_S, end)
        after = _offset(zone, high)
        if after != offset:
            change = _change(zone, low, high)
            yield begins, change, offset
            begins, offset = change, after
    if begins < end:
        yield begins, end, offset


def _change(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first second after *low* with the offset of *high*."""
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@lru_cache(maxsize=4096)
def _date(days_since_1970: int) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + days_since_1970)


_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
