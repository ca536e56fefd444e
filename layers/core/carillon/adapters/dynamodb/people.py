"""
Users and API keys in the control table: boto3, for the gateway's door too.

    a user's record    1 RU at each look of the door, which is once a minute for each of them
    an API key         1 RU likewise, and 1 WU an hour while it is used

Every write carries its author: the audit log is made from the table's stream (domain/audit.py).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import (
    cancellation_reasons,
    condition_failed,
    from_item,
    to_item,
)
from carillon.domain.api_keys import ApiKey
from carillon.domain.audit import AUTHOR, Author, nobody
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.people import UserRecord
from carillon.domain.permissions import KeyKind, Role

_AS_SEEN = "version = :seen OR (:seen = :none AND attribute_not_exists(pk))"
_LOST = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class _Items:
    """Items of the control table, written with their author."""

    def __init__(
        self, client: Any, table: str, author: Callable[[], Author | None] = nobody
    ) -> None:
        self._client = client
        self._table = table
        self._author = author

    def _read(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def _put(self, key: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request that puts an item."""
        author = self._author()
        written = {**key, **values, AUTHOR: author.text if author else None}
        return {"TableName": self._table, "Item": to_item(written)}


class DynamoUserRecords(_Items):
    """Implements ``ports.UserRecords``."""

    def get(self, user_id: str) -> UserRecord | None:
        """Return the record, strongly consistent."""
        item = self._read(schema.user_key(user_id))
        return _record(item) if item else None

    def put(self, record: UserRecord) -> bool:
        """Keep *record* as its next version; False when its own version no longer stands."""
        try:
            self._client.put_item(**self._next(record))
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def admins_version(self) -> int:
        """Return how often an admin has been taken away, strongly consistent."""
        item = self._read({schema.PK: schema.ORGANISATION, schema.SK: schema.ADMINS})
        return item["taken"] if item else 0

    def put_if_admins_stand(self, record: UserRecord, seen: int) -> bool:
        """As ``put``, and count an admin away; False, too, when one went since *seen* was read."""
        key = {schema.PK: schema.ORGANISATION, schema.SK: schema.ADMINS}
        count = {
            "TableName": self._table,
            "Key": to_item(key),
            "UpdateExpression": "SET taken = :next",
            "ConditionExpression": "taken = :seen OR (:seen = :none AND attribute_not_exists(pk))",
            "ExpressionAttributeValues": to_item({":seen": seen, ":next": seen + 1, ":none": 0}),
        }
        writes = [{"Update": count}, {"Put": self._next(record)}]
        try:
            self._client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            if cancellation_reasons(error) & _LOST:
                return False
            raise
        return True

    def _next(self, record: UserRecord) -> dict[str, Any]:
        """Return the request that puts the next version of *record* in place of its own."""
        values = {**vars(record), "version": record.version + 1}
        return {
            **self._put(schema.user_key(record.id), values),
            "ConditionExpression": _AS_SEEN,
            "ExpressionAttributeValues": to_item({":seen": record.version, ":none": 0}),
        }


class DynamoApiKeys(_Items):
    """Implements ``ports.ApiKeys``."""

    def create(self, key: ApiKey) -> None:
        """Keep a new key."""
        listed = {
            schema.GSI1_PK: schema.API_KEYS,
            schema.GSI1_SK: schema.listing_sk(to_iso(key.created_at), key.id),
        }
        # ``expires_at`` is the table's time to live: a key that is over stays for the log.
        values = {**vars(key), "expires_at": None, "valid_until": key.expires_at, **listed}
        put = self._put(schema.api_key_key(key.id), values)
        self._client.put_item(**put, ConditionExpression="attribute_not_exists(pk)")

    def get(self, key_id: str) -> ApiKey:
        """Return the key, strongly consistent; raises NotFound (``api_key_not_found``)."""
        item = self._read(schema.api_key_key(key_id))
        if item is None:
            raise _no_key()
        return _api_key(item)

    def page(self, limit: int, after: Position | None) -> Listing[ApiKey]:
        """Return keys, newest first."""
        answer = self._client.query(
            TableName=self._table,
            IndexName=schema.GSI1,
            KeyConditionExpression="gsi1pk = :keys",
            ExpressionAttributeValues={":keys": {"S": schema.API_KEYS}},
            ScanIndexForward=False,
            Limit=limit,
            **_start(after),
        )
        end = answer.get("LastEvaluatedKey")
        return Listing(
            tuple(_api_key(from_item(item)) for item in answer["Items"]),
            from_item(end) if end else None,
        )

    def revoke(self, key_id: str, now: datetime) -> bool:
        """End the key; False when it was ended before. Raises NotFound."""
        author = self._author()
        change = "SET revoked_at = :now" + (", author = :author" if author else "")
        values = {":now": now, ":author": author.text if author else None}
        if self._update(key_id, change, "attribute_not_exists(revoked_at)", values):
            return True
        self.get(key_id)
        return False

    def note_use(self, key_id: str, now: datetime, seen: datetime | None) -> None:
        """Write that it was used now, unless somebody wrote another time since *seen*."""
        unseen = "attribute_not_exists(last_used_at)"
        condition = "last_used_at = :seen" if seen else unseen
        self._update(key_id, "SET last_used_at = :now", condition, {":now": now, ":seen": seen})

    def _update(self, key_id: str, change: str, condition: str, values: Mapping[str, Any]) -> bool:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(schema.api_key_key(key_id)),
                UpdateExpression=change,
                ConditionExpression=f"attribute_exists(pk) AND {condition}",
                ExpressionAttributeValues=to_item(values),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def _record(item: Mapping[str, Any]) -> UserRecord:
    return UserRecord(
        id=item["id"],
        email=item["email"],
        role=Role(item["role"]),
        offices=tuple(item["offices"]),
        created_at=from_iso(item["created_at"]),
        disabled=item["disabled"],
        version=item["version"],
    )


def _api_key(item: Mapping[str, Any]) -> ApiKey:
    def moment(name: str) -> datetime | None:
        return from_iso(item[name]) if name in item else None

    return ApiKey(
        id=item["id"],
        name=item["name"],
        kind=KeyKind(item["kind"]),
        role=Role(item["role"]),
        offices=tuple(item["offices"]),
        secret_hash=item["secret_hash"],
        created_at=from_iso(item["created_at"]),
        created_by=item["created_by"],
        expires_at=moment("valid_until"),
        revoked_at=moment("revoked_at"),
        last_used_at=moment("last_used_at"),
    )


def _start(after: Position | None) -> dict[str, Any]:
    if after is None:
        return {}
    names = {schema.PK, schema.SK, schema.GSI1_PK, schema.GSI1_SK}
    if set(after) != names or after[schema.GSI1_PK] != schema.API_KEYS:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return {"ExclusiveStartKey": to_item(after)}


def _no_key() -> NotFound:
    return NotFound("There is no such key.", code="api_key_not_found")
