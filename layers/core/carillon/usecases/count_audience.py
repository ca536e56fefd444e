"""
Count an audience before it is launched, in bounded reads (C4, C5, K16).

One look reads some ``contacts_per_look`` contacts: a range of lead keys over all lists. It
says where the next look begins, so that a caller who adds up the looks has the exact count of
any audience, each phone once, as of the moment of the first. What belongs is decided by the
same function as at a launch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from carillon.domain.audience_count import AudienceCount, Reach
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.ids import SLOTS, derived_id
from carillon.domain.listing import Position
from carillon.domain.phone import LineType
from carillon.domain.segments_filter import filter_text
from carillon.ports import Clock, Contacts, OptOutLookup
from carillon.usecases.audience_sources import Sources, read_range

CONTACTS_PER_LOOK = 20_000
MAX_SAMPLE = 50


@dataclass(frozen=True, kw_only=True)
class Counting:
    """What counting needs. *line_of* tells what the number plan says of a phone."""

    contacts: Contacts
    opt_outs: OptOutLookup
    line_of: Callable[[str], LineType]
    clock: Clock
    contacts_per_look: int = CONTACTS_PER_LOOK


def count_audience(
    world: Counting, sources: Sources, *, after: Position | None = None, sample: int = 0
) -> tuple[AudienceCount, Position | None]:
    """
    Return the counts of one look, with up to *sample* recipients, and where the next begins.

    The position is None when nothing is left. Raises InvalidInput (``cursor_invalid``) when
    *after* is not of this very audience, because a list or filter has been changed since.
    """
    mark = _mark(sources)
    start, as_of = (0, world.clock.now()) if after is None else _place(after, mark)
    width = max(SLOTS * world.contacts_per_look // max(sources.all_contacts, 1), 1)
    end = min(start + width, SLOTS)
    part = read_range(
        world.contacts,
        sources,
        f"{start:04x}",
        f"{end - 1:04x}",
        frozen_at=as_of,
        locate=lambda _contact, _country: None,
    )
    phones = [one.phone for one in part.recipients]
    opted_out = world.opt_outs.opted_out_among(phones)
    reach = dict.fromkeys(Reach, 0)
    for phone in phones:
        reach[Reach.SUPPRESSED if phone in opted_out else REACH_OF[world.line_of(phone)]] += 1
    count = AudienceCount(
        as_of=as_of,
        share=(end - start) / SLOTS,
        complete=start == 0 and end == SLOTS,
        duplicate=part.duplicates,
        excluded=part.excluded,
        by_source=part.by_list,
        reach=reach,
        sample=part.recipients[:sample],
    )
    rest = None if end == SLOTS else {"slot": str(end), "as_of": to_iso(as_of), "of": mark}
    return count, rest


REACH_OF: Final = {
    LineType.MOBILE: Reach.TEXTABLE,
    LineType.UNKNOWN: Reach.TEXTABLE,
    LineType.LANDLINE: Reach.LANDLINE,
    LineType.NOT_TEXTABLE: Reach.UNREACHABLE,
}


def _mark(sources: Sources) -> str:
    """Return what two looks at the same audience have in common."""
    words = [
        word
        for side in (sources.included, sources.excluded)
        for one in side
        for word in (one.name, one.contacts.id, filter_text(one.keeps) if one.keeps else "")
    ]
    return derived_id("aud", *words, str(len(sources.included)))


def _place(after: Position, mark: str) -> tuple[int, datetime]:
    slot = after.get("slot", "")
    try:
        as_of = from_iso(after.get("as_of", ""))
    except ValueError:
        as_of = None
    is_slot = slot.isascii() and slot.isdigit() and len(slot) <= len(str(SLOTS))
    if after.get("of") != mark or as_of is None or not is_slot or int(slot) >= SLOTS:
        raise InvalidInput(
            "This cursor belongs to another audience, or to this one before it was changed.",
            field="cursor",
            code="cursor_invalid",
        )
    return int(slot), as_of
