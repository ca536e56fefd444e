"""Importing a CSV into a list: one outcome for every row (C1, C2)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.contacts import ImportStatus, Outcome, shards_for
from carillon.domain.errors import NotFound
from carillon.usecases.import_contacts import give_up_import, import_contacts
from tests.support.contacts import an_import
from tests.support.importing import ImportWorld, VanishingFiles

CSV = b"""First name,Last name,Phone,Favourite colour
Ann,Lee,+12025550100,red
Bob,,+12025550101,
Cat,Fox,no number,blue
Dan,Ray,+12025550100,green
Eve,Sun,,
Fay,Ash,+12025550102,"dark
blue"
Gus,Elm,+12025550103,a,b
"""


def test_every_row_has_one_outcome_and_they_add_up() -> None:
    """C2: rows in are the sum of created, duplicate, invalid and suppressed."""
    world = ImportWorld(CSV, opted_out=("+12025550102",))

    job = world.run()

    assert job.status is ImportStatus.DONE
    assert job.tally.rows == 7
    assert job.tally.outcomes == {
        Outcome.CREATED: 2,
        Outcome.DUPLICATE: 1,
        Outcome.INVALID: 3,
        Outcome.SUPPRESSED: 1,
    }
    assert job.tally.reasons == {"phone_unparsable": 1, "phone_missing": 1, "too_many_cells": 1}
    assert world.list.contacts == 3
    assert world.stored == {"+12025550100": 2, "+12025550101": 3, "+12025550102": 7}


def test_further_columns_are_kept_under_names_for_templates_and_blank_ones_left_out() -> None:
    world = ImportWorld(CSV)

    world.run()

    ann, bob = world.contact("+12025550100"), world.contact("+12025550101")
    assert (ann.first_name, ann.last_name, ann.fields) == (
        "Ann",
        "Lee",
        {"favourite_colour": "red"},
    )
    assert (bob.first_name, bob.last_name, bob.fields) == ("Bob", "", {})
    assert bob.merge_fields() == {"first_name": "Bob"}


def test_the_rejected_rows_come_back_as_a_csv_with_line_and_reason() -> None:
    world = ImportWorld(CSV)

    world.run()

    assert world.rejected().splitlines() == [
        "line,reason,First name,Last name,Phone,Favourite colour",
        "4,phone_unparsable,Cat,Fox,no number,blue",
        "5,duplicate,Dan,Ray,'+12025550100,green",
        "6,phone_missing,Eve,Sun,,",
        "9,too_many_cells,Gus,Elm,'+12025550103,a,b",
    ]


def test_an_import_without_rejected_rows_offers_no_file() -> None:
    world = ImportWorld(b"phone\n+12025550100\n")

    assert world.run().rejected_key is None


def test_a_phone_of_an_earlier_import_is_a_duplicate_and_stays_as_it_was() -> None:
    world = ImportWorld(b"phone,first name\n+12025550100,Ann\n")
    world.run()
    world.expect_upload(
        an_import("imp_b", object_key="b.csv"), b"phone,first name\n+12025550100,Bea\n"
    )

    job = world.deliver(import_id="imp_b")

    assert job.tally.outcomes == {Outcome.DUPLICATE: 1}
    assert world.contact("+12025550100").first_name == "Ann"
    assert world.list.contacts == 1


def test_the_list_is_divided_once_by_the_size_of_its_first_file() -> None:
    world = ImportWorld(b"phone\n" + b"".join(b"+1202555%04d\n" % n for n in range(9)))
    world.run()
    assert world.list.shards == 5
    world.expect_upload(an_import("imp_b", object_key="b.csv"), b"phone\n+12025550100\n")

    world.deliver(import_id="imp_b")

    assert world.list.shards == 5


@pytest.mark.parametrize(
    ("rows", "shards"), [(0, 1), (1, 1), (500, 1), (501, 2), (1_000_000, 2000), (9e9, 4096)]
)
def test_shards_grow_with_the_file_within_limits(rows: float, shards: int) -> None:
    assert shards_for(rows, per_shard=500) == shards


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"name,email\nAnn,a@example.org\n", "phone_column_missing"),
        (b"", "file_empty"),
        (b"PK\x03\x04", "not_csv"),
        (b"Ann,+12025550100\n", "header_missing"),
    ],
)
def test_a_file_that_cannot_be_imported_fails_with_a_sentence(body: bytes, code: str) -> None:
    world = ImportWorld(body)

    job = world.run()

    assert (job.status, job.error_code) == (ImportStatus.FAILED, code)
    assert world.job.error is not None
    assert world.job.error.endswith(".")
    assert world.stored == {}


def test_an_import_whose_file_never_came_fails_and_says_so() -> None:
    world = ImportWorld(CSV)
    world.files.objects.clear()

    assert world.run().error_code == "file_missing"
    assert world.job.error == "The file was not uploaded."


def test_a_header_alone_is_an_import_of_no_rows() -> None:
    job = ImportWorld(b"phone\n").run()

    assert (job.status, job.tally.rows) == (ImportStatus.DONE, 0)


def test_an_import_that_is_over_ignores_late_messages() -> None:
    world = ImportWorld(CSV)
    world.run()
    before = world.outcome()

    world.deliver()

    assert world.outcome() == before
    assert world.queue.messages == []


def test_an_import_not_yet_started_by_its_owner_is_left_alone() -> None:
    world = ImportWorld(CSV)
    world.expect_upload(an_import(status=ImportStatus.AWAITING_UPLOAD), CSV)

    assert world.deliver().status is ImportStatus.AWAITING_UPLOAD


def test_an_unknown_import_is_not_found() -> None:
    world = ImportWorld(CSV)

    with pytest.raises(NotFound):
        import_contacts(world.ports, list_id="lst_a", import_id="imp_zzz", budget_s=1)


def test_each_message_does_one_chunk_when_there_is_no_time_for_more() -> None:
    world = ImportWorld(CSV, chunk_rows=3)

    assert world.deliver().tally.rows == 3
    assert world.queue.messages == [{"list_id": "lst_a", "import_id": "imp_a"}]


LINES = st.sampled_from(
    [
        "+12025550100,Ann", "+12025550101,Bob", "+12025550102,Cat", '"+12025550103","D\nD"',
        "bad,Eve", ",", "", '"open,Fay', "+12025550104,Gus,more",
    ]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(LINES, max_size=12), size=st.integers(1, 7))
def test_any_chunk_size_gives_the_same_contacts_counts_and_rejected_rows(
    lines: list[str], size: int
) -> None:
    """C1: an import goes on from wherever it stopped, and it makes no difference where."""
    body = ("phone,first name\n" + "\n".join(lines)).encode()
    whole = ImportWorld(body, chunk_rows=1000)
    whole.run()

    pieces = ImportWorld(body, chunk_rows=size)
    pieces.run()

    assert pieces.job.status is ImportStatus.DONE
    assert pieces.job.tally == whole.job.tally
    assert pieces.stored == whole.stored
    if whole.job.rejected_key:
        assert pieces.rejected() == whole.rejected()


def test_an_import_whose_file_vanishes_in_its_midst_fails_and_goes_on_when_it_is_back() -> None:
    """Nothing is counted twice, and what is done stays done."""
    expected, world = ImportWorld(CSV), ImportWorld(CSV)
    expected.run()
    world.deliver()
    file = world.files.objects.pop(world.job.object_key)

    failed = world.run()

    assert (failed.status, failed.error_code) == (ImportStatus.FAILED, "file_missing")
    assert failed.tally.rows == 3
    world.files.objects[failed.object_key] = file
    start_again(world)
    assert world.run().status is ImportStatus.DONE
    assert world.outcome() == expected.outcome()


def test_an_import_whose_file_vanishes_under_its_runner_fails() -> None:
    """The runner has committed since it read the import."""
    world = ImportWorld(CSV)
    until = world.ports.clock.monotonic() + 1e9

    ports = replace(world.ports, files=VanishingFiles(world.files.objects), chunk_rows=1)
    import_contacts(ports, list_id="lst_a", import_id="imp_a", budget_s=until)

    assert (world.job.status, world.job.error_code) == (ImportStatus.FAILED, "file_missing")
    assert 0 < world.job.tally.rows < 7


def test_an_import_whose_rejected_rows_are_gone_fails() -> None:
    world = ImportWorld(CSV)
    world.deliver()
    for key in [key for key in world.files.objects if "rejected-" in key]:
        del world.files.objects[key]

    assert world.run().error_code == "file_missing"


@pytest.mark.parametrize("status", [ImportStatus.QUEUED, ImportStatus.RUNNING])
def test_an_import_that_is_given_up_fails_and_goes_on_when_it_is_started_again(
    status: ImportStatus,
) -> None:
    expected, world = ImportWorld(CSV), ImportWorld(CSV)
    expected.run()
    if status is ImportStatus.RUNNING:
        world.deliver()
        world.queue.messages.clear()

    failed = give_up_import(world.ports, list_id="lst_a", import_id="imp_a")

    assert (failed.status, failed.error_code) == (ImportStatus.FAILED, "import_stopped")
    assert world.job == failed
    start_again(world)
    assert world.run().status is ImportStatus.DONE
    assert world.outcome() == expected.outcome()


def test_an_import_that_is_done_is_not_given_up() -> None:
    world = ImportWorld(CSV)
    done = world.run()

    assert give_up_import(world.ports, list_id="lst_a", import_id="imp_a") == done


def start_again(world: ImportWorld) -> None:
    """Queue the failed import as its owner does."""
    queued = replace(world.job, status=ImportStatus.QUEUED, error_code=None, error=None)
    assert world.directory.advance_import(world.job, queued)
