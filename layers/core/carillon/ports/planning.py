"""Campaigns from due to active, and their frozen audiences."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from carillon.domain.audience import AudiencePlan
from carillon.domain.campaign import Campaign, Run
from carillon.domain.message import Recipient
from carillon.domain.recurrence import Occurred


class CampaignPlans(Protocol):
    """Campaigns from due to active. Every write names the state it may come from."""

    def planning(self, campaign_id: str) -> tuple[Campaign, AudiencePlan | None]:
        """Return the campaign and, once launched, its plan, consistently; raises NotFound."""
        ...

    def save_plan(self, before: AudiencePlan, after: AudiencePlan, now: datetime) -> bool:
        """Replace the plan; False when the launch or the cursor is no longer *before*'s."""
        ...

    def activate(
        self, campaign: Campaign, plan: AudiencePlan, runs: Sequence[Run], now: datetime
    ) -> bool:
        """Move processing -> active and store *runs*, all or nothing; False when it moved on."""
        ...

    def reject(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        """Move this launch's processing -> draft with *problem*; False when it moved on."""
        ...

    def due(self, now: datetime) -> Iterator[Campaign]:
        """Yield the scheduled campaigns whose time has come."""
        ...

    def launch(self, campaign: Campaign, now: datetime) -> bool:
        """Move scheduled -> processing; False when it, or its time, has changed."""
        ...

    def hold(self, campaign: Campaign, problem: str, now: datetime) -> bool:
        """Move scheduled -> draft with *problem*; False when it, or its time, has changed."""
        ...

    def over(self, now: datetime) -> Iterator[Campaign]:
        """Yield the active and paused campaigns whose end has come."""
        ...

    def end(self, campaign: Campaign, now: datetime) -> bool:
        """Move active or paused -> finished; False when it, or its end, has changed."""
        ...

    def processing_since(self, moment: datetime) -> Iterator[str]:
        """Yield ids of processing campaigns that nobody has touched since *moment*."""
        ...


class Occurrences(Protocol):
    """What became of the occurrences of campaigns that recur (K15)."""

    def take(
        self, seen: Campaign, after: Campaign, occurred: Occurred, run: Campaign | None
    ) -> bool:
        """
        Note *occurred*, create *run* and leave the series as *after*, all or nothing.

        False, and nothing is written, when the series is no longer as *seen*, or something
        has become of this occurrence before. The run is given the next campaign number.
        """
        ...

    def occurred(self, campaign_id: str, local_time: str) -> bool:
        """Whether something has become of this occurrence, strongly consistent."""
        ...

    def pass_over(self, seen: Campaign, after: Campaign) -> bool:
        """Leave the series as *after* without an occurrence; False when it is not as *seen*."""
        ...

    def latest(self, campaign_id: str, limit: int) -> list[Occurred]:
        """Return what became of at most *limit* occurrences, the latest first."""
        ...


class Audiences(Protocol):
    """The frozen audience of a campaign."""

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        """Return the part's recipients, sorted by key; raises NotFound."""
        ...
