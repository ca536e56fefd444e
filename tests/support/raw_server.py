"""A server that says exactly the bytes it was given: truths, halves and nonsense."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Says:
    """What one request is answered with; then, if so, the connection ends."""

    raw: bytes = b""
    hangs_up: bool = False
    # The rest comes in pieces of so many bytes.
    in_pieces_of: int = 65_536


@dataclass
class RawServer:
    """Where it listens, what it heard, and on how many connections."""

    url: str = ""
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    # Set when the first connection has been ended by the server.
    hung_up: threading.Event = field(default_factory=threading.Event)


@contextmanager
def raw_server(*script: Says, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Give a server that answers the requests, whoever makes them, with *script* in turn."""
    state, left = RawServer(), list(script)
    opened: list[socket.socket] = []

    def serve(accepted: socket.socket) -> None:
        with (
            suppress(OSError),
            tls.wrap_socket(accepted, server_side=True) if tls else accepted as (connection),
        ):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := _request(connection):
                state.heard.append(request)
                says = left.pop(0)
                for start in range(0, len(says.raw), says.in_pieces_of):
                    connection.sendall(says.raw[start : start + says.in_pieces_of])
                if says.hangs_up:
                    connection.shutdown(socket.SHUT_RDWR)
                    state.hung_up.set()
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                state.connections += 1
                opened.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        state.url = f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in opened:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole answer of HTTP/1.1; *headers* with _ for -."""
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{told}\r\n".encode() + body


def _request(connection: socket.socket) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard:
        more = connection.recv(65_536)
        if not more:
            return b""
        heard += more
    head, _, body = heard.partition(b"\r\n\r\n")
    (length,) = (
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
