"""
One inbound message, from its webhook to its effects (I2, I3, O1 to O4).

The order is the promise: an opt-out is committed before anything else happens
to the message, so nothing that fails later can lose it. The message is stored, its
lead and consent noted, its conversation kept, and then it is answered. Every later
step is a conditional write, so a redelivery repeats none of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carillon.domain.campaign import Run, Sender
from carillon.domain.consent import Circumstances
from carillon.domain.conversation import Inbound, inbound_kind
from carillon.domain.errors import OutcomeUnknown, ProviderError, Rejected, Throttled
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.media import fetch_tasks
from carillon.domain.message import (
    CallbackRef,
    Claim,
    LeadRow,
    Outgoing,
    Reply,
    RowRef,
    Suppression,
    text_digest,
    told_in,
)
from carillon.domain.optout import Keyword, classify
from carillon.domain.provider_codes import CodeKind, lookup
from carillon.domain.segments import segment_count
from carillon.ports import (
    Clock,
    Conversations,
    Holds,
    Leads,
    MessageProvider,
    Queue,
    SendingDirectory,
    Suppressions,
)
from carillon.usecases.keep_conversation import Inbox, keep_conversation
from carillon.usecases.resolve_ambiguous import Resolution, resolve_claimed

# A reply belongs to the campaign that wrote to this contact last, within this time (I2).
ATTRIBUTION_WINDOW = timedelta(days=30)
# An opt-out may be confirmed once, and only this soon (47 CFR 64.1200(a)(12); O2): a queue that
# was redriven hours later must not text somebody who has opted out.
CONFIRM_WITHIN = timedelta(minutes=5)
# A message noted so long after the reply can still be what it answers; a later one cannot, and
# must not draw a redelivered reply, with its answer, into another conversation.
_CLOCK_SLACK = timedelta(seconds=10)
# Only then are the organisation's own words looked up: few messages are.
_UNSETTLED = frozenset({Keyword.NONE, Keyword.WEAK})
_PROVIDER_KEYWORDS = frozenset({Keyword.STOP, Keyword.START, Keyword.HELP})


@dataclass(frozen=True, kw_only=True)
class AnswerTexts:
    """The wording of automatic answers."""

    opt_out: str
    opt_in: str
    help: str


@dataclass(frozen=True, kw_only=True)
class ReplyWorld:
    """Everything that processing a reply touches."""

    directory: SendingDirectory
    conversations: Conversations
    leads: Leads
    suppressions: Suppressions
    holds: Holds
    inbox: Inbox
    provider_of: Callable[[Sender], MessageProvider]
    texts: AnswerTexts
    clock: Clock
    new_claim_id: Callable[[], str]
    callback_url: Callable[[str, CallbackRef], str]
    unsolicited_partition: Callable[[str, str], str]
    ambiguous_grace: timedelta
    # What the organisation lets opt out as well (O1).
    opt_out_words: Callable[[], Iterable[str]] = tuple
    # Where pictures that came along wait to be fetched; None leaves their addresses in the row.
    media: Queue | None = None


@dataclass(frozen=True, kw_only=True)
class Thread:
    """Where an inbound message belongs: its partition, and its campaign's lead if there is one."""

    pk: str
    key: str
    office_id: str
    lead: RowRef | None
    campaign_id: str | None = None


def process_reply(reply: Reply, world: ReplyWorld) -> Keyword:
    """
    Take in *reply* and do what it asks; safe to repeat.

    Raises Throttled when an automatic answer must be tried again later; by
    then everything else has been committed.
    """
    keyword = _keyword_of(reply, world)
    standing = _opted_out(reply, world) if keyword is Keyword.STOP else None
    sender = world.directory.sender(reply.sender_id)
    thread = _thread_of(reply, sender, world)
    row = RowRef(thread.pk, f"{thread.key}#in#{reply.provider_id}")
    recorded = world.conversations.record_inbound(
        row, reply, keyword=keyword, office_id=thread.office_id
    )
    first_at = recorded.first_at
    if thread.lead is not None:
        kind = "auto" if keyword is Keyword.STOP else None
        world.conversations.note_reply(thread.lead, reply.received_at, opt_out_kind=kind)
    if keyword is Keyword.STOP:
        # The opt-out did not wait until this was known.
        world.suppressions.note_thread(_consent(reply, world, opted_out=True), row)
    if keyword in (Keyword.START, Keyword.YES):
        standing = _opted_in(replace(reply, received_at=first_at), keyword, row, world)
        if standing is not None:
            # Their own clear word: what they may have meant before it is settled (O4).
            world.holds.clear(reply.phone, first_at)
    # A twin is the message that it repeats.
    message_id = recorded.duplicate_of or reply.provider_id
    said_at = recorded.repeats_at or first_at
    if keyword is Keyword.WEAK:
        # Before anybody is told: no campaign goes on until a person has decided (O1).
        world.holds.hold(reply.phone, message_id, said_at)
    keep_conversation(
        RowRef(thread.pk, thread.key),
        Inbound(
            provider_id=message_id,
            at=said_at,
            kind=inbound_kind(keyword, opted_in=standing is not None),
            text=reply.body,
            sender_id=sender.id,
        ),
        reply,
        sender=sender,
        campaign_id=thread.campaign_id,
        office_id=thread.office_id,
        inbox=world.inbox,
    )
    if world.media is not None:
        for task in fetch_tasks(row, reply):
            world.media.put(task)
    purpose, text = _answer_to(reply, keyword, standing, world.texts)
    # Consent is answered by its cause, exactly once whichever of two deliveries caused it; a
    # question asked once is answered once.
    if purpose and not (purpose == "help" and recorded.duplicate_of):
        _answer(reply, thread, sender, purpose=purpose, text=text, world=world)
    return keyword


def _keyword_of(reply: Reply, world: ReplyWorld) -> Keyword:
    """Return what *reply* asks for; a word that only the provider's own list knows counts too."""
    keyword = classify(reply.body)
    if keyword in _UNSETTLED:
        keyword = classify(reply.body, extra_stop=world.opt_out_words())
    if keyword is Keyword.STOP or reply.provider_keyword not in _PROVIDER_KEYWORDS:
        return keyword
    return Keyword(reply.provider_keyword)


def _opted_out(reply: Reply, world: ReplyWorld) -> Suppression:
    return world.suppressions.opt_out(_consent(reply, world, opted_out=True))


def _opted_in(reply: Reply, keyword: Keyword, row: RowRef, world: ReplyWorld) -> Suppression | None:
    """
    Opt in as of when *reply* was first received, which is why it is stored first.

    A provider that repeats its webhook gives it a new time; taken at that
    time, an old START would undo a STOP that came after it.
    """
    if keyword is Keyword.YES:
        standing = world.suppressions.of(reply.phone)
        # YES opts in only somebody who is out (O4); to anybody else it is an ordinary reply.
        if standing is None or not (standing.opted_out or standing.cause == reply.provider_id):
            return None
    told = told_in(row, wording=reply.body)
    return world.suppressions.opt_in(replace(_consent(reply, world, opted_out=False), told=told))


def _consent(reply: Reply, world: ReplyWorld, *, opted_out: bool) -> Suppression:
    return Suppression(
        phone=reply.phone,
        opted_out=opted_out,
        event_at=reply.received_at,
        source="keyword",
        cause=reply.provider_id,
        committed_at=world.clock.now(),
        told=Circumstances(wording=reply.body),
    )


def _answer_to(
    reply: Reply, keyword: Keyword, standing: Suppression | None, texts: AnswerTexts
) -> tuple[str, str]:
    """Return (purpose, text) of the automatic answer that is due, or two empty strings."""
    if keyword is Keyword.HELP:
        return ("", "") if reply.handled_by_provider else ("help", texts.help)
    # Exactly one confirmation (O2): only the message that set the present consent is
    # answered, and not when the provider has answered it already.
    if standing is None or standing.cause != reply.provider_id or reply.handled_by_provider:
        return "", ""
    if standing.opted_out:
        return "opt_out_confirmation", texts.opt_out
    return "opt_in_confirmation", texts.opt_in


def _thread_of(reply: Reply, sender: Sender, world: ReplyWorld) -> Thread:
    key = lead_key(reply.phone)
    # Of a test campaign nobody has heard, so nobody answers it (P3).
    heard_of = [run for run in world.directory.runs(sender.id) if not run.is_test]
    found: tuple[Run, LeadRow] | None = world.conversations.newest_lead(
        heard_of,
        key,
        reply.received_at - ATTRIBUTION_WINDOW,
        reply.received_at + _CLOCK_SLACK,
    )
    if found is None:
        pk = world.unsolicited_partition(sender.id, key)
        return Thread(pk=pk, key=key, office_id=sender.office_id, lead=None)
    run, _ = found
    lead = run.lead_ref(key)
    return Thread(
        pk=lead.pk, key=key, office_id=run.office_id, lead=lead, campaign_id=run.campaign_id
    )


def _answer(
    reply: Reply, thread: Thread, sender: Sender, *, purpose: str, text: str, world: ReplyWorld
) -> None:
    """Send *text* once, whatever is redelivered; its row is its claim."""
    ref = RowRef(thread.pk, f"{thread.key}#out#{purpose}.{_cause(reply, purpose)}")
    claim = _claim(ref, reply, thread, text=text, world=world)
    if not world.conversations.claim_answer(claim, purpose=purpose, text=text):
        again = _take_over(ref, claim, sender, world)
        if again is None or not world.leads.claim(again):
            return
        claim = again
    if _is_too_late(purpose, reply, world.clock.now()):
        # Claimed all the same: nobody sends it after this, and its thread says what became of it.
        world.leads.record_failed(claim, "confirmation_too_late", world.clock.now())
        return
    _send_answer(claim, reply, sender, text, world)


def _is_too_late(purpose: str, reply: Reply, now: datetime) -> bool:
    """Whether a confirmation would be one more message to somebody who has opted out."""
    return purpose == "opt_out_confirmation" and now > reply.received_at + CONFIRM_WITHIN


def _cause(reply: Reply, purpose: str) -> str:
    if purpose != "help":
        return reply.provider_id
    # Two machines that ask each other for help would never end: one answer a quarter of an hour.
    return f"{reply.received_at:%Y%m%dT%H}{reply.received_at.minute // 15}"


def _claim(ref: RowRef, reply: Reply, thread: Thread, *, text: str, world: ReplyWorld) -> Claim:
    return Claim(
        id=world.new_claim_id(),
        ref=ref,
        phone=reply.phone,
        sender_id=reply.sender_id,
        office_id=thread.office_id,
        segments=segment_count(text),
        content_version=0,
        text_digest=text_digest(text),
        claimed_at=world.clock.now(),
    )


def _take_over(ref: RowRef, claim: Claim, sender: Sender, world: ReplyWorld) -> Claim | None:
    """Return a claim to send again an answer that was not sent the first time, or None."""
    row = world.conversations.answer(ref)
    if row is None or row.status not in (LeadStatus.CLAIMED, LeadStatus.RETRYING):
        return None
    now = world.clock.now()
    if row.status is LeadStatus.CLAIMED:
        ripe_at = row.claimed_at + world.ambiguous_grace
        if now < ripe_at:
            left = (ripe_at - now).total_seconds()
            raise Throttled("An earlier try may still be under way.", retry_after_s=left)
        resolution = resolve_claimed(
            ref,
            row,
            sender_phone=sender.phone,
            partitions=[
                world.unsolicited_partition(sender.id, lead_key(claim.phone)),
                *_partitions(sender, lead_key(claim.phone), world),
            ],
            now=now,
            leads=world.leads,
            provider=world.provider_of(sender),
        )
        if resolution is Resolution.WAITING:
            raise Throttled("The provider's log cannot be read now.", retry_after_s=60)
        if resolution is not Resolution.RETRYING:
            return None
    return replace(claim, attempts=row.attempts + 1, retry_of=row.claim_id)


def _partitions(sender: Sender, key: str, world: ReplyWorld) -> list[str]:
    """Return the campaigns' partitions in which *sender* may have written to *key*."""
    return [run.lead_ref(key).pk for run in world.directory.runs(sender.id) if run.parts]


def _opt_out_at_provider(claim: Claim, world: ReplyWorld) -> Suppression:
    now = world.clock.now()
    return Suppression(
        phone=claim.phone,
        opted_out=True,
        event_at=now,
        source="provider",
        cause=claim.id,
        committed_at=now,
        told=told_in(claim.ref),
    )


def _send_answer(claim: Claim, reply: Reply, sender: Sender, text: str, world: ReplyWorld) -> None:
    ref = CallbackRef(claim.ref, claim.id)
    message = Outgoing(
        sender=sender.phone,
        recipient=reply.phone,
        text=text,
        status_callback=world.callback_url(sender.id, ref),
        ref_token=ref.token,
    )
    try:
        accepted = world.provider_of(sender).send(message)
    except Rejected as error:
        code = error.provider_code or error.code
        if lookup(code).kind is CodeKind.OPTED_OUT:
            # The provider knows of an opt-out that we do not: no campaign may go on (O5).
            world.suppressions.opt_out(_opt_out_at_provider(claim, world))
        world.leads.record_failed(claim, code, world.clock.now())
    except OutcomeUnknown as error:
        raise Throttled("Whether it was sent is not known yet.", retry_after_s=60) from error
    except (Throttled, ProviderError) as error:
        world.leads.record_retry(claim, error.code, world.clock.now())
        raise Throttled("The provider did not take the answer.", retry_after_s=30) from error
    else:
        world.leads.record_submitted(claim, accepted, world.clock.now())
