"""Ids: fresh ones differ, derived ones agree, and a lead's part and range say the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.ids import SLOTS, derived_id, lead_key, new_id, part_of, part_range

PARTS = st.integers(1, 5000)
KEYS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(KEYS, PARTS)
def test_a_key_lies_in_the_range_of_its_part_and_in_no_other(key: str, parts: int) -> None:
    part = part_of(key, parts)
    first, last = part_range(part, parts)

    assert 0 <= part < parts
    assert first <= key[:4] <= last
    for other in {part - 1, part + 1} & set(range(parts)):
        low, high = part_range(other, parts)
        assert not low <= key[:4] <= high


@given(PARTS)
def test_the_ranges_of_all_parts_cover_every_slot_once(parts: int) -> None:
    edges = [part_range(part, parts) for part in range(parts)]

    assert edges[0][0] == "0000"
    assert edges[-1][1] == f"{SLOTS - 1:04x}"
    for (_, last), (first, _) in pairwise(edges):
        assert int(first, 16) == int(last, 16) + 1


def test_ranges_hold_to_the_smallest_possible_part() -> None:
    assert part_range(0, SLOTS) == ("0000", "0000")
    assert part_range(SLOTS - 1, SLOTS) == ("ffff", "ffff")
    assert part_of("ffff" + "0" * 28, SLOTS) == SLOTS - 1


def test_phones_spread_evenly_over_parts() -> None:
    counts = [0] * 8
    for number in range(8000):
        counts[part_of(lead_key(f"+1202555{number:04d}"), 8)] += 1

    assert min(counts) > 850
    assert max(counts) < 1150


def test_a_derived_id_is_always_the_same_and_keeps_its_parts_apart() -> None:
    assert derived_id("cmp", "usr_1", "key") == derived_id("cmp", "usr_1", "key")
    assert derived_id("cmp", "ab", "c") != derived_id("cmp", "a", "bc")
    assert derived_id("cmp", "a") != derived_id("lst", "a")


def test_ids_are_safe_in_addresses_and_keys() -> None:
    made = {new_id("cmp") for _ in range(1000)}

    assert len(made) == 1000
    assert set("".join(made)) <= set("abcdefghijklmnopqrstuvwxyz234567_")
