"""Endpoints of other systems, what is delivered to them, and the way there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.listing import Listing, Position
from carillon.domain.webhooks import Delivery, Webhook


class WebhookBook(Protocol):
    """Endpoints, as managed and as delivered to; reads but ``page`` are consistent."""

    def create(self, new: Webhook, digest: str) -> Webhook:
        """
        Keep *new*, or return what stands under its id already.

        Conflict (``idempotency_key_reused``) when that was made by another request.
        """
        ...

    def get(self, webhook_id: str) -> Webhook:
        """Return the endpoint; raises NotFound."""
        ...

    def page(self) -> list[Webhook]:
        """Return every endpoint (``MAX_ENDPOINTS`` at most), newest first; a little old."""
        ...

    def change(self, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
        """Set fields (None removes one) and return the endpoint; raises NotFound."""
        ...

    def delete(self, webhook_id: str) -> None:
        """Forget the endpoint; repeating it changes nothing."""
        ...


class DeliveryLog(Protocol):
    """What was delivered, what waits to be tried again, and what was given up."""

    def known(self, deliveries: Sequence[Delivery]) -> set[str]:
        """Return the event ids of those of *deliveries* (of one endpoint) that are kept."""
        ...

    def keep(self, delivery: Delivery) -> None:
        """Keep how *delivery* stands now."""
        ...

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Return up to *limit* pending deliveries whose time has come; a little old."""
        ...

    def claim(self, delivery: Delivery, until: datetime) -> Delivery | None:
        """
        Take the next attempt at *delivery*; None when it is not as it was, or somebody has it.

        It comes due again at *until* if nothing is kept of it.
        """
        ...

    def page(self, webhook_id: str, limit: int, after: Position | None) -> Listing[Delivery]:
        """Return deliveries to an endpoint, newest first."""
        ...


class WebhookCaller(Protocol):
    """Posts to addresses that nobody vouches for."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the status of the answer; raises MediaRefused, whose code says why none came."""
        ...
