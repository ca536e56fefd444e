"""
What the use cases need from the world, as Protocols that list only what is called.

Adapters implement them (``adapters/``), fakes stand in for them (``tests/support``),
and one shared suite runs against both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.assistant import Answer, HandOver, Question
from carillon.domain.audience import AudiencePlan
from carillon.domain.books import CommitOutcome, Fold, PartBook
from carillon.domain.budgets import Budget, Cap
from carillon.domain.campaign import Action, Campaign, HoldReason, Run, Sender
from carillon.domain.canned import CannedReply
from carillon.domain.clicks import Click, Clicker
from carillon.domain.consent import ConsentEntry, OptOut
from carillon.domain.consent_jobs import OptOutExport, OptOutImport
from carillon.domain.contact_list import ImportRecord, ListRecord
from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus
from carillon.domain.content import CampaignContent
from carillon.domain.conversation import Conversation
from carillon.domain.conversation_search import SearchKey
from carillon.domain.counters import Counts, Row, SenderCounts
from carillon.domain.evidence import SentMessage
from carillon.domain.inbox import Count, InboxFilter, InboxQueue
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.lead import LeadStatus
from carillon.domain.lead_list import ListedLead
from carillon.domain.listing import Listing, Position
from carillon.domain.media import Attachment, FetchedFile, MediaItem
from carillon.domain.message import (
    Accepted,
    Claim,
    GateView,
    LeadRow,
    Lease,
    Outgoing,
    ProviderRecord,
    QueuedReply,
    Receipt,
    ReceiptOutcome,
    Recipient,
    RecordedReply,
    Reply,
    RowRef,
    Suppression,
    Watch,
)
from carillon.domain.opt_out_mirror import ListedOptOut, MirrorState
from carillon.domain.organisation import Office, OrganisationPolicy
from carillon.domain.recount import RecountReport
from carillon.domain.short_links import LinkedCampaign
from carillon.domain.timeframe import TimeFrame
from carillon.domain.transcript import TranscriptRow


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
        """Send one message durably, visible after *delay_s* (at most 900); raises if refused."""
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


class FileStore(Objects, Protocol):
    """Object storage that also takes objects too large for memory."""

    def put_stream(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        """Store the bytes of *chunks* under *key*, replacing, all or nothing."""
        ...


class ImportDirectory(Protocol):
    """Contact lists and imports as importer and planner see them; reads are consistent."""

    def contact_list(self, list_id: str) -> ContactList:
        """Return the list; raises NotFound."""
        ...

    def contact_import(self, list_id: str, import_id: str) -> ImportJob:
        """Return the import; raises NotFound."""
        ...

    def has_running_import(self, list_id: str) -> bool:
        """Whether an import is writing into the list just now."""
        ...

    def fix_shards(self, list_id: str, shards: int) -> None:
        """Divide the list into *shards*, unless it is divided already."""
        ...

    def advance_import(self, before: ImportJob, after: ImportJob) -> bool:
        """
        Replace *before* by *after* and add the contacts stored between to the list's count.

        False, changing nothing, when status or position are no longer *before*'s.
        """
        ...


class Contacts(Protocol):
    """The contacts of the lists."""

    def add(self, list_id: str, shards: int, contacts: Sequence[Contact]) -> list[tuple[str, int]]:
        """
        Store each of *contacts* (distinct phones) unless its phone is in the list already.

        Returns for each the (import id, line) of the contact that now stands.
        """
        ...

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        """Yield by lead key the contacts whose key starts with *first* to *last* (inclusive)."""
        ...


class OptOutLookup(Protocol):
    """Who of many has opted out: for information, never instead of the gate."""

    def opted_out_among(self, phones: Sequence[str]) -> set[str]:
        """Return those of *phones* that are opted out just now."""
        ...


class CampaignPlans(Protocol):
    """Campaigns from due to active. Every write names the state it may come from."""

    def planning(self, campaign_id: str) -> tuple[Campaign, AudiencePlan | None]:
        """Return the campaign and, once launched, its plan, consistently; raises NotFound."""
        ...

    def save_plan(self, before: AudiencePlan, after: AudiencePlan, now: datetime) -> bool:
        """Replace the plan; False when the launch or the cursor is no longer *before*'s."""
        ...

    def activate(
        self, campaign: Campaign, plan: AudiencePlan, runs: Sequence[Run], now: datetime
    ) -> bool:
        """Move processing -> active and store *runs*, all or nothing; False when it moved on."""
        ...

    def reject(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        """Move this launch's processing -> draft with *problem*; False when it moved on."""
        ...

    def due(self, now: datetime) -> Iterator[Campaign]:
        """Yield the scheduled campaigns whose time has come."""
        ...

    def launch(self, campaign: Campaign, now: datetime) -> bool:
        """Move scheduled -> processing; False when it, or its time, has changed."""
        ...

    def hold(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        """Move scheduled -> draft with *problem*; False when it, or its time, has changed."""
        ...

    def over(self, now: datetime) -> Iterator[Campaign]:
        """Yield the active and paused campaigns whose end has come."""
        ...

    def end(self, campaign: Campaign, now: datetime) -> bool:
        """Move active or paused -> finished; False when it, or its end, has changed."""
        ...

    def processing_since(self, moment: datetime) -> Iterator[str]:
        """Yield ids of processing campaigns that nobody has touched since *moment*."""
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


class Audiences(Protocol):
    """The frozen audience of a campaign."""

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        """Return the part's recipients, sorted by key; raises NotFound."""
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


class Conversations(Protocol):
    """The messages table as inbound processing sees it."""

    def newest_lead(
        self, runs: list[Run], key: str, since: datetime, until: datetime | None = None
    ) -> tuple[Run, LeadRow] | None:
        """Return the lead of *key* last written to from *since* to *until*, over *runs*."""
        ...

    def record_inbound(
        self, ref: RowRef, reply: Reply, *, keyword: str, office_id: str
    ) -> RecordedReply:
        """
        Store the inbound message once, or as a duplicate; return how it stands.

        A duplicate has a row of its own, which nothing counts. Of two deliveries at the same
        moment exactly one is the duplicate.
        """
        ...

    def note_reply(self, lead: RowRef, at: datetime, *, opt_out_kind: str | None) -> None:
        """Mark the lead as having replied (first time only), and as opted out (first time only)."""
        ...

    def note_opt_out(self, lead: RowRef, at: datetime, *, kind: str) -> None:
        """Mark the lead as opted out by other means than a reply (O3), if it is not already."""
        ...

    def claim_answer(self, claim: Claim, *, purpose: str, text: str = "") -> bool:
        """Take the right to send one answer, *text*; False when the row is there already."""
        ...

    def answer(self, ref: RowRef) -> LeadRow | None:
        """Return the answer's row, strongly consistent."""
        ...


class Outbox(Protocol):
    """Agents' and the assistant's answers, from their decision to their final receipt (V5)."""

    def put(self, reply: QueuedReply) -> bool:
        """Keep *reply*, with its row in the conversation; False when it was kept before."""
        ...

    def waiting(self, sender_id: str, now: datetime, limit: int) -> list[QueuedReply]:
        """Return the replies that are due, the longest waiting first; strongly consistent."""
        ...

    def postpone(self, reply: QueuedReply, until: datetime) -> None:
        """Let *reply* be due again at *until*: its final receipt is waited for. Idempotent."""
        ...

    def done(self, reply: QueuedReply) -> None:
        """Take *reply* out: its row is final. Idempotent."""
        ...


class Attachments(Protocol):
    """The messages table as far as files of inbound messages go."""

    def attachment(self, ref: RowRef, index: int) -> Attachment:
        """Return the *index*-th file of the row *ref*, strongly consistent; raises NotFound."""
        ...

    def note(self, ref: RowRef, item: MediaItem) -> MediaItem:
        """Note what became of a file, unless that is noted already; return what is noted."""
        ...


class SenderLookup(Protocol):
    """Who has which provider account."""

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        ...


class MediaSource(Protocol):
    """Where providers keep the files of inbound messages."""

    def fetch(self, url: str, sender: Sender) -> FetchedFile:
        """Return the file at *url*, which came to *sender*; raises MediaRefused."""
        ...


class AttachmentFiles(Protocol):
    """Files of strangers, which are downloaded and never shown."""

    def put_attachment(self, key: str, body: bytes, *, content_type: str, filename: str) -> None:
        """Store *body* under *key*, replacing, to be downloaded as *filename*."""
        ...


class Gate(Protocol):
    """The last look before a provider call."""

    def look(
        self, *, phone: str, campaign_id: str | None, sender_id: str, lead: RowRef | None = None
    ) -> GateView:
        """
        Read suppression, campaign state and lease token, strongly consistent, in one request.

        With *lead* also whether that person has replied, which cancels follow-ups (M3).
        Without a campaign, for an answer in a conversation, none is active.
        """
        ...


class Holds(Protocol):
    """Whom no campaign texts until a person has decided what they meant (O1)."""

    def hold(self, phone: str, cause: str, at: datetime) -> None:
        """Hold *phone* because of the message *cause*; holding it again changes nothing."""
        ...

    def release(self, phone: str) -> None:
        """Let campaigns text *phone* again, as far as its consent goes. Idempotent."""
        ...


class Suppressions(Protocol):
    """
    Who must not be texted. Ordered by event time: an older event never overrides a newer.

    Every event is kept in the consent ledger as well (O6), whether it decides or not.
    """

    def opt_out(self, wanted: Suppression) -> Suppression:
        """Commit an opt-out unless a newer event stands; return what stands now."""
        ...

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        ...

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        ...

    def note_thread(self, said: Suppression, row: RowRef) -> None:
        """Add to the ledger's entry of *said* to which conversation *row* it belongs, once."""
        ...


class ConsentLedger(Protocol):
    """Every opt-in and opt-out, and where each phone stands now (O5, O6)."""

    def entries(self, phone: str, limit: int, after: Position | None) -> Listing[ConsentEntry]:
        """Return events of *phone*, newest first."""
        ...

    def history(self, phone: str) -> Iterator[ConsentEntry]:
        """Yield every event of *phone*, newest first, strongly consistent."""
        ...

    def newest(self, limit: int, after: Position | None) -> Listing[OptOut]:
        """Return who is opted out, who was recorded last first; it may be a little old."""
        ...

    def starting_with(self, digits: str, limit: int, after: Position | None) -> Listing[OptOut]:
        """Return who is opted out whose number starts with *digits* (4 or more), by number."""
        ...


class MessageEvidence(Protocol):
    """What is kept of one person's messages; reads are consistent."""

    def messages(self, campaign_id: str, part: int, key: str) -> list[SentMessage]:
        """Return the campaign's messages to the lead *key*, answers included, oldest first."""
        ...

    def policy_since(self) -> datetime | None:
        """Return since when the present policy stands; None without one."""
        ...

    def counted(self, phone: str) -> Mapping[str, datetime]:
        """Return what counts towards caps on *phone*: the messages of 8 days, by name."""
        ...


class OptOutLanes(Protocol):
    """Who is opted out, in lanes, each in the order in which it was recorded."""

    def lane_after(self, lane: int, after: str, limit: int) -> list[tuple[str, OptOut]]:
        """Return the next *limit* of *lane* behind the place *after* (""), with their places."""
        ...


class OptOutJobs(Protocol):
    """Imports and exports of opt-outs, and what was asked under a key; reads are consistent."""

    def create_import(self, new: OptOutImport, digest: str) -> OptOutImport:
        """
        Keep *new*, or return what stands under its id already.

        Conflict (``idempotency_key_reused``) when that was made by another request.
        """
        ...

    def opt_out_import(self, import_id: str) -> OptOutImport:
        """Return the import; raises NotFound."""
        ...

    def advance_import(self, before: OptOutImport, after: OptOutImport) -> bool:
        """Replace *before*; False, changing nothing, when status or position are not its."""
        ...

    def create_export(self, new: OptOutExport, digest: str) -> OptOutExport:
        """Keep *new*, or return what stands under its id already; as for an import."""
        ...

    def opt_out_export(self, export_id: str) -> OptOutExport:
        """Return the export; raises NotFound."""
        ...

    def advance_export(self, before: OptOutExport, after: OptOutExport) -> bool:
        """Replace *before*; False, changing nothing, when its status or place are others."""
        ...

    def first_asked(self, request_id: str, digest: str, now: datetime) -> datetime:
        """
        Return when the request *request_id* was first made: *now*, or earlier.

        Conflict (``idempotency_key_reused``) when that was another request.
        """
        ...


class MirroredConsents(Suppressions, Protocol):
    """Who must not be texted, as it is compared with the providers' own lists (O5)."""

    def standing_of(self, phones: Sequence[str]) -> dict[str, Suppression]:
        """Return where those of *phones* stand of which we know; it may be a little old."""
        ...

    def opted_out_after(
        self, cursor: str | None, rows: int
    ) -> tuple[list[Suppression], str | None]:
        """
        Return opt-outs behind *cursor* (None: the first), having looked at *rows* rows at most.

        In an order of the store's own, in which an opt-out's phone is a cursor, too; also
        returned is the cursor to go on behind, None at the end.
        """
        ...


class ConsentNews(Protocol):
    """Whose consent has changed lately; it may be a little behind."""

    def after(self, position: str, until: datetime, limit: int) -> list[tuple[str, str]]:
        """
        Return (position, phone) of the first *limit* changes behind *position*, oldest first.

        Only those recorded before *until*; of several changes of one phone the last.
        """
        ...


class MirrorStates(Protocol):
    """How far each provider's list has been mirrored."""

    def get(self, name: str) -> MirrorState:
        """Return how far the list *name* has come; a new one has come nowhere."""
        ...

    def save(self, name: str, state: MirrorState) -> None:
        """Keep *state* in place of the one that stands."""
        ...


class ProviderOptOuts(Protocol):
    """
    One provider's own opt-out list, named uniquely. Every call may be repeated.

    All raise Throttled, Unavailable (both: try again later) and NotFound (no such list).
    """

    @property
    def name(self) -> str:
        """Name it; what is imported from it bears the name as its cause."""
        ...

    def put(self, phone: str) -> None:
        """Have the provider refuse messages to *phone*; InvalidInput for what is no number."""
        ...

    def remove(self, phone: str) -> None:
        """Let the provider send to *phone* again; Conflict when it does not allow that."""
        ...

    def of(self, phone: str) -> ListedOptOut | None:
        """Return the entry of *phone*, or None when it is not on the list."""
        ...

    def page(self, cursor: str | None) -> tuple[list[ListedOptOut], str | None]:
        """Return some entries and the next page's cursor; InvalidInput for a stale *cursor*."""
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
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """
        Return the newest such message of the provider's own log, or None if it never took it.

        Only messages created at or after *since* whose text has *text_digest*
        (``domain.message.text_digest``) count, and none of *known_ids*: those are
        other messages of ours.

        Raises Unavailable when the log cannot be read just now, and when it cannot tell:
        a message to that person since then has another text than ours and is not
        among *known_ids* (a provider may rewrite texts), or there is no log at all
        (``provider_code`` ending in ``no_log``).
        """
        ...

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state from the provider's log; raises NotFound."""
        ...


class CounterBooks(Protocol):
    """The counters as the aggregator writes them."""

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        """Return the book of every one of *partitions*, strongly consistent; new ones are empty."""
        ...

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        """
        Write the whole *fold* in one transaction, additions into *lane*, or nothing.

        A repeated commit is ``MOVED``: its books stand further by then.
        """
        ...


class Offices(Protocol):
    """The offices of the organisation."""

    def create(self, office: Office, digest: str) -> Office:
        """Keep *office*; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, office_id: str) -> Office:
        """Return the office; raises NotFound (``office_not_found``)."""
        ...

    def all(self) -> list[Office]:
        """Return every office, by name; an organisation has few."""
        ...


class Senders(Protocol):
    """The senders as management sees them."""

    def create(self, sender: Sender, digest: str) -> Sender:
        """Keep *sender*; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound (``sender_not_found``)."""
        ...

    def change(
        self, sender_id: str, changes: Mapping[str, Any], *, allowed: frozenset[str]
    ) -> Sender:
        """
        Write *changes* if the sender's status is one of *allowed*, and return it as it is now.

        Raises NotFound, and Conflict (``sender_state``) when it is in another.
        """
        ...

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Sender]:
        """Return senders of *offices* (None: all), newest first; see ``Campaigns.page``."""
        ...


class Policies(Protocol):
    """The organisation's one policy."""

    def get(self) -> OrganisationPolicy:
        """Return it; without one, what the law alone asks."""
        ...

    def put(self, policy: OrganisationPolicy, now: datetime) -> None:
        """Keep *policy* in place of the one that stands."""
        ...


class ManagedLists(Protocol):
    """Contact lists and their imports as management sees them."""

    def create(self, contacts: ListRecord, digest: str) -> ListRecord:
        """Keep the list; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, list_id: str) -> ListRecord:
        """Return the list; raises NotFound (``list_not_found``)."""
        ...

    def page(
        self, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[ListRecord]:
        """Return lists of *offices* (None: all), newest first; see ``Campaigns.page``."""
        ...

    def create_import(self, new: ImportRecord, digest: str) -> ImportRecord:
        """Keep an import; see ``Campaigns.create`` for a repetition."""
        ...

    def get_import(self, list_id: str, import_id: str) -> ImportRecord:
        """Return the import; raises NotFound (``import_not_found``)."""
        ...

    def queue_import(
        self,
        wanted: ImportRecord,
        *,
        size: int,
        mapping: Mapping[str, str],
        allowed: frozenset[ImportStatus],
    ) -> ImportRecord:
        """
        Set the import to queued, if it is in one of *allowed*, and return it.

        Raises Conflict (``import_state``) when it is not.
        """
        ...


class UploadLinks(Protocol):
    """Object storage as callers use it: by links that are good for one thing and some time."""

    def size(self, key: str) -> int:
        """Return the object's size in bytes; raises NotFound."""
        ...

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        """Return a URL that takes one PUT of *content_type*."""
        ...

    def download_link(self, key: str, *, filename: str, expires_s: int) -> str:
        """Return a URL that serves the object as *filename*."""
        ...


class Campaigns(Protocol):
    """Campaigns as management changes them. Every write is conditional."""

    def create(self, campaign: Campaign, digest: str) -> Campaign:
        """
        Keep *campaign*, or return the one that stands under its id already.

        *digest* is the hash of the request that made it: the same id with
        another digest raises Conflict (``idempotency_key_reused``).
        """
        ...

    def get(self, campaign_id: str) -> Campaign:
        """Return the campaign, strongly consistent; raises NotFound (``campaign_not_found``)."""
        ...

    def change(self, seen: Campaign, changes: Mapping[str, Any], now: datetime) -> Campaign:
        """
        Write *changes* (field -> value) if nothing was written since *seen* was read.

        Raises Conflict (``version_conflict``) otherwise. Returns it as it is now.
        """
        ...

    def transition(
        self,
        campaign_id: str,
        action: Action,
        now: datetime,
        *,
        changes: Mapping[str, Any],
        version: int | None = None,
        mark: str | None = None,
    ) -> Campaign:
        """
        Take *action*, writing *changes* with it, and return the campaign as it is now.

        Raises NotFound, Conflict (``campaign_state``) when K4 has no such
        transition, and Conflict (``version_conflict``) when *version* is given
        and no longer the present one. *mark* names the request: when the last
        transition bears the same one, this is its repetition, which changes nothing.
        """
        ...

    def page(
        self, tab: str, offices: frozenset[str] | None, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """
        Return at most *limit* campaigns of a tab and of *offices* (None: all), newest first.

        Raises InvalidInput (``cursor_invalid``) when *after* is not a position
        in this very listing.
        """
        ...


class RecountBooks(Protocol):
    """The counters as a recount compares and corrects them."""

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        """Return the book of every one of *partitions*, strongly consistent; new ones are empty."""
        ...

    def lanes(self, campaign_id: str) -> Counts:
        """Return the campaign's totals over its lanes, strongly consistent."""
        ...

    def quarters(self, campaign_id: str) -> dict[str, Counts]:
        """Return the campaign's counters by quarter hour, all of them, strongly consistent."""
        ...

    def correct_part(
        self, campaign_id: str, partition: str, book: PartBook, drift: Mapping[str, int]
    ) -> bool:
        """Add *drift* to the book and the campaign if *book* still stands; False when it moved."""
        ...

    def correct_campaign(self, fold: Fold, version: int) -> bool:
        """Add *fold*'s amounts, once per recount *version*; False when another recount did."""
        ...

    def recount_version(self, campaign_id: str) -> int:
        """Return how often recounts have corrected this campaign, strongly consistent."""
        ...

    def note_recount(self, report: RecountReport) -> None:
        """Keep *report* as the campaign's last recount."""
        ...


class CountedRows(Protocol):
    """The messages table as a recount reads it."""

    def rows(self, partition: str) -> dict[str, Row]:
        """Return what counts of every row of *partition*, by sort key, strongly consistent."""
        ...

    def mark(self, partition: str, sk: str, mark: str) -> bool:
        """Set the recount's *mark* on a row; False when the row is not there any more."""
        ...


class Figures(Protocol):
    """The counters as the analytics read them: a few items, whatever the number of messages."""

    def campaign_totals(self, campaign_id: str) -> tuple[Counts, RecountReport | None]:
        """Return the campaign's counters and its last recount."""
        ...

    def campaign_quarters(self, campaign_id: str, newest: int) -> dict[str, Counts]:
        """Return the counters of the campaign's *newest* quarter hours, in order."""
        ...

    def office_totals(self, office_id: str, frame: TimeFrame) -> Counts:
        """Return the office's counters within *frame*."""
        ...

    def sender_counts(self, sender_id: str) -> SenderCounts:
        """Return the sender's counters, ever and by UTC day."""
        ...


class LeadPages(Protocol):
    """The messages table as the listing of leads reads it; what it shows may be a little old."""

    def leads(
        self, campaign_id: str, part: int, after: str | None, rows: int
    ) -> tuple[list[ListedLead], str | None]:
        """
        Return leads of *part* behind the key *after*, in order of their keys, from one query.

        It looks at *rows* rows at most, of any kind; also returned is the key to go on
        behind, None when the part is through.
        """
        ...


class CampaignCatalogue(Protocol):
    """Campaigns and senders as the analytics read them."""

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        ...

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign; raises NotFound."""
        ...

    def launched_campaigns(self) -> Iterator[Campaign]:
        """Yield every campaign that has been launched."""
        ...

    def active_senders(self, sender_ids: Iterable[str]) -> int:
        """Return how many of the senders are active."""
        ...

    def office_ids(self) -> list[str]:
        """Return every office."""
        ...


class KnowledgeBook(Protocol):
    """What the assistants of the campaigns know."""

    def entries(self, campaign_id: str) -> list[KnowledgeEntry]:
        """Return all entries of the campaign, by id, strongly consistent; none of an unknown."""
        ...

    def put(self, entry: KnowledgeEntry) -> None:
        """Keep *entry*, in place of the one that has its id."""
        ...

    def delete(self, campaign_id: str, entry_id: str) -> None:
        """Drop the entry, if there is one."""
        ...


class Assistant(Protocol):
    """Something that answers contacts from what a campaign knows (V6)."""

    def answer(self, question: Question, knowledge: Sequence[KnowledgeEntry]) -> Answer | HandOver:
        """
        Return what to say, or why a person has to.

        *knowledge* are the campaign's enabled entries, at least one. Nothing but them may
        be told. It never raises for what a service that it asks does or fails to do.
        """
        ...


class ConversationBook(Protocol):
    """The conversations of the inbox. Every write is conditional on the version."""

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, strongly consistent, or None."""
        ...

    def save(self, conversation: Conversation) -> Conversation:
        """
        Write *conversation* if the one that stands has its ``version`` (0: none stands).

        Returns it with its new version; raises Conflict (``version_conflict``, with the
        present ``version``) otherwise. One that is new is found by search as well.
        """
        ...

    def page(
        self, queues: Sequence[InboxQueue], keep: InboxFilter, limit: int, after: Position | None
    ) -> Listing[Conversation]:
        """
        Return at most *limit* conversations of *queues* that *keep* lets through, each once.

        Newest message first; perhaps fewer than *limit* though there are more. What stands
        in a queue may be a little old. Raises InvalidInput (``cursor_invalid``).
        """
        ...

    def count(self, queue: InboxQueue) -> Count:
        """Return how many conversations stand in *queue*: exact up to a bound, then at least."""
        ...

    def newer(
        self, queues: Sequence[InboxQueue], since: datetime, limit: int
    ) -> list[Conversation]:
        """Return conversations of *queues* with a message at or after *since*, newest first."""
        ...

    def search(
        self, office_ids: Sequence[str], key: SearchKey, limit: int, after: Position | None
    ) -> Listing[Conversation]:
        """Return at most *limit* conversations found by *key*, in order of their terms."""
        ...

    def next_turn(self, scope: str) -> int:
        """Return how often this was asked for *scope* before: whose turn it is (round robin)."""
        ...


class Transcripts(Protocol):
    """The messages table as a transcript reads it."""

    def messages(self, thread: RowRef) -> list[TranscriptRow]:
        """Return every message of *thread*, strongly consistent, in any order."""
        ...


class CampaignTexts(Protocol):
    """What campaigns said, version by version (K10)."""

    def content(self, campaign_id: str, version: int) -> CampaignContent | None:
        """Return what the campaign said at *version*, or None when that was not kept."""
        ...


class CannedReplies(Protocol):
    """Texts that offices keep ready."""

    def create(self, canned: CannedReply, digest: str) -> CannedReply:
        """Keep *canned*; see ``Campaigns.create`` for a repetition."""
        ...

    def of(self, office_id: str) -> list[CannedReply]:
        """Return the office's, by title."""
        ...

    def remove(self, canned: CannedReply) -> None:
        """Drop *canned* (idempotent)."""
        ...


class Clicks(Protocol):
    """Who may have opened a short link, and that they did (M6)."""

    def campaigns(self, code: str, *, fresh: bool = False) -> Sequence[LinkedCampaign]:
        """
        Return the launched campaigns whose codes begin with *code*; usually one.

        As they were a short while ago, unless *fresh*: after a launch links are only added.
        """
        ...

    def clickers(self, campaign: LinkedCampaign, start: str) -> Sequence[Clicker]:
        """Return the leads of *campaign* that were claimed and whose keys begin with *start*."""
        ...

    def note(self, click: Click) -> None:
        """
        Count *click* with its lead; the same one again changes nothing.

        A person's first one is kept with its time (``clicked_at``). Beyond ``MOST_COUNTED`` of
        one link, and for a lead whose row is gone, nothing is counted.
        """
        ...
