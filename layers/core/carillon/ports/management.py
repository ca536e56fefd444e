"""What people set up and change: offices, senders, the policy, campaigns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.campaign import Action, Campaign, Sender
from carillon.domain.campaign_search import CampaignFilter, CampaignSort
from carillon.domain.listing import Listing, Position
from carillon.domain.organisation import Office, OrganisationPolicy


class Offices(Protocol):
    """The offices of the organisation."""

    def create(self, office: Office, digest: str) -> Office:
        """Keep *office*; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, office_id: str) -> Office:
        """Return the office; raises NotFound (``office_not_found``)."""
        ...

    def all(self) -> list[Office]:
        """Return every office, by name; an organisation has few."""
        ...

    def change(self, office: Office) -> Office:
        """Write the name and zone of *office*; raises NotFound (``office_not_found``)."""
        ...


class Senders(Protocol):
    """The senders as management sees them."""

    def create(self, sender: Sender, digest: str) -> Sender:
        """Keep *sender*; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound (``sender_not_found``)."""
        ...

    def several(self, sender_ids: Sequence[str]) -> dict[str, Sender]:
        """Return those of the senders (distinct ids) that there are, by id."""
        ...

    def change(
        self, sender_id: str, changes: Mapping[str, Any], *, allowed: frozenset[str]
    ) -> Sender:
        """
        Write *changes* if the sender's status is one of *allowed*, and return it as it is now.

        Raises NotFound, and Conflict (``sender_state``) when it is in another.
        """
        ...

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Sender]:
        """
        Return at most *limit* senders of *offices* (None: all), newest first.

        Raises InvalidInput (``cursor_invalid``) when *after* is not a position
        in this very listing.
        """
        ...


class Policies(Protocol):
    """The organisation's one policy."""

    def get(self) -> OrganisationPolicy:
        """Return it; without one, what the law alone asks."""
        ...

    def put(self, policy: OrganisationPolicy, now: datetime) -> None:
        """Keep *policy* in place of the one that stands."""
        ...


class Campaigns(Protocol):
    """Campaigns as management changes them. Every write is conditional."""

    def create(self, campaign: Campaign, digest: str) -> Campaign:
        """
        Keep *campaign*, or return the one that stands under its id already.

        *digest* is the hash of the request that made it: the same id with
        another digest raises Conflict (``idempotency_key_reused``).
        """
        ...

    def get(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound (``campaign_not_found``)."""
        ...

    def change(self, seen: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        """
        Write *changes* (field -> value) if nothing was written since *seen* was read.

        Raises Conflict (``version_conflict``) otherwise. Returns it as it is now.
        """
        ...

    def transition(
        self,
        seen: Campaign,
        action: Action,
        now: datetime,
        *,
        changes: Mapping[str, Any],
        version: int | None = None,
        mark: str | None = None,
    ) -> Campaign:
        """
        Take *action*, writing *changes* with it, and return the campaign as it is now.

        Of *seen* its id and office count, which never change. Raises NotFound, Conflict
        (``campaign_state``) when K4 has no such transition, and Conflict
        (``version_conflict``) when *version* is given and no longer the present one.
        *mark* names the request: when the last transition bears the same one, this is its
        repetition, which changes nothing.
        """
        ...

    def delete(self, seen: Campaign) -> None:
        """
        Remove the campaign if it has not been launched and is still as *seen*.

        Raises NotFound, Conflict (``campaign_state``, ``version_conflict``).
        """
        ...


class CampaignShelves(Protocol):
    """
    Campaigns as they are listed and found; what it finds by may be a moment old.

    Every page costs a bounded number of reads, so it may be shorter than *limit* though there
    are more. Positions are good for the listing that gave them: else InvalidInput
    (``cursor_invalid``).
    """

    def page(
        self,
        tab: str,
        offices: Sequence[str],
        *,
        keep: CampaignFilter,
        sort: CampaignSort,
        descends: bool,
        limit: int,
        after: Position | None,
    ) -> Listing[Campaign]:
        """Return campaigns of a tab and of *offices* that *keep* lets through, sorted."""
        ...

    def found(
        self, offices: Sequence[str], words: Sequence[str], limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """
        Return campaigns whose title has, for each of *words*, a word that begins with it.

        In the order of what the first one found; each campaign once.
        """
        ...

    def of_agent(self, subject: str, limit: int, after: Position | None) -> Listing[Campaign]:
        """Return the campaigns of any office that the user is an agent of, newest first."""
        ...

    def linked(self, campaign: Campaign) -> list[Campaign]:
        """Return the campaigns that *campaign* names as its combo or that name it, by id."""
        ...

    def scheduled(
        self, office_id: str, start: datetime, end: datetime, most: int
    ) -> list[Campaign]:
        """Return at most *most* campaigns due from *start* until before *end*, the first first."""
        ...
