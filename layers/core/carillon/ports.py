"""
What the use cases need from the world, as Protocols that list only what is called.

Adapters implement them (``adapters/``), fakes stand in for them (``tests/support``),
and one shared suite runs against both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from carillon.domain.campaign import Campaign, Sender


class Clock(Protocol):
    """The only way to know the time."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        ...


class Queue(Protocol):
    """One SQS queue. Messages are JSON objects; the adapter adds version and correlation id."""

    def put(self, message: Mapping[str, Any], *, delay_s: int = 0) -> None:
        """Send one message durably; raises when the queue did not take it. *delay_s* is at most 900."""
        ...


class Objects(Protocol):
    """Object storage (one bucket)."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store *body* under *key*, replacing."""
        ...

    def get(self, key: str) -> bytes:
        """Return the object; raises NotFound."""
        ...

    def read_from(self, key: str, offset: int) -> Iterator[bytes]:
        """Yield the object's bytes in chunks from byte *offset* on; raises NotFound."""
        ...

    def size(self, key: str) -> int:
        """Return its size in bytes; raises NotFound."""
        ...
