"""A function stopped in the middle of a batch, and messages that come again hours later (F2)."""

import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from carillon.adapters import aws
from carillon.domain.errors import Throttled
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from carillon.usecases.pace_sender import PacingWorld
from tests.faults.world import Crash, World, _Event
from tests.support.messages import PHONE, a_claim
from tests.support.sending import a_campaign, a_sender
from tests.support.sending_functions import (
    Deployment,
    a_batch,
    a_receipt_message,
    deployment,
)

# A pacer's time-out, with calls in flight -----------------------------------------------------

_IN_FLIGHT = 3
_STOPS = (
    "before leads.claim",
    "after leads.claim",
    "after gate.look",
    "after provider.send",
    "after leads.record_submitted",
)


class Frozen(BaseException):
    """This call got no further when its process was stopped."""


class _StoppedPool(Executor):
    """Takes calls until all workers are busy, lets each come as far as it may, and dies."""

    def __init__(self, world: "TimedOut") -> None:
        self._world = world
        self._calls: list[tuple[Future[Any], Callable[[], object]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._calls.append((future, lambda: fn(*args, **kwargs)))
        if len(self._calls) == _IN_FLIGHT:
            self._die()
        return future

    def _die(self) -> None:
        for (future, call), stop in zip(self._calls, self._world.stops, strict=True):
            self._world.stop = stop
            with pytest.raises(Frozen):
                call()
            # Nobody waits for it: its process is gone.
            future.set_exception(Frozen())
        self._world.stop = ""
        raise Crash


class TimedOut(World):
    """A world whose first pacer is stopped with three calls in flight, each at its own place."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        super().__init__(leads=5)
        self.stops = stops
        self.stop = ""
        self._is_first = True
        self.tap = self._freeze

    def pacing(self, function: str = "pacer") -> PacingWorld:
        made = super().pacing(function)
        if not self._is_first:
            return made
        self._is_first = False
        return replace(made, executor=_StoppedPool(self), workers=_IN_FLIGHT + 1)

    def _freeze(self, where: str) -> None:
        if where == self.stop:
            raise Frozen


@pytest.mark.parametrize("receipts", ["come", "are lost"])
def test_a_pacer_stopped_with_calls_in_flight_repeats_and_loses_nobody(receipts: str) -> None:
    for stops in itertools.product(_STOPS, repeat=_IN_FLIGHT):
        world = TimedOut(stops)
        if receipts == "are lost":
            world.carrier.emit = lambda *_: None

        world.run()

        world.assert_never_twice_never_lost()


# The functions ---------------------------------------------------------------------------------


@pytest.fixture
def deployed() -> Iterator[Deployment]:
    with deployment() as made:
        made.stores.keep_sender(a_sender())
        yield made


@contextmanager
def stopped_at_call(number: int) -> Iterator[None]:
    """Stop the function right before its *number*-th request to DynamoDB."""
    seen = itertools.count(1)

    def stop(**_: Any) -> None:
        if next(seen) == number:
            raise Crash

    events = aws.client("dynamodb").meta.events
    events.register("before-call.dynamodb", stop)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb", stop)


def test_receipts_whose_function_was_stopped_half_way_are_all_applied_when_they_come_again(
    deployed: Deployment,
) -> None:
    refs = [RowRef("cmp_a#00000", lead_key(f"+1202555{n:04d}")) for n in range(101, 105)]
    for n, ref in enumerate(refs):
        deployed.stores.messages.claim(replace(a_claim(), id=f"c{n}", ref=ref))
    batch = a_batch(
        *(a_receipt_message(ref, "sent") for ref in refs),
        *(a_receipt_message(ref, "delivered") for ref in refs[:2]),
        a_receipt_message(RowRef("cmp_a#00000", "f" * 32), "delivered"),
    )
    stopped = 0
    for number in range(1, 10):
        with stopped_at_call(number):
            try:
                deployed.invoke("process_receipts", batch)
            except Crash:
                stopped += 1

    answer = deployed.invoke("process_receipts", batch)

    assert answer == {"batchItemFailures": []}
    rows = deployed.stores.messages.rows("cmp_a", 0)
    assert [rows[ref.sk].status for ref in refs] == [
        "delivered",
        "delivered",
        "submitted",
        "submitted",
    ]
    assert len(list(deployed.stores.messages.parked_receipts())) == 1
    assert stopped >= 5


@pytest.mark.parametrize("folder", ["send_messages", "reconcile_messages", "process_inbound"])
def test_a_message_that_cannot_be_read_goes_to_the_dead_letter_queue_alone(
    deployed: Deployment, folder: str
) -> None:
    good: dict[str, Any] = {
        "send_messages": {"sender_id": "snd_a"},
        "reconcile_messages": {"campaign_id": "cmp_a"},
        "process_inbound": {
            "sender_id": "snd_a",
            "received_at": "2026-11-22T12:01:00.000Z",
            "params": {"MessageSid": ["SM1"], "From": [PHONE], "Body": ["hello"]},
        },
    }
    deployed.stores.keep_campaign(a_campaign())

    poison = ["", "[]", "{", '{"v": 1}', "null", '{"received_at": 7}']

    answer = deployed.invoke(folder, a_batch(*poison, json.dumps(good[folder])))

    failed = [{"itemIdentifier": f"m{number}"} for number in range(len(poison))]
    assert answer == {"batchItemFailures": failed}


# Redriven messages -----------------------------------------------------------------------------


class Remembering(World):
    """A world that remembers every message that was ever queued."""

    def __init__(self, leads: int) -> None:
        self.queued: list[tuple[str, Any]] = []
        super().__init__(leads=leads)

    def _schedule(self, after_s: float, kind: str, payload: Any) -> None:
        if kind not in ("minute", "act"):
            self.queued.append((kind, deepcopy(payload)))
        super()._schedule(after_s, kind, payload)

    def redrive(self) -> None:
        """Deliver everything again, the newest first."""
        for kind, payload in reversed(list(self.queued)):
            self._redeliver(kind, payload)

    def _redeliver(self, kind: str, payload: Any) -> None:
        try:
            self._handle(_Event(self.clock.monotonic(), 0, kind, payload))
        except Throttled as error:
            pytest.fail(f"a redriven message waits for something: {error}")


def test_every_message_redriven_hours_later_twice_over_changes_nothing() -> None:
    world = Remembering(leads=4)
    world.carrier.behave = lambda n: ("accept", "drop_reply", "unavailable")[n % 3]
    world.at(30.0, lambda: world.inbound(0.0, world.reply(world.phones[0], "STOP", "SMstop")))
    world.at(90.0, lambda: world.inbound(0.0, world.reply(world.phones[0], "START", "SMstart")))
    world.at(95.0, lambda: world.inbound(0.0, world.reply(world.phones[1], "HELP", "SMhelp")))
    world.run()
    world.assert_never_twice_never_lost()
    rows = deepcopy(world.messages.items)
    ledger = list(world.carrier.ledger)
    consent = deepcopy(world.suppressions.standing)

    for _ in range(2):
        world.clock.sleep(6 * 3600.0)
        world.redrive()

    assert {kind for kind, _ in world.queued} == {"send", "reconcile", "receipt", "inbound"}
    assert world.carrier.ledger == ledger
    assert world.suppressions.standing == consent
    assert _without_times(world.messages.items) == _without_times(rows)
    assert world.recounts.messages == [{"campaign_id": "cmp_a", "reason": "close"}]


def _without_times(rows: dict[RowRef, dict[str, Any]]) -> dict[RowRef, dict[str, Any]]:
    """Leave out when somebody last wrote, which a redelivery may tell again."""
    return {
        ref: {name: value for name, value in row.items() if name != "last_inbound_at"}
        for ref, row in rows.items()
    }
