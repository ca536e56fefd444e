"""Virtual time: sleeping advances it, so a test of three days takes milliseconds."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class FakeClock:
    """Implements ``ports.Clock``."""

    def __init__(self, now: datetime = NOON) -> None:
        self._start = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self._elapsed += max(0.0, seconds)


class SkewedClock:
    """Implements ``ports.Clock``: *clock* as seen by a machine whose wall clock is *ahead*."""

    def __init__(self, clock: FakeClock, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
