"""
A pacer's purse: messages it may send under the day's limits and a pilot (F6, K17).

Budgets are shared with other pacers and drawn in blocks, so that counting costs a write a
second instead of a write a message. What is left goes back at the hand-over; a crash loses
at most a block a budget, on the side of sending less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from carillon.domain.budgets import PILOT, Budget, day_budget, next_midnight
from carillon.domain.campaign import Campaign, HoldReason, Sender
from carillon.ports import Budgets

# A limit is drawn in at least so many blocks, so that one lost in a crash is small beside it.
_BLOCKS = 50


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most *most* messages of *budget*; *until* is when it starts anew, None if never."""

    budget: Budget
    most: int
    block: int
    reason: HoldReason
    until: datetime | None = None

    @property
    def is_senders(self) -> bool:
        """Whether it bounds the sender, whichever campaign a message is of."""
        return self.reason is HoldReason.DAILY_LIMIT and self.budget.scope.startswith("snd_")


def limits_of(campaign: Campaign, sender: Sender, zone: ZoneInfo, now: datetime) -> list[Limit]:
    """
    Return the limits that the next message of *campaign* through *sender* falls under.

    A test uses up nothing of the sender's, which real campaigns and answers live on (P3).
    """
    limits = [] if campaign.is_test else sender_limits(sender, zone, now)
    if campaign.daily_limit is not None:
        limits.append(_daily(campaign.id, campaign.daily_limit, sender, zone, now))
    if campaign.pilot_size is not None:
        budget = Budget(campaign.id, PILOT)
        # One at a time: a pilot is small, and a block lost in a crash would be missed.
        limits.append(
            Limit(budget=budget, most=campaign.pilot_size, block=1, reason=HoldReason.PILOT)
        )
    return limits


def sender_limits(sender: Sender, zone: ZoneInfo, now: datetime) -> list[Limit]:
    """Return the limits that every message through *sender* falls under, of whatever kind."""
    if sender.daily_limit is None:
        return []
    return [_daily(sender.id, sender.daily_limit, sender, zone, now)]


def _daily(scope: str, most: int, sender: Sender, zone: ZoneInfo, now: datetime) -> Limit:
    # Daily limits are the office's days.
    return Limit(
        budget=day_budget(scope, now.astimezone(zone).date()),
        most=most,
        block=max(1, min(int(sender.mps), most // _BLOCKS)),
        reason=HoldReason.DAILY_LIMIT,
        until=next_midnight(now, zone),
    )


class Purse:
    """What one pacer has drawn and not used yet. Not for sharing between threads."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._left: dict[Budget, int] = {}

    def take(self, limits: Sequence[Limit]) -> Limit | None:
        """Take one message from every limit; or take nothing and return the one used up."""
        for number, limit in enumerate(limits):
            if not self._left.get(limit.budget):
                self._left[limit.budget] = self._budgets.reserve(
                    limit.budget, limit.most, limit.block
                )
            if not self._left[limit.budget]:
                self.put_back(limits[:number])
                return limit
            self._left[limit.budget] -= 1
        return None

    def put_back(self, limits: Sequence[Limit]) -> None:
        """Return one message to each of *limits*: it was not sent after all."""
        for limit in limits:
            self._left[limit.budget] = self._left.get(limit.budget, 0) + 1

    def empty(self, scope: str | None = None) -> None:
        """Give back what is left of *scope*'s budgets (None: of all)."""
        for budget, left in list(self._left.items()):
            if scope is None or budget.scope == scope:
                del self._left[budget]
                if left:
                    self._budgets.give_back(budget, left)
