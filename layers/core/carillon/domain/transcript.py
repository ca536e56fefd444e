"""The messages of a conversation, as they are stored and as people read them (V1, V7)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Author(StrEnum):
    """Who wrote a message (V1); a campaign's own are the campaign's."""

    CONTACT = "contact"
    CAMPAIGN = "campaign"
    AGENT = "agent"
    ASSISTANT = "assistant"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, kw_only=True)
class TranscriptRow:
    """
    One row of the messages table.

    ``text`` is None where it is not stored: a campaign's message is rendered again from the
    campaign as it was at ``content_version``, and ``text_digest`` tells whether that is it.
    """

    sk: str
    author: Author
    at: datetime
    text: str | None = None
    status: str | None = None
    error_code: str | None = None
    text_digest: str = ""
    content_version: int = 0
    step: int = 0
    variant: str | None = None
    purpose: str | None = None
    author_subject: str | None = None
    keyword: str | None = None


@dataclass(frozen=True, kw_only=True)
class TranscriptMessage:
    """
    One message of a transcript; ``text`` is None when it is not known any more.

    ``is_exact``: the text is, to the letter, what was sent. ``status`` is the lead's states,
    ``received`` of a contact's and ``queued`` of a reply whose turn has not come.
    """

    id: str
    author: Author
    at: datetime
    status: str
    text: str | None
    is_exact: bool
    segments: int
    reason: str | None = None
    advice: str | None = None
    error_code: str | None = None
    purpose: str | None = None
    author_subject: str | None = None
