"""Opt-outs in bulk: a CSV on its way in, the list on its way out (O5)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from carillon.domain.contacts import ImportStatus
from carillon.domain.csv_rows import CsvFormat, Position
from carillon.domain.errors import InvalidInput

# A start may be repeated until the import runs: the queue may have refused the first.
STARTABLE = frozenset({ImportStatus.AWAITING_UPLOAD, ImportStatus.QUEUED, ImportStatus.FAILED})


class BulkOutcome(StrEnum):
    """What became of one row; of a phone that stands twice in a file, the second is a duplicate."""

    CREATED = "created"
    # Opted out already.
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    # The person has opted in since the import was started.
    OVERRULED = "overruled"


@dataclass(frozen=True)
class BulkTally:
    """Rows read so far by outcome, and the invalid ones by reason; they add up to ``rows``."""

    outcomes: Mapping[BulkOutcome, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All rows: the sum of the outcomes."""
        return sum(self.outcomes.values())

    def __getitem__(self, outcome: BulkOutcome) -> int:
        return self.outcomes.get(outcome, 0)

    def plus(self, other: "BulkTally") -> "BulkTally":
        """Return both together."""
        return BulkTally(
            dict(Counter(self.outcomes) + Counter(other.outcomes)),
            dict(Counter(self.reasons) + Counter(other.reasons)),
        )


@dataclass(frozen=True, kw_only=True)
class OptOutImport:
    """
    One CSV of opt-outs: how to read the file, and how far it is.

    Rows before ``position`` are counted in ``tally``; those after it are not. ``mapping`` is
    role -> column name. ``started_at`` is when all its opt-outs count as said, so that
    whoever opts in later stays in. ``rejected_pieces`` names the stored pieces of the
    rejected rows in their order, ``rejected_key`` the whole once done.
    """

    id: str
    status: ImportStatus
    object_key: str
    reason: str
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    position: Position = field(default_factory=Position)
    format: CsvFormat | None = None
    headers: tuple[str, ...] = ()
    size: int = 0
    tally: BulkTally = field(default_factory=BulkTally)
    rejected_pieces: tuple[str, ...] = ()
    rejected_key: str | None = None
    error_code: str | None = None
    error: str | None = None

    def failed(self, error: InvalidInput) -> "OptOutImport":
        """Return the import ended by *error*, whose sentence a person reads."""
        return replace(self, status=ImportStatus.FAILED, error_code=error.code, error=error.detail)


class ExportStatus(StrEnum):
    """queued -> running -> done."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class OptOutExport:
    """
    The list of who is opted out on its way into a file.

    It holds who was out when it was asked for (``created_at``) and still is when read. Read
    are all lanes before ``lane``, and of that one what stands up to ``after``; they make
    ``rows``. ``pieces`` names what is stored of them in order, ``object_key`` the whole once
    done.
    """

    id: str
    created_at: datetime
    created_by: str
    status: ExportStatus = ExportStatus.QUEUED
    lane: int = 0
    after: str = ""
    rows: int = 0
    pieces: tuple[str, ...] = ()
    object_key: str | None = None
