"""
How Lambda turns messages and stream records into invocations, in virtual time.

Batch sizes and windows are the template's. What AWS does not write there is assumed:

    SQS     a standard queue with a maximum concurrency is polled by five at a time (the
            Lambda guide, "Configuring scaling behavior for SQS event source mappings"), each
            forming batches of its own; a receive brings, and a delete takes, at most ten
    stream  four shards, which a new on-demand table has; a partition key belongs to one of
            them; one invocation a shard at a time
"""

import heapq
import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from tests.bench.template import Trigger

POLLERS = 5
SHARDS = 4
_RECEIVED_AT_ONCE = 10

Record = TypeVar("Record")


class Timeline:
    """
    Implements ``ports.Clock``: virtual time that plays what is due while somebody sleeps.

    So a pacer that runs for minutes and the functions that work beside it meet in
    the order they would on AWS.
    """

    def __init__(self, start: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._ties = itertools.count()

    def now(self) -> datetime:
        """Return the present instant."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the virtual seconds since the start."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass, and happen what is due within them."""
        until = self._elapsed + max(0.0, seconds)
        while self._due and self._due[0][0] <= until:
            self._play_next()
        self._elapsed = max(self._elapsed, until)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let *act* happen *seconds* from now."""
        heapq.heappush(self._due, (self._elapsed + seconds, next(self._ties), act))

    def run(self) -> None:
        """Play everything until nothing is due any more."""
        while self._due:
            self._play_next()

    def _play_next(self) -> None:
        at, _, act = heapq.heappop(self._due)
        self._elapsed = max(self._elapsed, at)
        act()


@dataclass
class _Buffer(Generic[Record]):
    records: list[Record] = field(default_factory=list)
    # Tells the window of this batch from that of one which filled up before it.
    batch: int = 0


class Batches(Generic[Record]):
    """Gathers records into batches: one buffer for each poller or shard."""

    def __init__(
        self, trigger: Trigger, timeline: Timeline, invoke: Callable[[list[Record]], None]
    ) -> None:
        self._trigger = trigger
        self._timeline = timeline
        self._invoke = invoke
        self._buffers: dict[int, _Buffer[Record]] = {}

    def add(self, buffer_id: int, record: Record) -> None:
        """Put *record* into a buffer; the batch goes when it is full or its window is over."""
        buffer = self._buffers.setdefault(buffer_id, _Buffer())
        buffer.records.append(record)
        if len(buffer.records) >= self._trigger.size:
            self._timeline.after(0.0, self._flush(buffer))
        elif len(buffer.records) == 1:
            self._timeline.after(self._trigger.window_s, self._flush(buffer))

    def _flush(self, buffer: _Buffer[Record]) -> Callable[[], None]:
        batch = buffer.batch

        def flush() -> None:
            if buffer.batch != batch or not buffer.records:
                return
            due, buffer.records = (
                buffer.records[: self._trigger.size],
                buffer.records[self._trigger.size :],
            )
            buffer.batch += 1
            if buffer.records:
                self._timeline.after(self._trigger.window_s, self._flush(buffer))
            self._invoke(due)

        return flush


def poller_of(number: int) -> int:
    """Return which poller takes the queue's *number*-th message."""
    return number % POLLERS


def shard_of(partition: str) -> int:
    """Return which shard the changes of *partition* arrive on."""
    return zlib.crc32(partition.encode()) % SHARDS


def receives_and_deletes(messages: int) -> int:
    """Return the SQS requests that taking a batch of *messages* from a queue costs, at least."""
    return 2 * -(-messages // _RECEIVED_AT_ONCE)


def sqs_event(bodies: list[str]) -> dict[str, Any]:
    """Return what Lambda hands to a function for a batch of a queue."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": "r",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
