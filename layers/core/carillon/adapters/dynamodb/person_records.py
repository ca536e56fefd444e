"""
Everything that the tables hold about one person: found, copied, erased (C6). boto3.

Nothing here scans what grows with other people: lists, campaigns and senders are paged, and
what they hold of a person stands under keys that the number gives. Only parked receipts, kept
for 90 days at most, are read whole.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.consent import OPTED_OUT
from carillon.adapters.dynamodb.control import campaign_of_item
from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.adapters.dynamodb.erasure_marks import DynamoErasureFence, ErasureMarks
from carillon.adapters.dynamodb.items import (
    cancellation_reasons,
    condition_failed,
    from_item,
    to_item,
)
from carillon.domain.books import READ_ATTRIBUTES
from carillon.domain.campaign import Campaign, CampaignStatus, tab_of
from carillon.domain.clock import from_iso
from carillon.domain.contacts import Contact, ContactList
from carillon.domain.conversation import Conversation, conversation_id
from carillon.domain.conversation_search import keys_of
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.ids import lead_key
from carillon.domain.listing import Position
from carillon.domain.message import RowRef

_PAGE = 25
# What remains of a row: what is counted, and by what its message is known, never what it says
# or to whom. Whatever a later version of ours adds to rows goes, unless it is named here.
_KEPT = READ_ATTRIBUTES | {
    "pk", "sk", "claim_id", "attempts", "content_version", "provider_id", "retried_id", "due_at",
    "last_outbound_at", "last_inbound_at", "step", "purpose", "queued_at", "keyword",
    "duplicate_of", "erased",
}  # fmt: skip
# Readers of rows expect these; empty says that they are gone.
_BLANKED = frozenset({"phone", "body"})
_TABS = tuple(
    dict.fromkeys(tab_of(status) for status in (CampaignStatus.ACTIVE, CampaignStatus.ARCHIVED))
)
_OPTED_IN = "opted_in"


class DynamoPersonRecords(DynamoErasureFence):
    """Implements ``ports.PersonRecords``."""

    def __init__(
        self,
        client: Any,
        *,
        control_table: str,
        contacts_table: str,
        messages_table: str,
        conversations_table: str,
        suppressions_table: str,
        consent_table: str,
    ) -> None:
        super().__init__(client, suppressions_table, ErasureMarks(client, control_table))
        self._client = client
        self._control = control_table
        self._contacts = contacts_table
        self._messages = messages_table
        self._conversations = conversations_table
        self._suppressions = suppressions_table
        self._consent = consent_table
        self._book = DynamoConversations(client, conversations_table)

    # Where to look -------------------------------------------------------------------

    def lists(self, after: Position | None) -> tuple[list[ContactList], Position | None]:
        """Return a page of all contact lists."""
        items, rest = self._listed(schema.LISTS, after)
        return [
            ContactList(
                id=item["id"],
                name=item["name"],
                default_country=item["default_country"],
                shards=item.get("shards", 0),
                contacts=item.get("contacts", 0),
            )
            for item in items
        ], rest

    def campaigns(self, after: Position | None) -> tuple[list[Campaign], Position | None]:
        """Return a page of the campaigns that were launched, tab by tab."""
        tab = after["tab"] if after else _TABS[0]
        inner = {k: v for k, v in after.items() if k != "tab"} if after else None
        items, rest = self._listed(schema.tab_pk(tab), inner or None)
        found = [campaign_of_item(item) for item in items]
        if rest is not None:
            return found, {**rest, "tab": tab}
        following = _TABS.index(tab) + 1
        return found, {"tab": _TABS[following]} if following < len(_TABS) else None

    def senders(self, after: Position | None) -> tuple[list[str], Position | None]:
        """Return a page of all senders' ids."""
        items, rest = self._listed(schema.SENDERS, after)
        return [item["id"] for item in items], rest

    # Contacts ------------------------------------------------------------------------

    def contact(self, target: ContactList, key: str) -> Contact | None:
        """Return the contact with the lead *key*."""
        if not target.shards:
            return None
        pk = schema.contact_pk(target.id, key, target.shards)
        item = self._get(self._contacts, {"pk": pk, "sk": key})
        if not item:
            return None
        return Contact(
            phone=item["phone"],
            first_name=item.get("first_name", ""),
            last_name=item.get("last_name", ""),
            fields=item.get("fields", {}),
            line=item["line"],
            import_id=item["import_id"],
            created_at=from_iso(item["created_at"]),
        )

    def forget_contact(self, target: ContactList, key: str) -> bool:
        """Take the contact out of the list and of its count, in one transaction."""
        if not target.shards:
            return False
        contact = {"pk": schema.contact_pk(target.id, key, target.shards), "sk": key}
        delete = {
            "TableName": self._contacts,
            "Key": to_item(contact),
            "ConditionExpression": "attribute_exists(pk)",
        }
        count = {
            "TableName": self._control,
            "Key": to_item({"pk": schema.list_pk(target.id), "sk": "LST"}),
            "UpdateExpression": "ADD contacts :less",
            "ExpressionAttributeValues": to_item({":less": -1}),
        }
        try:
            self._client.transact_write_items(TransactItems=[{"Delete": delete}, {"Update": count}])
        except ClientError as error:
            if "ConditionalCheckFailed" in cancellation_reasons(error):
                return False
            raise
        return True

    # Messages ------------------------------------------------------------------------

    def rows(self, thread: RowRef) -> list[dict[str, Any]]:
        """Return every row of *thread*, all attributes."""
        return list(
            self._query(
                self._messages,
                "pk = :pk AND begins_with(sk, :key)",
                {":pk": thread.pk, ":key": thread.sk},
            )
        )

    def unsolicited(self, sender_id: str, key: str) -> RowRef:
        """Return the thread of what *key* wrote to the sender in answer to no campaign."""
        return RowRef(schema.unsolicited_pk(sender_id, key), key)

    def scrub(self, row: Mapping[str, Any]) -> bool:
        """Leave of *row* what is counted and what its message is known by."""
        blanks = [name for name in sorted(_BLANKED & row.keys()) if row[name]]
        drops = sorted(row.keys() - _KEPT - _BLANKED)
        if not blanks and not drops:
            return False
        names = {f"#{n}": name for n, name in enumerate((*blanks, *drops))}
        sets = ["erased = :yes", *(f"#{n} = :blank" for n in range(len(blanks)))]
        gone = [f"#{n}" for n in range(len(blanks), len(names))]
        values: dict[str, Any] = {":yes": {"BOOL": True}}
        if blanks:
            values[":blank"] = {"S": ""}
        try:
            self._client.update_item(
                TableName=self._messages,
                Key=to_item({"pk": row["pk"], "sk": row["sk"]}),
                UpdateExpression=f"SET {', '.join(sets)}"
                + (f" REMOVE {', '.join(gone)}" if gone else ""),
                # A row that is gone must not come back as a row of nothing.
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def forget_traces(self, sender_id: str, phone: str) -> int:
        """Drop answers that wait for the sender's pacer, and marks of twins."""
        waiting = self._query(
            self._control,
            "pk = :pk AND begins_with(sk, :outbox)",
            {":pk": schema.sender_pk(sender_id), ":outbox": schema.OUTBOX, ":phone": phone},
            FilterExpression="phone = :phone",
        )
        gone = self._delete_all(self._control, waiting)
        key = lead_key(phone)
        twins = self._query(
            self._messages,
            "pk = :pk AND begins_with(sk, :key)",
            {":pk": schema.twins_pk(sender_id, key), ":key": key},
        )
        return gone + self._delete_all(self._messages, twins)

    def forget_parked(self, phone: str) -> int:
        """Drop receipts about *phone* that found no row."""
        gone = 0
        for bucket in range(schema.PARKED_BUCKETS):
            parked = self._query(
                self._messages,
                "pk = :pk",
                {":pk": schema.parked_pk(bucket), ":phone": phone},
                FilterExpression="phone = :phone",
            )
            gone += self._delete_all(self._messages, parked)
        return gone

    # Conversations -------------------------------------------------------------------

    def conversation(self, thread: RowRef) -> Conversation | None:
        """Return the conversation of *thread*."""
        return self._book.get(conversation_id(thread))

    def forget_conversation(self, conversation: Conversation) -> None:
        """Drop the conversation and its search entries: first those, or they would be left."""
        entries = [
            {
                "pk": schema.search_pk(conversation.office_id, key.start),
                "sk": schema.search_sk(key.term, conversation.id),
            }
            for key in keys_of(conversation)
        ]
        self._delete_all(self._conversations, iter(entries))
        own = {"pk": conversation.id, "sk": schema.CONVERSATION}
        self._delete_all(self._conversations, iter([own]))

    # Consent -------------------------------------------------------------------------

    def is_opt_out_job_running(self, job_id: str) -> bool:
        """Whether an import or export of opt-outs is under way."""
        item = self._get(self._consent, schema.job_key(job_id))
        return item.get("status") in ("queued", "running")

    def forget_consent(self, phone: str) -> int:
        """Drop what suppressions and ledger hold of *phone*, but nothing said after the fence."""
        mark = self.mark(phone)
        fence = self._get(self._suppressions, {"pk": mark})
        if not fence:
            raise Conflict("Nobody is erased before they are fenced.", code="not_fenced")
        gone = self._forget_ledger(phone, mark, fence["event_at"])
        listed = {"pk": schema.phones_pk(phone), "sk": phone}
        gone += self._delete_older(self._consent, listed, fence["event_at"])
        gone += self._delete_older(self._suppressions, {"pk": phone}, fence["event_at"])
        others = [{"pk": schema.sent_pk(phone)}, {"pk": schema.held_pk(phone)}]
        standing = [one for one in others if self._get(self._suppressions, one)]
        return gone + self._delete_all(self._suppressions, iter(standing))

    def _forget_ledger(self, phone: str, mark: str, until: str) -> int:
        entries = self._query(self._consent, "pk = :pk", {":pk": phone})
        gone = 0
        for number, entry in enumerate(entries):
            if entry["status"] == _OPTED_IN and entry["event_at"] > until:
                continue
            # When and how, for whoever has to show that it was honoured; not in whose words.
            what = {name: entry[name] for name in ("status", "event_at", "recorded_at", "source")}
            self._client.put_item(
                TableName=self._consent,
                Item=to_item({"pk": mark, "sk": f"{entry['event_at']}#{number}", **what}),
            )
            gone += self._delete_all(self._consent, iter([entry]))
        return gone

    def _delete_older(self, table: str, key: Mapping[str, str], until: str) -> int:
        """Delete the item unless it is an opt-in that was said after the fence."""
        try:
            self._client.delete_item(
                TableName=table,
                Key=to_item(key),
                ConditionExpression="attribute_exists(pk) AND (#status = :out OR event_at <= :at)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_item({":out": OPTED_OUT, ":at": until}),
            )
        except ClientError as error:
            if condition_failed(error):
                return 0
            raise
        return 1

    # Requests ------------------------------------------------------------------------

    def _get(self, table: str, key: Mapping[str, str]) -> dict[str, Any]:
        answer = self._client.get_item(TableName=table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer.get("Item", {}))

    def _query(
        self, table: str, condition: str, values: Mapping[str, Any], **more: Any
    ) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ConsistentRead=True,
            **more,
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def _delete_all(self, table: str, items: Iterator[Mapping[str, Any]]) -> int:
        """Delete each of *items*, one request each; return how many."""
        gone = 0
        for item in items:
            key = {name: item[name] for name in ("pk", "sk") if name in item}
            self._client.delete_item(TableName=table, Key=to_item(key))
            gone += 1
        return gone

    def _listed(
        self, partition: str, after: Position | None
    ) -> tuple[list[dict[str, Any]], Position | None]:
        """Return a page of one partition of the control table's index, in the order of making."""
        start: dict[str, Any] = {}
        if after is not None:
            if after.keys() != {"pk", "sk", "gsi1sk"}:
                raise InvalidInput("This is no place in this listing.", code="cursor_invalid")
            start["ExclusiveStartKey"] = to_item({**after, "gsi1pk": partition})
        answer = self._client.query(
            TableName=self._control,
            IndexName=schema.GSI1,
            KeyConditionExpression="gsi1pk = :pk",
            ExpressionAttributeValues=to_item({":pk": partition}),
            Limit=_PAGE,
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        rest = {n: v for n, v in from_item(last).items() if n != "gsi1pk"} if last else None
        return [from_item(item) for item in answer["Items"]], rest
