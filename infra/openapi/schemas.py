"""
Schemas: the plain ones, and those of commands, of entities and of pages of them.

Of schemas API Gateway takes less than OpenAPI allows (its "important notes"): no
``nullable``, ``oneOf``, ``anyOf``, ``additionalProperties``, ``example`` and no
described arrays. What may be null is therefore not ``required``, and says so.
"""

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from carillon.domain.campaign import Unsolicited
from carillon.domain.commands import Between, Command, Entries, Length, OneOf
from carillon.domain.hours import ActiveHours
from carillon.domain.recurrence import Recurrence
from carillon.domain.segments_filter import Condition

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
TIME: Schema = {"type": "string", "format": "date-time"}


def command_schema(command: type[Command]) -> Schema:
    """Return the schema of the body from which *command* is built."""
    hints = get_type_hints(command, include_extras=True)
    properties = {
        field.name: _hinted(hints[field.name], "May be left out; null is refused.")
        for field in dataclasses.fields(command)
    }
    required = [
        field.name
        for field in dataclasses.fields(command)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return record(properties, required)


def of(entity: type[Any], *, without: frozenset[str] = frozenset(), **plus: Schema) -> Schema:
    """Return the schema of an answer that shows *entity*'s fields, some left out, some added."""
    hints = {name: hint for name, hint in get_type_hints(entity).items() if name not in without}
    required = [name for name, hint in hints.items() if types.NoneType not in get_args(hint)]
    properties = {name: _hinted(hint) for name, hint in hints.items()}
    return record({**properties, **plus}, [*required, *plus])


def with_optional(schema: Schema, **optional: Schema) -> Schema:
    """Return *schema* with properties that may be absent."""
    return {**schema, "properties": {**schema["properties"], **optional}}


def record(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    """Return the schema of an object with *properties*."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": required} if required else schema


def array(items: Schema) -> Schema:
    """Return the schema of a list of *items*."""
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    """Return a reference to the schema *name*."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(name: str) -> Schema:
    """Return the schema of a page of a listing of *name*."""
    return record({"items": array(ref(name)), "next_cursor": TEXT}, ["items"])


def enum(kind: type[StrEnum]) -> Schema:
    """Return the schema of a member of *kind*."""
    return {"type": "string", "enum": [member.value for member in kind]}


UPLOAD = record({"method": TEXT, "url": TEXT, "headers": OBJECT}, ["method", "url", "headers"])


def _hinted(hint: Any, when_none: str = "Null or absent.") -> Schema:
    origin = get_origin(hint)
    if origin is Annotated:
        base, *limits = get_args(hint)
        return _limited(_hinted(base, when_none), limits)
    if origin in (Union, types.UnionType):
        inner = _hinted(next(arm for arm in get_args(hint) if arm is not types.NoneType))
        may_be_null = types.NoneType in get_args(hint) and inner["type"] != "array"
        # Said where API Gateway lets it be said.
        return {**inner, "description": when_none} if may_be_null else inner
    if origin is tuple:
        return {"type": "array", "items": _hinted(get_args(hint)[0])}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint not in _SIMPLE:
        return of(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [member.value for member in hint]}
    return dict(_SIMPLE[origin or hint])


_SIMPLE: dict[Any, Schema] = {
    str: TEXT,
    int: COUNT,
    float: NUMBER,
    bool: FLAG,
    datetime: {"type": "string", "format": "date-time"},
    dict: OBJECT,
    Mapping: OBJECT,
    # Written as domain.hours takes it.
    ActiveHours: OBJECT,
    # Written as domain.recurrence takes it.
    Recurrence: OBJECT,
    # A filter, written as domain.segments_filter takes it.
    Condition: OBJECT,
    Unsolicited: {
        "type": "object",
        "properties": {
            "to": {"type": "string", "enum": ["office", "agents"]},
            "agents": {"type": "array", "items": TEXT},
        },
        "required": ["to"],
    },
}


def _limited(schema: Schema, limits: list[Any]) -> Schema:
    for limit in limits:
        match limit:
            case Length(low, high):
                schema |= {"minLength": low, "maxLength": high}
            case Between(low, high):
                schema |= {"minimum": low, "maximum": high}
            case OneOf(values):
                schema |= {"enum": list(values)}
            case Entries(high, each) if schema["type"] == "array":
                items = {**schema["items"], "minLength": 1, "maxLength": each}
                schema |= {"maxItems": high, "items": items}
    return schema
