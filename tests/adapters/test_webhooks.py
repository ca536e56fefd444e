"""Endpoints and what went there: in memory and in DynamoDB, one suite."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.event_stream import row_changes
from carillon.adapters.dynamodb.items import to_item
from carillon.adapters.dynamodb.webhooks import DynamoDeliveryLog, DynamoWebhookBook
from carillon.domain.audit import Author, ItemChange, ObjectKind, entry_of
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.webhooks import (
    LOG_LIFE,
    Delivery,
    delivered,
    in_vain,
    new_delivery,
)
from carillon.ports import DeliveryLog, WebhookBook
from tests.support.clock import NOON
from tests.support.tables import create_tables
from tests.support.webhooks import FakeDeliveryLog, FakeWebhookBook, a_webhook, an_event

MINUTE = timedelta(minutes=1)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(client)
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def book(request: pytest.FixtureRequest) -> WebhookBook:
    if request.param == "memory":
        return FakeWebhookBook()
    return DynamoWebhookBook(request.getfixturevalue("dynamodb"), "ControlTable")


@pytest.fixture(params=["memory", "dynamodb"])
def log(request: pytest.FixtureRequest) -> DeliveryLog:
    if request.param == "memory":
        return FakeDeliveryLog()
    return DynamoDeliveryLog(request.getfixturevalue("dynamodb"), "DeliveriesTable")


def a_delivery(event_id: str = "evt_a", minute: int = 0, webhook_id: str = "whk_a") -> Delivery:
    return new_delivery(webhook_id, an_event(event_id, at=NOON + minute * MINUTE))


def test_an_endpoint_comes_back_as_it_was_kept(book: WebhookBook) -> None:
    everything = a_webhook(
        description="crm",
        include_phone=True,
        old_secret="whsec_b2xk",
        old_secret_until=NOON,
        disabled="gone",
        disabled_at=NOON,
        failing_since=NOON,
        resting_until=NOON,
    )
    for webhook in (everything, a_webhook("whk_b", office_id=None)):
        assert book.create(webhook, "d") == webhook
        assert book.get(webhook.id) == webhook
    with pytest.raises(NotFound) as absent:
        book.get("whk_c")
    assert absent.value.code == "webhook_not_found"


def test_an_endpoint_is_made_once_by_each_request(book: WebhookBook) -> None:
    first = book.create(a_webhook(), "d")

    assert book.create(a_webhook(secret="whsec_b3RoZXI="), "d") == first
    with pytest.raises(Conflict):
        book.create(a_webhook(), "other")


def test_what_is_changed_is_set_or_removed_and_the_rest_stays(book: WebhookBook) -> None:
    book.create(a_webhook(failing_since=NOON), "")

    changed = book.change("whk_a", {"disabled": "gone", "failing_since": None})
    removed = book.change("whk_a", {"disabled": None})

    assert changed == a_webhook(disabled="gone")
    assert removed == book.get("whk_a") == a_webhook()
    with pytest.raises(NotFound):
        book.change("whk_b", {"disabled": "gone"})


def test_endpoints_are_listed_newest_first_until_they_are_deleted(book: WebhookBook) -> None:
    for number in range(3):
        book.create(a_webhook(f"whk_{number}", created_at=NOON + number * MINUTE), "")
    book.delete("whk_1")
    book.delete("whk_1")

    assert [one.id for one in book.page()] == ["whk_2", "whk_0"]


def test_who_wrote_an_endpoint_stands_on_it_for_the_audit_log(dynamodb: Any) -> None:
    authors = [Author("usr_1", "req_1", str(number)) for number in range(4)]
    book = DynamoWebhookBook(dynamodb, "ControlTable", iter(authors).__next__)

    def told(name: str) -> list[str]:
        items = dynamodb.scan(TableName="ControlTable")["Items"]
        return [item[name]["S"] for item in items if name in item]

    book.create(a_webhook(), "")
    assert told("author") == [authors[0].text]
    book.change("whk_a", {"disabled": "gone"})
    assert told("author") == [authors[1].text]
    # The platform's own change leaves the author, by which the log knows it.
    DynamoWebhookBook(dynamodb, "ControlTable").change("whk_a", {"disabled": None})
    assert told("author") == [authors[1].text]
    book.delete("whk_a")
    assert told("author") == []


def test_the_audit_log_shows_no_secret_of_an_endpoint() -> None:
    seen = ItemChange(
        kind=ObjectKind.WEBHOOK,
        object_id="whk_a",
        at=NOON,
        sequence="1",
        old=None,
        new={**vars(a_webhook()), "author": Author("usr_1", "r", "c").text},
    )

    entry = entry_of(seen, lambda text: "hmac:x")

    assert entry is not None
    assert (entry.actor, entry.office_id) == ("usr_1", a_webhook().office_id)
    assert (entry.after["secret"], entry.after["url"]) == ("hmac:x", "hmac:x")
    assert entry.after["event_types"] == a_webhook().event_types


def test_a_delivery_is_known_once_it_is_kept(log: DeliveryLog) -> None:
    first, second = a_delivery("evt_a"), a_delivery("evt_b")
    log.keep(delivered(first, 204, NOON))

    assert log.known([first, second]) == {"evt_a"}
    assert log.known([replace(first, webhook_id="whk_b")]) == set()
    assert log.known([]) == set()


def test_what_waits_comes_due_and_what_is_over_never(log: DeliveryLog) -> None:
    waiting = in_vain(a_delivery("evt_a"), 500, "refused", NOON)
    log.keep(waiting)
    log.keep(delivered(a_delivery("evt_b"), 200, NOON))
    assert waiting.next_at is not None

    assert log.due(waiting.next_at - timedelta(seconds=1), 10) == []
    assert log.due(waiting.next_at, 10) == [waiting]
    log.keep(delivered(waiting, 200, NOON))
    assert log.due(NOON + timedelta(days=9), 10) == []


def test_an_attempt_is_claimed_by_one(log: DeliveryLog) -> None:
    waiting = in_vain(a_delivery(), 500, "refused", NOON)
    log.keep(waiting)
    until = NOON + timedelta(hours=1)
    seen = replace(waiting, body=None)

    assert log.claim(seen, until) == replace(waiting, next_at=until)
    assert log.claim(seen, until) is None
    assert log.due(until - timedelta(seconds=1), 10) == []
    assert [one.event_id for one in log.due(until, 10)] == ["evt_a"]
    log.keep(delivered(waiting, 200, NOON))
    assert log.claim(replace(seen, next_at=until), until) is None
    assert log.claim(a_delivery("evt_z"), until) is None


def test_deliveries_are_listed_newest_first_page_by_page(log: DeliveryLog) -> None:
    for number in range(7):
        log.keep(delivered(a_delivery(f"evt_{number}", number), 200, NOON))
    log.keep(delivered(a_delivery("evt_x", 9, "whk_b"), 200, NOON))

    first = log.page("whk_a", 3, None)
    second = log.page("whk_a", 3, first.next)
    third = log.page("whk_a", 3, second.next)

    pages = [[one.event_id for one in page.items] for page in (first, second, third)]
    assert pages == [["evt_6", "evt_5", "evt_4"], ["evt_3", "evt_2", "evt_1"], ["evt_0"]]
    assert third.next is None


def test_a_delivery_is_forgotten_after_a_week(dynamodb: Any) -> None:
    DynamoDeliveryLog(dynamodb, "DeliveriesTable").keep(a_delivery())

    (item,) = dynamodb.scan(TableName="DeliveriesTable")["Items"]
    assert int(item["expires_at"]["N"]) == (NOON + LOG_LIFE).timestamp()


def test_a_cursor_of_another_listing_is_refused(dynamodb: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        DynamoDeliveryLog(dynamodb, "DeliveriesTable").page("whk_a", 3, {"id": "x"})

    assert refused.value.code == "cursor_invalid"


def test_records_of_a_stream_are_read_and_what_is_none_costs_nothing_but_itself() -> None:
    keys = {"pk": "cmp_a#00000", "sk": "k"}
    record = {
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/Messages/stream/2026",
        "dynamodb": {
            "ApproximateCreationDateTime": NOON.timestamp(),
            "SequenceNumber": "7",
            "Keys": to_item(keys),
            "NewImage": to_item({**keys, "status": "claimed", "attempts": 1}),
        },
    }

    changes, unreadable = row_changes([record, {"dynamodb": {}}, record])

    assert (len(changes), unreadable) == (2, 1)
    assert (changes[0].table, changes[0].sequence, changes[0].at) == ("Messages", "7", NOON)
    assert changes[0].old is None
    assert changes[0].new == {**keys, "status": "claimed", "attempts": 1}
