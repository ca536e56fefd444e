"""
The consent ledger: what an event leaves there, and reading it (O5, O6).

    write      by adapters/dynamodb/suppressions.py, in the suppression's own transaction
    entries    0.5 RU a page of some 15 events
    newest     one query a lane and page: some 10 RU for 50
    starting_with   one query

Who wants what changed since some time (a mirror at a provider) reads ``gsi1`` lane by lane
from a time on: ``lane_after``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.consent import MAX_WORDING, Circumstances, ConsentEntry, OptOut
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Listing, Position
from carillon.domain.message import Suppression

OPTED_OUT = "opted_out"
OPTED_IN = "opted_in"
_LISTED = "recorded_at"


def status_of(opted_out: bool) -> str:
    """Return how a status is written."""
    return OPTED_OUT if opted_out else OPTED_IN


def entry_key(said: Suppression) -> dict[str, str]:
    """Return the key of the ledger's entry of *said*; a redelivery finds the same."""
    return {"pk": said.phone, "sk": schema.consent_sk(to_iso(said.event_at), said.cause)}


def entry_item(said: Suppression, recorded_at: datetime) -> dict[str, Any]:
    """Return the ledger's entry of *said*."""
    told = said.told
    return to_item(
        {
            **entry_key(said),
            **_event(said, recorded_at),
            # What is not known is left out.
            "wording": told.wording[:MAX_WORDING] or None,
            "by": told.by or None,
            "reason": told.reason or None,
            "campaign_id": told.campaign_id,
            "conversation": told.conversation,
        }
    )


def listed_item(said: Suppression, recorded_at: datetime) -> dict[str, Any]:
    """Return the listing's item of a phone that stands where *said* put it."""
    return to_item(
        {
            "pk": schema.phones_pk(said.phone),
            "sk": said.phone,
            "gsi1pk": schema.consent_lane(said.phone, opted_out=said.opted_out),
            "gsi1sk": schema.listing_sk(to_iso(recorded_at), said.phone),
            **_event(said, recorded_at),
            "by": said.told.by or None,
            "reason": said.told.reason or None,
        }
    )


def _event(said: Suppression, recorded_at: datetime) -> dict[str, Any]:
    return {
        "phone": said.phone,
        "status": status_of(said.opted_out),
        "event_at": said.event_at,
        "recorded_at": recorded_at,
        "source": said.source,
        "cause": said.cause,
    }


class DynamoConsentLedger:
    """Implements ``ports.ConsentLedger`` over the consent table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def entries(self, phone: str, limit: int, after: Position | None) -> Listing[ConsentEntry]:
        """Return events of *phone*, newest first."""
        items, rest = self._page(
            limit,
            _key_of(after, phone),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": phone}),
            ScanIndexForward=False,
        )
        return Listing(tuple(map(_entry, items)), rest)

    def history(self, phone: str) -> Iterator[ConsentEntry]:
        """Yield every event of *phone*, newest first, strongly consistent."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": phone}),
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        for page in pages:
            yield from (_entry(from_item(item)) for item in page["Items"])

    def newest(self, limit: int, after: Position | None) -> Listing[OptOut]:
        """Return who is opted out, who was recorded last first; it may be a little old."""
        before = _place(after) if after else None
        lanes = [
            self._lane(lane, limit, before, opted_out=True) for lane in range(schema.CONSENT_LANES)
        ]
        items = list(islice(merge(*lanes, key=_listed_at, reverse=True), limit + 1))
        shown = items[:limit]
        rest = {_LISTED: _listed_at(shown[-1])} if len(items) > limit else None
        return Listing(tuple(map(_opt_out, shown)), rest)

    def starting_with(self, digits: str, limit: int, after: Position | None) -> Listing[OptOut]:
        """Return who is opted out whose number starts with *digits* (4 or more), by number."""
        pk = schema.phones_pk(digits)
        if after is not None and not after.get("sk", "").startswith(f"+{digits}"):
            raise _bad_cursor()
        items, rest = self._page(
            limit,
            _key_of(after, pk),
            KeyConditionExpression="pk = :pk AND begins_with(sk, :digits)",
            FilterExpression="#status = :out",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item(
                {":pk": pk, ":digits": f"+{digits}", ":out": OPTED_OUT}
            ),
        )
        return Listing(tuple(map(_opt_out, items)), rest)

    def lane_after(
        self, lane: int, after: str, limit: int, *, opted_out: bool = True
    ) -> list[tuple[str, OptOut]]:
        """
        Return who stands so in *lane*, in the order of recording, each with its place in it.

        Only behind the place *after* ("" is the beginning; an instant's ISO text is a place
        too). Eventually consistent, so read again from some minutes before the last.
        """
        pages = self._client.get_paginator("query").paginate(
            **self._lane_query(lane, opted_out=opted_out, operator=">", place=after or " "),
            # One page of a query ends at 1 MB, whatever the limit.
            PaginationConfig={"MaxItems": limit, "PageSize": limit},
        )
        items = [from_item(item) for page in pages for item in page["Items"]]
        return [(_listed_at(item), _opt_out(item)) for item in items]

    def _lane(
        self, lane: int, limit: int, before: str | None, *, opted_out: bool
    ) -> Iterator[dict[str, Any]]:
        """Yield a lane's newest items, more than *limit* only as they are asked for."""
        pages = self._client.get_paginator("query").paginate(
            # '~' sorts after every time.
            **self._lane_query(lane, opted_out=opted_out, operator="<", place=before or "~"),
            ScanIndexForward=False,
            PaginationConfig={"PageSize": limit + 1},
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def _lane_query(
        self, lane: int, *, opted_out: bool, operator: str, place: str
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "IndexName": schema.GSI1,
            "KeyConditionExpression": f"gsi1pk = :pk AND gsi1sk {operator} :place",
            "ExpressionAttributeValues": to_item(
                {":pk": schema.consent_lane_pk(lane, opted_out=opted_out), ":place": place}
            ),
        }

    def _page(
        self, limit: int, start: Mapping[str, Any] | None, **query: Any
    ) -> tuple[list[dict[str, Any]], Position | None]:
        """Return one page of *query* and the key to go on behind; a filter may leave it short."""
        request = {"TableName": self._table, "Limit": limit, **query}
        if start is not None:
            request["ExclusiveStartKey"] = to_item(start)
        answer = self._client.query(**request)
        rest = answer.get("LastEvaluatedKey")
        items = [from_item(item) for item in answer["Items"]]
        return items, {"sk": rest["sk"]["S"]} if rest else None


def _key_of(after: Position | None, pk: str) -> dict[str, str] | None:
    if after is None:
        return None
    if after.keys() != {"sk"}:
        raise _bad_cursor()
    return {"pk": pk, "sk": after["sk"]}


def _place(after: Position) -> str:
    if after.keys() != {_LISTED}:
        raise _bad_cursor()
    return after[_LISTED]


def _bad_cursor() -> InvalidInput:
    return InvalidInput(
        "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
    )


def _listed_at(item: Mapping[str, Any]) -> str:
    return str(item["gsi1sk"])


def _entry(item: Mapping[str, Any]) -> ConsentEntry:
    return ConsentEntry(
        phone=item["phone"],
        opted_out=item["status"] == OPTED_OUT,
        event_at=from_iso(item["event_at"]),
        recorded_at=from_iso(item["recorded_at"]),
        source=item["source"],
        cause=item["cause"],
        circumstances=Circumstances(
            wording=item.get("wording", ""),
            by=item.get("by", ""),
            reason=item.get("reason", ""),
            campaign_id=item.get("campaign_id"),
            conversation=item.get("conversation"),
        ),
    )


def _opt_out(item: Mapping[str, Any]) -> OptOut:
    return OptOut(
        phone=item["phone"],
        opted_out=item["status"] == OPTED_OUT,
        event_at=from_iso(item["event_at"]),
        recorded_at=from_iso(item["recorded_at"]),
        source=item["source"],
        cause=item["cause"],
        by=item.get("by", ""),
        reason=item.get("reason", ""),
    )
