"""
Fakes of the ports that sending, receiving and reconciling use.

They keep state and have no switches; ``tests/adapters`` runs one suite over
them and over the real adapters, so that they cannot lie.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.budgets import Budget, Cap, allowed_from
from carillon.domain.campaign import (
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    Run,
    Sender,
    states_allowing,
)
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.consent import ConsentEntry, OptOut
from carillon.domain.conversation import Conversation, is_for_assistant
from carillon.domain.errors import Conflict, NotFound
from carillon.domain.hold import Hold, cleared, held, released
from carillon.domain.law_pack import LawPack, Policy
from carillon.domain.lead import LeadStatus, is_final, states_before
from carillon.domain.message import (
    TWIN_WINDOW,
    Accepted,
    Claim,
    GateView,
    LeadRow,
    Lease,
    Receipt,
    ReceiptOutcome,
    Recipient,
    RecordedReply,
    Reply,
    RowRef,
    Suppression,
    Watch,
    told_in,
    twin_mark,
)
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.windows import Windows
from carillon.usecases.readiness import Rules
from tests.support.clock import NOON

Item = dict[str, Any]
_WATCHES_PER_PASS = 50


class FakeMessages:
    """
    Implements ``ports.Leads`` and ``ports.Conversations``.

    ``items`` holds the rows as plain items; ``changes`` every (old, new) in
    order, as the table's stream would tell them.
    """

    def __init__(self) -> None:
        self.items: dict[RowRef, Item] = {}
        self.parked: dict[tuple[str, str], Receipt] = {}
        # The latest message with the same words, by (sender, phone, mark).
        self.marks: dict[tuple[str, str, str], Reply] = {}
        self.changes: list[tuple[Item | None, Item | None]] = []

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        pk = f"{campaign_id}#{part:05d}"
        return {
            ref.sk: _lead_row(item)
            for ref, item in self.items.items()
            if ref.pk == pk and item["kind"] in ("lead", "step")
        }

    def claim(self, claim: Claim) -> bool:
        if claim.retry_of is None:
            kind = "step" if claim.step else "lead"
            made = self._put_new(claim.ref, {**_claimed(claim), "kind": kind})
            return made or self._is_ours(claim)
        item = self.items.get(claim.ref)
        if item is None or (item["claim_id"], item["status"]) != (
            claim.retry_of,
            LeadStatus.RETRYING,
        ):
            return self._is_ours(claim)
        kept = {name: value for name, value in _claimed(claim).items() if name != "steps_left"}
        self._set(claim.ref, kept, removes=("provider_id", *([] if claim.is_mms else ["mms"])))
        return True

    def release(self, claim: Claim) -> None:
        if claim.retry_of is not None:
            self._result(
                claim,
                {
                    "status": LeadStatus.RETRYING,
                    "claim_id": claim.retry_of,
                    "attempts": claim.attempts - 1,
                },
            )
            return
        if claim.ref not in self.items:
            return
        if not self._is_ours(claim):
            raise Conflict("The claim is no longer ours.", code="claim_lost")
        self.changes.append((self.items.pop(claim.ref), None))

    def record_submitted(self, claim: Claim, accepted: Accepted, now: datetime) -> None:
        if self._is_ours(claim):
            self._set(
                claim.ref,
                {
                    "status": LeadStatus.SUBMITTED,
                    "provider_id": accepted.provider_id,
                    "submitted_at": to_iso(now),
                },
            )

    def note_outbound(self, lead: RowRef, now: datetime) -> None:
        if lead in self.items:
            self._set(lead, {"last_outbound_at": to_iso(now)})

    def record_failed(self, claim: Claim, code: str, now: datetime) -> None:
        self._result(
            claim, {"status": LeadStatus.FAILED, "error_code": code, "final_at": to_iso(now)}
        )

    def record_suppressed(self, claim: Claim, now: datetime) -> None:
        self._result(
            claim,
            {
                "status": LeadStatus.SUPPRESSED,
                "error_code": "opted_out",
                "final_at": to_iso(now),
            },
        )

    def record_retry(self, claim: Claim, code: str, due_at: datetime) -> None:
        self._result(
            claim, {"status": LeadStatus.RETRYING, "error_code": code, "due_at": to_iso(due_at)}
        )

    def defer(self, claim: Claim, code: str, due_at: datetime) -> None:
        self._result(
            claim,
            {
                "status": LeadStatus.RETRYING,
                "attempts": claim.attempts - 1,
                "error_code": code,
                "due_at": to_iso(due_at),
            },
        )

    def close_steps(self, lead: RowRef, *, reached_by_step: bool) -> None:
        if self.items.get(lead, {}).get("steps_left", 0) > 0:
            reached: Item = {"reached_by_step": True} if reached_by_step else {}
            self._set(lead, {"steps_left": 0, **reached})

    def record_unconfirmed(self, ref: RowRef, claim_id: str, now: datetime) -> None:
        item = self.items.get(ref)
        if (
            item is not None
            and item["claim_id"] == claim_id
            and item["status"] in (LeadStatus.CLAIMED, LeadStatus.SUBMITTED)
        ):
            self._set(ref, {"status": LeadStatus.UNCONFIRMED, "final_at": to_iso(now)})

    def apply_receipt(self, receipt: Receipt) -> ReceiptOutcome:
        item = self.items.get(receipt.ref)
        before = states_before(receipt.status)
        if before and item is None:
            return ReceiptOutcome.UNKNOWN_ROW
        if item is not None and receipt.claim_id not in (None, item["claim_id"]):
            return ReceiptOutcome.SUPERSEDED if before else ReceiptOutcome.IGNORED_STALE
        if item is None or item["status"] not in before:
            return ReceiptOutcome.IGNORED_STALE
        is_done_with = item.get("retried_id") == receipt.provider_id
        if is_done_with and receipt.status is not LeadStatus.DELIVERED:
            return ReceiptOutcome.IGNORED_STALE
        at = to_iso(receipt.received_at)
        changes: Item = {"status": receipt.status}
        if receipt.error_code is not None:
            changes["error_code"] = receipt.error_code
        if is_final(receipt.status):
            changes["final_at"] = at
        if receipt.cost_micros is not None:
            changes |= {"cost_micros": receipt.cost_micros, "currency": receipt.currency}
        first = {"provider_id": receipt.provider_id, "submitted_at": at}
        self._set(receipt.ref, {**first, **{k: item[k] for k in first if k in item}, **changes})
        return ReceiptOutcome.APPLIED

    def provider_ids(self, partitions: Iterable[str], key: str) -> frozenset[str]:
        among = set(partitions)
        return frozenset(
            item["provider_id"]
            for ref, item in self.items.items()
            if ref.pk in among and ref.sk.startswith(key) and "provider_id" in item
        )

    def retry_after_receipt(self, receipt: Receipt, due_at: datetime, max_attempts: int) -> bool:
        item = self.items.get(receipt.ref)
        if (
            item is None
            or item["claim_id"] != receipt.claim_id
            or item["attempts"] >= max_attempts
            or item["kind"] not in ("lead", "step")
            or item["status"] not in (LeadStatus.CLAIMED, LeadStatus.SUBMITTED)
        ):
            return False
        submitted_at = item.get("submitted_at", to_iso(receipt.received_at))
        self._set(
            receipt.ref,
            {
                "status": LeadStatus.RETRYING,
                "error_code": receipt.error_code,
                "due_at": to_iso(due_at),
                "submitted_at": submitted_at,
                "retried_id": receipt.provider_id,
            },
        )
        return True

    def statuses(self, refs: Sequence[RowRef]) -> dict[RowRef, LeadStatus]:
        return {ref: LeadStatus(self.items[ref]["status"]) for ref in refs if ref in self.items}

    def park_receipt(self, receipt: Receipt) -> None:
        self.parked[receipt.provider_id, receipt.status] = receipt

    def parked_receipts(self) -> Iterator[Receipt]:
        yield from list(self.parked.values())

    def unpark_receipt(self, receipt: Receipt) -> None:
        self.parked.pop((receipt.provider_id, receipt.status), None)

    def newest_lead(
        self, runs: list[Run], key: str, since: datetime, until: datetime | None = None
    ) -> tuple[Run, LeadRow] | None:
        found = []
        for run in runs:
            item = self.items.get(run.lead_ref(key)) if run.parts else None
            if item is not None:
                row = _lead_row(item)
                at = row.written_by(until)
                if at is not None and since <= at:
                    found.append((at, run, row))
        if not found:
            return None
        _, run, row = max(found, key=lambda entry: entry[0])
        return run, row

    def record_inbound(
        self, ref: RowRef, reply: Reply, *, keyword: str, office_id: str
    ) -> RecordedReply:
        if ref not in self.items:
            row: Item = {
                "kind": "inbound",
                "office_id": office_id,
                "sender_id": reply.sender_id,
                "phone": reply.phone,
                "body": reply.body,
                "provider_id": reply.provider_id,
                "received_at": to_iso(reply.received_at),
                "keyword": keyword,
            }
            if reply.media_urls:
                row |= {"media_urls": list(reply.media_urls), "media": {}}
            twin = self._twin_of(reply)
            if twin is not None:
                row |= {
                    "kind": "duplicate",
                    "duplicate_of": twin.provider_id,
                    "duplicate_at": to_iso(twin.received_at),
                }
            self._put_new(ref, row)
        row = self.items[ref]
        return RecordedReply(
            from_iso(row["received_at"]),
            row.get("duplicate_of"),
            from_iso(row["duplicate_at"]) if "duplicate_at" in row else None,
        )

    def _twin_of(self, reply: Reply) -> Reply | None:
        mark = twin_mark(reply)
        if mark is None:
            return None
        key = (reply.sender_id, reply.phone, mark)
        first = self.marks.get(key)
        if first is None or first.received_at < reply.received_at - TWIN_WINDOW:
            self.marks[key] = reply
            return None
        apart = abs(first.received_at - reply.received_at)
        is_same = first.provider_id == reply.provider_id
        return first if apart <= TWIN_WINDOW and not is_same else None

    def note_reply(self, lead: RowRef, at: datetime, *, opt_out_kind: str | None) -> None:
        item = self.items.get(lead)
        if item is None:
            return
        first: Item = {"replied_at": to_iso(at)}
        if opt_out_kind is not None:
            first |= {"opted_out_at": to_iso(at), "opt_out_kind": opt_out_kind}
        kept = {name: item[name] for name in first if name in item}
        self._set(lead, {**first, **kept, "last_inbound_at": to_iso(at)})

    def note_opt_out(self, lead: RowRef, at: datetime, *, kind: str) -> None:
        if lead in self.items and "opted_out_at" not in self.items[lead]:
            self._set(lead, {"opted_out_at": to_iso(at), "opt_out_kind": kind})

    def claim_answer(self, claim: Claim, *, purpose: str, text: str = "") -> bool:
        row = {**_claimed(claim), "kind": "outbound", "author": "automatic", "purpose": purpose}
        made = self._put_new(claim.ref, {**row, **({"text": text} if text else {})})
        return made or self._is_ours(claim)

    def answer(self, ref: RowRef) -> LeadRow | None:
        item = self.items.get(ref)
        return _lead_row(item) if item is not None else None

    def _put_new(self, ref: RowRef, values: Item) -> bool:
        if ref in self.items:
            return False
        self.items[ref] = {"pk": ref.pk, "sk": ref.sk, **values}
        self.changes.append((None, dict(self.items[ref])))
        return True

    def change(self, ref: RowRef, changes: Item) -> None:
        """Change a row as another fake does whose real adapter shares the table."""
        self._set(ref, changes)

    def _set(self, ref: RowRef, changes: Item, removes: tuple[str, ...] = ()) -> None:
        old = dict(self.items[ref])
        self.items[ref].update(changes)
        for name in removes:
            self.items[ref].pop(name, None)
        self.changes.append((old, dict(self.items[ref])))

    def _is_ours(self, claim: Claim) -> bool:
        item = self.items.get(claim.ref, {})
        return (item.get("claim_id"), item.get("status")) == (claim.id, LeadStatus.CLAIMED)

    def _result(self, claim: Claim, changes: Item) -> None:
        standing = self.items.get(claim.ref, {})
        wanted = (changes.get("claim_id", claim.id), changes["status"])
        if (standing.get("claim_id"), standing.get("status")) == wanted:
            return
        if not self._is_ours(claim):
            raise Conflict("The claim is no longer ours.", code="claim_lost")
        self._set(claim.ref, changes)


class FakeSuppressions:
    """Implements ``ports.Suppressions``; what it keeps is ``FakeConsentLedger``'s to read."""

    def __init__(self, now: Callable[[], datetime] = lambda: NOON) -> None:
        self.standing: dict[str, Suppression] = {}
        self.ledger: dict[tuple[str, str, str], ConsentEntry] = {}
        self.listed: dict[str, OptOut] = {}
        self._now = now

    def opt_out(self, wanted: Suppression) -> Suppression:
        stands = self.standing.get(wanted.phone)
        if stands is None or (not stands.opted_out and stands.event_at <= wanted.event_at):
            self._stand(wanted)
        return self._said_again(wanted)

    def opt_in(self, wanted: Suppression) -> Suppression:
        stands = self.standing.get(wanted.phone)
        if stands is None or (stands.opted_out and stands.event_at < wanted.event_at):
            self._stand(wanted)
        return self._said_again(wanted)

    def of(self, phone: str) -> Suppression | None:
        return self.standing.get(phone)

    def note_thread(self, said: Suppression, row: RowRef) -> None:
        entry = self.ledger.get(event_of(said))
        if entry is None or entry.circumstances.conversation is not None:
            return
        found = told_in(row)
        circumstances = replace(
            entry.circumstances,
            conversation=found.conversation,
            campaign_id=found.campaign_id or entry.circumstances.campaign_id,
        )
        self.ledger[event_of(said)] = replace(entry, circumstances=circumstances)

    def _stand(self, wanted: Suppression) -> None:
        self.standing[wanted.phone] = wanted
        event = {name: getattr(wanted, name) for name in _OF_EVENT}
        self.listed[wanted.phone] = OptOut(
            **event, recorded_at=self._now(), by=wanted.told.by, reason=wanted.told.reason
        )

    def _said_again(self, wanted: Suppression) -> Suppression:
        event = {name: getattr(wanted, name) for name in _OF_EVENT}
        entry = ConsentEntry(**event, recorded_at=self._now(), circumstances=wanted.told)
        self.ledger.setdefault(event_of(wanted), entry)
        stands = self.standing[wanted.phone]
        if stands.opted_out is wanted.opted_out:
            event_at = max(stands.event_at, wanted.event_at)
            self.standing[wanted.phone] = replace(stands, event_at=event_at)
        return self.standing[wanted.phone]


_OF_EVENT = ("phone", "opted_out", "event_at", "source", "cause")


def event_of(said: Suppression) -> tuple[str, str, str]:
    return said.phone, to_iso(said.event_at), said.cause


class FakeDirectory:
    """Implements ``ports.SendingDirectory``, ``ports.Leases`` and ``ports.Watches``."""

    def __init__(self) -> None:
        self.campaigns: dict[str, Campaign] = {}
        self.sender_by_id: dict[str, Sender] = {}
        self.run_by_key: dict[tuple[str, str], Run] = {}
        self.leases: dict[str, Lease | None] = {}
        self.tokens: dict[str, int] = {}
        # Sender -> (tokens, when, under which lease token) as its last pacer left them.
        self.left: dict[str, tuple[float, datetime, int]] = {}
        self.zones: dict[str, str] = {}
        self.turns: dict[str, datetime] = {}
        self.standing_policy = OrganisationPolicy()
        self.watches: dict[tuple[str, str, int], Watch] = {}

    def sender(self, sender_id: str) -> Sender:
        if sender_id not in self.sender_by_id:
            raise NotFound("There is no such sender.", code="sender_not_found")
        return self.sender_by_id[sender_id]

    def senders(self) -> Iterator[Sender]:
        yield from self.sender_by_id.values()

    def campaign(self, campaign_id: str) -> Campaign:
        if campaign_id not in self.campaigns:
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        return self.campaigns[campaign_id]

    def campaigns_by_id(self, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        return {one: self.campaigns[one] for one in campaign_ids if one in self.campaigns}

    def policy(self) -> OrganisationPolicy:
        return self.standing_policy

    def office_zone(self, office_id: str) -> str:
        if office_id not in self.zones:
            raise NotFound("There is no such office.", code="office_not_found")
        return self.zones[office_id]

    def suspend_sender(self, sender_id: str, problem: str, now: datetime) -> bool:
        sender = self.sender_by_id.get(sender_id)
        if sender is None or sender.status != "active":
            return False
        self.sender_by_id[sender_id] = replace(
            sender, status="suspended", problem=problem, suspended_at=now
        )
        return True

    def rest_sender(self, sender_id: str, until: datetime) -> None:
        sender = self.sender_by_id.get(sender_id)
        if sender is not None and (sender.resting_until is None or sender.resting_until < until):
            self.sender_by_id[sender_id] = replace(sender, resting_until=until)

    def note_all_submitted(self, campaign_id: str, now: datetime) -> None:
        campaign = self.campaigns.get(campaign_id)
        if campaign is not None and campaign.submitted_all_at is None:
            self.campaigns[campaign_id] = replace(campaign, submitted_all_at=now)

    def settle_campaign(self, campaign_id: str, now: datetime) -> bool:
        campaign = self.campaigns.get(campaign_id)
        if campaign is None or campaign.status not in states_allowing(Action.SETTLE):
            return False
        self.campaigns[campaign_id] = replace(
            campaign,
            status=CampaignStatus.FINISHED,
            finished_at=now,
            updated_at=now,
            hold_reason=HoldReason.NONE,
            hold_until=None,
            version=campaign.version + 1,
        )
        return True

    def hold_campaign(
        self, campaign_id: str, reason: HoldReason, until: datetime | None = None
    ) -> None:
        campaign = self.campaigns.get(campaign_id)
        if campaign is not None and campaign.status is CampaignStatus.ACTIVE:
            held = replace(campaign, hold_reason=reason, hold_until=until)
            self.campaigns[campaign_id] = held

    def pause_campaign(self, campaign: Campaign, reason: HoldReason, now: datetime) -> bool:
        standing = self.campaigns.get(campaign.id)
        if (
            standing is None
            or standing.status not in states_allowing(Action.PAUSE)
            or standing.version != campaign.version
        ):
            return False
        self.campaigns[campaign.id] = replace(
            standing,
            status=CampaignStatus.PAUSED,
            hold_reason=reason,
            hold_until=None,
            updated_at=now,
            version=standing.version + 1,
        )
        return True

    def runs(self, sender_id: str) -> list[Run]:
        return [run for (sender, _), run in self.run_by_key.items() if sender == sender_id]

    def run(self, sender_id: str, campaign_id: str) -> Run | None:
        return self.run_by_key.get((sender_id, campaign_id))

    def advance_run(self, run: Run, next_part: int) -> bool:
        standing = self.run(run.sender_id, run.campaign_id)
        if standing is None or (standing.next_part, standing.state) != (run.next_part, "open"):
            return False
        self._store(replace(standing, next_part=next_part))
        return True

    def finish_run(self, run: Run, now: datetime) -> bool:
        standing = self.run(run.sender_id, run.campaign_id)
        if standing is None or standing.state != "open":
            return False
        if not run.next_part == standing.next_part == standing.parts:
            return False
        self._store(replace(standing, state="done"))
        return True

    def reopen_run(self, sender_id: str, campaign_id: str, part: int) -> None:
        standing = self.run_by_key.get((sender_id, campaign_id))
        if standing is not None and (standing.next_part > part or standing.state != "open"):
            self._store(replace(standing, next_part=part, state="open"))

    def retire_run(self, run: Run, now: datetime) -> None:
        standing = self.run(run.sender_id, run.campaign_id)
        if standing is not None and standing.state == "open":
            self._store(replace(standing, state="done"))

    def settle_runs(self, campaign: Campaign, now: datetime) -> None:
        for sender_id in campaign.sender_ids:
            standing = self.run_by_key.get((sender_id, campaign.id))
            if standing is not None:
                self._store(replace(standing, state="settled"))

    def acquire(self, sender_id: str, owner: str, until: datetime, now: datetime) -> Lease | None:
        held = self.leases.get(sender_id)
        if held is not None and held.until > now:
            return None
        token = self.tokens.get(sender_id, 0) + 1
        self.tokens[sender_id] = token
        tokens_left, idle_s = None, 0.0
        if sender_id in self.left and self.left[sender_id][2] == token - 1:
            tokens_left, left_at, _ = self.left[sender_id]
            idle_s = max((now - left_at).total_seconds(), 0.0)
        lease = Lease(
            sender_id=sender_id,
            owner=owner,
            token=token,
            until=until,
            tokens_left=tokens_left,
            idle_s=idle_s,
        )
        self.leases[sender_id] = lease
        return lease

    def renew(self, lease: Lease, until: datetime) -> Lease | None:
        if self.tokens.get(lease.sender_id) != lease.token:
            return None
        renewed = replace(lease, until=until)
        self.leases[lease.sender_id] = renewed
        return renewed

    def release(self, lease: Lease, tokens_left: float, now: datetime) -> None:
        if self.tokens.get(lease.sender_id) == lease.token:
            self.leases[lease.sender_id] = None
            self.left[lease.sender_id] = (round(tokens_left, 3), now, lease.token)

    def put(self, watch: Watch) -> None:
        self.watches[watch.campaign_id, to_iso(watch.due_at), watch.part] = watch

    def due(self, campaign_id: str, now: datetime) -> list[Watch]:
        due = [watch for watch in self._of(campaign_id) if watch.due_at <= now]
        return due[:_WATCHES_PER_PASS]

    def next_due(self, campaign_id: str) -> datetime | None:
        return min((watch.due_at for watch in self._of(campaign_id)), default=None)

    def plan_turn(self, campaign_id: str, at: datetime, now: datetime) -> bool:
        planned = self.turns.get(campaign_id)
        if planned is not None and now < planned <= at:
            return False
        self.turns[campaign_id] = at
        return True

    def is_turn(self, campaign_id: str, at: datetime) -> bool:
        return self.turns.get(campaign_id) == at

    def any_unsent(self, campaign_id: str) -> bool:
        return any(watch.unsent for watch in self._of(campaign_id))

    def remove(self, watch: Watch) -> None:
        self.watches.pop((watch.campaign_id, to_iso(watch.due_at), watch.part), None)

    def _of(self, campaign_id: str) -> list[Watch]:
        return [w for key, w in sorted(self.watches.items()) if key[0] == campaign_id]

    def _store(self, run: Run) -> None:
        self.run_by_key[run.sender_id, run.campaign_id] = run


class FakeHolds:
    """Implements ``ports.Holds``."""

    def __init__(self) -> None:
        self._kept: dict[str, Hold] = {}

    @property
    def held(self) -> dict[str, str]:
        """The phones that are held, with the message that was the first to hold them."""
        return {phone: next(iter(one.signals)) for phone, one in self._kept.items() if one.is_held}

    def hold(self, phone: str, cause: str, at: datetime) -> None:
        self._kept[phone] = held(self._kept.get(phone, Hold()), cause, at)

    def release(self, phone: str, until: datetime) -> None:
        self._kept[phone] = released(self._kept.get(phone, Hold()), until)

    def clear(self, phone: str, at: datetime) -> None:
        self._kept[phone] = cleared(self._kept.get(phone, Hold()), at)


class FakeGate:
    """Implements ``ports.Gate`` over the other fakes."""

    def __init__(
        self,
        directory: FakeDirectory,
        suppressions: FakeSuppressions,
        messages: FakeMessages,
        holds: FakeHolds | None = None,
        talks: dict[str, Conversation] | None = None,
    ) -> None:
        self.talks = talks if talks is not None else {}
        self._directory = directory
        self._suppressions = suppressions
        self._messages = messages
        self._holds = holds or FakeHolds()

    def look(
        self,
        *,
        phone: str,
        campaign_id: str | None,
        sender_id: str,
        lead: RowRef | None = None,
        conversation_id: str | None = None,
    ) -> GateView:
        talk = self.talks.get(conversation_id or "")
        consent = self._suppressions.of(phone)
        campaign = self._directory.campaigns.get(campaign_id or "")
        row = self._messages.items.get(lead, {}) if lead is not None else {}
        return GateView(
            opted_out=consent is not None and consent.opted_out,
            campaign_active=campaign is not None and campaign.status is CampaignStatus.ACTIVE,
            lease_token=self._directory.tokens.get(sender_id, 0),
            campaign_version=campaign.version if campaign is not None else 0,
            campaign_archived=campaign is not None and campaign.status is CampaignStatus.ARCHIVED,
            has_replied="replied_at" in row or "opted_out_at" in row,
            has_clicked="clicked_at" in row,
            is_held=phone in self._holds.held,
            is_closed=talk is not None and talk.closed,
            is_assistants=talk is not None and is_for_assistant(talk),
        )


class FakeBudgets:
    """Implements ``ports.Budgets``."""

    def __init__(self) -> None:
        self.used: dict[Budget, int] = {}

    def reserve(self, budget: Budget, limit: int, wanted: int) -> int:
        granted = max(min(wanted, limit - self.used.get(budget, 0)), 0)
        if granted:
            self.used[budget] = self.used.get(budget, 0) + granted
        return granted

    def give_back(self, budget: Budget, unused: int) -> None:
        if self.used.get(budget, 0) >= unused:
            self.used[budget] -= unused


class FakeContactCaps:
    """Implements ``ports.ContactCaps``."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[RowRef, datetime]] = {}

    def take(
        self, phone: str, message: RowRef, caps: Sequence[Cap], now: datetime
    ) -> datetime | None:
        sent = self.sent.setdefault(phone, {})
        if message in sent:
            return None
        free_at = allowed_from(list(sent.values()), caps, now)
        if free_at is None:
            sent[message] = now
        return free_at


def no_law(**changes: Any) -> Rules:
    """Return rules that let anything go at any time, but for *changes*."""
    nothing = Policy()
    defaults: dict[str, Any] = {
        "windows_of": lambda campaign: Windows(campaign.active_hours, LawPack(()), nothing),
        "lateness_limit": timedelta(hours=1),
    }
    return Rules(**{**defaults, **changes})


class FakeAudiences:
    """Implements ``ports.Audiences``."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, int], list[Recipient]] = {}

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        return self.parts[campaign_id, part]


@dataclass
class FakeQueue:
    """Implements ``ports.Queue``; ``messages`` are what waits, oldest first."""

    messages: list[Item] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)

    def put(self, message: Any, *, delay_s: int = 0) -> None:
        self.messages.append(dict(message))
        self.delays.append(delay_s)


class InlineExecutor(Executor):
    """Runs each call at once, in this thread; what it raises is in the future, as with threads."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - that is what an executor does
            future.set_exception(error)
        return future


def a_sender(sender_id: str = "snd_a", **changes: Any) -> Sender:
    defaults: dict[str, Any] = {
        "id": sender_id,
        "office_id": "off_north",
        "name": "North",
        "phone": "+12025550100",
        "provider": "twilio",
        "mps": 50.0,
        "credentials_secret": "carillon/north",
        "created_at": NOON - timedelta(days=1),
    }
    return Sender(**{**defaults, **changes})


def a_campaign(campaign_id: str = "cmp_a", **changes: Any) -> Campaign:
    defaults: dict[str, Any] = {
        "id": campaign_id,
        "title": "Winter",
        "office_id": "off_north",
        "body": "Hi {{first_name}}",
        "sender_ids": ("snd_a",),
        "list_ids": ("lst_a",),
        "created_at": NOON - timedelta(hours=1),
        "updated_at": NOON - timedelta(hours=1),
        "created_by": "usr_a",
        "status": CampaignStatus.ACTIVE,
        "parts": 1,
        "planned_parts": 1,
        "total": 1,
    }
    return Campaign(**{**defaults, **changes})


def _claimed(claim: Claim) -> Item:
    return {
        "status": LeadStatus.CLAIMED,
        "claim_id": claim.id,
        "claimed_at": to_iso(claim.claimed_at),
        "attempts": claim.attempts,
        "phone": claim.phone,
        "sender_id": claim.sender_id,
        "office_id": claim.office_id,
        "segments": claim.segments,
        "content_version": claim.content_version,
        "text_digest": claim.text_digest,
        **({"variant": claim.variant} if claim.variant is not None else {}),
        **({"step": claim.step} if claim.step else {}),
        **({"steps_left": claim.steps_left} if claim.steps_left else {}),
        **({"mms": True} if claim.is_mms else {}),
    }


def _lead_row(item: Item) -> LeadRow:
    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(item[name]) if name in item else None

    return LeadRow(
        key=item["sk"],
        phone=item["phone"],
        sender_id=item["sender_id"],
        status=LeadStatus(item["status"]),
        claim_id=item["claim_id"],
        claimed_at=datetime.fromisoformat(item["claimed_at"]),
        attempts=item["attempts"],
        segments=item["segments"],
        text_digest=item["text_digest"],
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
