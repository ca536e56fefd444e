"""The kinds of attributes that control items have beyond pynamodb's own."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pynamodb.attributes import Attribute, ListAttribute, UnicodeAttribute
from pynamodb.constants import NUMBER, STRING

from carillon.domain.clock import from_iso, to_iso

_Enum = TypeVar("_Enum", bound=StrEnum)


class Instant(Attribute[datetime]):
    """An aware datetime, stored as ISO-8601 ``Z`` text."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """Return what is stored."""
        return to_iso(value)

    def deserialize(self, value: str) -> datetime:
        """Return what was meant."""
        return from_iso(value)


class Choice(Attribute[_Enum]):
    """A member of an enumeration, stored as its text."""

    attr_type = STRING

    def __init__(self, kind: type[_Enum], *, default: _Enum | None = None) -> None:
        super().__init__(default=default)
        self._kind = kind

    def serialize(self, value: _Enum) -> str:
        """Return what is stored."""
        return value.value

    def deserialize(self, value: str) -> _Enum:
        """Return what was meant."""
        return self._kind(value)


class Count(Attribute[int]):
    """A whole number; absent is 0."""

    attr_type = NUMBER

    def __init__(self) -> None:
        super().__init__(default=0)

    def serialize(self, value: int) -> str:
        """Return what is stored."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """Return what was meant."""
        return int(value)


class AsText(Attribute[Any]):
    """A structured value as one text, by a pair of functions; absent is *default*."""

    attr_type = STRING

    def __init__(
        self, write: Callable[[Any], str], read: Callable[[str], Any], *, default: Any
    ) -> None:
        super().__init__(null=True, default=default)
        self._write = write
        self._read = read

    def serialize(self, value: Any) -> str:
        """Return what is stored."""
        return self._write(value)

    def deserialize(self, value: str) -> Any:
        """Return what was meant."""
        return self._read(value)


class Texts(ListAttribute[Any]):
    """A list of texts; absent is empty."""

    def __init__(self) -> None:
        super().__init__(of=UnicodeAttribute, default=list)
