"""Posting to endpoints that nobody vouches for (T11): where to, how long, and nothing back."""

import ssl
from collections.abc import Sequence
from typing import Any

import pytest

from carillon.adapters.media import SafeFetcher
from carillon.domain.media import MediaRefused, Problem
from tests.support.raw_server import RawServer, Says, answer, raw_server

HOST = "hooks.example.com"


def caller(server: RawServer, **changes: Any) -> SafeFetcher:
    port = server.url.rpartition(":")[2].strip("/")
    defaults: dict[str, Any] = {
        "resolve": lambda *_: ["127.0.0.1"],
        "trusted": [f"{HOST}:{port}"],
        "within_s": 5.0,
    }
    return SafeFetcher(**{**defaults, **changes})


def address(server: RawServer) -> str:
    return f"http://{HOST}:{server.url.rpartition(':')[2].strip('/')}/in?a=b"


def test_a_body_is_posted_with_its_headers_and_the_status_comes_back() -> None:
    with raw_server(Says(answer(status="202 Accepted"))) as server:
        status = caller(server).post(address(server), b'{"a":1}', {"webhook-id": "evt_1"})

        assert status == 202
        head, _, body = server.heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /in?a=b HTTP/1.1"
    assert body == b'{"a":1}'
    assert {"Content-Type: application/json", "Content-Length: 7", "webhook-id: evt_1"} <= set(
        lines
    )


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = answer(status="307 Temporary Redirect", Location="https://127.0.0.1/")
    with raw_server(Says(moved)) as server:
        assert caller(server).post(address(server), b"{}", {}) == 307
        assert len(server.heard) == 1


def test_nothing_of_an_endless_answer_is_read_but_its_status() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000
    with raw_server(Says(endless, hangs_up=True)) as server:
        assert caller(server).post(address(server), b"{}", {}) == 200


def test_who_says_nothing_in_time_is_left() -> None:
    with raw_server(Says(b"HTTP/1.1 2")) as server:
        with pytest.raises(MediaRefused) as refused:
            caller(server, within_s=0.3).post(address(server), b"{}", {})

        assert refused.value.problem is Problem.TOO_SLOW


@pytest.mark.parametrize(
    "addresses", [["169.254.169.254"], ["10.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["fd00:ec2::254"]]
)
def test_a_name_that_leads_into_our_own_network_is_not_called(addresses: Sequence[str]) -> None:
    fetcher = SafeFetcher(resolve=lambda *_: addresses)

    with pytest.raises(MediaRefused) as refused:
        fetcher.post(f"https://{HOST}/", b"{}", {})

    assert refused.value.problem is Problem.FORBIDDEN_ADDRESS


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/",
        f"https://{HOST}:8443/",
        "https://127.0.0.1/",
        "https://localhost/",
        f"https://user:pass@{HOST}/",
        "ftp://example.com/",
    ],
)
def test_an_address_that_is_not_plainly_a_public_name_is_refused_unseen(url: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError(f"{host}:{port} was looked up")

    fetcher = SafeFetcher(resolve=resolve)

    for call in (lambda: fetcher.post(url, b"{}", {}), lambda: fetcher.check(url)):
        with pytest.raises(MediaRefused) as refused:
            call()
        assert refused.value.problem is Problem.BAD_ADDRESS
    SafeFetcher(resolve=resolve).check(f"https://{HOST}/in")


def test_a_certificate_of_somebody_else_is_refused() -> None:
    with raw_server() as server:
        fetcher = caller(server, tls=ssl.create_default_context(), within_s=0.5)
        url = address(server).replace("http:", "https:")

        with pytest.raises(MediaRefused) as refused:
            fetcher.post(url, b"{}", {})

        assert refused.value.problem in (Problem.UNREACHABLE, Problem.TOO_SLOW)
