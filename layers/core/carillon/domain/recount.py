"""What a recount found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class RecountState(StrEnum):
    """How a recount ended."""

    # Rows and counters agree.
    EXACT = "exact"
    # They did not; they do now.
    HEALED = "healed"
    # Traffic, or changes still on their way, did not let all of them be compared.
    BUSY = "busy"


@dataclass(frozen=True, kw_only=True)
class RecountReport:
    """
    One recount of a campaign.

    ``drift`` is what the rows have more than the counters had, by counter, as far
    as it was proven; expected to be empty. ``unsettled`` leads are not final.
    """

    campaign_id: str
    at: datetime
    state: RecountState
    unsettled: int
    drift: Mapping[str, int] = field(default_factory=dict)
