"""A sender's token bucket: its rate holds in every window, whatever is asked and when (F6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.pacing import TokenBucket

# Each step: wait so many seconds, then ask for so many segments.
STEPS = st.lists(st.tuples(st.floats(0, 3, allow_subnormal=False), st.integers(1, 12)), max_size=60)
RATES = st.floats(0.2, 200, allow_subnormal=False)
BURSTS = st.floats(0.1, 3, allow_subnormal=False)


def grants_of(
    rate: float, burst_s: float, steps: list[tuple[float, int]]
) -> list[tuple[float, int]]:
    """Return when how many segments were granted, asking again after each wait."""
    bucket, now, granted = TokenBucket(rate=rate, now=0.0, burst_s=burst_s), 0.0, []
    for pause, segments in steps:
        now += pause
        while (wait := bucket.wait_for(segments, now)) > 0:
            now += wait
        granted.append((now, segments))
    return granted


@given(RATES, BURSTS, STEPS)
def test_no_window_holds_more_than_its_rate_and_one_burst(
    rate: float, burst_s: float, steps: list[tuple[float, int]]
) -> None:
    """F6: the rate holds in every window."""
    granted = grants_of(rate, burst_s, steps)
    burst = max(1.0, rate * burst_s)
    longest = max((segments for _, segments in granted), default=0)

    for first, (start, _) in enumerate(granted):
        sent = 0
        for end, segments in granted[first:]:
            sent += segments
            # A message longer than the bucket goes when it is full and leaves a debt.
            allowed = rate * (end - start) + max(burst, longest)
            assert sent <= allowed + 1e-6 * (1 + allowed)


@given(RATES, BURSTS, STEPS)
def test_a_new_bucket_starts_with_one_token(
    rate: float, burst_s: float, steps: list[tuple[float, int]]
) -> None:
    # A pacer that takes over must not add a burst to what its predecessor sent.
    capacity, sent = max(1.0, rate * burst_s), 0

    for at, segments in grants_of(rate, burst_s, steps):
        assert sent + min(segments, capacity) <= 1 + rate * at + 1e-6 * (1 + rate * at)
        sent += segments


@given(RATES, BURSTS, st.integers(1, 12))
def test_a_wait_that_was_slept_is_followed_by_a_grant(
    rate: float, burst_s: float, segments: int
) -> None:
    bucket = TokenBucket(rate=rate, now=0.0, burst_s=burst_s)
    assert bucket.wait_for(1, 0.0) == 0.0

    wait = bucket.wait_for(segments, 0.0)

    assert wait > 0
    assert bucket.wait_for(segments, wait) == 0.0


def test_a_busy_sender_keeps_its_rate_to_the_segment() -> None:
    bucket, now, sent = TokenBucket(rate=10, now=0.0), 0.0, 0

    while now < 60:
        wait = bucket.wait_for(2, now)
        if wait:
            now += wait
        else:
            sent += 2

    assert sent == pytest.approx(600, abs=2)


def test_a_message_of_three_segments_costs_three() -> None:
    bucket = TokenBucket(rate=10, now=0.0)
    assert bucket.wait_for(10, 5.0) == 0.0

    assert bucket.wait_for(3, 5.0) == pytest.approx(0.3)
    assert bucket.wait_for(1, 5.0) == pytest.approx(0.1)


def test_a_message_longer_than_the_bucket_goes_when_it_is_full_and_delays_what_follows() -> None:
    bucket = TokenBucket(rate=2, now=0.0)

    assert bucket.wait_for(6, 10.0) == 0.0
    assert bucket.wait_for(1, 10.0) == pytest.approx(2.5)


def test_nothing_is_granted_while_the_provider_has_closed_the_gate() -> None:
    bucket = TokenBucket(rate=100, now=0.0)
    bucket.close_for(5, 10.0)

    assert bucket.wait_for(1, 10.0) == pytest.approx(5.0)
    assert bucket.wait_for(1, 14.5) == pytest.approx(0.5)
    assert bucket.wait_for(1, 15.0) == 0.0


def test_a_shorter_close_does_not_open_a_longer_one() -> None:
    bucket = TokenBucket(rate=100, now=0.0)
    bucket.close_for(5, 10.0)
    bucket.close_for(1, 10.0)

    assert bucket.wait_for(1, 11.5) == pytest.approx(3.5)


def test_tokens_do_not_gather_while_the_gate_is_closed() -> None:
    bucket = TokenBucket(rate=10, now=0.0)
    assert bucket.wait_for(1, 0.0) == 0.0
    bucket.close_for(60, 0.0)

    assert bucket.wait_for(1, 60.0) == pytest.approx(0.1)


def test_a_clock_that_stands_still_or_goes_back_grants_nothing_new() -> None:
    bucket = TokenBucket(rate=10, now=100.0)
    assert bucket.wait_for(1, 100.0) == 0.0

    assert bucket.wait_for(1, 50.0) > 0
    assert bucket.wait_for(1, 100.0) == pytest.approx(0.1)


@pytest.mark.parametrize("rate", [0, -1])
def test_a_sender_without_a_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        TokenBucket(rate=rate, now=0.0)
