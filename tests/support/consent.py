"""The consent ledger over what ``FakeSuppressions`` keeps, and builders of what it holds."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.clock import to_iso
from carillon.domain.consent import ConsentEntry, ConsentSource, OptOut
from carillon.domain.listing import Listing, Position
from tests.support.clock import NOON
from tests.support.messages import PHONE
from tests.support.sending import FakeSuppressions


class FakeConsentLedger:
    """Implements ``ports.ConsentLedger``; a position is the place of the last that was shown."""

    def __init__(self, suppressions: FakeSuppressions) -> None:
        self._kept = suppressions

    def entries(self, phone: str, limit: int, after: Position | None) -> Listing[ConsentEntry]:
        return _page(list(self.history(phone)), limit, after)

    def history(self, phone: str) -> Iterator[ConsentEntry]:
        entries = [entry for entry in self._kept.ledger.values() if entry.phone == phone]
        yield from sorted(entries, key=lambda e: (to_iso(e.event_at), e.cause), reverse=True)

    def newest(self, limit: int, after: Position | None) -> Listing[OptOut]:
        found = sorted(self._out(), key=lambda one: (one.recorded_at, one.phone), reverse=True)
        return _page(found, limit, after)

    def starting_with(self, digits: str, limit: int, after: Position | None) -> Listing[OptOut]:
        found = [one for one in self._out() if one.phone.startswith(f"+{digits}")]
        return _page(sorted(found, key=lambda one: one.phone), limit, after)

    def _out(self) -> list[OptOut]:
        return [one for one in self._kept.listed.values() if one.opted_out]


def _page(found: list[Any], limit: int, after: Position | None) -> Listing[Any]:
    start = int(after["place"]) if after else 0
    rest = {"place": str(start + limit)} if len(found) > start + limit else None
    return Listing(tuple(found[start : start + limit]), rest)


def an_entry(*, out: bool, at_s: float, **changes: Any) -> ConsentEntry:
    """Return an event of PHONE, *at_s* seconds after noon and recorded at once."""
    at: datetime = NOON + timedelta(seconds=at_s)
    defaults: dict[str, Any] = {
        "phone": PHONE,
        "opted_out": out,
        "event_at": at,
        "recorded_at": at,
        "source": ConsentSource.KEYWORD,
        "cause": f"SM{at_s:g}",
    }
    return ConsentEntry(**{**defaults, **changes})
