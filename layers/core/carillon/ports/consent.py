"""Who may be texted: suppressions, their ledger, and the providers' lists beside it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from carillon.domain.consent import ConsentEntry, OptOut
from carillon.domain.consent_jobs import OptOutExport, OptOutImport
from carillon.domain.evidence import SentMessage
from carillon.domain.listing import Listing, Position
from carillon.domain.message import KeptEntry, RowRef, Suppression
from carillon.domain.opt_out_mirror import MirrorState


class Holds(Protocol):
    """Whom no campaign texts until a person has decided what they meant (O1)."""

    def hold(self, phone: str, cause: str, at: datetime) -> None:
        """
        Hold *phone* because of the message *cause*, which was said at *at*.

        Not again once that has been released, and not for what was said before the contact
        asked to be texted. Idempotent.
        """
        ...

    def release(self, phone: str, until: datetime) -> None:
        """Let campaigns text *phone* again, but for what was said after *until*. Idempotent."""
        ...

    def clear(self, phone: str, at: datetime) -> None:
        """Let go of what was said before the contact asked, at *at*, to be texted (O4)."""
        ...


class Suppressions(Protocol):
    """
    Who must not be texted. Ordered by event time: an older event never overrides a newer.

    Every event is kept in the consent ledger as well (O6), whether it decides or not.
    """

    def opt_out(self, wanted: Suppression) -> Suppression:
        """Commit an opt-out unless a newer event stands; return what stands now."""
        ...

    def opt_in(self, wanted: Suppression) -> Suppression:
        """Commit an opt-in unless a newer event stands; return what stands now."""
        ...

    def of(self, phone: str) -> Suppression | None:
        """Return where the phone stands, strongly consistent."""
        ...

    def note_thread(self, said: Suppression, row: RowRef) -> None:
        """Add to the ledger's entry of *said* to which conversation *row* it belongs, once."""
        ...


class ConsentLedger(Protocol):
    """Every opt-in and opt-out, and where each phone stands now (O5, O6)."""

    def entries(self, phone: str, limit: int, after: Position | None) -> Listing[ConsentEntry]:
        """Return events of *phone*, newest first."""
        ...

    def history(self, phone: str) -> Iterator[ConsentEntry]:
        """Yield every event of *phone*, newest first, strongly consistent."""
        ...

    def newest(self, limit: int, after: Position | None) -> Listing[OptOut]:
        """Return who is opted out, who was recorded last first; it may be a little old."""
        ...

    def starting_with(self, digits: str, limit: int, after: Position | None) -> Listing[OptOut]:
        """Return who is opted out whose number starts with *digits* (4 or more), by number."""
        ...


class MessageEvidence(Protocol):
    """What is kept of one person's messages; reads are consistent."""

    def messages(self, campaign_id: str, part: int, key: str) -> list[SentMessage]:
        """Return the campaign's messages to the lead *key*, answers included, oldest first."""
        ...

    def policy_since(self) -> datetime | None:
        """Return since when the present policy stands; None without one."""
        ...

    def counted(self, phone: str) -> Mapping[str, datetime]:
        """Return what counts towards caps on *phone*: the messages of 8 days, by name."""
        ...


class OptOutLanes(Protocol):
    """Who is opted out, in lanes, each in the order in which it was recorded."""

    def lane_after(self, lane: int, after: str, limit: int) -> list[tuple[str, OptOut]]:
        """Return the next *limit* of *lane* behind the place *after* (""), with their places."""
        ...


class OptOutJobs(Protocol):
    """Imports and exports of opt-outs, and what was asked under a key; reads are consistent."""

    def create_import(self, new: OptOutImport, digest: str) -> OptOutImport:
        """
        Keep *new*, or return what stands under its id already.

        Conflict (``idempotency_key_reused``) when that was made by another request.
        """
        ...

    def opt_out_import(self, import_id: str) -> OptOutImport:
        """Return the import; raises NotFound."""
        ...

    def advance_import(self, before: OptOutImport, after: OptOutImport) -> bool:
        """Replace *before*; False, changing nothing, when status or position are not its."""
        ...

    def create_export(self, new: OptOutExport, digest: str) -> OptOutExport:
        """Keep *new*, or return what stands under its id already; as for an import."""
        ...

    def opt_out_export(self, export_id: str) -> OptOutExport:
        """Return the export; raises NotFound."""
        ...

    def advance_export(self, before: OptOutExport, after: OptOutExport) -> bool:
        """Replace *before*; False, changing nothing, when its status or place are others."""
        ...

    def first_asked(self, request_id: str, digest: str, now: datetime) -> datetime:
        """
        Return when the request *request_id* was first made: *now*, or earlier.

        Conflict (``idempotency_key_reused``) when that was another request.
        """
        ...


class MirroredConsents(Suppressions, Protocol):
    """Who must not be texted, as it is compared with the providers' own lists (O5)."""

    def standing_of(self, phones: Sequence[str]) -> dict[str, Suppression]:
        """Return where those of *phones* stand of which we know; it may be a little old."""
        ...

    def opted_out_after(
        self, cursor: str | None, rows: int
    ) -> tuple[list[Suppression], str | None]:
        """
        Return opt-outs behind *cursor* (None: the first), having looked at *rows* rows at most.

        In an order of the store's own, in which an opt-out's phone is a cursor, too; also
        returned is the cursor to go on behind, None at the end.
        """
        ...

    def enter(self, standing: Suppression) -> bool:
        """
        Enter into ledger and list the event by which *standing* stands, as recorded then.

        False, changing nothing, when it is there already or stands no more.
        """
        ...

    def note_kept(self, standing: Suppression, kept: KeptEntry) -> None:
        """Keep *kept* beside *standing*, while that stands: the last word of its list."""
        ...


class ConsentNews(Protocol):
    """Whose consent has changed lately; it may be a little behind."""

    def after(self, position: str, until: datetime, limit: int) -> list[tuple[str, str]]:
        """
        Return (position, phone) of the first *limit* changes behind *position*, oldest first.

        Only those recorded before *until*; of several changes of one phone the last.
        """
        ...


class MirrorStates(Protocol):
    """How far each provider's list has been mirrored."""

    def get(self, name: str) -> MirrorState:
        """Return how far the list *name* has come; a new one has come nowhere."""
        ...

    def save(self, name: str, state: MirrorState) -> None:
        """Keep *state* in place of the one that stands."""
        ...
