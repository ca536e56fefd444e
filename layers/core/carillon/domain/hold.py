"""
Why campaigns leave a phone alone until a person has decided, and what has been decided (O1, O4).

    a weak signal               held, unless it is known or older than the contact's START
    a person releases           every signal that they have seen; said again, it holds nobody
    the contact's own START     every signal before it, whichever of them comes in first
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

# A repeated signal is known again among so many of the newest.
REMEMBERED = 50

_Signals = Mapping[str, datetime]


@dataclass(frozen=True, kw_only=True)
class Hold:
    """
    What stands against a phone. Signals are messages' ids, with when they were said.

    *released* are those about which a person has decided. *cleared_at* is when the contact last
    asked by a keyword to be texted.
    """

    signals: _Signals = field(default_factory=dict)
    released: _Signals = field(default_factory=dict)
    cleared_at: datetime | None = None

    @property
    def is_held(self) -> bool:
        """Whether a person has still to decide."""
        return bool(self.signals)


def held(before: Hold, cause: str, at: datetime) -> Hold:
    """Return the hold once the message *cause*, said at *at*, may have meant to opt out."""
    is_cleared = before.cleared_at is not None and at < before.cleared_at
    if is_cleared or cause in before.released or cause in before.signals:
        return before
    return replace(before, signals=_newest({**before.signals, cause: at}))


def released(before: Hold, until: datetime) -> Hold:
    """Return the hold once a person has decided about all that was said up to *until*."""
    seen = {cause: at for cause, at in before.signals.items() if at <= until}
    if not seen:
        return before
    rest = {cause: at for cause, at in before.signals.items() if at > until}
    return replace(before, signals=rest, released=_newest({**before.released, **seen}))


def cleared(before: Hold, at: datetime) -> Hold:
    """Return the hold once the contact has asked at *at* to be texted; a tie holds."""
    if before.cleared_at is not None and at <= before.cleared_at:
        return before
    rest = {cause: said for cause, said in before.signals.items() if said >= at}
    return replace(before, signals=rest, cleared_at=at)


def _newest(signals: _Signals) -> _Signals:
    ordered = sorted(signals.items(), key=lambda signal: signal[1])
    return dict(ordered[-REMEMBERED:])
