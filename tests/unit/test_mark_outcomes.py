"""Outcomes (A16): marked by the API or by a tag, once each, and of leads in reach alone."""

from dataclasses import replace

import pytest

from carillon.domain.errors import NotFound
from carillon.domain.outcomes import NewOutcome, OutcomeTags
from carillon.domain.permissions import Role
from carillon.usecases.manage_conversations import ConversationChange
from carillon.usecases.mark_outcomes import MarkOutcomes
from tests.support.inbox import InboxScene, signed_in, waiting
from tests.support.messages import PHONE
from tests.support.outcomes import FakeOutcomes

LEAD = waiting().ref
BOOKED = NewOutcome(phone=PHONE, outcome="booked")


class OutcomeDesk:
    """A desk whose tags are outcomes, and who marks them."""

    def __init__(self) -> None:
        self.desk = InboxScene()
        self.outcomes = FakeOutcomes({LEAD})
        self.marking = MarkOutcomes(
            self.outcomes, self.desk.directory, self.desk.clock, lambda text: text
        )
        world = replace(self.desk.world, note_tags=self.marking.note_tags)
        self.inbox, _ = self.desk.replies_of(world)
        self.conversation = waiting()
        self.desk.book.standing[self.conversation.id] = self.conversation

    def tag(self, *tags: str) -> None:
        change = ConversationChange(tags=tags)
        self.inbox.change(signed_in(), self.conversation.id, change, None)


def test_the_api_marks_a_lead_once() -> None:
    """A16: an outcome marked from outside."""
    desk = OutcomeDesk()

    first = desk.marking.mark(signed_in(), "cmp_a", BOOKED)
    desk.desk.clock.sleep(60)
    second = desk.marking.mark(signed_in(), "cmp_a", NewOutcome(phone=PHONE, outcome="paid"))

    assert first == second == desk.outcomes.marked[LEAD]
    assert first.outcome == "booked"


def test_a_number_that_the_campaign_never_texted_is_not_found() -> None:
    desk = OutcomeDesk()

    with pytest.raises(NotFound) as refused:
        desk.marking.mark(signed_in(), "cmp_a", NewOutcome(phone="+12025550199", outcome="booked"))

    assert refused.value.code == "lead_not_found"
    assert desk.outcomes.marked == {}


def test_another_office_s_campaign_is_not_found() -> None:
    desk, stranger = OutcomeDesk(), signed_in(Role.MANAGER, offices=("off_9",))

    for ask in (
        lambda: desk.marking.mark(stranger, "cmp_a", BOOKED),
        lambda: desk.marking.tags(stranger, "cmp_a"),
        lambda: desk.marking.set_tags(stranger, "cmp_a", OutcomeTags(tags=("booked",))),
    ):
        with pytest.raises(NotFound) as refused:
            ask()
        assert refused.value.code == "campaign_not_found"
    assert desk.outcomes.kept == {}


def test_a_tag_that_the_campaign_takes_for_an_outcome_marks_the_lead() -> None:
    """A16: an outcome marked by a tag."""
    desk = OutcomeDesk()
    desk.marking.set_tags(signed_in(), "cmp_a", OutcomeTags(tags=("booked", " paid  twice ")))

    desk.tag("hot", "paid twice")
    desk.tag("hot")

    assert desk.marking.tags(signed_in(), "cmp_a").tags == ("booked", "paid twice")
    # Taking the tag off again does not take the outcome back.
    assert desk.outcomes.marked[LEAD].outcome == "paid twice"


def test_other_tags_mark_nobody() -> None:
    desk = OutcomeDesk()
    desk.marking.set_tags(signed_in(), "cmp_a", OutcomeTags(tags=("booked",)))

    desk.tag("hot")

    assert desk.outcomes.marked == {}
