"""Attributes are typed as boto3 types them, and come back as they were."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from carillon.adapters.dynamodb.items import from_item, to_item, to_value

counts = st.integers(-(10**30), 10**30)
plain = st.recursive(
    st.text() | counts | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Colour(StrEnum):
    RED = "red"


@given(plain)
def test_a_value_is_typed_as_boto3_types_it(value: object) -> None:
    assert to_value(value) == TypeSerializer().serialize(value)


@given(st.dictionaries(st.text(min_size=1), plain, max_size=5))
def test_an_item_comes_back_as_it_was(values: dict[str, object]) -> None:
    assert from_item(to_item(values)) == values


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        (Colour.RED, {"S": "red"}),
        (True, {"BOOL": True}),
        (0, {"N": "0"}),
        (1.5, {"N": "1.5"}),
        (Decimal("0.1"), {"N": "0.1"}),
        ("", {"S": ""}),
        (("a", 1), {"L": [{"S": "a"}, {"N": "1"}]}),
        (datetime(2026, 11, 24, 9, 30, tzinfo=UTC), {"S": "2026-11-24T09:30:00.000Z"}),
    ],
)
def test_what_is_no_text_and_no_count_has_its_own_type(
    value: object, typed: dict[str, object]
) -> None:
    assert to_value(value) == typed
