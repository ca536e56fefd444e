"""Executions that a review found to break the promise; each was red before its fix."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from carillon.adapters.providers.twilio import parse_reply
from carillon.domain.campaign import CampaignStatus
from carillon.domain.errors import InvalidInput, Unavailable
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import Lease, ProviderRecord, Suppression, Watch
from carillon.usecases.pace_sender import ASIDE_S, pace_sender
from carillon.usecases.reconcile_campaign import reconcile_campaign
from carillon.usecases.render_texts import Render, Texts
from carillon.usecases.send_lead import CLAIM_MAX_AGE_S, Assignment, SendResult, Sent
from carillon.usecases.walk_parts import Feed
from tests.faults.world import GRACE, FakeCarrier, World
from tests.support.clock import NOON
from tests.support.sending import a_sender


def test_a_pacer_that_fails_leaves_no_call_running_behind_it() -> None:
    world = World(leads=4)
    began: list[str] = []
    ended: list[str] = []

    def slow_send(assignment: Assignment, _: Lease) -> SendResult:
        began.append(assignment.recipient.phone)
        # Long enough for the lease to be due for renewal, which then fails.
        world.clock.sleep(6.0)
        time.sleep(0.2)
        ended.append(assignment.recipient.phone)
        return SendResult(outcome=Sent.SUBMITTED)

    def fail_to_renew(where: str) -> None:
        if where == "before leases.renew":
            raise ConnectionError

    world.tap = fail_to_renew
    with ThreadPoolExecutor(4) as pool:
        pacing = replace(world.pacing(), send=slow_send, executor=pool, workers=4)
        with pytest.raises(ConnectionError):
            pace_sender("snd_a", owner="run", stop_at=280.0, world=pacing)
        ended_by_then = list(ended)

    assert sorted(ended_by_then) == sorted(began)
    assert began


def test_a_claim_that_took_long_to_write_is_given_back_before_the_reconciler_may_ask() -> None:
    world = World(leads=1)
    wrote_at: list[float] = []
    called_after: list[float] = []

    def note(where: str) -> None:
        if where == "before leads.claim":
            wrote_at.append(world.clock.monotonic())
        if where == "after leads.claim" and len(wrote_at) == 1:
            # The client tried again and again; the row names the time before the first try.
            world.clock.sleep(GRACE.total_seconds() - 5)
        if where == "before provider.send":
            called_after.append(world.clock.monotonic() - wrote_at[-1])

    world.tap = note

    world.run()

    assert [age for age in called_after if age > CLAIM_MAX_AGE_S] == []
    world.assert_never_twice_never_lost()


STOPPED_BEHAVIOURS: dict[str, Callable[[int], str]] = {
    "drops its answers": lambda _: "drop_reply",
    "hangs without accepting": lambda _: "hang",
    "accepts without a receipt": lambda _: "accept",
    "is unavailable": lambda _: "unavailable",
}


@pytest.mark.parametrize("status", [CampaignStatus.FINISHED, CampaignStatus.ARCHIVED])
@pytest.mark.parametrize("behaviour", STOPPED_BEHAVIOURS)
def test_a_campaign_that_is_stopped_at_any_step_leaves_no_lead_under_way(
    behaviour: str, status: CampaignStatus
) -> None:
    rehearsal = a_world_without_receipts(behaviour)
    rehearsal.run()

    for number in range(1, len(rehearsal.taps) + 1, max(1, len(rehearsal.taps) // 25)):
        world = a_world_without_receipts(behaviour)
        at_tap(world, number, partial(world.set_status, status))

        world.run()

        assert world.settled(), rehearsal.taps[number - 1]
        states = set(world.statuses())
        assert all(is_final(LeadStatus(state)) for state in states), rehearsal.taps[number - 1]
        assert max(world.initial_sends().values(), default=0) <= 1


def a_world_without_receipts(behaviour: str) -> World:
    world = World(leads=4)
    world.carrier.behave = STOPPED_BEHAVIOURS[behaviour]
    world.carrier.emit = lambda *_: None
    return world


def at_tap(world: World, number: int, act: Callable[[], object]) -> None:
    seen = 0

    def tap(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    world.tap = tap


class SilentLog:
    """A carrier that sends but whose log cannot be read until it is told to."""

    def __init__(self, carrier: FakeCarrier) -> None:
        self._carrier = carrier
        self.is_silent = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._carrier, name)

    def find(self, **wanted: Any) -> ProviderRecord | None:
        if self.is_silent:
            raise Unavailable("no log today")
        return self._carrier.find(**wanted)


def test_a_claim_whose_log_can_never_be_read_ends_unconfirmed_after_72_hours() -> None:
    world = World(leads=2)
    world.carrier.behave = lambda _: "hang"
    world.carrier = SilentLog(world.carrier)  # type: ignore[assignment]  # stands in for it

    world.run(until_s=80 * 3600)

    world.assert_never_twice_never_lost()
    assert world.statuses() == {LeadStatus.UNCONFIRMED: 2}


def test_a_confirmation_waits_for_a_log_that_cannot_be_read_instead_of_being_forgotten() -> None:
    world = World(leads=1)
    phone = world.phones[0]
    world.carrier.behave = lambda number: "hang" if number == 2 else "accept"
    log = SilentLog(world.carrier)
    world.carrier = log  # type: ignore[assignment]  # stands in for it
    world.at(10.0, lambda: world.inbound(0.0, world.reply(phone, "STOP")))
    world.at(150.0, lambda: setattr(log, "is_silent", False))
    # Keep the world turning until the confirmation is through.
    world.at(900.0, lambda: None)

    world.run()

    assert [s.text for s in world.carrier.ledger if s.recipient == phone][1:] == ["You are out."]


def test_a_part_that_cannot_be_read_holds_up_no_other_part_of_its_campaign() -> None:
    world = World(leads=6, parts=2)
    broken = next(part for part in range(2) if world.audiences.parts["cmp_a", part])
    reconciling = world._reconciling()
    for part in range(2):
        watch = Watch(campaign_id="cmp_a", part=part, due_at=world.clock.now())
        world.directory.put(replace(watch, due_at=watch.due_at + timedelta(seconds=part)))
    world.clock.sleep(60)
    del world.audiences.parts["cmp_a", broken]
    world.audiences.parts["cmp_a", 1 - broken] = []

    for _ in range(2):
        with pytest.raises(KeyError):
            reconcile_campaign("cmp_a", reconciling)
        world.clock.sleep(3600)

    assert {watch.part for watch in world.directory.watches.values()} == {broken}


def test_a_reconciler_out_of_time_leaves_the_rest_of_its_watches_due() -> None:
    world = World(leads=6, parts=1)
    world.carrier.emit = lambda *_: None
    world._pace("snd_a")
    world.clock.sleep(3600)
    asked = []

    def take_time(where: str) -> None:
        if where == "before provider.fetch":
            asked.append(where)
            world.clock.sleep(10)

    world.tap = take_time
    reconcile_campaign("cmp_a", world._reconciling(), stop_at=world.clock.monotonic() + 25)

    assert len(asked) == 3
    assert world.directory.next_due("cmp_a") is not None
    assert world.statuses() == {LeadStatus.DELIVERED: 3, LeadStatus.SUBMITTED: 3}


def test_the_watches_of_a_paused_campaign_are_looked_at_ever_more_rarely() -> None:
    world = World(leads=3)
    world.carrier.behave = lambda _: "hang"
    looks = []
    world.at(31.0, lambda: world.set_status(CampaignStatus.PAUSED))

    def note(where: str) -> None:
        if where == "before leads.rows" and world.campaign().status is CampaignStatus.PAUSED:
            looks.append(world.clock.monotonic())

    world.tap = note

    world.run(until_s=24 * 3600)

    assert looks
    # Two parts, each at most every quarter of an hour once the backoff has grown.
    assert len(looks) < 2 * (24 * 4 + 20)


def a_world_with_a_second_campaign() -> World:
    world = World(leads=4)
    first = world.campaign()
    world.directory.campaigns["cmp_b"] = replace(first, id="cmp_b", body="Second {{first_name}}")
    run = world.directory.run_by_key["snd_a", "cmp_a"]
    # First in turn: what goes wrong with it must not keep the other waiting.
    world.directory.run_by_key = {
        ("snd_a", "cmp_b"): replace(run, campaign_id="cmp_b"),
        ("snd_a", "cmp_a"): run,
    }
    return world


def test_a_campaign_whose_audience_cannot_be_read_stops_no_other_of_its_sender() -> None:
    world = a_world_with_a_second_campaign()

    world._pace("snd_a")

    assert len(world.initial_sends()) == 4
    assert [type(error) for error in world.broken] == [KeyError]
    # Its sender is woken again, but not in a hot loop.
    assert [event.at for event in world._events if event.kind == "send"] == [
        pytest.approx(ASIDE_S, abs=1.0)
    ]


def test_a_campaign_whose_text_cannot_be_read_stops_no_other_of_its_sender() -> None:
    world = a_world_with_a_second_campaign()
    pacing = world.pacing()

    def compile_first(body: str) -> Render:
        if body.startswith("Second"):
            raise InvalidInput("no template", field="body")
        return pacing.compile_body(body)

    pace_sender(
        "snd_a", owner="run", stop_at=280.0, world=replace(pacing, compile_body=compile_first)
    )

    assert len(world.initial_sends()) == 4


def test_a_campaign_that_could_not_be_read_once_is_sent_when_it_can() -> None:
    world = World(leads=4)
    failures = iter([True])

    def fail_once(where: str) -> None:
        if where == "before audiences.part" and next(failures, False):
            raise ConnectionError

    world.tap = fail_once

    world.run()

    world.assert_never_twice_never_lost()


def test_the_hint_never_passes_a_part_that_could_not_be_read() -> None:
    world = World(leads=8, parts=2)
    pacing = world.pacing()
    run = world.directory.run_by_key["snd_a", "cmp_a"]
    campaign = world.campaign()
    feed = Feed(
        run,
        campaign,
        a_sender(),
        texts=Texts(campaign.content, campaign.id, lambda _: lambda *_: "Hi"),
        available=frozenset({"snd_a"}),
        world=pacing.walking,
    )
    first = len(world.audiences.parts["cmp_a", 0])
    taken = [feed.take() for _ in range(first)]
    del world.audiences.parts["cmp_a", 1]
    with pytest.raises(KeyError):
        feed.take()

    for assignment in taken:
        assert assignment is not None
        feed.settle(assignment, SendResult(outcome=Sent.SUBMITTED))

    assert world.directory.run_by_key["snd_a", "cmp_a"].next_part == 1
    assert not feed.exhausted()


def test_a_machine_that_asks_for_help_all_day_is_answered_a_few_times_an_hour() -> None:
    world = World(leads=1)
    phone = world.phones[0]

    for number in range(120):
        world.take_in(world.reply(phone, "HELP", f"SMin{number}"), tapped=False)
        world.clock.sleep(30)

    assert 4 <= len([s for s in world.carrier.ledger if s.text == "Call us."]) <= 5


def test_what_the_provider_has_answered_itself_is_not_answered_again() -> None:
    world = World(leads=1)
    phone = world.phones[0]

    for word in ("HELP", "STOP", "START"):
        reply = replace(
            world.reply(phone, word, f"SM{word}"),
            handled_by_provider=True,
            provider_keyword=word.lower(),
        )
        world.take_in(reply, tapped=False)

    assert world.carrier.ledger == []


def test_a_word_that_opts_out_at_the_provider_alone_opts_out_here() -> None:
    world = World(leads=1)
    phone = world.phones[0]
    params = {"MessageSid": ["SM1"], "From": [phone], "Body": ["Adieu"], "OptOutType": ["STOP"]}

    world.take_in(parse_reply(params, "snd_a", world.clock.now()), tapped=False)

    standing = world.suppressions.of(phone)
    assert standing is not None
    assert standing.opted_out


def test_whom_the_provider_refuses_as_opted_out_no_other_campaign_tries() -> None:
    """F7, L3: a code that says so opts out, and from everything."""
    world = World(leads=1)
    world.carrier.behave = lambda _: "opted_out"
    world.run()
    assert world.statuses() == {LeadStatus.FAILED: 1}

    world.add_campaign("cmp_b")
    world.run()

    standing = world.suppressions.of(world.phones[0])
    assert standing is not None
    assert standing.opted_out
    assert world.carrier.calls == 1
    assert world.statuses() == {LeadStatus.FAILED: 1, LeadStatus.SUPPRESSED: 1}


def test_a_redelivered_reply_stays_in_the_conversation_that_it_answered_first() -> None:
    world = World(leads=1, parts=1)
    phone = world.phones[0]
    world._pace("snd_a")
    world.clock.sleep(60)
    reply = world.reply(phone, "START")
    world.suppressions.opt_out(
        Suppression(phone=phone, opted_out=True, event_at=NOON, source="api", cause="x")
    )
    world.take_in(reply, tapped=False)
    world.clock.sleep(60)
    # Opted in again, the person hears from a second campaign before the redelivery.
    run = world.directory.run_by_key["snd_a", "cmp_a"]
    second = replace(world.campaign(), id="cmp_b", body="Hi again")
    world.directory.campaigns["cmp_b"] = second
    again = replace(run, campaign_id="cmp_b", next_part=0, state="open")
    world.directory.run_by_key["snd_a", "cmp_b"] = again
    world.audiences.parts["cmp_b", 0] = world.audiences.parts["cmp_a", 0]
    world._pace("snd_a")

    world.take_in(reply, tapped=False)

    texts = [sending.text for sending in world.carrier.ledger]
    assert texts == ["Hi Ada", "You are in.", "Hi again"]
    assert len([i for i in world.messages.items.values() if i["kind"] == "inbound"]) == 1
