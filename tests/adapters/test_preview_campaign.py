"""Previews of a campaign's messages, by the templates that sending uses (M1, M4, M6, M7)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from carillon.adapters.templates import compile_template
from carillon.domain.campaign import Campaign
from carillon.domain.contacts import Contact
from carillon.domain.content import FollowUp, StepCondition, Variant, variant_of
from carillon.domain.errors import NotFound
from carillon.domain.ids import lead_key
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.segments_filter import SegmentFilter, parse_filter
from carillon.domain.short_links import CODE_LENGTH, Link, read_code
from carillon.usecases.preview_campaign import (
    CampaignPreview,
    ContactPreview,
    MessagePreview,
    PreviewCampaign,
    PreviewRequest,
)
from carillon.usecases.render_texts import Texts
from carillon.usecases.review_content import ReviewContent
from tests.support.contacts import FakeContacts, a_contact
from tests.support.management import (
    FakeCampaigns,
    FakeLists,
    FakeSegments,
    a_campaign,
    a_contact_list,
    a_segment,
    an_access,
)

ANN, BOB = "+12025550101", "+12025550102"
OFFER = Link("offer", "https://example.com/a")


def in_city(city: str) -> SegmentFilter:
    return parse_filter({"field": "city", "op": "equals", "value": city})


class CountedContacts(FakeContacts):
    """Counts whom it hands out: each is a part of a query's cost."""

    handed_out = 0

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        for contact in super().between(list_id, shards, first, last):
            self.handed_out += 1
            yield contact


class Scene:
    def __init__(self, **changes: Any) -> None:
        self.campaign: Campaign = a_campaign(**changes)
        self.contacts = CountedContacts()
        self.contacts.add(
            "lst_1",
            1,
            [
                a_contact(101, first_name="Ann", fields={"city": "Bonn"}),
                a_contact(102, first_name="", fields={}),
            ],
        )
        self.policy = OrganisationPolicy()
        self.segments = FakeSegments(
            a_segment("seg_bonn", filter=in_city("Bonn")),
            a_segment("seg_oslo", filter=in_city("Oslo")),
            a_segment("seg_lost", list_ids=("lst_gone",)),
        )

    def review(self) -> ReviewContent:
        return ReviewContent(
            compile_template, lambda: self.policy, lambda _: ["Harbour Clinic"], lambda _: "twilio"
        )

    def preview(self, *phones: str) -> CampaignPreview:
        lists = FakeLists(
            a_contact_list("lst_1", shards=1),
            a_contact_list("lst_2", shards=1),
            a_contact_list("lst_empty"),
        )
        return PreviewCampaign(
            FakeCampaigns(self.campaign),
            lists,
            self.segments,
            self.contacts,
            self.review(),
            compile_text=compile_template,
            link_base_url="https://go.example.org",
        ).preview(an_access(), "cmp_1", PreviewRequest(phones=phones))

    def of(self, phone: str) -> ContactPreview:
        (found,) = self.preview(phone).contacts
        return found

    def first(self, phone: str = ANN) -> MessagePreview:
        return self.of(phone).messages[0]


def test_a_contact_sees_the_text_as_it_will_be_sent() -> None:
    first = Scene(body="Hi {{ first_name }} from {{ city }}").first()

    assert (first.step, first.variant, first.problem) == (0, None, None)
    assert (first.text, first.encoding, first.segments) == ("Hi Ann from Bonn", "GSM-7", 1)
    assert first.forces_ucs_2 == ()


def test_a_missing_field_blocks_the_contact_and_all_missing_fields_are_named() -> None:
    """M1: nobody is sent "Hi {{first_name}}"."""
    first = Scene(body="Hi {{ first_name }} from {{ city }} {{ day | default: 'soon' }}").first(BOB)

    assert first == MessagePreview(
        step=0, variant=None, problem="missing_field", missing_fields=("first_name", "city")
    )


def test_the_characters_that_force_ucs_2_are_named() -> None:
    first = Scene(body="Hi \U0001f44b\u201cAnn\u201d " + "x" * 70).first()

    assert (first.encoding, first.segments) == ("UCS-2", 2)
    assert first.forces_ucs_2 == ("\U0001f44b", "\u201c", "\u201d")


@pytest.mark.parametrize(("smart", "text", "segments"), [(True, '"', 1), (False, "\u201c", 2)])
def test_before_and_after_smart_encoding_are_both_shown(
    smart: bool, text: str, segments: int
) -> None:
    """M4."""
    first = Scene(body="\u201c" + "x" * 99, smart_encoding=smart).first()

    assert first.text is not None
    assert (first.text[0], first.segments) == (text, segments)
    assert first.as_written is not None
    assert first.smart_encoded is not None
    assert (first.as_written.encoding, first.as_written.segments) == ("UCS-2", 2)
    assert (first.smart_encoded.encoding, first.smart_encoded.segments) == ("GSM-7", 1)


def test_a_preview_is_to_the_letter_what_sending_renders() -> None:
    links, variants = (OFFER,), (Variant("a", 1, "A\u2026 {{ links.offer }}"), Variant("b", 1, "B"))
    scene = Scene(variants=variants, links=links, link_key="k" * 32, smart_encoding=True)
    own = variant_of("cmp_1", lead_key(ANN), variants)
    assert own is not None
    texts = Texts(
        scene.campaign.content,
        "cmp_1",
        lambda body: compile_template(body).render,
        "https://go.example.org",
    )

    first = scene.first()

    assert first.variant == own.id
    assert first.text == texts.render(0, own.id, {}, lead_key(ANN))


def test_before_the_launch_short_links_are_as_long_as_they_will_be_and_lead_nowhere() -> None:
    scene = Scene(body="{{ links.offer }}", links=(OFFER,))

    text = scene.first().text

    assert text is not None
    code = text.removeprefix("https://go.example.org/")
    assert len(code) == CODE_LENGTH
    read = read_code(code)
    assert read is not None
    assert not read.is_of("cmp_1", "k" * 32, lead_key(ANN))


def test_follow_ups_are_shown_after_the_first_message() -> None:
    follow_ups = (FollowUp(60, StepCondition.ALWAYS, "Still there, {{ first_name }}?"),)

    messages = Scene(follow_ups=follow_ups).of(ANN).messages

    assert [(one.step, one.text) for one in messages] == [(0, "Hi Ann"), (1, "Still there, Ann?")]


def test_without_phones_a_few_contacts_are_shown() -> None:
    shown = Scene(list_ids=("lst_gone", "lst_empty", "lst_1")).preview()

    assert {(one.phone, one.list_id) for one in shown.contacts} == {(ANN, "lst_1"), (BOB, "lst_1")}


def test_the_first_list_that_has_a_contact_gives_the_fields() -> None:
    scene = Scene(list_ids=("lst_2", "lst_1"), body="Hi {{ first_name }}")
    scene.contacts.add("lst_2", 1, [a_contact(101, first_name="Anne", fields={})])

    shown = scene.of(ANN)

    assert (shown.list_id, shown.messages[0].text) == ("lst_2", "Hi Anne")


def test_who_is_excluded_or_in_no_list_is_told_apart() -> None:
    scene = Scene(exclude_list_ids=("lst_2",))
    scene.contacts.add("lst_2", 1, [a_contact(101, first_name="Ann", fields={})])

    found = scene.preview(ANN, "+12025550199").contacts

    assert [(one.phone, one.problem) for one in found] == [
        (ANN, "excluded"),
        ("+12025550199", "contact_not_found"),
    ]


def test_a_segment_of_the_audience_shows_those_whom_it_keeps() -> None:
    """C4, K16: a preview reads segments as a launch does."""
    scene = Scene(list_ids=(), segment_ids=("seg_gone", "seg_lost", "seg_oslo", "seg_bonn"))

    few, named = scene.preview(), scene.preview(ANN, BOB)

    assert [(one.phone, one.list_id) for one in few.contacts] == [(ANN, "lst_1")]
    assert [(one.phone, one.problem) for one in named.contacts] == [
        (ANN, None),
        (BOB, "contact_not_found"),
    ]


def test_whom_an_excluded_segment_keeps_is_shown_as_excluded() -> None:
    """C4."""
    shown = Scene(exclude_segment_ids=("seg_bonn",)).preview(ANN, BOB)

    assert [(one.phone, one.problem) for one in shown.contacts] == [(ANN, "excluded"), (BOB, None)]


def test_a_contact_of_a_list_and_of_a_segment_of_it_is_shown_once() -> None:
    shown = Scene(segment_ids=("seg_bonn",)).preview()

    assert sorted(one.phone for one in shown.contacts) == [ANN, BOB]


def test_a_preview_does_not_read_a_great_list_for_the_one_whom_a_segment_keeps() -> None:
    """F9: it looks at so many contacts and no more."""
    scene = Scene(list_ids=(), segment_ids=("seg_oslo",))
    scene.contacts.add(
        "lst_1", 1, [a_contact(n, fields={"city": "Bonn"}) for n in range(300, 2900)]
    )

    shown = scene.preview()

    assert shown.contacts == ()
    assert scene.contacts.handed_out == 2_000


def test_what_a_first_message_lacks_is_said_for_the_texts_and_for_each_contact() -> None:
    """M7."""
    body = "{{ opening | default: 'Hi' }}! Reply STOP to opt out."

    shown = Scene(body=body).preview(ANN)

    assert [one.check for one in shown.findings] == ["sender_not_named"]
    assert [one.check for one in shown.contacts[0].findings] == ["sender_not_named"]


def test_another_offices_campaign_is_not_found() -> None:
    with pytest.raises(NotFound):
        Scene(office_id="off_2").preview(ANN)


# Readiness ---------------------------------------------------------------------


def missing(policy: OrganisationPolicy | None = None, **changes: Any) -> list[str]:
    scene = Scene(**changes)
    scene.policy = policy or scene.policy
    return [str(one) for one in scene.review().missing(scene.campaign)]


NO_CLICK = FollowUp(60, StepCondition.NO_CLICK, "Have a look")


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"body": "Hi"}, []),
        ({"body": "", "links": ()}, []),
        ({"body": "{{ links.offer }}"}, ["links"]),
        ({"body": "{{ links.offer }}", "links": (OFFER,)}, []),
        ({"body": "{{ links.offers }}", "links": (OFFER,)}, ["links"]),
        ({"body": "Hi", "variants": (Variant("a", 1, "{{ links.offer }}"),)}, ["links"]),
        ({"body": "{{ links.offer }}", "links": (OFFER,), "follow_ups": (NO_CLICK,)}, []),
        ({"body": "Hi", "links": (OFFER,), "follow_ups": (NO_CLICK,)}, ["links"]),
        (
            {
                "body": "Hi",
                "links": (OFFER,),
                "follow_ups": (replace(NO_CLICK, body="{{ links.offer }}"),),
            },
            ["links"],
        ),
    ],
)
def test_texts_name_only_links_of_the_campaign_and_nobody_waits_for_a_click_on_nothing(
    changes: dict[str, Any], lacking: list[str]
) -> None:
    assert missing(**changes) == lacking


def test_a_policy_can_make_a_launch_wait_for_name_and_opt_out() -> None:
    block = OrganisationPolicy(content_checks="block")
    both = ["sender_not_named", "opt_out_missing"]

    assert missing(body="Hi") == []
    assert missing(block, body="Hi") == both
    assert missing(block, body="Harbour Clinic. Reply STOP to opt out") == []
    variants = (Variant("a", 1, "Harbour Clinic. Reply STOP to end"), Variant("b", 1, "Hi"))
    assert missing(block, variants=variants) == both


def test_further_names_of_the_organisation_count() -> None:
    block = OrganisationPolicy(content_checks="block", sender_names=("HC",))

    assert missing(block, body="HC: hello. Reply STOP to opt out") == []
