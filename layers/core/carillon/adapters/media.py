"""
Files of strangers, fetched from addresses that a provider's signed webhook named.

The address is still not trusted: a webhook may pass on what a sender wrote, and a name may
resolve to anything. So each request goes to an address that was looked at, and is bounded
in every direction:

    where    https on its own port, to a public address; the name is resolved once and the
             connection made to that very result, with the certificate checked for the name
    who      credentials only to the provider's own hosts, and only once they ask
    onward   a redirect only to hosts that the provider documents, twice at most, each
             looked at anew
    how much so many bytes, whatever the answer says of its length; never unpacked
    how long so many seconds in all, however slowly it drips
    what     a type that we keep, by its first bytes and by its name

http.client over a socket of ours: the time left is set before every single read, which
no library's time-outs do, and nobody else resolves, redirects, retries, decodes or
asks a proxy.
"""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from carillon.adapters.providers import modules
from carillon.adapters.providers.contract import MediaAccess
from carillon.adapters.public_addresses import is_public
from carillon.adapters.secrets import Secrets
from carillon.domain.campaign import Sender
from carillon.domain.errors import InvalidInput
from carillon.domain.media import (
    HEAD_BYTES,
    MOST_BYTES,
    FetchedFile,
    MediaRefused,
    Problem,
    agreed_type,
)

WITHIN_S = 20.0
_CONNECT_WITHIN_S = 3.0
_MOST_REDIRECTS = 2
_MOST_ADDRESSES = 4
_CHUNK_BYTES = 64 * 1024
_LONGEST_URL = 4096
_PORTS = {"https": 443, "http": 80}
# Printable ASCII: the standard library drops line breaks in silence, and reads a backslash
# otherwise than browsers do.
_PLAIN = re.compile(r"[!-\[\]-~]+")
# A name with a dot in it whose last label begins with a letter: neither an address in any
# spelling (decimal, octal, hexadecimal), nor "localhost", nor rooted by a final dot.
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{4,253}}$)({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WHO_ARE_YOU = frozenset({401, 403})

Resolve = Callable[[str, int], Sequence[str]]


class ProviderMedia:
    """Implements ``ports.MediaSource``: asks each provider as its module says."""

    def __init__(self, secrets: Secrets, fetcher: "SafeFetcher") -> None:
        self._secrets = secrets
        self._fetcher = fetcher

    def fetch(self, url: str, sender: Sender) -> FetchedFile:
        """
        Return the file at *url* that came to *sender*; raises MediaRefused.

        Raises NotFound and InvalidInput for a sender's secret, as ``Providers.of`` does.
        """
        secret = self._secrets.read(sender.credentials_secret)
        try:
            access = modules.of(sender.provider).media_access(secret)
        except KeyError as error:
            raise InvalidInput(
                "The sender's secret lacks a field.",
                field=str(error.args[0]),
                code="secret_incomplete",
            ) from error
        return self._fetcher.fetch(url, access)


@dataclass(frozen=True)
class _Place:
    """A checked address: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom credentials are meant for."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The Host header."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


class SafeFetcher:
    """
    Fetches a file from an address that nobody vouches for; raises MediaRefused.

    *trusted* are endpoints (``host:port``) that may speak plain HTTP on any port from any
    address: a simulated provider's.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        trusted: Iterable[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
        most_bytes: int = MOST_BYTES,
        within_s: float = WITHIN_S,
    ) -> None:
        self._resolve = resolve or _resolved
        self._given_tls = tls
        self._trusted = frozenset(trusted)
        self._monotonic = monotonic
        self._most_bytes = most_bytes
        self._within_s = within_s

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the authorities takes longer than a small file.
        return self._given_tls or ssl.create_default_context()

    def fetch(self, url: str, access: MediaAccess = MediaAccess()) -> FetchedFile:  # noqa: B008 - frozen
        """Return the file at *url*; raises MediaRefused, whose ``problem`` says why not."""
        place = self._place_of(url)
        if access.hosts and not _is_among(place.host, access.hosts):
            raise MediaRefused(Problem.FORBIDDEN_HOST)
        deadline = self._monotonic() + self._within_s
        authorization, redirects = "", 0
        while True:
            with self._answer(place, deadline, _request(place, authorization)) as answer:
                if answer.status == 200:
                    return self._file(answer)
                if answer.status in _REDIRECTS:
                    onward = self._onward(place, answer, access, redirects)
                    redirects += 1
                    # Whoever is pointed at is asked as by anybody.
                    authorization = authorization if onward.origin == place.origin else ""
                    place = onward
                else:
                    authorization = "" if authorization else _credentials(answer, place, access)
                    if not authorization:
                        raise MediaRefused(_problem_of(answer.status))

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """
        Post *body* to *url* and return the answer's status; raises MediaRefused.

        Nothing but the status is read of the answer, and a redirect is one like any other.
        """
        place = self._place_of(url)
        deadline = self._monotonic() + self._within_s
        with self._answer(place, deadline, lambda one: one.say(place, body, headers)) as answer:
            return answer.status

    def check(self, url: str) -> None:
        """Raise MediaRefused when *url* is nothing that would ever be called."""
        self._place_of(url)

    def _place_of(self, url: str) -> _Place:
        if len(url) > _LONGEST_URL or not _PLAIN.fullmatch(url):
            raise MediaRefused(Problem.BAD_ADDRESS)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise MediaRefused(Problem.BAD_ADDRESS) from error
        usual = _PORTS.get(parts.scheme)
        if usual is None or "@" in parts.netloc:
            raise MediaRefused(Problem.BAD_ADDRESS)
        place = _Place(
            scheme=parts.scheme,
            host=host,
            port=usual if port is None else port,
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
        if self._is_trusted(place):
            return place
        if place.scheme != "https" or place.port != usual or not _HOST.fullmatch(host):
            raise MediaRefused(Problem.BAD_ADDRESS)
        return place

    def _is_trusted(self, place: _Place) -> bool:
        return f"{place.host}:{place.port}" in self._trusted

    def _onward(
        self, place: _Place, answer: http.client.HTTPResponse, access: MediaAccess, redirects: int
    ) -> _Place:
        """Return where *answer* points on to; raises MediaRefused where nobody documents it."""
        location = answer.headers.get("Location", "")
        if not location or redirects >= _MOST_REDIRECTS or not _PLAIN.fullmatch(location):
            raise MediaRefused(Problem.REDIRECTED)
        try:
            url = urljoin(f"{place.scheme}://{place.authority}{place.target}", location)
        except ValueError as error:
            raise MediaRefused(Problem.REDIRECTED) from error
        onward = self._place_of(url)
        if not _is_among(onward.host, access.redirect_hosts):
            raise MediaRefused(Problem.REDIRECTED)
        return onward

    @contextmanager
    def _answer(
        self, place: _Place, deadline: float, ask: "Callable[[_Pinned], None]"
    ) -> Iterator[http.client.HTTPResponse]:
        """*ask* at *place* and give the answer, all of whose reading ends at *deadline*."""

        def left_s() -> float:
            left = deadline - self._monotonic()
            if left <= 0:
                raise TimeoutError
            return left

        tls = self._tls if place.scheme == "https" else None
        connection = _Pinned(place, self._addresses(place, left_s), tls, left_s)
        try:
            ask(connection)
            yield connection.getresponse()
        except TimeoutError as error:
            raise MediaRefused(Problem.TOO_SLOW) from error
        except OSError as error:
            # Not there, not who it should be, or gone in the middle.
            raise MediaRefused(Problem.UNREACHABLE) from error
        except (http.client.HTTPException, ValueError) as error:
            raise MediaRefused(Problem.UNAVAILABLE) from error
        finally:
            connection.hang_up()

    def _addresses(self, place: _Place, left_s: Callable[[], float]) -> list[str]:
        """Return what the name stands for at this moment, once it is known to be harmless."""
        # A look-up cannot be told when to stop: it is left behind in a thread of its own.
        looking = ThreadPoolExecutor(1)
        try:
            answer = looking.submit(self._resolve, place.host, place.port)
            found = list(dict.fromkeys(answer.result(left_s())))
        except TimeoutError as error:
            raise MediaRefused(Problem.TOO_SLOW) from error
        except (OSError, UnicodeError) as error:
            raise MediaRefused(Problem.UNRESOLVED) from error
        finally:
            looking.shutdown(wait=False)
        if not found:
            raise MediaRefused(Problem.UNRESOLVED)
        # One bad address among good ones is an attempt, not an accident.
        if not self._is_trusted(place) and not all(map(is_public, found)):
            raise MediaRefused(Problem.FORBIDDEN_ADDRESS)
        return found[:_MOST_ADDRESSES]

    def _file(self, answer: http.client.HTTPResponse) -> FetchedFile:
        packing = [answer.headers.get("Content-Encoding", ""), _framing(answer)]
        if any(name.strip().lower() not in ("", "identity") for name in packing):
            raise MediaRefused(Problem.ENCODED)
        announced = answer.length
        if announced is not None and announced > self._most_bytes:
            raise MediaRefused(Problem.TOO_LARGE)
        content, kept_as = bytearray(), ""
        while chunk := answer.read(_CHUNK_BYTES):
            content += chunk
            if len(content) > self._most_bytes:
                raise MediaRefused(Problem.TOO_LARGE)
            # What would be refused in the end is not read to its end.
            kept_as = kept_as or _type_of(content, answer)
        if announced is not None and len(content) < announced:
            raise MediaRefused(Problem.UNAVAILABLE)
        if not content:
            raise MediaRefused(Problem.EMPTY)
        return FetchedFile(kept_as, bytes(content))


class _Pinned(http.client.HTTPConnection):
    """One request to one of *addresses*, under the name of *place*, as long as time is left."""

    def __init__(
        self,
        place: _Place,
        addresses: Sequence[str],
        tls: ssl.SSLContext | None,
        left_s: Callable[[], float],
    ) -> None:
        super().__init__(place.host, place.port)
        self._place = place
        self._addresses = addresses
        self._tls = tls
        self._left_s = left_s
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the first of the addresses that answers, and to nothing else."""
        self._socket = self._connected()
        if self._tls is not None:
            self._socket.settimeout(self._left_s())
            self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._place.host)
        self.sock = _Hurried(self._socket, self._left_s)

    def ask(self, place: _Place, authorization: str) -> None:
        """Send the request."""
        self.putrequest("GET", place.target, skip_host=True, skip_accept_encoding=True)
        self.putheader("Host", place.authority)
        self.putheader("User-Agent", "carillon")
        self.putheader("Accept", "*/*")
        self.putheader("Accept-Encoding", "identity")
        self.putheader("Connection", "close")
        if authorization:
            self.putheader("Authorization", authorization)
        self.endheaders()

    def say(self, place: _Place, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a JSON *body*."""
        self.putrequest("POST", place.target, skip_host=True, skip_accept_encoding=True)
        self.putheader("Host", place.authority)
        self.putheader("User-Agent", "carillon")
        self.putheader("Content-Type", "application/json")
        self.putheader("Content-Length", str(len(body)))
        self.putheader("Connection", "close")
        for name, value in headers.items():
            self.putheader(name, value)
        self.endheaders(body)

    def hang_up(self) -> None:
        """Let go of the socket, whatever was read."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()

    def _connected(self) -> socket.socket:
        last: OSError | None = None
        for address in self._addresses:
            try:
                # A literal address: nothing is resolved again.
                return socket.create_connection(
                    (address, self._place.port), timeout=min(_CONNECT_WITHIN_S, self._left_s())
                )
            except OSError as error:
                last = error
        raise last or OSError


def _request(place: _Place, authorization: str) -> Callable[[_Pinned], None]:
    return lambda connection: connection.ask(place, authorization)


class _Hurried:
    """A socket as http.client uses it, each of whose operations has only the time that is left."""

    def __init__(self, real: socket.socket, left_s: Callable[[], float]) -> None:
        self._real = real
        self._left_s = left_s

    def sendall(self, data: bytes) -> None:
        """Send *data*."""
        self._real.settimeout(self._left_s())
        self._real.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader of what comes."""
        return io.BufferedReader(_HurriedReader(self._real, self._left_s))

    def close(self) -> None:
        """Leave the socket open: http.client closes it while the answer is still to be read."""


class _HurriedReader(io.RawIOBase):
    def __init__(self, real: socket.socket, left_s: Callable[[], float]) -> None:
        self._real = real
        self._left_s = left_s

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # a writable buffer
        """Read what is there, waiting for no longer than is left."""
        self._real.settimeout(self._left_s())
        return self._real.recv_into(buffer)


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _is_among(host: str, names: Iterable[str]) -> bool:
    return any(host.endswith(name[1:]) if name[:2] == "*." else host == name for name in names)


def _credentials(answer: http.client.HTTPResponse, place: _Place, access: MediaAccess) -> str:
    """Return what to say to the provider's own host, which asks who we are; "" to all others."""
    asks = answer.status in _WHO_ARE_YOU and place.host in access.own_hosts
    return access.authorization() if asks and access.authorization is not None else ""


def _framing(answer: http.client.HTTPResponse) -> str:
    """Return how the answer is packed for its way, beyond chunks."""
    framing = answer.headers.get("Transfer-Encoding", "").strip().lower()
    return "" if framing == "chunked" else framing


def _problem_of(status: int) -> Problem:
    # Not there yet, too often or too early: providers copy the file while they call us.
    is_for_now = status >= 500 or status in (404, 408, 425, 429)
    return Problem.UNAVAILABLE if is_for_now else Problem.DENIED


def _type_of(content: bytearray, answer: http.client.HTTPResponse) -> str:
    declared = answer.headers.get("Content-Type", "")
    return agreed_type(bytes(content[:HEAD_BYTES]), declared)
