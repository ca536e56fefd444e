"""Campaigns, senders and offices as the analytics read them: boto3, read-only."""

from collections.abc import Iterable, Iterator
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.control import DynamoDirectory, campaign_of_item
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.campaign import Campaign, Sender
from carillon.domain.errors import NotFound

# The tabs (K5) in which a launched campaign can stand.
_LAUNCHED_TABS = ("active", "archived")


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

    def _query(self, value: str, *, key: str, **request: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=f"{key} = :key",
            ExpressionAttributeValues=to_item({":key": value}),
            **request,
        )
        for page in pages:
            yield from (from_item(item) for item in page["Items"])
