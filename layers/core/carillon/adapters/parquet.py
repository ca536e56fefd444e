"""
Rows as an Apache Parquet file, written without a library.

pyarrow unpacks to some 150 MB, more than a function has left beside its layers; what an export
needs of the format is small: flat columns, each optional, plain values, one gzipped page per
column and row group, no statistics, no dictionary (parquet-format 2, ``parquet.thrift``).

    PAR1
    row group     a page for each column: header, definition levels, values
    ...
    footer        FileMetaData, its length, PAR1

A piece is a row group behind a head of our own that says where its columns end; the head is
not in the file. Tests read the files back with an independent reader, and files of every type
were read with pyarrow.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from carillon.adapters.thrift_compact import Long, Struct, encoded, varint
from carillon.domain.exports import Cell, Column, ColumnType, ExportRow

MAGIC = b"PAR1"
_CREATED_BY = "carillon"
# enum Type
_BOOLEAN, _INT64, _DOUBLE, _BYTE_ARRAY = 0, 2, 5, 6
# enum Encoding, CompressionCodec, FieldRepetitionType, PageType
_PLAIN, _RLE, _GZIP, _OPTIONAL, _DATA_PAGE = 0, 3, 2, 1, 0
# enum ConvertedType, which old readers go by, and the union LogicalType, which replaced it.
_UTF8, _TIMESTAMP_MICROS = 0, 10
_STRING: Struct = {1: {}}
_IN_MICROSECONDS_UTC: Struct = {8: {1: True, 2: {2: {}}}}

_PHYSICAL = {
    ColumnType.TEXT: _BYTE_ARRAY,
    ColumnType.INTEGER: _INT64,
    ColumnType.NUMBER: _DOUBLE,
    ColumnType.FLAG: _BOOLEAN,
    ColumnType.TIME: _INT64,
}
_LOGICAL: dict[ColumnType, Struct] = {
    ColumnType.TEXT: {6: _UTF8, 10: _STRING},
    ColumnType.TIME: {6: _TIMESTAMP_MICROS, 10: _IN_MICROSECONDS_UTC},
}
_HEAD_LENGTH = struct.Struct("<I")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What gzip's own header and trailer ask for.
_GZIP_WINDOW = 31


@dataclass(frozen=True)
class _Chunk:
    """One column of one row group: how many bytes it has as stored, and as read."""

    stored: int
    read: int


@dataclass(frozen=True)
class _RowGroup:
    rows: int
    start: int
    chunks: tuple[_Chunk, ...]


class ParquetTable:
    """Implements ``ports.TableFormat``."""

    content_type = "application/vnd.apache.parquet"

    def piece(self, columns: Sequence[Column], rows: Sequence[ExportRow]) -> bytes:
        """Return *rows* as a row group behind its head."""
        pages = [
            _page(column.type, [row[place] for row in rows]) for place, column in enumerate(columns)
        ]
        sizes = [[len(stored), read] for stored, read in pages]
        head = json.dumps({"rows": len(rows), "sizes": sizes}).encode()
        return b"".join([_HEAD_LENGTH.pack(len(head)), head, *(stored for stored, _ in pages)])

    def whole(self, columns: Sequence[Column], pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the file: a row group for each piece, and the footer."""
        yield MAGIC
        position, groups = len(MAGIC), []
        for piece in pieces:
            (head_size,) = _HEAD_LENGTH.unpack_from(piece)
            body_at = _HEAD_LENGTH.size + head_size
            head = json.loads(piece[_HEAD_LENGTH.size : body_at])
            chunks = tuple(_Chunk(stored, read) for stored, read in head["sizes"])
            groups.append(_RowGroup(head["rows"], position, chunks))
            yield piece[body_at:]
            position += len(piece) - body_at
        footer = encoded(_file_metadata(columns, groups))
        yield footer + _HEAD_LENGTH.pack(len(footer)) + MAGIC


def _page(type_: ColumnType, cells: Sequence[Cell]) -> tuple[bytes, int]:
    """Return one column as a page with its header, and how many bytes that is uncompressed."""
    levels = _levels([cell is not None for cell in cells])
    values = _VALUES[type_]([cell for cell in cells if cell is not None])
    plain = _HEAD_LENGTH.pack(len(levels)) + levels + values
    packer = zlib.compressobj(wbits=_GZIP_WINDOW)
    packed = packer.compress(plain) + packer.flush()
    header = encoded(
        {
            1: _DATA_PAGE,
            2: len(plain),
            3: len(packed),
            5: {1: len(cells), 2: _PLAIN, 3: _RLE, 4: _RLE},
        }
    )
    return header + packed, len(header) + len(plain)


def _levels(is_there: Sequence[bool]) -> bytes:
    """Return definition levels of one bit as runs: twice the length as a varint, the level."""
    runs = ((level, sum(1 for _ in run)) for level, run in groupby(is_there))
    return b"".join(varint(length << 1) + bytes([level]) for level, length in runs)


def _texts(cells: Sequence[Cell]) -> bytes:
    # What is no Unicode (half a surrogate pair) must not cost the rest of the file.
    texts = [str(cell).encode("utf-8", "replace") for cell in cells]
    return b"".join(_HEAD_LENGTH.pack(len(text)) + text for text in texts)


def _integers(cells: Sequence[Cell]) -> bytes:
    return struct.pack(f"<{len(cells)}q", *cells)


def _numbers(cells: Sequence[Cell]) -> bytes:
    return struct.pack(f"<{len(cells)}d", *cells)


def _flags(cells: Sequence[Cell]) -> bytes:
    """Return a bit for each, the first in the lowest."""
    packed = sum(1 << place for place, cell in enumerate(cells) if cell)
    return packed.to_bytes(-(-len(cells) // 8), "little")


def _times(cells: Sequence[Cell]) -> bytes:
    return _integers([(cell - _EPOCH) // _MICROSECOND for cell in cells])  # type: ignore[operator]  # of TIME


_VALUES: dict[ColumnType, Callable[[Sequence[Cell]], bytes]] = {
    ColumnType.TEXT: _texts,
    ColumnType.INTEGER: _integers,
    ColumnType.NUMBER: _numbers,
    ColumnType.FLAG: _flags,
    ColumnType.TIME: _times,
}


def _file_metadata(columns: Sequence[Column], groups: Sequence[_RowGroup]) -> Struct:
    root: Struct = {4: "schema", 5: len(columns)}
    leaves: list[Struct] = [
        {
            1: _PHYSICAL[column.type],
            3: _OPTIONAL,
            4: column.name,
            **_LOGICAL.get(column.type, {}),
        }
        for column in columns
    ]
    return {
        1: 1,
        2: [root, *leaves],
        3: Long(sum(group.rows for group in groups)),
        4: [_row_group(columns, group) for group in groups],
        6: _CREATED_BY,
    }


def _row_group(columns: Sequence[Column], group: _RowGroup) -> Struct:
    chunks: list[Struct] = []
    position = group.start
    for column, chunk in zip(columns, group.chunks, strict=True):
        metadata: Struct = {
            1: _PHYSICAL[column.type],
            2: [_PLAIN, _RLE],
            3: [column.name],
            4: _GZIP,
            5: Long(group.rows),
            6: Long(chunk.read),
            7: Long(chunk.stored),
            9: Long(position),
        }
        chunks.append({2: Long(position), 3: metadata})
        position += chunk.stored
    return {
        1: chunks,
        2: Long(sum(chunk.read for chunk in group.chunks)),
        3: Long(group.rows),
    }
