"""What the fields of providers' answers and webhooks hold, read in one way for all of them."""

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
_MOST_DIGITS = 12
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def secrets_of(secret: Secret, name: str) -> list[str]:
    """Return the present and, while it is rotated, the previous value of the field *name*."""
    return [value for value in (secret.get(name), secret.get(f"previous_{name}")) if value]


# Bodies -----------------------------------------------------------------------


def form_of(encoded: bytes | str) -> dict[str, list[str]]:
    """Return the fields of a form or a query, blank ones too; ValueError for anything else."""
    text = encoded if isinstance(encoded, str) else encoded.decode()
    return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)


def json_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object that *body* holds; ValueError for anything else."""
    try:
        found = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested deeper than anything a provider sends") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def json_or_empty(body: bytes) -> dict[str, Any]:
    """Return the JSON object that *body* holds, an empty one when there is none."""
    try:
        return json_of(body)
    except ValueError:
        return {}


# Values -----------------------------------------------------------------------


def mapping(value: object) -> Mapping[str, Any]:
    """Return *value* when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def first(value: object) -> Mapping[str, Any]:
    """Return the first item of a JSON list of objects, or an empty object."""
    return mapping(value[0]) if isinstance(value, list) and value else {}


def text(value: object) -> str:
    """Return a JSON string, or a number as one; "" for all else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # Half of a surrogate pair is JSON and no text: nothing could store it.
    return str(value).encode(errors="replace").decode()


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """Return a field as text: of several values, as forms have them, the first."""
    value = fields.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return text(value)


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


def micros(amount: object) -> int | None:
    """Return what a message has cost in millionths, rounded; None for what is no amount."""
    try:
        value = Decimal(text(amount))
    except InvalidOperation:
        return None
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return None
    # Some write what they charge as a negative amount, as Twilio does.
    return round(abs(value) * 1_000_000)


def whole(value: object) -> int | None:
    """Return a whole number, zero or more, given as number or as digits; None for all else."""
    digits = text(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        return None
    return int(digits)


def count(value: object) -> int | None:
    """Return how many segments there were, one or more; None for what tells of none."""
    return whole(value) or None
