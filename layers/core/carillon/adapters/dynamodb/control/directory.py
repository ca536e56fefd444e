"""Senders, campaigns and runs, as the sending functions see them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.batches import read_all
from carillon.adapters.dynamodb.campaign_texts import policy_from_text
from carillon.adapters.dynamodb.control.items import (
    campaign_of_item,
    item_key,
    run_of_item,
    sender_of_item,
)
from carillon.adapters.dynamodb.control.leases import DynamoLeases
from carillon.adapters.dynamodb.control.watches import DynamoWatches
from carillon.adapters.dynamodb.items import from_item
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
from carillon.domain.clock import to_iso
from carillon.domain.organisation import OrganisationPolicy

# A settled run stays this long, so that a late reply still finds its campaign (I2: 30 days).
_RUN_KEPT_FOR = timedelta(days=35)
_KEYS_PER_REQUEST = 100


class DynamoDirectory(DynamoLeases, DynamoWatches):
    """Implements ``ports.SendingDirectory``, ``ports.Leases`` and ``ports.Watches``."""

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        return sender_of_item(self._get(schema.sender_pk(sender_id), "SND", "sender"))

    def senders(self) -> Iterator[Sender]:
        """Yield every sender."""
        for item in self._query(
            "gsi1pk = :pk", {":pk": schema.SENDERS}, index=schema.GSI1, consistent=False
        ):
            yield sender_of_item(item)

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound."""
        return campaign_of_item(self._get(schema.campaign_pk(campaign_id), "CMP", "campaign"))

    def campaigns_by_id(self, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        """Return those of *campaign_ids* (distinct) that there are, strongly consistent."""
        found: dict[str, Campaign] = {}
        for start in range(0, len(campaign_ids), _KEYS_PER_REQUEST):
            batch = campaign_ids[start : start + _KEYS_PER_REQUEST]
            keys = [item_key(schema.campaign_pk(campaign_id), "CMP") for campaign_id in batch]
            wanted: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
            for _, typed in read_all(self._client, wanted):
                item = from_item(typed)
                found[item["id"]] = campaign_of_item(item)
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
            " updated_place = :place, hold_reason = :none REMOVE hold_until, agenda_at"
            " ADD version :one",
            f"#status IN ({', '.join(before)})",
            {
                **before,
                ":after": after,
                ":none": HoldReason.NONE,
                ":now": now,
                # Live and finished stand on one tab: the shelf stays.
                ":tab": schema.tab_pk(tab_of(after)),
                ":place": schema.listing_sk(to_iso(now), campaign_id),
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
            "SET #status = :after, hold_reason = :reason, updated_at = :now, gsi1pk = :tab,"
            " updated_place = :place REMOVE hold_until, last_request ADD version :one",
            f"#status IN ({', '.join(before)}) AND version = :seen",
            {
                **before,
                ":after": after,
                ":reason": reason,
                ":now": now,
                ":tab": schema.tab_pk(tab_of(after)),
                ":place": schema.listing_sk(to_iso(now), campaign.id),
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

    def runs(self, sender_id: str) -> list[Run]:
        """Return every run kept under the sender (open, done and settled), any order."""
        items = self._query(
            "pk = :pk AND begins_with(sk, :run)",
            {":pk": schema.sender_pk(sender_id), ":run": "RUN#"},
        )
        return [run_of_item(item) for item in items]

    def run(self, sender_id: str, campaign_id: str) -> Run | None:
        """Return one run, strongly consistent."""
        found = self._get_or_none(schema.sender_pk(sender_id), schema.run_sk(campaign_id))
        return run_of_item(found) if found else None

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

    def _update_run(self, run: Run, change: str, condition: str, values: Mapping[str, Any]) -> bool:
        return self._update(
            schema.sender_pk(run.sender_id),
            schema.run_sk(run.campaign_id),
            change,
            condition,
            values,
            names={"#state": "state"},
        )
