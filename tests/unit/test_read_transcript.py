"""Transcripts: everything in order, and what was sent to the letter or said not to be (V1, V7)."""

from dataclasses import replace
from typing import Any

import pytest

from carillon.domain.content import CampaignContent, FollowUp, StepCondition, Variant
from carillon.domain.conversation import conversation_id
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, RowRef, step_key, text_digest
from carillon.domain.transcript import Author, TranscriptMessage
from tests.support.conversations import a_queued_reply
from tests.support.inbox import InboxScene, signed_in, waiting
from tests.support.messages import KEY, LEAD, a_claim, a_receipt, a_reply, after

FOLLOW_UP = RowRef(LEAD.pk, step_key(KEY, 1))


def sent(scene: InboxScene, text: str, version: int = 3, **changes: Any) -> None:
    claim = a_claim("c1", text_digest=text_digest(text), content_version=version, **changes)
    assert scene.messages.claim(claim)
    scene.messages.record_submitted(claim, Accepted("SM1"), after(1))


def said(scene: InboxScene, content: CampaignContent, version: int = 2) -> None:
    scene.texts.kept["cmp_a", version] = content


def page(scene: InboxScene, limit: int = 50) -> tuple[TranscriptMessage, ...]:
    return scene.transcript.page(signed_in(), waiting().id, limit, None).items


def test_every_message_stands_in_order_with_author_state_and_text() -> None:
    """V1: the whole transcript, in order."""
    scene = InboxScene(waiting())
    said(scene, CampaignContent("Hi {{first_name}}"))
    sent(scene, "Hi Ada")
    scene.messages.apply_receipt(a_receipt(LeadStatus.DELIVERED))
    inbound = RowRef(LEAD.pk, f"{KEY}#in#SMin1")
    scene.messages.record_inbound(inbound, a_reply("help me"), keyword="help", office_id="o")
    automatic = RowRef(LEAD.pk, f"{KEY}#out#help.SMin1")
    answer = a_claim("c4", automatic, claimed_at=after(61), text_digest=text_digest("Call us."))
    scene.messages.claim_answer(answer, purpose="help", text="Call us.")
    scene.outbox.put(a_queued_reply("rpl_1", seconds=120))

    shown = page(scene)

    assert [(one.id, one.author, one.status, one.text, one.is_exact) for one in shown] == [
        ("initial", Author.CAMPAIGN, "delivered", "Hi Ada", True),
        ("in#SMin1", Author.CONTACT, "received", "help me", True),
        ("out#help.SMin1", Author.AUTOMATIC, "claimed", "Call us.", True),
        ("out#agent.rpl_1", Author.AGENT, "queued", "It is us.", True),
    ]
    assert [one.at for one in shown] == [after(1), after(60), after(61), after(120)]
    assert (shown[3].author_subject, shown[3].segments) == ("usr_1", 1)


def test_a_message_shows_what_it_said_when_it_was_sent_whatever_was_edited_since() -> None:
    """V7: exactly, also after the fact."""
    scene = InboxScene(waiting())
    said(scene, CampaignContent("Hi {{first_name}}"), version=2)
    said(scene, CampaignContent("Hello {{first_name}}"), version=4)
    sent(scene, "Hi Ada", version=3)

    (shown,) = page(scene)

    assert (shown.text, shown.is_exact) == ("Hi Ada", True)


def test_variants_and_follow_ups_show_their_own_text() -> None:
    scene = InboxScene(waiting())
    follow_ups = (FollowUp(60, StepCondition.ALWAYS, "Still there?"),)
    variants = (Variant("a", 1, "A {{first_name}}"), Variant("b", 1, "B {{first_name}}"))
    said(scene, CampaignContent("", variants, follow_ups))
    sent(scene, "B Ada", variant="b")
    step = a_claim("c2", FOLLOW_UP, step=1, claimed_at=after(90), text_digest=text_digest("?"))
    scene.messages.claim(replace(step, text_digest=text_digest("Still there?")))

    assert [(one.text, one.is_exact) for one in page(scene)] == [
        ("B Ada", True),
        ("Still there?", True),
    ]


def test_what_cannot_be_told_for_certain_says_so() -> None:
    scene = InboxScene(waiting())
    said(scene, CampaignContent("Hi {{first_name}}"))
    sent(scene, "Hi Grace")

    (shown,) = page(scene)

    assert (shown.text, shown.is_exact) == ("Hi Ada", False)


@pytest.mark.parametrize(
    "content",
    [None, CampaignContent("", (Variant("a", 1, "A"),))],
    ids=["not kept", "variant gone"],
)
def test_what_is_not_known_any_more_is_not_invented(content: CampaignContent | None) -> None:
    scene = InboxScene(waiting())
    if content is not None:
        said(scene, content)
    sent(scene, "Hi Ada", variant="z")

    (shown,) = page(scene)

    assert (shown.text, shown.is_exact, shown.segments) == (None, False, 0)


def test_a_failure_says_why_in_words() -> None:
    """R5: words, with the provider's code beside them."""
    scene = InboxScene(waiting())
    sent(scene, "Hi Ada")
    scene.messages.apply_receipt(a_receipt(LeadStatus.FAILED, error_code="30005"))

    (shown,) = page(scene)

    assert (shown.status, shown.error_code) == ("failed", "30005")
    assert shown.reason
    assert shown.advice


def test_messages_of_a_contact_of_no_campaign_have_no_campaigns_text() -> None:
    thread = RowRef("unsolicited#snd_a#07", KEY)
    unsolicited = replace(waiting(), id=conversation_id(thread), campaign_id=None)
    scene = InboxScene(unsolicited)
    inbound = RowRef(thread.pk, f"{KEY}#in#SMin1")
    scene.messages.record_inbound(inbound, a_reply("hello"), keyword="none", office_id="o")

    shown = scene.transcript.page(signed_in(), unsolicited.id, 9, None).items

    assert [one.text for one in shown] == ["hello"]


def test_a_long_transcript_comes_newest_page_first_each_in_order() -> None:
    scene = InboxScene(waiting())
    for number in range(5):
        ref = RowRef(LEAD.pk, f"{KEY}#in#SM{number}")
        reply = a_reply(str(number), f"SM{number}", received_at=after(number))
        scene.messages.record_inbound(ref, reply, keyword="none", office_id="o")
    pages, position = [], None

    while True:
        listing = scene.transcript.page(signed_in(), waiting().id, 2, position)
        pages.append([one.text for one in listing.items])
        position = listing.next
        if position is None:
            break

    assert pages == [["3", "4"], ["1", "2"], ["0"]]


def test_a_transcript_is_for_those_who_see_its_conversation() -> None:
    scene = InboxScene(waiting())

    with pytest.raises(NotFound):
        scene.transcript.page(signed_in(offices=["off_south"]), waiting().id, 9, None)
    with pytest.raises(InvalidInput):
        scene.transcript.page(signed_in(), waiting().id, 9, {"after": "x"})
