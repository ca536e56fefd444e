"""
Answers of agents and the assistant go through the campaign's own gate and claim (V5, F2, F3).

Whatever dies, an answer leaves exactly once; after a STOP it does not leave; it needs no
campaign that sends; and it goes before the campaign's own messages.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.clock import to_iso
from carillon.domain.content import FollowUp, StepCondition
from carillon.domain.conversation import (
    AGENT,
    ASSISTANT,
    Conversation,
    after_human_reply,
    left_the_queue,
    operated,
)
from carillon.domain.lead import LeadStatus
from carillon.domain.message import RowRef
from carillon.usecases.keep_conversation import change_conversation
from tests.faults.world import Crash, World
from tests.support.clock import NOON
from tests.support.conversations import FakeBook, a_conversation
from tests.support.messages import a_run
from tests.support.outbox import a_reply
from tests.support.sending import a_campaign, a_sender


def a_world(leads: int = 1) -> World:
    world = World(leads=leads, parts=1)
    world.at(5.0, lambda: world.answer(a_reply("r1", phone=world.phones[0])))
    return world


def answers(world: World) -> list[str]:
    return [sent.text for sent in world.carrier.ledger if sent.text.startswith("Answer")]


def row_of_answer(world: World, reply_id: str = "r1") -> dict[str, Any]:
    return world.messages.items[a_reply(reply_id, phone=world.phones[0]).ref]


def keep_assistants(world: World) -> FakeBook:
    """Keep the conversation of every answer: the assistant has it, and somebody waits."""
    world.book.standing["cnv_1"] = a_conversation(
        id="cnv_1", operated_by=ASSISTANT, awaiting_since=world.clock.now(), version=1
    )
    return world.book


def an_assistants_answer() -> World:
    world = World(leads=1, parts=1)
    keep_assistants(world)
    reply = a_reply("r1", phone=world.phones[0], author="assistant")
    world.at(5.0, lambda: world.answer(reply))
    return world


def taken_over(one: Conversation) -> Conversation:
    return operated(one, AGENT, NOON)


def answered(one: Conversation) -> Conversation:
    return after_human_reply(one, a_reply("r9", author="agent"))


def leave_the_queue(world: World) -> None:
    change_conversation("cnv_1", lambda one: left_the_queue(one, NOON), world.book)


def open_the_day(world: World) -> None:
    world.directory.sender_by_id["snd_a"] = a_sender()
    world.wake("snd_a")


def status_of_answer(world: World, reply_id: str = "r1") -> str:
    item = world.messages.items[a_reply(reply_id, phone=world.phones[0]).ref]
    return str(item["status"])


def at_tap(world: World, number: int, act: Callable[[], object]) -> None:
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    world.tap = tap


def test_an_answer_leaves_once_and_its_receipt_takes_it_out_of_the_outbox() -> None:
    world = a_world()

    world.run()

    assert answers(world) == ["Answer r1"]
    assert status_of_answer(world) == LeadStatus.DELIVERED
    assert world.outbox.entries == {}


def test_a_crash_at_any_point_neither_repeats_nor_loses_an_answer() -> None:
    quiet = a_world()
    quiet.run()

    def die() -> None:
        raise Crash

    for number in range(1, len(quiet.taps) + 1):
        world = a_world()
        at_tap(world, number, die)

        world.run()

        where = quiet.taps[number - 1]
        assert answers(world) == ["Answer r1"], where
        assert status_of_answer(world) == LeadStatus.DELIVERED, where
        assert world.outbox.entries == {}, where
        world.assert_never_twice_never_lost()


def test_a_stop_at_any_point_is_obeyed_unless_the_gate_had_been_passed() -> None:
    quiet = a_world()
    quiet.run()

    for number in range(1, len(quiet.taps) + 1):
        world = a_world()

        def stop(world: World = world) -> None:
            world.take_in(world.reply(world.phones[0], "STOP"), tapped=False)

        at_tap(world, number, stop)

        world.run()

        standing = world.suppressions.of(world.phones[0])
        out_at = standing.committed_at if standing else None
        sent_after = [
            sent.text
            for sent in world.carrier.ledger
            if sent.text.startswith(("Answer", "Hi ")) and out_at and sent.started_at > out_at
        ]
        where = quiet.taps[number - 1]
        allowed = 1 if where in ("after gate.look", "before provider.send") else 0
        assert len(sent_after) <= allowed, where
        assert len(answers(world)) <= 1, where


def test_somebody_who_has_opted_out_gets_no_answer() -> None:
    world = a_world()
    world.at(4.0, lambda: world.take_in(world.reply(world.phones[0], "STOP"), tapped=False))

    world.run()

    assert answers(world) == []
    assert status_of_answer(world) == LeadStatus.SUPPRESSED
    assert world.outbox.entries == {}


def test_an_answer_needs_no_campaign_that_sends() -> None:
    for status in (CampaignStatus.PAUSED, CampaignStatus.FINISHED, CampaignStatus.ARCHIVED):
        world = a_world()
        world.at(4.0, lambda world=world, status=status: world.set_status(status))  # type: ignore[misc]

        world.run(until_s=3600.0)

        assert answers(world) == ["Answer r1"], status


def test_an_answer_goes_before_the_campaigns_messages() -> None:
    world = World(leads=12, parts=1)
    world.directory.sender_by_id["snd_a"] = a_sender(mps=1.0)
    # While its pacer is at the campaign's first message.
    at_tap(world, 20, lambda: world.outbox.put(a_reply("r1", phone=world.phones[0])))

    world.run()

    texts = [sent.text for sent in world.carrier.ledger]
    # It is seen within two seconds, and the sender gives one message a second.
    assert texts.index("Answer r1") <= 4
    world.assert_never_twice_never_lost()


def test_an_answer_without_an_open_campaign_is_found_by_the_minutes_net() -> None:
    world = a_world()
    world.run()
    # Put in, but the message that wakes the sender was lost.
    world.outbox.put(a_reply("r2", phone=world.phones[0]))

    world.run(until_s=world.clock.monotonic() + 3600.0)

    assert answers(world) == ["Answer r1", "Answer r2"]


def test_an_answer_whose_receipt_never_comes_is_asked_for() -> None:
    world = a_world()
    world.carrier.emit = lambda *_: None

    world.run()

    assert status_of_answer(world) == LeadStatus.DELIVERED


@pytest.mark.parametrize(
    "mood", ["throttled", "unavailable", "hang", "drop_reply", "early_receipt", "accept"]
)
def test_whatever_the_provider_does_an_answer_arrives_once(mood: str) -> None:
    world = a_world()
    # The campaign's own message is the first call, the answer's first try the second.
    world.carrier.behave = lambda number: mood if number == 2 else "accept"

    world.run()

    assert answers(world) == ["Answer r1"]
    assert status_of_answer(world) == LeadStatus.DELIVERED
    assert world.outbox.entries == {}


def test_an_answer_that_is_refused_has_failed_and_is_not_tried_again() -> None:
    world = a_world()
    world.carrier.behave = lambda number: "rejected" if number == 2 else "accept"

    world.run()

    assert answers(world) == []
    assert status_of_answer(world) == LeadStatus.FAILED
    assert world.outbox.entries == {}


def test_an_answer_without_room_in_its_senders_day_fails_and_does_not_go_at_midnight() -> None:
    world = a_world()
    world.directory.sender_by_id["snd_a"] = a_sender(daily_limit=1)

    world.run(until_s=48 * 3600.0)

    assert [sent.text for sent in world.carrier.ledger] == ["Hi Ada"]
    item = world.messages.items[a_reply("r1", phone=world.phones[0]).ref]
    assert (item["status"], item["error_code"]) == (LeadStatus.FAILED, "answer_too_late")
    assert world.outbox.entries == {}


def test_an_answer_of_the_assistants_does_not_reach_somebody_who_is_held_meanwhile() -> None:
    for author, arrives in (("assistant", []), ("agent", ["Answer r1"])):
        world = World(leads=1, parts=1)
        (phone,) = world.phones
        world.at(5.0, lambda w=world, p=phone: w.holds.hold(p, "SMin1", w.clock.now()))  # type: ignore[misc]
        reply = a_reply("r1", phone=phone, author=author)
        world.at(6.0, lambda w=world, r=reply: w.answer(r))  # type: ignore[misc]

        world.run()

        assert answers(world) == arrives
        assert world.outbox.entries == {}


# Whose conversation it is by now ----------------------------------------------------------


def test_an_answer_of_the_assistants_does_not_go_once_a_person_has_the_conversation() -> None:
    quiet = an_assistants_answer()
    quiet.run()
    assert answers(quiet) == ["Answer r1"]

    for number in range(1, len(quiet.taps) + 1):
        for take_over in (taken_over, answered):
            world = an_assistants_answer()
            took_over_at: list[datetime] = []

            def act(
                world: World = world,
                take_over: Callable[[Conversation], Conversation] = take_over,
                took_over_at: list[datetime] = took_over_at,
            ) -> None:
                change_conversation("cnv_1", take_over, world.book)
                took_over_at.append(world.clock.now())

            at_tap(world, number, act)

            world.run()

            where = quiet.taps[number - 1]
            late = [
                sent.text
                for sent in world.carrier.ledger
                if sent.text == "Answer r1" and sent.started_at >= took_over_at[0]
            ]
            assert len(late) <= (where in ("after gate.look", "before provider.send")), where
            if not answers(world):
                assert row_of_answer(world)["error_code"] == "conversation_taken_over", where
            assert world.outbox.entries == {}, where


@pytest.mark.parametrize("author", ["agent", "assistant"])
def test_no_answer_goes_in_a_conversation_that_has_left_the_queue_k8(author: str) -> None:
    world = World(leads=1, parts=1)
    keep_assistants(world)
    reply = a_reply("r1", phone=world.phones[0], author=author)
    world.at(5.0, lambda: world.answer(reply))
    world.at(4.0, lambda: leave_the_queue(world))

    world.run()

    assert answers(world) == []
    assert row_of_answer(world)["error_code"] == "conversation_closed"
    assert world.outbox.entries == {}


def test_an_answer_does_not_go_after_the_recipients_hours() -> None:
    world = World(leads=1, parts=1)
    world.directory.sender_by_id["snd_a"] = a_sender(daily_limit=1)
    closes_at = world.clock.now() + timedelta(seconds=90)
    reply = a_reply("r1", phone=world.phones[0], closes_at=closes_at)
    world.at(5.0, lambda: world.answer(reply))
    # The day has room again, but the hours are over.
    world.at(100.0, lambda: open_the_day(world))

    world.run()

    assert answers(world) == []
    assert row_of_answer(world)["error_code"] == "outside_hours"
    assert world.outbox.entries == {}


def test_what_the_assistant_could_not_say_becomes_a_persons_to_say() -> None:
    for mood, code in (("rejected", "21211"), ("unavailable", "503")):
        world = an_assistants_answer()
        world.carrier.behave = lambda number, mood=mood: mood if number >= 2 else "accept"  # type: ignore[misc]

        world.run()

        assert row_of_answer(world)["error_code"] == code
        kept = world.book.standing["cnv_1"]
        assert (kept.operated_by, kept.needs_attention) == (AGENT, True), mood


def test_an_agents_answer_that_never_left_needs_attention_and_one_that_left_does_not() -> None:
    for mood, needs_attention in (("rejected", True), ("accept", False)):
        world = a_world()
        world.book.standing["cnv_1"] = a_conversation(id="cnv_1", version=1)
        world.carrier.behave = lambda number, mood=mood: mood if number == 2 else "accept"  # type: ignore[misc]

        world.run()

        assert world.book.standing["cnv_1"].needs_attention is needs_attention


def test_a_pacer_that_has_given_its_lease_back_asks_and_changes_nothing_any_more() -> None:
    world = World(leads=1, parts=1)
    reply = a_reply("r1", phone=world.phones[0])
    claimed_at = world.clock.now() - timedelta(seconds=120)

    def leave_a_claim(where: str) -> None:
        # Just when the pacer gives its lease back: somebody else's to look after.
        if where == "after leases.release" and not world.outbox.entries:
            world.outbox.put(reply)
            world.messages.items[reply.ref] |= {
                "status": LeadStatus.CLAIMED,
                "claimed_at": to_iso(claimed_at),
            }

    world.tap = leave_a_claim

    world.run()

    released = world.taps.index("after leases.release")
    taken_again = world.taps.index("after leases.acquire", released)
    between = world.taps[released:taken_again]
    assert not {"before provider.find", "before outbox.postpone", "before leads.answer"} & set(
        between
    )
    # And the one who comes next sees to it.
    assert "before provider.find" in world.taps[taken_again:]


# One phone, three campaigns, two numbers ----------------------------------------------


def a_busy_phone() -> World:
    """
    One person whom three campaigns text over two numbers, two of them with follow-ups, while an
    agent answers them over the one number and the assistant over the other.
    """
    world = World(leads=1, parts=1)
    (phone,) = world.phones
    (person,) = world.audiences.parts["cmp_a", 0]
    world.directory.sender_by_id["snd_b"] = a_sender("snd_b", phone="+12025550177")
    follow_up = FollowUp(60, StepCondition.ALWAYS, "And more")
    for name, sender, follow_ups in (
        ("cmp_a", "snd_a", (follow_up,)),
        ("cmp_b", "snd_b", (follow_up,)),
        ("cmp_c", "snd_b", ()),
    ):
        world.directory.campaigns[name] = a_campaign(
            name, parts=1, total=1, sender_ids=(sender,), follow_ups=follow_ups
        )
        world.directory.run_by_key[sender, name] = a_run(
            name, sender_id=sender, senders=(sender,), parts=1
        )
        world.audiences.parts[name, 0] = [person]
    answer = a_reply("r1", phone=phone)
    keep_assistants(world)
    by_assistant = a_reply(
        "r2",
        phone=phone,
        sender_id="snd_b",
        author="assistant",
        ref=RowRef("cmp_b#00000", f"{person.key}#out#assistant.r2"),
    )
    world.at(0.0, lambda: world.wake("snd_b"))
    world.at(5.0, lambda: world.answer(answer))
    world.at(5.0, lambda: world.answer(by_assistant))
    return world


def test_a_busy_phone_gets_everything_once_when_nobody_says_stop() -> None:
    world = a_busy_phone()

    world.run()

    texts = Counter(sent.text for sent in world.carrier.ledger)
    assert texts == {"Hi Ada": 3, "And more": 2, "Answer r1": 1, "Answer r2": 1}


def test_a_stop_at_any_point_ends_campaigns_follow_ups_and_answers_on_every_number() -> None:
    """L3: an opt-out is from all campaigns on all numbers."""
    quiet = a_busy_phone()
    quiet.run()

    for number in range(1, len(quiet.taps) + 1):
        world = a_busy_phone()

        def stop(world: World = world) -> None:
            world.take_in(world.reply(world.phones[0], "STOP"), tapped=False)

        at_tap(world, number, stop)

        world.run()

        standing = world.suppressions.of(world.phones[0])
        assert standing is not None
        assert standing.committed_at is not None
        later = [
            sent.text
            for sent in world.carrier.ledger
            if sent.text != "You are out." and sent.started_at > standing.committed_at
        ]
        where = quiet.taps[number - 1]
        # A call that the gate had let through is not called back.
        assert len(later) <= (where in ("after gate.look", "before provider.send")), where
        texts = [sent.text for sent in world.carrier.ledger]
        assert texts.count("You are out.") == 1, where


@pytest.mark.parametrize(("kind", "left"), [("single_use", []), ("reusable", ["Answer r1"])])
def test_once_a_campaign_is_archived_nothing_leaves_its_single_use_number(
    kind: str, left: list[str]
) -> None:
    """K8: also not what an agent had written just before."""
    world = a_world()
    world.directory.sender_by_id["snd_a"] = a_sender(kind=kind)
    world.at(4.0, lambda: world.set_status(CampaignStatus.ARCHIVED))

    world.run()

    assert answers(world) == left
    if not left:
        assert status_of_answer(world) == LeadStatus.FAILED
        assert world.outbox.entries == {}
