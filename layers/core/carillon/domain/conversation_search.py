"""
How a conversation is found by name or phone (V1): by what the words or digits begin with.

Names are compared without case, accents and punctuation; both orders of first and last
name are kept, so "ada", "lovelace", "ada lov" and "Lovelace, A" all find Ada Lovelace.
"""

import re
import unicodedata
from dataclasses import dataclass

from carillon.domain.conversation import Conversation
from carillon.domain.errors import InvalidInput

# Entries of an office are spread by so much of their beginning; less cannot be asked for.
NAME_START = 2
PHONE_START = 4
_MAX_TERM = 60
_PHONE = re.compile(r"[\d\s().+\-]+")
_NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class SearchKey:
    """One way to find a conversation: ``start`` groups keys that begin alike."""

    start: str
    term: str


def keys_of(conversation: Conversation) -> tuple[SearchKey, ...]:
    """Return every key under which *conversation* is found, distinct."""
    first, last = _folded(conversation.first_name), _folded(conversation.last_name)
    names = [f"{first} {last}".strip(), f"{last} {first}".strip()]
    keys = [_name_key(name) for name in names if len(name) >= NAME_START]
    return tuple(dict.fromkeys([*keys, _phone_key(_digits(conversation.phone))]))


def key_asked(query: str) -> SearchKey:
    """Return the key that what is looked for begins with; InvalidInput when *query* is short."""
    if _PHONE.fullmatch(query):
        digits = _digits(query)
        if len(digits) < PHONE_START:
            raise InvalidInput(f"Give at least {PHONE_START} digits, with country code.", field="q")
        return _phone_key(digits)
    name = _folded(query)
    if len(name) < NAME_START:
        raise InvalidInput(f"Give at least {NAME_START} letters.", field="q")
    return _name_key(name)


def _name_key(name: str) -> SearchKey:
    return SearchKey(f"N{name[:NAME_START]}", name[:_MAX_TERM])


def _phone_key(digits: str) -> SearchKey:
    return SearchKey(f"P{digits[:PHONE_START]}", digits)


def _digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(c for c in decomposed if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    return " ".join(_NOT_WORDS.sub(" ", bare).split())
