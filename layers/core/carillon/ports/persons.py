"""What is kept about one person, and what they ask of it (C6)."""

from collections.abc import Mapping
from typing import Any, Protocol

from carillon.domain.campaign import Campaign
from carillon.domain.contacts import Contact, ContactList
from carillon.domain.conversation import Conversation
from carillon.domain.listing import Position
from carillon.domain.message import RowRef
from carillon.domain.person_requests import PersonRequest
from carillon.ports.world import FileStore


class PersonRequests(Protocol):
    """Requests of people about their data (C6)."""

    def create(self, new: PersonRequest, digest: str) -> PersonRequest:
        """Keep *new*; see ``Campaigns.create`` for a repetition."""
        ...

    def get(self, request_id: str) -> PersonRequest:
        """Return the request, strongly consistent; raises NotFound (``request_not_found``)."""
        ...

    def advance(self, before: PersonRequest, after: PersonRequest) -> bool:
        """Replace *before*; False, changing nothing, when its version no longer stands."""
        ...


class ErasureFence(Protocol):
    """Who is erased, and so must not be texted: by a keyed hash alone."""

    def mark(self, phone: str) -> str:
        """Return the keyed hash of *phone*."""
        ...

    def fence(self, phone: str, request: PersonRequest) -> None:
        """
        Let nobody text *phone* from now on, by its mark alone. Idempotent.

        An opt-in later than the request still counts.
        """
        ...


class PersonRecords(ErasureFence, Protocol):
    """All that is kept about one person, wherever it stands; reads are consistent."""

    def lists(self, after: Position | None) -> tuple[list[ContactList], Position | None]:
        """Return a page of all contact lists, and where the next begins."""
        ...

    def campaigns(self, after: Position | None) -> tuple[list[Campaign], Position | None]:
        """Return a page of all campaigns that were launched; perhaps none though there are more."""
        ...

    def senders(self, after: Position | None) -> tuple[list[str], Position | None]:
        """Return a page of all senders' ids."""
        ...

    def contact(self, target: ContactList, key: str) -> Contact | None:
        """Return the contact with the lead *key*."""
        ...

    def forget_contact(self, target: ContactList, key: str) -> bool:
        """Take the contact out and out of the list's count, once; False when it was not there."""
        ...

    def rows(self, thread: RowRef) -> list[dict[str, Any]]:
        """Return every row of *thread* in the messages table, all attributes."""
        ...

    def unsolicited(self, sender_id: str, key: str) -> RowRef:
        """Return the thread of what *key* wrote to the sender in answer to no campaign."""
        ...

    def scrub(self, row: Mapping[str, Any]) -> bool:
        """
        Leave of *row* what counts and what keeps its message from being sent again.

        False when nothing else was there.
        """
        ...

    def forget_traces(self, sender_id: str, phone: str) -> int:
        """Drop answers that wait for the sender's pacer, and marks of twins; return how many."""
        ...

    def forget_parked(self, phone: str) -> int:
        """Drop receipts about *phone* that found no row; return how many."""
        ...

    def conversation(self, thread: RowRef) -> Conversation | None:
        """Return the conversation of *thread*."""
        ...

    def forget_conversation(self, conversation: Conversation) -> None:
        """Drop the conversation and whatever finds it. Idempotent."""
        ...

    def is_opt_out_job_running(self, job_id: str) -> bool:
        """Whether an import or export of opt-outs is under way."""
        ...

    def forget_consent(self, phone: str) -> int:
        """
        Drop what the suppressions and the ledger hold of *phone*, leaving when and how.

        Nothing that was said after the fence. Raises Conflict (``not_fenced``) without one.
        Returns how much was dropped.
        """
        ...


class PersonFiles(FileStore, Protocol):
    """Object storage as erasing needs it."""

    def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """Return at most *limit* keys that start with *prefix*, behind *after*, in order."""
        ...

    def delete(self, key: str) -> None:
        """Drop the object (idempotent)."""
        ...
