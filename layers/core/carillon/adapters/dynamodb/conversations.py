"""
The conversations table: boto3, one item a conversation, written whole under its version.

In write units, an item being about 1 kB: a new conversation costs 1 and 1 for each index it
stands in, and up to 3 for its search entries; a later message 1 and 2 for each index, whose
sort key moves. A page of an inbox reads what it shows, of every queue it merges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all, write_all
from carillon.adapters.dynamodb.items import condition_failed, from_item, standing_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.conversation import Conversation
from carillon.domain.conversation_search import SearchKey, keys_of
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.ids import new_id
from carillon.domain.inbox import Count, InboxFilter, InboxQueue, QueueKind
from carillon.domain.listing import Listing, Position
from carillon.domain.message import QueuedReply, RowRef

COUNT_BOUND = 1000
_MOST_LOOKED_AT = 1000
_PAGE = 100
_BATCH_GET = 100
_TIMES = frozenset(
    {
        "created_at",
        "updated_at",
        "last_message_at",
        "assigned_at",
        "consent_at",
        "awaiting_since",
        "last_inbound_at",
        "handed_over_at",
        "held_at",
        "opted_in_at",
    }
)
_TUPLES = frozenset({"tags", "applied"})


class DynamoConversations:
    """
    Implements ``ports.ConversationBook``.

    For one page at most *most_looked_at* conversations of one queue are read: a filter that
    lets little through must not read it all.
    """

    def __init__(self, client: Any, table: str, *, most_looked_at: int = _MOST_LOOKED_AT) -> None:
        self._client = client
        self._table = table
        self._most_looked_at = most_looked_at

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, strongly consistent, or None."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(conversation_id), ConsistentRead=True
        )
        return _conversation(from_item(answer["Item"])) if "Item" in answer else None

    def save(self, conversation: Conversation) -> Conversation:
        """Write *conversation* if its version still stands; Conflict otherwise."""
        saved = replace(conversation, version=conversation.version + 1)
        if not conversation.version:
            # First, so that nobody is kept whom search does not find; alone they find nobody.
            self._put_search_entries(saved)
        mark = new_id("wrt")
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({**_item(saved), "write_id": mark}),
                ConditionExpression="version = :seen"
                if conversation.version
                else "attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **(
                    {"ExpressionAttributeValues": to_item({":seen": conversation.version})}
                    if conversation.version
                    else {}
                ),
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error) or {}
            # The same write again, after an answer that was lost, finds its own result.
            if standing.get("write_id") != mark:
                raise _stale(standing.get("version", 0)) from error
        return saved

    def page(
        self, queues: Sequence[InboxQueue], keep: InboxFilter, limit: int, after: Position | None
    ) -> Listing[Conversation]:
        """Return conversations of *queues* that *keep* lets through, newest message first."""
        before = _start(after, "before")
        found: dict[str, Conversation] = {}
        floors: list[str] = []
        for queue in queues:
            kept, floor = self._kept(queue, keep, limit, before)
            for one in kept:
                # In the midst of a change it may stand in two sections: the newer one counts.
                if one.id not in found or found[one.id].version < one.version:
                    found[one.id] = one
            if floor is not None:
                floors.append(floor)
        # What one queue was not read beyond must not be passed by what the others have.
        floor = max(floors, default="")
        places = sorted(((one.place, one) for one in found.values()), reverse=True, key=_first)
        certain = [(place, one) for place, one in places if place >= floor]
        shown = certain[:limit]
        end = shown[-1][0] if len(certain) > limit else floor
        return Listing(tuple(one for _, one in shown), {"before": end} if end else None)

    def count(self, queue: InboxQueue) -> Count:
        """Return how many stand in *queue*, up to 1,000; 0.5 RU for about four of them."""
        number = 0
        for page in self._pages(queue, "", {}, page_size=COUNT_BOUND + 1, Select="COUNT"):
            number += page["Count"]
            if number > COUNT_BOUND:
                return Count(COUNT_BOUND, at_least=True)
        return Count(number)

    def newer(self, queues: Sequence[InboxQueue], after: str, limit: int) -> list[Conversation]:
        """Return the first *limit* conversations of *queues* behind the place *after*."""
        found: dict[str, Conversation] = {}
        for queue in queues:
            condition, values = " AND place > :after", {":after": after}
            for one in self._read(queue, condition, values, most=limit, oldest_first=True):
                if one.id not in found or found[one.id].version < one.version:
                    found[one.id] = one
        return sorted(found.values(), key=lambda one: one.place)[:limit]

    def promised(self, before: datetime, limit: int) -> list[str]:
        """Return ids of conversations with a reply that was promised before *before*."""
        answer = self._client.query(
            TableName=self._table,
            IndexName=schema.PROMISED_INDEX,
            KeyConditionExpression=f"{schema.PROMISED_INDEX}pk = :promised AND place < :before",
            ExpressionAttributeValues=to_item(
                {":promised": schema.PROMISED, ":before": to_iso(before)}
            ),
            Limit=limit,
        )
        return [item["pk"]["S"] for item in answer["Items"]]

    def search(
        self, office_ids: Sequence[str], key: SearchKey, limit: int, after: Position | None
    ) -> Listing[Conversation]:
        """Return conversations found by *key*, in order of their terms."""
        start = _start(after, "after")
        entries: set[tuple[str, str]] = set()
        for office_id in office_ids:
            entries.update(self._entries(office_id, key, limit + 1, start))
        ordered = sorted(entries)
        shown = ordered[:limit]
        conversations = self._get_many(list(dict.fromkeys(one for _, one in shown)))
        more = len(ordered) > limit
        return Listing(tuple(conversations), {"after": shown[-1][0]} if more else None)

    def next_turn(self, scope: str) -> int:
        """Return how often this was asked for *scope* before."""
        answer = self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": schema.turn_pk(scope)}, "sk": {"S": "TURN"}},
            UpdateExpression="ADD turns :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        turns: int = from_item(answer["Attributes"])["turns"]
        return turns - 1

    # Requests ---------------------------------------------------------------

    def _kept(
        self, queue: InboxQueue, keep: InboxFilter, limit: int, before: str
    ) -> tuple[list[Conversation], str | None]:
        """Return what *keep* lets through, and the place down to which the queue was read."""
        condition, values = (" AND place < :before", {":before": before}) if before else ("", {})
        kept: list[Conversation] = []
        for looked_at, one in enumerate(self._read(queue, condition, values), start=1):
            if keep.keeps(one):
                kept.append(one)
            if len(kept) > limit or looked_at >= self._most_looked_at:
                return kept, one.place
        return kept, None

    def _read(
        self,
        queue: InboxQueue,
        condition: str,
        values: Mapping[str, str],
        most: int | None = None,
        *,
        oldest_first: bool = False,
    ) -> Iterator[Conversation]:
        read, most = 0, self._most_looked_at if most is None else most
        pages = self._pages(
            queue, condition, values, page_size=min(_PAGE, most), oldest_first=oldest_first
        )
        for page in pages:
            for item in page["Items"]:
                yield _conversation(from_item(item))
                read += 1
                if read == most:
                    return

    def _pages(
        self,
        queue: InboxQueue,
        condition: str,
        values: Mapping[str, str],
        *,
        page_size: int,
        oldest_first: bool = False,
        **request: str,
    ) -> Iterator[dict[str, Any]]:
        index = schema.QUEUE_INDEX[queue.kind]
        partition = schema.queue_pk(queue.kind, queue.owner, queue.section)
        yield from self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=f"{index}pk = :queue{condition}",
            ExpressionAttributeValues=to_item({":queue": partition, **values}),
            ScanIndexForward=oldest_first,
            PaginationConfig={"PageSize": page_size},
            **request,
        )

    def _entries(
        self, office_id: str, key: SearchKey, most: int, start: str
    ) -> Iterator[tuple[str, str]]:
        """Yield (place, conversation id) of an office's search entries."""
        pk = schema.search_pk(office_id, key.start)
        request: dict[str, Any] = {}
        if start:
            request["ExclusiveStartKey"] = {"pk": {"S": pk}, "sk": {"S": start}}
        while most > 0:
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :term)",
                ExpressionAttributeValues=to_item({":pk": pk, ":term": key.term}),
                Limit=most,
                **request,
            )
            for item in map(from_item, answer["Items"]):
                yield item["sk"], item["conversation_id"]
            most -= len(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get_many(self, ids: list[str]) -> list[Conversation]:
        """Return those of *ids* that there are, in that order."""
        found: dict[str, Conversation] = {}
        for start in range(0, len(ids), _BATCH_GET):
            keys = [_key(one) for one in ids[start : start + _BATCH_GET]]
            wanted: dict[str, Any] = {self._table: {"Keys": keys}}
            for _, item in read_all(self._client, wanted):
                one = _conversation(from_item(item))
                found[one.id] = one
        return [found[one] for one in ids if one in found]

    def _put_search_entries(self, conversation: Conversation) -> None:
        entries = [
            {
                "pk": schema.search_pk(conversation.office_id, key.start),
                "sk": schema.search_sk(key.term, conversation.id),
                "conversation_id": conversation.id,
            }
            for key in keys_of(conversation)
        ]
        wanted: dict[str, Any] = {
            self._table: [{"PutRequest": {"Item": to_item(entry)}} for entry in entries]
        }
        write_all(self._client, wanted)


def _key(conversation_id: str) -> dict[str, Any]:
    return {"pk": {"S": conversation_id}, "sk": {"S": schema.CONVERSATION}}


def _item(conversation: Conversation) -> dict[str, Any]:
    values = {**vars(conversation), "outgoing": _reply_values(conversation.outgoing)}
    return {
        **values,
        "pk": conversation.id,
        "sk": schema.CONVERSATION,
        **({} if conversation.closed else _index_keys(conversation)),
        **({} if conversation.outgoing is None else _promised_keys(conversation)),
    }


def _promised_keys(conversation: Conversation) -> dict[str, str]:
    return {f"{schema.PROMISED_INDEX}pk": schema.PROMISED, schema.PLACE: conversation.place}


def _index_keys(conversation: Conversation) -> dict[str, str]:
    owners = {
        QueueKind.OFFICE: conversation.office_id,
        QueueKind.CAMPAIGN: conversation.campaign_id,
        QueueKind.USER: conversation.assigned_to,
    }
    keys = {
        f"{schema.QUEUE_INDEX[kind]}pk": schema.queue_pk(kind, owner, conversation.section)
        for kind, owner in owners.items()
        if owner is not None
    }
    return {**keys, schema.PLACE: conversation.place}


def _conversation(item: Mapping[str, Any]) -> Conversation:
    """Return the conversation that *item* holds."""
    values = {field.name: item[field.name] for field in fields(Conversation) if field.name in item}
    for name in _TIMES & values.keys():
        values[name] = from_iso(values[name])
    for name in _TUPLES & values.keys():
        values[name] = tuple(values[name])
    if "outgoing" in values:
        values["outgoing"] = _reply(values["outgoing"])
    return Conversation(**values)


def _reply_values(reply: QueuedReply | None) -> dict[str, Any] | None:
    if reply is None:
        return None
    values = {**vars(reply), "ref": vars(reply.ref), "queued_at": to_iso(reply.queued_at)}
    values["due_at"] = to_iso(reply.due_at) if reply.due_at else None
    return {name: value for name, value in values.items() if value is not None}


def _reply(values: Mapping[str, Any]) -> QueuedReply:
    times = {name: from_iso(values[name]) for name in ("queued_at", "due_at") if name in values}
    return QueuedReply(**{**values, **times, "ref": RowRef(**values["ref"])})


def _first(pair: tuple[str, Conversation]) -> str:
    return pair[0]


def _start(after: Position | None, name: str) -> str:
    if after is None:
        return ""
    if set(after) != {name}:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return after[name]


def _stale(version: int) -> Conflict:
    return Conflict(
        "It has changed since you read it; read it again.",
        code="version_conflict",
        extra={"version": version},
    )
