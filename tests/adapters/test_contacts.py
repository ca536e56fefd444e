"""One suite over the fakes and the real adapters of import and planning: fakes cannot lie."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_places import places_of
from carillon.adapters.dynamodb.campaign_texts import approval_text
from carillon.adapters.dynamodb.clicks import DynamoClicks
from carillon.adapters.dynamodb.contacts import (
    DynamoCampaignPlans,
    DynamoContacts,
    DynamoImportDirectory,
    DynamoOptOutLookup,
)
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.items import to_item
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects
from carillon.domain.approval import Approval, ApprovalState, voided
from carillon.domain.audience import AudiencePlan
from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason, Run
from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus, Outcome, Tally
from carillon.domain.csv_rows import CsvFormat, Position
from carillon.domain.errors import NotFound
from carillon.domain.message import Suppression
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.segments_filter import parse_filter
from carillon.domain.short_links import campaign_code
from carillon.ports import (
    CampaignPlans,
    ContactPages,
    Contacts,
    FileStore,
    ImportDirectory,
    OptOutLookup,
)
from tests.support.clock import NOON
from tests.support.contacts import (
    FakeCampaignPlans,
    FakeContacts,
    FakeFiles,
    FakeImportDirectory,
    FakeOptOutLookup,
    a_contact,
    a_list,
    an_import,
    phone_number,
)
from tests.support.planning import a_launched_campaign
from tests.support.sending import a_campaign
from tests.support.tables import create_tables

LATER = NOON + timedelta(seconds=5)


@dataclass
class Rooms:
    """The ports under test, and how the test puts something there beforehand."""

    lists: ImportDirectory
    contacts: Contacts
    opt_outs: OptOutLookup
    files: FileStore
    plans: CampaignPlans
    client: Any = None

    @property
    def pages(self) -> ContactPages:
        """The contacts as people look at them: the same room."""
        assert isinstance(self.contacts, FakeContacts | DynamoContacts)
        return self.contacts

    def keep_list(self, one: ContactList) -> None:
        if isinstance(self.lists, FakeImportDirectory):
            self.lists.lists[one.id] = one
            return
        self._put({"pk": schema.list_pk(one.id), "sk": "LST", **vars(one)})

    def keep_import(self, job: ImportJob) -> None:
        if isinstance(self.lists, FakeImportDirectory):
            self.lists.imports[job.list_id, job.id] = job
            return
        # As management creates it: without anything that only the importer knows.
        self._put(
            {
                "pk": schema.list_pk(job.list_id),
                "sk": schema.import_sk(job.id),
                "id": job.id,
                "list_id": job.list_id,
                "status": job.status,
                "object_key": job.object_key,
                "mapping": dict(job.mapping),
            }
        )

    def keep_campaign(self, campaign: Campaign) -> None:
        if isinstance(self.plans, FakeCampaignPlans):
            self.plans.campaigns[campaign.id] = campaign
            return
        listing = {
            "gsi1pk": schema.tab_pk(campaign.tab),
            "gsi1sk": schema.listing_sk("2026-11-22T11:00:00.000Z", campaign.id),
        }
        key = {"pk": schema.campaign_pk(campaign.id), "sk": "CMP"}
        texts = {"approval": campaign.approval and approval_text(campaign.approval)}
        self._put({**key, **listing, **places_of(campaign), **vars(campaign), **texts})

    def opt_out(self, phone: str) -> None:
        if isinstance(self.opt_outs, FakeOptOutLookup):
            self.opt_outs.phones.add(phone)
            return
        DynamoSuppressions(self.client, "SuppressionsTable", "ConsentTable", lambda: NOON).opt_out(
            Suppression(phone=phone, opted_out=True, event_at=NOON, source="keyword", cause="x")
        )

    def campaign(self, campaign_id: str = "cmp_a") -> Campaign:
        return self.plans.planning(campaign_id)[0]

    def run(self, sender_id: str) -> Run | None:
        if isinstance(self.plans, FakeCampaignPlans):
            return self.plans.runs.get((sender_id, "cmp_a"))
        return DynamoDirectory(self.client, "ControlTable").run(sender_id, "cmp_a")

    def linked(self, code: str) -> list[str]:
        """Return the campaigns that short links beginning with *code* may be of."""
        if isinstance(self.plans, FakeCampaignPlans):
            launched = self.plans.campaigns.values()
            return [one.id for one in launched if one.link_key and campaign_code(one.id) == code]
        clicks = DynamoClicks(
            self.client,
            control_table="ControlTable",
            messages_table="MessagesTable",
            monotonic=lambda: 0.0,
        )
        return [one.id for one in clicks.campaigns(code)]

    def _put(self, values: dict[str, Any]) -> None:
        self.client.put_item(TableName="ControlTable", Item=to_item(values))


def fake_rooms() -> Rooms:
    return Rooms(
        FakeImportDirectory(),
        FakeContacts(),
        FakeOptOutLookup(),
        FakeFiles(),
        FakeCampaignPlans(),
    )


def real_rooms() -> Rooms:
    client = boto3.client("dynamodb")
    create_tables(client)
    storage = boto3.client("s3")
    storage.create_bucket(Bucket="files")
    return Rooms(
        DynamoImportDirectory(client, "ControlTable"),
        DynamoContacts(client, "ContactsTable"),
        DynamoOptOutLookup(client, "SuppressionsTable", ErasureMarks(client, "ControlTable")),
        S3Objects(storage, "files"),
        DynamoCampaignPlans(client, "ControlTable"),
        client,
    )


@pytest.fixture(params=["fake", "real"])
def rooms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rooms]:
    if request.param == "fake":
        yield fake_rooms()
        return
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield real_rooms()


# Contacts


def test_contacts_are_stored_once_and_the_first_stands(rooms: Rooms) -> None:
    first = rooms.contacts.add("lst_a", 4, [a_contact(1), a_contact(2)])

    again = rooms.contacts.add(
        "lst_a", 4, [a_contact(1, import_id="imp_b", line=9), a_contact(3, import_id="imp_b")]
    )

    assert first == [("imp_a", 3), ("imp_a", 4)]
    assert again == [("imp_a", 3), ("imp_b", 5)]
    stored = {one.phone: one for one in rooms.contacts.between("lst_a", 4, "0000", "ffff")}
    assert stored == {
        phone_number(1): a_contact(1),
        phone_number(2): a_contact(2),
        phone_number(3): a_contact(3, import_id="imp_b"),
    }


def test_many_contacts_come_back_by_key_range_in_the_order_of_their_keys(rooms: Rooms) -> None:
    everybody = [a_contact(n) for n in range(120)]
    rooms.contacts.add("lst_a", 7, everybody)
    rooms.contacts.add("lst_b", 7, [a_contact(500)])

    low = list(rooms.contacts.between("lst_a", 7, "0000", "5a3f"))
    high = list(rooms.contacts.between("lst_a", 7, "5a40", "ffff"))

    assert [one.key for one in low + high] == sorted(one.key for one in everybody)
    assert all(one.key < "5a40" for one in low)


def test_a_key_range_includes_the_contacts_at_its_very_edge(rooms: Rooms) -> None:
    contact = a_contact(1)
    rooms.contacts.add("lst_a", 7, [contact])

    slot = contact.key[:4]

    assert list(rooms.contacts.between("lst_a", 7, slot, slot)) == [contact]


def pages_of(rooms: Rooms, list_id: str, shards: int, rows: int) -> list[list[Contact]]:
    pages: list[list[Contact]] = []
    after: str | None = ""
    while after is not None:
        found, after = rooms.pages.page(list_id, shards, after, rows)
        pages.append(found)
    return pages


@pytest.mark.parametrize(("shards", "rows"), [(1, 7), (7, 10), (7, 100), (60, 13)])
def test_pages_of_a_list_hold_everybody_once_in_the_order_of_keys(
    rooms: Rooms, shards: int, rows: int
) -> None:
    everybody = [a_contact(n) for n in range(40)]
    rooms.contacts.add("lst_a", shards, everybody)
    rooms.contacts.add("lst_b", shards, [a_contact(99)])

    pages = pages_of(rooms, "lst_a", shards, rows)

    shown = [one for page in pages for one in page]
    assert shown == sorted(everybody, key=lambda one: one.key)
    assert max(map(len, pages)) <= rows


def test_a_list_that_is_empty_or_was_never_filled_has_one_empty_page(rooms: Rooms) -> None:
    assert pages_of(rooms, "lst_a", 0, 10) == [[]]
    assert pages_of(rooms, "lst_a", 2, 10) == [[]]


def test_one_contact_is_found_by_its_key(rooms: Rooms) -> None:
    rooms.contacts.add("lst_a", 7, [a_contact(1)])

    assert rooms.pages.one("lst_a", 7, a_contact(1).key) == a_contact(1)
    assert rooms.pages.one("lst_a", 7, a_contact(2).key) is None
    assert rooms.pages.one("lst_b", 0, a_contact(1).key) is None


def test_an_empty_list_has_no_contacts(rooms: Rooms) -> None:
    assert rooms.contacts.add("lst_a", 3, []) == []
    assert list(rooms.contacts.between("lst_a", 3, "0000", "ffff")) == []


def test_opted_out_phones_are_found_among_more_than_one_batch(rooms: Rooms) -> None:
    rooms.opt_out(phone_number(3))
    rooms.opt_out(phone_number(140))
    asked = [phone_number(n) for n in range(150)]

    assert rooms.opt_outs.opted_out_among(asked) == {phone_number(3), phone_number(140)}
    assert rooms.opt_outs.opted_out_among([]) == set()


# Lists and imports


def test_lists_and_imports_that_are_not_there_are_not_found(rooms: Rooms) -> None:
    with pytest.raises(NotFound, match="list"):
        rooms.lists.contact_list("lst_zzz")
    with pytest.raises(NotFound, match="import"):
        rooms.lists.contact_import("lst_a", "imp_zzz")


def test_the_shards_of_a_list_are_fixed_once(rooms: Rooms) -> None:
    rooms.keep_list(a_list())

    rooms.lists.fix_shards("lst_a", 7)
    rooms.lists.fix_shards("lst_a", 9)

    assert rooms.lists.contact_list("lst_a") == a_list(shards=7)


def progressed(job: ImportJob, offset: int, created: int) -> ImportJob:
    return replace(
        job,
        status=ImportStatus.RUNNING,
        position=Position(offset, 4),
        format=CsvFormat("utf-8", "\t"),
        headers=("Phone", "Größe"),
        mapping={"phone": "phone", "first_name": "", "last_name": ""},
        size=1000,
        tally=Tally({Outcome.CREATED: created, Outcome.INVALID: 2}, {"phone_invalid": 2}),
        rejected_objects=1,
    )


def test_an_import_advances_with_its_lists_count_and_only_from_where_it_stands(
    rooms: Rooms,
) -> None:
    rooms.keep_list(a_list())
    queued = an_import(mapping={"phone": "Mobile"})
    rooms.keep_import(queued)
    assert rooms.lists.contact_import("lst_a", "imp_a") == queued

    running = progressed(queued, 40, created=3)
    assert rooms.lists.advance_import(queued, running)
    assert not rooms.lists.advance_import(queued, running)
    further = progressed(running, 90, created=5)
    assert rooms.lists.advance_import(running, further)
    assert not rooms.lists.advance_import(running, further)

    assert rooms.lists.contact_import("lst_a", "imp_a") == further
    assert rooms.lists.contact_list("lst_a").contacts == 5


def test_an_import_that_stores_nobody_advances_as_well(rooms: Rooms) -> None:
    rooms.keep_list(a_list())
    rooms.keep_import(an_import())
    done = replace(
        an_import(), status=ImportStatus.FAILED, error_code="file_empty", error="It is empty."
    )

    assert rooms.lists.advance_import(an_import(), done)
    assert not rooms.lists.advance_import(an_import(), done)

    assert rooms.lists.contact_import("lst_a", "imp_a") == done


def test_only_a_running_import_counts_as_running(rooms: Rooms) -> None:
    rooms.keep_list(a_list())
    rooms.keep_import(an_import("imp_a"))
    assert not rooms.lists.has_running_import("lst_a")

    rooms.lists.advance_import(
        an_import("imp_a"), replace(an_import("imp_a"), status=ImportStatus.RUNNING)
    )

    assert rooms.lists.has_running_import("lst_a")
    assert not rooms.lists.has_running_import("lst_b")


# Objects


def test_an_object_is_read_from_any_byte_and_an_end_is_an_end(rooms: Rooms) -> None:
    rooms.files.put("a.csv", b"0123456789", content_type="text/csv")

    assert rooms.files.size("a.csv") == 10
    assert b"".join(rooms.files.read_from("a.csv", 0)) == b"0123456789"
    assert b"".join(rooms.files.read_from("a.csv", 7)) == b"789"
    assert b"".join(rooms.files.read_from("a.csv", 10)) == b""
    with pytest.raises(NotFound):
        list(rooms.files.read_from("b.csv", 0))
    with pytest.raises(NotFound):
        list(rooms.files.read_from("b.csv", 3))


@pytest.mark.parametrize("pieces", [0, 1, 5, 40])
def test_a_stream_of_any_length_becomes_one_object(rooms: Rooms, pieces: int) -> None:
    piece = b"0123456789" * 50_000

    rooms.files.put_stream("big.csv", (piece for _ in range(pieces)), content_type="text/csv")

    assert rooms.files.get("big.csv") == piece * pieces


# Planning


A_SEGMENT = AudienceSegment(
    "seg_a",
    ("lst_a", "lst_b"),
    parse_filter({"and": [{"field": "city", "op": "in", "value": ["Zürich", "a"]}]}),
)


def a_plan(**changes: Any) -> AudiencePlan:
    return AudiencePlan(**{"campaign_id": "cmp_a", "frozen_at": NOON, **changes})


def test_a_launched_campaign_has_an_empty_plan_and_a_draft_has_none(rooms: Rooms) -> None:
    rooms.keep_campaign(a_launched_campaign())
    rooms.keep_campaign(a_campaign("cmp_b", status=CampaignStatus.DRAFT))

    assert rooms.plans.planning("cmp_a") == (a_launched_campaign(), a_plan())
    assert rooms.plans.planning("cmp_b")[1] is None
    with pytest.raises(NotFound):
        rooms.plans.planning("cmp_zzz")


def test_a_plan_moves_on_only_from_where_it_stands(rooms: Rooms) -> None:
    rooms.keep_campaign(a_launched_campaign())
    begun = a_plan(parts=3, segments=(A_SEGMENT, replace(A_SEGMENT, id="seg_b")))
    further = replace(
        begun, planned_parts=1, total=7, by_list={"lst_a": 7}, duplicates=2, excluded=1
    )

    assert rooms.plans.save_plan(a_plan(), begun, NOON)
    assert not rooms.plans.save_plan(a_plan(), begun, NOON)
    assert rooms.plans.save_plan(begun, further, LATER)
    assert not rooms.plans.save_plan(begun, further, LATER)

    campaign, plan = rooms.plans.planning("cmp_a")
    assert plan == further
    assert campaign == a_launched_campaign(parts=3, planned_parts=1, total=7, updated_at=LATER)


def test_a_plan_of_an_earlier_launch_moves_nothing(rooms: Rooms) -> None:
    rooms.keep_campaign(a_launched_campaign())
    earlier = a_plan(frozen_at=NOON - timedelta(minutes=1))

    assert not rooms.plans.save_plan(earlier, replace(earlier, parts=3), NOON)


def test_activation_stores_state_and_runs_together_and_once(rooms: Rooms) -> None:
    campaign = a_launched_campaign(sender_ids=("snd_a", "snd_b"))
    rooms.keep_campaign(campaign)
    plan = a_plan(parts=1)
    planned = replace(plan, planned_parts=1, total=4)
    rooms.plans.save_plan(a_plan(), plan, NOON)
    rooms.plans.save_plan(plan, planned, NOON)
    runs = [
        Run(
            sender_id=sender,
            campaign_id="cmp_a",
            office_id="off_north",
            parts=1,
            senders=("snd_a", "snd_b"),
        )
        for sender in ("snd_a", "snd_b")
    ]

    assert not rooms.plans.activate(campaign, plan, runs, LATER)
    assert rooms.run("snd_a") is None
    assert rooms.plans.activate(campaign, planned, runs, LATER)
    assert not rooms.plans.activate(campaign, planned, runs, LATER)

    assert rooms.campaign() == replace(
        campaign,
        status=CampaignStatus.ACTIVE,
        parts=1,
        planned_parts=1,
        total=4,
        updated_at=LATER,
        version=2,
    )
    assert [rooms.run("snd_a"), rooms.run("snd_b")] == runs


def test_a_launch_keeps_the_key_of_short_links_and_makes_the_campaign_findable_by_them(
    rooms: Rooms,
) -> None:
    """M6."""
    campaign = a_launched_campaign()
    rooms.keep_campaign(campaign)
    plan = a_plan(parts=1, planned_parts=1, total=4)
    rooms.plans.save_plan(a_plan(), plan, NOON)

    keyed = replace(campaign, link_key="k" * 32)
    assert rooms.plans.activate(keyed, plan, [], LATER)

    assert rooms.campaign().link_key == "k" * 32
    assert rooms.linked(campaign_code("cmp_a")) == ["cmp_a"]


def test_a_rejected_launch_leaves_a_draft_without_traces_of_planning(rooms: Rooms) -> None:
    campaign = a_launched_campaign()
    rooms.keep_campaign(campaign)
    rooms.plans.save_plan(a_plan(), a_plan(parts=3), NOON)

    assert rooms.plans.reject(campaign, "Nobody is there.", LATER)
    assert not rooms.plans.reject(campaign, "Again.", LATER)

    assert rooms.campaign() == replace(
        campaign,
        status=CampaignStatus.DRAFT,
        launch_error="Nobody is there.",
        launched_at=None,
        updated_at=LATER,
        version=2,
    )


def test_an_archived_campaign_is_neither_planned_nor_activated_nor_rejected(rooms: Rooms) -> None:
    rooms.keep_campaign(a_launched_campaign(status=CampaignStatus.ARCHIVED))
    processing = a_launched_campaign()

    assert not rooms.plans.save_plan(a_plan(), a_plan(parts=1), NOON)
    assert not rooms.plans.activate(processing, a_plan(), [], NOON)
    assert not rooms.plans.reject(processing, "Nobody is there.", NOON)


def scheduled(campaign_id: str, minutes: int, **changes: Any) -> Campaign:
    return a_campaign(
        campaign_id,
        status=CampaignStatus.SCHEDULED,
        schedule_at=NOON + timedelta(minutes=minutes),
        launch_error="an old one",
        **changes,
    )


def test_due_are_the_scheduled_campaigns_whose_time_has_come(rooms: Rooms) -> None:
    for one in (scheduled("cmp_a", 0), scheduled("cmp_b", 1), scheduled("cmp_c", -5)):
        rooms.keep_campaign(one)
    rooms.keep_campaign(a_campaign("cmp_d"))

    assert {one.id for one in rooms.plans.due(NOON)} == {"cmp_a", "cmp_c"}


def test_a_due_campaign_is_launched_once_with_a_fresh_plan(rooms: Rooms) -> None:
    due = scheduled("cmp_a", 0)
    rooms.keep_campaign(due)

    assert rooms.plans.launch(due, LATER)
    assert not rooms.plans.launch(due, LATER)

    assert rooms.campaign() == replace(
        due,
        status=CampaignStatus.PROCESSING,
        launched_at=LATER,
        launch_error=None,
        updated_at=LATER,
        version=2,
        parts=0,
        planned_parts=0,
        total=0,
    )
    assert list(rooms.plans.due(LATER)) == []


def test_a_campaign_with_a_new_time_is_neither_launched_nor_held(rooms: Rooms) -> None:
    rooms.keep_campaign(scheduled("cmp_a", 30))

    assert not rooms.plans.launch(scheduled("cmp_a", 0), NOON)
    assert not rooms.plans.hold(scheduled("cmp_a", 0), "Too late.", NOON)
    assert rooms.campaign() == scheduled("cmp_a", 30)


def test_a_campaign_that_was_edited_since_it_was_read_is_neither_launched_nor_held(
    rooms: Rooms,
) -> None:
    """K18: what voided its approval, or gave it one, is read in the next round."""
    seen = scheduled("cmp_a", 0)
    rooms.keep_campaign(replace(seen, title="Edited", version=seen.version + 1))

    assert not rooms.plans.launch(seen, NOON)
    assert not rooms.plans.hold(seen, "Not approved.", NOON)
    assert rooms.campaign().status is CampaignStatus.SCHEDULED


def test_a_held_campaign_is_a_draft_again_with_the_reason(rooms: Rooms) -> None:
    approval = Approval(state=ApprovalState.APPROVED, requested_by="usr_1", requested_at=NOON)
    late = scheduled("cmp_a", -90, approval=approval)
    rooms.keep_campaign(late)

    assert rooms.plans.hold(late, "Too late.", LATER)
    assert not rooms.plans.hold(late, "Too late.", LATER)

    assert rooms.campaign() == replace(
        late,
        status=CampaignStatus.DRAFT,
        schedule_at=None,
        launch_error="Too late.",
        approval=voided(approval, "platform", LATER),
        updated_at=LATER,
        version=2,
    )
    assert list(rooms.plans.due(LATER)) == []


def test_a_campaign_whose_end_has_come_is_finished_and_held_by_nothing(rooms: Rooms) -> None:
    over = a_campaign(
        status=CampaignStatus.PAUSED,
        ends_at=NOON,
        hold_reason=HoldReason.ERROR_RATE,
        hold_until=LATER,
    )
    rooms.keep_campaign(over)
    rooms.keep_campaign(a_campaign("cmp_b", ends_at=LATER + timedelta(seconds=1)))
    rooms.keep_campaign(a_campaign("cmp_c", status=CampaignStatus.DRAFT, ends_at=NOON))

    assert list(rooms.plans.over(LATER)) == [over]
    assert rooms.plans.end(over, LATER)
    assert not rooms.plans.end(over, LATER)

    assert rooms.campaign() == replace(
        over,
        status=CampaignStatus.FINISHED,
        finished_at=LATER,
        hold_reason=HoldReason.NONE,
        hold_until=None,
        updated_at=LATER,
        version=2,
    )


def test_a_campaign_with_a_new_end_is_not_ended_at_the_old_one(rooms: Rooms) -> None:
    rooms.keep_campaign(a_campaign(ends_at=LATER))

    assert not rooms.plans.end(a_campaign(ends_at=NOON), LATER)


def test_forgotten_are_the_processing_campaigns_untouched_since(rooms: Rooms) -> None:
    rooms.keep_campaign(a_launched_campaign())
    rooms.keep_campaign(replace(a_launched_campaign(updated_at=LATER), id="cmp_b"))
    rooms.keep_campaign(a_campaign("cmp_c"))

    assert list(rooms.plans.processing_since(LATER)) == ["cmp_a"]
