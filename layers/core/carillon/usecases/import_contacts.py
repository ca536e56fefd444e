"""
Import a CSV into a contact list (C1, C2); ``csv_imports`` has the way of it.

A chunk is the next ``CHUNK_ROWS`` rows (fewer when they are large): where it ends depends on
the file alone, so every attempt at it sees the same rows. Each becomes a contact if its phone
is new to the list: one that stands under the same import and line was created by this very
row, and is counted as such.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from carillon.domain.contacts import (
    Contact,
    ContactList,
    ImportJob,
    Outcome,
    Person,
    Tally,
    read_person,
    shards_for,
)
from carillon.domain.csv_columns import Columns
from carillon.domain.csv_rows import OpenedCsv, Row
from carillon.domain.errors import InvalidInput
from carillon.ports import Clock, Contacts, FileStore, ImportDirectory, OptOutLookup, Queue
from carillon.usecases.csv_imports import RejectedRows, carry_on, give_up

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
    kind = _ContactImport(world, list_id, import_id)
    return carry_on(kind, world.files, world.clock, chunk_rows=world.chunk_rows, until=until)


def give_up_import(world: Importing, *, list_id: str, import_id: str) -> ImportJob:
    """Let the import be failed, whose message has been tried in vain; raises NotFound."""
    return give_up(_ContactImport(world, list_id, import_id))


@dataclass(frozen=True)
class _ContactImport:
    """Implements ``csv_imports.ImportKind``."""

    world: Importing
    list_id: str
    import_id: str

    def load(self) -> ImportJob:
        return self.world.lists.contact_import(self.list_id, self.import_id)

    def advance(self, before: ImportJob, after: ImportJob) -> bool:
        return self.world.lists.advance_import(before, after)

    def prepare(self, opened: OpenedCsv, size: int) -> None:
        estimate = (size - opened.start.offset) / opened.average_row_bytes
        shards = shards_for(estimate, per_shard=self.world.contacts_per_shard)
        self.world.lists.fix_shards(self.list_id, shards)

    def add(
        self, job: ImportJob, columns: Columns, rows: Sequence[Row]
    ) -> tuple[ImportJob, RejectedRows]:
        target = self.world.lists.contact_list(self.list_id)
        ledger = _Ledger()
        for start in range(0, len(rows), _BATCH_ROWS):
            batch = rows[start : start + _BATCH_ROWS]
            _Batch(self.world, target, columns, job, ledger).store(batch)
        tally = job.tally.plus(Tally(ledger.outcomes, ledger.reasons))
        return replace(job, tally=tally), ledger.rejected

    def keep_rejected(self, job: ImportJob, body: bytes) -> ImportJob:
        key = self._piece_key(job.rejected_objects)
        self.world.files.put(key, body, content_type="text/csv")
        return replace(job, rejected_objects=job.rejected_objects + 1)

    def pieces(self, job: ImportJob) -> list[str]:
        return [self._piece_key(piece) for piece in range(job.rejected_objects)]

    def rejected_key(self, job: ImportJob) -> str:
        return f"rejected/{job.list_id}/{job.id}.csv"

    def go_on(self, job: ImportJob) -> None:
        self.world.queue.put({"list_id": job.list_id, "import_id": job.id})

    def _piece_key(self, piece: int) -> str:
        # Under uploads/, which the bucket empties by itself.
        return f"uploads/{self.list_id}/{self.import_id}/rejected-{piece:06d}.csv"


@dataclass
class _Ledger:
    """Outcomes of a chunk's rows."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    rejected: RejectedRows = field(default_factory=RejectedRows)

    def count(self, outcome: Outcome) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def reject(self, row: Row, outcome: Outcome, reason: str) -> None:
        self.count(outcome)
        if outcome is Outcome.INVALID:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.rejected.add(row, reason)


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
