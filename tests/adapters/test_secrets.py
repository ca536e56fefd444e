"""Provider secrets are read rarely, and a rotated one is seen in minutes."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.providers import modules
from carillon.adapters.providers.registry import Providers
from carillon.adapters.providers.twilio import Twilio
from carillon.adapters.secrets import Secrets
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.provider_codes import PROVIDERS
from tests.support.clock import FakeClock
from tests.support.sending import a_sender

CORE = Path(__file__).resolve().parents[2] / "layers" / "core"


class Counting:
    """A Secrets Manager client that counts its reads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.reads = 0

    def get_secret_value(self, **request: Any) -> Any:
        self.reads += 1
        return self._client.get_secret_value(**request)


def emulated() -> Any:
    return boto3.client(
        "secretsmanager",
        region_name="us-east-1",
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
    )


@mock_aws
def test_a_secret_is_read_once_in_five_minutes_and_then_anew() -> None:
    client, clock = emulated(), FakeClock()
    client.create_secret(Name="carillon/north", SecretString='{"auth_token": "one"}')
    counting = Counting(client)
    secrets = Secrets(counting, clock.monotonic)

    assert secrets.read("carillon/north") == {"auth_token": "one"}
    client.put_secret_value(SecretId="carillon/north", SecretString='{"auth_token": "two"}')
    clock.sleep(299)
    assert secrets.read("carillon/north") == {"auth_token": "one"}
    assert counting.reads == 1
    clock.sleep(1)
    assert secrets.read("carillon/north") == {"auth_token": "two"}
    assert counting.reads == 2


@mock_aws
def test_an_absent_secret_is_not_found_and_looked_for_again() -> None:
    client, clock = emulated(), FakeClock()
    secrets = Secrets(client, clock.monotonic)

    with pytest.raises(NotFound):
        secrets.read("carillon/north")
    client.create_secret(Name="carillon/north", SecretString='{"auth_token": "one"}')

    assert secrets.read("carillon/north") == {"auth_token": "one"}


@mock_aws
def test_a_secret_that_does_not_explain_a_signature_is_read_anew_once_a_minute() -> None:
    client, clock = emulated(), FakeClock()
    client.create_secret(Name="carillon/north", SecretString='{"auth_token": "one"}')
    client.create_secret(Name="carillon/south", SecretString='{"auth_token": "two"}')
    counting = Counting(client)
    secrets = Secrets(counting, clock.monotonic)
    secrets.read("carillon/north")

    for _ in range(100):
        assert secrets.changed("carillon/north") is None
    assert counting.reads == 2
    clock.sleep(59)
    assert secrets.changed("carillon/north") is None
    assert counting.reads == 2
    clock.sleep(1)
    assert secrets.changed("carillon/north") is None
    assert counting.reads == 3
    secrets.changed("carillon/south")
    assert counting.reads == 4


@mock_aws
def test_a_rotated_secret_is_seen_at_once_and_kept() -> None:
    client, clock = emulated(), FakeClock()
    client.create_secret(Name="carillon/north", SecretString='{"auth_token": "one"}')
    counting = Counting(client)
    secrets = Secrets(counting, clock.monotonic)
    secrets.read("carillon/north")
    client.put_secret_value(SecretId="carillon/north", SecretString='{"auth_token": "two"}')

    assert secrets.changed("carillon/north") == {"auth_token": "two"}
    assert secrets.read("carillon/north") == {"auth_token": "two"}
    assert counting.reads == 2


# Accounts ------------------------------------------------------------------------


def providers_with(**secret: str) -> Providers:
    client = emulated()
    client.create_secret(Name="carillon/north", SecretString=json.dumps(secret))
    return Providers(Secrets(client, FakeClock().monotonic))


@mock_aws
def test_each_sender_gets_the_account_of_its_secret() -> None:
    """N1: a sender names its secret, and the account comes from it."""
    providers = providers_with(account_sid="AC1", auth_token="one")

    assert isinstance(providers.of(a_sender()).account, Twilio)


@mock_aws
@pytest.mark.parametrize(
    "provider", ["pigeon", "", "contract", "registry", "twilio.x", "../twilio"]
)
def test_a_provider_that_is_none_of_ours_has_no_account(provider: str) -> None:
    providers = providers_with(account_sid="AC1", auth_token="one")

    with pytest.raises(NotFound) as caught:
        providers.of(a_sender(provider=provider))

    assert caught.value.code == "provider_unknown"


@mock_aws
def test_a_secret_that_lacks_a_field_is_an_error_that_names_it_and_no_value() -> None:
    providers = providers_with(account_sid="AC-secret", auth_tokem="hunter2")

    with pytest.raises(InvalidInput) as caught:
        providers.of(a_sender())

    assert (caught.value.code, caught.value.field) == ("secret_incomplete", "auth_token")
    assert str(caught.value) == "The sender's secret lacks the field auth_token."


def test_a_module_is_imported_when_it_is_first_needed_and_not_before() -> None:
    code = (
        "import sys; from carillon.adapters.providers import modules, registry;"
        "print([m for m in sys.modules if m.endswith(('.twilio', '.aws', '.bird'))]);"
        "modules.of('twilio');"
        "print([m for m in sys.modules if m.startswith('carillon.') and m.endswith('.twilio')])"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(CORE)},
    )

    before, after = ran.stdout.splitlines()
    assert before == "[]"
    assert "carillon.adapters.providers.twilio" in after


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_name_whose_module_is_not_shipped_is_unknown_and_breaks_nothing_else(name: str) -> None:
    if find_spec(f"carillon.adapters.providers.{name}") is None:
        with pytest.raises(NotFound):
            modules.of(name)
    else:
        assert modules.of(name).name == name
