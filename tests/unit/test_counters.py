"""What each kind and state of a row counts, and in which quarter hour."""

from typing import Any

import pytest

from carillon.domain.counters import (
    COUNTED_ATTRIBUTES,
    contribution,
    delta,
    difference,
    quarter_of,
    settled,
    total_of,
    variants_of,
)
from tests.support.counters import a_lead, a_step, an_answer, an_inbound, at

FIRST, SECOND, THIRD = "2026-11-22T12:00Z", "2026-11-22T12:15Z", "2026-11-22T12:30Z"
SENT = {"submitted_at": at(1)}
ENDED = {"submitted_at": at(1), "final_at": at(16)}


@pytest.mark.parametrize(
    ("row", "totals", "quarters"),
    [
        pytest.param(a_lead(), {"claimed": 1}, {}, id="claimed is a state, not an event"),
        pytest.param(
            a_lead(status="retrying", error_code="30001"), {"retrying": 1}, {}, id="retrying"
        ),
        pytest.param(
            a_lead(status="submitted", segments=2, **SENT),
            {"submitted": 1, "segments": 2},
            {FIRST: {"submitted": 1, "segments": 2}},
            id="submitted",
        ),
        pytest.param(
            a_lead(
                status="submitted",
                clicked_at=at(16),
                clicks_0=2,
                clicks_15=1,
                machine_clicks_0=7,
                variant="b",
                **SENT,
            ),
            {
                "submitted": 1,
                "segments": 1,
                "clicked": 1,
                "click#0": 2,
                "click#15": 1,
                "machine#0": 7,
                "v#b#submitted": 1,
                "v#b#clicked": 1,
            },
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"clicked": 1}},
            id="a person counts once, their openings by link, machines' apart (M6)",
        ),
        pytest.param(
            a_lead(status="submitted", segments=2, mms=True, **SENT),
            {"submitted": 1, "mms_messages": 1},
            {FIRST: {"submitted": 1, "mms_messages": 1}},
            id="mms has no segments (A10)",
        ),
        pytest.param(
            a_lead(status="delivered", error_code="30001", **ENDED),
            {"submitted": 1, "segments": 1, "delivered": 1},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"delivered": 1}},
            id="delivered, whatever an earlier attempt's code",
        ),
        pytest.param(
            a_lead(status="delivered", final_at=at(16)),
            {"submitted": 1, "segments": 1, "delivered": 1},
            {SECOND: {"submitted": 1, "segments": 1, "delivered": 1}},
            id="a delivery proves the acceptance",
        ),
        pytest.param(
            a_lead(status="failed", error_code="30003", **ENDED),
            {"submitted": 1, "segments": 1, "failed_provider": 1, "fail#30003": 1},
            {
                FIRST: {"submitted": 1, "segments": 1},
                SECOND: {"failed_provider": 1, "fail#30003": 1},
            },
            id="failed after acceptance",
        ),
        pytest.param(
            a_lead(status="failed", error_code="21211", final_at=at(16)),
            {"failed_provider": 1, "fail#21211": 1},
            {SECOND: {"failed_provider": 1, "fail#21211": 1}},
            id="rejected by the provider: not submitted, no segments",
        ),
        pytest.param(
            a_lead(status="failed", error_code="provider_unavailable", final_at=at(16)),
            {"failed_provider": 1, "fail#provider_unavailable": 1},
            {SECOND: {"failed_provider": 1, "fail#provider_unavailable": 1}},
            id="given up on the provider",
        ),
        pytest.param(
            a_lead(status="failed", error_code="missing_field", final_at=at(16)),
            {"failed_local": 1, "fail#missing_field": 1},
            {SECOND: {"failed_local": 1, "fail#missing_field": 1}},
            id="failed before the provider",
        ),
        pytest.param(
            a_lead(status="failed", **ENDED),
            {"submitted": 1, "segments": 1, "failed_provider": 1, "fail#unknown": 1},
            {
                FIRST: {"submitted": 1, "segments": 1},
                SECOND: {"failed_provider": 1, "fail#unknown": 1},
            },
            id="failed without a code",
        ),
        pytest.param(
            a_lead(status="failed", error_code="no such code! " * 9, final_at=at(16)),
            {"failed_local": 1, "fail#other": 1},
            {SECOND: {"failed_local": 1, "fail#other": 1}},
            id="a code that is no word",
        ),
        pytest.param(
            a_lead(status="submitted", converted_at=at(16), **SENT),
            {"submitted": 1, "segments": 1, "converted": 1},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"converted": 1}},
            id="an outcome (A16)",
        ),
        pytest.param(
            a_lead(status="suppressed", error_code="opted_out", final_at=at(16)),
            {"suppressed": 1, "fail#opted_out": 1},
            {SECOND: {"suppressed": 1, "fail#opted_out": 1}},
            id="suppressed",
        ),
        pytest.param(
            a_lead(status="unconfirmed", final_at=at(16)),
            {"unconfirmed": 1},
            {SECOND: {"unconfirmed": 1}},
            id="unconfirmed and never known to be accepted",
        ),
        pytest.param(
            a_lead(status="unconfirmed", **ENDED),
            {"submitted": 1, "segments": 1, "unconfirmed": 1},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"unconfirmed": 1}},
            id="unconfirmed after acceptance",
        ),
        pytest.param(
            a_lead(status="submitted", replied_at=at(31), **SENT),
            {"submitted": 1, "segments": 1, "responded": 1},
            {FIRST: {"submitted": 1, "segments": 1}, THIRD: {"responded": 1}},
            id="responded",
        ),
        pytest.param(
            a_lead(
                status="submitted",
                replied_at=at(20),
                opted_out_at=at(31),
                opt_out_kind="auto",
                **SENT,
            ),
            {
                "submitted": 1,
                "segments": 1,
                "responded": 1,
                "responded_opted_out": 1,
                "auto_opt_outs": 1,
            },
            {
                FIRST: {"submitted": 1, "segments": 1},
                SECOND: {"responded": 1, "responded_opted_out": 1},
                THIRD: {"auto_opt_outs": 1},
            },
            id="opted out: counted with the reply, so that the rest is never negative",
        ),
        pytest.param(
            a_lead(status="submitted", opted_out_at=at(31), opt_out_kind="manual", **SENT),
            {"submitted": 1, "segments": 1, "manual_opt_outs": 1},
            {FIRST: {"submitted": 1, "segments": 1}, THIRD: {"manual_opt_outs": 1}},
            id="manual opt-out without a reply",
        ),
        pytest.param(an_inbound(), {"inbound": 1}, {FIRST: {"inbound": 1}}, id="inbound"),
        pytest.param(
            an_answer(),
            {"segments": 1, "automatic_responses": 1},
            {FIRST: {"segments": 1, "automatic_responses": 1}},
            id="automatic answer",
        ),
        pytest.param(
            an_answer(author="agent", segments=3),
            {"segments": 3, "agent_responses": 1},
            {FIRST: {"segments": 3, "agent_responses": 1}},
            id="agent's answer",
        ),
        pytest.param(
            an_answer(author="assistant", status="failed"),
            {"segments": 1, "assistant_responses": 1},
            {FIRST: {"segments": 1, "assistant_responses": 1}},
            id="assistant's answer, accepted and then lost",
        ),
        pytest.param(
            an_answer(status="claimed", submitted_at=None), {}, {}, id="an answer not sent yet"
        ),
        pytest.param(
            an_answer(status="unconfirmed", submitted_at=None),
            {},
            {},
            id="an answer never known to be accepted",
        ),
        pytest.param(
            a_lead(status="submitted", steps_left=2, **SENT),
            {"submitted": 1, "segments": 1, "partial": 1},
            {FIRST: {"submitted": 1, "segments": 1}},
            id="partial from its first send on, which is a state and no event",
        ),
        pytest.param(
            a_lead(status="delivered", steps_left=1, **ENDED),
            {"submitted": 1, "segments": 1, "delivered": 1, "partial": 1, "partial_done": 1},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"delivered": 1}},
            id="delivered with a follow-up to come",
        ),
        pytest.param(
            a_lead(status="unconfirmed", steps_left=1, final_at=at(16)),
            {"unconfirmed": 1, "partial": 1, "partial_done": 1},
            {SECOND: {"unconfirmed": 1}},
            id="unconfirmed with a follow-up to come",
        ),
        pytest.param(
            a_lead(status="delivered", steps_left=0, **ENDED),
            {"submitted": 1, "segments": 1, "delivered": 1},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"delivered": 1}},
            id="all follow-ups settled or cancelled",
        ),
        pytest.param(
            a_lead(status="failed", error_code="30003", steps_left=2, final_at=at(16)),
            {"failed_provider": 1, "fail#30003": 1},
            {SECOND: {"failed_provider": 1, "fail#30003": 1}},
            id="a failed lead is never partial",
        ),
        pytest.param(a_lead(steps_left=2), {"claimed": 1}, {}, id="nor is one not sent yet"),
        pytest.param(
            a_lead(status="failed", error_code="30003", reached_by_step=True, final_at=at(16)),
            {"failed_provider": 1, "fail#30003": 1, "reached_by_step": 1},
            {SECOND: {"failed_provider": 1, "fail#30003": 1, "reached_by_step": 1}},
            id="reached by a follow-up alone",
        ),
        pytest.param(
            a_lead(status="delivered", reached_by_step=True, **ENDED),
            {"submitted": 1, "segments": 1, "delivered": 1},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"delivered": 1}},
            id="delivered after all: messaged once",
        ),
        pytest.param(
            a_lead(
                status="delivered",
                variant="b",
                replied_at=at(31),
                opted_out_at=at(31),
                opt_out_kind="auto",
                **ENDED,
            ),
            {
                "submitted": 1,
                "segments": 1,
                "delivered": 1,
                "responded": 1,
                "responded_opted_out": 1,
                "auto_opt_outs": 1,
                "v#b#submitted": 1,
                "v#b#delivered": 1,
                "v#b#responded": 1,
                "v#b#opted_out": 1,
            },
            {
                FIRST: {"submitted": 1, "segments": 1},
                SECOND: {"delivered": 1},
                THIRD: {"responded": 1, "responded_opted_out": 1, "auto_opt_outs": 1},
            },
            id="a variant counts in total, beside the campaign",
        ),
        pytest.param(
            a_lead(status="failed", variant="a", error_code="30003", final_at=at(16)),
            {"failed_provider": 1, "fail#30003": 1, "v#a#failed": 1},
            {SECOND: {"failed_provider": 1, "fail#30003": 1}},
            id="a variant's failure by the provider",
        ),
        pytest.param(
            a_lead(status="failed", variant="a", error_code="missing_field", final_at=at(16)),
            {"failed_local": 1, "fail#missing_field": 1},
            {SECOND: {"failed_local": 1, "fail#missing_field": 1}},
            id="our own failure is no result of a variant",
        ),
        *(
            pytest.param(
                a_lead(status="submitted", variant=strange, **SENT),
                {"submitted": 1, "segments": 1},
                {FIRST: {"submitted": 1, "segments": 1}},
                id=f"no variant's id: {strange!r}",
            )
            for strange in ("", "A", "a#b", "x" * 9, 7)
        ),
        pytest.param(
            a_lead(status="failed", error_code="telnyx:40300", final_at=at(16)),
            {"failed_provider": 1, "fail#telnyx:40300": 1},
            {SECOND: {"failed_provider": 1, "fail#telnyx:40300": 1}},
            id="a code that carries its provider is the provider's",
        ),
        pytest.param(
            a_lead(status="delivered", cost_micros=7900, currency="USD", **ENDED),
            {"submitted": 1, "segments": 1, "delivered": 1, "cost#USD": 7900},
            {FIRST: {"submitted": 1, "segments": 1}, SECOND: {"delivered": 1, "cost#USD": 7900}},
            id="a price (A18)",
        ),
        *(
            pytest.param(
                a_lead(status="submitted", **SENT, **price),
                {"submitted": 1, "segments": 1},
                {FIRST: {"submitted": 1, "segments": 1}},
                id=f"no price: {price}",
            )
            for price in (
                {"cost_micros": 7900},
                {"cost_micros": 7900, "currency": "dollars"},
                {"cost_micros": 0, "currency": "USD"},
                {"cost_micros": "7900", "currency": "USD"},
            )
        ),
        pytest.param(
            a_step(segments=2, cost_micros=10, currency="EUR", variant="a"),
            {"step_submitted": 1, "segments": 2, "cost#EUR": 10},
            {FIRST: {"step_submitted": 1, "segments": 2, "cost#EUR": 10}},
            id="follow-up submitted: of no lead, of no variant",
        ),
        pytest.param(
            a_step(status="delivered", final_at=at(16), replied_at=at(17)),
            {"step_submitted": 1, "segments": 1, "step_delivered": 1},
            {FIRST: {"step_submitted": 1, "segments": 1}, SECOND: {"step_delivered": 1}},
            id="follow-up delivered",
        ),
        pytest.param(
            a_step(status="failed", error_code="missing_field", submitted_at=None, final_at=at(16)),
            {"step_failed": 1},
            {SECOND: {"step_failed": 1}},
            id="follow-up failed: no failed lead",
        ),
        pytest.param(
            a_step(status="suppressed", submitted_at=None, final_at=at(16)),
            {},
            {},
            id="follow-up not sent because of an opt-out",
        ),
        pytest.param({"kind": "parked"}, {}, {}, id="a kind that does not count"),
        pytest.param({}, {}, {}, id="an empty row"),
        pytest.param(None, {}, {}, id="no row"),
        pytest.param(
            a_lead(status="delivered", submitted_at="yesterday", final_at=7, segments="x"),
            {"submitted": 1, "delivered": 1},
            {},
            id="nonsense is counted without a time, never raised on",
        ),
    ],
)
def test_a_row_counts(
    row: dict[str, Any] | None, totals: dict[str, int], quarters: dict[str, dict[str, int]]
) -> None:
    counted = contribution(row)

    assert counted.totals == totals
    assert counted.quarters == quarters


DAY, NEXT_DAY = "2026-11-22", "2026-11-23"
OVERNIGHT = {"submitted_at": at(1), "final_at": at(12 * 60 + 1)}


@pytest.mark.parametrize(
    ("row", "days"),
    [
        pytest.param(a_lead(sender_id="snd_1"), {}, id="claimed: nothing went out yet"),
        pytest.param(
            a_lead(sender_id="snd_1", status="delivered", segments=3, **OVERNIGHT),
            {
                ("snd_1", DAY): {"submitted": 1, "segments": 3},
                ("snd_1", NEXT_DAY): {"delivered": 1},
            },
            id="each on its own UTC day",
        ),
        pytest.param(
            a_step(sender_id="snd_2", status="failed", error_code="telnyx:40300", final_at=at(9)),
            {
                ("snd_2", DAY): {
                    "submitted": 1,
                    "segments": 1,
                    "failed_provider": 1,
                    "fail#telnyx:40300": 1,
                }
            },
            id="a follow-up that failed",
        ),
        pytest.param(
            an_answer(sender_id="snd_1", status="delivered", final_at=at(9), mms=True),
            {("snd_1", DAY): {"submitted": 1, "delivered": 1}},
            id="an answer",
        ),
        pytest.param(
            a_lead(sender_id="snd_1", status="failed", error_code="missing_field", final_at=at(9)),
            {},
            id="our own failure is none of the sender's",
        ),
        pytest.param(
            a_lead(sender_id="snd_1", status="suppressed", final_at=at(9)), {}, id="suppressed"
        ),
        pytest.param(
            a_lead(sender_id="snd_1", status="delivered", claimed_at="then"),
            {},
            id="without any time there is no day",
        ),
        pytest.param(a_lead(sender_id="snd#1", status="submitted", **SENT), {}, id="no sender id"),
        pytest.param(an_inbound(sender_id="snd_1"), {}, id="what came in"),
    ],
)
def test_a_row_counts_for_its_sender(
    row: dict[str, Any], days: dict[tuple[str, str], dict[str, int]]
) -> None:
    assert contribution(row).sender_days == days


def test_a_lead_that_goes_out_by_another_sender_after_all_counts_for_that_one() -> None:
    old = a_lead(status="submitted", sender_id="snd_1", **SENT)

    change = delta(old, {**old, "sender_id": "snd_2"})

    assert change.totals == {}
    assert change.sender_days == {
        ("snd_1", DAY): {"submitted": -1, "segments": -1},
        ("snd_2", DAY): {"submitted": 1, "segments": 1},
    }


def test_nothing_that_counting_reads_is_a_number_to_call_or_a_text() -> None:
    assert not COUNTED_ATTRIBUTES & {"phone", "body", "provider_id", "fields"}


def test_counters_of_variants_are_found_by_variant() -> None:
    counts = {"v#b#submitted": 2, "submitted": 5, "v#a#submitted": 3, "v#b#responded": 1}

    assert variants_of(counts) == {"a": {"submitted": 3}, "b": {"submitted": 2, "responded": 1}}


def test_a_change_adds_what_is_new_and_takes_away_what_was() -> None:
    unconfirmed = a_lead(status="unconfirmed", **ENDED)
    delivered = {**unconfirmed, "status": "delivered", "final_at": at(40)}

    change = delta(unconfirmed, delivered)

    assert change.totals == {"unconfirmed": -1, "delivered": 1}
    assert change.quarters == {SECOND: {"unconfirmed": -1}, THIRD: {"delivered": 1}}
    assert change.office_id == "off_1"


def test_a_released_claim_takes_its_count_away() -> None:
    assert delta(a_lead(), None).totals == {"claimed": -1}


def test_a_change_of_nothing_that_counts_adds_nothing() -> None:
    row = a_lead(status="submitted", **SENT)

    change = delta(row, {**row, "last_inbound_at": at(9)})

    assert (change.totals, change.quarters) == ({}, {})


@pytest.mark.parametrize(
    ("stored", "quarter"),
    [
        ("2026-11-22T15:00:00.000Z", "2026-11-22T15:00Z"),
        ("2026-11-22T15:14:59.999Z", "2026-11-22T15:00Z"),
        ("2026-11-22T15:15:00.000Z", "2026-11-22T15:15Z"),
        ("2026-11-22T23:59:59.999Z", "2026-11-22T23:45Z"),
        ("2026-11-22T23:50:00+01:00", "2026-11-22T22:45Z"),
        ("2026-11-22T15:00:00", None),
        ("", None),
        (None, None),
        (1700000000, None),
    ],
)
def test_a_time_lies_in_its_utc_quarter_hour(stored: object, quarter: str | None) -> None:
    assert quarter_of(stored) == quarter


def test_settled_leads_are_those_in_a_final_state() -> None:
    counts = {
        "submitted": 9,
        "delivered": 1,
        "failed_provider": 2,
        "failed_local": 3,
        "suppressed": 4,
        "unconfirmed": 5,
        "claimed": 6,
        "retrying": 7,
    }

    assert settled(counts) == 15


def test_a_partial_lead_is_not_settled() -> None:
    assert settled({"submitted": 3, "delivered": 2, "partial": 2, "partial_done": 1}) == 1


def test_sums_and_differences_leave_zeros_out() -> None:
    assert total_of([{"a": 1, "b": 2}, {"a": -1, "c": 3}]) == {"b": 2, "c": 3}
    assert difference({"a": 1, "b": 2}, {"a": 1, "c": 3}) == {"b": 2, "c": -3}
