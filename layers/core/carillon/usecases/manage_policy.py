"""The organisation's policy: what all its campaigns keep to beyond the law (P1, L2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated

from carillon.domain.commands import Between, Command, Entries, Length, OneOf
from carillon.domain.errors import InvalidInput
from carillon.domain.hours import ActiveHours
from carillon.domain.organisation import OrganisationPolicy
from carillon.ports import Clock, Policies

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}|\*", re.ASCII)
_PRICE = re.compile(r"\d{1,3}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class NewPolicy(Command):
    """
    The whole policy: what is left out is not asked for.

    It can only be stricter than the law: hours are one more window, of two caps the
    lower one holds. *segment_prices* are by country, ``*`` for any other.
    """

    active_hours: ActiveHours | None = None
    max_contacts_per_24h: Annotated[int, Between(1, 1000)] | None = None
    max_contacts_per_week: Annotated[int, Between(1, 1000)] | None = None
    error_rate_percent: Annotated[int, Between(1, 100)] = 30
    answers_outside_hours: Annotated[str, OneOf(("warn", "block"))] = "warn"
    opt_out_words: Annotated[tuple[str, ...], Entries(50, 40)] = ()
    content_checks: Annotated[str, OneOf(("warn", "block"))] = "warn"
    sender_names: Annotated[tuple[str, ...], Entries(20, 80)] = ()
    launch_approval: bool = False
    currency: Annotated[str, Length(3, 3)] = "USD"
    segment_prices: Annotated[Mapping[str, str], Entries(100, 12)] = field(default_factory=dict)


class ManagePolicy:
    """Shows and replaces the policy; pacers and reconciler read it at their next run."""

    def __init__(self, policies: Policies, clock: Clock) -> None:
        self._policies = policies
        self._clock = clock

    def get(self) -> OrganisationPolicy:
        """Return the policy; without one, what the law alone asks."""
        return self._policies.get()

    def put(self, new: NewPolicy) -> OrganisationPolicy:
        """Replace the policy; InvalidInput for a price that is none."""
        _check_prices(new)
        policy = OrganisationPolicy(**{one.name: getattr(new, one.name) for one in fields(new)})
        self._policies.put(policy, self._clock.now())
        return policy


def _check_prices(new: NewPolicy) -> None:
    if not _CURRENCY.fullmatch(new.currency):
        raise InvalidInput("currency must be a code such as USD.", field="currency")
    for country, price in new.segment_prices.items():
        if not (_COUNTRY.fullmatch(country) and _PRICE.fullmatch(price)):
            raise InvalidInput(
                'segment_prices are by country, or for "*", such as {"US": "0.0079"}.',
                field="segment_prices",
            )
