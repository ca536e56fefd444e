"""
A pytest plugin: the session fails when a phone or a message text was logged.

Watches every record of every logger, in the words of that logger's own
formatter, and every metric printed. Loaded by ``tests/conftest.py``.
"""

import logging
import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.personal_data import personal_data_in, texts_of_fixtures

_TESTS = Path(__file__).parents[1]
_MOST_SHOWN = 10
# Under this name a worker process tells what it found.
_TOLD = "personal_data"


class _Watch(logging.Handler):
    """Keeps each line that was logged, with the test that did it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through: Powertools mutes the root's handlers for its own loggers."""
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Keep *record* as its loggers' handlers write it, and all that it carries."""
        self.keep(f"{self.format(record)} {_extra_of(record)}")
        for handler in _handlers_of(record):
            self.keep(handler.format(record))

    def keep(self, line: str) -> None:
        """Keep one line under the present test."""
        self.lines.setdefault(line, os.environ.get("PYTEST_CURRENT_TEST", "between tests"))


def _handlers_of(record: logging.LogRecord) -> Iterator[logging.Handler]:
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None and logger.parent is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _extra_of(record: logging.LogRecord) -> dict[str, object]:
    usual = vars(logging.makeLogRecord({}))
    return {name: value for name, value in vars(record).items() if name not in usual}


_watch = pytest.StashKey[_Watch]()
_found = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Watch from the first import on."""
    config.stash[_watch] = watch = _Watch()
    logging.getLogger().addHandler(watch)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the root logger as it was."""
    logging.getLogger().removeHandler(config.stash[_watch])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the metrics that a test's functions printed (EMF lines are JSON with ``_aws``)."""
    report = yield
    watch = item.config.stash[_watch]
    for line in report.capstdout.splitlines():
        if line.startswith("{") and ('"_aws"' in line or '"level"' in line):
            watch.lines.setdefault(line, item.nodeid)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when something was found."""
    texts = texts_of_fixtures(_TESTS)
    lines = session.config.stash[_watch].lines
    found = [
        f"{test}: {', '.join(sorted(set(data)))}\n    {line.strip()[:300]}"
        for line, test in lines.items()
        if (data := personal_data_in(line, texts))
    ]
    session.config.stash.setdefault(_found, []).extend(found)
    found = session.config.stash[_found]
    # With several workers each watches its own tests and tells the one that sums up.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_TOLD] = found
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def take_from_worker(config: pytest.Config, told: Mapping[str, Any]) -> None:
    """Take over what a worker process found in the logs of its tests."""
    config.stash.setdefault(_found, []).extend(told.get(_TOLD, []))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was found where."""
    found = config.stash.get(_found, [])
    if not found:
        return
    terminalreporter.section("PERSONAL DATA IN LOGS", red=True)
    terminalreporter.write_line(
        f"{len(found)} log lines or metrics hold a phone number or a message text; none may:"
    )
    for line in found[:_MOST_SHOWN]:
        terminalreporter.write_line(f"  {line}")
