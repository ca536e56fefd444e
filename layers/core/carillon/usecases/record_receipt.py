"""Apply what providers report of our messages (R1, R2, F7)."""

from carillon.domain.lead import states_before
from carillon.domain.message import Receipt, ReceiptOutcome, RowRef, Suppression
from carillon.ports import Leads, Suppressions

# The carrier or provider says that this person has opted out there: so they have here (O5).
OPTED_OUT_CODES = frozenset({"21610"})


def record_receipt(
    receipt: Receipt, *, phone: str, leads: Leads, suppressions: Suppressions
) -> ReceiptOutcome:
    """
    Apply *receipt* if R1 lets it; safe to repeat and in any order.

    A receipt whose row is not there is parked and replayed by the reconciler.
    *phone* is suppressed first when the error says that the person opted out:
    suppression must not be lost if we die between the two writes.
    """
    if receipt.error_code in OPTED_OUT_CODES and phone:
        suppressions.opt_out(
            Suppression(
                phone=phone,
                opted_out=True,
                event_at=receipt.received_at,
                source="provider",
                cause=receipt.provider_id,
                committed_at=receipt.received_at,
            )
        )
    outcome = leads.apply_receipt(receipt)
    if outcome is ReceiptOutcome.UNKNOWN_ROW:
        leads.park_receipt(receipt)
    return outcome


def best_of(receipts: list[Receipt]) -> list[Receipt]:
    """
    Return one receipt per message: the first final one, else the last seen.

    A batch often holds ``sent`` and ``delivered`` of the same message; applying
    the final one alone gives the same state for one write instead of two.
    """
    best: dict[tuple[str, str], Receipt] = {}
    for receipt in receipts:
        key = (receipt.ref.pk, receipt.ref.sk)
        standing = best.get(key)
        if standing is None or not standing.is_final:
            best[key] = receipt
    return list(best.values())


def outdated_among(receipts: list[Receipt], leads: Leads) -> set[RowRef]:
    """
    Return the rows of those *receipts* (one a message) that would change nothing.

    Of nearly every message the provider reports ``sent`` after we have noted its
    acceptance, and a refused write costs ten times a read. The read may be old, yet a
    state that a receipt cannot replace never becomes one that it can (R1), so what is
    skipped here would be refused at any later time too. Final receipts, and those with
    an error, are never looked up.
    """
    interim = {r.ref: r.status for r in receipts if not r.is_final and not r.error_code}
    standing = leads.statuses(list(interim)) if interim else {}
    return {ref for ref, status in standing.items() if status not in states_before(interim[ref])}


def replay_parked(leads: Leads) -> int:
    """Try every parked receipt again; return how many found their row."""
    replayed = 0
    for receipt in leads.parked_receipts():
        if leads.apply_receipt(receipt) is not ReceiptOutcome.UNKNOWN_ROW:
            leads.unpark_receipt(receipt)
            replayed += 1
    return replayed
