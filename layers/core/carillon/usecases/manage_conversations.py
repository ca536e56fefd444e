"""
The inbox as people work in it: find, look after, assign, opt out (V1 to V5, O3, P2).

Who may see a conversation: an administrator every one; managers and agents those of their
offices and those assigned to them; a limited user those assigned to them and those of the
campaigns that they are an agent of. To everybody else it is not there.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from carillon.domain.campaign_offers import reaches
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.commands import Command, Entries, Length, OneOf, Origin
from carillon.domain.conversation import (
    AGENT,
    ASSISTANT,
    MAX_TAG,
    MAX_TAGS,
    Conversation,
    Section,
    assigned,
    is_stale,
    operated,
    opted_out_by_agent,
    released,
    tagged,
    unheld,
    with_attention,
)
from carillon.domain.conversation_search import key_asked
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.inbox import Count, InboxFilter, InboxQueue, QueueKind
from carillon.domain.listing import Listing, Position
from carillon.domain.message import Suppression, told_in
from carillon.domain.permissions import Access, Role, Scope
from carillon.ports import (
    Clock,
    ConversationBook,
    Conversations,
    Holds,
    Outbox,
    Queue,
    SendingDirectory,
    Suppressions,
)
from carillon.usecases.assign_conversation import AssignBy, chosen_agent
from carillon.usecases.keep_conversation import change_conversation
from carillon.usecases.speak_for_assistant import FORGOTTEN, queue_promised

# How far back a poll looks for what has come up late: queues and indexes take their time.
_OVERLAP = timedelta(seconds=60)
_MOST_UPDATES = 100
# Read at once, and remembered in a cursor, which goes into an address.
_MOST_LOOKED_AT = 300
_MOST_REMEMBERED = 200
_LOOK_EVERY_S = 2.0
MAX_WAIT_S = 20
# The "sub" of an OIDC token: Cognito's are UUIDs, others name their source ("auth0|…").
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@|+=/-]{0,99}", re.ASCII)
_User = Annotated[str, Length(1, 100)]


@dataclass(frozen=True, kw_only=True)
class ConversationChange(Command):
    """What to change; fields left out stay, *unset* may name ``assigned_to``."""

    operated_by: Annotated[str, OneOf((AGENT, ASSISTANT))] | None = None
    needs_attention: bool | None = None
    tags: Annotated[tuple[str, ...], Entries(MAX_TAGS, MAX_TAG)] | None = None
    assigned_to: _User | None = None
    unset: Annotated[tuple[str, ...], Entries(1, 40)] = ()


@dataclass(frozen=True, kw_only=True)
class Assignment(Command):
    """Among whom to choose, and how."""

    among: Annotated[tuple[str, ...], Entries(50, 100)]
    by: Annotated[str, OneOf(tuple(AssignBy))] = AssignBy.LEAST_BUSY


@dataclass(frozen=True, kw_only=True)
class InboxWorld:
    """
    What the inbox touches; *office_ids* are those of the organisation.

    *campaigns_of* names the newest live campaigns, few of them, that a user is an agent of.
    """

    book: ConversationBook
    conversations: Conversations
    outbox: Outbox
    suppressions: Suppressions
    holds: Holds
    directory: SendingDirectory
    office_ids: Callable[[], Sequence[str]]
    campaigns_of: Callable[[str], Sequence[str]]
    send_queue: Queue
    clock: Clock
    stale_after: timedelta = timedelta(minutes=60)
    # Told of a conversation whose tags were set: one may be an outcome (A16).
    note_tags: Callable[[Conversation], object] = lambda _: None


class ManageConversations:
    """Everything a person does in the inbox, but for what is written to the contact."""

    def __init__(self, world: InboxWorld) -> None:
        self._world = world
        self._book = world.book

    def page(
        self,
        access: Access,
        wanted: InboxFilter,
        section: Section | None,
        limit: int,
        after: Position | None,
    ) -> Listing[Conversation]:
        """
        Return conversations of a section (None: of all) that *wanted* keeps, newest first.

        Assignments that have become stale are released on the way (V5).
        """
        if wanted.assigned_to is not None:
            _require_user(wanted.assigned_to, "assigned_to")
        sections = [section] if section is not None else list(Section)
        queues = self._queues(access, wanted, sections)
        own = self._own_campaigns(access)
        found = self._book.page(queues, _confined(access, wanted, own), limit, after)
        kept = (self._in_order(one) for one in found.items)
        return Listing(tuple(one for one in kept if may_see(access, one, own)), found.next)

    def counts(self, access: Access, wanted: InboxFilter) -> dict[Section, Count]:
        """
        Return how many conversations each section has; an empty one is absent (V2).

        Of *wanted* an office, a campaign, or oneself as the assigned user may be named.
        """
        if wanted.campaign_id is not None:
            self._require_campaign(access, wanted.campaign_id)
        if wanted.assigned_to not in (None, access.caller.subject):
            raise InvalidInput("Only your own assignments are counted.", field="assigned_to")
        if wanted.office_id is not None and not access.covers(wanted.office_id):
            return {}
        found: dict[Section, Count] = {}
        for section in Section:
            total = Count(0)
            for queue in self._queues(access, wanted, [section], with_own=False):
                total = total.plus(self._book.count(queue))
            if total.number:
                found[section] = total
        return found

    def search(  # noqa: PLR0917  # as page, and what to look for
        self,
        access: Access,
        text: str,
        wanted: InboxFilter,
        section: Section | None,
        limit: int,
        after: Position | None,
    ) -> Listing[Conversation]:
        """
        Return conversations whose contact's name or number begins with *text* (V1).

        Of them those that ``page`` would list, but for what is assigned to the caller in
        other offices; perhaps fewer than *limit* though there are more.
        """
        found = self._book.search(self._offices(access), key_asked(text), limit, after)
        own = self._own_campaigns(access)
        kept = [one for one in found.items if may_see(access, one, own) and wanted.keeps(one)]
        return Listing(tuple(one for one in kept if section in (None, one.section)), found.next)

    def get(self, access: Access, conversation_id: str) -> Conversation:
        """Return the conversation; NotFound when it is absent or not for the caller."""
        found = self._book.get(conversation_id)
        if found is None or not (may_see(access, found) or self._is_agent_of(access, found)):
            raise not_found()
        return self.settled(found)

    def change(
        self,
        access: Access,
        conversation_id: str,
        change: ConversationChange,
        version: int | None,
    ) -> Conversation:
        """
        Write the fields that *change* names (V3, V4, V5).

        Raises Conflict: ``version_conflict`` unless it is still at *version* (None: whichever
        it is), and what the conversation itself refuses.
        """
        before = self.get(access, conversation_id)
        require_version(before, version)
        if set(change.unset) - {"assigned_to"}:
            raise InvalidInput("unset may name assigned_to.", field="unset")
        if change.assigned_to is not None:
            _require_user(change.assigned_to, "assigned_to")
        if change.unset and change.assigned_to is not None:
            raise InvalidInput("assigned_to is both set and unset.", field="unset")
        after = _changed(before, change, self._world.clock.now())
        saved = before if after is before else self._book.save(after)
        # Behind the change, so that one that is refused marks nothing; repeating it marks again.
        if change.tags is not None:
            self._world.note_tags(saved)
        return saved

    def assign(
        self, access: Access, conversation_id: str, wanted: Assignment, version: int | None
    ) -> Conversation:
        """Give the conversation to the one of several users whose turn it is (V5)."""
        before = self.get(access, conversation_id)
        require_version(before, version)
        among = tuple(dict.fromkeys(wanted.among))
        if not among:
            raise InvalidInput("Name at least one user.", field="among")
        for user in among:
            _require_user(user, "among")
        scope = f"office.{before.office_id}"
        agent = chosen_agent(among, AssignBy(wanted.by), scope, self._book)
        after = assigned(before, agent, self._world.clock.now())
        return before if after is before else self._book.save(after)

    def release_hold(self, access: Access, conversation_id: str) -> Conversation:
        """Release a contact who was held for a weak signal (O1)."""
        held = self.get(access, conversation_id)
        now = self._world.clock.now()
        released = change_conversation(conversation_id, lambda one: unheld(one, now), self._book)
        # Last: said again after a crash, it is let go all the same. What the contact has said
        # since is nobody's decision yet.
        self._world.holds.release(held.phone, released.last_inbound_at or now)
        return released

    def opt_out(self, access: Access, origin: Origin, conversation_id: str) -> Conversation:
        """Opt the contact out: binding first, then told to lead and conversation (O2, O3)."""
        conversation = self.get(access, conversation_id)
        now = self._world.clock.now()
        self._world.suppressions.opt_out(
            Suppression(
                phone=conversation.phone,
                opted_out=True,
                event_at=now,
                source="agent",
                cause=origin.new_id("opt"),
                committed_at=now,
                told=told_in(conversation.ref, by=origin.subject),
            )
        )
        if conversation.campaign_id is not None:
            self._world.conversations.note_opt_out(conversation.ref, now, kind="manual")
        return change_conversation(
            conversation_id, lambda one: opted_out_by_agent(one, now), self._book
        )

    def updates(
        self, access: Access, after: Position | None, wait_s: float
    ) -> tuple[list[Conversation], Position]:
        """
        Return what has changed since *after*, waiting up to *wait_s* for it, and where to go on.

        Without *after* nothing but the place to begin. Something may be told twice, and
        changes that bring no message are told for a minute after the last one.
        """
        queues = self._queues(access, InboxFilter(), list(Section))
        own = self._own_campaigns(access)
        mark, seen = _read_position(after, self._world.clock.now())
        stop_at = self._world.clock.monotonic() + wait_s
        while True:
            found = self._since(queues, mark)
            fresh = [one for one in found if _token(one) not in seen and may_see(access, one, own)]
            left = stop_at - self._world.clock.monotonic()
            if fresh or after is None or left <= 0:
                break
            self._world.clock.sleep(min(_LOOK_EVERY_S, left))
        # What lies ahead goes first and moves the mark; what came up late must not hold it up.
        ahead = [one for one in fresh if one.place > mark]
        late = [one for one in fresh if one.place <= mark]
        told = [*late[:_MOST_UPDATES], *ahead[:_MOST_UPDATES]]
        passed = ahead[:_MOST_UPDATES] if len(ahead) > _MOST_UPDATES else found
        latest = max([mark, *(one.place for one in passed)])
        known = seen | {_token(one) for one in (told if after is not None else found)}
        recent = [
            one for one in found if one.place >= _overlap_before(latest) and _token(one) in known
        ]
        return ([] if after is None else told), _position(latest, recent[-_MOST_REMEMBERED:])

    def _since(self, queues: Sequence[InboxQueue], mark: str) -> list[Conversation]:
        """Return what stands shortly before *mark* and behind it, oldest first."""
        found = self._book.newer(queues, _overlap_before(mark), _MOST_LOOKED_AT)
        if len(found) < _MOST_LOOKED_AT:
            return found
        # A busy minute: what lies behind the mark is reached whatever lies before it.
        late = [one for one in found if one.place <= mark]
        return [*late, *self._book.newer(queues, mark, _MOST_UPDATES + 1)]

    def settled(self, conversation: Conversation) -> Conversation:
        """Return the conversation with a reply that was promised put into the outbox."""
        if conversation.outgoing is None:
            return conversation
        world = self._world
        return queue_promised(
            conversation.outgoing,
            book=self._book,
            outbox=world.outbox,
            send_queue=world.send_queue,
            clock=world.clock,
        )

    def _in_order(self, one: Conversation) -> Conversation:
        now = self._world.clock.now()
        if one.outgoing is not None and now - one.outgoing.queued_at > FORGOTTEN:
            one = self.settled(one)
        if not is_stale(one, self._world.stale_after, now):
            return one

        def let_go(standing: Conversation) -> Conversation:
            still = is_stale(standing, self._world.stale_after, now)
            return released(standing, now) if still else standing

        return change_conversation(one.id, let_go, self._book)

    def _queues(
        self,
        access: Access,
        wanted: InboxFilter,
        sections: Iterable[Section],
        *,
        with_own: bool = True,
    ) -> list[InboxQueue]:
        """Return the queues in which everything stands that *wanted* and *access* let through."""
        subject = access.caller.subject
        if access.caller.role is Role.LIMITED:
            # Counts would count twice what is in both: they are of one's own alone.
            campaigns = sorted(self._own_campaigns(access)) if with_own else []
            owners = [(QueueKind.USER, subject), *((QueueKind.CAMPAIGN, c) for c in campaigns)]
        elif wanted.assigned_to is not None:
            owners = [(QueueKind.USER, wanted.assigned_to)]
        elif wanted.campaign_id is not None:
            owners = [(QueueKind.CAMPAIGN, wanted.campaign_id)]
        else:
            offices = [wanted.office_id] if wanted.office_id else self._offices(access)
            owners = [(QueueKind.OFFICE, office) for office in offices]
            if with_own and access.scope is not Scope.ALL:
                owners.append((QueueKind.USER, subject))
        return [InboxQueue(kind, owner, section) for section in sections for kind, owner in owners]

    def _own_campaigns(self, access: Access) -> frozenset[str]:
        """Return the campaigns that a limited user works on; nobody else needs to be told."""
        if access.caller.role is not Role.LIMITED:
            return frozenset()
        return frozenset(self._world.campaigns_of(access.caller.subject))

    def _is_agent_of(self, access: Access, conversation: Conversation) -> bool:
        if access.caller.role is not Role.LIMITED or conversation.campaign_id is None:
            return False
        try:
            campaign = self._world.directory.campaign(conversation.campaign_id)
        except NotFound:
            return False
        return may_see(access, conversation, frozenset({campaign.id})) and reaches(
            access, campaign.office_id, campaign.agents
        )

    def _offices(self, access: Access) -> list[str]:
        return sorted(self._world.office_ids() if access.offices is None else access.offices)

    def _require_campaign(self, access: Access, campaign_id: str) -> None:
        campaign = self._world.directory.campaign(campaign_id)
        access.require_object(
            campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
        )


def may_see(
    access: Access, conversation: Conversation, own_campaigns: frozenset[str] = frozenset()
) -> bool:
    """Whether the caller may know of *conversation*; see the top of this module."""
    if access.scope is Scope.ALL or conversation.assigned_to == access.caller.subject:
        return True
    if access.covers(conversation.office_id) and conversation.campaign_id in own_campaigns:
        return True
    return access.caller.role is not Role.LIMITED and access.covers(conversation.office_id)


def not_found() -> NotFound:
    """Return what an absent conversation raises, and one that is not for the caller."""
    return NotFound("There is no such conversation.", code="conversation_not_found")


def require_version(conversation: Conversation, version: int | None) -> None:
    """Raise Conflict (``version_conflict``) unless it stands at *version*; None is any."""
    if version not in (None, conversation.version):
        raise Conflict(
            "It has changed since you read it; read it again.",
            code="version_conflict",
            extra={"version": conversation.version},
        )


def _require_user(subject: str, field: str) -> None:
    """Raise InvalidInput unless *subject* can be a user's: it becomes part of a key."""
    if not _USER.fullmatch(subject):
        raise InvalidInput(f"{field} must name users by their ids.", field=field)


def _confined(access: Access, wanted: InboxFilter, own: frozenset[str]) -> InboxFilter:
    if access.scope is Scope.ALL:
        return wanted
    is_limited = access.caller.role is Role.LIMITED
    offices = frozenset[str]() if is_limited else access.caller.offices
    return replace(wanted, offices=offices, own_subject=access.caller.subject, own_campaigns=own)


def _changed(before: Conversation, change: ConversationChange, now: datetime) -> Conversation:
    after = before
    # What is taken over may at once be marked, and what is settled at once be given away.
    if change.operated_by == AGENT:
        after = operated(after, AGENT, now)
    if change.needs_attention is not None:
        after = with_attention(after, change.needs_attention, now)
    if change.operated_by == ASSISTANT:
        after = operated(after, ASSISTANT, now)
    if change.tags is not None:
        after = tagged(after, change.tags, now)
    if change.assigned_to is not None:
        after = assigned(after, change.assigned_to, now)
    return released(after, now) if change.unset else after


def _overlap_before(place: str) -> str:
    return to_iso(from_iso(place.partition("#")[0]) - _OVERLAP)


def _token(conversation: Conversation) -> str:
    said = f"{conversation.id}:{conversation.version}"
    return hashlib.blake2b(said.encode(), digest_size=6).hexdigest()


def _position(latest: str, recent: Sequence[Conversation]) -> Position:
    # A dot, so that "nothing seen" is a text as well.
    return {"since": latest, "seen": ".".join(["", *map(_token, recent)]) or "."}


def _read_position(after: Position | None, now: datetime) -> tuple[str, frozenset[str]]:
    """Return the place from which to go on, and what was told of the minute before it."""
    if after is None:
        return to_iso(now), frozenset()
    try:
        _overlap_before(after["since"])
        return after["since"], frozenset(after["seen"].split("."))
    except (KeyError, ValueError) as error:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="after", code="cursor_invalid"
        ) from error
