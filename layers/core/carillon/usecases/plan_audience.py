"""
Freeze a launched campaign's audience, part by part, and start sending (C4, K4).

    begin       how many parts, once                       while no part is planned
    each part   store its object, then move the cursor     if the cursor is still there
    activate    manifest, then campaign -> active and
                one run per sender, in one transaction     if the campaign is processing
    wake        a message to each sender's pacer           again on every redelivery

Every step can be repeated: parts are immutable by construction (the same
contacts give the same bytes) and the cursor moves once. Two runners do the
same work; the one whose cursor write fails stops. An audience that cannot be
frozen sends the campaign back to draft with a sentence for its owner.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from carillon.domain.audience import (
    AudiencePart,
    AudiencePlan,
    encode_part,
    manifest_key,
    part_count,
    part_key,
)
from carillon.domain.campaign import Campaign, CampaignStatus, Run, Sender
from carillon.domain.contacts import Contact
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.ids import part_range
from carillon.domain.saved_segments import AudienceSegment
from carillon.domain.sender_choice import Candidate
from carillon.domain.short_links import new_link_key
from carillon.domain.whereabouts import Whereabouts
from carillon.ports import (
    CampaignPlans,
    Clock,
    Contacts,
    ImportDirectory,
    Objects,
    Queue,
    SegmentDirectory,
)
from carillon.usecases.audience_sources import Sources, read_range, sources_of

# A running import may still be writing contacts that it stamped before the launch; by then it
# has written them (its function's time is up) and what a part holds no longer changes.
SETTLE_TIME = timedelta(seconds=60)
_DAY_S = 86_400
# A weight of nothing could not be drawn by.
_LEAST_CAPACITY = 1e-6
# Campaign, text, short links and runs are written in one transaction of at most 100 items.
MAX_SENDERS = 97


# (phone, merge fields, the list's default country) -> where that person may be (C3).
Locate = Callable[[str, Mapping[str, str], str], Whereabouts]


class Planned(StrEnum):
    """How far one call came."""

    ACTIVE = "active"
    CONTINUES = "continues"
    WAITS = "waits"
    REJECTED = "rejected"
    # Not being launched (any more), or another runner is ahead.
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Planning:
    """What planning needs."""

    campaigns: CampaignPlans
    lists: ImportDirectory
    segments: SegmentDirectory
    contacts: Contacts
    objects: Objects
    plan_queue: Queue
    send_queue: Queue
    clock: Clock
    leads_per_part: int
    sender_of: Callable[[str], Sender]
    locate: Locate


def plan_audience(world: Planning, *, campaign_id: str, budget_s: float) -> Planned:
    """
    Carry planning on for about *budget_s* seconds; asks the plan queue to go on when unfinished.

    Safe to call at any time, any number of times. Raises NotFound when there
    is no such campaign.
    """
    until = world.clock.monotonic() + budget_s
    campaign, plan = world.campaigns.planning(campaign_id)
    if campaign.status is CampaignStatus.ACTIVE:
        # Perhaps the last runner died between the transaction and the wake.
        _wake(world, campaign)
        return Planned.ACTIVE
    if campaign.status is not CampaignStatus.PROCESSING or plan is None:
        return Planned.NOTHING
    try:
        return _plan(world, campaign, plan, until)
    except InvalidInput as error:
        is_rejected = world.campaigns.reject(campaign, error.detail, world.clock.now())
        return Planned.REJECTED if is_rejected else Planned.NOTHING


def _plan(world: Planning, campaign: Campaign, plan: AudiencePlan, until: float) -> Planned:
    _check(campaign)
    segments = plan.segments if plan.parts else _segments(world, campaign)
    sources = _sources(world, campaign, segments)
    if not plan.parts:
        if _must_wait(world, sources, plan):
            world.plan_queue.put(
                {"campaign_id": campaign.id}, delay_s=int(SETTLE_TIME.total_seconds())
            )
            return Planned.WAITS
        begun = _begun(world, plan, sources, segments)
        if begun is None:
            return Planned.NOTHING
        plan = begun
    while plan.planned_parts < plan.parts:
        after = _freeze_next_part(world, plan, sources)
        if after is None:
            return Planned.NOTHING
        plan = after
        if plan.planned_parts < plan.parts and world.clock.monotonic() >= until:
            world.plan_queue.put({"campaign_id": campaign.id})
            return Planned.CONTINUES
    return _activate(world, campaign, plan)


def _check(campaign: Campaign) -> None:
    missing = campaign.missing_for_launch()
    if missing:
        raise InvalidInput(f"The campaign cannot start without: {', '.join(missing)}.")
    if len(set(campaign.sender_ids)) > MAX_SENDERS:
        raise InvalidInput(f"A campaign may use at most {MAX_SENDERS} senders.")


def _segments(world: Planning, campaign: Campaign) -> tuple[AudienceSegment, ...]:
    wanted = dict.fromkeys((*campaign.segment_ids, *campaign.exclude_segment_ids))
    return tuple(_segment(world, segment_id) for segment_id in wanted)


def _segment(world: Planning, segment_id: str) -> AudienceSegment:
    try:
        return world.segments.segment(segment_id)
    except NotFound as error:
        raise InvalidInput("A segment of this campaign no longer exists.") from error


def _sources(world: Planning, campaign: Campaign, segments: Sequence[AudienceSegment]) -> Sources:
    by_id = {one.id: one for one in segments}
    return sources_of(
        world.lists,
        list_ids=campaign.list_ids,
        segments=[by_id[one] for one in campaign.segment_ids],
        exclude_list_ids=campaign.exclude_list_ids,
        exclude_segments=[by_id[one] for one in campaign.exclude_segment_ids],
    )


def _must_wait(world: Planning, sources: Sources, plan: AudiencePlan) -> bool:
    if world.clock.now() >= plan.frozen_at + SETTLE_TIME:
        return False
    return any(world.lists.has_running_import(list_id) for list_id in sources.list_ids)


def _begun(
    world: Planning, plan: AudiencePlan, sources: Sources, segments: tuple[AudienceSegment, ...]
) -> AudiencePlan | None:
    if not sources.contacts:
        raise InvalidInput("The contact lists of this campaign are empty.")
    parts = part_count(sources.contacts, leads_per_part=world.leads_per_part)
    begun = AudiencePlan(
        campaign_id=plan.campaign_id, frozen_at=plan.frozen_at, parts=parts, segments=segments
    )
    return begun if world.campaigns.save_plan(plan, begun, world.clock.now()) else None


def _freeze_next_part(world: Planning, plan: AudiencePlan, sources: Sources) -> AudiencePlan | None:
    number = plan.planned_parts
    part = _read_part(world, plan, sources)
    world.objects.put(
        part_key(plan.campaign_id, number),
        encode_part(plan.campaign_id, number, plan.frozen_at, part.recipients),
        content_type="application/gzip",
    )
    after = plan.with_part(part)
    return after if world.campaigns.save_plan(plan, after, world.clock.now()) else None


def _read_part(world: Planning, plan: AudiencePlan, sources: Sources) -> AudiencePart:
    def locate(contact: Contact, country: str) -> Whereabouts:
        return world.locate(contact.phone, contact.merge_fields(), country)

    first, last = part_range(plan.planned_parts, plan.parts)
    return read_range(world.contacts, sources, first, last, frozen_at=plan.frozen_at, locate=locate)


def _activate(world: Planning, campaign: Campaign, plan: AudiencePlan) -> Planned:
    if not plan.total:
        raise InvalidInput(
            "Nobody is left to text: every contact of the lists is excluded."
            if plan.excluded
            else "No contact matches the segments of this campaign."
            if campaign.segment_ids
            else "The contact lists of this campaign were empty at its launch."
        )
    world.objects.put(manifest_key(campaign.id), plan.manifest(), content_type="application/json")
    senders = tuple(dict.fromkeys(campaign.sender_ids))
    candidates = tuple(_candidate(world, sender_id) for sender_id in senders)
    runs = [
        Run(
            sender_id=sender_id,
            campaign_id=campaign.id,
            office_id=campaign.office_id,
            parts=plan.parts,
            senders=senders,
            candidates=candidates,
            is_test=campaign.is_test,
        )
        for sender_id in senders
    ]
    # What its short links are made with (M6), drawn once: nobody has any of them yet.
    launched = replace(campaign, link_key=new_link_key())
    if not world.campaigns.activate(launched, plan, runs, world.clock.now()):
        return Planned.NOTHING
    _wake(world, campaign)
    return Planned.ACTIVE


def _candidate(world: Planning, sender_id: str) -> Candidate:
    """Return the sender as it stands now: whom it speaks to must not change later (N3)."""
    try:
        sender = world.sender_of(sender_id)
    except NotFound as error:
        raise InvalidInput("A sender of this campaign no longer exists.") from error
    return candidate_of(sender)


def candidate_of(sender: Sender) -> Candidate:
    """Return what *sender* can take in a second, of the day's limit if that is less (N3)."""
    capacity = sender.mps
    if sender.daily_limit is not None:
        capacity = min(capacity, sender.daily_limit / _DAY_S)
    return Candidate(sender.id, sender.phone, max(capacity, _LEAST_CAPACITY))


def _wake(world: Planning, campaign: Campaign) -> None:
    for sender_id in dict.fromkeys(campaign.sender_ids):
        world.send_queue.put({"sender_id": sender_id})
