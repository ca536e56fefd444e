"""Whom a conversation is given to: whose turn it is, or who has the least to do (V5)."""

from collections.abc import Sequence
from enum import StrEnum

from carillon.domain.conversation import Section
from carillon.domain.inbox import InboxQueue, QueueKind
from carillon.ports import ConversationBook

# What an agent has to do; the assistant's conversations are no work.
_OPEN = (Section.NEEDS_ATTENTION, Section.AGENT_OPERATED)


class AssignBy(StrEnum):
    """How to choose among several agents."""

    ROUND_ROBIN = "round_robin"
    LEAST_BUSY = "least_busy"


def chosen_agent(agents: Sequence[str], by: AssignBy, scope: str, book: ConversationBook) -> str:
    """
    Return one of *agents* (at least one); those equally busy take turns within *scope*.

    Counting is a little old and stops at a thousand, where agents are equally busy.
    """
    turn = book.next_turn(scope) % len(agents)
    in_turn = [*agents[turn:], *agents[:turn]]
    if by is AssignBy.ROUND_ROBIN:
        return in_turn[0]
    return min(in_turn, key=lambda agent: _load(agent, book))


def _load(agent: str, book: ConversationBook) -> int:
    queues = (InboxQueue(QueueKind.USER, agent, section) for section in _OPEN)
    return sum(book.count(queue).number for queue in queues)
