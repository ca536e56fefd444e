"""How a sender and how variants do, from their counters."""

from datetime import date

import pytest

from carillon.domain.counters import SenderCounts
from carillon.domain.performance import campaign_comparison, sender_figures, variant_figures
from carillon.domain.significance import Z_TEST

RATES = ("delivery_rate", "response_rate", "conversion_rate")

TODAY = date(2026, 11, 30)


def test_a_sender_has_sums_of_its_lifetime_and_of_30_days() -> None:
    """N4: sent in its lifetime and in 30 days, with success rates."""
    counts = SenderCounts(
        {"submitted": 100, "delivered": 89, "failed_provider": 3, "segments": 150},
        {
            "2026-10-31": {"submitted": 7},
            "2026-11-01": {"submitted": 20, "delivered": 8, "failed_provider": 2},
            "2026-11-30": {"submitted": 5, "segments": 6},
            "2026-12-01": {"submitted": 1},
        },
    )

    figures = sender_figures(counts, TODAY)

    assert figures["lifetime"] == {
        "sent": 100,
        "delivered": 89,
        "failed": 3,
        "segments": 150,
        "success_rate": 96.7,
    }
    assert figures["last_30_days"] == {
        "from": "2026-11-01",
        "sent": 25,
        "delivered": 8,
        "failed": 2,
        "segments": 6,
        "success_rate": 80.0,
    }
    assert (figures["success_rate"], figures["health"]) == (96.7, "high")


@pytest.mark.parametrize(
    ("delivered", "failed", "health"),
    [(951, 49, "high"), (95, 5, "moderate"), (80, 20, "moderate"), (79, 21, "low"), (0, 0, None)],
)
def test_a_sender_s_health_is_a_band_of_delivered_out_of_settled(
    delivered: int, failed: int, health: str | None
) -> None:
    """N4: the bands, at their bounds."""
    ever = {"submitted": 2000, "delivered": delivered, "failed_provider": failed}

    figures = sender_figures(SenderCounts(ever, {}), TODAY)

    assert figures["health"] == health
    assert (figures["success_rate"] is None) == (health is None)


def test_likely_causes_are_told_by_the_advice_of_the_codes_the_heaviest_first() -> None:
    """N4: account, invalid leads, rate limiting and content as causes."""
    ever = {
        "failed_provider": 20,
        "fail#30002": 1,
        "fail#30003": 4,
        "fail#30005": 5,
        "fail#30007": 2,
        "fail#30022": 6,
        "fail#21610": 2,
    }

    causes = sender_figures(SenderCounts(ever, {}), TODAY)["causes"]

    assert [(c["cause"], c["count"], c["advice"]) for c in causes] == [
        ("invalid_leads", 9, "Refresh lead collection."),
        ("rate_limiting", 6, "Reduce daily limits."),
        ("content", 2, "Review message for spam triggers."),
        ("other", 2, None),
        ("account", 1, "Check account status, review errors."),
    ]
    assert causes[0]["codes"] == [
        {"code": "30005", "reason": "The number is unknown or no longer in use.", "count": 5},
        {
            "code": "30003",
            "reason": "The phone was unreachable: off, or without coverage.",
            "count": 4,
        },
    ]
    assert causes[3]["codes"][0]["code"] == "21610"


VARIANTS = {
    "submitted": 800,
    "v#a#submitted": 400,
    "v#a#delivered": 380,
    "v#a#failed": 20,
    "v#a#responded": 48,
    "v#a#opted_out": 6,
    "v#b#submitted": 400,
    "v#a#converted": 38,
    "v#b#delivered": 376,
    "v#b#failed": 24,
    "v#b#responded": 80,
}


def test_each_variant_has_its_figures_and_rates() -> None:
    shown = variant_figures(VARIANTS)["variants"]

    assert shown == [
        {
            "variant": "a",
            "submitted": 400,
            "delivered": 380,
            "failed": 20,
            "responded": 48,
            "opted_out": 6,
            "converted": 38,
            "delivery_rate": 95.0,
            "response_rate": 12.0,
            "opt_out_rate": 1.5,
            "conversion_rate": 10.0,
        },
        {
            "variant": "b",
            "submitted": 400,
            "delivered": 376,
            "failed": 24,
            "responded": 80,
            "opted_out": 0,
            "converted": 0,
            "delivery_rate": 94.0,
            "response_rate": 20.0,
            "opt_out_rate": 0.0,
            "conversion_rate": 0.0,
        },
    ]


def test_the_variants_are_tested_for_response_and_for_delivery() -> None:
    """M2, T6: a verdict on variants with its test, its level and its winner."""
    shown = variant_figures(VARIANTS)

    assert shown["response_rate"] == {
        "verdict": "winner",
        "winner": "b",
        "p_value": 0.002028,
        "confidence_pct": 99.7,
        "tests": [Z_TEST],
    }
    assert shown["delivery_rate"] == {
        "verdict": "no_difference_shown",
        "winner": None,
        "p_value": 0.535045,
        "confidence_pct": 46.4,
        "tests": [Z_TEST],
    }
    assert shown["test"] == {"alpha": 0.05, "correction": "Holm"}


def test_campaigns_are_compared_by_their_own_figures() -> None:
    compared = campaign_comparison(
        {
            "cmp_a": {
                "submitted": 400,
                "delivered": 376,
                "failed_provider": 24,
                "responded": 80,
                "converted": 90,
            },
            "cmp_b": {
                "submitted": 400,
                "delivered": 370,
                "failed_provider": 30,
                "reached_by_step": 10,
                "responded": 48,
                "converted": 38,
            },
        }
    )

    assert compared["rates"] == {
        "cmp_a": {"delivery_rate": 94.0, "response_rate": 20.0, "conversion_rate": 23.9},
        # As A16: those that only a follow-up reached were messaged as well.
        "cmp_b": {"delivery_rate": 92.5, "response_rate": 12.0, "conversion_rate": 10.0},
    }
    verdicts = {rate: (compared[rate]["verdict"], compared[rate]["winner"]) for rate in RATES}
    assert verdicts == {
        "delivery_rate": ("no_difference_shown", None),
        "response_rate": ("winner", "cmp_a"),
        "conversion_rate": ("winner", "cmp_a"),
    }


def test_a_campaign_without_variants_has_none_and_no_verdict() -> None:
    shown = variant_figures({"submitted": 800})

    assert shown["variants"] == []
    assert shown["response_rate"] == {
        "verdict": "too_few",
        "winner": None,
        "p_value": None,
        "confidence_pct": None,
        "tests": [],
    }


def test_a_variant_of_which_nothing_is_known_has_no_rates() -> None:
    (shown,) = variant_figures({"v#a#opted_out": 1})["variants"]

    rates = {shown["delivery_rate"], shown["response_rate"], shown["opt_out_rate"]}
    assert rates == {None}
