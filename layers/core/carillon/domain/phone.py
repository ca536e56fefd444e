"""
Phone numbers as people and spreadsheets write them, read into E.164 (C2).

Imports only the metadata of phonenumbers: geocoder, carrier and time-zone data load on
their own import, which is not done here (``phone_zones`` does, for planning alone).
"""

import re
import unicodedata
from enum import StrEnum
from typing import NewType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

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


class LineType(StrEnum):
    """What a country's number plan says of a number."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    # Of a kind that takes no texts: toll-free, premium rate, pager, voicemail.
    NOT_TEXTABLE = "not_textable"
    # A plan that does not tell mobiles from fixed lines (North America), or a number
    # that can be either (voice over IP, personal numbers).
    UNKNOWN = "unknown"


_LINE_TYPES = {
    PhoneNumberType.MOBILE: LineType.MOBILE,
    PhoneNumberType.FIXED_LINE: LineType.LANDLINE,
    PhoneNumberType.TOLL_FREE: LineType.NOT_TEXTABLE,
    PhoneNumberType.PREMIUM_RATE: LineType.NOT_TEXTABLE,
    PhoneNumberType.SHARED_COST: LineType.NOT_TEXTABLE,
    PhoneNumberType.PAGER: LineType.NOT_TEXTABLE,
    PhoneNumberType.UAN: LineType.NOT_TEXTABLE,
    PhoneNumberType.VOICEMAIL: LineType.NOT_TEXTABLE,
}


def line_type(phone: str) -> LineType:
    """Return what the number plan says of *phone* (E.164); what it does not know is unknown."""
    try:
        number = phonenumbers.parse(phone, None)
    except NumberParseException:
        return LineType.UNKNOWN
    return _LINE_TYPES.get(phonenumbers.number_type(number), LineType.UNKNOWN)


def national_digits(phone: str) -> str:
    """Return the digits that every way of writing *phone* (E.164) has in it."""
    return str(phonenumbers.national_significant_number(phonenumbers.parse(phone, None)))


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
