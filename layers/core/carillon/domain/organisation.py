"""The parts of an organisation (P1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carillon.domain.hours import ActiveHours


@dataclass(frozen=True, kw_only=True)
class OrganisationPolicy:
    """
    What the organisation asks of all its campaigns beyond the law; it can only be stricter (L2).

    ``active_hours`` are one more window. The two caps bound messages to one person over all
    campaigns. A campaign pauses itself when more than ``error_rate_percent`` of its last
    messages fail (F7). ``answers_outside_hours`` says what becomes of an agent's answer
    outside its recipient's legal hours (V5): ``warn``, or ``block``. ``opt_out_words`` are
    whole messages that opt out as well (O1); none of the built-in ones can be taken away.
    ``content_checks`` says whether a first message without its sender's name or without opt-out
    wording can be launched (M7): ``warn``, or ``block``. ``sender_names`` are further names
    that a first message may give, beside the organisation's and the office's.
    With ``launch_approval`` a manager's launch needs somebody else's approval (K18).
    ``segment_prices`` are what a segment costs, by country (``*``: any other), in ``currency``,
    such as ``{"US": "0.0079"}``; a simulation reckons with them (K16).
    """

    active_hours: ActiveHours | None = None
    max_contacts_per_24h: int | None = None
    max_contacts_per_week: int | None = None
    error_rate_percent: int = 30
    answers_outside_hours: str = "warn"
    opt_out_words: tuple[str, ...] = ()
    content_checks: str = "warn"
    sender_names: tuple[str, ...] = ()
    launch_approval: bool = False
    currency: str = "USD"
    segment_prices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Office:
    """A place of the organisation; every campaign, sender and list belongs to one (P1)."""

    id: str
    name: str
    timezone: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """
    Whose deployment this is (P1).

    ``default_country`` (ISO 3166) is how numbers are read that are written without one,
    ``timezone`` the zone of what belongs to no office.
    """

    name: str
    default_country: str
    timezone: str
