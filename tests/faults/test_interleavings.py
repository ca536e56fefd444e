"""
Two workers over one part, in every order in which their external calls can fall (F1, F2, F3).

Exhaustive: ``interleavings`` follows every schedule, however often it changes hands,
and leaves out only what is known to end as another one did. The carrier's ledger
judges every end.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from carillon.domain.campaign import CampaignStatus
from carillon.domain.errors import Conflict
from carillon.domain.ids import lead_key
from carillon.domain.lead import FINAL, LeadStatus, is_final
from carillon.domain.message import (
    Accepted,
    CallbackRef,
    Claim,
    Lease,
    Outgoing,
    Receipt,
    RowRef,
    Watch,
    text_digest,
)
from carillon.usecases.pace_sender import LEASE_S
from carillon.usecases.reconcile_campaign import reconcile_campaign
from carillon.usecases.record_receipt import record_receipt
from tests.faults.interleavings import Race, Worker, explore
from tests.faults.world import GRACE

_TEXT = "Hi Ada"


def never_twice_never_lost(race: Race) -> None:
    race.assert_never_twice_never_lost()
    # A worker whose claim was resolved by another one is told so, and nothing else goes wrong.
    assert all(isinstance(error, Conflict) for error in race.broken), race.broken


def two_pacers(race: Race) -> Race:
    """Let a second pacer take the lease over: for it, the first one's has run out."""
    race.enter("first pacer", lambda: race._pace("snd_a"))
    race.enter("second pacer", lambda: race._pace("snd_a"), ahead_s=LEASE_S + 1)
    return race


def pacer_and_reconciler(race: Race, *, ahead_s: float = 0.0) -> Race:
    race.enter("pacer", lambda: race._pace("snd_a"))
    race.enter(
        "reconciler", lambda: reconcile_campaign("cmp_a", race._reconciling()), ahead_s=ahead_s
    )
    return race


# What earlier workers left behind --------------------------------------------------------------


def claimed(race: Race, phone: str) -> Claim:
    """Leave the claim of a worker that died."""
    claim = Claim(
        id=f"dead-{phone}",
        ref=RowRef("cmp_a#00000", lead_key(phone)),
        phone=phone,
        sender_id="snd_a",
        office_id="off_north",
        segments=1,
        content_version=1,
        text_digest=text_digest(_TEXT),
        claimed_at=race.clock.now(),
    )
    assert race.messages.claim(claim)
    return claim


def claimed_and_sent(race: Race, phone: str) -> tuple[Claim, Accepted]:
    """Leave the claim of a worker that died between the carrier's answer and its own note."""
    claim = claimed(race, phone)
    ref = CallbackRef(claim.ref, claim.id)
    emit, race.carrier.emit = race.carrier.emit, lambda *_: None
    accepted = race.carrier.send(
        Outgoing(sender="", recipient=phone, text=_TEXT, status_callback=ref.token)
    )
    race.carrier.emit = emit
    return claim, accepted


def waiting_for_retry(race: Race, phone: str) -> None:
    claim = claimed(race, phone)
    race.messages.record_retry(claim, "503", race.clock.now())


def time_for_the_reconciler(race: Race) -> None:
    """Leave a watch, and let the grace of what was claimed run out."""
    race.clock.sleep(GRACE.total_seconds() + 1)
    race.directory.put(Watch(campaign_id="cmp_a", part=0, due_at=race.clock.now()))


# Two pacers ------------------------------------------------------------------------------------


def test_two_pacers_send_a_fresh_part_once_in_every_order() -> None:
    """F1: the row decides, in every order of two workers' calls."""
    explored = explore(lambda: two_pacers(Race(leads=2)), never_twice_never_lost)

    # Both had the lease, and each was overtaken at each of its calls.
    assert explored.states > 1000
    assert explored.ends > 50


class _FenceDown(Race):
    """A race in which everybody gets the lease, under one token: only the claim protects."""

    def _tapped(self, port: Any, name: str) -> Any:
        return super()._tapped(_AnybodysLease() if name == "leases" else port, name)


class _AnybodysLease:
    def acquire(self, sender_id: str, owner: str, until: datetime, _: datetime) -> Lease:
        return Lease(sender_id=sender_id, owner=owner, token=0, until=until)

    def renew(self, lease: Lease, until: datetime) -> Lease:
        return replace(lease, until=until)

    def release(self, lease: Lease, tokens_left: float, now: datetime) -> None:
        pass


def test_without_the_leases_fence_the_claim_alone_lets_nobody_send_twice() -> None:
    explored = explore(lambda: two_pacers(_FenceDown(leads=1)), never_twice_never_lost)

    assert explored.states > 300


def test_two_pacers_try_a_waiting_retry_again_once_in_every_order() -> None:
    def a_race() -> Race:
        race = Race(leads=1)
        waiting_for_retry(race, race.phones[0])
        race.clock.sleep(1)
        return two_pacers(race)

    explored = explore(a_race, never_twice_never_lost)

    assert explored.states > 300


# A pacer and the reconciler --------------------------------------------------------------------


def test_a_dead_workers_claims_are_resolved_once_while_a_pacer_walks_the_part() -> None:
    def a_race() -> Race:
        race = Race(leads=2)
        claimed(race, race.phones[0])
        time_for_the_reconciler(race)
        return pacer_and_reconciler(race)

    explored = explore(a_race, never_twice_never_lost)

    assert explored.states > 300


def test_a_receipt_that_comes_while_its_claim_is_resolved_and_walked_again_changes_nothing() -> (
    None
):
    def a_race() -> Race:
        race = Race(leads=1)
        claim, accepted = claimed_and_sent(race, race.phones[0])
        time_for_the_reconciler(race)
        receipt = Receipt(
            ref=claim.ref,
            claim_id=claim.id,
            provider_id=accepted.provider_id,
            status=LeadStatus.DELIVERED,
            received_at=race.clock.now(),
        )
        pacer_and_reconciler(race)
        race.enter("webhook's receipt", lambda: take_in(receipt, race))
        return race

    explored = explore(a_race, never_twice_never_lost)

    assert explored.states > 300


def take_in(receipt: Receipt, race: Race) -> None:
    record_receipt(
        receipt,
        leads=race._tapped(race.messages, "leads"),
        suppressions=race.suppressions,
    )


def test_a_pacer_held_up_past_the_grace_does_not_send_what_the_reconciler_gave_back() -> None:
    def a_race() -> Race:
        race = Race(leads=1, one_time=True)
        time_for_the_reconciler(race)
        return pacer_and_reconciler(race, ahead_s=GRACE.total_seconds() + 1)

    explored = explore(a_race, never_twice_never_lost)

    assert explored.states > 300


class _Closing(Race):
    """Notes how its lead stood when the campaign was closed."""

    def __init__(self) -> None:
        super().__init__(leads=1)
        self.closed_over: list[LeadStatus] = []

    def call(self, worker: Worker, name: str, make: Callable[[], Any]) -> Any:
        def noted() -> Any:
            if name == "directory.settle_campaign":
                self.closed_over += [item["status"] for item in self.messages.items.values()]
            return make()

        return super().call(worker, name, noted)

    def fingerprint(self) -> int:
        return hash((super().fingerprint(), *self.closed_over))


def test_a_campaign_is_not_closed_while_its_last_part_is_handed_over_to_the_reconciler() -> None:
    closed_over = []

    def judge(race: Race) -> None:
        assert isinstance(race, _Closing)
        never_twice_never_lost(race)
        closed_over.extend(race.closed_over)

    explored = explore(lambda: pacer_and_reconciler(_Closing()), judge)

    assert explored.states > 100
    assert set(closed_over) <= FINAL


def test_two_reconcilers_at_one_watch_resolve_each_claim_once() -> None:
    def a_race() -> Race:
        race = Race(leads=2)
        claimed(race, race.phones[0])
        claimed_and_sent(race, race.phones[1])
        time_for_the_reconciler(race)
        for name in ("first reconciler", "second reconciler"):
            race.enter(name, lambda: reconcile_campaign("cmp_a", race._reconciling()))
        return race

    explored = explore(a_race, never_twice_never_lost)

    assert explored.states > 300


def test_a_campaign_that_is_ended_between_any_two_calls_leaves_no_lead_under_way() -> None:
    def a_race() -> Race:
        race = Race(leads=1)
        waiting_for_retry(race, race.phones[0])
        time_for_the_reconciler(race)
        pacer_and_reconciler(race)
        race.enter("end", lambda: race._tapped(_Person(race), "person").end())
        return race

    explored = explore(a_race, ended_cleanly)

    assert explored.states > 300


class _Person:
    def __init__(self, race: Race) -> None:
        self._race = race

    def end(self) -> None:
        self._race.set_status(CampaignStatus.FINISHED)


def ended_cleanly(race: Race) -> None:
    """Whom it had not come to it leaves alone; nobody else is left under way."""
    sends = race.initial_sends()
    assert max(sends.values(), default=0) <= 1, sends
    leads = [item for item in race.messages.items.values() if item["kind"] == "lead"]
    assert all(is_final(LeadStatus(item["status"])) for item in leads), race.statuses()
    assert set(sends) <= {item["phone"] for item in leads}
    assert race.settled()


# A pacer and a STOP ----------------------------------------------------------------------------


class _Stopped(Race):
    """One lead, who says STOP; notes under which answer of the gate it was texted nevertheless."""

    def __init__(self) -> None:
        super().__init__(leads=1)
        self.texted_against_consent: list[str] = []
        self._seen = "no look at the gate"
        stop = self.reply(self.phones[0], "STOP")
        self.enter("pacer", lambda: self._pace("snd_a"))
        self.enter("stop", lambda: self.take_in(stop))

    def call(self, worker: Worker, name: str, make: Callable[[], Any]) -> Any:
        def judged() -> Any:
            out = self.suppressions.of(self.phones[0]) is not None
            if name == "provider.send" and out:
                self.texted_against_consent.append(self._seen)
            self._seen = f"{name}, {'out' if out else 'in'} by then"
            return make()

        return super().call(worker, name, judged if worker.name == "pacer" else make)

    def fingerprint(self) -> int:
        return hash((super().fingerprint(), self._seen, *self.texted_against_consent))


def test_a_stop_between_any_two_calls_is_obeyed_unless_the_gate_had_been_passed() -> None:
    outcomes = set()

    def judge(race: Race) -> None:
        assert isinstance(race, _Stopped)
        never_twice_never_lost(race)
        (lead,) = (item for item in race.messages.items.values() if item["kind"] == "lead")
        texted = bool(race.initial_sends())
        assert texted == (lead["status"] == LeadStatus.DELIVERED), lead["status"]
        assert [s.text for s in race.carrier.ledger].count("You are out.") == 1
        outcomes.add((texted, *race.texted_against_consent))

    explore(_Stopped, judge)

    # It came in time; it came later; and the bound: it came between the gate and the call.
    assert outcomes == {(False,), (True,), (True, "gate.look, in by then")}
