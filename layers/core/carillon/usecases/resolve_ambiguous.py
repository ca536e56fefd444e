"""
What to do about a claim without a result (F2).

A sender that died, or a call that timed out, leaves a row in ``claimed``. After
the grace no worker can still be about to call (``CLAIM_MAX_AGE_S`` plus the
provider's own time-out is shorter), so the provider's log tells the truth:

    in the log          -> submitted (or final, if the log says so)
    not in the log      -> it was never accepted: back to ``retrying``
                           (after the last attempt: failed)
    the log is silent,  -> wait for the receipt, ask again later; after 72 hours
    or cannot tell         ``unconfirmed``: not resent, counted and listed
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.errors import NotFound, Unavailable
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import (
    Accepted,
    Claim,
    LeadRow,
    ProviderRecord,
    Receipt,
    RowRef,
)
from carillon.ports import Leads, MessageProvider
from carillon.usecases.send_lead import MAX_ATTEMPTS

# Our clock and the provider's may disagree by this much when we ask its log.
_CLOCK_SLACK = timedelta(minutes=2)
# How long a message may stay without a final receipt (R4).
GIVE_UP_AFTER = timedelta(hours=72)


class Resolution(StrEnum):
    """What became of the row."""

    WAITING = "waiting"
    SUBMITTED = "submitted"
    FINAL = "final"
    RETRYING = "retrying"
    UNCONFIRMED = "unconfirmed"


def resolve_claimed(
    ref: RowRef,
    row: LeadRow,
    *,
    sender_phone: str,
    partitions: Iterable[str],
    now: datetime,
    leads: Leads,
    provider: MessageProvider,
) -> Resolution:
    """
    Settle a claim that is older than the grace, by the provider's log.

    *partitions* are all in which the same sender may have written to this person: a
    message that another row has is not the one that we look for.
    """
    claim = claim_of(ref, row)
    known_ids = leads.provider_ids(partitions, lead_key(row.phone))
    try:
        found = provider.find(
            sender=sender_phone,
            recipient=row.phone,
            text_digest=row.text_digest,
            since=row.claimed_at - _CLOCK_SLACK,
            known_ids=known_ids,
        )
    except Unavailable:
        if now - row.claimed_at <= GIVE_UP_AFTER:
            return Resolution.WAITING
        leads.record_unconfirmed(ref, row.claim_id, now)
        return Resolution.UNCONFIRMED
    if found is not None:
        return _found(claim, found, now, leads)
    if row.attempts >= MAX_ATTEMPTS:
        # Not unconfirmed, which counts as sent: the log says that it never was.
        leads.record_failed(claim, "provider_never_accepted", now)
        return Resolution.FINAL
    leads.record_retry(claim, "not_in_provider_log", now)
    return Resolution.RETRYING


def poll_submitted(
    ref: RowRef, row: LeadRow, *, now: datetime, leads: Leads, provider: MessageProvider
) -> Resolution:
    """Ask the provider about a message whose final receipt has not come (R4)."""
    given_up = row.submitted_at is not None and now - row.submitted_at > GIVE_UP_AFTER
    record = _fetched(row, provider)
    if record is not None and is_final(record.status):
        leads.apply_receipt(_as_receipt(ref, record, now))
        return Resolution.FINAL
    if given_up:
        leads.record_unconfirmed(ref, row.claim_id, now)
        return Resolution.UNCONFIRMED
    return Resolution.WAITING


def resolve_answer(
    ref: RowRef,
    row: LeadRow,
    *,
    sender_phone: str,
    partitions: Iterable[str],
    now: datetime,
    leads: Leads,
    provider: MessageProvider,
) -> Resolution:
    """Settle an answer in a conversation that has no result, or no final receipt."""
    if row.status is LeadStatus.SUBMITTED:
        return poll_submitted(ref, row, now=now, leads=leads, provider=provider)
    return resolve_claimed(
        ref,
        row,
        sender_phone=sender_phone,
        partitions=partitions,
        now=now,
        leads=leads,
        provider=provider,
    )


def _fetched(row: LeadRow, provider: MessageProvider) -> ProviderRecord | None:
    if row.provider_id is None:
        return None
    try:
        return provider.fetch(row.provider_id)
    except (NotFound, Unavailable):
        return None


def _found(claim: Claim, found: ProviderRecord, now: datetime, leads: Leads) -> Resolution:
    leads.record_submitted(claim, Accepted(found.provider_id), now)
    if not is_final(found.status):
        return Resolution.SUBMITTED
    leads.apply_receipt(_as_receipt(claim.ref, found, now))
    return Resolution.FINAL


def _as_receipt(ref: RowRef, record: ProviderRecord, now: datetime) -> Receipt:
    return Receipt(
        ref=ref,
        provider_id=record.provider_id,
        status=record.status,
        received_at=now,
        error_code=record.error_code,
    )


def claim_of(ref: RowRef, row: LeadRow) -> Claim:
    """Return the claim that *row* stands under, to write its result on its sender's behalf."""
    return Claim(
        id=row.claim_id,
        ref=ref,
        phone=row.phone,
        sender_id=row.sender_id,
        office_id="",
        segments=row.segments,
        content_version=0,
        text_digest=row.text_digest,
        claimed_at=row.claimed_at,
        attempts=row.attempts,
    )
