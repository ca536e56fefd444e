"""What is answered about campaigns, and what their assistants know."""

from carillon.domain.campaign import Action, Campaign
from carillon.domain.content_checks import Finding
from carillon.domain.knowledge import KnowledgeEntry
from carillon.usecases.attach_media import MediaAnswer
from carillon.usecases.manage_campaigns import TABS
from carillon.usecases.manage_knowledge import Trial
from carillon.usecases.preview_campaign import CampaignPreview
from infra.openapi.schemas import TEXT, Schema, array, of, page_of, record, ref

ANSWERS: dict[str, Schema] = {
    "Campaign": of(
        Campaign,
        tab={"type": "string", "enum": list(TABS)},
        allowed_actions=array({"type": "string", "enum": [action.value for action in Action]}),
        without=frozenset({"link_key"}),
        missing_for_launch=array(TEXT),
        content_findings=array(ref("ContentFinding")),
    ),
    "ContentFinding": of(Finding),
    "CampaignPreview": of(CampaignPreview),
    "CampaignMediaAnswer": of(MediaAnswer),
    "CampaignList": page_of("Campaign"),
    "Queued": record({"campaign_id": TEXT, "status": TEXT}, ["campaign_id", "status"]),
    "KnowledgeEntry": of(KnowledgeEntry),
    "KnowledgeList": page_of("KnowledgeEntry"),
    "Trial": of(Trial),
}
