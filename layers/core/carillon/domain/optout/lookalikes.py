"""
Letters of other alphabets that pass for Latin ones, and characters that show nothing.

NFKC knows fullwidth, circled and mathematical letters, not these. Letters are in lower case
and read by the look of either case, the capital first: a Greek ν is an N. A small selection
of what https://www.unicode.org/Public/security/latest/confusables.txt lists.
"""

import unicodedata
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
# Fillers of Hangul are letters to Unicode, and blank.
BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0")


def in_latin(text: str) -> str:
    """
    Return *text*, in lower case, with the Latin letter in the place of each that passes for it.

    A word of another alphabet has as a rule a letter without such a twin, by which no table
    knows it.
    """
    return text.translate(_TWINS)


def has_twins(text: str) -> bool:
    """Return whether *text* has a letter that only passes for a Latin one."""
    return any(ord(c) in _TWINS for c in unicodedata.normalize("NFKC", text).casefold())
