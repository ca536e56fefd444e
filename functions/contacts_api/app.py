"""
The people's API: contact lists and what is imported into them.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.contact_list import ImportRecord
from carillon.edge.http import Request, Router, answer, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed, public
from carillon.settings import ContactsApi, from_env
from carillon.usecases.manage_lists import ManageLists, NewList, StartImport

app = new_app("contacts_api")
route = Router(app)


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    lists: ManageLists


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's table, bucket and queue."""
    settings = from_env(ContactsApi)
    entities.connect(settings.control_table)
    return UseCases(
        lists=ManageLists(
            entities.ListTable(),
            entities.OfficeTable(),
            S3Objects(client("s3"), settings.files_bucket),
            SqsQueue(client("sqs"), settings.import_queue_url, correlation_id),
            SystemClock(),
            default_country=settings.default_country,
        ),
    )


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


@route("GET", "/v1/lists/{list_id}", gives="ContactList")
def show_list(request: Request, list_id: str) -> dict[str, Any]:
    """Show a contact list."""
    return public(build().lists.get(request.access, list_id))


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


def _import(record: ImportRecord) -> dict[str, Any]:
    return {**public(record), "has_rejected": record.rejected_key is not None}
