"""
What the providers' codes mean, and what follows from each (F7, R5).

Every provider has a module here with ``CODES``: its documented codes, one line each; ``ours``
has our own. A stored code is bare for Twilio's and for our own, and carries its provider
otherwise (``telnyx:40300``), because providers number alike. A code that no table has fails
its message for good: trying again what nobody understands would not be careful.

A code means the same at send time and in a receipt. Transient are therefore those alone after
which the message surely does not come: not a time-out between two carriers, which has left
messages behind that arrived later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Final


class CodeKind(StrEnum):
    """What follows from a code (F7)."""

    PERMANENT = "permanent"  # this message never will be delivered
    TRANSIENT = "transient"  # not delivered, and worth another try
    ACCOUNT = "account"  # no message of this sender would be: pause the sender
    OPTED_OUT = "opted_out"  # the person has opted out there: so they have here


class Advice(StrEnum):
    """The advice of reference 002, "What High Failure Rates Mean", and ours where it has none."""

    ACCOUNT = "Check account status, review errors."
    LEADS = "Refresh lead collection."
    RATE = "Reduce daily limits."
    CONTENT = "Review message for spam triggers."
    OPTED_OUT = "Nothing to do: people who opted out are not texted."
    TEMPLATE = "Fill the column in the contact list, or give the field a fallback in the text."
    NOTHING = "Nothing to do: it was not sent."


@dataclass(frozen=True)
class ProviderCode:
    """One code: what follows from it, what it means to a person, and what to do about it."""

    kind: CodeKind
    reason: str
    advice: Advice


Codes = Mapping[str, ProviderCode]

# As senders name their provider (``Sender.provider``), and as the modules are called.
PROVIDERS: Final = ("twilio", "aws", "vonage", "telnyx", "plivo", "sinch", "bird")
_UNPREFIXED: Final = "twilio"
_OURS: Final = "ours"


def stored_code(provider: str, code: str) -> str:
    """Return *provider*'s *code* as rows, counters and errors carry it."""
    return code if provider == _UNPREFIXED else f"{provider}:{code}"


def permanent(reason: str, advice: Advice = Advice.LEADS) -> ProviderCode:
    """Return a code that ends its message."""
    return ProviderCode(CodeKind.PERMANENT, reason, advice)


def transient(reason: str, advice: Advice = Advice.RATE) -> ProviderCode:
    """Return a code after which it is worth to try again."""
    return ProviderCode(CodeKind.TRANSIENT, reason, advice)


def account(reason: str) -> ProviderCode:
    """Return a code that stops the sender."""
    return ProviderCode(CodeKind.ACCOUNT, reason, Advice.ACCOUNT)


def opted_out(reason: str = "The recipient has opted out at the provider.") -> ProviderCode:
    """Return a code that says that the person does not want our messages."""
    return ProviderCode(CodeKind.OPTED_OUT, reason, Advice.OPTED_OUT)


_UNLISTED: Final = permanent("A code without an entry in our table.", Advice.ACCOUNT)


def lookup(code: str) -> ProviderCode:
    """Return what the stored *code* means; one without an entry is permanent."""
    name, colon, bare = code.partition(":")
    if not colon:
        name, bare = _UNPREFIXED, code
    # Our own words too may carry the provider that we said them of (``telnyx:no_log``).
    return _table(name).get(bare) or _table(_OURS).get(bare) or _UNLISTED


@cache
def _table(name: str) -> Codes:
    """Return a provider's table, read when it is first asked for: imports are cold-start time."""
    if name not in (*PROVIDERS, _OURS):
        return {}
    path = f"{__name__}.{name}"
    try:
        codes: Codes = import_module(path).CODES
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        return {}
    return codes
