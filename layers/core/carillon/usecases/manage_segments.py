"""Saved segments: filters over contact lists, kept, changed and tried (C4)."""

from dataclasses import dataclass
from typing import Annotated, Any

from carillon.domain.audience_count import AudienceCount
from carillon.domain.commands import Between, Command, Entries, Length, Origin
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access
from carillon.domain.saved_segments import MAX_LISTS, SavedSegment
from carillon.domain.segments_filter import SegmentFilter
from carillon.ports import Clock, ImportDirectory, ManagedLists, ManagedSegments, Offices
from carillon.usecases.audience_sources import sources_of
from carillon.usecases.count_audience import MAX_SAMPLE, Counting, count_audience
from carillon.usecases.manage_offices import require_new_home

_Lists = Annotated[tuple[str, ...], Entries(MAX_LISTS, 80)]


@dataclass(frozen=True, kw_only=True)
class NewSegment(Command):
    """
    A filter over contact lists of one office.

    *filter* is ``{"field": "city", "op": "equals", "value": "Albany"}``, with op equals,
    contains, in, before, after or exists, or ``{"and": [...]}``, ``{"or": [...]}``,
    ``{"not": {...}}`` of such.
    """

    name: Annotated[str, Length(1, 200)]
    office_id: Annotated[str, Length(1, 80)]
    list_ids: _Lists
    filter: SegmentFilter


@dataclass(frozen=True, kw_only=True)
class SegmentChange(Command):
    """What to change; fields left out stay as they are."""

    name: Annotated[str, Length(1, 200)] | None = None
    list_ids: _Lists | None = None
    filter: SegmentFilter | None = None


@dataclass(frozen=True, kw_only=True)
class Preview(Command):
    """How many of those who match to show."""

    sample: Annotated[int, Between(0, MAX_SAMPLE)] = 10


class ManageSegments:
    """Everything a person may do to a segment. *directory* and *counting* are for previews."""

    def __init__(
        self,
        segments: ManagedSegments,
        offices: Offices,
        lists: ManagedLists,
        clock: Clock,
        *,
        directory: ImportDirectory,
        counting: Counting,
    ) -> None:
        self._segments = segments
        self._offices = offices
        self._lists = lists
        self._clock = clock
        self._directory = directory
        self._counting = counting

    def create(self, access: Access, origin: Origin, new: NewSegment) -> SavedSegment:
        """Create a segment in one of the caller's offices."""
        require_new_home(access, self._offices, new.office_id)
        now = self._clock.now()
        segment = SavedSegment(
            id=origin.new_id("seg"),
            name=new.name.strip(),
            office_id=new.office_id,
            list_ids=self._lists_of(new.office_id, new.list_ids),
            filter=new.filter,
            created_at=now,
            created_by=origin.subject,
            updated_at=now,
        )
        return self._segments.create(segment, origin.digest)

    def get(self, access: Access, segment_id: str) -> SavedSegment:
        """Return the segment; NotFound when it is absent or another office's."""
        segment = self._segments.get(segment_id)
        access.require_object(
            segment.office_id, NotFound("There is no such segment.", code="segment_not_found")
        )
        return segment

    def page(self, access: Access, limit: int, after: Position | None) -> Listing[SavedSegment]:
        """Return segments of the caller's offices, newest first."""
        return self._segments.page(access.offices, limit, after)

    def change(
        self, access: Access, segment_id: str, change: SegmentChange, version: int | None
    ) -> SavedSegment:
        """
        Write the fields that *change* names.

        Audiences that are frozen already, or being frozen, keep the filter they began with.
        Raises Conflict (``version_conflict``) when *version* is not the present one.
        """
        segment = self.get(access, segment_id)
        changes: dict[str, Any] = {k: v for k, v in vars(change).items() if v is not None}
        if "name" in changes:
            changes["name"] = changes["name"].strip()
        if "list_ids" in changes:
            changes["list_ids"] = self._lists_of(segment.office_id, changes["list_ids"])
        seen = segment if version is None else _at(segment, version)
        return self._segments.change(seen, changes, self._clock.now())

    def remove(self, access: Access, segment_id: str) -> None:
        """Drop the segment; a campaign that still names it cannot be launched."""
        self.get(access, segment_id)
        self._segments.remove(segment_id)

    def preview(
        self, access: Access, segment_id: str, wanted: Preview, after: Position | None
    ) -> tuple[AudienceCount, Position | None]:
        """Return one look at who matches now, and where the next look begins."""
        segment = self.get(access, segment_id).for_audience()
        sources = sources_of(self._directory, list_ids=(), segments=[segment])
        return count_audience(self._counting, sources, after=after, sample=wanted.sample)

    def _lists_of(self, office_id: str, list_ids: tuple[str, ...]) -> tuple[str, ...]:
        if not list_ids:
            raise InvalidInput("A segment is of one list or more.", field="list_ids")
        for list_id in list_ids:
            try:
                belongs = self._lists.get(list_id).office_id == office_id
            except NotFound:
                belongs = False
            if not belongs:
                # The same words for absent and foreign: no probing of other offices.
                raise InvalidInput(
                    "list_ids names a list that the segment's office does not have.",
                    field="list_ids",
                )
        return tuple(dict.fromkeys(list_ids))


def _at(segment: SavedSegment, version: int) -> SavedSegment:
    """Return *segment* as seen at *version*: a write is refused unless it still stands."""
    return SavedSegment(**{**vars(segment), "version": version})
