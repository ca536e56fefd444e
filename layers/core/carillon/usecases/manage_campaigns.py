"""
Campaigns as people work on them: create, clone, edit, schedule, launch, pause, resume, end,
archive, delete. How they are found and shown is ``list_campaigns``'.

A launch only marks the campaign ``processing`` and queues its plan. When the
queue does not take the message, the caller sees an error, a repetition under the
same Idempotency-Key queues it again, and so does the sweep of ``start_due_campaigns``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Any

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import MAX_AGENTS, Campaign, HoldReason, cloned
from carillon.domain.campaign_offers import reaches
from carillon.domain.campaign_states import (
    Action,
    CampaignStatus,
    require_allowed,
    states_allowing,
)
from carillon.domain.commands import Between, Command, Entries, Length, OneOf, Origin
from carillon.domain.content import FollowUp, Variant
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.hours import ActiveHours
from carillon.domain.ids import derived_id
from carillon.domain.occurrences import require_recurring
from carillon.domain.permissions import Access
from carillon.domain.recurrence import Recurrence
from carillon.domain.schedules import EVERYWHERE, earliest_instant
from carillon.ports import (
    Campaigns,
    Clock,
    KnowledgeBook,
    ManagedLists,
    Offices,
    Queue,
    Senders,
)
from carillon.usecases.approve_launches import Decision, LaunchApprovals
from carillon.usecases.keep_conversation import SINGLE_USE
from carillon.usecases.manage_offices import require_new_home
from carillon.usecases.stop_conversations import StopConversations

OPERATORS = ("agent", "assistant")
# Merge fields may be longer than what replaces them; a message has at most half of this.
MAX_BODY = 3200

# What a person has decided ends what the platform had held it for.
_FREE: Mapping[str, Any] = {"hold_reason": HoldReason.NONE, "hold_until": None}
# Frozen with the audience: parts are dealt out to the senders at launch (K10).
_FROZEN_AT_LAUNCH = frozenset({"sender_ids", "list_ids", "exclude_list_ids"})

# What a campaign may be without: named in ``unset``, it is gone.
_OPTIONAL = ("variants", "follow_ups", "active_hours", "daily_limit", "pilot_size", "ends_at")
MAX_MESSAGES = 100_000_000
_YEARS_AHEAD = 10
_MAX_TITLE = 200
_COPY = " (copy)"
# What was looked at must be what is launched, dated or let go on: hence the version.
_LOOKED_AT = frozenset(
    {Action.LAUNCH, Action.SCHEDULE, Action.EDIT_DATE, Action.UNSCHEDULE, Action.RESUME}
)

_Ids = Annotated[tuple[str, ...], Entries(50, 80)]
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
    who work on its conversations; *linked_campaigns* make a combo with it (K10).
    """

    title: Annotated[str, Length(1, _MAX_TITLE)]
    office_id: Annotated[str, Length(1, 80)]
    body: Annotated[str, Length(0, MAX_BODY)] = ""
    sender_ids: _Ids = ()
    list_ids: _Ids = ()
    exclude_list_ids: _Ids = ()
    tags: _Ids = ()
    agents: _Users = ()
    linked_campaigns: _Links = ()
    operated_by: Annotated[str, OneOf(OPERATORS)] = "agent"
    variants: tuple[Variant, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    active_hours: ActiveHours | None = None
    daily_limit: _Messages | None = None
    pilot_size: _Messages | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CampaignChange(Command):
    """What to change; fields left out stay as they are, those named in *unset* are gone."""

    title: Annotated[str, Length(1, _MAX_TITLE)] | None = None
    body: Annotated[str, Length(0, MAX_BODY)] | None = None
    sender_ids: _Ids | None = None
    list_ids: _Ids | None = None
    exclude_list_ids: _Ids | None = None
    tags: _Ids | None = None
    agents: _Users | None = None
    linked_campaigns: _Links | None = None
    operated_by: Annotated[str, OneOf(OPERATORS)] | None = None
    variants: tuple[Variant, ...] | None = None
    follow_ups: tuple[FollowUp, ...] | None = None
    active_hours: ActiveHours | None = None
    daily_limit: _Messages | None = None
    pilot_size: _Messages | None = None
    ends_at: datetime | None = None
    unset: Annotated[tuple[str, ...], Entries(len(_OPTIONAL), 40)] = ()


@dataclass(frozen=True, kw_only=True)
class Clone(Command):
    """How the copy is called; without a title, as the first one, marked as a copy."""

    title: Annotated[str, Length(1, _MAX_TITLE)] | None = None


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


class ManageCampaigns:
    """
    Everything a person may do to a campaign.

    *check_body* raises InvalidInput (field ``body``) for a text that is no valid template.
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
        approvals: LaunchApprovals,
        knowledge: KnowledgeBook,
        check_body: Callable[[str], object],
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
        self._approvals = approvals
        self._knowledge = knowledge
        self._check_body = check_body

    def create(self, access: Access, origin: Origin, new: NewCampaign) -> Campaign:
        """Create a draft in one of the caller's offices."""
        require_new_home(access, self._offices, new.office_id)
        self._check_fields(new.office_id, vars(new))
        self._check_links("", new.office_id, new.linked_campaigns)
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
            agents=_distinct(new.agents),
            linked_campaigns=_distinct(new.linked_campaigns),
            operated_by=new.operated_by,
            variants=new.variants,
            follow_ups=new.follow_ups,
            active_hours=new.active_hours,
            daily_limit=new.daily_limit,
            pilot_size=new.pilot_size,
            ends_at=new.ends_at,
            created_at=now,
            updated_at=now,
            created_by=origin.subject,
        )
        return self._campaigns.create(campaign, origin.digest)

    def clone(self, access: Access, origin: Origin, campaign_id: str, wanted: Clone) -> Campaign:
        """
        Return a draft with another campaign's settings, never its leads, results or dates (K7).

        What its assistant knows is copied. A single-use number is not: it serves one campaign.
        """
        source = self.get(access, campaign_id)
        access.require_office(source.office_id)
        senders = [self._senders.get(one) for one in source.sender_ids]
        copy = cloned(
            source,
            id=origin.new_id("cmp"),
            title=(wanted.title or _copy_title(source.title)).strip(),
            sender_ids=tuple(one.id for one in senders if one.kind != SINGLE_USE),
            created_by=origin.subject,
            now=self._clock.now(),
        )
        if not self._is_there(copy.id):
            # First, so that no copy is seen without it; alone it belongs to nobody.
            for entry in self._knowledge.entries(source.id):
                self._knowledge.put(replace(entry, campaign_id=copy.id))
        return self._campaigns.create(copy, origin.digest)

    def get(self, access: Access, campaign_id: str) -> Campaign:
        """Return the campaign; NotFound when it is absent or not for the caller (P2)."""
        campaign = self._campaigns.get(campaign_id)
        if not reaches(access, campaign.office_id, campaign.agents):
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        return campaign

    def change(
        self, access: Access, campaign_id: str, change: CampaignChange, version: int | None
    ) -> Campaign:
        """
        Write the fields that *change* names (K10).

        Raises Conflict: ``version_conflict`` unless the campaign is still at
        *version* (None: whichever it is), ``campaign_state`` when it is not
        a draft, scheduled or paused, ``campaign_field_frozen`` for what a launch
        froze. Edits reach unsent leads only, and void an approval (K18).
        """
        campaign = self.get(access, campaign_id)
        _require_version(campaign, version)
        changes = _named(change)
        if not changes:
            return campaign
        _require_editable(campaign, changes)
        self._check_fields(campaign.office_id, changes)
        if campaign.recurrence is not None:
            self._require_reusable(changes.get("sender_ids", ()), "sender_ids")
        self._check_links(campaign.id, campaign.office_id, changes.get("linked_campaigns", ()))
        if campaign.status is not CampaignStatus.DRAFT:
            _require_ready(replace(campaign, **changes))
        if campaign.status is CampaignStatus.SCHEDULED:
            _require_time_to_send(replace(campaign, **changes), "ends_at")
        if campaign.hold_reason is HoldReason.PILOT and "pilot_size" in changes:
            # Resumed, it goes on with the pilot that was just asked for, not with everybody.
            changes |= _FREE
        changes["approval"] = self._approvals.on_edit(access.caller, campaign)
        return self._campaigns.change(campaign, changes, self._clock.now())

    def launch(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """
        Freeze the audience and send, from now on; or ask for the approval that it needs (K18).

        Without the approval the campaign stays as it is and bears the request. Raises
        Conflict: ``campaign_not_ready`` naming what is missing, ``campaign_over`` when its
        end has passed.
        """
        campaign = self.get(access, campaign_id)
        now = self._clock.now()
        changes = {"launched_at": now, "launch_error": None, "schedule_at": None, "local_at": None}
        _require_single(campaign)
        if campaign.status in states_allowing(Action.LAUNCH):
            _require_ready(campaign)
            _require_not_over(campaign, now)
            approval = self._approvals.on_start(access.caller, campaign)
            if not self._approvals.lets_start(approval):
                return self._asking(campaign, approval)
            changes["approval"] = approval
        launched = self._transition(origin, campaign, Action.LAUNCH, changes)
        if launched.status is CampaignStatus.PROCESSING:
            self._plan_queue.put({"campaign_id": campaign_id})
        return launched

    def schedule(
        self, access: Access, origin: Origin, campaign_id: str, schedule: Schedule
    ) -> Campaign:
        """
        Launch at a later time (K15), or move that time, which voids an approval.

        Where an approval is needed this asks for it; without it the campaign is not launched.
        """
        campaign = self.get(access, campaign_id)
        schedule_at, recurrence = self._first_due(campaign, schedule)
        is_moved = campaign.status is CampaignStatus.SCHEDULED
        action = Action.EDIT_DATE if is_moved else Action.SCHEDULE
        if campaign.status in states_allowing(action):
            _require_ready(campaign)
            named = next(name for name, value in vars(schedule).items() if value is not None)
            _require_time_to_send(replace(campaign, schedule_at=schedule_at), named)
        approve = self._approvals.on_edit if is_moved else self._approvals.on_start
        changes = {
            "schedule_at": schedule_at,
            "local_at": schedule.local_at,
            "recurrence": recurrence,
            "launch_error": None,
            "approval": approve(access.caller, campaign),
        }
        return self._transition(origin, campaign, action, changes)

    def unschedule(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """Make it a draft again; an approval and a recurrence go with the date."""
        campaign = self.get(access, campaign_id)
        approval = self._approvals.on_unschedule(access.caller, campaign)
        changes = {
            "schedule_at": None,
            "local_at": None,
            "recurrence": None,
            "approval": approval,
        }
        return self._transition(origin, campaign, Action.UNSCHEDULE, changes)

    def pause(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """Stop claiming leads; those handed over already take their course."""
        campaign = self.get(access, campaign_id)
        return self._and_wake(self._transition(origin, campaign, Action.PAUSE, _FREE))

    def resume(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """
        Go on where it was paused, or paused itself; after a pilot, with everybody (K17).

        What was edited since its approval stays paused and asks for a new one (K18). Raises
        Conflict (``campaign_over``) when its end has passed.
        """
        campaign = self.get(access, campaign_id)
        changes = dict(_FREE)
        if campaign.status in states_allowing(Action.RESUME):
            _require_not_over(campaign, self._clock.now())
            if not self._approvals.lets_go_on(campaign.approval):
                approval = self._approvals.on_start(access.caller, campaign)
                if not self._approvals.lets_start(approval):
                    return self._asking(campaign, approval)
                changes["approval"] = approval
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
        if campaign.status is CampaignStatus.ARCHIVED:
            # Asked again: a stop with very many conversations is cut off and goes on here.
            self._conversations.stop(campaign, senders)
        if not force and campaign.status in states_allowing(Action.ARCHIVE):
            self._conversations.require_answered(campaign, senders)
        archived = self._transition(origin, campaign, Action.ARCHIVE, _FREE)
        self._conversations.stop(archived, senders)
        return archived

    def delete(self, access: Access, campaign_id: str, version: int | None) -> None:
        """
        Remove a campaign that was never live; a scheduled one with its date, in one write (K9).

        Raises Conflict: ``campaign_state`` with the reason, ``version_conflict`` unless it is
        still at *version* (None: whichever it is).
        """
        campaign = self.get(access, campaign_id)
        _require_version(campaign, version)
        require_allowed(campaign.status, Action.DELETE)
        self._campaigns.delete(campaign)

    def decide(
        self,
        access: Access,
        campaign_id: str,
        decision: Decision,
        version: int | None,
        *,
        approves: bool,
    ) -> Campaign:
        """
        Approve somebody else's launch, or refuse to (K18); said again it changes nothing.

        Raises Conflict: ``version_conflict`` unless it is still at *version*,
        ``approval_not_requested``; Forbidden (``own_approval``).
        """
        campaign = self.get(access, campaign_id)
        if _is_decided(campaign.approval, access.caller.subject, approves=approves):
            return campaign
        _require_version(campaign, version)
        require_allowed(campaign.status, Action.APPROVE if approves else Action.REFUSE)
        approval = self._approvals.decide(access.caller, campaign, decision, approves=approves)
        return self._campaigns.change(campaign, {"approval": approval}, self._clock.now())

    def recount(self, access: Access, campaign_id: str) -> None:
        """Have the campaign's counters recounted from its rows."""
        self.get(access, campaign_id)
        self._recount_queue.put({"campaign_id": campaign_id, "reason": "requested"})

    def _transition(
        self, origin: Origin, campaign: Campaign, action: Action, changes: Mapping[str, Any]
    ) -> Campaign:
        return self._campaigns.transition(
            campaign,
            action,
            self._clock.now(),
            changes=changes,
            version=campaign.version if action in _LOOKED_AT else None,
            mark=_mark(origin),
        )

    def _first_due(
        self, campaign: Campaign, schedule: Schedule
    ) -> tuple[datetime, Recurrence | None]:
        """Return when *schedule* is due first, and how it recurs, if it does."""
        now = self._clock.now()
        if sum(value is not None for value in vars(schedule).values()) != 1:
            raise InvalidInput(
                "Say one of schedule_at, local_at and recurrence.", field="schedule_at"
            )
        if schedule.recurrence is None:
            return _due_at(schedule, now), None
        self._require_reusable(campaign.sender_ids, "recurrence")
        office = self._offices.get(campaign.office_id)
        recurrence = schedule.recurrence.anchored(office.timezone, now)
        return require_recurring(recurrence, now).due_at, recurrence

    def _require_reusable(self, sender_ids: Iterable[str], named: str) -> None:
        if any(self._senders.get(one).kind == SINGLE_USE for one in sender_ids):
            raise InvalidInput(
                "A single-use number serves one campaign, which does not recur.", field=named
            )

    def _asking(self, campaign: Campaign, approval: Approval | None) -> Campaign:
        if approval == campaign.approval:
            return campaign
        return self._campaigns.change(campaign, {"approval": approval}, self._clock.now())

    def _is_there(self, campaign_id: str) -> bool:
        try:
            self._campaigns.get(campaign_id)
        except NotFound:
            return False
        return True

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

    def _check_links(self, own_id: str, office_id: str, links: Iterable[str]) -> None:
        links = tuple(links)
        if own_id in links:
            raise InvalidInput("A campaign is not linked to itself.", field="linked_campaigns")
        _require_of_office("linked_campaigns", links, self._campaigns.get, office_id)

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
        if isinstance(value, tuple) and name not in ("variants", "follow_ups"):
            named[name] = _distinct(value)
    cleared: dict[str, Any] = dict.fromkeys(change.unset)
    return {**named, **cleared, **{n: () for n in ("variants", "follow_ups") if n in cleared}}


def _require_editable(campaign: Campaign, changes: Mapping[str, Any]) -> None:
    require_allowed(campaign.status, Action.EDIT)
    frozen = sorted(_FROZEN_AT_LAUNCH & changes.keys())
    if campaign.status is CampaignStatus.PAUSED and frozen:
        raise Conflict(
            f"After the launch {', '.join(frozen)} cannot be changed.",
            code="campaign_field_frozen",
            extra={"fields": frozen},
        )


def _require_ready(campaign: Campaign) -> None:
    missing = campaign.missing_for_launch()
    if missing:
        raise Conflict(
            f"Before a launch the campaign needs: {', '.join(missing)}.",
            code="campaign_not_ready",
            extra={"missing": missing},
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


def _copy_title(title: str) -> str:
    return f"{title[: _MAX_TITLE - len(_COPY)]}{_COPY}"


def _is_decided(approval: Approval | None, subject: str, *, approves: bool) -> bool:
    state = ApprovalState.APPROVED if approves else ApprovalState.REFUSED
    return approval is not None and approval.state is state and approval.decided_by == subject


def _require_single(campaign: Campaign) -> None:
    if campaign.recurrence is not None:
        raise Conflict(
            "It recurs: its occurrences are launched. Unschedule it first, or clone it.",
            code="campaign_recurs",
        )


def _require_version(campaign: Campaign, version: int | None) -> None:
    if version not in (None, campaign.version):
        raise Conflict(
            "It has changed since you read it; read it again.",
            code="version_conflict",
            extra={"version": campaign.version},
        )
