"""
Pinpoint's exports as they lie on disk: endpoints as CSV or JSON lines, campaigns as JSON.

Each may be gzipped. Endpoints are read line by line, so that a file may be larger than memory;
no error quotes a line, which is somebody's data.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final, cast

from infra.cli.api import CliError
from infra.cli.pinpoint import Endpoint

_GZIP: Final = b"\x1f\x8b"
_MOST_CELL: Final = 1_000_000


class Unreadable(CliError):
    """A file that is not what it should be."""


def endpoints_in(file: Path) -> Iterator[Endpoint | None]:
    """Yield the endpoints of *file*, flat; None for a line that is none. Blank lines are none."""
    with _opened(file) as lines:
        first = next((line for line in lines if line.strip()), "")
        read = _json_lines if first.lstrip().startswith("{") else _csv_rows
        yield from read(_with(first, lines), file)


def campaigns_in(file: Path) -> list[Mapping[str, Any]]:
    """
    Return the campaigns of *file*: one, a list, or an answer of the CLI that holds them.

    Raises Unreadable when there are none.
    """
    with _opened(file) as text:
        try:
            said = json.load(text)
        except ValueError:
            raise Unreadable(f"{file} is no JSON.") from None
    if isinstance(said, dict):
        said = said.get("CampaignsResponse", said.get("CampaignResponse", said))
    if isinstance(said, dict):
        said = said.get("Item", [said])
    if not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        raise Unreadable(f"{file} holds no campaigns.")
    return said


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == _GZIP
            raw.seek(0)
            content = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if zipped else raw)
            # utf-8-sig: spreadsheets put a mark in front.
            yield TextIOWrapper(content, encoding="utf-8-sig", newline="")
    except UnicodeDecodeError:
        raise Unreadable(f"{file} is not UTF-8.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Unreadable(f"{file} is a gzip file that is cut off or broken.") from None
    except OSError as error:
        raise Unreadable(f"{file} cannot be read ({error.strerror}).") from None


def _with(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _json_lines(lines: Iterator[str], _file: Path) -> Iterator[Endpoint | None]:
    for line in lines:
        if line.strip():
            yield _from_json(line)


def _from_json(line: str) -> Endpoint | None:
    try:
        # Numbers stay as they are written: 1.10 is no 1.1 in a text.
        said = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return dict(_flat(said, "")) if isinstance(said, dict) else None


def _flat(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, list[str]]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            values = value if isinstance(value, list) else [value]
            yield prefix + name, [_text(one) for one in values if one is not None]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False)


def _csv_rows(lines: Iterator[str], file: Path) -> Iterator[Endpoint | None]:
    csv.field_size_limit(_MOST_CELL)
    rows = csv.reader(lines)
    try:
        header = [name.strip() for name in next(rows, [])]
        if not {"Address", "ChannelType"} <= set(header):
            raise Unreadable(f"{file} has no columns Address and ChannelType.")
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _from_row(header, row)
    except csv.Error:
        raise Unreadable(f"{file} is no CSV at line {rows.line_num}.") from None


def _from_row(header: list[str], row: list[str]) -> Endpoint | None:
    if len(row) != len(header):
        return None
    endpoint: dict[str, list[str]] = {}
    # A column that stands twice holds an attribute's several values.
    for name, cell in zip(header, row, strict=True):
        endpoint.setdefault(name, []).append(cell.strip())
    return endpoint
