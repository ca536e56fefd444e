"""What is answered about opt-outs, and about why somebody was texted."""

from typing import get_type_hints

from carillon.domain.consent import Circumstances, ConsentEntry, ConsentSource, OptOut
from carillon.domain.consent_jobs import BulkOutcome, ExportStatus
from carillon.domain.contacts import ImportStatus
from carillon.domain.evidence import MessageKind
from carillon.domain.lead import LeadStatus
from carillon.domain.message import KeptEntry
from infra.openapi.schemas import (
    COUNT,
    FLAG,
    OBJECT,
    TEXT,
    TIME,
    UPLOAD,
    Schema,
    array,
    enum,
    of,
    page_of,
    record,
    ref,
    with_optional,
)

# What is known of the circumstances of an opt-in or opt-out.
_TOLD: dict[str, Schema] = dict.fromkeys(get_type_hints(Circumstances), TEXT)

ANSWERS: dict[str, Schema] = {
    "WhyTexted": record(
        {
            "campaign_id": TEXT,
            "phone": TEXT,
            "as_of": TIME,
            "place": record(
                {
                    "zones": array(TEXT),
                    "jurisdictions": array(TEXT),
                    "evidence": TEXT,
                    "derived": FLAG,
                },
                ["zones", "jurisdictions", "evidence", "derived"],
            ),
            "policy": record(
                {
                    "active_hours": OBJECT,
                    "max_contacts_per_24h": COUNT,
                    "max_contacts_per_week": COUNT,
                    "since": TIME,
                    "derived": FLAG,
                },
                ["derived"],
            ),
            "law_pack": record({"version": TEXT, "derived": FLAG}, ["version", "derived"]),
            "messages": array(ref("ExplainedMessage")),
        },
        ["campaign_id", "phone", "as_of", "place", "policy", "law_pack", "messages"],
    ),
    "ExplainedMessage": record(
        {
            "kind": enum(MessageKind),
            "step": COUNT,
            "status": enum(LeadStatus),
            **dict.fromkeys(("purpose", "author", "claim_id", "provider_id", "currency"), TEXT),
            "reason": record({"code": TEXT, "reason": TEXT, "advice": TEXT}, ["code"]),
            **dict.fromkeys(("attempts", "segments", "cost_micros"), COUNT),
            **dict.fromkeys(("claimed_at", "submitted_at", "final_at"), TIME),
            "consent": record(
                {
                    "opted_out": FLAG,
                    "entry": ref("ConsentEntry"),
                    "later": array(ref("ConsentEntry")),
                },
                ["opted_out", "later"],
            ),
            # A campaign's messages have the rest, answers the sender alone.
            "content": record(
                {
                    "version": COUNT,
                    "variant": TEXT,
                    "text_digest": TEXT,
                    "changed_since": FLAG,
                },
                ["version", "changed_since"],
            ),
            "window": record(
                {
                    "was_open": FLAG,
                    "opens_at": TIME,
                    "closes_at": TIME,
                    "closed_by": array(TEXT),
                    "changed_since": FLAG,
                    "derived": FLAG,
                },
                ["was_open", "closed_by", "changed_since", "derived"],
            ),
            "rules": array(
                record(
                    dict.fromkeys(("id", "jurisdiction", "summary", "source", "source_url"), TEXT),
                    ["id"],
                )
            ),
            "caps": array(
                record(
                    {"most": COUNT, "within_s": COUNT, "counted": COUNT, "derived": FLAG},
                    ["most", "within_s", "derived"],
                )
            ),
            "sender": record(
                {
                    "id": TEXT,
                    "chosen_by": TEXT,
                    "candidates": array(TEXT),
                    "derived": FLAG,
                },
                ["id", "chosen_by"],
            ),
        },
        ["kind", "step", "status", "attempts", "claimed_at", "segments", "consent", "sender"],
    ),
    "OptOut": of(OptOut),
    "OptOutList": page_of("OptOut"),
    "ConsentEntry": with_optional(
        # Withheld is what another office's conversation says.
        of(ConsentEntry, without=frozenset({"circumstances"})),
        **_TOLD,
        withheld=FLAG,
    ),
    "Consent": record(
        {
            "phone": TEXT,
            "opted_out": FLAG,
            "since": TIME,
            "source": enum(ConsentSource),
            "cause": TEXT,
            "entries": array(ref("ConsentEntry")),
            "kept_by": array(of(KeptEntry)),
            "next_cursor": TEXT,
        },
        ["phone", "opted_out", "entries"],
    ),
    "OptOutImport": record(
        {
            **dict.fromkeys(("id", "reason", "created_by"), TEXT),
            **dict.fromkeys(("size", "offset", "rows", *BulkOutcome), COUNT),
            "status": enum(ImportStatus),
            "created_at": TIME,
            "invalid_reasons": OBJECT,
            "mapping": OBJECT,
            "headers": array(TEXT),
            "has_rejected": FLAG,
            "started_at": TIME,
            "error_code": TEXT,
            "error": TEXT,
        },
        ["id", "status", "reason", "created_at", "created_by", "rows", *BulkOutcome],
    ),
    "OptOutUpload": record({"import": ref("OptOutImport"), "upload": UPLOAD}, ["import", "upload"]),
    "OptOutExport": record(
        {
            "id": TEXT,
            "status": enum(ExportStatus),
            "created_at": TIME,
            "created_by": TEXT,
            "rows": COUNT,
            # Once it is done.
            "url": TEXT,
        },
        ["id", "status", "created_at", "created_by", "rows"],
    ),
}
