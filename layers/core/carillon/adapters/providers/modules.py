"""Which module speaks for which provider; it is imported when a sender first needs it."""

from importlib import import_module

from carillon.adapters.providers.contract import ProviderModule
from carillon.domain.errors import NotFound
from carillon.domain.provider_codes import PROVIDERS


def of(name: str) -> ProviderModule:
    """Return the module of the provider *name*; raises NotFound (``provider_unknown``)."""
    # A fixed table: whatever stands in an address or in a queue must never name a file.
    if name not in PROVIDERS:
        raise _unknown()
    path = f"{__package__}.{name}"
    try:
        module: ProviderModule = import_module(path).MODULE
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise _unknown() from error
    return module


def _unknown() -> NotFound:
    return NotFound("No module speaks for this provider.", code="provider_unknown")
