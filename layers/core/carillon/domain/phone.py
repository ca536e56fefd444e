"""
Phone numbers as people and spreadsheets write them, read into E.164 (C2).

Imports only the metadata of phonenumbers: geocoder, carrier and time-zone data load on
their own import, which is not done here (``phone_zones`` does, for planning alone).
"""

import re
import unicodedata
from typing import NewType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from carillon.domain.errors import InvalidInput

# E.164 with its plus sign, valid by the metadata; made by parse_phone alone.
PhoneNumber = NewType("PhoneNumber", str)

# What a CSV leaves around a number: quotes, the apostrophe that keeps a cell
# text, ="…" formulas, and the direction marks that address books copy along.
_WRAPPING = (
    " \t\r\n'\"=`’‘“”\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069\ufeff"
)
_TEL_URI = re.compile(r"^(?:tel|sms|phone|mobile|cell)\s*:(?://)?", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"^\+?\d+(?:[.,]\d+)?E\+?\d+$", re.IGNORECASE)
# A column once read as numbers with a fraction: exact, unlike the scientific form.
_FRACTION = re.compile(r"^(\+?\d{7,15})\.0+$")
_WRITTEN = re.compile(r"^\+?[\d\s().\-/\u2010-\u2015\u2212\u00b7]+$")


def parse_phone(text: str, default_country: str) -> PhoneNumber:
    """
    Return the E.164 form of *text*, read as dialled in *default_country* (ISO 3166, "US").

    Raises InvalidInput, never quoting the number, with one of the codes
    ``phone_missing``; ``phone_spreadsheet_damaged`` (2.02555E+09: the digits
    are gone); ``phone_extension`` (a switchboard cannot be texted);
    ``phone_unparsable`` (not one number); ``phone_invalid`` (no such number
    can exist); ``country_unknown``.
    """
    country = default_country.strip().upper()
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput(
            "The default country is not a known ISO 3166 code.",
            field="default_country",
            code="country_unknown",
        )
    return _valid(_cleaned(text), country)


def _cleaned(text: str) -> str:
    """Return *text* without what surrounds the number, in ASCII digits."""
    bare = unicodedata.normalize("NFKC", text).strip(_WRAPPING)
    bare = _TEL_URI.sub("", bare).strip(_WRAPPING)
    if not bare:
        raise _refused("The phone number is missing.", "phone_missing")
    if _SCIENTIFIC.match(bare):
        raise _refused(
            "A spreadsheet has cut this number off; format the column as text and export it again.",
            "phone_spreadsheet_damaged",
        )
    return _FRACTION.sub(r"\1", bare)


def _valid(bare: str, country: str) -> PhoneNumber:
    try:
        number = phonenumbers.parse(bare, country)
    except NumberParseException as error:
        raise _refused("This is not a phone number.", "phone_unparsable") from error
    if number.extension:
        raise _refused("A number with an extension cannot be texted.", "phone_extension")
    # phonenumbers takes letters for keypad digits and drops a trailing word;
    # a wrong person texted is worse than a row refused.
    if not _WRITTEN.match(bare):
        raise _refused("This is not one plain phone number.", "phone_unparsable")
    if not phonenumbers.is_valid_number(number):
        raise _refused("No such phone number can exist.", "phone_invalid")
    return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _refused(detail: str, code: str) -> InvalidInput:
    return InvalidInput(detail, field="phone", code=code)
