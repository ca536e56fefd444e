"""The counters table, in memory and in DynamoDB: one suite, so that the fake cannot lie."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from carillon.adapters.dynamodb.counters import DynamoBooks, DynamoMessageRows
from carillon.adapters.dynamodb.figures import DynamoFigures
from carillon.domain.books import Advance, Change, CommitOutcome, Fold, PartBook, fold_of
from carillon.domain.clock import to_iso
from carillon.domain.counters import SenderCounts
from carillon.domain.recount import RecountReport, RecountState
from carillon.domain.timeframe import TimeFrame
from tests.bench.capacity import WRITE_UNIT_BYTES, item_bytes
from tests.support.counters import (
    CAMPAIGN,
    NOON,
    OFFICE,
    FakeCounters,
    FakeMessages,
    a_change,
    a_lead,
    an_inbound,
    at,
    part,
)
from tests.support.tables import create_tables


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        yield client


class Table(DynamoBooks, DynamoFigures):
    """Writing and reading sides over one counters table."""


@pytest.fixture(params=["memory", "dynamodb"])
def counters(request: pytest.FixtureRequest) -> FakeCounters | Table:
    if request.param == "memory":
        return FakeCounters()
    return Table(request.getfixturevalue("dynamodb"), "CountersTable")


def a_fold(*changes: Change, books: Mapping[str, PartBook] | None = None) -> Fold:
    pieces: dict[str, list[Change]] = {}
    for change in changes:
        pieces.setdefault(change.partition, []).append(change)
    known = {name: PartBook() for name in pieces} | dict(books or {})
    return fold_of(CAMPAIGN, pieces, known)


DELIVERED = a_lead(status="delivered", submitted_at=at(1), final_at=at(16), segments=2)
FAILED = a_lead(status="failed", submitted_at=at(1), final_at=at(16), error_code="30003")


def test_a_fold_reaches_books_lanes_quarters_and_office(counters: FakeCounters | Table) -> None:
    outcome = counters.commit(
        a_fold(a_change(1, DELIVERED), a_change(2, FAILED, partition=part(1))), 0
    )

    assert outcome is CommitOutcome.DONE
    books = counters.part_books([part(0), part(1), part(2)])
    assert books[part(0)] == PartBook(
        position="1".zfill(40), applied=1, counts={"submitted": 1, "segments": 2, "delivered": 1}
    )
    assert books[part(1)].counts == {
        "submitted": 1,
        "segments": 1,
        "failed_provider": 1,
        "fail#30003": 1,
    }
    assert books[part(2)] == PartBook()
    total = {"submitted": 2, "segments": 3, "delivered": 1, "failed_provider": 1, "fail#30003": 1}
    assert counters.lanes(CAMPAIGN) == total
    assert counters.campaign_totals(CAMPAIGN) == (total, None)
    assert counters.quarters(CAMPAIGN) == {
        "2026-11-22T12:00Z": {"submitted": 2, "segments": 3},
        "2026-11-22T12:15Z": {"delivered": 1, "failed_provider": 1, "fail#30003": 1},
    }
    day = TimeFrame(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
    assert counters.office_totals(OFFICE, day) == total


def test_a_repeated_fold_is_refused_and_changes_nothing(counters: FakeCounters | Table) -> None:
    fold = a_fold(a_change(1, a_lead()))
    counters.commit(fold, 0)

    again = counters.commit(fold, 1)

    assert again is CommitOutcome.MOVED
    assert counters.lanes(CAMPAIGN) == {"claimed": 1}


def test_a_fold_from_an_older_stand_of_the_book_is_refused(counters: FakeCounters | Table) -> None:
    counters.commit(a_fold(a_change(1, a_lead())), 0)
    stale = counters.part_books([part()])
    counters.commit(a_fold(a_change(2, a_lead()), books=stale), 0)

    outcome = counters.commit(a_fold(a_change(2, a_lead()), books=stale), 0)

    assert outcome is CommitOutcome.MOVED
    assert counters.lanes(CAMPAIGN) == {"claimed": 2}


def test_one_moved_book_cancels_the_whole_fold(counters: FakeCounters | Table) -> None:
    counters.commit(a_fold(a_change(1, a_lead(), partition=part(1))), 0)
    fold = a_fold(a_change(2, a_lead()), a_change(3, a_lead(), partition=part(1)))

    outcome = counters.commit(fold, 0)

    assert outcome is CommitOutcome.MOVED
    assert counters.part_books([part(0)])[part(0)] == PartBook()
    assert counters.lanes(CAMPAIGN) == {"claimed": 1}


def test_lanes_and_later_folds_add_up_and_zeros_vanish(counters: FakeCounters | Table) -> None:
    counters.commit(a_fold(a_change(1, a_lead())), 0)
    book = counters.part_books([part()])

    outcome = counters.commit(a_fold(a_change(2, DELIVERED, old=a_lead()), books=book), 3)

    assert outcome is CommitOutcome.DONE
    assert counters.lanes(CAMPAIGN) == {"submitted": 1, "segments": 2, "delivered": 1}
    assert counters.part_books([part()])[part()].applied == 2


def test_a_book_keeps_marks_and_expiries(counters: FakeCounters | Table) -> None:
    marked = a_change(1, {**DELIVERED, "recount_mark": "rct_1"}, old=DELIVERED)
    removed = Change(part(), "2", DELIVERED, None, expired=True)

    counters.commit(a_fold(marked, removed), 0)

    book = counters.part_books([part()])[part()]
    assert (book.mark, book.applied, book.expired, book.counts) == ("rct_1", 2, 1, {})


def test_more_books_than_one_request_takes_are_read(counters: FakeCounters | Table) -> None:
    names = [part(number) for number in range(230)]
    counters.commit(a_fold(a_change(1, a_lead(), partition=part(229))), 0)

    books = counters.part_books(names)

    assert list(books) == names
    assert [name for name, book in books.items() if book.applied] == [part(229)]


def test_the_newest_quarters_come_in_order(counters: FakeCounters | Table) -> None:
    books: dict[str, PartBook] = {}
    for number in range(1, 7):
        change = a_change(number, an_inbound(received_at=at(15 * number)))
        counters.commit(a_fold(change, books=books), number % 2)
        books = counters.part_books([part()])

    newest = counters.campaign_quarters(CAMPAIGN, 100)

    assert list(newest) == [
        f"2026-11-22T{t}Z" for t in ("12:15", "12:30", "12:45", "13:00", "13:15", "13:30")
    ]


def test_a_sender_has_its_days_and_its_lifetime_over_months_and_lanes(
    counters: FakeCounters | Table,
) -> None:
    new_year = {"submitted_at": "2026-12-31T23:59:59.999Z", "final_at": "2027-01-01T00:00:00.000Z"}
    delivered = a_lead(sender_id="snd_1", status="delivered", segments=2, **new_year)
    failed = {**delivered, "status": "failed", "error_code": "telnyx:40300"}
    counters.commit(a_fold(a_change(1, delivered), a_change(2, failed)), 0)
    book = counters.part_books([part()])
    counters.commit(
        a_fold(
            a_change(3, {**delivered, "sender_id": "snd_2"}),
            a_change(4, {**delivered, "submitted_at": "2026-12-01T08:00:00.000Z"}),
            books=book,
        ),
        3,
    )

    counted = counters.sender_counts("snd_1")

    assert counted.ever == {
        "submitted": 3,
        "segments": 6,
        "delivered": 2,
        "failed_provider": 1,
        "fail#telnyx:40300": 1,
    }
    assert counted.days == {
        "2026-12-01": {"submitted": 1, "segments": 2},
        "2026-12-31": {"submitted": 2, "segments": 4},
        "2027-01-01": {"delivered": 2, "failed_provider": 1},
    }
    assert counters.sender_counts("snd_2").ever["submitted"] == 1
    assert counters.sender_counts("snd_9") == SenderCounts({}, {})


def test_what_moves_to_another_day_leaves_nothing_behind(counters: FakeCounters | Table) -> None:
    unconfirmed = a_lead(sender_id="snd_1", status="delivered", final_at=at(0), submitted_at=at(0))
    counters.commit(a_fold(a_change(1, unconfirmed)), 0)
    book = counters.part_books([part()])
    later = {**unconfirmed, "final_at": at(24 * 60)}

    outcome = counters.commit(a_fold(a_change(2, later, old=unconfirmed), books=book), 1)

    assert outcome is CommitOutcome.DONE
    assert counters.sender_counts("snd_1").days == {
        "2026-11-22": {"submitted": 1, "segments": 1},
        "2026-11-23": {"delivered": 1},
    }


def test_a_sender_s_fullest_month_stays_one_write_unit(dynamodb: Any) -> None:
    table = Table(dynamodb, "CountersTable")
    for day in range(1, 32):
        date = f"2026-12-{day:02d}"
        daily = {"submitted": 9999, "delivered": 9500, "failed_provider": 499, "segments": 15000}
        codes = {f"fail#3000{n}": 50 for n in range(1, 10)}
        fold = replace(
            ONE_STEP, advances=(), sender_days={(f"snd_{16 * 'x'}", date): daily | codes}
        )
        assert table.commit(fold, 0) is CommitOutcome.DONE

    (item,) = dynamodb.scan(TableName="CountersTable")["Items"]

    assert item_bytes(item) <= WRITE_UNIT_BYTES


DAYS = datetime(2026, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(0, 96 * 40, id="all of it"),
        pytest.param(96, 96 * 3, id="whole days over the end of a month"),
        pytest.param(50, 60, id="within a day"),
        pytest.param(50, 96, id="to midnight"),
        pytest.param(96, 97, id="the first quarter of a day"),
        pytest.param(90, 100, id="over midnight"),
        pytest.param(20, 96 * 2 + 20, id="a local day and more"),
        pytest.param(20, 96 * 34 + 22, id="over two months"),
        pytest.param(5, 6, id="one quarter"),
    ],
)
def test_an_office_counts_exactly_what_lies_in_the_frame(
    counters: FakeCounters | Table, start: int, end: int
) -> None:
    quarters = [
        0,
        5,
        6,
        19,
        20,
        49,
        50,
        59,
        60,
        95,
        96,
        97,
        100,
        191,
        192,
        212,
        96 * 33,
        96 * 34 + 21,
    ]
    changes = [
        a_change(n, an_inbound(received_at=to_iso(DAYS + timedelta(minutes=15 * quarter + 14))))
        for n, quarter in enumerate(quarters, 1)
    ]
    counters.commit(a_fold(*changes), 0)
    frame = TimeFrame(DAYS + timedelta(minutes=15 * start), DAYS + timedelta(minutes=15 * end))

    counted = counters.office_totals(OFFICE, frame)

    assert counted.get("inbound", 0) == sum(start <= quarter < end for quarter in quarters)
    assert counters.office_totals("off_other", frame) == {}


def test_a_part_is_corrected_only_while_its_book_stands(counters: FakeCounters | Table) -> None:
    counters.commit(a_fold(a_change(1, a_lead())), 0)
    book = counters.part_books([part()])[part()]

    first = counters.correct_part(CAMPAIGN, part(), book, {"claimed": -1, "delivered": 1})
    second = counters.correct_part(CAMPAIGN, part(), book, {"claimed": -1, "delivered": 1})

    assert (first, second) == (True, False)
    assert counters.lanes(CAMPAIGN) == {"delivered": 1}
    corrected = counters.part_books([part()])[part()]
    assert (corrected.counts, corrected.healed) == ({"delivered": 1}, 1)
    assert counters.correct_part(CAMPAIGN, part(), corrected, {"delivered": 1})


def test_a_campaign_is_corrected_once_per_version(counters: FakeCounters | Table) -> None:
    fold = Fold(
        campaign_id=CAMPAIGN,
        advances=(),
        totals={"delivered": 2},
        quarters={"2026-11-22T12:00Z": {"delivered": 1}},
        office_quarters={(OFFICE, "2026-11-22T12:00Z"): {"delivered": 1}},
    )
    version = counters.recount_version(CAMPAIGN)

    first = counters.correct_campaign(fold, version)
    second = counters.correct_campaign(fold, version)

    assert (version, first, second) == (0, True, False)
    assert counters.lanes(CAMPAIGN) == {"delivered": 2}
    assert counters.quarters(CAMPAIGN) == {"2026-11-22T12:00Z": {"delivered": 1}}
    assert counters.correct_campaign(fold, counters.recount_version(CAMPAIGN))


def test_a_correction_of_whole_days_is_written_in_expressions_that_dynamodb_takes(
    dynamodb: Any,
) -> None:
    table, longest = Table(dynamodb, "CountersTable"), []

    def measure(params: Any, **_: Any) -> None:
        writes = [write["Update"] for write in params["TransactItems"]]
        keys = {(one["Key"]["pk"]["S"], one["Key"]["sk"]["S"]) for one in writes}
        assert len(keys) == len(writes)
        longest.append(max(len(one["UpdateExpression"]) for one in writes))

    dynamodb.meta.events.register("before-parameter-build.dynamodb.TransactWriteItems", measure)
    counts = dict.fromkeys(("submitted", "delivered", "inbound", "responded", "segments"), 1)
    quarters = {
        to_iso(NOON + timedelta(minutes=15 * n))[:16] + "Z": {**counts, f"fail#{n % 9}": 2}
        for n in range(-48, 96)
    }
    fold = replace(
        ONE_STEP,
        advances=(),
        quarters=quarters,
        office_quarters={(OFFICE, quarter): own for quarter, own in quarters.items()},
    )

    assert table.correct_campaign(fold, 0)

    assert max(longest) < 4096
    assert table.quarters(CAMPAIGN) == quarters
    month = TimeFrame(NOON.replace(day=1, hour=0), NOON.replace(month=12, day=1, hour=0))
    within = table.campaigns_within(OFFICE, month)
    # The days, the months and the office's own are healed by the same amounts.
    assert within == {CAMPAIGN: table.office_totals(OFFICE, month)}
    assert within[CAMPAIGN]["inbound"] == len(quarters)


def test_the_last_recount_is_kept_beside_the_totals(counters: FakeCounters | Table) -> None:
    report = RecountReport(
        campaign_id=CAMPAIGN,
        at=NOON,
        state=RecountState.HEALED,
        unsettled=3,
        drift={"delivered": -1, "fail#30003": 2},
    )
    counters.commit(a_fold(a_change(1, a_lead())), 0)

    counters.note_recount(report)

    assert counters.campaign_totals(CAMPAIGN) == ({"claimed": 1}, report)
    assert counters.lanes(CAMPAIGN) == {"claimed": 1}


# The messages table -----------------------------------------------------------


@pytest.fixture(params=["memory", "dynamodb"])
def messages(request: pytest.FixtureRequest) -> FakeMessages | DynamoMessageRows:
    rows = {"aa": DELIVERED, "aa#in#SM1": an_inbound(), "bb": a_lead(mms=True)}
    if request.param == "memory":
        fake = FakeMessages()
        for sk, row in rows.items():
            fake.write(part(), sk, row)
        return fake
    client = request.getfixturevalue("dynamodb")
    for sk, row in rows.items():
        item = {"pk": part(), "sk": sk, "phone": "+12025550100", "body": "secret", **row}
        client.put_item(TableName="MessagesTable", Item={k: _typed(v) for k, v in item.items()})
    return DynamoMessageRows(client, "MessagesTable")


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def test_rows_are_read_as_what_counts(messages: FakeMessages | DynamoMessageRows) -> None:
    assert messages.rows(part()) == {
        "aa": DELIVERED,
        "aa#in#SM1": an_inbound(),
        "bb": a_lead(mms=True),
    }
    assert messages.rows(part(1)) == {}


def test_a_mark_is_set_on_a_row_that_is_there(messages: FakeMessages | DynamoMessageRows) -> None:
    marked = messages.mark(part(), "aa", "rct_1")
    absent = messages.mark(part(), "zz", "rct_1")

    assert (marked, absent) == (True, False)
    assert messages.rows(part())["aa"] == {**DELIVERED, "recount_mark": "rct_1"}
    assert "zz" not in messages.rows(part())


# What DynamoDB answers ----------------------------------------------------------


class Answering:
    """A client whose transactions are answered with one error."""

    def __init__(self, code: str, *reasons: str) -> None:
        self._error = ClientError(
            {
                "Error": {"Code": code, "Message": ""},
                "CancellationReasons": [{"Code": reason} for reason in reasons],
            },
            "TransactWriteItems",
        )

    def transact_write_items(self, **_: Any) -> None:
        raise self._error


ONE_STEP = Fold(
    campaign_id=CAMPAIGN,
    advances=(
        Advance(
            partition=part(), expected="", position="1", counts={}, applied=1, expired=0, mark=None
        ),
    ),
    totals={},
    quarters={},
    office_quarters={},
)


@pytest.mark.parametrize(
    ("code", "reasons", "outcome"),
    [
        ("TransactionCanceledException", ("None", "TransactionConflict"), CommitOutcome.BUSY),
        ("TransactionCanceledException", ("ThrottlingError",), CommitOutcome.BUSY),
        (
            "TransactionCanceledException",
            ("TransactionConflict", "ConditionalCheckFailed"),
            CommitOutcome.MOVED,
        ),
        ("TransactionInProgressException", (), CommitOutcome.BUSY),
        ("ProvisionedThroughputExceededException", (), CommitOutcome.BUSY),
        ("InternalServerError", (), CommitOutcome.BUSY),
    ],
)
def test_a_refused_transaction_says_whether_to_read_again_or_to_wait(
    code: str, reasons: tuple[str, ...], outcome: CommitOutcome
) -> None:
    books = DynamoBooks(Answering(code, *reasons), "CountersTable")

    assert books.commit(ONE_STEP, 0) is outcome


def test_an_error_that_waiting_does_not_cure_escapes() -> None:
    books = DynamoBooks(Answering("AccessDeniedException"), "CountersTable")

    with pytest.raises(ClientError):
        books.commit(ONE_STEP, 0)
