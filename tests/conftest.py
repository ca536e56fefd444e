"""
For every test: nothing that is logged may hold a phone number or a message text.

``make test`` runs two workers over all but those that start the local platform or a browser:
these need the machine to themselves, are marked ``alone``, and run after the others. A
file's tests stay on one worker, since they share fixtures.
"""

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests run alone, which belong to one worker, and begin with the longest."""
    for item in items:
        alone = item.nodeid.startswith(_ALONE) and not item.nodeid.startswith(_NOT_ALONE)
        if item.get_closest_marker("platform") or alone:
            item.add_marker(pytest.mark.alone)
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: "interleavings" not in item.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker found in its logs."""
    log_watch.take_from_worker(node.config, getattr(node, "workeroutput", {}))
