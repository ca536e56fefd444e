"""Rows as CSV: RFC 4180, UTF-8 with a mark, formula-safe (carillon.domain.csv_rows)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from carillon.domain.clock import to_iso
from carillon.domain.csv_rows import csv_lines
from carillon.domain.exports import Cell, Column, ExportRow


class CsvTable:
    """Implements ``ports.TableFormat``."""

    content_type = "text/csv"

    def piece(self, columns: Sequence[Column], rows: Sequence[ExportRow]) -> bytes:  # noqa: ARG002  # a cell's own type says how it is written
        """Return *rows* as lines."""
        return csv_lines([_text(cell) for cell in row] for row in rows).encode()

    def whole(self, columns: Sequence[Column], pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the header and the lines."""
        # The mark makes spreadsheets read it as UTF-8.
        yield csv_lines([[column.name for column in columns]]).encode("utf-8-sig")
        yield from pieces


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return to_iso(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)
