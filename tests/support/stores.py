"""
The stores of the send path, as fakes or as the real adapters over emulated tables.

``tests/adapters`` runs the same tests over both, so that the fakes cannot lie.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.credentials import Credentials
from moto import mock_aws

from carillon.adapters import aws
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import candidates_text, links_text, unsolicited_text
from carillon.adapters.dynamodb.clicks import DynamoClicks
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.control import DynamoDirectory, DynamoGate
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.holds import DynamoHolds
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.domain.campaign import Campaign, Run, Sender
from carillon.domain.clock import to_iso
from carillon.domain.conversation import Conversation
from carillon.domain.message import RowRef
from carillon.domain.short_links import campaign_code
from carillon.ports import (
    Clicks,
    ConsentLedger,
    Gate,
    Holds,
    Leases,
    SendingDirectory,
    Suppressions,
    Watches,
)
from tests.support.clicks import FakeClicks
from tests.support.clock import NOON
from tests.support.consent import FakeConsentLedger
from tests.support.dynamodb_server import dynamodb_server
from tests.support.messages import Messages
from tests.support.sending import (
    FakeDirectory,
    FakeGate,
    FakeHolds,
    FakeMessages,
    FakeSuppressions,
)
from tests.support.tables import create_tables

Item = dict[str, Any]


class Control(SendingDirectory, Leases, Watches, Protocol):
    """All views of the control table."""


@dataclass(frozen=True)
class Stores:
    """The ports of the send path over one state. Subclasses know how to put things there."""

    messages: Messages
    control: Control
    suppressions: Suppressions
    ledger: ConsentLedger
    holds: Holds
    gate: Gate
    clicks: Clicks

    def keep_sender(self, sender: Sender) -> None:
        raise NotImplementedError

    def keep_campaign(self, campaign: Campaign) -> None:
        raise NotImplementedError

    def keep_run(self, run: Run) -> None:
        raise NotImplementedError

    def keep_talk(self, conversation: Conversation) -> None:
        raise NotImplementedError

    def row(self, ref: RowRef) -> Item | None:
        """Return the stored attributes of a messages row, without its keys."""
        raise NotImplementedError


class FakeStores(Stores):
    """The fakes."""

    messages: FakeMessages
    control: FakeDirectory
    gate: FakeGate

    def keep_sender(self, sender: Sender) -> None:
        self.control.sender_by_id[sender.id] = sender

    def keep_campaign(self, campaign: Campaign) -> None:
        self.control.campaigns[campaign.id] = campaign

    def keep_run(self, run: Run) -> None:
        self.control.run_by_key[run.sender_id, run.campaign_id] = run

    def keep_talk(self, conversation: Conversation) -> None:
        self.gate.talks[conversation.id] = conversation

    def row(self, ref: RowRef) -> Item | None:
        return _without_keys(self.messages.items.get(ref))


@dataclass(frozen=True)
class DynamoStores(Stores):
    """The adapters over the template's tables."""

    client: Any

    def keep_sender(self, sender: Sender) -> None:
        values = {**vars(sender), "unsolicited": unsolicited_text(sender.unsolicited)}
        self._put(schema.sender_pk(sender.id), "SND", values, listed_in=schema.SENDERS)

    def keep_campaign(self, campaign: Campaign) -> None:
        tab = schema.tab_pk(campaign.tab)
        links = links_text(campaign.links) if campaign.links else None
        values = {**vars(campaign), "links": links}
        self._put(schema.campaign_pk(campaign.id), "CMP", values, listed_in=tab)
        if campaign.link_key:
            found_by = schema.link_pk(campaign_code(campaign.id))
            self._put(found_by, schema.LINK, {"campaigns": {campaign.id}})

    def keep_run(self, run: Run) -> None:
        values = {**vars(run), "candidates": candidates_text(run.candidates)}
        self._put(schema.sender_pk(run.sender_id), schema.run_sk(run.campaign_id), values)

    def keep_talk(self, conversation: Conversation) -> None:
        book = DynamoConversations(self.client, "ConversationsTable")
        standing = book.get(conversation.id)
        book.save(replace(conversation, version=standing.version if standing else 0))

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
    directory, suppressions, messages = FakeDirectory(), FakeSuppressions(), FakeMessages()
    holds = FakeHolds()
    return FakeStores(
        messages=messages,
        control=directory,
        suppressions=suppressions,
        ledger=FakeConsentLedger(suppressions),
        holds=holds,
        gate=FakeGate(directory, suppressions, messages, holds),
        clicks=FakeClicks(directory, messages),
    )


@contextmanager
def dynamo_stores() -> Iterator[DynamoStores]:
    """Give the real adapters over empty emulated tables."""
    with mock_aws():
        yield dynamo_stores_in(_client())


@cache
def _client() -> Any:
    """Return a client that finds whatever tables are emulated at the time; making one is slow."""
    return boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
    )


@contextmanager
def slim_stores() -> Iterator[DynamoStores]:
    """Give the real adapters over empty emulated tables, reached by the sender's own client."""
    with dynamo_stores() as made, dynamodb_server() as server:
        credentials = Credentials("emulated", "emulated")
        slim = aws.slim_client(made.client, credentials, server.url)
        yield _adapters_over(slim, made.client)


def dynamo_stores_in(client: Any) -> DynamoStores:
    """Create the template's tables through *client*; return the real adapters over them."""
    create_tables(client)
    return _adapters_over(client, client)


def _adapters_over(used: Any, client: Any) -> DynamoStores:
    """Return the adapters that go by *used*; the tests themselves look by boto3's *client*."""
    return DynamoStores(
        messages=DynamoMessages(used, "MessagesTable"),
        control=DynamoDirectory(used, "ControlTable"),
        suppressions=DynamoSuppressions(used, "SuppressionsTable", "ConsentTable", lambda: NOON),
        ledger=DynamoConsentLedger(client, "ConsentTable"),
        holds=DynamoHolds(client, "SuppressionsTable"),
        gate=DynamoGate(
            used,
            control_table="ControlTable",
            suppressions_table="SuppressionsTable",
            messages_table="MessagesTable",
            conversations_table="ConversationsTable",
        ),
        clicks=DynamoClicks(
            used,
            control_table="ControlTable",
            messages_table="MessagesTable",
            monotonic=lambda: 0.0,
        ),
        client=client,
    )


def _without_keys(item: Item | None) -> Item | None:
    return None if item is None else {k: v for k, v in item.items() if k not in ("pk", "sk")}
