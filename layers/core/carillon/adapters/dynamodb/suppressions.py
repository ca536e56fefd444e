"""
Who must not be texted, ordered by event time: an older event never overrides a newer.

What a person says is written to the ledger in the same transaction as the suppression
(O6), so that neither stands without the other. An event that decides nothing, because a
newer one stands or because it says the same again, goes into the ledger all the same.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.consent import (
    OPTED_OUT,
    entry_item,
    entry_key,
    listed_item,
    status_of,
)
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.items import condition_failed, from_item, to_item
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.message import KeptEntry, RowRef, Suppression, told_in

_ATTEMPTS = 5
_FIRST_WAIT_S = 0.05
_CONDITION_FAILED = "ConditionalCheckFailed"
# An attribute for each list that does not let go of the phone; gone with the next event.
_KEPT = "kept#"

Action = dict[str, Any]
Condition = tuple[str, dict[str, Any]]


_KEYS_PER_REQUEST = 100


class DynamoSuppressions:
    """
    Implements ``ports.Suppressions``; the phone is the key.

    A change costs some 8 WU (three items in one transaction, and an index): opt-outs are
    rare, and a second write could be lost. *now* is when an event counts as recorded.
    With *marks*, what is read knows erased people as opted out (C6), for 1 RU more; whoever
    only writes, or has the gate behind them, does without.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        consent_table: str,
        now: Callable[[], datetime],
        marks: ErasureMarks | None = None,
    ) -> None:
        self._marks = marks
        self._client = client
        self._table = table
        self._consent_table = consent_table
        self._now = now

    def opt_out(self, wanted: Suppression) -> Suppression:
        """
        Commit an opt-out unless a newer opt-in stands; return what stands now.

        Somebody already out stays out by the first cause: the second STOP is
        not a second opt-out. At the same instant STOP beats START.
        """
        return self._commit(wanted, "#status = :other AND event_at <= :at")

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        return self._commit(wanted, "#status = :other AND event_at < :at")

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        answer = self._client.get_item(
            TableName=self._table, Key={"pk": {"S": phone}}, ConsistentRead=True
        )
        standing = _suppression(from_item(answer["Item"])) if "Item" in answer else None
        if self._marks is None:
            return standing
        mark = self._marks.mark(phone)
        answer = self._client.get_item(
            TableName=self._table, Key={"pk": {"S": mark}}, ConsistentRead=True
        )
        return _newer(phone, standing, from_item(answer.get("Item", {})))

    def standing_of(self, phones: Sequence[str]) -> dict[str, Suppression]:
        """Return where those of *phones* stand of which we know; it may be a little old."""
        distinct = list(dict.fromkeys(phones))
        marks = {} if self._marks is None else {self._marks.mark(one): one for one in distinct}
        items: dict[str, dict[str, Any]] = {}
        wanted_keys = [*distinct, *marks]
        for start in range(0, len(wanted_keys), _KEYS_PER_REQUEST):
            keys = [{"pk": {"S": pk}} for pk in wanted_keys[start : start + _KEYS_PER_REQUEST]]
            wanted: dict[str, Any] = {self._table: {"Keys": keys}}
            for _, typed in read_all(self._client, wanted):
                item = from_item(typed)
                items[item["pk"]] = item
        found = {pk: _suppression(item) for pk, item in items.items() if pk not in marks}
        for mark, phone in marks.items():
            standing = _newer(phone, found.get(phone), items.get(mark, {}))
            if standing is not None:
                found[phone] = standing
        return found

    def opted_out_after(
        self, cursor: str | None, rows: int
    ) -> tuple[list[Suppression], str | None]:
        """Return opt-outs behind *cursor*, having looked at *rows* rows, and the next cursor."""
        behind = {} if cursor is None else {"ExclusiveStartKey": {"pk": {"S": cursor}}}
        answer = self._client.scan(
            TableName=self._table,
            FilterExpression="#status = :out",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":out": {"S": OPTED_OUT}},
            Limit=rows,
            **behind,
        )
        ours = [_suppression(from_item(item)) for item in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        return ours, last["pk"]["S"] if last else None

    def enter(self, standing: Suppression) -> bool:
        """Enter into ledger and list the event by which *standing* stands; see the port."""
        recorded_at = standing.committed_at or standing.event_at
        as_it_stands = {"Put": self._suppressed(standing, _still(standing))}
        reasons = self._transact(
            as_it_stands, self._entry(standing, recorded_at), self._listed(standing, recorded_at)
        )
        return reasons is None

    def note_kept(self, standing: Suppression, kept: KeptEntry) -> None:
        """Keep *kept* beside *standing*, while that stands: the last word of its list."""
        condition, values = _still(standing)
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": standing.phone}},
                UpdateExpression="SET #kept = :kept",
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status", "#kept": _KEPT + kept.list},
                ExpressionAttributeValues=to_item({**values, ":kept": _kept_value(kept)}),
            )
        except ClientError as error:
            # Something newer stands: of that nobody has asked the list yet.
            if not condition_failed(error):
                raise

    def note_thread(self, said: Suppression, row: RowRef) -> None:
        """Add to the ledger's entry of *said* to which conversation *row* it belongs, once."""
        told = told_in(row)
        known = {":conversation": told.conversation, ":campaign": told.campaign_id}
        change = "SET conversation = :conversation"
        try:
            self._client.update_item(
                TableName=self._consent_table,
                Key=to_item(entry_key(said)),
                UpdateExpression=change + (", campaign_id = :campaign" if told.campaign_id else ""),
                ConditionExpression="attribute_exists(pk) AND attribute_not_exists(conversation)",
                ExpressionAttributeValues=to_item(known),
            )
        except ClientError as error:
            if not condition_failed(error):
                raise

    def _commit(self, wanted: Suppression, may_replace: str) -> Suppression:
        # As it is stored, so that an event finds itself again.
        wanted = replace(
            wanted,
            event_at=from_iso(to_iso(wanted.event_at)),
            committed_at=wanted.committed_at and from_iso(to_iso(wanted.committed_at)),
        )
        condition = f"attribute_not_exists(pk) OR ({may_replace})"
        values = {":other": status_of(not wanted.opted_out), ":at": wanted.event_at}
        while True:
            standing = self._put(
                wanted, (condition, values), self._entry(wanted), self._listed(wanted)
            )
            if standing is None:
                return wanted
            if standing.opted_out is not wanted.opted_out or standing.event_at >= wanted.event_at:
                self._keep(wanted, standing)
                return standing
            # The same consent, said again later: its time moves on, or an event from in
            # between that arrives late would override it.
            again = replace(standing, event_at=wanted.event_at)
            if self._put(again, _still(standing), self._entry(wanted)) is None:
                return again
            # Another event came in between: look anew.

    def _keep(self, said: Suppression, standing: Suppression) -> None:
        """Put into the ledger an event that changes nothing, unless it is there already."""
        if (standing.cause, standing.opted_out) != (said.cause, said.opted_out):
            self._transact(self._entry(said))
            return
        # It stands by this very event: when that was written without the ledger, complete it.
        as_it_stands = {"Put": self._suppressed(standing, _still(standing))}
        self._transact(as_it_stands, self._entry(said), self._listed(said))

    def _put(self, wanted: Suppression, only_if: Condition, *changes: Action) -> Suppression | None:
        """Write *wanted* and *changes* if *only_if* holds and return None; else what stands."""
        put = self._suppressed(wanted, only_if)
        try:
            reasons = self._transact({"Put": put}, *changes)
        except ClientError:
            # Nothing that is wrong with the ledger may keep somebody from being opted out
            # (F3). Raised all the same: whoever tries again completes the ledger (``_keep``).
            if wanted.opted_out:
                self._client.put_item(**put)
            raise
        if reasons is None:
            return None
        if reasons[0].get("Code") != _CONDITION_FAILED:
            # The ledger is ahead of the suppressions, as after a restore: its entry stands.
            return self._put(wanted, only_if, *changes[1:])
        found = reasons[0].get("Item")
        standing = _suppression(from_item(found)) if found else self.of(wanted.phone)
        if standing is None:
            raise RuntimeError("a condition failed on a suppression that is not there")
        return standing

    def _suppressed(self, wanted: Suppression, only_if: Condition) -> Action:
        condition, values = only_if
        return {
            "TableName": self._table,
            "Item": to_item(
                {
                    "pk": wanted.phone,
                    "status": status_of(wanted.opted_out),
                    "event_at": wanted.event_at,
                    "source": wanted.source,
                    "cause": wanted.cause,
                    "committed_at": wanted.committed_at,
                    **{_KEPT + kept.list: _kept_value(kept) for kept in wanted.kept_by},
                }
            ),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": to_item(values),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _entry(self, said: Suppression, recorded_at: datetime | None = None) -> Action:
        item = entry_item(said, recorded_at or self._now())
        put = {"TableName": self._consent_table, "Item": item}
        # The ledger is never rewritten.
        return {"Put": {**put, "ConditionExpression": "attribute_not_exists(pk)"}}

    def _listed(self, said: Suppression, recorded_at: datetime | None = None) -> Action:
        item = listed_item(said, recorded_at or self._now())
        return {"Put": {"TableName": self._consent_table, "Item": item}}

    def _transact(self, *actions: Action) -> list[dict[str, Any]] | None:
        """Write *actions*, all or nothing: None, or why not when a condition does not hold."""
        for attempt in range(_ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=list(actions))
            except ClientError as error:
                reasons = error.response.get("CancellationReasons", [])
                codes = {reason.get("Code") for reason in reasons}
                if _CONDITION_FAILED in codes:
                    return list(reasons)
                is_last = attempt == _ATTEMPTS - 1
                if "TransactionConflict" not in codes or is_last:
                    raise
                # Another event of the same phone is being written: its turn, then ours.
                time.sleep(_FIRST_WAIT_S * 2**attempt)
            else:
                return None
        raise AssertionError("unreachable")


def _still(standing: Suppression) -> Condition:
    """Return the condition that nothing has changed since *standing* was read."""
    values = {":status": status_of(standing.opted_out), ":at": standing.event_at}
    return "#status = :status AND event_at = :at", values


def _newer(phone: str, standing: Suppression | None, erased: dict[str, Any]) -> Suppression | None:
    """Return where *phone* stands, given its own item and that of its mark."""
    if not erased or (standing is not None and standing.opted_out):
        return standing
    at = from_iso(erased["event_at"])
    if standing is not None and standing.event_at > at:
        return standing
    return Suppression(
        phone=phone, opted_out=True, event_at=at, source="erasure", cause=erased["cause"]
    )


def _suppression(item: dict[str, Any]) -> Suppression:
    return Suppression(
        phone=item["pk"],
        opted_out=item["status"] == OPTED_OUT,
        event_at=from_iso(item["event_at"]),
        source=item["source"],
        cause=item["cause"],
        committed_at=_moment(item.get("committed_at")),
        kept_by=tuple(
            _kept_entry(name.removeprefix(_KEPT), value)
            for name, value in sorted(item.items())
            if name.startswith(_KEPT)
        ),
    )


def _kept_value(kept: KeptEntry) -> dict[str, Any]:
    return {"since": to_iso(kept.since), "tries": kept.tries, "retry_at": to_iso(kept.retry_at)}


def _kept_entry(name: str, value: dict[str, Any]) -> KeptEntry:
    return KeptEntry(
        list=name,
        since=from_iso(value["since"]),
        tries=value["tries"],
        retry_at=from_iso(value["retry_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return from_iso(text) if text else None
