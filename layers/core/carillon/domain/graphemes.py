"""
What a reader sees as one character: the extended grapheme clusters of UAX #29.

Rules GB3 to GB13 without GB9c (Indic conjuncts), over the standard library's
Unicode data. Segments are packed by these clusters, because the carriers'
own calculators never tear an emoji or an accented letter apart.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_ZWJ = "\u200d"
_ZWNJ = "\u200c"

# Korean syllables typed as separate jamo (GB6 to GB8): what may follow what.
# L leading, V vowel, T trailing; A is a whole syllable of L and V, B one with T too.
_HANGUL_AFTER = {"L": "LVAB", "A": "VT", "V": "VT", "B": "T", "T": "T"}

# Below it only CR and LF join.
_FIRST_MARK = "\u0300"

# Two regional indicators are one flag (GB12, GB13).
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))

# Extend and Prepend beyond what the general category says (GraphemeBreakProperty.txt):
# halfwidth kana marks, emoji skin tones, tag characters; Arabic and Indic number signs.
_EXTEND = re.compile("[\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_PREPEND = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd]")
# Mc, but not SpacingMark: Myanmar vowels and tones, Tai Viet and New Tai Lue signs.
_NOT_SPACING = re.compile(
    "[\u102b\u102c\u1038\u1062-\u1064\u1067-\u106d\u1083\u1087-\u108c\u108f\u109a-\u109c"
    "\u1a61\u1a63\u1a64\uaa7b\uaa7d\U00011720\U00011721]"
)
# Extended_Pictographic of emoji-data.txt: what a zero-width joiner may join.
_PICTOGRAPH = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388"
    "\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605"
    "\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733"
    "\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0"
    "\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171"
    "\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5"
    "\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f23c-\U0001f23f"
    "\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f"
    "\U0001f85a-\U0001f85f\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a"
    "\U0001f93c-\U0001f945\U0001f947-\U0001faff\U0001fc00-\U0001fffd]"
)


def graphemes(text: str) -> Iterator[str]:
    """Yield the clusters of *text* in order; joined they give *text*."""
    start = 0
    for index in range(1, len(text)):
        if not _joins(text, start, index):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _joins(text: str, start: int, index: int) -> bool:
    """Whether the character at *index* belongs to the cluster begun at *start*."""
    left, right = text[index - 1], text[index]
    if left < _FIRST_MARK and right < _FIRST_MARK:
        return left == "\r" and right == "\n"
    if _is_control(left) or _is_control(right):
        return False
    if _extends(right) or _PREPEND.match(left):
        return True
    if _is_flag_letter(left) and _is_flag_letter(right):
        letters = index - len(text[start:index].rstrip(_FLAG_LETTERS)) - start
        return letters % 2 == 1
    if left == _ZWJ and _PICTOGRAPH.match(right):
        return _ends_in_pictograph(text[start : index - 1])
    return _hangul_kind(right) in _HANGUL_AFTER.get(_hangul_kind(left), "")


@lru_cache(maxsize=2048)
def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"} and not (
        char in (_ZWJ, _ZWNJ) or _EXTEND.match(char) or _PREPEND.match(char)
    )


@lru_cache(maxsize=2048)
def _extends(char: str) -> bool:
    """GB9 and GB9a: combining marks, joiners and spacing marks stay with what precedes them."""
    category = unicodedata.category(char)
    if category in {"Mn", "Me"} or char in (_ZWJ, _ZWNJ) or char in "\u0e33\u0eb3":
        return True
    if category == "Mc":
        return not _NOT_SPACING.match(char)
    return _EXTEND.match(char) is not None


def _is_flag_letter(char: str) -> bool:
    return char in _FLAG_LETTERS


def _ends_in_pictograph(before_joiner: str) -> bool:
    """GB11: pictograph, then only extending characters, up to the joiner."""
    base = before_joiner.rstrip("".join({c for c in before_joiner if _extends(c)}))
    return base != "" and _PICTOGRAPH.match(base[-1]) is not None


@lru_cache(maxsize=2048)
def _hangul_kind(char: str) -> str:
    """Return L, V, T, A or B for a Korean letter or syllable, else ``-``."""
    if "\uac00" <= char <= "\ud7a3":
        return "A" if (ord(char) - 0xAC00) % 28 == 0 else "B"
    if "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c":
        return "L"
    if "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6":
        return "V"
    if "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb":
        return "T"
    return "-"
