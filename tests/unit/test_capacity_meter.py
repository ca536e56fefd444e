"""
The bench's meter against DynamoDB's documented rules, each case computed by hand.

Rules: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/, pages
CapacityUnitCalculations.html (sizes), read-write-operations.html (units),
transaction-apis.html (transactions) and GSI.html (indexes).
"""

from typing import Any

import pytest

from tests.bench.capacity import (
    Index,
    delete_units,
    get_units,
    item_bytes,
    number_bytes,
    put_or_update_units,
    query_units,
    refused_units,
    sqs_requests,
    value_bytes,
)
from tests.bench.meter import Meter, examined_request

GSI = Index("gsi1", "gsi1pk", "gsi1sk")


def an_item(size: int, **attributes: str) -> dict[str, Any]:
    """Return an item of exactly *size* bytes with these text attributes."""
    item = {name: {"S": text} for name, text in attributes.items()}
    # "pad" and its text.
    padding = size - item_bytes(item) - 3
    assert padding >= 0
    return {**item, "pad": {"S": "x" * padding}}


# Sizes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "é"}, 2),
        ({"S": "👍"}, 4),
        ({"B": b"\x00\x01"}, 2),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        # 3 for the list, 1 for each element, 1 and 2 for the texts.
        ({"L": [{"S": "a"}, {"S": "bc"}]}, 3 + 2 + 3),
        ({"M": {}}, 3),
        # 3 for the map, 1 for its element, 2 for the name, 1 for the value.
        ({"M": {"ab": {"BOOL": True}}}, 3 + 1 + 2 + 1),
        ({"M": {"a": {"L": [{"NULL": True}]}}}, 3 + 1 + 1 + (3 + 1 + 1)),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "123"]}, 2 + 3),
        ({"BS": [b"a", b"bc"]}, 3),
    ],
)
def test_a_value_is_as_large_as_documented(typed: dict[str, Any], size: int) -> None:
    assert value_bytes(typed) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 1),
        ("7", 2),
        ("42", 2),
        ("123", 3),
        # Trailing and leading zeroes are no significant digits.
        ("1000", 2),
        ("0.0012", 2),
        ("1.5", 2),
        ("-42", 3),
        ("1E+20", 2),
        ("99999999999999999999999999999999999999", 20),
    ],
)
def test_a_number_takes_a_byte_for_two_significant_digits_and_one_more(
    text: str, size: int
) -> None:
    assert number_bytes(text) == size


def test_an_item_is_its_attributes_names_and_values() -> None:
    # pk 2 + 3, sk 2 + 1, n 1 + 2
    assert item_bytes({"pk": {"S": "abc"}, "sk": {"S": "d"}, "n": {"N": "12"}}) == 11
    assert item_bytes(None) == 0


# Writes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "units"), [(10, 1), (1023, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3)]
)
def test_a_new_item_costs_a_unit_for_each_kilobyte_begun(size: int, units: int) -> None:
    assert put_or_update_units(None, an_item(size)) == units


def test_a_replacement_costs_the_larger_of_before_and_after() -> None:
    small, large = an_item(100), an_item(3000)

    assert put_or_update_units(small, large) == 3
    assert put_or_update_units(large, small) == 3


def test_a_deletion_costs_what_was_there_and_at_least_one() -> None:
    assert delete_units(an_item(2100)) == 3
    assert delete_units(None) == 1


def test_a_refused_write_costs_the_standing_item() -> None:
    assert refused_units(an_item(2100)) == 3
    assert refused_units(None) == 1


def test_an_item_without_the_index_keys_costs_nothing_in_the_index() -> None:
    assert put_or_update_units(None, an_item(100, gsi1pk="TAB#draft"), [GSI]) == 1


def test_entering_and_leaving_an_index_cost_one_write_each() -> None:
    inside = an_item(1500, gsi1pk="a", gsi1sk="1")

    assert put_or_update_units(None, inside, [GSI]) == 2 + 2
    assert put_or_update_units(inside, an_item(100), [GSI]) == 2 + 2
    assert delete_units(inside, [GSI]) == 2 + 2


def test_a_changed_index_key_costs_a_deletion_and_a_put() -> None:
    before = an_item(100, gsi1pk="TAB#draft", gsi1sk="1")
    after = an_item(1100, gsi1pk="TAB#active", gsi1sk="1")

    assert put_or_update_units(before, after, [GSI]) == 2 + 1 + 2


def test_a_changed_projected_attribute_costs_one_index_write_and_no_change_none() -> None:
    before = an_item(100, gsi1pk="a", gsi1sk="1", title="x")
    after = an_item(100, gsi1pk="a", gsi1sk="1", title="y")

    assert put_or_update_units(before, after, [GSI]) == 1 + 1
    assert put_or_update_units(before, before, [GSI]) == 1


# Reads ---------------------------------------------------------------------------


def test_a_read_costs_a_unit_for_each_four_kilobytes_begun_and_half_when_eventual() -> None:
    assert get_units([an_item(4096)], consistent=True) == 1
    assert get_units([an_item(4097)], consistent=True) == 2
    assert get_units([an_item(4097)], consistent=False) == 1


def test_what_is_not_there_costs_the_minimum() -> None:
    assert get_units([None], consistent=True) == 1
    assert get_units([None], consistent=False) == 0.5


def test_a_batch_rounds_each_item_up_by_itself() -> None:
    """The guide's own example: 1.5 kB and 6.5 kB are 4 + 8 = 12 kB, not 8."""
    assert get_units([an_item(1536), an_item(6656)], consistent=True) == 3


def test_a_query_rounds_up_the_sum() -> None:
    page = [an_item(500) for _ in range(8)]

    assert query_units(page, consistent=True) == 1
    assert query_units([*page, an_item(500)], consistent=True) == 2
    assert query_units([*page, an_item(500)], consistent=False) == 1
    assert query_units([], consistent=False) == 0.5


def test_sqs_bills_a_request_for_each_64_kilobytes() -> None:
    assert [sqs_requests(size) for size in (1, 65536, 65537, 262144)] == [1, 1, 2, 4]


# The meter -----------------------------------------------------------------------


class Table:
    """One table that a test changes between a request's two hooks; knows what was changed."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = {item["pk"]["S"]: item for item in items}
        self.changes: list[tuple[Any, Any]] = []
        self.now = 0.0
        self.meter = Meter(
            peek=lambda _, key: self.items.get(key["pk"]["S"]),
            examined=lambda _: list(self.items.values()),
            indexes={"indexed": (GSI,)},
            on_change=lambda _table, _key, before, after: self.changes.append((before, after)),
            now=lambda: self.now,
        )

    def call(
        self,
        operation: str,
        params: dict[str, Any],
        *,
        stores: tuple[dict[str, Any], ...] = (),
        deletes: tuple[str, ...] = (),
        answer: dict[str, Any] | None = None,
    ) -> tuple[float, float]:
        """Return the (write, read) units of one request that *stores* and *deletes* items."""
        context: dict[str, Any] = {}
        model = type("Model", (), {"name": operation})
        with self.meter.stage(f"call {len(self.meter.stages)}") as used:
            self.meter._before(params=params, model=model, context=context)
            self.items |= {item["pk"]["S"]: item for item in stores}
            for pk in deletes:
                self.items.pop(pk, None)
            self.meter._after(parsed=answer or {}, model=model, context=context)
        return used.write_units, used.read_units


REFUSED = {"Error": {"Code": "ConditionalCheckFailedException"}}


def test_an_update_is_metered_by_the_item_before_and_after_it() -> None:
    before, after = an_item(100, pk="a"), an_item(1500, pk="a")
    table = Table(before)
    request = {"TableName": "plain", "Key": {"pk": {"S": "a"}}}

    assert table.call("UpdateItem", request, stores=(after,)) == (2, 0)
    assert table.changes == [(before, after)]


def test_a_refused_update_is_metered_and_changes_nothing() -> None:
    table = Table(an_item(1500, pk="a"))
    request = {"TableName": "plain", "Key": {"pk": {"S": "a"}}}

    assert table.call("UpdateItem", request, answer=REFUSED) == (2, 0)
    assert table.changes == []


def test_the_hottest_partition_key_is_the_one_with_most_units_in_one_second() -> None:
    table = Table()
    for now, pk, size in ((0.2, "a", 1500), (0.9, "a", 100), (1.1, "a", 100), (1.5, "b", 1500)):
        table.now = now
        item = an_item(size, pk=pk)
        table.call("PutItem", {"TableName": "plain", "Item": item}, stores=(item,))

    assert table.meter.hottest() == {"plain": ("a", 4)}


def test_a_put_into_an_indexed_table_is_metered_with_its_index() -> None:
    item = an_item(100, pk="a", gsi1pk="p", gsi1sk="s")

    assert Table().call("PutItem", {"TableName": "indexed", "Item": item}, stores=(item,)) == (2, 0)


def test_a_transaction_costs_twice_also_when_it_is_cancelled() -> None:
    old, new, fresh = an_item(100, pk="a"), an_item(1500, pk="a"), an_item(10, pk="b")
    table = Table(old)
    request = {
        "TransactItems": [
            {"Update": {"TableName": "plain", "Key": {"pk": {"S": "a"}}}},
            {"Put": {"TableName": "plain", "Item": fresh}},
            {"ConditionCheck": {"TableName": "plain", "Key": {"pk": {"S": "c"}}}},
        ]
    }

    assert table.call("TransactWriteItems", request, answer=REFUSED) == (2 + 2 + 2, 0)
    assert table.call("TransactWriteItems", request, stores=(new, fresh)) == (4 + 2 + 2, 0)
    assert table.changes == [(old, new), (None, fresh)]


def test_a_batch_of_writes_is_metered_write_by_write() -> None:
    gone, fresh = an_item(1500, pk="a"), an_item(10, pk="b")
    table = Table(gone)
    request = {
        "RequestItems": {
            "plain": [
                {"DeleteRequest": {"Key": {"pk": {"S": "a"}}}},
                {"PutRequest": {"Item": fresh}},
            ]
        }
    }

    assert table.call("BatchWriteItem", request, stores=(fresh,), deletes=("a",)) == (2 + 1, 0)


def test_reads_by_key_are_metered_by_the_whole_item_whatever_is_projected() -> None:
    table = Table(an_item(5000, pk="a"))
    key = {"pk": {"S": "a"}}
    get = {"TableName": "plain", "Key": key, "ProjectionExpression": "pk"}
    batch = {"RequestItems": {"plain": {"Keys": [key, {"pk": {"S": "b"}}]}}}

    assert table.call("GetItem", get) == (0, 1)
    assert table.call("GetItem", {**get, "ConsistentRead": True}) == (0, 2)
    assert table.call("BatchGetItem", batch) == (0, 1 + 0.5)


def test_a_filtered_query_is_metered_by_what_it_examined() -> None:
    table = Table(an_item(3000, pk="a"), an_item(3000, pk="b"))
    request = {"TableName": "plain", "KeyConditionExpression": "pk = :pk", "ConsistentRead": True}

    assert table.call("Query", request, answer={"Items": [an_item(3000, pk="a")]}) == (0, 1)
    filtered = {**request, "FilterExpression": "kind = :lead"}
    assert table.call("Query", filtered, answer={"Items": []}) == (0, 2)


def test_what_a_query_examined_is_asked_without_filter_and_projection() -> None:
    request = {
        "TableName": "plain",
        "KeyConditionExpression": "pk = :pk AND #sk > :p",
        "FilterExpression": "#kind = :lead",
        "ProjectionExpression": "#kind",
        "ExpressionAttributeNames": {"#sk": "sk", "#kind": "kind"},
        "ExpressionAttributeValues": {":pk": {"S": "a"}, ":p": {"S": "b"}, ":lead": {"S": "c"}},
        "Limit": 5,
    }

    assert examined_request(request) == {
        "TableName": "plain",
        "KeyConditionExpression": "pk = :pk AND #sk > :p",
        "ExpressionAttributeNames": {"#sk": "sk"},
        "ExpressionAttributeValues": {":pk": {"S": "a"}, ":p": {"S": "b"}},
        "Limit": 5,
    }


def test_what_happens_in_a_stage_counts_in_the_innermost() -> None:
    table = Table()
    request = {"TableName": "plain", "Key": {"pk": {"S": "a"}}}

    with table.meter.stage("outer") as outer:
        table.call("GetItem", request)
        with table.meter.stage("inner") as inner:
            inner.provider_calls += 1

    assert (outer.read_units, outer.provider_calls, inner.provider_calls) == (0, 0, 1)
