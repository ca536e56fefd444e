"""Guessing which column is what (C2)."""

import pytest

from carillon.domain.csv_columns import Columns, field_names, map_columns
from carillon.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("header", "phone", "first", "last"),
    [
        (["First Name", "Last Name", "Phone"], 2, 0, 1),
        (["mobile", "fname", "lname"], 0, 1, 2),
        (["APELLIDO", "NOMBRE", "NÚMERO DE TELÉFONO"], 2, 1, 0),
        (["Primer nombre", "Apellido", "Celular", "Código postal"], 2, 0, 1),
        (["nom de famille", "prénom", "numéro de téléphone"], 2, 1, 0),
        (["Nom", "Prénom", "Portable", "Fuseau horaire"], 2, 1, 0),
        (["Vorname", "Nachname", "Telefonnummer"], 2, 0, 1),
        (["Nombre", "Apellidos", "Teléfono móvil"], 2, 0, 1),
        (["Prénom", "Nom", "Téléphone portable"], 2, 0, 1),
        (["firstName", "lastName", "phoneNumber"], 2, 0, 1),
        (["Home Phone", "Mobile Phone"], 1, None, None),
        (["Phone 1 - Type", "Phone 1 - Value"], 1, None, None),
        (["Given Name", "Phone Country", "CELL #"], 2, 0, None),
        (["surname", "primary_phone"], 1, None, 0),
        (["TEL.", "name"], 0, None, None),
    ],
)
def test_the_usual_headers_are_recognised(
    header: list[str], phone: int, first: int | None, last: int | None
) -> None:
    columns = map_columns(header)

    assert (columns.phone, columns.first_name, columns.last_name) == (phone, first, last)


def test_the_caller_overrides_the_guess_by_name_in_any_case() -> None:
    columns = map_columns(["Phone", "Emergency contact", "First"], {"phone": "emergency CONTACT"})

    assert columns == Columns(("phone_2", "phone", "first_name"), 1, 2, None)


def test_the_caller_may_say_that_there_is_no_first_name() -> None:
    columns = map_columns(["First", "Phone"], {"first_name": ""})

    assert columns == Columns(("first", "phone"), 1, None, None)


def test_further_columns_keep_unique_names_that_templates_can_use() -> None:
    names = field_names(["Favourite colour!", "", "favourite-colour", "Größe", "2nd", "***"])

    assert names == (
        "favourite_colour", "column_2", "favourite_colour_2", "größe", "2nd", "column_6",
    )  # fmt: skip


def test_a_decided_mapping_decides_the_same_again() -> None:
    header = ["Phone", "Phone", "First", "x"]
    columns = map_columns(header, {"phone": "phone_2"})

    assert columns.phone == 1
    assert columns.mapping(header) == {"phone": "phone_2", "first_name": "first", "last_name": ""}
    assert map_columns(header, columns.mapping(header)) == columns


def test_a_file_without_a_phone_column_says_which_columns_it_has() -> None:
    with pytest.raises(InvalidInput) as refused:
        map_columns(["First name", "", "Email"])

    assert refused.value.code == "phone_column_missing"
    assert refused.value.extra == {"columns": ["First name", "(no name)", "Email"]}
    assert refused.value.detail == (
        "No column looks like a phone number. Columns found: First name, (no name), Email."
    )


def test_a_file_without_a_header_is_told_so_and_nobodys_number_is_quoted() -> None:
    with pytest.raises(InvalidInput) as refused:
        map_columns(["Ann", "+12025550100"])

    assert refused.value.code == "header_missing"
    assert "2025550100" not in refused.value.detail
    assert refused.value.extra == {}


@pytest.mark.parametrize(
    "mapping",
    [{"phone": "nowhere"}, {"age": "Phone"}, {"phone": "Phone", "first_name": "Phone"}],
)
def test_a_mapping_that_cannot_be_is_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        map_columns(["Phone", "Name"], mapping)

    assert (refused.value.code, refused.value.field) == ("mapping_invalid", "mapping")
