"""One message delivered twice under two ids, over the real table: races, crashes, counting."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.dynamodb.items import from_item
from carillon.domain.counters import contribution, total_of
from carillon.domain.message import RecordedReply, Reply, RowRef
from tests.support.messages import KEY, LEAD, a_reply, after
from tests.support.stores import DynamoStores, dynamo_stores

FIRST, SECOND = a_reply("yes", "SMin1"), a_reply("yes", "SMin2", received_at=after(62))


@pytest.fixture
def stores() -> Iterator[DynamoStores]:
    with dynamo_stores() as made:
        yield made


class Transacting:
    """A client whose transactions meet *obstacles*, one after the other, before they go through."""

    def __init__(self, client: Any, *obstacles: Any) -> None:
        self._client = client
        self._obstacles = list(obstacles)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> None:
        if self._obstacles:
            self._obstacles.pop(0)()
        self._client.transact_write_items(**request)


def conflict() -> None:
    """Refuse, as DynamoDB does when another transaction writes one of the items just now."""
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    raise ClientError(
        {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons},
        "TransactWriteItems",
    )


def lose_the_call() -> None:
    """Fail before anything has been written."""
    raise ConnectionError


def record(messages: DynamoMessages, reply: Reply) -> RecordedReply:
    ref = RowRef(LEAD.pk, f"{KEY}#in#{reply.provider_id}")
    return messages.record_inbound(ref, reply, keyword="none", office_id="off_north")


def rows(stores: DynamoStores) -> list[dict[str, Any]]:
    return [from_item(item) for item in stores.client.scan(TableName="MessagesTable")["Items"]]


def kinds(stores: DynamoStores) -> dict[str, str]:
    return {row["provider_id"]: row["kind"] for row in rows(stores) if row["pk"] == LEAD.pk}


def test_neither_a_duplicate_nor_what_tells_it_is_counted_or_taken_for_a_lead(
    stores: DynamoStores,
) -> None:
    for reply in (FIRST, SECOND):
        record(stores.messages, reply)  # type: ignore[arg-type]

    found = rows(stores)

    assert sorted(row["kind"] for row in found) == ["duplicate", "inbound", "twin"]
    assert total_of(contribution(row).totals for row in found) == {"inbound": 1}
    assert stores.messages.rows("cmp_a", 0) == {}


def test_what_expires_is_no_row_of_a_campaigns_part(stores: DynamoStores) -> None:
    """A deletion by TTL in a part ends the part's recounts (usecases/recount.py)."""
    record(stores.messages, FIRST)  # type: ignore[arg-type]

    expiring = [row for row in rows(stores) if "expires_at" in row]

    assert [row["pk"].partition("#")[0] for row in expiring] == ["twins"]
    assert not {"phone", "body"} & set(expiring[0])


def test_two_deliveries_at_the_same_moment_are_one_message_and_one_duplicate(
    stores: DynamoStores,
) -> None:
    def twin_is_faster() -> None:
        record(stores.messages, SECOND)  # type: ignore[arg-type]

    slow = DynamoMessages(Transacting(stores.client, twin_is_faster), "MessagesTable")

    assert record(slow, FIRST) == RecordedReply(FIRST.received_at, "SMin2", SECOND.received_at)
    assert kinds(stores) == {"SMin1": "duplicate", "SMin2": "inbound"}


def test_a_delivery_waits_its_turn_when_its_twin_is_being_stored(stores: DynamoStores) -> None:
    messages = DynamoMessages(Transacting(stores.client, conflict, conflict), "MessagesTable")

    assert record(messages, FIRST) == RecordedReply(FIRST.received_at)


def test_a_turn_that_does_not_come_is_an_error_for_the_queue_and_stores_nothing(
    stores: DynamoStores,
) -> None:
    messages = DynamoMessages(Transacting(stores.client, *[conflict] * 4), "MessagesTable")

    with pytest.raises(ClientError):
        record(messages, FIRST)

    assert rows(stores) == []


def test_a_crash_leaves_neither_a_duplicate_of_nothing_nor_a_message_that_counts_twice(
    stores: DynamoStores,
) -> None:
    messages = DynamoMessages(Transacting(stores.client, lose_the_call), "MessagesTable")

    with pytest.raises(ConnectionError):
        record(messages, FIRST)
    twin = record(messages, SECOND)
    again = record(messages, FIRST)

    assert (twin.duplicate_of, again.duplicate_of) == (None, "SMin2")
    assert kinds(stores) == {"SMin1": "duplicate", "SMin2": "inbound"}


def test_an_answer_that_was_lost_changes_nothing(stores: DynamoStores) -> None:
    class Forgetful(Transacting):
        def transact_write_items(self, **request: Any) -> None:
            super().transact_write_items(**request)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        record(DynamoMessages(Forgetful(stores.client), "MessagesTable"), FIRST)

    assert record(stores.messages, FIRST) == RecordedReply(FIRST.received_at)  # type: ignore[arg-type]
    assert record(stores.messages, SECOND).duplicate_of == "SMin1"  # type: ignore[arg-type]
    assert kinds(stores) == {"SMin1": "inbound", "SMin2": "duplicate"}
