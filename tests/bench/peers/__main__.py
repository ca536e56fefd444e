"""
``make bench-peers``: CPU per sent message, of ours, of Celery + Redis and of a naive loop.

All three send the same texts to the same loopback carrier in one run, ours and the naive
loop over the same emulated DynamoDB. Counted is the CPU (user and system) of the sending
processes and their children; carrier, DynamoDB and Redis are not. A sender is started twice,
for a few and for many messages: the difference is what a further message costs, without
the start. MESSAGES changes their number (2,000), MPS our sender's rate (100). ONLY=ours
measures ours alone, without the peers' environment.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carillon.adapters.dynamodb import schema
from carillon.adapters.dynamodb.items import to_item
from carillon.domain.audience import encode_part, part_key
from carillon.domain.ids import lead_key
from carillon.domain.message import Recipient
from carillon.domain.whereabouts import Whereabouts
from infra.local.demo.daytime import zone_in_daytime
from infra.local.emulator import REGION, ROOT_KEY, Emulator, running_emulator
from tests.support.sending import a_campaign, a_sender
from tests.support.tables import create_tables

_ROOT = Path(__file__).parents[3]
_HERE = Path(__file__).parent
_PEER_PYTHON = _ROOT / ".venv-peers" / "bin" / "python"
_NUMBER = "+12015550100"
_BODY = "Hi {first_name}, your appointment in {city} can be booked now. Reply or text STOP."
_OUR_BODY = _BODY.replace("{", "{{ ").replace("}", " }}")
# Nobody listens there: receipts would be another function's work.
_CALLBACK_URL = "http://127.0.0.1:9"
_QUEUES = ("send", "reconcile")
_FEW = 100
_TARGET = 4.0
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Bench:
    """What the senders stand on."""

    carrier_url: str
    credentials: dict[str, str]
    emulator: Emulator
    folder: Path
    mps: float

    def environment(self) -> dict[str, str]:
        """Return what every sender is told."""
        account = self.credentials["account_sid"]
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{_ROOT / 'layers/core'}:{_ROOT}",
            "ACCOUNT_SID": account,
            "AUTH_TOKEN": self.credentials["auth_token"],
            "MESSAGES_URL": f"{self.carrier_url}/2010-04-01/Accounts/{account}/Messages.json",
            "FROM_NUMBER": _NUMBER,
            "BODY": _BODY,
            "CALLBACK_URL": _CALLBACK_URL,
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "AWS_DEFAULT_REGION": REGION,
        }

    def accepted(self) -> int:
        """Return how many messages the carrier has accepted so far."""
        return int(self._summary()["accepted"])

    def texted_twice(self) -> int:
        """Return how many phones the carrier has accepted more than one message for."""
        return int(self._summary()["phones_accepted_more_than_once"])

    def _summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = _get(f"{self.carrier_url}/_carrier/summary")
        return summary


def main() -> int:
    """Run all senders, print, and return the process's exit code."""
    senders = {"ours": _ours} if os.environ.get("ONLY") == "ours" else _SENDERS
    missing = _missing() if len(senders) > 1 else ""
    if missing:
        print(missing, file=sys.stderr)
        return 2
    messages = int(os.environ.get("MESSAGES") or 2000)
    mps = float(os.environ.get("MPS") or 100)
    with _running(mps) as bench:
        costs = {
            name: _cost(bench, run, number * (2 * _FEW + messages), messages)
            for number, (name, run) in enumerate(senders.items())
        }
        if bench.texted_twice():
            raise RuntimeError("somebody was texted twice")
    _print(costs, messages, mps)
    return 0


def _missing() -> str:
    if not _PEER_PYTHON.exists():
        return "The peers have an environment of their own: make bench-peers prepares it."
    if shutil.which("redis-server") is None:
        return "Celery needs redis-server; on Debian and Ubuntu: apt-get install redis-server"
    return ""


@dataclass(frozen=True)
class _Cost:
    """CPU seconds of a sender's processes: of a further message, and of the start."""

    each: dict[str, float]
    start: float

    @property
    def total(self) -> float:
        return sum(self.each.values())


def _cost(bench: Bench, run: "_Run", first: int, messages: int) -> _Cost:
    few = _counted(bench, run, first, _FEW)
    many = _counted(bench, run, first + _FEW, _FEW + messages)
    each = {name: (many[name] - few[name]) / messages for name in many}
    return _Cost(each, sum(few.values()) - _FEW * sum(each.values()))


def _counted(bench: Bench, run: "_Run", first: int, leads: int) -> dict[str, float]:
    before = bench.accepted()
    used = run(bench, first, leads)
    if bench.accepted() - before != leads:
        raise RuntimeError(f"{bench.accepted() - before} of {leads} messages were accepted")
    return used


def _print(costs: dict[str, _Cost], messages: int, mps: float) -> None:
    ours = costs["ours"].total
    print(f"CPU of the senders (user + system), {messages:,} messages each, ours at {mps:g}/s:")
    for name, cost in costs.items():
        parts = ", ".join(f"{part} {each * 1000:.2f}" for part, each in cost.each.items())
        print(
            f"  {name:16} {cost.total * 1000:6.2f} ms a message ({parts}),"
            f" {cost.total / ours:5.2f} times ours; {cost.start:.1f} s to start"
        )
    if "Celery + Redis" not in costs:
        return
    ratio = costs["Celery + Redis"].total / ours
    verdict = "met" if ratio >= _TARGET else "not met"
    print(f"Target: {_TARGET:g} times what ours needs for Celery + Redis; {ratio:.2f}: {verdict}.")


# Ours ---------------------------------------------------------------------------


def _ours(bench: Bench, first: int, leads: int) -> dict[str, float]:
    name = f"{first}"
    _launch(bench, f"snd_{name}", f"cmp_{name}", first, leads)
    queue = f"{bench.emulator.url}/000000000000/"
    environment = bench.environment() | {
        "POWERTOOLS_SERVICE_NAME": "send_messages",
        "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
        "CONTROL_TABLE": "ControlTable",
        "MESSAGES_TABLE": "MessagesTable",
        "SUPPRESSIONS_TABLE": "SuppressionsTable",
        "CONSENT_TABLE": "ConsentTable",
        "COUNTERS_TABLE": "CountersTable",
        "FILES_BUCKET": "files",
        "SEND_QUEUE_URL": f"{queue}send",
        "RECONCILE_QUEUE_URL": f"{queue}reconcile",
        "WEBHOOK_BASE_URL": _CALLBACK_URL,
        "LINK_BASE_URL": "https://go.example.org",
    }
    command = [sys.executable, "-m", "tests.bench.peers.our_sender", f"snd_{name}"]
    return {"function": _cpu_of(_started(bench, command, environment))}


def _launch(bench: Bench, sender_id: str, campaign_id: str, first: int, leads: int) -> None:
    """Write what a launch leaves: the frozen audience, the campaign and its run."""
    dynamodb, now = bench.emulator.client("dynamodb"), datetime.now(UTC)
    people = sorted((_person(n, now) for n in range(first, first + leads)), key=lambda p: p.key)
    parts = -(-leads // schema.LEADS_PER_PART)
    for part in range(parts):
        mine = people[part * leads // parts : (part + 1) * leads // parts]
        body = encode_part(campaign_id, part, now, mine)
        bench.emulator.client("s3").put_object(
            Bucket="files", Key=part_key(campaign_id, part), Body=body
        )
    sender = a_sender(sender_id, mps=bench.mps, phone=_NUMBER, credentials_secret="carillon/bench")
    campaign = a_campaign(
        campaign_id, body=_OUR_BODY, sender_ids=(sender_id,), parts=parts, total=leads
    )
    run = {"parts": parts, "senders": [sender_id], "next_part": 0, "state": "open"}
    names = {"sender_id": sender_id, "campaign_id": campaign_id, "office_id": "off_north"}
    office = {"id": "off_north", "name": "North", "timezone": "UTC"}
    for pk, sk, values in (
        (schema.sender_pk(sender_id), "SND", {**vars(sender), "unsolicited": None}),
        (schema.campaign_pk(campaign_id), "CMP", vars(campaign)),
        (schema.sender_pk(sender_id), schema.run_sk(campaign_id), run | names),
        (schema.ORGANISATION, schema.office_sk("off_north"), office),
    ):
        item = to_item({"pk": pk, "sk": sk, **values})
        dynamodb.put_item(TableName="ControlTable", Item=item)


def _person(number: int, now: datetime) -> Recipient:
    phone = _phone(number)
    where = Whereabouts((zone_in_daytime(now),), ("NZ",), "bench")
    fields = {"first_name": "Ada", "city": "Springfield"}
    return Recipient(lead_key(phone), phone, fields, where)


def _phone(number: int) -> str:
    return f"+1{202 + number // 10_000}555{number % 10_000:04d}"


# Celery ---------------------------------------------------------------------------


def _celery(bench: Bench, first: int, leads: int) -> dict[str, float]:
    path = bench.folder / f"peer-{first}.sqlite"
    _fill(path, first, leads)
    with _redis(bench.folder) as broker_url:
        environment = bench.environment() | {"BROKER_URL": broker_url, "DATABASE": str(path)}
        environment["PYTHONPATH"] = str(_HERE)
        enqueue = [str(_PEER_PYTHON), "-c", "import celery_sender; celery_sender.enqueue()"]
        produced = _cpu_of(_started(bench, enqueue, environment))
        command = [str(_PEER_PYTHON), "-m", "celery", "-A", "celery_sender", "worker"]
        worker = _started(bench, [*command, "--concurrency", "2"], environment)
        _until(lambda: not _queued(path), worker)
        worker.send_signal(signal.SIGTERM)
        return {"worker": _cpu_of(worker), "producer": produced}


def _fill(path: Path, first: int, leads: int) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, phone TEXT, first_name TEXT, city TEXT,"
            " status TEXT, provider_id TEXT, sent_at TEXT)"
        )
        database.execute("CREATE TABLE opt_outs (phone TEXT PRIMARY KEY)")
        database.executemany(
            "INSERT INTO messages (id, phone, first_name, city, status)"
            " VALUES (?, ?, 'Ada', 'Springfield', 'queued')",
            [(number, _phone(number)) for number in range(first, first + leads)],
        )


def _queued(path: Path) -> int:
    with sqlite3.connect(path) as database:
        query = "SELECT count(*) FROM messages WHERE status = 'queued'"
        return int(database.execute(query).fetchone()[0])


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    socket = folder / "redis.sock"
    socket.unlink(missing_ok=True)
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(
        ["redis-server", *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _until(socket.exists, server)
        yield f"redis+socket://{socket}"
    finally:
        server.terminate()
        server.wait()


# The naive loop ---------------------------------------------------------------------


def _naive(bench: Bench, first: int, leads: int) -> dict[str, float]:
    dynamodb = bench.emulator.client("dynamodb")
    for number in range(first, first + leads):
        item = {"id": str(number), "phone": _phone(number)}
        item |= {"first_name": "Ada", "city": "Springfield"}
        dynamodb.put_item(TableName="PeerContacts", Item=to_item(item))
    command = [sys.executable, str(_HERE / "naive_sender.py"), str(first), str(leads)]
    return {"loop": _cpu_of(_started(bench, command, bench.environment()))}


_Run = Callable[[Bench, int, int], dict[str, float]]
_SENDERS: dict[str, _Run] = {"ours": _ours, "Celery + Redis": _celery, "naive boto3 loop": _naive}


# Processes --------------------------------------------------------------------------


@contextmanager
def _running(mps: float) -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory(prefix="carillon-peers-") as name,
        running_emulator() as emulator,
    ):
        folder = Path(name)
        # Receipts come when all is over: they are not the sender's.
        (folder / "scenario.json").write_text('{"delivery_delay_s": [3600, 3600]}')
        options = ["--number", _NUMBER, "--scenario", str(folder / "scenario.json")]
        carrier = subprocess.Popen(
            [sys.executable, "-m", "infra.local.carrier", "--with-parent", *options],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert carrier.stdout is not None
            url = carrier.stdout.readline().partition(": ")[2].strip()
            credentials = _get(f"{url}/_carrier/credentials/twilio")
            _furnish(emulator, credentials)
            yield Bench(url, credentials, emulator, folder, mps)
        finally:
            carrier.terminate()
            carrier.wait()


def _furnish(emulator: Emulator, credentials: dict[str, str]) -> None:
    dynamodb = emulator.client("dynamodb")
    create_tables(dynamodb)
    for table in ("PeerContacts", "PeerMessages"):
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    for queue in _QUEUES:
        emulator.client("sqs").create_queue(QueueName=queue)
    emulator.client("s3").create_bucket(Bucket="files")
    emulator.client("secretsmanager").create_secret(
        Name="carillon/bench", SecretString=json.dumps(credentials)
    )


def _started(
    bench: Bench, command: list[str], environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    log = (bench.folder / "senders.log").open("ab")
    with log:
        return subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=log, stderr=log)


def _cpu_of(process: "subprocess.Popen[bytes]") -> float:
    """Wait for *process* and return its CPU seconds, with those of the children it waited for."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def _until(is_so: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not do its work")
        time.sleep(0.2)


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
