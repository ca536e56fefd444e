"""
Parquet files, read back by a reader of its own (T7).

``golden.parquet`` was written by the writer and read with pyarrow 26, value by value; the
reader is held against it, and the writer against the reader.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carillon.adapters.parquet import ParquetTable
from carillon.domain.exports import COLUMNS, Cell, Column, ColumnType, ExportKind
from tests.support.clock import NOON
from tests.support.parquet_reader import read_parquet, types_of

GOLDEN = Path(__file__).parent / "golden.parquet"
COLUMNS_OF_ALL_TYPES = [Column(type_, type_) for type_ in ColumnType]
ROWS: list[tuple[Cell, ...]] = [
    ("Grüße, 世界 🎉", -(2**63), -1.5, True, NOON),
    (None, None, None, None, None),
    ("", 2**63 - 1, 1e300, False, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
]
TABLE = ParquetTable()


def written(columns: list[Column], *groups: list[Any]) -> bytes:
    return b"".join(TABLE.whole(columns, [TABLE.piece(columns, rows) for rows in groups]))


def named(columns: list[Column], rows: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip([one.name for one in columns], row, strict=True)) for row in rows]


def test_a_file_that_pyarrow_has_read_reads_the_same_here() -> None:
    assert read_parquet(GOLDEN.read_bytes()) == named(COLUMNS_OF_ALL_TYPES, ROWS)


def test_every_type_comes_back_as_it_went_in() -> None:
    body = written(COLUMNS_OF_ALL_TYPES, ROWS[:2], ROWS[2:])

    assert read_parquet(body) == named(COLUMNS_OF_ALL_TYPES, ROWS)


def test_types_are_what_readers_know_them_by() -> None:
    """Type: 0 boolean, 2 int64, 5 double, 6 bytes; converted: 0 UTF-8, 10 microseconds."""
    assert types_of(written(COLUMNS_OF_ALL_TYPES)) == {
        "text": (6, 0),
        "integer": (2, None),
        "number": (5, None),
        "flag": (0, None),
        "time": (2, 10),
    }


@pytest.mark.parametrize("sizes", [[], [1], [3, 1, 8], [1] * 20, [700, 2]])
def test_any_mixture_of_values_and_nothing_comes_back(sizes: list[int]) -> None:
    dice = random.Random(len(sizes))
    columns = [Column(f"{type_}{n}", type_) for type_ in ColumnType for n in range(3)]
    made = [[tuple(_cell(dice, one) for one in columns) for _ in range(size)] for size in sizes]

    assert read_parquet(written(columns, *made)) == named(
        columns, [row for rows in made for row in rows]
    )


def _cell(dice: random.Random, column: Column) -> Cell:
    # Of every type one column with gaps, one without, and one of nothing but gaps.
    if column.name.endswith("2") or (column.name.endswith("1") and dice.random() < 0.4):
        return None
    match column.type:
        case ColumnType.TEXT:
            return "".join(dice.choice('Aé世🎉"\n\0') for _ in range(dice.randrange(6)))
        case ColumnType.INTEGER:
            return dice.randrange(-(2**63), 2**63)
        case ColumnType.NUMBER:
            return dice.uniform(-1e9, 1e9)
        case ColumnType.FLAG:
            return dice.random() < 0.5
        case ColumnType.TIME:
            return NOON - timedelta(microseconds=dice.randrange(10**16))


def test_half_a_surrogate_pair_costs_one_character_and_not_the_file() -> None:
    column = Column("text")

    assert read_parquet(written([column], [("a\ud83db",), ("c",)])) == [
        {"text": "a?b"},
        {"text": "c"},
    ]


@pytest.mark.parametrize("kind", list(ExportKind))
def test_every_kind_of_export_can_be_empty(kind: ExportKind) -> None:
    columns = list(COLUMNS[kind])

    assert read_parquet(written(columns)) == []
    assert list(types_of(written(columns))) == [one.name for one in columns]
