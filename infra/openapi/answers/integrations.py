"""What is answered about exports."""

from carillon.domain.exports import ExportKind, ExportState, FileFormat
from infra.openapi.schemas import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    array,
    enum,
    page_of,
    record,
    with_optional,
)

_EXPORT = with_optional(
    record(
        {
            "id": TEXT,
            "kind": enum(ExportKind),
            "format": enum(FileFormat),
            "status": enum(ExportState),
            "progress": {**NUMBER, "description": "In percent; 100 when it is done."},
            "rows": COUNT,
            "campaign_ids": array(TEXT),
            "full_numbers": FLAG,
            "created_at": TIME,
            "created_by": TEXT,
            "expires_at": TIME,
        },
        [
            *("id", "kind", "format", "status", "progress", "rows", "campaign_ids"),
            *("full_numbers", "created_at", "created_by", "expires_at"),
        ],
    ),
    # Null for all offices.
    offices=array(TEXT),
    size=COUNT,
    start=TIME,
    end=TIME,
    started_at=TIME,
    finished_at=TIME,
    error_code=TEXT,
    error=TEXT,
)

ANSWERS: dict[str, Schema] = {
    "Export": _EXPORT,
    "ExportFile": with_optional(_EXPORT, url=TEXT),
    "ExportList": page_of("Export"),
}
