"""
Counts what clients are charged for, by stage: DynamoDB units, SQS and S3 requests.

Hooks into botocore's events, so that the adapters under measurement are the real
ones. Emulators report a ConsumedCapacity of their own making (moto's is wrong in 9 of 11
probes); this one is computed from the items before and after each request (``capacity``).
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench import capacity
from tests.bench.capacity import Index

Item = dict[str, Any]
Peek = Callable[[str, Mapping[str, Any]], Item | None]
# Told (table, key, before, after) of each change.
OnChange = Callable[[str, Item, Item | None, Item | None], None]

_CONTEXT = "carillon_meter"
_KEYS = ("pk", "sk")
_WRITE_ACTIONS = ("Put", "Update", "Delete", "ConditionCheck")
# What S3 prices as PUT, COPY, POST, LIST; the rest is GET and all others.
_S3_PUTS = frozenset(
    {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
)


@dataclass
class Usage:
    """
    What one stage used. ``calls`` and their ``units`` by (operation, tables).

    ``invocations`` by function; times are modelled (``world``), never measured.
    """

    write_units: float = 0
    read_units: float = 0
    sqs_requests: int = 0
    s3_puts: int = 0
    s3_gets: int = 0
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    units: dict[tuple[str, str], float] = field(default_factory=dict)
    invocations: Counter[str] = field(default_factory=Counter)
    gb_seconds: float = 0
    log_bytes: int = 0
    gateway_requests: int = 0
    provider_calls: int = 0

    def add(self, other: "Usage") -> None:
        """Add what *other* used."""
        for name, value in vars(other).items():
            own = getattr(self, name)
            if isinstance(value, dict):
                for key, amount in value.items():
                    own[key] = own.get(key, 0) + amount
            else:
                setattr(self, name, own + value)


@dataclass(frozen=True)
class _Write:
    """One item's write within a request; *times* is 2 within a transaction."""

    action: str
    table: str
    key: Item
    before: Item | None
    times: int = 1


class Meter:
    """Attach it to a session's events; read ``stages``."""

    def __init__(
        self,
        *,
        peek: Peek,
        examined: Callable[[Mapping[str, Any]], list[Item]],
        indexes: Mapping[str, tuple[Index, ...]],
        on_change: OnChange = lambda *_: None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """*peek* reads an item unmetered, *examined* runs a Query so; *now* is in seconds."""
        self._peek = peek
        self._examined = examined
        self._indexes = indexes
        self._on_change = on_change
        self._now = now
        # (table, partition key, whole second) -> write units.
        self._by_second: Counter[tuple[str, str, int]] = Counter()
        self._lock = threading.Lock()
        self._stage = ["elsewhere"]
        self.stages: dict[str, Usage] = {}

    def attach(self, events: Any) -> None:
        """Count the requests of every client whose session's *events* these are."""
        events.register("before-parameter-build.dynamodb.*", self._before)
        events.register("after-call.dynamodb.*", self._after)
        events.register("before-parameter-build.sqs.SendMessage", self._message)
        events.register("before-parameter-build.s3.*", self._object)

    @contextmanager
    def stage(self, name: str) -> Iterator[Usage]:
        """Count what happens inside under *name*; the innermost stage counts."""
        self._stage.append(name)
        try:
            yield self.usage()
        finally:
            self._stage.pop()

    def usage(self) -> Usage:
        """Return what the present stage has used so far."""
        return self.stages.setdefault(self._stage[-1], Usage())

    # Hooks --------------------------------------------------------------------

    def _before(self, params: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
        context[_CONTEXT] = (params, self._writes(model.name, params))

    def _after(self, parsed: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
        params, writes = context[_CONTEXT]
        with self._lock:
            self._count(model.name, params, writes, parsed)

    def _message(self, params: Mapping[str, Any], **_: Any) -> None:
        with self._lock:
            used = self.usage()
            used.calls["sqs.SendMessage", ""] += 1
            used.sqs_requests += capacity.sqs_requests(len(params["MessageBody"].encode()))

    def _object(self, model: Any, **_: Any) -> None:
        with self._lock:
            used = self.usage()
            used.calls[f"s3.{model.name}", ""] += 1
            if model.name in _S3_PUTS:
                used.s3_puts += 1
            else:
                used.s3_gets += 1

    # DynamoDB -----------------------------------------------------------------

    def _count(
        self,
        operation: str,
        params: Mapping[str, Any],
        writes: list[_Write],
        parsed: Mapping[str, Any],
    ) -> None:
        used = self.usage()
        label = (f"dynamodb.{operation}", ",".join(sorted(_tables(operation, params))))
        used.calls[label] += 1
        if writes:
            units = float(self._charge(writes, refused="Error" in parsed))
            used.write_units += units
        else:
            units = self._reads(operation, params, parsed)
            used.read_units += units
        used.units[label] = used.units.get(label, 0.0) + units

    def _writes(self, operation: str, params: Mapping[str, Any]) -> list[_Write]:
        match operation:
            case "PutItem" | "UpdateItem" | "DeleteItem":
                return [self._write(operation.removesuffix("Item"), params)]
            case "TransactWriteItems":
                return [
                    self._write(action, entry[action], times=capacity.TRANSACTIONAL)
                    for entry in params["TransactItems"]
                    for action in _WRITE_ACTIONS
                    if action in entry
                ]
            case "BatchWriteItem":
                return [
                    self._write(
                        request.removesuffix("Request"), {**entry[request], "TableName": table}
                    )
                    for table, entries in params["RequestItems"].items()
                    for entry in entries
                    for request in entry
                ]
        return []

    def _write(self, action: str, params: Mapping[str, Any], times: int = 1) -> _Write:
        table = params["TableName"]
        given = params["Item"] if action == "Put" else params["Key"]
        key = {name: given[name] for name in _KEYS if name in given}
        return _Write(action, table, key, self._peek(table, key), times)

    def _charge(self, writes: list[_Write], *, refused: bool) -> int:
        second, total = int(self._now()), 0
        for write in writes:
            units = write.times * self._units(write, refused=refused)
            self._by_second[write.table, write.key["pk"]["S"], second] += units
            total += units
        return total

    def hottest(self) -> dict[str, tuple[str, int]]:
        """Return each table's partition key with the most write units in one second, and them."""
        found: dict[str, tuple[str, int]] = {}
        for (table, key, _), units in self._by_second.items():
            if units > found.get(table, ("", 0))[1]:
                found[table] = key, units
        return found

    def _units(self, write: _Write, *, refused: bool) -> int:
        if refused or write.action == "ConditionCheck":
            return capacity.refused_units(write.before)
        after = self._peek(write.table, write.key)
        if write.before != after:
            self._on_change(write.table, write.key, write.before, after)
        indexes = self._indexes.get(write.table, ())
        if after is None:
            return capacity.delete_units(write.before, indexes)
        return capacity.put_or_update_units(write.before, after, indexes)

    def _reads(self, operation: str, params: Mapping[str, Any], parsed: Mapping[str, Any]) -> float:
        match operation:
            case "GetItem":
                found = self._peek(params["TableName"], params["Key"])
                return capacity.get_units([found], consistent=params.get("ConsistentRead", False))
            case "BatchGetItem":
                return sum(
                    capacity.get_units(
                        [self._peek(table, key) for key in wanted["Keys"]],
                        consistent=wanted.get("ConsistentRead", False),
                    )
                    for table, wanted in params["RequestItems"].items()
                )
            case "Query" | "Scan":
                narrowed = params.keys() & {"FilterExpression", "ProjectionExpression"}
                examined = self._examined(examined_request(params)) if narrowed else parsed["Items"]
                consistent = params.get("ConsistentRead", False)
                return capacity.query_units(examined, consistent=consistent)
        return 0.0


def examined_request(params: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the Query that reads the same page as *params* without filter and projection.

    Names and values that only those used are left out: DynamoDB refuses unused ones.
    """
    request = {
        name: value
        for name, value in params.items()
        if name not in ("FilterExpression", "ProjectionExpression", "Select")
    }
    condition = params["KeyConditionExpression"]
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        used = {
            alias: value
            for alias, value in params.get(name, {}).items()
            if re.search(rf"{re.escape(alias)}\b", condition)
        }
        request.pop(name, None)
        if used:
            request[name] = used
    return request


def _tables(operation: str, params: Mapping[str, Any]) -> set[str]:
    if "RequestItems" in params:
        return set(params["RequestItems"])
    if operation == "TransactWriteItems":
        return {w["TableName"] for entry in params["TransactItems"] for w in entry.values()}
    return {params["TableName"]} if "TableName" in params else set()
