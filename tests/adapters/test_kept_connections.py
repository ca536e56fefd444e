"""Connections that stay open: what counts as an answer, and what leaves any doubt."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from carillon.adapters.kept_connections import AnswerLost, KeptConnections, NotSent
from tests.support.raw_server import Says, answer, raw_server

OK = Says(answer(b"fine"))


def connections_to(url: str, read_timeout_s: float = 5.0) -> KeptConnections:
    return KeptConnections(url, tls=None, connect_timeout_s=2.0, read_timeout_s=read_timeout_s)


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + trailer


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (answer(b""), b""),
        (answer(b"x" * 200_000), b"x" * 200_000),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (chunked(b"one", b"two", trailer=b"0\r\n\r\n"), b"onetwo"),
        (chunked(b"one", trailer=b"0;last=yes\r\nDigest: x\r\n\r\n"), b"one"),
        (chunked(b"x" * 70_000, trailer=b"000\r\n\r\n"), b"x" * 70_000),
    ],
    ids=["empty", "long", "no content", "chunks", "trailers", "a long chunk"],
)
@pytest.mark.parametrize("in_pieces_of", [65_536, 1])
def test_an_answer_is_whole_however_it_comes(raw: bytes, body: bytes, in_pieces_of: int) -> None:
    if in_pieces_of == 1 and len(raw) > 1_000:
        in_pieces_of = 997
    with raw_server(Says(raw, in_pieces_of=in_pieces_of), OK) as server:
        connections = connections_to(server.url)

        told = connections.post("/a?b=c", "", b"question")

        assert told.body == body
        assert connections.post("/", "", b"").body == b"fine"
        assert server.connections == 1


def test_a_request_names_its_host_length_and_headers() -> None:
    with raw_server(OK) as server:
        connections_to(server.url).post("/a?b=c", "X-One: 1\r\nX-Two: 2\r\n", b"question")

    host = server.url.removeprefix("http://")
    assert server.heard == [
        f"POST /a?b=c HTTP/1.1\r\nHost: {host}\r\nX-One: 1\r\nX-Two: 2\r\n"
        "Content-Length: 8\r\n\r\nquestion".encode()
    ]


def test_names_of_headers_are_lower_case_and_repeated_ones_are_joined() -> None:
    raw = answer(b"", "429 Too Many Requests", Retry_After="  7 ", Vary="a", vary="b")
    with raw_server(Says(raw)) as server:
        told = connections_to(server.url).post("/", "", b"")

    assert told.status == 429
    assert told.headers["retry-after"] == "7"
    assert told.headers["vary"] == "a, b"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        answer(b"0123456789")[:-1],
        chunked(b"one"),
        chunked(b"one", trailer=b"5\r\ntw"),
        chunked(b"one", trailer=b"0\r\n"),
    ],
    ids=["nothing", "half a head", "half a body", "no last chunk", "half a chunk", "no end"],
)
def test_an_answer_that_breaks_off_is_lost(raw: bytes) -> None:
    with raw_server(Says(raw, hangs_up=True)) as server, pytest.raises(AnswerLost) as lost:
        connections_to(server.url).post("/", "", b"")

    assert lost.value.timed_out is False


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"ok") + b"more",
        answer(b"ok").replace(b"HTTP/1.1", b"SPDY/3"),
        answer(b"ok").replace(b"200", b"2x0"),
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        chunked(trailer=b"-1\r\n\r\n"),
        chunked(trailer=b"0x3\r\none\r\n0\r\n\r\n"),
        chunked(trailer=b"3\r\nfour\r\n0\r\n\r\n"),
        chunked(b"one", trailer=b"0\r\n\r\nmore"),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
def test_an_answer_whose_end_is_in_doubt_is_lost_and_its_connection_given_up(raw: bytes) -> None:
    with raw_server(Says(raw), OK) as server:
        connections = connections_to(server.url)

        with pytest.raises(AnswerLost):
            connections.post("/", "", b"")

        assert connections.post("/", "", b"").body == b"fine"
        assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"bye", Connection="close"),
        b"HTTP/1.1 200 OK\r\n\r\nbye",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nbye",
    ],
    ids=["said", "by its end", "an old version"],
)
def test_a_connection_that_the_server_ends_is_not_used_again(raw: bytes) -> None:
    with raw_server(Says(raw, hangs_up=True), OK) as server:
        connections = connections_to(server.url)

        assert connections.post("/", "", b"").body == b"bye"
        assert connections.post("/", "", b"").body == b"fine"
        assert server.connections == 2


def test_a_connection_that_was_closed_while_it_lay_idle_is_replaced_unnoticed() -> None:
    with raw_server(Says(answer(b"last"), hangs_up=True), OK) as server:
        connections = connections_to(server.url)
        connections.post("/", "", b"")
        assert server.hung_up.wait(5.0)

        assert connections.post("/", "", b"").body == b"fine"
        assert server.connections == 2


def test_one_lost_connection_gives_up_those_that_lie_idle_too() -> None:
    with raw_server(OK, OK, Says(hangs_up=True), OK) as server:
        connections = connections_to(server.url)
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(connections.post, "/", "", b"") for _ in range(2)]
            assert [one.result().body for one in both] == [b"fine"] * 2
        opened = server.connections

        with pytest.raises(AnswerLost):
            connections.post("/", "", b"")

        assert connections.post("/", "", b"").body == b"fine"
        assert server.connections == opened + 1


def test_a_silent_server_is_waited_for_no_longer_than_was_said() -> None:
    with raw_server(Says()) as server, pytest.raises(AnswerLost) as lost:
        connections_to(server.url, read_timeout_s=0.05).post("/", "", b"")

    assert lost.value.timed_out is True


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    with pytest.raises(NotSent) as failed:
        connections_to(f"http://127.0.0.1:{port}").post("/", "", b"")

    assert failed.value.timed_out is False


def test_a_name_that_nobody_has_is_nothing_sent() -> None:
    with pytest.raises(NotSent):
        connections_to("http://nobody.invalid").post("/", "", b"")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate of 127.0.0.1 that nobody trusts by himself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def over_tls(url: str, trust: ssl.SSLContext) -> KeptConnections:
    return KeptConnections(url, tls=trust, connect_timeout_s=2.0, read_timeout_s=2.0)


def test_a_server_that_is_trusted_is_spoken_to_over_one_encrypted_connection(
    certificate: Path,
) -> None:
    trust = ssl.create_default_context(cafile=str(certificate))
    with raw_server(OK, OK, tls=server_side(certificate)) as server:
        connections = over_tls(server.url, trust)

        bodies = [connections.post("/", "", b"").body for _ in range(2)]

        assert bodies == [b"fine", b"fine"]
        assert server.connections == 1


def test_whoever_is_not_trusted_gets_nothing(certificate: Path) -> None:
    with raw_server(OK, tls=server_side(certificate)) as server, pytest.raises(NotSent):
        over_tls(server.url, ssl.create_default_context()).post("/", "", b"a secret")

    assert server.heard == []


def test_a_certificate_of_another_name_is_not_trusted(certificate: Path) -> None:
    trust = ssl.create_default_context(cafile=str(certificate))
    with raw_server(OK, tls=server_side(certificate)) as server, pytest.raises(NotSent):
        over_tls(server.url.replace("127.0.0.1", "localhost"), trust).post("/", "", b"a secret")

    assert server.heard == []


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("ftp://example.com", None),
        ("http://example.com/path", None),
        ("http://", None),
        ("https://example.com", None),
    ],
)
def test_an_address_that_it_cannot_serve_is_refused(url: str, tls: Any) -> None:
    with pytest.raises(ValueError, match=r"address|trust"):
        KeptConnections(url, tls=tls, connect_timeout_s=1, read_timeout_s=1)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.com", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("http://example.com:8080", "example.com:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_host_is_named_with_its_port_unless_it_is_the_default(url: str, host: str) -> None:
    assert connections_to(url).host == host
