"""Managing campaigns over fakes: the use cases and the state that they share."""

from dataclasses import dataclass, field
from typing import Any

from carillon.domain.campaign import Campaign
from carillon.domain.errors import InvalidInput
from carillon.usecases.approve_launches import LaunchApprovals
from carillon.usecases.campaign_commands import (
    NewCampaign,
)
from carillon.usecases.list_campaigns import ListCampaigns, ListWorld
from carillon.usecases.manage_campaigns import ManageCampaigns
from carillon.usecases.stop_conversations import StopConversations
from tests.support.assistants import FakeKnowledge
from tests.support.clock import FakeClock
from tests.support.conversations import FakeBook
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    FakeCampaigns,
    FakeLists,
    FakeOffices,
    FakePolicies,
    FakeSegments,
    FakeSenders,
    FakeShelves,
    a_contact_list,
    a_segment,
    a_sender,
    an_office,
)
from tests.support.sending import FakeQueue


@dataclass
class World:
    """The use case over fakes; *campaigns* are there already."""

    campaigns: FakeCampaigns
    clock: FakeClock = field(default_factory=FakeClock)
    plans: FakeQueue = field(default_factory=FakeQueue)
    policies: FakePolicies = field(default_factory=FakePolicies)
    knowledge: FakeKnowledge = field(default_factory=FakeKnowledge)
    sends: FakeQueue = field(default_factory=FakeQueue)
    recounts: FakeQueue = field(default_factory=FakeQueue)
    book: FakeBook = field(default_factory=FakeBook)
    senders: FakeSenders = field(
        default_factory=lambda: FakeSenders(
            a_sender(), a_sender("snd_9", office_id=OTHER_OFFICE, name="Theirs")
        )
    )
    lists: FakeLists = field(
        default_factory=lambda: FakeLists(
            a_contact_list(), a_contact_list("lst_9", office_id=OTHER_OFFICE)
        )
    )
    segments: FakeSegments = field(
        default_factory=lambda: FakeSegments(
            a_segment(), a_segment("seg_9", office_id=OTHER_OFFICE)
        )
    )
    offices: FakeOffices = field(
        default_factory=lambda: FakeOffices(
            an_office(), an_office(OTHER_OFFICE, name="Denver", timezone="America/Denver")
        )
    )

    # What the texts of every campaign lack.
    missing: list[str] = field(default_factory=list)

    @property
    def manage(self) -> ManageCampaigns:
        return ManageCampaigns(
            self.campaigns,
            self.offices,
            self.senders,
            self.lists,
            self.clock,
            segments=self.segments,
            plan_queue=self.plans,
            send_queue=self.sends,
            recount_queue=self.recounts,
            conversations=StopConversations(self.book, self.clock),
            approvals=LaunchApprovals(self.policies, self.clock),
            knowledge=self.knowledge,
            check_body=_check_body,
            missing_in_texts=lambda _: self.missing,
        )

    @property
    def listed(self) -> ListCampaigns:
        return ListCampaigns(
            ListWorld(
                shelves=FakeShelves(self.campaigns),
                offices=self.offices,
                senders=self.senders,
                lists=self.lists,
                policies=self.policies,
            )
        )


def a_world(*campaigns: Campaign) -> World:
    return World(FakeCampaigns(*campaigns))


def _check_body(text: str) -> None:
    if "{{" in text and "}}" not in text:
        raise InvalidInput("Not closed.", field="body", code="template_syntax")


def new_campaign(**changes: Any) -> NewCampaign:
    made = {"title": " Spring ", "office_id": OFFICE, "body": "Hi", "sender_ids": ("snd_1",)}
    return NewCampaign(**{**made, "list_ids": ("lst_1",), **changes})
