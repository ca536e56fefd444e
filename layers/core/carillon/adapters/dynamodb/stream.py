"""
Records of the messages table's stream, as ``Change``s.

Only what counting needs is read: no phone number, no body leaves the record. A record
that cannot be read is counted and left out, because raising on it would hold up its
shard until the record's age ends it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.domain.books import READ_ATTRIBUTES, Change

# What DynamoDB names as the deleter of an item whose time to live is over.
_TTL_PRINCIPAL = "dynamodb.amazonaws.com"


def changes_of(records: Iterable[Mapping[str, Any]]) -> tuple[list[Change], int]:
    """Return the records' changes in their order, and how many records could not be read."""
    changes = []
    unreadable = 0
    for record in records:
        try:
            changes.append(_change(record))
        except (KeyError, TypeError, ValueError, AttributeError):
            unreadable += 1
    return changes, unreadable


def scalars(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counted attributes of a typed item; ValueError for a number that is none."""
    found: dict[str, Any] = {}
    for name, typed in image.items():
        if name in READ_ATTRIBUTES:
            ((kind, value),) = typed.items()
            if kind in ("S", "BOOL"):
                found[name] = value
            elif kind == "N":
                found[name] = int(value)
    return found


def _change(record: Mapping[str, Any]) -> Change:
    body = record["dynamodb"]
    sequence_number = body["SequenceNumber"]
    if not sequence_number.isdecimal():
        raise ValueError("a sequence number is a decimal text")
    return Change(
        partition=body["Keys"][schema.PK]["S"],
        sequence_number=sequence_number,
        old=_image(body, "OldImage"),
        new=_image(body, "NewImage"),
        expired=(record.get("userIdentity") or {}).get("principalId") == _TTL_PRINCIPAL,
    )


def _image(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    image = body.get(name)
    return scalars(image) if image else None
