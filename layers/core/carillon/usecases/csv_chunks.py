"""
An uploaded CSV in chunks, for whoever works it off in stretches (C1).

A chunk is the next rows, fewer when they are large: where it ends depends on the file
alone, so every attempt at it sees the same rows.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from carillon.domain.csv_rows import HEAD_BYTES, Position, Row
from carillon.domain.errors import InvalidInput, NotFound
from carillon.ports import Objects

CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Some rows, and the place behind them."""

    rows: Sequence[Row]
    end: Position
    is_last: bool


def next_chunk(unread: Iterator[Row], start: Position, limit: int) -> Chunk:
    """Return the next *limit* rows from *start* on, or as many as have ``CHUNK_BYTES``."""
    taken: list[Row] = []
    end = start
    for row in islice(unread, limit):
        taken.append(row)
        end = row.end
        if end.offset - start.offset >= CHUNK_BYTES:
            return Chunk(taken, end, is_last=False)
    return Chunk(taken, end, is_last=len(taken) < limit)


def content_name(body: bytes) -> str:
    """
    Return 8 hex digits to name a stored piece by.

    What two runners store of the same chunk may differ, because people opt in and out
    meanwhile: under a name of its own neither overwrites the other's.
    """
    return hashlib.blake2b(body, digest_size=4).hexdigest()


def head_of(files: Objects, key: str) -> bytes:
    """Return what ``open_csv`` wants of the file; InvalidInput (``file_missing``) without one."""
    head = b""
    for chunk in bytes_of(files, key, 0, absent="The file was not uploaded."):
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head[:HEAD_BYTES]


_GONE = "The file is gone. Upload it again and start the import again."


def bytes_of(files: Objects, key: str, offset: int, *, absent: str = _GONE) -> Iterator[bytes]:
    """Yield the file from *offset* on; InvalidInput (``file_missing``) when it is not there."""
    try:
        yield from files.read_from(key, offset)
    except NotFound as error:
        raise InvalidInput(absent, code="file_missing") from error
