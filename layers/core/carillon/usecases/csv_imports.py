"""
Work off an uploaded CSV chunk by chunk, each row counted exactly once (C1, C2, O5).

    add the rows        what a row becomes is its kind's               repeatable
    keep the rejected   one object                                     repeatable
    commit              counts and position, if the position is still
                        where this attempt found it                    once

Crash anywhere and the chunk is done again; two runners at once do the same work, and one of
them commits. An import ends done, or failed with a sentence for a person: when its file is
gone, and when its message has been tried in vain (``give_up``). What has failed goes on from
its last commit when it is started again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from carillon.domain.consent_jobs import OptOutImport
from carillon.domain.contacts import ImportJob, ImportStatus
from carillon.domain.csv_columns import Columns, map_columns
from carillon.domain.csv_rows import CsvFormat, OpenedCsv, Row, csv_lines, open_csv, rows
from carillon.domain.errors import Conflict, InvalidInput
from carillon.ports import Clock, FileStore
from carillon.usecases.csv_chunks import Chunk, bytes_of, head_of, next_chunk

# An import is one of the two; each is a record of its own, so this is no common base.
Job = TypeVar("Job", ImportJob, OptOutImport)


class ImportKind(Protocol[Job]):
    """One import: what its rows become, and where it is kept."""

    def load(self) -> Job:
        """Return the import as it stands; raises NotFound."""
        ...

    def advance(self, before: Job, after: Job) -> bool:
        """Replace *before* by *after*; False when status or position are no longer its."""
        ...

    def prepare(self, opened: OpenedCsv, size: int) -> None:
        """Make ready for a file of *size* bytes, before its first row; may be repeated."""
        ...

    def add(self, job: Job, columns: Columns, rows: Sequence[Row]) -> "tuple[Job, RejectedRows]":
        """Do what *rows* ask for; return *job* with them counted, and those to give back."""
        ...

    def keep_rejected(self, job: Job, body: bytes) -> Job:
        """Store the rejected rows of a chunk; return *job* with this piece."""
        ...

    def pieces(self, job: Job) -> list[str]:
        """Return the keys of what was stored so, in order."""
        ...

    def rejected_key(self, job: Job) -> str:
        """Return where all rejected rows go in the end."""
        ...

    def go_on(self, job: Job) -> None:
        """Ask for another runner: rows remain."""
        ...


@dataclass
class RejectedRows:
    """Lines for the person who uploaded them: number, reason, and the row as it was."""

    lines: list[Sequence[str]] = field(default_factory=list)

    def add(self, row: Row, reason: str) -> None:
        """Give *row* back."""
        self.lines.append((str(row.line), reason, *row.cells))


def carry_on(
    kind: ImportKind[Job], files: FileStore, clock: Clock, *, chunk_rows: int, until: float
) -> Job:
    """
    Carry the import on until ``clock.monotonic`` is *until*; return it as this runner left it.

    Safe to call at any time, any number of times. Raises NotFound when there is none.
    """
    runner = _Runner(kind, files, clock, chunk_rows, kind.load())
    try:
        if runner.job.status is ImportStatus.QUEUED:
            runner.open()
        if runner.job.status is ImportStatus.RUNNING:
            runner.run(until)
    except _Overtaken:
        pass
    except InvalidInput as error:
        runner.fail(error)
    return runner.job


def give_up(kind: ImportKind[Job]) -> Job:
    """Let an import that nobody carries on any more be failed; return it as it is then."""
    job = kind.load()
    if job.status not in (ImportStatus.QUEUED, ImportStatus.RUNNING):
        return job
    failed = job.failed(
        InvalidInput(
            "The import stopped before its end. Start it again: it goes on where it stopped.",
            code="import_stopped",
        )
    )
    return failed if kind.advance(job, failed) else kind.load()


def require_same_file(*, begun: bool, size_before: int, size: int) -> None:
    """Raise Conflict (``file_changed``) when an import that was *begun* has another file now."""
    if begun and size != size_before:
        raise Conflict(
            "This is not the file with which the import began; create a new import.",
            code="file_changed",
        )


class _Overtaken(Exception):
    """Another runner has committed this step: the rest is its work."""


@dataclass
class _Runner(Generic[Job]):
    """*job* is the import as this runner has committed it last."""

    kind: ImportKind[Job]
    files: FileStore
    clock: Clock
    chunk_rows: int
    job: Job

    def open(self) -> None:
        """Find out how to read the file, or go on with one that was opened before."""
        running = replace(self.job, status=ImportStatus.RUNNING, error_code=None, error=None)
        if self.job.format is None:
            opened = open_csv(head_of(self.files, self.job.object_key))
            columns = map_columns(opened.header, self.job.mapping)
            size = self.files.size(self.job.object_key)
            self.kind.prepare(opened, size)
            running = replace(
                running,
                position=opened.start,
                format=opened.format,
                headers=opened.header,
                mapping=columns.mapping(opened.header),
                size=size,
            )
        # When somebody else has opened it first, the file says the same to both.
        self.kind.advance(self.job, running)
        self.job = self.kind.load()

    def run(self, until: float) -> None:
        """Commit chunk after chunk, and the end."""
        job = self.job
        columns = map_columns(job.headers, job.mapping)
        form = job.format or CsvFormat("utf-8", ",")
        unread = rows(bytes_of(self.files, job.object_key, job.position.offset), form, job.position)
        while True:
            chunk = next_chunk(unread, self.job.position, self.chunk_rows)
            if chunk.rows:
                self._import(chunk, columns)
            if chunk.is_last:
                self._finish()
                return
            if self.clock.monotonic() >= until:
                self.kind.go_on(self.job)
                return

    def fail(self, error: InvalidInput) -> None:
        """End the import, unless another runner is further."""
        self._try(self.job.failed(error))

    def _import(self, chunk: Chunk, columns: Columns) -> None:
        after, rejected = self.kind.add(self.job, columns, chunk.rows)
        if rejected.lines:
            after = self.kind.keep_rejected(after, csv_lines(rejected.lines).encode())
        self._commit(replace(after, position=chunk.end))

    def _finish(self) -> None:
        key = None
        if self.kind.pieces(self.job):
            key = self.kind.rejected_key(self.job)
            self.files.put_stream(key, self._rejected_file(), content_type="text/csv")
        self._commit(replace(self.job, status=ImportStatus.DONE, rejected_key=key))

    def _rejected_file(self) -> Iterator[bytes]:
        # The mark makes spreadsheets read it as UTF-8.
        yield csv_lines([("line", "reason", *self.job.headers)]).encode("utf-8-sig")
        yield from _joined(self.files, self.kind.pieces(self.job))

    def _commit(self, after: Job) -> None:
        if not self._try(after):
            raise _Overtaken

    def _try(self, after: Job) -> bool:
        is_committed = self.kind.advance(self.job, after)
        if is_committed:
            self.job = after
        return is_committed


def _joined(files: FileStore, keys: Iterable[str]) -> Iterator[bytes]:
    for key in keys:
        yield from bytes_of(files, key, 0)
