"""A fake of what becomes of occurrences; one suite runs over it and the real adapter."""

from dataclasses import dataclass, field, replace

from carillon.domain.campaign import Campaign
from carillon.domain.recurrence import Occurred
from tests.support.contacts import FakeCampaignPlans


@dataclass
class FakeOccurrences:
    """Implements ``ports.Occurrences`` over the campaigns that *plans* holds."""

    plans: FakeCampaignPlans
    notes: dict[tuple[str, str], Occurred] = field(default_factory=dict)
    numbers: int = 0

    def take(
        self, seen: Campaign, after: Campaign, occurred: Occurred, run: Campaign | None
    ) -> bool:
        key = seen.id, occurred.local_time
        is_there = run is not None and run.id in self.plans.campaigns
        if key in self.notes or is_there or not self.pass_over(seen, after):
            return False
        self.notes[key] = occurred
        if run is not None:
            self.numbers += 1
            self.plans.campaigns[run.id] = replace(run, number=self.numbers)
        return True

    def occurred(self, campaign_id: str, local_time: str) -> bool:
        return (campaign_id, local_time) in self.notes

    def pass_over(self, seen: Campaign, after: Campaign) -> bool:
        standing = self.plans.campaigns[seen.id]
        for name in ("status", "schedule_at", "version"):
            if getattr(standing, name) != getattr(seen, name):
                return False
        self.plans.campaigns[seen.id] = after
        return True

    def latest(self, campaign_id: str, limit: int) -> list[Occurred]:
        found = sorted((key[1], note) for key, note in self.notes.items() if key[0] == campaign_id)
        return [note for _, note in reversed(found)][:limit]
