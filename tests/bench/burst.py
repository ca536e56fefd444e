"""
``make bench-burst``: 100,000 receipts at once; who is lost, how many runs, how long it takes.

Half as many messages are ``submitted``; each gets ``sent`` and ``delivered``, in any order and
as fast as the gateway's throttle lets them in. The functions are the real ones over the
emulator's engine (``store``); time is modelled. RECEIPTS changes their number, WEBHOOKS how many
of them go through provider_webhooks itself (1,000): the others are what it enqueues, as compared.

Assumed beside template.yaml: a queue's consumer starts with five runs at a time and gets five
more a second (300 a minute, the Lambda guide's "Scaling behavior"); a run takes its calls'
answers or its calls' CPU on its share of a processor, whichever is longer; every fiftieth
batch is delivered twice. Ends with 1 when a message is not final.
"""

import heapq
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import yaml

from carillon.adapters.aws import client
from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import to_item
from carillon.domain.ids import lead_key
from carillon.domain.message import CallbackRef, RowRef
from tests.bench.lambda_model import sqs_event
from tests.bench.meter import Meter
from tests.bench.report import PARTITION_WRITE_UNITS
from tests.bench.store import Store, response
from tests.bench.template import TEMPLATE, functions
from tests.bench.world import AWS_CALL_S, OWN_TIME_S, Discarded, environment, handler_of, indexes
from tests.support.sending import a_sender
from tests.support.sending_functions import BASE_URL, SECRET, TOKEN, Context, a_webhook
from tests.support.tables import _Loader as Loader

_FIRST_RUNS = 5
_MORE_RUNS_A_SECOND = 5.0
# What make bench-peers measures for one call of a client.
_CPU_OF_CALL_S = 0.0012
_MB_OF_A_PROCESSOR = 1769
_AT_ONCE = 8
_TWICE = 50


class Burst:
    """One burst, from signed calls to final rows."""

    def __init__(self, receipts: int) -> None:
        self._messages = receipts // 2
        self.now = 0.0
        self._queued: list[str] = []
        self._store = Store(lambda _url, body, _delay: self._queued.append(body))
        self.meter = Meter(
            peek=self._store.peek,
            examined=self._store.query,
            indexes=indexes(),
            now=lambda: self.now,
        )
        self._random = random.Random(1)
        function = functions()["process_receipts"]
        assert function.trigger is not None
        self._batch, self._window_s = function.trigger.size, function.trigger.window_s
        self._share = function.memory_mb / _MB_OF_A_PROCESSOR
        self._most_runs, self.throttle = _limits()
        self.runs = 0
        self.longest_queue = 0
        self.written = 0
        self.ended = 0.0

    def run(self, sampled: int) -> None:
        """Let everything arrive and be worked off."""
        self._open()
        calls = [
            (number, status) for number in range(self._messages) for status in ("sent", "delivered")
        ]
        self._random.shuffle(calls)
        self._call_webhooks(calls[:sampled])
        bodies = [json.dumps(self._enqueued(*call), separators=(",", ":")) for call in calls]
        self.meter.attach(self._dynamodb.meta.events)
        self._work_off(bodies)

    def statuses(self) -> Counter[str]:
        """Return how many rows are in which state."""
        return Counter(item["status"]["S"] for item in self._store.items("MessagesTable"))

    def _open(self) -> None:
        events = boto3.DEFAULT_SESSION.events
        self._store.attach(events)
        events.register("before-call.secretsmanager.GetSecretValue", _secret)
        client.cache_clear()
        self._dynamodb = client("dynamodb")
        self._store.create_tables(self._dynamodb)
        sender = {
            "pk": schema.sender_pk("snd_a"),
            "sk": "SND",
            **vars(a_sender()),
            "unsolicited": None,
        }
        self._dynamodb.put_item(TableName="ControlTable", Item=to_item(sender))
        for start in range(0, self._messages, 25):
            numbers = range(start, min(start + 25, self._messages))
            puts = [{"PutRequest": {"Item": to_item(self._row(n))}} for n in numbers]
            self._dynamodb.batch_write_item(RequestItems={"MessagesTable": puts})

    def _row(self, number: int) -> dict[str, Any]:
        ref = _ref(number)
        return {
            "pk": ref.pk,
            "sk": ref.sk,
            "kind": "lead",
            "status": "submitted",
            "claim_id": _claim(number),
            "claimed_at": "2026-11-22T12:00:00.000Z",
            "submitted_at": "2026-11-22T12:00:00.200Z",
            "provider_id": f"SM{number:032x}",
            "attempts": 1,
            "phone": _phone(number),
            "sender_id": "snd_a",
            "office_id": "off_north",
            "segments": 1,
            "content_version": 1,
            "text_digest": "d" * 32,
        }

    def _call_webhooks(self, calls: list[tuple[int, str]]) -> None:
        """Let the real function verify and enqueue *calls*; what it enqueues is what we model."""
        handle = handler_of("provider_webhooks")
        for number, status in calls:
            event = a_webhook("status", _form(number, status), query=f"ref={_token(number)}")
            answer = handle(event, Context())
            if answer["statusCode"] >= 300:
                raise RuntimeError(f"a signed receipt was answered {answer['statusCode']}")
            ours, real = self._enqueued(number, status), json.loads(self._queued.pop())
            if any(real[name] != ours[name] for name in ours.keys() - {"received_at"}):
                raise RuntimeError("the function enqueues something else than the bench")

    def _enqueued(self, number: int, status: str) -> dict[str, Any]:
        return {
            "v": 1,
            "provider": "twilio",
            "sender_id": "snd_a",
            "received_at": "2026-11-22T12:00:09.000Z",
            "ref": _token(number),
            "payload": {name: [value] for name, value in _form(number, status).items()},
        }

    def _work_off(self, bodies: list[str]) -> None:
        """Hand *bodies*, of which ``throttle`` arrive a second, to as many runs as there are."""
        handle = handler_of("process_receipts")
        waiting = [(number / self.throttle, body) for number, body in enumerate(bodies)]
        taken = 0
        # When which run is free for its next batch.
        free = [
            max(0.0, (n + 1 - _FIRST_RUNS) / _MORE_RUNS_A_SECOND) for n in range(self._most_runs)
        ]
        heapq.heapify(free)
        while taken < len(waiting):
            starts = heapq.heappop(free)
            full = waiting[min(taken + self._batch, len(waiting)) - 1][0]
            self.now = max(starts, min(full, waiting[taken][0] + self._window_s))
            batch = [body for at, body in waiting[taken : taken + self._batch] if at <= self.now]
            taken += len(batch)
            arrived = min(len(waiting), int(self.now * self.throttle) + 1)
            self.longest_queue = max(self.longest_queue, arrived - taken)
            ends = self.now
            for _ in range(1 + (self.runs % _TWICE == _TWICE - 1)):
                ends += self._invoke(handle, batch)
            heapq.heappush(free, ends)
            self.ended = max(self.ended, ends)

    def _invoke(self, handle: Any, batch: list[str]) -> float:
        self.runs += 1
        with self.meter.stage(f"run {self.runs}") as used:
            answer = handle(sqs_event(batch), None)
        if answer["batchItemFailures"]:
            raise RuntimeError("a receipt failed")
        calls = used.calls.total()
        self.written += int(used.write_units)
        del self.meter.stages[f"run {self.runs}"]
        return OWN_TIME_S + max(calls * AWS_CALL_S / _AT_ONCE, calls * _CPU_OF_CALL_S / self._share)


def main() -> int:
    """Run, print, and return the process's exit code."""
    receipts = int(os.environ.get("RECEIPTS") or 100_000)
    sampled = min(int(os.environ.get("WEBHOOKS") or 1_000), receipts)
    burst = Burst(receipts)
    with environment(), _functions_environment(), _quiet():
        burst.run(sampled)
    states = burst.statuses()
    arrived_s = receipts / burst.throttle
    print(
        f"{receipts:,} receipts of {receipts // 2:,} messages, {burst.throttle:,} a second as the "
        f"gateway lets them in ({arrived_s:.0f} s); {sampled:,} through provider_webhooks:\n"
        f"  rows by state: {dict(states)}; lost: {receipts // 2 - states['delivered']}\n"
        f"  invocations: {receipts:,} of provider_webhooks, {burst.runs:,} of process_receipts "
        f"({receipts / burst.runs:.0f} receipts each)\n"
        f"  worked off {max(0.0, burst.ended - arrived_s):.1f} s after the last came (modelled); "
        f"at most {burst.longest_queue:,} waited; {burst.written / receipts:.2f} write units each"
    )
    _, units = burst.meter.hottest()["MessagesTable"]
    print(
        f"  hottest messages partition: {units:,} write units in one second "
        f"(DynamoDB gives a partition {PARTITION_WRITE_UNITS:,})"
    )
    return int(states["delivered"] != receipts // 2)


def _limits() -> tuple[int, int]:
    """Return how many runs of process_receipts there may be, and the webhooks' throttle."""
    template = yaml.load(TEMPLATE.read_text(), Loader)
    event = template["Resources"]["ProcessReceiptsFunction"]["Properties"]["Events"]["Work"]
    ((_, (_condition, on_aws, _local)),) = event["Properties"]["ScalingConfig"][
        "MaximumConcurrency"
    ].items()
    return int(on_aws), int(template["Parameters"]["WebhooksPerSecond"]["Default"])


def _ref(number: int) -> RowRef:
    part = number // schema.LEADS_PER_PART
    return RowRef(schema.part_pk("cmp_bench", part), lead_key(_phone(number)))


def _token(number: int) -> str:
    return CallbackRef(_ref(number), _claim(number)).token


def _claim(number: int) -> str:
    return f"{number:016x}"


def _phone(number: int) -> str:
    return f"+1202{number:07d}"


def _form(number: int, status: str) -> dict[str, str]:
    return {
        "MessageSid": f"SM{number:032x}",
        "MessageStatus": status,
        "SmsStatus": status,
        "To": _phone(number),
        "From": "+12025550100",
        "AccountSid": "AC" + "0" * 32,
        "ApiVersion": "2010-04-01",
    }


def _secret(params: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
    text = json.dumps({"account_sid": "AC1", "auth_token": TOKEN})
    return response(params["url"], 200, {}, b""), {"Name": SECRET, "SecretString": text}


@contextmanager
def _functions_environment() -> Iterator[None]:
    os.environ.update(
        CONTROL_TABLE="ControlTable",
        RECEIPT_QUEUE_URL="https://queue.local/receipt",
        INBOUND_QUEUE_URL="https://queue.local/inbound",
        WEBHOOK_BASE_URL=BASE_URL,
    )
    yield


@contextmanager
def _quiet() -> Iterator[None]:
    kept, sys.stdout = sys.stdout, Discarded(lambda _: None)
    try:
        yield
    finally:
        sys.stdout = kept


if __name__ == "__main__":
    sys.exit(main())
