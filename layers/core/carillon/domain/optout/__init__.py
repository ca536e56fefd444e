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
from collections.abc import Iterable
from enum import StrEnum
from itertools import chain
from typing import Final

from carillon.domain.optout import words_en, words_es, words_fr
from carillon.domain.optout.lookalikes import BLANK, has_twins, in_latin
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
# Nothing may follow the quotation, and "to" needs the emoji before it: people quote too.
_REACTION = re.compile(
    r"""(?: \W*+(?: (?:liked|loved|laughed\ at|emphasi[sz]ed|disliked|questioned|reacted
                  |removed\ an?)
            | le\ (?:gusto|encanto|disgusto) | no\ le\ gusto | se\ rio\ de
            | a\ (?:aime|adore|ri|reagi) )
    | \s*[^\w\s"“«]\W*?(?: to | a ) )
    \b [^"“«\n]{0,40} ["“«][^"”»]*+(?:["”»]\W*)?\Z""",
    re.VERBOSE,
)
# "555 0100 111" and the like, which a reply may ask to take off the list.
_PHONE_NUMBER = re.compile(r"(?<!\w)\+?\d(?:(?:_|[^\w!?;,:\n\r]){0,8}\d){6,14}(?!\w)")
_CLAUSE_END = re.compile(r"[,:、]+")
_SENTENCE_END = re.compile(r"[.!?;\n\r。]+|(?<=\bno),|(?<=\bnon),")
# Asked of one line at a time: over several, either would be tried from each of their starts.
_QUOTED = re.compile(r"[^\w>]*+>")
_ATTRIBUTION = re.compile(r"\b(?:wrote|escribio|a ecrit)\s*+:\s*+\Z")
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
_NEAR: Final = 4
# Before a keyword, these make it a word that is spoken of.
_QUOTING: Final = frozenset(
    {
        *("text", "texted", "reply", "say", "said", "type", "send"),
        *("bus", "full", "next", "last", "the", "a"),
    }
)
_CONSENTS: Final = frozenset({Keyword.START, Keyword.YES})
_Sentence = tuple[Phrase, ...]


def classify(text: str, *, extra_stop: Iterable[str] = ()) -> Keyword:
    """
    Return what *text* asks for; NONE when it is conversation.

    Case, accents, punctuation, emoji, invisible characters and look-alike
    letter forms (NFKC) make no difference. *extra_stop* are whole messages that
    an organisation lets opt out as well; they cannot redefine a built-in word.
    A text that opts out is STOP whatever else it says; see `is_in_distress`.
    """
    clean = _clean(text)
    words = _words(clean)
    keyword = _keyword_alone(clean, words)
    if keyword in _CONSENTS and has_twins(text):
        # Consent is not guessed from the looks of letters.
        return Keyword.NONE
    if keyword is not None:
        return keyword
    own, quoted = _own_and_quoted(clean)
    sentences = [tuple(map(_spoken, clauses)) for clauses in _sentences(own)]
    readings = {_consent_of(clauses) for clauses in sentences}
    if Keyword.STOP in readings or (words and words in {normalise(word) for word in extra_stop}):
        return Keyword.STOP
    if any(map(_tells_of_danger, sentences)):
        return Keyword.DISTRESS
    is_weak = (
        Keyword.WEAK in readings
        or any(map(_is_displeased, sentences))
        # Said before, or by a line that only looks quoted; our own footers say "reply STOP".
        or _opts_out(quoted)
    )
    return Keyword.WEAK if is_weak else Keyword.NONE


def is_in_distress(text: str) -> bool:
    """Return whether *text* tells of danger, also where `classify` finds an opt-out in it."""
    clean = _clean(text)
    if _REACTION.match(clean):
        return False
    own, _ = _own_and_quoted(clean)
    return any(_tells_of_danger(tuple(map(_spoken, clauses))) for clauses in _sentences(own))


def normalise(text: str) -> Phrase:
    """Return the bare words of *text*: ``¡S.T.O.P!`` gives stop, ``Désabonnez-moi 🙏`` two."""
    return _words(_clean(text))


def _clean(text: str) -> str:
    """Fold forms, case and accents, and drop what is not seen; punctuation stays."""
    if not text.isascii():
        composed = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", _LETTER_EMOJI.sub("", text)))
        decomposed = unicodedata.normalize("NFD", composed.casefold())
        text = in_latin("".join(c for c in decomposed if c < "\x80" or not _is_unseen(c)))
    folded = _DRAWN_OUT.sub(r"\1", _APOSTROPHES.sub("", text).casefold())
    return _NUMBER_SIGN.sub(r"\1 number", folded)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or character in BLANK


def _words(clean: str) -> Phrase:
    words = _NOT_WORDS.sub(" ", clean).split()
    if len(words) > 1 and all(len(word) == 1 for word in words):
        return (_DRAWN_OUT.sub(r"\1", "".join(words)),)
    return tuple(words)


def _keyword_alone(clean: str, words: Phrase) -> Keyword | None:
    """Return what a message says that is a keyword as a whole, or quotes us; None for others."""
    if _REACTION.match(clean):
        return Keyword.NONE
    whole = _once(words)
    if _ALONE.holds(whole) or _STRONG.holds(whole) or "".join(words) in _RUN_TOGETHER:
        return Keyword.STOP
    return _OTHER.get(whole)


def _own_and_quoted(clean: str) -> tuple[str, list[str]]:
    """Return what *clean* says itself, and the lines that it quotes; a mere quotation says it."""
    if ">" not in clean and ":" not in clean:
        return clean, []
    own: list[str] = []
    quoted: list[str] = []
    for line in clean.split("\n"):
        if _QUOTED.match(line):
            quoted.append(line)
        elif not _ATTRIBUTION.search(line):
            own.append(line)
    said = "\n".join(own)
    return (said, quoted) if _words(said) else (clean, [])


def _opts_out(lines: list[str]) -> bool:
    """Whether one of *lines* is a keyword or says in a sentence of its own to opt out."""
    if any(len(_once(_words(line))) == 1 and _is_stop(line) for line in set(lines)):
        return True
    sentences = (tuple(map(_spoken, clauses)) for clauses in _sentences("\n".join(lines)))
    return any(_consent_of(clauses) is Keyword.STOP for clauses in sentences)


def _is_stop(line: str) -> bool:
    return _keyword_alone(line, _words(line)) is Keyword.STOP


def _sentences(clean: str) -> set[_Sentence]:
    """Return the clauses of each sentence."""
    whole = _PHONE_NUMBER.sub(" this number ", clean)
    sentences = {
        tuple(filter(None, map(_words, _CLAUSE_END.split(sentence))))
        for sentence in _SENTENCE_END.split(whole)
    }
    return sentences - {()}


def _spoken(words: Phrase) -> Phrase:
    """Write out shorthand, read over emphasis, and mask what only sounds like a signal."""
    written = [full for word in words for full in _SHORTHAND.get(word, (word,))]
    if _READ_OVER.isdisjoint(written):
        return _once(tuple(written))
    spoken: list[str] = []
    at = 0
    while at < len(written):
        emphasis = _EMPHASIS.longest(written, at)
        harmless = _HARMLESS.longest(written, at)
        if harmless > at:
            spoken.append(_MASK)
        elif emphasis == at or len(written) == emphasis - at:
            spoken.append(written[at])
        at = max(harmless, emphasis, at + 1)
    return _once(tuple(spoken))


def _consent_of(clauses: _Sentence) -> Keyword:
    """Return STOP for an opt-out in so many words, WEAK for the shadow of one, or NONE."""
    sentence = _joined(clauses)
    found = _consent_in(sentence)
    if len(clauses) > 1 and found is not Keyword.STOP:
        for clause, after in zip(clauses, (*clauses[1:], ()), strict=True):
            reading = _consent_in(clause)
            if reading is Keyword.STOP and not _INSTEAD.ends(after):
                return Keyword.STOP
            found = reading if found is Keyword.NONE else found
        found = Keyword.WEAK if found is Keyword.STOP else found
    if found is Keyword.NONE and any(language.shadows(sentence) for language in _SPOKEN):
        return Keyword.WEAK
    return found


def _consent_in(sentence: Phrase) -> Keyword:
    if _made_of(_STRONG, sentence, _ALONE):
        return Keyword.STOP
    if any(language.opens_with_stop(sentence) for language in _SPOKEN):
        return Keyword.STOP
    found = Keyword.NONE
    for at, word in enumerate(sentence):
        if word in _PHRASE_STARTS:
            for language in _SPOKEN:
                reading = language.reads(sentence, at)
                if reading is Keyword.STOP:
                    return reading
                found = reading if found is Keyword.NONE else found
    return found


def _tells_of_danger(clauses: _Sentence) -> bool:
    return _DISTRESS.occurs(_joined(clauses)) or any(
        _made_of(_DISTRESS_ALONE, clause) for clause in clauses
    )


def _is_displeased(clauses: _Sentence) -> bool:
    return _WEAK.occurs(_joined(clauses)) or any(
        _made_of(_WEAK_ALONE, clause) for clause in clauses
    )


def _joined(clauses: _Sentence) -> Phrase:
    return clauses[0] if len(clauses) == 1 else tuple(chain.from_iterable(clauses))


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


def _after_courtesies(words: Phrase, at: int = 0) -> int:
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
        self.endings = PhraseBook(table["ENDINGS"], table["SLOTS"])
        self.opening = PhraseBook(table["OPENING"])
        self.clauses = PhraseBook(table["CLAUSES"])
        self.phrase_starts = self.phrases.first_words | self.endings.first_words
        self._negations = _single_words(table["NEGATIONS"])
        self._connectors = _single_words(table["CONNECTORS"])
        self._limits = _single_words(table["LIMITS"])
        self._refusals = _single_words(table["REFUSALS"])
        self._sendings = _single_words(table["SENDINGS"])

    def negates(self, before: Phrase) -> bool:
        """Whether the words before a phrase turn it around: "don't [ask them to] remove me"."""
        for word in reversed(before):
            if word in self._negations:
                return True
            if word not in self._connectors:
                return False
        return False

    def leaves_whole(self, after: Phrase, *, clauses: bool = True) -> bool:
        """Whether nothing but courtesies or a clause of its own follows a phrase."""
        at = _after_courtesies(after)
        return at == len(after) or (clauses and self._goes_on_apart(after, at))

    def reads(self, sentence: Phrase, at: int) -> Keyword:
        """Return what a phrase at *at* makes of *sentence*."""
        end = self.phrases.longest(sentence, at)
        last = self.endings.longest(sentence, at)
        if max(end, last) == at or self.negates(sentence[max(0, at - _REACH) : at]):
            return Keyword.NONE
        if last > at and self.leaves_whole(sentence[last : last + _REACH], clauses=False):
            return Keyword.STOP
        if end == at:
            return Keyword.NONE
        whole = self.leaves_whole(sentence[end : end + _REACH])
        return Keyword.STOP if whole else Keyword.WEAK

    def shadows(self, sentence: Phrase) -> bool:
        """Whether a word of refusal stands shortly before one of sending."""
        refused_at = -_NEAR - 1
        for at, word in enumerate(sentence):
            if at - refused_at <= _NEAR and word in self._sendings:
                return True
            if word in self._refusals and not self._is_quoted(sentence, at):
                refused_at = at
        return False

    def _is_quoted(self, sentence: Phrase, at: int) -> bool:
        before = sentence[max(0, at - _REACH) : at]
        return self.negates(before) or not _QUOTING.isdisjoint(before[-1:])

    def opens_with_stop(self, sentence: Phrase) -> bool:
        """Whether *sentence* says stop at once and goes on as another clause."""
        start = _after_courtesies(sentence)
        end = self.opening.longest(sentence, start)
        return end > start and self._goes_on_apart(sentence, _after_courtesies(sentence, end))

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
_PHRASE_STARTS = frozenset().union(*(language.phrase_starts for language in _SPOKEN))
_INSTEAD = _book("INSTEAD")
_SHORTHAND = _shorthand()
_READ_OVER = _EMPHASIS.first_words | _HARMLESS.first_words
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
