"""What the analytics answer."""

from carillon.domain.campaign import CampaignStatus
from carillon.domain.campaign_card import ReportKind
from carillon.domain.lead import LeadStatus
from carillon.domain.metrics import COST_FORMULA, METRICS, Health, Metric
from carillon.domain.performance import CAUSES
from carillon.domain.series import Granularity
from carillon.domain.significance import CORRECTION, FISHER, MIN_EXPECTED, Z_TEST, Verdict
from infra.openapi.schemas import (
    COUNT,
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    Schema,
    array,
    enum,
    record,
    ref,
    with_optional,
)

_ALWAYS = ("as_of", "from", "to", "zone")
_FRAME: dict[str, Schema] = {
    **dict.fromkeys(("as_of", "from", "to"), TIME),
    "zone": TEXT,
    "preset": {**TEXT, "description": "Null of a custom frame."},
}
_RATES = ("delivery_rate", "response_rate", "conversion_rate")
_TEST: Schema = {
    **record({"alpha": NUMBER, "correction": TEXT}, ["alpha", "correction"]),
    "description": f"T6, M2. Each pair by the {Z_TEST}, two-sided, or by {FISHER} where fewer than"
    f" {MIN_EXPECTED} are expected; p-values of all pairs corrected by {CORRECTION}; the best wins"
    " when all of its own are below alpha.",
}
_USED: Schema = record(
    {
        "messages": {**COUNT, "description": METRICS["messages"].formula},
        "segments": {**COUNT, "description": METRICS["segments"].formula},
        "costs": array(ref("Cost")),
    },
    ["messages", "segments", "costs"],
)
_VARIANT_COUNTS = ("submitted", "delivered", "failed", "responded", "opted_out", "converted")
_SENT_COUNTS: dict[str, Schema] = dict.fromkeys(("sent", "delivered", "failed", "segments"), COUNT)


def _figure(metric: Metric) -> Schema:
    """Return the schema of one figure, with its formula as domain.metrics computes it."""
    value = {"description": "Null where there is a reason."}
    figure = record({"id": TEXT, "value": value, "reason": TEXT}, ["id"])
    return {**figure, "description": f"{metric.id}. {metric.formula}"}


ANSWERS: dict[str, Schema] = {
    "Figures": record({name: _figure(metric) for name, metric in METRICS.items()}, [*METRICS]),
    "Failure": {
        **record(
            {"code": TEXT, "reason": TEXT, "advice": TEXT, "count": COUNT},
            ["code", "reason", "advice", "count"],
        ),
        "description": "A15. Leads that failed or were suppressed for this reason; they add up to"
        " failed (A13).",
    },
    "Cost": {
        **record({"currency": TEXT, "cost_micros": COUNT}, ["currency", "cost_micros"]),
        "description": COST_FORMULA,
    },
    "CampaignMetrics": record(
        {
            "campaign_id": TEXT,
            "as_of": TEXT,
            "status": TEXT,
            "metrics": ref("Figures"),
            "failures": array(ref("Failure")),
            "costs": array(ref("Cost")),
            "follow_ups": record({"submitted": COUNT, "delivered": COUNT, "failed": COUNT}, []),
            "links": array(
                record({"name": TEXT, "url": TEXT, "clicks": COUNT, "machine_clicks": COUNT}, [])
            ),
            "activity": array(OBJECT),
            "recount": OBJECT,
        },
        ["campaign_id", "as_of", "status", "metrics", "failures", "costs", "activity"],
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
            "test": _TEST,
            **dict.fromkeys(_RATES, ref("Comparison")),
        },
        ["campaign_id", "as_of", "variants", "test", *_RATES],
    ),
    "VariantResult": record(
        {
            "variant": TEXT,
            **dict.fromkeys(_VARIANT_COUNTS, COUNT),
            # Null while there is nothing that they could be of.
            **dict.fromkeys((*_RATES, "opt_out_rate"), NUMBER),
        },
        ["variant", *_VARIANT_COUNTS],
    ),
    "Comparison": record(
        {
            "verdict": enum(Verdict),
            "winner": TEXT,
            "p_value": NUMBER,
            "confidence_pct": {**NUMBER, "description": "(1 - p_value) * 100, one decimal, down."},
            "tests": array(TEXT),
        },
        ["verdict", "tests"],
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
    "AnalyticsSummary": record(
        {
            **_FRAME,
            "offices": array(TEXT),
            "filters": OBJECT,
            "campaigns": {
                **record({"active": COUNT, "total": COUNT}, ["active", "total"]),
                "description": "T3. Campaigns that ran at some instant of the frame, and those of"
                " them that run now.",
            },
            "metrics": ref("Figures"),
            "failures": array(ref("Failure")),
            "costs": array(ref("Cost")),
            "follow_ups": record({"submitted": COUNT, "delivered": COUNT, "failed": COUNT}, []),
        },
        [*_ALWAYS, "offices", "campaigns", "metrics", "failures", "costs", "follow_ups"],
    ),
    "CampaignActivity": record(
        {
            "campaign_id": TEXT,
            "as_of": TIME,
            "zone": TEXT,
            "granularity": {
                **enum(Granularity),
                "description": "T2. Active for a day at most: hours; less than two months: days;"
                " less than two years: months; else years. Null before the launch.",
            },
            "from": TIME,
            "to": TIME,
            "buckets": array(
                record(
                    {"at": TEXT, "messages": COUNT, "delivered": COUNT, "responses": COUNT},
                    ["at", "messages", "delivered", "responses"],
                )
            ),
        },
        ["campaign_id", "as_of", "zone", "buckets"],
    ),
    "ResponseSeries": record(
        {
            **_FRAME,
            "responses_by_hour": array(COUNT),
            "responses_by_weekday": array(COUNT),
            "responses_by_date": array(
                record({"date": TEXT, "responses": COUNT}, ["date", "responses"])
            ),
            "launches_by_date": array(
                record({"date": TEXT, "launches": COUNT}, ["date", "launches"])
            ),
        },
        [
            *_ALWAYS,
            "responses_by_hour",
            "responses_by_weekday",
            "responses_by_date",
            "launches_by_date",
        ],
    ),
    "CampaignFiguresRow": record(
        {
            **dict.fromkeys(("campaign_id", "title", "office_id", "type", "mode"), TEXT),
            "status": enum(CampaignStatus),
            "tags": array(TEXT),
            "launched_at": TIME,
            "created_by": TEXT,
            "messaged": {**COUNT, "description": f"A1. {METRICS['contacts_messaged'].formula}"},
            "responded": {**COUNT, "description": f"A3. {METRICS['contacts_responded'].formula}"},
            "rate": {**NUMBER, "description": f"A4. {METRICS['rate_of_engagement'].formula}"},
        },
        ["campaign_id", "title", "launched_at", "created_by", "messaged", "responded", "rate"],
    ),
    "CampaignFigures": record(
        {**_FRAME, "items": array(ref("CampaignFiguresRow")), "next_cursor": TEXT},
        [*_ALWAYS, "items"],
    ),
    "CampaignCsv": TEXT,
    "ComparedCampaign": record(
        {
            **dict.fromkeys(("campaign_id", "title", "status"), TEXT),
            "delivery_rate": {**NUMBER, "description": METRICS["delivery_rate"].formula},
            "response_rate": {
                **NUMBER,
                "description": "contacts_responded / initials_sent * 100, one decimal, half up.",
            },
            "conversion_rate": {**NUMBER, "description": METRICS["conversion_rate"].formula},
        },
        ["campaign_id", "title", "status"],
    ),
    "CampaignComparison": record(
        {
            "as_of": TIME,
            "campaigns": array(ref("ComparedCampaign")),
            "test": _TEST,
            **dict.fromkeys(_RATES, ref("Comparison")),
        },
        ["as_of", "campaigns", "test", *_RATES],
    ),
    "Usage": record(
        {
            **_FRAME,
            # Of campaigns: what is written to contacts of none is not counted.
            "total": ref("Used"),
            "by_office": array(with_optional(_USED, office_id=TEXT)),
            "by_sender": array(
                record(
                    {
                        **dict.fromkeys(("sender_id", "name", "office_id"), TEXT),
                        **dict.fromkeys(("messages", "segments"), COUNT),
                    },
                    ["sender_id", "name", "office_id", "messages", "segments"],
                )
            ),
            "by_channel": array(
                record(
                    {"channel": TEXT, "messages": COUNT, "segments": COUNT},
                    ["channel", "messages", "segments"],
                )
            ),
        },
        [*_ALWAYS, "total", "by_office", "by_sender", "by_channel"],
    ),
    "Used": _USED,
}
