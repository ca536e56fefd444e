"""Deliveries to other systems: signatures, retries, rest, and the end (T11)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.errors import Throttled
from carillon.domain.media import Problem
from carillon.domain.outbound_events import EventType, RowChange
from carillon.domain.webhooks import (
    FAILING_FOR,
    LOG_LIFE,
    RETRY_AFTER,
    DeliveryStatus,
    as_message,
    new_delivery,
    new_secret,
    of_message,
    signed_headers,
)
from carillon.usecases.deliver_webhooks import (
    CLAIMED_FOR,
    deliver_again,
    deliver_new,
    of_reference,
    queue_due,
)
from carillon.usecases.publish_events import EVENTS_A_MESSAGE, KNOWN_FOR_S, Publisher
from tests.support.clock import NOON, FakeClock
from tests.support.management import OTHER_OFFICE
from tests.support.webhooks import (
    OTHER_SECRET,
    SECRET,
    FakeWebhookBook,
    WebhookWorld,
    a_webhook,
    an_event,
    signatures_hold,
)

PENDING, DELIVERED, FAILED = DeliveryStatus


@pytest.fixture
def world() -> WebhookWorld:
    return WebhookWorld()


def deliver(world: WebhookWorld, *event_ids: str) -> Any:
    """Deliver events for the first time, as the queue brings them."""
    events = [an_event(one) for one in event_ids or ("evt_a",)]
    told = [as_message(new_delivery("whk_a", world.webhook.told(one))) for one in events]
    return deliver_new(world.world, "whk_a", [of_message("whk_a", one) for one in told])


def sweep(world: WebhookWorld) -> None:
    """Try again what is due, as the minute's tick and the queue do."""
    queue_due(world.world)
    while world.queue.messages:
        message = world.queue.messages.pop(0)
        again = [of_reference(message["webhook_id"], one) for one in message["again"]]
        deliver_again(world.world, message["webhook_id"], again)


# Signatures ---------------------------------------------------------------------------


def test_a_signature_is_what_the_specification_says() -> None:
    """The example of the Standard Webhooks libraries, computed by others."""
    at = NOON.fromtimestamp(1614265330, NOON.tzinfo)
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', [SECRET], at)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_delivery_is_signed_over_what_is_posted(world: WebhookWorld) -> None:
    """T11: signed as Standard Webhooks say."""
    deliver(world)

    ((url, body, headers),) = world.receiver.got
    assert url == "https://example.com/hook"
    assert signatures_hold(headers, body, SECRET)
    assert headers["webhook-id"] == "evt_a"


def test_after_a_rotation_both_secrets_sign_for_a_day(world: WebhookWorld) -> None:
    until = NOON + timedelta(hours=24)
    rotated = {"secret": OTHER_SECRET, "old_secret": SECRET, "old_secret_until": until}
    world.book.change("whk_a", rotated)

    deliver(world, "evt_a")
    world.clock.sleep(24 * 3600)
    deliver(world, "evt_b")

    (_, first, both), (_, second, alone) = world.receiver.got
    assert signatures_hold(both, first, OTHER_SECRET, SECRET)
    assert signatures_hold(alone, second, OTHER_SECRET, at=until)


def test_a_secret_is_24_to_64_random_bytes() -> None:
    secrets = {new_secret() for _ in range(20)}

    assert len(secrets) == 20
    assert all(one.startswith("whsec_") and len(one) == 50 for one in secrets)


# First attempts -------------------------------------------------------------------------


def test_what_is_taken_is_kept_as_delivered_without_its_body(world: WebhookWorld) -> None:
    report = deliver(world)

    assert (report.delivered, report.waiting, report.failed) == (1, 0, 0)
    kept = world.delivery()
    assert (kept.status, kept.attempts, kept.response_status) == (DELIVERED, 1, 204)
    assert (kept.body, kept.next_at) == (None, None)


def test_a_delivery_that_comes_twice_from_the_queue_is_posted_once(world: WebhookWorld) -> None:
    deliver(world, "evt_a", "evt_b")
    deliver(world, "evt_a", "evt_b", "evt_c")

    assert [headers["webhook-id"] for _, _, headers in world.receiver.got] == [
        "evt_a",
        "evt_b",
        "evt_c",
    ]


def test_numbers_go_to_who_asked_for_them_alone() -> None:
    for asked in (False, True):
        world = WebhookWorld(a_webhook(include_phone=asked))
        deliver(world)

        assert (b"+12025550100" in world.receiver.got[0][1]) is asked


@pytest.mark.parametrize("answer", [301, 302, 400, 404, 408, 429, 500, 503])
def test_any_answer_but_a_2xx_is_tried_again(world: WebhookWorld, answer: int) -> None:
    """A redirect is not followed: it may lead anywhere."""
    world.receiver.answers = [answer]
    deliver(world)

    kept = world.delivery()
    assert (kept.status, kept.attempts, kept.response_status) == (PENDING, 1, answer)
    assert kept.next_at is not None
    assert kept.next_at >= NOON + RETRY_AFTER[0]
    assert kept.body is not None


def test_why_no_answer_came_is_told(world: WebhookWorld) -> None:
    world.receiver.answers = [Problem.FORBIDDEN_ADDRESS]
    deliver(world)

    kept = world.delivery()
    assert (kept.response_status, kept.error) == (None, "forbidden_address")


# Further attempts -----------------------------------------------------------------------


def test_a_delivery_is_tried_for_three_days_and_given_up(world: WebhookWorld) -> None:
    world.receiver.always = 400
    deliver(world)
    waits = []
    while world.delivery().status is PENDING:
        before = world.clock.now()
        world.clock.sleep((world.delivery().next_at or before).timestamp() - before.timestamp())
        waits.append(world.clock.now() - before)
        sweep(world)

    assert len(world.receiver.got) == 1 + len(RETRY_AFTER) == world.delivery().attempts
    assert all(
        wait <= waited <= wait * 1.1 + timedelta(seconds=1)
        for wait, waited in zip(RETRY_AFTER, waits, strict=True)
    )
    assert timedelta(days=3) < world.clock.now() - NOON < LOG_LIFE
    assert (world.delivery().status, world.delivery().error) == (FAILED, "refused")
    assert world.delivery().body is None


def test_every_attempt_has_the_same_id_and_body_and_a_time_of_its_own(
    world: WebhookWorld,
) -> None:
    world.receiver.answers = [400]
    deliver(world)
    world.clock.sleep(120)
    sweep(world)

    (_, first, once), (_, second, again) = world.receiver.got
    assert (first, once["webhook-id"]) == (second, again["webhook-id"])
    assert signatures_hold(again, second, SECRET, at=NOON + timedelta(seconds=120))
    assert world.delivery().status is DELIVERED


def test_a_sweep_that_comes_twice_tries_once(world: WebhookWorld) -> None:
    world.receiver.answers = [400]
    deliver(world)
    world.clock.sleep(120)

    queue_due(world.world)
    queue_due(world.world)
    sweep(world)

    assert len(world.receiver.got) == 2


def test_an_attempt_that_dies_is_made_again(world: WebhookWorld) -> None:
    world.receiver.answers = [400]
    deliver(world)
    world.clock.sleep(120)
    claimed = world.log.claim(world.delivery(), world.clock.now() + CLAIMED_FOR)
    assert claimed is not None

    sweep(world)
    assert len(world.receiver.got) == 1
    world.clock.sleep(CLAIMED_FOR.total_seconds())
    sweep(world)

    assert len(world.receiver.got) == 2
    assert world.delivery().status is DELIVERED


# Endpoints that fail --------------------------------------------------------------------


@pytest.mark.parametrize("answer", [429, 500, 503, Problem.TOO_SLOW, Problem.UNREACHABLE])
def test_who_does_not_answer_rests_and_holds_up_nobody(
    world: WebhookWorld, answer: int | Problem
) -> None:
    world.receiver.always = answer
    report = deliver(world, "evt_a", "evt_b", "evt_c")

    assert len(world.receiver.got) == 1
    assert report.waiting == 3
    # To rest is no attempt.
    assert [world.delivery(one).attempts for one in ("evt_a", "evt_b", "evt_c")] == [1, 0, 0]

    world.receiver.always = 204
    world.clock.sleep(150)
    sweep(world)
    assert {one.status for one in world.log.kept.values()} == {DELIVERED}
    assert (world.standing.failing_since, world.standing.resting_until) == (None, None)


def test_who_is_gone_is_disabled_at_once(world: WebhookWorld) -> None:
    world.receiver.answers = [410]
    report = deliver(world, "evt_a", "evt_b")

    assert report.disabled == "gone"
    assert (world.standing.disabled, world.standing.disabled_at) == ("gone", NOON)
    assert [world.delivery(one).status for one in ("evt_a", "evt_b")] == [FAILED, FAILED]
    assert len(world.receiver.got) == 1


def test_who_fails_for_days_without_a_success_is_disabled(world: WebhookWorld) -> None:
    world.receiver.always = 400
    deliver(world, "evt_a")
    world.clock.sleep(FAILING_FOR.total_seconds() - 1)
    assert deliver(world, "evt_b").disabled is None
    world.clock.sleep(1)

    assert deliver(world, "evt_c").disabled == "failing"
    assert world.standing.disabled == "failing"


def test_one_success_begins_the_days_anew(world: WebhookWorld) -> None:
    world.receiver.answers = [400, 204]
    deliver(world, "evt_a")
    deliver(world, "evt_b")
    world.receiver.always = 400
    world.clock.sleep(FAILING_FOR.total_seconds())

    assert deliver(world, "evt_c").disabled is None


def test_what_waits_for_an_endpoint_that_is_gone_or_deleted_ends(world: WebhookWorld) -> None:
    world.receiver.answers = [400, 400]
    deliver(world, "evt_a", "evt_b")
    world.clock.sleep(120)
    world.book.change("whk_a", {"disabled": "by_hand"})
    again = [world.delivery("evt_a")]
    deliver_again(world.world, "whk_a", again)
    world.book.delete("whk_a")
    sweep(world)

    assert world.delivery("evt_a").error == "webhook_disabled"
    assert world.delivery("evt_b").error == "webhook_deleted"
    assert len(world.receiver.got) == 2


# Publishing -----------------------------------------------------------------------------


class FakeBatchQueue:
    """Implements ``usecases.publish_events.BatchQueue``; takes *most* messages of a call."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.got: list[dict[str, Any]] = []

    def put_all(self, messages: Any) -> set[str]:
        taken = list(messages)[: self.most]
        self.got += [messages[key] for key in taken]
        return set(messages) - set(taken)


def a_delivered_row(number: int = 1) -> RowChange:
    row = {"kind": "lead", "office_id": "off_1", "phone": "+12025550100", "provider_id": "SM1"}
    return RowChange(
        table="T",
        pk="cmp_a#00000",
        sk=f"{number:032x}",
        sequence=str(number),
        at=NOON,
        old={**row, "status": "submitted"},
        new={**row, "status": "delivered"},
    )


def a_publisher(*webhooks: Any) -> tuple[Publisher, FakeBatchQueue, FakeClock, FakeWebhookBook]:
    book, queue, clock = FakeWebhookBook(*webhooks), FakeBatchQueue(), FakeClock()
    return Publisher(book, queue, clock), queue, clock, book


def test_each_endpoint_is_told_what_it_asked_for_and_nothing_of_other_offices() -> None:
    publisher, queue, _, _ = a_publisher(
        a_webhook("whk_a"),
        a_webhook("whk_b", office_id=None, include_phone=True),
        a_webhook("whk_c", event_types=(EventType.MESSAGE_SENT,)),
        a_webhook("whk_d", office_id=OTHER_OFFICE),
        a_webhook("whk_e", disabled="gone"),
    )

    assert publisher.publish([a_delivered_row()]) == 2
    told = {message["webhook_id"]: message["events"][0]["body"] for message in queue.got}
    assert told.keys() == {"whk_a", "whk_b"}
    assert "+12025550100" not in told["whk_a"]
    assert "+12025550100" in told["whk_b"]


def test_deliveries_travel_ten_to_a_message() -> None:
    publisher, queue, _, _ = a_publisher(a_webhook())

    assert publisher.publish([a_delivered_row(number) for number in range(25)]) == 25
    sizes = [len(message["events"]) for message in queue.got]
    assert sizes == [EVENTS_A_MESSAGE, EVENTS_A_MESSAGE, 5]


def test_a_batch_that_the_queue_did_not_take_whole_comes_again() -> None:
    publisher, queue, _, _ = a_publisher(a_webhook("whk_a"), a_webhook("whk_b"))
    queue.most = 1

    with pytest.raises(Throttled):
        publisher.publish([a_delivered_row()])


def test_endpoints_are_read_once_in_some_seconds_and_a_new_one_is_heard_of_then() -> None:
    publisher, queue, clock, book = a_publisher()
    for _ in range(3):
        assert publisher.publish([a_delivered_row()]) == 0
    assert book.reads == 1

    book.create(replace(a_webhook()), "")
    clock.sleep(KNOWN_FOR_S)

    assert publisher.publish([a_delivered_row()]) == 1
    assert len(queue.got) == 1
