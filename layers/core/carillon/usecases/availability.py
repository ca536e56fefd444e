"""Which senders may be given messages just now (N3)."""

from collections.abc import Iterable
from datetime import datetime

from carillon.domain.errors import NotFound
from carillon.ports import SendingDirectory


class Availability:
    """The senders' states at *now*; each is read once, however often it is asked about."""

    def __init__(self, directory: SendingDirectory, now: datetime) -> None:
        self._directory = directory
        self._now = now
        self._known: dict[str, bool] = {}

    def among(self, sender_ids: Iterable[str]) -> frozenset[str]:
        """Return those of *sender_ids* that are neither suspended nor resting."""
        return frozenset(sender_id for sender_id in sender_ids if self._is(sender_id))

    def _is(self, sender_id: str) -> bool:
        if sender_id not in self._known:
            try:
                sender = self._directory.sender(sender_id)
            except NotFound:
                self._known[sender_id] = False
            else:
                self._known[sender_id] = sender.is_available(self._now)
        return self._known[sender_id]
