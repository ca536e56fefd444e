"""The counters, and what the analytics read."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from carillon.domain.books import CommitOutcome, Fold, PartBook
from carillon.domain.campaign import Campaign, Sender
from carillon.domain.campaign_list import CampaignCard
from carillon.domain.counters import Counts, Row, SenderCounts
from carillon.domain.lead_list import ListedLead
from carillon.domain.message import RowRef
from carillon.domain.outcomes import Outcome
from carillon.domain.recount import RecountReport
from carillon.domain.timeframe import TimeFrame


class CounterBooks(Protocol):
    """The counters as the aggregator writes them."""

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        """Return the book of every one of *partitions*, strongly consistent; new ones are empty."""
        ...

    def commit(self, fold: Fold, lane: int) -> CommitOutcome:
        """
        Write the whole *fold* in one transaction, additions into *lane*, or nothing.

        A repeated commit is ``MOVED``: its books stand further by then.
        """
        ...


class RecountBooks(Protocol):
    """The counters as a recount compares and corrects them."""

    def part_books(self, partitions: Iterable[str]) -> dict[str, PartBook]:
        """Return the book of every one of *partitions*, strongly consistent; new ones are empty."""
        ...

    def lanes(self, campaign_id: str) -> Counts:
        """Return the campaign's totals over its lanes, strongly consistent."""
        ...

    def quarters(self, campaign_id: str) -> dict[str, Counts]:
        """Return the campaign's counters by quarter hour, all of them, strongly consistent."""
        ...

    def correct_part(
        self, campaign_id: str, partition: str, book: PartBook, drift: Mapping[str, int]
    ) -> bool:
        """Add *drift* to the book and the campaign if *book* still stands; False when it moved."""
        ...

    def correct_campaign(self, fold: Fold, version: int) -> bool:
        """Add *fold*'s amounts, once per recount *version*; False when another recount did."""
        ...

    def recount_version(self, campaign_id: str) -> int:
        """Return how often recounts have corrected this campaign, strongly consistent."""
        ...

    def note_recount(self, report: RecountReport) -> None:
        """Keep *report* as the campaign's last recount."""
        ...


class CountedRows(Protocol):
    """The messages table as a recount reads it."""

    def rows(self, partition: str) -> dict[str, Row]:
        """Return what counts of every row of *partition*, by sort key, strongly consistent."""
        ...

    def mark(self, partition: str, sk: str, mark: str) -> bool:
        """Set the recount's *mark* on a row; False when the row is not there any more."""
        ...


class Figures(Protocol):
    """The counters as the analytics read them: a few items, whatever the number of messages."""

    def campaign_totals(self, campaign_id: str) -> tuple[Counts, RecountReport | None]:
        """Return the campaign's counters and its last recount."""
        ...

    def campaign_quarters(self, campaign_id: str, newest: int) -> dict[str, Counts]:
        """Return the counters of the campaign's *newest* quarter hours, in order."""
        ...

    def campaign_history(self, campaign_id: str) -> dict[str, Counts]:
        """Return the campaign's counters by quarter hour, all of them, in order."""
        ...

    def office_responses(self, office_id: str, frame: TimeFrame) -> dict[str, int]:
        """Return the office's inbound messages within *frame* by quarter hour, in order."""
        ...

    def campaigns_within(self, office_id: str, frame: TimeFrame) -> dict[str, Counts]:
        """Return what each of the office's campaigns did within *frame*, if it did anything."""
        ...

    def responses_of_campaigns(self, office_id: str, frame: TimeFrame) -> dict[str, dict[str, int]]:
        """Return the inbound messages of the office's campaigns, by campaign and quarter hour."""
        ...

    def office_totals(self, office_id: str, frame: TimeFrame) -> Counts:
        """Return the office's counters within *frame*."""
        ...

    def sender_within(self, sender_id: str, first: str, behind: str) -> Counts:
        """Return the sender's daily counters from the UTC date *first* to before *behind*."""
        ...

    def sender_counts(self, sender_id: str) -> SenderCounts:
        """Return the sender's counters, ever and by UTC day."""
        ...


class LeadPages(Protocol):
    """The messages table as the listing of leads reads it; what it shows may be a little old."""

    def leads(
        self, campaign_id: str, part: int, after: str | None, rows: int
    ) -> tuple[list[ListedLead], str | None]:
        """
        Return leads of *part* behind the key *after*, in order of their keys, from one query.

        It looks at *rows* rows at most, of any kind; also returned is the key to go on
        behind, None when the part is through.
        """
        ...


class CampaignCatalogue(Protocol):
    """Campaigns and senders as the analytics read them."""

    def sender(self, sender_id: str) -> Sender:
        """Return the sender; raises NotFound."""
        ...

    def campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign; raises NotFound."""
        ...

    def launched_campaigns(self) -> Iterator[Campaign]:
        """Yield every campaign that has been launched."""
        ...

    def touched_campaigns(self, since: datetime) -> list[CampaignCard]:
        """Return the launched campaigns that run, and those that changed at *since* or later."""
        ...

    def campaign_cards(self, campaign_ids: Iterable[str]) -> list[CampaignCard]:
        """Return those of the campaigns that are there and were launched."""
        ...

    def senders(self) -> list[Sender]:
        """Return every sender."""
        ...

    def active_senders(self, sender_ids: Iterable[str]) -> int:
        """Return how many of the senders are active."""
        ...

    def office_ids(self) -> list[str]:
        """Return every office."""
        ...


class Outcomes(Protocol):
    """What leads did, and which conversation tags say so."""

    def tags(self, campaign_id: str) -> tuple[str, ...]:
        """Return the tags that are outcomes of the campaign."""
        ...

    def keep_tags(self, campaign_id: str, tags: tuple[str, ...]) -> None:
        """Keep *tags* in place of what was there."""
        ...

    def mark(self, ref: RowRef, outcome: Outcome) -> Outcome | None:
        """Mark the lead *ref* unless it is marked; return what stands, None without a lead."""
        ...
