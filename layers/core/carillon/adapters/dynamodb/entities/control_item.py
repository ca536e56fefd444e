"""
What every entity of the control table shares: its keys, its connection, its writes.

Items are only ever put when new and then updated attribute by attribute: other
functions keep attributes of their own on the same items. The version is a plain
number under our own conditions, because pynamodb's VersionAttribute starts again
at 1 when its condition is switched off.

Every write names its author, for whom ``connect`` was told to ask: the audit log is
made from the table's stream (domain/audit.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from pynamodb.attributes import Attribute, MapAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Update
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.entities.attributes import Instant
from carillon.domain.audit import Author, nobody
from carillon.domain.clock import to_iso
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position

_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 5
_RETRIES = 3
# Items read at once: a listing of one office skips the others' without a call for each few.
_PAGE_SIZE = 200

_Item = TypeVar("_Item", bound="ControlItem")
# A frozen dataclass of the domain.
_Entity = TypeVar("_Entity", bound=Any)


class _Gsi1(GlobalSecondaryIndex["ControlItem"]):  # type: ignore[no-untyped-call]  # pynamodb's own gap
    class Meta:
        index_name = schema.GSI1
        projection = AllProjection()

    gsi1pk = UnicodeAttribute(hash_key=True)
    gsi1sk = UnicodeAttribute(range_key=True)


class ControlItem(Model):
    """An item of the control table; entities add their attributes."""

    class Meta:
        """Of the table; its name is set by ``connect``."""

        table_name = ""
        connect_timeout_seconds = _CONNECT_TIMEOUT_S
        read_timeout_seconds = _READ_TIMEOUT_S
        max_retry_attempts = _RETRIES

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    gsi1pk = UnicodeAttribute(null=True)
    gsi1sk = UnicodeAttribute(null=True)
    id = UnicodeAttribute()
    created_at = Instant()
    # A hash of the request that created it; see ports.Campaigns.create.
    request_digest = UnicodeAttribute(null=True)
    # Who wrote it last; see domain.audit.Author.
    author = UnicodeAttribute(null=True)
    # Who is about to delete it: the audit log reads it in what was there before.
    remover = UnicodeAttribute(null=True)
    gsi1 = _Gsi1()


class _Authors:
    """Whom this process asks who is writing."""

    ask: Callable[[], Author | None] = staticmethod(nobody)


def connect(table_name: str, author: Callable[[], Author | None] = nobody) -> None:
    """
    Point every entity of this process at *table_name*, over one shared connection.

    *author* says for whom each write is; None is the platform itself.
    """
    _Authors.ask = staticmethod(author)
    ControlItem.Meta.table_name = table_name
    ControlItem._connection = None
    # Subclasses inherit the base's connection as long as it serves their table.
    ControlItem._get_connection()


def new_item(
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


def updates_of(kind: type[ControlItem], changes: Mapping[str, Any]) -> list[Update]:
    """Return the updates that write fields of *kind*; None removes one."""
    updates: list[Update] = []
    for name, value in changes.items():
        attribute: Attribute[Any] = getattr(kind, name)
        updates.append(attribute.remove() if value is None else attribute.set(_plain(value)))
    return updates


def author_text() -> str | None:
    """Return who is writing, as an item keeps it."""
    author = _Authors.ask()
    return author.text if author else None


def signed(updates: Sequence[Update]) -> list[Update]:
    """Return *updates* and who makes them; the platform leaves the author that stands."""
    text = author_text()
    return [*updates, ControlItem.author.set(text)] if text else list(updates)


def remove_item(item: ControlItem, condition: Condition) -> bool:
    """Delete *item* if *condition* holds, and have the audit log know by whom; False if not."""
    text = author_text()
    try:
        if text:
            item.update([ControlItem.remover.set(text)], condition)
        item.delete(condition)
    except (DeleteError, UpdateError) as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True


def create_item(item: _Item, digest: str) -> _Item:
    """Keep *item*, or return the first that the same request made; Conflict for another's."""
    item.request_digest = digest
    item.author = author_text()
    try:
        item.save(ControlItem.pk.does_not_exist())
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


def update_item(item: ControlItem, updates: Sequence[Update], condition: Condition) -> bool:
    """Update *item* in place where *condition* holds; False where it does not."""
    try:
        item.update(signed(updates), condition & ControlItem.pk.exists())
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True


def get_item(kind: type[_Item], pk: str, sk: str, noun: str) -> _Item:
    """Return the item, strongly consistent; raises NotFound that names it a *noun*."""
    try:
        return kind.get(pk, sk, consistent_read=True)
    except DoesNotExist as error:
        raise NotFound(f"There is no such {noun}.", code=f"{noun}_not_found") from error


def page_of(  # noqa: PLR0917  # one call shape, three callers
    kind: type[Any],
    partition: str,
    entity: type[_Entity],
    offices: frozenset[str] | None,
    limit: int,
    after: Position | None,
) -> Listing[_Entity]:
    """Return entities of *offices* (None: all) listed under *partition*, newest first."""
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
    items = tuple(entity_of(entity, item) for item in found)
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


def entity_of(kind: type[_Entity], item: ControlItem) -> _Entity:
    """Return the dataclass *kind* whose fields are the attributes of *item*."""
    values = {field.name: _loaded(getattr(item, field.name)) for field in fields(kind)}
    return cast(_Entity, kind(**values))


def _loaded(value: Any) -> Any:
    if isinstance(value, MapAttribute):
        return dict(value.attribute_values)
    return tuple(value) if isinstance(value, list) else value
