"""
The deployed REST API without its gateway: the real functions over emulated AWS services.

Events go to the function whose app has the route; answers are checked against
the schemas of ``infra/openapi.yaml`` by whoever wants (``violations``).
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import jsonschema  # type: ignore[import-untyped]  # its stubs are not worth a dependency
import pytest
from moto import mock_aws

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.audit import DynamoAuditTrail
from carillon.adapters.dynamodb.canned_replies import DynamoCannedReplies
from carillon.adapters.dynamodb.consent_jobs import DynamoOptOutJobs
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.exports import DynamoExportJobs
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.people import DynamoApiKeys
from carillon.adapters.dynamodb.person_requests import DynamoPersonRequests
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.dynamodb.webhooks import DynamoWebhookBook
from carillon.domain.api_keys import ApiKey
from carillon.domain.audience import encode_part, part_key
from carillon.domain.audit import AuditEntry, AuditFilter
from carillon.domain.campaign import Campaign, Sender
from carillon.domain.canned import CannedReply
from carillon.domain.commands import Origin
from carillon.domain.consent_jobs import OptOutExport, OptOutImport
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.conversation import Conversation
from carillon.domain.exports import Export
from carillon.domain.ids import lead_key
from carillon.domain.message import Recipient, RowRef, Suppression
from carillon.domain.organisation import Office
from carillon.domain.permissions import Role
from carillon.domain.person_requests import PersonRequest
from carillon.domain.saved_segments import SavedSegment
from carillon.domain.webhooks import Webhook
from carillon.domain.whereabouts import Whereabouts
from carillon.usecases.manage_users import NewUser
from functions.analytics_api import app as analytics_api
from functions.campaigns_api import app as campaigns_api
from functions.consent_api import app as consent_api
from functions.contacts_api import app as contacts_api
from functions.conversations_api import app as conversations_api
from functions.integrations_api import app as integrations_api
from functions.organisation_api import app as organisation_api
from functions.people_api import app as people_api
from functions.record_audit_log import app as record_audit_log
from functions.schedules_api import app as schedules_api
from infra.local.documents import read_yaml
from infra.local.emulator import running_emulator
from tests.support.clock import NOON
from tests.support.messages import a_claim
from tests.support.requests import Answered, an_event, answered
from tests.support.tables import create_tables, table_definitions

APPS = (
    organisation_api,
    people_api,
    contacts_api,
    campaigns_api,
    analytics_api,
    consent_api,
    conversations_api,
    integrations_api,
    schedules_api,
)
OPENAPI = Path(__file__).parents[2] / "infra" / "openapi.yaml"
_BUCKET = "files"
_QUEUES = ("IMPORT", "PLAN", "SEND", "RECOUNT", "OPT_OUT", "PERSON", "EXPORT", "DELIVERY")
_TABLES = (
    "Control",
    "Deliveries",
    "Contacts",
    "Messages",
    "Counters",
    "Suppressions",
    "Consent",
    "Conversations",
    "Audit",
)
_STREAMED = ("ControlTable", "ConsentTable")
_SECRET = "audit"


@dataclass(frozen=True)
class HttpApi:
    """Sends requests, and keeps entities where the functions find them."""

    # How far the audit log has been written, by table.
    _read_to: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, template: str, **event: Any) -> Answered:
        """Return the answer to a request; see ``tests.support.requests.an_event``."""
        app = next(app for app in APPS if method in app.app.routes.get(template, {}))
        return answered(app.lambda_handler(an_event(method, template, **event), None))

    def keep(
        self,
        *kept: Office
        | Sender
        | ListRecord
        | ImportRecord
        | SavedSegment
        | Campaign
        | Conversation
        | CannedReply
        | PersonRequest,
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
                case SavedSegment():
                    entities.SegmentTable().create(one, "")
                case PersonRequest():
                    DynamoPersonRequests(_client("dynamodb"), "ControlTable").create(one, "")
                case Campaign():
                    entities.CampaignTable().create(one, "")
                case CannedReply():
                    shelf = DynamoCannedReplies(_client("dynamodb"), "ControlTable")
                    shelf.create(one, "")
                case Conversation():
                    table = DynamoConversations(_client("dynamodb"), "ConversationsTable")
                    table.save(one)

    def invite(self, email: str) -> str:
        """Make an account that nobody gave a role yet; return its id."""
        return people_api.build().users.invite(NewUser(email=email, role="limited")).id

    def disable(self, user_id: str) -> None:
        """Let a user in no more."""
        people_api.build().users.disable(Origin("usr_setup", None, ""), user_id)

    def keep_key(self, key: ApiKey) -> None:
        """Store an API key that is not there yet."""
        DynamoApiKeys(_client("dynamodb"), "ControlTable").create(key)

    def begin_anew(self) -> None:
        """Make all tables empty: moto copies them whole at each transaction."""
        for name in table_definitions():
            _client("dynamodb").delete_table(TableName=name)
        create_tables(_client("dynamodb"))
        self._read_to.clear()

    def audit_from_here(self) -> None:
        """Leave out of the audit log what was changed until now."""
        for table in _STREAMED:
            self._next_records(table)

    def audited(self) -> list[AuditEntry]:
        """Have the audit log written as far as it goes; return what came in since last time."""
        before = set(_entries())
        for table in _STREAMED:
            records = self._next_records(table)
            answer = record_audit_log.lambda_handler({"Records": records}, None)
            assert answer == {"batchItemFailures": []}
        return [entry for name, entry in _entries().items() if name not in before]

    def _next_records(self, table: str) -> list[dict[str, Any]]:
        """Return what of a table's stream Lambda would be given next."""
        streams, records = _client("dynamodbstreams"), list[dict[str, Any]]()
        while True:
            # From a place anew each time: a transaction that fails gives moto another stream.
            place = _place(table, self._read_to.get(table))
            found = streams.get_records(ShardIterator=place)["Records"]
            if not found:
                return records
            self._read_to[table] = found[-1]["dynamodb"]["SequenceNumber"]
            records += found

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

    def upload(self, key: str, body: bytes = b"phone\n", content_type: str = "text/csv") -> None:
        """Put an object where an import, or a campaign, expects its file."""
        _client("s3").put_object(Bucket=_BUCKET, Key=key, Body=body, ContentType=content_type)

    def queued(self, name: str) -> list[str]:
        """Take the bodies that wait in a queue (``plan``)."""
        sqs = _client("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [message["Body"] for message in messages]


@contextmanager
def http_api(*, user_pool: bool = False) -> Iterator[HttpApi]:
    """
    Compose all of them over moto, as Lambda would over AWS.

    moto's user pool wants a library that we do not have, so *user_pool* takes the emulator's.
    """
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in _TABLES:
            environment.setenv(f"{name.upper()}_TABLE", f"{name}Table")
        environment.setenv("FILES_BUCKET", _BUCKET)
        environment.setenv("ORGANISATION_NAME", "Carillon")
        environment.setenv("LINK_BASE_URL", "https://go.example.org")
        _forget_compositions()
        create_tables(_client("dynamodb"))
        _client("s3").create_bucket(Bucket=_BUCKET)
        for name in _QUEUES:
            url = _client("sqs").create_queue(QueueName=name.lower())["QueueUrl"]
            environment.setenv(f"{name}_QUEUE_URL", url)
        environment.setenv("AUDIT_SECRET", _SECRET)
        _client("secretsmanager").create_secret(Name=_SECRET, SecretString='{"key": "k"}')
        environment.setenv("USER_POOL_ID", "none")
        if user_pool:
            emulator = stack.enter_context(running_emulator())
            environment.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", emulator.url)
            environment.setenv("USER_POOL_ID", _make_user_pool())
        entities.connect("ControlTable")
        yield HttpApi()
    _forget_compositions()


def _make_user_pool() -> str:
    pools = _client("cognito-idp")
    pool_id: str = pools.create_user_pool(PoolName="x", UsernameAttributes=["email"])["UserPool"][
        "Id"
    ]
    for role in Role:
        pools.create_group(UserPoolId=pool_id, GroupName=f"role.{role}")
    return pool_id


def _entries() -> dict[str, AuditEntry]:
    trail = DynamoAuditTrail(_client("dynamodb"), "AuditTable")
    page = trail.page(AuditFilter(until=datetime.now(UTC) + timedelta(days=1)), 10_000, None)
    return {entry.id: entry for entry in page.items}


def _place(table: str, read_to: str | None) -> str:
    """Return the place in the stream of *table* that follows what was read, or its beginning."""
    streams = _client("dynamodbstreams")
    arn = _client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    where: dict[str, str] = (
        {"ShardIteratorType": "TRIM_HORIZON"}
        if read_to is None
        else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": read_to}
    )
    answer = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], **where)
    place: str = answer["ShardIterator"]
    return place


@cache
def _client(service: str) -> Any:
    """Return the one client by which the tests look and put; making one is slow."""
    return boto3.client(service)


def _forget_compositions() -> None:
    client.cache_clear()
    _client.cache_clear()
    for app in (*APPS, record_audit_log):
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
    document = read_yaml(OPENAPI)
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
