"""
The opt-out manager: look up, add, remove, import and export opt-outs (O5).

Opt-outs are the organisation's, not an office's: what one office's contact says binds all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from carillon.domain.commands import Command, Length, Origin
from carillon.domain.consent import (
    BY_THE_PERSON,
    Circumstances,
    ConsentEntry,
    ConsentSource,
    OptOut,
    has_asked_to_stop,
)
from carillon.domain.consent_jobs import STARTABLE, OptOutExport, OptOutImport
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.message import Suppression
from carillon.ports import Clock, ConsentLedger, OptOutJobs, Queue, Suppressions, UploadLinks
from carillon.usecases.csv_imports import require_same_file
from carillon.usecases.manage_lists import (
    DOWNLOAD_LINK_LIFE,
    MAX_UPLOAD_BYTES,
    UPLOAD_LINK_LIFE,
    UPLOAD_TYPE,
    Upload,
)

MIN_DIGITS = 4
MAX_REASON = 500
_PHONE_IN_PATH = re.compile(r"[1-9]\d{4,14}")
# Stored times are whole milliseconds: the least by which one event is newer than another.
_LEAST = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True)
class NewOptOut(Command):
    """Who is to be opted out, and why. *phone* as written in the organisation's country."""

    phone: Annotated[str, Length(1, 40)]
    reason: Annotated[str, Length(1, MAX_REASON)]


@dataclass(frozen=True, kw_only=True)
class NewOptOutImport(Command):
    """Why the phones of a file are to be opted out: it stands with each of them."""

    reason: Annotated[str, Length(1, MAX_REASON)]


@dataclass(frozen=True, kw_only=True)
class StartOptOutImport(Command):
    """How to read the file: which column holds the phones; else it is guessed from the header."""

    phone_column: Annotated[str, Length(1, 300)] | None = None


@dataclass(frozen=True)
class Lookup:
    """Where one phone stands, and a page of what was said about it, newest first."""

    phone: str
    standing: Suppression | None
    entries: Listing[ConsentEntry]


class ManageOptOuts:
    """What the opt-out manager does."""

    def __init__(
        self,
        suppressions: Suppressions,
        ledger: ConsentLedger,
        jobs: OptOutJobs,
        files: UploadLinks,
        queue: Queue,
        *,
        clock: Clock,
        parse_phone: Callable[[str], str],
    ) -> None:
        self._suppressions = suppressions
        self._ledger = ledger
        self._jobs = jobs
        self._files = files
        self._queue = queue
        self._clock = clock
        self._parse_phone = parse_phone

    def page(self, searched: str, limit: int, after: Position | None) -> Listing[OptOut]:
        """
        Return who is opted out: the newest first, or by number when *searched* for.

        *searched* is a number or its first digits with the country's code, at least
        ``MIN_DIGITS``; what else stands in it does not count.
        """
        if not searched:
            return self._ledger.newest(limit, after)
        digits = re.sub(r"\D", "", searched)
        if len(digits) < MIN_DIGITS:
            raise InvalidInput(
                f"Search by at least {MIN_DIGITS} digits, the country's code first.", field="phone"
            )
        return self._ledger.starting_with(digits, limit, after)

    def lookup(self, phone: str, limit: int, after: Position | None) -> Lookup:
        """Return where a phone stands; nobody has said anything of most."""
        return self._found(phone_in_path(phone), limit, after)

    def add(self, origin: Origin, new: NewOptOut) -> Lookup:
        """Opt somebody out; who is out already stays so by what was said first."""
        phone, cause, now = self._parse_phone(new.phone), origin.new_id("opt"), self._clock.now()
        if origin.key is not None:
            # The same request is the same event, and so the same entry of the ledger.
            now = self._jobs.first_asked(cause, origin.digest, now)
        self._suppressions.opt_out(
            Suppression(
                phone=phone,
                opted_out=True,
                event_at=now,
                source=ConsentSource.MANAGER,
                cause=cause,
                committed_at=now,
                told=Circumstances(by=origin.subject, reason=new.reason.strip()),
            )
        )
        return self._found(phone)

    def remove(
        self, origin: Origin, phone: str, *, reason: str, confirmed_by_contact: bool
    ) -> Lookup:
        """
        Opt somebody in again, on the organisation's word.

        Who has written STOP (to us, or to the carrier) has withdrawn their consent, and only
        they can give it again: by START, or by saying so to somebody who answers for it with
        *confirmed_by_contact*. Without it this is a Conflict (``confirmation_needed``), also
        when a manager had taken them off before they wrote STOP.

        It undoes the opt-out that stands now, and nothing newer: its time is the least after
        that one's, so that a STOP which is still on its way to us wins (Conflict
        ``opted_out_meanwhile``, when it has arrived). Raises NotFound when nobody is out.
        """
        phone = phone_in_path(phone)
        if not 1 <= len(reason.strip()) <= MAX_REASON:
            raise InvalidInput(f"Say why, in 1 to {MAX_REASON} characters.", field="reason")
        standing = self._suppressions.of(phone)
        if standing is None or not standing.opted_out:
            raise NotFound("This phone is not opted out.", code="opt_out_not_found")
        if not confirmed_by_contact and self._was_the_persons_own(standing):
            raise Conflict(
                "This person has opted out themself: remove it only when they have asked for it.",
                code="confirmation_needed",
            )
        now = self._clock.now()
        confirmed = " (confirmed by contact)" if confirmed_by_contact else ""
        after = self._suppressions.opt_in(
            Suppression(
                phone=phone,
                opted_out=False,
                event_at=standing.event_at + _LEAST,
                source=ConsentSource.MANAGER,
                cause=origin.new_id("opt"),
                committed_at=now,
                told=Circumstances(by=origin.subject, reason=reason.strip() + confirmed),
            )
        )
        if after.opted_out:
            raise Conflict(
                "This person has opted out again in the meantime.", code="opted_out_meanwhile"
            )
        return self._found(phone)

    def create_import(self, origin: Origin, new: NewOptOutImport) -> tuple[OptOutImport, Upload]:
        """Create an import and say where its file goes; a retry gets a fresh link."""
        import_id = origin.new_id("imp")
        record = OptOutImport(
            id=import_id,
            status=ImportStatus.AWAITING_UPLOAD,
            object_key=f"uploads/opt-outs/{import_id}.csv",
            reason=new.reason.strip(),
            created_at=self._clock.now(),
            created_by=origin.subject,
        )
        record = self._jobs.create_import(record, origin.digest)
        url = self._files.upload_link(
            record.object_key,
            content_type=UPLOAD_TYPE,
            expires_s=int(UPLOAD_LINK_LIFE.total_seconds()),
        )
        return record, Upload("PUT", url, {"Content-Type": UPLOAD_TYPE})

    def get_import(self, import_id: str) -> OptOutImport:
        """Return the import; raises NotFound."""
        return self._jobs.opt_out_import(import_id)

    def start_import(self, import_id: str, start: StartOptOutImport) -> OptOutImport:
        """
        Queue the import of an uploaded file.

        May be repeated: what runs gets a runner more, which is harmless, and what has failed
        goes on where it stopped, with the file and the column with which it began. Raises
        Conflict ``upload_missing`` when no file is there, ``file_changed`` when it is another;
        InvalidInput ``upload_too_large``.
        """
        job = self._jobs.opt_out_import(import_id)
        if job.status is ImportStatus.DONE:
            return job
        if job.status in STARTABLE:
            queued = self._queued(job, start)
            if not self._jobs.advance_import(job, queued):
                # Started by another request a moment ago.
                return self._jobs.opt_out_import(import_id)
            job = queued
        self._queue.put({"import_id": import_id})
        return job

    def _queued(self, job: OptOutImport, start: StartOptOutImport) -> OptOutImport:
        begun = job.format is not None
        size = self._uploaded_size(job)
        require_same_file(begun=begun, size_before=job.size, size=size)
        wanted = {"phone": start.phone_column} if start.phone_column else {}
        return replace(
            job,
            status=ImportStatus.QUEUED,
            size=size,
            started_at=job.started_at or self._clock.now(),
            mapping=job.mapping if begun else wanted,
            error_code=None,
            error=None,
        )

    def rejected_link(self, import_id: str) -> str:
        """Return a link to the rows that opted nobody out; NotFound while or when none are."""
        job = self._jobs.opt_out_import(import_id)
        if job.rejected_key is None:
            raise NotFound("This import has no rejected rows.", code="rejected_not_found")
        return self._link(job.rejected_key, f"rejected-{import_id}.csv")

    def create_export(self, origin: Origin) -> OptOutExport:
        """Ask for a file of all who are opted out; a retry finds the same."""
        now = self._clock.now()
        new = OptOutExport(id=origin.new_id("exp"), created_at=now, created_by=origin.subject)
        job = self._jobs.create_export(new, origin.digest)
        self._queue.put({"export_id": job.id})
        return job

    def get_export(self, export_id: str) -> tuple[OptOutExport, str | None]:
        """Return the export, and once it is done a link to its file; raises NotFound."""
        job = self._jobs.opt_out_export(export_id)
        if job.object_key is None:
            return job, None
        return job, self._link(job.object_key, f"opt-outs-{job.created_at:%Y-%m-%d}.csv")

    def _found(self, phone: str, limit: int = 1, after: Position | None = None) -> Lookup:
        entries = self._ledger.entries(phone, limit, after)
        return Lookup(phone, self._suppressions.of(phone), entries)

    def _was_the_persons_own(self, standing: Suppression) -> bool:
        return standing.source in BY_THE_PERSON or has_asked_to_stop(
            self._ledger.history(standing.phone)
        )

    def _uploaded_size(self, job: OptOutImport) -> int:
        try:
            size = self._files.size(job.object_key)
        except NotFound as error:
            raise Conflict("The file has not been uploaded yet.", code="upload_missing") from error
        if size > MAX_UPLOAD_BYTES:
            raise InvalidInput(
                f"The file is larger than {MAX_UPLOAD_BYTES} bytes.", code="upload_too_large"
            )
        return size

    def _link(self, key: str, filename: str) -> str:
        return self._files.download_link(
            key, filename=filename, expires_s=int(DOWNLOAD_LINK_LIFE.total_seconds())
        )


def phone_in_path(digits: str) -> str:
    """
    Return the E.164 phone of a path: its digits, without the plus sign.

    A plus sign in an address means a space to some who read it. Raises NotFound.
    """
    if not _PHONE_IN_PATH.fullmatch(digits):
        raise NotFound(
            "Write the phone as its digits, the country's code first.", code="phone_not_found"
        )
    return f"+{digits}"
