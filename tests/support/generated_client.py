"""The Python client that ``make client`` writes, loaded from where it was written."""

import importlib.util
import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from infra.openapi.client import write_client


@dataclass(frozen=True)
class GeneratedClient:
    """Somebody with a token, who calls operations by their names."""

    connection: Any

    def call(self, tag: str, operation: str, /, *ids: str, **given: Any) -> Any:
        """Return the answer to ``api/<tag>/<operation>.py``: a model, or a ``Problem``."""
        return self.detailed(tag, operation, *ids, **given).parsed

    def detailed(self, tag: str, operation: str, /, *ids: str, **given: Any) -> Any:
        """Return the answer with its status and headers."""
        module = import_module(f"carillon_client.api.{tag}.{operation}")
        return module.sync_detailed(*ids, client=self.connection, **given)


def generated_client(base_url: str, token: str, **httpx_args: Any) -> GeneratedClient:
    """Return a client of the API at *base_url*."""
    package = _package()
    connection = package.AuthenticatedClient(
        base_url=base_url, token=token, raise_on_unexpected_status=True, httpx_args=httpx_args
    )
    return GeneratedClient(connection)


def model(name: str) -> Any:
    """Return a class of the client's models."""
    _package()
    return getattr(import_module("carillon_client.models"), name)


def _package() -> ModuleType:
    if "carillon_client" in sys.modules:
        return sys.modules["carillon_client"]
    place = write_client() / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        "carillon_client", place, submodule_search_locations=[str(place.parent)]
    )
    if spec is None or spec.loader is None:
        raise FileNotFoundError(place)
    module = sys.modules["carillon_client"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
