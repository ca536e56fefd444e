"""
Opt out the phones of a CSV, chunk by chunk, each row counted exactly once (O5).

As with contacts (``import_contacts``): the rows are written, which may be repeated, then
counts and position are committed, if the position is still where this attempt found it.
Every row is an opt-out of its own, with the import and the line as its cause and the start
of the import as its time. Crash anywhere and the chunk is done again: a phone that stands
by its own row was opted out by that row, and is counted as such.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from carillon.domain.consent import Circumstances, ConsentSource
from carillon.domain.consent_jobs import BulkOutcome, BulkTally, OptOutImport
from carillon.domain.contacts import ImportStatus, read_person
from carillon.domain.csv_columns import Columns, map_columns
from carillon.domain.csv_rows import CsvFormat, Row, csv_lines, open_csv, rows
from carillon.domain.errors import InvalidInput
from carillon.domain.message import Suppression
from carillon.ports import Clock, FileStore, OptOutJobs, Queue, Suppressions
from carillon.usecases.csv_chunks import Chunk, bytes_of, content_name, head_of, next_chunk

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
    job = world.jobs.opt_out_import(import_id)
    try:
        if job.status is ImportStatus.QUEUED:
            job = _open(world, job)
        if job.status is ImportStatus.RUNNING:
            job = _run(world, job, until)
    except InvalidInput as error:
        failed = job.failed(error)
        world.jobs.advance_import(job, failed)
        return failed
    return job


class _Overtaken(Exception):
    """Another runner has committed this step: the rest is its work."""


def _commit(world: ImportingOptOuts, before: OptOutImport, after: OptOutImport) -> OptOutImport:
    if not world.jobs.advance_import(before, after):
        raise _Overtaken
    return after


def _open(world: ImportingOptOuts, job: OptOutImport) -> OptOutImport:
    opened = open_csv(head_of(world.files, job.object_key))
    columns = map_columns(opened.header, job.mapping)
    running = replace(
        job,
        status=ImportStatus.RUNNING,
        position=opened.start,
        format=opened.format,
        headers=opened.header,
        mapping=columns.mapping(opened.header),
    )
    # When somebody else has opened it first, the file says the same to both.
    world.jobs.advance_import(job, running)
    return world.jobs.opt_out_import(job.id)


def _run(world: ImportingOptOuts, job: OptOutImport, until: float) -> OptOutImport:
    columns = map_columns(job.headers, job.mapping)
    form = job.format or CsvFormat("utf-8", ",")
    chunks = bytes_of(world.files, job.object_key, job.position.offset)
    unread = rows(chunks, form, job.position)
    try:
        while True:
            chunk = next_chunk(unread, job.position, world.chunk_rows)
            if chunk.rows:
                job = _import_chunk(world, columns, job, chunk)
            if chunk.is_last:
                return _finish(world, job)
            if world.clock.monotonic() >= until:
                world.queue.put({"import_id": job.id})
                return job
    except _Overtaken:
        return job


@dataclass
class _Result:
    """Outcomes of a chunk's rows; *rejected* are the lines for the person who uploaded them."""

    outcomes: dict[BulkOutcome, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    rejected: list[Sequence[str]] = field(default_factory=list)

    def count(self, row: Row, outcome: BulkOutcome, reason: str = "") -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if outcome is BulkOutcome.INVALID:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if outcome is not BulkOutcome.CREATED:
            self.rejected.append((str(row.line), reason or outcome, *row.cells))


def _import_chunk(
    world: ImportingOptOuts, columns: Columns, job: OptOutImport, chunk: Chunk
) -> OptOutImport:
    result = _opted_out(world, columns, job, chunk.rows)
    pieces = job.rejected_pieces
    if result.rejected:
        body = csv_lines(result.rejected).encode()
        name = content_name(body)
        world.files.put(_piece_key(job, len(pieces), name), body, content_type="text/csv")
        pieces += (name,)
    after = replace(
        job,
        position=chunk.end,
        tally=job.tally.plus(BulkTally(result.outcomes, result.reasons)),
        rejected_pieces=pieces,
    )
    return _commit(world, job, after)


def _opted_out(
    world: ImportingOptOuts, columns: Columns, job: OptOutImport, chunk: Sequence[Row]
) -> _Result:
    """Opt out each phone of the chunk once, and note every row's outcome in their order."""
    phones = [(row, _phone_in(row, columns, world.parse_phone)) for row in chunk]
    firsts: dict[str, Row] = {}
    for row, phone in phones:
        if isinstance(phone, str):
            firsts.setdefault(phone, row)
    wanted = [_opt_out(job, phone, row) for phone, row in firsts.items()]
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


def _opt_out(job: OptOutImport, phone: str, row: Row) -> Suppression:
    return Suppression(
        phone=phone,
        opted_out=True,
        event_at=job.started_at or job.created_at,
        source=ConsentSource.BULK,
        cause=_cause(job, row),
        told=Circumstances(by=job.created_by, reason=job.reason),
    )


def _cause(job: OptOutImport, row: Row) -> str:
    return f"{job.id}.{row.line}"


def _finish(world: ImportingOptOuts, job: OptOutImport) -> OptOutImport:
    key = None
    if job.rejected_pieces:
        key = f"uploads/opt-outs/{job.id}/rejected.csv"
        world.files.put_stream(key, _rejected_file(world, job), content_type="text/csv")
    return _commit(world, job, replace(job, status=ImportStatus.DONE, rejected_key=key))


def _rejected_file(world: ImportingOptOuts, job: OptOutImport) -> Iterator[bytes]:
    # The mark makes spreadsheets read it as UTF-8.
    yield csv_lines([("line", "reason", *job.headers)]).encode("utf-8-sig")
    for place, name in enumerate(job.rejected_pieces):
        yield from world.files.read_from(_piece_key(job, place, name), 0)


def _piece_key(job: OptOutImport, place: int, name: str) -> str:
    # Under uploads/, which the bucket empties by itself.
    return f"uploads/opt-outs/{job.id}/rejected-{place:06d}-{name}.csv"
