"""
What a person said about being texted, and what the ledger keeps of it (O5, O6).

An *event* is one opt-in or opt-out. The newest by ``event_at`` decides where a phone stands;
every event, decisive or not, is an entry of the ledger, which is never rewritten.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# An SMS of ten parts; what a person wrote is kept as they wrote it.
MAX_WORDING = 1600


class ConsentSource(StrEnum):
    """How consent was given or withdrawn."""

    KEYWORD = "keyword"
    AGENT = "agent"
    MANAGER = "manager"
    API = "api"
    BULK = "bulk"
    # The provider's own list has the phone: somebody wrote STOP to it, or to the carrier.
    PROVIDER = "provider"


# What the person did themself: nobody takes it back for them unasked.
BY_THE_PERSON = frozenset({ConsentSource.KEYWORD, ConsentSource.PROVIDER})


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """
    What the ledger keeps of an event beside its time and cause.

    ``wording`` is the text that the person used, ``by`` the subject of the user who acted,
    ``conversation`` the id of the thread in which it happened.
    """

    wording: str = ""
    by: str = ""
    reason: str = ""
    campaign_id: str | None = None
    conversation: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConsentEntry:
    """
    One event as the ledger keeps it.

    ``event_at`` is when it was said and orders events, ``recorded_at`` when we wrote it down,
    from which it bound our sending; ``cause`` names the message or act.
    """

    phone: str
    opted_out: bool
    event_at: datetime
    recorded_at: datetime
    source: str
    cause: str
    circumstances: Circumstances = field(default_factory=Circumstances)

    def flat(self) -> dict[str, object]:
        """Return all that is known of it, the circumstances beside the rest."""
        own = {name: value for name, value in vars(self).items() if name != "circumstances"}
        return {**own, **vars(self.circumstances)}


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """
    Where one phone stands, as the opt-out manager lists it, by the event that brought it there.

    ``opted_out`` is False of somebody who has come back.
    """

    phone: str
    opted_out: bool
    event_at: datetime
    recorded_at: datetime
    source: str
    cause: str
    by: str = ""
    reason: str = ""


def has_asked_to_stop(entries: Iterable[ConsentEntry]) -> bool:
    """
    Whether the person themself has opted out since they last were opted in.

    *entries* are the newest first. The standing opt-out alone does not tell: who is taken
    off by a manager and then writes STOP still stands under the manager's.
    """
    opted_in_at: datetime | None = None
    for entry in entries:
        if not entry.opted_out:
            opted_in_at = opted_in_at or entry.event_at
        elif opted_in_at is not None and entry.event_at < opted_in_at:
            return False
        elif entry.source in BY_THE_PERSON:
            return True
    return False


def consent_at(entries: Iterable[ConsentEntry], moment: datetime) -> ConsentEntry | None:
    """
    Return the event that decided at *moment*: the newest of those that were recorded by then.

    None: nobody had said anything. At the same instant STOP beats START.
    """
    known = [entry for entry in entries if entry.recorded_at <= moment]
    return max(known, key=lambda entry: (entry.event_at, entry.opted_out), default=None)
