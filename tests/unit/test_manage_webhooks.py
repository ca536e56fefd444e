"""Who may have what delivered where (T11, P2)."""

from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.commands import Origin
from carillon.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from carillon.domain.outbound_events import TEST, EventType
from carillon.domain.permissions import Access, Caller, Role, Scope
from carillon.domain.webhooks import MAX_ENDPOINTS
from carillon.usecases.manage_webhooks import ManageWebhooks, NewWebhook, WebhookChange
from tests.support.clock import NOON
from tests.support.management import OFFICE, OTHER_OFFICE
from tests.support.webhooks import SECRET, FakeWebhookBook, WebhookWorld, a_webhook

URL = "https://example.com/hook"


def access(role: Role = Role.MANAGER) -> Access:
    scope = Scope.ALL if role is Role.ADMIN else Scope.OWN
    return Access(Caller("usr_1", role, frozenset({OFFICE})), scope)


def origin(key: str | None = None, digest: str = "d") -> Origin:
    return Origin("usr_1", key, digest)


def new(**changes: Any) -> NewWebhook:
    defaults = {"url": URL, "event_types": ("campaign.launched",), "office_id": OFFICE}
    return NewWebhook(**{**defaults, **changes})


def check(url: str) -> None:
    if not url.startswith("https://"):
        raise InvalidInput("https only", field="url")


def a_desk(world: WebhookWorld) -> ManageWebhooks:
    return ManageWebhooks(world.book, world.log, world.queue, world.clock, check)


@pytest.fixture
def world() -> WebhookWorld:
    return WebhookWorld()


@pytest.fixture
def desk(world: WebhookWorld) -> ManageWebhooks:
    return a_desk(world)


def test_an_endpoint_has_a_secret_of_its_own(desk: ManageWebhooks) -> None:
    first = desk.create(access(), origin(), new())
    second = desk.create(access(), origin(), new())

    assert first.secret != second.secret
    assert (first.event_types, first.disabled) == ((EventType.CAMPAIGN_LAUNCHED,), None)


def test_a_repeated_request_is_the_same_endpoint_with_the_same_secret(
    desk: ManageWebhooks,
) -> None:
    first = desk.create(access(), origin("k"), new())

    assert desk.create(access(), origin("k"), new()) == first
    with pytest.raises(Conflict):
        desk.create(access(), origin("k", "other"), new())


def test_an_endpoint_of_all_offices_is_for_who_has_them_all(desk: ManageWebhooks) -> None:
    with pytest.raises(Forbidden):
        desk.create(access(), origin(), new(office_id=None))
    with pytest.raises(Forbidden):
        desk.create(access(), origin(), new(office_id=OTHER_OFFICE))
    everywhere = desk.create(access(Role.ADMIN), origin(), new(office_id=None))

    assert everywhere.office_id is None
    with pytest.raises(NotFound):
        desk.get(access(), everywhere.id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://example.com"}, "url"),
        ({"event_types": ()}, "event_types"),
        ({"event_types": ("message.read",)}, "event_types"),
        ({"event_types": (TEST,)}, "event_types"),
    ],
)
def test_what_cannot_be_delivered_is_refused(
    desk: ManageWebhooks, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        desk.create(access(), origin(), new(**changes))
    assert refused.value.field == field

    with pytest.raises(InvalidInput) as refused:
        desk.change(access(), "whk_a", WebhookChange(**changes))
    assert refused.value.field == field


def test_there_are_so_many_endpoints_at_most(world: WebhookWorld) -> None:
    world.book = FakeWebhookBook(*(a_webhook(f"whk_{n}") for n in range(MAX_ENDPOINTS)))

    with pytest.raises(Conflict) as refused:
        a_desk(world).create(access(), origin(), new())

    assert refused.value.code == "too_many_webhooks"


def test_every_act_on_another_offices_endpoint_answers_as_if_it_were_not_there(
    world: WebhookWorld,
) -> None:
    world.book = FakeWebhookBook(a_webhook(office_id=OTHER_OFFICE))
    desk, before = a_desk(world), dict(world.book.kept)

    for act in (
        lambda: desk.get(access(), "whk_a"),
        lambda: desk.change(access(), "whk_a", WebhookChange(enabled=False)),
        lambda: desk.rotate(access(), "whk_a"),
        lambda: desk.delete(access(), "whk_a"),
        lambda: desk.test(access(), origin(), "whk_a"),
        lambda: desk.deliveries(access(), "whk_a", 10, None),
    ):
        with pytest.raises(NotFound):
            act()
    assert desk.page(access()) == []
    assert world.book.kept == before
    assert world.queue.messages == []


def test_a_new_secret_leaves_the_old_one_good_for_a_day(
    desk: ManageWebhooks, world: WebhookWorld
) -> None:
    rotated = desk.rotate(access(), "whk_a")

    assert rotated.secret != SECRET
    assert (rotated.old_secret, rotated.old_secret_until) == (SECRET, NOON + timedelta(hours=24))
    assert world.standing == rotated


def test_enabling_forgets_the_failures(desk: ManageWebhooks, world: WebhookWorld) -> None:
    world.book.change("whk_a", {"disabled": "failing", "failing_since": NOON})

    enabled = desk.change(access(), "whk_a", WebhookChange(enabled=True))

    assert (enabled.disabled, enabled.failing_since) == (None, None)
    by_hand = desk.change(access(), "whk_a", WebhookChange(enabled=False))
    assert (by_hand.disabled, by_hand.disabled_at) == ("by_hand", NOON)


def test_what_is_not_named_stays(desk: ManageWebhooks) -> None:
    changed = desk.change(access(), "whk_a", WebhookChange(event_types=("message.replied",)))

    assert changed == a_webhook(event_types=("message.replied",))
    with pytest.raises(InvalidInput):
        desk.change(access(), "whk_a", WebhookChange())


def test_a_test_is_queued_as_a_delivery_like_any_other(
    desk: ManageWebhooks, world: WebhookWorld
) -> None:
    delivery = desk.test(access(), origin(), "whk_a")

    (message,) = world.queue.messages
    assert message["webhook_id"] == "whk_a"
    assert message["events"][0]["id"] == delivery.event_id
    assert delivery.type == TEST
