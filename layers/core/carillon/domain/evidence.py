"""What is kept of the messages that one person was sent: read to say why (O6)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carillon.domain.lead import LeadStatus


class MessageKind(StrEnum):
    """What a message was: a campaign's, or an answer to one of the person's own."""

    INITIAL = "initial"
    FOLLOW_UP = "follow_up"
    ANSWER = "answer"


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """
    One message's row, with what it went through.

    A row keeps its latest attempt: ``claimed_at`` and ``claim_id`` are that one's, ``attempts``
    counts all. Receipts are not kept one by one: ``status`` and ``final_at`` are what they
    came to. ``name`` is how the count of messages to one person knows it.
    """

    name: str
    kind: MessageKind
    step: int
    status: LeadStatus
    sender_id: str
    claim_id: str
    claimed_at: datetime
    attempts: int
    segments: int
    content_version: int
    text_digest: str
    variant: str | None = None
    purpose: str | None = None
    author: str | None = None
    submitted_at: datetime | None = None
    final_at: datetime | None = None
    provider_id: str | None = None
    error_code: str | None = None
    cost_micros: int | None = None
    currency: str | None = None
