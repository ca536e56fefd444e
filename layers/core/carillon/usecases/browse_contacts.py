"""Contact lists and their contacts, to look at (C1, C5)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from carillon.domain.contact_list import ListRecord
from carillon.domain.contacts import Contact
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.ids import lead_key
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access
from carillon.ports import ContactPages, ManagedLists, OptOutLookup

# Contacts stand in the order of a hash, so a search by a beginning reads on, so many at a time.
CONTACTS_PER_SEARCH = 2000
_MIN_NAME = 2
_MIN_DIGITS = 4
_PHONE = re.compile(r"[\d\s().+\-]+")
_OUTCOMES = ("rows", "created", "duplicate", "invalid", "suppressed")


@dataclass(frozen=True, kw_only=True)
class ListOverview:
    """
    A list, and what its imports came to, all together.

    ``rows`` is the sum of ``created``, ``duplicate``, ``invalid`` and ``suppressed``, each as
    it was when its row was read; ``invalid_reasons`` counts the invalid ones by reason.
    """

    record: ListRecord
    imports: int
    counts: Mapping[str, int]
    invalid_reasons: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class ShownContact:
    """One contact of a list, with all its columns; ``opted_out`` as of now."""

    phone: str
    first_name: str
    last_name: str
    fields: Mapping[str, str]
    created_at: datetime
    import_id: str
    line: int
    opted_out: bool


class BrowseContacts:
    """Shows lists and contacts. *parse_phone* takes (text, default country) and gives E.164."""

    def __init__(
        self,
        lists: ManagedLists,
        contacts: ContactPages,
        opt_outs: OptOutLookup,
        parse_phone: Callable[[str, str], str],
    ) -> None:
        self._lists = lists
        self._contacts = contacts
        self._opt_outs = opt_outs
        self._parse_phone = parse_phone

    def overview(self, access: Access, list_id: str) -> ListOverview:
        """Return the list and the sums of its imports; NotFound when it is not the caller's."""
        record = self._list(access, list_id)
        imports = self._lists.imports(list_id)
        counts = {name: sum(getattr(one, name) for one in imports) for name in _OUTCOMES}
        reasons: Counter[str] = Counter()
        for one in imports:
            reasons.update(one.invalid_reasons)
        return ListOverview(
            record=record, imports=len(imports), counts=counts, invalid_reasons=dict(reasons)
        )

    def page(
        self, access: Access, list_id: str, limit: int, after: Position | None
    ) -> Listing[ShownContact]:
        """Return contacts of the list, in an order of no meaning that stays the same."""
        target = self._list(access, list_id)
        found, rest = self._contacts.page(list_id, target.shards, _behind(after), limit)
        return Listing(self._shown(found), _position(rest))

    def search(
        self, access: Access, list_id: str, query: str, limit: int, after: Position | None
    ) -> Listing[ShownContact]:
        """
        Return contacts whose number, or whose first or last name, begins with *query*.

        A whole number is found at once. For a beginning a page looks at
        ``CONTACTS_PER_SEARCH`` contacts: it may hold few or none though there are more.
        Raises InvalidInput when *query* is too short.
        """
        target = self._list(access, list_id)
        whole = self._whole_number(target, query)
        if whole is not None:
            found = self._contacts.one(list_id, target.shards, lead_key(whole))
            return Listing(self._shown([found] if found else []))
        matches = _matcher(query)
        looked_at, rest = self._contacts.page(
            list_id, target.shards, _behind(after), CONTACTS_PER_SEARCH
        )
        found_here = [one for one in looked_at if matches(one)]
        if len(found_here) > limit:
            rest = found_here[limit - 1].key
        return Listing(self._shown(found_here[:limit]), _position(rest))

    def _list(self, access: Access, list_id: str) -> ListRecord:
        record = self._lists.get(list_id)
        access.require_object(
            record.office_id, NotFound("There is no such list.", code="list_not_found")
        )
        return record

    def _whole_number(self, target: ListRecord, query: str) -> str | None:
        if not _PHONE.fullmatch(query):
            return None
        try:
            return self._parse_phone(query, target.default_country)
        except InvalidInput:
            return None

    def _shown(self, found: list[Contact]) -> tuple[ShownContact, ...]:
        opted_out = self._opt_outs.opted_out_among([one.phone for one in found])
        return tuple(
            ShownContact(
                phone=one.phone,
                first_name=one.first_name,
                last_name=one.last_name,
                fields=dict(one.fields),
                created_at=one.created_at,
                import_id=one.import_id,
                line=one.line,
                opted_out=one.phone in opted_out,
            )
            for one in found
        )


def _matcher(query: str) -> Callable[[Contact], bool]:
    digits = "".join(c for c in query if c in "0123456789")
    if _PHONE.fullmatch(query):
        if len(digits) < _MIN_DIGITS:
            raise InvalidInput(f"Give at least {_MIN_DIGITS} digits.", field="q")
        return lambda contact: contact.phone.startswith(f"+{digits}")
    name = _plain(query)
    if len(name) < _MIN_NAME:
        raise InvalidInput(f"Give at least {_MIN_NAME} letters.", field="q")
    return lambda contact: any(
        _plain(text).startswith(name)
        for text in (
            contact.first_name,
            contact.last_name,
            f"{contact.first_name} {contact.last_name}",
        )
    )


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def _behind(after: Position | None) -> str:
    if after is None:
        return ""
    key = after.get("key", "")
    if after.keys() != {"key"} or not re.fullmatch(r"[0-9a-f]{1,32}", key):
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return key


def _position(rest: str | None) -> Position | None:
    return None if rest is None else {"key": rest}
