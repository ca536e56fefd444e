"""
Limits that are counted in messages: by day, by campaign, by person (F6, K17, L1).

A *budget* is a number of messages that all pacers of a campaign or sender draw from. They
draw in small blocks, so that counting does not cost a write a message, and put back what
they did not use; a pacer that dies takes its block with it, so a limit is never exceeded
and may once be missed by a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Budget:
    """What is counted: *scope* is a campaign or sender id, *period* a day or ``pilot``."""

    scope: str
    period: str


PILOT = "pilot"


def day_budget(scope: str, day: date) -> Budget:
    """Return the budget of one day of a sender or campaign."""
    return Budget(scope, day.isoformat())


def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the day that *now* lies in ends in *zone*."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    # Some zones skip midnight itself: fold and gap are resolved by way of UTC.
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    return midnight.astimezone(ZoneInfo("UTC"))


@dataclass(frozen=True)
class Cap:
    """At most *most* messages to one person within *within*, whichever campaigns they are of."""

    most: int
    within: timedelta


def allowed_from(sent: Sequence[datetime], caps: Sequence[Cap], now: datetime) -> datetime | None:
    """
    Return when one more message keeps every cap, None when it does now.

    *sent* are the times of the messages to that person, in any order.
    """
    latest: datetime | None = None
    for cap in caps:
        recent = sorted(at for at in sent if at > now - cap.within)
        if len(recent) < cap.most:
            continue
        # As soon as so many of them have grown old that there is room for one.
        free_at = recent[len(recent) - cap.most] + cap.within
        latest = free_at if latest is None else max(latest, free_at)
    return latest


class Allowance:
    """
    One pacer's share of a budget, drawn in blocks; not shared between threads.

    *reserve* takes up to so many and says how many it got.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self.left = 0

    def wants(self) -> int:
        """Return how many to reserve before the next message may go; 0 when one may."""
        return 0 if self.left else self._block

    def fill(self, granted: int) -> None:
        """Add what was reserved."""
        self.left += granted

    def take(self) -> None:
        """Use one."""
        self.left -= 1

    def put_back(self) -> None:
        """Return one that was not used after all."""
        self.left += 1
