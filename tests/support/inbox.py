"""An inbox over fakes: conversations, replies and transcripts as the API composes them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.conversation import Conversation, InboundKind, after_inbound
from carillon.domain.law_pack import LawPack, shipped_pack
from carillon.domain.message import Recipient
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Windows
from carillon.usecases.manage_conversations import InboxWorld, ManageConversations
from carillon.usecases.read_transcript import ReadTranscript, TranscriptWorld
from carillon.usecases.reply_in_conversation import ReplyInConversation, ReplyRules, ReplyTexts
from tests.support.clock import FakeClock
from tests.support.conversations import (
    FakeBook,
    FakeCampaignTexts,
    FakeCannedReplies,
    FakeTranscripts,
    a_canned_reply,
    a_conversation,
    an_inbound,
)
from tests.support.messages import KEY, PHONE, after
from tests.support.outbox import FakeOutbox
from tests.support.sending import (
    FakeAudiences,
    FakeDirectory,
    FakeHolds,
    FakeMessages,
    FakeQueue,
    FakeSuppressions,
    a_campaign,
    a_sender,
)

NEW_YORK = Whereabouts(("America/New_York",), ("US", "US-NY"), "test")
OFFICES = ("off_north", "off_south")


class RealAudience(FakeAudiences):
    """Implements ``ports.Audiences`` with NotFound for what is not there, as storage does."""

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        return self.parts.get((campaign_id, part), [])


class InboxScene:
    """An organisation of two offices at *now*, 7:02 in the morning in New York unless said."""

    def __init__(self, *conversations: Conversation, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock(after(120))
        self.book = FakeBook(*conversations)
        self.messages, self.suppressions = FakeMessages(), FakeSuppressions()
        self.holds = FakeHolds()
        self.outbox = FakeOutbox(self.messages)
        self.canned = FakeCannedReplies(a_canned_reply())
        self.directory, self.audiences = FakeDirectory(), RealAudience()
        self.texts, self.send_queue = FakeCampaignTexts(), FakeQueue()
        self.directory.sender_by_id["snd_a"] = a_sender()
        self.keep_campaign(a_campaign())
        fields = {"first_name": "Ada"}
        self.audiences.parts["cmp_a", 0] = [Recipient(KEY, PHONE, fields, NEW_YORK)]
        self.pack: LawPack = shipped_pack()
        self.world = InboxWorld(
            book=self.book,
            conversations=self.messages,
            outbox=self.outbox,
            suppressions=self.suppressions,
            holds=self.holds,
            directory=self.directory,
            office_ids=lambda: OFFICES,
            campaigns_of=self._campaigns_of,
            send_queue=self.send_queue,
            clock=self.clock,
            stale_after=timedelta(minutes=30),
        )
        self.answers_outside_hours = "warn"
        self.rules = ReplyRules(
            windows_of=lambda hours: Windows(hours, self.pack),
            locate=lambda _: NEW_YORK,
            answers_outside_hours=lambda: self.answers_outside_hours,
        )
        self.reply_texts = ReplyTexts(
            audiences=self.audiences, canned=self.canned, compile_body=_renderer
        )
        self.inbox, self.replies = self.replies_of(self.world)
        self.transcript = ReadTranscript(
            self.inbox,
            TranscriptWorld(
                transcripts=FakeTranscripts(self.messages),
                texts=self.texts,
                audiences=self.audiences,
                compile_body=_renderer,
            ),
        )

    def _campaigns_of(self, subject: str) -> list[str]:
        kept = self.directory.campaigns.values()
        return [one.id for one in kept if subject in one.agents]

    def keep_campaign(self, campaign: Campaign) -> None:
        self.directory.campaigns[campaign.id] = campaign

    def replies_of(self, world: InboxWorld) -> tuple[ManageConversations, ReplyInConversation]:
        """Return inbox and replies over *world*, all else as here."""
        inbox = ManageConversations(world)
        return inbox, ReplyInConversation(inbox, world, self.rules, self.reply_texts)

    def kept(self, conversation: Conversation) -> Conversation:
        return self.book.standing[conversation.id]


def _renderer(body: str) -> Any:
    return lambda fields, _links=None: body.replace("{{first_name}}", fields.get("first_name", ""))


def waiting(seconds: float = 60, **changes: Any) -> Conversation:
    """Return a conversation that needs attention since *seconds* after noon, at version 1."""
    told = after_inbound(
        a_conversation(), an_inbound(seconds, kind=InboundKind.ORDINARY), after(seconds)
    )
    return replace(told, version=1, **changes)


def signed_in(
    role: Role = Role.AGENT, offices: Iterable[str] = ("off_north",), subject: str = "usr_1"
) -> Access:
    scope = Scope.ALL if role is Role.ADMIN else Scope.OWN
    return Access(Caller(subject, role, frozenset(offices)), scope)
