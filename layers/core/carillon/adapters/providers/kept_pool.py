"""
urllib3's pool, whose single posts go over kept connections of ours, at a fifth of the CPU.

A post that is neither retried nor redirected is what every message is; all else (logs, odd
addresses) is urllib3's, and so are the errors, of which callers tell only whether something
can have left this machine.
"""

import io
import re
import ssl
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from carillon.adapters.kept_connections import Answer, CallFailed, KeptConnections, NotSent

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?")
_LINE = re.compile(r"[ -~]*")
# An account posts to one address, or a few.
_MOST_ADDRESSES = 256

_Place = tuple[KeptConnections, str]


class KeptPool(urllib3.PoolManager):
    """A PoolManager; safe for threads, with as many connections as callers at a time."""

    def __init__(self, connections: int = 10) -> None:
        super().__init__(maxsize=connections, block=False)
        self._tls = ssl.create_default_context()
        self._servers: dict[tuple[str, float, float], KeptConnections] = {}
        self._places: dict[tuple[str, float, float], _Place] = {}

    def request(  # noqa: PLR0917 - the parameters are urllib3's
        self,
        method: str,
        url: str,
        body: Any = None,
        fields: Any = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        **more: Any,
    ) -> urllib3.BaseHTTPResponse:
        """As urllib3's, errors too."""
        timeout = more.get("timeout")
        is_plain = (
            method == "POST"
            and isinstance(body, (str, bytes))
            and fields is None
            and json is None
            and more.keys() == {"retries", "redirect", "timeout"}
            and more["retries"] is False
            and more["redirect"] is False
            and isinstance(timeout, urllib3.Timeout)
            and _ADDRESS.fullmatch(url)
        )
        if not is_plain or timeout is None:
            return super().request(method, url, body, fields, headers, json, **more)
        encoded = body.encode() if isinstance(body, str) else body
        return self._post(url, headers or {}, encoded, timeout)

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        server, target = self._place(url, timeout)
        lines = "".join([_header(name, value) for name, value in headers.items()])
        try:
            answer = server.post(target, f"Accept-Encoding: identity\r\n{lines}", body)
        except CallFailed as error:
            raise _as_urllib3(error) from error
        return _answered(answer, url)

    def _place(self, url: str, timeout: urllib3.Timeout) -> _Place:
        """Return the server of *url*, and what to ask it for."""
        connect_s, read_s = timeout.connect_timeout, timeout.read_timeout
        if not (isinstance(connect_s, float) and isinstance(read_s, float)):
            raise TypeError("both time-outs are needed, in seconds")
        found = self._places.get((url, connect_s, read_s))
        if found is not None:
            return found
        parts = urlsplit(url)
        origin = (f"{parts.scheme}://{parts.netloc}", connect_s, read_s)
        server = self._servers.get(origin)
        if server is None:
            server = KeptConnections(
                origin[0], tls=self._tls, connect_timeout_s=connect_s, read_timeout_s=read_s
            )
            server = self._servers.setdefault(origin, server)
        place = (server, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        if len(self._places) < _MOST_ADDRESSES:
            self._places[url, connect_s, read_s] = place
        return place


def _header(name: str, value: str) -> str:
    line = f"{name}: {value}"
    if not _LINE.fullmatch(line):
        raise ValueError("a header's value is one line of ASCII")
    return f"{line}\r\n"


def _answered(answer: Answer, url: str) -> urllib3.HTTPResponse:
    body: bytes | io.BytesIO = answer.body
    # urllib3 takes an empty text for none at all, and decompresses (nobody has asked for it,
    # but some do it all the same) a stream alone.
    if not body or "content-encoding" in answer.headers:
        body = io.BytesIO(answer.body)
    return urllib3.HTTPResponse(body, answer.headers, answer.status, request_url=url)


def _as_urllib3(error: CallFailed) -> HTTPError:
    if isinstance(error, NotSent):
        if error.timed_out:
            return ConnectTimeoutError("No connection in time.")
        # urllib3 names the connection in its text; there is none.
        return NewConnectionError(cast("HTTPConnection", None), "No connection.")
    if error.timed_out:
        return ReadTimeoutError(cast("ConnectionPool", None), "", "No answer in time.")
    return ProtocolError("The connection was lost.")
