"""The last look before a provider call."""

from collections.abc import Mapping
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.control.items import item_key
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks, is_out
from carillon.adapters.dynamodb.items import from_item
from carillon.domain.campaign import CampaignStatus
from carillon.domain.conversation import ASSISTANT
from carillon.domain.message import GateView, RowRef


class DynamoGate:
    """Implements ``ports.Gate``: five or six items in one BatchGetItem, 1 RU each or more."""

    def __init__(
        self,
        client: Any,
        *,
        control_table: str,
        suppressions_table: str,
        messages_table: str,
        conversations_table: str,
    ) -> None:
        self._client = client
        self._control = control_table
        self._suppressions = suppressions_table
        self._messages = messages_table
        self._conversations = conversations_table
        self._marks = ErasureMarks(client, control_table)

    def look(
        self,
        *,
        phone: str,
        campaign_id: str | None,
        sender_id: str,
        lead: RowRef | None = None,
        conversation_id: str | None = None,
    ) -> GateView:
        """Read all that may stand against a message, strongly consistent, in one request."""
        found = self._read(phone, campaign_id, sender_id, lead, conversation_id)
        consent = found.get((phone, ""), {})
        erased = found.get((self._marks.mark(phone), ""), {})
        campaign = found.get((schema.campaign_pk(campaign_id or ""), "CMP"), {})
        row = found.get((lead.pk, lead.sk), {}) if lead is not None else {}
        lease = found.get((schema.sender_pk(sender_id), "LEASE"), {})
        talk = found.get((conversation_id or "", schema.CONVERSATION), {})
        return GateView(
            opted_out=is_out(consent, erased),
            campaign_active=campaign.get("status") == CampaignStatus.ACTIVE,
            lease_token=lease.get("token", 0),
            campaign_version=campaign.get("version", 0),
            is_held="held_at" in found.get((schema.held_pk(phone), ""), {}),
            campaign_archived=campaign.get("status") == CampaignStatus.ARCHIVED,
            has_replied=_has_reacted(row),
            has_clicked="clicked_at" in row,
            is_closed=talk.get("closed", False),
            is_assistants=_is_assistants(talk),
        )

    def _read(
        self,
        phone: str,
        campaign_id: str | None,
        sender_id: str,
        lead: RowRef | None,
        conversation_id: str | None,
    ) -> dict[tuple[str, str], dict[str, Any]]:
        campaign = [item_key(schema.campaign_pk(campaign_id), "CMP")] if campaign_id else []
        people = (phone, schema.held_pk(phone), self._marks.mark(phone))
        wanted: dict[str, Any] = {
            self._suppressions: {
                "Keys": [{"pk": {"S": pk}} for pk in people],
                "ConsistentRead": True,
            },
            self._control: {
                "Keys": [*campaign, item_key(schema.sender_pk(sender_id), "LEASE")],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, sk, #status, #token, version",
                "ExpressionAttributeNames": {"#status": "status", "#token": "token"},
            },
        }
        if lead is not None:
            wanted[self._messages] = {
                "Keys": [item_key(lead.pk, lead.sk)],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, sk, replied_at, opted_out_at, clicked_at",
            }
        if conversation_id is not None:
            wanted[self._conversations] = {
                "Keys": [item_key(conversation_id, schema.CONVERSATION)],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, sk, closed, operated_by, is_held, awaiting_since",
            }
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for _, typed in read_all(self._client, wanted):
            item = from_item(typed)
            found[item["pk"], item.get("sk", "")] = item
        return found


def _has_reacted(lead: Mapping[str, Any]) -> bool:
    return "replied_at" in lead or "opted_out_at" in lead


def _is_assistants(talk: Mapping[str, Any]) -> bool:
    """Whether the assistant may still answer in *talk*: what ``is_for_assistant`` says of it."""
    return (
        talk.get("operated_by") == ASSISTANT
        and not talk["is_held"]
        and not talk["closed"]
        and "awaiting_since" in talk
    )
