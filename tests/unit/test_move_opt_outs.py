"""Opt-outs from a CSV and into one: one outcome for every row (O5)."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from carillon.domain.consent import Circumstances
from carillon.domain.consent_jobs import BulkOutcome, ExportStatus
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import NotFound
from carillon.usecases.export_opt_outs import export_opt_outs
from carillon.usecases.import_opt_outs import give_up_opt_out_import, import_opt_outs
from tests.support.clock import NOON
from tests.support.consent import an_opt_out_import
from tests.support.moving_opt_outs import STARTED, MovingWorld

CSV = b"""Phone,Note
+12025550100,by letter
+12025550101,
no number,?
+12025550100,twice
,
+12025550102,a,b
+12025550103,
+12025550104,
"""


def test_every_row_has_one_outcome_and_they_add_up() -> None:
    """O5: bulk upload counts every row once."""
    world = MovingWorld(CSV)
    world.says("+12025550101", out=True, minute=-5)
    world.says("+12025550104", out=False, minute=2)

    job = world.run_import()

    assert job.status is ImportStatus.DONE
    assert job.tally.rows == 8
    assert job.tally.outcomes == {
        BulkOutcome.CREATED: 2,
        BulkOutcome.DUPLICATE: 2,
        BulkOutcome.INVALID: 3,
        BulkOutcome.OVERRULED: 1,
    }
    assert job.tally.reasons == {"phone_unparsable": 1, "phone_missing": 1, "too_many_cells": 1}
    assert world.out() == {
        "+12025550100": "imp_a.2",
        "+12025550101": "keyword.-5",
        "+12025550103": "imp_a.8",
    }


def test_an_imported_opt_out_says_in_the_ledger_whose_it_is_and_why() -> None:
    world = MovingWorld(b"phone\n+12025550100\n")

    world.run_import()

    (entry,) = world.ledger.history("+12025550100")
    assert (entry.source, entry.event_at, entry.cause) == ("bulk", STARTED, "imp_a.2")
    assert entry.circumstances == Circumstances(by="usr_1", reason="They asked by letter.")


def test_the_rows_that_opted_nobody_out_come_back_as_a_csv_with_line_and_reason() -> None:
    world = MovingWorld(CSV)

    job = world.run_import()

    assert world.text(job.rejected_key).splitlines() == [
        "line,reason,Phone,Note",
        "4,phone_unparsable,no number,?",
        "5,duplicate,'+12025550100,twice",
        "6,phone_missing,,",
        "7,too_many_cells,'+12025550102,a,b",
    ]


def test_a_phone_that_opted_in_before_the_import_is_opted_out_by_it() -> None:
    world = MovingWorld(b"phone\n+12025550100\n")
    world.says("+12025550100", out=False, minute=0)

    assert world.run_import().tally.outcomes == {BulkOutcome.CREATED: 1}
    assert world.out() == {"+12025550100": "imp_a.2"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"name,email\nAnn,a@example.org\n", "phone_column_missing"),
        (b"", "file_empty"),
        (b"PK\x03\x04", "not_csv"),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_a_sentence(body: bytes, code: str) -> None:
    world = MovingWorld(body)

    job = world.run_import()

    assert (job.status, job.error_code) == (ImportStatus.FAILED, code)
    assert job.error is not None
    assert job.error.endswith(".")
    assert world.out() == {}


def test_an_import_whose_file_never_came_fails_and_says_so() -> None:
    world = MovingWorld(CSV)
    world.files.objects.clear()

    assert world.run_import().error_code == "file_missing"


def test_an_import_that_is_over_or_not_started_is_left_alone() -> None:
    world = MovingWorld(CSV)
    world.run_import()
    before = world.outcome()
    world.jobs.imports["imp_b"] = an_opt_out_import("imp_b")

    world.deliver({"import_id": "imp_a"})
    world.deliver({"import_id": "imp_b"})

    assert world.outcome() == before
    assert world.jobs.imports["imp_b"].status is ImportStatus.AWAITING_UPLOAD
    assert world.queue.messages == []


def test_another_column_than_the_guessed_one_can_hold_the_phones() -> None:
    world = MovingWorld(b"phone,work\n+12025550100,+12025550101\n")
    world.jobs.imports["imp_a"] = an_opt_out_import(
        status=ImportStatus.QUEUED, started_at=STARTED, mapping={"phone": "work"}
    )

    world.run_import()

    assert set(world.out()) == {"+12025550101"}


def test_an_export_holds_everybody_who_is_out_and_nobody_else() -> None:
    world = MovingWorld()
    for n in range(10):
        world.says(f"+1202555010{n}", out=True, minute=-n)
    world.says("+12025550104", out=False, minute=1)

    job = world.run_export()

    rows = list(csv.DictReader(io.StringIO(world.text(job.object_key))))
    assert (job.status, job.rows) == (ExportStatus.DONE, 9)
    assert sorted(row["phone"] for row in rows) == [f"'+1202555010{n}" for n in range(10) if n != 4]
    assert rows[0] == {
        "phone": "'+12025550100",
        "opted_out_at": "2026-11-22T12:00:00.000Z",
        "recorded_at": "2026-11-22T12:00:00.000Z",
        "source": "keyword",
        "by": "",
        "reason": "",
    }


def test_an_export_of_nobody_has_a_header_alone() -> None:
    world = MovingWorld()

    job = world.run_export()

    assert world.text(job.object_key) == "phone,opted_out_at,recorded_at,source,by,reason\r\n"


def test_who_opted_out_after_the_export_was_asked_for_is_not_in_it() -> None:
    world = MovingWorld()
    world.says("+12025550100", out=True, minute=0)
    late = world.suppressions.listed["+12025550100"]
    for n in range(1, 7):
        world.says(f"+1202555010{n}", out=True, minute=0)
        phone = f"+1202555010{n}"
        world.suppressions.listed[phone] = late.__class__(
            **{**vars(late), "phone": phone, "recorded_at": NOON + timedelta(seconds=n)}
        )

    assert world.run_export().rows == 1


def test_what_an_export_wrote_reads_back_as_an_import() -> None:
    world = MovingWorld()
    world.says("+12025550100", out=True, minute=0)
    world.says("+12025550101", out=True, minute=0)
    text = world.text(world.run_export().object_key)

    other = MovingWorld(text.encode())

    assert other.run_import().tally.outcomes == {BulkOutcome.CREATED: 2}


def test_a_reason_cannot_become_a_formula_in_an_export() -> None:
    world = MovingWorld(b"phone\n+12025550100\n")
    world.jobs.imports["imp_a"] = an_opt_out_import(
        status=ImportStatus.QUEUED, started_at=STARTED, reason='=HYPERLINK("http://x")'
    )
    world.run_import()

    (_, line) = world.text(world.run_export().object_key).splitlines()

    assert line.endswith('"\'=HYPERLINK(""http://x"")"')


def test_an_unknown_job_is_not_found() -> None:
    world = MovingWorld()

    with pytest.raises(NotFound):
        import_opt_outs(world.importing, import_id="imp_zzz", budget_s=1)
    with pytest.raises(NotFound):
        export_opt_outs(world.exporting, export_id="exp_zzz", budget_s=1)


def test_an_import_whose_file_vanishes_in_its_midst_fails_and_goes_on_when_it_is_back() -> None:
    expected, world = MovingWorld(CSV), MovingWorld(CSV)
    expected.run_import()
    world.deliver({"import_id": "imp_a"})
    file = world.files.objects.pop(world.imported.object_key)

    failed = world.run_import()

    assert (failed.status, failed.error_code) == (ImportStatus.FAILED, "file_missing")
    world.files.objects[failed.object_key] = file
    queued = replace(failed, status=ImportStatus.QUEUED, error_code=None, error=None)
    assert world.jobs.advance_import(failed, queued)
    assert world.run_import().status is ImportStatus.DONE
    assert world.outcome() == expected.outcome()


def test_an_import_that_is_given_up_says_so() -> None:
    world = MovingWorld(CSV)
    world.deliver({"import_id": "imp_a"})

    failed = give_up_opt_out_import(world.importing, import_id="imp_a")

    assert (failed.status, failed.error_code) == (ImportStatus.FAILED, "import_stopped")
    assert world.imported == failed
