"""
The people's API: campaigns, and what their assistants know.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.assistant.choice import chosen_assistant
from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.campaign_shelves import DynamoShelves
from carillon.adapters.dynamodb.contacts import DynamoContacts
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.adapters.dynamodb.limits import DynamoBudgets
from carillon.adapters.media import SafeFetcher
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.adapters.templates import compile_template
from carillon.domain.assistant import AssistantPolicy
from carillon.domain.campaign import Campaign
from carillon.domain.campaign_media import MOST_BYTES
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.listing import Listing
from carillon.edge.acting import author
from carillon.edge.http import Answer, Request, Router, answer, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed, public
from carillon.settings import CampaignsApi, from_env
from carillon.usecases.answer_as_assistant import AssistantWorld
from carillon.usecases.approve_launches import Decision, LaunchApprovals
from carillon.usecases.attach_media import AttachMedia, MediaAnswer, NewMedia
from carillon.usecases.campaign_commands import (
    CampaignChange,
    Clone,
    NewCampaign,
    Schedule,
)
from carillon.usecases.list_campaigns import (
    Calendar,
    CampaignRow,
    Linked,
    ListCampaigns,
    ListWorld,
    asked_of,
    vocabulary_of,
)
from carillon.usecases.manage_campaigns import ManageCampaigns
from carillon.usecases.manage_knowledge import ManageKnowledge, NewEntry, Trial, TryAssistant
from carillon.usecases.preview_campaign import (
    CampaignPreview,
    PreviewCampaign,
    PreviewRequest,
)
from carillon.usecases.review_content import ReviewContent
from carillon.usecases.stop_conversations import StopConversations

app = new_app("campaigns_api")
route = Router(app)

_ONE = "/v1/campaigns/{campaign_id}"
_ASKED = (
    "tab",
    "q",
    "tags",
    "office_id",
    "type",
    "status",
    "operated_by",
    "sort",
    "order",
    "vocabulary",
)


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    campaigns: ManageCampaigns
    listed: ListCampaigns
    review: ReviewContent
    preview: PreviewCampaign
    media: AttachMedia
    knowledge: ManageKnowledge


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's tables and queues."""
    settings = from_env(CampaignsApi)
    entities.connect(settings.control_table, author)
    clock, campaigns, database = SystemClock(), entities.CampaignTable(), client("dynamodb")
    offices, policies = entities.OfficeTable(), entities.PolicyTable()
    senders, lists = entities.SenderTable(), entities.ListTable()
    book = DynamoConversations(database, settings.conversations_table)

    def queue(url: str) -> SqsQueue:
        return SqsQueue(client("sqs"), url, correlation_id)

    def names_of(office_id: str) -> list[str]:
        named = (office.name for office in offices.all() if office.id == office_id)
        return [settings.organisation_name, *named]

    def provider_of(sender_id: str) -> str:
        return senders.get(sender_id).provider

    review = ReviewContent(compile_template, policies.get, names_of, provider_of)
    approvals = LaunchApprovals(policies, clock)
    return UseCases(
        campaigns=ManageCampaigns(
            campaigns,
            offices,
            senders,
            lists,
            clock,
            plan_queue=queue(settings.plan_queue_url),
            send_queue=queue(settings.send_queue_url),
            recount_queue=queue(settings.recount_queue_url),
            segments=entities.SegmentTable(),
            conversations=StopConversations(book, clock),
            approvals=approvals,
            knowledge=DynamoKnowledge(database, settings.control_table),
            check_body=compile_template,
            missing_in_texts=review.missing,
        ),
        review=review,
        preview=PreviewCampaign(
            campaigns,
            lists,
            entities.SegmentTable(),
            DynamoContacts(database, settings.contacts_table),
            review,
            compile_text=compile_template,
            link_base_url=settings.link_base_url,
        ),
        media=AttachMedia(
            campaigns,
            S3Objects(client("s3"), settings.files_bucket),
            SafeFetcher(most_bytes=MOST_BYTES).fetch,
            clock,
            approvals=approvals,
            missing_in_texts=review.missing,
        ),
        listed=ListCampaigns(
            ListWorld(
                shelves=DynamoShelves(database, settings.control_table),
                offices=offices,
                senders=senders,
                lists=lists,
                policies=policies,
            )
        ),
        knowledge=ManageKnowledge(campaigns, _assistant_world(settings, clock)),
    )


def _assistant_world(settings: CampaignsApi, clock: SystemClock) -> AssistantWorld:
    database = client("dynamodb")
    return AssistantWorld(
        knowledge=DynamoKnowledge(database, settings.control_table),
        assistant=chosen_assistant(
            DynamoBudgets(database, settings.control_table),
            clock,
            model=settings.assistant_model,
            guardrail=settings.assistant_guardrail,
            daily_tokens=settings.assistant_daily_tokens,
        ),
        clock=clock,
        organisation=settings.organisation_name,
        policy=AssistantPolicy(per_hour=settings.assistant_answers_per_hour),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one REST API request."""
    return answer(app, event, context)


@route("GET", "/v1/campaigns", gives="CampaignList", query=(*_ASKED, *PAGED))
def list_campaigns(request: Request) -> dict[str, Any]:
    """List the campaigns of a tab (active unless said otherwise), sorted, filtered, or found."""
    page, asked = request.page, asked_of(request.query)
    vocabulary = vocabulary_of(request.query)
    found = build().listed.page(request.access, asked, page.limit, page.after)
    rows = build().listed.rows(request.caller, found.items, vocabulary)
    review = build().review.at_once()
    return listed(Listing(tuple(rows), found.next), lambda row: _row(row, review))


@route("GET", "/v1/campaigns/calendar", gives="CampaignCalendar", query=("month", "day"))
def show_calendar(request: Request) -> Calendar:
    """Count the scheduled campaigns of a month by day, and list those of one day."""
    query = request.query
    return build().listed.calendar(request.access, query.get("month", ""), query.get("day"))


@route("POST", "/v1/campaigns", takes=NewCampaign, gives="Campaign", status=201)
def create_campaign(request: Request, new: NewCampaign) -> Answer:
    """Create a draft."""
    return _one(request, build().campaigns.create(request.access, request.origin, new))


@route("GET", _ONE, gives="Campaign", query=("vocabulary",))
def show_campaign(request: Request, campaign_id: str) -> Answer:
    """Show a campaign, and the campaigns of its combo."""
    campaign = build().campaigns.get(request.access, campaign_id)
    return _one(request, campaign, linked=build().listed.linked(request.access, campaign))


@route("PATCH", _ONE, takes=CampaignChange, gives="Campaign", if_match=True)
def change_campaign(request: Request, change: CampaignChange, campaign_id: str) -> Answer:
    """Change a draft, scheduled or paused campaign."""
    version = request.if_match
    return _one(request, build().campaigns.change(request.access, campaign_id, change, version))


@route("DELETE", _ONE, gives="Removed", if_match=True)
def delete_campaign(request: Request, campaign_id: str) -> dict[str, Any]:
    """Delete a campaign that was never live."""
    build().campaigns.delete(request.access, campaign_id, request.if_match)
    return {"id": campaign_id}


@route("POST", f"{_ONE}/clone", takes=Clone, gives="Campaign", status=201)
def clone_campaign(request: Request, clone: Clone, campaign_id: str) -> Answer:
    """Make a draft with a campaign's settings; never its leads, results or dates."""
    return _one(
        request, build().campaigns.clone(request.access, request.origin, campaign_id, clone)
    )


@route("POST", f"{_ONE}/launch", gives="Campaign")
def launch_campaign(request: Request, campaign_id: str) -> Answer:
    """Launch a campaign now, or ask for the approval that its launch needs."""
    return _one(request, build().campaigns.launch(request.access, request.origin, campaign_id))


@route("POST", f"{_ONE}/approve", takes=Decision, gives="Campaign", if_match=True)
def approve_campaign(request: Request, decision: Decision, campaign_id: str) -> Answer:
    """Approve somebody else's launch, as it was seen."""
    return _decided(request, decision, campaign_id, approves=True)


@route("POST", f"{_ONE}/refuse", takes=Decision, gives="Campaign", if_match=True)
def refuse_campaign(request: Request, decision: Decision, campaign_id: str) -> Answer:
    """Refuse to approve somebody else's launch."""
    return _decided(request, decision, campaign_id, approves=False)


@route("POST", f"{_ONE}/schedule", takes=Schedule, gives="Campaign")
def schedule_campaign(request: Request, schedule: Schedule, campaign_id: str) -> Answer:
    """Launch a campaign at a later time, or move that time."""
    return _one(
        request,
        build().campaigns.schedule(request.access, request.origin, campaign_id, schedule),
    )


@route("POST", f"{_ONE}/unschedule", gives="Campaign")
def unschedule_campaign(request: Request, campaign_id: str) -> Answer:
    """Make a scheduled campaign a draft again."""
    return _one(request, build().campaigns.unschedule(request.access, request.origin, campaign_id))


@route("POST", f"{_ONE}/pause", gives="Campaign")
def pause_campaign(request: Request, campaign_id: str) -> Answer:
    """Pause an active campaign, and say which of its combo are still live."""
    return _moved(request, build().campaigns.pause(request.access, request.origin, campaign_id))


@route("POST", f"{_ONE}/resume", gives="Campaign")
def resume_campaign(request: Request, campaign_id: str) -> Answer:
    """Go on with a paused campaign, and say which of its combo are still paused."""
    return _moved(request, build().campaigns.resume(request.access, request.origin, campaign_id))


@route("POST", f"{_ONE}/end", gives="Campaign")
def end_campaign(request: Request, campaign_id: str) -> Answer:
    """Finish a campaign; what is unsent stays unsent."""
    return _one(request, build().campaigns.end(request.access, request.origin, campaign_id))


@route("POST", f"{_ONE}/archive", gives="Campaign", query=("force",))
def archive_campaign(request: Request, campaign_id: str) -> Answer:
    """Stop a campaign for good, or discard a draft; by force even while people wait (K8)."""
    archived = build().campaigns.archive(
        request.access, request.origin, campaign_id, force=request.query.get("force") == "true"
    )
    return _one(request, archived)


@route("POST", "/v1/campaigns/{campaign_id}/recount", gives="Queued", status=202)
def recount_campaign(request: Request, campaign_id: str) -> dict[str, Any]:
    """Have the counters recounted from the rows; the result stands with the metrics."""
    build().campaigns.recount(request.access, campaign_id)
    return {"campaign_id": campaign_id, "status": "queued"}


@route("POST", f"{_ONE}/preview", takes=PreviewRequest, gives="CampaignPreview")
def preview_campaign(request: Request, wanted: PreviewRequest, campaign_id: str) -> CampaignPreview:
    """Show how a campaign's messages will read for contacts of its audience; nothing is sent."""
    return build().preview.preview(request.access, campaign_id, wanted)


@route("POST", f"{_ONE}/media", takes=NewMedia, gives="CampaignMediaAnswer")
def attach_media(request: Request, new: NewMedia, campaign_id: str) -> MediaAnswer:
    """Attach a file to the first message: from an address, or as uploaded (M5)."""
    return build().media.attach(request.access, request.origin, campaign_id, new)


@route("GET", "/v1/campaigns/{campaign_id}/knowledge", gives="KnowledgeList")
def list_knowledge(request: Request, campaign_id: str) -> dict[str, Any]:
    """List what a campaign's assistant knows."""
    entries = build().knowledge.entries(request.access, campaign_id)
    return {"items": entries, "next_cursor": None}


_ENTRY = "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"


@route("PUT", _ENTRY, takes=NewEntry, gives="KnowledgeEntry")
def put_entry(request: Request, new: NewEntry, campaign_id: str, entry_id: str) -> KnowledgeEntry:
    """Keep an answer of a campaign's assistant, in place of what stands under its id."""
    return build().knowledge.put(request.access, campaign_id, entry_id, new)


@route("DELETE", _ENTRY, gives="Removed")
def delete_entry(request: Request, campaign_id: str, entry_id: str) -> dict[str, Any]:
    """Drop an answer of a campaign's assistant; repeating it changes nothing."""
    build().knowledge.delete(request.access, campaign_id, entry_id)
    return {"id": entry_id}


@route("POST", "/v1/campaigns/{campaign_id}/assistant/try", takes=TryAssistant, gives="Trial")
def try_assistant(request: Request, wanted: TryAssistant, campaign_id: str) -> Trial:
    """Show what the assistant would make of a text, and from which entries; nothing is sent."""
    return build().knowledge.try_out(request.access, campaign_id, wanted)


def _decided(request: Request, decision: Decision, campaign_id: str, *, approves: bool) -> Answer:
    decided = build().campaigns.decide(
        request.access, campaign_id, decision, request.if_match, approves=approves
    )
    return _one(request, decided)


def _moved(request: Request, campaign: Campaign) -> Answer:
    affected = build().listed.affected(request.access, campaign)
    return _one(request, campaign, affected=affected)


def _one(request: Request, campaign: Campaign, **combo: list[Linked]) -> Answer:
    vocabulary = vocabulary_of(request.query)
    (row,) = build().listed.rows(request.caller, [campaign], vocabulary)
    shown = _row(row, build().review.at_once())
    return Answer({**shown, **combo}, version=campaign.version)


def _row(row: CampaignRow, review: ReviewContent) -> dict[str, Any]:
    missing = [*row.campaign.missing_for_launch(), *review.missing(row.campaign)]
    return {
        **public(row.campaign),
        "tab": row.campaign.tab,
        "missing_for_launch": missing,
        "content_findings": review.findings(row.campaign),
        **public(row, without=("campaign",)),
    }
