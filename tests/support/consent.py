"""The consent ledger over what ``FakeSuppressions`` keeps, and builders of what it holds."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from carillon.domain.clock import to_iso
from carillon.domain.consent import ConsentEntry, ConsentSource, OptOut
from carillon.domain.consent_jobs import OptOutExport, OptOutImport
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, NotFound
from carillon.domain.listing import Listing, Position
from tests.support.clock import NOON
from tests.support.messages import PHONE
from tests.support.sending import FakeSuppressions

# Of the fake: by the last digit.
LANES = 3


class FakeConsentLedger:
    """Implements ``ports.ConsentLedger`` and ``OptOutLanes``; a position is a number."""

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

    def lane_after(self, lane: int, after: str, limit: int) -> list[tuple[str, OptOut]]:
        places = [
            (f"{to_iso(one.recorded_at)}#{one.phone}", one)
            for one in self._out()
            if int(one.phone[-1]) % LANES == lane
        ]
        return [pair for pair in sorted(places, key=lambda p: p[0]) if pair[0] > after][:limit]

    def _out(self) -> list[OptOut]:
        return [one for one in self._kept.listed.values() if one.opted_out]


class FakeOptOutJobs:
    """Implements ``ports.OptOutJobs``."""

    def __init__(self) -> None:
        self.imports: dict[str, OptOutImport] = {}
        self.exports: dict[str, OptOutExport] = {}
        self._asked: dict[str, tuple[str, datetime]] = {}

    def create_import(self, new: OptOutImport, digest: str) -> OptOutImport:
        self.first_asked(new.id, digest, NOON)
        return self.imports.setdefault(new.id, new)

    def opt_out_import(self, import_id: str) -> OptOutImport:
        if import_id not in self.imports:
            raise NotFound("There is no such import.", code="import_not_found")
        return self.imports[import_id]

    def advance_import(self, before: OptOutImport, after: OptOutImport) -> bool:
        standing = self.imports[before.id]
        if (standing.status, standing.position) != (before.status, before.position):
            return False
        self.imports[before.id] = after
        return True

    def create_export(self, new: OptOutExport, digest: str) -> OptOutExport:
        self.first_asked(new.id, digest, NOON)
        return self.exports.setdefault(new.id, new)

    def opt_out_export(self, export_id: str) -> OptOutExport:
        if export_id not in self.exports:
            raise NotFound("There is no such export.", code="export_not_found")
        return self.exports[export_id]

    def advance_export(self, before: OptOutExport, after: OptOutExport) -> bool:
        standing = self.exports[before.id]
        place = (before.status, before.lane, before.after)
        if (standing.status, standing.lane, standing.after) != place:
            return False
        self.exports[before.id] = after
        return True

    def first_asked(self, request_id: str, digest: str, now: datetime) -> datetime:
        first, at = self._asked.setdefault(request_id, (digest, now))
        if first != digest:
            raise Conflict("Reused.", code="idempotency_key_reused")
        return at


def _page(found: list[Any], limit: int, after: Position | None) -> Listing[Any]:
    start = int(after["place"]) if after else 0
    rest = {"place": str(start + limit)} if len(found) > start + limit else None
    return Listing(tuple(found[start : start + limit]), rest)


def an_opt_out_import(import_id: str = "imp_a", **changes: Any) -> OptOutImport:
    defaults: dict[str, Any] = {
        "id": import_id,
        "status": ImportStatus.AWAITING_UPLOAD,
        "object_key": f"uploads/opt-outs/{import_id}.csv",
        "reason": "They asked by letter.",
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return OptOutImport(**{**defaults, **changes})


def an_opt_out_export(export_id: str = "exp_a", **changes: Any) -> OptOutExport:
    defaults: dict[str, Any] = {"id": export_id, "created_at": NOON, "created_by": "usr_1"}
    return OptOutExport(**{**defaults, **changes})


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
