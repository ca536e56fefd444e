"""
Which tests share a worker when pytest runs several (pytest-xdist).

A file's tests stay together, since they share fixtures, and so do the journeys that share one
platform. Not by xdist's ``loadgroup``: it writes the group into a field of the node's name
that pytest has had no use for since 9.1, so that every test goes its own way.
"""

from xdist.scheduler import LoadScopeScheduling

JOURNEYS = "tests/journeys/"
OWN_PLATFORM = tuple(
    JOURNEYS + name for name in ("test_killed_senders.py", "test_platform_starts.py")
)


class BySharedFixtures(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out a file at a time, and the journeys on one platform as if they were a file."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Name what a test must stay with."""
    file = nodeid.partition("::")[0]
    on_the_shared_platform = file.startswith(JOURNEYS) and not file.startswith(OWN_PLATFORM)
    return JOURNEYS if on_the_shared_platform else file
