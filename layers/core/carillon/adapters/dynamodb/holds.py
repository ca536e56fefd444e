"""Whom no campaign texts until a person has decided what they meant (O1)."""

from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import to_item


class DynamoHolds:
    """Implements ``ports.Holds`` beside the suppressions, where the gate looks: 1 WU each."""

    def __init__(self, client: Any, suppressions_table: str) -> None:
        self._client = client
        self._table = suppressions_table

    def hold(self, phone: str, cause: str, at: datetime) -> None:
        """Hold *phone* because of the message *cause*; holding it again changes nothing."""
        item = {"pk": schema.held_pk(phone), "held_at": at, "cause": cause}
        self._client.put_item(TableName=self._table, Item=to_item(item))

    def release(self, phone: str) -> None:
        """Let campaigns text *phone* again, as far as its consent goes. Idempotent."""
        key = to_item({"pk": schema.held_pk(phone)})
        self._client.delete_item(TableName=self._table, Key=key)
