"""Offices: what the organisation's own people set up first (P1)."""

from dataclasses import dataclass
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


class ManageOffices:
    """Creates and lists offices."""

    def __init__(self, offices: Offices, clock: Clock) -> None:
        self._offices = offices
        self._clock = clock

    def create(self, origin: Origin, new: NewOffice) -> Office:
        """Create an office; InvalidInput for an unknown time zone."""
        try:
            ZoneInfo(new.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidInput(
                "timezone must be an IANA time zone such as Europe/Berlin.", field="timezone"
            ) from error
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
