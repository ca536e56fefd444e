"""Contact lists, their imports and their contacts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus
from carillon.domain.listing import Listing, Position
from carillon.domain.saved_segments import AudienceSegment, SavedSegment


class ImportDirectory(Protocol):
    """Contact lists and imports as importer and planner see them; reads are consistent."""

    def contact_list(self, list_id: str) -> ContactList:
        """Return the list; raises NotFound."""
        ...

    def contact_import(self, list_id: str, import_id: str) -> ImportJob:
        """Return the import; raises NotFound."""
        ...

    def has_running_import(self, list_id: str) -> bool:
        """Whether an import is writing into the list just now."""
        ...

    def fix_shards(self, list_id: str, shards: int) -> None:
        """Divide the list into *shards*, unless it is divided already."""
        ...

    def advance_import(self, before: ImportJob, after: ImportJob) -> bool:
        """
        Replace *before* by *after* and add the contacts stored between to the list's count.

        False, changing nothing, when status or position are no longer *before*'s.
        """
        ...


class Contacts(Protocol):
    """The contacts of the lists."""

    def add(self, list_id: str, shards: int, contacts: Sequence[Contact]) -> list[tuple[str, int]]:
        """
        Store each of *contacts* (distinct phones) unless its phone is in the list already.

        Returns for each the (import id, line) of the contact that now stands.
        """
        ...

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        """Yield by lead key the contacts whose key starts with *first* to *last* (inclusive)."""
        ...


class SegmentDirectory(Protocol):
    """Saved segments as planning sees them; reads are consistent."""

    def segment(self, segment_id: str) -> AudienceSegment:
        """Return the segment; raises NotFound."""
        ...


class ManagedSegments(Protocol):
    """Saved segments as management sees them."""

    def create(self, segment: SavedSegment, digest: str) -> SavedSegment:
        """Keep the segment; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, segment_id: str) -> SavedSegment:
        """Return the segment, strongly consistent; raises NotFound (``segment_not_found``)."""
        ...

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[SavedSegment]:
        """Return segments of *offices* (None: all), newest first; see ``Campaigns.page``."""
        ...

    def change(self, seen: SavedSegment, changes: Mapping[str, Any], now: datetime) -> SavedSegment:
        """
        Write *changes* if nothing was written since *seen* was read, and return it as it is now.

        Raises Conflict (``version_conflict``) otherwise.
        """
        ...

    def remove(self, segment_id: str) -> None:
        """Drop the segment (idempotent)."""
        ...


class ContactPages(Protocol):
    """The contacts of a list as people look at them; what it shows may be a little old."""

    def one(self, list_id: str, shards: int, key: str) -> Contact | None:
        """Return the contact with the lead *key*."""
        ...

    def page(
        self, list_id: str, shards: int, after: str, rows: int
    ) -> tuple[list[Contact], str | None]:
        """
        Return at most *rows* contacts in the order of their keys, behind the key *after*.

        Also returned is where to go on; None when the list is through. In bounded queries:
        perhaps fewer than *rows* though there are more.
        """
        ...


class ManagedLists(Protocol):
    """Contact lists and their imports as management sees them."""

    def create(self, contacts: ListRecord, digest: str) -> ListRecord:
        """Keep the list; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, list_id: str) -> ListRecord:
        """Return the list; raises NotFound (``list_not_found``)."""
        ...

    def several(self, list_ids: Sequence[str]) -> dict[str, ListRecord]:
        """Return those of the lists (distinct ids) that there are, by id."""
        ...

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[ListRecord]:
        """Return lists of *offices* (None: all), newest first; see ``Senders.page``."""
        ...

    def create_import(self, new: ImportRecord, digest: str) -> ImportRecord:
        """Keep an import; see ``Campaigns.create`` for a repetition."""
        ...

    def get_import(self, list_id: str, import_id: str) -> ImportRecord:
        """Return the import; raises NotFound (``import_not_found``)."""
        ...

    def imports(self, list_id: str) -> list[ImportRecord]:
        """Return the list's imports, at most 200 of them."""
        ...

    def queue_import(
        self,
        wanted: ImportRecord,
        *,
        size: int,
        mapping: Mapping[str, str],
        allowed: frozenset[ImportStatus],
    ) -> ImportRecord:
        """
        Set the import to queued, if it is in one of *allowed*, and return it.

        Raises Conflict (``import_state``) when it is not.
        """
        ...


class OptOutLookup(Protocol):
    """Who of many has opted out: for information, never instead of the gate."""

    def opted_out_among(self, phones: Sequence[str]) -> set[str]:
        """Return those of *phones* that are opted out just now."""
        ...
