"""Endpoints of other systems, as people manage them (T11)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from carillon.domain.commands import Command, Entries, Length, Origin
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.outbound_events import EventType
from carillon.domain.permissions import Access
from carillon.domain.webhooks import (
    MAX_ENDPOINTS,
    OLD_SECRET_LIFE,
    Delivery,
    Webhook,
    a_test,
    as_message,
    new_delivery,
    new_secret,
)
from carillon.ports import Clock, DeliveryLog, Queue, WebhookBook

_MAX_URL = 500
_EVENT_TYPES = Entries(len(EventType), 40)


@dataclass(frozen=True, kw_only=True)
class NewWebhook(Command):
    """An endpoint: its address (https), what goes there, of which office (absent: of all)."""

    url: Annotated[str, Length(1, _MAX_URL)]
    event_types: Annotated[tuple[str, ...], _EVENT_TYPES]
    office_id: Annotated[str, Length(1, 64)] | None = None
    include_phone: bool = False
    description: Annotated[str, Length(0, 200)] = ""


@dataclass(frozen=True, kw_only=True)
class WebhookChange(Command):
    """What to change of an endpoint; *enabled* again forgets its failures."""

    url: Annotated[str, Length(1, _MAX_URL)] | None = None
    event_types: Annotated[tuple[str, ...], _EVENT_TYPES] | None = None
    include_phone: bool | None = None
    description: Annotated[str, Length(0, 200)] | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class ManageWebhooks:
    """Endpoints. *check_url* raises InvalidInput for an address that is never called."""

    book: WebhookBook
    log: DeliveryLog
    queue: Queue
    clock: Clock
    check_url: Callable[[str], None]

    def create(self, access: Access, origin: Origin, new: NewWebhook) -> Webhook:
        """
        Keep an endpoint with a fresh secret; a retry finds the same.

        Raises Forbidden (an office that is not the caller's; all of them for who has not all),
        Conflict (``too_many_webhooks``), InvalidInput.
        """
        access.require_office(new.office_id or "")
        self.check_url(new.url)
        types = _known_types(new.event_types)
        webhook = Webhook(
            id=origin.new_id("whk"),
            url=new.url,
            event_types=types,
            office_id=new.office_id,
            include_phone=new.include_phone,
            description=new.description,
            secret=new_secret(),
            created_at=self.clock.now(),
            created_by=origin.subject,
        )
        if len(self.book.page()) >= MAX_ENDPOINTS:
            raise Conflict(
                f"There are {MAX_ENDPOINTS} webhooks; delete one first.", code="too_many_webhooks"
            )
        return self.book.create(webhook, origin.digest)

    def get(self, access: Access, webhook_id: str) -> Webhook:
        """Return the endpoint; raises NotFound."""
        webhook = self.book.get(webhook_id)
        access.require_object(
            webhook.office_id or "",
            NotFound("There is no such webhook.", code="webhook_not_found"),
        )
        return webhook

    def page(self, access: Access) -> list[Webhook]:
        """Return the endpoints in reach, newest first."""
        return [one for one in self.book.page() if access.covers(one.office_id or "")]

    def change(self, access: Access, webhook_id: str, change: WebhookChange) -> Webhook:
        """Change what is given; raises NotFound, InvalidInput."""
        self.get(access, webhook_id)
        changes: dict[str, Any] = {
            name: getattr(change, name)
            for name in ("url", "include_phone", "description")
            if getattr(change, name) is not None
        }
        if change.url is not None:
            self.check_url(change.url)
        if change.event_types is not None:
            changes["event_types"] = _known_types(change.event_types)
        if change.enabled is True:
            names = ("disabled", "disabled_at", "failing_since", "resting_until")
            changes |= dict.fromkeys(names)
        if change.enabled is False:
            changes |= {"disabled": "by_hand", "disabled_at": self.clock.now()}
        if not changes:
            raise InvalidInput("Name something to change.", code="nothing_to_change")
        return self.book.change(webhook_id, changes)

    def rotate(self, access: Access, webhook_id: str) -> Webhook:
        """Give the endpoint a new secret; for a day deliveries are signed with both."""
        before = self.get(access, webhook_id)
        changes = {
            "secret": new_secret(),
            "old_secret": before.secret,
            "old_secret_until": self.clock.now() + OLD_SECRET_LIFE,
        }
        return self.book.change(webhook_id, changes)

    def delete(self, access: Access, webhook_id: str) -> None:
        """Forget the endpoint, and what waits for it; raises NotFound."""
        self.get(access, webhook_id)
        self.book.delete(webhook_id)

    def test(self, access: Access, origin: Origin, webhook_id: str) -> Delivery:
        """Have a test event delivered; what came of it stands in the deliveries."""
        webhook = self.get(access, webhook_id)
        event = a_test(origin.new_id("evt"), webhook.office_id, self.clock.now())
        delivery = new_delivery(webhook_id, event)
        self.queue.put({"webhook_id": webhook_id, "events": [as_message(delivery)]})
        return delivery

    def deliveries(
        self, access: Access, webhook_id: str, limit: int, after: Position | None
    ) -> Listing[Delivery]:
        """Return what went to the endpoint in the last week, newest first; raises NotFound."""
        self.get(access, webhook_id)
        return self.log.page(webhook_id, limit, after)


def _known_types(types: tuple[str, ...]) -> tuple[str, ...]:
    if not types or not set(types) <= set(EventType):
        raise InvalidInput(
            f"event_types must name some of {', '.join(EventType)}.", field="event_types"
        )
    return tuple(dict.fromkeys(types))
