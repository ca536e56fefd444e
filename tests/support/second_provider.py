"""A second provider, of JSON and several events a call, to show that nothing is Twilio's alone."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from carillon.adapters.providers.contract import POSTED, Secret, WebhookAnswer, WebhookCall
from carillon.domain.errors import InvalidInput
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    Outgoing,
    ProviderRecord,
    Receipt,
    Reply,
)

NAME = "bird"


class FakeAccount:
    """Implements ``ports.MessageProvider``: takes everything, and keeps it."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing) -> Accepted:
        self.sent.append(message)
        return Accepted(f"B{len(self.sent)}")

    def find(self, **_: Any) -> ProviderRecord | None:
        return None

    def fetch(self, provider_id: str) -> ProviderRecord:
        return ProviderRecord(provider_id=provider_id, status=LeadStatus.SUBMITTED)


class FakeModule:
    """Implements ``contract.ProviderModule``: a call is signed with the secret's ``key``."""

    name = NAME
    status_answer = WebhookAnswer(202, "application/json", '{"ok":true}')
    inbound_answer = WebhookAnswer(200)

    def __init__(self) -> None:
        self.webhook_methods = POSTED
        self.opened = FakeAccount()
        self.calls: list[WebhookCall] = []

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> FakeAccount:
        assert secret["key"]
        return self.opened

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        self.calls.append(call)
        if "boom" in call.headers:
            raise RuntimeError("a module that breaks its promise")
        return call.headers.get("x-key") == secret["key"]

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        if call.method == "GET":
            query = parse_qs(urlsplit(call.url).query)
            return {"events": json.loads(query["events"][0])}
        body: dict[str, Any] = json.loads(call.body)
        return body

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        return [self._receipt(event, received_at) for event in payload["events"]]

    def _receipt(self, event: Mapping[str, Any], received_at: datetime) -> Receipt:
        if event["status"] not in list(LeadStatus):
            raise InvalidInput("Unknown status.", code="unknown_status")
        sent = CallbackRef.parse(event["ref"])
        return Receipt(
            ref=sent.row,
            claim_id=sent.claim_id,
            provider_id=event["id"],
            status=LeadStatus(event["status"]),
            received_at=received_at,
            error_code=event.get("code"),
            phone=event.get("phone", ""),
        )

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        return [
            Reply(
                provider=NAME,
                provider_id=event["id"],
                sender_id=sender_id,
                phone=event["phone"],
                body=event["body"],
                received_at=received_at,
            )
            for event in payload["events"]
        ]


def speak_for_second_provider(monkeypatch: pytest.MonkeyPatch) -> FakeModule:
    """Put a module in the place where the provider's own is, or would be, found."""
    module = FakeModule()
    path = f"carillon.adapters.providers.{NAME}"
    monkeypatch.setitem(sys.modules, path, SimpleNamespace(MODULE=module))
    return module
