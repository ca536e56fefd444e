"""
What the first message of a campaign owes its reader (M7): who is texting, and how to opt out.

    sender_not_named   the text has neither the organisation's name nor one it goes by
    opt_out_missing    no instruction to opt out, in English, Spanish or French
    public_shortener   a link of a shortener that everybody shares: carriers filter those

An instruction to opt out is a verb before a keyword ("Reply STOP", "Envíe ALTO", "Répondez
STOP"), a keyword before what it does ("STOP to end", "BAJA para salir", "STOP pour ne plus
recevoir"), what it does before a keyword ("Opt out: STOP"), or the French "STOP au 36111".
The keyword must be one that a reply is taken for (``domain.optout``): telling people to send
what we would not understand counts for nothing. The first two findings keep a campaign from
its launch where the organisation's policy says ``content_checks: block``; they are read off
the text, and are no legal advice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from carillon.domain.optout import Keyword, classify, normalise
from carillon.domain.optout.phrase_book import Phrase, PhraseBook

_FIELD = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# Companies leave these out of a text message.
_LEGAL_FORMS = frozenset(
    {"inc", "llc", "ltd", "limited", "co", "corp", "gmbh", "ag", "sa", "sas", "sarl", "sl", "plc"}
)
_LEAST_LETTERS = 4
# "STOP2END"
_RUN_TOGETHER = re.compile(r"(?<=[A-Za-z])2(?=[A-Za-z])")
_SHORTENERS = (
    *("bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "buff.ly", "cutt.ly", "t.ly"),
    *("rebrand.ly", "shorturl.at", "rb.gy", "tiny.cc", "bl.ink", "v.gd", "soo.gd", "s.id"),
)
_SHORTENED = re.compile(
    r"(?<![\w.-])(?:" + "|".join(map(re.escape, _SHORTENERS)) + r")/\S", re.IGNORECASE
)

# By language: what stands before a keyword, between it and what it does, and that itself.
# Spellings are those of ``normalise``: small letters without accents.
_BEFORE = {
    "en": PhraseBook(
        "VERB [back] [with] [the word]",
        {"VERB": "reply, respond, text, txt, send, answer, say, type"},
    ),
    "es": PhraseBook(
        "VERB [con] [la palabra]",
        {
            "VERB": """responde, responda, responder, envia, envie, enviar, contesta, conteste
            contestar, escribe, escriba, escribir, manda, mande, mandar, texto"""
        },
    ),
    "fr": PhraseBook(
        "VERB [par|avec] [le mot]",
        {
            "VERB": """repondez, reponds, repondre, envoyez, envoie, envoyer, textez, texte
            texter, tapez, tape, taper"""
        },
    ),
}
_AFTER = {
    "en": PhraseBook(
        "[to|2] DONE, to (stop|end) (texts|messages|receiving)",
        {
            "DONE": """end, stop, quit, cancel, unsubscribe, unsub, optout, opt out, leave, remove
            be removed"""
        },
    ),
    "es": PhraseBook(
        """para DONE
        para (darse|darte|dar|darme) de baja""",
        {
            "DONE": """cancelar, salir, terminar, parar, anular, finalizar, baja, no recibir
            dejar de recibir"""
        },
    ),
    "fr": PhraseBook(
        """pour DONE
        pour (se|vous|te) (desabonner|desinscrire|retirer)
        (au|sms) #""",
        {
            "DONE": """arreter, annuler, terminer, quitter, ne plus recevoir, desabonnement
            desinscription"""
        },
    ),
}
_NAMED = {
    "en": PhraseBook("opt out, optout, unsubscribe, unsub, to end, to stop, to cancel"),
    "es": PhraseBook("baja, para salir, para cancelar, cancelar, darse de baja"),
    "fr": PhraseBook("desabonnement, desinscription, desabo, pour arreter, ne plus recevoir"),
}


class Check(StrEnum):
    """What may be wrong with a first message."""

    SENDER_NOT_NAMED = "sender_not_named"
    OPT_OUT_MISSING = "opt_out_missing"
    PUBLIC_SHORTENER = "public_shortener"


# What a policy can make a reason not to launch.
BLOCKING = (Check.SENDER_NOT_NAMED, Check.OPT_OUT_MISSING)
_WORDS = {
    Check.SENDER_NOT_NAMED: "The first message does not say who sends it.",
    Check.OPT_OUT_MISSING: 'The first message does not say how to opt out, such as "Reply STOP'
    ' to opt out".',
    Check.PUBLIC_SHORTENER: "The text has a link of a public shortener, which carriers filter.",
}


@dataclass(frozen=True)
class Finding:
    """One thing to look at; *variant* names whose text it is, if the campaign has variants."""

    check: Check
    message: str
    variant: str | None = None


def findings_in(text: str, names: Iterable[str], variant: str | None = None) -> list[Finding]:
    """
    Return what is to be said about *text*, a first message or its template.

    *names* are those by which the organisation may call itself.
    """
    said = _FIELD.sub(" ", text)
    found = {
        Check.SENDER_NOT_NAMED: not names_sender(said, names),
        Check.OPT_OUT_MISSING: opt_out_language(said) is None,
        Check.PUBLIC_SHORTENER: _SHORTENED.search(said) is not None,
    }
    return [Finding(check, _WORDS[check], variant) for check, is_so in found.items() if is_so]


def names_sender(text: str, names: Iterable[str]) -> bool:
    """Whether *text* has one of *names*, however it is written; True where there are none."""
    wanted = [words for name in names if (words := _without_legal_form(normalise(name)))]
    spoken = normalise(text)
    return not wanted or any(_stands_in(words, spoken) for words in wanted)


def opt_out_language(text: str) -> str | None:
    """Return in which language *text* says how to opt out: en, es or fr; None if it does not."""
    spoken = normalise(_RUN_TOGETHER.sub(" 2 ", text))
    words = tuple("#" if word.isdecimal() and len(word) > 1 else word for word in spoken)
    for at, word in enumerate(words):
        if _opts_out(word):
            for language in _BEFORE:
                if _is_instruction(words, at, language):
                    return language
    return None


def _is_instruction(words: Phrase, at: int, language: str) -> bool:
    if _AFTER[language].ends(words, at + 1):
        return True
    return any(
        at in book.ends(words, start)
        for book in (_BEFORE[language], _NAMED[language])
        for start in _places_before(at)
    )


def _places_before(at: int) -> Iterator[int]:
    # No phrase before a keyword is longer.
    return iter(range(max(at - 5, 0), at))


def _opts_out(word: str) -> bool:
    return word.isalpha() and classify(word) is Keyword.STOP


def _without_legal_form(name: Phrase) -> Phrase:
    return name[:-1] if len(name) > 1 and name[-1] in _LEGAL_FORMS else name


def _stands_in(name: Phrase, words: Sequence[str]) -> bool:
    size, joined = len(name), "".join(name)
    windows = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
    if name in windows:
        return True
    # "AcmeBank", "Acme Bank's"; a short name would be the beginning of many words.
    near = {*words, *("".join(window) for window in windows)}
    return len(joined) >= _LEAST_LETTERS and any(one.startswith(joined) for one in near)
