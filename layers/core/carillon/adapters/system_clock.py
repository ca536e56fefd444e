"""
The clock of the machine, set by AWS's.

Leases, the grace of a claim and the order of STOP and START compare times that
different functions have written. AWS refuses requests of a machine that is more
than five minutes off, but below that nothing would notice. Every answer carries
its date, so a machine whose clock is wrong goes by AWS's instead.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# The date of an answer is cut to whole seconds and old by the way it took.
_NO_SKEW = timedelta(seconds=3)


def _host_now() -> datetime:
    return datetime.now(UTC)


class ServerTime:
    """The present instant as the answers of AWS tell it; until one was learned, the machine's."""

    def __init__(self, host_now: Callable[[], datetime] = _host_now) -> None:
        self._host_now = host_now
        self._behind = timedelta(0)

    def learn(self, date: str) -> None:
        """Take an answer's Date header that has just arrived; what is none tells nothing."""
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return
        behind = told.astimezone(UTC) - self._host_now()
        self._behind = behind if abs(behind) > _NO_SKEW else timedelta(0)

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return self._host_now() + self._behind


# One machine, one clock: whoever hears from AWS sets it for everybody in this process.
server_time = ServerTime()


class SystemClock:
    """Implements ``ports.Clock`` with the machine's time, put right by ``server_time``."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return server_time.now()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        time.sleep(seconds)
