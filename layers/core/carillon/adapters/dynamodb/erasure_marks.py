"""
The keyed hash under which an erased person is still known as somebody not to be texted (C6).

The key is drawn once for the deployment and kept in the control table, apart from the
suppressions that it hides: whoever has those alone cannot try all numbers. It is never
changed, because no hash could be made anew without the numbers.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.person_requests import PersonRequest

ERASED = "erased"
_KEY_BYTES = 32
_MARK_HEX = 40


class ErasureMarks:
    """Makes marks: ``erased#`` and 160 bits of HMAC-SHA256. Reads the key once, 1 RU."""

    def __init__(self, client: Any, control_table: str) -> None:
        self._client = client
        self._table = control_table
        self._known: bytes | None = None

    def mark(self, phone: str) -> str:
        """Return the mark of *phone*: the same for ever, and nobody else's."""
        digest = hmac.new(self._key(), phone.encode(), "sha256").hexdigest()
        return f"{ERASED}#{digest[:_MARK_HEX]}"

    def _key(self) -> bytes:
        if self._known is None:
            self._known = bytes.fromhex(self._standing_key())
        return self._known

    def _standing_key(self) -> str:
        key = to_item({"pk": schema.ORGANISATION, "sk": schema.ERASURE_KEY})
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" in answer:
            return str(from_item(answer["Item"])["key"])
        # Whoever needs it first draws it. Not to have one yet is never remembered: an erasure
        # a minute later would go unseen.
        drawn = secrets.token_hex(_KEY_BYTES)
        try:
            self._client.put_item(
                TableName=self._table,
                Item={**key, "key": {"S": drawn}},
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            standing = standing_item(error) if condition_failed(error) else None
            if standing is None:
                raise
            return str(standing["key"])
        return drawn


class DynamoErasureFence:
    """Implements ``ports.ErasureFence`` over the suppressions table."""

    def __init__(self, client: Any, suppressions_table: str, marks: ErasureMarks) -> None:
        self._fence_client = client
        self._fence_table = suppressions_table
        self._marks = marks

    def mark(self, phone: str) -> str:
        """Return the keyed hash of *phone*."""
        return self._marks.mark(phone)

    def fence(self, phone: str, request: PersonRequest) -> None:
        """Let nobody text *phone* from now on, by its mark alone. Idempotent."""
        try:
            self._fence_client.put_item(
                TableName=self._fence_table,
                Item=to_item(
                    {
                        "pk": self.mark(phone),
                        "status": ERASED,
                        "event_at": request.created_at,
                        "source": "erasure",
                        "cause": request.id,
                    }
                ),
                ConditionExpression="attribute_not_exists(pk) OR event_at < :at",
                ExpressionAttributeValues=to_item({":at": request.created_at}),
            )
        except ClientError as error:
            # An erasure that was asked for later stands.
            if not condition_failed(error):
                raise


def is_out(consent: Mapping[str, Any], erased: Mapping[str, Any]) -> bool:
    """
    Whether somebody must not be texted, by the item of their phone and that of their mark.

    Times are stored so that they sort as texts. What an erased person says later counts.
    """
    if consent.get("status") == "opted_out":
        return True
    if not erased:
        return False
    has_come_back = consent.get("status") == "opted_in" and (
        consent["event_at"] > erased["event_at"]
    )
    return not has_come_back
