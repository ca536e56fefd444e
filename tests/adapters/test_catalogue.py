"""Campaigns as the analytics find them: one suite over the fake and the control table."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.catalogue import DynamoCatalogue
from carillon.adapters.dynamodb.items import to_item
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.clock import to_iso
from carillon.ports import CampaignCatalogue
from tests.support.counters import NOON, OFFICE, FakeCatalogue, a_campaign, card_of
from tests.support.tables import create_tables

DAY = timedelta(days=1)
LONG_AGO = {"launched_at": NOON - 90 * DAY, "updated_at": NOON - 80 * DAY}
RUNNING = a_campaign("cmp_running", status=CampaignStatus.PAUSED, **LONG_AGO)
OVER = a_campaign(
    "cmp_over", status=CampaignStatus.FINISHED, finished_at=NOON - 80 * DAY, **LONG_AGO
)
ARCHIVED = a_campaign(
    "cmp_archived",
    status=CampaignStatus.ARCHIVED,
    launched_at=NOON - 9 * DAY,
    updated_at=NOON - DAY,
    tags=("vip",),
    operated_by="assistant",
)
DRAFT = a_campaign("cmp_draft", status=CampaignStatus.DRAFT, launched_at=None)
DISCARDED = a_campaign("cmp_gone", status=CampaignStatus.ARCHIVED, launched_at=None)
CAMPAIGNS = (RUNNING, OVER, ARCHIVED, DRAFT, DISCARDED)


def _item(campaign: Campaign) -> dict[str, Any]:
    names = ("id", "title", "office_id", "created_by", "type", "operated_by", "total", "version")
    times = ("created_at", "updated_at", "launched_at", "finished_at")
    item: dict[str, Any] = {name: getattr(campaign, name) for name in names}
    item |= {name: to_iso(at) for name in times if (at := getattr(campaign, name))}
    return {
        **item,
        "pk": schema.campaign_pk(campaign.id),
        "sk": "CMP",
        "status": campaign.status.value,
        "tags": list(campaign.tags),
        "body": "Hello " * 40,
    }


@pytest.fixture(params=["memory", "dynamodb"])
def catalogue(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CampaignCatalogue]:
    if request.param == "memory":
        yield FakeCatalogue(*CAMPAIGNS)
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        for campaign in CAMPAIGNS:
            client.put_item(TableName="ControlTable", Item=to_item(_item(campaign)))
        # A sender has a status, an import a time of its last change: neither is a campaign.
        for key in ({"pk": "SND#snd_1", "sk": "SND"}, {"pk": "LST#lst_1", "sk": "IMP#imp_1"}):
            other = {**key, "status": "active", "updated_at": to_iso(NOON), "office_id": OFFICE}
            client.put_item(TableName="ControlTable", Item=to_item(other))
        yield DynamoCatalogue(client, "ControlTable")


def test_who_runs_or_changed_since_is_found(catalogue: CampaignCatalogue) -> None:
    recent = catalogue.touched_campaigns(NOON - 2 * DAY)
    ever = catalogue.touched_campaigns(NOON - 900 * DAY)

    assert {card.id: card for card in recent} == {
        one.id: card_of(one) for one in (RUNNING, ARCHIVED)
    }
    assert {card.id for card in ever} == {"cmp_running", "cmp_over", "cmp_archived"}


def test_campaigns_are_found_by_id_if_they_were_launched(catalogue: CampaignCatalogue) -> None:
    many = [f"cmp_absent_{number}" for number in range(130)]

    found = catalogue.campaign_cards(["cmp_over", "cmp_draft", "cmp_over", *many])

    assert found == [card_of(OVER)]
    assert catalogue.campaign_cards([]) == []
