"""
An emulated AWS on a loopback port: ministack, one process, no Docker.

``with running_emulator() as emulator:`` gives its address and boto3 clients. The
process, its function workers and its temporary folder are gone afterwards, however
this program ends (``supervisor.py``).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.errors import LocalError, PortTaken

HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
# Root credentials of the emulator: they are allowed everything also when IAM is enforced;
# functions get credentials of their own role instead.
ROOT_KEY = "test"

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_START_S = 30.0
_LOG_TAIL_LINES = 15


@dataclass(frozen=True)
class Emulator:
    """A running emulator: where it listens, where it writes what it says."""

    port: int
    log_path: Path
    enforces_iam: bool

    @property
    def url(self) -> str:
        """The endpoint of every AWS service."""
        return f"http://{HOST}:{self.port}"

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_KEY, region_name=REGION
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client of *service* with the emulator's root credentials."""
        config = Config(
            retries={"max_attempts": 2}, read_timeout=60, s3={"addressing_style": "path"}
        )
        return self._session.client(service, endpoint_url=self.url, config=config)


@contextmanager
def running_emulator(
    *, port: int = 0, enforce_iam: bool = False, state: Path | None = None
) -> Iterator[Emulator]:
    """
    Start an emulator on 127.0.0.1:*port* (0: any free one) and stop it afterwards.

    With *state*, tables, objects and users are kept in that folder when it stops in
    peace, and taken up again; without, everything is forgotten. Raises PortTaken.
    """
    port = port or free_port()
    _refuse_a_taken(port)
    folder = Path(tempfile.mkdtemp(prefix="carillon-"))
    log_path = folder / "emulator.log"
    if state:
        state.mkdir(parents=True, exist_ok=True)
        _forget_stream_positions(state)
    python = sys.executable
    with log_path.open("wb") as log:
        supervisor = subprocess.Popen(
            [python, "-P", str(_SUPERVISOR), str(folder), python, "-P", "-m", "ministack"],
            env=_environment(port, folder, enforce_iam=enforce_iam, state=state),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    emulator = Emulator(port, log_path, enforce_iam)
    try:
        _wait_until_it_answers(emulator, supervisor)
        yield emulator
    finally:
        _stop(supervisor)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _refuse_a_taken(port: int) -> None:
    with socket.socket() as probe:
        # What asyncio does too: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(
                f"Port {port} on {HOST} is in use; stop what listens there or choose another port."
            ) from error


def _environment(
    port: int, folder: Path, *, enforce_iam: bool, state: Path | None
) -> dict[str, str]:
    # Handlers inherit this environment, so it holds nothing of the caller's but how to run Python.
    inherited = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in inherited if name in os.environ}
    environment |= {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AUTH": "true" if enforce_iam else "false",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
        "PYTHONUNBUFFERED": "1",
    }
    if state:
        environment |= {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
        }
    else:
        environment |= {"STATE_DIR": str(folder / "state"), "S3_DATA_DIR": str(folder / "s3")}
    return environment


def _forget_stream_positions(state: Path) -> None:
    """
    Let stream triggers begin anew: the emulator keeps their positions but not the records.

    With the old positions it would skip as many of the next changes as it had read before.
    """
    path = state / "lambda.json"
    if not path.exists():
        return
    saved = json.loads(path.read_text())
    positions = saved.get("payload", {}).get("dynamodb_stream_positions")
    if isinstance(positions, dict) and "data" in positions:
        positions["data"] = type(positions["data"])()
        path.write_text(json.dumps(saved))


def _wait_until_it_answers(emulator: Emulator, supervisor: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            break
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=2).close()
            return
        time.sleep(0.05)
    tail = emulator.log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    raise LocalError("The AWS emulator did not start. It said:\n" + "\n".join(tail))


def _stop(supervisor: "subprocess.Popen[bytes]") -> None:
    if supervisor.stdin:
        supervisor.stdin.close()
    supervisor.wait()
