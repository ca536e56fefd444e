"""What the analytics read of the counters: the same sums in memory and in DynamoDB, as counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.counter_attributes import (
    quarter_attributes,
    quarters_in,
    sum_attributes,
    sums_in,
)
from carillon.adapters.dynamodb.counters import DynamoBooks
from carillon.adapters.dynamodb.figures import DynamoFigures, range_of
from carillon.domain.books import PartBook, fold_of
from carillon.domain.clock import to_iso
from carillon.domain.counters import Contribution, contribution, total_of
from carillon.domain.timeframe import TimeFrame
from tests.support.counters import OFFICE, FakeCounters, a_change, a_lead, an_inbound, part
from tests.support.tables import create_tables

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
CAMPAIGNS = ("cmp_1", "cmp_2", "cmp_3")
DAY = timedelta(days=1)


class Table(DynamoBooks, DynamoFigures):
    """Writing and reading sides over one counters table."""


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def counters(request: pytest.FixtureRequest) -> FakeCounters | Table:
    if request.param == "memory":
        return FakeCounters()
    return Table(request.getfixturevalue("dynamodb"), "CountersTable")


def _rows() -> list[tuple[str, dict[str, Any]]]:
    """Return rows of three campaigns between October 2025 and February 2027, most in November."""
    dice, rows = Random(5), []
    for number in range(60):
        quarters = dice.randrange(-96 * 380, 96 * 90) if number % 3 else dice.randrange(96 * 30)
        moment = NOVEMBER + timedelta(minutes=15 * quarters + dice.randrange(15))
        sent = {"submitted_at": to_iso(moment), "final_at": to_iso(moment + timedelta(minutes=40))}
        row = dice.choice(
            [
                an_inbound(received_at=to_iso(moment)),
                a_lead(status="delivered", sender_id="snd_1", **sent),
                a_lead(status="failed", error_code="30003", **sent),
            ]
        )
        rows.append((dice.choice(CAMPAIGNS), row))
    return rows


ROWS = _rows()
FEW = ROWS[:15]
# In quarter hours from November's first.
FRAMES = [
    (0, 96 * 30),  # a month
    (-96 * 31, 96 * 61),  # three months
    (-96 * 400, 96 * 120),  # all, over two new years
    (23, 96 * 30 + 23),  # a month, five hours and three quarters late
    (-96 * 20 + 5, 96 * 40 - 7),  # the ends of two months and one between
    (96 * 3 + 40, 96 * 3 + 90),  # within a day
    (96 * 30, 96 * 31),  # the first of a month
]


def _count(counters: FakeCounters | Table, rows: list[tuple[str, dict[str, Any]]]) -> None:
    books: dict[str, PartBook] = {}
    for number in range(0, len(rows), 30):
        for campaign_id in CAMPAIGNS:
            name = part(0, campaign_id)
            changes = [
                a_change(number + place, row, partition=name)
                for place, (owner, row) in enumerate(rows[number : number + 30], 1)
                if owner == campaign_id
            ]
            known = {name: books.get(name, PartBook())}
            counters.commit(fold_of(campaign_id, {name: changes}, known), number % 4)
            books |= counters.part_books([name])


def _expected(
    campaign_id: str, frame: TimeFrame, rows: list[tuple[str, dict[str, Any]]] = ROWS
) -> dict[str, dict[str, int]]:
    """Return what the rows of a campaign add within *frame*, by quarter hour, added up here."""
    added = Contribution()
    for owner, row in rows:
        if owner == campaign_id:
            added.merge(contribution(row))
    first, behind = range_of(frame)
    return {q: own for q, own in added.quarters.items() if first <= q < behind}


def test_every_frame_is_the_sum_of_what_happened_in_it(counters: FakeCounters | Table) -> None:
    _count(counters, ROWS)

    for start, end in FRAMES:
        frame = TimeFrame(
            NOVEMBER + timedelta(minutes=15 * start), NOVEMBER + timedelta(minutes=15 * end)
        )
        expected = {one: _expected(one, frame) for one in CAMPAIGNS}
        everything = [own for quarters in expected.values() for own in quarters.values()]
        responses = {
            one: {q: own["inbound"] for q, own in quarters.items() if "inbound" in own}
            for one, quarters in expected.items()
        }
        by_quarter: dict[str, int] = {}
        for quarters in responses.values():
            for quarter, amount in quarters.items():
                by_quarter[quarter] = by_quarter.get(quarter, 0) + amount

        assert counters.campaigns_within(OFFICE, frame) == {
            one: total_of(quarters.values()) for one, quarters in expected.items() if quarters
        }
        assert counters.office_totals(OFFICE, frame) == total_of(everything)
        assert counters.office_responses(OFFICE, frame) == by_quarter
        assert counters.responses_of_campaigns(OFFICE, frame) == {
            one: own for one, own in responses.items() if own
        }
    assert counters.campaigns_within("off_2", frame) == {}


def test_a_campaign_s_history_is_all_of_its_quarter_hours(counters: FakeCounters | Table) -> None:
    _count(counters, FEW)
    ever = TimeFrame(NOVEMBER - 900 * DAY, NOVEMBER + 900 * DAY)

    history = counters.campaign_history("cmp_2")

    assert history == _expected("cmp_2", ever, FEW)
    assert list(history) == sorted(history)


def test_a_sender_s_period_ends_before_its_last_day(counters: FakeCounters | Table) -> None:
    _count(counters, FEW)
    days = counters.sender_counts("snd_1").days
    first, *_, last = sorted(days)

    assert counters.sender_within("snd_1", first, last) == total_of(
        own for day, own in days.items() if day != last
    )
    assert counters.sender_within("snd_1", last, "2030-01-01") == days[last]


def test_the_newest_quarters_are_cut_at_the_number_asked_for(
    counters: FakeCounters | Table,
) -> None:
    _count(counters, FEW)

    newest = counters.campaign_quarters("cmp_1", 2)

    assert list(newest) == list(counters.campaign_history("cmp_1"))[-2:]


def test_attributes_tell_sums_from_quarters_and_keep_every_name() -> None:
    counts = {"submitted": 1, "inbound": 2, "fail#30003": 3, "w#12": 4, "v#a#submitted": 5}

    item = {**sum_attributes(counts), **quarter_attributes("2026-11-22T11:45Z", counts)}

    assert item["a"] == item["a47"] == 1
    assert item["fail#30003"] == item["fail#30003@47"] == 3
    assert sums_in(item) == counts
    assert list(quarters_in("2026-11-22", item)) == [
        ("2026-11-22T11:45Z", name, amount) for name, amount in counts.items()
    ]
