"""The counters table as the analytics read it: sums, eventually consistent (``schema``)."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.counter_attributes import quarters_in, sums_in
from carillon.adapters.dynamodb.counters import (
    DAILY,
    RECOUNT_SK,
    Item,
    counts_of,
    quarters_of,
    query,
)
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.domain.clock import from_iso
from carillon.domain.counters import RESPONSES, Counts, SenderCounts, total_of
from carillon.domain.recount import RecountReport, RecountState
from carillon.domain.timeframe import TimeFrame

# A page of a campaign's newest days: three with activity, in all their lanes.
_NEWEST_DAYS = 3 * schema.COUNTER_LANES
_OF_INITIAL = {initial: counter for counter, initial in DAILY.items()}
_DAY_ATTRIBUTE = re.compile(r"([sdfg])(\d\d)")
_DAY = timedelta(days=1)


class DynamoFigures:
    """Implements ``ports.Figures``: a handful of requests each."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def receipts_of(self, campaign_id: str) -> tuple[int, int]:
        """Return how many of the campaign's messages were delivered, and failed by receipt."""
        counts, _ = self.campaign_totals(campaign_id)
        return counts.get("delivered", 0), counts.get("failed_provider", 0)

    def campaign_totals(self, campaign_id: str) -> tuple[Counts, RecountReport | None]:
        """Return the campaign's counters and its last recount: one query over a few items."""
        pk = schema.campaign_pk(campaign_id)
        items = list(self._query(pk, between=("LANE#", RECOUNT_SK)))
        lanes = [item for item in items if item[schema.SK] != RECOUNT_SK]
        recounts = [_recount(campaign_id, item) for item in items if "at" in item]
        return total_of(map(counts_of, lanes)), recounts[0] if recounts else None

    def campaign_quarters(self, campaign_id: str, newest: int) -> dict[str, Counts]:
        """Return the *newest* quarter hours of the campaign's last days in order, as one page."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": schema.campaign_pk(campaign_id), ":first": "DAY#", ":last": "DAY#~"}
            ),
            ScanIndexForward=False,
            Limit=_NEWEST_DAYS,
        )
        items = [from_item(item) for item in answer["Items"]]
        if "LastEvaluatedKey" in answer:
            # The oldest day may have lanes beyond the page.
            oldest = items[-1][schema.SK].rpartition("#")[0]
            items = [item for item in items if item[schema.SK].rpartition("#")[0] != oldest]
        return dict(list(quarters_of(items).items())[-newest:])

    def campaign_history(self, campaign_id: str) -> dict[str, Counts]:
        """Return the campaign's counters by quarter hour, all of them: an item a day and lane."""
        pk = schema.campaign_pk(campaign_id)
        return quarters_of(self._query(pk, between=("DAY#", "DAY#~")))

    def office_totals(self, office_id: str, frame: TimeFrame) -> Counts:
        """
        Return the office's counters within *frame*.

        Whole UTC days are read as days (a query a month), the ends by quarter hour
        (a query each): independent of messages and of campaigns.
        """
        first_day, last_day = _whole_days(frame)
        if first_day >= last_day:
            edges = [(frame.start, frame.end)]
        else:
            edges = [(frame.start, first_day), (last_day, frame.end)]
        days = self._office_days(office_id, first_day, last_day)
        found = [total_of(sums_in(counts_of(item)) for item in days)]
        found += [self._quarters(office_id, start, end) for start, end in edges]
        return total_of(found)

    def office_responses(self, office_id: str, frame: TimeFrame) -> dict[str, int]:
        """Return the inbound messages within *frame* by quarter hour: a query a month."""
        found: dict[str, int] = {}
        for item in self._office_days(office_id, _midnight(frame.start), frame.end):
            date = item[schema.SK].split("#")[1]
            _note_responses(found, frame, quarters_in(date, counts_of(item)))
        return {quarter: amount for quarter, amount in sorted(found.items()) if amount}

    def campaigns_within(self, office_id: str, frame: TimeFrame) -> dict[str, Counts]:
        """
        Return what each of the office's campaigns did within *frame*, by campaign.

        Whole UTC months are read as months (a query a year), what is left as days (a query a
        month): it grows with the campaigns that did anything and the days, not with messages.
        """
        found: dict[str, list[Counts]] = {}
        first, last = _whole_months(frame)
        if first >= last:
            rests = [(frame.start, frame.end)]
        else:
            rests = [(frame.start, first), (last, frame.end)]
            for campaign_id, counts in self._months(office_id, first, last):
                found.setdefault(campaign_id, []).append(counts)
        for start, end in rests:
            rest = TimeFrame(start, end)
            for campaign_id, _, counts in self._campaign_days(office_id, rest):
                found.setdefault(campaign_id, []).append(counts)
        totals = {campaign_id: total_of(counts) for campaign_id, counts in found.items()}
        return {campaign_id: counts for campaign_id, counts in totals.items() if counts}

    def responses_of_campaigns(self, office_id: str, frame: TimeFrame) -> dict[str, dict[str, int]]:
        """Return the inbound messages of the office's campaigns, by campaign and quarter hour."""
        found: dict[str, dict[str, int]] = {}
        for campaign_id, quarter, counts in self._campaign_days(office_id, frame):
            amount = counts.get(RESPONSES, 0)
            if amount:
                own = found.setdefault(campaign_id, {})
                own[quarter] = own.get(quarter, 0) + amount
        return found

    def sender_counts(self, sender_id: str) -> SenderCounts:
        """Return the sender's counters, ever and by UTC day: a query over its months."""
        pk = schema.sender_pk(sender_id)
        return _sender_counts(list(self._query(pk, between=("MONTH#", "MONTH#~"))))

    def sender_within(self, sender_id: str, first: str, behind: str) -> Counts:
        """Return the sender's daily counters from *first* to before *behind*: a query."""
        between = (f"MONTH#{first[:7]}", f"MONTH#{behind[:7]}#~")
        items = list(self._query(schema.sender_pk(sender_id), between=between))
        days = _sender_counts(items).days
        return total_of(own for date, own in days.items() if first <= date < behind)

    # Requests ---------------------------------------------------------------

    def _query(self, pk: str, *, between: tuple[str, str]) -> Iterator[Item]:
        return query(self._client, self._table, pk, between=between)

    def _office_days(self, office_id: str, start: datetime, end: datetime) -> Iterator[Item]:
        """Yield the office's days from *start* (a midnight) up to *end*, which may lie in one."""
        for first, last in _by_month(start, end):
            yield from self._query(
                schema.office_month_pk(office_id, f"{first:%Y-%m}"),
                between=(f"DAY#{first:%Y-%m-%d}", f"DAY#{last:%Y-%m-%d}#~"),
            )

    def _quarters(self, office_id: str, start: datetime, end: datetime) -> Counts:
        counts: list[Counts] = []
        day = _midnight(start)
        while day < end:
            following = day + _DAY
            items = self._query(
                schema.office_day_pk(office_id, f"{day:%Y-%m-%d}"),
                # ~ sorts behind every quarter, so the last one excluded is cut before its lane.
                between=(
                    f"TIME#{_quarter(max(start, day))}",
                    f"TIME#{_before(min(end, following))}#~",
                ),
            )
            counts.extend(sums_in(counts_of(item)) for item in items)
            day = following
        return total_of(counts)

    def _months(
        self, office_id: str, start: datetime, end: datetime
    ) -> Iterator[tuple[str, Counts]]:
        """Yield (campaign, counters) of the whole months from *start* up to *end*."""
        for year in range(start.year, (end - _DAY).year + 1):
            first = max(start, datetime(year, 1, 1, tzinfo=UTC))
            last = min(end, datetime(year + 1, 1, 1, tzinfo=UTC)) - _DAY
            items = self._query(
                schema.office_year_pk(office_id, str(year)),
                between=(f"MONTH#{first:%Y-%m}", f"MONTH#{last:%Y-%m}#~"),
            )
            for item in items:
                yield item[schema.SK].split("#")[2], sums_in(counts_of(item))

    def _campaign_days(self, office_id: str, frame: TimeFrame) -> Iterator[tuple[str, str, Counts]]:
        """Yield (campaign, quarter hour, counters) of all that lies within *frame*."""
        wanted = range_of(frame)
        for first, last in _by_month(_midnight(frame.start), frame.end):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=schema.GSI1,
                KeyConditionExpression="gsi1pk = :pk AND gsi1sk BETWEEN :first AND :last",
                ExpressionAttributeValues=to_item(
                    {
                        ":pk": schema.office_month_pk(office_id, f"{first:%Y-%m}"),
                        ":first": f"{first:%Y-%m-%d}#",
                        ":last": f"{last:%Y-%m-%d}#~",
                    }
                ),
            )
            for page in pages:
                for item in map(from_item, page["Items"]):
                    campaign_id = item[schema.PK].partition("#")[2]
                    for quarter, counts in quarters_of([item]).items():
                        if wanted[0] <= quarter < wanted[1]:
                            yield campaign_id, quarter, counts


def range_of(frame: TimeFrame) -> tuple[str, str]:
    """Return the first quarter hour of *frame* and the first behind it, as they are stored."""
    return _quarter(frame.start), _quarter(frame.end)


def _note_responses(
    found: dict[str, int], frame: TimeFrame, quarters: Iterable[tuple[str, str, int]]
) -> None:
    first, behind = range_of(frame)
    for quarter, counter, amount in quarters:
        if counter == RESPONSES and first <= quarter < behind:
            found[quarter] = found.get(quarter, 0) + amount


def _by_month(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the first and the last UTC day of each month between *start* and *end* (excluded)."""
    while start < end:
        following = _next_month(start)
        last = min(end, following) - timedelta(minutes=15)
        yield start, _midnight(last)
        start = following


def _next_month(day: datetime) -> datetime:
    return (_midnight(day).replace(day=1) + timedelta(days=32)).replace(day=1)


def _whole_months(frame: TimeFrame) -> tuple[datetime, datetime]:
    start = _midnight(frame.start).replace(day=1)
    if start < frame.start:
        start = _next_month(frame.start)
    return start, _midnight(frame.end).replace(day=1)


def _sender_counts(months: Iterable[Mapping[str, Any]]) -> SenderCounts:
    totals: list[Counts] = []
    days: dict[str, list[Counts]] = {}
    for item in months:
        _, month, _ = item[schema.SK].split("#")
        for name, amount in counts_of(item).items():
            day = _DAY_ATTRIBUTE.fullmatch(name)
            if day is None:
                totals.append({name: amount})
            else:
                days.setdefault(f"{month}-{day[2]}", []).append({_OF_INITIAL[day[1]]: amount})
    by_day = {date: total_of(counts) for date, counts in sorted(days.items())}
    return SenderCounts(total_of(totals), {date: own for date, own in by_day.items() if own})


def _recount(campaign_id: str, item: Mapping[str, Any]) -> RecountReport:
    return RecountReport(
        campaign_id=campaign_id,
        at=from_iso(item["at"]),
        state=RecountState(item["state"]),
        drift=json.loads(item["drift"]),
        unsettled=item["unsettled"],
    )


def _whole_days(frame: TimeFrame) -> tuple[datetime, datetime]:
    start = _midnight(frame.start)
    if start < frame.start:
        start += _DAY
    return start, _midnight(frame.end)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time.min, tzinfo=UTC)


def _quarter(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def _before(end: datetime) -> str:
    return _quarter(end - timedelta(minutes=15))
