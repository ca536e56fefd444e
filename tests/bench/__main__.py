"""
``make bench``: what a message costs, counted and not timed, and what memory the stages need.

LEADS=100000 adds a size to 1,000 and 10,000; MPS changes the sender's rate (100). Every size
runs in a process of its own, and ends with 1 when a figure grows with the audience.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.bench.dashboards import CAMPAIGNS, queries_over
from tests.bench.memory import print_memory
from tests.bench.report import MOST_GROWTH, growth, print_dashboards, print_report
from tests.bench.world import run

_SIZES = (1_000, 10_000)
# Both read a whole chunk of a file and more parts than a pacer holds at once.
_MEMORY_SIZES = (10_000, 30_000)
_MPS = 100


def main() -> int:
    """Run, print, and return the process's exit code."""
    asked, rate = _asked("LEADS"), _asked("MPS")
    if asked is None or rate is None:
        print("LEADS and MPS must be whole numbers.", file=sys.stderr)
        return 2
    extra, mps = {asked} - {0}, float(rate or _MPS)
    sizes = sorted({*_SIZES, *extra})
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        results = list(pool.map(run, sizes, [mps] * len(sizes)))
        print_report(results, mps)
        print_dashboards(
            dict(zip(CAMPAIGNS, pool.map(queries_over, CAMPAIGNS), strict=True)), 1_000
        )
        print_memory(pool, sorted({*_MEMORY_SIZES, *extra}))
    return int(max(max(ratios) for ratios in growth(results).values()) > MOST_GROWTH)


def _asked(name: str) -> int | None:
    """Return the whole number in the environment, 0 if there is none, None if it is no number."""
    text = os.environ.get(name) or "0"
    return int(text) if text.isdigit() else None


if __name__ == "__main__":
    sys.exit(main())
