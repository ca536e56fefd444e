"""Who must not be texted, ordered by event time: an older event never overrides a newer."""

from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.message import Suppression

OPTED_OUT = "opted_out"
OPTED_IN = "opted_in"


class DynamoSuppressions:
    """Implements ``ports.Suppressions``; the phone is the key, 1 WU a change."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def opt_out(self, wanted: Suppression) -> Suppression:
        """
        Commit an opt-out unless a newer opt-in stands; return what stands now.

        Somebody already out stays out by the first cause: the second STOP is
        not a second opt-out. At the same instant STOP beats START.
        """
        return self._put(
            wanted,
            OPTED_OUT,
            "attribute_not_exists(pk) OR (#status = :other AND event_at <= :at)",
            OPTED_IN,
        )

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        return self._put(
            wanted,
            OPTED_IN,
            "attribute_not_exists(pk) OR (#status = :other AND event_at < :at)",
            OPTED_OUT,
        )

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        answer = self._client.get_item(
            TableName=self._table, Key={"pk": {"S": phone}}, ConsistentRead=True
        )
        return _suppression(from_item(answer["Item"])) if "Item" in answer else None

    def _put(self, wanted: Suppression, status: str, condition: str, other: str) -> Suppression:
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(
                    {
                        "pk": wanted.phone,
                        "status": status,
                        "event_at": wanted.event_at,
                        "source": wanted.source,
                        "cause": wanted.cause,
                        "committed_at": wanted.committed_at,
                    }
                ),
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_item({":other": other, ":at": wanted.event_at}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error)
            if standing is None:
                raise
            return _suppression(standing)
        return wanted


def _suppression(item: dict[str, Any]) -> Suppression:
    return Suppression(
        phone=item["pk"],
        opted_out=item["status"] == OPTED_OUT,
        event_at=from_iso(item["event_at"]),
        source=item["source"],
        cause=item["cause"],
        committed_at=from_iso(item["committed_at"]) if "committed_at" in item else None,
    )
