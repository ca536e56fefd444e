"""
Which column of a CSV is the phone, which the names, and what the others are called (C2).

Guessed from the header in several languages; the caller may override.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from carillon.domain.errors import InvalidInput

_MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True)
class Columns:
    """
    Which cell is what.

    *names* are the merge-field names of all columns, unique and made of
    letters, digits and ``_``; *phone*, *first_name* and *last_name* are
    indexes into them.
    """

    names: tuple[str, ...]
    phone: int
    first_name: int | None = None
    last_name: int | None = None

    def others(self) -> Iterator[tuple[int, str]]:
        """Yield (index, name) of every further column."""
        known = {self.phone, self.first_name, self.last_name}
        return ((i, name) for i, name in enumerate(self.names) if i not in known)

    def mapping(self, header: Sequence[str]) -> dict[str, str]:
        """Return role -> column name such that ``map_columns(header, ...)`` gives this again."""
        names = field_names(header)
        places = {"phone": self.phone, "first_name": self.first_name, "last_name": self.last_name}
        return {role: "" if i is None else names[i] for role, i in places.items()}


# In order of preference: a mobile number beats a number of unknown kind.
_PHONE_NAMES = (
    "mobile", "mobile phone", "mobile number", "mobile phone number", "mobile no", "cell",
    "cell phone", "cellphone", "cell number", "cell phone number", "movil", "telefono movil",
    "celular", "telefono celular", "handy", "handynummer", "mobil", "mobilnummer",
    "mobiltelefon", "portable", "telephone portable", "telemovel", "cellulare", "sms",
    "sms number", "whatsapp", "msisdn", "phone", "phone number", "phone no", "phonenumber",
    "telephone", "telephone number", "telefon", "telefonnummer", "telefono",
    "numero de telefono", "numero de telephone", "telefone", "tel", "tel no", "contact number",
    "contact phone", "number", "e164",
)  # fmt: skip
_FIRST_NAMES = (
    "first name", "firstname", "first", "given name", "givenname", "given names", "forename",
    "vorname", "nombre", "nombres", "primer nombre", "prenom", "nome", "primeiro nome",
    "fname", "voornaam",
)  # fmt: skip
_LAST_NAMES = (
    "last name", "lastname", "last", "surname", "family name", "familyname", "nachname",
    "familienname", "apellido", "apellidos", "nom", "nom de famille", "sobrenome", "cognome",
    "lname", "achternaam",
)  # fmt: skip
_PHONE_WORDS = frozenset({"mobile", "cell", "cellphone", "phone", "telephone", "telefon",
                          "telefono", "movil", "celular", "handy", "mobil", "tel"})  # fmt: skip
# "Phone Type", "Phone Country" and their like describe a number and hold none.
_NOT_PHONE_WORDS = frozenset({"type", "label", "ext", "extension", "country", "code", "carrier",
                              "consent", "opt", "status", "verified", "valid", "date", "area",
                              "provider", "model", "plan"})  # fmt: skip
_ROLES = ("phone", "first_name", "last_name")


def map_columns(header: Sequence[str], override: Mapping[str, str] | None = None) -> Columns:
    """
    Return what each column is, guessed from *header*; *override* says role -> column name.

    Roles are ``phone``, ``first_name`` and ``last_name``; an empty name means
    that the file has no such column. Raises InvalidInput: ``mapping_invalid``
    (unknown role or column, or one column twice), ``phone_column_missing``
    (with the columns found in ``extra``), ``header_missing`` when the first
    line holds a person and not names of columns.
    """
    chosen = _overridden(header, override or {})
    for role, guess in (("phone", _guess_phone), ("first_name", _first_of(_FIRST_NAMES)),
                        ("last_name", _first_of(_LAST_NAMES))):  # fmt: skip
        if role not in chosen:
            free = [(i, name) for i, name in enumerate(header) if i not in chosen.values()]
            chosen[role] = guess(free)
    phone = chosen["phone"]
    if phone is None:
        raise _no_phone_column(header)
    return Columns(_field_names(header, chosen), phone, chosen["first_name"], chosen["last_name"])


def _overridden(header: Sequence[str], override: Mapping[str, str]) -> dict[str, int | None]:
    places = {plain(name): i for i, name in reversed(list(enumerate(header)))}
    places |= {name: i for i, name in reversed(list(enumerate(field_names(header))))}
    chosen: dict[str, int | None] = {}
    for role, name in override.items():
        if role not in _ROLES:
            raise InvalidInput(
                f"A column can be mapped to {', '.join(_ROLES)}.",
                code="mapping_invalid",
                field="mapping",
            )
        place = places.get(name, places.get(plain(name))) if name else None
        if name and place is None:
            raise InvalidInput(
                f"The file has no column for {role} under the given name.",
                code="mapping_invalid",
                field="mapping",
                extra={"columns": _shown(header)},
            )
        if place is not None and place in chosen.values():
            raise InvalidInput(
                "One column cannot have two roles.", code="mapping_invalid", field="mapping"
            )
        chosen[role] = place
    return chosen


_Free = Sequence[tuple[int, str]]


def _first_of(names: Sequence[str]) -> Callable[[_Free], int | None]:
    def guess(free: _Free) -> int | None:
        places = {plain(name): i for i, name in reversed(free)}
        return next((places[name] for name in names if name in places), None)

    return guess


def _guess_phone(free: _Free) -> int | None:
    exact = _first_of(_PHONE_NAMES)(free)
    if exact is not None:
        return exact
    for place, name in free:
        words = set(plain(name).split())
        if words & _PHONE_WORDS and not words & _NOT_PHONE_WORDS:
            return place
    return None


def _no_phone_column(header: Sequence[str]) -> InvalidInput:
    # A header without names is somebody's data, which no error may quote.
    if any(_holds_number(name) for name in header):
        return InvalidInput(
            "The first line must hold the names of the columns, one of them the phone's.",
            code="header_missing",
        )
    found = _shown(header)
    return InvalidInput(
        f"No column looks like a phone number. Columns found: {', '.join(found)}.",
        code="phone_column_missing",
        extra={"columns": found},
    )


def _holds_number(name: str) -> bool:
    return sum(character.isdigit() for character in name) >= 7


def _shown(header: Sequence[str]) -> list[str]:
    return ["(number)" if _holds_number(name) else name or "(no name)" for name in header]


def plain(name: str) -> str:
    """Return *name* without case, accents and punctuation, words separated by one space."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    folded = unicodedata.normalize("NFKD", spaced).lower()
    kept = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", kept))


def field_names(header: Sequence[str]) -> tuple[str, ...]:
    """
    Return a merge-field name for every column of *header*: unique, never blank.

    ``Favourite colour!`` becomes ``favourite_colour``; a blank one ``column_3``;
    the second of a kind gets ``_2``.
    """
    return _field_names(header, {})


def _field_names(header: Sequence[str], chosen: Mapping[str, int | None]) -> tuple[str, ...]:
    # A mapped column bears its role's name, and no other column may then take it.
    fixed = {place: role for role, place in chosen.items() if place is not None}
    taken = set(fixed.values())
    names = []
    for place, text in enumerate(header):
        name = fixed.get(place)
        if name is None:
            name = _free_name(_slug(text) or f"column_{place + 1}", taken)
            taken.add(name)
        names.append(name)
    return tuple(names)


def _slug(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).lower()
    return "_".join(re.findall(r"\w+", normal)).strip("_")[:_MAX_NAME_CHARACTERS]


def _free_name(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
