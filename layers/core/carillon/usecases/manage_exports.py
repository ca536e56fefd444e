"""Ask for a file, see how far it is, and get the link to it (T7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from carillon.domain.commands import Command, Entries, Length, OneOf, Origin
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.exports import (
    MAX_CAMPAIGNS,
    Export,
    ExportKind,
    ExportState,
    FileFormat,
    Reach,
    may_read,
    require_kind,
)
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access, sees_contacts
from carillon.domain.timeframe import custom_frame, preset_frame, zone_named
from carillon.ports import Clock, ExportedDirectory, ExportJobs, Queue, UploadLinks

# Whoever has the link has the file, until then.
LINK_LIFE_S = 300
# A page of somebody with few exports among many others' looks at so many pages at most.
PAGES_LOOKED_AT = 10


@dataclass(frozen=True, kw_only=True)
class NewExport(Command):
    """
    A file to make: of what, how it is written, and what is in it.

    Of the offices in reach, or of one; of some campaigns, or of all. The time frame is a
    *preset*, or from *start* to *end* (dates, or times), in *zone*; without either it is open.
    """

    kind: Annotated[str, OneOf(tuple(ExportKind))]
    format: Annotated[str, OneOf(tuple(FileFormat))] = FileFormat.CSV
    campaign_ids: Annotated[tuple[str, ...], Entries(MAX_CAMPAIGNS, 64)] = ()
    office_id: Annotated[str, Length(1, 64)] | None = None
    preset: Annotated[str, Length(1, 20)] | None = None
    start: Annotated[str, Length(1, 40)] | None = None
    end: Annotated[str, Length(1, 40)] | None = None
    zone: Annotated[str, Length(1, 64)] = "UTC"


@dataclass(frozen=True)
class ManageExports:
    """Exports as people see them."""

    jobs: ExportJobs
    directory: ExportedDirectory
    links: UploadLinks
    queue: Queue
    clock: Clock

    def create(self, access: Access, origin: Origin, new: NewExport) -> Export:
        """
        Ask for a file; a retry finds the same.

        Raises Forbidden (an office that is not the caller's, opt-outs without the right to
        them), NotFound (``campaign_not_found``), InvalidInput.
        """
        kind = ExportKind(new.kind)
        require_kind(kind, access.caller.role)
        now = self.clock.now()
        job = self.jobs.create(
            Export(
                id=origin.new_id("exp"),
                kind=kind,
                format=FileFormat(new.format),
                reach=self._reach(access, kind, new, now),
                created_at=now,
                created_by=origin.subject,
            ),
            origin.digest,
        )
        if job.status is ExportState.QUEUED:
            # Also when it was asked for before: that message may never have been sent.
            self.queue.put({"export_id": job.id})
        return job

    def get(self, access: Access, export_id: str) -> tuple[Export, str | None]:
        """
        Return the export, and once it is done a link to its file for ``LINK_LIFE_S``.

        NotFound when it is not there, forgotten, or holds what the caller may not read.
        """
        job = self.jobs.get(export_id)
        if not self._is_shown(job, access):
            raise NotFound("There is no such export.", code="export_not_found")
        if job.object_key is None:
            return job, None
        link = self.links.download_link(
            job.object_key, filename=job.filename, expires_s=LINK_LIFE_S
        )
        return job, link

    def page(self, access: Access, limit: int, after: Position | None) -> Listing[Export]:
        """Return exports that the caller may read, newest first; a page may be short."""
        shown: list[Export] = []
        for _ in range(PAGES_LOOKED_AT):
            found = self.jobs.page(limit, after)
            for job, position in found.items:
                after = position
                if self._is_shown(job, access):
                    shown.append(job)
                if len(shown) == limit:
                    is_last = found.next is None and position == found.items[-1][1]
                    return Listing(tuple(shown), None if is_last else position)
            if found.next is None:
                return Listing(tuple(shown))
            after = found.next
        return Listing(tuple(shown), after)

    def _is_shown(self, job: Export, access: Access) -> bool:
        # The table forgets it some time after its file is gone.
        return may_read(job, access) and self.clock.now() < job.expires_at

    def _reach(self, access: Access, kind: ExportKind, new: NewExport, now: datetime) -> Reach:
        start, end = _frame(new, now)
        full = sees_contacts(access.caller.role)
        if kind is ExportKind.OPT_OUTS:
            if new.campaign_ids or new.office_id:
                raise InvalidInput(
                    "Opt-outs are the whole organisation's: name no campaign and no office.",
                    field="campaign_ids" if new.campaign_ids else "office_id",
                )
            return Reach(None, (), start, end, full)
        campaign_ids = tuple(dict.fromkeys(new.campaign_ids))
        return Reach(self._offices(access, campaign_ids, new), campaign_ids, start, end, full)

    def _offices(
        self, access: Access, campaign_ids: tuple[str, ...], new: NewExport
    ) -> tuple[str, ...] | None:
        if new.office_id is not None:
            access.require_office(new.office_id)
        named = {self._office_of(one, access, new.office_id) for one in campaign_ids}
        if named:
            return tuple(sorted(named))
        if new.office_id is not None:
            return (new.office_id,)
        return None if access.offices is None else tuple(sorted(access.offices))

    def _office_of(self, campaign_id: str, access: Access, office_id: str | None) -> str:
        absent = NotFound("There is no such campaign.", code="campaign_not_found")
        campaign = self.directory.campaign(campaign_id)
        access.require_object(campaign.office_id, absent)
        if office_id is not None and campaign.office_id != office_id:
            raise InvalidInput(
                "campaign_ids has a campaign of another office.", field="campaign_ids"
            )
        return campaign.office_id


def _frame(new: NewExport, now: datetime) -> tuple[datetime | None, datetime | None]:
    zone = zone_named(new.zone)
    if new.start is not None or new.end is not None:
        if new.preset is not None:
            raise InvalidInput("Give preset, or start and end.", field="preset")
        today = now.astimezone(zone).date().isoformat()
        frame = custom_frame(new.start or "2020-01-01", new.end or today, zone=zone, now=now)
        return frame.start, frame.end
    if new.preset is None:
        return None, None
    frame = preset_frame(new.preset, zone=zone, now=now)
    return frame.start, frame.end
