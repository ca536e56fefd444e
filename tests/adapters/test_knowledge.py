"""One suite over what the assistants know: the fake that unit tests trust, and DynamoDB."""

from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.knowledge import DynamoKnowledge
from carillon.ports import KnowledgeBook
from tests.support.assistants import FakeKnowledge, an_entry
from tests.support.clock import NOON
from tests.support.tables import create_tables


@pytest.fixture(params=["fake", "dynamodb"])
def book(request: pytest.FixtureRequest) -> Iterator[KnowledgeBook]:
    if request.param == "fake":
        yield FakeKnowledge()
        return
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="emulated",
            aws_secret_access_key="emulated",
        )
        create_tables(client)
        # What stands beside the entries is none of them.
        for sk in ("CMP", "TURN", "WATCH#2026"):
            key = {"pk": {"S": "CMP#cmp_1"}, "sk": {"S": sk}}
            client.put_item(TableName="ControlTable", Item=key)
        yield DynamoKnowledge(client, "ControlTable")


def test_entries_come_back_whole_and_by_id(book: KnowledgeBook) -> None:
    prices = an_entry(
        "prices", questions=(), keywords=("price", "cost"), enabled=False, answer="10 €"
    )
    hours = an_entry(updated_at=NOON + timedelta(minutes=1))

    for entry in (prices, hours):
        book.put(entry)

    assert book.entries("cmp_1") == [hours, prices]


def test_a_campaign_knows_nothing_of_anothers(book: KnowledgeBook) -> None:
    book.put(an_entry(campaign_id="cmp_2"))

    assert book.entries("cmp_1") == []
    assert book.entries("cmp_2") == [an_entry(campaign_id="cmp_2")]


def test_an_entry_replaces_the_one_with_its_id(book: KnowledgeBook) -> None:
    book.put(an_entry(keywords=("hours",)))

    book.put(an_entry(answer="We are closed."))

    assert book.entries("cmp_1") == [an_entry(answer="We are closed.")]


def test_a_deleted_entry_is_gone_and_may_be_deleted_again(book: KnowledgeBook) -> None:
    book.put(an_entry())
    book.put(an_entry("prices"))

    for _ in range(2):
        book.delete("cmp_1", "hours")

    assert book.entries("cmp_1") == [an_entry("prices")]


def test_more_entries_than_one_page_holds_are_all_read(book: KnowledgeBook) -> None:
    # 1.6 kB of three bytes a character, 200 times and more: DynamoDB's page is 1 MB.
    wanted = [an_entry(f"e{n:03}", answer="€" * 1600) for n in range(230)]
    for entry in wanted:
        book.put(entry)

    assert book.entries("cmp_1") == wanted
