"""
The people's API: offices, senders, contact lists, imports and campaigns.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from carillon.adapters.assistant.choice import chosen_assistant
from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.adapters.dynamodb.limits import DynamoBudgets
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.adapters.templates import compile_template
from carillon.domain.assistant import AssistantPolicy
from carillon.domain.campaign import Campaign, Sender, allowed_actions
from carillon.domain.contact_list import ImportRecord
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.listing import Listing
from carillon.domain.metrics import failure_reason
from carillon.domain.organisation import Office, OrganisationPolicy
from carillon.domain.phone import parse_phone
from carillon.edge.http import Answer, Request, Router, answer, encode_cursor, new_app
from carillon.edge.logs import correlation_id
from carillon.settings import CampaignsApi, from_env
from carillon.usecases.answer_as_assistant import AssistantWorld
from carillon.usecases.manage_campaigns import (
    CampaignChange,
    ManageCampaigns,
    NewCampaign,
    Schedule,
)
from carillon.usecases.manage_knowledge import ManageKnowledge, NewEntry, Trial, TryAssistant
from carillon.usecases.manage_lists import ManageLists, NewList, StartImport
from carillon.usecases.manage_offices import ManageOffices, NewOffice
from carillon.usecases.manage_policy import ManagePolicy, NewPolicy
from carillon.usecases.manage_senders import ManageSenders, NewSender, SenderChange
from carillon.usecases.stop_conversations import StopConversations

app = new_app("campaigns_api")
route = Router(app)

# Kept from answers: storage keys and the name of the provider's secret.
_INTERNAL = frozenset({"shards", "object_key", "rejected_key", "credentials_secret"})
_PAGED = ("limit", "cursor")
_Entity = TypeVar("_Entity")


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    offices: ManageOffices
    policy: ManagePolicy
    senders: ManageSenders
    lists: ManageLists
    campaigns: ManageCampaigns
    knowledge: ManageKnowledge


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's table, bucket and queues."""
    settings = from_env(CampaignsApi)
    entities.connect(settings.control_table)
    clock, offices = SystemClock(), entities.OfficeTable()
    senders, lists = entities.SenderTable(), entities.ListTable()
    campaigns = entities.CampaignTable()
    files = S3Objects(client("s3"), settings.files_bucket)
    book = DynamoConversations(client("dynamodb"), settings.conversations_table)

    def queue(url: str) -> SqsQueue:
        return SqsQueue(client("sqs"), url, correlation_id)

    return UseCases(
        offices=ManageOffices(offices, clock),
        policy=ManagePolicy(entities.PolicyTable(), clock),
        senders=ManageSenders(
            senders,
            offices,
            clock,
            send_queue=queue(settings.send_queue_url),
            parse_phone=parse_phone,
            default_country=settings.default_country,
        ),
        lists=ManageLists(
            lists,
            offices,
            files,
            queue(settings.import_queue_url),
            clock,
            default_country=settings.default_country,
        ),
        campaigns=ManageCampaigns(
            campaigns,
            offices,
            senders,
            lists,
            clock,
            plan_queue=queue(settings.plan_queue_url),
            send_queue=queue(settings.send_queue_url),
            recount_queue=queue(settings.recount_queue_url),
            conversations=StopConversations(book, clock),
            check_body=compile_template,
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


@route("GET", "/v1/me", gives="Me")
def show_me(request: Request) -> dict[str, Any]:
    """Tell callers who they are."""
    caller = request.caller
    return {"subject": caller.subject, "role": caller.role, "offices": caller.offices}


@route("GET", "/v1/offices", gives="OfficeList")
def list_offices(request: Request) -> dict[str, Any]:
    """List the caller's offices."""
    return {"items": build().offices.visible(request.access), "next_cursor": None}


@route("POST", "/v1/offices", takes=NewOffice, gives="Office", status=201)
def create_office(request: Request, new: NewOffice) -> Office:
    """Create an office."""
    return build().offices.create(request.origin, new)


@route("GET", "/v1/policy", gives="Policy")
def show_policy(_request: Request) -> OrganisationPolicy:
    """Show what all campaigns keep to beyond the law."""
    return build().policy.get()


@route("PUT", "/v1/policy", takes=NewPolicy, gives="Policy")
def put_policy(_request: Request, new: NewPolicy) -> OrganisationPolicy:
    """Replace the policy; it can only be stricter than the law."""
    return build().policy.put(new)


@route("GET", "/v1/senders", gives="SenderList", query=_PAGED)
def list_senders(request: Request) -> dict[str, Any]:
    """List senders, newest first."""
    page = request.page
    return _listed(build().senders.page(request.access, page.limit, page.after), _sender)


@route("POST", "/v1/senders", takes=NewSender, gives="Sender", status=201)
def create_sender(request: Request, new: NewSender) -> dict[str, Any]:
    """Create a sender."""
    return _sender(build().senders.create(request.access, request.origin, new))


@route("GET", "/v1/senders/{sender_id}", gives="Sender")
def show_sender(request: Request, sender_id: str) -> dict[str, Any]:
    """Show a sender."""
    return _sender(build().senders.get(request.access, sender_id))


@route("PATCH", "/v1/senders/{sender_id}", takes=SenderChange, gives="Sender")
def change_sender(request: Request, change: SenderChange, sender_id: str) -> dict[str, Any]:
    """Change a sender's name, rate or daily limit."""
    return _sender(build().senders.change(request.access, sender_id, change))


@route("POST", "/v1/senders/{sender_id}/suspend", gives="Sender")
def suspend_sender(request: Request, sender_id: str) -> dict[str, Any]:
    """Stop a sender until somebody resumes it; other senders take over."""
    return _sender(build().senders.suspend(request.access, sender_id))


@route("POST", "/v1/senders/{sender_id}/resume", gives="Sender")
def resume_sender(request: Request, sender_id: str) -> dict[str, Any]:
    """Let a suspended or resting sender go on."""
    return _sender(build().senders.resume(request.access, sender_id))


@route("GET", "/v1/lists", gives="ContactListList", query=_PAGED)
def list_lists(request: Request) -> dict[str, Any]:
    """List contact lists, newest first."""
    page = request.page
    return _listed(build().lists.page(request.access, page.limit, page.after), _public)


@route("POST", "/v1/lists", takes=NewList, gives="ContactList", status=201)
def create_list(request: Request, new: NewList) -> dict[str, Any]:
    """Create an empty contact list."""
    return _public(build().lists.create(request.access, request.origin, new))


@route("GET", "/v1/lists/{list_id}", gives="ContactList")
def show_list(request: Request, list_id: str) -> dict[str, Any]:
    """Show a contact list."""
    return _public(build().lists.get(request.access, list_id))


@route("POST", "/v1/lists/{list_id}/imports", gives="NewImport", status=201)
def create_import(request: Request, list_id: str) -> dict[str, Any]:
    """Create an import and say where to upload its file."""
    record, upload = build().lists.create_import(request.access, request.origin, list_id)
    return {"import": _import(record), "upload": upload}


@route("GET", "/v1/lists/{list_id}/imports/{import_id}", gives="Import")
def show_import(request: Request, list_id: str, import_id: str) -> dict[str, Any]:
    """Show how far an import is."""
    return _import(build().lists.get_import(request.access, list_id, import_id))


@route(
    "POST",
    "/v1/lists/{list_id}/imports/{import_id}/start",
    takes=StartImport,
    gives="Import",
    status=202,
)
def start_import(
    request: Request, start: StartImport, list_id: str, import_id: str
) -> dict[str, Any]:
    """Read the uploaded file into the list."""
    return _import(build().lists.start_import(request.access, list_id, import_id, start))


@route("GET", "/v1/lists/{list_id}/imports/{import_id}/rejected", gives="Link")
def link_rejected_rows(request: Request, list_id: str, import_id: str) -> dict[str, Any]:
    """Give a link to the rejected rows as CSV."""
    return {"url": build().lists.rejected_link(request.access, list_id, import_id)}


@route("GET", "/v1/campaigns", gives="CampaignList", query=("tab", *_PAGED))
def list_campaigns(request: Request) -> dict[str, Any]:
    """List the campaigns of a tab (active unless said otherwise), newest first."""
    page, tab = request.page, request.query.get("tab", "active")
    found = build().campaigns.page(request.access, tab, page.limit, page.after)
    return _listed(found, _campaign)


@route("POST", "/v1/campaigns", takes=NewCampaign, gives="Campaign", status=201)
def create_campaign(request: Request, new: NewCampaign) -> Answer:
    """Create a draft."""
    return _versioned(build().campaigns.create(request.access, request.origin, new))


@route("GET", "/v1/campaigns/{campaign_id}", gives="Campaign")
def show_campaign(request: Request, campaign_id: str) -> Answer:
    """Show a campaign."""
    return _versioned(build().campaigns.get(request.access, campaign_id))


@route(
    "PATCH",
    "/v1/campaigns/{campaign_id}",
    takes=CampaignChange,
    gives="Campaign",
    if_match=True,
)
def change_campaign(request: Request, change: CampaignChange, campaign_id: str) -> Answer:
    """Change a draft, scheduled or paused campaign."""
    version = request.if_match
    return _versioned(build().campaigns.change(request.access, campaign_id, change, version))


@route("POST", "/v1/campaigns/{campaign_id}/launch", gives="Campaign")
def launch_campaign(request: Request, campaign_id: str) -> Answer:
    """Launch a campaign now."""
    return _versioned(build().campaigns.launch(request.access, request.origin, campaign_id))


@route("POST", "/v1/campaigns/{campaign_id}/schedule", takes=Schedule, gives="Campaign")
def schedule_campaign(request: Request, schedule: Schedule, campaign_id: str) -> Answer:
    """Launch a campaign at a later time, or move that time."""
    return _versioned(
        build().campaigns.schedule(request.access, request.origin, campaign_id, schedule)
    )


@route("POST", "/v1/campaigns/{campaign_id}/unschedule", gives="Campaign")
def unschedule_campaign(request: Request, campaign_id: str) -> Answer:
    """Make a scheduled campaign a draft again."""
    return _versioned(build().campaigns.unschedule(request.access, request.origin, campaign_id))


@route("POST", "/v1/campaigns/{campaign_id}/pause", gives="Campaign")
def pause_campaign(request: Request, campaign_id: str) -> Answer:
    """Pause an active campaign."""
    return _versioned(build().campaigns.pause(request.access, request.origin, campaign_id))


@route("POST", "/v1/campaigns/{campaign_id}/resume", gives="Campaign")
def resume_campaign(request: Request, campaign_id: str) -> Answer:
    """Go on with a paused campaign."""
    return _versioned(build().campaigns.resume(request.access, request.origin, campaign_id))


@route("POST", "/v1/campaigns/{campaign_id}/end", gives="Campaign")
def end_campaign(request: Request, campaign_id: str) -> Answer:
    """Finish a campaign; what is unsent stays unsent."""
    return _versioned(build().campaigns.end(request.access, request.origin, campaign_id))


@route("POST", "/v1/campaigns/{campaign_id}/archive", gives="Campaign", query=("force",))
def archive_campaign(request: Request, campaign_id: str) -> Answer:
    """Stop a campaign for good, or discard a draft; by force even while people wait (K8)."""
    archived = build().campaigns.archive(
        request.access, request.origin, campaign_id, force=request.query.get("force") == "true"
    )
    return _versioned(archived)


@route("POST", "/v1/campaigns/{campaign_id}/recount", gives="Queued", status=202)
def recount_campaign(request: Request, campaign_id: str) -> dict[str, Any]:
    """Have the counters recounted from the rows; the result stands with the metrics."""
    build().campaigns.recount(request.access, campaign_id)
    return {"campaign_id": campaign_id, "status": "queued"}


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


def _public(entity: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(entity).items() if name not in _INTERNAL}


def _sender(sender: Sender) -> dict[str, Any]:
    shown = _public(sender)
    if sender.problem:
        shown["problem_reason"] = failure_reason(sender.problem).reason
    return shown


def _import(record: ImportRecord) -> dict[str, Any]:
    return {**_public(record), "has_rejected": record.rejected_key is not None}


def _campaign(campaign: Campaign) -> dict[str, Any]:
    return {
        **_public(campaign),
        "tab": campaign.tab,
        "allowed_actions": allowed_actions(campaign.status),
        "missing_for_launch": campaign.missing_for_launch(),
    }


def _versioned(campaign: Campaign) -> Answer:
    return Answer(_campaign(campaign), version=campaign.version)


def _listed(found: Listing[_Entity], shown: Callable[[_Entity], dict[str, Any]]) -> dict[str, Any]:
    return {
        "items": [shown(item) for item in found.items],
        "next_cursor": encode_cursor(found.next),
    }
