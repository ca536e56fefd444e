"""
Fakes of the ports that management uses, and builders of what it handles.

They keep state and have no switches; ``tests/adapters/test_entities.py`` runs
one suite over them and over the real adapters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, Generic, TypeVar

from carillon.domain.campaign import Campaign, CampaignStatus, Sender
from carillon.domain.campaign_search import (
    CampaignFilter,
    CampaignSort,
    leads_to,
    place_in,
    words_of,
)
from carillon.domain.campaign_states import Action, require_allowed, state_after, states_allowing
from carillon.domain.clock import to_iso
from carillon.domain.commands import Origin
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.organisation import Office, OrganisationPolicy
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.person_requests import PersonRequest, RequestKind
from carillon.domain.saved_segments import SavedSegment
from carillon.domain.segments_filter import parse_filter
from tests.support.clock import NOON

_Kept = TypeVar("_Kept", bound=Any)

OFFICE, OTHER_OFFICE = "off_1", "off_2"


class _Shelf(Generic[_Kept]):
    """Things by key, each with the digest of the request that made it."""

    def __init__(self, noun: str, kept: Iterable[_Kept]) -> None:
        self.noun = noun
        self.items: dict[Any, _Kept] = {one.id: one for one in kept}
        self.digests: dict[Any, str] = {}

    def add(self, key: Any, new: _Kept, digest: str) -> _Kept:
        if key not in self.items:
            self.items[key], self.digests[key] = new, digest
        if self.digests.get(key) != digest:
            raise Conflict("Reused.", code="idempotency_key_reused")
        return self.items[key]

    def get(self, key: Any) -> _Kept:
        if key not in self.items:
            raise NotFound(f"No such {self.noun}.", code=f"{self.noun}_not_found")
        return self.items[key]

    def several(self, keys: Sequence[str]) -> dict[str, _Kept]:
        return {key: self.items[key] for key in keys if key in self.items}

    def page(
        self,
        listing: str,
        offices: frozenset[str] | None,
        limit: int,
        after: Position | None,
    ) -> Listing[_Kept]:
        if after is not None and after.get("listing") != listing:
            raise InvalidInput("Another listing.", field="cursor", code="cursor_invalid")
        found = sorted(self.items.values(), key=_place, reverse=True)
        visible = [one for one in found if offices is None or one.office_id in offices]
        rest = [one for one in visible if after is None or _place(one) < after["place"]]
        more = len(rest) > limit
        end = {"listing": listing, "place": _place(rest[limit - 1])} if more else None
        return Listing(tuple(rest[:limit]), end)


def _place(one: Any) -> str:
    return f"{to_iso(one.created_at)}#{one.id}"


class FakeOffices:
    """Implements ``ports.Offices``."""

    def __init__(self, *offices: Office) -> None:
        self._shelf = _Shelf[Office]("office", offices)

    def create(self, office: Office, digest: str) -> Office:
        return self._shelf.add(office.id, office, digest)

    def get(self, office_id: str) -> Office:
        return self._shelf.get(office_id)

    def all(self) -> list[Office]:
        return sorted(self._shelf.items.values(), key=lambda office: (office.name, office.id))

    def change(self, office: Office) -> Office:
        present = replace(self.get(office.id), name=office.name, timezone=office.timezone)
        self._shelf.items[office.id] = present
        return present


class FakeSenders:
    """Implements ``ports.Senders``."""

    def __init__(self, *senders: Sender) -> None:
        self._shelf = _Shelf[Sender]("sender", senders)

    def create(self, sender: Sender, digest: str) -> Sender:
        return self._shelf.add(sender.id, sender, digest)

    def get(self, sender_id: str) -> Sender:
        return self._shelf.get(sender_id)

    def several(self, sender_ids: Sequence[str]) -> dict[str, Sender]:
        return self._shelf.several(sender_ids)

    def change(
        self, sender_id: str, changes: Mapping[str, Any], *, allowed: frozenset[str]
    ) -> Sender:
        present = self.get(sender_id)
        if present.status not in allowed:
            raise Conflict("No.", code="sender_state", extra={"state": present.status})
        self._shelf.items[sender_id] = replace(present, **changes)
        return self._shelf.items[sender_id]

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Sender]:
        return self._shelf.page("senders", offices, limit, after)


class FakePolicies:
    """Implements ``ports.Policies``."""

    def __init__(self) -> None:
        self.standing = OrganisationPolicy()

    def get(self) -> OrganisationPolicy:
        return self.standing

    def put(self, policy: OrganisationPolicy, now: datetime) -> None:
        self.standing = policy


class FakeLists:
    """Implements ``ports.ManagedLists``."""

    def __init__(self, *lists: ListRecord) -> None:
        self._shelf = _Shelf[ListRecord]("list", lists)
        self._imports = _Shelf[ImportRecord]("import", ())

    def create(self, contacts: ListRecord, digest: str) -> ListRecord:
        return self._shelf.add(contacts.id, contacts, digest)

    def get(self, list_id: str) -> ListRecord:
        return self._shelf.get(list_id)

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[ListRecord]:
        return self._shelf.page("lists", offices, limit, after)

    def several(self, list_ids: Sequence[str]) -> dict[str, ListRecord]:
        return self._shelf.several(list_ids)

    def create_import(self, new: ImportRecord, digest: str) -> ImportRecord:
        return self._imports.add((new.list_id, new.id), new, digest)

    def get_import(self, list_id: str, import_id: str) -> ImportRecord:
        return self._imports.get((list_id, import_id))

    def imports(self, list_id: str) -> list[ImportRecord]:
        return [one for one in self._imports.items.values() if one.list_id == list_id]

    def queue_import(
        self,
        wanted: ImportRecord,
        *,
        size: int,
        mapping: Mapping[str, str],
        allowed: frozenset[ImportStatus],
    ) -> ImportRecord:
        present = self.get_import(wanted.list_id, wanted.id)
        if present.status not in allowed:
            raise Conflict("No.", code="import_state", extra={"state": present.status})
        return self.set_import(
            present,
            status=ImportStatus.QUEUED,
            size=size,
            mapping=mapping,
            error_code=None,
            error=None,
        )

    def set_import(self, record: ImportRecord, **changes: Any) -> ImportRecord:
        """Change what the importer would change."""
        present = replace(self.get_import(record.list_id, record.id), **changes)
        self._imports.items[present.list_id, present.id] = present
        return present


class FakeSegments:
    """Implements ``ports.ManagedSegments``."""

    def __init__(self, *segments: SavedSegment) -> None:
        self._shelf = _Shelf[SavedSegment]("segment", segments)

    def create(self, segment: SavedSegment, digest: str) -> SavedSegment:
        return self._shelf.add(segment.id, segment, digest)

    def get(self, segment_id: str) -> SavedSegment:
        return self._shelf.get(segment_id)

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[SavedSegment]:
        return self._shelf.page("segments", offices, limit, after)

    def change(self, seen: SavedSegment, changes: Mapping[str, Any], now: datetime) -> SavedSegment:
        present = self.get(seen.id)
        if present.version != seen.version:
            raise Conflict("No.", code="version_conflict", extra={"version": present.version})
        values = {**changes, "updated_at": now, "version": present.version + 1}
        self._shelf.items[seen.id] = replace(present, **values)
        return self._shelf.items[seen.id]

    def remove(self, segment_id: str) -> None:
        self._shelf.items.pop(segment_id, None)


class FakeCampaigns:
    """Implements ``ports.Campaigns``."""

    def __init__(self, *campaigns: Campaign) -> None:
        self._shelf = _Shelf[Campaign]("campaign", campaigns)
        self._marks: dict[str, str | None] = {}
        self._numbers = count(1)

    @property
    def all(self) -> list[Campaign]:
        """What stands, for the fakes that look it up in another order."""
        return list(self._shelf.items.values())

    def create(self, campaign: Campaign, digest: str) -> Campaign:
        numbered = replace(campaign, number=campaign.number or next(self._numbers))
        return self._shelf.add(campaign.id, numbered, digest)

    def get(self, campaign_id: str) -> Campaign:
        return self._shelf.get(campaign_id)

    def change(self, seen: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        present = self.get(seen.id)
        _require_version(present, seen.version)
        return self._write(present, changes, now)

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
        present = self.get(seen.id)
        if mark is not None and self._marks.get(seen.id) == mark:
            return present
        target = state_after(present.status, action)
        if version is not None:
            _require_version(present, version)
        self._marks[seen.id] = mark
        return self._write(present, {**changes, "status": target}, now)

    def delete(self, seen: Campaign) -> None:
        present = self.get(seen.id)
        require_allowed(present.status, Action.DELETE)
        _require_version(present, seen.version)
        del self._shelf.items[seen.id]

    def set_status(self, campaign_id: str, status: CampaignStatus) -> None:
        """Change what another function would change."""
        self._write(self.get(campaign_id), {"status": status}, NOON)

    def _write(self, present: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        version = present.version + 1
        written = replace(present, **{**changes, "version": version, "updated_at": now})
        self._shelf.items[present.id] = written
        return written


@dataclass
class FakeShelves:
    """Implements ``ports.CampaignShelves`` over what *campaigns* holds."""

    campaigns: FakeCampaigns

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
        listing = f"{tab}.{sort}.{'desc' if descends else 'asc'}"
        rest = [
            (place_in(sort, one), one)
            for one in self.campaigns.all
            if one.tab == tab and one.office_id in offices and keep.keeps(one)
        ]
        return _page_of(rest, listing, limit, after, descends=descends)

    def found(
        self, offices: Sequence[str], words: Sequence[str], limit: int, after: Position | None
    ) -> Listing[Campaign]:
        rest = [
            (f"{word}#{one.id}", one)
            for one in self.campaigns.all
            for word in words_of(one.title)
            if one.office_id in offices and leads_to(word, one.title, tuple(words))
        ]
        return _page_of(rest, "words", limit, after, descends=False)

    def of_agent(self, subject: str, limit: int, after: Position | None) -> Listing[Campaign]:
        rest = [(_place(one), one) for one in self.campaigns.all if subject in one.agents]
        return _page_of(rest, "agent", limit, after, descends=True)

    def linked(self, campaign: Campaign) -> list[Campaign]:
        found = [
            one
            for one in self.campaigns.all
            if one.id in campaign.linked_campaigns or campaign.id in one.linked_campaigns
        ]
        return sorted(found, key=lambda one: one.id)

    def scheduled(
        self, office_id: str, start: datetime, end: datetime, most: int
    ) -> list[Campaign]:
        found = [
            (one.schedule_at, one)
            for one in self.campaigns.all
            if one.status is CampaignStatus.SCHEDULED
            and one.office_id == office_id
            and one.schedule_at is not None
            and start <= one.schedule_at < end
        ]
        return [one for _, one in sorted(found, key=lambda pair: pair[0])][:most]


def _page_of(
    rest: list[tuple[str, Campaign]],
    listing: str,
    limit: int,
    after: Position | None,
    *,
    descends: bool,
) -> Listing[Campaign]:
    if after is not None and after.get("listing") != listing:
        raise InvalidInput("Another listing.", field="cursor", code="cursor_invalid")
    ordered = sorted(rest, key=lambda pair: pair[0], reverse=descends)
    if after is not None:
        start = after["place"]
        ordered = [
            (place, one) for place, one in ordered if (place < start if descends else place > start)
        ]
    shown = ordered[:limit]
    end = {"listing": listing, "place": shown[-1][0]} if len(ordered) > limit else None
    return Listing(tuple(one for _, one in shown), end)


def _require_version(present: Campaign, version: int) -> None:
    if present.version != version:
        raise Conflict("Stale.", code="version_conflict", extra={"version": present.version})


@dataclass
class FakeUploads:
    """Implements ``ports.UploadLinks``; ``sizes`` are the objects that callers have put."""

    sizes: dict[str, int] = field(default_factory=dict)

    def size(self, key: str) -> int:
        if key not in self.sizes:
            raise NotFound("No.", code="object_not_found")
        return self.sizes[key]

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        return f"https://files.example/{key}?put={content_type}&for={expires_s}"

    def download_link(self, key: str, *, filename: str, expires_s: int) -> str:
        return f"https://files.example/{key}?as={filename}&for={expires_s}"


@dataclass
class FakeMediaFiles:
    """Implements ``ports.MediaFiles``."""

    kept: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        self.kept[key] = body, content_type

    def get(self, key: str) -> bytes:
        return self._standing(key)[0]

    def size(self, key: str) -> int:
        return len(self._standing(key)[0])

    def content_type(self, key: str) -> str:
        return self._standing(key)[1]

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        return f"https://files.example/{key}?put={content_type}&for={expires_s}"

    def _standing(self, key: str) -> tuple[bytes, str]:
        if key not in self.kept:
            raise NotFound("No.", code="object_not_found")
        return self.kept[key]


def an_access(
    role: Role = Role.MANAGER, offices: Iterable[str] = (OFFICE,), scope: Scope = Scope.OWN
) -> Access:
    return Access(Caller("usr_1", role, frozenset(offices)), scope)


ADMIN = an_access(Role.ADMIN, (), Scope.ALL)


def an_origin(key: str | None = None, digest: str = "d1", subject: str = "usr_1") -> Origin:
    return Origin(subject, key, digest)


def an_office(office_id: str = OFFICE, **changes: Any) -> Office:
    made: dict[str, Any] = {"name": "Berlin", "timezone": "Europe/Berlin", "created_at": NOON}
    return Office(id=office_id, **{**made, **changes})


def a_sender(sender_id: str = "snd_1", **changes: Any) -> Sender:
    made: dict[str, Any] = {
        "office_id": OFFICE,
        "name": "Main",
        "phone": "+12025550100",
        "provider": "twilio",
        "mps": 1.0,
        "credentials_secret": "carillon/main",
        "created_at": NOON,
    }
    return Sender(id=sender_id, **{**made, **changes})


def a_contact_list(list_id: str = "lst_1", **changes: Any) -> ListRecord:
    made: dict[str, Any] = {
        "name": "Members",
        "office_id": OFFICE,
        "default_country": "US",
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return ListRecord(id=list_id, **{**made, **changes})


def an_import_record(import_id: str = "imp_1", **changes: Any) -> ImportRecord:
    made: dict[str, Any] = {
        "list_id": "lst_1",
        "status": ImportStatus.AWAITING_UPLOAD,
        "object_key": f"uploads/lst_1/{import_id}.csv",
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return ImportRecord(id=import_id, **{**made, **changes})


def a_campaign(campaign_id: str = "cmp_1", **changes: Any) -> Campaign:
    made: dict[str, Any] = {
        "title": "Spring",
        "number": 7,
        "office_id": OFFICE,
        "body": "Hi {{ first_name }}",
        "sender_ids": ("snd_1",),
        "list_ids": ("lst_1",),
        "created_at": NOON,
        "updated_at": NOON,
        "created_by": "usr_1",
    }
    return Campaign(id=campaign_id, **{**made, **changes})


def in_state(status: CampaignStatus, **changes: Any) -> Campaign:
    """Return a campaign that is ready for everything, in *status*."""
    return a_campaign(status=status, **changes)


def states_refusing(action: Action) -> list[CampaignStatus]:
    """Return the states from which K4 has no *action*."""
    return [status for status in CampaignStatus if status not in states_allowing(action)]


def a_segment(segment_id: str = "seg_1", **changes: Any) -> SavedSegment:
    made: dict[str, Any] = {
        "name": "In Albany",
        "office_id": OFFICE,
        "list_ids": ("lst_1",),
        "filter": parse_filter({"field": "city", "op": "equals", "value": "Albany"}),
        "created_at": NOON,
        "created_by": "usr_1",
        "updated_at": NOON,
    }
    return SavedSegment(id=segment_id, **{**made, **changes})


def a_person_request(request_id: str = "prs_1", **changes: Any) -> PersonRequest:
    made: dict[str, Any] = {
        "kind": RequestKind.EXPORT,
        "mark": "erased#00",
        "phone": "+12025550142",
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return PersonRequest(id=request_id, **{**made, **changes})
