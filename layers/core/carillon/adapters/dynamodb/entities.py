"""
Offices, senders, lists, imports and campaigns in the control table, by pynamodb.

``connect(table)`` is called once by a function's composition root; the table's
name is not known at import. All entities share one connection, that is one
botocore client with one pool, where pynamodb would build one for each model.
Its default time-outs (15 and 30 s) would outlive the function.

Items are only ever put when new and then updated attribute by attribute: other
functions keep attributes of their own on the same items. The version is a plain
number under our own conditions, because pynamodb's VersionAttribute starts again
at 1 when its condition is switched off.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.constants import NUMBER, STRING
from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Update
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import (
    content_text,
    follow_ups_from_text,
    follow_ups_text,
    hours_from_text,
    hours_text,
    links_from_text,
    links_text,
    policy_from_text,
    policy_text,
    unsolicited_from_text,
    unsolicited_text,
    variants_from_text,
    variants_text,
)
from carillon.domain.campaign import (
    TRANSITIONS,
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    Sender,
    Unsolicited,
    state_after,
    states_allowing,
    tab_of,
)
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.ids import new_id
from carillon.domain.listing import Listing, Position
from carillon.domain.organisation import Office, OrganisationPolicy

_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 5
_RETRIES = 3
# Items read at once: a listing of one office skips the others' without a call for each few.
_PAGE_SIZE = 200
# What a campaign says; see the item TEXT#{version}.
_CONTENT = frozenset({"body", "variants", "follow_ups", "links", "smart_encoding"})

_Item = TypeVar("_Item", bound="_ControlItem")
_Enum = TypeVar("_Enum", bound=StrEnum)
# A frozen dataclass of the domain.
_Entity = TypeVar("_Entity", bound=Any)


class _Instant(Attribute[datetime]):
    """An aware datetime, stored as ISO-8601 ``Z`` text."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return to_iso(value)

    def deserialize(self, value: str) -> datetime:
        return from_iso(value)


class _Choice(Attribute[_Enum]):
    """A member of an enumeration, stored as its text."""

    attr_type = STRING

    def __init__(self, kind: type[_Enum], *, default: _Enum | None = None) -> None:
        super().__init__(default=default)
        self._kind = kind

    def serialize(self, value: _Enum) -> str:
        return value.value

    def deserialize(self, value: str) -> _Enum:
        return self._kind(value)


class _Count(Attribute[int]):
    """A whole number; absent is 0."""

    attr_type = NUMBER

    def __init__(self) -> None:
        super().__init__(default=0)

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class _AsText(Attribute[Any]):
    """A structured value as one text, by a pair of functions; absent is *default*."""

    attr_type = STRING

    def __init__(
        self, write: Callable[[Any], str], read: Callable[[str], Any], *, default: Any
    ) -> None:
        super().__init__(null=True, default=default)
        self._write = write
        self._read = read

    def serialize(self, value: Any) -> str:
        return self._write(value)

    def deserialize(self, value: str) -> Any:
        return self._read(value)


class _Texts(ListAttribute[Any]):
    """A list of texts; absent is empty."""

    def __init__(self) -> None:
        super().__init__(of=UnicodeAttribute, default=list)


class _Gsi1(GlobalSecondaryIndex["_ControlItem"]):  # type: ignore[no-untyped-call]  # pynamodb's own gap
    class Meta:
        index_name = schema.GSI1
        projection = AllProjection()

    gsi1pk = UnicodeAttribute(hash_key=True)
    gsi1sk = UnicodeAttribute(range_key=True)


class _ControlItem(Model):
    class Meta:
        table_name = ""
        connect_timeout_seconds = _CONNECT_TIMEOUT_S
        read_timeout_seconds = _READ_TIMEOUT_S
        max_retry_attempts = _RETRIES

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    gsi1pk = UnicodeAttribute(null=True)
    gsi1sk = UnicodeAttribute(null=True)
    id = UnicodeAttribute()
    created_at = _Instant()
    # A hash of the request that created it; see ports.Campaigns.create.
    request_digest = UnicodeAttribute(null=True)
    gsi1 = _Gsi1()


def connect(table_name: str) -> None:
    """Point every entity of this process at *table_name*, over one shared connection."""
    _ControlItem.Meta.table_name = table_name
    _ControlItem._connection = None
    # Subclasses inherit the base's connection as long as it serves their table.
    _ControlItem._get_connection()


class _OfficeItem(_ControlItem):
    name = UnicodeAttribute()
    timezone = UnicodeAttribute()


class _SenderItem(_ControlItem):
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
    unsolicited = _AsText(unsolicited_text, unsolicited_from_text, default=Unsolicited)
    problem = UnicodeAttribute(null=True)
    suspended_at = _Instant(null=True)
    resting_until = _Instant(null=True)


class _ListItem(_ControlItem):
    office_id = UnicodeAttribute()
    name = UnicodeAttribute()
    default_country = UnicodeAttribute()
    created_by = UnicodeAttribute()
    shards = _Count()
    contacts = _Count()


class _ImportItem(_ControlItem):
    list_id = UnicodeAttribute()
    status = _Choice(ImportStatus)
    object_key = UnicodeAttribute()
    created_by = UnicodeAttribute()
    size = _Count()
    offset = _Count()
    rows = _Count()
    created = _Count()
    duplicate = _Count()
    invalid = _Count()
    suppressed = _Count()
    mapping: Attribute[Any] = MapAttribute(default=dict)  # type: ignore[no-untyped-call]  # pynamodb's own gap
    invalid_reasons: Attribute[Any] = MapAttribute(default=dict)  # type: ignore[no-untyped-call]  # pynamodb's own gap
    headers = _Texts()
    rejected_key = UnicodeAttribute(null=True)
    error_code = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)


class _CampaignItem(_ControlItem):
    title = UnicodeAttribute()
    office_id = UnicodeAttribute()
    body = UnicodeAttribute(default="")
    sender_ids = _Texts()
    list_ids = _Texts()
    exclude_list_ids = _Texts()
    tags = _Texts()
    updated_at = _Instant()
    created_by = UnicodeAttribute()
    status = _Choice(CampaignStatus)
    type = UnicodeAttribute(default="sms")
    operated_by = UnicodeAttribute(default="agent")
    hold_reason = _Choice(HoldReason, default=HoldReason.NONE)
    hold_until = _Instant(null=True)
    schedule_at = _Instant(null=True)
    local_at = UnicodeAttribute(null=True)
    ends_at = _Instant(null=True)
    variants = _AsText(variants_text, variants_from_text, default=())
    follow_ups = _AsText(follow_ups_text, follow_ups_from_text, default=())
    links = _AsText(links_text, links_from_text, default=())
    link_key = UnicodeAttribute(default="")
    smart_encoding = BooleanAttribute(default=False)
    active_hours = _AsText(hours_text, hours_from_text, default=None)
    daily_limit = NumberAttribute(null=True)
    pilot_size = NumberAttribute(null=True)
    launched_at = _Instant(null=True)
    submitted_all_at = _Instant(null=True)
    finished_at = _Instant(null=True)
    launch_error = UnicodeAttribute(null=True)
    parts = _Count()
    planned_parts = _Count()
    total = _Count()
    version = _Count()
    # Which request made the last transition; see ports.Campaigns.transition.
    last_request = UnicodeAttribute(null=True)


class _TextItem(_ControlItem):
    content = UnicodeAttribute()


class _PolicyItem(_ControlItem):
    policy = UnicodeAttribute()


class OfficeTable:
    """Implements ``ports.Offices``."""

    def create(self, office: Office, digest: str) -> Office:
        """Keep *office*, or return the first one that the same request made."""
        item = _new(_OfficeItem, (schema.ORGANISATION, schema.office_sk(office.id)), office)
        return _entity(Office, _create(item, digest))

    def get(self, office_id: str) -> Office:
        """Return the office; raises NotFound."""
        return _entity(
            Office, _get(_OfficeItem, schema.ORGANISATION, schema.office_sk(office_id), "office")
        )

    def all(self) -> list[Office]:
        """Return every office, by name."""
        items = _OfficeItem.query(
            schema.ORGANISATION,
            _OfficeItem.sk.startswith(schema.office_sk("")),
            consistent_read=True,
        )
        return sorted(
            (_entity(Office, item) for item in items), key=lambda office: (office.name, office.id)
        )


class SenderTable:
    """Implements ``ports.Senders``."""

    def create(self, sender: Sender, digest: str) -> Sender:
        """Keep *sender*, or return the first one that the same request made."""
        key = schema.sender_pk(sender.id), "SND"
        item = _new(_SenderItem, key, sender, listed_in=schema.SENDERS)
        return _entity(Sender, _create(item, digest))

    def get(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        return _entity(Sender, _get(_SenderItem, schema.sender_pk(sender_id), "SND", "sender"))

    def change(
        self, sender_id: str, changes: Mapping[str, Any], *, allowed: frozenset[str]
    ) -> Sender:
        """Write *changes* if the sender's status is one of *allowed*; Conflict otherwise."""
        item = _SenderItem(schema.sender_pk(sender_id), "SND")
        if not changes:
            return self.get(sender_id)
        if not _update(
            item, _updates(_SenderItem, changes), _SenderItem.status.is_in(*sorted(allowed))
        ):
            present = self.get(sender_id)
            raise Conflict(
                f"This sender is {present.status}.",
                code="sender_state",
                extra={"state": present.status},
            )
        return _entity(Sender, item)

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Sender]:
        """Return senders of *offices*, newest first."""
        return _page(_SenderItem, schema.SENDERS, Sender, offices, limit, after)


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
        ).save()


class ListTable:
    """Implements ``ports.ManagedLists``."""

    def create(self, contacts: ListRecord, digest: str) -> ListRecord:
        """Keep the list, or return the first one that the same request made."""
        key = schema.list_pk(contacts.id), "LST"
        item = _new(_ListItem, key, contacts, listed_in=schema.LISTS)
        return _entity(ListRecord, _create(item, digest))

    def get(self, list_id: str) -> ListRecord:
        """Return the list; raises NotFound."""
        return _entity(ListRecord, _get(_ListItem, schema.list_pk(list_id), "LST", "list"))

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[ListRecord]:
        """Return lists of *offices*, newest first."""
        return _page(_ListItem, schema.LISTS, ListRecord, offices, limit, after)

    def create_import(self, new: ImportRecord, digest: str) -> ImportRecord:
        """Keep an import, or return the first one that the same request made."""
        key = schema.list_pk(new.list_id), schema.import_sk(new.id)
        return _entity(ImportRecord, _create(_new(_ImportItem, key, new), digest))

    def get_import(self, list_id: str, import_id: str) -> ImportRecord:
        """Return the import; raises NotFound."""
        keys = (schema.list_pk(list_id), schema.import_sk(import_id))
        return _entity(ImportRecord, _get(_ImportItem, *keys, "import"))

    def queue_import(
        self,
        wanted: ImportRecord,
        *,
        size: int,
        mapping: Mapping[str, str],
        allowed: frozenset[ImportStatus],
    ) -> ImportRecord:
        """Set the import to queued if it is in one of *allowed*; Conflict otherwise."""
        item = _ImportItem(schema.list_pk(wanted.list_id), schema.import_sk(wanted.id))
        updates = [
            _ImportItem.status.set(ImportStatus.QUEUED),
            _ImportItem.size.set(size),
            _ImportItem.mapping.set(dict(mapping)),
        ]
        if not _update(item, updates, _ImportItem.status.is_in(*sorted(allowed))):
            present = self.get_import(wanted.list_id, wanted.id)
            raise Conflict(
                f"This import is {present.status}.",
                code="import_state",
                extra={"state": present.status},
            )
        return _entity(ImportRecord, item)


class CampaignTable:
    """Implements ``ports.Campaigns``."""

    def create(self, campaign: Campaign, digest: str) -> Campaign:
        """Keep *campaign*, or return the first one that the same request made."""
        tab = schema.tab_pk(campaign.tab)
        item = _new(_CampaignItem, _campaign_key(campaign.id), campaign, listed_in=tab)
        return _entity(Campaign, _create(item, digest))

    def get(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound."""
        return _entity(Campaign, self._item(campaign_id))

    def change(self, seen: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        """Write *changes* if nothing was written since *seen*; Conflict otherwise."""
        item = _CampaignItem(*_campaign_key(seen.id))
        updates = [*_updates(_CampaignItem, changes), *_touch(now)]
        condition = _CampaignItem.version == seen.version
        if seen.launched_at is not None and _CONTENT & changes.keys():
            return self._change_content(replace(seen, **changes), updates, condition, now)
        if not _update(item, updates, condition):
            raise _version_conflict(self.get(seen.id))
        return _entity(Campaign, item)

    def _change_content(
        self, wanted: Campaign, updates: list[Update], condition: Condition, now: datetime
    ) -> Campaign:
        """Write what a launched campaign says together with the copy for its transcripts (K10)."""
        key = schema.campaign_pk(wanted.id), schema.text_sk(wanted.version + 1)
        text = content_text(wanted.content)
        try:
            with TransactWrite(
                connection=_ControlItem._get_connection().connection,
                # The same request again, after an answer that was lost, is no conflict.
                client_request_token=new_id("txt"),
            ) as together:
                together.update(_CampaignItem(*_campaign_key(wanted.id)), updates, condition)
                together.save(_TextItem(*key, id=wanted.id, created_at=now, content=text))
        except TransactWriteError as error:
            if not _lost_a_race(error):
                raise
            raise _version_conflict(self.get(wanted.id)) from error
        return self.get(wanted.id)

    def transition(
        self,
        campaign_id: str,
        action: Action,
        now: datetime,
        *,
        changes: Mapping[str, Any],
        version: int | None = None,
        mark: str | None = None,
    ) -> Campaign:
        """Take *action* from one of the states that allow it, and only once for each *mark*."""
        item = _CampaignItem(*_campaign_key(campaign_id))
        (target,) = set(TRANSITIONS[action].values())
        updates = [
            _CampaignItem.status.set(target),
            _CampaignItem.gsi1pk.set(schema.tab_pk(tab_of(target))),
            _CampaignItem.last_request.set(mark) if mark else _CampaignItem.last_request.remove(),
            *_updates(_CampaignItem, changes),
            *_touch(now),
        ]
        condition = _CampaignItem.status.is_in(*sorted(states_allowing(action)))
        if mark:
            condition &= _CampaignItem.last_request.does_not_exist() | (
                _CampaignItem.last_request != mark
            )
        if version is not None:
            condition &= _CampaignItem.version == version
        if _update(item, updates, condition):
            return _entity(Campaign, item)
        return self._repeated(campaign_id, action, mark)

    def page(
        self, tab: str, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """Return campaigns of a tab and of *offices*, newest first."""
        return _page(_CampaignItem, schema.tab_pk(tab), Campaign, offices, limit, after)

    def _repeated(self, campaign_id: str, action: Action, mark: str | None) -> Campaign:
        present = self._item(campaign_id)
        if mark and present.last_request == mark:
            return _entity(Campaign, present)
        state_after(present.status, action)
        raise _version_conflict(_entity(Campaign, present))

    def _item(self, campaign_id: str) -> _CampaignItem:
        return _get(_CampaignItem, *_campaign_key(campaign_id), "campaign")


def _campaign_key(campaign_id: str) -> tuple[str, str]:
    return schema.campaign_pk(campaign_id), "CMP"


def _lost_a_race(error: TransactWriteError) -> bool:
    """Whether the one condition failed, or somebody else was writing just then."""
    codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
    return bool(codes) and codes <= {"ConditionalCheckFailed", "TransactionConflict"}


def _version_conflict(present: Campaign) -> Conflict:
    return Conflict(
        "It has changed since you read it; read it again.",
        code="version_conflict",
        extra={"version": present.version},
    )


def _new(
    kind: type[_Item], key: tuple[str, str], entity: Any, *, listed_in: str | None = None
) -> _Item:
    """Return the item that holds the fields of the dataclass *entity*; None is left out."""
    values: dict[str, Any] = {
        name: _plain(value) for name, value in vars(entity).items() if value is not None
    }
    if listed_in is not None:
        values["gsi1pk"] = listed_in
        values["gsi1sk"] = schema.listing_sk(to_iso(entity.created_at), entity.id)
    return kind(*key, **values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _updates(kind: type[_ControlItem], changes: Mapping[str, Any]) -> list[Update]:
    """Return the updates that write fields of *kind*; None removes one."""
    updates: list[Update] = []
    for name, value in changes.items():
        attribute: Attribute[Any] = getattr(kind, name)
        updates.append(attribute.remove() if value is None else attribute.set(_plain(value)))
    return updates


def _touch(now: datetime) -> list[Update]:
    return [_CampaignItem.version.add(1), _CampaignItem.updated_at.set(now)]


def _create(item: _Item, digest: str) -> _Item:
    item.request_digest = digest
    try:
        item.save(_ControlItem.pk.does_not_exist())
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return _created_before(item, digest)
    return item


def _created_before(item: _Item, digest: str) -> _Item:
    first = type(item).get(item.pk, item.sk, consistent_read=True)
    if first.request_digest != digest:
        raise Conflict(
            "This Idempotency-Key was used for another request.", code="idempotency_key_reused"
        )
    return first


def _update(item: _ControlItem, updates: Sequence[Update], condition: Condition) -> bool:
    """Update *item* in place where *condition* holds; False where it does not."""
    try:
        item.update(list(updates), condition & _ControlItem.pk.exists())
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _get(kind: type[_Item], pk: str, sk: str, noun: str) -> _Item:
    try:
        return kind.get(pk, sk, consistent_read=True)
    except DoesNotExist as error:
        raise NotFound(f"There is no such {noun}.", code=f"{noun}_not_found") from error


def _page(  # noqa: PLR0917  # one private call shape, three callers
    kind: type[Any],
    partition: str,
    entity: type[_Entity],
    offices: frozenset[str] | None,
    limit: int,
    after: Position | None,
) -> Listing[_Entity]:
    if offices is not None and not offices:
        return Listing(())
    found = kind.gsi1.query(
        partition,
        filter_condition=None if offices is None else kind.office_id.is_in(*sorted(offices)),
        scan_index_forward=False,
        page_size=_PAGE_SIZE,
        limit=limit,
        last_evaluated_key=_start_key(partition, after),
    )
    items = tuple(_entity(entity, item) for item in found)
    end = found.last_evaluated_key
    return Listing(items, None if end is None else {name: key["S"] for name, key in end.items()})


def _start_key(partition: str, after: Position | None) -> dict[str, dict[str, str]] | None:
    if after is None:
        return None
    names = {schema.PK, schema.SK, schema.GSI1_PK, schema.GSI1_SK}
    if set(after) != names or after[schema.GSI1_PK] != partition:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return {name: {"S": value} for name, value in after.items()}


def _entity(kind: type[_Entity], item: _ControlItem) -> _Entity:
    """Return the dataclass *kind* whose fields are the attributes of *item*."""
    values = {field.name: _loaded(getattr(item, field.name)) for field in fields(kind)}
    return cast(_Entity, kind(**values))


def _loaded(value: Any) -> Any:
    if isinstance(value, MapAttribute):
        return dict(value.attribute_values)
    return tuple(value) if isinstance(value, list) else value
