"""
Take one person's lines out of a stored CSV (C6).

Rejected rows stay for everybody else; an upload that nobody has started yet, or a list of
opt-outs, goes as a whole when it names the person: it can be made or handed over again, and
nothing of ours would say so if a line were missing from it.
"""

import unicodedata
from collections.abc import Iterable, Iterator

from carillon.domain.csv_rows import Row, csv_lines, open_csv, rows
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.phone import national_digits
from carillon.ports import PersonFiles
from carillon.usecases.csv_chunks import bytes_of, head_of

_REWRITTEN = "rejected/"


def erase_from_file(files: PersonFiles, key: str, phone: str) -> bool:
    """Make sure that the object *key* does not name *phone*; return whether it did."""
    digits = national_digits(phone)
    try:
        if not any(_names(row, digits) for row in _rows(files, key)):
            return False
    except InvalidInput:
        # No CSV: nothing of ours can read it, nor tell whom it names.
        files.delete(key)
        return True
    except NotFound:
        return False
    if key.startswith(_REWRITTEN):
        files.put_stream(key, _without(files, key, digits), content_type="text/csv")
    else:
        files.delete(key)
    return True


def _rows(files: PersonFiles, key: str) -> Iterator[Row]:
    opened = open_csv(head_of(files, key))
    return rows(bytes_of(files, key, opened.start.offset), opened.format, opened.start)


def _without(files: PersonFiles, key: str, digits: str) -> Iterator[bytes]:
    header = open_csv(head_of(files, key)).header
    yield csv_lines([header]).encode("utf-8-sig")
    for row in _rows(files, key):
        # What cannot be read cannot be cleared of naming them.
        if not row.problem and not _names(row, digits):
            yield csv_lines([row.cells]).encode()


def _names(row: Row, digits: str) -> bool:
    return any(digits in _digits(cell) for cell in row.cells)


def _digits(cells: Iterable[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", "".join(cells)) if c.isdigit())
