"""What is kept of one person's messages, for whoever asks why they were texted: boto3, reads."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.evidence import MessageKind, SentMessage
from carillon.domain.lead import LeadStatus
from carillon.domain.message import step_of

_KINDS = {
    "lead": MessageKind.INITIAL,
    "step": MessageKind.FOLLOW_UP,
    "outbound": MessageKind.ANSWER,
}


class DynamoMessageEvidence:
    """Implements ``ports.MessageEvidence``; some 2 RU a question."""

    def __init__(
        self, client: Any, *, messages_table: str, control_table: str, suppressions_table: str
    ) -> None:
        self._client = client
        self._messages = messages_table
        self._control = control_table
        self._suppressions = suppressions_table

    def messages(self, campaign_id: str, part: int, key: str) -> list[SentMessage]:
        """Return the rows of the lead *key*, oldest first, strongly consistent."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._messages,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :key)",
            ExpressionAttributeValues=to_item(
                {":pk": schema.part_pk(campaign_id, part), ":key": key}
            ),
            ConsistentRead=True,
        )
        rows = (from_item(item) for page in pages for item in page["Items"])
        found = [_message(row) for row in rows if row.get("kind") in _KINDS]
        return sorted(found, key=lambda one: one.claimed_at)

    def policy_since(self) -> datetime | None:
        """Return since when the present policy stands; None without one."""
        item = self._get(self._control, {"pk": schema.ORGANISATION, "sk": schema.POLICY})
        return from_iso(item["created_at"]) if item else None

    def counted(self, phone: str) -> dict[str, datetime]:
        """Return what counts towards caps on *phone*: the messages of 8 days, by name."""
        item = self._get(self._suppressions, {"pk": schema.sent_pk(phone)})
        return {name: from_iso(at) for name, at in item.get("sent", {}).items()}

    def _get(self, table: str, key: Mapping[str, str]) -> dict[str, Any]:
        answer = self._client.get_item(TableName=table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer.get("Item", {}))


def _message(row: Mapping[str, Any]) -> SentMessage:
    def moment(name: str) -> datetime | None:
        return from_iso(row[name]) if name in row else None

    return SentMessage(
        name=f"{row['pk']}~{row['sk']}",
        kind=_KINDS[row["kind"]],
        step=step_of(row["sk"]) if row["kind"] == "step" else 0,
        status=LeadStatus(row["status"]),
        sender_id=row["sender_id"],
        claim_id=row["claim_id"],
        claimed_at=from_iso(row["claimed_at"]),
        attempts=row["attempts"],
        segments=row["segments"],
        content_version=row.get("content_version", 0),
        text_digest=row.get("text_digest", ""),
        variant=row.get("variant"),
        purpose=row.get("purpose"),
        author=row.get("author"),
        submitted_at=moment("submitted_at"),
        final_at=moment("final_at"),
        provider_id=row.get("provider_id"),
        error_code=row.get("error_code"),
        cost_micros=row.get("cost_micros"),
        currency=row.get("currency"),
    )
