"""Canned replies: texts that an office's agents answer with (V5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from carillon.domain.canned import CannedReply
from carillon.domain.commands import Command, Length, Origin
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.permissions import Access
from carillon.ports import CannedReplies, Clock

MAX_CANNED = 200


@dataclass(frozen=True, kw_only=True)
class NewCannedReply(Command):
    """A text with merge fields (M1), and its title."""

    office_id: Annotated[str, Length(1, 80)]
    title: Annotated[str, Length(1, 100)]
    text: Annotated[str, Length(1, 1600)]


class ManageCannedReplies:
    """
    Creates, lists and removes canned replies.

    *check_text* raises InvalidInput for a text that is no valid template.
    """

    def __init__(
        self,
        canned: CannedReplies,
        office_ids: Callable[[], Sequence[str]],
        clock: Clock,
        check_text: Callable[[str], object],
    ) -> None:
        self._canned = canned
        self._office_ids = office_ids
        self._clock = clock
        self._check_text = check_text

    def all(self, access: Access) -> list[CannedReply]:
        """Return those of the caller's offices, office by office, by title."""
        offices = self._office_ids() if access.offices is None else access.offices
        return [one for office_id in sorted(offices) for one in self._canned.of(office_id)]

    def create(self, access: Access, origin: Origin, new: NewCannedReply) -> CannedReply:
        """Keep a text; Conflict (``too_many_canned_replies``) when the office has its fill."""
        access.require_office(new.office_id)
        if new.office_id not in self._office_ids():
            raise InvalidInput("There is no such office.", field="office_id")
        try:
            self._check_text(new.text)
        except InvalidInput as error:
            raise InvalidInput(error.detail, field="text", code=error.code) from error
        if len(self._canned.of(new.office_id)) >= MAX_CANNED:
            raise Conflict(
                f"An office has at most {MAX_CANNED} canned replies.",
                code="too_many_canned_replies",
            )
        canned = CannedReply(
            id=origin.new_id("can"),
            office_id=new.office_id,
            title=new.title.strip(),
            text=new.text,
            created_at=self._clock.now(),
            created_by=origin.subject,
        )
        return self._canned.create(canned, origin.digest)

    def remove(self, access: Access, canned_id: str) -> CannedReply:
        """Drop one and return it; NotFound when it is absent or another office's."""
        found = next((one for one in self.all(access) if one.id == canned_id), None)
        if found is None:
            raise NotFound("There is no such canned reply.", code="canned_reply_not_found")
        self._canned.remove(found)
        return found
