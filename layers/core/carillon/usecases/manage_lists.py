"""Contact lists, and the imports that fill them (C1, C2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from carillon.domain.commands import Command, Entries, Length, Origin
from carillon.domain.contact_list import STARTABLE, ImportRecord, ListRecord
from carillon.domain.contacts import ImportStatus
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.listing import Listing, Position
from carillon.domain.permissions import Access
from carillon.ports import Clock, ManagedLists, Offices, Queue, UploadLinks
from carillon.usecases.csv_imports import require_same_file
from carillon.usecases.manage_offices import require_new_home

# A presigned PUT cannot limit the size, so it is checked before anything is read.
MAX_UPLOAD_BYTES = 512 * 1024 * 1024
UPLOAD_TYPE = "text/csv"
COLUMN_ROLES = frozenset({"phone", "first_name", "last_name"})
UPLOAD_LINK_LIFE = timedelta(minutes=15)
DOWNLOAD_LINK_LIFE = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class NewList(Command):
    """What a new list needs. *default_country*: ISO 3166 alpha-2, else the organisation's."""

    name: Annotated[str, Length(1, 200)]
    office_id: Annotated[str, Length(1, 80)]
    default_country: Annotated[str, Length(2, 2)] | None = None


@dataclass(frozen=True, kw_only=True)
class StartImport(Command):
    """
    How to read the file: *mapping* says role (phone, first_name, last_name) -> column name.

    Roles left out are guessed from the file's header.
    """

    mapping: Annotated[dict[str, str], Entries(3, 300)] = field(default_factory=dict)


@dataclass(frozen=True)
class Upload:
    """How to hand over the file: one request with exactly these headers."""

    method: str
    url: str
    headers: Mapping[str, str]


class ManageLists:
    """Creates and lists contact lists, and takes files into them."""

    def __init__(
        self,
        lists: ManagedLists,
        offices: Offices,
        files: UploadLinks,
        import_queue: Queue,
        clock: Clock,
        *,
        default_country: str,
    ) -> None:
        self._lists = lists
        self._offices = offices
        self._files = files
        self._import_queue = import_queue
        self._clock = clock
        self._default_country = default_country

    def create(self, access: Access, origin: Origin, new: NewList) -> ListRecord:
        """Create an empty list in one of the caller's offices."""
        require_new_home(access, self._offices, new.office_id)
        country = (new.default_country or self._default_country).upper()
        if not (country.isascii() and country.isalpha()):
            raise InvalidInput(
                "default_country must be two letters such as US.", field="default_country"
            )
        record = ListRecord(
            id=origin.new_id("lst"),
            name=new.name.strip(),
            office_id=new.office_id,
            default_country=country,
            created_at=self._clock.now(),
            created_by=origin.subject,
        )
        return self._lists.create(record, origin.digest)

    def get(self, access: Access, list_id: str) -> ListRecord:
        """Return the list; NotFound when it is absent or another office's."""
        record = self._lists.get(list_id)
        access.require_object(
            record.office_id, NotFound("There is no such list.", code="list_not_found")
        )
        return record

    def page(self, access: Access, limit: int, after: Position | None) -> Listing[ListRecord]:
        """Return lists of the caller's offices, newest first."""
        return self._lists.page(access.offices, limit, after)

    def create_import(
        self, access: Access, origin: Origin, list_id: str
    ) -> tuple[ImportRecord, Upload]:
        """Create an import and say where its file goes; a retry gets a fresh link."""
        self.get(access, list_id)
        import_id = origin.new_id("imp")
        record = ImportRecord(
            id=import_id,
            list_id=list_id,
            status=ImportStatus.AWAITING_UPLOAD,
            object_key=f"uploads/{list_id}/{import_id}.csv",
            created_at=self._clock.now(),
            created_by=origin.subject,
        )
        record = self._lists.create_import(record, origin.digest)
        return record, self._upload(record)

    def start_import(
        self, access: Access, list_id: str, import_id: str, start: StartImport
    ) -> ImportRecord:
        """
        Queue the import of an uploaded file.

        May be repeated: what runs gets a runner more, which is harmless, and what has failed
        goes on where it stopped, with the file and the columns with which it began. Raises
        Conflict ``upload_missing`` when no file is there, ``file_changed`` when it is another;
        InvalidInput ``upload_too_large``.
        """
        record = self.get_import(access, list_id, import_id)
        if record.status is ImportStatus.DONE:
            return record
        if record.status is not ImportStatus.RUNNING:
            _require_roles(start.mapping)
            begun = record.offset > 0
            size = self._uploaded_size(record)
            require_same_file(begun=begun, size_before=record.size, size=size)
            mapping = record.mapping if begun else start.mapping
            record = self._lists.queue_import(record, size=size, mapping=mapping, allowed=STARTABLE)
        self._import_queue.put({"list_id": list_id, "import_id": import_id})
        return record

    def get_import(self, access: Access, list_id: str, import_id: str) -> ImportRecord:
        """Return the import; NotFound when it is absent or another office's."""
        self.get(access, list_id)
        return self._lists.get_import(list_id, import_id)

    def rejected_link(self, access: Access, list_id: str, import_id: str) -> str:
        """Return a link to the rejected rows as CSV; NotFound while or when there are none."""
        record = self.get_import(access, list_id, import_id)
        if record.rejected_key is None:
            raise NotFound("This import has no rejected rows.", code="rejected_not_found")
        return self._files.download_link(
            record.rejected_key,
            filename=f"rejected-{import_id}.csv",
            expires_s=int(DOWNLOAD_LINK_LIFE.total_seconds()),
        )

    def _upload(self, record: ImportRecord) -> Upload:
        url = self._files.upload_link(
            record.object_key,
            content_type=UPLOAD_TYPE,
            expires_s=int(UPLOAD_LINK_LIFE.total_seconds()),
        )
        return Upload("PUT", url, {"Content-Type": UPLOAD_TYPE})

    def _uploaded_size(self, record: ImportRecord) -> int:
        try:
            size = self._files.size(record.object_key)
        except NotFound as error:
            raise Conflict("The file has not been uploaded yet.", code="upload_missing") from error
        if size > MAX_UPLOAD_BYTES:
            raise InvalidInput(
                f"The file is larger than {MAX_UPLOAD_BYTES} bytes.", code="upload_too_large"
            )
        return size


def _require_roles(mapping: Mapping[str, str]) -> None:
    if not mapping.keys() <= COLUMN_ROLES:
        raise InvalidInput(
            f"mapping has the roles {', '.join(sorted(COLUMN_ROLES))}.",
            field="mapping",
            code="mapping_invalid",
        )
