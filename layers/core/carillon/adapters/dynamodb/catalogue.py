"""Campaigns, senders and offices as the analytics read them: boto3, read-only."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.control import DynamoDirectory, campaign_of_item
from carillon.adapters.dynamodb.control.items import sender_of_item
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.campaign import Campaign, CampaignStatus, Sender
from carillon.domain.campaign_list import OVER, RUNNING, CampaignCard
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import NotFound

# The tabs (K5) in which a launched campaign can stand.
_LAUNCHED_TABS = ("active", "archived")
_CAMPAIGN = "CMP"
_KEYS_PER_READ = 100


class DynamoCatalogue:
    """Implements ``ports.CampaignCatalogue`` over the control table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._directory = DynamoDirectory(client, table)

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign; raises NotFound."""
        return self._directory.campaign(campaign_id)

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        return self._directory.sender(sender_id)

    def launched_campaigns(self) -> Iterator[Campaign]:
        """Yield every campaign that has been launched."""
        for tab in _LAUNCHED_TABS:
            pages = self._query(schema.tab_pk(tab), key="gsi1pk", IndexName=schema.GSI1)
            campaigns = (campaign_of_item(item) for item in pages)
            yield from (campaign for campaign in campaigns if campaign.launched_at is not None)

    def touched_campaigns(self, since: datetime) -> list[CampaignCard]:
        """Return who runs, and who changed at *since* or later: a query a status."""
        spans = [*((status, "") for status in RUNNING), *((one, to_iso(since)) for one in OVER)]
        return [card for status, first in spans for card in self._by_status(status, first)]

    def campaign_cards(self, campaign_ids: Iterable[str]) -> list[CampaignCard]:
        """Return those of the campaigns that were launched: a read for each hundred."""
        keys = [{"pk": schema.campaign_pk(one), "sk": _CAMPAIGN} for one in sorted({*campaign_ids})]
        cards: list[CampaignCard] = []
        for start in range(0, len(keys), _KEYS_PER_READ):
            chunk = [to_item(key) for key in keys[start : start + _KEYS_PER_READ]]
            wanted: dict[str, Any] = {self._table: {"Keys": chunk}}
            items = (from_item(item) for _, item in read_all(self._client, wanted))
            cards += [_card(item) for item in items if item.get("launched_at")]
        return cards

    def senders(self) -> list[Sender]:
        """Return every sender: one query, an organisation has few."""
        items = self._query(schema.SENDERS, key="gsi1pk", IndexName=schema.GSI1)
        return [sender_of_item(item) for item in items]

    def active_senders(self, sender_ids: Iterable[str]) -> int:
        """Return how many of the senders are active; one read each, a campaign has few."""
        return sum(map(self._is_active, sender_ids))

    def office_ids(self) -> list[str]:
        """Return every office."""
        items = self._query(schema.ORGANISATION, key="pk")
        return [item["id"] for item in items if item["sk"].startswith(schema.office_sk(""))]

    def _is_active(self, sender_id: str) -> bool:
        try:
            return self._directory.sender(sender_id).status == "active"
        except NotFound:
            return False

    def _by_status(self, status: CampaignStatus, first: str) -> Iterator[CampaignCard]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=schema.BY_STATUS,
            KeyConditionExpression="#status = :status AND updated_at >= :first",
            ExpressionAttributeNames={"#status": "status"},
            # No sort key is empty, and every time is later than a blank.
            ExpressionAttributeValues=to_item({":status": status.value, ":first": first or " "}),
        )
        for page in pages:
            for item in map(from_item, page["Items"]):
                # Other things have a status as well.
                if item["sk"] == _CAMPAIGN and item.get("launched_at"):
                    yield _card(item)

    def _query(self, value: str, *, key: str, **request: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=f"{key} = :key",
            ExpressionAttributeValues=to_item({":key": value}),
            **request,
        )
        for page in pages:
            yield from (from_item(item) for item in page["Items"])


def _card(item: Mapping[str, Any]) -> CampaignCard:
    finished_at = item.get("finished_at")
    return CampaignCard(
        id=item["pk"].partition("#")[2],
        title=item["title"],
        office_id=item["office_id"],
        status=CampaignStatus(item["status"]),
        created_by=item["created_by"],
        launched_at=from_iso(item["launched_at"]),
        updated_at=from_iso(item["updated_at"]),
        finished_at=from_iso(finished_at) if finished_at else None,
        type=item.get("type", "sms"),
        operated_by=item.get("operated_by", "agent"),
        tags=tuple(item.get("tags", ())),
        total=item.get("total", 0),
    )
