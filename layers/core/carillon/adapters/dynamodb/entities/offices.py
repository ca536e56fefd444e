"""The offices, and the policy of the organisation."""

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import policy_from_text, policy_text
from carillon.adapters.dynamodb.entities.control_item import (
    ControlItem,
    author_text,
    create_item,
    entity_of,
    get_item,
    new_item,
    update_item,
    updates_of,
)
from carillon.domain.organisation import Office, OrganisationPolicy


class _OfficeItem(ControlItem):
    name = UnicodeAttribute()
    timezone = UnicodeAttribute()


class _PolicyItem(ControlItem):
    policy = UnicodeAttribute()


class OfficeTable:
    """Implements ``ports.Offices``."""

    def create(self, office: Office, digest: str) -> Office:
        """Keep *office*, or return the first one that the same request made."""
        item = new_item(_OfficeItem, (schema.ORGANISATION, schema.office_sk(office.id)), office)
        return entity_of(Office, create_item(item, digest))

    def get(self, office_id: str) -> Office:
        """Return the office; raises NotFound."""
        return entity_of(
            Office,
            get_item(_OfficeItem, schema.ORGANISATION, schema.office_sk(office_id), "office"),
        )

    def all(self) -> list[Office]:
        """Return every office, by name."""
        items = _OfficeItem.query(
            schema.ORGANISATION,
            _OfficeItem.sk.startswith(schema.office_sk("")),
            consistent_read=True,
        )
        return sorted(
            (entity_of(Office, item) for item in items), key=lambda office: (office.name, office.id)
        )

    def change(self, office: Office) -> Office:
        """Write the name and zone of *office*; raises NotFound (``office_not_found``)."""
        item = _OfficeItem(schema.ORGANISATION, schema.office_sk(office.id))
        wanted = {"name": office.name, "timezone": office.timezone}
        if not update_item(item, updates_of(_OfficeItem, wanted), _OfficeItem.pk.exists()):
            return self.get(office.id)
        return entity_of(Office, item)


class PolicyTable:
    """Implements ``ports.Policies``."""

    def get(self) -> OrganisationPolicy:
        """Return the policy; without one, what the law alone asks."""
        try:
            item = _PolicyItem.get(schema.ORGANISATION, schema.POLICY, consistent_read=True)
        except DoesNotExist:
            return OrganisationPolicy()
        return policy_from_text(item.policy)

    def put(self, policy: OrganisationPolicy, now: datetime) -> None:
        """Keep *policy* in place of the one that stands."""
        _PolicyItem(
            schema.ORGANISATION,
            schema.POLICY,
            id="policy",
            created_at=now,
            policy=policy_text(policy),
            author=author_text(),
        ).save()
