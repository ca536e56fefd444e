"""Counting an audience before its launch, and that the launch comes to the same (C4, C5)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.audience_count import AudienceCount, Reach
from carillon.domain.campaign import CampaignStatus
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Position
from carillon.domain.phone import LineType, line_type
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.segments_filter import parse_filter
from carillon.usecases.audience_sources import Sources, sources_of
from carillon.usecases.count_audience import Counting, count_audience
from carillon.usecases.plan_audience import Planned
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import (
    FakeContacts,
    FakeImportDirectory,
    FakeOptOutLookup,
    a_contact,
    a_list,
    phone_number,
)
from tests.support.planning import PlanningWorld, a_launched_campaign


def a_segment(segment_id: str, *list_ids: str, city: str = "Albany") -> AudienceSegment:
    wanted = parse_filter({"field": "city", "op": "equals", "value": city})
    return AudienceSegment(segment_id, list_ids, wanted)


def counting(world: PlanningWorld, *opted_out: int, per_look: int = 20_000) -> Counting:
    return Counting(
        contacts=world.contacts,
        opt_outs=FakeOptOutLookup(*map(phone_number, opted_out)),
        line_of=lambda _phone: LineType.UNKNOWN,
        clock=world.clock,
        contacts_per_look=per_look,
    )


def sources(world: PlanningWorld, **wanted: Any) -> Sources:
    return sources_of(world.directory, **{"list_ids": (), "segments": (), **wanted})


def every_look(world: Counting, wanted: Sources) -> list[AudienceCount]:
    looks: list[AudienceCount] = []
    after: Position | None = None
    while not looks or after:
        count, after = count_audience(world, wanted, after=after, sample=10_000)
        looks.append(count)
    return looks


def test_every_contact_is_counted_once_by_what_becomes_of_it() -> None:
    """C5: before the launch, duplicates, excluded and opted-out people are counted by reason."""
    world = PlanningWorld(lists={"lst_a": range(5), "lst_b": range(3, 8), "lst_no": range(4, 6)})
    wanted = sources(world, list_ids=("lst_a", "lst_b"), exclude_list_ids=("lst_no",))

    count, rest = count_audience(counting(world, 0, 1), wanted, sample=2)

    assert rest is None
    assert count == AudienceCount(
        as_of=NOON,
        share=1.0,
        complete=True,
        duplicate=1,
        excluded=3,
        by_source={"lst_a": 4, "lst_b": 2},
        reach={
            Reach.SUPPRESSED: 2,
            Reach.LANDLINE: 0,
            Reach.UNREACHABLE: 0,
            Reach.TEXTABLE: 4,
        },
        sample=count.sample,
    )
    assert len(count.sample) == 2
    assert (count.contacts, count.recipients) == (10, 6)


@pytest.mark.parametrize(
    ("phone", "line", "reach"),
    [
        ("+442079460958", LineType.LANDLINE, Reach.LANDLINE),
        ("+447400123456", LineType.MOBILE, Reach.TEXTABLE),
        ("+18005550199", LineType.NOT_TEXTABLE, Reach.UNREACHABLE),
        ("+12025550123", LineType.UNKNOWN, Reach.TEXTABLE),
        ("+999", LineType.UNKNOWN, Reach.TEXTABLE),
    ],
)
def test_landlines_and_numbers_that_take_no_texts_are_told_apart(
    phone: str, line: LineType, reach: Reach
) -> None:
    """C5: what cannot be texted is counted by why."""
    contacts = FakeContacts()
    contacts.add("lst_a", 1, [a_contact(1, phone=phone)])
    wanted = sources_of(
        FakeImportDirectory(a_list(shards=1, contacts=1)), list_ids=("lst_a",), segments=()
    )
    world = Counting(
        contacts=contacts, opt_outs=FakeOptOutLookup(), line_of=line_type, clock=FakeClock()
    )

    count, _ = count_audience(world, wanted)

    assert line_type(phone) is line
    assert {name: number for name, number in count.reach.items() if number} == {reach: 1}


def test_a_look_at_many_is_bounded_says_so_and_the_looks_add_up() -> None:
    world = PlanningWorld(lists={"lst_a": range(300)})
    wanted = sources(world, list_ids=("lst_a",))

    looks = every_look(counting(world, per_look=50), wanted)

    assert len(looks) == 7
    assert not any(look.complete for look in looks)
    assert sum(look.share for look in looks) == pytest.approx(1)
    assert max(look.contacts for look in looks) < 80
    phones = [one.phone for look in looks for one in look.sample]
    assert sorted(phones) == sorted(phone_number(n) for n in range(300))


def test_contacts_that_come_between_two_looks_do_not_count() -> None:
    world = PlanningWorld(lists={"lst_a": range(100)})
    wanted, ports = sources(world, list_ids=("lst_a",)), counting(world, per_look=50)
    first, rest = count_audience(ports, wanted)
    world.clock.sleep(60)
    late = [a_contact(n, created_at=world.clock.now()) for n in range(100, 200)]
    world.contacts.add("lst_a", 1, late)

    second, _ = count_audience(ports, wanted, after=rest)

    assert second.as_of == first.as_of == NOON
    assert first.contacts + second.contacts == 100


def test_a_cursor_of_another_audience_is_refused() -> None:
    world = PlanningWorld(lists={"lst_a": range(100)})
    ports = counting(world, per_look=50)
    wanted = sources(world, segments=[a_segment("seg_a", "lst_a")])
    _, rest = count_audience(ports, wanted)
    assert rest is not None
    edited = sources(world, segments=[a_segment("seg_a", "lst_a", city="Troy")])

    for audience, cursor in (
        (edited, rest),
        (wanted, {**rest, "slot": "65536"}),
        (wanted, {**rest, "slot": "x"}),
        (wanted, {**rest, "as_of": "noon"}),
        (wanted, {}),
    ):
        with pytest.raises(InvalidInput) as raised:
            count_audience(ports, audience, after=cursor)
        assert raised.value.code == "cursor_invalid"


NUMBERS = st.sets(st.integers(0, 12), max_size=8)
CITIES = ("Albany", "Troy")


@given(
    wanted_lists=NUMBERS,
    other_list=NUMBERS,
    no_list=NUMBERS,
    in_troy=st.sets(st.integers(0, 12)),
    segment_city=st.sampled_from(CITIES),
    no_city=st.sampled_from(CITIES),
    use=st.tuples(*[st.booleans()] * 4),
)
@settings(max_examples=60, deadline=None)
def test_what_is_counted_is_what_is_frozen_and_nobody_excluded_is_in_it(  # noqa: PLR0917  # drawn by hypothesis
    wanted_lists: set[int],
    other_list: set[int],
    no_list: set[int],
    in_troy: set[int],
    segment_city: str,
    no_city: str,
    use: tuple[bool, bool, bool, bool],
) -> None:
    numbers = {"lst_a": wanted_lists, "lst_b": other_list, "lst_no": no_list}
    as_a_list, as_a_segment, not_a_list, not_a_segment = use
    segments = {
        "seg_a": a_segment("seg_a", "lst_b", "lst_a", city=segment_city),
        "seg_no": a_segment("seg_no", "lst_b", "lst_no", city=no_city),
    }
    campaign = a_launched_campaign(
        list_ids=("lst_a",) if as_a_list else (),
        segment_ids=("seg_a",) if as_a_segment else (),
        exclude_list_ids=("lst_no",) if not_a_list else (),
        exclude_segment_ids=("seg_no",) if not_a_segment else (),
    )
    world = PlanningWorld(lists=numbers, campaign=campaign, leads_per_part=3)
    world.segments.segments = segments
    cities = {n: "Troy" if n in in_troy else "Albany" for n in range(13)}
    for standing in world.contacts.lists.values():
        for n in range(13):
            key = a_contact(n).key
            if key in standing:
                standing[key] = replace(standing[key], fields={"city": cities[n]})
    offered = {n for n in wanted_lists if as_a_list}
    offered |= {n for n in wanted_lists | other_list if as_a_segment and cities[n] == segment_city}
    banned = {n for n in no_list if not_a_list}
    banned |= {n for n in no_list | other_list if not_a_segment and cities[n] == no_city}

    looks = every_look(
        counting(world, per_look=4),
        sources(
            world,
            list_ids=campaign.list_ids,
            segments=[segments[one] for one in campaign.segment_ids],
            exclude_list_ids=campaign.exclude_list_ids,
            exclude_segments=[segments[one] for one in campaign.exclude_segment_ids],
        ),
    )
    answer = world.run()

    counted = sorted(one.phone for look in looks for one in look.sample)
    assert counted == sorted(phone_number(n) for n in offered - banned)
    assert (answer is Planned.ACTIVE) is bool(counted)
    if answer is Planned.ACTIVE:
        assert sorted(one.phone for one in world.recipients()) == counted
        assert world.campaign.total == len(counted)
    else:
        assert world.campaign.status is CampaignStatus.DRAFT
