"""An office's canned replies in the control table: boto3."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.canned import CannedReply
from carillon.domain.clock import from_iso
from carillon.domain.errors import Conflict


class DynamoCannedReplies:
    """Implements ``ports.CannedReplies``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def create(self, canned: CannedReply, digest: str) -> CannedReply:
        """Keep *canned*, or return the first one that the same request made."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({**_key(canned), **vars(canned), "request_digest": digest}),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error)
            if standing is None or standing["request_digest"] != digest:
                raise Conflict(
                    "This Idempotency-Key was used for another request.",
                    code="idempotency_key_reused",
                ) from error
            return _canned(standing)
        return canned

    def of(self, office_id: str) -> list[CannedReply]:
        """Return the office's canned replies, by title; an office has few."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :office)",
            ExpressionAttributeValues=to_item(
                {":pk": schema.ORGANISATION, ":office": schema.canned_sk(office_id, "")}
            ),
            ConsistentRead=True,
        )
        found = [_canned(from_item(item)) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda one: (one.title, one.id))

    def remove(self, canned: CannedReply) -> None:
        """Drop *canned* (idempotent)."""
        self._client.delete_item(TableName=self._table, Key=to_item(_key(canned)))


def _key(canned: CannedReply) -> dict[str, str]:
    return {"pk": schema.ORGANISATION, "sk": schema.canned_sk(canned.office_id, canned.id)}


def _canned(item: Mapping[str, Any]) -> CannedReply:
    return CannedReply(
        id=item["id"],
        office_id=item["office_id"],
        title=item["title"],
        text=item["text"],
        created_at=from_iso(item["created_at"]),
        created_by=item["created_by"],
    )
