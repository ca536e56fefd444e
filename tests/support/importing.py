"""An import in one process: fakes, a queue that is drained, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from carillon.domain.contacts import Contact, ContactList, ImportJob, ImportStatus
from carillon.domain.errors import InvalidInput, NotFound
from carillon.usecases.import_contacts import Importing, import_contacts
from tests.support.clock import FakeClock
from tests.support.contacts import (
    FakeContacts,
    FakeFiles,
    FakeImportDirectory,
    FakeOptOutLookup,
    a_list,
    an_import,
)
from tests.support.sending import FakeQueue


def parse_plainly(text: str, country: str) -> str:
    """Read ``+`` and digits alone: what phones look like is tested elsewhere."""
    if not text.lstrip("+").isdigit():
        raise InvalidInput("Not a number.", code="phone_unparsable")
    return text


class VanishingFiles(FakeFiles):
    """Files that are deleted while they are read from their midst."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__()
        self.objects = objects

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        yield self.objects[key][offset : offset + (90 if offset else 10_000)]
        if offset:
            raise NotFound("There is no such object.", code="object_not_found")


@dataclass
class ImportWorld:
    """One list, one queued import of *body*, and everything around them."""

    body: bytes
    opted_out: tuple[str, ...] = ()
    chunk_rows: int = 3
    files: FakeFiles = field(default_factory=FakeFiles)
    contacts: FakeContacts = field(default_factory=FakeContacts)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.directory = FakeImportDirectory(a_list())
        self.expect_upload(an_import(), self.body)
        self.ports = Importing(
            lists=self.directory,
            contacts=self.contacts,
            opt_outs=FakeOptOutLookup(*self.opted_out),
            files=self.files,
            queue=self.queue,
            clock=FakeClock(),
            parse_phone=parse_plainly,
            contacts_per_shard=2,
            chunk_rows=self.chunk_rows,
        )

    def expect_upload(self, job: ImportJob, body: bytes) -> None:
        """Queue the import *job* of an uploaded *body*."""
        self.directory.imports[job.list_id, job.id] = job
        self.files.objects[job.object_key] = body

    def deliver(self, ports: Importing | None = None, import_id: str = "imp_a") -> ImportJob:
        """Deliver the import's message once, without time for a second chunk."""
        return import_contacts(
            ports or self.ports, list_id="lst_a", import_id=import_id, budget_s=0
        )

    def run(self) -> ImportJob:
        """Deliver the message and all that follow from it."""
        self.deliver()
        while self.queue.messages:
            self.deliver(import_id=self.queue.messages.pop(0)["import_id"])
        return self.job

    @property
    def job(self) -> ImportJob:
        """The import as it stands."""
        return self.directory.imports["lst_a", "imp_a"]

    @property
    def list(self) -> ContactList:
        """The list as it stands."""
        return self.directory.lists["lst_a"]

    @property
    def stored(self) -> dict[str, int]:
        """The list's phones and the lines they came from."""
        contacts = self.contacts.lists.get("lst_a", {})
        return {contact.phone: contact.line for contact in contacts.values()}

    def contact(self, phone: str) -> Contact:
        """Return one contact of the list."""
        (found,) = [c for c in self.contacts.lists["lst_a"].values() if c.phone == phone]
        return found

    def rejected(self) -> str:
        """The rejected rows as their owner downloads them."""
        assert self.job.rejected_key is not None
        return self.files.objects[self.job.rejected_key].decode("utf-8-sig")

    def outcome(self) -> tuple[object, ...]:
        """All that must be the same after any accident."""
        return (
            replace(self.job, object_key=""),
            self.list,
            self.stored,
            self.rejected() if self.job.rejected_key else None,
            self.job.status is ImportStatus.DONE,
        )
