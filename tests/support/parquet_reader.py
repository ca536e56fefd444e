"""
An independent reader of Apache Parquet, as far as exports use the format.

Written from the format's specification, not from our writer: it takes from the footer alone
where things are and of which type, and refuses what a strict reader would.
"""

import gzip
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_BOOLEAN, _INT64, _DOUBLE, _BYTE_ARRAY = 0, 2, 5, 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_parquet(body: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file; AssertionError says in what it breaks the format."""
    assert body[:4] == body[-4:] == b"PAR1"
    (length,) = struct.unpack("<I", body[-8:-4])
    footer = _Compact(body[-8 - length : -8]).struct()
    leaves = footer[2][1:]
    assert footer[2][0][5] == len(leaves)
    rows: list[dict[str, Any]] = []
    for group in footer[4]:
        columns = [
            _column(body, chunk[3], leaf) for chunk, leaf in zip(group[1], leaves, strict=True)
        ]
        names = [leaf[4].decode() for leaf in leaves]
        assert all(len(column) == group[3] for column in columns)
        assert group[2] == sum(chunk[3][6] for chunk in group[1])
        rows += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    assert len(rows) == footer[3]
    return rows


def types_of(body: bytes) -> dict[str, tuple[int, int | None]]:
    """Return each column's physical and converted type."""
    (length,) = struct.unpack("<I", body[-8:-4])
    footer = _Compact(body[-8 - length : -8]).struct()
    return {leaf[4].decode(): (leaf[1], leaf.get(6)) for leaf in footer[2][1:]}


def _column(body: bytes, meta: dict[int, Any], leaf: dict[int, Any]) -> list[Any]:
    assert meta[1] == leaf[1]
    assert meta[3] == [leaf[4]]
    assert leaf[3] == 1, "an optional column"
    start, stored = meta[9], meta[7]
    reader = _Compact(body[start : start + stored])
    header = reader.struct()
    page = reader.rest()
    assert header[1] == 0, "a data page"
    assert len(page) == header[3], "nothing else in the chunk"
    assert meta[4] == 2, "gzip"
    plain = gzip.decompress(page)
    assert len(plain) == header[2]
    assert meta[6] == len(plain) + stored - len(page)
    count = header[5][1]
    assert count == meta[5]
    (levels_size,) = struct.unpack_from("<I", plain)
    levels = list(_runs(plain[4 : 4 + levels_size]))
    assert len(levels) == count
    values = _values(plain[4 + levels_size :], leaf, sum(levels))
    return [next(values) if level else None for level in levels]


def _runs(packed: bytes) -> Iterator[int]:
    reader = _Compact(packed)
    while reader.rest():
        head = reader.varint()
        assert head & 1 == 0, "a run, not bit-packed"
        yield from [reader.byte()] * (head >> 1)


def _values(plain: bytes, leaf: dict[int, Any], count: int) -> Iterator[Any]:
    kind, converted = leaf[1], leaf.get(6)
    if kind == _BYTE_ARRAY:
        assert converted == 0
        yield from _texts(plain, count)
        return
    if kind == _BOOLEAN:
        assert len(plain) == -(-count // 8)
        yield from (bool(plain[n // 8] >> n % 8 & 1) for n in range(count))
        return
    assert len(plain) == 8 * count
    numbers = struct.unpack(f"<{count}{'d' if kind == _DOUBLE else 'q'}", plain)
    if converted == 10:
        yield from (_EPOCH + timedelta(microseconds=one) for one in numbers)
    else:
        yield from numbers


def _texts(plain: bytes, count: int) -> Iterator[str]:
    at = 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", plain, at)
        yield plain[at + 4 : at + 4 + length].decode()
        at += 4 + length
    assert at == len(plain)


class _Compact:
    """Reads Thrift's compact protocol from the start of *body*."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def rest(self) -> bytes:
        return self._body[self._at :]

    def byte(self) -> int:
        self._at += 1
        return self._body[self._at - 1]

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def integer(self) -> int:
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        before = 0
        while head := self.byte():
            number = before + (head >> 4) if head >> 4 else self.integer()
            assert number > before, "fields in ascending order"
            fields[number] = self.value(head & 15)
            before = number
        return fields

    def value(self, kind: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind in (5, 6):
            return self.integer()
        if kind == 8:
            length = self.varint()
            self._at += length
            return self._body[self._at - length : self._at]
        if kind == 9:
            head = self.byte()
            length = self.varint() if head >> 4 == 15 else head >> 4
            return [self.value(head & 15) for _ in range(length)]
        assert kind == 12, f"no kind {kind} in Parquet's footer"
        return self.struct()
