"""Contact lists and their imports, as management sees them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pynamodb.attributes import Attribute, MapAttribute, UnicodeAttribute

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.entities.attributes import Choice, Count, Texts
from carillon.adapters.dynamodb.entities.control_item import (
    ControlItem,
    create_item,
    entity_of,
    get_item,
    new_item,
    page_of,
    update_item,
)
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict
from carillon.domain.listing import Listing, Position

_MOST_IMPORTS = 200


class _ListItem(ControlItem):
    office_id = UnicodeAttribute()
    name = UnicodeAttribute()
    default_country = UnicodeAttribute()
    created_by = UnicodeAttribute()
    shards = Count()
    contacts = Count()


class _ImportItem(ControlItem):
    list_id = UnicodeAttribute()
    status = Choice(ImportStatus)
    object_key = UnicodeAttribute()
    created_by = UnicodeAttribute()
    size = Count()
    offset = Count()
    rows = Count()
    created = Count()
    duplicate = Count()
    invalid = Count()
    suppressed = Count()
    mapping: Attribute[Any] = MapAttribute(default=dict)  # type: ignore[no-untyped-call]  # pynamodb's own gap
    invalid_reasons: Attribute[Any] = MapAttribute(default=dict)  # type: ignore[no-untyped-call]  # pynamodb's own gap
    headers = Texts()
    rejected_key = UnicodeAttribute(null=True)
    error_code = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)


class ListTable:
    """Implements ``ports.ManagedLists``."""

    def create(self, contacts: ListRecord, digest: str) -> ListRecord:
        """Keep the list, or return the first one that the same request made."""
        key = schema.list_pk(contacts.id), "LST"
        item = new_item(_ListItem, key, contacts, listed_in=schema.LISTS)
        return entity_of(ListRecord, create_item(item, digest))

    def get(self, list_id: str) -> ListRecord:
        """Return the list; raises NotFound."""
        return entity_of(ListRecord, get_item(_ListItem, schema.list_pk(list_id), "LST", "list"))

    def several(self, list_ids: Sequence[str]) -> dict[str, ListRecord]:
        """Return those of the lists that there are, by id."""
        keys = [(schema.list_pk(one), "LST") for one in list_ids]
        return {one.id: entity_of(ListRecord, one) for one in _ListItem.batch_get(keys)}

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[ListRecord]:
        """Return lists of *offices*, newest first."""
        return page_of(_ListItem, schema.LISTS, ListRecord, offices, limit, after)

    def create_import(self, new: ImportRecord, digest: str) -> ImportRecord:
        """Keep an import, or return the first one that the same request made."""
        key = schema.list_pk(new.list_id), schema.import_sk(new.id)
        return entity_of(ImportRecord, create_item(new_item(_ImportItem, key, new), digest))

    def get_import(self, list_id: str, import_id: str) -> ImportRecord:
        """Return the import; raises NotFound."""
        keys = (schema.list_pk(list_id), schema.import_sk(import_id))
        return entity_of(ImportRecord, get_item(_ImportItem, *keys, "import"))

    def imports(self, list_id: str) -> list[ImportRecord]:
        """Return the list's imports, at most 200 of them."""
        items = _ImportItem.query(
            schema.list_pk(list_id),
            _ImportItem.sk.startswith(schema.import_sk("")),
            limit=_MOST_IMPORTS,
        )
        return [entity_of(ImportRecord, item) for item in items]

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
            _ImportItem.error_code.remove(),
            _ImportItem.error.remove(),
        ]
        if not update_item(item, updates, _ImportItem.status.is_in(*sorted(allowed))):
            present = self.get_import(wanted.list_id, wanted.id)
            raise Conflict(
                f"This import is {present.status}.",
                code="import_state",
                extra={"state": present.status},
            )
        return entity_of(ImportRecord, item)
