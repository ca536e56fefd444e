"""How campaigns are found and what a list shows of them (K12, K13, P2)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carillon.domain.approval import Approval, ApprovalState
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.campaign_search import (
    CampaignFilter,
    CampaignSort,
    asked_words,
    is_found_by,
    words_of,
)
from carillon.domain.errors import InvalidInput
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.permissions import Access, Role, Scope
from carillon.domain.vocabularies import Vocabulary
from carillon.usecases.list_campaigns import Asked, asked_of, live_campaigns_of, vocabulary_of
from tests.support.clock import NOON
from tests.support.management import (
    ADMIN,
    OTHER_OFFICE,
    FakeCampaigns,
    FakeOffices,
    FakeShelves,
    a_campaign,
    an_access,
    an_office,
    in_state,
)
from tests.support.managing import World, a_world

MINE = an_access()
LIMITED = an_access(Role.LIMITED)
ACTIVE = CampaignStatus.ACTIVE


def ids(world: World, access: Access, asked: Asked, limit: int = 10) -> list[str]:
    """Return the ids of all pages, asked for *limit* at a time."""
    found: list[str] = []
    position = None
    while True:
        page = world.listed.page(access, asked, limit, position)
        found += [one.id for one in page.items]
        position = page.next
        if position is None:
            return found


def some_campaigns() -> World:
    return a_world(
        a_campaign("cmp_1", status=ACTIVE, title="Spring sale", tags=("a", "b")),
        a_campaign(
            "cmp_2",
            status=CampaignStatus.PAUSED,
            title="autumn",
            operated_by="assistant",
            created_at=NOON + timedelta(hours=1),
        ),
        a_campaign("cmp_3", status=ACTIVE, title="Winter", type="mms", tags=("b",)),
        a_campaign("cmp_4", status=CampaignStatus.DRAFT),
        a_campaign("cmp_5", status=ACTIVE, office_id=OTHER_OFFICE),
    )


def test_a_tab_shows_the_callers_offices() -> None:
    world = some_campaigns()

    assert ids(world, MINE, Asked()) == ["cmp_2", "cmp_3", "cmp_1"]
    assert ids(world, ADMIN, Asked()) == ["cmp_2", "cmp_5", "cmp_3", "cmp_1"]
    assert ids(world, MINE, Asked(tab="draft")) == ["cmp_4"]
    assert ids(world, MINE, Asked(), limit=1) == ["cmp_2", "cmp_3", "cmp_1"]


def test_an_unknown_tab_is_refused() -> None:
    with pytest.raises(InvalidInput) as raised:
        a_world().listed.page(MINE, Asked(tab="deleted"), 10, None)

    assert raised.value.field == "tab"


def test_of_a_foreign_office_nothing_is_shown() -> None:
    world = some_campaigns()

    assert ids(world, MINE, Asked(office_id=OTHER_OFFICE)) == []
    assert ids(world, ADMIN, Asked(office_id=OTHER_OFFICE)) == ["cmp_5"]


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        (CampaignFilter(tags=frozenset({"b"})), ["cmp_3", "cmp_1"]),
        (CampaignFilter(tags=frozenset({"a", "b"})), ["cmp_1"]),
        (CampaignFilter(type="mms"), ["cmp_3"]),
        (CampaignFilter(status=CampaignStatus.PAUSED), ["cmp_2"]),
        (CampaignFilter(operated_by="assistant"), ["cmp_2"]),
        (CampaignFilter(operated_by="agent", type="sms"), ["cmp_1"]),
    ],
)
def test_filters_keep_what_has_everything_that_is_asked(
    keep: CampaignFilter, found: list[str]
) -> None:
    """K12: tags, type, status and operator filter together."""
    assert ids(some_campaigns(), MINE, Asked(keep=keep)) == found


@pytest.mark.parametrize(
    ("sort", "descends", "found"),
    [
        (CampaignSort.TITLE, None, ["cmp_2", "cmp_1", "cmp_3"]),
        (CampaignSort.TITLE, True, ["cmp_3", "cmp_1", "cmp_2"]),
        (CampaignSort.CREATED, None, ["cmp_2", "cmp_3", "cmp_1"]),
        (CampaignSort.CREATED, False, ["cmp_1", "cmp_3", "cmp_2"]),
    ],
)
def test_a_listing_is_sorted_as_asked_and_times_descend(
    sort: CampaignSort, descends: bool | None, found: list[str]
) -> None:
    asked = Asked(sort=sort, descends=descends)

    assert ids(some_campaigns(), MINE, asked) == found
    assert ids(some_campaigns(), MINE, asked, limit=1) == found


def test_sorted_by_launch_what_has_no_date_comes_last() -> None:
    world = a_world(
        in_state(CampaignStatus.ARCHIVED),
        a_campaign("cmp_2", status=CampaignStatus.ARCHIVED, launched_at=NOON),
        a_campaign("cmp_3", status=CampaignStatus.ARCHIVED, launched_at=NOON + timedelta(hours=1)),
    )

    asked = Asked(tab="archived", sort=CampaignSort.LAUNCHED)
    assert ids(world, MINE, asked) == ["cmp_3", "cmp_2", "cmp_1"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("spr", ["cmp_1"]),
        ("SALE", ["cmp_1"]),
        ("sal spring", ["cmp_1"]),
        ("spring winter", []),
        ("pring", []),
    ],
)
def test_titles_are_found_by_what_their_words_begin_with(q: str, found: list[str]) -> None:
    assert ids(some_campaigns(), MINE, Asked(q=q)) == found


def test_what_is_found_is_of_the_tab_and_of_the_callers_offices() -> None:
    world = a_world(
        a_campaign("cmp_1", title="Sale"),
        a_campaign("cmp_2", title="Sale", status=ACTIVE),
        a_campaign("cmp_3", title="Sale", office_id=OTHER_OFFICE),
    )

    assert ids(world, MINE, Asked(tab="draft", q="sale")) == ["cmp_1"]


@pytest.mark.parametrize("q", ["", "a", "?!"])
def test_a_search_needs_two_letters(q: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked_words(q)

    assert caught.value.field == "q"


def test_words_are_compared_without_case_accents_and_punctuation() -> None:
    assert words_of("Élan: SALE, sale – 2026!") == ("elan", "sale", "2026")
    assert is_found_by("Élan: SALE", asked_words("ELA sal"))


def test_a_limited_user_sees_the_campaigns_that_they_are_an_agent_of() -> None:
    world = a_world(
        a_campaign("cmp_1", status=ACTIVE, agents=("usr_1",)),
        a_campaign("cmp_2", status=ACTIVE, agents=("usr_2",)),
        a_campaign("cmp_3", status=ACTIVE, agents=("usr_1",), office_id=OTHER_OFFICE),
    )

    assert ids(world, LIMITED, Asked()) == ["cmp_1"]
    assert ids(world, LIMITED, Asked(q="spring")) == ["cmp_1"]
    with pytest.raises(InvalidInput):
        world.listed.page(LIMITED, Asked(sort=CampaignSort.TITLE), 10, None)


def test_a_row_names_office_zone_numbers_lists_and_what_this_user_may_do() -> None:
    """K12: the columns of a row, with what this user may do."""
    campaign = in_state(CampaignStatus.PAUSED, launched_at=NOON, number=7)
    world = a_world(campaign)

    (row,) = world.listed.rows(MINE.caller, [campaign], Vocabulary.INTERACTIVE)

    assert row.campaign == campaign
    assert (row.office_name, row.office_timezone) == ("Berlin", "Europe/Berlin")
    assert (row.phone_numbers, row.list_names) == (("+12025550100",), ("Members",))
    assert (row.card.number, row.card.action, row.report) == (7, "details", "interim")
    assert row.projection == "Pending"
    assert "resume" in row.allowed_actions
    assert [one.action for one in row.menu if one.allowed] == [
        "view",
        "clone",
        "archive",
        "resume",
        "end",
    ]
    assert world.listed.rows(MINE.caller, []) == []


def test_what_waits_for_approval_is_not_launched_from_its_row() -> None:
    asked = Approval(state=ApprovalState.REQUESTED, requested_by="usr_2", requested_at=NOON)
    campaign = a_campaign(approval=asked)
    world = a_world(campaign)
    world.policies.standing = OrganisationPolicy(launch_approval=True)

    (row,) = world.listed.rows(MINE.caller, [campaign])

    assert "launch" not in row.allowed_actions
    assert "approve" in row.allowed_actions


def test_an_agents_live_campaigns_are_named_and_nothing_else() -> None:
    world = a_world(
        a_campaign("cmp_1", status=ACTIVE, agents=("usr_1",)),
        a_campaign("cmp_2", status=CampaignStatus.ARCHIVED, agents=("usr_1",)),
        a_campaign("cmp_3", status=ACTIVE, agents=("usr_2",)),
    )

    assert live_campaigns_of(FakeShelves(world.campaigns))("usr_1") == ["cmp_1"]


# The calendar (K13) ------------------------------------------------------------------------


def due(campaign_id: str, at: str, **changes: Any) -> Campaign:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return a_campaign(campaign_id, status=CampaignStatus.SCHEDULED, schedule_at=moment, **changes)


EVERYBODYS = an_access(scope=Scope.ALL)


def test_a_campaign_stands_on_its_day_in_its_offices_zone() -> None:
    """K13: a month counts its days in each office's own zone."""
    world = a_world(
        due("cmp_1", "2026-10-31T22:59:59"),
        due("cmp_2", "2026-10-31T23:00:00"),
        due("cmp_3", "2026-11-01T05:00:00", office_id=OTHER_OFFICE),
        due("cmp_4", "2026-11-30T22:59:59"),
        due("cmp_5", "2026-11-30T23:00:00"),
    )

    calendar = world.listed.calendar(EVERYBODYS, "2026-11")

    counts = [(day.date, day.count) for day in calendar.days]
    assert counts == [("2026-11-01", 1), ("2026-11-30", 1)]
    assert (calendar.entries, calendar.at_least) == ((), False)
    october = world.listed.calendar(EVERYBODYS, "2026-10")
    assert [(day.date, day.count) for day in october.days] == [("2026-10-31", 2)]


def test_both_changes_of_the_clock_keep_every_campaign_on_its_day() -> None:
    """Berlin: 29 March has 23 hours, 25 October 25; Denver: 8 March and 1 November."""
    world = a_world(
        due("cmp_1", "2026-03-28T23:00:00"),
        due("cmp_2", "2026-03-29T21:59:00"),
        due("cmp_3", "2026-10-24T22:00:00"),
        due("cmp_4", "2026-10-25T22:59:00"),
        due("cmp_5", "2026-03-09T05:59:00", office_id=OTHER_OFFICE),
        due("cmp_6", "2026-11-02T06:59:00", office_id=OTHER_OFFICE),
    )

    def counted(month: str) -> dict[str, int]:
        days = world.listed.calendar(EVERYBODYS, month).days
        return {day.date: day.count for day in days}

    assert counted("2026-03") == {"2026-03-08": 1, "2026-03-29": 2}
    assert counted("2026-10") == {"2026-10-25": 2}
    assert counted("2026-11") == {"2026-11-01": 1}


def test_a_day_shows_title_number_office_and_list_in_order() -> None:
    world = a_world(
        due("cmp_1", "2026-11-27T10:00:00", number=7),
        due("cmp_2", "2026-11-27T09:00:00", title="Early"),
        due("cmp_3", "2026-11-28T09:00:00"),
    )

    calendar = world.listed.calendar(EVERYBODYS, "2026-11", "2026-11-27")

    early, late = calendar.entries
    assert (early.id, early.title) == ("cmp_2", "Early")
    assert (late.number, late.office_name, late.phone_numbers, late.list_names) == (
        7,
        "Berlin",
        ("+12025550100",),
        ("Members",),
    )


def test_only_limited_users_are_confined_on_the_calendar() -> None:
    """K13: all offices' campaigns for everybody but limited users."""
    campaigns = (
        due("cmp_1", "2026-11-27T10:00:00", agents=("usr_1",)),
        due("cmp_2", "2026-11-27T10:00:00"),
        due("cmp_3", "2026-11-27T10:00:00", office_id=OTHER_OFFICE),
    )
    world = World(FakeCampaigns(*campaigns), offices=FakeOffices(an_office(), an_office("off_2")))

    def counted(access: Access) -> int:
        return sum(day.count for day in world.listed.calendar(access, "2026-11").days)

    assert counted(EVERYBODYS) == 3
    assert counted(LIMITED) == 1


@pytest.mark.parametrize(
    ("month", "day", "field"),
    [
        ("2026-13", None, "month"),
        ("2026-1", None, "month"),
        ("November", None, "month"),
        ("9999-12", None, "month"),
        ("2026-11", "2026-12-01", "day"),
        ("2026-11", "27", "day"),
    ],
)
def test_a_month_and_a_day_that_are_none_are_refused(
    month: str, day: str | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        a_world().listed.calendar(EVERYBODYS, month, day)

    assert caught.value.field == field


def test_more_campaigns_than_are_counted_are_said_to_be_more() -> None:
    world = a_world(*(due(f"cmp_{n}", "2026-11-27T10:00:00") for n in range(1000)))

    assert world.listed.calendar(EVERYBODYS, "2026-11").at_least


# What a query asks for ---------------------------------------------------------------------


def test_a_query_is_read_into_what_it_asks_for() -> None:
    query = {
        "tab": "archived",
        "tags": "a,b,",
        "type": "mms",
        "status": "archived",
        "operated_by": "agent",
        "office_id": "off_1",
        "sort": "title",
        "order": "desc",
        "q": "spring",
    }

    assert asked_of(query) == Asked(
        tab="archived",
        keep=CampaignFilter(
            tags=frozenset({"a", "b"}),
            type="mms",
            status=CampaignStatus.ARCHIVED,
            operated_by="agent",
        ),
        office_id="off_1",
        sort=CampaignSort.TITLE,
        descends=True,
        q="spring",
    )
    assert asked_of({}) == Asked()
    assert vocabulary_of({"vocabulary": "messaging"}) is Vocabulary.MESSAGING
    assert vocabulary_of({}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "live"), ("sort", "size"), ("order", "up"), ("vocabulary", "french")],
)
def test_a_query_for_what_there_is_not_is_refused_by_its_name(name: str, value: str) -> None:
    read = vocabulary_of if name == "vocabulary" else asked_of

    with pytest.raises(InvalidInput) as caught:
        read({name: value})

    assert caught.value.field == name
