"""Keeping what a campaign's assistant knows, and trying out what it would say."""

from typing import Any

import pytest

from carillon.domain.assistant import AssistantPolicy, Reason
from carillon.domain.campaign import CampaignStatus
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.knowledge import MAX_ENTRIES, KnowledgeEntry
from carillon.usecases.answer_as_assistant import AssistantWorld
from carillon.usecases.manage_knowledge import ManageKnowledge, NewEntry, Trial, TryAssistant
from tests.support.assistants import FakeAssistant, FakeKnowledge, an_entry
from tests.support.clock import NOON, FakeClock
from tests.support.management import OTHER_OFFICE, FakeCampaigns, a_campaign, an_access

ACCESS = an_access()


def managing(
    *entries: KnowledgeEntry, assistant: FakeAssistant | None = None, **campaign: Any
) -> ManageKnowledge:
    world = AssistantWorld(
        knowledge=FakeKnowledge(*entries),
        assistant=assistant or FakeAssistant(),
        clock=FakeClock(),
        organisation="Harbour Clinic",
        policy=AssistantPolicy(max_segments=2),
    )
    return ManageKnowledge(FakeCampaigns(a_campaign(**campaign)), world)


def a_new_entry(**changes: Any) -> NewEntry:
    made: dict[str, Any] = {"answer": "9 to 5.", "questions": ("When are you open?",)}
    return NewEntry(**{**made, **changes})


def test_an_entry_is_kept_tidied_and_listed() -> None:
    knowledge = managing()
    new = a_new_entry(
        answer=" 9 to 5.\n", questions=("When  open?", "When open?"), keywords=("hours",)
    )

    kept = knowledge.put(ACCESS, "cmp_1", "hours", new)

    expected = KnowledgeEntry(
        campaign_id="cmp_1",
        id="hours",
        answer="9 to 5.",
        questions=("When open?",),
        keywords=("hours",),
        updated_at=NOON,
    )
    assert kept == expected
    assert knowledge.entries(ACCESS, "cmp_1") == [expected]


def test_an_entry_is_replaced_and_deleted_as_often_as_asked() -> None:
    knowledge = managing(an_entry(), an_entry("prices"))

    knowledge.put(ACCESS, "cmp_1", "hours", a_new_entry(enabled=False))
    for _ in range(2):
        knowledge.delete(ACCESS, "cmp_1", "prices")

    (left,) = knowledge.entries(ACCESS, "cmp_1")
    assert (left.id, left.enabled, left.answer) == ("hours", False, "9 to 5.")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"questions": ()}, "questions", "invalid_input"),
        ({"keywords": ("Stop!",)}, "keywords", "keyword_reserved"),
        ({"keywords": ("HELP",)}, "keywords", "keyword_reserved"),
        ({"keywords": ("👍",)}, "keywords", "invalid_input"),
        ({"keywords": ("Preis", "PRICE.")}, "keywords", "keyword_taken"),
        ({"answer": "x" * 307}, "answer", "answer_too_long"),
        ({"answer": "ж" * 135}, "answer", "answer_too_long"),
    ],
)
def test_an_entry_that_could_not_work_is_refused(
    changes: dict[str, Any], field: str, code: str
) -> None:
    prices = an_entry("prices", keywords=("price",))
    knowledge = managing(prices)

    with pytest.raises(InvalidInput) as raised:
        knowledge.put(ACCESS, "cmp_1", "hours", a_new_entry(**changes))

    assert (raised.value.field, raised.value.code) == (field, code)
    assert knowledge.entries(ACCESS, "cmp_1") == [prices]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"answer": "x" * 1601}, "answer"),
        ({"answer": "  "}, "answer"),
        ({"questions": ("x" * 301,)}, "questions"),
        ({"questions": ("x",) * 21}, "questions"),
        ({"keywords": ("x" * 61,)}, "keywords"),
    ],
)
def test_an_entry_beyond_its_limits_cannot_be_asked_for(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        a_new_entry(**changes)

    assert raised.value.field == field


def test_an_entry_may_keep_its_own_keyword_and_fill_its_segments() -> None:
    knowledge = managing(an_entry(keywords=("price",)))

    kept = knowledge.put(
        ACCESS, "cmp_1", "hours", a_new_entry(keywords=("price",), answer="x" * 306)
    )

    assert (kept.keywords, len(kept.answer)) == (("price",), 306)


def test_a_full_campaign_takes_changes_and_no_further_entry() -> None:
    knowledge = managing(*(an_entry(f"e{n}") for n in range(MAX_ENTRIES)))

    knowledge.put(ACCESS, "cmp_1", "e0", a_new_entry())
    with pytest.raises(Conflict) as raised:
        knowledge.put(ACCESS, "cmp_1", "one_more", a_new_entry())

    assert raised.value.code == "knowledge_full"


def test_an_archived_campaign_is_only_looked_at() -> None:
    knowledge = managing(an_entry(), status=CampaignStatus.ARCHIVED)

    for change in (
        lambda: knowledge.put(ACCESS, "cmp_1", "hours", a_new_entry()),
        lambda: knowledge.delete(ACCESS, "cmp_1", "hours"),
    ):
        with pytest.raises(Conflict) as raised:
            change()
        assert raised.value.code == "campaign_state"
    assert knowledge.entries(ACCESS, "cmp_1") == [an_entry()]


def test_another_offices_campaign_is_not_there() -> None:
    assistant = FakeAssistant()
    knowledge = managing(an_entry(), assistant=assistant, office_id=OTHER_OFFICE)

    for ask in (
        lambda: knowledge.entries(ACCESS, "cmp_1"),
        lambda: knowledge.put(ACCESS, "cmp_1", "hours", a_new_entry()),
        lambda: knowledge.delete(ACCESS, "cmp_1", "hours"),
        lambda: knowledge.try_out(ACCESS, "cmp_1", TryAssistant(text="open?")),
    ):
        with pytest.raises(NotFound) as raised:
            ask()
        assert raised.value.code == "campaign_not_found"
    assert assistant.asked == []


def test_a_trial_tells_answer_score_source_and_segments() -> None:
    knowledge = managing(an_entry(answer="x" * 161), assistant=FakeAssistant(score=0.75))

    trial = knowledge.try_out(ACCESS, "cmp_1", TryAssistant(text="When are you open?"))

    assert trial == Trial(
        outcome="answer", text="x" * 161, score=0.75, sources=("hours",), segments=2
    )


def test_a_trial_tells_what_would_be_handed_over() -> None:
    unsure = managing(an_entry(), assistant=FakeAssistant(score=0.2))
    asked_for = managing(an_entry())
    ignorant = managing()

    trials = [
        unsure.try_out(ACCESS, "cmp_1", TryAssistant(text="Is it far?")),
        asked_for.try_out(ACCESS, "cmp_1", TryAssistant(text="talk to a human")),
        ignorant.try_out(ACCESS, "cmp_1", TryAssistant(text="open?")),
    ]

    assert trials == [
        Trial(outcome="hand_over", reason=Reason.NOT_SURE, score=0.2, sources=("hours",)),
        Trial(outcome="hand_over", reason=Reason.ASKED_FOR_PERSON),
        Trial(outcome="hand_over", reason=Reason.NO_KNOWLEDGE),
    ]


def test_a_trial_of_a_word_of_consent_shows_that_the_assistant_never_sees_it() -> None:
    assistant = FakeAssistant()
    knowledge = managing(an_entry(), assistant=assistant)

    trial = knowledge.try_out(ACCESS, "cmp_1", TryAssistant(text="stop texting me"))

    assert trial == Trial(outcome="silent", reason="not_ordinary")
    assert assistant.asked == []
