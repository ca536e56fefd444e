"""Messages from the pacer's turn to the last receipt."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from carillon.domain.budgets import Budget, Cap
from carillon.domain.campaign import Campaign, HoldReason, Run, Sender
from carillon.domain.lead import LeadStatus
from carillon.domain.message import (
    Accepted,
    Claim,
    GateView,
    LeadRow,
    Lease,
    Receipt,
    ReceiptOutcome,
    RowRef,
    Watch,
)
from carillon.domain.organisation import OrganisationPolicy


class SendingDirectory(Protocol):
    """What the pacer reads and notes about senders and campaigns."""

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        ...

    def senders(self) -> Iterator[Sender]:
        """Yield every sender."""
        ...

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound."""
        ...

    def campaigns_by_id(self, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        """Return those of *campaign_ids* (distinct) that there are, strongly consistent."""
        ...

    def runs(self, sender_id: str) -> list[Run]:
        """Return every run kept under the sender (open, done and settled), any order."""
        ...

    def run(self, sender_id: str, campaign_id: str) -> Run | None:
        """Return one run, strongly consistent."""
        ...

    def advance_run(self, run: Run, next_part: int) -> bool:
        """Note that all parts before *next_part* are dispatched; False when the run moved."""
        ...

    def finish_run(self, run: Run, now: datetime) -> bool:
        """Set an open run whose ``next_part`` is still *run*'s to done; False when it moved."""
        ...

    def reopen_run(self, sender_id: str, campaign_id: str, part: int) -> None:
        """Make the pacer walk from *part* on again."""
        ...

    def retire_run(self, run: Run, now: datetime) -> None:
        """Set an open run to done wherever it stands: other senders have taken over."""
        ...

    def settle_runs(self, campaign: Campaign, now: datetime) -> None:
        """Mark the campaign's runs settled; they stay for attribution until their TTL."""
        ...

    def note_all_submitted(self, campaign_id: str, now: datetime) -> None:
        """Set ``submitted_all_at`` once."""
        ...

    def settle_campaign(self, campaign_id: str, now: datetime) -> bool:
        """Move an active or paused campaign to finished; False when it was in no such state."""
        ...

    def hold_campaign(
        self, campaign_id: str, reason: HoldReason, until: datetime | None = None
    ) -> None:
        """Note why the campaign is not sending, and until when if known (``none`` clears it)."""
        ...

    def pause_campaign(self, campaign: Campaign, reason: HoldReason, now: datetime) -> bool:
        """Move *campaign* active -> paused with *reason*; False when it has changed since."""
        ...

    def suspend_sender(self, sender_id: str, problem: str, now: datetime) -> bool:
        """Stop an active sender until a person resumes it (F7); False when it was stopped."""
        ...

    def rest_sender(self, sender_id: str, until: datetime) -> None:
        """Leave the sender alone until then (N3), unless it rests longer already."""
        ...

    def policy(self) -> OrganisationPolicy:
        """Return the organisation's policy; without one, what the law alone asks."""
        ...

    def office_zone(self, office_id: str) -> str:
        """Return the IANA time zone of the office; raises NotFound."""
        ...


class SenderLookup(Protocol):
    """Who has which provider account."""

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        ...


class Leases(Protocol):
    """Who may pace a sender. A newer token revokes an older one, whatever the clocks say."""

    def acquire(self, sender_id: str, owner: str, until: datetime, now: datetime) -> Lease | None:
        """Return a lease with a fresh token, or None while another one is not over at *now*."""
        ...

    def renew(self, lease: Lease, until: datetime) -> Lease | None:
        """Return the lease prolonged, or None when its token is no longer the newest."""
        ...

    def release(self, lease: Lease, tokens_left: float, now: datetime) -> None:
        """
        Let the next one in at once, and tell it how many tokens the bucket holds *now*.

        Does nothing when the token is no longer the newest.
        """
        ...


class Watches(Protocol):
    """Parts whose leads are not all settled yet."""

    def put(self, watch: Watch) -> None:
        """Keep *watch* (idempotent)."""
        ...

    def due(self, campaign_id: str, now: datetime) -> list[Watch]:
        """Return the watches due at *now*, oldest first; one page is enough for one pass."""
        ...

    def next_due(self, campaign_id: str) -> datetime | None:
        """Return when the earliest watch is due, or None when the campaign has none."""
        ...

    def plan_turn(self, campaign_id: str, at: datetime, now: datetime) -> bool:
        """Note that the campaign is looked at again *at*; False when it is no later already."""
        ...

    def is_turn(self, campaign_id: str, at: datetime) -> bool:
        """Whether *at* is the turn that was planned last."""
        ...

    def any_unsent(self, campaign_id: str) -> bool:
        """Whether some watch says that leads of its part wait for their first message."""
        ...

    def remove(self, watch: Watch) -> None:
        """Drop *watch* (idempotent)."""
        ...


class Budgets(Protocol):
    """How many messages may still go under a limit; shared by all pacers that draw on it (F6)."""

    def reserve(self, budget: Budget, limit: int, wanted: int) -> int:
        """Take up to *wanted* of what is left of *limit*; return how many, perhaps 0."""
        ...

    def give_back(self, budget: Budget, unused: int) -> None:
        """Put back what was reserved and not used."""
        ...


class ContactCaps(Protocol):
    """How often a person has been texted lately, by all campaigns together (F6, L1)."""

    def take(
        self, phone: str, message: RowRef, caps: Sequence[Cap], now: datetime
    ) -> datetime | None:
        """
        Note that *message* goes to *phone* now, if every cap allows it; None when it does.

        Otherwise nothing is noted, and what comes back is when all of them will. The
        same message counts once, however often it is tried.
        """
        ...


class Leads(Protocol):
    """The messages table as the send path sees it. Every write is conditional."""

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        """
        Return the rows of the part's leads and of their follow-ups, strongly consistent.

        By sort key: a lead's own is its key, a follow-up's is ``step_key`` of it.
        """
        ...

    def claim(self, claim: Claim) -> bool:
        """
        Take the lead, durably, before anything is sent; False when somebody else has it.

        A first claim needs the row to be absent; a retry needs it to be
        ``retrying`` under ``claim.retry_of``.
        """
        ...

    def release(self, claim: Claim) -> None:
        """Give an unused claim back: nothing was sent. Raises when it is no longer ours."""
        ...

    def record_submitted(self, claim: Claim, accepted: Accepted, now: datetime) -> None:
        """Note the acceptance; never overwrites a later state that a receipt brought."""
        ...

    def note_outbound(self, lead: RowRef, now: datetime) -> None:
        """Note that a further message went to *lead*: a reply answers what came last (I2)."""
        ...

    def record_failed(self, claim: Claim, code: str, now: datetime) -> None:
        """Note that the message was refused for good, under *code*."""
        ...

    def record_suppressed(self, claim: Claim, now: datetime) -> None:
        """Note that the recipient had opted out: nothing was sent."""
        ...

    def record_retry(self, claim: Claim, code: str, due_at: datetime) -> None:
        """Note that nothing was sent and that it may be tried again from *due_at* on."""
        ...

    def defer(self, claim: Claim, code: str, due_at: datetime) -> None:
        """Note that it may go from *due_at* on; the attempt was not used."""
        ...

    def close_steps(self, lead: RowRef, *, reached_by_step: bool) -> None:
        """Note that no follow-up of *lead* is to come any more (M3); idempotent."""
        ...

    def record_unconfirmed(self, ref: RowRef, claim_id: str, now: datetime) -> None:
        """Close a lead of which no final word will come (F2, R4)."""
        ...

    def apply_receipt(self, receipt: Receipt) -> ReceiptOutcome:
        """
        Apply a receipt where R1 lets it; duplicates and stale ones change nothing.

        One that names another attempt than the row stands under is SUPERSEDED. Of a
        message that is being tried again only its arrival still counts.
        """
        ...

    def retry_after_receipt(self, receipt: Receipt, due_at: datetime, max_attempts: int) -> bool:
        """
        Let a failed message wait for another try at *due_at*, if it has tries left.

        False, changing nothing, when it has none, when the receipt is not of the attempt
        that stands, or when its message is settled.
        """
        ...

    def provider_ids(self, partitions: Iterable[str], key: str) -> frozenset[str]:
        """Return the providers' ids of all messages to the lead *key* in *partitions*."""
        ...

    def statuses(self, refs: Sequence[RowRef]) -> dict[RowRef, LeadStatus]:
        """Return the status of each of *refs* (distinct) that has a row; it may be a little old."""
        ...

    def park_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt whose row is not there (R2)."""
        ...

    def parked_receipts(self) -> Iterator[Receipt]:
        """Yield the parked receipts."""
        ...

    def unpark_receipt(self, receipt: Receipt) -> None:
        """Drop a parked receipt that has found its row."""
        ...


class Gate(Protocol):
    """The last look before a provider call."""

    def look(
        self,
        *,
        phone: str,
        campaign_id: str | None,
        sender_id: str,
        lead: RowRef | None = None,
        conversation_id: str | None = None,
    ) -> GateView:
        """
        Read suppression, campaign state and lease token, strongly consistent, in one request.

        With *lead* also whether that person has replied, which cancels follow-ups (M3).
        Without a campaign, for an answer in a conversation, none is active; with
        *conversation_id* also whose that is by now.
        """
        ...
