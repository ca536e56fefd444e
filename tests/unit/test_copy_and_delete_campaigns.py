"""Copies of campaigns (K7), their removal (K9) and combos (K10)."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason
from carillon.domain.campaign_media import CampaignMedia
from carillon.domain.content import FollowUp, StepCondition, Variant
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.hours import active_hours
from carillon.domain.knowledge import KnowledgeEntry
from carillon.domain.recurrence import Recurrence
from carillon.domain.short_links import Link
from carillon.usecases.campaign_commands import (
    CampaignChange,
    Clone,
)
from tests.support.assistants import FakeKnowledge
from tests.support.clock import NOON
from tests.support.management import (
    ADMIN,
    OFFICE,
    OTHER_OFFICE,
    FakeCampaigns,
    FakeSenders,
    a_campaign,
    a_sender,
    an_access,
    an_origin,
    in_state,
)
from tests.support.managing import World, a_world, new_campaign

MINE = an_access()
LATER = NOON + timedelta(hours=1)
# Every field of a campaign, as a copy has it (K7). A new field fails here until it has its row.
SETTINGS = {
    "office_id": OFFICE,
    "body": "Hi",
    "sender_ids": ("snd_1",),
    "list_ids": ("lst_1", "lst_2"),
    "exclude_list_ids": ("lst_3",),
    "segment_ids": ("seg_1",),
    "exclude_segment_ids": ("seg_2",),
    "type": "mms",
    "operated_by": "assistant",
    "tags": ("spring",),
    "agents": ("usr_7",),
    "variants": (Variant("a", 1, "Hi A"),),
    "follow_ups": (FollowUp(3600, StepCondition.NO_REPLY, "Still there?"),),
    "active_hours": active_hours({"days": {"mon": ["09:00-17:00"]}}),
    "daily_limit": 500,
    "pilot_size": 50,
    "is_test": True,
    "links": (Link("offer", "https://example.com/"),),
    "media": (CampaignMedia("med_1", "image/png", 900),),
    "smart_encoding": True,
}
LEFT_BEHIND: dict[str, tuple[Any, Any]] = {
    "status": (CampaignStatus.FINISHED, CampaignStatus.DRAFT),
    "linked_campaigns": (("cmp_8",), ()),
    "link_key": ("k" * 32, ""),
    "approval": (
        Approval(state=ApprovalState.APPROVED, requested_by="usr_1", requested_at=NOON),
        None,
    ),
    "number": (7, 1),
    "hold_reason": (HoldReason.ERROR_RATE, HoldReason.NONE),
    "hold_until": (LATER, None),
    "recurrence": (Recurrence(rule="0 10 * * 1"), None),
    "occurrence_of": ("cmp_6", None),
    "occurrence": ("2026-11-27T10:00", None),
    "schedule_at": (LATER, None),
    "local_at": ("2026-11-27T10:00", None),
    "ends_at": (LATER, None),
    "launched_at": (NOON, None),
    "submitted_all_at": (NOON, None),
    "finished_at": (NOON, None),
    "launch_error": ("No.", None),
    "parts": (3, 0),
    "planned_parts": (3, 0),
    "total": (900, 0),
    "version": (12, 1),
}
ITS_OWN = {"id", "title", "created_at", "updated_at", "created_by"}


def a_finished_campaign() -> Campaign:
    return a_campaign(
        "cmp_7", **SETTINGS, **{name: first for name, (first, _) in LEFT_BEHIND.items()}
    )


def test_every_field_of_a_campaign_is_known_to_be_copied_or_not() -> None:
    assert {one.name for one in fields(Campaign)} == SETTINGS.keys() | LEFT_BEHIND.keys() | ITS_OWN


def test_a_copy_has_the_settings_and_none_of_the_leads_results_and_dates() -> None:
    """K7: every field is copied or left behind, by a list that knows them all."""
    world = a_world(a_finished_campaign())
    world.clock.sleep(60)

    copy = world.manage.clone(MINE, an_origin(subject="usr_2"), "cmp_7", Clone())

    assert {name: getattr(copy, name) for name in SETTINGS} == SETTINGS
    assert {name: getattr(copy, name) for name in LEFT_BEHIND} == {
        name: left for name, (_, left) in LEFT_BEHIND.items()
    }
    assert (copy.title, copy.created_by) == ("Spring (copy)", "usr_2")
    assert copy.created_at == copy.updated_at == world.clock.now()
    assert world.campaigns.get(copy.id) == copy
    assert world.campaigns.get("cmp_7") == a_finished_campaign()


@pytest.mark.parametrize("status", CampaignStatus)
def test_a_campaign_can_be_copied_in_every_state(status: CampaignStatus) -> None:
    copy = a_world(in_state(status)).manage.clone(MINE, an_origin(), "cmp_1", Clone(title=" B "))

    assert (copy.status, copy.title) == (CampaignStatus.DRAFT, "B")


def test_a_long_title_still_fits_with_its_mark() -> None:
    copy = a_world(a_campaign(title="x" * 200)).manage.clone(MINE, an_origin(), "cmp_1", Clone())

    assert copy.title == "x" * 193 + " (copy)"


def test_a_single_use_number_is_not_copied() -> None:
    senders = FakeSenders(a_sender(kind="single_use"), a_sender("snd_2"))
    world = World(FakeCampaigns(a_campaign(sender_ids=("snd_1", "snd_2"))), senders=senders)

    assert world.manage.clone(MINE, an_origin(), "cmp_1", Clone()).sender_ids == ("snd_2",)


def test_what_the_assistant_knows_is_copied_once() -> None:
    entry = KnowledgeEntry(
        id="hours", campaign_id="cmp_1", questions=("When?",), answer="At nine.", updated_at=NOON
    )
    world = World(FakeCampaigns(a_campaign()), knowledge=FakeKnowledge(entry))

    copy = world.manage.clone(MINE, an_origin("key"), "cmp_1", Clone())
    copied = replace(entry, campaign_id=copy.id)
    assert world.knowledge.entries(copy.id) == [copied]
    world.knowledge.put(replace(copied, answer="At ten."))
    again = world.manage.clone(MINE, an_origin("key"), "cmp_1", Clone())

    assert again == copy
    assert world.knowledge.entries(copy.id) == [replace(copied, answer="At ten.")]


def test_a_foreign_campaign_is_not_there_to_be_copied_or_deleted() -> None:
    world = a_world(a_campaign(office_id=OTHER_OFFICE))

    with pytest.raises(NotFound):
        world.manage.clone(MINE, an_origin(), "cmp_1", Clone())
    with pytest.raises(NotFound):
        world.manage.delete(MINE, "cmp_1", None)


@pytest.mark.parametrize("status", [CampaignStatus.DRAFT, CampaignStatus.SCHEDULED])
def test_what_was_never_live_is_deleted(status: CampaignStatus) -> None:
    """K9: drafts and what was only scheduled can go."""
    world = a_world(in_state(status, schedule_at=LATER))

    world.manage.delete(MINE, "cmp_1", 1)

    with pytest.raises(NotFound):
        world.manage.get(MINE, "cmp_1")


def test_what_was_live_is_not_deleted_even_paused_and_without_interactions() -> None:
    """K9: whatever was live stays, and is told why."""
    world = a_world(in_state(CampaignStatus.PAUSED, launched_at=NOON))

    with pytest.raises(Conflict) as caught:
        world.manage.delete(MINE, "cmp_1", None)

    assert caught.value.extra["reason"] == "was_launched"
    assert "even without interactions" in caught.value.detail


def test_a_campaign_that_has_changed_is_not_deleted_as_it_was_seen() -> None:
    with pytest.raises(Conflict) as caught:
        a_world(a_campaign(version=2)).manage.delete(MINE, "cmp_1", 1)

    assert caught.value.code == "version_conflict"


# Combos (K10) ----------------------------------------------------------------------------


def test_pausing_and_resuming_tell_which_linked_campaigns_are_affected() -> None:
    """K10, X4: both tell which campaigns of the combo are affected."""
    first = in_state(CampaignStatus.ACTIVE, linked_campaigns=("cmp_2",))
    world = a_world(
        first,
        a_campaign("cmp_2", status=CampaignStatus.ACTIVE, title="Second"),
        a_campaign("cmp_3", status=CampaignStatus.PAUSED, linked_campaigns=("cmp_1",)),
        a_campaign("cmp_4", status=CampaignStatus.FINISHED, linked_campaigns=("cmp_1",)),
        a_campaign("cmp_5", status=CampaignStatus.ACTIVE),
    )

    paused = world.manage.pause(MINE, an_origin(), "cmp_1")
    by_pausing = world.listed.affected(MINE, paused)
    resumed = world.manage.resume(MINE, an_origin(), "cmp_1")
    by_resuming = world.listed.affected(MINE, resumed)

    assert [(one.id, one.title, one.status) for one in by_pausing] == [
        ("cmp_2", "Second", "active")
    ]
    assert [one.id for one in by_resuming] == ["cmp_3"]
    assert world.campaigns.get("cmp_2").status is CampaignStatus.ACTIVE


def test_a_combo_has_campaigns_of_the_office_and_never_the_campaign_itself() -> None:
    world = a_world(a_campaign(), a_campaign("cmp_9", office_id=OTHER_OFFICE))

    for wrong in ("cmp_1", "cmp_9", "cmp_0"):
        with pytest.raises(InvalidInput) as caught:
            world.manage.change(MINE, "cmp_1", CampaignChange(linked_campaigns=(wrong,)), None)
        assert caught.value.field == "linked_campaigns"
    with pytest.raises(InvalidInput):
        world.manage.create(ADMIN, an_origin(), new_campaign(linked_campaigns=("cmp_9",)))
