"""
Campaigns as people work on them: create, edit, schedule, launch, pause, resume, end, archive.

A launch only marks the campaign ``processing`` and queues its plan. When the
queue does not take the message, the caller sees an error, a repetition under the
same Idempotency-Key queues it again, and so does the sweep of ``start_due_campaigns``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Any

from carillon.domain.campaign import (
    Action,
    Campaign,
    CampaignStatus,
    HoldReason,
    states_allowing,
)
from carillon.domain.commands import Between, Command, Entries, Length, OneOf, Origin
from carillon.domain.content import FollowUp, Variant
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.hours import ActiveHours
from carillon.domain.ids import derived_id
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access
from carillon.domain.schedules import EVERYWHERE, earliest_instant
from carillon.domain.short_links import Link
from carillon.ports import Campaigns, Clock, ManagedLists, Offices, Queue, Senders
from carillon.usecases.manage_offices import require_new_home
from carillon.usecases.stop_conversations import StopConversations

TABS = ("active", "scheduled", "draft", "archived")
OPERATORS = ("agent", "assistant")
# Merge fields may be longer than what replaces them; a message has at most half of this.
MAX_BODY = 3200

# What a person has decided ends what the platform had held it for.
_FREE: Mapping[str, Any] = {"hold_reason": HoldReason.NONE, "hold_until": None}
EDITABLE = frozenset({CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.PAUSED})
# Frozen with the audience: parts are dealt out to the senders at launch (K10).
_FROZEN_AT_LAUNCH = frozenset({"sender_ids", "list_ids", "exclude_list_ids"})

# What a campaign may be without: named in ``unset``, it is gone.
_OPTIONAL = (
    "variants",
    "follow_ups",
    "links",
    "media",
    "active_hours",
    "daily_limit",
    "pilot_size",
    "ends_at",
)
# Structured values whose order and repetitions mean something; unset, they are empty.
_LISTED = ("variants", "follow_ups", "links", "media")
MAX_MESSAGES = 100_000_000
_YEARS_AHEAD = 10

_Ids = Annotated[tuple[str, ...], Entries(50, 80)]
_Messages = Annotated[int, Between(1, MAX_MESSAGES)]


@dataclass(frozen=True, kw_only=True)
class NewCampaign(Command):
    """
    A draft. What is left empty must be filled before the launch.

    *variants*, if there are any, stand in for *body* (M2). *active_hours* are
    ``{"zone": "recipient", "days": {"mon": ["09:00-17:00"]}, "closed_dates": []}`` (F5).
    *daily_limit* is messages a day in the office's zone; after *pilot_size* messages the
    campaign pauses by itself (K17); nothing leaves at or after *ends_at*. Each of *links* is
    ``{"name": "offer", "url": "https://…"}``, and ``{{ links.offer }}`` in a text is each
    person's own short link there (M6). With *smart_encoding* typographic characters are sent in
    their GSM-7 spelling (M4).
    """

    title: Annotated[str, Length(1, 200)]
    office_id: Annotated[str, Length(1, 80)]
    body: Annotated[str, Length(0, MAX_BODY)] = ""
    sender_ids: _Ids = ()
    list_ids: _Ids = ()
    exclude_list_ids: _Ids = ()
    tags: _Ids = ()
    operated_by: Annotated[str, OneOf(OPERATORS)] = "agent"
    variants: tuple[Variant, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    links: tuple[Link, ...] = ()
    smart_encoding: bool = False
    active_hours: ActiveHours | None = None
    daily_limit: _Messages | None = None
    pilot_size: _Messages | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CampaignChange(Command):
    """
    What to change; fields left out stay as they are, those named in *unset* are gone.

    After the launch *links* may only be added to: those that were sent must stay what they are.
    """

    title: Annotated[str, Length(1, 200)] | None = None
    body: Annotated[str, Length(0, MAX_BODY)] | None = None
    sender_ids: _Ids | None = None
    list_ids: _Ids | None = None
    exclude_list_ids: _Ids | None = None
    tags: _Ids | None = None
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
class Schedule(Command):
    """
    When to launch (K15): at an instant in the future, or on every recipient's own clock.

    *local_at* is a date and time without an offset, such as ``2026-11-27T10:00``.
    """

    schedule_at: datetime | None = None
    local_at: Annotated[str, Length(16, 16)] | None = None


class ManageCampaigns:
    """
    Everything a person may do to a campaign.

    *check_body* raises InvalidInput (field ``body``) for a text that is no valid template.
    *missing_in_texts* names what keeps a campaign's texts from a launch.
    """

    def __init__(
        self,
        campaigns: Campaigns,
        offices: Offices,
        senders: Senders,
        lists: ManagedLists,
        clock: Clock,
        *,
        plan_queue: Queue,
        send_queue: Queue,
        recount_queue: Queue,
        conversations: StopConversations,
        check_body: Callable[[str], object],
        missing_in_texts: Callable[[Campaign], list[str]],
    ) -> None:
        self._campaigns = campaigns
        self._offices = offices
        self._senders = senders
        self._lists = lists
        self._clock = clock
        self._plan_queue = plan_queue
        self._send_queue = send_queue
        self._recount_queue = recount_queue
        self._conversations = conversations
        self._check_body = check_body
        self._missing_in_texts = missing_in_texts

    def create(self, access: Access, origin: Origin, new: NewCampaign) -> Campaign:
        """Create a draft in one of the caller's offices."""
        require_new_home(access, self._offices, new.office_id)
        self._check_fields(new.office_id, vars(new))
        now = self._clock.now()
        campaign = Campaign(
            id=origin.new_id("cmp"),
            title=new.title.strip(),
            office_id=new.office_id,
            body=new.body,
            sender_ids=_distinct(new.sender_ids),
            list_ids=_distinct(new.list_ids),
            exclude_list_ids=_distinct(new.exclude_list_ids),
            tags=_distinct(new.tags),
            operated_by=new.operated_by,
            variants=new.variants,
            follow_ups=new.follow_ups,
            links=new.links,
            smart_encoding=new.smart_encoding,
            active_hours=new.active_hours,
            daily_limit=new.daily_limit,
            pilot_size=new.pilot_size,
            ends_at=new.ends_at,
            created_at=now,
            updated_at=now,
            created_by=origin.subject,
        )
        return self._campaigns.create(campaign, origin.digest)

    def get(self, access: Access, campaign_id: str) -> Campaign:
        """Return the campaign; NotFound when it is absent or another office's."""
        campaign = self._campaigns.get(campaign_id)
        access.require_object(
            campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
        )
        return campaign

    def page(
        self, access: Access, tab: str, limit: int, after: Position | None
    ) -> Listing[Campaign]:
        """Return the campaigns of a tab (K12) in the caller's offices, newest first."""
        if tab not in TABS:
            raise InvalidInput(f"tab must be one of {', '.join(TABS)}.", field="tab")
        return self._campaigns.page(tab, access.offices, limit, after)

    def change(
        self, access: Access, campaign_id: str, change: CampaignChange, version: int | None
    ) -> Campaign:
        """
        Write the fields that *change* names (K10).

        Raises Conflict: ``version_conflict`` unless the campaign is still at
        *version* (None: whichever it is), ``campaign_state`` when it is not
        a draft, scheduled or paused, ``campaign_field_frozen`` for what a launch
        froze. Edits reach unsent leads only.
        """
        campaign = self.get(access, campaign_id)
        if version not in (None, campaign.version):
            raise _stale(campaign)
        changes = _named(change)
        if not changes:
            return campaign
        _require_editable(campaign, changes)
        _require_links_to_stay(campaign, changes)
        self._check_fields(campaign.office_id, changes)
        if campaign.status is not CampaignStatus.DRAFT:
            self._require_ready(replace(campaign, **changes))
        if campaign.status is CampaignStatus.SCHEDULED:
            _require_time_to_send(replace(campaign, **changes), "ends_at")
        if campaign.hold_reason is HoldReason.PILOT and "pilot_size" in changes:
            # Resumed, it goes on with the pilot that was just asked for, not with everybody.
            changes |= _FREE
        return self._campaigns.change(campaign, changes, self._clock.now())

    def launch(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """
        Freeze the audience and send, from now on.

        Raises Conflict: ``campaign_not_ready`` naming what is missing, ``campaign_over``
        when its end has passed.
        """
        campaign = self.get(access, campaign_id)
        now = self._clock.now()
        if campaign.status in states_allowing(Action.LAUNCH):
            self._require_ready(campaign)
            _require_not_over(campaign, now)
        launched = self._transition(
            origin,
            campaign,
            Action.LAUNCH,
            {"launched_at": now, "launch_error": None, "schedule_at": None, "local_at": None},
        )
        if launched.status is CampaignStatus.PROCESSING:
            self._plan_queue.put({"campaign_id": campaign_id})
        return launched

    def schedule(
        self, access: Access, origin: Origin, campaign_id: str, schedule: Schedule
    ) -> Campaign:
        """Launch at a later time (K15), or move that time."""
        campaign = self.get(access, campaign_id)
        schedule_at = _due_at(schedule, self._clock.now())
        if campaign.status in states_allowing(Action.SCHEDULE):
            self._require_ready(campaign)
            named = "schedule_at" if schedule.local_at is None else "local_at"
            _require_time_to_send(replace(campaign, schedule_at=schedule_at), named)
        return self._transition(
            origin,
            campaign,
            Action.SCHEDULE,
            {"schedule_at": schedule_at, "local_at": schedule.local_at, "launch_error": None},
        )

    def unschedule(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """Make it a draft again."""
        campaign = self.get(access, campaign_id)
        changes = {"schedule_at": None, "local_at": None}
        return self._transition(origin, campaign, Action.UNSCHEDULE, changes)

    def pause(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """Stop claiming leads; those handed over already take their course."""
        campaign = self.get(access, campaign_id)
        return self._and_wake(self._transition(origin, campaign, Action.PAUSE, _FREE))

    def resume(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """
        Go on where it was paused, or paused itself; after a pilot, with everybody (K17).

        Raises Conflict (``campaign_over``) when its end has passed.
        """
        campaign = self.get(access, campaign_id)
        if campaign.status in states_allowing(Action.RESUME):
            _require_not_over(campaign, self._clock.now())
        changes = dict(_FREE)
        if campaign.hold_reason is HoldReason.PILOT:
            changes["pilot_size"] = None
        return self._and_wake(self._transition(origin, campaign, Action.RESUME, changes))

    def end(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """Finish it: what is unsent stays unsent (K4)."""
        campaign = self.get(access, campaign_id)
        changes = {**_FREE, "finished_at": self._clock.now()}
        return self._transition(origin, campaign, Action.END, changes)

    def archive(
        self, access: Access, origin: Origin, campaign_id: str, *, force: bool = False
    ) -> Campaign:
        """
        Stop it for good, or discard a draft (K4); its conversations go where K8 says.

        Raises Conflict (``conversations_unanswered``) while people wait for an answer from
        a single-use number, unless by *force*.
        """
        campaign = self.get(access, campaign_id)
        if campaign.launched_at is None:
            return self._transition(origin, campaign, Action.ARCHIVE, _FREE)
        senders = [self._senders.get(one) for one in campaign.sender_ids]
        if not force and campaign.status in states_allowing(Action.ARCHIVE):
            self._conversations.require_answered(campaign, senders)
        archived = self._transition(origin, campaign, Action.ARCHIVE, _FREE)
        self._conversations.stop(archived, senders)
        return archived

    def recount(self, access: Access, campaign_id: str) -> None:
        """Have the campaign's counters recounted from its rows."""
        self.get(access, campaign_id)
        self._recount_queue.put({"campaign_id": campaign_id, "reason": "requested"})

    def _transition(
        self, origin: Origin, campaign: Campaign, action: Action, changes: Mapping[str, Any]
    ) -> Campaign:
        # What was looked at must be what is launched, or let go on: hence the version.
        looked_at = action in (Action.LAUNCH, Action.SCHEDULE, Action.RESUME)
        return self._campaigns.transition(
            campaign.id,
            action,
            self._clock.now(),
            changes=changes,
            version=campaign.version if looked_at else None,
            mark=_mark(origin),
        )

    def missing_for_launch(self, campaign: Campaign) -> list[str]:
        """Return what *campaign* needs before a launch (K6); empty when it is ready."""
        return [*campaign.missing_for_launch(), *self._missing_in_texts(campaign)]

    def _require_ready(self, campaign: Campaign) -> None:
        missing = self.missing_for_launch(campaign)
        if missing:
            raise Conflict(
                f"Before a launch the campaign needs: {', '.join(missing)}.",
                code="campaign_not_ready",
                extra={"missing": missing},
            )

    def _and_wake(self, campaign: Campaign) -> Campaign:
        # Its pacers see the new state at their next claim; sleeping ones must look at once.
        for sender_id in campaign.sender_ids:
            self._send_queue.put({"sender_id": sender_id})
        return campaign

    def _check_fields(self, office_id: str, values: Mapping[str, Any]) -> None:
        self._check_texts(values)
        ends_at = values.get("ends_at")
        if ends_at is not None and ends_at <= self._clock.now():
            raise InvalidInput("ends_at must be in the future.", field="ends_at")
        for name, find in (
            ("sender_ids", self._senders.get),
            ("list_ids", self._lists.get),
            ("exclude_list_ids", self._lists.get),
        ):
            _require_of_office(name, values.get(name) or (), find, office_id)

    def _check_texts(self, values: Mapping[str, Any]) -> None:
        if values.get("body"):
            self._check_body(values["body"])
        for name in ("variants", "follow_ups"):
            for one in values.get(name) or ():
                try:
                    self._check_body(one.body)
                except InvalidInput as error:
                    raise InvalidInput(error.detail, field=name, code=error.code) from error


def _due_at(schedule: Schedule, now: datetime) -> datetime:
    """Return when *schedule* is to be planned; InvalidInput when it names no time to come."""
    if (schedule.schedule_at is None) is (schedule.local_at is None):
        raise InvalidInput("Say either schedule_at or local_at.", field="schedule_at")
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


def _named(change: CampaignChange) -> dict[str, Any]:
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
            named[name] = _distinct(value)
    cleared: dict[str, Any] = dict.fromkeys(change.unset)
    return {**named, **cleared, **{name: () for name in _LISTED if name in cleared}}


def _require_editable(campaign: Campaign, changes: Mapping[str, Any]) -> None:
    if campaign.status not in EDITABLE:
        raise Conflict(
            f"A campaign that is {campaign.status} cannot be edited; pause it first.",
            code="campaign_state",
            extra={"state": campaign.status},
        )
    frozen = sorted(_FROZEN_AT_LAUNCH & changes.keys())
    if campaign.status is CampaignStatus.PAUSED and frozen:
        raise Conflict(
            f"After the launch {', '.join(frozen)} cannot be changed.",
            code="campaign_field_frozen",
            extra={"fields": frozen},
        )


def _require_links_to_stay(campaign: Campaign, changes: Mapping[str, Any]) -> None:
    """Refuse to change where links lead that people may have already (M6)."""
    if campaign.launched_at is None or "links" not in changes:
        return
    stands = campaign.links
    # Without a key, as an earlier version of ours launched it, it can have no links.
    if changes["links"][: len(stands)] != stands or not campaign.link_key:
        raise Conflict(
            "After the launch links can only be added, behind those that there are.",
            code="campaign_field_frozen",
            extra={"fields": ["links"]},
        )


def _require_not_over(campaign: Campaign, now: datetime) -> None:
    if campaign.is_over(now):
        raise Conflict(
            "The campaign's end (ends_at) has passed; move it first.", code="campaign_over"
        )


def _require_time_to_send(campaign: Campaign, named: str) -> None:
    if campaign.schedule_at is not None and campaign.is_over(campaign.schedule_at):
        raise InvalidInput("The campaign would end (ends_at) before it starts.", field=named)


def _require_of_office(
    name: str, ids: Iterable[str], find: Callable[[str], Any], office_id: str
) -> None:
    for one in ids:
        try:
            belongs = find(one).office_id == office_id
        except NotFound:
            belongs = False
        if not belongs:
            # The same words for absent and foreign: no probing of other offices.
            raise InvalidInput(
                f"{name} names something that the campaign's office does not have.", field=name
            )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _mark(origin: Origin) -> str | None:
    if origin.key is None:
        return None
    return derived_id("req", origin.subject, origin.key, origin.digest)


def _stale(campaign: Campaign) -> Conflict:
    return Conflict(
        "It has changed since you read it; read it again.",
        code="version_conflict",
        extra={"version": campaign.version},
    )
