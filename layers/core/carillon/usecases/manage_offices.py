"""Offices: what the organisation's own people set up first (P1)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carillon.domain.commands import Command, Length, Origin
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.organisation import Office
from carillon.domain.permissions import Access
from carillon.ports import Clock, Offices


@dataclass(frozen=True, kw_only=True)
class NewOffice(Command):
    """What a new office needs. *timezone* is an IANA name such as ``Europe/Berlin``."""

    name: Annotated[str, Length(1, 200)]
    timezone: Annotated[str, Length(1, 64)]


@dataclass(frozen=True, kw_only=True)
class OfficeChange(Command):
    """What becomes of an office; what is left out stays."""

    name: Annotated[str, Length(1, 200)] | None = None
    timezone: Annotated[str, Length(1, 64)] | None = None


class ManageOffices:
    """Creates, lists and changes offices."""

    def __init__(self, offices: Offices, clock: Clock) -> None:
        self._offices = offices
        self._clock = clock

    def create(self, origin: Origin, new: NewOffice) -> Office:
        """Create an office; InvalidInput for an unknown time zone."""
        require_zone(new.timezone)
        office = Office(
            id=origin.new_id("off"),
            name=new.name.strip(),
            timezone=new.timezone,
            created_at=self._clock.now(),
        )
        return self._offices.create(office, origin.digest)

    def visible(self, access: Access) -> list[Office]:
        """Return the caller's offices, by name."""
        return [office for office in self._offices.all() if access.covers(office.id)]

    def get(self, access: Access, office_id: str) -> Office:
        """Return the office; NotFound when it is absent or not the caller's."""
        access.require_object(
            office_id, NotFound("There is no such office.", code="office_not_found")
        )
        return self._offices.get(office_id)

    def change(self, access: Access, office_id: str, change: OfficeChange) -> Office:
        """
        Rename an office, or move it to another time zone.

        Days of daily limits begin by the new zone at the next claim; what is scheduled
        keeps its instant.
        """
        present = self.get(access, office_id)
        if change.timezone is not None:
            require_zone(change.timezone)
        name = present.name if change.name is None else change.name.strip()
        zone = change.timezone or present.timezone
        return self._offices.change(replace(present, name=name, timezone=zone))


def require_zone(zone: str) -> None:
    """Raise InvalidInput (field ``timezone``) unless *zone* is an IANA time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            "timezone must be an IANA time zone such as Europe/Berlin.", field="timezone"
        ) from error


def require_known_offices(offices: Offices, office_ids: Iterable[str]) -> None:
    """Raise InvalidInput (field ``offices``) unless there is an office for each of *office_ids*."""
    wanted = set(office_ids)
    if wanted and not wanted <= {office.id for office in offices.all()}:
        raise InvalidInput("There is no such office.", field="offices")


def require_new_home(access: Access, offices: Offices, office_id: str) -> None:
    """
    Check that the caller may put something new into *office_id*.

    Raises Forbidden for an office that is not the caller's, before looking
    whether it exists, and InvalidInput for one that does not exist.
    """
    access.require_office(office_id)
    try:
        offices.get(office_id)
    except NotFound as error:
        raise InvalidInput("There is no such office.", field="office_id") from error
