"""
How long a campaign takes under rates, windows and limits, by arithmetic (K16).

People are taken as *crowds*: all who share a sender and the same openings. A sender's open
crowds drain together, each in proportion to what is left of it, at the sender's segments a
second; that is what its pacer comes to, whose parts hold everybody in the order of a hash.
Nothing happens between two events, so time jumps from one to the next:

    a crowd opens or closes · a sender has no open crowd left · a day's limit is used up ·
    midnight in the office's zone · the campaign's end

What it leaves out: other campaigns on the same senders, the provider's own slowness, retries,
and the blocks in which limits are drawn. ``tests/unit/test_forecast`` holds it to the pacer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from carillon.domain.budgets import next_midnight
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Opening

# What takes longer is reported as unfinished: nobody plans by it.
LONGEST: Final = timedelta(days=120)
_MOST_EVENTS: Final = 20_000
# Less than a thousandth of a message is none.
_NOTHING: Final = 1e-3

# (place, instant) -> its current or next opening; None: it stays shut.
OpeningOf = Callable[[Whereabouts, datetime], Opening | None]


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """So many messages and segments of one sender to people of one place, from *ready_at* on."""

    sender_id: str
    where: Whereabouts
    ready_at: datetime
    messages: float
    segments: float


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A sender's segments a second, its messages a day, and on whose clock days are counted."""

    sender_id: str
    mps: float
    daily_limit: int | None
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """
    When each sender, and all of them, hand over their last message; None: not in sight.

    ``unsent`` messages are not sent before the campaign's end, or ever. ``held_s`` says how
    long, in all, nothing was sent for which reason.
    """

    finishes_at: datetime | None
    by_sender: dict[str, datetime | None]
    unsent: float
    held_s: dict[str, float] = field(default_factory=dict)


@dataclass
class _Left:
    crowd: Crowd
    messages: float
    segments: float
    opening: Opening | None = None
    is_shut: bool = False

    def is_open(self, at: datetime) -> bool:
        return self.opening is not None and self.opening.is_open(at) and at >= self.crowd.ready_at


def forecast(
    crowds: Sequence[Crowd],
    lanes: Sequence[Lane],
    *,
    start: datetime,
    opening_of: OpeningOf,
    zone: ZoneInfo,
    daily_limit: int | None = None,
    ends_at: datetime | None = None,
) -> Forecast:
    """Return how sending goes from *start* on; *daily_limit* and *zone* are the campaign's."""
    course = _Course(
        crowds, lanes, start, opening_of=opening_of, zone=zone, daily_limit=daily_limit
    )
    until = min(start + LONGEST, ends_at or start + LONGEST)
    for _ in range(_MOST_EVENTS):
        if course.at >= until or not course.step(until):
            break
    return course.result()


class _Course:
    def __init__(
        self,
        crowds: Sequence[Crowd],
        lanes: Sequence[Lane],
        start: datetime,
        *,
        opening_of: OpeningOf,
        zone: ZoneInfo,
        daily_limit: int | None,
    ) -> None:
        self.at = start
        self._lanes = {lane.sender_id: lane for lane in lanes}
        self._left = [_Left(one, one.messages, one.segments) for one in crowds if one.messages]
        self._opening_of = opening_of
        self._zone = zone
        self._daily_limit = daily_limit
        self._day_left: dict[str, float | None] = {
            lane.sender_id: lane.daily_limit for lane in lanes
        }
        self._campaigns_day_left: float | None = daily_limit
        self._midnight = next_midnight(start, zone)
        self._last: dict[str, datetime] = {}
        self._held: dict[str, float] = {}

    def step(self, until: datetime) -> bool:
        """Let time pass to the next event; False when nothing is left that may ever go."""
        waiting = [one for one in self._left if one.messages > _NOTHING and not one.is_shut]
        events = [until]
        for one in waiting:
            events += self._looked_at(one)
        if not any(not one.is_shut for one in waiting):
            return False
        open_now = {lane: self._open(lane, waiting) for lane in self._lanes}
        if self._has_limits():
            events.append(self._midnight)
        rates = {
            lane: self._lanes[lane].mps / sum(one.segments for one in those)
            for lane, those in open_now.items()
            if those and not self._is_used_up(lane)
        }
        span = min(min(events) - self.at, timedelta(seconds=self._until_change(rates, open_now)))
        # Time is told in microseconds: a shorter span would not pass.
        span = max(span, timedelta(microseconds=1))
        self._pass(span, rates, open_now, is_waiting_for_window=not any(open_now.values()))
        return True

    def result(self) -> Forecast:
        unsent = dict.fromkeys(self._lanes, 0.0)
        for one in self._left:
            if one.messages > _NOTHING:
                unsent[one.crowd.sender_id] += one.messages
        by_sender = {lane: None if unsent[lane] else self._last.get(lane) for lane in self._lanes}
        total = sum(unsent.values())
        last = max(self._last.values(), default=None)
        return Forecast(
            finishes_at=None if total else last,
            by_sender=by_sender,
            unsent=total,
            held_s=self._held,
        )

    def _looked_at(self, one: _Left) -> list[datetime]:
        """Return the next instants at which *one* opens or closes."""
        if self.at < one.crowd.ready_at:
            return [one.crowd.ready_at]
        if one.opening is None or self.at >= one.opening.closes_at:
            one.opening = self._opening_of(one.crowd.where, self.at)
        if one.opening is None:
            one.is_shut = True
            return []
        is_open = one.opening.is_open(self.at)
        return [one.opening.closes_at if is_open else one.opening.opens_at]

    def _open(self, lane: str, waiting: Sequence[_Left]) -> list[_Left]:
        return [one for one in waiting if one.crowd.sender_id == lane and one.is_open(self.at)]

    def _has_limits(self) -> bool:
        return self._daily_limit is not None or any(
            left is not None for left in self._day_left.values()
        )

    def _is_used_up(self, lane: str) -> bool:
        lefts = (self._day_left[lane], self._campaigns_day_left)
        return any(left is not None and left <= _NOTHING for left in lefts)

    def _until_change(self, rates: dict[str, float], open_now: dict[str, list[_Left]]) -> float:
        """Return the seconds until a sender is through with what is open, or a limit used up."""
        spans = [1 / rate for rate in rates.values()]
        messages_a_second = {
            lane: rate * sum(one.messages for one in open_now[lane]) for lane, rate in rates.items()
        }
        for lane, speed in messages_a_second.items():
            left = self._day_left[lane]
            if left is not None:
                spans.append(left / speed)
        if self._campaigns_day_left is not None and messages_a_second:
            spans.append(self._campaigns_day_left / sum(messages_a_second.values()))
        return min(spans, default=LONGEST.total_seconds())

    def _pass(
        self,
        span: timedelta,
        rates: dict[str, float],
        open_now: dict[str, list[_Left]],
        *,
        is_waiting_for_window: bool,
    ) -> None:
        seconds = span.total_seconds()
        self.at += span
        for lane, rate in rates.items():
            share = min(rate * seconds, 1.0)
            sent = share * sum(one.messages for one in open_now[lane])
            for one in open_now[lane]:
                one.messages *= 1 - share
                one.segments *= 1 - share
            self._last[lane] = self.at
            self._spend(lane, sent)
        if not rates:
            reason = "quiet_hours" if is_waiting_for_window else "daily_limit"
            self._held[reason] = self._held.get(reason, 0.0) + seconds
        if self.at >= self._midnight:
            self._day_left = {name: one.daily_limit for name, one in self._lanes.items()}
            self._campaigns_day_left = self._daily_limit
            self._midnight = next_midnight(self.at, self._zone)

    def _spend(self, lane: str, sent: float) -> None:
        left = self._day_left[lane]
        if left is not None:
            self._day_left[lane] = max(left - sent, 0.0)
        if self._campaigns_day_left is not None:
            self._campaigns_day_left = max(self._campaigns_day_left - sent, 0.0)
