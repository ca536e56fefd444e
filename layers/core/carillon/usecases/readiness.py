"""
When a message that is due may go: the recipient's window, the local schedule, the caps (F5, K15).

Pacer and reconciler ask the same object, so that neither waits for what the other sends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from carillon.domain.budgets import Cap
from carillon.domain.campaign import Campaign
from carillon.domain.errors import InvalidInput
from carillon.domain.law_pack import LawPack, Policy
from carillon.domain.message import Recipient
from carillon.domain.organisation import OrganisationPolicy
from carillon.domain.progress import Due
from carillon.domain.schedules import recipient_local_instant
from carillon.domain.whereabouts import Whereabouts
from carillon.domain.windows import Windows

# People of an audience that was frozen before places were: anywhere in the United States.
UNPLACED = Whereabouts(
    ("America/Puerto_Rico", "America/New_York", "Pacific/Honolulu"), ("US", "US-*"), "unplaced"
)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """
    When one message may go: from ``at`` until ``closes_at``.

    ``problem`` is the code of what forbids it for good; the lead fails with it.
    """

    at: datetime
    closes_at: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """
    What bounds sending besides the campaign itself; made anew when policy or law may have changed.

    ``lateness_limit`` is for people whose local time had passed when the campaign was
    launched; ``most_a_week`` is the organisation's cap over all campaigns.
    """

    windows_of: Callable[[Campaign], Windows]
    lateness_limit: timedelta
    most_a_week: int | None = None


def rules_of(policy: OrganisationPolicy, pack: LawPack, lateness_limit: timedelta) -> Rules:
    """Return the rules that the law and the organisation's policy make."""
    stricter = Policy(hours=policy.active_hours, max_contacts_per_24h=policy.max_contacts_per_24h)
    return Rules(
        windows_of=lambda campaign: Windows(campaign.active_hours, pack, stricter),
        lateness_limit=lateness_limit,
        most_a_week=policy.max_contacts_per_week,
    )


def text_or_problem(render: Callable[[], str]) -> tuple[str | None, str | None]:
    """
    Return the text that *render* gives, or the code of why there is none.

    One bad lead never stops the others (F8): what cannot be rendered fails alone.
    """
    try:
        text = render()
    except InvalidInput as error:
        return None, error.code
    return (text, None) if text.strip() else (None, "empty_text")


class Readiness:
    """The slots of one campaign's messages. Not for sharing between threads."""

    def __init__(self, campaign: Campaign, rules: Rules) -> None:
        self._campaign = campaign
        self._rules = rules
        self._windows = rules.windows_of(campaign)
        self._local = datetime.fromisoformat(campaign.local_at) if campaign.local_at else None
        self._local_instants: dict[Whereabouts, datetime] = {}
        self._caps: dict[tuple[Whereabouts, date], tuple[Cap, ...]] = {}

    def slot(self, recipient: Recipient, due: Due, now: datetime) -> Slot:
        """Return when *recipient*'s message *due* may go, at *now* or later."""
        where = recipient.whereabouts or UNPLACED
        wanted = max(due.at or now, now)
        if self._local is not None and not due.step:
            local = self._local_instant(where, self._local)
            if self._is_missed(local):
                return Slot(at=now, problem="schedule_missed")
            wanted = max(wanted, local)
        opening = self._windows.opening(where, wanted)
        if opening is None:
            return Slot(at=now, problem="no_sending_hours")
        return Slot(at=max(wanted, opening.opens_at), closes_at=opening.closes_at)

    def caps(self, recipient: Recipient, now: datetime) -> tuple[Cap, ...]:
        """Return how often *recipient* may be texted, by law and policy (F6, L1)."""
        where = recipient.whereabouts or UNPLACED
        key = where, now.date()
        if key not in self._caps:
            a_day = self._windows.max_contacts_per_24h(where, now.date())
            caps = ((a_day, _DAY), (self._rules.most_a_week, _WEEK))
            self._caps[key] = tuple(Cap(most, span) for most, span in caps if most is not None)
        return self._caps[key]

    def _local_instant(self, where: Whereabouts, local: datetime) -> datetime:
        if where not in self._local_instants:
            at = time(local.hour, local.minute)
            self._local_instants[where] = recipient_local_instant(local.date(), at, where)
        return self._local_instants[where]

    def _is_missed(self, local: datetime) -> bool:
        launched_at = self._campaign.launched_at
        return launched_at is not None and launched_at - local > self._rules.lateness_limit
