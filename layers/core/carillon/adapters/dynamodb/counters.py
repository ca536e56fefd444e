"""
The counters table: books and lanes as the aggregator and the recount write them, sums as
the analytics read them. Layout and access patterns: ``schema``.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.adapters.dynamodb.stream import scalars
from carillon.domain.books import MARK, READ_ATTRIBUTES, Advance, CommitOutcome, Fold, PartBook
from carillon.domain.clock import from_iso
from carillon.domain.counters import Counts, Row, SenderCounts, total_of
from carillon.domain.recount import RecountReport, RecountState
from carillon.domain.timeframe import TimeFrame

_BOOK_SK = "CKPT"
_RECOUNT_SK = "RECOUNT"
_KEYS_PER_READ = 100
_ITEMS_PER_TRANSACTION = 100
_BOOK_FIELDS = ("position", "applied", "expired", "healed", MARK)
_NOT_COUNTERS = frozenset({schema.PK, schema.SK, schema.TTL, *_BOOK_FIELDS})
# In a sender's month: a day's counters are an initial and the day, s07.
_DAILY = {"submitted": "s", "delivered": "d", "failed_provider": "f", "segments": "g"}
_OF_INITIAL = {initial: counter for counter, initial in _DAILY.items()}
_DAY_ATTRIBUTE = re.compile(r"([sdfg])(\d\d)")

# Nothing was written, or it is not known: reading the books again tells.
_BUSY_REASONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
)
_BUSY_ERRORS = frozenset(
    {
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
    }
)

Item = dict[str, Any]


class DynamoBooks:
    """Implements ``ports.CounterBooks`` and ``ports.RecountBooks``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        """Return the book of every one of *partitions*, strongly consistent; new ones are empty."""
        books = dict.fromkeys(partitions, PartBook())
        by_pk = {schema.checkpoint_pk(partition): partition for partition in books}
        for item in self._get_many(list(by_pk)):
            books[by_pk[item[schema.PK]]] = _book(item)
        return books

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        """Write the whole *fold* in one transaction, additions into *lane*, or nothing."""
        writes = [self._advance(step) for step in fold.advances]
        writes += [self._addition(key, counts) for key, counts in _additions(fold, lane) if counts]
        return self._transact(writes)

    def lanes(self, campaign_id: str) -> Counts:
        """Return the campaign's totals over its lanes, strongly consistent."""
        items = _query(
            self._client,
            self._table,
            schema.campaign_pk(campaign_id),
            between=("LANE#", "LANE#~"),
            consistent=True,
        )
        return total_of(_counts(item) for item in items)

    def quarters(self, campaign_id: str) -> dict[str, Counts]:
        """Return the campaign's counters by quarter hour, all of them, strongly consistent."""
        items = _query(
            self._client,
            self._table,
            schema.campaign_pk(campaign_id),
            between=("TIME#", "TIME#~"),
            consistent=True,
        )
        return _by_time(items)

    def correct_part(
        self, campaign_id: str, partition: str, book: PartBook, drift: Mapping[str, int]
    ) -> bool:
        """Add *drift* to the book and the campaign if *book* still stands; False when it moved."""
        update = self._update(
            (schema.checkpoint_pk(partition), _BOOK_SK),
            adds={**drift, "healed": 1},
            condition="#position = :position AND "
            + ("#healed = :healed" if book.healed else "attribute_not_exists(#healed)"),
            names={"#position": "position", "#healed": "healed"},
            values={":position": {"S": book.position}}
            | ({":healed": {"N": str(book.healed)}} if book.healed else {}),
        )
        lane = self._addition((schema.campaign_pk(campaign_id), schema.lane_sk(0)), drift)
        return self._transact([update, lane]) is CommitOutcome.DONE

    def correct_campaign(self, fold: Fold, version: int) -> bool:
        """
        Add *fold*'s amounts to the campaign's counters, in as many transactions as they need.

        Each is conditional on the recount's version and raises it, so that of two
        recounts that found the same drift one corrects it. False when stopped; what
        was corrected by then stays, and the next recount finds the rest.
        """
        additions = [pair for pair in _additions(fold, 0) if pair[1]]
        step = _ITEMS_PER_TRANSACTION - 1
        for start in range(0, len(additions), step):
            writes = [self._raise_version(fold.campaign_id, version)]
            writes += [self._addition(key, counts) for key, counts in additions[start:][:step]]
            if self._transact(writes) is not CommitOutcome.DONE:
                return False
            version += 1
        return True

    def recount_version(self, campaign_id: str) -> int:
        """Return how often recounts have corrected this campaign, strongly consistent."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=_key(schema.campaign_pk(campaign_id), _RECOUNT_SK),
            ConsistentRead=True,
        )
        return int(answer.get("Item", {}).get("version", {}).get("N", 0))

    def note_recount(self, report: RecountReport) -> None:
        """Keep *report* as the campaign's last recount."""
        self._client.update_item(
            TableName=self._table,
            Key=_key(schema.campaign_pk(report.campaign_id), _RECOUNT_SK),
            UpdateExpression="SET #at = :at, #state = :state, #drift = :drift,"
            " #unsettled = :unsettled",
            ExpressionAttributeNames={
                "#at": "at",
                "#state": "state",
                "#drift": "drift",
                "#unsettled": "unsettled",
            },
            ExpressionAttributeValues=to_item(
                {
                    ":at": report.at,
                    ":state": report.state,
                    # A text, so that the drift of any counter has a place.
                    ":drift": json.dumps(report.drift, sort_keys=True),
                    ":unsettled": report.unsettled,
                }
            ),
        )

    # Requests ---------------------------------------------------------------

    def _advance(self, step: Advance) -> Item:
        values = {":position": {"S": step.position}}
        names = {"#position": "position"}
        sets = "SET #position = :position"
        if step.mark:
            sets += ", #mark = :mark"
            names["#mark"], values[":mark"] = MARK, {"S": step.mark}
        if step.expected:
            condition = "#position = :expected"
            values[":expected"] = {"S": step.expected}
        else:
            condition = "attribute_not_exists(#position)"
        return self._update(
            (schema.checkpoint_pk(step.partition), _BOOK_SK),
            sets=sets,
            adds={**step.counts, "applied": step.applied, "expired": step.expired},
            condition=condition,
            names=names,
            values=values,
        )

    def _addition(self, key: tuple[str, str], counts: Mapping[str, int]) -> Item:
        return self._update(key, adds=counts)

    def _raise_version(self, campaign_id: str, version: int) -> Item:
        return self._update(
            (schema.campaign_pk(campaign_id), _RECOUNT_SK),
            adds={"version": 1},
            condition="#version = :version" if version else "attribute_not_exists(#version)",
            names={"#version": "version"},
            values={":version": {"N": str(version)}} if version else {},
        )

    def _update(
        self,
        key: tuple[str, str],
        *,
        adds: Mapping[str, int],
        sets: str = "",
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Item:
        all_names, all_values, parts = dict(names or {}), dict(values or {}), []
        # Aliases throughout: a counter such as fail#30003 is no plain attribute name.
        for number, (counter, amount) in enumerate(adds.items()):
            if amount:
                all_names[f"#a{number}"] = counter
                all_values[f":a{number}"] = {"N": str(amount)}
                parts.append(f"#a{number} :a{number}")
        update: Item = {
            "TableName": self._table,
            "Key": _key(*key),
            "UpdateExpression": f"{sets} ADD {', '.join(parts)}".strip(),
            "ExpressionAttributeNames": all_names,
            "ExpressionAttributeValues": all_values,
        }
        if condition:
            update["ConditionExpression"] = condition
        return {"Update": update}

    def _transact(self, writes: list[Item]) -> CommitOutcome:
        try:
            self._client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            outcome = _outcome(error)
            if outcome is None:
                raise
            return outcome
        return CommitOutcome.DONE

    def _get_many(self, pks: list[str]) -> Iterator[Item]:
        for start in range(0, len(pks), _KEYS_PER_READ):
            keys = [_key(pk, _BOOK_SK) for pk in pks[start : start + _KEYS_PER_READ]]
            wanted: Item = {self._table: {"Keys": keys, "ConsistentRead": True}}
            yield from (from_item(item) for _, item in read_all(self._client, wanted))


class DynamoFigures:
    """Implements ``ports.Figures``: sums, eventually consistent, a handful of requests each."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def receipts_of(self, campaign_id: str) -> tuple[int, int]:
        """Return how many of the campaign's messages were delivered, and failed by receipt."""
        counts, _ = self.campaign_totals(campaign_id)
        return counts.get("delivered", 0), counts.get("failed_provider", 0)

    def campaign_totals(self, campaign_id: str) -> tuple[Counts, RecountReport | None]:
        """Return the campaign's counters and its last recount: one query over a few items."""
        # RECOUNT sorts between LANE#… and TIME#….
        items = list(
            _query(
                self._client,
                self._table,
                schema.campaign_pk(campaign_id),
                between=("LANE#", _RECOUNT_SK),
            )
        )
        lanes = [item for item in items if item[schema.SK] != _RECOUNT_SK]
        recounts = [_recount(campaign_id, item) for item in items if "at" in item]
        return total_of(map(_counts, lanes)), recounts[0] if recounts else None

    def campaign_quarters(self, campaign_id: str, newest: int) -> dict[str, Counts]:
        """Return the counters of the campaign's *newest* quarter hours in order, as one page."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": schema.campaign_pk(campaign_id), ":first": "TIME#", ":last": "TIME#~"}
            ),
            ScanIndexForward=False,
            Limit=newest,
        )
        found = _by_time(from_item(item) for item in answer["Items"])
        if "LastEvaluatedKey" in answer and found:
            # The oldest quarter may have lanes beyond the page.
            del found[min(found)]
        return dict(sorted(found.items()))

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
        found = [self._days(office_id, first_day, last_day)]
        found += [self._quarters(office_id, start, end) for start, end in edges]
        return total_of(found)

    def sender_counts(self, sender_id: str) -> SenderCounts:
        """Return the sender's counters, ever and by UTC day: a query over its months."""
        pk = schema.sender_pk(sender_id)
        items = list(_query(self._client, self._table, pk, between=("MONTH#", "MONTH#~")))
        return _sender_counts(items)

    def _days(self, office_id: str, start: datetime, end: datetime) -> Counts:
        counts: list[Counts] = []
        month = start.replace(day=1)
        while month < end:
            following = (month + timedelta(days=32)).replace(day=1)
            last = min(end, following) - timedelta(days=1)
            items = _query(
                self._client,
                self._table,
                schema.office_month_pk(office_id, f"{month:%Y-%m}"),
                between=(f"DAY#{max(start, month):%Y-%m-%d}", f"DAY#{last:%Y-%m-%d}#~"),
            )
            counts.extend(_counts(item) for item in items)
            month = following
        return total_of(counts)

    def _quarters(self, office_id: str, start: datetime, end: datetime) -> Counts:
        counts: list[Counts] = []
        day = _midnight(start)
        while day < end:
            following = day + timedelta(days=1)
            items = _query(
                self._client,
                self._table,
                schema.office_day_pk(office_id, f"{day:%Y-%m-%d}"),
                # ~ sorts behind every quarter, so the last one excluded is cut before its lane.
                between=(
                    f"TIME#{_quarter(max(start, day))}",
                    f"TIME#{_before(min(end, following))}#~",
                ),
            )
            counts.extend(_counts(item) for item in items)
            day = following
        return total_of(counts)


class DynamoMessageRows:
    """Implements ``ports.CountedRows`` over the messages table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def rows(self, partition: str) -> dict[str, Row]:
        """Return the counted attributes of every row of *partition* by sort key, consistent."""
        names = {f"#{number}": name for number, name in enumerate(sorted(READ_ATTRIBUTES))}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ProjectionExpression=", ".join(["sk", *names]),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":pk": {"S": partition}},
            ConsistentRead=True,
        )
        return {item["sk"]["S"]: scalars(item) for page in pages for item in page["Items"]}

    def mark(self, partition: str, sk: str, mark: str) -> bool:
        """Set the recount's *mark* on a row; False when the row is not there any more."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(partition, sk),
                UpdateExpression="SET #mark = :mark",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#mark": MARK},
                ExpressionAttributeValues={":mark": {"S": mark}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _BUSY_ERRORS | {
                "ConditionalCheckFailedException"
            }:
                return False
            raise
        return True


def _additions(fold: Fold, lane: int) -> Iterator[tuple[tuple[str, str], Mapping[str, int]]]:
    campaign = schema.campaign_pk(fold.campaign_id)
    yield (campaign, schema.lane_sk(lane)), fold.totals
    for quarter, counts in fold.quarters.items():
        yield (campaign, schema.time_sk(quarter, lane)), counts
    for (office_id, quarter), counts in fold.office_quarters.items():
        yield (
            (schema.office_day_pk(office_id, quarter[:10]), schema.time_sk(quarter, lane)),
            counts,
        )
    for (office_id, date), counts in fold.office_days.items():
        yield (schema.office_month_pk(office_id, date[:7]), schema.day_sk(date, lane)), counts
    for (sender_id, month), counts in _sender_months(fold).items():
        yield (schema.sender_pk(sender_id), schema.month_sk(month, lane)), counts


def _sender_months(fold: Fold) -> dict[tuple[str, str], Counts]:
    """Return what *fold* adds by (sender, month): the month's sums and its days' attributes."""
    months: dict[tuple[str, str], Counts] = {}
    for (sender_id, date), counts in fold.sender_days.items():
        days = {f"{_DAILY[name]}{date[8:]}": n for name, n in counts.items() if name in _DAILY}
        key = (sender_id, date[:7])
        months[key] = total_of([months.get(key, {}), counts, days])
    return months


def _sender_counts(months: Iterable[Mapping[str, Any]]) -> SenderCounts:
    totals: list[Counts] = []
    days: dict[str, list[Counts]] = {}
    for item in months:
        _, month, _ = item[schema.SK].split("#")
        for name, amount in _counts(item).items():
            day = _DAY_ATTRIBUTE.fullmatch(name)
            if day is None:
                totals.append({name: amount})
            else:
                days.setdefault(f"{month}-{day[2]}", []).append({_OF_INITIAL[day[1]]: amount})
    by_day = {date: total_of(counts) for date, counts in sorted(days.items())}
    return SenderCounts(total_of(totals), {date: own for date, own in by_day.items() if own})


def _outcome(error: ClientError) -> CommitOutcome | None:
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
    if "ConditionalCheckFailed" in reasons:
        return CommitOutcome.MOVED
    if reasons & _BUSY_REASONS or error.response["Error"]["Code"] in _BUSY_ERRORS:
        return CommitOutcome.BUSY
    return None


def _query(
    client: Any, table: str, pk: str, *, between: tuple[str, str], consistent: bool = False
) -> Iterator[Item]:
    pages = client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues=to_item({":pk": pk, ":first": between[0], ":last": between[1]}),
        ConsistentRead=consistent,
    )
    for page in pages:
        yield from (from_item(item) for item in page["Items"])


def _key(pk: str, sk: str) -> Item:
    return {schema.PK: {"S": pk}, schema.SK: {"S": sk}}


def _counts(item: Mapping[str, Any]) -> Counts:
    return {
        name: value
        for name, value in item.items()
        if isinstance(value, int) and name not in _NOT_COUNTERS and value
    }


def _book(item: Mapping[str, Any]) -> PartBook:
    return PartBook(
        position=item.get("position", ""),
        applied=item.get("applied", 0),
        expired=item.get("expired", 0),
        healed=item.get("healed", 0),
        mark=item.get(MARK),
        counts=_counts(item),
    )


def _recount(campaign_id: str, item: Mapping[str, Any]) -> RecountReport:
    return RecountReport(
        campaign_id=campaign_id,
        at=from_iso(item["at"]),
        state=RecountState(item["state"]),
        drift=json.loads(item["drift"]),
        unsettled=item["unsettled"],
    )


def _by_time(items: Iterable[Mapping[str, Any]]) -> dict[str, Counts]:
    found: dict[str, list[Counts]] = {}
    for item in items:
        _, quarter, _ = item[schema.SK].split("#")
        found.setdefault(quarter, []).append(_counts(item))
    return {quarter: total_of(counts) for quarter, counts in found.items()}


def _whole_days(frame: TimeFrame) -> tuple[datetime, datetime]:
    start = _midnight(frame.start)
    if start < frame.start:
        start += timedelta(days=1)
    return start, _midnight(frame.end)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time.min, tzinfo=UTC)


def _quarter(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def _before(end: datetime) -> str:
    return _quarter(end - timedelta(minutes=15))
