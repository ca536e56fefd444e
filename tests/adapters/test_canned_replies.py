"""Canned replies, fake and real alike."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.canned_replies import DynamoCannedReplies
from carillon.domain.errors import Conflict
from carillon.ports import CannedReplies
from tests.support.conversations import FakeCannedReplies, a_canned_reply
from tests.support.tables import table_definitions


@pytest.fixture(params=["fake", "dynamodb"])
def shelf(request: pytest.FixtureRequest) -> Iterator[CannedReplies]:
    if request.param == "fake":
        yield FakeCannedReplies()
        return
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="emulated",
            aws_secret_access_key="emulated",
        )
        client.create_table(**table_definitions()["ControlTable"])
        yield DynamoCannedReplies(client, "ControlTable")


def test_an_office_has_its_own_by_title(shelf: CannedReplies) -> None:
    first, second = a_canned_reply("can_2", title="A"), a_canned_reply("can_1", title="B")
    for one in (second, first, a_canned_reply("can_3", office_id="off_north2")):
        shelf.create(one, "d")

    assert shelf.of("off_north") == [first, second]


def test_one_request_makes_one_and_a_key_stands_for_one_request(shelf: CannedReplies) -> None:
    first = shelf.create(a_canned_reply(), "d")

    assert shelf.create(replace(a_canned_reply(), title="Later"), "d") == first
    with pytest.raises(Conflict) as refused:
        shelf.create(a_canned_reply(), "other")
    assert refused.value.code == "idempotency_key_reused"


def test_what_is_removed_is_gone_and_may_be_removed_again(shelf: CannedReplies) -> None:
    shelf.create(a_canned_reply(), "d")

    for _ in range(2):
        shelf.remove(a_canned_reply())

    assert shelf.of("off_north") == []
