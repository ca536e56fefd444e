"""The senders, as management sees them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import unsolicited_from_text, unsolicited_text
from carillon.adapters.dynamodb.entities.attributes import AsText, Instant
from carillon.adapters.dynamodb.entities.control_item import (
    ControlItem,
    create_item,
    entity_of,
    get_item,
    new_item,
    page_of,
    update_item,
    updates_of,
)
from carillon.domain.campaign import Sender, Unsolicited
from carillon.domain.errors import Conflict
from carillon.domain.listing import Listing, Position


class _SenderItem(ControlItem):
    office_id = UnicodeAttribute()
    name = UnicodeAttribute()
    phone = UnicodeAttribute()
    provider = UnicodeAttribute()
    mps = NumberAttribute()
    credentials_secret = UnicodeAttribute()
    kind = UnicodeAttribute(default="reusable")
    status = UnicodeAttribute(default="active")
    address_kind = UnicodeAttribute(default="number")
    daily_limit = NumberAttribute(null=True)
    unsolicited = AsText(unsolicited_text, unsolicited_from_text, default=Unsolicited)
    problem = UnicodeAttribute(null=True)
    suspended_at = Instant(null=True)
    resting_until = Instant(null=True)


class SenderTable:
    """Implements ``ports.Senders``."""

    def create(self, sender: Sender, digest: str) -> Sender:
        """Keep *sender*, or return the first one that the same request made."""
        key = schema.sender_pk(sender.id), "SND"
        item = new_item(_SenderItem, key, sender, listed_in=schema.SENDERS)
        return entity_of(Sender, create_item(item, digest))

    def get(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        return entity_of(
            Sender, get_item(_SenderItem, schema.sender_pk(sender_id), "SND", "sender")
        )

    def several(self, sender_ids: Sequence[str]) -> dict[str, Sender]:
        """Return those of the senders that there are, by id."""
        keys = [(schema.sender_pk(one), "SND") for one in sender_ids]
        return {one.id: entity_of(Sender, one) for one in _SenderItem.batch_get(keys)}

    def change(
        self, sender_id: str, changes: Mapping[str, Any], *, allowed: frozenset[str]
    ) -> Sender:
        """Write *changes* if the sender's status is one of *allowed*; Conflict otherwise."""
        item = _SenderItem(schema.sender_pk(sender_id), "SND")
        if not changes:
            return self.get(sender_id)
        if not update_item(
            item, updates_of(_SenderItem, changes), _SenderItem.status.is_in(*sorted(allowed))
        ):
            present = self.get(sender_id)
            raise Conflict(
                f"This sender is {present.status}.",
                code="sender_state",
                extra={"state": present.status},
            )
        return entity_of(Sender, item)

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Sender]:
        """Return senders of *offices*, newest first."""
        return page_of(_SenderItem, schema.SENDERS, Sender, offices, limit, after)
