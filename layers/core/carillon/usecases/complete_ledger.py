"""
Enter into the consent ledger who had opted out before there was one (O5, O6), once.

Their suppressions stand, and nobody texts them; but the opt-out manager, its export and the
news for the providers' lists read the ledger. All suppressions are gone through a page a run;
whoever is entered already, stays as they are. When all are through, it is over for good.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from carillon.ports import MirroredConsents, MirrorStates

NAME = "consent-ledger"
ROWS_PER_RUN = 500


def complete_ledger(
    consents: MirroredConsents,
    states: MirrorStates,
    now: Callable[[], datetime],
    *,
    rows: int = ROWS_PER_RUN,
) -> int:
    """Go on by *rows* suppressions; return how many were entered. May be repeated."""
    state = states.get(NAME)
    if state.next_round_at is not None:
        # There is no next round: it says when the only one ended.
        return 0
    page, cursor = consents.opted_out_after(state.our_cursor, rows)
    entered = sum(consents.enter(standing) for standing in page)
    ended_at = now() if cursor is None else None
    states.save(NAME, replace(state, our_cursor=cursor, next_round_at=ended_at))
    return entered
