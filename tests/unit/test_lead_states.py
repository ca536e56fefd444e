"""Which states of a lead a receipt may replace (R1)."""

from itertools import permutations

import pytest

from carillon.domain.lead import FINAL, LeadStatus, is_final, states_before

REPORTED = {LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.FAILED}
OPEN = {LeadStatus.CLAIMED, LeadStatus.RETRYING}


def test_the_final_states_are_the_four_that_nothing_follows() -> None:
    assert sorted(FINAL) == ["delivered", "failed", "suppressed", "unconfirmed"]
    assert [status for status in LeadStatus if is_final(status)] == [
        LeadStatus.DELIVERED,
        LeadStatus.FAILED,
        LeadStatus.UNCONFIRMED,
        LeadStatus.SUPPRESSED,
    ]


@pytest.mark.parametrize("reported", LeadStatus)
def test_a_receipt_replaces_open_states_and_a_real_final_one_unconfirmed(
    reported: LeadStatus,
) -> None:
    expected: set[LeadStatus] = set()
    if reported is LeadStatus.SUBMITTED:
        expected = OPEN
    elif reported in REPORTED:
        expected = OPEN | {LeadStatus.SUBMITTED, LeadStatus.UNCONFIRMED}

    assert states_before(reported) == expected


@pytest.mark.parametrize("reported", LeadStatus)
def test_no_receipt_replaces_a_settled_state_or_repeats_itself(reported: LeadStatus) -> None:
    settled = {LeadStatus.DELIVERED, LeadStatus.FAILED, LeadStatus.SUPPRESSED}

    assert not states_before(reported) & settled
    assert reported not in states_before(reported)
    # A receipt needs a row, and a pending lead has none.
    assert LeadStatus.PENDING not in states_before(reported)


def test_whatever_order_receipts_come_in_the_first_final_one_stands() -> None:
    """R1: every order of all reports."""
    for order in permutations(sorted(REPORTED)):
        standing = LeadStatus.CLAIMED
        for reported in order:
            if standing in states_before(reported):
                standing = reported

        assert standing is next(status for status in order if is_final(status))
