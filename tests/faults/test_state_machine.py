"""
A campaign's whole life in any order of events, with the carrier's ledger as judge (F1 to F4, R1).

Hypothesis picks what happens: people launch, pause, resume, edit and end; phones text
STOP and START; processes crash, queues repeat and lose, clocks jump, the carrier is moody;
and any of that can be made to happen at the n-th external call from now, in the middle of
whatever then runs. After every step nobody may have had the text twice or against their
consent; at the end everybody has exactly one terminal state, and the counters that the
stream gives equal a recount.

    make soak SOAK_S=600      longer lives under new seeds until the time is over
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from carillon.domain.books import Change
from carillon.domain.campaign import CampaignStatus
from carillon.domain.counters import Contribution, contribution
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.message import Accepted, Outgoing, Receipt
from carillon.usecases.fold_changes import Aggregator
from carillon.usecases.pace_sender import pace_sender
from carillon.usecases.reconcile_campaign import reconcile_campaign
from carillon.usecases.send_lead import GATE_MAX_AGE_S
from tests.faults.world import Crash, FakeCarrier, World, _Event
from tests.support.counters import FakeCounters, StillClock, campaign_of

LEADS = 8
# A pacer's time is up after some two messages, so that much can come between them.
PACER_S = 0.25
MOODS = (
    "accept",
    "drop_reply",
    "hang",
    "unavailable",
    "throttled",
    "rejected",
    "opted_out",
    "early_receipt",
)
_RUN = ("snd_a", "cmp_a")
_BOUND = timedelta(seconds=GATE_MAX_AGE_S)


class Witness(FakeCarrier):
    """A carrier that notes each initial message that it should not have been given."""

    def __init__(self, life: "Life") -> None:
        super().__init__(life.clock)
        self._life = life
        self.objections: list[str] = []

    def send(self, message: Outgoing) -> Accepted:
        if message.text.startswith("Hi "):
            self._object_to(message)
        return super().send(message)

    def _object_to(self, message: Outgoing) -> None:
        life, now = self._life, self._life.clock.now()
        self.objections += life.told[message.recipient]
        standing = life.suppressions.of(message.recipient)
        if standing is not None and standing.opted_out:
            assert standing.committed_at is not None
            if now - standing.committed_at > _BOUND:
                self.objections.append("texted after an opt-out")
        if life.campaign().status is not CampaignStatus.ACTIVE and now - life.status_since > _BOUND:
            self.objections.append(f"texted while {life.campaign().status}")


class Life(World):
    """A campaign that has not been launched, played event by event."""

    def __init__(self) -> None:
        super().__init__(leads=LEADS)
        self.status_since = self.clock.now()
        self.carrier = Witness(self)
        self.carrier.emit = self._emit
        self.queued: list[tuple[str, Any]] = []
        # What is to happen at a tap, by how many taps are left until then.
        self.plans: list[tuple[int, Callable[[], None]]] = []
        # What stood against texting each phone when the gate was last asked about it.
        self.told: dict[str, list[str]] = {}
        self.are_receipts_lost = False
        self.ended_early = False
        self.tap = self._follow_plans
        self._run = self.directory.run_by_key.pop(_RUN)
        self.status(CampaignStatus.DRAFT)

    # What people do -----------------------------------------------------------

    @property
    def is_launched(self) -> bool:
        return _RUN in self.directory.run_by_key

    def launch(self) -> None:
        self.directory.run_by_key[_RUN] = self._run
        self.status(CampaignStatus.ACTIVE)
        self._schedule(0.0, "send", {"sender_id": "snd_a"})
        self._schedule(60.0, "minute", None)

    def status(self, status: CampaignStatus) -> None:
        self.set_status(status)
        self.status_since = self.clock.now()

    def pause(self) -> None:
        if self.campaign().status is CampaignStatus.ACTIVE:
            self.status(CampaignStatus.PAUSED)

    def resume(self) -> None:
        if self.campaign().status is CampaignStatus.PAUSED:
            self.status(CampaignStatus.ACTIVE)
            self._schedule(0.0, "send", {"sender_id": "snd_a"})

    def end(self) -> None:
        if self.campaign().status in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED):
            self.status(CampaignStatus.FINISHED)
            self.ended_early = True
            self._schedule(0.0, "reconcile", {"campaign_id": "cmp_a"})

    def edit(self) -> None:
        seen = self.campaign()
        body = f"Hi {{{{first_name}}}}, edition {seen.version + 1}"
        self.directory.campaigns["cmp_a"] = replace(seen, body=body, version=seen.version + 1)

    def text(self, phone: str, word: str) -> None:
        number = sum(kind == "inbound" for kind, _ in self.queued)
        self.inbound(0.0, self.reply(phone, word, f"SMin{number}"))

    # What goes wrong ----------------------------------------------------------

    def crash(self) -> None:
        raise Crash

    def lose_the_lease(self) -> None:
        self.directory.leases["snd_a"] = None

    def second_pacer(self) -> None:
        self.lose_the_lease()
        self._pace("snd_a")

    def reconcile_now(self) -> None:
        if self.is_launched:
            reconcile_campaign("cmp_a", self._reconciling())

    def stop_now(self) -> None:
        """Let a STOP be taken in by a function that runs beside the present one."""
        self.take_in(self.reply(self.phones[0], "STOP", "SMbeside"), tapped=False)

    def _follow_plans(self, where: str) -> None:
        self.plans = [(left - 1, act) for left, act in self.plans]
        due = [act for left, act in self.plans if left == 0]
        self.plans = [(left, act) for left, act in self.plans if left > 0]
        for act in due:
            act()

    def _tapped(self, port: Any, name: str) -> Any:
        if name == "gate":
            port = _NotingGate(port, self)
        return super()._tapped(port, name)

    def _pace(self, sender_id: str, function: str = "pacer") -> None:
        pace_sender(
            sender_id,
            owner="run",
            stop_at=self.clock.monotonic() + PACER_S,
            world=self.pacing(function),
        )

    # How it is played ---------------------------------------------------------

    def _schedule(self, after_s: float, kind: str, payload: Any) -> None:
        if kind not in ("minute", "act"):
            self.queued.append((kind, deepcopy(payload)))
        super()._schedule(after_s, kind, payload)

    def play(self, events: int = 1, *, until_s: float = float("inf")) -> None:
        for _ in range(events):
            if not self._events or self._events[0].at > until_s:
                return
            event = min(self._events)
            self._events.remove(event)
            self.clock.sleep(event.at - self.clock.monotonic())
            self._play(event)

    def _play(self, event: _Event) -> None:
        try:
            super()._play(event)
        except Exception as error:  # noqa: BLE001 - the queue delivers again what failed
            self.broken.append(error)
            if event.kind == "minute":
                self._schedule(60.0, "minute", None)
            else:
                self._schedule(30.0, event.kind, event.payload)

    def _emit(self, after_s: float, receipt: Receipt) -> None:
        if not self.are_receipts_lost:
            super()._emit(after_s, receipt)

    def pending(self, kind: str) -> list[_Event]:
        return sorted(event for event in self._events if event.kind == kind)

    def drop(self, event: _Event) -> None:
        self._events.remove(event)

    def repeat(self, kind: str, payload: Any, after_s: float) -> None:
        super()._schedule(after_s, kind, payload)

    def settle(self) -> None:
        """Let nothing more go wrong, and time pass until all is done."""
        self.plans = []
        self.are_receipts_lost = False
        self.carrier.behave = lambda _: "accept"
        if not self.is_launched:
            self.launch()
        self.resume()
        deadline = self.clock.monotonic() + 5 * 24 * 3600.0
        while not self._is_quiet() and self.clock.monotonic() < deadline:
            self.play()

    def _is_quiet(self) -> bool:
        return self.settled() and all(event.kind == "minute" for event in self._events)


class _NotingGate:
    """Notes for the judge what stood against a call when the gate was asked."""

    def __init__(self, gate: Any, life: Life) -> None:
        self._gate = gate
        self._life = life

    def look(self, **asked: str) -> Any:
        # By what is stored, not by the answer: an answer that lies must not fool the judge.
        standing = self._life.suppressions.of(asked["phone"])
        status = self._life.campaign().status
        against = {
            "opted out": standing is not None and standing.opted_out,
            f"the campaign is {status}": status is not CampaignStatus.ACTIVE,
        }
        told = [f"the gate knew: {reason}" for reason, holds in against.items() if holds]
        self._life.told[asked["phone"]] = told
        return self._gate.look(**asked)


# After how many external calls what happens, in the middle of whatever runs then.
TROUBLE = st.tuples(
    st.integers(1, 80),
    st.sampled_from(
        [
            "crash",
            "pause",
            "resume",
            "end",
            "edit",
            "stop_now",
            "lose_the_lease",
            "second_pacer",
            "reconcile_now",
        ]
    ),
)
MOOD = st.lists(st.sampled_from(MOODS), min_size=1, max_size=4)


class CampaignLife(RuleBasedStateMachine):
    """The rules: what may happen next."""

    # How many steps this process has taken, in all lives.
    steps_taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()

    phones = st.integers(0, LEADS - 1)

    # People

    @initialize(trouble=st.lists(TROUBLE, max_size=6), moods=MOOD, lost=st.booleans())
    def begin(self, trouble: list[tuple[int, str]], moods: list[str], lost: bool) -> None:
        for calls, act in trouble:
            self.plan(calls, act)
        self.change_the_carriers_mood(moods)
        self.lose_all_receipts_or_no_more(lost)

    @precondition(lambda self: not self.life.is_launched)
    @rule()
    def launch(self) -> None:
        self.life.launch()

    @rule(act=st.sampled_from(["pause", "resume", "edit"]))
    def manage(self, act: str) -> None:
        if self.life.is_launched or act == "edit":
            getattr(self.life, act)()

    @precondition(lambda self: len(self.life.taps) > 100)
    @rule()
    def end(self) -> None:
        self.life.end()

    @rule(number=phones, word=st.sampled_from(["STOP", "START", "HELP", "hello"]))
    def text(self, number: int, word: str) -> None:
        self.life.text(self.life.phones[number], word)

    # Time

    @rule(events=st.integers(1, 12))
    def play(self, events: int) -> None:
        self.life.play(events)

    @rule(seconds=st.sampled_from([1.0, 16.0, 61.0, 700.0, 3 * 3600.0]))
    def let_the_clock_jump(self, seconds: float) -> None:
        self.life.clock.sleep(seconds)

    # Trouble

    @rule(trouble=TROUBLE)
    def prepare_trouble(self, trouble: tuple[int, str]) -> None:
        self.plan(*trouble)

    def plan(self, calls: int, act: str) -> None:
        self.life.plans.append((calls, getattr(self.life, act)))

    @rule(moods=MOOD)
    def change_the_carriers_mood(self, moods: list[str]) -> None:
        self.life.carrier.behave = lambda call: moods[call % len(moods)]

    @rule(which=st.integers(0, 30), after_s=st.sampled_from([0.0, 1.0, 90.0]))
    def repeat_a_message(self, which: int, after_s: float) -> None:
        """Deliver a queued message twice, or one of long ago again (a redrive)."""
        if self.life.queued:
            kind, payload = self.life.queued[which % len(self.life.queued)]
            self.life.repeat(kind, payload, after_s)

    @rule(lost=st.booleans())
    def lose_all_receipts_or_no_more(self, lost: bool) -> None:
        self.life.are_receipts_lost = lost

    @rule(which=st.integers(0, 10))
    def lose_a_receipt(self, which: int) -> None:
        if receipts := self.life.pending("receipt"):
            self.life.drop(receipts[which % len(receipts)])

    @rule(which=st.integers(0, 10), after_s=st.sampled_from([0.0, 5.0, 4000.0]))
    def delay_a_receipt(self, which: int, after_s: float) -> None:
        if receipts := self.life.pending("receipt"):
            receipt = receipts[which % len(receipts)]
            self.life.drop(receipt)
            self.life.repeat("receipt", receipt.payload, after_s)

    # The judge

    @invariant()
    def every_step_counts(self) -> None:
        CampaignLife.steps_taken += 1

    @invariant()
    def nobody_has_had_the_text_twice(self) -> None:
        assert max(self.life.initial_sends().values(), default=0) <= 1

    @invariant()
    def the_carrier_has_no_objections(self) -> None:
        assert isinstance(self.life.carrier, Witness)
        assert self.life.carrier.objections == []

    def teardown(self) -> None:
        life = self.life
        life.settle()
        assert life.settled(), "not settled after five days"
        if life.ended_early:
            self._judge_an_early_end()
        else:
            life.assert_never_twice_never_lost()
        self.nobody_has_had_the_text_twice()
        self.the_carrier_has_no_objections()
        self._judge_the_counters()

    def _judge_an_early_end(self) -> None:
        """Whom the campaign had not come to has no row; everybody else has ended."""
        rows = [row for row in self.life.messages.items.values() if row["kind"] == "lead"]
        assert all(is_final(LeadStatus(row["status"])) for row in rows), self.life.statuses()
        assert set(self.life.initial_sends()) <= {row["phone"] for row in rows}

    def _judge_the_counters(self) -> None:
        changes = [
            Change((old or new or {})["pk"], str(number), old, new)
            for number, (old, new) in enumerate(self.life.messages.changes, start=1)
        ]
        books = FakeCounters()
        aggregator = Aggregator(books, StillClock(), campaign_of)
        # As a stream delivers: in batches, and some of them again.
        for start in range(0, len(changes), 7):
            aggregator.fold_changes(changes[start : start + 7])
            aggregator.fold_changes(changes[max(0, start - 3) : start + 7])
        recount = Contribution()
        for row in self.life.messages.items.values():
            if campaign_of(row["pk"]):
                recount.merge(contribution(row))
        assert books.lanes("cmp_a") == recount.totals
        assert books.quarters("cmp_a") == recount.quarters


def profile(*, runs: int, steps: int) -> settings:
    """Return settings for so many lives of at most so many steps each."""
    return settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# The same lives in every CI run, told as they broke; `make soak` leads new ones, and shortens.
CampaignLife.TestCase.settings = settings(
    profile(runs=150, steps=30), derandomize=True, phases=[Phase.generate]
)
TestCampaignLife = CampaignLife.TestCase
