"""
For every test: nothing that is logged may hold a phone number or a message text.

``make test`` runs two workers over all but those that start the local platform or a browser:
these wait more than they work, are marked ``alone``, and run after the others, two at a time:
what shares the journeys' platform beside what has a platform or a browser of its own. A
file's tests stay on one worker, since they share fixtures.
"""

import gc
from functools import cache
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from tests.support import log_watch
from tests.support.log_watch import (  # noqa: F401 - pytest finds its hooks here
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
)
from tests.support.workers import BySharedFixtures

# Each session of boto3 parses botocore's lists of endpoints and rules anew, and many tests
# begin one: they share the parsed ones. Not the services' models: moto changes its own.
_parse = JSONFileLoader()._load_file
_parsed = cache(_parse)
JSONFileLoader._load_file = lambda _self, path, opened: (
    _parse(path, opened) if "service-2" in path else _parsed(path, opened)
)

_ALONE = ("tests/journeys/", "tests/browser/")
# Sessions of pytest on tiny folders: they need nothing to themselves.
_NOT_ALONE = "tests/journeys/test_no_personal_data_in_logs.py"
_LONGEST = ("tests/faults/test_interleavings.py", "tests/journeys/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests run alone, and begin with the longest."""
    for item in items:
        alone = item.nodeid.startswith(_ALONE) and not item.nodeid.startswith(_NOT_ALONE)
        if item.get_closest_marker("platform") or alone:
            item.add_marker(pytest.mark.alone)
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


def pytest_collection_finish() -> None:
    """Let the collector of garbage look no more at what stays: modules, models, 13,000 tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySharedFixtures:
    """Keep tests together that share fixtures, instead of what ``--dist`` says."""
    return BySharedFixtures(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker found in its logs."""
    log_watch.take_from_worker(node.config, getattr(node, "workeroutput", {}))
