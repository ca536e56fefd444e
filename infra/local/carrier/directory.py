"""What the carrier knows about us: numbers, pools, messages and whom it blocks."""

import re
from dataclasses import dataclass, field

from infra.local.carrier.dice import Dice
from infra.local.carrier.messages import MessageLog
from infra.local.carrier.webhooks import is_callback_url

# By provider; Twilio's answers what no other dialect understands.
DIALECTS = ("twilio", "telnyx", "aws")
E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass
class Number:
    """One of our numbers, at one provider; raises ValueError with a sentence when it cannot be."""

    phone: str
    inbound_url: str = ""
    sms: bool = True
    dialect: str = "twilio"

    def __post_init__(self) -> None:
        if not E164.fullmatch(self.phone):
            raise ValueError(f"{self.phone!r} is not a number in E.164, such as +12025550100")
        if self.dialect not in DIALECTS:
            raise ValueError(f"{self.dialect!r} is not one of {', '.join(DIALECTS)}")
        if self.inbound_url and not is_callback_url(self.inbound_url):
            raise ValueError(f"{self.inbound_url!r} is not an http or https URL")


@dataclass(frozen=True)
class Block:
    """Since when a phone is blocked, and whether its own text did it."""

    since_wall_s: float
    by_phone: bool


@dataclass
class Directory:
    """Shared by the network and all dialects; changed on the carrier's loop only."""

    log: MessageLog = field(default_factory=MessageLog)
    numbers: dict[str, Number] = field(default_factory=dict)
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: By (scope, phone): whom the carrier itself blocks, and for which of our senders.
    blocks: dict[tuple[str, str], Block] = field(default_factory=dict)

    def number(self, phone: str, dialect: str) -> Number | None:
        """Return our number *phone* if it is one at that provider."""
        number = self.numbers.get(phone)
        return number if number is not None and number.dialect == dialect else None

    def from_pool(self, pool: tuple[str, ...], to: str) -> str:
        """Return the sender of a non-empty *pool* for *to*: it sticks to the recipient."""
        return pool[int(Dice(0, to).unit("sender") * len(pool))]
