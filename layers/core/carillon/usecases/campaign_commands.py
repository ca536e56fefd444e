"""What people ask to be done with campaigns, and what their requests come to."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any

from carillon.domain.campaign import MAX_AGENTS
from carillon.domain.commands import Between, Command, Entries, Length, OneOf
from carillon.domain.content import FollowUp, Variant
from carillon.domain.errors import InvalidInput
from carillon.domain.hours import ActiveHours
from carillon.domain.recurrence import Recurrence
from carillon.domain.schedules import EVERYWHERE, earliest_instant
from carillon.domain.short_links import Link
from carillon.usecases.campaign_checks import distinct

OPERATORS = ("agent", "assistant")
# Merge fields may be longer than what replaces them; a message has at most half of this.
MAX_BODY = 3200
MAX_TITLE = 200

# What a campaign may be without: named in ``unset``, it is gone.
_OPTIONAL = (
    *("variants", "follow_ups", "links", "media"),
    *("active_hours", "daily_limit", "pilot_size", "ends_at"),
)
# Structured values whose order and repetitions mean something; unset, they are empty.
_LISTED = ("variants", "follow_ups", "links", "media")
MAX_MESSAGES = 100_000_000
_YEARS_AHEAD = 10

_Ids = Annotated[tuple[str, ...], Entries(50, 80)]
# The plan of an audience keeps their filters.
_Segments = Annotated[tuple[str, ...], Entries(10, 80)]
_Users = Annotated[tuple[str, ...], Entries(MAX_AGENTS, 100)]
_Links = Annotated[tuple[str, ...], Entries(20, 80)]
_Messages = Annotated[int, Between(1, MAX_MESSAGES)]


@dataclass(frozen=True, kw_only=True)
class NewCampaign(Command):
    """
    A draft. What is left empty must be filled before the launch.

    *variants*, if there are any, stand in for *body* (M2). *active_hours* are
    ``{"zone": "recipient", "days": {"mon": ["09:00-17:00"]}, "closed_dates": []}`` (F5).
    *daily_limit* is messages a day in the office's zone; after *pilot_size* messages the
    campaign pauses by itself (K17); nothing leaves at or after *ends_at*. *agents* are users
    who work on its conversations; *linked_campaigns* make a combo with it (K10). Each of
    *links* is ``{"name": "offer", "url": "https://…"}``, and ``{{ links.offer }}`` in a text is
    each person's own short link there (M6). With *smart_encoding* typographic characters are
    sent in their GSM-7 spelling (M4). The messages of one
    that *is_test* end in the sandbox, for good (P3); what a test key makes always is.
    """

    title: Annotated[str, Length(1, MAX_TITLE)]
    office_id: Annotated[str, Length(1, 80)]
    body: Annotated[str, Length(0, MAX_BODY)] = ""
    sender_ids: _Ids = ()
    list_ids: _Ids = ()
    exclude_list_ids: _Ids = ()
    segment_ids: _Segments = ()
    exclude_segment_ids: _Segments = ()
    tags: _Ids = ()
    agents: _Users = ()
    linked_campaigns: _Links = ()
    operated_by: Annotated[str, OneOf(OPERATORS)] = "agent"
    variants: tuple[Variant, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    links: tuple[Link, ...] = ()
    smart_encoding: bool = False
    active_hours: ActiveHours | None = None
    daily_limit: _Messages | None = None
    pilot_size: _Messages | None = None
    ends_at: datetime | None = None
    is_test: bool = False


@dataclass(frozen=True, kw_only=True)
class CampaignChange(Command):
    """
    What to change; fields left out stay as they are, those named in *unset* are gone.

    After the launch *links* may only be added to: those that were sent must stay what they are.
    """

    title: Annotated[str, Length(1, MAX_TITLE)] | None = None
    body: Annotated[str, Length(0, MAX_BODY)] | None = None
    sender_ids: _Ids | None = None
    list_ids: _Ids | None = None
    exclude_list_ids: _Ids | None = None
    segment_ids: _Segments | None = None
    exclude_segment_ids: _Segments | None = None
    tags: _Ids | None = None
    agents: _Users | None = None
    linked_campaigns: _Links | None = None
    operated_by: Annotated[str, OneOf(OPERATORS)] | None = None
    variants: tuple[Variant, ...] | None = None
    follow_ups: tuple[FollowUp, ...] | None = None
    links: tuple[Link, ...] | None = None
    smart_encoding: bool | None = None
    active_hours: ActiveHours | None = None
    daily_limit: _Messages | None = None
    pilot_size: _Messages | None = None
    ends_at: datetime | None = None
    unset: Annotated[tuple[str, ...], Entries(len(_OPTIONAL), 40)] = ()


@dataclass(frozen=True, kw_only=True)
class Clone(Command):
    """How the copy is called; without a title, as the first one, marked as a copy."""

    title: Annotated[str, Length(1, MAX_TITLE)] | None = None


@dataclass(frozen=True, kw_only=True)
class Schedule(Command):
    """
    When to launch (K15): at an instant, on every recipient's own clock, or again and again.

    *local_at* is a date and time without an offset, such as ``2026-11-27T10:00``. *recurrence*
    is ``{"rule": "0 10 * * mon", "zone": "recipient", "until": "2027-03-31T23:59"}``: the rule
    is five cron fields or an RRULE, the zone ``office`` unless said otherwise.
    """

    schedule_at: datetime | None = None
    local_at: Annotated[str, Length(16, 16)] | None = None
    recurrence: Recurrence | None = None


def due_at(schedule: Schedule, now: datetime) -> datetime:
    """
    Return when *schedule*, which does not recur, is to be planned.

    Raises InvalidInput when it names no time to come.
    """
    if schedule.schedule_at is not None:
        if schedule.schedule_at <= now:
            raise InvalidInput("schedule_at must be in the future.", field="schedule_at")
        return schedule.schedule_at
    local = _local_time(schedule.local_at or "")
    if not now.year - 1 <= local.year <= now.year + _YEARS_AHEAD:
        raise InvalidInput("local_at must be within ten years.", field="local_at")
    first = earliest_instant(local.date(), local.time())
    if first + EVERYWHERE <= now:
        raise InvalidInput("local_at is over everywhere on earth.", field="local_at")
    return first


def _local_time(text: str) -> datetime:
    try:
        local = datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - everybody's own clock
    except ValueError as error:
        raise InvalidInput(
            "local_at must be a date and time without an offset, such as 2026-11-27T10:00.",
            field="local_at",
        ) from error
    return local


def named_changes(change: CampaignChange) -> dict[str, Any]:
    """Return the fields that *change* sets or takes away; InvalidInput (field ``unset``)."""
    unknown = sorted(set(change.unset) - set(_OPTIONAL))
    if unknown:
        raise InvalidInput(f"unset may name {', '.join(_OPTIONAL)}.", field="unset")
    values = {field.name: getattr(change, field.name) for field in fields(change)}
    del values["unset"]
    named = {name: value for name, value in values.items() if value is not None}
    both = sorted(set(change.unset) & named.keys())
    if both:
        raise InvalidInput(f"{both[0]} is both set and unset.", field="unset")
    for name, value in named.items():
        # Ids and tags; the same follow-up may well come twice.
        if isinstance(value, tuple) and name not in _LISTED:
            named[name] = distinct(value)
    cleared: dict[str, Any] = dict.fromkeys(change.unset)
    return {**named, **cleared, **{name: () for name in _LISTED if name in cleared}}
