"""
Opt out the phones of a CSV (O5); ``csv_imports`` has the way of it.

Every row is an opt-out of its own, with the import and the line as its cause and the start
of the import as its time. Crash anywhere and the chunk is done again: a phone that stands
by its own row was opted out by that row, and is counted as such.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from carillon.domain.consent import Circumstances, ConsentSource
from carillon.domain.consent_jobs import BulkOutcome, BulkTally, OptOutImport
from carillon.domain.contacts import read_person
from carillon.domain.csv_columns import Columns
from carillon.domain.csv_rows import OpenedCsv, Row
from carillon.domain.errors import InvalidInput
from carillon.domain.message import Suppression
from carillon.ports import Clock, FileStore, OptOutJobs, Queue, Suppressions
from carillon.usecases.csv_chunks import content_name
from carillon.usecases.csv_imports import RejectedRows, carry_on, give_up

CHUNK_ROWS = 500

# (function, things) -> its answers.
SideBySide = Callable[
    [Callable[[Suppression], Suppression], Sequence[Suppression]], list[Suppression]
]


@dataclass(frozen=True, kw_only=True)
class ImportingOptOuts:
    """
    What an import needs. *parse_phone* gives E.164.

    *side_by_side* calls a function for each of several things and returns all answers, once
    all have ended.
    """

    jobs: OptOutJobs
    suppressions: Suppressions
    files: FileStore
    queue: Queue
    clock: Clock
    parse_phone: Callable[[str], str]
    side_by_side: SideBySide
    chunk_rows: int = CHUNK_ROWS


def import_opt_outs(world: ImportingOptOuts, *, import_id: str, budget_s: float) -> OptOutImport:
    """
    Carry the import on for about *budget_s* seconds; return it as this runner left it.

    Asks the queue to go on when rows remain. Safe to call at any time, any
    number of times. Raises NotFound when there is no such import.
    """
    until = world.clock.monotonic() + budget_s
    kind = _OptOutRows(world, import_id)
    return carry_on(kind, world.files, world.clock, chunk_rows=world.chunk_rows, until=until)


def give_up_opt_out_import(world: ImportingOptOuts, *, import_id: str) -> OptOutImport:
    """Let the import be failed, whose message has been tried in vain; raises NotFound."""
    return give_up(_OptOutRows(world, import_id))


@dataclass(frozen=True)
class _OptOutRows:
    """Implements ``csv_imports.ImportKind``."""

    world: ImportingOptOuts
    import_id: str

    def load(self) -> OptOutImport:
        return self.world.jobs.opt_out_import(self.import_id)

    def advance(self, before: OptOutImport, after: OptOutImport) -> bool:
        return self.world.jobs.advance_import(before, after)

    def prepare(self, opened: OpenedCsv, size: int) -> None:
        """Do nothing: suppressions are not divided by size."""

    def add(
        self, job: OptOutImport, columns: Columns, rows: Sequence[Row]
    ) -> tuple[OptOutImport, RejectedRows]:
        result = _opted_out(self.world, columns, job, rows)
        tally = job.tally.plus(BulkTally(result.outcomes, result.reasons))
        return replace(job, tally=tally), result.rejected

    def keep_rejected(self, job: OptOutImport, body: bytes) -> OptOutImport:
        name = content_name(body)
        key = self._piece_key(len(job.rejected_pieces), name)
        self.world.files.put(key, body, content_type="text/csv")
        return replace(job, rejected_pieces=(*job.rejected_pieces, name))

    def pieces(self, job: OptOutImport) -> list[str]:
        return [self._piece_key(place, name) for place, name in enumerate(job.rejected_pieces)]

    def rejected_key(self, job: OptOutImport) -> str:
        return f"uploads/opt-outs/{job.id}/rejected.csv"

    def go_on(self, job: OptOutImport) -> None:
        self.world.queue.put({"import_id": job.id})

    def _piece_key(self, place: int, name: str) -> str:
        # Under uploads/, which the bucket empties by itself.
        return f"uploads/opt-outs/{self.import_id}/rejected-{place:06d}-{name}.csv"


@dataclass
class _Result:
    """Outcomes of a chunk's rows."""

    outcomes: dict[BulkOutcome, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    rejected: RejectedRows = field(default_factory=RejectedRows)

    def count(self, row: Row, outcome: BulkOutcome, reason: str = "") -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if outcome is BulkOutcome.INVALID:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if outcome is not BulkOutcome.CREATED:
            self.rejected.add(row, reason or outcome)


def _opted_out(
    world: ImportingOptOuts, columns: Columns, job: OptOutImport, chunk: Sequence[Row]
) -> _Result:
    """Opt out each phone of the chunk once, and note every row's outcome in their order."""
    phones = [(row, _phone_in(row, columns, world.parse_phone)) for row in chunk]
    firsts: dict[str, Row] = {}
    for row, phone in phones:
        if isinstance(phone, str):
            firsts.setdefault(phone, row)
    wanted = [_opt_out(job, phone, row, world.clock.now()) for phone, row in firsts.items()]
    standing = dict(
        zip(firsts, world.side_by_side(world.suppressions.opt_out, wanted), strict=True)
    )
    result = _Result()
    for row, phone in phones:
        if isinstance(phone, InvalidInput):
            result.count(row, BulkOutcome.INVALID, phone.code)
        elif not standing[phone].opted_out:
            result.count(row, BulkOutcome.OVERRULED)
        elif standing[phone].cause == _cause(job, row):
            result.count(row, BulkOutcome.CREATED)
        else:
            result.count(row, BulkOutcome.DUPLICATE)
    return result


def _phone_in(row: Row, columns: Columns, parse_phone: Callable[[str], str]) -> str | InvalidInput:
    try:
        return read_person(row, columns, parse_phone=parse_phone).phone
    except InvalidInput as error:
        return error


def _opt_out(job: OptOutImport, phone: str, row: Row, committed_at: datetime) -> Suppression:
    return Suppression(
        phone=phone,
        opted_out=True,
        event_at=job.started_at or job.created_at,
        source=ConsentSource.BULK,
        cause=_cause(job, row),
        committed_at=committed_at,
        told=Circumstances(by=job.created_by, reason=job.reason),
    )


def _cause(job: OptOutImport, row: Row) -> str:
    return f"{job.id}.{row.line}"
