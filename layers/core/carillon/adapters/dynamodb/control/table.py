"""Requests to the control table."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.control.items import item_key
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_item
from carillon.domain.errors import NotFound


class ControlTable:
    """The requests that its ports share."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def _get(self, pk: str, sk: str, what: str) -> dict[str, Any]:
        found = self._get_or_none(pk, sk)
        if found is None:
            raise NotFound(f"There is no such {what}.", code=f"{what}_not_found")
        return found

    def _get_or_none(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self._client.get_item(
            TableName=self._table, Key=item_key(pk, sk), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def _query(
        self,
        condition: str,
        values: Mapping[str, Any],
        *,
        index: str | None = None,
        consistent: bool = True,
    ) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"IndexName": index} if index else {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ConsistentRead=consistent,
            **request,
        )
        for page in pages:
            yield from (from_item(item) for item in page["Items"])

    def _update(
        self,
        pk: str,
        sk: str,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        *,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Apply *change* if *condition* holds; return whether it did."""
        request: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=item_key(pk, sk),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                **request,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True
