"""The carrier as a process: one line when it is up, one sentence when it cannot be."""

import errno
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.carrier import Carrier, PortTaken
from tests.support.carrier_client import NUMBER, PHONE, request, send
from tests.support.carrier_dialects import AWS, TELNYX
from tests.support.webhook_receiver import WebhookReceiver

ROOT = Path(__file__).parents[3]
Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.carrier", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def base_url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"carrier: (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    return found[1]


def refused(process: "subprocess.Popen[str]") -> str:
    """Return the sentence of a process that ended at once with exit code 2."""
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_in_the_middle_of_work(
    run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    ledger, scenario = tmp_path / "ledger.jsonl", tmp_path / "slow.json"
    scenario.write_text('{"hang_after_accept_rate": 1, "hang_s": 60, "delivery_delay_s": [60, 60]}')
    process = run("--scenario", str(scenario), "--ledger", str(ledger), "--number", f"{NUMBER}=")
    url = base_url(process)
    port = int(url.rpartition(":")[2])
    hanging = Carrier(numbers={})
    hanging.base_url = url
    client = threading.Thread(target=_send_quietly, args=(hanging,))
    client.start()
    while not (ledger.exists() and '"status"' in ledger.read_text()):
        time.sleep(0.01)

    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    client.join(5)

    assert (process.returncode, out, err) == (0, "", "")
    assert not client.is_alive()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [event["accepted"] for event in events if event["kind"] == "attempt"] == [True]


def _send_quietly(carrier: Carrier) -> None:
    try:
        send(carrier)
    except OSError:
        return


def test_it_serves_the_named_scenario_and_seed(run: Run) -> None:
    url = base_url(run("--scenario", "faults", "--seed", "42"))

    with urllib.request.urlopen(f"{url}/_carrier/summary", timeout=5) as answer:
        summary = json.load(answer)

    assert (summary["seed"], summary["attempts"]) == (42, 0)
    assert summary["scenario"].startswith("Everything that a carrier may do")


def test_it_listens_on_the_loopback_only(run: Run) -> None:
    port = int(base_url(run()).rpartition(":")[2])

    with socket.socket() as probe:
        refused_by_another_address = probe.connect_ex(("127.0.0.2", port))

    assert refused_by_another_address == errno.ECONNREFUSED


def test_a_taken_port_is_one_sentence_and_exit_code_2(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        sentence = refused(run("--port", str(port)))

    assert sentence == f"carrier: port {port} on 127.0.0.1 is not free\n"


def test_a_bad_scenario_is_one_sentence_and_exit_code_2(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"stop_rate": 3}')

    sentence = refused(run("--scenario", str(path)))

    assert sentence == f"carrier: {path}: stop_rate must be a share from 0 to 1, not 3\n"


def test_it_owns_numbers_at_other_providers_and_posts_events(
    run: Run, receiver: WebhookReceiver
) -> None:
    process = run(
        *("--number", f"telnyx:{TELNYX.number}={receiver.base_url}/inbound"),
        *("--number", f"aws:{AWS.number}", "--event-url", f"{receiver.base_url}/events"),
    )
    there = Carrier(numbers={})
    there.base_url = base_url(process)

    for dialect in (TELNYX, AWS):
        body = {"from": PHONE, "to": dialect.number, "body": dialect.name}
        assert request(there, "POST", "/_carrier/inbound", body=body).status == 200
    while not request(there, "GET", "/_carrier/idle").body["idle"]:
        time.sleep(0.01)

    assert (TELNYX.texts(receiver), AWS.texts(receiver)) == (["telnyx"], ["aws"])


@pytest.mark.parametrize("number", ["12", f"{NUMBER}=ftp://x", f"sms:{NUMBER}"])
def test_a_bad_number_is_one_sentence_and_exit_code_2(run: Run, number: str) -> None:
    assert " is not " in refused(run("--number", number))


def test_an_unwritable_ledger_is_one_sentence_and_exit_code_2(run: Run, tmp_path: Path) -> None:
    assert refused(run("--ledger", str(tmp_path))) == f"carrier: {tmp_path}: Is a directory\n"


def test_an_embedded_carrier_says_that_its_port_is_taken_and_leaves_no_thread() -> None:
    with Carrier() as first:
        port = int(first.base_url.rpartition(":")[2])
        before = threading.active_count()

        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is not free"):
            Carrier(port=port).start()

        assert threading.active_count() == before


def test_an_embedded_carrier_stops_twice_and_leaves_no_thread() -> None:
    before = threading.active_count()
    carrier = Carrier()
    carrier.start()

    carrier.stop()
    carrier.stop()

    assert threading.active_count() == before


START_AND_LEAVE = """
import subprocess, sys
carrier = [sys.executable, "-m", "infra.local.carrier", "--with-parent"]
child = subprocess.Popen(carrier, stdout=subprocess.PIPE, text=True)
print(child.stdout.readline().split()[1])
"""


def test_it_ends_with_the_process_that_started_it() -> None:
    starter = subprocess.run(
        [sys.executable, "-c", START_AND_LEAVE],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=10,
        check=True,
    )
    port = int(starter.stdout.strip().rpartition(":")[2])

    deadline = time.monotonic() + 5
    while is_open(port) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not is_open(port)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
