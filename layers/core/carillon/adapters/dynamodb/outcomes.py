"""Outcomes on the rows of leads, and which tags mark them (A16): one request each."""

from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.message import RowRef
from carillon.domain.outcomes import Outcome


class DynamoOutcomes:
    """Implements ``ports.Outcomes`` over the control and the messages table."""

    def __init__(self, client: Any, *, control_table: str, messages_table: str) -> None:
        self._client = client
        self._control = control_table
        self._messages = messages_table

    def tags(self, campaign_id: str) -> tuple[str, ...]:
        """Return the tags that are outcomes of the campaign."""
        answer = self._client.get_item(TableName=self._control, Key=to_item(_key(campaign_id)))
        return tuple(from_item(answer["Item"])["tags"]) if "Item" in answer else ()

    def keep_tags(self, campaign_id: str, tags: tuple[str, ...]) -> None:
        """Keep *tags* in place of what was there."""
        item = {**_key(campaign_id), "tags": list(tags)}
        self._client.put_item(TableName=self._control, Item=to_item(item))

    def mark(self, ref: RowRef, outcome: Outcome) -> Outcome | None:
        """Mark the lead *ref* unless it is marked; return what stands, None without a lead."""
        try:
            answer = self._client.update_item(
                TableName=self._messages,
                Key=to_item({schema.PK: ref.pk, schema.SK: ref.sk}),
                UpdateExpression="SET converted_at = if_not_exists(converted_at, :at),"
                " outcome = if_not_exists(outcome, :outcome)",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=to_item(
                    {":at": to_iso(outcome.converted_at), ":outcome": outcome.outcome}
                ),
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        item = from_item(answer["Attributes"])
        return Outcome(outcome=item["outcome"], converted_at=from_iso(item["converted_at"]))


def _key(campaign_id: str) -> dict[str, str]:
    return {schema.PK: schema.campaign_pk(campaign_id), schema.SK: "OUTCOMES"}
