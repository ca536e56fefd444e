"""
Keeps a provider's own opt-out list and our suppressions in step, a bounded piece at a time (O5).

    the news       what was opted out or in here since the last run, from the ledger
    their entries  page by page: new ones are opted out here, outdated ones taken off there
    our opt-outs   once a week all of them: what was missed, and a list that is new

Each piece may be repeated: whatever is done twice changes nothing the second time. What is
read of either side may be old, and is looked at again before anything is changed.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from carillon.domain.clock import to_iso
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.message import Suppression
from carillon.domain.opt_out_mirror import (
    ROUND_EVERY,
    ListedOptOut,
    MirrorState,
    Verdict,
    refused_again,
    verdict,
)
from carillon.ports import Clock, ConsentNews, MirroredConsents, MirrorStates, ProviderOptOuts

# Per run and list: a provider takes about ten calls a second.
_MOST_NEWS = 200
_MOST_PAGES = 20
_MOST_TAKEN_OFF = 200
_MOST_PUTS = 200
_MOST_OF_OURS = 10_000
_OURS_PER_PAGE = 500
# Clocks differ, and what is recorded now may bear the time of a moment ago, or show a little late.
_LOG_SETTLES = timedelta(minutes=1)
_NEWS_FROM = ROUND_EVERY + timedelta(days=1)

_Steps = Generator[MirrorState, None, MirrorState]


@dataclass(frozen=True, kw_only=True)
class Mirroring:
    """What the mirror stands on, and until when (``clock.monotonic``) a run may last."""

    consents: MirroredConsents
    news: ConsentNews
    states: MirrorStates
    clock: Clock
    deadline: float


def fair_shares(world: Mirroring, lists: int) -> Iterator[Mirroring]:
    """Yield *world* for one list after another, each with its share of the time that is left."""
    for left in range(lists, 0, -1):
        now = world.clock.monotonic()
        yield replace(world, deadline=now + max(world.deadline - now, 0.0) / left)


@dataclass(frozen=True)
class _Pass:
    """One run over one list; *counts* says what it did."""

    theirs: ProviderOptOuts
    world: Mirroring
    counts: Counter[str] = field(default_factory=Counter)


def mirror_opt_outs(theirs: ProviderOptOuts, world: Mirroring) -> Counter[str]:
    """
    Bring *theirs* and our suppressions a piece nearer; return how often what was done.

    Raises Throttled, Unavailable or NotFound as the list does; how far it came is kept.
    """
    run = _Pass(theirs, world)
    known = state = world.states.get(theirs.name)
    try:
        for reached in _steps(known, run):
            state = reached
            if world.clock.monotonic() >= world.deadline:
                break
    finally:
        if state != known:
            world.states.save(theirs.name, state)
    return run.counts


def _steps(state: MirrorState, run: _Pass) -> _Steps:
    """Do the run's pieces, giving after each how far the mirror has come."""
    state = yield from _tell_news(state, run)
    if run.counts["told"] == _MOST_NEWS:
        # An entry of theirs can only be judged when they know what we know.
        return state
    state = yield from _compare_theirs(state, run)
    return (yield from _compare_ours(state, run))


def _tell_news(state: MirrorState, run: _Pass) -> _Steps:
    now = run.world.clock.now()
    # What is older, a list that is new gets by the weekly round.
    since = state.told_until or to_iso(now - _NEWS_FROM)
    for position, phone in run.world.news.after(since, now - _LOG_SETTLES, _MOST_NEWS):
        standing = run.world.consents.of(phone)
        if standing is not None and standing.opted_out:
            _put(standing, run)
        elif standing is not None:
            _take_off(phone, run)
        run.counts["told"] += 1
        state = replace(state, told_until=position)
        yield state
    return state


def _compare_theirs(state: MirrorState, run: _Pass) -> _Steps:
    for _ in range(_MOST_PAGES):
        entries, cursor = _page(state.their_cursor, run)
        standing = run.world.consents.standing_of([entry.phone for entry in entries])
        for entry in entries:
            if _settle(entry, standing.get(entry.phone), run):
                # Not further yet, but time has passed.
                yield state
        state = replace(state, their_cursor=cursor)
        yield state
        tried = run.counts["taken_off_there"] + run.counts["opt_in_refused_there"]
        if cursor is None or tried >= _MOST_TAKEN_OFF:
            break
    return state


def _page(cursor: str | None, run: _Pass) -> tuple[list[ListedOptOut], str | None]:
    try:
        return run.theirs.page(cursor)
    except InvalidInput:
        if cursor is None:
            raise
        # A cursor that the provider no longer knows: begin anew.
        return run.theirs.page(None)


def _settle(entry: ListedOptOut, standing: Suppression | None, run: _Pass) -> bool:
    """Do what *entry* asks for beside *standing*, which may be old; False for nothing."""
    now, name = run.world.clock.now(), run.theirs.name
    if verdict(entry, standing, now, name) is Verdict.IN_STEP:
        return False
    match verdict(entry, run.world.consents.of(entry.phone), now, name):
        case Verdict.OPT_OUT:
            _opt_out_here(entry, now, run)
        case Verdict.TAKE_OFF:
            _take_off(entry.phone, run)
        case Verdict.KEPT_THERE:
            run.counts["kept_there"] += 1
        case Verdict.IN_STEP:
            pass
    return True


def _opt_out_here(entry: ListedOptOut, now: datetime, run: _Pass) -> None:
    run.world.consents.opt_out(
        Suppression(
            phone=entry.phone,
            opted_out=True,
            event_at=entry.since,
            source="provider",
            cause=run.theirs.name,
            committed_at=now,
        )
    )
    run.counts["opted_out_here"] += 1


def _compare_ours(state: MirrorState, run: _Pass) -> _Steps:
    now = run.world.clock.now()
    if state.our_cursor is None and state.next_round_at is not None and now < state.next_round_at:
        return state
    for _ in range(0, _MOST_OF_OURS, _OURS_PER_PAGE):
        ours, cursor = run.world.consents.opted_out_after(state.our_cursor, _OURS_PER_PAGE)
        for standing in ours:
            _put(standing, run)
            state = replace(state, our_cursor=standing.phone)
            yield state
            if run.counts["put_there"] >= _MOST_PUTS:
                return state
        state = replace(state, our_cursor=cursor)
        if cursor is None:
            state = replace(state, next_round_at=now + ROUND_EVERY)
        yield state
        if cursor is None:
            break
    return state


def _put(standing: Suppression, run: _Pass) -> None:
    """Have the provider know of an opt-out of ours that did not come from its list."""
    if standing.cause == run.theirs.name:
        return
    try:
        run.theirs.put(standing.phone)
    except InvalidInput:
        # A number that it cannot send to either.
        run.counts["not_taken_there"] += 1
        return
    run.counts["put_there"] += 1


def _take_off(phone: str, run: _Pass) -> None:
    """Have the provider send to *phone* again, unless there is a newer opt-out at its side."""
    try:
        _taken_off(phone, run)
    except InvalidInput:
        # A number that it knows nothing of must not hold up the others.
        run.counts["not_taken_there"] += 1


def _taken_off(phone: str, run: _Pass) -> None:
    entry, standing = run.theirs.of(phone), run.world.consents.of(phone)
    if entry is None or standing is None or standing.opted_out:
        return
    if entry.by_person and entry.since >= standing.event_at:
        _opt_out_here(entry, run.world.clock.now(), run)
        return
    try:
        run.theirs.remove(phone)
    except Conflict:
        # The provider wants to hear it from the person. Until then it refuses our messages,
        # and the first that is refused opts out here again (F7).
        kept = refused_again(entry, run.theirs.name, standing, run.world.clock.now())
        run.world.consents.note_kept(standing, kept)
        run.counts["opt_in_refused_there"] += 1
        return
    run.counts["taken_off_there"] += 1
