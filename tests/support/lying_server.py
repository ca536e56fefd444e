"""A server on the loopback that says what each test wants, byte by byte, over TCP or TLS."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Is given the head of the request and the socket to answer on.
Answer = Callable[[bytes, socket.socket], None]


@dataclass
class LyingServer:
    """
    Answers each connection with the next of *answers*, the last one for good; a context manager.

    ``asked`` are the heads of the requests, ``sent`` how many bytes of the last answer left.
    """

    answers: list[Answer]
    tls: ssl.SSLContext | None = None
    asked: list[bytes] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    def __enter__(self) -> "LyingServer":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake a thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            talking = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            head = b""
            while b"\r\n\r\n" not in head:
                received = talking.recv(4096)
                if not received:
                    return
                head += received
            self.asked.append(head)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            answer(head, _Counting(talking, self))  # type: ignore[arg-type]  # sends, and no more
            talking.close()
        except OSError:
            # Hung up on, or not trusted: what the tests are about.
            return


class _Counting:
    def __init__(self, real: socket.socket, server: LyingServer) -> None:
        self._real = real
        self._server = server
        server.sent = 0

    def sendall(self, data: bytes) -> None:
        self._real.sendall(data)
        self._server.sent += len(data)


def says(
    body: bytes = b"", *, status: int = 200, length: int | None = None, **headers: str
) -> Answer:
    """Return an answer of *body*; *length* overrides the Content-Length, -1 leaves it out."""
    lines = [f"HTTP/1.1 {status} Said"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length != -1:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"

    def answer(_: bytes, talking: socket.socket) -> None:
        talking.sendall(head + body)

    return answer


def certified_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS of a server called *name*, perhaps an address, and of a client of its."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = folder / f"{name}.pem"
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    client = ssl.create_default_context()
    client.load_verify_locations(both)
    return server, client
