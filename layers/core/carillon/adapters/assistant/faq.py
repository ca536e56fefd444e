"""
The built-in assistant: finds the entry that a question is about and gives its answer as it stands.

It understands nothing. It compares words: a message that is an entry's keyword gets that
entry's answer for certain; otherwise entries are ranked by Okapi BM25 (Robertson and Zaragoza
2009, k1 = 1.2, b = 0.75) over their questions, keywords and answers, and the score is how much
of the question's information the best entry covers. A question in other words than the entry's
is handed over. One that uses an entry's words and means something else ("Where did you get my
address?") is answered wrongly; the threshold on the score and the rule that two equally good
entries are none keep that rare.

Words are folded (case, accents), the commonest of English, Spanish and French left out, and
plural, -ing and -ed endings cut off.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carillon.domain.assistant import Answer, HandOver, Question, Reason
from carillon.domain.knowledge import KnowledgeEntry

_K1 = 1.2
_B = 0.75
# A word of the question that only the answer has is weaker evidence than one of its questions.
_ANSWER_SHARE = 0.6
# With few entries every word would look common: rarity is judged as if there were so many.
_LEAST_ENTRIES = 20
# The best entry must be better than the next by this share, or it is a guess which was meant.
_MARGIN = 0.05

_COMMONEST = """
    a about all am an and any are as at be been but by can could did do does doing for from get got
    had has have hello here hey hi how i if im in into is it its just know like may me might my of
    ok okay on one or our please pls so some tell thank thanks that thats the their them then there
    these they this those to today too u us want was we were what whats when where which who whom
    whose why will with would yes you your yours yall also
    al algun alguna ante como con cual cuales cuando de del desde donde el ella ellos en entre era
    eres es esa ese esta estan este esto estoy fue gracias ha hay hola hoy la las le les lo los me
    mi mis muy ni no nos o para pero por porque puedo puede pueden que quien se ser si sin sobre son
    su sus tambien te tengo tiene tienen tu tus un una unas unos usted ustedes y yo quiero favor
    au aux avec avez bonjour ce ces cet cette comment d dans des du elle est et etes etre faire il
    ils j je l leur leurs ma mais merci mes moi mon ne nous on ont ou pas peut peux plus pour
    pouvez qu quand quel quelle quels quelles qui quoi sa salut ses sont suis sur ta tes toi ton une
    vos votre vous puis c m n s t
"""
_STOP_WORDS = frozenset(_COMMONEST.split())
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE_S = re.compile(r"['’]s\b")


class FaqAssistant:
    """Implements ``ports.Assistant`` with nothing else installed."""

    def answer(self, question: Question, knowledge: Sequence[KnowledgeEntry]) -> Answer | HandOver:
        """Return the answer of the entry that *question* is about, with its score."""
        by_keyword = _by_keyword(question.text, knowledge)
        if by_keyword is not None:
            return _given(by_keyword, 1.0)
        ranked = ranking(question.text, knowledge)
        if not ranked:
            return HandOver(reason=Reason.NOT_SURE, score=0.0)
        best, *others = ranked
        if others and _as_good(others[0], best):
            return HandOver(
                reason=Reason.NOT_SURE,
                score=best.coverage,
                sources=(best.entry.id, others[0].entry.id),
            )
        return _given(best.entry, best.coverage)


@dataclass(frozen=True)
class Match:
    """An entry that shares words with a question: its BM25, and the share it covers (0 to 1)."""

    entry: KnowledgeEntry
    bm25: float
    coverage: float


def ranking(text: str, knowledge: Sequence[KnowledgeEntry]) -> list[Match]:
    """Return the entries that share a word with *text*, best first; ties by id."""
    asked = list(dict.fromkeys(terms(text)))
    documents = [_Document(entry) for entry in knowledge]
    rarity = _rarity(asked, documents)
    usual_length = sum(document.length for document in documents) / max(1, len(documents))
    matches = [
        Match(
            document.entry,
            sum(rarity[term] * document.weight(term, usual_length) for term in asked),
            _covered(asked, document, rarity),
        )
        for document in documents
        if any(term in document.counts for term in asked)
    ]
    return sorted(matches, key=lambda match: (-match.bm25, match.entry.id))


class _Document:
    def __init__(self, entry: KnowledgeEntry) -> None:
        self.entry = entry
        self.asked = Counter(terms(" ".join((*entry.questions, *entry.keywords))))
        self.counts = self.asked + Counter(terms(entry.answer))
        self.length = self.counts.total()

    def weight(self, term: str, usual_length: float) -> float:
        count = self.counts[term]
        length = self.length / usual_length if usual_length else 1.0
        return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length))


def _rarity(asked: Iterable[str], documents: Sequence[_Document]) -> dict[str, float]:
    """Return each term's inverse document frequency; one that no entry has is the rarest."""
    total = max(len(documents), _LEAST_ENTRIES)
    found = {term: sum(term in document.counts for document in documents) for term in asked}
    return {term: math.log(1 + (total - n + 0.5) / (n + 0.5)) for term, n in found.items()}


def _covered(asked: Sequence[str], document: _Document, rarity: dict[str, float]) -> float:
    total = sum(rarity[term] for term in asked)
    covered = sum(
        rarity[term] * (1.0 if term in document.asked else _ANSWER_SHARE)
        for term in asked
        if term in document.counts
    )
    return round(covered / total, 4)


def _as_good(other: Match, best: Match) -> bool:
    if other.entry.answer == best.entry.answer:
        return False
    return other.coverage >= best.coverage and other.bm25 >= best.bm25 * (1 - _MARGIN)


def _by_keyword(text: str, knowledge: Sequence[KnowledgeEntry]) -> KnowledgeEntry | None:
    """Return the entry that has the whole of *text* among its keywords, if just one does."""
    whole = _folded(text)
    found = [
        entry for entry in knowledge if whole and whole in {_folded(one) for one in entry.keywords}
    ]
    return found[0] if len(found) == 1 else None


def _given(entry: KnowledgeEntry, score: float) -> Answer:
    return Answer(text=entry.answer, sources=(entry.id,), score=score)


def terms(text: str) -> list[str]:
    """Return the words of *text* that tell something, folded and without their endings."""
    return [_stem(word) for word in _folded(text) if word not in _STOP_WORDS]


def _folded(text: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", _APOSTROPHE_S.sub("", text)).casefold()
    bare = "".join(
        character
        for character in unicodedata.normalize("NFD", plain)
        if unicodedata.category(character) not in {"Mn", "Cf"}
    )
    return tuple(_WORD.findall(bare))


def _stem(word: str) -> str:
    """Cut off a plural, -ing or -ed ending where at least three letters are left."""
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    # "price" and "pricing", "close" and "closed" meet here.
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
