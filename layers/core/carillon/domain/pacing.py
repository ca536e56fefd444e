"""How fast a sender may speak (F6): a token bucket weighted by segments."""

from dataclasses import dataclass


@dataclass
class TokenBucket:
    """
    Grants *rate* segments per second, saving up at most *burst_s* seconds of them.

    Time is the caller's monotonic seconds. A message longer than the bucket is
    granted when the bucket is full, and the debt delays what follows, so the
    long-run rate never exceeds *rate*. A new bucket starts with one token: a
    pacer that takes over adds no burst to what its predecessor sent.
    """

    rate: float
    now: float
    burst_s: float = 1.0

    def __post_init__(self) -> None:
        """Start with one token at ``now``."""
        if self.rate <= 0:
            raise ValueError("a sender's rate must be positive")
        self._capacity = max(1.0, self.rate * self.burst_s)
        self._tokens = 1.0
        self._closed_until = self.now

    def wait_for(self, segments: int, now: float) -> float:
        """Return the seconds until *segments* may be sent; 0.0 grants and takes them."""
        self._refill(now)
        if now < self._closed_until:
            return self._closed_until - now
        needed = min(float(segments), self._capacity)
        if self._tokens + 1e-9 >= needed:
            self._tokens -= segments
            return 0.0
        return (needed - self._tokens) / self.rate

    def close_for(self, seconds: float, now: float) -> None:
        """Grant nothing for *seconds*: the provider asked us to slow down."""
        self._closed_until = max(self._closed_until, now + seconds)

    def _refill(self, now: float) -> None:
        # Tokens do not gather while the provider has closed the gate.
        since = max(self.now, min(self._closed_until, now))
        self._tokens = min(self._capacity, self._tokens + max(0.0, now - since) * self.rate)
        self.now = max(self.now, now)
