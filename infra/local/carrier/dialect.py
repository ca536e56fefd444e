"""
What a dialect is: one provider's way to be asked for a message and to tell us about it.

The network behind is one: phones, faults, receipts and ledger are the same for all. A
dialect is one module that turns a request into an ``Order``, words the answer, and words
and signs what it calls us with. States are told to it in the ledger's words (queued, sent,
delivered, undelivered, failed).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qs

from infra.local.carrier.directory import Number
from infra.local.carrier.http import Answer, Request
from infra.local.carrier.messages import Message
from infra.local.carrier.webhooks import Caller, Webhook

# A provider's own code, as its documentation writes it. No two dialects share one.
Code: TypeAlias = int | str


class Cause(StrEnum):
    """Why a message was refused or failed, by which a code of one dialect is said in another."""

    # What the carrier does by itself; a scenario has settings of their own for them.
    NOT_SIGNED_IN = "not_signed_in"
    NOT_FOUND = "not_found"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    # Why a request is refused.
    BAD_REQUEST = "bad_request"
    BAD_RECIPIENT = "bad_recipient"
    BAD_SENDER = "bad_sender"
    NO_ROUTE = "no_route"
    OPTED_OUT = "opted_out"
    QUEUE_FULL = "queue_full"
    REGION = "region"
    # Why a request is refused, or an accepted message is not delivered.
    ACCOUNT = "account"
    LANDLINE = "landline"
    # Why an accepted message is not delivered.
    BLOCKED = "blocked"
    EXPIRED = "expired"
    FILTERED = "filtered"
    NO_SUBSCRIBER = "no_subscriber"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True)
class Refusal:
    """An answer to a request that is not taken."""

    code: Code
    status: int
    message: str
    cause: Cause


@dataclass(frozen=True)
class Failure:
    """Why an accepted message is not delivered."""

    code: Code
    message: str
    cause: Cause


@dataclass(frozen=True, kw_only=True)
class Order:
    """
    A request to send, as it came in.

    *problem* is what the dialect saw at once: the request did not sign in
    (*signed_in*) or does not parse.
    """

    arrived_wall_s: float
    to: str = ""
    sender: str = ""
    body: str = ""
    #: Our reference, wherever the dialect carries it.
    ref: str = ""
    status_callback: str = ""
    #: Messaging service, profile or pool that chooses the sender.
    service_sid: str = ""
    media: int = 0
    #: AWS's: which destinations get the events, and what is repeated in them.
    configuration_set: str = ""
    context: tuple[tuple[str, str], ...] = ()
    signed_in: bool = True
    problem: Refusal | None = None


class Dialect(Caller, Protocol):
    """One provider's API on the one network."""

    @property
    def account(self) -> str:
        """The account's public name, for the ledger."""
        ...

    def secret(self, base_url: str) -> dict[str, str]:
        """Return the fields of a provider's secret with which our sender comes to *base_url*."""
        ...

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Every refusal that it knows; the last one stands for what it has no code for."""
        ...

    @property
    def failures(self) -> Sequence[Failure]:
        """Every failure that it knows; the last one stands for what it has no code for."""
        ...

    def serves(self, request: Request) -> bool:
        """Whether *request* is for this dialect."""
        ...

    def read(self, request: Request, arrived_wall_s: float) -> Order | Answer:
        """Return the order that *request* is, or the answer to anything else."""
        ...

    def check(self, order: Order) -> tuple[Order, Refusal | None]:
        """Return *order* with its sender chosen, and what is wrong with it."""
        ...

    def accepted(self, message: Message) -> Answer:
        """Return the answer to an order that was taken."""
        ...

    def refuse(self, refusal: Refusal, order: Order, *, retry_after_s: float = 0) -> Answer:
        """Return the answer to an order that was not; 0 says nothing about when to retry."""
        ...

    def new_id(self) -> str:
        """Return a message id; never the same in two runs, unlike everything else here."""
        ...

    def block_scope(self, sender: str) -> str:
        """Return what a person opts out of by a STOP to *sender*."""
        ...

    def receipts(self, message: Message, status: str) -> list[Webhook]:
        """Return the calls that report *status* of *message*, whose ``error_code`` is set."""
        ...

    def inbound(self, message: Message, number: Number, handled: str) -> list[Webhook]:
        """Return the calls that report a text; *handled* is the keyword the carrier acted on."""
        ...


_Known = TypeVar("_Known", Refusal, Failure)


def translated(own: Sequence[_Known], known: _Known) -> _Known:
    """Return what *known*, perhaps of another dialect, is among a dialect's *own*."""
    by_code = (one for one in own if one.code == known.code)
    by_cause = (one for one in own if one.cause is known.cause)
    return next(by_code, None) or next(by_cause, None) or own[-1]


def caused(own: Sequence[_Known], cause: Cause) -> _Known:
    """Return the one of a dialect's *own* that stands for *cause*: the first with it."""
    return next((one for one in own if one.cause is cause), own[-1])


def ref_in(url: str) -> str:
    """Return the ``ref`` in a callback's query, or an empty string."""
    query = url.partition("#")[0].partition("?")[2]
    return parse_qs(query).get("ref", [""])[0]
