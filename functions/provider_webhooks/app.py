"""
What providers call: have the signature verified, enqueue what came, answer as they like it (I1).

    POST /<provider>/<sender id>/status     a receipt
    POST /<provider>/<sender id>/inbound    an inbound message
    GET  the same                           where the provider calls so (``webhook_methods``)

An unverifiable request is 403, whatever is wrong with it, and nothing of it is
kept. Signatures cover the public address, so the address is built from
what we told the provider, never from a Host header.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.providers import modules
from carillon.adapters.providers.contract import (
    ProviderModule,
    Secret,
    WebhookAnswer,
    WebhookCall,
)
from carillon.adapters.secrets import Secrets
from carillon.adapters.sqs import SqsQueue
from carillon.adapters.system_clock import SystemClock
from carillon.domain.clock import to_iso
from carillon.domain.errors import NotFound
from carillon.edge.logs import correlation_id, logger, metrics
from carillon.ports import Clock, Queue

app = APIGatewayHttpResolver()
# Far above what a provider sends, far below what a queue takes (256 kB).
_MOST_BYTES = 64_000
# Of which a provider's module says which are its.
_METHODS = ["GET", "POST"]


class Accounts:
    """Knows which provider each sender has, and the secret that its webhooks are signed with."""

    def __init__(self, directory: DynamoDirectory, secrets: Secrets) -> None:
        self._directory = directory
        self._secrets = secrets
        self._senders: dict[str, tuple[str, str]] = {}

    def module_of(self, sender_id: str, provider: str) -> ProviderModule:
        """Return the module of *provider*; raises NotFound when the sender is not its."""
        if self._sender(sender_id)[0] != provider:
            raise NotFound("This sender is another provider's.", code="sender_not_found")
        return modules.of(provider)

    def has_signed(self, call: WebhookCall, sender_id: str, module: ProviderModule) -> bool:
        """Whether *call* was signed with the sender's secret, as kept or as rotated just now."""
        _, name = self._sender(sender_id)
        if _explains(self._secrets.read(name), call, module):
            return True
        rotated = self._secrets.changed(name)
        return rotated is not None and _explains(rotated, call, module)

    def _sender(self, sender_id: str) -> tuple[str, str]:
        """Return the sender's provider and the name of its secret; raises NotFound."""
        if sender_id not in self._senders:
            sender = self._directory.sender(sender_id)
            self._senders[sender_id] = (sender.provider, sender.credentials_secret)
        return self._senders[sender_id]


def _explains(secret: Secret, call: WebhookCall, module: ProviderModule) -> bool:
    try:
        return module.is_authentic(call, secret)
    except Exception as error:  # noqa: BLE001 - no stranger's bytes may cause a 500 and an alarm
        logger.error("webhook_check_failed", provider=module.name, error_type=type(error).__name__)
        return False


@dataclass(frozen=True)
class Composition:
    """What the function stands on."""

    accounts: Accounts
    receipts: Queue
    inbound: Queue
    base_url: str
    clock: Clock


@cache
def build() -> Composition:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.ProviderWebhooks)
    clock = SystemClock()
    sqs = aws.client("sqs")
    return Composition(
        accounts=Accounts(
            DynamoDirectory(aws.client("dynamodb"), env.control_table),
            Secrets(aws.client("secretsmanager"), clock.monotonic),
        ),
        receipts=SqsQueue(sqs, env.receipt_queue_url, correlation_id),
        inbound=SqsQueue(sqs, env.inbound_queue_url, correlation_id),
        base_url=env.webhook_base_url,
        clock=clock,
    )


@app.route("/<provider>/<sender_id>/status", method=_METHODS)
def take_status(provider: str, sender_id: str) -> Response[str]:
    """Take one status callback."""
    taken = _taken(provider, sender_id, "status")
    if taken is None:
        return _refused()
    module, message = taken
    build().receipts.put(message)
    return _answer(module.status_answer)


@app.route("/<provider>/<sender_id>/inbound", method=_METHODS)
def take_inbound(provider: str, sender_id: str) -> Response[str]:
    """Take one inbound message."""
    taken = _taken(provider, sender_id, "inbound")
    if taken is None:
        return _refused()
    module, message = taken
    build().inbound.put(message)
    return _answer(module.inbound_answer)


@app.not_found
def refuse_other_addresses(_: Exception) -> Response[str]:
    """Refuse an address that only looks like one of ours."""
    return _refused()


def _taken(
    provider: str, sender_id: str, kind: str
) -> tuple[ProviderModule, dict[str, Any]] | None:
    """Return who signed the present call and what to enqueue of it, None when nobody did."""
    world = build()
    try:
        module = world.accounts.module_of(sender_id, provider)
        call = _call(f"{world.base_url}/{provider}/{sender_id}/{kind}")
        if call.method not in module.webhook_methods:
            return None
        if not world.accounts.has_signed(call, sender_id, module):
            return None
        payload = module.payload(call)
    except (NotFound, ValueError):
        # No such sender, or no body that a provider sends: no signature can be right.
        return None
    return module, {
        "provider": provider,
        "sender_id": sender_id,
        "received_at": to_iso(call.received_at),
        "ref": (app.current_event.query_string_parameters or {}).get("ref", ""),
        "payload": payload,
    }


def _call(address: str) -> WebhookCall:
    """Return the present call as it came to *address*; ValueError when it cannot be a webhook."""
    event = app.current_event.raw_event
    query, body = event.get("rawQueryString") or "", event.get("body") or ""
    raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    if len(raw) > _MOST_BYTES:
        raise ValueError("longer than any webhook of a provider's")
    return WebhookCall(
        method=event["requestContext"]["http"]["method"],
        url=address + (f"?{query}" if query else ""),
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body=raw,
        received_at=build().clock.now(),
    )


def _answer(answer: WebhookAnswer) -> Response[str]:
    content_type = answer.content_type if answer.body else None
    return Response(status_code=answer.status, content_type=content_type, body=answer.body)


def _refused() -> Response[str]:
    counts = metrics()
    counts.add_metric(name="webhook_refused", unit=MetricUnit.Count, value=1)
    counts.flush_metrics()
    return Response(status_code=403, content_type="text/plain", body="Forbidden")


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle one call of the HTTP API; its request id is the correlation id from here on."""
    logger.set_correlation_id(event["requestContext"]["requestId"])
    return app.resolve(dict(event), context)
