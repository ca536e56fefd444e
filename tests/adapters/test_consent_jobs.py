"""Imports and exports of opt-outs as they are kept; fake and real alike."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.consent_jobs import DynamoOptOutJobs
from carillon.domain.consent_jobs import BulkOutcome, BulkTally, ExportStatus
from carillon.domain.contacts import ImportStatus
from carillon.domain.csv_rows import CsvFormat, Position
from carillon.domain.errors import Conflict, NotFound
from carillon.ports import OptOutJobs
from tests.support.clock import NOON
from tests.support.consent import FakeOptOutJobs, an_opt_out_export, an_opt_out_import
from tests.support.messages import after
from tests.support.tables import create_tables


@pytest.fixture(params=["fake", "dynamodb"])
def jobs(request: pytest.FixtureRequest) -> Iterator[OptOutJobs]:
    if request.param == "fake":
        yield FakeOptOutJobs()
        return
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="emulated",
            aws_secret_access_key="emulated",
        )
        create_tables(client)
        yield DynamoOptOutJobs(client, "ConsentTable")


def test_a_job_is_read_as_it_was_made(jobs: OptOutJobs) -> None:
    new, export = an_opt_out_import(), an_opt_out_export()

    assert jobs.create_import(new, "d") == jobs.opt_out_import("imp_a") == new
    assert jobs.create_export(export, "d") == jobs.opt_out_export("exp_a") == export


def test_a_job_advances_from_where_it_stands_and_from_nowhere_else(jobs: OptOutJobs) -> None:
    new = jobs.create_import(an_opt_out_import(), "d")
    running = replace(
        new,
        status=ImportStatus.RUNNING,
        started_at=after(60),
        mapping={"phone": "Mobile"},
        position=Position(120, 7),
        format=CsvFormat("utf-8", ";"),
        headers=("Mobile", "Note"),
        size=999,
        tally=BulkTally({BulkOutcome.CREATED: 4, BulkOutcome.INVALID: 1}, {"phone_missing": 1}),
        rejected_pieces=("00ff00ff",),
    )
    done = replace(running, status=ImportStatus.DONE, rejected_key="uploads/x.csv")

    assert jobs.advance_import(new, running)
    assert jobs.opt_out_import("imp_a") == running
    assert not jobs.advance_import(new, done)
    assert not jobs.advance_import(replace(running, position=Position(60, 3)), done)
    assert jobs.advance_import(running, done)
    assert jobs.opt_out_import("imp_a") == done


def test_a_failed_import_says_why(jobs: OptOutJobs) -> None:
    new = jobs.create_import(an_opt_out_import(), "d")
    failed = replace(new, status=ImportStatus.FAILED, error_code="not_csv", error="It is a PDF.")

    assert jobs.advance_import(new, failed)

    assert jobs.opt_out_import("imp_a") == failed


def test_an_export_advances_from_where_it_stands_and_from_nowhere_else(jobs: OptOutJobs) -> None:
    new = jobs.create_export(an_opt_out_export(), "d")
    running = replace(
        new, status=ExportStatus.RUNNING, lane=2, after="p", rows=5, pieces=("00ff00ff",)
    )
    done = replace(running, status=ExportStatus.DONE, object_key="uploads/x.csv")

    assert jobs.advance_export(new, running)
    assert not jobs.advance_export(new, done)
    assert not jobs.advance_export(replace(running, after="o"), done)
    assert jobs.advance_export(running, done)
    assert jobs.opt_out_export("exp_a") == done


def test_a_request_finds_what_it_made_and_another_one_is_refused(jobs: OptOutJobs) -> None:
    new = jobs.create_import(an_opt_out_import(), "d")
    jobs.advance_import(new, replace(new, status=ImportStatus.QUEUED))

    assert jobs.create_import(an_opt_out_import(), "d").status is ImportStatus.QUEUED
    with pytest.raises(Conflict) as raised:
        jobs.create_import(an_opt_out_import(), "other")
    assert raised.value.code == "idempotency_key_reused"


def test_what_was_asked_first_says_when(jobs: OptOutJobs) -> None:
    assert jobs.first_asked("opt_1", "d", NOON) == NOON
    assert jobs.first_asked("opt_1", "d", after(60)) == NOON
    assert jobs.first_asked("opt_2", "d", after(60)) == after(60)
    with pytest.raises(Conflict):
        jobs.first_asked("opt_1", "other", after(60))


def test_a_job_of_the_other_kind_is_not_found(jobs: OptOutJobs) -> None:
    jobs.create_import(an_opt_out_import("imp_a"), "d")
    jobs.create_export(an_opt_out_export("exp_a"), "d")

    with pytest.raises(NotFound) as no_import:
        jobs.opt_out_import("exp_a")
    with pytest.raises(NotFound) as no_export:
        jobs.opt_out_export("imp_a")
    assert (no_import.value.code, no_export.value.code) == ("import_not_found", "export_not_found")


def test_an_import_that_is_started_again_says_no_more_why_it_failed(jobs: OptOutJobs) -> None:
    new = jobs.create_import(an_opt_out_import(), "d")
    failed = replace(new, status=ImportStatus.FAILED, error_code="file_missing", error="Gone.")
    queued = replace(failed, status=ImportStatus.QUEUED, error_code=None, error=None)
    jobs.advance_import(new, failed)

    assert jobs.advance_import(failed, queued)

    assert jobs.opt_out_import("imp_a") == queued
