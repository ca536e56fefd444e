"""
What a reply means for consent: STOP, START, HELP, YES or nothing (O1, O4).

Two more are no keywords but readings: WEAK, which may be an opt-out and is for a
person to decide while the contact is held (O1), and DISTRESS, which is for a person
at once. Neither they nor STOP and HELP are ever the virtual assistant's (V6).

The words are in one module for each language; an organisation may add words that opt
out; nothing can take one of these away. Not legal advice. A word too many costs one
contact, a word too few breaks the law: unclear cases lean to STOP only where the
person plainly addresses our sending, and to WEAK where it may be that they do.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from carillon.domain.optout import words_en, words_es, words_fr
from carillon.domain.optout.phrase_book import Phrase, PhraseBook, phrases


class Keyword(StrEnum):
    """What a whole reply asks for. YES counts only from someone who has opted out (O4)."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    YES = "yes"
    WEAK = "weak"  # may be an opt-out, or angry: hold the contact and show it to a person
    DISTRESS = "distress"  # somebody may be in danger: show it to a person
    NONE = "none"


_LANGUAGES: Final = (words_en, words_es, words_fr)

# A tapback quotes our own text, "Reply STOP to opt out" and all.
_REACTION = re.compile(
    r"""\W*+(?: (?:liked|loved|laughed\ at|emphasi[sz]ed|disliked|questioned|reacted|removed\ an?)
    | le\ (?:gusto|encanto|disgusto) | no\ le\ gusto | se\ rio\ de | a\ (?:aime|adore|ri|reagi)
    | to | a )\b [^"“«\n]{0,40} ["“«]""",
    re.VERBOSE,
)
_SENTENCE_END = re.compile(r"[.!?;\n\r。]+|(?<=\bno),|(?<=\bnon),")
_QUOTED_LINE = re.compile(r"^[^\w>]*>.*$|^.*\b(?:wrote|escribio|a ecrit)\s*:\s*$", re.MULTILINE)
_NUMBER_SIGN = re.compile(r"\b(my|this|wrong) ?#(?!\w)")
_NOT_WORDS = re.compile(r"[\W_]+")
_APOSTROPHES = re.compile("['’‘ʼ´`＇]")
# Emoji that NFKC would turn into letters.
_LETTER_EMOJI = re.compile("[ℹ™㊗㊙]|Ⓜ\ufe0f")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_INVISIBLE = frozenset({"Mn", "Me", "Cf"})
# A word no table can have, in the place of one that is read over.
_MASK = "·"
# How far the courtesies after a phrase are looked through, and a sentence for nothing else.
_REACH: Final = 30


def classify(text: str, *, extra_stop: Iterable[str] = ()) -> Keyword:
    """
    Return what *text* asks for; NONE when it is conversation.

    Case, accents, punctuation, emoji, invisible characters and look-alike
    letter forms (NFKC) make no difference. *extra_stop* are whole messages that
    an organisation lets opt out as well; they cannot redefine a built-in word.
    A text that opts out is STOP whatever else it says; see `is_in_distress`.
    """
    clean = _clean(text)
    if _REACTION.match(clean):
        return Keyword.NONE
    words = _words(clean)
    whole = _once(words)
    if _ALONE.holds(whole) or _STRONG.holds(whole) or "".join(words) in _RUN_TOGETHER:
        return Keyword.STOP
    if whole in _OTHER:
        return _OTHER[whole]
    sentences = [_spoken(sentence) for sentence in _sentences(clean)]
    readings = {_consent_of(sentence) for sentence in sentences}
    if Keyword.STOP in readings or (words and words in {normalise(word) for word in extra_stop}):
        return Keyword.STOP
    if any(map(_tells_of_danger, sentences)):
        return Keyword.DISTRESS
    if Keyword.WEAK in readings or any(map(_is_displeased, sentences)):
        return Keyword.WEAK
    return Keyword.NONE


def is_in_distress(text: str) -> bool:
    """Return whether *text* tells of danger, also where `classify` finds an opt-out in it."""
    clean = _clean(text)
    if _REACTION.match(clean):
        return False
    return any(_tells_of_danger(_spoken(sentence)) for sentence in _sentences(clean))


def normalise(text: str) -> Phrase:
    """Return the bare words of *text*: ``¡S.T.O.P!`` gives stop, ``Désabonnez-moi 🙏`` two."""
    return _words(_clean(text))


def _clean(text: str) -> str:
    """Fold forms, case and accents, and drop what is not seen; punctuation stays."""
    if not text.isascii():
        composed = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", _LETTER_EMOJI.sub("", text)))
        decomposed = unicodedata.normalize("NFD", composed.casefold())
        text = "".join(
            c for c in decomposed if c < "\x80" or unicodedata.category(c) not in _INVISIBLE
        ).replace("ı", "i")
    return _NUMBER_SIGN.sub(r"\1 number", _APOSTROPHES.sub("", text).casefold())


def _words(clean: str) -> Phrase:
    words = _NOT_WORDS.sub(" ", clean).split()
    if len(words) > 1 and all(len(word) == 1 for word in words):
        words = ["".join(words)]
    return tuple(_DRAWN_OUT.sub(r"\1", word) for word in words)


def _sentences(clean: str) -> Iterator[Phrase]:
    """Yield the words of each sentence, without lines quoted from an earlier text."""
    unquoted = _QUOTED_LINE.sub("", clean)
    whole = unquoted if _words(unquoted) else clean
    return filter(None, map(_words, _SENTENCE_END.split(whole)))


def _spoken(words: Phrase) -> Phrase:
    """Write out shorthand, read over emphasis, and mask what only sounds like a signal."""
    written = [full for word in words for full in _SHORTHAND.get(word, (word,))]
    spoken: list[str] = []
    at = 0
    while at < len(written):
        if (end := _EMPHASIS.longest(written, at)) > at and len(written) > end - at:
            at = end
        elif (end := _HARMLESS.longest(written, at)) > at:
            spoken.append(_MASK)
            at = end
        else:
            spoken.append(written[at])
            at += 1
    return _once(tuple(spoken))


def _consent_of(sentence: Phrase) -> Keyword:
    """Return STOP for an opt-out in so many words, WEAK for the shadow of one, or NONE."""
    if _made_of(_STRONG, sentence, _ALONE):
        return Keyword.STOP
    if any(language.opens_with_stop(sentence) for language in _SPOKEN):
        return Keyword.STOP
    found = Keyword.NONE
    for at in range(len(sentence)):
        for language in _SPOKEN:
            end = language.phrases.longest(sentence, at)
            if end == at or language.negates(sentence[max(0, at - _REACH) : at]):
                continue
            if language.leaves_whole(sentence[end : end + _REACH]):
                return Keyword.STOP
            found = Keyword.WEAK
    return found


def _tells_of_danger(sentence: Phrase) -> bool:
    return _DISTRESS.occurs(sentence) or _made_of(_DISTRESS_ALONE, sentence)


def _is_displeased(sentence: Phrase) -> bool:
    return _WEAK.occurs(sentence) or _made_of(_WEAK_ALONE, sentence)


def _made_of(book: PhraseBook, sentence: Phrase, also: PhraseBook | None = None) -> bool:
    """Whether *sentence* is phrases of *book*, with courtesies (and phrases of *also*) around."""
    at, found = 0, False
    while at < len(sentence) <= _REACH:
        end = book.longest(sentence, at)
        others = [other.longest(sentence, at) for other in (_COURTESIES, also) if other]
        if max(end, *others) == at:
            return False
        found = found or end >= max(others)
        at = max(end, *others)
    return found and at == len(sentence)


def _after_courtesies(words: Phrase) -> int:
    at = 0
    while (end := _COURTESIES.longest(words, at)) > at:
        at = end
    return at


def _once(words: Phrase) -> Phrase:
    """``stop stop stop`` says the same as ``stop``."""
    return words[:1] if len(set(words)) == 1 else words


class _Language:
    """How opt-out phrases stand in the sentences of one language."""

    def __init__(self, words: object) -> None:
        table = vars(words)
        self.phrases = PhraseBook(table["PHRASES"], table["SLOTS"])
        self.opening = PhraseBook(table["OPENING"])
        self._negations = _single_words(table["NEGATIONS"])
        self._connectors = _single_words(table["CONNECTORS"])
        self.clauses = PhraseBook(table["CLAUSES"])
        self._limits = _single_words(table["LIMITS"])

    def negates(self, before: Phrase) -> bool:
        """Whether the words before a phrase turn it around: "don't [ask them to] remove me"."""
        for word in reversed(before):
            if word in self._negations:
                return True
            if word not in self._connectors:
                return False
        return False

    def leaves_whole(self, after: Phrase) -> bool:
        """Whether nothing but courtesies or a clause of its own follows a phrase."""
        at = 0
        at = _after_courtesies(after)
        return at == len(after) or self._goes_on_apart(after, at)

    def opens_with_stop(self, sentence: Phrase) -> bool:
        """Whether *sentence* says stop at once and goes on as another clause."""
        start = _after_courtesies(sentence)
        end = self.opening.longest(sentence, start)
        return end > start and self._goes_on_apart(sentence, end)

    def _goes_on_apart(self, words: Phrase, at: int) -> bool:
        """Whether another clause begins at *at*, and none of a time or a place."""
        return bool(self.clauses.ends(words, at)) and self._limits.isdisjoint(
            words[at : at + _REACH]
        )


def _single_words(spellings: str) -> frozenset[str]:
    return frozenset(word for (word,) in phrases(spellings))


def _book(name: str, slots: str = "") -> PhraseBook:
    """Return the tables called *name* of all languages as one."""
    book = PhraseBook("")
    for words in map(vars, _LANGUAGES):
        book.add(words[name], words[slots] if slots else {})
    return book


def _shorthand() -> dict[str, Phrase]:
    entries = [entry for words in _LANGUAGES for entry in phrases(words.SHORTHAND)]
    return {short: tuple(full) for short, *full in entries}


_ALONE = _book("ALONE")
_STRONG = _book("STRONG")
_COURTESIES = _book("COURTESIES")
_EMPHASIS = _book("EMPHASIS")
_HARMLESS = _book("HARMLESS")
_WEAK_ALONE = _book("WEAK_ALONE")
_WEAK = _book("WEAK", "WEAK_SLOTS")
_DISTRESS_ALONE = _book("DISTRESS_ALONE")
_DISTRESS = _book("DISTRESS", "DISTRESS_SLOTS")
_SPOKEN = tuple(map(_Language, _LANGUAGES))
_SHORTHAND = _shorthand()
# Words that are also recognised in pieces: "un subscribe", "st op".
_RUN_TOGETHER = frozenset({"stop", "stopall", "unsubscribe", "optout"})
# Exact, without courtesies: consent is not guessed, and "please help" is for a person.
_OTHER = {
    phrase: keyword
    for words in _LANGUAGES
    for table, keyword in (
        (words.START, Keyword.START),
        (words.HELP, Keyword.HELP),
        (words.YES, Keyword.YES),
    )
    for phrase in phrases(table)
}
