"""Chance that is the same in every run."""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

_Option = TypeVar("_Option")


class Dice:
    """
    Draws that depend only on the seed, the subject and the draw's name.

    A named draw is not moved by its neighbours: switching one fault on leaves
    everybody else's fate as it was.
    """

    def __init__(self, seed: int, *subject: object) -> None:
        self._subject = "|".join([str(seed), *map(str, subject)]).encode()

    def unit(self, name: str) -> float:
        """Return a number from 0 up to, not including, 1."""
        digest = hashlib.blake2b(self._subject + b"|" + name.encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48

    def chance(self, name: str, rate: float) -> bool:
        """Return True in a share *rate* of draws."""
        return rate > 0 and self.unit(name) < rate

    def between(self, name: str, span: tuple[float, float]) -> float:
        """Return a number drawn evenly from *span*."""
        low, high = span
        return low + (high - low) * self.unit(name) if high > low else low

    def share(self, name: str, rates: Mapping[_Option, float]) -> _Option | None:
        """Return one option with its own rate, or None for what is left of 1."""
        point = self.unit(name) if any(rates.values()) else 1.0
        for option, rate in rates.items():
            if point < rate:
                return option
            point -= rate
        return None

    def weighted(self, name: str, weights: Mapping[_Option, float]) -> _Option:
        """Return one option, likelier the greater its weight."""
        total = sum(weights.values())
        chosen = self.share(name, {option: weight / total for option, weight in weights.items()})
        return next(iter(weights)) if chosen is None else chosen
