"""The functions of the send path, composed as in Lambda, over emulated AWS services."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from moto import mock_aws

from carillon.adapters import aws
from carillon.adapters.providers.twilio import signature
from carillon.domain.message import CallbackRef, RowRef
from tests.support.dynamodb_server import DynamoServer, dynamodb_server
from tests.support.stores import DynamoStores, dynamo_stores_in

FOLDERS = (
    "provider_webhooks",
    "follow_links",
    "aws_sms_events",
    "process_receipts",
    "process_inbound",
    "mirror_opt_outs",
    "fetch_media",
    "ask_assistant",
    "send_messages",
    "reconcile_messages",
)
QUEUES = ("RECEIPT", "INBOUND", "MEDIA", "ASSISTANT", "SEND", "RECONCILE", "RECOUNT")
TOKEN = "north-token"
PREVIOUS_TOKEN = "north-token-before"
SECRET = "carillon/north"
# On this machine and nobody listens: what the carrier reports is lost at once, not by a timeout.
BASE_URL = "https://localhost/prod"
LINK_BASE_URL = "https://go.example.org"
FORM_TYPE = "application/x-www-form-urlencoded"

Form = Mapping[str, str | list[str]]


class Context:
    """What Lambda tells a handler."""

    aws_request_id = "req-1"
    function_name = "function"

    def __init__(self, left_ms: int = 120_000) -> None:
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms


@dataclass(frozen=True)
class Deployment:
    """The functions and what they stand on."""

    stores: DynamoStores
    sqs: Any
    secrets: Any
    s3: Any
    queue_urls: Mapping[str, str]
    # Where the functions find DynamoDB; the stores reach the same tables directly.
    dynamodb: DynamoServer

    def function(self, folder: str) -> ModuleType:
        return import_module(f"functions.{folder}.app")

    def invoke(self, folder: str, event: Mapping[str, Any], context: Context | None = None) -> Any:
        return self.function(folder).lambda_handler(event, context or Context())

    def queued(self, queue: str) -> list[dict[str, Any]]:
        """Return the messages that wait in *queue*, taking them out."""
        found: list[dict[str, Any]] = []
        url = self.queue_urls[queue]
        while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [json.loads(message["Body"]) for message in batch]
        return found

    def delayed(self, queue: str) -> int:
        """Return how many messages of *queue* are not visible yet."""
        name = "ApproximateNumberOfMessagesDelayed"
        url = self.queue_urls[queue]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def keep_secret(self, values: Mapping[str, str]) -> None:
        self.secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps(dict(values)))


@contextmanager
def deployment() -> Iterator[Deployment]:
    """Give the functions over empty tables, with one secret; nothing of it stays behind."""
    with (
        pytest.MonkeyPatch.context() as environment,
        mock_aws(),
        dynamodb_server() as dynamodb,
    ):
        _set(environment, _environment())
        stores = dynamo_stores_in(boto3.client("dynamodb"))
        _set(environment, {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url})
        sqs = boto3.client("sqs")
        urls = {name: sqs.create_queue(QueueName=name.lower())["QueueUrl"] for name in QUEUES}
        _set(environment, {f"{name}_QUEUE_URL": url for name, url in urls.items()})
        secrets = boto3.client("secretsmanager")
        account = {
            "account_sid": "AC1",
            "auth_token": TOKEN,
            "previous_auth_token": PREVIOUS_TOKEN,
        }
        secrets.create_secret(Name=SECRET, SecretString=json.dumps(account))
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="files")
        _forget_compositions()
        yield Deployment(
            stores=stores,
            sqs=sqs,
            secrets=secrets,
            s3=s3,
            queue_urls=urls,
            dynamodb=dynamodb,
        )
        _forget_compositions()


def _environment() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "sending",
        "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
        "CONTROL_TABLE": "ControlTable",
        "MESSAGES_TABLE": "MessagesTable",
        "SUPPRESSIONS_TABLE": "SuppressionsTable",
        "CONSENT_TABLE": "ConsentTable",
        "COUNTERS_TABLE": "CountersTable",
        "CONVERSATIONS_TABLE": "ConversationsTable",
        "FILES_BUCKET": "files",
        "WEBHOOK_BASE_URL": BASE_URL,
        "LINK_BASE_URL": LINK_BASE_URL,
        "ORGANISATION_NAME": "City Food Bank",
    }


def _set(environment: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        environment.setenv(name, value)


def _forget_compositions() -> None:
    aws.client.cache_clear()
    aws.sending_dynamodb.cache_clear()
    for folder in FOLDERS:
        import_module(f"functions.{folder}.app").build.cache_clear()


# Events ------------------------------------------------------------------------


def a_webhook(
    kind: str = "status",
    form: Form | None = None,
    *,
    sender_id: str = "snd_a",
    query: str = "",
    token: str = TOKEN,
    **changes: Any,
) -> dict[str, Any]:
    """Return an HTTP API event (payload 2.0) of a signed form; *changes* replace its parts."""
    given = form if form is not None else {"MessageSid": "SM1", "MessageStatus": "sent"}
    values = {name: [v] if isinstance(v, str) else v for name, v in given.items()}
    path = f"/twilio/{sender_id}/{kind}"
    url = BASE_URL + path + (f"?{query}" if query else "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"POST /{{provider}}/{{sender_id}}/{kind}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "content-type": FORM_TYPE,
            "x-twilio-signature": signature(url, values, token),
        },
        "requestContext": {
            "http": {"method": "POST", "path": path},
            "requestId": "request-7",
            "stage": "$default",
        },
        "pathParameters": {"provider": "twilio", "sender_id": sender_id},
        "body": urlencode(values, doseq=True),
        "isBase64Encoded": False,
    }
    if query:
        pairs = (pair.partition("=") for pair in query.split("&"))
        event["queryStringParameters"] = {name: value for name, _, value in pairs}
    headers = changes.pop("headers", {})
    event["headers"] = {k: v for k, v in {**event["headers"], **headers}.items() if v is not None}
    return {**event, **changes}


def in_base64(event: dict[str, Any]) -> dict[str, Any]:
    """Return *event* as the gateway passes on a body that it takes for binary."""
    body = base64.b64encode(event["body"].encode()).decode()
    return {**event, "body": body, "isBase64Encoded": True}


def a_batch(*bodies: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return an SQS event; message ids are m0, m1 and so on."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def a_receipt_message(ref: RowRef, status: str, **changes: Any) -> dict[str, Any]:
    """Return what provider_webhooks enqueues for a status callback; *changes* add form fields."""
    fields = {"MessageSid": "SM1", "MessageStatus": status, "To": "+12025550142", **changes}
    return {
        "v": 1,
        "correlation_id": "request-7",
        "provider": "twilio",
        "sender_id": "snd_a",
        "ref": CallbackRef(ref).token,
        "received_at": "2026-11-22T12:00:09.000Z",
        "payload": {name: [value] for name, value in fields.items()},
    }


def an_inbound_message(body: str, sid: str = "SMin1", **changes: Any) -> dict[str, Any]:
    """Return what provider_webhooks enqueues for an inbound message."""
    return {
        "v": 1,
        "correlation_id": "request-8",
        "provider": "twilio",
        "sender_id": "snd_a",
        "received_at": "2026-11-22T12:01:00.000Z",
        "ref": "",
        "payload": {"MessageSid": [sid], "From": ["+12025550142"], "Body": [body]},
        **changes,
    }
