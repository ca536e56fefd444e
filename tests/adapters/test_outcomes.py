"""Outcomes in memory and in DynamoDB: one suite."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.outcomes import DynamoOutcomes
from carillon.domain.message import RowRef
from carillon.domain.outcomes import Outcome
from carillon.ports import Outcomes
from tests.support.counters import NOON
from tests.support.outcomes import FakeOutcomes
from tests.support.tables import create_tables

LEAD, ABSENT = RowRef("cmp_1#00000", "aa"), RowRef("cmp_1#00000", "bb")
BOOKED = Outcome(outcome="booked", converted_at=NOON)


@pytest.fixture(params=["memory", "dynamodb"])
def outcomes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcomes]:
    if request.param == "memory":
        yield FakeOutcomes({LEAD})
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        row = {"pk": {"S": LEAD.pk}, "sk": {"S": LEAD.sk}, "kind": {"S": "lead"}}
        client.put_item(TableName="MessagesTable", Item=row)
        yield DynamoOutcomes(client, control_table="ControlTable", messages_table="MessagesTable")


def test_the_first_outcome_of_a_lead_stays(outcomes: Outcomes) -> None:
    later = Outcome(outcome="paid", converted_at=NOON + timedelta(hours=1))

    assert outcomes.mark(LEAD, BOOKED) == BOOKED
    assert outcomes.mark(LEAD, later) == BOOKED


def test_nobody_is_made_by_marking_them(outcomes: Outcomes) -> None:
    assert outcomes.mark(ABSENT, BOOKED) is None
    assert outcomes.mark(ABSENT, BOOKED) is None


def test_tags_replace_those_that_were_kept(outcomes: Outcomes) -> None:
    before = outcomes.tags("cmp_1")
    outcomes.keep_tags("cmp_1", ("booked", "paid"))
    outcomes.keep_tags("cmp_1", ("paid",))

    assert (before, outcomes.tags("cmp_1"), outcomes.tags("cmp_2")) == ((), ("paid",), ())
