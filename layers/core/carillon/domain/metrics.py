"""
The figures A1 to A18 of a campaign, computed from its counters (spec 4, references 001 and 002).

Integers all the way: a rate is rounded once, half up, from an exact fraction. A figure
without data is ``None`` with a reason; it is never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from carillon.domain.counters import (
    CLICK_PREFIX,
    COST_PREFIX,
    FAIL_PREFIX,
    MACHINE_PREFIX,
    failed,
    sent,
    settled,
)
from carillon.domain.provider_codes import lookup
from carillon.domain.response_times import quantile
from carillon.domain.short_links import Link

Figure = dict[str, int | float | str | None]

# Rate bounds in percent (N4): above, from, below.
_HIGH_ABOVE = 95
_MODERATE_FROM = 80

NO_AGENT_TIMES = "No agent has answered anybody yet."
NO_ACTIVE_SENDER = "The campaign has no active sender."
NO_AUDIENCE = "The campaign's audience has not been frozen yet."
NO_UNIQUE_CONTACTS = "People are not yet told apart across campaigns."
NOTHING_SETTLED = "The provider has not settled any message yet."


class Health(StrEnum):
    """How well a sender or campaign delivers (N4, reference 002)."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"


@dataclass(frozen=True)
class FailureReason:
    """What a failure code means for a person, and what to do about it."""

    reason: str
    advice: str


def campaign_figures(
    counts: Mapping[str, int], *, total: int, active_senders: int
) -> dict[str, Figure]:
    """
    Return A1 to A15 and the clicks (M6) by name, each ``{"id", "value", "reason"}``.

    *counts* are the campaign's counters, *total* its frozen leads (0 before the
    audience is frozen), *active_senders* those that may send.
    """
    submitted, responded = counts.get("submitted", 0), counts.get("responded", 0)
    opted_out = counts.get("responded_opted_out", 0)
    return {
        **_engagement(counts),
        "initials_sent": _is("A9", submitted),
        "segments": _is("A10", counts.get("segments", 0)),
        "replies": _is("A11", responded),
        "reply_pct": _is("A11", percent(responded, submitted)),
        "reply_pct_of_total": _is("A11", percent(responded, total)),
        "replies_non_opt_out": _is("A11", responded - opted_out),
        "contacts_per_sender": (
            _is("A12", total // active_senders)
            if active_senders
            else _has_none("A12", NO_ACTIVE_SENDER)
        ),
        **_status_breakdown(counts, total),
        **_delivery(counts),
    }


def summary_figures(counts: Mapping[str, int]) -> dict[str, Figure]:
    """
    Return the system-wide figures of what *counts* hold, a time frame's sums.

    Duplicates over campaigns are included (A1). Figures that need a campaign's
    audience (A9, A12 to A14) have no meaning here and are absent. Being partial is
    a state, not an event in a time frame: a lead is sent here when its initial is.
    """
    return {
        **_engagement(counts),
        "unique_contacts_messaged": _has_none("A1", NO_UNIQUE_CONTACTS),
        "segments": _is("A10", counts.get("segments", 0)),
        "sent": _is("A13", sent(counts)),
        "failed": _is("A13", failed(counts)),
        **_delivery(counts),
    }


def _engagement(counts: Mapping[str, int]) -> dict[str, Figure]:
    count = counts.get
    messaged = count("delivered", 0) + count("reached_by_step", 0)
    responded = count("responded", 0)
    automatic, manual = count("auto_opt_outs", 0), count("manual_opt_outs", 0)
    return {
        "contacts_messaged": _is("A1", messaged),
        "contacts_submitted": _is("A2", count("submitted", 0)),
        "contacts_responded": _is("A3", responded),
        "rate_of_engagement": _is("A4", percent_tenths(responded, messaged)),
        "auto_opt_outs": _is("A5", automatic),
        "manual_opt_outs": _is("A5", manual),
        "total_opt_outs": _is("A5", automatic + manual),
        "total_contact_responses": _is("A6", count("inbound", 0)),
        "total_agent_responses": _is("A7", count("agent_responses", 0)),
        "total_assistant_responses": _is("A7", count("assistant_responses", 0)),
        "median_agent_response_time": _waited(counts, 0.5),
        "p90_agent_response_time": _waited(counts, 0.9),
        "p95_agent_response_time": _waited(counts, 0.95),
        "contacts_clicked": _is("M6", count("clicked", 0)),
        "click_rate": _is("M6", percent_tenths(count("clicked", 0), messaged)),
    }


def _waited(counts: Mapping[str, int], share: float) -> Figure:
    waited_s = quantile(counts, share)
    return _has_none("A8", NO_AGENT_TIMES) if waited_s is None else _is("A8", waited_s)


def _status_breakdown(counts: Mapping[str, int], total: int) -> dict[str, Figure]:
    done, partial = settled(counts), counts.get("partial", 0)
    return {
        "sent": _is("A13", sent(counts)),
        "failed": _is("A13", failed(counts)),
        "pending": _is("A13", total - done - partial),
        "partial": _is("A13", partial),
        "total": _is("A13", total),
        # Rounded down, so that 100 means that every lead is settled.
        "progress": _is("A14", done * 1000 // total / 10)
        if total
        else _has_none("A14", NO_AUDIENCE),
    }


def _delivery(counts: Mapping[str, int]) -> dict[str, Figure]:
    delivered = counts.get("delivered", 0)
    finished = delivered + counts.get("failed_provider", 0)
    health = health_of(delivered, finished)
    if health is None:
        return {
            "delivery_rate": _has_none("A15", NOTHING_SETTLED),
            "health": _has_none("A15", NOTHING_SETTLED),
        }
    return {
        "delivery_rate": _is("A15", percent_tenths(delivered, finished)),
        "health": _is("A15", health.value),
    }


def health_of(delivered: int, finished: int) -> Health | None:
    """Return the band of *delivered* out of *finished* (N4), None when nothing has finished."""
    if finished <= 0:
        return None
    if delivered * 100 > finished * _HIGH_ABOVE:
        return Health.HIGH
    return Health.MODERATE if delivered * 100 >= finished * _MODERATE_FROM else Health.LOW


def percent(part: int, whole: int) -> int:
    """Return *part* of *whole* in whole percent, half up (3 of 8 is 38); 0 when *whole* is 0."""
    return _half_up(part * 100, whole)


def percent_tenths(part: int, whole: int) -> float:
    """Return *part* of *whole* in percent with one decimal, half up; 0 when *whole* is 0."""
    return _half_up(part * 1000, whole) / 10


def failures_of(counts: Mapping[str, int]) -> list[dict[str, str | int]]:
    """
    Return why leads failed or were suppressed, most frequent first.

    Each is ``{"code", "reason", "advice", "count"}``; the counts add up to the
    failed leads (A13, A15).
    """
    found = [
        (-count, name.removeprefix(FAIL_PREFIX))
        for name, count in counts.items()
        if name.startswith(FAIL_PREFIX)
    ]
    return [_failure(code, -negative) for negative, code in sorted(found)]


def costs_of(counts: Mapping[str, int]) -> list[dict[str, str | int]]:
    """Return what the providers' receipts have told of prices, by currency (A18)."""
    return [
        {"currency": name.removeprefix(COST_PREFIX), "cost_micros": amount}
        for name, amount in sorted(counts.items())
        if name.startswith(COST_PREFIX)
    ]


def links_of(counts: Mapping[str, int], links: Sequence[Link]) -> list[dict[str, str | int]]:
    """
    Return how often each of *links* was opened (M6), in their order.

    ``clicks`` by people, all of them, where ``contacts_clicked`` counts each person once;
    ``machine_clicks`` by scanners and previews.
    """
    return [
        {
            "name": link.name,
            "url": link.url,
            "clicks": counts.get(f"{CLICK_PREFIX}{number}", 0),
            "machine_clicks": counts.get(f"{MACHINE_PREFIX}{number}", 0),
        }
        for number, link in enumerate(links)
    ]


def follow_ups_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Return what became of the follow-ups, in messages (M3)."""
    return {name: counts.get(f"step_{name}", 0) for name in ("submitted", "delivered", "failed")}


def failure_reason(code: str) -> FailureReason:
    """Return the words for a provider's or our own failure *code* (R5)."""
    words = lookup(code)
    return FailureReason(words.reason, words.advice)


def _failure(code: str, count: int) -> dict[str, str | int]:
    words = failure_reason(code)
    return {"code": code, "reason": words.reason, "advice": words.advice, "count": count}


def _half_up(numerator: int, denominator: int) -> int:
    if denominator <= 0:
        return 0
    return (2 * numerator + denominator) // (2 * denominator)


def _is(metric_id: str, value: int | float | str) -> Figure:
    return {"id": metric_id, "value": value, "reason": None}


def _has_none(metric_id: str, reason: str) -> Figure:
    return {"id": metric_id, "value": None, "reason": reason}
