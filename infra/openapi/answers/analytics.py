"""What the analytics answer."""

from carillon.domain.campaign_card import ReportKind
from carillon.domain.lead import LeadStatus
from carillon.domain.metrics import Health
from carillon.domain.performance import CAUSES
from carillon.domain.significance import Verdict
from infra.openapi.schemas import (
    COUNT,
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    array,
    enum,
    record,
    ref,
)

_VARIANT_COUNTS = ("submitted", "delivered", "failed", "responded", "opted_out")
_SENT_COUNTS: dict[str, Schema] = dict.fromkeys(("sent", "delivered", "failed", "segments"), COUNT)

ANSWERS: dict[str, Schema] = {
    "CampaignMetrics": record(
        {
            "campaign_id": TEXT,
            "as_of": TEXT,
            "status": TEXT,
            "metrics": OBJECT,
            "failures": array(OBJECT),
            "costs": array(record({"currency": TEXT, "cost_micros": COUNT}, [])),
            "follow_ups": record({"submitted": COUNT, "delivered": COUNT, "failed": COUNT}, []),
            "links": array(
                record({"name": TEXT, "url": TEXT, "clicks": COUNT, "machine_clicks": COUNT}, [])
            ),
            "activity": array(OBJECT),
            "recount": OBJECT,
        },
        ["campaign_id", "as_of", "status", "metrics", "failures", "activity"],
    ),
    "CampaignReport": record(
        {
            "campaign_id": TEXT,
            "number": COUNT,
            "title": TEXT,
            "status": TEXT,
            "kind": enum(ReportKind),
            "interim": FLAG,
            "created_at": TEXT,
            "launched_at": TEXT,
            "submitted_all_at": TEXT,
            "finished_at": TEXT,
            "schedule_at": TEXT,
            "details": OBJECT,
            # Null while there is nothing to report.
            "figures": ref("CampaignMetrics"),
        },
        ["campaign_id", "number", "title", "status", "kind", "interim", "created_at", "details"],
    ),
    "CampaignVariants": record(
        {
            "campaign_id": TEXT,
            "as_of": TEXT,
            "variants": array(ref("VariantResult")),
            "test": record({"name": TEXT, "alpha": NUMBER, "min_per_variant": COUNT}, []),
            "response_rate": ref("Comparison"),
            "delivery_rate": ref("Comparison"),
        },
        ["campaign_id", "as_of", "variants", "test", "response_rate", "delivery_rate"],
    ),
    "VariantResult": record(
        {
            "variant": TEXT,
            **dict.fromkeys(_VARIANT_COUNTS, COUNT),
            # Null while there is nothing that they could be of.
            **dict.fromkeys(("delivery_rate", "response_rate", "opt_out_rate"), NUMBER),
        },
        ["variant", *_VARIANT_COUNTS],
    ),
    "Comparison": record(
        {"verdict": enum(Verdict), "winner": TEXT, "p_value": NUMBER}, ["verdict"]
    ),
    "SenderPerformance": record(
        {
            "sender_id": TEXT,
            "as_of": TEXT,
            "lifetime": record({**_SENT_COUNTS, "success_rate": NUMBER}, [*_SENT_COUNTS]),
            "last_30_days": record(
                {"from": TEXT, **_SENT_COUNTS, "success_rate": NUMBER}, ["from", *_SENT_COUNTS]
            ),
            "success_rate": NUMBER,
            "health": enum(Health),
            "causes": array(ref("FailureCause")),
        },
        ["sender_id", "as_of", "lifetime", "last_30_days", "causes"],
    ),
    "FailureCause": record(
        {
            "cause": {"type": "string", "enum": [*CAUSES]},
            "advice": TEXT,
            "count": COUNT,
            "codes": array(
                record({"code": TEXT, "reason": TEXT, "count": COUNT}, ["code", "count"])
            ),
        },
        ["cause", "count", "codes"],
    ),
    "ListedLead": record(
        {
            "key": TEXT,
            "phone": TEXT,
            "status": enum(LeadStatus),
            "ambiguous": FLAG,
            "partial": FLAG,
            "sender_id": TEXT,
            "last_action_at": {"type": "string", "format": "date-time"},
            "attempts": COUNT,
            "variant": TEXT,
            "steps_left": COUNT,
            "reason": record({"code": TEXT, "reason": TEXT, "advice": TEXT}, ["code"]),
        },
        ["key", "status", "ambiguous", "partial", "sender_id", "last_action_at", "attempts"],
    ),
    "LeadList": record(
        {"as_of": TEXT, "items": array(ref("ListedLead")), "next_cursor": TEXT},
        ["as_of", "items"],
    ),
    "AnalyticsSummary": OBJECT,
}
