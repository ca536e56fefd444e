"""Provider credentials from Secrets Manager, kept a few minutes in the process."""

import json
from collections.abc import Callable
from typing import Any

from carillon.domain.errors import NotFound

_KEPT_FOR_S = 300.0
_READ_ANEW_AFTER_S = 60.0


class Secrets:
    """Reads JSON secrets by name; a rotated secret is seen within five minutes."""

    def __init__(self, client: Any, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, dict[str, str]]] = {}
        self._read_anew_at: dict[str, float] = {}

    def read(self, name: str) -> dict[str, str]:
        """Return the secret's JSON object; raises NotFound."""
        kept = self._kept.get(name)
        if kept is not None and self._monotonic() - kept[0] < _KEPT_FOR_S:
            return kept[1]
        return self._read_now(name)

    def changed(self, name: str) -> dict[str, str] | None:
        """
        Return the secret if it has changed since it was read, else None; raises NotFound.

        For a signature that the kept secret does not explain: it may have been rotated just
        now, or the call is a stranger's, who must not make us read more than once a minute.
        """
        now = self._monotonic()
        last = self._read_anew_at.get(name)
        if last is not None and now - last < _READ_ANEW_AFTER_S:
            return None
        self._read_anew_at[name] = now
        before = self._kept.get(name)
        values = self._read_now(name)
        return values if before is None or before[1] != values else None

    def _read_now(self, name: str) -> dict[str, str]:
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except self._client.exceptions.ResourceNotFoundException as error:
            raise NotFound("The sender's secret is not there.", code="secret_not_found") from error
        values: dict[str, str] = json.loads(answer["SecretString"])
        self._kept[name] = (self._monotonic(), values)
        return values
