"""What a provider's answer says in its headers and fields, whoever the provider is."""

from typing import Any

import pytest

from carillon.adapters.providers.fields import (
    count,
    form_of,
    json_of,
    json_or_empty,
    micros,
    text,
    text_of,
    whole,
    with_plus,
)
from carillon.adapters.providers.rest import retry_after_s

ANSWERED = "Tue, 24 Nov 2026 09:30:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 120 "}, 120.0),
        ({"Retry-After": "Tue, 24 Nov 2026 09:31:30 GMT", "Date": ANSWERED}, 90.0),
        ({"Retry-After": "Tue, 24 Nov 2026 09:29:00 GMT", "Date": ANSWERED}, 1.0),
        ({"Retry-After": "Tue, 24 Nov 2026 09:31:30 GMT"}, 1.0),
        ({"Retry-After": "-5", "Date": ANSWERED}, 1.0),
        ({"Retry-After": "1.5", "Date": ANSWERED}, 1.0),
        ({"Retry-After": "²", "Date": ANSWERED}, 1.0),
        ({"Retry-After": "9" * 400}, 1.0),
        ({}, 1.0),
    ],
)
def test_the_wait_is_the_providers_or_a_second(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.0051", 5100),
        ("0.00000051", 1),
        ("0", 0),
        ("-0.0075", 7500),
        (0.0333, 33300),
        (2, 2_000_000),
        ("1e-3", 1000),
        ("NaN", None),
        ("Infinity", None),
        ("1e30", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_money_is_counted_in_millionths(amount: Any, expected: int | None) -> None:
    assert micros(amount) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, 2), ("2", 2), (0, None), ("-1", None), (1.5, None), (None, None), ("9" * 40, None)],
)
def test_segments_are_one_or_more(value: Any, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a 👋", "a 👋"),
        (1000, "1000"),
        ("half \ud83d", "half ?"),
        (None, ""),
        (True, ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_only_words_and_numbers_are_text(value: Any, expected: str) -> None:
    assert text(value) == expected


def test_a_whole_number_may_be_none_at_all() -> None:
    assert (whole("0"), whole(0), count("0")) == (0, 0, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"a": "x"}, "x"),
        ({"a": ["x", "y"]}, "x"),
        ({"a": []}, ""),
        ({"a": [["x"]]}, ""),
        ({"a": [7]}, "7"),
        ({"a": ["half \ud83d"]}, "half ?"),
        ({}, ""),
    ],
)
def test_a_field_is_its_first_value(fields: dict[str, Any], expected: str) -> None:
    assert text_of(fields, "a") == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_an_error_or_empty_as_one_wants_it(body: bytes) -> None:
    assert json_or_empty(body) == {}
    with pytest.raises(ValueError):
        json_of(body)


def test_a_form_and_a_query_are_read_alike() -> None:
    assert form_of(b"a=1&a=2&b=") == form_of("a=1&a=2&b=") == {"a": ["1", "2"], "b": [""]}


@pytest.mark.parametrize("junk", [b"\xff", "a=%ff", "&".join(["a=1"] * 300)])
def test_junk_is_no_form(junk: bytes | str) -> None:
    with pytest.raises(ValueError):
        form_of(junk)


@pytest.mark.parametrize(
    ("number", "expected"),
    [("12025550142", "+12025550142"), (" 12025550142", "+12025550142"), ("Bank", "Bank")],
)
def test_a_number_has_its_plus_sign_and_a_name_none(number: str, expected: str) -> None:
    assert with_plus(number) == expected
