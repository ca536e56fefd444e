"""
Where a recipient may be (C3): the type that planning writes and sending reads.

How it is found out is ``locating``'s; this module needs no telephone data, so that the
sending function does not load any.
"""

from dataclasses import dataclass, field
from functools import lru_cache

_FIELDS = "|"
_ITEMS = ","


@dataclass(frozen=True)
class Whereabouts:
    """
    Every IANA zone and every jurisdiction in which one recipient may be.

    A window must be open in all ``zones``, and the rules of all ``jurisdictions`` hold
    (``US-FL``, ``US``, ``DE``; ``US-*`` stands for every state): fail closed. ``evidence``
    says for a person what this rests on, and makes no two places different.
    """

    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    evidence: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.zones:
            raise ValueError("A recipient is in some zone, whichever it be.")

    @property
    def token(self) -> str:
        """This place as one word; few places are different, so a part names each only once."""
        return _FIELDS.join(
            (_ITEMS.join(self.zones), _ITEMS.join(self.jurisdictions), self.evidence)
        )

    @staticmethod
    def parse(token: str) -> "Whereabouts":
        """Return the place whose ``token`` this is; ValueError otherwise."""
        return _parsed(token)


@lru_cache(maxsize=4096)
def _parsed(token: str) -> Whereabouts:
    zones, jurisdictions, evidence = token.split(_FIELDS)
    return Whereabouts(_split(zones), _split(jurisdictions), evidence)


def _split(items: str) -> tuple[str, ...]:
    return tuple(items.split(_ITEMS)) if items else ()
