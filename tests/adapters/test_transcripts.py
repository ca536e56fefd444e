"""What transcripts are put together from: stored messages, fake and real alike, and old texts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.contacts import DynamoCampaignPlans
from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.adapters.dynamodb.transcripts import DynamoCampaignTexts, DynamoTranscripts
from carillon.domain.campaign import CampaignStatus
from carillon.domain.content import CampaignContent, FollowUp, StepCondition, Variant
from carillon.domain.errors import Conflict
from carillon.domain.lead import LeadStatus
from carillon.domain.message import RowRef, step_key
from carillon.domain.transcript import Author, TranscriptRow
from carillon.ports import Outbox, Transcripts
from tests.support.clock import NOON
from tests.support.conversations import FakeTranscripts, a_queued_reply
from tests.support.management import a_campaign
from tests.support.messages import KEY, LEAD, a_claim, a_receipt, a_reply, after, submit
from tests.support.outbox import FakeOutbox
from tests.support.stores import DynamoStores, FakeStores, Stores
from tests.support.tables import table_definitions


def _ports(stores: Stores) -> tuple[Transcripts, Outbox]:
    if isinstance(stores, FakeStores):
        return FakeTranscripts(stores.messages), FakeOutbox(stores.messages)
    assert isinstance(stores, DynamoStores)
    outbox = DynamoOutbox(
        stores.client, control_table="ControlTable", messages_table="MessagesTable"
    )
    return DynamoTranscripts(stores.client, "MessagesTable"), outbox


def test_a_thread_has_all_its_messages_and_nobody_elses(stores: Stores) -> None:
    transcripts, outbox = _ports(stores)
    messages = stores.messages
    submit(messages, a_claim("c1", variant="b"), 1)
    messages.apply_receipt(a_receipt(LeadStatus.FAILED, error_code="30003"))
    follow_up = RowRef(LEAD.pk, step_key(KEY, 2))
    messages.claim(a_claim("c2", follow_up, step=2, claimed_at=after(30)))
    messages.claim(a_claim("c3", RowRef(LEAD.pk, "0" * 32)))
    inbound = RowRef(LEAD.pk, f"{KEY}#in#SMin1")
    messages.record_inbound(inbound, a_reply("help me"), keyword="help", office_id="off_north")
    automatic = RowRef(LEAD.pk, f"{KEY}#out#help.SMin1")
    answer = a_claim("c4", automatic, claimed_at=after(61), content_version=0, text_digest="11")
    messages.claim_answer(answer, purpose="help", text="Call us.")
    outbox.put(a_queued_reply("rpl_1", seconds=120))

    found = {row.sk: row for row in transcripts.messages(LEAD)}

    assert found == {
        KEY: TranscriptRow(
            sk=KEY,
            author=Author.CAMPAIGN,
            at=found[KEY].at,
            status="failed",
            error_code="30003",
            text_digest="00ff",
            content_version=3,
            variant="b",
        ),
        follow_up.sk: TranscriptRow(
            sk=follow_up.sk,
            author=Author.CAMPAIGN,
            at=after(30),
            status="claimed",
            text_digest="00ff",
            content_version=3,
            step=2,
        ),
        inbound.sk: TranscriptRow(
            sk=inbound.sk, author=Author.CONTACT, at=after(60), text="help me", keyword="help"
        ),
        automatic.sk: TranscriptRow(
            sk=automatic.sk,
            author=Author.AUTOMATIC,
            at=after(61),
            text="Call us.",
            status="claimed",
            text_digest="11",
            purpose="help",
        ),
        f"{KEY}#out#agent.rpl_1": TranscriptRow(
            sk=f"{KEY}#out#agent.rpl_1",
            author=Author.AGENT,
            at=after(120),
            text="It is us.",
            status="retrying",
            text_digest=found[f"{KEY}#out#agent.rpl_1"].text_digest,
            purpose="reply",
            author_subject="usr_1",
        ),
    }


def test_an_agents_opt_out_is_noted_once_and_never_over_the_contacts_own(stores: Stores) -> None:
    submit(stores.messages, a_claim("c1"), 1)

    stores.messages.note_opt_out(LEAD, after(60), kind="manual")
    stores.messages.note_opt_out(LEAD, after(90), kind="manual")
    stores.messages.note_reply(LEAD, after(95), opt_out_kind="auto")
    stores.messages.note_opt_out(RowRef(LEAD.pk, "0" * 32), after(60), kind="manual")

    row = stores.row(LEAD)
    assert row is not None
    assert row["opt_out_kind"] == "manual"
    assert row["opted_out_at"] == "2026-11-22T12:01:00.000Z"
    assert stores.row(RowRef(LEAD.pk, "0" * 32)) is None


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(**table_definitions()["ControlTable"])
        entities.connect("ControlTable")
        yield dynamodb


def test_what_a_campaign_said_is_known_by_version_from_its_launch_over_every_edit(
    client: Any,
) -> None:
    campaigns, texts = entities.CampaignTable(), DynamoCampaignTexts(client, "ControlTable")
    launched = a_campaign(body="one", status=CampaignStatus.PROCESSING, launched_at=NOON)
    created = campaigns.create(launched, "d")
    _activate(client, created.id)
    paused = replace(campaigns.get(created.id), status=CampaignStatus.PAUSED)
    follow_ups = (FollowUp(60, StepCondition.ALWAYS, "still there?"),)
    edits: list[dict[str, Any]] = [
        {"body": "two"},
        {"title": "Autumn"},
        {"variants": (Variant("a", 1, "three"),)},
    ]

    for edit in [*edits, {"follow_ups": follow_ups}]:
        paused = campaigns.change(paused, edit, after(60))

    assert texts.content(created.id, 0) is None
    said = [texts.content(created.id, version) for version in range(1, 7)]
    # Created at 1, active at 2, edited at 3, 4, 5 and 6.
    assert [content and content.body for content in said] == ["one", "one", *["two"] * 4]
    assert said[-1] == CampaignContent("two", (Variant("a", 1, "three"),), follow_ups)
    assert (paused.version, paused.body, paused.title) == (6, "two", "Autumn")
    assert texts.content(created.id, 99) == said[-1]


def test_an_edit_that_lost_a_race_leaves_no_text_behind(client: Any) -> None:
    campaigns, texts = entities.CampaignTable(), DynamoCampaignTexts(client, "ControlTable")
    launched = a_campaign(body="one", status=CampaignStatus.PAUSED, launched_at=NOON)
    seen = campaigns.create(launched, "d")
    campaigns.change(seen, {"title": "Autumn"}, after(1))

    with pytest.raises(Conflict) as refused:
        campaigns.change(seen, {"body": "two"}, after(2))

    assert (refused.value.code, refused.value.extra) == ("version_conflict", {"version": 2})
    assert texts.content(seen.id, 99) is None


def _activate(client: Any, campaign_id: str) -> None:
    plans = DynamoCampaignPlans(client, "ControlTable")
    campaign, plan = plans.planning(campaign_id)
    assert plan is not None
    done = replace(plan, parts=1, planned_parts=1, total=1)
    assert plans.save_plan(plan, done, NOON)
    assert plans.activate(campaign, done, [], NOON)
