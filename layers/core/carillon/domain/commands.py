"""
Limits of what a caller may ask for, declared on the fields of command dataclasses.

    @dataclass(frozen=True, kw_only=True)
    class NewOffice(Command):
        name: Annotated[str, Length(1, 200)]

A command checks itself when it is built, so one that exists is within its
limits; ``edge.http`` builds commands from JSON bodies and ``infra/openapi``
turns the same declarations into schemas. Stated once, enforced and documented.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from carillon.domain.errors import InvalidInput
from carillon.domain.ids import derived_id, new_id


@dataclass(frozen=True)
class Length:
    """
    Characters of a text: at least *low*, at most *high*.

    White space alone does not make up for a missing text.
    """

    low: int
    high: int


@dataclass(frozen=True)
class Entries:
    """Entries of a list or object: at most *high*, each a text of 1 to *each* characters."""

    high: int
    each: int


@dataclass(frozen=True)
class Between:
    """A number: at least *low*, at most *high*."""

    low: float
    high: float


@dataclass(frozen=True)
class OneOf:
    """A text that is one of *values*."""

    values: tuple[str, ...]


Limit = Length | Entries | Between | OneOf


@dataclass(frozen=True)
class Command:
    """Base of what a caller asks for; building one raises InvalidInput naming the field."""

    def __post_init__(self) -> None:
        for name, limit in limits_of(type(self)):
            value = getattr(self, name)
            if value is not None:
                _check(name, value, limit)


def limits_of(command: type[Command]) -> Iterator[tuple[str, Limit]]:
    """Yield (field, limit) for every limit that *command* declares."""
    hints = get_type_hints(command, include_extras=True)
    for field in fields(command):
        for hint in _annotated(hints[field.name]):
            for limit in hint.__metadata__:
                yield field.name, limit


def _annotated(hint: Any) -> list[Any]:
    # Annotated[...] itself, or as one side of "Annotated[...] | None".
    candidates = [hint, *get_args(hint)]
    return [candidate for candidate in candidates if get_origin(candidate) is Annotated]


def _check(name: str, value: Any, limit: Limit) -> None:
    match limit:
        case Length(low, high):
            if len(value) > high or len(value.strip()) < low:
                raise InvalidInput(f"{name} must have {low} to {high} characters.", field=name)
        case Entries(high, each):
            texts = value.values() if isinstance(value, Mapping) else value
            if len(value) > high or any(len(text) > each or not text.strip() for text in texts):
                raise InvalidInput(
                    f"{name} must have at most {high} entries, each of 1 to {each} characters.",
                    field=name,
                )
        case Between(low_number, high_number):
            if not low_number <= value <= high_number:
                raise InvalidInput(
                    f"{name} must be between {low_number:g} and {high_number:g}.", field=name
                )
        case OneOf(values):
            if value not in values:
                raise InvalidInput(f"{name} must be one of {', '.join(values)}.", field=name)


@dataclass(frozen=True)
class Origin:
    """
    Who asks, and how a repetition of the same request is recognised.

    *key* is the caller's Idempotency-Key; *digest* is a hash of route and body.
    """

    subject: str
    key: str | None
    digest: str

    def new_id(self, prefix: str) -> str:
        """Return the id of what this request creates: with a key, always the same one."""
        if self.key is None:
            return new_id(prefix)
        return derived_id(prefix, self.subject, self.key)
