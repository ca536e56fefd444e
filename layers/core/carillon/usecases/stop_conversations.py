"""
What becomes of a campaign's conversations when it is stopped for good (K8).

    reusable number     what needs attention follows the number's unsolicited message
                        settings: nobody's in the office's queue, or one of the named agents'
    single-use number   refused while somebody waits for an answer, unless forced; then
                        every conversation leaves the queue and nothing more is sent

Each is one conditional write that says the same when it is said again, so a stop that was cut
off goes on when it is repeated.
"""

from collections.abc import Callable, Iterator, Sequence

from carillon.domain.campaign import Campaign, Sender
from carillon.domain.conversation import (
    Conversation,
    Section,
    assigned,
    left_the_queue,
    released,
)
from carillon.domain.errors import Conflict
from carillon.domain.inbox import InboxFilter, InboxQueue, QueueKind
from carillon.domain.listing import Position
from carillon.ports import Clock, ConversationBook
from carillon.usecases.assign_conversation import AssignBy, chosen_agent
from carillon.usecases.keep_conversation import SINGLE_USE, change_conversation

_PAGE = 100
# A request must be answered within 29 s. What is left is done when the stop is repeated.
_AT_MOST_S = 20.0


class StopConversations:
    """Looks after the conversations of campaigns that are stopped."""

    def __init__(self, book: ConversationBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def require_answered(self, campaign: Campaign, senders: Sequence[Sender]) -> None:
        """Raise Conflict (``conversations_unanswered``) while a single-use number's people wait."""
        single = frozenset(one.id for one in senders if one.kind == SINGLE_USE)
        if not single:
            return
        # Whoever has opted out cannot be answered any more.
        keep = InboxFilter(sender_ids=single, opted_out=False)
        if any(self._conversations(campaign, [Section.NEEDS_ATTENTION], keep)):
            raise Conflict(
                "People wait for an answer from a single-use number; answer them or force it.",
                code="conversations_unanswered",
            )

    def stop(self, campaign: Campaign, senders: Sequence[Sender]) -> bool:
        """Route or close the campaign's conversations; False when time ran out before the last."""
        stop_at = self._clock.monotonic() + _AT_MOST_S
        by_id = {one.id: one for one in senders}
        for one in self._conversations(campaign, list(Section), InboxFilter()):
            if self._clock.monotonic() > stop_at:
                return False
            sender = by_id.get(one.sender_id)
            if sender is not None:
                change_conversation(one.id, self._change(sender), self._book)
        return True

    def _change(self, sender: Sender) -> Callable[[Conversation], Conversation]:
        now = self._clock.now()

        def close(one: Conversation) -> Conversation:
            return left_the_queue(one, now)

        def hand_on(one: Conversation) -> Conversation:
            if not one.needs_attention:
                return one
            agents = sender.unsolicited.agents
            if not agents:
                return released(one, now)
            if one.assigned_to in agents:
                return one
            scope = f"unsolicited.{sender.id}"
            return assigned(one, chosen_agent(agents, AssignBy.LEAST_BUSY, scope, self._book), now)

        return close if sender.kind == SINGLE_USE else hand_on

    def _conversations(
        self, campaign: Campaign, sections: Sequence[Section], keep: InboxFilter
    ) -> Iterator[Conversation]:
        queues = [InboxQueue(QueueKind.CAMPAIGN, campaign.id, section) for section in sections]
        position: Position | None = None
        while True:
            listing = self._book.page(queues, keep, _PAGE, position)
            yield from listing.items
            position = listing.next
            if position is None:
                return
