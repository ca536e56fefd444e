"""One page of a listing."""

from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

# Where a listing continues: opaque to everybody but the adapter that made it.
Position = dict[str, str]


@dataclass(frozen=True)
class Listing(Generic[_Item]):
    """Some items, and the position after them; None when there are no more."""

    items: tuple[_Item, ...]
    next: Position | None = None
