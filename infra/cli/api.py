"""
Carillon's HTTP API as this program calls it.

    CliError            a sentence for a person, and the exit code
      SettingsWrong     2   the environment or the command
      Refused           3   a problem+json of 4xx
      Unreachable       4   no answer, or 5xx, after the repetitions

GETs, POSTs under an Idempotency-Key and uploads (a PUT of the same bytes) are repeated; there
is nothing else to repeat. The key goes to the API's own address and nowhere else: neither after
a redirect nor to where files are uploaded.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=35.0)
_UPLOAD_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=300.0)
_TRIES: Final = 4
_MOST_WAIT_S: Final = 30.0
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PAGE: Final = 100


class CliError(Exception):
    """What ends a command; *said* is its JSON form."""

    exit_code = 1

    def __init__(self, sentence: str, said: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.said = dict(said or {"detail": sentence})


class SettingsWrong(CliError):
    """The environment, or what was typed."""

    exit_code = 2


class Refused(CliError):
    """The API said no; *status* is its answer's."""

    exit_code = 3

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(_sentence(status, problem), {"status": status, **problem})
        self.status = status


class Unreachable(CliError):
    """There was no answer, or one that is the service's own failure."""

    exit_code = 4


@dataclass(frozen=True)
class Settings:
    """Where the API is, and what lets us in."""

    url: str
    key: str = field(repr=False)


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Return the settings in *environ*; SettingsWrong when one is missing, or unsafe."""
    url = environ.get("CARILLON_API_URL", "").strip().rstrip("/")
    key = environ.get("CARILLON_API_KEY", "").strip()
    if not url:
        raise SettingsWrong("Set CARILLON_API_URL to the deployment's ApiUrl.")
    if not key:
        raise SettingsWrong("Set CARILLON_API_KEY to an API key or an access token.")
    require_safe(url, "CARILLON_API_URL")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsWrong("CARILLON_API_KEY is no key: it has spaces or odd characters.")
    return Settings(url, key)


def require_safe(url: str, name: str) -> None:
    """Raise SettingsWrong unless *url* is https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise SettingsWrong(f"{name} is not an address.") from None
    if not host or parts.query or parts.fragment or parts.username is not None:
        raise SettingsWrong(f"{name} is not the address of an API.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise SettingsWrong(f"{name} must begin with https://.")


@dataclass(frozen=True)
class Reply:
    """An answer of 2xx."""

    json: Any
    headers: Mapping[str, str]


class Api:
    """One caller. Every answer outside 2xx is a ``CliError``."""

    def __init__(self, settings: Settings, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._wait = wait
        self._pool = urllib3.PoolManager(retries=False)

    def get(self, path: str, /, **query: object) -> Any:
        """Return what GET *path* answers; of *query* what is None is left out."""
        return self.reply(path, **query).json

    def reply(self, path: str, /, **query: object) -> Reply:
        """As ``get``, with the answer's headers."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._call("GET", path + (f"?{urlencode(given)}" if given else ""), None, {})

    def pages(self, path: str, *, most: int | None = None, **query: object) -> Iterator[Any]:
        """Yield the items of a list page by page, *most* of them at most."""
        left, cursor = most, None
        while left is None or left > 0:
            limit = _PAGE if left is None else min(left, _PAGE)
            page = self.get(path, limit=limit, cursor=cursor, **query)
            yield from page["items"][:left]
            left = None if left is None else left - len(page["items"])
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what POST *path* answers; repeated under one Idempotency-Key."""
        return self._call("POST", path, body or {}, {"Idempotency-Key": uuid.uuid4().hex}).json

    def upload(self, link: Mapping[str, Any], file: Path, tell: Callable[[int], None]) -> None:
        """Send *file* where a presigned *link* says; *tell* hears how many bytes are gone."""
        require_safe(urlsplit(link["url"])._replace(query="", fragment="").geturl(), "The upload")
        headers = {**link["headers"], "Content-Length": str(file.stat().st_size)}
        for left in reversed(range(_TRIES)):
            with file.open("rb") as body:
                status = self._put(link, _Told(body, tell), headers)
            if status is not None and status // 100 == 2:
                return
            if status is not None and status not in _AGAIN:
                raise Unreachable(f"The upload of {file.name} was refused (HTTP {status}).")
            if left:
                self._wait(_pause_s(_TRIES - left, None))
        raise Unreachable(f"The upload of {file.name} did not come through.")

    def download(self, url: str, file: Path, tell: Callable[[int], None]) -> None:
        """Fetch what a presigned *url* gives into *file*, which is there whole or not at all."""
        require_safe(urlsplit(url)._replace(query="", fragment="").geturl(), "The download")
        part = file.with_name(f"{file.name}.part")
        try:
            if not any(self._fetch(url, part, tell, left) for left in reversed(range(_TRIES))):
                raise Unreachable(f"The download of {file.name} did not come through.")
            part.replace(file)
        except OSError as error:
            raise CliError(f"{file} cannot be written ({error.strerror}).") from None
        finally:
            part.unlink(missing_ok=True)

    def _fetch(self, url: str, part: Path, tell: Callable[[int], None], left: int) -> bool:
        """Try once to have *url* in *part*; having failed, wait unless none are *left*."""
        with part.open("wb") as body:
            status = self._get(url, body, tell)
        if status == 200:
            return True
        if status is not None and status not in _AGAIN:
            raise Unreachable(f"The download of {part.stem} was refused (HTTP {status}).")
        if left:
            self._wait(_pause_s(_TRIES - left, None))
        return False

    def _get(self, url: str, body: IO[bytes], tell: Callable[[int], None]) -> int | None:
        try:
            answer = self._pool.request(
                "GET", url, timeout=_UPLOAD_TIMEOUT, redirect=False, preload_content=False
            )
            for piece in answer.stream(65_536):
                body.write(piece)
                tell(body.tell())
        except HTTPError:
            return None
        return answer.status

    def _put(self, link: Mapping[str, Any], body: "_Told", headers: dict[str, str]) -> int | None:
        try:
            answer = self._pool.request(
                link["method"],
                link["url"],
                body=cast("IO[bytes]", body),
                headers=headers,
                timeout=_UPLOAD_TIMEOUT,
                redirect=False,
            )
        except HTTPError:
            # Its text holds the address, whose signature is as good as a password.
            return None
        return answer.status

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Reply:
        for left in reversed(range(_TRIES)):
            answer = self._ask(method, path, body, headers)
            if answer is not None and answer.status not in _AGAIN:
                return _read(answer)
            if left:
                after = None if answer is None else answer.headers.get("Retry-After")
                self._wait(_pause_s(_TRIES - left, after))
        if answer is None:
            raise Unreachable("The API cannot be reached at CARILLON_API_URL.")
        return _read(answer)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse | None:
        sent = {"Authorization": f"Bearer {self._settings.key}", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            return self._pool.request(
                method,
                self._settings.url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=sent,
                timeout=_TIMEOUT,
                redirect=False,
            )
        except HTTPError:
            return None


class _Told:
    """A file that says how far it has been read."""

    def __init__(self, body: Any, tell: Callable[[int], None]) -> None:
        self._body = body
        self._tell = tell

    def read(self, amount: int = -1) -> bytes:
        """Return the next bytes."""
        part: bytes = self._body.read(amount)
        self._tell(self._body.tell())
        return part


def signed_in() -> Api:
    """Return the API that the environment names; SettingsWrong without one."""
    return Api(settings_of(os.environ))


def at(template: str, *ids: str) -> str:
    """Return a path with *ids* in the place of its ``{}``, each escaped."""
    return template.format(*(quote(one, safe="") for one in ids))


def _pause_s(tried: int, retry_after: str | None) -> float:
    """Return how long to wait after try number *tried*, or as the service asks."""
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), _MOST_WAIT_S)
    return min(0.5 * 2.0 ** (tried - 1), _MOST_WAIT_S)


def _read(answer: urllib3.BaseHTTPResponse) -> Reply:
    try:
        said = json.loads(answer.data or b"{}")
    except ValueError:
        said = None
    if answer.status // 100 == 2 and said is not None:
        return Reply(said, dict(answer.headers.items()))
    if answer.status // 100 == 4:
        raise Refused(answer.status, said if isinstance(said, dict) else {})
    if answer.status // 100 == 5 and isinstance(said, dict):
        raise Unreachable(_sentence(answer.status, said), {"status": answer.status, **said})
    raise Unreachable(f"What answers at CARILLON_API_URL is not Carillon (HTTP {answer.status}).")


def _sentence(status: int, problem: Mapping[str, Any]) -> str:
    """Return a problem as one sentence with its field."""
    detail = str(problem.get("detail") or problem.get("title") or "The API refused.")
    named = [f"field {problem['field']}"] if problem.get("field") else []
    missing = problem.get("missing")
    if isinstance(missing, list) and missing:
        named.append(f"missing {', '.join(map(str, missing))}")
    named.append(str(problem.get("code") or f"HTTP {status}"))
    return f"{detail} ({'; '.join(named)})"
