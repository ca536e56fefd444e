"""
Tables of phrases in a short notation, and the search in them.

Entries are separated by commas or line ends. ``(a|b c)`` stands for one of its
alternatives, ``[a|b]`` for one of them or none, and a word in capitals for the slot
of that name, a list of entries itself: ``stop (texting|calling) [HERE]``.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Final

Phrase = tuple[str, ...]

_SEPARATOR = re.compile(r"[,\n]")
_TOKEN = re.compile(r"[()\[\]|]|[^\s()\[\]|]+")
_CLOSING: Final = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class Column:
    """What may stand at one place of a pattern, by its first word."""

    phrases: frozenset[Phrase]
    by_first_word: Mapping[str, tuple[Phrase, ...]]
    may_be_absent: bool

    @classmethod
    def of(cls, phrases: Collection[Phrase]) -> "Column":
        """Return the column of *phrases*; the empty phrase among them makes it optional."""
        by_first_word: dict[str, tuple[Phrase, ...]] = {}
        for phrase in sorted(filter(None, phrases)):
            by_first_word[phrase[0]] = (*by_first_word.get(phrase[0], ()), phrase)
        return cls(frozenset(phrases), by_first_word, () in phrases)


_Pattern = tuple[Column, ...]


class PhraseBook:
    """Phrases to be looked up at a place in a text; the work does not grow with their number."""

    def __init__(self, spellings: str, slots: Mapping[str, str] | None = None) -> None:
        self.patterns: list[_Pattern] = []
        self._by_first_word: dict[str, list[_Pattern]] = {}
        self.add(spellings, slots or {})

    def add(self, spellings: str, slots: Mapping[str, str]) -> None:
        """Take in the phrases of *spellings*."""
        for columns in _entries(spellings, slots):
            pattern = tuple(map(Column.of, columns))
            self.patterns.append(pattern)
            for word in _first_words(pattern):
                self._by_first_word.setdefault(word, []).append(pattern)

    @property
    def first_words(self) -> frozenset[str]:
        """The words with which phrases begin: a text without them has none."""
        return frozenset(self._by_first_word)

    def ends(self, words: Sequence[str], start: int = 0) -> set[int]:
        """Return where the phrases end that begin at *start*."""
        found: set[int] = set()
        if start < len(words):
            for pattern in self._by_first_word.get(words[start], ()):
                found |= _ends(pattern, words, start)
        return found

    def longest(self, words: Sequence[str], start: int = 0) -> int:
        """Return the end of the longest phrase at *start*, or *start* if there is none."""
        if start >= len(words) or words[start] not in self._by_first_word:
            return start
        return max(self.ends(words, start), default=start)

    def holds(self, words: Sequence[str]) -> bool:
        """Return whether all of *words* are one phrase."""
        return len(words) in self.ends(words) if words else False

    def occurs(self, words: Sequence[str]) -> bool:
        """Return whether some phrase stands anywhere in *words*."""
        known = self._by_first_word
        return any(word in known and self.ends(words, at) for at, word in enumerate(words))


def phrases(spellings: str, slots: Mapping[str, str] | None = None) -> Iterator[Phrase]:
    """Yield every phrase that *spellings* stand for."""
    for columns in _entries(spellings, slots or {}):
        for parts in product(*columns):
            yield sum(parts, ())


def _ends(pattern: _Pattern, words: Sequence[str], start: int) -> set[int]:
    ends = {start}
    for column in pattern:
        reached = set(ends) if column.may_be_absent else set()
        for end in ends:
            for phrase in column.by_first_word.get(words[end], ()) if end < len(words) else ():
                if len(phrase) == 1 or tuple(words[end : end + len(phrase)]) == phrase:
                    reached.add(end + len(phrase))
        if not reached:
            return reached
        ends = reached
    return ends


def _first_words(pattern: _Pattern) -> set[str]:
    words: set[str] = set()
    for column in pattern:
        words.update(column.by_first_word)
        if not column.may_be_absent:
            break
    return words


def _entries(spellings: str, slots: Mapping[str, str]) -> Iterator[list[set[Phrase]]]:
    """Yield the columns of each entry; slots of a single entry are written out in their place."""
    for entry in filter(None, map(str.strip, _SEPARATOR.split(spellings))):
        tokens = _TOKEN.findall(entry)
        while not slots.keys().isdisjoint(tokens):
            at = next(n for n, token in enumerate(tokens) if token in slots)
            tokens[at : at + 1] = _written_out(slots[tokens[at]])
        yield _columns(iter(tokens))


def _written_out(slot: str) -> list[str]:
    entries = [entry for entry in map(str.strip, _SEPARATOR.split(slot)) if entry]
    return _TOKEN.findall(entries[0] if len(entries) == 1 else f"({'|'.join(entries)})")


def _columns(tokens: Iterator[str], closing: str = "") -> list[set[Phrase]]:
    """Read one alternative's columns; inside brackets, all alternatives as a single column."""
    alternatives: list[list[set[Phrase]]] = [[]]
    for item in tokens:
        if item == closing:
            return [set().union(*map(_joined, alternatives))]
        if item == "|":
            alternatives.append([])
        elif item in _CLOSING:
            inner = _columns(tokens, _CLOSING[item])
            alternatives[-1].append(inner[0] | {()} if item == "[" else inner[0])
        else:
            alternatives[-1].append({(item,)})
    if closing or len(alternatives) > 1:
        raise ValueError("A bracket is missing in an entry of a phrase table.")
    return alternatives[0]


def _joined(columns: list[set[Phrase]]) -> set[Phrase]:
    start: set[Phrase] = {()}
    return reduce(lambda so_far, column: {a + b for a in so_far for b in column}, columns, start)
