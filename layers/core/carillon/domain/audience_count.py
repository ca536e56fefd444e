"""
What an audience would be, counted before a launch, range by range (C4, C5).

    contacts      what the lists and segments offer
      duplicate     offered before under the same phone
      excluded      in an excluded list or segment
      recipients    the rest: who would be frozen at a launch
        suppressed    opted out: never texted
        landline      a number plan says that it is a fixed line: texts mostly fail
        unreachable   a number of a kind that takes no texts (toll-free, pager, premium rate)
        textable      the rest; many plans, North America's among them, do not tell fixed
                      lines from mobiles, so a landline may be among these

Every contact is counted once: contacts = duplicate + excluded + recipients, and recipients =
suppressed + landline + unreachable + textable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from carillon.domain.message import Recipient


class Reach(StrEnum):
    """What may keep a text from a recipient, as far as can be told before it is sent."""

    SUPPRESSED = "suppressed"
    LANDLINE = "landline"
    UNREACHABLE = "unreachable"
    TEXTABLE = "textable"


@dataclass(frozen=True, kw_only=True)
class AudienceCount:
    """
    Counts of the key range that was looked at; those of all ranges add up to the whole.

    *share* is how much of all keys that was, from 0 to 1: phones are spread evenly over
    them, so a small share of a large audience is a fair sample. *complete* says that nobody
    is left out: no range before or after.
    """

    as_of: datetime
    share: float
    complete: bool
    duplicate: int
    excluded: int
    by_source: Mapping[str, int]
    reach: Mapping[Reach, int]
    sample: tuple[Recipient, ...] = field(default=())

    @property
    def recipients(self) -> int:
        """Who would be frozen at a launch."""
        return sum(self.reach.values())

    @property
    def contacts(self) -> int:
        """All that were offered."""
        return self.duplicate + self.excluded + self.recipients
