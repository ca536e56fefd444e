"""Plain Python values to and from DynamoDB's typed attributes, for the boto3 functions."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from carillon.domain.clock import to_iso

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* typed; None is left out, a datetime becomes ISO-8601 ``Z``."""
    return {name: to_value(value) for name, value in values.items() if value is not None}


def to_value(value: Any) -> dict[str, Any]:
    """Return one value typed; floats become exact decimals, tuples lists, datetimes text."""
    # Nearly every attribute is a text or a count; boto3's serializer asks for ten types first.
    if isinstance(value, str):
        return {"S": value}
    if type(value) is int:
        return {"N": str(value)}
    if isinstance(value, datetime):
        return {"S": to_iso(value)}
    if isinstance(value, float):
        value = Decimal(str(value))
    elif isinstance(value, tuple):
        value = list(value)
    typed: dict[str, Any] = _serializer.serialize(value)
    return typed


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes as plain values; whole numbers become int."""
    return {name: _from_value(value) for name, value in item.items()}


def _from_value(value: Mapping[str, Any]) -> Any:
    if "S" in value:
        return value["S"]
    return _plain(_deserializer.deserialize(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value


def condition_failed(error: ClientError) -> bool:
    """Whether *error* says that a conditional write's condition did not hold."""
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


def cancellation_reasons(error: ClientError) -> set[str]:
    """Return why a transaction was cancelled, by item; empty when *error* says something else."""
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return set()
    reasons = error.response.get("CancellationReasons", [])
    return {str(reason.get("Code")) for reason in reasons}


def standing_item(error: ClientError) -> dict[str, Any] | None:
    """Return the item that failed the condition (asked for with ALL_OLD), or None if absent."""
    found = error.response.get("Item")
    return from_item(found) if found else None
