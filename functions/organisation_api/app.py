"""
The people's API: who one is, the organisation, offices, the policy for all, and senders.

Each view reads: one use case, then its result as JSON. Sign-in, permissions,
bodies and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.campaign import Sender
from carillon.domain.metrics import failure_reason
from carillon.domain.organisation import Office, Organisation, OrganisationPolicy
from carillon.domain.phone import parse_phone
from carillon.edge.acting import author
from carillon.edge.http import Request, Router, answer, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed, public
from carillon.settings import OrganisationApi, from_env
from carillon.usecases.manage_offices import ManageOffices, NewOffice, OfficeChange
from carillon.usecases.manage_policy import ManagePolicy, NewPolicy
from carillon.usecases.manage_senders import ManageSenders, NewSender, SenderChange

app = new_app("organisation_api")
route = Router(app)


@dataclass(frozen=True)
class UseCases:
    """What the views call, and whose deployment it is."""

    organisation: Organisation
    offices: ManageOffices
    policy: ManagePolicy
    senders: ManageSenders


@cache
def build() -> UseCases:
    """Return the use cases over this deployment's table and queue."""
    settings = from_env(OrganisationApi)
    entities.connect(settings.control_table, author)
    clock, offices = SystemClock(), entities.OfficeTable()
    return UseCases(
        organisation=Organisation(
            name=settings.organisation_name,
            default_country=settings.default_country,
            timezone=settings.organisation_timezone,
        ),
        offices=ManageOffices(offices, clock),
        policy=ManagePolicy(entities.PolicyTable(), clock),
        senders=ManageSenders(
            entities.SenderTable(),
            offices,
            clock,
            send_queue=SqsQueue(client("sqs"), settings.send_queue_url, correlation_id),
            parse_phone=parse_phone,
            default_country=settings.default_country,
        ),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one REST API request."""
    return answer(app, event, context)


@route("GET", "/v1/me", gives="Me")
def show_me(request: Request) -> dict[str, Any]:
    """Tell callers who they are."""
    caller = request.caller
    return {
        "subject": caller.subject,
        "role": caller.role,
        "offices": caller.offices,
        "key": caller.key,
    }


@route("GET", "/v1/organisation", gives="Organisation")
def show_organisation(_request: Request) -> dict[str, Any]:
    """Show whose deployment this is, and its policy; the former is changed by deploying."""
    made = build()
    return {**vars(made.organisation), "policy": made.policy.get()}


@route("GET", "/v1/offices", gives="OfficeList")
def list_offices(request: Request) -> dict[str, Any]:
    """List the caller's offices."""
    return {"items": build().offices.visible(request.access), "next_cursor": None}


@route("POST", "/v1/offices", takes=NewOffice, gives="Office", status=201)
def create_office(request: Request, new: NewOffice) -> Office:
    """Create an office."""
    return build().offices.create(request.origin, new)


@route("GET", "/v1/offices/{office_id}", gives="Office")
def show_office(request: Request, office_id: str) -> Office:
    """Show an office."""
    return build().offices.get(request.access, office_id)


@route("PATCH", "/v1/offices/{office_id}", takes=OfficeChange, gives="Office")
def change_office(request: Request, change: OfficeChange, office_id: str) -> Office:
    """Rename an office, or move it to another time zone."""
    return build().offices.change(request.access, office_id, change)


@route("GET", "/v1/policy", gives="Policy")
def show_policy(_request: Request) -> OrganisationPolicy:
    """Show what all campaigns keep to beyond the law."""
    return build().policy.get()


@route("PUT", "/v1/policy", takes=NewPolicy, gives="Policy")
def put_policy(_request: Request, new: NewPolicy) -> OrganisationPolicy:
    """Replace the policy; it can only be stricter than the law."""
    return build().policy.put(new)


@route("GET", "/v1/senders", gives="SenderList", query=PAGED)
def list_senders(request: Request) -> dict[str, Any]:
    """List senders, newest first."""
    page = request.page
    return listed(build().senders.page(request.access, page.limit, page.after), _sender)


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


def _sender(sender: Sender) -> dict[str, Any]:
    shown = public(sender)
    if sender.problem:
        shown["problem_reason"] = failure_reason(sender.problem).reason
    return shown
