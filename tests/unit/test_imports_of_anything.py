"""Any file at all imports to the last row: rows in = sum of outcomes, and no crash (C1, C2)."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.contacts import ImportJob, ImportStatus, Outcome
from carillon.domain.csv_rows import HEAD_BYTES, open_csv, rows
from carillon.domain.phone import parse_phone
from carillon.usecases.import_contacts import import_contacts
from tests.support.contacts import FakeFiles
from tests.support.importing import ImportWorld

# Quotes, separators, breaks, NUL, direction marks, combining and wide characters, half a pair.
ODD = st.text(
    st.sampled_from("ab12+'\"=,;\t\r\n \0\u202e\u200f\u2066é\u0301＝😀\u2028\x85\x0b\x1c"),
    max_size=14,
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
HEADERS = (
    ["Phone"],
    ["Phone", "Phone"],
    ["first name", "Phone", "phone ", "First Name", ""],
    ["Nombre", "Teléfono", "Código postal"],
)


class FilesInPages(FakeFiles):
    """Hands out 64 kB at a time, as storage does: what is measured is the reader."""

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        body = self._body(key)
        return (body[start : start + 65_536] for start in range(offset, len(body), 65_536))


def imported(body: bytes) -> tuple[ImportWorld, ImportJob]:
    world = ImportWorld(body, chunk_rows=3)
    job = world.run()
    return world, job


def rejected_records(world: ImportWorld, job: ImportJob) -> list[list[str]]:
    if job.rejected_key is None:
        return []
    text = world.files.objects[job.rejected_key].decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def check(world: ImportWorld, job: ImportJob) -> None:
    """Hold *job* to its one promise: every row of the file has one outcome that can be seen."""
    assert job.status in (ImportStatus.DONE, ImportStatus.FAILED)
    if job.status is ImportStatus.FAILED:
        assert job.error_code
        return
    body = world.files.objects[job.object_key]
    assert job.format is not None
    opened = open_csv(body[:HEAD_BYTES]).start
    found = list(rows([body[opened.offset :]], job.format, opened))
    assert job.tally.rows == len(found)
    stored = len(world.contacts.lists.get("lst_a", {}))
    assert stored == job.tally.stored
    rejected = rejected_records(world, job)
    assert len(rejected) == job.tally[Outcome.INVALID] + job.tally[Outcome.DUPLICATE]
    lines = {one.line for one in world.contacts.lists.get("lst_a", {}).values()}
    assert sorted(lines | {int(one[0]) for one in rejected}) == [row.line for row in found]


@given(
    table=st.lists(st.lists(ODD, min_size=1, max_size=5), max_size=9),
    header=st.sampled_from(HEADERS),
    encoding=st.sampled_from(ENCODINGS),
    separator=st.sampled_from(",;\t"),
    quoted=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_no_row_of_any_table_is_lost(
    table: list[list[str]], header: list[str], encoding: str, separator: str, quoted: bool
) -> None:
    """C2: in every encoding, separator and shape, rows in are the sum of outcomes."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(header)
    if quoted:
        csv.writer(buffer, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(table)
    else:
        # As a program without any idea of CSV writes it.
        buffer.write("".join(separator.join(cells) + "\r\n" for cells in table))

    check(*imported(buffer.getvalue().encode(encoding, errors="replace")))


@given(rest=st.binary(max_size=200), encoding=st.sampled_from(ENCODINGS))
@settings(max_examples=120, deadline=None)
def test_no_bytes_stop_an_import(rest: bytes, encoding: str) -> None:
    check(*imported("first name,phone\r\nAnn,1\r\n".encode(encoding) + rest))


@given(body=st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_bytes_without_a_header_fail_with_a_code(body: bytes) -> None:
    check(*imported(body))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_field_of_10_mb_costs_its_row_alone_and_no_memory(encoding: str, quote: str) -> None:
    """C1: an import's memory is bounded whatever the file holds."""
    huge = "x" * (5 * 1024 * 1024 if encoding == "utf-16-le" else 10 * 1024 * 1024)
    lines = ["first name,phone,note", f"Ann,1,{quote}{huge}{quote}", "Bob,2,ok", ""]
    body = "\r\n".join(lines).encode(encoding)
    del lines, huge
    world = ImportWorld(body)
    world.files = FilesInPages()
    world.files.objects["uploads/lst_a/imp_a.csv"] = body
    world.ports = replace(world.ports, files=world.files)
    tracemalloc.start()

    job = world.run()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert job.tally.reasons == {"row_too_long": 1}
    assert [one.phone for one in world.contacts.lists["lst_a"].values()] == ["2"]
    assert peak < 8 * 1024 * 1024
    assert len(body) > HEAD_BYTES


@pytest.mark.parametrize(
    "written",
    [
        "+1 202 555 0123",
        "2025550123",
        "(202) 555-0123",
        "=12025550123",
        "'+12025550123",
        "\u202a+12025550123\u202c",
    ],
)
def test_rejected_rows_are_harmless_in_a_spreadsheet_and_read_as_before(written: str) -> None:
    body = f'phone,note\r\n{written},"=HYPERLINK(""x"")"\r\n{written},a;=1\r\n'.encode()
    world = ImportWorld(body)
    ports = replace(world.ports, parse_phone=parse_phone)
    job = import_contacts(ports, list_id="lst_a", import_id="imp_a", budget_s=1e9)
    assert job.tally.outcomes == {Outcome.CREATED: 1, Outcome.DUPLICATE: 1}

    (record,) = rejected_records(world, job)
    whole = world.files.objects[job.rejected_key or ""]

    assert not any(cell[:1] in ("=", "+", "-", "@", "＝") for cell in record)
    assert b'"a;=1"' in whole
    again = ImportWorld(whole)
    once_more = import_contacts(
        replace(again.ports, parse_phone=parse_phone),
        list_id="lst_a",
        import_id="imp_a",
        budget_s=1e9,
    )
    assert once_more.tally.outcomes == {Outcome.CREATED: 1}
    assert [one.phone for one in again.contacts.lists["lst_a"].values()] == ["+12025550123"]
