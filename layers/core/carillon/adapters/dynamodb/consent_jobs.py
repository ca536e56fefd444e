"""
Imports and exports of opt-outs, and what was asked under an Idempotency-Key: boto3.

    create_…, first_asked   1 WU, and 1 RU when it stands already
    advance_…               1 WU a chunk, and one more for every 90 pieces before it
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.audit import AUTHOR, Author, nobody
from carillon.domain.clock import from_iso
from carillon.domain.consent_jobs import (
    BulkOutcome,
    BulkTally,
    ExportStatus,
    OptOutExport,
    OptOutImport,
)
from carillon.domain.contacts import ImportStatus
from carillon.domain.csv_rows import CsvFormat, Position
from carillon.domain.errors import Conflict, NotFound

_IMPORT, _EXPORT = "import", "export"


class DynamoOptOutJobs:
    """
    Implements ``ports.OptOutJobs`` over the consent table.

    *author* says for whom a job is written, which the audit log tells (domain/audit.py).
    """

    def __init__(
        self, client: Any, table: str, author: Callable[[], Author | None] = nobody
    ) -> None:
        self._client = client
        self._table = table
        self._author = author

    def create_import(self, new: OptOutImport, digest: str) -> OptOutImport:
        """Keep *new*, or return what stands under its id already; see the port."""
        return _import(self._create(schema.job_key(new.id), _import_item(new), digest))

    def opt_out_import(self, import_id: str) -> OptOutImport:
        """Return the import; raises NotFound."""
        return _import(self._get(import_id, _IMPORT))

    def advance_import(self, before: OptOutImport, after: OptOutImport) -> bool:
        """Replace *before*; False, changing nothing, when status or position are not its."""
        expected = {"status": before.status, "offset": before.position.offset}
        return self._replace(_import_item(after), after.id, expected)

    def create_export(self, new: OptOutExport, digest: str) -> OptOutExport:
        """Keep *new*, or return what stands under its id already; see the port."""
        return _export(self._create(schema.job_key(new.id), _export_item(new), digest))

    def opt_out_export(self, export_id: str) -> OptOutExport:
        """Return the export; raises NotFound."""
        return _export(self._get(export_id, _EXPORT))

    def advance_export(self, before: OptOutExport, after: OptOutExport) -> bool:
        """Replace *before*; False, changing nothing, when its status or place are others."""
        expected = {"status": before.status, "lane": before.lane, "after": before.after}
        return self._replace(_export_item(after), after.id, expected)

    def first_asked(self, request_id: str, digest: str, now: datetime) -> datetime:
        """Return when the request was first made; see the port."""
        item = self._create(schema.request_key(request_id), {"asked_at": now}, digest)
        return from_iso(item["asked_at"])

    def _create(
        self, key: Mapping[str, str], values: Mapping[str, Any], digest: str
    ) -> dict[str, Any]:
        """Store a new item and return it, or the one that the same request has made before."""
        item = to_item({**key, **values, **self._signature(), "request_digest": digest})
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
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
            return standing
        return from_item(item)

    def _signature(self) -> dict[str, str]:
        author = self._author()
        return {AUTHOR: author.text} if author else {}

    def _get(self, job_id: str, kind: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table, Key=to_item(schema.job_key(job_id)), ConsistentRead=True
        )
        item = from_item(answer.get("Item", {}))
        if item.get("kind") != kind:
            raise NotFound(f"There is no such {kind}.", code=f"{kind}_not_found")
        return item

    def _replace(self, values: Mapping[str, Any], job_id: str, expected: Mapping[str, Any]) -> bool:
        """Set all of *values*, None removing, where the item still has what is *expected*."""
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [f"#{name}" for name in values if name not in kept]
        kept |= self._signature()
        names = {f"#{name}": name for name in (*values, *kept, *expected)}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(schema.job_key(job_id)),
                UpdateExpression="SET "
                + ", ".join(f"#{name} = :{name}" for name in kept)
                + (f" REMOVE {', '.join(gone)}" if gone else ""),
                ConditionExpression=" AND ".join(f"#{name} = :was_{name}" for name in expected),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item(
                    {
                        **{f":{name}": value for name, value in kept.items()},
                        **{f":was_{name}": value for name, value in expected.items()},
                    }
                ),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def _import_item(job: OptOutImport) -> dict[str, Any]:
    return {
        "kind": _IMPORT,
        "id": job.id,
        "status": job.status,
        "object_key": job.object_key,
        "reason": job.reason,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "started_at": job.started_at,
        "mapping": dict(job.mapping),
        "offset": job.position.offset,
        "line": job.position.line,
        "encoding": job.format and job.format.encoding,
        "separator": job.format and job.format.separator,
        "headers": list(job.headers),
        "size": job.size,
        "outcomes": {str(name): count for name, count in job.tally.outcomes.items()},
        "invalid_reasons": dict(job.tally.reasons),
        "rejected_pieces": job.rejected_pieces,
        "rejected_key": job.rejected_key,
        "error_code": job.error_code,
        "error": job.error,
    }


def _import(item: Mapping[str, Any]) -> OptOutImport:
    encoding = item.get("encoding")
    outcomes = item["outcomes"]
    return OptOutImport(
        id=item["id"],
        status=ImportStatus(item["status"]),
        object_key=item["object_key"],
        reason=item["reason"],
        created_at=from_iso(item["created_at"]),
        created_by=item["created_by"],
        started_at=from_iso(item["started_at"]) if "started_at" in item else None,
        mapping=item["mapping"],
        position=Position(item["offset"], item["line"]),
        format=CsvFormat(encoding, item["separator"]) if encoding else None,
        headers=tuple(item["headers"]),
        size=item["size"],
        tally=BulkTally(
            {outcome: outcomes[outcome] for outcome in BulkOutcome if outcome in outcomes},
            item["invalid_reasons"],
        ),
        rejected_pieces=tuple(item["rejected_pieces"]),
        rejected_key=item.get("rejected_key"),
        error_code=item.get("error_code"),
        error=item.get("error"),
    )


def _export_item(job: OptOutExport) -> dict[str, Any]:
    return {"kind": _EXPORT, **vars(job)}


def _export(item: Mapping[str, Any]) -> OptOutExport:
    return OptOutExport(
        id=item["id"],
        created_at=from_iso(item["created_at"]),
        created_by=item["created_by"],
        status=ExportStatus(item["status"]),
        lane=item["lane"],
        after=item["after"],
        rows=item["rows"],
        pieces=tuple(item["pieces"]),
        object_key=item.get("object_key"),
    )
