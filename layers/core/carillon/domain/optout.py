"""
What a reply means for consent: STOP, START, HELP, YES or nothing (O1, O4).

Sources of the words: CTIA Messaging Principles and the FCC's list (47 CFR
64.1200(a)(10): stop, quit, end, revoke, opt out, cancel, unsubscribe), the
defaults of Twilio and AWS End User Messaging (which add remove and arret), and
their everyday Spanish and French forms. An organisation may add words that
opt out; nothing can take one of these away. Not legal advice.

A word too many costs one contact, a word too few breaks the law: unclear
cases lean to STOP only where the person plainly addresses our sending.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import product


class Keyword(StrEnum):
    """What a whole reply asks for. YES counts only from someone who has opted out (O4)."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    YES = "yes"
    NONE = "none"


# Opt-outs only as the whole message: inside a sentence they mean other things
# ("cancel my appointment", "end of the street"), or quote our own "Reply STOP to opt out".
_ALONE = """
    end, cancel, quit, remove, revoke, exit,
    alto, para, pare, parar, parad, basta, baja, cancelar, cancela, salir, terminar,
    detener, detente, eliminar, quitar, remover, anular, fin, no mas, ya no, ya no mas,
    stop to end, stop to quit, stop to cancel, stop to opt out, stop to unsubscribe,
    stop to stop, reply stop, text stop, send stop, reply stop to opt out,
    arreter, annuler, quitter, retirer, supprimer, resilier, plus de sms, plus de messages
"""
# Opt-outs that stay one with a polite word or two around them, or as a sentence of their own.
_STRONG = """
    stop, stopall, stop all, stop2end, stop2quit, stop end, stop it, stop this, stop these,
    unsubscribe, unsubscribe me, unsubscribe all, unsub, unsub me, unsuscribe, unsubcribe,
    unsubscribe from this list, unsubscribe me from this list, unsubscribe me from your list,
    optout, opt out, optmeout, opt me out, opting out, opt out of this, opt out of all,
    opt out of texts, opt out of messages, opt out of these messages,
    darme de baja, dar de baja, dame de baja, deme de baja, darse de baja, de baja,
    quiero darme de baja, desuscribir, desuscribirme, cancelar suscripcion,
    cancelar mi suscripcion, no mas mensajes, no quiero mas mensajes, no mas textos,
    no me escriban, no me escriban mas, no me envien mas mensajes, no me manden mas mensajes,
    dejen de escribirme, dejen de enviarme mensajes, borrenme de la lista, quitenme de la lista,
    arret, arrete, arretez, desabonner, me desabonner, desabonnez moi, desabonnement,
    desinscrire, me desinscrire, desinscrivez moi, desinscription,
    je veux me desabonner, je souhaite me desabonner, je me desabonne,
    ne menvoyez plus de messages, arretez de menvoyer des messages,
    how do i unsubscribe, how can i unsubscribe, how to unsubscribe, how do i opt out,
    how can i opt out, how to opt out, how do i stop, how do i stop this,
    retirez moi de votre liste, enlevez moi de la liste, supprimez moi de la liste
"""
# Phrases that opt out wherever a sentence ends with them, unless it negates them.
_PHRASES = """
    take me off, take me off this, remove me, remove my number, remove my phone,
    remove my phone number, delete my number, lose my number, lose this number,
    unsubscribe me, opt me out, leave me alone, no more texts, no more messages,
    no more text messages, no more sms, do not contact, do not text, dont text, dont contact,
    revoke consent, revoke my consent, withdraw consent, withdraw my consent,
    i do not consent, i dont consent
"""
_LIST_VERBS = ("take", "remove", "delete", "get", "drop")
_LIST_ENDS = (
    *("off your list", "off the list", "off this list", "off of your list", "off of this list"),
    *("from your list", "from the list", "from this list", "from your database"),
    *("off your mailing list", "from your mailing list", "off your texting list"),
    *("from your contacts", "off your contact list", "from your contact list", "off your lists"),
)
_NEVER = ("do not", "dont", "please do not", "please dont", "never", "quit", "stop")
_SENDING = (
    *("text me", "message me", "contact me", "call or text me", "text or call me", "send me texts"),
    *("send me messages", "send me text messages", "send me anything", "send me any texts"),
    *("send me any messages", "text this number", "contact this number", "message this number"),
    *("text my phone", "send me sms", "send messages", "send texts", "text us", "contact us"),
    *("bother me", "spam me", "harass me"),
)
_CEASE = ("stop", "quit", "cease", "stop with the", "stop with these", "stop all", "stop the")
_CEASED = (
    *("texting", "texting me", "messaging", "messaging me", "contacting me", "texting this number"),
    *("sending me texts", "sending me messages", "sending me text messages", "sending me these"),
    *("sending messages", "sending texts", "sending me sms", "sending these", "sending me this"),
    *("sending me stuff", "bothering me", "spamming", "spamming me", "harassing me", "spam"),
    *("messages", "texts", "text", "text messages", "sms", "these texts", "these messages"),
    *("messaging this number", "contacting this number", "the texts", "the messages"),
)
# Courtesies that may stand around a STOP or a phrase without changing it.
_OPENERS = """
    please, pls, plz, kindly, ok, okay, hi, hello, hey, just, yes, no, sorry, now, omg, sir, maam,
    can you, could you, would you, will you, can u, i said, i want to, i would like to,
    id like to, i wish to, i need to, want to, wanna, i want you to, you need to, you must,
    por favor, porfavor, favor de, hola, quiero, quisiera, si,
    sil vous plait, svp, stp, bonjour, merci de, je veux, veuillez, oui
"""
_CLOSERS = """
    please, pls, plz, thanks, thank you, thank u, thankyou, thx, ty, tks, now, right now, already,
    immediately, today, asap, ok, okay, sir, maam, anymore, any more, again, ever, ever again,
    at all, forever, for good, at this number, on this number, bye, goodbye, cheers, god bless,
    por favor, porfavor, gracias, muchas gracias, ya, ahora, nunca mas, adios,
    sil vous plait, svp, stp, merci, maintenant
"""
_NEGATIONS = frozenset(
    (
        "not",
        "non",
        "dont",
        "didnt",
        "never",
        "wont",
        "cant",
        "without",
        "wouldnt",
        "shouldnt",
        "why",
    )
)

_START = "start, unstop, opt in, optin"
_HELP = "help, info, information, ayuda, aide"
_YES = "yes"

_Words = tuple[str, ...]

# A tapback quotes our own text, "Reply STOP to opt out" and all.
_REACTION = re.compile(
    r"\s*(liked|loved|laughed at|emphasi[sz]ed|disliked|questioned|reacted .{1,20} to)\s*[\"“«]",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;\n\r…！？。；]+")
_NOT_WORDS = re.compile(r"[\W_]+")
_APOSTROPHES = re.compile("['’‘ʼ´`＇]")


def classify(text: str, *, extra_stop: Iterable[str] = ()) -> Keyword:
    """
    Return what *text* asks for; NONE when it is conversation.

    Case, accents, punctuation, emoji, invisible characters and look-alike
    letter forms (NFKC) make no difference. *extra_stop* are whole messages that
    an organisation lets opt out as well; they cannot redefine a built-in word.
    """
    words = _once(normalise(text))
    if _REACTION.match(text):
        return Keyword.NONE
    if words in _ALONE_WORDS or words in _STRONG_WORDS:
        return Keyword.STOP
    if words in _OTHER_WORDS:
        return _OTHER_WORDS[words]
    if any(_asks_to_stop(normalise(sentence)) for sentence in _SENTENCE_END.split(text)):
        return Keyword.STOP
    added = {normalise(word) for word in extra_stop}
    return Keyword.STOP if words and words in added else Keyword.NONE


def normalise(text: str) -> _Words:
    """Return the bare words of *text*: ``¡S.T.O.P!`` gives stop, ``Désabonnez-moi 🙏`` two."""
    folded = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", text)).casefold()
    decomposed = unicodedata.normalize("NFD", folded).replace("ı", "i")
    bare = "".join(c for c in decomposed if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    words = _NOT_WORDS.sub(" ", bare).split()
    if len(words) > 1 and all(len(word) == 1 for word in words):
        words = ["".join(words)]
    return tuple(words)


def _asks_to_stop(sentence: _Words) -> bool:
    """Whether one sentence is a strong keyword with courtesies, or ends in an opt-out phrase."""
    ending = _without_closers(sentence)
    core = _without_openers(ending)
    if core in _STRONG_WORDS:
        return True
    return any(
        ending[start:] in _PHRASE_WORDS and _NEGATIONS.isdisjoint(ending[:start])
        for start in range(len(ending))
    )


def _once(words: _Words) -> _Words:
    """``stop stop stop`` says the same as ``stop``."""
    return words[:1] if len(set(words)) == 1 else words


def _without_openers(words: _Words) -> _Words:
    """Strip courtesies from the front, but never the last word left."""
    while opener := next((o for o in _OPENER_WORDS if words[: len(o)] == o != words), None):
        words = words[len(opener) :]
    return _once(words)


def _without_closers(words: _Words) -> _Words:
    """Strip courtesies from the end, but never the last word left."""
    while closer := next((c for c in _CLOSER_WORDS if words[-len(c) :] == c != words), None):
        words = words[: -len(closer)]
    return _once(words)


def _table(spellings: str) -> frozenset[_Words]:
    return frozenset(tuple(entry.split()) for entry in spellings.split(","))


def _combined(*columns: Iterable[str]) -> frozenset[_Words]:
    return frozenset(tuple(" ".join(parts).split()) for parts in product(*columns))


def _longest_first(spellings: str) -> Sequence[_Words]:
    return sorted(_table(spellings), key=len, reverse=True)


_ALONE_WORDS = _table(_ALONE)
_STRONG_WORDS = _table(_STRONG)
_PHRASE_WORDS = (
    _table(_PHRASES)
    | _combined(_LIST_VERBS, ("me", "us", "my number"), _LIST_ENDS)
    | _combined(_NEVER, _SENDING)
    | _combined(_CEASE, _CEASED)
)
_OPENER_WORDS = _longest_first(_OPENERS)
_CLOSER_WORDS = _longest_first(_CLOSERS)
# Exact, without courtesies: consent is not guessed, and "please help" is for a person.
_OTHER_WORDS = {
    **dict.fromkeys(_table(_START), Keyword.START),
    **dict.fromkeys(_table(_HELP), Keyword.HELP),
    **dict.fromkeys(_table(_YES), Keyword.YES),
}
