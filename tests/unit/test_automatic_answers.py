"""What we answer to STOP, START and HELP: complete, one segment, honest about who writes."""

import pytest

from carillon.domain.automatic_answers import (
    help_text,
    opt_in_confirmation,
    opt_out_confirmation,
)
from carillon.domain.optout import Keyword, classify
from carillon.domain.segments import Encoding, encoding, segment_count

NAMES = ["Acme", "City Food Bank", "Müller & Söhne", "A" * 40, "Ñ" * 40, "“Joe’s” Café – Bar"]
CONTACT = "support.department@food-bank.example.org"


def test_an_opt_out_confirmation_names_us_and_says_that_nothing_more_will_come() -> None:
    assert opt_out_confirmation("City Food Bank") == (
        "City Food Bank: You are unsubscribed and will receive no more messages from us."
        " Reply START to resubscribe."
    )


def test_an_opt_in_confirmation_tells_frequency_rates_help_and_the_way_out() -> None:
    assert opt_in_confirmation("City Food Bank") == (
        "City Food Bank: You are subscribed again. Msg frequency varies."
        " Msg&data rates may apply. Reply HELP for help, STOP to cancel."
    )


def test_help_names_a_contact_and_the_way_out() -> None:
    assert help_text("City Food Bank", "help@food-bank.example") == (
        "City Food Bank: Help at help@food-bank.example."
        " Msg freq varies. Msg&data rates may apply. Reply STOP to cancel."
    )


@pytest.mark.parametrize("contact", ["", "  "])
def test_help_without_a_contact_invites_a_reply(contact: str) -> None:
    assert "For help reply with your question." in help_text("Acme", contact)


@pytest.mark.parametrize("name", NAMES)
def test_each_answer_is_one_gsm_7_segment_for_names_of_up_to_40(name: str) -> None:
    assert len(CONTACT) == 40
    for answer in (
        opt_out_confirmation(name),
        opt_in_confirmation(name),
        help_text(name, CONTACT),
        help_text(name),
    ):
        assert encoding(answer) is Encoding.GSM_7
        assert segment_count(answer) == 1


def test_a_longer_name_is_cut_so_that_the_answer_stays_one_segment() -> None:
    name = "The Incorporated Society of Very Long Organisation Names"

    answer = opt_in_confirmation(name)

    assert answer.startswith("The Incorporated Society of Very Long...: You")
    assert segment_count(answer) == 1


def test_a_name_never_breaks_the_line() -> None:
    assert opt_out_confirmation(" Food\n Bank ").startswith("Food Bank: ")


def test_no_answer_reads_as_an_opt_out_itself() -> None:
    answers = [opt_out_confirmation("Acme"), opt_in_confirmation("Acme"), help_text("Acme", "x")]

    assert [classify(answer) for answer in answers] == [Keyword.NONE] * 3
