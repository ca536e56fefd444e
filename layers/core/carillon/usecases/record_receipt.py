"""Apply what providers report of our messages (R1, R2, F7)."""

from datetime import timedelta

from carillon.domain.lead import LeadStatus, states_before
from carillon.domain.message import Receipt, ReceiptOutcome, RowRef, Suppression, told_in
from carillon.domain.provider_codes import CodeKind, lookup
from carillon.ports import Leads, Suppressions
from carillon.usecases.send_lead import MAX_ATTEMPTS

# A carrier that had no room needs longer than our own short backoff.
_TRY_AGAIN_AFTER = timedelta(minutes=2)


def record_receipt(
    receipt: Receipt, *, leads: Leads, suppressions: Suppressions, jitter: float = 0.0
) -> ReceiptOutcome:
    """
    Apply *receipt* if R1 lets it; safe to repeat and in any order.

    A message that failed for a passing reason (F7) waits for another try while it has any
    left, two to three minutes by *jitter* (0 to 1), where the receipt names its attempt.

    A receipt whose row is not there is parked and replayed by the reconciler.
    Its phone is suppressed first when the error says that the person opted out (O5):
    suppression must not be lost if we die between the two writes.
    """
    if _tells_of_opt_out(receipt):
        suppressions.opt_out(
            Suppression(
                phone=receipt.phone,
                opted_out=True,
                event_at=receipt.received_at,
                source="provider",
                cause=receipt.provider_id,
                committed_at=receipt.received_at,
                told=told_in(receipt.ref, reason=receipt.error_code or ""),
            )
        )
    if _may_be_tried_again(receipt):
        due_at = receipt.received_at + _TRY_AGAIN_AFTER * (1 + jitter / 2)
        if leads.retry_after_receipt(receipt, due_at, MAX_ATTEMPTS):
            return ReceiptOutcome.RETRYING
    outcome = leads.apply_receipt(receipt)
    if outcome is ReceiptOutcome.UNKNOWN_ROW:
        leads.park_receipt(receipt)
    return outcome


def _may_be_tried_again(receipt: Receipt) -> bool:
    if receipt.status is not LeadStatus.FAILED or not (receipt.claim_id and receipt.error_code):
        return False
    return lookup(receipt.error_code).kind is CodeKind.TRANSIENT


def _tells_of_opt_out(receipt: Receipt) -> bool:
    if not (receipt.phone and receipt.error_code):
        return False
    return lookup(receipt.error_code).kind is CodeKind.OPTED_OUT


def best_of(receipts: list[Receipt]) -> list[Receipt]:
    """
    Return one receipt per attempt at a message: the first final one, else the last seen.

    A batch often holds ``sent`` and ``delivered`` of the same message; applying
    the final one alone gives the same state for one write instead of two. What is said of
    one attempt says nothing of another, so that those stay apart.
    """
    best: dict[tuple[RowRef, str | None], Receipt] = {}
    for receipt in receipts:
        key = (receipt.ref, receipt.claim_id)
        standing = best.get(key)
        if standing is None or not standing.is_final:
            best[key] = receipt
    return list(best.values())


def outdated_among(receipts: list[Receipt], leads: Leads) -> set[Receipt]:
    """
    Return those of *receipts* that would change nothing.

    Of nearly every message the provider reports ``sent`` after we have noted its
    acceptance, and a refused write costs ten times a read. The read may be old, yet a
    state that a receipt cannot replace never becomes one that it can (R1), so what is
    skipped here would be refused at any later time too. Final receipts, and those with
    an error, are never looked up.
    """
    interim = [r for r in receipts if not r.is_final and not r.error_code]
    standing = leads.statuses(list({r.ref: None for r in interim})) if interim else {}
    return {
        r for r in interim if r.ref in standing and standing[r.ref] not in states_before(r.status)
    }


def replay_parked(leads: Leads) -> int:
    """Try every parked receipt again; return how many found their row."""
    replayed = 0
    for receipt in leads.parked_receipts():
        if leads.apply_receipt(receipt) is not ReceiptOutcome.UNKNOWN_ROW:
            leads.unpark_receipt(receipt)
            replayed += 1
    return replayed
