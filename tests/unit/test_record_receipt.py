"""Receipts of a batch become one write a message, and none is lost (R1, R2, F7)."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.consent import Circumstances
from carillon.domain.lead import LeadStatus
from carillon.domain.message import CallbackRef, Receipt, ReceiptOutcome, RowRef
from carillon.usecases.record_receipt import best_of, outdated_among, record_receipt, replay_parked
from tests.support.consent import FakeConsentLedger
from tests.support.messages import LEAD, PHONE, a_claim, a_receipt, submit
from tests.support.sending import FakeMessages, FakeSuppressions

SENT, DELIVERED, FAILED = LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.FAILED
LEADS = [RowRef("cmp_a#00000", f"lead-{number}") for number in range(3)]
BATCHES = st.lists(
    st.builds(
        a_receipt,
        st.sampled_from([SENT, DELIVERED, FAILED]),
        st.sampled_from(LEADS),
    ),
    max_size=12,
)


def record(receipt: Receipt, messages: FakeMessages) -> ReceiptOutcome:
    return record_receipt(receipt, leads=messages, suppressions=FakeSuppressions())


@given(BATCHES)
def test_the_best_receipts_of_a_batch_leave_the_rows_as_all_of_them_would(
    batch: list[Receipt],
) -> None:
    one_by_one, at_once = FakeMessages(), FakeMessages()
    for messages, receipts in ((one_by_one, batch), (at_once, best_of(batch))):
        for number, ref in enumerate(LEADS):
            submit(messages, a_claim(f"claim-{number}", ref), 1)
        for receipt in receipts:
            record(receipt, messages)

    assert at_once.items == one_by_one.items
    assert len(best_of(batch)) == len({receipt.ref for receipt in batch})


def test_the_first_final_receipt_of_a_message_is_its_best() -> None:
    for order in permutations([SENT, DELIVERED, FAILED]):
        (best,) = best_of([a_receipt(status) for status in order])

        assert best.status is next(status for status in order if status is not SENT)


def test_without_a_final_one_the_last_seen_is_the_best() -> None:
    first, last = a_receipt(SENT, provider_id="SM1"), a_receipt(SENT, provider_id="SM2")

    assert best_of([first, last]) == [last]
    assert best_of([]) == []


def test_receipts_of_two_attempts_at_one_message_stay_apart() -> None:
    first = [a_receipt(s, claim_id="claim-1", provider_id="SM1") for s in (SENT, FAILED)]
    second = [a_receipt(s, claim_id="claim-2", provider_id="SM2") for s in (SENT, DELIVERED)]
    unnamed = a_receipt(SENT, provider_id="SM3")

    for batch in permutations([*first, *second, unnamed]):
        assert set(best_of(list(batch))) == {first[1], second[1], unnamed}


@given(BATCHES)
def test_leaving_out_what_is_outdated_leaves_the_rows_as_recording_it_would(
    batch: list[Receipt],
) -> None:
    all_of_them, without = FakeMessages(), FakeMessages()
    for messages in (all_of_them, without):
        messages.claim(a_claim("claim-0", LEADS[0]))
        submit(messages, a_claim("claim-1", LEADS[1]), 1)
    receipts = best_of(batch)

    for receipt in receipts:
        record(receipt, all_of_them)
    outdated = outdated_among(receipts, without)
    for receipt in receipts:
        if receipt not in outdated:
            record(receipt, without)

    assert without.items == all_of_them.items
    assert without.parked == all_of_them.parked


def test_sent_is_outdated_once_the_acceptance_is_noted_and_not_before() -> None:
    claimed, submitted, absent = LEADS
    messages = FakeMessages()
    messages.claim(a_claim("claim-0", claimed))
    submit(messages, a_claim("claim-1", submitted), 1)

    outdated = outdated_among([a_receipt(SENT, ref) for ref in LEADS], messages)

    assert outdated == {a_receipt(SENT, submitted)}
    assert outdated_among([a_receipt(SENT, absent)], messages) == set()


def test_what_is_outdated_of_one_attempt_keeps_nothing_back_of_another() -> None:
    messages = FakeMessages()
    submit(messages, a_claim("claim-1", LEADS[1]), 1)
    sent = a_receipt(SENT, LEADS[1], claim_id="claim-0")
    failed = a_receipt(FAILED, LEADS[1], claim_id="claim-1", provider_id="SM2")

    assert outdated_among([sent, failed], messages) == {sent}


def test_a_receipt_that_is_final_or_tells_of_an_error_is_always_recorded() -> None:
    messages = FakeMessages()
    submit(messages, a_claim("claim-1", LEADS[1]), 1)

    receipts = [a_receipt(FAILED, LEADS[1]), a_receipt(SENT, LEADS[1], error_code="21610")]

    assert outdated_among(receipts, messages) == set()


def test_a_receipt_without_a_row_is_parked_and_replayed_once_the_row_is_there() -> None:
    """R2: early is not lost."""
    messages = FakeMessages()

    assert record(a_receipt(DELIVERED), messages) is ReceiptOutcome.UNKNOWN_ROW
    assert replay_parked(messages) == 0
    messages.claim(a_claim())
    assert replay_parked(messages) == 1

    assert messages.items[LEAD]["status"] == DELIVERED
    assert list(messages.parked_receipts()) == []


def test_a_stale_parked_receipt_is_dropped() -> None:
    messages = FakeMessages()
    record(a_receipt(SENT), messages)
    submit(messages, a_claim(), 1)
    record(a_receipt(DELIVERED), messages)

    assert replay_parked(messages) == 1

    assert messages.items[LEAD]["status"] == DELIVERED
    assert list(messages.parked_receipts()) == []


@pytest.mark.parametrize("code", ["21610", "30630", "63033"])
def test_a_person_who_opted_out_at_the_provider_is_suppressed_even_without_a_row(
    code: str,
) -> None:
    suppressions = FakeSuppressions()

    record_receipt(
        a_receipt(FAILED, error_code=code, phone=PHONE),
        leads=FakeMessages(),
        suppressions=suppressions,
    )

    standing = suppressions.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.source, standing.cause) == (True, "provider", "SM1")


def test_other_failures_and_unknown_phones_suppress_nobody() -> None:
    suppressions = FakeSuppressions()
    for code, phone in (("30003", PHONE), ("21610", ""), (None, PHONE), ("nobody:21610", PHONE)):
        record_receipt(
            a_receipt(FAILED, error_code=code, phone=phone),
            leads=FakeMessages(),
            suppressions=suppressions,
        )

    assert suppressions.standing == {}


def test_a_receipt_that_tells_of_an_opt_out_leaves_its_code() -> None:
    suppressions = FakeSuppressions()

    record_receipt(
        a_receipt(FAILED, error_code="twilio:21610", phone=PHONE),
        leads=FakeMessages(),
        suppressions=suppressions,
    )

    (entry,) = FakeConsentLedger(suppressions).history(PHONE)
    assert entry.source == "provider"
    assert entry.circumstances == Circumstances(
        reason="twilio:21610", campaign_id="cmp_a", conversation=CallbackRef(LEAD).token
    )
