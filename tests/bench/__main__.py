"""
``make bench``: what a message costs, counted and not timed, and what memory the stages need.

LEADS=100000 adds a size to 1,000 and 10,000; MPS changes the sender's rate (100). Every size
runs in a process of its own, and ends with 1 when a figure grows with the audience.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.bench.memory import print_memory
from tests.bench.report import MOST_GROWTH, growth, print_report
from tests.bench.world import run

_SIZES = (1_000, 10_000)
# Both read a whole chunk of a file and more parts than a pacer holds at once.
_MEMORY_SIZES = (10_000, 30_000)
_MPS = 100.0


def main() -> int:
    """Run, print, and return the process's exit code."""
    extra = os.environ.get("LEADS") or "0"
    if not extra.isdigit():
        print(f"LEADS must be a number of leads, not {extra!r}.", file=sys.stderr)
        return 2
    asked = {int(extra)} - {0}
    sizes = sorted({*_SIZES, *asked})
    mps = float(os.environ.get("MPS") or _MPS)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        results = list(pool.map(run, sizes, [mps] * len(sizes)))
        print_report(results, mps)
        print_memory(pool, sorted({*_MEMORY_SIZES, *asked}))
    return int(max(max(ratios) for ratios in growth(results).values()) > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
