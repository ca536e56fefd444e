"""
Outcomes: that a lead did what its campaign was for (A16).

A lead has at most one, the first that was marked: by the API, which other systems call as well,
or by a tag on its conversation that the campaign takes for one. Taking a tag off a conversation
does not take the outcome back.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from carillon.domain.commands import Command, Entries, Length
from carillon.domain.conversation import MAX_TAG

MAX_OUTCOME_TAGS = 20


@dataclass(frozen=True, kw_only=True)
class OutcomeTags(Command):
    """The conversation tags that are outcomes of a campaign; none, and no tag is."""

    tags: Annotated[tuple[str, ...], Entries(MAX_OUTCOME_TAGS, MAX_TAG)]


@dataclass(frozen=True, kw_only=True)
class NewOutcome(Command):
    """Whose outcome (a number of the campaign's audience), and which."""

    phone: Annotated[str, Length(3, 32)]
    outcome: Annotated[str, Length(1, MAX_TAG)]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a lead did, and since when it counts."""

    outcome: str
    converted_at: datetime
