"""Provider credentials from Secrets Manager, kept a few minutes in the process."""

import json
from collections.abc import Callable
from typing import Any

from carillon.domain.errors import NotFound

_KEPT_FOR_S = 300.0


class Secrets:
    """Reads JSON secrets by name; a rotated secret is seen within five minutes."""

    def __init__(self, client: Any, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, dict[str, str]]] = {}

    def read(self, name: str) -> dict[str, str]:
        """Return the secret's JSON object; raises NotFound."""
        kept = self._kept.get(name)
        if kept is not None and self._monotonic() - kept[0] < _KEPT_FOR_S:
            return kept[1]
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except self._client.exceptions.ResourceNotFoundException as error:
            raise NotFound("The sender's secret is not there.", code="secret_not_found") from error
        values: dict[str, str] = json.loads(answer["SecretString"])
        self._kept[name] = (self._monotonic(), values)
        return values
