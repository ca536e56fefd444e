"""
Whether variants really differ, or chance alone would do (M2, T6).

The test is the **two-proportion z-test**, pooled and two-sided. Of n1 and n2 people k1
and k2 did what is counted:

    p = (k1 + k2) / (n1 + n2)
    z = (k1/n1 - k2/n2) / sqrt(p (1 - p) (1/n1 + 1/n2))
    p-value = erfc(|z| / sqrt 2)

The variant with the highest rate is compared with each other one. It was chosen after
looking, so each p-value is multiplied by the number of pairs there are (Bonferroni), and
the largest is the test's: a winner has beaten everybody. With two variants this is the
plain test.

A verdict needs ``MIN_PER_VARIANT`` people in each, and of those who did and did not at
least ``MIN_EXPECTED`` each expected among them, because z is only then near enough to a
normal distribution. A p-value holds for one look: who stops at the first "winner" of
many looks will be wrong more often than one time in twenty.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

TEST = "two-proportion z-test, pooled, two-sided, Bonferroni"
ALPHA = 0.05
MIN_PER_VARIANT = 100
MIN_EXPECTED = 5


class Verdict(StrEnum):
    """What the numbers allow to say."""

    WINNER = "winner"
    NO_DIFFERENCE_SHOWN = "no_difference_shown"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Share:
    """*hits* of *people*."""

    hits: int
    people: int

    @property
    def rate(self) -> float:
        """The share as a fraction; 0 of nobody."""
        return self.hits / self.people if self.people else 0.0


@dataclass(frozen=True)
class Comparison:
    """A verdict; ``p_value`` is None when there were too few, ``winner`` unless there is one."""

    verdict: Verdict
    p_value: float | None = None
    winner: str | None = None


def p_value(one: Share, other: Share) -> float:
    """Return how likely chance alone makes rates as far apart as these; 1.0 where it cannot say."""
    people = one.people + other.people
    if not one.people or not other.people:
        return 1.0
    pooled = (one.hits + other.hits) / people
    variance = pooled * (1 - pooled) * (1 / one.people + 1 / other.people)
    if variance <= 0:
        return 1.0
    return math.erfc(abs(one.rate - other.rate) / math.sqrt(2 * variance))


def compare(shares: Mapping[str, Share]) -> Comparison:
    """Return whether the variant with the highest rate is better than all others."""
    if len(shares) < 2 or not all(_is_enough(*pair) for pair in combinations(shares.values(), 2)):
        return Comparison(Verdict.TOO_FEW)
    best = max(sorted(shares), key=lambda variant: shares[variant].rate)
    pairs = math.comb(len(shares), 2)
    values = [p_value(shares[best], own) for name, own in shares.items() if name != best]
    largest = min(1.0, max(values) * pairs)
    if largest < ALPHA:
        return Comparison(Verdict.WINNER, largest, best)
    return Comparison(Verdict.NO_DIFFERENCE_SHOWN, largest)


def _is_enough(one: Share, other: Share) -> bool:
    pooled = (one.hits + other.hits) / max(1, one.people + other.people)
    rarer = min(pooled, 1 - pooled)
    fewest = min(one.people, other.people)
    return fewest >= MIN_PER_VARIANT and fewest * rarer >= MIN_EXPECTED
