"""Saved segments, as management sees them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.entities.attributes import AsText, Count, Instant, Texts
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
from carillon.domain.errors import Conflict
from carillon.domain.listing import Listing, Position
from carillon.domain.saved_segments import SavedSegment
from carillon.domain.segments_filter import filter_of, filter_text


class _SegmentItem(ControlItem):
    office_id = UnicodeAttribute()
    name = UnicodeAttribute()
    list_ids = Texts()
    filter = AsText(filter_text, filter_of, default=None)
    created_by = UnicodeAttribute()
    updated_at = Instant()
    version = Count()


class SegmentTable:
    """Implements ``ports.ManagedSegments``."""

    def create(self, segment: SavedSegment, digest: str) -> SavedSegment:
        """Keep the segment, or return the first one that the same request made."""
        item = new_item(_SegmentItem, _key(segment.id), segment, listed_in=schema.SEGMENTS)
        return entity_of(SavedSegment, create_item(item, digest))

    def get(self, segment_id: str) -> SavedSegment:
        """Return the segment, strongly consistent; raises NotFound."""
        return entity_of(SavedSegment, get_item(_SegmentItem, *_key(segment_id), "segment"))

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[SavedSegment]:
        """Return segments of *offices*, newest first."""
        return page_of(_SegmentItem, schema.SEGMENTS, SavedSegment, offices, limit, after)

    def change(self, seen: SavedSegment, changes: Mapping[str, Any], now: datetime) -> SavedSegment:
        """Write *changes* if nothing was written since *seen*; Conflict otherwise."""
        item = _SegmentItem(*_key(seen.id))
        updates = [
            *updates_of(_SegmentItem, {**changes, "updated_at": now}),
            _SegmentItem.version.add(1),
        ]
        if not update_item(item, updates, _SegmentItem.version == seen.version):
            present = self.get(seen.id)
            raise Conflict(
                "It has changed since you read it; read it again.",
                code="version_conflict",
                extra={"version": present.version},
            )
        return entity_of(SavedSegment, item)

    def remove(self, segment_id: str) -> None:
        """Drop the segment (idempotent)."""
        _SegmentItem(*_key(segment_id)).delete()


def _key(segment_id: str) -> tuple[str, str]:
    return schema.segment_pk(segment_id), "SEG"
