"""What several APIs answer."""

from infra.openapi.schemas import COUNT, TEXT, Schema, array, record

ANSWERS: dict[str, Schema] = {
    "Problem": record(
        {
            "type": TEXT,
            "title": TEXT,
            "status": COUNT,
            "code": TEXT,
            "detail": TEXT,
            "field": TEXT,
            "correlation_id": TEXT,
            # What an error knows beyond that (RFC 9457 calls these extension members).
            "state": TEXT,
            "reason": TEXT,
            "allowed_actions": array(TEXT),
            "missing": array(TEXT),
            "fields": array(TEXT),
            "version": COUNT,
            "line": COUNT,
            "column": COUNT,
        },
        ["type", "title", "code", "correlation_id"],
    ),
    "Link": record({"url": TEXT}, ["url"]),
    "Removed": record({"id": TEXT}, ["id"]),
}
