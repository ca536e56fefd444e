"""Just enough HTTP/1.1 with keep-alive on asyncio streams to be a fast local server."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

MAX_BODY_BYTES = 1_000_000
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case; ``path`` is undecoded and has no query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def query_params(self) -> dict[str, str]:
        """Return the query's parameters, blank ones included, the last of a name."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def form(self) -> dict[str, list[str]]:
        """Return the posted form, blank values included."""
        values: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True):
            values.setdefault(name, []).append(value)
        return values


@dataclass(frozen=True)
class Answer:
    """One response with a body in some JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json;charset=utf-8"


# None closes the socket without an answer.
Handler = Callable[[Request], Awaitable[Answer | None]]


class BadRequest(Exception):
    """What came in was not HTTP that we speak; the connection is closed."""


async def read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    """Return the first line and the headers, or None when the peer closed before any."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadRequest("the head breaks off") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("the head is too long") from error
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first, headers


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = await read_head(reader)
    if head is None:
        return None
    first, headers = head
    try:
        method, target, _version = first.split(" ")
        length = int(headers.get("content-length") or 0)
    except ValueError as error:
        raise BadRequest("the head does not parse") from error
    if not 0 <= length <= MAX_BODY_BYTES or "transfer-encoding" in headers:
        raise BadRequest("the body needs a Content-Length of at most a megabyte")
    try:
        body = await reader.readexactly(length) if length else b""
    except asyncio.IncompleteReadError as error:
        raise BadRequest("the body breaks off") from error
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body)


def _encode(answer: Answer, *, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body


class HttpServer:
    """Serves one handler on 127.0.0.1. asyncio switches Nagle's algorithm off by itself."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> int:
        """Listen on *port* (0: any free one) and return it; raises OSError when taken."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", port, backlog=512)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with suppress(ConnectionError, BadRequest, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read_request(reader)) is not None:
            answer = await self._handler(request)
            if answer is None:
                writer.transport.abort()  # a reset, as a broken connection gives
                return
            keep_alive = request.headers.get("connection", "").lower() != "close"
            writer.write(_encode(answer, keep_alive=keep_alive))
            await writer.drain()
            if not keep_alive:
                return
