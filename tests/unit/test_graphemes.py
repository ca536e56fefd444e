"""Cases from Unicode's GraphemeBreakTest.txt and from what people type into campaigns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.graphemes import graphemes

ONE_CLUSTER = [
    pytest.param("e\u0301", id="letter and accent"),
    pytest.param("e\u0301\u0323\u0308", id="letter and three accents"),
    pytest.param("\r\n", id="line break of two characters"),
    pytest.param("🇺🇸", id="flag"),
    pytest.param("👍🏽", id="skin tone"),
    pytest.param("❤\ufe0f", id="variation selector"),
    pytest.param("5\ufe0f\u20e3", id="keycap"),
    pytest.param("👨\u200d👩\u200d👧\u200d👦", id="family"),
    pytest.param("🏳\ufe0f\u200d🌈", id="rainbow flag"),
    pytest.param("👩🏽\u200d🚀", id="astronaut with skin tone"),
    pytest.param("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", id="Scotland"),
    pytest.param("\u1100\u1161\u11a8", id="Korean syllable of three letters"),
    pytest.param("각\u11a8", id="Korean syllable and a trailing letter"),
    pytest.param("가\u11a8", id="open Korean syllable and a trailing letter"),
    pytest.param("\u0e01\u0e33", id="Thai sara am"),
    pytest.param("\u0915\u093f", id="Devanagari letter and vowel sign"),
    pytest.param("\u06001", id="Arabic number sign and digit"),
    pytest.param("a\u200d", id="letter and a dangling joiner"),
]

SEVERAL_CLUSTERS = [
    pytest.param(["a", "b"], id="letters"),
    pytest.param(["\n", "\r"], id="line feed before carriage return"),
    pytest.param(["\n", "\u0301"], id="an accent never joins a control"),
    pytest.param(["🇺🇸", "🇫🇷", "🇮"], id="five regional indicators"),
    pytest.param(["\u0600🇺🇸", "🇺"], id="a prefixed flag is still two letters"),
    pytest.param(["a\u200d", "😀"], id="a joiner after a letter joins no emoji"),
    pytest.param(["😀\u200d", "a"], id="a joiner before a letter joins nothing"),
    pytest.param(["😀", "😀"], id="two emoji"),
    pytest.param(["각", "가"], id="two Korean syllables"),
    pytest.param(["a", "\u200b", "b"], id="a zero-width space stands alone"),
    pytest.param(["\u102b", "\u102b"], id="a Myanmar vowel that is no spacing mark"),
]


@pytest.mark.parametrize("text", ONE_CLUSTER)
def test_what_a_reader_sees_as_one_character_is_one_cluster(text: str) -> None:
    assert list(graphemes(text)) == [text]


@pytest.mark.parametrize("clusters", SEVERAL_CLUSTERS)
def test_clusters_end_where_the_reader_sees_the_next_character(clusters: list[str]) -> None:
    assert list(graphemes("".join(clusters))) == clusters


def test_no_text_has_no_cluster() -> None:
    assert list(graphemes("")) == []


@given(st.text())
def test_clusters_join_to_the_text_and_none_is_empty(text: str) -> None:
    clusters = list(graphemes(text))

    assert "".join(clusters) == text
    assert all(clusters)
