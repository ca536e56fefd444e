"""Phone numbers as CSV files hold them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import carillon
from carillon.domain.errors import InvalidInput
from carillon.domain.phone import parse_phone

NUMBER = "+12025550100"

WRITTEN_IN_THE_US = [
    *("2025550100", "202-555-0100", "(202) 555-0100", "202.555.0100", "202 555 0100"),
    *("12025550100", "1-202-555-0100", "+12025550100", "+1 (202) 555-0100", "011 1 202 555 0100"),
    *("  2025550100\n", "\t2025550100", "202\u00a0555\u00a00100", "202–555–0100", "202‑555‑0100"),
    *("２０２５５５０１００", "＋１ ２０２ ５５５ ０１００", "٢٠٢٥٥٥٠١٠٠", "(202)555/0100"),
    *("tel:+1-202-555-0100", "TEL: 202 555 0100", "'2025550100", '"2025550100"', '="2025550100"'),
    *("’202-555-0100", "\u202a+1 202-555-0100\u202c", "\ufeff2025550100", "2025550100.0"),
]


@pytest.mark.parametrize("written", WRITTEN_IN_THE_US)
def test_one_number_has_one_e164_form_however_it_is_written(written: str) -> None:
    assert parse_phone(written, "US") == NUMBER


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("7400 123456", "GB", "+447400123456"),
        ("447400123456", "GB", "+447400123456"),
        ("0044 7400 123456", "FR", "+447400123456"),
        ("+44 7400 123456", "US", "+447400123456"),
        ("0171/1234567", "DE", "+491711234567"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("8 912 345-67-89", "RU", "+79123456789"),
        ("+39 06 6982", "US", "+39066982"),
        ("2025550100", " us ", "+12025550100"),
    ],
)
def test_a_national_number_is_read_as_dialled_in_the_lists_country(
    written: str, country: str, e164: str
) -> None:
    assert parse_phone(written, country) == e164


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "phone_missing"),
        ("   ", "phone_missing"),
        ("''", "phone_missing"),
        ("tel:", "phone_missing"),
        ("2.02555E+09", "phone_spreadsheet_damaged"),
        ("2,02555e+09", "phone_spreadsheet_damaged"),
        ("1.20256E+10", "phone_spreadsheet_damaged"),
        ("202-555-0100 x12", "phone_extension"),
        ("202-555-0100 ext. 12", "phone_extension"),
        ("tel:+12025550100;ext=12", "phone_extension"),
        ("n/a", "phone_unparsable"),
        ("none", "phone_unparsable"),
        ("########", "phone_unparsable"),
        ("1-800-FLOWERS", "phone_unparsable"),
        ("call 202-555-0100", "phone_unparsable"),
        ("202-555-0100 home", "phone_unparsable"),
        ("*2025550100", "phone_unparsable"),
        ("202-555-0100, 202-555-0101", "phone_unparsable"),
        ("2025550100 / 2025550101", "phone_unparsable"),
        ("2025550100" * 30, "phone_unparsable"),
        ("ann@example.com", "phone_unparsable"),
        ("555-0100", "phone_invalid"),
        ("911", "phone_invalid"),
        ("202555010", "phone_invalid"),
        ("20255501000", "phone_invalid"),
        ("+1 123 456 7890", "phone_invalid"),
        ("000-000-0000", "phone_invalid"),
        ("447400123456", "phone_invalid"),
    ],
)
def test_what_cannot_be_texted_is_refused_with_its_reason(written: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_phone(written, "US")

    assert (refused.value.code, refused.value.field) == (code, "phone")


@pytest.mark.parametrize("country", ["", "XX", "USA", "United States"])
def test_an_unknown_default_country_is_refused(country: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_phone("+12025550100", country)

    assert (refused.value.code, refused.value.field) == ("country_unknown", "default_country")


@pytest.mark.parametrize("written", ["202555010", "202-555-0100 x12", "2.02555E+09"])
def test_a_refusal_never_quotes_the_number(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_phone(written, "US")

    assert not any(char.isdigit() for char in refused.value.detail)


def outcome(text: str) -> str:
    try:
        return parse_phone(text, "US")
    except InvalidInput as refused:
        return refused.code


@given(st.text(max_size=40))
def test_any_text_gives_a_number_or_a_refusal(text: str) -> None:
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}|phone_[a-z_]+", outcome(text), re.ASCII)


@given(st.integers(0, 99), st.sampled_from(["202", "212", "415", "617", "808"]))
def test_reading_an_e164_number_again_changes_nothing(line: int, area: str) -> None:
    number = parse_phone(f"({area}) 555-01{line:02}", "US")

    assert number == f"+1{area}55501{line:02}"
    assert parse_phone(number, "GB") == number


def test_the_place_and_carrier_data_stays_unloaded() -> None:
    layer = Path(carillon.__file__).parent.parent
    program = (
        "import sys, carillon.domain.phone;"
        "print([n for n in sys.modules if n.startswith('phonenumbers.')"
        " and n.split('.')[1] in {'geocoder', 'geodata', 'carrier', 'carrierdata', 'timezone'}])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=layer, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
