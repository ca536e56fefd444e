"""Who must not be texted, ordered by event time: an older event never overrides a newer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.message import Suppression

OPTED_OUT = "opted_out"
OPTED_IN = "opted_in"


_KEYS_PER_REQUEST = 100


class DynamoSuppressions:
    """Implements ``ports.Suppressions``, 1 WU a change, and ``ports.MirroredConsents``' reads."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def opt_out(self, wanted: Suppression) -> Suppression:
        """
        Commit an opt-out unless a newer opt-in stands; return what stands now.

        Somebody already out stays out by the first cause: the second STOP is
        not a second opt-out. At the same instant STOP beats START.
        """
        return self._commit(wanted, "#status = :other AND event_at <= :at")

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        return self._commit(wanted, "#status = :other AND event_at < :at")

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        answer = self._client.get_item(
            TableName=self._table, Key={"pk": {"S": phone}}, ConsistentRead=True
        )
        return _suppression(from_item(answer["Item"])) if "Item" in answer else None

    def standing_of(self, phones: Sequence[str]) -> dict[str, Suppression]:
        """Return where those of *phones* stand of which we know; it may be a little old."""
        distinct = list(dict.fromkeys(phones))
        found: dict[str, Suppression] = {}
        for start in range(0, len(distinct), _KEYS_PER_REQUEST):
            keys = [{"pk": {"S": phone}} for phone in distinct[start : start + _KEYS_PER_REQUEST]]
            wanted: dict[str, Any] = {self._table: {"Keys": keys}}
            while wanted:
                answer = self._client.batch_get_item(RequestItems=wanted)
                for item in map(from_item, answer["Responses"].get(self._table, ())):
                    found[item["pk"]] = _suppression(item)
                wanted = answer.get("UnprocessedKeys") or {}
        return found

    def opted_out_after(
        self, cursor: str | None, rows: int
    ) -> tuple[list[Suppression], str | None]:
        """Return opt-outs behind *cursor*, having looked at *rows* rows, and the next cursor."""
        behind = {} if cursor is None else {"ExclusiveStartKey": {"pk": {"S": cursor}}}
        answer = self._client.scan(
            TableName=self._table,
            FilterExpression="#status = :out",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":out": {"S": OPTED_OUT}},
            Limit=rows,
            **behind,
        )
        ours = [_suppression(from_item(item)) for item in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        return ours, last["pk"]["S"] if last else None

    def _commit(self, wanted: Suppression, may_replace: str) -> Suppression:
        condition = f"attribute_not_exists(pk) OR ({may_replace})"
        values = {":other": _status(not wanted.opted_out), ":at": wanted.event_at}
        while True:
            standing = self._put(wanted, condition, values)
            if standing is None:
                return wanted
            if standing.opted_out is not wanted.opted_out or standing.event_at >= wanted.event_at:
                return standing
            # The same consent, said again later: its time moves on, or an event from in
            # between that arrives late would override it.
            again = replace(standing, event_at=wanted.event_at)
            if self._put(again, *_still(standing)) is None:
                return again
            # Another event came in between: look anew.

    def _put(
        self, wanted: Suppression, condition: str, values: dict[str, Any]
    ) -> Suppression | None:
        """Write *wanted* if *condition* holds and return None; else return what stands."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(
                    {
                        "pk": wanted.phone,
                        "status": _status(wanted.opted_out),
                        "event_at": wanted.event_at,
                        "source": wanted.source,
                        "cause": wanted.cause,
                    }
                ),
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_item(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error)
            if standing is None:
                raise
            return _suppression(standing)
        return None


def _status(opted_out: bool) -> str:
    return OPTED_OUT if opted_out else OPTED_IN


def _still(standing: Suppression) -> tuple[str, dict[str, Any]]:
    """Return the condition that nothing has changed since *standing* was read."""
    values = {":status": _status(standing.opted_out), ":at": standing.event_at}
    return "#status = :status AND event_at = :at", values


def _suppression(item: dict[str, Any]) -> Suppression:
    return Suppression(
        phone=item["pk"],
        opted_out=item["status"] == OPTED_OUT,
        event_at=from_iso(item["event_at"]),
        source=item["source"],
        cause=item["cause"],
        committed_at=from_iso(item["committed_at"]) if "committed_at" in item else None,
    )
