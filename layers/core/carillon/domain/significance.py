"""
Whether variants or campaigns really differ, or chance alone would do (M2, T6).

Each pair of them is tested two-sided, and with one of two tests:

* The **two-proportion z-test**, pooled. Of n1 and n2 people k1 and k2 did what is counted:

      p = (k1 + k2) / (n1 + n2)
      z = (k1/n1 - k2/n2) / sqrt(p (1 - p) (1/n1 + 1/n2))
      p-value = erfc(|z| / sqrt 2)

* **Fisher's exact test** where the numbers are small: where of those who did or of those who did
  not fewer than ``MIN_EXPECTED`` are expected in either of the two (Cochran's rule), because z
  is only near enough to a normal distribution with more. The p-value is the sum of the
  probabilities, with all margins fixed, of the tables that are no likelier than the one found.

With more than two, the p-values of all pairs are corrected by **Holm's** step-down method: the
smallest times the number of pairs, the next times one less, and so on, none below the one before.
One has won when every pair of which it is the better is significant at ``ALPHA``; the largest of
these p-values is the answer's, and 1 minus it the confidence.

A p-value holds for one look: who stops at the first "winner" of many looks will be wrong more
often than one time in twenty.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

Z_TEST = "two-proportion z-test, pooled"
FISHER = "Fisher's exact test"
CORRECTION = "Holm"
ALPHA = 0.05
MIN_EXPECTED = 5
# Tables as likely as the one found, but for rounding, are as unlikely (R's fisher.test likewise).
_AS_LIKELY = 1 + 1e-7


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
    """
    A verdict; ``p_value`` is None when there were too few, ``winner`` unless there is one.

    ``tests`` names which tests were taken, in the order of the alphabet.
    """

    verdict: Verdict
    p_value: float | None = None
    winner: str | None = None
    tests: tuple[str, ...] = ()

    @property
    def confidence(self) -> float | None:
        """How sure it is that the best differs from all others, 0 to 1."""
        return None if self.p_value is None else 1 - self.p_value


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


def exact_p_value(one: Share, other: Share) -> float:
    """Return what ``p_value`` does by Fisher's exact test, however few there are."""
    hits, people = one.hits + other.hits, one.people + other.people
    least, most = max(0, hits - other.people), min(hits, one.people)
    log_all = _log_choose(people, hits)
    likelihoods = [
        math.exp(_log_choose(one.people, k) + _log_choose(other.people, hits - k) - log_all)
        for k in range(least, most + 1)
    ]
    found = likelihoods[one.hits - least] * _AS_LIKELY
    return min(1.0, math.fsum(likelihood for likelihood in likelihoods if likelihood <= found))


def compare(shares: Mapping[str, Share]) -> Comparison:
    """
    Return whether the one with the highest rate is better than all others.

    Too few are fewer than two, and any of which nobody is counted, or more than all.
    """
    if len(shares) < 2 or not all(0 <= own.hits <= own.people > 0 for own in shares.values()):
        return Comparison(Verdict.TOO_FEW)
    best = max(sorted(shares), key=lambda name: shares[name].rate)
    tested = {pair: _tested(*(shares[name] for name in pair)) for pair in _pairs(shares)}
    corrected = _holm({pair: value for pair, (_, value) in tested.items()})
    largest = max(value for pair, value in corrected.items() if best in pair)
    tests = tuple(sorted({test for test, _ in tested.values()}))
    if largest < ALPHA:
        return Comparison(Verdict.WINNER, largest, best, tests)
    return Comparison(Verdict.NO_DIFFERENCE_SHOWN, largest, None, tests)


def _pairs(shares: Mapping[str, Share]) -> list[tuple[str, str]]:
    return list(combinations(sorted(shares), 2))


def _tested(one: Share, other: Share) -> tuple[str, float]:
    if _is_enough(one, other):
        return Z_TEST, p_value(one, other)
    return FISHER, exact_p_value(one, other)


def _holm(values: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    corrected: dict[tuple[str, str], float] = {}
    before = 0.0
    for place, pair in enumerate(sorted(values, key=lambda pair: (values[pair], pair))):
        before = corrected[pair] = max(before, min(1.0, (len(values) - place) * values[pair]))
    return corrected


def _is_enough(one: Share, other: Share) -> bool:
    pooled = (one.hits + other.hits) / (one.people + other.people)
    return min(one.people, other.people) * min(pooled, 1 - pooled) >= MIN_EXPECTED


def _log_choose(many: int, few: int) -> float:
    return math.lgamma(many + 1) - math.lgamma(few + 1) - math.lgamma(many - few + 1)
