"""
What DynamoDB, SQS and S3 charge for one request, by their documented rules. Pure arithmetic.

Sources, under https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ (read 2026-11):
    item sizes     CapacityUnitCalculations.html
    units          read-write-operations.html, also for writes whose condition fails
    transactions   transaction-apis.html
    indexes        GSI.html, "Provisioned throughput considerations"
and https://aws.amazon.com/sqs/pricing/ for SQS.

Items are typed as on the wire: ``{"pk": {"S": "a"}, "n": {"N": "1"}}``. The 100 bytes of
overhead an item has in storage are no part of what a request is charged for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
SQS_REQUEST_BYTES = 64 * 1024
# DynamoDB prepares and commits: two underlying operations for every item.
TRANSACTIONAL = 2


@dataclass(frozen=True)
class Index:
    """A global secondary index that projects every attribute, by its key attributes."""

    name: str
    partition_key: str
    sort_key: str | None = None

    def holds(self, item: Item | None) -> bool:
        """Whether *item* has an entry in it: only items with all key attributes do."""
        if item is None or self.partition_key not in item:
            return False
        return self.sort_key is None or self.sort_key in item

    def key_of(self, item: Item) -> tuple[Any, ...]:
        """Return the values of the key attributes."""
        return item[self.partition_key], item.get(self.sort_key) if self.sort_key else None


def item_bytes(item: Item | None) -> int:
    """Return the size of *item*: the lengths of its attributes' names and values; 0 if absent."""
    if item is None:
        return 0
    return sum(len(name.encode()) + value_bytes(typed) for name, typed in item.items())


def value_bytes(typed: Mapping[str, Any]) -> int:
    """
    Return the size of one value.

    Text: its UTF-8 bytes. Binary: its raw bytes. Null and Boolean: 1. List and map: 3,
    and 1 an element beside the element's own size (a map's with its name). A set is the
    sum of its members.
    """
    ((kind, value),) = typed.items()
    return _SIZES[kind](value)


def _list_bytes(elements: Iterable[Mapping[str, Any]]) -> int:
    return 3 + sum(1 + value_bytes(element) for element in elements)


def _map_bytes(entries: Item) -> int:
    return 3 + sum(1 + len(name.encode()) + value_bytes(typed) for name, typed in entries.items())


def number_bytes(text: str) -> int:
    """
    Return the size of a number: 1 byte per two significant digits, and 1.

    Leading and trailing zeroes are no significant digits. The documentation says
    "approximately"; a sign is counted as 1 more, which its own examples leave open.
    """
    mantissa = text.lower().partition("e")[0]
    digits = mantissa.lstrip("+-").replace(".", "", 1).strip("0")
    return 1 + -(-len(digits) // 2) + mantissa.startswith("-")


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": number_bytes,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "SS": lambda members: sum(len(member.encode()) for member in members),
    "NS": lambda members: sum(map(number_bytes, members)),
    "BS": lambda members: sum(map(len, members)),
    "L": _list_bytes,
    "M": _map_bytes,
}


def write_units(size: int) -> int:
    """Return the write units of an item of *size* bytes: 1 kB each, rounded up, at least 1."""
    return max(1, -(-size // WRITE_UNIT_BYTES))


def read_units(size: int, *, consistent: bool) -> float:
    """
    Return the read units of *size* bytes: 4 kB each, rounded up, at least one.

    An eventually consistent read costs half. What is not there costs the minimum.
    """
    units = max(1, -(-size // READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def put_or_update_units(before: Item | None, after: Item, indexes: Iterable[Index] = ()) -> int:
    """
    Return what replacing *before* by *after* costs.

    The larger of both is charged, however little changed; each index is charged beside.
    """
    own = write_units(max(item_bytes(before), item_bytes(after)))
    return own + sum(index_units(before, after, index) for index in indexes)


def delete_units(before: Item | None, indexes: Iterable[Index] = ()) -> int:
    """Return what deleting *before* costs: its size, or 1 when it was not there."""
    own = write_units(item_bytes(before))
    return own + sum(index_units(before, None, index) for index in indexes)


def refused_units(before: Item | None) -> int:
    """Return what a write costs whose condition fails: the standing item's size, at least 1."""
    return write_units(item_bytes(before))


def index_units(before: Item | None, after: Item | None, index: Index) -> int:
    """
    Return what a change of the table costs in *index*.

    Entering or leaving: one write. A changed index key: two, the old entry deleted and
    the new one put. Another projected attribute changed: one. Nothing changed: none.
    """
    was, is_now = index.holds(before), index.holds(after)
    if not (was and is_now):
        entry = before if was else after
        return write_units(item_bytes(entry)) if was or is_now else 0
    assert before is not None
    assert after is not None
    if index.key_of(before) != index.key_of(after):
        return write_units(item_bytes(before)) + write_units(item_bytes(after))
    if before == after:
        return 0
    return write_units(max(item_bytes(before), item_bytes(after)))


def get_units(found: Iterable[Item | None], *, consistent: bool) -> float:
    """Return what reading each of *found* (None: it was not there) by its key costs."""
    return sum(read_units(item_bytes(item), consistent=consistent) for item in found)


def query_units(examined: Iterable[Item], *, consistent: bool) -> float:
    """
    Return what one page of a Query or Scan costs: the sum of the sizes, rounded up once.

    *examined* are the items before filter and projection, which change nothing here.
    """
    return read_units(sum(map(item_bytes, examined)), consistent=consistent)


def sqs_requests(body_bytes: int) -> int:
    """Return how many requests one SQS call is billed as: one for each 64 kB."""
    return max(1, -(-body_bytes // SQS_REQUEST_BYTES))
