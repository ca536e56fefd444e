"""
The audit log in its table, and the stream records that it is made of (P4).

    an entry     3 WU: the item and its two index places; put once, by one function alone
    a page       by object or actor one query; by time one query a month that it goes back

No function may change or delete an entry (infra/permissions.yaml, held by a test).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_item
from carillon.domain.audit import (
    AUTHOR,
    Act,
    AuditEntry,
    AuditFilter,
    Author,
    ItemChange,
    ObjectKind,
)
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.consent import ConsentSource
from carillon.domain.errors import InvalidInput
from carillon.domain.ids import derived_id
from carillon.domain.listing import Listing, Position

# There was no log before.
_FIRST_MONTH = "2026-01"
_NEVER = "~"
_PHONE = "phone:"
# What people and machines say of a phone by hand; what it said itself stands in the ledger.
_BY_HAND = frozenset({ConsentSource.MANAGER, ConsentSource.AGENT, ConsentSource.API})


class DynamoAuditTrail:
    """Implements ``ports.AuditTrail``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def append(self, entry: AuditEntry) -> None:
        """Keep *entry*; the same one again changes nothing."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(_item(entry)),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise

    def page(self, wanted: AuditFilter, limit: int, after: Position | None) -> Listing[AuditEntry]:
        """Return entries, newest first; see the port."""
        mark = _mark(wanted)
        if after is not None and (set(after) != {"listing", "place"} or after["listing"] != mark):
            raise InvalidInput(
                "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
            )
        place = after["place"] if after else None
        if wanted.object_id is not None:
            of_object = _Index("gsi1", schema.audit_object_pk(wanted.object_id))
            found, end = self._query(of_object, wanted, limit, place)
        elif wanted.actor is not None:
            of_actor = _Index("gsi2", schema.audit_actor_pk(wanted.actor))
            found, end = self._query(of_actor, wanted, limit, place)
        else:
            found, end = self._by_month(wanted, limit, place)
        return Listing(tuple(found), {"listing": mark, "place": end} if end else None)

    def _by_month(
        self, wanted: AuditFilter, limit: int, place: str | None
    ) -> tuple[list[AuditEntry], str | None]:
        found: list[AuditEntry] = []
        # A cursor of somebody's own making must not have every month to come looked at.
        latest = min(place or _NEVER, to_iso(wanted.until))
        since = to_iso(wanted.since) if wanted.since else _FIRST_MONTH
        for month in _months_back(latest[:7], since[:7]):
            start = place if place and place.startswith(month) else None
            more, end = self._query(
                _Index(None, schema.month_pk(month)), wanted, limit - len(found), start
            )
            found += more
            if len(found) == limit:
                return found, _place(found[-1])
            if end is not None:
                return found, end
        return found, None

    def _query(
        self, index: "_Index", wanted: AuditFilter, limit: int, place: str | None
    ) -> tuple[list[AuditEntry], str | None]:
        """Return entries behind *place*, and from where to go on; None at the end of *index*."""
        values: dict[str, Any] = {
            ":pk": index.partition,
            # A place is ``{at}#{id}``: it sorts behind its own instant, so until is exclusive.
            ":since": to_iso(wanted.since) if wanted.since else _FIRST_MONTH,
            ":until": to_iso(wanted.until),
        }
        request = index.request(place)
        if wanted.actor is not None and index.name != "gsi2":
            request["FilterExpression"] = "actor = :actor"
            values[":actor"] = wanted.actor
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=f"{index.hash_name} = :pk"
            f" AND {index.range_name} BETWEEN :since AND :until",
            ExpressionAttributeValues=to_item(values),
            ScanIndexForward=False,
            Limit=limit,
            **request,
        )
        end = answer.get("LastEvaluatedKey")
        entries = [_entry(from_item(item)) for item in answer["Items"]]
        return entries, end[schema.SK]["S"] if end else None


@dataclass(frozen=True)
class _Index:
    """One partition of the table itself (no name) or of an index."""

    name: str | None
    partition: str

    @property
    def hash_name(self) -> str:
        return f"{self.name}pk" if self.name else schema.PK

    @property
    def range_name(self) -> str:
        return schema.PLACE if self.name else schema.SK

    def request(self, place: str | None) -> dict[str, Any]:
        """Return what a query of it says, behind *place* if there is one."""
        named: dict[str, Any] = {"IndexName": self.name} if self.name else {}
        if place is None:
            return named
        key = {schema.PK: schema.month_pk(place[:7]), schema.SK: place}
        if self.name:
            key |= {self.hash_name: self.partition, schema.PLACE: place}
        return named | {"ExclusiveStartKey": to_item(key)}


def _months_back(month: str, first: str) -> Iterator[str]:
    """Yield months (``2026-11``) from *month* back to *first*."""
    while month >= first:
        yield month
        year, number = int(month[:4]), int(month[5:])
        month = f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02d}"


def _mark(wanted: AuditFilter) -> str:
    parts = (wanted.object_id, wanted.actor, wanted.since and to_iso(wanted.since))
    return derived_id("log", *(part or "" for part in parts))


def _place(entry: AuditEntry) -> str:
    return f"{to_iso(entry.at)}#{entry.id}"


def _item(entry: AuditEntry) -> dict[str, Any]:
    place = _place(entry)
    told = {"before": dict(entry.before), "after": dict(entry.after)}
    return {
        **vars(entry),
        # What was before or after may hold anything that an item can: as one text it stays so.
        **{name: json.dumps(value, sort_keys=True) for name, value in told.items()},
        schema.PK: schema.month_pk(place[:7]),
        schema.SK: place,
        "gsi1pk": schema.audit_object_pk(entry.object_id),
        "gsi2pk": schema.audit_actor_pk(entry.actor),
        schema.PLACE: place,
    }


def _entry(item: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=item["id"],
        at=from_iso(item["at"]),
        actor=item["actor"],
        act=Act(item["act"]),
        kind=ObjectKind(item["kind"]),
        object_id=item["object_id"],
        office_id=item.get("office_id"),
        request_id=item["request_id"],
        before=json.loads(item["before"]),
        after=json.loads(item["after"]),
    )


# The streams --------------------------------------------------------------------


def change_of(record: Mapping[str, Any], hashed: Callable[[str], str]) -> ItemChange | None:
    """
    Return what a record of the control or consent table's stream changed; None for other items.

    Raises KeyError or ValueError for a record that cannot be read: it must not be lost.
    """
    body = record["dynamodb"]
    pk, sk = body["Keys"][schema.PK]["S"], body["Keys"][schema.SK]["S"]
    old, new = _image(body, "OldImage"), _image(body, "NewImage")
    named = schema.audited(pk, sk) or _suppression(pk, new, hashed)
    if named is None or (old is None and new is None):
        return None
    kind, object_id = named
    return ItemChange(
        kind=kind,
        object_id=object_id,
        at=_moment(body["ApproximateCreationDateTime"]),
        sequence=body["SequenceNumber"],
        old=_signed(kind, old),
        new=_signed(kind, new),
    )


def phone_id(phone: str, hashed: Callable[[str], str]) -> str:
    """Return under which object id the log has what was said of *phone*."""
    return f"{_PHONE}{hashed(phone)}"


def _suppression(
    pk: str, new: Mapping[str, Any] | None, hashed: Callable[[str], str]
) -> tuple[ObjectKind, str] | None:
    """Return what an item of the consent table is to the log: what was done by hand."""
    if new is None:
        return None
    if pk.startswith("+"):
        return (ObjectKind.SUPPRESSION, phone_id(pk, hashed)) if new["source"] in _BY_HAND else None
    if pk.startswith("JOB#") and new.get("kind") == "import":
        return ObjectKind.SUPPRESSION_IMPORT, new["id"]
    return None


def _signed(kind: ObjectKind, image: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return *image* with its author; the ledger names whoever acted in ``by``."""
    if image is None or kind is not ObjectKind.SUPPRESSION:
        return image
    by = image.get("by")
    return image | ({AUTHOR: Author(by, "", image["cause"]).text} if by else {})


def _image(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    image = body.get(name)
    return from_item(image) if image else None


def _moment(seconds: Any) -> datetime:
    # Lambda gives a number; an SDK that reads the stream itself a datetime.
    if isinstance(seconds, datetime):
        return seconds.astimezone(UTC)
    return datetime.fromtimestamp(float(seconds), UTC)
