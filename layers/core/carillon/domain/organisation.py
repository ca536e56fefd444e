"""The parts of an organisation (P1)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Office:
    """A place of the organisation; every campaign, sender and list belongs to one (P1)."""

    id: str
    name: str
    timezone: str
    created_at: datetime
