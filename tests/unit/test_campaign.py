"""Every state of a campaign against every action (K3, K4)."""

import pytest

from carillon.domain.campaign import (
    Action,
    CampaignStatus,
    allowed_actions,
    state_after,
    states_allowing,
    tab_of,
)
from carillon.domain.errors import Conflict
from tests.support.sending import a_campaign

# Rows: what may be done; columns: draft, scheduled, processing, active, paused, finished, archived.
TABLE = """
    schedule       scheduled  scheduled  -         -         -         -         -
    unschedule     -          draft      -         -         -         -         -
    launch         processing processing -         -         -         -         -
    activate       -          -          active    -         -         -         -
    reject_launch  -          -          draft     -         -         -         -
    pause          -          -          -         paused    -         -         -
    resume         -          -          -         -         active    -         -
    end            -          -          -         finished  finished  -         -
    settle         -          -          -         finished  finished  -         -
    archive        archived   -          archived  archived  archived  archived  -
"""
ROWS = {row.split()[0]: row.split()[1:] for row in TABLE.strip().splitlines()}
CASES = [
    (action, status, after)
    for action, afters in ROWS.items()
    for status, after in zip(CampaignStatus, afters, strict=True)
]


def test_the_table_has_a_row_for_every_action() -> None:
    assert sorted(ROWS) == sorted(Action)


@pytest.mark.parametrize(("action", "status", "after"), CASES)
def test_an_action_leads_where_the_table_says_or_is_a_conflict(
    action: str, status: CampaignStatus, after: str
) -> None:
    assert (status in states_allowing(Action(action))) is (after != "-")
    if after != "-":
        assert state_after(status, Action(action)) == after
        return
    with pytest.raises(Conflict) as caught:
        state_after(status, Action(action))
    assert caught.value.code == "campaign_state"
    assert caught.value.extra == {"state": status, "allowed_actions": allowed_actions(status)}


@pytest.mark.parametrize("status", CampaignStatus)
def test_a_person_is_offered_what_is_possible_and_none_of_the_platforms_steps(
    status: CampaignStatus,
) -> None:
    offered = allowed_actions(status)

    possible = [action for action in Action if status in states_allowing(action)]
    platform = {Action.ACTIVATE, Action.REJECT_LAUNCH, Action.SETTLE}
    assert offered == [action for action in possible if action not in platform]


def test_an_archived_campaign_stays_so() -> None:
    assert allowed_actions(CampaignStatus.ARCHIVED) == []


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
