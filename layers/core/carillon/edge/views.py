"""What every function of the people's API shows alike: entities and pages of them."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from carillon.domain.listing import Listing
from carillon.edge.http import encode_cursor

# The query parameters of every listing (carillon.edge.http.Request.page).
PAGED = ("limit", "cursor")
# Kept from every answer: storage keys, the name of the provider's secret, and what a campaign's
# short links are made with.
_INTERNAL = frozenset({"shards", "object_key", "rejected_key", "credentials_secret", "link_key"})

_Entity = TypeVar("_Entity")


def public(entity: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of *entity* that people may see; *without* names more that they may not."""
    hidden = _INTERNAL.union(without)
    return {name: value for name, value in vars(entity).items() if name not in hidden}


def listed(
    found: Listing[_Entity], shown: Callable[[_Entity], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return one page with its cursor; *shown* makes of each item what people see of it."""
    items = found.items if shown is None else [shown(item) for item in found.items]
    return {"items": items, "next_cursor": encode_cursor(found.next)}
