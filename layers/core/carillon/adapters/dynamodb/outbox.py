"""Agents' and the assistant's answers, from their decision to their final receipt (V5)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.lead import LeadStatus
from carillon.domain.message import QueuedReply, RowRef, text_digest
from carillon.domain.segments import segment_count

# An entry that cannot be read now may be by the code of a minute later, or by a mended one.
_LOOK_AGAIN = timedelta(minutes=10)


class DynamoOutbox:
    """
    Implements ``ports.Outbox``.

    An entry (control table) and the answer's row (messages table) are written in one
    transaction, 4 WU, and only together with a row that is new. *on_unreadable* is told of an
    entry that cannot be read, which then is out of the others' way for a while; without it
    such an entry is an error.
    """

    def __init__(
        self,
        client: Any,
        *,
        control_table: str,
        messages_table: str,
        on_unreadable: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._client = client
        self._on_unreadable = on_unreadable
        self._control = control_table
        self._messages = messages_table

    def put(self, reply: QueuedReply) -> bool:
        """Keep *reply*, with its row in the conversation; False when it was kept before."""
        try:
            self._client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self._messages,
                            "Item": to_item(_row(reply)),
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                    {"Put": {"TableName": self._control, "Item": to_item(_entry(reply))}},
                ]
            )
        except ClientError as error:
            if _is_there_already(error):
                return False
            raise
        return True

    def waiting(self, sender_id: str, now: datetime, limit: int) -> list[QueuedReply]:
        """Return the replies that are due, the longest waiting first; strongly consistent."""
        answer = self._client.query(
            TableName=self._control,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :now",
            ExpressionAttributeValues=to_item(
                {
                    ":pk": schema.sender_pk(sender_id),
                    ":first": schema.OUTBOX,
                    # "~" sorts after every id: what is due at this very millisecond is due.
                    ":now": schema.outbox_sk(to_iso(now), "~"),
                }
            ),
            ConsistentRead=True,
            Limit=limit,
        )
        read = (self._read(item, now) for item in answer["Items"])
        return [reply for reply in read if reply is not None]

    def _read(self, item: Mapping[str, Any], now: datetime) -> QueuedReply | None:
        try:
            return _reply(from_item(item))
        except (KeyError, TypeError, ValueError) as error:
            if self._on_unreadable is None:
                raise
            self._on_unreadable(error)
        # As it stands, and first: a crash in between leaves two, each of which is found again.
        name = item["sk"]["S"].rpartition("#")[2]
        later = {"S": schema.outbox_sk(to_iso(now + _LOOK_AGAIN), name)}
        self._client.put_item(TableName=self._control, Item={**item, "sk": later})
        key = {"pk": item["pk"], "sk": item["sk"]}
        self._client.delete_item(TableName=self._control, Key=key)
        return None

    def postpone(self, reply: QueuedReply, until: datetime) -> None:
        """Let *reply* be due again at *until*: its final receipt is waited for. Idempotent."""
        # The new entry first: a crash in between leaves two that lead to one row.
        later = replace(reply, look_at=until)
        self._client.put_item(TableName=self._control, Item=to_item(_entry(later)))
        if _entry_key(later) != _entry_key(reply):
            self.done(reply)

    def done(self, reply: QueuedReply) -> None:
        """Take *reply* out: its row is final. Idempotent."""
        self._client.delete_item(TableName=self._control, Key=to_item(_entry_key(reply)))


def _is_there_already(error: ClientError) -> bool:
    reasons = error.response.get("CancellationReasons", [])
    return bool(reasons) and reasons[0].get("Code") == "ConditionalCheckFailed"


def _row(reply: QueuedReply) -> dict[str, Any]:
    optional = {
        "author_subject": reply.author_subject or None,
        "waited_s": reply.waited_s,
    }
    return {
        "pk": reply.ref.pk,
        "sk": reply.ref.sk,
        "kind": "outbound",
        "author": reply.author,
        "purpose": "reply",
        # Ready for its first attempt, as a message that waits for its next one.
        "status": LeadStatus.RETRYING,
        "claim_id": f"queued.{reply.id}",
        "claimed_at": reply.queued_at,
        "attempts": 0,
        "due_at": reply.due_at or reply.queued_at,
        "phone": reply.phone,
        "sender_id": reply.sender_id,
        "office_id": reply.office_id,
        "segments": segment_count(reply.text),
        "content_version": 0,
        "text_digest": text_digest(reply.text),
        "text": reply.text,
        "queued_at": reply.queued_at,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _entry_key(reply: QueuedReply) -> dict[str, str]:
    return {
        "pk": schema.sender_pk(reply.sender_id),
        "sk": schema.outbox_sk(to_iso(reply.next_look_at), reply.id),
    }


def _entry(reply: QueuedReply) -> dict[str, Any]:
    values = {name: value for name, value in vars(reply).items() if value not in (None, "")}
    del values["ref"]
    return {**_entry_key(reply), "ref_pk": reply.ref.pk, "ref_sk": reply.ref.sk, **values}


def _reply(item: Mapping[str, Any]) -> QueuedReply:
    return QueuedReply(
        id=item["id"],
        ref=RowRef(item["ref_pk"], item["ref_sk"]),
        sender_id=item["sender_id"],
        office_id=item["office_id"],
        phone=item["phone"],
        text=item["text"],
        author=item["author"],
        queued_at=from_iso(item["queued_at"]),
        conversation_id=item["conversation_id"],
        author_subject=item.get("author_subject", ""),
        due_at=_moment(item, "due_at"),
        waited_s=item.get("waited_s"),
        closes_at=_moment(item, "closes_at"),
        look_at=_moment(item, "look_at"),
    )


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    return from_iso(item[name]) if name in item else None
