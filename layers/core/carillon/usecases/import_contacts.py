"""
Import a CSV into a contact list, chunk by chunk, each row counted exactly once (C1, C2).

A chunk is the next ``CHUNK_ROWS`` rows (fewer when they are large): where it
ends depends on the file alone, so every attempt at it sees the same rows.

    store the rows      a contact each, if its phone is new to the list    repeatable
    store the rejected  one object, named by its number                    repeatable
    commit              counts, position and number, if the position is
                        still where this attempt found it                  once

Crash anywhere and the chunk is done again: a contact that stands under the
same import and line was created by this very row and is counted as such. Two
runners at once do the same work, and one of them commits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from carillon.domain.contacts import (
    Contact,
    ContactList,
    ImportJob,
    ImportStatus,
    Outcome,
    Person,
    Tally,
    read_person,
    shards_for,
)
from carillon.domain.csv_columns import Columns, map_columns
from carillon.domain.csv_rows import (
    CsvFormat,
    OpenedCsv,
    Row,
    csv_lines,
    open_csv,
    rows,
)
from carillon.domain.errors import InvalidInput
from carillon.ports import Clock, Contacts, FileStore, ImportDirectory, OptOutLookup, Queue
from carillon.usecases.csv_chunks import Chunk, bytes_of, head_of, next_chunk

CHUNK_ROWS = 1000
# Rows whose contacts are written side by side; a phone stands in at most one of them.
_BATCH_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Importing:
    """What an import needs. *parse_phone* takes (text, default country) and gives E.164."""

    lists: ImportDirectory
    contacts: Contacts
    opt_outs: OptOutLookup
    files: FileStore
    queue: Queue
    clock: Clock
    parse_phone: Callable[[str, str], str]
    contacts_per_shard: int
    chunk_rows: int = CHUNK_ROWS


def import_contacts(
    world: Importing, *, list_id: str, import_id: str, budget_s: float
) -> ImportJob:
    """
    Carry the import on for about *budget_s* seconds; return it as this runner left it.

    Asks the queue to go on when rows remain. Safe to call at any time, any
    number of times. Raises NotFound when there is no such list or import.
    """
    until = world.clock.monotonic() + budget_s
    job = world.lists.contact_import(list_id, import_id)
    try:
        if job.status is ImportStatus.QUEUED:
            job = _open(world, job)
        if job.status is ImportStatus.RUNNING:
            job = _run(world, job, until)
    except InvalidInput as error:
        return _fail(world, job, error)
    return job


class _Overtaken(Exception):
    """Another runner has committed this step: the rest is its work."""


def _fail(world: Importing, job: ImportJob, error: InvalidInput) -> ImportJob:
    failed = job.failed(error)
    world.lists.advance_import(job, failed)
    return failed


def _commit(world: Importing, before: ImportJob, after: ImportJob) -> ImportJob:
    if not world.lists.advance_import(before, after):
        raise _Overtaken
    return after


def _open(world: Importing, job: ImportJob) -> ImportJob:
    opened = open_csv(head_of(world.files, job.object_key))
    columns = map_columns(opened.header, job.mapping)
    size = world.files.size(job.object_key)
    world.lists.fix_shards(job.list_id, _shards(opened, size, world.contacts_per_shard))
    running = replace(
        job,
        status=ImportStatus.RUNNING,
        position=opened.start,
        format=opened.format,
        headers=opened.header,
        mapping=columns.mapping(opened.header),
        size=size,
    )
    # When somebody else has opened it first, the file says the same to both.
    world.lists.advance_import(job, running)
    return world.lists.contact_import(job.list_id, job.id)


def _shards(opened: OpenedCsv, size: int, per_shard: int) -> int:
    estimate = (size - opened.start.offset) / opened.average_row_bytes
    return shards_for(estimate, per_shard=per_shard)


def _run(world: Importing, job: ImportJob, until: float) -> ImportJob:
    target = world.lists.contact_list(job.list_id)
    columns = map_columns(job.headers, job.mapping)
    form = job.format or CsvFormat("utf-8", ",")
    unread = rows(bytes_of(world.files, job.object_key, job.position.offset), form, job.position)
    try:
        while True:
            chunk = next_chunk(unread, job.position, world.chunk_rows)
            if chunk.rows:
                job = _import_chunk(world, target, columns, job, chunk)
            if chunk.is_last:
                return _finish(world, job)
            if world.clock.monotonic() >= until:
                world.queue.put({"list_id": job.list_id, "import_id": job.id})
                return job
    except _Overtaken:
        return job


def _import_chunk(
    world: Importing, target: ContactList, columns: Columns, job: ImportJob, chunk: Chunk
) -> ImportJob:
    ledger = _Ledger()
    for start in range(0, len(chunk.rows), _BATCH_ROWS):
        batch = chunk.rows[start : start + _BATCH_ROWS]
        _Batch(world, target, columns, job, ledger).store(batch)
    pieces = job.rejected_objects
    if ledger.rejected:
        body = csv_lines(ledger.rejected).encode()
        world.files.put(_piece_key(job, pieces), body, content_type="text/csv")
        pieces += 1
    after = replace(
        job,
        position=chunk.end,
        tally=job.tally.plus(Tally(ledger.outcomes, ledger.reasons)),
        rejected_objects=pieces,
    )
    return _commit(world, job, after)


@dataclass
class _Ledger:
    """Outcomes of a chunk's rows; *rejected* are the lines for the person who uploaded them."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    rejected: list[Sequence[str]] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def reject(self, row: Row, outcome: Outcome, reason: str) -> None:
        self.count(outcome)
        if outcome is Outcome.INVALID:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.rejected.append((str(row.line), reason, *row.cells))


@dataclass
class _Batch:
    world: Importing
    target: ContactList
    columns: Columns
    job: ImportJob
    ledger: _Ledger

    def store(self, batch: Sequence[Row]) -> None:
        """Store what can be stored and note every row's outcome, in the order of the file."""
        people = [(row, self._read(row)) for row in batch]
        firsts: dict[str, Row] = {}
        for row, person in people:
            if isinstance(person, Person):
                firsts.setdefault(person.phone, row)
        stored = self._stored(
            [
                self._contact(row, person)
                for row, person in people
                if isinstance(person, Person) and firsts[person.phone] is row
            ]
        )
        opted_out = self.world.opt_outs.opted_out_among(sorted(stored))
        for row, person in people:
            if isinstance(person, InvalidInput):
                self.ledger.reject(row, Outcome.INVALID, person.code)
            elif firsts[person.phone] is not row or person.phone not in stored:
                self.ledger.reject(row, Outcome.DUPLICATE, Outcome.DUPLICATE)
            else:
                is_blocked = person.phone in opted_out
                self.ledger.count(Outcome.SUPPRESSED if is_blocked else Outcome.CREATED)

    def _read(self, row: Row) -> Person | InvalidInput:
        country = self.target.default_country
        try:
            return read_person(
                row, self.columns, parse_phone=lambda text: self.world.parse_phone(text, country)
            )
        except InvalidInput as error:
            return error

    def _contact(self, row: Row, person: Person) -> Contact:
        return Contact(
            phone=person.phone,
            first_name=person.first_name,
            last_name=person.last_name,
            fields=person.fields,
            line=row.line,
            import_id=self.job.id,
            created_at=self.world.clock.now(),
        )

    def _stored(self, contacts: Sequence[Contact]) -> set[str]:
        """Store *contacts*; return the phones whose standing contact is the one given here."""
        standing = self.world.contacts.add(self.target.id, self.target.shards, contacts)
        return {
            contact.phone
            for contact, origin in zip(contacts, standing, strict=True)
            if origin == (contact.import_id, contact.line)
        }


def _finish(world: Importing, job: ImportJob) -> ImportJob:
    key = None
    if job.rejected_objects:
        key = f"rejected/{job.list_id}/{job.id}.csv"
        world.files.put_stream(key, _rejected_file(world, job), content_type="text/csv")
    return _commit(world, job, replace(job, status=ImportStatus.DONE, rejected_key=key))


def _rejected_file(world: Importing, job: ImportJob) -> Iterator[bytes]:
    # The mark makes spreadsheets read it as UTF-8.
    yield csv_lines([("line", "reason", *job.headers)]).encode("utf-8-sig")
    for piece in range(job.rejected_objects):
        yield from world.files.read_from(_piece_key(job, piece), 0)


def _piece_key(job: ImportJob, piece: int) -> str:
    # Under uploads/, which the bucket empties by itself.
    return f"uploads/{job.list_id}/{job.id}/rejected-{piece:06d}.csv"
