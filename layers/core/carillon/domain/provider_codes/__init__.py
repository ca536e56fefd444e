"""
What the providers' codes mean, and what follows from each (F7, R5).

Every provider has a module here with ``CODES``: its documented codes, one line each. A
stored code is bare for Twilio's and for our own, and carries its provider otherwise
(``telnyx:40300``), because providers number alike. A code that no table has fails its
message for good: trying again what nobody understands would not be careful.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
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

_UNPREFIXED: Final = "twilio"


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
