"""Which parts are not settled yet."""

from datetime import datetime

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control.items import watch_key, watch_of_item
from carillon.adapters.dynamodb.control.table import ControlTable
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import to_iso
from carillon.domain.message import Watch

_WATCHES_PER_PASS = 50


class DynamoWatches(ControlTable):
    """Implements ``ports.Watches``."""

    def put(self, watch: Watch) -> None:
        """Keep *watch* (idempotent)."""
        self._client.put_item(
            TableName=self._table,
            Item=to_item(
                {
                    **watch_key(watch),
                    "campaign_id": watch.campaign_id,
                    "part": watch.part,
                    "due_at": watch.due_at,
                    "checks": watch.checks,
                    "unsent": watch.unsent or None,
                }
            ),
        )

    def due(self, campaign_id: str, now: datetime) -> list[Watch]:
        """Return the watches due at *now*, oldest first; one page is enough for one pass."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": schema.campaign_pk(campaign_id)},
                ":first": {"S": "WATCH#"},
                ":last": {"S": f"WATCH#{to_iso(now)}#~"},
            },
            Limit=_WATCHES_PER_PASS,
            ConsistentRead=True,
        )
        return [watch_of_item(from_item(item)) for item in answer["Items"]]

    def next_due(self, campaign_id: str) -> datetime | None:
        """Return when the earliest watch is due, or None when the campaign has none."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :watch)",
            ExpressionAttributeValues={
                ":pk": {"S": schema.campaign_pk(campaign_id)},
                ":watch": {"S": "WATCH#"},
            },
            Limit=1,
            ConsistentRead=True,
        )
        watches = [watch_of_item(from_item(item)) for item in answer["Items"]]
        return watches[0].due_at if watches else None

    def plan_turn(self, campaign_id: str, at: datetime, now: datetime) -> bool:
        """Note that the campaign is looked at again *at*; False when it is no later already."""
        return self._update(
            schema.campaign_pk(campaign_id),
            "TURN",
            "SET turn_at = :at",
            "attribute_not_exists(turn_at) OR turn_at <= :now OR turn_at > :at",
            {":at": at, ":now": now},
        )

    def is_turn(self, campaign_id: str, at: datetime) -> bool:
        """Whether *at* is the turn that was planned last."""
        found = self._get_or_none(schema.campaign_pk(campaign_id), "TURN")
        return found is not None and found["turn_at"] == to_iso(at)

    def any_unsent(self, campaign_id: str) -> bool:
        """Whether some watch says that leads of its part wait for their first message."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :watch)",
            FilterExpression="unsent = :yes",
            ExpressionAttributeValues={
                ":pk": {"S": schema.campaign_pk(campaign_id)},
                ":watch": {"S": "WATCH#"},
                ":yes": {"BOOL": True},
            },
            ConsistentRead=True,
        )
        return any(page["Items"] for page in pages)

    def remove(self, watch: Watch) -> None:
        """Drop *watch* (idempotent)."""
        self._client.delete_item(TableName=self._table, Key=to_item(watch_key(watch)))
