"""
The stores of the send path, as fakes or as the real adapters over emulated tables.

``tests/adapters`` runs the same tests over both, so that the fakes cannot lie.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import boto3
from moto import mock_aws

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control import DynamoDirectory, DynamoGate
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.campaign import Campaign, Run, Sender
from carillon.domain.clock import to_iso
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    Claim,
    Receipt,
    Reply,
    RowRef,
    Suppression,
    Watch,
)
from carillon.ports import (
    Conversations,
    Gate,
    Leads,
    Leases,
    SendingDirectory,
    Suppressions,
    Watches,
)
from tests.support.clock import NOON
from tests.support.sending import FakeDirectory, FakeGate, FakeMessages, FakeSuppressions
from tests.support.tables import create_tables

PHONE = "+12025550142"
KEY = lead_key(PHONE)
LEAD = RowRef("cmp_a#00000", KEY)
Item = dict[str, Any]


class Messages(Leads, Conversations, Protocol):
    """Both views of the messages table."""


class Control(SendingDirectory, Leases, Watches, Protocol):
    """All views of the control table."""


@dataclass(frozen=True)
class Stores:
    """The ports of the send path over one state. Subclasses know how to put things there."""

    messages: Messages
    control: Control
    suppressions: Suppressions
    gate: Gate

    def keep_sender(self, sender: Sender) -> None:
        raise NotImplementedError

    def keep_campaign(self, campaign: Campaign) -> None:
        raise NotImplementedError

    def keep_run(self, run: Run) -> None:
        raise NotImplementedError

    def row(self, ref: RowRef) -> Item | None:
        """Return the stored attributes of a messages row, without its keys."""
        raise NotImplementedError


class FakeStores(Stores):
    """The fakes."""

    messages: FakeMessages
    control: FakeDirectory

    def keep_sender(self, sender: Sender) -> None:
        self.control.sender_by_id[sender.id] = sender

    def keep_campaign(self, campaign: Campaign) -> None:
        self.control.campaigns[campaign.id] = campaign

    def keep_run(self, run: Run) -> None:
        self.control.run_by_key[run.sender_id, run.campaign_id] = run

    def row(self, ref: RowRef) -> Item | None:
        return _without_keys(self.messages.items.get(ref))


@dataclass(frozen=True)
class DynamoStores(Stores):
    """The adapters over the template's tables."""

    client: Any

    def keep_sender(self, sender: Sender) -> None:
        self._put(schema.sender_pk(sender.id), "SND", vars(sender), listed_in=schema.SENDERS)

    def keep_campaign(self, campaign: Campaign) -> None:
        tab = schema.tab_pk(campaign.tab)
        self._put(schema.campaign_pk(campaign.id), "CMP", vars(campaign), listed_in=tab)

    def keep_run(self, run: Run) -> None:
        self._put(schema.sender_pk(run.sender_id), schema.run_sk(run.campaign_id), vars(run))

    def row(self, ref: RowRef) -> Item | None:
        key = {"pk": {"S": ref.pk}, "sk": {"S": ref.sk}}
        found = self.client.get_item(TableName="MessagesTable", Key=key).get("Item")
        return _without_keys(from_item(found) if found else None)

    def control_item(self, pk: str, sk: str) -> Item:
        """Return one item of the control table."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return from_item(self.client.get_item(TableName="ControlTable", Key=key)["Item"])

    def _put(self, pk: str, sk: str, values: Item, *, listed_in: str | None = None) -> None:
        item = {"pk": pk, "sk": sk, **values}
        if listed_in is not None:
            created_at = to_iso(values["created_at"])
            item |= {"gsi1pk": listed_in, "gsi1sk": schema.listing_sk(created_at, values["id"])}
        self.client.put_item(TableName="ControlTable", Item=to_item(item))


def fake_stores() -> Stores:
    """Return the fakes, empty."""
    directory, suppressions = FakeDirectory(), FakeSuppressions()
    return FakeStores(
        messages=FakeMessages(),
        control=directory,
        suppressions=suppressions,
        gate=FakeGate(directory, suppressions),
    )


@contextmanager
def dynamo_stores() -> Iterator[DynamoStores]:
    """Give the real adapters over empty emulated tables."""
    with mock_aws():
        yield dynamo_stores_in(
            boto3.client(
                "dynamodb",
                region_name="us-east-1",
                aws_access_key_id="emulated",
                aws_secret_access_key="emulated",
            )
        )


def dynamo_stores_in(client: Any) -> DynamoStores:
    """Create the template's tables through *client*; return the real adapters over them."""
    create_tables(client)
    return DynamoStores(
        messages=DynamoMessages(client, "MessagesTable"),
        control=DynamoDirectory(client, "ControlTable"),
        suppressions=DynamoSuppressions(client, "SuppressionsTable"),
        gate=DynamoGate(
            client,
            control_table="ControlTable",
            suppressions_table="SuppressionsTable",
        ),
        client=client,
    )


def after(seconds: float) -> datetime:
    """Return the instant so long after noon."""
    return NOON + timedelta(seconds=seconds)


def a_claim(claim_id: str = "claim-1", ref: RowRef = LEAD, **changes: Any) -> Claim:
    defaults: Item = {
        "id": claim_id,
        "ref": ref,
        "phone": PHONE,
        "sender_id": "snd_a",
        "office_id": "off_north",
        "segments": 2,
        "content_version": 3,
        "text_digest": "00ff",
        "claimed_at": NOON,
    }
    return Claim(**{**defaults, **changes})


def a_receipt(status: LeadStatus, ref: RowRef = LEAD, **changes: Any) -> Receipt:
    defaults: Item = {"ref": ref, "provider_id": "SM1", "status": status, "received_at": after(9)}
    return Receipt(**{**defaults, **changes})


def a_reply(body: str = "who is this?", provider_id: str = "SMin1", **changes: Any) -> Reply:
    defaults: Item = {
        "provider": "twilio",
        "provider_id": provider_id,
        "sender_id": "snd_a",
        "phone": PHONE,
        "body": body,
        "received_at": after(60),
    }
    return Reply(**{**defaults, **changes})


def a_run(campaign_id: str = "cmp_a", **changes: Any) -> Run:
    defaults: Item = {
        "sender_id": "snd_a",
        "campaign_id": campaign_id,
        "office_id": "off_north",
        "parts": 4,
        "senders": ("snd_a",),
    }
    return Run(**{**defaults, **changes})


def a_watch(part: int, due_s: float, checks: int = 0) -> Watch:
    return Watch(campaign_id="cmp_a", part=part, due_at=after(due_s), checks=checks)


def an_event(out: bool, at_s: float, cause: str) -> Suppression:
    """Return a STOP (*out*) or a START of PHONE, *at_s* seconds after noon."""
    return Suppression(
        phone=PHONE, opted_out=out, event_at=after(at_s), source="keyword", cause=cause
    )


def submit(messages: Messages, claim: Claim, at_s: float, provider_id: str = "SM1") -> None:
    """Claim a lead and note that the provider took it."""
    assert messages.claim(claim)
    messages.record_submitted(claim, Accepted(provider_id), after(at_s))


def _without_keys(item: Item | None) -> Item | None:
    return None if item is None else {k: v for k, v in item.items() if k not in ("pk", "sk")}
