"""
The leads of a campaign as people look through them (T9, F2): what is shown, what is asked for.

A pending lead has no row: it stands in the frozen audience alone, and in no such list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.lead import LeadStatus
from carillon.domain.metrics import Given, figure_value


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
    # What the row adds to its campaign's counters.
    counts: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class LeadFilter:
    """What to show; None asks for nothing in particular. All that is asked for must hold."""

    group: LeadGroup | None = None
    sender_id: str | None = None
    reason: str | None = None
    figure: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether every lead matches."""
        asked = (self.group, self.sender_id, self.reason, self.figure)
        return all(one is None for one in asked)

    def matches(self, lead: ListedLead, *, now: datetime, grace: timedelta) -> bool:
        """Whether *lead* is asked for; a claim is ambiguous when it is older than *grace*."""
        if self.sender_id is not None and lead.sender_id != self.sender_id:
            return False
        if self.reason is not None and self.reason != shown_reason(lead):
            return False
        if self.figure is not None and not is_behind(lead, self.figure):
            return False
        if self.group is LeadGroup.AMBIGUOUS:
            return is_ambiguous(lead, now=now, grace=grace)
        if self.group is LeadGroup.PARTIAL:
            return is_partial(lead)
        return self.group is None or self.group.value == lead.status.value


# Figures (domain.metrics) that count leads, each lead once: those whose leads can be listed.
# Pending leads have no row, so that ``pending`` and ``total`` are not among them.
LEAD_FIGURES = (
    "contacts_messaged",
    "contacts_submitted",
    "contacts_responded",
    "auto_opt_outs",
    "manual_opt_outs",
    "total_opt_outs",
    "initials_sent",
    "replies",
    "replies_non_opt_out",
    "sent",
    "failed",
    "partial",
    "contacts_clicked",
    "conversions",
    "send_total",
    "send_succeeded",
    "send_failed",
)

Matches = Callable[[ListedLead], bool]

_REACHED = frozenset({LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.UNCONFIRMED})
# Where a code says why the lead is where it is; elsewhere it is an earlier attempt's.
_WITH_REASON = frozenset({LeadStatus.FAILED, LeadStatus.SUPPRESSED, LeadStatus.RETRYING})


def is_behind(lead: ListedLead, figure: str) -> bool:
    """Whether *lead* is one of those that *figure* counts: by the figure's own formula."""
    return figure_value(figure, Given(lead.counts)) > 0


def is_ambiguous(lead: ListedLead, *, now: datetime, grace: timedelta) -> bool:
    """Whether nobody knows what became of the call that *lead* was claimed for (F2)."""
    return lead.status is LeadStatus.CLAIMED and lead.claimed_at < now - grace


def is_partial(lead: ListedLead) -> bool:
    """Whether *lead* reached the provider and follow-ups are still to come (M3)."""
    return lead.steps_left > 0 and lead.status in _REACHED


def shown_reason(lead: ListedLead) -> str | None:
    """Return the code of why *lead* failed, was suppressed or is tried again, if it did."""
    return lead.error_code if lead.status in _WITH_REASON else None
