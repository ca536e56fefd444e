"""
Start the campaigns whose time has come; hold those that are too late (K15) or that nobody
approved (K18); end those whose end has come (F5).

A campaign becomes *processing* by one conditional write, then its planning is
asked for. When that message was lost (here, or after a person's launch), the
campaign stays in processing: a later round asks again. What recurs is launched
by ``start_occurrences``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carillon.domain.campaign import Campaign
from carillon.domain.clock import to_iso
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.schedules import EVERYWHERE
from carillon.ports import CampaignPlans, Clock, KnowledgeBook, Occurrences, Queue
from carillon.usecases.start_occurrences import SeriesWorld, start_occurrence

# Planning touches its campaign at every part, so this long without a change means nobody does.
REPLAN_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Starting:
    """
    What starting needs. A campaign more than *lateness_limit* late does not start.

    *policy* returns the organisation's, strongly consistent.
    """

    campaigns: CampaignPlans
    occurrences: Occurrences
    knowledge: KnowledgeBook
    policy: Callable[[], OrganisationPolicy]
    plan_queue: Queue
    clock: Clock
    lateness_limit: timedelta


@dataclass(frozen=True)
class Started:
    """Ids of the campaigns that one round launched, held, asked again to plan, and ended."""

    launched: tuple[str, ...]
    held: tuple[str, ...]
    replanned: tuple[str, ...]
    ended: tuple[str, ...] = ()


def start_due_campaigns(world: Starting) -> Started:
    """Do one round; any number of rounds at once or after a crash start each campaign once."""
    now = world.clock.now()
    launched, held = [], []
    for campaign in world.campaigns.due(now):
        problem = _problem(campaign, now, world)
        if problem:
            if world.campaigns.hold(campaign, problem, now):
                held.append(campaign.id)
        elif campaign.recurrence is not None:
            launched += _occurrence(world, campaign, now)
        elif world.campaigns.launch(campaign, now):
            world.plan_queue.put({"campaign_id": campaign.id})
            launched.append(campaign.id)
    ended = [one.id for one in world.campaigns.over(now) if world.campaigns.end(one, now)]
    return Started(tuple(launched), tuple(held), _replan(world, now), tuple(ended))


def _occurrence(world: Starting, series: Campaign, now: datetime) -> list[str]:
    needed = SeriesWorld(
        occurrences=world.occurrences, knowledge=world.knowledge, plan_queue=world.plan_queue
    )
    run_id = start_occurrence(needed, series, now, world.lateness_limit)
    return [] if run_id is None else [run_id]


def _problem(campaign: Campaign, now: datetime, world: Starting) -> str | None:
    lateness_limit = world.lateness_limit
    missing = campaign.missing_for_launch()
    if missing:
        return f"It was due but could not start without: {', '.join(missing)}."
    if campaign.ends_at is not None and campaign.is_over(now):
        return f"It was due but its end, {to_iso(campaign.ends_at)}, has passed: nothing was sent."
    if not _is_approved(campaign, world):
        return (
            "It was due but nobody else had approved its launch as it stands: nothing was sent. "
            "Launch or schedule it again to ask for the approval."
        )
    # Of what recurs an occurrence is too late, not the whole.
    due_at = None if campaign.recurrence is not None else campaign.schedule_at
    # On recipients' own clocks the lateness is each person's, until it is over everywhere.
    limit = lateness_limit + EVERYWHERE if campaign.local_at else lateness_limit
    if due_at is not None and now - due_at > limit:
        minutes = int(lateness_limit.total_seconds() // 60)
        return (
            f"It was due at {to_iso(due_at)} and could not start within {minutes} minutes, "
            "so nothing was sent. Choose a new time or launch it now."
        )
    return None


def _is_approved(campaign: Campaign, world: Starting) -> bool:
    if campaign.approval is not None and campaign.approval.holds:
        return True
    return not world.policy().launch_approval


def _replan(world: Starting, now: datetime) -> tuple[str, ...]:
    forgotten = tuple(world.campaigns.processing_since(now - REPLAN_AFTER))
    for campaign_id in forgotten:
        world.plan_queue.put({"campaign_id": campaign_id})
    return forgotten
