"""
What comes next for one lead, from its rows alone (F1, M3).

    no row                       -> its initial, at once
    waiting for another try      -> the same message, when that is due
    accepted, follow-ups to come -> the next one, its delay after the last was accepted
    clicked, and the next one is for those who have not -> the one after it, both delays later
    replied, opted out, failed   -> no more: its follow-ups are to be closed
    a claim or receipt is out    -> nothing now

The pacer asks to know what to send, the reconciler to know what to wait for: one answer
for both, so that neither waits for what the other does not see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.content import FollowUp, StepCondition
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import LeadRow, step_key

_GIVEN_UP = frozenset({LeadStatus.FAILED, LeadStatus.SUPPRESSED})


@dataclass(frozen=True, kw_only=True)
class Due:
    """A message to send, not before ``at`` (None: at once); ``step`` 0 is the initial."""

    step: int = 0
    at: datetime | None = None
    attempts: int = 1
    retry_of: str | None = None


class Rest(StrEnum):
    """Why there is no message to send."""

    # A call, a receipt or the provider's log will tell.
    UNDER_WAY = "under_way"
    # Its follow-ups are settled or cancelled, which its row does not say yet.
    CLOSING = "closing"
    DONE = "done"


def next_of(key: str, rows: Mapping[str, LeadRow], follow_ups: Sequence[FollowUp]) -> Due | Rest:
    """Return what comes next for the lead *key*, whose rows *rows* holds by sort key."""
    lead = rows.get(key)
    if lead is None:
        return Due()
    if lead.status is LeadStatus.RETRYING:
        return _again(lead, 0)
    if not lead.steps_left:
        return Rest.DONE if is_final(lead.status) else Rest.UNDER_WAY
    if lead.status is LeadStatus.CLAIMED:
        return Rest.UNDER_WAY
    if lead.status in _GIVEN_UP:
        return Rest.CLOSING
    return _next_step(key, lead, rows, follow_ups)


def reached_by_step(key: str, rows: Mapping[str, LeadRow], follow_ups: int) -> bool:
    """Whether a follow-up was delivered to the lead *key* though its initial was not (A1)."""
    lead = rows.get(key)
    if lead is None or lead.status is LeadStatus.DELIVERED:
        return False
    steps = (rows.get(step_key(key, step)) for step in range(1, follow_ups + 1))
    return any(row is not None and row.status is LeadStatus.DELIVERED for row in steps)


def passes_over(lead: LeadRow, follow_up: FollowUp) -> bool:
    """Whether *follow_up* is not for this lead, because they have clicked (M3)."""
    return follow_up.condition is StepCondition.NO_CLICK and lead.clicked_at is not None


def _next_step(
    key: str, lead: LeadRow, rows: Mapping[str, LeadRow], follow_ups: Sequence[FollowUp]
) -> Due | Rest:
    is_over = lead.replied_at is not None or lead.opted_out_at is not None
    last = lead
    waited = timedelta(0)
    for step, follow_up in enumerate(follow_ups, start=1):
        row = rows.get(step_key(key, step))
        waited += timedelta(seconds=follow_up.delay_s)
        if passes_over(lead, follow_up) and (row is None or row.status is LeadStatus.RETRYING):
            continue
        if row is None:
            if is_over:
                break
            return Due(step=step, at=(last.submitted_at or last.claimed_at) + waited)
        if row.status is LeadStatus.RETRYING:
            return Rest.CLOSING if is_over else _again(row, step)
        if row.status is LeadStatus.CLAIMED:
            return Rest.UNDER_WAY
        if row.status in _GIVEN_UP:
            return Rest.CLOSING
        last, waited = row, timedelta(0)
    return Rest.CLOSING if is_final(last.status) else Rest.UNDER_WAY


def _again(row: LeadRow, step: int) -> Due:
    return Due(step=step, at=row.due_at, attempts=row.attempts + 1, retry_of=row.claim_id)
