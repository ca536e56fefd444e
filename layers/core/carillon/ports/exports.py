"""Files that people ask for: how far they are, what they are made of, how they are written."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from carillon.domain.campaign import Campaign, Sender
from carillon.domain.counters import Counts
from carillon.domain.exports import Column, Export, ExportRow, MessageEntry
from carillon.domain.listing import Listing, Position
from carillon.domain.recount import RecountReport


class ExportJobs(Protocol):
    """Exports and how far they are; reads but ``page`` are consistent."""

    def create(self, new: Export, digest: str) -> Export:
        """
        Keep *new*, or return what stands under its id already.

        Conflict (``idempotency_key_reused``) when that was made by another request.
        """
        ...

    def get(self, export_id: str) -> Export:
        """Return the export; raises NotFound."""
        ...

    def advance(self, before: Export, after: Export) -> bool:
        """Replace *before*; False, changing nothing, when its status or place are others."""
        ...

    def page(self, limit: int, after: Position | None) -> Listing[tuple[Export, Position]]:
        """Return exports, newest first, each with its position; it may be a little old."""
        ...


class ExportedMessages(Protocol):
    """The messages table as exports read it, partition by partition; it may be a little old."""

    def page(self, partition: str, after: str) -> tuple[list[MessageEntry], str | None]:
        """
        Return messages of *partition* behind the sort key *after* (""), in order, one query.

        Also returned is the key to go on behind, None when the partition is through.
        """
        ...


class ExportedDirectory(Protocol):
    """Which campaigns and senders there are."""

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign; raises NotFound."""
        ...

    def launched_campaigns(self) -> Iterator[Campaign]:
        """Yield every campaign that has been launched."""
        ...

    def senders(self) -> list[Sender]:
        """Return every sender."""
        ...


class CampaignTotals(Protocol):
    """The counters of campaigns; see ``ports.Figures``."""

    def campaign_totals(self, campaign_id: str) -> tuple[Counts, RecountReport | None]:
        """Return the campaign's counters and its last recount."""
        ...


class TableFormat(Protocol):
    """How rows become a file: in pieces, each by itself, that are put together in the end."""

    content_type: str

    def piece(self, columns: Sequence[Column], rows: Sequence[ExportRow]) -> bytes:
        """Return *rows* (one at least) as a piece."""
        ...

    def whole(self, columns: Sequence[Column], pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the file that *pieces* in their order make, in bounded memory."""
        ...
