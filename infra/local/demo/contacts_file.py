"""Look at the contacts before anything is started: what is wrong is said in one sentence."""

from pathlib import Path

from carillon.domain.csv_columns import map_columns
from carillon.domain.csv_rows import HEAD_BYTES, open_csv, rows
from carillon.domain.errors import InvalidInput
from carillon.domain.phone import parse_phone
from infra.local.errors import LocalError

SAMPLE = Path(__file__).with_name("contacts.csv")


def first_phones(file: Path, country: str, wanted: int) -> list[str]:
    """
    Return the first *wanted* different valid phones of *file*, in E.164.

    LocalError when it cannot be read, has no phone column or no valid phone.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LocalError(f"Cannot read {file}: {error.strerror}.") from error
    try:
        opened = open_csv(content[:HEAD_BYTES])
        columns = map_columns(opened.header)
    except InvalidInput as error:
        raise LocalError(f"Cannot use {file}: {error.detail}") from error
    found: dict[str, None] = {}
    start = opened.start
    for row in rows([content[start.offset :]], opened.format, start):
        if len(found) == wanted:
            break
        if not row.problem and columns.phone < len(row.cells):
            phone = _valid(row.cells[columns.phone], country)
            if phone:
                found[phone] = None
    if not found:
        raise LocalError(f"Cannot use {file}: it has no valid phone number.")
    return list(found)


def _valid(text: str, country: str) -> str:
    try:
        return parse_phone(text, country)
    except InvalidInput:
        return ""
