"""
What other products call the state of a campaign: one table of projections (K5).

A product that has no such campaign in its vocabulary has None for it.
"""

from enum import StrEnum
from typing import Final

from carillon.domain.campaign import Campaign, CampaignStatus


class Vocabulary(StrEnum):
    """Whose words."""

    TAB = "tab"
    BREAKDOWN = "breakdown"
    OUTREACH = "outreach"
    MESSAGING = "messaging"
    INTERACTIVE = "interactive"


class Situation(StrEnum):
    """A row of the table: the unified state and the flags that some vocabulary looks at."""

    DRAFT_NOT_READY = "draft_not_ready"
    DRAFT_READY = "draft_ready"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    ACTIVE_UNSENT_LEFT = "active_unsent_left"
    ACTIVE_ALL_SUBMITTED = "active_all_submitted"
    PAUSED = "paused"
    FINISHED = "finished"
    ARCHIVED = "archived"


_S = Situation
_Words = tuple[str, str, str | None, str, str]
# Columns in the order of Vocabulary: tab, breakdown, outreach, messaging, interactive.
_TABLE: Final[dict[Situation, _Words]] = {
    _S.DRAFT_NOT_READY: ("Draft", "Inactive", None, "Pending", "Draft"),
    _S.DRAFT_READY: ("Draft", "Inactive", None, "Pending", "Draft"),
    _S.SCHEDULED: ("Scheduled", "Inactive", None, "Scheduled", "Scheduled"),
    _S.PROCESSING: ("Active", "Active", "Active", "In Progress", "Processing"),
    _S.ACTIVE_UNSENT_LEFT: ("Active", "Active", "Active", "In Progress", "Live"),
    _S.ACTIVE_ALL_SUBMITTED: ("Active", "Active", "Active", "Completed", "Live"),
    _S.PAUSED: ("Active", "Active", "Paused", "In Progress", "Pending"),
    _S.FINISHED: ("Active", "Active", "Finished", "Completed", "Completed"),
    _S.ARCHIVED: ("Archived", "Archived", "Finished", "Completed", "Completed"),
}
_PLAIN: Final = {
    CampaignStatus.SCHEDULED: _S.SCHEDULED,
    CampaignStatus.PROCESSING: _S.PROCESSING,
    CampaignStatus.PAUSED: _S.PAUSED,
    CampaignStatus.FINISHED: _S.FINISHED,
    CampaignStatus.ARCHIVED: _S.ARCHIVED,
}


def situation_of(campaign: Campaign) -> Situation:
    """Return which row of the table *campaign* is."""
    if campaign.status is CampaignStatus.DRAFT:
        return _S.DRAFT_NOT_READY if campaign.missing_for_launch() else _S.DRAFT_READY
    if campaign.status is CampaignStatus.ACTIVE:
        submitted = campaign.submitted_all_at is not None
        return _S.ACTIVE_ALL_SUBMITTED if submitted else _S.ACTIVE_UNSENT_LEFT
    return _PLAIN[campaign.status]


def projected(situation: Situation, vocabulary: Vocabulary) -> str | None:
    """Return the word of *vocabulary* for *situation*; None where it has none."""
    words = dict(zip(Vocabulary, _TABLE[situation], strict=True))
    return words[vocabulary]
