"""One suite over the listings of campaigns: the fake that unit tests trust, and DynamoDB."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb import entities, schema
from carillon.adapters.dynamodb.campaign_shelves import DynamoShelves
from carillon.adapters.dynamodb.contacts import DynamoCampaignPlans
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.domain.campaign import Campaign, CampaignStatus, HoldReason
from carillon.domain.campaign_search import CampaignFilter, CampaignSort, place_in
from carillon.domain.campaign_states import Action
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Position
from carillon.ports import Campaigns, CampaignShelves
from tests.support.clock import NOON
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    FakeCampaigns,
    FakeShelves,
    a_campaign,
    in_state,
)
from tests.support.tables import create_tables

LATER = NOON + timedelta(hours=1)
ACTIVE = CampaignStatus.ACTIVE


@dataclass(frozen=True)
class Rooms:
    campaigns: Campaigns
    shelves: CampaignShelves

    def put(self, *campaigns: Campaign) -> None:
        for one in campaigns:
            self.campaigns.create(one, "d")

    def ids(
        self,
        tab: str = "active",
        offices: tuple[str, ...] = (OFFICE,),
        *,
        limit: int = 100,
        sort: CampaignSort = CampaignSort.CREATED,
        descends: bool = True,
        **keep: Any,
    ) -> list[str]:
        """Return the ids of all pages."""
        found: list[str] = []
        position: Position | None = None
        while True:
            page = self.shelves.page(
                tab,
                offices,
                keep=CampaignFilter(**keep),
                sort=sort,
                descends=descends,
                limit=limit,
                after=position,
            )
            assert len(page.items) <= limit
            found += [one.id for one in page.items]
            position = page.next
            if position is None:
                return found


@pytest.fixture(params=["fake", "dynamodb"])
def rooms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rooms]:
    if request.param == "fake":
        campaigns = FakeCampaigns()
        yield Rooms(campaigns, FakeShelves(campaigns))
        return
    with _dynamodb(monkeypatch) as client:
        yield Rooms(entities.CampaignTable(), DynamoShelves(client, "ControlTable"))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with _dynamodb(monkeypatch) as made:
        yield made


class _dynamodb:  # noqa: N801  # reads like the context manager that it is
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        self._aws = mock_aws()

    def __enter__(self) -> Any:
        self._aws.start()
        made = boto3.client("dynamodb")
        create_tables(made)
        entities.connect("ControlTable")
        return made

    def __exit__(self, *_: object) -> None:
        self._aws.stop()


def test_shelves_are_merged_and_pages_meet_without_gap(rooms: Rooms) -> None:
    rooms.put(
        *(
            a_campaign(
                f"cmp_{n}",
                status=ACTIVE,
                office_id=(OFFICE, OTHER_OFFICE)[n % 2],
                created_at=NOON + timedelta(minutes=n // 3),
            )
            for n in range(9)
        )
    )

    both = (OFFICE, OTHER_OFFICE)
    newest_first = ["cmp_8", "cmp_7", "cmp_6", "cmp_5", "cmp_4", "cmp_3", "cmp_2", "cmp_1", "cmp_0"]
    for limit in (2, 9):
        assert rooms.ids(offices=both, limit=limit) == newest_first
    assert rooms.ids(offices=both, limit=4, descends=False) == newest_first[::-1]
    assert rooms.ids(offices=(OTHER_OFFICE,), limit=2) == ["cmp_7", "cmp_5", "cmp_3", "cmp_1"]
    assert rooms.ids(offices=()) == []


def test_each_sort_has_its_own_order(rooms: Rooms) -> None:
    rooms.put(
        a_campaign("cmp_1", status=ACTIVE, title="Beta", launched_at=LATER, updated_at=NOON),
        a_campaign("cmp_2", status=ACTIVE, title="älpha", launched_at=NOON, updated_at=LATER),
        a_campaign("cmp_3", status=ACTIVE, title="Gamma", created_at=LATER),
    )

    by = CampaignSort
    assert rooms.ids(sort=by.CREATED) == ["cmp_3", "cmp_2", "cmp_1"]
    assert rooms.ids(sort=by.UPDATED) == ["cmp_2", "cmp_3", "cmp_1"]
    assert rooms.ids(sort=by.LAUNCHED) == ["cmp_1", "cmp_2", "cmp_3"]
    assert rooms.ids(sort=by.TITLE, descends=False) == ["cmp_2", "cmp_1", "cmp_3"]


def test_filters_keep_what_has_everything_asked(rooms: Rooms) -> None:
    rooms.put(
        a_campaign("cmp_1", status=ACTIVE, tags=("a", "b")),
        a_campaign("cmp_2", status=ACTIVE, tags=("b",), operated_by="assistant"),
        a_campaign("cmp_3", status=CampaignStatus.PAUSED, type="mms"),
    )

    assert rooms.ids(tags=frozenset({"a", "b"})) == ["cmp_1"]
    assert rooms.ids(operated_by="assistant", limit=1) == ["cmp_2"]
    assert rooms.ids(status=CampaignStatus.PAUSED, limit=1) == ["cmp_3"]
    assert rooms.ids(type="mms") == ["cmp_3"]


def test_what_is_written_while_somebody_pages_neither_hides_nor_repeats_the_rest(
    rooms: Rooms,
) -> None:
    rooms.put(*(a_campaign(f"cmp_{n}", status=ACTIVE) for n in range(6)))

    def page(after: Position | None) -> tuple[list[str], Position | None]:
        found = rooms.shelves.page(
            "active",
            (OFFICE,),
            keep=CampaignFilter(),
            sort=CampaignSort.UPDATED,
            descends=True,
            limit=2,
            after=after,
        )
        return [one.id for one in found.items], found.next

    first, position = page(None)
    # One that was shown moves to the front, one that was not leaves the tab.
    rooms.campaigns.change(rooms.campaigns.get("cmp_5"), {"title": "New"}, LATER)
    rooms.campaigns.transition(rooms.campaigns.get("cmp_3"), Action.ARCHIVE, LATER, changes={})
    second, position = page(position)
    third, position = page(position)

    assert (first, second, third, position) == (
        ["cmp_5", "cmp_4"],
        ["cmp_2", "cmp_1"],
        ["cmp_0"],
        None,
    )


def test_a_cursor_of_another_listing_is_refused(rooms: Rooms) -> None:
    rooms.put(a_campaign("cmp_1"), a_campaign("cmp_2"))
    wanted: dict[str, Any] = {
        "keep": CampaignFilter(),
        "sort": CampaignSort.TITLE,
        "descends": True,
        "limit": 1,
    }
    position = rooms.shelves.page("draft", (OFFICE,), **wanted, after=None).next
    assert position is not None

    for change in ({"descends": False}, {"sort": CampaignSort.CREATED}):
        with pytest.raises(InvalidInput) as caught:
            rooms.shelves.page("draft", (OFFICE,), **{**wanted, **change}, after=position)
        assert caught.value.code == "cursor_invalid"
    calls: tuple[Callable[[], object], ...] = (
        lambda: rooms.shelves.page("active", (OFFICE,), **wanted, after=position),
        lambda: rooms.shelves.found((OFFICE,), ("sp",), 1, position),
        lambda: rooms.shelves.of_agent("usr_1", 1, position),
        lambda: rooms.shelves.page("draft", (OFFICE,), **wanted, after={"x": "y"}),
    )
    for call in calls:
        with pytest.raises(InvalidInput):
            call()


def test_a_campaign_follows_its_state_from_shelf_to_shelf(rooms: Rooms) -> None:
    rooms.put(a_campaign())

    def tabs() -> list[str]:
        return [tab for tab in ("draft", "scheduled", "active", "archived") if rooms.ids(tab)]

    def move(action: Action, **changes: Any) -> None:
        rooms.campaigns.transition(rooms.campaigns.get("cmp_1"), action, LATER, changes=changes)

    assert tabs() == ["draft"]
    move(Action.SCHEDULE, schedule_at=LATER)
    assert tabs() == ["scheduled"]
    move(Action.LAUNCH, schedule_at=None, launched_at=LATER)
    assert tabs() == ["active"]
    move(Action.ARCHIVE)
    assert tabs() == ["archived"]


def test_titles_are_found_by_their_words_each_campaign_once(rooms: Rooms) -> None:
    rooms.put(
        a_campaign("cmp_1", title="Spring sale and sales"),
        a_campaign("cmp_2", title="Big SALE"),
        a_campaign("cmp_3", title="Salt", status=ACTIVE),
        a_campaign("cmp_4", title="Sale", office_id=OTHER_OFFICE),
    )

    def found(*words: str, limit: int = 10) -> list[str]:
        ids: list[str] = []
        position: Position | None = None
        while True:
            page = rooms.shelves.found((OFFICE,), words, limit, position)
            ids += [one.id for one in page.items]
            position = page.next
            if position is None:
                return ids

    for limit in (1, 10):
        assert found("sa", limit=limit) == ["cmp_1", "cmp_2", "cmp_3"]
    assert found("sale") == ["cmp_1", "cmp_2"]
    assert found("sale", "bi") == ["cmp_2"]
    assert found("ale") == []


def test_another_title_is_found_by_its_own_words_alone(rooms: Rooms) -> None:
    rooms.put(a_campaign(title="Spring sale"))

    rooms.campaigns.change(rooms.campaigns.get("cmp_1"), {"title": "Autumn sale"}, LATER)

    def found(word: str) -> list[str]:
        return [one.id for one in rooms.shelves.found((OFFICE,), (word,), 10, None).items]

    assert (found("spring"), found("autumn"), found("sale")) == ([], ["cmp_1"], ["cmp_1"])


def test_agents_have_their_campaigns_newest_first(rooms: Rooms) -> None:
    rooms.put(
        a_campaign("cmp_1", agents=("usr_1", "usr_2")),
        a_campaign("cmp_2", agents=("usr_1",), created_at=LATER),
        a_campaign("cmp_3", agents=("usr_2",)),
    )
    rooms.campaigns.change(rooms.campaigns.get("cmp_3"), {"agents": ("usr_1",)}, LATER)

    def of(subject: str) -> list[str]:
        first = rooms.shelves.of_agent(subject, 2, None)
        if first.next is None:
            return [one.id for one in first.items]
        second = rooms.shelves.of_agent(subject, 2, first.next)
        assert second.next is None
        return [one.id for one in (*first.items, *second.items)]

    assert of("usr_1") == ["cmp_2", "cmp_3", "cmp_1"]
    assert of("usr_2") == ["cmp_1"]


def test_a_combo_is_found_from_both_sides(rooms: Rooms) -> None:
    rooms.put(
        a_campaign("cmp_1", linked_campaigns=("cmp_2",)),
        a_campaign("cmp_2"),
        a_campaign("cmp_3", linked_campaigns=("cmp_1",)),
    )

    def linked(campaign_id: str) -> list[str]:
        return [one.id for one in rooms.shelves.linked(rooms.campaigns.get(campaign_id))]

    assert linked("cmp_1") == ["cmp_2", "cmp_3"]
    assert linked("cmp_2") == ["cmp_1"]
    rooms.campaigns.change(rooms.campaigns.get("cmp_1"), {"linked_campaigns": ()}, LATER)
    assert (linked("cmp_1"), linked("cmp_2")) == (["cmp_3"], [])


def test_what_is_due_within_a_span_comes_in_order(rooms: Rooms) -> None:
    def due(campaign_id: str, minutes: int, **changes: Any) -> Campaign:
        at = NOON + timedelta(minutes=minutes)
        return a_campaign(campaign_id, status=CampaignStatus.SCHEDULED, schedule_at=at, **changes)

    rooms.put(
        due("cmp_1", 59),
        due("cmp_2", 0),
        due("cmp_3", 60),
        due("cmp_4", -1),
        due("cmp_5", 5, office_id=OTHER_OFFICE),
        a_campaign("cmp_6"),
    )

    def within(most: int) -> list[str]:
        return [one.id for one in rooms.shelves.scheduled(OFFICE, NOON, LATER, most)]

    assert within(10) == ["cmp_2", "cmp_1"]
    assert within(1) == ["cmp_2"]


def test_a_deleted_campaign_is_found_nowhere(rooms: Rooms) -> None:
    rooms.put(a_campaign(agents=("usr_1",)))

    rooms.campaigns.delete(rooms.campaigns.get("cmp_1"))

    with pytest.raises(NotFound):
        rooms.campaigns.get("cmp_1")
    assert rooms.ids("draft") == []
    assert rooms.shelves.found((OFFICE,), ("spring",), 10, None).items == ()
    assert rooms.shelves.of_agent("usr_1", 10, None).items == ()


@pytest.mark.parametrize("status", [ACTIVE, CampaignStatus.PROCESSING, CampaignStatus.ARCHIVED])
def test_what_was_launched_meanwhile_is_not_deleted(rooms: Rooms, status: CampaignStatus) -> None:
    rooms.put(in_state(status))

    with pytest.raises(Conflict) as caught:
        rooms.campaigns.delete(in_state(CampaignStatus.DRAFT))

    assert caught.value.code == "campaign_state"
    assert rooms.campaigns.get("cmp_1").status is status


def test_what_has_changed_since_it_was_read_is_not_deleted(rooms: Rooms) -> None:
    rooms.put(a_campaign())
    seen = rooms.campaigns.get("cmp_1")
    rooms.campaigns.change(seen, {"title": "New"}, LATER)

    with pytest.raises(Conflict) as caught:
        rooms.campaigns.delete(seen)

    assert caught.value.code == "version_conflict"


def test_every_campaign_has_a_number_of_its_own_which_stays(rooms: Rooms) -> None:
    first = rooms.campaigns.create(a_campaign("cmp_1", number=0), "d")
    second = rooms.campaigns.create(a_campaign("cmp_2", number=0), "d")
    again = rooms.campaigns.create(a_campaign("cmp_1", number=0), "d")

    assert (first.number, second.number, again.number) == (1, 2, 1)
    assert rooms.campaigns.get("cmp_2").number == 2


# What only the storage can get wrong ------------------------------------------------------


def test_a_page_looks_at_a_bounded_number_of_entries_and_goes_on(client: Any) -> None:
    table = entities.CampaignTable()
    for n in range(7):
        table.create(a_campaign(f"cmp_{n}", tags=("rare",) if n == 0 else ()), "d")
    shelves = DynamoShelves(client, "ControlTable", most_looked_at=3)
    wanted = CampaignFilter(tags=frozenset({"rare"}))

    sizes, position = [], None
    while True:
        page = shelves.page(
            "draft",
            (OFFICE,),
            keep=wanted,
            sort=CampaignSort.CREATED,
            descends=True,
            limit=2,
            after=position,
        )
        sizes.append(len(page.items))
        position = page.next
        if position is None:
            break

    assert sizes == [0, 0, 1]


def test_an_entry_that_a_crash_left_behind_misleads_nobody(client: Any) -> None:
    entities.CampaignTable().create(a_campaign(), "d")
    for pk, sk in (
        schema.title_word_key(OFFICE, "autumn", "cmp_1"),
        schema.title_word_key(OFFICE, "autumn", "cmp_0"),
        (schema.agent_pk("usr_1"), schema.listing_sk("2026", "cmp_1")),
        (schema.campaign_pk("cmp_1"), schema.linked_sk("cmp_0")),
    ):
        item = {"pk": pk, "sk": sk, "id": sk.rpartition("#")[2]}
        client.put_item(TableName="ControlTable", Item={k: {"S": v} for k, v in item.items()})
    shelves = DynamoShelves(client, "ControlTable")

    assert shelves.found((OFFICE,), ("autumn",), 10, None).items == ()
    assert shelves.of_agent("usr_1", 10, None).items == ()
    assert shelves.linked(a_campaign()) == []


def _stands_at(client: Any, campaign_id: str = "cmp_1") -> dict[str, str]:
    key = {"pk": {"S": schema.campaign_pk(campaign_id)}, "sk": {"S": "CMP"}}
    item = client.get_item(TableName="ControlTable", Key=key)["Item"]
    names = (schema.SHELF, schema.UPDATED_PLACE, schema.DATED_PLACE, schema.TITLE_PLACE)
    return {name: item[name]["S"] for name in names}


def _places(campaign: Campaign) -> dict[str, str]:
    return {
        schema.SHELF: f"{campaign.office_id}#{campaign.tab}",
        schema.UPDATED_PLACE: place_in(CampaignSort.UPDATED, campaign),
        schema.DATED_PLACE: place_in(CampaignSort.LAUNCHED, campaign),
        schema.TITLE_PLACE: place_in(CampaignSort.TITLE, campaign),
    }


def test_whoever_writes_a_campaigns_state_writes_its_places_with_it(client: Any) -> None:
    table = entities.CampaignTable()
    plans = DynamoCampaignPlans(client, "ControlTable")
    directory = DynamoDirectory(client, "ControlTable")
    table.create(in_state(CampaignStatus.SCHEDULED, schedule_at=NOON), "d")

    def stands() -> bool:
        return _stands_at(client) == _places(table.get("cmp_1"))

    def plan() -> Any:
        return plans.planning("cmp_1")[1]

    steps: list[Any] = [
        lambda: table.change(table.get("cmp_1"), {"title": "New"}, LATER),
        lambda: plans.hold(table.get("cmp_1"), "No.", LATER),
        lambda: table.transition(
            table.get("cmp_1"), Action.SCHEDULE, LATER, changes={"schedule_at": NOON}
        ),
        lambda: plans.launch(table.get("cmp_1"), LATER),
        lambda: plans.reject(table.get("cmp_1"), "No.", LATER),
        lambda: table.transition(
            table.get("cmp_1"), Action.LAUNCH, LATER, changes={"launched_at": LATER}
        ),
        lambda: plans.activate(table.get("cmp_1"), plan(), [], LATER + timedelta(hours=1)),
        lambda: directory.pause_campaign(table.get("cmp_1"), HoldReason.ACCOUNT, LATER),
        lambda: directory.settle_campaign("cmp_1", LATER + timedelta(hours=2)),
    ]
    assert stands()
    for number, step in enumerate(steps):
        assert step(), number
        assert stands(), number
