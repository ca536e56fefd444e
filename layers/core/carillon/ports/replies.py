"""What people answer, what is answered to them, and the inbox in which that is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carillon.domain.campaign import Run, Sender
from carillon.domain.canned import CannedReply
from carillon.domain.content import CampaignContent
from carillon.domain.conversation import Conversation
from carillon.domain.conversation_search import SearchKey
from carillon.domain.inbox import Count, InboxFilter, InboxQueue
from carillon.domain.listing import Listing, Position
from carillon.domain.media import Attachment, FetchedFile, MediaItem
from carillon.domain.message import Claim, LeadRow, QueuedReply, RecordedReply, Reply, RowRef
from carillon.domain.transcript import TranscriptRow


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

    def newer(self, queues: Sequence[InboxQueue], after: str, limit: int) -> list[Conversation]:
        """Return the first *limit* conversations of *queues* whose place comes after *after*."""
        ...

    def promised(self, before: datetime, limit: int) -> list[str]:
        """
        Return ids of at most *limit* conversations with a reply promised before *before*.

        The longest forgotten first; perhaps a little late, and perhaps queued meanwhile.
        """
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
