"""Posts over kept connections: what urllib3's own pool makes of the same answers is the oracle."""

import gzip
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
)

from carillon.adapters.kept_connections import NotSent
from carillon.adapters.providers import kept_pool
from carillon.adapters.providers.forms import form_encoded
from carillon.adapters.providers.kept_pool import KeptPool
from tests.support.raw_server import Says, answer, raw_server

MakePool = Callable[[], urllib3.PoolManager]
HEADERS = {"Authorization": "Basic eDp5", "Content-Type": "application/json"}


def post(pool: urllib3.PoolManager, url: str, **changes: Any) -> urllib3.BaseHTTPResponse:
    asked: dict[str, Any] = {
        "body": "{}",
        "headers": HEADERS,
        "retries": False,
        "redirect": False,
        "timeout": urllib3.Timeout(connect=2.0, read=0.2),
        **changes,
    }
    return pool.request("POST", url, **asked)


def outcome(make: MakePool, says: Says) -> Any:
    """Return what a caller sees of an answer, or the kind of its error."""
    with raw_server(says) as server:
        try:
            got = post(make(), f"{server.url}/send?x=1")
        except HTTPError as error:
            return type(error)
        return got.status, got.data, got.headers.get("Retry-After"), got.headers.get("DATE")


@pytest.mark.parametrize(
    "says",
    [
        Says(answer(b'{"sid": "SM1"}', "201 Created", Date="now")),
        Says(answer(b"", "204 No Content")),
        Says(answer(b"", "500 Internal Server Error")),
        Says(answer(b"slow", "429 Too Many Requests", Retry_After="3")),
        Says(answer(b"", "302 Found", Location="http://elsewhere.invalid/")),
        Says(answer(gzip.compress(b"{}"), Content_Encoding="gzip")),
        Says(answer(b"not gzip", Content_Encoding="gzip")),
        Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        Says(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n{}", hangs_up=True),
        Says(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", hangs_up=True),
        Says(answer(b"0123456789")[:-3], hangs_up=True),
        Says(hangs_up=True),
        Says(),
        Says(b"SSH-2.0-OpenSSH\r\n\r\n", hangs_up=True),
    ],
    ids=[
        "accepted",
        "no content",
        "failed",
        "slower",
        "redirected",
        "compressed",
        "badly compressed",
        "chunked",
        "cookies",
        "an old version",
        "truncated",
        "hung up",
        "silent",
        "not HTTP",
    ],
)
def test_a_caller_sees_what_urllib3_would_show_it(says: Says) -> None:
    assert outcome(KeptPool, says) == outcome(urllib3.PoolManager, says)


def test_the_same_request_arrives() -> None:
    with raw_server(*[Says(answer())] * 2) as server:
        post(KeptPool(), f"{server.url}/a/b.json?x=1&y=%20")
        post(urllib3.PoolManager(), f"{server.url}/a/b.json?x=1&y=%20")

    ours, theirs = (heard.partition(b"\r\n\r\n") for heard in server.heard)
    assert ours[0].split(b"\r\n")[0] == theirs[0].split(b"\r\n")[0]
    # urllib3 names itself where its caller names nobody; ours always do.
    left_out = b"user-agent: python-urllib3"
    wanted = {line for line in theirs[0].lower().split(b"\r\n") if not line.startswith(left_out)}
    assert set(ours[0].lower().split(b"\r\n")) == wanted
    assert ours[2] == theirs[2] == b"{}"


def test_posts_to_one_server_share_a_connection() -> None:
    with raw_server(*[Says(answer())] * 3) as server:
        pool = KeptPool()
        for path in ("/a", "/b", "/a"):
            post(pool, server.url + path)

    assert server.connections == 1


@pytest.mark.parametrize("make", [KeptPool, urllib3.PoolManager])
def test_where_nobody_listens_nothing_was_sent(make: MakePool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    with pytest.raises(NewConnectionError):
        post(make(), f"http://127.0.0.1:{port}/")


def test_a_connection_that_takes_too_long_was_not_made() -> None:
    error = kept_pool._as_urllib3(NotSent("No connection.", timed_out=True))

    assert isinstance(error, ConnectTimeoutError)
    # To urllib3 it is a time-out as well, but not one of an answer.
    assert not isinstance(error, ReadTimeoutError)


@pytest.mark.parametrize(
    "changes",
    [
        {"retries": urllib3.Retry(1)},
        {"redirect": True},
        {"timeout": 0.2},
        {"body": None, "fields": {"a": "b"}},
    ],
)
def test_what_is_not_a_single_post_is_urllib3s_own_to_make(changes: dict[str, Any]) -> None:
    with raw_server(*[Says(answer(b"ours"))] * 2) as server:
        got = post(KeptPool(), f"{server.url}/", **changes)

    assert got.data == b"ours"
    assert b"accept-encoding: identity" in server.heard[0].lower()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "caf\u00e9", "\u2603"])
def test_a_header_cannot_bring_another_one(value: str) -> None:
    with raw_server() as server, pytest.raises(ValueError, match="one line"):
        post(KeptPool(), f"{server.url}/", headers={"Authorization": value})

    assert server.heard == []


@pytest.mark.parametrize("path", ["/a b", "/caf\u00e9", "/x\r\nX-Evil: 1"])
def test_an_odd_address_is_left_to_urllib3_to_encode(path: str) -> None:
    with raw_server(Says(answer(b"fine"))) as server:
        assert post(KeptPool(), server.url + path).data == b"fine"

    (first,) = (heard.split(b"\r\n")[0] for heard in server.heard)
    assert first.count(b" ") == 2


@given(st.lists(st.tuples(st.text(), st.text())))
def test_a_form_is_encoded_as_urllib_encodes_it(fields: list[tuple[str, str]]) -> None:
    sound = [pair for pair in fields if not any(0xD800 <= ord(c) < 0xE000 for c in "".join(pair))]

    assert form_encoded(sound) == urlencode(sound)
