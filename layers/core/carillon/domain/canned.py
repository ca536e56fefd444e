"""Replies that an office keeps ready (V5)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class CannedReply:
    """A text with merge fields, and the title by which agents find it."""

    id: str
    office_id: str
    title: str
    text: str
    created_at: datetime
    created_by: str
