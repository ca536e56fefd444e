"""Take in what a person asks of their data, and carry it out (C6)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from carillon.domain.commands import Origin
from carillon.domain.person_requests import (
    STEPS,
    PersonRequest,
    RequestKind,
    RequestStatus,
)
from carillon.ports import Clock, ErasureFence, PersonRequests, Queue, UploadLinks
from carillon.usecases.erase_person import Erasing, erase_person
from carillon.usecases.export_person import Exporting, export_person

LINK_LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class ShownRequest:
    """A request as an admin follows it; ``url`` is a link to a finished export."""

    request: PersonRequest
    url: str | None


class AskForPerson:
    """Creates and shows requests. *parse_phone* gives E.164 or raises InvalidInput."""

    def __init__(
        self,
        requests: PersonRequests,
        fence: ErasureFence,
        links: UploadLinks,
        queue: Queue,
        clock: Clock,
        *,
        parse_phone: Callable[[str], str],
    ) -> None:
        self._requests = requests
        self._fence = fence
        self._links = links
        self._queue = queue
        self._clock = clock
        self._parse_phone = parse_phone

    def erase(self, origin: Origin, phone: str) -> ShownRequest:
        """Begin an erasure; whether we know the person is not said."""
        return self._begin(RequestKind.ERASE, origin, phone)

    def export(self, origin: Origin, phone: str) -> ShownRequest:
        """Begin an export."""
        return self._begin(RequestKind.EXPORT, origin, phone)

    def get(self, request_id: str) -> ShownRequest:
        """Return the request, with a fresh link when it is an export that is done."""
        request = self._requests.get(request_id)
        url = None
        if request.result_key is not None:
            url = self._links.download_link(
                request.result_key,
                filename=f"{request.id}.json",
                expires_s=int(LINK_LIFE.total_seconds()),
            )
        return ShownRequest(request, url)

    def _begin(self, kind: RequestKind, origin: Origin, text: str) -> ShownRequest:
        phone = self._parse_phone(text)
        wanted = PersonRequest(
            id=origin.new_id("prs"),
            kind=kind,
            mark=self._fence.mark(phone),
            phone=phone,
            created_at=self._clock.now(),
            created_by=origin.subject,
            step=STEPS[kind][0],
        )
        request = self._requests.create(wanted, origin.digest)
        if kind is RequestKind.ERASE:
            # Before the answer: nobody is texted after it, whatever the queue does.
            self._fence.fence(phone, request)
        if request.status is RequestStatus.RUNNING:
            self._queue.put({"request_id": request.id})
        return ShownRequest(request, None)


def carry_out(
    erasing: Erasing, exporting: Exporting, *, request_id: str, budget_s: float
) -> PersonRequest:
    """Carry the request on for about *budget_s* seconds; raises NotFound without one."""
    request = erasing.requests.get(request_id)
    if request.kind is RequestKind.ERASE:
        return erase_person(erasing, request, budget_s)
    return export_person(exporting, request, budget_s)
