"""
The audience of a campaign: which contacts, in which part, and the bytes it is frozen as (C4).

Every lead key falls into exactly one part, so parts are planned independently
of each other: a part holds, sorted by key, the phones of all lists and segments
in its key range, each once, minus the exclusions. The same contacts give the
same bytes. A count before the launch (``usecases.count_audience``) asks the same
function for the same ranges, so it cannot come to another answer.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from carillon.domain.clock import to_iso
from carillon.domain.contacts import Contact
from carillon.domain.message import Recipient
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.whereabouts import Whereabouts

PART_VERSION = 2


def part_count(contacts: int, *, leads_per_part: int) -> int:
    """Return into how many parts lists of *contacts* together are divided; at least one."""
    return max(-(-contacts // leads_per_part), 1)


def part_key(campaign_id: str, part: int) -> str:
    """Return the object that holds one part."""
    return f"audiences/{campaign_id}/{part:05d}.json.gz"


def manifest_key(campaign_id: str) -> str:
    """Return the object that describes the whole audience."""
    return f"audiences/{campaign_id}/manifest.json"


@dataclass(frozen=True, kw_only=True)
class AudiencePlan:
    """
    How far a campaign's audience is frozen; parts before ``planned_parts`` are stored.

    ``parts`` is 0 until planning has begun. ``by_list`` counts the leads each
    list or segment contributed; ``duplicates`` and ``excluded`` the contacts left out.
    ``frozen_at`` is the launch: contacts created later do not belong. ``segments`` are
    the campaign's, included and excluded, as they stood when planning began: an edit in
    between must not give one part another audience than the next.
    """

    campaign_id: str
    frozen_at: datetime
    parts: int = 0
    planned_parts: int = 0
    total: int = 0
    by_list: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    excluded: int = 0
    segments: tuple[AudienceSegment, ...] = ()

    def with_part(self, part: "AudiencePart") -> "AudiencePlan":
        """Return the plan after its next part."""
        lists = {*self.by_list, *part.by_list}
        return replace(
            self,
            planned_parts=self.planned_parts + 1,
            total=self.total + len(part.recipients),
            by_list={
                name: self.by_list.get(name, 0) + part.by_list.get(name, 0)
                for name in sorted(lists)
            },
            duplicates=self.duplicates + part.duplicates,
            excluded=self.excluded + part.excluded,
        )

    def manifest(self) -> bytes:
        """Return the manifest's JSON."""
        return _json(
            {
                "v": PART_VERSION,
                "campaign_id": self.campaign_id,
                "frozen_at": to_iso(self.frozen_at),
                "parts": self.parts,
                "total": self.total,
                "lists": self.by_list,
                "segments": [one.as_json() for one in self.segments],
                "duplicates": self.duplicates,
                "excluded": self.excluded,
            }
        )


@dataclass(frozen=True, kw_only=True)
class AudiencePart:
    """One part's recipients, sorted by key, and what was left out of it."""

    recipients: tuple[Recipient, ...]
    by_list: Mapping[str, int]
    duplicates: int
    excluded: int


@dataclass(frozen=True)
class Supply:
    """
    What one list or segment offers to a part: *contacts* of the part's key range.

    *name* is its id, *country* the default country of the list that they stand in.
    """

    name: str
    country: str
    contacts: Iterable[Contact]


def audience_part(
    supplies: Iterable[Supply],
    exclusions: Iterable[Iterable[Contact]],
    *,
    frozen_at: datetime,
    locate: Callable[[Contact, str], Whereabouts | None],
) -> AudiencePart:
    """
    Return the part that *supplies* make, without anybody whom an exclusion holds.

    A phone that is offered several times stands once, with the fields of the first offer.
    Contacts created after *frozen_at* do not count, on neither side. *locate* tells where a
    contact of a list (by its country) may be; it is frozen with them.
    """
    chosen: dict[str, Recipient] = {}
    by_list: dict[str, int] = {}
    duplicates = excluded = 0
    banned = {
        contact.phone for one in exclusions for contact in one if contact.created_at <= frozen_at
    }
    for supply in supplies:
        by_list.setdefault(supply.name, 0)
        for contact in supply.contacts:
            if contact.created_at > frozen_at:
                continue
            if contact.phone in banned:
                excluded += 1
            elif contact.phone in chosen:
                duplicates += 1
            else:
                chosen[contact.phone] = _recipient(contact, locate(contact, supply.country))
                by_list[supply.name] += 1
    recipients = sorted(chosen.values(), key=_key_of)
    return AudiencePart(
        recipients=tuple(recipients), by_list=by_list, duplicates=duplicates, excluded=excluded
    )


def encode_part(
    campaign_id: str, part: int, frozen_at: datetime, recipients: Iterable[Recipient]
) -> bytes:
    """Return the part's object: gzip JSON, byte for byte the same for the same recipients."""
    # Few places, many people: each place is written once and named by its number.
    places: dict[Whereabouts | None, int] = {}
    people = [
        {
            "k": one.key,
            "p": one.phone,
            "f": dict(sorted(one.fields.items())),
            "w": places.setdefault(one.whereabouts, len(places)),
        }
        for one in recipients
    ]
    body = _json(
        {
            "v": PART_VERSION,
            "campaign_id": campaign_id,
            "part": part,
            "frozen_at": to_iso(frozen_at),
            "places": [one.token if one else None for one in places],
            "recipients": people,
        }
    )
    return gzip.compress(body, compresslevel=6, mtime=0)


def decode_part(body: bytes) -> list[Recipient]:
    """Return the recipients that ``encode_part`` wrote, sorted by key."""
    document = json.loads(gzip.decompress(body))
    places = [place and Whereabouts.parse(place) for place in document.get("places", ())]
    return [
        Recipient(one["k"], one["p"], one["f"], places[one["w"]] if "w" in one else None)
        for one in document["recipients"]
    ]


def without_recipient(body: bytes, key: str) -> bytes | None:
    """Return the part's object without the lead *key*, or None when it does not hold it (C6)."""
    document = json.loads(gzip.decompress(body))
    kept = [one for one in document["recipients"] if one["k"] != key]
    if len(kept) == len(document["recipients"]):
        return None
    return gzip.compress(_json({**document, "recipients": kept}), compresslevel=6, mtime=0)


def _recipient(contact: Contact, where: Whereabouts | None) -> Recipient:
    return Recipient(contact.key, contact.phone, contact.merge_fields(), where)


def _key_of(recipient: Recipient) -> str:
    return recipient.key


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
