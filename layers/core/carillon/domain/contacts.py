"""Contacts, and how far the import of a CSV into a list is (C1, C2)."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from carillon.domain.csv_columns import Columns
from carillon.domain.csv_rows import CsvFormat, Position, Row
from carillon.domain.errors import InvalidInput
from carillon.domain.ids import lead_key

# DynamoDB takes items of 400 kB; an audience part holds some 400 contacts in memory.
MAX_CONTACT_BYTES = 64 * 1024
MAX_SHARDS = 4096


@dataclass(frozen=True, kw_only=True)
class Contact:
    """
    One person of a list. *phone* is E.164; *fields* are the further columns, blank ones absent.

    ``import_id`` and ``line`` say which row of which file it came from.
    """

    phone: str
    first_name: str
    last_name: str
    fields: Mapping[str, str]
    line: int
    import_id: str
    created_at: datetime

    @property
    def key(self) -> str:
        """The lead key: where the contact stands in its list."""
        return lead_key(self.phone)

    def merge_fields(self) -> dict[str, str]:
        """Return every field a template may use, blank ones absent."""
        names = {"first_name": self.first_name, "last_name": self.last_name}
        return {**self.fields, **{name: text for name, text in names.items() if text}}


@dataclass(frozen=True, kw_only=True)
class ContactList:
    """
    A list as importer and planner see it.

    ``shards`` is 0 until the first import starts and never changes after;
    ``contacts`` counts what committed import chunks stored.
    """

    id: str
    name: str
    default_country: str
    shards: int = 0
    contacts: int = 0


def shards_for(rows: float, *, per_shard: int) -> int:
    """Return into how many shards a list of about *rows* contacts is divided."""
    return min(max(-(-int(rows) // per_shard), 1), MAX_SHARDS)


class Outcome(StrEnum):
    """What became of one row (C2); *suppressed* is stored too, and never texted (F3)."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True)
class Tally:
    """Rows read so far by outcome, and the invalid ones by reason; they add up to ``rows``."""

    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All rows: the sum of the outcomes."""
        return sum(self.outcomes.values())

    @property
    def stored(self) -> int:
        """Rows that became a contact of the list."""
        return self[Outcome.CREATED] + self[Outcome.SUPPRESSED]

    def __getitem__(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)

    def plus(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(
            dict(Counter(self.outcomes) + Counter(other.outcomes)),
            dict(Counter(self.reasons) + Counter(other.reasons)),
        )


class ImportStatus(StrEnum):
    """awaiting_upload -> queued -> running -> done | failed, and from there queued again."""

    AWAITING_UPLOAD = "awaiting_upload"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ImportJob:
    """
    One import as the importer sees it: how to read the file, and how far it is.

    Rows before ``position`` are counted in ``tally``; those after it are not.
    ``mapping`` is role -> column name: the caller's wish while queued, what
    was decided once running. ``rejected_objects`` counts the stored pieces of
    the rejected rows; ``rejected_key`` names the whole once done.
    """

    id: str
    list_id: str
    status: ImportStatus
    object_key: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    position: Position = field(default_factory=Position)
    format: CsvFormat | None = None
    headers: tuple[str, ...] = ()
    size: int = 0
    tally: Tally = field(default_factory=Tally)
    rejected_objects: int = 0
    rejected_key: str | None = None
    error_code: str | None = None
    error: str | None = None

    def failed(self, error: InvalidInput) -> "ImportJob":
        """Return the import ended by *error*, whose sentence a person reads."""
        return replace(self, status=ImportStatus.FAILED, error_code=error.code, error=error.detail)


@dataclass(frozen=True, kw_only=True)
class Person:
    """What a readable row says, before the list is asked about it."""

    phone: str
    first_name: str
    last_name: str
    fields: Mapping[str, str]


def read_person(row: Row, columns: Columns, *, parse_phone: Callable[[str], str]) -> Person:
    """
    Return the person in *row*; *parse_phone* gives E.164 or raises InvalidInput.

    Raises InvalidInput whose code is the row's reason: the reader's, the
    phone parser's, ``phone_missing``, ``too_many_cells`` (a separator that
    should have been quoted) or ``contact_too_large``.
    """
    if row.problem:
        raise InvalidInput("The row cannot be read.", code=row.problem)
    width = len(columns.names)
    if any(row.cells[width:]):
        raise InvalidInput("The row has more cells than the header.", code="too_many_cells")
    cells = row.cells[:width] + ("",) * (width - len(row.cells))
    if not cells[columns.phone]:
        raise InvalidInput("The row has no phone number.", code="phone_missing")
    fields = {name: cells[i] for i, name in columns.others() if cells[i]}
    if sum(len(text.encode()) for pair in fields.items() for text in pair) > MAX_CONTACT_BYTES:
        raise InvalidInput("The row is too large to keep.", code="contact_too_large")
    return Person(
        phone=parse_phone(cells[columns.phone]),
        first_name="" if columns.first_name is None else cells[columns.first_name],
        last_name="" if columns.last_name is None else cells[columns.last_name],
        fields=fields,
    )
