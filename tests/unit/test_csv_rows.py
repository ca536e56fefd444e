"""Reading CSV of any common make, resumably (C1, C2)."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain import csv_rows
from carillon.domain.csv_rows import (
    CsvFormat,
    Position,
    Row,
    csv_lines,
    formula_safe,
    open_csv,
    rows,
)
from carillon.domain.errors import InvalidInput

HEADER = "first name,last name,phone"
ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8 with mark": ("utf-8", b"\xef\xbb\xbf"),
    "utf-16 little endian": ("utf-16-le", b"\xff\xfe"),
    "utf-16 big endian": ("utf-16-be", b"\xfe\xff"),
    "cp1252": ("cp1252", b""),
}


def chunked(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def read(body: bytes, chunk: int = 1000) -> tuple[csv_rows.OpenedCsv, list[Row]]:
    opened = open_csv(body[: csv_rows.HEAD_BYTES])
    start = opened.start
    return opened, list(rows(chunked(body[start.offset :], chunk), opened.format, start))


def cells_of(body: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in read(body)[1]]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_encoding_separator_and_line_break_gives_the_same_cells(
    encoding: str, separator: str, newline: str
) -> None:
    codec, mark = ENCODINGS[encoding]
    lines = [["first name", "stadt", "phone"], ["Zoë", "Köln", "1"], ["", "", "2"]]
    text = newline.join(separator.join(cells) for cells in lines) + newline

    opened, found = read(mark + text.encode(codec), chunk=5)

    assert opened.header == ("first name", "stadt", "phone")
    assert opened.format == CsvFormat(codec, separator)
    assert [row.cells for row in found] == [("Zoë", "Köln", "1"), ("", "", "2")]
    assert [row.line for row in found] == [2, 3]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognised(codec: str) -> None:
    body = f"{HEADER}\nAnn,Lee,1\n".encode(codec)

    assert cells_of(body) == [("Ann", "Lee", "1")]


def test_a_single_cp1252_line_in_a_utf_8_file_is_read_as_such() -> None:
    body = f"{HEADER}\nZoë,Lee,1\n".encode() + "José,Núñez,2\n".encode("cp1252")

    assert cells_of(body) == [("Zoë", "Lee", "1"), ("José", "Núñez", "2")]


def test_a_character_cut_by_the_end_of_the_head_does_not_change_the_encoding() -> None:
    filler = "x" * (csv_rows.HEAD_BYTES - len(HEADER) - 2)
    body = f"{HEADER}\n{filler}é,b,c\n".encode()

    assert open_csv(body[: csv_rows.HEAD_BYTES]).format.encoding == "utf-8"


def test_excels_separator_line_is_not_a_header() -> None:
    opened, found = read(b"sep=;\r\nname;phone\r\nAnn;1\r\n")

    assert opened.header == ("name", "phone")
    assert found == [Row(3, ("Ann", "1"), Position(26, 4))]


def test_quoted_cells_keep_separators_quotes_and_line_breaks() -> None:
    body = f'{HEADER}\r\n"Lee, Ann","say ""hi""\r\nthere", "1"\r\nBob,,2\r\n'.encode()

    _, found = read(body, chunk=3)

    assert [row.cells for row in found] == [
        ("Lee, Ann", 'say "hi"\r\nthere', "1"),
        ("Bob", "", "2"),
    ]
    assert [row.line for row in found] == [2, 4]


def test_a_stray_quote_costs_its_own_line_and_nobody_below() -> None:
    body = f'{HEADER}\n"Ann,Lee,1\nBob,Ray,2\nCat,Fox,3\n'.encode()

    _, found = read(body)

    assert [(row.line, row.cells, row.problem) for row in found] == [
        (2, (), "unbalanced_quotes"),
        (3, ("Bob", "Ray", "2"), None),
        (4, ("Cat", "Fox", "3"), None),
    ]


def test_two_stray_quotes_never_merge_two_people() -> None:
    body = f'{HEADER}\nAnn,"Lee,1\nBob,"Ray,2\nCat,Fox,3\n'.encode()

    _, found = read(body)

    assert [(row.line, row.problem) for row in found] == [
        (2, "unbalanced_quotes"),
        (3, "unbalanced_quotes"),
        (4, None),
    ]


def test_odd_but_closed_quotes_on_one_line_are_taken_as_meant() -> None:
    body = f'{HEADER}\n"Ann" Lee,5" pipe,1\n'.encode()

    assert cells_of(body) == [("Ann Lee", '5" pipe', "1")]


def test_a_quote_left_open_at_the_end_of_the_file_is_one_unreadable_row() -> None:
    _, found = read(f'{HEADER}\nAnn,Lee,1\nBob,"Ray'.encode())

    assert [(row.line, row.problem) for row in found] == [(2, None), (3, "unbalanced_quotes")]


def test_a_quote_that_nobody_closes_for_a_thousand_lines_is_given_up() -> None:
    lines = "".join(f"A,B,{n}\n" for n in range(3000))
    _, found = read(f'{HEADER}\n"stray,x,0\n{lines}'.encode(), chunk=4096)

    assert [row.problem for row in found] == ["unbalanced_quotes"] + [None] * 3000


def test_a_row_of_more_than_a_megabyte_is_unreadable_and_the_next_is_not() -> None:
    body = f"{HEADER}\n".encode() + b"x" * 3_000_000 + b",b,1\nAnn,Lee,2\n"

    _, found = read(body, chunk=250_000)

    assert [(row.line, row.cells, row.problem) for row in found] == [
        (2, (), "row_too_long"),
        (3, ("Ann", "Lee", "2"), None),
    ]
    assert found[-1].end == Position(len(body), 4)


@pytest.mark.parametrize("length", [10_001, 200_000])
def test_a_cell_that_is_too_long_is_named(length: int) -> None:
    _, found = read(f"{HEADER}\n{'x' * length},b,1\nAnn,Lee,2\n".encode())

    assert [row.problem for row in found] == ["field_too_long", None]


def test_a_nul_character_makes_the_row_unreadable() -> None:
    _, found = read(f"{HEADER}\nAn\0n,Lee,1\nBob,Ray,2\n".encode())

    assert [row.problem for row in found] == ["nul_character", None]


def test_blank_lines_are_no_rows_but_keep_the_line_numbers_right() -> None:
    _, found = read(f"\n{HEADER}\n\nAnn,Lee,1\n\n\n,,\n\n".encode())

    assert [(row.line, row.cells) for row in found] == [(4, ("Ann", "Lee", "1")), (7, ("", "", ""))]


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "file_empty"),
        (b"\n\r\n\n", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b"PK\x03\x04\x14\x00", "not_csv"),
        (b"%PDF-1.7", "not_csv"),
        (b"\xd0\xcf\x11\xe0\xa1", "not_csv"),
        (b'"phone,name\n1,2\n', "header_unreadable"),
        (b"\x00\x01\x02phone\n", "header_unreadable"),
        (",".join(f"c{n}" for n in range(201)).encode(), "too_many_columns"),
        (b"x" * csv_rows.HEAD_BYTES, "header_unreadable"),
    ],
)
def test_a_file_that_is_no_csv_says_so(head: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        open_csv(head)

    assert refused.value.code == code


def test_a_cell_that_a_spreadsheet_would_run_is_written_as_text_and_read_back() -> None:
    cells = ["=1+1", "+1 202 555 0100", "-3", "@x", "plain", "it's", 'say "a;b"', "\ttab"]
    body = csv_lines([["a"] * len(cells), cells]).encode("utf-8-sig")

    assert formula_safe("=1+1") == "'=1+1"
    assert cells_of(body) == [tuple(cell.strip() for cell in cells)]


# What people write, with everything that parsers trip over in high doses.
CELLS = st.text(
    st.one_of(
        st.sampled_from('",;\t\r\n\'" '), st.characters(codec="utf-8", exclude_characters="\0")
    ),
    max_size=8,
)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8)


def written(table: list[list[str]], separator: str, newline: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=newline)
    if newline == "\n":
        # A writer quotes a line break only when it is its own.
        writer = csv.writer(
            text, delimiter=separator, lineterminator=newline, quoting=csv.QUOTE_ALL
        )
    writer.writerows(table)
    return text.getvalue()


@settings(max_examples=150, deadline=None)
@given(
    table=TABLES,
    separator=st.sampled_from([",", ";", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    chunk=st.integers(1, 40),
)
def test_what_a_csv_writer_wrote_is_read_back_cell_by_cell(
    table: list[list[str]], separator: str, newline: str, encoding: str, chunk: int
) -> None:
    body = written(table, separator, newline).encode(encoding)

    found = list(rows(chunked(body, chunk), CsvFormat(encoding, separator), Position()))

    unprefixed = [tuple(csv_rows._unescaped(cell.strip()) for cell in cells) for cells in table]
    assert [row.cells for row in found] == unprefixed
    assert [row.problem for row in found] == [None] * len(table)


@settings(max_examples=150, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=120),
        st.text(st.sampled_from('ab",;\n\r\t é"'), max_size=120).map(str.encode),
        st.text(st.sampled_from('ab",\n\r ਊ😀"'), max_size=60).map(lambda t: t.encode("utf-16-le")),
        st.text(st.sampled_from('ab",\n\r ਊ😀"'), max_size=60).map(lambda t: t.encode("utf-16-be")),
    ),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16-le", "utf-16-be"]),
    chunk=st.integers(1, 30),
)
def test_resuming_at_any_row_gives_exactly_the_rows_after_it(
    body: bytes, encoding: str, chunk: int
) -> None:
    form = CsvFormat(encoding, ",")

    whole = list(rows([body], form, Position()))

    for place, row in enumerate(whole):
        rest = list(rows(chunked(body[row.end.offset :], chunk), form, row.end))
        assert rest == whole[place + 1 :]
    assert list(rows(chunked(body, chunk), form, Position())) == whole


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.text(st.sampled_from('ab",; '), min_size=1, max_size=6), max_size=30))
def test_no_line_is_lost_however_its_quotes_stand(lines: list[str]) -> None:
    body = "\n".join(lines).encode()

    found = list(rows([body], CsvFormat("utf-8", ","), Position()))

    covered = [n for row in found for n in range(row.line, row.end.line)]
    assert covered == list(range(1, len(lines) + 1))
