"""The messages that the carrier has taken, in and out."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.local.carrier.segments import segments_of


@dataclass(slots=True, kw_only=True)
class Message:
    """One message in or out. ``status`` moves on; times are epoch seconds."""

    dialect: str
    sid: str
    to: str
    sender: str
    body: str
    direction: str
    status: str
    created_wall_s: float
    listed_from_wall_s: float
    service_sid: str = ""
    status_callback: str = ""
    media: int = 0
    configuration_set: str = ""
    context: tuple[tuple[str, str], ...] = ()
    error_code: int | str | None = None
    sent_wall_s: float | None = None
    updated_wall_s: float = 0.0
    segments: int = field(init=False)

    def __post_init__(self) -> None:
        self.segments = segments_of(self.body)
        self.updated_wall_s = self.updated_wall_s or self.created_wall_s


class MessageLog:
    """All messages of all accounts; each dialect sees its own."""

    def __init__(self) -> None:
        self._all: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_to: dict[str, list[Message]] = defaultdict(list)

    def add(self, message: Message) -> None:
        """Take *message* into the log."""
        self._all.append(message)
        self._by_sid[message.sid] = message
        self._by_to[message.to].append(message)

    def get(self, sid: str, dialect: str = "") -> Message | None:
        """Return the message, of one dialect or of any; None when there is none."""
        message = self._by_sid.get(sid)
        return message if message is not None and dialect in ("", message.dialect) else None

    def newest_first(self, dialect: str, to: str = "") -> Iterator[Message]:
        """Yield a dialect's messages, to one phone or to all."""
        messages = self._by_to.get(to, []) if to else self._all
        return (one for one in reversed(messages) if one.dialect == dialect)
