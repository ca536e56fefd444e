from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, RunCarrier
from tests.support.webhook_receiver import WebhookReceiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def run_carrier(receiver: WebhookReceiver) -> Iterator[RunCarrier]:
    """Start carriers that own NUMBER and text to the receiver's /inbound; stop them all."""
    with ExitStack() as stack:

        def run(scenario: Scenario | None = None, **options: Any) -> Carrier:
            options.setdefault("numbers", {NUMBER: f"{receiver.base_url}/inbound"})
            return stack.enter_context(Carrier(scenario, **options))

        yield run


@pytest.fixture
def carrier(run_carrier: RunCarrier) -> Carrier:
    """A carrier to which nothing bad happens."""
    return run_carrier()
