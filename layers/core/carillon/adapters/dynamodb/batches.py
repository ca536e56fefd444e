"""
Batch calls of DynamoDB to their end: what it leaves unprocessed is asked for again, after a wait.

A missing answer must never be taken for an absent item. DynamoDB leaves keys and items when a
table is throttled or an answer would pass 16 MB; only the first goes on, so that rounds
without progress are bounded, and end as when DynamoDB refuses a whole batch.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

MOST_IN_VAIN = 6
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0

_jitter = secrets.SystemRandom().random
_Call = Callable[..., dict[str, Any]]


def read_all(
    client: Any, wanted: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Yield (table, item) of all keys that there are; at most 100 keys, in no order.

    Raises ClientError (``ProvisionedThroughputExceededException``) when some stay unprocessed.
    """
    for answer in _rounds("BatchGetItem", client.batch_get_item, "UnprocessedKeys", wanted, sleep):
        for table, items in answer["Responses"].items():
            for item in items:
                yield table, item


def write_all(
    client: Any, wanted: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Do all of at most 25 writes, which may be repeated; raises as ``read_all``."""
    for _ in _rounds("BatchWriteItem", client.batch_write_item, "UnprocessedItems", wanted, sleep):
        pass


def _rounds(
    operation: str,
    call: _Call,
    left_in: str,
    wanted: Mapping[str, Any],
    sleep: Callable[[float], None],
) -> Iterator[dict[str, Any]]:
    in_vain = 0
    while True:
        answer = call(RequestItems=wanted)
        yield answer
        left = answer.get(left_in) or {}
        if not left:
            return
        in_vain = in_vain + 1 if _size(left) >= _size(wanted) else 0
        if in_vain == MOST_IN_VAIN:
            raise _still_throttled(operation)
        sleep(_jitter() * min(_FIRST_WAIT_S * 2**in_vain, _LONGEST_WAIT_S))
        wanted = left


def _size(wanted: Mapping[str, Any]) -> int:
    """Return how many keys or writes there are, over all tables."""
    return sum(len(part if isinstance(part, list) else part["Keys"]) for part in wanted.values())


def _still_throttled(operation: str) -> ClientError:
    error = {
        "Code": "ProvisionedThroughputExceededException",
        "Message": "Part of a batch stayed unprocessed.",
    }
    return ClientError({"Error": error}, operation)
