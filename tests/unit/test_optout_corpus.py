"""
How well replies are read: precision and recall on labelled replies that we wrote ourselves.

``development`` is what the tables were tuned on. ``held_out`` was written before they were,
but by the same hand in the same sitting, and read at 1.00 the first time: it proves little.
``afterthought`` was twice written against the tuned tables, which were then extended by it.
``unseen`` came last, and no table was ever changed for it: its figures, not the others',
tell what to expect of strangers who choose their own words. Opt-outs as first read, as a
recall of STOP, then of STOP or WEAK; precision was 1.00 but for the second row's 0.96:

    held_out                  176   1.00  1.00   (the tables before these: 0.54)
    afterthought, first part   45   0.49  0.73
    afterthought, second part  24   0.71  0.83
    unseen                     30   0.63  0.87

Run with ``-s`` to see today's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.optout import Keyword, classify, is_in_distress

HALVES = ["held_out", "development", "afterthought", "unseen"]
LANGUAGES = {"en", "es", "fr", "xx"}
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})|\\n")


@dataclass(frozen=True)
class Labelled:
    label: Keyword
    text: str
    half: str


def _read(half: str) -> Iterator[Labelled]:
    path = Path(__file__).with_name(f"optout_corpus_{half}.tsv")
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            continue
        label, language, text = line.split("\t")
        assert language in LANGUAGES
        meant = _ESCAPE.sub(lambda e: chr(int(e[1], 16)) if e[1] else "\n", text)
        yield Labelled(Keyword(label), meant, half)


CORPUS = [labelled for half in HALVES for labelled in _read(half)]
READ = [(labelled, classify(labelled.text)) for labelled in CORPUS]


@dataclass(frozen=True)
class Score:
    right: int
    taken: int
    meant: int

    @property
    def precision(self) -> float:
        return self.right / self.taken if self.taken else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.meant if self.meant else 1.0


def _score(label: Keyword, halves: list[str]) -> Score:
    pairs = [(labelled.label, read) for labelled, read in READ if labelled.half in halves]
    return Score(
        right=sum(meant is read is label for meant, read in pairs),
        taken=sum(read is label for _, read in pairs),
        meant=sum(meant is label for meant, _ in pairs),
    )


def test_precision_and_recall_of_every_label_in_every_half_are_reported() -> None:
    for halves in (*([half] for half in HALVES), HALVES):
        for label in Keyword:
            score = _score(label, halves)
            if score.meant:
                print(  # noqa: T201 - the figures are the point (pytest -s)
                    f"{'+'.join(halves)[:12]:12} {label:8} n={score.meant:3}"
                    f" precision={score.precision:.3f} recall={score.recall:.3f}"
                )

    assert {half: sum(labelled.half == half for labelled in CORPUS) for half in HALVES} == {
        "held_out": 402,
        "development": 615,
        "afterthought": 213,
        "unseen": 89,
    }


@pytest.mark.parametrize(
    ("label", "precision", "recall"),
    [
        (Keyword.STOP, 0.98, 0.97),
        (Keyword.WEAK, 0.95, 0.95),
        (Keyword.DISTRESS, 0.98, 0.95),
        (Keyword.NONE, 0.95, 0.99),
        (Keyword.START, 1.0, 1.0),
        (Keyword.HELP, 1.0, 1.0),
        (Keyword.YES, 1.0, 1.0),
    ],
)
def test_the_whole_corpus_is_read_at_least_this_well(
    label: Keyword, precision: float, recall: float
) -> None:
    score = _score(label, HALVES)

    assert score.meant > 0
    assert score.precision >= precision
    assert score.recall >= recall


@pytest.mark.parametrize("half", ["held_out", "development"])
def test_opt_outs_are_found_and_nothing_else_taken_for_one_in_either_half(half: str) -> None:
    score = _score(Keyword.STOP, [half])

    assert score.precision >= 0.98
    assert score.recall >= 0.98


def test_an_unseen_opt_out_is_mostly_found_and_no_unseen_conversation_is_taken_for_one() -> None:
    score = _score(Keyword.STOP, ["unseen"])
    noticed = [
        read in {Keyword.STOP, Keyword.WEAK}
        for labelled, read in READ
        if labelled.half == "unseen" and labelled.label is Keyword.STOP
    ]

    assert score.precision == 1.0
    assert score.recall >= 0.6
    assert sum(noticed) / len(noticed) >= 0.85


def test_no_conversation_opts_out() -> None:
    taken = [
        labelled.text
        for labelled, read in READ
        if labelled.label is Keyword.NONE and read is Keyword.STOP
    ]

    assert taken == []


_DECORATION = st.text("!?.…¡¿\"'()*~-_🙏🛑😡👍🏽❤\ufe0f\u200b\u200d\u2060\ufeff ", max_size=5)
_UNSEEN_BETWEEN_WORDS = st.text("🙏🛑😡❤\ufe0f\u200b\u200d\u2060\ufeff*~_", max_size=4)
_INVISIBLE = st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u202a\ufe0f")


@given(st.sampled_from(READ), _DECORATION, _DECORATION)
def test_emoji_and_punctuation_around_a_reply_change_nothing(
    pair: tuple[Labelled, Keyword], before: str, after: str
) -> None:
    labelled, read = pair

    assert classify(before + labelled.text + after) is read


@given(st.sampled_from(READ), st.data())
def test_emoji_between_words_change_nothing(
    pair: tuple[Labelled, Keyword], data: st.DataObject
) -> None:
    labelled, read = pair
    words = labelled.text.split(" ")

    told = words[0] + "".join(
        f" {data.draw(_UNSEEN_BETWEEN_WORDS)} {word}".replace("  ", " ") for word in words[1:]
    )

    assert classify(told) is read


@given(st.sampled_from(READ), st.data())
def test_invisible_characters_anywhere_change_nothing(
    pair: tuple[Labelled, Keyword], data: st.DataObject
) -> None:
    labelled, read = pair
    places = data.draw(st.lists(st.integers(0, len(labelled.text)), max_size=5))

    text = labelled.text
    for place in places:
        text = text[:place] + data.draw(_INVISIBLE) + text[place:]

    assert classify(text) is read


@given(st.sampled_from(READ), st.sampled_from([str.upper, str.lower, str.title, str.swapcase]))
def test_case_changes_nothing(pair: tuple[Labelled, Keyword], change: object) -> None:
    labelled, read = pair

    assert callable(change)
    assert classify(change(labelled.text)) is read


@given(
    st.one_of(st.sampled_from([labelled.text for labelled in CORPUS]), st.text(max_size=60)),
    st.lists(
        st.one_of(st.sampled_from([c.text for c in CORPUS]), st.text(max_size=10)), max_size=4
    ),
)
def test_what_an_organisation_adds_only_ever_opts_out_and_redefines_no_keyword(
    text: str, added: list[str]
) -> None:
    without, read = classify(text), classify(text, extra_stop=added)

    redefinable = {Keyword.NONE, Keyword.WEAK, Keyword.DISTRESS}
    assert read is without or (read is Keyword.STOP and without in redefinable)


@pytest.mark.parametrize(
    "text",
    ["STOP. I want to kill myself", "stop texting me, I'm in danger", "Stop. Ya no quiero vivir"],
)
def test_an_opt_out_does_not_hide_that_somebody_is_in_danger(text: str) -> None:
    assert classify(text) is Keyword.STOP
    assert is_in_distress(text)


@pytest.mark.parametrize(
    "text", ["STOP", "", "see you at 5", "Liked “Suicide is preventable. Reply STOP to opt out”"]
)
def test_nobody_is_in_danger_for_opting_out_or_for_quoting_us(text: str) -> None:
    assert not is_in_distress(text)
