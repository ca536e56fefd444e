"""
Virtual time for pacers: calls that last, several pacers at once, and always the same order.

What lasts is an event of the future; whoever sleeps or waits plays the events that come
first, and lets time jump to the next one. So a minute at 400 messages a second with
300 ms a call takes a second or two, and each run is the same as the one before.

    executor.submit     the call begins ``storage_s`` later (its claim and its gate), runs at
                        once, and what it sleeps is how much later its future is done
    together(...)       several jobs, each in a thread, of which one runs at a time
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ALL_COMPLETED, Executor, Future
from datetime import datetime, timedelta
from functools import partial
from math import inf
from typing import Any
from weakref import WeakSet

from tests.support.clock import NOON


class _Job:
    """Whoever waits: until a time, or until something is so."""

    def __init__(self) -> None:
        self.until = 0.0
        self.is_over: Callable[[], bool] = lambda: False
        self.go = threading.Semaphore(0)
        self.error: BaseException | None = None


class VirtualTime:
    """Implements ``ports.Clock``; ``wait`` is the ``concurrent.futures.wait`` of its executors."""

    def __init__(self, start: datetime = NOON) -> None:
        self._start = start
        self._elapsed = 0.0
        # How long the event that is being played has slept already.
        self._lag: float | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._ties = itertools.count()
        self._finished: WeakSet[Future[Any]] = WeakSet()
        self._running = _Job()
        self._jobs = [self._running]

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._elapsed + (self._lag or 0.0)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let *act* happen *seconds* from now; what it sleeps is its own time."""
        heapq.heappush(self._due, (self.monotonic() + seconds, next(self._ties), act))

    def sleep(self, seconds: float) -> None:
        if self._lag is not None:
            self._lag += max(0.0, seconds)
        else:
            self._wait(self._elapsed + max(0.0, seconds), lambda: False)

    def wait(
        self,
        futures: Collection[Future[Any]],
        timeout: float | None = None,
        return_when: str = ALL_COMPLETED,
    ) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Return those of *futures* that are done and those that are not."""
        until = inf if timeout is None else self._elapsed + timeout
        enough = len(futures) if return_when == ALL_COMPLETED else min(1, len(futures))
        self._wait(until, lambda: len(self._done_among(futures)) >= enough)
        done = self._done_among(futures)
        return done, set(futures) - done

    def finish(self, future: Future[Any], finish: Callable[[], None]) -> None:
        """Let *finish* end *future* now, or when the event that is being played has slept."""

        def act() -> None:
            finish()
            self._finished.add(future)

        self.after(0.0, act)

    def _done_among(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        # Few are finished and not dropped yet, many are under way: looked at from this side.
        return {future for future in self._finished if future in futures}

    def together(self, *works: Callable[[], object]) -> None:
        """Do all *works* at the same time; raises what the first of them raised."""
        jobs = [_Job() for _ in works]
        threads = [
            threading.Thread(target=self._work, args=(job, work), daemon=True)
            for job, work in zip(jobs, works, strict=True)
        ]
        self._jobs.extend(jobs)
        for job, thread in zip(jobs, threads, strict=True):
            job.until = self._elapsed
            thread.start()
        self._wait(inf, lambda: not any(job in self._jobs for job in jobs))
        for job, thread in zip(jobs, threads, strict=True):
            thread.join()
            if job.error is not None:
                raise job.error

    def _work(self, job: _Job, work: Callable[[], object]) -> None:
        job.go.acquire()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by together()
            job.error = error
        self._jobs.remove(job)
        self._hand_to(self._next_ready())

    def _wait(self, until: float, is_over: Callable[[], bool]) -> None:
        me = self._running
        me.until, me.is_over = until, is_over
        ready = self._next_ready()
        if ready is not me:
            self._hand_to(ready)
            me.go.acquire()

    def _hand_to(self, job: _Job) -> None:
        self._running = job
        job.go.release()

    def _next_ready(self) -> _Job:
        """Return the first job that may go on, letting time pass until one may."""
        while True:
            for job in self._jobs:
                if job.until <= self._elapsed or job.is_over():
                    return job
            wakes = min(job.until for job in self._jobs)
            if self._due and self._due[0][0] <= wakes:
                self._play_next()
            elif wakes < inf:
                self._elapsed = wakes
            else:
                raise RuntimeError("everybody waits for what never comes")

    def _play_next(self) -> None:
        at, _, act = heapq.heappop(self._due)
        self._elapsed = max(self._elapsed, at)
        self._lag = 0.0
        try:
            act()
        finally:
            self._lag = None


class VirtualExecutor(Executor):
    """Runs each call as an event *storage_s* after it was submitted."""

    def __init__(self, time: VirtualTime, storage_s: Callable[[], float]) -> None:
        self._time = time
        self._storage_s = storage_s

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def begin() -> None:
            try:
                answer = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - that is what an executor does
                self._time.finish(future, partial(future.set_exception, error))
            else:
                self._time.finish(future, partial(future.set_result, answer))

        self._time.after(self._storage_s(), begin)
        return future
