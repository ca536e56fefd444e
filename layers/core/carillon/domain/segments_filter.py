"""
Saved filters over contacts: what a segment is made of, read from JSON and decided (C4).

    {"field": "city", "op": "equals", "value": "Albany"}
    {"field": "city", "op": "contains", "value": "alb"}
    {"field": "state", "op": "in", "value": ["NY", "NJ"]}
    {"field": "joined", "op": "after", "value": "2026-01-31"}         also "before"
    {"field": "email", "op": "exists"}
    {"and": [...]}   {"or": [...]}   {"not": {...}}

A field is ``first_name``, ``last_name``, ``phone`` (E.164), ``created_at`` (when the contact
was imported) or any further column by its merge-field name. Texts are compared without regard
to case, width and surrounding or repeated white space; never as numbers. What a contact does
not have, or has blank, answers no to everything but ``not``.

``before`` and ``after`` are strict. They read ISO 8601 dates and times alone: a date is its
midnight in UTC, a time without an offset is UTC, and what cannot be read (03/04/2026 is two
days) answers no. Nothing here asks for the present time, so a filter gives the same answer at
every look: preview and launch agree. (``domain.segments`` counts parts of a text message.)
"""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from carillon.domain.contacts import Contact
from carillon.domain.errors import InvalidInput

MAX_DEPTH = 6
MAX_CONDITIONS = 50
MAX_VALUES = 500
MAX_VALUE_CHARACTERS = 500
MAX_FIELD_CHARACTERS = 64
# A campaign keeps the filters of its segments while its audience is being frozen.
MAX_BYTES = 8 * 1024

_CODE = "filter_invalid"


class Op(StrEnum):
    """What a condition asks of one field."""

    EQUALS = "equals"
    CONTAINS = "contains"
    IN = "in"
    BEFORE = "before"
    AFTER = "after"
    EXISTS = "exists"


class Join(StrEnum):
    """How filters are put together."""

    AND = "and"
    OR = "or"
    NOT = "not"


@dataclass(frozen=True)
class Condition:
    """One question about one field; *value* is what the caller wrote, None for ``exists``."""

    field: str
    op: Op
    value: str | tuple[str, ...] | None = None

    def matches(self, contact: Contact) -> bool:
        """Whether *contact* answers yes."""
        text = _text_of(contact, self.field)
        return bool(text) and _ANSWERS[self.op](text, self.value)

    def as_json(self) -> dict[str, Any]:
        """Return what ``parse_filter`` makes this of."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        bare = {"field": self.field, "op": str(self.op)}
        return bare if value is None else {**bare, "value": value}


@dataclass(frozen=True)
class Combination:
    """Filters that are joined; ``not`` has exactly one."""

    join: Join
    parts: tuple["SegmentFilter", ...]

    def matches(self, contact: Contact) -> bool:
        """Whether *contact* answers yes."""
        match self.join:
            case Join.AND:
                return all(part.matches(contact) for part in self.parts)
            case Join.OR:
                return any(part.matches(contact) for part in self.parts)
            case Join.NOT:
                return not self.parts[0].matches(contact)

    def as_json(self) -> dict[str, Any]:
        """Return what ``parse_filter`` makes this of."""
        inner = [part.as_json() for part in self.parts]
        return {str(self.join): inner[0] if self.join is Join.NOT else inner}


SegmentFilter = Condition | Combination


def parse_filter(value: Any, path: str = "filter") -> SegmentFilter:
    """
    Return the filter that the JSON *value* describes.

    Raises InvalidInput (``filter_invalid``) whose ``field`` is the place of what is wrong,
    such as ``filter.and[1].value``.
    """
    budget = _Budget()
    found = _parsed(value, path, 1, budget)
    if len(filter_text(found).encode()) > MAX_BYTES:
        raise _wrong(path, f"A filter has at most {MAX_BYTES} bytes.")
    return found


def filter_text(kept: SegmentFilter) -> str:
    """Return the filter as JSON text; the same filter gives the same text."""
    return json.dumps(kept.as_json(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def filter_of(text: str) -> SegmentFilter:
    """Return the filter that ``filter_text`` wrote."""
    return parse_filter(json.loads(text))


@dataclass
class _Budget:
    conditions: int = 0


def _parsed(value: Any, path: str, depth: int, budget: _Budget) -> SegmentFilter:
    if depth > MAX_DEPTH:
        raise _wrong(path, f"Filters are nested at most {MAX_DEPTH} deep.")
    if not isinstance(value, Mapping):
        raise _wrong(path, "A filter is an object.")
    joins = [join for join in Join if join in value]
    if not joins:
        return _condition(value, path, budget)
    join = joins[0]
    for name in value:
        if name != join:
            raise _wrong(f"{path}.{name:.80}", f'Nothing may stand beside "{join}".')
    inner, place = value[join], f"{path}.{join}"
    if join is Join.NOT:
        return Combination(join, (_parsed(inner, place, depth + 1, budget),))
    if not isinstance(inner, list) or not inner:
        raise _wrong(place, f'"{join}" takes a list of one or more filters.')
    # Before they are read: a list of a million must not be.
    if len(inner) > MAX_CONDITIONS:
        raise _too_many(place)
    parts = [_parsed(one, f"{place}[{n}]", depth + 1, budget) for n, one in enumerate(inner)]
    return Combination(join, tuple(parts))


def _condition(value: Mapping[str, Any], path: str, budget: _Budget) -> Condition:
    for name in value:
        if name not in ("field", "op", "value"):
            raise _wrong(f"{path}.{name:.80}", "A filter has field, op and value, or and, or, not.")
    budget.conditions += 1
    if budget.conditions > MAX_CONDITIONS:
        raise _too_many(path)
    field, op = value.get("field"), value.get("op")
    if not isinstance(field, str) or not 0 < len(field.strip()) <= MAX_FIELD_CHARACTERS:
        raise _wrong(
            f"{path}.field", f"A field is a name of 1 to {MAX_FIELD_CHARACTERS} characters."
        )
    if not isinstance(op, str) or op not in list(Op):
        raise _wrong(f"{path}.op", f"op is one of {', '.join(Op)}.")
    return Condition(field.strip(), Op(op), _operand(Op(op), value, f"{path}.value"))


def _operand(op: Op, value: Mapping[str, Any], path: str) -> str | tuple[str, ...] | None:
    given = value.get("value")
    if op is Op.EXISTS:
        if "value" in value:
            raise _wrong(path, "exists takes no value.")
        return None
    if op is Op.IN:
        if not isinstance(given, list) or not 0 < len(given) <= MAX_VALUES:
            raise _wrong(path, f"in takes a list of 1 to {MAX_VALUES} texts.")
        return tuple(_value_text(one, f"{path}[{n}]") for n, one in enumerate(given))
    text = _value_text(given, path)
    if op in (Op.BEFORE, Op.AFTER) and _moment(text) is None:
        raise _wrong(path, f"{op} takes an ISO 8601 date or time, such as 2026-01-31.")
    return text


def _value_text(value: Any, path: str) -> str:
    is_fit = isinstance(value, str) and len(value) <= MAX_VALUE_CHARACTERS and _plain(value)
    if not is_fit:
        raise _wrong(path, f"A value is a text of 1 to {MAX_VALUE_CHARACTERS} characters.")
    return str(value)


def _too_many(path: str) -> InvalidInput:
    return _wrong(path, f"A filter has at most {MAX_CONDITIONS} conditions.")


def _wrong(path: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, field=path, code=_CODE)


# Deciding ---------------------------------------------------------------------


def _text_of(contact: Contact, field: str) -> str:
    match field:
        case "phone":
            return contact.phone
        case "first_name":
            return contact.first_name.strip()
        case "last_name":
            return contact.last_name.strip()
        case "created_at" if "created_at" not in contact.fields:
            return contact.created_at.isoformat()
    return contact.fields.get(field, "").strip()


@lru_cache(maxsize=2048)
def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(maxsize=2048)
def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@lru_cache(maxsize=64)
def _plain_set(values: Sequence[str]) -> frozenset[str]:
    return frozenset(map(_plain, values))


def _compared(text: str, value: Any, is_so: Callable[[datetime, datetime], bool]) -> bool:
    mine, asked = _moment(text), _moment(value)
    return mine is not None and asked is not None and is_so(mine, asked)


_ANSWERS: dict[Op, Callable[[str, Any], bool]] = {
    Op.EQUALS: lambda text, value: _plain(text) == _plain(value),
    Op.CONTAINS: lambda text, value: _plain(value) in _plain(text),
    Op.IN: lambda text, values: _plain(text) in _plain_set(values),
    Op.BEFORE: lambda text, value: _compared(text, value, lambda mine, asked: mine < asked),
    Op.AFTER: lambda text, value: _compared(text, value, lambda mine, asked: mine > asked),
    Op.EXISTS: lambda _text, _value: True,
}
