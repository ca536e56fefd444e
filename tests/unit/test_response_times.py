"""Waits for a human answer: mergeable, and within one percent of the truth (A8)."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.counters import contribution
from carillon.domain.response_times import LONGEST_S, bucket_of, quantile

WAITS = st.lists(st.integers(0, LONGEST_S), min_size=1, max_size=200)
SHARES = st.sampled_from([0.5, 0.9, 0.95])


def counted(waits: list[int]) -> Counter[str]:
    return Counter(map(bucket_of, waits))


@given(WAITS, SHARES)
def test_a_quantile_is_within_one_percent_of_the_wait_it_stands_for(
    waits: list[int], share: float
) -> None:
    """A8: the median and its neighbours within one per cent."""
    true = max(sorted(waits)[max(math.ceil(share * len(waits)), 1) - 1], 1)

    found = quantile(counted(waits), share)

    assert found is not None
    # Whole seconds: rounding may add half a one.
    assert abs(found - true) <= true * 0.01 + 0.5


@given(WAITS, WAITS, SHARES)
def test_counts_of_two_campaigns_add_up_to_those_of_all(
    one: list[int], other: list[int], share: float
) -> None:
    """A8: mergeable over campaigns and days."""
    merged = counted(one) + counted(other)

    assert quantile(merged, share) == quantile(counted(one + other), share)


def test_without_waits_there_is_no_median() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({"inbound": 3}, 0.5) is None


def test_it_is_the_median_and_not_the_mean() -> None:
    assert quantile(counted([10, 10, 10, 10, 100_000]), 0.5) == 10


@pytest.mark.parametrize(
    ("row", "waits"),
    [
        ({"author": "agent", "waited_s": 60, "status": "submitted"}, 1),
        ({"author": "agent", "waited_s": 0, "status": "delivered"}, 1),
        ({"author": "agent", "waited_s": 60, "status": "retrying"}, 0),
        ({"author": "agent", "waited_s": 60, "status": "failed"}, 0),
        ({"author": "assistant", "waited_s": 60, "status": "submitted"}, 0),
        ({"author": "automatic", "waited_s": 60, "status": "submitted"}, 0),
        ({"author": "agent", "status": "submitted"}, 0),
        ({"author": "agent", "waited_s": -1, "status": "submitted"}, 0),
        ({"author": "agent", "waited_s": True, "status": "submitted"}, 0),
        ({"author": "agent", "waited_s": "60", "status": "submitted"}, 0),
    ],
)
def test_an_agents_answer_counts_once_the_provider_has_taken_it(
    row: dict[str, object], waits: int
) -> None:
    counts = contribution({"kind": "outbound", "office_id": "off_a", **row}).totals

    assert sum(amount for name, amount in counts.items() if name.startswith("w#")) == waits
