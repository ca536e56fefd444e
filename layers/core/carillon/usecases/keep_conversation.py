"""
The conversation that an inbound message belongs to: begun with it, or told of it (I3, V2).

Safe to repeat: the conversation knows a message again, and whoever loses a race reads the
conversation again and applies the message to what stands then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from carillon.domain.campaign import Campaign, CampaignStatus, Sender
from carillon.domain.conversation import (
    AGENT,
    ASSISTANT,
    Conversation,
    Inbound,
    InboundKind,
    after_inbound,
    assigned,
    conversation_id,
    handed_over,
)
from carillon.domain.errors import Conflict, NotFound, Throttled
from carillon.domain.message import Reply, RowRef
from carillon.ports import Audiences, Clock, ConversationBook, Queue, SendingDirectory
from carillon.usecases.assign_conversation import AssignBy, chosen_agent

_TRIES = 8
# A number that serves one campaign: with it, its conversations end.
SINGLE_USE = "single_use"


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """
    Where conversations are kept and who is told of them.

    Without an *assistant* (its queue) what it would be asked goes to an agent.
    """

    book: ConversationBook
    audiences: Audiences
    directory: SendingDirectory
    clock: Clock
    assistant: Queue | None = None


def keep_conversation(
    thread: RowRef,
    inbound: Inbound,
    reply: Reply,
    *,
    sender: Sender,
    campaign_id: str | None,
    office_id: str,
    inbox: Inbox,
) -> Conversation:
    """
    Take *inbound* into the conversation on *thread*, once, and ask the assistant if it is its.

    Raises Throttled when others keep changing the conversation.
    """
    begin = partial(
        _begun,
        thread,
        inbound,
        reply,
        sender=sender,
        campaign_id=campaign_id,
        office_id=office_id,
        inbox=inbox,
    )
    standing = inbox.book.get(conversation_id(thread))
    fresh = begin() if standing is None else None
    for _ in range(_TRIES):
        before = standing or fresh or begin()
        after = _applied(before, inbound, inbox)
        if after is before:
            break
        try:
            after = inbox.book.save(after)
            break
        except Conflict as error:
            if error.code != "version_conflict":
                raise
            standing = inbox.book.get(before.id)
    else:
        raise Throttled("This conversation is being changed all the time.", retry_after_s=2)
    _ask_assistant(after, inbound, inbox)
    return after


def change_conversation(
    conversation_id: str, change: Callable[[Conversation], Conversation], book: ConversationBook
) -> Conversation:
    """
    Apply *change* to the conversation as it stands, and again if it moved meanwhile.

    Raises NotFound, Throttled when others keep changing it, and whatever *change* raises.
    """
    for _ in range(_TRIES):
        before = book.get(conversation_id)
        if before is None:
            raise NotFound("There is no such conversation.", code="conversation_not_found")
        after = change(before)
        if after is before:
            return before
        try:
            return book.save(after)
        except Conflict as error:
            if error.code != "version_conflict":
                raise
    raise Throttled("This conversation is being changed all the time.", retry_after_s=2)


def _applied(before: Conversation, inbound: Inbound, inbox: Inbox) -> Conversation:
    now = inbox.clock.now()
    after = after_inbound(before, inbound, now)
    if after is not before and inbound.kind is InboundKind.ORDINARY and inbox.assistant is None:
        return handed_over(after, now)
    return after


def _ask_assistant(after: Conversation, inbound: Inbound, inbox: Inbox) -> None:
    # Said again with the message: a crash after the write must not leave the contact alone,
    # and the answer to a message is one however often it is asked for.
    is_its = after.operated_by == ASSISTANT and not after.is_held and not after.closed
    if inbox.assistant is not None and is_its and inbound.kind is InboundKind.ORDINARY:
        inbox.assistant.put({"conversation_id": after.id, "inbound_id": inbound.provider_id})


def _begun(
    thread: RowRef,
    inbound: Inbound,
    reply: Reply,
    *,
    sender: Sender,
    campaign_id: str | None,
    office_id: str,
    inbox: Inbox,
) -> Conversation:
    now = inbox.clock.now()
    campaign = _campaign(campaign_id, inbox)
    is_over = campaign is not None and campaign.status is CampaignStatus.ARCHIVED
    first_name, last_name = _names(thread, campaign_id, inbox)
    new = Conversation(
        id=conversation_id(thread),
        office_id=office_id,
        campaign_id=campaign_id,
        sender_id=sender.id,
        phone=reply.phone,
        created_at=now,
        updated_at=now,
        last_message_at=inbound.at,
        operated_by=campaign.operated_by if campaign is not None and not is_over else AGENT,
        closed=is_over and sender.kind == SINGLE_USE,
        first_name=first_name,
        last_name=last_name,
    )
    # A campaign that is stopped has left its contacts to the number (K8).
    agents = sender.unsolicited.agents if campaign_id is None or is_over else ()
    if not agents or new.closed:
        return new
    agent = chosen_agent(agents, AssignBy.LEAST_BUSY, f"unsolicited.{sender.id}", inbox.book)
    return assigned(new, agent, now)


def _campaign(campaign_id: str | None, inbox: Inbox) -> Campaign | None:
    if campaign_id is None:
        return None
    try:
        return inbox.directory.campaign(campaign_id)
    except NotFound:
        return None


def _names(thread: RowRef, campaign_id: str | None, inbox: Inbox) -> tuple[str, str]:
    """Return first and last name as the audience was frozen; blank where it is not there."""
    if campaign_id is None:
        return "", ""
    try:
        people = inbox.audiences.part(campaign_id, int(thread.pk.rpartition("#")[2]))
    except NotFound:
        return "", ""
    fields = next((one.fields for one in people if one.key == thread.sk), {})
    return fields.get("first_name", "").strip(), fields.get("last_name", "").strip()
