"""The inbox: who sees what, and what people may do there (V2 to V5, O3, P2)."""

from dataclasses import replace
from typing import Any

import pytest

from carillon.domain.clock import from_iso
from carillon.domain.conversation import Conversation, Section, after_human_reply, conversation_id
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.inbox import Count, InboxFilter
from carillon.domain.message import RowRef
from carillon.domain.permissions import Role
from carillon.usecases.manage_conversations import Assignment, ConversationChange
from tests.support.conversations import a_conversation, a_queued_reply
from tests.support.inbox import InboxScene, signed_in, waiting
from tests.support.management import an_origin
from tests.support.messages import KEY, LEAD, PHONE, a_claim, after, submit
from tests.support.sending import a_campaign

EVERYTHING = InboxFilter()


def numbered(number: int, **changes: Any) -> Conversation:
    thread = RowRef("cmp_a#00000", f"{number:032x}")
    made: dict[str, Any] = {"last_message_at": after(number), "version": 1}
    return a_conversation(thread, **{**made, **changes})


NORTH = numbered(1, needs_attention=True)
SOUTH = numbered(2, office_id="off_south")
SOUTHS_OF_ONE = numbered(3, office_id="off_south", assigned_to="usr_1", assigned_at=after(100))
BY_ASSISTANT = numbered(4, operated_by="assistant", tags=("hot",))
ALL = (NORTH, SOUTH, SOUTHS_OF_ONE, BY_ASSISTANT)


@pytest.mark.parametrize(
    ("role", "offices", "visible"),
    [
        (Role.ADMIN, (), [4, 3, 2, 1]),
        (Role.MANAGER, ("off_north", "off_south"), [4, 3, 2, 1]),
        (Role.AGENT, ("off_north",), [4, 3, 1]),
        (Role.AGENT, (), [3]),
        (Role.LIMITED, ("off_north", "off_south"), [3]),
    ],
)
def test_everybody_sees_their_offices_and_their_own_and_a_limited_user_only_the_latter(
    role: Role, offices: tuple[str, ...], visible: list[int]
) -> None:
    scene, access = InboxScene(*ALL), signed_in(role, offices)

    listed = scene.inbox.page(access, EVERYTHING, None, 10, None)

    assert [one.id for one in listed.items] == [ALL[number - 1].id for number in visible]
    for number, one in enumerate(ALL, start=1):
        if number in visible:
            assert scene.inbox.get(access, one.id) == one
        else:
            with pytest.raises(NotFound) as refused:
                scene.inbox.get(access, one.id)
            assert refused.value.code == "conversation_not_found"


def test_a_limited_user_sees_the_conversations_of_campaigns_that_they_are_an_agent_of() -> None:
    """P2: of their own offices, whoever the conversation is assigned to."""
    scene = InboxScene(*ALL, replace(NORTH, id="cnv_other", campaign_id="cmp_b"))
    scene.keep_campaign(a_campaign("cmp_a", office_id="off_north", agents=("usr_1",)))
    scene.keep_campaign(a_campaign("cmp_b", office_id="off_north", agents=("usr_2",)))
    access = signed_in(Role.LIMITED, ("off_north",))

    listed = scene.inbox.page(access, EVERYTHING, None, 10, None)

    assert [one.id for one in listed.items] == [BY_ASSISTANT.id, SOUTHS_OF_ONE.id, NORTH.id]
    assert scene.inbox.get(access, NORTH.id) == NORTH
    for hidden in (SOUTH.id, "cnv_other"):
        with pytest.raises(NotFound):
            scene.inbox.get(access, hidden)


def test_a_section_and_filters_narrow_the_listing() -> None:
    """V2: by tag, section, agent and opted-out."""
    scene, access = InboxScene(*ALL), signed_in(Role.ADMIN, ())

    def found(section: Section | None = None, **wanted: Any) -> list[str]:
        page = scene.inbox.page(access, InboxFilter(**wanted), section, 10, None)
        return [one.id for one in page.items]

    assert found(Section.NEEDS_ATTENTION) == [NORTH.id]
    assert found(tag="hot") == [BY_ASSISTANT.id]
    assert found(office_id="off_south") == [SOUTHS_OF_ONE.id, SOUTH.id]
    assert found(assigned_to="usr_1") == [SOUTHS_OF_ONE.id]
    assert found(Section.AGENT_OPERATED, campaign_id="cmp_a") == [SOUTHS_OF_ONE.id, SOUTH.id]
    assert found(opted_out=True) == []


def test_an_empty_section_is_absent_from_the_counts() -> None:
    """V2: what is empty is not there."""
    scene = InboxScene(*ALL)

    assert scene.inbox.counts(signed_in(Role.ADMIN, ()), EVERYTHING) == {
        Section.NEEDS_ATTENTION: Count(1),
        Section.AGENT_OPERATED: Count(2),
        Section.ASSISTANT_OPERATED: Count(1),
    }
    assert scene.inbox.counts(signed_in(Role.LIMITED), EVERYTHING) == {
        Section.AGENT_OPERATED: Count(1)
    }
    agent = signed_in(offices=["off_north"])
    assert scene.inbox.counts(agent, InboxFilter(office_id="off_south")) == {}


def test_nobody_counts_what_they_may_not_see() -> None:
    scene = InboxScene(*ALL)

    with pytest.raises(NotFound):
        scene.inbox.counts(signed_in(offices=["off_south"]), InboxFilter(campaign_id="cmp_a"))
    with pytest.raises(InvalidInput):
        scene.inbox.counts(signed_in(), InboxFilter(assigned_to="usr_2"))


def test_search_finds_what_the_caller_may_see() -> None:
    ada = replace(NORTH, first_name="Ada")
    foreign = replace(SOUTH, first_name="Adam")
    scene = InboxScene(ada, foreign)

    def found(role: Role, section: Section | None = None, **wanted: Any) -> list[str]:
        asked = InboxFilter(**wanted), section, 10, None
        return [one.id for one in scene.inbox.search(signed_in(role), "ad", *asked).items]

    assert found(Role.AGENT) == [ada.id]
    assert found(Role.LIMITED) == []
    assert found(Role.AGENT, Section.NEEDS_ATTENTION, opted_out=False) == [ada.id]
    assert found(Role.AGENT, Section.AGENT_OPERATED) == found(Role.AGENT, tag="hot") == []


def test_a_change_is_written_once_for_the_version_that_was_read() -> None:
    scene = InboxScene(waiting())
    change = ConversationChange(needs_attention=False, operated_by="assistant", tags=("hot",))

    changed = scene.inbox.change(signed_in(), waiting().id, change, 1)

    assert (changed.section, changed.tags, changed.version) == (
        Section.ASSISTANT_OPERATED,
        ("hot",),
        2,
    )
    with pytest.raises(Conflict) as refused:
        scene.inbox.change(signed_in(), waiting().id, ConversationChange(tags=("late",)), 1)
    assert (refused.value.code, refused.value.extra) == ("version_conflict", {"version": 2})


def test_a_change_of_nothing_writes_nothing() -> None:
    scene = InboxScene(waiting())

    assert scene.inbox.change(signed_in(), waiting().id, ConversationChange(), 1).version == 1


def test_what_the_conversation_refuses_changes_nothing_of_the_rest() -> None:
    scene = InboxScene(waiting())
    change = ConversationChange(operated_by="assistant", tags=("hot",))

    with pytest.raises(Conflict) as refused:
        scene.inbox.change(signed_in(), waiting().id, change, None)

    assert refused.value.code == "conversation_needs_attention"
    assert scene.kept(waiting()) == waiting()


def test_a_conversation_is_assigned_and_released() -> None:
    scene = InboxScene(waiting())

    given = scene.inbox.change(
        signed_in(), waiting().id, ConversationChange(assigned_to="usr_2"), None
    )
    back = scene.inbox.change(
        signed_in(), waiting().id, ConversationChange(unset=("assigned_to",)), None
    )

    assert (given.assigned_to, given.assigned_at) == ("usr_2", after(120))
    assert (back.assigned_to, back.assigned_at) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        ConversationChange(unset=("tags",)),
        ConversationChange(unset=("assigned_to",), assigned_to="usr_1"),
    ],
)
def test_unset_names_the_assignment_and_not_what_is_set(change: ConversationChange) -> None:
    with pytest.raises(InvalidInput) as refused:
        InboxScene(waiting()).inbox.change(signed_in(), waiting().id, change, None)

    assert refused.value.field == "unset"


def test_users_take_turns() -> None:
    """V5: assignment by turn."""
    scene = InboxScene(numbered(1), numbered(2), numbered(3))
    wanted = Assignment(among=("usr_1", "usr_2"), by="round_robin")

    given = [
        scene.inbox.assign(signed_in(), numbered(n).id, wanted, 1).assigned_to for n in (1, 2, 3)
    ]

    assert given == ["usr_1", "usr_2", "usr_1"]


def test_the_least_busy_user_is_given_the_next_one() -> None:
    """V5: assignment by load."""
    busy = [
        numbered(n, assigned_to="usr_1", assigned_at=after(0), needs_attention=n == 1)
        for n in (1, 2)
    ]
    scene = InboxScene(*busy, numbered(3), numbered(4))
    wanted = Assignment(among=("usr_1", "usr_2"))

    given = [
        scene.inbox.assign(signed_in(), numbered(n).id, wanted, None).assigned_to for n in (3, 4)
    ]

    assert given == ["usr_2", "usr_2"]


def test_an_assignment_names_somebody() -> None:
    with pytest.raises(InvalidInput):
        InboxScene(waiting()).inbox.assign(signed_in(), waiting().id, Assignment(among=()), None)


def test_whoever_lets_a_contact_wait_for_half_an_hour_loses_the_conversation() -> None:
    """V5: a stale assignment is released."""
    stale = waiting(60, assigned_to="usr_2", assigned_at=after(60))
    scene = InboxScene(stale)
    scene.clock.sleep(29 * 60)
    assert scene.inbox.page(signed_in(), EVERYTHING, None, 9, None).items == (stale,)

    scene.clock.sleep(60)
    (shown,) = scene.inbox.page(signed_in(), EVERYTHING, None, 9, None).items

    assert (shown.assigned_to, shown.needs_attention) == (None, True)
    assert scene.kept(stale) == shown


def test_a_limited_user_no_longer_sees_what_was_taken_from_them() -> None:
    stale = waiting(60, assigned_to="usr_1", assigned_at=after(60))
    scene = InboxScene(stale)
    scene.clock.sleep(3600)

    assert scene.inbox.page(signed_in(Role.LIMITED), EVERYTHING, None, 9, None).items == ()


def test_an_agents_opt_out_binds_first_and_is_told_to_lead_and_conversation() -> None:
    scene = InboxScene(waiting())
    submit(scene.messages, a_claim("c1"), 1)

    opted_out = scene.inbox.opt_out(signed_in(), an_origin("k"), waiting().id)

    standing = scene.suppressions.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.source, standing.event_at) == (True, "agent", after(120))
    lead = scene.messages.items[LEAD]
    assert (lead["opt_out_kind"], from_iso(lead["opted_out_at"])) == ("manual", after(120))
    assert opted_out.opt_out == "manual"


def test_an_agents_opt_out_of_a_contact_of_no_campaign_touches_no_lead() -> None:
    thread = RowRef("unsolicited#snd_a#07", KEY)
    unsolicited = replace(waiting(), id=conversation_id(thread), campaign_id=None)
    scene = InboxScene(unsolicited)

    scene.inbox.opt_out(signed_in(), an_origin(), unsolicited.id)

    assert scene.messages.items == {}
    assert scene.kept(unsolicited).opt_out == "manual"


def test_a_person_releases_a_held_contact() -> None:
    held = waiting(is_held=True)
    scene = InboxScene(held)

    assert scene.inbox.release_hold(signed_in(), held.id).is_held is False
    assert scene.inbox.release_hold(signed_in(), held.id).version == 2


def test_a_released_contact_is_texted_by_campaigns_again() -> None:
    held = a_conversation(is_held=True)
    scene = InboxScene(held)
    scene.holds.hold(held.phone, "SMin1", after(60))

    scene.inbox.release_hold(signed_in(), held.id)

    assert scene.holds.held == {}


def test_what_a_held_contact_says_while_somebody_releases_them_is_decided_anew() -> None:
    held = a_conversation(is_held=True, last_inbound_at=after(60))
    scene = InboxScene(held)
    scene.holds.hold(held.phone, "SMin1", after(60))
    # Stored, and its conversation is told of it in a moment.
    scene.holds.hold(held.phone, "SMin2", after(61))

    scene.inbox.release_hold(signed_in(), held.id)

    assert scene.holds.held == {held.phone: "SMin2"}


@pytest.mark.parametrize("subject", ["usr#agent_operated", "two words", "", "x" * 101, "é", "#"])
def test_what_cannot_be_a_users_id_is_refused_wherever_it_is_said(subject: str) -> None:
    scene = InboxScene(waiting())
    refusals = []
    for act in (
        lambda: scene.inbox.change(
            signed_in(), waiting().id, ConversationChange(assigned_to=subject), None
        ),
        lambda: scene.inbox.assign(
            signed_in(), waiting().id, Assignment(among=("usr_1", subject)), None
        ),
        lambda: scene.inbox.page(signed_in(), InboxFilter(assigned_to=subject), None, 9, None),
    ):
        with pytest.raises(InvalidInput) as refused:
            act()
        refusals.append(refused.value.field)

    assert refusals == ["assigned_to", "among", "assigned_to"]
    assert scene.kept(waiting()) == waiting()


@pytest.mark.parametrize("subject", ["usr_1", "auth0|5f7c", "0b1c-9f", "ada@example.com"])
def test_users_ids_of_any_sign_in_are_taken(subject: str) -> None:
    scene = InboxScene(waiting())

    change = ConversationChange(assigned_to=subject)

    assert scene.inbox.change(signed_in(), waiting().id, change, None).assigned_to == subject


@pytest.mark.parametrize("apart_s", [0.0, 0.1, 30.0])
def test_a_poll_skips_nothing_however_much_comes_in_between_two_of_them(apart_s: float) -> None:
    scene = InboxScene()
    _, position = scene.inbox.updates(signed_in(), None, 0)
    arrived = [
        numbered(number, last_message_at=after(121 + number * apart_s)) for number in range(700)
    ]
    scene.book.standing |= {one.id: one for one in arrived}

    told: list[Conversation] = []
    for _ in range(8):
        found, position = scene.inbox.updates(signed_in(), position, 0)
        told += found

    assert {one.id for one in told} >= {one.id for one in arrived}
    if apart_s == 30.0:
        # Where a minute is not that busy, each once and in order.
        assert told == arrived


def test_a_poll_that_is_far_behind_still_tells_what_came_up_late() -> None:
    scene = InboxScene()
    _, position = scene.inbox.updates(signed_in(), None, 0)
    arrived = [numbered(number, last_message_at=after(121 + number)) for number in range(150)]
    scene.book.standing |= {one.id: one for one in arrived}
    first, position = scene.inbox.updates(signed_in(), position, 0)

    late = numbered(900, last_message_at=after(200.5))
    scene.book.standing[late.id] = late
    second, _ = scene.inbox.updates(signed_in(), position, 0)

    assert first == arrived[:100]
    assert second == [late, *arrived[100:]]


def test_a_poll_begins_with_nothing_and_then_tells_what_is_new_once() -> None:
    scene = InboxScene(waiting())
    begun, position = scene.inbox.updates(signed_in(), None, 20)
    assert (begun, scene.clock.monotonic()) == ([], 0)

    quiet, position = scene.inbox.updates(signed_in(), position, 6)
    assert (quiet, scene.clock.monotonic()) == ([], 6)

    tagged = scene.inbox.change(signed_in(), waiting().id, ConversationChange(tags=("a",)), None)
    told, position = scene.inbox.updates(signed_in(), position, 20)
    assert (told, scene.clock.monotonic()) == ([tagged], 6)
    assert scene.inbox.updates(signed_in(), position, 0)[0] == []


def test_a_poll_tells_what_came_up_late() -> None:
    scene = InboxScene()
    _, position = scene.inbox.updates(signed_in(), None, 0)
    late = waiting(70)

    scene.book.standing[late.id] = late

    assert scene.inbox.updates(signed_in(), position, 20)[0] == [late]


def test_a_poll_tells_nothing_of_other_offices() -> None:
    scene = InboxScene()
    _, position = scene.inbox.updates(signed_in(), None, 0)

    scene.book.standing[SOUTH.id] = replace(SOUTH, last_message_at=after(121))

    assert scene.inbox.updates(signed_in(), position, 0)[0] == []


@pytest.mark.parametrize("position", [{"since": "x", "seen": "."}, {"before": "x"}])
def test_a_position_of_another_listing_is_refused(position: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        InboxScene().inbox.updates(signed_in(), position, 0)

    assert refused.value.code == "cursor_invalid"


def test_a_reply_that_was_promised_before_a_crash_is_queued_by_whoever_looks_next() -> None:
    reply = a_queued_reply(seconds=60)
    promised = replace(after_human_reply(waiting(50), reply), version=2)
    scene = InboxScene(promised)

    shown = scene.inbox.get(signed_in(), promised.id)

    assert scene.outbox.entries == {reply.id: reply}
    assert scene.send_queue.messages == [{"sender_id": "snd_a"}]
    assert (shown.outgoing, shown.version) == (None, 3)


def test_a_forgotten_reply_is_found_by_a_listing_as_well() -> None:
    reply = a_queued_reply(seconds=60)
    promised = replace(after_human_reply(waiting(50), reply), version=2)
    scene = InboxScene(promised)

    (shown,) = scene.inbox.page(signed_in(), EVERYTHING, None, 9, None).items

    assert (shown.outgoing, list(scene.outbox.entries)) == (None, [reply.id])
