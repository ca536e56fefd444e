"""P1: the organisation and its offices, as their people change them."""

from typing import Any

import pytest

from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.organisation import Organisation
from carillon.usecases.manage_offices import ManageOffices, OfficeChange
from carillon.usecases.manage_organisation import ManageOrganisation, OrganisationChange
from tests.support.clock import FakeClock
from tests.support.management import (
    ADMIN,
    OFFICE,
    OTHER_OFFICE,
    FakeOffices,
    an_access,
    an_office,
)
from tests.support.people import FakeOrganisations

DEPLOYED = Organisation(name="Carillon", default_country="US", timezone="UTC")


def organisation(kept: FakeOrganisations) -> ManageOrganisation:
    return ManageOrganisation(kept, FakeClock(), deployed=DEPLOYED)


def test_an_organisation_is_what_it_was_deployed_as_until_somebody_changes_it() -> None:
    assert organisation(FakeOrganisations()).get() == DEPLOYED


def test_what_a_change_does_not_name_stays() -> None:
    kept = FakeOrganisations()

    changed = organisation(kept).change(OrganisationChange(name=" Bells ", default_country="de"))

    assert changed == Organisation(name="Bells", default_country="DE", timezone="UTC")
    assert organisation(kept).get() == changed


@pytest.mark.parametrize(
    ("change", "field"),
    [({"timezone": "Europe/Nowhere"}, "timezone"), ({"default_country": "1x"}, "default_country")],
)
def test_what_is_no_zone_and_no_country_is_refused(change: dict[str, Any], field: str) -> None:
    kept = FakeOrganisations()

    with pytest.raises(InvalidInput) as raised:
        organisation(kept).change(OrganisationChange(**change))

    assert raised.value.field == field
    assert kept.get() is None


def test_an_office_is_renamed_and_keeps_its_zone() -> None:
    offices = FakeOffices(an_office())

    ManageOffices(offices, FakeClock()).change(ADMIN, OFFICE, OfficeChange(name=" Hamburg "))

    assert offices.get(OFFICE) == an_office(name="Hamburg")


def test_an_office_moves_to_another_zone_and_keeps_its_name() -> None:
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
