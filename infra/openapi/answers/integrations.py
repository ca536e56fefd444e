"""What is answered about exports and webhooks."""

from carillon.domain.exports import ExportKind, ExportState, FileFormat
from carillon.domain.outbound_events import EventType
from carillon.domain.webhooks import DeliveryStatus
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

_WEBHOOK = with_optional(
    record(
        {
            "id": TEXT,
            "url": TEXT,
            "event_types": array(enum(EventType)),
            "include_phone": FLAG,
            "description": TEXT,
            "created_at": TIME,
            "created_by": TEXT,
            "enabled": FLAG,
        },
        [
            *("id", "url", "event_types", "include_phone", "description"),
            *("created_at", "created_by", "enabled"),
        ],
    ),
    office_id={**TEXT, "description": "Null for all offices."},
    disabled={"type": "string", "enum": ["by_hand", "gone", "failing"]},
    disabled_at=TIME,
    failing_since=TIME,
    old_secret_until=TIME,
)

ANSWERS: dict[str, Schema] = {
    "Export": _EXPORT,
    "ExportFile": with_optional(_EXPORT, url=TEXT),
    "ExportList": page_of("Export"),
    "Webhook": _WEBHOOK,
    "WebhookSecret": with_optional(_WEBHOOK, secret=TEXT),
    "WebhookList": page_of("Webhook"),
    "WebhookDelivery": with_optional(
        record(
            {
                "event_id": TEXT,
                "type": TEXT,
                "at": TIME,
                "status": enum(DeliveryStatus),
                "attempts": COUNT,
            },
            ["event_id", "type", "at", "status", "attempts"],
        ),
        next_at=TIME,
        last_attempt_at=TIME,
        response_status=COUNT,
        error=TEXT,
    ),
    "WebhookDeliveryList": page_of("WebhookDelivery"),
}
