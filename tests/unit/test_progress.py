"""What comes next for a lead, from its rows alone (F1, M3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.content import FollowUp, StepCondition
from carillon.domain.lead import LeadStatus
from carillon.domain.message import LeadRow, step_key
from carillon.domain.progress import Due, Rest, next_of, reached_by_step
from tests.support.messages import KEY, PHONE, after

HOUR = FollowUp(3600, StepCondition.NO_REPLY, "Second")
DAY = FollowUp(86_400, StepCondition.ALWAYS, "Third")


def a_row(step: int = 0, **changes: Any) -> LeadRow:
    defaults: dict[str, Any] = {
        "key": step_key(KEY, step),
        "phone": PHONE,
        "sender_id": "snd_a",
        "status": LeadStatus.DELIVERED,
        "claim_id": f"claim-{step}",
        "claimed_at": after(0),
        "submitted_at": after(1),
        "attempts": 1,
        "segments": 1,
        "steps_left": 0 if step else 2,
    }
    return LeadRow(**{**defaults, **changes})


DELIVERED = a_row()


def next_for(*rows: LeadRow) -> Due | Rest:
    return next_of(KEY, {row.key: row for row in rows}, (HOUR, DAY))


def test_a_lead_without_a_row_gets_its_initial_at_once() -> None:
    assert next_for() == Due()


def test_a_message_that_waits_for_another_try_is_tried_under_its_own_claim() -> None:
    row = a_row(status=LeadStatus.RETRYING, due_at=after(9), attempts=2)

    assert next_for(row) == Due(step=0, at=after(9), attempts=3, retry_of="claim-0")


@pytest.mark.parametrize(
    ("status", "rest"),
    [
        (LeadStatus.CLAIMED, Rest.UNDER_WAY),
        (LeadStatus.SUBMITTED, Rest.UNDER_WAY),
        (LeadStatus.DELIVERED, Rest.DONE),
        (LeadStatus.UNCONFIRMED, Rest.DONE),
        (LeadStatus.FAILED, Rest.DONE),
        (LeadStatus.SUPPRESSED, Rest.DONE),
    ],
)
def test_without_follow_ups_a_lead_is_done_when_its_initial_is(
    status: LeadStatus, rest: Rest
) -> None:
    assert next_for(a_row(status=status, steps_left=0)) is rest


@pytest.mark.parametrize(
    "status", [LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.UNCONFIRMED]
)
def test_the_next_follow_up_is_due_its_delay_after_the_last_was_accepted(
    status: LeadStatus,
) -> None:
    first = a_row(status=status)

    assert next_for(first) == Due(step=1, at=after(1) + timedelta(hours=1))
    second = a_row(1, submitted_at=after(4000))
    assert next_for(first, second) == Due(step=2, at=after(4000) + timedelta(days=1))


@pytest.mark.parametrize(
    "lead", [replace(DELIVERED, replied_at=after(60)), replace(DELIVERED, opted_out_at=after(60))]
)
def test_a_reaction_ends_what_is_left(lead: LeadRow) -> None:
    assert next_for(lead) is Rest.CLOSING
    waiting = a_row(1, status=LeadStatus.RETRYING, due_at=after(9))
    assert next_for(lead, waiting) is Rest.CLOSING


NO_CLICK = FollowUp(3600, StepCondition.NO_CLICK, "Have a look")


def next_after_no_click(*rows: LeadRow) -> Due | Rest:
    return next_of(KEY, {row.key: row for row in rows}, (NO_CLICK, DAY))


def test_who_has_not_clicked_gets_the_follow_up_for_those() -> None:
    assert next_after_no_click(a_row()) == Due(step=1, at=after(1) + timedelta(hours=1))


def test_who_has_clicked_is_passed_over_and_gets_the_next_one_no_sooner_than_others() -> None:
    """M3: a click passes over the one follow-up that waits for none."""
    clicked = a_row(clicked_at=after(60))

    assert next_after_no_click(clicked) == Due(step=2, at=after(1) + timedelta(hours=25))


def test_a_click_stops_a_follow_up_that_waits_for_another_try() -> None:
    waiting = a_row(1, status=LeadStatus.RETRYING, due_at=after(9))

    assert next_after_no_click(a_row(clicked_at=after(5)), waiting) == Due(
        step=2, at=after(1) + timedelta(hours=25)
    )


def test_a_click_after_the_follow_up_changes_nothing_for_the_next_one() -> None:
    sent = a_row(1, submitted_at=after(4000))

    assert next_after_no_click(a_row(clicked_at=after(5000)), sent) == Due(
        step=2, at=after(4000) + timedelta(days=1)
    )


def test_when_nothing_is_left_but_what_is_passed_over_the_lead_closes() -> None:
    rows = {KEY: a_row(clicked_at=after(60), steps_left=1)}

    assert next_of(KEY, rows, (NO_CLICK,)) is Rest.CLOSING


def test_a_reply_ends_also_what_a_click_would_only_pass_over() -> None:
    assert next_after_no_click(a_row(clicked_at=after(5), replied_at=after(6))) is Rest.CLOSING


@pytest.mark.parametrize("status", [LeadStatus.FAILED, LeadStatus.SUPPRESSED])
def test_nothing_follows_a_message_that_did_not_go(status: LeadStatus) -> None:
    assert next_for(a_row(status=status)) is Rest.CLOSING
    assert next_for(a_row(), a_row(1, status=status)) is Rest.CLOSING


def test_a_follow_up_that_is_under_way_is_waited_for() -> None:
    assert next_for(a_row(), a_row(1, status=LeadStatus.CLAIMED)) is Rest.UNDER_WAY
    last = a_row(2, status=LeadStatus.SUBMITTED)
    assert next_for(a_row(), a_row(1), last) is Rest.UNDER_WAY


def test_a_follow_up_may_be_tried_again_too() -> None:
    waiting = a_row(1, status=LeadStatus.RETRYING, due_at=after(9))

    assert next_for(a_row(), waiting) == Due(step=1, at=after(9), attempts=2, retry_of="claim-1")


def test_after_the_last_follow_up_the_lead_closes() -> None:
    assert next_for(a_row(), a_row(1), a_row(2)) is Rest.CLOSING


def test_a_lead_whose_follow_ups_are_closed_is_done() -> None:
    assert next_for(a_row(steps_left=0), a_row(1)) is Rest.DONE


@pytest.mark.parametrize(
    ("initial", "follow_up", "reached"),
    [
        (LeadStatus.DELIVERED, LeadStatus.DELIVERED, False),
        (LeadStatus.UNCONFIRMED, LeadStatus.DELIVERED, True),
        (LeadStatus.UNCONFIRMED, LeadStatus.FAILED, False),
    ],
)
def test_a_person_whom_only_a_follow_up_reached_is_told_apart(
    initial: LeadStatus, follow_up: LeadStatus, reached: bool
) -> None:
    rows = {KEY: a_row(status=initial), step_key(KEY, 1): a_row(1, status=follow_up)}

    assert reached_by_step(KEY, rows, 2) is reached
