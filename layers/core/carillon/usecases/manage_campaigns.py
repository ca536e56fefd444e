"""
Campaigns as people work on them: create, clone, edit, schedule, launch, pause, resume, end,
archive, delete. How they are found and shown is ``list_campaigns``'.

A launch only marks the campaign ``processing`` and queues its plan. When the
queue does not take the message, the caller sees an error, a repetition under the
same Idempotency-Key queues it again, and so does the sweep of ``start_due_campaigns``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from carillon.domain.approval import Approval
from carillon.domain.campaign import Campaign, HoldReason, cloned
from carillon.domain.campaign_offers import reaches
from carillon.domain.campaign_states import (
    Action,
    CampaignStatus,
    require_allowed,
    states_allowing,
)
from carillon.domain.commands import Origin
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.ids import derived_id
from carillon.domain.occurrences import require_recurring
from carillon.domain.permissions import Access
from carillon.domain.recurrence import Recurrence
from carillon.ports import (
    Campaigns,
    Clock,
    KnowledgeBook,
    ManagedLists,
    ManagedSegments,
    Offices,
    Queue,
    Senders,
)
from carillon.usecases.approve_launches import Decision, LaunchApprovals
from carillon.usecases.campaign_checks import (
    distinct,
    is_decided,
    require_editable,
    require_links_to_stay,
    require_not_over,
    require_of_office,
    require_ready,
    require_single,
    require_time_to_send,
    require_version,
)
from carillon.usecases.campaign_commands import (
    MAX_TITLE,
    CampaignChange,
    Clone,
    NewCampaign,
    Schedule,
    due_at,
    named_changes,
)
from carillon.usecases.keep_conversation import SINGLE_USE
from carillon.usecases.manage_offices import require_new_home
from carillon.usecases.stop_conversations import StopConversations

# What a person has decided ends what the platform had held it for.
_FREE: Mapping[str, Any] = {"hold_reason": HoldReason.NONE, "hold_until": None}

_COPY = " (copy)"
# What was looked at must be what is launched, dated or let go on: hence the version.
_LOOKED_AT = frozenset(
    {Action.LAUNCH, Action.SCHEDULE, Action.EDIT_DATE, Action.UNSCHEDULE, Action.RESUME}
)


class ManageCampaigns:
    """
    Everything a person may do to a campaign.

    *check_body* raises InvalidInput (field ``body``) for a text that is no valid template.
    *missing_in_texts* names what keeps a campaign's texts and files from a launch.
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
        segments: ManagedSegments,
        conversations: StopConversations,
        approvals: LaunchApprovals,
        knowledge: KnowledgeBook,
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
        self._segments = segments
        self._conversations = conversations
        self._approvals = approvals
        self._knowledge = knowledge
        self._check_body = check_body
        self._missing_in_texts = missing_in_texts

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
            sender_ids=distinct(new.sender_ids),
            list_ids=distinct(new.list_ids),
            exclude_list_ids=distinct(new.exclude_list_ids),
            segment_ids=distinct(new.segment_ids),
            exclude_segment_ids=distinct(new.exclude_segment_ids),
            tags=distinct(new.tags),
            agents=distinct(new.agents),
            linked_campaigns=distinct(new.linked_campaigns),
            operated_by=new.operated_by,
            variants=new.variants,
            follow_ups=new.follow_ups,
            links=new.links,
            smart_encoding=new.smart_encoding,
            active_hours=new.active_hours,
            daily_limit=new.daily_limit,
            pilot_size=new.pilot_size,
            ends_at=new.ends_at,
            is_test=new.is_test or access.caller.is_test,
            created_at=now,
            updated_at=now,
            created_by=origin.subject,
        )
        return self._campaigns.create(campaign, origin.digest)

    def clone(self, access: Access, origin: Origin, campaign_id: str, wanted: Clone) -> Campaign:
        """
        Return a draft with another campaign's settings, never its leads, results or dates (K7).

        What its assistant knows is copied. A single-use number is not: it serves one campaign.
        The copy of a test is a test (P3).
        """
        source = self._mine(access, campaign_id)
        access.require_office(source.office_id)
        senders = self._senders.several(source.sender_ids)
        kept = [one for one in source.sender_ids if one in senders]
        copy = cloned(
            source,
            id=origin.new_id("cmp"),
            title=(wanted.title or _copy_title(source.title)).strip(),
            sender_ids=tuple(one for one in kept if senders[one].kind != SINGLE_USE),
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

    def _mine(self, access: Access, campaign_id: str) -> Campaign:
        """Return the campaign if the caller may change it; a test key, tests alone (P3)."""
        campaign = self.get(access, campaign_id)
        access.require_kind(is_test=campaign.is_test)
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
        campaign = self._mine(access, campaign_id)
        require_version(campaign, version)
        changes = named_changes(change)
        if not changes:
            return campaign
        require_editable(campaign, changes)
        require_links_to_stay(campaign, changes)
        self._check_fields(campaign.office_id, changes)
        if campaign.recurrence is not None:
            self._require_reusable(changes.get("sender_ids", ()), "sender_ids")
        self._check_links(campaign.id, campaign.office_id, changes.get("linked_campaigns", ()))
        if campaign.status is not CampaignStatus.DRAFT:
            self._require_ready(replace(campaign, **changes))
        if campaign.status is CampaignStatus.SCHEDULED:
            require_time_to_send(replace(campaign, **changes), "ends_at")
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
        campaign = self._mine(access, campaign_id)
        now = self._clock.now()
        changes: dict[str, Any] = {
            "launched_at": now,
            "launch_error": None,
            "schedule_at": None,
            "local_at": None,
        }
        require_single(campaign)
        if campaign.status in states_allowing(Action.LAUNCH):
            self._require_ready(campaign)
            require_not_over(campaign, now)
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
        campaign = self._mine(access, campaign_id)
        schedule_at, recurrence = self._first_due(campaign, schedule)
        is_moved = campaign.status is CampaignStatus.SCHEDULED
        action = Action.EDIT_DATE if is_moved else Action.SCHEDULE
        if campaign.status in states_allowing(action):
            self._require_ready(campaign)
            named = next(name for name, value in vars(schedule).items() if value is not None)
            require_time_to_send(replace(campaign, schedule_at=schedule_at), named)
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
        campaign = self._mine(access, campaign_id)
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
        campaign = self._mine(access, campaign_id)
        return self._and_wake(self._transition(origin, campaign, Action.PAUSE, _FREE))

    def resume(self, access: Access, origin: Origin, campaign_id: str) -> Campaign:
        """
        Go on where it was paused, or paused itself; after a pilot, with everybody (K17).

        What was edited since its approval stays paused and asks for a new one (K18). Raises
        Conflict (``campaign_over``) when its end has passed.
        """
        campaign = self._mine(access, campaign_id)
        changes = dict(_FREE)
        if campaign.status in states_allowing(Action.RESUME):
            require_not_over(campaign, self._clock.now())
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
        campaign = self._mine(access, campaign_id)
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
        campaign = self._mine(access, campaign_id)
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
        campaign = self._mine(access, campaign_id)
        require_version(campaign, version)
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
        if is_decided(campaign.approval, access.caller.subject, approves=approves):
            return campaign
        require_version(campaign, version)
        require_allowed(campaign.status, Action.APPROVE if approves else Action.REFUSE)
        approval = self._approvals.decide(access.caller, campaign, decision, approves=approves)
        return self._campaigns.change(campaign, {"approval": approval}, self._clock.now())

    def recount(self, access: Access, campaign_id: str) -> None:
        """Have the campaign's counters recounted from its rows."""
        self._mine(access, campaign_id)
        self._recount_queue.put({"campaign_id": campaign_id, "reason": "requested"})

    def _require_ready(self, campaign: Campaign) -> None:
        require_ready(campaign, self._missing_in_texts(campaign))

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
            return due_at(schedule, now), None
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
            ("segment_ids", self._segments.get),
            ("exclude_segment_ids", self._segments.get),
        ):
            require_of_office(name, values.get(name) or (), find, office_id)

    def _check_links(self, own_id: str, office_id: str, links: Iterable[str]) -> None:
        links = tuple(links)
        if own_id in links:
            raise InvalidInput("A campaign is not linked to itself.", field="linked_campaigns")
        require_of_office("linked_campaigns", links, self._campaigns.get, office_id)

    def _check_texts(self, values: Mapping[str, Any]) -> None:
        if values.get("body"):
            self._check_body(values["body"])
        for name in ("variants", "follow_ups"):
            for one in values.get(name) or ():
                try:
                    self._check_body(one.body)
                except InvalidInput as error:
                    raise InvalidInput(error.detail, field=name, code=error.code) from error


def _mark(origin: Origin) -> str | None:
    if origin.key is None:
        return None
    return derived_id("req", origin.subject, origin.key, origin.digest)


def _copy_title(title: str) -> str:
    return f"{title[: MAX_TITLE - len(_COPY)]}{_COPY}"
