"""The parameters that queries may have, by name."""

from carillon.domain.campaign_list import ORDERS, SORTS
from carillon.domain.conversation import Section
from carillon.domain.lead_list import LEAD_FIGURES, LeadGroup
from carillon.domain.timeframe import DEFAULT_PRESET, PRESETS
from carillon.edge.http import DEFAULT_PAGE, MAX_PAGE
from carillon.usecases.manage_campaigns import TABS
from carillon.usecases.manage_conversations import MAX_WAIT_S
from infra.openapi.schemas import FLAG, TEXT, Schema

QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
    "cursor": TEXT,
    "tab": {"type": "string", "enum": list(TABS), "default": "active"},
    "preset": {"type": "string", "enum": list(PRESETS), "default": DEFAULT_PRESET},
    "from": TEXT,
    "to": TEXT,
    "zone": TEXT,
    **dict.fromkeys(("campaign_status", "campaign_type", "operated_by", "campaign_ids"), TEXT),
    "sort": {"type": "string", "enum": list(SORTS), "default": SORTS[0]},
    "order": {"type": "string", "enum": list(ORDERS), "default": ORDERS[0]},
    "figure": {"type": "string", "enum": list(LEAD_FIGURES)},
    "status": {"type": "string", "enum": [group.value for group in LeadGroup]},
    "sender_id": TEXT,
    "reason": TEXT,
    "phone": TEXT,
    "confirmed_by_contact": FLAG,
    "section": {"type": "string", "enum": [section.value for section in Section]},
    **dict.fromkeys(("office_id", "campaign_id", "assigned_to", "tag", "q", "after"), TEXT),
    "opted_out": FLAG,
    "force": FLAG,
    "wait_s": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
}
