"""
Finding out where a recipient may be, when a campaign is planned (C3).

    zones           an explicit zone column; else postal code and state; else the phone
                    number; else every zone of the country
    jurisdictions   all of what any of them says: the state of the row *and* the state of the
                    area code *and* the countries, because each of them may bind (L1)

What cannot be read in a column counts as not given. UTC and its like are no place where a
person lives, but what a system writes that does not know: they count as not given too.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from carillon.domain import phone_zones
from carillon.domain.places import (
    AREA_CODES,
    NON_GEOGRAPHIC,
    STATE_NAMES,
    STATE_ZONES,
    is_military_zip,
    postal_provinces,
    zip_states,
    zones_of_states,
)
from carillon.domain.whereabouts import Whereabouts

_ZONE_COLUMNS = ("timezone", "time zone", "tz", "zone", "timezone name", "tzid", "iana timezone",
                 "local timezone", "contact timezone", "zona horaria", "huso horario",
                 "fuseau horaire", "fuseau", "zeitzone")  # fmt: skip
_POSTAL_COLUMNS = ("zip", "zip code", "zipcode", "postal code", "postalcode", "postcode", "postal",
                   "zip postal code", "postal zip code", "mailing zip", "mailing postal code",
                   "billing zip", "home zip", "zip5", "codigo postal", "code postal", "cp",
                   "plz", "postleitzahl", "billing postal code", "home postal code")  # fmt: skip
_STATE_COLUMNS = ("state", "province", "state province", "region", "state code", "province code",
                  "st", "us state", "mailing state", "billing state", "home state",
                  "state region", "estado", "provincia", "departamento", "etat", "bundesland",
                  "billing province", "mailing province", "home province")  # fmt: skip
_COUNTRY_COLUMNS = (
    "country",
    "country code",
    "iso country",
    "mailing country",
    "pais",
    "pays",
    "land",
    "billing country",
    "home country",
)
_COUNTRY_NAMES: Final = {
    "usa": "US", "united states": "US", "united states of america": "US", "america": "US",
    "canada": "CA", "can": "CA", "uk": "GB", "united kingdom": "GB", "great britain": "GB",
    "england": "GB", "scotland": "GB", "wales": "GB", "ireland": "IE", "germany": "DE",
    "deutschland": "DE", "france": "FR", "spain": "ES", "espana": "ES", "italy": "IT",
    "netherlands": "NL", "austria": "AT", "mexico": "MX", "australia": "AU",
}  # fmt: skip
# What North Americans write; MST and AST stand for places that change their clocks and for
# places that do not, so both count.
_ABBREVIATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("et", "est", "edt", "eastern", "est5edt"), ("America/New_York",)),
    **dict.fromkeys(("ct", "cst", "cdt", "central", "cst6cdt"), ("America/Chicago",)),
    **dict.fromkeys(("mt", "mdt", "mst7mdt"), ("America/Denver",)),
    **dict.fromkeys(("mst", "mountain"), ("America/Denver", "America/Phoenix")),
    "arizona": ("America/Phoenix",),
    **dict.fromkeys(("pt", "pst", "pdt", "pacific", "pst8pdt"), ("America/Los_Angeles",)),
    **dict.fromkeys(("akt", "akst", "akdt", "alaska", "alaskan"), ("America/Anchorage",)),
    **dict.fromkeys(("hst", "hawaii", "hawaiian"), ("Pacific/Honolulu",)),
    **dict.fromkeys(("ast", "atlantic"), ("America/Halifax", "America/Puerto_Rico")),
    "adt": ("America/Halifax",),
    **dict.fromkeys(("nst", "ndt", "newfoundland"), ("America/St_Johns",)),
}
_FILLER = frozenset({"time", "standard", "daylight", "us", "zone"})
_WORDS = re.compile(r"[a-z0-9]+")
_ISO_COUNTRY = re.compile(r"^[A-Z]{2}$", re.ASCII)
_ZIP = re.compile(r"^(\d{5})(?:-?\d{4})?$", re.ASCII)
_SHORT_ZIP = re.compile(r"^\d{3,4}$", re.ASCII)
_CANADIAN = re.compile(r"^([A-Z])\d[A-Z](?: ?-?\d[A-Z]\d)?$", re.ASCII)
# Soldiers' and sailors' mail, forwarded to wherever they are.
_MILITARY = frozenset({"AA", "AE", "AP"})
_NORTH_AMERICA = ("US", "CA")
_CALLING_CODE = "+1"


@dataclass(frozen=True)
class _Phone:
    """What the number alone says: its places (states, or a country), country and zones."""

    places: tuple[str, ...]
    countries: tuple[str, ...]
    zones: tuple[str, ...]
    note: str

    @property
    def is_north_american(self) -> bool:
        return not set(self.countries).isdisjoint(_NORTH_AMERICA)


def whereabouts(phone: str, fields: Mapping[str, str], default_country: str) -> Whereabouts:
    """
    Return every zone and jurisdiction in which the person of *phone* (E.164) may be (C3).

    *fields* are the row's columns by name. *default_country* (ISO 3166) is the sender's: it
    stands in where even the number's country is unknown.
    """
    columns = {_plain(name): value.strip() for name, value in fields.items() if value.strip()}
    by_phone = _of_phone(phone, default_country.upper())
    written = next(filter(None, map(_country, _of(columns, _COUNTRY_COLUMNS))), None)
    north_american = by_phone.is_north_american or written in _NORTH_AMERICA
    states, elsewhere = _states(columns) if north_american else ((), False)
    zones, evidence = _zones(columns, states, by_phone, written, elsewhere=elsewhere)
    countries = {*by_phone.countries, *(state[:2] for state in states)}
    if written:
        countries.add(written)
    jurisdictions = {*by_phone.places, *states, *countries}
    return Whereabouts(tuple(sorted(set(zones))), tuple(sorted(jurisdictions)), evidence)


def _zones(
    columns: Mapping[str, str],
    states: Iterable[str],
    by_phone: _Phone,
    written: str | None,
    *,
    elsewhere: bool,
) -> tuple[tuple[str, ...], str]:
    read = (_named_zones(name, by_phone) for name in _of(columns, _ZONE_COLUMNS))
    if named := next(filter(None, read), None):
        return named, "time zone column"
    if elsewhere:
        return (*by_phone.zones, *zones_of_states("US")), "military post"
    of_states = tuple(zone for state in states for zone in STATE_ZONES[state])
    if of_states:
        return of_states, "postal code or state"
    # Between the United States and Canada the area code says more than a column of defaults.
    known = _NORTH_AMERICA if by_phone.is_north_american else by_phone.countries
    if written and written not in known:
        return (*by_phone.zones, *_zones_of_country(written)), "phone number and country"
    return by_phone.zones, by_phone.note


def _of_phone(phone: str, default_country: str) -> _Phone:
    if phone.startswith(_CALLING_CODE):
        return _north_american(phone[2:5])
    countries = phone_zones.countries_of_phone(phone)
    zones = phone_zones.zones_of_phone(phone)
    if countries and zones:
        return _Phone(countries, countries, zones, "phone number")
    # A satellite's or a worldwide number: nothing is known but who sends.
    known = countries or (default_country,)
    return _Phone(known, known, zones or _zones_of_country(default_country), "default country")


def _north_american(area_code: str) -> _Phone:
    zones = phone_zones.zones_of_area_code(area_code)
    if area_code in NON_GEOGRAPHIC:
        return _Phone((), _NORTH_AMERICA, zones, "non-geographic number")
    places = AREA_CODES.get(area_code)
    if places is None:
        # Newer than this table: any state's rules may bind.
        return _Phone(("US-*", "CA-*"), _NORTH_AMERICA, zones, "unknown area code")
    countries = tuple(sorted({place[:2] for place in places}))
    return _Phone(places, countries, zones, "phone number")


def _states(columns: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    """Return the states of the row (all that any column says), and whether it is military post."""
    names = list(_of(columns, _STATE_COLUMNS))
    posts = [post.upper() for post in _of(columns, _POSTAL_COLUMNS)]
    zips = [prefix for post in posts if (prefix := _zip_prefix(post))]
    found = {state for prefix in zips for state in zip_states(prefix)}
    found |= {state for post in posts for state in _provinces(post)}
    found |= {state for name in names for state in _states_named(name)}
    military = any(name.upper() in _MILITARY for name in names) or any(map(is_military_zip, zips))
    return tuple(sorted(found)), military


def _zip_prefix(code: str) -> str | None:
    if us := _ZIP.match(code):
        return us.group(1)[:3]
    # A spreadsheet takes the leading zeros of New England's and Puerto Rico's codes away.
    return code.zfill(5)[:3] if _SHORT_ZIP.match(code) else None


def _provinces(code: str) -> tuple[str, ...]:
    canadian = _CANADIAN.match(code)
    return postal_provinces(canadian.group(1)) if canadian else ()


def _states_named(name: str) -> tuple[str, ...]:
    plain = _plain(name)
    if plain in STATE_NAMES:
        return (STATE_NAMES[plain],)
    letters = plain.removeprefix("us ").removeprefix("ca ").upper()
    return tuple(s for c in _NORTH_AMERICA if (s := f"{c}-{letters}") in STATE_ZONES)


def _named_zones(name: str, by_phone: _Phone) -> tuple[str, ...]:
    if "/" in name:
        key = _zone_keys().get(name.casefold().replace(" ", "_"))
        return (key,) if key else ()
    words = _plain(name).replace("us canada", "us").split()
    bare = " ".join(word for word in words if word not in _FILLER)
    return _ABBREVIATIONS.get(bare, ()) if by_phone.is_north_american else ()


@lru_cache(maxsize=1)
def _zone_keys() -> dict[str, str]:
    """Return the zones that are places, whatever the case they are written in."""
    places = (key for key in available_timezones() if "/" in key and not key.startswith("Etc/"))
    return {key.casefold(): key for key in places}


def _country(name: str) -> str | None:
    plain = _plain(name)
    if plain in _COUNTRY_NAMES:
        return _COUNTRY_NAMES[plain]
    upper = name.upper()
    return upper if _ISO_COUNTRY.match(upper) and phone_zones.zones_of_country(upper) else None


def _zones_of_country(country: str) -> tuple[str, ...]:
    if country in _NORTH_AMERICA:
        return zones_of_states(country)
    return phone_zones.zones_of_country(country)


def _of(columns: Mapping[str, str], names: Iterable[str]) -> Iterator[str]:
    return (columns[name] for name in names if name in columns)


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    """Return the words of *text* without case, accents, ``_`` and punctuation."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in bare if not unicodedata.combining(c))
    return " ".join(_WORDS.findall(letters))
