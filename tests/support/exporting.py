"""Exports in one process: fakes, a queue that is drained, the file that comes out."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from carillon.adapters.csv_table import CsvTable
from carillon.adapters.parquet import ParquetTable
from carillon.domain.campaign import Campaign, Sender
from carillon.domain.errors import Conflict, NotFound
from carillon.domain.exports import Export, ExportKind, FileFormat, MessageEntry, Reach
from carillon.domain.ids import lead_key
from carillon.domain.listing import Listing, Position
from carillon.usecases.export_data import ExportingWorld, export_data
from carillon.usecases.export_rows import ExportSources
from tests.support.clock import NOON, FakeClock
from tests.support.consent import LANES, FakeConsentLedger
from tests.support.contacts import FakeFiles
from tests.support.management import OFFICE, a_campaign
from tests.support.sending import FakeQueue, FakeSuppressions, a_sender

ANN, BEN, CLEO = "+12025550100", "+12025550101", "+12025550102"


def an_export(export_id: str = "exp_a", **changes: Any) -> Export:
    """Return a queued export of one office's messages as CSV."""
    reach = Reach(
        offices=changes.pop("offices", (OFFICE,)),
        campaign_ids=changes.pop("campaign_ids", ()),
        start=changes.pop("start", None),
        end=changes.pop("end", None),
        full=changes.pop("full", True),
    )
    defaults: dict[str, Any] = {
        "id": export_id,
        "kind": ExportKind.MESSAGES,
        "format": FileFormat.CSV,
        "reach": reach,
        "created_at": NOON,
        "created_by": "usr_1",
    }
    return Export(**{**defaults, **changes})


def a_message(phone: str = ANN, suffix: str = "", **changes: Any) -> MessageEntry:
    """Return a delivered initial, sent at noon; *suffix* goes behind its lead's key."""
    defaults: dict[str, Any] = {
        "sk": f"{lead_key(phone)}{suffix}",
        "kind": "initial",
        "office_id": OFFICE,
        "phone": phone,
        "sender_id": "snd_1",
        "status": "delivered",
        "at": NOON,
    }
    return MessageEntry(**{**defaults, **changes})


def a_reply(phone: str = ANN, number: int = 1, **changes: Any) -> MessageEntry:
    """Return an inbound message, a minute after noon."""
    defaults: dict[str, Any] = {
        "kind": "reply",
        "status": "received",
        "at": NOON + timedelta(minutes=number),
        "text": "Yes?",
    }
    return a_message(phone, f"#in#SM{number}", **{**defaults, **changes})


class FakeExportJobs:
    """Implements ``ports.ExportJobs``; a position is a number."""

    def __init__(self) -> None:
        self.kept: dict[str, Export] = {}
        self._digests: dict[str, str] = {}

    def create(self, new: Export, digest: str) -> Export:
        if self._digests.setdefault(new.id, digest) != digest:
            raise Conflict("Another request.", code="idempotency_key_reused")
        return self.kept.setdefault(new.id, new)

    def get(self, export_id: str) -> Export:
        if export_id not in self.kept:
            raise NotFound("There is no such export.", code="export_not_found")
        return self.kept[export_id]

    def advance(self, before: Export, after: Export) -> bool:
        standing = self.kept[before.id]
        if (standing.status, standing.place) != (before.status, before.place):
            return False
        self.kept[before.id] = after
        return True

    def page(self, limit: int, after: Position | None) -> Listing[tuple[Export, Position]]:
        newest = sorted(self.kept.values(), key=lambda job: job.created_at, reverse=True)
        start = int(after["n"]) if after else 0
        found = [(job, {"n": str(n)}) for n, job in enumerate(newest, start=1)]
        shown = tuple(found[start : start + limit])
        return Listing(shown, shown[-1][1] if start + limit < len(found) else None)


class FakeExportedMessages:
    """Implements ``ports.ExportedMessages``; a query looks at two rows."""

    def __init__(self) -> None:
        self.rows: dict[str, list[MessageEntry]] = {}

    def put(self, partition: str, *entries: MessageEntry) -> None:
        """Add rows."""
        self.rows.setdefault(partition, []).extend(entries)

    def page(self, partition: str, after: str) -> tuple[list[MessageEntry], str | None]:
        behind = sorted(
            (one for one in self.rows.get(partition, []) if one.sk > after), key=lambda one: one.sk
        )
        return behind[:2], behind[1].sk if len(behind) > 2 else None


class FakeExportedDirectory:
    """Implements ``ports.ExportedDirectory``."""

    def __init__(self) -> None:
        self.campaigns: dict[str, Campaign] = {}
        self.all_senders: list[Sender] = []

    def campaign(self, campaign_id: str) -> Campaign:
        if campaign_id not in self.campaigns:
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        return self.campaigns[campaign_id]

    def launched_campaigns(self) -> Iterator[Campaign]:
        return (one for one in self.campaigns.values() if one.launched_at is not None)

    def senders(self) -> list[Sender]:
        return self.all_senders


class FakeTotals:
    """Implements ``ports.CampaignTotals``."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}

    def campaign_totals(self, campaign_id: str) -> tuple[dict[str, int], None]:
        return self.counts.get(campaign_id, {}), None


@dataclass
class ExportWorld:
    """One campaign of two parts, one sender, and the queue of exports."""

    piece_rows: int = 2
    jobs: FakeExportJobs = field(default_factory=FakeExportJobs)
    messages: FakeExportedMessages = field(default_factory=FakeExportedMessages)
    directory: FakeExportedDirectory = field(default_factory=FakeExportedDirectory)
    totals: FakeTotals = field(default_factory=FakeTotals)
    files: FakeFiles = field(default_factory=FakeFiles)
    queue: FakeQueue = field(default_factory=FakeQueue)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.suppressions = FakeSuppressions(self.clock.now)
        self.keep(a_campaign("cmp_a", title="Spring", parts=2, launched_at=NOON))
        self.directory.all_senders.append(a_sender("snd_1", office_id=OFFICE))
        self.world = ExportingWorld(
            jobs=self.jobs,
            sources=ExportSources(
                directory=self.directory,
                messages=self.messages,
                totals=self.totals,
                opt_outs=FakeConsentLedger(self.suppressions),
                part_name=lambda campaign_id, part: f"{campaign_id}#{part:05d}",
                unsolicited_name=lambda sender_id, n: f"unsolicited#{sender_id}#{n:02d}",
                unsolicited_buckets=2,
                lanes=LANES,
            ),
            files=self.files,
            queue=self.queue,
            clock=self.clock,
            formats={FileFormat.CSV: CsvTable(), FileFormat.PARQUET: ParquetTable()},
            piece_rows=self.piece_rows,
        )

    def keep(self, campaign: Campaign) -> None:
        """Keep a campaign."""
        self.directory.campaigns[campaign.id] = campaign

    def ask(self, **changes: Any) -> Export:
        """Ask for an export (``an_export``)."""
        job = self.jobs.create(an_export(**changes), "")
        self.queue.put({"export_id": job.id})
        return job

    def run(self, world: ExportingWorld | None = None) -> Export:
        """Deliver what waits, each without time for a second piece, until nothing does."""
        export_id = ""
        while self.queue.messages:
            export_id = self.queue.messages.pop(0)["export_id"]
            export_data(world or self.world, export_id=export_id, budget_s=0)
        return self.jobs.get(export_id or "exp_a")

    def exported(self, **changes: Any) -> list[dict[str, str]]:
        """Return what an export (``an_export``) holds, as its reader sees a CSV."""
        self.ask(**changes)
        return self.read(self.run())

    def body(self, job: Export) -> bytes:
        """Return an export's file; nothing when it has none."""
        return self.files.objects[job.object_key] if job.object_key else b""

    def read(self, job: Export) -> list[dict[str, str]]:
        """Return the lines of an export's CSV."""
        text = self.body(job).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def outcome(self) -> tuple[Any, ...]:
        """All that must be the same after any accident."""
        job = self.jobs.get("exp_a")
        still: datetime = NOON
        return replace(job, started_at=still, finished_at=still), self.body(job)
