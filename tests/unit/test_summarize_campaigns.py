"""All campaigns within a time frame: filters, the list and its CSV, series, comparison, usage."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.usecases.compare_campaigns import compare_campaigns
from carillon.usecases.fold_changes import Aggregator
from carillon.usecases.read_analytics import AnalyticsWorld
from carillon.usecases.read_series import campaign_activity, response_series
from carillon.usecases.read_usage import usage
from carillon.usecases.summarize_campaigns import campaign_csv, campaign_list, summary
from tests.support.counters import (
    NOON,
    OFFICE,
    FakeCatalogue,
    FakeCounters,
    StillClock,
    a_campaign,
    a_change,
    a_lead,
    a_step,
    an_inbound,
    at,
    campaign_of,
    part,
)
from tests.support.sending import a_sender

ADMIN = Access(Caller("usr_1", Role.ADMIN, frozenset()), Scope.ALL)
ANALYST = Access(Caller("usr_2", Role.ANALYST, frozenset({OFFICE})), Scope.OWN)
DAY = timedelta(days=1)
MINUTES_A_DAY = 24 * 60
DELIVERED = a_lead(
    status="delivered", submitted_at=at(1), final_at=at(2), replied_at=at(3), sender_id="snd_1"
)
SENT = a_lead(status="delivered", submitted_at=at(1), final_at=at(2), sender_id="snd_1")

AUTUMN = a_campaign("cmp_autumn", title="Autumn", tags=("vip", "north"), operated_by="assistant")
WINTER = a_campaign(
    "cmp_winter",
    title="=Winter",
    status=CampaignStatus.FINISHED,
    finished_at=NOON,
    launched_at=NOON - DAY,
    tags=("vip",),
    type="survey",
)
# Over for a month, and somebody answers it today.
SPRING = a_campaign(
    "cmp_spring",
    title="Spring",
    status=CampaignStatus.ARCHIVED,
    launched_at=NOON - 40 * DAY,
    finished_at=NOON - 30 * DAY,
    updated_at=NOON - 30 * DAY,
)
ELSEWHERE = a_campaign("cmp_far", office_id="off_2", tags=("vip",))
ROWS = {
    AUTUMN: (DELIVERED, SENT, an_inbound(received_at=at(3)), an_inbound(received_at=at(70))),
    WINTER: (SENT, a_step(sender_id="snd_1", mms=True)),
    SPRING: (
        an_inbound(received_at=at(16)),
        {**DELIVERED, "submitted_at": at(-40 * MINUTES_A_DAY)},
    ),
    ELSEWHERE: ({**DELIVERED, "office_id": "off_2"},),
}


def a_world(rows: dict[Campaign, tuple[dict[str, Any], ...]] | None = None) -> AnalyticsWorld:
    """Return a world in which the campaigns' rows have been counted."""
    counters, known = FakeCounters(), ROWS if rows is None else rows
    for campaign, own in known.items():
        changes = [a_change(n, row, partition=part(0, campaign.id)) for n, row in enumerate(own, 1)]
        Aggregator(counters, StillClock(), campaign_of).fold_changes(changes)
    catalogue = FakeCatalogue(
        *known,
        offices=(OFFICE, "off_2"),
        senders=(a_sender("snd_1", office_id=OFFICE), a_sender("snd_2", office_id="off_2")),
    )
    return AnalyticsWorld(counters, catalogue, StillClock())


@pytest.mark.parametrize(
    ("query", "messaged", "responses", "total"),
    [
        pytest.param({}, 5, 3, 3, id="nothing asked: everything in reach"),
        pytest.param({"office_id": OFFICE}, 4, 3, 2, id="an office"),
        pytest.param({"tags": "vip"}, 4, 2, 3, id="a tag"),
        pytest.param({"tags": "north, vip"}, 2, 2, 1, id="two tags"),
        pytest.param({"tags": "north, south"}, 0, 0, 0, id="a tag that it has not"),
        pytest.param({"campaign_status": "finished"}, 1, 0, 1, id="a status"),
        pytest.param({"campaign_status": "archived"}, 1, 1, 0, id="over before, answered today"),
        pytest.param({"campaign_type": "survey"}, 1, 0, 1, id="a type"),
        pytest.param({"operated_by": "assistant"}, 2, 2, 1, id="operated by"),
        pytest.param(
            {"tags": "vip", "operated_by": "agent", "office_id": OFFICE}, 1, 0, 1, id="all of these"
        ),
        pytest.param({"tags": "nobody's"}, 0, 0, 0, id="none"),
    ],
)
def test_filters_combine_and_choose_whose_messages_count(
    query: dict[str, str], messaged: int, responses: int, total: int
) -> None:
    """T4: filters are combinable."""
    answer = summary({"preset": "today", **query}, ADMIN, a_world())

    figures = answer["metrics"]
    assert figures["contacts_messaged"]["value"] == messaged
    assert figures["total_contact_responses"]["value"] == responses
    assert answer["campaigns"]["total"] == total
    assert answer["filters"] == query


def test_a_filter_that_leaves_nothing_out_changes_nothing() -> None:
    query = {"preset": "last_30_days", "zone": "Asia/Kathmandu"}
    every_status = {"campaign_status": ",".join(CampaignStatus)}

    plain, filtered = (summary({**query, **more}, ADMIN, a_world()) for more in ({}, every_status))

    assert filtered["metrics"] == plain["metrics"]
    assert filtered["campaigns"] == plain["campaigns"]


def test_only_what_happened_within_the_frame_counts_for_a_filter() -> None:
    frame = {"from": "2026-11-22T12:00:00Z", "to": "2026-11-22T13:00:00Z"}

    answer = summary({**frame, "tags": "vip"}, ANALYST, a_world())

    # The second answer came ten minutes later.
    assert answer["metrics"]["total_contact_responses"]["value"] == 1


@pytest.mark.parametrize("office_id", ["off_2", "off_absent"])
def test_another_office_s_figures_look_like_an_absent_one_s(office_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        summary({"office_id": office_id}, ANALYST, a_world())

    assert refused.value.code == "office_not_found"


def listed(query: dict[str, str], **page: Any) -> tuple[list[dict[str, Any]], Any]:
    shown, rest = campaign_list(query, ADMIN, a_world(), **{"limit": 50, "position": None, **page})
    return shown["items"], rest


def test_the_list_has_what_was_launched_within_the_frame_newest_first() -> None:
    rows, rest = listed({"preset": "last_7_days"})

    assert [(r["campaign_id"], r["messaged"], r["responded"], r["rate"]) for r in rows] == [
        ("cmp_autumn", 2, 1, 50.0),
        ("cmp_far", 1, 1, 100.0),
        ("cmp_winter", 1, 0, 0.0),
    ]
    assert rows[0]["mode"] == "assistant"
    assert rows[2]["launched_at"] == "2026-11-21T12:00:00.000Z"
    assert rest is None


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("title", "asc", ["cmp_winter", "cmp_autumn", "cmp_far"]),
        ("messaged", "desc", ["cmp_autumn", "cmp_far", "cmp_winter"]),
        ("rate", "asc", ["cmp_winter", "cmp_autumn", "cmp_far"]),
        ("mode", "desc", ["cmp_autumn", "cmp_far", "cmp_winter"]),
        ("launched", "asc", ["cmp_winter", "cmp_autumn", "cmp_far"]),
    ],
)
def test_the_list_is_sorted_by_what_is_asked(sort: str, order: str, expected: list[str]) -> None:
    """T5: sortable by its figures."""
    rows, _ = listed({"preset": "last_7_days", "sort": sort, "order": order})

    assert [row["campaign_id"] for row in rows] == expected


def test_pages_follow_each_other_and_the_csv_has_the_same_rows() -> None:
    """T5: the export holds exactly the rows shown."""
    query = {"preset": "last_7_days", "sort": "title", "order": "asc"}
    first, rest = listed(query, limit=1)
    second, _ = listed(query, limit=1, position=rest)

    text = campaign_csv(query, ADMIN, a_world(), limit=1, position=None)

    assert [r["campaign_id"] for r in (*first, *second)] == ["cmp_winter", "cmp_autumn"]
    # A title that a spreadsheet would run as a formula is made text.
    assert text.splitlines() == [
        "campaign_id,title,launched_at,created_by,mode,messaged,responded,rate",
        "cmp_winter,'=Winter,2026-11-21T12:00:00.000Z,usr_1,agent,1,0,0.0",
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sort": "colour"}, "sort"),
        ({"order": "sideways"}, "order"),
        ({"campaign_status": "active,lost"}, "campaign_status"),
    ],
)
def test_a_list_refuses_what_it_does_not_know(query: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        listed(query)

    assert refused.value.field == field


@pytest.mark.parametrize("position", [{"offset": "-1"}, {"offset": "x"}, {"after": "1"}])
def test_a_list_refuses_another_listing_s_cursor(position: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        listed({}, position=position)

    assert refused.value.code == "cursor_invalid"


def test_responses_are_charted_in_the_zone_that_is_asked_for() -> None:
    answer = response_series({"preset": "today", "zone": "Asia/Kathmandu"}, ANALYST, a_world())

    # 12:03 and 12:16 UTC are 17:48 and 18:01 there, 13:10 is 18:55.
    assert {n: c for n, c in enumerate(answer["responses_by_hour"]) if c} == {17: 1, 18: 2}
    assert answer["responses_by_weekday"] == [0, 0, 0, 0, 0, 0, 3]
    assert answer["responses_by_date"] == [{"date": "2026-11-22", "responses": 3}]
    assert answer["launches_by_date"] == [{"date": "2026-11-22", "launches": 1}]


def test_a_filtered_series_is_that_of_the_campaigns_asked_for() -> None:
    of_tag = response_series({"preset": "today", "tags": "vip"}, ANALYST, a_world())
    of_all = response_series({"preset": "all", "tags": "vip"}, ANALYST, a_world())

    assert {n: c for n, c in enumerate(of_tag["responses_by_hour"]) if c} == {12: 1, 13: 1}
    # "All" begins with the first date on which anything happened.
    assert of_all["launches_by_date"] == [
        {"date": "2026-11-21", "launches": 1},
        {"date": "2026-11-22", "launches": 1},
    ]


def test_every_date_of_a_frame_is_charted_and_none_of_nothing() -> None:
    week = response_series({"preset": "last_7_days"}, ANALYST, a_world({}))
    ever = response_series({"preset": "all"}, ANALYST, a_world({}))

    assert [day["responses"] for day in week["responses_by_date"]] == [0] * 7
    assert ever["responses_by_date"] == []


def test_activity_goes_on_to_now_while_a_campaign_runs() -> None:
    running = a_campaign("cmp_autumn", launched_at=NOON - 5 * DAY)
    world = a_world({running: ROWS[AUTUMN]})

    answer = campaign_activity("cmp_autumn", {}, ANALYST, world)

    assert (answer["granularity"], len(answer["buckets"])) == ("day", 6)
    assert answer["buckets"][-1] == {
        "at": "2026-11-22",
        "messages": 2,
        "delivered": 2,
        "responses": 2,
    }


def test_activity_of_a_campaign_that_is_over_goes_to_the_last_thing_that_happened() -> None:
    over = a_campaign(
        "cmp_over",
        status=CampaignStatus.FINISHED,
        launched_at=NOON - DAY,
        finished_at=NOON - DAY / 2,
    )
    answer = campaign_activity("cmp_over", {}, ANALYST, a_world({over: (SENT,)}))
    late = campaign_activity(
        "cmp_over", {}, ANALYST, a_world({over: (SENT, an_inbound(received_at=at(4000)))})
    )

    assert (answer["granularity"], answer["to"]) == ("day", "2026-11-22T12:15:00.000Z")
    assert late["to"] == "2026-11-25T06:45:00.000Z"


def test_a_draft_has_no_activity() -> None:
    draft = a_campaign("cmp_draft", status=CampaignStatus.DRAFT, launched_at=None)

    answer = campaign_activity("cmp_draft", {}, ANALYST, a_world({draft: ()}))

    assert (answer["granularity"], answer["buckets"]) == (None, [])


def test_two_campaigns_are_compared_in_the_order_asked_for() -> None:
    """T6: rates side by side, with a verdict."""
    answer = compare_campaigns({"campaign_ids": "cmp_winter,cmp_autumn"}, ANALYST, a_world())

    assert [(one["campaign_id"], one["response_rate"]) for one in answer["campaigns"]] == [
        ("cmp_winter", 0.0),
        ("cmp_autumn", 50.0),
    ]
    assert answer["response_rate"]["verdict"] == "no_difference_shown"


@pytest.mark.parametrize(
    "ids", ["", "cmp_autumn", "cmp_autumn,cmp_autumn", ",".join("abcdefghijk")]
)
def test_fewer_than_two_and_more_than_ten_are_not_compared(ids: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        compare_campaigns({"campaign_ids": ids}, ADMIN, a_world())

    assert refused.value.field == "campaign_ids"


def test_a_campaign_out_of_reach_is_not_compared() -> None:
    with pytest.raises(NotFound):
        compare_campaigns({"campaign_ids": "cmp_autumn,cmp_far"}, ANALYST, a_world())


def test_usage_is_told_by_office_sender_and_channel() -> None:
    """T8: by period, sender, office and channel."""
    answer = usage({"preset": "today"}, ADMIN, a_world())

    assert {name: answer["total"][name] for name in ("messages", "segments")} == {
        "messages": 5,
        "segments": 4,
    }
    assert [(one["office_id"], one["messages"]) for one in answer["by_office"]] == [
        (OFFICE, 4),
        ("off_2", 1),
    ]
    # The lead of long ago went out of this period; what it was answered did not.
    assert [(one["sender_id"], one["messages"]) for one in answer["by_sender"]] == [("snd_1", 5)]
    assert answer["by_channel"] == [
        {"channel": "sms", "messages": 4, "segments": 4},
        {"channel": "mms", "messages": 1, "segments": 0},
    ]
    assert answer["zone"] == "UTC"


def test_usage_is_of_whole_days() -> None:
    with pytest.raises(InvalidInput) as refused:
        usage({"from": "2026-11-22T12:00:00Z"}, ADMIN, a_world())

    assert refused.value.field == "from"
