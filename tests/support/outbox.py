"""The outbox of answers as a fake, and what a test needs to queue one."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.clock import to_iso
from carillon.domain.ids import lead_key
from carillon.domain.lead import LeadStatus
from carillon.domain.message import QueuedReply, RowRef, text_digest
from carillon.domain.segments import segment_count
from carillon.ports import Clock
from carillon.usecases.resolve_ambiguous import Resolution
from carillon.usecases.walk_outbox import Answering
from tests.support.clock import NOON
from tests.support.conversations import FakeBook
from tests.support.sending import FakeMessages

PHONE = "+14155550123"


class FakeOutbox:
    """Implements ``ports.Outbox`` over the fake messages table."""

    def __init__(self, messages: FakeMessages) -> None:
        self._messages = messages
        self.entries: dict[str, QueuedReply] = {}

    def put(self, reply: QueuedReply) -> bool:
        if reply.ref in self._messages.items:
            return False
        item = {
            "pk": reply.ref.pk,
            "sk": reply.ref.sk,
            "kind": "outbound",
            "author": reply.author,
            "purpose": "reply",
            "status": LeadStatus.RETRYING,
            "claim_id": f"queued.{reply.id}",
            "claimed_at": to_iso(reply.queued_at),
            "attempts": 0,
            "due_at": to_iso(reply.due_at or reply.queued_at),
            "phone": reply.phone,
            "sender_id": reply.sender_id,
            "office_id": reply.office_id,
            "segments": segment_count(reply.text),
            "content_version": 0,
            "text_digest": text_digest(reply.text),
            "text": reply.text,
            "queued_at": to_iso(reply.queued_at),
            "author_subject": reply.author_subject or None,
            "waited_s": reply.waited_s,
        }
        self._messages.items[reply.ref] = {k: v for k, v in item.items() if v is not None}
        self._messages.changes.append((None, dict(self._messages.items[reply.ref])))
        self.entries[reply.id] = reply
        return True

    def waiting(self, sender_id: str, now: datetime, limit: int) -> list[QueuedReply]:
        due = [
            (reply.next_look_at, reply.id, reply)
            for reply in self.entries.values()
            if reply.sender_id == sender_id and reply.next_look_at <= now
        ]
        return [reply for _, _, reply in sorted(due)[:limit]]

    def postpone(self, reply: QueuedReply, until: datetime) -> None:
        self.entries[reply.id] = replace(reply, look_at=until)

    def done(self, reply: QueuedReply) -> None:
        self.entries.pop(reply.id, None)


def nothing_to_answer(messages: FakeMessages, clock: Clock) -> Answering:
    """Return an outbox in which nothing waits."""

    def on_error(error: BaseException) -> None:
        raise AssertionError("there is nothing that could fail") from error

    return Answering(
        outbox=FakeOutbox(messages),
        conversations=messages,
        book=FakeBook(),
        on_error=on_error,
        resolve=lambda _ref, _row: Resolution.WAITING,
        grace=timedelta(seconds=60),
        poll_after=timedelta(minutes=15),
        now=clock.now,
    )


def a_reply(reply_id: str = "r1", phone: str = PHONE, **changes: Any) -> QueuedReply:
    """Return an agent's answer to *phone* in campaign ``cmp_a`` through ``snd_a``."""
    key = lead_key(phone)
    defaults: dict[str, Any] = {
        "ref": RowRef("cmp_a#00000", f"{key}#out#agent.{reply_id}"),
        "sender_id": "snd_a",
        "office_id": "off_north",
        "phone": phone,
        "text": f"Answer {reply_id}",
        "author": "agent",
        "queued_at": NOON,
        "conversation_id": "cnv_1",
        "author_subject": "usr_1",
    }
    return QueuedReply(id=reply_id, **{**defaults, **changes})
