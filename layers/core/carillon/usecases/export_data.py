"""
Make a file for people, piece by piece (T7).

    plan               which units there are, frozen in an object          repeatable
    read some units    partition queries, never a scan                     repeatable
    store them         one object, named by place and content              repeatable
    commit             place and name, if the export is still where
                       this attempt found it                               once

Memory and requests are bounded however long the file is. Crash anywhere and the piece is read
again; two runners at once do the same work, and one of them commits. The pieces become one file
at the end. An export ends done, or failed with a sentence for a person: when what it had stored
is gone, and when its message has been tried in vain (``give_up_export``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from carillon.domain.errors import InvalidInput
from carillon.domain.exports import (
    COLUMNS,
    Export,
    ExportRow,
    ExportState,
    FileFormat,
    Place,
)
from carillon.ports import Clock, ExportJobs, FileStore, Queue, TableFormat
from carillon.usecases.csv_chunks import bytes_of, content_name
from carillon.usecases.export_rows import ExportSources, Plan, Rows, plan_of, rows_of

PIECE_ROWS = 10_000
_GONE = "What this export had stored is gone. Ask for it again."


@dataclass(frozen=True, kw_only=True)
class ExportingWorld:
    """What an export needs."""

    jobs: ExportJobs
    sources: ExportSources
    files: FileStore
    queue: Queue
    clock: Clock
    formats: Mapping[FileFormat, TableFormat]
    piece_rows: int = PIECE_ROWS


def export_data(world: ExportingWorld, *, export_id: str, budget_s: float) -> Export:
    """
    Carry the export on for about *budget_s* seconds; return it as this runner left it.

    Asks the queue to go on when some of it remains. Safe to call at any time, any number of
    times. Raises NotFound when there is no such export.
    """
    until = world.clock.monotonic() + budget_s
    runner = _Runner(world, world.jobs.get(export_id), until)
    while not runner.job.is_over:
        if not runner.step():
            # Another runner is ahead: the rest is its work.
            return runner.job
        if not runner.job.is_over and world.clock.monotonic() >= until:
            world.queue.put({"export_id": runner.job.id})
            break
    return runner.job


def give_up_export(world: ExportingWorld, *, export_id: str) -> Export:
    """Let an export that nobody carries on any more be failed; return it as it is then."""
    job = world.jobs.get(export_id)
    if job.is_over:
        return job
    stopped = InvalidInput(
        "The export stopped before its end. Ask for it again.", code="export_stopped"
    )
    failed = job.failed(stopped, world.clock.now())
    return failed if world.jobs.advance(job, failed) else world.jobs.get(export_id)


@dataclass
class _Runner:
    """*job* is the export as this runner has committed it last."""

    world: ExportingWorld
    job: Export
    until: float
    _rows: Rows | None = field(default=None, init=False)

    def step(self) -> bool:
        """Do the next step and commit it; False when another runner was faster."""
        try:
            after = self._next()
        except InvalidInput as error:
            after = self.job.failed(error, self.world.clock.now())
        if not self.world.jobs.advance(self.job, after):
            return False
        self.job = after
        return True

    def _next(self) -> Export:
        if self.job.status is ExportState.QUEUED:
            return self._planned()
        if self.job.place.unit < self.job.units:
            return self._with_a_piece()
        return self._whole()

    def _planned(self) -> Export:
        plan = plan_of(self.job, self.world.sources)
        body = plan.to_json()
        name = content_name(body)
        self.world.files.put(_plan_key(self.job, name), body, content_type="application/json")
        return replace(
            self.job,
            status=ExportState.RUNNING,
            started_at=self.world.clock.now(),
            plan=name,
            units=plan.units,
        )

    def _with_a_piece(self) -> Export:
        rows, place = self._read()
        pieces = self.job.pieces
        if rows:
            body = self._format.piece(COLUMNS[self.job.kind], rows)
            name = content_name(body)
            key = _piece_key(self.job, len(pieces), name)
            self.world.files.put(key, body, content_type="application/octet-stream")
            pieces += (name,)
        return replace(self.job, place=place, rows=self.job.rows + len(rows), pieces=pieces)

    def _read(self) -> tuple[list[ExportRow], Place]:
        """Return the rows of a piece, and the place behind them: further on by one unit's read."""
        source, place = self._source(), self.job.place
        rows: list[ExportRow] = []
        while place.unit < self.job.units and len(rows) < self.world.piece_rows:
            found, rest = source.read(place.unit, place.after)
            rows += found
            place = Place(place.unit, rest) if rest else Place(place.unit + 1)
            if self.world.clock.monotonic() >= self.until:
                break
        return rows, place

    def _source(self) -> Rows:
        if self._rows is None:
            key = _plan_key(self.job, self.job.plan or "")
            plan = Plan.of_json(b"".join(bytes_of(self.world.files, key, 0, absent=_GONE)))
            self._rows = rows_of(self.job, plan, self.world.sources)
        return self._rows

    def _whole(self) -> Export:
        key = f"extracts/{self.job.id}/{self.job.filename}"
        chunks = self._format.whole(COLUMNS[self.job.kind], self._pieces())
        self.world.files.put_stream(key, chunks, content_type=self._format.content_type)
        return replace(
            self.job,
            status=ExportState.DONE,
            object_key=key,
            size=self.world.files.size(key),
            finished_at=self.world.clock.now(),
        )

    def _pieces(self) -> Iterator[bytes]:
        for place, name in enumerate(self.job.pieces):
            key = _piece_key(self.job, place, name)
            yield b"".join(bytes_of(self.world.files, key, 0, absent=_GONE))

    @property
    def _format(self) -> TableFormat:
        return self.world.formats[self.job.format]


def _plan_key(job: Export, name: str) -> str:
    # Under extracts/, which the bucket empties by itself.
    return f"extracts/{job.id}/plan-{name}.json"


def _piece_key(job: Export, place: int, name: str) -> str:
    return f"extracts/{job.id}/part-{place:06d}-{name}"
