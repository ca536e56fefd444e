"""
What leaves Carillon for other systems: exports, and webhooks about what happens.

Sign-in, permissions and problems are the edge's (carillon.edge.http).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.exports import DynamoExportJobs
from carillon.adapters.dynamodb.webhooks import DynamoDeliveryLog, DynamoWebhookBook
from carillon.adapters.media import SafeFetcher
from carillon.adapters.objects import S3Objects
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.errors import InvalidInput
from carillon.domain.exports import Export
from carillon.domain.media import MediaRefused
from carillon.domain.webhooks import Delivery, Webhook
from carillon.edge.acting import author
from carillon.edge.http import Request, Router, answer, new_app
from carillon.edge.logs import correlation_id
from carillon.edge.views import PAGED, listed
from carillon.settings import IntegrationsApi, from_env
from carillon.usecases.manage_exports import ManageExports, NewExport
from carillon.usecases.manage_webhooks import ManageWebhooks, NewWebhook, WebhookChange

app = new_app("integrations_api")
route = Router(app)


@dataclass(frozen=True)
class UseCases:
    """What the views call."""

    exports: ManageExports
    webhooks: ManageWebhooks


@cache
def build() -> UseCases:
    """Compose the function once per process."""
    settings = from_env(IntegrationsApi)
    database, clock = client("dynamodb"), SystemClock()
    return UseCases(
        exports=ManageExports(
            DynamoExportJobs(database, settings.control_table),
            DynamoCatalogue(database, settings.control_table),
            S3Objects(client("s3"), settings.files_bucket),
            SqsQueue(client("sqs"), settings.export_queue_url, correlation_id),
            clock,
        ),
        webhooks=ManageWebhooks(
            DynamoWebhookBook(database, settings.control_table, author),
            DynamoDeliveryLog(database, settings.deliveries_table),
            SqsQueue(client("sqs"), settings.delivery_queue_url, correlation_id),
            clock,
            _check_url,
        ),
    )


def _check_url(url: str) -> None:
    try:
        SafeFetcher().check(url)
    except MediaRefused as error:
        raise InvalidInput(
            "url must be an https address on port 443 with a public host name.",
            field="url",
            code="webhook_url",
        ) from error


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


_WEBHOOK = "/v1/webhooks/{webhook_id}"


@route("GET", "/v1/webhooks", gives="WebhookList")
def list_webhooks(request: Request) -> dict[str, Any]:
    """List the endpoints in reach, newest first."""
    found = build().webhooks.page(request.access)
    return {"items": [_webhook(one) for one in found], "next_cursor": None}


@route("POST", "/v1/webhooks", takes=NewWebhook, gives="WebhookSecret", status=201)
def create_webhook(request: Request, new: NewWebhook) -> dict[str, Any]:
    """Have events delivered to an endpoint; its secret is shown here and never again."""
    return _with_secret(build().webhooks.create(request.access, request.origin, new))


@route("GET", _WEBHOOK, gives="Webhook")
def show_webhook(request: Request, webhook_id: str) -> dict[str, Any]:
    """Show an endpoint, and since when it fails if it does."""
    return _webhook(build().webhooks.get(request.access, webhook_id))


@route("PATCH", _WEBHOOK, takes=WebhookChange, gives="Webhook")
def change_webhook(request: Request, change: WebhookChange, webhook_id: str) -> dict[str, Any]:
    """Change an endpoint, disable it or enable it again."""
    return _webhook(build().webhooks.change(request.access, webhook_id, change))


@route("DELETE", _WEBHOOK, gives="Removed")
def delete_webhook(request: Request, webhook_id: str) -> dict[str, Any]:
    """Forget an endpoint, and what waits for it."""
    build().webhooks.delete(request.access, webhook_id)
    return {"id": webhook_id}


@route("POST", f"{_WEBHOOK}/rotate", gives="WebhookSecret")
def rotate_webhook_secret(request: Request, webhook_id: str) -> dict[str, Any]:
    """Give an endpoint a new secret; for a day deliveries are signed with the old one as well."""
    return _with_secret(build().webhooks.rotate(request.access, webhook_id))


@route("POST", f"{_WEBHOOK}/test", gives="WebhookDelivery", status=202)
def try_webhook(request: Request, webhook_id: str) -> dict[str, Any]:
    """Have a test event delivered; what came of it is listed with the deliveries."""
    return _delivery(build().webhooks.test(request.access, request.origin, webhook_id))


@route("GET", f"{_WEBHOOK}/deliveries", gives="WebhookDeliveryList", query=PAGED)
def list_deliveries(request: Request, webhook_id: str) -> dict[str, Any]:
    """List what went to an endpoint in the last seven days, newest first."""
    page = request.page
    found = build().webhooks.deliveries(request.access, webhook_id, page.limit, page.after)
    return listed(found, _delivery)


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "event_types": webhook.event_types,
        "office_id": webhook.office_id,
        "include_phone": webhook.include_phone,
        "description": webhook.description,
        "created_at": webhook.created_at,
        "created_by": webhook.created_by,
        "enabled": webhook.disabled is None,
        "disabled": webhook.disabled,
        "disabled_at": webhook.disabled_at,
        "failing_since": webhook.failing_since,
        "old_secret_until": webhook.old_secret_until,
    }


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    return {**_webhook(webhook), "secret": webhook.secret}


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "event_id": one.event_id,
        "type": one.type,
        "at": one.at,
        "status": one.status,
        "attempts": one.attempts,
        "next_at": one.next_at,
        "last_attempt_at": one.last_attempt_at,
        "response_status": one.response_status,
        "error": one.error,
    }
