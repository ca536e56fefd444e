"""
Who may be texted: the opt-out manager, and why a person was texted.

Opt-outs are the organisation's, whichever office they reached. A phone in a path is its
digits, without the plus sign. Sign-in, permissions and problems are the edge's
(carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from carillon.adapters.audiences import S3Audiences
from carillon.adapters.aws import client
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.consent_jobs import DynamoOptOutJobs
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.evidence import DynamoMessageEvidence
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.consent_jobs import BulkOutcome, OptOutExport, OptOutImport
from carillon.domain.law_pack import shipped_pack, shipped_version
from carillon.domain.phone import parse_phone
from carillon.edge.acting import author
from carillon.edge.http import Request, Router, answer, encode_cursor, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed
from carillon.settings import ConsentApi, from_env
from carillon.usecases.disclose_consent import Disclosure
from carillon.usecases.explain_messages import ExplainingWorld, explain_messages
from carillon.usecases.manage_opt_outs import (
    Lookup,
    ManageOptOuts,
    NewOptOut,
    NewOptOutImport,
    StartOptOutImport,
)

app = new_app("consent_api")
route = Router(app)


@dataclass(frozen=True)
class Composition:
    """What the views call."""

    opt_outs: ManageOptOuts
    explaining: ExplainingWorld


@cache
def build() -> Composition:
    """Compose the function once per process."""
    settings = from_env(ConsentApi)
    dynamodb, clock = client("dynamodb"), SystemClock()
    suppressions = DynamoSuppressions(
        dynamodb,
        settings.suppressions_table,
        settings.consent_table,
        clock.now,
        ErasureMarks(dynamodb, settings.control_table),
    )
    ledger = DynamoConsentLedger(dynamodb, settings.consent_table)
    files = S3Objects(client("s3"), settings.files_bucket)
    return Composition(
        opt_outs=ManageOptOuts(
            suppressions,
            ledger,
            DynamoOptOutJobs(dynamodb, settings.consent_table, author),
            files,
            SqsQueue(client("sqs"), settings.opt_out_queue_url, correlation_id),
            clock=clock,
            parse_phone=partial(parse_phone, default_country=settings.default_country),
        ),
        explaining=ExplainingWorld(
            directory=DynamoDirectory(dynamodb, settings.control_table),
            evidence=DynamoMessageEvidence(
                dynamodb,
                messages_table=settings.messages_table,
                control_table=settings.control_table,
                suppressions_table=settings.suppressions_table,
            ),
            audiences=S3Audiences(files),
            ledger=ledger,
            pack=shipped_pack(),
            pack_version=shipped_version(),
            clock=clock,
        ),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of the REST API."""
    return answer(app, event, context)


@route("GET", "/v1/opt-outs", gives="OptOutList", query=("phone", *PAGED))
def list_opt_outs(request: Request) -> dict[str, Any]:
    """List who is opted out, newest first; or by number, by its first digits (4 or more)."""
    page = request.page
    found = build().opt_outs.page(request.query.get("phone", ""), page.limit, page.after)
    return listed(found)


@route("POST", "/v1/opt-outs", takes=NewOptOut, gives="Consent", status=201)
def create_opt_out(request: Request, new: NewOptOut) -> dict[str, Any]:
    """Opt a phone out of everything."""
    return _lookup(build().opt_outs.add(request.origin, new), request)


@route("GET", "/v1/opt-outs/{phone}", gives="Consent", query=PAGED)
def show_consent(request: Request, phone: str) -> dict[str, Any]:
    """Show where a phone stands, and what was said about it, newest first."""
    page = request.page
    return _lookup(build().opt_outs.lookup(phone, page.limit, page.after), request)


@route(
    "DELETE",
    "/v1/opt-outs/{phone}",
    gives="Consent",
    query=("reason", "confirmed_by_contact"),
)
def remove_opt_out(request: Request, phone: str) -> dict[str, Any]:
    """Opt a phone in again, with a reason; who opted out themself must have asked for it."""
    return _lookup(
        build().opt_outs.remove(
            request.origin,
            phone,
            reason=request.query.get("reason", ""),
            confirmed_by_contact=request.query.get("confirmed_by_contact") == "true",
        ),
        request,
    )


@route("POST", "/v1/opt-outs/imports", takes=NewOptOutImport, gives="OptOutUpload", status=201)
def create_opt_out_import(request: Request, new: NewOptOutImport) -> dict[str, Any]:
    """Create an import of opt-outs and say where to upload its CSV."""
    job, upload = build().opt_outs.create_import(request.origin, new)
    return {"import": _import(job), "upload": upload}


@route("GET", "/v1/opt-outs/imports/{import_id}", gives="OptOutImport")
def show_opt_out_import(_request: Request, import_id: str) -> dict[str, Any]:
    """Show how far an import of opt-outs is."""
    return _import(build().opt_outs.get_import(import_id))


@route(
    "POST",
    "/v1/opt-outs/imports/{import_id}/start",
    takes=StartOptOutImport,
    gives="OptOutImport",
    status=202,
)
def start_opt_out_import(
    _request: Request, start: StartOptOutImport, import_id: str
) -> dict[str, Any]:
    """Opt out the phones of the uploaded file."""
    return _import(build().opt_outs.start_import(import_id, start))


@route("GET", "/v1/opt-outs/imports/{import_id}/rejected", gives="Link")
def link_rejected_opt_outs(_request: Request, import_id: str) -> dict[str, Any]:
    """Give a link to the rows that opted nobody out, as CSV."""
    return {"url": build().opt_outs.rejected_link(import_id)}


@route("GET", "/v1/campaigns/{campaign_id}/leads/{phone}/why", gives="WhyTexted")
def explain_lead(request: Request, campaign_id: str, phone: str) -> dict[str, Any]:
    """Say why a campaign texted a person: consent, place, window, caps, sender and outcome."""
    return explain_messages(campaign_id, phone, request.access, build().explaining)


@route("POST", "/v1/opt-outs/exports", gives="OptOutExport", status=202)
def create_opt_out_export(request: Request) -> dict[str, Any]:
    """Have a CSV made of all who are opted out."""
    return _export(build().opt_outs.create_export(request.origin), None)


@route("GET", "/v1/opt-outs/exports/{export_id}", gives="OptOutExport")
def show_opt_out_export(_request: Request, export_id: str) -> dict[str, Any]:
    """Show how far an export is, and once it is done the link to its file."""
    return _export(*build().opt_outs.get_export(export_id))


def _lookup(found: Lookup, request: Request) -> dict[str, Any]:
    standing, entries = found.standing, found.entries.items
    seen = Disclosure.to(request.access.caller, entries, build().explaining.directory)
    return {
        "phone": found.phone,
        "opted_out": standing is not None and standing.opted_out,
        "since": standing and standing.event_at,
        "source": standing and standing.source,
        "cause": standing and standing.cause,
        "entries": [seen.shown(one) for one in entries],
        # Lists of providers that will not let go of who has come back.
        "kept_by": [vars(kept) for kept in standing.kept_by] if standing else [],
        "next_cursor": encode_cursor(found.entries.next),
    }


def _import(job: OptOutImport) -> dict[str, Any]:
    return {
        "id": job.id,
        "status": job.status,
        "reason": job.reason,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "started_at": job.started_at,
        "size": job.size,
        "offset": job.position.offset,
        "rows": job.tally.rows,
        **{outcome: job.tally[outcome] for outcome in BulkOutcome},
        "invalid_reasons": job.tally.reasons,
        "mapping": job.mapping,
        "headers": job.headers,
        "has_rejected": job.rejected_key is not None,
        "error_code": job.error_code,
        "error": job.error,
    }


def _export(job: OptOutExport, url: str | None) -> dict[str, Any]:
    return {
        "id": job.id,
        "status": job.status,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "rows": job.rows,
        "url": url,
    }
