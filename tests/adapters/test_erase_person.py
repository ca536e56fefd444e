"""
Erasing a person over the real adapters: nothing of them is left, and everything still counts (C6).

What is left is looked for in every item of every table and in every object.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.contacts import (
    DynamoContacts,
    DynamoImportDirectory,
    DynamoOptOutLookup,
)
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.adapters.dynamodb.person_records import DynamoPersonRecords
from carillon.adapters.dynamodb.person_requests import DynamoPersonRequests
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects
from carillon.domain.audience import decode_part, encode_part, part_key
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.conversation import conversation_id
from carillon.domain.counters import contribution
from carillon.domain.csv_rows import csv_lines
from carillon.domain.errors import Conflict
from carillon.domain.ids import lead_key, part_of
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Recipient, RowRef, Suppression
from carillon.domain.person_requests import PersonRequest, RequestKind, RequestStatus
from carillon.usecases.erase_person import NEXT_PASS_AFTER_S, Erasing, erase_person
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import a_contact, a_list
from tests.support.conversations import a_conversation
from tests.support.messages import a_claim, a_receipt, a_reply
from tests.support.outbox import a_reply as a_queued_reply
from tests.support.sending import FakeQueue, a_campaign
from tests.support.stores import DynamoStores, dynamo_stores

ADA = "+12025550142"
BOB = "+12025550199"
KEY = lead_key(ADA)
WORDS = "My grandmother is called Ottilie"
ANSWER = "Then greet Ottilie from us"
# Whatever one could find them by, in any spelling that we store.
TRACES = ("2025550142", "Lovelace", "lovelace", "Ottilie", "00ff", "Ada", "ada l")
PARTS = 4
PART = part_of(KEY, PARTS)


class World:
    """Everything that can hold a person, over emulated AWS."""

    def __init__(self, stores: DynamoStores) -> None:
        self.stores = stores
        self.client = stores.client
        storage = boto3.client("s3", region_name="us-east-1")
        storage.create_bucket(Bucket="files")
        self.storage = storage
        self.files = S3Objects(storage, "files")
        self.queue = FakeQueue()
        self.clock = FakeClock(NOON + timedelta(hours=1))
        self.records = DynamoPersonRecords(
            self.client,
            control_table="ControlTable",
            contacts_table="ContactsTable",
            messages_table="MessagesTable",
            conversations_table="ConversationsTable",
            suppressions_table="SuppressionsTable",
            consent_table="ConsentTable",
        )
        self.requests = DynamoPersonRequests(self.client, "ControlTable")
        self.book = DynamoConversations(self.client, "ConversationsTable")
        self.ports = Erasing(
            requests=self.requests,
            records=self.records,
            leads=stores.messages,
            lists=DynamoImportDirectory(self.client, "ControlTable"),
            files=self.files,
            queue=self.queue,
            clock=self.clock,
            new_claim_id=iter(map("clm_{}".format, range(1000))).__next__,
        )

    def erase(
        self, phone: str = ADA, *, budget_s: float = 1e9, deliveries: int = 200
    ) -> PersonRequest:
        request = PersonRequest(
            id="prs_1",
            kind=RequestKind.ERASE,
            mark=self.records.mark(phone),
            phone=phone,
            created_at=self.clock.now(),
            created_by="usr_admin",
        )
        self.requests.create(request, "digest")
        return self.go_on(budget_s=budget_s, deliveries=deliveries)

    def go_on(self, *, budget_s: float = 1e9, deliveries: int = 200) -> PersonRequest:
        """Deliver the message and all that follow, each with *budget_s* of time."""
        self.queue.messages.append({"request_id": "prs_1"})
        while self.queue.messages and deliveries:
            self.queue.messages.pop(0)
            deliveries -= 1
            wait = self.requests.get("prs_1").not_before
            if wait is not None and wait > self.clock.now():
                self.clock.sleep((wait - self.clock.now()).total_seconds())
            erase_person(self.ports, self.requests.get("prs_1"), budget_s)
        return self.requests.get("prs_1")

    def put(self, table: str, item: dict[str, Any]) -> None:
        self.client.put_item(TableName=table, Item=to_item(item))

    def items(self, table: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(TableName=table)
        return [from_item(item) for page in pages for item in page["Items"]]

    def objects(self) -> dict[str, bytes]:
        found = self.storage.list_objects_v2(Bucket="files").get("Contents", ())
        return {one["Key"]: self.files.get(one["Key"]) for one in found}

    def everything(self) -> str:
        """All items and objects as one text, gzip opened."""
        tables = self.client.list_tables()["TableNames"]
        texts = [json.dumps(item, default=str) for t in tables for item in self.items(t)]
        for key, body in self.objects().items():
            plain = gzip.decompress(body) if key.endswith(".gz") else body
            texts.append(f"{key} {plain.decode('utf-8', 'replace')}")
        return "\n".join(texts)

    def row(self, ref: RowRef) -> dict[str, Any]:
        answer = self.client.get_item(TableName="MessagesTable", Key=to_item(vars(ref)))
        return from_item(answer.get("Item", {}))

    def counted(self, *, but: str = "") -> dict[str, Any]:
        """Return what each row of the messages table counts for."""
        return {
            f"{row['pk']} {row['sk']}": vars(contribution(row))
            for row in self.items("MessagesTable")
            if but not in row["pk"] or not but
        }

    # What stands there -----------------------------------------------------------------

    def keep_list(self, list_id: str, *phones: str) -> None:
        one = a_list(list_id, shards=2, contacts=len(phones))
        self.put(
            "ControlTable",
            {
                "pk": schema.list_pk(list_id),
                "sk": "LST",
                "gsi1pk": schema.LISTS,
                "gsi1sk": schema.listing_sk("2026-01-01", list_id),
                **vars(one),
            },
        )
        people = [
            a_contact(n, phone=phone, first_name="Ada" if phone == ADA else "Bob",
                      last_name="Lovelace" if phone == ADA else "Ross")
            for n, phone in enumerate(phones)
        ]  # fmt: skip
        DynamoContacts(self.client, "ContactsTable").add(list_id, 2, people)

    def keep_campaign(self, campaign_id: str, *phones: str, **changes: Any) -> Campaign:
        campaign = a_campaign(campaign_id, parts=PARTS, planned_parts=PARTS, **changes)
        listing = {
            "gsi1pk": schema.tab_pk(campaign.tab),
            "gsi1sk": schema.listing_sk("2026-01-01", campaign.id),
        }
        values = {n: v for n, v in vars(campaign).items() if n not in ("variants", "follow_ups")}
        key = {"pk": schema.campaign_pk(campaign.id), "sk": "CMP"}
        self.put("ControlTable", {**values, **key, **listing})
        for part in range(PARTS):
            people = [
                Recipient(lead_key(one), one, {"last_name": "Lovelace" if one == ADA else "Ross"})
                for one in phones
                if part_of(lead_key(one), PARTS) == part
            ]
            body = encode_part(campaign_id, part, NOON, people)
            self.files.put(part_key(campaign_id, part), body, content_type="application/gzip")
        return campaign

    def thread(self, campaign_id: str, phone: str = ADA) -> RowRef:
        key = lead_key(phone)
        return RowRef(f"{campaign_id}#{part_of(key, PARTS):05d}", key)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    with dynamo_stores() as stores:
        yield World(stores)


def a_whole_life(world: World) -> None:
    """Leave a trace of Ada, and of Bob, wherever one can be left."""
    world.keep_list("lst_a", ADA, BOB)
    world.keep_list("lst_b", BOB)
    world.keep_campaign("cmp_done", ADA, BOB, status=CampaignStatus.FINISHED)
    world.keep_campaign("cmp_live", ADA, BOB)
    messages = world.stores.messages
    for phone, words in ((ADA, WORDS), (BOB, "Who is Bob?")):
        done = world.thread("cmp_done", phone)
        claim = a_claim(f"claim-{phone[-3:]}", done, phone=phone, text_digest="00ff")
        messages.claim(claim)
        messages.record_submitted(claim, Accepted(f"SM{phone[-3:]}"), NOON)
        messages.apply_receipt(a_receipt(LeadStatus.DELIVERED, done, provider_id=f"SM{phone[-3:]}"))
        inbound = RowRef(done.pk, f"{done.sk}#in#SMin{phone[-3:]}")
        reply = a_reply(words, f"SMin{phone[-3:]}", phone=phone, media_urls=("https://x/1",))
        messages.record_inbound(inbound, reply, keyword="none", office_id="off_north")
        messages.note_reply(done, NOON, opt_out_kind=None)
    media = f"media/{'a' * 8}/0"
    world.files.put(media, b"a photo of Ottilie", content_type="image/png")
    row = world.row(RowRef(world.thread("cmp_done").pk, f"{KEY}#in#SMin142"))
    world.put("MessagesTable", {**row, "media": {"0": {"key": media, "type": "image/png"}}})
    world.book.save(
        a_conversation(
            world.thread("cmp_done"),
            phone=ADA,
            first_name="Ada",
            last_name="Lovelace",
            last_text=WORDS,
        )
    )
    stray = RowRef(schema.unsolicited_pk("snd_a", KEY), KEY)
    messages.record_inbound(
        RowRef(stray.pk, f"{KEY}#in#SMstray"),
        a_reply(WORDS, "SMstray", phone=ADA),
        keyword="none",
        office_id="off_north",
    )
    world.book.save(a_conversation(stray, phone=ADA, last_name="Lovelace", campaign_id=None))
    world.put(
        "ControlTable",
        {
            "pk": schema.sender_pk("snd_a"),
            "sk": "SND",
            "id": "snd_a",
            "gsi1pk": schema.SENDERS,
            "gsi1sk": "x",
        },
    )
    DynamoOutbox(world.client, control_table="ControlTable", messages_table="MessagesTable").put(
        replace(
            a_queued_reply("r1", ADA, text=ANSWER),
            ref=RowRef(world.thread("cmp_done").pk, f"{KEY}#out#r1"),
        )
    )
    messages.park_receipt(a_receipt(LeadStatus.FAILED, world.thread("cmp_gone"), phone=ADA))
    messages.park_receipt(a_receipt(LeadStatus.FAILED, world.thread("cmp_x", BOB), phone=BOB))
    world.stores.suppressions.opt_out(
        Suppression(phone=ADA, opted_out=True, event_at=NOON, source="keyword", cause="SMin142")
    )
    for pk in (schema.sent_pk(ADA), schema.held_pk(ADA)):
        world.put("SuppressionsTable", {"pk": pk, "at": NOON})
    leave_files(world)


def leave_files(world: World) -> None:
    rejected = csv_lines(
        [
            ("line", "reason", "Phone", "Name"),
            ("2", "duplicate", "(202) 555-0142", "Ada Lovelace"),
            ("3", "duplicate", "(202) 555-0199", "Bob, Ross"),
        ]
    )
    for key, body in {
        "rejected/lst_a/imp_a.csv": rejected.encode("utf-8-sig"),
        "uploads/lst_a/imp_a.csv": b"phone,name\n202-555-0142,Lovelace\n",
        "uploads/lst_a/imp_new.csv": "phone\tname\n+1 202.555.0142\tLovelace\n".encode("utf-16"),
        "uploads/lst_b/imp_bob.csv": b"phone\n2025550199\n",
        "uploads/opt-outs/imp_o.csv": b"phone\n2025550142\n",
        "uploads/opt-outs/exp_o/opt-outs.csv": b"phone\r\n'+12025550142\r\n",
    }.items():
        world.files.put(key, body, content_type="text/csv")
    for list_id, import_id, status in (
        ("lst_a", "imp_a", "done"),
        ("lst_a", "imp_new", "awaiting_upload"),
        ("lst_b", "imp_bob", "awaiting_upload"),
    ):
        world.put(
            "ControlTable",
            {
                "pk": schema.list_pk(list_id),
                "sk": schema.import_sk(import_id),
                "id": import_id,
                "list_id": list_id,
                "status": status,
                "object_key": f"uploads/{list_id}/{import_id}.csv",
            },
        )


def test_nothing_of_an_erased_person_is_left_in_any_table_or_object(world: World) -> None:
    """C6: messages, contact fields, files and conversations go."""
    a_whole_life(world)
    assert all(trace in world.everything() for trace in TRACES)

    # A page for each message: it is carried on wherever it stopped.
    done = world.erase(budget_s=0)

    left = world.everything()
    assert done.status is RequestStatus.DONE
    assert done.phone is None
    assert [trace for trace in TRACES if trace in left.replace("claim-199", "")] == ["00ff"]
    # That one is Bob's: the digest of a campaign's text.
    assert "text_digest" not in world.row(world.thread("cmp_done"))
    assert done.counts == {
        "contacts": 1,
        "audiences": 2,
        "messages": 5,
        "conversations": 2,
        "files": 5,
        "traces": 3,
        "consents": 5,
    }


def test_what_belongs_to_others_stays_to_the_letter(world: World) -> None:
    a_whole_life(world)
    bob = world.row(world.thread("cmp_done", BOB))

    world.erase()

    assert world.row(world.thread("cmp_done", BOB)) == bob
    assert "'555-0199" not in world.everything()
    assert world.objects()["rejected/lst_a/imp_a.csv"].decode("utf-8-sig") == (
        'line,reason,Phone,Name\r\n3,duplicate,(202) 555-0199,"Bob, Ross"\r\n'
    )
    assert "uploads/lst_b/imp_bob.csv" in world.objects()
    lists = {one["id"]: one["contacts"] for one in world.items("ControlTable") if "shards" in one}
    assert lists == {"lst_a": 1, "lst_b": 1}
    people = [
        one.phone
        for part in range(PARTS)
        for one in decode_part(world.files.get(part_key("cmp_live", part)))
    ]
    assert people == [BOB]


def test_counters_stay_what_they_were(world: World) -> None:
    """C6: what was counted of an erased person stays counted."""
    a_whole_life(world)
    before = world.counted(but="cmp_live")

    world.erase()

    after = world.counted(but="cmp_live")
    marks = {key for key in before if key.startswith(("twins#", "parked#"))}
    answered = f"{world.thread('cmp_done').pk} {KEY}#out#r1"
    assert before.keys() - after.keys() == {key for key in marks if key not in after}
    assert {k: v for k, v in after.items() if k != answered} == {
        k: v for k, v in before.items() if k in after and k != answered
    }


def test_an_erased_lead_is_never_sent_again_nor_sent_for_the_first_time(world: World) -> None:
    a_whole_life(world)

    world.erase()

    unsent, sent = world.thread("cmp_live"), world.thread("cmp_done")
    assert world.row(unsent)["status"] == LeadStatus.SUPPRESSED
    assert world.row(sent)["status"] == LeadStatus.DELIVERED
    for thread in (unsent, sent):
        assert not world.stores.messages.claim(a_claim("claim-late", thread, phone=ADA))
    view = world.stores.gate.look(phone=ADA, campaign_id="cmp_live", sender_id="snd_a")
    assert view.opted_out
    others = world.stores.gate.look(phone=BOB, campaign_id="cmp_live", sender_id="snd_a")
    assert not others.opted_out


def test_the_suppression_lives_on_as_a_keyed_hash_that_imports_see(world: World) -> None:
    """C6: an opt-out outlives the person's data, as a keyed hash."""
    a_whole_life(world)

    world.erase()

    lookup = DynamoOptOutLookup(
        world.client, "SuppressionsTable", ErasureMarks(world.client, "ControlTable")
    )
    assert lookup.opted_out_among([ADA, BOB]) == {ADA}
    mark = world.records.mark(ADA)
    assert [one["pk"] for one in world.items("SuppressionsTable")] == [mark]
    (event,) = [one for one in world.items("ConsentTable") if one["pk"] == mark]
    assert (event["status"], event["source"]) == ("opted_out", "keyword")
    assert event.keys() == {"pk", "sk", "status", "event_at", "recorded_at", "source"}


def test_the_hash_depends_on_a_key_that_is_drawn_once(world: World) -> None:
    first = ErasureMarks(world.client, "ControlTable").mark(ADA)
    again = ErasureMarks(world.client, "ControlTable").mark(ADA)
    world.client.delete_item(
        TableName="ControlTable", Key=to_item({"pk": "ORG", "sk": schema.ERASURE_KEY})
    )
    other_key = ErasureMarks(world.client, "ControlTable").mark(ADA)

    assert first == again != other_key
    assert first != ErasureMarks(world.client, "ControlTable").mark(BOB)


def test_whoever_knows_the_marks_finds_an_erased_person_opted_out(world: World) -> None:
    a_whole_life(world)
    asked_at = world.clock.now()
    world.erase()
    knowing = DynamoSuppressions(
        world.client,
        "SuppressionsTable",
        "ConsentTable",
        lambda: NOON,
        ErasureMarks(world.client, "ControlTable"),
    )
    erased = Suppression(
        phone=ADA, opted_out=True, event_at=asked_at, source="erasure", cause="prs_1"
    )

    assert knowing.of(ADA) == erased
    assert knowing.standing_of([ADA, BOB]) == {ADA: erased}
    # A mark is nobody's phone: a provider's list is never told of it.
    assert knowing.opted_out_after(None, 100) == ([], None)

    back = said(asked_at + timedelta(seconds=1), out=False)
    knowing.opt_in(back)

    assert knowing.of(ADA) == back
    assert knowing.standing_of([ADA]) == {ADA: back}


def said(at: datetime, *, out: bool) -> Suppression:
    return Suppression(phone=ADA, opted_out=out, event_at=at, source="keyword", cause=f"SM{at}")


@pytest.mark.parametrize(("seconds", "opted_out"), [(-1, True), (0, True), (1, False)])
def test_only_what_a_person_says_after_their_erasure_lets_them_be_texted(
    world: World, seconds: int, opted_out: bool
) -> None:
    a_whole_life(world)
    asked_at = world.clock.now()
    world.erase()

    world.stores.suppressions.opt_in(said(asked_at + timedelta(seconds=seconds), out=False))

    view = world.stores.gate.look(phone=ADA, campaign_id=None, sender_id="snd_a")
    assert view.opted_out is opted_out


def test_an_opt_in_that_comes_while_an_erasure_runs_is_kept(world: World) -> None:
    a_whole_life(world)
    back = world.clock.now() + timedelta(seconds=1)
    world.stores.suppressions.opt_in(said(back, out=False))

    world.erase()

    assert not world.stores.gate.look(phone=ADA, campaign_id=None, sender_id="snd_a").opted_out
    standing = world.stores.suppressions.of(ADA)
    assert standing is not None
    assert standing.event_at == back


def test_nobody_is_unsuppressed_before_the_mark_stands(world: World) -> None:
    a_whole_life(world)

    with pytest.raises(Conflict) as raised:
        world.records.forget_consent(ADA)

    assert raised.value.code == "not_fenced"
    assert world.stores.gate.look(phone=ADA, campaign_id=None, sender_id="snd_a").opted_out


def test_a_claim_that_may_be_on_its_way_is_waited_for_and_then_closed(world: World) -> None:
    a_whole_life(world)
    lead = world.thread("cmp_live")
    world.stores.messages.claim(a_claim("clm_sender", lead, phone=ADA, claimed_at=NOON))
    world.clock = FakeClock(NOON + timedelta(seconds=30))
    world.ports = replace(world.ports, clock=world.clock)

    waiting = world.erase(deliveries=1)
    kept = world.row(lead)
    world.clock.sleep(600)
    done = world.go_on()

    assert waiting.status is RequestStatus.RUNNING
    assert (kept["status"], kept["phone"]) == (LeadStatus.CLAIMED, ADA)
    assert done.status is RequestStatus.DONE
    assert world.row(lead)["status"] == LeadStatus.UNCONFIRMED
    assert world.row(lead)["phone"] == ""


def test_what_a_slow_planner_or_import_puts_back_is_found_by_the_next_pass(world: World) -> None:
    a_whole_life(world)
    body = world.files.get(part_key("cmp_live", PART))
    world.erase()
    world.client.update_item(
        TableName="ControlTable",
        Key=to_item({"pk": schema.person_request_pk("prs_1"), "sk": "PRS"}),
        UpdateExpression="SET #s = :running, phone = :phone, passes = :one",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues=to_item({":running": "running", ":phone": ADA, ":one": 1}),
    )
    world.files.put(part_key("cmp_live", PART), body, content_type="application/gzip")
    world.keep_list("lst_late", ADA)

    done = world.go_on()

    assert done.status is RequestStatus.DONE
    assert "Lovelace" not in world.everything()


def test_asking_again_does_not_shorten_the_wait_between_two_passes(world: World) -> None:
    """C6: what a planner has read before the first pass may still be written after it."""
    world.erase(deliveries=1)
    waiting = world.requests.get("prs_1")
    assert waiting.status is RequestStatus.RUNNING
    world.queue.messages.clear()
    world.clock.sleep(NEXT_PASS_AFTER_S - 1)

    erase_person(world.ports, waiting, 1e9)

    assert world.requests.get("prs_1") == waiting
    assert world.queue.messages == [{"request_id": "prs_1"}]
    world.clock.sleep(1)
    assert erase_person(world.ports, waiting, 1e9).status is RequestStatus.DONE


def test_a_second_erasure_finds_nothing_and_changes_nothing(world: World) -> None:
    a_whole_life(world)
    world.erase()
    before = [world.items("MessagesTable"), world.items("SuppressionsTable"), world.objects()]
    request = PersonRequest(
        id="prs_2",
        kind=RequestKind.ERASE,
        mark=world.records.mark(ADA),
        phone=ADA,
        created_at=NOON,
        created_by="usr_admin",
    )
    world.requests.create(request, "digest")

    done = request
    while done.status is RequestStatus.RUNNING:
        done = erase_person(world.ports, world.requests.get("prs_2"), 1e9)
        world.clock.sleep(NEXT_PASS_AFTER_S)

    assert done.counts == {}
    assert [
        world.items("MessagesTable"),
        world.items("SuppressionsTable"),
        world.objects(),
    ] == before


def test_two_runners_of_one_erasure_do_its_pages_once(world: World) -> None:
    a_whole_life(world)
    world.erase()
    seen = replace(world.requests.get("prs_1"), version=1, status=RequestStatus.RUNNING, phone=ADA)

    assert erase_person(world.ports, seen, 1e9) == seen
    assert conversation_id(world.thread("cmp_done")) not in world.everything()
