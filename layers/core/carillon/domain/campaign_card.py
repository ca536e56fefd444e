"""What a list shows of a campaign: its card (K14) and which report it offers (K11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from carillon.domain.campaign import Campaign, CampaignStatus, Sender

# Red is kept for what is wrong with a campaign, which is no state of it.
COLOURS: Final[dict[CampaignStatus, str]] = {
    CampaignStatus.DRAFT: "grey",
    CampaignStatus.SCHEDULED: "blue",
    CampaignStatus.PROCESSING: "violet",
    CampaignStatus.ACTIVE: "green",
    CampaignStatus.PAUSED: "amber",
    CampaignStatus.FINISHED: "teal",
    CampaignStatus.ARCHIVED: "black",
}


class ReportKind(StrEnum):
    """What a campaign has to report: its final figures, those so far, or its settings alone."""

    REPORT = "report"
    INTERIM = "interim"
    DETAILS = "details"


def report_kind(campaign: Campaign) -> ReportKind:
    """
    Return which report *campaign* offers (K11).

    Final is what is finished, or has handed over everything; one that was launched and then
    archived too. Paused it still has figures; while it is processed it has none.
    """
    if campaign.launched_at is None or campaign.status is CampaignStatus.PROCESSING:
        return ReportKind.DETAILS
    if campaign.status in (CampaignStatus.FINISHED, CampaignStatus.ARCHIVED):
        return ReportKind.REPORT
    if campaign.status is CampaignStatus.ACTIVE and campaign.submitted_all_at is not None:
        return ReportKind.REPORT
    return ReportKind.INTERIM


@dataclass(frozen=True, kw_only=True)
class Card:
    """
    A campaign's card (K14); ``action`` is the one that it offers: ``report`` or ``details``.

    ``sending_entity`` names the sender; with several, the first and how many more there are.
    """

    name: str
    sending_entity: str | None
    type: str
    number: int
    status: CampaignStatus
    colour: str
    created_at: datetime
    action: str


def card_of(campaign: Campaign, senders: Sequence[Sender]) -> Card:
    """Return the card of *campaign*, which sends from *senders*."""
    final = report_kind(campaign) is ReportKind.REPORT
    return Card(
        name=campaign.title,
        sending_entity=_entity(campaign, senders),
        type=campaign.type,
        number=campaign.number,
        status=campaign.status,
        colour=COLOURS[campaign.status],
        created_at=campaign.created_at,
        action="report" if final else "details",
    )


def _entity(campaign: Campaign, senders: Sequence[Sender]) -> str | None:
    if not senders:
        return None
    more = len(campaign.sender_ids) - 1
    return f"{senders[0].name} +{more}" if more else senders[0].name
