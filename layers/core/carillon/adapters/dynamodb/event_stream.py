"""Records of the messages' and the control table's streams, as events are read from them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item
from carillon.domain.outbound_events import RowChange


def row_changes(records: Iterable[Mapping[str, Any]]) -> tuple[list[RowChange], int]:
    """
    Return the records' changes in their order, and how many could not be read.

    One that cannot is left out: raising on it would hold up its shard.
    """
    changes, unreadable = [], 0
    for record in records:
        try:
            changes.append(_change(record))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            unreadable += 1
    return changes, unreadable


def _change(record: Mapping[str, Any]) -> RowChange:
    body = record["dynamodb"]
    created = body["ApproximateCreationDateTime"]
    return RowChange(
        # arn:aws:dynamodb:region:account:table/NAME/stream/time
        table=record["eventSourceARN"].split("/")[1],
        pk=body["Keys"][schema.PK]["S"],
        sk=body["Keys"][schema.SK]["S"],
        sequence=body["SequenceNumber"],
        at=datetime.fromtimestamp(float(created), UTC),
        old=_image(body, "OldImage"),
        new=_image(body, "NewImage"),
    )


def _image(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    image = body.get(name)
    return from_item(image) if image else None
