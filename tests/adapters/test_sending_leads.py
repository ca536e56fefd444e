"""Claims, results and receipts of leads, the same for the fake and the real messages table."""

from itertools import permutations, product

import pytest

from carillon.domain.errors import Conflict
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Receipt, ReceiptOutcome, RowRef, step_key
from tests.support.messages import (
    KEY,
    LEAD,
    PHONE,
    Messages,
    a_claim,
    a_receipt,
    a_reply,
    a_run,
    after,
    submit,
)
from tests.support.stores import Stores

SENT, DELIVERED, FAILED = LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.FAILED


def status_of(messages: Messages, ref: RowRef = LEAD) -> LeadStatus:
    row = messages.answer(ref)
    assert row is not None
    return row.status


# Claims ------------------------------------------------------------------------


def test_a_claim_stores_everything_that_reconciling_needs(stores: Stores) -> None:
    assert stores.messages.claim(a_claim())

    assert stores.row(LEAD) == {
        "kind": "lead",
        "status": "claimed",
        "claim_id": "claim-1",
        "claimed_at": "2026-11-22T12:00:00.000Z",
        "attempts": 1,
        "phone": PHONE,
        "sender_id": "snd_a",
        "office_id": "off_north",
        "segments": 2,
        "content_version": 3,
        "text_digest": "00ff",
    }
    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.claim_id, row.claimed_at) == (LeadStatus.CLAIMED, "claim-1", after(0))
    assert (row.due_at, row.provider_id, row.submitted_at) == (None, None, None)


def test_an_mms_is_marked_and_a_retry_without_its_files_is_not(stores: Stores) -> None:
    """M5, A10: an edit may have taken the files away in between."""
    first = a_claim(is_mms=True)
    stores.messages.claim(first)
    row = stores.row(LEAD)
    assert row is not None
    assert row["mms"] is True
    stores.messages.record_retry(first, "30001", after(5))

    assert stores.messages.claim(a_claim("claim-2", attempts=2, retry_of="claim-1"))

    row = stores.row(LEAD)
    assert row is not None
    assert "mms" not in row


def test_of_two_claims_of_one_lead_the_second_is_refused(stores: Stores) -> None:
    assert stores.messages.claim(a_claim("claim-1"))

    assert not stores.messages.claim(a_claim("claim-2"))

    assert stores.messages.rows("cmp_a", 0)[KEY].claim_id == "claim-1"


@pytest.mark.parametrize("status", ["submitted", "failed", "suppressed", "retrying"])
def test_a_first_claim_of_a_lead_that_has_any_row_is_refused(stores: Stores, status: str) -> None:
    claim = a_claim()
    stores.messages.claim(claim)
    match status:
        case "submitted":
            stores.messages.record_submitted(claim, Accepted("SM1"), after(1))
        case "failed":
            stores.messages.record_failed(claim, "21211", after(1))
        case "suppressed":
            stores.messages.record_suppressed(claim, after(1))
        case "retrying":
            stores.messages.record_retry(claim, "503", after(1))

    assert not stores.messages.claim(a_claim("claim-2"))

    assert status_of(stores.messages) == status


def test_a_retry_is_claimed_under_the_claim_it_repeats_and_only_once(stores: Stores) -> None:
    first = a_claim("claim-1")
    stores.messages.claim(first)
    stores.messages.record_retry(first, "503", after(30))
    again = a_claim("claim-2", retry_of="claim-1", attempts=2, claimed_at=after(31))

    assert not stores.messages.claim(a_claim("claim-x", retry_of="claim-0", attempts=2))
    assert stores.messages.claim(again)
    assert not stores.messages.claim(a_claim("claim-3", retry_of="claim-1", attempts=2))

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.claim_id, row.attempts) == (LeadStatus.CLAIMED, "claim-2", 2)
    assert row.claimed_at == after(31)


def test_a_retry_of_a_lead_without_a_row_or_not_waiting_is_refused(stores: Stores) -> None:
    again = a_claim("claim-2", retry_of="claim-1", attempts=2)

    assert not stores.messages.claim(again)
    stores.messages.claim(a_claim("claim-1"))
    assert not stores.messages.claim(again)

    assert stores.messages.rows("cmp_a", 0)[KEY].claim_id == "claim-1"


def test_a_released_first_claim_leaves_no_row(stores: Stores) -> None:
    stores.messages.claim(a_claim())

    stores.messages.release(a_claim())

    assert stores.row(LEAD) is None
    assert stores.messages.claim(a_claim("claim-2"))


def test_a_released_retry_waits_again_under_the_claim_it_repeats(stores: Stores) -> None:
    first = a_claim("claim-1")
    stores.messages.claim(first)
    stores.messages.record_retry(first, "503", after(30))
    second = a_claim("claim-2", retry_of="claim-1", attempts=2)
    stores.messages.claim(second)

    stores.messages.release(second)

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.attempts, row.due_at) == (LeadStatus.RETRYING, 1, after(30))
    # Whoever has the retry in memory can claim it again as it was.
    assert stores.messages.claim(a_claim("claim-3", retry_of="claim-1", attempts=2))


def test_only_the_holder_gives_a_claim_back(stores: Stores) -> None:
    stores.messages.claim(a_claim("claim-1"))

    with pytest.raises(Conflict):
        stores.messages.release(a_claim("claim-2"))

    assert stores.messages.rows("cmp_a", 0)[KEY].claim_id == "claim-1"


def test_a_claim_whose_message_a_receipt_has_confirmed_cannot_be_given_back(
    stores: Stores,
) -> None:
    stores.messages.claim(a_claim())
    stores.messages.apply_receipt(a_receipt(SENT))

    with pytest.raises(Conflict):
        stores.messages.release(a_claim())

    assert status_of(stores.messages) is SENT


def test_giving_back_a_claim_that_somebody_else_holds_is_a_conflict(stores: Stores) -> None:
    assert stores.messages.claim(a_claim("claim-2"))

    with pytest.raises(Conflict):
        stores.messages.release(a_claim("claim-1"))

    assert status_of(stores.messages) is LeadStatus.CLAIMED


# Results -----------------------------------------------------------------------


def test_each_result_is_stored_with_its_time_and_reason(stores: Stores) -> None:
    refs = {name: RowRef("cmp_a#00000", name) for name in ("sent", "bad", "out", "later")}
    claims = {name: a_claim(f"claim-{name}", ref) for name, ref in refs.items()}
    for claim in claims.values():
        stores.messages.claim(claim)

    stores.messages.record_submitted(claims["sent"], Accepted("SM7"), after(1))
    stores.messages.record_failed(claims["bad"], "21211", after(2))
    stores.messages.record_suppressed(claims["out"], after(3))
    stores.messages.record_retry(claims["later"], "503", after(40))

    def changed(name: str) -> dict[str, object]:
        row = stores.row(refs[name]) or {}
        stored = ("status", "provider_id", "submitted_at", "final_at", "error_code", "due_at")
        return {attribute: row[attribute] for attribute in stored if attribute in row}

    assert changed("sent") == {
        "status": "submitted",
        "provider_id": "SM7",
        "submitted_at": "2026-11-22T12:00:01.000Z",
    }
    assert changed("bad") == {
        "status": "failed",
        "error_code": "21211",
        "final_at": "2026-11-22T12:00:02.000Z",
    }
    assert changed("out") == {
        "status": "suppressed",
        "error_code": "opted_out",
        "final_at": "2026-11-22T12:00:03.000Z",
    }
    assert changed("later") == {
        "status": "retrying",
        "error_code": "503",
        "due_at": "2026-11-22T12:00:40.000Z",
    }


def test_only_the_holder_of_the_claim_writes_its_result(stores: Stores) -> None:
    first = a_claim("claim-1")
    stores.messages.claim(first)
    stores.messages.record_retry(first, "503", after(1))
    stores.messages.claim(a_claim("claim-2", retry_of="claim-1", attempts=2))

    with pytest.raises(Conflict):
        stores.messages.record_failed(first, "21211", after(2))
    with pytest.raises(Conflict):
        stores.messages.record_suppressed(first, after(2))
    with pytest.raises(Conflict):
        stores.messages.record_retry(first, "503", after(2))
    stores.messages.record_submitted(first, Accepted("SM1"), after(2))

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.claim_id, row.provider_id) == (LeadStatus.CLAIMED, "claim-2", None)


def test_the_acceptance_never_overwrites_what_a_receipt_brought(stores: Stores) -> None:
    stores.messages.claim(a_claim())
    stores.messages.apply_receipt(a_receipt(DELIVERED, received_at=after(0.4)))

    stores.messages.record_submitted(a_claim(), Accepted("SM1"), after(0.5))

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.provider_id) == (DELIVERED, "SM1")
    assert row.submitted_at == after(0.4)


@pytest.mark.parametrize("before", ["claimed", "submitted"])
def test_a_lead_without_a_final_word_becomes_unconfirmed(stores: Stores, before: str) -> None:
    stores.messages.claim(a_claim())
    if before == "submitted":
        stores.messages.record_submitted(a_claim(), Accepted("SM1"), after(1))

    stores.messages.record_unconfirmed(LEAD, "claim-1", after(72 * 3600))

    assert status_of(stores.messages) is LeadStatus.UNCONFIRMED


def test_a_stale_unconfirmed_changes_nothing(stores: Stores) -> None:
    stores.messages.record_unconfirmed(LEAD, "claim-1", after(1))
    assert stores.row(LEAD) is None
    stores.messages.claim(a_claim("claim-1"))
    stores.messages.record_unconfirmed(LEAD, "claim-0", after(1))
    assert status_of(stores.messages) is LeadStatus.CLAIMED
    stores.messages.apply_receipt(a_receipt(DELIVERED))
    stores.messages.record_unconfirmed(LEAD, "claim-1", after(1))

    assert status_of(stores.messages) is DELIVERED


def test_rows_are_the_leads_of_one_part_only(stores: Stores) -> None:
    stores.messages.claim(a_claim("claim-1"))
    stores.messages.claim(a_claim("claim-2", RowRef("cmp_a#00001", "other-part")))
    stores.messages.claim(a_claim("claim-3", RowRef("cmp_b#00000", "other-campaign")))
    stores.messages.record_inbound(
        RowRef(LEAD.pk, f"{KEY}#in#SMin1"), a_reply(), keyword="none", office_id="off_north"
    )
    stores.messages.claim_answer(a_claim("c", RowRef(LEAD.pk, f"{KEY}#out#help.S")), purpose="help")

    assert list(stores.messages.rows("cmp_a", 0)) == [KEY]


# Receipts ----------------------------------------------------------------------


def test_receipts_in_every_order_and_number_give_the_first_final_state(stores: Stores) -> None:
    reports = (SENT, SENT, DELIVERED, DELIVERED)
    for number, order in enumerate(sorted(set(permutations(reports)))):
        ref = RowRef("cmp_a#00000", f"lead-{number}")
        submit(stores.messages, a_claim(f"claim-{number}", ref), 1)

        for status in order:
            stores.messages.apply_receipt(a_receipt(status, ref))

        assert status_of(stores.messages, ref) is DELIVERED, order


def test_of_two_different_finals_the_first_one_stands(stores: Stores) -> None:
    for number, order in enumerate(sorted(set(permutations((SENT, DELIVERED, FAILED))))):
        ref = RowRef("cmp_a#00000", f"lead-{number}")
        submit(stores.messages, a_claim(f"claim-{number}", ref), 1)

        for status in order:
            stores.messages.apply_receipt(a_receipt(status, ref))

        first_final = next(status for status in order if status is not SENT)
        assert status_of(stores.messages, ref) is first_final, order


def test_a_receipt_says_whether_it_changed_anything(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    outcomes = [
        stores.messages.apply_receipt(a_receipt(status))
        for status in (SENT, DELIVERED, DELIVERED, FAILED, SENT)
    ]

    stale = ReceiptOutcome.IGNORED_STALE
    assert outcomes == [stale, ReceiptOutcome.APPLIED, stale, stale, stale]


def test_a_failed_receipt_keeps_the_providers_code_and_the_time(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.messages.apply_receipt(a_receipt(FAILED, error_code="30003", received_at=after(5)))

    row = stores.row(LEAD) or {}
    assert (row["status"], row["error_code"]) == ("failed", "30003")
    assert (row["final_at"], row["submitted_at"]) == (
        "2026-11-22T12:00:05.000Z",
        "2026-11-22T12:00:01.000Z",
    )


@pytest.mark.parametrize("final", [DELIVERED, FAILED])
def test_a_real_final_receipt_replaces_unconfirmed_but_sent_does_not(
    stores: Stores, final: LeadStatus
) -> None:
    """R1: unconfirmed gives way to a real final state."""
    submit(stores.messages, a_claim(), 1)
    stores.messages.record_unconfirmed(LEAD, "claim-1", after(72 * 3600))

    sent = stores.messages.apply_receipt(a_receipt(SENT))
    real = stores.messages.apply_receipt(a_receipt(final))

    assert (sent, real) == (ReceiptOutcome.IGNORED_STALE, ReceiptOutcome.APPLIED)
    assert status_of(stores.messages) is final


@pytest.mark.parametrize("status", [SENT, DELIVERED, FAILED])
def test_a_receipt_before_the_senders_own_note_brings_id_and_time(
    stores: Stores, status: LeadStatus
) -> None:
    stores.messages.claim(a_claim())

    outcome = stores.messages.apply_receipt(a_receipt(status, received_at=after(0.3)))

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert outcome is ReceiptOutcome.APPLIED
    assert (row.status, row.provider_id, row.submitted_at) == (status, "SM1", after(0.3))


@pytest.mark.parametrize(
    ("status", "local"), list(product([SENT, DELIVERED], ["failed", "suppressed"]))
)
def test_a_receipt_changes_nothing_about_a_lead_that_ended_without_a_message(
    stores: Stores, status: LeadStatus, local: str
) -> None:
    stores.messages.claim(a_claim())
    if local == "failed":
        stores.messages.record_failed(a_claim(), "missing_field", after(1))
    else:
        stores.messages.record_suppressed(a_claim(), after(1))

    outcome = stores.messages.apply_receipt(a_receipt(status))

    assert outcome is ReceiptOutcome.IGNORED_STALE
    assert status_of(stores.messages) == local


def test_a_receipt_for_no_row_says_so_and_creates_none(stores: Stores) -> None:
    outcome = stores.messages.apply_receipt(a_receipt(DELIVERED))

    assert outcome is ReceiptOutcome.UNKNOWN_ROW
    assert stores.row(LEAD) is None


def test_a_receipt_that_reports_nothing_we_take_is_ignored(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    outcome = stores.messages.apply_receipt(a_receipt(LeadStatus.UNCONFIRMED))

    assert outcome is ReceiptOutcome.IGNORED_STALE


def test_statuses_tell_of_the_rows_that_are_there(stores: Stores) -> None:
    submitted, absent = a_claim(ref=RowRef("cmp_a#00001", KEY)), RowRef("cmp_a#00002", KEY)
    stores.messages.claim(a_claim())
    submit(stores.messages, submitted, 1)

    found = stores.messages.statuses([LEAD, submitted.ref, absent])

    assert found == {LEAD: LeadStatus.CLAIMED, submitted.ref: LeadStatus.SUBMITTED}
    assert stores.messages.statuses([]) == {}


def test_a_parked_receipt_comes_back_as_it_was_until_it_is_unparked(stores: Stores) -> None:
    parked = [
        a_receipt(SENT, provider_id="SM1"),
        a_receipt(FAILED, provider_id="SM1", error_code="30005"),
        *(a_receipt(DELIVERED, provider_id=f"SM{number}") for number in range(2, 40)),
    ]
    for receipt in [*parked, *parked]:
        stores.messages.park_receipt(receipt)

    def waiting() -> list[Receipt]:
        return sorted(stores.messages.parked_receipts(), key=_order)

    assert waiting() == sorted(parked, key=_order)
    stores.messages.unpark_receipt(parked[0])
    stores.messages.unpark_receipt(parked[0])
    assert waiting() == sorted(parked[1:], key=_order)


def _order(receipt: Receipt) -> tuple[str, str]:
    return receipt.provider_id, receipt.status


def test_all_messages_of_ours_to_a_person_are_known_by_their_providers_ids(
    stores: Stores,
) -> None:
    messages = stores.messages
    submit(messages, a_claim(), 1, "SM1")
    submit(messages, a_claim("claim-2", RowRef("cmp_b#00003", KEY)), 2, "SM2")
    answer = a_claim("claim-3", RowRef(LEAD.pk, f"{KEY}#out#stop.SMin1"))
    assert messages.claim_answer(answer, purpose="opt_out_confirmation")
    messages.record_submitted(answer, Accepted("SM3"), after(3))
    submit(messages, a_claim("claim-4", RowRef(LEAD.pk, "f" * 32)), 4, "SM4")

    assert messages.provider_ids([LEAD.pk, "cmp_b#00003", "cmp_c#00000"], KEY) == {
        "SM1",
        "SM2",
        "SM3",
    }
    assert messages.provider_ids([], KEY) == frozenset()


# Attempts, deferrals and follow-ups ----------------------------------------------


def test_a_receipt_of_another_attempt_changes_nothing_and_says_so(stores: Stores) -> None:
    submit(stores.messages, a_claim("claim-2"), 1)

    stale = stores.messages.apply_receipt(a_receipt(FAILED, claim_id="claim-1"))
    own = stores.messages.apply_receipt(a_receipt(DELIVERED, claim_id="claim-2"))

    assert (stale, own) == (ReceiptOutcome.SUPERSEDED, ReceiptOutcome.APPLIED)
    assert status_of(stores.messages) is DELIVERED


def test_a_receipt_keeps_the_price_that_it_tells(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.messages.apply_receipt(a_receipt(DELIVERED, cost_micros=7900, currency="USD"))

    row = stores.row(LEAD) or {}
    assert (row["cost_micros"], row["currency"]) == (7900, "USD")


def test_a_failed_message_that_has_tries_left_waits_for_the_next_one(stores: Stores) -> None:
    submit(stores.messages, a_claim(attempts=3), 1)
    failed = a_receipt(FAILED, claim_id="claim-1", error_code="30001")

    assert stores.messages.retry_after_receipt(failed, after(120), 4)

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.due_at, row.attempts) == (LeadStatus.RETRYING, after(120), 3)
    again = a_claim("claim-2", attempts=4, retry_of="claim-1")
    assert stores.messages.claim(again)
    assert stores.messages.rows("cmp_a", 0)[KEY].provider_id is None


def test_a_failed_message_without_tries_or_of_another_attempt_does_not_wait(
    stores: Stores,
) -> None:
    submit(stores.messages, a_claim(attempts=4), 1)
    failed = a_receipt(FAILED, claim_id="claim-1", error_code="30001")

    assert not stores.messages.retry_after_receipt(failed, after(120), 4)
    other = a_receipt(FAILED, claim_id="claim-0", error_code="30001")
    assert not stores.messages.retry_after_receipt(other, after(120), 9)
    assert status_of(stores.messages) is SENT


def test_an_answer_that_failed_has_no_tries_by_receipt(stores: Stores) -> None:
    ref = RowRef(LEAD.pk, f"{KEY}#out#stop.SMin1")
    assert stores.messages.claim_answer(a_claim(ref=ref), purpose="opt_out_confirmation")
    failed = a_receipt(FAILED, ref, claim_id="claim-1", error_code="30001")

    assert not stores.messages.retry_after_receipt(failed, after(120), 9)


def test_a_deferred_message_waits_and_its_attempt_is_not_used(stores: Stores) -> None:
    claim = a_claim()
    assert stores.messages.claim(claim)

    stores.messages.defer(claim, "frequency_cap", after(3600))

    row = stores.messages.rows("cmp_a", 0)[KEY]
    assert (row.status, row.due_at, row.attempts, row.claim_id) == (
        LeadStatus.RETRYING,
        after(3600),
        0,
        "claim-1",
    )
    assert stores.messages.claim(a_claim("claim-2", retry_of="claim-1", sender_id="snd_b"))
    assert stores.messages.rows("cmp_a", 0)[KEY].sender_id == "snd_b"


def test_a_lead_and_its_follow_up_stand_beside_each_other(stores: Stores) -> None:
    follow_up = RowRef(LEAD.pk, step_key(KEY, 1))
    submit(stores.messages, a_claim(steps_left=2, variant="b"), 1, "SM1")
    submit(stores.messages, a_claim("claim-2", follow_up, step=1, variant="b"), 2, "SM2")

    rows = stores.messages.rows("cmp_a", 0)

    assert set(rows) == {KEY, follow_up.sk}
    assert (rows[KEY].steps_left, rows[KEY].variant) == (2, "b")
    assert (rows[follow_up.sk].provider_id, rows[follow_up.sk].steps_left) == ("SM2", 0)
    kept = stores.row(follow_up) or {}
    assert (kept["kind"], kept["step"]) == ("step", 1)


def test_follow_ups_are_closed_once_and_stay_closed(stores: Stores) -> None:
    submit(stores.messages, a_claim(steps_left=2), 1)

    stores.messages.close_steps(LEAD, reached_by_step=True)
    stores.messages.close_steps(LEAD, reached_by_step=False)

    row = stores.row(LEAD) or {}
    assert (row["steps_left"], row["reached_by_step"]) == (0, True)


def test_a_lead_without_follow_ups_has_none_to_close(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    stores.messages.close_steps(LEAD, reached_by_step=True)

    assert "reached_by_step" not in (stores.row(LEAD) or {})


def test_a_parked_receipt_keeps_everything_that_it_said(stores: Stores) -> None:
    receipt = a_receipt(
        FAILED,
        claim_id="claim-1",
        phone=PHONE,
        error_code="21610",
        cost_micros=7900,
        currency="USD",
    )

    stores.messages.park_receipt(receipt)

    assert list(stores.messages.parked_receipts()) == [receipt]


@pytest.mark.parametrize("status", [SENT, FAILED])
def test_what_is_said_again_of_a_message_does_not_undo_its_next_try(
    stores: Stores, status: LeadStatus
) -> None:
    submit(stores.messages, a_claim(), 1)
    failed = a_receipt(FAILED, claim_id="claim-1", error_code="30001")
    stores.messages.retry_after_receipt(failed, after(120), 4)

    again = stores.messages.apply_receipt(a_receipt(status, claim_id="claim-1"))

    assert again is ReceiptOutcome.IGNORED_STALE
    assert status_of(stores.messages) is LeadStatus.RETRYING


def test_a_message_that_arrives_after_all_is_not_tried_again(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)
    failed = a_receipt(FAILED, claim_id="claim-1", error_code="30001")
    stores.messages.retry_after_receipt(failed, after(120), 4)

    stores.messages.apply_receipt(a_receipt(DELIVERED, claim_id="claim-1"))

    assert not stores.messages.claim(a_claim("claim-2", attempts=2, retry_of="claim-1"))
    assert status_of(stores.messages) is DELIVERED


def test_a_reply_answers_the_campaign_whose_follow_up_came_last(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)
    submit(stores.messages, a_claim("claim-2", RowRef("cmp_b#00000", KEY)), 60)
    runs = [a_run(parts=1), a_run("cmp_b", parts=1)]

    stores.messages.note_outbound(LEAD, after(120))

    found = stores.messages.newest_lead(runs, KEY, after(0))
    assert found is not None
    assert found[0].campaign_id == "cmp_a"
    stores.messages.note_outbound(RowRef("cmp_c#00000", KEY), after(130))
    assert stores.row(RowRef("cmp_c#00000", KEY)) is None


# The same write again: its answer was lost, and the client sent it once more -------------


def test_a_claim_that_is_written_twice_is_still_ones_own(stores: Stores) -> None:
    first, again = a_claim(), a_claim("claim-2", attempts=2, retry_of="claim-1")

    assert [stores.messages.claim(first) for _ in range(2)] == [True, True]
    stores.messages.record_retry(first, "503", after(9))
    assert [stores.messages.claim(again) for _ in range(2)] == [True, True]
    assert not stores.messages.claim(a_claim("claim-3"))


def test_a_result_that_is_written_twice_stands_once(stores: Stores) -> None:
    claim = a_claim()
    assert stores.messages.claim(claim)

    for _ in range(2):
        stores.messages.record_failed(claim, "21211", after(1))
    with pytest.raises(Conflict):
        stores.messages.record_retry(claim, "503", after(9))

    assert status_of(stores.messages) is FAILED


def test_a_claim_that_is_given_back_twice_is_given_back(stores: Stores) -> None:
    claim = a_claim()
    assert stores.messages.claim(claim)

    for _ in range(2):
        stores.messages.release(claim)

    assert stores.row(LEAD) is None


def test_a_claim_is_not_ones_own_any_more_once_it_has_a_result(stores: Stores) -> None:
    submit(stores.messages, a_claim(), 1)

    assert not stores.messages.claim(a_claim())
