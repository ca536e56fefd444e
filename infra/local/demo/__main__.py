"""
``python -m infra.local.demo``: the main job, as `make demo` runs it.

Its settings are environment variables: CONTACTS (a CSV of yours), SCENARIO (a
file, or ``calm`` or ``faults``), PORT, EXIT=1 (do not keep serving), KEEP=1 (keep
the platform's state in .carillon/), IAM=1 (enforce every function's role),
LAYERS=built (use what `make build` made).
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from infra.local.carrier import Carrier, PortTaken, ScenarioError, load_scenario
from infra.local.demo.campaign import COUNTRY, Demo
from infra.local.demo.contacts_file import SAMPLE, first_phones
from infra.local.demo.daytime import copy_in_daytime
from infra.local.deploy import ROOT, Layers
from infra.local.errors import LocalError
from infra.local.platform import LocalPlatform

_SCENARIOS = ROOT / "infra" / "local" / "carrier" / "scenarios"
# The platform's own waiting times, shortened: a demo should not take ten minutes to ask
# for a lost receipt. The grace is the shortest that send_lead's bounds allow.
_PARAMETERS = {
    "OrganisationName": "Bell Street Theatre",
    "HelpContact": "boxoffice@example.com",
    "AmbiguousGraceSeconds": "45",
    "FirstPollAfterSeconds": "20",
    "ProtectData": "false",
}
# Each webhook under way is a process of the emulator that has to start first: enough of them
# for the sender's rate, few enough for two cores.
_WEBHOOKS_AT_ONCE = 8


@dataclass(frozen=True)
class Options:
    """What the person asked for."""

    contacts: Path
    scenario: Path
    port: int
    exit_at_once: bool
    state: Path | None
    enforce_iam: bool
    layers: Layers


def read_options(environ: Mapping[str, str]) -> Options:
    """Return the options in *environ*; LocalError for a port that is none."""
    port = environ.get("PORT") or "0"
    if not port.isdigit() or int(port) > 65535:
        raise LocalError(f"PORT must be a number from 1 to 65535, not {port!r}.")
    scenario = environ.get("SCENARIO") or "calm"
    named = _SCENARIOS / f"{scenario}.json"
    return Options(
        contacts=Path(environ.get("CONTACTS") or SAMPLE),
        scenario=named if named.exists() else Path(scenario),
        port=int(port),
        exit_at_once=environ.get("EXIT", "") not in ("", "0"),
        state=ROOT / ".carillon" if environ.get("KEEP", "") not in ("", "0") else None,
        enforce_iam=environ.get("IAM", "") not in ("", "0"),
        layers=Layers(environ.get("LAYERS") or "source"),
    )


def main() -> int:
    """Run the demo; return the exit code: 0 clean, 1 a bad verdict, 2 cannot run."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(read_options(os.environ))
    except (LocalError, ScenarioError, PortTaken) as error:
        print(f"carillon: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; nothing is left behind.")
        return 130


def _run(options: Options) -> int:
    first_phones(options.contacts, COUNTRY, 1)
    scenario = load_scenario(options.scenario)
    started = time.monotonic()
    print("Starting the local platform and deploying template.yaml ...", flush=True)
    with (
        _contacts_of(options) as contacts,
        Carrier(scenario, webhook_concurrency=_WEBHOOKS_AT_ONCE) as carrier,
        LocalPlatform(
            port=options.port,
            enforce_iam=options.enforce_iam,
            state=options.state,
            layers=options.layers,
            parameters=_PARAMETERS,
        ) as platform,
    ):
        print(f"  ready after {time.monotonic() - started:.1f} s", flush=True)
        demo = Demo(platform, carrier, contacts)
        clean = demo.run()
        if demo.manager is not None:
            print(f"\nDashboard  {platform.dashboard_url}")
            print(f"  sign in as {demo.manager.email}  with  {demo.manager.password}")
        if not options.exit_at_once:
            print("Serving until Ctrl-C.", flush=True)
            threading.Event().wait()
    return 0 if clean else 1


@contextmanager
def _contacts_of(options: Options) -> Iterator[Path]:
    """Give the file to import: the person's own, or the sample where it is daytime now."""
    if options.contacts != SAMPLE:
        yield options.contacts
        return
    with tempfile.TemporaryDirectory(prefix="carillon-demo-") as folder:
        copy = Path(folder) / SAMPLE.name
        copy_in_daytime(SAMPLE, copy)
        yield copy


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
