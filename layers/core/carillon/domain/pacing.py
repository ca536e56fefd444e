"""How fast a sender may speak, and when to stop it (F6, F7)."""

from collections import deque
from dataclasses import dataclass
from math import ceil

# A provider's slow answer, and our own writes and reads around the call.
CALL_S = 0.3
STORAGE_S = 0.05
# One call that hangs (13 s at most) must not hold up a slow sender.
FEWEST_WORKERS = 4
# 128 calls of 350 ms are 365 messages a second: more than one function's processor sends.
MOST_WORKERS = 128


def workers_for(mps: float) -> int:
    """
    Return how many calls must be in flight at once for *mps* messages a second.

    Calls in flight are the rate times how long one lasts (Little's law), taken at the slow
    end, so that an ordinary hiccup is made good from the bucket.
    """
    return min(max(ceil(mps * (CALL_S + STORAGE_S)), FEWEST_WORKERS), MOST_WORKERS)


@dataclass
class TokenBucket:
    """
    Grants *rate* segments per second, saving up at most *burst_s* seconds of them.

    Time is the caller's monotonic seconds. A message longer than the bucket is
    granted when the bucket is full, and the debt delays what follows, so the
    long-run rate never exceeds *rate*. A bucket without a predecessor starts with one
    token; one that takes over starts with what its predecessor left (``tokens``), so that
    a hand-over neither loses nor doubles any.
    """

    rate: float
    now: float
    burst_s: float = 1.0
    tokens: float = 1.0

    def __post_init__(self) -> None:
        """Start with ``tokens`` at ``now``."""
        if self.rate <= 0:
            raise ValueError("a sender's rate must be positive")
        self._capacity = max(1.0, self.rate * self.burst_s)
        self.tokens = min(self.tokens, self._capacity)
        self._closed_until = self.now

    def wait_for(self, segments: int, now: float) -> float:
        """Return the seconds until *segments* may be sent; 0.0 grants and takes them."""
        self.refill(now)
        if now < self._closed_until:
            return self._closed_until - now
        needed = min(float(segments), self._capacity)
        if self.tokens + 1e-9 >= needed:
            self.tokens -= segments
            return 0.0
        return (needed - self.tokens) / self.rate

    def close_for(self, seconds: float, now: float) -> None:
        """Grant nothing for *seconds*: the provider asked us to slow down."""
        self._closed_until = max(self._closed_until, now + seconds)

    def refill(self, now: float) -> None:
        """Add what has come since, up to the burst."""
        # Tokens do not gather while the provider has closed the gate.
        since = max(self.now, min(self._closed_until, now))
        self.tokens = min(self._capacity, self.tokens + max(0.0, now - since) * self.rate)
        self.now = max(self.now, now)


@dataclass(frozen=True, kw_only=True)
class ErrorLimit:
    """Pause when more than *percent* of at least *least* messages failed within *within_s*."""

    percent: int = 30
    least: int = 50
    within_s: float = 300.0


class ErrorRate:
    """
    How many of a campaign's messages failed lately: refused at once, or by their receipts (F7).

    Receipts are known as running totals; what counts is how far they moved within the
    window. Nothing is carried over from before it was made, so a resumed campaign starts
    with a clean slate.
    """

    def __init__(self, limit: ErrorLimit) -> None:
        self._limit = limit
        self._answers: deque[tuple[float, bool]] = deque()
        self._refused = 0
        self._totals: deque[tuple[float, int, int]] = deque()

    def answered(self, now: float, *, refused: bool) -> None:
        """Note that the provider took or refused a message."""
        self._answers.append((now, refused))
        self._refused += refused

    def settled(self, now: float, *, delivered: int, failed: int) -> None:
        """Note the campaign's running totals of receipts."""
        self._totals.append((now, delivered, failed))

    def is_exceeded(self, now: float) -> bool:
        """Whether either share of failures is above the limit."""
        self._forget(now - self._limit.within_s)
        if self._is_above(self._refused, len(self._answers)):
            return True
        if len(self._totals) < 2:
            return False
        (_, delivered, failed), (_, last_delivered, last_failed) = self._totals[0], self._totals[-1]
        failures = last_failed - failed
        return self._is_above(failures, failures + last_delivered - delivered)

    def _is_above(self, failures: int, of: int) -> bool:
        return of >= self._limit.least and failures * 100 > of * self._limit.percent

    def _forget(self, before: float) -> None:
        while self._answers and self._answers[0][0] < before:
            self._refused -= self._answers.popleft()[1]
        # One entry from before the window is where the window's count starts.
        while len(self._totals) > 1 and self._totals[1][0] < before:
            self._totals.popleft()
