"""
CSV of any common make, read from byte chunks in bounded memory, resumable at every record (C1, C2).

    head = first 64 kB of the file
    opened = open_csv(head)              encoding, separator, header, where the rows start
    for row in rows(chunks, opened.format, position):
        row.cells, or row.problem when the record cannot be read; row.end is where to resume

Every record of the file comes out as exactly one row, readable or not; only
lines without any character are no rows. A record whose quotes do not add up
costs that one line: reading goes on with the next, so that one stray quote
never swallows the people below it.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from carillon.domain.errors import InvalidInput

HEAD_BYTES = 64 * 1024
MAX_RECORD_BYTES = 1024 * 1024
# Line breaks inside quotes are rare; a stray quote must not read the file twice.
MAX_RECORD_LINES = 1000
MAX_FIELD_CHARACTERS = 10_000
MAX_COLUMNS = 200
_MAX_HEADER_CHARACTERS = 200

UTF8 = "utf-8"
UTF16_LE = "utf-16-le"
UTF16_BE = "utf-16-be"
CP1252 = "cp1252"
SEPARATORS = (",", ";", "\t")

# Why a record could not be read; the same texts stand in the rejected rows.
LINE_TOO_LONG = "row_too_long"
FIELD_TOO_LONG = "field_too_long"
BAD_QUOTES = "unbalanced_quotes"
NUL_CHARACTER = "nul_character"

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", UTF8),
    (b"\xff\xfe", UTF16_LE),
    (b"\xfe\xff", UTF16_BE),
)
# What people upload by mistake, by its first bytes.
_NOT_TEXT = (
    (b"PK\x03\x04", "a workbook or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
)
# A line break in UTF-16, where it starts at an even place. Not a pattern of the whole line: the
# engine keeps some 40 bytes for every character that it may have to take back.
_UTF16_BREAK = {
    UTF16_LE: re.compile(rb"\r\x00(?:\n\x00)?|\n\x00"),
    UTF16_BE: re.compile(rb"\x00\r(?:\x00\n)?|\x00\n"),
}


@dataclass(frozen=True)
class Position:
    """A place between two records: its byte *offset* and the *line* (1-based) that follows."""

    offset: int = 0
    line: int = 1


@dataclass(frozen=True)
class CsvFormat:
    """How the bytes become cells. ``cp1252`` is only a name for people: see ``decode``."""

    encoding: str
    separator: str

    def decode(self, raw: bytes) -> str:
        """
        Return one line as text; never raises.

        A line that is not UTF-8 is read as CP1252 by itself: files glued
        together from several sources are common, and a CP1252 text that
        happens to be valid UTF-8 practically does not exist.
        """
        if self.encoding in _UTF16_BREAK:
            return raw.decode(self.encoding, errors="replace")
        try:
            return raw.decode(UTF8)
        except UnicodeDecodeError:
            return raw.decode(CP1252, errors="replace")


@dataclass(frozen=True)
class Row:
    """One record: the line it starts on, its cells (stripped), and where the next one starts."""

    line: int
    cells: tuple[str, ...]
    end: Position
    problem: str | None = None


@dataclass(frozen=True)
class OpenedCsv:
    """What the head of a file tells: how to read it, its column names, where its rows start."""

    format: CsvFormat
    header: tuple[str, ...]
    start: Position
    average_row_bytes: float


def open_csv(head: bytes) -> OpenedCsv:
    """
    Return how to read the file that starts with *head* (``HEAD_BYTES`` of it, or all).

    Raises InvalidInput: ``file_empty``, ``not_csv``, ``too_many_columns``, ``header_unreadable``.
    """
    for magic, what in _NOT_TEXT:
        if head.startswith(magic):
            raise InvalidInput(f"This is {what}; export it as CSV first.", code="not_csv")
    encoding, start = _encoding_of(head)
    start = _past_separator_line(head, encoding, start)
    candidates = [
        (_header_row(head, encoding, separator, start), separator) for separator in SEPARATORS
    ]
    row, separator = max(candidates, key=lambda candidate: len(candidate[0].cells))
    is_cut = len(head) >= HEAD_BYTES and row.end.offset >= len(head)
    if row.problem or is_cut:
        raise InvalidInput("The line of column names cannot be read.", code="header_unreadable")
    if len(row.cells) > MAX_COLUMNS:
        raise InvalidInput(f"A file may have {MAX_COLUMNS} columns.", code="too_many_columns")
    form = CsvFormat(encoding, separator)
    header = tuple(cell[:_MAX_HEADER_CHARACTERS] for cell in row.cells)
    return OpenedCsv(form, header, row.end, _average_row_bytes(head, form, row.end))


def _encoding_of(head: bytes) -> tuple[str, Position]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, Position(len(mark))
    if _looks_like_utf16(head[0::2], head[1::2]):
        return UTF16_LE, Position()
    if _looks_like_utf16(head[1::2], head[0::2]):
        return UTF16_BE, Position()
    try:
        head.decode(UTF8)
    except UnicodeDecodeError as error:
        # A character cut by the end of the head is not an error of the file.
        if error.start < len(head) - 3 or len(head) < HEAD_BYTES:
            return CP1252, Position()
    return UTF8, Position()


def _looks_like_utf16(letters: bytes, zeros: bytes) -> bool:
    # Western text in UTF-16 without a mark: nearly every other byte is zero.
    return len(zeros) > 4 and zeros.count(0) > 0.7 * len(zeros) and letters.count(0) == 0


def _past_separator_line(head: bytes, encoding: str, start: Position) -> Position:
    # Excel's own "sep=;" line is an instruction, not a header.
    first = next(iter(_Lines([head[start.offset :]], encoding, start)), None)
    if first is None:
        return start
    text = CsvFormat(encoding, ",").decode(first.raw).rstrip("\r\n")
    if not re.fullmatch(r"sep=[,;\t]", text):
        return start
    return Position(start.offset + first.size, start.line + 1)


def _header_row(head: bytes, encoding: str, separator: str, start: Position) -> Row:
    form = CsvFormat(encoding, separator)
    for row in rows([head[start.offset :]], form, start):
        return row
    raise InvalidInput("The file is empty.", code="file_empty")


def _average_row_bytes(head: bytes, form: CsvFormat, start: Position) -> float:
    found = 0
    end = start
    for row in rows([head[start.offset :]], form, start):
        found += 1
        end = row.end
    return (end.offset - start.offset) / found if found else float(max(start.offset, 1))


def rows(chunks: Iterable[bytes], form: CsvFormat, start: Position) -> Iterator[Row]:
    """
    Yield the records of *chunks*, which are the file's bytes from *start* on.

    Reading again from any row's ``end`` yields exactly the rows after it.
    Holds one record and one chunk in memory, whatever the file.
    """
    records = _Records(_Lines(chunks, form.encoding, start), form)
    while (row := records.next_row()) is not None:
        if row.cells or row.problem:
            yield row


@dataclass(frozen=True)
class _Line:
    raw: bytes
    size: int
    too_long: bool = False


class _Lines:
    """
    Physical lines with their line breaks (``\\n``, ``\\r\\n`` or ``\\r``), of bounded length.

    A line beyond ``MAX_RECORD_BYTES`` comes out empty and marked, with its true size.
    """

    def __init__(self, chunks: Iterable[bytes], encoding: str, start: Position) -> None:
        self._chunks = iter(chunks)
        self._utf16 = _UTF16_BREAK.get(encoding)
        self.start = start

    def __iter__(self) -> Iterator[_Line]:
        rest = b""
        dropped = 0
        for chunk in self._chunks:
            whole, rest = self._split(rest + chunk)
            for raw in whole:
                yield _line(raw, dropped)
                dropped = 0
            if len(rest) > MAX_RECORD_BYTES:
                # Keep an even tail: a break of up to four bytes may be cut right here.
                keep = len(rest) % 2 + 4
                dropped += len(rest) - keep
                rest = rest[-keep:]
        if rest:
            yield _line(rest, dropped)

    def _split(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Return the whole lines in *buffer* and the rest, which may still grow."""
        if self._utf16:
            lines, rest = _utf16_lines(buffer, self._utf16)
        else:
            lines, rest = buffer.splitlines(keepends=True), b""
            if lines and not lines[-1].endswith((b"\n", b"\r")):
                rest = lines.pop()
        is_next_cut = len(rest) < (2 if self._utf16 else 1)
        if is_next_cut and lines and lines[-1].endswith((b"\r", b"\r\0")):
            # Half of \r\n, perhaps: it waits.
            rest = lines.pop() + rest
        return lines, rest


def _utf16_lines(buffer: bytes, line_break: re.Pattern[bytes]) -> tuple[list[bytes], bytes]:
    """Return the whole lines of *buffer*, which starts at a line, and the rest."""
    lines = []
    start = place = 0
    while match := line_break.search(buffer, place):
        if match.start() % 2:
            # The second half of one character and the first of the next.
            place = match.start() + 1
            continue
        lines.append(buffer[start : match.end()])
        start = place = match.end()
    return lines, buffer[start:]


def _line(raw: bytes, dropped: int) -> _Line:
    size = dropped + len(raw)
    if size > MAX_RECORD_BYTES:
        return _Line(b"", size, too_long=True)
    return _Line(raw, size)


class _Unbalanced(Exception):
    """The quotes opened in this record are not closed where they should be."""


@dataclass
class _Records:
    """Groups lines into records, taking back all but the first line of one that fails."""

    lines: _Lines
    form: CsvFormat
    _pending: deque[_Line] = field(default_factory=deque)
    _record: list[_Line] = field(default_factory=list)
    _size: int = 0

    def __post_init__(self) -> None:
        self._source = iter(self.lines)
        self._position = self.lines.start
        self._reader = self._new_reader(self)

    def _new_reader(self, texts: Iterable[str]) -> Iterator[list[str]]:
        # strict: quotes that close in the middle of a cell are how two records get mixed up.
        return csv.reader(texts, delimiter=self.form.separator, skipinitialspace=True, strict=True)

    def next_row(self) -> Row | None:
        """Return the next record, also a blank one, or None at the end of the file."""
        self._record, self._size = [], 0
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except (_Unbalanced, csv.Error):
            return self._first_line_alone()
        if self._record[0].too_long:
            return self._row((), LINE_TOO_LONG)
        return self._row(cells, None)

    # The csv module asks for one line at a time, so after a record we know what it used.
    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else next(self._source, None)
        if line is None:
            if self._record:
                raise _Unbalanced
            raise StopIteration
        self._record.append(line)
        self._size += line.size
        is_too_much = self._size > MAX_RECORD_BYTES or len(self._record) > MAX_RECORD_LINES
        if is_too_much and len(self._record) > 1:
            raise _Unbalanced
        return self.form.decode(line.raw)

    def _first_line_alone(self) -> Row:
        first, *others = self._record
        self._pending.extendleft(reversed(others))
        self._record, self._size = [first], first.size
        self._reader = self._new_reader(self)
        return self._row(*_lenient(self.form.decode(first.raw), self.form.separator))

    def _row(self, cells: Sequence[str], problem: str | None) -> Row:
        begin = self._position
        self._position = Position(begin.offset + self._size, begin.line + len(self._record))
        texts = tuple(_unescaped(cell.strip()) for cell in cells)
        return Row(begin.line, texts, self._position, problem or _problem_of(texts))


def _lenient(text: str, separator: str) -> tuple[Sequence[str], str | None]:
    """Return the cells of one line whose quotes are odd but closed (``"Ann" Lee``)."""
    probe = csv.reader([text, ""], delimiter=separator, skipinitialspace=True)
    try:
        cells = next(probe)
    except csv.Error:
        # The only error left without strict is csv's own limit of 128 k characters.
        return (), FIELD_TOO_LONG
    # A quote left open has swallowed the second, empty line as well.
    return (cells, None) if probe.line_num == 1 else ((), BAD_QUOTES)


def _problem_of(cells: Sequence[str]) -> str | None:
    if any("\0" in cell for cell in cells):
        return NUL_CHARACTER
    if any(len(cell) > MAX_FIELD_CHARACTERS for cell in cells):
        return FIELD_TOO_LONG
    return None


# A spreadsheet takes a cell that starts with one of these for a formula; the wide ones count
# where people write in wide characters.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Whichever of these the reader's spreadsheet takes for a separator, a cell stays one cell.
_QUOTED = re.compile(r'[,;\t"\r\n]')


def formula_safe(cell: str) -> str:
    """Return *cell* so that a spreadsheet shows it and never runs it (OWASP CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _unescaped(cell: str) -> str:
    # Our own rejected rows, corrected and uploaded again, must read as they did before.
    is_escaped = cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS)
    return cell[1:].strip() if is_escaped else cell


def csv_lines(records: Iterable[Sequence[str]]) -> str:
    """Return *records* as CSV lines (``,``, CRLF), formula-safe, quoted where any separator is."""
    return "".join(",".join(map(_written, cells)) + "\r\n" for cells in records)


def _written(cell: str) -> str:
    safe = formula_safe(cell)
    return '"' + safe.replace('"', '""') + '"' if _QUOTED.search(safe) else safe
