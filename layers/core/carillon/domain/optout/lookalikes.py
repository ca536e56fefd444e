"""
Letters of other alphabets that pass for Latin ones, and characters that show nothing.

NFKC knows fullwidth, circled and mathematical letters, not these. Letters are in lower case
and read by the look of either case, the capital first: a Greek ν is an N. A small selection
of what https://www.unicode.org/Public/security/latest/confusables.txt lists.
"""

import re
from typing import Final

_TWINS: Final = str.maketrans(
    # Cyrillic
    "авекмнорстухіјѕһӏԁԛԝѵ"
    # Greek
    "αβεζηικμνορτυχ"
    # Armenian
    "օստհո"
    # small capitals and other letters of Latin script
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡıȷɩ",
    "abekmhopctyxijshldqwvabezhikmnoptyxoushnabcdefghijklmnoprstuvwyzagiji",
)
_TWIN: Final = re.compile(f"[{''.join(map(chr, _TWINS))}]")
_WORD: Final = re.compile(r"[^\W_]+")
# Fillers of Hangul are letters to Unicode, and blank.
BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0")


def in_latin(text: str) -> str:
    """
    Return *text*, in lower case, with each word in Latin letters that can pass for one.

    A word with a single letter that has no twin, as most words of another alphabet have, is
    what it is, and stays.
    """
    return _WORD.sub(_latin, text) if _TWIN.search(text) else text


def _latin(word: re.Match[str]) -> str:
    folded = word[0].translate(_TWINS)
    return folded if folded.isascii() else word[0]
