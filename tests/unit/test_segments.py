"""
Segments against the standard's tables, and against an oracle written apart.

The oracle works the other way round: it first writes the whole text as septets
or code units with a mark wherever a part may begin, then cuts at the limit and
steps back to the nearest mark.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain.segments import (
    GSM_BASIC,
    GSM_EXTENSION,
    Encoding,
    encoding,
    segment_count,
    smart_encode,
    split,
)

# 3GPP TS 23.038 section 6.2.1, as code points by septet (Unicode's GSM0338.TXT); 1B escapes.
OFFICIAL_BASIC_LINES = """
    0040 00A3 0024 00A5 00E8 00E9 00F9 00EC 00F2 00C7 000A 00D8 00F8 000D 00C5 00E5
    0394 005F 03A6 0393 039B 03A9 03A0 03A8 03A3 0398 039E 001B 00C6 00E6 00DF 00C9
    0020 0021 0022 0023 00A4 0025 0026 0027 0028 0029 002A 002B 002C 002D 002E 002F
    0030 0031 0032 0033 0034 0035 0036 0037 0038 0039 003A 003B 003C 003D 003E 003F
    00A1 0041 0042 0043 0044 0045 0046 0047 0048 0049 004A 004B 004C 004D 004E 004F
    0050 0051 0052 0053 0054 0055 0056 0057 0058 0059 005A 00C4 00D6 00D1 00DC 00A7
    00BF 0061 0062 0063 0064 0065 0066 0067 0068 0069 006A 006B 006C 006D 006E 006F
    0070 0071 0072 0073 0074 0075 0076 0077 0078 0079 007A 00E4 00F6 00F1 00FC 00E0
"""
OFFICIAL_BASIC = OFFICIAL_BASIC_LINES.split()
# Section 6.2.1.1.
OFFICIAL_EXTENSION = {
    0x0A: 0x000C,
    0x14: 0x005E,
    0x28: 0x007B,
    0x29: 0x007D,
    0x2F: 0x005C,
    0x3C: 0x005B,
    0x3D: 0x007E,
    0x3E: 0x005D,
    0x40: 0x007C,
    0x65: 0x20AC,
}
BASIC = {chr(int(code, 16)): septet for septet, code in enumerate(OFFICIAL_BASIC) if code != "001B"}
EXTENSION = {chr(code): septet for septet, code in OFFICIAL_EXTENSION.items()}


def units_and_marks(atoms: list[str]) -> tuple[list[int], set[int], int, int]:
    """Encode *atoms* (clusters) for the oracle: units, where a part may begin, and the rooms."""
    text = "".join(atoms)
    units: list[int] = []
    marks: set[int] = set()
    if all(char in BASIC or char in EXTENSION for char in text):
        for char in text:
            marks.add(len(units))
            units += [BASIC[char]] if char in BASIC else [0x1B, EXTENSION[char]]
        return units, marks, 160, 153
    for atom in atoms:
        marks.add(len(units))
        raw = atom.encode("utf-16-be")
        units += [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    return units, marks, 70, 67


def oracle_count(atoms: list[str]) -> int:
    units, marks, alone, room = units_and_marks(atoms)
    if len(units) <= alone:
        return 1 if units else 0
    begin = parts = 0
    while begin < len(units):
        end = begin + room
        while end < len(units) and end not in marks:
            end -= 1
        begin, parts = end, parts + 1
    return parts


GSM_ATOMS = st.sampled_from([*BASIC, *EXTENSION, *("a€[" * 30)])
# Atoms that are clusters of their own whatever stands beside them.
UCS_ATOMS = st.sampled_from(
    [
        "a",
        "[",
        "€",
        "é",
        "中",
        "ф",
        "“",
        "😀",
        "e\u0301",
        "👍🏽",
        "🇺🇸",
        "❤\ufe0f",
        "👩\u200d🚀",
        "가",
        "\n",
    ]
)
LONG_GSM = st.integers(0, 480).flatmap(lambda n: st.lists(GSM_ATOMS, min_size=n, max_size=n))
LONG_UCS = st.integers(0, 220).flatmap(lambda n: st.lists(UCS_ATOMS, min_size=n, max_size=n))


def test_the_basic_table_is_the_official_one_septet_by_septet() -> None:
    assert [f"{ord(char):04X}" for char in GSM_BASIC] == OFFICIAL_BASIC
    assert len(GSM_BASIC) == 128


def test_the_extension_table_is_the_official_one() -> None:
    assert {septet: ord(char) for char, septet in GSM_EXTENSION.items()} == OFFICIAL_EXTENSION


@pytest.mark.parametrize("char", sorted(BASIC))
def test_a_basic_character_takes_one_septet(char: str) -> None:
    assert encoding(char * 160) is Encoding.GSM_7
    assert segment_count(char * 160) == 1
    assert segment_count(char * 161) == 2


@pytest.mark.parametrize("char", sorted(EXTENSION))
def test_an_extension_character_takes_two_septets(char: str) -> None:
    assert encoding(char * 80) is Encoding.GSM_7
    assert segment_count(char * 80) == 1
    assert segment_count(char * 81) == 2


@pytest.mark.parametrize(
    "char", ["`", "ç", "á", "Á", "\t", "\x1b", "\x00", "\u00a0", "Α", "°", "’"]
)
def test_any_other_character_makes_the_whole_text_ucs_2(char: str) -> None:
    assert encoding("Hello " + char) is Encoding.UCS_2
    assert segment_count("a" * 69 + char) == 1
    assert segment_count("a" * 70 + char) == 2


def test_the_encodings_go_by_the_names_people_know() -> None:
    assert encoding("Hello") == "GSM-7"
    assert encoding("Hello 😀") == "UCS-2"


@pytest.mark.parametrize(
    ("length", "segments"),
    [(0, 0), (1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4), (1530, 10)],
)
def test_gsm_7_boundaries(length: int, segments: int) -> None:
    """M4: 160 in one part, 153 in each of several."""
    assert segment_count("a" * length) == segments


@pytest.mark.parametrize(
    ("length", "segments"),
    [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4), (670, 10), (671, 11)],
)
def test_ucs_2_boundaries(length: int, segments: int) -> None:
    assert segment_count("я" * length) == segments


def test_extension_characters_lose_their_escape_in_ucs_2() -> None:
    assert segment_count("😀" + "]" * 68) == 1
    assert segment_count("😀" + "]" * 69) == 2


def test_an_escape_pair_is_not_split_at_septet_153() -> None:
    text = "a" * 152 + "€" + "b" * 152

    assert split(text) == ["a" * 152, "€" + "b" * 151, "b"]
    assert segment_count(text) == 3


def test_an_escape_pair_that_ends_at_septet_153_stays_in_its_part() -> None:
    assert split("a" * 151 + "€" + "b" * 153) == ["a" * 151 + "€", "b" * 153]


def test_a_part_of_extension_characters_only_holds_76() -> None:
    # Twilio billed 3 for this text: 306 septets, yet 153 is odd (calculator issue 39).
    assert [len(part) for part in split("]" * 153)] == [76, 76, 1]


def test_a_surrogate_pair_is_not_split_at_code_unit_67() -> None:
    assert split("я" * 66 + "😀" + "я" * 66) == ["я" * 66, "😀" + "я" * 65, "я"]


def test_a_surrogate_pair_that_ends_at_code_unit_67_stays_in_its_part() -> None:
    assert split("я" * 65 + "😀" + "я" * 67) == ["я" * 65 + "😀", "я" * 67]


@pytest.mark.parametrize(
    "cluster", ["🇺🇸", "👍🏽", "👨\u200d👩\u200d👧", "e\u0301\u0323", "❤\ufe0f"]
)
def test_a_grapheme_cluster_moves_whole_to_the_next_part(cluster: str) -> None:
    assert split("я" * 66 + cluster + "я" * 10) == ["я" * 66, cluster + "я" * 10]


def test_sixteen_flags_fill_a_part() -> None:
    assert [len(part) // 2 for part in split("🇺🇸" * 33)] == [16, 16, 1]


def test_a_cluster_larger_than_any_part_is_cut_between_its_characters() -> None:
    text = "z" + "\u0301" * 139

    assert [len(part) for part in split(text)] == [67, 67, 6]
    assert "".join(split(text)) == text


def test_a_line_break_of_cr_and_lf_takes_two_and_may_be_cut() -> None:
    # Billed by Twilio as 2 and 3 (calculator issue 66, cases 1a and 1c).
    assert segment_count("a" * 80 + "\r\n" + "a" * 79) == 2
    assert segment_count("a" * 200 + "\r\n" + "a" * 105) == 3
    assert split("я" * 66 + "\r\n" + "я" * 66) == ["я" * 66 + "\r", "\n" + "я" * 66]


@pytest.mark.parametrize(
    ("text", "billed"),
    [
        ("a" * 80 + "\n" + "a" * 79, 1),
        ("é" * 70, 1),
        ("e\u0301" * 70, 3),
        ("e\u0301", 1),
        ("“Hi”", 1),
        ("😀|", 1),
        ("中" * 70, 1),
        ("中" * 71, 2),
        ("|", 1),
    ],
)
def test_counts_agree_with_what_twilio_billed(text: str, billed: int) -> None:
    assert segment_count(text) == billed


def test_a_lone_surrogate_counts_one_unit_and_raises_nothing() -> None:
    assert segment_count("\ud83d" * 70) == 1
    assert segment_count("\ud83d" * 71) == 2


@given(LONG_GSM)
def test_gsm_7_counts_equal_the_oracle(atoms: list[str]) -> None:
    assert segment_count("".join(atoms)) == oracle_count(atoms)


@given(LONG_UCS)
def test_mixed_counts_equal_the_oracle(atoms: list[str]) -> None:
    assert segment_count("".join(atoms)) == oracle_count(atoms)


@given(st.one_of(st.text(max_size=300), LONG_GSM.map("".join), LONG_UCS.map("".join)))
def test_parts_join_to_the_text_and_each_fits(text: str) -> None:
    parts = split(text)
    gsm = encoding(text) is Encoding.GSM_7
    alone, room = (160, 153) if gsm else (70, 67)
    limit = alone if len(parts) == 1 else room

    assert "".join(parts) == text
    assert segment_count(text) == len(parts)
    for part in parts:
        units = units_and_marks([part])[0] if gsm else part.encode("utf-16-be", "surrogatepass")
        assert 0 < len(units) <= (limit if gsm else 2 * limit)


@given(
    st.one_of(LONG_GSM.map("".join), LONG_UCS.map("".join)),
    st.one_of(st.text(max_size=5), LONG_GSM.map("".join)),
)
def test_more_text_never_costs_fewer_segments(text: str, more: str) -> None:
    assert segment_count(text + more) >= segment_count(text)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("“Hi”, it’s «us»", '"Hi", it\'s "us"'),
        ("9–5 — always…", "9-5 - always..."),
        ("10\u00a0000\u202fm\u2009x\u3000y\tz", "10 000 m x y z"),
        ("a\u200bb\ufeffc\u00add\u2060e", "abcde"),
        ("cafe\u0301", "café"),
        ("Ａｂ１！", "Ab1!"),
        ("line\u2028next", "line\nnext"),
        ("• first", "- first"),
        ("3×4 ©", "3x4 (C)"),
        ("Ω\u2126", "ΩΩ"),
    ],
)
def test_smart_encoding_spells_typography_in_gsm_7(typed: str, plain: str) -> None:
    assert encoding(typed) is Encoding.UCS_2
    assert smart_encode(typed) == plain


@pytest.mark.parametrize("text", ["", "plain", "“Hi” 😀", "“Žofie”", "…" * 70, "1½ miles"])
def test_smart_encoding_leaves_a_text_alone_when_nothing_is_saved(text: str) -> None:
    assert smart_encode(text) == text


@given(st.one_of(st.text(), st.text("“”’–…\u00a0\u200babc€", max_size=200)))
def test_smart_encoding_never_costs_more_and_settles_at_once(text: str) -> None:
    once = smart_encode(text)

    assert segment_count(once) <= segment_count(text)
    assert smart_encode(once) == once
    assert once == text or encoding(once) is Encoding.GSM_7
