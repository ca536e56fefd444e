"""
The figures A1 to A18, each with its exact formula, computed from counters (spec 4, references
001 and 002).

``METRICS`` is the one place in which a figure is defined: the API's answers are computed by it
and the API's reference quotes its formulas. Integers all the way: a rate is rounded once, half
up, from an exact fraction. A figure without data is ``None`` with a reason; it is never guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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

Value = int | float | str | None
Figure = dict[str, Value]

# Each message that a provider has accepted is in exactly one of them.
MESSAGE_COUNTERS: Final = (
    "submitted",
    "step_submitted",
    "automatic_responses",
    "agent_responses",
    "assistant_responses",
)
# Rate bounds in percent (N4): above, from, below.
_HIGH_ABOVE = 95
_MODERATE_FROM = 80

NO_AGENT_TIMES = "No agent has answered anybody yet."
NO_ACTIVE_SENDER = "The campaign has no active sender."
NO_AUDIENCE = "The campaign's audience has not been frozen yet."
NO_UNIQUE_CONTACTS = "People are not told apart across campaigns: that cannot be added up."
NO_ONE_AUDIENCE = "It is of one campaign's audience."
NOBODY_MESSAGED = "Nobody has been messaged yet."
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


@dataclass(frozen=True)
class Given:
    """
    What figures are computed from.

    *counts* are a campaign's counters, or those of many within a time frame. *total* are a
    campaign's frozen leads (0 before the audience is frozen), *active_senders* those of its
    senders that may send; both 0 of many campaigns.
    """

    counts: Mapping[str, int]
    total: int = 0
    active_senders: int = 0
    is_one_campaign: bool = False

    def of(self, *counters: str) -> int:
        """Return the sum of *counters*."""
        return sum(self.counts.get(counter, 0) for counter in counters)


@dataclass(frozen=True)
class Metric:
    """
    One figure: its rule, its exact formula in words, and its computation.

    ``value`` gives None where there is no data, and ``missing`` says why. One that
    ``needs_audience`` means nothing over many campaigns.
    """

    id: str
    formula: str
    value: Callable[[Given], Value]
    missing: str = ""
    needs_audience: bool = False

    def figure(self, given: Given) -> Figure:
        """Return ``{"id", "value", "reason"}``: of value and reason exactly one is None."""
        value = self.value(given)
        return {"id": self.id, "value": value, "reason": self.missing if value is None else None}


def _messaged(given: Given) -> int:
    return given.of("delivered", "reached_by_step")


def _opt_outs(given: Given) -> int:
    return given.of("auto_opt_outs", "manual_opt_outs")


def _finished(given: Given) -> int:
    return given.of("delivered", "failed_provider")


def _progress(given: Given) -> float | None:
    # Rounded down, so that 100 means that every lead is settled.
    return settled(given.counts) * 1000 // given.total / 10 if given.total else None


def _health(given: Given) -> str | None:
    health = health_of(given.of("delivered"), _finished(given))
    return None if health is None else health.value


_WAIT = (
    "of the seconds from a person's first unanswered message to the first human answer, whole, "
    "within 1 % of the exact wait; the lower one where two are in the middle"
)

METRICS: Final[Mapping[str, Metric]] = {
    "contacts_messaged": Metric(
        "A1",
        "Leads with at least one delivered message (initial or follow-up). Over campaigns the"
        " sum: who is in two of them counts twice.",
        _messaged,
    ),
    "unique_contacts_messaged": Metric(
        "A1",
        "People with at least one delivered message in any of the campaigns. In one campaign"
        " contacts_messaged, for its audience has nobody twice; over campaigns not known.",
        lambda g: _messaged(g) if g.is_one_campaign else None,
        NO_UNIQUE_CONTACTS,
    ),
    "contacts_submitted": Metric(
        "A2", "Leads whose initial message the provider accepted.", lambda g: g.of("submitted")
    ),
    "contacts_responded": Metric(
        "A3",
        "Leads with at least one inbound message, those that opted out included.",
        lambda g: g.of("responded"),
    ),
    "rate_of_engagement": Metric(
        "A4",
        "contacts_responded / contacts_messaged * 100, one decimal, half up; 0 when nobody was"
        " messaged.",
        lambda g: percent_tenths(g.of("responded"), _messaged(g)),
    ),
    "auto_opt_outs": Metric(
        "A5",
        "Leads that opted out by a message of their own that was understood by itself.",
        lambda g: g.of("auto_opt_outs"),
    ),
    "manual_opt_outs": Metric(
        "A5", "Leads that a person opted out here.", lambda g: g.of("manual_opt_outs")
    ),
    "total_opt_outs": Metric("A5", "auto_opt_outs + manual_opt_outs.", _opt_outs),
    "total_contact_responses": Metric(
        "A6", "Inbound messages, several of one number included.", lambda g: g.of("inbound")
    ),
    "total_agent_responses": Metric(
        "A7", "Accepted answers that agents wrote.", lambda g: g.of("agent_responses")
    ),
    "total_assistant_responses": Metric(
        "A7",
        "Accepted answers of the assistant; automatic compliance replies are neither.",
        lambda g: g.of("assistant_responses"),
    ),
    "median_agent_response_time": Metric(
        "A8", f"Median {_WAIT}.", lambda g: quantile(g.counts, 0.5), NO_AGENT_TIMES
    ),
    "p90_agent_response_time": Metric(
        "A8", f"90th percentile {_WAIT}.", lambda g: quantile(g.counts, 0.9), NO_AGENT_TIMES
    ),
    "p95_agent_response_time": Metric(
        "A8", f"95th percentile {_WAIT}.", lambda g: quantile(g.counts, 0.95), NO_AGENT_TIMES
    ),
    "contacts_clicked": Metric(
        "M6", "Leads that have opened a short link of theirs.", lambda g: g.of("clicked")
    ),
    "click_rate": Metric(
        "M6",
        "contacts_clicked / contacts_messaged * 100, one decimal, half up; 0 when nobody was"
        " messaged.",
        lambda g: percent_tenths(g.of("clicked"), _messaged(g)),
    ),
    "initials_sent": Metric(
        "A9",
        "Leads whose initial message the provider accepted; shown of total.",
        lambda g: g.of("submitted"),
    ),
    "segments": Metric(
        "A10", "SMS segments of accepted messages, MMS excluded.", lambda g: g.of("segments")
    ),
    "replies": Metric("A11", "contacts_responded.", lambda g: g.of("responded")),
    "reply_pct": Metric(
        "A11",
        "contacts_responded / initials_sent * 100, whole percent, half up (3 of 8 is 38); 0 when"
        " none was sent.",
        lambda g: percent(g.of("responded"), g.of("submitted")),
    ),
    "reply_pct_of_total": Metric(
        "A11",
        "contacts_responded / total * 100, whole percent, half up; 0 without leads.",
        lambda g: percent(g.of("responded"), g.total),
        needs_audience=True,
    ),
    "replies_non_opt_out": Metric(
        "A11",
        "contacts_responded without those of them that opted out here.",
        lambda g: g.of("responded") - g.of("responded_opted_out"),
    ),
    "contacts_per_sender": Metric(
        "A12",
        "floor(total / active senders of the campaign).",
        lambda g: g.total // g.active_senders if g.active_senders else None,
        NO_ACTIVE_SENDER,
        needs_audience=True,
    ),
    "sent": Metric(
        "A13",
        "Leads delivered or unconfirmed with no follow-up to come; over a time frame, all of them.",
        lambda g: sent(g.counts),
    ),
    "failed": Metric("A13", "Leads undeliverable or suppressed.", lambda g: failed(g.counts)),
    "pending": Metric(
        "A13",
        "total - sent - failed - partial: leads that wait, or whose message is under way.",
        lambda g: g.total - settled(g.counts) - g.of("partial"),
        needs_audience=True,
    ),
    "partial": Metric(
        "A13",
        "Leads accepted or delivered whose follow-ups are still to come.",
        lambda g: g.of("partial"),
        needs_audience=True,
    ),
    "total": Metric(
        "A13",
        "Leads of the frozen audience; sent + failed + pending + partial.",
        lambda g: g.total,
        needs_audience=True,
    ),
    "progress": Metric(
        "A14",
        "(sent + failed) / total * 100, one decimal, down: 100 means that every lead is settled.",
        _progress,
        NO_AUDIENCE,
        needs_audience=True,
    ),
    "delivery_rate": Metric(
        "A15",
        "delivered / (delivered + failed by the provider) * 100 of initials, one decimal, half up.",
        lambda g: percent_tenths(g.of("delivered"), _finished(g)) if _finished(g) else None,
        NOTHING_SETTLED,
    ),
    "health": Metric(
        "A15",
        f"delivery_rate: high above {_HIGH_ABOVE} %, moderate from {_MODERATE_FROM} %, else low.",
        _health,
        NOTHING_SETTLED,
    ),
    "conversions": Metric(
        "A16",
        "Leads with an outcome, marked by the API or by a conversation's tag; each once.",
        lambda g: g.of("converted"),
    ),
    "conversion_rate": Metric(
        "A16",
        "conversions / contacts_messaged * 100, one decimal, half up; null when nobody was"
        " messaged.",
        lambda g: percent_tenths(g.of("converted"), _messaged(g)) if _messaged(g) else None,
        NOBODY_MESSAGED,
    ),
    "send_total": Metric(
        "A17",
        "send_succeeded + send_failed: initials that have ended.",
        lambda g: g.of("delivered", "unconfirmed") + failed(g.counts),
    ),
    "send_succeeded": Metric(
        "A17",
        "Leads delivered or unconfirmed, follow-ups to come or not.",
        lambda g: g.of("delivered", "unconfirmed"),
    ),
    "send_failed": Metric("A17", "failed (A13).", lambda g: failed(g.counts)),
    "messages": Metric(
        "A18",
        "Messages that providers accepted: initials, follow-ups and answers of all kinds.",
        lambda g: g.of(*MESSAGE_COUNTERS),
    ),
}

COST_FORMULA: Final = (
    "A18. What receipts have told of prices so far, in millionths, by currency: a provider that"
    " tells none adds none."
)


def campaign_figures(
    counts: Mapping[str, int], *, total: int, active_senders: int
) -> dict[str, Figure]:
    """
    Return A1 to A18 and the clicks (M6) by name, each ``{"id", "value", "reason"}``.

    *counts* are the campaign's counters, *total* its frozen leads (0 before the
    audience is frozen), *active_senders* those that may send.
    """
    given = Given(counts, total, active_senders, is_one_campaign=True)
    return {name: metric.figure(given) for name, metric in METRICS.items()}


def summary_figures(counts: Mapping[str, int]) -> dict[str, Figure]:
    """
    Return the system-wide figures of what *counts* hold, a time frame's sums.

    Duplicates over campaigns are included (A1). Figures that need a campaign's
    audience (A12 to A14) have no meaning here and are None. Being partial is
    a state, not an event in a time frame: a lead is sent here when its initial is.
    """
    given = Given(counts)
    return {
        name: _has_none(metric.id, NO_ONE_AUDIENCE)
        if metric.needs_audience
        else metric.figure(given)
        for name, metric in METRICS.items()
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


def figure_value(name: str, given: Given) -> float:
    """Return the figure *name*, which always has a number, of *given*."""
    value = METRICS[name].value(given)
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is not always a number")
    return value


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


def _has_none(metric_id: str, reason: str) -> Figure:
    return {"id": metric_id, "value": None, "reason": reason}
