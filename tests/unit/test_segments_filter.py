"""Saved filters over contacts: what they match, and what is no filter (C4)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.errors import InvalidInput
from carillon.domain.segments_filter import (
    MAX_BYTES,
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_VALUES,
    filter_of,
    filter_text,
    parse_filter,
)
from tests.support.clock import NOON
from tests.support.contacts import a_contact

ADA = a_contact(
    1,
    first_name="Ada",
    last_name="Lovelace",
    created_at=NOON,
    fields={"city": "New  York", "joined": "2026-03-01", "note": "a|b", "us_date": "03/04/2026"},
)


def a_condition(field: str, op: str, *value: Any) -> dict[str, Any]:
    bare = {"field": field, "op": op}
    return {**bare, "value": value[0]} if value else bare


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (a_condition("city", "equals", "new york"), True),
        (a_condition("city", "equals", " NEW\u00a0YORK "), True),
        (a_condition("city", "equals", "york"), False),
        (a_condition("city", "contains", "YOR"), True),
        (a_condition("city", "contains", "albany"), False),
        (a_condition("first_name", "in", ["Bob", "ADA"]), True),
        (a_condition("first_name", "in", ["Bob"]), False),
        (a_condition("last_name", "equals", "lovelace"), True),
        (a_condition("phone", "contains", "+1202"), True),
        (a_condition("joined", "before", "2026-03-02"), True),
        (a_condition("joined", "before", "2026-03-01"), False),
        (a_condition("joined", "after", "2026-03-01"), False),
        (a_condition("joined", "after", "2026-02-28T23:59:59Z"), True),
        (a_condition("joined", "after", "2026-03-01T01:00:00+02:00"), True),
        (a_condition("created_at", "before", "2026-11-23"), True),
        (a_condition("created_at", "after", "2026-11-22T12:00:00Z"), False),
        (a_condition("city", "exists"), True),
        (a_condition("email", "exists"), False),
        (a_condition("email", "equals", "x"), False),
        (a_condition("us_date", "after", "2020-01-01"), False),
        (a_condition("us_date", "before", "2030-01-01"), False),
        ({"not": a_condition("email", "exists")}, True),
        ({"not": a_condition("city", "exists")}, False),
        ({"and": [a_condition("city", "exists"), a_condition("email", "exists")]}, False),
        ({"and": [a_condition("city", "exists"), a_condition("phone", "exists")]}, True),
        ({"or": [a_condition("city", "exists"), a_condition("email", "exists")]}, True),
        ({"or": [a_condition("email", "exists")]}, False),
    ],
)
def test_a_filter_matches_what_its_words_say(condition: dict[str, Any], expected: bool) -> None:
    assert parse_filter(condition).matches(ADA) is expected


def test_a_column_that_is_called_created_at_is_asked_for_itself() -> None:
    contact = a_contact(1, fields={"created_at": "2001-01-01"})

    assert parse_filter(a_condition("created_at", "before", "2002-01-01")).matches(contact)


@pytest.mark.parametrize("name", ["first_name", "city"])
def test_a_blank_field_is_a_field_that_is_not_there(name: str) -> None:
    contact = a_contact(1, first_name="  ", fields={"city": "\t"})

    assert not parse_filter(a_condition(name, "exists")).matches(contact)


def deep(levels: int) -> dict[str, Any]:
    inner = a_condition("city", "exists")
    for _ in range(levels):
        inner = {"not": inner}
    return inner


EXISTS = a_condition("city", "exists")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], "filter"),
        ("city", "filter"),
        ({}, "filter.field"),
        ({"field": " ", "op": "exists"}, "filter.field"),
        ({"field": "x" * 65, "op": "exists"}, "filter.field"),
        ({"field": "city"}, "filter.op"),
        ({"field": "city", "op": "like", "value": "x"}, "filter.op"),
        ({"field": "city", "op": ["in"], "value": "x"}, "filter.op"),
        ({"field": "city", "op": "equals"}, "filter.value"),
        ({"field": "city", "op": "equals", "value": 7}, "filter.value"),
        ({"field": "city", "op": "equals", "value": " "}, "filter.value"),
        ({"field": "city", "op": "equals", "value": "x" * 501}, "filter.value"),
        ({"field": "city", "op": "exists", "value": None}, "filter.value"),
        ({"field": "city", "op": "in", "value": "NY"}, "filter.value"),
        ({"field": "city", "op": "in", "value": []}, "filter.value"),
        ({"field": "city", "op": "in", "value": ["x"] * (MAX_VALUES + 1)}, "filter.value"),
        ({"field": "city", "op": "in", "value": ["NY", 7]}, "filter.value[1]"),
        ({"field": "joined", "op": "after", "value": "yesterday"}, "filter.value"),
        ({"field": "city", "op": "exists", "case": True}, "filter.case"),
        ({"and": []}, "filter.and"),
        ({"and": EXISTS}, "filter.and"),
        ({"not": [EXISTS]}, "filter.not"),
        ({"and": [EXISTS], "or": [EXISTS]}, "filter.or"),
        ({"and": [EXISTS, {"or": [{"field": "a", "op": "?"}]}]}, "filter.and[1].or[0].op"),
        ({"and": [EXISTS] * (MAX_CONDITIONS + 1)}, "filter.and"),
        ({"and": [{"or": [EXISTS] * 26}, {"or": [EXISTS] * 26}]}, "filter.and[1].or[24]"),
        (deep(MAX_DEPTH), "filter" + ".not" * MAX_DEPTH),
        ({"field": "city", "op": "in", "value": ["x" * 490] * 17}, "filter"),
    ],
)
def test_what_is_no_filter_is_refused_at_its_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_filter(value)

    assert raised.value.code == "filter_invalid"
    assert raised.value.field == place


def test_a_filter_may_be_as_deep_and_as_large_as_is_said() -> None:
    assert parse_filter(deep(MAX_DEPTH - 1))
    assert parse_filter({"or": [EXISTS] * MAX_CONDITIONS})
    assert MAX_BYTES == 8192


CONDITIONS = st.one_of(
    st.builds(
        a_condition,
        st.sampled_from(["city", "first_name", "phone", "joined"]),
        st.sampled_from(["equals", "contains"]),
        st.text(min_size=1, max_size=8).filter(lambda text: bool(text.split())),
    ),
    st.builds(lambda value: a_condition("joined", "after", value), st.dates().map(str)),
    st.just(a_condition("city", "exists")),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda join, parts: {join: parts},
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=6,
)


@given(FILTERS)
@settings(max_examples=100, deadline=None)
def test_a_filter_that_is_kept_reads_as_it_was_written(value: dict[str, Any]) -> None:
    try:
        parsed = parse_filter(value)
    except InvalidInput:
        return

    assert filter_of(filter_text(parsed)) == parsed
    assert parse_filter({"not": {"not": value}} if _depth(value) < 4 else value).matches(
        ADA
    ) is parsed.matches(ADA)


def _depth(value: dict[str, Any]) -> int:
    inner = value.get("and", value.get("or", [value["not"]] if "not" in value else []))
    return 1 + max(map(_depth, inner), default=0)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["and", "or", "not", "field", "op", "value", "x"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_a_filter_or_is_refused_with_its_place(value: Any) -> None:
    place = "filter"
    try:
        parse_filter(value)
    except InvalidInput as error:
        place = error.field or ""

    assert place.startswith("filter")
