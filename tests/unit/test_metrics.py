"""A1 to A18: the references' worked examples, the edges of each rate, the words for failures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.counters import contribution, total_of
from carillon.domain.metrics import (
    METRICS,
    NO_ACTIVE_SENDER,
    NO_AGENT_TIMES,
    NO_AUDIENCE,
    NO_ONE_AUDIENCE,
    NO_UNIQUE_CONTACTS,
    NOBODY_MESSAGED,
    NOTHING_SETTLED,
    Health,
    campaign_figures,
    costs_of,
    failure_reason,
    failures_of,
    follow_ups_of,
    health_of,
    links_of,
    percent,
    percent_tenths,
    summary_figures,
)
from carillon.domain.response_times import bucket_of
from carillon.domain.short_links import Link
from tests.support.counters import a_lead, at


def test_the_worked_examples_of_references_001_and_002_are_reproduced() -> None:
    """A4, A9, A11, A12, A14: 8 of 13, 3 of 8 is 38 %, 6 contacts for each sender."""
    leads = [
        # Eight of thirteen are sent: six delivered, one failed, one waits for its receipt.
        *[a_lead(status="delivered", submitted_at=at(1), final_at=at(2))] * 3,
        *[
            a_lead(
                status="delivered", submitted_at=at(1), final_at=at(2), replied_at=at(3), segments=2
            )
        ]
        * 1,
        *[
            a_lead(
                status="delivered",
                submitted_at=at(1),
                final_at=at(2),
                replied_at=at(3),
                opted_out_at=at(4),
                opt_out_kind="manual",
            )
        ]
        * 2,
        a_lead(status="failed", submitted_at=at(1), final_at=at(2), segments=2),
        a_lead(status="submitted", submitted_at=at(1)),
    ]
    counts = total_of(contribution(lead).totals for lead in leads)

    figures = campaign_figures(counts, total=13, active_senders=2)

    shown = {name: figure["value"] for name, figure in figures.items()}
    # 001: "eight out of 13", 10 segments, 3 replies, 38 %, 1 sender per 6, 0 + 2 = 2 opt-outs.
    assert (shown["initials_sent"], shown["total"]) == (8, 13)
    assert shown["segments"] == 10
    assert (shown["replies"], shown["reply_pct"]) == (3, 38)
    assert shown["contacts_per_sender"] == 6
    assert (shown["auto_opt_outs"], shown["manual_opt_outs"], shown["total_opt_outs"]) == (0, 2, 2)
    # 002: Progress = (Sent + Failed) / Total × 100; sent, failed, pending, partial are the total.
    assert (shown["sent"], shown["failed"], shown["pending"], shown["partial"]) == (6, 1, 6, 0)
    assert shown["progress"] == 53.8
    # 000: (Contacts Responded / Contacts Messaged) × 100.
    assert (shown["contacts_messaged"], shown["rate_of_engagement"]) == (6, 50.0)


def test_every_figure_has_an_exact_formula_that_names_its_terms() -> None:
    assert all(metric.formula.endswith(".") for metric in METRICS.values())
    assert METRICS["rate_of_engagement"].formula.startswith(
        "contacts_responded / contacts_messaged * 100"
    )
    assert {int(metric.id[1:]) for metric in METRICS.values()} == set(range(1, 19))


def test_every_figure_has_its_id_and_a_value_or_a_reason() -> None:
    figures = campaign_figures({}, total=0, active_senders=0)

    ids = {name: figure["id"] for name, figure in figures.items()}
    assert ids == {
        "contacts_messaged": "A1",
        "unique_contacts_messaged": "A1",
        "contacts_submitted": "A2",
        "contacts_responded": "A3",
        "rate_of_engagement": "A4",
        "auto_opt_outs": "A5",
        "manual_opt_outs": "A5",
        "total_opt_outs": "A5",
        "total_contact_responses": "A6",
        "total_agent_responses": "A7",
        "total_assistant_responses": "A7",
        "median_agent_response_time": "A8",
        "p90_agent_response_time": "A8",
        "p95_agent_response_time": "A8",
        "contacts_clicked": "M6",
        "click_rate": "M6",
        "initials_sent": "A9",
        "segments": "A10",
        "replies": "A11",
        "reply_pct": "A11",
        "reply_pct_of_total": "A11",
        "replies_non_opt_out": "A11",
        "contacts_per_sender": "A12",
        "sent": "A13",
        "failed": "A13",
        "pending": "A13",
        "partial": "A13",
        "total": "A13",
        "progress": "A14",
        "delivery_rate": "A15",
        "health": "A15",
        "conversions": "A16",
        "conversion_rate": "A16",
        "send_total": "A17",
        "send_succeeded": "A17",
        "send_failed": "A17",
        "messages": "A18",
    }
    without = {name: f["reason"] for name, f in figures.items() if f["value"] is None}
    assert without == {
        "median_agent_response_time": NO_AGENT_TIMES,
        "p90_agent_response_time": NO_AGENT_TIMES,
        "p95_agent_response_time": NO_AGENT_TIMES,
        "contacts_per_sender": NO_ACTIVE_SENDER,
        "progress": NO_AUDIENCE,
        "delivery_rate": NOTHING_SETTLED,
        "health": NOTHING_SETTLED,
        "conversion_rate": NOBODY_MESSAGED,
    }
    assert all((f["value"] is None) != (f["reason"] is None) for f in figures.values())


def test_each_counter_reaches_its_figure() -> None:
    """
    A2, A3, A5, A6, A7: accepted, responded, opt-outs, inbound, and answers by author.
    A16, A17: conversions of the messaged; sent, succeeded and failed for the chart.
    """
    counts = {
        "submitted": 90,
        "delivered": 70,
        "failed_provider": 10,
        "failed_local": 5,
        "suppressed": 3,
        "unconfirmed": 2,
        "claimed": 1,
        "retrying": 1,
        "segments": 120,
        "responded": 33,
        "responded_opted_out": 8,
        "inbound": 50,
        "auto_opt_outs": 7,
        "manual_opt_outs": 1,
        "automatic_responses": 9,
        "agent_responses": 4,
        "assistant_responses": 6,
        "converted": 14,
        "clicked": 7,
        bucket_of(60): 4,
    }

    figures = campaign_figures(counts, total=100, active_senders=3)

    assert {name: figure["value"] for name, figure in figures.items()} == {
        "contacts_messaged": 70,
        "unique_contacts_messaged": 70,
        "contacts_submitted": 90,
        "contacts_responded": 33,
        "rate_of_engagement": 47.1,
        "auto_opt_outs": 7,
        "manual_opt_outs": 1,
        "total_opt_outs": 8,
        "total_contact_responses": 50,
        "total_agent_responses": 4,
        "total_assistant_responses": 6,
        "median_agent_response_time": 60,
        "p90_agent_response_time": 60,
        "p95_agent_response_time": 60,
        "contacts_clicked": 7,
        "click_rate": 10.0,
        "initials_sent": 90,
        "segments": 120,
        "replies": 33,
        "reply_pct": 37,
        "reply_pct_of_total": 33,
        "replies_non_opt_out": 25,
        "contacts_per_sender": 33,
        "sent": 72,
        "failed": 18,
        "pending": 10,
        "partial": 0,
        "total": 100,
        "progress": 90.0,
        "delivery_rate": 87.5,
        "health": "moderate",
        "conversions": 14,
        "conversion_rate": 20.0,
        "send_total": 90,
        "send_succeeded": 72,
        "send_failed": 18,
        "messages": 109,
    }


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(3, 8, 38), (1, 8, 13), (1, 200, 1), (1, 201, 0), (0, 8, 0), (8, 8, 100), (5, 0, 0)],
)
def test_whole_percents_are_rounded_half_up(part: int, whole: int, expected: int) -> None:
    """A11: half up to a whole percent."""
    assert percent(part, whole) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 3, 33.3), (2, 3, 66.7), (1, 2000, 0.1), (1, 2001, 0.0), (29, 200, 14.5), (1, 0, 0.0)],
)
def test_tenths_of_a_percent_are_rounded_half_up(part: int, whole: int, expected: float) -> None:
    """A4: one decimal, and 0 of nobody."""
    assert percent_tenths(part, whole) == expected


@pytest.mark.parametrize(
    ("settled", "total", "progress"),
    [(0, 3, 0.0), (1, 3, 33.3), (2, 3, 66.6), (9999, 10_000, 99.9), (999_999, 10**6, 99.9)],
)
def test_progress_is_not_100_before_the_last_lead_is_settled(
    settled: int, total: int, progress: float
) -> None:
    figures = campaign_figures({"delivered": settled}, total=total, active_senders=1)

    assert figures["progress"]["value"] == progress


def test_progress_is_exactly_100_when_all_leads_are_settled_however_they_ended() -> None:
    """A14: exactly 100."""
    counts = {"delivered": 1, "unconfirmed": 1, "failed_provider": 1, "failed_local": 1}

    figures = campaign_figures({**counts, "suppressed": 3}, total=7, active_senders=1)

    assert figures["progress"]["value"] == 100.0
    assert figures["pending"]["value"] == 0


def test_leads_with_follow_ups_to_come_are_partial_whatever_became_of_their_initial() -> None:
    counts = {
        "submitted": 8,
        "delivered": 4,
        "unconfirmed": 1,
        "failed_provider": 1,
        # One of them waits for its receipt still.
        "partial": 3,
        "partial_done": 2,
    }

    figures = campaign_figures(counts, total=10, active_senders=1)

    shown = {name: figures[name]["value"] for name in ("sent", "failed", "pending", "partial")}
    assert shown == {"sent": 3, "failed": 1, "pending": 3, "partial": 3}
    assert figures["progress"]["value"] == 40.0


LEADS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(
            ("claimed", "retrying", "submitted", "delivered", "failed", "unconfirmed", "suppressed")
        ),
        "steps_left": st.sampled_from((0, 0, 1, 2)),
        "reached_by_step": st.booleans(),
        "submitted_at": st.sampled_from((None, at(1))),
    }
)


@given(st.lists(LEADS, max_size=12), st.integers(0, 3))
def test_sent_failed_pending_and_partial_add_up_and_100_means_settled(
    leads: list[dict[str, Any]], unclaimed: int
) -> None:
    """A13, A14: whatever became of the leads."""
    total = len(leads) + unclaimed
    counts = total_of(contribution(a_lead(**lead)).totals for lead in leads)

    figures = campaign_figures(counts, total=total, active_senders=1)

    values = [figures[name]["value"] for name in ("sent", "failed", "pending", "partial")]
    final = {"delivered", "unconfirmed", "failed", "suppressed"}
    reached = {"delivered", "unconfirmed", "submitted"}
    open_leads = [
        lead
        for lead in leads
        if lead["status"] not in final or (lead["steps_left"] and lead["status"] in reached)
    ]
    assert sum(value for value in values if isinstance(value, int)) == total
    assert all(isinstance(value, int) and value >= 0 for value in values)
    if total:
        assert (figures["progress"]["value"] == 100.0) == (not open_leads and not unclaimed)


def test_who_was_reached_by_a_follow_up_alone_was_messaged_too() -> None:
    """A1, A4: at least one delivered message; engagement is of those."""
    counts = {"delivered": 6, "reached_by_step": 2, "responded": 2}

    figures = campaign_figures(counts, total=10, active_senders=1)

    assert figures["contacts_messaged"]["value"] == 8
    assert figures["rate_of_engagement"]["value"] == 25.0


def test_follow_ups_and_prices_are_told_apart() -> None:
    counts = {"step_submitted": 3, "step_failed": 1, "cost#USD": 7900, "cost#EUR": 5}

    assert follow_ups_of(counts) == {"submitted": 3, "delivered": 0, "failed": 1}
    assert costs_of(counts) == [
        {"currency": "EUR", "cost_micros": 5},
        {"currency": "USD", "cost_micros": 7900},
    ]


@pytest.mark.parametrize(
    ("delivered", "finished", "health"),
    [
        (100, 100, Health.HIGH),
        (951, 1000, Health.HIGH),
        (95, 100, Health.MODERATE),
        (80, 100, Health.MODERATE),
        (799, 1000, Health.LOW),
        (0, 1, Health.LOW),
        (0, 0, None),
    ],
)
def test_health_bands_are_exact_at_their_bounds(
    delivered: int, finished: int, health: Health | None
) -> None:
    """A15: above 95, 80 to 95, below 80."""
    assert health_of(delivered, finished) is health


def test_our_own_failures_do_not_lower_the_delivery_rate() -> None:
    """A15: of what the provider failed or delivered."""
    counts = {"delivered": 9, "failed_provider": 1, "failed_local": 50, "suppressed": 40}

    figures = campaign_figures(counts, total=100, active_senders=1)

    assert figures["delivery_rate"]["value"] == 90.0


def test_failures_are_listed_by_frequency_with_words_and_advice() -> None:
    counts = {"fail#30003": 2, "fail#opted_out": 7, "fail#21211": 2, "delivered": 9}

    failures = failures_of(counts)

    assert [(f["code"], f["count"]) for f in failures] == [
        ("opted_out", 7),
        ("21211", 2),
        ("30003", 2),
    ]
    assert failures[1] == {
        "code": "21211",
        "reason": "The number is not a valid phone number.",
        "advice": "Refresh lead collection.",
        "count": 2,
    }


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("30002", "Check account status, review errors."),
        ("30003", "Refresh lead collection."),
        ("30005", "Refresh lead collection."),
        ("30006", "Refresh lead collection."),
        ("30007", "Review message for spam triggers."),
        ("20429", "Reduce daily limits."),
        ("21610", "Nothing to do: people who opted out are not texted."),
        ("99999", "Check account status, review errors."),
    ],
)
def test_advice_is_that_of_reference_002(code: str, advice: str) -> None:
    assert failure_reason(code).advice == advice


def test_a_summary_has_sums_and_no_figure_that_needs_an_audience() -> None:
    figures = summary_figures(
        {"submitted": 9, "delivered": 8, "responded": 2, "suppressed": 1, "failed_provider": 1}
    )

    assert figures["contacts_messaged"]["value"] == 8
    assert figures["rate_of_engagement"]["value"] == 25.0
    assert (figures["sent"]["value"], figures["failed"]["value"]) == (8, 2)
    needing = ("total", "pending", "partial", "progress", "contacts_per_sender")
    assert {figures[name]["reason"] for name in needing} == {NO_ONE_AUDIENCE}
    assert figures["unique_contacts_messaged"] == {
        "id": "A1",
        "value": None,
        "reason": NO_UNIQUE_CONTACTS,
    }


def test_each_link_has_the_openings_by_people_and_by_machines() -> None:
    links = (Link("offer", "https://example.com/a"), Link("terms", "https://example.com/b"))
    counts = {"clicked": 3, "click#0": 4, "machine#0": 9, "machine#1": 2}

    assert links_of(counts, links) == [
        {"name": "offer", "url": "https://example.com/a", "clicks": 4, "machine_clicks": 9},
        {"name": "terms", "url": "https://example.com/b", "clicks": 0, "machine_clicks": 2},
    ]
