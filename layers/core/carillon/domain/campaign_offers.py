"""What one user may do with a campaign: by its state, their role and office, and the rest (K6)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from carillon.domain.approval import ApprovalState
from carillon.domain.campaign import Campaign
from carillon.domain.campaign_states import MENUS, PLATFORM_ACTIONS, Action, refusal
from carillon.domain.permissions import PERMISSIONS, Access, Caller, Role, Route, Scope

_ONE = "/v1/campaigns/{campaign_id}"
# The route by which each action is asked for: its row of the permission table says who may.
ROUTES: Final[dict[Action, Route]] = {
    Action.VIEW: ("GET", _ONE),
    Action.EDIT: ("PATCH", _ONE),
    Action.CLONE: ("POST", f"{_ONE}/clone"),
    Action.SCHEDULE: ("POST", f"{_ONE}/schedule"),
    Action.EDIT_DATE: ("POST", f"{_ONE}/schedule"),
    Action.UNSCHEDULE: ("POST", f"{_ONE}/unschedule"),
    Action.LAUNCH: ("POST", f"{_ONE}/launch"),
    Action.DELETE: ("DELETE", _ONE),
    Action.APPROVE: ("POST", f"{_ONE}/approve"),
    Action.REFUSE: ("POST", f"{_ONE}/refuse"),
    Action.PAUSE: ("POST", f"{_ONE}/pause"),
    Action.RESUME: ("POST", f"{_ONE}/resume"),
    Action.END: ("POST", f"{_ONE}/end"),
    Action.ARCHIVE: ("POST", f"{_ONE}/archive"),
}
_STARTS: Final = frozenset({Action.LAUNCH, Action.SCHEDULE, Action.EDIT_DATE})
_DECISIONS: Final = frozenset({Action.APPROVE, Action.REFUSE})


@dataclass(frozen=True)
class Offer:
    """
    One entry of a menu: whether the user may choose it, else why not.

    ``reason`` is a ``Refusal`` of the state, or ``role``, ``not_ready`` (``missing`` names
    the fields), or what the approval says: ``awaits_approval``, ``not_requested``,
    ``own_request`` (K18).
    """

    action: Action
    allowed: bool
    reason: str | None = None
    missing: tuple[str, ...] = ()


def menu(campaign: Campaign, caller: Caller, *, needs_approval: bool = False) -> list[Offer]:
    """Return what the tab of *campaign* offers to *caller*, each entry open or refused (K6)."""
    return [
        offer(campaign, action, caller, needs_approval=needs_approval)
        for action in MENUS[campaign.tab]
    ]


def actions_open_to(
    campaign: Campaign, caller: Caller, *, needs_approval: bool = False
) -> list[Action]:
    """Return everything that *caller* may do with *campaign* now, in the order of the enum."""
    return [
        action
        for action in Action
        if action not in PLATFORM_ACTIONS
        and offer(campaign, action, caller, needs_approval=needs_approval).allowed
    ]


def offer(
    campaign: Campaign, action: Action, caller: Caller, *, needs_approval: bool = False
) -> Offer:
    """Return whether *caller* may take *action* now; *needs_approval*: by the policy (K18)."""
    if not _may(caller, action, campaign):
        return Offer(action, allowed=False, reason="role")
    refused = refusal(campaign.status, action)
    if refused is not None:
        return Offer(action, allowed=False, reason=refused)
    if action in _STARTS and campaign.missing_for_launch():
        missing = tuple(campaign.missing_for_launch())
        return Offer(action, allowed=False, reason="not_ready", missing=missing)
    reason = _approval_reason(campaign, action, caller, needs_approval=needs_approval)
    return Offer(action, allowed=reason is None, reason=reason)


def reaches(access: Access, office_id: str, agents: Collection[str]) -> bool:
    """Whether *access* covers a campaign of that office, worked on by those *agents* (P2)."""
    if access.caller.role is Role.LIMITED and access.caller.subject not in agents:
        return False
    return access.covers(office_id)


def _may(caller: Caller, action: Action, campaign: Campaign) -> bool:
    scope = PERMISSIONS[ROUTES[action]][caller.role]
    if scope is Scope.NONE:
        return False
    return reaches(Access(caller, scope), campaign.office_id, campaign.agents)


def _approval_reason(
    campaign: Campaign, action: Action, caller: Caller, *, needs_approval: bool
) -> str | None:
    waiting = campaign.approval
    if waiting is not None and waiting.state is not ApprovalState.REQUESTED:
        waiting = None
    if action in _DECISIONS:
        if waiting is None or not needs_approval:
            return "not_requested"
        return "own_request" if waiting.requested_by == caller.subject else None
    asks = needs_approval and caller.role is not Role.ADMIN
    if asks and waiting is not None and action in (Action.LAUNCH, Action.RESUME):
        return "awaits_approval"
    return None
