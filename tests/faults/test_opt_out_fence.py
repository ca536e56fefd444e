"""
A STOP that arrives at any step of a campaign is obeyed (F3, O2).

The bound on what can still be in flight: a provider call may start at most
``GATE_MAX_AGE_S`` after the opt-out's commit, and only when its gate was read
before the commit. With one worker that is at most one call.
"""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.lead import LeadStatus
from carillon.usecases.send_lead import GATE_MAX_AGE_S
from tests.faults.world import Crash, World


def taps_of_a_quiet_run() -> list[str]:
    world = World(leads=3)
    world.run()
    return world.taps


def stop_at(world: World, number: int, phone: str) -> dict[str, Any]:
    """Let *phone* text STOP at the *number*-th tap; return when its opt-out was committed."""
    noted: dict[str, Any] = {}
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            noted["committed_at"] = world.clock.now()
            noted["calls_before"] = len(world.carrier.ledger)
            world.take_in(world.reply(phone, "STOP"), tapped=False)

    world.tap = tap
    return noted


def test_no_call_starts_after_an_opt_out_whose_gate_had_not_been_read() -> None:
    """F3: the bound on what may still start is GATE_MAX_AGE_S, and it is reached."""
    taps = taps_of_a_quiet_run()
    late_calls = []

    for number in range(1, len(taps) + 1):
        for phone in ("+12025550100", "+12025550101", "+12025550102"):
            world = World(leads=3)
            noted = stop_at(world, number, phone)

            world.run()

            world.assert_never_twice_never_lost()
            committed_at = noted["committed_at"]
            late = [
                sending
                for sending in world.carrier.ledger
                if sending.recipient == phone
                and sending.text.startswith("Hi ")
                and sending.started_at >= committed_at
                and world.carrier.ledger.index(sending) >= noted["calls_before"]
            ]
            late_calls += [
                (taps[number - 1], sending.started_at - committed_at) for sending in late
            ]

    assert {where for where, _ in late_calls} <= {
        "after gate.look",
        "before provider.send",
    }
    assert all(delay <= timedelta(seconds=GATE_MAX_AGE_S) for _, delay in late_calls)
    # The window exists: the test would not see it otherwise.
    assert late_calls


@pytest.mark.parametrize("keyword", ["STOP", "unsubscribe", "Stop please"])
def test_a_stop_is_confirmed_once_and_counted_in_the_campaign_it_answers(
    keyword: str,
) -> None:
    """O2, O3: one confirmation, one count."""
    world = World(leads=2)
    phone = world.phones[0]
    world.at(10.0, lambda: world.inbound(0.0, world.reply(phone, keyword)))
    world.at(11.0, lambda: world.inbound(0.0, world.reply(phone, keyword)))
    world.at(20.0, lambda: world.inbound(0.0, world.reply(phone, "STOP", "SMin2")))

    world.run()

    confirmations = [s for s in world.carrier.ledger if s.text == "You are out."]
    assert [s.recipient for s in confirmations] == [phone]
    lead = next(i for i in world.messages.items.values() if i["phone"] == phone)
    assert lead["opt_out_kind"] == "auto"


def test_a_crash_in_a_stop_loses_neither_the_opt_out_nor_its_one_confirmation() -> None:
    rehearsal = World(leads=1)
    taps = taps_of_a_stop(rehearsal)

    for number in range(1, taps + 1):
        world = World(leads=1)
        crash_in_stop(world, number)

        world.run()

        phone = world.phones[0]
        standing = world.suppressions.of(phone)
        assert standing is not None, f"tap {number}"
        assert standing.opted_out
        confirmations = [s for s in world.carrier.ledger if s.text == "You are out."]
        assert len(confirmations) == 1, f"tap {number}"
        assert confirmations[0].started_at - standing.event_at <= timedelta(minutes=5)
        inbound = [i for i in world.messages.items.values() if i["kind"] == "inbound"]
        assert len(inbound) == 1


def taps_of_a_stop(world: World) -> int:
    counted = 0

    def tap(_: str) -> None:
        nonlocal counted
        counted += 1

    def begin() -> None:
        world.tap = tap
        world.inbound(0.0, world.reply(world.phones[0], "STOP"))

    world.at(30.0, begin)
    world.run()
    return counted


def crash_in_stop(world: World, number: int) -> None:
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Crash

    def begin() -> None:
        world.tap = tap
        world.inbound(0.0, world.reply(world.phones[0], "STOP"))

    world.at(30.0, begin)


def test_a_start_that_is_older_than_the_stop_does_not_opt_in_again() -> None:
    world = World(leads=1)
    phone = world.phones[0]
    older = world.reply(phone, "START", "SMstart")
    world.clock.sleep(5)
    newer = world.reply(phone, "STOP", "SMstop")

    world.take_in(newer, tapped=False)
    world.take_in(older, tapped=False)

    standing = world.suppressions.of(phone)
    assert standing is not None
    assert standing.cause == "SMstop"


def test_a_help_is_answered_once_and_changes_no_consent() -> None:
    world = World(leads=1)
    phone = world.phones[0]

    for _ in range(2):
        world.take_in(world.reply(phone, "HELP"), tapped=False)

    assert [s.text for s in world.carrier.ledger] == ["Call us."]
    assert world.suppressions.of(phone) is None


def test_a_reply_that_answers_no_campaign_is_kept_as_unsolicited() -> None:
    world = World(leads=1)

    world.take_in(world.reply("+12025550199", "who is this?"), tapped=False)

    (item,) = world.messages.items.values()
    assert item["pk"].startswith("unsolicited#snd_a#")


def test_a_gate_that_was_read_too_long_ago_is_read_again_before_the_call() -> None:
    world = World(leads=1)
    phone = world.phones[0]
    looked = 0

    def tap(where: str) -> None:
        nonlocal looked
        if where == "after gate.look":
            looked += 1
            if looked == 1:
                world.clock.sleep(GATE_MAX_AGE_S + 0.5)
                world.take_in(world.reply(phone, "STOP"), tapped=False)

    world.tap = tap

    world.run()

    assert world.initial_sends() == {}
    assert world.statuses() == {LeadStatus.SUPPRESSED: 1}


def test_a_worker_that_slept_past_its_claims_age_gives_the_claim_back() -> None:
    world = World(leads=1)
    slept: list[str] = []

    def tap(where: str) -> None:
        if where == "before gate.look" and not slept:
            slept.append(where)
            world.clock.sleep(30)

    world.tap = tap

    world.run()

    world.assert_never_twice_never_lost()
    assert world.campaign().status is CampaignStatus.FINISHED


def test_a_start_whose_webhook_is_repeated_after_a_stop_does_not_undo_the_stop() -> None:
    world = World(leads=1)
    phone = world.phones[0]
    world.take_in(world.reply(phone, "STOP", "SMstop0"), tapped=False)
    world.clock.sleep(5)
    world.take_in(world.reply(phone, "START", "SMstart"), tapped=False)
    world.clock.sleep(5)
    world.take_in(world.reply(phone, "STOP", "SMstop1"), tapped=False)
    world.clock.sleep(5)

    world.take_in(world.reply(phone, "START", "SMstart"), tapped=False)

    standing = world.suppressions.of(phone)
    assert standing is not None
    assert standing.opted_out
