"""Batches of DynamoDB: nothing is left out, and nobody asks for ever without a wait."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from carillon.adapters import dynamodb
from carillon.adapters.dynamodb.batches import MOST_IN_VAIN, read_all, write_all

READ = {"Table": {"Keys": [{"pk": {"S": str(n)}} for n in range(4)], "ConsistentRead": True}}
WRITE = {"Table": [{"PutRequest": {"Item": {"pk": {"S": str(n)}}}} for n in range(4)]}


class Throttled:
    """A client that does at most so many keys or writes of a round, and keeps what it was asked."""

    def __init__(self, *most: int) -> None:
        self._most = most
        self.rounds: list[dict[str, Any]] = []

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        read = RequestItems["Table"]
        most = self._next(RequestItems)
        left = {"Table": {**read, "Keys": read["Keys"][most:]}} if read["Keys"][most:] else {}
        return {"Responses": {"Table": read["Keys"][:most]}, "UnprocessedKeys": left}

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        left = RequestItems["Table"][self._next(RequestItems) :]
        return {"UnprocessedItems": {"Table": left} if left else {}}

    def _next(self, request: dict[str, Any]) -> int:
        self.rounds.append(request)
        return self._most[min(len(self.rounds), len(self._most)) - 1]


def _read(client: Throttled, sleep: Callable[[float], None]) -> list[str]:
    return [item["pk"]["S"] for _, item in read_all(client, READ, sleep=sleep)]


def test_what_is_left_unprocessed_is_read_after_a_wait_in_the_same_way() -> None:
    client, waits = Throttled(1, 0, 3), list[float]()

    assert _read(client, waits.append) == ["0", "1", "2", "3"]

    assert len(waits) == len(client.rounds) - 1 == 2
    assert all(0 <= wait < 0.1 for wait in waits)
    assert {request["Table"]["ConsistentRead"] for request in client.rounds} == {True}


def test_what_is_left_unprocessed_is_written_after_a_wait() -> None:
    client, waits = Throttled(2), list[float]()

    write_all(client, WRITE, sleep=waits.append)

    assert [len(request["Table"]) for request in client.rounds] == [4, 2]
    assert len(waits) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda client, sleep: list(read_all(client, READ, sleep=sleep)),
        lambda client, sleep: write_all(client, WRITE, sleep=sleep),
    ],
    ids=["read", "write"],
)
def test_a_batch_that_does_not_go_on_ends_as_a_throttled_call(
    call: Callable[[Throttled, Callable[[float], None]], object],
) -> None:
    client, waits = Throttled(1, 0), list[float]()

    with pytest.raises(ClientError) as raised:
        call(client, waits.append)

    assert raised.value.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert len(client.rounds) == MOST_IN_VAIN + 1
    assert sum(waits) < 4


def test_slow_progress_is_no_standstill() -> None:
    client = Throttled(0, 0, 0, 1)

    assert _read(client, lambda _: None) == ["0", "1", "2", "3"]


def test_every_batch_of_ours_goes_this_way() -> None:
    """A loop of its own would ask again at once, or take what is missing for absent."""
    folder = Path(dynamodb.__file__).parent if dynamodb.__file__ else Path(dynamodb.__path__[0])
    layer = folder.parents[1]
    direct = {
        path.name
        for path in layer.rglob("*.py")
        # pynamodb goes to the end by itself: the management API's items alone are its own.
        if path.parent.name != "entities"
        and any(f".{name}(" in path.read_text("utf-8") for name in _BATCH_CALLS)
    }

    assert direct == set()
    assert "client.batch_get_item" in (folder / "batches.py").read_text("utf-8")


_BATCH_CALLS = ("batch_get_item", "batch_write_item", "batch_get", "batch_write")
