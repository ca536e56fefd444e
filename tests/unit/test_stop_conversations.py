"""Where the conversations of a stopped campaign go (K8)."""

from dataclasses import replace
from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus, Unsolicited
from carillon.domain.conversation import Conversation
from carillon.domain.errors import Conflict
from carillon.domain.message import RowRef
from carillon.usecases.stop_conversations import StopConversations
from tests.support.clock import FakeClock
from tests.support.conversations import FakeBook, a_conversation
from tests.support.management import (
    FakeCampaigns,
    FakeSenders,
    a_campaign,
    a_sender,
    an_access,
    an_origin,
)
from tests.support.managing import World
from tests.support.messages import after

AGENTS = Unsolicited("agents", ("usr_1", "usr_2"))


def numbered(number: int, **changes: Any) -> Conversation:
    thread = RowRef("cmp_1#00000", f"{number:032x}")
    made: dict[str, Any] = {
        "campaign_id": "cmp_1",
        "sender_id": "snd_1",
        "last_message_at": after(number),
        "needs_attention": True,
    }
    return a_conversation(thread, **{**made, **changes})


class SlowBook(FakeBook):
    """Each look takes nine seconds."""

    def __init__(self, clock: FakeClock, *conversations: Conversation) -> None:
        super().__init__(*conversations)
        self.clock = clock

    def get(self, conversation_id: str) -> Conversation | None:
        self.clock.sleep(9)
        return super().get(conversation_id)


class Scene:
    """A live campaign on one number."""

    def __init__(self, *conversations: Conversation, **sender: Any) -> None:
        self.clock = FakeClock(after(500))
        self.book = FakeBook(*conversations)
        self.campaigns = FakeCampaigns(
            a_campaign(status=CampaignStatus.ACTIVE, launched_at=after(0))
        )
        self.senders = FakeSenders(a_sender(**sender))

    def archive(self, *, force: bool = False, key: str = "k") -> CampaignStatus:
        world = World(self.campaigns, self.clock, book=self.book, senders=self.senders)
        return world.manage.archive(an_access(), an_origin(key), "cmp_1", force=force).status

    def kept(self, number: int) -> Conversation:
        return self.book.standing[numbered(number).id]


def test_what_needs_attention_goes_to_the_offices_queue_and_leaves_its_agents() -> None:
    """K8: a reusable number's open conversations follow its settings."""
    mine = {"assigned_to": "usr_9", "assigned_at": after(9)}
    scene = Scene(numbered(1, **mine), numbered(2, needs_attention=False, **mine))

    assert scene.archive() is CampaignStatus.ARCHIVED

    assert (scene.kept(1).assigned_to, scene.kept(1).needs_attention) == (None, True)
    assert scene.kept(2).assigned_to == "usr_9"


def test_what_needs_attention_goes_to_the_named_agents_and_stays_with_them() -> None:
    scene = Scene(
        numbered(1, assigned_to="usr_2", assigned_at=after(9)),
        numbered(2, assigned_to="usr_9", assigned_at=after(9)),
        numbered(3),
        unsolicited=AGENTS,
    )

    scene.archive()

    assert scene.kept(1).assigned_to == "usr_2"
    assert (
        sorted(map(str, (scene.kept(2).assigned_to, scene.kept(3).assigned_to)))
        == [
            "usr_1",
            "usr_2",
        ]
        or scene.kept(2).assigned_to == scene.kept(3).assigned_to == "usr_1"
    )


def test_a_single_use_number_is_not_stopped_while_somebody_waits() -> None:
    scene = Scene(numbered(1), numbered(2, needs_attention=False), kind="single_use")

    with pytest.raises(Conflict) as refused:
        scene.archive()

    assert refused.value.code == "conversations_unanswered"
    assert scene.campaigns.get("cmp_1").status is CampaignStatus.ACTIVE
    assert not scene.kept(1).closed


def test_by_force_every_conversation_of_a_single_use_number_leaves_the_queue() -> None:
    """K8: forced, nobody of a single-use number waits any more."""
    scene = Scene(
        numbered(1),
        numbered(2, needs_attention=False),
        numbered(3, needs_attention=False, operated_by="assistant"),
        kind="single_use",
    )

    scene.archive(force=True)

    assert [scene.kept(number).closed for number in (1, 2, 3)] == [True, True, True]


@pytest.mark.parametrize(
    "changes", [{"needs_attention": False}, {"opt_out": "auto"}, {"sender_id": "snd_other"}]
)
def test_nobody_waits_who_was_answered_has_opted_out_or_is_another_numbers(
    changes: dict[str, Any],
) -> None:
    scene = Scene(numbered(1, **changes), kind="single_use")

    assert scene.archive() is CampaignStatus.ARCHIVED


def test_a_draft_has_no_conversations_to_look_after() -> None:
    scene = Scene(numbered(1), kind="single_use")
    scene.campaigns = FakeCampaigns(a_campaign())

    assert scene.archive() is CampaignStatus.ARCHIVED
    assert not scene.kept(1).closed


def test_a_stop_that_ran_out_of_time_goes_on_when_it_is_repeated() -> None:
    clock = FakeClock(after(500))
    many = [numbered(number, needs_attention=False) for number in range(5)]
    book = SlowBook(clock, *many)
    campaign, sender = a_campaign(), a_sender(kind="single_use")
    stop = StopConversations(book, clock)

    outcomes = [stop.stop(campaign, [sender]) for _ in range(2)]

    assert outcomes == [False, True]
    assert all(one.closed for one in book.standing.values())


def test_asked_for_once_more_a_stop_goes_on_though_the_campaign_is_archived_already() -> None:
    """K8: also under another Idempotency-Key, where the transition itself is a conflict."""
    scene = Scene(numbered(1), kind="single_use")
    scene.archive(force=True)
    scene.book.standing[numbered(2).id] = numbered(2)

    with pytest.raises(Conflict) as caught:
        scene.archive(key="another")

    assert caught.value.extra["reason"] == "archived"
    assert scene.kept(2).closed


def test_many_conversations_are_walked_page_by_page() -> None:
    many = [numbered(number) for number in range(250)]
    scene = Scene(*many, kind="single_use")

    scene.archive(force=True)

    assert sum(one.closed for one in scene.book.standing.values()) == 250
    assert replace(scene.kept(0), version=0).last_message_at == after(0)
