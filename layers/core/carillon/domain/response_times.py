"""
How long people wait for a human answer: a median that merges (A8).

Waits are counted in log-spaced buckets. Counts add up over campaigns and days, which an
average of medians does not, and any quantile of them lies within one percent of the wait
that it stands for: bucket *n* holds the whole seconds from ``GAMMA ** (n - 1)`` (exclusive)
to ``GAMMA ** n``, and is read as the value whose relative distance to both ends is equal.
"""

import math
from collections.abc import Mapping
from typing import Final

RELATIVE_ERROR: Final = 0.01
GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
PREFIX: Final = "w#"
# A wait counts as at most a year: nothing that is stored must make buckets without end.
LONGEST_S: Final = 366 * 86_400
_LOG_GAMMA = math.log(GAMMA)


def bucket_of(seconds: int) -> str:
    """Return the counter that a wait of whole *seconds* adds one to; ``w#0`` is up to a second."""
    return f"{PREFIX}{math.ceil(math.log(min(max(seconds, 1), LONGEST_S)) / _LOG_GAMMA)}"


def quantile(counts: Mapping[str, int], share: float) -> int | None:
    """
    Return the wait that *share* (0 to 1) of all waits do not exceed, in whole seconds.

    The lower one where two are in the middle. None without waits.
    """
    buckets = sorted(
        (int(name.removeprefix(PREFIX)), amount)
        for name, amount in counts.items()
        if name.startswith(PREFIX) and amount > 0
    )
    total = sum(amount for _, amount in buckets)
    if not total:
        return None
    wanted = max(math.ceil(share * total), 1)
    passed = 0
    for number, amount in buckets:
        passed += amount
        if passed >= wanted:
            return round(2 * GAMMA**number / (GAMMA + 1)) if number else 1
    raise AssertionError("the shares add up to all of them")
