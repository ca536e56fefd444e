"""
The control table as the sending functions see it: senders, campaigns, runs, leases, watches.

boto3, because these functions never load pynamodb. Every state change is
conditional and names the states it may come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.campaign_texts import (
    candidates_from_text,
    follow_ups_from_text,
    hours_from_text,
    links_from_text,
    policy_from_text,
    unsolicited_from_text,
    variants_from_text,
)
from carillon.adapters.dynamodb.items import (
    condition_failed,
    from_item,
    to_item,
    to_value,
)
from carillon.domain.campaign import (
    TRANSITIONS,
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    Run,
    Sender,
    states_allowing,
    tab_of,
)
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import NotFound
from carillon.domain.message import GateView, Lease, RowRef, Watch
from carillon.domain.organisation import OrganisationPolicy

# A settled run stays this long, so that a late reply still finds its campaign (I2: 30 days).
_RUN_KEPT_FOR = timedelta(days=35)
_WATCHES_PER_PASS = 50
_KEYS_PER_REQUEST = 100


class DynamoDirectory:
    """Implements ``ports.SendingDirectory``, ``ports.Leases`` and ``ports.Watches``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    # Senders and campaigns --------------------------------------------------

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        return _sender(self._get(schema.sender_pk(sender_id), "SND", "sender"))

    def senders(self) -> Iterator[Sender]:
        """Yield every sender."""
        for item in self._query(
            "gsi1pk = :pk", {":pk": schema.SENDERS}, index=schema.GSI1, consistent=False
        ):
            yield _sender(item)

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound."""
        return campaign_of_item(self._get(schema.campaign_pk(campaign_id), "CMP", "campaign"))

    def campaigns_by_id(self, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        """Return those of *campaign_ids* (distinct) that there are, strongly consistent."""
        found: dict[str, Campaign] = {}
        for start in range(0, len(campaign_ids), _KEYS_PER_REQUEST):
            batch = campaign_ids[start : start + _KEYS_PER_REQUEST]
            keys = [_key(schema.campaign_pk(campaign_id), "CMP") for campaign_id in batch]
            wanted: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
            while wanted:
                answer = self._client.batch_get_item(RequestItems=wanted)
                for item in map(from_item, answer["Responses"].get(self._table, [])):
                    found[item["id"]] = campaign_of_item(item)
                wanted = answer.get("UnprocessedKeys", {})
        return found

    def note_all_submitted(self, campaign_id: str, now: datetime) -> None:
        """Set ``submitted_all_at`` once."""
        self._update(
            schema.campaign_pk(campaign_id),
            "CMP",
            "SET submitted_all_at = :now",
            "attribute_exists(pk) AND attribute_not_exists(submitted_all_at)",
            {":now": now},
        )

    def settle_campaign(self, campaign_id: str, now: datetime) -> bool:
        """Move an active or paused campaign to finished; False when it was in no such state."""
        # Every state that may settle goes to the same one.
        (after,) = set(TRANSITIONS[Action.SETTLE].values())
        before = {f":b{n}": s for n, s in enumerate(sorted(states_allowing(Action.SETTLE)))}
        return self._update(
            schema.campaign_pk(campaign_id),
            "CMP",
            "SET #status = :after, finished_at = :now, updated_at = :now, gsi1pk = :tab,"
            " hold_reason = :none REMOVE hold_until ADD version :one",
            f"#status IN ({', '.join(before)})",
            {
                **before,
                ":after": after,
                ":none": HoldReason.NONE,
                ":now": now,
                ":tab": schema.tab_pk(tab_of(after)),
                ":one": 1,
            },
            names={"#status": "status"},
        )

    def hold_campaign(
        self, campaign_id: str, reason: HoldReason, until: datetime | None = None
    ) -> None:
        """Note why the campaign is not sending, and until when if known (``none`` clears it)."""
        # A campaign that paused itself keeps its reason until a person goes on with it.
        self._update(
            schema.campaign_pk(campaign_id),
            "CMP",
            "SET hold_reason = :reason"
            + (", hold_until = :until" if until else " REMOVE hold_until"),
            "#status = :active",
            {":reason": reason, ":active": CampaignStatus.ACTIVE}
            | ({":until": until} if until else {}),
            names={"#status": "status"},
        )

    def pause_campaign(self, campaign: Campaign, reason: HoldReason, now: datetime) -> bool:
        """Move *campaign* active -> paused with *reason*; False when it has changed since."""
        before = {f":b{n}": s for n, s in enumerate(sorted(states_allowing(Action.PAUSE)))}
        (after,) = set(TRANSITIONS[Action.PAUSE].values())
        return self._update(
            schema.campaign_pk(campaign.id),
            "CMP",
            "SET #status = :after, hold_reason = :reason, updated_at = :now, gsi1pk = :tab"
            " REMOVE hold_until, last_request ADD version :one",
            f"#status IN ({', '.join(before)}) AND version = :seen",
            {
                **before,
                ":after": after,
                ":reason": reason,
                ":now": now,
                ":tab": schema.tab_pk(tab_of(after)),
                ":one": 1,
                ":seen": campaign.version,
            },
            names={"#status": "status"},
        )

    def policy(self) -> OrganisationPolicy:
        """Return the organisation's policy; without one, what the law alone asks."""
        found = self._get_or_none(schema.ORGANISATION, schema.POLICY)
        return policy_from_text(found["policy"]) if found else OrganisationPolicy()

    def office_zone(self, office_id: str) -> str:
        """Return the IANA time zone of the office; raises NotFound."""
        item = self._get(schema.ORGANISATION, schema.office_sk(office_id), "office")
        zone: str = item["timezone"]
        return zone

    # Senders that stop --------------------------------------------------------

    def suspend_sender(self, sender_id: str, problem: str, now: datetime) -> bool:
        """Stop an active sender until a person resumes it (F7); False when it was stopped."""
        return self._update(
            schema.sender_pk(sender_id),
            "SND",
            "SET #status = :suspended, problem = :problem, suspended_at = :now",
            "#status = :active",
            {":suspended": "suspended", ":active": "active", ":problem": problem, ":now": now},
            names={"#status": "status"},
        )

    def rest_sender(self, sender_id: str, until: datetime) -> None:
        """Leave the sender alone until then (N3), unless it rests longer already."""
        self._update(
            schema.sender_pk(sender_id),
            "SND",
            "SET resting_until = :until",
            "attribute_exists(pk) AND"
            " (attribute_not_exists(resting_until) OR resting_until < :until)",
            {":until": until},
        )

    # Runs -------------------------------------------------------------------

    def runs(self, sender_id: str) -> list[Run]:
        """Return every run kept under the sender (open, done and settled), any order."""
        items = self._query(
            "pk = :pk AND begins_with(sk, :run)",
            {":pk": schema.sender_pk(sender_id), ":run": "RUN#"},
        )
        return [_run(item) for item in items]

    def run(self, sender_id: str, campaign_id: str) -> Run | None:
        """Return one run, strongly consistent."""
        found = self._get_or_none(schema.sender_pk(sender_id), schema.run_sk(campaign_id))
        return _run(found) if found else None

    def advance_run(self, run: Run, next_part: int) -> bool:
        """Note that all parts before *next_part* are dispatched; False when the run moved."""
        return self._update_run(
            run,
            "SET next_part = :next",
            "next_part = :before AND #state = :open",
            {":next": next_part, ":before": run.next_part, ":open": "open"},
        )

    def finish_run(self, run: Run, now: datetime) -> bool:
        """Set an open run whose ``next_part`` is still *run*'s to done; False when it moved."""
        return self._update_run(
            run,
            "SET #state = :done, done_at = :now",
            "next_part = :next AND next_part = parts AND #state = :open",
            {":done": "done", ":now": now, ":next": run.next_part, ":open": "open"},
        )

    def reopen_run(self, sender_id: str, campaign_id: str, part: int) -> None:
        """Make the pacer walk from *part* on again."""
        self._update(
            schema.sender_pk(sender_id),
            schema.run_sk(campaign_id),
            "SET next_part = :part, #state = :open",
            "attribute_exists(pk) AND (next_part > :part OR #state <> :open)",
            {":part": part, ":open": "open"},
            names={"#state": "state"},
        )

    def retire_run(self, run: Run, now: datetime) -> None:
        """Set an open run to done wherever it stands: other senders have taken over."""
        self._update_run(
            run,
            "SET #state = :done, done_at = :now",
            "#state = :open",
            {":done": "done", ":now": now, ":open": "open"},
        )

    def settle_runs(self, campaign: Campaign, now: datetime) -> None:
        """Mark the campaign's runs settled; they stay for attribution until their TTL."""
        until = int((now + _RUN_KEPT_FOR).timestamp())
        for sender_id in campaign.sender_ids:
            self._update(
                schema.sender_pk(sender_id),
                schema.run_sk(campaign.id),
                "SET #state = :settled, #ttl = :until",
                "attribute_exists(pk)",
                {":settled": "settled", ":until": until},
                names={"#state": "state", "#ttl": schema.TTL},
            )

    # Leases -----------------------------------------------------------------

    def acquire(self, sender_id: str, owner: str, until: datetime, now: datetime) -> Lease | None:
        """Return a lease with a fresh token, or None while another one is not over at *now*."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(schema.sender_pk(sender_id), "LEASE"),
                UpdateExpression="SET #owner = :owner, lease_until = :until ADD #token :one",
                ConditionExpression="attribute_not_exists(lease_until) OR lease_until <= :now",
                ExpressionAttributeNames={"#owner": "owner", "#token": "token"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":until": to_value(until),
                    ":now": to_value(now),
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                return None
            raise
        stands = from_item(answer["Attributes"])
        left, idle_s = None, 0.0
        # What a pacer left counts for the next one only: the one after a crash knows nothing.
        if stands.get("left_under") == stands["token"] - 1:
            left = float(stands["tokens_left"])
            idle_s = max((now - from_iso(stands["left_at"])).total_seconds(), 0.0)
        return Lease(
            sender_id=sender_id,
            owner=owner,
            token=stands["token"],
            until=until,
            tokens_left=left,
            idle_s=idle_s,
        )

    def renew(self, lease: Lease, until: datetime) -> Lease | None:
        """Return the lease prolonged, or None when its token is no longer the newest."""
        renewed = self._update(
            schema.sender_pk(lease.sender_id),
            "LEASE",
            "SET lease_until = :until",
            "#token = :token",
            {":until": until, ":token": lease.token},
            names={"#token": "token"},
        )
        return replace(lease, until=until) if renewed else None

    def release(self, lease: Lease, tokens_left: float, now: datetime) -> None:
        """Let the next one in at once, and tell it how many tokens the bucket holds *now*."""
        self._update(
            schema.sender_pk(lease.sender_id),
            "LEASE",
            "SET tokens_left = :left, left_at = :now, left_under = :token REMOVE lease_until",
            "#token = :token",
            {":token": lease.token, ":left": round(tokens_left, 3), ":now": now},
            names={"#token": "token"},
        )

    # Watches ----------------------------------------------------------------

    def put(self, watch: Watch) -> None:
        """Keep *watch* (idempotent)."""
        self._client.put_item(
            TableName=self._table,
            Item=to_item(
                {
                    **_watch_key(watch),
                    "campaign_id": watch.campaign_id,
                    "part": watch.part,
                    "due_at": watch.due_at,
                    "checks": watch.checks,
                    "unsent": watch.unsent or None,
                }
            ),
        )

    def due(self, campaign_id: str, now: datetime) -> list[Watch]:
        """Return the watches due at *now*, oldest first; one page is enough for one pass."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": schema.campaign_pk(campaign_id)},
                ":first": {"S": "WATCH#"},
                ":last": {"S": f"WATCH#{to_iso(now)}#~"},
            },
            Limit=_WATCHES_PER_PASS,
            ConsistentRead=True,
        )
        return [_watch(from_item(item)) for item in answer["Items"]]

    def next_due(self, campaign_id: str) -> datetime | None:
        """Return when the earliest watch is due, or None when the campaign has none."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :watch)",
            ExpressionAttributeValues={
                ":pk": {"S": schema.campaign_pk(campaign_id)},
                ":watch": {"S": "WATCH#"},
            },
            Limit=1,
            ConsistentRead=True,
        )
        watches = [_watch(from_item(item)) for item in answer["Items"]]
        return watches[0].due_at if watches else None

    def plan_turn(self, campaign_id: str, at: datetime, now: datetime) -> bool:
        """Note that the campaign is looked at again *at*; False when it is no later already."""
        return self._update(
            schema.campaign_pk(campaign_id),
            "TURN",
            "SET turn_at = :at",
            "attribute_not_exists(turn_at) OR turn_at <= :now OR turn_at > :at",
            {":at": at, ":now": now},
        )

    def is_turn(self, campaign_id: str, at: datetime) -> bool:
        """Whether *at* is the turn that was planned last."""
        found = self._get_or_none(schema.campaign_pk(campaign_id), "TURN")
        return found is not None and found["turn_at"] == to_iso(at)

    def any_unsent(self, campaign_id: str) -> bool:
        """Whether some watch says that leads of its part wait for their first message."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :watch)",
            FilterExpression="unsent = :yes",
            ExpressionAttributeValues={
                ":pk": {"S": schema.campaign_pk(campaign_id)},
                ":watch": {"S": "WATCH#"},
                ":yes": {"BOOL": True},
            },
            ConsistentRead=True,
        )
        return any(page["Items"] for page in pages)

    def remove(self, watch: Watch) -> None:
        """Drop *watch* (idempotent)."""
        self._client.delete_item(TableName=self._table, Key=to_item(_watch_key(watch)))

    # Requests ---------------------------------------------------------------

    def _get(self, pk: str, sk: str, what: str) -> dict[str, Any]:
        found = self._get_or_none(pk, sk)
        if found is None:
            raise NotFound(f"There is no such {what}.", code=f"{what}_not_found")
        return found

    def _get_or_none(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=_key(pk, sk), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def _query(
        self,
        condition: str,
        values: Mapping[str, Any],
        *,
        index: str | None = None,
        consistent: bool = True,
    ) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"IndexName": index} if index else {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ConsistentRead=consistent,
            **request,
        )
        for page in pages:
            yield from (from_item(item) for item in page["Items"])

    def _update_run(self, run: Run, change: str, condition: str, values: Mapping[str, Any]) -> bool:
        return self._update(
            schema.sender_pk(run.sender_id),
            schema.run_sk(run.campaign_id),
            change,
            condition,
            values,
            names={"#state": "state"},
        )

    def _update(
        self,
        pk: str,
        sk: str,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        *,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Apply *change* if *condition* holds; return whether it did."""
        request: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(pk, sk),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                **request,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


class DynamoGate:
    """Implements ``ports.Gate``: four or five items in one BatchGetItem, 1 RU each or more."""

    def __init__(
        self, client: Any, *, control_table: str, suppressions_table: str, messages_table: str
    ) -> None:
        self._client = client
        self._control = control_table
        self._suppressions = suppressions_table
        self._messages = messages_table

    def look(
        self, *, phone: str, campaign_id: str | None, sender_id: str, lead: RowRef | None = None
    ) -> GateView:
        """Read suppression, campaign, lease and lead, strongly consistent, in one request."""
        found = self._read(phone, campaign_id, sender_id, lead)
        consent = found.get((phone, ""), {})
        campaign = found.get((schema.campaign_pk(campaign_id or ""), "CMP"), {})
        row = found.get((lead.pk, lead.sk), {}) if lead is not None else {}
        lease = found.get((schema.sender_pk(sender_id), "LEASE"), {})
        return GateView(
            opted_out=consent.get("status") == "opted_out",
            campaign_active=campaign.get("status") == CampaignStatus.ACTIVE,
            lease_token=lease.get("token", 0),
            campaign_version=campaign.get("version", 0),
            is_held=(schema.held_pk(phone), "") in found,
            has_replied=_has_reacted(row),
            has_clicked="clicked_at" in row,
        )

    def _read(
        self, phone: str, campaign_id: str | None, sender_id: str, lead: RowRef | None
    ) -> dict[tuple[str, str], dict[str, Any]]:
        campaign = [_key(schema.campaign_pk(campaign_id), "CMP")] if campaign_id else []
        wanted: dict[str, Any] = {
            self._suppressions: {
                "Keys": [{"pk": {"S": phone}}, {"pk": {"S": schema.held_pk(phone)}}],
                "ConsistentRead": True,
            },
            self._control: {
                "Keys": [*campaign, _key(schema.sender_pk(sender_id), "LEASE")],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, sk, #status, #token, version",
                "ExpressionAttributeNames": {"#status": "status", "#token": "token"},
            },
        }
        if lead is not None:
            wanted[self._messages] = {
                "Keys": [_key(lead.pk, lead.sk)],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, sk, replied_at, opted_out_at, clicked_at",
            }
        found: dict[tuple[str, str], dict[str, Any]] = {}
        while wanted:
            # An unprocessed key must be asked for again: a missing answer is not "allowed".
            answer = self._client.batch_get_item(RequestItems=wanted)
            for items in answer["Responses"].values():
                for item in map(from_item, items):
                    found[item["pk"], item.get("sk", "")] = item
            wanted = answer.get("UnprocessedKeys") or {}
        return found


def _has_reacted(lead: Mapping[str, Any]) -> bool:
    return "replied_at" in lead or "opted_out_at" in lead


def campaign_of_item(item: Mapping[str, Any]) -> Campaign:
    """Return the campaign that a control item holds."""

    def moment(name: str) -> datetime | None:
        return _moment(item, name)

    return Campaign(
        id=item["id"],
        title=item["title"],
        office_id=item["office_id"],
        body=item.get("body", ""),
        sender_ids=tuple(item.get("sender_ids", ())),
        list_ids=tuple(item.get("list_ids", ())),
        exclude_list_ids=tuple(item.get("exclude_list_ids", ())),
        tags=tuple(item.get("tags", ())),
        created_at=from_iso(item["created_at"]),
        updated_at=from_iso(item["updated_at"]),
        created_by=item["created_by"],
        status=CampaignStatus(item["status"]),
        type=item.get("type", "sms"),
        operated_by=item.get("operated_by", "agent"),
        hold_reason=HoldReason(item.get("hold_reason", "none")),
        hold_until=moment("hold_until"),
        schedule_at=moment("schedule_at"),
        local_at=item.get("local_at"),
        ends_at=moment("ends_at"),
        variants=variants_from_text(item.get("variants")),
        follow_ups=follow_ups_from_text(item.get("follow_ups")),
        links=links_from_text(item.get("links")),
        link_key=item.get("link_key", ""),
        smart_encoding=item.get("smart_encoding", False),
        active_hours=hours_from_text(item.get("active_hours")),
        daily_limit=item.get("daily_limit"),
        pilot_size=item.get("pilot_size"),
        launched_at=moment("launched_at"),
        submitted_all_at=moment("submitted_all_at"),
        finished_at=moment("finished_at"),
        launch_error=item.get("launch_error"),
        parts=item.get("parts", 0),
        planned_parts=item.get("planned_parts", 0),
        total=item.get("total", 0),
        version=item["version"],
    )


def _sender(item: Mapping[str, Any]) -> Sender:
    return Sender(
        id=item["id"],
        office_id=item["office_id"],
        name=item["name"],
        phone=item["phone"],
        provider=item["provider"],
        mps=float(item["mps"]),
        credentials_secret=item["credentials_secret"],
        created_at=from_iso(item["created_at"]),
        kind=item.get("kind", "reusable"),
        status=item.get("status", "active"),
        address_kind=item.get("address_kind", "number"),
        daily_limit=item.get("daily_limit"),
        unsolicited=unsolicited_from_text(item.get("unsolicited")),
        problem=item.get("problem"),
        suspended_at=_moment(item, "suspended_at"),
        resting_until=_moment(item, "resting_until"),
    )


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    return from_iso(item[name]) if item.get(name) else None


def _run(item: Mapping[str, Any]) -> Run:
    return Run(
        sender_id=item["sender_id"],
        campaign_id=item["campaign_id"],
        office_id=item["office_id"],
        parts=item["parts"],
        senders=tuple(item["senders"]),
        candidates=candidates_from_text(item.get("candidates")),
        next_part=item["next_part"],
        state=item["state"],
    )


def _watch_key(watch: Watch) -> dict[str, str]:
    return {
        "pk": schema.campaign_pk(watch.campaign_id),
        "sk": schema.watch_sk(to_iso(watch.due_at), watch.part),
    }


def _watch(item: Mapping[str, Any]) -> Watch:
    return Watch(
        campaign_id=item["campaign_id"],
        part=item["part"],
        due_at=from_iso(item["due_at"]),
        checks=item["checks"],
        unsent=item.get("unsent", False),
    )


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}
