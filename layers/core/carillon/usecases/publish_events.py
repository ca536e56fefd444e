"""
What changed in the tables, as deliveries to whoever wants to know (T11).

    read the batch's changes, derive the events           pure
    for each endpoint that wants some: queue them         ten to a message
    all taken, or the batch comes again                   a delivery is known by its event

An endpoint is known to this process for some seconds, so a new one hears of what happens from
then on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from carillon.domain.errors import Throttled
from carillon.domain.outbound_events import OutboundEvent, RowChange, events_of
from carillon.domain.webhooks import Webhook, as_message, new_delivery
from carillon.ports import Clock, WebhookBook

EVENTS_A_MESSAGE = 10
KNOWN_FOR_S = 15.0


class BatchQueue(Protocol):
    """A queue that takes many messages at once."""

    def put_all(self, messages: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Send every message; return the keys of those that the queue did not take."""
        ...


@dataclass
class Publisher:
    """Queues what endpoints want to hear of."""

    book: WebhookBook
    queue: BatchQueue
    clock: Clock
    _known: list[Webhook] = field(default_factory=list, init=False)
    _read_at: float | None = field(default=None, init=False)

    def publish(self, changes: Iterable[RowChange]) -> int:
        """
        Queue the events of *changes* for every endpoint; return how many deliveries that makes.

        Raises Throttled when the queue did not take all of them: call it again with the same.
        """
        webhooks = [one for one in self._webhooks() if one.disabled is None]
        if not webhooks:
            return 0
        events = [event for change in changes for event in events_of(change)]
        messages = dict(_messages(webhooks, events))
        refused = self.queue.put_all(messages) if messages else set()
        if refused:
            raise Throttled("The queue did not take every delivery.", retry_after_s=1)
        return sum(len(message["events"]) for message in messages.values())

    def _webhooks(self) -> list[Webhook]:
        now = self.clock.monotonic()
        if self._read_at is None or now - self._read_at >= KNOWN_FOR_S:
            self._known, self._read_at = self.book.page(), now
        return self._known


def _messages(
    webhooks: Sequence[Webhook], events: Sequence[OutboundEvent]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for webhook in webhooks:
        told = [webhook.told(event) for event in events if webhook.wants(event)]
        deliveries = [as_message(new_delivery(webhook.id, event)) for event in told]
        for start in range(0, len(deliveries), EVENTS_A_MESSAGE):
            some = deliveries[start : start + EVENTS_A_MESSAGE]
            yield f"{webhook.id}#{start}", {"webhook_id": webhook.id, "events": some}
