"""
A manager's launch needs another manager's or an admin's approval, where the policy says so (K18).

An approval never launches: it lets a launch through. It is for what was seen, so any edit voids
it, of the date as well. A campaign that is scheduled without one stays scheduled, and when it
is due it is held and says so (``start_due_campaigns``).
"""

from dataclasses import dataclass
from typing import Annotated

from carillon.domain.approval import (
    Approval,
    ApprovalState,
    decided,
    given_by_admin,
    requested,
    voided,
)
from carillon.domain.campaign import Campaign
from carillon.domain.campaign_states import CampaignStatus
from carillon.domain.commands import Command, Length
from carillon.domain.permissions import Caller, Role
from carillon.ports import Clock, Policies


@dataclass(frozen=True, kw_only=True)
class Decision(Command):
    """What the approver has to say about it."""

    note: Annotated[str, Length(0, 500)] | None = None


class LaunchApprovals:
    """What approval a campaign has after somebody launches, dates or edits it."""

    def __init__(self, policies: Policies, clock: Clock) -> None:
        self._policies = policies
        self._clock = clock

    def are_needed(self) -> bool:
        """Whether the organisation asks for approvals."""
        return self._policies.get().launch_approval

    def on_start(self, caller: Caller, campaign: Campaign) -> Approval | None:
        """Return what stands when *caller* launches or schedules: what stood, or a request."""
        if not self.are_needed():
            return campaign.approval
        return self._asked(caller, campaign.approval)

    def on_edit(self, caller: Caller, campaign: Campaign) -> Approval | None:
        """
        Return what an edit leaves: nothing of the approval that stood.

        Of a campaign that a launch is set for, or that is live, the edit asks for a new one.
        """
        void = voided(campaign.approval, caller.subject, self._clock.now())
        if campaign.status is CampaignStatus.DRAFT or not self.are_needed():
            return void
        return self._asked(caller, void)

    def on_unschedule(self, caller: Caller, campaign: Campaign) -> Approval | None:
        """Return what is left of an approval when its date is taken away."""
        return voided(campaign.approval, caller.subject, self._clock.now())

    def lets_start(self, approval: Approval | None) -> bool:
        """Whether a launch with *approval* goes ahead."""
        return not self.are_needed() or (approval is not None and approval.holds)

    def lets_go_on(self, approval: Approval | None) -> bool:
        """Whether a paused campaign goes on: it needs a new approval only after an edit."""
        return approval is None or self.lets_start(approval)

    def decide(
        self, caller: Caller, campaign: Campaign, decision: Decision, *, approves: bool
    ) -> Approval:
        """Return the request as *caller* decides it; see ``approval.decided``."""
        now = self._clock.now()
        return decided(
            campaign.approval, caller.subject, now, approves=approves, note=decision.note
        )

    def _asked(self, caller: Caller, standing: Approval | None) -> Approval:
        now = self._clock.now()
        if standing is not None and standing.holds:
            return standing
        waits = standing is not None and standing.state is ApprovalState.REQUESTED
        # A key decides on nothing: its own launches stand for themselves, others' wait for people.
        if caller.role is Role.ADMIN and (caller.key is None or not waits):
            return given_by_admin(standing if waits else None, caller.subject, now)
        if standing is not None and waits:
            return standing
        return requested(caller.subject, now)
