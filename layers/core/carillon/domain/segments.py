"""
SMS segments: what carriers bill for a text, and how it is cut into parts (M4).

Tables and sizes are those of 3GPP TS 23.038 (GSM 7-bit default alphabet and
its extension table) and TS 23.040 (140 octets a part, six of them for the
concatenation header). Where the standard leaves the packing open we do what
Twilio's published calculator does (TwilioDevEd/message-segment-calculator):
one character outside the alphabet turns the whole text to UCS-2, CR and LF are
one septet each, and a part never ends inside an escape pair, a surrogate pair
or a grapheme cluster (a flag, a family emoji, a letter with its accents). Its
issues 39 and 66 compare it with what Twilio billed and agree, though none of
those texts tells packing by cluster from packing by code point; AWS documents
the sizes and no more.

National language shift tables are not used: no provider we send through does.
For US and Canadian toll-free numbers 152/66 a part is reported (a header one
octet longer); there the count the provider returns wins over ours.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from carillon.domain.graphemes import graphemes


class Encoding(StrEnum):
    """How a text travels: 7-bit default alphabet, or 16-bit code units."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


# In septet order 0x00 to 0x7F; 0x1B is the escape to the extension table.
GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# Sent as the escape and one more septet: two of the part's septets.
GSM_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}

# Room in a lone message, and in each part of a longer one.
_ROOM = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}
# The escape itself is no character: a text that holds U+001B is UCS-2.
_GSM = frozenset(GSM_BASIC.replace("\x1b", "")) | frozenset(GSM_EXTENSION)
_SURROGATE_PAIR = re.compile("[\U00010000-\U0010ffff]")
_EXTENSION = re.compile("[" + re.escape("".join(GSM_EXTENSION)) + "]")


def encoding(text: str) -> Encoding:
    """Return the encoding carriers choose for *text*: GSM-7 when every character allows it."""
    return Encoding.GSM_7 if _GSM.issuperset(text) else Encoding.UCS_2


def forcing_ucs_2(text: str) -> tuple[str, ...]:
    """Return the characters of *text* that GSM-7 does not have, each once, in their order."""
    return tuple(dict.fromkeys(character for character in text if character not in _GSM))


def segment_count(text: str) -> int:
    """
    Return how many SMS segments carriers bill for *text*.

    A lone GSM-7 message holds 160 septets, a part of a longer one 153
    (UCS-2: 70 and 67 code units). Extension characters take two septets;
    neither they nor surrogate pairs nor grapheme clusters are split across
    parts. An empty text is 0: providers refuse it, so nobody bills it.
    """
    return len(split(text))


def split(text: str) -> list[str]:
    """Return the parts of *text* as they are sent and billed; joined they give *text*."""
    if not text:
        return []
    chosen = encoding(text)
    alone, part = _ROOM[chosen]
    if _length(text, chosen) <= alone:
        return [text]
    if chosen is Encoding.UCS_2:
        return _pack(_fitting(graphemes(text), part), chosen, part)
    if not _EXTENSION.search(text):
        return [text[start : start + part] for start in range(0, len(text), part)]
    return _pack(text, chosen, part)


def smart_encode(text: str) -> str:
    """
    Return *text* with typographic characters in their GSM-7 spelling, where that pays.

    Quotes, dashes, ellipses, odd spaces and invisible characters become plain
    ones and separate accents join their letters; nothing a reader would miss
    is dropped. When another character keeps the text in UCS-2 anyway, or the
    longer spellings would cost a segment more, *text* comes back untouched.
    """
    plain = unicodedata.normalize("NFC", text).translate(_PLAIN)
    if encoding(plain) is Encoding.GSM_7 and segment_count(plain) <= segment_count(text):
        return plain
    return text


def _length(text: str, chosen: Encoding) -> int:
    """Return septets (GSM-7) or UTF-16 code units (UCS-2)."""
    if chosen is Encoding.GSM_7:
        return len(text) + len(_EXTENSION.findall(text))
    return len(text) + len(_SURROGATE_PAIR.findall(text))


def _fitting(clusters: Iterable[str], room: int) -> Iterable[str]:
    """
    Yield *clusters*, but character by character what carriers do cut.

    That is a cluster no part could hold, and a line break of CR and LF.
    """
    for cluster in clusters:
        if cluster != "\r\n" and _length(cluster, Encoding.UCS_2) <= room:
            yield cluster
        else:
            yield from cluster


def _pack(pieces: Iterable[str], chosen: Encoding, room: int) -> list[str]:
    """Fill parts in order; a piece that does not fit opens the next part."""
    parts: list[list[str]] = [[]]
    free = room
    for piece in pieces:
        size = _length(piece, chosen)
        if size > free:
            parts.append([])
            free = room
        parts[-1].append(piece)
        free -= size
    return ["".join(part) for part in parts]


# What each GSM-7 spelling stands in for. Twilio's Smart Encoding list is the
# model, less what changes a reading there: 1\u00bd does not become 11/2, a
# combining accent no sign of its own, a no-break space no two spaces.
_PLAIN = str.maketrans(
    {
        typographic: plain
        for plain, group in {
            '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u02ba\u02ee\u2033\u275d\u275e\u301d\u301e",
            "'": "\u2018\u2019\u201a\u201b\u2032\u2039\u203a\u02b9\u02bb\u02bc\u02bd\u02c8"
            "\u02ca\u02cb\u00b4\u0060\u275b\u275c",
            "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2022\u00b7\ufe58\ufe63",
            "...": "\u2026",
            "!!": "\u203c",
            "/": "\u2044\u2215",
            "(C)": "\u00a9",
            "(R)": "\u00ae",
            "TM": "\u2122",
            "x": "\u00d7",
            # Every Unicode space (Zs), the tab and the next-line sign.
            " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
            "\u202f\u205f\u3000",
            "\n": "\u0085\u2028\u2029\v",
            # Invisible: soft hyphen, zero-width space and joiners, word joiner, byte order
            # mark, directional marks, and the text variation selector.
            "": "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\ufe0e",
        }.items()
        for typographic in group
    }
    # Fullwidth forms of ASCII, as East Asian keyboards type them.
    | {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F) if chr(code) in _GSM}
)
