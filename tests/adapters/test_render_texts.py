"""What a campaign says to one person (M1, M4, M6)."""

import pytest

from carillon.adapters.templates import compile_template
from carillon.domain.content import CampaignContent, FollowUp, StepCondition, Variant
from carillon.domain.errors import InvalidInput
from carillon.domain.short_links import Link, code_for
from carillon.usecases.render_texts import Render, Texts, messages_of
from tests.support.messages import KEY

LINK_KEY = "0123456789abcdef0123456789abcdef"
FOLLOW_UP = FollowUp(60, StepCondition.NO_CLICK, "Still: {{ links.offer }}")


def compiled(body: str) -> Render:
    return compile_template(body).render


def texts_of(content: CampaignContent) -> Texts:
    return Texts(content, "cmp_a", compiled, "https://go.example.org")


def test_every_message_has_the_persons_own_link() -> None:
    content = CampaignContent(
        "Hi {{ name }}: {{ links.offer }}",
        follow_ups=(FOLLOW_UP,),
        links=(Link("offer", "https://example.com/a"),),
        link_key=LINK_KEY,
    )
    texts, url = texts_of(content), f"https://go.example.org/{code_for('cmp_a', LINK_KEY, KEY, 0)}"

    assert texts.render(0, None, {"name": "Ann"}, KEY) == f"Hi Ann: {url}"
    assert texts.render(1, None, {}, KEY) == f"Still: {url}"
    assert texts.render(1, "a", {}, KEY) == f"Still: {url}"


def test_smart_encoding_spells_what_is_sent_in_gsm_7_and_only_where_it_is_asked_for() -> None:
    """M4: also what a contact's field brings along."""
    body, name = "\u201cHi\u201d {{ name }}\u2026", {"name": "O\u2019Hara"}

    plain = texts_of(CampaignContent(body, smart_encoding=True)).render(0, None, name, KEY)
    as_is = texts_of(CampaignContent(body)).render(0, None, name, KEY)

    assert plain == '"Hi" O\'Hara...'
    assert as_is == "\u201cHi\u201d O\u2019Hara\u2026"


def test_a_text_that_names_no_link_of_the_campaign_cannot_be_rendered() -> None:
    with pytest.raises(InvalidInput) as caught:
        texts_of(CampaignContent("{{ links.offer }}")).render(0, None, {}, KEY)

    assert caught.value.code == "missing_link"


def test_variants_stand_in_for_the_body() -> None:
    variants = (Variant("a", 1, "A"), Variant("b", 1, "B"))

    assert messages_of(CampaignContent("Body", variants, (FOLLOW_UP,))) == {
        (0, "a"): "A",
        (0, "b"): "B",
        (1, None): FOLLOW_UP.body,
    }
    assert messages_of(CampaignContent("Body")) == {(0, None): "Body"}
