"""Every state of a campaign against every action, for every role (K3, K4, K6, K9, K10)."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import CampaignStatus
from carillon.domain.campaign_offers import ROUTES, actions_open_to, menu, offer
from carillon.domain.campaign_states import (
    MENUS,
    PLATFORM_ACTIONS,
    REASONS,
    TABLE,
    TRANSITIONS,
    Action,
    Refusal,
    allowed_actions,
    refusal,
    require_allowed,
    state_after,
    states_allowing,
    tab_of,
)
from carillon.domain.errors import Conflict
from carillon.domain.permissions import Caller, Role
from tests.support.clock import NOON
from tests.support.management import OFFICE, OTHER_OFFICE, in_state
from tests.support.sending import a_campaign

# Rows: what may be done; columns: draft, scheduled, processing, active, paused, finished, archived.
# In capitals why not, by its first letters; "gone" leads to no state.
SPELLED = """
    view           draft      scheduled  processing active     paused     finished   archived
    edit           draft      scheduled  STILL      PAUSE      paused     FINISHED   ARCHIVED
    clone          draft      scheduled  processing active     paused     finished   archived
    schedule       scheduled  ALREADY    ALREADY    ALREADY    ALREADY    ALREADY    ARCHIVED
    edit_date      NOT        scheduled  ALREADY    ALREADY    ALREADY    ALREADY    ARCHIVED
    unschedule     NOT        draft      ALREADY    ALREADY    ALREADY    ALREADY    ARCHIVED
    launch         processing processing ALREADY    ALREADY    ALREADY    ALREADY    ARCHIVED
    delete         gone       gone       WAS        WAS        WAS        WAS        ARCHIVED
    approve        draft      scheduled  ALREADY    ALREADY    paused     FINISHED   ARCHIVED
    refuse         draft      scheduled  ALREADY    ALREADY    paused     FINISHED   ARCHIVED
    activate       NOT        NOT        active     NOT        NOT        FINISHED   ARCHIVED
    reject_launch  NOT        NOT        draft      NOT        NOT        FINISHED   ARCHIVED
    pause          NOT        NOT        STILL      paused     ALREADY    FINISHED   ARCHIVED
    resume         NOT        NOT        STILL      NOT        active     FINISHED   ARCHIVED
    end            NOT        NOT        STILL      finished   finished   FINISHED   ARCHIVED
    settle         NOT        NOT        STILL      finished   finished   FINISHED   ARCHIVED
    archive        archived   UNSCHEDULE archived   archived   archived   archived   ARCHIVED
"""
ROWS = {row.split()[0]: row.split()[1:] for row in SPELLED.strip().splitlines()}
CASES = [
    (Action(action), status, cell)
    for action, cells in ROWS.items()
    for status, cell in zip(CampaignStatus, cells, strict=True)
]
CALLERS = {
    "admin": Caller("usr_1", Role.ADMIN, frozenset()),
    **{
        role.value: Caller("usr_1", role, frozenset({OFFICE}))
        for role in Role
        if role is not Role.ADMIN
    },
    "foreign manager": Caller("usr_1", Role.MANAGER, frozenset({OTHER_OFFICE})),
}
# What each role may do where the state allows it (P2); nobody else may do anything.
MANAGED = {action for action in Action if action not in PLATFORM_ACTIONS}
MAY: dict[str, set[Action]] = {
    "admin": MANAGED,
    "manager": MANAGED,
    "analyst": {Action.VIEW},
    "agent": {Action.VIEW},
    "limited": set(),
    "foreign manager": set(),
}


def test_the_table_has_a_row_for_every_action_and_a_cell_for_every_state() -> None:
    assert sorted(ROWS) == sorted(Action) == sorted(TABLE)
    assert all(set(row) == set(CampaignStatus) for row in TABLE.values())
    assert set(REASONS) == set(Refusal)


@pytest.mark.parametrize(("action", "status", "cell"), CASES)
def test_an_action_leads_where_the_table_says_or_is_a_conflict_that_says_why(
    action: Action, status: CampaignStatus, cell: str
) -> None:
    """K3, K4: every state against every action; anything else names the allowed actions."""
    assert (status in states_allowing(action)) is not cell.isupper()
    if cell == "gone":
        require_allowed(status, action)
        assert status not in TRANSITIONS[action]
        return
    if not cell.isupper():
        assert state_after(status, action) == cell
        return
    with pytest.raises(Conflict) as caught:
        state_after(status, action)
    reason = refusal(status, action)
    assert reason is not None
    assert reason.startswith(cell.lower())
    assert caught.value.code == "campaign_state"
    assert caught.value.extra == {
        "state": status,
        "reason": reason,
        "allowed_actions": allowed_actions(status),
    }
    assert REASONS[reason] in caught.value.detail


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("status", CampaignStatus)
def test_every_user_is_offered_exactly_what_state_role_and_office_allow(
    status: CampaignStatus, who: str
) -> None:
    expected = [
        action
        for action, its_status, cell in CASES
        if its_status is status
        and action in MAY[who]
        and not cell.isupper()
        and action not in (Action.APPROVE, Action.REFUSE)
    ]

    assert actions_open_to(in_state(status), CALLERS[who]) == expected


@pytest.mark.parametrize("status", CampaignStatus)
def test_the_platforms_own_steps_are_offered_to_nobody(status: CampaignStatus) -> None:
    assert not PLATFORM_ACTIONS & set(allowed_actions(status))
    assert not PLATFORM_ACTIONS & set(ROUTES)


def test_the_menu_of_each_tab_is_the_specs() -> None:
    """K6: the actions of each tab, in its order."""
    assert MENUS == {
        "active": ("view", "clone", "archive", "pause", "resume", "end"),
        "scheduled": ("view", "edit_date", "unschedule", "delete"),
        "draft": ("edit", "clone", "launch", "archive"),
        "archived": ("view", "clone"),
    }


def test_a_menu_says_of_every_entry_whether_and_why_not() -> None:
    shown = menu(in_state(CampaignStatus.PAUSED), CALLERS["manager"])

    assert [(one.action.value, one.allowed, one.reason) for one in shown] == [
        ("view", True, None),
        ("clone", True, None),
        ("archive", True, None),
        ("pause", False, "already_paused"),
        ("resume", True, None),
        ("end", True, None),
    ]
    assert {one.reason for one in menu(in_state(CampaignStatus.PAUSED), CALLERS["analyst"])} == {
        None,
        "role",
    }


def test_a_launch_that_is_not_ready_is_greyed_out_with_what_is_missing() -> None:
    draft = a_campaign(status=CampaignStatus.DRAFT, body="", list_ids=())

    found = offer(draft, Action.LAUNCH, CALLERS["admin"])

    assert (found.allowed, found.reason) == (False, "not_ready")
    assert found.missing == ("body", "list_ids")


def test_a_limited_user_views_only_campaigns_that_they_are_an_agent_of() -> None:
    limited = CALLERS["limited"]
    active = CampaignStatus.ACTIVE

    assert actions_open_to(in_state(active, agents=("usr_1",)), limited) == [Action.VIEW]
    assert actions_open_to(in_state(active, agents=("usr_2",)), limited) == []
    foreign = in_state(active, agents=("usr_1",), office_id=OTHER_OFFICE)
    assert actions_open_to(foreign, limited) == []


@pytest.mark.parametrize(
    ("who", "asked_by", "action", "reason"),
    [
        ("manager", "usr_2", Action.APPROVE, None),
        ("admin", "usr_2", Action.REFUSE, None),
        ("manager", "usr_1", Action.APPROVE, "own_request"),
        ("agent", "usr_2", Action.APPROVE, "role"),
        ("manager", "usr_2", Action.LAUNCH, "awaits_approval"),
        ("admin", "usr_2", Action.LAUNCH, None),
    ],
)
def test_a_request_for_approval_is_somebody_elses_to_decide(
    who: str, asked_by: str, action: Action, reason: Any
) -> None:
    asked = Approval(state=ApprovalState.REQUESTED, requested_by=asked_by, requested_at=NOON)
    draft = in_state(CampaignStatus.DRAFT, approval=asked)

    assert offer(draft, action, CALLERS[who], needs_approval=True).reason == reason


def test_nothing_waits_for_an_approval_that_nobody_asked_for() -> None:
    draft = in_state(CampaignStatus.DRAFT)

    assert offer(draft, Action.APPROVE, CALLERS["admin"], needs_approval=True).reason == (
        "not_requested"
    )
    assert offer(draft, Action.LAUNCH, CALLERS["manager"], needs_approval=True).allowed


def test_an_approval_survives_storage() -> None:
    approval = Approval(
        state=ApprovalState.VOID,
        requested_by="usr_1",
        requested_at=NOON,
        decided_by="usr_2",
        decided_at=NOON + timedelta(hours=1),
        note="Fine.",
        voided_by="usr_1",
        voided_at=NOON + timedelta(hours=2),
    )

    assert Approval.of(approval.as_json()) == approval


def test_every_state_is_shown_in_one_tab() -> None:
    assert {status.value: tab_of(status) for status in CampaignStatus} == {
        "draft": "draft",
        "scheduled": "scheduled",
        "processing": "active",
        "active": "active",
        "paused": "active",
        "finished": "active",
        "archived": "archived",
    }


def test_a_launch_needs_a_body_senders_and_lists() -> None:
    empty = a_campaign(body=" \n", sender_ids=(), list_ids=())

    assert empty.missing_for_launch() == ["body", "sender_ids", "list_ids"]
    assert a_campaign(list_ids=(), segment_ids=("seg_1",)).missing_for_launch() == []
    assert a_campaign().missing_for_launch() == []
