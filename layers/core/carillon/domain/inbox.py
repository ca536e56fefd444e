"""Whose inbox shows which conversations: queues, filters and counts (V2, P2)."""

from dataclasses import dataclass
from enum import StrEnum

from carillon.domain.conversation import Conversation, Section


class QueueKind(StrEnum):
    """What a queue is of."""

    OFFICE = "office"
    CAMPAIGN = "campaign"
    USER = "user"


@dataclass(frozen=True)
class InboxQueue:
    """The conversations of one section of an office, campaign or user, newest message first."""

    kind: QueueKind
    owner: str
    section: Section

    def holds(self, conversation: Conversation) -> bool:
        """Whether *conversation* stands in this queue; a closed one stands in none."""
        owners = {
            QueueKind.OFFICE: conversation.office_id,
            QueueKind.CAMPAIGN: conversation.campaign_id,
            QueueKind.USER: conversation.assigned_to,
        }
        stands = owners[self.kind] == self.owner and conversation.section is self.section
        return stands and not conversation.closed


@dataclass(frozen=True, kw_only=True)
class InboxFilter:
    """
    What a listing keeps; None keeps all.

    ``offices`` confines it to offices, but for what is assigned to ``own_subject`` and the
    conversations of ``own_campaigns``.
    """

    offices: frozenset[str] | None = None
    own_subject: str | None = None
    own_campaigns: frozenset[str] = frozenset()
    office_id: str | None = None
    campaign_id: str | None = None
    assigned_to: str | None = None
    tag: str | None = None
    opted_out: bool | None = None
    sender_ids: frozenset[str] | None = None

    def keeps(self, conversation: Conversation) -> bool:
        """Whether *conversation* is to be shown."""
        is_own = conversation.campaign_id in self.own_campaigns or (
            self.own_subject is not None and conversation.assigned_to == self.own_subject
        )
        if self.offices is not None and conversation.office_id not in self.offices and not is_own:
            return False
        wanted = (
            (self.office_id, conversation.office_id),
            (self.campaign_id, conversation.campaign_id),
            (self.assigned_to, conversation.assigned_to),
        )
        if any(asked is not None and asked != stands for asked, stands in wanted):
            return False
        if self.tag is not None and self.tag not in conversation.tags:
            return False
        if self.sender_ids is not None and conversation.sender_id not in self.sender_ids:
            return False
        return self.opted_out in (None, conversation.opt_out is not None)


@dataclass(frozen=True)
class Count:
    """How many: exactly, or at least so many."""

    number: int
    at_least: bool = False

    def plus(self, other: "Count") -> "Count":
        """Return the sum."""
        return Count(self.number + other.number, self.at_least or other.at_least)
