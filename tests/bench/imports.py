"""
How fast a CSV is imported, and how much memory that takes: ``make bench-import``.

    rows per second     our code over stores that keep nothing: reading, mapping, parsing phones,
                        looking for duplicates and opt-outs; what DynamoDB adds is not in it
    peak memory         Python's own allocations, in a process of its own for each size, with the
                        ratio to the smallest: what grows with the file breaks C1. It rises until
                        some 20,000 rows, as chunks of rows and of bytes meet in every way,
                        and stays

The file is like people's files: names with accents, quotes, a few rows that are wrong.
SIZES=10000,100000,1000000 chooses the sizes.
"""

import os
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

from carillon.adapters.dynamodb import schema
from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus
from carillon.domain.errors import NotFound
from carillon.domain.phone import parse_phone
from carillon.usecases.import_contacts import Importing, import_contacts
from tests.bench.world import phone_number
from tests.support.clock import FakeClock
from tests.support.sending import FakeQueue

SIZES = (10_000, 100_000, 1_000_000)
_CHUNK = 256 * 1024
_ROW = '"Zoë-{n}","O\'Neil, {n}",{phone},"12 Main St; apt. {n}",Albany,NY,12207\r\n'
_HEADER = "First Name,Last Name,Mobile Phone,Street,City,State,ZIP\r\n"
# One in so many cannot be read as a phone, and one in so many stands twice.
_WRONG_EVERY, _TWICE_EVERY = 97, 101


@dataclass(frozen=True)
class Measured:
    """What one import took."""

    rows: int
    seconds: float
    peak_bytes: int


class _GeneratedCsv:
    """Implements what an import calls of ``ports.FileStore``: a file made as it is read."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._size = sum(map(len, self._chunks()))

    def size(self, key: str) -> int:
        return self._size

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        if not key.endswith("imp_a.csv"):
            # The stored pieces of rejected rows, which nobody keeps here.
            return
        for chunk in self._chunks():
            if offset < len(chunk):
                yield chunk[offset:]
            offset = max(offset - len(chunk), 0)

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        return None

    def put_stream(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        for _ in chunks:
            pass

    def get(self, key: str) -> bytes:
        raise NotFound("There is no such object.", code="object_not_found")

    def _chunks(self) -> Iterator[bytes]:
        pending = [_HEADER]
        size = 0
        for number in range(self._rows):
            pending.append(_row(number))
            size += len(pending[-1])
            if size >= _CHUNK:
                yield "".join(pending).encode()
                pending, size = [], 0
        yield "".join(pending).encode()


def _row(number: int) -> str:
    if number % _WRONG_EVERY == 0:
        return _ROW.format(n=number, phone="n/a")
    twice = number % _TWICE_EVERY == 0 and number
    return _ROW.format(n=number, phone=phone_number(number - 1 if twice else number))


class _OneList:
    """Implements ``ports.ImportDirectory`` for one list and one import."""

    def __init__(self) -> None:
        self.list = ContactList(id="lst_a", name="Bench", default_country="US")
        self.job = ImportJob(
            id="imp_a",
            list_id="lst_a",
            status=ImportStatus.QUEUED,
            object_key="uploads/lst_a/imp_a.csv",
        )

    def contact_list(self, list_id: str) -> ContactList:
        return self.list

    def contact_import(self, list_id: str, import_id: str) -> ImportJob:
        return self.job

    def has_running_import(self, list_id: str) -> bool:
        return False

    def fix_shards(self, list_id: str, shards: int) -> None:
        self.list = replace(self.list, shards=shards)

    def advance_import(self, before: ImportJob, after: ImportJob) -> bool:
        self.job = after
        return True


class _KeepsNothing:
    """Implements ``ports.Contacts`` and ``ports.OptOutLookup``: everybody is new, nobody out."""

    def add(self, list_id: str, shards: int, contacts: Sequence[Contact]) -> list[tuple[str, int]]:
        return [(one.import_id, one.line) for one in contacts]

    def between(self, list_id: str, shards: int, first: str, last: str) -> Iterator[Contact]:
        return iter(())

    def opted_out_among(self, phones: Sequence[str]) -> set[str]:
        return set()


def measure(rows: int) -> Measured:
    """Import *rows* rows twice: once for the time, once for the memory, which slows it down."""
    for number in range(0, 300_000, 10_000):
        # What is loaded once is no part of any size.
        parse_phone(phone_number(number), "US")
    _import(100)
    began = time.perf_counter()
    _import(rows)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    try:
        _import(rows)
        return Measured(rows, seconds, tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def _import(rows: int) -> None:
    directory, stores = _OneList(), _KeepsNothing()
    world = Importing(
        lists=directory,
        contacts=stores,
        opt_outs=stores,
        files=_GeneratedCsv(rows),
        queue=FakeQueue(),
        clock=FakeClock(),
        parse_phone=parse_phone,
        contacts_per_shard=schema.CONTACTS_PER_SHARD,
    )
    job = import_contacts(world, list_id="lst_a", import_id="imp_a", budget_s=1e9)
    if job.status is not ImportStatus.DONE or job.tally.rows != rows:
        raise AssertionError("an import that loses rows is not worth timing")


def main() -> int:
    """Measure every size in a process of its own and print a line for each."""
    sizes = [int(text) for text in os.environ.get("SIZES", "").split(",") if text] or list(SIZES)
    print("Import of a CSV, our code alone:")
    smallest: Measured | None = None
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found = pool.submit(measure, size).result()
        smallest = smallest or found
        print(
            f"  {size:>9,} rows  {found.rows / found.seconds:>8,.0f} rows/s  "
            f"peak {found.peak_bytes / 1e6:.2f} MB "
            f"({found.peak_bytes / smallest.peak_bytes:.2f} of the smallest)",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
