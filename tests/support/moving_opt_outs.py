"""An import or export of opt-outs in one process: fakes, a queue that is drained, the outcome."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from carillon.domain.consent_jobs import OptOutExport, OptOutImport
from carillon.domain.contacts import ImportStatus
from carillon.domain.message import Suppression
from carillon.usecases.export_opt_outs import ExportingOptOuts, export_opt_outs
from carillon.usecases.import_opt_outs import ImportingOptOuts, import_opt_outs
from tests.support.clock import NOON, FakeClock
from tests.support.consent import (
    LANES,
    FakeConsentLedger,
    FakeOptOutJobs,
    an_opt_out_export,
    an_opt_out_import,
)
from tests.support.contacts import FakeFiles
from tests.support.importing import parse_plainly
from tests.support.sending import FakeQueue, FakeSuppressions

STARTED = NOON + timedelta(minutes=1)


@dataclass
class MovingWorld:
    """One queued import of *body*, one queued export, and everything around them."""

    body: bytes = b""
    chunk_rows: int = 3
    piece_rows: int = 2
    files: FakeFiles = field(default_factory=FakeFiles)
    jobs: FakeOptOutJobs = field(default_factory=FakeOptOutJobs)
    suppressions: FakeSuppressions = field(default_factory=FakeSuppressions)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.jobs.create_import(
            an_opt_out_import(status=ImportStatus.QUEUED, started_at=STARTED), ""
        )
        self.jobs.create_export(an_opt_out_export(), "")
        self.files.objects[self.imported.object_key] = self.body
        self.ledger = FakeConsentLedger(self.suppressions)
        self.importing = ImportingOptOuts(
            jobs=self.jobs,
            suppressions=self.suppressions,
            files=self.files,
            queue=self.queue,
            clock=FakeClock(),
            parse_phone=lambda text: parse_plainly(text, ""),
            side_by_side=lambda make, things: [make(thing) for thing in things],
            chunk_rows=self.chunk_rows,
        )
        self.exporting = ExportingOptOuts(
            jobs=self.jobs,
            listed=self.ledger,
            files=self.files,
            queue=self.queue,
            clock=FakeClock(),
            lanes=LANES,
            piece_rows=self.piece_rows,
        )

    def says(self, phone: str, *, out: bool, minute: int, source: str = "keyword") -> None:
        """Have somebody write STOP or START so many minutes after noon."""
        event = Suppression(
            phone=phone,
            opted_out=out,
            event_at=NOON + timedelta(minutes=minute),
            source=source,
            cause=f"{source}.{minute}",
        )
        if out:
            self.suppressions.opt_out(event)
        else:
            self.suppressions.opt_in(event)

    def deliver(self, message: dict[str, str], ports: object = None) -> None:
        """Deliver one message of the queue, without time for a second chunk."""
        if "export_id" in message:
            exporting = ports if isinstance(ports, ExportingOptOuts) else self.exporting
            export_opt_outs(exporting, export_id=message["export_id"], budget_s=0)
        else:
            importing = ports if isinstance(ports, ImportingOptOuts) else self.importing
            import_opt_outs(importing, import_id=message["import_id"], budget_s=0)

    def run(self, message: dict[str, str]) -> None:
        """Deliver *message* and all that follow from it."""
        self.deliver(message)
        while self.queue.messages:
            self.deliver(self.queue.messages.pop(0))

    def run_import(self) -> OptOutImport:
        """Run the import to its end."""
        self.run({"import_id": "imp_a"})
        return self.imported

    def run_export(self) -> OptOutExport:
        """Run the export to its end."""
        self.run({"export_id": "exp_a"})
        return self.exported

    @property
    def imported(self) -> OptOutImport:
        """The import as it stands."""
        return self.jobs.imports["imp_a"]

    @property
    def exported(self) -> OptOutExport:
        """The export as it stands."""
        return self.jobs.exports["exp_a"]

    def text(self, key: str | None) -> str:
        """Return a file as its owner downloads it; of none, nothing."""
        return self.files.objects[key].decode("utf-8-sig") if key else ""

    def out(self) -> dict[str, str]:
        """Who is opted out, and by what."""
        standing = self.suppressions.standing.values()
        return {one.phone: one.cause for one in standing if one.opted_out}

    def outcome(self) -> tuple[object, ...]:
        """All that must be the same after any accident."""
        return (
            self.out(),
            sorted(self.suppressions.ledger),
            replace(self.imported, object_key=""),
            self.text(self.imported.rejected_key),
            self.exported,
            self.text(self.exported.object_key),
        )
