"""
The audit log: who changed what, when, and what it was before (P4).

Entries are made of what was written, not of what somebody meant to write: each is one change
of one item, old against new, so that no writer can forget it. Who it was stands on the item
itself, as an ``Author`` that is another one at each write: a change that leaves the author as
it was is the platform's own (a pacer that pauses, a schedule that comes due).

What an attribute may tell is decided here. Few are shown; of all others the log has a keyed
hash, which says that it changed and whether it changed back, but not to what: phones, texts
and whatever comes to be stored later. What the platform only keeps books with is no change.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from carillon.domain.ids import derived_id

# The actor of what no person did.
PLATFORM = "platform"
# How a hash in the log begins; 64 bits tell any two texts of one organisation apart.
_HASH = "hmac:"
_HASH_HEX = 16
# Where an item names who wrote it last, and who is about to delete it.
AUTHOR = "author"
REMOVER = "remover"


class ObjectKind(StrEnum):
    """What an entry is about."""

    CAMPAIGN = "campaign"
    SENDER = "sender"
    OFFICE = "office"
    POLICY = "policy"
    USER = "user"
    API_KEY = "api_key"
    WEBHOOK = "webhook"
    # One phone's standing, under the keyed hash of the phone; the ledger has the phone itself.
    SUPPRESSION = "suppression"
    SUPPRESSION_IMPORT = "suppression_import"
    # A person's export or erasure (C6); whose, is under a keyed hash.
    PERSON_REQUEST = "person_request"


class Act(StrEnum):
    """What became of it."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"


_NAMED = frozenset({"name", "office_id", "status", "created_by"})
# What is shown as it is, by kind; all else is hashed.
SHOWN: Mapping[ObjectKind, frozenset[str]] = {
    ObjectKind.CAMPAIGN: _NAMED
    | {
        *("title", "type", "operated_by", "sender_ids", "list_ids", "exclude_list_ids", "tags"),
        *("segment_ids", "exclude_segment_ids", "agents", "linked_campaigns", "number"),
        *("schedule_at", "local_at", "ends_at", "active_hours", "daily_limit", "pilot_size"),
        *("recurrence", "occurrence_of", "occurrence"),
        *("launched_at", "finished_at", "launch_error", "is_test"),
        *("hold_reason", "hold_until"),
    },
    ObjectKind.SENDER: _NAMED
    | {
        *("provider", "mps", "kind", "address_kind", "daily_limit", "unsolicited", "problem"),
        *("suspended_at", "resting_until"),
    },
    ObjectKind.OFFICE: _NAMED | {"timezone"},
    ObjectKind.POLICY: frozenset({"policy"}),
    ObjectKind.USER: frozenset({"role", "offices", "disabled"}),
    ObjectKind.API_KEY: _NAMED | {"kind", "role", "offices", "valid_until", "revoked_at"},
    ObjectKind.WEBHOOK: _NAMED | {"event_types", "include_phone", "disabled", "disabled_at"},
    ObjectKind.SUPPRESSION: frozenset({"status", "source"}),
    ObjectKind.SUPPRESSION_IMPORT: _NAMED,
    ObjectKind.PERSON_REQUEST: frozenset({"kind", "status"}),
}
# What the platform keeps books with: a change of nothing else is no entry, and it is not told.
_BOOKS = frozenset(
    {
        *("pk", "sk", "gsi1pk", "gsi1sk", "id", "created_at", "updated_at", "version"),
        *("request_digest", "last_request", AUTHOR, REMOVER, "expires_at", "last_used_at"),
        *("shelf", "updated_place", "dated_place", "title_place", "link_key"),
        *("agenda", "agenda_at"),
        # How far an erasure or an export of a person is.
        *("step", "cursor", "passes", "found", "counts", "pieces", "not_before"),
        *("submitted_all_at", "parts", "planned_parts", "total"),
    }
)
# Told beside a change and when a person made it; by itself the platform changes it by the hour.
_ASIDE = frozenset({"hold_reason", "hold_until", "resting_until", "failing_since"})


@dataclass(frozen=True)
class Author:
    """Who writes an item: *change* is another one at each write, *request* the gateway's id."""

    subject: str
    request: str
    change: str

    @property
    def text(self) -> str:
        """How an item keeps it."""
        return json.dumps([self.change, self.subject, self.request], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Author":
        """Return the author that ``text`` was made of; ValueError for another text."""
        try:
            change, subject, request = json.loads(text)
        except TypeError as error:
            raise ValueError("not an author") from error
        return cls(subject, request, change)


def nobody() -> Author | None:
    """Return the author of what no person writes."""
    return None


@dataclass(frozen=True, kw_only=True)
class ItemChange:
    """
    One write of one item: its attributes before and after, None where there is no such item.

    ``sequence`` is where the write stands in its stream; with the object it makes the entry's
    id, so that a repeated record is the same entry.
    """

    kind: ObjectKind
    object_id: str
    at: datetime
    sequence: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One change. ``before`` and ``after`` hold only what differs; ``request_id`` may be ""."""

    id: str
    at: datetime
    actor: str
    act: Act
    kind: ObjectKind
    object_id: str
    office_id: str | None = None
    request_id: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries: of one object, one actor or both, from ``since`` to before ``until``."""

    until: datetime
    since: datetime | None = None
    object_id: str | None = None
    actor: str | None = None


def entry_of(change: ItemChange, hashed: Callable[[str], str]) -> AuditEntry | None:
    """Return what the log keeps of *change*; None when only books were kept."""
    old, new = change.old or {}, change.new or {}
    differing = {name for name in {*old, *new} - _BOOKS if old.get(name) != new.get(name)}
    author = _author_of(change)
    told_alone = differing if author else differing - _ASIDE
    if not told_alone and change.old is not None and change.new is not None:
        return None
    shown = SHOWN[change.kind]

    def told(image: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: image[name] if name in shown else hashed(_canonical(image[name]))
            for name in sorted(differing)
            if image.get(name) is not None
        }

    return AuditEntry(
        id=derived_id("aud", change.kind, change.object_id, change.sequence),
        at=change.at,
        actor=author.subject if author else PLATFORM,
        act=_act_of(change),
        kind=change.kind,
        object_id=change.object_id,
        office_id=new.get("office_id", old.get("office_id")),
        request_id=author.request if author else "",
        before=told(old),
        after=told(new),
    )


def _act_of(change: ItemChange) -> Act:
    if change.old is None:
        return Act.CREATED
    return Act.REMOVED if change.new is None else Act.CHANGED


def _author_of(change: ItemChange) -> Author | None:
    """Return who made *change*: the author that came with it, or nobody."""
    old, new = change.old or {}, change.new or {}
    # A deletion carries nothing of its own: who wants one says so first.
    text = new.get(AUTHOR) if change.new is not None else old.get(REMOVER)
    if text is None or (change.new is not None and text == old.get(AUTHOR)):
        return None
    return Author.from_text(text)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def keyed_hash(key: str) -> Callable[[str], str]:
    """Return what stands in the log for a text that it must not show; *key* is the log's own."""

    def hashed(text: str) -> str:
        digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"{_HASH}{digest[:_HASH_HEX]}"

    return hashed
