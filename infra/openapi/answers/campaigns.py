"""What is answered about campaigns, and what their assistants know."""

from carillon.domain.campaign import Campaign
from carillon.domain.campaign_card import Card, ReportKind
from carillon.domain.campaign_offers import Offer
from carillon.domain.campaign_states import TABS, Action
from carillon.domain.content_checks import Finding
from carillon.domain.knowledge import KnowledgeEntry
from carillon.usecases.attach_media import MediaAnswer
from carillon.usecases.list_campaigns import Calendar, Linked
from carillon.usecases.manage_knowledge import Trial
from carillon.usecases.manage_series import Series
from carillon.usecases.preview_campaign import CampaignPreview
from infra.openapi.schemas import (
    TEXT,
    Schema,
    array,
    enum,
    of,
    page_of,
    record,
    ref,
    with_optional,
)

ANSWERS: dict[str, Schema] = {
    "Campaign": with_optional(
        of(
            Campaign,
            tab={"type": "string", "enum": list(TABS)},
            allowed_actions=array(enum(Action)),
            menu=array(ref("CampaignOffer")),
            without=frozenset({"link_key"}),
            missing_for_launch=array(TEXT),
            content_findings=array(ref("ContentFinding")),
            office_name=TEXT,
            office_timezone=TEXT,
            phone_numbers=array(TEXT),
            list_names=array(TEXT),
            card=ref("CampaignCard"),
            report=enum(ReportKind),
        ),
        # In the words of the vocabulary that was asked for, if it has one.
        projection=TEXT,
        # The campaigns of its combo: of one that is shown, and of one that is paused or resumed.
        linked=array(ref("LinkedCampaign")),
        affected=array(ref("LinkedCampaign")),
    ),
    "ContentFinding": of(Finding),
    "CampaignPreview": of(CampaignPreview),
    "CampaignMediaAnswer": of(MediaAnswer),
    "CampaignOffer": of(Offer),
    "CampaignCard": of(Card),
    "LinkedCampaign": of(Linked),
    "CampaignList": page_of("Campaign"),
    "CampaignCalendar": of(Calendar),
    "CampaignSeries": of(Series),
    "Queued": record({"campaign_id": TEXT, "status": TEXT}, ["campaign_id", "status"]),
    "KnowledgeEntry": of(KnowledgeEntry),
    "KnowledgeList": page_of("KnowledgeEntry"),
    "Trial": of(Trial),
}
