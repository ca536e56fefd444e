"""Files of inbound messages, as their rows of the messages table note them: boto3."""

from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.items import (
    condition_failed,
    from_item,
    standing_item,
    to_item,
    to_value,
)
from carillon.domain.clock import from_iso
from carillon.domain.errors import NotFound
from carillon.domain.media import Attachment, MediaItem, items_of
from carillon.domain.message import RowRef

_NOT_NOTED = "attribute_exists(media) AND attribute_not_exists(media.#index)"


class DynamoAttachments:
    """Implements ``ports.Attachments``; a note is 1 write unit and a look 1 read unit per 4 kB."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def attachment(self, ref: RowRef, index: int) -> Attachment:
        """Return the *index*-th file of the row *ref*, strongly consistent; raises NotFound."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(vars(ref)),
            ConsistentRead=True,
            ProjectionExpression="media_urls, media, sender_id, received_at",
        )
        row = from_item(answer.get("Item", {}))
        urls = row.get("media_urls", [])
        if not 0 <= index < len(urls):
            raise _not_found()
        return Attachment(
            url=urls[index],
            sender_id=row["sender_id"],
            received_at=from_iso(row["received_at"]),
            item=_noted(row, index),
        )

    def note(self, ref: RowRef, item: MediaItem) -> MediaItem:
        """Note what became of a file, unless that is noted already; return what is noted."""
        values = {name: value for name, value in vars(item).items() if value and name != "index"}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(vars(ref)),
                UpdateExpression="SET media.#index = :item",
                ConditionExpression=_NOT_NOTED,
                ExpressionAttributeNames={"#index": str(item.index)},
                ExpressionAttributeValues={":item": to_value(values)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = _noted(standing_item(error) or {}, item.index)
            if standing is None:
                raise _not_found() from error
            return standing
        return item


def _noted(row: dict[str, Any], index: int) -> MediaItem | None:
    return next((item for item in items_of(row.get("media", {})) if item.index == index), None)


def _not_found() -> NotFound:
    return NotFound("There is no such file.", code="attachment_not_found")
