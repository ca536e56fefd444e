"""Run the carrier as a process: ``python -m infra.local.carrier --port 0``."""

import argparse
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from infra.local.carrier.scenario import Scenario, ScenarioError, load_scenario
from infra.local.carrier.server import (
    DEFAULT_ACCOUNT_SID,
    DEFAULT_AUTH_TOKEN,
    Carrier,
    PortTaken,
)

SHIPPED = Path(__file__).with_name("scenarios")


def main(argv: list[str]) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code, 2 for what the caller can put right."""
    options = _options(argv)
    try:
        carrier = Carrier(
            _scenario(options.scenario, options.seed),
            port=options.port,
            account_sid=options.account_sid,
            auth_token=options.auth_token,
            ledger_path=options.ledger,
            webhook_concurrency=options.webhook_concurrency,
            event_url=options.event_url,
        )
        for text in options.number:
            dialect, phone, url = _number(text)
            carrier.configure_number(phone, url, dialect=dialect)
        return _serve(carrier, with_parent=options.with_parent)
    except (ScenarioError, PortTaken, ValueError) as error:
        print(f"carrier: {error}", file=sys.stderr)
    except OSError as error:
        print(f"carrier: {error.filename or 'network'}: {error.strerror}", file=sys.stderr)
    return 2


def _serve(carrier: Carrier, *, with_parent: bool) -> int:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    parent = os.getppid()
    print(f"carrier: {carrier.start()}", flush=True)
    try:
        while not stopped.wait(0.5):
            if with_parent and os.getppid() != parent:
                break
    finally:
        carrier.stop()
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.carrier",
        description="A simulated carrier on 127.0.0.1, with Twilio's, Telnyx's and AWS's API.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (printed)")
    parser.add_argument(
        "--scenario",
        default="calm",
        help="a JSON file, or the name of a shipped one (calm, faults)",
    )
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    parser.add_argument("--ledger", type=Path, help="also append the ledger to this JSONL file")
    parser.add_argument("--account-sid", default=DEFAULT_ACCOUNT_SID)
    parser.add_argument(
        "--auth-token",
        default=os.environ.get("CARRIER_AUTH_TOKEN", DEFAULT_AUTH_TOKEN),
        help="also from CARRIER_AUTH_TOKEN",
    )
    parser.add_argument(
        "--number",
        action="append",
        default=[],
        metavar="[DIALECT:]PHONE[=INBOUND_URL]",
        help="a number of ours, at Twilio if not said; may be repeated, or set later over HTTP",
    )
    parser.add_argument("--event-url", default="", help="where AWS's events are posted to")
    parser.add_argument("--webhook-concurrency", type=int, default=32)
    parser.add_argument(
        "--with-parent", action="store_true", help="end when the starting process is gone"
    )
    return parser.parse_args(argv)


def _scenario(name: str, seed: int | None) -> Scenario:
    shipped = SHIPPED / f"{name}.json"
    scenario = load_scenario(shipped if shipped.is_file() else Path(name))
    return scenario if seed is None else replace(scenario, seed=seed)


def _number(text: str) -> tuple[str, str, str]:
    """Return the dialect, the phone and the URL of ``[DIALECT:]PHONE[=INBOUND_URL]``."""
    number, _, url = text.partition("=")
    dialect, colon, phone = number.rpartition(":")
    return dialect if colon else "twilio", phone, url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
