"""
The sandbox: where messages of test campaigns end (P3), and the door to every real account.

    Providers.of(sender) -> Sandboxed -> the sender's account at its provider
                                |
                                +-> the sandbox, for a message that is a test: no call, no cost

Nobody gets an account without the door around it (``registry``), so what a test key has made
cannot reach a provider whichever function sends it. The sandbox takes every message, and says
that it was delivered when it is asked: there are no receipts.
"""

import hashlib
from datetime import datetime
from typing import Final

from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, Outgoing, ProviderRecord
from carillon.ports import MessageProvider

# No provider's ids begin so.
SANDBOX_ID: Final = "sandbox_"


class Sandboxed:
    """Implements ``ports.MessageProvider``: *account*, but for what is a test."""

    def __init__(self, account: MessageProvider) -> None:
        self.account = account

    def send(self, message: Outgoing) -> Accepted:
        """Hand the message to the account; a test ends here."""
        if message.is_test:
            return Accepted(_id_of(message))
        return self.account.send(message)

    def find(
        self,
        *,
        sender: str,
        recipient: str,
        text_digest: str,
        since: datetime,
        known_ids: frozenset[str] = frozenset(),
    ) -> ProviderRecord | None:
        """Return what the account's log says; the sandbox has none: a test is tried again."""
        return self.account.find(
            sender=sender,
            recipient=recipient,
            text_digest=text_digest,
            since=since,
            known_ids=known_ids,
        )

    def fetch(self, provider_id: str) -> ProviderRecord:
        """Return the message's state from the account's log; of a test, that it was delivered."""
        if provider_id.startswith(SANDBOX_ID):
            return ProviderRecord(provider_id=provider_id, status=LeadStatus.DELIVERED)
        return self.account.fetch(provider_id)


def _id_of(message: Outgoing) -> str:
    """Return an id that the same attempt always has: ``ref_token`` names it."""
    digest = hashlib.blake2b(message.ref_token.encode(), digest_size=16).hexdigest()
    return f"{SANDBOX_ID}{digest}"
