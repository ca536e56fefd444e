"""
What the use cases need from the world, as Protocols that list only what is called.

Adapters implement them (``adapters/``), fakes stand in for them (``tests/support``),
and one shared suite runs against both.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.campaign import Campaign, Run, Sender
from carillon.domain.message import (
    Accepted,
    Claim,
    GateView,
    LeadRow,
    Lease,
    Outgoing,
    ProviderRecord,
    Receipt,
    ReceiptOutcome,
    Recipient,
    Reply,
    RowRef,
    Suppression,
    Watch,
)

from carillon.domain.campaign import Campaign, Sender


class Clock(Protocol):
    """The only way to know the time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        ...


class Queue(Protocol):
    """One SQS queue. Messages are JSON objects; the adapter adds version and correlation id."""

    def put(self, message: Mapping[str, Any], *, delay_s: int = 0) -> None:
        """Send one message durably; raises when the queue did not take it. *delay_s* is at most 900."""
        ...


class Objects(Protocol):
    """Object storage (one bucket)."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store *body* under *key*, replacing."""
        ...

    def get(self, key: str) -> bytes:
        """Return the object; raises NotFound."""
        ...

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        """Yield the object's bytes in chunks from byte *offset* on; raises NotFound."""
        ...

    def size(self, key: str) -> int:
        """Return its size in bytes; raises NotFound."""
        ...


class Leases(Protocol):
    """Who may pace a sender. A newer token revokes an older one, whatever the clocks say."""

    def acquire(self, sender_id: str, owner: str, until: datetime, now: datetime) -> Lease | None:
        """Return a lease with a fresh token, or None while another one is not over at *now*."""
        ...

    def renew(self, lease: Lease, until: datetime) -> Lease | None:
        """Return the lease prolonged, or None when its token is no longer the newest."""
        ...

    def release(self, lease: Lease) -> None:
        """Let the next one in at once; does nothing when the token is no longer the newest."""
        ...


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

    def runs(self, sender_id: str) -> list[Run]:
        """Return every run kept under the sender (open, done and settled), any order."""
        ...

    def run(self, sender_id: str, campaign_id: str) -> Run | None:
        """Return one run, strongly consistent."""
        ...

    def advance_run(self, run: Run, next_part: int) -> None:
        """Note that all parts before *next_part* have been dispatched."""
        ...

    def finish_run(self, run: Run, now: datetime) -> bool:
        """Set an open run whose ``next_part`` is still *run*'s to done; False when it moved."""
        ...

    def reopen_run(self, sender_id: str, campaign_id: str, part: int) -> None:
        """Make the pacer walk from *part* on again."""
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

    def hold_campaign(self, campaign_id: str, reason: str) -> None:
        """Note why the campaign is not sending (``none`` clears it)."""
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

    def remove(self, watch: Watch) -> None:
        """Drop *watch* (idempotent)."""
        ...


class Audiences(Protocol):
    """The frozen audience of a campaign."""

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        """Return the part's recipients, sorted by key; raises NotFound."""
        ...


class Leads(Protocol):
    """The messages table as the send path sees it. Every write is conditional."""

    def rows(self, campaign_id: str, part: int) -> dict[str, LeadRow]:
        """Return the part's leads that have a row, by lead key, strongly consistent."""
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

    def record_failed(self, claim: Claim, code: str, now: datetime) -> None:
        """Note that the message was refused for good, under *code*."""
        ...

    def record_suppressed(self, claim: Claim, now: datetime) -> None:
        """Note that the recipient had opted out: nothing was sent."""
        ...

    def record_retry(self, claim: Claim, code: str, due_at: datetime) -> None:
        """Note that nothing was sent and that it may be tried again from *due_at* on."""
        ...

    def record_unconfirmed(self, ref: RowRef, claim_id: str, now: datetime) -> None:
        """Close a lead of which no final word will come (F2, R4)."""
        ...

    def apply_receipt(self, receipt: Receipt) -> ReceiptOutcome:
        """Apply a receipt where R1 lets it; duplicates and stale ones change nothing."""
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


class Conversations(Protocol):
    """The messages table as inbound processing sees it."""

    def newest_lead(self, runs: list[Run], key: str, since: datetime) -> tuple[Run, LeadRow] | None:
        """Return the lead of *key* most recently written to at or after *since*, over *runs*."""
        ...

    def record_inbound(self, ref: RowRef, reply: Reply, *, keyword: str, office_id: str) -> bool:
        """Store the inbound message once; False when it was there already."""
        ...

    def note_reply(self, lead: RowRef, at: datetime, *, opt_out_kind: str | None) -> None:
        """Mark the lead as having replied (first time only), and as opted out (first time only)."""
        ...

    def claim_answer(self, claim: Claim, *, purpose: str) -> bool:
        """Take the right to send one answer; False when the row is there already."""
        ...

    def answer(self, ref: RowRef) -> LeadRow | None:
        """Return the answer's row, strongly consistent."""
        ...


class Gate(Protocol):
    """The last look before a provider call."""

    def look(self, *, phone: str, campaign_id: str, sender_id: str) -> GateView:
        """Read suppression, campaign state and lease token, strongly consistent, in one request."""
        ...


class Suppressions(Protocol):
    """Who must not be texted. Ordered by event time: an older event never overrides a newer."""

    def opt_out(self, wanted: Suppression) -> Suppression:
        """Commit an opt-out unless a newer event stands; return what stands now."""
        ...

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        ...

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        ...


class MessageProvider(Protocol):
    """One provider account. Times out; translates every answer into our error tree."""

    def send(self, message: Outgoing) -> Accepted:
        """
        Hand the message over, once, without retrying.

        Raises Throttled, Unavailable (both: not sent), Rejected (never will
        be) or OutcomeUnknown (it may have been sent).
        """
        ...

    def find(
        self, *, sender: str, recipient: str, text: str, since: datetime
    ) -> ProviderRecord | None:
        """
        Return the message from the provider's own log, or None when it never took it.

        Raises Unavailable when the log cannot be read just now.
        """
        ...

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state from the provider's log; raises NotFound."""
        ...
