"""
The counters table as the aggregator and the recount write it: books, lanes and sums; and the
rows that a recount counts. Layout and access patterns: ``schema``. Reading: ``figures``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.counter_attributes import (
    quarter_attributes,
    quarters_in,
    sum_attributes,
)
from carillon.adapters.dynamodb.items import from_item, to_item
from carillon.adapters.dynamodb.stream import scalars
from carillon.domain.books import (
    MARK,
    MOST_DAY_ADDITIONS,
    READ_ATTRIBUTES,
    Advance,
    CommitOutcome,
    Fold,
    PartBook,
)
from carillon.domain.counters import RESPONSES, Counts, Row, total_of
from carillon.domain.recount import RecountReport

_BOOK_SK = "CKPT"
RECOUNT_SK = "RECOUNT"
_KEYS_PER_READ = 100
_ITEMS_PER_TRANSACTION = 100
# In one expression: the sums of a fold and its responses by quarter hour are fewer.
_MOST_ADDITIONS = 2 * MOST_DAY_ADDITIONS
_BOOK_FIELDS = ("position", "applied", "expired", "healed", MARK)
_NOT_COUNTERS = frozenset({schema.PK, schema.SK, schema.TTL, *_BOOK_FIELDS})
# In a sender's month: a day's counters are an initial and the day, s07.
DAILY = {"submitted": "s", "delivered": "d", "failed_provider": "f", "segments": "g"}

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
        return self._transact([*writes, *self._additions(fold, lane)])

    def lanes(self, campaign_id: str) -> Counts:
        """Return the campaign's totals over its lanes, strongly consistent."""
        items = query(
            self._client,
            self._table,
            schema.campaign_pk(campaign_id),
            between=("LANE#", "LANE#~"),
            consistent=True,
        )
        return total_of(counts_of(item) for item in items)

    def quarters(self, campaign_id: str) -> dict[str, Counts]:
        """Return the campaign's counters by quarter hour, all of them, strongly consistent."""
        items = query(
            self._client,
            self._table,
            schema.campaign_pk(campaign_id),
            between=("DAY#", "DAY#~"),
            consistent=True,
        )
        return quarters_of(items)

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
        for additions in _packed(self._additions(fold, 0), _ITEMS_PER_TRANSACTION - 1):
            writes = [self._raise_version(fold.campaign_id, version), *additions]
            if self._transact(writes) is not CommitOutcome.DONE:
                return False
            version += 1
        return True

    def recount_version(self, campaign_id: str) -> int:
        """Return how often recounts have corrected this campaign, strongly consistent."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=_key(schema.campaign_pk(campaign_id), RECOUNT_SK),
            ConsistentRead=True,
        )
        return int(answer.get("Item", {}).get("version", {}).get("N", 0))

    def note_recount(self, report: RecountReport) -> None:
        """Keep *report* as the campaign's last recount."""
        self._client.update_item(
            TableName=self._table,
            Key=_key(schema.campaign_pk(report.campaign_id), RECOUNT_SK),
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

    def _additions(self, fold: Fold, lane: int) -> Iterator[Item]:
        # A fold of changes has one piece of each (fold_changes), a correction may have several.
        for date, by_quarter in _campaign_days(fold).items():
            for piece in _pieces(by_quarter, MOST_DAY_ADDITIONS):
                yield self._campaign_day(fold, date, piece, lane)
        for key, counts in _sums(fold, lane):
            for piece in _pieces(counts, _MOST_ADDITIONS):
                yield self._addition(key, piece)

    def _addition(self, key: tuple[str, str], counts: Mapping[str, int]) -> Item:
        return self._update(key, adds=counts)

    def _campaign_day(self, fold: Fold, date: str, counts: Mapping[str, int], lane: int) -> Item:
        """Return the addition to a campaign's day, which its office's index lists as well."""
        key = schema.campaign_pk(fold.campaign_id), schema.day_sk(date, lane)
        if fold.office_id is None:
            return self._addition(key, counts)
        listed = to_item(
            {
                ":listed_pk": schema.office_month_pk(fold.office_id, date[:7]),
                ":listed_sk": schema.campaign_day_sk(date, fold.campaign_id, lane),
            }
        )
        return self._update(
            key,
            sets=f"SET {schema.GSI1_PK} = :listed_pk, {schema.GSI1_SK} = :listed_sk",
            adds=counts,
            values=listed,
        )

    def _raise_version(self, campaign_id: str, version: int) -> Item:
        return self._update(
            (schema.campaign_pk(campaign_id), RECOUNT_SK),
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


def _sums(fold: Fold, lane: int) -> Iterator[tuple[tuple[str, str], Mapping[str, int]]]:
    campaign_id = fold.campaign_id
    yield (schema.campaign_pk(campaign_id), schema.lane_sk(lane)), fold.totals
    for (office_id, quarter), counts in fold.office_quarters.items():
        key = schema.office_day_pk(office_id, quarter[:10]), schema.time_sk(quarter, lane)
        yield key, sum_attributes(counts)
    responses = _responses(fold)
    for (office_id, date), counts in fold.office_days.items():
        key = schema.office_month_pk(office_id, date[:7]), schema.day_sk(date, lane)
        yield key, {**sum_attributes(counts), **responses.get((office_id, date), {})}
    for (office_id, month), counts in fold.office_months.items():
        key = (
            schema.office_year_pk(office_id, month[:4]),
            schema.campaign_month_sk(month, campaign_id, lane),
        )
        yield key, sum_attributes(counts)
    for (sender_id, month), counts in _sender_months(fold).items():
        yield (schema.sender_pk(sender_id), schema.month_sk(month, lane)), counts


def _pieces(counts: Mapping[str, int], most: int) -> Iterator[Counts]:
    """Yield *counts* in pieces of at most *most*; nothing of none."""
    names = list(counts)
    for start in range(0, len(names), most):
        yield {name: counts[name] for name in names[start:][:most]}


def _packed(writes: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """Yield *writes* in order, at most *most* together and no two to one item."""
    pack: list[Item] = []
    keys: set[tuple[str, str]] = set()
    for write in writes:
        key = write["Update"]["Key"]
        name = (key[schema.PK]["S"], key[schema.SK]["S"])
        if len(pack) == most or name in keys:
            yield pack
            pack, keys = [], set()
        pack.append(write)
        keys.add(name)
    if pack:
        yield pack


def _campaign_days(fold: Fold) -> dict[str, Counts]:
    """Return what *fold* adds to the campaign by UTC date, as attributes by quarter hour."""
    days: dict[str, Counts] = {}
    for quarter, counts in fold.quarters.items():
        days.setdefault(quarter[:10], {}).update(quarter_attributes(quarter, counts))
    return days


def _responses(fold: Fold) -> dict[tuple[str, str], Counts]:
    """Return the inbound messages that *fold* adds by (office, date), by quarter hour (T1)."""
    days: dict[tuple[str, str], Counts] = {}
    for (office_id, quarter), counts in fold.office_quarters.items():
        own = {RESPONSES: counts[RESPONSES]} if RESPONSES in counts else {}
        days.setdefault((office_id, quarter[:10]), {}).update(quarter_attributes(quarter, own))
    return days


def _sender_months(fold: Fold) -> dict[tuple[str, str], Counts]:
    """Return what *fold* adds by (sender, month): the month's sums and its days' attributes."""
    months: dict[tuple[str, str], Counts] = {}
    for (sender_id, date), counts in fold.sender_days.items():
        days = {f"{DAILY[name]}{date[8:]}": n for name, n in counts.items() if name in DAILY}
        key = (sender_id, date[:7])
        months[key] = total_of([months.get(key, {}), counts, days])
    return months


def _outcome(error: ClientError) -> CommitOutcome | None:
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
    if "ConditionalCheckFailed" in reasons:
        return CommitOutcome.MOVED
    if reasons & _BUSY_REASONS or error.response["Error"]["Code"] in _BUSY_ERRORS:
        return CommitOutcome.BUSY
    return None


def query(
    client: Any, table: str, pk: str, *, between: tuple[str, str], consistent: bool = False
) -> Iterator[Item]:
    """Yield the items of the partition *pk* whose sort keys lie *between*."""
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


def counts_of(item: Mapping[str, Any]) -> Counts:
    """Return the counters among *item*'s attributes, by the attributes' names."""
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
        counts=counts_of(item),
    )


def quarters_of(days: Iterable[Mapping[str, Any]]) -> dict[str, Counts]:
    """Return what a campaign's *days* (items) hold, by quarter hour and in order."""
    found: dict[str, Counts] = {}
    for item in days:
        date = item[schema.SK].split("#")[1]
        for quarter, counter, amount in quarters_in(date, counts_of(item)):
            own = found.setdefault(quarter, {})
            own[counter] = own.get(counter, 0) + amount
    totals = {quarter: total_of([own]) for quarter, own in sorted(found.items())}
    return {quarter: own for quarter, own in totals.items() if own}
