"""
Short links over the control and messages tables: boto3.

    campaigns   1 GetItem and 1 BatchGetItem, 1 RU each; kept for a minute in the process
    clickers    1 Query of the lead's rows, 0.5 RU
    note        1 WU, conditional
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.campaign_texts import links_from_text
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_item, to_value
from carillon.domain.clicks import MOST_COUNTED, Click, Clicker
from carillon.domain.clock import from_iso
from carillon.domain.counters import CLICK_ATTRIBUTES, MACHINE_ATTRIBUTES
from carillon.domain.ids import part_of
from carillon.domain.message import RowRef
from carillon.domain.short_links import LinkedCampaign

_KEPT_FOR_S = 60.0
_MOST_KEPT = 1000
_MOST_CAMPAIGNS = 100


class DynamoClicks:
    """Implements ``ports.Clicks``."""

    def __init__(
        self,
        client: Any,
        *,
        control_table: str,
        messages_table: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._client = client
        self._control = control_table
        self._messages = messages_table
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, tuple[LinkedCampaign, ...]]] = {}

    def campaigns(self, code: str, *, fresh: bool = False) -> tuple[LinkedCampaign, ...]:
        """Return the launched campaigns whose codes begin with *code*, as of a minute ago."""
        kept = self._kept.get(code)
        if kept is not None and not fresh and self._monotonic() - kept[0] < _KEPT_FOR_S:
            return kept[1]
        if len(self._kept) >= _MOST_KEPT:
            # Guesses must not fill the memory; what is true is soon read again.
            self._kept.clear()
        found = tuple(self._read_campaigns(code))
        self._kept[code] = (self._monotonic(), found)
        return found

    def clickers(self, campaign: LinkedCampaign, start: str) -> list[Clicker]:
        """Return the leads of *campaign* that have a row and whose keys begin with *start*."""
        if not campaign.parts:
            return []
        pages = self._client.get_paginator("query").paginate(
            TableName=self._messages,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :start)",
            FilterExpression="kind = :lead",
            ProjectionExpression="pk, sk, claimed_at, submitted_at, last_outbound_at",
            ExpressionAttributeValues=to_item(
                {
                    ":pk": schema.part_pk(campaign.id, part_of(start, campaign.parts)),
                    ":start": start,
                    ":lead": "lead",
                }
            ),
        )
        return [_clicker(from_item(item)) for page in pages for item in page["Items"]]

    def note(self, click: Click) -> None:
        """Count *click* once, up to ``MOST_COUNTED`` a link; a person's first one stands apart."""
        names = CLICK_ATTRIBUTES if click.machine is None else MACHINE_ATTRIBUTES
        first = ", clicked_at = if_not_exists(clicked_at, :at)" if click.machine is None else ""
        values = {":id": click.id, ":none": 0, ":one": 1, ":most": MOST_COUNTED}
        try:
            self._client.update_item(
                TableName=self._messages,
                Key=to_item({"pk": click.row.pk, "sk": click.row.sk}),
                UpdateExpression="SET #clicks = if_not_exists(#clicks, :none) + :one,"
                f" last_click = :id{first}",
                ConditionExpression="attribute_exists(pk)"
                " AND (attribute_not_exists(last_click) OR last_click <> :id)"
                " AND (attribute_not_exists(#clicks) OR #clicks < :most)",
                ExpressionAttributeNames={"#clicks": names[click.number]},
                ExpressionAttributeValues=to_item(values)
                | ({":at": to_value(click.at)} if first else {}),
            )
        except ClientError as error:
            # The same request again, an opening beyond those that count, or no row any more.
            if not condition_failed(error):
                raise

    def _read_campaigns(self, code: str) -> list[LinkedCampaign]:
        key = to_item({"pk": schema.link_pk(code), "sk": schema.LINK})
        answer = self._client.get_item(TableName=self._control, Key=key)
        ids = sorted(from_item(answer.get("Item", {})).get("campaigns", ()))[:_MOST_CAMPAIGNS]
        if not ids:
            return []
        wanted = {
            self._control: {
                "Keys": [to_item({"pk": schema.campaign_pk(one), "sk": "CMP"}) for one in ids],
                "ProjectionExpression": "id, #parts, links, link_key",
                "ExpressionAttributeNames": {"#parts": "parts"},
            }
        }
        items = (item for _, item in read_all(self._client, wanted))
        return [_campaign(from_item(item)) for item in items if "link_key" in item]


def _campaign(item: dict[str, Any]) -> LinkedCampaign:
    return LinkedCampaign(
        id=item["id"],
        parts=item.get("parts", 0),
        links=links_from_text(item.get("links")),
        link_key=item["link_key"],
    )


def _clicker(item: dict[str, Any]) -> Clicker:
    # The latest message that may have carried the link.
    at = item.get("last_outbound_at") or item.get("submitted_at") or item.get("claimed_at")
    return Clicker(RowRef(item["pk"], item["sk"]), from_iso(at) if at else None)
