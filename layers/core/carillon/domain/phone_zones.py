"""
The zones and the country of a phone number, from libphonenumber's time-zone data (C3).

For planning alone: this data takes 150 ms to load, and the sending function never does.
"""

from functools import lru_cache

import phonenumbers
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

_NORTH_AMERICA = "1"
_AREA_CODE_DIGITS = 3
_UNKNOWN = frozenset({timezone.UNKNOWN_TIMEZONE})
_WORLD = "001"


def zones_of_phone(phone: str) -> tuple[str, ...]:
    """
    Return every zone where *phone* (E.164) may be; none if that is not known.

    A North American number may be anywhere in its area code: exchanges are shared out in
    blocks and numbers are taken along, so the town of an exchange is not the person's. A
    toll-free one may be anywhere in the numbering plan (42 zones), a mobile number of
    most other countries anywhere in its country.
    """
    if phone.startswith(f"+{_NORTH_AMERICA}"):
        return zones_of_area_code(phone[2 : 2 + _AREA_CODE_DIGITS])
    number = phonenumbers.parse(phone)
    known = _known(timezone.time_zones_for_number(number))
    return known or _known(TIMEZONE_DATA.get(str(number.country_code), ()))


def zones_of_area_code(area_code: str) -> tuple[str, ...]:
    """Return the zones of all exchanges of *area_code*; of the whole numbering plan if unknown."""
    return _by_area_code().get(area_code) or _known(TIMEZONE_DATA[_NORTH_AMERICA])


@lru_cache(maxsize=1)
def _by_area_code() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        if prefix.startswith(_NORTH_AMERICA) and len(prefix) > _AREA_CODE_DIGITS:
            found.setdefault(prefix[1 : 1 + _AREA_CODE_DIGITS], set()).update(zones)
    return {code: tuple(sorted(zones)) for code, zones in found.items()}


def zones_of_country(country: str) -> tuple[str, ...]:
    """Return every zone of the calling code that *country* (ISO 3166) has; none if unknown."""
    code = phonenumbers.country_code_for_region(country)
    return _known(TIMEZONE_DATA.get(str(code), ()))


def countries_of_phone(phone: str) -> tuple[str, ...]:
    """
    Return the country (ISO 3166) of *phone* (E.164); none for a worldwide number.

    All countries of its calling code when the numbering plan does not say which.
    """
    number = phonenumbers.parse(phone)
    country = phonenumbers.region_code_for_number(number)
    countries = [country] if country else _regions(number.country_code)
    return tuple(sorted(set(countries) - {_WORLD}))


def _regions(calling_code: int | None) -> list[str]:
    return list(phonenumbers.region_codes_for_country_code(calling_code or 0))


def _known(zones: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(zones) - _UNKNOWN))
