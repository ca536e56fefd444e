"""What the fields of the providers' webhooks hold, read in one way for all of them."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs

from carillon.adapters.providers.contract import Secret
from carillon.domain.errors import InvalidInput
from carillon.domain.lead import LeadStatus
from carillon.domain.message import CallbackRef

# Far more than a provider sends; more is an attempt to keep us busy.
_MOST_FIELDS = 200
_MOST_DIGITS = 18
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def secrets_of(secret: Secret, name: str) -> list[str]:
    """Return the present and, while it is rotated, the previous value of the field *name*."""
    return [value for value in (secret.get(name), secret.get(f"previous_{name}")) if value]


def form_of(body: bytes) -> dict[str, list[str]]:
    """Return the fields of a form post, blank ones too; ValueError for anything else."""
    return parse_qs(
        body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
    )


def json_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object that *body* holds; ValueError for anything else."""
    try:
        found = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested deeper than anything a provider sends") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """Return a field as text: of several values the first, and "" for what is not there."""
    value = fields.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def code_of(word: str) -> str:
    """Return *word* where it can be a code, else "": codes are stored, logged and counted."""
    return word if _CODE.fullmatch(word) else ""


def status_of(word: str, statuses: Mapping[str, LeadStatus]) -> LeadStatus:
    """Return what *word* means by the table; InvalidInput (``unknown_status``) without one."""
    if word not in statuses:
        raise InvalidInput("Unknown message status.", field="status", code="unknown_status")
    return statuses[word]


def reference_of(*tokens: str) -> CallbackRef:
    """Return the message that the first of *tokens* that is there names; ``bad_ref`` otherwise."""
    return CallbackRef.parse(next((token for token in tokens if token), ""))


def with_plus(number: str) -> str:
    """
    Return a number in E.164; names stay as they are.

    Many providers leave out the plus sign, or do not encode it: in a form it is then a space.
    """
    bare = number.strip()
    return f"+{bare}" if bare.isascii() and bare.isdigit() else bare


def micros_of(amount: str) -> int | None:
    """Return a decimal amount in millionths, rounded; None for what is no amount."""
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return None
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return None
    return int((abs(value) * 1_000_000).to_integral_value())


def count_of(amount: str) -> int | None:
    """Return a count of segments; None for what is none."""
    if not (amount.isascii() and amount.isdigit() and len(amount) <= _MOST_DIGITS):
        return None
    return int(amount)
