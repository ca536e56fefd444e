"""
The people's API: contact lists, what is imported into them, segments of them, and
what a person asks of their data.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.contacts import (
    DynamoContacts,
    DynamoImportDirectory,
    DynamoOptOutLookup,
)
from carillon.adapters.dynamodb.erasure_marks import DynamoErasureFence, ErasureMarks
from carillon.adapters.dynamodb.person_requests import DynamoPersonRequests
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.audience_count import AudienceCount
from carillon.domain.contact_list import ImportRecord
from carillon.domain.listing import Position
from carillon.domain.phone import line_type, parse_phone
from carillon.domain.saved_segments import SavedSegment
from carillon.edge.acting import author
from carillon.edge.http import Answer, Request, Router, answer, encode_cursor, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed, public
from carillon.settings import ContactsApi, from_env
from carillon.usecases.ask_for_person import AskForPerson, ShownRequest
from carillon.usecases.browse_contacts import BrowseContacts
from carillon.usecases.count_audience import Counting
from carillon.usecases.count_audiences import CountAudiences
from carillon.usecases.manage_lists import ManageLists, NewList, StartImport
from carillon.usecases.manage_segments import ManageSegments, NewSegment, Preview, SegmentChange

app = new_app("contacts_api")
route = Router(app)


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    lists: ManageLists
    contacts: BrowseContacts
    segments: ManageSegments
    counts: CountAudiences
    people: AskForPerson


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's table, bucket and queue."""
    settings = from_env(ContactsApi)
    entities.connect(settings.control_table, author)
    database, clock = client("dynamodb"), SystemClock()
    files = S3Objects(client("s3"), settings.files_bucket)
    lists, segments, offices = (
        entities.ListTable(),
        entities.SegmentTable(),
        entities.OfficeTable(),
    )
    directory = DynamoImportDirectory(database, settings.control_table)
    contacts = DynamoContacts(database, settings.contacts_table)
    opt_outs = DynamoOptOutLookup(
        database, settings.suppressions_table, ErasureMarks(database, settings.control_table)
    )
    counting = Counting(contacts=contacts, opt_outs=opt_outs, line_of=line_type, clock=clock)
    return UseCases(
        lists=ManageLists(
            lists,
            offices,
            files,
            _queue(settings.import_queue_url),
            clock,
            default_country=settings.default_country,
        ),
        contacts=BrowseContacts(lists, contacts, opt_outs, parse_phone),
        segments=ManageSegments(
            segments, offices, lists, clock, directory=directory, counting=counting
        ),
        counts=CountAudiences(
            entities.CampaignTable(), lists, segments, directory=directory, counting=counting
        ),
        people=_people(settings, files, clock),
    )


def _people(settings: ContactsApi, files: S3Objects, clock: SystemClock) -> AskForPerson:
    database = client("dynamodb")
    return AskForPerson(
        DynamoPersonRequests(database, settings.control_table, author),
        DynamoErasureFence(
            database,
            settings.suppressions_table,
            ErasureMarks(database, settings.control_table),
        ),
        files,
        _queue(settings.person_queue_url),
        clock,
        parse_phone=lambda text: parse_phone(text, settings.default_country),
    )


def _queue(url: str) -> SqsQueue:
    return SqsQueue(client("sqs"), url, correlation_id)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one REST API request."""
    return answer(app, event, context)


@route("GET", "/v1/lists", gives="ContactListList", query=PAGED)
def list_lists(request: Request) -> dict[str, Any]:
    """List contact lists, newest first."""
    page = request.page
    return listed(build().lists.page(request.access, page.limit, page.after), public)


@route("POST", "/v1/lists", takes=NewList, gives="ContactList", status=201)
def create_list(request: Request, new: NewList) -> dict[str, Any]:
    """Create an empty contact list."""
    return public(build().lists.create(request.access, request.origin, new))


@route("GET", "/v1/lists/{list_id}", gives="ContactListOverview")
def show_list(request: Request, list_id: str) -> dict[str, Any]:
    """Show a contact list, and what its imports came to."""
    found = build().contacts.overview(request.access, list_id)
    return {
        **public(found.record),
        **found.counts,
        "imports": found.imports,
        "invalid_reasons": found.invalid_reasons,
    }


@route("GET", "/v1/lists/{list_id}/contacts", gives="ContactPage", query=("q", *PAGED))
def list_contacts(request: Request, list_id: str) -> dict[str, Any]:
    """List contacts of a list, or search for what a name or number begins with (q)."""
    page, query = request.page, request.query.get("q")
    contacts = build().contacts
    if query is None:
        return listed(contacts.page(request.access, list_id, page.limit, page.after))
    return listed(contacts.search(request.access, list_id, query, page.limit, page.after))


@route("POST", "/v1/lists/{list_id}/count", gives="AudienceCount", query=("cursor",))
def count_list(request: Request, list_id: str) -> dict[str, Any]:
    """Count a list's contacts by what may keep a text from them; the cursor goes on."""
    return _look(build().counts.of_list(request.access, list_id, request.page.after))


@route("POST", "/v1/campaigns/{campaign_id}/audience", gives="AudienceCount", query=("cursor",))
def count_campaign(request: Request, campaign_id: str) -> dict[str, Any]:
    """Count whom a campaign would text if it were launched now; the cursor goes on."""
    return _look(build().counts.of_campaign(request.access, campaign_id, request.page.after))


@route("GET", "/v1/segments", gives="SegmentList", query=PAGED)
def list_segments(request: Request) -> dict[str, Any]:
    """List saved segments, newest first."""
    page = request.page
    return listed(build().segments.page(request.access, page.limit, page.after))


@route("POST", "/v1/segments", takes=NewSegment, gives="Segment", status=201)
def create_segment(request: Request, new: NewSegment) -> Answer:
    """Save a filter over contact lists."""
    return _versioned(build().segments.create(request.access, request.origin, new))


@route("GET", "/v1/segments/{segment_id}", gives="Segment")
def show_segment(request: Request, segment_id: str) -> Answer:
    """Show a segment."""
    return _versioned(build().segments.get(request.access, segment_id))


@route("PATCH", "/v1/segments/{segment_id}", takes=SegmentChange, gives="Segment", if_match=True)
def change_segment(request: Request, change: SegmentChange, segment_id: str) -> Answer:
    """Change a segment; audiences that are frozen stay as they are."""
    version = request.if_match
    return _versioned(build().segments.change(request.access, segment_id, change, version))


@route("DELETE", "/v1/segments/{segment_id}", gives="Removed")
def delete_segment(request: Request, segment_id: str) -> dict[str, Any]:
    """Drop a segment; a campaign that still names it cannot be launched."""
    build().segments.remove(request.access, segment_id)
    return {"id": segment_id}


@route(
    "POST",
    "/v1/segments/{segment_id}/preview",
    takes=Preview,
    gives="AudienceCount",
    query=("cursor",),
)
def preview_segment(request: Request, wanted: Preview, segment_id: str) -> dict[str, Any]:
    """Count who matches now and show some of them; the cursor goes on."""
    return _look(build().segments.preview(request.access, segment_id, wanted, request.page.after))


@route("POST", "/v1/contacts/{phone}/erase", gives="PersonRequest", status=202)
def erase_contact(request: Request, phone: str) -> dict[str, Any]:
    """Erase a person in all offices; they are texted no more from now on."""
    return _asked(build().people.erase(request.origin, phone))


@route("POST", "/v1/contacts/{phone}/export", gives="PersonRequest", status=202)
def export_contact(request: Request, phone: str) -> dict[str, Any]:
    """Collect what is kept about a person, in all offices."""
    return _asked(build().people.export(request.origin, phone))


@route("GET", "/v1/contacts/requests/{request_id}", gives="PersonRequest")
def show_person_request(_request: Request, request_id: str) -> dict[str, Any]:
    """Show how far an erasure or export is, with a link to an export that is done."""
    return _asked(build().people.get(request_id))


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


def _versioned(segment: SavedSegment) -> Answer:
    return Answer(public(segment), version=segment.version)


def _look(found: tuple[AudienceCount, Position | None]) -> dict[str, Any]:
    count, rest = found
    return {
        **vars(count),
        "contacts": count.contacts,
        "recipients": count.recipients,
        "sample": [{"phone": one.phone, "fields": one.fields} for one in count.sample],
        "next_cursor": encode_cursor(rest),
    }


def _asked(shown: ShownRequest) -> dict[str, Any]:
    asked = shown.request
    return {
        "id": asked.id,
        "kind": asked.kind,
        "status": asked.status,
        "counts": asked.counts,
        "created_at": asked.created_at,
        "finished_at": asked.finished_at,
        "url": shown.url,
    }


def _import(record: ImportRecord) -> dict[str, Any]:
    return {**public(record), "has_rejected": record.rejected_key is not None}
