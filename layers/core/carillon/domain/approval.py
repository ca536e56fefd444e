"""
A second pair of eyes on a launch (K18): who asked, who decided, and what voids it.

    (none) --launch by a manager--> requested --another manager or an admin--> approved | refused
    requested | approved | refused --any edit, of the text or of the date--> void
    requested | approved | refused --the date is missed, or was a series' last--> void
    refused | void --launch by a manager--> requested

An admin needs nobody's approval: a launch, a date or an edit of theirs carries it. Where the
organisation's policy asks for no approval, nothing here binds.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import Conflict, Forbidden


class ApprovalState(StrEnum):
    """How far an approval is."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    VOID = "void"


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Who asked for a launch and who decided on it; ``voided_by`` is who edited it after that."""

    state: ApprovalState
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str | None = None
    voided_by: str | None = None
    voided_at: datetime | None = None

    @property
    def holds(self) -> bool:
        """Whether the launch may go ahead."""
        return self.state is ApprovalState.APPROVED

    def as_json(self) -> dict[str, str | None]:
        """Return it with its times as text."""
        return {
            name: to_iso(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, stored: dict[str, str | None]) -> "Approval":
        """Return what ``as_json`` wrote."""
        times = {
            name: from_iso(text)
            for name, text in stored.items()
            if name.endswith("_at") and text is not None
        }
        return cls(**{**stored, **times, "state": ApprovalState(stored["state"] or "")})  # type: ignore[arg-type]


def requested(subject: str, now: datetime) -> Approval:
    """Return a request that waits for somebody else."""
    return Approval(state=ApprovalState.REQUESTED, requested_by=subject, requested_at=now)


def given_by_admin(waiting: Approval | None, subject: str, now: datetime) -> Approval:
    """Return the approval that an admin's own launch or edit carries, of what *waiting* asked."""
    asked = waiting or requested(subject, now)
    return replace(asked, state=ApprovalState.APPROVED, decided_by=subject, decided_at=now)


def decided(
    approval: Approval | None, subject: str, now: datetime, *, approves: bool, note: str | None
) -> Approval:
    """
    Return what *subject*'s decision makes of a request.

    Raises Conflict (``approval_not_requested``) when nobody waits for one, and Forbidden
    (``own_approval``) when it is their own request.
    """
    if approval is None or approval.state is not ApprovalState.REQUESTED:
        raise Conflict("Nobody has asked for an approval.", code="approval_not_requested")
    if subject == approval.requested_by:
        raise Forbidden("Somebody else must decide on your own request.", code="own_approval")
    state = ApprovalState.APPROVED if approves else ApprovalState.REFUSED
    return replace(approval, state=state, decided_by=subject, decided_at=now, note=note)


def voided(approval: Approval | None, subject: str, now: datetime) -> Approval | None:
    """Return what an edit by *subject* leaves of an approval."""
    if approval is None or approval.state is ApprovalState.VOID:
        return approval
    return replace(approval, state=ApprovalState.VOID, voided_by=subject, voided_at=now)
