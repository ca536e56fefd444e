"""The parameters that queries may have, by name."""

from carillon.domain.campaign import CampaignStatus
from carillon.domain.campaign_list import SORTS
from carillon.domain.campaign_search import CampaignSort
from carillon.domain.campaign_states import TABS
from carillon.domain.conversation import Section
from carillon.domain.lead_list import LEAD_FIGURES, LeadGroup
from carillon.domain.timeframe import DEFAULT_PRESET, PRESETS
from carillon.domain.vocabularies import Vocabulary
from carillon.edge.http import DEFAULT_PAGE, MAX_PAGE
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
    **dict.fromkeys(("campaign_status", "campaign_type", "campaign_ids"), TEXT),
    "figure": {"type": "string", "enum": list(LEAD_FIGURES)},
    # Of leads, or of campaigns.
    "status": {
        "type": "string",
        "enum": [one.value for kind in (LeadGroup, CampaignStatus) for one in kind],
    },
    # Of campaigns, or of their figures.
    "sort": {
        "type": "string",
        "enum": list(dict.fromkeys([*(one.value for one in CampaignSort), *SORTS])),
    },
    "order": {"type": "string", "enum": ["asc", "desc"]},
    "vocabulary": {"type": "string", "enum": [one.value for one in Vocabulary]},
    # Separated by commas; a campaign must have all of them.
    "tags": TEXT,
    **dict.fromkeys(("type", "operated_by", "month", "day"), TEXT),
    "sender_id": TEXT,
    "reason": TEXT,
    "phone": TEXT,
    **dict.fromkeys(("object_id", "actor"), TEXT),
    "confirmed_by_contact": FLAG,
    "section": {"type": "string", "enum": [section.value for section in Section]},
    **dict.fromkeys(("office_id", "campaign_id", "assigned_to", "tag", "q", "after"), TEXT),
    "opted_out": FLAG,
    "force": FLAG,
    "wait_s": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
}
