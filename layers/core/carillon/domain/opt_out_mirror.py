"""
A provider's own opt-out list beside our suppressions: which of two entries is the newer (O5).

The newest event counts, and at the same instant STOP beats START. Three things are no events:
that we put a number on the list ourselves, which the list shows with a time of its own; that
a number has left the list, which says nothing about what its owner wants; and that a number is
still on it because the provider did not take it off when we asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.message import KeptEntry, Suppression

# By then every consent that was given around the time of a put of ours has been passed on.
ECHO_LASTS = timedelta(hours=1)
# How often all our opt-outs are compared with a list, not the news alone.
ROUND_EVERY = timedelta(days=7)
# AWS takes a number off once in 30 days, and some never: asked again ever more seldom.
_FIRST_RETRY = timedelta(hours=1)
_LONGEST_RETRY = timedelta(days=7)
_MOST_DOUBLINGS = 10


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
    KEPT_THERE = "kept_there"  # as before, but the provider has refused: later


def verdict(
    listed: ListedOptOut, standing: Suppression | None, now: datetime, list_name: str
) -> Verdict:
    """Return what follows from *listed*, where *standing* is what we know of its phone."""
    if standing is None:
        return Verdict.OPT_OUT
    if standing.opted_out:
        # Said again at the provider: an old START that arrives late must not undo it.
        said_again = listed.by_person and listed.since > standing.event_at
        return Verdict.OPT_OUT if said_again else Verdict.IN_STEP
    kept = kept_by(list_name, standing)
    if kept is not None and _is_of(kept, listed):
        # The very entry that they did not remove: nobody has opted out by it anew.
        return Verdict.TAKE_OFF if now >= kept.retry_at else Verdict.KEPT_THERE
    if listed.since < standing.event_at or _was_undone(listed, standing):
        return Verdict.TAKE_OFF
    # Someone who came back while we were putting them on the list is taken off in a moment.
    may_be_an_echo = not listed.by_person and now - listed.since < ECHO_LASTS
    return Verdict.IN_STEP if may_be_an_echo else Verdict.OPT_OUT


def kept_by(list_name: str, standing: Suppression) -> KeptEntry | None:
    """Return what is known of *list_name* not letting go of the phone."""
    return next((kept for kept in standing.kept_by if kept.list == list_name), None)


def refused_again(
    listed: ListedOptOut, list_name: str, standing: Suppression, now: datetime
) -> KeptEntry:
    """Return what is to be known of an entry that the provider has just refused to remove."""
    before = kept_by(list_name, standing)
    tries = before.tries if before is not None and _is_of(before, listed) else 0
    wait = min(_FIRST_RETRY * 2 ** min(tries, _MOST_DOUBLINGS), _LONGEST_RETRY)
    return KeptEntry(list=list_name, since=listed.since, tries=tries + 1, retry_at=now + wait)


def _is_of(kept: KeptEntry, listed: ListedOptOut) -> bool:
    """Whether *kept* is of *listed* and of no newer entry; it is stored to the millisecond."""
    return listed.since - kept.since < timedelta(milliseconds=1)


def _was_undone(listed: ListedOptOut, standing: Suppression) -> bool:
    """
    Whether an opt-in was committed while the entry, which no person made, was there.

    A manager's removal bears the time of the opt-out that it undoes, and the list that of our
    putting it there, which is later.
    """
    committed_at = standing.committed_at
    return not listed.by_person and committed_at is not None and committed_at > listed.since
