"""Keeping, changing and trying segments, as far as offices reach (C4)."""

from dataclasses import replace
from typing import Any

import pytest

from carillon.domain.audience_count import Reach
from carillon.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from carillon.domain.phone import LineType
from carillon.domain.segments_filter import parse_filter
from carillon.usecases.count_audience import Counting
from carillon.usecases.count_audiences import CountAudiences
from carillon.usecases.manage_segments import ManageSegments, NewSegment, Preview, SegmentChange
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import (
    FakeContacts,
    FakeImportDirectory,
    FakeOptOutLookup,
    a_contact,
    a_list,
    phone_number,
)
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    FakeCampaigns,
    FakeLists,
    FakeOffices,
    FakeSegments,
    a_campaign,
    a_contact_list,
    a_segment,
    an_access,
    an_office,
    an_origin,
)

MINE = an_access()
IN_TROY = parse_filter({"field": "city", "op": "equals", "value": "Troy"})


class World:
    def __init__(self) -> None:
        self.contacts = FakeContacts()
        people = [a_contact(n, fields={"city": "Troy" if n < 3 else "Albany"}) for n in range(9)]
        self.contacts.add("lst_1", 1, people)
        self.segments = FakeSegments(
            a_segment(filter=IN_TROY), a_segment("seg_9", office_id=OTHER_OFFICE)
        )
        self.campaigns = FakeCampaigns(
            a_campaign(list_ids=("lst_1",), exclude_segment_ids=("seg_1",)),
            a_campaign("cmp_9", office_id=OTHER_OFFICE),
            a_campaign("cmp_lost", segment_ids=("seg_gone",)),
        )
        lists = FakeLists(a_contact_list(), a_contact_list("lst_9", office_id=OTHER_OFFICE))
        directory = FakeImportDirectory(a_list("lst_1", shards=1, contacts=9))
        clock = FakeClock()
        counting = Counting(
            contacts=self.contacts,
            opt_outs=FakeOptOutLookup(phone_number(1), phone_number(5)),
            line_of=lambda _: LineType.UNKNOWN,
            clock=clock,
        )
        self.manage = ManageSegments(
            self.segments,
            FakeOffices(an_office(), an_office(OTHER_OFFICE)),
            lists,
            clock,
            directory=directory,
            counting=counting,
        )
        self.count = CountAudiences(
            self.campaigns, lists, self.segments, directory=directory, counting=counting
        )


def a_new_segment(**changes: Any) -> NewSegment:
    made = {"name": " Troy ", "office_id": OFFICE, "list_ids": ("lst_1",), "filter": IN_TROY}
    return NewSegment(**{**made, **changes})


def test_a_segment_is_kept_with_its_lists_once_each() -> None:
    world = World()

    made = world.manage.create(MINE, an_origin(), a_new_segment(list_ids=("lst_1", "lst_1")))

    assert world.segments.get(made.id) == made
    assert (made.name, made.list_ids, made.created_at) == ("Troy", ("lst_1",), NOON)


@pytest.mark.parametrize("lists", [(), ("lst_9",), ("lst_gone",)])
def test_a_segment_is_of_lists_of_its_own_office(lists: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as raised:
        World().manage.create(MINE, an_origin(), a_new_segment(list_ids=lists))

    assert raised.value.field == "list_ids"


def test_a_segment_is_made_in_an_office_of_the_caller() -> None:
    with pytest.raises(Forbidden):
        World().manage.create(MINE, an_origin(), a_new_segment(office_id=OTHER_OFFICE))


def test_a_segment_of_another_office_is_not_there() -> None:
    manage = World().manage

    for act in (
        lambda: manage.get(MINE, "seg_9"),
        lambda: manage.change(MINE, "seg_9", SegmentChange(name="x"), None),
        lambda: manage.remove(MINE, "seg_9"),
        lambda: manage.preview(MINE, "seg_9", Preview(), None),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_change_writes_what_it_names_at_the_version_that_was_seen() -> None:
    world = World()
    before = world.segments.get("seg_1")

    changed = world.manage.change(MINE, "seg_1", SegmentChange(name=" New "), 1)

    assert changed == replace(before, name="New", version=2, updated_at=NOON)
    with pytest.raises(Conflict):
        world.manage.change(MINE, "seg_1", SegmentChange(name="Late"), 1)
    assert world.manage.change(MINE, "seg_1", SegmentChange(name="Any"), None).version == 3


def test_a_preview_counts_and_shows_who_matches() -> None:
    count, rest = World().manage.preview(MINE, "seg_1", Preview(sample=2), None)

    assert rest is None
    assert count.complete
    assert (count.recipients, count.reach[Reach.SUPPRESSED]) == (3, 1)
    assert len(count.sample) == 2
    assert {one.fields["city"] for one in count.sample} == {"Troy"}


def test_a_campaigns_audience_is_counted_as_it_would_be_launched() -> None:
    count, rest = World().count.of_campaign(MINE, "cmp_1", None)

    assert rest is None
    assert (count.contacts, count.excluded, count.recipients) == (9, 3, 6)
    assert count.reach[Reach.SUPPRESSED] == 1


def test_a_list_is_counted_by_what_may_keep_a_text_from_it() -> None:
    count, _ = World().count.of_list(MINE, "lst_1", None)

    assert (count.recipients, count.reach[Reach.SUPPRESSED]) == (9, 2)


def test_counts_are_of_the_callers_offices_alone() -> None:
    world = World()

    with pytest.raises(NotFound):
        world.count.of_campaign(MINE, "cmp_9", None)
    with pytest.raises(NotFound):
        world.count.of_list(MINE, "lst_9", None)


def test_an_audience_whose_segment_is_gone_is_not_counted_without_it() -> None:
    with pytest.raises(InvalidInput, match="no longer exists"):
        World().count.of_campaign(MINE, "cmp_lost", None)
