"""The rows of a part as listed leads, in memory and in DynamoDB: one suite."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.items import to_item
from carillon.adapters.dynamodb.lead_pages import DynamoLeadPages
from carillon.domain.lead import LeadStatus
from carillon.ports import LeadPages
from tests.support.counters import CAMPAIGN, NOON, a_lead, a_step, an_inbound, at, part
from tests.support.lead_pages import FakeLeadPages, a_key, a_listed_lead
from tests.support.tables import create_tables

OTHERS = [f"{a_key(1)}#in#SM1", f"{a_key(1)}#s1"]


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        yield client


def _put(client: Any, key: str, row: dict[str, Any]) -> None:
    item = to_item({"pk": part(), "sk": key, **row})
    client.put_item(TableName="MessagesTable", Item=item)


@pytest.fixture(params=["memory", "dynamodb"])
def pages(request: pytest.FixtureRequest) -> LeadPages:
    """Leads 1, 2 and 3 of one part; the first has a reply and a follow-up."""
    leads = [a_listed_lead(number) for number in (1, 2, 3)]
    if request.param == "memory":
        return FakeLeadPages(leads, others=OTHERS)
    client = request.getfixturevalue("dynamodb")
    for lead in leads:
        row = a_lead(status="delivered", phone=lead.phone, sender_id=lead.sender_id, attempts=1)
        _put(client, lead.key, row)
    _put(client, OTHERS[0], an_inbound())
    _put(client, OTHERS[1], a_step())
    return DynamoLeadPages(client, "MessagesTable")


def test_leads_come_in_order_without_their_replies_and_follow_ups(pages: LeadPages) -> None:
    assert pages.leads(CAMPAIGN, 0, None, 10) == (
        [a_listed_lead(number) for number in (1, 2, 3)],
        None,
    )
    assert pages.leads(CAMPAIGN, 1, None, 10) == ([], None)


def test_a_query_looks_at_so_many_rows_and_says_where_to_go_on(pages: LeadPages) -> None:
    first, after = pages.leads(CAMPAIGN, 0, None, 2)
    second, then = pages.leads(CAMPAIGN, 0, after, 2)
    third, _ = pages.leads(CAMPAIGN, 0, then, 2)

    assert (first, after) == ([a_listed_lead(1)], OTHERS[0])
    assert (second, then) == ([a_listed_lead(2)], a_key(2))
    assert third == [a_listed_lead(3)]


def test_all_that_is_shown_is_read_from_the_row(dynamodb: Any) -> None:
    row = a_lead(
        status="failed",
        phone="+12025550009",
        body="never shown",
        sender_id="snd_2",
        attempts=4,
        error_code="telnyx:40300",
        variant="b",
        steps_left=2,
        claimed_at=at(0),
        submitted_at=at(1),
        replied_at=at(9),
        last_inbound_at=at(12),
        final_at=at(3),
        due_at=at(90),
    )
    _put(dynamodb, a_key(9), row)
    _put(dynamodb, a_key(10), a_lead(sender_id="snd_1"))

    leads, _ = DynamoLeadPages(dynamodb, "MessagesTable").leads(CAMPAIGN, 0, None, 10)

    assert leads == [
        a_listed_lead(
            9,
            status=LeadStatus.FAILED,
            sender_id="snd_2",
            attempts=4,
            error_code="telnyx:40300",
            variant="b",
            steps_left=2,
            last_action_at=NOON.replace(minute=12),
        ),
        # A row of which the person was erased (C6), and of an older shape.
        a_listed_lead(10, phone=None, status=LeadStatus.CLAIMED),
    ]
