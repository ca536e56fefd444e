"""
What leaves Carillon for other systems: exports.

Sign-in, permissions and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.exports import DynamoExportedDirectory, DynamoExportJobs
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.exports import Export
from carillon.edge.http import Request, Router, answer, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed
from carillon.settings import IntegrationsApi, from_env
from carillon.usecases.manage_exports import ManageExports, NewExport

app = new_app("integrations_api")
route = Router(app)


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    exports: ManageExports


@cache
def build() -> UseCases:
    """Compose the function once per process."""
    settings = from_env(IntegrationsApi)
    database, clock = client("dynamodb"), SystemClock()
    return UseCases(
        exports=ManageExports(
            DynamoExportJobs(database, settings.control_table),
            DynamoExportedDirectory(database, settings.control_table),
            S3Objects(client("s3"), settings.files_bucket),
            SqsQueue(client("sqs"), settings.export_queue_url, correlation_id),
            clock,
        ),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of the REST API."""
    return answer(app, event, context)


@route("GET", "/v1/exports", gives="ExportList", query=PAGED)
def list_exports(request: Request) -> dict[str, Any]:
    """List the exports that you may read, newest first; a short page may have a next one."""
    page = request.page
    return listed(build().exports.page(request.access, page.limit, page.after), _export)


@route("POST", "/v1/exports", takes=NewExport, gives="Export", status=202)
def create_export(request: Request, new: NewExport) -> dict[str, Any]:
    """Have a file made: messages, conversations, campaigns, opt-outs or failed leads."""
    return _export(build().exports.create(request.access, request.origin, new))


@route("GET", "/v1/exports/{export_id}", gives="ExportFile")
def show_export(request: Request, export_id: str) -> dict[str, Any]:
    """Show how far an export is, and once it is done a link to its file, good for minutes."""
    job, url = build().exports.get(request.access, export_id)
    return {**_export(job), "url": url}


def _export(job: Export) -> dict[str, Any]:
    reach = job.reach
    return {
        "id": job.id,
        "kind": job.kind,
        "format": job.format,
        "status": job.status,
        "progress": job.progress,
        "rows": job.rows,
        "size": job.size,
        "offices": reach.offices,
        "campaign_ids": reach.campaign_ids,
        "start": reach.start,
        "end": reach.end,
        "full_numbers": reach.full,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "expires_at": job.expires_at,
        "error_code": job.error_code,
        "error": job.error,
    }
