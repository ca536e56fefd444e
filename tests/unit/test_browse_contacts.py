"""Looking at lists and their contacts, in bounded reads (C1, C5)."""

import pytest

from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.listing import Position
from carillon.domain.phone import parse_phone
from carillon.usecases import browse_contacts
from carillon.usecases.browse_contacts import BrowseContacts
from tests.support.contacts import FakeContacts, FakeOptOutLookup, a_contact, phone_number
from tests.support.management import (
    OTHER_OFFICE,
    FakeLists,
    a_contact_list,
    an_access,
    an_import_record,
)

MINE = an_access()


class World:
    def __init__(self, people: int = 25) -> None:
        self.contacts = FakeContacts()
        self.contacts.add("lst_1", 3, [a_contact(n) for n in range(people)])
        self.lists = FakeLists(
            a_contact_list(shards=3), a_contact_list("lst_9", office_id=OTHER_OFFICE)
        )
        self.browse = BrowseContacts(
            self.lists, self.contacts, FakeOptOutLookup(phone_number(2)), parse_phone
        )

    def found(self, query: str, limit: int = 50) -> list[str]:
        shown: list[str] = []
        after: Position | None = None
        while not shown or after:
            page = self.browse.search(MINE, "lst_1", query, limit, after)
            shown += [one.phone for one in page.items]
            after = page.next
            if after is None:
                break
        return shown


def test_a_list_tells_the_sums_of_its_imports() -> None:
    world = World()
    for import_id, counts in {
        "imp_1": {"rows": 5, "created": 2, "duplicate": 1, "invalid": 2, "suppressed": 0,
                  "invalid_reasons": {"phone_missing": 2}},
        "imp_2": {"rows": 4, "created": 1, "duplicate": 0, "invalid": 2, "suppressed": 1,
                  "invalid_reasons": {"phone_missing": 1, "phone_invalid": 1}},
    }.items():  # fmt: skip
        world.lists.create_import(an_import_record(import_id, **counts), "d")
    world.lists.create_import(an_import_record("imp_x", list_id="lst_9", rows=100), "d")

    found = world.browse.overview(MINE, "lst_1")

    assert (found.record.id, found.imports) == ("lst_1", 2)
    assert found.counts == {
        "rows": 9, "created": 3, "duplicate": 1, "invalid": 4, "suppressed": 1
    }  # fmt: skip
    assert found.invalid_reasons == {"phone_missing": 3, "phone_invalid": 1}


def test_pages_show_everybody_once_with_all_columns_and_who_opted_out() -> None:
    world = World()

    first = world.browse.page(MINE, "lst_1", 20, None)
    second = world.browse.page(MINE, "lst_1", 20, first.next)

    shown = {one.phone: one for one in (*first.items, *second.items)}
    assert (len(first.items), len(second.items), second.next) == (20, 5, None)
    assert shown[phone_number(7)].fields == {"city": "Albany"}
    assert [one.phone for one in shown.values() if one.opted_out] == [phone_number(2)]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (phone_number(7), [7]),
        ("(202) 555-0007", [7]),
        ("+1 202-555-001", list(range(10, 20))),
        ("1202555002", list(range(20, 25))),
        ("first1", [1, *range(10, 20)]),
        ("LAST7", [7]),
        ("First3 La", [3]),
        ("nobody", []),
        ("+1999", []),
    ],
)
def test_contacts_are_found_by_what_their_name_or_number_begins_with(
    query: str, numbers: list[int]
) -> None:
    assert sorted(World().found(query)) == [phone_number(n) for n in numbers]


def test_a_search_reads_so_many_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse_contacts, "CONTACTS_PER_SEARCH", 4)
    world = World()

    first = world.browse.search(MINE, "lst_1", "first1", 50, None)

    assert len(first.items) <= 4
    assert first.next is not None
    assert len(world.found("first1")) == 11


def test_a_page_of_a_search_holds_no_more_than_asked_and_loses_nobody() -> None:
    world = World()

    first = world.browse.search(MINE, "lst_1", "first1", 3, None)

    assert len(first.items) == 3
    assert len(set(world.found("first1", limit=3))) == 11


@pytest.mark.parametrize("query", ["", "a", "123", "+12"])
def test_what_is_too_short_to_look_for_is_refused(query: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        World().browse.search(MINE, "lst_1", query, 10, None)

    assert raised.value.field == "q"


@pytest.mark.parametrize("cursor", [{"key": "xyz"}, {"key": ""}, {"sk": "00"}, {"key": "0" * 33}])
def test_a_cursor_of_another_listing_is_refused(cursor: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        World().browse.page(MINE, "lst_1", 10, cursor)

    assert raised.value.code == "cursor_invalid"


def test_a_list_of_another_office_is_not_there() -> None:
    browse = World().browse

    for look in (
        lambda: browse.overview(MINE, "lst_9"),
        lambda: browse.page(MINE, "lst_9", 10, None),
        lambda: browse.search(MINE, "lst_9", "anybody", 10, None),
    ):
        with pytest.raises(NotFound):
            look()
