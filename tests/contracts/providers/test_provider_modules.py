"""What every provider is made of, whoever it is: one module, and one table of its codes (N2)."""

from importlib import import_module

import pytest

from carillon.adapters.providers import modules
from carillon.adapters.providers.contract import ProviderModule
from carillon.domain import provider_codes
from carillon.domain.provider_codes import PROVIDERS, lookup, stored_code

SENT_BY_TEXT = {"twilio", "aws", "vonage", "telnyx", "plivo", "sinch", "bird"}


def test_the_providers_are_those_that_we_say_we_speak_to() -> None:
    """N2: seven of them, each known by one name in addresses, senders and codes."""
    assert set(PROVIDERS) == SENT_BY_TEXT
    assert len(PROVIDERS) == len(SENT_BY_TEXT)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_one_module_and_its_table_of_codes(name: str) -> None:
    """N2: a module that offers all that the contract names, and a table that lookups go by."""
    module = modules.of(name)
    table = import_module(f"{provider_codes.__name__}.{name}").CODES

    asked_for = [one for one in vars(ProviderModule) if not one.startswith("_")]
    assert module.name == name
    assert [one for one in asked_for if not callable(getattr(module, one, None))] == []
    assert table
    for code, entry in table.items():
        assert lookup(stored_code(name, code)) is entry, code
