"""
For every test: nothing that is logged may hold a phone number or a message text.

``make test`` runs two workers. A file's tests stay together, since they share fixtures; all
that start the local platform or a browser go to one worker, first, as they take longest.
"""

from typing import Any

import pytest

from tests.support import log_watch
from tests.support.log_watch import (  # noqa: F401 - pytest finds its hooks here
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
)

_HEAVY = ("tests/journeys/", "tests/browser/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong to one worker, and begin with the longest."""
    for item in items:
        heavy = item.get_closest_marker("platform") or item.nodeid.startswith(_HEAVY)
        group = "platform" if heavy else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    marker = item.get_closest_marker("xdist_group")
    group = marker.args[0] if marker else ""
    return 0 if group == "platform" else 1 if "interleavings" in group else 2


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker found in its logs."""
    log_watch.take_from_worker(node.config, getattr(node, "workeroutput", {}))
