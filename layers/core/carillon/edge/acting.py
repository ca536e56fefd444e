"""
For whom this process is writing: stamped on every audited item, like the id on every log line.

A function serves one request at a time, so there is one answer; outside a request there is
none, and what is written then is the platform's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from carillon.domain.audit import Author
from carillon.domain.ids import new_id

_acting: ContextVar[tuple[str, str] | None] = ContextVar("acting", default=None)


def author() -> Author | None:
    """Return who writes now, another one at each call; None outside a request."""
    acting = _acting.get()
    return None if acting is None else Author(*acting, new_id("chg"))


@contextmanager
def acting_for(subject: str, request_id: str) -> Iterator[None]:
    """Write for *subject* until the block is left."""
    token = _acting.set((subject, request_id))
    try:
        yield
    finally:
        _acting.reset(token)
