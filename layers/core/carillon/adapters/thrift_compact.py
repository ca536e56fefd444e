"""
Structs in Thrift's compact protocol, as far as Parquet's metadata needs it.

A struct is a dict of its fields by number, in ascending order: ``int`` is an i32, ``Long`` an
i64, a list has elements of one kind, a dict is a struct again.
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)
"""

from collections.abc import Mapping, Sequence
from typing import Any

Struct = dict[int, Any]
_TRUE, _FALSE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 5, 6, 8, 9, 12
# A longer step between field numbers, and a longer list, are written out.
_SHORT_STEP, _SHORT_LIST = 15, 14


class Long(int):
    """An i64."""


def encoded(fields: Mapping[int, Any]) -> bytes:
    """Return the struct *fields* as bytes."""
    out, before = bytearray(), 0
    for number, value in fields.items():
        step, kind = number - before, _kind(value)
        if 0 < step <= _SHORT_STEP:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            out += varint(_zigzag(number))
        # The kind of a flag is its value.
        if not isinstance(value, bool):
            out += _value(value)
        before = number
    out.append(0)
    return bytes(out)


def varint(number: int) -> bytes:
    """Return a number, not negative, seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _kind(value: Any) -> int:
    match value:
        case bool():
            return _TRUE if value else _FALSE
        case Long():
            return _I64
        case int():
            return _I32
        case str():
            return _BINARY
        case list():
            return _LIST
        case _:
            return _STRUCT


def _value(value: Any) -> bytes:
    match value:
        case int():
            return varint(_zigzag(value))
        case str():
            text = value.encode()
            return varint(len(text)) + text
        case list():
            return _list(value)
        case _:
            return encoded(value)


def _list(values: Sequence[Any]) -> bytes:
    # Of an empty list the kind does not matter; it is a list of structs.
    kind = _kind(values[0]) if values else _STRUCT
    if len(values) <= _SHORT_LIST:
        head = bytes([len(values) << 4 | kind])
    else:
        head = bytes([15 << 4 | kind]) + varint(len(values))
    return head + b"".join(map(_value, values))
