"""
How campaigns are listed and found: boto3, read-only.

A shelf is one tab of one office, in four indexes by what it is sorted by; a page merges the
shelves of the offices in question. What it may be a little behind of is what was written within
the last moments; a campaign that moves while somebody pages (by a write, under ``updated``)
may be shown again or be met on the first page anew, all others come exactly once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.control import campaign_of_item
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.campaign_search import CampaignFilter, CampaignSort, Facets, leads_to
from carillon.domain.campaign_states import tab_of
from carillon.domain.clock import to_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Listing, Position

_MOST_LOOKED_AT = 1000
_PAGE = 100
_BATCH_GET = 100
_MOST_LINKED = 100


class DynamoShelves:
    """
    Implements ``ports.CampaignShelves`` over the control table.

    For one page at most *most_looked_at* entries are looked at, of all shelves together, or
    one more than asked for of each: a filter that lets little through must not read them all.
    An entry has what filters ask for, about 200 bytes; whole campaigns are read to be shown.
    """

    def __init__(self, client: Any, table: str, *, most_looked_at: int = _MOST_LOOKED_AT) -> None:
        self._client = client
        self._table = table
        self._most_looked_at = most_looked_at

    def page(
        self,
        tab: str,
        offices: Sequence[str],
        *,
        keep: CampaignFilter,
        sort: CampaignSort,
        descends: bool,
        limit: int,
        after: Position | None,
    ) -> Listing[Campaign]:
        """Return campaigns of a tab and of *offices* that *keep* lets through, sorted."""
        listing = f"{tab}.{sort}.{'desc' if descends else 'asc'}"
        start = _start(after, listing)
        most = max(self._most_looked_at // max(len(offices), 1), limit + 1)
        found: list[tuple[str, str]] = []
        ends: list[str] = []
        for office_id in offices:
            shelf = schema.shelf_of(office_id, tab)
            kept, end = self._kept(shelf, sort, keep, limit, most, start, descends=descends)
            found += kept
            ends += [] if end is None else [end]
        # What one shelf was not read beyond must not be passed by what the others have.
        bound = (max(ends) if descends else min(ends)) if ends else None
        ordered = sorted(found, reverse=descends)
        certain = [pair for pair in ordered if _is_within(pair[0], bound, descends=descends)]
        shown = certain[:limit]
        last = shown[-1][0] if len(certain) > limit else bound
        following = None if last is None else {"listing": listing, "place": last}
        campaigns = self._get_many(one for _, one in shown)
        return Listing(
            # As they are now: what has left the shelf a moment ago is not shown on it.
            tuple(one for one in campaigns if one.tab == tab and keep.keeps(one)),
            following,
        )

    def found(
        self, offices: Sequence[str], words: Sequence[str], limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """Return campaigns whose titles have words that begin with *words*, in their order."""
        start = _start(after, "words")
        entries: list[tuple[str, str]] = []
        for office_id in offices:
            pk = schema.title_words_pk(office_id, words[0])
            entries += self._entries(pk, words[0], start, limit + 1)
        entries.sort()
        shown = entries[:limit]
        standing = {one.id: one for one in self._get_many(one for _, one in shown)}
        campaigns = (
            standing[one]
            for place, one in shown
            if one in standing
            and standing[one].office_id in offices
            and leads_to(place.partition("#")[0], standing[one].title, tuple(words))
        )
        more = len(entries) > limit
        following = {"listing": "words", "place": shown[-1][0]} if more else None
        return Listing(tuple(campaigns), following)

    def of_agent(self, subject: str, limit: int, after: Position | None) -> Listing[Campaign]:
        """Return the campaigns that the user is an agent of, newest first."""
        start = _start(after, "agent")
        entries = self._entries(schema.agent_pk(subject), "", start, limit + 1, descends=True)
        shown = entries[:limit]
        campaigns = (
            one for one in self._get_many(one for _, one in shown) if subject in one.agents
        )
        more = len(entries) > limit
        following = {"listing": "agent", "place": shown[-1][0]} if more else None
        return Listing(tuple(campaigns), following)

    def linked(self, campaign: Campaign) -> list[Campaign]:
        """Return the campaigns that *campaign* names or that name it, by id."""
        named_by = self._entries(
            schema.campaign_pk(campaign.id), schema.linked_sk(""), "", _MOST_LINKED
        )
        ids = {*campaign.linked_campaigns, *(one for _, one in named_by)}
        found = (
            one
            for one in self._get_many(sorted(ids))
            if one.id in campaign.linked_campaigns or campaign.id in one.linked_campaigns
        )
        return sorted(found, key=lambda one: one.id)

    def scheduled(
        self, office_id: str, start: datetime, end: datetime, most: int
    ) -> list[Campaign]:
        """Return the office's campaigns that are due from *start* until before *end*, in order."""
        shelf = schema.shelf_of(office_id, tab_of(CampaignStatus.SCHEDULED))
        index, place = schema.SHELVES[CampaignSort.LAUNCHED]
        found: list[str] = []
        for item in self._query(
            f"{schema.SHELF} = :shelf AND {place} BETWEEN :start AND :end",
            # A place is its time and an id; "#" alone comes before all that begin with it.
            {":shelf": shelf, ":start": to_iso(start), ":end": to_iso(end)},
            IndexName=index,
        ):
            found.append(item["id"])
            if len(found) == most:
                break
        return [one for one in self._get_many(found) if one.status is CampaignStatus.SCHEDULED]

    # Requests ---------------------------------------------------------------

    def _kept(  # noqa: PLR0917  # what one shelf is read for
        self,
        shelf: str,
        sort: CampaignSort,
        keep: CampaignFilter,
        limit: int,
        most: int,
        start: str,
        *,
        descends: bool,
    ) -> tuple[list[tuple[str, str]], str | None]:
        """Return (place, id) of what *keep* lets through, and up to where the shelf was read."""
        index, attribute = schema.SHELVES[sort]
        condition, values = f"{schema.SHELF} = :shelf", {":shelf": shelf}
        if start:
            condition += f" AND {attribute} {'<' if descends else '>'} :start"
            values[":start"] = start
        kept: list[tuple[str, str]] = []
        items = self._query(condition, values, IndexName=index, ScanIndexForward=not descends)
        for looked_at, item in enumerate(items, start=1):
            if keep.keeps(_facets(item)):
                kept.append((item[attribute], item["id"]))
            if len(kept) > limit or looked_at >= most:
                return kept, item[attribute]
        return kept, None

    def _entries(
        self, pk: str, begins: str, start: str, most: int, *, descends: bool = False
    ) -> list[tuple[str, str]]:
        """Return (sort key, campaign id) of at most *most* entries of a partition."""
        values = {":pk": pk}
        condition = "pk = :pk"
        if start:
            condition += f" AND sk {'<' if descends else '>'} :start"
            values[":start"] = start
        elif begins:
            condition += " AND begins_with(sk, :begins)"
            values[":begins"] = begins
        found: list[tuple[str, str]] = []
        for item in self._query(condition, values, ScanIndexForward=not descends):
            # Continued by its last key, a query leaves the prefix by going beyond it.
            if not item["sk"].startswith(begins) or len(found) == most:
                break
            found.append((item["sk"], item["id"]))
        return found

    def _query(
        self, condition: str, values: dict[str, str], **request: Any
    ) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            PaginationConfig={"PageSize": _PAGE},
            **request,
        )
        for page in pages:
            yield from (from_item(item) for item in page["Items"])

    def _get_many(self, campaign_ids: Iterable[str]) -> list[Campaign]:
        """Return those of the campaigns that there are, in the order of *campaign_ids*."""
        ids = list(dict.fromkeys(campaign_ids))
        found: dict[str, Campaign] = {}
        for first in range(0, len(ids), _BATCH_GET):
            keys = [
                to_item({"pk": schema.campaign_pk(one), "sk": "CMP"})
                for one in ids[first : first + _BATCH_GET]
            ]
            wanted = {self._table: {"Keys": keys, "ConsistentRead": True}}
            for _, item in read_all(self._client, wanted):
                campaign = campaign_of_item(from_item(item))
                found[campaign.id] = campaign
        return [found[one] for one in ids if one in found]


def _facets(item: Mapping[str, Any]) -> Facets:
    return Facets(
        type=item.get("type", "sms"),
        status=CampaignStatus(item["status"]),
        operated_by=item.get("operated_by", "agent"),
        tags=tuple(item.get("tags", ())),
    )


def _start(after: Position | None, listing: str) -> str:
    if after is None:
        return ""
    if set(after) != {"listing", "place"} or after["listing"] != listing:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return after["place"]


def _is_within(place: str, bound: str | None, *, descends: bool) -> bool:
    if bound is None:
        return True
    return place >= bound if descends else place <= bound
