"""What travels: recipients, claims, lead rows, outgoing messages, receipts and replies."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.consent import Circumstances
from carillon.domain.errors import InvalidInput
from carillon.domain.lead import LeadStatus, is_final
from carillon.domain.whereabouts import Whereabouts


@dataclass(frozen=True)
class RowRef:
    """Names one row of the messages table."""

    pk: str
    sk: str


@dataclass(frozen=True)
class CallbackRef:
    """
    What travels with a message and comes back in its receipts (R3): the row and the attempt.

    ``token`` is what we give the provider; ``CallbackRef.parse(token)`` gives it back.
    ``claim_id`` is None in what an earlier version of ours sent: it stands for any attempt.
    """

    row: RowRef
    claim_id: str | None = None

    @property
    def token(self) -> str:
        """The reference as one URL-safe word of at most some 120 characters."""
        # base64url has nothing that a gateway, a proxy or a provider would encode anew,
        # which would break the webhook's signature.
        words = [self.row.pk, self.row.sk, *([self.claim_id] if self.claim_id else [])]
        return base64.urlsafe_b64encode("~".join(words).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str) -> "CallbackRef":
        """Return the reference that *token* holds; InvalidInput (``bad_ref``) otherwise."""
        try:
            padded = token + "=" * (-len(token) % 4)
            words = base64.urlsafe_b64decode(padded).decode().split("~")
        except (ValueError, UnicodeDecodeError):
            words = []
        if len(words) not in (2, 3) or not all(words):
            raise InvalidInput("This is not a message reference.", field="ref", code="bad_ref")
        return cls(RowRef(words[0], words[1]), words[2] if len(words) == 3 else None)


def text_digest(text: str) -> str:
    """
    Return 16 hex digits that recognise *text* in a provider's log.

    Kept with the claim, because a campaign's text may be edited before an
    ambiguous claim is resolved, and the text itself is not stored with a lead.
    """
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Recipient:
    """
    One person of a frozen audience: lead key, phone (E.164), merge fields and whereabouts.

    ``whereabouts`` is None in audiences that an earlier version froze.
    """

    key: str
    phone: str
    fields: Mapping[str, str] = field(default_factory=dict)
    whereabouts: Whereabouts | None = None


@dataclass(frozen=True, kw_only=True)
class LeadRow:
    """
    A message's row as the send path and the reconciler read it.

    ``key`` is its sort key: a lead's own, or ``step_key`` of a follow-up. What the person did
    (``replied_at``, ``opted_out_at``, ``clicked_at``) and ``steps_left`` stand with the lead
    alone.
    """

    key: str
    phone: str
    sender_id: str
    status: LeadStatus
    claim_id: str
    claimed_at: datetime
    attempts: int
    segments: int
    text_digest: str = ""
    due_at: datetime | None = None
    provider_id: str | None = None
    submitted_at: datetime | None = None
    last_outbound_at: datetime | None = None
    replied_at: datetime | None = None
    opted_out_at: datetime | None = None
    clicked_at: datetime | None = None
    steps_left: int = 0
    variant: str | None = None

    def written_by(self, until: datetime | None) -> datetime | None:
        """
        Return when the person was last written to by *until* (I2); None if only later.

        What was written to the same lead after *until*, a follow-up or an answer, does not hide
        its initial.
        """
        for at in (self.last_outbound_at, self.submitted_at):
            if at is not None and (until is None or at <= until):
                return at
        return None


def step_key(key: str, step: int) -> str:
    """Return the sort key of the lead *key*'s message *step*: 0 is its initial, 1 a follow-up."""
    return f"{key}#s{step}" if step else key


def lead_of(sort_key: str) -> str:
    """Return the key of the lead that a row with *sort_key* belongs to."""
    return sort_key.partition("#")[0]


def step_of(sort_key: str) -> int:
    """Return which message of its lead a row's *sort_key* names: what ``step_key`` made it of."""
    _, separator, step = sort_key.partition("#s")
    return int(step) if separator else 0


def campaign_of(row: RowRef) -> str | None:
    """Return whose message *row* is; None for one that answers no campaign."""
    campaign_id = row.pk.partition("#")[0]
    return campaign_id if campaign_id.startswith("cmp_") else None


def told_in(row: RowRef, **more: str) -> Circumstances:
    """Return for the consent ledger in which conversation and campaign the message *row* is."""
    return Circumstances(
        campaign_id=campaign_of(row),
        conversation=CallbackRef(RowRef(row.pk, lead_of(row.sk))).token,
        **more,
    )


@dataclass(frozen=True, kw_only=True)
class Claim:
    """
    The right to hand one message to the provider once.

    ``id`` is unique to this attempt; whoever writes the result must still hold it.
    ``attempts`` counts this one. ``retry_of`` is the claim id of the row that
    waits in ``retrying``, or None when there is no row yet. ``step`` is 0 for a lead's
    initial, whose row then tells how many follow-ups may come (``steps_left``). An MMS is one
    part to the pacer and none of the segments that are counted (M4, A10).
    """

    id: str
    ref: RowRef
    phone: str
    sender_id: str
    office_id: str
    segments: int
    content_version: int
    text_digest: str
    claimed_at: datetime
    attempts: int = 1
    retry_of: str | None = None
    step: int = 0
    steps_left: int | None = None
    variant: str | None = None
    is_mms: bool = False


@dataclass(frozen=True, kw_only=True)
class QueuedReply:
    """
    An answer that an agent or the assistant has decided on, waiting for its sender's pacer (V5).

    ``id`` is derived from what asked for it, so that asking again is the same reply. ``ref`` is
    its row in the conversation's partition. ``author`` is ``agent`` or ``assistant``;
    ``author_subject`` the agent. It goes at ``due_at`` or later, and before ``closes_at``, when
    the recipient's hours end. ``waited_s`` is how long the person had waited for a human answer
    when an agent decided on it (A8), None for all else. ``look_at`` is the outbox's own: when it
    is looked at next, where that is not when it was to go.
    """

    id: str
    ref: RowRef
    sender_id: str
    office_id: str
    phone: str
    text: str
    author: str
    queued_at: datetime
    conversation_id: str
    author_subject: str = ""
    due_at: datetime | None = None
    waited_s: int | None = None
    closes_at: datetime | None = None
    look_at: datetime | None = None

    @property
    def next_look_at(self) -> datetime:
        """When its sender's pacer is to look at it next."""
        return self.look_at or self.due_at or self.queued_at


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """
    One message as a provider adapter takes it; phones in E.164.

    Receipts are to be posted to ``status_callback``, in which ``ref_token`` stands already;
    a provider without an address per message takes ``ref_token`` in a field of its own.
    ``valid_for_s`` bounds how long the provider may keep trying (F5), where it can. What
    ``is_test`` ends in the sandbox and reaches nobody (P3).
    """

    sender: str
    recipient: str
    text: str
    status_callback: str
    ref_token: str = ""
    valid_for_s: int | None = None
    media_urls: tuple[str, ...] = ()
    is_test: bool = False


@dataclass(frozen=True)
class Accepted:
    """The provider took the message and named it *provider_id*."""

    provider_id: str


@dataclass(frozen=True, kw_only=True)
class ProviderRecord:
    """One message in the provider's own log. ``status`` is ours, by the adapter's table."""

    provider_id: str
    status: LeadStatus
    error_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """
    What a provider reports of one message; ``status`` is ours, by the adapter's table (R1).

    ``claim_id`` names the attempt that it speaks of (None: whichever stands). ``phone`` is
    the recipient, ``cost_micros`` the price in millionths of ``currency`` (A18), where known.
    """

    ref: RowRef
    provider_id: str
    status: LeadStatus
    received_at: datetime
    error_code: str | None = None
    claim_id: str | None = None
    phone: str = ""
    segments: int | None = None
    cost_micros: int | None = None
    currency: str = ""

    @property
    def is_final(self) -> bool:
        """Whether it settles the message."""
        return is_final(self.status)


class ReceiptOutcome(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"
    # Not delivered, and worth another try: the lead waits for it.
    RETRYING = "retrying"
    IGNORED_STALE = "ignored_stale"
    # It speaks of an attempt that was given up for a later one.
    SUPERSEDED = "superseded"
    UNKNOWN_ROW = "unknown_row"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One inbound message as its webhook delivered it; ``received_at`` is the webhook's time."""

    provider: str
    provider_id: str
    sender_id: str
    phone: str
    body: str
    received_at: datetime
    # The provider has recognised and answered STOP, START or HELP itself, and as which of them.
    handled_by_provider: bool = False
    provider_keyword: str = ""
    media_urls: tuple[str, ...] = ()


# Providers at times deliver one message under two ids, some seconds apart at most; people who
# say a thing twice take longer.
TWIN_WINDOW = timedelta(seconds=10)


def twin_mark(reply: Reply) -> str | None:
    """
    Return what *reply* shares with a second delivery of itself; None when nothing can tell.

    Same words and as many pictures. Pictures without a word are all alike in this, and
    people send several in a row: such a message is never taken for another.
    """
    words = reply.body.strip()
    return f"{text_digest(words)}#{len(reply.media_urls)}" if words else None


@dataclass(frozen=True)
class RecordedReply:
    """
    An inbound message as it is stored: when it first came, and whose repetition it is.

    ``duplicate_of`` is the provider id of the message that came first with the same words
    (``twin_mark``) from the same person, ``TWIN_WINDOW`` away at most, and ``repeats_at`` when
    that came; None for any other.
    """

    first_at: datetime
    duplicate_of: str | None = None
    repeats_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Lease:
    """
    The right to pace one sender until ``until``; a newer ``token`` revokes an older one.

    ``tokens_left`` is what the last pacer's bucket held when it gave its lease back,
    ``idle_s`` seconds before this one began; None when it did not give it back.
    """

    sender_id: str
    owner: str
    token: int
    until: datetime
    tokens_left: float | None = None
    idle_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GateView:
    """
    What one strongly consistent read saw right before a provider call.

    ``campaign_version`` is the present one: what was rendered from another is out of date.
    ``has_replied`` says, where a lead was asked about, whether the person answered it, and
    ``has_clicked`` whether they opened one of its short links; ``is_held`` that they may have
    meant to opt out, and nobody has decided yet (O1).
    Where a conversation was asked about: ``is_closed`` says that nothing is sent in it any more
    (K8), ``is_assistants`` that the assistant still has it and nobody has answered meanwhile.
    ``campaign_archived`` is for answers from a number that is its campaign's alone (K8).
    """

    opted_out: bool
    campaign_active: bool
    lease_token: int
    campaign_version: int
    has_replied: bool = False
    has_clicked: bool = False
    is_held: bool = False
    is_closed: bool = False
    is_assistants: bool = False
    campaign_archived: bool = False


@dataclass(frozen=True, kw_only=True)
class KeptEntry:
    """
    A provider's list that refused, *tries* times by now, to take somebody off (O5).

    ``since`` is the entry's own time: a newer entry is another one.
    """

    list: str
    since: datetime
    tries: int
    retry_at: datetime


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """
    Where a phone's consent stands. ``cause`` names the message or act that set it.

    ``event_at`` is when the person said so, and orders events; ``committed_at``
    is when we wrote it, which is what "after the opt-out" is measured from (F3).
    ``told`` is for the ledger alone (O6): the standing consent does not keep it. ``kept_by``
    names the providers' lists that do not let go of somebody who has come back.
    """

    phone: str
    opted_out: bool
    event_at: datetime
    source: str
    cause: str
    committed_at: datetime | None = None
    kept_by: tuple["KeptEntry", ...] = ()
    told: Circumstances = field(default_factory=Circumstances, compare=False)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """
    A part with unsettled leads that is looked at again at ``due_at``; ``checks`` so far.

    ``unsent`` says that some of its leads still wait for their first message.
    """

    campaign_id: str
    part: int
    due_at: datetime
    checks: int = 0
    unsent: bool = False
