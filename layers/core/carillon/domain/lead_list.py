"""
The leads of a campaign as people look through them (T9, F2): what is shown, what is asked for.

A pending lead has no row: it stands in the frozen audience alone, and in no such list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.lead import LeadStatus


class LeadGroup(StrEnum):
    """Which leads to show."""

    # Claimed longer ago than a call can take, and without a result (F2).
    AMBIGUOUS = "ambiguous"
    CLAIMED = "claimed"
    RETRYING = "retrying"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    # Reached the provider, and follow-ups are still to come (M3).
    PARTIAL = "partial"


@dataclass(frozen=True, kw_only=True)
class ListedLead:
    """One lead's row. ``last_action_at`` is the latest of all that happened to it."""

    key: str
    phone: str | None
    status: LeadStatus
    sender_id: str
    claimed_at: datetime
    last_action_at: datetime
    attempts: int = 1
    error_code: str | None = None
    variant: str | None = None
    steps_left: int = 0


@dataclass(frozen=True, kw_only=True)
class LeadFilter:
    """What to show; None asks for nothing in particular. All that is asked for must hold."""

    group: LeadGroup | None = None
    sender_id: str | None = None
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether every lead matches."""
        return self.group is None and self.sender_id is None and self.reason is None

    def matches(self, lead: ListedLead, *, now: datetime, grace: timedelta) -> bool:
        """Whether *lead* is asked for; a claim is ambiguous when it is older than *grace*."""
        if self.sender_id is not None and lead.sender_id != self.sender_id:
            return False
        if self.reason is not None and self.reason != shown_reason(lead):
            return False
        if self.group is LeadGroup.AMBIGUOUS:
            return is_ambiguous(lead, now=now, grace=grace)
        if self.group is LeadGroup.PARTIAL:
            return is_partial(lead)
        return self.group is None or self.group.value == lead.status.value


Matches = Callable[[ListedLead], bool]

_REACHED = frozenset({LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.UNCONFIRMED})
# Where a code says why the lead is where it is; elsewhere it is an earlier attempt's.
_WITH_REASON = frozenset({LeadStatus.FAILED, LeadStatus.SUPPRESSED, LeadStatus.RETRYING})


def is_ambiguous(lead: ListedLead, *, now: datetime, grace: timedelta) -> bool:
    """Whether nobody knows what became of the call that *lead* was claimed for (F2)."""
    return lead.status is LeadStatus.CLAIMED and lead.claimed_at < now - grace


def is_partial(lead: ListedLead) -> bool:
    """Whether *lead* reached the provider and follow-ups are still to come (M3)."""
    return lead.steps_left > 0 and lead.status in _REACHED


def shown_reason(lead: ListedLead) -> str | None:
    """Return the code of why *lead* failed, was suppressed or is tried again, if it did."""
    return lead.error_code if lead.status in _WITH_REASON else None
