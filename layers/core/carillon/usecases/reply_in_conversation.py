"""
A person's reply: looked at before, promised to one of two at once, sent by the pacer (V5, V7).

    version still the one that was read?  --- no: told so, nothing is sent
    conversation, with the reply in it    --- one conditional write: nobody waits any more
    outbox, wake the sender's pacer       --- again by whoever finds the reply still in it
    the conversation lets go of the reply

So a crash in between loses no reply and sends none twice: the outbox keeps a reply with its
row, and only a new one. An answer to what came in within a day may go at once (the contact
has just written), and the agent is warned outside the contact's legal hours; later it waits
for the contact's window like any message of the campaign.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from carillon.domain.clock import to_iso
from carillon.domain.commands import Command, Length, Origin
from carillon.domain.conversation import Conversation, after_human_reply, waited_s
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.hours import ActiveHours
from carillon.domain.ids import derived_id, new_id
from carillon.domain.law_pack import LawPack, Policy
from carillon.domain.message import QueuedReply, Recipient, RowRef, text_digest
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access
from carillon.domain.segments import encoding, split
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Opening, Windows
from carillon.ports import Audiences, CannedReplies
from carillon.usecases.manage_conversations import (
    InboxWorld,
    ManageConversations,
    require_version,
)

# What came in no longer ago is answered, not written to anew.
ANSWER_WITHIN = timedelta(hours=24)
# A reply of which this is to be said is not queued.
_FORBIDDING = frozenset({"no_sending_hours", "outside_hours_blocked"})
# No provider of ours takes more.
MAX_REPLY = 1600


@dataclass(frozen=True, kw_only=True)
class NewReply(Command):
    """What to say: a *text* as it stands, or an office's canned reply with its merge fields."""

    text: Annotated[str, Length(1, MAX_REPLY)] | None = None
    canned_id: Annotated[str, Length(1, 80)] | None = None


@dataclass(frozen=True)
class Warned:
    """What an agent should know before sending; ``code`` is stable."""

    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class ReplyPreview:
    """
    Exactly what the contact would get, in its parts, and when.

    ``goes_at`` is None when it goes at once, or cannot go at all.
    """

    text: str
    parts: tuple[str, ...]
    segments: int
    encoding: str
    goes_at: datetime | None
    warnings: tuple[Warned, ...]


@dataclass(frozen=True)
class _Outlook:
    # When a reply would go (None: at once), and when it may no longer go (None: no such time).
    goes_at: datetime | None
    closes_at: datetime | None
    warnings: list[Warned]


@dataclass(frozen=True, kw_only=True)
class ReplyRules:
    """
    What bounds a reply in time.

    *windows_of* makes the law's and the policy's windows with a campaign's hours (None: none
    of its own), *locate* tells where a number may be. *answers_outside_hours* is the policy's
    word on an answer outside the recipient's legal hours: ``warn`` or ``block``.
    """

    windows_of: Callable[[ActiveHours | None], Windows]
    locate: Callable[[str], Whereabouts]
    answers_outside_hours: Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class ReplyTexts:
    """What replies are made of; *compile_body* makes a template's renderer."""

    audiences: Audiences
    canned: CannedReplies
    compile_body: Callable[[str], Callable[[Mapping[str, str]], str]]


def reply_rules(
    policy: Callable[[], OrganisationPolicy], pack: LawPack, locate: Callable[[str], Whereabouts]
) -> ReplyRules:
    """Return the rules by *pack* and the organisation's *policy* of the moment."""

    def windows_of(hours: ActiveHours | None) -> Windows:
        return Windows(hours, pack, Policy(hours=policy().active_hours))

    return ReplyRules(
        windows_of=windows_of,
        locate=locate,
        answers_outside_hours=lambda: policy().answers_outside_hours,
    )


def legal_hours(
    conversation: Conversation, audiences: Audiences, rules: ReplyRules, now: datetime
) -> Opening | None:
    """Return when law and policy let the contact be texted, now or next; None for never."""
    return rules.windows_of(None).opening(_where(conversation, audiences, rules), now)


class ReplyInConversation:
    """Previews replies and queues them."""

    def __init__(
        self, inbox: ManageConversations, world: InboxWorld, rules: ReplyRules, texts: ReplyTexts
    ) -> None:
        self._inbox = inbox
        self._world = world
        self._rules = rules
        self._texts = texts

    def preview(self, access: Access, conversation_id: str, new: NewReply) -> ReplyPreview:
        """Return what *new* would be, its length, and what to know before sending it."""
        conversation = self._inbox.get(access, conversation_id)
        text = self._text(conversation, new)
        outlook = self._outlook(conversation)
        parts = split(text)
        return ReplyPreview(
            text=text,
            parts=tuple(parts),
            segments=len(parts),
            encoding=encoding(text),
            goes_at=outlook.goes_at,
            warnings=tuple(outlook.warnings),
        )

    def queue(
        self,
        access: Access,
        origin: Origin,
        conversation_id: str,
        new: NewReply,
        version: int | None,
    ) -> tuple[Conversation, str]:
        """
        Promise the reply and hand it to the sender's pacer; return the reply's id as well.

        Said again under the same Idempotency-Key it is the same reply. Raises Conflict:
        ``version_conflict`` when somebody was faster, ``contact_opted_out``,
        ``conversation_closed``, ``no_sending_hours``, ``idempotency_key_reused``.
        """
        before = self._inbox.get(access, conversation_id)
        reply_id = _reply_id(origin, before)
        thread = before.ref
        ref = RowRef(thread.pk, f"{thread.sk}#out#agent.{reply_id}")
        if origin.key is not None and self._is_repeated(ref, new):
            return before, reply_id
        require_version(before, version)
        self._require_consent(before)
        text = self._text(before, new)
        reply = self._reply(before, reply_id, ref, text, access.caller.subject)
        promised = self._world.book.save(after_human_reply(before, reply))
        return self._inbox.settled(promised), reply_id

    def _reply(
        self, before: Conversation, reply_id: str, ref: RowRef, text: str, subject: str
    ) -> QueuedReply:
        outlook = self._outlook(before)
        for warning in outlook.warnings:
            if warning.code in _FORBIDDING:
                raise Conflict(warning.detail, code=warning.code)
        now = self._world.clock.now()
        return QueuedReply(
            id=reply_id,
            ref=ref,
            sender_id=before.sender_id,
            office_id=before.office_id,
            phone=before.phone,
            text=text,
            author="agent",
            queued_at=now,
            conversation_id=before.id,
            author_subject=subject,
            due_at=outlook.goes_at,
            closes_at=outlook.closes_at,
            waited_s=waited_s(before, now),
        )

    def _text(self, conversation: Conversation, new: NewReply) -> str:
        """Return what *new* says to this contact."""
        if (new.text is None) is (new.canned_id is None):
            raise InvalidInput("Say either text or canned_id.", field="text")
        if new.text is not None:
            return new.text
        kept = self._texts.canned.of(conversation.office_id)
        canned = next((one for one in kept if one.id == new.canned_id), None)
        if canned is None:
            raise InvalidInput("The office has no such canned reply.", field="canned_id")
        person = recipient_of(conversation, self._texts.audiences)
        names = {"first_name": conversation.first_name, "last_name": conversation.last_name}
        fields = person.fields if person is not None else names
        return self._texts.compile_body(canned.text)(fields)

    def _is_repeated(self, ref: RowRef, new: NewReply) -> bool:
        row = self._world.conversations.answer(ref)
        is_same = row is None or new.text is None or row.text_digest == text_digest(new.text)
        if not is_same:
            raise Conflict(
                "This Idempotency-Key was used for another request.",
                code="idempotency_key_reused",
            )
        return row is not None

    def _require_consent(self, conversation: Conversation) -> None:
        standing = self._world.suppressions.of(conversation.phone)
        if standing is not None and standing.opted_out:
            raise Conflict("The contact has opted out.", code="contact_opted_out")

    def _outlook(self, conversation: Conversation) -> _Outlook:
        """Return when a reply would go and what to know before."""
        now = self._world.clock.now()
        warnings = self._standing_warnings(conversation)
        last = conversation.last_inbound_at
        is_answer = last is not None and now - last <= ANSWER_WITHIN
        where = _where(conversation, self._texts.audiences, self._rules)
        opening = self._windows(conversation, of_campaign=not is_answer).opening(where, now)
        is_blocked = self._rules.answers_outside_hours() == "block"
        if opening is not None and opening.is_open(now):
            # Only warned of, an answer may still go a little after the hours.
            closes_at = None if is_answer and not is_blocked else opening.closes_at
            return _Outlook(None, closes_at, [*warnings, *_soon_over(opening, now)])
        if is_answer:
            outside = _outside_hours(opening, is_blocked=is_blocked)
            return _Outlook(None, None, [*warnings, outside])
        if opening is None:
            none = Warned(
                "no_sending_hours", "There is no hour at which this contact may be texted."
            )
            return _Outlook(None, None, [*warnings, none])
        later = Warned("waits", f"The contact wrote long ago: it goes at {_said(opening)}.")
        return _Outlook(opening.opens_at, opening.closes_at, [*warnings, later])

    def _standing_warnings(self, conversation: Conversation) -> list[Warned]:
        standing = self._world.suppressions.of(conversation.phone)
        warnings = []
        if standing is not None and standing.opted_out:
            warnings.append(Warned("contact_opted_out", "The contact has opted out."))
        if conversation.closed:
            warnings.append(Warned("conversation_closed", "Its campaign is stopped."))
        if conversation.is_held:
            detail = "The contact may have meant to opt out; they are held until you release them."
            warnings.append(Warned("contact_held", detail))
        return warnings

    def _windows(self, conversation: Conversation, *, of_campaign: bool) -> Windows:
        campaign_id = conversation.campaign_id
        if campaign_id is None or not of_campaign:
            return self._rules.windows_of(None)
        return self._rules.windows_of(self._world.directory.campaign(campaign_id).active_hours)


def _where(conversation: Conversation, audiences: Audiences, rules: ReplyRules) -> Whereabouts:
    person = recipient_of(conversation, audiences)
    known = person.whereabouts if person is not None else None
    return known or rules.locate(conversation.phone)


def _reply_id(origin: Origin, conversation: Conversation) -> str:
    """Return the reply's id: with a key always the same one, and never another conversation's."""
    if origin.key is None:
        return new_id("rpl")
    return derived_id("rpl", origin.subject, origin.key, conversation.id)


def recipient_of(conversation: Conversation, audiences: Audiences) -> Recipient | None:
    """Return the contact as the campaign's audience was frozen; None without either."""
    if conversation.campaign_id is None:
        return None
    thread = conversation.ref
    try:
        people = audiences.part(conversation.campaign_id, int(thread.pk.rpartition("#")[2]))
    except NotFound:
        return None
    return next((one for one in people if one.key == thread.sk), None)


def _soon_over(opening: Opening, now: datetime) -> list[Warned]:
    if opening.closes_at - now > timedelta(minutes=15):
        return []
    return [Warned("hours_end_soon", f"The contact's hours end at {to_iso(opening.closes_at)}.")]


def _outside_hours(opening: Opening | None, *, is_blocked: bool) -> Warned:
    when = f"; they begin at {_said(opening)}" if opening is not None else ""
    code = "outside_hours_blocked" if is_blocked else "outside_hours"
    return Warned(code, f"It is outside the contact's legal hours{when}.")


def _said(opening: Opening) -> str:
    return to_iso(opening.opens_at)
