"""The inbox over HTTP: what a client sends, and what it is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest

from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.campaign import CampaignStatus
from carillon.domain.conversation import Conversation
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef, Suppression
from tests.support.clock import NOON
from tests.support.conversations import a_conversation
from tests.support.http_api import HttpApi, http_api, violations
from tests.support.management import OFFICE, OTHER_OFFICE, a_campaign, a_sender, an_office
from tests.support.messages import a_reply
from tests.support.requests import Answered, signed_in

AGENT = signed_in(roles=["agent"])
ONE = "/v1/conversations/{conversation_id}"
_UNIQUE = count(1)


@pytest.fixture(scope="module")
def api() -> Iterator[HttpApi]:
    with http_api() as running:
        running.keep(an_office(OFFICE), an_office(OTHER_OFFICE), a_campaign("cmp_x"))
        yield running


def kept(api: HttpApi, **changes: Any) -> Conversation:
    """Keep a conversation of somebody new, who waits since a minute ago."""
    number = next(_UNIQUE)
    phone = f"+1302555{number:04d}"
    now = datetime.now(UTC)
    made: dict[str, Any] = {
        "phone": phone,
        "office_id": OFFICE,
        "campaign_id": "cmp_x",
        "needs_attention": True,
        "awaiting_since": now - timedelta(seconds=60),
        "last_inbound_at": now - timedelta(seconds=60),
        "last_message_at": now - timedelta(seconds=60),
    }
    conversation = a_conversation(RowRef("cmp_x#00000", lead_key(phone)), **{**made, **changes})
    api.keep(conversation)
    return conversation


def ask(
    api: HttpApi, method: str, template: str, conversation: Conversation, **event: Any
) -> Answered:
    ids = {"conversation_id": conversation.id}
    return api.send(method, template, **{"claims": AGENT, "ids": ids, **event})


def suppressions() -> DynamoSuppressions:
    return DynamoSuppressions(
        boto3.client("dynamodb"), "SuppressionsTable", "ConsentTable", lambda: NOON
    )


def test_of_two_agents_with_the_same_etag_one_replies_and_the_other_is_412(api: HttpApi) -> None:
    one = kept(api)
    etag = ask(api, "GET", ONE, one).headers["ETag"]

    answers = [
        ask(
            api,
            "POST",
            f"{ONE}/messages",
            one,
            body={"text": text},
            headers={"If-Match": etag, "Idempotency-Key": text},
        )
        for text in ("Hello", "Hi")
    ]

    assert [answer.status for answer in answers] == [202, 412]
    assert answers[1].json["code"] == "version_conflict"
    assert violations("QueuedReply", answers[0].json) == []
    assert answers[0].json["conversation"]["needs_attention"] is False
    shown = ask(api, "GET", f"{ONE}/messages", one)
    assert violations("Transcript", shown.json) == []
    (message,) = shown.json["items"]
    assert (message["id"], message["text"]) == (answers[0].json["id"], "Hello")
    assert (message["author"], message["status"]) == ("agent", "queued")
    assert api.queued("send") != []


def test_a_reply_needs_the_version_that_it_answers(api: HttpApi) -> None:
    refused = ask(api, "POST", f"{ONE}/messages", kept(api), body={"text": "Hello"})

    assert (refused.status, refused.json["code"]) == (428, "if_match_required")


def test_nobody_replies_to_a_contact_who_has_opted_out(api: HttpApi) -> None:
    one = kept(api)
    suppressions().opt_out(
        Suppression(
            phone=one.phone, opted_out=True, event_at=one.created_at, source="api", cause="x"
        )
    )

    refused = ask(
        api, "POST", f"{ONE}/messages", one, body={"text": "Hello"}, headers={"If-Match": "*"}
    )

    assert (refused.status, refused.json["code"]) == (409, "contact_opted_out")


def test_an_opt_out_by_an_agent_binds_at_once(api: HttpApi) -> None:
    one = kept(api)

    opted_out = ask(api, "POST", f"{ONE}/opt-out", one)
    again = ask(api, "POST", f"{ONE}/opt-out", one)

    assert (opted_out.status, opted_out.json["opt_out"]) == (200, "manual")
    assert again.json == opted_out.json
    standing = suppressions().of(one.phone)
    assert standing is not None
    assert standing.opted_out


def test_what_v3_refuses_is_a_conflict(api: HttpApi) -> None:
    one = kept(api)

    refused = ask(
        api, "PATCH", ONE, one, body={"operated_by": "assistant"}, headers={"If-Match": '"1"'}
    )

    assert (refused.status, refused.json["code"]) == (409, "conversation_needs_attention")


@pytest.mark.parametrize(
    ("tags", "status"), [(["a", "b", "c"], 200), (["a"] * 4, 400), (["x" * 31], 400)]
)
def test_tags_are_bounded(api: HttpApi, tags: list[str], status: int) -> None:
    """V4: three are taken and four refused."""
    answer = ask(api, "PATCH", ONE, kept(api), body={"tags": tags}, headers={"If-Match": "*"})

    assert answer.status == status


def test_people_are_found_by_name_and_listed_by_section_and_tag(api: HttpApi) -> None:
    """V1: found by name and by phone."""
    one = kept(api, first_name="Zuzanna", tags=("vip",))

    def found(**query: str) -> list[str]:
        answer = api.send("GET", "/v1/conversations", claims=AGENT, query=query)
        assert violations("ConversationList", answer.json) == []
        return [item["id"] for item in answer.json["items"]]

    assert found(q="zuz") == [one.id]
    assert found(q=one.phone) == [one.id]
    assert found(section="needs_attention", tag="vip") == [one.id]
    assert found(section="assistant_operated", tag="vip") == []
    assert found(opted_out="true", tag="vip") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"section": "all"}, "section"),
        ({"opted_out": "yes"}, "opted_out"),
        ({"q": "z"}, "q"),
        ({"limit": "0"}, "limit"),
    ],
)
def test_a_listing_names_what_is_wrong_with_its_query(
    api: HttpApi, query: dict[str, str], field: str
) -> None:
    refused = api.send("GET", "/v1/conversations", claims=AGENT, query=query)

    assert (refused.status, refused.json["field"]) == (400, field)


def test_pages_follow_each_other(api: HttpApi) -> None:
    mine = [kept(api, assigned_to="usr_pages").id for _ in range(3)]
    query = {"assigned_to": "usr_pages", "limit": "2"}

    first = api.send("GET", "/v1/conversations", claims=AGENT, query=query)
    cursor = first.json["next_cursor"]
    second = api.send("GET", "/v1/conversations", claims=AGENT, query={**query, "cursor": cursor})

    shown = [item["id"] for item in (*first.json["items"], *second.json["items"])]
    assert (sorted(shown), second.json["next_cursor"]) == (sorted(mine), None)


def test_counts_name_the_sections_that_have_any(api: HttpApi) -> None:
    kept(api, office_id=OTHER_OFFICE)
    other = signed_in(roles=["agent"], offices=[OTHER_OFFICE])

    counted = api.send("GET", "/v1/conversations/counts", claims=other)

    assert counted.json == {"sections": {"needs_attention": {"number": 1, "at_least": False}}}
    assert violations("ConversationCounts", counted.json) == []


def test_a_poll_tells_what_is_new_since_it_was_asked_last(api: HttpApi) -> None:
    path = "/v1/conversations/updates"
    begun = api.send("GET", path, claims=AGENT)
    new = kept(api, last_message_at=datetime.now(UTC))

    told = api.send("GET", path, claims=AGENT, query={"after": begun.json["after"], "wait_s": "1"})

    assert begun.json["items"] == []
    assert [item["id"] for item in told.json["items"]] == [new.id]
    assert violations("ConversationUpdates", told.json) == []


@pytest.mark.parametrize("wait_s", ["21", "-1", "x", "1.5"])
def test_a_poll_waits_twenty_seconds_at_most(api: HttpApi, wait_s: str) -> None:
    refused = api.send("GET", "/v1/conversations/updates", claims=AGENT, query={"wait_s": wait_s})

    assert (refused.status, refused.json["field"]) == (400, "wait_s")


def test_a_preview_shows_the_parts_of_a_reply(api: HttpApi) -> None:
    preview = ask(api, "POST", f"{ONE}/preview", kept(api), body={"text": "a" * 161})

    assert (preview.status, preview.json["segments"]) == (200, 2)
    assert violations("ReplyPreview", preview.json) == []


def test_a_transcript_shows_what_came_in(api: HttpApi) -> None:
    one = kept(api)
    thread = one.ref
    DynamoMessages(boto3.client("dynamodb"), "MessagesTable").record_inbound(
        RowRef(thread.pk, f"{thread.sk}#in#SMin1"),
        a_reply("hello", phone=one.phone),
        keyword="none",
        office_id=OFFICE,
    )

    (message,) = ask(api, "GET", f"{ONE}/messages", one).json["items"]

    assert (message["author"], message["text"], message["is_exact"]) == ("contact", "hello", True)


def test_a_single_use_number_is_stopped_by_force_while_somebody_waits(api: HttpApi) -> None:
    manager = signed_in(roles=["manager"])
    api.keep(
        a_sender("snd_once", kind="single_use"),
        a_campaign(
            "cmp_once",
            sender_ids=("snd_once",),
            status=CampaignStatus.ACTIVE,
            launched_at=datetime.now(UTC),
        ),
    )
    one = kept(api, campaign_id="cmp_once", sender_id="snd_once")
    path, ids = "/v1/campaigns/{campaign_id}/archive", {"campaign_id": "cmp_once"}

    refused = api.send("POST", path, claims=manager, ids=ids)
    forced = api.send("POST", path, claims=manager, ids=ids, query={"force": "true"})

    assert (refused.status, refused.json["code"]) == (409, "conversations_unanswered")
    assert (forced.status, forced.json["status"]) == (200, "archived")
    reply = ask(
        api, "POST", f"{ONE}/messages", one, body={"text": "Hello"}, headers={"If-Match": "*"}
    )
    assert (reply.status, reply.json["code"]) == (409, "conversation_closed")


def test_a_sender_says_whose_messages_are_that_answer_no_campaign(api: HttpApi) -> None:
    manager = signed_in(roles=["manager"])
    new = {
        "office_id": OFFICE,
        "name": "Main",
        "phone": "+12025550177",
        "credentials_secret": "carillon/main",
    }
    created = api.send("POST", "/v1/senders", claims=manager, body=new)
    path, ids = "/v1/senders/{sender_id}", {"sender_id": created.json["id"]}

    changed = api.send(
        "PATCH",
        path,
        claims=manager,
        ids=ids,
        body={"unsolicited": {"to": "agents", "agents": ["usr_1", "usr_2", "usr_1"]}},
    )

    assert created.json["unsolicited"] == {"to": "office", "agents": []}
    assert changed.json["unsolicited"] == {"to": "agents", "agents": ["usr_1", "usr_2"]}
    assert violations("Sender", changed.json) == []
    shown = api.send("GET", path, claims=manager, ids=ids)
    assert shown.json["unsolicited"] == changed.json["unsolicited"]


@pytest.mark.parametrize(
    "unsolicited",
    [
        {"to": "nobody"},
        {"to": "agents"},
        {"to": "agents", "agents": []},
        {"to": "office", "agents": ["usr_1"]},
        {"to": "agents", "agents": [""]},
        {"to": "agents", "agents": "usr_1"},
        {"to": "office", "more": 1},
        {},
        "office",
    ],
)
def test_a_setting_that_names_nobody_or_too_much_is_refused(api: HttpApi, unsolicited: Any) -> None:
    new = {
        "office_id": OFFICE,
        "name": "Main",
        "phone": "+12025550178",
        "credentials_secret": "carillon/main",
        "unsolicited": unsolicited,
    }

    refused = api.send("POST", "/v1/senders", claims=signed_in(roles=["manager"]), body=new)

    assert (refused.status, refused.json["field"]) == (400, "unsolicited")


@pytest.mark.parametrize("bad", ["nothing", "~~~", "a" * 121])
def test_an_id_that_is_none_is_not_there(api: HttpApi, bad: str) -> None:
    absent = api.send("GET", ONE, claims=AGENT, ids={"conversation_id": bad})

    assert absent.status == 404
