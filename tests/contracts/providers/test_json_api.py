"""What a provider's answer says in its headers and fields, whoever the provider is."""

from typing import Any

import pytest

from carillon.adapters.providers.json_api import count, micros, retry_after_s, text

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
