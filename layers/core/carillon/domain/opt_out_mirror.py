"""
A provider's own opt-out list beside our suppressions: which of two entries is the newer (O5).

The newest event counts, and at the same instant STOP beats START. Two things are no events:
that we put a number on the list ourselves, which the list shows with a time of its own, and
that a number has left the list, which says nothing about what its owner wants.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.message import Suppression

# By then every consent that was given around the time of a put of ours has been passed on.
ECHO_LASTS = timedelta(hours=1)
# How often all our opt-outs are compared with a list, not the news alone.
ROUND_EVERY = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class ListedOptOut:
    """One entry of a provider's list. ``by_person``: they wrote STOP; else it was put there."""

    phone: str
    since: datetime
    by_person: bool


@dataclass(frozen=True, kw_only=True)
class MirrorState:
    """
    How far one list has been mirrored.

    ``told_until`` is a position in our log of consents, ``their_cursor`` one in the list and
    ``our_cursor`` the last phone of our suppressions that was compared.
    """

    told_until: str = ""
    their_cursor: str | None = None
    our_cursor: str | None = None
    next_round_at: datetime | None = None


class Verdict(StrEnum):
    """What is to be done about an entry of a provider's list."""

    IN_STEP = "in_step"
    OPT_OUT = "opt_out"  # here, too
    TAKE_OFF = "take_off"  # they have opted in since


def verdict(listed: ListedOptOut, standing: Suppression | None, now: datetime) -> Verdict:
    """Return what follows from *listed*, where *standing* is what we know of its phone."""
    if standing is None:
        return Verdict.OPT_OUT
    if standing.opted_out:
        # Said again at the provider: an old START that arrives late must not undo it.
        said_again = listed.by_person and listed.since > standing.event_at
        return Verdict.OPT_OUT if said_again else Verdict.IN_STEP
    if listed.since < standing.event_at:
        return Verdict.TAKE_OFF
    # Someone who came back while we were putting them on the list is taken off in a moment.
    may_be_an_echo = not listed.by_person and now - listed.since < ECHO_LASTS
    return Verdict.IN_STEP if may_be_an_echo else Verdict.OPT_OUT
