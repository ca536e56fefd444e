"""The clock, the queues and the files."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol


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
        """Send one message durably, visible after *delay_s* (at most 900); raises if refused."""
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


class FileStore(Objects, Protocol):
    """Object storage that also takes objects too large for memory."""

    def put_stream(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        """Store the bytes of *chunks* under *key*, replacing, all or nothing."""
        ...


class MediaFiles(Protocol):
    """Object storage as files for messages are taken in."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store *body* under *key*, replacing."""
        ...

    def get(self, key: str) -> bytes:
        """Return the object; raises NotFound."""
        ...

    def size(self, key: str) -> int:
        """Return its size in bytes; raises NotFound."""
        ...

    def content_type(self, key: str) -> str:
        """Return the type that it was stored with; raises NotFound."""
        ...

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        """Return a URL that takes one PUT of *content_type*."""
        ...


class UploadLinks(Protocol):
    """Object storage as callers use it: by links that are good for one thing and some time."""

    def size(self, key: str) -> int:
        """Return the object's size in bytes; raises NotFound."""
        ...

    def upload_link(self, key: str, *, content_type: str, expires_s: int) -> str:
        """Return a URL that takes one PUT of *content_type*."""
        ...

    def download_link(self, key: str, *, filename: str, expires_s: int) -> str:
        """Return a URL that serves the object as *filename*."""
        ...
