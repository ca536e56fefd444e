"""
Launch what is due of a campaign that recurs, as a campaign of its own (K15).

    what the run needs of its own   knowledge of its assistant          may be left over
    one transaction                 the run, in processing
                                    the note that it has occurred       unless there is one
                                    the series, moved to its next time  if it is as it was read
    plan queue                      the run's planning is asked for     else a later round asks

So an occurrence is launched once, however many rounds there are at once or after a crash: its
id and its note are those of series and local time. One that is due for longer than the
lateness limit does not fire. A series that has been left alone for several occurrences fires
the last of them alone: nobody gets two messages because we were away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from carillon.domain.approval import voided
from carillon.domain.audit import PLATFORM
from carillon.domain.campaign import Campaign, CampaignStatus, cloned
from carillon.domain.clock import to_iso
from carillon.domain.ids import derived_id
from carillon.domain.occurrences import Occurrence, next_occurrence, occurrences
from carillon.domain.recurrence import Occurred, Outcome, Recurrence, run_end
from carillon.domain.schedules import EVERYWHERE, is_too_late
from carillon.ports import KnowledgeBook, Occurrences, Queue

_JUST_BEFORE = timedelta(microseconds=1)
_MAX_TITLE = 200


@dataclass(frozen=True, kw_only=True)
class SeriesWorld:
    """What launching occurrences needs."""

    occurrences: Occurrences
    knowledge: KnowledgeBook
    plan_queue: Queue


def occurrence_id(series_id: str, local_time: str) -> str:
    """Return the id of the campaign that the occurrence of *local_time* is."""
    return derived_id("cmp", series_id, local_time)


def start_occurrence(
    world: SeriesWorld, series: Campaign, now: datetime, lateness_limit: timedelta
) -> str | None:
    """Launch what is due of *series* and return its id; None when nothing was launched."""
    recurrence = series.recurrence
    if recurrence is None or series.schedule_at is None:
        return None
    due = _due(recurrence, series.schedule_at, now)
    after = _moved_on(series, recurrence, now)
    if not due or world.occurrences.occurred(series.id, due[-1].local_time):
        # Its time means another instant by now: the office's clock has been set anew.
        world.occurrences.pass_over(series, after)
        return None
    occurred = _occurred(series, recurrence, due, now, lateness_limit)
    run = None
    if occurred.outcome is Outcome.LAUNCHED:
        run = _run(series, recurrence, due[-1], now)
        _copy_knowledge(world.knowledge, series.id, run.id)
    after = replace(after, launch_error=occurred.problem or after.launch_error)
    if not world.occurrences.take(series, after, occurred, run) or run is None:
        return None
    world.plan_queue.put({"campaign_id": run.id})
    return run.id


def _due(recurrence: Recurrence, since: datetime, now: datetime) -> list[Occurrence]:
    coming = occurrences(recurrence, since - _JUST_BEFORE)
    return list(takewhile(lambda one: one.due_at <= now, coming))


def _occurred(
    series: Campaign,
    recurrence: Recurrence,
    due: Sequence[Occurrence],
    now: datetime,
    lateness_limit: timedelta,
) -> Occurred:
    latest = due[-1]
    noted = Occurred(
        local_time=latest.local_time,
        due_at=latest.due_at,
        outcome=Outcome.LAUNCHED,
        at=now,
        passed=len(due) - 1,
    )
    if recurrence.paused:
        return replace(noted, outcome=Outcome.SKIPPED)
    limit = lateness_limit + EVERYWHERE if recurrence.is_recipient_local else lateness_limit
    if is_too_late(latest.due_at, now, limit):
        minutes = int(lateness_limit.total_seconds() // 60)
        problem = (
            f"Its occurrence of {latest.local_time} was due at {to_iso(latest.due_at)} and could "
            f"not start within {minutes} minutes, so nothing was sent."
        )
        return replace(noted, outcome=Outcome.MISSED, problem=problem)
    return replace(noted, campaign_id=occurrence_id(series.id, latest.local_time))


def _moved_on(series: Campaign, recurrence: Recurrence, now: datetime) -> Campaign:
    """Return the series when what is due by *now* has been dealt with."""
    coming = next_occurrence(recurrence, now)
    after = replace(series, version=series.version + 1, updated_at=now)
    if coming is not None and not series.is_over(coming.due_at):
        return replace(after, schedule_at=coming.due_at, launch_error=None)
    return replace(
        after,
        status=CampaignStatus.DRAFT,
        schedule_at=None,
        recurrence=None,
        # It was for these occurrences: another series is looked at anew (K18).
        approval=voided(series.approval, PLATFORM, now),
        launch_error="It has occurred for the last time. Schedule it anew to go on.",
    )


def _run(
    series: Campaign, recurrence: Recurrence, occurrence: Occurrence, now: datetime
) -> Campaign:
    copy = cloned(
        series,
        id=occurrence_id(series.id, occurrence.local_time),
        title=_title(series.title, occurrence.local_time),
        sender_ids=series.sender_ids,
        created_by=series.created_by,
        now=now,
    )
    return replace(
        copy,
        status=CampaignStatus.PROCESSING,
        launched_at=now,
        schedule_at=occurrence.due_at,
        local_at=occurrence.local_time if recurrence.is_recipient_local else None,
        ends_at=run_end(recurrence, occurrence.due_at, series.ends_at),
        occurrence_of=series.id,
        occurrence=occurrence.local_time,
        # What was approved is the series, each time it occurs (K18).
        approval=series.approval,
    )


def _title(title: str, local_time: str) -> str:
    date = f" ({local_time.replace('T', ' ')})"
    return title[: _MAX_TITLE - len(date)] + date


def _copy_knowledge(book: KnowledgeBook, series_id: str, run_id: str) -> None:
    for entry in book.entries(series_id):
        book.put(replace(entry, campaign_id=run_id))
