"""
The deployed REST API without its gateway: the real functions over emulated AWS services.

Events go to the function whose app has the route; answers are checked against
the schemas of ``infra/openapi.yaml`` by whoever wants (``violations``).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import jsonschema  # type: ignore[import-untyped]  # its stubs are not worth a dependency
import pytest
import yaml
from moto import mock_aws

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.canned_replies import DynamoCannedReplies
from carillon.adapters.dynamodb.consent_jobs import DynamoOptOutJobs
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.exports import DynamoExportJobs
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.dynamodb.webhooks import DynamoWebhookBook
from carillon.domain.audience import encode_part, part_key
from carillon.domain.campaign import Campaign, Sender
from carillon.domain.canned import CannedReply
from carillon.domain.consent_jobs import OptOutExport, OptOutImport
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.conversation import Conversation
from carillon.domain.exports import Export
from carillon.domain.ids import lead_key
from carillon.domain.message import Recipient, RowRef, Suppression
from carillon.domain.organisation import Office
from carillon.domain.webhooks import Webhook
from carillon.domain.whereabouts import Whereabouts
from functions.analytics_api import app as analytics_api
from functions.campaigns_api import app as campaigns_api
from functions.consent_api import app as consent_api
from functions.contacts_api import app as contacts_api
from functions.conversations_api import app as conversations_api
from functions.integrations_api import app as integrations_api
from functions.organisation_api import app as organisation_api
from tests.support.clock import NOON
from tests.support.messages import a_claim
from tests.support.requests import Answered, an_event, answered
from tests.support.tables import create_tables

APPS = (
    organisation_api,
    contacts_api,
    campaigns_api,
    analytics_api,
    consent_api,
    conversations_api,
    integrations_api,
)
OPENAPI = Path(__file__).parents[2] / "infra" / "openapi.yaml"
_BUCKET = "files"
_QUEUES = ("IMPORT", "PLAN", "SEND", "RECOUNT", "OPT_OUT", "EXPORT", "DELIVERY")
_TABLES = (
    "Control",
    "Deliveries",
    "Messages",
    "Counters",
    "Suppressions",
    "Consent",
    "Conversations",
)


@dataclass(frozen=True)
class HttpApi:
    """Sends requests, and keeps entities where the functions find them."""

    def send(self, method: str, template: str, **event: Any) -> Answered:
        """Return the answer to a request; see ``tests.support.requests.an_event``."""
        app = next(app for app in APPS if method in app.app.routes.get(template, {}))
        return answered(app.lambda_handler(an_event(method, template, **event), None))

    def keep(
        self,
        *kept: Office | Sender | ListRecord | ImportRecord | Campaign | Conversation | CannedReply,
    ) -> None:
        """Store entities that are not there yet."""
        for one in kept:
            match one:
                case Office():
                    entities.OfficeTable().create(one, "")
                case Sender():
                    entities.SenderTable().create(one, "")
                case ListRecord():
                    entities.ListTable().create(one, "")
                case ImportRecord():
                    entities.ListTable().create_import(one, "")
                case Campaign():
                    entities.CampaignTable().create(one, "")
                case CannedReply():
                    shelf = DynamoCannedReplies(_client("dynamodb"), "ControlTable")
                    shelf.create(one, "")
                case Conversation():
                    table = DynamoConversations(_client("dynamodb"), "ConversationsTable")
                    table.save(one)

    def opt_out(self, phone: str) -> None:
        """Have a manager's opt-out of *phone* stand."""
        suppressions = DynamoSuppressions(
            _client("dynamodb"), "SuppressionsTable", "ConsentTable", lambda: NOON
        )
        suppressions.opt_out(
            Suppression(phone=phone, opted_out=True, event_at=NOON, source="manager", cause="opt_1")
        )

    def keep_audience(self, campaign_id: str, phone: str) -> None:
        """Freeze a campaign's audience of one, and have that one texted."""
        person = Recipient(lead_key(phone), phone, {}, Whereabouts(("Europe/Paris",), ("FR",)))
        body = encode_part(campaign_id, 0, NOON, [person])
        _client("s3").put_object(Bucket=_BUCKET, Key=part_key(campaign_id, 0), Body=body)
        claim = a_claim(ref=RowRef(f"{campaign_id}#00000", person.key), phone=phone)
        DynamoMessages(_client("dynamodb"), "MessagesTable").claim(claim)

    def keep_jobs(self, *jobs: OptOutImport | OptOutExport) -> None:
        """Store imports and exports of opt-outs that are not there yet."""
        kept = DynamoOptOutJobs(_client("dynamodb"), "ConsentTable")
        for job in jobs:
            if isinstance(job, OptOutImport):
                kept.create_import(job, "")
            else:
                kept.create_export(job, "")

    def keep_exports(self, *exports: Export) -> None:
        """Store exports that are not there yet."""
        kept = DynamoExportJobs(_client("dynamodb"), "ControlTable")
        for export in exports:
            kept.create(export, "")

    def keep_webhooks(self, *webhooks: Webhook) -> None:
        """Store endpoints that are not there yet."""
        book = DynamoWebhookBook(_client("dynamodb"), "ControlTable")
        for webhook in webhooks:
            book.create(webhook, "")

    def upload(self, key: str) -> None:
        """Put an object where an import expects its file."""
        _client("s3").put_object(Bucket=_BUCKET, Key=key, Body=b"phone\n")

    def queued(self, name: str) -> list[str]:
        """Take the bodies that wait in a queue (``plan``)."""
        sqs = _client("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [message["Body"] for message in messages]


@contextmanager
def http_api() -> Iterator[HttpApi]:
    """Compose all of them over moto, as Lambda would over AWS."""
    with mock_aws(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in _TABLES:
            environment.setenv(f"{name.upper()}_TABLE", f"{name}Table")
        environment.setenv("FILES_BUCKET", _BUCKET)
        environment.setenv("ORGANISATION_NAME", "Carillon")
        _forget_compositions()
        create_tables(_client("dynamodb"))
        _client("s3").create_bucket(Bucket=_BUCKET)
        for name in _QUEUES:
            url = _client("sqs").create_queue(QueueName=name.lower())["QueueUrl"]
            environment.setenv(f"{name}_QUEUE_URL", url)
        entities.connect("ControlTable")
        yield HttpApi()
    _forget_compositions()


@cache
def _client(service: str) -> Any:
    """Return the one client by which the tests look and put; making one is slow."""
    return boto3.client(service)


def _forget_compositions() -> None:
    client.cache_clear()
    _client.cache_clear()
    for app in APPS:
        app.build.cache_clear()


def violations(schema_name: str, body: Any) -> list[str]:
    """
    Return where *body* is not what the contract says of *schema_name*.

    API Gateway's schemas cannot say "or null": what is not required may be null.
    No answer may hold a property that its schema does not know.
    """
    schema = {**_document(), "$ref": f"#/components/schemas/{schema_name}"}
    validator = jsonschema.Draft4Validator(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))
    _close(document["components"]["schemas"])
    return {"components": document["components"]}


def _close(node: Any) -> None:
    if isinstance(node, Mapping):
        for child in node.values():
            _close(child)
    if isinstance(node, dict) and isinstance(node.get("properties"), dict):
        required = node.get("required", [])
        node["additionalProperties"] = False
        node["properties"] = {
            name: child if name in required else {"anyOf": [child, {"type": "null"}]}
            for name, child in node["properties"].items()
        }
