"""
Where an audience comes from, and reading one key range of it (C4, C5).

Planning at launch, the count before it and a segment's preview all read through here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from carillon.domain.audience import AudiencePart, Supply, audience_part
from carillon.domain.contacts import Contact, ContactList
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.segments_filter import SegmentFilter
from carillon.domain.whereabouts import Whereabouts
from carillon.ports import Contacts, ImportDirectory


@dataclass(frozen=True)
class Source:
    """The contacts of one list that belong: all, or what *keeps* matches. *name* is whose."""

    name: str
    contacts: ContactList
    keeps: SegmentFilter | None = None

    def between(self, contacts: Contacts, first: str, last: str) -> Iterator[Contact]:
        """Yield by lead key those whose key starts with *first* to *last*."""
        one = self.contacts
        if not one.shards:
            return
        for contact in contacts.between(one.id, one.shards, first, last):
            if self.takes(contact):
                yield contact

    def takes(self, contact: Contact) -> bool:
        """Whether *contact*, one of the list, belongs."""
        return self.keeps is None or self.keeps.matches(contact)


@dataclass(frozen=True)
class Sources:
    """Who is wanted, and who is not, whatever else says so."""

    included: tuple[Source, ...]
    excluded: tuple[Source, ...] = ()

    @property
    def contacts(self) -> int:
        """How many contacts the included lists hold, each list once: at least the audience."""
        return _contacts(self.included)

    @property
    def all_contacts(self) -> int:
        """How many contacts a look at everybody reads."""
        return sum(one.contacts.contacts for one in (*self.included, *self.excluded))

    @property
    def list_ids(self) -> list[str]:
        """Every list that is read."""
        return list(dict.fromkeys(one.contacts.id for one in (*self.included, *self.excluded)))


def _contacts(sources: Sequence[Source]) -> int:
    return sum({one.contacts.id: one.contacts.contacts for one in sources}.values())


def sources_of(
    lists: ImportDirectory,
    *,
    list_ids: Sequence[str],
    segments: Sequence[AudienceSegment],
    exclude_list_ids: Sequence[str] = (),
    exclude_segments: Sequence[AudienceSegment] = (),
) -> Sources:
    """
    Return the sources that lists and segments come to; lists first, in their order.

    Raises InvalidInput when a list is not there any more: to leave out an exclusion would
    be to text those whom somebody has excluded.
    """
    known: dict[str, ContactList] = {}

    def contact_list(list_id: str) -> ContactList:
        if list_id not in known:
            known[list_id] = _list(lists, list_id)
        return known[list_id]

    def sources(ids: Sequence[str], filters: Sequence[AudienceSegment]) -> tuple[Source, ...]:
        whole = [Source(one, contact_list(one)) for one in dict.fromkeys(ids)]
        parts = [
            Source(segment.id, contact_list(list_id), segment.filter)
            for segment in dict.fromkeys(filters)
            for list_id in segment.list_ids
        ]
        return (*whole, *parts)

    return Sources(sources(list_ids, segments), sources(exclude_list_ids, exclude_segments))


def _list(lists: ImportDirectory, list_id: str) -> ContactList:
    try:
        return lists.contact_list(list_id)
    except NotFound as error:
        raise InvalidInput("A contact list of this campaign no longer exists.") from error


def read_range(
    contacts: Contacts,
    sources: Sources,
    first: str,
    last: str,
    *,
    frozen_at: datetime,
    locate: Callable[[Contact, str], Whereabouts | None],
) -> AudiencePart:
    """Return the audience whose keys start with *first* to *last* (inclusive)."""
    return audience_part(
        [
            Supply(one.name, one.contacts.default_country, one.between(contacts, first, last))
            for one in sources.included
        ],
        [one.between(contacts, first, last) for one in sources.excluded],
        frozen_at=frozen_at,
        locate=locate,
    )
