"""What a list or a campaign's audience comes to, before anybody is texted (C5, K16)."""

from carillon.domain.audience_count import AudienceCount
from carillon.domain.campaign import Campaign
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.listing import Position
from carillon.domain.permissions import Access
from carillon.domain.saved_segments import AudienceSegment
from carillon.ports import Campaigns, ImportDirectory, ManagedLists, ManagedSegments
from carillon.usecases.audience_sources import Sources, sources_of
from carillon.usecases.count_audience import Counting, count_audience


class CountAudiences:
    """Counts by the rules of a launch; see ``count_audience`` for what one look is."""

    def __init__(
        self,
        campaigns: Campaigns,
        lists: ManagedLists,
        segments: ManagedSegments,
        *,
        directory: ImportDirectory,
        counting: Counting,
    ) -> None:
        self._campaigns = campaigns
        self._lists = lists
        self._segments = segments
        self._directory = directory
        self._counting = counting

    def of_campaign(
        self, access: Access, campaign_id: str, after: Position | None
    ) -> tuple[AudienceCount, Position | None]:
        """Return one look at the audience that the campaign would have if it were launched now."""
        campaign = self._campaigns.get(campaign_id)
        access.require_object(
            campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
        )
        return count_audience(self._counting, self.sources(campaign), after=after)

    def of_list(
        self, access: Access, list_id: str, after: Position | None
    ) -> tuple[AudienceCount, Position | None]:
        """Return one look at the contacts of a list."""
        access.require_object(
            self._lists.get(list_id).office_id,
            NotFound("There is no such list.", code="list_not_found"),
        )
        sources = sources_of(self._directory, list_ids=(list_id,), segments=())
        return count_audience(self._counting, sources, after=after)

    def sources(self, campaign: Campaign) -> Sources:
        """Return whom *campaign* is for; InvalidInput when a list or segment is gone."""
        return sources_of(
            self._directory,
            list_ids=campaign.list_ids,
            segments=[self._segment(one) for one in campaign.segment_ids],
            exclude_list_ids=campaign.exclude_list_ids,
            exclude_segments=[self._segment(one) for one in campaign.exclude_segment_ids],
        )

    def _segment(self, segment_id: str) -> AudienceSegment:
        try:
            return self._segments.get(segment_id).for_audience()
        except NotFound as error:
            raise InvalidInput("A segment of this campaign no longer exists.") from error
