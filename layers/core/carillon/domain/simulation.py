"""
What a campaign would come to, counted before its launch (K16).

Of a large audience a range of lead keys is looked at: phones are spread evenly over them, so
that it is a fair sample. Counts are of what was looked at, ``share`` says how much of
everything that was; times and costs are of the whole, taken from the share. The standard
error of a count n of a sample is about the root of n.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from carillon.domain.message import Recipient
from carillon.domain.segments import encoding, forcing_ucs_2, segment_count
from carillon.domain.whereabouts import Whereabouts

MOST_TRAPS = 20
ANYWHERE = "*"
_STAND_IN = "?"


@dataclass(frozen=True, kw_only=True)
class Look:
    """Recipients whom a launch would freeze, of a *share* of all keys, and who is left out."""

    recipients: Sequence[Recipient]
    duplicates: int
    excluded: int
    share: float


@dataclass(frozen=True, kw_only=True)
class ContactState:
    """What is known of a phone beside the lists: consent, a hold (O1), its last messages."""

    opted_out: bool = False
    is_held: bool = False
    sent: tuple[datetime, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EncodingTrap:
    """
    A *character* that GSM-7 does not have, so that a text holds 70 characters instead of 160.

    ``name`` is the field that it came from, None for the campaign's own text; ``leads`` get
    it, which costs ``more_segments``.
    """

    character: str
    name: str | None
    leads: int
    more_segments: int


@dataclass(frozen=True, kw_only=True)
class MessageSizes:
    """Of one message (*step* 0 is the first) and variant: leads by segments, and by encoding."""

    step: int
    variant: str | None
    by_segments: Mapping[str, int]
    by_encoding: Mapping[str, int]
    segments: int


@dataclass(frozen=True, kw_only=True)
class SenderForecast:
    """What one sender would have to hand over, and when its last message leaves."""

    sender_id: str
    leads: int
    segments: int
    finishes_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """
    What a launch at *starts_at* would come to.

    ``blocked`` are leads that get nothing, by the code that their row would bear
    (``suppressed``, ``missing_field``, ``no_sending_hours`` …; ``campaign_over``: their hours
    open only after its end). ``waiting`` are leads that do not go at once, by reason; of
    them ``contact_held`` waits for a person. ``sendable`` is everybody else, so that blocked,
    held and sendable add up to the recipients. ``unlikely`` are sendable leads whose number the
    plan says takes no texts (``landline``, ``unreachable``): they are sent to, and mostly fail.
    """

    campaign_id: str
    as_of: datetime
    starts_at: datetime
    share: float
    complete: bool
    recipients: int
    duplicates: int
    excluded: int
    sendable: int
    blocked: Mapping[str, int]
    waiting: Mapping[str, int]
    unlikely: Mapping[str, int]
    messages: tuple[MessageSizes, ...]
    encoding_traps: tuple[EncodingTrap, ...]
    # Of the whole audience, of first messages; follow-ups if nobody answered.
    segments: int
    follow_up_segments: int
    currency: str
    cost_micros: int | None
    follow_up_cost_micros: int | None
    unpriced_segments: int
    finishes_at: datetime | None
    unsent_at_end: int
    held_s: Mapping[str, int]
    senders: tuple[SenderForecast, ...]
    warnings: tuple[str, ...]


@dataclass
class Sizes:
    """Adds up the texts of one message and variant."""

    by_segments: Counter[str] = field(default_factory=Counter)
    by_encoding: Counter[str] = field(default_factory=Counter)
    segments: int = 0

    def add(self, text: str, segments: int) -> None:
        """Add *text*, which comes to so many *segments*."""
        self.by_segments[str(segments)] += 1
        self.by_encoding[encoding(text)] += 1
        self.segments += segments


@dataclass
class Traps:
    """Adds up which character of which field made texts longer."""

    leads: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    more: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def add(self, text: str, template: str, fields: Mapping[str, str]) -> None:
        """Add *text*, which *template* and *fields* made."""
        forcing = forcing_ucs_2(text)
        if not forcing:
            return
        plain = "".join(_STAND_IN if one in forcing else one for one in text)
        more = segment_count(text) - segment_count(plain)
        for character in forcing:
            for name in _sources(character, template, fields):
                self.leads[character, name] += 1
                self.more[character, name] += more

    def most(self) -> tuple[EncodingTrap, ...]:
        """Return the traps that cost most, those first."""
        ranked = sorted(self.leads, key=lambda one: (-self.more[one], -self.leads[one], str(one)))
        return tuple(
            EncodingTrap(
                character=character,
                name=name,
                leads=self.leads[character, name],
                more_segments=self.more[character, name],
            )
            for character, name in ranked[:MOST_TRAPS]
        )


def _sources(character: str, template: str, fields: Mapping[str, str]) -> Iterator[str | None]:
    if character in template:
        yield None
        return
    names = [name for name, content in fields.items() if character in content]
    if names:
        yield from names
    else:
        yield None


def country_of(where: Whereabouts) -> str:
    """Return the country of *where*: ``US`` of ``US-NY``; ``*`` when it names none or several."""
    countries = {one.partition("-")[0] for one in where.jurisdictions}
    return countries.pop() if len(countries) == 1 else ANYWHERE


def price_micros(prices: Mapping[str, str], country: str) -> int | None:
    """Return what a segment to *country* costs, in millionths; None when nobody has said."""
    price = prices.get(country, prices.get(ANYWHERE))
    if price is None:
        return None
    return int((Decimal(price) * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))
