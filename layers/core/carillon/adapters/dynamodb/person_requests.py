"""Requests of people about their data, in the control table: boto3, replaced whole."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.audit import AUTHOR, Author, nobody
from carillon.domain.clock import from_iso
from carillon.domain.errors import Conflict, NotFound
from carillon.domain.person_requests import PersonRequest, RequestKind, RequestStatus, Step


class DynamoPersonRequests:
    """Implements ``ports.PersonRequests``."""

    def __init__(
        self, client: Any, table: str, author: Callable[[], Author | None] = nobody
    ) -> None:
        self._client = client
        self._table = table
        self._author = author

    def create(self, new: PersonRequest, digest: str) -> PersonRequest:
        """Keep *new*, or return what stands under its id already; see the port."""
        author = self._author()
        signature = {} if author is None else {AUTHOR: author.text}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({**_item(new), **signature, "request_digest": digest}),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            standing = standing_item(error) if condition_failed(error) else None
            if standing is None:
                raise
            if standing["request_digest"] != digest:
                raise Conflict(
                    "This Idempotency-Key was used for another request.",
                    code="idempotency_key_reused",
                ) from error
            return _request(standing)
        return new

    def get(self, request_id: str) -> PersonRequest:
        """Return the request, strongly consistent; raises NotFound."""
        answer = self._client.get_item(
            TableName=self._table, Key=to_item(_key(request_id)), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NotFound("There is no such request.", code="request_not_found")
        return _request(from_item(answer["Item"]))

    def advance(self, before: PersonRequest, after: PersonRequest) -> bool:
        """Replace *before*; False, changing nothing, when its version no longer stands."""
        item = _item(after)
        names = {f"#{name}": name for name in item if name not in ("pk", "sk")}
        kept = {name: value for name, value in item.items() if value is not None}
        sets = [f"#{name} = :{name}" for name in kept if name not in ("pk", "sk")]
        gone = [f"#{name}" for name, value in item.items() if value is None]
        values = {f":{name}": value for name, value in kept.items() if name not in ("pk", "sk")}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(_key(before.id)),
                UpdateExpression=f"SET {', '.join(sets)}"
                + (f" REMOVE {', '.join(gone)}" if gone else ""),
                ConditionExpression="#version = :seen",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item({**values, ":seen": before.version}),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def _key(request_id: str) -> dict[str, str]:
    return {"pk": schema.person_request_pk(request_id), "sk": "PRS"}


def _item(request: PersonRequest) -> dict[str, Any]:
    values = {**vars(request), "counts": dict(request.counts)}
    values["cursor"] = dict(request.cursor) if request.cursor else None
    return {**_key(request.id), **values}


def _request(item: Mapping[str, Any]) -> PersonRequest:
    return PersonRequest(
        id=item["id"],
        kind=RequestKind(item["kind"]),
        mark=item["mark"],
        phone=item.get("phone"),
        created_at=from_iso(item["created_at"]),
        created_by=item["created_by"],
        status=RequestStatus(item["status"]),
        step=Step(item["step"]),
        cursor=item.get("cursor"),
        passes=item["passes"],
        found=item["found"],
        counts=item["counts"],
        pieces=item["pieces"],
        result_key=item.get("result_key"),
        finished_at=from_iso(item["finished_at"]) if "finished_at" in item else None,
        not_before=from_iso(item["not_before"]) if "not_before" in item else None,
        version=item["version"],
    )
