"""
Connections to one server that stay open, and one request at a time over each of them.

The little of HTTP/1.1 (RFC 9112) that an API needs: a post and its answer, whose length is
told, chunked, or up to the connection's end. It costs a fifth of urllib3's CPU and a third of
http.client's (infra/decisions/2026-11-24-slim-dynamodb-client.md). It knows no redirects,
cookies, proxies or compression, and repeats nothing: whoever calls decides what may be said
twice. An answer that leaves any doubt about where it ends is none.

    CallFailed
      NotSent       no connection: nothing left this machine
      AnswerLost    sent, and no whole answer; ``timed_out`` when none came in time
"""

import re
import select
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_READ_AT_ONCE = 65_536
_LONGEST_HEAD = 65_536
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
_WITHOUT_BODY = (204, 304)
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_END_OF_HEAD = b"\r\n\r\n"


class CallFailed(Exception):
    """The request has no answer."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class NotSent(CallFailed):
    """Nothing left this machine."""


class AnswerLost(CallFailed):
    """The request may have arrived; what became of it is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KeptConnections:
    """The connections to the server of one URL; safe for threads, grows with those that call."""

    def __init__(
        self,
        url: str,
        *,
        tls: ssl.SSLContext | None,
        connect_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        """*tls* is needed for https alone; *read_timeout_s* is the longest silence."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.path.strip("/"):
            raise ValueError("An address of a server, http or https, without a path.")
        self._address = (parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme])
        if parts.scheme == "https" and tls is None:
            raise ValueError("https needs to know whom to trust.")
        self._tls = tls if parts.scheme == "https" else None
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        # The last one used is the next: the others grow old and are closed by the server.
        self._idle: deque[_Connection] = deque()
        named = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        is_default = self._address[1] == _DEFAULT_PORTS[parts.scheme]
        self.host = named if is_default else f"{named}:{self._address[1]}"

    def post(self, target: str, headers: str, body: bytes) -> Answer:
        """
        Post *body* to *target* (path and query) and return the answer; NotSent or AnswerLost.

        *headers* are whole lines, each with its end, and name neither host nor length.
        """
        request = (
            f"POST {target} HTTP/1.1\r\nHost: {self.host}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode("latin-1") + body
        connection = self._take()
        try:
            answer = connection.exchange(request)
        except BaseException:
            connection.close()
            # Whatever ended this one may have ended those that lie idle as well.
            self.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close those that are not in use."""
        # Another thread may take the last one at the same time.
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _take(self) -> "_Connection":
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connected()
            if not connection.was_closed():
                return connection
            connection.close()

    def _connected(self) -> "_Connection":
        try:
            plain = socket.create_connection(self._address, timeout=self._connect_timeout_s)
        except OSError as error:
            raise _not_sent(error) from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                plain = self._tls.wrap_socket(plain, server_hostname=self._address[0])
            plain.settimeout(self._read_timeout_s)
        except OSError as error:
            plain.close()
            raise _not_sent(error) from error
        return _Connection(plain)


class _Connection:
    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._waiting = select.poll()
        self._waiting.register(opened, select.POLLIN)
        self.is_open = True

    def was_closed(self) -> bool:
        """Whether the server has ended it, or said something that nobody asked for."""
        return bool(self._waiting.poll(0))

    def close(self) -> None:
        self.is_open = False
        self._socket.close()

    def exchange(self, request: bytes) -> Answer:
        try:
            self._socket.sendall(request)
            return self._answer()
        except OSError as error:
            raise AnswerLost(
                "The connection was lost.", timed_out=isinstance(error, TimeoutError)
            ) from error

    def _answer(self) -> Answer:
        received = self._more()
        while (end := received.find(_END_OF_HEAD)) < 0:
            if len(received) > _LONGEST_HEAD:
                raise AnswerLost("The answer's head has no end.")
            received += self._more()
        version, status, headers = _parsed(received[:end].decode("latin-1"))
        if version != "HTTP/1.1" or "close" in headers.get("connection", "").lower():
            self.is_open = False
        body = self._body(status, headers, received[end + len(_END_OF_HEAD) :])
        if not self.is_open:
            self.close()
        return Answer(status, headers, body)

    def _body(self, status: int, headers: Mapping[str, str], begun: bytes) -> bytes:
        coding, told = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is not None:
            if coding.lower() != "chunked" or told is not None:
                raise AnswerLost("An answer whose end is in doubt.")
            return self._chunks(begun)
        if status in _WITHOUT_BODY:
            told = "0"
        if told is None:
            # Up to the end of the connection, which nobody could use again.
            self.is_open = False
            return self._rest(begun)
        if not _is_number(told):
            raise AnswerLost("An answer whose end is in doubt.")
        length = int(told)
        body = begun if len(begun) >= length else self._at_least(begun, length)
        if len(body) > length:
            raise AnswerLost("The answer is longer than it says.")
        return body

    def _chunks(self, received: bytes) -> bytes:
        pieces: list[bytes] = []
        while True:
            line, received = self._line(received)
            size_text = line.partition(b";")[0].strip()
            if not _CHUNK_SIZE.fullmatch(size_text):
                raise AnswerLost("A chunk without a size.")
            size = int(size_text, 16)
            if not size:
                break
            received = self._at_least(received, size + 2)
            if received[size : size + 2] != b"\r\n":
                raise AnswerLost("A chunk that is longer than it says.")
            pieces.append(received[:size])
            received = received[size + 2 :]
        # What follows the last chunk are headers that nobody needs, up to an empty line.
        while line:
            line, received = self._line(received)
        if received:
            raise AnswerLost("The answer is longer than it says.")
        return b"".join(pieces)

    def _line(self, received: bytes) -> tuple[bytes, bytes]:
        while b"\r\n" not in received:
            if len(received) > _LONGEST_HEAD:
                raise AnswerLost("A line without an end.")
            received += self._more()
        line, _, rest = received.partition(b"\r\n")
        return line, rest

    def _at_least(self, begun: bytes, length: int) -> bytes:
        pieces, missing = [begun], length - len(begun)
        while missing > 0:
            pieces.append(self._more())
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def _rest(self, begun: bytes) -> bytes:
        pieces = [begun]
        while more := self._socket.recv(_READ_AT_ONCE):
            pieces.append(more)
        return b"".join(pieces)

    def _more(self) -> bytes:
        more = self._socket.recv(_READ_AT_ONCE)
        if not more:
            raise AnswerLost("The connection was closed before the answer's end.")
        return more


def _parsed(head: str) -> tuple[str, int, dict[str, str]]:
    """Return an answer's version, status and headers; AnswerLost for what is not one."""
    first, *lines = head.split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    # A provisional answer (1xx) comes to nobody who did not ask for it.
    if version not in _VERSIONS or not _is_number(status) or status < "200":
        raise AnswerLost("Not an answer of HTTP.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise AnswerLost("A header that cannot be read.")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return version, int(status), headers


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _not_sent(error: OSError) -> NotSent:
    return NotSent("No connection.", timed_out=isinstance(error, TimeoutError))
