from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.campaign import HoldReason
from carillon.domain.errors import InvalidInput
from carillon.domain.hours import (
    ALWAYS,
    RECIPIENT,
    WEEKDAYS,
    ActiveHours,
    Week,
    active_hours,
    merged,
    week_of,
)
from carillon.domain.law_pack import LawPack, Policy, Rule, shipped_pack
from carillon.domain.locating import whereabouts
from carillon.domain.places import AREA_CODES, NON_GEOGRAPHIC
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import HORIZON_DAYS, Windows, valid_for_s

NO_LAW = LawPack(())
clock = cache(ZoneInfo)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TOLL_FREE = whereabouts("+18005550100", {}, "US")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def place(*zones: str, law: Sequence[str] = ()) -> Whereabouts:
    return Whereabouts(zones, tuple(law))


def daily(*spans: str) -> Week:
    return week_of({day: list(spans) for day in WEEKDAYS})


def a_rule(**changes: object) -> Rule:
    known: dict[str, object] = {
        "id": "rule", "jurisdiction": "XX", "covers": frozenset({"XX"}), "summary": "",
        "source": "", "source_url": "", "valid_from": date(2000, 1, 1), "week": ALWAYS,
    }  # fmt: skip
    return Rule(**(known | changes))  # type: ignore[arg-type]


# The statutes' own numbers, written down once more: local hours from and to, by weekday.
def statute(jurisdiction: str, weekday: int) -> tuple[int, int]:
    if jurisdiction == "US-TX":
        return (12, 21) if weekday == 6 else (9, 21)
    table = {"US-FL": (8, 20), "US-OK": (8, 20), "US-MD": (8, 20), "US-CT": (9, 20)}
    return table.get(jurisdiction, (8, 21))


def is_lawful(where: Whereabouts, at: datetime) -> bool:
    """Look at the clock in every zone, and ask every statute; nothing else."""
    for zone in where.zones:
        local = at.astimezone(clock(zone))
        for jurisdiction in ("US", *where.jurisdictions):
            opens, closes = statute(jurisdiction, local.weekday())
            if not opens <= local.hour < closes:
                return False
    return True


def is_wanted(where: Whereabouts, at: datetime, hours: Iterable[ActiveHours]) -> bool:
    """Look at every clock that the hours name."""
    for wish in hours:
        for zone in where.zones if wish.zone == RECIPIENT else (wish.zone,):
            local = at.astimezone(clock(zone))
            minute = local.hour * 60 + local.minute
            spans = wish.week.days[local.weekday()]
            if local.date() in wish.closed_dates:
                return False
            if not any(opens <= minute < closes for opens, closes in spans):
                return False
    return True


def north_american_places() -> list[Whereabouts]:
    """Return where the numbers of every area code may be; many share a place."""
    codes = sorted(set(AREA_CODES) | NON_GEOGRAPHIC)
    return sorted({whereabouts(f"+1{code}5550100", {}, "US") for code in codes}, key=str)


def instants_of_2026() -> list[datetime]:
    """Return a year's instants: at every time of day, and densely where clocks change."""
    year = [utc("2026-01-01T00:00") + i * timedelta(hours=19, minutes=7) for i in range(458)]
    # 8 March and 1 November: from before the day begins in Guam to its end in Pago Pago.
    changes = [
        utc(first) + i * timedelta(minutes=20)
        for first in ("2026-03-07T12:00", "2026-10-31T12:00")
        for i in range(3 * 50)
    ]
    return sorted([*year, *changes])


def test_every_accepted_instant_is_lawful_in_every_zone_of_every_north_american_area_code() -> None:
    windows = Windows(None, shipped_pack())
    instants = instants_of_2026()

    for where in north_american_places():
        for at in instants:
            assert windows.may_send(where, at) is is_lawful(where, at), (where, at)


def test_every_edge_of_every_opening_is_exact_to_the_second_when_clocks_change() -> None:
    """Every minute around each edge of the days around both changes, and the second before."""
    windows = Windows(None, shipped_pack())

    for where in north_american_places():
        for first in ("2026-03-06T00:00", "2026-10-30T00:00"):
            at = utc(first)
            while at < utc(first) + 4 * DAY:
                opening = windows.opening(where, at)
                assert opening is not None
                for edge in (opening.opens_at, opening.closes_at):
                    near = [edge + i * MINUTE for i in range(-2, 3)]
                    for instant in (*near, edge - timedelta(microseconds=1)):
                        assert windows.may_send(where, instant) is is_lawful(where, instant)
                at = opening.closes_at


def test_there_are_some_hundred_different_places_in_north_america() -> None:
    """Otherwise the two tests above have looked at nothing."""
    places = north_american_places()

    assert len(places) > 70
    assert TOLL_FREE in places
    assert len(TOLL_FREE.zones) == 42


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        # From when Guam is at 8 until St. John's is at 21, which in summer is 22:30 UTC.
        ("2026-01-15T12:00", "2026-01-15T22:00", "2026-01-16T00:30"),
        ("2026-07-15T12:00", "2026-07-15T22:00", "2026-07-15T23:30"),
    ],
)
def test_a_toll_free_number_is_texted_when_all_of_north_america_is_awake(
    at: str, opens: str, closes: str
) -> None:
    opening = Windows(None, shipped_pack()).opening(TOLL_FREE, utc(at))

    assert opening is not None
    assert (opening.opens_at, opening.closes_at) == (utc(opens), utc(closes))


def test_office_hours_on_every_clock_of_north_america_never_open() -> None:
    windows = Windows(ActiveHours(week=daily("09:00-17:00")), shipped_pack())

    assert windows.opening(TOLL_FREE, utc("2026-07-15T12:00")) is None
    assert windows.next_opening(TOLL_FREE, utc("2026-07-15T12:00")) is None
    assert windows.hold_reason(TOLL_FREE, utc("2026-07-15T22:30")) is HoldReason.QUIET_HOURS


def test_a_lead_outside_its_window_says_why_it_waits_and_is_free_when_it_opens() -> None:
    """F5: hold reason and next opening, to the microsecond."""
    windows = Windows(None, shipped_pack())
    florida = place("America/New_York", law=("US", "US-FL"))

    before, at = utc("2026-07-15T11:59:59.999999"), utc("2026-07-15T12:00")

    assert windows.hold_reason(florida, before) is HoldReason.QUIET_HOURS
    assert windows.next_opening(florida, before) == at
    assert windows.hold_reason(florida, at) is HoldReason.NONE


def test_the_closing_time_itself_is_outside() -> None:
    windows = Windows(None, shipped_pack())
    florida = place("America/New_York", law=("US", "US-FL"))

    closing = utc("2026-07-16T00:00")

    last = windows.opening(florida, closing - timedelta(microseconds=1))
    assert last is not None
    assert last.is_open(closing - timedelta(microseconds=1))
    assert not last.is_open(closing)
    assert not windows.may_send(florida, closing)
    assert windows.next_opening(florida, closing) == utc("2026-07-16T12:00")


def test_inside_a_window_the_next_opening_is_now() -> None:
    windows = Windows(None, shipped_pack())
    at = utc("2026-07-15T15:00:00.123456")

    assert windows.next_opening(place("America/New_York"), at) == at


def test_several_zones_leave_what_they_have_in_common() -> None:
    """C3: who may be in several zones is texted when all of them allow it."""
    windows = Windows(ActiveHours(week=daily("09:00-17:00")), NO_LAW)
    west_and_east = place("America/Los_Angeles", "America/New_York")

    opening = windows.opening(west_and_east, utc("2026-07-15T12:00"))

    assert opening is not None
    assert opening.opens_at == utc("2026-07-15T16:00")
    assert opening.closes_at == utc("2026-07-15T21:00")


@pytest.mark.parametrize(
    ("zone", "at", "opens", "closes"),
    [
        # UTC+5:45; UTC+8:45; UTC+12:45 and, from 27 September 2026 on, +13:45.
        ("Asia/Kathmandu", "2026-06-01T00:00", "2026-06-01T03:15", "2026-06-01T11:15"),
        ("Australia/Eucla", "2026-06-01T00:00", "2026-06-01T00:15", "2026-06-01T08:15"),
        ("Pacific/Chatham", "2026-09-25T12:00", "2026-09-25T20:15", "2026-09-26T04:15"),
        ("Pacific/Chatham", "2026-09-26T12:00", "2026-09-26T19:15", "2026-09-27T03:15"),
        # UTC+10:30 and, from 4 October 2026 on, +11: half an hour.
        ("Australia/Lord_Howe", "2026-10-02T12:00", "2026-10-02T22:30", "2026-10-03T06:30"),
        ("Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-03T22:00", "2026-10-04T06:00"),
    ],
)
def test_zones_off_the_hour_open_by_their_own_clock(
    zone: str, at: str, opens: str, closes: str
) -> None:
    windows = Windows(ActiveHours(week=daily("09:00-17:00")), NO_LAW)

    opening = windows.opening(place(zone), utc(at))

    assert opening is not None
    assert (opening.opens_at, opening.closes_at) == (utc(opens), utc(closes))


def openings(windows: Windows, where: Whereabouts, first: str, last: str) -> list[tuple[str, str]]:
    """Return the openings from *first* to *last*, as hours and minutes UTC."""
    found, at = [], utc(first)
    while (opening := windows.opening(where, at)) and opening.opens_at < utc(last):
        found.append((f"{opening.opens_at:%d %H:%M}", f"{opening.closes_at:%d %H:%M}"))
        at = opening.closes_at
    return found


def test_hours_that_a_clock_skips_do_not_open_that_day() -> None:
    windows = Windows(ActiveHours(week=daily("02:15-02:45")), NO_LAW)

    found = openings(windows, place("America/New_York"), "2026-03-07T00:00", "2026-03-10T00:00")

    assert found == [("07 07:15", "07 07:45"), ("09 06:15", "09 06:45")]


def test_hours_that_a_clock_shows_twice_open_twice() -> None:
    windows = Windows(ActiveHours(week=daily("01:15-01:45")), NO_LAW)

    found = openings(windows, place("America/New_York"), "2026-11-01T00:00", "2026-11-02T00:00")

    assert found == [("01 05:15", "01 05:45"), ("01 06:15", "01 06:45")]


def test_a_closed_date_is_closed_on_each_recipients_own_calendar() -> None:
    hours = ActiveHours(closed_dates=frozenset({date(2026, 12, 25)}))
    windows = Windows(hours, shipped_pack())

    found = openings(windows, place("America/New_York"), "2026-12-24T12:00", "2026-12-27T00:00")

    assert found == [("24 13:00", "25 02:00"), ("26 13:00", "27 02:00")]


def test_hours_of_a_fixed_zone_hold_beside_the_recipients_own() -> None:
    office = ActiveHours(week=daily("09:00-17:00"), zone="Europe/Berlin")
    windows = Windows(office, shipped_pack())

    found = openings(windows, place("America/New_York"), "2026-07-15T00:00", "2026-07-16T00:00")

    assert found == [("15 12:00", "15 15:00")]


def test_the_policy_of_the_organisation_takes_from_the_campaigns_hours() -> None:
    campaign = ActiveHours(week=daily("08:00-12:00", "13:00-22:00"))
    policy = Policy(hours=ActiveHours(week=week_of({day: ["10:00-20:30"] for day in WEEKDAYS[:5]})))
    windows = Windows(campaign, shipped_pack(), policy)

    # From Friday to Monday.
    found = openings(windows, place("America/New_York"), "2026-07-17T04:00", "2026-07-21T04:00")

    assert found == [
        ("17 14:00", "17 16:00"), ("17 17:00", "18 00:30"),
        ("20 14:00", "20 16:00"), ("20 17:00", "21 00:30"),
    ]  # fmt: skip


def test_a_rule_holds_from_its_first_local_day_on_and_no_longer_on_its_last() -> None:
    summer = a_rule(
        week=daily("08:00-20:00"), valid_from=date(2026, 7, 1), valid_to=date(2026, 7, 2)
    )
    windows = Windows(ActiveHours(week=daily("08:00-21:00")), LawPack((summer,)))
    somewhere = place("America/New_York", law=("XX",))

    found = openings(windows, somewhere, "2026-06-30T04:00", "2026-07-03T00:00")

    assert found == [("30 12:00", "01 01:00"), ("01 12:00", "02 00:00"), ("02 12:00", "03 01:00")]


def test_a_holiday_in_the_law_is_closed() -> None:
    holiday = a_rule(closed_dates=frozenset({date(2026, 7, 4)}), week=daily("10:00-11:00"))
    windows = Windows(None, LawPack((holiday,)))
    somewhere = place("America/New_York", law=("XX",))

    found = openings(windows, somewhere, "2026-07-03T00:00", "2026-07-06T00:00")

    assert found == [("03 14:00", "03 15:00"), ("05 14:00", "05 15:00")]


@pytest.mark.parametrize("weekday", range(7))
def test_an_opening_is_found_so_many_days_ahead_on_whatever_day_one_asks(weekday: int) -> None:
    at = utc("2026-07-13T12:00") + weekday * DAY

    def closed_for(days: int) -> Windows:
        shut = frozenset(at.date() + i * DAY for i in range(days))
        return Windows(ActiveHours(week=daily("12:00-13:00"), closed_dates=shut), NO_LAW)

    near, far = closed_for(HORIZON_DAYS), closed_for(HORIZON_DAYS + 1)

    assert near.next_opening(place("UTC"), at) == at + HORIZON_DAYS * DAY
    assert far.next_opening(place("UTC"), at) is None


def test_what_never_closes_is_known_to_be_open_for_the_horizon() -> None:
    at = utc("2026-07-15T12:00")

    opening = Windows(None, NO_LAW).opening(place("America/New_York"), at)

    assert opening is not None
    assert opening.is_open(at)
    assert opening.closes_at - at >= HORIZON_DAYS * DAY


def test_a_place_is_worked_out_once_for_all_its_leads() -> None:
    """A million leads ask; only looking up may cost."""
    windows = Windows(None, shipped_pack())
    one, same = place("America/New_York"), Whereabouts(("America/New_York",), (), "a column")

    first = windows.opening(one, utc("2026-07-15T15:00"))

    assert windows.opening(same, utc("2026-07-15T15:01")) is first


def test_what_keeps_a_lead_waiting_is_named() -> None:
    campaign = ActiveHours(week=daily("09:00-17:00"))
    policy = Policy(hours=ActiveHours(closed_dates=frozenset({date(2026, 7, 16)})))
    windows = Windows(campaign, shipped_pack(), policy)
    florida = place("America/Chicago", "America/New_York", law=("US", "US-FL"))

    def closed_by(at: str) -> tuple[str, ...]:
        return windows.closed_by(florida, utc(at))

    # 12:00 and 11:00; 18:00 and 17:00; 20:30 and 19:30; midnight and 23:00.
    assert closed_by("2026-07-15T16:00") == ()
    assert closed_by("2026-07-15T22:00") == ("campaign",)
    assert closed_by("2026-07-16T00:30") == ("campaign", "us-fl-hours")
    assert closed_by("2026-07-16T04:00") == (
        "campaign", "policy", "everywhere-hours", "us-hours", "us-fl-hours"
    )  # fmt: skip
    assert closed_by("2026-07-16T16:00") == ("policy",)


@pytest.mark.parametrize(
    ("at", "ends_at", "seconds"),
    [
        ("2026-07-15T23:00", None, 3600),
        ("2026-07-15T23:00", "2026-07-16T12:00", 3600),
        ("2026-07-15T23:00", "2026-07-15T23:10", 600),
        ("2026-07-15T23:59:59.500000", None, 0),
        ("2026-07-15T23:00", "2026-07-15T22:59", -60),
    ],
)
def test_a_message_is_valid_until_its_window_closes_or_its_campaign_ends(
    at: str, ends_at: str | None, seconds: int
) -> None:
    """F5: a message's validity ends with its campaign."""
    florida = place("America/New_York", law=("US", "US-FL"))
    opening = Windows(None, shipped_pack()).opening(florida, utc(at))

    assert opening is not None
    assert valid_for_s(opening, utc(at), utc(ends_at) if ends_at else None) == seconds


CAPS = [
    (("US",), None, None),
    (("US", "US-FL"), None, 3),
    (("US", "US-FL"), 5, 3),
    (("US", "US-FL"), 2, 2),
    (("US",), 4, 4),
    (("US", "US-NJ", "US-NY"), None, 3),
]


@pytest.mark.parametrize(("law", "policy_cap", "cap"), CAPS)
def test_the_lowest_cap_of_law_and_policy_counts(
    law: tuple[str, ...], policy_cap: int | None, cap: int | None
) -> None:
    windows = Windows(None, shipped_pack(), Policy(max_contacts_per_24h=policy_cap))
    somewhere = place("America/New_York", law=law)

    assert windows.max_contacts_per_24h(somewhere, date(2026, 7, 15)) == cap


ZONES = ["America/New_York", "America/Los_Angeles", "America/St_Johns", "Europe/London",
         "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kathmandu", "Pacific/Honolulu",
         "Africa/Casablanca"]  # fmt: skip
places = st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True).map(
    lambda zones: place(*zones)
)
# Edges off the hour, at midnight, and inside what clocks skip and repeat.
_edges = st.sampled_from([0, 60, 90, 105, 120, 135, 150, 180, 540, 725, 1020, 1260, 1425, 1440])
_spans = st.lists(_edges, max_size=4, unique=True).map(
    lambda edges: merged(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)
_weeks = st.lists(_spans, min_size=1, max_size=3).map(
    lambda kinds: Week(tuple(kinds[day % len(kinds)] for day in range(7)))
)
_dates = st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=3)
hours_of_any_kind = st.builds(
    ActiveHours,
    week=_weeks,
    zone=st.sampled_from([RECIPIENT, RECIPIENT, "Europe/Berlin"]),
    closed_dates=_dates,
)
# Mostly around the changes of clocks: New York's, London's, Lord Howe's and Chatham's.
_changes = [utc(f"2026-{day}T00:00") for day in ("03-08", "11-01", "03-29", "10-25", "04-05",
                                                 "10-04", "09-27")]  # fmt: skip
moments = st.one_of(
    st.timedeltas(timedelta(), timedelta(days=364)).map(lambda since: utc("2026-01-01") + since),
    st.builds(
        lambda day, offset: day + offset,
        st.sampled_from(_changes),
        st.timedeltas(timedelta(hours=-14), timedelta(hours=14)),
    ),
)


@settings(max_examples=150, deadline=None)
@given(where=places, hours=hours_of_any_kind, policy=hours_of_any_kind, at=moments)
def test_an_instant_is_accepted_if_and_only_if_every_clock_says_so(
    where: Whereabouts, hours: ActiveHours, policy: ActiveHours, at: datetime
) -> None:
    windows = Windows(hours, NO_LAW, Policy(hours=policy))

    assert windows.may_send(where, at) is is_wanted(where, at, [hours, policy])
    assert windows.may_send(where, at) is (windows.closed_by(where, at) == ())


@settings(max_examples=60, deadline=None)
@given(where=places, hours=hours_of_any_kind, at=moments)
def test_no_minute_before_the_next_opening_is_accepted(
    where: Whereabouts, hours: ActiveHours, at: datetime
) -> None:
    found = Windows(hours, NO_LAW).next_opening(where, at)

    end = found or at + HORIZON_DAYS * DAY
    # Zones differ by whole minutes, and so do spans: what opens, opens on a whole minute.
    minute = at.replace(second=0, microsecond=0) + MINUTE
    while minute < min(end, at + 4 * DAY):
        assert not is_wanted(where, minute, [hours])
        minute += MINUTE
    assert found is None or is_wanted(where, found, [hours])


@settings(max_examples=100, deadline=None)
@given(where=places, hours=hours_of_any_kind, at=moments)
def test_an_opening_is_open_from_its_first_to_before_its_last_second(
    where: Whereabouts, hours: ActiveHours, at: datetime
) -> None:
    opening = Windows(hours, NO_LAW).opening(where, at)

    if opening is not None:
        assert is_wanted(where, opening.opens_at, [hours])
        assert is_wanted(where, opening.closes_at - timedelta(microseconds=1), [hours])
        assert opening.closes_at > at


@settings(max_examples=100, deadline=None)
@given(where=places, hours=hours_of_any_kind, policy=hours_of_any_kind, at=moments)
def test_a_policy_never_opens_what_law_and_campaign_leave_shut(
    where: Whereabouts, hours: ActiveHours, policy: ActiveHours, at: datetime
) -> None:
    """L2: stricter and never looser, whatever the policy says."""
    without = Windows(hours, shipped_pack())
    stricter = Windows(hours, shipped_pack(), Policy(hours=policy))

    assert without.may_send(where, at) or not stricter.may_send(where, at)


@settings(deadline=None)
@given(hours=hours_of_any_kind)
def test_hours_survive_being_written_and_read(hours: ActiveHours) -> None:
    assert active_hours(hours.as_json()) == hours


def test_hours_that_touch_are_one_span() -> None:
    hours = active_hours({"days": {"mon": ["12:00-17:00", "09:00-12:00", "20:00-24:00"]}})

    assert hours.as_json()["days"] == {
        "mon": ["09:00-17:00", "20:00-24:00"],
        "tue": [], "wed": [], "thu": [], "fri": [], "sat": [], "sun": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"days": {"mon": ["9-17"]}}, "days"),
        ({"days": {"mon": ["09:00-25:00"]}}, "days"),
        ({"days": {"mon": ["09:00-24:01"]}}, "days"),
        ({"days": {"mon": ["22:00-06:00"]}}, "days"),
        ({"days": {"mon": ["09:00-09:00"]}}, "days"),
        ({"days": {"mon": ["09:00-17:00\n"]}}, "days"),
        ({"days": {"mon": "09:00-17:00"}}, "days"),
        ({"days": {"mon": [9]}}, "days"),
        ({"days": {"monday": ["09:00-17:00"]}}, "days"),
        ({"days": ["mon"]}, "days"),
        ({"zone": 5}, "zone"),
        ({"zone": "America/Nowhere"}, "zone"),
        ({"closed_dates": ["25.12.2026"]}, "closed_dates"),
        ({"closed_dates": "2026-12-25"}, "closed_dates"),
        ({"closed_dates": ["2026-12-25"] * 367}, "closed_dates"),
        ({"open": True}, "active_hours"),
    ],
)
def test_hours_that_cannot_be_are_refused_by_field(raw: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        active_hours(raw)

    assert refused.value.field == field
