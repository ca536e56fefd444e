"""Who looks after a conversation, whatever happens to it in whichever order (V2 to V5, O3)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.conversation import (
    AGENT,
    ASSISTANT,
    REMEMBERED,
    Conversation,
    Inbound,
    InboundKind,
    Section,
    after_assistant_reply,
    after_human_reply,
    after_inbound,
    assigned,
    conversation_id,
    handed_over,
    inbound_kind,
    is_stale,
    left_the_queue,
    operated,
    opted_out_by_agent,
    released,
    reply_queued,
    tagged,
    thread_of,
    unheld,
    waited_s,
    with_attention,
)
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.message import RowRef
from tests.support.clock import NOON
from tests.support.conversations import a_conversation, a_queued_reply, an_inbound
from tests.support.messages import LEAD, after

KINDS = list(InboundKind)


def taken(before: Conversation, *inbound: Inbound) -> Conversation:
    for one in inbound:
        before = after_inbound(before, one, after(100))
    return before


@pytest.mark.parametrize(
    ("operator", "kind", "section", "is_held", "waits"),
    [
        (AGENT, InboundKind.ORDINARY, Section.NEEDS_ATTENTION, False, True),
        (ASSISTANT, InboundKind.ORDINARY, Section.ASSISTANT_OPERATED, False, True),
        (AGENT, InboundKind.WEAK, Section.NEEDS_ATTENTION, True, True),
        (ASSISTANT, InboundKind.WEAK, Section.NEEDS_ATTENTION, True, True),
        (AGENT, InboundKind.DISTRESS, Section.NEEDS_ATTENTION, False, True),
        (ASSISTANT, InboundKind.DISTRESS, Section.NEEDS_ATTENTION, False, True),
        (AGENT, InboundKind.OPT_OUT, Section.AGENT_OPERATED, False, False),
        (ASSISTANT, InboundKind.OPT_OUT, Section.ASSISTANT_OPERATED, False, False),
        (AGENT, InboundKind.OPT_IN, Section.AGENT_OPERATED, False, False),
        (AGENT, InboundKind.HELP, Section.AGENT_OPERATED, False, False),
        (ASSISTANT, InboundKind.HELP, Section.ASSISTANT_OPERATED, False, False),
    ],
)
def test_what_comes_in_decides_where_its_conversation_goes(
    operator: str, kind: InboundKind, section: Section, is_held: bool, waits: bool
) -> None:
    got = taken(a_conversation(operated_by=operator), an_inbound(60, kind=kind))

    assert (got.section, got.is_held) == (section, is_held)
    assert got.awaiting_since == (after(60) if waits else None)
    assert (got.unread, got.last_inbound_at, got.last_text) == (1, after(60), "who is this?")


@pytest.mark.parametrize(
    ("keyword", "opted_in", "kind"),
    [
        ("stop", False, InboundKind.OPT_OUT),
        ("start", False, InboundKind.OPT_IN),
        ("help", False, InboundKind.HELP),
        ("yes", True, InboundKind.OPT_IN),
        ("yes", False, InboundKind.ORDINARY),
        ("weak", False, InboundKind.WEAK),
        ("distress", False, InboundKind.DISTRESS),
        ("none", False, InboundKind.ORDINARY),
    ],
)
def test_every_keyword_has_its_kind(keyword: str, opted_in: bool, kind: InboundKind) -> None:
    assert inbound_kind(keyword, opted_in=opted_in) is kind


MESSAGES = st.lists(
    st.builds(
        lambda number, seconds, kind: an_inbound(
            seconds, provider_id=f"SM{number}", kind=kind, text=f"text {number}"
        ),
        st.integers(0, 1000),
        st.integers(0, 9),
        st.sampled_from(KINDS),
    ),
    min_size=1,
    max_size=REMEMBERED,
    unique_by=lambda one: one.provider_id,
)


@settings(deadline=None)
@given(MESSAGES, st.sampled_from([AGENT, ASSISTANT]), st.randoms())
def test_order_and_repetition_of_what_comes_in_make_no_difference(
    messages: list[Inbound], operator: str, random: object
) -> None:
    shuffled = messages * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    fresh = a_conversation(operated_by=operator)

    assert taken(fresh, *shuffled) == taken(fresh, *sorted(messages, key=lambda one: one.mark))
    assert taken(fresh, *shuffled).unread == len(messages)


@settings(deadline=None)
@given(MESSAGES, st.integers(0, REMEMBERED - 1))
def test_a_message_said_again_undoes_nothing_that_a_person_has_done_since(
    messages: list[Inbound], which: int
) -> None:
    answered = after_human_reply(taken(a_conversation(), *messages), a_queued_reply())
    repeated = messages[which % len(messages)]

    assert after_inbound(answered, repeated, after(200)) == answered


@pytest.mark.parametrize(
    ("start_at", "is_held"), [(50, True), (60, True), (70, False)], ids=["before", "at", "after"]
)
def test_a_start_ends_the_hold_of_what_was_said_before_it(start_at: int, is_held: bool) -> None:
    weak = an_inbound(60, kind=InboundKind.WEAK, provider_id="SMweak")
    start = an_inbound(start_at, kind=InboundKind.OPT_IN, provider_id="SMstart")

    got = taken(a_conversation(), weak, start)

    assert got.is_held is is_held
    # A person still looks at what it was about.
    assert got.needs_attention
    assert replace(taken(a_conversation(), start, weak), updated_at=got.updated_at) == got


def test_the_answer_comes_from_the_number_that_was_written_to_last() -> None:
    got = taken(
        a_conversation(),
        an_inbound(60, sender_id="snd_b"),
        an_inbound(70, sender_id="snd_c"),
        an_inbound(50, sender_id="snd_d"),
        an_inbound(80),
    )

    assert got.sender_id == "snd_c"


def test_what_is_older_than_all_that_is_remembered_has_been_taken_in() -> None:
    many = [an_inbound(100 + number) for number in range(REMEMBERED + 1)]
    answered = after_human_reply(taken(a_conversation(), *many), a_queued_reply(seconds=300))

    assert after_inbound(answered, many[0], after(400)) == answered
    assert after_inbound(answered, an_inbound(400), after(400)).unread == 1


def test_a_message_that_was_late_calls_again_though_a_later_one_was_answered() -> None:
    answered = after_human_reply(taken(a_conversation(), an_inbound(90)), a_queued_reply())

    got = taken(answered, an_inbound(60, text="before that"))

    assert (got.needs_attention, got.awaiting_since, got.unread) == (True, after(60), 1)
    assert (got.last_text, got.last_message_at) == ("It is us.", after(120))


Step = tuple[str, Callable[[Conversation, int], Conversation]]
STEPS: list[Step] = [
    *(
        (
            f"inbound {kind}",
            lambda c, n, kind=kind: after_inbound(c, an_inbound(n, kind=kind), after(n)),
        )
        for kind in KINDS
    ),
    ("person", lambda c, n: after_human_reply(c, a_queued_reply(f"rpl_{n}", n))),
    ("queued", lambda c, n: reply_queued(c, c.outgoing or a_queued_reply("no"), after(n))),
    ("assistant", lambda c, n: after_assistant_reply(c, a_queued_reply(f"ast_{n}", n))),
    ("handed over", lambda c, n: handed_over(c, after(n))),
    ("to agent", lambda c, n: operated(c, AGENT, after(n))),
    ("to assistant", lambda c, n: operated(c, ASSISTANT, after(n))),
    ("attend", lambda c, n: with_attention(c, True, after(n))),
    ("settle", lambda c, n: with_attention(c, False, after(n))),
    ("tag", lambda c, n: tagged(c, ["hot", "lead", "hot"], after(n))),
    ("assign", lambda c, n: assigned(c, f"usr_{n}", after(n))),
    ("release", lambda c, n: released(c, after(n))),
    ("opt out", lambda c, n: opted_out_by_agent(c, after(n))),
    ("unhold", lambda c, n: unheld(c, after(n))),
    ("close", lambda c, n: left_the_queue(c, after(n))),
]
# A person releases, or the contact's own clear word; only a person ends a wait.
RELEASES, ANSWERS = {"unhold", "inbound opt_in"}, {"person"}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=25), st.sampled_from([AGENT, ASSISTANT]))
def test_whatever_happens_the_invariants_hold(steps: list[Step], operator: str) -> None:
    before = a_conversation(operated_by=operator)
    for number, (name, step) in enumerate(steps):
        try:
            now = step(before, 60 + number)
        except Conflict:
            continue

        # What needs attention is a person's, so that V3 leaves a way out.
        assert not now.needs_attention or now.operated_by == AGENT
        assert not (now.is_held and now.operated_by == ASSISTANT)
        assert not (now.closed and now.needs_attention)
        assert now.is_held or not before.is_held or name in RELEASES
        if before.awaiting_since is not None and name not in ANSWERS:
            assert now.awaiting_since is not None
            assert now.awaiting_since <= before.awaiting_since
        assert len(now.tags) <= 3
        assert len(set(now.tags)) == len(now.tags)
        assert all(1 <= len(tag) <= 30 for tag in now.tags)
        assert (now.assigned_to is None) is (now.assigned_at is None)
        assert now.last_message_at >= before.last_message_at
        assert before.opt_out is None or now.opt_out in (before.opt_out, None)
        assert now.version == before.version
        before = now


def test_the_operator_stays_while_attention_is_needed() -> None:
    waiting = taken(a_conversation(), an_inbound())

    with pytest.raises(Conflict) as refused:
        operated(waiting, ASSISTANT, NOON)

    assert refused.value.code == "conversation_needs_attention"
    settled = with_attention(waiting, False, after(90))
    assert operated(settled, ASSISTANT, after(91)).section is Section.ASSISTANT_OPERATED


def test_a_held_contact_is_not_given_to_the_assistant() -> None:
    held = with_attention(
        taken(a_conversation(), an_inbound(kind=InboundKind.WEAK)), False, after(90)
    )

    with pytest.raises(Conflict) as refused:
        operated(held, ASSISTANT, NOON)

    assert refused.value.code == "conversation_held"
    assert operated(unheld(held, after(91)), ASSISTANT, after(92)).operated_by == ASSISTANT


@pytest.mark.parametrize("needed", [True, False])
def test_the_assistants_conversations_have_no_attention_to_toggle(needed: bool) -> None:
    with pytest.raises(Conflict) as refused:
        with_attention(a_conversation(operated_by=ASSISTANT), needed, NOON)

    assert refused.value.code == "conversation_assistants"


def test_settling_is_no_answer() -> None:
    settled = with_attention(taken(a_conversation(), an_inbound(60)), False, after(90))

    assert (settled.needs_attention, settled.unread) == (False, 0)
    assert settled.awaiting_since == after(60)


def test_a_persons_reply_ends_the_wait_and_the_assistants_does_not() -> None:
    waiting = taken(a_conversation(operated_by=ASSISTANT), an_inbound(60))

    assistants = a_queued_reply(author="assistant")
    by_assistant = reply_queued(after_assistant_reply(waiting, assistants), assistants, after(121))
    by_person = after_human_reply(by_assistant, a_queued_reply(seconds=130))

    assert by_assistant.awaiting_since == after(60)
    assert (by_person.awaiting_since, by_person.unread) == (None, 0)
    assert (by_person.last_text, by_person.last_message_at) == ("It is us.", after(130))


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [(None, 90, None), (60, 90.999, 30), (60, 60, 0), (61, 60, 0)],
)
def test_the_wait_is_whole_seconds(since: float | None, now: float, expected: int | None) -> None:
    waiting = a_conversation(awaiting_since=None if since is None else after(since))

    assert waited_s(waiting, after(now)) == expected


def test_the_assistant_answers_only_what_is_its_own() -> None:
    for conversation in (a_conversation(), a_conversation(operated_by=ASSISTANT, is_held=True)):
        with pytest.raises(Conflict) as refused:
            after_assistant_reply(conversation, a_queued_reply())

        assert refused.value.code == "conversation_not_assistants"


def test_a_second_reply_waits_until_the_first_is_in_the_outbox() -> None:
    replied = after_human_reply(a_conversation(), a_queued_reply("rpl_1"))

    for reply in (after_human_reply, after_assistant_reply):
        with pytest.raises(Conflict) as refused:
            reply(replied, a_queued_reply("rpl_2"))
        assert refused.value.code == "reply_under_way"
    queued = reply_queued(replied, a_queued_reply("rpl_1"), after(121))
    assert queued.outgoing is None
    assert after_human_reply(queued, a_queued_reply("rpl_2")).outgoing == a_queued_reply("rpl_2")


def test_the_assistant_hands_over_what_is_its_own_and_nothing_else() -> None:
    assert handed_over(a_conversation(operated_by=ASSISTANT), after(9)).needs_attention
    assert handed_over(a_conversation(), after(9)) == a_conversation()


@pytest.mark.parametrize(
    ("words", "opt_out"),
    [
        ([(60, InboundKind.OPT_OUT)], "auto"),
        ([(60, InboundKind.OPT_OUT), (70, InboundKind.OPT_IN)], None),
        ([(60, InboundKind.OPT_IN), (70, InboundKind.OPT_OUT)], "auto"),
        ([(60, InboundKind.OPT_OUT), (60, InboundKind.OPT_IN)], "auto"),
    ],
)
def test_the_newest_word_on_consent_stands_whatever_came_first(
    words: list[tuple[int, InboundKind]], opt_out: str | None
) -> None:
    for order in permutations(words):
        got = taken(
            a_conversation(),
            *(an_inbound(at, kind=kind, provider_id=f"{at}{kind}") for at, kind in order),
        )

        assert got.opt_out == opt_out


def test_an_opt_out_counts_once_as_what_it_was_first() -> None:
    """O3: automatic or manual, and a conversation counts once."""
    by_keyword = taken(a_conversation(), an_inbound(60, kind=InboundKind.OPT_OUT))

    assert opted_out_by_agent(by_keyword, after(90)).opt_out == "auto"
    assert opted_out_by_agent(a_conversation(), after(90)).opt_out == "manual"
    again = an_inbound(120, kind=InboundKind.OPT_OUT)
    assert taken(opted_out_by_agent(a_conversation(), after(90)), again).opt_out == "manual"


@pytest.mark.parametrize(
    "tags", [["a", "b", "c", "d"], ["x" * 31], [""], [" "]], ids=["four", "long", "empty", "blank"]
)
def test_too_many_or_too_long_tags_are_refused(tags: list[str]) -> None:
    """V4: up to three tags of up to 30 characters."""
    with pytest.raises(InvalidInput) as refused:
        tagged(a_conversation(), tags, NOON)

    assert refused.value.field == "tags"


def test_tags_are_distinct_and_trimmed() -> None:
    got = tagged(a_conversation(), [" hot  lead ", "hot lead", "x" * 30], after(9))

    assert got.tags == ("hot lead", "x" * 30)


def test_nothing_is_sent_or_asked_for_in_a_conversation_that_left_the_queue() -> None:
    closed = left_the_queue(taken(a_conversation(), an_inbound()), after(90))

    assert taken(closed, an_inbound(95)).needs_attention is False
    refusals: list[Callable[[], object]] = [
        lambda: after_human_reply(closed, a_queued_reply()),
        lambda: after_assistant_reply(closed, a_queued_reply()),
        lambda: operated(closed, ASSISTANT, NOON),
        lambda: with_attention(closed, True, NOON),
    ]
    for refusal in refusals:
        with pytest.raises(Conflict) as refused:
            refusal()
        assert refused.value.code == "conversation_closed"


def test_an_id_names_its_thread_and_nothing_else_does() -> None:
    thread = RowRef("unsolicited#snd_abcdefghijklmnop#63", "f" * 32)

    assert thread_of(conversation_id(thread)) == thread
    assert a_conversation().ref == LEAD
    with pytest.raises(InvalidInput):
        thread_of("no such thing")


@pytest.mark.parametrize(
    ("changes", "now", "stale"),
    [
        ({"awaiting_since": after(0), "assigned_at": after(60)}, 120, False),
        ({"awaiting_since": after(0), "assigned_at": after(60)}, 121, True),
        ({"awaiting_since": after(90), "assigned_at": after(0)}, 150, False),
        ({"awaiting_since": after(90), "assigned_at": after(0)}, 151, True),
        ({"assigned_at": after(0)}, 61, True),
        ({"assigned_at": after(0), "needs_attention": False}, 999, False),
        ({"assigned_at": None, "assigned_to": None}, 999, False),
    ],
)
def test_who_lets_a_contact_wait_for_too_long_has_a_stale_assignment(
    changes: dict[str, Any], now: float, stale: bool
) -> None:
    waiting = {"assigned_to": "usr_1", "needs_attention": True}
    conversation = a_conversation(**{**waiting, **changes})

    assert is_stale(conversation, timedelta(seconds=60), after(now)) is stale


def test_a_change_that_changes_nothing_leaves_the_time_alone() -> None:
    calm = replace(a_conversation(), assigned_to="usr_1", assigned_at=NOON)

    assert assigned(calm, "usr_1", after(9)) is calm
    assert operated(calm, AGENT, after(9)) is calm
    assert with_attention(calm, False, after(9)) is calm
    assert tagged(calm, [], after(9)) is calm
    assert unheld(calm, after(9)) is calm
    assert reply_queued(calm, a_queued_reply(), after(9)) is calm
    assert released(a_conversation(), after(9)) == a_conversation()


def test_only_known_operators_operate() -> None:
    with pytest.raises(InvalidInput):
        operated(a_conversation(), "nobody", NOON)
