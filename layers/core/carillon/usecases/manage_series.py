"""
A campaign that recurs, as people look after it (K15): what comes, what came, a pause.

It is stopped by unscheduling it, and edited like any scheduled campaign: an edit reaches the
occurrences to come. What has been launched is a campaign of its own.
"""

from dataclasses import dataclass, replace
from itertools import islice

from carillon.domain.campaign import Campaign
from carillon.domain.campaign_offers import reaches
from carillon.domain.campaign_states import CampaignStatus
from carillon.domain.errors import Conflict, NotFound
from carillon.domain.occurrences import Occurrence, next_occurrence, occurrences
from carillon.domain.permissions import Access
from carillon.domain.recurrence import Occurred, Recurrence
from carillon.ports import Campaigns, Clock, Occurrences


@dataclass(frozen=True, kw_only=True)
class Series:
    """What is *coming*, the first first, and what has *occurred*, the latest first."""

    campaign_id: str
    recurrence: Recurrence | None
    coming: tuple[Occurrence, ...]
    occurred: tuple[Occurred, ...]


class ManageSeries:
    """Shows the occurrences of campaigns that recur, and pauses them."""

    def __init__(self, campaigns: Campaigns, occurrences: Occurrences, clock: Clock) -> None:
        self._campaigns = campaigns
        self._occurrences = occurrences
        self._clock = clock

    def show(self, access: Access, campaign_id: str, limit: int) -> Series:
        """
        Return at most *limit* occurrences to come and as many that came.

        One that is coming before the series' end (``ends_at``) alone is shown; while the
        series is paused none is. Raises NotFound when it is absent or another office's.
        """
        campaign = self._get(access, campaign_id)
        return Series(
            campaign_id=campaign.id,
            recurrence=campaign.recurrence,
            coming=tuple(self._coming(campaign, limit)),
            occurred=tuple(self._occurrences.latest(campaign.id, limit)),
        )

    def pause(self, access: Access, campaign_id: str) -> Campaign:
        """Let occurrences pass without a run from now on; repeating it changes nothing."""
        return self._set_paused(access, campaign_id, paused=True)

    def resume(self, access: Access, campaign_id: str) -> Campaign:
        """Launch the occurrences from now on again; those that have passed are not made up."""
        return self._set_paused(access, campaign_id, paused=False)

    def _set_paused(self, access: Access, campaign_id: str, *, paused: bool) -> Campaign:
        campaign = self._get(access, campaign_id)
        access.require_kind(is_test=campaign.is_test)
        if campaign.recurrence is None or campaign.status is not CampaignStatus.SCHEDULED:
            raise Conflict("It does not recur.", code="campaign_does_not_recur")
        if campaign.recurrence.paused is paused:
            return campaign
        now = self._clock.now()
        recurrence = replace(campaign.recurrence, paused=paused)
        changes: dict[str, object] = {"recurrence": recurrence}
        if not paused:
            # What was due during the pause must not be taken for due just now.
            coming = next_occurrence(recurrence, now)
            changes["schedule_at"] = now if coming is None else coming.due_at
        return self._campaigns.change(campaign, changes, now)

    def _coming(self, campaign: Campaign, limit: int) -> list[Occurrence]:
        if campaign.recurrence is None or campaign.recurrence.paused:
            return []
        coming = islice(occurrences(campaign.recurrence, self._clock.now()), limit)
        return [one for one in coming if not campaign.is_over(one.due_at)]

    def _get(self, access: Access, campaign_id: str) -> Campaign:
        campaign = self._campaigns.get(campaign_id)
        if not reaches(access, campaign.office_id, campaign.agents):
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        return campaign
