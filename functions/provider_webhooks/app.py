"""
What providers call: verify the signature, enqueue the form as it came, answer 2xx (I1).

An unverifiable request is 403, whatever is wrong with it, and nothing of it is
kept. The signature covers the public address, so the address is built from
what we told the provider, never from a Host header.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.providers import twilio
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.clock import to_iso
from carillon.domain.errors import NotFound
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.ports import Queue

app = APIGatewayHttpResolver()
_FORM = "application/x-www-form-urlencoded"
# Far above what a provider sends, far below what a queue takes (256 kB).
_MOST_CHARS = 64_000
_MOST_FIELDS = 200
_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class Webhooks:
    """Knows the account behind each sender and the queues behind each kind of call."""

    def __init__(
        self, directory: DynamoDirectory, secrets: Secrets, *, receipts: Queue, inbound: Queue
    ) -> None:
        self._directory = directory
        self._secrets = secrets
        self.receipts = receipts
        self.inbound = inbound
        self._accounts: dict[str, str] = {}

    def credentials(self, sender_id: str) -> twilio.TwilioCredentials:
        """Return the account that signs for *sender_id*; raises NotFound."""
        if sender_id not in self._accounts:
            sender = self._directory.sender(sender_id)
            if sender.provider != "twilio":
                raise NotFound("This sender is not Twilio's.", code="sender_not_found")
            self._accounts[sender_id] = sender.credentials_secret
        return twilio.TwilioCredentials.from_secret(self._secrets.read(self._accounts[sender_id]))


@cache
def build() -> tuple[Webhooks, str]:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.ProviderWebhooks)
    clock = SystemClock()
    sqs = aws.client("sqs")
    webhooks = Webhooks(
        DynamoDirectory(aws.client("dynamodb"), env.control_table),
        Secrets(aws.client("secretsmanager"), clock.monotonic),
        receipts=SqsQueue(sqs, env.receipt_queue_url, correlation_id),
        inbound=SqsQueue(sqs, env.inbound_queue_url, correlation_id),
    )
    return webhooks, env.webhook_base_url


@app.post("/twilio/<sender_id>/status")
def take_status(sender_id: str) -> Response[str]:
    """Take one status callback."""
    return _take(sender_id, "status")


@app.post("/twilio/<sender_id>/inbound")
def take_inbound(sender_id: str) -> Response[str]:
    """Take one inbound message."""
    return _take(sender_id, "inbound")


def _take(sender_id: str, kind: str) -> Response[str]:
    webhooks, base_url = build()
    params = _verified_form(sender_id, kind, webhooks, base_url)
    if params is None:
        return _refused()
    message = {
        "provider": "twilio",
        "sender_id": sender_id,
        "received_at": to_iso(SystemClock().now()),
        "params": params,
    }
    if kind == "status":
        ref = (app.current_event.query_string_parameters or {}).get("ref", "")
        webhooks.receipts.put({**message, "ref": ref})
        return Response(status_code=204, body="")
    webhooks.inbound.put(message)
    return Response(status_code=200, content_type="text/xml", body=_EMPTY_TWIML)


def _refused() -> Response[str]:
    _count("webhook_refused")
    return Response(status_code=403, content_type="text/plain", body="Forbidden")


@app.not_found
def refuse_other_addresses(_: Exception) -> Response[str]:
    """Refuse an address that only looks like one of ours."""
    return _refused()


def _verified_form(
    sender_id: str, kind: str, webhooks: Webhooks, base_url: str
) -> dict[str, list[str]] | None:
    """Return the form if its signature holds, else None."""
    event = app.current_event
    given = event.headers.get("x-twilio-signature", "")
    content_type = event.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not given or content_type != _FORM:
        return None
    query = event.raw_event.get("rawQueryString") or ""
    url = f"{base_url}/twilio/{sender_id}/{kind}" + (f"?{query}" if query else "")
    try:
        params = _form(event.decoded_body or "")
        credentials = webhooks.credentials(sender_id)
        return params if twilio.is_signed(url, params, given, credentials) else None
    except (NotFound, ValueError):
        # No such sender, or bytes that are no text: no signature can be right.
        return None


def _form(body: str) -> dict[str, list[str]]:
    """Return the fields of a form post; ValueError when it is none that a provider sends."""
    if len(body) > _MOST_CHARS:
        raise ValueError("longer than any form of a provider's")
    return parse_qs(body, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)


def _count(name: str) -> None:
    counts = metrics()
    counts.add_metric(name=name, unit=MetricUnit.Count, value=1)
    counts.flush_metrics()


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle one call of the HTTP API; its request id is the correlation id from here on."""
    logger.set_correlation_id(event["requestContext"]["requestId"])
    return app.resolve(dict(event), context)
