"""P1: offices are renamed and moved to another zone."""

import pytest

from carillon.domain.errors import InvalidInput, NotFound
from carillon.usecases.manage_offices import ManageOffices, OfficeChange
from tests.support.clock import FakeClock
from tests.support.management import (
    ADMIN,
    OFFICE,
    OTHER_OFFICE,
    FakeOffices,
    an_access,
    an_office,
)


def test_an_office_is_renamed_and_keeps_its_zone() -> None:
    offices = FakeOffices(an_office())

    ManageOffices(offices, FakeClock()).change(ADMIN, OFFICE, OfficeChange(name=" Hamburg "))

    assert offices.get(OFFICE) == an_office(name="Hamburg")


def test_an_office_moves_to_another_zone_and_keeps_its_name() -> None:
    """P1: an office has a name and a time zone of its own."""
    offices = FakeOffices(an_office())

    ManageOffices(offices, FakeClock()).change(ADMIN, OFFICE, OfficeChange(timezone="Asia/Tokyo"))

    assert offices.get(OFFICE) == an_office(timezone="Asia/Tokyo")


def test_an_office_does_not_move_to_a_zone_that_is_none() -> None:
    offices = FakeOffices(an_office())

    with pytest.raises(InvalidInput):
        ManageOffices(offices, FakeClock()).change(ADMIN, OFFICE, OfficeChange(timezone="Mars"))

    assert offices.get(OFFICE) == an_office()


def test_another_office_is_not_there() -> None:
    manage = ManageOffices(FakeOffices(an_office(), an_office(OTHER_OFFICE)), FakeClock())

    with pytest.raises(NotFound) as raised:
        manage.get(an_access(), OTHER_OFFICE)

    assert raised.value.code == "office_not_found"
