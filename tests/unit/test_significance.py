"""Whether variants differ: the test's figures, its edges, and what it never claims."""

import random
from statistics import NormalDist

import pytest

from carillon.domain.significance import (
    ALPHA,
    FISHER,
    Z_TEST,
    Comparison,
    Share,
    Verdict,
    compare,
    exact_p_value,
    p_value,
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # z = 0.05 / sqrt(0.125 * 0.875 * 2/300) = 1.852, read in a table of the normal: 0.064.
        (Share(45, 300), Share(30, 300), 0.0641),
        # z = 0.08 / sqrt(0.16 * 0.84 * 2/400) = 3.086
        (Share(80, 400), Share(48, 400), 0.0020),
        (Share(50, 200), Share(100, 400), 1.0),
        (Share(0, 200), Share(0, 200), 1.0),
        (Share(200, 200), Share(200, 200), 1.0),
        (Share(0, 0), Share(5, 10), 1.0),
    ],
)
def test_the_p_value_is_that_of_the_pooled_two_sided_z_test(
    one: Share, other: Share, expected: float
) -> None:
    assert p_value(one, other) == pytest.approx(expected, abs=0.0001)
    assert p_value(other, one) == p_value(one, other)


def test_the_p_value_is_what_the_normal_distribution_says_of_z() -> None:
    one, other = Share(37, 410), Share(61, 390)
    pooled = (37 + 61) / 800
    z = (37 / 410 - 61 / 390) / (pooled * (1 - pooled) * (1 / 410 + 1 / 390)) ** 0.5

    assert p_value(one, other) == pytest.approx(2 * NormalDist().cdf(-abs(z)), rel=1e-9)


def test_a_variant_that_beats_the_other_wins() -> None:
    result = compare({"a": Share(48, 400), "b": Share(80, 400)})

    assert (result.verdict, result.winner) == (Verdict.WINNER, "b")
    assert result.p_value == pytest.approx(0.0020, abs=0.0001)


def test_a_difference_that_chance_makes_is_no_verdict() -> None:
    result = compare({"a": Share(45, 300), "b": Share(30, 300)})

    assert (result.verdict, result.winner) == (Verdict.NO_DIFFERENCE_SHOWN, None)
    assert result.p_value == pytest.approx(0.0641, abs=0.0001)


def test_the_same_rate_is_no_verdict() -> None:
    shares = {"a": Share(30, 300), "b": Share(30, 300)}

    assert compare(shares) == Comparison(Verdict.NO_DIFFERENCE_SHOWN, 1.0, tests=(Z_TEST,))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # By hand: (1 + 1) / C(8, 4), the two tables in which all of one side did it.
        (Share(4, 4), Share(0, 4), 2 / 70),
        # The lady tasting tea (Fisher 1935): 3 of 4 cups right; 2 * (16 + 1) / 70.
        (Share(3, 4), Share(1, 4), 34 / 70),
        # Of the C(10, 5) tables, 25 have one on either side and 1 has none, and so mirrored.
        (Share(1, 5), Share(4, 5), 2 * (25 + 1) / 252),
        (Share(2, 4), Share(2, 4), 1.0),
        (Share(0, 9), Share(0, 4), 1.0),
    ],
)
def test_few_people_are_compared_by_fisher_s_exact_test(
    one: Share, other: Share, expected: float
) -> None:
    assert exact_p_value(one, other) == pytest.approx(expected)
    assert exact_p_value(other, one) == pytest.approx(expected)


def test_the_test_is_chosen_for_each_pair_by_what_is_expected_in_it() -> None:
    few = compare({"a": Share(8, 9), "b": Share(1, 9)})
    many = compare({"a": Share(5, 100), "b": Share(5, 100)})
    mixed = compare({"a": Share(8, 9), "b": Share(80, 400), "c": Share(90, 400)})

    assert few.p_value == pytest.approx(2 * (81 + 1) / 48_620)
    assert (few.winner, few.tests) == ("a", (FISHER,))
    assert many.tests == (Z_TEST,)
    assert mixed.tests == (FISHER, Z_TEST)


def test_holm_corrects_all_pairs_step_by_step() -> None:
    shares = {"a": Share(80, 400), "b": Share(48, 400), "c": Share(20, 400)}
    ab, ac, bc = (p_value(shares[x], shares[y]) for x, y in ("ab", "ac", "bc"))

    result = compare(shares)

    assert ac < bc < ab
    # a's own pairs are the smallest (times 3) and the largest (times 1, no less than bc's).
    assert result.p_value == pytest.approx(max(3 * ac, 2 * bc, ab))
    assert result.confidence == pytest.approx(1 - max(3 * ac, 2 * bc, ab))


def test_a_winner_has_beaten_everybody() -> None:
    far_ahead = compare({"a": Share(48, 400), "b": Share(80, 400), "c": Share(20, 400)})
    close_behind = compare({"a": Share(48, 400), "b": Share(80, 400), "c": Share(79, 400)})

    assert far_ahead.winner == "b"
    assert (close_behind.verdict, close_behind.winner) == (Verdict.NO_DIFFERENCE_SHOWN, None)


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param({}, id="no variants"),
        pytest.param({"a": Share(80, 400)}, id="one"),
        pytest.param({"a": Share(0, 0), "b": Share(4, 100)}, id="nobody in one"),
        pytest.param({"a": Share(9, 0), "b": Share(4, 100)}, id="more than all of nobody"),
    ],
)
def test_with_too_few_people_there_is_no_verdict(shares: dict[str, Share]) -> None:
    assert compare(shares) == Comparison(Verdict.TOO_FEW)


@pytest.mark.parametrize("variants", [2, 4])
def test_equal_variants_have_a_winner_in_at_most_one_of_twenty_looks(variants: int) -> None:
    dice, looks = random.Random(7), 400
    verdicts = [
        compare(
            {
                str(n): Share(sum(dice.random() < 0.2 for _ in range(150)), 150)
                for n in range(variants)
            }
        ).verdict
        for _ in range(looks)
    ]

    # Half as many again, because 400 looks are a sample themselves.
    assert verdicts.count(Verdict.WINNER) <= 1.5 * ALPHA * looks
    assert Verdict.TOO_FEW not in verdicts
