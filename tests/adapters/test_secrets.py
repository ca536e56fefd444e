"""Provider secrets are read rarely, and a rotated one is seen in minutes."""

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.providers.registry import Providers
from carillon.adapters.providers.twilio import Twilio
from carillon.adapters.secrets import Secrets
from carillon.domain.errors import InvalidInput, NotFound
from tests.support.clock import FakeClock
from tests.support.sending import a_sender


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
def test_each_sender_gets_the_account_of_its_secret_and_an_unknown_provider_none() -> None:
    client, clock = emulated(), FakeClock()
    secret = json.dumps({"account_sid": "AC1", "auth_token": "one"})
    client.create_secret(Name="carillon/north", SecretString=secret)
    providers = Providers(Secrets(client, clock.monotonic))

    assert isinstance(providers.of(a_sender()), Twilio)
    with pytest.raises(InvalidInput):
        providers.of(a_sender(provider="pigeon"))
