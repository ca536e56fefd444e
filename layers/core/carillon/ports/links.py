"""What following short links needs (M6)."""

from collections.abc import Sequence
from typing import Protocol

from carillon.domain.clicks import Click, Clicker
from carillon.domain.short_links import LinkedCampaign


class Clicks(Protocol):
    """Who may have opened a short link, and that they did (M6)."""

    def campaigns(self, code: str, *, fresh: bool = False) -> Sequence[LinkedCampaign]:
        """
        Return the launched campaigns whose codes begin with *code*; usually one.

        As they were a short while ago, unless *fresh*: after a launch links are only added.
        """
        ...

    def clickers(self, campaign: LinkedCampaign, start: str) -> Sequence[Clicker]:
        """Return the leads of *campaign* that were claimed and whose keys begin with *start*."""
        ...

    def note(self, click: Click) -> None:
        """
        Count *click* with its lead; the same one again changes nothing.

        A person's first one is kept with its time (``clicked_at``). Beyond ``MOST_COUNTED`` of
        one link, and for a lead whose row is gone, nothing is counted.
        """
        ...
