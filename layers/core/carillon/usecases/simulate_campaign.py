"""
Say before a launch what it would come to (K16); nothing is written, nothing is sent.

Each rule is asked where launch and sending ask it: who belongs (``domain.audience``), which
sender (``sender_choice``), which variant, the text or its problem, windows and caps
(``readiness``). What is blocked is told in the order in which a send meets it:

    no hours ever, or their local time missed     the lead's row fails with that code
    the text cannot be had                        so it does with this one
    a cap on the person                           it waits, then goes on
    opted out                                     suppressed
    held                                          it waits for a person
    its hours open after the campaign's end       nothing leaves any more

``tests/faults/test_simulation`` launches what was simulated and compares.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from carillon.domain.audience_count import Reach
from carillon.domain.budgets import allowed_from
from carillon.domain.campaign import Campaign, Sender
from carillon.domain.campaign_states import Action, require_allowed
from carillon.domain.content import variant_of
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.forecast import Crowd, Forecast, Lane, forecast
from carillon.domain.ids import SLOTS
from carillon.domain.message import Recipient
from carillon.domain.occurrences import next_occurrence
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access
from carillon.domain.phone import LineType
from carillon.domain.progress import Due
from carillon.domain.recurrence import run_end
from carillon.domain.sender_choice import chosen_sender
from carillon.domain.simulation import (
    ContactState,
    Look,
    MessageSizes,
    SenderForecast,
    Simulation,
    Sizes,
    Traps,
    country_of,
    price_micros,
)
from carillon.domain.whereabouts import Whereabouts
from carillon.ports import Campaigns, Clock, Contacts
from carillon.usecases.audience_sources import Sources, read_range
from carillon.usecases.count_audience import REACH_OF
from carillon.usecases.plan_audience import Locate, candidate_of
from carillon.usecases.readiness import UNPLACED, Readiness, Rules, text_or_problem
from carillon.usecases.walk_parts import parts_of

# One look is one request: so many contacts are read and rendered within a few seconds.
MOST_LOOKED_AT = 4_000
# (recipient, step, variant) -> the text as it would be sent; InvalidInput where there is none.
RenderFor = Callable[[Recipient, int, str | None], str]


class ContactStates(Protocol):
    """What is known of phones beside the lists."""

    def of(self, phones: Sequence[str]) -> Mapping[str, ContactState]:
        """Return the states of those of *phones* of which something is known."""
        ...


@dataclass(frozen=True, kw_only=True)
class SimulationWorld:
    """
    What a simulation reads. *look* reads a share of the audience, as a launch would.

    Raises what ``look`` raises for an audience that could not be launched.
    """

    look: Callable[[Campaign], Look]
    states: ContactStates
    sender_of: Callable[[str], Sender]
    office_zone: Callable[[str], str]
    policy: Callable[[], OrganisationPolicy]
    rules_of: Callable[[OrganisationPolicy], Rules]
    render_for: Callable[[Campaign], RenderFor]
    line_of: Callable[[str], LineType]
    clock: Clock


def simulate_campaign(campaign: Campaign, world: SimulationWorld) -> Simulation:
    """
    Return what a launch of *campaign* would come to, at its date or else now.

    Raises InvalidInput (``campaign_not_ready``) naming what it lacks.
    """
    missing = campaign.missing_for_launch()
    if missing:
        raise InvalidInput(
            f"Before a simulation the campaign needs: {', '.join(missing)}.",
            code="campaign_not_ready",
        )
    now = world.clock.now()
    starts_at = max(campaign.schedule_at or now, now)
    run = _Run(_as_launched(campaign, starts_at), world, starts_at)
    look = world.look(campaign)
    run.take(look)
    return run.result(look, now)


def _as_launched(campaign: Campaign, at: datetime) -> Campaign:
    """Return the campaign as its launch, or that of its next occurrence, would make it."""
    recurrence = campaign.recurrence
    if recurrence is None:
        return replace(campaign, launched_at=at)
    occurrence = next_occurrence(recurrence, at - timedelta(microseconds=1))
    if occurrence is None:
        return replace(campaign, launched_at=at)
    return replace(
        campaign,
        launched_at=at,
        local_at=occurrence.local_time if recurrence.is_recipient_local else None,
        ends_at=run_end(recurrence, occurrence.due_at, campaign.ends_at),
    )


def look_at(
    contacts: Contacts,
    sources: Sources,
    *,
    frozen_at: datetime,
    locate: Locate,
    most: int = MOST_LOOKED_AT,
) -> Look:
    """Return whom a launch at *frozen_at* would freeze; of about *most* contacts at most."""
    width = max(SLOTS * most // max(sources.all_contacts, 1), 1)
    end = min(width, SLOTS)
    part = read_range(
        contacts,
        sources,
        f"{0:04x}",
        f"{end - 1:04x}",
        frozen_at=frozen_at,
        locate=lambda one, country: locate(one.phone, one.merge_fields(), country),
    )
    return Look(
        recipients=part.recipients,
        duplicates=part.duplicates,
        excluded=part.excluded,
        share=end / SLOTS,
    )


@dataclass
class _Group:
    messages: int = 0
    segments: int = 0


@dataclass
class _Bill:
    """Segments by country, of a whole audience of which a share was counted."""

    by_country: Counter[str] = field(default_factory=Counter)

    def cost(self, prices: Mapping[str, str], share: float) -> tuple[int | None, int]:
        """Return the cost (None: nobody has said any price) and the segments without one."""
        total, unpriced = 0, 0
        for country, segments in self.by_country.items():
            price = price_micros(prices, country)
            if price is None:
                unpriced += segments
            else:
                total += price * segments
        whole = _whole(unpriced, share)
        return (_whole(total, share) if prices else None), whole


class _Run:
    def __init__(self, campaign: Campaign, world: SimulationWorld, starts_at: datetime) -> None:
        self._campaign = campaign
        self._world = world
        self._starts_at = starts_at
        self._policy = world.policy()
        self._rules = world.rules_of(self._policy)
        self._ready_when = Readiness(campaign, self._rules)
        self._render = world.render_for(campaign)
        self._senders, self._warnings = self._usable_senders()
        self._candidates = [candidate_of(one) for one in self._senders.values()]
        self._available = {one.id for one in self._senders.values() if one.is_available(starts_at)}
        self._blocked: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._unlikely: Counter[str] = Counter()
        self._sizes: dict[tuple[int, str | None], Sizes] = {}
        self._traps = Traps()
        self._bills = _Bill(), _Bill()
        self._groups: dict[tuple[str, Whereabouts, datetime], _Group] = {}

    def take(self, look: Look) -> None:
        states = self._world.states.of([one.phone for one in look.recipients])
        nothing = ContactState()
        for recipient in look.recipients:
            self._take_one(recipient, states.get(recipient.phone, nothing))

    def _take_one(self, recipient: Recipient, state: ContactState) -> None:
        slot = self._ready_when.slot(recipient, Due(), self._starts_at)
        variant = variant_of(self._campaign.id, recipient.key, self._campaign.variants)
        name = variant.id if variant else None
        text, problem = text_or_problem(partial(self._render, recipient, 0, name))
        if slot.problem or text is None:
            self._blocked[slot.problem or problem or "render_failed"] += 1
            return
        # A test uses up nothing of anybody's.
        caps = () if self._campaign.is_test else self._ready_when.caps(recipient, slot.at)
        free_at = allowed_from(state.sent, caps, slot.at) if caps else None
        ready_at = max(slot.at, free_at or slot.at)
        if self._campaign.is_over(ready_at):
            self._blocked["campaign_over"] += 1
        elif state.opted_out:
            self._blocked["suppressed"] += 1
        elif state.is_held:
            self._waiting["contact_held"] += 1
        else:
            if free_at is not None:
                self._waiting["frequency_cap"] += 1
            elif slot.at > self._starts_at:
                self._waiting["quiet_hours"] += 1
            self._count(recipient, name, text, ready_at)

    def _count(
        self, recipient: Recipient, variant: str | None, text: str, ready_at: datetime
    ) -> None:
        reach = REACH_OF[self._world.line_of(recipient.phone)]
        if reach is not Reach.TEXTABLE:
            self._unlikely[reach] += 1
        where = recipient.whereabouts or UNPLACED
        segments = self._size(recipient, 0, variant, text)
        self._bills[0].by_country[country_of(where)] += segments
        sender_id = chosen_sender(recipient, self._candidates, self._available)
        group = self._groups.setdefault((sender_id, where, ready_at), _Group())
        group.messages += 1
        group.segments += segments
        for step in range(1, len(self._campaign.follow_ups) + 1):
            follow_up, _ = text_or_problem(partial(self._render, recipient, step, None))
            if follow_up is not None:
                more = self._size(recipient, step, None, follow_up)
                self._bills[1].by_country[country_of(where)] += more

    def _size(self, recipient: Recipient, step: int, variant: str | None, text: str) -> int:
        media = () if step else self._campaign.media
        segments = parts_of(text, media)
        if not media:
            template = self._campaign.content.text_of(step, variant) or ""
            self._traps.add(text, template, recipient.fields)
        self._sizes.setdefault((step, variant), Sizes()).add(text, segments)
        return segments

    def _usable_senders(self) -> tuple[dict[str, Sender], list[str]]:
        found: dict[str, Sender] = {}
        for sender_id in dict.fromkeys(self._campaign.sender_ids):
            try:
                found[sender_id] = self._world.sender_of(sender_id)
            except NotFound as error:
                # As planning says it.
                raise InvalidInput("A sender of this campaign no longer exists.") from error
        idle = [one.id for one in found.values() if not one.is_available(self._starts_at)]
        warnings = ["senders_unavailable"] if len(idle) == len(found) else []
        return found, warnings

    def result(self, look: Look, now: datetime) -> Simulation:
        share = look.share
        told = self._forecast(share)
        sizes = [
            MessageSizes(
                step=step,
                variant=variant,
                by_segments=dict(size.by_segments),
                by_encoding=dict(size.by_encoding),
                segments=size.segments,
            )
            for (step, variant), size in sorted(self._sizes.items(), key=lambda one: str(one[0]))
        ]
        cost, unpriced = self._bills[0].cost(self._policy.segment_prices, share)
        follow_up_cost, more_unpriced = self._bills[1].cost(self._policy.segment_prices, share)
        first = sum(one.segments for one in sizes if not one.step)
        later = sum(one.segments for one in sizes if one.step)
        return Simulation(
            campaign_id=self._campaign.id,
            as_of=now,
            starts_at=self._starts_at,
            share=share,
            complete=share >= 1.0,
            recipients=len(look.recipients),
            duplicates=look.duplicates,
            excluded=look.excluded,
            sendable=sum(group.messages for group in self._groups.values()),
            blocked=dict(self._blocked),
            waiting=dict(self._waiting),
            unlikely=dict(self._unlikely),
            messages=tuple(sizes),
            encoding_traps=self._traps.most(),
            segments=_whole(first, share),
            follow_up_segments=_whole(later, share),
            currency=self._policy.currency,
            cost_micros=cost,
            follow_up_cost_micros=follow_up_cost,
            unpriced_segments=unpriced + more_unpriced,
            finishes_at=told.finishes_at,
            unsent_at_end=round(told.unsent),
            held_s={reason: round(seconds) for reason, seconds in told.held_s.items()},
            senders=tuple(self._of_sender(sender_id, told, share) for sender_id in self._senders),
            warnings=tuple(self._warnings),
        )

    def _forecast(self, share: float) -> Forecast:
        zone = ZoneInfo(self._world.office_zone(self._campaign.office_id))
        crowds = [
            Crowd(
                sender_id=sender_id,
                where=where,
                ready_at=ready_at,
                messages=group.messages / share,
                segments=group.segments / share,
            )
            for (sender_id, where, ready_at), group in self._groups.items()
        ]
        lanes = [
            Lane(sender_id=one.id, mps=one.mps, daily_limit=one.daily_limit, zone=zone)
            for one in self._senders.values()
        ]
        return forecast(
            crowds,
            lanes,
            start=self._starts_at,
            opening_of=self._rules.windows_of(self._campaign).opening,
            zone=zone,
            daily_limit=self._campaign.daily_limit,
            ends_at=self._campaign.ends_at,
        )

    def _of_sender(self, sender_id: str, told: Forecast, share: float) -> SenderForecast:
        mine = [group for (one, _, _), group in self._groups.items() if one == sender_id]
        return SenderForecast(
            sender_id=sender_id,
            leads=_whole(sum(group.messages for group in mine), share),
            segments=_whole(sum(group.segments for group in mine), share),
            finishes_at=told.by_sender[sender_id],
        )


def _whole(counted: int, share: float) -> int:
    """Return what the whole audience comes to when a *share* of it came to *counted*."""
    return round(counted / share)


class SimulateCampaign:
    """Simulates campaigns for people."""

    def __init__(self, campaigns: Campaigns, world: SimulationWorld) -> None:
        self._campaigns = campaigns
        self._world = world

    def simulate(self, access: Access, campaign_id: str) -> Simulation:
        """
        Return what a launch would come to; NotFound when it is absent or another office's.

        Raises Conflict (``campaign_state``) for one that has been launched.
        """
        campaign = self._campaigns.get(campaign_id)
        access.require_object(
            campaign.office_id, NotFound("There is no such campaign.", code="campaign_not_found")
        )
        access.require_kind(is_test=campaign.is_test)
        require_allowed(campaign.status, Action.LAUNCH)
        return simulate_campaign(campaign, self._world)
