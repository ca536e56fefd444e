"""What Amazon Pinpoint's endpoints become: one outcome each, and columns an import keeps."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.csv_columns import map_columns
from infra.cli.pinpoint import (
    Endpoint,
    FieldNames,
    Outcome,
    Tally,
    default_name,
    is_carried,
    outcome_of,
)
from infra.cli.pinpoint_files import Unreadable, endpoints_in
from infra.cli.pinpoint_import import Report, write_files

PHONE = "+12065550100"


def an_endpoint(**said: str) -> dict[str, list[str]]:
    return {
        name: [value] for name, value in {"Address": PHONE, "ChannelType": "SMS", **said}.items()
    }


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({}, Outcome.CONTACT),
        ({"OptOut": "NONE", "EndpointStatus": "ACTIVE"}, Outcome.CONTACT),
        ({"ChannelType": "sms"}, Outcome.CONTACT),
        ({"OptOut": "ALL"}, Outcome.OPTED_OUT),
        # Whatever else stands there is no consent.
        ({"OptOut": "PROMOTIONAL"}, Outcome.OPTED_OUT),
        ({"OptOut": "ALL", "EndpointStatus": "INACTIVE"}, Outcome.OPTED_OUT),
        ({"OptOut": "ALL", "Address": "2065550100"}, Outcome.OPTED_OUT),
        ({"EndpointStatus": "INACTIVE"}, Outcome.INACTIVE),
        ({"ChannelType": "EMAIL"}, Outcome.OTHER_CHANNEL),
        ({"ChannelType": "EMAIL", "OptOut": "ALL"}, Outcome.OTHER_CHANNEL),
        ({"ChannelType": ""}, Outcome.OTHER_CHANNEL),
        ({"Address": "  "}, Outcome.NO_ADDRESS),
        ({"Address": "2065550100"}, Outcome.NOT_INTERNATIONAL),
    ],
)
def test_an_endpoint_becomes_a_contact_only_if_it_may_be_texted(
    said: dict[str, str], outcome: Outcome
) -> None:
    assert outcome_of(an_endpoint(**said)) is outcome


def test_names_are_what_templates_can_say_and_pinpoints_own_stay_plain() -> None:
    names = FieldNames(
        ["Attributes.City", "Location.City", "Attributes.Favourite colour!", "Attributes.FirstName",
         "User.UserAttributes.Plan", "Attributes.Plan", "Demographic.Make", "Metrics.visits",
         "Attributes.Phone"]
    )  # fmt: skip

    assert dict(names.columns) == {
        "Location.City": "city",
        "Attributes.City": "city_2",
        "Attributes.Favourite colour!": "favourite_colour",
        "Attributes.FirstName": "first_name",
        "Attributes.Phone": "phone_2",
        "Attributes.Plan": "plan",
        "User.UserAttributes.Plan": "plan_2",
        "Metrics.visits": "visits",
    }


_SOURCES = st.lists(
    st.one_of(
        st.builds(
            str.__add__,
            st.sampled_from(["Attributes.", "User.UserAttributes.", "Metrics."]),
            st.one_of(
                st.text(max_size=80),
                st.sampled_from(["prenom", "Nom", "Mobile", "first", "LastName", "a", "A", "a_2"]),
            ),
        ),
        st.sampled_from(["Location.City", "Location.Country", "Demographic.Timezone"]),
    ),
    unique=True,
    max_size=12,
)


@given(_SOURCES)
def test_an_import_calls_every_column_as_the_drafts_do(sources: list[str]) -> None:
    names = FieldNames(sources)

    read = map_columns(names.header(), names.mapping())

    assert list(read.names) == names.header()
    assert read.phone == 0
    assert len(set(names.header())) == len(names.header())


@given(_SOURCES)
def test_names_depend_on_which_sources_there_are_and_not_on_their_order(
    sources: list[str],
) -> None:
    shuffled = list(reversed(sources))

    assert FieldNames(sources).columns == FieldNames(shuffled).columns
    assert set(FieldNames(sources).columns) == set(filter(is_carried, sources))


@given(st.text(max_size=80))
def test_a_name_once_made_stays_as_it_is(text: str) -> None:
    name = default_name(f"Attributes.{text}")

    assert default_name(f"Attributes.{name}") == name


def test_values_without_a_column_and_several_values_are_counted_by_name() -> None:
    endpoint = {
        **an_endpoint(Id="e1", EffectiveDate="2026-01-01"),
        "Attributes.Likes": ["jazz", "", "rock"],
        "Demographic.Make": ["Apple"],
        "Demographic.Model": [""],
    }
    tally = Tally()

    row = FieldNames(["Attributes.Likes"]).row(endpoint, tally)

    assert row == [PHONE, "", "", "jazz, rock"]
    assert tally.dropped == Counter({"Demographic.Make": 1})
    assert tally.joined == Counter({"Attributes.Likes": 1})


def json_lines(*endpoints: object) -> bytes:
    return "\n".join(json.dumps(one) for one in endpoints).encode()


def a_file(folder: Path, content: bytes, name: str = "endpoints") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


_NESTED = {
    "Address": PHONE,
    "ChannelType": "SMS",
    "Attributes": {"Likes": ["jazz", "rock"]},
    "Location": {"PostalCode": "98101", "Latitude": None},
    "Metrics": {"visits": 1.10},
}
_FLAT: Endpoint = {
    "Address": [PHONE],
    "ChannelType": ["SMS"],
    "Attributes.Likes": ["jazz", "rock"],
    "Location.PostalCode": ["98101"],
    "Metrics.visits": ["1.1"],
}
_AS_CSV = (
    "Address,ChannelType,Attributes.Likes,Attributes.Likes,Location.PostalCode,Metrics.visits\r\n"
    f"{PHONE},SMS,jazz,rock,98101,1.1\r\n"
).encode()


@pytest.mark.parametrize(
    "content",
    [
        json_lines(_NESTED),
        b"\n\n" + json_lines(_NESTED) + b"\n\n",
        gzip.compress(json_lines(_NESTED)),
        _AS_CSV,
        b"\xef\xbb\xbf" + _AS_CSV,
        gzip.compress(_AS_CSV),
    ],
    ids=["json", "blank lines", "json.gz", "csv", "csv with a mark", "csv.gz"],
)
def test_each_kind_of_export_is_read_alike(tmp_path: Path, content: bytes) -> None:
    assert list(endpoints_in(a_file(tmp_path, content))) == [_FLAT]


def test_a_line_that_is_no_endpoint_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = json_lines(_NESTED) + b"\n{broken\n[1]\n" + json_lines(_NESTED)

    assert list(endpoints_in(a_file(tmp_path, lines))) == [_FLAT, None, None, _FLAT]


def test_a_csv_row_of_another_length_is_no_endpoint(tmp_path: Path) -> None:
    rows = f"Address,ChannelType\n{PHONE}\n{PHONE},SMS,x\n{PHONE},SMS\n".encode()

    found = list(endpoints_in(a_file(tmp_path, rows)))

    assert found == [None, None, {"Address": [PHONE], "ChannelType": ["SMS"]}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"phone,name\n+12065550100,Ada\n", "no columns Address and ChannelType"),
        (b"", "no columns Address and ChannelType"),
        (gzip.compress(_AS_CSV)[:-9], "cut off or broken"),
        (b"Address,ChannelType\n\xff,SMS\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_export_is_refused_without_quoting_it(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        list(endpoints_in(a_file(tmp_path, content)))

    assert sentence in str(refused.value)
    assert "2065550100" not in str(refused.value)


_ENDPOINTS = st.fixed_dictionaries(
    {},
    optional={
        "Address": st.sampled_from(["", PHONE, "+4915112345678", "2065550100", "a@example.com"]),
        "ChannelType": st.sampled_from(["SMS", "EMAIL", "GCM", ""]),
        "OptOut": st.sampled_from(["", "NONE", "ALL", "SOME"]),
        "EndpointStatus": st.sampled_from(["", "ACTIVE", "INACTIVE"]),
        "Attributes": st.dictionaries(
            st.text(max_size=6), st.lists(st.text(max_size=6)), max_size=3
        ),
        "Demographic": st.dictionaries(st.sampled_from(["Make", "Timezone"]), st.text(max_size=6)),
    },
)


@settings(max_examples=40)
@given(st.lists(_ENDPOINTS, max_size=8))
def test_every_endpoint_has_one_outcome_and_its_line_in_one_file(
    tmp_path_factory: pytest.TempPathFactory, endpoints: list[dict[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("pinpoint")
    file = a_file(folder, json_lines(*endpoints, {"ChannelType": "EMAIL"}))
    report = Report()

    _, written = write_files([file], folder, report)

    contacts = list(endpoints_in_csv(written.contacts))
    stops = list(endpoints_in_csv(written.opt_outs))
    assert report.endpoints == len(endpoints) + 1 == sum(report.outcomes.values())
    assert len(contacts) - 1 == report.outcomes.get("contact", 0)
    assert len(stops) - 1 == report.outcomes.get("opted_out", 0)
    assert {len(row) for row in contacts} == {3 + len(report.fields) - named(report)}
    assert all(row[0].startswith("+") for row in contacts[1:])


def named(report: Report) -> int:
    return sum(column in ("first_name", "last_name") for column in report.fields.values())


def endpoints_in_csv(file: Path) -> list[list[str]]:
    import csv

    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def test_endpoints_are_read_as_they_come_and_not_all_at_once(tmp_path: Path) -> None:
    good = json_lines(_NESTED) + b"\n"
    found = endpoints_in(a_file(tmp_path, good * 1000 + b"\xff"))

    assert next(iter(found)) == _FLAT
