"""Contact lists and the imports that fill them, as their owners see them (C1, C2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carillon.domain.contacts import ImportStatus

# A start may be repeated until the import runs: the queue may have refused the first.
STARTABLE = frozenset({ImportStatus.AWAITING_UPLOAD, ImportStatus.QUEUED, ImportStatus.FAILED})


@dataclass(frozen=True, kw_only=True)
class ListRecord:
    """
    A list of contacts of one office.

    ``contacts`` counts distinct phones. ``shards`` is 0 until the first import
    starts and never changes after that. Phones without a country code are
    read as those of ``default_country`` (ISO 3166 alpha-2).
    """

    id: str
    name: str
    office_id: str
    default_country: str
    created_at: datetime
    created_by: str
    shards: int = 0
    contacts: int = 0


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """
    One CSV on its way into a list, as its owner follows it.

    ``offset`` of ``size`` bytes are read. ``rows`` is the sum of ``created``,
    ``duplicate``, ``invalid`` and ``suppressed``; ``invalid_reasons`` counts the
    invalid ones by reason. ``error`` is a sentence for a person when the file as
    a whole could not be read, ``error_code`` its stable name.
    """

    id: str
    list_id: str
    status: ImportStatus
    object_key: str
    created_at: datetime
    created_by: str
    size: int = 0
    offset: int = 0
    rows: int = 0
    created: int = 0
    duplicate: int = 0
    invalid: int = 0
    suppressed: int = 0
    mapping: Mapping[str, str] = field(default_factory=dict)
    invalid_reasons: Mapping[str, int] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    rejected_key: str | None = None
    error_code: str | None = None
    error: str | None = None
