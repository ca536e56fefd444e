"""What a conversation's transcript is put together from: boto3, read-only."""

from collections.abc import Mapping
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import content_from_text
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.content import CampaignContent
from carillon.domain.message import RowRef
from carillon.domain.transcript import Author, TranscriptRow

_MESSAGES = frozenset({"lead", "step", "inbound", "outbound"})


class DynamoTranscripts:
    """Implements ``ports.Transcripts`` over the messages table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def messages(self, thread: RowRef) -> list[TranscriptRow]:
        """Return every message of *thread*; 1 RU for about eight of them."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :key)",
            ExpressionAttributeValues=to_item({":pk": thread.pk, ":key": thread.sk}),
            ConsistentRead=True,
        )
        items = (from_item(item) for page in pages for item in page["Items"])
        return [_row(item) for item in items if item.get("kind") in _MESSAGES]


class DynamoCampaignTexts:
    """Implements ``ports.CampaignTexts`` over the control table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def content(self, campaign_id: str, version: int) -> CampaignContent | None:
        """Return what the campaign said at *version*, or None when that was not kept."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {
                    ":pk": schema.campaign_pk(campaign_id),
                    ":first": schema.text_sk(0),
                    ":last": schema.text_sk(version),
                }
            ),
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        found = [from_item(item) for item in answer["Items"]]
        return content_from_text(found[0]["content"]) if found else None


def _row(item: Mapping[str, Any]) -> TranscriptRow:
    if item["kind"] == "inbound":
        return TranscriptRow(
            sk=item["sk"],
            author=Author.CONTACT,
            at=from_iso(item["received_at"]),
            text=item["body"],
            keyword=item["keyword"],
        )
    return TranscriptRow(
        sk=item["sk"],
        author=Author(item.get("author", Author.CAMPAIGN)),
        at=from_iso(item.get("queued_at") or item.get("submitted_at") or item["claimed_at"]),
        text=item.get("text"),
        status=item["status"],
        error_code=item.get("error_code"),
        text_digest=item.get("text_digest", ""),
        content_version=item.get("content_version", 0),
        step=item.get("step", 0),
        variant=item.get("variant"),
        purpose=item.get("purpose"),
        author_subject=item.get("author_subject"),
    )
