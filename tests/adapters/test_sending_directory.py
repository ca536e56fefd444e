"""Senders, campaigns, runs, leases, watches and the gate; fake and real alike."""

from dataclasses import replace
from typing import Any

import pytest

from carillon.adapters.dynamodb.holds import DynamoHolds
from carillon.adapters.dynamodb.items import to_item
from carillon.domain.campaign import CampaignStatus, HoldReason
from carillon.domain.errors import NotFound
from carillon.domain.message import GateView
from carillon.domain.sender_choice import Candidate
from tests.support.conversations import a_conversation
from tests.support.messages import (
    LEAD,
    PHONE,
    a_claim,
    a_run,
    a_watch,
    after,
    an_event,
    submit,
)
from tests.support.sending import a_campaign, a_sender
from tests.support.stores import Stores, dynamo_stores

# Senders and campaigns ---------------------------------------------------------


def test_a_sender_is_read_as_it_was_kept(stores: Stores) -> None:
    sender = a_sender(mps=0.5)
    stores.keep_sender(sender)
    stores.keep_sender(a_sender("snd_b"))

    assert stores.control.sender("snd_a") == sender
    assert sorted(found.id for found in stores.control.senders()) == ["snd_a", "snd_b"]


def test_a_campaign_is_read_as_it_was_kept(stores: Stores) -> None:
    campaign = a_campaign(
        exclude_list_ids=("lst_b",),
        tags=("winter",),
        schedule_at=after(60),
        launched_at=after(61),
        hold_reason=HoldReason.ACCOUNT,
    )
    stores.keep_campaign(campaign)

    assert stores.control.campaign("cmp_a") == campaign


def test_what_is_not_there_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound, match="sender"):
        stores.control.sender("snd_a")
    with pytest.raises(NotFound, match="campaign"):
        stores.control.campaign("cmp_a")
    assert list(stores.control.senders()) == []


def test_the_end_of_submission_is_noted_once(stores: Stores) -> None:
    stores.control.note_all_submitted("cmp_none", after(1))
    stores.keep_campaign(a_campaign())

    stores.control.note_all_submitted("cmp_a", after(1))
    stores.control.note_all_submitted("cmp_a", after(2))

    assert stores.control.campaign("cmp_a") == a_campaign(submitted_all_at=after(1))


@pytest.mark.parametrize("status", CampaignStatus)
def test_a_campaign_settles_from_active_and_paused_only(
    stores: Stores, status: CampaignStatus
) -> None:
    before = a_campaign(status=status, hold_reason=HoldReason.ERROR_RATE, hold_until=after(60))
    stores.keep_campaign(before)

    settled = stores.control.settle_campaign("cmp_a", after(9))

    allowed = status in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)
    assert settled is allowed
    finished = replace(
        before,
        status=CampaignStatus.FINISHED,
        finished_at=after(9),
        updated_at=after(9),
        hold_reason=HoldReason.NONE,
        hold_until=None,
        version=before.version + 1,
    )
    assert stores.control.campaign("cmp_a") == (finished if allowed else before)


def test_a_campaign_that_is_not_there_cannot_settle_or_be_held(stores: Stores) -> None:
    stores.control.hold_campaign("cmp_none", HoldReason.ACCOUNT)

    assert not stores.control.settle_campaign("cmp_none", after(9))
    with pytest.raises(NotFound):
        stores.control.campaign("cmp_none")


def test_a_hold_is_noted_and_cleared(stores: Stores) -> None:
    stores.keep_campaign(a_campaign())

    stores.control.hold_campaign("cmp_a", HoldReason.ACCOUNT)
    held = stores.control.campaign("cmp_a").hold_reason
    stores.control.hold_campaign("cmp_a", HoldReason.NONE)

    assert held is HoldReason.ACCOUNT
    assert stores.control.campaign("cmp_a").hold_reason is HoldReason.NONE


# Runs --------------------------------------------------------------------------


def test_runs_are_those_of_one_sender(stores: Stores) -> None:
    mine = [a_run("cmp_a"), a_run("cmp_b", state="settled", next_part=4)]
    for run in [*mine, a_run("cmp_a", sender_id="snd_b")]:
        stores.keep_run(run)
    stores.keep_sender(a_sender())
    stores.control.acquire("snd_a", "me", after(15), after(0))

    assert sorted(stores.control.runs("snd_a"), key=lambda run: run.campaign_id) == mine
    assert stores.control.run("snd_a", "cmp_b") == mine[1]
    assert stores.control.run("snd_a", "cmp_none") is None


def test_of_two_pacers_that_advance_one_run_one_does(stores: Stores) -> None:
    run = a_run()
    stores.keep_run(run)

    assert stores.control.advance_run(run, 2)
    assert not stores.control.advance_run(run, 3)

    assert stores.control.run("snd_a", "cmp_a") == replace(run, next_part=2)


def test_a_run_is_done_when_all_its_parts_are_passed(stores: Stores) -> None:
    run = a_run(parts=2)
    stores.keep_run(run)

    assert not stores.control.finish_run(run, after(1))
    stores.control.advance_run(run, 2)
    assert not stores.control.finish_run(run, after(1))
    through = replace(run, next_part=2)
    assert stores.control.finish_run(through, after(1))
    assert not stores.control.finish_run(through, after(1))

    assert stores.control.run("snd_a", "cmp_a") == replace(through, state="done")


def test_a_run_that_was_sent_back_is_neither_advanced_nor_finished_by_the_old_pacer(
    stores: Stores,
) -> None:
    run = a_run(parts=4, next_part=4)
    stores.keep_run(run)

    stores.control.reopen_run("snd_a", "cmp_a", 1)

    assert not stores.control.finish_run(run, after(1))
    assert not stores.control.advance_run(run, 4)
    assert stores.control.run("snd_a", "cmp_a") == replace(run, next_part=1)


def test_a_done_or_settled_run_is_opened_again_from_the_part_that_needs_it(stores: Stores) -> None:
    """F1: where a walk stands is a hint, and can be put back."""
    for number, state in enumerate(("done", "settled")):
        run = a_run(f"cmp_{number}", next_part=4, state=state)
        stores.keep_run(run)

        stores.control.reopen_run("snd_a", run.campaign_id, 3)

        expected = replace(run, next_part=3, state="open")
        assert stores.control.run("snd_a", run.campaign_id) == expected


def test_reopening_never_moves_an_open_run_forward(stores: Stores) -> None:
    run = a_run(next_part=1)
    stores.keep_run(run)

    stores.control.reopen_run("snd_a", "cmp_a", 3)
    stores.control.reopen_run("snd_a", "cmp_none", 3)

    assert stores.control.run("snd_a", "cmp_a") == run
    assert stores.control.run("snd_a", "cmp_none") is None


def test_nothing_is_advanced_or_finished_where_there_is_no_open_run(stores: Stores) -> None:
    done = a_run("cmp_b", next_part=4, state="done")
    stores.keep_run(done)

    assert not stores.control.advance_run(a_run(), 1)
    assert not stores.control.finish_run(a_run(next_part=4), after(1))
    assert not stores.control.advance_run(done, 4)


def test_settling_marks_the_runs_of_all_senders_that_have_one(stores: Stores) -> None:
    campaign = a_campaign(sender_ids=("snd_a", "snd_b", "snd_c"))
    for sender_id in ("snd_a", "snd_b"):
        stores.keep_run(a_run(sender_id=sender_id, state="done"))
    other = a_run("cmp_b")
    stores.keep_run(other)

    stores.control.settle_runs(campaign, after(1))

    assert {
        sender_id: run.state if (run := stores.control.run(sender_id, "cmp_a")) else None
        for sender_id in campaign.sender_ids
    } == {"snd_a": "settled", "snd_b": "settled", "snd_c": None}
    assert stores.control.run("snd_a", "cmp_b") == other


# Leases ------------------------------------------------------------------------


def test_a_lease_is_refused_until_it_is_over(stores: Stores) -> None:
    first = stores.control.acquire("snd_a", "one", after(15), after(0))

    assert first is not None
    assert (first.owner, first.token, first.until) == ("one", 1, after(15))
    assert stores.control.acquire("snd_a", "two", after(29), after(14.999)) is None
    second = stores.control.acquire("snd_a", "two", after(30), after(15))
    assert second is not None
    assert second.token == 2
    assert stores.control.acquire("snd_b", "two", after(30), after(0)) is not None


def test_a_renewed_lease_holds_longer_under_the_same_token(stores: Stores) -> None:
    lease = stores.control.acquire("snd_a", "one", after(15), after(0))
    assert lease is not None

    renewed = stores.control.renew(lease, after(20))

    assert renewed == replace(lease, until=after(20))
    assert stores.control.acquire("snd_a", "two", after(35), after(19)) is None
    assert stores.control.acquire("snd_a", "two", after(35), after(20)) is not None


def test_a_revoked_lease_can_be_neither_renewed_nor_released(stores: Stores) -> None:
    revoked = stores.control.acquire("snd_a", "one", after(15), after(0))
    newer = stores.control.acquire("snd_a", "two", after(31), after(16))
    assert revoked is not None
    assert newer is not None

    assert stores.control.renew(revoked, after(60)) is None
    stores.control.release(revoked, 1.0, after(0))

    assert stores.control.acquire("snd_a", "three", after(45), after(30)) is None
    assert stores.control.renew(newer, after(40)) == replace(newer, until=after(40))


def test_a_released_lease_lets_the_next_in_at_once_with_a_newer_token(stores: Stores) -> None:
    tokens = []
    for _ in range(4):
        lease = stores.control.acquire("snd_a", "me", after(15), after(0))
        assert lease is not None
        tokens.append(lease.token)
        stores.control.release(lease, 1.0, after(0))
        stores.control.release(lease, 1.0, after(0))

    assert tokens == [1, 2, 3, 4]


# Watches -----------------------------------------------------------------------


def test_due_watches_come_oldest_first_and_the_others_wait(stores: Stores) -> None:
    late, early, tied, future = a_watch(1, 5), a_watch(2, 3), a_watch(0, 5, 2), a_watch(3, 5.001)
    for watch in (late, early, tied, future):
        stores.control.put(watch)
        stores.control.put(watch)

    assert stores.control.due("cmp_a", after(5)) == [early, tied, late]
    assert stores.control.due("cmp_a", after(2.999)) == []
    assert stores.control.due("cmp_b", after(5)) == []
    assert stores.control.next_due("cmp_a") == after(3)


def test_a_removed_watch_is_gone_and_the_next_one_leads(stores: Stores) -> None:
    first, second = a_watch(0, 1), a_watch(0, 2)
    stores.control.put(first)
    stores.control.put(second)

    stores.control.remove(first)
    stores.control.remove(first)

    assert stores.control.next_due("cmp_a") == after(2)
    stores.control.remove(second)
    assert stores.control.next_due("cmp_a") is None


def test_one_pass_takes_a_bounded_number_of_watches_the_oldest(stores: Stores) -> None:
    for part in range(60):
        stores.control.put(a_watch(part, 60 - part))

    due = stores.control.due("cmp_a", after(60))

    assert [watch.part for watch in due] == list(range(59, 9, -1))


# The gate ----------------------------------------------------------------------


def look(stores: Stores) -> GateView:
    return stores.gate.look(phone=PHONE, campaign_id="cmp_a", sender_id="snd_a")


def test_the_gate_sees_nothing_where_nothing_is(stores: Stores) -> None:
    assert look(stores) == GateView(
        opted_out=False, campaign_active=False, lease_token=0, campaign_version=0
    )


@pytest.mark.parametrize("status", CampaignStatus)
def test_the_gate_is_open_for_an_active_campaign_only(
    stores: Stores, status: CampaignStatus
) -> None:
    stores.keep_campaign(a_campaign(status=status))

    assert look(stores).campaign_active is (status is CampaignStatus.ACTIVE)


def test_the_gate_sees_an_opt_out_and_an_opt_in(stores: Stores) -> None:
    stores.suppressions.opt_out(an_event(True, 1, "SM1"))
    out = look(stores).opted_out
    stores.suppressions.opt_in(an_event(False, 2, "SM2"))

    assert (out, look(stores).opted_out) == (True, False)


def test_the_gate_sees_that_a_person_is_held_until_they_are_released(stores: Stores) -> None:
    stores.holds.hold(PHONE, "SM1", after(1))
    stores.holds.hold(PHONE, "SM2", after(2))
    held = look(stores).is_held
    stores.holds.release(PHONE, after(2))
    stores.holds.release(PHONE, after(2))

    assert (held, look(stores).is_held) == (True, False)


# What is decided about a held person -----------------------------------------------------


def test_a_released_message_that_is_delivered_again_holds_nobody(stores: Stores) -> None:
    stores.holds.hold(PHONE, "SM1", after(1))
    stores.holds.release(PHONE, after(9))

    stores.holds.hold(PHONE, "SM1", after(1))
    again = look(stores).is_held
    stores.holds.hold(PHONE, "SM2", after(2))

    assert (again, look(stores).is_held) == (False, True)


def test_a_release_does_not_cover_what_was_said_since(stores: Stores) -> None:
    stores.holds.hold(PHONE, "SM1", after(1))
    stores.holds.hold(PHONE, "SM2", after(20))

    stores.holds.release(PHONE, after(10))
    of_the_first = look(stores).is_held
    stores.holds.release(PHONE, after(20))

    assert (of_the_first, look(stores).is_held) == (True, False)


@pytest.mark.parametrize(
    ("said_at", "is_held"), [(9, False), (10, True), (11, True)], ids=["before", "at", "after"]
)
@pytest.mark.parametrize("order", ["as it was said", "the other way round"])
def test_who_asked_to_be_texted_is_held_for_what_they_said_since_alone(
    stores: Stores, said_at: int, is_held: bool, order: str
) -> None:
    if order == "as it was said":
        stores.holds.hold(PHONE, "SM1", after(said_at))
        stores.holds.clear(PHONE, after(10))
    else:
        stores.holds.clear(PHONE, after(10))
        stores.holds.hold(PHONE, "SM1", after(said_at))
    stores.holds.clear(PHONE, after(5))

    assert look(stores).is_held is is_held


@pytest.mark.parametrize("before", [None, "SM0"], ids=["the first", "a later one"])
def test_two_who_change_a_hold_at_one_moment_do_not_undo_each_other(before: str | None) -> None:
    with dynamo_stores() as real:
        if before is not None:
            real.holds.hold(PHONE, before, after(0))

        class Overtaken:
            """Another message comes in between the read and the write, once."""

            is_new = True

            def __getattr__(self, name: str) -> Any:
                return getattr(real.client, name)

            def put_item(self, **request: Any) -> Any:
                if self.is_new:
                    self.is_new = False
                    real.holds.hold(PHONE, "SM2", after(20))
                return real.client.put_item(**request)

        DynamoHolds(Overtaken(), "SuppressionsTable").hold(PHONE, "SM1", after(1))
        real.holds.release(PHONE, after(10))

        assert look(real).is_held


def test_a_hold_of_an_earlier_version_of_ours_stands_and_is_released() -> None:
    with dynamo_stores() as real:
        values = {"pk": f"{PHONE}#held", "held_at": after(1), "cause": "SM1"}
        real.client.put_item(TableName="SuppressionsTable", Item=to_item(values))
        before = look(real).is_held

        real.holds.release(PHONE, after(5))
        real.holds.hold(PHONE, "SM1", after(1))

        assert (before, look(real).is_held) == (True, False)


ASSISTANTS = a_conversation(operated_by="assistant", awaiting_since=after(1))


@pytest.mark.parametrize(
    ("changes", "is_assistants", "is_closed"),
    [
        ({}, True, False),
        ({"operated_by": "agent"}, False, False),
        ({"is_held": True}, False, False),
        ({"awaiting_since": None}, False, False),
        ({"closed": True}, False, True),
    ],
    ids=["its own", "a person's", "held", "answered", "closed"],
)
def test_the_gate_sees_whose_conversation_it_is(
    stores: Stores, changes: dict[str, Any], is_assistants: bool, is_closed: bool
) -> None:
    def seen() -> tuple[bool, bool]:
        view = stores.gate.look(
            phone=PHONE, campaign_id=None, sender_id="snd_a", conversation_id=ASSISTANTS.id
        )
        return view.is_assistants, view.is_closed

    assert seen() == (False, False)
    stores.keep_talk(replace(ASSISTANTS, **changes))

    assert seen() == (is_assistants, is_closed)


def test_the_gate_sees_the_newest_lease_even_when_it_is_over(stores: Stores) -> None:
    for _ in range(2):
        lease = stores.control.acquire("snd_a", "me", after(15), after(0))
        assert lease is not None
        stores.control.release(lease, 1.0, after(0))

    assert look(stores).lease_token == 2


def test_the_gate_sees_the_campaigns_version(stores: Stores) -> None:
    stores.keep_campaign(a_campaign(version=7))

    assert look(stores).campaign_version == 7


@pytest.mark.parametrize("kind", [None, "auto"])
def test_the_gate_sees_that_the_person_has_replied(stores: Stores, kind: str | None) -> None:
    submit(stores.messages, a_claim(), 1)
    before = stores.gate.look(phone=PHONE, campaign_id="cmp_a", sender_id="snd_a", lead=LEAD)

    stores.messages.note_reply(LEAD, after(60), opt_out_kind=kind)

    now = stores.gate.look(phone=PHONE, campaign_id="cmp_a", sender_id="snd_a", lead=LEAD)
    assert (before.has_replied, now.has_replied) == (False, True)
    assert not look(stores).has_replied


# Handing over, holding, suspending --------------------------------------------------


def test_the_next_pacer_alone_begins_with_the_tokens_that_the_last_one_left(
    stores: Stores,
) -> None:
    first = stores.control.acquire("snd_a", "one", after(15), after(0))
    assert first is not None
    assert first.tokens_left is None
    stores.control.release(first, 12.5, after(4))

    second = stores.control.acquire("snd_a", "two", after(20), after(6))
    assert second is not None
    assert (second.tokens_left, second.idle_s) == (12.5, 2.0)
    # It dies: whoever comes then knows nothing of what it used.
    third = stores.control.acquire("snd_a", "three", after(60), after(40))

    assert third is not None
    assert third.tokens_left is None


def test_campaigns_are_read_many_at_once(stores: Stores) -> None:
    names = [f"cmp_{number}" for number in range(130)]
    for name in names:
        stores.keep_campaign(a_campaign(name))

    found = stores.control.campaigns_by_id([*names, "cmp_none"])

    assert sorted(found) == sorted(names)
    assert stores.control.campaigns_by_id([]) == {}


def test_a_campaign_that_pauses_itself_says_why_and_only_if_it_is_as_it_was_seen(
    stores: Stores,
) -> None:
    campaign = a_campaign(version=3)
    stores.keep_campaign(campaign)
    seen = replace(campaign, version=2)

    assert not stores.control.pause_campaign(seen, HoldReason.ERROR_RATE, after(1))
    assert stores.control.pause_campaign(campaign, HoldReason.ERROR_RATE, after(2))
    assert not stores.control.pause_campaign(campaign, HoldReason.PILOT, after(3))

    stands = stores.control.campaign("cmp_a")
    assert (stands.status, stands.hold_reason, stands.version) == (
        CampaignStatus.PAUSED,
        HoldReason.ERROR_RATE,
        4,
    )


def test_a_hold_tells_until_when_and_leaves_a_paused_campaigns_reason_alone(
    stores: Stores,
) -> None:
    stores.keep_campaign(a_campaign())
    stores.control.hold_campaign("cmp_a", HoldReason.QUIET_HOURS, after(3600))
    held = stores.control.campaign("cmp_a")
    stores.control.hold_campaign("cmp_a", HoldReason.NONE)
    free = stores.control.campaign("cmp_a")
    stores.control.pause_campaign(free, HoldReason.PILOT, after(1))

    stores.control.hold_campaign("cmp_a", HoldReason.NONE)

    assert (held.hold_reason, held.hold_until) == (HoldReason.QUIET_HOURS, after(3600))
    assert (free.hold_reason, free.hold_until) == (HoldReason.NONE, None)
    assert stores.control.campaign("cmp_a").hold_reason is HoldReason.PILOT


def test_a_sender_is_suspended_once_with_its_problem(stores: Stores) -> None:
    stores.keep_sender(a_sender())

    assert stores.control.suspend_sender("snd_a", "20003", after(1))
    assert not stores.control.suspend_sender("snd_a", "30002", after(2))

    sender = stores.control.sender("snd_a")
    assert (sender.status, sender.problem, sender.suspended_at) == ("suspended", "20003", after(1))
    assert not sender.is_available(after(3))


def test_a_sender_rests_until_the_latest_time_that_it_was_told(stores: Stores) -> None:
    stores.keep_sender(a_sender())

    stores.control.rest_sender("snd_a", after(300))
    stores.control.rest_sender("snd_a", after(60))

    sender = stores.control.sender("snd_a")
    assert sender.resting_until == after(300)
    assert (sender.is_available(after(299)), sender.is_available(after(300))) == (False, True)


def test_a_run_that_others_have_taken_over_is_done_wherever_it_stands(stores: Stores) -> None:
    run = a_run(next_part=1)
    stores.keep_run(run)

    stores.control.retire_run(run, after(1))

    stands = stores.control.run("snd_a", "cmp_a")
    assert stands is not None
    assert (stands.state, stands.next_part) == ("done", 1)


def test_a_run_keeps_the_senders_as_they_stood_at_the_launch(stores: Stores) -> None:
    candidates = (Candidate("snd_a", "+12025550100", 10.0), Candidate("snd_b", "MG1", 0.5))

    stores.keep_run(a_run(candidates=candidates))

    stands = stores.control.run("snd_a", "cmp_a")
    assert stands is not None
    assert stands.candidates == candidates


def test_watches_tell_whether_some_lead_waits_for_its_first_message(stores: Stores) -> None:
    stores.control.put(a_watch(0, 5))
    stores.control.put(replace(a_watch(1, 7), unsent=True))
    waiting = stores.control.any_unsent("cmp_a")

    stores.control.remove(a_watch(1, 7))

    assert (waiting, stores.control.any_unsent("cmp_a")) == (True, False)


def test_of_many_looks_at_a_campaign_the_next_one_alone_is_planned(stores: Stores) -> None:
    control = stores.control
    assert control.plan_turn("cmp_a", after(30), after(0))

    assert not control.plan_turn("cmp_a", after(30), after(1))
    assert not control.plan_turn("cmp_a", after(40), after(1))
    assert control.plan_turn("cmp_a", after(10), after(1))
    turns = [control.is_turn("cmp_a", after(seconds)) for seconds in (30, 10)]
    assert turns == [False, True]
    assert control.plan_turn("cmp_a", after(40), after(10))
    assert control.plan_turn("cmp_b", after(40), after(10))
