"""What a first message owes its reader (M7)."""

import pytest

from carillon.domain.content_checks import (
    BLOCKING,
    Check,
    findings_in,
    names_sender,
    opt_out_language,
)

GOOD = "Harbour Clinic: your check-up is due. Reply STOP to opt out."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Reply STOP to opt out", "en"),
        ("reply stop to unsubscribe.", "en"),
        ("Text STOP to end", "en"),
        ("Txt QUIT 2 stop", "en"),
        ("Respond with STOP", "en"),
        ("Send the word CANCEL to leave", "en"),
        ("STOP to end", "en"),
        ("STOP2END", "en"),
        ("STOP=opt-out", "en"),
        ("Opt out: STOP", "en"),
        ("Opt-out? Reply “STOP”", "en"),
        ("Msg&data rates may apply. Reply HELP for help, STOP to cancel", "en"),
        ("Responde STOP para cancelar", "es"),
        ("Responda BAJA para no recibir más mensajes", "es"),
        ("Envíe ALTO", "es"),
        ("Envía STOP para darte de baja", "es"),
        ("STOP para salir", "es"),
        ("Répondez STOP pour vous désabonner", "fr"),
        ("Envoyez ARRET", "fr"),
        ("STOP pour ne plus recevoir", "fr"),
        ("STOP au 36111", "fr"),
        ("STOP SMS 36180", "fr"),
    ],
)
def test_an_instruction_to_opt_out_is_recognised_in_its_language(text: str, language: str) -> None:
    assert opt_out_language(f"Harbour Clinic. {text}") == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Your check-up is due.",
        "Reply YES to confirm",
        "Reply HELP for help",
        "Stop by our shop on Friday",
        "Our bus stop has moved",
        "The sale will end on Sunday",
        "Reply BANANA to opt out",
        "Non-stop fun",
        "We cancel nothing",
        "Pour plus d'informations, répondez OUI",
        "Responde SI para confirmar",
    ],
)
def test_a_text_that_only_has_such_words_is_no_instruction(text: str) -> None:
    assert opt_out_language(text) is None


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("Harbour Clinic: hello", True),
        ("HARBOUR CLINIC hello", True),
        ("This is harbour-clinic.", True),
        ("HarbourClinic hello", True),
        ("Thérèse from the Harbour Clinic's desk", True),
        ("Harbour: the clinic", False),
        ("Hello from us", False),
        ("", False),
    ],
)
def test_the_sender_is_named_however_the_name_is_written(text: str, is_named: bool) -> None:
    assert names_sender(text, ["Harbour Clinic, Inc."]) is is_named


def test_any_of_the_organisations_names_will_do() -> None:
    assert names_sender("HC: hello", ["Harbour Clinic", "HC"])
    assert not names_sender("HCX hello", ["Harbour Clinic", "HC"])


def test_where_no_name_is_known_nobody_can_be_asked_to_say_it() -> None:
    assert names_sender("Hello", [])
    assert names_sender("Hello", ["  "])


def test_a_good_first_message_has_no_findings() -> None:
    assert findings_in(GOOD, ["Harbour Clinic"]) == []


def test_what_is_missing_is_said_with_the_variant_that_lacks_it() -> None:
    found = findings_in("Hi {{ first_name }}, see http://bit.ly/abc", ["Harbour Clinic"], "b")

    assert [one.check for one in found] == [
        Check.SENDER_NOT_NAMED,
        Check.OPT_OUT_MISSING,
        Check.PUBLIC_SHORTENER,
    ]
    assert {one.variant for one in found} == {"b"}
    assert Check.PUBLIC_SHORTENER not in BLOCKING


def test_what_a_merge_field_is_called_does_not_count_as_text() -> None:
    body = 'Hi {{ harbour_clinic }} {{ reply | default: "reply STOP" }} STOP'

    assert {one.check for one in findings_in(body, ["Harbour Clinic"])} == set(BLOCKING)


@pytest.mark.parametrize(
    ("text", "is_shared"),
    [
        ("see bit.ly/x1", True),
        ("https://tinyurl.com/abc", True),
        ("https://go.example.org/abc", False),
        ("https://orbit.ly/abc", False),
        ("https://my-bit.ly/abc", False),
        ("bit.ly", False),
    ],
)
def test_links_of_shared_shorteners_are_found(text: str, is_shared: bool) -> None:
    found = {one.check for one in findings_in(f"{GOOD} {text}", ["Harbour Clinic"])}

    assert (Check.PUBLIC_SHORTENER in found) is is_shared
