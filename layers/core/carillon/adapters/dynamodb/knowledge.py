"""
What the assistants know, in the control table: read when contacts are answered, kept by people.

One adapter for both, over boto3: the functions that answer contacts load no pynamodb, and the
people's API has boto3 beside it for its queues and files anyway.
"""

from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.knowledge import KnowledgeEntry


class DynamoKnowledge:
    """Implements ``ports.KnowledgeBook``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def entries(self, campaign_id: str) -> list[KnowledgeEntry]:
        """Return all entries of the campaign, by id, strongly consistent."""
        found: list[KnowledgeEntry] = []
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": to_item(
                {":pk": schema.campaign_pk(campaign_id), ":prefix": schema.knowledge_sk("")}
            ),
            "ConsistentRead": True,
        }
        while True:
            page = self._client.query(**query)
            found += [_entry(from_item(item)) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put(self, entry: KnowledgeEntry) -> None:
        """Keep *entry*, in place of the one that has its id."""
        key = _key(entry.campaign_id, entry.id)
        self._client.put_item(TableName=self._table, Item={**key, **to_item(vars(entry))})

    def delete(self, campaign_id: str, entry_id: str) -> None:
        """Drop the entry, if there is one."""
        self._client.delete_item(TableName=self._table, Key=_key(campaign_id, entry_id))


def _key(campaign_id: str, entry_id: str) -> dict[str, Any]:
    return to_item(
        {schema.PK: schema.campaign_pk(campaign_id), schema.SK: schema.knowledge_sk(entry_id)}
    )


def _entry(item: dict[str, Any]) -> KnowledgeEntry:
    return KnowledgeEntry(
        campaign_id=item["campaign_id"],
        id=item["id"],
        answer=item["answer"],
        questions=tuple(item["questions"]),
        keywords=tuple(item["keywords"]),
        enabled=item["enabled"],
        updated_at=from_iso(item["updated_at"]),
    )
