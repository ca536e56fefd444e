"""Fakes of the inbox's ports, and builders of conversations and what happens to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from carillon.domain.canned import CannedReply
from carillon.domain.clock import to_iso
from carillon.domain.content import CampaignContent
from carillon.domain.conversation import (
    Conversation,
    Inbound,
    InboundKind,
    conversation_id,
)
from carillon.domain.conversation_search import SearchKey, keys_of
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.inbox import Count, InboxFilter, InboxQueue
from carillon.domain.listing import Listing, Position
from carillon.domain.message import QueuedReply, RowRef
from carillon.domain.transcript import Author, TranscriptRow
from tests.support.clock import NOON
from tests.support.messages import KEY, LEAD, PHONE, after
from tests.support.sending import FakeMessages

COUNT_BOUND = 1000


class FakeBook:
    """Implements ``ports.ConversationBook``."""

    def __init__(self, *conversations: Conversation) -> None:
        self.standing = {one.id: replace(one, version=one.version or 1) for one in conversations}
        self.turns: dict[str, int] = {}

    def get(self, conversation_id: str) -> Conversation | None:
        return self.standing.get(conversation_id)

    def save(self, conversation: Conversation) -> Conversation:
        present = self.standing.get(conversation.id)
        version = present.version if present else 0
        if version != conversation.version:
            raise Conflict("Stale.", code="version_conflict", extra={"version": version})
        saved = replace(conversation, version=version + 1)
        self.standing[saved.id] = saved
        return saved

    def page(
        self, queues: Sequence[InboxQueue], keep: InboxFilter, limit: int, after: Position | None
    ) -> Listing[Conversation]:
        if after is not None and set(after) != {"before"}:
            raise InvalidInput("Another listing.", field="cursor", code="cursor_invalid")
        found = [one for one in self._of(queues) if after is None or one.place < after["before"]]
        kept = [one for one in found if keep.keeps(one)]
        more = len(kept) > limit
        return Listing(tuple(kept[:limit]), {"before": kept[limit - 1].place} if more else None)

    def count(self, queue: InboxQueue) -> Count:
        number = len(self._of([queue]))
        return Count(min(number, COUNT_BOUND), at_least=number > COUNT_BOUND)

    def newer(self, queues: Sequence[InboxQueue], after: str, limit: int) -> list[Conversation]:
        return [one for one in reversed(self._of(queues)) if one.place > after][:limit]

    def promised(self, before: datetime, limit: int) -> list[str]:
        promised = [one for one in self.standing.values() if one.outgoing is not None]
        due = sorted((one for one in promised if one.place < to_iso(before)), key=_place)
        return [one.id for one in due[:limit]]

    def search(
        self, office_ids: Sequence[str], key: SearchKey, limit: int, after: Position | None
    ) -> Listing[Conversation]:
        found = sorted(
            (f"{term.term}#{one.id}", one)
            for one in self.standing.values()
            for term in keys_of(one)
            if one.office_id in office_ids
            and term.start == key.start
            and term.term.startswith(key.term)
        )
        rest = [pair for pair in found if after is None or pair[0] > after["after"]]
        more = len(rest) > limit
        shown = tuple(dict.fromkeys(one for _, one in rest[:limit]))
        return Listing(shown, {"after": rest[limit - 1][0]} if more else None)

    def next_turn(self, scope: str) -> int:
        turn = self.turns.get(scope, 0)
        self.turns[scope] = turn + 1
        return turn

    def _of(self, queues: Sequence[InboxQueue]) -> list[Conversation]:
        held = [one for one in self.standing.values() if any(queue.holds(one) for queue in queues)]
        return sorted(held, key=_place, reverse=True)


def _place(one: Conversation) -> str:
    return one.place


class FakeCannedReplies:
    """Implements ``ports.CannedReplies``."""

    def __init__(self, *canned: CannedReply) -> None:
        self.kept = {one.id: (one, "") for one in canned}

    def create(self, canned: CannedReply, digest: str) -> CannedReply:
        standing, first = self.kept.setdefault(canned.id, (canned, digest))
        if first != digest:
            raise Conflict("Reused.", code="idempotency_key_reused")
        return standing

    def of(self, office_id: str) -> list[CannedReply]:
        mine = [one for one, _ in self.kept.values() if one.office_id == office_id]
        return sorted(mine, key=lambda one: (one.title, one.id))

    def remove(self, canned: CannedReply) -> None:
        self.kept.pop(canned.id, None)


class FakeTranscripts:
    """Implements ``ports.Transcripts`` over the fake messages table."""

    def __init__(self, messages: FakeMessages) -> None:
        self._messages = messages

    def messages(self, thread: RowRef) -> list[TranscriptRow]:
        return [
            _row(item)
            for ref, item in self._messages.items.items()
            if ref.pk == thread.pk and ref.sk.startswith(thread.sk)
        ]


class FakeCampaignTexts:
    """Implements ``ports.CampaignTexts``; ``kept`` are the texts by campaign and version."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], CampaignContent] = {}

    def content(self, campaign_id: str, version: int) -> CampaignContent | None:
        versions = [v for one, v in self.kept if one == campaign_id and v <= version]
        return self.kept[campaign_id, max(versions)] if versions else None


def _row(item: dict[str, Any]) -> TranscriptRow:
    if item["kind"] == "inbound":
        return TranscriptRow(
            sk=item["sk"],
            author=Author.CONTACT,
            at=datetime.fromisoformat(item["received_at"]),
            text=item["body"],
            keyword=item["keyword"],
        )
    return TranscriptRow(
        sk=item["sk"],
        author=Author(item.get("author", "campaign")),
        at=datetime.fromisoformat(
            item.get("queued_at") or item.get("submitted_at") or item["claimed_at"]
        ),
        text=item.get("text"),
        status=item["status"],
        error_code=item.get("error_code"),
        text_digest=item.get("text_digest", ""),
        content_version=item.get("content_version", 0),
        step=item.get("step", 0),
        variant=item.get("variant"),
        purpose=item.get("purpose"),
        author_subject=item.get("author_subject"),
    )


def a_conversation(thread: RowRef = LEAD, **changes: Any) -> Conversation:
    made: dict[str, Any] = {
        "id": conversation_id(thread),
        "office_id": "off_north",
        "campaign_id": "cmp_a",
        "sender_id": "snd_a",
        "phone": PHONE,
        "created_at": NOON,
        "updated_at": NOON,
        "last_message_at": NOON,
    }
    return Conversation(**{**made, **changes})


def a_canned_reply(canned_id: str = "can_1", **changes: Any) -> CannedReply:
    made: dict[str, Any] = {
        "office_id": "off_north",
        "title": "Hours",
        "text": "Hi {{first_name}}, we open at 9.",
        "created_at": NOON,
        "created_by": "usr_9",
    }
    return CannedReply(id=canned_id, **{**made, **changes})


def an_inbound(seconds: float = 60, **changes: Any) -> Inbound:
    made: dict[str, Any] = {
        "provider_id": f"SMin{seconds}",
        "at": after(seconds),
        "kind": InboundKind.ORDINARY,
        "text": "who is this?",
    }
    return Inbound(**{**made, **changes})


def a_queued_reply(reply_id: str = "rpl_1", seconds: float = 120, **changes: Any) -> QueuedReply:
    made: dict[str, Any] = {
        "id": reply_id,
        "ref": RowRef(LEAD.pk, f"{KEY}#out#agent.{reply_id}"),
        "sender_id": "snd_a",
        "office_id": "off_north",
        "phone": PHONE,
        "text": "It is us.",
        "author": "agent",
        "queued_at": after(seconds),
        "author_subject": "usr_1",
        "conversation_id": conversation_id(LEAD),
        "waited_s": None,
    }
    return QueuedReply(**{**made, **changes})
