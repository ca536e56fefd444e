"""
The messages table on the paths that run once per message: boto3, one request each.

Every write is conditional and names the states it may come from. Costs are in
write units (WU, 1 kB) and read units (RU): a lead's rows stay well under 1 kB.

    claim                    1 WU      record_*                 1 WU
    apply_receipt            1 WU      note_reply               1 WU
    record_inbound           4 WU, of a duplicate or a redelivery 1 WU and 1 RU more
    rows                     ~ 1 RU per 12 leads, strongly consistent
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.items import (
    cancellation_reasons,
    condition_failed,
    from_item,
    standing_item,
    to_item,
    to_value,
)
from carillon.domain.campaign import Run
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import Conflict
from carillon.domain.ids import lead_key, part_of
from carillon.domain.lead import LeadStatus, is_final, states_before
from carillon.domain.message import (
    TWIN_WINDOW,
    Accepted,
    Claim,
    LeadRow,
    Receipt,
    ReceiptOutcome,
    RecordedReply,
    Reply,
    RowRef,
    twin_mark,
)

_PARKED_FOR = timedelta(days=90)
# A queue may hold a twin back for as long as it keeps messages: four days.
_MARKED_FOR = timedelta(days=5)
_TRANSACTION_ATTEMPTS = 4


class DynamoMessages:
    """Implements ``ports.Leads`` and ``ports.Conversations`` over the messages table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    # Leads ------------------------------------------------------------------

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        """Return the rows of the part's leads and follow-ups by sort key, strongly consistent."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            FilterExpression="kind IN (:lead, :step)",
            ExpressionAttributeValues={
                ":pk": {"S": schema.part_pk(campaign_id, part)},
                ":lead": {"S": "lead"},
                ":step": {"S": "step"},
            },
            ConsistentRead=True,
        )
        found = (from_item(item) for page in pages for item in page["Items"])
        return {item["sk"]: _any_row(item) for item in found}

    def claim(self, claim: Claim) -> bool:
        """Take the lead durably before anything is sent; False when somebody else has it."""
        if claim.retry_of is None:
            return self._put_new({**_claimed(claim), "kind": "step" if claim.step else "lead"})
        return self._reclaim(claim)

    def release(self, claim: Claim) -> None:
        """Give an unused claim back: nothing was sent. Conflict when it is no longer ours."""
        if claim.retry_of is not None:
            # A retry goes back to waiting as it was: its attempt was not used, and whoever
            # has it in memory claims it again under the claim that it repeats.
            self._result(claim, _as_before(claim))
            return
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=_key(claim.ref),
                ConditionExpression="claim_id = :id AND #status = :claimed",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":id": {"S": claim.id},
                    ":claimed": {"S": LeadStatus.CLAIMED},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            # No row: only its holder takes it away, so it was us, and the answer was lost.
            if standing_item(error) is not None:
                raise _no_longer_ours() from error

    def record_submitted(self, claim: Claim, accepted: Accepted, now: datetime) -> None:
        """Note the acceptance; never overwrites a later state that a receipt brought."""
        try:
            self._result(
                claim,
                {
                    "status": LeadStatus.SUBMITTED,
                    "provider_id": accepted.provider_id,
                    "submitted_at": now,
                },
            )
        except Conflict:
            # A receipt was faster: it has set the state, the id and the time already.
            return

    def note_outbound(self, lead: RowRef, now: datetime) -> None:
        """Note that a further message went to *lead*: a reply answers what came last (I2)."""
        self._update(
            lead, {"last_outbound_at": now}, condition="attribute_exists(claim_id)", values={}
        )

    def record_failed(self, claim: Claim, code: str, now: datetime) -> None:
        """Note that the message was refused for good, under *code*."""
        self._result(claim, {"status": LeadStatus.FAILED, "error_code": code, "final_at": now})

    def record_suppressed(self, claim: Claim, now: datetime) -> None:
        """Note that the recipient had opted out: nothing was sent."""
        self._result(
            claim,
            {"status": LeadStatus.SUPPRESSED, "error_code": "opted_out", "final_at": now},
        )

    def record_retry(self, claim: Claim, code: str, due_at: datetime) -> None:
        """Note that nothing was sent and that it may be tried again from *due_at* on."""
        self._result(claim, {"status": LeadStatus.RETRYING, "error_code": code, "due_at": due_at})

    def defer(self, claim: Claim, code: str, due_at: datetime) -> None:
        """Note that it may go from *due_at* on; the attempt was not used."""
        before = {**_as_before(claim), "claim_id": claim.id}
        self._result(claim, {**before, "error_code": code, "due_at": due_at})

    def close_steps(self, lead: RowRef, *, reached_by_step: bool) -> None:
        """Note that no follow-up of *lead* is to come any more (M3); idempotent."""
        changes: dict[str, Any] = {"steps_left": 0}
        if reached_by_step:
            changes["reached_by_step"] = True
        self._update(lead, changes, condition="steps_left > :none", values={":none": 0})

    def record_unconfirmed(self, ref: RowRef, claim_id: str, now: datetime) -> None:
        """Close a lead of which no final word will come (F2, R4); stale calls change nothing."""
        self._update(
            ref,
            {"status": LeadStatus.UNCONFIRMED, "final_at": now},
            condition="claim_id = :id AND #status IN (:s0, :s1)",
            values={":id": claim_id, ":s0": LeadStatus.CLAIMED, ":s1": LeadStatus.SUBMITTED},
        )

    def apply_receipt(self, receipt: Receipt) -> ReceiptOutcome:
        """Apply a receipt where R1 lets it; duplicates and stale ones change nothing."""
        before = sorted(states_before(receipt.status))
        if not before:
            return ReceiptOutcome.IGNORED_STALE
        names: dict[str, Any] = {f":s{n}": state for n, state in enumerate(before)}
        condition = f"#status IN ({', '.join(names)})"
        changes: dict[str, Any] = {
            "status": receipt.status,
            "error_code": receipt.error_code,
            "final_at": receipt.received_at if is_final(receipt.status) else None,
            "cost_micros": receipt.cost_micros,
            "currency": receipt.currency or None,
        }
        if receipt.claim_id is not None:
            condition += " AND claim_id = :claim"
            names[":claim"] = receipt.claim_id
        if receipt.status is not LeadStatus.DELIVERED and receipt.provider_id:
            # A message that failed and is to be tried again is done with, unless it has
            # arrived after all: its receipts, said again, must not undo the next try.
            condition += " AND (attribute_not_exists(retried_id) OR retried_id <> :message)"
            names[":message"] = receipt.provider_id
        # A receipt can be faster than the sender's own note of the acceptance.
        first = {"provider_id": receipt.provider_id, "submitted_at": receipt.received_at}
        applied, standing = self._update(
            receipt.ref,
            changes,
            only_if_absent=first,
            condition=condition,
            values=names,
        )
        if applied:
            return ReceiptOutcome.APPLIED
        if not standing:
            return ReceiptOutcome.UNKNOWN_ROW
        if receipt.claim_id not in (None, standing.get("claim_id")):
            return ReceiptOutcome.SUPERSEDED
        return ReceiptOutcome.IGNORED_STALE

    def retry_after_receipt(self, receipt: Receipt, due_at: datetime, max_attempts: int) -> bool:
        """Let a failed message wait for another try at *due_at*, if it has tries left."""
        applied, _ = self._update(
            receipt.ref,
            {
                "status": LeadStatus.RETRYING,
                "error_code": receipt.error_code,
                "due_at": due_at,
                "retried_id": receipt.provider_id,
            },
            # A receipt can be faster than the sender's own note of the acceptance.
            only_if_absent={"submitted_at": receipt.received_at},
            condition="claim_id = :claim AND attempts < :most AND #status IN (:s0, :s1)"
            # An answer is tried again by its inbound message alone.
            " AND kind IN (:lead, :step)",
            values={
                ":claim": receipt.claim_id,
                ":most": max_attempts,
                ":s0": LeadStatus.CLAIMED,
                ":s1": LeadStatus.SUBMITTED,
                ":lead": "lead",
                ":step": "step",
            },
        )
        return applied

    def provider_ids(self, partitions: Iterable[str], key: str) -> frozenset[str]:
        """Return the providers' ids of all messages to *key*; a query of 0.5 RU a partition."""
        found: set[str] = set()
        for pk in partitions:
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :key)",
                ExpressionAttributeValues={":pk": {"S": pk}, ":key": {"S": key}},
                ProjectionExpression="provider_id",
            )
            items = (from_item(item) for page in pages for item in page["Items"])
            found.update(item["provider_id"] for item in items if "provider_id" in item)
        return frozenset(found)

    def statuses(self, refs: Sequence[RowRef]) -> dict[RowRef, LeadStatus]:
        """Return the status of each of *refs* that has a row; 0.5 RU each, so a little old."""
        found = self._get_many(list(refs))
        return {ref: LeadStatus(item["status"]) for ref, item in found if "status" in item}

    def park_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt whose row is not there (R2), for 90 days."""
        until = receipt.received_at + _PARKED_FOR
        self._client.put_item(
            TableName=self._table,
            Item=to_item(
                {
                    **_parked_key(receipt),
                    "kind": "parked",
                    "ref_pk": receipt.ref.pk,
                    "ref_sk": receipt.ref.sk,
                    "provider_id": receipt.provider_id,
                    "status": receipt.status,
                    "error_code": receipt.error_code,
                    "claim_id": receipt.claim_id,
                    "phone": receipt.phone or None,
                    "cost_micros": receipt.cost_micros,
                    "currency": receipt.currency or None,
                    "received_at": receipt.received_at,
                    schema.TTL: int(until.timestamp()),
                }
            ),
        )

    def parked_receipts(self) -> Iterator[Receipt]:
        """Yield the parked receipts."""
        for bucket in range(schema.PARKED_BUCKETS):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": schema.parked_pk(bucket)}},
            )
            for page in pages:
                yield from (_parked(from_item(item)) for item in page["Items"])

    def unpark_receipt(self, receipt: Receipt) -> None:
        """Drop a parked receipt that has found its row."""
        self._client.delete_item(TableName=self._table, Key=to_item(_parked_key(receipt)))

    # Conversations ----------------------------------------------------------

    def newest_lead(
        self, runs: list[Run], key: str, since: datetime, until: datetime | None = None
    ) -> tuple[Run, LeadRow] | None:
        """
        Return the lead of *key* most recently written to from *since* to *until*, over *runs*.

        One BatchGetItem per 100 campaigns of the number's last 35 days, 0.5 RU each.
        """
        by_ref = {run.lead_ref(key): run for run in runs if run.parts}
        newest: tuple[datetime, Run, LeadRow] | None = None
        for ref, item in self._get_many(list(by_ref)):
            row = _lead_row(item)
            at = row.written_by(until)
            if at is not None and at >= since and (newest is None or at > newest[0]):
                newest = (at, by_ref[ref], row)
        return newest and newest[1:]

    def record_inbound(
        self, ref: RowRef, reply: Reply, *, keyword: str, office_id: str
    ) -> RecordedReply:
        """
        Store the inbound message once, or as a duplicate; return how it stands.

        The row and the mark by which a twin is recognised are one transaction: a mark alone,
        after a crash, would make the twin a duplicate of nothing.
        """
        row: dict[str, Any] = {
            "pk": ref.pk,
            "sk": ref.sk,
            "kind": "inbound",
            "office_id": office_id,
            "sender_id": reply.sender_id,
            "phone": reply.phone,
            "body": reply.body,
            "provider_id": reply.provider_id,
            "received_at": reply.received_at,
            "keyword": keyword,
        }
        if reply.media_urls:
            row |= {"media_urls": list(reply.media_urls), "media": {}}
        mark = _twin_item(reply)
        if mark is not None and self._put_with_mark(row, mark):
            return RecordedReply(reply.received_at)
        twin = self._twin(mark, reply) if mark is not None else None
        if twin is not None:
            # Of another kind, which neither the counters nor a recount know.
            row |= {"kind": "duplicate", "duplicate_of": twin[0], "duplicate_at": twin[1]}
        return _recorded(self._put_or_standing(row) or row)

    def note_reply(self, lead: RowRef, at: datetime, *, opt_out_kind: str | None) -> None:
        """Mark the lead as having replied (first time only), and as opted out (first time only)."""
        first: dict[str, Any] = {"replied_at": at}
        if opt_out_kind is not None:
            first |= {"opted_out_at": at, "opt_out_kind": opt_out_kind}
        self._update(
            lead,
            {"last_inbound_at": at},
            only_if_absent=first,
            condition="attribute_exists(pk)",
            values={},
        )

    def note_opt_out(self, lead: RowRef, at: datetime, *, kind: str) -> None:
        """Mark the lead as opted out by other means than a reply (O3), if it is not already."""
        self._update(
            lead,
            {"opted_out_at": at, "opt_out_kind": kind},
            condition="attribute_exists(pk) AND attribute_not_exists(opted_out_at)",
            values={},
        )

    def claim_answer(self, claim: Claim, *, purpose: str, text: str = "") -> bool:
        """Take the right to send one answer, *text*; False when the row is there already."""
        row = {**_claimed(claim), "kind": "outbound", "author": "automatic", "purpose": purpose}
        return self._put_new({**row, **({"text": text} if text else {})})

    def answer(self, ref: RowRef) -> LeadRow | None:
        """Return the answer's row, strongly consistent."""
        answer = self._client.get_item(TableName=self._table, Key=_key(ref), ConsistentRead=True)
        return _lead_row(from_item(answer["Item"])) if "Item" in answer else None

    # Requests ---------------------------------------------------------------

    def _put_new(self, values: dict[str, Any]) -> bool:
        """Store a claim's new row; True also when it stands already, by an answer that was lost."""
        standing = self._put_or_standing(values)
        return standing is None or _is_claimed_by(standing, values["claim_id"])

    def _put_or_standing(self, values: dict[str, Any]) -> dict[str, Any] | None:
        """Store a new row and return None, or return the row that stands there already."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(values),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if condition_failed(error):
                return standing_item(error) or {}
            raise
        return None

    def _put_with_mark(self, row: dict[str, Any], mark: dict[str, Any]) -> bool:
        """Store a new inbound row and its mark, both or neither; False when one stands already."""
        oldest = from_iso(mark["received_at"]) - TWIN_WINDOW
        put_row = {
            "TableName": self._table,
            "Item": to_item(row),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        put_mark = {
            "TableName": self._table,
            "Item": to_item(mark),
            "ConditionExpression": "attribute_not_exists(pk) OR received_at < :oldest",
            "ExpressionAttributeValues": {":oldest": to_value(oldest)},
        }
        for attempt in range(_TRANSACTION_ATTEMPTS):
            try:
                self._client.transact_write_items(
                    TransactItems=[{"Put": put_row}, {"Put": put_mark}]
                )
            except ClientError as error:
                reasons = cancellation_reasons(error)
                if "ConditionalCheckFailed" in reasons:
                    return False
                is_last = attempt == _TRANSACTION_ATTEMPTS - 1
                if "TransactionConflict" not in reasons or is_last:
                    raise
                # The twin is being stored at this moment: its turn, then ours.
                time.sleep(0.05 * 2**attempt)
            else:
                return True
        raise AssertionError("unreachable")

    def _twin(self, mark: dict[str, Any], reply: Reply) -> tuple[str, str] | None:
        """Return provider id and time of the message that *reply* repeats, or None."""
        key = _key(RowRef(mark["pk"], mark["sk"]))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        first = from_item(answer.get("Item", {}))
        if first.get("provider_id") in (None, reply.provider_id):
            return None
        # Either way round: a queue does not keep the order.
        apart = abs(from_iso(first["received_at"]) - reply.received_at)
        is_near = apart <= TWIN_WINDOW
        return (first["provider_id"], first["received_at"]) if is_near else None

    def _reclaim(self, claim: Claim) -> bool:
        applied, standing = self._update(
            claim.ref,
            {
                name: value
                for name, value in _claimed(claim).items()
                if name not in ("pk", "sk", "phone", "office_id", "steps_left")
            },
            # The attempt before may have had one, a receipt names its own; and files, which an
            # edit took away.
            removes=("provider_id", *(() if claim.is_mms else ("mms",))),
            condition="claim_id = :before AND #status = :retrying",
            values={":before": claim.retry_of, ":retrying": LeadStatus.RETRYING},
        )
        return applied or _is_claimed_by(standing, claim.id)

    def _result(self, claim: Claim, changes: dict[str, Any]) -> None:
        """Write what became of *claim*; Conflict when the row is no longer this claim's."""
        applied, standing = self._update(
            claim.ref,
            changes,
            condition="claim_id = :id AND #status = :claimed",
            values={":id": claim.id, ":claimed": LeadStatus.CLAIMED},
        )
        # The same write again, after an answer that was lost, finds its own result.
        wanted = (changes.get("claim_id", claim.id), changes["status"])
        if not applied and (standing is None or _state(standing) != wanted):
            raise _no_longer_ours()

    def _update(
        self,
        ref: RowRef,
        changes: dict[str, Any],
        *,
        condition: str,
        values: dict[str, Any],
        only_if_absent: dict[str, Any] | None = None,
        removes: tuple[str, ...] = (),
    ) -> tuple[bool, dict[str, Any] | None]:
        """Return (True, None), or (False, the row as it stands or None) if *condition* failed."""
        names = {"#status": "status"} if "#status" in condition else {}
        sets = []
        typed = {name: to_value(value) for name, value in values.items()}
        for number, (name, value) in enumerate(
            pair for pair in changes.items() if pair[1] is not None
        ):
            names[f"#c{number}"] = name
            typed[f":c{number}"] = to_value(value)
            sets.append(f"#c{number} = :c{number}")
        for number, (name, value) in enumerate((only_if_absent or {}).items()):
            names[f"#f{number}"] = name
            typed[f":f{number}"] = to_value(value)
            sets.append(f"#f{number} = if_not_exists(#f{number}, :f{number})")
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(ref),
                UpdateExpression="SET "
                + ", ".join(sets)
                + (f" REMOVE {', '.join(removes)}" if removes else ""),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=typed,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if condition_failed(error):
                return False, standing_item(error)
            raise
        return True, None

    def _get_many(self, refs: list[RowRef]) -> Iterator[tuple[RowRef, dict[str, Any]]]:
        for start in range(0, len(refs), 100):
            wanted: dict[str, Any] = {
                self._table: {"Keys": [_key(ref) for ref in refs[start : start + 100]]}
            }
            for _, item in read_all(self._client, wanted):
                row = from_item(item)
                yield RowRef(row["pk"], row["sk"]), row


def _key(ref: RowRef) -> dict[str, Any]:
    return {"pk": {"S": ref.pk}, "sk": {"S": ref.sk}}


def _state(item: dict[str, Any]) -> tuple[str | None, str | None]:
    return item.get("claim_id"), item.get("status")


def _is_claimed_by(item: dict[str, Any] | None, claim_id: str) -> bool:
    return item is not None and _state(item) == (claim_id, LeadStatus.CLAIMED)


def _as_before(claim: Claim) -> dict[str, Any]:
    """Return what makes *claim*'s row wait as it did before the claim."""
    return {
        "status": LeadStatus.RETRYING,
        "claim_id": claim.retry_of,
        "attempts": claim.attempts - 1,
    }


def _claimed(claim: Claim) -> dict[str, Any]:
    optional = {
        "variant": claim.variant,
        "step": claim.step or None,
        "steps_left": claim.steps_left or None,
        "mms": claim.is_mms or None,
    }
    return {
        **{name: value for name, value in optional.items() if value is not None},
        "pk": claim.ref.pk,
        "sk": claim.ref.sk,
        "status": LeadStatus.CLAIMED,
        "claim_id": claim.id,
        "claimed_at": claim.claimed_at,
        "attempts": claim.attempts,
        "phone": claim.phone,
        "sender_id": claim.sender_id,
        "office_id": claim.office_id,
        "segments": claim.segments,
        "content_version": claim.content_version,
        "text_digest": claim.text_digest,
    }


def _any_row(item: dict[str, Any]) -> LeadRow:
    """
    Return *item* as a row; one that cannot be read as ``unconfirmed``.

    A row that no version of ours has written must not hold up its part (F8), and
    whether that lead was texted nobody can say: as with every such lead, it is not
    texted again.
    """
    try:
        return _lead_row(item)
    except (KeyError, TypeError, ValueError):
        return LeadRow(
            key=item["sk"],
            phone="",
            sender_id="",
            status=LeadStatus.UNCONFIRMED,
            claim_id="",
            claimed_at=datetime.min.replace(tzinfo=UTC),
            attempts=0,
            segments=0,
        )


def _lead_row(item: dict[str, Any]) -> LeadRow:
    def moment(name: str) -> datetime | None:
        return from_iso(item[name]) if name in item else None

    return LeadRow(
        key=item["sk"],
        phone=item["phone"],
        sender_id=item["sender_id"],
        status=LeadStatus(item["status"]),
        claim_id=item["claim_id"],
        claimed_at=from_iso(item["claimed_at"]),
        attempts=item["attempts"],
        segments=item["segments"],
        text_digest=item.get("text_digest", ""),
        due_at=moment("due_at"),
        provider_id=item.get("provider_id"),
        submitted_at=moment("submitted_at"),
        last_outbound_at=moment("last_outbound_at"),
        replied_at=moment("replied_at"),
        opted_out_at=moment("opted_out_at"),
        clicked_at=moment("clicked_at"),
        steps_left=item.get("steps_left", 0),
        variant=item.get("variant"),
    )


def _recorded(row: Mapping[str, Any]) -> RecordedReply:
    received_at, repeats_at = row["received_at"], row.get("duplicate_at")
    return RecordedReply(
        received_at if isinstance(received_at, datetime) else from_iso(received_at),
        row.get("duplicate_of"),
        from_iso(repeats_at) if repeats_at else None,
    )


def _twin_item(reply: Reply) -> dict[str, Any] | None:
    mark = twin_mark(reply)
    if mark is None:
        return None
    key = lead_key(reply.phone)
    return {
        # Never in a campaign's part: a row there that expires ends the part's recounts.
        "pk": schema.twins_pk(reply.sender_id, key),
        "sk": schema.twin_sk(key, mark),
        "kind": "twin",
        "provider_id": reply.provider_id,
        "received_at": to_iso(reply.received_at),
        schema.TTL: int((reply.received_at + _MARKED_FOR).timestamp()),
    }


def _parked_key(receipt: Receipt) -> dict[str, str]:
    # lead_key spreads any text evenly, not only phones.
    bucket = part_of(lead_key(receipt.provider_id), schema.PARKED_BUCKETS)
    return {"pk": schema.parked_pk(bucket), "sk": f"{receipt.provider_id}#{receipt.status}"}


def _parked(item: dict[str, Any]) -> Receipt:
    return Receipt(
        ref=RowRef(item["ref_pk"], item["ref_sk"]),
        provider_id=item["provider_id"],
        status=LeadStatus(item["status"]),
        received_at=from_iso(item["received_at"]),
        error_code=item.get("error_code"),
        claim_id=item.get("claim_id"),
        phone=item.get("phone", ""),
        cost_micros=item.get("cost_micros"),
        currency=item.get("currency", ""),
    )


def _no_longer_ours() -> Conflict:
    return Conflict("The claim is no longer ours.", code="claim_lost")
