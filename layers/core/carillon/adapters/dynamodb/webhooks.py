"""
Endpoints of other systems, and the log of what went there: boto3.

    page             1 RU or so: endpoints are few
    known            0.5 RU a delivery     keep   1 WU, and 1 or 2 more while it is tried again
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.audit import AUTHOR, REMOVER, Author, nobody
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.ids import derived_id
from carillon.domain.listing import Listing, Position
from carillon.domain.webhooks import LOG_LIFE, Delivery, DeliveryStatus, Webhook

_TIMES = ("created_at", "old_secret_until", "disabled_at", "failing_since", "resting_until")


class DynamoWebhookBook:
    """Implements ``ports.WebhookBook`` over the control table; *author* is who asks for a write."""

    def __init__(
        self, client: Any, table: str, author: Callable[[], Author | None] = nobody
    ) -> None:
        self._client = client
        self._table = table
        self._author = author

    def create(self, new: Webhook, digest: str) -> Webhook:
        """Keep *new*, or return what stands under its id already; see the port."""
        item = {**vars(new), **_webhook_key(new.id), "request_digest": digest}
        item |= self._signature(AUTHOR)
        item |= {
            schema.GSI1_PK: schema.WEBHOOKS,
            schema.GSI1_SK: schema.listing_sk(to_iso(new.created_at), new.id),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error)
            if standing is None:
                raise
            if standing["request_digest"] != digest:
                raise Conflict(
                    "This Idempotency-Key was used for another request.",
                    code="idempotency_key_reused",
                ) from error
            return _webhook(standing)
        return new

    def get(self, webhook_id: str) -> Webhook:
        """Return the endpoint; raises NotFound."""
        answer = self._client.get_item(
            TableName=self._table, Key=to_item(_webhook_key(webhook_id)), ConsistentRead=True
        )
        if "Item" not in answer:
            raise _absent()
        return _webhook(from_item(answer["Item"]))

    def page(self) -> list[Webhook]:
        """Return every endpoint, newest first; a little old."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=schema.GSI1,
            KeyConditionExpression="gsi1pk = :webhooks",
            ExpressionAttributeValues=to_item({":webhooks": schema.WEBHOOKS}),
            ScanIndexForward=False,
        )
        return [_webhook(from_item(item)) for page in pages for item in page["Items"]]

    def change(self, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
        """Set fields (None removes one) and return the endpoint; raises NotFound."""
        changes = {**changes, **self._signature(AUTHOR)}
        kept = {name: value for name, value in changes.items() if value is not None}
        gone = [name for name in changes if name not in kept]
        parts = []
        if kept:
            parts.append("SET " + ", ".join(f"#{name} = :{name}" for name in kept))
        if gone:
            parts.append("REMOVE " + ", ".join(f"#{name}" for name in gone))
        values = to_item({f":{name}": value for name, value in kept.items()})
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=to_item(_webhook_key(webhook_id)),
                UpdateExpression=" ".join(parts),
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={f"#{name}": name for name in changes},
                **({"ExpressionAttributeValues": values} if values else {}),
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                raise _absent() from error
            raise
        return _webhook(from_item(answer["Attributes"]))

    def delete(self, webhook_id: str) -> None:
        """Forget the endpoint; repeating it changes nothing."""
        if remover := self._signature(REMOVER):
            # A deletion carries nothing of its own: the audit log reads here who it was.
            with suppress(NotFound):
                self.change(webhook_id, remover)
        self._client.delete_item(TableName=self._table, Key=to_item(_webhook_key(webhook_id)))

    def _signature(self, name: str) -> dict[str, str]:
        author = self._author()
        return {} if author is None else {name: author.text}


class DynamoDeliveryLog:
    """Implements ``ports.DeliveryLog`` over the deliveries table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def known(self, deliveries: Sequence[Delivery]) -> set[str]:
        """Return the event ids of those of *deliveries* (100 at most) that are kept."""
        if not deliveries:
            return set()
        wanted = {
            "Keys": [to_item(_delivery_key(one)) for one in deliveries],
            "ProjectionExpression": "event_id",
            "ConsistentRead": True,
        }
        found = read_all(self._client, {self._table: wanted})
        return {from_item(item)["event_id"] for _, item in found}

    def keep(self, delivery: Delivery) -> None:
        """Keep how *delivery* stands now."""
        self._client.put_item(TableName=self._table, Item=to_item(_delivery_item(delivery)))

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Return up to *limit* pending deliveries whose time has come; a little old."""
        found: list[Delivery] = []
        for lane in range(schema.DELIVERY_LANES):
            answer = self._client.query(
                TableName=self._table,
                IndexName=schema.GSI1,
                KeyConditionExpression="gsi1pk = :lane AND gsi1sk <= :now",
                # '~' sorts after every event's id.
                ExpressionAttributeValues=to_item(
                    {":lane": schema.due_pk(lane), ":now": f"{to_iso(now)}#~"}
                ),
                Limit=-(-limit // schema.DELIVERY_LANES),
            )
            found += [_delivery(from_item(item)) for item in answer["Items"]]
        return found

    def claim(self, delivery: Delivery, until: datetime) -> Delivery | None:
        """Take the next attempt at *delivery*; None when somebody else has it."""
        if delivery.next_at is None:
            return None
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=to_item(_delivery_key(delivery)),
                UpdateExpression="SET next_at = :until, gsi1sk = :place",
                ConditionExpression="#status = :pending AND next_at = :seen",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_item(
                    {
                        ":until": until,
                        ":place": _place(until, delivery.event_id),
                        ":pending": DeliveryStatus.PENDING,
                        ":seen": delivery.next_at,
                    }
                ),
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                return None
            raise
        return _delivery(from_item(answer["Attributes"]))

    def page(self, webhook_id: str, limit: int, after: Position | None) -> Listing[Delivery]:
        """Return deliveries to an endpoint, newest first: a query for each lane."""
        before = _before(after)
        lanes = [
            self._lane(schema.deliveries_pk(webhook_id, lane), limit + 1, before)
            for lane in range(schema.DELIVERY_LANES)
        ]
        newest = merge(*lanes, key=lambda item: item[schema.SK], reverse=True)
        items = list(islice(newest, limit + 1))
        shown = tuple(_delivery(item) for item in items[:limit])
        return Listing(shown, {"before": items[limit - 1]["sk"]} if len(items) > limit else None)

    def _lane(self, pk: str, limit: int, before: str) -> list[dict[str, Any]]:
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk < :before",
            ExpressionAttributeValues=to_item({":pk": pk, ":before": before}),
            ScanIndexForward=False,
            Limit=limit,
        )
        return [from_item(item) for item in answer["Items"]]


def _absent() -> NotFound:
    return NotFound("There is no such webhook.", code="webhook_not_found")


def _webhook_key(webhook_id: str) -> dict[str, str]:
    return {schema.PK: schema.webhook_pk(webhook_id), schema.SK: schema.WEBHOOK}


def _webhook(item: Mapping[str, Any]) -> Webhook:
    times = {name: from_iso(item[name]) if name in item else None for name in _TIMES}
    created_at = times.pop("created_at") or from_iso(item["created_at"])
    return Webhook(
        id=item["id"],
        url=item["url"],
        event_types=tuple(item["event_types"]),
        office_id=item.get("office_id"),
        include_phone=item["include_phone"],
        secret=item["secret"],
        created_at=created_at,
        created_by=item["created_by"],
        description=item.get("description", ""),
        old_secret=item.get("old_secret"),
        disabled=item.get("disabled"),
        **times,
    )


def _lane_of(event_id: str) -> int:
    # Of another hash than the id itself, whose letters are not evenly spread.
    return sum(derived_id("l", event_id).encode()) % schema.DELIVERY_LANES


def _delivery_key(one: Delivery) -> dict[str, str]:
    return {
        schema.PK: schema.deliveries_pk(one.webhook_id, _lane_of(one.event_id)),
        schema.SK: schema.listing_sk(to_iso(one.at), one.event_id),
    }


def _place(next_at: datetime, event_id: str) -> str:
    return schema.listing_sk(to_iso(next_at), event_id)


def _delivery_item(one: Delivery) -> dict[str, Any]:
    item = {**vars(one), **_delivery_key(one), schema.TTL: int((one.at + LOG_LIFE).timestamp())}
    if one.next_at is not None:
        item |= {
            schema.GSI1_PK: schema.due_pk(_lane_of(one.event_id)),
            schema.GSI1_SK: _place(one.next_at, one.event_id),
        }
    return item


def _delivery(item: Mapping[str, Any]) -> Delivery:
    def moment(name: str) -> datetime | None:
        return from_iso(item[name]) if name in item else None

    return Delivery(
        webhook_id=item["webhook_id"],
        event_id=item["event_id"],
        type=item["type"],
        at=from_iso(item["at"]),
        status=DeliveryStatus(item["status"]),
        body=item.get("body"),
        attempts=item["attempts"],
        next_at=moment("next_at"),
        last_attempt_at=moment("last_attempt_at"),
        response_status=item.get("response_status"),
        error=item.get("error"),
    )


def _before(after: Position | None) -> str:
    if after is None:
        return "~"
    if set(after) != {"before"}:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return after["before"]
