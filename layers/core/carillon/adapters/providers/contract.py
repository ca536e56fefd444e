"""
What every provider's module offers, so that adding one is one module and its table of codes (N2).

    providers/<name>.py           MODULE: ProviderModule, and the account behind it
    domain/provider_codes/<name>  every documented code: what it means, and what follows (F7, R5)

A module is named as senders name their provider (``Sender.provider``), and its webhooks come
to ``/<name>/<sender id>/status`` and ``/<name>/<sender id>/inbound``. What it stores or raises
as a code is ``code(name, "30003")``: Twilio's and our own codes are bare, the others carry
their provider (``telnyx:40300``), because providers number alike.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import urllib3

from carillon.domain.message import Receipt, Reply
from carillon.ports import MessageProvider

# With send_lead.CLAIM_MAX_AGE_S these bound how long a claim can still become a message.
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0
# How far a signed timestamp may lie from our clock, either way, where a scheme has one (I1).
REPLAY_WINDOW_S = 300
# How nearly every provider calls a webhook.
POSTED: Final = frozenset({"POST"})

Secret = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class WebhookCall:
    """
    One call as it came in: *url* is the public address with its query, as the provider knows it.

    Header names are lower case. *body* is the raw bytes, before any decoding.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True)
class WebhookAnswer:
    """What the provider wants to hear."""

    status: int = 200
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class MediaAccess:
    """
    Where a provider keeps what came along with messages, and how it is asked for it.

    Only *hosts* are asked at all; () stands for whichever its signed webhook names. *own_hosts*
    are told who asks, with what *authorization* returns, once they have asked for it: each
    by its whole name, for what else a provider runs below its domain, or lets customers run
    there, has no business with the credentials. An answer may point on to *redirect_hosts*,
    names or ``*.`` and what they end with; () stands for no redirects.
    """

    hosts: tuple[str, ...] = ()
    own_hosts: tuple[str, ...] = ()
    redirect_hosts: tuple[str, ...] = ()
    authorization: Callable[[], str] | None = None


def basic(name: str, password: str) -> str:
    """Return the Authorization header of HTTP Basic (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


class ProviderModule(Protocol):
    """One provider. Stateless: the secret's fields are documented in the module's docstring."""

    name: str
    # The HTTP methods by which the provider calls; by any other nothing is authentic.
    webhook_methods: frozenset[str]
    status_answer: WebhookAnswer
    inbound_answer: WebhookAnswer

    def account(self, secret: Secret, pool: urllib3.PoolManager) -> MessageProvider:
        """Return the account that *secret* opens; raises KeyError for a missing field."""
        ...

    def is_authentic(self, call: WebhookCall, secret: Secret) -> bool:
        """
        Whether *call* was signed with the present or the previous secret; timing-safe.

        Never raises: whatever is wrong with a call makes it unverifiable. A signed
        timestamp further than ``REPLAY_WINDOW_S`` from ``call.received_at`` is refused.
        """
        ...

    def payload(self, call: WebhookCall) -> dict[str, Any]:
        """Return what of an authentic *call* goes into the queue, as JSON; ValueError for junk."""
        ...

    def receipts(
        self, payload: Mapping[str, Any], ref: str, received_at: datetime
    ) -> list[Receipt]:
        """
        Return the receipts in *payload*; *ref* is the ``ref`` of the address, perhaps empty.

        Raises InvalidInput for what the provider does not document: ``bad_ref``,
        ``unknown_status``. Events that are no receipts give none.
        """
        ...

    def replies(
        self, payload: Mapping[str, Any], sender_id: str, received_at: datetime
    ) -> list[Reply]:
        """Return the inbound messages in *payload*; InvalidInput (``bad_inbound``) for junk."""
        ...

    def media_access(self, secret: Secret) -> MediaAccess:
        """Return how files of inbound messages are fetched; KeyError for a missing field."""
        ...
