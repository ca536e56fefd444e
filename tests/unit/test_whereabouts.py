import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType, geocoder, timezone

import carillon
from carillon.domain.locating import whereabouts
from carillon.domain.phone_zones import zones_of_country, zones_of_phone
from carillon.domain.places import (
    AREA_CODES,
    NON_GEOGRAPHIC,
    STATE_NAMES,
    STATE_ZONES,
    zip_states,
    zones_of_states,
)
from carillon.domain.whereabouts import Whereabouts

NEW_YORKER = "+12125550100"
FLORIDIAN = "+13055550100"


def find(phone: str = NEW_YORKER, **fields: str) -> Whereabouts:
    return whereabouts(phone, fields, "US")


@pytest.mark.parametrize("column", ["timezone", "time_zone", "Time Zone", "TZ", "zone", "TimeZone"])
def test_an_explicit_time_zone_column_comes_first(column: str) -> None:
    """C3: the column counts before postal code, state and number."""
    fields = {column: "America/Denver", "zip": "10001", "state": "NY"}

    found = whereabouts(NEW_YORKER, fields, "US")

    assert found.zones == ("America/Denver",)
    assert found.evidence == "time zone column"


@pytest.mark.parametrize(
    ("written", "zones"),
    [
        ("America/Los_Angeles", ("America/Los_Angeles",)),
        ("america/los_angeles", ("America/Los_Angeles",)),
        ("America/Los Angeles", ("America/Los_Angeles",)),
        ("US/Pacific", ("US/Pacific",)),
        ("America/Indiana/Indianapolis", ("America/Indiana/Indianapolis",)),
        ("PST", ("America/Los_Angeles",)),
        ("pdt", ("America/Los_Angeles",)),
        ("PT", ("America/Los_Angeles",)),
        ("CST6CDT", ("America/Chicago",)),
        ("Central", ("America/Chicago",)),
        ("Eastern Time", ("America/New_York",)),
        ("Pacific Standard Time", ("America/Los_Angeles",)),
        ("Central Time (US & Canada)", ("America/Chicago",)),
        ("AKST", ("America/Anchorage",)),
        ("Hawaii", ("Pacific/Honolulu",)),
        # Arizona's clocks say MST all year, Colorado's in winter only: either may be meant.
        ("MST", ("America/Denver", "America/Phoenix")),
        ("Mountain Time", ("America/Denver", "America/Phoenix")),
        ("MDT", ("America/Denver",)),
        ("AST", ("America/Halifax", "America/Puerto_Rico")),
    ],
)
def test_a_time_zone_is_read_as_people_and_systems_write_it(
    written: str, zones: tuple[str, ...]
) -> None:
    assert find(tz=written).zones == zones


@pytest.mark.parametrize(
    "written",
    # A system's default, another country's zone of that name, and no zone at all.
    ["UTC", "GMT", "Etc/GMT+8", "Etc/UTC", "Central Standard Time (Mexico)", "America/Nowhere",
     "Canada Central Standard Time", "../../etc/passwd", "America/", "right/America/Denver",
     "posix/America/Denver", "-08:00", "3", "n/a"],
)  # fmt: skip
def test_what_names_no_place_counts_as_not_given(written: str) -> None:
    found = find(tz=written, state="TX")

    assert found.zones == ("America/Chicago", "America/Denver")
    assert found.evidence == "postal code or state"


def test_an_abbreviation_means_nothing_outside_north_america() -> None:
    # CST is China's as well.
    assert find("+8613812345678", tz="CST").zones == ("Asia/Shanghai",)


@pytest.mark.parametrize(
    ("fields", "zones", "states"),
    [
        ({"state": "TX"}, ("America/Chicago", "America/Denver"), {"US-TX"}),
        ({"State": "texas"}, ("America/Chicago", "America/Denver"), {"US-TX"}),
        ({"state": "US-TX"}, ("America/Chicago", "America/Denver"), {"US-TX"}),
        ({"province": "Québec"},
         ("America/Halifax", "America/Puerto_Rico", "America/Toronto"), {"CA-QC"}),
        ({"zip": "77001"}, ("America/Chicago", "America/Denver"), {"US-TX"}),
        ({"zip_code": "94103-1234"}, ("America/Los_Angeles",), {"US-CA"}),
        ({"código_postal": "94103"}, ("America/Los_Angeles",), {"US-CA"}),
        ({"Code postal": "94103"}, ("America/Los_Angeles",), {"US-CA"}),
        ({"estado": "California"}, ("America/Los_Angeles",), {"US-CA"}),
        ({"Postal Code": "941031234"}, ("America/Los_Angeles",), {"US-CA"}),
        # A spreadsheet made a number of 02108 and of 00901.
        ({"zip": "2108"}, ("America/New_York",), {"US-MA"}),
        ({"zip": "901"}, ("America/Puerto_Rico",), {"US-PR"}),
        ({"postal_code": "V6B 1A1"},
         ("America/Edmonton", "America/Fort_Nelson", "America/Vancouver"), {"CA-BC"}),
        ({"postcode": "v6b1a1"},
         ("America/Edmonton", "America/Fort_Nelson", "America/Vancouver"), {"CA-BC"}),
        ({"postcode": "T2P"}, ("America/Edmonton",), {"CA-AB"}),
        # The two disagree: both count.
        ({"zip": "94103", "state": "FL"},
         ("America/Chicago", "America/Los_Angeles", "America/New_York"), {"US-CA", "US-FL"}),
        ({"state": "FL", "billing_state": "HI"},
         ("America/Chicago", "America/New_York", "Pacific/Honolulu"), {"US-FL", "US-HI"}),
    ],
)  # fmt: skip
def test_a_postal_code_or_state_gives_all_zones_of_the_state(
    fields: dict[str, str], zones: tuple[str, ...], states: set[str]
) -> None:
    found = whereabouts(NEW_YORKER, fields, "US")

    assert found.zones == zones
    assert set(found.jurisdictions) == states | {"US", "US-NY"} | {s[:2] for s in states}


@pytest.mark.parametrize("fields", [{"zip": "ABC"}, {"zip": "00000"}, {"state": "Bavaria"},
                                    {"postcode": "Z1A 1A1"}, {"state": ""}, {}])  # fmt: skip
def test_without_a_readable_row_the_number_speaks(fields: dict[str, str]) -> None:
    found = whereabouts(NEW_YORKER, fields, "US")

    assert found == Whereabouts(("America/New_York",), ("US", "US-NY"))
    assert found.evidence == "phone number"


def test_the_state_of_the_row_and_that_of_the_area_code_both_bind() -> None:
    found = find(FLORIDIAN, state="CT")

    assert found.jurisdictions == ("US", "US-CT", "US-FL")


def test_a_foreign_postal_code_is_not_read_as_an_american_one() -> None:
    found = find("+4930123456", zip="10115", state="TX", timezone="")

    assert found == Whereabouts(("Europe/Berlin",), ("DE",))


def test_an_american_with_a_foreign_number_is_bound_by_both() -> None:
    found = find("+4930123456", country="USA", state="TX")

    assert found.zones == ("America/Chicago", "America/Denver")
    assert found.jurisdictions == ("DE", "US", "US-TX")


def test_a_foreign_country_column_adds_its_zones_and_its_rules() -> None:
    found = find(country="Germany")

    assert found.zones == ("America/New_York", "Europe/Berlin")
    assert found.jurisdictions == ("DE", "US", "US-NY")


def test_a_canadian_number_in_a_list_of_americans_stays_in_its_area_code() -> None:
    found = find("+14165550100", country="US")

    assert found.zones == ("America/Toronto",)
    assert found.jurisdictions == ("CA", "CA-ON", "US")


@pytest.mark.parametrize("fields", [{"state": "AE"}, {"zip": "09012"}, {"zip": "96201-1234"}])
def test_mail_that_is_forwarded_to_soldiers_may_be_read_anywhere(fields: dict[str, str]) -> None:
    found = whereabouts(NEW_YORKER, fields, "US")

    assert set(found.zones) == set(zones_of_states("US"))
    assert found.evidence == "military post"


@pytest.mark.parametrize("code", ["500", "600", "800", "833", "888", "900"])
def test_a_non_geographic_number_may_be_anywhere_in_the_numbering_plan(code: str) -> None:
    found = find(f"+1{code}5550100")

    assert len(found.zones) == 42
    assert found.jurisdictions == ("CA", "US")


def test_an_area_code_newer_than_the_table_is_bound_by_every_state() -> None:
    """C3: who may be anywhere has the narrowest window of the country."""
    found = find("+12115550100")

    assert len(found.zones) == 42
    assert found.jurisdictions == ("CA", "CA-*", "US", "US-*")


@pytest.mark.parametrize(
    ("phone", "zones", "jurisdictions"),
    [
        ("+18765550100", ("America/Jamaica",), ("JM",)),
        ("+17875550100", ("America/Puerto_Rico",), ("US", "US-PR")),
        ("+16715550100", ("Pacific/Guam",), ("US", "US-GU")),
        ("+12505550100", ("America/Edmonton", "America/Vancouver"), ("CA", "CA-BC")),
        ("+9779841234567", ("Asia/Katmandu",), ("NP",)),
        ("+447400123456", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey",
                           "Europe/London"), ("GB",)),
    ],
)  # fmt: skip
def test_a_number_of_elsewhere_is_where_its_plan_says(
    phone: str, zones: tuple[str, ...], jurisdictions: tuple[str, ...]
) -> None:
    assert find(phone) == Whereabouts(zones, jurisdictions)


def test_an_australian_mobile_number_may_be_in_any_of_eight_zones() -> None:
    assert len(find("+61412345678").zones) == 8


@pytest.mark.parametrize(
    ("phone", "default_country", "zones"),
    [
        ("+80012345678", "DE", ("Europe/Berlin",)),
        ("+881612345678", "DE", ("Europe/Berlin",)),
        ("+80012345678", "US", zones_of_states("US")),
    ],
)
def test_a_number_of_no_country_has_the_narrowest_window_of_the_senders(
    phone: str, default_country: str, zones: tuple[str, ...]
) -> None:
    found = whereabouts(phone, {}, default_country)

    assert found == Whereabouts(zones, (default_country,))
    assert found.evidence == "default country"


# Held to libphonenumber, which keeps the numbering plan for the world.


def _samples() -> dict[str, phonenumbers.PhoneNumber]:
    """Return a valid number of every area code in which there can be one."""
    written = [f"{code}{x}0123" for code in range(200, 1000) for x in (234, 345, 456, 567, 789)]
    numbers = [phonenumbers.parse(f"+1{digits}") for digits in written]
    # Small islands have assigned few exchanges.
    for region in phonenumbers.region_codes_for_country_code(1):
        for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
            if example := phonenumbers.example_number_for_type(region, kind):
                numbers.append(example)
    return {str(n.national_number)[:3]: n for n in numbers if phonenumbers.is_valid_number(n)}


SAMPLES = _samples()


def test_the_table_has_every_area_code_that_is_in_use() -> None:
    known = set(AREA_CODES) | NON_GEOGRAPHIC

    assert len(SAMPLES) > 440
    assert set(SAMPLES) - known == set()
    # In the plan, and not for the public: government use and carriers' own.
    assert known - set(SAMPLES) == {"700", "710", "822"}


def test_no_area_code_is_both_somewhere_and_anywhere() -> None:
    assert set(AREA_CODES).isdisjoint(NON_GEOGRAPHIC)


def test_an_area_code_is_in_the_country_and_state_that_libphonenumber_names() -> None:
    wrong = {code: places for code, places in AREA_CODES.items() if not _agrees(code, places)}

    assert wrong == {}


def _agrees(code: str, places: tuple[str, ...]) -> bool:
    region = phonenumbers.region_code_for_number(SAMPLES[code])
    if region in {"PR", "VI", "GU", "MP", "AS"}:
        return places == (f"US-{region}",)
    if region in {"US", "CA"}:
        countries = {place[:2] for place in places}
        return countries == {region} and _state_named(SAMPLES[code]) in {None, *places}
    return places == (region,)


def _state_named(number: phonenumbers.PhoneNumber) -> str | None:
    """Return the state that the geocoder names last in "Springfield, IL" or "Illinois"."""
    name = geocoder.description_for_number(number, "en").rpartition(", ")[2]
    known = {"Washington D.C.": "US-DC", "Washington State": "US-WA", "British Colombia": "CA-BC"}
    by_code = {place[3:]: place for place in STATE_ZONES}
    return known.get(name) or by_code.get(name) or STATE_NAMES.get(name.lower())


def test_a_number_may_be_in_every_zone_that_libphonenumber_names() -> None:
    missing = {}
    for code, number in SAMPLES.items():
        named = set(timezone.time_zones_for_number(number)) - {"Etc/Unknown"}
        # An exchange that is not in its data is in the area code all the same.
        if named != set(zones_of_country("US")) or code not in AREA_CODES:
            missing[code] = named - set(zones_of_phone(f"+1{number.national_number}"))

    assert {code: zones for code, zones in missing.items() if zones} == {}
    assert len(missing) > 400


# What libphonenumber has beside the states' own zones: one exchange of Alaska in Hawaii, Yukon
# with Vancouver's clock as before 2020, and the south of Labrador without its summer time.
# Kept: a zone too many narrows a window, a zone too few would wake someone.
ODD_ZONES = {
    "867": {"America/Vancouver"},
    "879": {"America/Puerto_Rico"},
    "907": {"Pacific/Honolulu"},
}


def test_the_zones_of_an_area_code_are_zones_of_its_states() -> None:
    """By what their clocks show through a year: the names may differ (Boise, Detroit)."""
    elsewhere = {}
    for code, places in AREA_CODES.items():
        if states := [place for place in places if place in STATE_ZONES]:
            lawful = {_clock(zone) for state in states for zone in STATE_ZONES[state]}
            zones = set(zones_of_phone(f"+1{code}5550100"))
            elsewhere[code] = {zone for zone in zones if _clock(zone) not in lawful}

    assert {code: zones for code, zones in elsewhere.items() if zones} == ODD_ZONES


@cache
def _clock(zone: str) -> tuple[object, ...]:
    days = [datetime(2026, month, 20, tzinfo=UTC) for month in (1, 3, 4, 7, 10, 11)]
    return tuple(day.astimezone(ZoneInfo(zone)).utcoffset() for day in days)


def test_every_state_and_province_has_zones_that_exist_and_a_name() -> None:
    assert len(STATE_ZONES) == 50 + 1 + 5 + 13
    assert set(STATE_NAMES.values()) == set(STATE_ZONES)
    assert all(ZoneInfo(zone) for zones in STATE_ZONES.values() for zone in zones)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("00501", "US-NY"), ("00901", "US-PR"), ("00801", "US-VI"), ("02108", "US-MA"),
        ("02903", "US-RI"), ("03101", "US-NH"), ("04101", "US-ME"), ("05401", "US-VT"),
        ("06103", "US-CT"), ("07102", "US-NJ"), ("10001", "US-NY"), ("15222", "US-PA"),
        ("19801", "US-DE"), ("20001", "US-DC"), ("20101", "US-VA"), ("21201", "US-MD"),
        ("23219", "US-VA"), ("25301", "US-WV"), ("27601", "US-NC"), ("29201", "US-SC"),
        ("30303", "US-GA"), ("33101", "US-FL"), ("35203", "US-AL"), ("37201", "US-TN"),
        ("38103", "US-TN"), ("39201", "US-MS"), ("39901", "US-GA"), ("40202", "US-KY"),
        ("43215", "US-OH"), ("46204", "US-IN"), ("48226", "US-MI"), ("50309", "US-IA"),
        ("53202", "US-WI"), ("55401", "US-MN"), ("57104", "US-SD"), ("58102", "US-ND"),
        ("59601", "US-MT"), ("60601", "US-IL"), ("63101", "US-MO"), ("66603", "US-KS"),
        ("68102", "US-NE"), ("70112", "US-LA"), ("72201", "US-AR"), ("73102", "US-OK"),
        ("75201", "US-TX"), ("79901", "US-TX"), ("88501", "US-TX"), ("80202", "US-CO"),
        ("82001", "US-WY"), ("83702", "US-ID"), ("84101", "US-UT"), ("85001", "US-AZ"),
        ("87101", "US-NM"), ("89101", "US-NV"), ("90001", "US-CA"), ("96813", "US-HI"),
        ("96799", "US-AS"), ("96910", "US-GU"), ("96950", "US-MP"), ("97201", "US-OR"),
        ("98101", "US-WA"), ("99501", "US-AK"),
    ],
)  # fmt: skip
def test_a_zip_code_is_in_its_state(code: str, state: str) -> None:
    assert state in zip_states(code[:3])


def test_a_place_survives_being_written_and_read() -> None:
    places = [find(), find("+18005550100"), find(state="TX"), find("+12115550100")]

    for where in places:
        read = Whereabouts.parse(where.token)
        assert read == where
        assert read.evidence == where.evidence
        assert Whereabouts.parse(where.token) is read


@pytest.mark.parametrize("token", ["", "|US|x", "America/New_York", "a|b|c|d"])
def test_what_is_no_place_is_not_read_as_one(token: str) -> None:
    with pytest.raises(ValueError):
        Whereabouts.parse(token)


@settings(deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(["timezone", "zip", "state", "country", "name"]), st.text(max_size=8)
    ),
    phone=st.sampled_from([NEW_YORKER, "+18005550100", "+4930123456", "+80012345678"]),
)
def test_whatever_a_row_holds_there_are_zones_that_exist_and_a_country(
    fields: dict[str, str], phone: str
) -> None:
    found = whereabouts(phone, fields, "US")

    assert all(ZoneInfo(zone) for zone in found.zones)
    assert set(found.jurisdictions) & {"US", "DE"}
    assert Whereabouts.parse(found.token) == found


def test_sending_needs_no_telephone_data() -> None:
    """It takes 150 ms and 30 MB to load, and what it knows is in the plan already."""
    layer = Path(carillon.__file__).parent.parent
    program = (
        "import sys, carillon.domain.windows, carillon.domain.schedules;"
        "print([name for name in sys.modules if name.startswith('phonenumbers')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=layer, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
