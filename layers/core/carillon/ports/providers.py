"""The messaging providers."""

from datetime import datetime
from typing import Protocol

from carillon.domain.message import Accepted, Outgoing, ProviderRecord
from carillon.domain.opt_out_mirror import ListedOptOut


class MessageProvider(Protocol):
    """One provider account. Times out; translates every answer into our error tree."""

    def send(self, message: Outgoing) -> Accepted:
        """
        Hand the message over, once, without retrying.

        Raises Throttled, Unavailable (both: not sent), Rejected (never will
        be) or OutcomeUnknown (it may have been sent).
        """
        ...

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """
        Return the newest such message of the provider's own log, or None if it never took it.

        Only messages created at or after *since* whose text has *text_digest*
        (``domain.message.text_digest``) count, and none of *known_ids*: those are
        other messages of ours.

        Raises Unavailable when the log cannot be read just now, and when it cannot tell:
        a message to that person since then has another text than ours and is not
        among *known_ids* (a provider may rewrite texts), or there is no log at all
        (``provider_code`` ending in ``no_log``).
        """
        ...

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return one message's present state from the provider's log; raises NotFound."""
        ...


class ProviderOptOuts(Protocol):
    """
    One provider's own opt-out list, named uniquely. Every call may be repeated.

    All raise Throttled, Unavailable (both: try again later) and NotFound (no such list).
    """

    @property
    def name(self) -> str:
        """Name it; what is imported from it bears the name as its cause."""
        ...

    def put(self, phone: str) -> None:
        """Have the provider refuse messages to *phone*; InvalidInput for what is no number."""
        ...

    def remove(self, phone: str) -> None:
        """Let the provider send to *phone* again; Conflict when it does not allow that."""
        ...

    def of(self, phone: str) -> ListedOptOut | None:
        """Return the entry of *phone*, or None when it is not on the list."""
        ...

    def page(self, cursor: str | None) -> tuple[list[ListedOptOut], str | None]:
        """Return some entries and the next page's cursor; InvalidInput for a stale *cursor*."""
        ...
