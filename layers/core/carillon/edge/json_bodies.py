"""JSON in and out: bodies become commands whose fields are checked, answers become text."""

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from carillon.domain.campaign import Unsolicited
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.commands import Command
from carillon.domain.content import FollowUp, Variant, follow_ups_of, variants_of
from carillon.domain.errors import InvalidInput
from carillon.domain.hours import ActiveHours, active_hours
from carillon.domain.recurrence import Recurrence, recurrence_of
from carillon.domain.segments_filter import (
    Combination,
    Condition,
    SegmentFilter,
    parse_filter,
)
from carillon.domain.short_links import Link, links_of

_Body = TypeVar("_Body", bound=Command)


def to_json(value: Any) -> str:
    """Return *value* as JSON: dataclasses as objects, times as ISO ``Z``, sets sorted."""
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, ActiveHours | Condition | Combination):
        return value.as_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return to_iso(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in *text* ({} when empty); InvalidInput (``bad_json``) otherwise."""
    try:
        value = json.loads(text or "{}", parse_constant=_no_constant)
        # A lone surrogate (\\ud800) parses, and then fails wherever it is stored.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not valid JSON.", code="bad_json") from error
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.", code="bad_json")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def canonical(text: str) -> str:
    """Return *text* so that the same JSON, spaced or ordered otherwise, gives the same text."""
    try:
        return json.dumps(json.loads(text or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def decode(takes: type[_Body], values: Mapping[str, Any]) -> _Body:
    """
    Return *values* as the command *takes*.

    Raises InvalidInput for an unknown field, a missing one, one of the wrong
    type or outside its limits, and names it.
    """
    hints = get_type_hints(takes)
    known = {field.name: field for field in dataclasses.fields(takes)}
    for name in values:
        if name not in known:
            raise InvalidInput(f"There is no field {name!r:.80} here.", field=name[:80])
    for name, declared in known.items():
        has_default = declared.default is not MISSING or declared.default_factory is not MISSING
        if name not in values and not has_default:
            raise InvalidInput(f"{name} is required.", field=name)
    return takes(**{name: _value(name, hints[name], value) for name, value in values.items()})


def _value(name: str, hint: Any, value: Any) -> Any:
    hint = _required_type(hint)
    read = _READERS.get(hint) or _READERS.get(get_origin(hint) or hint)
    if read is None:
        raise TypeError(f"{name}: {hint} cannot be read from JSON")
    try:
        return read(value)
    except InvalidInput as error:
        # It may know a place within the value; the caller knows the field.
        inside = error.field if error.field and error.field.startswith(f"{name}.") else name
        raise InvalidInput(error.detail, field=inside, code=error.code) from error
    except ValueError as error:
        raise InvalidInput(f"{name} must be {error}.", field=name) from error


def _required_type(hint: Any) -> Any:
    # "X | None" means that the field may be left out; null itself is refused.
    if get_origin(hint) is Annotated:
        return _required_type(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return _required_type(next(arm for arm in get_args(hint) if arm is not types.NoneType))
    return hint


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _read_int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number")
    return value


def _read_float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("a number")
    return float(value)


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _read_datetime(value: Any) -> datetime:
    try:
        return from_iso(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            "an ISO 8601 date and time with an offset, such as 2026-11-22T10:00:00+01:00"
        ) from error


def _read_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _read_mapping(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise ValueError("an object of texts")
    return value


def _read_objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("a list of objects")
    return value


def _read_variants(value: Any) -> tuple[Variant, ...]:
    return variants_of(_read_objects(value))


def _read_follow_ups(value: Any) -> tuple[FollowUp, ...]:
    return follow_ups_of(_read_objects(value))


def _read_links(value: Any) -> tuple[Link, ...]:
    return links_of(_read_objects(value))


def _read_hours(value: Any) -> ActiveHours:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return active_hours(value)


def _read_unsolicited(value: Any) -> Unsolicited:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return Unsolicited.of(value)


def _read_recurrence(value: Any) -> Recurrence:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return recurrence_of(value)


def _read_filter(value: Any) -> SegmentFilter:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return parse_filter(value)


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _read_text,
    int: _read_int,
    float: _read_float,
    bool: _read_bool,
    datetime: _read_datetime,
    tuple: _read_texts,
    Mapping: _read_mapping,
    dict: _read_mapping,
    tuple[Variant, ...]: _read_variants,
    tuple[FollowUp, ...]: _read_follow_ups,
    tuple[Link, ...]: _read_links,
    ActiveHours: _read_hours,
    Unsolicited: _read_unsolicited,
    Recurrence: _read_recurrence,
    # One arm of SegmentFilter stands for both.
    Condition: _read_filter,
}
