"""The organisation itself: its name, its country, its time zone (P1)."""

import re
from dataclasses import dataclass, replace
from typing import Annotated

from carillon.domain.commands import Command, Length
from carillon.domain.errors import InvalidInput
from carillon.domain.organisation import Organisation
from carillon.ports import Clock, Organisations
from carillon.usecases.manage_offices import require_zone

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, kw_only=True)
class OrganisationChange(Command):
    """What becomes of the organisation; what is left out stays."""

    name: Annotated[str, Length(1, 60)] | None = None
    default_country: Annotated[str, Length(2, 2)] | None = None
    timezone: Annotated[str, Length(1, 64)] | None = None


class ManageOrganisation:
    """Shows and changes the organisation. *deployed* is what it was deployed as."""

    def __init__(
        self, organisations: Organisations, clock: Clock, *, deployed: Organisation
    ) -> None:
        self._organisations = organisations
        self._clock = clock
        self._deployed = deployed

    def get(self) -> Organisation:
        """Return the organisation; until somebody changes it, as it was deployed."""
        return self._organisations.get() or self._deployed

    def change(self, change: OrganisationChange) -> Organisation:
        """Change what *change* names; InvalidInput for an unknown zone or a country of no form."""
        present = self.get()
        if change.timezone is not None:
            require_zone(change.timezone)
        country = (change.default_country or present.default_country).upper()
        if not _COUNTRY.fullmatch(country):
            raise InvalidInput(
                "default_country must be two letters such as US.", field="default_country"
            )
        wanted = replace(
            present,
            name=present.name if change.name is None else change.name.strip(),
            default_country=country,
            timezone=change.timezone or present.timezone,
        )
        self._organisations.put(wanted, self._clock.now())
        return wanted
