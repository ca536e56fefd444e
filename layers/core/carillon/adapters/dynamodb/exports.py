"""
Exports, and what they are read from: boto3.

    create           2 WU with the index, and 1 RU when it stands already
    advance          2 WU a piece, and two more for every 90 pieces before it
    page (messages)  some 0.12 RU a row
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.exports import (
    Export,
    ExportKind,
    ExportState,
    FileFormat,
    MessageEntry,
    Place,
    Reach,
)
from carillon.domain.listing import Listing, Position
from carillon.domain.message import step_of

_ROWS_A_QUERY = 1000
_KINDS = {"lead": "initial", "step": "follow_up", "inbound": "reply"}


class DynamoExportJobs:
    """Implements ``ports.ExportJobs`` over the control table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def create(self, new: Export, digest: str) -> Export:
        """Keep *new*, or return what stands under its id already; see the port."""
        item = {**_item(new), **_key(new.id), "request_digest": digest}
        item |= {
            schema.GSI1_PK: schema.EXPORTS,
            schema.GSI1_SK: schema.listing_sk(to_iso(new.created_at), new.id),
            schema.TTL: int(new.expires_at.timestamp()),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error)
            if standing is None:
                raise
            if standing["request_digest"] != digest:
                raise Conflict(
                    "This Idempotency-Key was used for another request.",
                    code="idempotency_key_reused",
                ) from error
            return _export(standing)
        return new

    def get(self, export_id: str) -> Export:
        """Return the export; raises NotFound."""
        answer = self._client.get_item(
            TableName=self._table, Key=to_item(_key(export_id)), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NotFound("There is no such export.", code="export_not_found")
        return _export(from_item(answer["Item"]))

    def advance(self, before: Export, after: Export) -> bool:
        """Replace *before*; False, changing nothing, when its status or place are others."""
        values = {name: value for name, value in _item(after).items() if value is not None}
        expected = {
            "status": before.status,
            "unit": before.place.unit,
            "after": before.place.after,
        }
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(_key(after.id)),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ConditionExpression=" AND ".join(f"#{name} = :was_{name}" for name in expected),
                ExpressionAttributeNames={f"#{name}": name for name in (*values, *expected)},
                ExpressionAttributeValues=to_item(
                    {
                        **{f":{name}": value for name, value in values.items()},
                        **{f":was_{name}": value for name, value in expected.items()},
                    }
                ),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def page(self, limit: int, after: Position | None) -> Listing[tuple[Export, Position]]:
        """Return exports, newest first, each with its position; see the port."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": schema.GSI1,
            "KeyConditionExpression": "gsi1pk = :exports",
            "ExpressionAttributeValues": to_item({":exports": schema.EXPORTS}),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if after is not None:
            request["ExclusiveStartKey"] = to_item(_start(after))
        answer = self._client.query(**request)
        items = [from_item(item) for item in answer["Items"]]
        found = tuple((_export(item), _position(item)) for item in items)
        more = "LastEvaluatedKey" in answer and found
        return Listing(found, found[-1][1] if more else None)


class DynamoExportedMessages:
    """Implements ``ports.ExportedMessages`` over the messages table, *rows* a query at most."""

    def __init__(self, client: Any, table: str, *, rows: int = _ROWS_A_QUERY) -> None:
        self._client = client
        self._table = table
        self._rows = rows

    def page(self, partition: str, after: str) -> tuple[list[MessageEntry], str | None]:
        """Return messages of *partition* behind *after*; one query."""
        start = to_item({schema.PK: partition, schema.SK: after})
        request = {"ExclusiveStartKey": start} if after else {}
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": partition}),
            Limit=self._rows,
            **request,
        )
        rest = answer.get("LastEvaluatedKey")
        rows = map(from_item, answer["Items"])
        found = [entry for entry in map(_entry, rows) if entry is not None]
        return found, rest[schema.SK]["S"] if rest else None


def _entry(row: Mapping[str, Any]) -> MessageEntry | None:
    """Return the message that *row* is; None of what only repeats one, or is none."""

    def moment(name: str) -> datetime | None:
        return from_iso(row[name]) if name in row else None

    kind = row.get("kind", "")
    shown = row.get("author", "automatic") if kind == "outbound" else _KINDS.get(kind)
    if shown is None:
        return None
    at = moment("received_at") or moment("queued_at") or moment("submitted_at")
    claimed_at = moment("claimed_at")
    written_at = at or claimed_at
    if written_at is None:
        return None
    is_reply = kind == "inbound"
    return MessageEntry(
        sk=row["sk"],
        kind=shown,
        office_id=row.get("office_id", ""),
        phone=row.get("phone", ""),
        sender_id=row.get("sender_id", ""),
        status="received" if is_reply else row["status"],
        at=written_at,
        claimed_at=claimed_at,
        submitted_at=moment("submitted_at"),
        final_at=moment("final_at"),
        segments=row.get("segments"),
        cost_micros=row.get("cost_micros"),
        currency=row.get("currency"),
        error_code=row.get("error_code"),
        variant=row.get("variant"),
        step=step_of(row["sk"]) if kind == "step" else 0,
        attempts=row.get("attempts"),
        keyword=row.get("keyword") or None,
        author_subject=row.get("author_subject"),
        text=row.get("body") if is_reply else row.get("text"),
        provider_id=row.get("provider_id"),
        replied_at=moment("replied_at"),
        opted_out_at=moment("opted_out_at"),
        opt_out_kind=row.get("opt_out_kind"),
    )


def _key(export_id: str) -> dict[str, str]:
    return {schema.PK: schema.export_pk(export_id), schema.SK: schema.EXPORT}


def _position(item: Mapping[str, Any]) -> Position:
    return {"id": item["id"], "at": item["created_at"]}


def _start(position: Position) -> dict[str, str]:
    if set(position) != {"id", "at"}:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    listed = schema.listing_sk(position["at"], position["id"])
    return {**_key(position["id"]), schema.GSI1_PK: schema.EXPORTS, schema.GSI1_SK: listed}


def _item(job: Export) -> dict[str, Any]:
    reach = job.reach
    return {
        "id": job.id,
        "kind": job.kind,
        "format": job.format,
        "offices": None if reach.offices is None else list(reach.offices),
        "campaign_ids": list(reach.campaign_ids),
        "range_start": reach.start,
        "range_end": reach.end,
        "full": reach.full,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "status": job.status,
        "started_at": job.started_at,
        "plan": job.plan,
        "units": job.units,
        "unit": job.place.unit,
        "after": job.place.after,
        "rows": job.rows,
        "pieces": list(job.pieces),
        "object_key": job.object_key,
        "size": job.size,
        "finished_at": job.finished_at,
        "error_code": job.error_code,
        "error": job.error,
    }


def _export(item: Mapping[str, Any]) -> Export:
    def moment(name: str) -> datetime | None:
        return from_iso(item[name]) if name in item else None

    return Export(
        id=item["id"],
        kind=ExportKind(item["kind"]),
        format=FileFormat(item["format"]),
        reach=Reach(
            offices=tuple(item["offices"]) if "offices" in item else None,
            campaign_ids=tuple(item["campaign_ids"]),
            start=moment("range_start"),
            end=moment("range_end"),
            full=item["full"],
        ),
        created_at=from_iso(item["created_at"]),
        created_by=item["created_by"],
        status=ExportState(item["status"]),
        started_at=moment("started_at"),
        plan=item.get("plan"),
        units=item["units"],
        place=Place(item["unit"], item["after"]),
        rows=item["rows"],
        pieces=tuple(item["pieces"]),
        object_key=item.get("object_key"),
        size=item.get("size"),
        finished_at=moment("finished_at"),
        error_code=item.get("error_code"),
        error=item.get("error"),
    )
