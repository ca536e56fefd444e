"""
Windows, limits, several senders, follow-ups: the rules of sending over a whole campaign.

Each rule is run without a mishap and, where a crash could break it, with a crash at every
external call; the carrier's ledger is the judge.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus, HoldReason, Run
from carillon.domain.content import FollowUp, StepCondition, Variant, variant_of
from carillon.domain.errors import AccountBlocked
from carillon.domain.hours import active_hours
from carillon.domain.ids import lead_key
from carillon.domain.law_pack import Policy, shipped_pack
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, CallbackRef, Outgoing, Recipient
from carillon.domain.pacing import ErrorLimit
from carillon.domain.sender_choice import Candidate
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Windows
from carillon.usecases.pace_sender import hand_to_others
from tests.faults.world import Crash, World
from tests.support.clock import NOON
from tests.support.sending import a_sender, no_law

NEW_YORK = Whereabouts(("America/New_York",), ("US", "US-NY"))
LOS_ANGELES = Whereabouts(("America/Los_Angeles",), ("US", "US-CA"))
# Noon in the world is Sunday, 2026-11-22, 12:00 UTC: 7:00 in New York, 4:00 in Los Angeles.
NEW_YORK_OPENS = NOON + timedelta(hours=1)
LOS_ANGELES_OPENS = NOON + timedelta(hours=4)
DAY_S = 86_400.0


def change(world: World, **changes: Any) -> None:
    world.directory.campaigns["cmp_a"] = replace(world.campaign(), **changes)


def place(world: World, where: Callable[[int], Whereabouts]) -> None:
    """Put the n-th person of every part to *where* (n)."""
    for part, people in world.audiences.parts.items():
        world.audiences.parts[part] = [
            replace(one, whereabouts=where(number)) for number, one in enumerate(people)
        ]


def under_the_law(world: World) -> None:
    pack = shipped_pack()
    world.rules = no_law(windows_of=lambda campaign: Windows(campaign.active_hours, pack, Policy()))


def initials(world: World) -> list[tuple[str, datetime]]:
    return [(s.recipient, s.started_at) for s in world.carrier.ledger if s.text.startswith("Hi ")]


def crash_everywhere(
    make: Callable[[], World], until_s: float, *, every: int = 1
) -> Iterator[World]:
    """Yield the world after a run with a crash at each (*every*-th) tap of one without."""
    rehearsal = make()
    rehearsal.run(until_s=until_s)
    for number in range(1, len(rehearsal.taps) + 1, every):
        world = make()
        seen = 0

        def tap(_: str, at: int = number) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                raise Crash

        world.tap = tap
        world.run(until_s=until_s)
        yield world


# Windows (F5) -------------------------------------------------------------------


def a_world_in_two_zones() -> World:
    world = World(leads=6, parts=2)
    under_the_law(world)
    place(world, lambda number: LOS_ANGELES if number % 2 else NEW_YORK)
    return world


def test_nobody_is_texted_before_their_own_morning_and_everybody_after_it() -> None:
    """F5: who waits says why and until when, and then goes."""
    world = a_world_in_two_zones()
    held: list[tuple[HoldReason, datetime | None]] = []
    world.at(600, lambda: held.append((world.campaign().hold_reason, world.campaign().hold_until)))

    world.run(until_s=DAY_S)

    world.assert_never_twice_never_lost()
    assert held == [(HoldReason.QUIET_HOURS, NEW_YORK_OPENS)]
    where = {
        one.phone: one.whereabouts for people in world.audiences.parts.values() for one in people
    }
    for phone, at in initials(world):
        opens = NEW_YORK_OPENS if where[phone] == NEW_YORK else LOS_ANGELES_OPENS
        assert opens <= at < opens + timedelta(minutes=2)


def test_a_campaign_is_all_submitted_only_when_the_last_window_has_opened() -> None:
    world = a_world_in_two_zones()

    world.run(until_s=DAY_S)

    submitted_all_at = world.campaign().submitted_all_at
    assert submitted_all_at is not None
    assert submitted_all_at >= LOS_ANGELES_OPENS


def test_a_crash_at_any_point_neither_sends_in_quiet_hours_nor_loses_who_waits() -> None:
    opens = NOON + timedelta(minutes=5)

    def make() -> World:
        world = World(leads=3, parts=2)
        hours = active_hours({"days": {"sun": ["12:05-13:00"]}, "zone": "UTC"})
        change(world, active_hours=hours)
        return world

    for world in crash_everywhere(make, 3600):
        world.assert_never_twice_never_lost()
        assert min(at for _, at in initials(world)) >= opens


def test_a_window_that_closes_while_a_slow_sender_sends_leaves_the_rest_to_the_next_day() -> None:
    world = World(leads=8, parts=1)
    world.directory.sender_by_id["snd_a"] = a_sender(mps=0.1)
    noon = ["12:00-12:01"]
    hours = active_hours({"days": {"sun": noon, "mon": noon}, "zone": "UTC"})
    change(world, active_hours=hours)

    world.run(until_s=3 * DAY_S)

    world.assert_never_twice_never_lost()
    times = [at for _, at in initials(world)]
    minute = timedelta(minutes=1)
    days = [NOON, NOON + timedelta(days=1)]
    assert all(any(day <= at < day + minute for day in days) for at in times)
    assert all(any(day <= at < day + minute for at in times) for day in days)


def test_who_can_never_be_reached_in_the_campaigns_hours_fails_with_a_reason() -> None:
    world = World(leads=2, parts=1)
    # Three in the morning, which no law leaves open.
    under_the_law(world)
    place(world, lambda _: NEW_YORK)
    change(world, active_hours=active_hours({"days": {"mon": ["03:00-04:00"]}}))

    world.run(until_s=DAY_S)

    assert initials(world) == []
    codes = {item["error_code"] for item in world.messages.items.values()}
    assert codes == {"no_sending_hours"}
    assert world.campaign().status is CampaignStatus.FINISHED


def test_a_recipient_local_schedule_reaches_everybody_at_their_own_ten_oclock() -> None:
    world = a_world_in_two_zones()
    change(world, local_at="2026-11-22T10:00", launched_at=NOON)

    world.run(until_s=DAY_S)

    world.assert_never_twice_never_lost()
    where = {
        one.phone: one.whereabouts for people in world.audiences.parts.values() for one in people
    }
    for phone, at in initials(world):
        ten = NOON + timedelta(hours=3 if where[phone] == NEW_YORK else 6)
        assert ten <= at < ten + timedelta(minutes=2)


def test_whose_local_time_was_long_over_at_the_launch_is_not_texted_late() -> None:
    world = a_world_in_two_zones()
    # Launched at 12:00 UTC, when six in the morning was an hour and more ago in New York alone.
    change(world, local_at="2026-11-22T05:00", launched_at=NOON)
    world.rules = no_law(lateness_limit=timedelta(hours=1))

    world.run(until_s=DAY_S)

    where = {
        one.phone: one.whereabouts for people in world.audiences.parts.values() for one in people
    }
    assert {where[phone] for phone, _ in initials(world)} == {LOS_ANGELES}
    missed = [i for i in world.messages.items.values() if i.get("error_code") == "schedule_missed"]
    assert {where[item["phone"]] for item in missed} == {NEW_YORK}


def test_nothing_leaves_at_or_after_the_campaigns_end() -> None:
    world = World(leads=30, parts=1)
    world.directory.sender_by_id["snd_a"] = a_sender(mps=1.0)
    change(world, ends_at=NOON + timedelta(seconds=10))

    world.run(until_s=120)

    times = [at for _, at in initials(world)]
    assert 5 <= len(times) <= 12
    assert max(times) < NOON + timedelta(seconds=12)


# Limits (F6, K17) ----------------------------------------------------------------


def test_a_daily_limit_holds_the_campaign_until_the_offices_midnight() -> None:
    """F6: a day is the office's."""
    world = World(leads=7, parts=2)
    world.directory.zones["off_north"] = "America/New_York"
    change(world, daily_limit=3)
    held: list[tuple[HoldReason, datetime | None]] = []
    world.at(600, lambda: held.append((world.campaign().hold_reason, world.campaign().hold_until)))

    world.run(until_s=4 * DAY_S)

    world.assert_never_twice_never_lost()
    midnight = NOON + timedelta(hours=17)
    assert held == [(HoldReason.DAILY_LIMIT, midnight)]
    days = [(at - timedelta(hours=5)).date().day for _, at in initials(world)]
    assert [days.count(day) for day in (22, 23, 24)] == [3, 3, 1]


def test_a_crash_at_any_point_never_exceeds_a_daily_limit() -> None:
    def make() -> World:
        world = World(leads=3, parts=1)
        # Where the day ends in an hour.
        world.directory.zones["off_north"] = "Pacific/Noumea"
        change(world, daily_limit=2)
        return world

    # A lost day takes long to play: every fifth call will do.
    for world in crash_everywhere(make, 2 * DAY_S, every=5):
        world.assert_never_twice_never_lost()
        days = [(at + timedelta(hours=11)).date() for _, at in initials(world)]
        assert max(days.count(day) for day in days) <= 2


def test_a_pilot_sends_to_its_number_pauses_and_goes_on_when_a_person_says_so() -> None:
    """K17: so many, a pause by itself, and the rest on command."""
    world = World(leads=7, parts=2)
    change(world, pilot_size=3)
    world.run(until_s=300)
    assert world.campaign().status is CampaignStatus.PAUSED
    assert world.campaign().hold_reason is HoldReason.PILOT
    assert len(initials(world)) == 3

    change(
        world,
        pilot_size=None,
        status=CampaignStatus.ACTIVE,
        hold_reason=HoldReason.NONE,
        version=world.campaign().version + 1,
    )
    world.run()

    world.assert_never_twice_never_lost()


def test_a_crash_at_any_point_never_lets_a_pilot_send_to_more() -> None:
    def make() -> World:
        world = World(leads=4, parts=1)
        change(world, pilot_size=2)
        return world

    for world in crash_everywhere(make, 600):
        assert len(initials(world)) <= 2
        assert world.campaign().status in (CampaignStatus.PAUSED, CampaignStatus.ACTIVE)


def test_one_person_is_not_texted_more_often_than_the_cap_by_all_campaigns_together() -> None:
    world = World(leads=2, parts=1)
    world.rules = no_law(
        windows_of=lambda _: Windows(None, shipped_pack(), Policy(max_contacts_per_24h=1))
    )
    place(world, lambda _: Whereabouts(("UTC",), ()))
    follow_up = FollowUp(60, StepCondition.NO_REPLY, "Still there?")
    change(world, follow_ups=(follow_up,))

    world.run(until_s=3 * DAY_S)

    by_phone: dict[str, list[datetime]] = {}
    for sending in world.carrier.ledger:
        by_phone.setdefault(sending.recipient, []).append(sending.started_at)
    assert {len(times) for times in by_phone.values()} == {2}
    for first, second in by_phone.values():
        assert second - first >= timedelta(hours=24)


class TwoCampaigns(World):
    """A world that goes on until both campaigns of its sender are settled."""

    def settled(self) -> bool:
        return {run.state for run in self.directory.run_by_key.values()} == {"settled"}


def test_two_campaigns_of_one_person_share_a_cap() -> None:
    """F6: a cap counts a person's messages across campaigns."""
    world = TwoCampaigns(leads=1, parts=1)
    world.rules = no_law(
        windows_of=lambda _: Windows(None, shipped_pack(), Policy(max_contacts_per_24h=1))
    )
    place(world, lambda _: Whereabouts(("UTC",), ()))
    world.add_campaign("cmp_b")

    world.run(until_s=2 * DAY_S)

    first, second = world.carrier.ledger
    assert (first.recipient, second.recipient) == (world.phones[0], world.phones[0])
    assert second.started_at - first.started_at >= timedelta(hours=24)
    assert world.statuses() == {LeadStatus.DELIVERED: 2}


# Follow-ups and variants (M2, M3) --------------------------------------------------


def a_world_with_follow_ups(leads: int = 2) -> World:
    world = World(leads=leads, parts=1)
    change(
        world,
        follow_ups=(
            FollowUp(300, StepCondition.NO_REPLY, "Second"),
            FollowUp(600, StepCondition.ALWAYS, "Third"),
        ),
    )
    return world


def texts_to(world: World, phone: str) -> list[str]:
    return [s.text for s in world.carrier.ledger if s.recipient == phone]


def test_follow_ups_go_out_in_order_after_their_delays_and_the_lead_is_partial_until_then() -> None:
    world = a_world_with_follow_ups()
    left: list[int] = []
    world.at(500, lambda: left.extend(_steps_left(world)))

    world.run(until_s=DAY_S)

    world.assert_never_twice_never_lost()
    assert left == [2, 2]
    assert _steps_left(world) == [0, 0]
    for phone in world.phones:
        assert texts_to(world, phone) == ["Hi Ada", "Second", "Third"]
        first, second, third = [s.started_at for s in world.carrier.ledger if s.recipient == phone]
        assert timedelta(minutes=5) <= second - first < timedelta(minutes=7)
        assert timedelta(minutes=10) <= third - second < timedelta(minutes=12)


def _steps_left(world: World) -> list[int]:
    leads = [item for item in world.messages.items.values() if item["kind"] == "lead"]
    return [item["steps_left"] for item in leads]


@pytest.mark.parametrize("body", ["who is this?", "STOP"])
def test_a_reply_or_an_opt_out_cancels_what_is_left(body: str) -> None:
    world = a_world_with_follow_ups()
    quiet, other = world.phones
    world.at(500, lambda: world.inbound(0.0, world.reply(quiet, body)))

    world.run(until_s=DAY_S)

    assert "Third" not in texts_to(world, quiet)
    assert texts_to(world, other) == ["Hi Ada", "Second", "Third"]
    assert _steps_left(world) == [0, 0]
    assert world.campaign().status is CampaignStatus.FINISHED


def test_a_reply_while_a_follow_up_is_being_claimed_still_cancels_it() -> None:
    world = a_world_with_follow_ups(leads=1)
    (phone,) = world.phones
    is_told = False

    def tap(where: str) -> None:
        nonlocal is_told
        # The first message to be claimed after the initial is the follow-up.
        if where == "after leads.claim" and world.clock.monotonic() > 200 and not is_told:
            is_told = True
            world.take_in(world.reply(phone, "yes please"), tapped=False)

    world.tap = tap
    world.run(until_s=DAY_S)

    assert is_told
    assert texts_to(world, phone) == ["Hi Ada"]
    assert world.campaign().status is CampaignStatus.FINISHED


def test_ending_the_campaign_cancels_what_is_left() -> None:
    world = a_world_with_follow_ups()
    world.at(200, lambda: world.set_status(CampaignStatus.FINISHED))

    world.run(until_s=DAY_S)

    assert [s.text for s in world.carrier.ledger] == ["Hi Ada", "Hi Ada"]
    assert _steps_left(world) == [0, 0]
    assert world.settled()


def test_a_crash_at_any_point_neither_repeats_nor_skips_a_follow_up() -> None:
    def make() -> World:
        return a_world_with_follow_ups(leads=1)

    for world in crash_everywhere(make, 3 * 3600.0):
        world.assert_never_twice_never_lost()
        (phone,) = world.phones
        assert texts_to(world, phone) == ["Hi Ada", "Second", "Third"]
        assert _steps_left(world) == [0]


def test_every_lead_gets_the_variant_that_its_phone_always_gets() -> None:
    variants = (Variant("a", 1, "Hi A"), Variant("b", 3, "Hi B"))
    world = World(leads=40, parts=2)
    change(world, variants=variants)

    world.run()

    world.assert_never_twice_never_lost()
    for phone in world.phones:
        wanted = variant_of("cmp_a", lead_key(phone), variants)
        assert wanted is not None
        assert texts_to(world, phone) == [wanted.body]
    named = [item["variant"] for item in world.messages.items.values()]
    assert {named.count("a"), named.count("b")} == {len(named) - named.count("b"), named.count("b")}
    assert named.count("b") > named.count("a") > 0


# Stopping by itself (F7) -----------------------------------------------------------


def test_too_many_refusals_pause_the_campaign() -> None:
    """F7: an error rate above its limit pauses, and says so."""
    world = World(leads=40, parts=1)
    world.error_limit = ErrorLimit(percent=30, least=10)
    world.carrier.behave = lambda call: "rejected" if call > 5 and call % 2 else "accept"

    world.run(until_s=600)

    assert world.campaign().status is CampaignStatus.PAUSED
    assert world.campaign().hold_reason is HoldReason.ERROR_RATE
    assert world.carrier.calls < 30


def test_too_many_bad_receipts_pause_the_campaign() -> None:
    world = World(leads=200, parts=1)
    world.directory.sender_by_id["snd_a"] = a_sender(mps=2.0)
    world.error_limit = ErrorLimit(percent=30, least=10)
    # Its receipts come while it sends.
    world.carrier.behave = lambda _: "early_receipt"
    world.carrier.final = lambda _: LeadStatus.FAILED

    world.run(until_s=600)

    assert world.campaign().status is CampaignStatus.PAUSED
    assert world.campaign().hold_reason is HoldReason.ERROR_RATE
    assert world.carrier.calls < 100


def test_a_transient_failure_by_receipt_is_tried_again_and_a_permanent_one_is_not() -> None:
    world = World(leads=2, parts=1)
    unlucky, other = world.phones
    world.carrier.final = lambda phone: (
        LeadStatus.FAILED
        if phone == unlucky and len(texts_to(world, phone)) == 1
        else LeadStatus.DELIVERED
    )
    emit = world.carrier.emit

    def overflowed(after_s: float, receipt: Any) -> None:
        emit(after_s, replace(receipt, error_code="30001") if receipt.error_code else receipt)

    world.carrier.emit = overflowed

    world.run()

    assert texts_to(world, unlucky) == ["Hi Ada", "Hi Ada"]
    assert texts_to(world, other) == ["Hi Ada"]
    assert world.statuses() == {LeadStatus.DELIVERED: 2}


def test_a_text_edited_between_pause_and_resume_is_never_sent_in_its_old_wording() -> None:
    """K10: an edit binds for whoever has not been texted."""
    world = World(leads=20, parts=1)
    world.directory.sender_by_id["snd_a"] = a_sender(mps=5.0)
    edited_at: list[datetime] = []

    def edit() -> None:
        world.set_status(CampaignStatus.PAUSED)
        change(world, body="Hi again {{first_name}}")
        world.set_status(CampaignStatus.ACTIVE)
        edited_at.append(world.clock.now())

    world.at(0.5, edit)
    tapped = iter([edit])

    def tap(where: str) -> None:
        # Between two claims, where no refresh has told the pacer yet.
        if where == "before leads.claim" and world.carrier.calls == 3:
            for act in tapped:
                act()

    world.tap = tap
    world.run()

    world.assert_never_twice_never_lost()
    late = [s for s in world.carrier.ledger if s.started_at > edited_at[0]]
    assert late
    assert {s.text for s in late} == {"Hi again Ada"}


# Several senders (N3) ----------------------------------------------------------------

NORTH, SOUTH = "+12025550100", "+13035550100"


class TwoCarriers:
    """Two providers over one ledger; one of them may refuse or fall silent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.mood_of: Callable[[str, int], str] = lambda _sender, _call: "accept"
        self.calls: dict[str, int] = {}
        self.senders: dict[str, list[str]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.inner, name)  # type: ignore[attr-defined]  # set by two_senders

    def send(self, message: Outgoing) -> Accepted:
        inner = self._world.inner  # type: ignore[attr-defined]  # set by two_senders
        number = self.calls[message.sender] = self.calls.get(message.sender, 0) + 1
        mood = self.mood_of(message.sender, number)
        if mood == "account":
            raise AccountBlocked("no such account", provider_code="20003")
        inner.behave = lambda _: mood
        self.senders.setdefault(message.recipient, []).append(message.sender)
        accepted: Accepted = inner.send(message)
        return accepted


def two_senders(leads: int = 12) -> tuple[World, TwoCarriers]:
    world = World(leads=leads, parts=2)
    world.inner = world.carrier  # type: ignore[attr-defined]  # what TwoCarriers stands before
    carriers = TwoCarriers(world)
    world.carrier = carriers  # type: ignore[assignment]  # stands in for it
    both = ("snd_a", "snd_b")
    candidates = (Candidate("snd_a", NORTH, 50.0), Candidate("snd_b", SOUTH, 50.0))
    phones = {"snd_a": NORTH, "snd_b": SOUTH}
    for sender_id in both:
        world.directory.sender_by_id[sender_id] = a_sender(sender_id, phone=phones[sender_id])
        world.directory.run_by_key[sender_id, "cmp_a"] = Run(
            sender_id=sender_id,
            campaign_id="cmp_a",
            office_id="off_north",
            parts=2,
            senders=both,
            candidates=candidates,
        )
    change(world, sender_ids=both)
    # Half of the people have neither sender's area code.
    for part, people in world.audiences.parts.items():
        world.audiences.parts[part] = [_elsewhere(one, n) for n, one in enumerate(people)]
    world.phones = [one.phone for people in world.audiences.parts.values() for one in people]
    return world, carriers


def _elsewhere(one: Recipient, number: int) -> Recipient:
    return replace(one, phone=one.phone.replace("+1202", "+1404")) if number % 2 else one


def run_both(world: World, until_s: float = 4 * 3600.0) -> None:
    world.at(0.0, lambda: world._pace("snd_b"))
    world.run(until_s=until_s)


def test_two_senders_share_a_campaign_and_the_area_code_decides_first() -> None:
    world, carriers = two_senders(leads=40)

    run_both(world)

    world.assert_never_twice_never_lost()
    assert {carriers.senders[phone][0] for phone in world.phones if phone[:5] == "+1202"} == {NORTH}
    assert {carriers.senders[p][0] for p in world.phones if p[:5] == "+1404"} == {NORTH, SOUTH}


def test_an_account_that_is_refused_is_suspended_and_the_other_sender_takes_over() -> None:
    """N3, F7: an account's failure stops its sender and not the campaign."""
    world, carriers = two_senders()
    carriers.mood_of = lambda sender, call: "account" if sender == SOUTH and call > 2 else "accept"

    run_both(world)

    world.assert_never_twice_never_lost()
    stopped = world.directory.sender_by_id["snd_b"]
    assert (stopped.status, stopped.problem) == ("suspended", "20003")
    assert carriers.calls[SOUTH] == 3
    assert world.campaign().hold_reason is HoldReason.NONE


def test_the_last_sender_to_be_refused_holds_the_campaign() -> None:
    world = World(leads=3)
    world.carrier.behave = lambda _: "accept"
    account = AccountBlocked("no such account", provider_code="20003")

    def refuse(message: Outgoing) -> Accepted:
        raise account

    world.carrier.send = refuse  # type: ignore[method-assign]  # one provider, one answer

    world.run(until_s=600)

    assert world.campaign().status is CampaignStatus.ACTIVE
    assert world.campaign().hold_reason is HoldReason.ACCOUNT
    assert world.directory.sender_by_id["snd_a"].status == "suspended"
    assert world.messages.items == {}


def test_a_provider_that_falls_silent_rests_while_the_other_sender_takes_over() -> None:
    """N3: silence is a provider's failure too."""
    world, carriers = two_senders(leads=60)
    carriers.mood_of = lambda sender, _: "unavailable" if sender == SOUTH else "accept"

    run_both(world)

    world.assert_never_twice_never_lost()
    assert world.statuses() == {LeadStatus.DELIVERED: 60}
    assert world.directory.sender_by_id["snd_b"].resting_until is not None


def test_a_recipients_failure_moves_nobody_to_another_sender() -> None:
    """N3: failover is for a provider's failure alone."""
    world, carriers = two_senders(leads=40)
    carriers.mood_of = lambda sender, _: "rejected" if sender == SOUTH else "accept"

    run_both(world)

    world.assert_never_twice_never_lost()
    assert all(len(set(senders)) == 1 for senders in carriers.senders.values())
    assert world.directory.sender_by_id["snd_b"].is_available(world.clock.now())


def test_a_crash_at_any_point_of_a_failover_neither_repeats_nor_loses_a_lead() -> None:
    def make() -> World:
        world, carriers = two_senders(leads=4)
        carriers.mood_of = lambda sender, call: "account" if sender == SOUTH else "accept"
        world.at(0.0, lambda: world._pace("snd_b"))
        return world

    for world in crash_everywhere(make, 4 * 3600.0):
        world.assert_never_twice_never_lost()
        assert world.statuses() == {LeadStatus.DELIVERED: 4}


def test_handing_over_again_after_a_crash_changes_nothing_more() -> None:
    world, _ = two_senders()
    now = world.clock.now()
    world.directory.suspend_sender("snd_b", "20003", now)
    stopped = world.directory.sender("snd_b")
    run = world.directory.run_by_key["snd_a", "cmp_a"]
    world.directory.run_by_key["snd_a", "cmp_a"] = replace(run, next_part=2, state="done")
    queue = world._queue("send")

    hand_to_others(stopped, world.directory, queue, now)
    once = dict(world.directory.run_by_key)
    hand_to_others(stopped, world.directory, queue, now)

    assert world.directory.run_by_key == once
    assert once["snd_b", "cmp_a"].state == "done"
    taking_over = once["snd_a", "cmp_a"]
    assert (taking_over.state, taking_over.next_part) == ("open", 0)


def test_a_receipt_of_an_attempt_that_was_given_up_does_not_settle_the_later_one() -> None:
    world = World(leads=1, parts=1)
    world.carrier.behave = lambda call: "unavailable" if call == 1 else "accept"
    world.run()
    (row,) = world.messages.items.values()

    stale = replace(
        _receipt_of(world), claim_id="claim-0", status=LeadStatus.FAILED, provider_id="SMold"
    )

    assert str(world.messages.apply_receipt(stale)) == "superseded"
    assert row["status"] == LeadStatus.DELIVERED


def _receipt_of(world: World) -> Any:
    (sending,) = world.carrier.ledger
    receipts: list[Any] = []
    world.carrier.emit = lambda _, receipt: receipts.append(receipt)
    ref = CallbackRef(sending.ref, "claim-9").token
    world.carrier.send(
        Outgoing(sender="x", recipient=sending.recipient, text="x", status_callback=ref)
    )
    return receipts[-1]
