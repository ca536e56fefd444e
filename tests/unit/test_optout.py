"""Consent words: what must opt out, and what must not."""

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.domain import optout
from carillon.domain.optout import Keyword, classify, normalise
from carillon.domain.optout.phrase_book import PhraseBook

LEGAL_KEYWORDS = [
    *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke"),
    *("optout", "opt out", "opt-out", "remove"),
]
SPANISH = ["alto", "parar", "baja", "cancelar", "no más", "darme de baja", "no más mensajes"]
FRENCH = ["arrêt", "arret", "arrêter", "arrêtez", "désabonner", "me désabonner", "désinscrire"]

WITH_COURTESY = [
    *("please stop", "Stop please", "STOP, thanks!", "ok stop", "Hi, please stop. Thank you"),
    *(
        "stop now",
        "Just stop already",
        "Can you please stop",
        "I said stop",
        "stop 🙏",
        "Reply STOP",
    ),
    *("please unsubscribe me", "I want to unsubscribe", "I'd like to opt out", "Opt Out Please"),
    *("stop stop stop", "STOP2END", "stop to end", "how do I unsubscribe?", "unsub"),
    *("por favor darme de baja", "Quiero darme de baja, gracias", "stop svp", "stop merci"),
]
PHRASES = [
    *(
        "take me off your list",
        "Please take me off your list. I moved.",
        "remove me from this list",
    ),
    *("Remove my number please", "delete my number from your list", "lose my number", "remove me"),
    *("do not text me", "Don't text me again", "Please do not contact me anymore", "never text me"),
    *(
        "stop texting me",
        "Wrong number. Stop texting me!",
        "please stop sending me messages thanks",
    ),
    *(
        "No more texts",
        "leave me alone",
        "I revoke my consent",
        "stop spamming me",
        "quit texting me",
    ),
    *("I moved away so take me off the list", "STOP. Who is this?", "Who is this?\nstop"),
    *("no me escriban más", "Retirez-moi de votre liste", "arrêtez de m'envoyer des messages"),
]
DISGUISED = [
    *("STOP", " stop ", "Stop.", "S.T.O.P", "s t o p", "s-t-o-p", '"stop"', "¡STOP!", "stop!!!!"),
    *(
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "ⓢⓣⓞⓟ",
        "st\u200bop",
        "\u202astop\u202c",
        "🛑 STOP 🛑",
        "stop\ufe0f",
        "sto\u0301p",
    ),
    *("UNSUBSCRİBE", "unsubscrıbe", "o.p.t.o.u.t", "Opt—Out", "opt_out", "STOP！"),
]

TABLES = {
    **{name: getattr(optout, name) for name in ("_ALONE", "_STRONG", "_COURTESIES", "_EMPHASIS")},
    **{name: getattr(optout, name) for name in ("_HARMLESS", "_WEAK_ALONE", "_WEAK")},
    **{name: getattr(optout, name) for name in ("_DISTRESS_ALONE", "_DISTRESS")},
    **{f"phrases_{n}": language.phrases for n, language in enumerate(optout._SPOKEN)},
    **{f"endings_{n}": language.endings for n, language in enumerate(optout._SPOKEN)},
    **{f"opening_{n}": language.opening for n, language in enumerate(optout._SPOKEN)},
    **{f"clauses_{n}": language.clauses for n, language in enumerate(optout._SPOKEN)},
}
CONVERSATION = [
    *("cancel my appointment", "please cancel", "cancel please", "end please", "end of the street"),
    *("stop by at 5", "can you stop by", "stop in tomorrow", "don't stop", "Please don't stop!"),
    *("bus stop", "full stop", "non-stop", "stop sign", "stopped", "I'll be there, stop worrying"),
    *(
        "I can't stop laughing",
        "never stop texting me",
        "do not stop texting me",
        "what does stop do",
    ),
    *("the end", "weekend", "quit your job", "remove the item from my order", "revoke the offer"),
    *("please do not remove me", "don't take me off your list", "don't unsubscribe me"),
    *("I won't opt out", "why would I unsubscribe me", "I never asked you to remove me"),
    *("don't text me the code", "did you stop texting me because I moved"),
    *("Liked “Sale today! Reply STOP to opt out.”", "Loved “See you. STOP to end”"),
    *('Disliked "Text to stop messages"', "Reacted 👎 to “Sale. Text stop to stop texts”"),
    *("What does this mean: Text STOP to cancel. ?", "Fwd: Sale! Reply STOP to unsubscribe."),
    *("text me", "no", "ok", "thanks", "never mind", "who is this", "yes please", "help me"),
    *(
        "please help",
        "can you help",
        "more info please",
        "Start the car",
        "please start",
        "ok start",
    ),
    *("alto ahí", "baja por favor", "fin de semana", "para mi hermano", "la fin du film"),
    *("", "   ", "!?.", "🛑", "\u200b", "5", "stap"),
]


@pytest.mark.parametrize("text", [*LEGAL_KEYWORDS, *SPANISH, *FRENCH])
def test_a_legal_keyword_alone_opts_out(text: str) -> None:
    """O1: the whole-message keywords of all languages."""
    assert classify(text) is Keyword.STOP
    assert classify(f"  {text.upper()}!! ") is Keyword.STOP


@pytest.mark.parametrize("text", WITH_COURTESY)
def test_courtesies_around_a_strong_keyword_do_not_hide_it(text: str) -> None:
    assert classify(text) is Keyword.STOP


@pytest.mark.parametrize("text", PHRASES)
def test_a_phrase_that_refuses_our_messages_opts_out(text: str) -> None:
    assert classify(text) is Keyword.STOP


@pytest.mark.parametrize("text", DISGUISED)
def test_spelling_does_not_hide_a_keyword(text: str) -> None:
    assert classify(text) is Keyword.STOP


@pytest.mark.parametrize("text", CONVERSATION)
def test_conversation_is_no_keyword(text: str) -> None:
    """O1: "cancel my appointment" and the like."""
    assert classify(text) is Keyword.NONE


@pytest.mark.parametrize("text", ["START", "start.", "Unstop", "UNSTOP!", "opt in", "opt-in"])
def test_start_and_unstop_opt_in(text: str) -> None:
    assert classify(text) is Keyword.START


@pytest.mark.parametrize("text", ["HELP", "help!", "Info", "INFO?", "ayuda", "aide", "help help"])
def test_help_and_info_ask_for_help(text: str) -> None:
    assert classify(text) is Keyword.HELP


@pytest.mark.parametrize("text", ["YES", "yes", "Yes!", "yes."])
def test_yes_alone_is_reported_as_yes(text: str) -> None:
    assert classify(text) is Keyword.YES


def test_an_organisation_adds_words_that_opt_out() -> None:
    assert classify("Genug!") is Keyword.NONE
    assert classify("Genug!", extra_stop=["genug", "Keine SMS mehr"]) is Keyword.STOP
    assert classify("keine sms mehr 🙏", extra_stop=["genug", "Keine SMS mehr"]) is Keyword.STOP


def test_an_added_word_counts_only_as_the_whole_message() -> None:
    assert classify("genug davon", extra_stop=["genug"]) is Keyword.NONE


@pytest.mark.parametrize("nothing", ["", " ", "🙏", "..."])
def test_an_added_word_without_letters_matches_nothing(nothing: str) -> None:
    assert classify("", extra_stop=[nothing]) is Keyword.NONE
    assert classify("👍", extra_stop=[nothing]) is Keyword.NONE


def test_an_organisation_cannot_turn_start_or_help_into_an_opt_out() -> None:
    """O1: an organisation adds words to the legal ones and redefines none."""
    added = ["start", "unstop", "help", "yes"]

    assert [classify(word, extra_stop=added) for word in added] == [
        *(Keyword.START, Keyword.START, Keyword.HELP, Keyword.YES)
    ]


@pytest.mark.parametrize("table", TABLES)
def test_every_entry_of_the_tables_is_written_as_replies_are_read(table: str) -> None:
    columns = [column for pattern in TABLES[table].patterns for column in pattern]
    entries = {entry for column in columns for entry in column.phrases if entry}

    assert entries
    assert [entry for entry in entries if normalise(" ".join(entry)) != entry] == []


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"_ALONE", "_EMPHASIS"}))
def test_no_entry_waits_for_a_word_that_is_written_out_or_read_over(table: str) -> None:
    columns = [column for pattern in TABLES[table].patterns for column in pattern]
    words = {word for column in columns for entry in column.phrases for word in entry}

    assert words.isdisjoint(optout._SHORTHAND)
    assert [word for word in words if optout._EMPHASIS.holds((word,))] == []


@pytest.mark.parametrize("table", TABLES)
def test_no_entry_of_the_tables_matches_nothing_at_all(table: str) -> None:
    patterns = TABLES[table].patterns

    assert [p for p in patterns if all(column.may_be_absent for column in p)] == []


def test_a_phrase_book_reads_alternatives_options_and_slots() -> None:
    book = PhraseBook(
        "stop (texting|calling) [HERE] [please|thank you]", {"HERE": "me, this phone"}
    )

    assert book.holds(("stop", "texting"))
    assert book.holds(("stop", "calling", "this", "phone", "thank", "you"))
    assert book.ends(("oh", "stop", "texting", "me"), 1) == {3, 4}
    assert book.occurs(("please", "stop", "calling"))
    assert not book.holds(("stop", "me"))
    assert not book.holds(())


@pytest.mark.parametrize("entry", ["stop (now", "stop [now", "stop | now"])
def test_a_phrase_book_refuses_an_entry_with_a_bracket_missing(entry: str) -> None:
    with pytest.raises(ValueError, match="bracket"):
        PhraseBook(entry)


LONG = {
    "prose": "the quick brown fox jumps over the lazy dog ",
    "half phrases": "take me off stop texting me at ",
    "clauses": "no, stop it, ",
    "sentences": "don't stop. ",
    "courtesies": "please thanks ",
    "quotes": "> liked “ wrote: ",
    "letters": "s t o p ",
    "combining": "e\u0301\u200b🙏",
    "numbers": "555 01 ",
}


@pytest.mark.parametrize("kind", LONG)
def test_the_work_grows_with_the_length_of_a_message_and_no_faster(kind: str) -> None:
    short, long = (LONG[kind] * (size // len(LONG[kind])) for size in (5_000, 20_000))

    assert _steps(long) < 6 * _steps(short)


HOSTILE = {
    "line ends": "\n",
    "line ends and blanks": "\n ",
    "punctuation": "\n!? ",
    "quotes": ">",
    "quoted lines": "\n> stop",
    "wrote": "wrote ",
    "wrote on lines": "wrote\n:",
    "one letter": "a",
    "digits": "1 ",
    "brackets": "“«",
    "look-alikes": "ѕ",
    "look-alikes and others": "ѕя ",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_message_is_read_in_more_than_linear_time(kind: str) -> None:
    """A pattern's own steps are no calls: 40 times the longest SMS takes seconds if squared."""
    text = HOSTILE[kind] * (64_000 // len(HOSTILE[kind]))
    started = time.process_time()

    classify(text + ": x")

    assert time.process_time() - started < 4


def _steps(text: str) -> int:
    """Count the calls that reading *text* takes: on a busy machine time tells little."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        classify(text)
    finally:
        sys.setprofile(None)
    return calls


@given(st.text(max_size=80))
def test_any_text_is_classified_and_reading_it_twice_changes_nothing(text: str) -> None:
    assert classify(" ".join(normalise(text))) in Keyword
    assert normalise(" ".join(normalise(text))) == normalise(text)


@given(
    st.sampled_from(["stop", "unsubscribe", "opt out", "please stop"]),
    st.text("!?., \n\u200b\ufe0f🙏🛑…¡\"'", max_size=6),
    st.text("!?., \n\u200b\ufe0f🙏🛑…¡\"'", max_size=6),
)
def test_punctuation_and_emoji_around_an_opt_out_never_hide_it(
    words: str, before: str, after: str
) -> None:
    assert classify(before + words.title() + after) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        'To whom it may concern: "stop texting me"',
        "Liked “Sale today! Reply STOP to opt out.” STOP",
        'Loved "See you" stop texting me',
    ],
)
def test_who_quotes_and_says_stop_is_not_taken_for_a_reaction(text: str) -> None:
    assert classify(text) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        "> STOP\nok",
        "Sure\n> STOP",
        ">take me off your list\nsee you",
        "=> stop\nok",
        ">> Unsubscribe\nok",
    ],
)
def test_an_opt_out_in_a_quoted_line_holds_the_contact_for_a_person(text: str) -> None:
    """O1: it may be theirs, said before, or a line that only looks like a quotation."""
    assert classify(text) is Keyword.WEAK


@pytest.mark.parametrize(
    "footer",
    [
        *("Reply STOP to opt out", "Txt STOP to end", "STOP to quit", "Text STOP to unsubscribe"),
        *("Sale! Reply STOP to cancel. Msg&data rates may apply", "Envie STOP al 123"),
        *("Répondez STOP pour vous désabonner", "Responda STOP para cancelar"),
    ],
)
def test_our_own_footer_in_a_quoted_line_is_no_signal(footer: str) -> None:
    assert classify(f"> {footer}\nWhat time do you open?") is Keyword.NONE


@pytest.mark.parametrize(
    "text",
    [
        *("ЅТОР", "ѕтор", "SТОР", "St\u043ep", "ꜱᴛᴏᴘ", "SΤΟΡ", "ＳＴＯＰ", "𝐒𝐓𝐎𝐏", "Ⓢⓣⓞⓟ"),
        *("s\u200bt\u200bo\u200bp", "st\u3164op", "st\u115fop", "S\u2060\u0422OP", "\u054fTOP"),
        *("ѕтор рӏеаѕе", "рlеаѕе ѕtор tехting mе"),
    ],
)
def test_look_alike_letters_and_unseen_characters_do_not_hide_an_opt_out(text: str) -> None:
    """O1."""
    assert classify(text) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        *(
            "стоп",
            "СТО",
            "как так",
            "Не могу, кот у мамы",
            "мост через реку",
            "хорошо",
            "Ок, спасибо",
        ),
        *("και το κομμα", "Ναι", "όχι", "Καλημέρα, τι ώρα;", "Сократ", "до встречи", "это тест"),
    ],
)
def test_words_of_another_alphabet_are_not_read_for_their_looks(text: str) -> None:
    assert classify(text) is Keyword.NONE


def test_no_keyword_can_be_spelled_in_russian_letters_by_accident() -> None:
    """What Russian writes with look-alikes alone must not be a word of the tables."""
    lookalikes = str.maketrans("авекмнорстух", "abekmhopctyx")
    russian = "а в о с у не на но он от то во ко об мы ты вы та те тот кто как так вот нет есть"
    russian += " мне ему ее ум рот кот мост сто рост тест торт хвост восток север секрет текст"

    folded = {word.translate(lookalikes) for word in russian.split()}

    assert {word for word in folded if classify(word) is not Keyword.NONE} == set()


@pytest.mark.parametrize("text", ["ЅТАRТ", "stаrt", "УЕЅ", "yеs", "unѕtop"])
def test_nobody_is_opted_in_by_letters_that_only_look_alike(text: str) -> None:
    """O4: consent is not guessed."""
    assert classify(text) is Keyword.NONE


def test_letters_of_another_width_opt_in() -> None:
    assert classify("ＳＴＡＲＴ") is Keyword.START
