"""Freezing a campaign's audience and starting its senders (C4, K4)."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.audience import decode_part, encode_part, manifest_key, part_count, part_key
from carillon.domain.campaign import CampaignStatus, Run
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import NotFound
from carillon.domain.ids import lead_key, part_of
from carillon.domain.message import Recipient
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.segments_filter import parse_filter
from carillon.domain.sender_choice import Candidate
from carillon.usecases.plan_audience import Planned, plan_audience
from tests.support.clock import NOON
from tests.support.contacts import a_contact, a_list, an_import, phone_number
from tests.support.planning import HERE, PlanningWorld, a_launched_campaign
from tests.support.sending import a_sender


def test_the_audience_is_all_lists_minus_exclusions_each_phone_once() -> None:
    """C4: lists minus exclusions, without duplicates."""
    world = PlanningWorld(
        lists={"lst_a": range(5), "lst_b": range(3, 8), "lst_no": range(4, 6)},
        campaign=a_launched_campaign(list_ids=("lst_a", "lst_b"), exclude_list_ids=("lst_no",)),
    )

    assert world.run() is Planned.ACTIVE

    assert sorted(one.phone for one in world.recipients()) == [
        phone_number(n) for n in (0, 1, 2, 3, 6, 7)
    ]
    assert world.campaign.total == 6


def test_the_first_list_decides_the_fields_of_a_phone_in_several() -> None:
    world = PlanningWorld(
        lists={"lst_a": [1], "lst_b": [1]},
        campaign=a_launched_campaign(list_ids=("lst_b", "lst_a")),
    )
    world.contacts.lists["lst_b"] = {
        lead_key(phone_number(1)): a_contact(1, first_name="Bea", fields={"size": "L"})
    }

    world.run()

    assert world.recipients() == [
        Recipient(
            lead_key(phone_number(1)),
            phone_number(1),
            {"first_name": "Bea", "last_name": "Last1", "size": "L"},
            HERE,
        )
    ]


def test_every_recipient_stands_sorted_in_the_part_that_its_key_computes() -> None:
    world = PlanningWorld(lists={"lst_a": range(40)}, leads_per_part=4)

    world.run()

    assert world.campaign.parts == 10
    for part in range(10):
        keys = [one.key for one in world.part(part)]
        assert keys == sorted(keys)
        assert {part_of(key, 10) for key in keys} <= {part}
    assert len(world.recipients()) == 40


def test_contacts_created_after_the_launch_do_not_belong() -> None:
    world = PlanningWorld(lists={"lst_a": range(3)})
    late = a_contact(9, created_at=NOON + timedelta(milliseconds=1))
    at_launch = a_contact(8, created_at=NOON)
    world.contacts.add("lst_a", 1, [late, at_launch])

    world.run()

    assert sorted(one.phone for one in world.recipients()) == [
        phone_number(n) for n in (0, 1, 2, 8)
    ]


def test_the_campaign_becomes_active_with_a_run_for_each_sender_and_wakes_them() -> None:
    world = PlanningWorld(
        lists={"lst_a": range(9)},
        leads_per_part=4,
        campaign=a_launched_campaign(sender_ids=("snd_a", "snd_b")),
    )

    world.run()

    assert world.campaign.status is CampaignStatus.ACTIVE
    assert (world.campaign.parts, world.campaign.planned_parts, world.campaign.total) == (3, 3, 9)
    assert world.plans.runs == {
        (sender, "cmp_a"): Run(
            sender_id=sender,
            campaign_id="cmp_a",
            office_id="off_north",
            parts=3,
            senders=("snd_a", "snd_b"),
            candidates=tuple(
                Candidate(one, a_sender().phone, a_sender().mps) for one in ("snd_a", "snd_b")
            ),
        )
        for sender in ("snd_a", "snd_b")
    }
    assert world.send_queue.messages == [{"sender_id": "snd_a"}, {"sender_id": "snd_b"}]


def test_the_manifest_says_where_the_audience_came_from() -> None:
    world = PlanningWorld(
        lists={"lst_a": range(5), "lst_b": range(3, 8), "lst_no": [0]},
        campaign=a_launched_campaign(list_ids=("lst_a", "lst_b"), exclude_list_ids=("lst_no",)),
    )

    world.run()

    assert json.loads(world.files.objects[manifest_key("cmp_a")]) == {
        "v": 2,
        "campaign_id": "cmp_a",
        "frozen_at": "2026-11-22T12:00:00.000Z",
        "parts": 3,
        "total": 7,
        "lists": {"lst_a": 4, "lst_b": 3},
        "duplicates": 2,
        "excluded": 1,
        "segments": [],
    }


def test_a_part_is_the_same_bytes_whenever_it_is_written() -> None:
    people = [Recipient("k1", "+12025550100", {"b": "é", "a": "x"})]

    body = encode_part("cmp_a", 7, NOON, people)

    assert body == encode_part("cmp_a", 7, NOON, [replace(people[0], fields={"a": "x", "b": "é"})])
    assert decode_part(body) == people
    assert part_key("cmp_a", 7) == "audiences/cmp_a/00007.json.gz"


@pytest.mark.parametrize(("contacts", "parts"), [(0, 1), (1, 1), (400, 1), (401, 2)])
def test_parts_follow_from_the_lists_counts(contacts: int, parts: int) -> None:
    """F9: a part holds about 400 leads, however many there are."""
    assert part_count(contacts, leads_per_part=400) == parts


@pytest.mark.parametrize(
    ("lists", "changes", "sentence"),
    [
        ({"lst_a": []}, {}, "The contact lists of this campaign are empty."),
        ({}, {}, "A contact list of this campaign no longer exists."),
        (
            {"lst_a": [1]},
            {"exclude_list_ids": ("lst_gone",)},
            "A contact list of this campaign no longer exists.",
        ),
        (
            {"lst_a": [1, 2], "lst_no": [1, 2]},
            {"exclude_list_ids": ("lst_no",)},
            "Nobody is left to text: every contact of the lists is excluded.",
        ),
        ({"lst_a": [1]}, {"body": " "}, "The campaign cannot start without: body."),
        (
            {"lst_a": [1]},
            {"sender_ids": tuple(f"snd_{n}" for n in range(100))},
            "A campaign may use at most 97 senders.",
        ),
    ],
)
def test_a_campaign_without_an_audience_goes_back_to_draft_and_says_why(
    lists: dict[str, list[int]], changes: dict[str, Any], sentence: str
) -> None:
    world = PlanningWorld(lists=lists, campaign=a_launched_campaign(**changes))

    assert world.run() is Planned.REJECTED

    assert world.campaign.status is CampaignStatus.DRAFT
    assert world.campaign.launch_error == sentence
    assert (world.campaign.parts, world.campaign.planned_parts, world.campaign.total) == (0, 0, 0)
    assert world.campaign.launched_at is None
    assert world.send_queue.messages == []


def test_lists_filled_only_after_the_launch_were_empty_at_the_launch() -> None:
    world = PlanningWorld(lists={"lst_a": [1]})
    world.contacts.lists["lst_a"] = {"0": a_contact(1, created_at=NOON + timedelta(seconds=5))}

    assert world.run() is Planned.REJECTED
    assert world.campaign.launch_error == (
        "The contact lists of this campaign were empty at its launch."
    )


def test_planning_goes_on_by_message_when_its_time_is_up() -> None:
    world = PlanningWorld(lists={"lst_a": range(9)}, leads_per_part=4)

    assert world.deliver() is Planned.CONTINUES

    assert world.campaign.planned_parts == 1
    assert world.plan_queue.messages == [{"campaign_id": "cmp_a"}]


def test_a_campaign_archived_while_planned_stays_archived_and_nobody_is_woken() -> None:
    world = PlanningWorld(lists={"lst_a": range(9)}, leads_per_part=4)
    world.deliver()
    world.plans.campaigns["cmp_a"] = replace(world.campaign, status=CampaignStatus.ARCHIVED)

    assert world.deliver() is Planned.NOTHING

    assert world.campaign.status is CampaignStatus.ARCHIVED
    assert world.send_queue.messages == []
    assert world.plans.runs == {}


@pytest.mark.parametrize(
    "status", [CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.FINISHED]
)
def test_a_campaign_that_is_not_being_launched_is_left_alone(status: CampaignStatus) -> None:
    world = PlanningWorld(lists={"lst_a": [1]}, campaign=a_launched_campaign(status=status))

    assert world.deliver() is Planned.NOTHING
    assert world.campaign.status is status
    assert world.files.objects == {}


def test_a_repeated_message_for_an_active_campaign_wakes_its_senders_again() -> None:
    world = PlanningWorld(lists={"lst_a": [1]})
    world.run()

    assert world.deliver() is Planned.ACTIVE
    assert world.send_queue.messages == [{"sender_id": "snd_a"}] * 2


def test_planning_waits_a_minute_for_a_running_import_and_then_goes_on() -> None:
    world = PlanningWorld(lists={"lst_a": [1]})
    world.directory.imports["lst_a", "imp_a"] = an_import(status=ImportStatus.RUNNING)

    assert world.deliver() is Planned.WAITS
    assert world.plan_queue.delays == [60]

    world.clock.sleep(60)
    assert world.deliver() is Planned.ACTIVE


def test_an_unknown_campaign_is_not_found() -> None:
    world = PlanningWorld(lists={"lst_a": [1]})

    with pytest.raises(NotFound):
        plan_audience(world.ports, campaign_id="cmp_zzz", budget_s=1)


def test_a_list_that_was_never_imported_into_is_an_empty_one() -> None:
    world = PlanningWorld(
        lists={"lst_a": [1]}, campaign=a_launched_campaign(list_ids=("lst_new", "lst_a"))
    )
    world.directory.lists["lst_new"] = a_list("lst_new")

    assert world.run() is Planned.ACTIVE
    assert world.campaign.total == 1


def test_people_excluded_only_after_the_launch_stay_in_the_frozen_audience() -> None:
    world = PlanningWorld(
        lists={"lst_a": [1, 2], "lst_no": []},
        campaign=a_launched_campaign(exclude_list_ids=("lst_no",)),
    )
    world.directory.lists["lst_no"] = a_list("lst_no", shards=1, contacts=2)
    late = a_contact(2, created_at=NOON + timedelta(seconds=1))
    world.contacts.add("lst_no", 1, [a_contact(1), late])

    world.run()

    assert [one.phone for one in world.recipients()] == [phone_number(2)]


def test_every_launch_draws_its_own_key_for_short_links() -> None:
    """M6: also for a campaign without links, which may get some while it is paused."""
    keys = set()
    for _ in range(2):
        world = PlanningWorld(lists={"lst_a": [1]}, campaign=a_launched_campaign())
        assert world.run() is Planned.ACTIVE
        keys.add(world.campaign.link_key)

    assert len(keys) == 2
    assert {len(key) for key in keys} == {32}


def a_segment(city: str = "Albany", **changes: Any) -> AudienceSegment:
    wanted = parse_filter({"field": "city", "op": "equals", "value": city})
    return AudienceSegment(**{"id": "seg_a", "list_ids": ("lst_a",), "filter": wanted, **changes})


def test_a_segment_adds_those_of_its_lists_whom_its_filter_keeps() -> None:
    world = PlanningWorld(
        lists={"lst_a": range(3), "lst_b": [5]},
        campaign=a_launched_campaign(list_ids=("lst_b",), segment_ids=("seg_a",)),
    )
    world.segments.segments["seg_a"] = a_segment("Troy")
    in_troy = a_contact(7, fields={"city": "TROY"})
    world.contacts.add("lst_a", 1, [in_troy])

    world.run()

    assert sorted(one.phone for one in world.recipients()) == [phone_number(5), phone_number(7)]
    manifest = json.loads(world.files.objects[manifest_key("cmp_a")])
    assert manifest["lists"] == {"lst_b": 1, "seg_a": 1}
    assert manifest["segments"] == [a_segment("Troy").as_json()]


def test_an_excluded_segment_wins_over_every_list_and_segment() -> None:
    world = PlanningWorld(
        lists={"lst_a": range(3), "lst_b": range(3)},
        campaign=a_launched_campaign(
            list_ids=("lst_a",), segment_ids=("seg_a",), exclude_segment_ids=("seg_no",)
        ),
    )
    world.segments.segments = {
        "seg_a": a_segment(),
        "seg_no": a_segment("Troy", id="seg_no", list_ids=("lst_b",)),
    }
    # Albany in one list, Troy in the other: what one of them excludes is excluded.
    world.contacts.lists["lst_b"][lead_key(phone_number(1))] = a_contact(1, fields={"city": "Troy"})

    world.run()

    assert sorted(one.phone for one in world.recipients()) == [phone_number(0), phone_number(2)]


def test_a_segment_that_is_edited_while_parts_are_frozen_stays_as_it_was() -> None:
    """C4: an audience is frozen at its launch, filters too."""
    world = PlanningWorld(
        lists={"lst_a": range(12)},
        leads_per_part=4,
        campaign=a_launched_campaign(list_ids=(), segment_ids=("seg_a",)),
    )
    world.segments.segments["seg_a"] = a_segment()
    assert world.deliver() is Planned.CONTINUES

    world.segments.segments["seg_a"] = a_segment("Nowhere")
    world.run()

    assert len(world.recipients()) == 12


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"segment_ids": ("seg_gone",)}, "A segment of this campaign no longer exists."),
        ({"exclude_segment_ids": ("seg_gone",)}, "A segment of this campaign no longer exists."),
        (
            {"list_ids": (), "segment_ids": ("seg_none",)},
            "No contact matches the segments of this campaign.",
        ),
        (
            {"exclude_segment_ids": ("seg_lost",)},
            "A contact list of this campaign no longer exists.",
        ),
    ],
)
def test_an_audience_whose_segments_cannot_be_read_is_not_launched_without_them(
    changes: dict[str, Any], sentence: str
) -> None:
    world = PlanningWorld(lists={"lst_a": [1]}, campaign=a_launched_campaign(**changes))
    world.segments.segments = {
        "seg_none": a_segment("Nowhere", id="seg_none"),
        "seg_lost": a_segment(id="seg_lost", list_ids=("lst_gone",)),
    }

    assert world.run() is Planned.REJECTED

    assert world.campaign.launch_error == sentence
