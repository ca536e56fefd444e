"""
What of the consent ledger a caller is shown (O6, P2).

That somebody opted in or out, when and how, binds every office and is shown to whoever may
look a phone up. What they wrote is a part of a conversation, which belongs to an office: it
is shown with its campaign to that office's own people, and to an admin.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from carillon.domain.campaign import Campaign
from carillon.domain.consent import ConsentEntry
from carillon.domain.permissions import Caller


class CampaignDirectory(Protocol):
    """Whose a campaign is."""

    def campaigns_by_id(self, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        """Return those of *campaign_ids* (distinct) that there are."""
        ...


@dataclass(frozen=True)
class Disclosure:
    """One caller's view of entries; *own* are the campaigns of their offices, None for all."""

    own: frozenset[str] | None

    @classmethod
    def to(
        cls, caller: Caller, entries: Iterable[ConsentEntry], directory: CampaignDirectory
    ) -> "Disclosure":
        """Return what *caller* may see of *entries*: one read of their campaigns."""
        if caller.has_all_offices:
            return cls(None)
        ids = dict.fromkeys(entry.circumstances.campaign_id for entry in entries)
        named = [campaign_id for campaign_id in ids if campaign_id is not None]
        found = directory.campaigns_by_id(named) if named else {}
        return cls(frozenset(one.id for one in found.values() if one.office_id in caller.offices))

    def shown(self, entry: ConsentEntry) -> dict[str, Any]:
        """Return *entry* flat; what another office's conversation says is ``withheld``."""
        told = entry.circumstances
        is_of_a_conversation = bool(told.wording or told.campaign_id or told.conversation)
        if self.own is None or not is_of_a_conversation or told.campaign_id in self.own:
            return {**entry.flat(), "withheld": False}
        hidden = {"wording": "", "reason": "", "campaign_id": None, "conversation": None}
        return {**entry.flat(), **hidden, "withheld": True}
