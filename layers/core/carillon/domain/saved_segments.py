"""
Saved segments: which contacts of which lists a filter keeps (C4).

A *static list* is a contact list; a segment is a filter over one or more of them. (Parts of a
text message, which the trade calls segments too, are ``domain.segments``.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carillon.domain.segments_filter import SegmentFilter, parse_filter

MAX_LISTS = 20


@dataclass(frozen=True)
class AudienceSegment:
    """A segment as an audience uses it: a person belongs if any of *list_ids* holds a match."""

    id: str
    list_ids: tuple[str, ...]
    filter: SegmentFilter

    def as_json(self) -> dict[str, Any]:
        """Return what ``of_json`` reads."""
        return {"id": self.id, "list_ids": list(self.list_ids), "filter": self.filter.as_json()}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "AudienceSegment":
        """Return the segment that ``as_json`` wrote."""
        return cls(value["id"], tuple(value["list_ids"]), parse_filter(value["filter"]))


@dataclass(frozen=True, kw_only=True)
class SavedSegment:
    """A segment of one office, as its owners see it; ``version`` rises with every change."""

    id: str
    name: str
    office_id: str
    list_ids: tuple[str, ...]
    filter: SegmentFilter
    created_at: datetime
    created_by: str
    updated_at: datetime
    version: int = 1

    def for_audience(self) -> AudienceSegment:
        """Return what an audience needs of it."""
        return AudienceSegment(self.id, self.list_ids, self.filter)
