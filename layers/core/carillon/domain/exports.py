"""
Exports (T7): what may be asked for, what a file's columns are, and how far an export is.

    queued -> running -> done
                     \\-> failed     with a sentence for a person

A file holds what stood when it was read, from ``started_at`` on. Of the time range only what
happened inside it counts (T4): messages by their own time, conversations by their messages,
failed leads by their end, campaigns by their launch, opt-outs by when they were said.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from carillon.domain.errors import Forbidden, InvalidInput
from carillon.domain.permissions import PERMISSIONS, Access, Role, Scope, sees_contacts

# The bucket empties itself of what is older (infra/data.yaml).
KEPT_FOR = timedelta(days=7)
MAX_CAMPAIGNS = 100


class ExportKind(StrEnum):
    """What a file holds, one row each."""

    MESSAGES = "messages"
    CONVERSATIONS = "conversations"
    CAMPAIGNS = "campaigns"
    OPT_OUTS = "opt_outs"
    FAILED_LEADS = "failed_leads"


class FileFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    PARQUET = "parquet"


class ExportState(StrEnum):
    """Where an export stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ColumnType(StrEnum):
    """What the values of a column are; any of them may be None."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"


@dataclass(frozen=True)
class Column:
    """One column of a file."""

    name: str
    type: ColumnType = ColumnType.TEXT


# A value of a row, of its column's type: TEXT str, INTEGER int, NUMBER float, FLAG bool,
# TIME an aware datetime.
Cell = str | int | float | bool | datetime | None
ExportRow = tuple[Cell, ...]


def _columns(**types: ColumnType) -> tuple[Column, ...]:
    return tuple(Column(name, type_) for name, type_ in types.items())


_TEXT, _INTEGER, _TIME = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.TIME
COLUMNS: dict[ExportKind, tuple[Column, ...]] = {
    ExportKind.MESSAGES: _columns(
        campaign_id=_TEXT,
        campaign=_TEXT,
        conversation_id=_TEXT,
        kind=_TEXT,
        direction=_TEXT,
        phone=_TEXT,
        sender_id=_TEXT,
        status=_TEXT,
        at=_TIME,
        claimed_at=_TIME,
        submitted_at=_TIME,
        final_at=_TIME,
        segments=_INTEGER,
        cost_micros=_INTEGER,
        currency=_TEXT,
        error_code=_TEXT,
        reason=_TEXT,
        variant=_TEXT,
        step=_INTEGER,
        attempts=_INTEGER,
        keyword=_TEXT,
        author=_TEXT,
        text=_TEXT,
        provider_id=_TEXT,
    ),
    ExportKind.CONVERSATIONS: _columns(
        campaign_id=_TEXT,
        campaign=_TEXT,
        conversation_id=_TEXT,
        phone=_TEXT,
        sender_id=_TEXT,
        incoming=_INTEGER,
        outgoing=_INTEGER,
        first_message_at=_TIME,
        last_message_at=_TIME,
        replied_at=_TIME,
        opted_out_at=_TIME,
        opt_out=_TEXT,
        last_status=_TEXT,
    ),
    ExportKind.CAMPAIGNS: _columns(
        campaign_id=_TEXT,
        campaign=_TEXT,
        office_id=_TEXT,
        status=_TEXT,
        type=_TEXT,
        mode=_TEXT,
        tags=_TEXT,
        created_at=_TIME,
        created_by=_TEXT,
        launched_at=_TIME,
        finished_at=_TIME,
        total=_INTEGER,
        contacts_messaged=_INTEGER,
        contacts_responded=_INTEGER,
        rate_of_engagement=ColumnType.NUMBER,
        segments=_INTEGER,
        total_opt_outs=_INTEGER,
    ),
    ExportKind.OPT_OUTS: _columns(
        phone=_TEXT, opted_out_at=_TIME, recorded_at=_TIME, source=_TEXT, by=_TEXT, reason=_TEXT
    ),
    ExportKind.FAILED_LEADS: _columns(
        campaign_id=_TEXT,
        campaign=_TEXT,
        phone=_TEXT,
        sender_id=_TEXT,
        status=_TEXT,
        error_code=_TEXT,
        reason=_TEXT,
        advice=_TEXT,
        attempts=_INTEGER,
        failed_at=_TIME,
    ),
}


@dataclass(frozen=True, kw_only=True)
class MessageEntry:
    """
    One row of the messages table as an export shows it.

    ``kind`` is ``initial``, ``follow_up``, ``reply`` (the person's), ``automatic``, ``agent``
    or ``assistant``. ``at`` is when it was written or handed over. The last three stand
    with a lead alone.
    """

    sk: str
    kind: str
    office_id: str
    phone: str
    sender_id: str
    status: str
    at: datetime
    claimed_at: datetime | None = None
    submitted_at: datetime | None = None
    final_at: datetime | None = None
    segments: int | None = None
    cost_micros: int | None = None
    currency: str | None = None
    error_code: str | None = None
    variant: str | None = None
    step: int = 0
    attempts: int | None = None
    keyword: str | None = None
    author_subject: str | None = None
    text: str | None = None
    provider_id: str | None = None
    replied_at: datetime | None = None
    opted_out_at: datetime | None = None
    opt_out_kind: str | None = None


@dataclass(frozen=True)
class Reach:
    """
    What an export may hold: campaigns of *offices* (None: of all), only *campaign_ids* if any.

    *start* is included, *end* not. Without *full* numbers are shown by their last digits, and
    what people wrote is left out.
    """

    offices: tuple[str, ...] | None
    campaign_ids: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    full: bool = True

    def covers(self, office_id: str) -> bool:
        """Whether what belongs to *office_id* may be in it."""
        return self.offices is None or office_id in self.offices

    def has(self, at: datetime | None) -> bool:
        """Whether *at* lies in the range; what has no time does when there is no range."""
        if at is None:
            return self.start is None and self.end is None
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)


@dataclass(frozen=True)
class Place:
    """What is read: all units before *unit*, and of that one what stands up to *after*."""

    unit: int = 0
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class Export:
    """
    A file on its way.

    ``plan`` names what is to be read, frozen when it began; ``units`` is how many of them
    there are. ``pieces`` names what is stored of the file in order, ``object_key`` the whole
    once done.
    """

    id: str
    kind: ExportKind
    format: FileFormat
    reach: Reach
    created_at: datetime
    created_by: str
    status: ExportState = ExportState.QUEUED
    started_at: datetime | None = None
    plan: str | None = None
    units: int = 0
    place: Place = Place()
    rows: int = 0
    pieces: tuple[str, ...] = ()
    object_key: str | None = None
    size: int | None = None
    finished_at: datetime | None = None
    error_code: str | None = None
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it any more."""
        return self.status in (ExportState.DONE, ExportState.FAILED)

    @property
    def expires_at(self) -> datetime:
        """When the file and the export are forgotten."""
        return self.created_at + KEPT_FOR

    @property
    def progress(self) -> float:
        """How much of it is read, in percent with one decimal; 100 only when it is done."""
        if self.status is ExportState.DONE:
            return 100.0
        share = self.place.unit / self.units if self.units else 0.0
        return min(99.9, int(share * 1000) / 10)

    @property
    def filename(self) -> str:
        """Under which name a browser saves it."""
        name = self.kind.replace("_", "-")
        return f"{name}-{self.created_at:%Y-%m-%d}.{self.format}"

    def failed(self, error: InvalidInput, at: datetime) -> "Export":
        """Return the export ended by *error*, whose sentence a person reads."""
        return replace(
            self,
            status=ExportState.FAILED,
            error_code=error.code,
            error=error.detail,
            finished_at=at,
        )


def require_kind(kind: ExportKind, role: Role) -> None:
    """
    Raise Forbidden (``role_forbidden``) when *role* may not have this kind of file.

    Opt-outs are the organisation's: who may export them in the opt-out manager may here.
    """
    if kind is ExportKind.OPT_OUTS and not _exports_opt_outs(role):
        raise Forbidden("Your role does not allow this.", code="role_forbidden")


def may_read(export: Export, access: Access) -> bool:
    """
    Whether the caller may have the file now: all of its offices are theirs.

    Asked again for every link, because people change offices and roles.
    """
    role = access.caller.role
    if export.reach.full and not sees_contacts(role):
        return False
    if export.kind is ExportKind.OPT_OUTS:
        return _exports_opt_outs(role)
    offices = export.reach.offices
    if offices is None:
        return access.offices is None
    return all(access.covers(office) for office in offices)


def _exports_opt_outs(role: Role) -> bool:
    return PERMISSIONS["POST", "/v1/opt-outs/exports"][role] is Scope.ALL
