"""Carillon's own HTTP API, as any client would call it."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3

from infra.local.errors import LocalError

_TIMEOUT = urllib3.Timeout(connect=3.0, read=30.0)


class Api:
    """One signed-in user. Every answer outside 2xx is a LocalError in the problem's own words."""

    def __init__(self, base_url: str, token: Callable[[], str]) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._pool = urllib3.PoolManager()

    def get(self, path: str) -> Any:
        """Return what GET *path* answers."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what POST *path* answers."""
        return self._call("POST", path, body or {})

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return what PUT *path* answers."""
        return self._call("PUT", path, body)

    def upload(self, link: Mapping[str, Any], file: Path) -> None:
        """PUT *file* where a presigned *link* says."""
        answer = self._pool.request(
            link["method"],
            link["url"],
            body=file.read_bytes(),
            headers=dict(link["headers"]),
            timeout=_TIMEOUT,
        )
        if answer.status // 100 != 2:
            raise LocalError(f"The upload of {file} was refused ({answer.status}).")

    def wait_for(
        self, path: str, ready: Callable[[Any], bool], *, what: str, timeout_s: float = 60.0
    ) -> Any:
        """Return what GET *path* answers once *ready* says so; LocalError after *timeout_s*."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self.get(path)
            if ready(answer):
                return answer
            if time.monotonic() > deadline:
                raise LocalError(f"{what} did not finish within {timeout_s:.0f} s.")
            time.sleep(0.1)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        answer = self._pool.request(
            method,
            self._base_url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token()}",
                "Content-Type": "application/json",
            },
            timeout=_TIMEOUT,
        )
        parsed = json.loads(answer.data or b"{}")
        if answer.status // 100 != 2:
            detail = parsed.get("detail") or parsed.get("title") or parsed
            raise LocalError(f"{method} {path} answered {answer.status}: {detail}")
        return parsed
