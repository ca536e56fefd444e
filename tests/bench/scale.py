"""
``make bench-scale``: a million people in one campaign, and a hundred campaigns at once.

Real pacers in virtual time (``tests/support/paced_world``) hand over as on Lambda, before
providers that answer 429 past their rate. Rows are kept of the parts under way alone, so that
the peak of the process's memory is that of our code; every size has a process of its own.
Ends with 1 when somebody is missed or texted twice, a rate is not used or something grows.
"""

import resource
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

from carillon.domain.lead import LeadStatus
from carillon.domain.message import Claim, LeadRow, Watch
from tests.bench.template import functions
from tests.support.clock import NOON
from tests.support.paced_world import LEADS_PER_PART, TEXTS, Call, CountingDirectory, PacedWorld

_SIZES = (10_000, 100_000, 1_000_000)
_CROWDS = (10, 100)
_MPS = 400.0
_SENDERS = 4
_LEADS_EACH = 1_000
# As functions/send_messages hands over.
_HAND_OVER_S = 35.0
_LEAST_USE = 0.99
_MOST_GROWTH = 1.10
_RSS_PER_MB = 1024 if sys.platform == "linux" else 1024 * 1024


@dataclass(frozen=True)
class Scaled:
    """What pacers did and needed; *spread* is between campaigns, in segments, half-way."""

    name: str
    leads: int
    texted: int
    refused: int
    use: float
    pacers: int
    runs: int
    asked: dict[str, int]
    virtual_s: float
    spread: int
    peak_mb: float
    cpu_us: float

    @property
    def is_right(self) -> bool:
        """Whether everybody was texted once, at the whole rate, and nothing was refused."""
        return self.texted == self.leads and not self.refused and self.use >= _LEAST_USE


class _Tally(list[Call]):
    """A provider's calls, of which only sums stay."""

    def __init__(self) -> None:
        super().__init__()
        self.segments: Counter[str] = Counter()
        self.last_at = 0.0

    def append(self, call: Call) -> None:
        self.segments[call.campaign_id] += call.segments
        self.last_at = call.at


class _PassingRows:
    """The part of ``ports.Leads`` that a smooth send calls; of full parts only the name stays."""

    def __init__(self, world: PacedWorld) -> None:
        self._world = world
        self._parts: dict[str, set[str]] = {}
        self._full: set[str] = set()
        self.texted = 0
        # The gate's fake looks here for follow-ups, of which there are none.
        self.items: dict[Any, Any] = {}

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        name = f"{campaign_id}#{part:05d}"
        if name in self._full:
            return {p.key: _row(p.key) for p in self._world.audiences.part(campaign_id, part)}
        return {key: _row(key) for key in self._parts.get(name, ())}

    def claim(self, claim: Claim) -> bool:
        part = self._parts.setdefault(claim.ref.pk, set())
        if claim.ref.sk in part or claim.ref.pk in self._full:
            raise AssertionError("somebody would be texted twice")
        part.add(claim.ref.sk)
        return True

    def record_submitted(self, claim: Claim, *_: object) -> None:
        self.texted += 1
        if len(self._parts.get(claim.ref.pk, ())) == LEADS_PER_PART:
            self._full.add(claim.ref.pk)
            del self._parts[claim.ref.pk]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a smooth send does not call {name}")


def _row(key: str) -> LeadRow:
    return LeadRow(
        key=key,
        phone="",
        sender_id="",
        status=LeadStatus.SUBMITTED,
        claim_id="",
        claimed_at=NOON,
        attempts=1,
        segments=1,
    )


class _Directory(CountingDirectory):
    """Counts watches instead of keeping them: the reconciler, who takes them, is not here."""

    def put(self, watch: Watch) -> None:
        self.reads["watches put"] += 1


class _World(PacedWorld):
    def __init__(self, senders: int) -> None:
        super().__init__()
        self.rows = _PassingRows(self)
        self.messages = self.rows  # type: ignore[assignment]
        self.directory = _Directory()
        self.tallies: dict[str, _Tally] = {}
        for number in range(senders):
            provider = self.add_sender(f"snd_{number}", _MPS / senders)
            provider.calls = self.tallies[f"snd_{number}"] = _Tally()

    def segments(self) -> Counter[str]:
        """Return the segments of every campaign so far."""
        return sum((tally.segments for tally in self.tallies.values()), Counter[str]())

    def measured(self, name: str, leads: int) -> Scaled:
        """Let all senders work until nothing is left; return what it took."""
        half: Counter[str] = Counter()
        self.time.after(leads / _MPS / 2, lambda: half.update(self.segments()))
        turn_s = functions()["send_messages"].timeout_s - _HAND_OVER_S
        pacers = []
        began = time.process_time()

        def work(sender_id: str) -> None:
            pacers.extend(self.pace_in_turns(sender_id, turn_s=turn_s, until_s=float("inf")))

        self.time.together(*(partial(work, sender_id) for sender_id in self.tallies))
        used = (
            tally.segments.total() / (_MPS / len(self.tallies) * tally.last_at)
            for tally in self.tallies.values()
        )
        return Scaled(
            name=name,
            leads=leads,
            texted=self.rows.texted,
            refused=sum(len(provider.refused) for provider in self.providers.values()),
            use=min(used),
            pacers=len(pacers),
            runs=len(self.directory.run_by_key),
            asked=dict(self.directory.reads),
            virtual_s=self.time.monotonic(),
            spread=max(half.values()) - min(half.values()),
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_PER_MB,
            cpu_us=(time.process_time() - began) / leads * 1e6,
        )


def one_campaign(leads: int) -> Scaled:
    """Return what one campaign of *leads* through one sender comes to."""
    world = _World(1)
    world.launch("cmp_a", leads, [next(iter(TEXTS))], list(world.tallies))
    return world.measured("1 campaign, 1 sender", leads)


def many_campaigns(campaigns: int) -> Scaled:
    """Return what *campaigns*, with texts of 1 to 4 segments, come to on four senders."""
    world = _World(_SENDERS)
    for number in range(campaigns):
        text = list(TEXTS)[number % len(TEXTS)]
        world.launch(f"cmp_{number:03d}", _LEADS_EACH, [text], list(world.tallies))
    return world.measured(f"{campaigns} campaigns, {_SENDERS} senders", campaigns * _LEADS_EACH)


def main() -> int:
    """Measure, print, and return the process's exit code."""
    sizes = [int(text) for text in sys.argv[1:]] or list(_SIZES)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        growing = list(pool.map(one_campaign, sizes))
        crowds = list(pool.map(many_campaigns, _CROWDS))
    print(f"Pacers in virtual time, {_MPS:g} segments a second in all, 100-300 ms a call:")
    for one in (*growing, *crowds):
        _print(one)
    # The error rate looks back as long as a pacer lives, so a short campaign needs less.
    growth = growing[-1].peak_mb / growing[-2].peak_mb if len(growing) > 1 else 1.0
    print(f"Peak memory, the largest audience against the one before: {growth:.2f}.")
    return int(growth > _MOST_GROWTH or not all(one.is_right for one in (*growing, *crowds)))


def _print(one: Scaled) -> None:
    asked = ", ".join(f"{name} {count:,}" for name, count in sorted(one.asked.items()))
    print(
        f"  {one.name}, {one.leads:,} leads: {one.texted:,} texted once, {one.refused} times 429, "
        f"{one.use:.1%} of the rate used\n"
        f"    {one.virtual_s:,.0f} virtual s; {one.pacers} pacers and as many queue messages; "
        f"{one.runs} runs; campaigns differ by {one.spread} segments half-way\n"
        f"    directory: {asked}\n"
        f"    peak of the process {one.peak_mb:.0f} MB; {one.cpu_us:.0f} us of CPU a message, "
        "model included"
    )


if __name__ == "__main__":
    sys.exit(main())
