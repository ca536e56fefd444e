"""
What became of the occurrences of campaigns that recur (boto3).

    take    one transaction: the series, the note and, if it was launched, its campaign;
            before it the number of that campaign and the entries by which it is found, which
            mislead nobody when they are left over
"""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import write_all
from carillon.adapters.dynamodb.campaign_places import entries_of, places_of
from carillon.adapters.dynamodb.campaign_texts import (
    approval_text,
    follow_ups_text,
    hours_text,
    links_text,
    media_text,
    recurrence_text,
    variants_text,
)
from carillon.adapters.dynamodb.control.items import item_key
from carillon.adapters.dynamodb.control.table import ControlTable
from carillon.adapters.dynamodb.items import cancellation_reasons, from_item, to_item
from carillon.domain.campaign import Campaign
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.recurrence import Occurred, Outcome

_ATTEMPTS = 5
_BATCH_WRITE = 25
_STRUCTURED: Mapping[str, Any] = {
    "approval": approval_text,
    "recurrence": recurrence_text,
    "variants": variants_text,
    "follow_ups": follow_ups_text,
    "active_hours": hours_text,
    "links": links_text,
    "media": media_text,
}


class DynamoOccurrences(ControlTable):
    """Implements ``ports.Occurrences`` over the control table."""

    def take(
        self, seen: Campaign, after: Campaign, occurred: Occurred, run: Campaign | None
    ) -> bool:
        """Note *occurred*, create *run* and leave the series as *after*, all or nothing."""
        key = {"pk": schema.campaign_pk(seen.id), "sk": schema.occurrence_sk(occurred.local_time)}
        writes = [
            {"Update": self._series_update(seen, after)},
            self._new({**key, **vars(occurred), "id": seen.id, "created_at": occurred.at}),
        ]
        if run is not None:
            self._put_entries(run)
            writes.append(self._new(self._run_item(run)))
        return self._transact(writes)

    def occurred(self, campaign_id: str, local_time: str) -> bool:
        """Whether something has become of this occurrence, strongly consistent."""
        key = schema.campaign_pk(campaign_id), schema.occurrence_sk(local_time)
        return self._get_or_none(*key) is not None

    def pass_over(self, seen: Campaign, after: Campaign) -> bool:
        """Leave the series as *after* without an occurrence; False when it is not as *seen*."""
        return self._transact([{"Update": self._series_update(seen, after)}])

    def latest(self, campaign_id: str, limit: int) -> list[Occurred]:
        """Return what became of at most *limit* occurrences, the latest first."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :notes)",
            ExpressionAttributeValues=to_item(
                {":pk": schema.campaign_pk(campaign_id), ":notes": schema.occurrence_sk("")}
            ),
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=True,
        )
        return [_occurred(from_item(item)) for item in answer["Items"]]

    def _series_update(self, seen: Campaign, after: Campaign) -> dict[str, Any]:
        values = {
            name: getattr(after, name)
            for name in ("status", "schedule_at", "launch_error", "updated_at", "version")
        }
        values |= {schema.GSI1_PK: schema.tab_pk(after.tab), **places_of(after)}
        values["approval"] = after.approval and approval_text(after.approval)
        gone = [name for name, value in values.items() if value is None]
        if after.recurrence is None:
            gone.append("recurrence")
        put = {name: value for name, value in values.items() if value is not None}
        change = "SET " + ", ".join(f"#{name} = :{name}" for name in put)
        if gone:
            change += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        seen_as = {
            f":seen_{name}": getattr(seen, name) for name in ("status", "schedule_at", "version")
        }
        return {
            "TableName": self._table,
            "Key": item_key(schema.campaign_pk(seen.id), "CMP"),
            "UpdateExpression": change,
            "ConditionExpression": (
                "#status = :seen_status AND #schedule_at = :seen_schedule_at"
                " AND #version = :seen_version"
            ),
            "ExpressionAttributeNames": {f"#{name}": name for name in values}
            | {f"#{name}": name for name in gone},
            "ExpressionAttributeValues": to_item(
                {f":{name}": v for name, v in put.items()} | seen_as
            ),
        }

    def _new(self, values: Mapping[str, Any]) -> dict[str, Any]:
        put = {
            "TableName": self._table,
            "Item": to_item(values),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        return {"Put": put}

    def _run_item(self, run: Campaign) -> dict[str, Any]:
        fields = {
            name: _STRUCTURED[name](value) if name in _STRUCTURED and value else value
            for name, value in {**vars(run), "number": self._next_number()}.items()
            if not (name in _STRUCTURED and not value)
        }
        return {
            "pk": schema.campaign_pk(run.id),
            "sk": "CMP",
            schema.GSI1_PK: schema.tab_pk(run.tab),
            schema.GSI1_SK: schema.listing_sk(to_iso(run.created_at), run.id),
            **places_of(run),
            **fields,
        }

    def _next_number(self) -> int:
        answer = self._client.update_item(
            TableName=self._table,
            Key=to_item(schema.CAMPAIGN_NUMBER),
            UpdateExpression="ADD #last :one",
            ExpressionAttributeNames={"#last": "last"},
            ExpressionAttributeValues=to_item({":one": 1}),
            ReturnValues="UPDATED_NEW",
        )
        return int(from_item(answer["Attributes"])["last"])

    def _put_entries(self, run: Campaign) -> None:
        puts = [
            {
                "PutRequest": {
                    "Item": to_item(
                        {"pk": pk, "sk": sk, "id": run.id, "created_at": run.created_at}
                    )
                }
            }
            for pk, sk in sorted(entries_of(run))
        ]
        for start in range(0, len(puts), _BATCH_WRITE):
            write_all(self._client, {self._table: puts[start : start + _BATCH_WRITE]})

    def _transact(self, writes: list[dict[str, Any]]) -> bool:
        for attempt in range(_ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=writes)
            except ClientError as error:
                reasons = cancellation_reasons(error)
                if "ConditionalCheckFailed" in reasons:
                    return False
                if "TransactionConflict" not in reasons or attempt == _ATTEMPTS - 1:
                    raise
                # Somebody is editing the series: then it is not as it was seen.
                time.sleep(0.05 * 2**attempt)
            else:
                return True
        raise AssertionError("unreachable")


def _occurred(item: Mapping[str, Any]) -> Occurred:
    return Occurred(
        local_time=item["local_time"],
        due_at=from_iso(item["due_at"]),
        outcome=Outcome(item["outcome"]),
        at=from_iso(item["at"]),
        campaign_id=item.get("campaign_id"),
        problem=item.get("problem"),
        passed=item.get("passed", 0),
    )
