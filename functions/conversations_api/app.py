"""
The inbox's API: conversations, their transcripts, and what people answer and decide.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from carillon.adapters.audiences import S3Audiences
from carillon.adapters.aws import client
from carillon.adapters.dynamodb.campaign_shelves import DynamoShelves
from carillon.adapters.dynamodb.canned_replies import DynamoCannedReplies
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.holds import DynamoHolds
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.outbox import DynamoOutbox
from carillon.adapters.dynamodb.outcomes import DynamoOutcomes
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.dynamodb.transcripts import DynamoCampaignTexts, DynamoTranscripts
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.adapters.templates import compile_template
from carillon.domain.canned import CannedReply
from carillon.domain.conversation import Conversation, Section
from carillon.domain.errors import InvalidInput
from carillon.domain.inbox import InboxFilter
from carillon.domain.law_pack import shipped_pack
from carillon.domain.outcomes import NewOutcome, Outcome, OutcomeTags
from carillon.domain.whereabouts import Whereabouts
from carillon.edge.http import (
    Answer,
    Request,
    Router,
    answer,
    decode_cursor,
    encode_cursor,
    new_app,
)
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed, public
from carillon.settings import ConversationsApi, from_env
from carillon.usecases.list_campaigns import live_campaigns_of
from carillon.usecases.manage_canned_replies import ManageCannedReplies, NewCannedReply
from carillon.usecases.manage_conversations import (
    MAX_WAIT_S,
    Assignment,
    ConversationChange,
    InboxWorld,
    ManageConversations,
)
from carillon.usecases.mark_outcomes import MarkOutcomes
from carillon.usecases.read_transcript import ReadTranscript, TranscriptWorld
from carillon.usecases.reply_in_conversation import (
    NewReply,
    ReplyInConversation,
    ReplyPreview,
    ReplyTexts,
    reply_rules,
)

app = new_app("conversations_api")
route = Router(app)

# How it is kept, and nothing that anybody looks at.
_INTERNAL = frozenset(
    {"applied", "outgoing", "consent_at", "handed_over_at", "held_at", "opted_in_at"}
)
_WHOSE = ("office_id", "campaign_id", "assigned_to")
_ONE = "/v1/conversations/{conversation_id}"
_OUTCOMES = "/v1/campaigns/{campaign_id}/outcomes"


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    inbox: ManageConversations
    replies: ReplyInConversation
    canned: ManageCannedReplies
    transcripts: ReadTranscript
    outcomes: MarkOutcomes


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's tables, bucket and queue."""
    settings = from_env(ConversationsApi)
    dynamodb, clock = client("dynamodb"), SystemClock()
    directory = DynamoDirectory(dynamodb, settings.control_table)
    offices = DynamoCatalogue(dynamodb, settings.control_table).office_ids
    canned = DynamoCannedReplies(dynamodb, settings.control_table)
    audiences = S3Audiences(S3Objects(client("s3"), settings.files_bucket))
    outcomes = MarkOutcomes(
        DynamoOutcomes(
            dynamodb,
            control_table=settings.control_table,
            messages_table=settings.messages_table,
        ),
        directory,
        clock,
        lambda text: _e164(text, settings.default_country),
    )
    world = InboxWorld(
        book=DynamoConversations(dynamodb, settings.conversations_table),
        conversations=DynamoMessages(dynamodb, settings.messages_table),
        outbox=DynamoOutbox(
            dynamodb,
            control_table=settings.control_table,
            messages_table=settings.messages_table,
        ),
        suppressions=DynamoSuppressions(
            dynamodb, settings.suppressions_table, settings.consent_table, clock.now
        ),
        holds=DynamoHolds(dynamodb, settings.suppressions_table),
        directory=directory,
        office_ids=offices,
        campaigns_of=live_campaigns_of(DynamoShelves(dynamodb, settings.control_table)),
        send_queue=SqsQueue(client("sqs"), settings.send_queue_url, correlation_id),
        clock=clock,
        stale_after=timedelta(minutes=settings.stale_assignment_minutes),
        note_tags=outcomes.note_tags,
    )

    def locate(phone: str) -> Whereabouts:
        # Its telephone data takes 150 ms to load, and few contacts are of no campaign.
        from carillon.domain.locating import whereabouts  # noqa: PLC0415

        return whereabouts(phone, {}, settings.default_country)

    def compile_body(body: str) -> Callable[..., str]:
        return compile_template(body).render

    inbox = ManageConversations(world)
    return UseCases(
        inbox=inbox,
        replies=ReplyInConversation(
            inbox,
            world,
            reply_rules(directory.policy, shipped_pack(), locate),
            ReplyTexts(audiences=audiences, canned=canned, compile_body=compile_body),
        ),
        canned=ManageCannedReplies(canned, offices, clock, compile_template),
        transcripts=ReadTranscript(
            inbox,
            TranscriptWorld(
                transcripts=DynamoTranscripts(dynamodb, settings.messages_table),
                texts=DynamoCampaignTexts(dynamodb, settings.control_table),
                audiences=audiences,
                compile_body=compile_body,
                link_base_url=settings.link_base_url,
            ),
        ),
        outcomes=outcomes,
    )


def _e164(text: str, country: str) -> str:
    # As above: only who marks an outcome pays for the telephone data.
    from carillon.domain.phone import parse_phone  # noqa: PLC0415

    return parse_phone(text, country)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one REST API request."""
    return answer(app, event, context)


@route(
    "GET",
    "/v1/conversations",
    gives="ConversationList",
    query=("section", *_WHOSE, "tag", "opted_out", "q", *PAGED),
)
def list_conversations(request: Request) -> dict[str, Any]:
    """List conversations, newest message first, or those whose contact's name begins with q."""
    page, query, inbox = request.page, request.query, build().inbox
    asked = (_filter(query), _section(query.get("section")), page.limit, page.after)
    if "q" in query:
        return listed(inbox.search(request.access, query["q"], *asked), _shown)
    return listed(inbox.page(request.access, *asked), _shown)


@route("GET", "/v1/conversations/counts", gives="ConversationCounts", query=_WHOSE)
def count_conversations(request: Request) -> dict[str, Any]:
    """Count the conversations of each section; an empty one is absent."""
    return {"sections": build().inbox.counts(request.access, _filter(request.query))}


@route("GET", "/v1/conversations/updates", gives="ConversationUpdates", query=("after", "wait_s"))
def await_updates(request: Request) -> dict[str, Any]:
    """
    Give what has changed since *after*, waiting for it up to *wait_s* seconds.

    A long poll and no event stream: a REST API of API Gateway hands on an answer only when
    it is whole, so a client of Server-Sent Events would hear nothing until the end. Without
    *after* it tells where to begin.
    """
    given = request.query.get("after")
    after = decode_cursor(given) if given else None
    found, position = build().inbox.updates(request.access, after, _wait_s(request.query))
    return {"items": [_shown(one) for one in found], "after": encode_cursor(position)}


@route("GET", _ONE, gives="Conversation")
def show_conversation(request: Request, conversation_id: str) -> Answer:
    """Show a conversation."""
    return _versioned(build().inbox.get(request.access, conversation_id))


@route("PATCH", _ONE, takes=ConversationChange, gives="Conversation", if_match=True)
def change_conversation(
    request: Request, change: ConversationChange, conversation_id: str
) -> Answer:
    """Change who operates a conversation, whether it needs attention, its tags or assignment."""
    version = request.if_match
    return _versioned(build().inbox.change(request.access, conversation_id, change, version))


@route("POST", f"{_ONE}/assign", takes=Assignment, gives="Conversation", if_match=True)
def assign_conversation(request: Request, wanted: Assignment, conversation_id: str) -> Answer:
    """Give a conversation to one of several users, by turn or to the least busy."""
    version = request.if_match
    return _versioned(build().inbox.assign(request.access, conversation_id, wanted, version))


@route("POST", f"{_ONE}/release-hold", gives="Conversation")
def release_held_contact(request: Request, conversation_id: str) -> Answer:
    """Release a contact who may have meant to opt out."""
    return _versioned(build().inbox.release_hold(request.access, conversation_id))


@route("POST", f"{_ONE}/opt-out", gives="Conversation")
def opt_out_contact(request: Request, conversation_id: str) -> Answer:
    """Opt the contact out of everything."""
    return _versioned(build().inbox.opt_out(request.access, request.origin, conversation_id))


@route("GET", f"{_ONE}/messages", gives="Transcript", query=PAGED)
def show_transcript(request: Request, conversation_id: str) -> dict[str, Any]:
    """Show what was said: the newest page first, each in the order of its times."""
    page = request.page
    found = build().transcripts.page(request.access, conversation_id, page.limit, page.after)
    return listed(found)


@route("POST", f"{_ONE}/preview", takes=NewReply, gives="ReplyPreview")
def preview_reply(request: Request, new: NewReply, conversation_id: str) -> ReplyPreview:
    """Show what a reply would be: its parts, when it goes, and what to know before."""
    return build().replies.preview(request.access, conversation_id, new)


@route("POST", f"{_ONE}/messages", takes=NewReply, gives="QueuedReply", status=202, if_match=True)
def send_reply(request: Request, new: NewReply, conversation_id: str) -> Answer:
    """Reply to the contact; of two replies to the same version one wins, the other is 412."""
    conversation, reply_id = build().replies.queue(
        request.access, request.origin, conversation_id, new, request.if_match
    )
    body = {"id": f"out#agent.{reply_id}", "conversation": _shown(conversation)}
    return Answer(body, version=conversation.version)


@route("GET", "/v1/canned-replies", gives="CannedReplyList")
def list_canned_replies(request: Request) -> dict[str, Any]:
    """List the texts that the caller's offices keep ready."""
    return {"items": build().canned.all(request.access), "next_cursor": None}


@route("POST", "/v1/canned-replies", takes=NewCannedReply, gives="CannedReply", status=201)
def create_canned_reply(request: Request, new: NewCannedReply) -> CannedReply:
    """Keep a text ready for an office's agents."""
    return build().canned.create(request.access, request.origin, new)


@route("DELETE", "/v1/canned-replies/{canned_id}", gives="CannedReply")
def remove_canned_reply(request: Request, canned_id: str) -> CannedReply:
    """Drop a canned reply, and show it a last time."""
    return build().canned.remove(request.access, canned_id)


def _shown(conversation: Conversation) -> dict[str, Any]:
    return {**public(conversation, without=_INTERNAL), "section": conversation.section}


def _versioned(conversation: Conversation) -> Answer:
    return Answer(_shown(conversation), version=conversation.version)


def _filter(query: Mapping[str, str]) -> InboxFilter:
    return InboxFilter(
        office_id=query.get("office_id") or None,
        campaign_id=query.get("campaign_id") or None,
        assigned_to=query.get("assigned_to") or None,
        tag=query.get("tag") or None,
        opted_out=_flag(query.get("opted_out")),
    )


def _section(text: str | None) -> Section | None:
    if text is None:
        return None
    try:
        return Section(text)
    except ValueError as error:
        sections = ", ".join(Section)
        raise InvalidInput(f"section must be one of {sections}.", field="section") from error


def _flag(text: str | None) -> bool | None:
    if text not in (None, "true", "false"):
        raise InvalidInput("opted_out must be true or false.", field="opted_out")
    return None if text is None else text == "true"


def _wait_s(query: Mapping[str, str]) -> int:
    text = query.get("wait_s", "0")
    if not re.fullmatch(r"\d{1,2}", text, re.ASCII) or int(text) > MAX_WAIT_S:
        raise InvalidInput(f"wait_s must be a number from 0 to {MAX_WAIT_S}.", field="wait_s")
    return int(text)


@route("GET", _OUTCOMES, gives="OutcomeTags")
def show_outcome_tags(request: Request, campaign_id: str) -> OutcomeTags:
    """The conversation tags that are outcomes of a campaign."""
    return build().outcomes.tags(request.access, campaign_id)


@route("PUT", _OUTCOMES, takes=OutcomeTags, gives="OutcomeTags")
def set_outcome_tags(request: Request, tags: OutcomeTags, campaign_id: str) -> OutcomeTags:
    """Set which conversation tags are outcomes of a campaign, from now on."""
    return build().outcomes.set_tags(request.access, campaign_id, tags)


@route("POST", _OUTCOMES, takes=NewOutcome, gives="Outcome")
def mark_outcome(request: Request, new: NewOutcome, campaign_id: str) -> Outcome:
    """Mark that somebody did what a campaign was for; the first outcome stays."""
    return build().outcomes.mark(request.access, campaign_id, new)
