"""Mark that leads did what their campaign was for (A16). Marking again changes nothing."""

from collections.abc import Callable
from datetime import datetime

from carillon.domain.campaign import Campaign
from carillon.domain.conversation import Conversation
from carillon.domain.errors import NotFound
from carillon.domain.ids import lead_key, part_of
from carillon.domain.message import RowRef
from carillon.domain.outcomes import NewOutcome, Outcome, OutcomeTags
from carillon.domain.permissions import Access
from carillon.ports import Clock, Outcomes, SendingDirectory


class MarkOutcomes:
    """
    Marks leads, and keeps which conversation tags mark them.

    *parse_phone* gives the E.164 form of a number, or raises InvalidInput.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        directory: SendingDirectory,
        clock: Clock,
        parse_phone: Callable[[str], str],
    ) -> None:
        self._outcomes = outcomes
        self._directory = directory
        self._clock = clock
        self._parse_phone = parse_phone

    def tags(self, access: Access, campaign_id: str) -> OutcomeTags:
        """Return the tags that are outcomes of the campaign; NotFound when it is another's."""
        self._campaign(access, campaign_id)
        return OutcomeTags(tags=self._outcomes.tags(campaign_id))

    def set_tags(self, access: Access, campaign_id: str, wanted: OutcomeTags) -> OutcomeTags:
        """
        Keep *wanted* in place of what was there.

        Conversations that bear such a tag already are not gone through: it counts from the next
        change of their tags on.
        """
        self._campaign(access, campaign_id)
        tags = tuple(dict.fromkeys(" ".join(tag.split()) for tag in wanted.tags))
        self._outcomes.keep_tags(campaign_id, tags)
        return OutcomeTags(tags=tags)

    def mark(self, access: Access, campaign_id: str, new: NewOutcome) -> Outcome:
        """
        Mark the lead of a number; return the outcome that it has, an earlier one if it had one.

        Raises InvalidInput (``phone``), NotFound (``campaign_not_found``, ``lead_not_found``).
        """
        campaign = self._campaign(access, campaign_id)
        key = lead_key(self._parse_phone(new.phone))
        marked = None
        if campaign.parts:
            ref = RowRef(f"{campaign.id}#{part_of(key, campaign.parts):05d}", key)
            marked = self._outcomes.mark(ref, Outcome(outcome=new.outcome, converted_at=self._now))
        if marked is None:
            raise NotFound(
                "Nobody with this number has been messaged by the campaign.", code="lead_not_found"
            )
        return marked

    def note_tags(self, conversation: Conversation) -> None:
        """Mark the conversation's lead if one of its tags is an outcome of its campaign."""
        if conversation.campaign_id is None or not conversation.tags:
            return
        wanted = self._outcomes.tags(conversation.campaign_id)
        found = next((tag for tag in conversation.tags if tag in wanted), None)
        if found is not None:
            self._outcomes.mark(conversation.ref, Outcome(outcome=found, converted_at=self._now))

    @property
    def _now(self) -> datetime:
        return self._clock.now()

    def _campaign(self, access: Access, campaign_id: str) -> Campaign:
        absent = NotFound("There is no such campaign.", code="campaign_not_found")
        campaign = self._directory.campaign(campaign_id)
        access.require_object(campaign.office_id, absent)
        return campaign
