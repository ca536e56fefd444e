"""A campaign's leads as the analytics list them: boto3, read-only, a bounded query a page."""

from collections.abc import Mapping
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item
from carillon.domain.clock import from_iso
from carillon.domain.counters import COUNTED_ATTRIBUTES, contribution
from carillon.domain.lead import LeadStatus
from carillon.domain.lead_list import ListedLead

# What happened to a lead, each with its time; texts of one form, so they compare as times.
_ACTIONS = (
    "claimed_at",
    "submitted_at",
    "final_at",
    "replied_at",
    "opted_out_at",
    "last_inbound_at",
    "last_outbound_at",
    "converted_at",
)
_READ = sorted({"sk", "phone", "attempts", *_ACTIONS} | COUNTED_ATTRIBUTES)


class DynamoLeadPages:
    """Implements ``ports.LeadPages`` over the messages table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def leads(
        self, campaign_id: str, part: int, after: str | None, rows: int
    ) -> tuple[list[ListedLead], str | None]:
        """Return leads of *part* behind *after*: at most *rows* rows, some 0.06 RU each."""
        pk = schema.part_pk(campaign_id, part)
        names = {f"#{number}": name for number, name in enumerate(_READ)}
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "FilterExpression": "kind = :lead",
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":lead": {"S": "lead"}},
            "Limit": rows,
        }
        if after is not None:
            request["ExclusiveStartKey"] = {schema.PK: {"S": pk}, schema.SK: {"S": after}}
        answer = self._client.query(**request)
        rest = answer.get("LastEvaluatedKey")
        leads = [_listed(from_item(item)) for item in answer["Items"]]
        return leads, rest[schema.SK]["S"] if rest else None


def _listed(item: Mapping[str, Any]) -> ListedLead:
    return ListedLead(
        key=item["sk"],
        phone=item.get("phone"),
        status=LeadStatus(item["status"]),
        sender_id=item["sender_id"],
        claimed_at=from_iso(item["claimed_at"]),
        last_action_at=from_iso(max(item[name] for name in _ACTIONS if name in item)),
        attempts=item.get("attempts", 1),
        error_code=item.get("error_code"),
        variant=item.get("variant"),
        steps_left=item.get("steps_left", 0),
        counts=contribution(item).totals,
    )
