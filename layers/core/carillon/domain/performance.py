"""
How a sender does (N4), and how a campaign's variants do (M2): figures from their counters.

A rate is None as long as there is nothing that it could be of.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from carillon.domain.counters import SENDER_DAILY, Counts, SenderCounts, total_of, variants_of
from carillon.domain.metrics import failure_reason, failures_of, health_of, percent_tenths
from carillon.domain.provider_codes import Advice
from carillon.domain.significance import ALPHA, CORRECTION, Share, compare

_RECENT_DAYS = 30
# The causes of reference 002, "What High Failure Rates Mean", by the advice that it has for each.
_CAUSES: dict[str, str] = {
    Advice.ACCOUNT: "account",
    Advice.LEADS: "invalid_leads",
    Advice.RATE: "rate_limiting",
    Advice.CONTENT: "content",
}
_NO_CAUSE = "other"
CAUSES = (*_CAUSES.values(), _NO_CAUSE)


def sender_figures(counts: SenderCounts, today: date) -> dict[str, Any]:
    """
    Return the sender's lifetime, its last 30 UTC days (with *today*), and its likely causes.

    The success rate is delivered ÷ settled, which is delivered and failed by the
    provider (A15), over the lifetime; so are the band and the causes. Each cause of
    failures has its count and its codes, the most frequent first.
    """
    since = today - timedelta(days=_RECENT_DAYS - 1)
    recent = total_of(
        own for day, own in counts.days.items() if since.isoformat() <= day <= today.isoformat()
    )
    delivered, finished = _delivered_of_finished(counts.ever)
    return {
        "lifetime": _sender_sums(counts.ever),
        "last_30_days": {"from": since.isoformat(), **_sender_sums(recent)},
        "success_rate": percent_tenths(delivered, finished) if finished else None,
        "health": health_of(delivered, finished),
        "causes": _causes(counts.ever),
    }


def variant_figures(counts: Mapping[str, int]) -> dict[str, Any]:
    """
    Return each variant's figures and rates, and the test of response, delivery and conversion.

    The response rate is of those submitted (A11): whom a variant was sent to was
    drawn beforehand, whom it reached was not. The delivery rate is A15's, and conversions
    are of those delivered.
    """
    variants = variants_of(counts)
    return {
        "variants": [_variant(name, own) for name, own in variants.items()],
        "test": {"alpha": ALPHA, "correction": CORRECTION},
        **{
            rate: compared({name: share(own) for name, own in variants.items()})
            for rate, share in _VARIANT_RATES.items()
        },
    }


def campaign_comparison(campaigns: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """
    Return the rates of *campaigns* (counters by id) and the test of each (T6).

    Delivery as in A15, response as in A11 of initials sent, conversion as in A16 of contacts
    messaged: each campaign's exact figures.
    """
    return {
        "rates": {
            campaign_id: {rate: _percent(share(counts)) for rate, share in _CAMPAIGN_RATES.items()}
            for campaign_id, counts in campaigns.items()
        },
        "test": {"alpha": ALPHA, "correction": CORRECTION},
        **{
            rate: compared({name: share(counts) for name, counts in campaigns.items()})
            for rate, share in _CAMPAIGN_RATES.items()
        },
    }


def _sender_sums(counts: Mapping[str, int]) -> dict[str, Any]:
    delivered, finished = _delivered_of_finished(counts)
    sums = {name: counts.get(name, 0) for name in SENDER_DAILY}
    return {
        "sent": sums["submitted"],
        "delivered": delivered,
        "failed": sums["failed_provider"],
        "segments": sums["segments"],
        "success_rate": percent_tenths(delivered, finished) if finished else None,
    }


def _delivered_of_finished(counts: Mapping[str, int]) -> tuple[int, int]:
    delivered = counts.get("delivered", 0)
    return delivered, delivered + counts.get("failed_provider", 0)


def _causes(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for failure in failures_of(counts):
        advice = str(failure_reason(str(failure["code"])).advice)
        cause = _CAUSES.get(advice)
        own = found.setdefault(
            cause or _NO_CAUSE,
            {
                "cause": cause or _NO_CAUSE,
                "advice": advice if cause else None,
                "count": 0,
                "codes": [],
            },
        )
        own["count"] += failure["count"]
        own["codes"].append({name: failure[name] for name in ("code", "reason", "count")})
    return sorted(found.values(), key=lambda own: (-own["count"], own["cause"]))


def _variant(name: str, counts: Counts) -> dict[str, Any]:
    submitted, opted_out = counts.get("submitted", 0), counts.get("opted_out", 0)
    delivery, response = _variant_deliveries(counts), _responses(counts)
    return {
        "variant": name,
        "submitted": submitted,
        "delivered": delivery.hits,
        "failed": counts.get("failed", 0),
        "responded": counts.get("responded", 0),
        "opted_out": opted_out,
        "converted": counts.get("converted", 0),
        "delivery_rate": _percent(delivery),
        "response_rate": _percent(response),
        "opt_out_rate": _percent(Share(opted_out, submitted)),
        "conversion_rate": _percent(_conversions(counts)),
    }


def _deliveries(counts: Mapping[str, int]) -> Share:
    return Share(*_delivered_of_finished(counts))


def _variant_deliveries(counts: Mapping[str, int]) -> Share:
    delivered = counts.get("delivered", 0)
    return Share(delivered, delivered + counts.get("failed", 0))


def _responses(counts: Mapping[str, int]) -> Share:
    return Share(counts.get("responded", 0), counts.get("submitted", 0))


def _conversions(counts: Mapping[str, int]) -> Share:
    messaged = counts.get("delivered", 0) + counts.get("reached_by_step", 0)
    return Share(counts.get("converted", 0), messaged)


_Rates = dict[str, Callable[[Mapping[str, int]], Share]]
_VARIANT_RATES: _Rates = {
    "response_rate": _responses,
    "delivery_rate": _variant_deliveries,
    "conversion_rate": _conversions,
}
_CAMPAIGN_RATES: _Rates = {
    "delivery_rate": _deliveries,
    "response_rate": _responses,
    "conversion_rate": _conversions,
}


def _percent(share: Share) -> float | None:
    return percent_tenths(share.hits, share.people) if share.people else None


def compared(shares: Mapping[str, Share]) -> dict[str, Any]:
    """Return the comparison of *shares* as the API shows it; confidence in percent, down."""
    comparison = compare(shares)
    p_value, confidence = comparison.p_value, comparison.confidence
    return {
        "verdict": comparison.verdict,
        "winner": comparison.winner,
        "p_value": None if p_value is None else round(p_value, 6),
        "confidence_pct": None if confidence is None else math.floor(confidence * 1000) / 10,
        "tests": list(comparison.tests),
    }
