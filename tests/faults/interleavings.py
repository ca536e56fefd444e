"""
Every interleaving of two workers, at the granularity of external calls.

    explore(a_race, judge)       a_race() makes a fresh Race; judge(race) looks at how it ended

Each worker is a thread that stops before every call that leaves its process; the
explorer lets one of them make its one call, and so on. The fakes are deterministic,
so what a worker does next follows from the answers it has had: two schedules that
lead to the same answers for both workers and to the same stored state have the same
futures, and the second is not followed. That is the only reduction: every state that
any schedule can reach is reached, and every end is judged.

Each worker's time stands still but for its own sleeping, unless the race has
``one_time``: then whoever goes on sees the latest time that anybody has seen, as a
worker does that was held up. Nobody is held up between the gate's answer and the
provider call: that time is bounded (``GATE_MAX_AGE_S``) because no process is frozen
in the middle of its run.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from carillon.ports import Clock
from tests.faults.world import Crash, World
from tests.support.clock import FakeClock
from tests.support.sending import FakeMessages

# Calls that read what never changes here: they commute with everything, so nobody stops there.
_FIXED = frozenset({"audiences.part", "directory.sender", "outbox.waiting"})
# Whatever of a world is stored stands in fakes of this module.
_STORES = FakeMessages.__module__
# A worker that does not come to its next call within this has hung: the test's fault or ours.
_STUCK_S = 20.0


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class Worker:
    """One process: what it runs, its own time, and what it has been answered."""

    name: str
    run: Callable[[], object]
    clock: FakeClock
    doing: str = ""
    history: int = 0
    claims: int = 0
    over: bool = False
    # How many calls it may make before it stops again.
    granted: int = 0
    # Bare locks, taken by whoever waits and released by the other side: the cheapest hand-over.
    may_go: threading.Lock = field(default_factory=_taken)

    def note(self, answer: object) -> None:
        """Remember what a call brought: the future depends on nothing else."""
        self.history = hash((self.history, self.doing, repr(answer)))

    @property
    def state(self) -> tuple[object, ...]:
        """What the worker's future depends on, beside the stored state."""
        return (self.doing, self.history, self.over, self.clock.monotonic())


class Race(World):
    """A world in which workers are set against each other, call by call."""

    def __init__(self, leads: int = 2, parts: int = 1, *, one_time: bool = False) -> None:
        self.one_time = one_time
        self._latest_s = 0.0
        self.workers: list[Worker] = []
        self._by_thread: dict[int, Worker] = {}
        self._arrived = _taken()
        self._abandoned = False
        super().__init__(leads=leads, parts=parts)
        self.carrier.latency_s = 0.0

    def enter(self, name: str, run: Callable[[], object], *, ahead_s: float = 0.0) -> Worker:
        """Let *run* take part as worker *name*, whose time is *ahead_s* later."""
        clock = FakeClock(self.clock.now())
        clock.sleep(ahead_s)
        worker = Worker(name, run, clock)
        self.workers.append(worker)
        return worker

    def clock_of(self, function: str) -> Clock:
        """Return the present worker's own time; once the race is over, the world's."""
        worker = self._present()
        return worker.clock if worker else super().clock_of(function)

    # The schedule -------------------------------------------------------------

    def begin(self) -> None:
        """Bring every worker to its first call."""
        for worker in self.workers:
            thread = threading.Thread(target=self._work, args=(worker,), daemon=True)
            thread.start()
            self._await_arrival()

    def step(self, worker: Worker, calls: int = 1) -> None:
        """Let *worker* make the next *calls* calls, and come to the one after them."""
        if self.one_time:
            worker.clock.sleep(self._latest_s - worker.clock.monotonic())
        worker.granted = calls
        worker.may_go.release()
        self._await_arrival()
        self._latest_s = max(self._latest_s, worker.clock.monotonic())

    def abandon(self) -> None:
        """End every worker where it stands."""
        self._abandoned = True
        for worker in self.workers:
            if not worker.over:
                self.step(worker)

    def choices(self) -> list[int]:
        """Return who may go next."""
        waiting = [n for n, worker in enumerate(self.workers) if not worker.over]
        calling = [n for n in waiting if self.workers[n].doing == "provider.send"]
        return calling[:1] if self.one_time and calling else waiting

    def fingerprint(self) -> int:
        """Return a hash of everything that the futures of all workers depend on."""
        stores = (one for one in vars(self).values() if type(one).__module__ == _STORES)
        return hash(
            (
                *(worker.state for worker in self.workers),
                self._latest_s,
                *(_contents(store) for store in stores),
                repr(self.carrier.ledger),
                tuple((e.at, e.kind, repr(e.payload)) for e in sorted(self._events)),
            )
        )

    def settle(self) -> None:
        """After the race: let time pass until everything is settled."""
        self.clock.sleep(max(worker.clock.monotonic() for worker in self.workers))
        self.run()

    def _work(self, worker: Worker) -> None:
        self._by_thread[threading.get_ident()] = worker
        try:
            worker.run()
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - what ends a worker is the judge's to see
            self.broken.append(error)
        worker.over, worker.doing = True, ""
        del self._by_thread[threading.get_ident()]
        self._arrived.release()

    def _await_arrival(self) -> None:
        assert self._arrived.acquire(timeout=_STUCK_S), "a worker hangs"

    def _present(self) -> Worker | None:
        return self._by_thread.get(threading.get_ident())

    def _tapped(self, port: Any, name: str) -> Any:
        worker = self._present()
        return _Stops(port, name, worker, self) if worker else super()._tapped(port, name)

    def call(self, worker: Worker, name: str, make: Callable[[], Any]) -> Any:
        """Stop before the call *name*; make it when the schedule says so."""
        worker.doing = name
        if worker.granted == 0:
            self._arrived.release()
            assert worker.may_go.acquire(timeout=_STUCK_S), "the explorer hangs"
        worker.granted -= 1
        if self._abandoned:
            raise Crash
        try:
            answer = make()
        except Exception as error:
            worker.note(error)
            raise
        worker.note(answer)
        return answer

    def _new_claim_id(self) -> str:
        worker = self._present()
        if worker is None:
            return super()._new_claim_id()
        worker.claims += 1
        return f"{worker.name}-{worker.claims}"


class _Stops:
    """Stands before a port and makes its worker stop before each of its calls."""

    def __init__(self, port: Any, name: str, worker: Worker, race: Race) -> None:
        self._port = port
        self._name = name
        self._worker = worker
        self._race = race

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)

        name = f"{self._name}.{method}"

        def stopping(*args: Any, **kwargs: Any) -> Any:
            return self._race.call(self._worker, name, lambda: call(*args, **kwargs))

        return call if name in _FIXED else stopping


@dataclass
class Explored:
    """How much there was: distinct states, executions, and ends that were judged."""

    states: int = 0
    runs: int = 0
    ends: int = 0


def explore(a_race: Callable[[], Race], judge: Callable[[Race], None]) -> Explored:
    """Follow every schedule of the race's workers to its end; raise the judge's first objection."""
    explored = Explored()
    seen: set[int] = set()
    prefixes: list[list[int]] = [[]]
    while prefixes:
        prefix = prefixes.pop()
        explored.runs += 1
        race = a_race()
        race.begin()
        for choice, calls in itertools.groupby(prefix):
            race.step(race.workers[choice], calls=len(list(calls)))
        if not _follow(race, prefix, seen, prefixes):
            race.abandon()
            continue
        explored.ends += 1
        try:
            race.settle()
            judge(race)
        except AssertionError as error:
            told = "".join(race.workers[choice].name[0] for choice in prefix)
            raise AssertionError(f"schedule {told}: {error}") from error
    explored.states = len(seen)
    return explored


def _contents(store: object) -> str:
    """Return what *store* holds, however it came to hold it."""
    return repr(
        [
            sorted(map(repr, held.items())) if isinstance(held, dict) else held
            for name, held in vars(store).items()
            # The stream's history, which nobody reads here.
            if name != "changes"
        ]
    )


def _follow(race: Race, schedule: list[int], seen: set[int], prefixes: list[list[int]]) -> bool:
    """Go on to the end, noting the other ways; False when all that follows is known."""
    while True:
        state = race.fingerprint()
        if state in seen:
            return False
        seen.add(state)
        choices = race.choices()
        if not choices:
            return True
        first, *others = choices
        prefixes.extend([*schedule, other] for other in others)
        race.step(race.workers[first])
        schedule.append(first)
