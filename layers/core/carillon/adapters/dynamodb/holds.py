"""Whom no campaign texts until a person has decided what they meant (O1)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import Throttled
from carillon.domain.hold import Hold, cleared, held, released

_TRIES = 5
# What is decided is remembered longer than any queue or provider repeats a message.
_REMEMBERED_FOR = timedelta(days=60)


class DynamoHolds:
    """
    Implements ``ports.Holds`` beside the suppressions, where the gate looks: 1 RU and 1 WU each.

    The gate goes by ``held_at``, which stands there only while somebody has to decide. What has
    been decided stays behind without it, so that a repeated message holds nobody again.
    """

    def __init__(self, client: Any, suppressions_table: str) -> None:
        self._client = client
        self._table = suppressions_table

    def hold(self, phone: str, cause: str, at: datetime) -> None:
        """Hold *phone* because of the message *cause*, unless that is decided already."""
        self._change(phone, partial(held, cause=cause, at=at))

    def release(self, phone: str, until: datetime) -> None:
        """Let campaigns text *phone* again, as far as what was said up to *until* goes."""
        self._change(phone, partial(released, until=until))

    def clear(self, phone: str, at: datetime) -> None:
        """Let go of what was said before the contact asked, at *at*, to be texted."""
        self._change(phone, partial(cleared, at=at))

    def _change(self, phone: str, change: Callable[[Hold], Hold]) -> None:
        key = {"pk": schema.held_pk(phone)}
        for _ in range(_TRIES):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item(key), ConsistentRead=True
            )
            item = from_item(answer.get("Item", {}))
            before = _hold(item)
            after = change(before)
            if after is before or self._put({**key, **_values(after)}, item):
                return
        raise Throttled("This hold is being changed all the time.", retry_after_s=2)

    def _put(self, values: dict[str, Any], before: Mapping[str, Any]) -> bool:
        """Write *values* unless somebody has written since *before* was read."""
        seen = before.get("revision", 0)
        condition, given = "attribute_not_exists(pk)", {}
        if before:
            # One of an earlier version of ours has none.
            condition = "revision = :seen" if seen else "attribute_not_exists(revision)"
            given = {"ExpressionAttributeValues": to_item({":seen": seen})} if seen else {}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({**values, "revision": seen + 1}),
                ConditionExpression=condition,
                **given,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def _hold(item: Mapping[str, Any]) -> Hold:
    signals = item.get("signals", {})
    if "cause" in item:
        # As an earlier version of ours held.
        signals = {item["cause"]: item["held_at"]}
    return Hold(
        signals={cause: from_iso(at) for cause, at in signals.items()},
        released={cause: from_iso(at) for cause, at in item.get("released", {}).items()},
        cleared_at=from_iso(item["cleared_at"]) if "cleared_at" in item else None,
    )


def _values(hold: Hold) -> dict[str, Any]:
    return {
        "signals": {cause: to_iso(at) for cause, at in hold.signals.items()},
        "released": {cause: to_iso(at) for cause, at in hold.released.items()},
        "cleared_at": hold.cleared_at,
        "held_at": max(hold.signals.values(), default=None),
        schema.TTL: None if hold.is_held else _forgotten_at(hold),
    }


def _forgotten_at(hold: Hold) -> int:
    times = [*hold.released.values(), *([hold.cleared_at] if hold.cleared_at else [])]
    return int((max(times) + _REMEMBERED_FOR).timestamp())
