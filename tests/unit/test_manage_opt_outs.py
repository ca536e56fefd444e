"""The opt-out manager: who is added, who is removed and on whose word (O5)."""

from dataclasses import dataclass, field, replace

import pytest

from carillon.domain.commands import Origin
from carillon.domain.consent import Circumstances, ConsentEntry, ConsentSource
from carillon.domain.consent_jobs import ExportStatus
from carillon.domain.contacts import ImportStatus
from carillon.domain.csv_rows import CsvFormat
from carillon.domain.csv_rows import Position as Place
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.message import Suppression
from carillon.usecases.manage_lists import MAX_UPLOAD_BYTES
from carillon.usecases.manage_opt_outs import (
    ManageOptOuts,
    NewOptOut,
    NewOptOutImport,
    StartOptOutImport,
    phone_in_path,
)
from tests.support.clock import FakeClock
from tests.support.consent import FakeConsentLedger, FakeOptOutJobs
from tests.support.importing import parse_plainly
from tests.support.management import FakeUploads
from tests.support.messages import PHONE, an_event
from tests.support.sending import FakeQueue, FakeSuppressions

DIGITS = PHONE.removeprefix("+")
ORIGIN = Origin("usr_1", None, "digest")


@dataclass
class Desk:
    """A manager's desk an hour after noon."""

    clock: FakeClock = field(default_factory=FakeClock)
    suppressions: FakeSuppressions = field(default_factory=FakeSuppressions)
    jobs: FakeOptOutJobs = field(default_factory=FakeOptOutJobs)
    files: FakeUploads = field(default_factory=FakeUploads)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.clock.sleep(3600)
        self.ledger = FakeConsentLedger(self.suppressions)
        self.opt_outs = ManageOptOuts(
            self.suppressions,
            self.ledger,
            self.jobs,
            self.files,
            self.queue,
            clock=self.clock,
            parse_phone=lambda text: parse_plainly(text, ""),
        )

    def add(self, reason: str = "A letter.", origin: Origin = ORIGIN) -> None:
        self.opt_outs.add(origin, NewOptOut(phone=PHONE, reason=reason))

    def remove(self, *, confirmed: bool = False, reason: str = "A mistake.") -> None:
        self.opt_outs.remove(ORIGIN, DIGITS, reason=reason, confirmed_by_contact=confirmed)

    def stop(self, at_s: float, cause: str = "SM1") -> Suppression:
        return self.suppressions.opt_out(an_event(True, at_s, cause))

    def is_out(self) -> bool:
        standing = self.suppressions.of(PHONE)
        return standing is not None and standing.opted_out

    def entries(self) -> list[ConsentEntry]:
        return list(self.ledger.history(PHONE))


def test_who_is_added_is_out_by_the_manager_and_the_ledger_says_why() -> None:
    desk = Desk()

    found = desk.opt_outs.add(ORIGIN, NewOptOut(phone=PHONE, reason="A letter. "))

    assert found.standing is not None
    assert (found.phone, found.standing.opted_out, found.standing.source) == (
        PHONE,
        True,
        ConsentSource.MANAGER,
    )
    (entry,) = found.entries.items
    assert entry.event_at == desk.clock.now()
    assert entry.circumstances == Circumstances(by="usr_1", reason="A letter.")


def test_who_is_out_already_stays_so_by_their_own_word() -> None:
    desk = Desk()
    desk.stop(1)

    desk.add()

    standing = desk.suppressions.of(PHONE)
    assert standing is not None
    assert standing.cause == "SM1"
    assert [entry.source for entry in desk.entries()] == ["manager", "keyword"]


def test_a_request_repeated_under_its_key_is_one_event() -> None:
    desk = Desk()
    keyed = replace(ORIGIN, key="k")

    for _ in range(3):
        desk.add(origin=keyed)
        desk.clock.sleep(60)

    assert len(desk.entries()) == 1


def test_a_request_repeated_after_a_start_does_not_opt_out_again() -> None:
    desk = Desk()
    keyed = replace(ORIGIN, key="k")
    desk.add(origin=keyed)
    desk.suppressions.opt_in(an_event(False, 3660, "SM2"))
    desk.clock.sleep(120)

    desk.add(origin=keyed)

    assert not desk.is_out()


def test_a_key_used_for_another_request_is_refused_before_anything_is_done() -> None:
    desk = Desk()
    desk.add(origin=replace(ORIGIN, key="k"))

    with pytest.raises(Conflict) as raised:
        desk.add(origin=Origin("usr_1", "k", "another"))

    assert raised.value.code == "idempotency_key_reused"
    assert len(desk.entries()) == 1


def test_a_managers_opt_out_is_removed_with_a_reason_and_by_whom() -> None:
    """O5: removal with reason and author."""
    desk = Desk()
    desk.add()

    desk.remove(reason="Wrong number.")

    assert not desk.is_out()
    assert desk.entries()[0].circumstances == Circumstances(by="usr_1", reason="Wrong number.")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_removal_without_a_reason_is_refused(reason: str) -> None:
    desk = Desk()
    desk.add()

    with pytest.raises(InvalidInput) as raised:
        desk.remove(reason=reason)

    assert raised.value.field == "reason"
    assert desk.is_out()


@pytest.mark.parametrize("source", ["keyword", "provider"])
def test_who_opted_out_themself_is_not_removed_without_their_word(source: str) -> None:
    desk = Desk()
    desk.suppressions.opt_out(replace(an_event(True, 1, "SM1"), source=source))

    with pytest.raises(Conflict) as raised:
        desk.remove()

    assert raised.value.code == "confirmation_needed"
    assert desk.is_out()


def test_with_their_word_they_are_removed_and_the_ledger_says_so() -> None:
    desk = Desk()
    desk.stop(1)

    desk.remove(confirmed=True, reason="Called us.")

    assert not desk.is_out()
    assert desk.entries()[0].circumstances.reason == "Called us. (confirmed by contact)"


def test_a_stop_after_a_managers_opt_out_is_their_own_word_too() -> None:
    desk = Desk()
    desk.add()
    desk.stop(3700)

    with pytest.raises(Conflict) as raised:
        desk.remove()

    assert raised.value.code == "confirmation_needed"


def test_a_stop_that_they_took_back_does_not_count_any_more() -> None:
    desk = Desk()
    desk.stop(1)
    desk.suppressions.opt_in(an_event(False, 2, "SM2"))
    desk.add()

    desk.remove()

    assert not desk.is_out()


def test_a_stop_still_on_its_way_during_a_removal_wins() -> None:
    desk = Desk()
    desk.add()
    desk.clock.sleep(600)

    desk.remove()
    # Written before the removal, and taken in after it.
    desk.stop(3600 + 300)

    assert desk.is_out()


def test_a_stop_that_arrives_while_a_removal_is_decided_is_told() -> None:
    desk = Desk()
    desk.add()

    class Interrupted(FakeConsentLedger):
        def history(self, phone: str):  # type: ignore[no-untyped-def]  # as the port's
            entries = list(super().history(phone))
            desk.stop(3600 + 300)
            return iter(entries)

    desk.opt_outs = ManageOptOuts(
        desk.suppressions,
        Interrupted(desk.suppressions),
        desk.jobs,
        desk.files,
        desk.queue,
        clock=desk.clock,
        parse_phone=str,
    )

    with pytest.raises(Conflict) as raised:
        desk.remove()

    assert raised.value.code == "opted_out_meanwhile"
    assert desk.is_out()


@pytest.mark.parametrize("said_before", [False, True])
def test_nobody_who_is_not_out_is_removed(said_before: bool) -> None:
    desk = Desk()
    if said_before:
        desk.suppressions.opt_in(an_event(False, 1, "SM1"))

    with pytest.raises(NotFound) as raised:
        desk.remove()

    assert raised.value.code == "opt_out_not_found"


def test_a_phone_that_nobody_knows_is_in_and_has_no_history() -> None:
    found = Desk().opt_outs.lookup(DIGITS, 50, None)

    assert (found.phone, found.standing, found.entries.items) == (PHONE, None, ())


@pytest.mark.parametrize("digits", ["", "x", "+12025550142", "0202555014", "123", "1" * 16])
def test_a_path_that_holds_no_phone_is_not_found(digits: str) -> None:
    with pytest.raises(NotFound):
        phone_in_path(digits)


@pytest.mark.parametrize("searched", ["1202", "+1 (202) 555-0142", " 12025550142"])
def test_a_search_takes_numbers_as_people_write_them(searched: str) -> None:
    desk = Desk()
    desk.add()

    assert [one.phone for one in desk.opt_outs.page(searched, 50, None).items] == [PHONE]


@pytest.mark.parametrize("searched", ["120", "+", "Ann", "1-2-0"])
def test_a_search_by_too_few_digits_is_refused(searched: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Desk().opt_outs.page(searched, 50, None)

    assert raised.value.field == "phone"


def test_an_import_starts_once_its_file_is_there_and_counts_from_then() -> None:
    desk = Desk()
    job, upload = desk.opt_outs.create_import(ORIGIN, NewOptOutImport(reason="A fair."))
    assert upload.url.startswith(
        f"https://files.example/uploads/opt-outs/{job.id}.csv?put=text/csv"
    )
    with pytest.raises(Conflict) as raised:
        desk.opt_outs.start_import(job.id, StartOptOutImport())
    assert raised.value.code == "upload_missing"
    desk.files.sizes[job.object_key] = 99
    desk.clock.sleep(60)

    started = desk.opt_outs.start_import(job.id, StartOptOutImport(phone_column="Mobile"))

    assert (started.status, started.size) == (ImportStatus.QUEUED, 99)
    assert (started.started_at, started.mapping) == (desk.clock.now(), {"phone": "Mobile"})
    assert desk.queue.messages == [{"import_id": job.id}]


def test_a_repeated_start_keeps_the_first_ones_time() -> None:
    desk = Desk()
    job, _ = desk.opt_outs.create_import(ORIGIN, NewOptOutImport(reason="A fair."))
    desk.files.sizes[job.object_key] = 99
    first = desk.opt_outs.start_import(job.id, StartOptOutImport())
    desk.clock.sleep(60)

    again = desk.opt_outs.start_import(job.id, StartOptOutImport())

    assert again.started_at == first.started_at
    assert len(desk.queue.messages) == 2


@pytest.mark.parametrize(("status", "queued"), [(ImportStatus.RUNNING, 1), (ImportStatus.DONE, 0)])
def test_a_start_of_what_runs_or_is_done_changes_nothing(status: ImportStatus, queued: int) -> None:
    """What runs gets another runner: its own message may be lost."""
    desk = Desk()
    job, _ = desk.opt_outs.create_import(ORIGIN, NewOptOutImport(reason="A fair."))
    desk.jobs.imports[job.id] = replace(job, status=status)

    assert desk.opt_outs.start_import(job.id, StartOptOutImport()).status is status
    assert len(desk.queue.messages) == queued


def test_a_failed_import_goes_on_as_it_began() -> None:
    desk = Desk()
    job, _ = desk.opt_outs.create_import(ORIGIN, NewOptOutImport(reason="A fair."))
    began = replace(
        job,
        status=ImportStatus.FAILED,
        size=99,
        started_at=desk.clock.now(),
        position=Place(17, 3),
        format=CsvFormat("utf-8", ","),
        mapping={"phone": "Mobile"},
        error_code="file_missing",
        error="Gone.",
    )
    desk.jobs.imports[job.id] = began
    desk.files.sizes[job.object_key] = 99
    desk.clock.sleep(60)

    started = desk.opt_outs.start_import(job.id, StartOptOutImport(phone_column="Landline"))

    assert started == replace(began, status=ImportStatus.QUEUED, error_code=None, error=None)
    desk.jobs.imports[job.id] = began
    desk.files.sizes[job.object_key] = 98
    with pytest.raises(Conflict) as raised:
        desk.opt_outs.start_import(job.id, StartOptOutImport())
    assert raised.value.code == "file_changed"


def test_a_file_that_is_too_large_is_refused() -> None:
    desk = Desk()
    job, _ = desk.opt_outs.create_import(ORIGIN, NewOptOutImport(reason="A fair."))
    desk.files.sizes[job.object_key] = MAX_UPLOAD_BYTES + 1
    with pytest.raises(InvalidInput) as too_large:
        desk.opt_outs.start_import(job.id, StartOptOutImport())

    assert too_large.value.code == "upload_too_large"
    assert desk.queue.messages == []


def test_the_rejected_rows_have_a_link_once_there_are_any() -> None:
    desk = Desk()
    job, _ = desk.opt_outs.create_import(ORIGIN, NewOptOutImport(reason="A fair."))
    with pytest.raises(NotFound):
        desk.opt_outs.rejected_link(job.id)
    desk.jobs.imports[job.id] = replace(job, rejected_key="uploads/opt-outs/x/rejected.csv")

    link = desk.opt_outs.rejected_link(job.id)

    assert (
        link
        == f"https://files.example/uploads/opt-outs/x/rejected.csv?as=rejected-{job.id}.csv&for=300"
    )


def test_an_export_is_queued_once_a_key_and_has_a_link_when_it_is_done() -> None:
    desk = Desk()
    keyed = replace(ORIGIN, key="k")

    job = desk.opt_outs.create_export(keyed)
    assert desk.opt_outs.create_export(keyed).id == job.id
    assert desk.opt_outs.get_export(job.id) == (job, None)
    done = replace(job, status=ExportStatus.DONE, object_key="uploads/opt-outs/x/opt-outs.csv")
    desk.jobs.exports[job.id] = done

    _, link = desk.opt_outs.get_export(job.id)

    assert link is not None
    assert "as=opt-outs-2026-11-22.csv" in link
    assert job.created_at == desk.clock.now()
