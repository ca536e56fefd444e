"""
The states of a lead, and which of them may follow which (spec F1, R1).

    pending -> claimed -> submitted -> delivered | failed | unconfirmed
                  |  \\-> retrying -> claimed
                  |\\-> suppressed
                  \\--> failed (rejected, or its text cannot be rendered)
    claimed -> pending is a release: nothing was sent and the row is removed.

A *pending* lead has no row: it stands only in its audience part. The row's
existence is the claim. Final states absorb; only ``unconfirmed`` gives way to
a real final state that arrives late.
"""

from enum import StrEnum


class LeadStatus(StrEnum):
    """Where a lead stands; per-lead state is the truth (F1)."""

    PENDING = "pending"
    CLAIMED = "claimed"
    RETRYING = "retrying"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    SUPPRESSED = "suppressed"


FINAL = frozenset(
    {LeadStatus.DELIVERED, LeadStatus.FAILED, LeadStatus.UNCONFIRMED, LeadStatus.SUPPRESSED}
)
# Handed to the provider at least once, as far as we can know.
HANDED_OVER = frozenset({LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.UNCONFIRMED})

# What a provider's receipt may turn each state into. A receipt never moves a
# lead backwards and the first final one wins, except over ``unconfirmed`` (R1).
_AFTER_RECEIPT: dict[LeadStatus, frozenset[LeadStatus]] = {
    LeadStatus.SUBMITTED: frozenset({LeadStatus.CLAIMED, LeadStatus.RETRYING}),
    LeadStatus.DELIVERED: frozenset(
        {LeadStatus.CLAIMED, LeadStatus.RETRYING, LeadStatus.SUBMITTED, LeadStatus.UNCONFIRMED}
    ),
    LeadStatus.FAILED: frozenset(
        {LeadStatus.CLAIMED, LeadStatus.RETRYING, LeadStatus.SUBMITTED, LeadStatus.UNCONFIRMED}
    ),
}


def is_final(status: LeadStatus) -> bool:
    """Whether nothing more is expected to happen to a lead in *status*."""
    return status in FINAL


def states_before(reported: LeadStatus) -> frozenset[LeadStatus]:
    """Return the states that a receipt reporting *reported* may replace (R1)."""
    return _AFTER_RECEIPT.get(reported, frozenset())
