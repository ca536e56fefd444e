"""A campaign's leads as the listing reads them, in memory, and builders of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from carillon.domain.ids import part_of
from carillon.domain.lead import LeadStatus
from carillon.domain.lead_list import ListedLead
from tests.support.counters import NOON


def a_key(number: int) -> str:
    """Return a lead key; equal steps of *number* (below 256) are spread evenly over parts."""
    return f"{number:02x}".ljust(32, "0")


def a_listed_lead(number: int = 0, **fields: Any) -> ListedLead:
    """Return the delivered lead number so many."""
    values: dict[str, Any] = {
        "key": a_key(number),
        "phone": f"+1202555{number:04d}",
        "status": LeadStatus.DELIVERED,
        "sender_id": "snd_1",
        "claimed_at": NOON,
        "last_action_at": NOON,
        **fields,
    }
    return ListedLead(**values)


class FakeLeadPages:
    """
    Implements ``ports.LeadPages``; *others* are keys of rows that are no leads.

    Like DynamoDB, it counts rows before it leaves any out, and names the last one
    looked at even when nothing is behind it. ``queries`` notes each (part, rows).
    """

    def __init__(
        self, leads: Iterable[ListedLead], *, parts: int = 1, others: Sequence[str] = ()
    ) -> None:
        self._leads = {lead.key: lead for lead in leads}
        self._keys = sorted([*self._leads, *others])
        self._parts = parts
        self.queries: list[tuple[int, int]] = []

    def leads(
        self, campaign_id: str, part: int, after: str | None, rows: int
    ) -> tuple[list[ListedLead], str | None]:
        self.queries.append((part, rows))
        own = [key for key in self._keys if part_of(key, self._parts) == part]
        page = [key for key in own if after is None or key > after][:rows]
        leads = [self._leads[key] for key in page if key in self._leads]
        return leads, page[-1] if len(page) == rows else None
