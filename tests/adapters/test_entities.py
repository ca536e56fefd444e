"""One suite over the management tables: the fakes that unit tests trust, and DynamoDB."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import entities
from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import CampaignStatus, HoldReason
from carillon.domain.campaign_states import TRANSITIONS, Action
from carillon.domain.contact_list import STARTABLE
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.segments_filter import parse_filter
from carillon.ports import Campaigns, ManagedLists, ManagedSegments, Offices, Senders
from tests.support.clock import NOON
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    FakeCampaigns,
    FakeLists,
    FakeOffices,
    FakeSegments,
    FakeSenders,
    a_campaign,
    a_contact_list,
    a_segment,
    a_sender,
    an_import_record,
    an_office,
    states_refusing,
)
from tests.support.tables import create_tables

LATER = NOON + timedelta(minutes=1)


@dataclass(frozen=True)
class Tables:
    offices: Offices
    senders: Senders
    lists: ManagedLists
    segments: ManagedSegments
    campaigns: Campaigns


@pytest.fixture(params=["fake", "dynamodb"])
def tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    if request.param == "fake":
        yield Tables(FakeOffices(), FakeSenders(), FakeLists(), FakeSegments(), FakeCampaigns())
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        create_tables(boto3.client("dynamodb"))
        entities.connect("ControlTable")
        yield Tables(
            entities.OfficeTable(),
            entities.SenderTable(),
            entities.ListTable(),
            entities.SegmentTable(),
            entities.CampaignTable(),
        )


def test_what_was_created_is_read_back_whole(tables: Tables) -> None:
    office, sender, contacts = an_office(), a_sender(mps=2.5), a_contact_list()
    segment = a_segment()
    campaign = a_campaign(
        tags=("a", "b"),
        segment_ids=("seg_1",),
        exclude_segment_ids=("seg_2",),
        exclude_list_ids=("lst_2",),
        schedule_at=LATER,
        launch_error="No.",
    )

    tables.offices.create(office, "d")
    tables.senders.create(sender, "d")
    tables.lists.create(contacts, "d")
    tables.campaigns.create(campaign, "d")
    tables.segments.create(segment, "d")

    assert tables.segments.get(segment.id) == segment
    assert tables.offices.get(office.id) == office
    assert tables.senders.get(sender.id) == sender
    assert tables.lists.get(contacts.id) == contacts
    assert tables.campaigns.get(campaign.id) == campaign


def test_what_is_absent_is_not_found_under_its_own_code(tables: Tables) -> None:
    for find, code in (
        (tables.offices.get, "office_not_found"),
        (tables.senders.get, "sender_not_found"),
        (tables.lists.get, "list_not_found"),
        (tables.campaigns.get, "campaign_not_found"),
        (tables.segments.get, "segment_not_found"),
        (lambda name: tables.lists.get_import("lst_1", name), "import_not_found"),
    ):
        with pytest.raises(NotFound) as raised:
            find("nothing")
        assert raised.value.code == code


def test_a_segment_is_changed_only_by_who_has_seen_it(tables: Tables) -> None:
    seen = tables.segments.create(a_segment(), "d")
    wanted = parse_filter({"field": "city", "op": "exists"})

    changed = tables.segments.change(seen, {"filter": wanted, "list_ids": ("lst_2",)}, LATER)

    assert changed == replace(seen, filter=wanted, list_ids=("lst_2",), updated_at=LATER, version=2)
    assert tables.segments.get(seen.id) == changed
    with pytest.raises(Conflict) as raised:
        tables.segments.change(seen, {"name": "Late"}, LATER)
    assert (raised.value.code, raised.value.extra) == ("version_conflict", {"version": 2})


def test_a_segment_that_is_removed_is_gone_and_stays_gone(tables: Tables) -> None:
    tables.segments.create(a_segment(), "d")

    tables.segments.remove("seg_1")
    tables.segments.remove("seg_1")

    assert tables.segments.page(None, 10, None).items == ()


def test_the_imports_of_a_list_are_listed(tables: Tables) -> None:
    for list_id, import_id in (("lst_1", "imp_1"), ("lst_1", "imp_2"), ("lst_2", "imp_3")):
        tables.lists.create_import(an_import_record(import_id, list_id=list_id), "d")

    assert [one.id for one in tables.lists.imports("lst_1")] == ["imp_1", "imp_2"]


def test_a_repeated_creation_returns_the_first(tables: Tables) -> None:
    first = tables.campaigns.create(a_campaign(title="First"), "same")

    second = tables.campaigns.create(a_campaign(title="First", created_at=LATER), "same")

    assert second == first


def test_the_same_id_for_another_request_is_a_conflict(tables: Tables) -> None:
    tables.senders.create(a_sender(), "one")

    with pytest.raises(Conflict) as raised:
        tables.senders.create(a_sender(name="Other"), "two")

    assert raised.value.code == "idempotency_key_reused"
    assert tables.senders.get("snd_1").name == "Main"


def test_offices_are_listed_by_name(tables: Tables) -> None:
    for office_id, name in (("off_1", "Paris"), ("off_2", "Berlin"), ("off_3", "Lyon")):
        tables.offices.create(an_office(office_id, name=name), "d")

    assert [office.name for office in tables.offices.all()] == ["Berlin", "Lyon", "Paris"]


def test_pages_hold_the_callers_offices_newest_first_and_meet_without_gap(tables: Tables) -> None:
    for n in range(7):
        office = OFFICE if n % 2 else OTHER_OFFICE
        created = NOON + timedelta(minutes=n)
        tables.senders.create(a_sender(f"snd_{n}", office_id=office, created_at=created), str(n))

    first = tables.senders.page(frozenset({OFFICE}), 2, None)
    second = tables.senders.page(frozenset({OFFICE}), 2, first.next)
    every = tables.senders.page(None, 10, None)

    assert [sender.id for sender in first.items] == ["snd_5", "snd_3"]
    assert [sender.id for sender in second.items] == ["snd_1"]
    assert (second.next, every.next) == (None, None)
    assert [sender.id for sender in every.items] == [f"snd_{n}" for n in range(6, -1, -1)]


def test_several_are_read_at_once_and_the_absent_left_out(tables: Tables) -> None:
    tables.senders.create(a_sender(), "d")
    tables.lists.create(a_contact_list(), "d")

    assert tables.senders.several(["snd_1", "snd_2"]) == {"snd_1": a_sender()}
    assert tables.lists.several(["lst_2", "lst_1"]) == {"lst_1": a_contact_list()}
    assert (tables.senders.several([]), tables.lists.several([])) == ({}, {})


def test_a_caller_without_an_office_sees_an_empty_page(tables: Tables) -> None:
    tables.lists.create(a_contact_list(), "d")

    assert tables.lists.page(frozenset(), 10, None).items == ()


def test_a_position_of_another_listing_is_refused(tables: Tables) -> None:
    for n in range(3):
        tables.senders.create(a_sender(f"snd_{n}"), "d")
        tables.lists.create(a_contact_list(f"lst_{n}"), "d")
    position = tables.senders.page(None, 1, None).next

    for after in (position, {"pk": "x", "sk": "y"}):
        with pytest.raises(InvalidInput) as raised:
            tables.lists.page(None, 1, after)
        assert raised.value.code == "cursor_invalid"


def test_a_change_raises_the_version_and_touches_nothing_else(tables: Tables) -> None:
    seen = tables.campaigns.create(a_campaign(), "d")

    changed = tables.campaigns.change(seen, {"title": "Summer", "tags": ("x",)}, LATER)

    expected = a_campaign(title="Summer", tags=("x",), version=2, updated_at=LATER)
    assert changed == tables.campaigns.get("cmp_1") == expected


def test_a_change_of_what_has_changed_meanwhile_is_a_conflict(tables: Tables) -> None:
    seen = tables.campaigns.create(a_campaign(), "d")
    tables.campaigns.change(seen, {"title": "Theirs"}, LATER)

    with pytest.raises(Conflict) as raised:
        tables.campaigns.change(seen, {"title": "Mine"}, LATER)

    assert (raised.value.code, raised.value.extra) == ("version_conflict", {"version": 2})
    assert tables.campaigns.get("cmp_1").title == "Theirs"


def test_a_transition_moves_the_campaign_to_its_tab(tables: Tables) -> None:
    tables.campaigns.create(a_campaign(launch_error="No list."), "d")

    launched = tables.campaigns.transition(
        a_campaign("cmp_1"),
        Action.LAUNCH,
        LATER,
        changes={"launched_at": LATER, "launch_error": None},
    )

    assert launched == a_campaign(
        status=CampaignStatus.PROCESSING, launched_at=LATER, updated_at=LATER, version=2
    )
    assert launched.tab == "active"


MOVES = [action for action in Action if len(set(TRANSITIONS[action].values())) == 1]


@pytest.mark.parametrize("action", MOVES)
def test_a_transition_that_the_state_forbids_names_state_and_allowed_actions(
    tables: Tables, action: Action
) -> None:
    status = states_refusing(action)[0]
    tables.campaigns.create(a_campaign(status=status), "d")

    with pytest.raises(Conflict) as raised:
        tables.campaigns.transition(a_campaign("cmp_1"), action, LATER, changes={})

    assert (raised.value.code, raised.value.extra["state"]) == ("campaign_state", status)
    assert tables.campaigns.get("cmp_1") == a_campaign(status=status)


def test_a_transition_of_an_absent_campaign_creates_nothing(tables: Tables) -> None:
    with pytest.raises(NotFound):
        tables.campaigns.transition(a_campaign("cmp_9"), Action.PAUSE, LATER, changes={})

    with pytest.raises(NotFound):
        tables.campaigns.get("cmp_9")


def test_a_transition_of_an_older_version_is_a_conflict(tables: Tables) -> None:
    tables.campaigns.create(a_campaign(version=4), "d")

    with pytest.raises(Conflict) as raised:
        tables.campaigns.transition(
            a_campaign("cmp_1"), Action.LAUNCH, LATER, changes={}, version=3
        )

    assert raised.value.code == "version_conflict"


def test_a_marked_transition_happens_once(tables: Tables) -> None:
    tables.campaigns.create(a_campaign(status=CampaignStatus.ACTIVE), "d")
    paused = tables.campaigns.transition(
        a_campaign("cmp_1"), Action.PAUSE, NOON, changes={}, mark="m1"
    )

    again = tables.campaigns.transition(
        a_campaign("cmp_1"), Action.PAUSE, LATER, changes={}, mark="m1"
    )

    assert again == paused
    with pytest.raises(Conflict):
        tables.campaigns.transition(a_campaign("cmp_1"), Action.PAUSE, LATER, changes={}, mark="m2")


def test_a_marked_transition_that_its_state_allows_twice_still_happens_once(
    tables: Tables,
) -> None:
    tables.campaigns.create(a_campaign(status=CampaignStatus.SCHEDULED), "d")
    scheduled = tables.campaigns.transition(
        a_campaign("cmp_1"), Action.EDIT_DATE, NOON, changes={"schedule_at": LATER}, mark="m1"
    )

    again = tables.campaigns.transition(
        a_campaign("cmp_1"), Action.EDIT_DATE, LATER, changes={"schedule_at": LATER}, mark="m1"
    )

    assert again == scheduled


def test_an_import_is_queued_with_its_mapping_until_it_runs(tables: Tables) -> None:
    record = tables.lists.create_import(an_import_record(), "d")
    mapping = {"phone": "Mobile"}

    for _ in range(2):
        queued = tables.lists.queue_import(record, size=9, mapping=mapping, allowed=STARTABLE)

    assert queued == an_import_record(status=ImportStatus.QUEUED, size=9, mapping=mapping)
    assert tables.lists.get_import("lst_1", "imp_1") == queued


def test_an_import_is_not_queued_from_a_state_that_is_not_allowed(tables: Tables) -> None:
    record = tables.lists.create_import(an_import_record(status=ImportStatus.RUNNING), "d")

    with pytest.raises(Conflict) as raised:
        tables.lists.queue_import(record, size=9, mapping={}, allowed=STARTABLE)

    assert (raised.value.code, raised.value.extra["state"]) == ("import_state", "running")


def test_an_import_of_another_list_is_not_found(tables: Tables) -> None:
    tables.lists.create_import(an_import_record(), "d")

    with pytest.raises(NotFound):
        tables.lists.get_import("lst_2", "imp_1")


def test_every_campaign_field_survives_storage(tables: Tables) -> None:
    campaign = a_campaign(
        status=CampaignStatus.FINISHED,
        hold_reason=HoldReason.QUIET_HOURS,
        launched_at=NOON,
        submitted_all_at=NOON,
        finished_at=LATER,
        parts=3,
        planned_parts=2,
        total=1200,
        operated_by="assistant",
        body="",
        agents=("usr_1", "usr_2"),
        linked_campaigns=("cmp_2",),
        approval=Approval(
            state=ApprovalState.APPROVED,
            requested_by="usr_1",
            requested_at=NOON,
            decided_by="usr_2",
            decided_at=LATER,
        ),
    )

    tables.campaigns.create(campaign, "d")

    assert tables.campaigns.get(campaign.id) == campaign
