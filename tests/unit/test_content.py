"""Variants and follow-ups: what they may be, and who gets which (M2, M3)."""

from collections import Counter
from typing import Any

import pytest

from carillon.domain.content import (
    FollowUp,
    StepCondition,
    Variant,
    follow_ups_of,
    variant_of,
    variants_of,
)
from carillon.domain.errors import InvalidInput
from carillon.domain.ids import lead_key

KEYS = [lead_key(f"+1202555{number:04d}") for number in range(4000)]


def test_a_lead_always_gets_the_same_variant() -> None:
    """M2: the variant is a stable hash of campaign and phone."""
    variants = (Variant("a", 1, "A"), Variant("b", 1, "B"))

    for key in KEYS[:50]:
        assert variant_of("cmp_a", key, variants) == variant_of("cmp_a", key, variants)


def test_another_campaign_deals_anew() -> None:
    variants = (Variant("a", 1, "A"), Variant("b", 1, "B"))

    moved = sum(variant_of("cmp_a", k, variants) != variant_of("cmp_b", k, variants) for k in KEYS)

    assert 0.4 < moved / len(KEYS) < 0.6


def test_weights_are_shares_of_the_audience() -> None:
    """M2: variants are dealt by their weights."""
    variants = (Variant("a", 1, "A"), Variant("b", 3, "B"), Variant("c", 6, "C"))

    dealt = Counter(one.id for key in KEYS if (one := variant_of("cmp_a", key, variants)))

    assert sum(dealt.values()) == len(KEYS)
    for variant in variants:
        assert abs(dealt[variant.id] / len(KEYS) - variant.weight / 10) < 0.03


def test_without_variants_there_is_none() -> None:
    assert variant_of("cmp_a", KEYS[0], ()) is None


@pytest.mark.parametrize(
    "entries",
    [
        [{"id": "A", "body": "Hi"}],
        [{"id": "toolongid", "body": "Hi"}],
        [{"id": "a", "body": " "}],
        [{"id": "a"}],
        [{"id": "a", "body": "Hi", "weight": 0}],
        [{"id": "a", "body": "Hi", "weight": True}],
        [{"id": "a", "body": "Hi", "weight": 1001}],
        [{"id": "a", "body": "Hi", "wieght": 2}],
        [{"id": "a", "body": "Hi"}, {"id": "a", "body": "Ho"}],
        [{"id": f"v{number}", "body": "Hi"} for number in range(11)],
    ],
)
def test_what_is_no_variant_is_refused_by_its_field(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidInput) as caught:
        variants_of(entries)

    assert caught.value.field == "variants"


def test_follow_ups_go_to_those_who_have_not_replied_unless_said_otherwise() -> None:
    read = follow_ups_of([{"delay_s": 60, "body": "Still there?"}])

    assert read == (FollowUp(60, StepCondition.NO_REPLY, "Still there?"),)


@pytest.mark.parametrize(
    "entry",
    [
        {"delay_s": 59, "body": "Hi"},
        {"delay_s": 30 * 86_400 + 1, "body": "Hi"},
        {"delay_s": "60", "body": "Hi"},
        {"delay_s": 60, "body": ""},
        {"delay_s": 60, "body": "Hi", "condition": "sometimes"},
        {"delay_s": 60, "body": "Hi", "conditoin": "always"},
    ],
)
def test_what_is_no_follow_up_is_refused_by_its_field(entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        follow_ups_of([entry])

    assert caught.value.field == "follow_ups"


def test_a_campaign_has_a_handful_of_follow_ups() -> None:
    with pytest.raises(InvalidInput):
        follow_ups_of([{"delay_s": 60, "body": "Hi"}] * 6)
