"""The clock of the machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements ``ports.Clock`` with the machine's time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        time.sleep(seconds)
