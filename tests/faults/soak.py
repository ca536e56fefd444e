"""
Lead long lives of the state machine under new seeds: ``python -m tests.faults.soak``.

SOAK_S bounds the time (a round that has begun is finished), SEED repeats one round and
nothing else. Exits 1 at the first life that breaks the promise, having printed the seed
and, from Hypothesis, the shortest life that breaks it.
"""

import os
import secrets
import sys
import time
import traceback

from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.test_state_machine import CampaignLife, profile

RUNS = 40
STEPS = 80


def main() -> int:
    """Return the exit code."""
    chosen = os.environ.get("SEED")
    until = time.monotonic() + float(os.environ.get("SOAK_S") or 60)
    rounds = 0
    while not rounds or (time.monotonic() < until and not chosen):
        number = int(chosen) if chosen else secrets.randbelow(2**32)
        if not _one_round(number):
            print(f"Broken under seed {number}; again: make soak SEED={number}")
            return 1
        rounds += 1
        told = f"seed {number}: {RUNS} lives kept the promise"
        print(f"{told}; {rounds * RUNS} lives, {CampaignLife.steps_taken} steps so far", flush=True)
    return 0


def _one_round(number: int) -> bool:
    try:
        run_state_machine_as_test(
            seed(number)(CampaignLife), settings=profile(runs=RUNS, steps=STEPS)
        )
    except Exception:  # noqa: BLE001 - whatever it is, the seed must be told with it
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
