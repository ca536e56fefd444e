"""
Write who is opted out into one CSV, piece by piece (O5).

    read some of a lane     as it stood when the export was asked for      repeatable
    store them              one object, named by place and content         repeatable
    commit                  place and name, if the export is still where
                            this attempt found it                          once

Memory and requests are bounded however long the list is. The pieces become one file at the
end. Whoever opted out after the export was asked for is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from carillon.domain.clock import to_iso
from carillon.domain.consent import OptOut
from carillon.domain.consent_jobs import ExportStatus, OptOutExport
from carillon.domain.csv_rows import csv_lines
from carillon.ports import Clock, FileStore, OptOutJobs, OptOutLanes, Queue
from carillon.usecases.csv_chunks import content_name

PIECE_ROWS = 2000
HEADER = ("phone", "opted_out_at", "recorded_at", "source", "by", "reason")


@dataclass(frozen=True, kw_only=True)
class ExportingOptOuts:
    """What an export needs; the list has *lanes* lanes."""

    jobs: OptOutJobs
    listed: OptOutLanes
    files: FileStore
    queue: Queue
    clock: Clock
    lanes: int
    piece_rows: int = PIECE_ROWS


def export_opt_outs(world: ExportingOptOuts, *, export_id: str, budget_s: float) -> OptOutExport:
    """
    Carry the export on for about *budget_s* seconds; return it as this runner left it.

    Asks the queue to go on when some of the list remains. Safe to call at any time, any
    number of times. Raises NotFound when there is no such export.
    """
    until = world.clock.monotonic() + budget_s
    job = world.jobs.opt_out_export(export_id)
    while job.status is not ExportStatus.DONE:
        after = _step(world, job)
        if not world.jobs.advance_export(job, after):
            # Another runner is ahead: the rest is its work.
            return job
        job = after
        if job.status is ExportStatus.RUNNING and world.clock.monotonic() >= until:
            world.queue.put({"export_id": job.id})
            return job
    return job


def _step(world: ExportingOptOuts, job: OptOutExport) -> OptOutExport:
    if job.lane == world.lanes:
        key = f"uploads/opt-outs/{job.id}/opt-outs.csv"
        world.files.put_stream(key, _whole(world, job), content_type="text/csv")
        return replace(job, status=ExportStatus.DONE, object_key=key)
    found = world.listed.lane_after(job.lane, job.after, world.piece_rows)
    shown = [one for _, one in found if one.recorded_at <= job.created_at]
    pieces = job.pieces
    if shown:
        body = csv_lines(map(_line, shown)).encode()
        name = content_name(body)
        world.files.put(_piece_key(job, len(pieces), name), body, content_type="text/csv")
        pieces += (name,)
    # In a lane the last are the newest: behind one that came later there is nobody to show.
    is_through = len(found) < world.piece_rows or len(shown) < len(found)
    return replace(
        job,
        status=ExportStatus.RUNNING,
        lane=job.lane + is_through,
        after="" if is_through else found[-1][0],
        rows=job.rows + len(shown),
        pieces=pieces,
    )


def _line(one: OptOut) -> tuple[str, ...]:
    times = to_iso(one.event_at), to_iso(one.recorded_at)
    return one.phone, *times, one.source, one.by, one.reason


def _whole(world: ExportingOptOuts, job: OptOutExport) -> Iterator[bytes]:
    # The mark makes spreadsheets read it as UTF-8.
    yield csv_lines([HEADER]).encode("utf-8-sig")
    for place, name in enumerate(job.pieces):
        yield from world.files.read_from(_piece_key(job, place, name), 0)


def _piece_key(job: OptOutExport, place: int, name: str) -> str:
    # Under uploads/, which the bucket empties by itself.
    return f"uploads/opt-outs/{job.id}/part-{place:06d}-{name}.csv"
