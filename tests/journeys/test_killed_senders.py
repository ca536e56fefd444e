"""
The sending process killed at random instants of a campaign: nobody twice, nobody lost (F2).

SIGKILL, on the local platform: the emulator runs the function's handler in a process of
its own, which ends in the middle of whatever it does, calls in flight included. The
queue delivers again what was not acknowledged; the minute's schedules do the rest. The
carrier's ledger judges.
"""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carillon.usecases.send_lead import CLAIM_MAX_AGE_S
from infra.local.carrier import Carrier, Scenario
from infra.local.demo.campaign import Demo
from infra.local.platform import LocalPlatform
from tests.journeys.conftest import PARAMETERS
from tests.journeys.test_whole_campaign import contacts_file

pytestmark = pytest.mark.platform

SEED = 12
KILLS = 5
LEADS = 150
FUNCTION = "carillon-send_messages"
SCENARIO = Scenario(
    seed=SEED,
    answer_delay_s=(0.02, 0.15),
    delivery_delay_s=(0.05, 0.4),
    reply_delay_s=(0.05, 0.3),
    stop_rate=0.05,
    duplicate_receipt_rate=0.1,
)


# A dead process calls nobody, and this carrier answers at once: what is left of the grace's
# bounds is the age at which a claim may still become a call.
GRACE_S = CLAIM_MAX_AGE_S + 2


@pytest.fixture
def platform() -> Iterator[LocalPlatform]:
    """A platform of its own: what is killed here must not trouble other journeys."""
    with LocalPlatform(enforce_iam=True, parameters=PARAMETERS) as running:
        yield running


@pytest.fixture
def short_grace(platform: LocalPlatform) -> Iterator[None]:
    """Let the reconciler ask after seconds, and as before when the test is over."""
    functions = platform.client("lambda")
    name = "carillon-reconcile_messages"
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    shorter = {**before, "AMBIGUOUS_GRACE_S": str(int(GRACE_S))}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": shorter})
    yield
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    with Carrier(SCENARIO, webhook_concurrency=4) as carrier:
        yield carrier


class Killer(threading.Thread):
    """Kills the function's process, again and again, as long as messages are being taken."""

    def __init__(self, platform: LocalPlatform, carrier: Carrier) -> None:
        super().__init__(daemon=True)
        self._platform = platform
        self._carrier = carrier
        self._dice = random.Random(SEED)
        self._is_over = threading.Event()
        # How many messages the carrier had taken at each kill.
        self.killed_at: list[int] = []

    def run(self) -> None:
        while len(self.killed_at) < KILLS and not self._is_over.is_set():
            self._wait_until_taken(self._taken() + self._dice.randint(1, LEADS // (KILLS + 4)))
            self._is_over.wait(self._dice.uniform(0.0, 0.05))
            for pid in processes_of(FUNCTION, self._platform.emulator.url):
                os.kill(pid, signal.SIGKILL)
                self.killed_at.append(self._taken())
            self._wake()

    def stop(self) -> None:
        self._is_over.set()
        self.join()

    def _wake(self) -> None:
        """Do at once what time would do: let the dead one's lease be over, and wake its sender."""
        control = self._platform.outputs["ControlTable"]
        dynamodb = self._platform.client("dynamodb")
        leases = dynamodb.scan(
            TableName=control,
            FilterExpression="sk = :lease",
            ExpressionAttributeValues={":lease": {"S": "LEASE"}},
        )["Items"]
        sqs = self._platform.client("sqs")
        for lease in leases:
            dynamodb.update_item(
                TableName=control,
                Key={"pk": lease["pk"], "sk": lease["sk"]},
                UpdateExpression="REMOVE lease_until",
            )
            sender_id = lease["pk"]["S"].partition("#")[2]
            sqs.send_message(
                QueueUrl=sqs.get_queue_url(QueueName="carillon-send")["QueueUrl"],
                MessageBody=json.dumps({"v": 1, "sender_id": sender_id}),
            )

    def _taken(self) -> int:
        return len(self._carrier.ledger.accepted_by_phone())

    def _wait_until_taken(self, count: int) -> None:
        while self._taken() < count and not self._is_over.is_set():
            time.sleep(0.02)


def processes_of(function: str, emulator_url: str) -> list[int]:
    """Return the processes in which the emulator at *emulator_url* runs *function*."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # not a process, gone by now, or somebody else's
        port = emulator_url.rsplit(":", 1)[-1]
        ours = any(f":{port}/".encode() in v for v in variables if v.startswith(b"SEND_QUEUE_URL="))
        if ours and f"AWS_LAMBDA_FUNCTION_NAME={function}".encode() in variables:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_campaign_whose_sender_is_killed_again_and_again_has_a_clean_verdict(
    platform: LocalPlatform, carrier: Carrier, short_grace: None, tmp_path: Path
) -> None:
    demo = Demo(platform, carrier, contacts_file(tmp_path / "guests.csv", LEADS))
    killer = Killer(platform, carrier)
    killer.start()

    try:
        is_clean = demo.run()
    finally:
        killer.stop()

    assert is_clean
    assert len(killer.killed_at) >= KILLS
    # In the middle of the campaign, not after it.
    assert killer.killed_at[0] > 0
    assert killer.killed_at[KILLS // 2] < LEADS
