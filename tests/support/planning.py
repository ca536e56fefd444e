"""Planning in one process: fakes, a queue that is drained, and what came of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from carillon.domain.audience import decode_part, part_key
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.message import Recipient
from carillon.domain.whereabouts import Whereabouts
from carillon.usecases.plan_audience import Planned, Planning, plan_audience
from tests.support.clock import NOON, FakeClock
from tests.support.contacts import (
    FakeCampaignPlans,
    FakeContacts,
    FakeFiles,
    FakeImportDirectory,
    FakeSegmentDirectory,
    a_contact,
    a_list,
)
from tests.support.sending import FakeQueue, a_campaign, a_sender

# Where everybody is, unless a test says otherwise.
HERE = Whereabouts(("America/New_York",), ("US", "US-DC"), "test")


def a_launched_campaign(**changes: Any) -> Campaign:
    """Return a campaign that was launched at noon and is not planned yet."""
    fresh = {
        "status": CampaignStatus.PROCESSING,
        "launched_at": NOON,
        "updated_at": NOON,
        "parts": 0,
        "planned_parts": 0,
        "total": 0,
    }
    return a_campaign("cmp_a", **{**fresh, **changes})


class PlanningWorld:
    """Lists (id -> numbers of their contacts), one launched campaign, everything around it."""

    def __init__(
        self,
        *,
        lists: Mapping[str, Iterable[int]],
        campaign: Campaign | None = None,
        leads_per_part: int = 4,
    ) -> None:
        self.files = FakeFiles()
        self.contacts = FakeContacts()
        self.plan_queue = FakeQueue()
        self.send_queue = FakeQueue()
        self.clock = FakeClock()
        self.segments = FakeSegmentDirectory()
        self.plans = FakeCampaignPlans(campaign or a_launched_campaign())
        self.directory = FakeImportDirectory(
            *(self._filled(list_id, list(numbers)) for list_id, numbers in lists.items())
        )
        self.ports = Planning(
            campaigns=self.plans,
            lists=self.directory,
            segments=self.segments,
            contacts=self.contacts,
            objects=self.files,
            plan_queue=self.plan_queue,
            send_queue=self.send_queue,
            clock=self.clock,
            leads_per_part=leads_per_part,
            sender_of=a_sender,
            locate=lambda phone, fields, country: HERE,
        )

    def _filled(self, list_id: str, numbers: list[int]) -> Any:
        self.contacts.add(list_id, 1, [a_contact(n) for n in numbers])
        return a_list(list_id, contacts=len(numbers), shards=1 if numbers else 0)

    @property
    def campaign(self) -> Campaign:
        """The campaign as it stands."""
        return self.plans.campaigns["cmp_a"]

    def deliver(self, ports: Planning | None = None) -> Planned:
        """Deliver the plan message once, without time for a second part."""
        return plan_audience(ports or self.ports, campaign_id="cmp_a", budget_s=0)

    def run(self) -> Planned:
        """Deliver the message and all that follow from it; return the last answer."""
        answer = self.deliver()
        while self.plan_queue.messages:
            self.plan_queue.messages.pop(0)
            answer = self.deliver()
        return answer

    def archive(self) -> None:
        """Stop and archive, as a person does."""
        self.plans.campaigns["cmp_a"] = replace(self.campaign, status=CampaignStatus.ARCHIVED)

    def part(self, number: int) -> list[Recipient]:
        """Return one stored part."""
        return decode_part(self.files.objects[part_key("cmp_a", number)])

    def recipients(self) -> list[Recipient]:
        """Return the whole stored audience."""
        return [one for number in range(self.campaign.parts) for one in self.part(number)]

    def outcome(self) -> tuple[object, ...]:
        """All that must be the same after any accident."""
        return (
            # The key of its short links is drawn by whoever activates it.
            replace(self.campaign, link_key="drawn" if self.campaign.link_key else ""),
            self.plans.runs,
            self.files.objects,
            {message["sender_id"] for message in self.send_queue.messages},
        )
