"""Short links: codes that cannot be guessed, and addresses that lead nowhere else (M6)."""

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.errors import InvalidInput
from carillon.domain.ids import lead_key, new_id
from carillon.domain.short_links import (
    CODE_LENGTH,
    MAX_LINKS,
    LeadLinks,
    Link,
    campaign_code,
    code_for,
    is_web_address,
    links_of,
    new_link_key,
    read_code,
)

CAMPAIGN = "cmp_6g2kq4v7w3x5y2za"
KEY = "0123456789abcdef0123456789abcdef"
LEAD = lead_key("+12025550142")

leads = st.text("0123456789abcdef", min_size=32, max_size=32)
keys = st.text("0123456789abcdef", min_size=32, max_size=32)
numbers = st.integers(0, MAX_LINKS - 1)


@given(lead=leads, key=keys, number=numbers)
def test_a_code_says_where_to_look_and_is_recognised_by_its_lead(
    lead: str, key: str, number: int
) -> None:
    text = code_for(CAMPAIGN, key, lead, number)
    code = read_code(text)

    assert re.fullmatch(r"[0-9A-Za-z]{15}", text)
    assert code is not None
    assert code.campaign == campaign_code(CAMPAIGN)
    assert code.unmasked(key) == (lead[:6], number)
    assert code.is_of(CAMPAIGN, key, lead)


@given(lead=leads, other=leads, number=numbers)
def test_another_lead_campaign_or_key_does_not_recognise_it(
    lead: str, other: str, number: int
) -> None:
    code = read_code(code_for(CAMPAIGN, KEY, lead, number))

    assert code is not None
    # The same short bits, another person: only the tag tells them apart.
    near = lead[:-1] + ("0" if lead[-1] != "0" else "1")
    assert not code.is_of(CAMPAIGN, KEY, near)
    assert other == lead or not code.is_of(CAMPAIGN, KEY, other)
    assert not code.is_of("cmp_another", KEY, lead)
    assert not code.is_of(CAMPAIGN, new_link_key(), lead)


@given(
    lead=leads,
    number=numbers,
    place=st.integers(0, CODE_LENGTH - 1),
    digit=st.sampled_from("09AZaz"),
)
def test_a_code_that_was_changed_in_any_place_is_nobodys(
    lead: str, number: int, place: int, digit: str
) -> None:
    text = code_for(CAMPAIGN, KEY, lead, number)
    forged = text[:place] + digit + text[place + 1 :]
    code = read_code(forged)

    assert forged == text or code is None or not code.is_of(CAMPAIGN, KEY, lead)


@given(text=st.text(max_size=20))
def test_whatever_stands_in_the_path_is_read_without_an_error(text: str) -> None:
    code = read_code(text)

    assert code is None or not code.is_of(CAMPAIGN, KEY, LEAD)


def test_ten_thousand_guesses_in_the_right_campaign_find_no_click() -> None:
    """The forger knows the campaign's bits from a code of their own; the rest is drawn."""
    rng = random.Random(6)
    known = read_code(code_for(CAMPAIGN, KEY, LEAD, 0))
    assert known is not None

    found = 0
    for _ in range(10_000):
        guess = type(known)(known.campaign, rng.getrandbits(28), rng.getrandbits(41))
        found += guess.is_of(CAMPAIGN, KEY, LEAD)

    assert found == 0


def test_codes_of_many_leads_and_links_are_all_different() -> None:
    codes = {
        code_for(CAMPAIGN, KEY, lead_key(f"+1202555{number:04d}"), link)
        for number in range(5000)
        for link in range(4)
    }

    assert len(codes) == 20_000


def test_a_code_does_not_show_the_leads_key() -> None:
    """Unmasked, somebody could try all phone numbers against a code that they found."""
    codes = [read_code(code_for(CAMPAIGN, new_link_key(), LEAD, 0)) for _ in range(50)]

    assert len({code._masked for code in codes if code is not None}) == 50


def test_without_a_key_no_code_is_made() -> None:
    with pytest.raises(ValueError, match="link key"):
        code_for(CAMPAIGN, "", LEAD, 0)


def test_campaigns_are_spread_over_their_codes() -> None:
    assert len({campaign_code(new_id("cmp")) for _ in range(1000)}) > 990


def test_a_leads_links_are_whole_addresses_on_the_organisations_domain() -> None:
    links = (Link("offer", "https://example.com/a"), Link("terms", "https://example.com/b"))

    mine = LeadLinks(
        "https://go.example.org/", campaign_id=CAMPAIGN, link_key=KEY, links=links, lead=LEAD
    )

    assert mine["terms"] == f"https://go.example.org/{code_for(CAMPAIGN, KEY, LEAD, 1)}"
    assert list(mine) == ["offer", "terms"]
    with pytest.raises(KeyError):
        mine["another"]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com/",
        "HTTPS://Example.COM/Path?a=b&c=%20d#e",
        "https://shop.example.co.uk:8443/x/y.html",
        "https://xn--bcher-kva.example/a",
        "https://example.com/~user/(1);v=2,3",
        "https://example.com/a?to=https://other.example/@x",
    ],
)
def test_a_whole_web_address_may_be_a_destination(url: str) -> None:
    assert is_web_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/a",
        "/a",
        "ftp://example.com/a",
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,hello",
        "intent://example.com#Intent;scheme=http;end",
        "https:example.com",
        "https:/example.com",
        "https:///example.com",
        "https://",
        "https://localhost/",
        "https://example",
        "https://example.com:99999/",
        "https://example.com:/",
        "https://user@example.com/",
        "https://example.com:pw@evil.example/",
        "https://example.com\\@evil.example/",
        "https://example.com\\.evil.example/",
        "https://exa mple.com/",
        " https://example.com/",
        "https://example.com/\r\nSet-Cookie: a=b",
        "https://example.com/\n",
        "https://example.com/\t",
        "https://example.com/\x00",
        "https://bücher.example/",
        "https://example.com/ü",
        "https://example。com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://-example.com/",
        "https://example..com/",
        "https://example.com./",
        "https://example.com/" + "a" * 2000,
    ],
)
def test_what_browsers_could_read_otherwise_is_no_destination(url: str) -> None:
    assert not is_web_address(url)


@given(url=st.text(max_size=40).map(lambda text: f"https://{text}"))
def test_no_destination_can_break_out_of_a_location_header(url: str) -> None:
    if is_web_address(url):
        assert url.isascii()
        assert not re.search(r"[\x00-\x20\x7f\\\"<>^`{|}]", url)
        assert "@" not in url.removeprefix("https://").partition("/")[0].partition("?")[0]


def test_links_are_read_in_their_order() -> None:
    entries = [
        {"name": "offer", "url": "https://example.com/a"},
        {"name": "terms_2", "url": "http://example.com/b"},
    ]

    assert links_of(entries) == (
        Link("offer", "https://example.com/a"),
        Link("terms_2", "http://example.com/b"),
    )


@pytest.mark.parametrize(
    "entries",
    [
        ["https://example.com/a"],
        [{"name": "offer"}],
        [{"name": "Offer", "url": "https://example.com/a"}],
        [{"name": "2nd", "url": "https://example.com/a"}],
        [{"name": "a" * 33, "url": "https://example.com/a"}],
        [{"name": "offer", "url": "example.com/a"}],
        [{"name": "offer", "url": 1}],
        [{"name": "offer", "url": "https://example.com/a", "title": "x"}],
        [{"name": "offer", "url": "https://example.com/a"}] * 2,
        [{"name": f"n{number}", "url": "https://example.com/a"} for number in range(17)],
    ],
)
def test_what_is_no_link_is_refused_by_its_field(entries: list[Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        links_of(entries)

    assert caught.value.field == "links"
