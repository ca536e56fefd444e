"""
``make bench-calls``: CPU of one call to DynamoDB and to a provider, by the libraries and by ours.

The three calls of a sent message (claim, gate, result) through the same adapters over the
emulator, once by boto3's client and once by ours, and a provider's post by urllib3's pool and
by ours. Counted is the calling thread's CPU alone; one call follows the other. CALLS changes
their number.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.credentials import Credentials

from carillon.adapters import aws
from carillon.adapters.dynamodb.control import DynamoGate
from carillon.adapters.dynamodb.hot_paths import DynamoMessages
from carillon.adapters.providers.kept_pool import KeptPool
from carillon.adapters.providers.twilio import Twilio, TwilioCredentials
from carillon.domain.message import Accepted, Outgoing, RowRef
from infra.local.emulator import REGION, ROOT_KEY, running_emulator
from tests.support.messages import a_claim, after
from tests.support.provider_server import Answer, provider_server
from tests.support.sending import a_campaign
from tests.support.stores import dynamo_stores_in

Call = Callable[[int], object]
_WARM_UP = 20
_KEYS = (ROOT_KEY, ROOT_KEY)
_MESSAGE = Outgoing(
    sender="+12015550100",
    recipient="+12025550101",
    text="Hi Ada, your appointment in Springfield can be booked now. Reply or text STOP.",
    status_callback=f"http://127.0.0.1:9/twilio/snd_a/status?ref={'x' * 90}",
    ref_token="x" * 90,
)


def main() -> None:
    """Measure and print."""
    calls = int(os.environ.get("CALLS") or 500)
    rows = {**_dynamodb(calls), **_provider(calls)}
    print(f"CPU of the caller (user + system), milliseconds a call, {calls:,} calls each:")
    for name, (theirs, ours) in rows.items():
        print(f"  {name:16} {theirs:6.3f} -> {ours:6.3f}, {theirs / ours:4.1f} times less")
    theirs, ours = (sum(row[side] for row in rows.values()) for side in (0, 1))
    print(f"  {'a message':16} {theirs:6.3f} -> {ours:6.3f}, {theirs / ours:4.1f} times less")


def _dynamodb(calls: int) -> dict[str, tuple[float, float]]:
    """Return what the three calls cost by boto3 and by ours, by name."""
    with running_emulator() as emulator:
        boto3s = _boto3s(emulator.url)
        stores = dynamo_stores_in(boto3s)
        stores.keep_campaign(a_campaign())
        stores.control.acquire("snd_a", "bench", after(3600), after(0))
        by_boto3 = _hot_calls(boto3s, "b")
        by_ours = _hot_calls(aws.slim_client(boto3s, Credentials(*_KEYS), emulator.url), "o")
        return {
            name: (_cost(by_boto3[name], calls), _cost(by_ours[name], calls)) for name in by_boto3
        }


def _boto3s(endpoint_url: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        config=Config(user_agent="carillon"),
    )


def _hot_calls(client: Any, name: str) -> dict[str, Call]:
    messages = DynamoMessages(client, "MessagesTable")
    gate = DynamoGate(
        client,
        control_table="ControlTable",
        suppressions_table="SuppressionsTable",
        messages_table="MessagesTable",
        conversations_table="ConversationsTable",
    )

    def claim_of(number: int) -> Any:
        return replace(a_claim(), ref=RowRef("cmp_a#00000", f"{name}{number:08d}"))

    return {
        "claim": lambda number: messages.claim(claim_of(number)),
        "gate": lambda _: gate.look(
            phone="+12025550101", campaign_id="cmp_a", sender_id="snd_a", lead=None
        ),
        "result": lambda number: messages.record_submitted(
            claim_of(number), Accepted(provider_id="SM1"), after(1)
        ),
    }


def _provider(calls: int) -> dict[str, tuple[float, float]]:
    with provider_server(Answer(201, {"sid": "SM1", "status": "queued"})) as server:
        account = TwilioCredentials(account_sid="AC1", auth_token="x", base_url=server.base_url)
        by_urllib3, by_ours = Twilio(account, urllib3.PoolManager()), Twilio(account, KeptPool())
        return {
            "provider's post": (
                _cost(lambda _: by_urllib3.send(_MESSAGE), calls),
                _cost(lambda _: by_ours.send(_MESSAGE), calls),
            )
        }


def _cost(call: Call, calls: int) -> float:
    """Return the milliseconds of this thread's CPU for one *call*."""
    for number in range(_WARM_UP):
        call(number)
    before = time.thread_time()
    for number in range(_WARM_UP, _WARM_UP + calls):
        call(number)
    return (time.thread_time() - before) / calls * 1000


if __name__ == "__main__":
    main()
