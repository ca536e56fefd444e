"""Following a short link: whose it is, where it leads, what is noted (M6)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.clicks import Click, Machine, Opening
from carillon.domain.errors import NotFound
from carillon.domain.ids import lead_key
from carillon.domain.message import RowRef
from carillon.domain.short_links import CODE_LENGTH, Link, LinkedCampaign, code_for
from carillon.usecases.follow_link import Followed, FollowingWorld, follow_link
from tests.support.clicks import FakeClicks
from tests.support.messages import KEY, LEAD, a_claim, after, submit
from tests.support.sending import FakeDirectory, FakeMessages, a_campaign

LINK_KEY = "0123456789abcdef0123456789abcdef"
OFFER, TERMS = Link("offer", "https://shop.example.com/a"), Link("terms", "http://example.com/t")
PHONE_BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Safari/604.1"


class Scene:
    def __init__(self, **changes: Any) -> None:
        self.messages, self.directory = FakeMessages(), FakeDirectory()
        self.campaign = a_campaign(links=(OFFER, TERMS), link_key=LINK_KEY, **changes)
        self.directory.campaigns["cmp_a"] = self.campaign
        submit(self.messages, a_claim(), 1)
        self.errors: list[Exception] = []
        self.world = FollowingWorld(
            clicks=FakeClicks(self.directory, self.messages), on_error=self.errors.append
        )

    def open(
        self, code: str, *, method: str = "GET", at_s: float = 60, request: str = "request-1"
    ) -> Followed:
        opening = Opening(method, {"user-agent": PHONE_BROWSER}, after(at_s), request)
        return follow_link(code, opening, self.world)

    def row(self) -> dict[str, Any]:
        return self.messages.items[LEAD]


def code(number: int = 0, lead: str = KEY, key: str = LINK_KEY, campaign: str = "cmp_a") -> str:
    return code_for(campaign, key, lead, number)


def test_a_link_leads_where_the_campaign_says_and_the_click_is_the_leads() -> None:
    scene = Scene()

    assert scene.open(code(0)) == Followed(OFFER.url, None)
    assert scene.open(code(1), at_s=70, request="request-2") == Followed(TERMS.url, None)

    row = scene.row()
    assert (row["clicks_0"], row["clicks_1"]) == (1, 1)
    assert row["clicked_at"] == "2026-11-22T12:01:00.000Z"


@pytest.mark.parametrize(("method", "at_s"), [("HEAD", 60), ("GET", 2)])
def test_a_machine_is_led_there_too_and_counted_apart(method: str, at_s: float) -> None:
    scene = Scene()

    followed = scene.open(code(), method=method, at_s=at_s)

    assert followed.url == OFFER.url
    assert followed.machine in (Machine.HEAD, Machine.TOO_SOON)
    assert scene.row()["machine_clicks_0"] == 1
    assert "clicked_at" not in scene.row()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "a" * CODE_LENGTH,
        code()[:-1],
        code() + "0",
        code(2),  # a link that the campaign does not have
        code(lead=lead_key("+12025550199")),  # nobody of the campaign
        code(key="f" * 32),  # made with another key
        code(campaign="cmp_b"),  # another campaign's
        "../" + code(),
    ],
)
def test_what_is_no_code_of_ours_leads_nowhere_and_counts_nothing(text: str) -> None:
    scene = Scene()
    before = dict(scene.row())

    with pytest.raises(NotFound):
        scene.open(text)

    assert scene.row() == before


@given(text=st.text("0123456789ABCXYZabcxyz-_/", max_size=20))
def test_nothing_in_the_path_leads_anywhere_but_to_a_recorded_address(text: str) -> None:
    scene = Scene()

    try:
        followed = scene.open(text)
    except NotFound:
        return

    assert followed.url in {OFFER.url, TERMS.url}


def test_two_leads_whose_keys_begin_alike_are_told_apart_by_the_tag() -> None:
    scene = Scene()
    twin = KEY[:6] + "f" * 26
    submit(scene.messages, a_claim("claim-2", RowRef("cmp_a#00000", twin)), 1)

    scene.open(code(lead=twin))

    assert "clicks_0" not in scene.row()
    assert scene.messages.items[RowRef("cmp_a#00000", twin)]["clicks_0"] == 1


def test_a_link_that_was_added_a_moment_ago_is_followed() -> None:
    scene = Scene()
    scene.open(code(0))
    added = Link("more", "https://example.com/more")
    longer = replace(scene.campaign, links=(OFFER, TERMS, added))
    scene.directory.campaigns["cmp_a"] = longer

    assert scene.open(code(2)).url == added.url


def test_a_person_is_led_there_even_when_the_click_cannot_be_noted() -> None:
    scene = Scene()

    class Broken(FakeClicks):
        def note(self, click: Click) -> None:
            raise TimeoutError

    clicks = Broken(scene.directory, scene.messages)
    scene.world = replace(scene.world, clicks=clicks)

    assert scene.open(code()).url == OFFER.url
    assert [type(error) for error in scene.errors] == [TimeoutError]


def test_a_campaign_without_parts_has_nobody_who_could_click() -> None:
    scene = Scene(parts=0)

    with pytest.raises(NotFound):
        scene.open(code())


def test_what_is_kept_of_a_campaign_does_not_show_its_key() -> None:
    linked = LinkedCampaign(id="cmp_a", parts=1, links=(OFFER,), link_key=LINK_KEY)

    assert LINK_KEY not in repr(linked)
    assert LINK_KEY not in repr(a_campaign(link_key=LINK_KEY))
    assert LINK_KEY not in repr(a_campaign(link_key=LINK_KEY).content)
