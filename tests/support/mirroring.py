"""What the mirror of opt-out lists stands on, as fakes: consents, their log, a provider's list."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from carillon.domain.clock import to_iso
from carillon.domain.errors import CarillonError, Conflict, InvalidInput
from carillon.domain.message import KeptEntry, Suppression
from carillon.domain.opt_out_mirror import ListedOptOut, MirrorState
from tests.support.clock import FakeClock
from tests.support.sending import FakeSuppressions, event_of


class FakeConsents(FakeSuppressions):
    """Implements ``ports.MirroredConsents``; its reads of many can be behind by all there is."""

    read_behind = False

    def standing_of(self, phones: Sequence[str]) -> dict[str, Suppression]:
        known = {} if self.read_behind else self.standing
        return {phone: known[phone] for phone in phones if phone in known}

    def opted_out_after(
        self, cursor: str | None, rows: int
    ) -> tuple[list[Suppression], str | None]:
        behind = [phone for phone in sorted(self.standing) if cursor is None or phone > cursor]
        page = [self.standing[phone] for phone in behind[:rows]]
        return [one for one in page if one.opted_out], behind[rows - 1] if behind[rows:] else None

    def enter(self, standing: Suppression) -> bool:
        if event_of(standing) in self.ledger or self.standing.get(standing.phone) != standing:
            return False
        now, recorded_at = self._now, standing.committed_at or standing.event_at
        self._now = lambda: recorded_at
        self._stand(standing)
        self._said_again(standing)
        self._now = now
        return True

    def note_kept(self, standing: Suppression, kept: KeptEntry) -> None:
        now = self.standing[standing.phone]
        if (now.opted_out, now.event_at) == (standing.opted_out, standing.event_at):
            others = [one for one in now.kept_by if one.list != kept.list]
            known = tuple(sorted([*others, kept], key=lambda one: one.list))
            self.standing[standing.phone] = replace(now, kept_by=known)


class FakeNews:
    """Implements ``ports.ConsentNews`` over the fake consents."""

    def __init__(self, consents: FakeConsents) -> None:
        self._consents = consents

    def after(self, position: str, until: datetime, limit: int) -> list[tuple[str, str]]:
        changes = sorted(
            (f"{to_iso(one.recorded_at)}#{phone}", phone)
            for phone, one in self._consents.listed.items()
        )
        return [one for one in changes if position < one[0] <= to_iso(until)][:limit]


class FakeMirrorStates:
    """Implements ``ports.MirrorStates``."""

    def __init__(self) -> None:
        self.states: dict[str, MirrorState] = {}

    def get(self, name: str) -> MirrorState:
        return self.states.get(name, MirrorState())

    def save(self, name: str, state: MirrorState) -> None:
        self.states[name] = state


@dataclass
class FakeOptOutList:
    """Implements ``ports.ProviderOptOuts``; a number can be one that is never let off again."""

    clock: FakeClock
    name: str = "aws:us-east-1:Default"
    page_size: int = 2
    entries: dict[str, ListedOptOut] = field(default_factory=dict)
    kept_for_good: set[str] = field(default_factory=set)
    no_numbers: set[str] = field(default_factory=set)
    # After so many calls the provider refuses with this.
    refusal: CarillonError | None = None
    calls_left: int = 1_000_000
    calls: list[str] = field(default_factory=list)

    def put(self, phone: str) -> None:
        self._call(f"put {phone}")
        if phone in self.no_numbers:
            raise InvalidInput("No number.", code="bad_phone")
        here = ListedOptOut(phone=phone, since=self.clock.now(), by_person=False)
        self.entries.setdefault(phone, here)

    def remove(self, phone: str) -> None:
        self._call(f"remove {phone}")
        if phone in self.kept_for_good:
            raise Conflict("Not taken off.", code="opt_in_refused")
        self.entries.pop(phone, None)

    def of(self, phone: str) -> ListedOptOut | None:
        self._call(f"of {phone}")
        if phone in self.no_numbers:
            raise InvalidInput("No number.", code="bad_phone")
        return self.entries.get(phone)

    def page(self, cursor: str | None) -> tuple[list[ListedOptOut], str | None]:
        self._call(f"page {cursor or ''}".strip())
        if cursor == "stale":
            raise InvalidInput("No such page.", code="bad_phone")
        behind = [phone for phone in sorted(self.entries) if cursor is None or phone > cursor]
        shown = behind[: self.page_size]
        return [self.entries[phone] for phone in shown], (
            shown[-1] if behind[self.page_size :] else None
        )

    def _call(self, what: str) -> None:
        if self.calls_left <= 0 and self.refusal is not None:
            raise self.refusal
        self.calls_left -= 1
        self.calls.append(what)
