"""
Contacts, imports and audience planning over the contacts and control tables (boto3).

    add               1 WU a contact (up to 1 kB), also when its phone stands already
    between           1 RU per 4 kB, strongly consistent: a launch right after an import
                      must see every contact
    advance_import    4 WU a chunk: the import and its list in one transaction
    save_plan         2 WU a part (one item and its index)
    activate          one transaction: the campaign and a run per sender
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.campaign_places import moved_places
from carillon.adapters.dynamodb.campaign_texts import approval_text, candidates_text, content_text
from carillon.adapters.dynamodb.control import campaign_of_item
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks, is_out
from carillon.adapters.dynamodb.items import (
    cancellation_reasons,
    condition_failed,
    from_item,
    standing_item,
    to_item,
)
from carillon.domain.approval import voided
from carillon.domain.audience import AudiencePlan
from carillon.domain.audit import PLATFORM
from carillon.domain.campaign import (
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    Run,
    state_after,
    states_allowing,
)
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.contacts import (
    Contact,
    ContactList,
    ImportJob,
    ImportStatus,
    Outcome,
    Tally,
)
from carillon.domain.csv_rows import CsvFormat, Position
from carillon.domain.errors import NotFound
from carillon.domain.ids import part_of, part_range
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.segments_filter import filter_of
from carillon.domain.short_links import campaign_code

# More connections than this gain nothing on a function of one core.
WRITERS = 8
_BATCH_GET_KEYS = 100
_TRANSACTION_ATTEMPTS = 5
# A list that was divided for far more than came has many shards with little in them.
_QUERIES_PER_PAGE = 40


class DynamoContacts:
    """Implements ``ports.Contacts`` over the contacts table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="contacts")

    def add(self, list_id: str, shards: int, contacts: Sequence[Contact]) -> list[tuple[str, int]]:
        """Store each contact unless its phone stands; return whose (import id, line) stands."""
        writes = [self._writers.submit(self._add_one, list_id, shards, one) for one in contacts]
        # All of them end before any error leaves: a write must not outlive its invocation.
        wait(writes)
        return [write.result() for write in writes]

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        """Yield by lead key the contacts whose key starts with *first* to *last* (inclusive)."""
        for shard in range(part_of(first, shards), part_of(last, shards) + 1):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues=to_item(
                    # '~' sorts after every hex digit.
                    {":pk": schema.shard_pk(list_id, shard), ":first": first, ":last": f"{last}~"}
                ),
                ConsistentRead=True,
            )
            for page in pages:
                yield from (_contact(from_item(item)) for item in page["Items"])

    def one(self, list_id: str, shards: int, key: str) -> Contact | None:
        """Return the contact with the lead *key*."""
        if not shards:
            return None
        place = {"pk": schema.contact_pk(list_id, key, shards), "sk": key}
        answer = self._client.get_item(TableName=self._table, Key=to_item(place))
        return _contact(from_item(answer["Item"])) if "Item" in answer else None

    def page(
        self, list_id: str, shards: int, after: str, rows: int
    ) -> tuple[list[Contact], str | None]:
        """Return at most *rows* contacts behind the key *after*, and where to go on."""
        found: list[Contact] = []
        shard = part_of(after, shards) if after and shards else 0
        for _ in range(_QUERIES_PER_PAGE):
            if shard >= shards:
                return found, None
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk > :after",
                ExpressionAttributeValues=to_item(
                    {":pk": schema.shard_pk(list_id, shard), ":after": after or " "}
                ),
                Limit=rows - len(found),
            )
            found += [_contact(from_item(item)) for item in answer["Items"]]
            if "LastEvaluatedKey" in answer:
                after = str(answer["LastEvaluatedKey"]["sk"]["S"])
            else:
                shard += 1
                # Sorts before every key of the next shard, and behind all of this one.
                after = part_range(shard, shards)[0] if shard < shards else after
            if len(found) == rows:
                break
        return found, after if shard < shards else None

    def _add_one(self, list_id: str, shards: int, contact: Contact) -> tuple[str, int]:
        key = {"pk": schema.contact_pk(list_id, contact.key, shards), "sk": contact.key}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({**key, **vars(contact), "fields": dict(contact.fields)}),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = standing_item(error) or self._read(key)
            return standing["import_id"], standing["line"]
        return contact.import_id, contact.line

    def _read(self, key: Mapping[str, str]) -> dict[str, Any]:
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        return from_item(answer["Item"])


def _contact(item: Mapping[str, Any]) -> Contact:
    return Contact(
        phone=item["phone"],
        first_name=item.get("first_name", ""),
        last_name=item.get("last_name", ""),
        fields=item.get("fields", {}),
        line=item["line"],
        import_id=item["import_id"],
        created_at=from_iso(item["created_at"]),
    )


class DynamoOptOutLookup:
    """Implements ``ports.OptOutLookup`` over the suppressions table; 1 RU a phone."""

    def __init__(self, client: Any, table: str, marks: ErasureMarks) -> None:
        self._client = client
        self._table = table
        self._marks = marks

    def opted_out_among(self, phones: Sequence[str]) -> set[str]:
        """Return those of *phones* that are opted out just now."""
        found: set[str] = set()
        # Two keys for each: the phone's, and that which an erasure leaves (C6).
        each = _BATCH_GET_KEYS // 2
        for start in range(0, len(phones), each):
            found |= self._batch(phones[start : start + each])
        return found

    def _batch(self, phones: Sequence[str]) -> set[str]:
        marks = {phone: self._marks.mark(phone) for phone in phones}
        wanted: dict[str, Any] = {
            self._table: {
                "Keys": [to_item({"pk": pk}) for pair in marks.items() for pk in pair],
                "ProjectionExpression": "pk, #status, event_at",
                "ExpressionAttributeNames": {"#status": "status"},
            }
        }
        items = (from_item(item) for _, item in read_all(self._client, wanted))
        found = {item["pk"]: item for item in items}
        return {
            phone
            for phone, mark in marks.items()
            if is_out(found.get(phone, {}), found.get(mark, {}))
        }


class _Control:
    """Conditional writes to the control table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def _get(self, pk: str, sk: str, what: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NotFound(f"There is no such {what}.", code=f"{what}_not_found")
        return from_item(answer["Item"])

    def _update(self, change: Mapping[str, Any]) -> bool:
        """Send one update; False when its condition does not hold."""
        try:
            self._client.update_item(**change)
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def _transact(self, changes: Sequence[Mapping[str, Any]]) -> bool:
        """Write *changes*, all or nothing; False when a condition does not hold."""
        for attempt in range(_TRANSACTION_ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=list(changes))
            except ClientError as error:
                reasons = cancellation_reasons(error)
                if "ConditionalCheckFailed" in reasons:
                    return False
                is_last = attempt == _TRANSACTION_ATTEMPTS - 1
                if "TransactionConflict" not in reasons or is_last:
                    raise
                # Another import is adding to the same list's count: its turn, then ours.
                time.sleep(0.05 * 2**attempt)
            else:
                return True
        raise AssertionError("unreachable")

    def _change(
        self,
        key: tuple[str, str],
        *,
        put: Mapping[str, Any],
        expect: Mapping[str, Any],
        add: Mapping[str, int],
    ) -> dict[str, Any]:
        """
        Return an update request that sets *put* (None removes) and adds *add*.

        Its condition: the item exists and equals *expect*; absent is as good as 0.
        """
        names = {f"#{name}": name for name in (*put, *expect, *add)}
        sets = [f"#{name} = :p_{name}" for name, value in put.items() if value is not None]
        removes = [f"#{name}" for name, value in put.items() if value is None]
        adds = [f"#{name} :a_{name}" for name in add]
        clauses = (("SET ", sets), ("REMOVE ", removes), ("ADD ", adds))
        return {
            "TableName": self._table,
            "Key": to_item({"pk": key[0], "sk": key[1]}),
            "UpdateExpression": " ".join(w + ", ".join(parts) for w, parts in clauses if parts),
            "ConditionExpression": " AND ".join(["attribute_exists(pk)", *_conditions(expect)]),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(
                {f":p_{name}": value for name, value in put.items()}
                | {f":a_{name}": value for name, value in add.items()}
                | {f":e_{name}": value for name, value in expect.items()}
            ),
        }


def _conditions(expect: Mapping[str, Any]) -> Iterator[str]:
    for name, value in expect.items():
        equal = f"#{name} = :e_{name}"
        yield f"({equal} OR attribute_not_exists(#{name}))" if value == 0 else equal


class DynamoImportDirectory(_Control):
    """Implements ``ports.ImportDirectory`` and ``SegmentDirectory`` over the control table."""

    def contact_list(self, list_id: str) -> ContactList:
        """Return the list; raises NotFound."""
        item = self._get(*_list_key(list_id), "list")
        return ContactList(
            id=item["id"],
            name=item["name"],
            default_country=item["default_country"],
            shards=item.get("shards", 0),
            contacts=item.get("contacts", 0),
        )

    def segment(self, segment_id: str) -> AudienceSegment:
        """Return the segment; raises NotFound."""
        item = self._get(schema.segment_pk(segment_id), "SEG", "segment")
        return AudienceSegment(item["id"], tuple(item["list_ids"]), filter_of(item["filter"]))

    def contact_import(self, list_id: str, import_id: str) -> ImportJob:
        """Return the import; raises NotFound."""
        return _job(self._get(schema.list_pk(list_id), schema.import_sk(import_id), "import"))

    def has_running_import(self, list_id: str) -> bool:
        """Whether an import is writing into the list just now."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :imports)",
            FilterExpression="#status = :running",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item(
                {
                    ":pk": schema.list_pk(list_id),
                    ":imports": schema.import_sk(""),
                    ":running": ImportStatus.RUNNING,
                }
            ),
            ConsistentRead=True,
        )
        return any(page["Items"] for page in pages)

    def fix_shards(self, list_id: str, shards: int) -> None:
        """Divide the list into *shards*, unless it is divided already."""
        self._update(
            self._change(_list_key(list_id), put={"shards": shards}, expect={"shards": 0}, add={})
        )

    def advance_import(self, before: ImportJob, after: ImportJob) -> bool:
        """Replace *before* by *after* and add what was stored to the list's count; see the port."""
        change = self._change(
            (schema.list_pk(before.list_id), schema.import_sk(before.id)),
            put=_progress(after),
            expect={"status": before.status, "offset": before.position.offset},
            add={},
        )
        stored = after.tally.stored - before.tally.stored
        if not stored:
            return self._update(change)
        count = self._change(_list_key(before.list_id), put={}, expect={}, add={"contacts": stored})
        return self._transact([{"Update": change}, {"Update": count}])


def _list_key(list_id: str) -> tuple[str, str]:
    return schema.list_pk(list_id), "LST"


def _progress(job: ImportJob) -> dict[str, Any]:
    return {
        "status": job.status,
        "offset": job.position.offset,
        "line": job.position.line,
        "encoding": job.format and job.format.encoding,
        "separator": job.format and job.format.separator,
        "headers": list(job.headers),
        "mapping": dict(job.mapping),
        "size": job.size,
        "rows": job.tally.rows,
        **{outcome: job.tally[outcome] for outcome in Outcome},
        "invalid_reasons": dict(job.tally.reasons),
        "rejected_objects": job.rejected_objects,
        "rejected_key": job.rejected_key,
        "error_code": job.error_code,
        "error": job.error,
    }


def _job(item: Mapping[str, Any]) -> ImportJob:
    encoding = item.get("encoding")
    return ImportJob(
        id=item["id"],
        list_id=item["list_id"],
        status=ImportStatus(item["status"]),
        object_key=item["object_key"],
        mapping=item.get("mapping") or {},
        position=Position(item.get("offset", 0), item.get("line", 1)),
        format=CsvFormat(encoding, item["separator"]) if encoding else None,
        headers=tuple(item.get("headers", ())),
        size=item.get("size", 0),
        tally=Tally(
            {outcome: item[outcome] for outcome in Outcome if item.get(outcome)},
            item.get("invalid_reasons", {}),
        ),
        rejected_objects=item.get("rejected_objects", 0),
        rejected_key=item.get("rejected_key"),
        error_code=item.get("error_code"),
        error=item.get("error"),
    )


class DynamoCampaignPlans(_Control):
    """Implements ``ports.CampaignPlans`` over the control table."""

    def planning(self, campaign_id: str) -> tuple[Campaign, AudiencePlan | None]:
        """Return the campaign and, once launched, its plan, consistently; raises NotFound."""
        item = self._get(*_campaign_key(campaign_id), "campaign")
        campaign = campaign_of_item(item)
        return campaign, _plan(item, campaign)

    def save_plan(self, before: AudiencePlan, after: AudiencePlan, now: datetime) -> bool:
        """Replace the plan; False when the launch or the cursor is no longer *before*'s."""
        return self._update(
            self._change(
                _campaign_key(before.campaign_id),
                put={
                    "parts": after.parts,
                    "planned_parts": after.planned_parts,
                    "total": after.total,
                    "audience_plan": {
                        "by_list": dict(after.by_list),
                        "duplicates": after.duplicates,
                        "excluded": after.excluded,
                        "segments": _segments_text(after.segments),
                    },
                    "updated_at": now,
                },
                expect=_cursor(before),
                add={},
            )
        )

    def activate(
        self, campaign: Campaign, plan: AudiencePlan, runs: Sequence[Run], now: datetime
    ) -> bool:
        """Move processing -> active and store *runs*, all or nothing; False when it moved on."""
        change = self._change(
            _campaign_key(campaign.id),
            # With its end, which the agenda goes by from now on.
            put={
                **_moved(Action.ACTIVATE, campaign, now, ends_at=campaign.ends_at),
                "audience_plan": None,
                "link_key": campaign.link_key or None,
            },
            expect=_cursor(plan),
            add={"version": 1},
        )
        items = [*(_run_item(run, now) for run in runs), _text_item(campaign, now)]
        puts = [{"Put": {"TableName": self._table, "Item": item}} for item in items]
        return self._transact([{"Update": change}, {"Update": self._findable(campaign)}, *puts])

    def _findable(self, campaign: Campaign) -> dict[str, Any]:
        """Return the update by which the campaign's short links find it; idempotent (M6)."""
        code = campaign_code(campaign.id)
        return {
            "TableName": self._table,
            "Key": to_item({"pk": schema.link_pk(code), "sk": schema.LINK}),
            "UpdateExpression": "ADD campaigns :campaign",
            "ExpressionAttributeValues": {":campaign": {"SS": [campaign.id]}},
        }

    def reject(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        """Move this launch's processing -> draft with *problem*; False when it moved on."""
        return self._update(
            self._change(
                _campaign_key(campaign.id),
                put={
                    **_moved(
                        Action.REJECT_LAUNCH, campaign, now, launched_at=None, schedule_at=None
                    ),
                    "launch_error": problem,
                    "audience_plan": None,
                    **_NOT_PLANNED,
                },
                expect={"status": campaign.status, "launched_at": campaign.launched_at},
                add={"version": 1},
            )
        )

    def due(self, now: datetime) -> Iterator[Campaign]:
        """Yield the scheduled campaigns whose time has come."""
        for campaign in self._on_the_agenda(now):
            due_at = campaign.schedule_at
            is_scheduled = campaign.status is CampaignStatus.SCHEDULED
            if is_scheduled and due_at is not None and due_at <= now:
                yield campaign

    def launch(self, campaign: Campaign, now: datetime) -> bool:
        """Move scheduled -> processing; False when it has changed since it was read."""
        return self._update(
            self._change(
                _campaign_key(campaign.id),
                put={
                    **_moved(Action.LAUNCH, campaign, now, launched_at=now),
                    "launch_error": None,
                    **_NOT_PLANNED,
                },
                expect=_as_seen(campaign),
                add={"version": 1},
            )
        )

    def hold(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        """
        Move scheduled -> draft with *problem*; False when it has changed since it was read.

        Its approval was for the date that is gone (K18).
        """
        approval = voided(campaign.approval, PLATFORM, now)
        return self._update(
            self._change(
                _campaign_key(campaign.id),
                put={
                    **_moved(Action.UNSCHEDULE, campaign, now, schedule_at=None),
                    "local_at": None,
                    "recurrence": None,
                    "launch_error": problem,
                    "approval": approval and approval_text(approval),
                },
                expect=_as_seen(campaign),
                add={"version": 1},
            )
        )

    def over(self, now: datetime) -> Iterator[Campaign]:
        """Yield the active and paused campaigns whose end has come."""
        for campaign in self._on_the_agenda(now):
            if campaign.status in states_allowing(Action.END) and campaign.is_over(now):
                yield campaign

    def end(self, campaign: Campaign, now: datetime) -> bool:
        """Move active or paused -> finished; False when it, or its end, has changed."""
        return self._update(
            self._change(
                _campaign_key(campaign.id),
                put={
                    **_moved(Action.END, campaign, now),
                    "finished_at": now,
                    "hold_reason": HoldReason.NONE,
                    "hold_until": None,
                },
                expect={"status": campaign.status, "ends_at": campaign.ends_at},
                add={"version": 1},
            )
        )

    def processing_since(self, moment: datetime) -> Iterator[str]:
        """Yield ids of processing campaigns that nobody has touched since *moment*."""
        for campaign in self._on_the_agenda(moment):
            is_processing = campaign.status is CampaignStatus.PROCESSING
            if is_processing and campaign.updated_at < moment:
                yield campaign.id

    def _on_the_agenda(self, until: datetime) -> Iterator[Campaign]:
        """Yield, strongly consistent, the campaigns that the agenda names up to *until*."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=schema.BY_AGENDA,
            KeyConditionExpression="agenda = :agenda AND agenda_at <= :until",
            ExpressionAttributeValues=to_item(
                {":agenda": schema.THE_AGENDA, ":until": to_iso(until)}
            ),
        )
        for page in pages:
            for item in page["Items"]:
                key = from_item(item)
                # The index is a moment behind, and names no more than the key.
                found = self._client.get_item(
                    TableName=self._table,
                    Key=to_item({"pk": key["pk"], "sk": key["sk"]}),
                    ConsistentRead=True,
                )
                if "Item" in found:
                    yield campaign_of_item(from_item(found["Item"]))


_NOT_PLANNED = {"parts": 0, "planned_parts": 0, "total": 0}


def _campaign_key(campaign_id: str) -> tuple[str, str]:
    return schema.campaign_pk(campaign_id), "CMP"


def _plan(item: Mapping[str, Any], campaign: Campaign) -> AudiencePlan | None:
    if campaign.launched_at is None:
        return None
    left_out = item.get("audience_plan", {})
    return AudiencePlan(
        campaign_id=campaign.id,
        frozen_at=campaign.launched_at,
        parts=campaign.parts,
        planned_parts=campaign.planned_parts,
        total=campaign.total,
        by_list=left_out.get("by_list", {}),
        duplicates=left_out.get("duplicates", 0),
        excluded=left_out.get("excluded", 0),
        segments=_segments_of(left_out.get("segments")),
    )


def _segments_text(segments: Sequence[AudienceSegment]) -> str:
    return json.dumps([one.as_json() for one in segments], separators=(",", ":"))


def _segments_of(text: str | None) -> tuple[AudienceSegment, ...]:
    return tuple(AudienceSegment.of_json(one) for one in json.loads(text or "[]"))


def _cursor(plan: AudiencePlan) -> dict[str, Any]:
    """What must still stand for *plan* to be the plan of this launch."""
    return {
        "status": CampaignStatus.PROCESSING,
        "launched_at": to_iso(plan.frozen_at),
        "parts": plan.parts,
        "planned_parts": plan.planned_parts,
    }


def _as_seen(campaign: Campaign) -> dict[str, Any]:
    # The index is a moment behind: what has been edited since, or approved, is read again.
    return {
        "status": campaign.status,
        "schedule_at": campaign.schedule_at,
        "version": campaign.version,
    }


def _moved(action: Action, campaign: Campaign, now: datetime, **changes: Any) -> dict[str, Any]:
    """What *action* writes, with *changes*; Conflict when K4 has no such transition."""
    changes = {"status": state_after(campaign.status, action), "updated_at": now, **changes}
    after = replace(campaign, **changes)
    return {
        **changes,
        schema.GSI1_PK: schema.tab_pk(after.tab),
        **moved_places(after, changes),
    }


def _text_item(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Return what the campaign says from now on: it is sent at a later version than this."""
    return to_item(
        {
            "pk": schema.campaign_pk(campaign.id),
            "sk": schema.text_sk(campaign.version),
            "id": campaign.id,
            "created_at": now,
            "content": content_text(campaign.content),
        }
    )


def _run_item(run: Run, now: datetime) -> dict[str, Any]:
    key = {"pk": schema.sender_pk(run.sender_id), "sk": schema.run_sk(run.campaign_id)}
    candidates = candidates_text(run.candidates)
    return to_item({**key, **vars(run), "candidates": candidates, "created_at": now})
