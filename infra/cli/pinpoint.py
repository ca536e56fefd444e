"""
What Amazon Pinpoint's endpoints become: contacts, opt-outs, or a named reason why neither.

An endpoint arrives flat, source name -> values (``pinpoint_files`` makes it so):

    {"Address": ["+1…"], "ChannelType": ["SMS"], "Attributes.Plan": ["gold"], …}

Names are those of the Pinpoint API's ``EndpointResponse``. Every endpoint has exactly one
outcome, and ``Tally.rows`` is their sum:

    contact            an active SMS endpoint that is opted in: a row of the list
    opted_out          an SMS endpoint that is not: a row of the opt-outs, and of nothing else
    inactive           an SMS endpoint that Pinpoint does not send to
    other_channel      e-mail, push, voice …; Carillon sends texts
    no_address         there is no phone
    not_international  there is one, without its country code
    unreadable         a line that is no endpoint

What an opt-out says is read on the safe side: whatever is neither NONE nor blank opts out, also
of an endpoint that is inactive. A contact's phone must say its country (E.164, as Pinpoint wants
it): a list reads the others as its own default country's, opt-outs as the organisation's, so that
somebody could be texted under the one who opted out under the other.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Endpoint = Mapping[str, Sequence[str]]

PHONE: Final = "phone"
# A name and its suffix stay within the 64 characters that an import keeps of a column's name.
_MOST_CHARACTERS: Final = 56
_WELL_KNOWN: Final[Mapping[str, str]] = {
    "Demographic.Timezone": "timezone",
    "Demographic.Locale": "locale",
    "Location.Country": "country",
    "Location.PostalCode": "postal_code",
    "Location.Region": "region",
    "Location.City": "city",
    "User.UserId": "user_id",
}
_FREE: Final = ("Attributes.", "User.UserAttributes.", "Metrics.")
# What an endpoint is read by, and what Pinpoint alone needs: nothing is lost with them.
_READ: Final = frozenset({"Address", "ChannelType", "OptOut", "EndpointStatus"})
_BOOKKEEPING: Final = frozenset(
    {"ApplicationId", "CohortId", "CreationDate", "EffectiveDate", "Id", "RequestId"}
)
_ROLES: Final[Mapping[str, str]] = {"firstname": "first_name", "lastname": "last_name"}


class Outcome(StrEnum):
    """What became of an endpoint."""

    CONTACT = "contact"
    OPTED_OUT = "opted_out"
    INACTIVE = "inactive"
    OTHER_CHANNEL = "other_channel"
    NO_ADDRESS = "no_address"
    NOT_INTERNATIONAL = "not_international"
    UNREADABLE = "unreadable"


@dataclass
class Tally:
    """
    What became of all endpoints, and what of the contacts was left behind.

    ``dropped`` counts contacts by the source name of a value that has no column, ``joined``
    those by the name of which several values became one text.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    joined: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """All endpoints: the sum of the outcomes."""
        return sum(self.outcomes.values())


def outcome_of(endpoint: Endpoint | None) -> Outcome:
    """Return what becomes of *endpoint*; None is a line that could not be read."""
    if endpoint is None:
        return Outcome.UNREADABLE
    if _one(endpoint, "ChannelType").upper() != "SMS":
        return Outcome.OTHER_CHANNEL
    if not phone_of(endpoint):
        return Outcome.NO_ADDRESS
    if _one(endpoint, "OptOut").upper() not in ("", "NONE"):
        return Outcome.OPTED_OUT
    return _outcome_of_opted_in(endpoint)


def _outcome_of_opted_in(endpoint: Endpoint) -> Outcome:
    if _one(endpoint, "EndpointStatus").upper() not in ("", "ACTIVE"):
        return Outcome.INACTIVE
    if not phone_of(endpoint).startswith("+"):
        return Outcome.NOT_INTERNATIONAL
    return Outcome.CONTACT


def phone_of(endpoint: Endpoint) -> str:
    """Return the phone of *endpoint* as it was written."""
    return _one(endpoint, "Address")


class FieldNames:
    """
    The column, and so the merge field, of every source name: unique and an import's own spelling.

    ``Attributes.FavouriteColour`` becomes ``favouritecolour``; of two that become the same the
    second gets ``_2``. Depends on the set of sources alone, not on their order.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        taken = {PHONE}
        self._columns: dict[str, str] = {}
        for source in sorted(filter(is_carried, set(sources)), key=_rank):
            column = _free(default_name(source), taken)
            taken.add(column)
            self._columns[source] = column
        roles = list(_ROLES.values())
        self._cells = [*roles, *(one for one in self._columns.values() if one not in roles)]

    @property
    def columns(self) -> Mapping[str, str]:
        """Source name -> column, in the order of the columns."""
        return self._columns

    def header(self) -> list[str]:
        """Return the list's first line; the names' columns stand there even if nobody has one."""
        return [PHONE, *self._cells]

    def mapping(self) -> dict[str, str]:
        """Return what the import is told of the columns, so that it guesses nothing."""
        return {name: name for name in (PHONE, *_ROLES.values())}

    def row(self, endpoint: Endpoint, tally: Tally) -> list[str]:
        """Return the list's line for *endpoint*; *tally* counts what it cannot hold."""
        cells = dict.fromkeys(self._cells, "")
        for source, values in endpoint.items():
            said = [value for value in values if value]
            if not said or source in _READ | _BOOKKEEPING:
                continue
            if source not in self._columns:
                tally.dropped[source] += 1
                continue
            tally.joined[source] += len(said) > 1
            cells[self._columns[source]] = ", ".join(said)
        return [phone_of(endpoint), *cells.values()]

    def column_of(self, source: str) -> str:
        """Return the merge field for *source*, also where no endpoint has it."""
        return self._columns.get(source) or default_name(source)


def is_carried(source: str) -> bool:
    """Whether values under *source* have a column."""
    return source in _WELL_KNOWN or any(
        source.startswith(prefix) and source != prefix for prefix in _FREE
    )


def default_name(source: str) -> str:
    """Return how the column of *source* is called where nothing else has that name."""
    if source in _WELL_KNOWN:
        return _WELL_KNOWN[source]
    prefix = next((one for one in _FREE if source.startswith(one)), "")
    name = _slug(source.removeprefix(prefix)) or "field"
    return _ROLES.get(name.replace("_", ""), name)


def _rank(source: str) -> tuple[int, str]:
    """Sort what Pinpoint itself names first, so that it keeps its plain name."""
    place = next((i for i, prefix in enumerate(_FREE, start=1) if source.startswith(prefix)), 0)
    return place, source


def _slug(text: str) -> str:
    # Lower case may undo the normal form and the cut may end in "_": until nothing changes,
    # because an import makes columns' names in the same way from what we write.
    before = None
    while text != before:
        before = text
        normal = unicodedata.normalize("NFKC", text).lower()
        text = "_".join(re.findall(r"\w+", normal))[:_MOST_CHARACTERS].strip("_")
    return text


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _one(endpoint: Endpoint, name: str) -> str:
    return next((value.strip() for value in endpoint.get(name, ()) if value.strip()), "")
