"""
The states of a campaign and what may be done in each: one table (K3, K4, K6, K9, K10).

A cell says where an action leads from a state, or why it is refused there. The table below is
the only place that knows this; everything else asks it. *Who* may do it is the permission
table's to say (``domain.permissions``), and what else it depends on (readiness, approval,
people who wait for an answer) the use cases'.
"""

from enum import StrEnum
from typing import Final

from carillon.domain.errors import Conflict


class CampaignStatus(StrEnum):
    """The unified state of a campaign (K3)."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    ARCHIVED = "archived"


class Action(StrEnum):
    """What a person, the clock or the platform may do with a campaign."""

    VIEW = "view"
    EDIT = "edit"
    CLONE = "clone"
    SCHEDULE = "schedule"
    EDIT_DATE = "edit_date"
    UNSCHEDULE = "unschedule"
    LAUNCH = "launch"
    DELETE = "delete"
    APPROVE = "approve"
    REFUSE = "refuse"
    ACTIVATE = "activate"
    REJECT_LAUNCH = "reject_launch"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    SETTLE = "settle"
    ARCHIVE = "archive"


class Refusal(StrEnum):
    """Why a state refuses an action: stable, part of the API; ``REASONS`` has the words."""

    NOT_SCHEDULED = "not_scheduled"
    ALREADY_SCHEDULED = "already_scheduled"
    UNSCHEDULE_FIRST = "unschedule_first"
    NOT_LAUNCHED = "not_launched"
    ALREADY_LAUNCHED = "already_launched"
    STILL_PROCESSING = "still_processing"
    NOT_PROCESSING = "not_processing"
    PAUSE_FIRST = "pause_first"
    ALREADY_PAUSED = "already_paused"
    NOT_PAUSED = "not_paused"
    WAS_LAUNCHED = "was_launched"
    FINISHED = "finished"
    ARCHIVED = "archived"


_R = Refusal
REASONS: Final[dict[Refusal, str]] = {
    _R.NOT_SCHEDULED: "It is not scheduled.",
    _R.ALREADY_SCHEDULED: "It is scheduled already; edit its date.",
    _R.UNSCHEDULE_FIRST: "It is scheduled; unschedule it first, or delete it.",
    _R.NOT_LAUNCHED: "It has not been launched.",
    _R.ALREADY_LAUNCHED: "It has been launched already.",
    _R.STILL_PROCESSING: "Its audience is being frozen; wait until it is active.",
    _R.NOT_PROCESSING: "It is not being processed.",
    _R.PAUSE_FIRST: "It is live; pause it first.",
    _R.ALREADY_PAUSED: "It is paused already.",
    _R.NOT_PAUSED: "It is not paused.",
    _R.WAS_LAUNCHED: "It has been launched, so it is kept, even without interactions; archive it.",
    _R.FINISHED: "It is finished.",
    _R.ARCHIVED: "It is archived, for good.",
}

# Where an action leads; None: the campaign is gone.
Cell = CampaignStatus | Refusal | None

_S = CampaignStatus
_ALL = tuple(CampaignStatus)


def _row(*cells: Cell) -> dict[CampaignStatus, Cell]:
    return dict(zip(CampaignStatus, cells, strict=True))


# fmt: off
TABLE: Final[dict[Action, dict[CampaignStatus, Cell]]] = {
    Action.VIEW: _row(*_ALL),
    Action.EDIT: _row(
        _S.DRAFT, _S.SCHEDULED, _R.STILL_PROCESSING, _R.PAUSE_FIRST, _S.PAUSED, _R.FINISHED,
        _R.ARCHIVED,
    ),
    Action.CLONE: _row(*_ALL),
    Action.SCHEDULE: _row(
        _S.SCHEDULED, _R.ALREADY_SCHEDULED, _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED,
        _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED, _R.ARCHIVED,
    ),
    Action.EDIT_DATE: _row(
        _R.NOT_SCHEDULED, _S.SCHEDULED, _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED,
        _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED, _R.ARCHIVED,
    ),
    Action.UNSCHEDULE: _row(
        _R.NOT_SCHEDULED, _S.DRAFT, _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED,
        _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED, _R.ARCHIVED,
    ),
    Action.LAUNCH: _row(
        _S.PROCESSING, _S.PROCESSING, _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED,
        _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED, _R.ARCHIVED,
    ),
    Action.DELETE: _row(
        None, None, _R.WAS_LAUNCHED, _R.WAS_LAUNCHED, _R.WAS_LAUNCHED, _R.WAS_LAUNCHED,
        _R.ARCHIVED,
    ),
    Action.APPROVE: _row(
        _S.DRAFT, _S.SCHEDULED, _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED, _S.PAUSED, _R.FINISHED,
        _R.ARCHIVED,
    ),
    Action.REFUSE: _row(
        _S.DRAFT, _S.SCHEDULED, _R.ALREADY_LAUNCHED, _R.ALREADY_LAUNCHED, _S.PAUSED, _R.FINISHED,
        _R.ARCHIVED,
    ),
    Action.ACTIVATE: _row(
        _R.NOT_PROCESSING, _R.NOT_PROCESSING, _S.ACTIVE, _R.NOT_PROCESSING, _R.NOT_PROCESSING,
        _R.FINISHED, _R.ARCHIVED,
    ),
    Action.REJECT_LAUNCH: _row(
        _R.NOT_PROCESSING, _R.NOT_PROCESSING, _S.DRAFT, _R.NOT_PROCESSING, _R.NOT_PROCESSING,
        _R.FINISHED, _R.ARCHIVED,
    ),
    Action.PAUSE: _row(
        _R.NOT_LAUNCHED, _R.NOT_LAUNCHED, _R.STILL_PROCESSING, _S.PAUSED, _R.ALREADY_PAUSED,
        _R.FINISHED, _R.ARCHIVED,
    ),
    Action.RESUME: _row(
        _R.NOT_LAUNCHED, _R.NOT_LAUNCHED, _R.STILL_PROCESSING, _R.NOT_PAUSED, _S.ACTIVE,
        _R.FINISHED, _R.ARCHIVED,
    ),
    Action.END: _row(
        _R.NOT_LAUNCHED, _R.NOT_LAUNCHED, _R.STILL_PROCESSING, _S.FINISHED, _S.FINISHED,
        _R.FINISHED, _R.ARCHIVED,
    ),
    Action.SETTLE: _row(
        _R.NOT_LAUNCHED, _R.NOT_LAUNCHED, _R.STILL_PROCESSING, _S.FINISHED, _S.FINISHED,
        _R.FINISHED, _R.ARCHIVED,
    ),
    Action.ARCHIVE: _row(
        _S.ARCHIVED, _R.UNSCHEDULE_FIRST, _S.ARCHIVED, _S.ARCHIVED, _S.ARCHIVED, _S.ARCHIVED,
        _R.ARCHIVED,
    ),
}
# fmt: on

# The transitions alone (K4), for whoever writes them: action -> before -> after.
TRANSITIONS: Final[dict[Action, dict[CampaignStatus, CampaignStatus]]] = {
    action: {before: after for before, after in row.items() if isinstance(after, CampaignStatus)}
    for action, row in TABLE.items()
}

# The platform's own steps are never offered to a person.
PLATFORM_ACTIONS: Final = frozenset({Action.ACTIVATE, Action.REJECT_LAUNCH, Action.SETTLE})

# What each tab offers, in the order in which it shows it (K6).
MENUS: Final[dict[str, tuple[Action, ...]]] = {
    "active": (
        Action.VIEW,
        Action.CLONE,
        Action.ARCHIVE,
        Action.PAUSE,
        Action.RESUME,
        Action.END,
    ),
    "scheduled": (Action.VIEW, Action.EDIT_DATE, Action.UNSCHEDULE, Action.DELETE),
    "draft": (Action.EDIT, Action.CLONE, Action.LAUNCH, Action.ARCHIVE),
    "archived": (Action.VIEW, Action.CLONE),
}
TABS: Final = tuple(MENUS)
_TABS = {_S.DRAFT: "draft", _S.SCHEDULED: "scheduled", _S.ARCHIVED: "archived"}


def states_allowing(action: Action) -> frozenset[CampaignStatus]:
    """Return the states from which *action* may be taken."""
    return frozenset(
        status for status, cell in TABLE[action].items() if not isinstance(cell, Refusal)
    )


def refusal(status: CampaignStatus, action: Action) -> Refusal | None:
    """Return why *status* refuses *action*, or None where it does not."""
    cell = TABLE[action][status]
    return cell if isinstance(cell, Refusal) else None


def allowed_actions(status: CampaignStatus) -> list[Action]:
    """Return what people may do to a campaign in *status*, in the order of the enum."""
    return [
        action
        for action in Action
        if action not in PLATFORM_ACTIONS and refusal(status, action) is None
    ]


def require_allowed(status: CampaignStatus, action: Action) -> None:
    """Raise Conflict (``campaign_state``) naming state, reason and allowed actions if refused."""
    reason = refusal(status, action)
    if reason is not None:
        raise Conflict(
            f"A campaign that is {status} cannot {_VERBS[action]}. {REASONS[reason]}",
            code="campaign_state",
            extra={
                "state": status,
                "reason": reason,
                "allowed_actions": allowed_actions(status),
            },
        )


_VERBS = {
    Action.VIEW: "be viewed",
    Action.EDIT: "be edited",
    Action.CLONE: "be cloned",
    Action.SCHEDULE: "be scheduled",
    Action.EDIT_DATE: "get another date",
    Action.UNSCHEDULE: "be unscheduled",
    Action.LAUNCH: "be launched",
    Action.DELETE: "be deleted",
    Action.APPROVE: "be approved",
    Action.REFUSE: "be refused approval",
    Action.ACTIVATE: "become active",
    Action.REJECT_LAUNCH: "be sent back to draft",
    Action.PAUSE: "be paused",
    Action.RESUME: "be resumed",
    Action.END: "be ended",
    Action.SETTLE: "be settled",
    Action.ARCHIVE: "be archived",
}


def state_after(status: CampaignStatus, action: Action) -> CampaignStatus:
    """
    Return the state that *action* leads to.

    Raises Conflict (``campaign_state``), naming the state, the reason and the allowed
    actions, when it is refused. Not for ``delete``, which leads to none.
    """
    require_allowed(status, action)
    return TRANSITIONS[action][status]


def tab_of(status: CampaignStatus) -> str:
    """Return the tab (active, scheduled, draft, archived) that shows *status* (K5)."""
    return _TABS.get(status, "active")
